/* op/expr_letter: upper and lower case, and LIKE.
 *
 * Letters are mapped one by one (Unicode's simple mapping, the C library's table of
 * C.UTF-8). The locale object is made once and never changed; without it only ASCII maps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wctype.h>

#include "expr/expr_run.h"

static pthread_once_t letters_once = PTHREAD_ONCE_INIT;
static locale_t       letters; /* (locale_t)0: the system has no C.UTF-8 */

static void make_letters(void)
{
    letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* Takes one character off the front; a byte that starts none is given as it is, negated. */
static int32_t take_character(const char **at, const char *end)
{
    const unsigned char *p = (const unsigned char *)*at;
    size_t  left = (size_t)(end - *at);
    size_t  len = *p < 0x80 ? 1 : *p >= 0xF0 ? 4 : *p >= 0xE0 ? 3 : *p >= 0xC0 ? 2 : 0;
    int32_t value = len == 1 ? *p : len == 2 ? *p & 0x1F : len == 3 ? *p & 0x0F : *p & 0x07;
    bool    good = len > 0 && len <= left;
    for (size_t i = 1; good && i < len; i++) {
        good = (p[i] & 0xC0) == 0x80;
        value = value << 6 | (p[i] & 0x3F);
    }
    *at += good ? len : 1;
    return good ? value : -(int32_t)*p;
}

static char *put_character(char *to, int32_t value)
{
    if (value < 0) {
        *to++ = (char)-value;
    } else if (value < 0x80) {
        *to++ = (char)value;
    } else if (value < 0x800) {
        *to++ = (char)(0xC0 | value >> 6);
        *to++ = (char)(0x80 | (value & 0x3F));
    } else if (value < 0x10000) {
        *to++ = (char)(0xE0 | value >> 12);
        *to++ = (char)(0x80 | (value >> 6 & 0x3F));
        *to++ = (char)(0x80 | (value & 0x3F));
    } else {
        *to++ = (char)(0xF0 | value >> 18);
        *to++ = (char)(0x80 | (value >> 12 & 0x3F));
        *to++ = (char)(0x80 | (value >> 6 & 0x3F));
        *to++ = (char)(0x80 | (value & 0x3F));
    }
    return to;
}

static int32_t map_character(int32_t value, bool upper)
{
    if (value < 0x80) {
        char from = upper ? 'a' : 'A';
        return value >= from && value < from + 26 ? value ^ 0x20 : value;
    }
    if (letters == (locale_t)0)
        return value;
    wint_t wide = (wint_t)value;
    return (int32_t)(upper ? towupper_l(wide, letters) : towlower_l(wide, letters));
}

static bool map_case(expr_call *call, weir_str text, bool upper, weir_str *out)
{
    (void)pthread_once(&letters_once, make_letters); /* cannot fail with a valid control */
    char *to = expr_text_room(call, text.len + text.len / 2 + 4); /* ⱥ is longer than Ⱥ */
    if (to == NULL)
        return false;
    out->at = to;
    const char *end = text.at + text.len;
    for (const char *p = text.at; p < end;)
        to = put_character(to, map_character(take_character(&p, end), upper));
    out->len = (size_t)(to - out->at);
    return true;
}

bool expr_lower(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return map_case(call, arg[0].text, false, &out->text);
}

bool expr_upper(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return map_case(call, arg[0].text, true, &out->text);
}

static const char *next_character(const char *at, const char *end)
{
    for (at++; at < end && ((unsigned char)*at & 0xC0) == 0x80;)
        at++;
    return at;
}

typedef struct like_pattern {
    const char *at, *end;
    weir_str    escape; /* one character, or empty: none */
} like_pattern;

/* One element of the pattern: '%', '_', or 0 for the bytes from *literal to *behind.
   -1: the pattern ends behind its escape character. */
static int take_element(const like_pattern *pattern, const char *at, const char **literal,
                        const char **behind)
{
    const weir_str *escape = &pattern->escape;
    *literal = at;
    if (escape->len > 0 && (size_t)(pattern->end - at) >= escape->len &&
        memcmp(at, escape->at, escape->len) == 0) {
        at += escape->len;
        if (at == pattern->end)
            return -1;
        *literal = at;
        *behind = next_character(at, pattern->end);
        return 0;
    }
    *behind = next_character(at, pattern->end);
    return *at == '%' || *at == '_' ? *at : 0;
}

/* Goes back only to the last '%': time is at most text × pattern. */
static bool like(expr_call *call, weir_str text, const like_pattern *pattern, bool *out)
{
    const char *t = text.at, *t_end = text.at + text.len, *p = pattern->at;
    const char *again_p = NULL, *again_t = NULL; /* behind the last '%' */
    const char *literal = NULL, *behind = NULL;
    while (t < t_end || p < pattern->end) {
        int  kind = p < pattern->end ? take_element(pattern, p, &literal, &behind) : 1;
        if (kind < 0 && t < t_end) /* a text that ended does not match, as in PostgreSQL */
            return expr_fail(call, "LIKE pattern must not end with escape character");
        size_t len = kind == 0 ? (size_t)(behind - literal) : 0;
        if (kind == '%') {
            p = again_p = behind;
            again_t = t;
        } else if (kind == '_' && t < t_end) {
            p = behind;
            t = next_character(t, t_end);
        } else if (kind == 0 && (size_t)(t_end - t) >= len && memcmp(t, literal, len) == 0) {
            p = behind;
            t += len;
        } else if (again_t != NULL && again_t < t_end) {
            again_t = next_character(again_t, t_end);
            t = again_t;
            p = again_p;
        } else {
            *out = false;
            return true;
        }
    }
    *out = true;
    return true;
}

static bool match(expr_call *call, weir_str text, weir_str with, const weir_datum *arg,
                  weir_datum *out)
{
    weir_str escape = call->expr->args > 2 ? arg[2].text : WEIR_STR("\\");
    if (escape.len > 1 &&
        next_character(escape.at, escape.at + escape.len) != escape.at + escape.len)
        return expr_fail(call, "invalid escape string");
    like_pattern pattern = {with.at, with.at + with.len, escape};
    return like(call, text, &pattern, &out->boolean);
}

bool expr_like(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    return match(call, arg[0].text, arg[1].text, arg, out);
}

bool expr_ilike(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_str text, with;
    return map_case(call, arg[0].text, false, &text) &&
           map_case(call, arg[1].text, false, &with) && match(call, text, with, arg, out);
}
