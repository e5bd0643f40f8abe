/* sql/group: GROUP BY, HAVING and DISTINCT: one aggregate node, and what is above it.
 *
 * Gives      sql_group, sql_distinct.
 * Always     1. groups of a windowed table hold window_start or window_end, so that every
 *               group belongs to one window.
 *            2. the aggregate's output is its groups, then its aggregates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

static bool has_aggregate(const weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_COLUMN)
        return (expr->column & SQL_AGGREGATE_BIT) != 0;
    for (uint32_t i = 0; i < expr->args; i++)
        if (has_aggregate(expr->arg[i]))
            return true;
    return false;
}

static const weir_expr *group_by_position(sql_job *job, const sql_query *query,
                                          const PgQuery__AConst *node)
{
    if (node->isnull || node->val_case != PG_QUERY__A__CONST__VAL_IVAL) {
        sql_error(job, node->location, "non-integer constant in GROUP BY");
        return NULL;
    }
    int32_t position = node->ival->ival;
    if (position < 1 || (uint32_t)position > query->count) {
        sql_error(job, node->location, "GROUP BY position %d is not in select list",
                  position);
        return NULL;
    }
    return query->column[position - 1];
}

/* A name that is no column of the input may be that of an output column. */
static const weir_expr *group_by_name(const sql_query *query, const sql_node *node)
{
    if (!SQL_IS(node, COLUMN_REF) || node->column_ref->n_fields != 1)
        return NULL;
    const char *name = sql_node_text(node->column_ref->fields[0]);
    for (uint32_t i = 0; i < query->input.schema.count; i++)
        if (weir_str_is(query->input.schema.field[i].name, name))
            return NULL;
    for (uint32_t i = 0; i < query->count; i++)
        if (weir_str_is(query->name[i], name))
            return query->column[i];
    return NULL;
}

static const weir_expr *bind_group(sql_job *job, const sql_query *query,
                                   const sql_node *node)
{
    sql_scope        scope = {.job = job, .from = &query->input, .clause = "GROUP BY"};
    int32_t          at = sql_node_at(node, 0);
    const weir_expr *expr = NULL;
    if (SQL_IS(node, A_CONST))
        expr = group_by_position(job, query, node->a_const);
    else if ((expr = group_by_name(query, node)) == NULL)
        expr = sql_bind_value(&scope, node);
    if (expr == NULL)
        return NULL;
    if (has_aggregate(expr)) {
        sql_error(job, at, "aggregate functions are not allowed in GROUP BY");
        return NULL;
    }
    if (expr->type.id == WEIR_T_JSONB || expr->type.id == WEIR_T_INTERVAL) {
        sql_error(job, at, "values of type %s cannot be grouped",
                  sql_type_text(job, expr->type));
        if (expr->type.id == WEIR_T_JSONB)
            sql_hint(job, "take a value out with ->>");
        return NULL;
    }
    return expr;
}

static bool bind_groups(sql_job *job, const sql_query *query,
                        const PgQuery__SelectStmt *select, sql_groups *out)
{
    bool failed = false;
    out->schema = &query->input.schema;
    out->expr = WEIR_ARRAY(job->arena, const weir_expr *, select->n_group_clause);
    for (size_t i = 0; i < select->n_group_clause; i++) {
        const weir_expr *expr = bind_group(job, query, select->group_clause[i]);
        bool             again = false;
        failed = failed || expr == NULL;
        for (uint32_t k = 0; k < out->count && expr != NULL; k++)
            again = again || weir_expr_same(expr, out->expr[k]);
        if (expr != NULL && !again)
            out->expr[out->count++] = expr;
    }
    return !failed;
}

/* The input with a column for the window's end, which a view may have left out. */
static uint32_t window_end_column(sql_job *job, sql_query *query, uint32_t start)
{
    sql_relation *input = &query->input;
    for (uint32_t i = 0; i < input->schema.count; i++)
        if (input->fact[i].window == SQL_WINDOW_END)
            return i;
    weir_node  node = {.kind = WEIR_NODE_PROJECT,
                       .input = input->node,
                       .table = WEIR_NONE,
                       .window_end = WEIR_NONE,
                       .sql_at = query->column[0]->sql_at};
    uint32_t   count = input->schema.count;
    sql_fact  *fact = WEIR_ARRAY(job->arena, sql_fact, count + 1);
    weir_expr *size = WEIR_NEW(job->arena, weir_expr);
    *size = (weir_expr){
        .kind = WEIR_EXPR_CONST, .type = weir_type_of(WEIR_T_INTERVAL), .sql_at = -1};
    size->value.interval.us = input->size_us;
    node.column = WEIR_ARRAY(job->arena, const weir_expr *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        weir_expr *column = WEIR_NEW(job->arena, weir_expr);
        *column = (weir_expr){.kind = WEIR_EXPR_COLUMN,
                              .type = input->schema.field[i].type,
                              .column = i,
                              .sql_at = -1};
        node.column[i] = column;
        fact[i] = input->fact[i];
    }
    sql_call end = {WEIR_FN_TIME_ADD,
                    input->schema.field[start].type,
                    -1,
                    2,
                    {node.column[start], size}};
    node.column[count] = sql_call_new(job, &end);
    node.schema = sql_schema_copy(job, &input->schema, 1);
    node.schema.field[count] =
        (weir_field){.name = WEIR_STR("window_end"), .type = end.type};
    node.schema.count = count + 1;
    fact[count] = (sql_fact){.window = SQL_WINDOW_END};
    input->schema = node.schema;
    input->fact = fact;
    input->node = sql_node_add(job, &node, query->base);
    return count;
}

/* Finds out whether the groups are of a window, and where its end is; false: an error. */
static bool find_window(sql_job *job, sql_query *query, const sql_groups *groups,
                        int32_t at, uint32_t *out_end)
{
    const sql_relation *input = &query->input;
    bool                windowed = false;
    *out_end = WEIR_NONE;
    for (uint32_t i = 0; i < groups->count; i++) {
        const weir_expr *expr = groups->expr[i];
        if (expr->kind != WEIR_EXPR_COLUMN ||
            input->fact[expr->column].window == SQL_WINDOW_NOT)
            continue;
        *out_end = input->fact[expr->column].window == SQL_WINDOW_END
                       ? expr->column
                       : window_end_column(job, query, expr->column);
        return query->input.node != WEIR_NONE;
    }
    for (uint32_t i = 0; i < input->schema.count; i++)
        windowed = windowed || input->fact[i].window != SQL_WINDOW_NOT;
    if (windowed) { /* group 1 */
        sql_error(job, at,
                  "the groups of a windowed table must include window_start or "
                  "window_end");
        sql_hint(job, "GROUP BY window_start, …; or read the table without tumble()");
    }
    return !windowed;
}

/* "sum(amount)", "count(DISTINCT x) FILTER (WHERE …)": names the aggregate's column. */
static weir_str aggregate_name(sql_job *job, const weir_aggregate *one,
                               const weir_schema *schema)
{
    weir_buf buf = {0};
    sql_print_aggregate(&buf, one, schema);
    weir_str name = weir_str_copy(job->arena, weir_buf_view(&buf));
    weir_buf_done(&buf);
    return name;
}

static weir_str group_name(sql_job *job, const weir_expr *expr, const weir_schema *schema)
{
    weir_buf buf = {0};
    weir_expr_print(&buf, expr, schema);
    weir_str name = expr->kind == WEIR_EXPR_COLUMN
                        ? schema->field[expr->column].name
                        : weir_str_copy(job->arena, weir_buf_view(&buf));
    weir_buf_done(&buf);
    return name;
}

/* Facts of the output: each group is a part of the key; the two ends of one window are
   the same part. */
static void key_facts(const sql_relation *input, const sql_groups *groups,
                      sql_relation *out)
{
    uint32_t window_part = 0;
    for (uint32_t i = 0; i < groups->count; i++) {
        const weir_expr *expr = groups->expr[i];
        sql_window_part  window = expr->kind == WEIR_EXPR_COLUMN
                                      ? input->fact[expr->column].window
                                      : SQL_WINDOW_NOT;
        if (window != SQL_WINDOW_NOT && window_part != 0) {
            out->fact[i].key = window_part;
        } else {
            out->fact[i].key = ++out->keys;
            if (window != SQL_WINDOW_NOT)
                window_part = out->keys;
        }
    }
}

static bool add_aggregate(sql_job *job, sql_query *query, const sql_groups *groups,
                          const sql_grouping *grouping)
{
    sql_relation  *input = &query->input;
    sql_aggregates list =
        grouping->aggregates != NULL ? *grouping->aggregates : (sql_aggregates){0};
    weir_node node = {.kind = WEIR_NODE_AGGREGATE,
                      .table = WEIR_NONE,
                      .sql_at = sql_origin(job, grouping->at),
                      .column = groups->expr,
                      .groups = groups->count,
                      .aggregate = list.aggregate,
                      .aggregates = list.count};
    uint32_t  count = groups->count + list.count;
    if (!find_window(job, query, groups, grouping->at, &node.window_end))
        return false;
    node.input = input->node;
    node.schema = (weir_schema){count, WEIR_ARRAY(job->arena, weir_field, count + 1)};
    for (uint32_t i = 0; i < groups->count; i++)
        node.schema.field[i] =
            (weir_field){.name = group_name(job, groups->expr[i], &input->schema),
                         .type = groups->expr[i]->type};
    for (uint32_t i = 0; i < list.count; i++)
        node.schema.field[groups->count + i] =
            (weir_field){.name = aggregate_name(job, &list.aggregate[i], &input->schema),
                         .type = list.aggregate[i].type};
    sql_relation out = {.schema = node.schema,
                        .source = input->source,
                        .changelog = true,
                        .aggregated = true,
                        .windowed = node.window_end != WEIR_NONE,
                        .fact = WEIR_ARRAY(job->arena, sql_fact, count + 1)};
    key_facts(input, groups, &out);
    out.node = sql_node_add(job, &node, query->base);
    query->input = out;
    return out.node != WEIR_NONE;
}

static bool refuse_second(sql_job *job, const sql_query *query, const char *what,
                          int32_t at)
{
    if (!query->input.aggregated)
        return true;
    sql_error(job, at, "%s over an aggregate is not supported yet", what);
    sql_hint(job, "write one GROUP BY over the source table");
    return false;
}

bool sql_group(sql_job *job, sql_query *query, const sql_grouping *grouping)
{
    sql_groups groups = {0};
    if (!refuse_second(job, query, "an aggregate", grouping->at) ||
        !bind_groups(job, query, grouping->select, &groups))
        return false;
    weir_schema schema = query->input.schema; /* the input changes under it */
    groups.schema = &schema;
    bool failed = false;
    for (uint32_t i = 0; i < query->count; i++) {
        query->column[i] = sql_regroup(job, &groups, query->column[i]);
        failed = failed || query->column[i] == NULL;
    }
    const weir_expr *having = grouping->having;
    if (having != NULL)
        having = sql_regroup(job, &groups, having);
    if (failed || (grouping->having != NULL && having == NULL))
        return false;
    if (!add_aggregate(job, query, &groups, grouping))
        return false;
    return having == NULL || sql_filter(job, &query->input, having, query->base);
}

bool sql_distinct(sql_job *job, sql_query *query, int32_t at)
{
    sql_groups   groups = {.expr = query->column, .schema = &query->input.schema};
    sql_grouping grouping = {.at = at};
    if (!refuse_second(job, query, "DISTINCT", at))
        return false;
    groups.expr = WEIR_ARRAY(job->arena, const weir_expr *, query->count);
    for (uint32_t i = 0; i < query->count; i++) {
        const weir_expr *expr = query->column[i];
        uint32_t         k = 0;
        if (expr->type.id == WEIR_T_JSONB || expr->type.id == WEIR_T_INTERVAL) {
            sql_error(job, query->at[i], "values of type %s cannot be made DISTINCT",
                      sql_type_text(job, expr->type));
            return false;
        }
        while (k < groups.count && !weir_expr_same(expr, groups.expr[k]))
            k++;
        if (k == groups.count)
            groups.expr[groups.count++] = expr;
        weir_expr *column = WEIR_NEW(job->arena, weir_expr);
        *column = (weir_expr){.kind = WEIR_EXPR_COLUMN,
                              .type = expr->type,
                              .column = k,
                              .sql_at = expr->sql_at};
        query->column[i] = column;
    }
    return add_aggregate(job, query, &groups, &grouping);
}
