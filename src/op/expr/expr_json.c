/* op/expr_json: -> and ->> on JSON text.
 *
 * Text that is no JSON is an error of the row. Of several members with one name the last
 * one counts, as in jsonb; a number with an exponent is written out by ->>.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "expr/expr_run.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static weir_str trimmed(const char *from, const char *to)
{
    while (from < to && is_blank(*from))
        from++;
    while (to > from && is_blank(to[-1]))
        to--;
    return (weir_str){from, (size_t)(to - from)};
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return value;
}

static char *put_utf8(char *to, uint32_t value)
{
    if (value < 0x80) {
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

/* \uXXXX, maybe of a surrogate pair; half a pair becomes U+FFFD. `at` is behind the u. */
static char *put_escaped(char *to, const char **at, const char *end)
{
    uint32_t value = hex4(*at);
    *at += 4;
    if (value >= 0xD800 && value < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' &&
        (*at)[1] == 'u') {
        uint32_t low = hex4(*at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            *at += 6;
            return put_utf8(to, 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00));
        }
    }
    if (value >= 0xD800 && value < 0xE000)
        value = 0xFFFD;
    return put_utf8(to, value);
}

/* The text of a valid JSON string, `json` with its quotes. */
static weir_str unescaped(weir_str json, char *room)
{
    const char *p = json.at + 1, *end = json.at + json.len - 1;
    char       *to = room;
    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
        const char       *known = strchr(from, c);
        if (c == 'u')
            to = put_escaped(to, &p, end);
        else
            *to++ = known != NULL && c != 0 ? into[known - from] : c;
    }
    return (weir_str){room, (size_t)(to - room)};
}

/* Is the JSON string `json` the text `key`? */
static bool key_is(expr_call *call, weir_str json, weir_str key)
{
    weir_str inner = {json.at + 1, json.len - 2};
    if (inner.len > 0 && memchr(inner.at, '\\', inner.len) != NULL)
        inner = unescaped(json, weir_arena_take(call->arena, json.len));
    return weir_str_eq(inner, key);
}

/* `json` is a valid object. */
static bool find_member(expr_call *call, weir_str json, weir_str key, weir_str *out)
{
    const char *p = json.at + 1, *end = json.at + json.len;
    bool        found = false;
    for (;;) {
        while (is_blank(*p) || *p == ',')
            p++;
        if (*p == '}')
            return found;
        const char *name_end = weir_json_skip(p, end); /* a string; skips blanks behind */
        weir_str    name = trimmed(p, name_end);
        const char *value = name_end + 1;
        const char *value_end = weir_json_skip(value, end);
        if (key_is(call, name, key)) {
            *out = trimmed(value, value_end);
            found = true;
        }
        p = value_end;
    }
}

/* `json` is a valid array. Gives how many elements were passed before the one at `index`;
   *out is that one, or stays as it is when there are fewer. */
static int64_t walk_elements(weir_str json, int64_t index, weir_str *out)
{
    const char *p = json.at + 1, *end = json.at + json.len;
    for (int64_t i = 0;; i++) {
        while (is_blank(*p) || *p == ',')
            p++;
        if (*p == ']')
            return i;
        const char *behind = weir_json_skip(p, end);
        if (i == index) {
            *out = trimmed(p, behind);
            return i;
        }
        p = behind;
    }
}

/* A negative index counts from the end. */
static bool find_element(weir_str json, int64_t index, weir_str *out)
{
    weir_str found = {NULL, 0};
    if (index < 0)
        index += walk_elements(json, INT64_MAX, &found);
    if (index >= 0)
        walk_elements(json, index, &found);
    if (found.at != NULL)
        *out = found;
    return found.at != NULL;
}

static bool get(expr_call *call, const weir_datum *arg, weir_str *out, bool *found)
{
    if (!weir_json_valid(arg[0].text))
        return expr_fail(call, "invalid input syntax for type json");
    weir_str json = trimmed(arg[0].text.at, arg[0].text.at + arg[0].text.len);
    bool     by_key = call->expr->arg[1]->type.id == WEIR_T_TEXT;
    *found = false;
    if (by_key && json.at[0] == '{')
        *found = find_member(call, json, arg[1].text, out);
    else if (!by_key && json.at[0] == '[')
        *found = find_element(json, arg[1].i64, out);
    return true;
}

bool expr_json_get(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    bool found;
    if (!get(call, arg, &out->text, &found))
        return false;
    out->null = !found;
    return true;
}

/* A number as numeric prints it: 1e2 is 100. */
static weir_str plain_number(expr_call *call, weir_str json)
{
    weir_i128 value;
    int       scale;
    if (memchr(json.at, 'e', json.len) == NULL && memchr(json.at, 'E', json.len) == NULL)
        return json;
    if (!weir_numeric_parse(json, &value, &scale))
        return json;
    weir_buf text = {0};
    weir_numeric_print(&text, value, scale);
    weir_str out = weir_str_copy(call->arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return out;
}

bool expr_json_get_text(expr_call *call, const weir_datum *arg, weir_datum *out)
{
    bool     found;
    weir_str json;
    if (!get(call, arg, &json, &found))
        return false;
    out->null = !found || weir_str_is(json, "null");
    if (out->null)
        return true;
    out->text = json;
    if (json.at[0] == '"')
        out->text = unescaped(json, weir_arena_take(call->arena, json.len));
    else if (json.at[0] != '{' && json.at[0] != '[')
        out->text = plain_number(call, json);
    return true;
}
