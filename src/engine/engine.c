/* engine: one job from start to end: opens, recovers, starts threads, cuts epochs when
 * they are due, and stops in order.
 *
 * Gives      weir_engine_run.
 * Always     1. an epoch is cut when its time has come, when a lane is full, when a
 *               bounded run has read all, and before a clean stop.
 *            2. while a commit takes long, reading goes on for ENGINE_PARK_FACTOR
 *               intervals and then waits: memory stays bounded with a sink down.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>
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
    pthread_mutex_lock(&engine->lock);
    while (engine->committing != NULL && !atomic_load(&engine->halted))
        engine_wait(engine);
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
        if (engine->source[s].started)
            pthread_join(engine->source[s].thread, NULL);
    for (uint32_t i = 0; engine->lane && i < engine->lanes; i++)
        engine_lane_stop(&engine->lane[i]);
}

/* Bounded: has every partition come to its end? Partition fields are read while lanes
   run; each only grows, so a stale answer is "not yet". */
static bool all_read(const engine_job *engine)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            const engine_partition *partition = &engine->source[s].partition[p];
            int64_t next =
                __atomic_load_n(&partition->position.next_offset, __ATOMIC_RELAXED);
            bool at_end = __atomic_load_n(&partition->at_end, __ATOMIC_RELAXED);
            if (next < partition->end && !at_end)
                return false;
        }
    return true;
}

/* Is there something that a cut would write down? */
static bool worth_cutting(engine_job *engine)
{
    if (atomic_load(&engine->dirty) || atomic_load(&engine->full))
        return true;
    if (!weir_ops_has_windows(engine->ops))
        return false;
    int64_t now_us = engine->clock->mono_us(engine->clock);
    for (uint32_t s = 0; s < engine->sources; s++) {
        const engine_source *source = &engine->source[s];
        for (uint32_t p = 0; p < source->partitions; p++) {
            const engine_partition *partition = &source->partition[p];
            bool idle = source->idle_timeout_us > 0 && !partition->idle &&
                        __atomic_load_n(&partition->at_end, __ATOMIC_RELAXED) &&
                        now_us - atomic_load(&((engine_partition *)partition)->moved_us) >=
                            source->idle_timeout_us;
            if (idle && weir_ops_groups(engine->ops) > 0)
                return true;
        }
    }
    return false;
}

typedef struct run_state {
    int64_t last_cut_us;
    bool    read_all;
} run_state;

/* One look around; true when an epoch should be cut now. */
static bool cut_is_due(engine_job *engine, run_state *loop)
{
    int64_t now_us = engine->clock->mono_us(engine->clock);
    int64_t interval = engine->plan->settings.epoch_interval_us;
    bool due = now_us - loop->last_cut_us >= interval || atomic_load(&engine->full);
    if (!due || !worth_cutting(engine))
        return false;
    pthread_mutex_lock(&engine->lock);
    bool busy = engine->committing != NULL;
    pthread_mutex_unlock(&engine->lock);
    return !busy || atomic_load(&engine->full) ||
           now_us - loop->last_cut_us >= interval * (1 + ENGINE_PARK_FACTOR);
}

static weir_code run_loop(engine_job *engine, bool *ended, weir_err *err)
{
    run_state loop = {.last_cut_us = engine->clock->mono_us(engine->clock)};
    while (!atomic_load(&engine->halted) && !atomic_load(engine->setup->stop)) {
        if (engine->setup->until_end && all_read(engine)) {
            *ended = true;
            return engine_cut_epoch(engine, true, err);
        }
        if (cut_is_due(engine, &loop)) {
            weir_code rc = engine_cut_epoch(engine, false, err);
            if (rc != WEIR_OK)
                return rc;
            loop.last_cut_us = engine->clock->mono_us(engine->clock);
            continue;
        }
        pthread_mutex_lock(&engine->lock);
        engine_wait(engine);
        pthread_mutex_unlock(&engine->lock);
    }
    if (atomic_load(&engine->halted))
        return weir_fail(err, WEIR_E_STOPPED, "stopping");
    WEIR_FAILPOINT(sd_sigterm);
    atomic_store(&engine->status->ready, false);
    return atomic_load(&engine->dirty) ? engine_cut_epoch(engine, false, err) : WEIR_OK;
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

static weir_code run(engine_job *engine, weir_err *err)
{
    weir_code rc = engine_open_sources(engine, err);
    if (rc == WEIR_OK)
        rc = weir_ops_new(engine->plan, engine->lanes, &engine->budget, &engine->ops, err);
    if (rc == WEIR_OK)
        rc = engine_recover(engine, err);
    if (rc != WEIR_OK)
        return rc;
    expect_records(engine);
    bool ended = false;
    rc = start_threads(engine, err);
    if (rc == WEIR_OK) {
        atomic_store(&engine->status->phase, WEIR_PHASE_RUNNING);
        atomic_store(&engine->status->ready, true);
        weir_metric_set(WEIR_M_ready, 1);
        rc = run_loop(engine, &ended, err);
    }
    atomic_store(&engine->status->phase, WEIR_PHASE_STOPPING);
    stop_threads(engine);
    if (atomic_load(&engine->halted)) {
        *err = engine->error;
        return err->code;
    }
    if (rc == WEIR_OK) {
        WEIR_FAILPOINT(sd_final_seal);
        rc = weir_checkpoint_seal(engine->checkpoint, err);
    }
    return rc;
}

weir_code weir_engine_run(const weir_engine_setup *setup, weir_err *err)
{
    engine_job *engine = weir_heap_new(1, sizeof *engine);
    engine->setup = setup;
    engine->plan = setup->plan;
    engine->clock = setup->clock;
    engine->status = setup->status;
    engine->arena = weir_arena_new("job", 64 << 10);
    engine->budget.limit = (size_t)setup->plan->settings.memory_limit / 2;
    engine->lanes = lane_count(setup->plan);
    engine->lane = WEIR_ARRAY(engine->arena, engine_lane, engine->lanes);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    weir_code rc = run(engine, err);
    atomic_store(&setup->status->ready, false);
    weir_metric_set(WEIR_M_ready, 0);
    engine_close(engine);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    weir_arena_free(engine->arena);
    weir_heap_free(engine);
    atomic_store(&setup->status->phase, WEIR_PHASE_DONE);
    return rc;
}
