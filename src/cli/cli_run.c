/* cli/run: `weir run`: plans the job, starts what watches it, lets the engine work.
 *
 * Gives      weir_cli_run; cli_engine_setup, cli_engine_run, cli_engine_tell.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli_promote.h"
#include "weir/http_server.h"

static const char *output_of(const cli_flags *flags)
{
    if (flags->output)
        return flags->output;
    return isatty(STDOUT_FILENO) ? "table" : "json";
}

static void log_error(const weir_err *err)
{
    if (err->hint[0] == '\0')
        weir_log_error("stopped", WEIR_F_TEXT("error", err->msg),
                       WEIR_F_TEXT("exit", weir_exit_name(err->exit)),
                       WEIR_F_TEXT("where", err->where));
    else
        weir_log_error("stopped", WEIR_F_TEXT("error", err->msg),
                       WEIR_F_TEXT("hint", err->hint),
                       WEIR_F_TEXT("exit", weir_exit_name(err->exit)),
                       WEIR_F_TEXT("where", err->where));
}

static void log_summary(weir_status *status, int64_t took_us)
{
    weir_log_info("finished", WEIR_F_U64("records", atomic_load(&status->records)),
                  WEIR_F_U64("bad", atomic_load(&status->bad)),
                  WEIR_F_U64("late", atomic_load(&status->late)),
                  WEIR_F_U64("duplicate", atomic_load(&status->duplicate)),
                  WEIR_F_U64("skipped", atomic_load(&status->skipped)),
                  WEIR_F_U64("rows_out", atomic_load(&status->rows_out)),
                  WEIR_F_MS("sink_ms", atomic_load(&status->sink_us)),
                  WEIR_F_U64("epoch", atomic_load(&status->epoch)),
                  WEIR_F_MS("took_ms", took_us));
}

static weir_code serve(const weir_plan *plan, const weir_status *status,
                       weir_http_server **out, weir_err *err)
{
    *out = NULL;
    const weir_job_settings *job = &plan->settings;
    if (job->http_listen.len == 0)
        return WEIR_OK;
    weir_code rc = weir_http_start(job->http_listen, job->http_listen_given, status, out, err);
    if (rc == WEIR_OK)
        weir_log_info("listening", WEIR_F_U64("port", weir_http_port(*out)));
    return rc;
}

weir_engine_setup cli_engine_setup(const cli_flags *flags, const weir_plan *plan,
                                   const atomic_int *stop, weir_status *status,
                                   cli_places *places)
{
    bool embedded = flags->embedded != NULL;
    *places = (cli_places){.flags = flags, .plan = plan};
    return (weir_engine_setup){
        .plan = plan, .clock = weir_clock_system(), .stop = stop, .status = status,
        .leave_open = flags->leave_open,
        .fresh = flags->fresh, .keep_output = flags->keep_output,
        .take_over = flags->take_over || embedded,
        .allow = {.reset = flags->allow_reset.at, .resets = flags->allow_reset.count,
                  .partial = flags->allow_partial.at,
                  .partials = flags->allow_partial.count},
        .embedded = weir_str_of(embedded ? flags->embedded : ""),
        .output = weir_str_of(output_of(flags)),
        .source_kind = embedded ? cli_source_kind_embedded : cli_source_kind,
        .sink_kind = embedded ? cli_sink_kind_embedded : cli_sink_kind,
        .store_at = cli_store_at, .store_self = places};
}

/* Where the live job stands; waits while the store is away. */
static weir_code stand(const cli_flags *flags, const weir_plan *plan, const atomic_int *stop,
                       cli_standing *standing, weir_engine_setup *setup, weir_err *err)
{
    weir_backoff backoff = {.clock = setup->clock};
    weir_code rc = cli_standing_open(flags, plan, stop, standing, err);
    while (rc != WEIR_OK && err->fate == WEIR_FATE_RETRY && !atomic_load(stop)) {
        if (backoff.tries == 0)
            weir_log_warn("is away", WEIR_F_TEXT("what", "the checkpoint's store"),
                          WEIR_F_TEXT("error", err->msg));
        weir_backoff_wait(&backoff);
        cli_standing_close(standing);
        weir_err_clear(err);
        rc = cli_standing_open(flags, plan, stop, standing, err);
    }
    if (rc != WEIR_OK)
        return rc;
    if (backoff.tries > 0)
        weir_log_info("is back", WEIR_F_TEXT("what", "the checkpoint's store"));
    setup->plan = standing->plan;
    setup->lineage = standing->lineage;
    setup->origin = standing->has_origin ? &standing->origin : NULL;
    return WEIR_OK;
}

weir_code cli_engine_run(const cli_flags *flags, const weir_plan *plan,
                         const weir_replay *replay, const atomic_int *stop,
                         weir_status *status, weir_err *err)
{
    cli_places places;
    cli_standing standing = {.arena = NULL};
    weir_engine_setup setup = cli_engine_setup(flags, plan, stop, status, &places);
    setup.until_end = flags->until_end || replay != NULL;
    setup.replay = replay;
    if (replay && replay->silent)
        setup.sink_kind = cli_sink_kind_embedded; /* its tables are in files of its own */
    weir_http_server *server = NULL;
    weir_code rc = serve(plan, status, &server, err);
    if (rc == WEIR_OK && replay == NULL)
        rc = stand(flags, plan, stop, &standing, &setup, err);
    if (rc == WEIR_OK) {
        cli_progress *progress = setup.until_end ? cli_progress_start(status) : NULL;
        rc = weir_engine_run(&setup, err);
        cli_progress_stop(progress);
    }
    cli_standing_close(&standing);
    weir_http_stop(server);
    return rc;
}

int cli_engine_tell(weir_code rc, weir_status *status, int64_t took_us, const weir_err *err)
{
    if (rc == WEIR_OK)
        log_summary(status, took_us);
    else
        log_error(err);
    weir_log_flush();
    return rc == WEIR_OK ? WEIR_EXIT_DONE : (int)err->exit;
}

static weir_code run_job(const cli_flags *flags, cli_job *job, const atomic_int *stop,
                         weir_status *status, weir_err *err)
{
    weir_code rc = flags->embedded ? cli_lock(flags->embedded, "lock", stop, err) : WEIR_OK;
    if (rc == WEIR_OK)
        rc = cli_settle(flags, job, err);
    if (rc == WEIR_OK)
        rc = cli_engine_run(flags, job->plan, NULL, stop, status, err);
    cli_unsettle(job);
    return rc;
}

int weir_cli_run(int count, char **argument, const atomic_int *stop)
{
    cli_flags flags = {.arguments_most = 0};
    int code;
    if (!cli_begin("run", count, argument, &flags, &code))
        return code;
    cli_job job;
    if (!cli_job_open(&flags, stderr, &job)) {
        cli_job_close(&job);
        return WEIR_EXIT_USAGE;
    }
    weir_status *status = weir_heap_new(1, sizeof *status);
    weir_clock *clock = weir_clock_system();
    int64_t start = clock->mono_us(clock);
    weir_err err;
    weir_err_clear(&err);
    weir_code rc = run_job(&flags, &job, stop, status, &err);
    code = cli_engine_tell(rc, status, clock->mono_us(clock) - start, &err);
    weir_heap_free(status);
    cli_job_close(&job);
    return code;
}
