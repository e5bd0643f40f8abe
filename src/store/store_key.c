/* store/key: one key segment out of any text, by percent-encoding.
 *
 * Always     1. different texts give different segments.
 *            2. the segment is of [A-Za-z0-9_.=%-], not empty, not '.' and not '..'.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/store.h"

#include "weir/limits.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '=' || c == '-';
}

bool weir_key_segment(weir_buf *out, weir_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    weir_assert(out != NULL);
    weir_assert(text.at != NULL || text.len == 0);
    size_t before = out->len;
    if (text.len > WEIR_KEY_SEGMENT_MAX || text.len == 0)
        return false;
    bool dots = weir_str_is(text, ".") || weir_str_is(text, "..");
    bool ours = weir_str_starts(text, ".weir-"); /* names that stores keep to themselves */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.at[i];
        if (is_plain(text.at[i]) && !dots && !(ours && i == 0)) {
            weir_buf_byte(out, c);
            continue;
        }
        weir_buf_byte(out, '%');
        weir_buf_byte(out, (uint8_t)hex[c >> 4]);
        weir_buf_byte(out, (uint8_t)hex[c & 15]);
    }
    if (out->len - before <= WEIR_KEY_SEGMENT_MAX)
        return true;
    out->len = before;
    return false;
}
