/* sink/mysql_write: a chunk of rows into its table, in pieces that a packet can hold.
 *
 * On MariaDB a piece is one prepared statement over arrays, elsewhere the text of one
 * multi-row statement. A warning is an error: the server took another value than was sent.
 *
 * Gives      mysql_write.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <stdio.h>

#define PIECE_BYTES (1u << 20)
#define DELETE_ROWS 500u /* below the number at which MariaDB makes IN a subquery */
#define NOT_NEWS "1287"  /* VALUES() is deprecated, says MySQL 8.0.20 and later */

/* About the bytes that a row takes, as text or in arrays. */
static size_t row_bytes(const weir_batch *rows, uint32_t row)
{
    size_t bytes = 0;
    for (uint32_t c = 0; c < rows->columns; c++) {
        bytes += 44;
        if (weir_type_is_text(rows->column[c].type))
            bytes += 2 * (size_t)weir_column_text(&rows->column[c], row).len;
    }
    return bytes;
}

static uint32_t piece_rows(const mysql_sink *self, const keyed_chunk *chunk, uint32_t first,
                           uint32_t count)
{
    uint64_t most = self->packet / 2 < PIECE_BYTES ? self->packet / 2 : PIECE_BYTES;
    uint32_t rows = 0;
    size_t   bytes = 0;
    while (rows < count && (!chunk->remove || self->bulk || rows < DELETE_ROWS)) {
        bytes += row_bytes(chunk->rows, first + rows);
        if (bytes > most && rows > 0)
            break;
        rows++;
    }
    return rows;
}

static weir_code refuse(mysql_sink *self, const char *code, const char *why, weir_err *err)
{
    (void)snprintf(self->refusal, sizeof self->refusal, "%s", code);
    return weir_skip(err, WEIR_E_REMOTE, "%s", why);
}

static weir_code check_warnings(mysql_sink *self, weir_err *err)
{
    weir_mysql_answer answer;
    if (weir_mysql_warnings(self->link) == 0)
        return WEIR_OK;
    weir_code rc =
        weir_mysql_ask(self->link, WEIR_STR("SHOW WARNINGS"), self->scratch, &answer, err);
    for (uint32_t r = 0; rc == WEIR_OK && r < answer.rows; r++)
        if (!weir_str_is(answer.cell[r * answer.columns + 1], NOT_NEWS))
            rc = refuse(self, answer.cell[r * answer.columns + 1].at,
                        answer.cell[r * answer.columns + 2].at, err);
    return rc;
}

/* Years that DATE and DATETIME take on every server. */
static bool is_in_calendar(const weir_column *column, uint32_t row)
{
    static const int64_t day_us = 86400LL * 1000000;
    if (column->type.id != WEIR_T_DATE && column->type.id != WEIR_T_TIMESTAMP &&
        column->type.id != WEIR_T_TIMESTAMPTZ)
        return true;
    if (!weir_column_has(column, row))
        return true;
    int64_t value = weir_column_get(column, row).i64;
    int64_t first = weir_civil_days(1, 1, 1), behind = weir_civil_days(10000, 1, 1);
    if (column->type.id == WEIR_T_DATE)
        return value >= first && value < behind;
    return value >= first * day_us && value < behind * day_us;
}

static weir_code check_values(mysql_sink *self, const weir_batch *rows, uint32_t first,
                              uint32_t count, weir_err *err)
{
    for (uint32_t i = first; i < first + count; i++) {
        for (uint32_t c = 0; c < rows->columns; c++)
            if (!is_in_calendar(&rows->column[c], i))
                return refuse(self, "RANGE", "a date is not in the years 1 to 9999", err);
        if (row_bytes(rows, i) + 4096 > self->packet)
            return refuse(self, "1153", "the row is larger than max_allowed_packet", err);
    }
    return WEIR_OK;
}

/* Decimals as text; everything else is taken where it lies. */
static void render_decimals(weir_arena *scratch, const weir_column *column, uint32_t rows,
                            weir_mysql_array *out)
{
    weir_buf  text = {0};
    uint32_t *offsets = WEIR_ARRAY(scratch, uint32_t, rows + 1);
    for (uint32_t i = 0; i < rows; i++) {
        weir_datum value = weir_column_get(column, i);
        if (!value.null)
            weir_numeric_print(&text, value.i128, value.scale);
        offsets[i + 1] = (uint32_t)text.len;
    }
    out->kind = WEIR_MYSQL_TEXT;
    out->offsets = offsets;
    out->bytes = weir_str_copy(scratch, weir_buf_view(&text)).at;
    weir_buf_done(&text);
}

static weir_mysql_array array_of(weir_arena *scratch, const weir_column *column,
                                 uint32_t rows)
{
    static const weir_mysql_kind kinds[WEIR_T_COUNT] = {
        [WEIR_T_BOOL] = WEIR_MYSQL_I8,
        [WEIR_T_INT16] = WEIR_MYSQL_I16,
        [WEIR_T_INT32] = WEIR_MYSQL_I32,
        [WEIR_T_INT64] = WEIR_MYSQL_I64,
        [WEIR_T_FLOAT32] = WEIR_MYSQL_F32,
        [WEIR_T_FLOAT64] = WEIR_MYSQL_F64,
        [WEIR_T_TEXT] = WEIR_MYSQL_TEXT,
        [WEIR_T_JSONB] = WEIR_MYSQL_TEXT,
        [WEIR_T_BYTEA] = WEIR_MYSQL_BYTES,
        [WEIR_T_DATE] = WEIR_MYSQL_DATE,
        [WEIR_T_TIME] = WEIR_MYSQL_TIME,
        [WEIR_T_TIMESTAMP] = WEIR_MYSQL_DATETIME,
        [WEIR_T_TIMESTAMPTZ] = WEIR_MYSQL_DATETIME,
    };
    weir_mysql_array array = {.kind = kinds[column->type.id],
                              .valid = column->valid,
                              .values = column->values,
                              .offsets = column->offsets,
                              .bytes = column->bytes};
    if (column->type.id == WEIR_T_NUMERIC)
        render_decimals(scratch, column, rows, &array);
    return array;
}

static weir_code write_arrays(mysql_sink *self, const keyed_table *table,
                              const keyed_chunk *chunk, const weir_mysql_rows *rows,
                              weir_err *err)
{
    weir_buf_clear(&self->sql);
    if (chunk->remove)
        mysql_delete_marks(&self->sql, table);
    else
        mysql_upsert_marks(&self->sql, table);
    return weir_mysql_bulk(self->link, weir_buf_view(&self->sql), rows, &self->bulk, err);
}

static weir_code write_text(mysql_sink *self, const keyed_table *table,
                            const keyed_chunk *chunk, uint32_t first, uint32_t count,
                            weir_err *err)
{
    weir_buf *sql = &self->sql;
    weir_buf_clear(sql);
    if (chunk->remove) {
        mysql_delete_rows(sql, table, chunk->rows, first, count);
        return weir_mysql_run(self->link, weir_buf_view(sql), NULL, err);
    }
    mysql_upsert_head(sql, table);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t c = 0; c < chunk->rows->columns; c++) {
            weir_buf_text(sql, c > 0 ? "," : i > 0 ? ",(" : "(");
            mysql_literal(sql, &chunk->rows->column[c], first + i);
        }
        weir_buf_byte(sql, ')');
    }
    mysql_upsert_tail(sql, table);
    return weir_mysql_run(self->link, weir_buf_view(sql), NULL, err);
}

weir_code mysql_write(keyed_sink *keyed, const keyed_table *table, const keyed_chunk *chunk,
                      uint32_t first, uint32_t count, weir_err *err)
{
    mysql_sink       *self = (mysql_sink *)keyed;
    const weir_batch *batch = chunk->rows;
    weir_arena_mark   mark = weir_arena_here(self->scratch);
    weir_mysql_array *array = WEIR_ARRAY(self->scratch, weir_mysql_array, batch->columns);
    weir_code         rc = check_values(self, batch, first, count, err);
    for (uint32_t c = 0; rc == WEIR_OK && self->bulk && c < batch->columns; c++)
        array[c] = array_of(self->scratch, &batch->column[c], batch->rows);
    for (uint32_t at = first; rc == WEIR_OK && at < first + count;) {
        uint32_t        rows = piece_rows(self, chunk, at, first + count - at);
        weir_mysql_rows piece = {array, batch->columns, at, rows};
        bool            text = !self->bulk;
        if (!text) {
            rc = write_arrays(self, table, chunk, &piece, err);
            text = rc == WEIR_OK && !self->bulk; /* the server does not know arrays */
        }
        if (text)
            rc = write_text(self, table, chunk, at, rows, err);
        if (rc == WEIR_OK)
            rc = check_warnings(self, err);
        else if (err->fate == WEIR_FATE_SKIP_RECORD)
            (void)snprintf(self->refusal, sizeof self->refusal, "%u",
                           weir_mysql_last(self->link).number);
        at += rows;
    }
    weir_arena_rewind(self->scratch, mark);
    return rc;
}
