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

TARGET static inline uint64_t bits_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32;
}

TARGET static inline uint64_t equal(__m256i low, __m256i high, char byte)
{
    __m256i all = _mm256_set1_epi8(byte);
    return bits_of(_mm256_cmpeq_epi8(low, all), _mm256_cmpeq_epi8(high, all));
}

/* Of `{}[]:`: a table by the low four bits of what equals itself with 0x20 set. */
TARGET static inline __m256i structural(__m256i v)
{
    const __m256i table =
        _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', 0, '}', 0, 0, 0, 0, 0, 0,
                         0, 0, 0, 0, 0, 0, ':', '{', 0, '}', 0, 0);
    __m256i curly = _mm256_or_si256(v, _mm256_set1_epi8(0x20));
    return _mm256_cmpeq_epi8(_mm256_shuffle_epi8(table, v), curly);
}

TARGET static inline __m256i control(__m256i v)
{
    __m256i last = _mm256_set1_epi8(0x1f);
    return _mm256_cmpeq_epi8(_mm256_max_epu8(v, last), last);
}

TARGET static inline uint64_t prefix_xor(uint64_t bits)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)bits),
                                           _mm_set1_epi8((char)0xff), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

TARGET void scan_index_avx2(scan_index *index, weir_str text)
{
    scan_carry carry = {0, 0};
    uint64_t   backslashes = 0, controls = 0;
    uint64_t   high_bits = 0;
    index->count = 0;
    for (size_t base = 0; base < text.len && index->count <= SCAN_INDEX_ROOM; base += 64) {
        size_t   left = text.len - base;
        uint64_t live = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        __m256i  low = _mm256_loadu_si256((const __m256i *)(text.at + base));
        __m256i  high = _mm256_loadu_si256((const __m256i *)(text.at + base + 32));
        uint64_t backslash = equal(low, high, '\\');
        uint64_t quote = equal(low, high, '"') & live;
        if (__builtin_expect((backslash | carry.escaped) != 0, 0)) {
            backslashes |= backslash & live;
            quote &= ~scan_escaped(backslash, &carry.escaped);
        }
        uint64_t inside = prefix_xor(quote) ^ carry.inside;
        carry.inside = (uint64_t)((int64_t)inside >> 63);
        controls |= bits_of(control(low), control(high)) & inside & live;
        high_bits |= bits_of(low, high) & live;
        uint64_t found = bits_of(structural(low), structural(high)) & ~inside & live;
        scan_index_put(index, found, (uint32_t)base);
    }
    index->escapes = backslashes != 0;
    index->control = controls != 0;
    index->ascii = high_bits == 0;
    index->whole = index->count <= SCAN_INDEX_ROOM && carry.inside == 0;
}
#endif
