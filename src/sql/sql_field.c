/* sql/field: a source's columns: fields of the record, or facts about it; and its options.
 *
 * Gives      sql_table_fields.
 * Always     1. a column whose name begins with "_" is one of `metadata`, or "field.…"
 *               says which field it reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

typedef struct metadata_column {
    const char      *name;
    weir_column_from from;
    const char *types; /* letters: t text, b bytea, i integer, l bigint, z timestamptz, j */
    const char *connector; /* NULL: any */
    bool        changelog; /* only of change events */
} metadata_column;

static const metadata_column metadata[] = {
    {"_topic", WEIR_FROM_TOPIC, "t", "kafka", false},
    {"_partition", WEIR_FROM_PARTITION, "il", "kafka", false},
    {"_offset", WEIR_FROM_OFFSET, "l", "kafka", false},
    {"_timestamp", WEIR_FROM_TIMESTAMP, "z", "kafka", false},
    {"_key", WEIR_FROM_KEY, "tb", "kafka", false},
    {"_headers", WEIR_FROM_HEADERS, "j", "kafka", false},
    {"_op", WEIR_FROM_OP, "t", NULL, true},
    {"_source_ts", WEIR_FROM_SOURCE_TS, "z", NULL, true},
    {"_path", WEIR_FROM_PATH, "t", "file", false},
    {"_row", WEIR_FROM_ROW, "l", "file", false},
};
#define METADATA (sizeof metadata / sizeof metadata[0])

static const char *type_name(char letter)
{
    switch (letter) {
    case 'b':
        return "bytea";
    case 'i':
        return "integer";
    case 'l':
        return "bigint";
    case 'z':
        return "timestamptz";
    case 'j':
        return "jsonb";
    default:
        return "text";
    }
}

static bool has_type(const metadata_column *column, weir_type type)
{
    static const struct {
        char         letter;
        weir_type_id id;
    } letters[] = {{'t', WEIR_T_TEXT},  {'b', WEIR_T_BYTEA},       {'i', WEIR_T_INT32},
                   {'l', WEIR_T_INT64}, {'z', WEIR_T_TIMESTAMPTZ}, {'j', WEIR_T_JSONB}};
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        if (letters[i].id == type.id && type.length == 0)
            return strchr(column->types, letters[i].letter) != NULL;
    return false;
}

/* Reports at a column, whose place is one of the user's text. */
static void column_error(sql_job *job, const weir_table *table, uint32_t column,
                         const char *msg)
{
    weir_expr at = {.sql_at = table->column_at[column]};
    sql_error_bound(job, &at, "%s", msg);
}

static bool take_metadata(sql_job *job, weir_table *table, uint32_t column,
                          const metadata_column *meta)
{
    weir_type   type = table->schema.field[column].type;
    const char *connector = table->connector->name;
    bool        changelog = table->format != NULL && table->format->changelog;
    if (meta->connector != NULL && strcmp(meta->connector, connector) != 0) {
        column_error(job, table, column,
                     weir_arena_text(job->arena,
                                     "connector '%s' has no metadata column '%s'",
                                     connector, meta->name));
        return false;
    }
    if (meta->changelog && !changelog) {
        column_error(job, table, column,
                     weir_arena_text(job->arena, "'%s' is there for change events only",
                                     meta->name));
        sql_hint(job, "use a format such as 'debezium-json'");
        return false;
    }
    if (!has_type(meta, type)) {
        column_error(
            job, table, column,
            weir_arena_text(job->arena, "metadata column '%s' is of type %s%s%s, not %s",
                            meta->name, type_name(meta->types[0]),
                            meta->types[1] != '\0' ? " or " : "",
                            meta->types[1] != '\0' ? type_name(meta->types[1]) : "",
                            sql_type_text(job, type)));
        return false;
    }
    table->from[column] = meta->from;
    return true;
}

static bool take_underscore(sql_job *job, weir_table *table, uint32_t column)
{
    weir_str    name = table->schema.field[column].name;
    const char *names[METADATA];
    for (size_t i = 0; i < METADATA; i++) {
        if (weir_str_is(name, metadata[i].name))
            return take_metadata(job, table, column, &metadata[i]);
        names[i] = metadata[i].name;
    }
    column_error(job, table, column,
                 weir_arena_text(job->arena, "metadata column '%.*s' does not exist",
                                 WEIR_STR_FMT(name)));
    if (!sql_hint_nearest(job, name, names, METADATA))
        sql_hint(job, "a field of that name is read with \"field.%.*s\" = '%.*s'",
                 WEIR_STR_FMT(name), WEIR_STR_FMT(name));
    return false;
}

static uint32_t column_of(const weir_table *table, weir_str name)
{
    for (uint32_t i = 0; i < table->schema.count; i++)
        if (weir_str_eq(table->schema.field[i].name, name))
            return i;
    return WEIR_NONE;
}

static void no_such_column(sql_job *job, const weir_table *table, weir_str name,
                           int32_t origin)
{
    const char *names[WEIR_COLUMNS_MAX];
    weir_expr   at = {.sql_at = origin};
    for (uint32_t i = 0; i < table->schema.count; i++)
        names[i] = weir_str_copy(job->arena, table->schema.field[i].name).at;
    sql_error_bound(job, &at, "column '%.*s' does not exist in table '%.*s'",
                    WEIR_STR_FMT(name), WEIR_STR_FMT(table->name));
    (void)sql_hint_nearest(job, name, names, table->schema.count);
}

static int32_t place_of(sql_job *job, const weir_table *table, const char *prefix,
                        weir_str name)
{
    const char *full = weir_arena_text(job->arena, "%s.%.*s", prefix, WEIR_STR_FMT(name));
    return weir_opts_at(table->opts, full);
}

/* "field.COLUMN" and "encoding.COLUMN": the columns exist; paths are kept. */
static bool take_prefixed(sql_job *job, weir_table *table, const char *prefix)
{
    bool     failed = false;
    weir_str name;
    weir_str value;
    for (size_t i = 0; weir_opts_prefixed(table->opts, prefix, i, &name, &value); i++) {
        uint32_t column = column_of(table, name);
        int32_t  at = place_of(job, table, prefix, name);
        if (column == WEIR_NONE) {
            no_such_column(job, table, name, at);
            failed = true;
        } else if (value.len == 0) {
            weir_expr place = {.sql_at = at};
            sql_error_bound(job, &place, "option '%s.%.*s' is empty", prefix,
                            WEIR_STR_FMT(name));
            failed = true;
        } else if (strcmp(prefix, "field") == 0) {
            table->path[column] = value;
        }
    }
    return !failed;
}

static bool take_event_time(sql_job *job, weir_table *table)
{
    weir_str  name = weir_opts_text(table->opts, "event_time");
    weir_expr at = {.sql_at = weir_opts_at(table->opts, "event_time")};
    if (name.at == NULL) {
        if (!weir_opts_given(table->opts, "watermark"))
            return true;
        at.sql_at = weir_opts_at(table->opts, "watermark");
        sql_error_bound(job, &at, "watermark needs event_time");
        sql_hint(job, "add event_time = 'COLUMN'");
        return false;
    }
    uint32_t column = column_of(table, name);
    if (column == WEIR_NONE) {
        no_such_column(job, table, name, at.sql_at);
        return false;
    }
    weir_type type = table->schema.field[column].type;
    if (type.id != WEIR_T_TIMESTAMP && type.id != WEIR_T_TIMESTAMPTZ) {
        sql_error_bound(job, &at,
                        "event_time must be timestamp or timestamptz, and '%.*s' is %s",
                        WEIR_STR_FMT(name), sql_type_text(job, type));
        return false;
    }
    table->event_time = column;
    table->watermark_us = weir_opts_int(table->opts, "watermark");
    return true;
}

static bool is_letter_name(weir_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= WEIR_JOB_NAME_MAX;
}

/* '1000 per 100000' */
static bool is_limit(weir_str text)
{
    const char *per = memmem(text.at, text.len, " per ", 5);
    uint64_t    most;
    uint64_t    of;
    if (per == NULL)
        return false;
    size_t head = (size_t)(per - text.at);
    return weir_str_to_u64((weir_str){text.at, head}, &most) &&
           weir_str_to_u64((weir_str){per + 5, text.len - head - 5}, &of) && of > 0;
}

static bool check_errors(sql_job *job, const weir_table *table)
{
    const weir_opts *opts = table->opts;
    bool             dead = weir_str_is(weir_opts_text(opts, "on_error"), "dead_letter");
    bool             named = weir_opts_given(opts, "dead_letter");
    weir_str         limit = weir_opts_text(opts, "error_limit");
    weir_expr at = {.sql_at = weir_opts_at(opts, named ? "dead_letter" : "on_error")};
    if (dead && !named) {
        sql_error_bound(job, &at,
                        "on_error = 'dead_letter' needs a name for the dead letters");
        sql_hint(job, "add dead_letter = 'bad_%.*s'", WEIR_STR_FMT(table->name));
        return false;
    }
    if (named && !dead) {
        sql_error_bound(job, &at, "dead_letter needs on_error = 'dead_letter'");
        return false;
    }
    if (named && !is_letter_name(weir_opts_text(opts, "dead_letter"))) {
        sql_error_bound(job, &at, "dead_letter must be 1 to %u of a-z, 0-9, _ and -",
                        WEIR_JOB_NAME_MAX);
        return false;
    }
    if (limit.at != NULL && !is_limit(limit)) {
        at.sql_at = weir_opts_at(opts, "error_limit");
        sql_error_bound(job, &at, "error_limit must be like '1000 per 100000'");
        return false;
    }
    return true;
}

/* Options that only mean something for change events. */
static bool check_changelog(sql_job *job, const weir_table *table)
{
    static const char *const names[] = {"old_row", "snapshot_rows", "duplicates",
                                        "start_partial"};
    if (table->format != NULL && table->format->changelog) {
        if (weir_str_is(weir_opts_text(table->opts, "old_row"), "state") &&
            table->keys == 0) {
            weir_expr at = {.sql_at = weir_opts_at(table->opts, "old_row")};
            sql_error_bound(job, &at, "old_row = 'state' needs a PRIMARY KEY");
            return false;
        }
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!weir_opts_given(table->opts, names[i]))
            continue;
        weir_expr at = {.sql_at = weir_opts_at(table->opts, names[i])};
        sql_error_bound(job, &at, "%s is for change events, and format '%s' has none",
                        names[i], table->format != NULL ? table->format->name : "");
        return false;
    }
    return true;
}

bool sql_table_fields(sql_job *job, sql_table *entry)
{
    weir_table *table = entry->table;
    uint32_t    count = table->schema.count;
    bool        failed = false;
    table->path = WEIR_ARRAY(job->arena, weir_str, count + 1);
    table->from = WEIR_ARRAY(job->arena, weir_column_from, count + 1);
    table->needed = WEIR_ARRAY(job->arena, bool, count + 1);
    failed |= !take_prefixed(job, table, "field");
    failed |= !take_prefixed(job, table, "encoding");
    for (uint32_t i = 0; i < count; i++) {
        weir_str name = table->schema.field[i].name;
        if (table->path[i].at == NULL && weir_str_starts(name, "_")) /* field 1 */
            failed |= !take_underscore(job, table, i);
        else if (table->path[i].at == NULL)
            table->path[i] = name;
    }
    failed |= !take_event_time(job, table);
    failed |= !check_errors(job, table);
    failed |= !check_changelog(job, table);
    return !failed;
}
