/* cli/job: one SQL file, read and planned; its errors printed as file:line:column.
 *
 * Gives      cli_job_open, cli_job_close, cli_begin, cli_fail, weir_cli_check,
 *            weir_cli_explain.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static bool read_file(const char *name, weir_buf *out)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    if (file == NULL) {
        fprintf(stderr, "weir: could not read '%s': %s\n", name, strerror(errno));
        return false;
    }
    size_t got;
    do {
        char *room = weir_buf_more(out, 64 << 10);
        got = fread(room, 1, 64 << 10, file);
        out->len += got;
    } while (got > 0 && out->len <= WEIR_SQL_BYTES_MAX);
    bool good = !ferror(file);
    if (!good)
        fprintf(stderr, "weir: could not read '%s': %s\n", name, strerror(errno));
    if (file != stdin)
        fclose(file);
    return good;
}

static void print_buf(weir_buf *text, FILE *to)
{
    fwrite(text->at, 1, text->len, to);
    weir_buf_done(text);
}

bool cli_job_open(const cli_flags *flags, FILE *errors_to, cli_job *out)
{
    memset(out, 0, sizeof *out);
    if (flags->file == NULL) {
        fprintf(stderr, "weir: which SQL file? as in 'weir run job.sql'\n");
        return false;
    }
    if (!read_file(flags->file, &out->text))
        return false;
    out->arena = weir_arena_new("plan", 64 << 10);
    weir_sql_input input = {
        .file = flags->file, .text = weir_buf_view(&out->text),
        .catalog = cli_catalog(out->arena), .param = flags->param, .params = flags->params,
        .lenient_variables = flags->embedded != NULL, .bounded = flags->until_end,
        .terminal_select = true};
    weir_sql_errors errors;
    memset(&errors, 0, sizeof errors);
    if (weir_sql_plan(&input, out->arena, &out->plan, &errors) == WEIR_OK)
        return true;
    weir_buf text = {0};
    weir_sql_errors_print(&text, flags->file, &errors);
    print_buf(&text, errors_to);
    fflush(errors_to);
    return false;
}

void cli_job_close(cli_job *job)
{
    weir_arena_free(job->arena);
    weir_buf_done(&job->text);
}

int cli_fail(const char *command, const weir_err *err)
{
    fprintf(stderr, "weir %s: %s%s%s\n", command, err->msg, err->hint[0] ? "; " : "", err->hint);
    return (int)err->exit;
}

bool cli_begin(const char *command, int count, char **argument, cli_flags *out, int *out_code)
{
    *out_code = WEIR_EXIT_USAGE;
    if (!cli_flags_read(command, count, argument, out))
        return false;
    if (out->help) {
        *out_code = cli_help(command);
        return false;
    }
    weir_log_start(out->log_json, out->log_level);
    return true;
}

int weir_cli_check(int count, char **argument, const atomic_int *stop)
{
    (void)stop;
    cli_flags flags = {.arguments_most = 0};
    int rc;
    if (!cli_begin("check", count, argument, &flags, &rc))
        return rc;
    cli_job job;
    bool good = cli_job_open(&flags, stdout, &job); /* they are what it finds */
    if (good)
        printf("%s: ok, %u tables, %u steps\n", flags.file, job.plan->tables,
               job.plan->nodes);
    if (good && flags.connect)
        rc = cli_connect(&flags, job.plan);
    else
        rc = good ? WEIR_EXIT_DONE : WEIR_EXIT_USAGE;
    cli_job_close(&job);
    return rc;
}

int weir_cli_explain(int count, char **argument, const atomic_int *stop)
{
    cli_flags flags = {.arguments_most = 0};
    int rc;
    if (!cli_begin("explain", count, argument, &flags, &rc))
        return rc;
    if (flags.output != NULL && flags.against == NULL) {
        fprintf(stderr, "weir explain: --output goes with --against; see 'weir help explain'\n");
        return WEIR_EXIT_USAGE;
    }
    cli_job job;
    bool good = cli_job_open(&flags, stderr, &job);
    rc = good ? WEIR_EXIT_DONE : WEIR_EXIT_USAGE;
    if (good && flags.against != NULL) {
        rc = cli_against(&flags, job.plan, stop);
    } else if (good) {
        weir_buf text = {0};
        weir_plan_print(&text, job.plan);
        print_buf(&text, stdout);
    }
    cli_job_close(&job);
    return rc;
}
