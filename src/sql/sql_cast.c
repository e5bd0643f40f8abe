/* sql/cast: which type becomes which, as PostgreSQL has it, and making it so.
 *
 * Gives      sql_can_cast, sql_cast, sql_settle, sql_common_type, sql_common_number.
 * Always     1. what sql_cast gives has the type that was asked for, but a numeric without
 *               (p,s) keeps the scale that it is known to have.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

#include <string.h>

/* Numbers in the order in which PostgreSQL widens them without being asked. */
static int rank(weir_type type)
{
    switch ((weir_type_id)type.id) {
    case WEIR_T_INT16:
        return 1;
    case WEIR_T_INT32:
        return 2;
    case WEIR_T_INT64:
        return 3;
    case WEIR_T_NUMERIC:
        return 4;
    case WEIR_T_FLOAT32:
        return 5;
    case WEIR_T_FLOAT64:
        return 6;
    default:
        return 0;
    }
}

static bool can_cast_time(weir_type from, weir_type to, sql_cast_how how)
{
    switch ((weir_type_id)from.id) {
    case WEIR_T_DATE:
        return to.id == WEIR_T_TIMESTAMP || to.id == WEIR_T_TIMESTAMPTZ;
    case WEIR_T_TIMESTAMP:
        if (to.id == WEIR_T_TIMESTAMPTZ)
            return true;
        return how != SQL_IMPLICIT && (to.id == WEIR_T_DATE || to.id == WEIR_T_TIME);
    case WEIR_T_TIMESTAMPTZ:
        return how != SQL_IMPLICIT &&
               (to.id == WEIR_T_DATE || to.id == WEIR_T_TIME || to.id == WEIR_T_TIMESTAMP);
    default:
        return false;
    }
}

bool sql_can_cast(weir_type from, weir_type to, sql_cast_how how)
{
    if (from.id == to.id || from.id == WEIR_T_UNKNOWN)
        return true;
    if (from.id == WEIR_T_INTERVAL || to.id == WEIR_T_INTERVAL)
        return false;
    if (rank(from) > 0 && rank(to) > 0)
        return how != SQL_IMPLICIT || rank(from) < rank(to);
    if (to.id == WEIR_T_TEXT)
        return how != SQL_IMPLICIT;
    if (from.id == WEIR_T_TEXT)
        return how == SQL_EXPLICIT;
    if (from.id == WEIR_T_JSONB)
        return how == SQL_EXPLICIT && (rank(to) > 0 || to.id == WEIR_T_BOOL);
    if ((from.id == WEIR_T_BOOL && to.id == WEIR_T_INT32) ||
        (from.id == WEIR_T_INT32 && to.id == WEIR_T_BOOL))
        return how == SQL_EXPLICIT;
    return can_cast_time(from, to, how);
}

bool sql_is_unknown(const weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_CONST && expr->type.id == WEIR_T_UNKNOWN;
}

bool sql_is_null(const weir_expr *expr)
{
    return expr->kind == WEIR_EXPR_CONST && expr->value.null;
}

static weir_expr *copy_of(sql_job *job, const weir_expr *expr, weir_type type)
{
    weir_expr *copy = WEIR_NEW(job->arena, weir_expr);
    *copy = *expr;
    copy->type = type;
    return copy;
}

/* A literal that holds a variable's value is shown as the user wrote it. */
static void bad_literal(sql_job *job, const weir_expr *expr, weir_type to, weir_err *err)
{
    weir_str  text = job->input->text;
    sql_token token = sql_token_at(text, expr->sql_at < 0 ? 0 : expr->sql_at);
    weir_str  written = sql_token_text(text, token);
    if (written.len > 0 && memmem(written.at, written.len, "${", 2) != NULL)
        (void)weir_fail(err, WEIR_E_SQL, "invalid input syntax for type %s: %.*s",
                        sql_type_text(job, to), written.len > 80 ? 80 : (int)written.len,
                        written.at);
    err->code = WEIR_E_SQL;
    err->sql_at = expr->sql_at;
    sql_error_take(job, 0, err);
}

static const weir_expr *parse_literal(sql_job *job, const weir_expr *expr, weir_type to)
{
    weir_err  err;
    weir_type whole = to; /* the length is the cast's business */
    whole.length = 0;
    weir_err_clear(&err);
    weir_expr *value = copy_of(job, expr, whole);
    if (to.id == WEIR_T_TEXT)
        return value;
    if (to.id == WEIR_T_BYTEA) { /* unescaping needs memory, which a cast has */
        value->type = weir_type_of(WEIR_T_TEXT);
        return value;
    }
    value->value = (weir_datum){0};
    if (to.id == WEIR_T_INTERVAL) {
        if (weir_interval_parse(expr->value.text, &value->value.interval))
            return value;
        (void)weir_fail(&err, WEIR_E_SQL,
                        "invalid input syntax for type interval: \"%.*s\"",
                        expr->value.text.len > 60 ? 60 : (int)expr->value.text.len,
                        expr->value.text.at);
    } else if (weir_datum_parse(whole, expr->value.text, &value->value, &err) == WEIR_OK) {
        if (to.id == WEIR_T_NUMERIC && to.precision == 0)
            value->type = sql_numeric(value->value.scale);
        if (value->value.text.at != NULL)
            value->value.text = weir_str_copy(job->arena, value->value.text);
        return value;
    }
    bad_literal(job, expr, to, &err);
    return NULL;
}

/* True when a value of `from` is one of `to` already. */
static bool fits_as_is(weir_type from, weir_type to)
{
    if (from.id != to.id)
        return false;
    if (to.id == WEIR_T_NUMERIC)
        return to.precision == 0 || weir_type_same(from, to);
    if (to.id == WEIR_T_TEXT)
        return to.length == 0 || from.length == to.length;
    return true;
}

const weir_expr *sql_cast(sql_job *job, const weir_expr *expr, weir_type to,
                          sql_cast_how how)
{
    if (expr == NULL)
        return NULL;
    if (sql_is_null(expr))
        return copy_of(job, expr, to);
    if (sql_is_unknown(expr))
        expr = parse_literal(job, expr, to);
    if (expr == NULL || fits_as_is(expr->type, to))
        return expr;
    bool whole = expr->type.id >= WEIR_T_INT16 && expr->type.id <= WEIR_T_INT64;
    if (to.id == WEIR_T_NUMERIC && to.precision == 0 && whole)
        to = sql_numeric(0);
    weir_expr *call = WEIR_NEW(job->arena, weir_expr);
    call->kind = WEIR_EXPR_CALL;
    call->function = how == SQL_ASSIGN ? WEIR_FN_ASSIGN : WEIR_FN_CAST;
    call->type = to;
    call->sql_at = expr->sql_at;
    call->args = 1;
    call->arg = WEIR_ARRAY(job->arena, const weir_expr *, 1);
    call->arg[0] = expr;
    return sql_fold(job, call);
}

const weir_expr *sql_settle(sql_job *job, const weir_expr *expr)
{
    if (expr == NULL || !sql_is_unknown(expr))
        return expr;
    return sql_cast(job, expr, weir_type_of(WEIR_T_TEXT), SQL_IMPLICIT);
}

weir_type sql_common_number(weir_type a, weir_type b)
{
    if (a.id == WEIR_T_NUMERIC && b.id == WEIR_T_NUMERIC)
        return weir_type_same(a, b)
                   ? a
                   : sql_numeric(a.scale == b.scale ? a.scale : WEIR_SCALE_ANY);
    if (a.id == b.id)
        return a;
    bool floats = rank(a) >= 5 || rank(b) >= 5;
    if (floats) /* also real and integer: double is what PostgreSQL prefers */
        return weir_type_of(WEIR_T_FLOAT64);
    weir_type wide = rank(a) > rank(b) ? a : b;
    if (wide.id == WEIR_T_NUMERIC)
        return sql_numeric(wide.scale == 0 ? 0 : WEIR_SCALE_ANY);
    return wide;
}

/* 'x' category letters of PostgreSQL, as far as types here have them. */
static char category(weir_type type)
{
    switch ((weir_type_id)type.id) {
    case WEIR_T_BOOL:
        return 'B';
    case WEIR_T_TEXT:
        return 'S';
    case WEIR_T_DATE:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        return 'D';
    default:
        return rank(type) > 0 ? 'N' : 'U';
    }
}

static bool join_types(weir_type *type, weir_type other)
{
    if (rank(*type) > 0 && rank(other) > 0) {
        bool same = type->id == other.id;
        bool real = !same && (type->id == WEIR_T_FLOAT32 || other.id == WEIR_T_FLOAT32) &&
                    rank(*type) <= 5 && rank(other) <= 5;
        *type = real ? weir_type_of(WEIR_T_FLOAT32) : sql_common_number(*type, other);
        return true;
    }
    if (type->id == other.id) {
        if (type->length != other.length)
            type->length = 0;
        return true;
    }
    if (category(*type) != category(other))
        return false;
    if (sql_can_cast(*type, other, SQL_IMPLICIT))
        *type = other;
    else if (!sql_can_cast(other, *type, SQL_IMPLICIT))
        return false;
    return true;
}

bool sql_common_type(sql_job *job, const char *what, const weir_expr *const *expr,
                     uint32_t count, weir_type *out, int32_t at)
{
    weir_type type = weir_type_of(WEIR_T_UNKNOWN);
    for (uint32_t i = 0; i < count; i++) {
        if (expr[i]->type.id == WEIR_T_UNKNOWN)
            continue;
        if (type.id == WEIR_T_UNKNOWN) {
            type = expr[i]->type;
        } else if (!join_types(&type, expr[i]->type)) {
            sql_error(job, at, "%s types %s and %s cannot be matched", what,
                      sql_type_text(job, type), sql_type_text(job, expr[i]->type));
            return false;
        }
    }
    *out = type.id == WEIR_T_UNKNOWN ? weir_type_of(WEIR_T_TEXT) : type;
    return true;
}
