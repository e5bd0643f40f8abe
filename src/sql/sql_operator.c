/* sql/operator: which operator a symbol means for the types at its sides.
 *
 * Gives      sql_operate, sql_no_operator.
 * Relies on  sql/arithmetic for + - * / %.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

#include <string.h>

typedef struct comparison {
    const char   *name;
    weir_function function;
} comparison;

static const comparison comparisons[] = {
    {"=", WEIR_FN_EQ},
    {"<>", WEIR_FN_NE},
    {"!=", WEIR_FN_NE},
    {"<", WEIR_FN_LT},
    {"<=", WEIR_FN_LE},
    {">", WEIR_FN_GT},
    {">=", WEIR_FN_GE},
    {"IS DISTINCT FROM", WEIR_FN_DISTINCT},
    {"IS NOT DISTINCT FROM", WEIR_FN_NOT_DISTINCT},
    {"NULLIF", WEIR_FN_NULLIF},
};

const weir_expr *sql_no_operator(sql_job *job, const char *name, const weir_expr *left,
                                 const weir_expr *right, int32_t at)
{
    sql_error(job, at, "operator does not exist: %s%s%s %s",
              left != NULL ? sql_type_text(job, left->type) : "", left != NULL ? " " : "",
              name, sql_type_text(job, right->type));
    weir_type_id id = left != NULL ? left->type.id : WEIR_T_UNKNOWN;
    if (id == WEIR_T_JSONB || right->type.id == WEIR_T_JSONB)
        sql_hint(job, "take a value out with ->> and cast it: (x ->> 'field')::numeric");
    else if (id == WEIR_T_INTERVAL || right->type.id == WEIR_T_INTERVAL)
        sql_hint(job, "an interval can be added to a date or time, nothing else");
    else if (left != NULL && (id == WEIR_T_TEXT || right->type.id == WEIR_T_TEXT))
        sql_hint(job, "cast one side: CAST(x AS %s)",
                 sql_type_text(job, id == WEIR_T_TEXT ? right->type : left->type));
    return NULL;
}

/* The type in which two values of different types are compared; false: they are not. */
static bool comparable(const weir_expr *left, const weir_expr *right, weir_type *out)
{
    weir_type a = left->type;
    weir_type b = right->type;
    if (a.id == WEIR_T_UNKNOWN && b.id == WEIR_T_UNKNOWN) {
        *out = weir_type_of(WEIR_T_TEXT);
    } else if (a.id == WEIR_T_UNKNOWN || b.id == WEIR_T_UNKNOWN) {
        *out = weir_type_of((weir_type_id)(a.id == WEIR_T_UNKNOWN ? b.id : a.id));
    } else if (weir_type_is_number(a) && weir_type_is_number(b)) {
        *out = sql_common_number(a, b);
        if (out->id == WEIR_T_NUMERIC) /* scales may differ */
            *out = weir_type_of(WEIR_T_NUMERIC);
    } else if (a.id == b.id) {
        *out = weir_type_of((weir_type_id)a.id);
    } else if (sql_can_cast(a, b, SQL_IMPLICIT)) {
        *out = b;
    } else if (sql_can_cast(b, a, SQL_IMPLICIT)) {
        *out = a;
    } else {
        return false;
    }
    return out->id != WEIR_T_JSONB && out->id != WEIR_T_INTERVAL;
}

static const weir_expr *compare(sql_job *job, const comparison *which,
                                const weir_expr *left, const weir_expr *right, int32_t at)
{
    weir_type   type;
    bool        nullif = which->function == WEIR_FN_NULLIF;
    const char *name = which->name;
    if (nullif || which->function == WEIR_FN_DISTINCT ||
        which->function == WEIR_FN_NOT_DISTINCT)
        name = "=";
    if (!comparable(left, right, &type))
        return sql_no_operator(job, name, left, right, at);
    const weir_expr *a = sql_cast(job, left, type, SQL_IMPLICIT);
    const weir_expr *b = sql_cast(job, right, type, SQL_IMPLICIT);
    if (a == NULL || b == NULL)
        return NULL;
    sql_call call = {which->function, weir_type_of(WEIR_T_BOOL), at, 2, {a, b}};
    if (nullif)
        call.type = a->type;
    return sql_call_new(job, &call);
}

static const weir_expr *concat(sql_job *job, const weir_expr *left, const weir_expr *right,
                               int32_t at)
{
    weir_type to = weir_type_of(WEIR_T_TEXT);
    bool      text = left->type.id == WEIR_T_TEXT || right->type.id == WEIR_T_TEXT;
    bool      bytes = left->type.id == WEIR_T_BYTEA || right->type.id == WEIR_T_BYTEA;
    bool      json = left->type.id == WEIR_T_JSONB || right->type.id == WEIR_T_JSONB;
    bool      open = sql_is_unknown(left) || sql_is_unknown(right);
    if (bytes && !text)
        to = weir_type_of(WEIR_T_BYTEA);
    else if (!text && (!open || json))
        return sql_no_operator(job, "||", left, right, at);
    if (left->type.id == WEIR_T_INTERVAL || right->type.id == WEIR_T_INTERVAL ||
        !sql_can_cast(left->type, to, SQL_EXPLICIT) ||
        !sql_can_cast(right->type, to, SQL_EXPLICIT))
        return sql_no_operator(job, "||", left, right, at);
    const weir_expr *a = sql_cast(job, left, to, SQL_EXPLICIT);
    const weir_expr *b = sql_cast(job, right, to, SQL_EXPLICIT);
    sql_call         call = {WEIR_FN_CONCAT, to, at, 2, {a, b}};
    return a != NULL && b != NULL ? sql_call_new(job, &call) : NULL;
}

static const weir_expr *json(sql_job *job, const char *name, const weir_expr *left,
                             const weir_expr *right, int32_t at)
{
    bool      whole = right->type.id == WEIR_T_INT16 || right->type.id == WEIR_T_INT32;
    bool      text = right->type.id == WEIR_T_TEXT || sql_is_unknown(right);
    bool      as_text = strcmp(name, "->>") == 0;
    weir_type key = weir_type_of(whole ? WEIR_T_INT32 : WEIR_T_TEXT);
    if (left->type.id != WEIR_T_JSONB || (!whole && !text)) {
        sql_error(job, at, "operator does not exist: %s %s %s",
                  sql_type_text(job, left->type), name, sql_type_text(job, right->type));
        if (left->type.id != WEIR_T_JSONB)
            sql_hint(job, "%s takes a jsonb value at its left", name);
        return NULL;
    }
    sql_call call = {as_text ? WEIR_FN_JSON_GET_TEXT : WEIR_FN_JSON_GET,
                     weir_type_of(as_text ? WEIR_T_TEXT : WEIR_T_JSONB),
                     at,
                     2,
                     {left, sql_cast(job, right, key, SQL_IMPLICIT)}};
    return call.arg[1] != NULL ? sql_call_new(job, &call) : NULL;
}

static const weir_expr *unsupported(sql_job *job, const char *name, int32_t at)
{
    sql_error(job, at, "operator '%s' is not supported", name);
    if (name[0] == '~' || (name[0] == '!' && name[1] == '~'))
        sql_hint(job, "use LIKE or ILIKE");
    else if (strcmp(name, "#>") == 0 || strcmp(name, "#>>") == 0)
        sql_hint(job, "follow the path with -> and ->>");
    else if (strcmp(name, "==") == 0)
        sql_hint(job, "did you mean '='?");
    else if (strcmp(name, "&&") == 0)
        sql_hint(job, "did you mean AND?");
    return NULL;
}

const weir_expr *sql_operate(sql_job *job, const char *name, const weir_expr *left,
                             const weir_expr *right, int32_t at)
{
    if (left == NULL || right == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons; i++)
        if (strcmp(comparisons[i].name, name) == 0)
            return compare(job, &comparisons[i], left, right, at);
    if (strlen(name) == 1 && strchr("+-*/%", name[0]) != NULL)
        return sql_arithmetic(job, name, left, right, at);
    if (strcmp(name, "||") == 0)
        return concat(job, left, right, at);
    if (strcmp(name, "->") == 0 || strcmp(name, "->>") == 0)
        return json(job, name, left, right, at);
    return unsupported(job, name, at);
}
