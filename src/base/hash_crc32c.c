/* base/hash_crc32c: CRC-32C (Castagnoli) by the processor's own instruction, else by table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/hash.h"

#include <string.h>

#include "hash_crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#ifndef HWCAP_CRC32
#define HWCAP_CRC32 (1 << 7)
#endif
#endif

uint32_t hash_crc32c_plain(uint32_t crc, const unsigned char *at, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        crc = (crc >> 4) ^ table[crc & 15];
        crc = (crc >> 4) ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) static uint32_t by_processor(uint32_t             crc,
                                                               const unsigned char *at,
                                                               size_t               len)
{
    uint64_t wide = crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}

static bool processor_can(void)
{
    return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__)

__attribute__((target("+crc"))) static uint32_t by_processor(uint32_t             crc,
                                                             const unsigned char *at,
                                                             size_t               len)
{
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; len > 0; at++, len--)
        crc = __crc32cb(crc, *at);
    return crc;
}

static bool processor_can(void)
{
    return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

#else

static uint32_t by_processor(uint32_t crc, const unsigned char *at, size_t len)
{
    return hash_crc32c_plain(crc, at, len);
}

static bool processor_can(void)
{
    return false;
}

#endif

uint32_t weir_crc32c(uint32_t crc, weir_str bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    if (processor_can())
        return ~by_processor(~crc, at, bytes.len);
    return ~hash_crc32c_plain(~crc, at, bytes.len);
}
