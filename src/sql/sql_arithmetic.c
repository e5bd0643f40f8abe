/* sql/arithmetic: + - * / % over numbers, dates and times, and the type of the result.
 *
 * Gives      sql_arithmetic, sql_negate.
 * Always     1. a numeric result has the scale that PostgreSQL would show: the larger of
 *               two for + - %, their sum for *, any for /.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

static bool is_time(weir_type type)
{
    return type.id == WEIR_T_DATE || type.id == WEIR_T_TIME ||
           type.id == WEIR_T_TIMESTAMP || type.id == WEIR_T_TIMESTAMPTZ;
}

static weir_function function_of(char symbol)
{
    switch (symbol) {
    case '+':
        return WEIR_FN_ADD;
    case '-':
        return WEIR_FN_SUB;
    case '*':
        return WEIR_FN_MUL;
    case '/':
        return WEIR_FN_DIV;
    default:
        return WEIR_FN_MOD;
    }
}

static weir_type numeric_result(char symbol, weir_type a, weir_type b)
{
    if (symbol == '/' || a.scale == WEIR_SCALE_ANY || b.scale == WEIR_SCALE_ANY)
        return sql_numeric(WEIR_SCALE_ANY);
    uint8_t sum = (uint8_t)(a.scale + b.scale);
    if (symbol == '*')
        return sql_numeric(sum <= WEIR_NUMERIC_DIGITS ? sum : WEIR_SCALE_ANY);
    return sql_numeric(a.scale > b.scale ? a.scale : b.scale); /* arithmetic 1 */
}

static const weir_expr *numbers(sql_job *job, char symbol, const weir_expr *left,
                                const weir_expr *right, int32_t at)
{
    weir_type type = sql_common_number(left->type, right->type);
    if (symbol == '%' && (type.id == WEIR_T_FLOAT32 || type.id == WEIR_T_FLOAT64))
        return sql_no_operator(job, "%", left, right, at);
    weir_type        to = weir_type_of((weir_type_id)type.id);
    const weir_expr *a = sql_cast(job, left, to, SQL_IMPLICIT);
    const weir_expr *b = sql_cast(job, right, to, SQL_IMPLICIT);
    if (a == NULL || b == NULL)
        return NULL;
    if (type.id == WEIR_T_NUMERIC)
        type = numeric_result(symbol, a->type, b->type);
    sql_call call = {function_of(symbol), type, at, 2, {a, b}};
    return sql_call_new(job, &call);
}

static const weir_expr *negated_interval(sql_job *job, const weir_expr *expr)
{
    weir_expr *copy = WEIR_NEW(job->arena, weir_expr);
    *copy = *expr;
    if (expr->value.null)
        return copy;
    copy->value.interval.months = -expr->value.interval.months;
    copy->value.interval.days = -expr->value.interval.days;
    copy->value.interval.us = -expr->value.interval.us;
    return copy;
}

static const weir_expr *time_and_interval(sql_job *job, char symbol, const weir_expr *time,
                                          const weir_expr *interval, int32_t at)
{
    if (interval->kind != WEIR_EXPR_CONST) {
        sql_error(job, at, "only a constant interval can be added");
        return NULL;
    }
    if (time->type.id == WEIR_T_DATE)
        time = sql_cast(job, time, weir_type_of(WEIR_T_TIMESTAMP), SQL_IMPLICIT);
    if (symbol == '-')
        interval = negated_interval(job, interval);
    if (time == NULL || interval == NULL)
        return NULL;
    sql_call call = {WEIR_FN_TIME_ADD, time->type, at, 2, {time, interval}};
    return sql_call_new(job, &call);
}

static const weir_expr *days(sql_job *job, char symbol, const weir_expr *date,
                             const weir_expr *count, int32_t at)
{
    count = sql_cast(job, count, weir_type_of(WEIR_T_INT32), SQL_IMPLICIT);
    if (symbol == '-')
        count = sql_negate(job, count, at);
    sql_call call = {WEIR_FN_DATE_ADD_DAYS, date->type, at, 2, {date, count}};
    return count != NULL ? sql_call_new(job, &call) : NULL;
}

static const weir_expr *times(sql_job *job, const char *name, const weir_expr *left,
                              const weir_expr *right, int32_t at)
{
    weir_type a = left->type;
    weir_type b = right->type;
    char      symbol = name[0];
    bool      plus = symbol == '+';
    if (symbol != '-' && !plus)
        return sql_no_operator(job, name, left, right, at);
    if (b.id == WEIR_T_INTERVAL && is_time(a))
        return time_and_interval(job, symbol, left, right, at);
    if (plus && a.id == WEIR_T_INTERVAL && is_time(b))
        return time_and_interval(job, symbol, right, left, at);
    if (plus && sql_is_unknown(right) && is_time(a) && a.id != WEIR_T_DATE)
        return time_and_interval(
            job, symbol, left,
            sql_cast(job, right, weir_type_of(WEIR_T_INTERVAL), SQL_IMPLICIT), at);
    if (a.id == WEIR_T_DATE && (b.id == WEIR_T_INT16 || b.id == WEIR_T_INT32))
        return days(job, symbol, left, right, at);
    if (plus && b.id == WEIR_T_DATE && (a.id == WEIR_T_INT16 || a.id == WEIR_T_INT32))
        return days(job, symbol, right, left, at);
    if (!plus && a.id == WEIR_T_DATE && (b.id == WEIR_T_DATE || sql_is_unknown(right))) {
        sql_call call = {WEIR_FN_DATE_DIFF,
                         weir_type_of(WEIR_T_INT32),
                         at,
                         2,
                         {left, sql_cast(job, right, a, SQL_IMPLICIT)}};
        return call.arg[1] != NULL ? sql_call_new(job, &call) : NULL;
    }
    if (!plus && is_time(a) && is_time(b)) {
        sql_error(job, at, "%s - %s gives an interval, and intervals can only be constants",
                  sql_type_text(job, a), sql_type_text(job, b));
        sql_hint(job, "subtract seconds: extract(epoch from x) - extract(epoch from y)");
        return NULL;
    }
    return sql_no_operator(job, name, left, right, at);
}

const weir_expr *sql_arithmetic(sql_job *job, const char *name, const weir_expr *left,
                                const weir_expr *right, int32_t at)
{
    if (is_time(left->type) || is_time(right->type))
        return times(job, name, left, right, at);
    if (sql_is_unknown(left) && weir_type_is_number(right->type))
        left =
            sql_cast(job, left, weir_type_of((weir_type_id)right->type.id), SQL_IMPLICIT);
    else if (sql_is_unknown(right) && weir_type_is_number(left->type))
        right =
            sql_cast(job, right, weir_type_of((weir_type_id)left->type.id), SQL_IMPLICIT);
    if (left == NULL || right == NULL)
        return NULL;
    if (weir_type_is_number(left->type) && weir_type_is_number(right->type))
        return numbers(job, name[0], left, right, at);
    return sql_no_operator(job, name, left, right, at);
}

const weir_expr *sql_negate(sql_job *job, const weir_expr *arg, int32_t at)
{
    if (arg == NULL)
        return NULL;
    if (arg->type.id == WEIR_T_INTERVAL && arg->kind == WEIR_EXPR_CONST)
        return negated_interval(job, arg);
    if (sql_is_unknown(arg))
        arg = sql_cast(job, arg, weir_type_of(WEIR_T_FLOAT64), SQL_IMPLICIT);
    if (arg == NULL)
        return NULL;
    if (!weir_type_is_number(arg->type))
        return sql_no_operator(job, "-", NULL, arg, at);
    sql_call call = {WEIR_FN_NEG, arg->type, at, 1, {arg}};
    return sql_call_new(job, &call);
}
