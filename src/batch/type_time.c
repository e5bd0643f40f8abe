/* batch/type_time: dates, times of day and timestamps as text, in PostgreSQL's forms.
 *
 * Reads ISO 8601 and its relaxed forms ("2024-2-9 1:02", "20240209T010200Z"), month names
 * ("9 Feb 2024", "Feb 9, 2024"), AM and PM, and offsets. Years are 1 to 9999.
 *
 * Never      knows named time zones but UTC, GMT and Z.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "batch_type.h"
#include "weir/clock.h"

#define DAY_US (24 * 3600 * INT64_C(1000000))
#define HOUR_US (3600 * INT64_C(1000000))
#define MINUTE_US (60 * INT64_C(1000000))
#define SECOND_US INT64_C(1000000)
#define DAYS_MOST INT64_C(106000000) /* times DAY_US fits into 64 bits */

typedef struct cursor {
    const char *at;
    const char *end;
} cursor;

/* What was found in a text; what was not stays as initialised. */
typedef struct moment {
    int     year, month, day; /* day 0: no date */
    bool    has_time, has_zone;
    int64_t time_us;
    int64_t zone_us; /* east is positive */
} moment;

static void two_digits(weir_buf *out, int64_t value)
{
    weir_buf_byte(out, (uint8_t)('0' + value / 10));
    weir_buf_byte(out, (uint8_t)('0' + value % 10));
}

/* A year before 1 is written as PostgreSQL does, with " BC" behind everything. */
static bool print_day(weir_buf *out, int64_t days)
{
    if (days > DAYS_MOST || days < -DAYS_MOST) /* foreign values print as the border */
        days = days > 0 ? DAYS_MOST : -DAYS_MOST;
    weir_civil civil = weir_civil_from_us(days * DAY_US);
    bool       before = civil.year <= 0;
    weir_buf_format(out, "%04d-", before ? 1 - civil.year : civil.year);
    two_digits(out, civil.month);
    weir_buf_byte(out, '-');
    two_digits(out, civil.day);
    return before;
}

void batch_date_print(weir_buf *out, int64_t days)
{
    if (print_day(out, days))
        weir_buf_text(out, " BC");
}

void batch_time_print(weir_buf *out, int64_t us)
{
    int64_t micros = us % SECOND_US;
    two_digits(out, us / HOUR_US);
    weir_buf_byte(out, ':');
    two_digits(out, us / MINUTE_US % 60);
    weir_buf_byte(out, ':');
    two_digits(out, us / SECOND_US % 60);
    if (micros == 0)
        return;
    char digits[7] = {'.'};
    for (int i = 6; i >= 1; i--) {
        digits[i] = (char)('0' + micros % 10);
        micros /= 10;
    }
    size_t len = 7;
    while (digits[len - 1] == '0')
        len--;
    weir_buf_add(out, digits, len);
}

void batch_timestamp_print(weir_buf *out, int64_t us, bool with_zone)
{
    int64_t of_day = us % DAY_US;
    int64_t days = us / DAY_US - (of_day < 0);
    if (of_day < 0)
        of_day += DAY_US;
    bool before = print_day(out, days);
    weir_buf_byte(out, ' ');
    batch_time_print(out, of_day);
    if (with_zone)
        weir_buf_text(out, "+00");
    if (before)
        weir_buf_text(out, " BC");
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char peek(const cursor *in)
{
    return in->at < in->end ? *in->at : 0;
}

static bool take(cursor *in, char c)
{
    if (peek(in) != c)
        return false;
    in->at++;
    return true;
}

static void skip_blanks(cursor *in)
{
    while (peek(in) == ' ' || peek(in) == '\t' || peek(in) == '\n' || peek(in) == '\r')
        in->at++;
}

/* Up to `most` digits; how many there were. */
static int take_number(cursor *in, int most, int *out)
{
    int count = 0, value = 0;
    for (; count < most && is_digit(peek(in)); count++)
        value = value * 10 + (*in->at++ - '0');
    *out = value;
    return count;
}

static weir_str take_word(cursor *in)
{
    weir_str word = {in->at, 0};
    while (is_letter(peek(in)))
        in->at++;
    word.len = (size_t)(in->at - word.at);
    return word;
}

static bool word_is(weir_str word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.at, text, word.len) == 0;
}

/* "Feb" or "February": 2; 0 when it is no month. */
static int month_of(weir_str word)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int i = 0; i < 12; i++)
        if (word.len >= 3 && strncasecmp(word.at, names[i], word.len) == 0 &&
            (word.len == 3 || word.len == strlen(names[i]) ||
             (i == 8 && word.len == 4)))
            return i + 1;
    return 0;
}

/* ".123456789": micros, rounded; may be 1000000. */
static int64_t take_fraction(cursor *in)
{
    char   text[24] = "0.";
    size_t len = 2;
    if (!take(in, '.'))
        return 0;
    while (is_digit(peek(in))) {
        if (len < sizeof(text) - 1)
            text[len++] = *in->at;
        in->at++;
    }
    return (int64_t)rint(strtod(text, NULL) * 1e6);
}

static batch_read check_time(int hour, int minute, int second, int64_t micros,
                             int64_t *out_us)
{
    int64_t us = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + micros;
    if (minute > 59 || second > 60 || us > DAY_US)
        return BATCH_READ_RANGE;
    *out_us = us;
    return BATCH_READ_OK;
}

static batch_read take_meridiem(cursor *in, int *hour)
{
    cursor   ahead = *in;
    skip_blanks(&ahead);
    weir_str word = take_word(&ahead);
    bool     am = word_is(word, "am"), pm = word_is(word, "pm");
    if (!am && !pm)
        return BATCH_READ_OK;
    *in = ahead;
    if (*hour > 12)
        return BATCH_READ_RANGE;
    *hour = *hour % 12 + (pm ? 12 : 0);
    return BATCH_READ_OK;
}

/* HH:MM[:SS[.f]] or HHMM[SS[.f]] */
static batch_read take_time(cursor *in, moment *out)
{
    int  hour, minute = 0, second = 0;
    int  digits = take_number(in, 2, &hour);
    if (digits == 0)
        return BATCH_READ_SYNTAX;
    bool colons = take(in, ':');
    if (take_number(in, 2, &minute) != 2 && !(colons && is_digit(in->at[-1])))
        return BATCH_READ_SYNTAX;
    if (colons ? take(in, ':') : is_digit(peek(in)))
        if (take_number(in, 2, &second) == 0)
            return BATCH_READ_SYNTAX;
    int64_t    micros = take_fraction(in);
    batch_read rc = take_meridiem(in, &hour);
    if (rc != BATCH_READ_OK)
        return rc;
    out->has_time = true;
    return check_time(hour, minute, second, micros, &out->time_us);
}

/* Z, UTC, GMT, +HH, +HH:MM, +HHMM, +HH:MM:SS */
static batch_read take_zone(cursor *in, moment *out)
{
    int hour, minute = 0, second = 0;
    out->has_zone = true;
    if (is_letter(peek(in))) {
        weir_str word = take_word(in);
        bool utc = word_is(word, "z") || word_is(word, "utc") || word_is(word, "gmt") ||
                   word_is(word, "zulu");
        if (utc)
            return BATCH_READ_OK;
        return word.len < 3 ? BATCH_READ_SYNTAX : BATCH_READ_ZONE;
    }
    bool west = peek(in) == '-';
    in->at++;
    if (take_number(in, 2, &hour) == 0)
        return BATCH_READ_SYNTAX;
    if (take(in, ':') || is_digit(peek(in)))
        if (take_number(in, 2, &minute) != 2)
            return BATCH_READ_SYNTAX;
    if (take(in, ':') && take_number(in, 2, &second) != 2)
        return BATCH_READ_SYNTAX;
    if (hour > 15 || minute > 59 || second > 59)
        return BATCH_READ_OFFSET;
    out->zone_us = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US;
    if (west)
        out->zone_us = -out->zone_us;
    return BATCH_READ_OK;
}

/* Two digits mean 1970 to 2069. */
static int year_of(int value, int digits)
{
    if (digits > 2)
        return value;
    return value < 70 ? 2000 + value : 1900 + value;
}

/* "Feb 9, 2024" or "February 9 2024" */
static batch_read take_month_first(cursor *in, moment *out)
{
    out->month = month_of(take_word(in));
    if (out->month == 0)
        return BATCH_READ_SYNTAX;
    int value;
    while (peek(in) == ' ' || peek(in) == '-')
        in->at++;
    if (take_number(in, 2, &out->day) == 0)
        return BATCH_READ_SYNTAX;
    while (peek(in) == ' ' || peek(in) == '-' || peek(in) == ',')
        in->at++;
    int digits = take_number(in, 5, &value);
    out->year = year_of(value, digits);
    return digits == 0 ? BATCH_READ_SYNTAX : BATCH_READ_OK;
}

/* "9 Feb 2024" or "9-Feb-2024": the day is read */
static batch_read take_month_name(cursor *in, int day, moment *out)
{
    int value;
    out->day = day;
    out->month = month_of(take_word(in));
    if (out->month == 0)
        return BATCH_READ_SYNTAX;
    if (peek(in) == ' ' || peek(in) == '-')
        in->at++;
    int digits = take_number(in, 5, &value);
    out->year = year_of(value, digits);
    return digits == 0 ? BATCH_READ_SYNTAX : BATCH_READ_OK;
}

static batch_read take_date(cursor *in, moment *out)
{
    if (is_letter(peek(in)))
        return take_month_first(in, out);
    int first;
    int digits = take_number(in, 8, &first);
    if (digits == 8) {
        out->year = first / 10000;
        out->month = first / 100 % 100;
        out->day = first % 100;
        return BATCH_READ_OK;
    }
    char separator = peek(in);
    if (digits == 0 || (separator != '-' && separator != '/' && separator != ' '))
        return BATCH_READ_SYNTAX;
    in->at++;
    if (digits <= 2 && is_letter(peek(in)))
        return take_month_name(in, first, out);
    int second, third;
    if (separator == ' ' || take_number(in, 2, &second) == 0 || !take(in, separator))
        return BATCH_READ_SYNTAX;
    int third_digits = take_number(in, digits <= 2 ? 5 : 2, &third);
    if (third_digits == 0)
        return BATCH_READ_SYNTAX;
    if (digits > 2)
        *out = (moment){.year = first, .month = second, .day = third};
    else /* month, day, year: PostgreSQL's default MDY */
        *out = (moment){.year = year_of(third, third_digits), .month = first, .day = second};
    return BATCH_READ_OK;
}

static batch_read check_date(const moment *m)
{
    if (m->year > 9999 || m->year < 1 || m->month > 12 || m->month < 1 ||
        !weir_civil_valid(m->year, m->month, m->day))
        return BATCH_READ_RANGE;
    return BATCH_READ_OK;
}

static bool is_infinite(weir_str text)
{
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+')) {
        text.at++;
        text.len--;
    }
    return word_is(text, "infinity");
}

/* Behind the date: blank or T, time, zone, BC. */
static batch_read take_rest(cursor *in, moment *out)
{
    batch_read rc = BATCH_READ_OK;
    if ((peek(in) == 'T' || peek(in) == 't') && in->at + 1 < in->end && is_digit(in->at[1]))
        in->at++;
    skip_blanks(in);
    if (is_digit(peek(in)))
        rc = take_time(in, out);
    if (rc != BATCH_READ_OK)
        return rc;
    skip_blanks(in);
    cursor   ahead = *in;
    weir_str word = take_word(&ahead);
    if (word_is(word, "bc"))
        return BATCH_READ_BC;
    if (word_is(word, "ad"))
        *in = ahead;
    else if (word.len > 0 || ((peek(in) == '+' || peek(in) == '-') && out->has_time))
        rc = take_zone(in, out);
    if (rc != BATCH_READ_OK)
        return rc;
    skip_blanks(in);
    ahead = *in;
    if (word_is(take_word(&ahead), "bc"))
        return BATCH_READ_BC;
    return in->at == in->end ? BATCH_READ_OK : BATCH_READ_SYNTAX;
}

static batch_read read_moment(weir_str text, moment *out)
{
    text = weir_str_trim(text);
    *out = (moment){.day = 0};
    if (is_infinite(text))
        return BATCH_READ_INFINITE;
    if (word_is(text, "epoch")) {
        *out = (moment){.year = 1970, .month = 1, .day = 1, .has_zone = true};
        return BATCH_READ_OK;
    }
    cursor     in = {text.at, text.at + text.len};
    batch_read rc = take_date(&in, out);
    if (rc != BATCH_READ_OK)
        return rc;
    rc = take_rest(&in, out);
    return rc != BATCH_READ_OK ? rc : check_date(out);
}

batch_read batch_date_read(weir_str text, int64_t *out_days)
{
    moment     found;
    batch_read rc = read_moment(text, &found);
    if (rc == BATCH_READ_OK)
        *out_days = weir_civil_days(found.year, found.month, found.day);
    return rc;
}

batch_read batch_timestamp_read(weir_str text, bool with_zone, int64_t *out_us)
{
    moment     found;
    batch_read rc = read_moment(text, &found);
    if (rc != BATCH_READ_OK)
        return rc;
    int64_t us = weir_civil_days(found.year, found.month, found.day) * DAY_US + found.time_us;
    if (with_zone)
        us -= found.zone_us;
    *out_us = us;
    return weir_us_in_range(us) ? BATCH_READ_OK : BATCH_READ_RANGE;
}

batch_read batch_time_read(weir_str text, int64_t *out_us)
{
    moment     found = {.day = 0};
    batch_read rc;
    text = weir_str_trim(text);
    cursor in = {text.at, text.at + text.len};
    if (memchr(text.at, ':', text.len < 3 ? text.len : 3) == NULL) {
        rc = read_moment(text, &found);
        if (rc == BATCH_READ_OK && !found.has_time)
            rc = BATCH_READ_SYNTAX;
        if (rc == BATCH_READ_OK) {
            *out_us = found.time_us;
            return BATCH_READ_OK;
        }
    }
    rc = take_time(&in, &found);
    if (rc == BATCH_READ_OK) {
        skip_blanks(&in);
        if (is_letter(peek(&in)) || peek(&in) == '+' || peek(&in) == '-')
            rc = take_zone(&in, &found);
    }
    if (rc == BATCH_READ_OK && in.at != in.end)
        rc = BATCH_READ_SYNTAX;
    if (rc == BATCH_READ_OK)
        *out_us = found.time_us;
    return rc;
}
