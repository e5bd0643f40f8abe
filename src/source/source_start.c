/* source/source_start: the value of the option `start`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "source_start.h"

#include "weir/clock.h"

typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

static bool digits(cursor *in, int count, int *out)
{
    int value = 0;
    for (int i = 0; i < count; i++, in->at++) {
        if (in->at >= in->end || *in->at < '0' || *in->at > '9')
            return false;
        value = value * 10 + (*in->at - '0');
    }
    *out = value;
    return true;
}

static bool take(cursor *in, char what)
{
    if (in->at >= in->end || *in->at != what)
        return false;
    in->at++;
    return true;
}

static bool micros(cursor *in, int32_t *out)
{
    int32_t unit = 100000, value = 0;
    const char *from = in->at;
    for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++, unit /= 10)
        value += (*in->at - '0') * unit;
    *out = value;
    return in->at > from && in->at - from <= 6;
}

/* "Z", "+02", "+02:00", "+0200" or nothing. */
static bool zone(cursor *in, int64_t *out_us)
{
    int hours = 0, minutes = 0;
    bool east = take(in, '+');
    if (!east && !take(in, '-')) {
        (void)(take(in, 'Z') || take(in, 'z')); /* either is fine, and so is neither */
        return true;
    }
    if (!digits(in, 2, &hours))
        return false;
    if ((take(in, ':') || in->at < in->end) && !digits(in, 2, &minutes))
        return false;
    int64_t us = ((int64_t)hours * 60 + minutes) * 60 * 1000000;
    *out_us = east ? us : -us;
    return hours < 16 && minutes < 60;
}

static bool time_of_day(cursor *in, weir_civil *civil, int64_t *zone_us)
{
    int hour = 0, minute = 0, second = 0;
    if (in->at == in->end)
        return true;
    if (!take(in, 'T') && !take(in, ' '))
        return false;
    if (!digits(in, 2, &hour) || !take(in, ':') || !digits(in, 2, &minute))
        return false;
    if (take(in, ':') && !digits(in, 2, &second))
        return false;
    if (take(in, '.') && !micros(in, &civil->micros))
        return false;
    civil->hour = (uint8_t)hour;
    civil->minute = (uint8_t)minute;
    civil->second = (uint8_t)second;
    return hour < 24 && minute < 60 && second < 60 && zone(in, zone_us) && in->at == in->end;
}

static bool parse_time(weir_str text, int64_t *out_us)
{
    cursor in = {text.at, text.at + text.len};
    int year = 0, month = 0, day = 0;
    int64_t zone_us = 0;
    if (!digits(&in, 4, &year) || !take(&in, '-') || !digits(&in, 2, &month) ||
        !take(&in, '-') || !digits(&in, 2, &day) || !weir_civil_valid(year, month, day))
        return false;
    weir_civil civil = {.year = year, .month = (uint8_t)month, .day = (uint8_t)day};
    if (!time_of_day(&in, &civil, &zone_us))
        return false;
    *out_us = weir_civil_to_us(&civil) - zone_us;
    return true;
}

weir_code source_start_read(const weir_opts *opts, source_start *out, weir_err *err)
{
    weir_str text = weir_opts_text(opts, "start");
    if (weir_str_is(text, "earliest")) {
        *out = (source_start){.at = SOURCE_EARLIEST};
        return WEIR_OK;
    }
    if (weir_str_is(text, "latest")) {
        *out = (source_start){.at = SOURCE_LATEST};
        return WEIR_OK;
    }
    int64_t us = 0;
    if (!parse_time(text, &us)) {
        weir_code rc = weir_fail(err, WEIR_E_CONFIG,
                                 "start = '%.*s' is not 'earliest', 'latest' or a time",
                                 WEIR_STR_FMT(text));
        (void)weir_err_at(err, weir_opts_at(opts, "start"));
        (void)weir_err_hint(err, "a time looks like '2026-01-01 00:00:00Z'");
        return rc;
    }
    *out = (source_start){.at = SOURCE_TIME, .time_us = us};
    return WEIR_OK;
}
