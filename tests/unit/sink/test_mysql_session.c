/* Connections of the MySQL sink against a server that a test makes up: what is set is read
 * back, the named lock is taken or left, and what is lost in between is noticed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_database.h"
#include "sink_bench.h"

typedef struct bed {
    fake_database database;
    sink_bench    bench;
} bed;

static void set_up(bed *b, fake_mysql_kind kind)
{
    fake_database_start(&b->database, kind);
    bench_start(&b->bench, "mysql", b->database.options);
}

static void tear_down(bed *b)
{
    bench_stop(&b->bench);
    fake_database_stop(&b->database);
}

#define SESSION "SELECT @@SESSION"

static void what_is_set_must_be_read_back(void **state)
{
    (void)state;
    static const struct {
        int         cell;
        const char *value, *says;
    } cases[] = {
        {1, "NO_BACKSLASH_ESCAPES", "does not keep sql_mode"},
        {1, "STRICT_ALL_TABLES", "does not keep sql_mode"},
        {1, "", "does not keep sql_mode"},
        {2, "SYSTEM", "does not keep time_zone"},
        {3, "latin1", "does not keep the character set"},
        {4, "utf8mb3", "does not keep the character set"},
        {5, NULL, "does not keep the character set"},
        {6, "1", "does not keep autocommit"},
        {7, "50", "does not keep innodb_lock_wait_timeout"},
        {9, "many", "answers what cannot be read"},
        {10, NULL, "answers what cannot be read"},
        {11, "REPEATABLE-READ", "does not keep the isolation level"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        b.database.fault[0] = (database_fault){.statement = SESSION,
                                               .times = -1,
                                               .way = FAKE_MYSQL_ROWS,
                                               .cell = cases[i].cell,
                                               .value = cases[i].value};
        CHECK_FAILS(bench_try_take_over(&b.bench), WEIR_E_REMOTE, &b.bench.err);
        CHECK_SAYS(&b.bench.err, cases[i].says);
        CHECK_INT(b.bench.err.fate, WEIR_FATE_HALT);
        if (cases[i].cell != 9 && cases[i].cell != 10)
            CHECK_HINTS(&b.bench.err, "a proxy or a pool");
        tear_down(&b);
    }
}

static void no_answer_about_settings_is_none(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    b.database.fault[0] = (database_fault){
        .statement = SESSION, .times = -1, .way = FAKE_MYSQL_ROWS, .empty = true};
    CHECK_FAILS(bench_try_take_over(&b.bench), WEIR_E_REMOTE, &b.bench.err);
    CHECK_SAYS(&b.bench.err, "does not say how it is set up");
    tear_down(&b);
}

static void read_only_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        weir_code   rc;
    } cases[] = {
        {"1", WEIR_E_REMOTE}, {"ON", WEIR_E_REMOTE}, {"0", WEIR_OK}, {"OFF", WEIR_OK}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        b.database.fault[0] = (database_fault){.statement = SESSION,
                                               .times = -1,
                                               .way = FAKE_MYSQL_ROWS,
                                               .cell = 8,
                                               .value = cases[i].value};
        CHECK_INT(bench_try_take_over(&b.bench), cases[i].rc);
        if (cases[i].rc != WEIR_OK) {
            CHECK_SAYS(&b.bench.err, "read-only");
            CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
        }
        tear_down(&b);
    }
}

/* A statement of the takeover, what happens to it, and how it is told. */
typedef struct start_case {
    database_fault fault;
    weir_fate      fate;
    const char    *says;
} start_case;

static void check_start(const start_case *one, fake_mysql_kind kind)
{
    bed b;
    set_up(&b, kind);
    b.database.fault[0] = one->fault;
    b.database.fault[0].times = -1;
    CHECK(bench_try_take_over(&b.bench) != WEIR_OK);
    CHECK_INT(b.bench.err.fate, one->fate);
    CHECK_SAYS(&b.bench.err, one->says);
    CHECK(strstr(b.bench.err.msg, "secret") == NULL);
    tear_down(&b);
}

static void every_statement_of_a_start_may_fail(void **state)
{
    (void)state;
    static const char *const statements[] = {
        "SET NAMES",
        "SET SESSION sql_mode",
        "SET SESSION time_zone",
        "SET SESSION TRANSACTION",
        SESSION,
        "SELECT t.TABLE_TYPE",
        "SELECT INDEX_NAME",
        "SELECT COLUMN_NAME",
        "SELECT GET_LOCK",
        "SET SESSION wait_timeout = 10",
        "BEGIN",
        "SELECT epoch",
        "INSERT INTO weir_commit",
    };
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        start_case one = {.fault = {.statement = statements[i],
                                    .way = FAKE_MYSQL_FAIL,
                                    .number = 1205,
                                    .text = "Lock wait timeout exceeded"},
                          .fate = WEIR_FATE_RETRY,
                          .says = "(1205)"};
        check_start(&one, FAKE_MYSQL_8);
        one.fault.number = 1142;
        one.fate = WEIR_FATE_HALT;
        one.says = "(1142)";
        check_start(&one, FAKE_MYSQL_8);
        one.fault.way = strncmp(statements[i], "SELECT", 6) == 0 && i % 2 == 0
                            ? FAKE_MYSQL_TORN
                            : FAKE_MYSQL_DROP;
        one.fate = WEIR_FATE_RETRY;
        one.says = "(2013)";
        if (strcmp(statements[i], "SET SESSION wait_timeout = 10") != 0 &&
            strcmp(statements[i], "BEGIN") != 0) /* those two are done anew, for ever */
            check_start(&one, FAKE_MYSQL_8);
    }
}

/* A proxy that mixes up answers: rows for a statement that has none, none for a question. */
static void an_answer_to_another_question_is_no_answer(void **state)
{
    (void)state;
    static const database_fault faults[] = {
        {.statement = "SET NAMES", .way = FAKE_MYSQL_TORN},
        {.statement = SESSION, .way = FAKE_MYSQL_NONE},
        {.statement = "SELECT GET_LOCK", .way = FAKE_MYSQL_NONE},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        start_case one = {.fault = faults[i],
                          .fate = WEIR_FATE_RETRY,
                          .says = "the server answers another question (2014)"};
        check_start(&one, FAKE_MYSQL_8);
    }
}

static void a_server_that_lets_nobody_in_is_told(void **state)
{
    (void)state;
    static const struct {
        uint16_t  number;
        weir_fate fate;
    } cases[] = {{1040, WEIR_FATE_RETRY}, {1045, WEIR_FATE_HALT},  {1049, WEIR_FATE_HALT},
                 {1129, WEIR_FATE_RETRY}, {1203, WEIR_FATE_RETRY}, {3159, WEIR_FATE_HALT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        b.database.fault[0] = (database_fault){.statement = "",
                                               .times = -1,
                                               .way = FAKE_MYSQL_FAIL,
                                               .number = cases[i].number};
        CHECK_FAILS(bench_try_take_over(&b.bench), WEIR_E_REMOTE, &b.bench.err);
        CHECK_INT(b.bench.err.fate, cases[i].fate);
        CHECK_SAYS(&b.bench.err, "could not connect to the database");
        tear_down(&b);
    }
    bed b;
    set_up(&b, FAKE_MYSQL_MARIADB);
    b.database.fault[0] =
        (database_fault){.statement = "", .times = -1, .way = FAKE_MYSQL_DROP};
    CHECK_FAILS(bench_try_take_over(&b.bench), WEIR_E_REMOTE, &b.bench.err);
    CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
    tear_down(&b);
}

/* Where the server is decides whether encryption is asked for; this one has none. */
static void encryption_depends_on_where_the_server_is(void **state)
{
    (void)state;
    static const struct {
        const char *host, *tls;
        bool        works;
    } cases[] = {{"127.0.0.1", "auto", true},    {"localhost", "auto", true},
                 {"127.0.0.1", "off", true},     {"0.0.0.0", "off", true},
                 {"0.0.0.0", "auto", false},     {"127.0.0.1", "require", false},
                 {"127.0.0.1", "verify", false}, {"localhost", "require", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed  b;
        char options[160];
        fake_database_start(&b.database, FAKE_MYSQL_MARIADB);
        (void)snprintf(options, sizeof options,
                       "url=mysql://weir:secret@%s:%u/bench;create=true;tls=%s",
                       cases[i].host, b.database.server.port, cases[i].tls);
        bench_start(&b.bench, "mysql", options);
        weir_code rc = bench_try_take_over(&b.bench);
        CHECK_INT(rc == WEIR_OK, cases[i].works);
        if (!cases[i].works) {
            CHECK_INT(b.bench.err.fate, WEIR_FATE_HALT);
            CHECK_HINTS(&b.bench.err, "tls");
        }
        tear_down(&b);
    }
}

static void a_socket_that_is_not_there_is_waited_for(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "mysql", "url=mysql://weir@%2Ftmp%2Fweir-no-such-socket/bench");
    CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_REMOTE, &bench.err);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&bench.err, "(2002)");
    bench_stop(&bench);
    bench_start(&bench, "mysql", "url=mysql://weir@[::1]:1/bench"); /* nobody's port */
    CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_REMOTE, &bench.err);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    bench_stop(&bench);
    bench_start(&bench, "mysql", "url=http://weir@127.0.0.1/bench");
    CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_CONFIG, &bench.err);
    bench_stop(&bench);
}

/* A holder of the lock, whoever it is, is killed at takeover. */
static void who_holds_the_lock_is_killed_at_takeover(void **state)
{
    (void)state;
    static const struct {
        database_fault fault;
        bool           works;
        uint32_t       kills;
    } cases[] = {
        {{.statement = NULL}, true, 1},
        /* gone by itself */
        {{.statement = "KILL", .way = FAKE_MYSQL_FAIL, .number = 1094}, true, 0},
        {{.statement = "KILL", .way = FAKE_MYSQL_DROP}, false, 0},
        {{.statement = "SELECT IS_USED_LOCK", .way = FAKE_MYSQL_ROWS, .cell = 1}, true, 0},
        {{.statement = "SELECT IS_USED_LOCK",
          .way = FAKE_MYSQL_ROWS,
          .cell = 1,
          .value = "nobody"},
         true,
         0},
        {{.statement = "SELECT IS_USED_LOCK", .way = FAKE_MYSQL_DROP}, false, 0},
        {{.statement = "SELECT IS_USED_LOCK", .way = FAKE_MYSQL_ROWS, .empty = true},
         true,
         0},
        {{.statement = "SELECT GET_LOCK", .holds = ", 10)", .way = FAKE_MYSQL_DROP},
         false,
         1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        b.database.holder = 77; /* of a process long ago */
        b.database.fault[0] = cases[i].fault;
        b.database.fault[0].times = 1;
        weir_code rc = bench_try_take_over(&b.bench);
        CHECK_INT(rc == WEIR_OK, cases[i].works);
        if (!cases[i].works)
            CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
        fake_database_settle(&b.database);
        CHECK_INT(b.database.kills, cases[i].kills);
        tear_down(&b);
    }
}

/* A lock that is ours already: the server gives the id of this connection. */
static void own_lock_is_not_killed(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    b.database.fault[0] = (database_fault){.statement = "SELECT GET_LOCK",
                                           .times = 1,
                                           .way = FAKE_MYSQL_ROWS,
                                           .cell = 1,
                                           .value = "0"}; /* and it has it all the same */
    bench_take_over(&b.bench);
    bench_epoch(&b.bench, "+I|1|ada|2.50||hi");
    CHECK_INT(b.database.kills, 0);
    tear_down(&b);
}

/* Behind a restart of the server the owner only takes the lock from its own old connection. */
static void a_stranger_is_not_killed_by_an_owner_that_reconnects(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    bench_take_over(&b.bench);
    b.database.fault[0] =
        (database_fault){.statement = "BEGIN", .times = 1, .way = FAKE_MYSQL_DROP};
    b.database.holder = 77;
    bench_epoch(&b.bench, "+I|1|ada|2.50||hi");
    CHECK_INT(b.database.kills, 0);
    CHECK_U64(b.database.holder, 77);
    CHECK_U64(b.database.row.epoch, 1);
    tear_down(&b);
}

/* The server did not notice yet that the owner's old connection is gone. */
static void an_owner_that_reconnects_kills_its_old_connection(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    bench_take_over(&b.bench);
    fake_database_settle(&b.database);
    uint64_t old = b.database.holder;
    b.database.fault[0] =
        (database_fault){.statement = "BEGIN", .times = 1, .way = FAKE_MYSQL_DROP};
    b.database.fault[1] = (database_fault){.statement = "SELECT GET_LOCK",
                                           .holds = ", 0)",
                                           .times = 1,
                                           .way = FAKE_MYSQL_ROWS,
                                           .cell = 1,
                                           .value = "0"};
    char id[24];
    (void)snprintf(id, sizeof id, "%" PRIu64, old);
    b.database.fault[2] = (database_fault){.statement = "SELECT IS_USED_LOCK",
                                           .times = 1,
                                           .way = FAKE_MYSQL_ROWS,
                                           .cell = 1,
                                           .value = id};
    bench_epoch(&b.bench, "+I|1|ada|2.50||hi");
    CHECK_INT(b.database.kills, 1);
    CHECK_U64(b.database.row.epoch, 1);
    tear_down(&b);
}

/* The server went away while the owner was idle, and is not back yet. */
static void an_owner_waits_for_a_server_that_restarts(void **state)
{
    (void)state;
    static const char *const statements[] = {"", SESSION, "SELECT GET_LOCK"};
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        bench_take_over(&b.bench);
        b.database.fault[0] =
            (database_fault){.statement = "BEGIN", .times = 1, .way = FAKE_MYSQL_DROP};
        b.database.fault[1] = (database_fault){
            .statement = statements[i], .times = 2, .way = FAKE_MYSQL_FAIL, .number = 1053};
        b.bench.now.epoch = weir_arena_new("rows", 64 << 10);
        weir_refusals refusals = {.arena = b.bench.now.epoch};
        weir_batch   *rows = bench_rows(&b.bench, b.bench.now.epoch, "+I|1|ada|2.50||hi");
        CHECK_OK(bench_stage(&b.bench, rows, false), &b.bench.err);
        for (int tries = 0; tries < 2; tries++) {
            CHECK_FAILS(bench_execute(&b.bench, &refusals), WEIR_E_REMOTE, &b.bench.err);
            CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
        }
        CHECK_OK(bench_execute(&b.bench, &refusals), &b.bench.err);
        CHECK_OK(bench_put(&b.bench), &b.bench.err);
        CHECK_OK(bench_commit(&b.bench), &b.bench.err);
        fake_database_settle(&b.database);
        CHECK_U64(b.database.row.epoch, 1);
        CHECK_INT(b.database.writes, 1);
        tear_down(&b);
    }
}

/* The connection is thrown away when it cannot be put to rest; the epoch stays committed. */
static void a_connection_that_cannot_rest_is_thrown_away(void **state)
{
    (void)state;
    static const char *const statements[] = {"SET SESSION wait_timeout = 3600", "ROLLBACK",
                                             "SET SESSION wait_timeout = 3600"};
    for (size_t i = 0; i < 3; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        bench_take_over(&b.bench);
        uint64_t before = b.database.server.connections;
        b.database.fault[0] = (database_fault){
            .statement = statements[i], .times = 1, .way = FAKE_MYSQL_FAIL, .number = 1227};
        if (i >= 1) /* after an execute that fails */
            b.database.fault[1] = (database_fault){.statement = "UPDATE weir_commit",
                                                   .times = 1,
                                                   .way = FAKE_MYSQL_FAIL,
                                                   .number = 1213};
        b.bench.now.epoch = weir_arena_new("rows", 64 << 10);
        weir_batch *rows = bench_rows(&b.bench, b.bench.now.epoch, "+I|1|ada|2.50||hi");
        weir_code   rc = bench_try_epoch(&b.bench, rows, BENCH_FINALISED);
        CHECK_INT(rc, i >= 1 ? WEIR_E_REMOTE : WEIR_OK);
        if (i >= 1)
            CHECK_OK(bench_try_epoch(&b.bench, rows, BENCH_FINALISED), &b.bench.err);
        bench_epoch(&b.bench, "+I|2|bob|||");
        fake_database_settle(&b.database);
        CHECK_U64(b.database.server.connections, before + 1);
        CHECK_U64(b.database.row.epoch, 2);
        CHECK_INT(b.database.writes, 2);
        tear_down(&b);
    }
}

/* open ends with a ROLLBACK: when the connection is lost there, replay makes another. */
static void a_takeover_reconnects_when_it_must(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8);
    b.database.fault[0] =
        (database_fault){.statement = "ROLLBACK", .times = 1, .way = FAKE_MYSQL_DROP};
    bench_take_over(&b.bench);
    CHECK_U64(b.database.server.connections, 2);
    tear_down(&b);
    set_up(&b, FAKE_MYSQL_8);
    b.database.fault[0] =
        (database_fault){.statement = "ROLLBACK", .times = 1, .way = FAKE_MYSQL_DROP};
    b.database.fault[1] = (database_fault){.statement = "SET NAMES",
                                           .skip = 1,
                                           .times = 1,
                                           .way = FAKE_MYSQL_FAIL,
                                           .number = 1053};
    CHECK_FAILS(bench_try_take_over(&b.bench), WEIR_E_REMOTE, &b.bench.err);
    CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
    tear_down(&b);
}

/* Where nothing was committed yet, a start says so before anything is sealed. */
static void rows_of_others_are_told_when_it_is_opened(void **state)
{
    (void)state;
    for (int filled = 0; filled < 2; filled++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8);
        b.database.filled = filled;
        b.bench.setup.must_be_empty = b.bench.setup.log_empty = true;
        CHECK_INT(bench_try_take_over(&b.bench) == WEIR_OK, !filled);
        if (filled)
            CHECK_SAYS(&b.bench.err, "has rows");
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_set_must_be_read_back),
        TEST(no_answer_about_settings_is_none),
        TEST(read_only_is_waited_for),
        TEST(every_statement_of_a_start_may_fail),
        TEST(an_answer_to_another_question_is_no_answer),
        TEST(a_server_that_lets_nobody_in_is_told),
        TEST(encryption_depends_on_where_the_server_is),
        TEST(a_socket_that_is_not_there_is_waited_for),
        TEST(who_holds_the_lock_is_killed_at_takeover),
        TEST(own_lock_is_not_killed),
        TEST(a_stranger_is_not_killed_by_an_owner_that_reconnects),
        TEST(an_owner_that_reconnects_kills_its_old_connection),
        TEST(an_owner_waits_for_a_server_that_restarts),
        TEST(a_connection_that_cannot_rest_is_thrown_away),
        TEST(a_takeover_reconnects_when_it_must),
        TEST(rows_of_others_are_told_when_it_is_opened),
    };
    return RUN_TESTS(tests);
}
