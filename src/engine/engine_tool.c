/* engine/tool: a job without threads: for tools that bring a lineage's sinks to its last epoch.
 *
 * Gives      engine_tool_init, engine_tool_done, engine_tool_finalised, engine_tool_seal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_tool.h"

void engine_tool_init(engine_job *job, const weir_engine_setup *setup, const char *name)
{
    job->setup = setup;
    job->plan = setup->plan;
    job->clock = setup->clock;
    job->status = setup->status;
    job->arena = weir_arena_new(name, 64 << 10);
    job->kept = weir_kept_of(setup->plan, job->arena);
    pthread_mutex_init(&job->lock, NULL);
    weir_cond_init(&job->changed);
}

void engine_tool_done(engine_job *job)
{
    engine_close(job);
    pthread_cond_destroy(&job->changed);
    pthread_mutex_destroy(&job->lock);
    weir_arena_free(job->arena);
}

static weir_code finalised(void *self, weir_err *err)
{
    const engine_job *job = self;
    return weir_checkpoint_finalised(job->checkpoint, err);
}

weir_code engine_tool_finalised(engine_job *job, weir_err *err)
{
    if (job->last_finalised)
        return WEIR_OK;
    return engine_patiently(job, finalised, job, WEIR_STR("the checkpoint's store"), err);
}

static weir_code seal(void *self, weir_err *err)
{
    const engine_job *job = self;
    return weir_checkpoint_seal(job->checkpoint, err);
}

weir_code engine_tool_seal(engine_job *job, weir_err *err)
{
    return engine_patiently(job, seal, job, WEIR_STR("the checkpoint's store"), err);
}
