/* kernel/mask: byte masks, validity bitmaps, and row numbers out of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kernel.h"

void weir_mask_valid(uint8_t *restrict mask, const uint8_t *restrict valid, size_t count)
{
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        for (size_t bit = 0; bit < 8; bit++)
            mask[i + bit] &= (uint8_t)(valid[i >> 3] >> bit & 1);
    for (; i < count; i++)
        mask[i] &= (uint8_t)(valid[i >> 3] >> (i & 7) & 1);
}

void weir_mask_or(uint8_t *restrict a, const uint8_t *restrict b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] |= b[i];
}

void weir_mask_not(uint8_t *a, size_t count)
{
    for (size_t i = 0; i < count; i++)
        a[i] ^= 1;
}

void weir_bits_and(const uint8_t *a, const uint8_t *b, size_t bytes, uint8_t *restrict out)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = a[i] & b[i];
}

size_t weir_select_all(const uint8_t *restrict mask, size_t count, uint32_t *restrict out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        out[kept] = (uint32_t)i;
        kept += mask[i];
    }
    return kept;
}

size_t weir_select_some(const uint8_t *mask, const uint32_t *sel, size_t count, uint32_t *out)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t row = sel[i];
        out[kept] = row;
        kept += mask[row];
    }
    return kept;
}
