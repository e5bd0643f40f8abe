/* tests: builders, compacting, and batches as bytes: random batches of every type, and
 * bytes that are damaged in every way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/batch.h"

#define ROWS 37

static uint64_t random_state = 88172645463325252u;
static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

static const weir_type types[] = {
    {.id = WEIR_T_BOOL},    {.id = WEIR_T_INT16},
    {.id = WEIR_T_INT32},   {.id = WEIR_T_INT64},
    {.id = WEIR_T_FLOAT32}, {.id = WEIR_T_FLOAT64},
    {.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2},
    {.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY},
    {.id = WEIR_T_TEXT},    {.id = WEIR_T_TEXT, .length = 40},
    {.id = WEIR_T_BYTEA},   {.id = WEIR_T_JSONB},
    {.id = WEIR_T_DATE},    {.id = WEIR_T_TIME},
    {.id = WEIR_T_TIMESTAMP}, {.id = WEIR_T_TIMESTAMPTZ},
};
#define COLUMNS ((uint32_t)(sizeof(types) / sizeof(types[0])))

static weir_datum random_datum(weir_type type, char *room)
{
    weir_datum out = {.null = false};
    if (type.id == WEIR_T_BOOL) {
        out.boolean = below(2);
    } else if (type.id == WEIR_T_FLOAT32 || type.id == WEIR_T_FLOAT64) {
        out.f64 = (double)below(1000) / 8;
    } else if (type.id == WEIR_T_NUMERIC) {
        out.i128 = (weir_i128)below(1000000) - 500000;
        out.scale = type.scale == WEIR_SCALE_ANY ? (uint8_t)below(39) : type.scale;
    } else if (weir_type_is_text(type)) {
        out.text = (weir_str){room, below(40)};
        for (size_t i = 0; i < out.text.len; i++)
            room[i] = (char)below(256);
    } else {
        out.i64 = (int64_t)below(60000) - 30000;
    }
    return out;
}

static weir_batch *random_batch(weir_arena *arena)
{
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_column *column = WEIR_ARRAY(arena, weir_column, COLUMNS);
    uint32_t    *sel = WEIR_ARRAY(arena, uint32_t, ROWS);
    uint8_t     *op = WEIR_ARRAY(arena, uint8_t, ROWS);
    char         room[64];
    bool         nulls = below(3) > 0;
    *batch = (weir_batch){.rows = ROWS, .selected = ROWS, .columns = COLUMNS, .column = column};
    for (uint32_t c = 0; c < COLUMNS; c++) {
        weir_builder builder;
        weir_builder_start(&builder, arena, types[c], ROWS);
        for (uint32_t r = 0; r < ROWS; r++) {
            weir_datum value = random_datum(types[c], room);
            value.null = nulls && below(4) == 0;
            weir_builder_datum(&builder, &value);
        }
        column[c] = weir_builder_end(&builder);
    }
    if (below(2)) {
        batch->selected = 0;
        for (uint32_t r = 0; r < ROWS; r++)
            if (below(2))
                sel[batch->selected++] = r;
        batch->sel = sel;
    }
    for (uint32_t r = 0; r < ROWS; r++)
        op[r] = (uint8_t)below(4);
    if (below(2))
        batch->op = op;
    return batch;
}

static void check_datum(const weir_datum *a, const weir_datum *b, weir_type type)
{
    weir_buf left = {0}, right = {0};
    CHECK_INT(a->null, b->null);
    weir_datum_print(&left, type, a);
    weir_datum_print(&right, type, b);
    CHECK_SAME(weir_buf_view(&left), weir_buf_view(&right));
    weir_buf_done(&left);
    weir_buf_done(&right);
}

/* `dense` has the selected rows of `batch`. */
static void check_same(const weir_batch *batch, const weir_batch *dense)
{
    CHECK_INT(dense->rows, batch->selected);
    CHECK_INT(dense->selected, batch->selected);
    CHECK(dense->sel == NULL);
    CHECK_INT(dense->columns, batch->columns);
    CHECK_INT(dense->op == NULL, batch->op == NULL);
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        if (batch->op != NULL)
            CHECK_INT(dense->op[i], batch->op[row]);
        for (uint32_t c = 0; c < batch->columns; c++) {
            weir_datum a = weir_column_get(&batch->column[c], row);
            weir_datum b = weir_column_get(&dense->column[c], i);
            CHECK(weir_type_same(batch->column[c].type, dense->column[c].type));
            check_datum(&a, &b, batch->column[c].type);
        }
    }
}

static void compacting_keeps_the_selected_rows(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 16);
    for (int i = 0; i < 100; i++) {
        const weir_batch *batch = random_batch(arena);
        check_same(batch, weir_batch_compact(batch, arena));
        weir_arena_reset(arena);
    }
    weir_arena_free(arena);
}

static void written_rows_are_read_back(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 16);
    weir_buf    bytes = {0}, again = {0};
    weir_err    err;
    for (int i = 0; i < 100; i++) {
        const weir_batch *batch = random_batch(arena);
        weir_batch       *back;
        weir_buf_clear(&bytes);
        weir_buf_clear(&again);
        weir_batch_write(batch, &bytes);
        weir_reader reader = weir_reader_of(weir_buf_view(&bytes));
        CHECK_OK(weir_batch_read(&reader, arena, &back, &err), &err);
        CHECK_INT(weir_reader_left(&reader), 0);
        check_same(batch, back);
        weir_batch_write(back, &again);
        CHECK_SAME(weir_buf_view(&bytes), weir_buf_view(&again));
        weir_arena_reset(arena);
    }
    weir_buf_done(&bytes);
    weir_buf_done(&again);
    weir_arena_free(arena);
}

/* Reads a copy whose end is the end of its allocation. */
static void read_damaged(const char *at, size_t len, bool may_succeed)
{
    weir_arena *arena = weir_arena_new("test", 1 << 14);
    char       *copy = malloc(len + 1);
    weir_batch *back;
    weir_err    err;
    memcpy(copy, at, len);
    char       *exact = realloc(copy, len > 0 ? len : 1);
    weir_reader reader = weir_reader_of((weir_str){exact, len});
    weir_code   rc = weir_batch_read(&reader, arena, &back, &err);
    if (!may_succeed)
        CHECK_INT(rc, WEIR_E_CORRUPT);
    if (rc == WEIR_OK) { /* what is read can be used */
        weir_buf text = {0};
        for (uint32_t c = 0; c < back->columns; c++)
            for (uint32_t r = 0; r < back->rows; r++) {
                weir_datum value = weir_column_get(&back->column[c], r);
                weir_datum_print(&text, back->column[c].type, &value);
            }
        weir_buf_done(&text);
    }
    free(exact);
    weir_arena_free(arena);
}

static void damaged_rows_are_refused_or_harmless(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 16);
    weir_buf    bytes = {0};
    weir_batch_write(random_batch(arena), &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        read_damaged(bytes.at, len, false);
    for (size_t i = 0; i < bytes.len; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes.at[i] = (char)(bytes.at[i] ^ 1 << bit);
            read_damaged(bytes.at, bytes.len, true);
            bytes.at[i] = (char)(bytes.at[i] ^ 1 << bit);
        }
    weir_buf_done(&bytes);
    weir_arena_free(arena);
}

static void text_can_be_written_in_place(void **state)
{
    (void)state;
    weir_arena  *arena = weir_arena_new("test", 1 << 12);
    weir_builder builder;
    weir_builder_start(&builder, arena, weir_type_of(WEIR_T_TEXT), 3);
    memcpy(weir_builder_text_room(&builder, 100), "hello", 5);
    weir_builder_text_end(&builder, 5);
    weir_builder_null(&builder);
    memset(weir_builder_text_room(&builder, 5000), 'x', 5000);
    weir_builder_text_end(&builder, 5000);
    weir_column column = weir_builder_end(&builder);
    CHECK_STR(weir_column_text(&column, 0), "hello");
    CHECK(!weir_column_has(&column, 1));
    CHECK_INT(weir_column_text(&column, 2).len, 5000);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(compacting_keeps_the_selected_rows),
        TEST(written_rows_are_read_back),
        TEST(damaged_rows_are_refused_or_harmless),
        TEST(text_can_be_written_in_place),
    };
    return RUN_TESTS(tests);
}
