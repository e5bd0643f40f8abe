/* codec/scan: the index in portable C: eight bytes at a time.
 *
 * Gives      scan_index_portable, scan_index_all, scan_index_best, scan_index_shallow.
 * Relies on  WEIR_RECORD_PAD readable bytes behind the text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan_index.h"
#include "scan/scan_word.h"

#define LOW 0x0101010101010101u
#define HIGH 0x8080808080808080u

/* The high bit of each byte of `word` that equals `byte`, others 0; exact. */
static inline uint64_t equal(uint64_t word, uint8_t byte)
{
    uint64_t x = word ^ LOW * byte;
    return ~(((x & ~HIGH) + ~HIGH) | x) & HIGH;
}

/* The high bits of eight bytes as eight bits, first byte lowest. */
static inline uint64_t gather(uint64_t high)
{
    return (high >> 7) * 0x0102040810204080u >> 56;
}

typedef struct block {
    uint64_t quote, backslash, structural, control, high;
} block;

static inline block read_block(const char *at)
{
    block b = {0};
    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = scan_word(at + 8 * i);
        uint64_t curly = word | LOW * 0x20;
        uint64_t low = ~(((word & ~HIGH) + LOW * 0x60) | word) & HIGH; /* < 0x20 */
        b.quote |= gather(equal(word, '"')) << 8 * i;
        b.backslash |= gather(equal(word, '\\')) << 8 * i;
        b.structural |= gather(equal(word, ':') | equal(curly, '{') | equal(curly, '}'))
                        << 8 * i;
        b.control |= gather(low) << 8 * i;
        b.high |= gather(word & HIGH) << 8 * i;
    }
    return b;
}

static inline uint64_t prefix_xor(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

void scan_index_portable(scan_index *index, weir_str text)
{
    scan_carry carry = {0, 0};
    uint64_t   backslashes = 0, control = 0, high = 0;
    index->count = 0;
    for (size_t base = 0; base < text.len && index->count <= SCAN_INDEX_ROOM; base += 64) {
        size_t   left = text.len - base;
        uint64_t live = left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0;
        block    b = read_block(text.at + base);
        backslashes |= b.backslash & live;
        uint64_t quote = b.quote & live;
        if (b.backslash | carry.escaped)
            quote &= ~scan_escaped(b.backslash, &carry.escaped);
        uint64_t inside = prefix_xor(quote) ^ carry.inside;
        carry.inside = inside >> 63 ? ~(uint64_t)0 : 0;
        control |= b.control & inside & live;
        high |= b.high & live;
        scan_index_put(index, b.structural & ~inside & live, (uint32_t)base);
    }
    index->escapes = backslashes != 0;
    index->control = control != 0;
    index->ascii = high == 0;
    index->whole = index->count <= SCAN_INDEX_ROOM && carry.inside == 0;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi2");
}

scan_index_fn *const *scan_index_all(void)
{
    static scan_index_fn *const all[] = {scan_index_avx512, scan_index_avx2,
                                         scan_index_portable, NULL};
    if (has_avx512())
        return all;
    return has_avx2() ? all + 1 : all + 2;
}
#else
scan_index_fn *const *scan_index_all(void)
{
    static scan_index_fn *const all[] = {scan_index_portable, NULL};
    return all;
}
#endif

scan_index_fn *scan_index_best(void)
{
    return *scan_index_all();
}

bool scan_index_shallow(const scan_index *index, const char *text, uint32_t depth_max)
{
    int64_t depth = 0;
    for (uint32_t i = 0; i < index->count; i++) {
        char c = text[index->at[i]];
        if (c == ':')
            continue;
        depth += (c | 0x20) == '{' ? 1 : -1;
        if (depth > (int64_t)depth_max)
            return false;
    }
    return true;
}
