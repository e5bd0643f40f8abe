/* batch/type_interval: interval text, in and out, as PostgreSQL's default style.
 *
 * Reads "1 year 2 mons -3 days 04:05:06.7", "1.5 hours", "1-2" (years-months),
 * "3 4:05" (days and time), "… ago", and ISO 8601 "P1Y2M3DT4H5M6S".
 * A fraction of a year goes to months, of a month or a week to days, of a day to time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "batch_type.h"

#define DAY_US (24 * 3600 * INT64_C(1000000))
#define SECOND_US INT64_C(1000000)
#define TEXT_MAX 200 /* bytes of an interval's text */

typedef enum unit_kind { UNIT_MONTHS, UNIT_DAYS, UNIT_US } unit_kind;

typedef struct unit {
    const char *name;
    unit_kind   kind;
    int64_t     factor;
} unit;

static const unit units[] = {
    {"us", UNIT_US, 1},           {"usec", UNIT_US, 1},
    {"microsecond", UNIT_US, 1},  {"ms", UNIT_US, 1000},
    {"msec", UNIT_US, 1000},      {"millisecond", UNIT_US, 1000},
    {"s", UNIT_US, SECOND_US},    {"sec", UNIT_US, SECOND_US},
    {"second", UNIT_US, SECOND_US}, {"m", UNIT_US, 60 * SECOND_US},
    {"min", UNIT_US, 60 * SECOND_US}, {"minute", UNIT_US, 60 * SECOND_US},
    {"h", UNIT_US, 3600 * SECOND_US}, {"hr", UNIT_US, 3600 * SECOND_US},
    {"hour", UNIT_US, 3600 * SECOND_US}, {"d", UNIT_DAYS, 1},
    {"day", UNIT_DAYS, 1},        {"w", UNIT_DAYS, 7},
    {"week", UNIT_DAYS, 7},       {"mon", UNIT_MONTHS, 1},
    {"month", UNIT_MONTHS, 1},    {"y", UNIT_MONTHS, 12},
    {"yr", UNIT_MONTHS, 12},      {"year", UNIT_MONTHS, 12},
    {"decade", UNIT_MONTHS, 120}, {"century", UNIT_MONTHS, 1200},
    {"centurie", UNIT_MONTHS, 1200},
};

typedef struct sum {
    double months, days, us; /* whole numbers below 2^53 are exact */
} sum;

static void add_unit(sum *total, double value, unit_kind kind, int64_t factor)
{
    double scaled = value * (double)factor;
    double whole = trunc(scaled);
    if (kind == UNIT_US) {
        total->us += rint(scaled);
    } else if (kind == UNIT_DAYS) {
        total->days += whole;
        total->us += rint((scaled - whole) * (double)DAY_US);
    } else if (factor >= 12) {
        total->months += rint(scaled);
    } else {
        total->months += whole;
        add_unit(total, rint((scaled - whole) * 30 * 1e9) / 1e9, UNIT_DAYS, 1);
    }
}

static const unit *find_unit(const char *name, size_t len)
{
    for (size_t plural = 0; plural < 2 && plural < len; plural++) {
        if (plural == 1 && (name[len - 1] | 32) != 's')
            return NULL;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (strlen(units[i].name) == len - plural &&
                strncasecmp(units[i].name, name, len - plural) == 0)
                return &units[i];
    }
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* digits[.digits], without a sign */
static bool take_number(const char **at, double *out)
{
    const char *p = *at;
    if (!is_digit(*p) && !(*p == '.' && is_digit(p[1])))
        return false;
    char  *end;
    while (is_digit(*p))
        p++;
    if (*p == '.')
        for (p++; is_digit(*p);)
            p++;
    *out = strtod(*at, &end); /* may read further ("1e3", "0x1"): judged by p */
    *at = p;
    return end == p;
}

/* "4:05[:06.7]" behind its hours */
static bool take_clock(const char **at, double hours, double sign, sum *total)
{
    double minutes, seconds = 0;
    (*at)++;
    if (!take_number(at, &minutes) || minutes > 59 || minutes != trunc(minutes))
        return false;
    if (**at == ':') {
        (*at)++;
        if (!take_number(at, &seconds) || seconds >= 61)
            return false;
    }
    total->us += sign * rint((hours * 3600 + minutes * 60) * 1e6 + seconds * 1e6);
    return true;
}

static bool take_item(const char **at, sum *total, bool *bare)
{
    double sign = **at == '-' ? -1 : 1;
    double value, more;
    *at += **at == '-' || **at == '+';
    if (!take_number(at, &value))
        return false;
    if (**at == ':')
        return take_clock(at, value, sign, total);
    if (**at == '-' && is_digit((*at)[1])) { /* years-months */
        (*at)++;
        if (!take_number(at, &more) || more > 11)
            return false;
        total->months += sign * (value * 12 + more);
        return true;
    }
    while (**at == ' ')
        (*at)++;
    const char *name = *at;
    while (is_letter(**at))
        (*at)++;
    if (*at == name) { /* "3 4:05" is days and time; a last bare number is seconds */
        *bare = true;
        bool time = false;
        for (const char *p = *at; is_digit(*p) || *p == ':' || *p == '-' || *p == '+'; p++)
            time |= *p == ':';
        add_unit(total, sign * value, time ? UNIT_DAYS : UNIT_US, time ? 1 : SECOND_US);
        return time || **at == 0;
    }
    const unit *found = find_unit(name, (size_t)(*at - name));
    if (found == NULL)
        return false;
    add_unit(total, sign * value, found->kind, found->factor);
    return true;
}

/* P1Y2M3W4DT5H6M7.8S */
static bool read_iso(const char *at, sum *total)
{
    bool time = false, any = false;
    while (*at != 0) {
        if (*at == 'T' && !time) {
            time = true;
            at++;
            continue;
        }
        double value, sign = *at == '-' ? -1 : 1;
        at += *at == '-' || *at == '+';
        if (!take_number(&at, &value))
            return false;
        static const unit date_units[] = {{"Y", UNIT_MONTHS, 12}, {"M", UNIT_MONTHS, 1},
                                          {"W", UNIT_DAYS, 7}, {"D", UNIT_DAYS, 1}};
        static const unit time_units[] = {{"H", UNIT_US, 3600 * SECOND_US},
                                          {"M", UNIT_US, 60 * SECOND_US},
                                          {"S", UNIT_US, SECOND_US}, {"", UNIT_US, 0}};
        const unit *table = time ? time_units : date_units, *found = NULL;
        for (int i = 0; i < 4; i++)
            if (*at != 0 && *at == table[i].name[0])
                found = &table[i];
        if (found == NULL)
            return false;
        add_unit(total, sign * value, found->kind, found->factor);
        any = true;
        at++;
    }
    return any;
}

static bool read_words(const char *at, sum *total)
{
    bool any = false, bare = false;
    if (*at == '@')
        at++;
    for (;;) {
        while (*at == ' ' || *at == '\t' || *at == ',')
            at++;
        if (*at == 0)
            return any;
        if (any && strcasecmp(at, "ago") == 0) {
            *total = (sum){-total->months, -total->days, -total->us};
            return true;
        }
        if (!take_item(&at, total, &bare))
            return false;
        any = true;
    }
}

bool weir_interval_parse(weir_str text, weir_interval *out)
{
    char copy[TEXT_MAX];
    sum  total = {0, 0, 0};
    text = weir_str_trim(text);
    if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.at, 0, text.len) != NULL)
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    bool ok = copy[0] == 'P' ? read_iso(copy + 1, &total) : read_words(copy, &total);
    if (!ok || fabs(total.months) > INT32_MAX || fabs(total.days) > INT32_MAX ||
        fabs(total.us) > 9e15)
        return false;
    *out = (weir_interval){(int32_t)total.months, (int32_t)total.days, (int64_t)total.us};
    return true;
}

/* "-3 days": a sign is also written when the part before was negative. */
static void print_part(weir_buf *out, int64_t value, const char *name, bool *negative)
{
    if (value == 0)
        return;
    weir_buf_format(out, "%s%" PRId64 " %s%s ", *negative && value > 0 ? "+" : "", value,
                    name, value == 1 ? "" : "s");
    *negative = value < 0;
}

void batch_interval_print(weir_buf *out, weir_interval value)
{
    bool   negative = false;
    size_t start = out->len;
    print_part(out, value.months / 12, "year", &negative);
    print_part(out, value.months % 12, "mon", &negative);
    print_part(out, value.days, "day", &negative);
    if (value.us == 0 && out->len > start) {
        out->len--;
        return;
    }
    uint64_t us = value.us < 0 ? (uint64_t)0 - (uint64_t)value.us : (uint64_t)value.us;
    if (value.us < 0)
        weir_buf_byte(out, '-');
    else if (negative)
        weir_buf_byte(out, '+');
    weir_buf_format(out, "%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, us / 3600000000,
                    us / 60000000 % 60, us / 1000000 % 60);
    if (us % 1000000 == 0)
        return;
    weir_buf_format(out, ".%06" PRIu64, us % 1000000);
    while (out->at[out->len - 1] == '0')
        out->len--;
}
