/* tests: evaluation as such: laziness, three-valued logic, errors of rows, selections; and
 * random expressions over batches against the same expressions row by row, as constants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "op_fixture.h"

#define ROWS 70

static uint64_t random_state = 88172645463325252u;
static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

enum { COLUMN_BOOL, COLUMN_INT, COLUMN_BIGINT, COLUMN_MONEY, COLUMN_TEXT, COLUMN_DATE, COLUMNS };

static weir_type type_of(uint32_t column)
{
    static const weir_type types[] = {
        {.id = WEIR_T_BOOL}, {.id = WEIR_T_INT32}, {.id = WEIR_T_INT64},
        {.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, {.id = WEIR_T_TEXT},
        {.id = WEIR_T_DATE}};
    return types[column];
}

static weir_datum random_datum(uint32_t column)
{
    static const char *const words[] = {"", "a", "abc", "a longer text", "PAID"};
    weir_datum out = {.null = below(5) == 0};
    switch (column) {
    case COLUMN_BOOL:
        out.boolean = below(2);
        break;
    case COLUMN_INT:
        out.i64 = below(6) == 0 ? INT32_MAX - below(3) : below(5);
        break;
    case COLUMN_BIGINT:
        out.i64 = below(6) == 0 ? INT64_MIN + below(3) : (int64_t)below(5) - 2;
        break;
    case COLUMN_MONEY:
        out.i128 = (int)below(7) * 50 - 100;
        out.scale = 2;
        break;
    case COLUMN_TEXT:
        out.text = weir_str_of(words[below(5)]);
        break;
    default:
        out.i64 = below(4);
    }
    return out;
}

/* A random expression of the type of a column; calls nest `depth` deep. */
static weir_expr *random_expr(weir_arena *arena, uint32_t column, int depth);

static weir_expr *random_condition(weir_arena *arena, int depth)
{
    static const weir_function compares[] = {WEIR_FN_EQ, WEIR_FN_NE, WEIR_FN_LT, WEIR_FN_LE,
                                             WEIR_FN_GT, WEIR_FN_GE, WEIR_FN_DISTINCT,
                                             WEIR_FN_NOT_DISTINCT};
    static const weir_function tests[] = {WEIR_FN_IS_NULL, WEIR_FN_IS_NOT_NULL,
                                          WEIR_FN_IS_TRUE, WEIR_FN_IS_NOT_TRUE,
                                          WEIR_FN_IS_FALSE, WEIR_FN_IS_NOT_FALSE, WEIR_FN_NOT};
    weir_type        boolean = weir_type_of(WEIR_T_BOOL);
    const weir_expr *arg[4];
    uint32_t         kind = below(4), column = 1 + below(COLUMNS - 1);
    if (kind == 0) {
        arg[0] = random_expr(arena, column, depth);
        arg[1] = random_expr(arena, column, depth);
        return call_of(arena, compares[below(8)], boolean, 2, arg);
    }
    if (kind == 1) {
        for (int i = 0; i < 3; i++)
            arg[i] = random_expr(arena, COLUMN_BOOL, depth);
        return call_of(arena, below(2) ? WEIR_FN_AND : WEIR_FN_OR, boolean, 2 + below(2), arg);
    }
    if (kind == 2) {
        arg[0] = random_expr(arena, COLUMN_BOOL, depth);
        return call_of(arena, tests[below(7)], boolean, 1, arg);
    }
    for (int i = 0; i < 4; i++)
        arg[i] = random_expr(arena, column, i == 0 ? depth : 0);
    return call_of(arena, WEIR_FN_IN, boolean, 2 + below(3), arg);
}

static weir_expr *random_expr(weir_arena *arena, uint32_t column, int depth)
{
    static const weir_function ariths[] = {WEIR_FN_ADD, WEIR_FN_SUB, WEIR_FN_MUL, WEIR_FN_DIV,
                                           WEIR_FN_MOD};
    weir_type        type = type_of(column);
    const weir_expr *arg[5];
    if (depth == 0 || below(4) == 0) {
        if (below(2))
            return column_of(arena, column, type);
        weir_expr *constant = constant_of(arena, type, NULL);
        constant->value = random_datum(column);
        return constant;
    }
    if (column == COLUMN_BOOL && below(4) > 0)
        return random_condition(arena, depth - 1);
    bool number = column == COLUMN_INT || column == COLUMN_BIGINT || column == COLUMN_MONEY;
    if (number && below(2)) {
        arg[0] = random_expr(arena, column, depth - 1);
        arg[1] = random_expr(arena, column, depth - 1);
        return call_of(arena, ariths[below(5)], type, 2, arg);
    }
    bool choose = below(2);
    for (int i = 0; i < 5; i++)
        arg[i] = random_expr(arena, choose && i % 2 == 0 && i < 4 ? COLUMN_BOOL : column,
                             depth - 1);
    if (choose)
        return call_of(arena, WEIR_FN_CASE, type, 5, arg);
    static const weir_function others[] = {WEIR_FN_COALESCE, WEIR_FN_GREATEST, WEIR_FN_LEAST};
    return call_of(arena, others[below(3)], type, 1 + below(4), arg);
}

/* The expression with the values of one row in place of its columns. */
static const weir_expr *with_row(weir_arena *arena, const weir_expr *expr,
                                 const weir_column *column, uint32_t row)
{
    weir_expr *out = WEIR_NEW(arena, weir_expr);
    *out = *expr;
    if (expr->kind == WEIR_EXPR_COLUMN) {
        out->kind = WEIR_EXPR_CONST;
        out->value = weir_column_get(&column[expr->column], row);
    }
    if (expr->kind != WEIR_EXPR_CALL)
        return out;
    out->arg = WEIR_ARRAY(arena, const weir_expr *, expr->args + 1);
    for (uint32_t i = 0; i < expr->args; i++)
        out->arg[i] = with_row(arena, expr->arg[i], column, row);
    return out;
}

static const char *result_text(weir_arena *arena, weir_type type, const weir_datum *value)
{
    weir_buf text = {0};
    if (value->null)
        weir_buf_text(&text, "NULL");
    weir_datum_print(&text, type, value);
    const char *out = weir_str_copy(arena, weir_buf_view(&text)).at;
    weir_buf_done(&text);
    return out;
}

static const char *error_of(const weir_row_errors *errors, uint32_t row, uint32_t *count)
{
    const char *msg = NULL;
    *count = 0;
    for (uint32_t i = 0; i < errors->count; i++)
        if (errors->error[i].row == row) {
            msg = errors->error[i].msg;
            ++*count;
        }
    return msg;
}

static weir_batch *random_batch(weir_arena *arena)
{
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_column *column = WEIR_ARRAY(arena, weir_column, COLUMNS);
    uint32_t    *sel = WEIR_ARRAY(arena, uint32_t, ROWS);
    *batch = (weir_batch){.rows = ROWS, .selected = ROWS, .columns = COLUMNS, .column = column};
    for (uint32_t c = 0; c < COLUMNS; c++) {
        weir_builder builder;
        weir_builder_start(&builder, arena, type_of(c), ROWS);
        for (uint32_t r = 0; r < ROWS; r++) {
            weir_datum value = random_datum(c);
            weir_builder_datum(&builder, &value);
        }
        column[c] = weir_builder_end(&builder);
    }
    if (below(3) == 0)
        return batch;
    batch->selected = 0;
    for (uint32_t r = 0; r < ROWS; r++)
        if (below(2))
            sel[batch->selected++] = r;
    batch->sel = sel;
    return batch;
}

static void check_filter(weir_arena *arena, const weir_expr *expr, const weir_batch *batch,
                         const weir_column *result, const weir_row_errors *errors)
{
    uint32_t        sel[ROWS + 1], kept = 0, times;
    weir_row_errors again = {.arena = arena};
    uint32_t        count = weir_expr_filter(expr, batch, arena, sel, &again);
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t   row = weir_batch_row(batch, i);
        weir_datum value = weir_column_get(result, row);
        if (error_of(errors, row, &times) != NULL || value.null || !value.boolean)
            continue;
        CHECK(kept < count);
        CHECK_INT(sel[kept++], row);
    }
    CHECK_INT(count, kept);
}

static void batches_and_single_rows_agree(void **state)
{
    (void)state;
    uint32_t failures = 0, values = 0;
    for (int round = 0; round < 1500; round++) {
        weir_arena      *arena = weir_arena_new("test", 1 << 16);
        const weir_batch *batch = random_batch(arena);
        const weir_expr *expr = random_expr(arena, below(COLUMNS), 1 + (int)below(4));
        weir_row_errors  errors = {.arena = arena};
        weir_column      result;
        weir_expr_eval(expr, batch, arena, &result, &errors);
        for (uint32_t i = 0; i < batch->selected; i++) {
            uint32_t    row = weir_batch_row(batch, i), times;
            const char *failed = error_of(&errors, row, &times);
            weir_datum  want, got = weir_column_get(&result, row);
            weir_err    err;
            weir_code   rc = weir_expr_constant(with_row(arena, expr, batch->column, row), arena,
                                                &want, &err);
            CHECK_INT(failed != NULL, rc != WEIR_OK);
            CHECK(times <= 1);
            failures += failed != NULL;
            values += failed == NULL && !got.null;
            if (failed != NULL)
                CHECK_TEXT(failed, err.msg);
            else
                CHECK_TEXT(result_text(arena, expr->type, &got),
                           result_text(arena, expr->type, &want));
        }
        if (expr->type.id == WEIR_T_BOOL)
            check_filter(arena, expr, batch, &result, &errors);
        weir_arena_free(arena);
    }
    CHECK(failures > 1000);
    CHECK(values > 10000);
}

static weir_code constant_value(const weir_expr *expr, weir_arena *arena, weir_datum *out)
{
    weir_err err;
    return weir_expr_constant(expr, arena, out, &err);
}

static void branches_that_are_not_taken_do_not_fail(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 14);
    weir_type   integer = weir_type_of(WEIR_T_INT32), boolean = weir_type_of(WEIR_T_BOOL);
    weir_expr  *zero = constant_of(arena, integer, "0"), *one = constant_of(arena, integer, "1");
    weir_expr  *bad = call2(arena, WEIR_FN_DIV, integer, one, zero);
    weir_expr  *bad_test = call2(arena, WEIR_FN_EQ, boolean, bad, one);
    weir_expr  *yes = constant_of(arena, boolean, "t"), *no = constant_of(arena, boolean, "f");
    weir_datum  out;
    CHECK_INT(constant_value(bad, arena, &out), WEIR_E_SQL);
    const weir_expr *taken[] = {yes, one, bad_test, bad, bad};
    CHECK_INT(constant_value(call_of(arena, WEIR_FN_CASE, integer, 5, taken), arena, &out),
              WEIR_OK);
    CHECK_INT(out.i64, 1);
    const weir_expr *other[] = {no, bad, one};
    CHECK_INT(constant_value(call_of(arena, WEIR_FN_CASE, integer, 3, other), arena, &out),
              WEIR_OK);
    CHECK_INT(out.i64, 1);
    CHECK_INT(constant_value(call2(arena, WEIR_FN_COALESCE, integer, one, bad), arena, &out),
              WEIR_OK);
    CHECK_INT(constant_value(call2(arena, WEIR_FN_AND, boolean, no, bad_test), arena, &out),
              WEIR_OK);
    CHECK(!out.boolean);
    CHECK_INT(constant_value(call2(arena, WEIR_FN_OR, boolean, yes, bad_test), arena, &out),
              WEIR_OK);
    CHECK(out.boolean);
    CHECK_INT(constant_value(call2(arena, WEIR_FN_AND, boolean, yes, bad_test), arena, &out),
              WEIR_E_SQL);
    weir_arena_free(arena);
}

static void an_error_of_a_constant_points_into_the_sql(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    weir_type   integer = weir_type_of(WEIR_T_INT32);
    weir_expr  *bad = call2(arena, WEIR_FN_DIV, integer, constant_of(arena, integer, "1"),
                            constant_of(arena, integer, "0"));
    weir_datum  out;
    weir_err    err;
    bad->sql_at = 42;
    CHECK_FAILS(weir_expr_constant(bad, arena, &out, &err), WEIR_E_SQL, &err);
    CHECK_SAYS(&err, "division by zero");
    CHECK_INT(err.sql_at, 42);
    weir_arena_free(arena);
}

static void text_over_its_limit_is_an_error_of_the_row(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    weir_type   text = weir_type_of(WEIR_T_TEXT);
    char       *large = weir_arena_take(arena, WEIR_TEXT_BYTES_MAX);
    weir_expr  *value = constant_of(arena, text, "");
    weir_datum  out;
    weir_err    err;
    memset(large, 'x', WEIR_TEXT_BYTES_MAX);
    value->value.text = (weir_str){large, WEIR_TEXT_BYTES_MAX};
    CHECK_FAILS(weir_expr_constant(call2(arena, WEIR_FN_CONCAT, text, value,
                                         constant_of(arena, text, "y")),
                                   arena, &out, &err),
                WEIR_E_SQL, &err);
    CHECK_SAYS(&err, "text longer than 1048576 bytes");
    weir_arena_free(arena);
}

static void an_assignment_does_not_cut_text(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    weir_type   three = {.id = WEIR_T_TEXT, .length = 3};
    weir_expr  *long_text = constant_of(arena, weir_type_of(WEIR_T_TEXT), "abcd");
    weir_expr  *blanks = constant_of(arena, weir_type_of(WEIR_T_TEXT), "abc  ");
    weir_datum  out;
    weir_err    err;
    const weir_expr *arg[] = {long_text};
    CHECK_OK(weir_expr_constant(call_of(arena, WEIR_FN_CAST, three, 1, arg), arena, &out, &err),
             &err);
    CHECK_STR(out.text, "abc");
    CHECK_FAILS(weir_expr_constant(call_of(arena, WEIR_FN_ASSIGN, three, 1, arg), arena, &out,
                                   &err),
                WEIR_E_SQL, &err);
    CHECK_SAYS(&err, "value too long for type character varying(3)");
    arg[0] = blanks;
    CHECK_OK(weir_expr_constant(call_of(arena, WEIR_FN_ASSIGN, three, 1, arg), arena, &out, &err),
             &err);
    CHECK_STR(out.text, "abc");
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(batches_and_single_rows_agree),
        TEST(branches_that_are_not_taken_do_not_fail),
        TEST(an_error_of_a_constant_points_into_the_sql),
        TEST(text_over_its_limit_is_an_error_of_the_row),
        TEST(an_assignment_does_not_cut_text),
    };
    return RUN_TESTS(tests);
}
