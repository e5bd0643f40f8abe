/* sink/mysql_table: what the server has, judged before the first row is written.
 *
 * Refused at start (exit SINK_SCHEMA): a missing table, unless create says to make it; a view,
 * or an engine without transactions; another primary key than the job's, or a key that is not
 * equal byte for byte; a second unique index, for an upsert may hit another row by it; columns
 * that are missing, that do not fit, or that need a value and get none.
 *
 * Gives      mysql_tables_check.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <string.h>
#include <strings.h>

#include "schema_mysql.h"

static weir_code unfit(const keyed_table *table, const char *why, const char *hint,
                       weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFIG, "table '%.*s' %s",
                    WEIR_STR_FMT(table->target), why);
    return weir_err_hint(err, "%s", hint);
}

static weir_code unfit_column(const keyed_table *table, weir_str column, const char *why,
                              weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFIG,
                    "table '%.*s' does not fit the job: column '%.*s' %s",
                    WEIR_STR_FMT(table->target), WEIR_STR_FMT(column), why);
    return weir_err_hint(err, "weir ddl prints the table that fits");
}

/* The question ends in the table's name, as a literal. */
static weir_code ask_about(mysql_sink *self, const char *head, weir_str name,
                           weir_mysql_answer *out, weir_err *err)
{
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, head);
    weir_buf_text(&self->sql, "CONVERT(X'");
    weir_buf_hex(&self->sql, name.at, name.len);
    weir_buf_text(&self->sql, "' USING utf8mb4)");
    return weir_mysql_ask(self->link, weir_buf_view(&self->sql), self->scratch, out, err);
}

static const char engine_question[] =
    "SELECT t.TABLE_TYPE, t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES t "
    "LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE "
    "WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = ";

static weir_code check_engine(mysql_sink *self, const keyed_table *table, bool *out_there,
                              weir_err *err)
{
    weir_mysql_answer answer;
    weir_code         rc = ask_about(self, engine_question, table->target, &answer, err);
    if (rc != WEIR_OK)
        return rc;
    *out_there = answer.rows > 0;
    if (answer.rows == 0)
        return WEIR_OK;
    if (!weir_str_is(answer.cell[0], "BASE TABLE"))
        return unfit(table, "is not a base table", "weir writes tables, not views", err);
    if (!weir_str_is(answer.cell[2], "YES"))
        return unfit(table, "is in an engine without transactions",
                     "ALTER TABLE … ENGINE = InnoDB", err);
    return WEIR_OK;
}

static int64_t number_of(weir_str cell)
{
    int64_t value;
    return cell.at != NULL && weir_str_to_i64(cell, &value) ? value : -1;
}

static const char column_question[] =
    "SELECT COLUMN_NAME, LOWER(DATA_TYPE), COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, "
    "EXTRA, "
    "NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_MAXIMUM_LENGTH, "
    "COLLATION_NAME, CHARACTER_OCTET_LENGTH FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ";

enum { /* columns of its answer */
       COLUMN_NAME,
       COLUMN_TYPE,
       COLUMN_FULL,
       COLUMN_NULLABLE,
       COLUMN_DEFAULT,
       COLUMN_EXTRA,
       COLUMN_PRECISION,
       COLUMN_SCALE,
       COLUMN_FRACTION,
       COLUMN_CHARACTERS,
       COLUMN_COLLATION,
       COLUMN_BYTES,
       COLUMN_COUNT
};

static int32_t field_named(const keyed_table *table, weir_str name)
{
    for (uint32_t c = 0; c < table->schema.count; c++) {
        weir_str have = table->schema.field[c].name;
        if (have.len == name.len && strncasecmp(have.at, name.at, name.len) == 0)
            return (int32_t)c;
    }
    return -1;
}

static bool is_key(const keyed_table *table, uint32_t column)
{
    for (uint32_t k = 0; k < table->keys; k++)
        if (table->key[k] == column)
            return true;
    return false;
}

static weir_code check_key_text(const keyed_table *table, const weir_str *cell,
                                keyed_rule *rule, weir_err *err)
{
    bool blank = false;
    if (!mysql_collation_exact(cell[COLUMN_COLLATION], &blank))
        return unfit_column(
            table, cell[COLUMN_NAME],
            "is in the key, and its collation takes different texts for equal", err);
    rule->no_blank_end = blank;
    int64_t bytes = number_of(cell[COLUMN_BYTES]);
    rule->bytes_max = bytes > 0 && bytes < UINT32_MAX ? (uint32_t)bytes : 0;
    return WEIR_OK;
}

/* A column of the server. */
static weir_code check_column(mysql_sink *self, uint32_t t, const weir_str *cell,
                              bool *seen, weir_err *err)
{
    const keyed_table *table = &self->keyed.table[t];
    int32_t            c = field_named(table, cell[COLUMN_NAME]);
    bool made = memmem(cell[COLUMN_EXTRA].at, cell[COLUMN_EXTRA].len, "GENERATED", 9);
    if (c < 0) {
        bool fed = made || cell[COLUMN_DEFAULT].at != NULL ||
                   weir_str_is(cell[COLUMN_NULLABLE], "YES") ||
                   weir_str_is(cell[COLUMN_EXTRA], "auto_increment");
        return fed ? WEIR_OK
                   : unfit_column(table, cell[COLUMN_NAME],
                                  "must have a value, and is not in the job", err);
    }
    if (made &&
        memmem(cell[COLUMN_EXTRA].at, cell[COLUMN_EXTRA].len, "DEFAULT_", 8) == NULL)
        return unfit_column(table, cell[COLUMN_NAME], "is computed by the server", err);
    seen[c] = true;
    mysql_column column = {
        .type = cell[COLUMN_TYPE],
        .full_type = cell[COLUMN_FULL],
        .precision = number_of(cell[COLUMN_PRECISION]),
        .scale = number_of(cell[COLUMN_SCALE]),
        .fraction = number_of(cell[COLUMN_FRACTION]),
        .characters = number_of(cell[COLUMN_CHARACTERS]),
    };
    weir_type   type = table->schema.field[c].type;
    const char *why = mysql_type_unfit(type, &column, self->scratch);
    if (why != NULL)
        return unfit_column(table, cell[COLUMN_NAME], why, err);
    if (is_key(table, (uint32_t)c) && weir_type_is_text(type))
        return check_key_text(table, cell, &self->keyed.rule[t][c], err);
    return WEIR_OK;
}

static weir_code check_columns(mysql_sink *self, uint32_t t, weir_err *err)
{
    const keyed_table *table = &self->keyed.table[t];
    weir_mysql_answer  answer;
    weir_code          rc = ask_about(self, column_question, table->target, &answer, err);
    if (rc != WEIR_OK)
        return rc;
    weir_assert(answer.columns == COLUMN_COUNT);
    bool *seen = WEIR_ARRAY(self->scratch, bool, table->schema.count);
    for (uint32_t r = 0; rc == WEIR_OK && r < answer.rows; r++)
        rc = check_column(self, t, &answer.cell[r * answer.columns], seen, err);
    for (uint32_t c = 0; rc == WEIR_OK && c < table->schema.count; c++)
        if (!seen[c])
            rc = unfit_column(table, table->schema.field[c].name, "is missing", err);
    return rc;
}

static const char index_question[] =
    "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS "
    "WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ";

static weir_code check_indexes(mysql_sink *self, const keyed_table *table, weir_err *err)
{
    weir_mysql_answer answer;
    uint32_t          keys = 0;
    weir_code         rc = ask_about(self, index_question, table->target, &answer, err);
    if (rc != WEIR_OK)
        return rc;
    for (uint32_t r = 0; r < answer.rows; r++) {
        const weir_str *cell = &answer.cell[r * answer.columns];
        if (!weir_str_is(cell[0], "PRIMARY")) {
            (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFIG,
                            "table '%.*s' has a second unique index, '%.*s'",
                            WEIR_STR_FMT(table->target), WEIR_STR_FMT(cell[0]));
            return weir_err_hint(err,
                                 "an upsert could change another row by it: drop it, or "
                                 "make it not unique");
        }
        int32_t c = cell[1].at != NULL ? field_named(table, cell[1]) : -1;
        if (c < 0 || !is_key(table, (uint32_t)c) || cell[2].at != NULL)
            return unfit(table, "has another primary key than the job",
                         "the PRIMARY KEY of both must name the same columns", err);
        keys++;
    }
    if (keys != table->keys)
        return unfit(table,
                     keys == 0 ? "has no primary key"
                               : "has another primary key than the job",
                     "the PRIMARY KEY of both must name the same columns", err);
    return WEIR_OK;
}

/* The best collation for keys that the server has. */
static weir_code find_flavour(mysql_sink *self, const weir_opts *opts, mysql_flavour *out,
                              weir_err *err)
{
    weir_str  found = {0};
    weir_code rc = mysql_ask_one(
        self,
        WEIR_STR(
            "SELECT COLLATION_NAME FROM information_schema.COLLATIONS WHERE COLLATION_NAME "
            "IN ('utf8mb4_0900_bin', 'utf8mb4_nopad_bin') LIMIT 1"),
        &found, err);
    out->key_collation = found.at;
    out->key_bytes = (uint32_t)weir_opts_int(opts, "key_bytes");
    return rc;
}

static weir_code create_table(mysql_sink *self, uint32_t t, weir_err *err)
{
    mysql_flavour flavour = {.if_missing = true};
    weir_buf      sql = {0};
    weir_code     rc = find_flavour(self, self->keyed.setup.table[t].opts, &flavour, err);
    if (rc == WEIR_OK) {
        mysql_ddl(&sql, &self->keyed.table[t], &flavour);
        rc = weir_mysql_run(self->link, weir_buf_view(&sql), NULL, err);
    }
    weir_buf_done(&sql);
    return rc;
}

/* In the form of another table of the database, if that is there. */
static weir_code create_like(mysql_sink *self, uint32_t t, bool *out_made, weir_err *err)
{
    const keyed_table like = {.target = self->keyed.setup.table[t].like};
    if (like.target.len == 0)
        return WEIR_OK;
    weir_code rc = check_engine(self, &like, out_made, err);
    if (rc != WEIR_OK || !*out_made)
        return rc;
    weir_buf sql = {0};
    weir_buf_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    mysql_name(&sql, self->keyed.table[t].target);
    weir_buf_text(&sql, " LIKE ");
    mysql_name(&sql, like.target);
    rc = weir_mysql_run(self->link, weir_buf_view(&sql), NULL, err);
    weir_buf_done(&sql);
    return rc;
}

static weir_code check_table(mysql_sink *self, uint32_t t, weir_err *err)
{
    const keyed_table *table = &self->keyed.table[t];
    bool               there = false;
    weir_code          rc = check_engine(self, table, &there, err);
    if (rc == WEIR_OK && !there)
        rc = create_like(self, t, &there, err);
    if (rc == WEIR_OK && !there) {
        if (!self->create)
            return unfit(table, "is not there",
                         "weir ddl prints it; create = 'true' makes it", err);
        rc = create_table(self, t, err);
    }
    if (rc == WEIR_OK)
        rc = check_indexes(self, table, err);
    if (rc == WEIR_OK)
        rc = check_columns(self, t, err);
    return rc;
}

weir_str mysql_commit_ddl(void)
{
    return (weir_str){(const char *)schema_mysql_files[0].at, schema_mysql_files[0].len};
}

static weir_code check_commit_table(mysql_sink *self, weir_err *err)
{
    const keyed_table table = {.target = WEIR_STR("weir_commit")};
    bool              there = false;
    weir_code         rc = check_engine(self, &table, &there, err);
    if (rc != WEIR_OK || there)
        return rc;
    if (!self->create)
        return unfit(&table, "is not there", "weir ddl prints it; create = 'true' makes it",
                     err);
    return weir_mysql_run(self->link, mysql_commit_ddl(), NULL, err);
}

weir_code mysql_tables_check(mysql_sink *self, weir_err *err)
{
    weir_code rc = check_commit_table(self, err);
    for (uint32_t t = 0; rc == WEIR_OK && t < self->keyed.tables; t++) {
        weir_arena_reset(self->scratch);
        rc = check_table(self, t, err);
    }
    return rc;
}
