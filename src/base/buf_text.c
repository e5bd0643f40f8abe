/* base/buf_text: bytes as JSON text, hexadecimal and base64.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/buf.h"

#include <string.h>

#include "weir/error.h"

#include "str_utf8.h"

static const char hex_digits[] = "0123456789abcdef";

/* The letter of a short escape, or 0. */
static char short_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
        return c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return 0;
    }
}

static void json_escape(weir_buf *buf, char c)
{
    char letter = short_escape(c);
    if (letter != 0) {
        char two[2] = {'\\', letter};
        weir_buf_add(buf, two, sizeof two);
        return;
    }
    unsigned char byte = (unsigned char)c;
    char six[6] = {'\\', 'u', '0', '0', hex_digits[byte >> 4], hex_digits[byte & 15]};
    weir_buf_add(buf, six, sizeof six);
}

static bool is_plain(char c)
{
    unsigned char byte = (unsigned char)c;
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

void weir_buf_json_text(weir_buf *buf, weir_str text)
{
    size_t i = 0;
    weir_buf_byte(buf, '"');
    while (i < text.len) {
        size_t from = i;
        while (i < text.len && is_plain(text.at[i]))
            i++;
        weir_buf_add(buf, text.at + from, i - from);
        if (i == text.len)
            break;
        if ((unsigned char)text.at[i] < 0x80) {
            json_escape(buf, text.at[i++]);
            continue;
        }
        size_t len = str_utf8_len(text.at + i, text.len - i);
        if (len == 0)
            weir_buf_add(buf, "\xEF\xBF\xBD", 3); /* U+FFFD */
        else
            weir_buf_add(buf, text.at + i, len);
        i += len > 0 ? len : 1;
    }
    weir_buf_byte(buf, '"');
}

void weir_buf_hex(weir_buf *buf, const void *bytes, size_t len)
{
    const unsigned char *from = bytes;
    char                *to = weir_buf_more(buf, len * 2);
    for (size_t i = 0; i < len; i++) {
        to[2 * i] = hex_digits[from[i] >> 4];
        to[2 * i + 1] = hex_digits[from[i] & 15];
    }
    buf->len += len * 2;
}

void weir_buf_base64(weir_buf *buf, const void *bytes, size_t len)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < len; i += 3) {
        size_t   left = len - i;
        uint32_t three = (uint32_t)from[i] << 16;
        if (left > 1)
            three |= (uint32_t)from[i + 1] << 8;
        if (left > 2)
            three |= from[i + 2];
        char four[4] = {letters[three >> 18], letters[(three >> 12) & 63], '=', '='};
        if (left > 1)
            four[2] = letters[(three >> 6) & 63];
        if (left > 2)
            four[3] = letters[three & 63];
        weir_buf_add(buf, four, sizeof four);
    }
}

/* 0 to 63, or -1. */
static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

/* Padding, when there is any, fills the last four. */
static bool take_padding(weir_str *text)
{
    size_t padding = 0;
    while (padding < text->len && text->at[text->len - 1 - padding] == '=')
        padding++;
    if (padding == 0)
        return true;
    if (padding > 2 || text->len % 4 != 0)
        return false;
    text->len -= padding;
    return true;
}

/* One alphabet: '+' and '-' or '/' and '_' do not mix. */
static bool is_mixed(weir_str text)
{
    bool standard = false;
    bool url = false;
    for (size_t i = 0; i < text.len; i++) {
        standard |= text.at[i] == '+' || text.at[i] == '/';
        url |= text.at[i] == '-' || text.at[i] == '_';
    }
    return standard && url;
}

bool weir_buf_unbase64(weir_buf *buf, weir_str text)
{
    if (!take_padding(&text) || text.len % 4 == 1 || is_mixed(text))
        return false;
    size_t   len = 0;
    unsigned bits = 0;
    uint32_t word = 0;
    char    *to = weir_buf_more(buf, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        int value = base64_value(text.at[i]);
        if (value < 0)
            return false;
        word = word << 6 | (uint32_t)value;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            to[len++] = (char)(uint8_t)(word >> bits);
        }
    }
    if ((word & ((1u << bits) - 1)) != 0)
        return false; /* bits that no encoder writes */
    buf->len += len;
    return true;
}
