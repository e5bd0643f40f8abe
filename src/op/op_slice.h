/* op/op_slice: the groups of one aggregate in one slice of the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_SLICE_H
#define OP_SLICE_H

#include "op_types.h"

static inline weir_str op_group_key(const op_aggregate *aggregate, const op_group *group)
{
    return (weir_str){(const char *)group + aggregate->key_at, group->entry.key_len};
}
void      op_slice_init(op_slice *slice);
void      op_slice_done(op_slice *slice);
op_group *op_slice_find(const op_slice *slice, int64_t window_end, uint64_t hash,
                        weir_str key);
op_group *op_slice_add(weir_ops *ops, op_aggregate *aggregate, op_slice *slice,
                       const op_group *like, weir_str key);
/* Room for so many groups of a window. */
void      op_slice_reserve(weir_ops *ops, op_aggregate *aggregate, op_slice *slice,
                           int64_t window_end, uint32_t groups);
void      op_slice_change(op_slice *slice, op_group *group);
op_pane  *op_slice_pane(const op_slice *slice, int64_t window_end);
/* Gives back what a group's accumulators hold, which are zeros then; the group stays. */
void      op_slice_release(const op_aggregate *aggregate, op_pane *pane, op_group *group);
/* Removes a group; a pane that is empty then goes too. */
void      op_slice_remove(op_aggregate *aggregate, op_slice *slice, op_group *group);
/* Frees the first panes of a slice (closed windows). */
void      op_slice_drop(const op_aggregate *aggregate, op_slice *slice, uint32_t panes);
/* Groups by window_end, then key bytes. */
void      op_sort_groups(const op_aggregate *aggregate, op_group **group, size_t count);

#endif
