/* engine/patience: servers that are away: who waits for them, how long, and who may see it.
 *
 * Gives      engine_away, engine_back, engine_show_ready, engine_giving_up,
 *            engine_patiently.
 * Always     1. ready is a running job of which no server is away.
 *            2. after a stop nobody waits longer than ENGINE_GRACE_US for a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

static void show_ready(engine_job *engine)
{
    bool ready = atomic_load(&engine->status->phase) == WEIR_PHASE_RUNNING &&
                 atomic_load(&engine->away) == 0;
    atomic_store(&engine->status->ready, ready);
    weir_metric_set(WEIR_M_ready, ready);
}

/* Under the lock, so that the last one to come leaves the truth. */
void engine_show_ready(engine_job *engine)
{
    pthread_mutex_lock(&engine->lock);
    show_ready(engine);
    pthread_mutex_unlock(&engine->lock);
}

static void count_away(engine_job *engine, int more)
{
    pthread_mutex_lock(&engine->lock);
    int before = atomic_fetch_add(&engine->away, more);
    weir_assert(before + more >= 0);
    show_ready(engine);
    pthread_mutex_unlock(&engine->lock);
}

void engine_away(engine_job *engine)
{
    count_away(engine, 1);
}

void engine_back(engine_job *engine)
{
    count_away(engine, -1);
}

bool engine_giving_up(engine_job *engine)
{
    int stop = atomic_load(engine->setup->stop);
    if (stop >= 2 || atomic_load(&engine->halted))
        return true;
    if (stop == 0)
        return false;
    int64_t now_us = engine->clock->mono_us(engine->clock), noticed_us = 0;
    if (atomic_compare_exchange_strong(&engine->stop_us, &noticed_us, now_us))
        noticed_us = now_us;
    return now_us - noticed_us >= ENGINE_GRACE_US;
}

weir_code engine_patiently(engine_job *engine, engine_try_fn *try, void *self, weir_str what,
                           weir_err *err)
{
    weir_backoff backoff = {.clock = engine->clock, .most_us = ENGINE_WAIT_MOST_US};
    for (;;) {
        weir_err_clear(err);
        weir_code rc = try(self, err);
        if (rc == WEIR_OK && backoff.tries > 0)
            weir_log_info("is back", WEIR_F_STR("what", what));
        if (rc == WEIR_OK || err->fate != WEIR_FATE_RETRY ||
            atomic_load(engine->setup->stop))
            return rc;
        if (backoff.tries == 0)
            weir_log_warn("is away", WEIR_F_STR("what", what),
                          WEIR_F_TEXT("error", err->msg));
        weir_backoff_wait(&backoff);
    }
}
