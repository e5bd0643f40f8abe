/* Against the real servers that WEIR_TEST_MARIADB_URL and WEIR_TEST_MYSQL8_URL name: what is
 * refused at start, and which rows are refused. Without a server it fails.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "sink_target.h"

static sink_target *target;

/* Starts with a table made by `ddl`; it must be refused with these words. */
static void check_refused(const char *ddl, const char *says)
{
    sink_bench bench;
    char       options[600];
    target->empty(target);
    (void)snprintf(options, sizeof options, "%s", target->options);
    bench_start(&bench, "mysql", options);
    target->sql(target, ddl);
    weir_code rc = bench_try_take_over(&bench);
    if (says == NULL) {
        CHECK_OK(rc, &bench.err);
    } else {
        CHECK(rc != WEIR_OK);
        CHECK_SAYS(&bench.err, says);
        CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
        CHECK(bench.err.hint[0] != '\0');
    }
    bench_stop(&bench);
}

#define COLUMNS_FROM(name, amount, at, note)                                               \
    "CREATE TABLE bench_rows (id BIGINT NOT NULL, name " name " NOT NULL, amount " amount  \
    ", `at` " at ", note " note
#define GOOD COLUMNS_FROM("VARBINARY(40)", "DECIMAL(12,2)", "DATETIME(6)", "VARCHAR(8)")
#define KEY ", PRIMARY KEY (id, name))"

static void tables_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    check_refused(GOOD KEY, NULL);
    check_refused(GOOD ", PRIMARY KEY (name, id))", NULL);
    check_refused(
        GOOD ", more INT NULL, made INT AS (id + 1), d INT NOT NULL DEFAULT 7" KEY, NULL);
    check_refused(GOOD ", KEY by_note (note)" KEY, NULL);
    check_refused(GOOD ", UNIQUE KEY by_note (note)" KEY, "second unique index, 'by_note'");
    check_refused(GOOD ", more INT NOT NULL" KEY, "column 'more' must have a value");
    check_refused(GOOD ", PRIMARY KEY (id))", "another primary key");
    check_refused(GOOD ", PRIMARY KEY (id, name, `at`))", "another primary key");
    check_refused(GOOD ", PRIMARY KEY (id, name(3)))", "another primary key");
    check_refused(GOOD ")", "no primary key");
    check_refused(GOOD KEY " ENGINE = MyISAM", "without transactions");
    check_refused("CREATE VIEW bench_rows AS SELECT 1 AS id", "not a base table");
    target->sql(target, "DROP VIEW bench_rows");
    check_refused(
        "CREATE TABLE bench_rows (id BIGINT NOT NULL, name VARBINARY(40) NOT NULL" KEY,
        "column 'amount' is missing");
    check_refused(
        COLUMNS_FROM("VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
                     "DECIMAL(12,2)", "DATETIME(6)", "VARCHAR(8)") KEY,
        "takes different texts for equal");
    check_refused(COLUMNS_FROM("VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                               "DECIMAL(12,2)", "DATETIME(6)", "VARCHAR(8)") KEY,
                  NULL);
    check_refused(
        COLUMNS_FROM("VARBINARY(40)", "DECIMAL(11,2)", "DATETIME(6)", "VARCHAR(8)") KEY,
        "decimal(12,2) or wider");
    check_refused(COLUMNS_FROM("VARBINARY(40)", "DOUBLE", "DATETIME(6)", "VARCHAR(8)") KEY,
                  "column 'amount'");
    check_refused(COLUMNS_FROM("VARBINARY(40)", "DECIMAL(12,2)", "DATETIME", "VARCHAR(8)")
                      KEY,
                  "rounded in silence");
    check_refused(
        COLUMNS_FROM("VARBINARY(40)", "DECIMAL(12,2)", "DATETIME(6)", "VARCHAR(7)") KEY,
        "must hold 8 characters");
}

static void nothing_is_made_unless_asked_for(void **state)
{
    (void)state;
    sink_bench bench;
    char       options[600];
    target->empty(target);
    (void)snprintf(options, sizeof options, "url=%s", target->url);
    bench_start(&bench, "mysql", options);
    CHECK(bench_try_take_over(&bench) != WEIR_OK);
    CHECK_SAYS(&bench.err, "'weir_commit' is not there");
    CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
    bench_stop(&bench);
}

/* One row of each kind that the server, or its calendar, does not take. */
static void rows_are_refused_one_by_one(void **state)
{
    (void)state;
    sink_bench bench;
    target->empty(target);
    bench_start(&bench, "mysql", target->options);
    target->sql(target, COLUMNS_FROM("VARCHAR(6) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                                     "DECIMAL(12,2)", "DATETIME(6)", "VARCHAR(8)") KEY);
    bench_take_over(&bench);
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    weir_refusals refusals = {.arena = bench.now.epoch};
    weir_batch   *rows =
        bench_rows(&bench, bench.now.epoch,
                   "+I|1|ada|1||\n+I|2|blank |1||\n+I|3|too-long|1||\n"
                   "+I|4|cyd|1|0001-01-01 00:00:00|\n"
                   "+I|5|dan|1|9999-12-31 23:59:59.999999|\n"
                   "+I|6|eve|1|2024-01-01 00:00:00|\n+I|7|fay|1||waytoolong\n"
                   "+I|8|gus|1||fine");
    ((int64_t *)(uintptr_t)rows->column[3].values)[5] =
        253402300800000000; /* 10000-01-01 */
    uint32_t found[8] = {0}, count = 0;
    for (int again = 0; again < 8; again++) {
        refusals.count = 0;
        CHECK_OK(bench_stage(&bench, rows, again > 0), &bench.err);
        CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
        for (uint32_t i = 0; i < refusals.count; i++)
            found[count++] = refusals.row[i].row;
        if (refusals.count == 0)
            break;
    }
    CHECK_INT(count, 4);
    CHECK_INT(found[0], 1); /* known before the server is asked */
    CHECK_INT(found[1], 2);
    CHECK_INT(found[2], 5);
    CHECK_INT(found[3], 6);
    CHECK_OK(bench_put(&bench), &bench.err);
    CHECK_OK(bench_commit(&bench), &bench.err);
    CHECK_OK(bench_finalise(&bench), &bench.err);
    weir_buf dump = target->dump(target, &bench);
    CHECK_TEXT(dump.at,
               "1|ada|1.00|NULL|NULL\n4|cyd|1.00|0001-01-01 00:00:00|NULL\n"
               "5|dan|1.00|9999-12-31 23:59:59.999999|NULL\n8|gus|1.00|NULL|fine\n");
    weir_buf_done(&dump);
    bench_stop(&bench);
}

/* A bad row among thousands, in the second of its statements. */
static void a_needle_is_found(void **state)
{
    (void)state;
    sink_bench bench;
    weir_buf   text = {0};
    target->empty(target);
    bench_start(&bench, "mysql", target->options);
    bench_take_over(&bench);
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    for (int i = 0; i < 2000; i++)
        weir_buf_format(&text, "+I|%d|x|1||%s\n", i, i == 1357 ? "much too long" : "fine");
    weir_buf_byte(&text, '\0');
    weir_refusals refusals = {.arena = bench.now.epoch};
    weir_batch   *rows = bench_rows(&bench, bench.now.epoch, text.at);
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 1);
    CHECK_INT(refusals.row[0].row, 1357);
    CHECK_TEXT(refusals.row[0].code, "1406");
    CHECK_HOLDS(refusals.row[0].msg, "note");
    weir_buf_done(&text);
    bench_stop(&bench);
}

/* A decimal finer than the column would be rounded with no more than a note. */
static void a_note_refuses_the_row(void **state)
{
    (void)state;
    sink_bench bench;
    target->empty(target);
    bench_start(&bench, "mysql", target->options);
    bench.field[2].type = (weir_type){.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY};
    bench_take_over(&bench);
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    weir_refusals refusals = {.arena = bench.now.epoch};
    weir_batch   *rows =
        bench_rows(&bench, bench.now.epoch,
                   "+I|1|a|0.000000000000000000000000000001||\n"
                   "+I|2|b|0.0000000000000000000000000000001||\n+I|3|c|2.5||");
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 1);
    CHECK_INT(refusals.row[0].row, 1);
    CHECK_TEXT(refusals.row[0].code, "1265");
    bench_stop(&bench);
}

static void a_table_that_changes_under_way_stops_the_job(void **state)
{
    (void)state;
    sink_bench bench;
    target->empty(target);
    bench_start(&bench, "mysql", target->options);
    bench_take_over(&bench);
    bench_epoch(&bench, "+I|1|ada|1||x");
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    CHECK_OK(
        bench_try_epoch(&bench, bench_rows(&bench, arena, "+I|1|ada|2||longer"), BENCH_PUT),
        &bench.err);
    bench_crash(&bench);
    weir_sink_free(bench.zombie[0].sink); /* its transaction would hold the table */
    bench.zombie[0].sink = NULL;
    target->sql(target, "ALTER TABLE bench_rows MODIFY note VARCHAR(3)");
    bench.field[4].type.length = 3;
    CHECK(bench_try_take_over(&bench) != WEIR_OK); /* the payload is of the old schema */
    CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_INT(bench.err.fate, WEIR_FATE_HALT);
    weir_arena_free(arena);
    bench_stop(&bench);
}

static void a_wrong_password_is_told_without_the_right_one(void **state)
{
    (void)state;
    sink_bench bench;
    char       options[600];
    (void)snprintf(options, sizeof options, "%s;password=wrong-secret", target->options);
    bench_start(&bench, "mysql", options);
    CHECK(bench_try_take_over(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_HALT);
    CHECK_SAYS(&bench.err, "1045");
    CHECK(strstr(bench.err.msg, "wrong-secret") == NULL);
    bench_stop(&bench);
}

/* Both ways are right: a server with a certificate, and one without. */
static void encryption_is_had_or_refused(void **state)
{
    (void)state;
    static const char *const modes[] = {"off", "auto", "require", "verify"};
    bool                     has_tls = strstr(target->name, "MySQL 8") != NULL;
    for (size_t i = 0; i < 4; i++) {
        sink_bench bench;
        char       options[600];
        target->empty(target);
        (void)snprintf(options, sizeof options, "%s;tls=%s", target->options, modes[i]);
        bench_start(&bench, "mysql", options);
        weir_code rc = bench_try_take_over(&bench);
        if (i < 2 || (i == 2 && has_tls)) { /* auto: the server is on this machine */
            CHECK_OK(rc, &bench.err);
        } else { /* no TLS, or a certificate that nobody vouches for */
            CHECK(rc != WEIR_OK);
            CHECK_INT(bench.err.fate, WEIR_FATE_HALT);
            CHECK_HINTS(&bench.err, "tls");
        }
        bench_stop(&bench);
    }
}

/* In arrays where the server knows them, else as text: what comes back is what was sent. */
static void every_type_comes_back_as_it_was(void **state)
{
    (void)state;
    static const struct {
        weir_type_id type[3];
        const char  *rows, *want;
    } cases[] = {
        {{WEIR_T_DATE, WEIR_T_TIME, WEIR_T_BYTEA},
         "+I|1|a|2024-02-29|23:59:59.999999|x'y\\\n+I|2|b|0001-01-01|00:00:00|''\n+I|3|c|||"
         "\n"
         "+I|4|d|9999-12-31|01:02:03|z",
         "1|a|2024-02-29|23:59:59.999999|x'y\\\n2|b|0001-01-01|00:00:00|\n3|c|NULL|NULL|"
         "NULL\n"
         "4|d|9999-12-31|01:02:03|z\n"},
        {{WEIR_T_BOOL, WEIR_T_INT16, WEIR_T_INT32},
         "+I|1|a|true|-32768|2147483647\n+I|2|b|false|32767|-2147483648\n+I|3|c|||",
         "1|a|1|-32768|2147483647\n2|b|0|32767|-2147483648\n3|c|NULL|NULL|NULL\n"},
        {{WEIR_T_FLOAT32, WEIR_T_FLOAT64, WEIR_T_TIMESTAMP},
         "+I|1|a|0.5|0.1|1969-12-31 23:59:59.000001\n+I|2|b|-2|1e300|2024-02-29 00:00:00\n"
         "+I|3|c|||",
         "1|a|0.5|0.1|1969-12-31 23:59:59.000001\n2|b|-2|1e300|2024-02-29 00:00:00\n"
         "3|c|NULL|NULL|NULL\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sink_bench bench;
        target->empty(target);
        bench_start(&bench, "mysql", target->options);
        for (int c = 0; c < 3; c++)
            bench.field[2 + c].type = (weir_type){.id = (uint8_t)cases[i].type[c]};
        bench_take_over(&bench);
        bench_epoch(&bench, cases[i].rows);
        weir_buf dump = target->dump(target, &bench);
        CHECK_TEXT(dump.at, cases[i].want);
        weir_buf_done(&dump);
        bench_epoch(&bench, "-D|2|b|||\n-D|1|a|||\n-D|3|c|||\n-D|4|d|||");
        dump = target->dump(target, &bench);
        CHECK_TEXT(dump.at, "");
        weir_buf_done(&dump);
        bench_stop(&bench);
    }
}

/* What one connection says of another that has the url `other`. */
static bool same_as(const char *other)
{
    sink_bench first, second;
    char       options[600];
    bool       same = false;
    target->empty(target);
    bench_start(&first, "mysql", target->options);
    (void)snprintf(options, sizeof options, "url=%s;create=true;sink_group=other", other);
    bench_start(&second, "mysql", options);
    CHECK_OK(bench_try_take_over(&first), &first.err);
    CHECK_OK(bench_try_take_over(&second), &second.err);
    weir_sink *a = first.now.sink, *b = second.now.sink;
    CHECK_OK(a->kind->same(a, b, &same, &first.err), &first.err);
    bench_stop(&second);
    bench_stop(&first);
    return same;
}

static void one_database_is_seen_through_two_groups(void **state)
{
    (void)state;
    const char *mariadb = getenv("WEIR_TEST_MARIADB_URL");
    const char *mysql8 = getenv("WEIR_TEST_MYSQL8_URL");
    CHECK(same_as(target->url));
    if (mariadb != NULL && mysql8 != NULL)
        CHECK(!same_as(strcmp(target->url, mariadb) == 0 ? mysql8 : mariadb));
}

static void a_server_that_is_away_is_waited_for(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "mysql", "url=mysql://u:p@127.0.0.1:1/d");
    CHECK(bench_try_take_over(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    bench_stop(&bench);
}

int main(void)
{
    sink_target             targets[4];
    uint32_t                count = sink_targets(targets);
    int                     failed = 0;
    bool                    any = false;
    const struct CMUnitTest tests[] = {
        TEST(tables_that_do_not_fit_are_refused),
        TEST(nothing_is_made_unless_asked_for),
        TEST(rows_are_refused_one_by_one),
        TEST(a_needle_is_found),
        TEST(a_note_refuses_the_row),
        TEST(a_table_that_changes_under_way_stops_the_job),
        TEST(a_wrong_password_is_told_without_the_right_one),
        TEST(encryption_is_had_or_refused),
        TEST(every_type_comes_back_as_it_was),
        TEST(one_database_is_seen_through_two_groups),
        TEST(a_server_that_is_away_is_waited_for),
    };
    for (uint32_t i = 0; i < count; i++) {
        if (targets[i].url == NULL)
            continue;
        any = true;
        target = &targets[i];
        failed += cmocka_run_group_tests_name(target->name, tests, NULL, NULL);
    }
    CHECK(any); /* WEIR_TEST_MARIADB_URL or WEIR_TEST_MYSQL8_URL is set */
    sink_targets_gone(targets, count);
    return failed;
}
