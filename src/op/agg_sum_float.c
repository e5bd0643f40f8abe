/* op/agg_sum_float: sums of floats, in double.
 *
 * NaN and infinities are counted apart, so that they can be retracted. The last digits of a
 * sum depend on the order of rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <string.h>

#include "agg_class.h"

typedef struct float_cell {
    double  sum; /* of the finite values */
    int64_t count;
    int64_t nan, plus, minus;
    int64_t unused;
} float_cell;
_Static_assert(sizeof(float_cell) == 48, "accumulators are multiples of 16 bytes");

static void add_value(float_cell *cell, double value, int64_t sign)
{
    cell->count += sign;
    if (isnan(value))
        cell->nan += sign;
    else if (isinf(value))
        *(value > 0 ? &cell->plus : &cell->minus) += sign;
    else
        cell->sum += sign < 0 ? -value : value;
}

static void update_float(const agg_rows *rows)
{
    const float  *single = rows->column->values;
    const double *full = rows->column->values;
    bool          is_single = rows->column->type.id == WEIR_T_FLOAT32;
    for (uint32_t i = 0; i < rows->count; i++) {
        uint32_t row = rows->row[i];
        void    *at = rows->group[i] + rows->accumulator->offset;
        add_value(at, is_single ? (double)single[row] : full[row], rows->sign[i]);
    }
}

static void merge_float(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    (void)slab;
    float_cell       *to = into;
    const float_cell *more = from;
    to->sum += more->sum;
    to->count += more->count;
    to->nan += more->nan;
    to->plus += more->plus;
    to->minus += more->minus;
}

static bool float_neutral(const void *accumulator)
{
    return agg_bytes_zero(accumulator, sizeof(float_cell));
}

static bool finish_float(agg_result *result, weir_datum *out)
{
    const float_cell *cell = agg_at(result);
    double            sum = cell->sum;
    *out = (weir_datum){.null = cell->count == 0};
    if (out->null)
        return true;
    if (cell->nan > 0 || (cell->plus > 0 && cell->minus > 0))
        sum = (double)NAN;
    else if (cell->plus > 0)
        sum = HUGE_VAL;
    else if (cell->minus > 0)
        sum = -HUGE_VAL;
    bool infinite = isinf(sum) && !isinf(cell->sum);
    if (result->accumulator->spec->fn == WEIR_AGG_AVG)
        sum /= (double)cell->count;
    if (result->accumulator->result.id == WEIR_T_FLOAT32)
        sum = (double)(float)sum;
    if (isinf(sum) && !infinite)
        return agg_fail(result, "value out of range: overflow");
    out->f64 = sum;
    return true;
}

static void save_float(const void *accumulator, weir_buf *out)
{
    const float_cell *cell = accumulator;
    uint64_t          bits;
    memcpy(&bits, &cell->sum, sizeof(bits));
    weir_buf_u64(out, bits);
    weir_buf_zigzag(out, cell->count);
    weir_buf_zigzag(out, cell->nan);
    weir_buf_zigzag(out, cell->plus);
    weir_buf_zigzag(out, cell->minus);
}

static bool load_float(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                       void *out)
{
    (void)shape;
    (void)slab;
    float_cell *cell = out;
    uint64_t    bits = weir_read_u64(reader);
    memcpy(&cell->sum, &bits, sizeof(bits));
    cell->count = weir_read_zigzag(reader);
    cell->nan = weir_read_zigzag(reader);
    cell->plus = weir_read_zigzag(reader);
    cell->minus = weir_read_zigzag(reader);
    return !reader->bad;
}

const agg_class agg_sum_float_class = {
    .name = "sum_float", .bytes = sizeof(float_cell), .update = update_float,
    .merge = merge_float, .neutral = float_neutral, .finish = finish_float,
    .save = save_float, .load = load_float, .release = agg_release_nothing,
};
