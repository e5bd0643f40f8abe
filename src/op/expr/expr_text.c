/* op/expr_text: functions on text and bytea.
 *
 * Text counts in characters, bytea in bytes. Bytes that are no UTF-8 count as part of the
 * character before them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "expr/expr_run.h"

static bool is_start(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static bool of_bytes(const expr_call *call)
{
    return call->expr->arg[0]->type.id == WEIR_T_BYTEA;
}

static int64_t characters(weir_str text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += is_start(text.at[i]);
    return count;
}

/* Bytes in front of character `index` (from 0); the whole text when there are fewer. */
static size_t bytes_before(weir_str text, int64_t index)
{
    size_t i = 0;
    for (; i < text.len; i++)
        if (is_start(text.at[i]) && index-- == 0)
            break;
    return i;
}

static size_t offset_of(const expr_call *call, weir_str text, int64_t index)
{
    if (index <= 0)
        return 0;
    if (of_bytes(call))
        return (uint64_t)index < text.len ? (size_t)index : text.len;
    return bytes_before(text, index);
}

static weir_str part(weir_str text, size_t from, size_t to)
{
    return (weir_str){text.at + from, to > from ? to - from : 0};
}

bool expr_concat(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    char *to = expr_text_room(call, arg[0].text.len + arg[1].text.len);
    if (to == NULL)
        return false;
    if (arg[0].text.len > 0)
        memcpy(to, arg[0].text.at, arg[0].text.len);
    if (arg[1].text.len > 0)
        memcpy(to + arg[0].text.len, arg[1].text.at, arg[1].text.len);
    out->text = (weir_str){to, arg[0].text.len + arg[1].text.len};
    return true;
}

bool expr_length(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    out->i64 = of_bytes(call) ? (int64_t)arg[0].text.len : characters(arg[0].text);
    return true;
}

bool expr_octet_length(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    (void)call; /* the same for text and bytea */
    out->i64 = (int64_t)arg[0].text.len;
    return true;
}

bool expr_substring(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_str text = arg[0].text;
    int64_t  from = arg[1].i64;
    int64_t  behind = INT64_MAX;
    if (call->expr->args > 2) {
        if (arg[2].i64 < 0)
            return expr_fail(call, "negative substring length not allowed");
        behind = from + arg[2].i64; /* both are 32 bits wide */
    }
    size_t start = offset_of(call, text, from - 1);
    size_t end = behind == INT64_MAX ? text.len : offset_of(call, text, behind - 1);
    out->text = part(text, start, end);
    return true;
}

bool expr_left(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    int64_t count = arg[1].i64;
    if (count < 0)
        count += characters(arg[0].text);
    out->text = part(arg[0].text, 0, offset_of(call, arg[0].text, count));
    return true;
}

bool expr_right(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    int64_t skip = arg[1].i64 < 0 ? -arg[1].i64 : characters(arg[0].text) - arg[1].i64;
    out->text = part(arg[0].text, offset_of(call, arg[0].text, skip), arg[0].text.len);
    return true;
}

static const char *find(weir_str text, size_t from, weir_str what)
{
    if (from > text.len)
        return NULL;
    return memmem(text.at + from, text.len - from, what.at, what.len);
}

bool expr_position(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    const char *at = arg[1].text.len == 0 ? arg[0].text.at : find(arg[0].text, 0, arg[1].text);
    out->i64 = 0;
    if (at == NULL)
        return true;
    size_t before = (size_t)(at - arg[0].text.at);
    out->i64 = 1 + (of_bytes(call) ? (int64_t)before
                                   : characters((weir_str){arg[0].text.at, before}));
    return true;
}

bool expr_starts_with(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    (void)call; /* bytes decide */
    out->boolean = arg[1].text.len <= arg[0].text.len &&
                   (arg[1].text.len == 0 ||
                    memcmp(arg[0].text.at, arg[1].text.at, arg[1].text.len) == 0);
    return true;
}

bool expr_replace(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    weir_str text = arg[0].text, what = arg[1].text, with = arg[2].text;
    out->text = text;
    size_t found = 0;
    if (what.len == 0)
        return true;
    for (const char *p = find(text, 0, what); p != NULL;
         p = find(text, (size_t)(p - text.at) + what.len, what))
        found++;
    if (found == 0)
        return true;
    size_t len = text.len - found * what.len;
    if (with.len > 0 && found > WEIR_TEXT_BYTES_MAX / with.len)
        len = WEIR_TEXT_BYTES_MAX + 1u;
    else
        len += found * with.len;
    char *to = expr_text_room(call, len);
    if (to == NULL)
        return false;
    out->text = (weir_str){to, len};
    size_t done = 0;
    for (const char *p = find(text, 0, what); p != NULL; p = find(text, done, what)) {
        size_t before = (size_t)(p - text.at) - done;
        memcpy(to, text.at + done, before);
        if (with.len > 0)
            memcpy(to + before, with.at, with.len);
        to += before + with.len;
        done += before + what.len;
    }
    memcpy(to, text.at + done, text.len - done);
    return true;
}

/* True when the character at text[from..to) is one of `set`. */
static bool in_set(weir_str text, size_t from, size_t to, weir_str set)
{
    size_t len = to - from;
    for (size_t i = 0; i + len <= set.len; i++)
        if (is_start(set.at[i]) && memcmp(set.at + i, text.at + from, len) == 0 &&
            (i + len == set.len || is_start(set.at[i + len])))
            return true;
    return false;
}

static weir_str trim(weir_str text, weir_str set, bool left, bool right)
{
    size_t from = 0, to = text.len;
    while (left && from < to) {
        size_t end = from + 1;
        while (end < to && !is_start(text.at[end]))
            end++;
        if (!in_set(text, from, end, set))
            break;
        from = end;
    }
    while (right && from < to) {
        size_t start = to - 1;
        while (start > from && !is_start(text.at[start]))
            start--;
        if (!in_set(text, start, to, set))
            break;
        to = start;
    }
    return part(text, from, to);
}

bool expr_btrim(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    (void)call; /* the set is the second argument */
    out->text = trim(arg[0].text, arg[1].text, true, true);
    return true;
}

bool expr_ltrim(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    (void)call;
    out->text = trim(arg[0].text, arg[1].text, true, false);
    return true;
}

bool expr_rtrim(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    (void)call;
    out->text = trim(arg[0].text, arg[1].text, false, true);
    return true;
}
