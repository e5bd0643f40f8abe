/* codec/value: decimal text as exact integers.
 *
 * Gives      value_decimal_of, value_own_scale.
 * Always     1. digits behind the last kept one only decide the rounding: the first of them
 *               alone says "half or more".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value_number.h"

#define EXPONENT_MAX 100000 /* beyond it every number is 0 or too large */

typedef struct number_parts { /* -whole.fraction e exponent */
    bool     negative;
    weir_str whole, fraction;
    int64_t  exponent;
} number_parts;

static weir_str take_digits(const char **at, const char *end)
{
    const char *from = *at;
    while (*at < end && **at >= '0' && **at <= '9')
        ++*at;
    return (weir_str){from, (size_t)(*at - from)};
}

static bool take_exponent(const char **at, const char *end, int64_t *out)
{
    ++*at;
    bool negative = *at < end && **at == '-';
    if (*at < end && (**at == '-' || **at == '+'))
        ++*at;
    weir_str digits = take_digits(at, end);
    if (digits.len == 0)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < digits.len && value <= EXPONENT_MAX; i++)
        value = value * 10 + (digits.at[i] - '0');
    *out = negative ? -value : value;
    return true;
}

static bool split(weir_str text, number_parts *out)
{
    const char *at = text.at;
    const char *end = at + text.len;
    *out = (number_parts){.negative = at < end && *at == '-'};
    at += out->negative;
    out->whole = take_digits(&at, end);
    if (out->whole.len == 0 || (out->whole.len > 1 && *out->whole.at == '0'))
        return false;
    out->fraction = (weir_str){at, 0};
    if (at < end && *at == '.') {
        at++;
        out->fraction = take_digits(&at, end);
        if (out->fraction.len == 0)
            return false;
    }
    if (at < end && (*at | 0x20) == 'e' && !take_exponent(&at, end, &out->exponent))
        return false;
    return at == end;
}

static int digit_at(const number_parts *parts, size_t i)
{
    return i < parts->whole.len ? parts->whole.at[i] - '0'
                                : parts->fraction.at[i - parts->whole.len] - '0';
}

/* Another digit; false when there is no room for it. */
static bool push_digit(weir_i128 *units, int digit)
{
    if (*units >= weir_i128_power10(WEIR_NUMERIC_DIGITS - 1))
        return false;
    *units = *units * 10 + digit;
    return true;
}

bool value_decimal_of(weir_str text, int scale, value_decimal *out)
{
    number_parts parts;
    if (!split(text, &parts))
        return false;
    int64_t count = (int64_t)(parts.whole.len + parts.fraction.len);
    /* so many digits from the front are kept; may be more than there are, or negative */
    int64_t   keep = (int64_t)parts.whole.len + parts.exponent + scale;
    weir_i128 units = 0;
    *out = (value_decimal){.exact = true, .fits = true};
    for (int64_t i = 0; i < count && out->fits; i++) {
        int digit = digit_at(&parts, (size_t)i);
        if (i < keep)
            out->fits = push_digit(&units, digit);
        else if (digit)
            out->exact = false;
        if (i == keep && digit >= 5) /* 1 */
            units++;
    }
    for (int64_t i = count; i < keep && units && out->fits; i++)
        out->fits = push_digit(&units, 0);
    out->fits = out->fits && weir_i128_fits(units, WEIR_NUMERIC_DIGITS);
    out->units = parts.negative ? -units : units;
    return true;
}

bool value_own_scale(weir_str text, int *out)
{
    number_parts parts;
    if (!split(text, &parts))
        return false;
    int64_t scale = (int64_t)parts.fraction.len - parts.exponent;
    *out = scale < 0 ? 0 : scale > WEIR_NUMERIC_DIGITS ? WEIR_NUMERIC_DIGITS : (int)scale;
    return true;
}
