/* codec/value: text and jsonb.
 *
 * A text column takes any value: a string's text, and of everything else the JSON text as
 * it stands. The readers saw to it that it is UTF-8.
 *
 * Gives      value_put_text, value_put_jsonb.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "value/value.h"

#include "weir/limits.h"

#include <string.h>

static bool too_long(const scan_token *token, value_fault *fault)
{
    return value_fail(fault, "LIMIT", "a value of %u bytes: at most %u are read",
                      token->len, WEIR_TEXT_BYTES_MAX);
}

static bool has_escapes(const scan_token *token)
{
    return token->kind == SCAN_STRING && token->escaped &&
           memchr(token->at, '\\', token->len);
}

/* varchar(n): spaces beyond it are cut off, as PostgreSQL does; other characters are too
   many. False: they are. */
static bool cut_to_length(uint32_t characters, const char *at, uint32_t *len)
{
    if (characters == 0 || *len <= characters)
        return true;
    uint32_t end = 0;
    for (uint32_t seen = 0; end < *len; end++) {
        if ((at[end] & 0xc0) != 0x80 && seen++ == characters)
            break;
    }
    for (uint32_t i = end; i < *len; i++) {
        if (at[i] != ' ')
            return false;
    }
    *len = end;
    return true;
}

bool value_put_text(weir_builder *builder, const value_rule *rule, const scan_token *token,
                    value_fault *fault)
{
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (token->kind == SCAN_JUNK)
        return value_mismatch(fault, rule, token);
    if (token->len > WEIR_TEXT_BYTES_MAX)
        return too_long(token, fault);
    char    *at = value_text_room(builder, token->len);
    uint32_t len = token->len;
    if (has_escapes(token)) {
        int64_t plain = scan_unescape(token, at);
        if (plain < 0)
            return value_fail(fault, "DECODE", "a broken escape in a string");
        len = (uint32_t)plain;
    } else {
        memcpy(at, token->at, len);
    }
    if (!cut_to_length(rule->type.length, at, &len))
        return value_fail(fault, "RANGE", "value too long for type character varying(%u)",
                          rule->type.length);
    weir_builder_text_end(builder, len);
    return true;
}

static bool checked(weir_builder *builder, const char *at, uint32_t len, value_fault *fault)
{
    const char *wrong = scan_check((weir_str){at, len}, WEIR_JSON_DEPTH_MAX);
    if (wrong)
        return value_fail(fault, "DECODE", "invalid input syntax for type json: %s", wrong);
    weir_builder_text_end(builder, len);
    return true;
}

/* Text that SQL reads as JSON later is validated now. */
bool value_put_jsonb(weir_builder *builder, const value_rule *rule, const scan_token *token,
                     value_fault *fault)
{
    if (token->kind <= SCAN_NULL)
        return value_put_null(builder, rule, fault);
    if (token->len > WEIR_TEXT_BYTES_MAX)
        return too_long(token, fault);
    bool string = token->kind == SCAN_STRING;
    if (string && rule->json_text) {
        char   *at = value_text_room(builder, token->len);
        int64_t plain = scan_unescape(token, at);
        if (plain < 0)
            return value_fail(fault, "DECODE", "a broken escape in a string");
        return checked(builder, at, (uint32_t)plain, fault);
    }
    const char *from = token->at - (string ? 1 : 0);
    uint32_t    len = token->len + (string ? 2 : 0);
    char       *at = value_text_room(builder, len);
    memcpy(at, from, len);
    return checked(builder, at, len, fault);
}
