/* tests/fake_database: see the header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_database.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/error.h"

static bool starts(weir_str sql, const char *text)
{
    return weir_str_starts(sql, text);
}

static const char *find(weir_str sql, const char *text)
{
    return memmem(sql.at, sql.len, text, strlen(text));
}

/* Fills the answer with cells; "\\N" is NULL. */
static void answer_with(fake_mysql_answer *out, uint32_t columns, uint32_t count,
                        const char *const *cell)
{
    out->way = FAKE_MYSQL_ROWS;
    out->columns = columns;
    for (uint32_t i = 0; i < count; i++)
        fake_mysql_cell(out, strcmp(cell[i], "\\N") == 0 ? (weir_str){NULL, 0}
                                                         : weir_str_of(cell[i]));
}

static const char *const session[] = {"STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES",
                                      "+00:00",
                                      "utf8mb4",
                                      "utf8mb4",
                                      "utf8mb4",
                                      "0",
                                      "10",
                                      "0",
                                      "1048576",
                                      "1",
                                      "READ-COMMITTED"};
static const char *const columns[] = {"id",
                                      "bigint",
                                      "bigint(20)",
                                      "NO",
                                      "\\N",
                                      "",
                                      "19",
                                      "0",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "name",
                                      "varbinary",
                                      "varbinary(40)",
                                      "NO",
                                      "\\N",
                                      "",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "40",
                                      "\\N",
                                      "40",
                                      "amount",
                                      "decimal",
                                      "decimal(12,2)",
                                      "YES",
                                      "\\N",
                                      "",
                                      "12",
                                      "2",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "at",
                                      "datetime",
                                      "datetime(6)",
                                      "YES",
                                      "\\N",
                                      "",
                                      "\\N",
                                      "\\N",
                                      "6",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "note",
                                      "varchar",
                                      "varchar(8)",
                                      "YES",
                                      "\\N",
                                      "",
                                      "\\N",
                                      "\\N",
                                      "\\N",
                                      "8",
                                      "utf8mb4_general_ci",
                                      "32"};
static const char *const indexes[] = {"PRIMARY", "id", "\\N", "PRIMARY", "name", "\\N"};
static const char *const engine[] = {"BASE TABLE", "InnoDB", "YES"};

static void answer_about_tables(fake_database *database, weir_str sql,
                                fake_mysql_answer *out)
{
    bool commit = find(sql, "X'776569725F636F6D6D6974'") != NULL ||
                  find(sql, "X'776569725f636f6d6d6974'") != NULL;
    bool live = find(sql, "X'6C697665'") != NULL || find(sql, "X'6c697665'") != NULL;
    bool gone = commit ? database->no_commit_table : database->no_table && !live;
    if (find(sql, "information_schema.TABLES") != NULL)
        answer_with(out, 3, gone ? 0 : 3, engine);
    else if (find(sql, "information_schema.COLUMNS") != NULL)
        answer_with(out, 12, sizeof columns / sizeof columns[0], columns);
    else if (find(sql, "information_schema.STATISTICS") != NULL)
        answer_with(out, 3, sizeof indexes / sizeof indexes[0], indexes);
    else
        answer_with(out, 1, 0, NULL); /* collations */
}

static weir_str from_hex(const char *hex, char out[33])
{
    for (size_t i = 0; i < 32; i++) {
        unsigned byte = 0;
        (void)sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = (char)byte;
    }
    return (weir_str){out, 32};
}

static void answer_row(const database_row *row, fake_mysql_answer *out)
{
    char text[24], sha[33];
    out->way = FAKE_MYSQL_ROWS;
    out->columns = 4;
    if (!row->there)
        return;
    (void)snprintf(text, sizeof text, "%" PRIu64, row->epoch);
    fake_mysql_cell(out, weir_str_of(text));
    (void)snprintf(text, sizeof text, "%" PRIu64, row->gen);
    fake_mysql_cell(out, weir_str_of(text));
    fake_mysql_cell(out, from_hex(row->sha, sha));
    fake_mysql_cell(out, from_hex(row->prev_sha, sha));
}

static const char *after(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    weir_assert(at != NULL);
    return at + strlen(word);
}

static void copy_sha(char out[65], const char *from)
{
    memcpy(out, from, 64);
    out[64] = '\0';
}

/* INSERT … VALUES (X'job', lineage, X'task', X'group', epoch, gen, X'sha', X'prev', … */
static void insert_row(database_row *row, const char *sql)
{
    const char *at = after(sql, "VALUES (");
    char       *end = NULL;
    for (int comma = 0; comma < 4; comma++)
        at = after(at, ", ");
    row->there = true;
    row->epoch = strtoull(at, &end, 10);
    row->gen = strtoull(after(end, ", "), &end, 10);
    at = after(end, "X'");
    copy_sha(row->sha, at);
    copy_sha(row->prev_sha, after(at, "X'"));
}

static void update_row(database_row *row, const char *sql, fake_mysql_answer *out)
{
    const char *where = after(sql, " AND epoch = ");
    char       *end = NULL;
    uint64_t    epoch = strtoull(where, &end, 10);
    if (!row->there || row->epoch != epoch ||
        strncmp(row->sha, after(where, "manifest_sha = X'"), 64) != 0)
        return;
    row->epoch = strtoull(after(sql, "epoch = "), &end, 10);
    row->gen = strtoull(after(sql, "gen = "), &end, 10);
    copy_sha(row->sha, after(sql, "manifest_sha = X'"));
    copy_sha(row->prev_sha, after(sql, "prev_sha = X'"));
    out->affected = 1;
}

static void answer_lock(fake_database *database, uint64_t id, weir_str sql,
                        fake_mysql_answer *out)
{
    char        text[24];
    const char *got = "1";
    if (starts(sql, "SELECT GET_LOCK") && database->holder != 0 && database->holder != id)
        got = "0";
    else if (starts(sql, "SELECT GET_LOCK"))
        database->holder = id;
    else if (database->holder == 0)
        got = "\\N";
    else {
        (void)snprintf(text, sizeof text, "%" PRIu64, database->holder);
        got = text;
    }
    answer_with(out, 1, 1, &got);
}

static void let_go(fake_database *database, uint64_t id)
{
    if (database->holder == id)
        database->holder = 0;
    database->open[id % DATABASE_CONNECTIONS].in = false;
}

static void end_transaction(fake_database *database, uint64_t id, bool keep)
{
    if (!database->open[id % DATABASE_CONNECTIONS].in)
        return;
    database->open[id % DATABASE_CONNECTIONS].in = false;
    if (!keep)
        return;
    database->row = database->open[id % DATABASE_CONNECTIONS].row;
    database->writes += database->open[id % DATABASE_CONNECTIONS].writes;
    database->commits++;
}

/* Statements that change something; `sql` ends with a NUL. */
static void change(fake_database *database, uint64_t id, weir_str sql,
                   fake_mysql_answer *out)
{
    uint64_t n = id % DATABASE_CONNECTIONS;
    if (starts(sql, "BEGIN") || starts(sql, "START TRANSACTION")) {
        database->open[n].in = true;
        database->open[n].row = database->row;
        database->open[n].writes = 0;
    } else if (starts(sql, "COMMIT") || starts(sql, "ROLLBACK")) {
        end_transaction(database, id, starts(sql, "COMMIT"));
    } else if (starts(sql, "INSERT INTO weir_commit")) {
        insert_row(&database->open[n].row, sql.at);
    } else if (starts(sql, "UPDATE weir_commit SET prev_sha = manifest_sha")) {
        database->endings++; /* it knows one lineage */
    } else if (starts(sql, "UPDATE weir_commit")) {
        update_row(&database->open[n].row, sql.at, out);
    } else if (starts(sql, "KILL ")) {
        uint64_t other = strtoull(sql.at + 5, NULL, 10);
        database->kills++;
        fake_mysql_kill(&database->server, other);
        let_go(database, other);
    } else if (starts(sql, "CREATE TABLE")) {
        database->tables_made++;
    } else if (starts(sql, "INSERT INTO") || starts(sql, "DELETE FROM")) {
        database->open[n].writes++;
        database->upserts += starts(sql, "INSERT");
        database->deletes += starts(sql, "DELETE");
        (void)snprintf(database->last_write, sizeof database->last_write, "%s", sql.at);
    }
}

static void answer_rightly(fake_database *database, uint64_t id, weir_str sql,
                           fake_mysql_answer *out)
{
    static const char *const warning[] = {"Note", "1265", "Data truncated"};
    static const char *const one[] = {"1"};
    if (starts(sql, "SELECT @@SESSION.sql_mode")) {
        const char *cell[11];
        char        text[24];
        memcpy(cell, session, sizeof session);
        (void)snprintf(text, sizeof text, "%" PRIu64, id);
        cell[9] = text;
        answer_with(out, 11, 11, cell);
    } else if (starts(sql, "SELECT GET_LOCK") || starts(sql, "SELECT IS_USED_LOCK")) {
        answer_lock(database, id, sql, out);
    } else if (find(sql, "information_schema") != NULL) {
        answer_about_tables(database, sql, out);
    } else if (starts(sql, "SELECT epoch")) {
        answer_row(&database->open[id % DATABASE_CONNECTIONS].row, out);
    } else if (starts(sql, "SELECT CONNECTION_ID")) {
        char        text[24];
        const char *cell = text;
        (void)snprintf(text, sizeof text, "%" PRIu64, id);
        answer_with(out, 1, 1, &cell);
    } else if (starts(sql, "SELECT IF(")) {
        static const char *const name[] = {"bench"};
        answer_with(out, 1, 1, name);
    } else if (starts(sql, "SELECT RELEASE_LOCK")) {
        if (database->holder == id)
            database->holder = 0;
        answer_with(out, 1, 1, one);
    } else if (starts(sql, "SELECT `id`")) {
        static const char *const row[] = {"1", "ada", "2.50", "2024-01-01 00:00:00.000000", "hi"};
        answer_with(out, 5, 5, row);
    } else if (starts(sql, "SELECT 1")) {
        answer_with(out, 1, database->filled, one);
    } else if (starts(sql, "SHOW WARNINGS")) {
        answer_with(out, 3, 3, warning);
    } else {
        change(database, id, sql, out);
    }
}

static database_fault *fault_for(fake_database *database, fake_mysql_event event,
                                 weir_str sql)
{
    for (size_t i = 0; i < sizeof database->fault / sizeof database->fault[0]; i++) {
        database_fault  *fault = &database->fault[i];
        fake_mysql_event wanted = fault->event == FAKE_MYSQL_CONNECT &&
                                          fault->statement != NULL &&
                                          fault->statement[0] != '\0'
                                      ? FAKE_MYSQL_QUERY
                                      : fault->event;
        if (fault->statement == NULL || fault->times == 0 || event != wanted ||
            !starts(sql, fault->statement) ||
            (fault->holds != NULL && find(sql, fault->holds) == NULL))
            continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        if (fault->times > 0)
            fault->times--;
        return fault;
    }
    return NULL;
}

/* Another value in one cell of the right answer. */
static void spoil_cell(const database_fault *fault, fake_mysql_answer *out)
{
    weir_buf was = out->cells;
    int      cell = 0;
    out->cells = (weir_buf){0};
    for (size_t at = 0; !fault->empty && at < was.len;) {
        uint8_t len = (uint8_t)was.at[at];
        size_t  bytes = len == 0xfb ? 0 : len;
        if (++cell == fault->cell)
            fake_mysql_cell(out, fault->value == NULL ? (weir_str){NULL, 0}
                                                      : weir_str_of(fault->value));
        else
            fake_mysql_cell(out, len == 0xfb ? (weir_str){NULL, 0}
                                             : (weir_str){was.at + at + 1, bytes});
        at += 1 + bytes;
    }
    weir_buf_done(&was);
}

static void serve(void *self, uint64_t id, fake_mysql_event event, weir_str sql,
                  fake_mysql_answer *out)
{
    fake_database *database = self;
    while (starts(sql, "--")) { /* comments */
        size_t line = (size_t)((const char *)memchr(sql.at, '\n', sql.len) - sql.at) + 1;
        sql = (weir_str){sql.at + line, sql.len - line};
    }
    database_fault *fault = fault_for(database, event, sql);
    if (event == FAKE_MYSQL_GONE) {
        let_go(database, id);
        return;
    }
    if (event == FAKE_MYSQL_QUERY &&
        (fault == NULL || fault->after || fault->way == FAKE_MYSQL_ROWS ||
         fault->way == FAKE_MYSQL_OK)) {
        char *text = strndup(sql.at, sql.len);
        weir_assert(text != NULL);
        answer_rightly(database, id, weir_str_of(text), out);
        free(text);
    }
    if (fault == NULL)
        return;
    if (fault->way == FAKE_MYSQL_ROWS) {
        spoil_cell(fault, out);
        return;
    }
    out->way = fault->way == FAKE_MYSQL_OK ? out->way : fault->way;
    out->warnings = fault->warnings;
    out->number = fault->number;
    out->state = fault->state != NULL ? fault->state : out->state;
    out->text = fault->text != NULL ? fault->text : out->text;
}

void fake_database_start(fake_database *database, fake_mysql_kind kind)
{
    memset(database, 0, sizeof *database);
    fake_mysql_start(&database->server, kind, serve, database);
    (void)snprintf(database->options, sizeof database->options,
                   "url=mysql://weir:secret@127.0.0.1:%u/bench;create=true",
                   database->server.port);
}

void fake_database_settle(fake_database *database)
{
    pthread_mutex_lock(&database->server.lock);
    pthread_mutex_unlock(&database->server.lock);
}

void fake_database_stop(fake_database *database)
{
    fake_mysql_stop(&database->server);
}
