/* engine/history: committed epochs as one sink group sees them, found by walking the
 * chain of manifests backwards from the last.
 *
 * A database that was put back asks for one epoch after the other, the oldest first. At the first
 * question the way back is walked once, and it is kept where each manifest is: so each is read
 * twice, on that way and when it is asked for, and no two are in memory.
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

static weir_code read_place(engine_job *engine, const engine_place *place, uint64_t epoch,
                            weir_arena *arena, weir_manifest **out, weir_err *err)
{
    weir_manifest *found = NULL;
    WEIR_FAILPOINT(tk_read_epoch);
    weir_code rc = weir_checkpoint_read(engine->checkpoint, place->gen, place->idx, arena,
                                        &found, err);
    if (rc != WEIR_OK)
        return rc;
    if (!weir_sha256_eq(&found->sha, &place->sha) ||
        found->epoch != epoch) /* cover: who names its SHA has read its epoch */
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "manifest %llu/%llu is not the one that its successor names",
                         (unsigned long long)place->gen, (unsigned long long)place->idx);
    *out = found;
    return WEIR_OK;
}

static weir_code step_back(engine_job *engine, weir_arena *arena, weir_manifest **at,
                           weir_err *err)
{
    const weir_manifest *newer = *at;
    engine_place older = {newer->prev_gen, newer->prev_idx, newer->prev_sha};
    return read_place(engine, &older, newer->epoch - !newer->amends, arena, at, err);
}

static void add_place(engine_places *places, const weir_manifest *newer)
{
    if (places->count == places->room) {
        uint64_t room = places->room == 0 ? 16 : places->room * 2;
        places->at = weir_heap_grow(places->at, places->room, room, sizeof *places->at);
        places->room = room;
    }
    places->at[places->count++] =
        (engine_place){newer->prev_gen, newer->prev_idx, newer->prev_sha};
}

/* One epoch further back than the places go. */
static weir_code go_back(engine_job *engine, weir_arena *arena, weir_err *err)
{
    engine_places *places = &engine->places;
    weir_manifest *at = engine->last;
    weir_code rc = WEIR_OK;
    if (places->count > 0)
        rc = read_place(engine, &places->at[places->count - 1], at->epoch - places->count,
                        arena, &at, err);
    if (rc == WEIR_OK && at->amends) /* 2: the one that it replaces is no epoch of its own */
        rc = step_back(engine, arena, &at, err);
    if (rc != WEIR_OK)
        return rc;
    if (at->prev_idx == 0) /* cover: a first record of another epoch than 1 is damaged */
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_NOTFOUND,
                         "the checkpoint does not reach back behind epoch %llu",
                         (unsigned long long)at->epoch);
    add_place(places, at);
    return WEIR_OK;
}

/* Where an epoch before the last one is. */
static weir_code find_place(engine_job *engine, uint64_t epoch, engine_place *out,
                            weir_err *err)
{
    engine_places *places = &engine->places;
    const weir_manifest *last = engine->last;
    weir_arena *arena = weir_arena_new("way back", 64 << 10);
    weir_code rc = WEIR_OK;
    if (!weir_sha256_eq(&places->last, &last->sha))
        places->count = 0;
    places->last = last->sha;
    while (rc == WEIR_OK && places->count < last->epoch - epoch) {
        weir_arena_reset(arena);
        rc = go_back(engine, arena, err);
    }
    weir_arena_free(arena);
    if (rc == WEIR_OK)
        *out = places->at[last->epoch - epoch - 1];
    return rc;
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
    weir_code rc = WEIR_OK;
    weir_assert(at != NULL);
    weir_assert(epoch >= 1);
    weir_assert(epoch <= at->epoch);
    if (epoch < at->epoch) {
        engine_place place = {.idx = 0};
        rc = find_place(self->engine, epoch, &place, err);
        if (rc == WEIR_OK)
            rc = read_place(self->engine, &place, epoch, arena, &at, err);
    }
    if (rc != WEIR_OK)
        return rc;
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
    out->base.finalised = engine->last != NULL && (engine->last_finalised ||
                                                   engine_amend_was_visible(engine->last, section));
    out->base.read = read_epoch;
    out->base.checkpoint = engine->checkpoint;
    out->engine = engine;
    out->section = section;
}
