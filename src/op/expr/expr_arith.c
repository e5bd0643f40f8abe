/* op/expr_arith: arithmetic on integers and floats, one row at a time.
 *
 * Numerics are passed on to expr_numeric. Errors in PostgreSQL's words.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>

#include "expr/expr_run.h"

static bool out_of_range(expr_call *call)
{
    switch ((weir_type_id)call->expr->type.id) {
    case WEIR_T_INT16:
        return expr_fail(call, "smallint out of range");
    case WEIR_T_INT32:
        return expr_fail(call, "integer out of range");
    default:
        return expr_fail(call, "bigint out of range");
    }
}

static bool is_float(const expr_call *call)
{
    return call->expr->type.id == WEIR_T_FLOAT32 || call->expr->type.id == WEIR_T_FLOAT64;
}

static bool is_numeric(const expr_call *call)
{
    return call->expr->type.id == WEIR_T_NUMERIC;
}

/* An integer result, if it fits the call's type. */
static bool integer(expr_call *call, bool overflow, int64_t value, weir_datum *out)
{
    uint8_t id = call->expr->type.id;
    if (overflow || (id == WEIR_T_INT16 && value != (int16_t)value) ||
        (id == WEIR_T_INT32 && value != (int32_t)value))
        return out_of_range(call);
    out->i64 = value;
    return true;
}

/* A float result: infinite or zero only if the arguments allow it. */
static bool floating(expr_call *call, double value, bool may_be_infinite, bool may_be_zero,
                     weir_datum *out)
{
    if (call->expr->type.id == WEIR_T_FLOAT32)
        value = (double)(float)value;
    if (isinf(value) && !may_be_infinite)
        return expr_fail(call, "value out of range: overflow");
    if (value == 0 && !may_be_zero)
        return expr_fail(call, "value out of range: underflow");
    out->f64 = value;
    return true;
}

static bool any_infinite(const weir_datum *arg)
{
    return isinf(arg[0].f64) || isinf(arg[1].f64);
}

bool expr_add(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_add(call, arg, out);
    if (is_float(call))
        return floating(call, arg[0].f64 + arg[1].f64, any_infinite(arg), true, out);
    int64_t value;
    bool    overflow = __builtin_add_overflow(arg[0].i64, arg[1].i64, &value);
    return integer(call, overflow, value, out);
}

bool expr_sub(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_sub(call, arg, out);
    if (is_float(call))
        return floating(call, arg[0].f64 - arg[1].f64, any_infinite(arg), true, out);
    int64_t value;
    bool    overflow = __builtin_sub_overflow(arg[0].i64, arg[1].i64, &value);
    return integer(call, overflow, value, out);
}

bool expr_mul(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_mul(call, arg, out);
    if (is_float(call))
        return floating(call, arg[0].f64 * arg[1].f64, any_infinite(arg),
                        arg[0].f64 == 0 || arg[1].f64 == 0, out);
    int64_t value;
    bool    overflow = __builtin_mul_overflow(arg[0].i64, arg[1].i64, &value);
    return integer(call, overflow, value, out);
}

bool expr_div(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_div(call, arg, out);
    if (is_float(call)) {
        if (arg[1].f64 == 0 && !isnan(arg[0].f64))
            return expr_fail(call, "division by zero");
        return floating(call, arg[0].f64 / arg[1].f64, isinf(arg[0].f64),
                        arg[0].f64 == 0 || isinf(arg[1].f64), out);
    }
    if (arg[1].i64 == 0)
        return expr_fail(call, "division by zero");
    if (arg[1].i64 == -1) /* the least bigint has no positive twin */
        return integer(call, arg[0].i64 == INT64_MIN, (int64_t)(0 - (uint64_t)arg[0].i64),
                       out);
    return integer(call, false, arg[0].i64 / arg[1].i64, out);
}

bool expr_mod(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_mod(call, arg, out);
    if (arg[1].i64 == 0)
        return expr_fail(call, "division by zero");
    out->i64 = arg[1].i64 == -1 ? 0 : arg[0].i64 % arg[1].i64;
    return true;
}

bool expr_neg(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric(call, -arg[0].i128, arg[0].scale, out);
    if (call->expr->type.id == WEIR_T_INTERVAL) {
        weir_interval from = arg[0].interval;
        if (from.months == INT32_MIN || from.days == INT32_MIN || from.us == INT64_MIN)
            return expr_fail(call, "interval out of range");
        out->interval = (weir_interval){-from.months, -from.days, -from.us};
        return true;
    }
    if (is_float(call)) {
        out->f64 = -arg[0].f64;
        return true;
    }
    return integer(call, arg[0].i64 == INT64_MIN, (int64_t)(0 - (uint64_t)arg[0].i64), out);
}

bool expr_abs(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_float(call)) {
        out->f64 = fabs(arg[0].f64);
        return true;
    }
    bool negative = is_numeric(call) ? arg[0].i128 < 0 : arg[0].i64 < 0;
    if (negative)
        return expr_neg(call, arg, out);
    *out = arg[0];
    return expr_fit(call, out);
}

bool expr_round(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_round(call, arg, out);
    out->f64 = rint(arg[0].f64);
    return true;
}

bool expr_trunc(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_trunc(call, arg, out);
    out->f64 = trunc(arg[0].f64);
    return true;
}

bool expr_floor(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_floor(call, arg, out);
    out->f64 = floor(arg[0].f64);
    return true;
}

bool expr_ceil(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric_ceil(call, arg, out);
    out->f64 = ceil(arg[0].f64);
    return true;
}

bool expr_sign(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (is_numeric(call))
        return expr_numeric(call, (arg[0].i128 > 0) - (arg[0].i128 < 0), 0, out);
    double value = arg[0].f64;
    out->f64 = isnan(value) ? 0.0 : (double)((value > 0) - (value < 0));
    return true;
}
