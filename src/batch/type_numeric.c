/* batch/type_numeric: decimals on 128-bit integers: scaling, text, doubles.
 *
 * Always     a value that is given out has at most 38 digits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/type.h"

#include <string.h>

#include "batch_type.h"

#define TEN18 ((weir_i128)1000000000000000000)
#define NINE_POWERS(base)                                                                   \
    (base), (base)*10, (base)*100, (base)*1000, (base)*10000, (base)*100000,                \
        (base)*1000000, (base)*10000000, (base)*100000000

static const weir_i128 powers[WEIR_NUMERIC_DIGITS + 1] = {
    NINE_POWERS((weir_i128)1),          NINE_POWERS((weir_i128)1000000000),
    NINE_POWERS(TEN18),                 NINE_POWERS(TEN18 * 1000000000),
    TEN18 * TEN18,                      TEN18 * TEN18 * 10,
    TEN18 * TEN18 * 100,
};

weir_i128 weir_i128_power10(int exponent)
{
    weir_assert(exponent >= 0);
    weir_assert(exponent <= WEIR_NUMERIC_DIGITS);
    return powers[exponent];
}

bool weir_i128_fits(weir_i128 value, int precision)
{
    weir_i128 bound = weir_i128_power10(precision);
    return value < bound && value > -bound;
}

bool weir_i128_rescale(weir_i128 value, int from_scale, int to_scale, weir_i128 *out)
{
    int up = to_scale - from_scale;
    if (value == 0 || up == 0) {
        *out = value;
        return weir_i128_fits(value, WEIR_NUMERIC_DIGITS);
    }
    if (up > 0) {
        if (up > WEIR_NUMERIC_DIGITS ||
            !weir_i128_fits(value, WEIR_NUMERIC_DIGITS - up))
            return false;
        *out = value * weir_i128_power10(up);
        return true;
    }
    if (-up > WEIR_NUMERIC_DIGITS) {
        *out = 0;
        return true;
    }
    weir_i128 unit = weir_i128_power10(-up);
    weir_i128 whole = value / unit;
    weir_i128 rest = value % unit;
    if (rest < 0)
        rest = -rest;
    if (rest >= unit - rest) /* half away from zero */
        whole += value < 0 ? -1 : 1;
    *out = whole;
    return weir_i128_fits(whole, WEIR_NUMERIC_DIGITS);
}

/* Digits of `value` right-aligned before `end`; returns their start. */
static char *digits_before(char *end, unsigned __int128 value)
{
    while (value > UINT64_MAX) {
        uint64_t low = (uint64_t)(value % 1000000000000000000u);
        value /= 1000000000000000000u;
        for (int i = 0; i < 18; i++) {
            *--end = (char)('0' + low % 10);
            low /= 10;
        }
    }
    uint64_t small = (uint64_t)value;
    do {
        *--end = (char)('0' + small % 10);
        small /= 10;
    } while (small > 0);
    return end;
}

void weir_numeric_print(weir_buf *out, weir_i128 value, int scale)
{
    weir_assert(scale >= 0);
    weir_assert(scale < WEIR_SCALE_ANY);
    char  text[320];
    char *end = text + sizeof(text);
    bool  negative = value < 0;
    unsigned __int128 whole =
        negative ? (unsigned __int128)0 - (unsigned __int128)value : (unsigned __int128)value;
    char *at = digits_before(end, whole);
    while (end - at <= scale) /* at least one digit before the point */
        *--at = '0';
    if (negative)
        weir_buf_byte(out, '-');
    weir_buf_add(out, at, (size_t)(end - at - scale));
    if (scale > 0) {
        weir_buf_byte(out, '.');
        weir_buf_add(out, end - scale, (size_t)scale);
    }
}

/* A number as text, taken apart. */
typedef struct decimal {
    bool        negative;
    const char *at;       /* digits, with at most one point among them */
    int64_t     digits;   /* how many digits */
    int64_t     fraction; /* how many of them behind the point */
    int64_t     exponent;
} decimal;

#define EXPONENT_MAX 100000

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take_exponent(const char **at, const char *end, int64_t *out)
{
    const char *p = *at + 1;
    bool        negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || !is_digit(*p))
        return false;
    int64_t value = 0;
    for (; p < end && is_digit(*p); p++)
        if (value < EXPONENT_MAX)
            value = value * 10 + (*p - '0');
    *out = negative ? -value : value;
    *at = p;
    return true;
}

static bool take_apart(weir_str text, decimal *out)
{
    const char *p = text.at;
    const char *end = text.at + text.len;
    *out = (decimal){.negative = p < end && *p == '-'};
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    out->at = p;
    bool point = false;
    for (; p < end && (is_digit(*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        out->digits++;
        out->fraction += point;
    }
    if (out->digits == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E') && !take_exponent(&p, end, &out->exponent))
        return false;
    return p == end;
}

/* The first `keep` digits as an integer, rounded by the next one. */
static bool first_digits(const decimal *number, int64_t keep, weir_i128 *out)
{
    const weir_i128 bound = weir_i128_power10(WEIR_NUMERIC_DIGITS);
    weir_i128       value = 0;
    const char     *p = number->at;
    int64_t         taken = 0;
    for (; taken < keep && taken < number->digits; p++) {
        if (*p == '.')
            continue;
        if (value >= bound / 10)
            return false; /* one more digit would be over 38 */
        value = value * 10 + (*p - '0');
        taken++;
    }
    if (keep >= 0 && taken == keep && taken < number->digits) {
        if (*p == '.')
            p++;
        value += *p >= '5';
    }
    *out = value;
    return value < bound;
}

static bool is_special(weir_str text)
{
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) {
        text.at++;
        text.len--;
    }
    static const char *const words[] = {"nan", "inf", "infinity"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strlen(words[i]) == text.len && strncasecmp(text.at, words[i], text.len) == 0)
            return true;
    return false;
}

batch_read batch_numeric_read(weir_str text, int scale, weir_i128 *out, int *out_scale)
{
    decimal number;
    text = weir_str_trim(text);
    if (!take_apart(text, &number))
        return is_special(text) ? BATCH_READ_INFINITE : BATCH_READ_SYNTAX;
    int64_t own = number.fraction - number.exponent;
    int64_t want = scale != WEIR_SCALE_ANY ? scale : (own > 0 ? own : 0);
    if (want > WEIR_NUMERIC_DIGITS)
        return BATCH_READ_RANGE;
    weir_i128 value;
    int64_t   drop = own - want;
    if (!first_digits(&number, drop > 0 ? number.digits - drop : number.digits, &value))
        return BATCH_READ_RANGE;
    if (drop < 0 && value != 0) {
        if (-drop > WEIR_NUMERIC_DIGITS ||
            !weir_i128_rescale(value, 0, (int)-drop, &value))
            return BATCH_READ_RANGE;
    }
    *out = number.negative ? -value : value;
    *out_scale = (int)want;
    return BATCH_READ_OK;
}

bool weir_numeric_parse(weir_str text, weir_i128 *out, int *out_scale)
{
    return batch_numeric_read(text, WEIR_SCALE_ANY, out, out_scale) == BATCH_READ_OK;
}

double weir_numeric_to_double(weir_i128 value, int scale)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const weir_i128 limit = (weir_i128)1 << 53;
    if (value <= limit && value >= -limit && scale <= 22)
        return (double)value / exact[scale];
    char  text[64];
    char *end = text + 48;
    unsigned __int128 whole = value < 0 ? (unsigned __int128)0 - (unsigned __int128)value
                                        : (unsigned __int128)value;
    char *at = digits_before(end, whole);
    if (value < 0)
        *--at = '-';
    *end++ = 'e';
    *end++ = '-';
    *end++ = (char)('0' + scale / 100);
    *end++ = (char)('0' + scale / 10 % 10);
    *end++ = (char)('0' + scale % 10);
    double out = 0;
    bool   ok = weir_str_to_double((weir_str){at, (size_t)(end - at)}, &out);
    weir_assert(ok);
    return out;
}
