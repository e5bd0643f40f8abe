/* codec/value: decimal text as exact integers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_VALUE_NUMBER_H
#define CODEC_VALUE_NUMBER_H

#include "weir/type.h"

#include "scan/scan_word.h"

typedef struct value_decimal {
    weir_i128 units; /* of 10^-scale, rounded half away from zero */
    bool      exact; /* nothing was rounded away */
    bool      fits;  /* within 38 digits */
} value_decimal;

/* A number by the grammar of JSON. False: it is none. */
bool value_decimal_of(weir_str text, int scale, value_decimal *out);
/* The digits behind the point that the number has, at most 38. False: it is none. */
bool value_own_scale(weir_str text, int *out);
/* Eight digits at once, first one in the lowest byte; false: one is none. */
static inline __attribute__((always_inline)) bool value_eight_of(uint64_t  word,
                                                                 uint64_t *out)
{
    word ^= 0x3030303030303030u;
    if (((word + 0x7676767676767676u) | word) & 0x8080808080808080u)
        return false;
    word = word * 10 + (word >> 8);
    word = ((word & 0x000000ff000000ffu) * 0x000f424000000064u +
            (word >> 16 & 0x000000ff000000ffu) * 0x0000271000000001u) >>
           32;
    *out = word & 0xffffffffu;
    return true;
}

static inline __attribute__((always_inline)) bool value_eight_digits(const char *at,
                                                                     uint64_t   *out)
{
    return value_eight_of(scan_word(at), out);
}

/* One to eight digits; false: one is none. */
static inline __attribute__((always_inline)) bool value_few_digits(const char *at,
                                                                   size_t      len,
                                                                   uint64_t   *out)
{
    if (len >= 4) /* zeros in front */
        return value_eight_of(scan_word_high(at, len) |
                                  (len < 8 ? (uint64_t)0x3030303030303030u >> 8 * len : 0),
                              out);
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t digit = (uint8_t)(at[i] - '0');
        if (digit > 9)
            return false;
        *out = *out * 10 + digit;
    }
    return true;
}

/* The same for plain integers of up to 18 digits; false for all else, also for valid ones. */
static inline __attribute__((always_inline)) bool value_small_integer(const char *at,
                                                                      size_t      len,
                                                                      int64_t    *out)
{
    static const uint32_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    size_t                i = at[0] == '-';
    if (len - i - 1 >= 18 || (at[i] == '0' && len - i > 1))
        return false;
    uint64_t value = 0;
    uint64_t more;
    for (; len - i >= 8; i += 8) {
        if (!value_eight_digits(at + i, &more))
            return false;
        value = value * 100000000 + more;
    }
    if (len > i) {
        if (!value_few_digits(at + i, len - i, &more))
            return false;
        value = value * power[len - i] + more;
    }
    *out = at[0] == '-' ? -(int64_t)value : (int64_t)value;
    return true;
}

#endif
