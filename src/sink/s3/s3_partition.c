/* sink/s3_partition: which folder a row's file is in.
 *
 *     partition_by   item {"," item}
 *     item           (column | "date" "(" column ")") ["AS" name]
 *
 * Gives      s3_partition_parse, s3_partition_raw, s3_partition_folder.
 * Always     1. no name is both a folder's and a column's of the file.
 *            2. NULL and '' are __HIVE_DEFAULT_PARTITION__.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define S3_PARTS_MAX 16u

typedef struct cursor {
    weir_arena *arena;
    weir_str    rest;
} cursor;

static void skip_blanks(cursor *at)
{
    while (at->rest.len > 0 && isspace((unsigned char)at->rest.at[0]))
        at->rest = (weir_str){at->rest.at + 1, at->rest.len - 1};
}

static bool take_char(cursor *at, char c)
{
    skip_blanks(at);
    if (at->rest.len == 0 || at->rest.at[0] != c)
        return false;
    at->rest = (weir_str){at->rest.at + 1, at->rest.len - 1};
    return true;
}

/* An identifier: folded to lower case, unless in double quotes. */
static bool take_name(cursor *at, weir_str *out)
{
    bool     quoted = take_char(at, '"');
    weir_str rest = at->rest;
    size_t   len = 0;
    while (len < rest.len &&
           (quoted ? rest.at[len] != '"'
                   : isalnum((unsigned char)rest.at[len]) || rest.at[len] == '_'))
        len++;
    if (len == 0 || (quoted && len == rest.len))
        return false;
    *out = weir_str_copy(at->arena, (weir_str){rest.at, len});
    if (!quoted)
        for (char *c = (char *)(uintptr_t)out->at; *c != '\0'; c++)
            *c = (char)tolower((unsigned char)*c);
    len += quoted;
    at->rest = (weir_str){rest.at + len, rest.len - len};
    return true;
}

static bool find_column(const weir_schema *schema, weir_str name, uint32_t *out)
{
    for (uint32_t c = 0; c < schema->count; c++) {
        if (!weir_str_eq(schema->field[c].name, name))
            continue;
        *out = c;
        return true;
    }
    return false;
}

static weir_code syntax(weir_str rest, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFIG, "partition_by cannot be read at '%.*s'",
                    WEIR_STR_FMT(rest));
    return weir_err_hint(err,
                         "write columns or date(column), each with AS name if need be, and "
                         "commas between them");
}

/* One item; *out_named is true when it has a name of its own. */
static weir_code parse_item(cursor *at, const weir_schema *schema, s3_part *out,
                            bool *out_named, weir_err *err)
{
    weir_str start = at->rest, column, as;
    if (!take_name(at, &column))
        return syntax(start, err);
    if (take_char(at, '(')) {
        out->date = weir_str_is(column, "date");
        if (!out->date || !take_name(at, &column) || !take_char(at, ')'))
            return syntax(start, err);
    }
    if (!find_column(schema, column, &out->column))
        return weir_fail(err, WEIR_E_CONFIG, "partition_by: there is no column '%.*s'",
                         WEIR_STR_FMT(column));
    uint8_t id = schema->field[out->column].type.id;
    if (out->date && id != WEIR_T_DATE && id != WEIR_T_TIMESTAMP &&
        id != WEIR_T_TIMESTAMPTZ)
        return weir_fail(err, WEIR_E_CONFIG, "partition_by: column '%.*s' has no date",
                         WEIR_STR_FMT(column));
    out->name = column;
    if (out->date)
        out->name = weir_str_of(weir_arena_text(at->arena, "%s_date", column.at));
    skip_blanks(at);
    cursor before = *at;
    *out_named = take_name(at, &as) && strcasecmp(as.at, "as") == 0;
    if (*out_named && !take_name(at, &out->name))
        return syntax(before.rest, err);
    if (!*out_named)
        *at = before;
    return WEIR_OK;
}

static weir_code check_names(const s3_sink *self, const bool *leave_out, weir_err *err)
{
    const weir_schema *schema = self->table->schema;
    weir_buf           segment = {0};
    weir_code          rc = WEIR_OK;
    uint32_t           column, left = schema->count;
    for (uint32_t c = 0; c < schema->count; c++)
        left -= leave_out[c];
    for (uint32_t p = 0; p < self->parts && rc == WEIR_OK; p++) {
        weir_str name = self->part[p].name;
        weir_buf_clear(&segment);
        if (!weir_key_segment(&segment, name) || segment.len != name.len || name.len > 64)
            rc = weir_fail(err, WEIR_E_CONFIG,
                           "partition_by: '%.*s' cannot be the name of a folder",
                           WEIR_STR_FMT(name));
        else if (find_column(schema, name, &column) && !leave_out[column])
            rc = weir_fail(
                err, WEIR_E_CONFIG,
                "partition_by: '%.*s' would be in the path and in the file, which "
                "readers refuse",
                WEIR_STR_FMT(name));
        for (uint32_t q = 0; q < p && rc == WEIR_OK; q++)
            if (weir_str_eq(self->part[q].name, name))
                rc = weir_fail(err, WEIR_E_CONFIG, "partition_by names '%.*s' twice",
                               WEIR_STR_FMT(name));
    }
    if (rc == WEIR_OK && left == 0)
        rc = weir_fail(err, WEIR_E_CONFIG, "partition_by leaves no column for the files");
    weir_buf_done(&segment);
    return rc;
}

weir_code s3_partition_parse(s3_sink *self, weir_str text, int32_t sql_at, bool *leave_out,
                             weir_err *err)
{
    cursor    at = {self->job, text};
    weir_code rc = WEIR_OK;
    self->part = WEIR_ARRAY(self->job, s3_part, S3_PARTS_MAX);
    skip_blanks(&at);
    while (rc == WEIR_OK && at.rest.len > 0) {
        bool named = false;
        if (self->parts == S3_PARTS_MAX)
            return weir_fail(err, WEIR_E_LIMIT, "partition_by has more than %u items",
                             S3_PARTS_MAX);
        s3_part *part = &self->part[self->parts++];
        rc = parse_item(&at, self->table->schema, part, &named, err);
        if (rc == WEIR_OK && !named && !part->date)
            leave_out[part->column] = true;
        bool more = rc == WEIR_OK && take_char(&at, ',');
        skip_blanks(&at);
        if (rc == WEIR_OK && more != (at.rest.len > 0))
            rc = syntax(at.rest, err);
    }
    if (rc == WEIR_OK)
        rc = check_names(self, leave_out, err);
    return rc == WEIR_OK ? rc : weir_err_at(err, sql_at);
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

static int64_t day_of(const weir_column *column, uint32_t row)
{
    weir_datum value = weir_column_get(column, row);
    return column->type.id == WEIR_T_DATE ? value.i64
                                          : floor_div(value.i64, 86400LL * 1000000);
}

void s3_partition_raw(const s3_sink *self, const weir_batch *batch, uint32_t row,
                      weir_buf *out)
{
    for (uint32_t p = 0; p < self->parts; p++) {
        const s3_part     *part = &self->part[p];
        const weir_column *column = &batch->column[part->column];
        bool               has = weir_column_has(column, row);
        weir_buf_byte(out, has);
        if (!has)
            continue;
        if (part->date) {
            weir_buf_u64(out, (uint64_t)day_of(column, row));
        } else if (weir_type_is_text(column->type)) {
            weir_buf_blob(out, weir_column_text(column, row));
        } else {
            size_t width = weir_type_width(column->type);
            weir_buf_add(out, (const char *)column->values + row * width, width);
            if (column->scales != NULL)
                weir_buf_byte(out, column->scales[row]);
        }
    }
}

bool s3_partition_folder(const s3_sink *self, const weir_batch *batch, uint32_t row,
                         weir_buf *out)
{
    weir_buf text = {0};
    bool     fits = true;
    for (uint32_t p = 0; p < self->parts && fits; p++) {
        const s3_part     *part = &self->part[p];
        const weir_column *column = &batch->column[part->column];
        size_t             from = out->len;
        weir_buf_str(out, part->name);
        weir_buf_byte(out, '=');
        weir_buf_clear(&text);
        weir_datum value = weir_column_get(column, row);
        if (!value.null && part->date) {
            weir_datum day = {.i64 = day_of(column, row)};
            weir_datum_print(&text, weir_type_of(WEIR_T_DATE), &day);
        } else if (!value.null) {
            weir_datum_print(&text, column->type, &value);
        }
        if (text.len == 0)
            weir_buf_text(out, S3_NULL_PARTITION);
        else
            fits = weir_key_segment(out, weir_buf_view(&text));
        fits = fits && out->len - from <= WEIR_KEY_SEGMENT_MAX;
        weir_buf_byte(out, '/');
    }
    weir_buf_done(&text);
    return fits;
}
