/* Which events are redelivered, and which snapshots would count twice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_parts.h"

typedef struct bench {
    engine_source    source;
    engine_partition partition;
    weir_table       table;
    weir_err         err;
} bench;

static void start(bench *b)
{
    memset(b, 0, sizeof *b);
    b->table.name = WEIR_STR("orders");
    b->source.table = &b->table;
    b->partition.source = &b->source;
    b->partition.name = WEIR_STR("3");
    weir_err_clear(&b->err);
}

static void stop(bench *b)
{
    weir_heap_free(b->partition.mark);
}

/* A streamed event of origin `origin` ("a", "b" …) at file:pos:row, commit time. */
static engine_verdict streamed(bench *b, const char *origin, uint64_t file, uint64_t pos,
                               int64_t commit_us)
{
    weir_event event = {.op = 'u', .positioned = true, .commit_us = commit_us,
                        .origin = (uint32_t)origin[0],
                        .position = {.file = file, .pos = pos}};
    return engine_mark_judge(&b->partition, &event, weir_str_of(origin), &b->err);
}

static engine_verdict snapshot(bench *b, weir_snapshot_mark mark, uint64_t pos)
{
    weir_event event = {.op = 'r', .positioned = true, .snapshot = (uint8_t)mark,
                        .position = {.file = 1, .pos = pos}};
    return engine_mark_judge(&b->partition, &event, WEIR_STR("a"), &b->err);
}

static void expect_again(bench *b, const char *says)
{
    CHECK_INT(b->err.exit, WEIR_EXIT_SNAPSHOT_AGAIN);
    CHECK_SAYS(&b->err, says);
    CHECK_SAYS(&b->err, "table 'orders', partition 3");
    CHECK_HINTS(&b->err, "old_row = 'state'");
    CHECK_HINTS(&b->err, "snapshot_rows = 'ignore'");
}

static void stretch_that_is_sent_again_is_dropped(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 1, 20, 110), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 1, 30, 110), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 1, 20, 110), VERDICT_DUPLICATE);
    CHECK_INT(streamed(&b, "a", 1, 30, 110), VERDICT_DUPLICATE);
    CHECK_INT(streamed(&b, "a", 1, 40, 110), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 2, 5, 110), VERDICT_NEW);
    stop(&b);
}

static void position_that_goes_back_with_a_later_commit_is_another_history(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_INT(streamed(&b, "a", 7, 10, 100), VERDICT_NEW);
    int64_t changes = weir_metric_get(WEIR_M_lineage_changes);
    CHECK_INT(streamed(&b, "a", 1, 4, 200), VERDICT_NEW);
    CHECK_INT(weir_metric_get(WEIR_M_lineage_changes), changes + 1);
    CHECK_INT(streamed(&b, "a", 1, 8, 200), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 1, 4, 200), VERDICT_DUPLICATE);
    CHECK_INT(weir_metric_get(WEIR_M_lineage_changes), changes + 1);
    stop(&b);
}

static void position_above_the_mark_is_new_whatever_its_time(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 1, 11, 50), VERDICT_NEW); /* clocks step */
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_DUPLICATE);
    stop(&b);
}

static void parts_of_a_position_count_from_the_first_to_the_last(void **state)
{
    bench b;
    (void)state;
    start(&b);
    weir_log_position rising[] = {
        {1, 9, 9, 9, 1}, {2, 1, 1, 1, 0}, {2, 1, 1, 1, 1}, {2, 1, 1, 2, 0},
        {2, 1, 2, 0, 0}, {2, 2, 0, 0, 0}, {10, 0, 0, 0, 0}};
    size_t count = sizeof rising / sizeof *rising;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < count; i++) {
            weir_event event = {.op = 'c', .positioned = true, .commit_us = 5,
                                .position = rising[i]};
            CHECK_INT(engine_mark_judge(&b.partition, &event, WEIR_STR("a"), &b.err),
                      round == 0 ? VERDICT_NEW : VERDICT_DUPLICATE);
        }
    stop(&b);
}

static void origins_have_marks_of_their_own_also_when_numbers_change(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_INT(streamed(&b, "a", 9, 10, 100), VERDICT_NEW);
    CHECK_INT(streamed(&b, "b", 1, 10, 100), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 9, 10, 100), VERDICT_DUPLICATE);
    for (uint32_t i = 0; i < b.partition.marks; i++)
        b.partition.mark[i].number = WEIR_NONE; /* as after a restart */
    CHECK_INT(streamed(&b, "b", 1, 10, 100), VERDICT_DUPLICATE);
    CHECK_INT(streamed(&b, "a", 9, 10, 100), VERDICT_DUPLICATE);
    CHECK_INT(b.partition.marks, 2);
    stop(&b);
}

static void oldest_mark_goes_when_there_are_too_many(void **state)
{
    bench b;
    (void)state;
    start(&b);
    for (uint32_t i = 0; i < ENGINE_MARKS_MAX + 5; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "n%u", i);
        weir_event event = {.op = 'c', .positioned = true, .origin = i, .commit_us = 5};
        CHECK_INT(engine_mark_judge(&b.partition, &event, weir_str_of(name), &b.err),
                  VERDICT_NEW);
    }
    CHECK_INT(b.partition.marks, ENGINE_MARKS_MAX);
    CHECK_TEXT(b.partition.mark[0].origin, "n5");
    CHECK_TEXT(b.partition.mark[ENGINE_MARKS_MAX - 1].origin, "n68");
    stop(&b);
}

static void long_origins_are_told_apart_by_their_first_bytes_only(void **state)
{
    bench b;
    (void)state;
    start(&b);
    char name[400];
    memset(name, 'x', sizeof name);
    weir_event event = {.op = 'c', .positioned = true, .origin = 1, .commit_us = 5};
    CHECK_INT(engine_mark_judge(&b.partition, &event, (weir_str){name, 400}, &b.err),
              VERDICT_NEW);
    event.origin = 2;
    CHECK_INT(engine_mark_judge(&b.partition, &event, (weir_str){name, 300}, &b.err),
              VERDICT_DUPLICATE);
    stop(&b);
}

static void duplicates_are_kept_when_the_table_says_so(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.source.keep_duplicates = true;
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
    stop(&b);
}

static void events_without_a_position_are_never_dropped(void **state)
{
    bench b;
    (void)state;
    start(&b);
    weir_event event = {.op = 'u'};
    for (int i = 0; i < 2; i++)
        CHECK_INT(engine_mark_judge(&b.partition, &event, WEIR_STR(""), &b.err),
                  VERDICT_NEW);
    CHECK_INT(b.partition.marks, 0);
    stop(&b);
}

static void rows_of_the_first_snapshot_count_and_are_not_judged_by_the_mark(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_FIRST, 40), VERDICT_NEW);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_ROW, 40), VERDICT_NEW);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_ROW, 40), VERDICT_NEW);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_LAST, 40), VERDICT_NEW);
    CHECK_INT(b.partition.marks, 0);
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
    stop(&b);
}

static void second_snapshot_stops_the_job_however_it_shows(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_FIRST, 40), VERDICT_NEW);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_FIRST, 40), VERDICT_HALT);
    expect_again(&b, "a second snapshot began");
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_ROW, 41), VERDICT_HALT);
    expect_again(&b, "rows of another snapshot came");
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_INCREMENTAL, 40), VERDICT_HALT);
    expect_again(&b, "an incremental snapshot came");
    CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
    CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_ROW, 40), VERDICT_HALT);
    expect_again(&b, "a snapshot came behind streamed rows");
    stop(&b);
}

static void last_values_take_any_snapshot_and_ignore_leaves_all_out(void **state)
{
    bench b;
    (void)state;
    for (int ignore = 0; ignore <= 1; ignore++) {
        start(&b);
        b.source.old_row_state = !ignore;
        b.source.ignore_snapshot = ignore;
        engine_verdict want = ignore ? VERDICT_DUPLICATE : VERDICT_NEW;
        CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_FIRST, 40), want);
        CHECK_INT(streamed(&b, "a", 1, 10, 100), VERDICT_NEW);
        CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_FIRST, 41), want);
        CHECK_INT(snapshot(&b, WEIR_SNAPSHOT_INCREMENTAL, 42), want);
        stop(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stretch_that_is_sent_again_is_dropped),
        TEST(position_that_goes_back_with_a_later_commit_is_another_history),
        TEST(position_above_the_mark_is_new_whatever_its_time),
        TEST(parts_of_a_position_count_from_the_first_to_the_last),
        TEST(origins_have_marks_of_their_own_also_when_numbers_change),
        TEST(oldest_mark_goes_when_there_are_too_many),
        TEST(long_origins_are_told_apart_by_their_first_bytes_only),
        TEST(duplicates_are_kept_when_the_table_says_so),
        TEST(events_without_a_position_are_never_dropped),
        TEST(rows_of_the_first_snapshot_count_and_are_not_judged_by_the_mark),
        TEST(second_snapshot_stops_the_job_however_it_shows),
        TEST(last_values_take_any_snapshot_and_ignore_leaves_all_out),
    };
    return RUN_TESTS(tests);
}
