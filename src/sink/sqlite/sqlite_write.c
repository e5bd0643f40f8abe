/* sink/sqlite_write: a chunk of rows into its table.
 *
 * Gives      sqlite_write.
 * Always     1. values go as bound parameters, never as text of the statement.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

static void upsert_text(weir_buf *sql, const keyed_table *table)
{
    const weir_schema *schema = &table->schema;
    weir_buf_text(sql, "INSERT INTO ");
    sqlite_name(sql, table->target);
    for (uint32_t c = 0; c < schema->count; c++) {
        weir_buf_text(sql, c == 0 ? " (" : ", ");
        sqlite_name(sql, schema->field[c].name);
    }
    for (uint32_t c = 0; c < schema->count; c++)
        weir_buf_text(sql, c == 0 ? ") VALUES (?" : ", ?");
    weir_buf_text(sql, ") ON CONFLICT (");
    for (uint32_t k = 0; k < table->keys; k++) {
        if (k > 0)
            weir_buf_text(sql, ", ");
        sqlite_name(sql, schema->field[table->key[k]].name);
    }
    weir_buf_text(sql, ") DO ");
    if (table->keys == schema->count) {
        weir_buf_text(sql, "NOTHING");
        return;
    }
    for (uint32_t c = 0; c < schema->count; c++) {
        weir_buf_text(sql, c == 0 ? "UPDATE SET " : ", ");
        sqlite_name(sql, schema->field[c].name);
        weir_buf_text(sql, " = excluded.");
        sqlite_name(sql, schema->field[c].name);
    }
}

static void delete_text(weir_buf *sql, const keyed_table *table)
{
    weir_buf_text(sql, "DELETE FROM ");
    sqlite_name(sql, table->target);
    for (uint32_t k = 0; k < table->keys; k++) {
        weir_buf_text(sql, k == 0 ? " WHERE " : " AND ");
        sqlite_name(sql, table->schema.field[table->key[k]].name);
        weir_buf_text(sql, " = ?");
    }
}

static void bind_value(sqlite3_stmt *statement, int at, const weir_column *column,
                       uint32_t row, weir_buf *text)
{
    weir_datum value = weir_column_get(column, row);
    weir_type  type = column->type;
    if (value.null) {
        (void)sqlite3_bind_null(statement, at);
        return;
    }
    switch (type.id) {
    case WEIR_T_BOOL:
        (void)sqlite3_bind_int(statement, at, value.boolean);
        return;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        (void)sqlite3_bind_int64(statement, at, value.i64);
        return;
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        (void)sqlite3_bind_double(statement, at, value.f64);
        return;
    case WEIR_T_BYTEA:
        (void)sqlite3_bind_blob(statement, at, value.text.len > 0 ? value.text.at : "",
                                (int)value.text.len, SQLITE_STATIC);
        return;
    case WEIR_T_TEXT:
    case WEIR_T_JSONB:
        (void)sqlite3_bind_text(statement, at, value.text.len > 0 ? value.text.at : "",
                                (int)value.text.len, SQLITE_STATIC);
        return;
    default:
        break;
    }
    weir_buf_clear(text);
    if (type.id == WEIR_T_TIMESTAMP || type.id == WEIR_T_TIMESTAMPTZ) {
        char printed[40];
        weir_buf_add(text, printed, (size_t)weir_us_print(value.i64, printed));
    } else {
        weir_datum_print(text, type, &value);
    }
    (void)sqlite3_bind_text(statement, at, text->at, (int)text->len, SQLITE_TRANSIENT);
}

static weir_code write_rows(sqlite_sink *self, sqlite3_stmt *statement,
                            const weir_batch *rows, uint32_t first, uint32_t count,
                            weir_err *err)
{
    weir_buf  text = {0};
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; rc == WEIR_OK && i < count; i++) {
        for (uint32_t c = 0; c < rows->columns; c++)
            bind_value(statement, (int)c + 1, &rows->column[c], first + i, &text);
        if (sqlite3_step(statement) != SQLITE_DONE)
            rc = sqlite_fail(self, "could not write to", true, err);
        (void)sqlite3_reset(statement); /* repeats what step said */
    }
    weir_buf_done(&text);
    return rc;
}

weir_code sqlite_write(keyed_sink *keyed, const keyed_table *table,
                       const keyed_chunk *chunk, uint32_t first, uint32_t count,
                       weir_err *err)
{
    sqlite_sink  *self = (sqlite_sink *)keyed;
    sqlite3_stmt *statement = NULL;
    weir_buf      sql = {0};
    weir_assert(first + count <= chunk->rows->rows);
    if (chunk->remove)
        delete_text(&sql, table);
    else
        upsert_text(&sql, table);
    weir_code rc =
        sqlite_prepare(self, weir_buf_view(&sql), "could not write to", &statement, err);
    if (rc == WEIR_OK)
        rc = write_rows(self, statement, chunk->rows, first, count, err);
    (void)sqlite3_finalize(statement);
    weir_buf_done(&sql);
    return rc;
}
