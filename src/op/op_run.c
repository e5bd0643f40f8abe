/* op/op_run: FILTER, PROJECT and WINDOW, on a batch.
 *
 * Rows keep their numbers through all nodes: a filter makes a new selection, a projection
 * new columns. So watermarks and partners of source rows are found again at an aggregate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "op_types.h"
#include "weir/kernel.h"

void op_drop_failed(weir_batch *batch, const weir_row_errors *errors, uint32_t first,
                    weir_arena *arena)
{
    if (errors->count == first)
        return;
    uint8_t  *failed = weir_arena_zero(arena, batch->rows + (size_t)1);
    uint32_t *sel = WEIR_ARRAY(arena, uint32_t, batch->selected + 1);
    uint32_t  kept = 0;
    for (uint32_t i = first; i < errors->count; i++)
        failed[errors->error[i].row] = 1;
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        sel[kept] = row;
        kept += !failed[row];
    }
    batch->sel = sel;
    batch->selected = kept;
}

static void run_filter(const weir_node *node, const weir_batch *input, weir_arena *arena,
                       weir_row_errors *errors, weir_batch *out)
{
    uint32_t *sel = weir_arena_take(arena, sizeof(uint32_t) * (input->selected + (size_t)1));
    *out = *input;
    out->selected = weir_expr_filter(node->predicate, input, arena, sel, errors);
    out->sel = sel;
}

static void run_project(const weir_node *node, const weir_batch *input, weir_arena *arena,
                        weir_row_errors *errors, weir_batch *out)
{
    uint32_t     first = errors->count;
    weir_column *column = WEIR_ARRAY(arena, weir_column, node->schema.count + 1);
    *out = *input;
    for (uint32_t c = 0; c < node->schema.count; c++)
        weir_expr_eval(node->column[c], input, arena, &column[c], errors);
    out->column = column;
    out->columns = node->schema.count;
    op_drop_failed(out, errors, first, arena);
}

/* A row whose time is NULL is in no window. */
static void drop_null_times(weir_batch *batch, const weir_column *time, weir_arena *arena)
{
    if (time->valid == NULL)
        return;
    uint32_t *sel = weir_arena_take(arena, sizeof(uint32_t) * (batch->selected + (size_t)1));
    uint32_t  kept = 0;
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        sel[kept] = row;
        kept += weir_column_has(time, row);
    }
    batch->sel = sel;
    batch->selected = kept;
}

static void run_window(const weir_node *node, const weir_batch *input, weir_arena *arena,
                       weir_row_errors *errors, weir_batch *out)
{
    uint32_t     first = errors->count, rows = input->rows;
    weir_column *column = WEIR_ARRAY(arena, weir_column, input->columns + 2);
    weir_column  time;
    int64_t     *start = weir_arena_take(arena, sizeof(int64_t) * (rows + (size_t)1));
    int64_t     *end = weir_arena_take(arena, sizeof(int64_t) * (rows + (size_t)1));
    weir_assert(node->shape == WEIR_WINDOW_TUMBLE);
    weir_expr_eval(node->time, input, arena, &time, errors);
    if (input->columns > 0)
        memcpy(column, input->column, sizeof(*column) * input->columns);
    weir_window_start(time.values, rows, node->size_us, node->offset_us, start);
    for (uint32_t i = 0; i < rows; i++)
        end[i] = (int64_t)((uint64_t)start[i] + (uint64_t)node->size_us);
    column[input->columns] = (weir_column){.type = time.type, .values = start};
    column[input->columns + 1] = (weir_column){.type = time.type, .values = end};
    *out = *input;
    out->column = column;
    out->columns = input->columns + 2;
    op_drop_failed(out, errors, first, arena);
    drop_null_times(out, &time, arena);
}

void op_run(const weir_ops *ops, const op_path *path, const weir_batch **out,
            weir_arena *arena, weir_row_errors *errors)
{
    for (uint32_t i = 0; i < path->nodes; i++) {
        const weir_node  *node = &ops->plan->node[path->node[i]];
        const weir_batch *input = node->input == WEIR_NONE ? NULL : out[node->input];
        weir_batch       *made = WEIR_NEW(arena, weir_batch);
        weir_assert(input != NULL);
        switch (node->kind) {
        case WEIR_NODE_FILTER:
            run_filter(node, input, arena, errors, made);
            break;
        case WEIR_NODE_PROJECT:
            run_project(node, input, arena, errors, made);
            break;
        case WEIR_NODE_WINDOW:
            run_window(node, input, arena, errors, made);
            break;
        case WEIR_NODE_SCAN:
        case WEIR_NODE_AGGREGATE:
        case WEIR_NODE_SINK:
            weir_assert("a node that runs in the middle of a path" == NULL);
        }
        out[path->node[i]] = made;
    }
}
