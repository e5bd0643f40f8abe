/* tests: keys and values as bytes: their order is the values' order, they come back as they
 * went in, and bytes that are none are refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <math.h>

#include "op_group_key.h"
#include "op_value.h"
#include "weir/expr.h"

#define ROWS 120

static uint64_t random_state = 88172645463325252u;
static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

static const weir_type types[] = {
    {.id = WEIR_T_BOOL},    {.id = WEIR_T_INT16},   {.id = WEIR_T_INT32},
    {.id = WEIR_T_INT64},   {.id = WEIR_T_FLOAT32}, {.id = WEIR_T_FLOAT64},
    {.id = WEIR_T_NUMERIC, .precision = 30, .scale = 4},
    {.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY},
    {.id = WEIR_T_TEXT},    {.id = WEIR_T_BYTEA},   {.id = WEIR_T_DATE},
    {.id = WEIR_T_TIME},    {.id = WEIR_T_TIMESTAMP}, {.id = WEIR_T_TIMESTAMPTZ},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static weir_i128 random_numeric(void)
{
    weir_i128 value = (weir_i128)below(1000) * weir_i128_power10((int)below(30));
    return below(2) ? value : -value;
}

static weir_datum random_datum(weir_type type, char *room)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e-300, -1e300, 1.5};
    weir_datum          out = {.null = false};
    if (type.id == WEIR_T_BOOL) {
        out.boolean = below(2);
    } else if (type.id == WEIR_T_FLOAT32 || type.id == WEIR_T_FLOAT64) {
        out.f64 = below(2) ? odd[below(8)] : (double)below(2000) - 1000;
        if (type.id == WEIR_T_FLOAT32)
            out.f64 = (double)(float)out.f64;
    } else if (type.id == WEIR_T_NUMERIC) {
        out.i128 = random_numeric();
        out.scale = type.scale == WEIR_SCALE_ANY ? (uint8_t)below(39) : type.scale;
    } else if (weir_type_is_text(type)) {
        out.text = (weir_str){room, below(6)};
        for (size_t i = 0; i < out.text.len; i++)
            room[i] = (char)(below(3) ? below(3) : 254 + below(2));
    } else {
        out.i64 = (int64_t)below(60000) - 30000;
    }
    return out;
}

static weir_column random_column(weir_arena *arena, weir_type type, bool nulls)
{
    weir_builder builder;
    char         room[8];
    weir_builder_start(&builder, arena, type, ROWS);
    for (uint32_t r = 0; r < ROWS; r++) {
        weir_datum value = random_datum(type, room);
        value.null = nulls && below(4) == 0;
        weir_builder_datum(&builder, &value);
    }
    return weir_builder_end(&builder);
}

static weir_datum call_compare(weir_arena *arena, weir_function function, weir_type type,
                               const weir_datum *a, const weir_datum *b)
{
    weir_expr        left = {.kind = WEIR_EXPR_CONST, .type = type, .value = *a};
    weir_expr        right = {.kind = WEIR_EXPR_CONST, .type = type, .value = *b};
    const weir_expr *arg[] = {&left, &right};
    weir_expr        call = {.kind = WEIR_EXPR_CALL, .type = {.id = WEIR_T_BOOL},
                             .function = function, .args = 2, .arg = arg};
    weir_datum       out;
    weir_err         err;
    CHECK_OK(weir_expr_constant(&call, arena, &out, &err), &err);
    return out;
}

/* NULL is behind everything. */
static int order_of(weir_arena *arena, weir_type type, const weir_datum *a, const weir_datum *b)
{
    if (a->null || b->null)
        return a->null - b->null;
    if (call_compare(arena, WEIR_FN_LT, type, a, b).boolean)
        return -1;
    return call_compare(arena, WEIR_FN_GT, type, a, b).boolean;
}

static int sign_of(int value)
{
    return (value > 0) - (value < 0);
}

static void keys_sort_as_their_columns_do(void **state)
{
    (void)state;
    uint32_t row[ROWS];
    for (uint32_t r = 0; r < ROWS; r++)
        row[r] = r;
    for (int round = 0; round < 60; round++) {
        weir_arena *arena = weir_arena_new("test", 1 << 16);
        weir_column column[2];
        op_keys     keys = {.count = ROWS};
        for (int c = 0; c < 2; c++)
            column[c] = random_column(arena, types[below(TYPES)], below(2));
        CHECK(op_keys_make(column, 2, row, &keys, arena));
        for (uint32_t i = 1; i < ROWS; i++) {
            int want = 0;
            for (int c = 0; c < 2 && want == 0; c++) {
                weir_datum a = weir_column_get(&column[c], i - 1);
                weir_datum b = weir_column_get(&column[c], i);
                want = order_of(arena, column[c].type, &a, &b);
            }
            CHECK_INT(sign_of(weir_str_cmp(op_keys_get(&keys, i - 1), op_keys_get(&keys, i))),
                      want);
            for (size_t p = keys.len[i]; p % 8 != 0; p++)
                CHECK_INT(keys.at[i][p], 0);
        }
        weir_arena_free(arena);
    }
}

static void keys_are_read_back(void **state)
{
    (void)state;
    uint32_t row[ROWS];
    for (uint32_t r = 0; r < ROWS; r++)
        row[r] = r;
    for (size_t t = 0; t < TYPES; t++) {
        weir_arena     *arena = weir_arena_new("test", 1 << 16);
        const weir_type type[] = {types[t], types[(t + 5) % TYPES], types[8]};
        weir_column     column[3];
        op_keys         keys = {.count = ROWS};
        weir_datum      back[3];
        for (int c = 0; c < 3; c++)
            column[c] = random_column(arena, type[c], true);
        CHECK(op_keys_make(column, 3, row, &keys, arena));
        for (uint32_t i = 0; i < ROWS; i++) {
            CHECK(op_key_read(type, 3, op_keys_get(&keys, i), arena, back));
            for (int c = 0; c < 3; c++) {
                weir_datum want = weir_column_get(&column[c], i);
                CHECK_INT(order_of(arena, type[c], &want, &back[c]), 0);
            }
            for (uint32_t len = 0; len < keys.len[i]; len++)
                CHECK(!op_key_read(type, 3, (weir_str){keys.at[i], len}, arena, back));
        }
        weir_arena_free(arena);
    }
}

static void equal_numerics_of_any_scale_are_one_key(void **state)
{
    (void)state;
    weir_arena  *arena = weir_arena_new("test", 1 << 12);
    weir_type    any = weir_type_of(WEIR_T_NUMERIC);
    weir_builder builder;
    uint32_t     row[] = {0, 1, 2};
    op_keys      keys = {.count = 3};
    weir_datum   back;
    weir_builder_start(&builder, arena, any, 3);
    weir_builder_i128(&builder, 150, 2);
    weir_builder_i128(&builder, 15, 1);
    weir_builder_i128(&builder, 150, 1);
    weir_column column = weir_builder_end(&builder);
    CHECK(op_keys_make(&column, 1, row, &keys, arena));
    CHECK_SAME(op_keys_get(&keys, 0), op_keys_get(&keys, 1));
    CHECK_U64(keys.hash[0], keys.hash[1]);
    CHECK(!weir_str_eq(op_keys_get(&keys, 0), op_keys_get(&keys, 2)));
    CHECK(op_key_read(&any, 1, op_keys_get(&keys, 0), arena, &back));
    CHECK(back.i128 == 15);
    CHECK_INT(back.scale, 1);
    weir_arena_free(arena);
}

/* Bytes that checkpoints have: a change of them is a change of the format. */
static void the_bytes_of_a_key_do_not_change(void **state)
{
    (void)state;
    weir_arena  *arena = weir_arena_new("test", 1 << 12);
    weir_builder builder[2];
    uint32_t     row[] = {0};
    op_keys      keys = {.count = 1};
    weir_column  column[2];
    weir_builder_start(&builder[0], arena, weir_type_of(WEIR_T_TIMESTAMPTZ), 1);
    weir_builder_start(&builder[1], arena, weir_type_of(WEIR_T_TEXT), 1);
    weir_builder_i64(&builder[0], INT64_C(1700000000000000));
    weir_builder_text(&builder[1], (weir_str){"a\0b", 3});
    for (int c = 0; c < 2; c++)
        column[c] = weir_builder_end(&builder[c]);
    CHECK(op_keys_make(column, 2, row, &keys, arena));
    const char want[] = "\x01\x80\x06\x0a\x24\x18\x1e\x40\x00\x01"
                        "a\x00\xff"
                        "b\x00\x01";
    CHECK_SAME(op_keys_get(&keys, 0), ((weir_str){want, sizeof(want) - 1}));
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_sort_as_their_columns_do),
        TEST(keys_are_read_back),
        TEST(equal_numerics_of_any_scale_are_one_key),
        TEST(the_bytes_of_a_key_do_not_change),
    };
    return RUN_TESTS(tests);
}
