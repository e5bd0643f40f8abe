/* Folding: the last row of a key decides, keys come in order, refused keys stay away.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "check.h"
#include "keyed/keyed.h"

typedef struct fold_bench {
    keyed_sink  sink;
    keyed_table table;
    keyed_rule  rules[3];
    keyed_rule *rule;
    uint32_t    key[2];
    weir_field  field[3];
} fold_bench;

static void start(fold_bench *bench, uint8_t first_type)
{
    *bench = (fold_bench){0};
    bench->field[0] = (weir_field){WEIR_STR("k"), {.id = first_type}, true};
    if (first_type == WEIR_T_NUMERIC)
        bench->field[0].type =
            (weir_type){.id = WEIR_T_NUMERIC, .precision = 38, .scale = 2};
    bench->field[1] = (weir_field){WEIR_STR("t"), {.id = WEIR_T_TEXT}, true};
    bench->field[2] = (weir_field){WEIR_STR("v"), {.id = WEIR_T_FLOAT64}, false};
    bench->key[1] = 1;
    bench->table = (keyed_table){WEIR_STR("t"), {3, bench->field}, 2, bench->key};
    bench->rule = bench->rules;
    bench->sink.tables = 1;
    bench->sink.table = &bench->table;
    bench->sink.rule = &bench->rule;
    bench->sink.epoch = weir_arena_new("fold", 1 << 16);
    bench->sink.refused_arena = weir_arena_new("refused", 1 << 12);
    bench->sink.early.arena = bench->sink.epoch;
    bench->sink.rows = (keyed_epoch){.tables = 1, .table = &bench->table};
}

static void stop(fold_bench *bench)
{
    weir_heap_free(bench->sink.refused);
    weir_arena_free(bench->sink.epoch);
    weir_arena_free(bench->sink.refused_arena);
}

typedef struct row {
    uint8_t     op;
    int64_t     k;
    const char *t;
    double      v;
} row;

static void fold(fold_bench *bench, const row *rows, uint32_t count)
{
    weir_builder builder[3];
    weir_column  column[3];
    uint8_t      op[WEIR_BATCH_ROWS];
    for (uint32_t c = 0; c < 3; c++)
        weir_builder_start(&builder[c], bench->sink.epoch, bench->field[c].type, count);
    for (uint32_t r = 0; r < count; r++) {
        if (bench->field[0].type.id == WEIR_T_NUMERIC)
            weir_builder_i128(&builder[0], rows[r].k, 2);
        else
            weir_builder_i64(&builder[0], rows[r].k);
        if (rows[r].t == NULL)
            weir_builder_null(&builder[1]);
        else
            weir_builder_text(&builder[1], weir_str_of(rows[r].t));
        weir_builder_f64(&builder[2], rows[r].v);
        op[r] = rows[r].op;
    }
    for (uint32_t c = 0; c < 3; c++)
        column[c] = weir_builder_end(&builder[c]);
    weir_batch batch = {
        .rows = count, .columns = 3, .column = column, .selected = count, .op = op};
    weir_batch      *at = &batch;
    weir_sink_rows   of_table = {.batches = 1, .batch = &at};
    weir_stage_input input = {.rows = &of_table, .count = 1};
    keyed_fold(&bench->sink, &input);
}

/* "-2/b 3/a=1" : removals, then upserts with their values. */
static const char *folded(const fold_bench *bench, char *out, size_t room)
{
    size_t len = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < bench->sink.rows.chunks; i++) {
        const keyed_chunk *chunk = &bench->sink.rows.chunk[i];
        for (uint32_t r = 0; r < chunk->rows->rows; r++) {
            weir_datum k = weir_column_get(&chunk->rows->column[0], r);
            weir_str   t = weir_column_text(&chunk->rows->column[1], r);
            len += (size_t)snprintf(
                out + len, room - len, "%s%s%" PRId64 "/%.*s", len > 0 ? " " : "",
                chunk->remove ? "-" : "",
                bench->field[0].type.id == WEIR_T_NUMERIC ? (int64_t)k.i128 : k.i64,
                WEIR_STR_FMT(t));
            if (!chunk->remove)
                len += (size_t)snprintf(out + len, room - len, "=%g",
                                        weir_column_get(&chunk->rows->column[2], r).f64);
        }
    }
    return out;
}

enum {
    I = WEIR_ROW_INSERT,
    O = WEIR_ROW_UPDATE_OLD,
    N = WEIR_ROW_UPDATE_NEW,
    D = WEIR_ROW_DELETE
};

static void the_last_row_of_a_key_decides(void **state)
{
    (void)state;
    fold_bench bench;
    char       text[512];
    start(&bench, WEIR_T_INT64);
    const row rows[] = {
        {I, 5, "a", 1}, {I, 3, "b", 2}, {O, 5, "a", 1}, {N, 5, "a", 9},
        {D, 3, "b", 2}, {I, -1, "", 3}, {D, 7, "x", 0}, {I, 7, "x", 4},
        {I, 8, "y", 5}, {O, 8, "y", 5}, {N, 9, "y", 5},
    };
    fold(&bench, rows, sizeof rows / sizeof rows[0]);
    CHECK_TEXT(folded(&bench, text, sizeof text), "-3/b -8/y -1/=3 5/a=9 7/x=4 9/y=5");
    stop(&bench);
}

static void keys_rise_as_the_server_orders_them(void **state)
{
    (void)state;
    static const uint8_t types[] = {WEIR_T_INT64, WEIR_T_TIMESTAMPTZ, WEIR_T_NUMERIC};
    char                 text[512];
    for (size_t i = 0; i < sizeof types; i++) {
        fold_bench bench;
        start(&bench, types[i]);
        const row rows[] = {{I, 0, "b", 0},         {I, INT64_MAX, "", 0}, {I, 0, "a\1", 0},
                            {I, INT64_MIN, "z", 0}, {I, 0, "a", 0},        {I, -1, "ü", 0},
                            {I, -1, "u", 0},        {I, 0, "", 0}};
        fold(&bench, rows, sizeof rows / sizeof rows[0]);
        CHECK_TEXT(folded(&bench, text, sizeof text),
                   "-9223372036854775808/z=0 -1/u=0 -1/ü=0 0/=0 0/a=0 0/a\1=0 0/b=0 "
                   "9223372036854775807/=0");
        stop(&bench);
    }
}

static void texts_do_not_run_into_each_other(void **state)
{
    (void)state;
    fold_bench bench;
    start(&bench, WEIR_T_TEXT);
    weir_builder          builder[2];
    weir_column           column[2];
    static const weir_str cells[3][2] = {
        {{"a\0b", 3}, {"c", 1}}, {{"a", 1}, {"b\0c", 3}}, {{"a", 1}, {"\0b\0c", 4}}};
    weir_buf bytes[3] = {0};
    for (uint32_t c = 0; c < 2; c++) {
        weir_builder_start(&builder[c], bench.sink.epoch, weir_type_of(WEIR_T_TEXT), 3);
        for (uint32_t r = 0; r < 3; r++)
            weir_builder_text(&builder[c], cells[r][c]);
        column[c] = weir_builder_end(&builder[c]);
    }
    weir_batch batch = {.rows = 3, .columns = 2, .column = column, .selected = 3};
    for (uint32_t r = 0; r < 3; r++)
        keyed_key_bytes(&bytes[r], &batch, r, 2, NULL);
    CHECK(!weir_str_eq(weir_buf_view(&bytes[0]), weir_buf_view(&bytes[1])));
    CHECK(!weir_str_eq(weir_buf_view(&bytes[1]), weir_buf_view(&bytes[2])));
    CHECK(!weir_str_eq(weir_buf_view(&bytes[0]), weir_buf_view(&bytes[2])));
    for (uint32_t r = 0; r < 3; r++)
        weir_buf_done(&bytes[r]);
    stop(&bench);
}

static void rows_that_no_table_can_hold_are_refused(void **state)
{
    (void)state;
    fold_bench bench;
    char       text[512];
    start(&bench, WEIR_T_INT64);
    bench.rules[1] = (keyed_rule){.bytes_max = 3, .no_blank_end = true};
    const row rows[] = {{I, 1, NULL, 0},       {I, 2, "long", 0}, {I, 3, "b ", 0},
                        {I, 4, "a", NAN},      {I, 5, "a", NAN},  {N, 5, "a", 1},
                        {I, 6, "a", INFINITY}, {D, 6, "a", NAN},  {I, 7, " a", 1}};
    fold(&bench, rows, sizeof rows / sizeof rows[0]);
    CHECK_TEXT(folded(&bench, text, sizeof text), "-6/a 5/a=1 7/ a=1");
    CHECK_INT(bench.sink.early.count, 4);
    CHECK_TEXT(bench.sink.early.row[0].code, "NOT_NULL");
    CHECK_TEXT(bench.sink.early.row[1].code, "KEY_BYTES");
    CHECK_TEXT(bench.sink.early.row[2].code, "KEY_BLANK");
    CHECK_TEXT(bench.sink.early.row[3].code, "RANGE");
    CHECK_INT(bench.sink.early.row[3].row, 3);
    CHECK_HOLDS(bench.sink.early.row[3].msg, "column 'v'");
    stop(&bench);
}

static void a_refused_key_is_left_out_with_all_its_rows(void **state)
{
    (void)state;
    fold_bench bench;
    char       text[512];
    start(&bench, WEIR_T_INT64);
    const row rows[] = {
        {I, 1, "a", 1}, {O, 2, "b", 1}, {N, 2, "b", 2}, {D, 3, "c", 1}, {I, 4, "d", 1}};
    fold(&bench, rows, 5);
    CHECK_TEXT(folded(&bench, text, sizeof text), "-3/c 1/a=1 2/b=2 4/d=1");
    keyed_leave_out(&bench.sink, &bench.sink.rows.chunk[1], 1); /* 2/b */
    keyed_leave_out(&bench.sink, &bench.sink.rows.chunk[0], 0); /* 3/c */
    bench.sink.rows = (keyed_epoch){.tables = 1, .table = &bench.table};
    fold(&bench, rows, 5);
    CHECK_TEXT(folded(&bench, text, sizeof text), "1/a=1 4/d=1");
    stop(&bench);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* The slow twin: a table of 40 keys, each row applied in turn. */
static void random_rows_fold_as_they_would_be_applied(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    uint32_t                 seed = 7;
    for (int round = 0; round < 50; round++) {
        fold_bench bench;
        row        rows[300];
        int        last[20][2];
        memset(last, -1, sizeof last);
        start(&bench, WEIR_T_INT32);
        for (int i = 0; i < 300; i++) {
            uint32_t k = next_random(&seed) % 20, t = next_random(&seed) % 2;
            rows[i] =
                (row){(uint8_t)(next_random(&seed) % 4), (int64_t)k - 10, names[t], i};
            last[k][t] = i;
        }
        fold(&bench, rows, 300);
        uint32_t seen = 0;
        int64_t  before = INT64_MIN;
        for (uint32_t i = 0; i < bench.sink.rows.chunks; i++) {
            const keyed_chunk *chunk = &bench.sink.rows.chunk[i];
            before = INT64_MIN;
            for (uint32_t r = 0; r < chunk->rows->rows; r++, seen++) {
                int64_t  k = weir_column_get(&chunk->rows->column[0], r).i64;
                weir_str t = weir_column_text(&chunk->rows->column[1], r);
                int      want = last[k + 10][weir_str_is(t, "b")];
                CHECK_INT(chunk->origin[r].row, want);
                CHECK_INT(chunk->remove, weir_row_retracts(rows[want].op));
                CHECK(k * 2 + weir_str_is(t, "b") > before);
                before = k * 2 + weir_str_is(t, "b");
            }
        }
        for (uint32_t k = 0; k < 40; k++)
            seen -= last[k / 2][k % 2] >= 0;
        CHECK_INT(seen, 0);
        stop(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_last_row_of_a_key_decides),
        TEST(keys_rise_as_the_server_orders_them),
        TEST(texts_do_not_run_into_each_other),
        TEST(rows_that_no_table_can_hold_are_refused),
        TEST(a_refused_key_is_left_out_with_all_its_rows),
        TEST(random_rows_fold_as_they_would_be_applied),
    };
    return RUN_TESTS(tests);
}
