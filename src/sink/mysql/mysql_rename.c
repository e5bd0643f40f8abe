/* sink/mysql_rename: the driver's is_there and rename.
 *
 * RENAME TABLE waits for who reads the tables, and gives up after half a minute: a statement of
 * a process that died must not swap them at some later time.
 *
 * A table's triggers go with its rows, a foreign key that refers to it follows it: both would
 * stay with the rows that are put aside, so such tables are refused before anything is done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <string.h>

#define RENAME_WAIT_S 30

static void text_literal(weir_buf *out, weir_str text)
{
    weir_buf_text(out, "CONVERT(X'");
    weir_buf_hex(out, text.at, text.len);
    weir_buf_text(out, "' USING utf8mb4)");
}

weir_code mysql_is_there(keyed_sink *keyed, weir_str table, bool *out, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_str    cell = {0};
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, "SELECT 1 FROM information_schema.TABLES WHERE TABLE_TYPE = "
                              "'BASE TABLE' AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ");
    text_literal(&self->sql, table);
    weir_code rc = mysql_ask_one(self, weir_buf_view(&self->sql), &cell, err);
    *out = rc == WEIR_OK && cell.at != NULL;
    return rc;
}

/* Is there something that would follow the table to its new name? */
static weir_code check_bound(mysql_sink *self, weir_str table, weir_err *err)
{
    static const char *const question[] = {
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = "
        "DATABASE() AND EVENT_OBJECT_TABLE = ",
        "SELECT CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE "
        "REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = "};
    static const char *const what[] = {"trigger", "foreign key"};
    for (int i = 0; i < 2; i++) {
        weir_str cell = {0};
        weir_buf_clear(&self->sql);
        weir_buf_text(&self->sql, question[i]);
        text_literal(&self->sql, table);
        weir_code rc = mysql_ask_one(self, weir_buf_view(&self->sql), &cell, err);
        if (rc != WEIR_OK)
            return rc;
        if (cell.at != NULL)
            return keyed_bound(what[i], cell, table, err);
    }
    return WEIR_OK;
}

static void rename_text(weir_buf *out, weir_str from, weir_str to)
{
    mysql_name(out, from);
    weir_buf_text(out, " TO ");
    mysql_name(out, to);
}

weir_code mysql_rename(keyed_sink *keyed, const weir_rename *rename, uint32_t count,
                       bool dry_run, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_code   rc = mysql_begin(keyed, err);
    for (uint32_t i = 0; i < count && rc == WEIR_OK; i++) {
        rc = check_bound(self, rename[i].given, err);
        if (rc == WEIR_OK)
            rc = check_bound(self, rename[i].incoming, err);
    }
    if (rc != WEIR_OK || dry_run)
        return rc;
    rc = mysql_run_format(self, NULL, err, "SET SESSION lock_wait_timeout = %d", RENAME_WAIT_S);
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, "RENAME TABLE ");
    for (uint32_t i = 0; i < count; i++) {
        weir_buf_text(&self->sql, i > 0 ? ", " : "");
        rename_text(&self->sql, rename[i].given, rename[i].outgoing);
        weir_buf_text(&self->sql, ", ");
        rename_text(&self->sql, rename[i].incoming, rename[i].given);
    }
    return rc == WEIR_OK ? weir_mysql_run(self->link, weir_buf_view(&self->sql), NULL, err)
                         : rc;
}
