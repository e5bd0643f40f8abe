/* cli/diff: `weir checkpoint diff`: what changed from one epoch to another.
 *
 * Gives      cli_checkpoint_diff.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli_lineage.h"

#define DIFF_EPOCHS_MAX 100000u /* whose rows and files are added up */

typedef struct sum { /* rows of a table, or files */
    weir_str name;
    uint64_t rows;
} sum;

typedef struct diff {
    cli_lineage   *lineage;
    weir_manifest *from_manifest, *to_manifest;
    weir_facts     from, to;
    sum           *table; /* of epochs behind `from` up to `to` */
    uint32_t       tables, table_room;
    uint64_t       records, bad, late, letters, files, file_bytes, file_rows;
    bool           json;
    weir_buf       text;
} diff;

static void add_rows(diff *d, weir_str table, uint64_t rows)
{
    uint32_t i = 0;
    while (i < d->tables && !weir_str_eq(d->table[i].name, table))
        i++;
    if (i == d->table_room) {
        uint32_t room = d->table_room ? d->table_room * 2 : 16;
        d->table = weir_heap_grow(d->table, d->table_room, room, sizeof *d->table);
        d->table_room = room;
    }
    if (i == d->tables)
        d->table[d->tables++] = (sum){.name = weir_str_copy(d->lineage->arena, table)};
    d->table[i].rows += rows;
}

static weir_code add_epoch(diff *d, uint64_t epoch, weir_err *err)
{
    weir_facts facts;
    weir_arena *arena = weir_arena_new("epoch", 16 << 10);
    weir_code rc = cli_lineage_facts(d->lineage, epoch, arena, &facts, err);
    if (rc == WEIR_OK) {
        d->records += facts.records;
        d->bad += facts.bad;
        d->late += facts.late;
        d->letters += facts.dead_letters;
        d->files += facts.files;
        for (uint32_t i = 0; i < facts.files; i++) {
            d->file_bytes += facts.file[i].bytes;
            d->file_rows += facts.file[i].rows;
        }
        for (uint32_t i = 0; i < facts.flows; i++)
            add_rows(d, facts.flow[i].table, facts.flow[i].rows);
    }
    weir_arena_free(arena);
    return rc;
}

static weir_code add_epochs(diff *d, weir_err *err)
{
    uint64_t from = d->from_manifest->epoch, to = d->to_manifest->epoch;
    if (from > to)
        return weir_fail(err, WEIR_E_CONFIG, "epoch %llu comes before epoch %llu: write the "
                                             "older one first",
                         (unsigned long long)to, (unsigned long long)from);
    if (to - from > DIFF_EPOCHS_MAX)
        return weir_fail(err, WEIR_E_LIMIT, "more than %u epochs lie between them",
                         DIFF_EPOCHS_MAX);
    weir_code rc = WEIR_OK;
    for (uint64_t epoch = from + 1; epoch <= to && rc == WEIR_OK; epoch++)
        rc = add_epoch(d, epoch, err);
    return rc;
}

static weir_code read_both(diff *d, const cli_flags *flags, weir_err *err)
{
    weir_code rc =
        cli_lineage_epoch(d->lineage, flags->argument[0], &d->from_manifest, err);
    if (rc == WEIR_OK)
        rc = cli_lineage_epoch(d->lineage, flags->argument[1], &d->to_manifest, err);
    if (rc == WEIR_OK)
        rc = weir_facts_read(d->from_manifest, d->lineage->arena, &d->from, err);
    if (rc == WEIR_OK)
        rc = weir_facts_read(d->to_manifest, d->lineage->arena, &d->to, err);
    return rc == WEIR_OK ? add_epochs(d, err) : rc;
}

static const weir_fact_partition *old_partition(const diff *d, const weir_fact_partition *of)
{
    for (uint32_t i = 0; i < d->from.partitions; i++) {
        const weir_fact_partition *one = &d->from.partition[i];
        if (weir_str_eq(one->table, of->table) && weir_str_eq(one->name, of->name))
            return one;
    }
    return NULL;
}

static const weir_fact_operator *old_operator(const diff *d, weir_str name)
{
    for (uint32_t i = 0; i < d->from.operators; i++)
        if (weir_str_eq(d->from.operator[i].name, name))
            return &d->from.operator[i];
    return NULL;
}

static void tell_partition(diff *d, const weir_fact_partition *to)
{
    static const weir_fact_partition none = {.watermark_us = INT64_MIN};
    const weir_fact_partition *old = old_partition(d, to);
    const weir_fact_partition *from = old ? old : &none;
    weir_buf *out = &d->text;
    if (from->next_offset == to->next_offset && from->watermark_us == to->watermark_us)
        return;
    if (d->json) {
        cli_json_item(out);
        cli_json_text(out, "table", to->table);
        cli_json_text(out, "partition", to->name);
        cli_json_i64(out, "from_offset", from->next_offset);
        cli_json_i64(out, "to_offset", to->next_offset);
        cli_time_json(out, "from_watermark", from->watermark_us);
        cli_time_json(out, "to_watermark", to->watermark_us);
        weir_buf_text(out, "}");
        return;
    }
    weir_buf_format(out, "  %.*s/%.*s  offset %lld to %lld  watermark ",
                    WEIR_STR_FMT(to->table), WEIR_STR_FMT(to->name),
                    (long long)from->next_offset, (long long)to->next_offset);
    cli_time(out, from->watermark_us);
    weir_buf_text(out, " to ");
    cli_time(out, to->watermark_us);
    weir_buf_text(out, "\n");
}

static void tell_operator(diff *d, const weir_fact_operator *to)
{
    static const weir_fact_operator none = {.rows = 0};
    const weir_fact_operator *old = old_operator(d, to->name);
    const weir_fact_operator *from = old ? old : &none;
    weir_buf *out = &d->text;
    if (from->rows == to->rows && from->bytes == to->bytes)
        return;
    if (d->json) {
        cli_json_item(out);
        cli_json_text(out, "step", to->name);
        cli_json_u64(out, "from_rows", from->rows);
        cli_json_u64(out, "to_rows", to->rows);
        cli_json_u64(out, "from_bytes", from->bytes);
        cli_json_u64(out, "to_bytes", to->bytes);
        weir_buf_text(out, "}");
        return;
    }
    weir_buf_format(out, "  %.*s  rows %llu to %llu, bytes %llu to %llu\n",
                    WEIR_STR_FMT(to->name), (unsigned long long)from->rows,
                    (unsigned long long)to->rows, (unsigned long long)from->bytes,
                    (unsigned long long)to->bytes);
}

static void tell_head(diff *d)
{
    weir_buf *out = &d->text;
    bool same_plan = d->from.plan == d->to.plan;
    if (d->json) {
        weir_buf_text(out, "{");
        cli_json_u64(out, "from", d->from_manifest->epoch);
        cli_json_u64(out, "to", d->to_manifest->epoch);
        cli_json_name(out, "same_plan");
        weir_buf_text(out, same_plan ? "true" : "false");
        cli_json_u64(out, "records", d->records);
        cli_json_u64(out, "bad", d->bad);
        cli_json_u64(out, "late", d->late);
        cli_json_u64(out, "dead_letters", d->letters);
        cli_json_u64(out, "files", d->files);
        cli_json_u64(out, "file_rows", d->file_rows);
        cli_json_u64(out, "file_bytes", d->file_bytes);
        return;
    }
    weir_buf_format(out, "from epoch %llu (", (unsigned long long)d->from_manifest->epoch);
    cli_time(out, d->from_manifest->written_us);
    weir_buf_format(out, ") to epoch %llu (", (unsigned long long)d->to_manifest->epoch);
    cli_time(out, d->to_manifest->written_us);
    weir_buf_format(out, ")%s\n", same_plan ? "" : ": the job's SQL changed");
    weir_buf_format(out, "  %llu records read; %llu bad, %llu late, %llu dead letters\n"
                         "  %llu files published: %llu rows, %llu bytes\n",
                    (unsigned long long)d->records, (unsigned long long)d->bad,
                    (unsigned long long)d->late, (unsigned long long)d->letters,
                    (unsigned long long)d->files, (unsigned long long)d->file_rows,
                    (unsigned long long)d->file_bytes);
}

static void tell_list(diff *d, const char *heading, const char *name)
{
    if (d->json)
        weir_buf_format(&d->text, "%s,\"%s\":[", strcmp(name, "positions") ? "]" : "", name);
    else
        weir_buf_format(&d->text, "%s\n", heading);
}

static void tell(diff *d)
{
    weir_buf *out = &d->text;
    tell_head(d);
    tell_list(d, "positions", "positions");
    for (uint32_t i = 0; i < d->to.partitions; i++)
        tell_partition(d, &d->to.partition[i]);
    tell_list(d, "state", "state");
    for (uint32_t i = 0; i < d->to.operators; i++)
        tell_operator(d, &d->to.operator[i]);
    tell_list(d, "rows written", "rows");
    for (uint32_t i = 0; i < d->tables; i++) {
        const sum *one = &d->table[i];
        if (!d->json) {
            weir_buf_format(out, "  %.*s  %llu\n", WEIR_STR_FMT(one->name),
                            (unsigned long long)one->rows);
            continue;
        }
        cli_json_item(out);
        cli_json_text(out, "table", one->name);
        cli_json_u64(out, "rows", one->rows);
        weir_buf_text(out, "}");
    }
    if (d->json)
        weir_buf_text(out, "]}\n");
}

int cli_checkpoint_diff(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    diff d = {.lineage = lineage, .json = flags->output && strcmp(flags->output, "json") == 0};
    weir_code rc = read_both(&d, flags, err);
    if (rc == WEIR_OK) {
        tell(&d);
        cli_print(&d.text);
    }
    weir_buf_done(&d.text);
    weir_heap_free(d.table);
    return rc == WEIR_OK ? WEIR_EXIT_DONE : -1;
}
