/* op/op_count: how much each operator keeps, for those who look at a job.
 *
 * Gives      weir_ops_count.
 * Relies on  nobody pushing or merging meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_last_value.h"
#include "op_types.h"

static void count_groups(const op_aggregate *aggregate, weir_op_count *out)
{
    out->name = aggregate->node->name;
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        out->rows += aggregate->slice[s].groups;
        out->bytes += aggregate->slice[s].stored_bytes;
    }
}

static void count_rows(const op_last_value *last, weir_op_count *out)
{
    out->name = last->table->name;
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        out->rows += last->slice[s].rows.count;
        out->bytes += last->slice[s].stored_bytes;
    }
}

bool weir_ops_count(const weir_ops *ops, uint32_t index, weir_op_count *out)
{
    *out = (weir_op_count){.rows = 0};
    if (index < ops->aggregates) {
        count_groups(&ops->aggregate[index], out);
        return true;
    }
    index -= ops->aggregates;
    for (uint32_t t = 0; t < ops->plan->tables; t++) {
        if (ops->source[t].last == NULL)
            continue;
        if (index == 0) {
            count_rows(ops->source[t].last, out);
            return true;
        }
        index--;
    }
    return false;
}
