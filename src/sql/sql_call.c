/* sql/call: makes constants and calls, and computes at once what depends on no column.
 *
 * Gives      sql_call_new, sql_call_list, sql_fold, sql_not, sql_const_text, _int, _null.
 * Always     1. every argument has a type: no UNKNOWN literal goes into a call.
 *            2. sql_at of what is made points into the user's text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

static weir_expr *new_const(sql_job *job, weir_type type, int32_t at)
{
    weir_expr *expr = WEIR_NEW(job->arena, weir_expr);
    expr->kind = WEIR_EXPR_CONST;
    expr->type = type;
    expr->sql_at = sql_origin(job, at);
    return expr;
}

const weir_expr *sql_const_text(sql_job *job, weir_str text, int32_t at)
{
    weir_expr *expr = new_const(job, weir_type_of(WEIR_T_TEXT), at);
    expr->value.text = text;
    return expr;
}

const weir_expr *sql_const_int(sql_job *job, int64_t value, int32_t at)
{
    weir_expr *expr = new_const(job, weir_type_of(WEIR_T_INT32), at);
    expr->value.i64 = value;
    return expr;
}

const weir_expr *sql_const_null(sql_job *job, weir_type type, int32_t at)
{
    weir_expr *expr = new_const(job, type, at);
    expr->value.null = true;
    return expr;
}

const weir_expr *sql_fold(sql_job *job, const weir_expr *call)
{
    weir_err err;
    weir_err_clear(&err);
    for (uint32_t i = 0; i < call->args; i++)
        if (call->arg[i]->kind != WEIR_EXPR_CONST)
            return call;
    weir_expr *folded = WEIR_NEW(job->arena, weir_expr);
    folded->kind = WEIR_EXPR_CONST;
    folded->type = call->type;
    folded->sql_at = call->sql_at;
    if (weir_expr_constant(call, job->arena, &folded->value, &err) != WEIR_OK) {
        err.code = WEIR_E_SQL;
        err.sql_at = call->sql_at;
        sql_error_take(job, 0, &err);
        return NULL;
    }
    return folded;
}

const weir_expr *sql_call_list(sql_job *job, const sql_call *head,
                               const weir_expr *const *arg)
{
    weir_expr *call = WEIR_NEW(job->arena, weir_expr);
    call->kind = WEIR_EXPR_CALL;
    call->function = head->function;
    call->type = head->type;
    call->sql_at = sql_origin(job, head->at);
    call->args = head->args;
    call->arg = WEIR_ARRAY(job->arena, const weir_expr *, head->args);
    for (uint32_t i = 0; i < head->args; i++) {
        if (arg[i] == NULL)
            return NULL;
        weir_assert(arg[i]->type.id != WEIR_T_UNKNOWN); /* call 1 */
        call->arg[i] = arg[i];
    }
    return sql_fold(job, call);
}

const weir_expr *sql_call_new(sql_job *job, const sql_call *call)
{
    return sql_call_list(job, call, call->arg);
}

const weir_expr *sql_not(sql_job *job, const weir_expr *arg, int32_t at)
{
    sql_call call = {WEIR_FN_NOT, weir_type_of(WEIR_T_BOOL), at, 1, {arg}};
    return arg != NULL ? sql_call_new(job, &call) : NULL;
}
