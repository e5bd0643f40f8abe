/* codec/scan: the index for AVX2: 64 bytes at a time, as simdjson's first stage does it.
 *
 * Gives      scan_index_avx2. The same as scan_index_portable, which a test compares.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan_index.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2,bmi,bmi2,pclmul,popcnt,lzcnt")))
#define INLINE TARGET static inline __attribute__((always_inline))

INLINE uint64_t bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

INLINE uint64_t equal(__m256i low, __m256i high, char byte)
{
    __m256i all = _mm256_set1_epi8(byte);
    return bits_of(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
}

/* Of `{}[]:`: a table by the low four bits of what equals itself with 0x20 set. */
INLINE __m256i structural(__m256i v)
{
    const __m256i table =
        _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', 0, '}', 0, 0, 0, 0, 0, 0,
                         0, 0, 0, 0, 0, 0, ':', '{', 0, '}', 0, 0);
    __m256i curly = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, v), curly);
}

INLINE uint64_t prefix_xor(uint64_t bits)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits),
                                           _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

/* Behind the text: spaces. */
INLINE __m256i cut(__m256i v, size_t left)
{
    const __m256i place =
        _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18,
                         19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    __m256i live =
        _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(left > 32 ? 32 : left)), place);
    return _mm256_blendv_epi8(_mm256_set1_epi8(' '), v, live);
}

/* Six at once: few blocks have more, and a fixed number needs no guess. */
INLINE uint32_t *put(uint32_t *at, uint64_t bits, uint32_t base)
{
    uint32_t count = (uint32_t)_mm_popcnt_u64(bits);
    for (uint32_t done = 0;; done += 6) {
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++) {
            at[done + (uint32_t)i] = base + (uint32_t)_tzcnt_u64(bits);
            bits = _blsr_u64(bits);
        }
        if (__builtin_expect(done + 6 >= count, 1))
            return at + count;
    }
}

typedef struct sums { /* over all bytes */
    __m256i  least, any;
    uint64_t backslash;
} sums;

INLINE uint32_t *take_block(uint32_t *at, const __m256i v[2], uint32_t base,
                            scan_carry *carry, sums *sum)
{
    sum->least = _mm256_min_epu8(sum->least, _mm256_min_epu8(v[0], v[1]));
    sum->any = _mm256_or_si256(sum->any, _mm256_or_si256(v[0], v[1]));
    uint64_t quote = equal(v[0], v[1], '"');
    uint64_t backslash = equal(v[0], v[1], '\\');
    if (__builtin_expect((backslash | carry->escaped) != 0, 0)) {
        sum->backslash |= backslash;
        quote &= ~scan_escaped(backslash, &carry->escaped);
    }
    uint64_t inside = prefix_xor(quote) ^ carry->inside;
    carry->inside = (uint64_t)((int64_t)inside >> 63);
    return put(at, bits_of(structural(v[0]), structural(v[1])) & ~inside, base);
}

TARGET void scan_index_avx2(scan_index *index, weir_str text)
{
    scan_carry carry = {0, 0};
    sums       sum = {_mm256_set1_epi8(' '), _mm256_setzero_si256(), 0};
    size_t     base = 0;
    uint32_t  *at = index->at;
    uint32_t  *full = at + SCAN_INDEX_ROOM;
    for (; base + 64 <= text.len && at <= full; base += 64) {
        const __m256i *from = (const __m256i *)(text.at + base);
        __m256i        v[2] = {_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)};
        at = take_block(at, v, (uint32_t)base, &carry, &sum);
    }
    if (base < text.len && at <= full) {
        const __m256i *from = (const __m256i *)(text.at + base);
        size_t         left = text.len - base;
        __m256i        v[2] = {cut(_mm256_loadu_si256(from), left),
                               cut(_mm256_loadu_si256(from + 1), left > 32 ? left - 32 : 0)};
        at = take_block(at, v, (uint32_t)base, &carry, &sum);
    }
    __m256i space = _mm256_set1_epi8(' ');
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(sum.least, space), space)) !=
        -1) { /* control characters, line ends perhaps: in strings? */
        scan_index_portable(index, text);
        return;
    }
    index->count = (uint32_t)(at - index->at);
    index->escapes = sum.backslash != 0;
    index->control = false;
    index->ascii = _mm256_movemask_epi8(sum.any) == 0;
    index->whole = index->count <= SCAN_INDEX_ROOM && carry.inside == 0;
}
#endif
