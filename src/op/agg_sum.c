/* op/agg_sum: sums of integers and of numerics with a scale, exact in 128 or 192 bits.
 *
 * Whether a sum fits its type is judged when it is asked for, so that a large value may
 * come and be retracted. AVG is the sum divided by the count.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agg_class.h"
#include "weir/kernel.h"

typedef struct sum_cell { /* the layout that weir_sum_kernel adds to */
    weir_i128 sum;
    int64_t   count;
    int64_t   unused;
} sum_cell;
_Static_assert(sizeof(sum_cell) == 32, "as the kernel has it");

static weir_kernel_type kernel_type(weir_type type)
{
    switch ((weir_type_id)type.id) {
    case WEIR_T_INT16:
        return WEIR_K_i16;
    case WEIR_T_INT32:
        return WEIR_K_i32;
    case WEIR_T_INT64:
        return WEIR_K_i64;
    default:
        weir_assert(type.id == WEIR_T_NUMERIC);
        return WEIR_K_i128;
    }
}

static int scale_of(weir_type type)
{
    return type.id == WEIR_T_NUMERIC ? type.scale : 0;
}

static void update_sum(const agg_rows *rows)
{
    weir_sum_kernel[kernel_type(rows->accumulator->arg)](
        rows->group, rows->accumulator->offset, rows->column->values, rows->row, rows->sign,
        rows->count);
}

static void merge_sum(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    (void)slab;
    sum_cell       *to = into;
    const sum_cell *more = from;
    to->sum = (weir_i128)((unsigned __int128)to->sum + (unsigned __int128)more->sum);
    to->count += more->count;
}

static bool sum_neutral(const void *accumulator)
{
    const sum_cell *cell = accumulator;
    return cell->sum == 0 && cell->count == 0;
}

static bool finish_sum(agg_result *result, weir_datum *out)
{
    const sum_cell *cell = agg_at(result);
    return agg_finish_sum(result, cell->sum, scale_of(result->accumulator->arg), cell->count,
                          out);
}

static void save_sum(const void *accumulator, weir_buf *out)
{
    const sum_cell *cell = accumulator;
    agg_write_i128(out, cell->sum);
    weir_buf_zigzag(out, cell->count);
}

static bool load_sum(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                     void *out)
{
    (void)shape;
    (void)slab;
    sum_cell *cell = out;
    cell->sum = agg_read_i128(reader);
    cell->count = weir_read_zigzag(reader);
    return !reader->bad;
}

const agg_class agg_sum_class = {
    .name = "sum", .bytes = sizeof(sum_cell), .update = update_sum, .merge = merge_sum,
    .neutral = sum_neutral, .finish = finish_sum, .save = save_sum, .load = load_sum,
    .release = agg_release_nothing,
};

/* 192 bits: high × 2^128 + low. */
typedef struct wide_cell {
    unsigned __int128 low;
    int64_t           high;
    int64_t           count;
} wide_cell;
_Static_assert(sizeof(wide_cell) == 32, "no holes");

static void add_wide(wide_cell *cell, unsigned __int128 low, int64_t high)
{
    cell->low += low;
    cell->high = (int64_t)((uint64_t)cell->high + (uint64_t)high + (cell->low < low));
}

static void update_wide(const agg_rows *rows)
{
    const weir_i128 *value = rows->column->values;
    for (uint32_t i = 0; i < rows->count; i++) {
        void     *at = rows->group[i] + rows->accumulator->offset;
        weir_i128 v = value[rows->row[i]];
        v = rows->sign[i] < 0 ? -v : v;
        add_wide(at, (unsigned __int128)v, v < 0 ? -1 : 0);
        ((wide_cell *)at)->count += rows->sign[i];
    }
}

static void merge_wide(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    (void)slab;
    const wide_cell *more = from;
    add_wide(into, more->low, more->high);
    ((wide_cell *)into)->count += more->count;
}

static bool wide_neutral(const void *accumulator)
{
    return agg_bytes_zero(accumulator, sizeof(wide_cell));
}

static bool finish_wide(agg_result *result, weir_datum *out)
{
    const wide_cell *cell = agg_at(result);
    weir_i128        sum = (weir_i128)cell->low;
    if (cell->high != (sum < 0 ? -1 : 0) && cell->count != 0)
        return agg_fail(result, "numeric field overflow");
    return agg_finish_sum(result, sum, scale_of(result->accumulator->arg), cell->count, out);
}

static void save_wide(const void *accumulator, weir_buf *out)
{
    const wide_cell *cell = accumulator;
    agg_write_i128(out, (weir_i128)cell->low);
    weir_buf_zigzag(out, cell->high);
    weir_buf_zigzag(out, cell->count);
}

static bool load_wide(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                      void *out)
{
    (void)shape;
    (void)slab;
    wide_cell *cell = out;
    cell->low = (unsigned __int128)agg_read_i128(reader);
    cell->high = weir_read_zigzag(reader);
    cell->count = weir_read_zigzag(reader);
    return !reader->bad;
}

const agg_class agg_sum_wide_class = {
    .name = "sum_wide", .bytes = sizeof(wide_cell), .update = update_wide,
    .merge = merge_wide, .neutral = wide_neutral, .finish = finish_wide, .save = save_wide,
    .load = load_wide, .release = agg_release_nothing,
};
