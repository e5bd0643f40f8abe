/* sink/sqlite_look: tables of the file, read in the order of their key.
 *
 * Gives      sqlite_look.
 * Always     1. one read transaction from begin on: a WAL shows it one moment.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

#include "keyed/keyed_look.h"

static weir_code begin(weir_sink *sink, weir_err *err)
{
    sqlite_sink *self = (sqlite_sink *)sink;
    weir_code    rc = sqlite_sort(self, err);
    return rc == WEIR_OK ? sqlite_run(self, "BEGIN", "could not begin to read", err) : rc;
}

static weir_code epoch_of(weir_sink *sink, uint64_t *out, weir_err *err)
{
    keyed_sink *keyed = (keyed_sink *)sink;
    keyed_mark  mark = {0};
    bool        found = false;
    weir_code   rc = keyed->driver->read(keyed, &mark, &found, err);
    *out = rc == WEIR_OK && found ? mark.epoch : 0;
    return rc;
}

static weir_code order_of(weir_sink *sink, uint32_t table, uint32_t key, weir_order *out,
                          weir_err *err)
{
    const keyed_sink *keyed = (keyed_sink *)sink;
    (void)err;
    *out = keyed->setup.look_order ? keyed->setup.look_order[key]
                                   : sqlite_order_of(&keyed->table[table], key);
    return WEIR_OK;
}

static void page_text(const sqlite_sink *self, weir_buf *sql, const keyed_table *table,
                      bool first)
{
    for (uint32_t c = 0; c < table->schema.count; c++) {
        weir_buf_text(sql, c == 0 ? "SELECT " : ", ");
        sqlite_name(sql, table->schema.field[c].name);
    }
    weir_buf_text(sql, " FROM ");
    sqlite_name(sql, table->target);
    if (!first) {
        weir_buf_text(sql, " WHERE (");
        sqlite_key_list(self, table, sql);
        for (uint32_t k = 0; k < table->keys; k++)
            weir_buf_text(sql, k == 0 ? ") > (?" : ", ?");
        weir_buf_byte(sql, ')');
    }
    weir_buf_text(sql, " ORDER BY ");
    sqlite_key_list(self, table, sql);
    weir_buf_format(sql, " LIMIT %u", WEIR_LOOK_PAGE);
}

static bool is_integer(weir_type type)
{
    return sqlite_type(type)[0] == 'I';
}

static void bind_last(sqlite3_stmt *statement, const keyed_table *table, weir_str last,
                      weir_str *cell)
{
    bool good = weir_row_unpack(last, table->keys, cell);
    weir_assert(good);
    for (uint32_t k = 0; k < table->keys; k++) {
        weir_type type = table->schema.field[table->key[k]].type;
        int64_t   number;
        if (is_integer(type) && weir_str_to_i64(cell[k], &number))
            (void)sqlite3_bind_int64(statement, (int)k + 1, number);
        else if (type.id == WEIR_T_BYTEA)
            (void)sqlite3_bind_blob(statement, (int)k + 1, cell[k].at, (int)cell[k].len,
                                    SQLITE_TRANSIENT);
        else
            (void)sqlite3_bind_text(statement, (int)k + 1, cell[k].at, (int)cell[k].len,
                                    SQLITE_TRANSIENT);
    }
}

static weir_str raw_cell(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (weir_str){0};
    const char *at = sqlite3_column_type(statement, column) == SQLITE_BLOB
                         ? sqlite3_column_blob(statement, column)
                         : (const char *)sqlite3_column_text(statement, column);
    return (weir_str){at != NULL ? at : "",
                      (size_t)sqlite3_column_bytes(statement, column)};
}

/* The shortest text of a double is ours, not SQLite's 15 digits. */
static weir_code take_cell(sqlite3_stmt *statement, int column, weir_type type,
                           weir_arena *arena, weir_str *out, weir_err *err)
{
    if (sqlite3_column_type(statement, column) != SQLITE_FLOAT)
        return keyed_look_cell(arena, type, raw_cell(statement, column), out, err);
    weir_buf   text = {0};
    weir_datum value = {.f64 = sqlite3_column_double(statement, column)};
    weir_datum_print(&text, type, &value);
    *out = weir_str_copy(arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return WEIR_OK;
}

static weir_code take_rows(sqlite_sink *self, const keyed_table *table,
                           sqlite3_stmt *statement, weir_arena *arena, weir_look_page *page,
                           weir_err *err)
{
    const uint32_t columns = table->schema.count;
    weir_str      *raw = WEIR_ARRAY(arena, weir_str, columns);
    weir_buf       last = {0};
    weir_code      rc = WEIR_OK;
    int            step = SQLITE_DONE;
    page->cell = WEIR_ARRAY(arena, weir_str, (size_t)columns * WEIR_LOOK_PAGE);
    while (rc == WEIR_OK && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        weir_assert(page->rows < WEIR_LOOK_PAGE);
        weir_str *cell = &page->cell[(size_t)page->rows * columns];
        for (uint32_t c = 0; rc == WEIR_OK && c < columns; c++) {
            raw[c] = raw_cell(statement, (int)c);
            rc = take_cell(statement, (int)c, table->schema.field[c].type, arena, &cell[c],
                           err);
        }
        weir_buf_clear(&last);
        weir_row_pack(&last, raw, table->key, table->keys);
        page->rows++;
    }
    if (rc == WEIR_OK && step != SQLITE_DONE)
        rc = sqlite_fail(self, "could not read", false, err);
    page->last = weir_str_copy(arena, weir_buf_view(&last));
    weir_buf_done(&last);
    return rc;
}

static weir_code read_page(weir_sink *sink, uint32_t t, weir_arena *arena,
                           weir_look_page *page, weir_err *err)
{
    sqlite_sink       *self = (sqlite_sink *)sink;
    const keyed_table *table = &self->keyed.table[t];
    sqlite3_stmt      *statement = NULL;
    weir_buf           sql = {0};
    weir_str           behind = page->last;
    page_text(self, &sql, table, behind.at == NULL);
    weir_code rc =
        sqlite_prepare(self, weir_buf_view(&sql), "could not read", &statement, err);
    weir_buf_done(&sql);
    if (rc != WEIR_OK)
        return rc;
    if (behind.at != NULL)
        bind_last(statement, table, behind, WEIR_ARRAY(arena, weir_str, table->keys));
    *page = (weir_look_page){.columns = table->schema.count};
    rc = take_rows(self, table, statement, arena, page, err);
    (void)sqlite3_finalize(statement);
    return rc;
}

const weir_look sqlite_look = {
    .begin = begin,
    .epoch = epoch_of,
    .order = order_of,
    .page = read_page,
    .changes = keyed_look_changes,
};
