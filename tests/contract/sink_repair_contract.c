/* The repair of an epoch whose rows are refused for ever, over every kind of sink that can refuse
 * rows: claim, AMEND, and who meets which of them (tests/model/amend.pml).
 *
 * sqlite always; mysql where WEIR_TEST_MARIADB_URL or WEIR_TEST_MYSQL8_URL name a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "sink_target.h"

static const char first_rows[] = "+I|1|ada|1||\n+I|2|bob|2||";
static const char last_rows[] = "+I|3|cyd|3||\n+I|4|dan|||\n-D|2|bob|2||\n+I|5|eve|5||";
static const char all_of_them[] = "1|ada|1.00|NULL|NULL\n3|cyd|3.00|NULL|NULL\n"
                                  "4|dan|NULL|NULL|NULL\n5|eve|5.00|NULL|NULL\n";
static const char but_the_refused[] = "1|ada|1.00|NULL|NULL\n3|cyd|3.00|NULL|NULL\n"
                                      "5|eve|5.00|NULL|NULL\n";

/* Row 4 has no amount. Old servers read CHECK and forget it. */
static void close_table(sink_target *target)
{
    target->sql(target,
                target->url != NULL
                    ? "ALTER TABLE bench_rows MODIFY amount DECIMAL(12,2) NOT NULL"
                    : "CREATE TRIGGER closed BEFORE INSERT ON bench_rows WHEN NEW.id = 4 "
                      "BEGIN SELECT RAISE(ABORT, 'closed'); END");
}

static void open_table(sink_target *target)
{
    target->sql(target, target->url != NULL
                            ? "ALTER TABLE bench_rows MODIFY amount DECIMAL(12,2) NULL"
                            : "DROP TRIGGER closed");
}

/* The second epoch is in the log, not in the table; its owner sleeps: zombie 0. */
static void strand(sink_target *target, sink_bench *bench)
{
    target->empty(target);
    bench_start(bench, target->kind, target->options);
    bench_take_over(bench);
    bench_epoch(bench, first_rows);
    weir_batch *rows = bench_rows(bench, bench->arena, last_rows);
    CHECK_OK(bench_stage(bench, rows, false), &bench->err);
    CHECK_OK(bench_put(bench), &bench->err);
    bench_crash(bench);
}

static void take_over_and_fail(sink_bench *bench)
{
    CHECK(bench_try_take_over(bench) != WEIR_OK);
    CHECK_INT(bench->err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_HOLDS(bench->err.hint, "weir checkpoint repair");
}

typedef struct mending { /* one repair */
    weir_stage *stage;
    weir_buf    payload;
    weir_repair work;
} mending;

static weir_code claim(sink_bench *bench, bench_zombie *by, mending *m)
{
    weir_manifest *last = NULL;
    bench_history  history = bench_history_of(bench, by->checkpoint);
    if (m->stage == NULL) {
        CHECK_OK(weir_checkpoint_read(by->checkpoint, bench->place[2].gen,
                                      bench->place[2].idx, bench->arena, &last,
                                      &bench->err),
                 &bench->err);
        CHECK_OK(weir_checkpoint_amend(by->checkpoint, last, &m->stage, &bench->err),
                 &bench->err);
    }
    m->work =
        (weir_repair){.arena = bench->arena, .stage = m->stage, .payload = &m->payload};
    return bench->kind->repair(by->sink, &history.base, &m->work, &bench->err);
}

static weir_code put_amend(sink_bench *bench, mending *m)
{
    weir_sha256 sha;
    if (m->payload.len > 0)
        weir_stage_section(m->stage, bench->section, weir_buf_view(&m->payload));
    CHECK_OK(weir_stage_build(m->stage, &sha, &bench->err), &bench->err);
    weir_code rc = weir_stage_publish(m->stage, &bench->err);
    if (rc != WEIR_OK)
        return rc;
    const weir_manifest *amend = weir_stage_manifest(m->stage, bench->arena);
    CHECK(amend->amends);
    CHECK_U64(amend->epoch, 2);
    bench->place[2] = (bench_place){amend->gen, amend->idx};
    bench->sha[2] = amend->sha;
    return WEIR_OK;
}

static void done(mending *m)
{
    weir_stage_free(m->stage);
    weir_buf_done(&m->payload);
}

static weir_code replay(sink_bench *bench, bench_zombie *by)
{
    bench_history history = bench_history_of(bench, by->checkpoint);
    return bench->kind->replay(by->sink, &history.base, &bench->err);
}

static void expect_rows(sink_target *target, sink_bench *bench, const char *want)
{
    weir_buf dump = target->dump(target, bench);
    CHECK_TEXT(dump.at, want);
    weir_buf_done(&dump);
}

static void expect_fenced(weir_code rc, const sink_bench *bench)
{
    CHECK(rc != WEIR_OK);
    CHECK_INT(bench->err.exit, WEIR_EXIT_FENCED);
}

static weir_code commit_late(sink_bench *bench, bench_zombie *zombie)
{
    bench_history history = bench_history_of(bench, zombie->checkpoint);
    return bench->kind->commit(zombie->sink, &zombie->id, &history.base, &bench->err);
}

static void refused_rows_are_left_out_and_the_sleeper_stays_out(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    mending      m = {.stage = NULL};
    strand(target, &bench);
    close_table(target);
    take_over_and_fail(&bench);
    CHECK_OK(claim(&bench, &bench.now, &m), &bench.err);
    CHECK_U64(m.work.epoch, 2);
    CHECK_INT(m.work.count, 1);
    CHECK_INT(weir_column_get(&m.work.row[0].batch->column[0], m.work.row[0].row).i64, 4);
    CHECK(m.work.row[0].code[0] != '\0' && m.work.row[0].msg[0] != '\0');
    open_table(target); /* the sleeper could apply its rows now */
    expect_fenced(commit_late(&bench, &bench.zombie[0]), &bench);
    CHECK_OK(put_amend(&bench, &m), &bench.err);
    expect_fenced(commit_late(&bench, &bench.zombie[0]), &bench);
    CHECK_OK(replay(&bench, &bench.now), &bench.err);
    CHECK_OK(replay(&bench, &bench.now), &bench.err); /* once more changes nothing */
    expect_rows(target, &bench, but_the_refused);
    done(&m);
    bench_crash(&bench);
    bench_take_over(&bench);
    bench_epoch(&bench, "+I|4|dan|||");
    expect_rows(target, &bench, all_of_them);
    bench_stop(&bench);
}

static void a_claim_without_amend_is_taken_back(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    mending      m = {.stage = NULL};
    strand(target, &bench);
    close_table(target);
    take_over_and_fail(&bench);
    CHECK_OK(claim(&bench, &bench.now, &m), &bench.err);
    bench_crash(&bench); /* with its AMEND in hands */
    open_table(target);
    bench_take_over(&bench);
    expect_rows(target, &bench, all_of_them);
    expect_fenced(put_amend(&bench, &m), &bench);
    done(&m);
    bench_epoch(&bench, "");
    expect_rows(target, &bench, all_of_them);
    bench_stop(&bench);
}

static void of_two_repairs_the_younger_counts(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    mending      older = {.stage = NULL}, younger = {.stage = NULL};
    strand(target, &bench);
    close_table(target);
    take_over_and_fail(&bench);
    CHECK_OK(claim(&bench, &bench.now, &older), &bench.err);
    bench_crash(&bench); /* zombie 1 */
    take_over_and_fail(&bench);
    CHECK_OK(claim(&bench, &bench.now, &younger), &bench.err);
    CHECK_INT(younger.work.count, 1);
    expect_fenced(claim(&bench, &bench.zombie[1], &older), &bench);
    CHECK_OK(put_amend(&bench, &younger), &bench.err);
    expect_fenced(put_amend(&bench, &older), &bench);
    CHECK_OK(replay(&bench, &bench.now), &bench.err);
    expect_rows(target, &bench, but_the_refused);
    open_table(target);
    done(&older);
    done(&younger);
    bench_stop(&bench);
}

static void rows_that_are_taken_again_need_no_amend(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    mending      m = {.stage = NULL};
    strand(target, &bench);
    close_table(target);
    take_over_and_fail(&bench);
    open_table(target);
    CHECK_OK(claim(&bench, &bench.now, &m), &bench.err);
    CHECK_INT(m.work.count, 0);
    done(&m);
    CHECK_OK(replay(&bench, &bench.now), &bench.err); /* takes its own claim back */
    expect_rows(target, &bench, all_of_them);
    bench_stop(&bench);
}

/* The epoch was amended for another database: this one shows what both records say. */
static void a_row_that_was_left_is_moved_to_the_amend(void **state)
{
    sink_target   *target = *state;
    sink_bench     bench;
    mending        m = {.stage = NULL};
    weir_manifest *last = NULL;
    strand(target, &bench);
    bench_take_over(&bench); /* finalises it */
    bench_crash(&bench);
    bench_take_over(&bench);
    CHECK_OK(weir_checkpoint_read(bench.now.checkpoint, bench.place[2].gen,
                                  bench.place[2].idx, bench.arena, &last, &bench.err),
             &bench.err);
    CHECK_OK(weir_checkpoint_amend(bench.now.checkpoint, last, &m.stage, &bench.err),
             &bench.err);
    CHECK_OK(put_amend(&bench, &m), &bench.err);
    bench.left = false; /* a claimed one would have claimed it */
    CHECK(replay(&bench, &bench.now) != WEIR_OK);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FORKED_HISTORY);
    bench.left = true;
    CHECK_OK(replay(&bench, &bench.now), &bench.err);
    expect_rows(target, &bench, all_of_them);
    done(&m);
    bench_epoch(&bench, "+I|6|fay|6||");
    bench_stop(&bench);
}

static void a_dry_run_writes_nothing(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    strand(target, &bench);
    close_table(target);
    take_over_and_fail(&bench);
    bench_history history = bench_history_of(&bench, bench.now.checkpoint);
    weir_repair   work = {.dry_run = true, .arena = bench.arena};
    CHECK_OK(bench.kind->repair(bench.now.sink, &history.base, &work, &bench.err),
             &bench.err);
    CHECK_INT(work.count, 1);
    expect_rows(target, &bench, "1|ada|1.00|NULL|NULL\n2|bob|2.00|NULL|NULL\n");
    open_table(target);
    CHECK_OK(commit_late(&bench, &bench.zombie[0]), &bench.err); /* nothing was claimed */
    expect_rows(target, &bench, all_of_them);
    work.count = 7;
    CHECK_OK(bench.kind->repair(bench.now.sink, &history.base, &work, &bench.err),
             &bench.err);
    CHECK_U64(work.epoch, 0);
    CHECK_INT(work.count, 0);
    bench_stop(&bench);
}

int main(void)
{
    struct CMUnitTest tests[] = {
        TEST(refused_rows_are_left_out_and_the_sleeper_stays_out),
        TEST(a_claim_without_amend_is_taken_back),
        TEST(of_two_repairs_the_younger_counts),
        TEST(rows_that_are_taken_again_need_no_amend),
        TEST(a_row_that_was_left_is_moved_to_the_amend),
        TEST(a_dry_run_writes_nothing),
    };
    sink_target targets[4];
    uint32_t    count = sink_targets(targets);
    int         failed = 0, tried = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (targets[i].sql == NULL)
            continue;
        for (size_t t = 0; t < sizeof tests / sizeof tests[0]; t++)
            tests[t].initial_state = &targets[i];
        failed += cmocka_run_group_tests_name(targets[i].name, tests, NULL, NULL);
        tried++;
    }
    sink_targets_gone(targets, count);
    return failed + (tried == 0);
}
