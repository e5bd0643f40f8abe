/* kernel/text: is a text one of a few known ones?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "weir/kernel.h"

void weir_text_needle_init(weir_text_needle *needle, const char *at, uint32_t len)
{
    *needle = (weir_text_needle){.len = len, .at = at};
    if (len > 0)
        memcpy(&needle->head, at, len < 8 ? len : 8);
}

/* The first 8 bytes of a text, zeros behind a shorter one. May read up to 8 bytes from
   `at` when they are inside the column's bytes (before `end`). */
static inline uint64_t head_of(const char *at, uint32_t len, const char *end)
{
    uint64_t head = 0;
    if (end - at >= 8) {
        memcpy(&head, at, 8);
        if (len < 8)
            head &= ((uint64_t)1 << (8 * len)) - 1; /* little-endian */
    } else {
        for (uint32_t i = 0; i < len; i++)
            ((char *)&head)[i] = at[i];
    }
    return head;
}

void weir_text_in(const uint32_t *offsets, const char *bytes, size_t count,
                  const weir_text_needle *needle, size_t needles, uint8_t *restrict out)
{
    const char *end = bytes + offsets[count];
    for (size_t i = 0; i < count; i++) {
        const char *at = bytes + offsets[i];
        uint32_t    len = offsets[i + 1] - offsets[i];
        uint64_t    head = head_of(at, len, end);
        uint8_t     found = 0;
        for (size_t n = 0; n < needles; n++) {
            uint8_t same = (uint8_t)((head == needle[n].head) & (len == needle[n].len));
            if (same && len > 8)
                same = memcmp(at + 8, needle[n].at + 8, len - 8) == 0;
            found |= same;
        }
        out[i] = found;
    }
}
