/* op/op_last_row: one row of a last-value table: its image as bytes, and its place.
 *
 * An image has, per column that is kept, 0 for NULL, or 1 and the value: fixed width as it
 * lies in memory, text as u32 length and bytes, and a scale behind a numeric of any scale.
 * It is written to checkpoints.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_last_value.h"

#include <string.h>

void last_empty_slice(last_slice *slice)
{
    weir_keyed_done(&slice->rows);
    weir_slab_done(&slice->slab);
    weir_unsaved_done(&slice->unsaved);
    weir_buf_done(&slice->gone);
    slice->gone_count = 0;
    slice->stored_bytes = 0;
}

void last_write_image(const op_last_value *last, const weir_batch *rows, uint32_t row,
                        weir_buf *out)
{
    weir_buf_clear(out);
    for (uint32_t i = 0; i < last->columns; i++) {
        const weir_column *column = &rows->column[last->column[i]];
        size_t             width = weir_type_width(column->type);
        bool               has = weir_column_has(column, row);
        weir_buf_byte(out, has);
        if (!has)
            continue;
        if (width > 0) {
            weir_buf_add(out, (const char *)column->values + row * width, width);
        } else {
            weir_str text = weir_column_text(column, row);
            weir_buf_u32(out, (uint32_t)text.len);
            weir_buf_str(out, text);
        }
        if (column->scales != NULL)
            weir_buf_byte(out, column->scales[row]);
    }
}

static bool read_fixed(weir_type type, weir_reader *reader, weir_datum *out)
{
    _Alignas(16) char value[16];
    size_t            width = weir_type_width(type);
    weir_str          bytes = weir_read_bytes(reader, width);
    if (reader->bad)
        return false;
    memcpy(value, bytes.at, width);
    uint8_t     scale = type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY
                            ? weir_read_byte(reader)
                            : type.scale;
    weir_column one = {.type = type, .values = value, .scales = &scale};
    if (type.id == WEIR_T_BOOL && value[0] != 0 && value[0] != 1)
        return false;
    *out = weir_column_get(&one, 0);
    return !reader->bad &&
           (type.id != WEIR_T_NUMERIC || (scale <= WEIR_NUMERIC_DIGITS &&
                                          weir_i128_fits(out->i128, WEIR_NUMERIC_DIGITS)));
}

bool last_read_value(weir_type type, weir_reader *reader, weir_datum *out)
{
    uint8_t has = weir_read_byte(reader);
    *out = (weir_datum){.null = true};
    if (reader->bad || has > 1)
        return false;
    if (has == 0)
        return true;
    out->null = false;
    if (!weir_type_is_text(type))
        return read_fixed(type, reader, out);
    out->text = weir_read_bytes(reader, weir_read_u32(reader));
    return !reader->bad;
}

void last_set_image(last_slice *slice, last_row *row, weir_str image)
{
    if (row->image_len != image.len || row->image == NULL) {
        weir_slab_give(&slice->slab, row->image, row->image_len);
        row->image = weir_slab_take(&slice->slab, image.len);
        slice->stored_bytes += image.len;
        slice->stored_bytes -= row->image_len;
        row->image_len = (uint32_t)image.len;
    }
    memcpy(row->image, image.at, image.len);
}

last_row *last_add_row(last_slice *slice, uint64_t hash, weir_str key)
{
    last_row *row = weir_slab_take(&slice->slab, sizeof(last_row) + weir_key_room(key.len));
    memset(row, 0, sizeof(last_row) + weir_key_room(key.len));
    row->entry = (weir_entry){hash, (uint32_t)key.len, WEIR_SAVED};
    memcpy(row + 1, key.at, key.len);
    weir_keyed_add(&slice->rows, &row->entry);
    slice->stored_bytes += key.len + 8;
    return row;
}

void last_remove_row(last_slice *slice, last_row *row)
{
    weir_str key = weir_keyed_key(&slice->rows, &row->entry);
    if (row->stored) {
        weir_buf_blob(&slice->gone, key);
        slice->gone_count++;
    }
    slice->stored_bytes -= key.len + 8 + row->image_len;
    weir_unsaved_remove(&slice->unsaved, &row->entry);
    weir_keyed_remove(&slice->rows, &row->entry);
    weir_slab_give(&slice->slab, row->image, row->image_len);
    weir_slab_give(&slice->slab, row, sizeof(last_row) + weir_key_room(key.len));
}
