/* op/agg_sum_any: sums of numerics whose scales differ from value to value.
 *
 * The sum is kept in units of 10^-38 in 320 bits, exact for 2^63 values. The result has the
 * largest scale of the values that are still in it, as PostgreSQL's has, so each scale has
 * a count.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agg_class.h"

#define LIMBS 5
#define SCALES (WEIR_NUMERIC_DIGITS + 1)

typedef struct any_cell {
    uint64_t limb[LIMBS]; /* two's complement, least first */
    int64_t  count[SCALES];
} any_cell;

static void negate(uint64_t limb[LIMBS])
{
    uint64_t carry = 1;
    for (int i = 0; i < LIMBS; i++) {
        limb[i] = ~limb[i] + carry;
        carry = carry && limb[i] == 0;
    }
}

static bool is_negative(const uint64_t limb[LIMBS])
{
    return limb[LIMBS - 1] >> 63;
}

/* limb = limb × by, for numbers that are not negative. */
static void multiply(uint64_t limb[LIMBS], uint64_t by)
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (unsigned __int128)limb[i] * by;
        limb[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static uint64_t divide(uint64_t limb[LIMBS], uint64_t by)
{
    unsigned __int128 rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 64 | limb[i];
        limb[i] = (uint64_t)(rest / by);
        rest %= by;
    }
    return (uint64_t)rest;
}

static void add(uint64_t to[LIMBS], const uint64_t more[LIMBS])
{
    unsigned __int128 carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (unsigned __int128)to[i] + more[i];
        to[i] = (uint64_t)carry;
        carry >>= 64;
    }
}

static void add_value(any_cell *cell, weir_i128 value, int scale, int64_t sign)
{
    bool              negative = value < 0;
    unsigned __int128 size = negative ? (unsigned __int128)-value : (unsigned __int128)value;
    uint64_t          limb[LIMBS] = {(uint64_t)size, (uint64_t)(size >> 64)};
    for (int up = WEIR_NUMERIC_DIGITS - scale; up > 0; up -= 18)
        multiply(limb, (uint64_t)weir_i128_power10(up < 18 ? up : 18));
    if (negative != (sign < 0))
        negate(limb);
    add(cell->limb, limb);
    cell->count[scale] += sign;
}

static void update_any(const agg_rows *rows)
{
    const weir_i128 *value = rows->column->values;
    for (uint32_t i = 0; i < rows->count; i++) {
        void    *at = rows->group[i] + rows->accumulator->offset;
        uint32_t row = rows->row[i];
        add_value(at, value[row], rows->column->scales[row], rows->sign[i]);
    }
}

static void merge_any(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    (void)slab;
    any_cell       *to = into;
    const any_cell *more = from;
    add(to->limb, more->limb);
    for (int i = 0; i < SCALES; i++)
        to->count[i] += more->count[i];
}

static bool any_neutral(const void *accumulator)
{
    return agg_bytes_zero(accumulator, sizeof(any_cell));
}

static bool finish_any(agg_result *result, weir_datum *out)
{
    const any_cell *cell = agg_at(result);
    uint64_t        limb[LIMBS];
    int             scale = 0;
    int64_t         count = 0;
    for (int i = 0; i < SCALES; i++) {
        count += cell->count[i];
        if (cell->count[i] != 0)
            scale = i;
    }
    for (int i = 0; i < LIMBS; i++)
        limb[i] = cell->limb[i];
    bool negative = is_negative(limb);
    if (negative)
        negate(limb);
    for (int down = WEIR_NUMERIC_DIGITS - scale; down > 0; down -= 18)
        (void)divide(limb, (uint64_t)weir_i128_power10(down < 18 ? down : 18)); /* exact */
    unsigned __int128 size = (unsigned __int128)limb[1] << 64 | limb[0];
    if (limb[2] != 0 || limb[3] != 0 || limb[4] != 0 || limb[1] >> 63)
        return agg_fail(result, "numeric field overflow");
    return agg_finish_sum(result, negative ? -(weir_i128)size : (weir_i128)size, scale, count,
                          out);
}

static void save_any(const void *accumulator, weir_buf *out)
{
    const any_cell *cell = accumulator;
    for (int i = 0; i < LIMBS; i++)
        weir_buf_u64(out, cell->limb[i]);
    for (int i = 0; i < SCALES; i++)
        weir_buf_zigzag(out, cell->count[i]);
}

static bool load_any(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                     void *out)
{
    (void)shape;
    (void)slab;
    any_cell *cell = out;
    for (int i = 0; i < LIMBS; i++)
        cell->limb[i] = weir_read_u64(reader);
    for (int i = 0; i < SCALES; i++)
        cell->count[i] = weir_read_zigzag(reader);
    return !reader->bad;
}

const agg_class agg_sum_any_class = {
    .name = "sum_any", .bytes = sizeof(any_cell), .update = update_any, .merge = merge_any,
    .neutral = any_neutral, .finish = finish_any, .save = save_any, .load = load_any,
    .release = agg_release_nothing,
};
