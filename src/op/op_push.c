/* op/op_push: a batch of source rows into the tables of a lane.
 *
 * A row for which an expression of any flow fails is left out of all flows of its source:
 * a record is good or bad as a whole.
 *
 * Everything that can fail or that needs memory is looked at first: expressions, keys,
 * lateness, the budget. Only then a lane's tables change, and nothing fails any more. So a
 * push that meets the limit has done nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "op_fold.h"

typedef struct push_work {
    weir_ops         *ops;
    const op_source  *source;
    const weir_batch **out; /* per node of the plan */
    op_fold          *fold; /* per aggregate of the source */
    weir_arena       *scratch;
} push_work;

/* Every table's scan gives the source's batch. */
static void place_scans(push_work *push, uint32_t table, const weir_batch *batch)
{
    const weir_plan *plan = push->ops->plan;
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (plan->node[i].kind == WEIR_NODE_SCAN && plan->node[i].table == table)
            push->out[i] = batch;
}

/* One error per row is enough: of several flows the first one's. */
static void drop_doubled_errors(weir_row_errors *errors, uint32_t first, uint32_t rows,
                                weir_arena *scratch)
{
    if (errors->count <= first + 1)
        return;
    uint8_t *seen = weir_arena_zero(scratch, rows + (size_t)1);
    uint32_t kept = first;
    for (uint32_t i = first; i < errors->count; i++) {
        uint32_t row = errors->error[i].row;
        if (seen[row])
            continue;
        seen[row] = 1;
        errors->error[kept++] = errors->error[i];
    }
    errors->count = kept;
}

static size_t bytes_needed(const push_work *push, uint32_t lane)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < push->source->aggregates; i++) {
        const op_fold *fold = &push->fold[i];
        if (fold->count > 0)
            bytes += op_fold_bytes(fold, &fold->aggregate->lane[lane]);
    }
    return bytes;
}

/* All nodes and groupings of the source over its rows; nothing is changed by it. */
static void run_rows(push_work *push, const weir_rows *rows, weir_row_errors *errors,
                     weir_push_counts *counts)
{
    place_scans(push, rows->table, rows->batch);
    op_run(push->ops, &push->source->path, push->out, push->scratch, errors);
    for (uint32_t i = 0; i < push->source->aggregates; i++) {
        op_aggregate     *aggregate = &push->ops->aggregate[push->source->aggregate[i]];
        const weir_batch *input = push->out[aggregate->node->input];
        op_fold_make(aggregate, input, push->scratch, errors, &push->fold[i]);
        op_fold_judge(&push->fold[i], rows, push->scratch, counts);
    }
}

/* A row that fails in one flow is in none: all flows see the same rows. So they run again
   without those that failed. */
static void run_good_rows(push_work *push, const weir_rows *rows, weir_row_errors *errors,
                          uint32_t first, weir_push_counts *counts)
{
    weir_rows  good = *rows;
    weir_batch batch = *rows->batch;
    uint32_t   failed = errors->count;
    op_drop_failed(&batch, errors, first, push->scratch);
    good.batch = &batch;
    *counts = (weir_push_counts){.late = 0};
    run_rows(push, &good, errors, counts);
    weir_assert(errors->count == failed); /* whether a row fails does not depend on others */
}

static void pass_rows(const push_work *push, uint32_t lane, weir_push_counts *counts)
{
    weir_ops  *ops = push->ops;
    op_passed *passed = &ops->passed[2 * lane + ops->turn];
    for (uint32_t i = 0; i < push->source->throughs; i++) {
        const op_through *through = &push->source->through[i];
        const weir_batch *rows = push->out[ops->plan->node[through->node].input];
        uint32_t          flow = through->flow;
        if (rows->selected == 0)
            continue;
        if (passed->batches[flow] == passed->room[flow]) {
            uint32_t      room = passed->room[flow] ? passed->room[flow] * 2 : 16;
            weir_batch  **more = WEIR_ARRAY(passed->arena, weir_batch *, room);
            if (passed->batches[flow] > 0)
                memcpy(more, passed->batch[flow], sizeof(*more) * passed->batches[flow]);
            passed->batch[flow] = more;
            passed->room[flow] = room;
        }
        weir_batch *copy = weir_batch_compact(rows, passed->arena);
        passed->batch[flow][passed->batches[flow]++] = copy;
        passed->rows[flow] += copy->rows;
        counts->passed += copy->rows;
        counts->passed_bytes += weir_batch_bytes(copy);
    }
}

weir_code weir_ops_push(weir_ops *ops, uint32_t lane, const weir_rows *rows,
                        weir_row_errors *errors, weir_push_counts *counts, weir_err *err)
{
    weir_assert(lane < ops->lanes);
    weir_assert(rows->table < ops->plan->tables);
    weir_arena      *scratch = errors->arena;
    uint32_t         first = errors->count;
    weir_push_counts more = {.late = 0};
    push_work push = {.ops = ops, .source = &ops->source[rows->table], .scratch = scratch};
    push.out = WEIR_ARRAY(scratch, const weir_batch *, ops->plan->nodes + 1);
    push.fold = WEIR_ARRAY(scratch, op_fold, push.source->aggregates + 1);
    run_rows(&push, rows, errors, &more);
    if (errors->count > first)
        run_good_rows(&push, rows, errors, first, &more);
    size_t bytes = bytes_needed(&push, lane);
    if (rows->must) {
        weir_budget_force(ops->budget, bytes);
    } else if (!weir_budget_take(ops->budget, bytes)) {
        errors->count = first;
        (void)weir_retry(err, WEIR_E_LIMIT, "state does not fit into %zu bytes",
                         ops->budget->limit);
        return weir_err_hint(err, "raise memory.limit");
    }
    for (uint32_t i = 0; i < push.source->aggregates; i++)
        if (push.fold[i].count > 0)
            op_fold_apply(&push.fold[i], &push.fold[i].aggregate->lane[lane], scratch);
    weir_budget_give(ops->budget, bytes);
    pass_rows(&push, lane, &more);
    drop_doubled_errors(errors, first, rows->batch->rows, scratch);
    counts->late += more.late;
    counts->late_idle += more.late_idle;
    counts->split += more.split;
    counts->passed += more.passed;
    counts->passed_bytes += more.passed_bytes;
    return WEIR_OK;
}

void weir_ops_passed(weir_ops *ops, uint32_t lane, weir_emission *emission)
{
    weir_assert(lane < ops->lanes);
    const op_passed *passed = &ops->passed[2 * lane + ops->turn];
    for (uint32_t flow = 0; flow < ops->flows; flow++)
        for (uint32_t i = 0; i < passed->batches[flow]; i++)
            op_flow_add(emission, flow, passed->batch[flow][i], NULL);
}
