/* op/expr_eval: runs a bound expression over a batch.
 *
 * Arguments are evaluated column by column. A call is then done by a kernel where there is
 * one (expr_fast), by the logic that looks at its arguments lazily (expr_logic), or by its
 * row function, one row after the other.
 *
 * Always     1. a row appears at most once among the errors of one call of the door.
 *            2. a failed row is not computed further.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "expr/expr_run.h"

#define ERRORS_FIRST 8

bool expr_fail(expr_call *call, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(call->msg, sizeof(call->msg), format, args);
    va_end(args);
    call->code = WEIR_E_DECODE;
    return false;
}

char *expr_text_room(expr_call *call, size_t len)
{
    if (len <= WEIR_TEXT_BYTES_MAX)
        return weir_arena_take(call->arena, len + 1);
    expr_fail(call, "text longer than %u bytes", WEIR_TEXT_BYTES_MAX);
    call->code = WEIR_E_LIMIT;
    return NULL;
}

void expr_errors_add(weir_row_errors *errors, const weir_row_error *more)
{
    if (errors->count == errors->room) {
        uint32_t        room = errors->room ? errors->room * 2 : ERRORS_FIRST;
        weir_row_error *grown = WEIR_ARRAY(errors->arena, weir_row_error, room);
        if (errors->count > 0)
            memcpy(grown, errors->error, sizeof(*grown) * errors->count);
        errors->error = grown;
        errors->room = room;
    }
    errors->error[errors->count++] = *more;
}

void expr_report(expr_run *run, const weir_expr *expr, uint32_t row, weir_code code,
                 const char *msg)
{
    if (run->failed == NULL)
        run->failed = weir_arena_zero(run->arena, run->input->rows + (size_t)1);
    if (run->failed[row])
        return;
    run->failed[row] = 1;
    weir_row_error error = {.row = row, .code = code, .sql_at = expr->sql_at};
    snprintf(error.msg, sizeof(error.msg), "%s", msg);
    expr_errors_add(run->errors, &error);
}

expr_rows expr_without_failed(expr_run *run, expr_rows rows)
{
    if (run->failed == NULL)
        return rows;
    uint32_t *sel = weir_arena_take(run->arena, sizeof(uint32_t) * (rows.count + (size_t)1));
    uint32_t  kept = 0;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = expr_row(rows, i);
        sel[kept] = row;
        kept += !run->failed[row];
    }
    return (expr_rows){sel, kept};
}

/* A column that has the same value in every row. */
static void fill_constant(expr_run *run, const weir_expr *expr, weir_column *out)
{
    uint32_t     rows = run->input->rows;
    weir_builder builder;
    weir_builder_start(&builder, run->arena, expr->type, rows);
    for (uint32_t row = 0; row < rows; row++)
        weir_builder_datum(&builder, &expr->value);
    *out = weir_builder_end(&builder);
}

static bool any_null(const weir_datum *arg, uint32_t args)
{
    for (uint32_t i = 0; i < args; i++)
        if (arg[i].null)
            return true;
    return false;
}

/* The call on one row; a failed one is NULL. */
static void call_row(expr_run *run, expr_call *call, const expr_arg *arg, uint32_t row,
                     weir_datum *values, weir_datum *out)
{
    const weir_expr     *expr = call->expr;
    const expr_function *function = &expr_functions[expr->function];
    *out = (weir_datum){.null = true};
    for (uint32_t a = 0; a < expr->args; a++)
        values[a] = expr_arg_get(&arg[a], row);
    if (function->strict && any_null(values, expr->args))
        return;
    out->null = false;
    if (function->call(call, values, out))
        return;
    *out = (weir_datum){.null = true};
    expr_report(run, expr, row, call->code, call->msg);
}

/* Row by row, for every function that has no better way. */
static void eval_each(expr_run *run, const weir_expr *expr, const expr_arg *arg,
                      expr_rows rows, weir_column *out)
{
    weir_assert(expr_functions[expr->function].call != NULL);
    expr_call    call = {.expr = expr, .arena = run->arena};
    weir_datum  *values = WEIR_ARRAY(run->arena, weir_datum, expr->args + 1);
    weir_datum   value;
    weir_builder builder;
    weir_builder_start(&builder, run->arena, expr->type, run->input->rows);
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = expr_row(rows, i);
        while (builder.rows < row)
            weir_builder_null(&builder);
        call_row(run, &call, arg, row, values, &value);
        weir_builder_datum(&builder, &value);
    }
    while (builder.rows < run->input->rows)
        weir_builder_null(&builder);
    *out = weir_builder_end(&builder);
}

void expr_eval_arg(expr_run *run, const weir_expr *expr, expr_rows rows, expr_arg *out)
{
    *out = (expr_arg){.constant = expr->kind == WEIR_EXPR_CONST, .type = expr->type};
    if (out->constant)
        out->value = expr->value;
    else
        expr_eval(run, expr, rows, &out->column);
}

void expr_eval(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    if (expr->kind == WEIR_EXPR_COLUMN) {
        weir_assert(expr->column < run->input->columns);
        *out = run->input->column[expr->column];
        return;
    }
    if (expr->kind == WEIR_EXPR_CONST) {
        fill_constant(run, expr, out);
        return;
    }
    if (expr_logic(run, expr, rows, out))
        return;
    expr_arg *arg = WEIR_ARRAY(run->arena, expr_arg, expr->args + 1);
    for (uint32_t a = 0; a < expr->args; a++)
        expr_eval_arg(run, expr->arg[a], rows, &arg[a]);
    rows = expr_without_failed(run, rows);
    if (!expr_fast(run, expr, arg, rows, out))
        eval_each(run, expr, arg, rows, out);
}

void weir_expr_eval(const weir_expr *expr, const weir_batch *input, weir_arena *arena,
                    weir_column *out_column, weir_row_errors *errors)
{
    weir_assert(errors->arena != NULL);
    expr_run run = {.input = input, .arena = arena, .errors = errors};
    expr_eval(&run, expr, (expr_rows){input->sel, input->selected}, out_column);
}

uint32_t weir_expr_filter(const weir_expr *expr, const weir_batch *input, weir_arena *arena,
                          uint32_t *out_sel, weir_row_errors *errors)
{
    weir_assert(errors->arena != NULL);
    weir_assert(expr->type.id == WEIR_T_BOOL || expr->type.id == WEIR_T_UNKNOWN);
    expr_run run = {.input = input, .arena = arena, .errors = errors};
    return expr_select(&run, expr, (expr_rows){input->sel, input->selected}, out_sel);
}

weir_code weir_expr_constant(const weir_expr *expr, weir_arena *arena, weir_datum *out,
                             weir_err *err)
{
    weir_batch      nothing = {.rows = 1, .selected = 1};
    weir_row_errors errors = {.arena = arena};
    weir_column     column;
    weir_expr_eval(expr, &nothing, arena, &column, &errors);
    if (errors.count > 0) {
        const weir_row_error *first = &errors.error[0];
        (void)weir_fail(err, WEIR_E_SQL, "%s", first->msg); /* the code is returned below */
        return weir_err_at(err, first->sql_at >= 0 ? first->sql_at : expr->sql_at);
    }
    *out = weir_column_get(&column, 0);
    return WEIR_OK;
}
