/* op/expr_cast: a value of one type as one of another, by PostgreSQL's rules.
 *
 * A cast is looked up by the target's type; each of those knows the sources it takes.
 * The binder asks for no cast that PostgreSQL does not have; one that is missing here is
 * an error of the row, never a wrong value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr/expr_run.h"

#define DAY_US INT64_C(86400000000)

typedef struct conversion {
    expr_call *call;
    weir_type  from, to;
    bool       assign, key;
} conversion;

static bool no_cast(const conversion *cast)
{
    weir_buf from = {0}, to = {0};
    weir_type_print(&from, cast->from);
    weir_type_print(&to, cast->to);
    (void)expr_fail(cast->call, "cannot cast type %.*s to %.*s", (int)from.len, from.at,
                    (int)to.len, to.at);
    weir_buf_done(&from);
    weir_buf_done(&to);
    return false;
}

static bool is_integer(weir_type type)
{
    return type.id == WEIR_T_INT16 || type.id == WEIR_T_INT32 || type.id == WEIR_T_INT64;
}

static bool is_float(weir_type type)
{
    return type.id == WEIR_T_FLOAT32 || type.id == WEIR_T_FLOAT64;
}

/* From text, by the type's own reader. */
static bool from_text(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    weir_err err;
    weir_err_clear(&err);
    if (weir_datum_parse(cast->to, value->text, out, &err) == WEIR_OK)
        return true;
    return expr_fail(cast->call, "%s", err.msg);
}

static bool json_mismatch(const conversion *cast, char first)
{
    const char *what = first == 't' || first == 'f' ? "boolean"
                       : first == '"'               ? "string"
                       : first == '['               ? "array"
                       : first == '{'               ? "object"
                                                    : "numeric";
    weir_buf to = {0};
    weir_type_print(&to, weir_type_of((weir_type_id)cast->to.id));
    (void)expr_fail(cast->call, "cannot cast jsonb %s to type %.*s", what, (int)to.len, to.at);
    weir_buf_done(&to);
    return false;
}

static bool run(const conversion *cast, const weir_datum *value, weir_datum *out);

/* A JSON boolean, or a number by way of numeric. */
static bool from_json(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    weir_datum text = {.text = weir_str_trim(value->text)}, number = {.null = false};
    char       first = text.text.len > 0 ? text.text.at[0] : 0;
    if (first == 'n') { /* the JSON null */
        *out = (weir_datum){.null = true};
        return true;
    }
    if (cast->to.id == WEIR_T_BOOL)
        return first == 't' || first == 'f' ? from_text(cast, &text, out)
                                            : json_mismatch(cast, first);
    if (first != '-' && (first < '0' || first > '9'))
        return json_mismatch(cast, first);
    if (is_float(cast->to))
        return from_text(cast, &text, out);
    conversion read = *cast, turn = *cast;
    read.to = turn.from = weir_type_of(WEIR_T_NUMERIC);
    return from_text(&read, &text, &number) && run(&turn, &number, out);
}

static bool integer(const conversion *cast, weir_i128 value, weir_datum *out)
{
    static const struct {
        int64_t     least, most;
        const char *name;
    } ranges[] = {
        [WEIR_T_INT16] = {INT16_MIN, INT16_MAX, "smallint"},
        [WEIR_T_INT32] = {INT32_MIN, INT32_MAX, "integer"},
        [WEIR_T_INT64] = {INT64_MIN, INT64_MAX, "bigint"},
    };
    if (value < ranges[cast->to.id].least || value > ranges[cast->to.id].most)
        return expr_fail(cast->call, "%s out of range", ranges[cast->to.id].name);
    out->i64 = (int64_t)value;
    return true;
}

static bool to_integer(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    weir_i128 whole;
    if (is_integer(cast->from))
        return integer(cast, value->i64, out);
    if (is_float(cast->from)) {
        double rounded = rint(value->f64);
        if (!(rounded >= -0x1p63 && rounded < 0x1p63)) /* NaN is neither */
            return integer(cast, weir_i128_power10(30), out);
        return integer(cast, (weir_i128)rounded, out);
    }
    switch ((weir_type_id)cast->from.id) {
    case WEIR_T_BOOL:
        out->i64 = value->boolean;
        return true;
    case WEIR_T_NUMERIC:
        if (!weir_i128_rescale(value->i128, value->scale, 0, &whole))
            whole = weir_i128_power10(30);
        return integer(cast, whole, out);
    case WEIR_T_TEXT:
        return from_text(cast, value, out);
    case WEIR_T_JSONB:
        return from_json(cast, value, out);
    default:
        return no_cast(cast);
    }
}

static bool floating(const conversion *cast, double value, bool may_be_infinite, weir_datum *out)
{
    double narrow = cast->to.id == WEIR_T_FLOAT32 ? (double)(float)value : value;
    if (isinf(narrow) && !may_be_infinite)
        return expr_fail(cast->call, "value out of range: overflow");
    if (narrow == 0 && value != 0)
        return expr_fail(cast->call, "value out of range: underflow");
    out->f64 = narrow;
    return true;
}

static double nearest(const conversion *cast, const weir_datum *value)
{
    if (cast->to.id != WEIR_T_FLOAT32)
        return weir_numeric_to_double(value->i128, value->scale);
    weir_buf text = {0}; /* rounded once, not by way of a double */
    weir_numeric_print(&text, value->i128, value->scale);
    weir_buf_byte(&text, 0);
    double out = (double)strtof(text.at, NULL);
    weir_buf_done(&text);
    return out;
}

static bool to_float(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    if (is_integer(cast->from)) {
        out->f64 = cast->to.id == WEIR_T_FLOAT32 ? (double)(float)value->i64
                                                 : (double)value->i64;
        return true;
    }
    if (is_float(cast->from))
        return floating(cast, value->f64, isinf(value->f64), out);
    switch ((weir_type_id)cast->from.id) {
    case WEIR_T_NUMERIC:
        return floating(cast, nearest(cast, value), false, out);
    case WEIR_T_TEXT:
        return from_text(cast, value, out);
    case WEIR_T_JSONB:
        return from_json(cast, value, out);
    default:
        return no_cast(cast);
    }
}

/* value/10^scale as the target numeric. */
static bool numeric(const conversion *cast, weir_i128 value, int scale, weir_datum *out)
{
    int want = cast->to.scale == WEIR_SCALE_ANY ? scale : cast->to.scale;
    int precision = cast->to.precision > 0 ? cast->to.precision : WEIR_NUMERIC_DIGITS;
    if (!weir_i128_rescale(value, scale, want, &value) ||
        !weir_i128_fits(value, precision))
        return expr_fail(cast->call, "numeric field overflow");
    out->i128 = value;
    out->scale = (uint8_t)want;
    return true;
}

/* As many digits as the float surely has: 15 or 6. */
static bool numeric_of_float(const conversion *cast, double value, weir_datum *out)
{
    char text[64];
    if (!isfinite(value))
        return expr_fail(cast->call, "cannot convert %s to numeric",
                         isnan(value) ? "NaN" : "infinity");
    snprintf(text, sizeof(text), "%.*g",
             cast->from.id == WEIR_T_FLOAT32 ? FLT_DIG : DBL_DIG, value);
    weir_i128 number;
    int       scale;
    if (weir_numeric_parse(weir_str_of(text), &number, &scale))
        return numeric(cast, number, scale, out);
    weir_datum read; /* too fine for 38 digits: rounded to what there are */
    weir_type  type = {.id = WEIR_T_NUMERIC, .scale = WEIR_NUMERIC_DIGITS};
    weir_err   err;
    weir_err_clear(&err);
    if (weir_datum_parse(type, weir_str_of(text), &read, &err) != WEIR_OK)
        return expr_fail(cast->call, "numeric field overflow");
    return numeric(cast, read.i128, read.scale, out);
}

static bool to_numeric(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    if (is_integer(cast->from))
        return numeric(cast, value->i64, 0, out);
    if (is_float(cast->from))
        return numeric_of_float(cast, value->f64, out);
    switch ((weir_type_id)cast->from.id) {
    case WEIR_T_NUMERIC:
        return numeric(cast, value->i128, value->scale, out);
    case WEIR_T_TEXT:
        return from_text(cast, value, out);
    case WEIR_T_JSONB:
        return from_json(cast, value, out);
    default:
        return no_cast(cast);
    }
}

static bool to_bool(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    switch ((weir_type_id)cast->from.id) {
    case WEIR_T_BOOL:
        out->boolean = value->boolean;
        return true;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        out->boolean = value->i64 != 0;
        return true;
    case WEIR_T_TEXT:
        return from_text(cast, value, out);
    case WEIR_T_JSONB:
        return from_json(cast, value, out);
    default:
        return no_cast(cast);
    }
}

/* varchar(n): an explicit cast cuts, an assignment only cuts blanks, that of a key nothing. */
static bool cut_text(const conversion *cast, weir_str text, weir_str *out)
{
    uint32_t characters = 0;
    size_t   end = 0;
    *out = text;
    if (cast->to.length == 0 || text.len <= cast->to.length)
        return true;
    for (; end < text.len; end++) {
        characters += ((unsigned char)text.at[end] & 0xC0) != 0x80;
        if (characters > cast->to.length)
            break;
    }
    out->len = end;
    for (size_t i = end; cast->assign && i < text.len; i++)
        if (cast->key || text.at[i] != ' ')
            return expr_fail(cast->call, "value too long for %stype character varying(%u)",
                             cast->key ? "a key of " : "", cast->to.length);
    return true;
}

static bool to_text(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    if (cast->from.id == WEIR_T_TEXT || cast->from.id == WEIR_T_JSONB)
        return cut_text(cast, value->text, &out->text);
    weir_buf text = {0};
    weir_datum_print(&text, cast->from, value);
    char *to = expr_text_room(cast->call, text.len);
    if (to != NULL && text.len > 0)
        memcpy(to, text.at, text.len);
    weir_str made = {to, text.len};
    weir_buf_done(&text);
    return to != NULL && cut_text(cast, made, &out->text);
}

static bool to_bytes(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    if (cast->from.id == cast->to.id) {
        out->text = value->text;
        return true;
    }
    if (cast->from.id != WEIR_T_TEXT)
        return no_cast(cast);
    if (cast->to.id == WEIR_T_JSONB)
        return from_text(cast, value, out);
    if (!weir_bytea_parse(value->text, cast->call->arena, &out->text))
        return expr_fail(cast->call, "invalid input syntax for type bytea");
    return true;
}

static int64_t floor_day(int64_t us)
{
    int64_t days = us / DAY_US;
    return days - (us % DAY_US < 0);
}

static bool to_time(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    bool from_moment =
        cast->from.id == WEIR_T_TIMESTAMP || cast->from.id == WEIR_T_TIMESTAMPTZ;
    bool to_moment = cast->to.id == WEIR_T_TIMESTAMP || cast->to.id == WEIR_T_TIMESTAMPTZ;
    if (cast->from.id == WEIR_T_TEXT)
        return from_text(cast, value, out);
    if (cast->from.id == cast->to.id || (from_moment && to_moment))
        *out = *value;
    else if (from_moment && cast->to.id == WEIR_T_DATE)
        out->i64 = floor_day(value->i64);
    else if (from_moment && cast->to.id == WEIR_T_TIME)
        out->i64 = value->i64 - floor_day(value->i64) * DAY_US;
    else if (cast->from.id == WEIR_T_DATE && to_moment)
        out->i64 = value->i64 * DAY_US;
    else
        return no_cast(cast);
    return true;
}

static bool run(const conversion *cast, const weir_datum *value, weir_datum *out)
{
    switch ((weir_type_id)cast->to.id) {
    case WEIR_T_BOOL:
        return to_bool(cast, value, out);
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        return to_integer(cast, value, out);
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        return to_float(cast, value, out);
    case WEIR_T_NUMERIC:
        return to_numeric(cast, value, out);
    case WEIR_T_TEXT:
        return to_text(cast, value, out);
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        return to_bytes(cast, value, out);
    case WEIR_T_DATE:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
    case WEIR_T_INTERVAL:
        return to_time(cast, value, out);
    case WEIR_T_UNKNOWN:
    case WEIR_T_COUNT:
        break;
    }
    return no_cast(cast);
}

bool expr_cast(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    conversion cast = {call, call->expr->arg[0]->type, call->expr->type, false, false};
    return run(&cast, arg, out);
}

bool expr_assign(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    conversion cast = {call, call->expr->arg[0]->type, call->expr->type, true, false};
    return run(&cast, arg, out);
}

bool expr_assign_key(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    conversion cast = {call, call->expr->arg[0]->type, call->expr->type, true, true};
    return run(&cast, arg, out);
}

bool expr_not_null(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    *out = arg[0];
    return !arg[0].null ||
           expr_fail(call, "null value in column \"%.*s\" violates not-null constraint",
                     WEIR_STR_FMT(arg[1].text));
}
