/* codec/scan: the index for AVX-512 with VBMI2: 64 bytes are one register, and positions are
 * picked from it by one instruction.
 *
 * Gives      scan_index_avx512. The same as scan_index_portable, which a test compares.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan_index.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET                                                                             \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2,pclmul,"         \
                          "popcnt")))
#define INLINE TARGET static inline __attribute__((always_inline))

/* Of `{}[]:`: a table by the low four bits of what equals itself with 0x20 set. */
INLINE uint64_t structural(__m512i v)
{
    const __m512i table = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', 0, '}', 0, 0));
    __m512i curly = _mm512_or_si512(v, _mm512_set1_epi8(0x20));
    return _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(table, v), curly);
}

INLINE uint64_t prefix_xor(uint64_t bits)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits),
                                           _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

/* Sixteen at once: hardly a block has more. */
INLINE uint32_t *put(uint32_t *at, uint64_t bits, uint32_t base)
{
    const __m512i place = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43,
        42, 41, 40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22,
        21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i  found = _mm512_maskz_compress_epi8(bits, place);
    __m512i first = _mm512_set1_epi32((int)base);
    uint32_t count = (uint32_t)_mm_popcnt_u64(bits);
    for (uint32_t done = 0;; done += 16) {
        __m512i wide = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(found));
        _mm512_storeu_si512(at + done, _mm512_add_epi32(wide, first));
        if (__builtin_expect(done + 16 >= count, 1))
            return at + count;
        found = _mm512_shuffle_i32x4(found, found, 0x39); /* the next sixteen */
    }
}

typedef struct sums { /* over all bytes */
    __m512i  least, any;
    uint64_t backslash;
} sums;

INLINE uint32_t *take_block(uint32_t *at, __m512i v, uint32_t base, scan_carry *carry,
                            sums *sum)
{
    sum->least = _mm512_min_epu8(sum->least, v);
    sum->any = _mm512_or_si512(sum->any, v);
    uint64_t quote = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"'));
    uint64_t backslash = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
    if (__builtin_expect((backslash | carry->escaped) != 0, 0)) {
        sum->backslash |= backslash;
        quote &= ~scan_escaped(backslash, &carry->escaped);
    }
    uint64_t inside = prefix_xor(quote) ^ carry->inside;
    carry->inside = (uint64_t)((int64_t)inside >> 63);
    return put(at, structural(v) & ~inside, base);
}

TARGET void scan_index_avx512(scan_index *index, weir_str text)
{
    scan_carry    carry = {0, 0};
    const __m512i space = _mm512_set1_epi8(' ');
    sums          sum = {space, _mm512_setzero_si512(), 0};
    size_t        base = 0;
    uint32_t     *at = index->at;
    uint32_t     *full = at + SCAN_INDEX_ROOM;
    for (; base + 64 <= text.len && at <= full; base += 64)
        at = take_block(at, _mm512_loadu_si512(text.at + base), (uint32_t)base, &carry,
                        &sum);
    if (base < text.len && at <= full) {
        uint64_t live = ((uint64_t)1 << (text.len - base)) - 1;
        at = take_block(at, _mm512_mask_loadu_epi8(space, live, text.at + base),
                        (uint32_t)base, &carry, &sum);
    }
    if (_mm512_cmplt_epu8_mask(sum.least, space) != 0) {
        /* control characters, line ends perhaps: in strings? */
        scan_index_portable(index, text);
        return;
    }
    index->count = (uint32_t)(at - index->at);
    index->escapes = sum.backslash != 0;
    index->control = false;
    index->ascii = _mm512_movepi8_mask(sum.any) == 0;
    index->whole = index->count <= SCAN_INDEX_ROOM && carry.inside == 0;
}
#endif
