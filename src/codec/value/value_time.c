/* codec/value: dates, times and timestamps.
 *
 * Text is ISO 8601 and says what it is. A bare number does not: its rule gives the unit. A
 * time is a time of day, 0 to 24 hours; MySQL's TIME beyond that is for a bigint column,
 * which takes the number as it stands.
 *
 * Gives      value_put_date, value_put_time, value_put_timestamp.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value.h"
#include "value/value_number.h"
#include "value/value_time.h"

static const char time_option[] = "time_encoding";

typedef bool iso_fn(weir_str text, int64_t *out);

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* The number in microseconds; false when they do not do. */
static bool to_us(uint8_t unit, int64_t number, int64_t *out)
{
    switch (unit) {
    case VALUE_DAYS:
        return !__builtin_mul_overflow(number, VALUE_DAY_US, out);
    case VALUE_SECONDS:
        return !__builtin_mul_overflow(number, (int64_t)1000000, out);
    case VALUE_MILLIS:
        return !__builtin_mul_overflow(number, (int64_t)1000, out);
    case VALUE_NANOS: /* nearest, half up; the sum cannot overflow behind the division */
        *out = floor_div(number, 1000) + (number - floor_div(number, 1000) * 1000 >= 500);
        return true;
    default:
        *out = number;
        return true;
    }
}

static bool read_number(const value_rule *rule, const scan_token *token, int64_t *out_us,
                        value_fault *fault)
{
    int64_t number;
    if (rule->time == VALUE_UNSAID)
        return value_unsaid(fault, rule, time_option);
    if (rule->time == VALUE_ISO)
        return value_mismatch(fault, rule, token);
    if (!value_small_integer(token->at, token->len, &number)) {
        value_decimal wide;
        weir_str      text = {token->at, token->len};
        if (!value_decimal_of(text, 0, &wide) || !wide.exact)
            return value_mismatch(fault, rule, token);
        if (!wide.fits || wide.units > INT64_MAX || wide.units < INT64_MIN)
            return value_overflow(fault, rule, token);
        number = (int64_t)wide.units;
    }
    if (!to_us(rule->time, number, out_us))
        return value_overflow(fault, rule, token);
    return true;
}

/* The token's value: by the rule's unit in microseconds, or as `iso` reads it. */
static bool read_time(const value_rule *rule, const scan_token *token, iso_fn *iso,
                      int64_t *out, value_fault *fault)
{
    if (token->kind == SCAN_NUMBER)
        return read_number(rule, token, out, fault);
    if (token->kind != SCAN_STRING)
        return value_mismatch(fault, rule, token);
    return iso((weir_str){token->at, token->len}, out) ||
           value_mismatch(fault, rule, token);
}

bool value_put_date(weir_builder *builder, const value_rule *rule, const scan_token *token,
                    value_fault *fault)
{
    int64_t days;
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (!read_time(rule, token, value_iso_date, &days, fault))
        return false;
    if (token->kind == SCAN_NUMBER)
        days = floor_div(days, VALUE_DAY_US);
    if (days < INT32_MIN || days > INT32_MAX)
        return value_overflow(fault, rule, token);
    value_add_i64(builder, days);
    return true;
}

bool value_put_time(weir_builder *builder, const value_rule *rule, const scan_token *token,
                    value_fault *fault)
{
    int64_t us;
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (!read_time(rule, token, value_iso_time, &us, fault))
        return false;
    if (us < 0 || us > VALUE_DAY_US)
        return value_overflow(fault, rule, token);
    value_add_i64(builder, us);
    return true;
}

bool value_put_timestamp(weir_builder *builder, const value_rule *rule,
                         const scan_token *token, value_fault *fault)
{
    int64_t us;
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (!read_time(rule, token, value_iso_timestamp, &us, fault))
        return false;
    value_add_i64(builder, us);
    return true;
}
