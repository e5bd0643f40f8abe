/* Files: when they roll, what they are called, where they lie, and who may overwrite whom.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "faulty_store.h"
#include "sink_bench.h"

/* The keys below lake/ in order, without it and without _schema.avsc, one a line. */
static const char *keys_of(sink_bench *bench)
{
    static char  text[4096];
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    size_t       len = 0;
    text[0] = '\0';
    CHECK_OK(bench->store->kind->list(bench->store, WEIR_STR("lake/"), WEIR_STR(""), 1000,
                                      bench->arena, &listed, &count, &bench->err),
             &bench->err);
    for (uint32_t i = 0; i < count; i++)
        if (!weir_str_is(listed[i].key, "lake/_schema.avsc"))
            len += (size_t)snprintf(text + len, sizeof text - len, "%.*s\n",
                                    (int)listed[i].key.len - 5, listed[i].key.at + 5);
    return text;
}

static void start(sink_bench *bench, const char *options)
{
    bench_start(bench, "s3", options);
    bench->table.changelog = false;
    bench_take_over(bench);
}

#define TWO_ROWS "+I|1|ada|1||\n+I|2|bob|2||"
#define NO_ROLL "path=lake;roll.age=0;roll.idle=0"

static void rows_stay_until_a_file_rolls(void **state)
{
    (void)state;
    sink_bench bench;
    start(&bench, "path=lake;roll.rows=5");
    bench_epoch(&bench, TWO_ROWS);
    bench_epoch(&bench, TWO_ROWS);
    CHECK_TEXT(keys_of(&bench), "");
    bench_epoch(&bench, TWO_ROWS);
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-1-3-0.avro\n");
    bench.end = true;
    bench_epoch(&bench, "");
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-1-3-0.avro\nbench-l1-t0-1-4-0.avro\n");
    weir_buf schema = {0};
    CHECK_OK(
        weir_store_get_one(bench.store, WEIR_STR("lake/_schema.avsc"), &schema, &bench.err),
        &bench.err);
    CHECK(weir_str_starts(weir_buf_view(&schema),
                          "{\"type\":\"record\",\"name\":\"bench_rows\""));
    weir_buf_done(&schema);
    bench_stop(&bench);
}

static void files_roll_by_size(void **state)
{
    (void)state;
    sink_bench bench;
    weir_buf   text = {0};
    start(&bench, NO_ROLL ";roll.size=64 KiB;codec=null");
    for (int i = 0; i < 1000; i++)
        weir_buf_format(&text, "+I|%d|%0200d|1||\n", i, i);
    weir_buf_byte(&text, '\0');
    bench_epoch(&bench, text.at); /* 210 kB: three files and a rest */
    CHECK_TEXT(keys_of(&bench),
               "bench-l1-t0-1-1-0.avro\nbench-l1-t0-1-1-1.avro\nbench-l1-t0-1-1-2.avro\n");
    weir_buf_done(&text);
    bench_stop(&bench);
}

static void files_roll_by_age_of_the_watermark(void **state)
{
    (void)state;
    sink_bench bench;
    start(&bench, "path=lake;roll.age=1 minute;roll.idle=0");
    bench_epoch(&bench, TWO_ROWS); /* there is no watermark yet */
    bench.watermark_us = 1000000;
    bench_epoch(&bench, TWO_ROWS); /* from here on its age is known */
    bench.watermark_us = 60999999;
    bench_epoch(&bench, "");
    bench_crash(&bench); /* and a takeover keeps it */
    bench_take_over(&bench);
    CHECK_TEXT(keys_of(&bench), "");
    bench.watermark_us = 61000000;
    bench_epoch(&bench, "");
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-2-4-0.avro\n");
    bench_stop(&bench);
}

static void files_roll_when_idle(void **state)
{
    (void)state;
    sink_bench bench;
    start(&bench, "path=lake;roll.age=0;roll.idle=1 minute");
    bench_epoch(&bench, TWO_ROWS);
    fake_clock_move(&bench.clock, 59000000);
    bench_epoch(&bench, "");
    CHECK_TEXT(keys_of(&bench), "");
    bench_epoch(&bench, TWO_ROWS); /* used again */
    fake_clock_move(&bench.clock, 59000000);
    bench_epoch(&bench, "");
    CHECK_TEXT(keys_of(&bench), "");
    fake_clock_move(&bench.clock, 1000000);
    bench_epoch(&bench, "");
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-1-5-0.avro\n");
    bench_stop(&bench);
}

static void the_largest_rolls_when_memory_is_short(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "s3", NO_ROLL ";partition_by=name;codec=null");
    bench.table.changelog = false;
    bench.setup.open_bytes_max = 1500; /* of two files, but not of three */
    bench_take_over(&bench);
    bench_epoch(&bench,
                "+I|1|a|||\n+I|2|b||2024-01-01 00:00:00|12345678\n+I|3|b|||1234567\n"
                "+I|4|c|||");
    CHECK_TEXT(keys_of(&bench), "name=b/bench-l1-t0-1-1-0.avro\n");
    bench_stop(&bench);
}

static void partitions_are_folders(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "s3", NO_ROLL ";partition_by=date(at), Name, amount AS \"euro\"");
    bench.table.changelog = false;
    bench.end = true;
    bench_take_over(&bench);
    bench_epoch(
        &bench,
        "+I|1|ada|1.5|2024-02-29 23:59:59.999999|\n+I|2|a/b c||1969-12-31 12:00:00|\n"
        "+I|3|''|1||\n+I|4|ada|1.50|2024-02-29 00:00:00|");
    CHECK_TEXT(
        keys_of(&bench),
        "at_date=1969-12-31/name=a%2Fb%20c/euro=__HIVE_DEFAULT_PARTITION__/"
        "bench-l1-t0-1-1-0.avro\n"
        "at_date=2024-02-29/name=ada/euro=1.50/bench-l1-t0-1-1-1.avro\n"
        "at_date=__HIVE_DEFAULT_PARTITION__/name=__HIVE_DEFAULT_PARTITION__/euro=1.00/"
        "bench-l1-t0-1-1-2.avro\n");
    weir_buf schema = {0};
    CHECK_OK(
        weir_store_get_one(bench.store, WEIR_STR("lake/_schema.avsc"), &schema, &bench.err),
        &bench.err);
    CHECK(memmem(schema.at, schema.len, "\"name\":\"name\"", 13) == NULL); /* in the path */
    CHECK(memmem(schema.at, schema.len, "\"name\":\"amount\"", 15) != NULL);
    CHECK(memmem(schema.at, schema.len, "\"name\":\"at\"", 11) != NULL);
    weir_buf_done(&schema);
    bench_stop(&bench);
}

static void bad_partitions_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"nothing", "no column 'nothing'"},
        {"hour(at)", "cannot be read at 'hour(at)'"},
        {"date(name)", "has no date"},
        {"date(at) AS at", "in the path and in the file"},
        {"amount AS id", "in the path and in the file"},
        {"name, name", "names 'name' twice"},
        {"name,", "cannot be read at ''"},
        {"name id", "cannot be read at 'id'"},
        {"amount AS \"a/b\"", "cannot be the name of a folder"},
        {"id, name, amount, at, note", "leaves no column"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sink_bench bench;
        char       options[256];
        (void)snprintf(options, sizeof options, "path=lake;partition_by=%s", cases[i].text);
        bench_start(&bench, "s3", options);
        CHECK(bench_try_take_over(&bench) != WEIR_OK);
        CHECK_SAYS(&bench.err, cases[i].says);
        bench_stop(&bench);
    }
}

static void a_path_that_is_too_long_is_a_refused_row(void **state)
{
    (void)state;
    sink_bench bench;
    weir_buf   text = {0};
    start(&bench, NO_ROLL ";partition_by=name");
    bench.end = true;
    bench.now.epoch = weir_arena_new("rows", 64 << 10);
    weir_refusals refusals = {.arena = bench.now.epoch};
    weir_buf_format(&text, "+I|1|a|||\n+I|2|%0196d|||\n+I|3|%0195d|||", 7, 7);
    weir_buf_byte(&text, '\0');
    weir_batch *rows = bench_rows(&bench, bench.now.epoch, text.at);
    CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 1);
    CHECK_INT(refusals.row[0].row, 1);
    CHECK_TEXT(refusals.row[0].code, "PATH");
    refusals.count = 0;
    CHECK_OK(bench_stage(&bench, rows, true), &bench.err);
    CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
    CHECK_INT(refusals.count, 0);
    weir_buf_done(&text);
    bench_stop(&bench);
}

static void dead_letters_are_a_file_an_epoch(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "s3", "path=lake");
    bench.table.changelog = false;
    bench.setup.dead_letter = true;
    bench_take_over(&bench);
    bench_epoch(&bench, TWO_ROWS);
    bench_epoch(&bench, "");
    bench_epoch(&bench, TWO_ROWS);
    CHECK_TEXT(keys_of(&bench), "1-1-0.avro\n1-3-0.avro\n");
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    CHECK_OK(bench.store->kind->list(bench.store, WEIR_STR("lake/_"), WEIR_STR(""), 10,
                                     bench.arena, &listed, &count, &bench.err),
             &bench.err);
    CHECK_INT(count, 0); /* no schema beside them */
    bench_stop(&bench);
}

static void another_schema_takes_no_old_rows(void **state)
{
    (void)state;
    sink_bench bench;
    start(&bench, NO_ROLL);
    bench_epoch(&bench, TWO_ROWS);
    bench_crash(&bench);
    bench.field[4].name = WEIR_STR("remark");
    bench_take_over(&bench);
    bench_epoch(&bench, TWO_ROWS); /* the file of the old schema goes out as it is */
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-2-2-0.avro\n");
    bench.end = true;
    bench_epoch(&bench, "");
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-2-2-0.avro\nbench-l1-t0-2-3-0.avro\n");
    weir_buf old = {0}, new = {0};
    CHECK_OK(weir_store_get_one(bench.store, WEIR_STR("lake/bench-l1-t0-2-2-0.avro"), &old,
                                &bench.err),
             &bench.err);
    CHECK_OK(weir_store_get_one(bench.store, WEIR_STR("lake/bench-l1-t0-2-3-0.avro"), &new,
                                &bench.err),
             &bench.err);
    CHECK(memmem(old.at, old.len, "\"note\"", 6) != NULL);
    CHECK(memmem(new.at, new.len, "\"remark\"", 8) != NULL);
    weir_buf_done(&old);
    weir_buf_done(&new);
    bench_stop(&bench);
}

/* What the store does to the file, and what must come of it. */
static faulty_act  act;
static uint32_t    acts;
static fake_clock *dozer; /* NULL, or who hears an hour later what became of its request */

static faulty_act act_on_files(void *self, const char *verb, const weir_object *object,
                               uint64_t call)
{
    (void)self, (void)call;
    bool file = object->key.len > 5 &&
                memcmp(object->key.at + object->key.len - 5, ".avro", 5) == 0;
    if (!file || strcmp(verb, "put_new") != 0 || acts == 0)
        return FAULTY_PASS;
    acts--;
    if (dozer != NULL)
        fake_clock_move(dozer, 3600000000LL);
    return act;
}

static void prepare_fault(sink_bench *bench, faulty_store *faulty, faulty_act what,
                          uint32_t times)
{
    bench_start(bench, "s3", "path=lake;roll.rows=1");
    bench->table.changelog = false;
    *faulty = faulty_store_new(bench->store, false);
    faulty->hook = act_on_files;
    bench->files = &faulty->base;
    act = what;
    acts = times;
    bench_take_over(bench);
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    CHECK_OK(
        bench_try_epoch(bench, bench_rows(bench, arena, "+I|1|ada|1||"), BENCH_COMMITTED),
        &bench->err);
    weir_arena_free(arena);
}

static void end_fault(sink_bench *bench, faulty_store *faulty)
{
    bench_stop(bench);
    faulty_store_done(faulty);
}

static void a_lost_answer_is_no_second_file(void **state)
{
    (void)state;
    static const faulty_act faults[] = {FAULTY_LOSE, FAULTY_DROP, FAULTY_BUSY, FAULTY_LATE};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sink_bench   bench;
        faulty_store faulty;
        prepare_fault(&bench, &faulty, faults[i], 2);
        weir_code rc;
        int       tries = 0;
        while ((rc = bench_finalise(&bench)) != WEIR_OK && tries++ < 10)
            CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
        CHECK_OK(rc, &bench.err);
        CHECK_OK(bench_finalise(&bench), &bench.err); /* once more does nothing */
        CHECK_TEXT(keys_of(&bench), "bench-l1-t0-1-1-0.avro\n");
        end_fault(&bench, &faulty);
    }
}

/* Its successor published the file, and an hour later a reader moved it. */
static void a_sleeper_does_not_bring_a_moved_file_back(void **state)
{
    (void)state;
    sink_bench   bench;
    faulty_store faulty;
    prepare_fault(&bench, &faulty, FAULTY_PASS, 0);
    bench_crash(&bench);
    bench_take_over(&bench);
    CHECK_TEXT(keys_of(&bench), "bench-l1-t0-1-1-0.avro\n");
    weir_object moved = {.key = WEIR_STR("lake/bench-l1-t0-1-1-0.avro")};
    CHECK_OK(bench.store->kind->remove(bench.store, &moved, 1, &bench.err), &bench.err);
    fake_clock_move(&bench.clock, 3600000000LL);
    bench_zombie *sleeper = &bench.zombie[0];
    CHECK_FAILS(bench.kind->finalise(sleeper->sink, &sleeper->id, &bench.err),
                WEIR_E_CONFLICT, &bench.err);
    CHECK_INT(bench.err.exit, WEIR_EXIT_FENCED);
    CHECK_TEXT(keys_of(&bench), "");
    end_fault(&bench, &faulty);
}

static void a_stranger_s_file_stops_the_job(void **state)
{
    (void)state;
    sink_bench   bench;
    faulty_store faulty;
    prepare_fault(&bench, &faulty, FAULTY_PASS, 0);
    CHECK_OK(weir_store_put_one(bench.store, WEIR_STR("lake/bench-l1-t0-1-1-0.avro"),
                                WEIR_STR("theirs"), &bench.err),
             &bench.err);
    CHECK(bench_finalise(&bench) != WEIR_OK);
    CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_PATH);
    CHECK_INT(bench.err.fate, WEIR_FATE_HALT);
    weir_buf body = {0};
    CHECK_OK(weir_store_get_one(bench.store, WEIR_STR("lake/bench-l1-t0-1-1-0.avro"), &body,
                                &bench.err),
             &bench.err);
    CHECK_STR(weir_buf_view(&body), "theirs");
    weir_buf_done(&body);
    end_fault(&bench, &faulty);
}

static void a_lasting_refusal_stops_the_job_after_ten_minutes(void **state)
{
    (void)state;
    sink_bench   bench;
    faulty_store faulty;
    prepare_fault(&bench, &faulty, FAULTY_REFUSE, UINT32_MAX);
    CHECK(bench_finalise(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    fake_clock_move(&bench.clock, 599000000);
    CHECK(bench_finalise(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    fake_clock_move(&bench.clock, 1000000);
    CHECK(bench_finalise(&bench) != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_HALT);
    CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_PATH);
    CHECK_SAYS(&bench.err, "lake/bench-l1-t0-1-1-0.avro");
    end_fault(&bench, &faulty);
}

/* Who slept since it asked does not know that it lasts; and may be somebody no more. */
static void a_refusal_that_was_slept_over_is_asked_for_again(void **state)
{
    (void)state;
    for (int in = 0; in < 2; in++) {
        sink_bench   bench;
        faulty_store faulty;
        prepare_fault(&bench, &faulty, FAULTY_REFUSE, 2);
        for (int request = 0; request < 2; request++) {
            dozer = request == in ? &bench.clock : NULL;
            CHECK(bench_finalise(&bench) != WEIR_OK);
            CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
        }
        dozer = NULL;
        CHECK_INT(acts, 0);
        CHECK_OK(bench_finalise(&bench), &bench.err);
        end_fault(&bench, &faulty);
    }
}

/* Each step of stored blocks: many epochs, small and large, then a takeover. */
static void open_files_are_taken_back_byte_for_byte(void **state)
{
    (void)state;
    weir_buf whole[2] = {0};
    for (int crash = 0; crash < 2; crash++) {
        sink_bench bench;
        weir_buf   text = {0};
        start(&bench, NO_ROLL ";codec=null");
        for (int epoch = 0; epoch < 45; epoch++) {
            weir_buf_clear(&text);
            for (int i = 0; i < (epoch % 9 == 8 ? 700 : 3); i++)
                weir_buf_format(&text, "+I|%d|%0100d|1||\n", i, i * epoch);
            weir_buf_byte(&text, '\0');
            if (crash == 1 && epoch % 7 == 6) {
                bench_crash(&bench);
                bench_take_over(&bench);
            }
            bench_epoch(&bench, text.at);
        }
        CHECK_TEXT(keys_of(&bench), "");
        bench.end = true;
        bench_epoch(&bench, "");
        char key[100];
        (void)snprintf(key, sizeof key, "lake/%.*s", (int)strcspn(keys_of(&bench), "\n"),
                       keys_of(&bench));
        CHECK_OK(
            weir_store_get_one(bench.store, weir_str_of(key), &whole[crash], &bench.err),
            &bench.err);
        weir_buf_done(&text);
        bench_stop(&bench);
    }
    CHECK_INT(whole[0].len, whole[1].len); /* the sync markers and the token differ */
    CHECK(whole[0].len > 300000);
    weir_buf_done(&whole[0]);
    weir_buf_done(&whole[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_stay_until_a_file_rolls),
        TEST(files_roll_by_size),
        TEST(files_roll_by_age_of_the_watermark),
        TEST(files_roll_when_idle),
        TEST(the_largest_rolls_when_memory_is_short),
        TEST(partitions_are_folders),
        TEST(bad_partitions_are_refused),
        TEST(a_path_that_is_too_long_is_a_refused_row),
        TEST(dead_letters_are_a_file_an_epoch),
        TEST(another_schema_takes_no_old_rows),
        TEST(a_lost_answer_is_no_second_file),
        TEST(a_sleeper_does_not_bring_a_moved_file_back),
        TEST(a_stranger_s_file_stops_the_job),
        TEST(a_lasting_refusal_stops_the_job_after_ten_minutes),
        TEST(a_refusal_that_was_slept_over_is_asked_for_again),
        TEST(open_files_are_taken_back_byte_for_byte),
    };
    return RUN_TESTS(tests);
}
