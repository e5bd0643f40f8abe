/* cli/verify: `weir replay --verify`: is what the live job wrote what its input gives?
 *
 * The job runs once more with the production engine, into a folder of its own: SQLite files in
 * place of tables, Avro files, checkpoints, dead letters. Then that is compared with what is
 * live, as `weir diff` compares a replay in a namespace.
 *
 * Gives      cli_verify_flags, cli_verify.
 * Always     1. nothing is written, locked or made but the workspace, which is gone at the end;
 *               no source is told how far it was read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_promote.h"
#include "cli_replay.h"
#include "cli_verify.h"
#include "cli_workspace.h"

typedef struct verifying {
    cli_replaying r;
    cli_compare   c; /* its job and live lineage are the replay's */
    cli_workspace space;
    uint64_t      spool;
} verifying;

static bool wrong(const char *what, const char *value)
{
    fprintf(stderr, "weir replay: %s%s; see 'weir help replay'\n", what, value);
    return false;
}

static bool read_spool(const cli_flags *flags, uint64_t *out)
{
    int64_t bytes = (int64_t)CLI_SPOOL_DEFAULT;
    if (flags->spool && !weir_parse_bytes(weir_str_of(flags->spool), &bytes))
        return false;
    *out = (uint64_t)bytes;
    return bytes >= (int64_t)CLI_SPOOL_LEAST;
}

bool cli_verify_flags(const cli_flags *flags)
{
    const struct {
        bool        given;
        const char *name;
    } other[] = {{flags->into != NULL, "--into"},
                 {flags->fresh, "--fresh"},
                 {flags->keep_output, "--keep-output"},
                 {flags->leave_open, "--leave-open"},
                 {flags->take_over, "--take-over"}};
    uint64_t number;
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++)
        if (other[i].given)
            return wrong("--verify writes nothing that stays, and takes no ",
                         other[i].name);
    if (flags->until && strcmp(flags->until, "end") == 0)
        return wrong("--verify compares with what the live job has written: --until is an "
                     "epoch, a time, a pin or 'last', not ",
                     flags->until);
    if (flags->limit && !weir_str_to_u64(weir_str_of(flags->limit), &number))
        return wrong("--limit is no number of rows: ", flags->limit);
    return read_spool(flags, &number) ||
           wrong("--spool is no size from 64 KiB on: ", flags->spool);
}

static weir_code epoch_done(void *self, weir_err *err)
{
    verifying *v = self;
    return cli_workspace_check(&v->space, false, err);
}

static weir_code find_folder(const cli_flags *flags, weir_err *err)
{
    struct stat about;
    if (flags->embedded == NULL || stat(flags->embedded, &about) == 0)
        return WEIR_OK;
    return weir_fail(err, WEIR_E_CONFIG, "there is no folder '%s'", flags->embedded);
}

/* Between two of its steps a table is not where the SQL says. */
static weir_code check_promotion(const cli_replaying *r, weir_err *err)
{
    weir_promotion *unfinished = NULL;
    weir_code       rc = cli_promotion_unfinished(r->live.checkpoint,
                                                  weir_checkpoint_lineage(r->live.checkpoint),
                                                  r->job.arena, &unfinished, err);
    if (rc != WEIR_OK || unfinished == NULL)
        return rc;
    (void)weir_fail(err, WEIR_E_CONFLICT, "a promotion of the job is unfinished");
    return weir_err_hint(err, "finish it first: weir promote --into %.*s",
                         WEIR_STR_FMT(unfinished->name));
}

/* What a promoted lineage began with was written by another one: nothing is known of that. */
static weir_code check_origin(const cli_replaying *r, weir_err *err)
{
    weir_promotion *done = NULL;
    uint32_t        lineage = weir_checkpoint_lineage(r->live.checkpoint);
    weir_code       rc = WEIR_OK;
    if (lineage > 1 && r->replay.from == NULL)
        rc = weir_promotion_read(r->live.checkpoint, lineage, WEIR_PROMOTION_DONE,
                                 r->job.arena, &done, err);
    if (rc != WEIR_OK || done == NULL || done->voided)
        return rc;
    (void)weir_fail(err, WEIR_E_CONFIG,
                    "lineage l%u began with what a promoted replay, or the lineage before, had "
                    "written",
                    lineage);
    return weir_err_hint(err, "--from an epoch of it; weir checkpoint ls shows them");
}

static weir_code prepare(verifying *v, weir_err *err)
{
    cli_replaying *r = &v->r;
    weir_code      rc = find_folder(r->flags, err);
    if (rc == WEIR_OK)
        rc = cli_settle(r->flags, &r->job, err);
    if (rc == WEIR_OK)
        rc = cli_replay_find_epochs(r, err);
    if (rc == WEIR_OK)
        rc = check_promotion(r, err);
    if (rc == WEIR_OK)
        rc = check_origin(r, err);
    if (rc == WEIR_OK)
        rc = cli_workspace_open(&v->space, v->spool, r->job.arena, err);
    if (rc == WEIR_OK)
        rc = cli_verify_plan(r->job.plan, v->space.path, r->job.arena, &r->plan,
                             &v->c.output, &v->c.outputs, err);
    return rc == WEIR_OK ? cli_replay_limits(r, err) : rc;
}

static weir_code run(verifying *v, weir_err *err)
{
    weir_status *status = weir_heap_new(1, sizeof *status);
    weir_code    rc = cli_replay_steps(&v->r, status, err);
    weir_heap_free(status);
    if (rc == WEIR_OK && atomic_load(v->r.stop))
        rc = weir_fail(err, WEIR_E_STOPPED, "stopped before all was replayed");
    return rc == WEIR_OK ? cli_workspace_check(&v->space, true, err) : rc;
}

static weir_code compare(verifying *v, weir_err *err)
{
    cli_compare *c = &v->c;
    cli_flags    flags = *v->r.flags;
    flags.lineage = NULL; /* is the live job's */
    c->job = v->r.job;
    c->live = v->r.live;
    c->other = v->r.plan;
    c->arena = weir_arena_new("verify", 64 << 10);
    weir_code rc = cli_lineage_of(&flags, c->other, WEIR_STR(""), c->stop, &c->replay, err);
    if (rc == WEIR_OK)
        rc = compare_look_at_end(c, err);
    if (rc == WEIR_OK)
        rc = cli_promoted_plan(c->job.plan, c->live.checkpoint,
                               weir_checkpoint_lineage(c->live.checkpoint), c->arena,
                               &c->placed, err);
    if (rc == WEIR_OK)
        rc = compare_find_epochs(c, err);
    return rc == WEIR_OK ? compare_outputs(c, err) : rc;
}

static int tell(verifying *v, weir_code rc, const weir_err *err)
{
    weir_log_flush();
    cli_print(&v->c.report.text);
    if (rc == WEIR_OK)
        return v->c.report.differs ? WEIR_EXIT_JOB : WEIR_EXIT_DONE;
    return cli_fail("replay", err);
}

static void done(verifying *v)
{
    cli_lineage_close(&v->c.replay);
    weir_buf_done(&v->c.report.text);
    weir_arena_free(v->c.arena);
    cli_workspace_close(&v->space);
    cli_lineage_close(&v->r.live);
    if (v->r.job.plan != NULL)
        cli_unsettle(&v->r.job);
    cli_job_close(&v->r.job);
}

int cli_verify(const cli_flags *flags, const atomic_int *stop)
{
    weir_err  err;
    verifying v = {
        .r = {.flags = flags, .stop = stop},
        .c = {.flags = flags, .stop = stop, .name = WEIR_STR("verify"), .verify = true}};
    v.r.replay =
        (weir_replay){.from_asked = weir_str_of(flags->from ? flags->from : "earliest"),
                      .until_asked = weir_str_of(flags->until ? flags->until : "last"),
                      .silent = true,
                      .epoch_done = epoch_done,
                      .self = &v};
    weir_err_clear(&err);
    (void)read_spool(flags, &v.spool); /* cli_verify_flags looked at it */
    compare_report_of(flags, &v.c.report);
    if (!cli_job_open(flags, stderr, &v.r.job)) {
        done(&v);
        return WEIR_EXIT_USAGE;
    }
    weir_code rc = prepare(&v, &err);
    if (rc == WEIR_OK)
        rc = run(&v, &err);
    if (rc == WEIR_OK)
        rc = compare(&v, &err);
    int code = tell(&v, rc, &err);
    done(&v);
    return code;
}
