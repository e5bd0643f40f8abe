/* codec/scan: eight bytes as a number, the first one lowest, on any machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_WORD_H
#define CODEC_SCAN_WORD_H

#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SCAN_WORD_ORDER(word) __builtin_bswap64(word)
#else
#define SCAN_WORD_ORDER(word) (word)
#endif

static inline uint64_t scan_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return SCAN_WORD_ORDER(word);
}

#endif
