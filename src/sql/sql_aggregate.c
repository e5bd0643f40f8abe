/* sql/aggregate: count, sum, avg, min, max: their types, and what groups leave visible.
 *
 * Gives      sql_is_aggregate, sql_bind_aggregate, sql_regroup.
 * Always     1. two aggregates that compute the same are one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

static const char *const supported[] = {"count", "sum", "avg", "min", "max"};
static const char *const others[] = {"array_agg",
                                     "string_agg",
                                     "bool_and",
                                     "bool_or",
                                     "every",
                                     "stddev",
                                     "variance",
                                     "var_pop",
                                     "var_samp",
                                     "stddev_pop",
                                     "stddev_samp",
                                     "corr",
                                     "json_agg",
                                     "jsonb_agg",
                                     "bit_and",
                                     "bit_or",
                                     "mode",
                                     "first_value",
                                     "last_value",
                                     "any_value",
                                     "percentile_cont",
                                     "percentile_disc",
                                     "approx_count_distinct"};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

bool sql_is_aggregate(const char *name)
{
    return is_one_of(name, supported, sizeof supported / sizeof *supported) ||
           is_one_of(name, others, sizeof others / sizeof *others);
}

/* What stands around the call: the clause, an outer aggregate, OVER, ORDER BY. */
static bool allowed_here(sql_scope *scope, const PgQuery__FuncCall *call, const char *name)
{
    sql_job *job = scope->job;
    if (is_one_of(name, others, sizeof others / sizeof *others)) {
        sql_error(job, call->location, "aggregate function '%s' is not supported", name);
        sql_hint(job, "there are count, sum, avg, min and max");
    } else if (call->over != NULL) {
        sql_refuse_unbounded(job, call->location, "OVER");
        sql_hint(job, "group by a window: FROM tumble(t, time, interval '1 minute')");
    } else if (call->n_agg_order > 0 || call->agg_within_group) {
        sql_error(job, call->location, "ORDER BY in an aggregate is not supported");
    } else if (call->func_variadic) {
        sql_error(job, call->location, "VARIADIC is not supported");
    } else if (scope->inside) {
        sql_error(job, call->location, "aggregate function calls cannot be nested");
    } else if (scope->aggregates == NULL) {
        sql_error(job, call->location, "aggregate functions are not allowed in %s",
                  scope->clause);
        if (strcmp(scope->clause, "WHERE") == 0)
            sql_hint(job, "a condition on groups is HAVING");
    } else {
        return true;
    }
    return false;
}

static bool sum_type(weir_type arg, weir_type *out)
{
    switch ((weir_type_id)arg.id) {
    case WEIR_T_INT16:
    case WEIR_T_INT32:
        *out = weir_type_of(WEIR_T_INT64);
        return true;
    case WEIR_T_INT64:
        *out = sql_numeric(0);
        return true;
    case WEIR_T_NUMERIC:
        *out = sql_numeric(arg.scale);
        return true;
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        *out = arg;
        return true;
    default:
        return false;
    }
}

static bool result_type(const weir_aggregate *one, weir_type arg, weir_type *out)
{
    bool floats = arg.id == WEIR_T_FLOAT32 || arg.id == WEIR_T_FLOAT64;
    switch (one->fn) {
    case WEIR_AGG_COUNT_STAR:
    case WEIR_AGG_COUNT:
        *out = weir_type_of(WEIR_T_INT64);
        return !one->distinct || (arg.id != WEIR_T_JSONB && arg.id != WEIR_T_INTERVAL);
    case WEIR_AGG_SUM:
        return sum_type(arg, out);
    case WEIR_AGG_AVG:
        *out = floats ? weir_type_of(WEIR_T_FLOAT64) : sql_numeric(WEIR_SCALE_ANY);
        return weir_type_is_number(arg);
    default:
        *out = arg;
        return arg.id != WEIR_T_BOOL && arg.id != WEIR_T_JSONB && arg.id != WEIR_T_BYTEA &&
               arg.id != WEIR_T_INTERVAL;
    }
}

static weir_aggregate_fn function_of(const char *name, bool star)
{
    if (strcmp(name, "count") == 0)
        return star ? WEIR_AGG_COUNT_STAR : WEIR_AGG_COUNT;
    if (strcmp(name, "sum") == 0)
        return WEIR_AGG_SUM;
    if (strcmp(name, "avg") == 0)
        return WEIR_AGG_AVG;
    return strcmp(name, "min") == 0 ? WEIR_AGG_MIN : WEIR_AGG_MAX;
}

static bool bind_argument(sql_scope *scope, const PgQuery__FuncCall *call, const char *name,
                          weir_aggregate *out)
{
    sql_job *job = scope->job;
    if (call->agg_star && strcmp(name, "count") != 0) {
        sql_error(job, call->location, "%s(*) does not exist", name);
        sql_hint(job, "name a column: %s(x)", name);
        return false;
    }
    if (!call->agg_star && call->n_args != 1) {
        sql_error(job, call->location, "%s takes one argument", name);
        if (call->n_args == 0 && strcmp(name, "count") == 0)
            sql_hint(job, "did you mean count(*)?");
        return false;
    }
    out->fn = function_of(name, call->agg_star);
    bool extreme = out->fn == WEIR_AGG_MIN || out->fn == WEIR_AGG_MAX;
    out->distinct = call->agg_distinct && !extreme; /* the same with and without */
    if (!call->agg_star)
        out->arg = sql_bind_value(scope, call->args[0]);
    if (!call->agg_star && out->arg == NULL)
        return false;
    weir_type type = out->arg != NULL ? out->arg->type : weir_type_of(WEIR_T_UNKNOWN);
    if (result_type(out, type, &out->type))
        return true;
    sql_error(job, call->location, "function %s(%s%s) does not exist", name,
              out->distinct ? "DISTINCT " : "", sql_type_text(job, type));
    if (type.id == WEIR_T_TEXT || type.id == WEIR_T_JSONB)
        sql_hint(job, "cast the argument: %s(CAST(x AS numeric))", name);
    else if (type.id == WEIR_T_BOOL)
        sql_hint(job, "count rows with count(*) FILTER (WHERE x)");
    return false;
}

static bool same_optional(const weir_expr *a, const weir_expr *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return weir_expr_same(a, b);
}

static uint32_t find_or_add(sql_job *job, sql_aggregates *list, const weir_aggregate *one)
{
    for (uint32_t i = 0; i < list->count; i++) {
        const weir_aggregate *other = &list->aggregate[i];
        if (other->fn == one->fn && other->distinct == one->distinct &&
            same_optional(other->arg, one->arg) &&
            same_optional(other->filter, one->filter))
            return i; /* aggregate 1 */
    }
    if (list->count == list->room) {
        uint32_t        room = list->room * 2 + 8;
        weir_aggregate *more = WEIR_ARRAY(job->arena, weir_aggregate, room);
        if (list->count > 0)
            memcpy(more, list->aggregate, sizeof *more * list->count);
        list->aggregate = more;
        list->room = room;
    }
    list->aggregate[list->count] = *one;
    return list->count++;
}

const weir_expr *sql_bind_aggregate(sql_scope *scope, const PgQuery__FuncCall *call)
{
    sql_job       *job = scope->job;
    const char    *name = sql_last_name(call->funcname, call->n_funcname);
    weir_aggregate one = {0};
    if (!allowed_here(scope, call, name))
        return NULL;
    const char *clause = scope->clause;
    scope->inside = true;
    bool bound = bind_argument(scope, call, name, &one);
    scope->clause = "FILTER";
    if (call->agg_filter != NULL)
        one.filter = sql_bind_condition(scope, call->agg_filter);
    scope->inside = false;
    scope->clause = clause;
    if (!bound || (call->agg_filter != NULL && one.filter == NULL))
        return NULL;
    weir_expr *expr = WEIR_NEW(job->arena, weir_expr);
    expr->kind = WEIR_EXPR_COLUMN;
    expr->type = one.type;
    expr->column = SQL_AGGREGATE_BIT | find_or_add(job, scope->aggregates, &one);
    expr->sql_at = sql_origin(job, call->location);
    return expr;
}

static weir_expr *group_column(sql_job *job, const weir_expr *expr, uint32_t column)
{
    weir_expr *copy = WEIR_NEW(job->arena, weir_expr);
    copy->kind = WEIR_EXPR_COLUMN;
    copy->type = expr->type;
    copy->sql_at = expr->sql_at;
    copy->column = column;
    return copy;
}

const weir_expr *sql_regroup(sql_job *job, const sql_groups *groups, const weir_expr *expr)
{
    for (uint32_t i = 0; i < groups->count; i++)
        if (expr->kind != WEIR_EXPR_CONST && weir_expr_same(expr, groups->expr[i]))
            return group_column(job, expr, i);
    if (expr->kind == WEIR_EXPR_CONST)
        return expr;
    if (expr->kind == WEIR_EXPR_COLUMN && (expr->column & SQL_AGGREGATE_BIT) != 0)
        return group_column(job, expr, groups->count + (expr->column & ~SQL_AGGREGATE_BIT));
    if (expr->kind == WEIR_EXPR_COLUMN) {
        weir_str name = groups->schema->field[expr->column].name;
        sql_error_bound(job, expr,
                        "column '%.*s' must appear in the GROUP BY clause or be used in an "
                        "aggregate function",
                        WEIR_STR_FMT(name));
        return NULL;
    }
    weir_expr *copy = WEIR_NEW(job->arena, weir_expr);
    bool       failed = false;
    *copy = *expr;
    copy->arg = WEIR_ARRAY(job->arena, const weir_expr *, expr->args);
    for (uint32_t i = 0; i < expr->args; i++) {
        copy->arg[i] = sql_regroup(job, groups, expr->arg[i]);
        failed = failed || copy->arg[i] == NULL;
    }
    return failed ? NULL : copy;
}
