/* codec/scan: single tokens: what kind a text is, and what text a string means.
 *
 * Gives      scan_token_of, scan_token_is, scan_unescape.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool is_word(const char *at, size_t len, const char *word, size_t word_len)
{
    return len == word_len && memcmp(at, word, word_len) == 0;
}

static uint8_t kind_of(const char *at, size_t len)
{
    switch (at[0]) {
    case '"':
        return len >= 2 && at[len - 1] == '"' ? SCAN_STRING : SCAN_JUNK;
    case 'n':
        return is_word(at, len, "null", 4) ? SCAN_NULL : SCAN_JUNK;
    case 't':
        return is_word(at, len, "true", 4) ? SCAN_TRUE : SCAN_JUNK;
    case 'f':
        return is_word(at, len, "false", 5) ? SCAN_FALSE : SCAN_JUNK;
    case '{':
        return at[len - 1] == '}' ? SCAN_OBJECT : SCAN_JUNK;
    case '[':
        return at[len - 1] == ']' ? SCAN_ARRAY : SCAN_JUNK;
    case '-':
        return SCAN_NUMBER;
    default:
        return at[0] >= '0' && at[0] <= '9' ? SCAN_NUMBER : SCAN_JUNK;
    }
}

scan_token scan_token_of(const char *at, const char *end, bool escapes)
{
    while (at < end && is_space(*at))
        at++;
    while (at < end && is_space(end[-1]))
        end--;
    if (at == end)
        return (scan_token){.at = at, .kind = SCAN_JUNK};
    scan_token token = {.at = at, .len = (uint32_t)(end - at), .escaped = escapes};
    token.kind = kind_of(at, token.len);
    if (token.kind == SCAN_STRING) {
        token.at++;
        token.len -= 2;
    }
    return token;
}

bool scan_token_is(const scan_token *token, const char *text)
{
    size_t len = strlen(text);
    return token->kind == SCAN_STRING && token->len == len &&
           memcmp(token->at, text, len) == 0;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits at `at`, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(at[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static char *put_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 0x3f));
        *out++ = (char)(0x80 | (point >> 6 & 0x3f));
        *out++ = (char)(0x80 | (point & 0x3f));
    }
    return out;
}

/* *at is behind "\u"; joins the halves of a pair. UINT32_MAX: no character. */
static uint32_t read_point(const char **at, const char *end)
{
    int32_t high = hex4(*at, end);
    if (high < 0)
        return UINT32_MAX;
    *at += 4;
    if (high < 0xd800 || high > 0xdfff)
        return (uint32_t)high;
    if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return UINT32_MAX;
    int32_t low = hex4(*at + 2, end);
    if (low < 0xdc00 || low > 0xdfff)
        return UINT32_MAX;
    *at += 6;
    return 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

static char plain_escape(char c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '/':
        return c;
    default:
        return 0;
    }
}

int64_t scan_unescape(const scan_token *token, char *out)
{
    const char *at = token->at;
    const char *end = at + token->len;
    char       *to = out;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t      plain = (size_t)((slash ? slash : end) - at);
        memmove(to, at, plain);
        to += plain;
        if (!slash)
            break;
        at = slash + 2;
        if (at > end)
            return -1;
        if (slash[1] == 'u') {
            uint32_t point = read_point(&at, end);
            if (point == UINT32_MAX)
                return -1;
            to = put_utf8(to, point);
        } else {
            *to = plain_escape(slash[1]);
            if (*to++ == 0)
                return -1;
        }
    }
    return to - out;
}
