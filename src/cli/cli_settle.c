/* cli/settle: what a job may leave out: its name and the place of its checkpoints.
 *
 * Gives      cli_settle, cli_unsettle, cli_remove_folder.
 * Always     1. a place for a while is used only where a second run starts anew anyway:
 *               bounded, rows are printed, nothing else is written.
 *            2. with real servers nothing is chosen silently that a next run must find.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define OPEN_FOLDERS 16 /* of the place for a while, when it is removed */

/* All that a run leaves behind is on standard output. */
static bool only_prints(const cli_flags *flags, const weir_plan *plan)
{
    bool prints = flags->until_end && !flags->leave_open;
    for (uint32_t t = 0; t < plan->tables; t++) {
        const weir_table *table = &plan->table[t];
        if (table->source)
            prints &= !weir_str_is(weir_opts_text(table->opts, "on_error"), "dead_letter");
        else
            prints &= strcmp(table->connector->name, "print") == 0;
    }
    return prints;
}

/* The file's name without its folder and ending, as far as it can be a job's name. */
static weir_str name_of_file(const char *file, weir_arena *arena)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash ? slash + 1 : file;
    weir_buf name = {0};
    for (; *base && strcmp(base, ".sql") != 0 && name.len < WEIR_JOB_NAME_MAX; base++) {
        char c = *base;
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        bool upper = c >= 'A' && c <= 'Z';
        weir_buf_byte(&name, (uint8_t)(good ? c : upper ? c - 'A' + 'a' : '_'));
    }
    weir_str text = strcmp(file, "-") == 0 || name.len == 0
                        ? WEIR_STR("job") : weir_str_copy(arena, weir_buf_view(&name));
    weir_buf_done(&name);
    return text;
}

static weir_code missing(const cli_flags *flags, const char *name, const char *value,
                         weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFIG, "'%s' does not set %s", flags->file, name);
    return weir_err_hint(err, "write SET %s = '%s'; or run it with --embedded DIR", name,
                         value);
}

static weir_code place_for_a_while(cli_job *job, weir_err *err)
{
    const char *root = getenv("TMPDIR");
    char *path = weir_arena_text(job->arena, "%s/weir-XXXXXX", root && *root ? root : "/tmp");
    if (mkdtemp(path) == NULL)
        return weir_fail(err, WEIR_E_IO, "could not make '%s': %s", path, strerror(errno));
    job->temporary = path;
    job->plan->settings.checkpoint_location = weir_str_of(path);
    return WEIR_OK;
}

weir_code cli_settle(const cli_flags *flags, cli_job *job, weir_err *err)
{
    weir_job_settings *settings = &job->plan->settings;
    bool prints = settings->checkpoint_location.len == 0 && only_prints(flags, job->plan);
    if (settings->job_name.len == 0 && !prints && flags->embedded == NULL) /* 2 */
        return missing(flags, "job.name", "a_stable_name", err);
    if (settings->job_name.len == 0)
        settings->job_name = name_of_file(flags->file, job->arena);
    if (settings->checkpoint_location.len > 0)
        return WEIR_OK;
    if (prints) /* 1 */
        return place_for_a_while(job, err);
    if (flags->embedded == NULL)
        return missing(flags, "checkpoint.location", "s3://bucket/prefix", err);
    settings->checkpoint_location =
        weir_str_of(weir_arena_text(job->arena, "%s/checkpoints", flags->embedded));
    return WEIR_OK;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk)
{
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

void cli_remove_folder(const char *path)
{
    (void)nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
}

void cli_unsettle(const cli_job *job)
{
    if (job->temporary)
        cli_remove_folder(job->temporary);
}
