/* cli/promote: `weir promote`: what a replay made becomes what the live job has, or back.
 *
 * The steps are in cli_promote_steps.c; here is what does them, and what is asked before the
 * first: nothing is begun that could not be ended.
 *
 * Gives      weir_cli_promote.
 * Always     1. until the record is put, nothing is changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_namespace.h"
#include "cli_promote.h"
#include "weir/failpoint.h"

typedef struct promoting {
    const cli_flags  *flags;
    const atomic_int *stop;
    cli_job           job;
    weir_arena       *arena;
    weir_str          name;
    cli_lineage       live;
    uint32_t          lineage; /* of the live job, now */
    weir_status      *status;
    weir_promotion   *record;  /* as BEGUN has it, or will */
    bool              done;    /* there is nothing left to do */
} promoting;

static weir_code begin_lineage(promoting *p, const weir_plan *plan, weir_str job,
                               weir_str location, uint32_t lineage, bool *out_empty,
                               weir_err *err)
{
    weir_store *store = NULL;
    weir_str prefix;
    cli_places places = {.flags = p->flags, .plan = plan};
    weir_code rc = cli_store_at(&places, location, &store, &prefix, err);
    weir_checkpoint_setup setup = {.store = store, .prefix = prefix, .job = job,
                                   .task = WEIR_STR("t0"), .take_over = true,
                                   .lineage = lineage, .clock = weir_clock_system(),
                                   .stop = p->stop};
    if (rc == WEIR_OK)
        rc = weir_checkpoint_begin(&setup, out_empty, err);
    weir_store_free(store);
    return rc == WEIR_OK ? rc : weir_err_note(err, "beginning lineage l%u", lineage);
}

/* --- what does the steps --- */

static weir_code step_read(void *self, uint32_t lineage, weir_promotion_step step,
                           weir_promotion **out, weir_err *err)
{
    promoting *p = self;
    return weir_promotion_read(p->live.checkpoint, lineage, step, p->arena, out, err);
}

static weir_code step_put(void *self, const weir_promotion *promotion, weir_promotion **out,
                          weir_err *err)
{
    promoting *p = self;
    if (promotion->step == WEIR_PROMOTION_BEGUN)
        WEIR_FAILPOINT(pm_record);
    else
        WEIR_FAILPOINT_ONE_OF(promotion->step == WEIR_PROMOTION_DONE, pm_done, pm_settled);
    return weir_promotion_put(p->live.checkpoint, promotion, p->arena, out, err);
}

static weir_code step_mark(void *self, const weir_promotion *promotion, weir_err *err)
{
    promoting *p = self;
    cli_lineage replay;
    weir_promotion *there = NULL;
    weir_code rc = cli_lineage_of(p->flags, p->job.plan, p->name, p->stop, &replay, err);
    WEIR_FAILPOINT(pm_mark);
    if (rc == WEIR_OK)
        rc = weir_promotion_put(replay.checkpoint, promotion, p->arena, &there, err);
    cli_lineage_close(&replay);
    return rc;
}

static weir_code step_begin(void *self, const weir_promotion *promotion, bool *out_empty,
                            weir_err *err)
{
    promoting *p = self;
    const weir_job_settings *settings = &p->job.plan->settings;
    WEIR_FAILPOINT(pm_begin);
    return begin_lineage(p, p->job.plan, settings->job_name, settings->checkpoint_location,
                         promotion->lineage, out_empty, err);
}

static weir_code step_end(void *self, const weir_promotion *promotion, weir_err *err)
{
    promoting *p = self;
    weir_str job, location;
    bool empty;
    weir_code rc = cli_namespace_lineage(&p->job.plan->settings, p->name, p->arena, &job,
                                         &location, err);
    WEIR_FAILPOINT(pm_end);
    return rc == WEIR_OK ? begin_lineage(p, p->job.plan, job, location,
                                         promotion->origin_lineage + 1, &empty, err)
                         : rc;
}

static weir_code settle(promoting *p, const weir_plan *plan, uint32_t lineage,
                        weir_settled *out, weir_err *err)
{
    cli_places places;
    weir_engine_setup setup = cli_engine_setup(p->flags, plan, p->stop, p->status, &places);
    setup.lineage = lineage;
    setup.ended = setup.take_over = true;
    return weir_engine_settle(&setup, out, err);
}

static weir_code step_settle(void *self, weir_promotion *promotion, weir_err *err)
{
    promoting *p = self;
    weir_settled live, replay;
    weir_plan *plan = NULL;
    WEIR_FAILPOINT(pm_settle);
    weir_code rc = cli_promoted_plan(p->job.plan, p->live.checkpoint, promotion->lineage - 1,
                                     p->arena, &plan, err);
    if (rc == WEIR_OK)
        rc = settle(p, plan, promotion->lineage - 1, &live, err);
    if (rc == WEIR_OK)
        promotion->last = live.last;
    if (rc != WEIR_OK || promotion->undo)
        return rc;
    rc = cli_namespace_plan(p->job.plan, p->name, p->arena, &plan, err);
    if (rc == WEIR_OK)
        rc = settle(p, plan, promotion->origin_lineage, &replay, err);
    if (rc == WEIR_OK)
        promotion->origin = replay.last;
    return rc;
}

static weir_code rename_tables(promoting *p, const weir_promotion *promotion, bool dry_run,
                               weir_err *err)
{
    cli_places places;
    weir_engine_setup setup =
        cli_engine_setup(p->flags, p->job.plan, p->stop, p->status, &places);
    return weir_engine_rename(&setup, promotion, dry_run, err);
}

static weir_code step_rename(void *self, const weir_promotion *promotion, weir_err *err)
{
    return rename_tables(self, promotion, false, err);
}

/* One object says to readers where a table's files are: it is written over in one piece. */
static weir_code point(promoting *p, const weir_promotion *promotion,
                       const weir_promoted *output, weir_err *err)
{
    weir_store *store = NULL;
    weir_str prefix;
    weir_buf key = {0}, body = {0};
    cli_places places = {.flags = p->flags, .plan = p->job.plan};
    weir_code rc = cli_store_at(&places, output->given, &store, &prefix, err);
    if (rc != WEIR_OK)
        return rc;
    weir_buf_str(&key, prefix);
    weir_buf_text(&key, prefix.len > 0 ? "/" : "");
    weir_buf_text(&key, "_weir_current.json");
    weir_buf_text(&body, "{\"version\":1,\"path\":");
    weir_buf_json_text(&body, output->incoming);
    weir_buf_text(&body, ",\"table\":");
    weir_buf_json_text(&body, output->table);
    weir_buf_format(&body, ",\"lineage\":%u}\n", promotion->lineage);
    WEIR_FAILPOINT(pm_point);
    rc = weir_store_put_one(store, weir_buf_view(&key), weir_buf_view(&body), err);
    weir_buf_done(&key);
    weir_buf_done(&body);
    weir_store_free(store);
    return rc == WEIR_OK ? rc : weir_err_note(err, "pointing to the files of '%.*s'",
                                              WEIR_STR_FMT(output->table));
}

static weir_code step_point(void *self, const weir_promotion *promotion, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; i < promotion->outputs && rc == WEIR_OK; i++)
        if (promotion->output[i].files)
            rc = point(self, promotion, &promotion->output[i], err);
    return rc;
}

/* --- before the first step --- */

static weir_code add_output(promoting *p, const cli_output *from, const weir_plan *placed,
                            weir_promoted *out, weir_err *err)
{
    const weir_table *table = &p->job.plan->table[from->table];
    out->table = table->name;
    out->files = from->kind == CLI_OUTPUT_FILES;
    out->given = from->live;
    out->incoming = from->other;
    if (from->kind == CLI_OUTPUT_FILE) {
        (void)weir_fail(err, WEIR_E_CONFIG, "table '%.*s' is one file, which cannot be swapped",
                        WEIR_STR_FMT(table->name));
        return weir_err_hint(err, "tables of databases and prefixes of files can be promoted");
    }
    if (out->files) {
        out->outgoing = cli_path_trim(weir_opts_text(placed->table[from->table].opts, "path"));
        return WEIR_OK;
    }
    out->outgoing = cli_promote_aside(p->arena, from->live, p->name, false);
    return cli_table_name_check(out->outgoing, err);
}

static weir_code list_outputs(promoting *p, weir_promotion *out, weir_err *err)
{
    cli_output *output = NULL;
    uint32_t count = 0;
    weir_plan *placed = NULL;
    weir_code rc = cli_namespace_outputs(p->job.plan, p->name, p->arena, &output, &count, err);
    if (rc == WEIR_OK)
        rc = cli_promoted_plan(p->job.plan, p->live.checkpoint, p->lineage, p->arena, &placed,
                               err);
    out->output = WEIR_ARRAY(p->arena, weir_promoted, (rc == WEIR_OK ? count : 0) + 1);
    for (uint32_t i = 0; rc == WEIR_OK && i < count; i++)
        if (output[i].kind != CLI_OUTPUT_PRINT)
            rc = add_output(p, &output[i], placed, &out->output[out->outputs++], err);
    return rc;
}

static weir_code check_facts(const promoting *p, const weir_facts *facts, weir_err *err)
{
    int name = (int)p->name.len;
    if (facts->from_epoch > 0) {
        (void)weir_fail(err, WEIR_E_CONFLICT,
                        "the replay in '%.*s' began at epoch %" PRIu64 ": what was written "
                        "before is not in its tables",
                        name, p->name.at, facts->from_epoch);
        return weir_err_hint(err, "promote a replay --from earliest");
    }
    if (facts->end && facts->until_epoch == facts->last_epoch)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFLICT, "the replay in '%.*s' has not come to its end", name,
                    p->name.at);
    return weir_err_hint(err, "go on with it: weir replay --into %.*s, with the flags as before",
                         name, p->name.at);
}

static weir_code check_replay(promoting *p, cli_lineage *replay, weir_err *err)
{
    weir_manifest *last = NULL;
    weir_promotion *before = NULL;
    weir_facts facts = {.end = false};
    bool finalised = false;
    uint32_t lineage = weir_checkpoint_lineage(replay->checkpoint);
    weir_code rc = weir_promotion_read(replay->checkpoint, lineage, WEIR_PROMOTION_BEGUN,
                                       p->arena, &before, err);
    if (rc == WEIR_OK && before != NULL) {
        (void)weir_fail(err, WEIR_E_CONFLICT, "the replay in '%.*s' was promoted before",
                        WEIR_STR_FMT(p->name));
        return weir_err_hint(err, "replay once more, into another namespace");
    }
    if (rc == WEIR_OK)
        rc = weir_checkpoint_look(replay->checkpoint, p->arena, &last, &finalised, err);
    if (rc == WEIR_OK && last != NULL)
        rc = weir_facts_read(last, p->arena, &facts, err);
    return rc == WEIR_OK ? check_facts(p, &facts, err) : rc;
}

static weir_code plan_promotion(promoting *p, weir_promotion *out, weir_err *err)
{
    cli_lineage replay;
    weir_str location;
    weir_code rc = cli_namespace_lineage(&p->job.plan->settings, p->name, p->arena,
                                         &out->origin_job, &location, err);
    if (rc != WEIR_OK)
        return rc;
    rc = cli_lineage_of(p->flags, p->job.plan, p->name, p->stop, &replay, err);
    if (rc == WEIR_OK)
        rc = check_replay(p, &replay, err);
    if (rc == WEIR_OK)
        out->origin_lineage = weir_checkpoint_lineage(replay.checkpoint);
    cli_lineage_close(&replay);
    if (rc == WEIR_OK)
        rc = list_outputs(p, out, err);
    return rc == WEIR_OK ? rename_tables(p, out, true, err) : rc;
}

static weir_code nothing_to_undo(const promoting *p, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFLICT,
                    "lineage l%u, in which the job is, was not begun by a promotion of '%.*s'",
                    p->lineage, WEIR_STR_FMT(p->name));
    return weir_err_hint(err, "only the last promotion can be undone, before another --fresh");
}

static weir_code plan_undo(promoting *p, const weir_promotion *last, weir_promotion *out,
                           weir_err *err)
{
    weir_promotion *settled = NULL;
    if (last == NULL || last->voided || last->undo || !weir_str_eq(last->name, p->name))
        return nothing_to_undo(p, err);
    weir_code rc = step_read(p, p->lineage, WEIR_PROMOTION_SETTLED, &settled, err);
    if (rc != WEIR_OK || settled == NULL || settled->last.idx == 0)
        return rc == WEIR_OK ? nothing_to_undo(p, err) : rc;
    out->undo = true;
    out->origin_job = p->job.plan->settings.job_name;
    out->origin_lineage = p->lineage - 1;
    out->origin = settled->last;
    out->outputs = last->outputs;
    out->output = WEIR_ARRAY(p->arena, weir_promoted, last->outputs + 1);
    for (uint32_t i = 0; i < last->outputs; i++) {
        out->output[i] = last->output[i];
        out->output[i].incoming = last->output[i].outgoing;
        out->output[i].outgoing =
            last->output[i].files
                ? last->output[i].incoming
                : cli_promote_aside(p->arena, last->output[i].given, p->name, true);
    }
    return rename_tables(p, out, true, err);
}

/* Is one there that has to be finished first, or that is this one? */
static weir_code look_for_begun(promoting *p, weir_err *err)
{
    weir_promotion *there = NULL;
    weir_code rc = cli_promotion_unfinished(p->live.checkpoint, p->lineage, p->arena, &there,
                                            err);
    if (rc != WEIR_OK || there == NULL)
        return rc;
    p->record = there;
    if (weir_str_eq(there->name, p->name) && there->undo == p->flags->undo)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFLICT, "another promotion is unfinished");
    return weir_err_hint(err, "finish it: weir promote --into %.*s%s JOB.sql",
                         WEIR_STR_FMT(there->name), there->undo ? " --undo" : "");
}

static weir_code plan_it(promoting *p, weir_err *err)
{
    weir_promotion *last = NULL, *next = NULL;
    weir_code rc = look_for_begun(p, err);
    if (rc != WEIR_OK || p->record != NULL)
        return rc;
    uint32_t lineage = p->lineage + 1;
    rc = step_read(p, p->lineage, WEIR_PROMOTION_DONE, &last, err);
    p->done = rc == WEIR_OK && last != NULL && !last->voided && last->undo == p->flags->undo &&
              weir_str_eq(last->name, p->name);
    if (p->done)
        p->record = last;
    if (rc != WEIR_OK || p->done)
        return rc;
    next = WEIR_NEW(p->arena, weir_promotion);
    *next = (weir_promotion){.step = WEIR_PROMOTION_BEGUN, .name = p->name,
                             .job = p->job.plan->settings.job_name, .lineage = lineage};
    rc = p->flags->undo ? plan_undo(p, last, next, err) : plan_promotion(p, next, err);
    p->record = rc == WEIR_OK ? next : NULL;
    return rc;
}

static weir_code lock_it(const promoting *p, weir_err *err)
{
    const char *folder = p->flags->embedded;
    struct stat facts;
    if (folder == NULL)
        return WEIR_OK;
    if (stat(folder, &facts) != 0)
        return weir_fail(err, WEIR_E_CONFIG, "there is no folder '%s': %s", folder,
                         strerror(errno));
    const char *name = weir_arena_text(p->arena, "lock.%.*s", WEIR_STR_FMT(p->name));
    weir_code rc = cli_lock(folder, "lock", p->stop, err);
    return rc == WEIR_OK ? cli_lock(folder, name, p->stop, err) : rc;
}

/* --- what is said --- */

static void tell(const weir_promotion *promotion, const char *how)
{
    weir_buf text = {0};
    weir_buf_format(&text, "%s%s of '%.*s': job %.*s, lineage l%u\n", how,
                    promotion->undo ? "undo of the promotion" : "promotion",
                    WEIR_STR_FMT(promotion->name), WEIR_STR_FMT(promotion->job),
                    promotion->lineage);
    for (uint32_t i = 0; i < promotion->outputs; i++) {
        const weir_promoted *output = &promotion->output[i];
        if (output->files)
            weir_buf_format(&text, "  files  %.*s: %.*s/; ALTER TABLE %.*s SET LOCATION "
                                   "'%.*s/';\n",
                            WEIR_STR_FMT(output->table), WEIR_STR_FMT(output->incoming),
                            WEIR_STR_FMT(output->table), WEIR_STR_FMT(output->incoming));
        else
            weir_buf_format(&text, "  table  %.*s becomes %.*s, what was that %.*s\n",
                            WEIR_STR_FMT(output->incoming), WEIR_STR_FMT(output->given),
                            WEIR_STR_FMT(output->outgoing));
    }
    if (promotion->origin.epoch > 0)
        weir_buf_format(&text, "  weir run goes on from epoch %" PRIu64 " of %.*s, l%u\n",
                        promotion->origin.epoch, WEIR_STR_FMT(promotion->origin_job),
                        promotion->origin_lineage);
    cli_print(&text);
    weir_buf_done(&text);
}

static weir_code go(promoting *p, weir_err *err)
{
    const cli_promoter promoter = {.self = p, .read = step_read, .put = step_put,
                                   .mark = step_mark, .begin = step_begin, .end = step_end,
                                   .settle = step_settle, .rename = step_rename,
                                   .point = step_point};
    weir_promotion *done = NULL;
    weir_code rc = cli_promote_go(&promoter, p->record, &done, err);
    if (rc != WEIR_OK)
        return rc;
    if (done->voided) {
        (void)weir_fail(err, WEIR_E_CONFLICT,
                        "lineage l%u was begun by a run with --fresh: nothing was promoted",
                        done->lineage);
        return weir_err_hint(err, "look at what that run made, and promote again");
    }
    tell(done, "done: ");
    return WEIR_OK;
}

static weir_code promote(promoting *p, weir_err *err)
{
    weir_code rc = cli_settle(p->flags, &p->job, err);
    if (rc == WEIR_OK)
        rc = lock_it(p, err);
    if (rc == WEIR_OK)
        rc = cli_lineage_of(p->flags, p->job.plan, WEIR_STR(""), p->stop, &p->live, err);
    if (rc != WEIR_OK)
        return rc;
    p->lineage = weir_checkpoint_lineage(p->live.checkpoint);
    rc = plan_it(p, err);
    if (rc != WEIR_OK)
        return rc;
    if (p->done || p->flags->dry_run) {
        tell(p->record, p->done ? "was done before: " : "would be done: ");
        return WEIR_OK;
    }
    return go(p, err);
}

int weir_cli_promote(int count, char **argument, const atomic_int *stop)
{
    cli_flags flags = {.arguments_most = 0};
    weir_err err;
    weir_err_clear(&err);
    int code;
    if (!cli_begin("promote", count, argument, &flags, &code))
        return code;
    if (!cli_into_check("promote", &flags))
        return WEIR_EXIT_USAGE;
    promoting p = {.flags = &flags, .stop = stop, .name = weir_str_of(flags.into),
                   .arena = weir_arena_new("promote", 64 << 10)};
    code = WEIR_EXIT_USAGE;
    if (cli_job_open(&flags, stderr, &p.job)) {
        p.status = weir_heap_new(1, sizeof *p.status);
        weir_code rc = promote(&p, &err);
        weir_log_flush();
        code = rc == WEIR_OK ? WEIR_EXIT_DONE : cli_fail("promote", &err);
        weir_heap_free(p.status);
        if (p.live.arena != NULL)
            cli_lineage_close(&p.live);
        cli_unsettle(&p.job);
    }
    cli_job_close(&p.job);
    weir_arena_free(p.arena);
    return code;
}
