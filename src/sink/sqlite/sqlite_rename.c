/* sink/sqlite_rename: the driver's is_there and rename.
 *
 * legacy_alter_table: views and triggers keep the names that they were written with, as in
 * MySQL; else a view of a table would follow the old rows under their new name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

weir_code sqlite_is_there(keyed_sink *keyed, weir_str table, bool *out, weir_err *err)
{
    sqlite_sink  *self = (sqlite_sink *)keyed;
    sqlite3_stmt *statement = NULL;
    weir_code     rc = sqlite_prepare(
            self,
            WEIR_STR("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND lower(name) = "
                         "lower(?1)"),
            "could not look at", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    (void)sqlite3_bind_text(statement, 1, table.at, (int)table.len, SQLITE_STATIC);
    int step = sqlite3_step(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sqlite_fail(self, "could not look at", false, err);
    *out = step == SQLITE_ROW;
    (void)sqlite3_finalize(statement);
    return rc;
}

static void rename_text(weir_buf *out, weir_str from, weir_str to)
{
    weir_buf_text(out, "ALTER TABLE ");
    sqlite_name(out, from);
    weir_buf_text(out, " RENAME TO ");
    sqlite_name(out, to);
    weir_buf_text(out, ";");
}

weir_code sqlite_rename(keyed_sink *keyed, const weir_rename *rename, uint32_t count,
                        bool dry_run, weir_err *err)
{
    sqlite_sink *self = (sqlite_sink *)keyed;
    weir_buf     sql = {0};
    if (dry_run)
        return WEIR_OK;
    weir_code rc = keyed->driver->begin(keyed, err);
    weir_buf_text(&sql, "PRAGMA legacy_alter_table = ON;");
    for (uint32_t i = 0; i < count; i++) {
        rename_text(&sql, rename[i].given, rename[i].outgoing);
        rename_text(&sql, rename[i].incoming, rename[i].given);
    }
    weir_buf_byte(&sql, '\0');
    if (rc == WEIR_OK)
        rc = sqlite_run(self, sql.at, "could not rename tables of", err);
    weir_buf_done(&sql);
    return rc == WEIR_OK ? keyed->driver->commit(keyed, err) : rc;
}
