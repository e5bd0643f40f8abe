/* cli/replay: `weir replay`: the job once more over what it read, into a namespace.
 *
 * Gives      weir_cli_replay; cli_replay_limits, _find_epochs, _steps.
 * Always     1. what the live job owns is read and never written: see cli_namespace.
 *            2. what was begun goes on as it was begun: another --from or --until is refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli_namespace.h"
#include "cli_replay.h"
#include "cli_steps.h"

#define RATE_MAX 1000000000u /* records a second */

static bool is_earliest(const cli_replaying *r)
{
    return weir_str_is(r->replay.from_asked, "earliest");
}

static bool is_to_end(const cli_replaying *r)
{
    return weir_str_is(r->replay.until_asked, "end");
}

static weir_code read_rate(const char *text, uint64_t *out, weir_err *err)
{
    weir_str number = weir_str_of(text);
    if (number.len > 2 && strcmp(text + number.len - 2, "/s") == 0)
        number.len -= 2;
    if (weir_str_to_u64(number, out) && *out > 0 && *out <= RATE_MAX)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG, "--rate '%s' is no number of records a second", text);
    return weir_err_hint(err, "1 to %u, as --rate 5000", RATE_MAX);
}

static weir_code read_memory(const char *text, weir_arena *arena, int64_t *out,
                             weir_err *err)
{
    const weir_option *const tables[3] = {weir_job_options, NULL, NULL};
    weir_setting setting = {.name = WEIR_STR("memory.limit"), .value = weir_str_of(text),
                            .name_at = -1, .value_at = -1};
    weir_opts *opts = NULL;
    weir_code rc = weir_opts_read(tables, &setting, 1, arena, &opts, err);
    if (rc != WEIR_OK)
        return weir_err_note(err, "--memory");
    *out = weir_opts_int(opts, "memory.limit");
    return WEIR_OK;
}

weir_code cli_replay_limits(cli_replaying *r, weir_err *err)
{
    const cli_flags *flags = r->flags;
    weir_code rc = WEIR_OK;
    if (flags->memory)
        rc = read_memory(flags->memory, r->job.arena, &r->plan->settings.memory_limit, err);
    if (rc == WEIR_OK && flags->rate)
        rc = read_rate(flags->rate, &r->replay.rate, err);
    return rc;
}

/* The plan in its namespace, with what the flags say otherwise. */
static weir_code plan_it(cli_replaying *r, weir_err *err)
{
    weir_code rc = cli_settle(r->flags, &r->job, err);
    if (rc == WEIR_OK)
        rc = cli_namespace_plan(r->job.plan, r->name, r->job.arena, &r->plan, err);
    return rc == WEIR_OK ? cli_replay_limits(r, err) : rc;
}

static weir_code lock_it(const cli_replaying *r, weir_err *err)
{
    const char *folder = r->flags->embedded;
    struct stat facts;
    if (folder == NULL)
        return WEIR_OK;
    if (stat(folder, &facts) != 0)
        return weir_fail(err, WEIR_E_CONFIG, "there is no folder '%s'", folder);
    const char *name = weir_arena_text(r->job.arena, "lock.%.*s", WEIR_STR_FMT(r->name));
    return cli_lock(folder, name, r->stop, err);
}

static weir_code check_asked(const cli_replaying *r, const weir_facts *facts, weir_err *err)
{
    if (weir_str_eq(facts->replay_from, r->replay.from_asked) &&
        weir_str_eq(facts->replay_until, r->replay.until_asked))
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG,
                    "'%.*s' was begun as a replay from '%.*s' until '%.*s'",
                    WEIR_STR_FMT(r->name), WEIR_STR_FMT(facts->replay_from),
                    WEIR_STR_FMT(facts->replay_until));
    return weir_err_hint(err, "go on with these, choose another namespace, or pass --fresh");
}

/* What was begun under the namespace: its manifests say how to go on. */
static weir_code look_at_own(cli_replaying *r, weir_err *err)
{
    cli_flags flags = *r->flags;
    cli_lineage own;
    weir_facts facts;
    weir_manifest *last = NULL;
    bool finalised = false;
    flags.lineage = NULL; /* is the live job's */
    weir_code rc = cli_lineage_of(&flags, r->job.plan, r->name, r->stop, &own, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_look(own.checkpoint, own.arena, &last, &finalised, err);
    r->begun = rc == WEIR_OK && last != NULL;
    if (r->begun)
        rc = weir_facts_read(last, own.arena, &facts, err);
    if (r->begun && rc == WEIR_OK)
        rc = check_asked(r, &facts, err); /* 2 */
    if (r->begun && rc == WEIR_OK) {
        r->reached = facts.until_epoch;
        r->replay.last_epoch = facts.last_epoch;
        r->done = facts.end && finalised && facts.until_epoch == facts.last_epoch;
    }
    cli_lineage_close(&own);
    if (rc != WEIR_E_NOTFOUND)
        return rc;
    weir_err_clear(err);
    return WEIR_OK;
}

static weir_code find_epoch(cli_replaying *r, const char *flag, weir_str asked,
                            const weir_manifest **out, weir_err *err)
{
    weir_manifest *found = NULL;
    const char *text = weir_arena_text(r->job.arena, "%.*s", WEIR_STR_FMT(asked));
    weir_code rc = cli_lineage_epoch(&r->live, text, &found, err);
    *out = found;
    return rc == WEIR_OK ? rc : weir_err_note(err, "--%s", flag);
}

weir_code cli_replay_find_epochs(cli_replaying *r, weir_err *err)
{
    weir_replay *replay = &r->replay;
    if (is_earliest(r) && is_to_end(r))
        return WEIR_OK;
    weir_code rc = cli_lineage_of(r->flags, r->job.plan, WEIR_STR(""), r->stop, &r->live, err);
    if (rc == WEIR_OK && !is_earliest(r))
        rc = find_epoch(r, "from", replay->from_asked, &replay->from, err);
    if (rc == WEIR_OK && !is_to_end(r))
        rc = find_epoch(r, "until", replay->until_asked, &replay->until, err);
    replay->live = r->live.checkpoint;
    if (replay->until)
        replay->last_epoch = replay->until->epoch;
    if (replay->from)
        r->reached = replay->from->epoch;
    if (rc != WEIR_OK || !replay->from || !replay->until ||
        replay->from->epoch < replay->until->epoch)
        return rc;
    (void)weir_fail(err, WEIR_E_CONFIG, "--from is epoch %llu, and --until epoch %llu",
                    (unsigned long long)replay->from->epoch,
                    (unsigned long long)replay->until->epoch);
    return weir_err_hint(err, "--until names a later epoch");
}

static weir_code prepare(cli_replaying *r, weir_err *err)
{
    weir_code rc = plan_it(r, err);
    if (rc == WEIR_OK)
        rc = lock_it(r, err);
    if (rc == WEIR_OK && !r->flags->fresh)
        rc = look_at_own(r, err);
    return rc == WEIR_OK && !r->begun ? cli_replay_find_epochs(r, err) : rc;
}

/* To the next epoch of the live job at which it has to stand. */
static weir_code run_once(cli_replaying *r, bool go_on, weir_status *status, weir_err *err)
{
    cli_flags flags = *r->flags;
    flags.leave_open |= !is_to_end(r); /* what is closed is what that epoch had closed */
    flags.fresh &= !go_on;
    return cli_engine_run(&flags, r->plan, &r->replay, r->stop, status, err);
}

/* The live job is looked at again: its epochs have to be there still. */
static weir_code find_last(cli_replaying *r, const weir_manifest **out, weir_err *err)
{
    weir_manifest *last = NULL;
    weir_code rc = WEIR_OK;
    *out = r->replay.until;
    if (*out != NULL)
        return WEIR_OK;
    rc = cli_lineage_of(r->flags, r->job.plan, WEIR_STR(""), r->stop, &r->live, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_find(r->live.checkpoint, r->replay.last_epoch, r->live.arena,
                                  &last, err);
    *out = last;
    return rc;
}

/* Where runs of the live job ended it closed windows before their time, and what came later for
   them was late. */
weir_code cli_replay_steps(cli_replaying *r, weir_status *status, weir_err *err)
{
    const weir_manifest *last = NULL;
    cli_step *step = NULL;
    uint32_t steps = 0;
    weir_code rc = find_last(r, &last, err);
    if (rc == WEIR_OK)
        rc = cli_steps_find(&r->live, last, r->reached, &step, &steps, err);
    for (uint32_t i = 0; i < steps && rc == WEIR_OK && !atomic_load(r->stop); i++) {
        weir_arena *arena = weir_arena_new("step", 64 << 10);
        weir_manifest *until = NULL;
        rc = weir_checkpoint_read(r->live.checkpoint, step[i].gen, step[i].idx, arena, &until,
                                  err);
        r->replay.until = until;
        if (rc == WEIR_OK)
            rc = run_once(r, r->begun || i > 0, status, err);
        weir_arena_free(arena);
    }
    return rc;
}

static weir_code run_replay(cli_replaying *r, weir_status *status, weir_err *err)
{
    weir_code rc = prepare(r, err);
    if (rc != WEIR_OK)
        return rc;
    if (r->done) {
        weir_log_info("the replay is over", WEIR_F_STR("namespace", r->name));
        return WEIR_OK;
    }
    if (r->begun || is_to_end(r)) /* it goes on to where it was to end then */
        rc = run_once(r, false, status, err);
    bool over = is_to_end(r) || (r->begun && r->reached == r->replay.last_epoch);
    return rc == WEIR_OK && !over ? cli_replay_steps(r, status, err) : rc;
}

static bool check_flags(const cli_flags *flags)
{
    if (flags->verify)
        return cli_verify_flags(flags);
    if (!flags->spool && !flags->limit)
        return cli_into_check("replay", flags);
    fprintf(stderr, "weir replay: --spool and --limit belong to --verify\n");
    return false;
}

int weir_cli_replay(int count, char **argument, const atomic_int *stop)
{
    cli_flags flags = {.arguments_most = 0};
    int code;
    if (!cli_begin("replay", count, argument, &flags, &code))
        return code;
    if (!check_flags(&flags))
        return WEIR_EXIT_USAGE;
    if (flags.verify)
        return cli_verify(&flags, stop);
    cli_replaying r = {.flags = &flags, .stop = stop, .name = weir_str_of(flags.into)};
    r.replay.from_asked = weir_str_of(flags.from ? flags.from : "earliest");
    r.replay.until_asked = weir_str_of(flags.until ? flags.until : "end");
    if (!cli_job_open(&flags, stderr, &r.job)) {
        cli_job_close(&r.job);
        return WEIR_EXIT_USAGE;
    }
    weir_status *status = weir_heap_new(1, sizeof *status);
    weir_clock *clock = weir_clock_system();
    int64_t start = clock->mono_us(clock);
    weir_err err;
    weir_err_clear(&err);
    weir_code rc = run_replay(&r, status, &err);
    code = cli_engine_tell(rc, status, clock->mono_us(clock) - start, &err);
    weir_heap_free(status);
    cli_lineage_close(&r.live);
    cli_unsettle(&r.job);
    cli_job_close(&r.job);
    return code;
}
