/* op/op_group_key: keys, column by column.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_group_key.h"

#include <string.h>

#include "op_value.h"
#include "weir/hash.h"
#include "weir/state.h"

#define HAS_VALUE 1
#define IS_NULL 2
#define ESCAPED '\xff'
#define END '\x01'
#define END_BYTES 2u

/* Texts without a NUL byte, nearly all, need no look at each byte. */
static bool has_zero(const weir_column *column, const uint32_t *row, uint32_t count)
{
    if (count == 0)
        return false;
    uint32_t from = column->offsets[row[0]], to = column->offsets[row[count - 1] + 1];
    return to > from && memchr(column->bytes + from, 0, to - from) != NULL;
}

static uint32_t zeros_in(weir_str text)
{
    uint32_t zeros = 0;
    for (size_t i = 0; i < text.len; i++)
        zeros += text.at[i] == 0;
    return zeros;
}

static void add_text_lengths(const weir_column *column, const uint32_t *row, bool zeros,
                             op_keys *out)
{
    for (uint32_t i = 0; i < out->count; i++) {
        weir_str text = weir_column_text(column, row[i]);
        uint32_t has = column->valid == NULL || weir_column_has(column, row[i]);
        uint32_t more = (uint32_t)text.len + END_BYTES;
        if (zeros)
            more += zeros_in(text);
        out->len[i] += 1 + (has ? more : 0);
    }
}

static void add_lengths(const weir_column *column, const uint32_t *row, bool zeros,
                        op_keys *out)
{
    uint32_t width = op_value_width(column->type);
    if (width == 0) {
        add_text_lengths(column, row, zeros, out);
        return;
    }
    for (uint32_t i = 0; i < out->count; i++)
        out->len[i] += 1 + (weir_column_has(column, row[i]) ? width : 0);
}

/* The most frequent fixed width, without a call per row. */
static void put_i64(const weir_column *column, const uint32_t *row, const op_keys *keys,
                    char **to)
{
    const uint64_t *value = column->values;
    for (uint32_t i = 0; i < keys->count; i++) {
        uint64_t ordered = __builtin_bswap64(value[row[i]] ^ UINT64_C(0x8000000000000000));
        *to[i] = HAS_VALUE;
        memcpy(to[i] + 1, &ordered, sizeof(ordered));
        to[i] += 1 + sizeof(ordered);
    }
}

static char *put_escaped(char *to, weir_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        *to++ = text.at[i];
        if (text.at[i] == 0)
            *to++ = ESCAPED;
    }
    return to;
}

static void put_text(const weir_column *column, const uint32_t *row, bool zeros,
                     const op_keys *keys, char **to)
{
    for (uint32_t i = 0; i < keys->count; i++) {
        char *p = to[i];
        if (!weir_column_has(column, row[i])) {
            *p = IS_NULL;
            to[i] = p + 1;
            continue;
        }
        weir_str text = weir_column_text(column, row[i]);
        *p++ = HAS_VALUE;
        if (zeros) {
            p = put_escaped(p, text);
        } else {
            memcpy(p, text.at, text.len);
            p += text.len;
        }
        *p++ = 0;
        *p++ = END;
        to[i] = p;
    }
}

static void put_column(const weir_column *column, const uint32_t *row, const op_keys *keys,
                       char **to)
{
    uint32_t width = op_value_width(column->type);
    bool     moment = column->type.id == WEIR_T_INT64 || column->type.id == WEIR_T_TIMESTAMP ||
                  column->type.id == WEIR_T_TIMESTAMPTZ;
    if (moment && column->valid == NULL) {
        put_i64(column, row, keys, to);
        return;
    }
    for (uint32_t i = 0; i < keys->count; i++) {
        bool has = weir_column_has(column, row[i]);
        *to[i]++ = has ? HAS_VALUE : IS_NULL;
        if (!has)
            continue;
        op_value_put(column, row[i], to[i]);
        to[i] += width;
    }
}

/* Places for all keys in one piece; false when one is too long. */
static bool place_keys(op_keys *keys, char **end, weir_arena *arena)
{
    size_t   bytes = 0;
    uint32_t longest = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        bytes += weir_key_room(keys->len[i]);
        longest = keys->len[i] > longest ? keys->len[i] : longest;
    }
    if (longest > OP_KEY_BYTES_MAX)
        return false;
    char *at = weir_arena_take(arena, bytes + 16);
    for (uint32_t i = 0; i < keys->count; i++) {
        size_t room = weir_key_room(keys->len[i]);
        keys->at[i] = end[i] = at;
        if (room > 0)
            memset(at + room - 8, 0, 8); /* the padding is in the last word */
        at += room;
    }
    return true;
}

bool op_keys_make(const weir_column *column, uint32_t columns, const uint32_t *row,
                  op_keys *out, weir_arena *arena)
{
    uint32_t count = out->count;
    bool    *zeros = WEIR_ARRAY(arena, bool, columns + 1);
    char   **end = weir_arena_take(arena, sizeof(char *) * (count + (size_t)1));
    out->len = WEIR_ARRAY(arena, uint32_t, count + 1);
    out->at = weir_arena_take(arena, sizeof(char *) * (count + (size_t)1));
    out->hash = weir_arena_take(arena, sizeof(uint64_t) * (count + (size_t)1));
    for (uint32_t c = 0; c < columns; c++) {
        zeros[c] = column[c].offsets != NULL && has_zero(&column[c], row, count);
        add_lengths(&column[c], row, zeros[c], out);
    }
    if (!place_keys(out, end, arena))
        return false;
    for (uint32_t c = 0; c < columns; c++) {
        if (column[c].offsets != NULL)
            put_text(&column[c], row, zeros[c], out, end);
        else
            put_column(&column[c], row, out, end);
    }
    for (uint32_t i = 0; i < count; i++)
        out->hash[i] = weir_hash64((weir_str){out->at[i], out->len[i]});
    return true;
}

/* Up to and behind 00 01; the length without escapes goes to *out_len. */
static const char *text_end(const char *p, const char *end, size_t *out_len)
{
    size_t len = 0;
    while (end - p >= 2) {
        if (*p != 0) {
            p++;
        } else if (p[1] == ESCAPED) {
            p += 2;
        } else {
            *out_len = len;
            return p[1] == END ? p + 2 : NULL;
        }
        len++;
    }
    return NULL;
}

static bool read_text(const char **at, const char *end, weir_arena *arena, weir_str *out)
{
    size_t      len = 0;
    const char *p = *at;
    const char *behind = text_end(p, end, &len);
    if (behind == NULL)
        return false;
    *at = behind;
    if ((size_t)(behind - p) == len + END_BYTES) {
        *out = (weir_str){p, len};
        return true;
    }
    char *copy = weir_arena_take(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        copy[i] = *p;
        p += *p == 0 ? 2 : 1;
    }
    *out = (weir_str){copy, len};
    return true;
}

bool op_key_read(const weir_type *type, uint32_t columns, weir_str key, weir_arena *arena,
                 weir_datum *out)
{
    const char *at = key.at, *end = key.at + key.len;
    for (uint32_t c = 0; c < columns; c++) {
        uint32_t width = op_value_width(type[c]);
        out[c] = (weir_datum){.null = true};
        if (at == end || (*at != HAS_VALUE && *at != IS_NULL))
            return false;
        if (*at++ == IS_NULL)
            continue;
        out[c].null = false;
        if (width == 0) {
            if (!read_text(&at, end, arena, &out[c].text))
                return false;
        } else {
            if ((size_t)(end - at) < width || !op_value_get(type[c], at, width, &out[c]))
                return false;
            at += width;
        }
    }
    return at == end;
}
