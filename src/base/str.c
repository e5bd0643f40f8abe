/* base/str: questions about views of bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/str.h"

#include <string.h>

#include "weir/arena.h"
#include "weir/error.h"

#include "str_utf8.h"

#define NAME_MAX_BYTES 64 /* longer names are never near to anything */

weir_str weir_str_of(const char *text)
{
    return (weir_str){text, text != NULL ? strlen(text) : 0};
}

bool weir_str_eq(weir_str a, weir_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

bool weir_str_is(weir_str a, const char *text)
{
    return weir_str_eq(a, weir_str_of(text));
}

int weir_str_cmp(weir_str a, weir_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int    order = len > 0 ? memcmp(a.at, b.at, len) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

bool weir_str_starts(weir_str a, const char *prefix)
{
    size_t len = strlen(prefix);
    return a.len >= len && (len == 0 || memcmp(a.at, prefix, len) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

weir_str weir_str_trim_space(weir_str a)
{
    while (a.len > 0 && is_space(a.at[0])) {
        a.at++;
        a.len--;
    }
    while (a.len > 0 && is_space(a.at[a.len - 1]))
        a.len--;
    return a;
}

weir_str weir_str_copy(weir_arena *arena, weir_str a)
{
    if (a.at == NULL)
        return a;
    char *copy = weir_arena_take(arena, a.len + 1);
    memcpy(copy, a.at, a.len);
    copy[a.len] = '\0';
    return (weir_str){copy, a.len};
}

size_t str_utf8_len(const char *at, size_t left)
{
    const unsigned char *p = (const unsigned char *)at;
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t        len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    unsigned char least = 0x80;
    unsigned char most = 0xBF;
    if (p[0] < 0xC2 || p[0] > 0xF4 || left < len)
        return 0;
    if (p[0] == 0xE0)
        least = 0xA0; /* overlong */
    else if (p[0] == 0xED)
        most = 0x9F; /* surrogates */
    else if (p[0] == 0xF0)
        least = 0x90; /* overlong */
    else if (p[0] == 0xF4)
        most = 0x8F; /* above U+10FFFF */
    if (p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++)
        if (p[i] < 0x80 || p[i] > 0xBF)
            return 0;
    return len;
}

/* Bytes at the front that are ASCII, eight at a time. */
static size_t ascii_prefix(const char *at, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, at + i, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < len && (unsigned char)at[i] < 0x80)
        i++;
    return i;
}

bool weir_str_utf8(weir_str a)
{
    size_t i = 0;
    for (;;) {
        i += ascii_prefix(a.at + i, a.len - i);
        if (i == a.len)
            return true;
        size_t len = str_utf8_len(a.at + i, a.len - i);
        if (len == 0)
            return false;
        i += len;
    }
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Levenshtein's distance, one row at a time; both at most NAME_MAX_BYTES long. */
static size_t distance(weir_str a, weir_str b)
{
    size_t row[NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (lower(a.at[i - 1]) != lower(b.at[j - 1]));
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.len];
}

const char *weir_str_nearest(weir_str name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t      least = name.len / 3 > 2 ? name.len / 3 : 2;
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return NULL;
    if (least >= name.len)
        least = name.len - 1; /* at least one character is the same */
    for (size_t i = 0; i < count; i++) {
        weir_str other = weir_str_of(names[i]);
        if (other.len == 0 || other.len > NAME_MAX_BYTES)
            continue;
        size_t far = distance(name, other);
        if (far <= least && (nearest == NULL || far < least)) {
            least = far;
            nearest = names[i];
        }
    }
    return nearest;
}
