/* sql/predicate: binds what is written between operands: symbols, IN, BETWEEN, LIKE.
 *
 * Gives      sql_bind_operator.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

#include <string.h>

static const weir_expr *bind_in(sql_scope *scope, const PgQuery__AExpr *node)
{
    sql_job             *job = scope->job;
    const PgQuery__List *list = node->rexpr->list;
    uint32_t             count = (uint32_t)list->n_items + 1;
    const weir_expr    **arg = WEIR_ARRAY(job->arena, const weir_expr *, count);
    weir_type            type;
    arg[0] = sql_bind(scope, node->lexpr);
    bool bound = sql_bind_list(scope, list->items, list->n_items, arg + 1);
    if (!bound || arg[0] == NULL ||
        !sql_unify(job, "IN", arg, count, &type, node->location))
        return NULL;
    if (type.id == WEIR_T_JSONB || type.id == WEIR_T_INTERVAL)
        return sql_no_operator(job, "=", arg[0], arg[1], node->location);
    sql_call head = {WEIR_FN_IN, weir_type_of(WEIR_T_BOOL), node->location, count, {NULL}};
    const weir_expr *in = sql_call_list(job, &head, arg);
    bool             negated = strcmp(sql_last_name(node->name, node->n_name), "<>") == 0;
    return negated ? sql_not(job, in, node->location) : in;
}

/* low <= x AND x <= high; with NOT: x < low OR x > high. */
static const weir_expr *between(sql_job *job, bool negated, const weir_expr *const x[3],
                                int32_t at)
{
    const weir_expr *low = sql_operate(job, negated ? "<" : ">=", x[0], x[1], at);
    const weir_expr *high = sql_operate(job, negated ? ">" : "<=", x[0], x[2], at);
    sql_call         call = {
                negated ? WEIR_FN_OR : WEIR_FN_AND, weir_type_of(WEIR_T_BOOL), at, 2, {low, high}};
    return low != NULL && high != NULL ? sql_call_new(job, &call) : NULL;
}

static const weir_expr *bind_between(sql_scope *scope, const PgQuery__AExpr *node)
{
    sql_job *job = scope->job;
    bool     negated = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN ||
                   node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    bool symmetric = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM ||
                     node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM;
    const weir_expr *x[3] = {sql_bind(scope, node->lexpr),
                             sql_bind(scope, node->rexpr->list->items[0]),
                             sql_bind(scope, node->rexpr->list->items[1])};
    if (x[0] == NULL || x[1] == NULL || x[2] == NULL)
        return NULL;
    const weir_expr *one = between(job, negated, x, node->location);
    if (!symmetric)
        return one;
    const weir_expr *swapped[3] = {x[0], x[2], x[1]};
    const weir_expr *other = between(job, negated, swapped, node->location);
    sql_call         call = {negated ? WEIR_FN_AND : WEIR_FN_OR,
                     weir_type_of(WEIR_T_BOOL),
                     node->location,
                     2,
                     {one, other}};
    return one != NULL && other != NULL ? sql_call_new(job, &call) : NULL;
}

/* The pattern, and the escape of LIKE … ESCAPE (a backslash when none is said). */
static bool bind_pattern(sql_scope *scope, const sql_node *node, const weir_expr *out[2])
{
    weir_type text = weir_type_of(WEIR_T_TEXT);
    int32_t   at = sql_node_at(node, 0);
    out[1] = sql_const_text(scope->job, WEIR_STR("\\"), at);
    if (SQL_IS(node, FUNC_CALL) && node->func_call->n_args == 2 &&
        strcmp(sql_last_name(node->func_call->funcname, node->func_call->n_funcname),
               "like_escape") == 0) {
        const weir_expr *escape = sql_bind_value(scope, node->func_call->args[1]);
        if (escape == NULL)
            return false;
        if (escape->kind != WEIR_EXPR_CONST || escape->type.id != WEIR_T_TEXT ||
            escape->value.null || escape->value.text.len > 1) {
            sql_error(scope->job, sql_node_at(node->func_call->args[1], at),
                      "ESCAPE takes one character or ''");
            return false;
        }
        out[1] = escape;
        node = node->func_call->args[0];
    }
    out[0] = sql_bind(scope, node);
    if (out[0] == NULL)
        return false;
    if (!sql_can_cast(out[0]->type, text, SQL_IMPLICIT)) {
        sql_error(scope->job, at, "the pattern of LIKE must be text, not %s",
                  sql_type_text(scope->job, out[0]->type));
        return false;
    }
    out[0] = sql_cast(scope->job, out[0], text, SQL_IMPLICIT);
    return out[0] != NULL;
}

static const weir_expr *bind_like(sql_scope *scope, const PgQuery__AExpr *node)
{
    sql_job         *job = scope->job;
    const char      *name = sql_last_name(node->name, node->n_name); /* ~~ !~~ ~~* !~~* */
    bool             any_case = node->kind == PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE;
    const weir_expr *pattern[2];
    const weir_expr *text = sql_bind(scope, node->lexpr);
    if (!bind_pattern(scope, node->rexpr, pattern) || text == NULL)
        return NULL;
    if (!sql_can_cast(text->type, weir_type_of(WEIR_T_TEXT), SQL_IMPLICIT)) {
        sql_error(job, node->location, "operator does not exist: %s %s text",
                  sql_type_text(job, text->type), any_case ? "ILIKE" : "LIKE");
        sql_hint(job, "cast the left side: CAST(x AS text)");
        return NULL;
    }
    text = sql_cast(job, text, weir_type_of(WEIR_T_TEXT), SQL_IMPLICIT);
    sql_call call = {any_case ? WEIR_FN_ILIKE : WEIR_FN_LIKE,
                     weir_type_of(WEIR_T_BOOL),
                     node->location,
                     3,
                     {text, pattern[0], pattern[1]}};
    const weir_expr *like = text != NULL ? sql_call_new(job, &call) : NULL;
    return name[0] == '!' ? sql_not(job, like, node->location) : like;
}

static const weir_expr *bind_symbol(sql_scope *scope, const PgQuery__AExpr *node,
                                    const char *name)
{
    const weir_expr *left = node->lexpr != NULL ? sql_bind(scope, node->lexpr) : NULL;
    const weir_expr *right = sql_bind(scope, node->rexpr);
    if (right == NULL || (node->lexpr != NULL && left == NULL))
        return NULL;
    if (node->n_name > 1) {
        sql_error(scope->job, node->location, "OPERATOR(schema.name) is not supported");
        return NULL;
    }
    if (node->lexpr != NULL)
        return sql_operate(scope->job, name, left, right, node->location);
    if (strcmp(name, "-") == 0)
        return sql_negate(scope->job, right, node->location);
    if (strcmp(name, "+") == 0 && weir_type_is_number(right->type))
        return right;
    return sql_no_operator(scope->job, name, NULL, right, node->location);
}

const weir_expr *sql_bind_operator(sql_scope *scope, const PgQuery__AExpr *node)
{
    switch (node->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP:
        return bind_symbol(scope, node, sql_last_name(node->name, node->n_name));
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
        return bind_symbol(scope, node, "IS DISTINCT FROM");
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        return bind_symbol(scope, node, "IS NOT DISTINCT FROM");
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
        return bind_symbol(scope, node, "NULLIF");
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
        return bind_in(scope, node);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
        return bind_like(scope, node);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
        return bind_between(scope, node);
    case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
        sql_error(scope->job, node->location, "SIMILAR TO is not supported");
        sql_hint(scope->job, "use LIKE or ILIKE");
        return NULL;
    default:
        sql_error(scope->job, node->location, "ANY and ALL are not supported");
        sql_hint(scope->job, "use IN (…)");
        return NULL;
    }
}
