/* s3/date: the server's clock, learned from its refusals only.
 *
 * A signature is good for 15 minutes around the server's time. Where our clock is wrong, the
 * Date of the refusal tells by how much. It is not learned from any other answer: a proxy's
 * or an overloaded server's date has been seen to be years off, and signing with it locks
 * one out for good.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3.h"

#include <string.h>

#define SKEW_MOST_US (7LL * 24 * 3600 * 1000000) /* more is no clock that went wrong */
#define SKEW_LEAST_US (60LL * 1000000)           /* less explains no refusal */

static bool digits(const char *at, size_t count, int32_t *out)
{
    int32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        value = value * 10 + (at[i] - '0');
    }
    *out = value;
    return true;
}

static int32_t month_of(const char *at)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int32_t i = 0; i < 12; i++) {
        if (memcmp(names + (size_t)i * 3, at, 3) == 0)
            return i + 1;
    }
    return 0;
}

bool s3_date_read(weir_str text, int64_t *out_us)
{
    static const char form[] =
        "___, 00 ___ 0000 00:00:00 GMT"; /* others must be the same */
    int32_t day, year, hour, minute, second;
    if (text.len != sizeof form - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (form[i] != '_' && form[i] != '0' && form[i] != text.at[i])
            return false;
    }
    int32_t month = month_of(text.at + 8);
    if (month == 0 || !digits(text.at + 5, 2, &day) || !digits(text.at + 12, 4, &year) ||
        !digits(text.at + 17, 2, &hour) || !digits(text.at + 20, 2, &minute) ||
        !digits(text.at + 23, 2, &second))
        return false;
    if (!weir_civil_valid(year, month, day) || hour > 23 || minute > 59 || second > 59)
        return false;
    weir_civil civil = {.year = year,
                        .month = (uint8_t)month,
                        .day = (uint8_t)day,
                        .hour = (uint8_t)hour,
                        .minute = (uint8_t)minute,
                        .second = (uint8_t)second};
    *out_us = weir_civil_to_us(&civil);
    return true;
}

bool s3_skew_learn(weir_str date, int64_t now_us, int64_t signed_us, int64_t *out_us)
{
    int64_t theirs_us = 0;
    if (date.len == 0 || !s3_date_read(date, &theirs_us))
        return false;
    int64_t skew = theirs_us - now_us;
    int64_t change = theirs_us - signed_us;
    if (skew > SKEW_MOST_US || skew < -SKEW_MOST_US)
        return false;
    if (change < SKEW_LEAST_US && change > -SKEW_LEAST_US)
        return false;
    *out_us = skew;
    return true;
}
