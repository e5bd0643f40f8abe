/* sql/print: bound expressions as text, and whether two are the same.
 *
 * Gives      weir_function_name, weir_expr_print, weir_expr_same, sql_print_aggregate.
 * Always     1. expressions that are not the same print differently over one schema; the sink's
 *               key alone tells ASSIGN_KEY from ASSIGN.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <stdio.h>
#include <string.h>

const char *weir_function_name(weir_function function)
{
    static const char *const names[] = {
#define FUNCTION(id, name) name,
#include "weir/functions.def"
#undef FUNCTION
    };
    weir_assert((size_t)function < sizeof names / sizeof *names);
    return names[function];
}

typedef enum print_shape {
    PRINT_CALL,    /* f(a, b) */
    PRINT_BETWEEN, /* a + b */
    PRINT_BEFORE,  /* NOT a */
    PRINT_BEHIND,  /* a IS NULL */
    PRINT_OWN      /* CASE, IN, LIKE, CAST */
} print_shape;

static print_shape shape_of(weir_function function)
{
    switch (function) {
    case WEIR_FN_ADD:
    case WEIR_FN_SUB:
    case WEIR_FN_MUL:
    case WEIR_FN_DIV:
    case WEIR_FN_MOD:
    case WEIR_FN_EQ:
    case WEIR_FN_NE:
    case WEIR_FN_LT:
    case WEIR_FN_LE:
    case WEIR_FN_GT:
    case WEIR_FN_GE:
    case WEIR_FN_DISTINCT:
    case WEIR_FN_NOT_DISTINCT:
    case WEIR_FN_AND:
    case WEIR_FN_OR:
    case WEIR_FN_CONCAT:
    case WEIR_FN_DATE_ADD_DAYS:
    case WEIR_FN_DATE_DIFF:
    case WEIR_FN_TIME_ADD:
    case WEIR_FN_JSON_GET:
    case WEIR_FN_JSON_GET_TEXT:
        return PRINT_BETWEEN;
    case WEIR_FN_NEG:
    case WEIR_FN_NOT:
        return PRINT_BEFORE;
    case WEIR_FN_IS_NULL:
    case WEIR_FN_IS_NOT_NULL:
    case WEIR_FN_IS_TRUE:
    case WEIR_FN_IS_NOT_TRUE:
    case WEIR_FN_IS_FALSE:
    case WEIR_FN_IS_NOT_FALSE:
        return PRINT_BEHIND;
    case WEIR_FN_CASE:
    case WEIR_FN_IN:
    case WEIR_FN_LIKE:
    case WEIR_FN_ILIKE:
    case WEIR_FN_CAST:
    case WEIR_FN_ASSIGN:
    case WEIR_FN_ASSIGN_KEY:
        return PRINT_OWN;
    default:
        return PRINT_CALL;
    }
}

static void print_quoted(weir_buf *out, weir_str text)
{
    weir_buf_byte(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\'')
            weir_buf_byte(out, '\'');
        weir_buf_byte(out, (uint8_t)text.at[i]);
    }
    weir_buf_byte(out, '\'');
}

static void print_const(weir_buf *out, const weir_expr *expr)
{
    weir_type type = expr->type;
    weir_buf  text = {0};
    if (expr->value.null) {
        weir_buf_text(out, "NULL");
        return;
    }
    if (type.id == WEIR_T_UNKNOWN)
        type.id = WEIR_T_TEXT;
    weir_datum_print(&text, type, &expr->value);
    if (type.id == WEIR_T_BOOL) {
        weir_buf_text(out, expr->value.boolean ? "true" : "false");
    } else if (weir_type_is_number(type)) {
        weir_buf_str(out, weir_buf_view(&text));
    } else {
        if (type.id != WEIR_T_TEXT) {
            type.length = 0;
            weir_type_print(out, type);
            weir_buf_byte(out, ' ');
        }
        print_quoted(out, weir_buf_view(&text));
    }
    weir_buf_done(&text);
}

static bool is_cast(weir_function function)
{
    return function == WEIR_FN_CAST || function == WEIR_FN_ASSIGN ||
           function == WEIR_FN_ASSIGN_KEY;
}

/* An argument of an operator: in brackets when it is one itself. */
static void print_operand(weir_buf *out, const weir_expr *expr, const weir_schema *schema)
{
    bool brackets = expr->kind == WEIR_EXPR_CALL &&
                    shape_of(expr->function) != PRINT_CALL &&
                    !is_cast(expr->function) && expr->function != WEIR_FN_CASE;
    if (brackets)
        weir_buf_byte(out, '(');
    weir_expr_print(out, expr, schema);
    if (brackets)
        weir_buf_byte(out, ')');
}

static void print_list(weir_buf *out, const weir_expr *expr, uint32_t from,
                       const char *between, const weir_schema *schema)
{
    for (uint32_t i = from; i < expr->args; i++) {
        if (i > from)
            weir_buf_text(out, between);
        if (strcmp(between, ", ") == 0)
            weir_expr_print(out, expr->arg[i], schema);
        else
            print_operand(out, expr->arg[i], schema);
    }
}

static void print_case(weir_buf *out, const weir_expr *expr, const weir_schema *schema)
{
    weir_buf_text(out, "CASE");
    for (uint32_t i = 0; i + 1 < expr->args; i += 2) {
        weir_buf_text(out, " WHEN ");
        weir_expr_print(out, expr->arg[i], schema);
        weir_buf_text(out, " THEN ");
        weir_expr_print(out, expr->arg[i + 1], schema);
    }
    weir_buf_text(out, " ELSE ");
    weir_expr_print(out, expr->arg[expr->args - 1], schema);
    weir_buf_text(out, " END");
}

static void print_own(weir_buf *out, const weir_expr *expr, const weir_schema *schema)
{
    switch (expr->function) {
    case WEIR_FN_CASE:
        print_case(out, expr, schema);
        return;
    case WEIR_FN_CAST:
    case WEIR_FN_ASSIGN:
    case WEIR_FN_ASSIGN_KEY:
        weir_buf_text(out, expr->function == WEIR_FN_CAST ? "CAST(" : "ASSIGN(");
        weir_expr_print(out, expr->arg[0], schema);
        weir_buf_text(out, " AS ");
        weir_type_print(out, expr->type);
        weir_buf_byte(out, ')');
        return;
    case WEIR_FN_IN:
        print_operand(out, expr->arg[0], schema);
        weir_buf_text(out, " IN (");
        print_list(out, expr, 1, ", ", schema);
        weir_buf_byte(out, ')');
        return;
    default: /* LIKE, ILIKE */
        print_operand(out, expr->arg[0], schema);
        weir_buf_format(out, " %s ", weir_function_name(expr->function));
        print_operand(out, expr->arg[1], schema);
        if (expr->arg[2]->kind == WEIR_EXPR_CONST &&
            weir_str_is(expr->arg[2]->value.text, "\\"))
            return;
        weir_buf_text(out, " ESCAPE ");
        print_operand(out, expr->arg[2], schema);
    }
}

static void print_call(weir_buf *out, const weir_expr *expr, const weir_schema *schema)
{
    const char *name = weir_function_name(expr->function);
    switch (shape_of(expr->function)) {
    case PRINT_BETWEEN: {
        char between[32];
        (void)snprintf(between, sizeof between, " %s ", name); /* names are short */
        print_list(out, expr, 0, between, schema);
        return;
    }
    case PRINT_BEFORE:
        weir_buf_format(out, "%s%s", name, expr->function == WEIR_FN_NOT ? " " : "");
        print_operand(out, expr->arg[0], schema);
        return;
    case PRINT_BEHIND:
        print_operand(out, expr->arg[0], schema);
        weir_buf_format(out, " %s", name);
        return;
    case PRINT_OWN:
        print_own(out, expr, schema);
        return;
    default:
        weir_buf_format(out, "%s(", name);
        print_list(out, expr, 0, ", ", schema);
        weir_buf_byte(out, ')');
    }
}

void weir_expr_print(weir_buf *out, const weir_expr *expr, const weir_schema *schema)
{
    if (expr->kind == WEIR_EXPR_CONST)
        print_const(out, expr);
    else if (expr->kind == WEIR_EXPR_CALL)
        print_call(out, expr, schema);
    else if (schema != NULL && expr->column < schema->count)
        weir_buf_str(out, schema->field[expr->column].name);
    else
        weir_buf_format(out, "$%u", expr->column);
}

static bool same_value(weir_type type, const weir_datum *a, const weir_datum *b)
{
    if (a->null || b->null)
        return a->null == b->null;
    switch ((weir_type_id)type.id) {
    case WEIR_T_BOOL:
        return a->boolean == b->boolean;
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        return memcmp(&a->f64, &b->f64, sizeof a->f64) == 0;
    case WEIR_T_NUMERIC:
        return a->scale == b->scale && a->i128 == b->i128;
    case WEIR_T_INTERVAL:
        return a->interval.months == b->interval.months &&
               a->interval.days == b->interval.days && a->interval.us == b->interval.us;
    case WEIR_T_UNKNOWN:
    case WEIR_T_TEXT:
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        return weir_str_eq(a->text, b->text);
    default:
        return a->i64 == b->i64;
    }
}

bool weir_expr_same(const weir_expr *a, const weir_expr *b)
{
    if (a->kind != b->kind || !weir_type_same(a->type, b->type))
        return false;
    if (a->kind == WEIR_EXPR_COLUMN)
        return a->column == b->column;
    if (a->kind == WEIR_EXPR_CONST)
        return same_value(a->type, &a->value, &b->value);
    if (a->function != b->function || a->args != b->args)
        return false;
    for (uint32_t i = 0; i < a->args; i++)
        if (!weir_expr_same(a->arg[i], b->arg[i]))
            return false;
    return true;
}

void sql_print_aggregate(weir_buf *out, const weir_aggregate *one,
                         const weir_schema *schema)
{
    static const char *const names[] = {
        [WEIR_AGG_COUNT_STAR] = "count", [WEIR_AGG_COUNT] = "count",
        [WEIR_AGG_SUM] = "sum",          [WEIR_AGG_AVG] = "avg",
        [WEIR_AGG_MIN] = "min",          [WEIR_AGG_MAX] = "max"};
    weir_buf_format(out, "%s(%s", names[one->fn], one->distinct ? "DISTINCT " : "");
    if (one->arg != NULL)
        weir_expr_print(out, one->arg, schema);
    else
        weir_buf_byte(out, '*');
    weir_buf_byte(out, ')');
    if (one->filter != NULL) {
        weir_buf_text(out, " FILTER (WHERE ");
        weir_expr_print(out, one->filter, schema);
        weir_buf_byte(out, ')');
    }
}
