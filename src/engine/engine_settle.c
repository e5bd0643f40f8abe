/* engine/settle: the sinks of a lineage that has ended, and the names of its tables.
 *
 * weir_engine_settle is the first half of a start, T1 to T8: nobody else can be at work any
 * more but who slept, and what a sleeper can still write is what is written here: rows behind
 * the commit row's compare-and-set, files under their own names. Behind it every row and file
 * of the lineage is visible, and none can come to it.
 *
 * Gives      weir_engine_settle, weir_engine_rename.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_tool.h"
#include "weir/facts.h"

static engine_job *begin(const weir_engine_setup *setup)
{
    engine_job *job = weir_heap_new(1, sizeof *job);
    engine_tool_init(job, setup, "settle");
    job->as_it_is = true;
    return job;
}

static void end(engine_job *job)
{
    engine_tool_done(job);
    weir_heap_free(job);
}

/* The SQL may be another one by now. */
static weir_code check_sinks(const engine_job *job, weir_err *err)
{
    for (uint32_t i = 0; i < job->last->sections && !job->last_finalised; i++) {
        weir_str name = job->last->section[i].name;
        if (!engine_section_is_sink(name) || engine_section_is_open(job, name))
            continue;
        (void)weir_fail(err, WEIR_E_CONFIG,
                        "epoch %llu has rows for '%.*s', which the SQL does not name",
                        (unsigned long long)job->last->epoch, WEIR_STR_FMT(name));
        return weir_err_hint(err, "use the SQL that the job ran with, or stop the job first");
    }
    return WEIR_OK;
}

static weir_code replay_all(engine_job *job, weir_err *err)
{
    weir_code rc = check_sinks(job, err);
    if (rc == WEIR_OK)
        rc = engine_groups_read(job, weir_manifest_section(job->last, "groups"), err);
    for (uint32_t g = 0; g < job->groups && rc == WEIR_OK; g++)
        rc = engine_replay_sink(job, job->group[g].sink, job->group[g].section, err);
    if (rc == WEIR_OK)
        rc = engine_replay_letters(job, err);
    return rc == WEIR_OK ? engine_tool_finalised(job, err) : engine_explained(job, err);
}

static weir_code tell(engine_job *job, weir_settled *out, weir_err *err)
{
    weir_facts facts;
    const weir_manifest *last = job->last;
    out->last = (weir_manifest_place){last->gen, last->idx, last->epoch, last->sha};
    weir_code rc = weir_facts_read(last, job->arena, &facts, err);
    out->end = rc == WEIR_OK && facts.end;
    return rc;
}

static weir_code settle(engine_job *job, weir_settled *out, weir_err *err)
{
    engine_describe_sources(job);
    weir_code rc = engine_open_checkpoint(job, err);
    if (rc == WEIR_OK)
        rc = engine_take_over(job, err);
    if (rc == WEIR_OK && job->last != NULL) {
        rc = engine_open_sinks(job, err);
        if (rc == WEIR_OK)
            rc = replay_all(job, err);
        if (rc == WEIR_OK)
            rc = tell(job, out, err);
    }
    return rc == WEIR_OK ? engine_tool_seal(job, err) : rc;
}

weir_code weir_engine_settle(const weir_engine_setup *setup, weir_settled *out, weir_err *err)
{
    weir_assert(setup->ended);
    weir_assert(setup->take_over);
    engine_job *job = begin(setup);
    *out = (weir_settled){.end = false};
    weir_code rc = settle(job, out, err);
    end(job);
    return rc == WEIR_OK ? rc : weir_err_note(err, "settling lineage l%u of job '%.*s'",
                                              setup->lineage,
                                              WEIR_STR_FMT(setup->plan->settings.job_name));
}

typedef struct renaming {
    const engine_group *group;
    weir_rename        *rename;
    uint32_t            count;
    bool                dry_run;
} renaming;

static weir_code rename_group(void *self, weir_err *err)
{
    const renaming *r = self;
    return r->group->kind->rename(r->group->sink, r->rename, r->count, r->dry_run, err);
}

static void choose(engine_job *job, const weir_promotion *promotion, renaming *out)
{
    out->rename = WEIR_ARRAY(job->arena, weir_rename, promotion->outputs + 1);
    out->count = 0;
    for (uint32_t i = 0; i < promotion->outputs; i++) {
        const weir_promoted *output = &promotion->output[i];
        bool its = false;
        for (uint32_t t = 0; t < out->group->tables; t++)
            its = its || weir_str_eq(out->group->table[t].name, output->table);
        if (its && !output->files)
            out->rename[out->count++] =
                (weir_rename){output->given, output->incoming, output->outgoing};
    }
}

weir_code weir_engine_rename(const weir_engine_setup *setup, const weir_promotion *promotion,
                             bool dry_run, weir_err *err)
{
    engine_job *job = begin(setup);
    job->lineage = promotion->lineage;
    engine_describe_sources(job);
    weir_code rc = engine_open_sinks(job, err);
    for (uint32_t g = 0; g < job->groups && rc == WEIR_OK; g++) {
        renaming r = {.group = &job->group[g], .dry_run = dry_run};
        choose(job, promotion, &r);
        if (r.group->kind->rename != NULL && r.count > 0)
            rc = engine_patiently(job, rename_group, &r, r.group->name, err);
    }
    end(job);
    return rc == WEIR_OK ? rc : weir_err_note(err, "swapping tables");
}
