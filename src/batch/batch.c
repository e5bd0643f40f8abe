/* batch/batch: looking at batches, and making a dense copy of one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/batch.h"

#include <string.h>

weir_datum weir_column_get(const weir_column *column, uint32_t row)
{
    weir_datum out = {.null = !weir_column_has(column, row)};
    if (out.null)
        return out;
    const void *values = column->values;
    switch ((weir_type_id)column->type.id) {
    case WEIR_T_BOOL:
        out.boolean = ((const uint8_t *)values)[row] != 0;
        break;
    case WEIR_T_INT16:
        out.i64 = ((const int16_t *)values)[row];
        break;
    case WEIR_T_INT32:
    case WEIR_T_DATE:
        out.i64 = ((const int32_t *)values)[row];
        break;
    case WEIR_T_INT64:
    case WEIR_T_TIME:
    case WEIR_T_TIMESTAMP:
    case WEIR_T_TIMESTAMPTZ:
        out.i64 = ((const int64_t *)values)[row];
        break;
    case WEIR_T_FLOAT32:
        out.f64 = (double)((const float *)values)[row];
        break;
    case WEIR_T_FLOAT64:
        out.f64 = ((const double *)values)[row];
        break;
    case WEIR_T_NUMERIC:
        out.i128 = ((const weir_i128 *)values)[row];
        out.scale = column->scales != NULL ? column->scales[row] : column->type.scale;
        break;
    case WEIR_T_TEXT:
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        out.text = weir_column_text(column, row);
        break;
    case WEIR_T_INTERVAL:
        out.interval = ((const weir_interval *)values)[row];
        break;
    case WEIR_T_UNKNOWN:
    case WEIR_T_COUNT:
        out.null = true;
    }
    return out;
}

/* Copies `width` bytes per selected row; the width is a constant in each loop. */
static void gather(const weir_batch *batch, size_t width, const char *from, char *to)
{
    const uint32_t *sel = batch->sel;
    switch (width) {
    case 1:
        for (uint32_t i = 0; i < batch->selected; i++)
            to[i] = from[sel[i]];
        break;
    case 2:
        for (uint32_t i = 0; i < batch->selected; i++)
            memcpy(to + 2 * (size_t)i, from + 2 * (size_t)sel[i], 2);
        break;
    case 4:
        for (uint32_t i = 0; i < batch->selected; i++)
            memcpy(to + 4 * (size_t)i, from + 4 * (size_t)sel[i], 4);
        break;
    case 8:
        for (uint32_t i = 0; i < batch->selected; i++)
            memcpy(to + 8 * (size_t)i, from + 8 * (size_t)sel[i], 8);
        break;
    default:
        weir_assert(width == 16);
        for (uint32_t i = 0; i < batch->selected; i++)
            memcpy(to + 16 * (size_t)i, from + 16 * (size_t)sel[i], 16);
    }
}

static const void *copy_values(const weir_batch *batch, size_t width, const void *from,
                               weir_arena *arena)
{
    char *to = weir_arena_take(arena, width * batch->selected + 1);
    if (batch->sel == NULL)
        memcpy(to, from, width * batch->selected);
    else
        gather(batch, width, from, to);
    return to;
}

static const uint8_t *copy_valid(const weir_batch *batch, const uint8_t *valid,
                                 weir_arena *arena)
{
    uint8_t *to = weir_arena_zero(arena, ((size_t)batch->selected + 7) / 8 + 1);
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        to[i >> 3] |= (uint8_t)((valid[row >> 3] >> (row & 7) & 1) << (i & 7));
    }
    return to;
}

static void copy_text(const weir_batch *batch, const weir_column *from, weir_arena *arena,
                      weir_column *to)
{
    uint32_t *offsets = weir_arena_take(arena, sizeof(uint32_t) * (batch->selected + (size_t)1));
    size_t    bytes = 0;
    for (uint32_t i = 0; i < batch->selected; i++)
        bytes += weir_column_text(from, weir_batch_row(batch, i)).len;
    weir_assert(bytes <= UINT32_MAX);
    char    *at = weir_arena_take(arena, bytes + 1);
    uint32_t used = 0;
    for (uint32_t i = 0; i < batch->selected; i++) {
        weir_str text = weir_column_text(from, weir_batch_row(batch, i));
        offsets[i] = used;
        if (text.len > 0)
            memcpy(at + used, text.at, text.len);
        used += (uint32_t)text.len;
    }
    offsets[batch->selected] = used;
    to->offsets = offsets;
    to->bytes = at;
}

weir_batch *weir_batch_compact(const weir_batch *batch, weir_arena *arena)
{
    weir_batch  *out = WEIR_NEW(arena, weir_batch);
    weir_column *columns = WEIR_ARRAY(arena, weir_column, batch->columns + 1);
    for (uint32_t c = 0; c < batch->columns; c++) {
        const weir_column *from = &batch->column[c];
        size_t             width = weir_type_width(from->type);
        columns[c].type = from->type;
        if (from->valid != NULL)
            columns[c].valid = copy_valid(batch, from->valid, arena);
        if (from->scales != NULL)
            columns[c].scales = copy_values(batch, 1, from->scales, arena);
        if (width > 0)
            columns[c].values = copy_values(batch, width, from->values, arena);
        else
            copy_text(batch, from, arena, &columns[c]);
    }
    out->rows = batch->selected;
    out->selected = batch->selected;
    out->columns = batch->columns;
    out->column = columns;
    if (batch->op != NULL)
        out->op = copy_values(batch, 1, batch->op, arena);
    return out;
}

size_t weir_batch_bytes(const weir_batch *batch)
{
    size_t bytes = batch->op != NULL ? batch->rows : 0;
    if (batch->sel != NULL)
        bytes += sizeof(uint32_t) * batch->selected;
    for (uint32_t c = 0; c < batch->columns; c++) {
        const weir_column *column = &batch->column[c];
        bytes += weir_type_width(column->type) * batch->rows;
        if (column->valid != NULL)
            bytes += (batch->rows + 7) / 8;
        if (column->scales != NULL)
            bytes += batch->rows;
        if (column->offsets != NULL)
            bytes += sizeof(uint32_t) * (batch->rows + (size_t)1) + column->offsets[batch->rows];
    }
    return bytes;
}
