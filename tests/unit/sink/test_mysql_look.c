/* Tables of MySQL that are looked at, where the server fails or shows what no job wrote. That the
 * pages are right is in contract.look.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_database.h"
#include "sink_bench.h"
#include "weir/look.h"

typedef struct bed {
    fake_database    database;
    sink_bench       bench;
    weir_sink       *sink;
    const weir_look *look;
    weir_arena      *arena;
    weir_look_page   page;
    weir_order       order;
    uint64_t         epoch;
} bed;

static void set_up(bed *b, const database_fault *at_open)
{
    memset(b, 0, sizeof *b);
    fake_database_start(&b->database, FAKE_MYSQL_8);
    bench_start(&b->bench, "mysql", b->database.options);
    b->arena = weir_arena_new("pages", 1 << 16);
    b->bench.setup.look = true;
    if (at_open != NULL)
        b->database.fault[0] = *at_open;
    CHECK_OK(weir_sink_new(b->bench.kind, &b->bench.setup, &b->sink, &b->bench.err),
             &b->bench.err);
    b->look = b->bench.kind->look;
}

static void tear_down(bed *b)
{
    weir_sink_free(b->sink);
    weir_arena_free(b->arena);
    bench_stop(&b->bench);
    fake_database_stop(&b->database);
}

typedef enum call { BEGIN, EPOCH, ORDER, PAGE, CALLS } call;

static weir_code do_call(bed *b, call which)
{
    weir_err *err = &b->bench.err;
    weir_err_clear(err);
    switch (which) {
    case BEGIN:
        return b->look->begin(b->sink, err);
    case EPOCH:
        return b->look->epoch(b->sink, &b->epoch, err);
    case ORDER:
        return b->look->order(b->sink, 0, 1, &b->order, err);
    case PAGE:
    case CALLS:
        break;
    }
    return b->look->page(b->sink, 0, b->arena, &b->page, err);
}

/* No table is asked about, none is made, and no lock is taken. */
static void what_is_there_is_shown_and_nothing_is_changed(void **state)
{
    (void)state;
    bed b;
    set_up(&b, NULL);
    for (call which = BEGIN; which < CALLS; which++)
        CHECK_OK(do_call(&b, which), &b.bench.err);
    CHECK_U64(b.epoch, 0);
    CHECK_INT(b.order, WEIR_ORDER_BYTES);
    CHECK_INT(b.page.rows, 1);
    CHECK_STR(b.page.cell[1], "ada");
    fake_database_settle(&b.database);
    CHECK_INT(b.database.tables_made + b.database.writes + b.database.commits, 0);
    CHECK_U64(b.database.holder, 0);
    tear_down(&b);
}

static const char *const statements[] = {
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE", "START TRANSACTION",
    "SELECT epoch", "SELECT COLLATION_NAME", "SELECT `id`"};
static const call call_of[] = {BEGIN, BEGIN, EPOCH, ORDER, PAGE};

static void every_statement_of_it_may_fail(void **state)
{
    (void)state;
    static const struct {
        fake_mysql_way way;
        uint16_t       number;
        weir_fate      fate;
        weir_exit      exit;
    } faults[] = {
        {FAKE_MYSQL_DROP, 0, WEIR_FATE_RETRY, WEIR_EXIT_JOB},
        {FAKE_MYSQL_FAIL, 1146, WEIR_FATE_HALT, WEIR_EXIT_SINK_SCHEMA},
        {FAKE_MYSQL_FAIL, 1142, WEIR_FATE_HALT, WEIR_EXIT_JOB},
    };
    for (size_t s = 0; s < sizeof statements / sizeof statements[0]; s++) {
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
            bed b;
            set_up(&b, NULL);
            b.database.fault[0] = (database_fault){.statement = statements[s],
                                                   .times = 1,
                                                   .way = faults[i].way,
                                                   .number = faults[i].number};
            for (call which = BEGIN; which < call_of[s]; which++)
                CHECK_OK(do_call(&b, which), &b.bench.err);
            CHECK_FAILS(do_call(&b, call_of[s]), WEIR_E_REMOTE, &b.bench.err);
            CHECK_INT(b.bench.err.fate, faults[i].fate);
            if (faults[i].fate == WEIR_FATE_HALT)
                CHECK_INT(b.bench.err.exit, faults[i].exit);
            tear_down(&b);
        }
    }
}

/* Whoever opened it left the connection in order, or it is made anew. */
static void a_connection_that_was_lost_at_open_is_made_anew(void **state)
{
    (void)state;
    bed            b;
    database_fault lost = {.statement = "ROLLBACK", .times = 1, .way = FAKE_MYSQL_DROP};
    set_up(&b, &lost);
    CHECK_OK(do_call(&b, BEGIN), &b.bench.err);
    CHECK_OK(do_call(&b, PAGE), &b.bench.err);
    CHECK_U64(b.database.server.connections, 2);
    tear_down(&b);
    set_up(&b, &lost);
    fake_database_settle(&b.database);
    b.database.fault[0] = (database_fault){
        .statement = "SET NAMES", .times = 1, .way = FAKE_MYSQL_FAIL, .number = 1053};
    CHECK_FAILS(do_call(&b, BEGIN), WEIR_E_REMOTE, &b.bench.err);
    CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
    tear_down(&b);
}

static void a_page_may_be_empty(void **state)
{
    (void)state;
    bed b;
    set_up(&b, NULL);
    b.database.fault[0] = (database_fault){
        .statement = "SELECT `id`", .times = 1, .way = FAKE_MYSQL_ROWS, .empty = true};
    CHECK_OK(do_call(&b, BEGIN), &b.bench.err);
    CHECK_OK(do_call(&b, PAGE), &b.bench.err);
    CHECK_INT(b.page.rows, 0);
    CHECK(b.page.last.at == NULL);
    tear_down(&b);
}

static void what_no_job_wrote_is_told(void **state)
{
    (void)state;
    static const struct {
        int         cell;
        const char *value;
    } cases[] = {{1, "many"}, {3, "2,50"}, {4, "0000-00-00 00:00:00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, NULL);
        b.database.fault[0] = (database_fault){.statement = "SELECT `id`",
                                               .times = 1,
                                               .way = FAKE_MYSQL_ROWS,
                                               .cell = cases[i].cell,
                                               .value = cases[i].value};
        CHECK_OK(do_call(&b, BEGIN), &b.bench.err);
        CHECK(do_call(&b, PAGE) != WEIR_OK);
        CHECK_SAYS(&b.bench.err, "the database has a value that is none of the job's");
        tear_down(&b);
    }
}

/* The row in each state: not there, at an epoch, and damaged. */
static void the_commit_row_tells_the_epoch(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        bed b;
        set_up(&b, NULL);
        b.database.row = (database_row){.there = i > 0, .epoch = 7};
        b.database.fault[0] = (database_fault){.statement = "SELECT epoch",
                                               .times = i == 2,
                                               .way = FAKE_MYSQL_ROWS,
                                               .cell = 1,
                                               .value = "-7"};
        CHECK_OK(do_call(&b, BEGIN), &b.bench.err);
        weir_code rc = do_call(&b, EPOCH);
        if (i < 2) {
            CHECK_OK(rc, &b.bench.err);
            CHECK_U64(b.epoch, i ? 7 : 0);
        } else {
            CHECK_FAILS(rc, WEIR_E_CORRUPT, &b.bench.err);
            CHECK_INT(b.bench.err.exit, WEIR_EXIT_CORRUPT);
            CHECK_SAYS(&b.bench.err, "commit row of group 'bench' is damaged");
        }
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_there_is_shown_and_nothing_is_changed),
        TEST(every_statement_of_it_may_fail),
        TEST(a_connection_that_was_lost_at_open_is_made_anew),
        TEST(a_page_may_be_empty),
        TEST(what_no_job_wrote_is_told),
        TEST(the_commit_row_tells_the_epoch),
    };
    return RUN_TESTS(tests);
}
