/* checkpoint/checkpoint: opening one lineage, and what its owner does after an epoch.
 *
 * Gives      open, close, read, look, finalised (E7), idle, seal, may_publish.
 * Owns       its names; the store is the caller's.
 * Always     1. the hint is only written with a manifest that is finalised; who says that
 *               it is has written it down, in the hint or in a SEAL.
 *            2. a process that slept publishes nothing before it knows that it owns the
 *               task still: consumers may have moved the files that its successor published
 *               long ago.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_parts.h"

#include <string.h>

#include "weir/failpoint.h"
#include "weir/log.h"

/* A dot joins a job's name and a replay's; it is not at an end, for folders "." and "..". */
static bool is_name(weir_str name, bool dots)
{
    if (name.len == 0 || name.len > WEIR_JOB_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool dot = dots && c == '.' && i > 0 && i + 1 < name.len;
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || dot))
            return false;
    }
    return true;
}

static weir_code check_names(const weir_checkpoint_setup *setup, weir_err *err)
{
    if (!is_name(setup->job, true)) {
        (void)weir_fail(err, WEIR_E_CONFIG, "'%.*s' cannot be the name of a job",
                        WEIR_STR_FMT(setup->job));
        return weir_err_hint(err, "1 to 64 of a-z, 0-9, '_' and '-'");
    }
    if (!is_name(setup->task, false))
        return weir_fail(err, WEIR_E_CONFIG, "'%.*s' cannot be the name of a task",
                         WEIR_STR_FMT(setup->task));
    if (setup->prefix.len > WEIR_KEY_BYTES_MAX / 2)
        return weir_fail(err, WEIR_E_CONFIG, "the checkpoint's location is too long");
    return WEIR_OK;
}

weir_code weir_checkpoint_open(const weir_checkpoint_setup *setup, weir_checkpoint **out,
                               weir_err *err)
{
    weir_assert(setup->store != NULL);
    weir_assert(setup->clock != NULL);
    weir_code rc = check_names(setup, err);
    if (rc != WEIR_OK)
        return rc;
    weir_checkpoint *checkpoint = weir_heap_new(1, sizeof *checkpoint);
    checkpoint->arena = weir_arena_new("checkpoint", 1024);
    checkpoint->log = (checkpoint_log){
        .store = setup->store,
        .clock = setup->clock,
        .stop = setup->stop,
        .prefix = weir_str_copy(checkpoint->arena, setup->prefix),
        .job = weir_str_copy(checkpoint->arena, setup->job),
        .task = weir_str_copy(checkpoint->arena, setup->task),
    };
    checkpoint->take_over = setup->take_over;
    checkpoint->epoch_interval_us = setup->epoch_interval_us;
    checkpoint->gen_epochs_most = setup->generation_epochs > 0 ? setup->generation_epochs
                                                               : WEIR_EPOCHS_PER_GENERATION;
    checkpoint->inline_most =
        setup->inline_bytes > 0 ? setup->inline_bytes : WEIR_INLINE_BYTES_MAX;
    checkpoint->gen_us_most =
        setup->generation_us > 0 ? setup->generation_us : WEIR_GENERATION_US;
    uint32_t last = 0;
    rc = log_last_lineage(&checkpoint->log, &last, err);
    checkpoint->log.lineage = setup->fresh || last == 0 ? last + 1 : last;
    if (setup->lineage > 0)
        checkpoint->log.lineage = setup->lineage;
    checkpoint->ended = setup->ended;
    weir_assert(!setup->ended || setup->lineage > 0);
    if (rc != WEIR_OK) {
        weir_checkpoint_close(checkpoint);
        return rc;
    }
    weir_assert(checkpoint->log.lineage >= 1);
    *out = checkpoint;
    return WEIR_OK;
}

void weir_checkpoint_close(weir_checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    weir_assert(checkpoint->arena != NULL);
    weir_assert(checkpoint->stage == NULL); /* its stage is freed first */
    ref_set_done(&checkpoint->refs);
    weir_arena_free(checkpoint->arena);
    weir_heap_free(checkpoint);
}

uint32_t weir_checkpoint_lineage(const weir_checkpoint *checkpoint)
{
    weir_assert(checkpoint->log.lineage >= 1);
    return checkpoint->log.lineage;
}

uint64_t weir_checkpoint_generation(const weir_checkpoint *checkpoint)
{
    weir_assert(checkpoint != NULL);
    return checkpoint->gen;
}

checkpoint_record checkpoint_record_of(const weir_checkpoint *checkpoint,
                                       const checkpoint_log  *log)
{
    checkpoint_record record = {
        .job = log->job,
        .task = log->task,
        .lineage = log->lineage,
        .gen = checkpoint->gen,
        .epoch = checkpoint->last.epoch,
        .prev = checkpoint->last,
        .written_us = log->clock->wall_us(log->clock),
        .probed = weir_str_of(checkpoint->probed),
    };
    weir_assert(record.lineage >= 1);
    memcpy(record.nonce, checkpoint->nonce, sizeof record.nonce);
    return record;
}

weir_code checkpoint_fenced(weir_checkpoint *checkpoint, const char *by, weir_err *err)
{
    weir_assert(checkpoint->owned);
    checkpoint->owned = false;
    (void)weir_halt(err, WEIR_EXIT_FENCED, WEIR_E_CONFLICT,
                    "this process does not own the task any more: %s in generation %llu",
                    by, (unsigned long long)checkpoint->gen);
    return weir_err_hint(err, "another process runs the job; what it commits stands");
}

void checkpoint_to_manifest(const checkpoint_record *record, weir_manifest *out)
{
    weir_assert(record_is_epoch(record->kind));
    bool amends = record->kind == RECORD_AMEND;
    weir_assert(record->epoch == record->prev.epoch + !amends);
    *out = (weir_manifest){
        .gen = record->gen,
        .idx = record->idx,
        .epoch = record->epoch,
        .amends = amends,
        .prev_gen = record->prev.gen,
        .prev_idx = record->prev.idx,
        .sha = record->sha,
        .prev_sha = record->prev.sha,
        .written_us = record->written_us,
        .sections = record->sections,
        .section = record->section,
    };
}

static weir_code read_manifest(const checkpoint_log *log, uint64_t gen, uint64_t idx,
                               weir_arena *arena, weir_manifest **out, weir_err *err)
{
    checkpoint_record record = {.idx = 0};
    if (idx == 0 || idx > RECORD_NUMBER_MAX || gen > RECORD_NUMBER_MAX)
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "no manifest can be at the place that is named");
    log_key   key = log_key_of_record(log, gen, idx);
    weir_code rc = log_read_record(log, gen, idx, arena, &record, err);
    if (rc == WEIR_E_NOTFOUND)
        return log_corrupt(&key, "it is missing", err);
    if (rc != WEIR_OK)
        return rc;
    if (!record_is_epoch(record.kind))
        return log_corrupt(&key, "it is not a manifest", err);
    weir_manifest *manifest = WEIR_NEW(arena, weir_manifest);
    checkpoint_to_manifest(&record, manifest);
    weir_assert(manifest->idx == idx);
    *out = manifest;
    return WEIR_OK;
}

weir_code checkpoint_read_place(const checkpoint_log *log, const record_place *place,
                                weir_arena *arena, weir_manifest **out, weir_err *err)
{
    weir_manifest *manifest = NULL;
    weir_assert(place->idx > 0);
    weir_code rc = read_manifest(log, place->gen, place->idx, arena, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    if (manifest->epoch != place->epoch || !weir_sha256_eq(&manifest->sha, &place->sha)) {
        log_key key = log_key_of_record(log, place->gen, place->idx);
        return log_corrupt(&key, "it is not the manifest that the seal names", err);
    }
    weir_assert(manifest->gen == place->gen);
    *out = manifest;
    return WEIR_OK;
}

weir_code weir_checkpoint_read(weir_checkpoint *checkpoint, uint64_t gen, uint64_t idx,
                               weir_arena *arena, weir_manifest **out, weir_err *err)
{
    weir_assert(checkpoint != NULL);
    weir_assert(arena != NULL);
    return read_manifest(&checkpoint->log, gen, idx, arena, out, err);
}

weir_code weir_checkpoint_look(weir_checkpoint *checkpoint, weir_arena *arena,
                               weir_manifest **out, bool *out_finalised, weir_err *err)
{
    takeover_tail tail;
    weir_assert(checkpoint != NULL);
    weir_assert(arena != NULL);
    weir_code rc = takeover_look(&checkpoint->log, arena, &tail, err);
    if (rc != WEIR_OK)
        return rc;
    weir_manifest *manifest = NULL;
    if (tail.last.idx > 0)
        rc = checkpoint_read_place(&checkpoint->log, &tail.last, arena, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    *out = manifest;
    *out_finalised = tail.finalised;
    return WEIR_OK;
}

weir_code weir_checkpoint_begun_by(weir_checkpoint *checkpoint, uint64_t gen,
                                   weir_sha256 *out_seal, weir_err *err)
{
    checkpoint_record seal = {.idx = 0};
    if (gen == 0 || gen > RECORD_NUMBER_MAX)
        return weir_fail(err, WEIR_E_NOTFOUND, "no SEAL begins generation %llu",
                         (unsigned long long)gen);
    weir_arena *arena = weir_arena_new("seal", 4096);
    weir_code   rc = log_read_seal(&checkpoint->log, gen - 1, arena, &seal, err);
    weir_arena_free(arena);
    if (rc == WEIR_OK)
        *out_seal = seal.sha;
    return rc;
}

weir_str weir_manifest_section(const weir_manifest *manifest, const char *name)
{
    weir_assert(manifest != NULL);
    weir_assert(name != NULL);
    for (uint32_t i = 0; i < manifest->sections; i++) {
        if (weir_str_is(manifest->section[i].name, name))
            return manifest->section[i].bytes;
    }
    return (weir_str){NULL, 0};
}

bool checkpoint_is_stale(const weir_checkpoint *checkpoint, int64_t since_us,
                         int64_t most_us)
{
    weir_clock *clock = checkpoint->log.clock;
    weir_assert(most_us > 0);
    return clock->boot_us(clock) - since_us > most_us;
}

weir_code checkpoint_prove_owner(weir_checkpoint *checkpoint, weir_err *err)
{
    const checkpoint_log *log = &checkpoint->log;
    weir_assert(checkpoint->owned);
    int64_t   asked_us = log->clock->boot_us(log->clock);
    bool      sealed = false;
    log_key   seal = log_key_of_seal(log, checkpoint->gen);
    weir_code rc = log_exists(log, &seal, &sealed, err);
    if (rc != WEIR_OK)
        return rc;
    if (sealed)
        return checkpoint_fenced(checkpoint, "another sealed its generation", err);
    checkpoint->proved_boot_us = asked_us;
    return WEIR_OK;
}

weir_code weir_checkpoint_may_publish(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(checkpoint != NULL);
    weir_assert(checkpoint->gen > 0);
    if (checkpoint->finalised || /* there is nothing to publish */
        !checkpoint_is_stale(checkpoint, checkpoint->proved_boot_us, PUBLISH_WITHIN_US))
        return WEIR_OK;
    if (checkpoint->last.gen == checkpoint->gen) /* our own: only a successor has it, too */
        return checkpoint_prove_owner(checkpoint, err);
    (void)weir_halt(err, WEIR_EXIT_JOB, WEIR_E_CONFLICT,
                    "epoch %llu was taken over more than 30 minutes ago, and may have been "
                    "published by the process before since",
                    (unsigned long long)checkpoint->last.epoch);
    return weir_err_hint(err, "start again: whoever takes over knows what was published");
}

/* What the next start goes by: without it files would be published again, which readers of
   a job that was quiet for an hour may have moved by then. */
static weir_code write_hint(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(checkpoint->finalised); /* 1 */
    weir_assert(checkpoint->owned);
    checkpoint_record record = checkpoint_record_of(checkpoint, &checkpoint->log);
    weir_buf          bytes = {0};
    log_key           key = log_key_of_hint(&checkpoint->log);
    record.kind = RECORD_HINT;
    record.finalised = true;
    record_write(&bytes, &record);
    WEIR_FAILPOINT(ep_hint);
    weir_code rc = weir_store_put_one(checkpoint->log.store, log_key_text(&key),
                                      weir_buf_view(&bytes), err);
    weir_buf_done(&bytes);
    return rc;
}

/* The hint is written over: a late one, of an owner that was replaced or our own from before,
   hides what it says. Before an hour is over since the epoch's files appeared, a SEAL says so. */
static bool may_be_hidden(const weir_checkpoint *checkpoint)
{
    weir_assert(checkpoint->in_seal || checkpoint->last.idx > 0);
    return checkpoint->publishes && !checkpoint->in_seal &&
           checkpoint_is_stale(checkpoint, checkpoint->last_boot_us, IDLE_SEAL_US);
}

weir_code weir_checkpoint_finalised(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(checkpoint->owned);
    weir_assert(checkpoint->last.idx > 0);
    checkpoint->finalised = true;
    weir_code rc = write_hint(checkpoint, err);
    if (rc != WEIR_OK && err->fate == WEIR_FATE_RETRY)
        return weir_err_note(err, "writing down that epoch %llu is finalised",
                             (unsigned long long)checkpoint->last.epoch);
    if (rc != WEIR_OK)
        weir_log_debug("hint is refused: a seal says it", WEIR_F_TEXT("error", err->msg));
    bool full =
        checkpoint->sealing || checkpoint->gen_epochs >= checkpoint->gen_epochs_most ||
        checkpoint_is_stale(checkpoint, checkpoint->gen_boot_us, checkpoint->gen_us_most);
    full = WEIR_FAILPOINT_IS(gen_is_full) || full || rc != WEIR_OK;
    if ((!full && !may_be_hidden(checkpoint)) || checkpoint->stage != NULL)
        return WEIR_OK;
    WEIR_FAILPOINT(gen_self_seal);
    return checkpoint_seal_own(checkpoint, RECORD_SELF_SEALED, OWN_SEAL_PATIENCE_US, err);
}

weir_code weir_checkpoint_idle(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(checkpoint != NULL);
    weir_assert(checkpoint->stage == NULL);
    bool due = checkpoint->owned && checkpoint->finalised && may_be_hidden(checkpoint);
    if (!due && !checkpoint->sealing)
        return WEIR_OK;
    WEIR_FAILPOINT(gen_self_seal);
    return checkpoint_seal_own(checkpoint, RECORD_SELF_SEALED, OWN_SEAL_PATIENCE_US, err);
}

weir_code weir_checkpoint_seal(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(checkpoint->stage == NULL);
    weir_assert(checkpoint->owned);
    return checkpoint_seal_own(checkpoint, RECORD_SHUT_DOWN, SHUT_DOWN_PATIENCE_US, err);
}
