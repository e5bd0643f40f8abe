/* cli/connect: `weir check --connect`: opens what the job names, and says what it found.
 *
 * Gives      cli_connect.
 * Always     1. nothing is written but the store's probe keys.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "cli.h"

static bool report(const char *what, weir_str name, weir_code rc, const weir_err *err)
{
    if (rc == WEIR_OK) {
        printf("ok       %s %.*s\n", what, WEIR_STR_FMT(name));
        return true;
    }
    printf("failed   %s %.*s: %s%s%s\n", what, WEIR_STR_FMT(name), err->msg,
           err->hint[0] ? "; " : "", err->hint);
    return false;
}

static bool connect_source(const cli_flags *flags, const weir_plan *plan,
                           const weir_table *table, weir_arena *arena)
{
    weir_err err;
    weir_err_clear(&err);
    weir_str connector = weir_str_of(table->connector->name);
    const weir_source_kind *kind =
        flags->embedded ? cli_source_kind_embedded(connector) : cli_source_kind(connector);
    weir_source_setup setup = {
        .table = table->name, .opts = table->opts, .job = plan->settings.job_name,
        .clock = weir_clock_system(), .embedded = weir_str_of(flags->embedded),
        .queue_bytes = 1 << 20};
    weir_source *source = NULL;
    weir_partition_info *info = NULL;
    uint32_t partitions = 0;
    weir_code rc = weir_source_new(kind, &setup, &source, &err);
    if (rc == WEIR_OK)
        rc = kind->discover(source, arena, &info, &partitions, &err);
    bool good = report("source", table->name, rc, &err);
    int64_t records = 0;
    for (uint32_t i = 0; i < partitions; i++)
        records += info[i].end - info[i].low;
    if (good)
        printf("         %u partitions, up to %lld records\n", partitions,
               (long long)records);
    weir_source_free(source);
    return good;
}

static bool connect_store(const cli_flags *flags, const weir_plan *plan)
{
    weir_err err;
    weir_err_clear(&err);
    cli_places places = {.flags = flags, .plan = plan};
    weir_store *store = NULL;
    weir_str prefix;
    weir_str location = plan->settings.checkpoint_location;
    weir_code rc = cli_store_at(&places, location, &store, &prefix, &err);
    if (rc == WEIR_OK)
        rc = weir_store_probe(store, prefix, &err);
    weir_store_free(store);
    return report("store", location, rc, &err);
}

/* Opening such a sink asks nothing of the bucket. The schema's file need not be there. */
static weir_code connect_files(cli_places *places, const weir_table *table, weir_err *err)
{
    weir_arena *arena = weir_arena_new("files", 4096);
    weir_store *store = NULL;
    weir_str    prefix;
    weir_buf    body = {0};
    weir_code rc = cli_store_at(places, weir_opts_text(table->opts, "path"), &store, &prefix,
                                err);
    if (rc == WEIR_OK) {
        const char *key = weir_arena_text(arena, "%.*s%s_schema.avsc", WEIR_STR_FMT(prefix),
                                          prefix.len > 0 ? "/" : "");
        rc = weir_store_get_one(store, weir_str_of(key), &body, err);
    }
    if (rc == WEIR_E_NOTFOUND) {
        weir_err_clear(err);
        rc = WEIR_OK;
    }
    weir_buf_done(&body);
    weir_store_free(store);
    weir_arena_free(arena);
    return rc;
}

static bool connect_sink(const cli_flags *flags, const weir_plan *plan,
                         const weir_table *table)
{
    weir_err err;
    weir_err_clear(&err);
    weir_str connector = weir_str_of(table->connector->name);
    const weir_sink_kind *kind =
        flags->embedded ? cli_sink_kind_embedded(connector) : cli_sink_kind(connector);
    cli_places places = {.flags = flags, .plan = plan};
    weir_sink_table target = {.name = table->name, .schema = &table->schema,
                              .keys = table->keys, .key = table->key, .opts = table->opts,
                              .final = table->final, .sql_at = table->sql_at};
    atomic_int stop = 0;
    weir_sink_setup setup = {
        .group = table->name, .table = &target, .tables = 1,
        .job = plan->settings.job_name, .lineage = 1, .task = WEIR_STR("t0"),
        .clock = weir_clock_system(), .open_bytes_max = 1 << 20,
        .embedded = weir_str_of(flags->embedded), .output = WEIR_STR("json"),
        .stop = &stop, .store_at = cli_store_at, .store_self = &places};
    weir_sink *sink = NULL;
    weir_code rc = weir_sink_new(kind, &setup, &sink, &err);
    weir_sink_free(sink);
    if (rc == WEIR_OK && weir_str_is(connector, "s3"))
        rc = connect_files(&places, table, &err);
    return report("sink", table->name, rc, &err);
}

int cli_connect(const cli_flags *flags, const weir_plan *plan)
{
    weir_arena *arena = weir_arena_new("connect", 4096);
    bool good = connect_store(flags, plan);
    for (uint32_t t = 0; t < plan->tables; t++) {
        const weir_table *table = &plan->table[t];
        good &= table->source ? connect_source(flags, plan, table, arena)
                              : connect_sink(flags, plan, table);
    }
    weir_arena_free(arena);
    return good ? WEIR_EXIT_DONE : WEIR_EXIT_JOB;
}
