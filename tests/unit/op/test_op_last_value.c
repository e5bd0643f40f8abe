/* tests: last-value tables: old rows out of state, against a plain array, with restarts, and
 * damaged bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <pthread.h>

#include "weir/op.h"
#include "weir/option.h"

#define IDS 50
#define COLUMNS 4 /* id, name, amount, unneeded */

typedef struct last_bench {
    weir_arena *arena;
    weir_plan  *plan;
    weir_ops   *ops;
    weir_budget budget;
    weir_err    err;
} last_bench;

static const weir_option fixture_options[] = {
    {.name = "old_row", .type = WEIR_OPT_TEXT, .help = "."},
    {.name = NULL},
};
static const weir_catalog_kind changelog = {.name = "changes", .changelog = true};

static weir_plan *make_plan(weir_arena *arena)
{
    static bool                    needed[COLUMNS] = {false, true, true, false};
    static uint32_t                key[1] = {0};
    const weir_option *const       tables[3] = {fixture_options, NULL, NULL};
    const weir_setting             setting = {.name = WEIR_STR("old_row"),
                                              .value = WEIR_STR("state"),
                                              .name_at = -1, .value_at = -1};
    weir_err   err;
    weir_opts *opts = NULL;
    weir_plan *plan = WEIR_NEW(arena, weir_plan);
    plan->table = WEIR_ARRAY(arena, weir_table, 1);
    plan->tables = 1;
    weir_table *table = &plan->table[0];
    *table = (weir_table){.name = WEIR_STR("orders"), .source = true, .keys = 1, .key = key,
                          .needed = needed, .format = &changelog};
    CHECK_OK(weir_opts_read(tables, &setting, 1, arena, &opts, &err), &err);
    table->opts = opts;
    table->schema.count = COLUMNS;
    table->schema.field = WEIR_ARRAY(arena, weir_field, COLUMNS);
    const weir_type type[] = {weir_type_of(WEIR_T_INT64), weir_type_of(WEIR_T_TEXT),
                              weir_type_of(WEIR_T_NUMERIC), weir_type_of(WEIR_T_TEXT)};
    for (uint32_t c = 0; c < COLUMNS; c++)
        table->schema.field[c] = (weir_field){.name = WEIR_STR("c"), .type = type[c]};
    plan->node = WEIR_ARRAY(arena, weir_node, 1);
    plan->node[plan->nodes++] = (weir_node){.kind = WEIR_NODE_SCAN, .input = WEIR_NONE,
                                            .schema = table->schema};
    return plan;
}

static void new_ops(last_bench *bench)
{
    CHECK_OK(weir_ops_new(bench->plan, 2, &bench->budget, &bench->ops, &bench->err),
             &bench->err);
}

static void bench_start(last_bench *bench)
{
    *bench = (last_bench){.arena = weir_arena_new("test", 1 << 16)};
    bench->budget.limit = 64u << 20;
    bench->plan = make_plan(bench->arena);
    new_ops(bench);
}

static void bench_stop(last_bench *bench)
{
    weir_ops_free(bench->ops);
    CHECK_INT(bench->budget.used, 0);
    weir_arena_free(bench->arena);
}

typedef struct last_image {
    int64_t id;
    int32_t amount; /* 0: NULL */
    bool    delete;
    char    name[40];
} last_image;

static weir_batch *batch_of(weir_arena *arena, const weir_plan *plan, const last_image *image,
                            uint32_t count)
{
    weir_builder builder[COLUMNS];
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_column *column = WEIR_ARRAY(arena, weir_column, COLUMNS);
    uint8_t     *op = WEIR_ARRAY(arena, uint8_t, count + 1);
    for (uint32_t c = 0; c < COLUMNS; c++)
        weir_builder_start(&builder[c], arena, plan->table[0].schema.field[c].type, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_builder_i64(&builder[0], image[i].id);
        op[i] = image[i].delete ? WEIR_ROW_DELETE : WEIR_ROW_UPDATE_NEW;
        if (image[i].delete || image[i].amount == 0)
            weir_builder_null(&builder[2]);
        else
            weir_builder_i128(&builder[2], image[i].amount, (uint8_t)(image[i].amount % 5));
        if (image[i].delete)
            weir_builder_null(&builder[1]);
        else
            weir_builder_text(&builder[1], weir_str_of(image[i].name));
        weir_builder_text(&builder[3], WEIR_STR("not kept"));
    }
    for (uint32_t c = 0; c < COLUMNS; c++)
        column[c] = weir_builder_end(&builder[c]);
    *batch = (weir_batch){.rows = count, .selected = count, .columns = COLUMNS,
                          .column = column, .op = op};
    return batch;
}

static void check_row(const weir_batch *rows, uint32_t row, weir_row_op op,
                      const last_image *want)
{
    CHECK(row < rows->rows);
    CHECK_INT(rows->op[row], op);
    weir_datum id = weir_column_get(&rows->column[0], row);
    weir_datum amount = weir_column_get(&rows->column[2], row);
    CHECK_INT(id.i64, want->id);
    CHECK_STR(weir_column_text(&rows->column[1], row), want->name);
    CHECK_INT(amount.null, want->amount == 0);
    CHECK_INT(amount.null ? 0 : (int64_t)amount.i128, want->amount);
    if (!amount.null)
        CHECK_INT(amount.scale, want->amount % 5);
    CHECK(!weir_column_has(&rows->column[3], row));
}

static uint64_t random_state = 88172645463325252u;
static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

static last_image random_image(void)
{
    last_image out = {.id = below(IDS), .amount = (int32_t)below(100),
                      .delete = below(4) == 0};
    snprintf(out.name, sizeof(out.name), "%.*s-%u", (int)below(20), "a name that is long",
             below(100));
    return out;
}

/* Some images through the table and through the array. */
static void check_images(last_bench *bench, last_image *now, uint32_t count)
{
    weir_arena *arena = weir_arena_new("images", 1 << 14);
    weir_batch *rows;
    uint32_t   *from, row = 0;
    last_image *image = WEIR_ARRAY(arena, last_image, count + 1);
    for (uint32_t i = 0; i < count; i++)
        image[i] = random_image();
    const weir_batch *batch = batch_of(arena, bench->plan, image, count);
    CHECK_OK(weir_ops_last_value(bench->ops, 0, batch, arena, &rows, &from, &bench->err),
             &bench->err);
    for (uint32_t i = 0; i < count; i++) {
        last_image *last = &now[image[i].id];
        bool        there = last->id >= 0;
        uint32_t    first = row;
        if (there)
            check_row(rows, row++, image[i].delete ? WEIR_ROW_DELETE : WEIR_ROW_UPDATE_OLD,
                      last);
        if (!image[i].delete)
            check_row(rows, row++, there ? WEIR_ROW_UPDATE_NEW : WEIR_ROW_INSERT, &image[i]);
        for (; first < row; first++)
            CHECK_INT(from[first], i);
        *last = image[i];
        if (image[i].delete)
            last->id = -1;
    }
    CHECK_INT(rows->rows, row);
    weir_arena_free(arena);
}

static void old_rows_are_those_of_an_array(void **state)
{
    (void)state;
    last_bench bench;
    last_image now[IDS];
    weir_buf   full[WEIR_SLICES] = {{0}}, delta[WEIR_SLICES] = {{0}};
    for (uint32_t i = 0; i < IDS; i++)
        now[i] = (last_image){.id = -1};
    bench_start(&bench);
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 5; i++)
            check_images(&bench, now, below(40));
        bool whole = round % 2 == 0;
        for (uint32_t s = 0; s < WEIR_SLICES; s++) {
            weir_buf_clear(whole ? &full[s] : &delta[s]);
            weir_ops_save(bench.ops, s, whole, whole ? &full[s] : &delta[s]);
        }
        if (whole)
            continue;
        weir_ops_free(bench.ops);
        CHECK_INT(bench.budget.used, 0);
        new_ops(&bench);
        for (uint32_t s = 0; s < WEIR_SLICES; s++) {
            CHECK_OK(weir_ops_load(bench.ops, s, true, weir_buf_view(&full[s]), &bench.err),
                     &bench.err);
            CHECK_OK(weir_ops_load(bench.ops, s, false, weir_buf_view(&delta[s]), &bench.err),
                     &bench.err);
        }
    }
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        weir_buf_done(&full[s]);
        weir_buf_done(&delta[s]);
    }
    bench_stop(&bench);
}

static void last_values_over_the_budget_are_refused_whole(void **state)
{
    (void)state;
    last_bench  bench;
    weir_batch *rows;
    uint32_t   *from;
    bench_start(&bench);
    last_image image[2] = {random_image(), random_image()};
    image[0].delete = image[1].delete = false;
    const weir_batch *batch = batch_of(bench.arena, bench.plan, image, 2);
    bench.budget.limit = 100;
    CHECK_FAILS(weir_ops_last_value(bench.ops, 0, batch, bench.arena, &rows, &from, &bench.err),
                WEIR_E_LIMIT, &bench.err);
    CHECK_HINTS(&bench.err, "memory.limit");
    CHECK_INT(bench.budget.used, 0);
    bench.budget.limit = 1 << 20;
    CHECK_OK(weir_ops_last_value(bench.ops, 0, batch, bench.arena, &rows, &from, &bench.err),
             &bench.err);
    CHECK_INT(rows->op[0], WEIR_ROW_INSERT);
    bench_stop(&bench);
}

static void damaged_last_values_are_refused_or_harmless(void **state)
{
    (void)state;
    last_bench bench;
    last_image now[IDS];
    weir_buf   full = {0};
    for (uint32_t i = 0; i < IDS; i++)
        now[i] = (last_image){.id = -1};
    bench_start(&bench);
    check_images(&bench, now, 40);
    uint32_t slice = 0;
    for (; full.len < 100; slice++) {
        weir_buf_clear(&full);
        weir_ops_save(bench.ops, slice, true, &full);
    }
    slice--;
    for (size_t i = 0; i < full.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            full.at[i] = (char)(full.at[i] ^ 1 << bit);
            weir_code rc = weir_ops_load(bench.ops, slice, true, weir_buf_view(&full),
                                         &bench.err);
            CHECK(rc == WEIR_OK || rc == WEIR_E_CORRUPT);
            full.at[i] = (char)(full.at[i] ^ 1 << bit);
        }
    for (size_t len = 0; len < full.len; len++)
        CHECK_FAILS(weir_ops_load(bench.ops, slice, true, (weir_str){full.at, len}, &bench.err),
                    WEIR_E_CORRUPT, &bench.err);
    weir_buf_done(&full);
    bench_stop(&bench);
}

typedef struct lane_work {
    last_bench *bench;
    int64_t     first_id;
    uint32_t    inserts, updates;
} lane_work;

static void *run_lane(void *thing)
{
    lane_work *work = thing;
    for (int round = 0; round < 200; round++) {
        weir_arena *arena = weir_arena_new("lane", 1 << 14);
        weir_batch *rows;
        uint32_t   *from;
        weir_err    err;
        last_image  image[20];
        for (int i = 0; i < 20; i++)
            image[i] = (last_image){.id = work->first_id + i, .amount = round, .name = "x"};
        const weir_batch *batch = batch_of(arena, work->bench->plan, image, 20);
        if (weir_ops_last_value(work->bench->ops, 0, batch, arena, &rows, &from, &err) ==
            WEIR_OK)
            for (uint32_t r = 0; r < rows->rows; r++) {
                work->inserts += rows->op[r] == WEIR_ROW_INSERT;
                work->updates += rows->op[r] == WEIR_ROW_UPDATE_NEW;
            }
        weir_arena_free(arena);
    }
    return NULL;
}

static void lanes_may_ask_at_the_same_time(void **state)
{
    (void)state;
    last_bench bench;
    pthread_t  thread[2];
    bench_start(&bench);
    lane_work work[2] = {{.bench = &bench}, {.bench = &bench, .first_id = 1000}};
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, run_lane, &work[i]), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(pthread_join(thread[i], NULL), 0);
        CHECK_INT(work[i].inserts, 20);
        CHECK_INT(work[i].updates, 20 * 199);
    }
    bench_stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(old_rows_are_those_of_an_array),
        TEST(last_values_over_the_budget_are_refused_whole),
        TEST(damaged_last_values_are_refused_or_harmless),
        TEST(lanes_may_ask_at_the_same_time),
    };
    return RUN_TESTS(tests);
}
