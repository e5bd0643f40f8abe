/* op/op_last_save: a slice of a last-value table as bytes and back.
 *
 *     gone u32: key blob … | rows u32: { key blob, image blob } …
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_adopt.h"
#include "op_last_value.h"
#include "weir/hash.h"

bool op_last_changed(const op_last_value *last, uint32_t slice)
{
    return last->slice[slice].unsaved.count > 0 || last->slice[slice].gone_count > 0;
}

static void save_row(last_slice *slice, last_row *row, weir_buf *out)
{
    weir_buf_blob(out, weir_keyed_key(&slice->rows, &row->entry));
    weir_buf_blob(out, (weir_str){row->image, row->image_len});
    row->stored = true;
}

void op_last_save(op_last_value *last, uint32_t number, bool full, weir_buf *out)
{
    last_slice *slice = &last->slice[number];
    weir_buf_u32(out, full ? 0 : slice->gone_count);
    if (!full && slice->gone_count > 0)
        weir_buf_str(out, weir_buf_view(&slice->gone));
    weir_buf_u32(out, full ? slice->rows.count : slice->unsaved.count);
    for (uint32_t i = 0; full && i < slice->rows.room; i++) {
        last_row *row = (last_row *)(void *)weir_keyed_at(&slice->rows, i);
        if (row != NULL)
            save_row(slice, row, out);
    }
    for (uint32_t i = 0; !full && i < slice->unsaved.count; i++)
        save_row(slice, (last_row *)(void *)slice->unsaved.entry[i], out);
    weir_unsaved_clear(&slice->unsaved);
    weir_buf_clear(&slice->gone);
    slice->gone_count = 0;
}

static bool read_key(op_last_value *last, uint32_t number, weir_reader *reader,
                     weir_arena *scratch, weir_str *out)
{
    weir_datum *value = WEIR_ARRAY(scratch, weir_datum, last->table->keys + 1);
    *out = weir_read_blob(reader);
    return !reader->bad && out->len <= OP_KEY_BYTES_MAX &&
           weir_slice_of(weir_hash64(*out)) == number &&
           op_key_read(last->key_type, last->table->keys, *out, scratch, value);
}

/* Columns as they are stored: of this plan, or of the one before. */
static uint32_t stored_columns(const op_last_value *last, const op_adopted *adopted)
{
    return adopted != NULL ? adopted->old->values : last->columns;
}

static weir_type stored_type(const op_last_value *last, const op_adopted *adopted, uint32_t i)
{
    return adopted != NULL ? adopted->old->value[i].arg
                           : last->table->schema.field[last->column[i]].type;
}

/* `value`, if not NULL, takes the bytes of each column. */
static bool image_is_sound(const op_last_value *last, const op_adopted *adopted,
                           weir_str image, weir_str *value)
{
    weir_reader reader = weir_reader_of(image);
    weir_datum  ignored;
    for (uint32_t i = 0; i < stored_columns(last, adopted); i++) {
        size_t left = weir_reader_left(&reader);
        if (!last_read_value(stored_type(last, adopted, i), &reader, &ignored))
            return false;
        if (value != NULL)
            value[i] = (weir_str){image.at + (image.len - left),
                                  left - weir_reader_left(&reader)};
    }
    return weir_reader_left(&reader) == 0 && image.len <= UINT32_MAX / 2;
}

/* An image of the plan before, with the columns of this one: what it lacks is NULL. */
static weir_str turn_image(const op_last_value *last, const op_adopted *adopted,
                           const weir_str *value, weir_arena *scratch)
{
    weir_buf image = {0};
    for (uint32_t i = 0; i < last->columns; i++) {
        if (adopted->from[i] == WEIR_NONE)
            weir_buf_byte(&image, 0);
        else
            weir_buf_str(&image, value[adopted->from[i]]);
    }
    weir_str out = weir_str_copy(scratch, weir_buf_view(&image));
    weir_buf_done(&image);
    return out;
}

static bool load_gone(op_last_value *last, uint32_t number, weir_reader *reader,
                      weir_arena *scratch)
{
    last_slice *slice = &last->slice[number];
    uint32_t    gone = weir_read_u32(reader);
    for (uint32_t i = 0; i < gone; i++) {
        weir_str key;
        if (reader->bad || !read_key(last, number, reader, scratch, &key))
            return false;
        last_row *row = (last_row *)(void *)weir_keyed_find(&slice->rows, weir_hash64(key), key);
        if (row == NULL)
            continue;
        row->stored = false;
        last_remove_row(slice, row);
    }
    return !reader->bad;
}

static bool load_row(op_last_value *last, const op_adopted *adopted, uint32_t number,
                     weir_reader *reader, weir_arena *scratch)
{
    last_slice *slice = &last->slice[number];
    weir_str   *value = NULL;
    weir_str    key;
    if (!read_key(last, number, reader, scratch, &key))
        return false;
    weir_str image = weir_read_blob(reader);
    if (adopted != NULL)
        value = WEIR_ARRAY(scratch, weir_str, adopted->old->values + 1);
    if (reader->bad || !image_is_sound(last, adopted, image, value))
        return false;
    if (adopted != NULL)
        image = turn_image(last, adopted, value, scratch);
    uint64_t  hash = weir_hash64(key);
    last_row *row = (last_row *)(void *)weir_keyed_find(&slice->rows, hash, key);
    if (row == NULL)
        row = last_add_row(slice, hash, key);
    last_set_image(slice, row, image);
    row->stored = true;
    return true;
}

bool op_last_load(op_last_value *last, const op_adopted *adopted, uint32_t number, bool full,
                  weir_reader *reader, weir_arena *scratch)
{
    if (full)
        last_empty_slice(&last->slice[number]);
    bool     ok = load_gone(last, number, reader, scratch);
    uint32_t rows = ok ? weir_read_u32(reader) : 0;
    for (uint32_t i = 0; ok && i < rows; i++) {
        weir_arena_mark here = weir_arena_here(scratch);
        ok = load_row(last, adopted, number, reader, scratch);
        weir_arena_rewind(scratch, here);
    }
    return ok && !reader->bad && weir_reader_left(reader) == 0;
}
