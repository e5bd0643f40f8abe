/* op/agg_values: every value with its signed count: MIN and MAX that can be undone, and
 * DISTINCT.
 *
 * A cell holds records, one after the other: length u32, count i64, the value's bytes. In
 * a lane's table it is a log in the order of rows; when it would grow, and when it is
 * merged, it is sorted and equal values are added up. In the state it is always sorted,
 * without zero counts; merging is one walk through both.
 *
 * A value with a negative count is kept, as a group with a negative count is, and is not
 * there for the result.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "agg_class.h"
#include "op_value.h"
#include "weir/arena.h"

#define ROOM_FIRST 64u
#define LIST_BYTES_MAX (1u << 30) /* bytes of one group's values */

typedef struct values_cell {
    char    *at;
    uint32_t len, room;
    uint32_t records;
    bool     sorted; /* and without equal values */
} values_cell;

typedef struct record {
    int64_t     count;
    uint32_t    len;
    const char *at;
} record;

#define RECORD_HEAD (sizeof(uint32_t) + sizeof(int64_t))

static const char *read_record(const char *p, record *out)
{
    memcpy(&out->len, p, sizeof(out->len));
    memcpy(&out->count, p + sizeof(out->len), sizeof(out->count));
    out->at = p + RECORD_HEAD;
    return out->at + out->len;
}

static char *write_record(char *p, const record *from)
{
    memcpy(p, &from->len, sizeof(from->len));
    memcpy(p + sizeof(from->len), &from->count, sizeof(from->count));
    if (from->len > 0)
        memcpy(p + RECORD_HEAD, from->at, from->len);
    return p + RECORD_HEAD + from->len;
}

static int compare(const record *a, const record *b)
{
    uint32_t len = a->len < b->len ? a->len : b->len;
    int      order = len > 0 ? memcmp(a->at, b->at, len) : 0;
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_records(const void *a, const void *b)
{
    return compare(a, b);
}

/* Sorts a log and adds up equal values; zero counts go. */
static void sort(values_cell *cell)
{
    if (cell->sorted || cell->records == 0)
        return;
    record     *all = weir_heap_new(cell->records, sizeof(record));
    char       *copy = weir_heap_new(cell->len, 1);
    const char *p = copy;
    memcpy(copy, cell->at, cell->len);
    for (uint32_t i = 0; i < cell->records; i++)
        p = read_record(p, &all[i]);
    qsort(all, cell->records, sizeof(record), compare_records);
    char    *to = cell->at;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < cell->records;) {
        record sum = all[i++];
        for (; i < cell->records && compare(&sum, &all[i]) == 0; i++)
            sum.count += all[i].count;
        if (sum.count == 0)
            continue;
        to = write_record(to, &sum);
        kept++;
    }
    cell->len = (uint32_t)(to - cell->at);
    cell->records = kept;
    cell->sorted = true;
    weir_heap_free(copy);
    weir_heap_free(all);
}

static void resize(weir_slab *slab, values_cell *cell, uint32_t room)
{
    char *more = weir_slab_take(slab, room);
    if (cell->len > 0)
        memcpy(more, cell->at, cell->len);
    weir_slab_give(slab, cell->at, cell->room);
    cell->at = more;
    cell->room = room;
}

static void append(weir_slab *slab, values_cell *cell, const record *more)
{
    uint64_t need = (uint64_t)cell->len + RECORD_HEAD + more->len;
    if (need > cell->room) {
        sort(cell); /* a log of few values stays short */
        need = (uint64_t)cell->len + RECORD_HEAD + more->len;
        weir_assert(need <= LIST_BYTES_MAX);
        if (need * 2 > cell->room)
            resize(slab, cell, need * 2 < ROOM_FIRST ? ROOM_FIRST : (uint32_t)need * 2);
    }
    cell->len = (uint32_t)(write_record(cell->at + cell->len, more) - cell->at);
    cell->records++;
    cell->sorted = false;
}

static void update_values(const agg_rows *rows)
{
    char room[OP_VALUE_MOST + 1];
    for (uint32_t i = 0; i < rows->count; i++) {
        weir_str value = agg_take_value(rows->column, rows->row[i], room);
        record   more = {rows->sign[i], (uint32_t)value.len, value.at};
        append(rows->slab, (void *)(rows->group[i] + rows->accumulator->offset), &more);
    }
}

/* The next record of a sorted cell; false at its end. */
static bool next_record(const char **p, const values_cell *cell, record *out)
{
    if (*p == NULL || *p == cell->at + cell->len)
        return false;
    *p = read_record(*p, out);
    return true;
}

static void merge_values(const op_accumulator *shape, weir_slab *slab, void *into, void *from)
{
    (void)shape;
    values_cell *to = into, *more = from;
    sort(more);
    if (more->records == 0)
        return;
    uint64_t room = (uint64_t)to->len + more->len;
    weir_assert(room <= LIST_BYTES_MAX);
    values_cell out = {.at = weir_slab_take(slab, room), .room = (uint32_t)room,
                       .sorted = true};
    const char *p = to->at, *q = more->at;
    char       *end = out.at;
    record      a, b;
    bool        has_a = next_record(&p, to, &a), has_b = next_record(&q, more, &b);
    while (has_a || has_b) {
        int    order = !has_a ? 1 : !has_b ? -1 : compare(&a, &b);
        record sum = order <= 0 ? a : b;
        if (order == 0)
            sum.count += b.count;
        if (sum.count != 0) {
            end = write_record(end, &sum);
            out.records++;
        }
        if (order <= 0)
            has_a = next_record(&p, to, &a);
        if (order >= 0)
            has_b = next_record(&q, more, &b);
    }
    out.len = (uint32_t)(end - out.at);
    weir_slab_give(slab, to->at, to->room);
    *to = out;
}

static bool values_neutral(const void *accumulator)
{
    /* sorting does not change what the cell says */
    values_cell *cell = (values_cell *)(uintptr_t)accumulator;
    sort(cell);
    return cell->records == 0;
}

static bool finish_best(agg_result *result, weir_datum *out)
{
    const values_cell *cell = agg_at(result);
    bool               least = result->accumulator->spec->fn == WEIR_AGG_MIN;
    record             one, best = {.count = 0};
    const char        *p = cell->at;
    while (next_record(&p, cell, &one)) {
        if (one.count <= 0)
            continue;
        best = one;
        if (least)
            break;
    }
    *out = (weir_datum){.null = best.count == 0};
    return out->null || agg_read_value(result, best.at, best.len, out);
}

/* Equal numerics of different scales are neighbours: the same bytes but for the last. */
static bool same_value(weir_type type, const record *a, const record *b)
{
    if (type.id != WEIR_T_NUMERIC || type.scale != WEIR_SCALE_ANY)
        return false;
    return a->len == b->len && memcmp(a->at, b->at, a->len - 1) == 0;
}

static uint32_t fill_distinct(agg_result *result, const values_cell *cell, weir_builder *to)
{
    record      one, last = {.count = 0};
    const char *p = cell->at;
    uint32_t    count = 0;
    while (next_record(&p, cell, &one)) {
        weir_datum value;
        if (one.count <= 0 || (last.count > 0 && same_value(to->type, &last, &one)))
            continue;
        last = one;
        if (!agg_read_value(result, one.at, one.len, &value))
            continue;
        weir_builder_datum(to, &value);
        count++;
    }
    return count;
}

/* DISTINCT: the other class over a column of the distinct values, as one group. */
static bool finish_distinct(agg_result *result, weir_datum *out)
{
    const values_cell *cell = agg_at(result);
    weir_arena        *arena = result->arena;
    op_accumulator     inner = *result->accumulator;
    weir_builder       builder;
    inner.kind = inner.distinct;
    inner.distinct = NULL;
    inner.offset = 0;
    weir_builder_start(&builder, arena, inner.arg, cell->records);
    uint32_t    count = fill_distinct(result, cell, &builder);
    weir_column column = weir_builder_end(&builder);
    char       *group = weir_arena_zero(arena, inner.kind->bytes + (size_t)16);
    char      **groups = WEIR_ARRAY(arena, char *, count + 1);
    uint32_t   *row = WEIR_ARRAY(arena, uint32_t, count + 1);
    int64_t    *sign = WEIR_ARRAY(arena, int64_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        groups[i] = group;
        row[i] = i;
        sign[i] = 1;
    }
    agg_rows rows = {.accumulator = &inner, .column = &column, .group = groups,
                     .row = row, .sign = sign, .count = count};
    inner.kind->update(&rows);
    agg_result over = {.accumulator = &inner, .group = group, .rows = result->rows,
                       .arena = arena};
    bool       ok = inner.kind->finish(&over, out);
    memcpy(result->msg, over.msg, sizeof(result->msg));
    return ok;
}

static bool finish_values(agg_result *result, weir_datum *out)
{
    return result->accumulator->distinct != NULL ? finish_distinct(result, out)
                                                 : finish_best(result, out);
}

static void save_values(const void *accumulator, weir_buf *out)
{
    const values_cell *cell = accumulator;
    record             one;
    const char        *p = cell->at;
    weir_assert(cell->sorted || cell->records == 0);
    weir_buf_varint(out, cell->records);
    while (next_record(&p, cell, &one)) {
        weir_buf_blob(out, (weir_str){one.at, one.len});
        weir_buf_zigzag(out, one.count);
    }
}

static record read_stored(weir_reader *reader)
{
    weir_str value = weir_read_blob(reader);
    if (value.len > LIST_BYTES_MAX)
        reader->bad = true;
    return (record){weir_read_zigzag(reader), (uint32_t)value.len, value.at};
}

/* Read twice: first for what it takes, so that it is written where it stays. */
static bool load_values(const op_accumulator *shape, weir_reader *reader, weir_slab *slab,
                        void *out)
{
    uint64_t    records = weir_read_varint(reader), bytes = 0;
    weir_reader again = *reader;
    record      last = {.count = 0};
    if (reader->bad || records > weir_reader_left(reader))
        return false;
    for (uint64_t i = 0; i < records; i++) {
        record one = read_stored(reader);
        if (reader->bad || one.count == 0 ||
            !agg_value_is_sound(shape->arg, (weir_str){one.at, one.len}) ||
            (i > 0 && compare(&last, &one) >= 0))
            return false;
        last = one;
        bytes += RECORD_HEAD + one.len;
        if (bytes > LIST_BYTES_MAX)
            return false;
    }
    if (records == 0)
        return true;
    values_cell *cell = out;
    *cell = (values_cell){.at = weir_slab_take(slab, bytes), .len = (uint32_t)bytes,
                          .room = (uint32_t)bytes, .records = (uint32_t)records,
                          .sorted = true};
    char *p = cell->at;
    for (uint64_t i = 0; i < records; i++) {
        record one = read_stored(&again);
        p = write_record(p, &one);
    }
    weir_assert(p == cell->at + bytes);
    return true;
}

static void release_values(weir_slab *slab, void *accumulator)
{
    values_cell *cell = accumulator;
    weir_slab_give(slab, cell->at, cell->room);
    *cell = (values_cell){.at = NULL};
}

const agg_class agg_values_class = {
    .name = "values", .bytes = (sizeof(values_cell) + 15) / 16 * 16,
    .update = update_values, .merge = merge_values, .neutral = values_neutral,
    .finish = finish_values, .save = save_values, .load = load_values,
    .release = release_values,
};
