/* The swap of tables against a server that a test makes up: what is asked before anything is done,
 * the one statement that does it, and what each error means. That tables do swap is in
 * contract.rename.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_database.h"
#include "sink_bench.h"

typedef struct bed {
    fake_database database;
    sink_bench    bench;
    weir_sink    *sink;
} bed;

#define THERE "SELECT 1 FROM information_schema.TABLES"
#define OLD "X'6f6c64'" /* hexadecimal: 'old' */
#define OLD_2 "X'6f6c6432'"
#define RENAME                                                                             \
    "RENAME TABLE `live` TO `old`, `next` TO `live`, `live2` TO `old2`, `next2` TO "       \
    "`live2`"

static const weir_rename names[] = {
    {{"live", 4}, {"next", 4}, {"old", 3}},
    {{"live2", 5}, {"next2", 5}, {"old2", 4}},
};

/* The tables `live` and `next` are there, `old` is not. */
static void set_up(bed *b)
{
    fake_database_start(&b->database, FAKE_MYSQL_8);
    bench_start(&b->bench, "mysql", b->database.options);
    b->bench.setup.as_it_is = true;
    CHECK_OK(weir_sink_new(b->bench.kind, &b->bench.setup, &b->sink, &b->bench.err),
             &b->bench.err);
    b->database.fault[0] = (database_fault){.statement = THERE,
                                            .holds = OLD,
                                            .times = -1,
                                            .way = FAKE_MYSQL_ROWS,
                                            .empty = true};
    b->database.fault[1] = b->database.fault[0];
    b->database.fault[1].holds = OLD_2;
}

static void tear_down(bed *b)
{
    weir_sink_free(b->sink);
    bench_stop(&b->bench);
    fake_database_stop(&b->database);
}

static weir_code swap(bed *b, bool dry_run)
{
    weir_err_clear(&b->bench.err);
    weir_code rc = b->sink->kind->rename(b->sink, names, 2, dry_run, &b->bench.err);
    fake_database_settle(&b->database);
    return rc;
}

/* Who holds the tables is waited for as long as is documented, and no longer. */
static void one_statement_swaps_them_all(void **state)
{
    (void)state;
    for (int dry_run = 0; dry_run < 2; dry_run++) {
        bed b;
        set_up(&b);
        b.database.fault[2] =
            (database_fault){.statement = "SET SESSION lock_wait_timeout = 30",
                             .times = 1,
                             .way = FAKE_MYSQL_OK};
        b.database.fault[3] =
            (database_fault){.statement = RENAME, .times = 1, .way = FAKE_MYSQL_OK};
        CHECK_OK(swap(&b, dry_run), &b.bench.err);
        CHECK_INT(b.database.fault[2].times, dry_run);
        CHECK_INT(b.database.fault[3].times, dry_run);
        tear_down(&b);
    }
}

/* Each statement of it, in each class. Nothing was swapped, and it can be asked for again. */
static void every_statement_of_it_may_fail(void **state)
{
    (void)state;
    static const struct {
        const char *statement;
        int         skip; /* so many of them go well */
    } steps[] = {
        {"BEGIN", 0},
        {THERE, 0}, /* given */
        {THERE, 1}, /* incoming; outgoing is fault[0]'s */
        {THERE, 3}, /* of the second table */
        {"BEGIN", 1},
        {"SELECT TRIGGER_NAME", 0},
        {"SELECT CONSTRAINT_NAME", 0},
        {"SELECT TRIGGER_NAME", 1},
        {"SELECT CONSTRAINT_NAME", 3},
        {"SET SESSION lock_wait_timeout", 0},
        {"RENAME TABLE", 0},
    };
    static const struct {
        fake_mysql_way way;
        uint16_t       number;
        weir_fate      fate;
        weir_exit      exit;
    } faults[] = {
        {FAKE_MYSQL_DROP, 0, WEIR_FATE_RETRY, WEIR_EXIT_JOB},
        {FAKE_MYSQL_FAIL, 1205, WEIR_FATE_RETRY, WEIR_EXIT_JOB}, /* 30 s were not enough */
        {FAKE_MYSQL_FAIL, 1142, WEIR_FATE_HALT, WEIR_EXIT_JOB},
        {FAKE_MYSQL_FAIL, 1146, WEIR_FATE_HALT, WEIR_EXIT_SINK_SCHEMA},
    };
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
            bed b;
            set_up(&b);
            b.database.fault[2] = (database_fault){.statement = steps[s].statement,
                                                   .skip = steps[s].skip,
                                                   .times = 1,
                                                   .way = faults[i].way,
                                                   .number = faults[i].number};
            b.database.fault[3] =
                (database_fault){.statement = RENAME, .times = 1, .way = FAKE_MYSQL_OK};
            weir_code rc = swap(&b, false);
            if (faults[i].way == FAKE_MYSQL_DROP && rc == WEIR_OK) {
                /* an idle connection that is gone is made anew */
                CHECK_TEXT(steps[s].statement, "BEGIN");
                CHECK_INT(b.database.fault[3].times, 0);
                tear_down(&b);
                continue;
            }
            CHECK(rc != WEIR_OK);
            CHECK_INT(b.bench.err.fate, faults[i].fate);
            if (faults[i].fate == WEIR_FATE_HALT)
                CHECK_INT(b.bench.err.exit, faults[i].exit);
            CHECK_INT(b.database.fault[2].times, 0);
            CHECK_INT(b.database.fault[3].times, 1);
            CHECK_OK(swap(&b, false), &b.bench.err);
            CHECK_INT(b.database.fault[3].times, 0);
            tear_down(&b);
        }
    }
}

/* The answer was lost: which names are there tells that it was done. */
static void a_swap_whose_answer_is_lost_is_done_once(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    b.database.fault[2] = (database_fault){
        .statement = RENAME, .times = 1, .way = FAKE_MYSQL_DROP, .after = true};
    CHECK_FAILS(swap(&b, false), WEIR_E_REMOTE, &b.bench.err);
    CHECK_INT(b.bench.err.fate, WEIR_FATE_RETRY);
    b.database.fault[0].holds = "X'6e657874'"; /* 'next' */
    b.database.fault[1].holds = "X'6e65787432'";
    b.database.fault[2].times = 1;
    CHECK_OK(swap(&b, false), &b.bench.err);
    CHECK_INT(b.database.fault[2].times, 1); /* not asked for again */
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_statement_swaps_them_all),
        TEST(every_statement_of_it_may_fail),
        TEST(a_swap_whose_answer_is_lost_is_done_once),
    };
    return RUN_TESTS(tests);
}
