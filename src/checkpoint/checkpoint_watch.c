/* checkpoint/watch: is the task's owner alive? Only then is taking it over a duel.
 *
 * Two workers of one task would seal each other's generations for ever, and neither would
 * commit. So a worker first watches the open generation for max(3 epochs, 15 s) by the
 * monotonic clock. While something is committed there, it stands by. This is for liveness
 * alone: what is safe does not depend on any clock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_parts.h"

#define POLL_US 1000000

weir_code takeover_watch(const weir_checkpoint *checkpoint, const checkpoint_log *log,
                         const takeover_tail *tail, bool *out_moved, weir_err *err)
{
    weir_clock *clock = log->clock;
    log_key     next = log_key_of_record(log, tail->gen, tail->idx + 1); /* or a SEAL */
    weir_assert(!tail->sealed);
    weir_assert(checkpoint->epoch_interval_us >= 0);
    int64_t window_us = checkpoint->epoch_interval_us < INT64_MAX / 3
                            ? checkpoint->epoch_interval_us * 3
                            : INT64_MAX;
    if (window_us < WATCH_LEAST_US)
        window_us = WATCH_LEAST_US;
    int64_t start_us = clock->mono_us(clock);
    *out_moved = false;
    while (!*out_moved && clock->mono_us(clock) - start_us < window_us) {
        if (log_stopped(log) != 0)
            return weir_fail(err, WEIR_E_STOPPED, "stopped while standing by");
        clock->pause_us(clock, POLL_US);
        weir_code rc = log_exists(log, &next, out_moved, err);
        if (rc != WEIR_OK && err->fate != WEIR_FATE_RETRY)
            return rc;
        if (rc != WEIR_OK)
            start_us = clock->mono_us(clock); /* we saw nothing: watch from here on */
    }
    return WEIR_OK;
}
