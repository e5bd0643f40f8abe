/* engine: one job from start to end: opens, recovers, starts threads, cuts epochs when
 * they are due, and stops in order.
 *
 * Gives      weir_engine_run.
 * Always     1. an epoch is cut when engine_due says so, when a bounded run has read all,
 *               and before a clean stop.
 *            2. the log is sealed only when all that is committed is visible.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <unistd.h>

#include "engine_parts.h"

void engine_halt(engine_job *engine, const weir_err *err)
{
    pthread_mutex_lock(&engine->lock);
    if (!atomic_load(&engine->halted)) {
        engine->error = *err;
        atomic_store(&engine->halted, true);
    }
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
}

static void enter(engine_job *engine, weir_phase phase)
{
    atomic_store(&engine->status->phase, phase);
    engine_show_ready(engine);
}

static uint32_t lane_count(const weir_plan *plan)
{
    int64_t lanes = plan->settings.lanes;
    if (lanes <= 0)
        lanes = sysconf(_SC_NPROCESSORS_ONLN);
    if (lanes < 1)
        lanes = 1;
    return lanes > WEIR_LANES_MAX ? WEIR_LANES_MAX : (uint32_t)lanes;
}

static weir_code start_threads(engine_job *engine, weir_err *err)
{
    for (uint32_t i = 0; i < engine->lanes; i++) {
        weir_code rc = engine_lane_start(engine, i, err);
        if (rc != WEIR_OK)
            return rc;
    }
    if (pthread_create(&engine->commit_thread, NULL, engine_commit_main, engine) != 0)
        return weir_fail(err, WEIR_E_IO, "could not start a thread");
    engine->commit_started = true;
    weir_code collecting = engine_collect_start(engine, err);
    if (collecting != WEIR_OK)
        return collecting;
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        if (pthread_create(&source->thread, NULL, engine_reader_main, source) != 0)
            return weir_fail(err, WEIR_E_IO, "could not start a thread");
        source->started = true;
    }
    return WEIR_OK;
}

static void stop_threads(engine_job *engine)
{
    atomic_store(&engine->collect_stop, 2);
    pthread_mutex_lock(&engine->lock);
    while (engine->committing != NULL)
        engine_wait(engine); /* it ends by itself: see engine_giving_up */
    atomic_store(&engine->quit, true);
    engine->commit_quit = true;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    if (engine->commit_started)
        pthread_join(engine->commit_thread, NULL);
    for (uint32_t i = 0; engine->lane && i < engine->lanes; i++)
        if (engine->lane[i].started) {
            pthread_mutex_lock(&engine->lane[i].lock);
            pthread_cond_broadcast(&engine->lane[i].less);
            pthread_mutex_unlock(&engine->lane[i].lock);
        }
    for (uint32_t s = 0; s < engine->sources; s++)
        if (engine->source[s].started) {
            pthread_join(engine->source[s].thread, NULL);
            engine_acknowledge(&engine->source[s]);
        }
    for (uint32_t i = 0; engine->lane && i < engine->lanes; i++)
        engine_lane_stop(&engine->lane[i]);
    engine_collect_join(engine);
}

static weir_code run_loop(engine_job *engine, weir_err *err)
{
    if (engine->setup->replay && engine->ended)
        return WEIR_OK; /* it had come to its end, and all of it is visible now */
    while (!atomic_load(&engine->halted) && !atomic_load(engine->setup->stop)) {
        if (engine->setup->until_end && engine_all_read(engine))
            return engine_cut_epoch(engine, CUT_END, err);
        if (engine_cut_is_due(engine)) {
            weir_code rc = engine_cut_epoch(engine, CUT_MORE, err);
            if (rc != WEIR_OK)
                return rc;
            continue;
        }
        pthread_mutex_lock(&engine->lock);
        engine_wait(engine);
        pthread_mutex_unlock(&engine->lock);
    }
    if (atomic_load(&engine->halted))
        return weir_fail(err, WEIR_E_STOPPED, "stopping");
    WEIR_FAILPOINT(sd_sigterm);
    enter(engine, WEIR_PHASE_STOPPING);
    return atomic_load(&engine->dirty) ? engine_cut_epoch(engine, CUT_STOP, err) : WEIR_OK;
}

static void expect_records(engine_job *engine)
{
    int64_t expected = 0;
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            const engine_partition *partition = &engine->source[s].partition[p];
            if (partition->end != INT64_MAX && partition->position.next_offset >= 0)
                expected += partition->end - partition->position.next_offset;
        }
    atomic_store(&engine->status->expected, engine->setup->until_end ? expected : -1);
}

static weir_code open_all(engine_job *engine, weir_err *err)
{
    weir_code rc = engine_open_sources(engine, err);
    if (rc == WEIR_OK)
        rc = weir_ops_new(engine->plan, engine->lanes, &engine->budget, &engine->ops, err);
    if (rc == WEIR_OK && engine->setup->replay)
        weir_ops_tell_touched(engine->ops);
    return rc == WEIR_OK ? engine_recover(engine, err) : rc;
}

/* After the threads. What was read and not committed is read again at the next start. */
static weir_code end_run(engine_job *engine, weir_err *err)
{
    if (engine->dropped)
        weir_log_warn("stopped while a server was away; the next start goes on from there",
                      WEIR_F_U64("epoch", engine->last_epoch));
    if (engine->unfinished)
        return WEIR_OK; /* whoever starts next finishes it; a seal would say that it is */
    WEIR_FAILPOINT(sd_final_seal);
    weir_code rc = weir_checkpoint_seal(engine->checkpoint, err);
    if (rc == WEIR_OK || err->exit == WEIR_EXIT_FENCED)
        return rc;
    weir_log_warn("the checkpoint log was not sealed; the next start does it",
                  WEIR_F_TEXT("error", err->msg));
    return WEIR_OK;
}

static weir_code run(engine_job *engine, weir_err *err)
{
    weir_code rc = open_all(engine, err);
    if (rc != WEIR_OK)
        return rc;
    expect_records(engine);
    engine_flows_begin(engine);
    engine->last_cut_us = engine->clock->mono_us(engine->clock);
    rc = start_threads(engine, err);
    if (rc == WEIR_OK) {
        enter(engine, WEIR_PHASE_RUNNING);
        rc = run_loop(engine, err);
    }
    enter(engine, WEIR_PHASE_STOPPING);
    stop_threads(engine);
    if (atomic_load(&engine->halted)) {
        *err = engine->error;
        return err->code;
    }
    return rc == WEIR_OK || engine->dropped ? end_run(engine, err) : rc;
}

/* A stop while the job starts is a clean end: nothing was begun. */
static bool ended_by_stop(const engine_job *engine, const weir_err *err)
{
    return atomic_load(engine->setup->stop) == 1 && !atomic_load(&engine->halted) &&
           (err->code == WEIR_E_STOPPED || err->fate == WEIR_FATE_RETRY);
}

weir_code weir_engine_run(const weir_engine_setup *setup, weir_err *err)
{
    engine_job *engine = weir_heap_new(1, sizeof *engine);
    engine->setup = setup;
    engine->plan = setup->plan;
    engine->clock = setup->clock;
    engine->status = setup->status;
    engine->arena = weir_arena_new("job", 64 << 10);
    engine->kept = weir_kept_of(setup->plan, engine->arena);
    engine->budget.limit = (size_t)setup->plan->settings.memory_limit / 2;
    engine->rate.most = setup->replay ? setup->replay->rate : 0;
    engine->rate.last_us = setup->clock->mono_us(setup->clock);
    engine->lanes = lane_count(setup->plan);
    engine->lane = WEIR_ARRAY(engine->arena, engine_lane, engine->lanes);
    pthread_mutex_init(&engine->lock, NULL);
    weir_cond_init(&engine->changed);
    weir_code rc = run(engine, err);
    if (rc != WEIR_OK && ended_by_stop(engine, err)) {
        weir_log_info("stopped before the job ran", WEIR_F_TEXT("error", err->msg));
        rc = WEIR_OK;
    }
    enter(engine, WEIR_PHASE_STOPPING);
    engine_close(engine);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    weir_arena_free(engine->arena);
    weir_heap_free(engine);
    atomic_store(&setup->status->phase, WEIR_PHASE_DONE);
    return rc;
}
