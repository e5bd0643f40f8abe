/* op/expr_time: dates, times and intervals.
 *
 * The calendar is UTC. Fields and units carry PostgreSQL's names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <string.h>

#include "expr/expr_run.h"
#include "weir/clock.h"

#define SECOND_US INT64_C(1000000)
#define MINUTE_US (60 * SECOND_US)
#define HOUR_US (60 * MINUTE_US)
#define DAY_US (24 * HOUR_US)
#define JULIAN_OF_1970 INT64_C(2440588)

typedef enum time_unit {
    FIELD_MICROSECONDS, FIELD_MILLISECONDS, FIELD_SECOND, FIELD_MINUTE, FIELD_HOUR,
    FIELD_DAY, FIELD_WEEK, FIELD_MONTH, FIELD_QUARTER, FIELD_YEAR, FIELD_DECADE,
    FIELD_CENTURY, FIELD_MILLENNIUM, FIELD_DOW, FIELD_ISODOW, FIELD_DOY, FIELD_ISOYEAR,
    FIELD_JULIAN, FIELD_EPOCH, FIELD_TIMEZONE, FIELD_TIMEZONE_HOUR, FIELD_TIMEZONE_MINUTE,
    FIELD_COUNT
} time_unit;

static const struct {
    const char *name;
    time_unit   field;
} field_names[] = {
    {"microseconds", FIELD_MICROSECONDS}, {"microsecond", FIELD_MICROSECONDS},
    {"us", FIELD_MICROSECONDS},           {"usec", FIELD_MICROSECONDS},
    {"milliseconds", FIELD_MILLISECONDS}, {"millisecond", FIELD_MILLISECONDS},
    {"ms", FIELD_MILLISECONDS},           {"msec", FIELD_MILLISECONDS},
    {"second", FIELD_SECOND},             {"seconds", FIELD_SECOND},
    {"sec", FIELD_SECOND},                {"s", FIELD_SECOND},
    {"minute", FIELD_MINUTE},             {"minutes", FIELD_MINUTE},
    {"min", FIELD_MINUTE},                {"m", FIELD_MINUTE},
    {"hour", FIELD_HOUR},                 {"hours", FIELD_HOUR},
    {"h", FIELD_HOUR},                    {"day", FIELD_DAY},
    {"days", FIELD_DAY},                  {"d", FIELD_DAY},
    {"week", FIELD_WEEK},                 {"weeks", FIELD_WEEK},
    {"w", FIELD_WEEK},                    {"month", FIELD_MONTH},
    {"months", FIELD_MONTH},              {"mon", FIELD_MONTH},
    {"quarter", FIELD_QUARTER},           {"qtr", FIELD_QUARTER},
    {"year", FIELD_YEAR},                 {"years", FIELD_YEAR},
    {"y", FIELD_YEAR},                    {"decade", FIELD_DECADE},
    {"decades", FIELD_DECADE},            {"century", FIELD_CENTURY},
    {"centuries", FIELD_CENTURY},         {"millennium", FIELD_MILLENNIUM},
    {"millennia", FIELD_MILLENNIUM},      {"dow", FIELD_DOW},
    {"isodow", FIELD_ISODOW},             {"doy", FIELD_DOY},
    {"isoyear", FIELD_ISOYEAR},           {"julian", FIELD_JULIAN},
    {"epoch", FIELD_EPOCH},               {"timezone", FIELD_TIMEZONE},
    {"timezone_hour", FIELD_TIMEZONE_HOUR}, {"timezone_minute", FIELD_TIMEZONE_MINUTE},
};

static bool find_field(expr_call *call, weir_str name, time_unit *out)
{
    for (size_t i = 0; i < sizeof(field_names) / sizeof(field_names[0]); i++)
        if (strlen(field_names[i].name) == name.len &&
            strncasecmp(field_names[i].name, name.at, name.len) == 0) {
            *out = field_names[i].field;
            return true;
        }
    return expr_fail(call, "unit \"%.*s\" not recognized", WEIR_STR_FMT(name));
}

static bool unsupported(expr_call *call, weir_str name, weir_type type)
{
    weir_buf text = {0};
    weir_type_print(&text, type);
    (void)expr_fail(call, "unit \"%.*s\" not supported for type %.*s", WEIR_STR_FMT(name),
                    (int)text.len, text.at);
    weir_buf_done(&text);
    return false;
}

static int64_t floor_div(int64_t value, int64_t by)
{
    int64_t whole = value / by;
    return whole - (value % by < 0);
}

static int64_t day_of(int64_t us)
{
    return floor_div(us, DAY_US);
}

static int64_t day_of_week(int64_t days) /* 0 is Sunday; 1970-01-01 was a Thursday */
{
    int64_t rest = (days + 4) % 7;
    return rest < 0 ? rest + 7 : rest;
}

/* The Monday that begins ISO week 1 of a year. */
static int64_t first_monday(int32_t year)
{
    int64_t fourth = weir_civil_days(year, 1, 4);
    return fourth - (day_of_week(fourth) + 6) % 7;
}

static int32_t iso_year(int32_t year, int64_t days)
{
    if (days < first_monday(year))
        return year - 1;
    return days >= first_monday(year + 1) ? year + 1 : year;
}

/* Years count from 1: 2000 is in century 20 and millennium 2. */
static int64_t ordinal(int64_t year, int64_t length)
{
    return year > 0 ? (year + length - 1) / length : -((length - 1 - (year - 1)) / length);
}

static int64_t date_field(time_unit field, const weir_civil *c, int64_t days)
{
    switch (field) {
    case FIELD_DAY:
        return c->day;
    case FIELD_WEEK:
        return (days - first_monday(iso_year(c->year, days))) / 7 + 1;
    case FIELD_MONTH:
        return c->month;
    case FIELD_QUARTER:
        return (c->month - 1) / 3 + 1;
    case FIELD_YEAR:
        return c->year > 0 ? c->year : c->year - 1;
    case FIELD_DECADE:
        return floor_div(c->year, 10);
    case FIELD_CENTURY:
        return ordinal(c->year, 100);
    case FIELD_MILLENNIUM:
        return ordinal(c->year, 1000);
    case FIELD_DOW:
        return day_of_week(days);
    case FIELD_ISODOW:
        return (day_of_week(days) + 6) % 7 + 1;
    case FIELD_DOY:
        return days - weir_civil_days(c->year, 1, 1) + 1;
    case FIELD_ISOYEAR:
        return iso_year(c->year, days);
    case FIELD_JULIAN:
        return days + JULIAN_OF_1970;
    default:
        return 0;
    }
}

/* Fields of a time of day; false when it is none of them. */
static bool time_field(expr_call *call, time_unit field, int64_t of_day, weir_datum *out,
                       bool *ok)
{
    switch (field) {
    case FIELD_MICROSECONDS:
        *ok = expr_numeric(call, of_day % MINUTE_US, 0, out);
        return true;
    case FIELD_MILLISECONDS:
        *ok = expr_numeric(call, of_day % MINUTE_US, 3, out);
        return true;
    case FIELD_SECOND:
        *ok = expr_numeric(call, of_day % MINUTE_US, 6, out);
        return true;
    case FIELD_MINUTE:
        *ok = expr_numeric(call, of_day / MINUTE_US % 60, 0, out);
        return true;
    case FIELD_HOUR:
        *ok = expr_numeric(call, of_day / HOUR_US, 0, out);
        return true;
    default:
        return false;
    }
}

/* julian of a timestamp: whole days and the part of the day, as numeric division has it. */
static bool julian(expr_call *call, int64_t us, weir_datum *out)
{
    int64_t   days = day_of(us) + JULIAN_OF_1970;
    weir_i128 part = (weir_i128)(us - day_of(us) * DAY_US) * weir_i128_power10(20);
    weir_i128 fraction;
    if (part == 0)
        return expr_numeric(call, days, 0, out);
    fraction = (part + DAY_US / 2) / DAY_US;
    return expr_numeric(call, days * weir_i128_power10(20) + fraction, 20, out);
}

static bool extract_moment(expr_call *call, time_unit field, int64_t us, weir_datum *out)
{
    bool       ok;
    int64_t    days = day_of(us);
    weir_civil civil = weir_civil_from_us(us);
    if (time_field(call, field, us - days * DAY_US, out, &ok))
        return ok;
    if (field == FIELD_EPOCH)
        return expr_numeric(call, us, 6, out);
    if (field == FIELD_JULIAN)
        return julian(call, us, out);
    return expr_numeric(call, date_field(field, &civil, days), 0, out);
}

bool expr_extract(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    time_unit field;
    bool      ok;
    weir_type type = call->expr->arg[1]->type;
    if (!find_field(call, arg[0].text, &field))
        return false;
    bool zone = field >= FIELD_TIMEZONE;
    switch ((weir_type_id)type.id) {
    case WEIR_T_DATE:
        if (field <= FIELD_HOUR || zone)
            return unsupported(call, arg[0].text, type);
        if (field == FIELD_EPOCH)
            return expr_numeric(call, arg[1].i64 * INT64_C(86400), 0, out);
        weir_civil civil = weir_civil_from_us(arg[1].i64 * DAY_US);
        return expr_numeric(call, date_field(field, &civil, arg[1].i64), 0, out);
    case WEIR_T_TIME:
        if (field == FIELD_EPOCH)
            return expr_numeric(call, arg[1].i64, 6, out);
        return time_field(call, field, arg[1].i64, out, &ok)
                   ? ok
                   : unsupported(call, arg[0].text, type);
    case WEIR_T_TIMESTAMP:
        if (zone)
            return unsupported(call, arg[0].text, type);
        return extract_moment(call, field, arg[1].i64, out);
    default:
        if (zone)
            return expr_numeric(call, 0, 0, out);
        return extract_moment(call, field, arg[1].i64, out);
    }
}

/* The first year of the decade, century or millennium. */
static int32_t first_year(time_unit field, int32_t year)
{
    switch (field) {
    case FIELD_DECADE:
        return (int32_t)floor_div(year, 10) * 10;
    case FIELD_CENTURY:
        return (int32_t)floor_div(year - 1, 100) * 100 + 1;
    case FIELD_MILLENNIUM:
        return (int32_t)floor_div(year - 1, 1000) * 1000 + 1;
    default:
        return year;
    }
}

static bool moment(expr_call *call, int64_t us, weir_datum *out)
{
    if (!weir_us_in_range(us))
        return expr_fail(call, "timestamp out of range");
    out->i64 = us;
    return true;
}

bool expr_date_trunc(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    static const int64_t units[] = {
        [FIELD_MICROSECONDS] = 1,      [FIELD_MILLISECONDS] = 1000, [FIELD_SECOND] = SECOND_US,
        [FIELD_MINUTE] = MINUTE_US,    [FIELD_HOUR] = HOUR_US,      [FIELD_DAY] = DAY_US,
    };
    time_unit field;
    int64_t us = arg[1].i64;
    if (!find_field(call, arg[0].text, &field))
        return false;
    if (field > FIELD_MILLENNIUM)
        return unsupported(call, arg[0].text, call->expr->arg[1]->type);
    if (field <= FIELD_DAY)
        return moment(call, floor_div(us, units[field]) * units[field], out);
    int64_t    days = day_of(us);
    weir_civil civil = weir_civil_from_us(us);
    int        month = 1;
    if (field == FIELD_WEEK)
        return moment(call, (days - (day_of_week(days) + 6) % 7) * DAY_US, out);
    if (field == FIELD_MONTH)
        month = civil.month;
    if (field == FIELD_QUARTER)
        month = (civil.month - 1) / 3 * 3 + 1;
    return moment(call, weir_civil_days(first_year(field, civil.year), month, 1) * DAY_US,
                  out);
}

bool expr_date_add_days(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    int64_t days = arg[0].i64 + arg[1].i64;
    if (!weir_us_in_range(days < 10000000 && days > -10000000 ? days * DAY_US : INT64_MAX))
        return expr_fail(call, "date out of range");
    out->i64 = days;
    return true;
}

bool expr_date_diff(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    int64_t days = arg[0].i64 - arg[1].i64;
    if (days != (int32_t)days)
        return expr_fail(call, "integer out of range");
    out->i64 = days;
    return true;
}

/* Months keep the day of the month, or take the month's last one. */
static bool add_months(expr_call *call, int64_t us, int64_t months, int64_t *out)
{
    weir_civil civil = weir_civil_from_us(us);
    int64_t    month = (int64_t)civil.year * 12 + civil.month - 1 + months;
    int64_t    year = floor_div(month, 12);
    if (year < 1 || year > 9999)
        return expr_fail(call, "timestamp out of range");
    int new_month = (int)(month - year * 12) + 1;
    int day = civil.day;
    while (!weir_civil_valid((int32_t)year, new_month, day))
        day--;
    *out = weir_civil_days((int32_t)year, new_month, day) * DAY_US + (us - day_of(us) * DAY_US);
    return true;
}

bool expr_time_add(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    int64_t       us = arg[0].i64;
    weir_interval by = arg[1].interval;
    if (call->expr->type.id == WEIR_T_TIME) { /* only the time part counts, modulo a day */
        int64_t sum = (us + by.us % DAY_US) % DAY_US;
        out->i64 = sum < 0 ? sum + DAY_US : sum;
        return true;
    }
    if (by.months != 0 && !add_months(call, us, by.months, &us))
        return false;
    weir_i128 sum = (weir_i128)us + (weir_i128)by.days * DAY_US + by.us;
    if (sum != (int64_t)sum)
        return expr_fail(call, "timestamp out of range");
    return moment(call, (int64_t)sum, out);
}
