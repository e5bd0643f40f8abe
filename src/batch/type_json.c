/* batch/type_json: the shape of JSON text (RFC 8259), without values.
 *
 * Iterative: the nesting is a stack of bits, at most WEIR_JSON_DEPTH_MAX deep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "weir/limits.h"
#include "weir/type.h"

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind an escape; `p` is behind its backslash. */
static const char *skip_escape(const char *p, const char *end)
{
    if (p == end)
        return NULL;
    if (*p != 'u')
        return *p != 0 && strchr("\"\\/bfnrt", *p) != NULL ? p + 1 : NULL;
    for (int i = 1; i <= 4; i++)
        if (end - p <= i || !is_hex(p[i]))
            return NULL;
    return p + 5;
}

/* Behind the closing quote; `p` is behind the opening one. */
static const char *skip_string(const char *p, const char *end)
{
    while (p < end && *p != '"') {
        if ((unsigned char)*p < 0x20)
            return NULL;
        p = *p == '\\' ? skip_escape(p + 1, end) : p + 1;
        if (p == NULL)
            return NULL;
    }
    return p < end ? p + 1 : NULL;
}

static const char *skip_digits(const char *p, const char *end)
{
    const char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p > start ? p : NULL;
}

static const char *skip_number(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (p < end && *p == '0')
        p++;
    else if ((p = skip_digits(p, end)) == NULL)
        return NULL;
    if (p < end && *p == '.' && (p = skip_digits(p + 1, end)) == NULL)
        return NULL;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        p = skip_digits(p, end);
    }
    return p;
}

static const char *skip_word(const char *p, const char *end)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(end - p) >= len && memcmp(p, words[i], len) == 0)
            return p + len;
    }
    return NULL;
}

static const char *skip_scalar(const char *p, const char *end)
{
    if (p == end)
        return NULL;
    if (*p == '"')
        return skip_string(p + 1, end);
    if (*p == '-' || (*p >= '0' && *p <= '9'))
        return skip_number(p, end);
    return skip_word(p, end);
}

/* "key" : */
static const char *skip_key(const char *p, const char *end)
{
    p = skip_blanks(p, end);
    if (p == end || *p != '"')
        return NULL;
    p = skip_string(p + 1, end);
    if (p == NULL)
        return NULL;
    p = skip_blanks(p, end);
    return p < end && *p == ':' ? p + 1 : NULL;
}

/* Behind a value: commas and closing brackets, up to where the next value begins.
   *depth becomes 0 when the outermost value ended. */
static const char *after_value(const char *p, const char *end, const bool *object,
                               uint32_t *depth)
{
    while (*depth > 0) {
        p = skip_blanks(p, end);
        if (p == end)
            return NULL;
        bool in_object = object[*depth - 1];
        if (*p == ',')
            return in_object ? skip_key(p + 1, end) : p + 1;
        if (*p != (in_object ? '}' : ']'))
            return NULL;
        p++;
        (*depth)--;
    }
    return p;
}

const char *weir_json_skip(const char *at, const char *end)
{
    bool     object[WEIR_JSON_DEPTH_MAX];
    uint32_t depth = 0;
    const char *p = at;
    do {
        p = skip_blanks(p, end);
        if (p == end)
            return NULL;
        if (*p == '{' || *p == '[') {
            if (depth == WEIR_JSON_DEPTH_MAX)
                return NULL;
            bool is_object = *p == '{';
            object[depth++] = is_object;
            p = skip_blanks(p + 1, end);
            if (p < end && *p == (is_object ? '}' : ']')) {
                depth--;
                p = after_value(p + 1, end, object, &depth);
            } else if (is_object) {
                p = skip_key(p, end);
            }
        } else {
            p = skip_scalar(p, end);
            if (p != NULL)
                p = after_value(p, end, object, &depth);
        }
    } while (p != NULL && depth > 0);
    return p == NULL ? NULL : skip_blanks(p, end);
}

bool weir_json_valid(weir_str text)
{
    return text.at != NULL && weir_json_skip(text.at, text.at + text.len) == text.at + text.len;
}
