/* batch/type_value: single values to PostgreSQL's text and back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "batch_type.h"

#define MESSAGE_TEXT_MAX 80 /* bytes of a value that a message quotes */
#define US_FIRST (INT64_C(-62135596800) * 1000000)  /* 0001-01-01 00:00 */
#define US_BEHIND (INT64_C(253402300800) * 1000000) /* 10000-01-01 00:00 */

bool weir_us_in_range(int64_t us)
{
    return us >= US_FIRST && us < US_BEHIND;
}

void weir_datum_print(weir_buf *out, weir_type type, const weir_datum *value)
{
    if (value->null)
        return;
    switch ((weir_type_id)type.id) {
    case WEIR_T_BOOL:
        weir_buf_text(out, value->boolean ? "true" : "false");
        break;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        weir_buf_format(out, "%" PRId64, value->i64);
        break;
    case WEIR_T_FLOAT32:
        batch_float_print(out, (float)value->f64);
        break;
    case WEIR_T_FLOAT64:
        batch_double_print(out, value->f64);
        break;
    case WEIR_T_NUMERIC:
        weir_numeric_print(out, value->i128, value->scale);
        break;
    case WEIR_T_TEXT:
    case WEIR_T_JSONB:
        weir_buf_str(out, value->text);
        break;
    case WEIR_T_BYTEA:
        weir_buf_text(out, "\\x");
        weir_buf_hex(out, value->text.at, value->text.len);
        break;
    case WEIR_T_DATE:
        batch_date_print(out, value->i64);
        break;
    case WEIR_T_TIME:
        batch_time_print(out, value->i64);
        break;
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        batch_timestamp_print(out, value->i64, type.id == WEIR_T_TIMESTAMPTZ);
        break;
    case WEIR_T_INTERVAL:
        batch_interval_print(out, value->interval);
        break;
    case WEIR_T_UNKNOWN:
    case WEIR_T_COUNT:
        break;
    }
}

static batch_read read_bool(weir_str text, bool *out)
{
    static const struct {
        const char *word;
        size_t      least; /* letters that make it unique */
        bool        value;
    } words[] = {{"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
                 {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false}};
    text = weir_str_trim(text);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text.len >= words[i].least && text.len <= strlen(words[i].word) &&
            strncasecmp(text.at, words[i].word, text.len) == 0) {
            *out = words[i].value;
            return BATCH_READ_OK;
        }
    }
    return BATCH_READ_SYNTAX;
}

static batch_read read_integer(weir_str text, int64_t least, int64_t most, int64_t *out)
{
    text = weir_str_trim(text);
    size_t  i = 0;
    bool    negative = text.len > 0 && text.at[0] == '-';
    int64_t value = 0; /* counted downwards: the least integer has no positive twin */
    if (text.len > 0 && (text.at[0] == '-' || text.at[0] == '+'))
        i++;
    if (i == text.len)
        return BATCH_READ_SYNTAX;
    for (; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return BATCH_READ_SYNTAX;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, text.at[i] - '0', &value) || value < least)
            return BATCH_READ_RANGE;
    }
    if (!negative && value < -most)
        return BATCH_READ_RANGE;
    if (!negative)
        value = -value;
    *out = value;
    return BATCH_READ_OK;
}

static batch_read read_numeric(weir_type type, weir_str text, weir_datum *out)
{
    int        scale = 0;
    weir_i128  value;
    batch_read rc = batch_numeric_read(text, type.scale, &value, &scale);
    if (rc != BATCH_READ_OK)
        return rc;
    if (type.precision > 0 && !weir_i128_fits(value, type.precision))
        return BATCH_READ_RANGE;
    out->i128 = value;
    out->scale = (uint8_t)scale;
    return BATCH_READ_OK;
}

/* varchar(n): too long is an error unless only blanks are cut. */
static batch_read read_text(weir_type type, weir_str text, weir_str *out)
{
    *out = text;
    if (type.length == 0 || text.len <= type.length)
        return BATCH_READ_OK;
    uint32_t characters = 0;
    size_t   i = 0;
    for (; i < text.len; i++) {
        characters += ((unsigned char)text.at[i] & 0xC0) != 0x80;
        if (characters > type.length)
            break;
    }
    out->len = i;
    for (; i < text.len; i++)
        if (text.at[i] != ' ')
            return BATCH_READ_RANGE;
    return BATCH_READ_OK;
}

static batch_read read_value(weir_type type, weir_str text, weir_datum *out)
{
    switch ((weir_type_id)type.id) {
    case WEIR_T_BOOL:
        return read_bool(text, &out->boolean);
    case WEIR_T_INT16:
        return read_integer(text, INT16_MIN, INT16_MAX, &out->i64);
    case WEIR_T_INT32:
        return read_integer(text, INT32_MIN, INT32_MAX, &out->i64);
    case WEIR_T_INT64:
        return read_integer(text, INT64_MIN, INT64_MAX, &out->i64);
    case WEIR_T_FLOAT32:
        return batch_float_read(text, &out->f64);
    case WEIR_T_FLOAT64:
        return batch_double_read(text, &out->f64);
    case WEIR_T_NUMERIC:
        return read_numeric(type, text, out);
    case WEIR_T_TEXT:
        return read_text(type, text, &out->text);
    case WEIR_T_JSONB:
        out->text = text;
        return weir_json_valid(text) ? BATCH_READ_OK : BATCH_READ_SYNTAX;
    case WEIR_T_DATE:
        return batch_date_read(text, &out->i64);
    case WEIR_T_TIME:
        return batch_time_read(text, &out->i64);
    case WEIR_T_TIMESTAMP:
        return batch_timestamp_read(text, false, &out->i64);
    case WEIR_T_TIMESTAMPTZ:
        return batch_timestamp_read(text, true, &out->i64);
    case WEIR_T_INTERVAL:
        return weir_interval_parse(text, &out->interval) ? BATCH_READ_OK
                                                         : BATCH_READ_SYNTAX;
    case WEIR_T_BYTEA:
    case WEIR_T_UNKNOWN:
    case WEIR_T_COUNT:
        break;
    }
    return BATCH_READ_SYNTAX;
}

/* What of a value a message quotes: whole characters, not too many. */
static weir_str quoted(weir_str text)
{
    if (text.len <= MESSAGE_TEXT_MAX)
        return text;
    text.len = MESSAGE_TEXT_MAX;
    while (text.len > 0 && ((unsigned char)text.at[text.len] & 0xC0) == 0x80)
        text.len--;
    return text;
}

static weir_code range_error(weir_type type, weir_str text, weir_err *err)
{
    weir_str part = quoted(text);
    switch ((weir_type_id)type.id) {
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
        return weir_skip(err, WEIR_E_DECODE, "value \"%.*s\" is out of range for type %s",
                         WEIR_STR_FMT(part), batch_type_name(type));
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        return weir_skip(err, WEIR_E_DECODE, "\"%.*s\" is out of range for type %s",
                         WEIR_STR_FMT(part), batch_type_name(type));
    case WEIR_T_NUMERIC:
        return weir_skip(err, WEIR_E_DECODE, "numeric field overflow");
    case WEIR_T_TEXT:
        return weir_skip(err, WEIR_E_DECODE,
                         "value too long for type character varying(%u)", type.length);
    default:
        return weir_skip(err, WEIR_E_DECODE, "date/time field value out of range: \"%.*s\"",
                         WEIR_STR_FMT(part));
    }
}

static weir_code read_error(batch_read what, weir_type type, weir_str text, weir_err *err)
{
    weir_str part = quoted(text);
    switch (what) {
    case BATCH_READ_RANGE:
        return range_error(type, text, err);
    case BATCH_READ_BC:
        return weir_skip(err, WEIR_E_DECODE, "years before 1 AD are not supported: \"%.*s\"",
                         WEIR_STR_FMT(part));
    case BATCH_READ_INFINITE:
        return weir_skip(err, WEIR_E_DECODE, "type %s cannot hold \"%.*s\"",
                         batch_type_name(type), WEIR_STR_FMT(part));
    case BATCH_READ_OFFSET:
        return weir_skip(err, WEIR_E_DECODE, "time zone displacement out of range: \"%.*s\"",
                         WEIR_STR_FMT(part));
    case BATCH_READ_ZONE:
        return weir_skip(err, WEIR_E_DECODE,
                         "time zone of \"%.*s\" is not an offset from UTC",
                         WEIR_STR_FMT(part));
    case BATCH_READ_OK:
    case BATCH_READ_SYNTAX:
        break;
    }
    return weir_skip(err, WEIR_E_DECODE, "invalid input syntax for type %s: \"%.*s\"",
                     batch_type_name(type), WEIR_STR_FMT(part));
}

weir_code weir_datum_parse(weir_type type, weir_str text, weir_datum *out, weir_err *err)
{
    weir_assert(text.at != NULL);
    if (type.id == WEIR_T_BYTEA || type.id == WEIR_T_UNKNOWN)
        return weir_fail(err, WEIR_E_CONFIG, "values of type %s are not read from text here",
                         batch_type_name(type));
    weir_datum value = {.null = false};
    batch_read rc = read_value(type, text, &value);
    if (rc != BATCH_READ_OK)
        return read_error(rc, type, text, err);
    *out = value;
    return WEIR_OK;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(weir_str text, char *to, size_t *out_len)
{
    size_t len = 0;
    for (size_t i = 2; i < text.len; i++) {
        if (memchr(" \t\n\r", text.at[i], 4) != NULL)
            continue;
        int high = hex_digit(text.at[i]);
        int low = i + 1 < text.len ? hex_digit(text.at[i + 1]) : -1;
        if (high < 0 || low < 0)
            return false;
        to[len++] = (char)(high << 4 | low);
        i++;
    }
    *out_len = len;
    return true;
}

/* Backslashes are doubled, or in front of three octal digits. */
static bool read_escaped(weir_str text, char *to, size_t *out_len)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *p = text.at + i;
        if (*p != '\\') {
            to[len++] = *p;
        } else if (text.len - i >= 2 && p[1] == '\\') {
            to[len++] = '\\';
            i++;
        } else if (text.len - i >= 4 && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' &&
                   p[2] <= '7' && p[3] >= '0' && p[3] <= '7') {
            to[len++] = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
            i += 3;
        } else {
            return false;
        }
    }
    *out_len = len;
    return true;
}

bool weir_bytea_parse(weir_str text, weir_arena *arena, weir_str *out)
{
    char  *to = weir_arena_take(arena, text.len + 1);
    size_t len = 0;
    bool   hex = text.len >= 2 && text.at[0] == '\\' && text.at[1] == 'x';
    if (!(hex ? read_hex(text, to, &len) : read_escaped(text, to, &len)))
        return false;
    *out = (weir_str){to, len};
    return true;
}
