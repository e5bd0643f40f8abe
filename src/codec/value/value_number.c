/* codec/value: integers, numerics, floats and booleans.
 *
 * Integers and numerics never pass through a double. A string needs a rule that says how
 * it is written; a number means itself.
 *
 * Gives      value_put_integer, value_put_numeric, value_put_float, value_put_bool.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value.h"
#include "value/value_number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRECISE_BYTES_MAX 64 /* DECIMAL(65,…) takes 28 */
#define TWO64 ((weir_i128)1 << 64)

static const char decimal_option[] = "decimal_encoding";

/* Big-endian two's complement; false when 128 bits do not do. */
static bool integer_of(const uint8_t *byte, int64_t count, weir_i128 *out)
{
    uint8_t sign = byte[0] & 0x80 ? 0xff : 0;
    while (count > 16 && byte[0] == sign && (byte[1] & 0x80) == (sign & 0x80)) {
        byte++;
        count--;
    }
    if (count > 16)
        return false;
    unsigned __int128 value = sign ? ~(unsigned __int128)0 : 0;
    for (int64_t i = 0; i < count; i++)
        value = value << 8 | byte[i];
    *out = (weir_i128)value;
    return true;
}

typedef enum reading { READ_OK, READ_MISMATCH, READ_OVERFLOW } reading;

static reading read_precise(const scan_token *token, weir_i128 *out)
{
    uint8_t byte[PRECISE_BYTES_MAX];
    int64_t count = value_unbase64((weir_str){token->at, token->len}, byte, sizeof byte);
    if (count <= 0)
        return READ_MISMATCH;
    return integer_of(byte, count, out) ? READ_OK : READ_OVERFLOW;
}

static reading read_bits(const scan_token *token, weir_i128 *out)
{
    uint8_t byte[8];
    int64_t count = value_unbase64((weir_str){token->at, token->len}, byte, sizeof byte);
    if (count <= 0)
        return READ_MISMATCH;
    *out = 0;
    while (count-- > 0)
        *out = *out << 8 | byte[count];
    return READ_OK;
}

/* The token as an integer of 10^-scale units, `exact` if nothing was rounded. */
static reading read_units(const value_rule *rule, const scan_token *token, int scale,
                          value_decimal *out)
{
    if (token->kind == SCAN_NUMBER || rule->decimal == VALUE_TEXT ||
        rule->decimal == VALUE_UNSIGNED) {
        if (!value_decimal_of((weir_str){token->at, token->len}, scale, out))
            return READ_MISMATCH;
        if (rule->decimal == VALUE_UNSIGNED && out->fits && out->units < 0) {
            if (scale > 18)
                return READ_OVERFLOW;
            out->units += TWO64 * weir_i128_power10(scale);
        }
        return out->fits ? READ_OK : READ_OVERFLOW;
    }
    *out = (value_decimal){.exact = true, .fits = true};
    int     own = rule->decimal == VALUE_BITS ? 0 : rule->scale;
    reading result = rule->decimal == VALUE_BITS ? read_bits(token, &out->units)
                                                 : read_precise(token, &out->units);
    if (result != READ_OK || own == scale)
        return result;
    weir_i128 before = out->units;
    weir_i128 back;
    if (!weir_i128_rescale(before, own, scale, &out->units))
        return READ_OVERFLOW;
    out->exact =
        own < scale || (weir_i128_rescale(out->units, scale, own, &back) && back == before);
    return READ_OK;
}

/* A kind of token that has digits, and a rule for it if it is a string. */
static bool can_read(const value_rule *rule, const scan_token *token, value_fault *fault)
{
    if (token->kind != SCAN_NUMBER && token->kind != SCAN_STRING)
        return value_mismatch(fault, rule, token);
    if (token->kind == SCAN_NUMBER)
        return true;
    if (rule->decimal == VALUE_UNSAID)
        return value_unsaid(fault, rule, decimal_option);
    if (rule->decimal == VALUE_PRECISE && rule->scale == WEIR_SCALE_ANY)
        return value_fail(fault, "ENCODING",
                          "the scale is not known: declare the column as numeric(p,s)");
    return true;
}

static bool give_up(reading result, const value_rule *rule, const scan_token *token,
                    value_fault *fault)
{
    return result == READ_OVERFLOW ? value_overflow(fault, rule, token)
                                   : value_mismatch(fault, rule, token);
}

static bool in_range(weir_type type, weir_i128 value)
{
    switch (type.id) {
    case WEIR_T_INT16:
        return value >= INT16_MIN && value <= INT16_MAX;
    case WEIR_T_INT32:
        return value >= INT32_MIN && value <= INT32_MAX;
    default:
        return value >= INT64_MIN && value <= INT64_MAX;
    }
}

bool value_put_integer(weir_builder *builder, const value_rule *rule,
                       const scan_token *token, value_fault *fault)
{
    int64_t small;
    if (token->kind == SCAN_NUMBER && value_small_integer(token->at, token->len, &small) &&
        rule->decimal != VALUE_UNSIGNED && in_range(rule->type, small)) {
        value_add_i64(builder, small);
        return true;
    }
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    value_rule whole = *rule;
    if (whole.scale == WEIR_SCALE_ANY)
        whole.scale = 0;
    if (!can_read(&whole, token, fault))
        return false;
    value_decimal number;
    reading       result = read_units(&whole, token, 0, &number);
    if (result != READ_OK)
        return give_up(result, rule, token, fault);
    if (!number.exact)
        return value_mismatch(fault, rule, token);
    if (!in_range(rule->type, number.units))
        return value_overflow(fault, rule, token);
    value_add_i64(builder, (int64_t)number.units);
    return true;
}

/* "12.50" for a scale of 2: an amount as it is mostly written. */
static bool usual_units(const scan_token *token, uint8_t scale, weir_i128 *out)
{
    static const uint32_t power[] = {1, 10, 100, 1000, 10000};
    const char           *at = token->at;
    int64_t               whole;
    uint64_t              fraction;
    if (scale == 0 || scale > 4 || token->len < scale + 2u || token->len > 18)
        return false;
    const char *point = at + token->len - scale - 1;
    if (*at == '-' || *point != '.' ||
        !value_small_integer(at, (size_t)(point - at), &whole) ||
        !value_few_digits(point + 1, scale, &fraction))
        return false;
    *out = whole * (int64_t)power[scale] + (int64_t)fraction;
    return true;
}

/* Digits and at most one point, 18 digits together: most amounts. */
static bool small_units(const scan_token *token, uint8_t scale, weir_i128 *out)
{
    const char *at = token->at;
    const char *end = at + token->len;
    bool        negative = at < end && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 18 || *at < '0' || *at > '9' ||
        (*at == '0' && end - at > 1 && at[1] != '.'))
        return false;
    int64_t     value = 0;
    const char *point = NULL;
    for (; at < end; at++) {
        uint8_t digit = (uint8_t)(*at - '0');
        if (digit > 9) {
            if (*at != '.' || point)
                return false;
            point = at;
            continue;
        }
        value = value * 10 + digit;
    }
    int64_t fraction = point ? end - point - 1 : 0;
    if ((point && fraction == 0) || fraction > scale || scale - fraction > 20)
        return false; /* 18 digits and 20 zeros fit */
    *out = (weir_i128)(negative ? -value : value);
    if (fraction < scale)
        *out *= weir_i128_power10((int)(scale - fraction));
    return true;
}

static void add_units(weir_builder *builder, weir_i128 units, uint8_t scale)
{
    value_mark(builder, true);
    if (builder->scales)
        builder->scales[builder->rows] = scale;
    ((weir_i128 *)(void *)builder->values)[builder->rows++] = units;
}

/* numeric without (p,s): each value keeps its own scale. */
static bool put_any_scale(weir_builder *builder, const value_rule *rule,
                          const scan_token *token, value_fault *fault)
{
    int scale = rule->decimal == VALUE_BITS ? 0 : rule->scale;
    if ((token->kind == SCAN_NUMBER || rule->decimal == VALUE_TEXT ||
         rule->decimal == VALUE_UNSIGNED) &&
        !value_own_scale((weir_str){token->at, token->len}, &scale))
        return value_mismatch(fault, rule, token);
    value_decimal number;
    reading       result = read_units(rule, token, scale, &number);
    if (result == READ_OK && !weir_i128_fits(number.units, WEIR_NUMERIC_DIGITS))
        result = READ_OVERFLOW;
    if (result != READ_OK)
        return give_up(result, rule, token, fault);
    add_units(builder, number.units, (uint8_t)scale);
    return true;
}

bool value_put_numeric(weir_builder *builder, const value_rule *rule,
                       const scan_token *token, value_fault *fault)
{
    uint8_t       scale = rule->type.scale;
    value_decimal number = {.exact = true, .fits = true};
    if (token->kind == SCAN_STRING && rule->decimal == VALUE_TEXT &&
        usual_units(token, scale, &number.units) &&
        weir_i128_fits(number.units, rule->type.precision)) {
        add_units(builder, number.units, scale);
        return true;
    }
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    value_rule with = *rule;
    if (with.scale == WEIR_SCALE_ANY)
        with.scale = scale;
    if (!can_read(&with, token, fault))
        return false;
    if (scale == WEIR_SCALE_ANY)
        return put_any_scale(builder, &with, token, fault);
    bool text = rule->decimal == VALUE_TEXT ||
                (token->kind == SCAN_NUMBER && rule->decimal != VALUE_UNSIGNED);
    if (!text || !small_units(token, scale, &number.units)) {
        reading result = read_units(&with, token, scale, &number);
        if (result != READ_OK)
            return give_up(result, rule, token, fault);
    }
    if (!weir_i128_fits(number.units, rule->type.precision))
        return value_fail(fault, "RANGE", "numeric field overflow: \"%.*s\"",
                          (int)(token->len > 48 ? 48 : token->len), token->at);
    add_units(builder, number.units, scale);
    return true;
}

static bool read_float(const value_rule *rule, const scan_token *token, double *out)
{
    char     text[64];
    weir_str view = {token->at, token->len};
    if (!weir_str_to_double(view, out))
        return false;
    if (rule->type.id != WEIR_T_FLOAT32 || view.len >= sizeof text)
        return true;
    memcpy(text, view.at, view.len);
    text[view.len] = 0;
    *out = (double)strtof(text, NULL); /* rounded once, from the text */
    return true;
}

bool value_put_float(weir_builder *builder, const value_rule *rule, const scan_token *token,
                     value_fault *fault)
{
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (!can_read(rule, token, fault))
        return false;
    double value;
    if (token->kind == SCAN_STRING && rule->decimal != VALUE_TEXT) {
        weir_i128 units;
        reading   result = rule->decimal == VALUE_BITS ? read_bits(token, &units)
                                                       : read_precise(token, &units);
        if (result != READ_OK)
            return give_up(result, rule, token, fault);
        value =
            weir_numeric_to_double(units, rule->decimal == VALUE_BITS ? 0 : rule->scale);
    } else {
        value_decimal checked;
        bool          number = token->kind == SCAN_NUMBER;
        if (number && !value_decimal_of((weir_str){token->at, token->len}, 0, &checked))
            return value_mismatch(fault, rule, token);
        if (!read_float(rule, token, &value))
            return number ? value_overflow(fault, rule, token)
                          : value_mismatch(fault, rule, token);
        if (number && isinf(value))
            return value_overflow(fault, rule, token);
    }
    value_mark(builder, true);
    weir_builder_f64(builder, value);
    return true;
}

bool value_put_bool(weir_builder *builder, const value_rule *rule, const scan_token *token,
                    value_fault *fault)
{
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    int64_t    number = token->kind == SCAN_TRUE;
    weir_datum datum = {0};
    weir_err   err;
    weir_str   text = {token->at, token->len};
    switch (token->kind) {
    case SCAN_TRUE:
    case SCAN_FALSE:
        break;
    case SCAN_NUMBER: /* TINYINT(1) comes as 0, 1, 2, -5 */
        if (!value_small_integer(token->at, token->len, &number))
            return value_mismatch(fault, rule, token);
        break;
    case SCAN_STRING:
        if (weir_datum_parse(rule->type, text, &datum, &err) != WEIR_OK)
            return value_mismatch(fault, rule, token);
        number = datum.boolean;
        break;
    default:
        return value_mismatch(fault, rule, token);
    }
    value_mark(builder, true);
    weir_builder_bool(builder, number != 0);
    return true;
}
