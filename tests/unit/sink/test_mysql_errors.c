/* What the MySQL sink makes of a server's errors, and of connections that end: at each statement of
 * an epoch, in each class. A committed epoch is written once, whatever came between.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_database.h"
#include "sink_bench.h"

typedef struct bed {
    fake_database database;
    sink_bench    bench;
    weir_arena   *rows;
    weir_refusals refusals;
} bed;

static void set_up(bed *b, fake_mysql_kind kind)
{
    fake_database_start(&b->database, kind);
    bench_start(&b->bench, "mysql", b->database.options);
    bench_take_over(&b->bench);
    b->rows = weir_arena_new("rows", 64 << 10);
    b->refusals = (weir_refusals){.arena = b->rows};
}

static void tear_down(bed *b)
{
    weir_arena_free(b->rows);
    bench_stop(&b->bench);
    fake_database_stop(&b->database);
}

/* An epoch as the engine does it: again from the start of a step while the fate is RETRY. */
static void run_epoch(bed *b, const char *text)
{
    sink_bench *bench = &b->bench;
    weir_batch *rows = bench_rows(bench, b->rows, text);
    weir_code   rc;
    int         tries = 0;
    CHECK_OK(bench_stage(bench, rows, false), &bench->err);
    while ((rc = bench_execute(bench, &b->refusals)) != WEIR_OK && tries++ < 5)
        CHECK_INT(bench->err.fate, WEIR_FATE_RETRY);
    CHECK_OK(rc, &bench->err);
    CHECK_OK(bench_put(bench), &bench->err);
    while ((rc = bench_commit(bench)) != WEIR_OK && tries++ < 5)
        CHECK_INT(bench->err.fate, WEIR_FATE_RETRY);
    CHECK_OK(rc, &bench->err);
    CHECK_OK(bench_finalise(bench), &bench->err);
    weir_stage_free(bench->now.stage);
    bench->now.stage = NULL;
    fake_database_settle(&b->database);
}

static const char *const steps[] = {"SET SESSION wait_timeout = 10", "BEGIN",
                                    "UPDATE weir_commit", "INSERT INTO `bench_rows`",
                                    "COMMIT"};

static void an_error_that_passes_costs_only_time(void **state)
{
    (void)state;
    static const struct {
        fake_mysql_way way;
        uint16_t       number;
        const char    *sqlstate;
    } faults[] = {
        {FAKE_MYSQL_FAIL, 1213, "40001"}, /* deadlock: all is rolled back */
        {FAKE_MYSQL_FAIL, 1205, "HY000"}, /* lock wait: the statement only */
        {FAKE_MYSQL_FAIL, 1290, "HY000"}, /* read-only */
        {FAKE_MYSQL_FAIL, 1053, "08S01"}, /* shutdown */
        {FAKE_MYSQL_FAIL, 9999, "40001"}, /* unknown, of a class that is known */
        {FAKE_MYSQL_FAIL, 9999, "08007"}, {FAKE_MYSQL_DROP, 0, NULL},
        {FAKE_MYSQL_TORN, 0, NULL},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
            for (int after = 0; after < 2; after++) {
                bed b;
                set_up(&b, FAKE_MYSQL_8);
                run_epoch(&b, "+I|1|ada|2.50||hi");
                b.database.fault[0] = (database_fault){.statement = steps[s],
                                                       .times = 1,
                                                       .way = faults[i].way,
                                                       .number = faults[i].number,
                                                       .state = faults[i].sqlstate,
                                                       .after = after == 1};
                run_epoch(&b, "+I|2|bob|||");
                CHECK_INT(b.database.fault[0].times, 0);
                CHECK_U64(b.database.row.epoch, 2);
                CHECK_INT(b.database.writes, 2); /* each once, also when its OK was lost */
                run_epoch(&b, "+I|3|cyd|||\n-D|1|ada|||");
                CHECK_U64(b.database.row.epoch, 3);
                CHECK_INT(b.database.writes, 4);
                tear_down(&b);
            }
        }
    }
}

/* A failover leaves connections to what is a replica now: they would be refused for ever. */
static void a_server_that_takes_nothing_more_is_looked_for_anew(void **state)
{
    (void)state;
    static const uint16_t numbers[] = {1290, 1792, 1836};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        run_epoch(&b, "+I|1|ada|2.50||hi");
        uint64_t before = b.database.server.connections;
        b.database.fault[0] = (database_fault){.statement = "UPDATE weir_commit",
                                               .times = 1,
                                               .way = FAKE_MYSQL_FAIL,
                                               .number = numbers[i],
                                               .state = "HY000"};
        run_epoch(&b, "+I|2|bob|||");
        CHECK_U64(b.database.server.connections, before + 1);
        CHECK_U64(b.database.row.epoch, 2);
        CHECK_INT(b.database.writes, 2);
        tear_down(&b);
    }
}

static void an_error_that_lasts_stops_the_job(void **state)
{
    (void)state;
    static const struct {
        uint16_t    number;
        const char *sqlstate;
        weir_exit   exit;
    } faults[] = {
        {1146, "42S02", WEIR_EXIT_SINK_SCHEMA}, /* no such table */
        {1054, "42S22", WEIR_EXIT_SINK_SCHEMA}, /* no such column */
        {9999, "42000", WEIR_EXIT_SINK_SCHEMA},
        {1142, "42000", WEIR_EXIT_JOB}, /* no right */
        {9999, "28000", WEIR_EXIT_JOB},
        {9999, "HY000", WEIR_EXIT_JOB}, /* who knows */
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (size_t s = 1; s + 1 < sizeof steps / sizeof steps[0]; s++) {
            bed b;
            set_up(&b, FAKE_MYSQL_8);
            b.database.fault[0] = (database_fault){.statement = steps[s],
                                                   .times = -1,
                                                   .way = FAKE_MYSQL_FAIL,
                                                   .number = faults[i].number,
                                                   .state = faults[i].sqlstate};
            weir_batch *rows = bench_rows(&b.bench, b.rows, "+I|1|ada|2.50||hi");
            CHECK_OK(bench_stage(&b.bench, rows, false), &b.bench.err);
            CHECK_FAILS(bench_execute(&b.bench, &b.refusals), WEIR_E_REMOTE, &b.bench.err);
            CHECK_INT(b.bench.err.fate, WEIR_FATE_HALT);
            CHECK_INT(b.bench.err.exit, faults[i].exit);
            CHECK_SAYS(&b.bench.err, "made up");
            CHECK_INT(b.refusals.count, 0);
            tear_down(&b);
        }
    }
}

/* A row that is refused, by number or by class, is found by halving; the others are written. */
static void a_refused_row_is_found(void **state)
{
    (void)state;
    static const struct {
        uint16_t    number;
        const char *sqlstate;
    } faults[] = {{1406, "22001"}, {1062, "23000"}, {3819, "HY000"},
                  {4025, "23000"}, {9999, "22003"}, {9999, "23001"}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        for (fake_mysql_kind kind = FAKE_MYSQL_8; kind <= FAKE_MYSQL_OLD_MARIA;
             kind = FAKE_MYSQL_OLD_MARIA + (kind == FAKE_MYSQL_OLD_MARIA)) {
            bed b;
            set_up(&b, kind);
            b.database.fault[0] = (database_fault){.statement = "INSERT INTO `bench_rows`",
                                                   .holds = "needle",
                                                   .times = -1,
                                                   .way = FAKE_MYSQL_FAIL,
                                                   .number = faults[i].number,
                                                   .state = faults[i].sqlstate,
                                                   .text = "no such value"};
            weir_batch *rows =
                bench_rows(&b.bench, b.rows,
                           "+I|1|a|||\n+I|2|b|||\n+I|3|c|||needle\n+I|4|d|||\n"
                           "+I|5|e|||\n+I|6|f|||needle\n+I|7|g|||");
            CHECK_OK(bench_stage(&b.bench, rows, false), &b.bench.err);
            CHECK_OK(bench_execute(&b.bench, &b.refusals), &b.bench.err);
            CHECK_INT(b.refusals.count, 2);
            char code[8];
            (void)snprintf(code, sizeof code, "%u", faults[i].number);
            for (uint32_t r = 0; r < b.refusals.count; r++) {
                CHECK_INT(b.refusals.row[r].row, r == 0 ? 2 : 5);
                CHECK_TEXT(b.refusals.row[r].code, code);
                CHECK_HOLDS(b.refusals.row[r].msg, "no such value");
            }
            b.refusals.count = 0;
            CHECK_OK(bench_stage(&b.bench, rows, true), &b.bench.err);
            CHECK_OK(bench_execute(&b.bench, &b.refusals), &b.bench.err);
            CHECK_INT(b.refusals.count, 0);
            CHECK_OK(bench_put(&b.bench), &b.bench.err);
            CHECK_OK(bench_commit(&b.bench), &b.bench.err);
            fake_database_settle(&b.database);
            CHECK_INT(b.database.writes, 1);
            CHECK(strstr(b.database.last_write, "needle") == NULL);
            tear_down(&b);
        }
    }
}

/* While rows are halved the server goes away: that is no refusal. */
static void a_lost_connection_refuses_no_row(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    b.database.fault[0] = (database_fault){.statement = "INSERT INTO `bench_rows`",
                                           .holds = "needle",
                                           .times = 1,
                                           .way = FAKE_MYSQL_FAIL,
                                           .number = 1406};
    b.database.fault[1] = (database_fault){
        .statement = "INSERT INTO `bench_rows`", .times = 1, .way = FAKE_MYSQL_DROP};
    weir_batch *rows = bench_rows(&b.bench, b.rows, "+I|1|a|||\n+I|2|b|||needle");
    CHECK_OK(bench_stage(&b.bench, rows, false), &b.bench.err);
    CHECK_FAILS(bench_execute(&b.bench, &b.refusals), WEIR_E_REMOTE, &b.bench.err);
    CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
    CHECK_INT(b.refusals.count, 0);
    tear_down(&b);
}

/* After the commit point nothing can be left out: the operator has to look at the table. */
static void a_row_refused_after_the_commit_point_stops_the_job(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    weir_batch *rows = bench_rows(&b.bench, b.rows, "+I|1|a|||");
    CHECK_OK(bench_stage(&b.bench, rows, false), &b.bench.err);
    CHECK_OK(bench_execute(&b.bench, &b.refusals), &b.bench.err);
    CHECK_OK(bench_put(&b.bench), &b.bench.err);
    b.database.fault[0] =
        (database_fault){.statement = "COMMIT", .times = 1, .way = FAKE_MYSQL_DROP};
    b.database.fault[1] = (database_fault){.statement = "INSERT INTO `bench_rows`",
                                           .times = -1,
                                           .way = FAKE_MYSQL_FAIL,
                                           .number = 1406};
    CHECK_FAILS(bench_commit(&b.bench), WEIR_E_REMOTE, &b.bench.err);
    CHECK_INT(b.bench.err.fate, WEIR_FATE_HALT);
    CHECK_INT(b.bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_HINTS(&b.bench.err, "the table was changed");
    fake_database_settle(&b.database);
    CHECK_U64(b.database.row.epoch, 0);
    tear_down(&b);
}

static void a_damaged_commit_row_stops_the_job(void **state)
{
    (void)state;
    static const struct {
        int         cell;
        const char *value;
    } cases[] = {{1, "many"}, {1, NULL}, {2, "-1"}, {3, "short"}, {3, NULL}, {4, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        b.database.fault[0] = (database_fault){.statement = "SELECT epoch",
                                               .times = -1,
                                               .way = FAKE_MYSQL_ROWS,
                                               .cell = cases[i].cell,
                                               .value = cases[i].value};
        bench_crash(&b.bench);
        CHECK_FAILS(bench_try_take_over(&b.bench), WEIR_E_CORRUPT, &b.bench.err);
        CHECK_INT(b.bench.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.bench.err, "group 'bench' is damaged");
        tear_down(&b);
    }
}

/* The compare-and-set: a row that is elsewhere is fenced, one that is gone halts. */
static void a_foreign_commit_row_is_told_apart(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        run_epoch(&b, "+I|1|a|||");
        b.database.row.there = i == 0;
        b.database.row.epoch = 9;
        weir_batch *rows = bench_rows(&b.bench, b.rows, "+I|2|b|||");
        CHECK_OK(bench_stage(&b.bench, rows, false), &b.bench.err);
        CHECK_FAILS(bench_execute(&b.bench, &b.refusals), WEIR_E_CONFLICT, &b.bench.err);
        CHECK_INT(b.bench.err.exit, i == 0 ? WEIR_EXIT_FENCED : WEIR_EXIT_FORKED_HISTORY);
        fake_database_settle(&b.database);
        CHECK_INT(b.database.writes, 1);
        tear_down(&b);
    }
}

/* --fresh wants empty tables. */
static void a_fresh_lineage_wants_empty_tables(void **state)
{
    (void)state;
    static const struct {
        bool           filled;
        fake_mysql_way way;
        const char    *says;
    } cases[] = {{false, FAKE_MYSQL_OK, NULL},
                 {true, FAKE_MYSQL_OK, "has rows"},
                 {false, FAKE_MYSQL_DROP, "(2013)"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_database database;
        sink_bench    bench;
        fake_database_start(&database, FAKE_MYSQL_8);
        database.filled = cases[i].filled;
        database.fault[0] = (database_fault){
            .statement = "SELECT 1 FROM `bench_rows`", .times = 1, .way = cases[i].way};
        bench_start(&bench, "mysql", database.options);
        bench.setup.must_be_empty = true;
        weir_code rc = bench_try_take_over(&bench);
        CHECK_INT(rc == WEIR_OK, cases[i].says == NULL);
        if (cases[i].says != NULL)
            CHECK_SAYS(&bench.err, cases[i].says);
        fake_database_settle(&database);
        CHECK_INT(database.row.there, rc == WEIR_OK);
        bench_stop(&bench);
        fake_database_stop(&database);
    }
}

/* A row is not started when the older lineages could not be ended. */
static void a_row_is_started_when_older_lineages_are_ended(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        fake_database database;
        sink_bench    bench;
        fake_database_start(&database, FAKE_MYSQL_8);
        database.fault[0] = (database_fault){
            .statement = "UPDATE weir_commit SET prev_sha = manifest_sha", .times = i,
            .way = FAKE_MYSQL_FAIL, .number = 1205, .state = "HY000"};
        bench_start(&bench, "mysql", database.options);
        weir_code rc = bench_try_take_over(&bench);
        fake_database_settle(&database);
        CHECK_INT(rc == WEIR_OK, i == 0);
        CHECK_INT(database.row.there, i == 0);
        CHECK_INT(database.endings, i == 0);
        if (i == 1)
            CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
        bench_stop(&bench);
        fake_database_stop(&database);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_that_passes_costs_only_time),
        TEST(a_server_that_takes_nothing_more_is_looked_for_anew),
        TEST(an_error_that_lasts_stops_the_job),
        TEST(a_refused_row_is_found),
        TEST(a_lost_connection_refuses_no_row),
        TEST(a_row_refused_after_the_commit_point_stops_the_job),
        TEST(a_damaged_commit_row_stops_the_job),
        TEST(a_foreign_commit_row_is_told_apart),
        TEST(a_fresh_lineage_wants_empty_tables),
        TEST(a_row_is_started_when_older_lineages_are_ended),
    };
    return RUN_TESTS(tests);
}
