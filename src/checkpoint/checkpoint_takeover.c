/* checkpoint/takeover: steps T1 to T6, the same at every start, after a crash and after a
 * clean stop.
 *
 * T1. The open generation is the smallest one without seals/<gen>. The hint says where to
 *     begin looking; a wrong hint costs requests and nothing else.
 * T2. The last record of its log. An empty generation's last manifest is the one that the
 *     seal of the generation before it names.
 * T3. to T5. seal it: checkpoint_seal.c. From then on we own the next generation: the old
 *     owner's next PUT meets our SEAL, and it ends.
 * T6. The last manifest is read and checked. Nobody can add another one before us.
 *
 * The bad case that the order prevents: reading the last manifest before sealing. Its owner
 * commits epoch N+1 while we restore N; both would then commit an N+1.
 *
 * Always     1. a start that ends at any step leaves a log that the next start resolves.
 *            2. who owns lineage n has seen, after sealing, that there is no n+1, and has
 *               sealed n-1 before its own first manifest.
 * Never      deletes, and never chooses an older manifest than the last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_parts.h"

#include <stdio.h>
#include <string.h>

#include "weir/failpoint.h"
#include "weir/mutant.h"
#include "weir/log.h"

enum { LOOKS_MAX = 4 };

static void tail_from_record(takeover_tail *tail, const checkpoint_record *record)
{
    tail->probed = record->probed;
    tail->finalised = record->finalised; /* false in a MANIFEST and an AMEND */
    tail->last = record->prev;
    if (record_is_epoch(record->kind))
        tail->last = (record_place){.gen = record->gen,
                                    .idx = record->idx,
                                    .epoch = record->epoch,
                                    .sha = record->sha};
}

/* T2, in the open generation. */
static weir_code look_at_log(const checkpoint_log *log, uint64_t guess, weir_arena *arena,
                             takeover_tail *tail, weir_err *err)
{
    uint64_t end = 0;
    WEIR_FAILPOINT(tk_find_tail);
    weir_code rc = log_end_of_records(log, tail->gen, guess, &end, err);
    if (rc != WEIR_OK)
        return rc;
    tail->idx = end - 1;
    checkpoint_record record = {.idx = 0};
    if (tail->idx > 0) {
        rc = log_read_record(log, tail->gen, tail->idx, arena, &record, err);
        tail->sealed = rc == WEIR_OK && record.kind == RECORD_SEAL;
        tail->seal = record.bytes;
    } else if (tail->gen > 0) {
        rc = log_read_seal(log, tail->gen - 1, arena, &record, err);
        tail->before = record.reason;
    }
    if (rc == WEIR_OK && record.idx > 0)
        tail_from_record(tail, &record);
    return rc;
}

static weir_code look_once(const checkpoint_log *log, weir_arena *arena, takeover_tail *out,
                           weir_err *err)
{
    bool              hinted = false;
    checkpoint_record hint = {.idx = 0};
    takeover_tail     tail = {.idx = 0};
    WEIR_FAILPOINT(tk_probe_seals);
    weir_code rc = log_read_hint(log, arena, &hinted, &hint, err);
    if (rc != WEIR_OK)
        return rc;
    /* the generation before the hinted one is sealed, if the hint is right */
    rc = log_end_of_seals(log, hinted && hint.gen > 0 ? hint.gen - 1 : 0, &tail.gen, err);
    if (rc != WEIR_OK)
        return rc;
    uint64_t guess = hinted && hint.prev.gen == tail.gen ? hint.prev.idx : 0;
    rc = look_at_log(log, guess, arena, &tail, err);
    if (rc != WEIR_OK)
        return rc;
    if (tail.last.idx == 0)
        tail.finalised = true;
    else if (hinted && hint.finalised && weir_sha256_eq(&hint.prev.sha, &tail.last.sha))
        tail.finalised = true;
    weir_assert(tail.last.idx == 0 || tail.last.gen <= tail.gen);
    *out = tail;
    return WEIR_OK;
}

/* A record that was there a moment ago and is not any more: while we slept its generation was
   sealed and collected. Looking again finds the open one. */
weir_code takeover_look(const checkpoint_log *log, weir_arena *arena, takeover_tail *out,
                        weir_err *err)
{
    weir_code rc = WEIR_E_NOTFOUND;
    weir_assert(log->lineage >= 1);
    for (int looks = 0; rc == WEIR_E_NOTFOUND && looks < LOOKS_MAX; looks++)
        rc = look_once(log, arena, out, err);
    if (rc != WEIR_E_NOTFOUND)
        return rc;
    char was[160];
    (void)snprintf(was, sizeof was, "%s", err->msg); /* cut off is fine */
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "a record of the checkpoint is missing: %s", was);
}

/* T3 for a SEAL without its copy: another's crash, or its next request. */
static weir_code help_along(const checkpoint_log *log, const takeover_tail *tail,
                            weir_arena *arena, weir_err *err)
{
    checkpoint_record seal;
    const char       *fault = record_read(tail->seal, arena, &seal);
    weir_assert(fault == NULL); /* it was read from there */
    weir_assert(seal.kind == RECORD_SEAL);
    log_key   key = log_key_of_seal(log, tail->gen);
    log_write write = {.key = &key,
                       .bytes = tail->seal,
                       .sha = seal.sha,
                       .stop_at = 1,
                       .patience_us = SEAL_PATIENCE_US,
                       .refused_us = START_REFUSED_US};
    WEIR_FAILPOINT(tk_help_seal);
    return log_write_once(log, &write, arena, err); /* whoever wins: there is a copy */
}

/* Nobody can be at work in a generation that has not begun. */
static bool may_have_owner(const weir_checkpoint *checkpoint, const checkpoint_log *log,
                           const takeover_tail *tail)
{
    if (checkpoint->take_over)
        return false;
    if (log == &checkpoint->log && checkpoint->owned && checkpoint->gen == tail->gen)
        return false; /* its own */
    if (tail->idx > 0)
        return true;
    return tail->gen > 0 &&
           (tail->before == RECORD_TAKEN_OVER || tail->before == RECORD_SELF_SEALED);
}

/* Once per lineage and place: every record says for which place it was done. */
static weir_code probe_place(weir_checkpoint *checkpoint, const checkpoint_log *log,
                             const takeover_tail *tail, weir_err *err)
{
    weir_store *store = log->store;
    if (!store->kind->probed)
        return WEIR_OK;
    weir_str place = weir_str_of(store->place);
    weir_assert(place.len > 0);
    weir_assert(place.len < sizeof checkpoint->probed);
    if (weir_str_is(place, checkpoint->probed))
        return WEIR_OK;
    if (!weir_str_eq(tail->probed, place)) {
        weir_buf prefix = {0};
        log_key  hint = log_key_of_hint(log);
        weir_buf_add(&prefix, hint.at, hint.len - strlen("hint"));
        weir_buf_text(&prefix, "probe");
        weir_code rc = weir_store_probe(store, weir_buf_view(&prefix), err);
        weir_buf_done(&prefix);
        if (rc != WEIR_OK)
            return rc;
    }
    memcpy(checkpoint->probed, place.at, place.len);
    checkpoint->probed[place.len] = '\0';
    return WEIR_OK;
}

typedef struct takeover {
    weir_checkpoint      *checkpoint;
    const checkpoint_log *log; /* of our lineage, or of the one before it */
    record_reason         reason;
    weir_arena           *arena;
    takeover_tail         tail;
    seal_work             work;
    int64_t               sent_boot_us; /* before its SEAL was: nobody was behind us then */
    bool                  done;         /* we sealed tail.gen */
    bool                  told;         /* that we watch the owner first */
} takeover;

static void tell_watch(takeover *t)
{
    if (!t->told)
        weir_log_info("watches whether another worker still commits",
                      WEIR_F_U64("generation", t->tail.gen),
                      WEIR_F_TEXT("hint", "--take-over does not wait"));
    t->told = true;
}

/* One round of T1 to T5; not done: begin again. */
static weir_code try_seal(takeover *t, weir_err *err)
{
    weir_checkpoint *checkpoint = t->checkpoint;
    t->work = (seal_work){.stop_at = 1};
    weir_code rc = takeover_look(t->log, t->arena, &t->tail, err);
    if (rc != WEIR_OK)
        return rc;
    if (t->tail.sealed)
        return help_along(t->log, &t->tail, t->arena, err);
    bool moved = false;
    if (may_have_owner(checkpoint, t->log, &t->tail)) {
        tell_watch(t);
        rc = takeover_watch(checkpoint, t->log, &t->tail, &moved, err);
    }
    if (rc != WEIR_OK || moved)
        return rc;
    rc = probe_place(checkpoint, t->log, &t->tail, err);
    if (rc != WEIR_OK)
        return rc;
    weir_clock *clock = t->log->clock;
    t->work = (seal_work){.record = checkpoint_record_of(checkpoint, t->log),
                          .stop_at = 1,
                          .until_us = clock->mono_us(clock) + SEAL_PATIENCE_US,
                          .refused_us = START_REFUSED_US};
    checkpoint_record *record = &t->work.record;
    record->kind = RECORD_SEAL;
    record->reason = t->reason;
    record->finalised = t->tail.finalised;
    record->gen = t->tail.gen;
    record->idx = t->tail.idx + 1;
    record->prev = t->tail.last;
    record->epoch = t->tail.last.epoch;
    t->sent_boot_us = clock->boot_us(clock);
    rc = seal_generation(t->log, &t->work, t->arena, err);
    t->done = rc == WEIR_OK && !t->work.lost_slot && !t->work.lost_copy;
    return rc;
}

/* T1 to T5, until we sealed a generation. */
static weir_code seal_open_generation(takeover *t, weir_err *err)
{
    weir_backoff backoff = {.clock = t->log->clock};
    for (uint32_t lost = 0; !t->done;) {
        if (log_stopped(t->log) != 0)
            return weir_fail(err, WEIR_E_STOPPED, "stopped while taking over");
        weir_arena_reset(t->arena);
        weir_code rc = try_seal(t, err);
        if (rc != WEIR_OK)
            return rc;
        if (t->work.lost_slot || t->work.lost_copy)
            lost++;
        if (!t->done && lost >= 2) /* seal storms calm down */
            weir_backoff_wait(&backoff);
    }
    return WEIR_OK;
}

/* Invariant 2. A lineage before ours that is damaged has no owner that could go on. */
static weir_code end_lineage_before(weir_checkpoint *checkpoint, weir_err *err)
{
    checkpoint_log before = checkpoint->log;
    if (before.lineage == 1)
        return WEIR_OK;
    before.lineage--;
    takeover  t = {.checkpoint = checkpoint,
                   .log = &before,
                   .reason = RECORD_SUPERSEDED,
                   .arena = weir_arena_new("takeover", 64 << 10)};
    weir_code rc = seal_open_generation(&t, err);
    weir_arena_free(t.arena);
    if (rc == WEIR_E_CORRUPT) {
        weir_log_debug("the lineage before is damaged", WEIR_F_TEXT("error", err->msg));
        rc = WEIR_OK;
    }
    return rc == WEIR_OK ? rc : weir_err_note(err, "ending lineage l%u", before.lineage);
}

static weir_code check_lineages(weir_checkpoint *checkpoint, weir_err *err)
{
    checkpoint_log next = checkpoint->log;
    bool           there = false;
    next.lineage++;
    log_key   key = log_key_of_record(&next, 0, 1);
    WEIR_FAILPOINT(tk_lineages);
    weir_code rc = log_exists(&next, &key, &there, err);
    if (rc != WEIR_OK)
        return rc;
    if (checkpoint->ended && there)
        return WEIR_OK;
    if (checkpoint->ended)
        return weir_fail(err, WEIR_E_CONFLICT, "lineage l%u has not ended",
                         checkpoint->log.lineage);
    if (there) {
        checkpoint->owned = false;
        return weir_halt(err, WEIR_EXIT_FENCED, WEIR_E_CONFLICT,
                         "lineage l%u of the job was begun by another process",
                         next.lineage);
    }
    return checkpoint->last.idx == 0 ? end_lineage_before(checkpoint, err) : WEIR_OK;
}

static void own(weir_checkpoint *checkpoint, const takeover *t)
{
    weir_clock *clock = checkpoint->log.clock;
    weir_assert(t->done);
    weir_assert(t->tail.gen < RECORD_NUMBER_MAX);
    checkpoint->owned = true;
    checkpoint->sealing = false;
    checkpoint->gen = t->tail.gen + !weir_mutant(reuse_generation);
    checkpoint->idx = 0;
    checkpoint->last = t->tail.last;
    checkpoint->finalised = t->tail.finalised;
    checkpoint->gen_epochs = 0;
    checkpoint->gen_boot_us = clock->boot_us(clock);
    checkpoint->proved_boot_us = t->sent_boot_us; /* not now: we may have slept since */
    checkpoint->last_boot_us = t->sent_boot_us;
    checkpoint->in_seal = t->tail.finalised; /* our SEAL says so */
    checkpoint->publishes = true;
}

/* While a SEAL of our own is on its way, the copy that is there may be its. */
static weir_code find_other_seal(const weir_checkpoint *checkpoint, bool *out, weir_err *err)
{
    const checkpoint_log *log = &checkpoint->log;
    checkpoint_record     there = {.idx = 0};
    log_key               key = log_key_of_seal(log, checkpoint->gen);
    weir_code             rc = log_exists(log, &key, out, err);
    if (rc != WEIR_OK || !*out || !checkpoint->sealing)
        return rc;
    weir_arena *arena = weir_arena_new("seal", 4096);
    rc = log_read_seal(log, checkpoint->gen, arena, &there, err);
    *out = rc == WEIR_OK &&
           memcmp(there.nonce, checkpoint->nonce, sizeof there.nonce) != 0;
    weir_arena_free(arena);
    return rc == WEIR_E_CORRUPT ? WEIR_OK : rc; /* that is what was found */
}

weir_code weir_checkpoint_explain(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(err->code != WEIR_OK);
    weir_err found = *err;
    bool     sealed = false;
    if (!checkpoint->owned)
        return err->code;
    weir_code rc = find_other_seal(checkpoint, &sealed, err);
    if (rc != WEIR_OK)
        return rc;
    if (sealed)
        return checkpoint_fenced(checkpoint, "another sealed its generation", err);
    *err = found;
    return found.code;
}

/* T6. A manifest that is missing may have been collected since we sealed: then we were fenced
   in our sleep, and nothing is corrupt. */
static weir_code read_last(weir_checkpoint *checkpoint, weir_arena *arena,
                           weir_manifest **out, weir_err *err)
{
    ref_set_clear(&checkpoint->refs);
    checkpoint->refs_known = checkpoint->last.idx == 0;
    if (checkpoint->last.idx == 0)
        return WEIR_OK;
    WEIR_FAILPOINT(tk_read_manifest);
    weir_code rc = checkpoint_read_place(&checkpoint->log, &checkpoint->last, arena, out, err);
    if (rc == WEIR_OK)
        checkpoint->refs_known =
            ref_set_read(&checkpoint->refs, weir_manifest_section(*out, RECORD_REFS));
    return rc == WEIR_E_CORRUPT ? weir_checkpoint_explain(checkpoint, err) : rc;
}

weir_code weir_checkpoint_take_over(weir_checkpoint *checkpoint, weir_arena *arena,
                                    weir_manifest **out, bool *out_finalised, weir_err *err)
{
    weir_assert(checkpoint != NULL);
    weir_assert(checkpoint->stage == NULL);
    takeover t = {.checkpoint = checkpoint,
                  .log = &checkpoint->log,
                  .reason = RECORD_TAKEN_OVER,
                  .arena = weir_arena_new("takeover", 64 << 10)};
    weir_random_nonce(checkpoint->nonce);
    weir_code rc = seal_open_generation(&t, err);
    if (rc == WEIR_OK) {
        own(checkpoint, &t);
        rc = check_lineages(checkpoint, err);
    }
    weir_arena_free(t.arena);
    if (rc != WEIR_OK)
        return rc;
    weir_manifest *manifest = NULL;
    rc = read_last(checkpoint, arena, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    *out = manifest;
    *out_finalised = checkpoint->finalised;
    return WEIR_OK;
}
