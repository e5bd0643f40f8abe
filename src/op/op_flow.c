/* op/op_flow: what goes to sinks, as lists of batches.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_types.h"

#define ROOM_FIRST 16u

void weir_emission_start(const weir_ops *ops, weir_arena *arena, weir_emission *out)
{
    *out = (weir_emission){.arena = arena, .flows = ops->flows};
    out->flow = WEIR_ARRAY(arena, weir_flow, ops->flows + 1);
    for (uint32_t f = 0; f < ops->flows; f++)
        out->flow[f].node = ops->flow_node[f];
}

void op_flow_add(weir_emission *emission, uint32_t number, weir_batch *batch,
                 const weir_flow_order *order)
{
    weir_assert(number < emission->flows);
    weir_flow *flow = &emission->flow[number];
    if (flow->batches == flow->room) {
        uint32_t     room = flow->room ? flow->room * 2 : ROOM_FIRST;
        weir_batch **more = WEIR_ARRAY(emission->arena, weir_batch *, room);
        weir_flow_order *orders = WEIR_ARRAY(emission->arena, weir_flow_order, room);
        for (uint32_t i = 0; i < flow->batches; i++) {
            more[i] = flow->batch[i];
            orders[i] = flow->order[i];
        }
        flow->batch = more;
        flow->order = orders;
        flow->room = room;
    }
    if (order != NULL)
        flow->order[flow->batches] = *order;
    flow->batch[flow->batches++] = batch;
    flow->rows += batch->selected;
}
