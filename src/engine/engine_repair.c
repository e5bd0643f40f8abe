/* engine/repair: replaces the last epoch, whose rows a database refuses for ever, by an AMEND.
 *
 * 1. Nothing is taken from anybody before it is known that it has to be: the rows are tried in
 *    transactions that are rolled back. A job that is well goes on undisturbed.
 * 2. R1: the lineage is taken over as a worker does it. Sinks that take their rows are brought
 *    to the last epoch; the others claim their commit rows (R2) and find what is refused.
 * 3. R3: AMEND is put: the same epoch, all its sections, other rows, the dead letters.
 * 4. R4: every sink is brought to AMEND, as at any start, and the log is sealed.
 *
 * Whoever takes over at any step goes on from what is there: a claim without AMEND is taken
 * back, an AMEND is the last epoch (sink/keyed/keyed_row.c, tests/model/amend.pml).
 *
 * Gives      weir_engine_repair.
 * Always     1. no AMEND is put for an epoch that was amended before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_amend.h"
#include "engine_tool.h"

#define REPAIR_LETTERS "repair" /* dead letters of a source that has none */

typedef struct repair {
    engine_job     job;
    weir_arena    *arena; /* of the caller */
    weir_repaired *out;
    uint32_t       room;
    bool          *refuses; /* per group */
    uint32_t       refusing;
    weir_err       why; /* of the last that refuses */
    uint32_t       group; /* that is at work */
    weir_repair    work;
    weir_buf       payload;
    engine_epoch   letters; /* only what engine_letter_batch looks at */
    engine_dead    dead[WEIR_TABLES_MAX + 1];
    uint32_t       deads;
} repair;

/* The table of the job that has that target, to know whose rows they were. */
static uint32_t table_of(const engine_group *group, weir_str target)
{
    for (uint32_t t = 0; t < group->tables; t++) {
        weir_str name = weir_opts_text(group->table[t].opts, "table");
        if (weir_str_eq(name.len > 0 ? name : group->table[t].name, target))
            return t;
    }
    return WEIR_NONE;
}

static weir_str letters_of(const engine_group *group, uint32_t table)
{
    const engine_source *from = table == WEIR_NONE ? NULL : group->from[table];
    if (from == NULL || from->on_error != ON_ERROR_DEAD_LETTER)
        return WEIR_STR(REPAIR_LETTERS);
    return weir_opts_text(from->table->opts, "dead_letter");
}

static engine_dead_letter letter_of(const repair *r, const weir_repair_row *row)
{
    const engine_group *group = &r->job.group[r->group];
    uint32_t table = table_of(group, row->table);
    weir_sink_table named = {.name = table == WEIR_NONE ? row->table
                                                        : group->table[table].name,
                             .schema = row->schema};
    weir_refused refused = {.row = row->row};
    memcpy(refused.code, row->code, sizeof refused.code);
    memcpy(refused.msg, row->msg, sizeof refused.msg);
    return engine_letter_of_row(&named, row->batch, &refused, r->arena);
}

static void tell(repair *r, const weir_repair_row *row)
{
    const engine_group *group = &r->job.group[r->group];
    if (r->out->rows == r->room) {
        uint32_t room = r->room == 0 ? 16 : r->room * 2;
        weir_repaired_row *more = WEIR_ARRAY(r->arena, weir_repaired_row, room);
        for (uint32_t i = 0; i < r->out->rows; i++)
            more[i] = r->out->row[i];
        r->out->row = more;
        r->room = room;
    }
    engine_dead_letter letter = letter_of(r, row);
    r->out->row[r->out->rows++] = (weir_repaired_row){
        .group = weir_str_copy(r->arena, group->name),
        .table = weir_str_copy(r->arena, row->table),
        .row = letter.value,
        .letters = weir_str_copy(r->arena, letters_of(group, table_of(group, row->table))),
        .remove = row->remove,
        .code = letter.code,
        .msg = letter.message.at};
}

static weir_code try_group(void *self, weir_err *err)
{
    repair *r = self;
    engine_group *group = &r->job.group[r->group];
    engine_history history;
    engine_history_of(&r->job, weir_str_of(group->section), &history);
    weir_buf_clear(&r->payload);
    return group->kind->repair(group->sink, &history.base, &r->work, err);
}

static weir_code work_on(repair *r, uint32_t g, bool dry_run, weir_stage *stage,
                         weir_err *err)
{
    const engine_group *group = &r->job.group[g];
    r->group = g;
    r->work = (weir_repair){.dry_run = dry_run, .arena = r->arena, .stage = stage,
                            .payload = &r->payload};
    weir_code rc = engine_patiently(&r->job, try_group, r, group->name, err);
    return rc == WEIR_OK ? rc : weir_err_note(err, "repairing %s", group->section);
}

/* Step 1. */
static weir_code look(void *self, weir_err *err)
{
    engine_job *job = self;
    weir_arena_reset(job->manifest_arena);
    job->last = NULL;
    return weir_checkpoint_look(job->checkpoint, job->manifest_arena, &job->last,
                                &job->last_finalised, err);
}

static weir_code examine(repair *r, weir_err *err)
{
    engine_job *job = &r->job;
    job->manifest_arena = weir_arena_new("manifest", 64 << 10);
    weir_code rc = engine_patiently(job, look, job, WEIR_STR("the checkpoint's store"), err);
    if (rc != WEIR_OK || job->last == NULL)
        return rc;
    r->out->epoch = job->last->epoch;
    rc = engine_manifest_check(job, job->last, err);
    if (rc == WEIR_OK && job->change != NULL) {
        (void)weir_halt(err, WEIR_EXIT_CONFIG_CHANGED, WEIR_E_CONFIG,
                        "the job's SQL is not the one that epoch %llu was made with",
                        (unsigned long long)job->last->epoch);
        rc = weir_err_hint(err, "repair it with the old SQL, then run the new one");
    }
    if (rc == WEIR_OK)
        rc = engine_groups_read(job, weir_manifest_section(job->last, "groups"), err);
    for (uint32_t g = 0; g < job->groups && rc == WEIR_OK; g++) {
        if (job->group[g].kind->repair == NULL)
            continue;
        rc = work_on(r, g, true, NULL, err);
        for (uint32_t i = 0; i < r->work.count && rc == WEIR_OK; i++)
            tell(r, &r->work.row[i]);
        r->out->needed |= rc == WEIR_OK && r->work.count > 0;
    }
    weir_arena_free(job->manifest_arena);
    job->manifest_arena = NULL;
    job->last = NULL;
    return rc;
}

/* Brings every sink to the last epoch, but those that refuse rows of it. */
static weir_code replay_groups(repair *r, weir_err *err)
{
    engine_job *job = &r->job;
    r->refusing = 0;
    for (uint32_t g = 0; g < job->groups; g++) {
        engine_group *group = &job->group[g];
        weir_code rc = engine_replay_sink(job, group->sink, group->section, err);
        r->refuses[g] = rc != WEIR_OK && err->exit == WEIR_EXIT_SINK_SCHEMA &&
                        group->kind->repair != NULL;
        if (rc != WEIR_OK && !r->refuses[g])
            return rc;
        r->refusing += r->refuses[g];
        r->why = r->refuses[g] ? *err : r->why;
    }
    return WEIR_OK;
}

static uint32_t dead_for(repair *r, weir_str name)
{
    for (uint32_t d = 0; d < r->deads; d++)
        if (weir_str_eq(r->dead[d].name, name))
            return d;
    weir_assert(r->deads <= WEIR_TABLES_MAX); /* one a source at most, and ours */
    r->dead[r->deads] = (engine_dead){
        .name = name, .section = weir_arena_text(r->arena, ENGINE_AMEND_LETTERS "%.*s",
                                                 WEIR_STR_FMT(name))};
    return r->deads++;
}

static void keep_letters(repair *r)
{
    const engine_group *group = &r->job.group[r->group];
    for (uint32_t i = 0; i < r->work.count; i++) {
        const weir_repair_row *row = &r->work.row[i];
        engine_dead_letter letter = letter_of(r, row);
        weir_str name = letters_of(group, table_of(group, row->table));
        engine_letter_add(&r->letters.letters[0], dead_for(r, name), &letter);
    }
}

static weir_code stage_letters(repair *r, weir_stage *stage, weir_err *err)
{
    engine_job *job = &r->job;
    weir_code rc = WEIR_OK;
    for (uint32_t d = 0; d < r->deads && rc == WEIR_OK; d++) {
        weir_batch *batch = engine_letter_batch(job, &r->letters, d, r->arena);
        weir_sink_rows rows = {.table = 0, .batches = 1, .batch = &batch};
        weir_stage_input input = {
            .gen = weir_checkpoint_generation(job->checkpoint), .epoch = job->last->epoch,
            .watermark_us = INT64_MIN, .mono_us = job->clock->mono_us(job->clock),
            .rows = &rows, .count = 1, .stage = stage};
        weir_buf_clear(&r->payload);
        rc = engine_open_dead(job, &r->dead[d], err);
        if (rc == WEIR_OK)
            rc = r->dead[d].sink->kind->stage(r->dead[d].sink, &input, &r->payload, err);
        if (rc == WEIR_OK)
            weir_stage_section(stage, r->dead[d].section, weir_buf_view(&r->payload));
        weir_sink_free(r->dead[d].sink);
        r->dead[d].sink = NULL;
    }
    return rc == WEIR_OK ? rc : weir_err_note(err, "dead letters");
}

/* R2, and the sections of AMEND. *out_count: groups whose rows are replaced. */
static weir_code stage_amend(repair *r, weir_stage *stage, uint32_t *out_count, weir_err *err)
{
    engine_job *job = &r->job;
    const char **section = WEIR_ARRAY(r->arena, const char *, job->groups + 1);
    uint32_t *rows = WEIR_ARRAY(r->arena, uint32_t, job->groups + 1);
    *out_count = 0;
    r->letters.number = job->last->epoch;
    for (uint32_t g = 0; g < job->groups; g++) {
        if (!r->refuses[g])
            continue;
        weir_code rc = work_on(r, g, false, stage, err);
        if (rc != WEIR_OK)
            return rc;
        if (r->work.count == 0)
            continue; /* somebody changed the table back */
        weir_stage_section(stage, job->group[g].section, weir_buf_view(&r->payload));
        keep_letters(r);
        for (uint32_t i = 0; i < r->work.count; i++)
            tell(r, &r->work.row[i]);
        section[*out_count] = job->group[g].section;
        rows[(*out_count)++] = r->work.count;
    }
    weir_code rc = stage_letters(r, stage, err);
    if (rc != WEIR_OK)
        return rc;
    weir_buf_clear(&r->payload);
    engine_amend_write(&r->payload, section, rows, *out_count);
    weir_stage_section(stage, "amend", weir_buf_view(&r->payload));
    if (job->last_finalised)
        weir_stage_section(stage, ENGINE_AMEND_VISIBLE, WEIR_STR(ENGINE_AMEND_VISIBLE_IS));
    WEIR_FAILPOINT(rp_staged);
    return WEIR_OK;
}

typedef struct amend_work {
    weir_stage *stage;
    weir_sha256 sha;
} amend_work;

static weir_code build(void *self, weir_err *err)
{
    amend_work *work = self;
    return weir_stage_build(work->stage, &work->sha, err);
}

static weir_code publish(void *self, weir_err *err)
{
    const amend_work *work = self;
    return weir_stage_publish(work->stage, err);
}

/* R3. The AMEND is the last epoch then. */
static weir_code put_amend(engine_job *job, weir_stage *stage, weir_err *err)
{
    amend_work work = {.stage = stage};
    weir_str store = WEIR_STR("the checkpoint's store");
    weir_code rc = engine_patiently(job, build, &work, store, err);
    if (rc == WEIR_OK)
        rc = engine_patiently(job, publish, &work, store, err);
    if (rc != WEIR_OK)
        return rc;
    weir_arena_free(job->manifest_arena);
    job->manifest_arena = weir_arena_new("manifest", 64 << 10);
    job->last = weir_stage_manifest(stage, job->manifest_arena);
    job->last_finalised = false;
    job->last_sha = job->last->sha;
    return WEIR_OK;
}

static weir_code amend(repair *r, weir_err *err)
{
    engine_job *job = &r->job;
    weir_stage *stage = NULL;
    uint32_t replaced = 0;
    r->out->rows = 0; /* what was found before others may have changed it */
    if (job->last->amends) {
        *err = r->why;
        return weir_err_hint(err, "the epoch was repaired once; change the table so that it "
                                  "takes the rows, and start the job");
    }
    weir_code rc = weir_checkpoint_amend(job->checkpoint, job->last, &stage, err);
    if (rc == WEIR_OK)
        rc = stage_amend(r, stage, &replaced, err);
    if (rc == WEIR_OK && replaced > 0)
        rc = put_amend(job, stage, err);
    weir_stage_free(stage);
    r->out->amended = rc == WEIR_OK && replaced > 0;
    if (rc != WEIR_OK)
        return rc;
    WEIR_FAILPOINT(rp_amended);
    rc = replay_groups(r, err); /* R4 */
    if (rc == WEIR_OK && r->refusing > 0)
        *err = r->why;
    return rc == WEIR_OK && r->refusing > 0 ? err->code : rc;
}

/* Steps 2 to 4, by the owner. */
static weir_code mend(repair *r, weir_err *err)
{
    engine_job *job = &r->job;
    weir_code rc = engine_groups_read(job, weir_manifest_section(job->last, "groups"), err);
    r->out->epoch = job->last->epoch;
    if (rc == WEIR_OK)
        rc = replay_groups(r, err);
    if (rc == WEIR_OK && r->refusing > 0)
        rc = amend(r, err);
    if (rc == WEIR_OK)
        rc = engine_replay_letters(job, err);
    if (rc != WEIR_OK)
        return engine_explained(job, err);
    rc = engine_tool_finalised(job, err);
    return rc == WEIR_OK ? engine_tool_seal(job, err) : rc;
}

static weir_code run(repair *r, bool dry_run, weir_err *err)
{
    engine_job *job = &r->job;
    engine_describe_sources(job);
    weir_code rc = engine_open_checkpoint(job, err);
    if (rc == WEIR_OK)
        rc = engine_open_sinks(job, err);
    r->refuses = WEIR_ARRAY(r->arena, bool, job->groups + 1);
    if (rc == WEIR_OK)
        rc = examine(r, err);
    if (rc != WEIR_OK || dry_run || !r->out->needed)
        return rc;
    WEIR_FAILPOINT(rp_needed);
    rc = engine_take_over(job, err);
    return rc == WEIR_OK ? mend(r, err) : rc;
}

weir_code weir_engine_repair(const weir_engine_setup *setup, bool dry_run, weir_arena *arena,
                             weir_repaired *out, weir_err *err)
{
    repair *r = weir_heap_new(1, sizeof *r);
    *out = (weir_repaired){.epoch = 0};
    r->arena = arena;
    r->out = out;
    r->letters.letter_sets = 1;
    r->letters.letters[0].arena = arena;
    engine_tool_init(&r->job, setup, "repair");
    weir_code rc = run(r, dry_run, err);
    weir_buf_done(&r->payload);
    engine_tool_done(&r->job);
    weir_heap_free(r);
    return rc;
}
