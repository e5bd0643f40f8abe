/* op/op_merge: what the lanes have of a slice, into the state.
 *
 * Lanes are merged in the order of their numbers. A group that the lanes leave as it was,
 * because what came was retracted, is not touched: it is neither emitted nor saved again.
 * It is emitted only where weir_ops_tell_touched asks for it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_lane_table.h"
#include "op_slice.h"

#define AHEAD 4u /* groups that are fetched ahead */

static bool is_neutral(const op_aggregate *aggregate, const op_group *group)
{
    if (group->rows != 0)
        return false;
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        if (!accumulator->kind->neutral((const char *)group + accumulator->offset))
            return false;
    }
    return true;
}

static void merge_group(weir_ops *ops, op_aggregate *aggregate, op_slice *slice,
                        op_group *from)
{
    weir_str  key = op_group_key(aggregate, from);
    op_group *into = op_slice_find(slice, from->window_end, from->entry.hash, key);
    if (is_neutral(aggregate, from)) {
        if (into != NULL && ops->tells_touched)
            op_slice_change(slice, into);
        return;
    }
    if (into == NULL)
        into = op_slice_add(ops, aggregate, slice, from, key);
    weir_slab *slab = &op_slice_pane(slice, into->window_end)->slab;
    into->rows += from->rows;
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        accumulator->kind->merge(accumulator, slab, (char *)into + accumulator->offset,
                                 (char *)from + accumulator->offset);
    }
    op_slice_change(slice, into);
    weir_unsaved_add(&slice->unsaved, &into->entry);
}

/* Groups of a slice lie far apart: the next ones are fetched meanwhile. */
static void merge_list(weir_ops *ops, op_aggregate *aggregate, const op_lane_table *table,
                       uint32_t slice)
{
    const op_lane_list *list = &table->list[slice];
    for (uint32_t i = 0; i < list->count; i++) {
        if (i + AHEAD < list->count)
            op_lane_ahead(table, list->ref[i + AHEAD]);
        merge_group(ops, aggregate, &aggregate->slice[slice], op_lane_at(table, list->ref[i]));
    }
}

void weir_ops_tell_touched(weir_ops *ops)
{
    ops->tells_touched = true;
}

weir_code weir_ops_merge(weir_ops *ops, uint32_t slice, weir_err *err)
{
    (void)err; /* memory was judged when rows were pushed */
    weir_assert(slice < WEIR_SLICES);
    for (uint32_t a = 0; a < ops->aggregates; a++) {
        op_aggregate *aggregate = &ops->aggregate[a];
        for (uint32_t lane = 0; lane < ops->lanes; lane++)
            merge_list(ops, aggregate, &aggregate->lane[lane], slice);
    }
    return WEIR_OK;
}
