/* engine/origin: a lineage of the live job that a promotion began: its first epoch follows an
 * epoch of another lineage, a replay's, or the one before the promotion that is undone.
 *
 * Until that first epoch is committed nothing is kept: a start that dies begins here again. It
 * holds all state and all rows of open files anew, so nothing refers to the other lineage then.
 *
 * Gives      engine_origin_check, engine_origin_restore.
 * Always     1. a lineage that a promotion began is never begun with nothing.
 *            2. the other lineage is only read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_origin.h"

#include "engine_change.h"

typedef struct origin_look {
    engine_job     *engine;
    weir_arena     *arena;
    weir_promotion *promotion;
} origin_look;

/* A replay's lineages that were promoted are over, also for --fresh: its tables are others'. */
static weir_code look(void *self, weir_err *err)
{
    origin_look *look = self;
    const engine_job *engine = look->engine;
    uint32_t first = engine->setup->replay ? 2 : engine->lineage;
    weir_code rc = WEIR_OK;
    weir_arena_reset(look->arena);
    look->promotion = NULL;
    for (uint32_t n = engine->lineage; n >= first && rc == WEIR_OK && !look->promotion; n--)
        rc = weir_promotion_read(engine->checkpoint, n, WEIR_PROMOTION_BEGUN, look->arena,
                                 &look->promotion, err);
    return rc;
}

static weir_code refuse(const engine_job *engine, const weir_promotion *promotion,
                        weir_err *err)
{
    bool replay = engine->setup->replay != NULL;
    (void)weir_halt(err, WEIR_EXIT_FENCED, WEIR_E_CONFLICT,
                    replay ? "the replay into '%.*s' was promoted (lineage l%u of the live job)"
                           : "a promotion of '%.*s' began lineage l%u meanwhile",
                    WEIR_STR_FMT(promotion->name), promotion->lineage);
    return weir_err_hint(err, replay ? "take another namespace" : "start again");
}

weir_code engine_origin_check(engine_job *engine, weir_err *err)
{
    if (engine->setup->origin != NULL)
        return WEIR_OK;
    origin_look found = {.engine = engine, .arena = weir_arena_new("promotion", 4096)};
    weir_code rc = engine_patiently(engine, look, &found, WEIR_STR("the checkpoint's store"),
                                    err);
    if (rc == WEIR_OK && found.promotion != NULL) /* 1 */
        rc = refuse(engine, found.promotion, err);
    weir_arena_free(found.arena);
    return rc;
}

typedef struct adoption {
    const engine_job   *engine;
    const engine_group *group;
} adoption;

static weir_code adopt(void *self, weir_err *err)
{
    const adoption *a = self;
    const weir_origin *origin = a->engine->setup->origin;
    return a->group->kind->adopt(a->group->sink,
                                 weir_manifest_section(origin->manifest, a->group->section),
                                 origin->checkpoint, err);
}

static weir_code adopt_files(engine_job *engine, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t g = 0; g < engine->groups && rc == WEIR_OK; g++) {
        adoption a = {engine, &engine->group[g]};
        if (a.group->kind->adopt != NULL)
            rc = engine_patiently(engine, adopt, &a, a.group->name, err);
    }
    return rc;
}

weir_code engine_origin_restore(engine_job *engine, weir_err *err)
{
    const weir_origin *origin = engine->setup->origin;
    const weir_manifest *manifest = origin->manifest;
    weir_code rc = engine_manifest_check(engine, manifest, err);
    if (rc == WEIR_OK)
        engine_change_state(engine);
    if (rc == WEIR_OK)
        rc = engine_slices_restore(engine, origin->checkpoint,
                                   weir_manifest_section(manifest, "state"), err);
    if (rc == WEIR_OK)
        rc = engine_positions_read(engine, weir_manifest_section(manifest, "positions"), err);
    if (rc == WEIR_OK)
        rc = adopt_files(engine, err);
    engine->ended = false; /* that was the other lineage's end */
    engine_slices_move(engine);
    if (rc == WEIR_OK)
        engine_change_install(engine);
    return rc == WEIR_OK ? rc
                         : weir_err_note(err, "going on from epoch %llu of another lineage",
                                         (unsigned long long)manifest->epoch);
}
