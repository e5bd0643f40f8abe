/* op/expr_run: what the files that evaluate expressions give each other.
 *
 * One evaluation is an expr_run. Columns have a slot for every row of the input; only the
 * rows of an expr_rows are computed. A row that failed once is remembered and fails no
 * second time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef EXPR_RUN_H
#define EXPR_RUN_H

#include "weir/expr.h"

typedef struct expr_run {
    const weir_batch *input;
    weir_arena       *arena;
    weir_row_errors  *errors;
    uint8_t          *failed; /* per row 0 or 1; NULL until the first error */
} expr_run;

/* Which rows: sel (count numbers, rising), or NULL: 0 to count - 1. */
typedef struct expr_rows {
    const uint32_t *sel;
    uint32_t        count;
} expr_rows;

static inline uint32_t expr_row(expr_rows rows, uint32_t index)
{
    return rows.sel ? rows.sel[index] : index;
}

/* One argument of a call: a constant, or a column. */
typedef struct expr_arg {
    bool        constant;
    weir_type   type;
    weir_datum  value;  /* constant */
    weir_column column; /* else */
} expr_arg;

static inline weir_datum expr_arg_get(const expr_arg *arg, uint32_t row)
{
    return arg->constant ? arg->value : weir_column_get(&arg->column, row);
}

/* A call on one row. A row function gives false after expr_fail. */
typedef struct expr_call {
    const weir_expr *expr;
    weir_arena      *arena; /* for text that is made; lives as long as the result */
    weir_code        code;
    char             msg[120];
} expr_call;

typedef bool expr_row_fn(expr_call *call, const weir_datum *arg, weir_datum *out);

/* Sets the message; gives false. */
bool expr_fail(expr_call *call, const char *format, ...) WEIR_PRINTF(2, 3);
/* Gives a text made by the function; false when it is over WEIR_TEXT_BYTES_MAX. */
char *expr_text_room(expr_call *call, size_t len);

/* expr_eval: any expression over some rows. */
void expr_eval(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out);
void expr_eval_arg(expr_run *run, const weir_expr *expr, expr_rows rows, expr_arg *out);
void expr_report(expr_run *run, const weir_expr *expr, uint32_t row, weir_code code,
                 const char *msg);
void expr_errors_add(weir_row_errors *errors, const weir_row_error *more);
/* Rows of `rows` that did not fail so far. */
expr_rows expr_without_failed(expr_run *run, expr_rows rows);

/* expr_logic: AND OR NOT, IS …, CASE, COALESCE; false: not one of them. */
bool expr_logic(expr_run *run, const weir_expr *expr, expr_rows rows, weir_column *out);
/* Rows where the boolean expression is true, into out_sel (may not alias rows.sel). */
uint32_t expr_select(expr_run *run, const weir_expr *expr, expr_rows rows,
                     uint32_t *out_sel);

/* expr_fast: calls that kernels can do; false: take the row functions. */
bool expr_fast(expr_run *run, const weir_expr *expr, const expr_arg *arg, expr_rows rows,
               weir_column *out);

/* expr_functions: the table of row functions. `strict`: NULL in gives NULL out. */
typedef struct expr_function {
    expr_row_fn *call;
    bool         strict;
} expr_function;
extern const expr_function expr_functions[WEIR_FN_COUNT];

/* A numeric result of `scale`, brought to the scale of the call's type. */
bool expr_numeric(expr_call *call, weir_i128 value, int scale, weir_datum *out);
/* a / b (b not 0) as PostgreSQL's numeric division, at `scale` or, WEIR_SCALE_ANY, at the
   one that division has; false: more than 38 digits. */
bool expr_quotient(const weir_datum *a, const weir_datum *b, int scale, weir_datum *out);
/* value/10^from to another type's scale; for branches of CASE and the like. */
bool expr_fit(expr_call *call, weir_datum *value);

/* expr_compare: -1, 0, 1 of two values of one type, neither NULL. */
int expr_compare(weir_type_id type, const weir_datum *a, const weir_datum *b);
int expr_compare_numeric(weir_i128 a, int a_scale, weir_i128 b, int b_scale);

/* Row functions, by file. */
expr_row_fn expr_add, expr_sub, expr_mul, expr_div, expr_mod, expr_neg, expr_abs;
expr_row_fn expr_round, expr_trunc, expr_floor, expr_ceil, expr_sign;
expr_row_fn expr_numeric_add, expr_numeric_sub, expr_numeric_mul, expr_numeric_div,
    expr_numeric_mod, expr_numeric_round, expr_numeric_trunc, expr_numeric_floor,
    expr_numeric_ceil;
expr_row_fn expr_eq, expr_ne, expr_lt, expr_le, expr_gt, expr_ge, expr_distinct,
    expr_not_distinct, expr_nullif, expr_greatest, expr_least, expr_in;
expr_row_fn expr_like, expr_ilike;
expr_row_fn expr_concat, expr_lower, expr_upper, expr_btrim, expr_ltrim, expr_rtrim,
    expr_length, expr_octet_length, expr_substring, expr_replace, expr_left, expr_right,
    expr_position, expr_starts_with;
expr_row_fn expr_extract, expr_date_trunc, expr_date_add_days, expr_date_diff,
    expr_time_add;
expr_row_fn expr_json_get, expr_json_get_text;
expr_row_fn expr_cast, expr_assign, expr_assign_key, expr_not_null;

#endif
