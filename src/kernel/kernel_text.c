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

/* The first 8 bytes of a text of at most 8, zeros behind a shorter one. Reads 8 bytes from
   `at` when they are inside the column's bytes (before `end`). */
static inline uint64_t head_of(const char *at, uint32_t len, const char *end)
{
    static const uint64_t keep[] = {/* little-endian */
                                    0,
                                    0xff,
                                    0xffff,
                                    0xffffff,
                                    0xffffffff,
                                    0xffffffffff,
                                    0xffffffffffff,
                                    0xffffffffffffff,
                                    0xffffffffffffffff};
    uint64_t head = 0;
    if (end - at >= 8) {
        memcpy(&head, at, 8);
        return head & keep[len];
    }
    for (uint32_t i = 0; i < len; i++)
        ((char *)&head)[i] = at[i];
    return head;
}

static uint8_t long_text_in(const char *at, uint32_t len, const weir_text_needle *needle,
                            size_t needles)
{
    for (size_t n = 0; n < needles; n++)
        if (len == needle[n].len && memcmp(at, needle[n].at, len) == 0)
            return 1;
    return 0;
}

void weir_text_in(const uint32_t *offsets, const char *bytes, size_t count,
                  const weir_text_needle *needle, size_t needles, uint8_t *restrict out)
{
    const char *end = bytes + offsets[count];
    for (size_t i = 0; i < count; i++) {
        const char *at = bytes + offsets[i];
        uint32_t    len = offsets[i + 1] - offsets[i];
        if (len > 8) {
            out[i] = long_text_in(at, len, needle, needles);
            continue;
        }
        uint64_t head = head_of(at, len, end);
        uint8_t  found = 0;
        for (size_t n = 0; n < needles; n++)
            found |= (uint8_t)((head == needle[n].head) & (len == needle[n].len));
        out[i] = found;
    }
}
