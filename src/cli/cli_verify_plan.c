/* cli/verify_plan: the job as it is, with sinks of its own in one folder.
 *
 *     live                                   to verify
 *     mysql, sqlite                          sqlite:FOLDER/tN.sqlite, a file for each table
 *     s3                                     FOLDER/files/N/
 *     file, print                            /dev/null
 *     checkpoint.location, dead letters      FOLDER/checkpoints
 *
 * Gives      cli_verify_plan.
 * Always     1. no option of a sink that names a place of the live job is left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli_verify.h"

#define NAME "verify"

/* The table becomes one of another connector, with one option. */
static weir_code turn_into(weir_table *table, const char *connector, const char *option,
                           weir_str value, weir_arena *arena, weir_err *err)
{
    const weir_catalog *catalog = cli_catalog(arena);
    size_t              at = 0;
    while (at < catalog->connectors &&
           !(catalog->connector[at].sink &&
             strcmp(catalog->connector[at].name, connector) == 0))
        at++;
    if (at == catalog->connectors)
        return weir_fail(err, WEIR_E_CONFIG, "there is no sink '%s' in this build",
                         connector);
    const weir_option *const options[3] = {catalog->connector[at].options,
                                           weir_sink_options, NULL};
    weir_setting             setting = {
                    .name = weir_str_of(option), .value = value, .name_at = -1, .value_at = -1};
    weir_opts *opts = NULL;
    weir_code  rc = weir_opts_read(options, &setting, 1, arena, &opts, err);
    table->connector = &catalog->connector[at];
    table->format = NULL;
    table->opts = opts;
    table->like = WEIR_STR("");
    return rc;
}

static weir_code turn(weir_table *table, const char *folder, weir_arena *arena,
                      cli_output *out, weir_err *err)
{
    bool files = strcmp(table->connector->name, "s3") == 0;
    if (table->connector->keyed) {
        weir_str given = weir_opts_text(table->opts, "table");
        out->kind = CLI_OUTPUT_TABLE;
        out->live = given.len > 0 ? given : table->name;
        const char *url =
            weir_arena_text(arena, "sqlite:%s/t%u.sqlite", folder, out->table);
        return turn_into(table, "sqlite", "url", weir_str_of(url), arena, err);
    }
    out->kind = files ? CLI_OUTPUT_FILES : CLI_OUTPUT_PRINT;
    if (weir_opts_known(table->opts, "path"))
        out->live = cli_path_trim(weir_opts_text(table->opts, "path"));
    if (!files && out->live.len > 0)
        out->kind = CLI_OUTPUT_FILE;
    if (!files)
        return turn_into(table, "file", "path", WEIR_STR("/dev/null"), arena, err);
    const char *path = weir_arena_text(arena, "%s/files/%u", folder, out->table);
    table->opts = weir_opts_with(table->opts, "path", weir_str_of(path), arena);
    return WEIR_OK;
}

/* In consumer groups only: all else that has it is in the folder. */
static void name_job(weir_job_settings *settings, weir_arena *arena)
{
    if (settings->job_name.len + sizeof NAME <= WEIR_JOB_NAME_MAX)
        settings->job_name = weir_str_of(
            weir_arena_text(arena, "%.*s." NAME, WEIR_STR_FMT(settings->job_name)));
}

weir_code cli_verify_plan(const weir_plan *live, const char *folder, weir_arena *arena,
                          weir_plan **out, cli_output **out_output, uint32_t *out_outputs,
                          weir_err *err)
{
    weir_plan  *plan = WEIR_NEW(arena, weir_plan);
    cli_output *output = WEIR_ARRAY(arena, cli_output, live->tables + 1);
    uint32_t    outputs = 0;
    weir_code   rc = WEIR_OK;
    *plan = *live;
    plan->table = WEIR_ARRAY(arena, weir_table, live->tables + 1);
    memcpy(plan->table, live->table, sizeof *live->table * live->tables);
    for (uint32_t t = 0; t < live->tables && rc == WEIR_OK; t++) {
        if (live->table[t].source)
            continue;
        output[outputs] = (cli_output){.table = t, .other = WEIR_STR("its replay")};
        rc = turn(&plan->table[t], folder, arena, &output[outputs++], err);
    }
    cli_namespace_sources(plan, WEIR_STR(NAME), arena);
    name_job(&plan->settings, arena);
    plan->settings.http_listen_given = false; /* the live job may have the port */
    plan->settings.checkpoint_location =
        weir_str_of(weir_arena_text(arena, "%s/checkpoints", folder));
    *out = plan;
    *out_output = output;
    *out_outputs = outputs;
    return rc;
}
