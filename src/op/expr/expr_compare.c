/* op/expr_compare: order and equality of single values, as PostgreSQL has it.
 *
 * Text is compared by bytes (collation "C"); NaN equals NaN and is above everything;
 * numerics compare by value whatever their scales.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "expr/expr_run.h"

static int order_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int order_f64(double a, double b)
{
    if (a != a || b != b)
        return (a != a) - (b != b);
    return (a > b) - (a < b);
}

int expr_compare_numeric(weir_i128 a, int a_scale, weir_i128 b, int b_scale)
{
    if (a_scale < b_scale && !weir_i128_rescale(a, a_scale, b_scale, &a))
        return a < 0 ? -1 : 1; /* too large for the finer scale: larger than any there */
    if (b_scale < a_scale && !weir_i128_rescale(b, b_scale, a_scale, &b))
        return b < 0 ? 1 : -1;
    return (a > b) - (a < b);
}

int expr_compare(weir_type_id type, const weir_datum *a, const weir_datum *b)
{
    switch (type) {
    case WEIR_T_BOOL:
        return a->boolean - b->boolean;
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        return order_f64(a->f64, b->f64);
    case WEIR_T_NUMERIC:
        return expr_compare_numeric(a->i128, a->scale, b->i128, b->scale);
    case WEIR_T_TEXT:
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        return weir_str_cmp(a->text, b->text);
    default:
        return order_i64(a->i64, b->i64);
    }
}

static int compare_args(const expr_call *call, const weir_datum *arg)
{
    return expr_compare((weir_type_id)call->expr->arg[0]->type.id, &arg[0], &arg[1]);
}

#define COMPARE_FUNCTION(name, op)                                                          \
    bool name(expr_call *call, const weir_datum *arg, weir_datum *out)                      \
    {                                                                                       \
        out->boolean = compare_args(call, arg) op 0;                                        \
        return true;                                                                        \
    }

COMPARE_FUNCTION(expr_eq, ==)
COMPARE_FUNCTION(expr_ne, !=)
COMPARE_FUNCTION(expr_lt, <)
COMPARE_FUNCTION(expr_le, <=)
COMPARE_FUNCTION(expr_gt, >)
COMPARE_FUNCTION(expr_ge, >=)

bool expr_distinct(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (arg[0].null || arg[1].null)
        out->boolean = arg[0].null != arg[1].null;
    else
        out->boolean = compare_args(call, arg) != 0;
    return true;
}

bool expr_not_distinct(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    bool ok = expr_distinct(call, arg, out);
    out->boolean = !out->boolean;
    return ok;
}

bool expr_fit(expr_call *call, weir_datum *value)
{
    if (call->expr->type.id != WEIR_T_NUMERIC)
        return true;
    return expr_numeric(call, value->i128, value->scale, value);
}

bool expr_nullif(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    bool same = !arg[0].null && !arg[1].null && compare_args(call, arg) == 0;
    *out = arg[0];
    out->null |= same;
    return out->null || expr_fit(call, out);
}

/* The largest (sign 1) or smallest (sign -1) that is not NULL. */
static bool pick(expr_call *call, const weir_datum *arg, int sign, weir_datum *out)
{
    weir_type_id type = (weir_type_id)call->expr->type.id;
    *out = (weir_datum){.null = true};
    for (uint32_t i = 0; i < call->expr->args; i++)
        if (!arg[i].null && (out->null || expr_compare(type, &arg[i], out) * sign > 0))
            *out = arg[i];
    return out->null || expr_fit(call, out);
}

bool expr_greatest(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return pick(call, arg, 1, out);
}

bool expr_least(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return pick(call, arg, -1, out);
}

bool expr_in(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_type_id type = (weir_type_id)call->expr->arg[0]->type.id;
    bool         any_null = arg[0].null;
    for (uint32_t i = 1; i < call->expr->args && !arg[0].null; i++) {
        any_null |= arg[i].null;
        if (!arg[i].null && expr_compare(type, &arg[0], &arg[i]) == 0) {
            out->boolean = true;
            return true;
        }
    }
    *out = (weir_datum){.null = any_null};
    return true;
}
