/* batch/batch_builder: one column, row after row.
 *
 * Always     1. valid has a bit, values or offsets a slot, for each row so far.
 *            2. a NULL's slot is zero; a NULL text is empty.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "weir/batch.h"

#define BYTES_FIRST 16 /* bytes of text per row that are expected */

void weir_builder_start(weir_builder *builder, weir_arena *arena, weir_type type,
                        uint32_t rows_max)
{
    size_t width = weir_type_width(type);
    *builder = (weir_builder){.arena = arena, .type = type, .rows_max = rows_max};
    builder->valid = weir_arena_zero(arena, ((size_t)rows_max + 7) / 8 + 1);
    if (width > 0) {
        builder->values = weir_arena_take(arena, width * rows_max + 1);
    } else {
        builder->offsets = weir_arena_take(arena, sizeof(uint32_t) * ((size_t)rows_max + 1));
        builder->offsets[0] = 0;
        builder->bytes_room = rows_max * BYTES_FIRST + BYTES_FIRST;
        builder->bytes = weir_arena_take(arena, builder->bytes_room);
    }
    if (type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY)
        builder->scales = weir_arena_zero(arena, (size_t)rows_max + 1);
}

/* Starts the next row; gives its number. */
static uint32_t next_row(weir_builder *builder, bool has)
{
    uint32_t row = builder->rows++;
    weir_assert(row < builder->rows_max);
    if (has)
        builder->valid[row >> 3] |= (uint8_t)(1u << (row & 7));
    else
        builder->any_null = true;
    return row;
}

void weir_builder_null(weir_builder *builder)
{
    size_t   width = weir_type_width(builder->type);
    uint32_t row = next_row(builder, false);
    if (width > 0)
        memset(builder->values + row * width, 0, width);
    else
        builder->offsets[row + 1] = builder->offsets[row];
}

void weir_builder_bool(weir_builder *builder, bool value)
{
    weir_assert(builder->type.id == WEIR_T_BOOL);
    builder->values[next_row(builder, true)] = value;
}

void weir_builder_i64(weir_builder *builder, int64_t value)
{
    uint32_t row = next_row(builder, true);
    switch (weir_type_width(builder->type)) {
    case 8:
        ((int64_t *)(void *)builder->values)[row] = value;
        break;
    case 4:
        weir_assert(value == (int32_t)value);
        ((int32_t *)(void *)builder->values)[row] = (int32_t)value;
        break;
    default:
        weir_assert(builder->type.id == WEIR_T_INT16);
        weir_assert(value == (int16_t)value);
        ((int16_t *)(void *)builder->values)[row] = (int16_t)value;
    }
}

void weir_builder_f64(weir_builder *builder, double value)
{
    uint32_t row = next_row(builder, true);
    if (builder->type.id == WEIR_T_FLOAT32) {
        ((float *)(void *)builder->values)[row] = (float)value;
        return;
    }
    weir_assert(builder->type.id == WEIR_T_FLOAT64);
    ((double *)(void *)builder->values)[row] = value;
}

void weir_builder_i128(weir_builder *builder, weir_i128 value, uint8_t scale)
{
    weir_assert(builder->type.id == WEIR_T_NUMERIC);
    uint32_t row = next_row(builder, true);
    ((weir_i128 *)(void *)builder->values)[row] = value;
    if (builder->scales != NULL)
        builder->scales[row] = scale;
    else
        weir_assert(scale == builder->type.scale);
}

char *weir_builder_text_room(weir_builder *builder, uint32_t len)
{
    weir_assert(builder->offsets != NULL);
    uint32_t used = builder->offsets[builder->rows];
    uint64_t need = (uint64_t)used + len;
    if (need > builder->bytes_room) {
        weir_assert(need <= UINT32_MAX / 2);
        uint32_t room = builder->bytes_room * 2 > need ? builder->bytes_room * 2
                                                       : (uint32_t)need;
        char    *bytes = weir_arena_take(builder->arena, room);
        memcpy(bytes, builder->bytes, used);
        builder->bytes = bytes;
        builder->bytes_room = room;
    }
    return builder->bytes + used;
}

void weir_builder_text_end(weir_builder *builder, uint32_t written)
{
    uint32_t row = next_row(builder, true);
    builder->offsets[row + 1] = builder->offsets[row] + written;
    weir_assert(builder->offsets[row + 1] <= builder->bytes_room);
}

void weir_builder_text(weir_builder *builder, weir_str text)
{
    weir_assert(text.len <= UINT32_MAX / 2);
    char *to = weir_builder_text_room(builder, (uint32_t)text.len);
    if (text.len > 0)
        memcpy(to, text.at, text.len);
    weir_builder_text_end(builder, (uint32_t)text.len);
}

void weir_builder_datum(weir_builder *builder, const weir_datum *value)
{
    if (value->null) {
        weir_builder_null(builder);
        return;
    }
    switch ((weir_type_id)builder->type.id) {
    case WEIR_T_BOOL:
        weir_builder_bool(builder, value->boolean);
        break;
    case WEIR_T_FLOAT32:
    case WEIR_T_FLOAT64:
        weir_builder_f64(builder, value->f64);
        break;
    case WEIR_T_NUMERIC:
        weir_builder_i128(builder, value->i128, value->scale);
        break;
    case WEIR_T_TEXT:
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        weir_builder_text(builder, value->text);
        break;
    case WEIR_T_INTERVAL:
        memcpy(builder->values + next_row(builder, true) * sizeof(weir_interval),
               &value->interval, sizeof(weir_interval));
        break;
    case WEIR_T_INT16:
    case WEIR_T_INT32:
    case WEIR_T_INT64:
    case WEIR_T_DATE:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        weir_builder_i64(builder, value->i64);
        break;
    case WEIR_T_UNKNOWN:
    case WEIR_T_COUNT:
        weir_builder_null(builder);
    }
}

weir_column weir_builder_end(weir_builder *builder)
{
    return (weir_column){
        .type = builder->type,
        .valid = builder->any_null ? builder->valid : NULL,
        .values = builder->values,
        .offsets = builder->offsets,
        .bytes = builder->bytes,
        .scales = builder->scales,
    };
}

static weir_column gather_column(weir_batch *const *batch, const weir_row_place *place,
                                 uint32_t count, uint32_t column, weir_arena *arena)
{
    weir_builder builder;
    weir_builder_start(&builder, arena, batch[place->batch]->column[column].type, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_datum value =
            weir_column_get(&batch[place[i].batch]->column[column], place[i].row);
        weir_builder_datum(&builder, &value);
    }
    return weir_builder_end(&builder);
}

weir_batch *weir_batch_gather(weir_batch *const *batch, const weir_row_place *place,
                              uint32_t count, weir_arena *arena)
{
    weir_assert(count > 0);
    const weir_batch *first = batch[place->batch];
    weir_batch       *out = WEIR_NEW(arena, weir_batch);
    weir_column      *column = WEIR_ARRAY(arena, weir_column, first->columns + 1);
    uint8_t          *op = WEIR_ARRAY(arena, uint8_t, count);
    for (uint32_t c = 0; c < first->columns; c++)
        column[c] = gather_column(batch, place, count, c, arena);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *from = batch[place[i].batch]->op;
        op[i] = from != NULL ? from[place[i].row] : (uint8_t)WEIR_ROW_INSERT;
    }
    *out = (weir_batch){.rows = count, .selected = count, .columns = first->columns,
                        .column = column, .op = op};
    return out;
}
