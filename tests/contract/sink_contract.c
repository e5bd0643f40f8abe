/* The commit protocol, over every kind of sink that promises exactly once: whatever step a
 * process dies at, the next one leaves the target as an unbroken run does.
 *
 * sqlite and s3 (on the memory store) always; mysql where WEIR_TEST_MARIADB_URL or
 * WEIR_TEST_MYSQL8_URL name a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "cut_proxy.h"
#include "sink_target.h"

#define EPOCHS 5

static const char *const script[EPOCHS] = {
    "+I|1|ada|2.50|2024-01-01 00:00:00|hi\n+I|2|bob|-0.01||\n+I|3|cyd|7||''\n+I|1|Ada|1||",
    "-U|1|ada|2.50|2024-01-01 00:00:00|hi\n+U|1|ada|3.50|2024-01-01 00:00:00|hi\n"
    "-D|2|bob|-0.01||\n+I|4|dän|9999999999.99|1969-12-31 23:59:59.999999|it's",
    "",
    "+I|2|bob|5|2024-02-29 12:00:00.5|back\n-D|3|cyd|7||''\n+I|5|eve|||\n-D|5|eve|||\n"
    "+I|5|eve|1||x\n+I|6|fay|6||y",
    "-D|6|fay|6||y\n+I|7|gus|7||\\\n+I|8|a b|8||%\n+I|9|''|9||q\"'`\n",
};

/* What upserts and removals of the script come to. */
static const char want_rows[] =
    "1|Ada|1.00|NULL|NULL\n1|ada|3.50|2024-01-01 00:00:00|hi\n"
    "2|bob|5.00|2024-02-29 12:00:00.5|back\n4|dän|9999999999.99|1969-12-31 "
    "23:59:59.999999|it's\n"
    "5|eve|1.00|NULL|x\n7|gus|7.00|NULL|\\\n8|a b|8.00|NULL|%\n9||9.00|NULL|q\"'`\n";

static const char *rows_of(uint32_t epoch)
{
    return script[epoch];
}

static void start(sink_target *target, sink_bench *bench)
{
    target->empty(target);
    bench_start(bench, target->kind, target->options);
}

/* Goes on from wherever the log is to the end of the script. */
static void run_to_end(sink_bench *bench)
{
    while (bench->last < EPOCHS) {
        bench->end = bench->last + 1 == EPOCHS;
        bench_epoch(bench, rows_of((uint32_t)bench->last));
    }
}

static weir_buf unbroken(sink_target *target)
{
    sink_bench bench;
    start(target, &bench);
    bench_take_over(&bench);
    run_to_end(&bench);
    weir_buf dump = target->dump(target, &bench);
    if (target->sql != NULL)
        CHECK_TEXT(dump.at, want_rows);
    CHECK(dump.len > 100);
    bench_stop(&bench);
    return dump;
}

static void crash_in_epoch(sink_bench *bench, uint32_t epoch, bench_step step)
{
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    while (bench->last < epoch)
        bench_epoch(bench, rows_of((uint32_t)bench->last));
    bench->end = epoch + 1 == EPOCHS;
    weir_batch *rows = bench_rows(bench, arena, rows_of(epoch));
    CHECK_OK(bench_try_epoch(bench, rows, step), &bench->err);
    bench_crash(bench);
    weir_arena_free(arena);
}

static void a_crash_after_any_step_changes_nothing(void **state)
{
    sink_target *target = *state;
    weir_buf     want = unbroken(target);
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        for (int step = BENCH_STAGED; step < BENCH_STEPS; step++) {
            sink_bench bench;
            start(target, &bench);
            bench_take_over(&bench);
            crash_in_epoch(&bench, epoch, (bench_step)step);
            bench_take_over(&bench);
            run_to_end(&bench);
            weir_buf dump = target->dump(target, &bench);
            if (strcmp(want.at, dump.at) != 0)
                fail_msg("%s, epoch %u, step %d: want\n%sgot\n%s", target->name, epoch,
                         step, want.at, dump.at);
            weir_buf_done(&dump);
            bench_stop(&bench);
        }
    }
    weir_buf_done(&want);
}

static void crashing_again_and_again_changes_nothing(void **state)
{
    sink_target *target = *state;
    weir_buf     want = unbroken(target);
    sink_bench   bench;
    start(target, &bench);
    bench_take_over(&bench);
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        crash_in_epoch(&bench, epoch, epoch % 2 == 0 ? BENCH_PUT : BENCH_EXECUTED);
        bench_take_over(&bench);
        bench_crash(&bench); /* right after the takeover */
        bench_take_over(&bench);
        if (bench.last == epoch) {
            bench.end = epoch + 1 == EPOCHS;
            bench_epoch(&bench, rows_of(epoch));
        }
    }
    weir_buf dump = target->dump(target, &bench);
    CHECK_TEXT(dump.at, want.at);
    weir_buf_done(&dump);
    weir_buf_done(&want);
    bench_stop(&bench);
}

static void an_epoch_that_is_staged_again_is_the_same(void **state)
{
    sink_target *target = *state;
    weir_buf     want = unbroken(target);
    sink_bench   bench;
    start(target, &bench);
    bench_take_over(&bench);
    while (bench.last < EPOCHS) {
        weir_arena *arena = weir_arena_new("rows", 64 << 10);
        bench.end = bench.last + 1 == EPOCHS;
        weir_batch *rows = bench_rows(&bench, arena, rows_of((uint32_t)bench.last));
        CHECK_OK(bench_try_epoch(&bench, rows, BENCH_EXECUTED), &bench.err);
        CHECK_OK(bench_try_epoch(&bench, rows, BENCH_STAGED), &bench.err);
        CHECK_OK(bench_try_epoch(&bench, rows, BENCH_FINALISED), &bench.err);
        weir_arena_free(arena);
    }
    weir_buf dump = target->dump(target, &bench);
    CHECK_TEXT(dump.at, want.at);
    weir_buf_done(&dump);
    weir_buf_done(&want);
    bench_stop(&bench);
}

static void a_zombie_is_fenced_and_changes_nothing(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    weir_buf     want = unbroken(target);
    start(target, &bench);
    bench_take_over(&bench);
    crash_in_epoch(&bench, 2, BENCH_EXECUTED); /* a transaction may be open */
    bench_take_over(&bench);
    run_to_end(&bench);

    bench_zombie *zombie = &bench.zombie[0];
    bench_history history = bench_history_of(&bench, zombie->checkpoint);
    weir_refusals refusals = {.arena = bench.arena};
    weir_code rc = bench.kind->commit(zombie->sink, &zombie->id, &history.base, &bench.err);
    CHECK(rc != WEIR_OK);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
    weir_err_clear(&bench.err);
    rc = bench.kind->execute(zombie->sink, &zombie->id, &history.base, &refusals,
                             &bench.err);
    CHECK(rc != WEIR_OK);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);

    weir_buf dump = target->dump(target, &bench);
    CHECK_TEXT(dump.at, want.at);
    weir_buf_done(&dump);
    weir_buf_done(&want);
    bench_stop(&bench);
}

/* It put the manifest of its epoch, and slept while another began a lineage over its output: the
   rows of that one stay as they are. */
static void a_zombie_of_an_ended_lineage_changes_nothing(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    start(target, &bench);
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    weir_batch *rows = bench_rows(&bench, bench.arena, rows_of(1));
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_put(&bench), &bench.err);
    bench_crash(&bench);
    bench.fresh = true;
    bench_take_over(&bench);
    bench_epoch(&bench, "+I|1|ada|9||l2\n+I|4|dän|9||l2");
    weir_buf want = target->dump(target, &bench);

    bench_zombie *zombie = &bench.zombie[0];
    bench_history history = bench_history_of(&bench, zombie->checkpoint);
    weir_refusals refusals = {.arena = bench.arena};
    CHECK_FAILS(bench.kind->commit(zombie->sink, &zombie->id, &history.base, &bench.err),
                WEIR_E_CONFLICT, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
    weir_err_clear(&bench.err);
    CHECK_FAILS(bench.kind->execute(zombie->sink, &zombie->id, &history.base, &refusals,
                                    &bench.err),
                WEIR_E_CONFLICT, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
    weir_err_clear(&bench.err);
    CHECK_FAILS(bench.kind->replay(zombie->sink, &history.base, &bench.err), WEIR_E_CONFLICT,
                &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
    weir_err_clear(&bench.err);

    weir_buf dump = target->dump(target, &bench);
    CHECK_TEXT(dump.at, want.at);
    weir_buf_done(&dump);
    weir_buf_done(&want);
    bench_crash(&bench); /* who owns the lineage goes on */
    bench_take_over(&bench);
    bench_epoch(&bench, "+I|1|ada|8||l2");
    CHECK_U64(bench.last, 2);
    bench_stop(&bench);
}

/* A promotion finds a lineage with a commit row and no epoch, and brings the one before to its
   end. */
static void a_lineage_that_ended_is_settled(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    start(target, &bench);
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    bench_epoch(&bench, rows_of(1));
    weir_buf want = target->dump(target, &bench);
    bench_stop(&bench);

    start(target, &bench);
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    weir_batch *rows = bench_rows(&bench, bench.arena, rows_of(1));
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_put(&bench), &bench.err);
    bench_crash(&bench);
    bench.fresh = true;
    bench_take_over(&bench);
    bench_crash(&bench);
    bench.setup.lineage = 1;
    bench.setup.ended = true;
    bench_history history = bench_history_of(&bench, bench.zombie[0].checkpoint);
    history.base.last = 2;
    CHECK_OK(weir_sink_new(bench.kind, &bench.setup, &bench.now.sink, &bench.err), &bench.err);
    for (int times = 0; times < 2; times++) {
        CHECK_OK(bench.kind->replay(bench.now.sink, &history.base, &bench.err), &bench.err);
        weir_buf dump = target->dump(target, &bench);
        CHECK_TEXT(dump.at, want.at);
        weir_buf_done(&dump);
    }
    weir_buf_done(&want);
    bench_stop(&bench);
}

static void a_row_that_went_back_is_brought_up(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    weir_buf     want = unbroken(target);
    for (int when = 0; when < 3; when++) {
        start(target, &bench);
        bench_take_over(&bench);
        while (bench.last < 3)
            bench_epoch(&bench, rows_of((uint32_t)bench.last));
        if (when == 1) /* between the PUT and the COMMIT of the fourth */
            crash_in_epoch(&bench, 3, BENCH_PUT);
        else if (when == 2)
            bench_crash(&bench);
        for (uint32_t z = 0; z < bench.zombies; z++) { /* its locks would make us wait */
            weir_sink_free(bench.zombie[z].sink);
            bench.zombie[z].sink = NULL;
        }
        target->sql(target, "DELETE FROM bench_rows");
        target->sql(target,
                    "UPDATE weir_commit SET epoch = 0, manifest_sha = "
                    "X'0000000000000000000000000000000000000000000000000000000000000000'");
        if (when > 0)
            bench_take_over(&bench);
        run_to_end(&bench); /* when == 0: found by the compare-and-set of the fourth */
        weir_buf dump = target->dump(target, &bench);
        CHECK_TEXT(dump.at, want.at);
        weir_buf_done(&dump);
        bench_stop(&bench);
    }
    weir_buf_done(&want);
}

static void a_foreign_row_stops_the_takeover(void **state)
{
    static const char *const harm[] = {
        "DELETE FROM weir_commit",
        "UPDATE weir_commit SET epoch = 9",
        "UPDATE weir_commit SET manifest_sha = "
        "X'1111111111111111111111111111111111111111111111111111111111111111'",
        "UPDATE weir_commit SET epoch = 1, manifest_sha = "
        "X'1111111111111111111111111111111111111111111111111111111111111111'",
    };
    sink_target *target = *state;
    for (size_t i = 0; i < sizeof harm / sizeof harm[0]; i++) {
        sink_bench bench;
        start(target, &bench);
        bench_take_over(&bench);
        bench_epoch(&bench, rows_of(0));
        bench_epoch(&bench, rows_of(1));
        weir_buf before = target->dump(target, &bench);
        bench_crash(&bench);
        target->sql(target, harm[i]);
        CHECK(bench_try_take_over(&bench) != WEIR_OK);
        CHECK_INT(bench.err.exit, WEIR_EXIT_FORKED_HISTORY);
        weir_buf after = target->dump(target, &bench);
        CHECK_TEXT(after.at, before.at);
        weir_buf_done(&before);
        weir_buf_done(&after);
        bench_stop(&bench);
    }
}

static void a_row_without_a_log_stops_the_takeover(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    start(target, &bench);
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    bench_stop(&bench);
    bench_start(&bench, target->kind, target->options); /* an empty store */
    CHECK(bench_try_take_over(&bench) != WEIR_OK);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FORKED_HISTORY);
    bench_stop(&bench);
}

static void a_group_may_join_later(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    start(target, &bench);
    bench.section = "sink/another";
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    bench_epoch(&bench, rows_of(2));
    bench_crash(&bench);
    target->empty(target);
    bench.section = "sink/bench";
    bench_take_over(&bench);
    bench_crash(&bench); /* before its first epoch */
    bench_take_over(&bench);
    run_to_end(&bench);
    bench_crash(&bench);
    bench_take_over(&bench);
    bench_stop(&bench);
}

static void refused_rows_are_found_and_left_out(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    start(target, &bench);
    bench_take_over(&bench);
    bench_epoch(&bench, "+I|5|eve|1||old\n+I|6|fay|2||old");
    weir_refusals refusals = {.arena = bench.now.epoch};
    /* Rows 1 and 4 are longer than varchar(8); row 3 is the last of its key. */
    weir_batch *rows = bench_rows(&bench, bench.now.epoch,
                                  "+I|1|ada|1||good\n+I|2|bob|1||much too long\n"
                                  "-U|5|eve|1||old\n+U|5|eve|2||new\n"
                                  "+U|6|fay|1||also too long\n+I|7|gus|7||good");
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 2);
    CHECK_INT(refusals.row[0].row, 1);
    CHECK_INT(refusals.row[1].row, 4);
    CHECK(refusals.row[0].code[0] != '\0');
    CHECK(refusals.row[0].msg[0] != '\0');
    refusals.count = 0;
    CHECK_OK(bench_stage(&bench, rows, true), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 0);
    CHECK_OK(bench_put(&bench), &bench.err);
    CHECK_OK(bench_commit(&bench), &bench.err);
    CHECK_OK(bench_finalise(&bench), &bench.err);
    weir_buf dump = target->dump(target, &bench);
    CHECK_HOLDS(dump.at, "1|ada|1.00|NULL|good\n5|eve|2.00|NULL|new\n6|fay|2.00|NULL|old\n"
                         "7|gus|7.00|NULL|good\n");
    CHECK(strstr(dump.at, "bob") == NULL);
    weir_buf_done(&dump);
    bench_stop(&bench);
}

static void many_rows_come_back_from_blobs(void **state)
{
    sink_target *target = *state;
    sink_bench   bench;
    weir_buf     text = {0};
    char         fine[9] = "";
    start(target, &bench);
    for (int i = 0; i < 2000; i++) {
        (void)snprintf(fine, sizeof fine, "%08x", (unsigned)i * 2654435761u);
        weir_buf_format(&text, "+I|%d|name-%s-%080d|%d.25||%s\n", 2000 - i, fine, i, i,
                        fine);
    }
    weir_buf_byte(&text, '\0');
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    bench.end = true;
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    CHECK_OK(bench_try_epoch(&bench, bench_rows(&bench, arena, text.at), BENCH_PUT),
             &bench.err);
    bench_crash(&bench);
    bench_take_over(&bench);
    weir_buf dump = target->dump(target, &bench);
    size_t   lines = 0;
    for (size_t i = 0; i < dump.len; i++)
        lines += dump.at[i] == '\n';
    CHECK(lines >= 2003);
    CHECK_HOLDS(dump.at, "name-00000000-0000");
    weir_buf_done(&dump);
    weir_buf_done(&text);
    weir_arena_free(arena);
    bench_stop(&bench);
}

/* The sink reaches the server through a proxy that loses one statement or its answer. */
static void run_cut(sink_target *target, const char *want, const char *statement,
                    cut_when when)
{
    char       options[256], user[64], password[64], host[64], database[64];
    int        port;
    sink_bench bench;
    assert_int_equal(sscanf(target->url, "mysql://%63[^:]:%63[^@]@%63[^:]:%d/%63s", user,
                            password, host, &port, database),
                     5);
    cut_proxy *proxy = cut_proxy_start((uint16_t)port);
    (void)snprintf(options, sizeof options, "url=mysql://%s:%s@127.0.0.1:%u/%s;create=true",
                   user, password, cut_proxy_port(proxy), database);
    target->empty(target);
    bench_start(&bench, target->kind, options);
    bench_take_over(&bench);
    bench_epoch(&bench, rows_of(0));
    weir_arena   *arena = weir_arena_new("rows", 64 << 10);
    weir_batch   *rows = bench_rows(&bench, arena, rows_of(1));
    weir_refusals refusals = {.arena = arena};
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    cut_proxy_arm(proxy, statement, when);
    weir_code rc;
    int       tries = 0;
    while ((rc = bench_execute(&bench, &refusals)) != WEIR_OK && tries++ < 5)
        CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_OK(rc, &bench.err);
    CHECK_OK(bench_put(&bench), &bench.err);
    while ((rc = bench_commit(&bench)) != WEIR_OK && tries++ < 5)
        CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_OK(rc, &bench.err);
    CHECK_OK(bench_finalise(&bench), &bench.err);
    weir_stage_free(bench.now.stage);
    bench.now.stage = NULL;
    CHECK_INT(cut_proxy_cuts(proxy), 1);
    run_to_end(&bench);
    weir_buf dump = target->dump(target, &bench);
    CHECK_TEXT(dump.at, want);
    weir_buf_done(&dump);
    weir_arena_free(arena);
    bench_stop(&bench);
    cut_proxy_stop(proxy);
}

static void a_lost_answer_is_settled(void **state)
{
    static const char *const statements[] = {"BEGIN", "UPDATE weir_commit", "COMMIT"};
    sink_target             *target = *state;
    weir_buf                 want = unbroken(target);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        run_cut(target, want.at, statements[i], CUT_BEFORE);
        run_cut(target, want.at, statements[i], CUT_AFTER);
    }
    weir_buf_done(&want);
}

static int run(sink_target *target, const struct CMUnitTest *tests, size_t count)
{
    struct CMUnitTest mine[8];
    weir_assert(count <= 8);
    for (size_t i = 0; i < count; i++) {
        mine[i] = tests[i];
        mine[i].initial_state = target;
    }
    return _cmocka_run_group_tests(target->name, mine, count, NULL, NULL);
}
#define RUN(target, tests) run(target, tests, sizeof(tests) / sizeof *(tests))

int main(void)
{
    static const struct CMUnitTest of_all[] = {
        TEST(a_crash_after_any_step_changes_nothing),
        TEST(crashing_again_and_again_changes_nothing),
        TEST(an_epoch_that_is_staged_again_is_the_same),
        TEST(a_group_may_join_later),
        TEST(many_rows_come_back_from_blobs),
    };
    /* Files have the log's fence alone, and names of their own generation. */
    static const struct CMUnitTest of_keyed[] = {
        TEST(a_zombie_is_fenced_and_changes_nothing),
        TEST(a_zombie_of_an_ended_lineage_changes_nothing),
        TEST(a_lineage_that_ended_is_settled),
    };
    static const struct CMUnitTest of_sql[] = {
        TEST(a_row_that_went_back_is_brought_up),
        TEST(a_foreign_row_stops_the_takeover),
        TEST(a_row_without_a_log_stops_the_takeover),
        TEST(refused_rows_are_found_and_left_out),
    };
    static const struct CMUnitTest of_servers[] = {
        TEST(a_lost_answer_is_settled),
    };
    sink_target targets[4];
    uint32_t    count = sink_targets(targets);
    int         failed = 0;
    for (uint32_t i = 0; i < count; i++) {
        sink_target *target = &targets[i];
        failed += RUN(target, of_all);
        if (weir_sink_find(weir_str_of(target->kind))->keyed)
            failed += RUN(target, of_keyed);
        if (target->sql != NULL)
            failed += RUN(target, of_sql);
        if (target->url != NULL)
            failed += RUN(target, of_servers);
    }
    sink_targets_gone(targets, count);
    return failed;
}
