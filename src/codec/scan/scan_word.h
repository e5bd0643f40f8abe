/* codec/scan: eight bytes as a number, the first one lowest, on any machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_WORD_H
#define CODEC_SCAN_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SCAN_WORD_ORDER(word) __builtin_bswap64(word)
#define SCAN_HALF_ORDER(half) __builtin_bswap32(half)
#else
#define SCAN_WORD_ORDER(word) (word)
#define SCAN_HALF_ORDER(half) (half)
#endif

/* `len` bytes, 4 to 8, as the highest ones of the number; what is below is zero. */
static inline uint64_t scan_word_high(const char *at, size_t len)
{
    uint32_t front, back;
    memcpy(&front, at, 4);
    memcpy(&back, at + len - 4, 4);
    front = SCAN_HALF_ORDER(front);
    back = SCAN_HALF_ORDER(back);
    return (uint64_t)back << 32 | (uint64_t)front << 8 * (8 - len);
}

static inline uint64_t scan_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return SCAN_WORD_ORDER(word);
}

#endif
