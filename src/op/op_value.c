/* op/op_value: values to ordered bytes and back.
 *
 * A numeric of any scale is: 1, 2 or 3 for negative, zero, positive; the place of the first
 * digit (digits - scale) + 128; the digits, left-aligned in 38, as 16 bytes. For negatives
 * the last 17 bytes are turned.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_value.h"

#include <math.h>
#include <string.h>

#define NUMERIC_ANY_BYTES 18
#define PLACE_OF_ZERO 128

uint32_t op_value_width(weir_type type)
{
    if (type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY)
        return NUMERIC_ANY_BYTES;
    return (uint32_t)weir_type_width(type);
}

static void put_u16(char *to, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(to, &value, sizeof(value));
}

static void put_u32(char *to, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(to, &value, sizeof(value));
}

static void put_u64(char *to, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(to, &value, sizeof(value));
}

static uint32_t get_u32(const char *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof(value));
    return __builtin_bswap32(value);
}

static uint64_t get_u64(const char *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof(value));
    return __builtin_bswap64(value);
}

static void put_u128(char *to, unsigned __int128 value)
{
    put_u64(to, (uint64_t)(value >> 64));
    put_u64(to + 8, (uint64_t)value);
}

static unsigned __int128 get_u128(const char *from)
{
    return (unsigned __int128)get_u64(from) << 64 | get_u64(from + 8);
}

#define SIGN32 0x80000000u
#define SIGN64 0x8000000000000000u
#define SIGN128 ((unsigned __int128)SIGN64 << 64)

/* Rising doubles give rising numbers; all NaN are one, and so are both zeros. */
static uint64_t order_of_double(double value)
{
    uint64_t bits;
    if (value == 0)
        value = 0;
    if (isnan(value))
        value = (double)NAN; /* the positive one, above infinity */
    memcpy(&bits, &value, sizeof(bits));
    return bits & SIGN64 ? ~bits : bits | SIGN64;
}

static uint32_t order_of_float(float value)
{
    uint32_t bits;
    if (value == 0)
        value = 0;
    if (isnan(value))
        value = NAN;
    memcpy(&bits, &value, sizeof(bits));
    return bits & SIGN32 ? ~bits : bits | SIGN32;
}

static double double_of_order(uint64_t order)
{
    double value;
    order = order & SIGN64 ? order & ~SIGN64 : ~order;
    memcpy(&value, &order, sizeof(value));
    return value;
}

static float float_of_order(uint32_t order)
{
    float value;
    order = order & SIGN32 ? order & ~SIGN32 : ~order;
    memcpy(&value, &order, sizeof(value));
    return value;
}

static void put_any_numeric(char *to, weir_i128 value, int scale)
{
    memset(to, 0, NUMERIC_ANY_BYTES);
    to[0] = value < 0 ? 1 : value > 0 ? 3 : 2;
    if (value == 0)
        return;
    weir_i128 digits = value < 0 ? -value : value;
    int       count = 0;
    while (count < WEIR_NUMERIC_DIGITS && digits >= weir_i128_power10(count))
        count++;
    digits *= weir_i128_power10(WEIR_NUMERIC_DIGITS - count);
    to[1] = (char)(count - scale + PLACE_OF_ZERO);
    put_u128(to + 2, (unsigned __int128)digits);
    for (int i = 1; value < 0 && i < NUMERIC_ANY_BYTES; i++)
        to[i] = (char)~to[i];
}

static bool get_any_numeric(const char *from, weir_datum *out)
{
    char bytes[NUMERIC_ANY_BYTES];
    memcpy(bytes, from, sizeof(bytes));
    *out = (weir_datum){.null = false};
    if (bytes[0] == 2)
        return true;
    if (bytes[0] != 1 && bytes[0] != 3)
        return false;
    for (int i = 1; bytes[0] == 1 && i < NUMERIC_ANY_BYTES; i++)
        bytes[i] = (char)~bytes[i];
    unsigned __int128 digits = get_u128(bytes + 2);
    int scale = WEIR_NUMERIC_DIGITS - ((int)(uint8_t)bytes[1] - PLACE_OF_ZERO);
    if (digits >= (unsigned __int128)weir_i128_power10(WEIR_NUMERIC_DIGITS) ||
        digits < (unsigned __int128)weir_i128_power10(WEIR_NUMERIC_DIGITS - 1))
        return false;
    for (; scale > 0 && digits % 10 == 0; scale--)
        digits /= 10;
    if (scale < 0 || scale > WEIR_NUMERIC_DIGITS)
        return false;
    out->i128 = bytes[0] == 1 ? -(weir_i128)digits : (weir_i128)digits;
    out->scale = (uint8_t)scale;
    return true;
}

void op_value_put(const weir_column *column, uint32_t row, char *to)
{
    const void *values = column->values;
    switch ((weir_type_id)column->type.id) {
    case WEIR_T_BOOL:
        *to = (char)((const uint8_t *)values)[row];
        break;
    case WEIR_T_INT16:
        put_u16(to, (uint16_t)(((const uint16_t *)values)[row] ^ 0x8000u));
        break;
    case WEIR_T_INT32:
    case WEIR_T_DATE:
        put_u32(to, ((const uint32_t *)values)[row] ^ SIGN32);
        break;
    case WEIR_T_INT64:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        put_u64(to, ((const uint64_t *)values)[row] ^ SIGN64);
        break;
    case WEIR_T_FLOAT32:
        put_u32(to, order_of_float(((const float *)values)[row]));
        break;
    case WEIR_T_FLOAT64:
        put_u64(to, order_of_double(((const double *)values)[row]));
        break;
    case WEIR_T_NUMERIC:
        if (column->scales != NULL)
            put_any_numeric(to, ((const weir_i128 *)values)[row], column->scales[row]);
        else
            put_u128(to, (unsigned __int128)((const weir_i128 *)values)[row] ^ SIGN128);
        break;
    default:
        weir_assert("a value of fixed width" == NULL);
    }
}

static bool get_numeric(weir_type type, const char *from, weir_datum *out)
{
    if (type.scale == WEIR_SCALE_ANY)
        return get_any_numeric(from, out);
    out->i128 = (weir_i128)(get_u128(from) ^ SIGN128);
    out->scale = type.scale;
    return weir_i128_fits(out->i128, WEIR_NUMERIC_DIGITS);
}

bool op_value_get(weir_type type, const char *from, size_t len, weir_datum *out)
{
    uint32_t width = op_value_width(type);
    *out = (weir_datum){.null = false};
    if (width != 0 && len != width)
        return false;
    switch ((weir_type_id)type.id) {
    case WEIR_T_BOOL:
        out->boolean = *from != 0;
        return *from == 0 || *from == 1;
    case WEIR_T_INT16:
        out->i64 = (int16_t)((uint16_t)((uint8_t)from[0] << 8 | (uint8_t)from[1]) ^ 0x8000u);
        return true;
    case WEIR_T_INT32:
    case WEIR_T_DATE:
        out->i64 = (int32_t)(get_u32(from) ^ SIGN32);
        return true;
    case WEIR_T_INT64:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        out->i64 = (int64_t)(get_u64(from) ^ SIGN64);
        return true;
    case WEIR_T_FLOAT32:
        out->f64 = (double)float_of_order(get_u32(from));
        return true;
    case WEIR_T_FLOAT64:
        out->f64 = double_of_order(get_u64(from));
        return true;
    case WEIR_T_NUMERIC:
        return get_numeric(type, from, out);
    case WEIR_T_TEXT:
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        out->text = (weir_str){from, len};
        return true;
    default:
        return false;
    }
}
