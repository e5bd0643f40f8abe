/* How much a start reads of the state and an epoch writes whole of it, over epochs with the
 * operators themselves: what they count of a copy is far off what it takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"
#include "engine_parts.h"

#define EVENTS                                                                             \
    "CREATE TABLE events (who text, n bigint) WITH (connector = 'script', "                \
    "topic = 'events', format = 'json');\n"
#define KEEP "WITH (connector = 'keep');\nINSERT INTO totals "
#define SUM                                                                                \
    EVENTS "CREATE TABLE totals (who text PRIMARY KEY, n numeric(38,0)) " KEEP             \
           "SELECT who, sum(n) FROM events GROUP BY who;"
#define COUNT                                                                              \
    EVENTS "CREATE TABLE totals (who text PRIMARY KEY, n bigint) " KEEP                    \
           "SELECT who, count(n) FROM events GROUP BY who;"
#define DISTINCT                                                                           \
    EVENTS "CREATE TABLE totals (who text PRIMARY KEY, n bigint) " KEEP                    \
           "SELECT who, count(DISTINCT n) FROM events GROUP BY who;"
#define MARGIN (64u * 4096u) /* that deltas are not worth, of all slices */

typedef struct bench {
    engine_bed        bed;
    weir_engine_setup setup;
    engine_job        engine;
    int64_t           closed[1];
    uint64_t          number, deltas, copies, most, reads, truth; /* in bytes */
    weir_err          err;
} bench;

static void start(bench *b, const char *sql)
{
    memset(b, 0, sizeof *b);
    engine_bed_open(&b->bed);
    b->setup.clock = weir_clock_system();
    b->setup.stop = &b->bed.stop;
    b->engine.setup = &b->setup;
    b->engine.clock = b->setup.clock;
    b->engine.budget.limit = 1 << 30;
    b->closed[0] = INT64_MIN;
    b->engine.plan = engine_bed_plan(&b->bed, sql);
    CHECK_OK(weir_ops_new(b->engine.plan, 1, &b->engine.budget, &b->engine.ops, &b->err),
             &b->err);
}

static void stop(bench *b)
{
    weir_ops_free(b->engine.ops);
    engine_bed_close(&b->bed);
}

/* Rows from..from+count-1: key i in turns of `keys`, the value i. */
static void push(bench *b, uint32_t from, uint32_t count, uint32_t keys)
{
    weir_arena      *arena = weir_arena_new("rows", 1 << 20);
    weir_builder     who, n;
    weir_row_errors  errors = {.arena = arena};
    weir_push_counts counts = {.late = 0};
    int64_t         *watermark = WEIR_ARRAY(arena, int64_t, count + 1);
    uint32_t        *partner = WEIR_ARRAY(arena, uint32_t, count + 1);
    weir_builder_start(&who, arena, (weir_type){.id = WEIR_T_TEXT}, count);
    weir_builder_start(&n, arena, (weir_type){.id = WEIR_T_INT64}, count);
    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        int  len = snprintf(text, sizeof text, "key-%09u", (from + i) % keys);
        weir_builder_text(&who, (weir_str){text, (size_t)len});
        weir_builder_i64(&n, from + i);
        watermark[i] = INT64_MIN;
        partner[i] = WEIR_NONE;
    }
    weir_column column[] = {weir_builder_end(&who), weir_builder_end(&n)};
    weir_batch  batch = {.rows = count, .columns = 2, .column = column, .selected = count};
    weir_rows   rows = {.batch = &batch, .watermark = watermark, .partner = partner,
                        .closed_us = INT64_MIN};
    CHECK_OK(weir_ops_push(b->engine.ops, 0, &rows, &errors, &counts, &b->err), &b->err);
    CHECK_INT(errors.count, 0);
    weir_arena_free(arena);
}

static void cut(bench *b, engine_epoch *epoch, weir_arena *arena)
{
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        weir_emission emission;
        weir_emission_start(b->engine.ops, arena, &emission);
        CHECK_OK(weir_ops_merge(b->engine.ops, i, &b->err), &b->err);
        CHECK_OK(weir_ops_emit(b->engine.ops, i, b->closed, &emission, &b->err), &b->err);
        engine_slices_save(&b->engine, epoch, i);
    }
    weir_ops_next(b->engine.ops);
    weir_ops_recycle(b->engine.ops);
}

/* What a full copy of all takes, in truth. */
static uint64_t measured(bench *b)
{
    uint64_t sum = 0;
    weir_buf copy = {0};
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        weir_buf_clear(&copy);
        weir_ops_save(b->engine.ops, i, true, &copy);
        sum += copy.len;
    }
    weir_buf_done(&copy);
    return sum;
}

static void keep(bench *b, engine_epoch *epoch)
{
    uint64_t whole = 0;
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        size_t len = epoch->slice_bytes[i].len;
        epoch->slice_ref[i].length = len / 3 + 1; /* as if it were compressed */
        epoch->slice_ref[i].expanded = len;
        whole += epoch->slice_full[i] ? len : 0;
        b->deltas += epoch->slice_full[i] ? 0 : len;
    }
    b->copies += whole;
    b->most = whole > b->most ? whole : b->most;
    engine_slices_keep(&b->engine, epoch);
    b->reads = 0;
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        const engine_slice *slice = &b->engine.slice[i];
        b->reads += slice->full.expanded + slice->delta_bytes;
    }
    if (b->number % 4 == 1) /* it takes a while, and changes little */
        b->truth = measured(b);
}

static void run_epoch(bench *b)
{
    engine_epoch *epoch = weir_heap_new(1, sizeof *epoch);
    weir_arena   *arena = weir_arena_new("emitted", 1 << 20);
    epoch->number = ++b->number;
    engine_slices_choose(&b->engine, epoch, false);
    cut(b, epoch, arena);
    keep(b, epoch);
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        weir_buf_done(&epoch->slice_bytes[i]);
    weir_arena_free(arena);
    weir_heap_free(epoch);
}

typedef struct mix {
    const char *sql;
    uint32_t    keys, rows;     /* of an epoch */
    uint32_t    reads, copies; /* most per hundred of the state, and of deltas */
} mix;

static void expect_bounded(const mix *of)
{
    bench    b;
    uint32_t from = of->keys, checked = 0;
    bool     settled = false; /* before the first copies what is counted is a guess */
    start(&b, of->sql);
    push(&b, 0, of->keys, of->keys);
    run_epoch(&b);
    for (uint32_t epochs = 0; epochs < 100; epochs++) {
        push(&b, from, of->rows, of->keys);
        from += of->rows;
        run_epoch(&b);
        settled |= b.copies > b.truth / 2;
        if (settled)
            CHECK(b.reads <= b.truth * of->reads / 100 + MARGIN);
        checked += settled;
        CHECK(b.reads <= 4 * b.truth);
        CHECK(b.most <= b.truth * 2 / 5); /* a quarter of what was counted a while ago */
    }
    CHECK(checked >= 20);
    CHECK(b.copies <= b.deltas * of->copies / 100);
    stop(&b);
}

static void start_reads_one_and_a_half_times_whatever_is_kept(void **state)
{
    static const mix mixes[] = {
        {SUM, 40000, 4000, 160, 160}, {COUNT, 40000, 4000, 160, 160},
        {SUM, 40000, 400, 160, 100},   {DISTINCT, 20000, 2000, 160, 200},
        {SUM, 10000, 10000, 280, 60},
    };
    (void)state;
    for (size_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        expect_bounded(&mixes[i]);
}

static void state_that_only_grows_is_not_written_whole(void **state)
{
    (void)state;
    bench b;
    start(&b, SUM);
    for (uint32_t from = 0; from < 60000; from += 3000) {
        push(&b, from, 3000, UINT32_MAX);
        run_epoch(&b);
        CHECK_U64(b.copies, 0);
    }
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_reads_one_and_a_half_times_whatever_is_kept),
        TEST(state_that_only_grows_is_not_written_whole),
    };
    return RUN_TESTS(tests);
}
