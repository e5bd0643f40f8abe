/* sink/mysql_text: statements and literals.
 *
 * Literals rely on the session: NO_BACKSLASH_ESCAPES, so that only the quote is doubled in
 * text, and utf8mb4. Bytes are hexadecimal.
 *
 * Gives      mysql_name, mysql_literal, mysql_upsert_head, mysql_upsert_tail,
 *            mysql_upsert_marks, mysql_delete_marks, mysql_delete_rows.
 * Always     1. an upsert takes new values by VALUES(column): the row alias (AS new) is not
 *               known to MariaDB, nor to MySQL before 8.0.19.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

void mysql_name(weir_buf *out, weir_str name)
{
    weir_buf_byte(out, '`');
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == '`')
            weir_buf_byte(out, '`');
        weir_buf_byte(out, (uint8_t)name.at[i]);
    }
    weir_buf_byte(out, '`');
}

static void quoted(weir_buf *out, weir_str text)
{
    char *at = weir_buf_more(out, text.len * 2 + 2);
    char *start = at;
    *at++ = '\'';
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\'')
            *at++ = '\'';
        *at++ = text.at[i];
    }
    *at++ = '\'';
    out->len += (size_t)(at - start);
}

void mysql_literal(weir_buf *out, const weir_column *column, uint32_t row)
{
    weir_datum value = weir_column_get(column, row);
    char       time[40];
    if (value.null) {
        weir_buf_text(out, "NULL");
        return;
    }
    switch (column->type.id) {
    case WEIR_T_BOOL:
        weir_buf_byte(out, value.boolean ? '1' : '0');
        return;
    case WEIR_T_TEXT:
    case WEIR_T_JSONB:
        quoted(out, value.text);
        return;
    case WEIR_T_BYTEA:
        weir_buf_text(out, "X'");
        weir_buf_hex(out, value.text.at, value.text.len);
        weir_buf_byte(out, '\'');
        return;
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        quoted(out, (weir_str){time, (size_t)weir_us_print(value.i64, time)});
        return;
    case WEIR_T_DATE:
    case WEIR_T_TIME:
        weir_buf_byte(out, '\'');
        weir_datum_print(out, column->type, &value);
        weir_buf_byte(out, '\'');
        return;
    default:
        weir_datum_print(out, column->type, &value);
    }
}

void mysql_upsert_head(weir_buf *out, const keyed_table *table)
{
    weir_buf_text(out, "INSERT INTO ");
    mysql_name(out, table->target);
    for (uint32_t c = 0; c < table->schema.count; c++) {
        weir_buf_text(out, c == 0 ? " (" : ", ");
        mysql_name(out, table->schema.field[c].name);
    }
    weir_buf_text(out, ") VALUES ");
}

static bool is_key(const keyed_table *table, uint32_t column)
{
    for (uint32_t k = 0; k < table->keys; k++)
        if (table->key[k] == column)
            return true;
    return false;
}

void mysql_upsert_tail(weir_buf *out, const keyed_table *table)
{
    bool any = false, only_keys = table->keys == table->schema.count;
    for (uint32_t c = 0; c < table->schema.count; c++) {
        if (is_key(table, c) && !(only_keys && !any)) /* one column at least */
            continue;
        weir_buf_text(out, any ? ", " : " ON DUPLICATE KEY UPDATE ");
        mysql_name(out, table->schema.field[c].name);
        weir_buf_text(out, " = VALUES(");
        mysql_name(out, table->schema.field[c].name);
        weir_buf_byte(out, ')');
        any = true;
    }
}

void mysql_upsert_marks(weir_buf *out, const keyed_table *table)
{
    mysql_upsert_head(out, table);
    for (uint32_t c = 0; c < table->schema.count; c++)
        weir_buf_text(out, c == 0 ? "(?" : ", ?");
    weir_buf_byte(out, ')');
    mysql_upsert_tail(out, table);
}

static void delete_head(weir_buf *out, const keyed_table *table)
{
    weir_buf_text(out, "DELETE FROM ");
    mysql_name(out, table->target);
    weir_buf_text(out, " WHERE ");
}

void mysql_delete_marks(weir_buf *out, const keyed_table *table)
{
    delete_head(out, table);
    for (uint32_t k = 0; k < table->keys; k++) {
        if (k > 0)
            weir_buf_text(out, " AND ");
        mysql_name(out, table->schema.field[table->key[k]].name);
        weir_buf_text(out, " = ?");
    }
}

/* One key column: IN; more: OR of ANDs, which both servers turn into ranges. */
void mysql_delete_rows(weir_buf *out, const keyed_table *table, const weir_batch *keys,
                       uint32_t first, uint32_t count)
{
    delete_head(out, table);
    if (table->keys == 1) {
        mysql_name(out, table->schema.field[table->key[0]].name);
        for (uint32_t i = 0; i < count; i++) {
            weir_buf_text(out, i == 0 ? " IN (" : ", ");
            mysql_literal(out, &keys->column[0], first + i);
        }
        weir_buf_byte(out, ')');
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        weir_buf_text(out, i == 0 ? "(" : " OR (");
        for (uint32_t k = 0; k < table->keys; k++) {
            if (k > 0)
                weir_buf_text(out, " AND ");
            mysql_name(out, table->schema.field[table->key[k]].name);
            weir_buf_text(out, " = ");
            mysql_literal(out, &keys->column[k], first + i);
        }
        weir_buf_byte(out, ')');
    }
}
