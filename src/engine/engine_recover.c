/* engine/recover: every start: take the lineage over, bring the sinks up to its last
 * epoch, restore state, position the sources. The same path after a clean stop, a crash
 * and on the very first start.
 *
 * Gives      engine_recover, and its parts for tools.
 * Always     1. the seal comes first: nothing is read that its owner may still change.
 *            2. every sink is at the last manifest before a new epoch begins.
 *            3. nothing is deleted or aborted here.
 *            4. SQL that is refused is refused before the seal: who runs the old one goes on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_amend.h"
#include "engine_change.h"
#include "engine_origin.h"
#include "engine_parts.h"

static weir_code open_checkpoint(void *self, weir_err *err)
{
    engine_job *engine = self;
    const weir_engine_setup *setup = engine->setup;
    const weir_job_settings *job = &engine->plan->settings;
    weir_str prefix = {NULL, 0};
    weir_store_free(engine->store); /* of a try before */
    engine->store = NULL;
    weir_code rc = setup->store_at(setup->store_self, job->checkpoint_location,
                                   &engine->store, &prefix, err);
    if (rc != WEIR_OK)
        return rc;
    weir_checkpoint_setup checkpoint = {
        .store = engine->store, .prefix = prefix, .job = job->job_name,
        .task = WEIR_STR("t0"), .fresh = setup->fresh, .take_over = setup->take_over,
        .lineage = setup->lineage, .ended = setup->ended,
        .epoch_interval_us = job->epoch_interval_us, .clock = engine->clock,
        .stop = setup->stop};
    return weir_checkpoint_open(&checkpoint, &engine->checkpoint, err);
}

weir_code engine_manifest_check(engine_job *engine, const weir_manifest *manifest,
                                weir_err *err)
{
    weir_code rc = engine_sections_check(manifest, err);
    return rc == WEIR_OK ? engine_change_check(engine, manifest, err) : rc;
}

typedef struct sink_replay {
    engine_job *engine;
    weir_sink  *sink;
    const char *section;
} sink_replay;

static weir_code replay_once(void *self, weir_err *err)
{
    const sink_replay *replay = self;
    engine_history history;
    engine_history_of(replay->engine, weir_str_of(replay->section), &history);
    weir_code rc = weir_checkpoint_may_publish(replay->engine->checkpoint, err);
    return rc == WEIR_OK ? replay->sink->kind->replay(replay->sink, &history.base, err) : rc;
}

weir_code engine_replay_sink(engine_job *engine, weir_sink *sink, const char *section,
                             weir_err *err)
{
    sink_replay replay = {engine, sink, section};
    weir_code rc = engine_patiently(engine, replay_once, &replay, weir_str_of(section), err);
    return rc == WEIR_OK ? rc : weir_err_note(err, "recovering %s", section);
}

static weir_code replay_sinks(engine_job *engine, weir_err *err)
{
    WEIR_FAILPOINT(tk_before_sinks);
    weir_code rc = WEIR_OK;
    for (uint32_t g = 0; g < engine->groups && rc == WEIR_OK; g++)
        rc = engine_replay_sink(engine, engine->group[g].sink, engine->group[g].section, err);
    return rc == WEIR_OK ? engine_replay_letters(engine, err) : rc;
}

weir_code engine_replay_letters(engine_job *engine, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t d = 0; d < engine->deads && rc == WEIR_OK; d++)
        rc = engine_replay_sink(engine, engine->dead[d].sink, engine->dead[d].section, err);
    if (rc == WEIR_OK)
        rc = engine_amend_replay(engine, err);
    if (rc == WEIR_OK)
        WEIR_FAILPOINT(tk_finalised);
    return rc;
}

typedef struct found_halt {
    engine_job *engine;
    weir_err    err;
} found_halt;

static weir_code explain(void *self, weir_err *err)
{
    const found_halt *found = self;
    *err = found->err;
    return weir_checkpoint_explain(found->engine->checkpoint, err);
}

/* Who slept in here may find a commit row that moved on, and objects that were collected. */
weir_code engine_explained(engine_job *engine, weir_err *err)
{
    found_halt found = {engine, *err};
    if (err->exit != WEIR_EXIT_CORRUPT && err->exit != WEIR_EXIT_FORKED_HISTORY)
        return err->code;
    return engine_patiently(engine, explain, &found, WEIR_STR("the checkpoint's store"), err);
}

static void show_generation(engine_job *engine)
{
    atomic_store(&engine->generation, weir_checkpoint_generation(engine->checkpoint));
    weir_metric_set(WEIR_M_generation, (int64_t)atomic_load(&engine->generation));
}

/* The last epoch is visible now. It is written down, so that a start in some hours does not
   publish its files again, which readers may have moved by then. */
static weir_code tell_finalised(void *self, weir_err *err)
{
    const engine_job *engine = self;
    return weir_checkpoint_finalised(engine->checkpoint, err);
}

static weir_code write_finalised(engine_job *engine, weir_err *err)
{
    if (engine->last_finalised)
        return WEIR_OK;
    weir_code rc = engine_patiently(engine, tell_finalised, engine,
                                    WEIR_STR("the checkpoint's store"), err);
    engine->last_finalised = rc == WEIR_OK;
    show_generation(engine); /* it may have sealed its own */
    return rc;
}

static weir_code restore(engine_job *engine, weir_err *err)
{
    weir_code rc = engine_groups_read(engine, weir_manifest_section(engine->last, "groups"),
                                      err);
    if (rc == WEIR_OK)
        rc = replay_sinks(engine, err);
    if (rc == WEIR_OK)
        rc = write_finalised(engine, err);
    if (rc == WEIR_OK)
        engine_change_state(engine);
    if (rc == WEIR_OK)
        rc = engine_slices_restore(engine, engine->checkpoint,
                                   weir_manifest_section(engine->last, "state"), err);
    if (rc == WEIR_OK)
        rc = engine_positions_read(engine, weir_manifest_section(engine->last, "positions"),
                                   err);
    if (rc == WEIR_OK && engine->setup->replay)
        rc = engine_replay_resume(engine, err);
    if (rc == WEIR_OK)
        engine_change_install(engine);
    if (rc == WEIR_OK)
        WEIR_FAILPOINT(tk_restored);
    return rc;
}

static weir_code seek_next(void *self, weir_err *err)
{
    engine_source *source = self;
    const engine_partition *partition = &source->partition[source->sought];
    weir_code rc;
    WEIR_FAILPOINT(tk_seek);
    WEIR_FAULTY(POLL, rc, err,
                source->source->kind->seek(source->source, source->sought,
                                           &partition->position, err));
    return rc;
}

static weir_code seek_source(engine_source *source, weir_err *err)
{
    for (; source->sought < source->partitions; source->sought++) {
        weir_code rc = engine_patiently(source->engine, seek_next, source,
                                        source->table->name, err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "table '%.*s', partition %.*s",
                                 WEIR_STR_FMT(source->table->name),
                                 WEIR_STR_FMT(source->partition[source->sought].name));
    }
    return WEIR_OK;
}

static weir_code seek_sources(engine_job *engine, weir_err *err)
{
    for (uint32_t s = 0; s < engine->sources; s++) {
        weir_code rc = seek_source(&engine->source[s], err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

static weir_code take_over_once(void *self, weir_err *err)
{
    engine_job *engine = self;
    weir_arena_reset(engine->manifest_arena);
    engine->last = NULL;
    return weir_checkpoint_take_over(engine->checkpoint, engine->manifest_arena,
                                     &engine->last, &engine->last_finalised, err);
}

weir_code engine_take_over(engine_job *engine, weir_err *err)
{
    engine->manifest_arena = weir_arena_new("manifest", 64 << 10);
    atomic_store(&engine->status->phase, WEIR_PHASE_STANDBY);
    weir_code rc = engine_patiently(engine, take_over_once, engine,
                                    WEIR_STR("the checkpoint's store"), err);
    atomic_store(&engine->status->phase, WEIR_PHASE_RECOVERING);
    show_generation(engine);
    if (rc != WEIR_OK || engine->last == NULL)
        return rc;
    engine->last_epoch = engine->last->epoch;
    engine->last_sha = engine->last->sha;
    atomic_store(&engine->status->epoch, engine->last_epoch);
    weir_metric_set(WEIR_M_epoch, (int64_t)engine->last_epoch);
    return engine->setup->ended ? engine_sections_check(engine->last, err)
                                : engine_manifest_check(engine, engine->last, err);
}

/* The log is empty: state and positions are those of the sources' start, or of the epoch that
   is replayed from. */
static weir_code begin(engine_job *engine, weir_err *err)
{
    const weir_replay *replay = engine->setup->replay;
    bool anew = engine->setup->origin == NULL && (replay == NULL || replay->from == NULL);
    weir_code rc = anew ? engine_check_starts(engine, err) : WEIR_OK;
    return rc == WEIR_OK && replay ? engine_replay_begin(engine, err) : rc;
}

weir_code engine_open_checkpoint(engine_job *engine, weir_err *err)
{
    weir_code rc = engine_patiently(engine, open_checkpoint, engine,
                                    WEIR_STR("the checkpoint's store"), err);
    if (rc != WEIR_OK)
        return weir_err_note(err, "opening the checkpoint");
    engine->lineage = weir_checkpoint_lineage(engine->checkpoint);
    return WEIR_OK;
}

typedef struct last_look {
    engine_job    *engine;
    weir_arena    *arena;
    weir_manifest *last;
} last_look;

static weir_code look_once(void *self, weir_err *err)
{
    last_look *look = self;
    bool finalised = false;
    weir_arena_reset(look->arena);
    look->last = NULL;
    return weir_checkpoint_look(look->engine->checkpoint, look->arena, &look->last, &finalised,
                                err);
}

/* 4. What is damaged is for the takeover to tell. */
static weir_code look_ahead(engine_job *engine, weir_err *err)
{
    last_look look = {.engine = engine, .arena = weir_arena_new("look", 64 << 10)};
    weir_code rc = engine_patiently(engine, look_once, &look,
                                    WEIR_STR("the checkpoint's store"), err);
    engine->log_empty = rc == WEIR_OK && look.last == NULL;
    if (rc == WEIR_OK && look.last != NULL)
        rc = engine_change_foresee(engine, look.last, err);
    weir_arena_free(look.arena);
    if (rc == WEIR_OK || err->exit == WEIR_EXIT_CONFIG_CHANGED)
        return rc;
    weir_err_clear(err);
    return WEIR_OK;
}

weir_code engine_recover(engine_job *engine, weir_err *err)
{
    weir_assert(!engine->setup->ended); /* that is for weir_engine_settle */
    weir_code rc = engine_open_checkpoint(engine, err);
    if (rc == WEIR_OK)
        rc = look_ahead(engine, err);
    if (rc == WEIR_OK && engine->setup->replay) /* sinks make tables */
        rc = engine_origin_check(engine, err);
    if (rc == WEIR_OK)
        rc = engine_open_sinks(engine, err);
    if (rc == WEIR_OK)
        rc = engine_take_over(engine, err);
    if (rc == WEIR_OK && engine->last == NULL)
        rc = engine_origin_check(engine, err);
    if (rc == WEIR_OK && engine->last == NULL)
        rc = begin(engine, err);
    if (rc == WEIR_OK) {
        rc = engine->last ? restore(engine, err) : replay_sinks(engine, err);
        if (rc != WEIR_OK)
            rc = engine_explained(engine, err);
    }
    if (rc == WEIR_OK && engine->last == NULL && engine->setup->origin)
        rc = engine_origin_restore(engine, err);
    if (rc == WEIR_OK)
        rc = seek_sources(engine, err);
    if (rc == WEIR_OK)
        weir_log_info(engine->last ? "resumed" : "started",
                      WEIR_F_STR("job", engine->plan->settings.job_name),
                      WEIR_F_U64("epoch", engine->last_epoch),
                      WEIR_F_U64("generation",
                                 weir_checkpoint_generation(engine->checkpoint)));
    return rc;
}
