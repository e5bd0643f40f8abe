/* sql/function: scalar functions by name and argument types.
 *
 * Gives      sql_bind_function.
 *
 * One line of `signatures` is one overload; the arguments are letters (see type_of). Among
 * the overloads that fit, the one with most exact arguments is taken, then the first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_bind.h"

#include <string.h>

#define ARGS_MAX 3

/* t text, b bytea, i integer, d double precision, n numeric, # any number, D date, T time,
   s timestamp, z timestamptz; k a constant text, c a constant integer; result 0: the type
   of the first argument. */
typedef struct signature {
    const char   *name;
    weir_function function;
    const char   *args;
    char          result;
} signature;

static const signature signatures[] = {
    {"abs", WEIR_FN_ABS, "#", '0'},
    {"round", WEIR_FN_ROUND, "d", 'd'},
    {"round", WEIR_FN_ROUND, "n", 'n'},
    {"round", WEIR_FN_ROUND, "nc", 'n'},
    {"trunc", WEIR_FN_TRUNC, "d", 'd'},
    {"trunc", WEIR_FN_TRUNC, "n", 'n'},
    {"trunc", WEIR_FN_TRUNC, "nc", 'n'},
    {"floor", WEIR_FN_FLOOR, "d", 'd'},
    {"floor", WEIR_FN_FLOOR, "n", 'n'},
    {"ceil", WEIR_FN_CEIL, "d", 'd'},
    {"ceil", WEIR_FN_CEIL, "n", 'n'},
    {"ceiling", WEIR_FN_CEIL, "d", 'd'},
    {"ceiling", WEIR_FN_CEIL, "n", 'n'},
    {"sign", WEIR_FN_SIGN, "d", 'd'},
    {"sign", WEIR_FN_SIGN, "n", 'n'},
    {"mod", WEIR_FN_MOD, "##", '0'},
    {"lower", WEIR_FN_LOWER, "t", 't'},
    {"upper", WEIR_FN_UPPER, "t", 't'},
    {"btrim", WEIR_FN_BTRIM, "t", 't'},
    {"btrim", WEIR_FN_BTRIM, "tt", 't'},
    {"ltrim", WEIR_FN_LTRIM, "t", 't'},
    {"ltrim", WEIR_FN_LTRIM, "tt", 't'},
    {"rtrim", WEIR_FN_RTRIM, "t", 't'},
    {"rtrim", WEIR_FN_RTRIM, "tt", 't'},
    {"length", WEIR_FN_LENGTH, "t", 'i'},
    {"length", WEIR_FN_LENGTH, "b", 'i'},
    {"char_length", WEIR_FN_LENGTH, "t", 'i'},
    {"character_length", WEIR_FN_LENGTH, "t", 'i'},
    {"octet_length", WEIR_FN_OCTET_LENGTH, "t", 'i'},
    {"octet_length", WEIR_FN_OCTET_LENGTH, "b", 'i'},
    {"substring", WEIR_FN_SUBSTRING, "ti", 't'},
    {"substring", WEIR_FN_SUBSTRING, "tii", 't'},
    {"substring", WEIR_FN_SUBSTRING, "bi", 'b'},
    {"substring", WEIR_FN_SUBSTRING, "bii", 'b'},
    {"substr", WEIR_FN_SUBSTRING, "ti", 't'},
    {"substr", WEIR_FN_SUBSTRING, "tii", 't'},
    {"substr", WEIR_FN_SUBSTRING, "bi", 'b'},
    {"substr", WEIR_FN_SUBSTRING, "bii", 'b'},
    {"replace", WEIR_FN_REPLACE, "ttt", 't'},
    {"left", WEIR_FN_LEFT, "ti", 't'},
    {"right", WEIR_FN_RIGHT, "ti", 't'},
    {"position", WEIR_FN_POSITION, "tt", 'i'},
    {"strpos", WEIR_FN_POSITION, "tt", 'i'},
    {"starts_with", WEIR_FN_STARTS_WITH, "tt", 'B'},
    {"extract", WEIR_FN_EXTRACT, "kz", 'n'},
    {"extract", WEIR_FN_EXTRACT, "ks", 'n'},
    {"extract", WEIR_FN_EXTRACT, "kD", 'n'},
    {"extract", WEIR_FN_EXTRACT, "kT", 'n'},
    {"date_trunc", WEIR_FN_DATE_TRUNC, "kz", 'z'},
    {"date_trunc", WEIR_FN_DATE_TRUNC, "ks", 's'},
};
#define SIGNATURES (sizeof signatures / sizeof signatures[0])

typedef struct known_missing { /* not supported: why, or what instead */
    const char *name;
    const char *hint;
} known_missing;

#define NOT_THE_CLOCK "a result depends on the input alone, so that it can be replayed"
static const known_missing missing[] = {
    {"now", NOT_THE_CLOCK},
    {"clock_timestamp", NOT_THE_CLOCK},
    {"statement_timestamp", NOT_THE_CLOCK},
    {"transaction_timestamp", NOT_THE_CLOCK},
    {"random", NOT_THE_CLOCK},
    {"gen_random_uuid", NOT_THE_CLOCK},
    {"age", NOT_THE_CLOCK},
    {"concat", "use ||, with COALESCE where NULL may be"},
    {"date_part", "use extract(field from x)"},
    {"tumble", "it stands in FROM: FROM tumble(t, time, interval '1 minute')"},
    {"hop", "tumble() is the only window function yet"},
    {"session", "tumble() is the only window function yet"},
    {"cumulate", "tumble() is the only window function yet"},
    {"jsonb_extract_path_text", "use -> and ->>"},
    {"if", "use CASE WHEN … THEN … ELSE … END"},
    {"ifnull", "use COALESCE"},
    {"nvl", "use COALESCE"},
    {"isnull", "use IS NULL"},
    {"row_number", "window functions with OVER are not supported"},
    {"rank", "window functions with OVER are not supported"},
    {"lag", "window functions with OVER are not supported"},
    {"lead", "window functions with OVER are not supported"},
    {"regexp_replace", "regular expressions are not supported; use replace or LIKE"},
    {"to_char", "cast to text, or extract the parts"},
};

static const char *const extract_fields[] = {
    "century", "day",    "decade",  "dow",          "doy",        "epoch",
    "hour",    "isodow", "isoyear", "microseconds", "millennium", "milliseconds",
    "minute",  "month",  "quarter", "second",       "week",       "year"};
static const char *const trunc_fields[] = {
    "century", "day",   "decade",  "hour",   "microseconds", "millennium", "milliseconds",
    "minute",  "month", "quarter", "second", "week",         "year"};

static weir_type type_of(char letter)
{
    switch (letter) {
    case 'b':
        return weir_type_of(WEIR_T_BYTEA);
    case 'B':
        return weir_type_of(WEIR_T_BOOL);
    case 'i':
    case 'c':
        return weir_type_of(WEIR_T_INT32);
    case 'd':
        return weir_type_of(WEIR_T_FLOAT64);
    case 'n':
        return weir_type_of(WEIR_T_NUMERIC);
    case 'D':
        return weir_type_of(WEIR_T_DATE);
    case 'T':
        return weir_type_of(WEIR_T_TIME);
    case 's':
        return weir_type_of(WEIR_T_TIMESTAMP);
    case 'z':
        return weir_type_of(WEIR_T_TIMESTAMPTZ);
    default:
        return weir_type_of(WEIR_T_TEXT);
    }
}

/* How well an argument fits: 0 not at all, 1 by a cast, 2 as a literal, 3 exactly. */
static uint32_t fit(const weir_expr *arg, char letter)
{
    if (letter == '#')
        return weir_type_is_number(arg->type) ? 3 : 0;
    weir_type want = type_of(letter);
    if (sql_is_unknown(arg))
        return want.id == WEIR_T_TEXT ? 2 : 1;
    if (arg->type.id == want.id)
        return 3;
    return sql_can_cast(arg->type, want, SQL_IMPLICIT) ? 1 : 0;
}

static const signature *choose(const char *name, const weir_expr *const *arg, size_t count)
{
    const signature *best = NULL;
    uint32_t         best_score = 0;
    for (size_t i = 0; i < SIGNATURES; i++) {
        if (strcmp(signatures[i].name, name) != 0 || strlen(signatures[i].args) != count)
            continue;
        uint32_t score = 1;
        for (size_t k = 0; k < count && score > 0; k++) {
            uint32_t one = fit(arg[k], signatures[i].args[k]);
            score = one > 0 ? score + one : 0;
        }
        if (score > best_score) {
            best = &signatures[i];
            best_score = score;
        }
    }
    return best;
}

static const char *letter_name(char letter)
{
    switch (letter) {
    case '#':
        return "number";
    case 'k':
        return "field";
    case 'c':
        return "integer constant";
    case 'b':
        return "bytea";
    case 'i':
        return "integer";
    case 'd':
        return "double precision";
    case 'n':
        return "numeric";
    case 'D':
        return "date";
    case 'T':
        return "time";
    case 's':
        return "timestamp";
    case 'z':
        return "timestamptz";
    default:
        return "text";
    }
}

/* "lower(text)" for each overload, with "or" between. */
static void hint_overloads(sql_job *job, const char *name)
{
    weir_buf buf = {0};
    for (size_t i = 0; i < SIGNATURES; i++) {
        if (strcmp(signatures[i].name, name) != 0)
            continue;
        weir_buf_format(&buf, "%s%s(", buf.len > 0 ? " or " : "there is ", name);
        for (const char *letter = signatures[i].args; *letter != '\0'; letter++)
            weir_buf_format(&buf, "%s%s", letter > signatures[i].args ? ", " : "",
                            letter_name(*letter));
        weir_buf_text(&buf, ")");
    }
    if (buf.len > 0)
        sql_hint(job, "%.*s", (int)buf.len, buf.at);
    weir_buf_done(&buf);
}

static void no_such_name(sql_job *job, const char *name, int32_t at)
{
    const char *names[SIGNATURES + 8] = {"count", "sum",      "avg",      "min",
                                         "max",   "coalesce", "greatest", "least"};
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (strcmp(missing[i].name, name) == 0) {
            sql_error(job, at, "function '%s' is not supported", name);
            sql_hint(job, "%s", missing[i].hint);
            return;
        }
    }
    for (size_t i = 0; i < SIGNATURES; i++)
        names[8 + i] = signatures[i].name;
    sql_error(job, at, "function '%s' does not exist", name);
    (void)sql_hint_nearest(job, weir_str_of(name), names, SIGNATURES + 8);
}

static void no_overload(sql_job *job, const char *name, const weir_expr *const *arg,
                        size_t count, int32_t at)
{
    weir_buf buf = {0};
    for (size_t i = 0; i < count; i++)
        weir_buf_format(&buf, "%s%s", i > 0 ? ", " : "", sql_type_text(job, arg[i]->type));
    sql_error(job, at, "function %s(%.*s) does not exist", name, (int)buf.len,
              buf.len > 0 ? buf.at : "");
    weir_buf_done(&buf);
    hint_overloads(job, name);
}

static bool known_name(const char *name)
{
    for (size_t i = 0; i < SIGNATURES; i++)
        if (strcmp(signatures[i].name, name) == 0)
            return true;
    return false;
}

/* The first argument of extract and date_trunc must be a field that the type has. */
static bool check_field(sql_job *job, const signature *sign, const weir_expr *const *arg,
                        int32_t at)
{
    bool extract = sign->function == WEIR_FN_EXTRACT;
    if (arg[0]->kind != WEIR_EXPR_CONST || arg[0]->value.null) {
        sql_error(job, at, "the field of %s must be a constant", sign->name);
        return false;
    }
    const char *const *fields = extract ? extract_fields : trunc_fields;
    size_t             count = extract ? sizeof extract_fields / sizeof *extract_fields
                                       : sizeof trunc_fields / sizeof *trunc_fields;
    weir_str           field = arg[0]->value.text;
    bool of_day = weir_str_is(field, "hour") || weir_str_is(field, "minute") ||
                  weir_str_is(field, "second") || weir_str_is(field, "milliseconds") ||
                  weir_str_is(field, "microseconds");
    bool known = false;
    for (size_t i = 0; i < count; i++)
        known = known || weir_str_is(field, fields[i]);
    if (known && arg[1]->type.id == WEIR_T_DATE)
        known = !of_day;
    else if (known && arg[1]->type.id == WEIR_T_TIME)
        known = of_day || weir_str_is(field, "epoch");
    if (!known) {
        sql_error(job, at, "unit '%.*s' is not supported by %s for type %s",
                  WEIR_STR_FMT(field), sign->name, sql_type_text(job, arg[1]->type));
        (void)sql_hint_nearest(job, field, fields, count);
    }
    return known;
}

static const weir_expr *lower_field(sql_job *job, const weir_expr *field)
{
    if (field->kind != WEIR_EXPR_CONST || field->value.null)
        return field;
    weir_expr *copy = WEIR_NEW(job->arena, weir_expr);
    *copy = *field;
    weir_str text = weir_str_copy(job->arena, field->value.text);
    char    *lower = weir_arena_take(job->arena, text.len + 1);
    for (size_t i = 0; i <= text.len; i++)
        lower[i] =
            text.at[i] >= 'A' && text.at[i] <= 'Z' ? (char)(text.at[i] + 32) : text.at[i];
    copy->value.text.at = lower;
    return copy;
}

static weir_type result_of(const signature *sign, const weir_expr *const *arg, size_t count)
{
    if (sign->result == '0')
        return arg[0]->type;
    if (sign->result != 'n' || sign->function == WEIR_FN_EXTRACT)
        return type_of(sign->result);
    if (count == 1)
        return sql_numeric(0);
    if (arg[1]->value.null)
        return sql_numeric(WEIR_SCALE_ANY);
    int64_t scale = arg[1]->value.i64;
    return sql_numeric((uint8_t)(scale < 0                     ? 0
                                 : scale > WEIR_NUMERIC_DIGITS ? WEIR_NUMERIC_DIGITS
                                                               : scale));
}

static const weir_expr *call_with(sql_job *job, const signature *sign,
                                  const weir_expr **arg, size_t count, int32_t at)
{
    if (sign->function == WEIR_FN_MOD)
        return sql_operate(job, "%", arg[0], arg[1], at);
    for (size_t i = 0; i < count; i++) {
        if (sign->args[i] != '#')
            arg[i] = sql_cast(job, arg[i], type_of(sign->args[i]), SQL_IMPLICIT);
        if (arg[i] == NULL)
            return NULL;
        if (sign->args[i] == 'c' && arg[i]->kind != WEIR_EXPR_CONST) {
            sql_error(job, at, "the second argument of %s must be a constant", sign->name);
            return NULL;
        }
    }
    if (sign->args[0] == 'k')
        arg[0] = lower_field(job, arg[0]);
    if (sign->args[0] == 'k' && !check_field(job, sign, arg, at))
        return NULL;
    weir_type type = result_of(sign, arg, count);
    bool      trims = sign->function == WEIR_FN_BTRIM || sign->function == WEIR_FN_LTRIM ||
                 sign->function == WEIR_FN_RTRIM;
    if (trims && count == 1)
        arg[count++] = sql_const_text(job, WEIR_STR(" "), at);
    sql_call head = {sign->function, type, at, (uint32_t)count, {NULL}};
    return sql_call_list(job, &head, arg);
}

/* x AT TIME ZONE 'UTC' is timezone('UTC', x): to and from a timestamp without a zone. */
static const weir_expr *time_zone(sql_job *job, const weir_expr *const *arg, int32_t at)
{
    weir_str zone = arg[0]->value.text;
    if (arg[0]->kind != WEIR_EXPR_CONST || arg[0]->value.null ||
        (!weir_str_is(zone, "UTC") && !weir_str_is(zone, "utc"))) {
        sql_error(job, at, "AT TIME ZONE is supported for 'UTC' only");
        return NULL;
    }
    weir_type_id from = (weir_type_id)arg[1]->type.id;
    if (from != WEIR_T_TIMESTAMP && from != WEIR_T_TIMESTAMPTZ) {
        sql_error(job, at, "AT TIME ZONE takes a timestamp or timestamptz, not %s",
                  sql_type_text(job, arg[1]->type));
        return NULL;
    }
    weir_type to =
        weir_type_of(from == WEIR_T_TIMESTAMP ? WEIR_T_TIMESTAMPTZ : WEIR_T_TIMESTAMP);
    return sql_cast(job, arg[1], to, SQL_EXPLICIT);
}

/* What the call syntax can say and a scalar function has no use for. */
static bool plain_call(sql_job *job, const PgQuery__FuncCall *call, const char *name)
{
    const char *what = call->over != NULL         ? "OVER"
                       : call->agg_filter != NULL ? "FILTER"
                       : call->agg_distinct       ? "DISTINCT"
                       : call->n_agg_order > 0    ? "ORDER BY"
                       : call->func_variadic      ? "VARIADIC"
                       : call->agg_star           ? "*"
                                                  : NULL;
    if (what == NULL)
        return true;
    sql_error(job, call->location, "%s is not supported in a call of %s()", what, name);
    if (call->over != NULL)
        sql_hint(job, "window functions are not supported yet");
    return false;
}

const weir_expr *sql_bind_function(sql_scope *scope, const PgQuery__FuncCall *call)
{
    sql_job         *job = scope->job;
    const char      *name = sql_last_name(call->funcname, call->n_funcname);
    const weir_expr *arg[ARGS_MAX + 1] = {NULL};
    size_t           count = call->n_args;
    bool             zone = strcmp(name, "timezone") == 0 && count == 2;
    if (sql_is_aggregate(name))
        return sql_bind_aggregate(scope, call);
    if (!zone && call->over == NULL && !known_name(name)) {
        no_such_name(job, name, call->location);
        return NULL;
    }
    if (!plain_call(job, call, name))
        return NULL;
    bool failed = false;
    for (size_t i = 0; i < count; i++) {
        const weir_expr *one = sql_bind(scope, call->args[i]);
        failed = failed || one == NULL;
        if (i < ARGS_MAX)
            arg[i] = one;
    }
    if (failed)
        return NULL;
    if (zone)
        return time_zone(job, arg, call->location);
    const signature *sign = count <= ARGS_MAX ? choose(name, arg, count) : NULL;
    if (sign == NULL) {
        no_overload(job, name, arg, count < ARGS_MAX ? count : ARGS_MAX, call->location);
        return NULL;
    }
    return call_with(job, sign, arg, count, call->location);
}
