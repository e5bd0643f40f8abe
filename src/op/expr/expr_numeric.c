/* op/expr_numeric: arithmetic on decimals of up to 38 digits.
 *
 * Scales are PostgreSQL's: the larger one for + - %, the sum for *, and for / enough for
 * 16 significant digits (select_div_scale). A result of a call whose type has a scale is
 * rounded to that, half away from zero. Where the natural scale would need more than 38
 * digits, * and / keep as many digits behind the point as there is room for; a whole part
 * of more than 38 digits is "numeric field overflow".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "expr/expr_run.h"

#define SIGNIFICANT_LEAST 16 /* NUMERIC_MIN_SIG_DIGITS */
#define GROUP_DIGITS 4       /* PostgreSQL counts in groups of four digits */

typedef unsigned __int128 u128;

static bool overflow(expr_call *call)
{
    return expr_fail(call, "numeric field overflow");
}

static u128 magnitude(weir_i128 value)
{
    return value < 0 ? (u128)0 - (u128)value : (u128)value;
}

bool expr_numeric(expr_call *call, weir_i128 value, int scale, weir_datum *out)
{
    int want = call->expr->type.scale;
    if (want == WEIR_SCALE_ANY)
        want = scale;
    if (!weir_i128_rescale(value, scale, want, &value))
        return overflow(call);
    out->i128 = value;
    out->scale = (uint8_t)want;
    return true;
}

/* Both at the larger scale. */
static bool align(expr_call *call, const weir_datum *arg, weir_i128 *a, weir_i128 *b,
                  int *scale)
{
    *scale = arg[0].scale > arg[1].scale ? arg[0].scale : arg[1].scale;
    if (!weir_i128_rescale(arg[0].i128, arg[0].scale, *scale, a) ||
        !weir_i128_rescale(arg[1].i128, arg[1].scale, *scale, b))
        return overflow(call);
    return true;
}

bool expr_numeric_add(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_i128 a, b;
    int       scale;
    return align(call, arg, &a, &b, &scale) && expr_numeric(call, a + b, scale, out);
}

bool expr_numeric_sub(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_i128 a, b;
    int       scale;
    return align(call, arg, &a, &b, &scale) && expr_numeric(call, a - b, scale, out);
}

bool expr_numeric_mod(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_i128 a, b;
    int       scale;
    if (arg[1].i128 == 0)
        return expr_fail(call, "division by zero");
    return align(call, arg, &a, &b, &scale) && expr_numeric(call, a % b, scale, out);
}

/* 256 bits, for products. */
typedef struct wide {
    u128 high, low;
} wide;

static wide multiply(u128 a, u128 b)
{
    const u128 low_half = UINT64_MAX;
    u128       ll = (a & low_half) * (b & low_half);
    u128       lh = (a & low_half) * (b >> 64);
    u128       hl = (a >> 64) * (b & low_half);
    u128       hh = (a >> 64) * (b >> 64);
    u128       middle = (ll >> 64) + (lh & low_half) + (hl & low_half);
    return (wide){.high = hh + (lh >> 64) + (hl >> 64) + (middle >> 64),
                  .low = (ll & low_half) | middle << 64};
}

/* value / 10; the remainder in *rest. */
static wide divide_by_ten(wide value, uint32_t *rest)
{
    uint64_t part[4] = {(uint64_t)(value.high >> 64), (uint64_t)value.high,
                        (uint64_t)(value.low >> 64), (uint64_t)value.low};
    u128     carry = 0;
    for (int i = 0; i < 4; i++) {
        carry = carry << 64 | part[i];
        part[i] = (uint64_t)(carry / 10);
        carry %= 10;
    }
    *rest = (uint32_t)carry;
    return (wide){(u128)part[0] << 64 | part[1], (u128)part[2] << 64 | part[3]};
}

static bool fits(wide value)
{
    return value.high == 0 && value.low < (u128)weir_i128_power10(WEIR_NUMERIC_DIGITS);
}

/* Drops `drop` digits, rounding half away from zero, and more until the rest fits; false
   when it does not with no digit behind the point left. */
static bool shrink(wide value, int *scale, int drop, u128 *out)
{
    uint32_t rest = 0;
    for (int dropped = 0; dropped < drop || (!fits(value) && *scale > 0); dropped++) {
        value = divide_by_ten(value, &rest);
        --*scale;
    }
    if (rest >= 5) {
        value.low++;
        value.high += value.low == 0;
    }
    *out = value.low;
    return fits(value);
}

bool expr_numeric_mul(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    int  scale = arg[0].scale + arg[1].scale;
    int  want = call->expr->type.scale;
    wide product = multiply(magnitude(arg[0].i128), magnitude(arg[1].i128));
    int  most = want == WEIR_SCALE_ANY ? WEIR_NUMERIC_DIGITS : want;
    u128 value;
    if (!shrink(product, &scale, scale > most ? scale - most : 0, &value))
        return overflow(call);
    bool negative = (arg[0].i128 < 0) != (arg[1].i128 < 0);
    return expr_numeric(call, negative ? -(weir_i128)value : (weir_i128)value, scale, out);
}

static int digits_of(u128 value)
{
    int digits = 0;
    while (digits < WEIR_NUMERIC_DIGITS && value >= (u128)weir_i128_power10(digits))
        digits++;
    return digits;
}

/* The first group of four digits that is not zero, and its place: 0 is the one in front of
   the point. Zero has group 0 at place 0. */
static void first_group(u128 value, int scale, int *group, int *place)
{
    *group = 0;
    *place = 0;
    if (value == 0)
        return;
    int exponent = digits_of(value) - 1 - scale;
    *place = exponent >= 0 ? exponent / GROUP_DIGITS
                           : -((-exponent + GROUP_DIGITS - 1) / GROUP_DIGITS);
    int shift = scale + GROUP_DIGITS * *place;
    if (shift >= 0)
        *group = (int)(value / (u128)weir_i128_power10(shift));
    else
        *group = (int)(value * (u128)weir_i128_power10(-shift));
}

/* PostgreSQL's select_div_scale, at most 38. */
static int division_scale(const weir_datum *a, const weir_datum *b)
{
    int group1, group2, place1, place2;
    first_group(magnitude(a->i128), a->scale, &group1, &place1);
    first_group(magnitude(b->i128), b->scale, &group2, &place2);
    int quotient_place = place1 - place2 - (group1 <= group2);
    int scale = SIGNIFICANT_LEAST - quotient_place * GROUP_DIGITS;
    if (scale < a->scale)
        scale = a->scale;
    if (scale < b->scale)
        scale = b->scale;
    if (scale < 0)
        scale = 0;
    return scale > WEIR_NUMERIC_DIGITS ? WEIR_NUMERIC_DIGITS : scale;
}

/* One more digit of a quotient: *rest < by becomes the rest of 10 × *rest / by. */
static uint32_t next_digit(u128 *rest, u128 by)
{
    static const bool add[] = {false, true, false}; /* 10 = ((2·2)+1)·2 */
    u128     base = *rest, r = *rest;
    uint32_t digit = 0;
    for (int step = 0; step < 3; step++) {
        r <<= 1; /* by < 2^127 */
        digit <<= 1;
        if (r >= by) {
            r -= by;
            digit++;
        }
        if (add[step]) {
            r += base;
            if (r >= by) {
                r -= by;
                digit++;
            }
        }
    }
    *rest = r;
    return digit;
}

bool expr_quotient(const weir_datum *a, const weir_datum *b, int want, weir_datum *out)
{
    const u128 bound = (u128)weir_i128_power10(WEIR_NUMERIC_DIGITS);
    int        scale = want == WEIR_SCALE_ANY ? division_scale(a, b) : want;
    u128       by = magnitude(b->i128);
    u128       rest = magnitude(a->i128);
    u128       quotient = rest / by;
    rest %= by;
    /* the quotient of the integers has this scale; digits follow until it has `scale` */
    int at = a->scale - b->scale;
    for (; at < scale && (quotient < bound / 10 || at < 0); at++) {
        if (quotient >= bound / 10)
            return false;
        quotient = quotient * 10 + next_digit(&rest, by);
    }
    if (at <= scale)
        quotient += rest >= by - rest;
    weir_i128 value = (weir_i128)quotient;
    if ((a->i128 < 0) != (b->i128 < 0))
        value = -value;
    int result = want == WEIR_SCALE_ANY ? (at < scale ? at : scale) : scale;
    *out = (weir_datum){.scale = (uint8_t)result};
    return weir_i128_rescale(value, at, result, &out->i128);
}

bool expr_numeric_div(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    if (arg[1].i128 == 0)
        return expr_fail(call, "division by zero");
    return expr_quotient(&arg[0], &arg[1], call->expr->type.scale, out) || overflow(call);
}

/* round(x) and trunc(x, n): n may be negative. */
static bool cut(expr_call *call, const weir_datum *arg, bool round, weir_datum *out)
{
    int64_t   places = call->expr->args > 1 ? arg[1].i64 : 0;
    weir_i128 value = arg[0].i128;
    int       scale = arg[0].scale;
    int       want = places > WEIR_NUMERIC_DIGITS ? WEIR_NUMERIC_DIGITS : (int)places;
    if (want < -WEIR_NUMERIC_DIGITS)
        want = -WEIR_NUMERIC_DIGITS - 1;
    if (!round && scale - want > WEIR_NUMERIC_DIGITS)
        value = 0;
    else if (!round && scale > want)
        value -= value % weir_i128_power10(scale - want);
    else if (!weir_i128_rescale(value, scale, want, &value))
        return overflow(call);
    else
        scale = want;
    if (scale < 0 && !weir_i128_rescale(value, scale, 0, &value))
        return overflow(call);
    if (scale < 0)
        scale = 0;
    int result = want > 0 ? want : 0;
    if (!weir_i128_rescale(value, scale, result, &value))
        return overflow(call);
    return expr_numeric(call, value, result, out);
}

bool expr_numeric_round(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return cut(call, arg, true, out);
}

bool expr_numeric_trunc(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return cut(call, arg, false, out);
}

/* Towards minus (sign -1) or plus infinity. */
static bool whole(expr_call *call, const weir_datum *arg, int sign, weir_datum *out)
{
    weir_i128 unit = weir_i128_power10(arg[0].scale);
    weir_i128 value = arg[0].i128 / unit;
    weir_i128 rest = arg[0].i128 % unit;
    if (sign < 0 && rest < 0)
        value--;
    if (sign > 0 && rest > 0)
        value++;
    return expr_numeric(call, value, 0, out);
}

bool expr_numeric_floor(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return whole(call, arg, -1, out);
}

bool expr_numeric_ceil(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return whole(call, arg, 1, out);
}
