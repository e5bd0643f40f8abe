/* codec/value: bytea, from base64 or hex.
 *
 * Gives      value_put_bytea, value_unbase64.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value.h"

#include "weir/limits.h"

#include <string.h>

static uint8_t sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint8_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint8_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0' + 52);
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : 0xff;
}

int64_t value_unbase64(weir_str text, uint8_t *out, size_t room)
{
    size_t len = text.len;
    for (int pads = 0; len > 0 && len % 4 != 1 && text.at[len - 1] == '=' && pads < 2;
         pads++)
        len--;
    if (len != text.len && text.len % 4 != 0)
        return -1;
    if (len % 4 == 1 || len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0) > room)
        return -1;
    uint8_t *to = out;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t six = sextet(text.at[i]);
        if (six == 0xff)
            return -1;
        bits = bits << 6 | six;
        if (i % 4 == 1)
            *to++ = (uint8_t)(bits >> 4);
        else if (i % 4 == 2)
            *to++ = (uint8_t)(bits >> 2);
        else if (i % 4 == 3)
            *to++ = (uint8_t)bits;
    }
    unsigned rest = len % 4 == 2 ? bits & 0xf : len % 4 == 3 ? bits & 3 : 0;
    return rest ? -1 : to - out; /* bits that belong to no byte are 0 */
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int64_t unhex(weir_str text, uint8_t *out)
{
    if (text.len % 2)
        return -1;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = nibble(text.at[i]);
        int low = nibble(text.at[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (int64_t)(text.len / 2);
}

bool value_put_bytea(weir_builder *builder, const value_rule *rule, const scan_token *token,
                     value_fault *fault)
{
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (token->kind != SCAN_STRING)
        return value_mismatch(fault, rule, token);
    if (rule->binary == VALUE_UNSAID)
        return value_unsaid(fault, rule, "binary_encoding");
    if (token->len > 2 * WEIR_TEXT_BYTES_MAX)
        return value_fail(fault, "LIMIT", "a value of more than %u bytes",
                          WEIR_TEXT_BYTES_MAX);
    uint8_t *at = (uint8_t *)value_text_room(builder, token->len);
    weir_str text = {token->at, token->len};
    if (token->escaped) { /* "\/" is a way to write a slash */
        int64_t plain = scan_unescape(token, (char *)at);
        text = (weir_str){(char *)at, plain < 0 ? 0 : (size_t)plain};
        if (plain < 0)
            return value_mismatch(fault, rule, token);
    }
    int64_t len =
        rule->binary == VALUE_HEX ? unhex(text, at) : value_unbase64(text, at, token->len);
    if (len < 0)
        return value_mismatch(fault, rule, token);
    weir_builder_text_end(builder, (uint32_t)len);
    return true;
}
