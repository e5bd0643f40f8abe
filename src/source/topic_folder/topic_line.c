/* source/topic_folder/topic_line: one line of an embedded topic, parsed where it stands.
 *
 * A scanner of its own because a JSON tree costs ten times as much as everything else that
 * happens to a record here. Unescaped text is never longer than escaped text, so it is
 * written over it, behind the point that was read last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "topic_line.h"

#include <string.h>

#include "weir/arena.h"
#include "weir/error.h"
#include "weir/limits.h"

typedef struct cursor {
    char       *at;
    char       *end;
    const char *problem;
} cursor;

/* A byte string of the line, and whether it came as base64. */
typedef struct field {
    weir_str text;
    weir_str base64;
    bool     null;
} field;

static bool fault(cursor *in, const char *problem)
{
    if (!in->problem)
        in->problem = problem;
    return false;
}

static void blank(cursor *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t' || *in->at == '\r'))
        in->at++;
}

static bool take(cursor *in, char what)
{
    blank(in);
    if (in->at >= in->end || *in->at != what)
        return false;
    in->at++;
    return true;
}

/* Of eight bytes: how many stand before the first quote or backslash, 8 when none is. */
static unsigned plain_bytes(uint64_t eight)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "counts from the low end");
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = eight ^ (ones * '"'), slash = eight ^ (ones * '\\');
    uint64_t hit = (((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & tops;
    return hit ? (unsigned)__builtin_ctzll(hit) / 8 : 8;
}

static bool hex4(const cursor *in, const char *at, uint32_t *out)
{
    if (in->end - at < 4)
        return false;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A') + 10
                                                : 16;
        if (digit == 16)
            return false;
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

static char *put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xC0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *to++ = (char)(0xE0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    } else {
        *to++ = (char)(0xF0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3F));
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    }
    return to;
}

/* Behind "\u"; a half of a surrogate pair alone becomes U+FFFD. */
static bool unescape_unicode(cursor *in, char **to)
{
    uint32_t high = 0, low = 0;
    if (!hex4(in, in->at, &high))
        return fault(in, "a \\u escape without four hex digits");
    in->at += 4;
    if (high >= 0xD800 && high < 0xDC00 && in->end - in->at >= 6 && in->at[0] == '\\' &&
        in->at[1] == 'u' && hex4(in, in->at + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        in->at += 6;
        high = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    } else if (high >= 0xD800 && high < 0xE000) {
        high = 0xFFFD;
    }
    *to = put_utf8(*to, high);
    return true;
}

static bool unescape(cursor *in, char **to)
{
    if (in->at >= in->end)
        return fault(in, "a string without its end");
    char c = *in->at++;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        break;
    case 'n':
        c = '\n';
        break;
    case 't':
        c = '\t';
        break;
    case 'r':
        c = '\r';
        break;
    case 'b':
        c = '\b';
        break;
    case 'f':
        c = '\f';
        break;
    case 'u':
        return unescape_unicode(in, to);
    default:
        return fault(in, "an unknown escape in a string");
    }
    *(*to)++ = c;
    return true;
}

/* Behind the opening quote. Reads eight bytes at a time, so up to 7 behind the line's end;
   writes them too, but only over bytes already read or that it puts back unchanged. */
static bool string(cursor *in, weir_str *out)
{
    char *from = in->at, *to = in->at;
    while (in->at < in->end) {
        uint64_t eight;
        memcpy(&eight, in->at, 8);
        unsigned plain = plain_bytes(eight);
        if (to == in->at || in->at - to >= 8)
            memcpy(to, &eight, 8);
        else
            memmove(to, in->at, plain);
        in->at += plain;
        to += plain;
        if (plain == 8)
            continue;
        if (in->at >= in->end)
            break;
        char c = *in->at++;
        if (c == '"') {
            *out = (weir_str){from, (size_t)(to - from)};
            return true;
        }
        if (c != '\\')
            *to++ = c;
        else if (!unescape(in, &to))
            return false;
    }
    return fault(in, "a string without its end");
}

/* Passes over a string without touching it; behind the opening quote. */
static bool pass_string(cursor *in)
{
    for (; in->at < in->end; in->at++) {
        if (*in->at == '"') {
            in->at++;
            return true;
        }
        if (*in->at == '\\')
            in->at++;
    }
    return fault(in, "a string without its end");
}

static bool pass_word(cursor *in)
{
    char *from = in->at;
    while (in->at < in->end && ((*in->at >= '0' && *in->at <= '9') ||
                                (*in->at >= 'a' && *in->at <= 'z') || *in->at == 'E' ||
                                *in->at == '+' || *in->at == '-' || *in->at == '.'))
        in->at++;
    return in->at > from || fault(in, "a value is missing");
}

/* Passes over any value; brackets are only counted, not matched by kind. */
static bool pass_value(cursor *in)
{
    unsigned depth = 0;
    do {
        blank(in);
        if (in->at >= in->end)
            return fault(in, "the line ends inside a value");
        char c = *in->at;
        if (c == '{' || c == '[') {
            if (++depth > WEIR_JSON_DEPTH_MAX)
                return fault(in, "nested too deep");
            in->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return fault(in, "a value is missing");
            depth--;
            in->at++;
        } else if (c == '"') {
            in->at++;
            if (!pass_string(in))
                return false;
        } else if (depth > 0 && (c == ',' || c == ':')) {
            in->at++;
        } else if (!pass_word(in)) {
            return false;
        }
    } while (depth > 0);
    return true;
}

static bool is_null(const cursor *in)
{
    return in->end - in->at >= 4 && memcmp(in->at, "null", 4) == 0;
}

/* A string, null, or any other JSON value as its own text. */
static bool text_value(cursor *in, weir_str *out, bool *null)
{
    blank(in);
    *null = false;
    if (take(in, '"'))
        return string(in, out);
    char *from = in->at;
    *null = is_null(in);
    if (!pass_value(in))
        return false;
    *out = *null ? (weir_str){0} : (weir_str){from, (size_t)(in->at - from)};
    return true;
}

static bool number(cursor *in, int64_t *out)
{
    blank(in);
    char *from = in->at;
    if (!pass_word(in))
        return false;
    weir_str text = {from, (size_t)(in->at - from)};
    if (weir_str_is(text, "null"))
        return true;
    return weir_str_to_i64(text, out) || fault(in, "a number is not an integer of 64 bits");
}

/* Decodes base64 over its own text. */
static bool settle(topic_line_parser *parser, cursor *in, field *what, weir_str *out)
{
    *out = what->null ? (weir_str){0} : what->text;
    if (!what->base64.at)
        return true;
    weir_buf_clear(parser->scratch);
    if (!weir_buf_unbase64(parser->scratch, what->base64))
        return fault(in, "a _b64 field is not base64");
    weir_assert(parser->scratch->len <= what->base64.len);
    if (parser->scratch->len > 0)
        memcpy((char *)what->base64.at, parser->scratch->at, parser->scratch->len);
    *out = (weir_str){what->base64.at, parser->scratch->len};
    return true;
}

static weir_header *one_more(topic_headers *pool)
{
    if (pool->count == pool->room) {
        uint32_t room = pool->room ? pool->room * 2 : 64;
        pool->at = weir_heap_grow(pool->at, pool->room, room, sizeof *pool->at);
        pool->room = room;
    }
    return &pool->at[pool->count++];
}

/* The name of a field, behind `{` or `,`; *more is false at the end of the object. */
static bool next_name(cursor *in, bool first, weir_str *name, bool *more)
{
    *more = !take(in, '}');
    if (!*more)
        return true;
    if (!first && !take(in, ','))
        return fault(in, "a comma is missing");
    if (!take(in, '"') || !string(in, name))
        return fault(in, "the name of a field is missing");
    return take(in, ':') || fault(in, "a colon is missing");
}

static bool header(topic_line_parser *parser, cursor *in)
{
    weir_str name, key = {0};
    field value = {.null = true};
    bool null = false;
    if (!take(in, '{'))
        return fault(in, "a header is not an object");
    for (bool first = true, more = true;; first = false) {
        if (!next_name(in, first, &name, &more))
            return false;
        if (!more)
            break;
        bool fine = weir_str_is(name, "key")         ? text_value(in, &key, &null)
                    : weir_str_is(name, "value")     ? text_value(in, &value.text, &value.null)
                    : weir_str_is(name, "value_b64") ? text_value(in, &value.base64, &null)
                                                     : pass_value(in);
        if (!fine)
            return false;
    }
    weir_header made = {.name = key};
    if (!settle(parser, in, &value, &made.value))
        return false;
    *one_more(parser->pool) = made;
    return true;
}

static bool headers(topic_line_parser *parser, cursor *in, topic_line *out)
{
    blank(in);
    if (!parser->headers || is_null(in))
        return pass_value(in);
    if (!take(in, '['))
        return fault(in, "'headers' is not an array");
    if (take(in, ']'))
        return true;
    do {
        if (!header(parser, in))
            return false;
        out->headers++;
    } while (take(in, ','));
    return take(in, ']') || fault(in, "'headers' has no end");
}

static bool one_field(topic_line_parser *parser, cursor *in, weir_str name, topic_line *out,
                      field *key, field *value)
{
    bool null = false;
    if (weir_str_is(name, "value"))
        return text_value(in, &value->text, &value->null);
    if (weir_str_is(name, "key"))
        return text_value(in, &key->text, &key->null);
    if (weir_str_is(name, "value_b64"))
        return text_value(in, &value->base64, &null);
    if (weir_str_is(name, "key_b64"))
        return text_value(in, &key->base64, &null);
    if (weir_str_is(name, "offset"))
        return number(in, &out->offset);
    if (weir_str_is(name, "timestamp"))
        return number(in, &out->timestamp_us);
    if (weir_str_is(name, "headers"))
        return headers(parser, in, out);
    return pass_value(in);
}

static bool whole_line(topic_line_parser *parser, cursor *in, topic_line *out)
{
    field key = {.null = true}, value = {.null = true};
    if (!take(in, '{'))
        return fault(in, "it does not start with '{'");
    for (bool first = true;; first = false) {
        weir_str name = {0};
        bool more = true;
        if (!next_name(in, first, &name, &more))
            return false;
        if (!more)
            break;
        if (!one_field(parser, in, name, out, &key, &value))
            return false;
    }
    blank(in);
    if (in->at != in->end)
        return fault(in, "there is something behind its last '}'");
    if (!settle(parser, in, &key, &out->key) || !settle(parser, in, &value, &out->value))
        return false;
    if (out->offset < TOPIC_LINE_NO_OFFSET)
        return fault(in, "its offset is negative");
    if (out->timestamp_us != INT64_MIN &&
        __builtin_mul_overflow(out->timestamp_us, 1000, &out->timestamp_us))
        return fault(in, "its timestamp is out of range");
    return true;
}

const char *topic_line_parse(topic_line_parser *parser, char *at, size_t len,
                             topic_line *out)
{
    cursor in = {.at = at, .end = at + len};
    *out = (topic_line){.offset = TOPIC_LINE_NO_OFFSET, .timestamp_us = INT64_MIN,
                        .first_header = parser->pool->count};
    uint32_t before = parser->pool->count;
    if (whole_line(parser, &in, out))
        return NULL;
    parser->pool->count = before;
    return in.problem ? in.problem : "it is not a JSON object";
}

int64_t topic_line_offset(const char *at, size_t len)
{
    /* Tools put it first, where it is found without looking at the rest. */
    cursor in = {.at = (char *)at, .end = (char *)at + len};
    int64_t offset = TOPIC_LINE_NO_OFFSET;
    if (!take(&in, '{'))
        return TOPIC_LINE_NO_OFFSET;
    do {
        blank(&in);
        char *name = in.at + 1;
        if (!take(&in, '"') || !pass_string(&in) || in.at - name < 1)
            return TOPIC_LINE_NO_OFFSET;
        bool found = weir_str_is((weir_str){name, (size_t)(in.at - 1 - name)}, "offset");
        if (!take(&in, ':'))
            return TOPIC_LINE_NO_OFFSET;
        if (found)
            return number(&in, &offset) ? offset : TOPIC_LINE_NO_OFFSET;
        if (!pass_value(&in))
            return TOPIC_LINE_NO_OFFSET;
    } while (take(&in, ','));
    return TOPIC_LINE_NO_OFFSET;
}
