/* sink/sqlite_table: the tables of the file: made when missing, else checked column by column.
 *
 * Gives      sqlite_tables_check, sqlite_type.
 * Always     1. a table is STRICT; decimals and times are canonical text in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

#include <string.h>
#include <strings.h>

#include "schema_sqlite.h"

const char *sqlite_type(weir_type type)
{
    switch (type.id) {
    case WEIR_T_BOOL:
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        return "INTEGER";
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        return "REAL";
    case WEIR_T_BYTEA:
        return "BLOB";
    default:
        return "TEXT";
    }
}

static void create_text(weir_buf *out, const keyed_table *table)
{
    weir_buf_text(out, "CREATE TABLE ");
    sqlite_name(out, table->target);
    weir_buf_text(out, " (");
    for (uint32_t c = 0; c < table->schema.count; c++) {
        const weir_field *field = &table->schema.field[c];
        weir_buf_text(out, c == 0 ? "\n    " : ",\n    ");
        sqlite_name(out, field->name);
        weir_buf_format(out, " %s", sqlite_type(field->type));
        if (field->not_null)
            weir_buf_text(out, " NOT NULL");
        if (field->type.id == WEIR_T_TEXT && field->type.length > 0) {
            weir_buf_text(out, " CHECK (length(");
            sqlite_name(out, field->name);
            weir_buf_format(out, ") <= %u)", field->type.length);
        }
    }
    weir_buf_text(out, ",\n    PRIMARY KEY (");
    for (uint32_t k = 0; k < table->keys; k++) {
        if (k > 0)
            weir_buf_text(out, ", ");
        sqlite_name(out, table->schema.field[table->key[k]].name);
    }
    weir_buf_text(out, ")\n) STRICT, WITHOUT ROWID");
}

weir_code sqlite_ddl_of(const weir_sink_table *table, weir_str server, weir_buf *out,
                        weir_err *err)
{
    keyed_table plain;
    weir_code   rc = WEIR_OK;
    (void)server; /* there is one SQLite */
    if (table == NULL)
        weir_buf_text(out, (const char *)schema_sqlite_files[0].at);
    else
        rc = keyed_table_of(table, &plain, err);
    if (table != NULL && rc == WEIR_OK)
        create_text(out, &plain);
    return rc;
}

static weir_code unfit(const sqlite_sink *self, const keyed_table *table, weir_str column,
                       const char *why, weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFIG,
                    "table '%.*s' in '%s' does not fit the job: column '%.*s' %s",
                    WEIR_STR_FMT(table->target), self->path, WEIR_STR_FMT(column), why);
    return weir_err_hint(err, "drop the table, or name another with the option table");
}

static bool is_key(const keyed_table *table, uint32_t column)
{
    for (uint32_t k = 0; k < table->keys; k++)
        if (table->key[k] == column)
            return true;
    return false;
}

/* One column that the file's table has: name, type, notnull, default, pk. */
static weir_code check_column(const sqlite_sink *self, const keyed_table *table,
                              sqlite3_stmt *row, uint32_t *found, weir_err *err)
{
    weir_str name = weir_str_of((const char *)sqlite3_column_text(row, 0));
    bool     key = sqlite3_column_int(row, 4) > 0;
    for (uint32_t c = 0; c < table->schema.count; c++) {
        if (!weir_str_eq(table->schema.field[c].name, name))
            continue;
        (*found)++;
        if (strcasecmp((const char *)sqlite3_column_text(row, 1),
                       sqlite_type(table->schema.field[c].type)) != 0)
            return unfit(self, table, name, "has another type", err);
        if (key != is_key(table, c))
            return unfit(self, table, name,
                         key ? "is in the primary key" : "is not in the primary key", err);
        return WEIR_OK;
    }
    if (key)
        return unfit(self, table, name, "is in the primary key, and not in the job", err);
    if (sqlite3_column_int(row, 2) != 0 && sqlite3_column_type(row, 3) == SQLITE_NULL)
        return unfit(self, table, name, "must have a value, and is not in the job", err);
    return WEIR_OK;
}

static weir_code check_missing(sqlite_sink *self, const keyed_table *table, weir_err *err)
{
    sqlite3_stmt *statement = NULL;
    weir_code     rc = sqlite_prepare(
            self, WEIR_STR("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2"),
            "could not look at", &statement, err);
    for (uint32_t c = 0; rc == WEIR_OK && c < table->schema.count; c++) {
        weir_str name = table->schema.field[c].name;
        (void)sqlite3_bind_text(statement, 1, table->target.at, (int)table->target.len,
                                SQLITE_STATIC);
        (void)sqlite3_bind_text(statement, 2, name.at, (int)name.len, SQLITE_STATIC);
        if (sqlite3_step(statement) != SQLITE_ROW)
            rc = unfit(self, table, name, "is missing", err);
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
    return rc;
}

/* What stands behind "CREATE TABLE <name>", which is how SQLite keeps it. */
static const char *behind_name(const char *sql)
{
    const char *at = sql + strlen("CREATE TABLE ");
    char        end = *at == '[' ? ']' : *at;
    bool        quoted = *at == '"' || *at == '`' || *at == '[' || *at == '\'';
    if (!quoted)
        return at + strcspn(at, " (\t\r\n");
    for (at++; *at != '\0'; at++)
        if (*at == end && *++at != end)
            return at;
    return at;
}

/* In the form of another table of the file, if that is there. */
static weir_code create_like(sqlite_sink *self, uint32_t t, bool *out_made, weir_err *err)
{
    weir_str      like = self->keyed.setup.table[t].like;
    sqlite3_stmt *row = NULL;
    weir_buf      sql = {0};
    if (like.len == 0)
        return WEIR_OK;
    weir_code rc = sqlite_prepare(
        self, WEIR_STR("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?1"),
        "could not look at", &row, err);
    if (rc != WEIR_OK)
        return rc;
    (void)sqlite3_bind_text(row, 1, like.at, (int)like.len, SQLITE_STATIC);
    if (sqlite3_step(row) == SQLITE_ROW) {
        weir_buf_text(&sql, "CREATE TABLE ");
        sqlite_name(&sql, self->keyed.table[t].target);
        weir_buf_text(&sql, behind_name((const char *)sqlite3_column_text(row, 0)));
        weir_buf_byte(&sql, '\0');
    }
    (void)sqlite3_finalize(row);
    *out_made = sql.len > 0;
    if (sql.len > 0)
        rc = sqlite_run(self, sql.at, "could not create a table in", err);
    weir_buf_done(&sql);
    return rc;
}

static weir_code check_table(sqlite_sink *self, uint32_t t, weir_err *err)
{
    const keyed_table *table = &self->keyed.table[t];
    sqlite3_stmt *statement = NULL;
    uint32_t      columns = 0, found = 0;
    weir_code     rc = sqlite_prepare(self,
                                      WEIR_STR("SELECT name, type, \"notnull\", dflt_value, pk "
                                                   "FROM pragma_table_info(?1)"),
                                      "could not look at", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    (void)sqlite3_bind_text(statement, 1, table->target.at, (int)table->target.len,
                            SQLITE_STATIC);
    int step;
    while (rc == WEIR_OK && (step = sqlite3_step(statement)) != SQLITE_DONE) {
        columns++;
        if (step != SQLITE_ROW)
            rc = sqlite_fail(self, "could not look at", false, err);
        else
            rc = check_column(self, table, statement, &found, err);
    }
    (void)sqlite3_finalize(statement);
    if (rc != WEIR_OK)
        return rc;
    if (columns > 0)
        return found == table->schema.count ? WEIR_OK : check_missing(self, table, err);
    bool made = false;
    rc = create_like(self, t, &made, err);
    if (rc != WEIR_OK || made)
        return rc;
    if (!self->create)
        return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFIG,
                         "there is no table '%.*s' in '%s', and create is false",
                         WEIR_STR_FMT(table->target), self->path);
    weir_buf sql = {0};
    create_text(&sql, table);
    weir_buf_byte(&sql, '\0');
    rc = sqlite_run(self, sql.at, "could not create a table in", err);
    weir_buf_done(&sql);
    return rc;
}

weir_code sqlite_tables_check(sqlite_sink *self, weir_err *err)
{
    weir_code rc = WEIR_OK;
    if (self->create)
        rc = sqlite_run(self, (const char *)schema_sqlite_files[0].at,
                        "could not create weir_commit in", err);
    for (uint32_t t = 0; rc == WEIR_OK && t < self->keyed.tables; t++)
        rc = check_table(self, t, err);
    return rc;
}
