/* op/agg_count: count(*), count(x), and counts with a FILTER.
 *
 * count(*) needs nothing of its own: every group has its number of rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agg_class.h"
#include "weir/kernel.h"

static void update_nothing(const agg_rows *rows)
{
    (void)rows; /* the group itself counts them */
}

static void merge_nothing(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    (void)slab;
    (void)into;
    (void)from;
}

static bool always_neutral(const void *accumulator)
{
    (void)accumulator;
    return true;
}

static bool finish_rows(agg_result *result, weir_datum *out)
{
    *out = (weir_datum){.i64 = result->rows};
    return true;
}

static void save_nothing(const void *accumulator, weir_buf *out)
{
    (void)accumulator;
    (void)out;
}

static bool load_nothing(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                         void *out)
{
    (void)shape;
    (void)slab;
    (void)out;
    return !reader->bad;
}

const agg_class agg_rows_class = {
    .name = "rows", .bytes = 0, .update = update_nothing, .merge = merge_nothing,
    .neutral = always_neutral, .finish = finish_rows, .save = save_nothing,
    .load = load_nothing, .release = agg_release_nothing,
};

static void update_count(const agg_rows *rows)
{
    weir_count_add(rows->group, rows->accumulator->offset, rows->sign, rows->count);
}

static void merge_count(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    (void)slab;
    *(int64_t *)into += *(const int64_t *)from;
}

static bool count_neutral(const void *accumulator)
{
    return *(const int64_t *)accumulator == 0;
}

static bool finish_count(agg_result *result, weir_datum *out)
{
    *out = (weir_datum){.i64 = *(const int64_t *)agg_at(result)};
    return true;
}

static void save_count(const void *accumulator, weir_buf *out)
{
    weir_buf_zigzag(out, *(const int64_t *)accumulator);
}

static bool load_count(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                       void *out)
{
    (void)shape;
    (void)slab;
    *(int64_t *)out = weir_read_zigzag(reader);
    return !reader->bad;
}

const agg_class agg_count_class = {
    .name = "count", .bytes = sizeof(int64_t), .update = update_count, .merge = merge_count,
    .neutral = count_neutral, .finish = finish_count, .save = save_count,
    .load = load_count, .release = agg_release_nothing,
};
