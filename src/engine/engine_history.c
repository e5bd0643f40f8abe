/* engine/history: committed epochs as one sink group sees them, found by walking the
 * chain of manifests backwards from the last.
 *
 * Gives      engine_history_of.
 * Always     1. every step checks that the older manifest's SHA-256 is what the newer
 *               one names.
 *            2. of an epoch that was amended the AMEND is what counts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_amend.h"
#include "engine_parts.h"

static weir_code step_back(engine_job *engine, weir_arena *arena, weir_manifest **at,
                           weir_err *err)
{
    weir_manifest *newer = *at;
    weir_manifest *older = NULL;
    WEIR_FAILPOINT(tk_read_epoch);
    weir_code rc = weir_checkpoint_read(engine->checkpoint, newer->prev_gen, newer->prev_idx,
                                        arena, &older, err);
    if (rc != WEIR_OK)
        return rc;
    if (!weir_sha256_eq(&older->sha, &newer->prev_sha) ||
        /* cover: who names its SHA has read its epoch */
        older->epoch + !newer->amends != newer->epoch)
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "manifest %llu/%llu is not the one that its successor names",
                         (unsigned long long)newer->prev_gen,
                         (unsigned long long)newer->prev_idx);
    *at = older;
    return WEIR_OK;
}

/* An AMEND stands for two records: itself, and the manifest that it replaces. */
static weir_code read_amended(engine_history *self, weir_manifest *amend, weir_arena *arena,
                              weir_committed *out, weir_err *err)
{
    weir_manifest *at = amend;
    weir_code rc = step_back(self->engine, arena, &at, err);
    if (rc != WEIR_OK)
        return rc;
    out->amends = true;
    out->amended = at->sha;
    out->id.prev_sha = at->prev_sha;
    out->claimed = engine_amend_has(amend, self->section);
    if (!out->claimed)
        return WEIR_OK;
    WEIR_FAILPOINT(tk_read_epoch);
    return weir_checkpoint_begun_by(self->engine->checkpoint, amend->gen, &out->claim, err);
}

static weir_code read_epoch(weir_history *history, uint64_t epoch, weir_arena *arena,
                            weir_committed *out, weir_err *err)
{
    engine_history *self = (engine_history *)history;
    weir_manifest *at = self->engine->last;
    weir_assert(at != NULL);
    weir_assert(epoch >= 1);
    weir_assert(epoch <= at->epoch);
    while (at->epoch > epoch) {
        if (at->prev_idx == 0) /* cover: a first record of another epoch than 1 is damaged */
            return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_NOTFOUND,
                             "the checkpoint does not reach back to epoch %llu",
                             (unsigned long long)epoch);
        weir_code rc = step_back(self->engine, arena, &at, err);
        if (rc != WEIR_OK)
            return rc;
    }
    memset(out, 0, sizeof *out);
    out->id = (weir_commit_id){.gen = at->gen, .epoch = at->epoch, .sha = at->sha,
                               .prev_sha = at->prev_sha};
    for (uint32_t i = 0; i < at->sections; i++) {
        if (!weir_str_eq(at->section[i].name, self->section))
            continue;
        out->joined = true;
        out->payload = at->section[i].bytes;
    }
    return at->amends ? read_amended(self, at, arena, out, err) : WEIR_OK;
}

void engine_history_of(engine_job *engine, weir_str section, engine_history *out)
{
    memset(out, 0, sizeof *out);
    out->base.last = engine->last ? engine->last->epoch : 0;
    out->base.finalised = engine->last != NULL && engine->last_finalised;
    out->base.read = read_epoch;
    out->base.checkpoint = engine->checkpoint;
    out->engine = engine;
    out->section = section;
}
