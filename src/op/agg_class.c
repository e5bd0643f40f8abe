/* op/agg_class: which accumulator an aggregate has, and what classes share.
 *
 * COUNT, SUM and AVG can be undone and keep sums and counts. MIN and MAX keep the best
 * value as long as nothing is retracted, else every value with its count; so does DISTINCT.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agg_class.h"

#include <stdio.h>

#include "expr/expr_run.h"

#define NARROW_DIGITS 19 /* 2^63 values of so many digits still fit into 128 bits */

static const agg_class *sum_class(weir_type arg)
{
    if (arg.id == WEIR_T_FLOAT32 || arg.id == WEIR_T_FLOAT64)
        return &agg_sum_float_class;
    if (arg.id != WEIR_T_NUMERIC)
        return &agg_sum_class;
    if (arg.scale == WEIR_SCALE_ANY)
        return &agg_sum_any_class;
    return arg.precision > 0 && arg.precision <= NARROW_DIGITS ? &agg_sum_class
                                                               : &agg_sum_wide_class;
}

void agg_choose(const weir_aggregate *spec, bool changelog, op_accumulator *out)
{
    *out = (op_accumulator){.spec = spec, .result = spec->type};
    out->arg = spec->arg != NULL ? spec->arg->type : weir_type_of(WEIR_T_UNKNOWN);
    switch (spec->fn) {
    case WEIR_AGG_COUNT_STAR:
        out->kind = spec->filter == NULL ? &agg_rows_class : &agg_count_class;
        return;
    case WEIR_AGG_COUNT:
        out->kind = &agg_count_class;
        break;
    case WEIR_AGG_SUM:
    case WEIR_AGG_AVG:
        out->kind = sum_class(out->arg);
        break;
    case WEIR_AGG_MIN:
    case WEIR_AGG_MAX: /* DISTINCT changes nothing */
        out->kind = changelog ? &agg_values_class : &agg_extreme_class;
        return;
    }
    if (spec->distinct) {
        out->distinct = out->kind;
        out->kind = &agg_values_class;
    }
}

void agg_release_nothing(weir_slab *slab, void *accumulator)
{
    (void)slab; /* for classes that hold nothing beside themselves */
    (void)accumulator;
}

bool agg_bytes_zero(const void *at, size_t len)
{
    const char *bytes = at;
    char        any = 0;
    for (size_t i = 0; i < len; i++)
        any |= bytes[i];
    return any == 0;
}

bool agg_fail(agg_result *result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(result->msg, sizeof(result->msg), format, args);
    va_end(args);
    return false;
}

static bool integer_result(agg_result *result, weir_i128 sum, weir_datum *out)
{
    out->i64 = (int64_t)sum;
    return sum == out->i64 || agg_fail(result, "bigint out of range");
}

bool agg_finish_sum(agg_result *result, weir_i128 sum, int scale, int64_t count,
                    weir_datum *out)
{
    const op_accumulator *accumulator = result->accumulator;
    *out = (weir_datum){.null = count == 0};
    if (out->null)
        return true;
    bool fits = weir_i128_fits(sum, WEIR_NUMERIC_DIGITS);
    if (accumulator->spec->fn == WEIR_AGG_AVG && fits) {
        weir_datum total = {.i128 = sum, .scale = (uint8_t)scale};
        weir_datum number = {.i128 = count};
        return expr_quotient(&total, &number, accumulator->result.scale, out) ||
               agg_fail(result, "numeric field overflow");
    }
    if (fits && accumulator->result.id != WEIR_T_NUMERIC)
        return integer_result(result, sum, out);
    int want = accumulator->result.scale == WEIR_SCALE_ANY ? scale : accumulator->result.scale;
    out->scale = (uint8_t)want;
    return (fits && weir_i128_rescale(sum, scale, want, &out->i128)) ||
           agg_fail(result, "numeric field overflow");
}

void agg_write_i128(weir_buf *out, weir_i128 value)
{
    weir_buf_u64(out, (uint64_t)(unsigned __int128)value);
    weir_buf_u64(out, (uint64_t)((unsigned __int128)value >> 64));
}

weir_i128 agg_read_i128(weir_reader *reader)
{
    unsigned __int128 low = weir_read_u64(reader);
    unsigned __int128 high = weir_read_u64(reader);
    return (weir_i128)(high << 64 | low);
}
