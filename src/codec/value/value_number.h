/* codec/value: decimal text as exact integers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_VALUE_NUMBER_H
#define CODEC_VALUE_NUMBER_H

#include "weir/type.h"

typedef struct value_decimal {
    weir_i128 units; /* of 10^-scale, rounded half away from zero */
    bool      exact; /* nothing was rounded away */
    bool      fits;  /* within 38 digits */
} value_decimal;

/* A number by the grammar of JSON. False: it is none. */
bool value_decimal_of(weir_str text, int scale, value_decimal *out);
/* The same for plain integers of up to 18 digits; false for all else, also for valid ones. */
static inline bool value_small_integer(const char *at, size_t len, int64_t *out)
{
    size_t i = at[0] == '-';
    if (len - i - 1 >= 18 || (at[i] == '0' && len - i > 1))
        return false;
    int64_t value = 0;
    for (; i < len; i++) {
        uint8_t digit = (uint8_t)(at[i] - '0');
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *out = at[0] == '-' ? -value : value;
    return true;
}

#endif
