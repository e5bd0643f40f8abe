/* weir/expr: a bound, typed expression over the columns of one input; and running it.
 *
 * Expressions are plain data made by `sql`, kept in the job's arena, never changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_EXPR_H
#define WEIR_EXPR_H

#include "weir/batch.h"

typedef enum weir_function {
#define FUNCTION(id, name) WEIR_FN_##id,
#include "weir/functions.def"
#undef FUNCTION
    WEIR_FN_COUNT
} weir_function;

typedef enum weir_expr_kind { WEIR_EXPR_COLUMN, WEIR_EXPR_CONST, WEIR_EXPR_CALL } weir_expr_kind;

typedef struct weir_expr {
    weir_expr_kind           kind;
    weir_type                type;
    int32_t                  sql_at;   /* byte offset in the SQL, or -1 */
    uint32_t                 column;   /* COLUMN: index in the input's schema */
    weir_datum               value;    /* CONST */
    weir_function            function; /* CALL */
    uint32_t                 args;
    const struct weir_expr **arg;
} weir_expr;

/* The name of a function for people; static text. */
const char *weir_function_name(weir_function function);
/* SQL-like text, for explain and names: columns by name from `schema`. */
void weir_expr_print(weir_buf *out, const weir_expr *expr, const weir_schema *schema);
/* True when both compute the same from the same row. */
bool weir_expr_same(const weir_expr *a, const weir_expr *b);

/* Rows whose evaluation failed, in any order; the caller decides what becomes of them. */
typedef struct weir_row_error {
    uint32_t  row;    /* of the batch, not of the selection */
    weir_code code;   /* DECODE or LIMIT */
    int32_t   sql_at; /* of the failing expression */
    char      msg[120]; /* PostgreSQL's words: "division by zero" */
} weir_row_error;

typedef struct weir_row_errors {
    weir_arena     *arena;
    uint32_t        count, room;
    weir_row_error *error;
} weir_row_errors;

/* Evaluates over the selected rows of `input`. out_column has input->rows rows, in
   `arena`; rows that are not selected, or have an error, are NULL or anything. Never fails
   as a whole. A COLUMN expression gives the input's column itself. */
void weir_expr_eval(const weir_expr *expr, const weir_batch *input, weir_arena *arena,
                    weir_column *out_column, weir_row_errors *errors);

/* Keeps of `sel` (count numbers) the rows where the boolean expression is true; rows with
   an error are dropped and reported. out_sel has room for `count`; returns how many. */
uint32_t weir_expr_filter(const weir_expr *expr, const weir_batch *input,
                          weir_arena *arena, uint32_t *out_sel, weir_row_errors *errors);

/* The value of an expression without columns: the binder folds constants with it. */
weir_code weir_expr_constant(const weir_expr *expr, weir_arena *arena, weir_datum *out,
                             weir_err *err) WEIR_MUST_CHECK;

#endif
