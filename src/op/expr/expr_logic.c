/* op/expr_logic: three-valued logic, CASE and COALESCE: what looks at its arguments lazily.
 *
 * A later argument is evaluated only for rows that the earlier ones left undecided, so an
 * error in a branch that a row does not take is no error.
 *
 * Booleans are built as bytes per row: 0 false, 1 true, 2 NULL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "expr/expr_run.h"
#include "weir/kernel.h"

enum { NO = 0, YES = 1, UNSURE = 2 };

static uint32_t *new_sel(expr_run *run, uint32_t count)
{
    return weir_arena_take(run->arena, sizeof(uint32_t) * (count + (size_t)1));
}

static uint8_t truth_at(const expr_arg *arg, uint32_t row)
{
    if (arg->constant)
        return arg->value.null ? UNSURE : arg->value.boolean;
    if (!weir_column_has(&arg->column, row) || arg->type.id != WEIR_T_BOOL)
        return UNSURE;
    return ((const uint8_t *)arg->column.values)[row];
}

/* Truth bytes to a boolean column. */
static void column_of_truth(expr_run *run, uint8_t *truth, weir_column *out)
{
    uint32_t rows = run->input->rows;
    uint8_t  any = 0;
    *out = (weir_column){.type = weir_type_of(WEIR_T_BOOL), .values = truth};
    for (uint32_t i = 0; i < rows; i++)
        any |= truth[i];
    if ((any & UNSURE) == 0)
        return;
    uint8_t *valid = weir_arena_zero(run->arena, ((size_t)rows + 7) / 8 + 1);
    for (uint32_t i = 0; i < rows; i++) {
        valid[i >> 3] |= (uint8_t)((truth[i] != UNSURE) << (i & 7));
        truth[i] &= 1;
    }
    out->valid = valid;
}

/* AND decides on NO, OR on YES. */
static void and_or(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    const uint8_t decides = expr->function == WEIR_FN_AND ? NO : YES;
    uint8_t      *truth = weir_arena_take(run->arena, run->input->rows + (size_t)1);
    memset(truth, !decides, run->input->rows);
    for (uint32_t a = 0; a < expr->args && rows.count > 0; a++) {
        expr_arg arg;
        expr_eval_arg(run, expr->arg[a], rows, &arg);
        uint32_t *left = new_sel(run, rows.count);
        uint32_t  kept = 0;
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = expr_row(rows, i);
            uint8_t  value = truth_at(&arg, row);
            if (value == decides || value == UNSURE)
                truth[row] = value;
            left[kept] = row;
            kept += value != decides;
        }
        rows = expr_without_failed(run, (expr_rows){left, kept});
    }
    column_of_truth(run, truth, out);
}

static void not_of(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    expr_arg arg;
    expr_eval_arg(run, expr->arg[0], rows, &arg);
    uint8_t *truth = weir_arena_zero(run->arena, run->input->rows + (size_t)1);
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = expr_row(rows, i);
        uint8_t  value = truth_at(&arg, row);
        truth[row] = value == UNSURE ? UNSURE : !value;
    }
    column_of_truth(run, truth, out);
}

/* What IS … gives for a value that is false, true, NULL. */
static const uint8_t is_table[WEIR_FN_COUNT][3] = {
    [WEIR_FN_IS_TRUE] = {NO, YES, NO},   [WEIR_FN_IS_NOT_TRUE] = {YES, NO, YES},
    [WEIR_FN_IS_FALSE] = {YES, NO, NO},  [WEIR_FN_IS_NOT_FALSE] = {NO, YES, YES},
    [WEIR_FN_IS_NULL] = {NO, NO, YES},   [WEIR_FN_IS_NOT_NULL] = {YES, YES, NO},
};

static void is_what(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    const uint8_t *table = is_table[expr->function];
    bool null_only = expr->function == WEIR_FN_IS_NULL || expr->function == WEIR_FN_IS_NOT_NULL;
    expr_arg arg;
    expr_eval_arg(run, expr->arg[0], rows, &arg);
    uint8_t *truth = weir_arena_zero(run->arena, run->input->rows + (size_t)1);
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = expr_row(rows, i);
        uint8_t  value;
        if (!null_only)
            value = truth_at(&arg, row);
        else if (arg.constant)
            value = arg.value.null ? UNSURE : NO;
        else
            value = weir_column_has(&arg.column, row) ? NO : UNSURE;
        truth[row] = table[value];
    }
    column_of_truth(run, truth, out);
}

/* Which of several results a row takes. */
typedef struct branch_choice {
    expr_run *run;
    uint32_t *taken; /* per row: index in result; NOT_TAKEN: NULL */
    expr_arg *result;
} branch_choice;

#define NOT_TAKEN UINT32_MAX

static branch_choice start_choice(expr_run *run, uint32_t results)
{
    branch_choice out = {.run = run};
    out.taken = weir_arena_take(run->arena, sizeof(uint32_t) * (run->input->rows + (size_t)1));
    memset(out.taken, 0xff, sizeof(uint32_t) * run->input->rows);
    out.result = WEIR_ARRAY(run->arena, expr_arg, results + 1);
    return out;
}

/* Copies each row's value from the result it took. */
static void finish_choice(branch_choice *choice, const weir_expr *expr, weir_column *out)
{
    expr_run    *run = choice->run;
    expr_call    call = {.expr = expr, .arena = run->arena};
    weir_builder builder;
    weir_builder_start(&builder, run->arena, expr->type, run->input->rows);
    for (uint32_t row = 0; row < run->input->rows; row++) {
        weir_datum value = {.null = true};
        if (choice->taken[row] != NOT_TAKEN)
            value = expr_arg_get(&choice->result[choice->taken[row]], row);
        if (!value.null && !expr_fit(&call, &value)) {
            expr_report(run, expr, row, call.code, call.msg);
            value = (weir_datum){.null = true};
        }
        weir_builder_datum(&builder, &value);
    }
    *out = weir_builder_end(&builder);
}

static void take_all(branch_choice *choice, uint32_t result, expr_rows rows)
{
    for (uint32_t i = 0; i < rows.count; i++)
        choice->taken[expr_row(rows, i)] = result;
}

/* (when1, then1, …, else) */
static void case_of(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    uint32_t branches = expr->args / 2;
    branch_choice choice = start_choice(run, branches + 1);
    for (uint32_t b = 0; b < branches && rows.count > 0; b++) {
        expr_arg when;
        expr_eval_arg(run, expr->arg[2 * b], rows, &when);
        rows = expr_without_failed(run, rows);
        uint32_t *yes = new_sel(run, rows.count), *no = new_sel(run, rows.count);
        uint32_t  yes_count = 0, no_count = 0;
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = expr_row(rows, i);
            bool     is_true = truth_at(&when, row) == YES;
            yes[yes_count] = row;
            yes_count += is_true;
            no[no_count] = row;
            no_count += !is_true;
        }
        expr_rows taken = {yes, yes_count};
        expr_eval_arg(run, expr->arg[2 * b + 1], taken, &choice.result[b]);
        take_all(&choice, b, expr_without_failed(run, taken));
        rows = (expr_rows){no, no_count};
    }
    if (expr->args % 2 == 1 && rows.count > 0) {
        expr_eval_arg(run, expr->arg[expr->args - 1], rows, &choice.result[branches]);
        take_all(&choice, branches, expr_without_failed(run, rows));
    }
    finish_choice(&choice, expr, out);
}

static void coalesce(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    branch_choice choice = start_choice(run, expr->args);
    for (uint32_t a = 0; a < expr->args && rows.count > 0; a++) {
        expr_eval_arg(run, expr->arg[a], rows, &choice.result[a]);
        rows = expr_without_failed(run, rows);
        uint32_t *left = new_sel(run, rows.count);
        uint32_t  kept = 0;
        for (uint32_t i = 0; i < rows.count; i++) {
            uint32_t row = expr_row(rows, i);
            const expr_arg *arg = &choice.result[a];
            bool null = arg->constant ? arg->value.null : !weir_column_has(&arg->column, row);
            if (!null)
                choice.taken[row] = a;
            left[kept] = row;
            kept += null;
        }
        rows = (expr_rows){left, kept};
    }
    finish_choice(&choice, expr, out);
}

bool expr_logic(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out)
{
    switch (expr->function) {
    case WEIR_FN_AND:
    case WEIR_FN_OR:
        and_or(run, expr, rows, out);
        return true;
    case WEIR_FN_NOT:
        not_of(run, expr, rows, out);
        return true;
    case WEIR_FN_IS_NULL:
    case WEIR_FN_IS_NOT_NULL:
    case WEIR_FN_IS_TRUE:
    case WEIR_FN_IS_NOT_TRUE:
    case WEIR_FN_IS_FALSE:
    case WEIR_FN_IS_NOT_FALSE:
        is_what(run, expr, rows, out);
        return true;
    case WEIR_FN_CASE:
        case_of(run, expr, rows, out);
        return true;
    case WEIR_FN_COALESCE:
        coalesce(run, expr, rows, out);
        return true;
    default:
        return false;
    }
}

/* Keeps of `sel` (count) the rows where `expr` is true. */
static uint32_t narrow(expr_run *run, const weir_expr *expr, expr_rows rows, uint32_t *out)
{
    expr_arg arg;
    expr_eval_arg(run, expr, rows, &arg);
    if (arg.constant) {
        uint32_t count = !arg.value.null && arg.value.boolean ? rows.count : 0;
        for (uint32_t i = 0; i < count; i++)
            out[i] = expr_row(rows, i);
        return count;
    }
    rows = expr_without_failed(run, rows);
    const uint8_t *mask = arg.column.values;
    if (arg.type.id != WEIR_T_BOOL)
        return 0;
    if (arg.column.valid != NULL) {
        uint8_t *sure = weir_arena_take(run->arena, run->input->rows + (size_t)1);
        memcpy(sure, mask, run->input->rows);
        weir_mask_valid(sure, arg.column.valid, run->input->rows);
        mask = sure;
    }
    if (rows.sel == NULL)
        return (uint32_t)weir_select_all(mask, rows.count, out);
    return (uint32_t)weir_select_some(mask, rows.sel, rows.count, out);
}

uint32_t expr_select(expr_run *run, const weir_expr *expr, expr_rows rows, uint32_t *out_sel)
{
    if (expr->kind != WEIR_EXPR_CALL || expr->function != WEIR_FN_AND)
        return narrow(run, expr, rows, out_sel);
    uint32_t count = rows.count;
    for (uint32_t a = 0; a < expr->args; a++) {
        count = narrow(run, expr->arg[a], rows, out_sel);
        uint32_t *copy = new_sel(run, count);
        memcpy(copy, out_sel, sizeof(uint32_t) * count);
        rows = (expr_rows){copy, count};
    }
    return count;
}
