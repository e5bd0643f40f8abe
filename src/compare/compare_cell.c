/* compare/cell: single cells and rows of them.
 *
 *     packed row   per cell: 0 NULL, else varint of its length + 1, and its bytes
 *
 * Gives      weir_cell_same, weir_row_same, weir_cell_delta, weir_row_pack, weir_row_unpack.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/compare.h"

bool weir_cell_same(weir_str a, weir_str b)
{
    if (a.at == NULL || b.at == NULL)
        return a.at == b.at;
    return weir_str_eq(a, b);
}

bool weir_row_same(uint32_t columns, const weir_str *a, const weir_str *b)
{
    for (uint32_t c = 0; c < columns; c++)
        if (!weir_cell_same(a[c], b[c]))
            return false;
    return true;
}

static bool exact_delta(weir_str from, weir_str to, weir_buf *out)
{
    weir_i128 left, right;
    int       left_scale, right_scale;
    if (!weir_numeric_parse(from, &left, &left_scale) ||
        !weir_numeric_parse(to, &right, &right_scale))
        return false;
    int       scale = left_scale > right_scale ? left_scale : right_scale;
    weir_i128 delta;
    if (!weir_i128_rescale(left, left_scale, scale, &left) ||
        !weir_i128_rescale(right, right_scale, scale, &right) ||
        __builtin_sub_overflow(right, left, &delta) ||
        !weir_i128_fits(delta < 0 ? -delta : delta, WEIR_NUMERIC_DIGITS))
        return false;
    if (delta >= 0)
        weir_buf_byte(out, '+');
    weir_numeric_print(out, delta, scale);
    return true;
}

bool weir_cell_delta(weir_type type, weir_str from, weir_str to, weir_buf *out)
{
    if (from.at == NULL || to.at == NULL || !weir_type_is_number(type))
        return false;
    if (type.id != WEIR_T_FLOAT32 && type.id != WEIR_T_FLOAT64)
        return exact_delta(from, to, out);
    double left, right;
    if (!weir_str_to_double(from, &left) || !weir_str_to_double(to, &right))
        return false;
    weir_datum delta = {.f64 = right - left};
    if (delta.f64 >= 0)
        weir_buf_byte(out, '+');
    weir_datum_print(out, weir_type_of(WEIR_T_FLOAT64), &delta);
    return true;
}

void weir_row_pack(weir_buf *out, const weir_str *row, const uint32_t *column,
                   uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        weir_str cell = row[column != NULL ? column[i] : i];
        weir_buf_varint(out, cell.at == NULL ? 0 : (uint64_t)cell.len + 1);
        if (cell.len > 0)
            weir_buf_str(out, cell);
    }
}

bool weir_row_unpack(weir_str bytes, uint32_t count, weir_str *out)
{
    weir_reader reader = weir_reader_of(bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t len = weir_read_varint(&reader);
        out[i] = (weir_str){0};
        if (len > 1)
            out[i] = weir_read_bytes(&reader, len - 1);
        else if (len == 1)
            out[i] = WEIR_STR("");
    }
    return !reader.bad && weir_reader_left(&reader) == 0;
}
