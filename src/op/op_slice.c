/* op/op_slice: the groups of one aggregate in one slice of the state.
 *
 * Groups lie in panes, one per window, each with its own table and memory, so that closing
 * a window looks at its groups only and gives all of its memory back.
 *
 * Always     1. panes are in the order of their ends.
 *            2. a group on the list of changes has `changed` set.
 *            3. no pane is empty.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <string.h>

#include "op_slice.h"
#include "weir/arena.h"

#define PANE_FIRST_BYTES 256u
#define SAVED_BYTES_EXTRA 40u /* of a group in a checkpoint beside its key, about */

void op_slice_init(op_slice *slice)
{
    *slice = (op_slice){.closed_us = INT64_MIN};
}

/* Place of the first pane that ends at or behind window_end. */
static uint32_t place_of(const op_slice *slice, int64_t window_end)
{
    uint32_t low = 0, high = slice->panes;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slice->pane[middle]->end < window_end)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

op_pane *op_slice_pane(const op_slice *slice, int64_t window_end)
{
    uint32_t place = place_of(slice, window_end);
    if (place == slice->panes || slice->pane[place]->end != window_end)
        return NULL;
    return slice->pane[place];
}

static op_pane *new_pane(weir_ops *ops, const op_aggregate *aggregate, op_slice *slice,
                         int64_t window_end)
{
    uint32_t place = place_of(slice, window_end);
    if (slice->panes == slice->pane_room) {
        uint32_t room = slice->pane_room ? slice->pane_room * 2 : 4;
        slice->pane = weir_heap_grow(slice->pane, slice->pane_room, room, sizeof(op_pane *));
        slice->pane_room = room;
    }
    memmove(slice->pane + place + 1, slice->pane + place,
            sizeof(op_pane *) * (slice->panes - place)); /* slice 1 */
    op_pane *pane = weir_heap_new(1, sizeof(op_pane));
    pane->end = window_end;
    weir_keyed_init(&pane->groups, ops->budget, aggregate->key_at);
    weir_slab_init(&pane->slab, ops->budget, PANE_FIRST_BYTES);
    weir_budget_force(ops->budget, sizeof(op_pane));
    slice->pane[place] = pane;
    slice->panes++;
    return pane;
}

static void free_pane(op_pane *pane)
{
    weir_budget *budget = pane->slab.budget;
    weir_keyed_done(&pane->groups);
    weir_slab_done(&pane->slab);
    weir_budget_give(budget, sizeof(op_pane));
    weir_heap_free(pane);
}

void op_slice_done(op_slice *slice)
{
    for (uint32_t i = 0; i < slice->panes; i++)
        free_pane(slice->pane[i]);
    weir_heap_free(slice->pane);
    weir_heap_free(slice->changed);
    weir_unsaved_done(&slice->unsaved);
    weir_buf_done(&slice->gone);
    op_slice_init(slice);
}

op_group *op_slice_find(const op_slice *slice, int64_t window_end, uint64_t hash,
                        weir_str key)
{
    op_pane *pane = op_slice_pane(slice, window_end);
    return pane == NULL ? NULL : (op_group *)(void *)weir_keyed_find(&pane->groups, hash, key);
}

static size_t group_bytes(const op_aggregate *aggregate, size_t key_len)
{
    return aggregate->key_at + weir_key_room(key_len);
}

op_group *op_slice_add(weir_ops *ops, op_aggregate *aggregate, op_slice *slice,
                       const op_group *like, weir_str key)
{
    op_pane *pane = op_slice_pane(slice, like->window_end);
    if (pane == NULL)
        pane = new_pane(ops, aggregate, slice, like->window_end);
    op_group *group = weir_slab_take(&pane->slab, group_bytes(aggregate, key.len));
    memset(group, 0, group_bytes(aggregate, key.len));
    group->entry = (weir_entry){like->entry.hash, (uint32_t)key.len, WEIR_SAVED};
    group->window_end = like->window_end;
    if (key.len > 0)
        memcpy((char *)group + aggregate->key_at, key.at, key.len);
    weir_keyed_add(&pane->groups, &group->entry);
    slice->groups++;
    slice->stored_bytes += key.len + SAVED_BYTES_EXTRA + aggregate->key_at / 2;
    return group;
}

void op_slice_reserve(weir_ops *ops, op_aggregate *aggregate, op_slice *slice,
                      int64_t window_end, uint32_t groups)
{
    op_pane *pane = op_slice_pane(slice, window_end);
    if (pane == NULL)
        pane = new_pane(ops, aggregate, slice, window_end);
    weir_keyed_reserve(&pane->groups, groups);
}

void op_slice_change(op_slice *slice, op_group *group)
{
    if (group->changed)
        return;
    if (slice->changes == slice->change_room) {
        uint32_t room = slice->change_room ? slice->change_room * 2 : 64;
        slice->changed = weir_heap_grow(slice->changed, slice->change_room, room,
                                        sizeof(op_group *));
        slice->change_room = room;
    }
    group->changed = true; /* slice 2 */
    slice->changed[slice->changes++] = group;
}

static void forget(const op_aggregate *aggregate, op_slice *slice, op_group *group)
{
    weir_unsaved_remove(&slice->unsaved, &group->entry);
    slice->groups--;
    slice->stored_bytes -= group->entry.key_len + SAVED_BYTES_EXTRA + aggregate->key_at / 2;
}

void op_slice_release(const op_aggregate *aggregate, op_pane *pane, op_group *group)
{
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        accumulator->kind->release(&pane->slab, (char *)group + accumulator->offset);
    }
    memset((char *)group + sizeof(op_group), 0, aggregate->key_at - sizeof(op_group));
}

void op_slice_remove(op_aggregate *aggregate, op_slice *slice, op_group *group)
{
    uint32_t place = place_of(slice, group->window_end);
    op_pane *pane = slice->pane[place];
    weir_assert(place < slice->panes);
    weir_assert(pane->end == group->window_end);
    if (group->stored) {
        weir_buf_u64(&slice->gone, (uint64_t)group->window_end);
        weir_buf_blob(&slice->gone, op_group_key(aggregate, group));
        slice->gone_count++;
    }
    forget(aggregate, slice, group);
    weir_keyed_remove(&pane->groups, &group->entry);
    op_slice_release(aggregate, pane, group);
    weir_slab_give(&pane->slab, group, group_bytes(aggregate, group->entry.key_len));
    if (pane->groups.count > 0)
        return;
    free_pane(pane); /* slice 3 */
    slice->panes--;
    memmove(slice->pane + place, slice->pane + place + 1,
            sizeof(op_pane *) * (slice->panes - place));
}

void op_slice_drop(const op_aggregate *aggregate, op_slice *slice, uint32_t panes)
{
    weir_assert(panes <= slice->panes);
    if (panes == 0)
        return;
    for (uint32_t p = 0; p < panes; p++) {
        op_pane *pane = slice->pane[p];
        for (uint32_t i = 0; i < pane->groups.room; i++) {
            op_group *group = (op_group *)(void *)weir_keyed_at(&pane->groups, i);
            if (group == NULL)
                continue;
            slice->closed_unsaved |= group->stored;
            forget(aggregate, slice, group);
        }
        free_pane(pane);
    }
    slice->panes -= panes;
    if (slice->panes > 0)
        memmove(slice->pane, slice->pane + panes, sizeof(op_pane *) * slice->panes);
}

/* Groups with their keys, for sorting without asking the aggregate. */
typedef struct sort_item {
    int64_t   window_end;
    weir_str  key;
    op_group *group;
} sort_item;

static int compare_items(const void *a, const void *b)
{
    const sort_item *x = a, *y = b;
    if (x->window_end != y->window_end)
        return x->window_end < y->window_end ? -1 : 1;
    return weir_str_cmp(x->key, y->key);
}

void op_sort_groups(const op_aggregate *aggregate, op_group **group, size_t count)
{
    if (count < 2)
        return;
    sort_item *item = weir_heap_new(count, sizeof(sort_item));
    for (size_t i = 0; i < count; i++)
        item[i] = (sort_item){group[i]->window_end, op_group_key(aggregate, group[i]),
                              group[i]};
    qsort(item, count, sizeof(sort_item), compare_items);
    for (size_t i = 0; i < count; i++)
        group[i] = item[i].group;
    weir_heap_free(item);
}
