/* sink/sqlite_rename: the driver's is_there and rename.
 *
 * legacy_alter_table: views and foreign keys keep the names that they were written with; else
 * a view of a table would follow the old rows under their new name. A trigger would go with
 * the old rows all the same, so a table that has one is refused before anything is done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

/* The first column of the first row, in `out`; *out_found: is there one? */
static weir_code ask(sqlite_sink *self, const char *sql, weir_str table, weir_buf *out,
                     bool *out_found, weir_err *err)
{
    sqlite3_stmt *statement = NULL;
    weir_code     rc =
        sqlite_prepare(self, weir_str_of(sql), "could not look at", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    (void)sqlite3_bind_text(statement, 1, table.at, (int)table.len, SQLITE_STATIC);
    int step = sqlite3_step(statement);
    *out_found = step == SQLITE_ROW;
    if (*out_found)
        weir_buf_text(out, (const char *)sqlite3_column_text(statement, 0));
    else if (step != SQLITE_DONE)
        rc = sqlite_fail(self, "could not look at", false, err);
    (void)sqlite3_finalize(statement);
    return rc;
}

weir_code sqlite_is_there(keyed_sink *keyed, weir_str table, bool *out, weir_err *err)
{
    weir_buf  name = {0};
    weir_code rc = ask((sqlite_sink *)keyed,
                       "SELECT name FROM sqlite_schema WHERE type = 'table' AND lower(name) = "
                       "lower(?1)",
                       table, &name, out, err);
    weir_buf_done(&name);
    return rc;
}

static weir_code check_bound(sqlite_sink *self, weir_str table, weir_err *err)
{
    weir_buf  name = {0};
    bool      found = false;
    weir_code rc = ask(self,
                       "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND "
                       "lower(tbl_name) = lower(?1)",
                       table, &name, &found, err);
    if (rc == WEIR_OK && found)
        rc = keyed_bound("trigger", weir_buf_view(&name), table, err);
    weir_buf_done(&name);
    return rc;
}

static weir_code check_all(sqlite_sink *self, const weir_rename *rename, uint32_t count,
                           weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; i < count && rc == WEIR_OK; i++) {
        rc = check_bound(self, rename[i].given, err);
        if (rc == WEIR_OK)
            rc = check_bound(self, rename[i].incoming, err);
    }
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
    weir_code    rc = keyed->driver->begin(keyed, err);
    if (rc == WEIR_OK)
        rc = check_all(self, rename, count, err);
    if (rc != WEIR_OK || dry_run)
        return rc;
    weir_buf_text(&sql, "PRAGMA legacy_alter_table = ON;");
    for (uint32_t i = 0; i < count; i++) {
        rename_text(&sql, rename[i].given, rename[i].outgoing);
        rename_text(&sql, rename[i].incoming, rename[i].given);
    }
    weir_buf_byte(&sql, '\0');
    rc = sqlite_run(self, sql.at, "could not rename tables of", err);
    weir_buf_done(&sql);
    return rc == WEIR_OK ? keyed->driver->commit(keyed, err) : rc;
}
