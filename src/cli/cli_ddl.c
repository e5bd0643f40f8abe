/* cli/ddl: `weir ddl`: prints what has to be created before a job writes its tables.
 *
 * Gives      weir_cli_ddl.
 * Never      opens anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const weir_sink_kind *kind_of(const cli_flags *flags, const weir_table *table)
{
    weir_str connector = weir_str_of(table->connector->name);
    return flags->embedded ? cli_sink_kind_embedded(connector) : cli_sink_kind(connector);
}

static weir_code print_table(const weir_sink_kind *kind, const weir_table *table,
                             weir_str server, weir_buf *out, weir_err *err)
{
    if (kind->ddl == NULL) {
        weir_buf_format(out, "-- %.*s: %s: nothing to create\n\n", WEIR_STR_FMT(table->name),
                        kind->name);
        return WEIR_OK;
    }
    weir_sink_table target = {.name = table->name, .schema = &table->schema,
                              .keys = table->keys, .key = table->key, .opts = table->opts,
                              .final = table->final, .sql_at = table->sql_at};
    weir_buf_format(out, "-- %.*s\n", WEIR_STR_FMT(table->name));
    weir_code rc = kind->ddl(&target, server, out, err);
    weir_buf_text(out, ";\n\n");
    return rc;
}

/* What every database of a kind needs comes once, before the first table of that kind. */
static weir_code print_all(const cli_flags *flags, const weir_plan *plan, weir_buf *out,
                           weir_err *err)
{
    weir_str server = weir_str_of(flags->server ? flags->server : "any");
    weir_code rc = WEIR_OK;
    for (uint32_t t = 0; t < plan->tables && rc == WEIR_OK; t++) {
        const weir_sink_kind *kind = plan->table[t].source ? NULL
                                                           : kind_of(flags, &plan->table[t]);
        bool first = kind != NULL && kind->ddl != NULL;
        for (uint32_t i = 0; i < t && first; i++)
            first = plan->table[i].source || kind_of(flags, &plan->table[i]) != kind;
        if (first)
            rc = kind->ddl(NULL, server, out, err);
        if (first)
            weir_buf_text(out, "\n");
        if (kind != NULL && rc == WEIR_OK)
            rc = print_table(kind, &plan->table[t], server, out, err);
    }
    return rc;
}

int weir_cli_ddl(int count, char **argument, const atomic_int *stop)
{
    (void)stop;
    cli_flags flags = {.arguments_most = 0};
    if (!cli_flags_read("ddl", count, argument, &flags))
        return WEIR_EXIT_USAGE;
    if (flags.help)
        return cli_help("ddl");
    cli_job job;
    weir_err err;
    weir_err_clear(&err);
    bool good = cli_job_open(&flags, stderr, &job);
    if (good) {
        weir_buf text = {0};
        good = print_all(&flags, job.plan, &text, &err) == WEIR_OK;
        if (good)
            fwrite(text.at, 1, text.len > 0 ? text.len - 1 : 0, stdout); /* no empty line */
        else
            (void)cli_fail("ddl", &err);
        weir_buf_done(&text);
    }
    cli_job_close(&job);
    return good ? WEIR_EXIT_DONE : WEIR_EXIT_USAGE;
}
