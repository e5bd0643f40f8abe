/* tests: every kernel against a slow, obvious twin, on random inputs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <math.h>

#include "weir/kernel.h"

#define COUNT 133 /* no multiple of any vector's width */

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}
static uint32_t below(uint32_t limit)
{
    return (uint32_t)((next_random() >> 11) % limit);
}

/* Values near each other and at the borders of the type. */
static int64_t random_integer(int bits)
{
    int64_t most = bits == 64 ? INT64_MAX : (INT64_C(1) << (bits - 1)) - 1;
    switch (below(4)) {
    case 0:
        return most - below(3);
    case 1:
        return -most - 1 + below(3);
    default:
        return (int64_t)below(7) - 3;
    }
}

static double random_double(void)
{
    static const double odd[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0, -0.0, 1.5, -1.5};
    return below(2) ? odd[below(8)] : (double)below(5);
}

static int order_double(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) != 0) - (isnan(b) != 0);
    return (a > b) - (a < b);
}

static bool holds(weir_compare compare, int order)
{
    switch (compare) {
    case WEIR_COMPARE_EQ:
        return order == 0;
    case WEIR_COMPARE_NE:
        return order != 0;
    case WEIR_COMPARE_LT:
        return order < 0;
    case WEIR_COMPARE_LE:
        return order <= 0;
    case WEIR_COMPARE_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

#define FILL(name, expression)                                                              \
    for (size_t i = 0; i < COUNT; i++) {                                                    \
        name##_a[i] = expression;                                                           \
        name##_b[i] = expression;                                                           \
    }
#define CHECK_COMPARE(name, order)                                                          \
    for (int c = 0; c < WEIR_COMPARE_COUNT; c++) {                                          \
        weir_compare_columns[WEIR_K_##name][c](name##_a, name##_b, COUNT, out);             \
        for (size_t i = 0; i < COUNT; i++)                                                  \
            CHECK_INT(out[i], holds((weir_compare)c, order(name##_a[i], name##_b[i])));     \
        weir_compare_constant[WEIR_K_##name][c](name##_a, name##_b, COUNT, out);            \
        for (size_t i = 0; i < COUNT; i++)                                                  \
            CHECK_INT(out[i], holds((weir_compare)c, order(name##_a[i], name##_b[0])));     \
    }
#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static void comparisons_order_as_sql_does(void **state)
{
    (void)state;
    static uint8_t  u8_a[COUNT], u8_b[COUNT], out[COUNT];
    static int16_t  i16_a[COUNT], i16_b[COUNT];
    static int32_t  i32_a[COUNT], i32_b[COUNT];
    static int64_t  i64_a[COUNT], i64_b[COUNT];
    static float    f32_a[COUNT], f32_b[COUNT];
    static double   f64_a[COUNT], f64_b[COUNT];
    static __int128 i128_a[COUNT], i128_b[COUNT];
    for (int round = 0; round < 20; round++) {
        FILL(u8, (uint8_t)below(2))
        FILL(i16, (int16_t)random_integer(16))
        FILL(i32, (int32_t)random_integer(32))
        FILL(i64, random_integer(64))
        FILL(f32, (float)random_double())
        FILL(f64, random_double())
        FILL(i128, (__int128)random_integer(64) * (INT64_C(1) << below(3) * 20))
        CHECK_COMPARE(u8, ORDER)
        CHECK_COMPARE(i16, ORDER)
        CHECK_COMPARE(i32, ORDER)
        CHECK_COMPARE(i64, ORDER)
        CHECK_COMPARE(f32, order_double)
        CHECK_COMPARE(f64, order_double)
        CHECK_COMPARE(i128, ORDER)
    }
}

static __int128 exact(weir_arith op, int64_t a, int64_t b)
{
    return op == WEIR_ARITH_ADD   ? (__int128)a + b
           : op == WEIR_ARITH_SUB ? (__int128)a - b
                                  : (__int128)a * b;
}

#define CHECK_ARITH(type, name, bits)                                                       \
    for (int op = 0; op < WEIR_ARITH_COUNT; op++)                                           \
        for (size_t step = 0; step < 2; step++) {                                           \
            type    a[COUNT], b[COUNT], out[COUNT];                                         \
            uint8_t bad[COUNT];                                                             \
            bool    any = false;                                                            \
            for (size_t i = 0; i < COUNT; i++) {                                            \
                a[i] = (type)random_integer(bits);                                          \
                b[i] = (type)random_integer(bits);                                          \
            }                                                                               \
            int got = weir_arith_kernel[WEIR_K_##name][op](a, b, step, COUNT, out, bad);    \
            for (size_t i = 0; i < COUNT; i++) {                                            \
                __int128 want = exact((weir_arith)op, a[i], b[i * step]);                   \
                CHECK_INT(bad[i], want != (type)want);                                      \
                CHECK_INT(out[i], (type)want);                                              \
                any |= want != (type)want;                                                  \
            }                                                                               \
            CHECK_INT(got != 0, any);                                                       \
        }

static void arithmetic_marks_each_overflow(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        CHECK_ARITH(int16_t, i16, 16)
        CHECK_ARITH(int32_t, i32, 32)
        CHECK_ARITH(int64_t, i64, 64)
    }
}

static void masks_and_selections_keep_what_is_set(void **state)
{
    (void)state;
    uint8_t  mask[COUNT], other[COUNT], valid[COUNT / 8 + 1], both[COUNT / 8 + 1], got[COUNT];
    uint32_t all[COUNT + 1], sel[COUNT], some[COUNT + 1];
    for (int round = 0; round < 100; round++) {
        size_t kept = 0, selected = 0;
        for (size_t i = 0; i < COUNT; i++) {
            mask[i] = (uint8_t)below(2);
            other[i] = (uint8_t)below(2);
            if (below(2))
                sel[selected++] = (uint32_t)i;
        }
        for (size_t i = 0; i < sizeof(valid); i++)
            valid[i] = (uint8_t)below(256);
        memcpy(got, mask, COUNT);
        weir_mask_valid(got, valid, COUNT);
        weir_bits_and(valid, both, sizeof(both), both);
        for (size_t i = 0; i < COUNT; i++)
            CHECK_INT(got[i], mask[i] && (valid[i / 8] >> i % 8 & 1));
        weir_mask_not(got, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            CHECK_INT(got[i], !(mask[i] && (valid[i / 8] >> i % 8 & 1)));
        memcpy(got, mask, COUNT);
        weir_mask_or(got, other, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            CHECK_INT(got[i], mask[i] || other[i]);
        size_t count = weir_select_all(mask, COUNT, all);
        for (size_t i = 0; i < COUNT; i++)
            if (mask[i])
                CHECK_INT(all[kept++], i);
        CHECK_INT(count, kept);
        count = weir_select_some(mask, sel, selected, some);
        kept = 0;
        for (size_t i = 0; i < selected; i++)
            if (mask[sel[i]])
                CHECK_INT(some[kept++], sel[i]);
        CHECK_INT(count, kept);
    }
}

static void texts_are_found_whatever_their_length(void **state)
{
    (void)state;
    static const char *const words[] = {"", "a", "ab", "abcdefg", "abcdefgh", "abcdefghi",
                                        "abcdefgx", "abcdefghj", "abcdefghijklmnop", "b"};
    for (int round = 0; round < 500; round++) {
        uint32_t         offsets[COUNT + 1] = {0}, chosen[3];
        char             bytes[COUNT * 16 + 1];
        uint8_t          out[COUNT], word[COUNT];
        weir_text_needle needle[3];
        size_t           count = below(COUNT), needles = 1 + below(3);
        for (size_t i = 0; i < count; i++) {
            word[i] = (uint8_t)below(10);
            size_t len = strlen(words[word[i]]);
            memcpy(bytes + offsets[i], words[word[i]], len);
            offsets[i + 1] = offsets[i] + (uint32_t)len;
        }
        for (size_t n = 0; n < needles; n++) {
            chosen[n] = below(10);
            weir_text_needle_init(&needle[n], words[chosen[n]],
                                  (uint32_t)strlen(words[chosen[n]]));
        }
        char *exact_bytes = malloc(offsets[count] + 1); /* reading behind it is found */
        memcpy(exact_bytes, bytes, offsets[count]);
        exact_bytes = realloc(exact_bytes, offsets[count] ? offsets[count] : 1);
        weir_text_in(offsets, exact_bytes, count, needle, needles, out);
        free(exact_bytes);
        for (size_t i = 0; i < count; i++) {
            bool want = false;
            for (size_t n = 0; n < needles; n++)
                want |= word[i] == chosen[n];
            CHECK_INT(out[i], want);
        }
    }
}

typedef struct cell {
    __int128 sum;
    int64_t  count;
    int64_t  unused;
} cell;

static void sums_go_to_the_groups_of_their_rows(void **state)
{
    (void)state;
    static const weir_kernel_type kinds[] = {WEIR_K_i16, WEIR_K_i32, WEIR_K_i64, WEIR_K_i128};
    for (int round = 0; round < 80; round++) {
        _Alignas(16) char value[COUNT * 16] = {0};
        cell              got[5] = {0}, want[5] = {0};
        char             *entry[COUNT];
        uint32_t          row[COUNT];
        int64_t           sign[COUNT], number[COUNT];
        weir_kernel_type  kind = kinds[round % 4];
        for (size_t i = 0; i < COUNT; i++) {
            number[i] = random_integer(kind == WEIR_K_i16 ? 16 : kind == WEIR_K_i32 ? 32 : 64);
            ((int16_t *)(void *)value)[i] = kind == WEIR_K_i16 ? (int16_t)number[i]
                                                               : ((int16_t *)(void *)value)[i];
        }
        for (size_t i = 0; i < COUNT; i++) {
            if (kind == WEIR_K_i32)
                ((int32_t *)(void *)value)[i] = (int32_t)number[i];
            else if (kind == WEIR_K_i64)
                ((int64_t *)(void *)value)[i] = number[i];
            else if (kind == WEIR_K_i128)
                ((__int128 *)(void *)value)[i] = number[i];
            uint32_t group = below(5);
            entry[i] = (char *)&got[group] - 8;
            row[i] = below(COUNT);
            sign[i] = below(2) ? 1 : -1;
        }
        for (size_t i = 0; i < COUNT; i++) {
            cell *to = (cell *)(void *)(entry[i] + 8 - (char *)got + (char *)want);
            to->sum += sign[i] * (__int128)number[row[i]];
            to->count += sign[i];
        }
        weir_sum_kernel[kind](entry, 8, value, row, sign, COUNT);
        CHECK(memcmp(got, want, sizeof(got)) == 0);
        weir_count_add(entry, 8 + offsetof(cell, count), sign, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            ((cell *)(void *)(entry[i] + 8 - (char *)got + (char *)want))->count += sign[i];
        CHECK(memcmp(got, want, sizeof(got)) == 0);
    }
}

static void windows_begin_at_multiples_of_their_size(void **state)
{
    (void)state;
    int64_t value[COUNT], start[COUNT];
    for (int round = 0; round < 200; round++) {
        int64_t size = 1 + below(1000), offset = (int64_t)below(2000) - 1000;
        for (size_t i = 0; i < COUNT; i++)
            value[i] = (int64_t)below(5000) - 2500;
        weir_window_start(value, COUNT, size, offset, start);
        for (size_t i = 0; i < COUNT; i++) {
            CHECK(start[i] <= value[i]);
            CHECK(value[i] < start[i] + size);
            CHECK_INT((start[i] - offset) % size, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(comparisons_order_as_sql_does),
        TEST(arithmetic_marks_each_overflow),
        TEST(masks_and_selections_keep_what_is_set),
        TEST(texts_are_found_whatever_their_length),
        TEST(sums_go_to_the_groups_of_their_rows),
        TEST(windows_begin_at_multiples_of_their_size),
    };
    return RUN_TESTS(tests);
}
