/* engine/rows: an epoch's rows, sorted out by sink group and table, and put in order.
 *
 * Flows are lists of batches. Those of an aggregate come slice by slice, and inside of a
 * slice by window_end and key; a sink without a key gets them by window_end and key as a
 * whole. Windows close in order, so what it writes of closed windows is in that order
 * across epochs, too.
 *
 * Gives      engine_rows_gather, engine_rows_of_table.
 * Always     1. a batch that has an order is sorted by it.
 *            2. rows without an order come first, as they lie.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_parts.h"

weir_sink_rows *engine_rows_of_table(const engine_rows *rows, uint32_t group, uint32_t table)
{
    for (uint32_t i = 0; i < rows->count[group]; i++)
        if (rows->of[group][i].table == table)
            return &rows->of[group][i];
    return NULL;
}

/* Several flows may go to one table: their batches become one list. */
static void add_rows(engine_rows *out, const engine_flow *to, const weir_flow *flow,
                     weir_arena *arena)
{
    weir_sink_rows *rows = engine_rows_of_table(out, to->group, to->table);
    if (rows == NULL) {
        rows = &out->of[to->group][out->count[to->group]++];
        *rows = (weir_sink_rows){.table = to->table};
    }
    weir_batch **batch = WEIR_ARRAY(arena, weir_batch *, rows->batches + flow->batches);
    for (uint32_t i = 0; i < rows->batches; i++)
        batch[i] = rows->batch[i];
    for (uint32_t i = 0; i < flow->batches; i++)
        batch[rows->batches + i] = flow->batch[i];
    rows->batches += flow->batches;
    rows->batch = batch;
}

/* The rows of one table while they are put in order. */
typedef struct ordering {
    weir_sink_rows        *rows;
    const weir_flow_order *order; /* per batch */
    const uint32_t        *flow;  /* per batch */
    weir_row_place        *place, *other; /* merged from one into the other */
    uint64_t              *end;   /* of each run of sorted places */
    uint64_t               runs, places;
} ordering;

/* Where a place is in its batch's order: rows of an aggregate are dense. */
static int compare(const ordering *by, weir_row_place a, weir_row_place b)
{
    const weir_flow_order *x = &by->order[a.batch], *y = &by->order[b.batch];
    if (x->key == NULL || y->key == NULL) /* 2 */
        return (x->key != NULL) - (y->key != NULL);
    if (x->window_end[a.row] != y->window_end[b.row])
        return x->window_end[a.row] < y->window_end[b.row] ? -1 : 1;
    if (by->flow[a.batch] != by->flow[b.batch])
        return by->flow[a.batch] < by->flow[b.batch] ? -1 : 1;
    return weir_str_cmp(x->key[a.row], y->key[b.row]);
}

static void merge(ordering *by, uint64_t from, uint64_t middle, uint64_t to)
{
    uint64_t left = from, right = middle;
    if (compare(by, by->place[middle - 1], by->place[middle]) <= 0) {
        memcpy(by->other + from, by->place + from, (to - from) * sizeof *by->place);
        return;
    }
    for (uint64_t at = from; at < to; at++) {
        bool first = left < middle &&
                     (right == to || compare(by, by->place[left], by->place[right]) <= 0);
        by->other[at] = by->place[first ? left++ : right++];
    }
}

/* Two neighbours each become one run; half as many are left. */
static void merge_runs(ordering *by)
{
    uint64_t kept = 0, from = 0;
    for (uint64_t i = 0; i < by->runs; i += 2) {
        uint64_t to = by->end[i + 1 < by->runs ? i + 1 : i];
        if (i + 1 < by->runs)
            merge(by, from, by->end[i], to);
        else
            memcpy(by->other + from, by->place + from, (to - from) * sizeof *by->place);
        by->end[kept++] = from = to;
    }
    weir_row_place *swap = by->place;
    by->place = by->other;
    by->other = swap;
    by->runs = kept;
}

/* Each batch that is not empty is a run. */
static void list_places(ordering *by)
{
    for (uint32_t b = 0; b < by->rows->batches; b++) {
        const weir_batch *batch = by->rows->batch[b];
        for (uint32_t i = 0; i < batch->selected; i++)
            by->place[by->places++] = (weir_row_place){b, weir_batch_row(batch, i)};
        if (batch->selected > 0)
            by->end[by->runs++] = by->places;
    }
}

static void order_rows(ordering *by, weir_arena *arena)
{
    weir_sink_rows *rows = by->rows;
    uint64_t        most = 0;
    for (uint32_t b = 0; b < rows->batches; b++)
        most += rows->batch[b]->selected;
    weir_row_place *spare = weir_heap_new(most + 1, sizeof *spare);
    weir_row_place *kept = WEIR_ARRAY(arena, weir_row_place, most + 1);
    by->place = kept;
    by->other = spare;
    by->end = weir_heap_new(rows->batches + (size_t)1, sizeof *by->end);
    list_places(by);
    while (by->runs > 1)
        merge_runs(by);
    if (by->place != kept)
        memcpy(kept, by->place, by->places * sizeof *kept);
    rows->place = kept;
    rows->places = by->places;
    weir_heap_free(by->end);
    weir_heap_free(spare);
}

/* All flows into one table of a sink without a key. */
static void order_table(const engine_job *engine, engine_epoch *epoch, uint32_t group,
                        weir_sink_rows *rows)
{
    weir_flow_order *order = WEIR_ARRAY(epoch->arena, weir_flow_order, rows->batches + 1);
    uint32_t        *number = WEIR_ARRAY(epoch->arena, uint32_t, rows->batches + 1);
    uint32_t         at = 0;
    bool             any = false;
    for (uint32_t f = 0; f < engine->flows; f++) {
        const weir_flow *flow = &epoch->emission.flow[f];
        if (engine->flow[f].group != group || engine->flow[f].table != rows->table)
            continue;
        for (uint32_t b = 0; b < flow->batches; b++) {
            any |= flow->order[b].key != NULL;
            order[at] = flow->order[b];
            number[at++] = f;
        }
    }
    weir_assert(at == rows->batches);
    ordering by = {.rows = rows, .order = order, .flow = number};
    if (any)
        order_rows(&by, epoch->arena);
}

void engine_rows_gather(const engine_job *engine, engine_epoch *epoch, engine_rows *out)
{
    weir_arena *arena = epoch->arena;
    out->of = WEIR_ARRAY(arena, weir_sink_rows *, engine->groups + 1);
    out->count = WEIR_ARRAY(arena, uint32_t, engine->groups + 1);
    for (uint32_t g = 0; g < engine->groups; g++)
        out->of[g] = WEIR_ARRAY(arena, weir_sink_rows, engine->flows + 1);
    for (uint32_t f = 0; f < engine->flows; f++)
        if (epoch->emission.flow[f].batches > 0)
            add_rows(out, &engine->flow[f], &epoch->emission.flow[f], arena);
    for (uint32_t g = 0; g < engine->groups; g++)
        for (uint32_t i = 0; !engine->group[g].kind->keyed && i < out->count[g]; i++)
            order_table(engine, epoch, g, &out->of[g][i]);
}
