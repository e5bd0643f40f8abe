/* tests/decode: a decoder for tests, from a few words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const weir_option source_options[] = {
    {.name = "encoding.*", .type = WEIR_OPT_TEXT, .help = "as sql's"},
    {.name = "field.*", .type = WEIR_OPT_TEXT, .help = "as sql's"},
    {0},
};

bool decode_type(weir_str text, weir_type *out)
{
    static const char *const names[WEIR_T_COUNT] = {
        "",      "boolean", "smallint", "integer",   "bigint",
        "real",  "double",  "numeric",  "text",      "bytea",
        "jsonb", "date",    "time",     "timestamp", "timestamptz",
    };
    char     copy[64];
    unsigned a = 0, b = 0;
    snprintf(copy, sizeof copy, "%.*s", WEIR_STR_FMT(text));
    char *paren = strchr(copy, '(');
    int   parts = paren ? sscanf(paren, "(%u,%u)", &a, &b) : 0;
    if (paren)
        *paren = 0;
    bool varchar = strcmp(copy, "varchar") == 0;
    for (int i = 1; i < WEIR_T_COUNT; i++) {
        if (!names[i] || strcmp(varchar ? "text" : copy, names[i]) != 0)
            continue;
        *out = weir_type_of((weir_type_id)i);
        if (i == WEIR_T_NUMERIC && parts > 0) {
            out->precision = (uint8_t)a;
            out->scale = (uint8_t)b;
        }
        out->length = varchar ? a : 0;
        return true;
    }
    return false;
}

static uint8_t from_of(weir_str name)
{
    static const struct {
        const char *name;
        uint8_t     from;
    } metas[] = {
        {"_topic", WEIR_FROM_TOPIC},   {"_partition", WEIR_FROM_PARTITION},
        {"_offset", WEIR_FROM_OFFSET}, {"_timestamp", WEIR_FROM_TIMESTAMP},
        {"_key", WEIR_FROM_KEY},       {"_headers", WEIR_FROM_HEADERS},
        {"_op", WEIR_FROM_OP},         {"_source_ts", WEIR_FROM_SOURCE_TS},
        {"_path", WEIR_FROM_PATH},     {"_row", WEIR_FROM_ROW},
    };
    for (size_t i = 0; i < sizeof metas / sizeof *metas; i++) {
        if (weir_str_is(name, metas[i].name))
            return metas[i].from;
    }
    return WEIR_FROM_FIELD;
}

static void add_column(decode_bench *bench, weir_str text)
{
    uint32_t i = bench->schema.count++;
    weir_assert(i < DECODE_COLUMNS);
    const char *colon = memrchr(text.at, ':', text.len);
    weir_assert(colon != NULL);
    weir_str    name = {text.at, (size_t)(colon - text.at)};
    weir_str    type = {colon + 1, text.len - name.len - 1};
    const char *equals = memchr(name.at, '=', name.len);
    bench->path[i] = name;
    if (equals) {
        bench->path[i] = (weir_str){equals + 1, (size_t)(name.at + name.len - equals - 1)};
        name.len = (size_t)(equals - name.at);
    }
    bench->needed[i] = true;
    while (type.len && strchr("!-", type.at[type.len - 1])) {
        bench->field[i].not_null = bench->field[i].not_null || type.at[type.len - 1] == '!';
        bench->needed[i] = bench->needed[i] && type.at[type.len - 1] != '-';
        type.len--;
    }
    bench->field[i].name = name;
    bench->from[i] = from_of(name);
    bool known = decode_type(type, &bench->field[i].type);
    if (!known)
        fprintf(stderr, "no type '%.*s'\n", WEIR_STR_FMT(type));
    weir_assert(known);
}

/* Splits at `by`, outside of brackets. */
static weir_str next_part(weir_str *rest, char by)
{
    size_t i = 0;
    for (int depth = 0; i < rest->len && (depth || rest->at[i] != by); i++)
        depth += rest->at[i] == '(' ? 1 : rest->at[i] == ')' ? -1 : 0;
    weir_str part = {rest->at, i};
    rest->at += i < rest->len ? i + 1 : i;
    rest->len -= i < rest->len ? i + 1 : i;
    return part;
}

/* "key=1": the first column is the key; "whole=no": images may be partial. */
static bool for_the_setup(decode_bench *bench, weir_str part)
{
    static const uint32_t first[] = {0};
    if (weir_str_is(part, "whole=no"))
        bench->setup.images_whole = false;
    else if (weir_str_is(part, "key=1"))
        bench->setup.key = first, bench->setup.keys = 1;
    else
        return false;
    return true;
}

static size_t read_settings(decode_bench *bench, weir_str text, weir_setting *out)
{
    size_t count = 0;
    while (text.len) {
        weir_str part = next_part(&text, ';');
        if (for_the_setup(bench, part))
            continue;
        const char *equals = memchr(part.at, '=', part.len);
        weir_assert(equals != NULL);
        out[count++] =
            (weir_setting){.name = {part.at, (size_t)(equals - part.at)},
                           .value = {equals + 1, (size_t)(part.at + part.len - equals - 1)},
                           .name_at = -1,
                           .value_at = -1};
    }
    return count;
}

weir_code decode_try(decode_bench *bench, const char *format, const char *columns,
                     const char *options)
{
    static const int32_t     partition_number[] = {7};
    static const weir_str    partition_name[] = {{"7", 1}};
    const weir_decoder_kind *kind = weir_decoder_find(weir_str_of(format));
    weir_assert(kind != NULL);
    memset(bench, 0, sizeof *bench);
    weir_err_clear(&bench->err);
    bench->arena = weir_arena_new("decode bench", 4096);
    bench->epoch = weir_arena_new("decode epoch", 1 << 20);
    bench->schema.field = bench->field;
    weir_str rest = weir_str_copy(bench->arena, weir_str_of(columns));
    while (rest.len)
        add_column(bench, next_part(&rest, ','));
    bench->setup = (weir_decoder_setup){.schema = &bench->schema,
                                        .path = bench->path,
                                        .from = bench->from,
                                        .needed = bench->needed,
                                        .topic = WEIR_STR("topic"),
                                        .partition_name = partition_name,
                                        .partition_number = partition_number,
                                        .images_whole = true};
    weir_setting setting[32];
    weir_opts   *opts;
    size_t       count = 0;
    if (options)
        count = read_settings(bench, weir_str_copy(bench->arena, weir_str_of(options)),
                              setting);
    const weir_option *const tables[3] = {kind->options, source_options, NULL};
    weir_code rc = weir_opts_read(tables, setting, count, bench->arena, &opts, &bench->err);
    if (rc == WEIR_OK) {
        bench->setup.opts = opts;
        rc = weir_decoder_new(kind, &bench->setup, &bench->decoder, &bench->err);
    }
    if (rc != WEIR_OK)
        decode_stop(bench);
    return rc;
}

void decode_start(decode_bench *bench, const char *format, const char *columns,
                  const char *options)
{
    weir_code rc = decode_try(bench, format, columns, options);
    if (rc != WEIR_OK)
        fprintf(stderr, "%s (%s)\n", bench->err.msg, bench->err.hint);
    weir_assert(rc == WEIR_OK);
}

void decode_stop(decode_bench *bench)
{
    weir_decoder_free(bench->decoder);
    bench->decoder = NULL;
    weir_arena_free(bench->epoch);
    weir_arena_free(bench->arena);
}

void decode_views(decode_bench *bench, const weir_str *value, uint32_t count)
{
    weir_assert(count <= WEIR_DECODE_RECORDS);
    weir_arena_reset(bench->epoch);
    static const weir_header header[] = {{{"h", 1}, {"v\"1", 3}}, {{"n", 1}, {NULL, 0}}};
    weir_record             *record = WEIR_ARRAY(bench->epoch, weir_record, count);
    for (uint32_t i = 0; i < count; i++) {
        record[i] = (weir_record){.offset = 100 + i,
                                  .timestamp_us = 5000000,
                                  .key = WEIR_STR("key"),
                                  .headers = 2,
                                  .header = header};
        if (!value[i].at)
            continue;
        /* own memory, so that reading past the padding is found */
        char *at = weir_heap_new(value[i].len + WEIR_RECORD_PAD, 1);
        weir_arena_defer(bench->epoch, weir_heap_free, at);
        memcpy(at, value[i].at, value[i].len);
        memset(at + value[i].len, '"', WEIR_RECORD_PAD);
        record[i].value = (weir_str){at, value[i].len};
    }
    weir_block block = {.records = count, .record = record};
    bench->decoder->kind->decode(bench->decoder, &block, 0, count, bench->epoch,
                                 &bench->out);
}

void decode_text(decode_bench *bench, const char *value)
{
    weir_str view = weir_str_of(value);
    decode_views(bench, &view, 1);
}

const char *decode_row(decode_bench *bench, uint32_t row)
{
    weir_buf          buf = {0};
    const weir_batch *rows = bench->out.rows;
    weir_assert(row < rows->rows);
    for (uint32_t i = 0; i < bench->schema.count; i++) {
        if (!bench->needed[i])
            continue;
        weir_datum datum = weir_column_get(&rows->column[i], row);
        if (buf.len)
            weir_buf_byte(&buf, ' ');
        weir_buf_str(&buf, bench->field[i].name);
        weir_buf_byte(&buf, '=');
        if (datum.null)
            weir_buf_text(&buf, "NULL");
        else
            weir_datum_print(&buf, bench->field[i].type, &datum);
    }
    snprintf(bench->text, sizeof bench->text, "%.*s", (int)buf.len, buf.at);
    weir_buf_done(&buf);
    return bench->text;
}

const char *decode_event(decode_bench *bench, uint32_t i)
{
    static const char *const kinds[] = {"row", "skip", "bad", "truncate"};
    weir_assert(i < bench->out.events);
    const weir_event *event = &bench->out.event[i];
    char             *at = bench->text;
    char             *end = at + sizeof bench->text;
    at += snprintf(at, (size_t)(end - at), "%s", kinds[event->kind]);
    if (event->kind == WEIR_EVENT_ROW)
        at += snprintf(at, (size_t)(end - at), " %c", event->op);
    if (event->before != WEIR_NO_ROW)
        at += snprintf(at, (size_t)(end - at), " -%u", event->before);
    if (event->after != WEIR_NO_ROW)
        at += snprintf(at, (size_t)(end - at), " +%u", event->after);
    if (event->before_bad)
        at += snprintf(at, (size_t)(end - at), " before_bad");
    if (event->problem != WEIR_NO_ROW) {
        const weir_problem *problem = &bench->out.problem[event->problem];
        snprintf(at, (size_t)(end - at), " %s %.*s: %s", problem->code,
                 WEIR_STR_FMT(problem->column), problem->msg);
    }
    return bench->text;
}
