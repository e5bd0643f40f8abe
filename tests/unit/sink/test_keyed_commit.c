/* The commit row: a database and its log agree after every error of every call, and what is not
 * theirs is found out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "ledger_bench.h"

/* Each call of a life goes wrong in each way: begin, refused rows, an epoch that the database
   loses, a death behind the commit point. */
static void each_call_may_go_wrong_in_each_way(void **state)
{
    (void)state;
    for (int holds = 0; holds < 2; holds++)
        for (ledger_fault fault = LEDGER_AWAY; fault < LEDGER_FAULTS; fault++) {
            uint32_t call = 1;
            for (bool more = true; more; call++) {
                sink_bench bench;
                ledger_begin(&bench, holds);
                ledger.closed = "evil";
                bench.setup.must_be_empty = true;
                ledger_arm(call, fault);
                CHECK_OK(ledger_take_over(&bench), &bench.err);
                ledger_live(&bench, 1, LEDGER_FIRST, false);
                keyed_mark first = ledger.mark;
                ledger_live(&bench, 2, LEDGER_LAST, false);
                ledger_lose(&first);
                ledger_live(&bench, 3, "+I|6|fay|6||\n-D|1|ada|1||", true);
                ledger_check_rows("3|cyd|3.00|NULL|NULL\n5|eve|5.00|NULL|NULL\n"
                           "6|fay|6.00|NULL|NULL\n");
                more = ledger.calls >= call;
                ledger_end(&bench);
            }
            CHECK(call > 40);
        }
}

static void row_that_moves_meanwhile_is_looked_at_again(void **state)
{
    (void)state;
    weir_refusals refusals = {.count = 0};
    sink_bench    bench;
    ledger_begin(&bench, false);
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    ledger_live(&bench, 1, LEDGER_FIRST, false);
    keyed_mark first = ledger.mark;
    CHECK_OK(ledger_epoch(&bench, LEDGER_LAST, true), &bench.err);
    bench_crash(&bench);
    ledger_at("move", 0, ledger_touch); /* at a start */
    CHECK(bench_try_take_over(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&bench.err, "moved while it was replayed");
    CHECK_OK(ledger_replay(&bench), &bench.err);
    ledger_check_row(&bench, 2);
    ledger_lose(&first);
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    refusals.arena = bench.now.epoch;
    CHECK_OK(bench_stage(&bench, bench_rows(&bench, bench.now.epoch, "+I|6|evil|6||"), false),
             &bench.err);
    ledger_at("move", 2, ledger_touch); /* behind an epoch that was brought up */
    CHECK(bench_execute(&bench, &refusals) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&bench.err, "moved while it was looked at");
    ledger.closed = "evil";
    ledger_at("move", 1, ledger_touch); /* among rows that are tried */
    CHECK(bench_execute(&bench, &refusals) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&bench.err, "moved meanwhile");
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 1);
    ledger_check_row(&bench, 2);
    ledger_end(&bench);
}

/* Ours, whose answer was lost while we slept, or somebody else's. */
static void begin_row(void)
{
    ledger.begun = true;
    ledger.version++;
}

static void row_that_was_begun_meanwhile_is_looked_at_again(void **state)
{
    (void)state;
    sink_bench bench;
    ledger_begin(&bench, false);
    ledger_at("start", 0, begin_row);
    CHECK(bench_try_take_over(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&bench.err, "was begun meanwhile");
    CHECK_OK(ledger_replay(&bench), &bench.err);
    ledger_live(&bench, 1, LEDGER_FIRST, false);
    ledger_end(&bench);
}

/* It is not known whose row it is: that can be asked again. */
static void row_that_was_begun_by_somebody_is_asked_for_until_it_is_known(void **state)
{
    (void)state;
    for (ledger_fault fault = LEDGER_AWAY; fault <= LEDGER_HALT; fault++) {
        sink_bench bench;
        ledger_begin(&bench, false);
        ledger_at("start", 0, begin_row);
        ledger_arm(6, fault); /* seize, begin, read; begin, start; begin */
        CHECK(bench_try_take_over(&bench) != WEIR_OK);
        CHECK_INT(bench.err.fate, fault == LEDGER_AWAY ? WEIR_FATE_RETRY : WEIR_FATE_HALT);
        CHECK_SAYS(&bench.err, fault == LEDGER_AWAY ? "is away at begin" : "there is such a row");
        CHECK_OK(ledger_replay(&bench), &bench.err);
        ledger_live(&bench, 1, LEDGER_FIRST, false);
        ledger_end(&bench);
    }
}

/* A server that was put back between the commit point and the commit. */
static void epochs_that_are_lost_are_replayed_before_the_one_in_hand(void **state)
{
    (void)state;
    for (int holds = 0; holds < 2; holds++) {
        sink_bench bench;
        ledger_begin(&bench, holds);
        CHECK_OK(ledger_take_over(&bench), &bench.err);
        keyed_mark none = ledger.mark;
        ledger_live(&bench, 1, LEDGER_FIRST, false);
        CHECK_OK(ledger_epoch(&bench, LEDGER_LAST, true), &bench.err);
        ledger.rows.count = 0;
        ledger_lose(&none);
        CHECK_OK(bench_commit(&bench), &bench.err);
        ledger_check_row(&bench, 2);
        ledger_check_rows("1|ada|1.00|NULL|NULL\n3|cyd|3.00|NULL|NULL\n4|evil|NULL|NULL|NULL\n"
                   "5|eve|5.00|NULL|NULL\n");
        ledger_end(&bench);
    }
}

static void lineage_that_begins_anew_refuses_rows_of_another(void **state)
{
    (void)state;
    sink_bench bench;
    ledger_begin(&bench, false);
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    ledger_live(&bench, 1, LEDGER_FIRST, false);
    bench_crash(&bench);
    bench.setup.must_be_empty = true; /* epochs are there: these rows are its own */
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    weir_store_free(bench.store);
    weir_store_setup setup = {.location = WEIR_STR("memory:"), .clock = &bench.clock.base};
    bench_crash(&bench);
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &bench.store, &bench.err),
             &bench.err);
    ledger.begun = false;
    CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_CONFIG, &bench.err);
    CHECK_SAYS(&bench.err, "table 'bench_rows' has rows, and this lineage begins from nothing");
    CHECK(!ledger.begun);
    ledger_end(&bench);
}

/* An owner of the lineage before commits its last epoch as late as it can. */
static void write_late(void)
{
    ledger.rows = (ledger_rows){
        .at = weir_heap_new(1, sizeof *ledger.rows.at), .count = 1, .room = 1};
    ledger.rows.at[0] = (ledger_row){"9|zed", "9|zed|9.00|NULL|NULL"};
}

static void rows_that_come_until_the_older_lineage_ends_are_seen(void **state)
{
    (void)state;
    sink_bench bench;
    ledger_begin(&bench, false);
    bench.setup.must_be_empty = true;
    ledger_at("start", 0, write_late);
    CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_CONFIG, &bench.err);
    CHECK_SAYS(&bench.err, "has rows");
    CHECK(!ledger.begun);
    ledger_end(&bench);
}

static void epoch_that_is_executed_again_is_not_executed_twice(void **state)
{
    (void)state;
    sink_bench    bench;
    weir_refusals refusals = {.count = 0};
    ledger_begin(&bench, true);
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    const weir_batch *rows = bench_rows(&bench, bench.now.epoch, LEDGER_FIRST);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
        CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
        CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    }
    CHECK_OK(bench_put(&bench), &bench.err);
    CHECK_OK(bench_commit(&bench), &bench.err);
    ledger_check_row(&bench, 1);
    ledger_check_rows("1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n");
    CHECK_OK(bench_commit(&bench), &bench.err); /* the answer was lost, as the engine sees it */
    ledger_check_row(&bench, 1);
    ledger_end(&bench);
}

/* 1,200 of them: so many are told at once, the others the next time. */
static void rows_are_refused_however_many_there_are(void **state)
{
    (void)state;
    sink_bench    bench;
    weir_buf      text = {0};
    weir_refusals refusals = {.count = 0};
    ledger_begin(&bench, false);
    ledger.closed = "evil";
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    refusals.arena = bench.now.epoch;
    for (int i = 0; i < 1200; i++)
        weir_buf_format(&text, "+I|%d|evil|1||\n", i);
    weir_buf_text(&text, "+I|7000|good|1||");
    weir_buf_byte(&text, 0);
    const weir_batch *rows = bench_rows(&bench, bench.now.epoch, text.at);
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 1000);
    refusals.count = 0;
    CHECK_OK(bench_stage(&bench, rows, true), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 200);
    weir_buf_done(&text);
    ledger_end(&bench);
}

/* Keys that the column would cut, before anything is asked; each is told once. */
static void rows_that_the_table_cannot_hold_are_refused_first(void **state)
{
    (void)state;
    sink_bench bench;
    ledger_begin(&bench, false);
    ledger.closed = "evil";
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    ((keyed_sink *)bench.now.sink)->rule[0][1].bytes_max = 4;
    ledger_live(&bench, 1, "+I|1|ada|1||\n+I|2|longer|2||\n+I|4|evil|1||", false);
    ledger_check_rows("1|ada|1.00|NULL|NULL\n");
    ledger_end(&bench);
}

static void rows_that_are_refused_together_only_halt(void **state)
{
    (void)state;
    sink_bench bench;
    ledger_begin(&bench, false);
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    ledger.closed = "bob";
    ledger.together = true;
    CHECK_FAILS(ledger_epoch(&bench, LEDGER_FIRST, false), WEIR_E_REMOTE, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_SAYS(&bench.err, "refused together that are taken one by one");
    ledger_end(&bench);
}

/* A repair's, of a row that it had not claimed when it was visible again. */
static void claim_by_another(weir_committed *out)
{
    out->claimed = true;
    memset(&out->claim, 0x77, sizeof out->claim);
}

static void log_that_cannot_be_read_moves_no_row(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(weir_committed *out);
        uint32_t    fail_at;
        const char *says; /* NULL: all is well */
    } cases[] = {{ledger_without_payload, 0, NULL},
                 {claim_by_another, 0, NULL},
                 {ledger_damage_payload, 0, "damaged"},
                 {NULL, 1, "the test's log is away"},
                 {NULL, 2, "the test's log is away"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sink_bench bench;
        ledger_begin(&bench, false);
        ledger_strand(&bench);
        CHECK(bench_try_take_over(&bench) != WEIR_OK); /* it is closed */
        ledger.closed = NULL;
        ledger_history it = ledger_history_of(&bench, cases[i].spoil);
        it.fail_at = cases[i].fail_at;
        weir_code rc = bench.kind->replay(bench.now.sink, &it.base, &bench.err);
        if (cases[i].says != NULL) {
            CHECK(rc != WEIR_OK);
            CHECK_SAYS(&bench.err, cases[i].says);
            ledger_check_row(&bench, 1);
            ledger_check_rows("1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n");
        } else {
            CHECK_OK(rc, &bench.err);
            ledger_check_row(&bench, 2);
        }
        if (i == 0)
            ledger_check_rows("1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n");
        ledger_end(&bench);
    }
}

/* Its epoch was amended, though not for this row's sake. */
static void amend_another_manifest(weir_committed *out)
{
    out->amends = true;
    memset(&out->amended, 0x66, sizeof out->amended);
}

static void amend_by_another_record(weir_committed *out)
{
    amend_another_manifest(out);
    memset(&out->id.sha, 0x66, sizeof out->id.sha);
}

/* Of no log, of no repair: nobody may move it. */
static void row_of_another_history_is_left_as_it_is(void **state)
{
    (void)state;
    enum { NO_GENERATION, NONE_YET, NO_CHECKPOINT, NO_READ, NO_SEAL, FIRST, OTHER, OTHERS, WAYS };
    for (int way = 0; way < WAYS; way++) {
        sink_bench bench;
        ledger_begin(&bench, false);
        ledger_strand(&bench);
        CHECK(bench_try_take_over(&bench) != WEIR_OK);
        ledger.closed = NULL;
        ledger_forge();
        ledger.mark.gen = way == NO_GENERATION ? 0 : way == NONE_YET ? 999 : 1;
        ledger.mark.epoch = way == FIRST ? 0 : 1;
        keyed_mark  before = ledger.mark;
        ledger_history it = ledger_history_of(&bench, way == OTHER    ? amend_another_manifest
                                     : way == OTHERS ? amend_by_another_record
                                                     : NULL);
        it.fail_at = way == NO_READ ? 3 : 0;
        if (way == NO_CHECKPOINT)
            it.base.checkpoint = NULL;
        if (way == NO_SEAL)
            CHECK_OK(weir_store_put_one(bench.store,
                                        WEIR_STR("cp/bench/l1/t0/seals/00000000"),
                                        WEIR_STR("damaged"), &bench.err),
                     &bench.err);
        CHECK(bench.kind->replay(bench.now.sink, &it.base, &bench.err) != WEIR_OK);
        CHECK_INT(bench.err.exit,
                  way == NO_SEAL ? WEIR_EXIT_CORRUPT : WEIR_EXIT_FORKED_HISTORY);
        CHECK_U64(ledger.mark.epoch, before.epoch);
        CHECK(weir_sha256_eq(&ledger.mark.sha, &before.sha));
        ledger_end(&bench);
    }
}

static void row_of_an_ended_lineage_is_nobodys(void **state)
{
    (void)state;
    for (int behind = 0; behind < 2; behind++) {
        sink_bench bench;
        ledger_begin(&bench, false);
        CHECK_OK(ledger_take_over(&bench), &bench.err);
        ledger_live(&bench, 1, LEDGER_FIRST, false);
        CHECK_OK(ledger_epoch(&bench, "+I|6|fay|6||", behind == 1), &bench.err);
        bench_crash(&bench);
        ledger_outlive();
        CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_CONFLICT, &bench.err);
        CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
        CHECK_SAYS(&bench.err, "lineage l1 has ended");
        CHECK_U64(ledger.mark.epoch, behind ? 1 : 2);
        ledger_check_rows(behind ? "1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n"
                                 : "1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n"
                                   "6|fay|6.00|NULL|NULL\n");
        ledger_end(&bench);
    }
}

/* A promotion took a later lineage, which had a row and no epoch. */
static void each_call_that_settles_an_ended_lineage_may_go_wrong(void **state)
{
    (void)state;
    for (int behind = 0; behind < 2; behind++)
        for (ledger_fault fault = LEDGER_AWAY; fault < LEDGER_FAULTS; fault++) {
            uint32_t call = 1;
            for (bool more = true; more; call++) {
                sink_bench bench;
                ledger_begin(&bench, false);
                CHECK_OK(ledger_take_over(&bench), &bench.err);
                ledger_live(&bench, 1, LEDGER_FIRST, false);
                CHECK_OK(ledger_epoch(&bench, "+I|6|fay|6||", behind == 1), &bench.err);
                bench_crash(&bench);
                ledger_outlive();
                bench.setup.ended = true;
                ledger.calls = 0;
                ledger_arm(call, fault);
                CHECK_OK(ledger_take_over(&bench), &bench.err);
                more = ledger.calls >= call;
                ledger_check_row(&bench, 2);
                ledger_check_rows("1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n"
                                  "6|fay|6.00|NULL|NULL\n");
                ledger_end(&bench);
            }
            CHECK(call > 6);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_call_may_go_wrong_in_each_way),
        TEST(row_that_moves_meanwhile_is_looked_at_again),
        TEST(row_that_was_begun_meanwhile_is_looked_at_again),
        TEST(row_that_was_begun_by_somebody_is_asked_for_until_it_is_known),
        TEST(epochs_that_are_lost_are_replayed_before_the_one_in_hand),
        TEST(lineage_that_begins_anew_refuses_rows_of_another),
        TEST(rows_that_come_until_the_older_lineage_ends_are_seen),
        TEST(epoch_that_is_executed_again_is_not_executed_twice),
        TEST(rows_are_refused_however_many_there_are),
        TEST(rows_that_the_table_cannot_hold_are_refused_first),
        TEST(rows_that_are_refused_together_only_halt),
        TEST(log_that_cannot_be_read_moves_no_row),
        TEST(row_of_another_history_is_left_as_it_is),
        TEST(row_of_an_ended_lineage_is_nobodys),
        TEST(each_call_that_settles_an_ended_lineage_may_go_wrong),
    };
    return RUN_TESTS(tests);
}
