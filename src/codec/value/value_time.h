/* codec/value: ISO 8601 text as microseconds and days.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_VALUE_TIME_H
#define CODEC_VALUE_TIME_H

#include "weir/str.h"

#define VALUE_DAY_US 86400000000LL

/* Days since 1970-01-01 of a proleptic Gregorian date. */
int64_t value_days(int64_t year, unsigned month, unsigned day);
/* "2024-02-29", "2024-02-29Z", and a timestamp, whose time is cut off. */
bool value_iso_date(weir_str text, int64_t *out_days);
/* "12:34:56", "12:34:56.789Z"; up to 24:00:00. */
bool value_iso_time(weir_str text, int64_t *out_us);
/* "2024-02-29T12:34:56.789012Z", with 'T' or a space, any number of digits of the fraction
   (rounded to microseconds), 'Z', "+02:00" (moved to UTC) or nothing; also a date alone. */
bool value_iso_timestamp(weir_str text, int64_t *out_us);

#endif
