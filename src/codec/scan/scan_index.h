/* codec/scan: where a JSON text has its colons and brackets, strings left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_INDEX_H
#define CODEC_SCAN_INDEX_H

#include "scan.h"

#define SCAN_INDEX_ROOM 4096u /* positions: two images of 1,000 columns and the rest */
#define SCAN_INDEX_SLACK 16u  /* positions are written in groups */

typedef struct scan_index {
    uint32_t count;
    bool     whole;   /* false: more than SCAN_INDEX_ROOM, or an open string */
    bool     escapes; /* there are backslashes */
    bool     ascii;
    bool     control; /* there are control characters in strings */
    uint32_t at[SCAN_INDEX_ROOM + 64 + SCAN_INDEX_SLACK];
} scan_index;

typedef void scan_index_fn(scan_index *index, weir_str text);

/* All the same; some machines have only the first ones. */
scan_index_fn scan_index_portable;
#if defined(__x86_64__)
scan_index_fn scan_index_avx2;
scan_index_fn scan_index_avx512;
#endif
/* Those of this machine, best first; ends with NULL. */
scan_index_fn *const *scan_index_all(void);
scan_index_fn        *scan_index_best(void);

/* For tests and benchmarks: the reader builds its index with that one. */
void scan_reader_use(struct scan_reader *reader, scan_index_fn *build);

/* Is the text nested at most `depth_max` deep? */
bool scan_index_shallow(const scan_index *index, const char *text, uint32_t depth_max);

/* Common to both: one block of 64 bytes, as bit masks. */
typedef struct scan_carry {
    uint64_t escaped; /* 1: the first byte of the next block is escaped */
    uint64_t inside;  /* all ones: the next block starts inside a string */
} scan_carry;

/* Bits of characters behind an odd run of backslashes. */
static inline uint64_t scan_escaped(uint64_t backslash, uint64_t *carry)
{
    const uint64_t even = 0x5555555555555555u;
    backslash &= ~*carry;
    uint64_t follows = backslash << 1 | *carry;
    uint64_t odd_starts = backslash & ~even & ~follows;
    uint64_t even_runs;
    *carry = __builtin_add_overflow(odd_starts, backslash, &even_runs);
    return (even ^ even_runs << 1) & follows;
}

static inline void scan_index_put(scan_index *index, uint64_t bits, uint32_t base)
{
    uint32_t *at = index->at + index->count;
    index->count += (uint32_t)__builtin_popcountll(bits);
    while (bits) {
        for (int i = 0; i < 4; i++) { /* of no bits: written, and written over */
            *at++ = base + (bits ? (uint32_t)__builtin_ctzll(bits) : 0);
            bits &= bits - 1;
        }
    }
}

#endif
