/* op/agg_value: one value as MIN, MAX and DISTINCT keep it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agg_class.h"
#include "op_value.h"

static bool has_scale(weir_type type)
{
    return type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY;
}

weir_str agg_take_value(const weir_column *column, uint32_t row, char *room)
{
    uint32_t width = op_value_width(column->type);
    if (width == 0)
        return weir_column_text(column, row);
    op_value_put(column, row, room);
    if (has_scale(column->type))
        room[width++] = (char)column->scales[row];
    return (weir_str){room, width};
}

/* The value and, for a numeric of any scale, the scale it had. */
static bool read_value(weir_type type, weir_str value, weir_datum *out)
{
    if (!has_scale(type))
        return op_value_get(type, value.at, value.len, out);
    if (value.len != OP_VALUE_MOST + 1 ||
        !op_value_get(type, value.at, OP_VALUE_MOST, out))
        return false;
    uint8_t scale = (uint8_t)value.at[OP_VALUE_MOST];
    if (scale > WEIR_NUMERIC_DIGITS || scale < out->scale ||
        !weir_i128_rescale(out->i128, out->scale, scale, &out->i128))
        return false;
    out->scale = scale;
    return true;
}

bool agg_value_is_sound(weir_type type, weir_str value)
{
    weir_datum ignored;
    return value.len <= UINT32_MAX / 2 && read_value(type, value, &ignored);
}

bool agg_read_value(agg_result *result, const char *at, size_t len, weir_datum *out)
{
    bool ok = read_value(result->accumulator->arg, (weir_str){at, len}, out);
    weir_assert(ok); /* taken from a column, or judged when it was loaded */
    return ok;
}
