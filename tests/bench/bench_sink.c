/* bench_sink: rows a second into each kind of sink, one connection, epochs of 100,000 rows.
 *
 *     bench_sink sqlite | s3 | print | mysql URL     [epochs]
 *
 * SQL sinks: 1,000,000 keys that are there after the first ten epochs; then every row is an
 * update. Prints stage, execute and commit apart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <time.h>

#include "capture.h"
#include "check.h"
#include "sink_bench.h"

#define EPOCH_ROWS 100000u
#define KEYS 1000000u

static double seconds(void)
{
    weir_clock *clock = weir_clock_system();
    return (double)clock->mono_us(clock) / 1e6;
}

static double cpu_seconds(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* Keys in an order that is not the table's. */
static weir_batch *make_batch(sink_bench *bench, weir_arena *arena, uint64_t first,
                              uint32_t rows)
{
    weir_builder builder[5];
    weir_column *column = WEIR_ARRAY(arena, weir_column, 5);
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    char         text[32];
    for (uint32_t c = 0; c < 5; c++)
        weir_builder_start(&builder[c], arena, bench->field[c].type, rows);
    for (uint32_t r = 0; r < rows; r++) {
        uint64_t number = first + r, key = number * 7919 % KEYS;
        int len = snprintf(text, sizeof text, "customer-%06u", (unsigned)(key % 50000));
        weir_builder_i64(&builder[0], (int64_t)key);
        weir_builder_text(&builder[1], (weir_str){text, (size_t)len});
        weir_builder_i128(&builder[2], (weir_i128)number, 2);
        weir_builder_i64(&builder[3], 1704067200000000LL + (int64_t)key * 1000000);
        if (r % 10 == 0)
            weir_builder_null(&builder[4]);
        else
            weir_builder_text(&builder[4], WEIR_STR("PAID"));
    }
    for (uint32_t c = 0; c < 5; c++)
        column[c] = weir_builder_end(&builder[c]);
    *batch = (weir_batch){.rows = rows, .columns = 5, .column = column, .selected = rows};
    return batch;
}

static weir_sink_rows make_epoch(sink_bench *bench, weir_arena *arena, uint64_t epoch)
{
    uint32_t     count = (EPOCH_ROWS + WEIR_BATCH_ROWS - 1) / WEIR_BATCH_ROWS;
    weir_batch **batch = WEIR_ARRAY(arena, weir_batch *, count);
    for (uint32_t b = 0; b < count; b++) {
        uint32_t done = b * WEIR_BATCH_ROWS, rows = EPOCH_ROWS - done;
        batch[b] = make_batch(bench, arena, epoch * EPOCH_ROWS + done,
                              rows < WEIR_BATCH_ROWS ? rows : WEIR_BATCH_ROWS);
    }
    return (weir_sink_rows){.batches = count, .batch = batch};
}

typedef struct spent {
    double stage, execute, commit, cpu;
} spent;

static void run_epoch(sink_bench *bench, weir_arena *arena, spent *sum)
{
    weir_sink_rows rows = make_epoch(bench, arena, bench->last);
    bench_zombie  *now = &bench->now;
    weir_buf       payload = {0};
    now->stage = weir_checkpoint_stage(now->checkpoint, bench->last + 1);
    weir_stage_input input = {.gen = weir_checkpoint_generation(now->checkpoint),
                              .epoch = bench->last + 1,
                              .watermark_us = INT64_MIN,
                              .rows = &rows,
                              .count = 1,
                              .stage = now->stage};
    double           cpu = cpu_seconds(), start = seconds();
    CHECK_OK(bench->kind->stage(now->sink, &input, &payload, &bench->err), &bench->err);
    double staged = seconds();
    weir_stage_section(now->stage, bench->section, weir_buf_view(&payload));
    weir_buf_done(&payload);
    now->id = (weir_commit_id){.gen = input.gen, .epoch = input.epoch};
    if (bench->last > 0)
        now->id.prev_sha = bench->sha[bench->last];
    CHECK_OK(weir_stage_build(now->stage, &now->id.sha, &bench->err), &bench->err);
    weir_refusals refusals = {.arena = arena};
    double        before = seconds();
    CHECK_OK(bench_execute(bench, &refusals), &bench->err);
    CHECK_INT(refusals.count, 0);
    double executed = seconds();
    CHECK_OK(bench_put(bench), &bench->err);
    double put = seconds();
    CHECK_OK(bench_commit(bench), &bench->err);
    CHECK_OK(bench_finalise(bench), &bench->err);
    sum->stage += staged - start;
    sum->execute += executed - before;
    sum->commit += seconds() - put;
    sum->cpu += cpu_seconds() - cpu;
    weir_stage_free(now->stage);
    now->stage = NULL;
}

static void show(const char *what, const spent *sum, uint32_t epochs)
{
    double total = sum->stage + sum->execute + sum->commit, rows = epochs * EPOCH_ROWS;
    (void)fprintf(
        stderr,
        "%-8s %8.0f rows/s; a row: stage %.2f us, execute %.2f, commit %.2f; client "
        "cpu %.2f\n",
        what, rows / total, sum->stage / rows * 1e6, sum->execute / rows * 1e6,
        sum->commit / rows * 1e6, sum->cpu / rows * 1e6);
}

int main(int argc, char **argv)
{
    sink_bench  bench;
    char        options[600];
    const char *kind = argc > 1 ? argv[1] : "sqlite";
    bool        mysql = strcmp(kind, "mysql") == 0;
    uint32_t epochs = argc > 2 + mysql ? (uint32_t)strtoul(argv[2 + mysql], NULL, 10) : 10;
    char    *folder = capture_folder();
    if (mysql)
        (void)snprintf(options, sizeof options, "url=%s;create=true;table=bench_speed",
                       argc > 2 ? argv[2] : "");
    else if (strcmp(kind, "sqlite") == 0)
        (void)snprintf(options, sizeof options, "url=sqlite:%s/x.sqlite", folder);
    else
        (void)snprintf(options, sizeof options, "%s",
                       strcmp(kind, "s3") == 0 ? getenv("BENCH_OPTIONS") != NULL
                                                     ? getenv("BENCH_OPTIONS")
                                                     : "path=lake"
                                               : "");
    bench_start(&bench, kind, options);
    bench.table.changelog = false;
    /* The memory store's names are free, but a server has seen earlier runs. */
    bench.setup.lineage = (uint32_t)(seconds() * 100);
    bench_take_over(&bench);
    spent first = {0}, then = {0};
    for (uint32_t e = 0; e < epochs * 2; e++) {
        weir_arena *arena = weir_arena_new("rows", 1 << 20);
        run_epoch(&bench, arena, e < epochs ? &first : &then);
        weir_arena_free(arena);
    }
    show("inserts", &first, epochs);
    show("updates", &then, epochs);
    bench_stop(&bench);
    capture_folder_gone(folder);
    return 0;
}
