/* tests/sink_target: see the header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sink_target.h"

#include <avro.h>
#include <sqlite3.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "weir/mysql_client.h"

/* sqlite */

static sqlite3 *open_file(const sink_target *target)
{
    sqlite3 *db = NULL;
    char     path[512];
    (void)snprintf(path, sizeof path, "%s/bench.sqlite", target->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

static void sqlite_sql(sink_target *target, const char *sql)
{
    sqlite3 *db = open_file(target);
    char    *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

static void sqlite_empty(sink_target *target)
{
    sqlite_sql(target, "DROP TABLE IF EXISTS bench_rows; DROP TABLE IF EXISTS weir_commit");
}

static weir_buf sqlite_ask(sink_target *target, const char *sql)
{
    sqlite3      *db = open_file(target);
    sqlite3_stmt *statement = NULL;
    weir_buf      out = {0};
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(statement); c++) {
            const char *cell = (const char *)sqlite3_column_text(statement, c);
            weir_buf_format(&out, "%s%s", c > 0 ? "|" : "", cell != NULL ? cell : "NULL");
        }
        weir_buf_byte(&out, '\n');
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    weir_buf_byte(&out, '\0');
    return out;
}

static weir_buf keyed_dump(sink_target *target, sink_bench *bench)
{
    (void)bench;
    return target->ask(target, "SELECT * FROM bench_rows ORDER BY id, name");
}

/* mysql */

static weir_mysql *open_server(const char *url)
{
    char             user[64], password[64], host[64], database[64];
    int              port;
    weir_mysql      *mysql = NULL;
    weir_err         err;
    weir_mysql_setup setup = {.host = host,
                              .user = user,
                              .password = password,
                              .database = database,
                              .connect_timeout_us = 10000000};
    if (sscanf(url, "mysql://%63[^:]:%63[^@]@%63[^:]:%d/%63s", user, password, host,
               &port, database) != 5)
        fail_msg("write the test's url as mysql://user:password@host:port/database");
    setup.port = (uint16_t)port;
    weir_err_clear(&err);
    CHECK_OK(weir_mysql_open(&setup, &mysql, &err), &err);
    return mysql;
}

static void run_at(const char *url, const char *sql)
{
    weir_err    err;
    weir_mysql *mysql = open_server(url);
    weir_err_clear(&err);
    CHECK_OK(weir_mysql_run(mysql, weir_str_of(sql), NULL, &err), &err);
    weir_mysql_close(mysql);
}

static void mysql_sql(sink_target *target, const char *sql)
{
    run_at(target->url, sql);
}

static void mysql_admin(sink_target *target, const char *sql)
{
    if (target->admin_url == NULL)
        fail_msg("WEIR_TEST_…_ADMIN_URL is missing, of a user with all rights");
    run_at(target->admin_url, sql);
}

static void mysql_empty(sink_target *target)
{
    mysql_sql(target, "DROP TABLE IF EXISTS bench_rows");
    mysql_sql(target, "DROP TABLE IF EXISTS weir_commit");
}

/* "12:00:00.500000" as "12:00:00.5": the text that SQLite has. */
static weir_str without_zeros(weir_str cell)
{
    if (memchr(cell.at, ':', cell.len) == NULL || memchr(cell.at, '.', cell.len) == NULL)
        return cell;
    while (cell.at[cell.len - 1] == '0')
        cell.len--;
    if (cell.at[cell.len - 1] == '.')
        cell.len--;
    return cell;
}

static weir_buf mysql_ask(sink_target *target, const char *sql)
{
    weir_err          err;
    weir_mysql_answer answer;
    weir_buf          out = {0};
    weir_arena       *arena = weir_arena_new("answer", 64 << 10);
    weir_mysql       *mysql = open_server(target->url);
    weir_err_clear(&err);
    CHECK_OK(weir_mysql_ask(mysql, weir_str_of(sql), arena, &answer, &err), &err);
    for (uint32_t r = 0; r < answer.rows; r++) {
        for (uint32_t c = 0; c < answer.columns; c++) {
            weir_str cell = answer.cell[r * answer.columns + c];
            weir_buf_text(&out, c > 0 ? "|" : "");
            weir_buf_str(&out, cell.at != NULL ? without_zeros(cell) : WEIR_STR("NULL"));
        }
        weir_buf_byte(&out, '\n');
    }
    weir_mysql_close(mysql);
    weir_arena_free(arena);
    weir_buf_byte(&out, '\0');
    return out;
}

/* s3 */

static void s3_empty(sink_target *target)
{
    (void)target; /* each bench has a store of its own */
}

static void decode_file(weir_buf *out, weir_str bytes)
{
    char *folder = capture_folder();
    char  path[512];
    capture_write(folder, "x.avro", bytes);
    (void)snprintf(path, sizeof path, "%s/x.avro", folder);
    avro_file_reader_t reader;
    if (avro_file_reader(path, &reader) != 0)
        fail_msg("%s", avro_strerror());
    avro_schema_t schema = avro_file_reader_get_writer_schema(reader);
    avro_value_iface_t *class = avro_generic_class_from_schema(schema);
    avro_value_t value;
    avro_generic_value_new(class, &value);
    while (avro_file_reader_read_value(reader, &value) == 0) {
        char *json = NULL;
        assert_int_equal(avro_value_to_json(&value, 1, &json), 0);
        weir_buf_text(out, json);
        weir_buf_byte(out, '\n');
        free(json);
    }
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(schema);
    avro_file_reader_close(reader);
    capture_folder_gone(folder);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static weir_buf sorted_lines(weir_buf *text, weir_arena *arena)
{
    size_t count = 0;
    for (size_t i = 0; i < text->len; i++)
        count += text->at[i] == '\n';
    char **line = WEIR_ARRAY(arena, char *, count + 1);
    char  *copy = (char *)(uintptr_t)weir_str_copy(arena, weir_buf_view(text)).at;
    size_t n = 0;
    while (n < count)
        line[n++] = strsep(&copy, "\n");
    qsort(line, count, sizeof *line, compare_lines);
    weir_buf_clear(text);
    for (size_t i = 0; i < count; i++)
        weir_buf_format(text, "%s\n", line[i]);
    weir_buf_byte(text, '\0');
    return *text;
}

static weir_buf s3_dump(sink_target *target, sink_bench *bench)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_buf     out = {0};
    (void)target;
    CHECK_OK(bench->store->kind->list(bench->store, WEIR_STR("lake/"), WEIR_STR(""), 1000,
                                      bench->arena, &listed, &count, &bench->err),
             &bench->err);
    for (uint32_t i = 0; i < count; i++) {
        weir_buf body = {0};
        if (listed[i].key.len < 5 ||
            memcmp(listed[i].key.at + listed[i].key.len - 5, ".avro", 5) != 0)
            continue;
        CHECK_OK(weir_store_get_one(bench->store, listed[i].key, &body, &bench->err),
                 &bench->err);
        decode_file(&out, weir_buf_view(&body));
        weir_buf_done(&body);
    }
    return sorted_lines(&out, bench->arena);
}

static void add_mysql(sink_target *target, const char *name, const char *url,
                      const char *admin_url)
{
    *target = (sink_target){.name = name,
                            .kind = "mysql",
                            .url = url,
                            .empty = mysql_empty,
                            .dump = keyed_dump,
                            .ask = mysql_ask,
                            .sql = mysql_sql,
                            .admin_url = admin_url,
                            .admin = mysql_admin};
    (void)snprintf(target->text, sizeof target->text, "url=%s;create=true", url);
    target->options = target->text;
}

uint32_t sink_targets(sink_target out[4])
{
    uint32_t    count = 0;
    const char *mariadb = getenv("WEIR_TEST_MARIADB_URL");
    const char *mysql8 = getenv("WEIR_TEST_MYSQL8_URL");
    out[count] = (sink_target){.name = "sqlite",
                               .kind = "sqlite",
                               .folder = capture_folder(),
                               .empty = sqlite_empty,
                               .dump = keyed_dump,
                               .ask = sqlite_ask,
                               .sql = sqlite_sql,
                               .admin = sqlite_sql};
    (void)snprintf(out[count].text, sizeof out[count].text, "url=sqlite:%s/bench.sqlite",
                   out[count].folder);
    count++;
    out[count++] = (sink_target){.name = "s3",
                                 .kind = "s3",
                                 .options = "path=lake;roll.rows=3",
                                 .empty = s3_empty,
                                 .dump = s3_dump};
    if (mariadb != NULL && weir_sink_find(WEIR_STR("mysql")) != NULL)
        add_mysql(&out[count++], "mysql on MariaDB", mariadb,
                  getenv("WEIR_TEST_MARIADB_ADMIN_URL"));
    if (mysql8 != NULL && weir_sink_find(WEIR_STR("mysql")) != NULL)
        add_mysql(&out[count++], "mysql on MySQL 8", mysql8,
                  getenv("WEIR_TEST_MYSQL8_ADMIN_URL"));
    for (uint32_t i = 0; i < count; i++)
        if (out[i].options == NULL || out[i].url != NULL)
            out[i].options = out[i].text;
    return count;
}

void sink_targets_gone(sink_target *targets, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (targets[i].folder != NULL)
            capture_folder_gone(targets[i].folder);
}
