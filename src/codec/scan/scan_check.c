/* codec/scan: is a text valid JSON? All of it, by RFC 8259, without recursion.
 *
 * Gives      scan_check.
 * Always     1. `open` has one bit for each open container, 1 for an object.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan.h"
#include "scan/scan_simdjson.h"

#include "weir/error.h"
#include "weir/limits.h"

#include <string.h>

typedef struct checker {
    const char *at;
    const char *end;
    uint64_t    open;
    uint32_t    depth, depth_max;
    const char *wrong;
} checker;

_Static_assert(WEIR_JSON_DEPTH_MAX <= 64, "one bit of `open` each");

static char peek(checker *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
        c->at++;
    return c->at < c->end ? *c->at : 0;
}

static bool fail(checker *c, const char *why)
{
    c->wrong = why;
    return false;
}

static bool check_escape(checker *c)
{
    if (c->at == c->end)
        return fail(c, "a string does not end");
    char kind = *c->at++;
    if (kind != 'u')
        return strchr("\"\\/bfnrt", kind) && kind ? true : fail(c, "a broken escape");
    for (int i = 0; i < 4; i++, c->at++) {
        if (c->at == c->end || !*c->at || !strchr("0123456789abcdefABCDEF", *c->at))
            return fail(c, "a broken escape");
    }
    return true;
}

static bool check_string(checker *c)
{
    c->at++;
    while (c->at < c->end) {
        char byte = *c->at++;
        if (byte == '"')
            return true;
        if ((uint8_t)byte < 0x20)
            return fail(c, "a control character in a string");
        if (byte == '\\' && !check_escape(c))
            return false;
    }
    return fail(c, "a string does not end");
}

static bool digits(checker *c)
{
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
        c->at++;
    return c->at > from;
}

static bool check_number(checker *c)
{
    if (*c->at == '-')
        c->at++;
    if (c->at < c->end && *c->at == '0')
        c->at++;
    else if (!digits(c))
        return fail(c, "not a JSON value");
    if (c->at < c->end && *c->at == '.') {
        c->at++;
        if (!digits(c))
            return fail(c, "a broken number");
    }
    if (c->at < c->end && (*c->at | 0x20) == 'e') {
        c->at++;
        if (c->at < c->end && (*c->at == '+' || *c->at == '-'))
            c->at++;
        if (!digits(c))
            return fail(c, "a broken number");
    }
    return true;
}

static bool check_word(checker *c, const char *word, size_t len)
{
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
        return fail(c, "not a JSON value");
    c->at += len;
    return true;
}

static bool check_scalar(checker *c)
{
    switch (peek(c)) {
    case '"':
        return check_string(c);
    case 't':
        return check_word(c, "true", 4);
    case 'f':
        return check_word(c, "false", 5);
    case 'n':
        return check_word(c, "null", 4);
    case 0:
        return fail(c, "the text ends too early");
    default:
        return check_number(c);
    }
}

static bool check_key(checker *c)
{
    if (peek(c) != '"')
        return fail(c, "a name is missing");
    if (!check_string(c))
        return false;
    if (peek(c) != ':')
        return fail(c, "a colon is missing");
    c->at++;
    return true;
}

/* Behind a value: closes what ends here. True when another value must follow. */
static bool after_value(checker *c)
{
    while (c->depth > 0) {
        bool object = c->open & 1;
        char next = peek(c);
        if (next == ',') {
            c->at++;
            return !object || check_key(c);
        }
        if (next != (object ? '}' : ']'))
            return fail(c, "a comma or a closing bracket is missing");
        c->at++;
        c->open >>= 1;
        c->depth--;
    }
    return false;
}

/* At '{' or '['. True when a value must follow; empty ones are closed at once. */
static bool enter(checker *c)
{
    bool object = *c->at++ == '{';
    if (c->depth == c->depth_max)
        return fail(c, "nested too deeply");
    if (peek(c) == (object ? '}' : ']')) {
        c->at++;
        return after_value(c);
    }
    c->depth++;
    c->open = c->open << 1 | object;
    return !object || check_key(c);
}

const char *scan_check(weir_str text, uint32_t depth_max)
{
    weir_assert(depth_max <= WEIR_JSON_DEPTH_MAX);
    if (!scan_simdjson_utf8(text))
        return "not UTF-8";
    checker c = {.at = text.at, .end = text.at + text.len, .depth_max = depth_max};
    bool    more = true;
    while (more) {
        char next = peek(&c);
        if (next == '{' || next == '[')
            more = enter(&c);
        else
            more = check_scalar(&c) && after_value(&c);
    }
    if (!c.wrong && (peek(&c) != 0 || c.at != c.end))
        return "something follows the value";
    return c.wrong;
}
