/* sink/sqlite_sort: pages of a table in the order that another database has its keys in.
 *
 * Decimals are text in the file, and sorted so; and some databases compare text as if it were
 * filled up with spaces. A collation and an index over it give the other order: the file is
 * one of our own.
 *
 * Gives      sqlite_order_of, sqlite_sort, sqlite_collation, sqlite_key_list.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

static const char *const collation[] = {
    [WEIR_ORDER_PADDED] = "weir_padded", [WEIR_ORDER_NUMBER] = "weir_number"};

weir_order sqlite_order_of(const keyed_table *table, uint32_t key)
{
    weir_type type = table->schema.field[table->key[key]].type;
    bool      integer =
        type.id == WEIR_T_INT16 || type.id == WEIR_T_INT32 || type.id == WEIR_T_INT64;
    return integer ? WEIR_ORDER_NUMBER : WEIR_ORDER_BYTES;
}

const char *sqlite_collation(const sqlite_sink *self, uint32_t key)
{
    const weir_order *wanted = self->keyed.setup.look_order;
    if (wanted == NULL || wanted[key] == sqlite_order_of(&self->keyed.table[0], key))
        return NULL;
    weir_assert(wanted[key] != WEIR_ORDER_BYTES); /* no database sorts integers so */
    return collation[wanted[key]];
}

void sqlite_key_list(const sqlite_sink *self, const keyed_table *table, weir_buf *sql)
{
    for (uint32_t k = 0; k < table->keys; k++) {
        const char *name = sqlite_collation(self, k);
        weir_buf_text(sql, k == 0 ? "" : ", ");
        sqlite_name(sql, table->schema.field[table->key[k]].name);
        if (name != NULL)
            weir_buf_format(sql, " COLLATE %s", name);
    }
}

static int in_order(void *order, int a_len, const void *a, int b_len, const void *b)
{
    return weir_cell_order(*(const weir_order *)order, (weir_str){a, (size_t)a_len},
                           (weir_str){b, (size_t)b_len});
}

weir_code sqlite_sort(sqlite_sink *self, weir_err *err)
{
    static const weir_order order[] = {WEIR_ORDER_PADDED, WEIR_ORDER_NUMBER};
    const keyed_table      *table = &self->keyed.table[0];
    bool                    other = false;
    for (uint32_t k = 0; k < table->keys; k++)
        other |= sqlite_collation(self, k) != NULL;
    if (!other)
        return WEIR_OK;
    weir_assert(self->keyed.tables == 1);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (sqlite3_create_collation(self->db, collation[order[i]], SQLITE_UTF8,
                                     (void *)(uintptr_t)&order[i], in_order) != SQLITE_OK)
            return sqlite_fail(self, "could not sort", false, err);
    weir_buf sql = {0};
    weir_buf_text(&sql, "CREATE INDEX IF NOT EXISTS weir_sort ON ");
    sqlite_name(&sql, table->target);
    weir_buf_text(&sql, " (");
    sqlite_key_list(self, table, &sql);
    weir_buf_text(&sql, ")");
    weir_buf_byte(&sql, '\0');
    weir_code rc = sqlite_run(self, (const char *)sql.at, "could not sort", err);
    weir_buf_done(&sql);
    return rc;
}
