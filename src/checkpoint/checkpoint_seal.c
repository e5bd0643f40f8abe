/* checkpoint/seal: ending a generation, so that its owner can commit no more.
 *
 * T3. A SEAL is put into the first free slot of the generation's log. The owner's next
 *     manifest wants the same slot: one of the two wins.
 * T4. seals/<gen> is read. The case that this is for: we were stopped before T3 for so long
 *     that the generation was sealed by another, and its records collected. The slot was
 *     free again, and our SEAL went where no log is any more. The other's seals/<gen> shows
 *     it. Nobody is harmed, and we own nothing.
 * T5. seals/<gen> is put with the same bytes, once. Who finds a SEAL without its copy puts
 *     the copy first, so a crash between T3 and T5 holds nobody up.
 *
 * Neither the SEAL nor its copy is ever deleted.
 *
 * An owner that seals its own generation, and loses the store on the way, goes on with the
 * same SEAL: another one would meet it, and take it for a stranger's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_parts.h"

#include "weir/failpoint.h"
#include "weir/mutant.h"

/* T4. */
static weir_code verify_seal(const checkpoint_log *log, seal_work *work, weir_arena *arena,
                             weir_err *err)
{
    checkpoint_record copy = {.idx = 0};
    WEIR_FAILPOINT(tk_verify_seal);
    weir_code         rc = log_read_seal(log, work->record.gen, arena, &copy, err);
    if (rc == WEIR_E_NOTFOUND)
        return WEIR_OK;
    if (rc == WEIR_OK)
        work->lost_copy = !weir_sha256_eq(&copy.sha, &work->record.sha);
    return rc;
}

/* The puts of a SEAL share it: whoever comes late is tried once. */
static int64_t patience_left(const checkpoint_log *log, const seal_work *work)
{
    int64_t left_us = work->until_us - log->clock->mono_us(log->clock);
    return left_us > 0 ? left_us : 1;
}

/* T5. */
static weir_code put_copy(const checkpoint_log *log, seal_work *work, weir_str bytes,
                          weir_arena *arena, weir_err *err)
{
    log_key   key = log_key_of_seal(log, work->record.gen);
    log_write write = {.key = &key,
                       .bytes = bytes,
                       .sha = work->record.sha,
                       .stop_at = work->stop_at,
                       .patience_us = patience_left(log, work),
                       .refused_us = work->refused_us,
                       .refusal = work->copy_refused};
    WEIR_FAILPOINT(tk_put_seal_copy);
    if (weir_mutant(trust_own_seal))
        return weir_store_put_one(log->store, log_key_text(&key), bytes, err);
    weir_code rc = log_write_once(log, &write, arena, err);
    if (rc == WEIR_OK)
        work->lost_copy = !write.mine;
    return rc;
}

weir_code seal_generation(const checkpoint_log *log, seal_work *work, weir_arena *arena,
                          weir_err *err)
{
    weir_assert(work->record.kind == RECORD_SEAL);
    weir_assert(work->record.reason != RECORD_NO_REASON);
    weir_buf bytes = {0};
    record_write(&bytes, &work->record);
    log_key   key = log_key_of_record(log, work->record.gen, work->record.idx);
    log_write write = {.key = &key,
                       .bytes = weir_buf_view(&bytes),
                       .sha = work->record.sha,
                       .stop_at = work->stop_at,
                       .patience_us = patience_left(log, work),
                       .refused_us = work->refused_us,
                       .refusal = work->refused};
    WEIR_FAILPOINT(tk_put_seal);
    weir_code rc = log_write_once(log, &write, arena, err);
    work->lost_slot = rc == WEIR_OK && !write.mine;
    work->lost_copy = false;
    if (rc == WEIR_OK && write.mine && !weir_mutant(trust_own_seal))
        rc = verify_seal(log, work, arena, err);
    if (rc == WEIR_OK && write.mine && !work->lost_copy)
        rc = put_copy(log, work, weir_buf_view(&bytes), arena, err);
    weir_buf_done(&bytes);
    return rc;
}

static void begin_sealing(weir_checkpoint *checkpoint, record_reason reason)
{
    checkpoint_record record = checkpoint_record_of(checkpoint, &checkpoint->log);
    record.kind = RECORD_SEAL;
    record.reason = reason;
    record.finalised = true; /* that is when it is called */
    record.idx = checkpoint->idx + 1;
    checkpoint->own_seal = record;
    checkpoint->own_refused = checkpoint->own_copy_refused = (log_refusal){.lasts = false};
    checkpoint->sealing = true;
}

/* Ends the generation with the SEAL that was begun: tried again, it is the same bytes. */
static weir_code seal_begun(weir_checkpoint *checkpoint, int64_t until_us, weir_err *err)
{
    const checkpoint_log *log = &checkpoint->log;
    weir_assert(checkpoint->sealing);
    weir_arena *arena = weir_arena_new("seal", 4096);
    seal_work   work = {.record = checkpoint->own_seal,
                        .stop_at = 2,
                        .until_us = until_us,
                        .refused_us = OWNER_REFUSED_US,
                        .refused = &checkpoint->own_refused,
                        .copy_refused = &checkpoint->own_copy_refused};
    weir_code   rc = seal_generation(log, &work, arena, err);
    weir_arena_free(arena);
    if (rc != WEIR_OK)
        return weir_err_note(err, "sealing generation %llu",
                             (unsigned long long)checkpoint->gen);
    checkpoint->sealing = false;
    if (work.lost_slot || work.lost_copy)
        return checkpoint_fenced(checkpoint, "another sealed its generation", err);
    checkpoint->in_seal = true;
    if (work.record.reason == RECORD_SHUT_DOWN) {
        checkpoint->owned = false;
        return WEIR_OK;
    }
    checkpoint->gen++;
    checkpoint->idx = 0;
    checkpoint->gen_epochs = 0;
    checkpoint->gen_boot_us = log->clock->boot_us(log->clock);
    weir_assert(checkpoint->gen <= RECORD_NUMBER_MAX);
    return WEIR_OK;
}

weir_code checkpoint_seal_own(weir_checkpoint *checkpoint, record_reason reason,
                              int64_t patience_us, weir_err *err)
{
    weir_assert(checkpoint->owned);
    weir_assert(checkpoint->stage == NULL);
    weir_clock *clock = checkpoint->log.clock;
    int64_t     until_us = clock->mono_us(clock) + patience_us;
    weir_code   rc = WEIR_OK;
    bool        other = checkpoint->sealing && checkpoint->own_seal.reason != reason;
    if (other)
        rc = seal_begun(checkpoint, until_us, err);
    if (rc != WEIR_OK)
        return rc;
    if (!checkpoint->sealing)
        begin_sealing(checkpoint, reason);
    return seal_begun(checkpoint, until_us, err);
}
