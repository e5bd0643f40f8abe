/* op/agg_extreme: MIN and MAX where nothing is retracted: the best value so far.
 *
 * The value is kept as ordered bytes, inside the accumulator when it is short. A numeric of
 * any scale has its scale behind it, so that 1.50 stays 1.50.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "agg_class.h"
#include "op_value.h"

#define INSIDE 24u

typedef struct extreme_cell {
    uint32_t len;
    uint32_t room; /* 0: no value yet; INSIDE: `inside` holds it; more: `far` does */
    union {
        char  inside[INSIDE];
        char *far;
    };
} extreme_cell;
_Static_assert(sizeof(extreme_cell) == 32, "no holes");

static const char *bytes_of(const extreme_cell *cell)
{
    return cell->room > INSIDE ? cell->far : cell->inside;
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int    order = len > 0 ? memcmp(a, b, len) : 0;
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static void replace(weir_slab *slab, extreme_cell *cell, const char *at, uint32_t len)
{
    if (len > cell->room && len > INSIDE) {
        char *more = weir_slab_take(slab, len);
        if (cell->room > INSIDE)
            weir_slab_give(slab, cell->far, cell->room);
        cell->far = more;
        cell->room = len;
    } else if (cell->room == 0) {
        cell->room = INSIDE;
    }
    memcpy(cell->room > INSIDE ? cell->far : cell->inside, at, len);
    cell->len = len;
}

static void offer(weir_slab *slab, extreme_cell *cell, const char *at, uint32_t len, bool least)
{
    int order = cell->room == 0 ? 1 : compare(at, len, bytes_of(cell), cell->len);
    if (cell->room == 0 || (least ? order < 0 : order > 0))
        replace(slab, cell, at, len);
}

static void update_extreme(const agg_rows *rows)
{
    const weir_column *column = rows->column;
    bool               least = rows->accumulator->spec->fn == WEIR_AGG_MIN;
    char               room[OP_VALUE_MOST + 1];
    for (uint32_t i = 0; i < rows->count; i++) {
        weir_assert(rows->sign[i] > 0);
        weir_str value = agg_take_value(column, rows->row[i], room);
        offer(rows->slab, (void *)(rows->group[i] + rows->accumulator->offset), value.at,
              (uint32_t)value.len, least);
    }
}

static void merge_extreme(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    const extreme_cell *more = from;
    if (more->room > 0)
        offer(slab, into, bytes_of(more), more->len, shape->spec->fn == WEIR_AGG_MIN);
}

static bool extreme_neutral(const void *accumulator)
{
    return ((const extreme_cell *)accumulator)->room == 0;
}

static bool finish_extreme(agg_result *result, weir_datum *out)
{
    const extreme_cell *cell = agg_at(result);
    *out = (weir_datum){.null = cell->room == 0};
    if (out->null)
        return true;
    return agg_read_value(result, bytes_of(cell), cell->len, out);
}

static void save_extreme(const void *accumulator, weir_buf *out)
{
    const extreme_cell *cell = accumulator;
    weir_buf_byte(out, cell->room > 0);
    if (cell->room > 0)
        weir_buf_blob(out, (weir_str){bytes_of(cell), cell->len});
}

static bool load_extreme(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                         void *out)
{
    uint8_t has = weir_read_byte(reader);
    if (reader->bad || has > 1)
        return false;
    if (has == 0)
        return true;
    weir_str value = weir_read_blob(reader);
    if (reader->bad || !agg_value_is_sound(shape->arg, value))
        return false;
    replace(slab, out, value.at, (uint32_t)value.len);
    return true;
}

static void release_extreme(weir_slab *slab, void *accumulator)
{
    extreme_cell *cell = accumulator;
    if (cell->room > INSIDE)
        weir_slab_give(slab, cell->far, cell->room);
    *cell = (extreme_cell){.len = 0};
}

const agg_class agg_extreme_class = {
    .name = "extreme", .bytes = sizeof(extreme_cell), .update = update_extreme,
    .merge = merge_extreme, .neutral = extreme_neutral, .finish = finish_extreme,
    .save = save_extreme, .load = load_extreme, .release = release_extreme,
};
