/* base/clock_civil: days, hours and their text, without time zones.
 *
 * Days are counted in eras of 400 years that begin on 1 March, so the leap day comes last
 * (Hinnant, "chrono-compatible low-level date algorithms").
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/clock.h"

#include <stdio.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (86400 * US_PER_SECOND)
#define DAYS_PER_ERA 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t weir_civil_days(int32_t year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static void set_date(weir_civil *civil, int64_t days)
{
    days += DAYS_TO_1970;
    int64_t era = floor_div(days, DAYS_PER_ERA);
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    civil->day = (uint8_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    civil->month =
        (uint8_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    civil->year = (int32_t)(year_of_era + era * 400 + (civil->month <= 2));
}

weir_civil weir_civil_from_us(int64_t us)
{
    weir_civil civil;
    int64_t    days = floor_div(us, US_PER_DAY);
    int64_t    rest = us % US_PER_DAY + (us % US_PER_DAY < 0 ? US_PER_DAY : 0);
    set_date(&civil, days);
    int64_t seconds = rest / US_PER_SECOND;
    civil.hour = (uint8_t)(seconds / 3600);
    civil.minute = (uint8_t)(seconds / 60 % 60);
    civil.second = (uint8_t)(seconds % 60);
    civil.micros = (int32_t)(rest % US_PER_SECOND);
    return civil;
}

int64_t weir_civil_to_us(const weir_civil *civil)
{
    int64_t days = weir_civil_days(civil->year, civil->month, civil->day);
    int64_t seconds = civil->hour * 3600 + civil->minute * 60 + civil->second;
    int64_t rest = seconds * US_PER_SECOND + civil->micros;
    return (int64_t)((uint64_t)days * (uint64_t)US_PER_DAY + (uint64_t)rest); /* may wrap */
}

bool weir_civil_valid(int32_t year, int month, int day)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap);
}

int weir_us_print(int64_t us, char out[40])
{
    weir_civil c = weir_civil_from_us(us);
    int len = snprintf(out, 40, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day,
                       c.hour, c.minute, c.second);
    if (c.micros != 0) {
        len += snprintf(out + len, (size_t)(40 - len), ".%06d", c.micros);
        while (out[len - 1] == '0')
            out[--len] = '\0';
    }
    weir_assert(len < 40);
    return len;
}

int weir_us_print_iso(int64_t us, char out[40])
{
    weir_civil c = weir_civil_from_us(us);
    int len = snprintf(out, 40, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month,
                       c.day, c.hour, c.minute, c.second, c.micros / 1000);
    weir_assert(len < 40);
    return len;
}
