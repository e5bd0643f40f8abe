/* codec/value: ISO 8601 text as microseconds and days.
 *
 * Gives      value_days, value_iso_date, value_iso_time, value_iso_timestamp.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value_time.h"

#include "value/value_number.h"

int64_t value_days(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool two(const char *at, unsigned *out)
{
    unsigned tens = (unsigned)at[0] - '0';
    unsigned ones = (unsigned)at[1] - '0';
    *out = tens * 10 + ones;
    return tens <= 9 && ones <= 9;
}

/* Each byte less that of `form`, whose digits are '0'; false: a digit is none, or another
   byte not that of the form, where `fixed` is 0x7f and 0x76 elsewhere. */
static inline bool take_form(const char *at, uint64_t form, uint64_t fixed, uint64_t *out)
{
    uint64_t word = scan_word(at) ^ form;
    *out = word;
    return !(((word + fixed) | word) & 0x8080808080808080u);
}

static inline unsigned digit_of(uint64_t word, unsigned i)
{
    return (unsigned)(word >> 8 * i) & 0xf;
}

/* "YYYY-MM-DD" */
static bool read_date(const char *at, int64_t *out_days)
{
    static const uint8_t  length[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const uint16_t before[] = {
        306, 337, 0,   31,  61,  92, /* a year from March on */
        122, 153, 184, 214, 245, 275};
    uint64_t word;
    unsigned day;
    if (!take_form(at, 0x2d30302d30303030u, 0x7f76767f76767676u, &word) ||
        !two(at + 8, &day))
        return false;
    unsigned year = digit_of(word, 0) * 1000 + digit_of(word, 1) * 100 +
                    digit_of(word, 2) * 10 + digit_of(word, 3);
    unsigned month = digit_of(word, 5) * 10 + digit_of(word, 6);
    if (month < 1 || month > 12 || day < 1 || day > length[month - 1])
        return false;
    if (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400)))
        return false;
    unsigned from = year + 400 - (month <= 2); /* 400 years more: none is negative */
    unsigned century = from / 100;
    *out_days = (int64_t)(from * 365 + from / 4 - century + century / 4 +
                          before[month - 1] + day - 1) -
                146097 - 719468;
    return true;
}

/* Digits behind the point, rounded to microseconds, half up. */
static bool read_fraction(const char **at, const char *end, int64_t *out_us)
{
    static const int unit[] = {100000, 10000, 1000, 100, 10, 1};
    int64_t          us = 0;
    int              digits = 0;
    uint64_t         six;
    if (end - *at >= 6 && value_few_digits(*at, 6, &six)) {
        us = (int64_t)six;
        digits = 6;
        *at += 6;
    }
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at, digits++) {
        int digit = **at - '0';
        if (digits < 6)
            us += (int64_t)digit * unit[digits];
        else if (digits == 6 && digit >= 5)
            us++;
    }
    *out_us = us;
    return digits > 0;
}

/* "HH:MM", "HH:MM:SS", "HH:MM:SS.fff"; *at moves behind it. */
static bool read_time(const char **at, const char *end, int64_t *out_us)
{
    unsigned hour, minute, second = 0;
    int64_t  fraction = 0;
    uint64_t word;
    if (end - *at >= 8 && take_form(*at, 0x30303a30303a3030u, 0x76767f76767f7676u, &word)) {
        hour = digit_of(word, 0) * 10 + digit_of(word, 1);
        minute = digit_of(word, 3) * 10 + digit_of(word, 4);
        second = digit_of(word, 6) * 10 + digit_of(word, 7);
        *at += 8;
        if (*at < end && **at == '.') {
            ++*at;
            if (!read_fraction(at, end, &fraction))
                return false;
        }
    } else {
        if (end - *at < 5 || !two(*at, &hour) || (*at)[2] != ':' || !two(*at + 3, &minute))
            return false;
        *at += 5;
        if (*at < end && **at == ':')
            return false; /* it has no two digits of seconds */
    }
    if (hour > 24 || minute > 59 || second > 59)
        return false;
    *out_us = ((int64_t)hour * 3600 + minute * 60 + second) * 1000000 + fraction;
    return *out_us <= VALUE_DAY_US;
}

/* Nothing, 'Z', "+HH", "+HHMM" or "+HH:MM" up to the end. */
static bool read_zone(const char *at, const char *end, int64_t *out_us)
{
    *out_us = 0;
    if (at == end)
        return true;
    if (*at == 'Z')
        return at + 1 == end;
    if (*at != '+' && *at != '-')
        return false;
    bool     negative = *at++ == '-';
    unsigned hour, minute = 0;
    if (end - at < 2 || !two(at, &hour))
        return false;
    at += 2;
    if (at < end && *at == ':')
        at++;
    if (at < end && (end - at != 2 || !two(at, &minute)))
        return false;
    if (hour > 18 || minute > 59)
        return false;
    *out_us = ((int64_t)hour * 60 + minute) * 60000000;
    *out_us = negative ? -*out_us : *out_us;
    return true;
}

bool value_iso_timestamp(weir_str text, int64_t *out_us)
{
    const char *at = text.at;
    const char *end = at + text.len;
    int64_t     days, us = 0, zone;
    if (text.len < 10 || !read_date(at, &days))
        return false;
    at += 10;
    if (at < end && (*at == 'T' || *at == ' ')) {
        at++;
        if (!read_time(&at, end, &us))
            return false;
    }
    if (!read_zone(at, end, &zone))
        return false;
    *out_us = days * VALUE_DAY_US + us - zone;
    return true;
}

bool value_iso_date(weir_str text, int64_t *out_days)
{
    int64_t us;
    if (text.len < 10 || !value_iso_timestamp(text, &us))
        return false;
    return read_date(text.at, out_days);
}

bool value_iso_time(weir_str text, int64_t *out_us)
{
    const char *at = text.at;
    const char *end = at + text.len;
    return read_time(&at, end, out_us) && (at == end || (*at == 'Z' && at + 1 == end));
}
