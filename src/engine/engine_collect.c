/* engine/collect: a thread of its own takes away checkpoints that are not retained, round by
 * round, with a store of its own, so that no commit waits for it.
 *
 * Gives      engine_collect_start, engine_collect_join.
 * Always     1. what fails here is logged and counted, and tried again a round later; it
 *               never stops the job.
 *            2. the first round comes at the start: short bounded runs collect, too.
 * Threads    one; it shares atomics and the engine's lock, nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"
#include "weir/retain.h"

#define COLLECT_LOOK_US 500000 /* how soon a new round is noticed to be due */

typedef struct collector {
    engine_job      *engine;
    weir_store      *store;
    weir_checkpoint *checkpoint;
} collector;

static weir_code open_own(collector *c, weir_err *err)
{
    engine_job *engine = c->engine;
    const weir_engine_setup *setup = engine->setup;
    const weir_job_settings *job = &engine->plan->settings;
    weir_str prefix = {NULL, 0};
    if (c->checkpoint != NULL)
        return WEIR_OK;
    weir_store_free(c->store); /* of a round before */
    c->store = NULL;
    weir_code rc = setup->store_at(setup->store_self, job->checkpoint_location, &c->store,
                                   &prefix, err);
    if (rc != WEIR_OK)
        return rc;
    weir_checkpoint_setup checkpoint = {.store = c->store, .prefix = prefix,
                                        .job = job->job_name, .task = WEIR_STR("t0"),
                                        .clock = engine->clock,
                                        .stop = &engine->collect_stop};
    WEIR_FAILPOINT(gc_look);
    rc = weir_checkpoint_open(&checkpoint, &c->checkpoint, err);
    return rc == WEIR_OK
               ? weir_checkpoint_choose_lineage(c->checkpoint, engine->lineage, err) : rc;
}

static void report(const weir_collected *out)
{
    weir_metric_add(WEIR_M_collector_rounds, 1);
    weir_metric_add(WEIR_M_checkpoint_objects_removed,
                    (int64_t)(out->manifests + out->data));
    weir_metric_add(WEIR_M_checkpoint_bytes_removed, (int64_t)out->bytes);
    if (out->first > 0)
        weir_metric_set(WEIR_M_checkpoint_first_epoch, (int64_t)out->first);
    if (out->manifests + out->data == 0)
        return;
    weir_log_info("collected", WEIR_F_U64("manifests", out->manifests),
                  WEIR_F_U64("data", out->data), WEIR_F_U64("bytes", out->bytes),
                  WEIR_F_U64("first_epoch", out->first));
}

static void run_round(collector *c, bool old)
{
    engine_job *engine = c->engine;
    const weir_job_settings *job = &engine->plan->settings;
    weir_collect_setup setup = {.retain_us = job->retain_us,
                                .min_age_us = job->collect_age_us,
                                .rate = (uint32_t)job->collect_rate,
                                .owner_gen = atomic_load(&engine->generation)};
    weir_collected out = {.first = 0};
    weir_err err;
    weir_err_clear(&err);
    if (old) /* a test's */
        setup.retain_us = setup.min_age_us = 0;
    weir_code rc = open_own(c, &err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_collect(c->checkpoint, &setup, &out, &err);
    report(&out);
    if (rc == WEIR_OK || atomic_load(&engine->collect_stop) != 0)
        return;
    weir_metric_add(WEIR_M_collector_failures, 1);
    weir_log_warn("the collector could not finish its round", /* 1 */
                  WEIR_F_TEXT("error", err.msg), WEIR_F_TEXT("hint", err.hint));
}

/* False when the job ends. */
static bool wait_until(engine_job *engine, int64_t due_us)
{
    pthread_mutex_lock(&engine->lock);
    while (atomic_load(&engine->collect_stop) == 0 &&
           engine->clock->mono_us(engine->clock) < due_us)
        weir_cond_wait(&engine->changed, &engine->lock, COLLECT_LOOK_US);
    pthread_mutex_unlock(&engine->lock);
    return atomic_load(&engine->collect_stop) == 0;
}

static void *collect_main(void *argument)
{
    engine_job *engine = argument;
    collector c = {.engine = engine};
    int64_t due_us = engine->clock->mono_us(engine->clock); /* 2 */
    while (wait_until(engine, due_us)) {
        run_round(&c, false);
        due_us = engine->clock->mono_us(engine->clock) +
                 engine->plan->settings.collect_interval_us;
    }
    weir_checkpoint_close(c.checkpoint);
    weir_store_free(c.store);
    return NULL;
}

/* Where a test says that all is old, which nobody is then who could still come back: one round
   before anything is read, so that it is the same each time. */
static void collect_what_counts_as_old(engine_job *engine)
{
    collector c = {.engine = engine};
    if (!WEIR_FAILPOINT_IS(gc_is_old))
        return;
    run_round(&c, true);
    weir_checkpoint_close(c.checkpoint);
    weir_store_free(c.store);
}

weir_code engine_collect_start(engine_job *engine, weir_err *err)
{
    if (engine->plan->settings.collect_interval_us == 0)
        return WEIR_OK;
    collect_what_counts_as_old(engine);
    if (pthread_create(&engine->collect_thread, NULL, collect_main, engine) != 0)
        return weir_fail(err, WEIR_E_IO, "could not start a thread");
    engine->collect_started = true;
    return WEIR_OK;
}

void engine_collect_join(engine_job *engine)
{
    if (!engine->collect_started)
        return;
    weir_assert(atomic_load(&engine->collect_stop) != 0);
    pthread_join(engine->collect_thread, NULL);
    engine->collect_started = false;
}
