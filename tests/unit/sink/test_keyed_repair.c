/* Rows of the last epoch that a database refuses for ever: each call of their repair goes wrong,
 * and what cannot be repaired is left as it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "ledger_bench.h"

static const char but_the_refused[] =
    "1|ada|1.00|NULL|NULL\n3|cyd|3.00|NULL|NULL\n5|eve|5.00|NULL|NULL\n";

typedef struct mending {
    weir_buf    payload;
    weir_repair work;
} mending;

static weir_code find_rows(sink_bench *bench, mending *m, bool dry_run)
{
    bench_history history = bench_history_of(bench, bench->now.checkpoint);
    weir_buf_clear(&m->payload);
    m->work = (weir_repair){.arena = bench->arena, .dry_run = dry_run,
                            .stage = bench->now.stage, .payload = &m->payload};
    return bench->kind->repair(bench->now.sink, &history.base, &m->work, &bench->err);
}

static weir_code claim(sink_bench *bench, mending *m)
{
    weir_manifest *last = NULL;
    uint32_t       tries = 0;
    weir_code      rc;
    if (bench->now.stage == NULL) {
        CHECK_OK(weir_checkpoint_read(bench->now.checkpoint, bench->place[2].gen,
                                      bench->place[2].idx, bench->arena, &last, &bench->err),
                 &bench->err);
        CHECK_OK(weir_checkpoint_amend(bench->now.checkpoint, last, &bench->now.stage,
                                       &bench->err),
                 &bench->err);
    }
    do
        rc = find_rows(bench, m, false);
    while (ledger_again(rc, bench, &tries));
    return rc;
}

static void put_amend(sink_bench *bench, const mending *m)
{
    weir_sha256 sha;
    weir_stage *stage = bench->now.stage;
    weir_stage_section(stage, bench->section, weir_buf_view(&m->payload));
    CHECK_OK(weir_stage_build(stage, &sha, &bench->err), &bench->err);
    CHECK_OK(weir_stage_publish(stage, &bench->err), &bench->err);
    const weir_manifest *amend = weir_stage_manifest(stage, bench->arena);
    bench->place[2] = (bench_place){amend->gen, amend->idx};
    bench->sha[2] = amend->sha;
}

/* A repair as the engine does it, by as many processes as it takes. */
static void mend(sink_bench *bench, mending *m, uint32_t refused)
{
    for (bool amended = false;;) {
        uint32_t  tries = 0;
        weir_code rc = ledger_take_over(bench);
        if (amended && rc == WEIR_OK)
            return;
        CHECK_INT(bench->err.exit, WEIR_EXIT_SINK_SCHEMA);
        CHECK(!amended && rc != WEIR_OK);
        rc = claim(bench, m);
        if (rc == WEIR_OK) {
            CHECK_INT(m->work.count, refused);
            put_amend(bench, m);
            amended = true;
            do
                rc = ledger_replay(bench);
            while (ledger_again(rc, bench, &tries));
        }
        if (rc == WEIR_OK)
            return;
        CHECK_INT(bench->err.exit, WEIR_EXIT_JOB);
        bench_crash(bench);
    }
}

static void each_call_of_a_repair_may_go_wrong_in_each_way(void **state)
{
    (void)state;
    for (ledger_fault fault = LEDGER_AWAY; fault < LEDGER_FAULTS; fault++) {
        uint32_t call = 1;
        for (bool more = true; more; call++) {
            sink_bench bench;
            mending    m = {.payload = {0}};
            ledger_begin(&bench, false);
            ledger_strand(&bench);
            ledger_arm(call, fault);
            mend(&bench, &m, 1);
            CHECK_INT(m.work.row[0].row, 1);
            CHECK(!m.work.row[0].remove);
            CHECK_TEXT(m.work.row[0].code, "CLOSED");
            more = ledger.calls >= call;
            ledger_check_rows(but_the_refused);
            ledger_check_row(&bench, 2);
            weir_buf_done(&m.payload);
            ledger_end(&bench);
        }
        CHECK(call > 20);
    }
}

/* The next owner finds the claim of one that died before its AMEND. */
static void each_call_that_takes_a_claim_back_may_go_wrong(void **state)
{
    (void)state;
    for (ledger_fault fault = LEDGER_AWAY; fault < LEDGER_FAULTS; fault++) {
        uint32_t call = 1;
        for (bool more = true; more; call++) {
            sink_bench bench;
            mending    m = {.payload = {0}};
            ledger_begin(&bench, false);
            ledger_strand(&bench);
            CHECK(ledger_take_over(&bench) != WEIR_OK);
            CHECK_OK(claim(&bench, &m), &bench.err);
            bench_crash(&bench);
            ledger.closed = NULL;
            ledger.calls = 0;
            ledger_arm(call, fault);
            CHECK_OK(ledger_take_over(&bench), &bench.err);
            more = ledger.calls >= call;
            ledger_check_rows("1|ada|1.00|NULL|NULL\n3|cyd|3.00|NULL|NULL\n4|evil|NULL|NULL|NULL\n"
                       "5|eve|5.00|NULL|NULL\n");
            ledger_check_row(&bench, 2);
            weir_buf_done(&m.payload);
            ledger_end(&bench);
        }
        CHECK(call > 8);
    }
}

/* As when another wrote it before us; the server says so when the row is moved. */
static void claim_that_another_was_faster_with_is_tried_again(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    ledger_begin(&bench, false);
    ledger_strand(&bench);
    CHECK(ledger_take_over(&bench) != WEIR_OK);
    CHECK_OK(claim(&bench, &m), &bench.err);
    bench_crash(&bench);
    CHECK(bench_try_take_over(&bench) != WEIR_OK); /* takes the claim back */
    ledger_at("move", 0, ledger_touch);
    CHECK(find_rows(&bench, &m, false) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&bench.err, "moved while it was claimed");
    CHECK_OK(find_rows(&bench, &m, false), &bench.err);
    CHECK_INT(m.work.count, 1);
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

static void leave_behind(sink_bench *bench, const char *second, const char *closed)
{
    CHECK_OK(ledger_take_over(bench), &bench->err);
    ledger_live(bench, 1, LEDGER_FIRST, false);
    CHECK_OK(ledger_epoch(bench, second, true), &bench->err);
    bench_crash(bench);
    ledger.closed = closed;
    CHECK(ledger_take_over(bench) != WEIR_OK);
    CHECK_INT(bench->err.exit, WEIR_EXIT_SINK_SCHEMA);
}

static void rows_to_remove_may_be_refused_too(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    ledger_begin(&bench, false);
    leave_behind(&bench, LEDGER_LAST, "-2|bob");
    CHECK_OK(find_rows(&bench, &m, true), &bench.err);
    CHECK_U64(m.work.epoch, 2);
    CHECK_INT(m.work.count, 1);
    CHECK(m.work.row[0].remove);
    CHECK_INT(m.work.row[0].schema->count, 2);
    CHECK_STR(m.work.row[0].schema->field[1].name, "name");
    ledger_check_row(&bench, 1); /* it was a dry run */
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

static void epoch_of_which_no_row_is_taken_is_amended_by_none(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    weir_buf   text = {0};
    ledger_begin(&bench, false);
    for (int i = 10; i < 50; i++)
        weir_buf_format(&text, "+I|%d|evil|1||\n", i);
    weir_buf_byte(&text, 0);
    leave_behind(&bench, text.at, "evil");
    CHECK_OK(claim(&bench, &m), &bench.err);
    CHECK_INT(m.work.count, 40);
    put_amend(&bench, &m);
    CHECK_OK(ledger_replay(&bench), &bench.err);
    ledger_check_row(&bench, 2);
    ledger_check_rows("1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n");
    weir_buf_done(&text);
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

static void table_that_takes_no_row_at_all_is_not_repaired(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    ledger_begin(&bench, false);
    leave_behind(&bench, LEDGER_LAST, "evil");
    ledger.gone = true;
    CHECK_FAILS(find_rows(&bench, &m, true), WEIR_E_REMOTE, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_HINTS(&bench.err, "takes no row at all");
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

/* The database lost what it had shown: only the last epoch can be amended. */
static void only_the_last_epoch_is_repaired(void **state)
{
    (void)state;
    for (int well = 0; well < 2; well++) {
        sink_bench bench;
        mending    m = {.payload = {0}};
        ledger_begin(&bench, false);
        CHECK_OK(ledger_take_over(&bench), &bench.err);
        ledger_live(&bench, 1, LEDGER_FIRST, false);
        keyed_mark first = ledger.mark;
        ledger_live(&bench, 2, LEDGER_LAST, false);
        ledger_live(&bench, 3, "+I|7|gus|7||", false);
        ledger_lose(&first);
        ledger.closed = well ? "gus" : "evil";
        weir_code rc = find_rows(&bench, &m, true);
        if (well) {
            CHECK_OK(rc, &bench.err);
            CHECK_U64(m.work.epoch, 3);
            CHECK_INT(m.work.count, 1);
            CHECK(find_rows(&bench, &m, false) != WEIR_OK); /* who claims is at the epoch before */
            CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
        } else {
            CHECK_FAILS(rc, WEIR_E_REMOTE, &bench.err);
            CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
            CHECK_SAYS(&bench.err, "rows of epoch 2 are refused, and 3 is the last");
        }
        ledger_check_row(&bench, 1);
        weir_buf_done(&m.payload);
        ledger_end(&bench);
    }
}

static void rows_of_a_repair_that_are_not_there_are_for_replay(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    ledger_begin(&bench, false);
    leave_behind(&bench, LEDGER_LAST, "evil");
    ledger.begun = false;
    CHECK_OK(find_rows(&bench, &m, true), &bench.err);
    CHECK_U64(m.work.epoch, 0);
    CHECK_FAILS(ledger_replay(&bench), WEIR_E_CONFLICT, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FORKED_HISTORY);
    ledger.begun = true;
    ledger.closed = NULL;
    CHECK_OK(ledger_replay(&bench), &bench.err);
    CHECK_OK(find_rows(&bench, &m, true), &bench.err); /* it is at the last epoch */
    CHECK_U64(m.work.epoch, 0);
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

static void repair_of_a_log_that_cannot_be_read_claims_nothing(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(weir_committed *out);
        uint32_t fail_at;
        bool     good;
    } cases[] = {{NULL, 1, false},
                 {ledger_damage_payload, 0, false},
                 {ledger_without_payload, 0, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sink_bench bench;
        mending    m = {.payload = {0}};
        ledger_begin(&bench, false);
        leave_behind(&bench, LEDGER_LAST, "evil");
        ledger_history it = ledger_history_of(&bench, cases[i].spoil);
        it.fail_at = cases[i].fail_at;
        m.work = (weir_repair){.arena = bench.arena, .dry_run = true, .payload = &m.payload};
        weir_code rc = bench.kind->repair(bench.now.sink, &it.base, &m.work, &bench.err);
        CHECK_INT(rc == WEIR_OK, cases[i].good);
        CHECK_INT(m.work.count, 0);
        ledger_check_row(&bench, 1);
        weir_buf_done(&m.payload);
        ledger_end(&bench);
    }
}

static void advance(void)
{
    ledger.mark.epoch++;
    ledger.version++;
}

static void lose_row(void)
{
    ledger.begun = false;
    ledger.version++;
}

/* A later lineage began while it slept: its row is not claimed. */
static void repair_of_an_ended_lineage_is_fenced(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    ledger_begin(&bench, false);
    ledger_strand(&bench);
    CHECK(ledger_take_over(&bench) != WEIR_OK);
    ledger_outlive();
    keyed_mark before = ledger.mark;
    CHECK_FAILS(claim(&bench, &m), WEIR_E_CONFLICT, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
    CHECK_SAYS(&bench.err, "has ended");
    CHECK(weir_sha256_eq(&ledger.mark.sha, &before.sha));
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

/* While its rows are tried another one takes the lineage over: a claim of a younger repair. */
static void repair_whose_row_moves_on_is_fenced(void **state)
{
    (void)state;
    static void (*const acts[])(void) = {ledger_forge, advance, lose_row, ledger_outlive};
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        sink_bench bench;
        mending    m = {.payload = {0}};
        ledger_begin(&bench, false);
        leave_behind(&bench, LEDGER_LAST, "evil");
        ledger_at("begin", 1, acts[i]);
        CHECK_FAILS(find_rows(&bench, &m, true), WEIR_E_CONFLICT, &bench.err);
        CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
        weir_buf_done(&m.payload);
        ledger_end(&bench);
    }
}

/* The SEAL that its generation began with is what it claims with. */
static void repair_whose_own_seal_is_damaged_claims_nothing(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    char       seal[64];
    ledger_begin(&bench, false);
    leave_behind(&bench, LEDGER_LAST, "evil");
    (void)snprintf(seal, sizeof seal, "cp/bench/l1/t0/seals/%08u",
                   (unsigned)weir_checkpoint_generation(bench.now.checkpoint) - 1);
    CHECK_OK(weir_store_put_one(bench.store, weir_str_of(seal), WEIR_STR("damaged"), &bench.err),
             &bench.err);
    CHECK_FAILS(find_rows(&bench, &m, false), WEIR_E_CORRUPT, &bench.err);
    ledger_check_row(&bench, 1);
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

#define LARGE_ROWS 2000u /* four megabytes, in several parts */
#define LARGE_NAME 2000u

static void large_name(char out[LARGE_NAME + 1], uint32_t row)
{
    memset(out, 'a' + (int)(row % 26), LARGE_NAME);
    out[LARGE_NAME] = '\0';
}

/* Each part is read on its own; what is left of all of them goes into the AMEND. */
static void large_epoch_is_repaired_row_by_row(void **state)
{
    (void)state;
    sink_bench bench;
    mending    m = {.payload = {0}};
    weir_buf   text = {0}, want = {0};
    char       name[LARGE_NAME + 1];
    ledger_begin(&bench, false);
    for (uint32_t i = 0; i < LARGE_ROWS; i++) {
        large_name(name, i);
        weir_buf_format(&text, "+I|%u|%s%s|1||\n", 10000 + i, i % 700 == 99 ? "evil" : "", name);
        if (i % 700 != 99)
            weir_buf_format(&want, "%u|%s|1.00|NULL|NULL\n", 10000 + i, name);
    }
    weir_buf_text(&want, "1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n");
    weir_buf_byte(&want, 0);
    weir_buf_byte(&text, 0);
    leave_behind(&bench, text.at, "evil");
    CHECK_OK(claim(&bench, &m), &bench.err);
    CHECK_INT(m.work.count, 3);
    put_amend(&bench, &m);
    CHECK_OK(ledger_replay(&bench), &bench.err);
    ledger_check_row(&bench, 2);
    ledger_check_rows(want.at);
    weir_buf_done(&text);
    weir_buf_done(&want);
    weir_buf_done(&m.payload);
    ledger_end(&bench);
}

/* Nobody writes a chunk without rows, which is no statement, or whose rows are not of its table. */
static void payload_that_nobody_writes_is_damaged(void **state)
{
    (void)state;
    enum { GOOD, NO_ROWS, NO_KEYS };
    sink_bench    bench;
    weir_buf      bytes = {0};
    keyed_payload payload;
    ledger_begin(&bench, false);
    CHECK_OK(ledger_take_over(&bench), &bench.err);
    const keyed_sink *sink = (const keyed_sink *)bench.now.sink;
    for (int what = GOOD; what <= NO_KEYS; what++) {
        const char  *rows = what == NO_ROWS ? "" : "+I|1|ada|1||";
        keyed_chunk *read = NULL, chunk = {.rows = bench_rows(&bench, bench.arena, rows),
                                           .remove = what == NO_KEYS};
        keyed_epoch  one = {.tables = 1, .table = sink->table, .chunks = 1, .chunk = &chunk};
        uint32_t     count = 0;
        weir_buf_clear(&bytes);
        keyed_payload_write(&bytes, &one, NULL);
        CHECK_OK(keyed_payload_open(&payload, weir_buf_view(&bytes), NULL, bench.arena,
                                    &bench.err),
                 &bench.err);
        weir_code rc = keyed_payload_next(&payload, bench.arena, &read, &count, &bench.err);
        CHECK_INT(rc, what == GOOD ? WEIR_OK : WEIR_E_CORRUPT);
        CHECK_INT(count, what == GOOD);
        keyed_payload_close(&payload);
    }
    weir_buf_done(&bytes);
    ledger_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_call_of_a_repair_may_go_wrong_in_each_way),
        TEST(each_call_that_takes_a_claim_back_may_go_wrong),
        TEST(claim_that_another_was_faster_with_is_tried_again),
        TEST(rows_to_remove_may_be_refused_too),
        TEST(epoch_of_which_no_row_is_taken_is_amended_by_none),
        TEST(table_that_takes_no_row_at_all_is_not_repaired),
        TEST(only_the_last_epoch_is_repaired),
        TEST(rows_of_a_repair_that_are_not_there_are_for_replay),
        TEST(repair_of_a_log_that_cannot_be_read_claims_nothing),
        TEST(repair_of_an_ended_lineage_is_fenced),
        TEST(repair_whose_row_moves_on_is_fenced),
        TEST(repair_whose_own_seal_is_damaged_claims_nothing),
        TEST(large_epoch_is_repaired_row_by_row),
        TEST(payload_that_nobody_writes_is_damaged),
    };
    return RUN_TESTS(tests);
}
