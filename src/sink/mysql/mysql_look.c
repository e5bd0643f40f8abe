/* sink/mysql_look: tables of the database, read in the order of their key.
 *
 * Gives      mysql_look.
 * Always     1. one read-only transaction of one snapshot from begin on; nothing is locked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include "keyed/keyed_look.h"

static weir_code begin(weir_sink *sink, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)sink;
    weir_code   rc = WEIR_OK;
    if (self->link == NULL) /* it was lost at the end of open */
        rc = mysql_connect(self, err);
    if (rc == WEIR_OK)
        rc = weir_mysql_run(
            self->link, WEIR_STR("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"),
            NULL, err);
    if (rc != WEIR_OK)
        return rc;
    return weir_mysql_run(self->link,
                          WEIR_STR("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"),
                          NULL, err);
}

static weir_code epoch_of(weir_sink *sink, uint64_t *out, weir_err *err)
{
    return mysql_row_epoch((keyed_sink *)sink, out, err);
}

static weir_code order_of_text(mysql_sink *self, weir_str table, weir_str column,
                               weir_order *out, weir_err *err)
{
    weir_str collation = {0};
    bool     blank = false;
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, "SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE "
                              "TABLE_SCHEMA = DATABASE() AND TABLE_NAME = CONVERT(X'");
    weir_buf_hex(&self->sql, table.at, table.len);
    weir_buf_text(&self->sql, "' USING utf8mb4) AND COLUMN_NAME = CONVERT(X'");
    weir_buf_hex(&self->sql, column.at, column.len);
    weir_buf_text(&self->sql, "' USING utf8mb4)");
    weir_arena_reset(self->scratch);
    weir_code rc = mysql_ask_one(self, weir_buf_view(&self->sql), &collation, err);
    if (rc == WEIR_OK && collation.at != NULL)
        (void)mysql_collation_exact(collation, &blank);
    *out = blank ? WEIR_ORDER_PADDED : WEIR_ORDER_BYTES;
    return rc;
}

static weir_code order_of(weir_sink *sink, uint32_t table, uint32_t key, weir_order *out,
                          weir_err *err)
{
    mysql_sink        *self = (mysql_sink *)sink;
    const keyed_table *of = &self->keyed.table[table];
    const weir_field  *field = &of->schema.field[of->key[key]];
    if (field->type.id == WEIR_T_TEXT)
        return order_of_text(self, of->target, field->name, out, err);
    *out = weir_type_is_number(field->type) ? WEIR_ORDER_NUMBER : WEIR_ORDER_BYTES;
    return WEIR_OK;
}

/* What the server answered, as a literal that is that value again. */
static void literal(weir_buf *sql, weir_type type, weir_str raw)
{
    bool text = type.id == WEIR_T_TEXT;
    if (weir_type_is_number(type) || type.id == WEIR_T_BOOL) {
        weir_buf_str(sql, raw);
        return;
    }
    if (text || type.id == WEIR_T_BYTEA) {
        weir_buf_text(sql, text ? "_utf8mb4 X'" : "X'");
        weir_buf_hex(sql, raw.at, raw.len);
    } else {
        weir_buf_byte(sql, '\'');
        weir_buf_str(sql, raw);
    }
    weir_buf_byte(sql, '\'');
}

static void compare_key(weir_buf *sql, const keyed_table *table, uint32_t k,
                        const char *with, const weir_str *last)
{
    const weir_field *field = &table->schema.field[table->key[k]];
    mysql_name(sql, field->name);
    weir_buf_text(sql, with);
    literal(sql, field->type, last[k]);
}

/* a >= x AND (a > x OR (a = x AND b > y)): ranges of the key on every server. */
static void behind_last(weir_buf *sql, const keyed_table *table, const weir_str *last)
{
    weir_buf_text(sql, " WHERE ");
    compare_key(sql, table, 0, " >= ", last);
    for (uint32_t k = 0; k < table->keys; k++) {
        weir_buf_text(sql, k == 0 ? " AND ((" : ") OR (");
        for (uint32_t i = 0; i <= k; i++) {
            weir_buf_text(sql, i == 0 ? "" : " AND ");
            compare_key(sql, table, i, i < k ? " = " : " > ", last);
        }
    }
    weir_buf_text(sql, "))");
}

static void page_text(weir_buf *sql, const keyed_table *table, const weir_str *last)
{
    for (uint32_t c = 0; c < table->schema.count; c++) {
        const weir_field *field = &table->schema.field[c];
        weir_buf_text(sql, c == 0 ? "SELECT " : ", ");
        mysql_name(sql, field->name);
        if (field->type.id == WEIR_T_FLOAT32)
            weir_buf_text(sql, " + 0e0"); /* a FLOAT is shown with six digits only */
    }
    weir_buf_text(sql, " FROM ");
    mysql_name(sql, table->target);
    if (last != NULL)
        behind_last(sql, table, last);
    for (uint32_t k = 0; k < table->keys; k++) {
        weir_buf_text(sql, k == 0 ? " ORDER BY " : ", ");
        mysql_name(sql, table->schema.field[table->key[k]].name);
    }
    weir_buf_format(sql, " LIMIT %u", WEIR_LOOK_PAGE);
}

static weir_code take_rows(const keyed_table *table, const weir_mysql_answer *answer,
                           weir_arena *arena, weir_look_page *page, weir_err *err)
{
    const uint32_t columns = table->schema.count;
    weir_code      rc = WEIR_OK;
    weir_assert(answer->columns == columns);
    *page = (weir_look_page){.columns = columns, .rows = answer->rows};
    page->cell = WEIR_ARRAY(arena, weir_str, (size_t)columns * answer->rows + 1);
    for (size_t i = 0; rc == WEIR_OK && i < (size_t)columns * answer->rows; i++)
        rc = keyed_look_cell(arena, table->schema.field[i % columns].type, answer->cell[i],
                             &page->cell[i], err);
    if (rc != WEIR_OK || answer->rows == 0)
        return rc;
    weir_buf last = {0};
    weir_row_pack(&last, &answer->cell[(size_t)(answer->rows - 1) * columns], table->key,
                  table->keys);
    page->last = weir_str_copy(arena, weir_buf_view(&last));
    weir_buf_done(&last);
    return WEIR_OK;
}

static weir_code read_page(weir_sink *sink, uint32_t t, weir_arena *arena,
                           weir_look_page *page, weir_err *err)
{
    mysql_sink        *self = (mysql_sink *)sink;
    const keyed_table *table = &self->keyed.table[t];
    weir_mysql_answer  answer;
    weir_str          *last = NULL;
    if (page->last.at != NULL) {
        last = WEIR_ARRAY(arena, weir_str, table->keys);
        bool good = weir_row_unpack(page->last, table->keys, last);
        weir_assert(good);
    }
    weir_buf_clear(&self->sql);
    page_text(&self->sql, table, last);
    weir_arena_reset(self->scratch);
    weir_code rc =
        weir_mysql_ask(self->link, weir_buf_view(&self->sql), self->scratch, &answer, err);
    return rc == WEIR_OK ? take_rows(table, &answer, arena, page, err) : rc;
}

const weir_look mysql_look = {
    .begin = begin,
    .epoch = epoch_of,
    .order = order_of,
    .page = read_page,
    .changes = keyed_look_changes,
};
