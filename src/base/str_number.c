/* base/str_number: text to numbers, whole text or nothing.
 *
 * Relies on  the C locale: nobody in the process calls setlocale.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weir/arena.h"
#include "weir/error.h"

#define SHORT_NUMBER 128 /* bytes that are copied to the stack */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits only. */
static bool to_magnitude(weir_str a, uint64_t *out)
{
    uint64_t value = 0;
    if (a.len == 0)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (!is_digit(a.at[i]))
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(a.at[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

static bool take_sign(weir_str *a)
{
    bool minus = a->len > 0 && a->at[0] == '-';
    if (minus || (a->len > 0 && a->at[0] == '+')) {
        a->at++;
        a->len--;
    }
    return minus;
}

bool weir_str_to_u64(weir_str a, uint64_t *out)
{
    if (a.len > 0 && a.at[0] == '+')
        (void)take_sign(&a); /* it is '+' */
    return to_magnitude(a, out);
}

bool weir_str_to_i64(weir_str a, int64_t *out)
{
    uint64_t magnitude;
    bool     minus = take_sign(&a);
    if (!to_magnitude(a, &magnitude))
        return false;
    if (magnitude > (uint64_t)INT64_MAX + (minus ? 1 : 0))
        return false;
    *out = minus ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* A decimal number, taken apart: digits without leading zeros as an integer, times
   10^exponent. `exact` when digits fit. */
typedef struct decimal {
    uint64_t digits;
    int32_t  exponent;
    bool     exact;
} decimal;

static size_t take_digits(weir_str a, size_t i, decimal *number, bool fraction)
{
    for (; i < a.len && is_digit(a.at[i]); i++) {
        if (number->digits > (UINT64_MAX - 9) / 10) {
            number->exact = false;
            continue;
        }
        number->digits = number->digits * 10 + (uint64_t)(a.at[i] - '0');
        number->exponent -= fraction;
    }
    return i;
}

static size_t take_exponent(weir_str a, size_t i, decimal *number)
{
    bool    minus = i < a.len && a.at[i] == '-';
    int32_t exponent = 0;
    if (i < a.len && (a.at[i] == '-' || a.at[i] == '+'))
        i++;
    if (i == a.len)
        return SIZE_MAX;
    for (; i < a.len && is_digit(a.at[i]); i++)
        if (exponent < 100000)
            exponent = exponent * 10 + (a.at[i] - '0');
    number->exponent += minus ? -exponent : exponent;
    return i;
}

/* digits [. digits] [e exponent], or . digits; no hex, inf or nan. */
static bool take_decimal(weir_str a, decimal *number)
{
    *number = (decimal){.exact = true};
    size_t i = take_digits(a, 0, number, false);
    size_t count = i;
    if (i < a.len && a.at[i] == '.') {
        size_t end = take_digits(a, i + 1, number, true);
        count += end - i - 1;
        i = end;
    }
    if (count == 0)
        return false;
    if (i < a.len && (a.at[i] == 'e' || a.at[i] == 'E'))
        i = take_exponent(a, i + 1, number);
    return i == a.len;
}

/* strtod wants an end. */
static bool slow_double(weir_str a, double *out)
{
    char  on_stack[SHORT_NUMBER];
    char *text = a.len < sizeof on_stack ? on_stack : weir_heap_new(a.len + 1, 1);
    memcpy(text, a.at, a.len);
    text[a.len] = '\0';
    char  *end = NULL;
    double value = strtod(text, &end);
    bool   whole = end == text + a.len;
    if (text != on_stack)
        weir_heap_free(text);
    weir_assert(whole); /* the grammar was checked before */
    if (isinf(value))
        return false;
    *out = value;
    return true;
}

bool weir_str_to_double(weir_str a, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    weir_str            whole = a;
    decimal             number;
    bool                minus = take_sign(&a);
    if (!take_decimal(a, &number))
        return false;
    /* Both factors are exact doubles, so one operation rounds correctly (Clinger). */
    if (number.exact && number.digits <= (UINT64_C(1) << 53) && number.exponent >= -22 &&
        number.exponent <= 22) {
        double value = (double)number.digits;
        value = number.exponent < 0 ? value / power[-number.exponent]
                                    : value * power[number.exponent];
        *out = minus ? -value : value;
        return true;
    }
    return slow_double(whole, out);
}
