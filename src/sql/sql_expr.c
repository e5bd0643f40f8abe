/* sql/expr: binds one node of the tree: columns, constants, logic, CASE, casts.
 *
 * Gives      sql_bind, sql_bind_value, sql_bind_condition, sql_bind_list, sql_unify,
 *            sql_find_column.
 * Always     1. nesting is at most WEIR_EXPR_DEPTH_MAX.
 *            2. a node that is not known here is an error that names it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

#include <string.h>

uint32_t sql_find_column(sql_scope *scope, const PgQuery__ColumnRef *ref)
{
    sql_job           *job = scope->job;
    const weir_schema *schema = &scope->from->schema;
    const char        *name = sql_last_name(ref->fields, ref->n_fields);
    const char        *names[WEIR_COLUMNS_MAX + 2];
    if (ref->n_fields > 2) {
        sql_error(job, ref->location, "a column name in a schema is not supported");
        return WEIR_NONE;
    }
    if (ref->n_fields == 2 &&
        !weir_str_is(scope->from->name, sql_node_text(ref->fields[0]))) {
        sql_error(job, ref->location, "'%s' is not in FROM", sql_node_text(ref->fields[0]));
        if (scope->from->name.len > 0)
            sql_hint(job, "the table here is called '%.*s'",
                     WEIR_STR_FMT(scope->from->name));
        return WEIR_NONE;
    }
    for (uint32_t i = 0; i < schema->count; i++) {
        if (weir_str_is(schema->field[i].name, name))
            return i;
        names[i] = weir_str_copy(job->arena, schema->field[i].name).at;
    }
    sql_error(job, ref->location, "column '%s' does not exist", name);
    if (!sql_hint_nearest(job, weir_str_of(name), names, schema->count) &&
        (strcmp(name, "window_start") == 0 || strcmp(name, "window_end") == 0))
        sql_hint(job,
                 "a window function adds it: FROM tumble(t, time, interval '1 minute')");
    return WEIR_NONE;
}

static const weir_expr *bind_column(sql_scope *scope, const PgQuery__ColumnRef *ref)
{
    if (SQL_IS(ref->fields[ref->n_fields - 1], A_STAR)) {
        sql_error(scope->job, ref->location, "* cannot stand inside an expression");
        return NULL;
    }
    uint32_t column = sql_find_column(scope, ref);
    if (column == WEIR_NONE)
        return NULL;
    weir_expr *expr = WEIR_NEW(scope->job->arena, weir_expr);
    expr->kind = WEIR_EXPR_COLUMN;
    expr->type = scope->from->schema.field[column].type;
    expr->column = column;
    expr->sql_at = sql_origin(scope->job, ref->location);
    return expr;
}

/* 1.50 is a numeric of scale 2, 1e6 of scale 0, 3000000000 a bigint. */
static const weir_expr *bind_decimal(sql_job *job, weir_expr *expr, const char *text)
{
    weir_str  digits = weir_str_of(text);
    int       scale = 0;
    weir_i128 value;
    int64_t   whole;
    if (weir_str_to_i64(digits, &whole)) {
        bool small = whole == INT32_MIN; /* -2147483648 comes as a long number */
        expr->type = weir_type_of(small ? WEIR_T_INT32 : WEIR_T_INT64);
        expr->value.i64 = whole;
        return expr;
    }
    if (!weir_numeric_parse(digits, &value, &scale) || scale > WEIR_NUMERIC_DIGITS) {
        sql_error(job, expr->sql_at, "number %s is out of range", text);
        sql_hint(job, "numeric has %d digits", WEIR_NUMERIC_DIGITS);
        return NULL;
    }
    expr->type = sql_numeric((uint8_t)scale);
    expr->value.i128 = value;
    expr->value.scale = (uint8_t)scale;
    return expr;
}

static const weir_expr *bind_const(sql_job *job, const PgQuery__AConst *node)
{
    weir_expr *expr = WEIR_NEW(job->arena, weir_expr);
    expr->kind = WEIR_EXPR_CONST;
    expr->sql_at = node->location; /* turned into the user's below */
    if (node->isnull) {
        expr->value.null = true;
        expr->type = weir_type_of(WEIR_T_UNKNOWN);
    } else if (node->val_case == PG_QUERY__A__CONST__VAL_IVAL) {
        expr->type = weir_type_of(WEIR_T_INT32);
        expr->value.i64 = node->ival->ival;
    } else if (node->val_case == PG_QUERY__A__CONST__VAL_FVAL) {
        if (bind_decimal(job, expr, node->fval->fval) == NULL)
            return NULL;
    } else if (node->val_case == PG_QUERY__A__CONST__VAL_BOOLVAL) {
        expr->type = weir_type_of(WEIR_T_BOOL);
        expr->value.boolean = node->boolval->boolval;
    } else if (node->val_case == PG_QUERY__A__CONST__VAL_SVAL) {
        expr->type = weir_type_of(WEIR_T_UNKNOWN);
        expr->value.text = weir_str_of(node->sval->sval);
    } else {
        sql_error(job, node->location, "a bit string is not supported");
        sql_hint(job, "write bytes as '\\x00ff'::bytea");
        return NULL;
    }
    expr->sql_at = sql_origin(job, node->location);
    return expr;
}

static const weir_expr *bind_cast(sql_scope *scope, const PgQuery__TypeCast *node)
{
    sql_job         *job = scope->job;
    weir_type        to;
    const weir_expr *arg = sql_bind(scope, node->arg);
    if (!sql_type_of(job, node->type_name, &to) || arg == NULL)
        return NULL;
    if (!sql_can_cast(arg->type, to, SQL_EXPLICIT)) {
        int32_t at = node->location >= 0 ? node->location : node->type_name->location;
        sql_error(job, at, "cannot cast type %s to %s", sql_type_text(job, arg->type),
                  sql_type_text(job, to));
        return NULL;
    }
    return sql_cast(job, arg, to, SQL_EXPLICIT);
}

/* NULL casts to boolean; any other type is an error that says what wanted it. */
static const weir_expr *as_boolean(sql_scope *scope, const weir_expr *expr,
                                   const char *what, int32_t at)
{
    if (expr == NULL)
        return NULL;
    if (expr->type.id != WEIR_T_BOOL && expr->type.id != WEIR_T_UNKNOWN) {
        sql_error(scope->job, at, "argument of %s must be type boolean, not type %s", what,
                  sql_type_text(scope->job, expr->type));
        return NULL;
    }
    return sql_cast(scope->job, expr, weir_type_of(WEIR_T_BOOL), SQL_IMPLICIT);
}

static const weir_expr *bind_logic(sql_scope *scope, const PgQuery__BoolExpr *node)
{
    sql_job          *job = scope->job;
    uint32_t          count = (uint32_t)node->n_args;
    const weir_expr **arg = WEIR_ARRAY(job->arena, const weir_expr *, count);
    weir_function     function = WEIR_FN_AND;
    const char       *name = "AND";
    bool              failed = false;
    if (node->boolop == PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR) {
        function = WEIR_FN_OR;
        name = "OR";
    } else if (node->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        function = WEIR_FN_NOT;
        name = "NOT";
    }
    for (uint32_t i = 0; i < count; i++) {
        arg[i] = as_boolean(scope, sql_bind(scope, node->args[i]), name,
                            sql_node_at(node->args[i], node->location));
        failed = failed || arg[i] == NULL;
    }
    if (failed)
        return NULL;
    sql_call head = {function, weir_type_of(WEIR_T_BOOL), node->location, count, {NULL}};
    return sql_call_list(job, &head, arg);
}

static const weir_expr *bind_null_test(sql_scope *scope, const PgQuery__NullTest *node)
{
    bool     is_null = node->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL;
    sql_call call = {is_null ? WEIR_FN_IS_NULL : WEIR_FN_IS_NOT_NULL,
                     weir_type_of(WEIR_T_BOOL),
                     node->location,
                     1,
                     {sql_bind_value(scope, node->arg)}};
    return call.arg[0] != NULL ? sql_call_new(scope->job, &call) : NULL;
}

static const weir_expr *bind_truth_test(sql_scope *scope, const PgQuery__BooleanTest *node)
{
    static const struct {
        weir_function function;
        const char   *name;
    } tests[] = {
        [PG_QUERY__BOOL_TEST_TYPE__IS_TRUE] = {WEIR_FN_IS_TRUE, "IS TRUE"},
        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE] = {WEIR_FN_IS_NOT_TRUE, "IS NOT TRUE"},
        [PG_QUERY__BOOL_TEST_TYPE__IS_FALSE] = {WEIR_FN_IS_FALSE, "IS FALSE"},
        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE] = {WEIR_FN_IS_NOT_FALSE, "IS NOT FALSE"},
        [PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN] = {WEIR_FN_IS_NULL, "IS UNKNOWN"},
        [PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN] = {WEIR_FN_IS_NOT_NULL,
                                                      "IS NOT UNKNOWN"},
    };
    size_t kind = (size_t)node->booltesttype;
    weir_assert(kind < sizeof tests / sizeof *tests);
    const weir_expr *arg = as_boolean(scope, sql_bind(scope, node->arg), tests[kind].name,
                                      sql_node_at(node->arg, node->location));
    sql_call         call = {
                tests[kind].function, weir_type_of(WEIR_T_BOOL), node->location, 1, {arg}};
    return arg != NULL ? sql_call_new(scope->job, &call) : NULL;
}

bool sql_unify(sql_job *job, const char *what, const weir_expr **arg, uint32_t count,
               weir_type *out, int32_t at)
{
    if (!sql_common_type(job, what, arg, count, out, at))
        return false;
    weir_type to = out->id == WEIR_T_NUMERIC ? weir_type_of(WEIR_T_NUMERIC) : *out;
    to.length = 0;
    for (uint32_t i = 0; i < count; i++) {
        arg[i] = sql_cast(job, arg[i], to, SQL_IMPLICIT);
        if (arg[i] == NULL)
            return false;
    }
    if (out->id == WEIR_T_NUMERIC) { /* literals have their type now */
        uint8_t scale = arg[0]->type.scale;
        bool    same = true;
        for (uint32_t i = 1; i < count; i++) {
            if (!sql_is_null(arg[i]))
                same = same && arg[i]->type.scale == scale;
        }
        if (!same)
            *out = sql_numeric(WEIR_SCALE_ANY);
    }
    return true;
}

bool sql_bind_list(sql_scope *scope, sql_node *const *nodes, size_t count,
                   const weir_expr **out)
{
    bool failed = false;
    for (size_t i = 0; i < count; i++) {
        out[i] = sql_bind(scope, nodes[i]);
        failed = failed || out[i] == NULL;
    }
    return !failed;
}

static const weir_expr *bind_case(sql_scope *scope, const PgQuery__CaseExpr *node)
{
    sql_job          *job = scope->job;
    uint32_t          whens = (uint32_t)node->n_args;
    const weir_expr **when = WEIR_ARRAY(job->arena, const weir_expr *, whens);
    const weir_expr **then = WEIR_ARRAY(job->arena, const weir_expr *, whens + 1);
    const weir_expr **arg = WEIR_ARRAY(job->arena, const weir_expr *, 2 * whens + 1);
    const weir_expr  *tested = node->arg != NULL ? sql_bind_value(scope, node->arg) : NULL;
    bool              failed = node->arg != NULL && tested == NULL;
    weir_type         type;
    for (uint32_t i = 0; i < whens; i++) {
        const PgQuery__CaseWhen *one = node->args[i]->case_when;
        int32_t                  at = sql_node_at(one->expr, one->location);
        when[i] = sql_bind(scope, one->expr);
        if (node->arg != NULL && tested != NULL)
            when[i] = sql_operate(job, "=", tested, when[i], at);
        else if (node->arg == NULL)
            when[i] = as_boolean(scope, when[i], "CASE/WHEN", at);
        then[i] = sql_bind(scope, one->result);
        failed = failed || when[i] == NULL || then[i] == NULL;
    }
    then[whens] = node->defresult != NULL
                      ? sql_bind(scope, node->defresult)
                      : sql_const_null(job, weir_type_of(WEIR_T_UNKNOWN), node->location);
    if (failed || then[whens] == NULL ||
        !sql_unify(job, "CASE", then, whens + 1, &type, node->location))
        return NULL;
    for (uint32_t i = 0; i < whens; i++) {
        arg[2 * i] = when[i];
        arg[2 * i + 1] = then[i];
    }
    arg[2 * whens] = then[whens];
    sql_call head = {WEIR_FN_CASE, type, node->location, 2 * whens + 1, {NULL}};
    return sql_call_list(job, &head, arg);
}

typedef struct list_call { /* COALESCE, GREATEST, LEAST */
    const char      *name;
    weir_function    function;
    sql_node *const *node;
    size_t           count;
    int32_t          at;
} list_call;

static const weir_expr *bind_list_call(sql_scope *scope, const list_call *list)
{
    sql_job          *job = scope->job;
    const weir_expr **arg = WEIR_ARRAY(job->arena, const weir_expr *, list->count);
    uint32_t          count = (uint32_t)list->count;
    weir_type         type;
    if (!sql_bind_list(scope, list->node, list->count, arg) ||
        !sql_unify(job, list->name, arg, count, &type, list->at))
        return NULL;
    if (list->function != WEIR_FN_COALESCE &&
        (type.id == WEIR_T_JSONB || type.id == WEIR_T_INTERVAL)) {
        sql_error(job, list->at, "%s cannot compare values of type %s", list->name,
                  sql_type_text(job, type));
        return NULL;
    }
    sql_call head = {list->function, type, list->at, count, {NULL}};
    return sql_call_list(job, &head, arg);
}

static const weir_expr *bind_min_max(sql_scope *scope, const PgQuery__MinMaxExpr *node)
{
    bool      greatest = node->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
    list_call list = {greatest ? "GREATEST" : "LEAST",
                      greatest ? WEIR_FN_GREATEST : WEIR_FN_LEAST, node->args, node->n_args,
                      node->location};
    return bind_list_call(scope, &list);
}

static const weir_expr *bind_node(sql_scope *scope, const sql_node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return bind_column(scope, node->column_ref);
    case PG_QUERY__NODE__NODE_A_CONST:
        return bind_const(scope->job, node->a_const);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return bind_cast(scope, node->type_cast);
    case PG_QUERY__NODE__NODE_A_EXPR:
        return sql_bind_operator(scope, node->a_expr);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        return bind_logic(scope, node->bool_expr);
    case PG_QUERY__NODE__NODE_NULL_TEST:
        return bind_null_test(scope, node->null_test);
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
        return bind_truth_test(scope, node->boolean_test);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return bind_case(scope, node->case_expr);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR: {
        const PgQuery__CoalesceExpr *c = node->coalesce_expr;
        return bind_list_call(scope, &(list_call){"COALESCE", WEIR_FN_COALESCE, c->args,
                                                  c->n_args, c->location});
    }
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return bind_min_max(scope, node->min_max_expr);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return sql_bind_function(scope, node->func_call);
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        sql_error(scope->job, sql_node_at(node, 0),
                  "functions of the current time or user are not supported");
        sql_hint(scope->job,
                 "a result depends on the input alone, so that it can be replayed");
        return NULL;
    default:
        sql_error(scope->job, sql_node_at(node, 0), "%s is not supported",
                  sql_node_name(node));
        return NULL;
    }
}

const weir_expr *sql_bind(sql_scope *scope, const sql_node *node)
{
    weir_assert(node != NULL);
    if (scope->depth >= WEIR_EXPR_DEPTH_MAX) {
        sql_error(scope->job, sql_node_at(node, 0), "the expression is nested too deeply");
        sql_hint(scope->job, "at most %u levels", WEIR_EXPR_DEPTH_MAX);
        return NULL;
    }
    scope->depth++;
    const weir_expr *expr = bind_node(scope, node);
    scope->depth--;
    return expr;
}

const weir_expr *sql_bind_value(sql_scope *scope, const sql_node *node)
{
    return sql_settle(scope->job, sql_bind(scope, node));
}

const weir_expr *sql_bind_condition(sql_scope *scope, const sql_node *node)
{
    return as_boolean(scope, sql_bind(scope, node), scope->clause, sql_node_at(node, 0));
}
