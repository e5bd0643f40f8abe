/* batch/type_float: doubles and reals as text, shortest that reads back the same.
 *
 * The choice of digits is PostgreSQL's: the shortest decimal strictly between the
 * midpoints to the neighbours, and of those the nearest to the value.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/arena.h"

#include "batch_type.h"

#define DOUBLE_FIXED_TO 15 /* decimal exponents from here on print as 1e+15 */
#define FLOAT_FIXED_TO 6
#define EXACT_DIGITS 1100 /* more than any midpoint between two doubles has */

/* True when the decimal "d.ddde±xx" is exactly `value`: its digits and then only zeros. */
static bool is_exactly(const char *text, long double value)
{
    char        full[EXACT_DIGITS + 32];
    size_t      digits = (size_t)(strchr(text, 'e') - text);
    const char *exponent = strchr(text, 'e');
    snprintf(full, sizeof(full), "%.*Le", EXACT_DIGITS, value);
    const char *full_exponent = strchr(full, 'e');
    if (memcmp(full, text, digits) != 0 || strcmp(full_exponent, exponent) != 0)
        return false;
    for (const char *p = full + digits; p < full_exponent; p++)
        if (*p != '0' && *p != '.')
            return false;
    return true;
}

/* True when `text` reads back as value and does not lie on the midpoint to a neighbour. */
static bool reads_double(const char *text, double value)
{
    if (strtod(text, NULL) != value)
        return false;
    long double exact = strtold(text, NULL);
    if (exact == (long double)value)
        return true;
    double next = nextafter(value, exact > (long double)value ? INFINITY : -INFINITY);
    if (isinf(next))
        return true;
    long double middle = ((long double)value + (long double)next) / 2;
    return exact != middle || !is_exactly(text, middle);
}

static bool reads_float(const char *text, float value)
{
    if (strtof(text, NULL) != value)
        return false;
    long double exact = strtold(text, NULL);
    if (exact == (long double)value)
        return true;
    float next = nextafterf(value, exact > (long double)value ? INFINITY : -INFINITY);
    if (isinf(next))
        return true;
    long double middle = ((long double)value + (long double)next) / 2;
    return exact != middle || !is_exactly(text, middle);
}

/* "d.ddde±xx" to PostgreSQL's form; trailing zeros go. */
static void print_digits(weir_buf *out, const char *text, int fixed_to)
{
    char digits[32];
    int  count = 0;
    const char *p = text;
    if (*p == '-') {
        weir_buf_byte(out, '-');
        p++;
    }
    for (; *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    int exponent = (int)strtol(p + 1, NULL, 10);
    while (count > 1 && digits[count - 1] == '0')
        count--;
    if (exponent < -4 || exponent >= fixed_to) {
        weir_buf_byte(out, (uint8_t)digits[0]);
        if (count > 1)
            weir_buf_format(out, ".%.*s", count - 1, digits + 1);
        weir_buf_format(out, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
        return;
    }
    if (exponent < 0) {
        weir_buf_format(out, "0.%.*s%.*s", -exponent - 1, "000", count, digits);
        return;
    }
    for (int i = 0; i < count || i <= exponent; i++) {
        if (i == exponent + 1)
            weir_buf_byte(out, '.');
        weir_buf_byte(out, i < count ? (uint8_t)digits[i] : '0');
    }
}

static bool print_special(weir_buf *out, double value)
{
    if (isnan(value))
        weir_buf_text(out, "NaN");
    else if (isinf(value))
        weir_buf_text(out, value < 0 ? "-Infinity" : "Infinity");
    else if (value == 0)
        weir_buf_text(out, signbit(value) ? "-0" : "0");
    else
        return false;
    return true;
}

/* Adds one to the last digit of "d.ddde±xx"; false when that would need another digit.
   printf rounds a tie to even, and of two equally near decimals only the other may lie
   between the midpoints. */
static bool next_digits(char *text)
{
    char *p = strchr(text, 'e') - 1;
    for (; p >= text && *p != '-'; p--) {
        if (*p == '.')
            continue;
        if (*p != '9') {
            ++*p;
            return true;
        }
        *p = '0';
    }
    return false;
}

void batch_double_print(weir_buf *out, double value)
{
    if (print_special(out, value))
        return;
    char text[40];
    for (int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
        if (reads_double(text, value) || (next_digits(text) && reads_double(text, value)))
            break;
    }
    print_digits(out, text, DOUBLE_FIXED_TO);
}

void batch_float_print(weir_buf *out, float value)
{
    if (print_special(out, (double)value))
        return;
    char text[40];
    for (int digits = fabsf(value) < FLT_MIN ? 1 : FLT_DIG; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, (double)value);
        if (reads_float(text, value) || (next_digits(text) && reads_float(text, value)))
            break;
    }
    print_digits(out, text, FLOAT_FIXED_TO);
}

/* [+-] digits [. digits] [e digits], or the words; nothing that strtod has beyond them. */
static bool read_word(weir_str text, double *out)
{
    double sign = 1;
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) {
        sign = text.at[0] == '-' ? -1 : 1;
        text.at++;
        text.len--;
    }
    bool infinite = (text.len == 3 && strncasecmp(text.at, "inf", 3) == 0) ||
                    (text.len == 8 && strncasecmp(text.at, "infinity", 8) == 0);
    if (infinite)
        *out = sign * INFINITY;
    else if (text.len == 3 && strncasecmp(text.at, "nan", 3) == 0)
        *out = NAN;
    else
        return false;
    return true;
}

static bool is_number(weir_str text, bool *out_zero)
{
    size_t digits = 0, exponent_digits = 0, i = 0;
    bool   point = false, exponent = false;
    *out_zero = true;
    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        i++;
    for (; i < text.len; i++) {
        char c = text.at[i];
        if (c >= '0' && c <= '9') {
            digits += !exponent;
            exponent_digits += exponent;
            if (c != '0' && !exponent)
                *out_zero = false;
        } else if (c == '.' && !point && !exponent) {
            point = true;
        } else if ((c == 'e' || c == 'E') && !exponent && digits > 0) {
            exponent = true;
            if (i + 1 < text.len && (text.at[i + 1] == '-' || text.at[i + 1] == '+'))
                i++;
        } else {
            return false;
        }
    }
    return digits > 0 && (!exponent || exponent_digits > 0);
}

static batch_read read_number(weir_str text, bool single, double *out)
{
    bool zero;
    text = weir_str_trim(text);
    if (read_word(text, out))
        return BATCH_READ_OK;
    if (!is_number(text, &zero))
        return BATCH_READ_SYNTAX;
    char   small[64];
    char  *copy = text.len < sizeof(small) ? small : weir_heap_new(text.len + 1, 1);
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    double value = single ? (double)strtof(copy, NULL) : strtod(copy, NULL);
    if (copy != small)
        weir_heap_free(copy);
    if (isinf(value) || (value == 0 && !zero))
        return BATCH_READ_RANGE;
    *out = value;
    return BATCH_READ_OK;
}

batch_read batch_double_read(weir_str text, double *out)
{
    return read_number(text, false, out);
}

batch_read batch_float_read(weir_str text, double *out)
{
    return read_number(text, true, out);
}
