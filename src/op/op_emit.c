/* op/op_emit: changed groups and closed windows, to the sinks behind an aggregate.
 *
 * emit = 'changes': every changed group is evaluated. A flow that has a row of it gets an
 * update, or a delete when the group is gone or HAVING (a FILTER above the aggregate) no
 * longer lets it through; one that has none gets an insert. Which flows have a row is a bit
 * of the group.
 *
 * emit = 'final': when a window ends at or before the watermark, its groups are evaluated
 * once and the window is freed, whatever its flows are.
 *
 * A flow that is told `again` (its SQL changed) gets every group once, changed or not.
 *
 * Always     1. rows come in the order of window_end and key.
 *            2. a group without rows is gone from the state after the emit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_slice.h"
#include "weir/arena.h"

/* One run of groups through the nodes up to one sink. */
typedef struct emit_run {
    weir_ops           *ops;
    const op_aggregate *aggregate;
    const op_output    *output;
    op_group *const    *group;
    uint32_t            count;
    weir_arena         *arena;
    weir_batch          batch;   /* what the nodes make of the groups */
    uint8_t            *passed;  /* per group: it is there, and every FILTER lets it through */
    weir_err           *err;
} emit_run;

static weir_code group_error(const emit_run *run, const weir_row_error *error)
{
    const weir_node *node = run->aggregate->node;
    weir_datum      *key = WEIR_ARRAY(run->arena, weir_datum, node->groups + 1);
    weir_buf         text = {0};
    const op_group  *group = run->group[error->row];
    if (op_key_read(run->aggregate->key_type, node->groups,
                    op_group_key(run->aggregate, group), run->arena, key))
        for (uint32_t i = 0; i < node->groups; i++) {
            weir_buf_text(&text, i > 0 ? ", " : "");
            if (key[i].null)
                weir_buf_text(&text, "NULL");
            weir_datum_print(&text, run->aggregate->key_type[i], &key[i]);
        }
    (void)weir_fail(run->err, WEIR_E_DECODE, "%s in group (%.*s) of '%.*s'", error->msg,
                    (int)(text.len < 200 ? text.len : 200), text.at ? text.at : "",
                    WEIR_STR_FMT(node->name));
    weir_buf_done(&text);
    return weir_err_at(run->err, error->sql_at);
}

/* Errors of rows that count stop the job; those of rows that are gone do not matter. */
static weir_code judge_errors(const emit_run *run, const weir_row_errors *errors)
{
    for (uint32_t i = 0; i < errors->count; i++)
        if (run->passed[errors->error[i].row])
            return group_error(run, &errors->error[i]);
    return WEIR_OK;
}

static void run_filter(emit_run *run, const weir_node *node, weir_row_errors *errors)
{
    uint32_t *sel = WEIR_ARRAY(run->arena, uint32_t, run->count + 1);
    uint8_t  *kept = weir_arena_zero(run->arena, run->count + (size_t)1);
    uint32_t  count = weir_expr_filter(node->predicate, &run->batch, run->arena, sel, errors);
    for (uint32_t i = 0; i < count; i++)
        kept[sel[i]] = 1;
    for (uint32_t i = 0; i < errors->count; i++)
        kept[errors->error[i].row] = 1; /* judged as a row that is still there */
    for (uint32_t i = 0; i < run->count; i++)
        run->passed[i] &= kept[i];
}

/* All groups run through all nodes, also those that a FILTER drops: a delete needs their
   columns. */
static weir_code run_nodes(emit_run *run)
{
    weir_row_errors errors = {.arena = run->arena};
    op_group_batch(run->aggregate, run->group, run->count, run->arena, &run->batch, &errors);
    weir_code rc = judge_errors(run, &errors);
    for (uint32_t n = 0; rc == WEIR_OK && n < run->output->path.nodes; n++) {
        const weir_node *node = &run->ops->plan->node[run->output->path.node[n]];
        errors.count = 0;
        if (node->kind == WEIR_NODE_FILTER) {
            run_filter(run, node, &errors);
        } else {
            weir_assert(node->kind == WEIR_NODE_PROJECT);
            weir_column *column = WEIR_ARRAY(run->arena, weir_column, node->schema.count + 1);
            for (uint32_t c = 0; c < node->schema.count; c++)
                weir_expr_eval(node->column[c], &run->batch, run->arena, &column[c],
                               &errors);
            run->batch.column = column;
            run->batch.columns = node->schema.count;
        }
        rc = judge_errors(run, &errors);
    }
    return rc;
}

static weir_flow_order order_of(const emit_run *run, const uint32_t *sel, uint32_t selected)
{
    int64_t  *window_end = WEIR_ARRAY(run->arena, int64_t, selected);
    weir_str *key = WEIR_ARRAY(run->arena, weir_str, selected);
    for (uint32_t i = 0; i < selected; i++) {
        const op_group *group = run->group[sel[i]];
        window_end[i] = group->window_end;
        key[i] = weir_str_copy(run->arena, op_group_key(run->aggregate, group));
    }
    return (weir_flow_order){window_end, key};
}

/* Hands on the rows of `sel`, in one dense batch. */
static void hand_on(const emit_run *run, const uint32_t *sel, uint32_t selected,
                    const uint8_t *op, weir_emission *emission)
{
    if (selected == 0)
        return;
    weir_batch *out = WEIR_NEW(run->arena, weir_batch);
    *out = run->batch;
    out->op = op;
    if (selected < run->count) {
        out->sel = sel;
        out->selected = selected;
        out = weir_batch_compact(out, run->arena);
    }
    weir_flow_order order = {NULL, NULL};
    if (run->output->ordered)
        order = order_of(run, sel, selected);
    op_flow_add(emission, run->output->flow, out, &order);
}

/* What a flow is told of each group; its bits are kept up. */
static void emit_changes(emit_run *run, weir_emission *emission)
{
    uint8_t       *op = weir_arena_zero(run->arena, run->count + (size_t)1);
    uint32_t      *sel = WEIR_ARRAY(run->arena, uint32_t, run->count + 1);
    uint32_t       selected = 0;
    const uint32_t bit = 1u << run->output->bit;
    for (uint32_t i = 0; i < run->count; i++) {
        op_group *group = run->group[i];
        bool      had = group->emitted & bit;
        if (!run->passed[i] && !had)
            continue;
        op[i] = !run->passed[i] ? WEIR_ROW_DELETE : had ? WEIR_ROW_UPDATE_NEW
                                                        : WEIR_ROW_INSERT;
        group->emitted = run->passed[i] ? group->emitted | bit : group->emitted & ~bit;
        sel[selected++] = i;
    }
    hand_on(run, sel, selected, op, emission);
}

static void emit_final(emit_run *run, weir_emission *emission)
{
    uint32_t *sel = WEIR_ARRAY(run->arena, uint32_t, run->count + 1);
    uint32_t  selected = 0;
    for (uint32_t i = 0; i < run->count; i++)
        if (run->passed[i])
            sel[selected++] = i;
    hand_on(run, sel, selected, NULL, emission);
}

/* Where groups come from and go to. */
typedef struct emit_list {
    weir_ops      *ops;
    op_aggregate  *aggregate;
    op_slice      *slice;
    weir_emission *emission;
    weir_err      *err;
} emit_list;

static weir_code emit_batch(const emit_list *list, op_group **group, uint32_t count,
                            const op_output *output)
{
    emit_run run = {.ops = list->ops, .aggregate = list->aggregate, .output = output,
                    .group = group, .count = count, .arena = list->emission->arena,
                    .err = list->err};
    run.passed = weir_arena_take(run.arena, count + (size_t)1);
    for (uint32_t i = 0; i < count; i++)
        run.passed[i] = group[i]->rows > 0;
    weir_code rc = run_nodes(&run);
    if (rc != WEIR_OK)
        return rc;
    if (output->final)
        emit_final(&run, list->emission);
    else
        emit_changes(&run, list->emission);
    return WEIR_OK;
}

/* Sends groups, in order, to the final outputs or to the others. */
static weir_code emit_groups(const emit_list *list, op_group **group, size_t count,
                             bool final)
{
    weir_code rc = WEIR_OK;
    for (size_t from = 0; rc == WEIR_OK && from < count; from += WEIR_BATCH_ROWS) {
        size_t   left = count - from;
        uint32_t some = left < WEIR_BATCH_ROWS ? (uint32_t)left : WEIR_BATCH_ROWS;
        for (uint32_t o = 0; rc == WEIR_OK && o < list->aggregate->outputs; o++)
            if (list->aggregate->output[o].final == final)
                rc = emit_batch(list, group + from, some, &list->aggregate->output[o]);
    }
    return rc;
}

/* The groups with rows of the first panes; the caller frees the list. */
static op_group **groups_of(const op_slice *slice, uint32_t panes, size_t *out_count)
{
    size_t most = 0, count = 0;
    for (uint32_t p = 0; p < panes; p++)
        most += slice->pane[p]->groups.count;
    op_group **out = weir_heap_new(most + 1, sizeof(op_group *));
    for (uint32_t p = 0; p < panes; p++) {
        const weir_keyed *groups = &slice->pane[p]->groups;
        for (uint32_t i = 0; i < groups->room; i++) {
            op_group *group = (op_group *)(void *)weir_keyed_at(groups, i);
            if (group != NULL && group->rows > 0)
                out[count++] = group;
        }
    }
    *out_count = count;
    return out;
}

/* Groups that did not change, to the flows that are to see all of them once. */
static weir_code emit_again(const emit_list *list)
{
    op_aggregate *aggregate = list->aggregate;
    size_t        count = 0, kept = 0;
    weir_code     rc = WEIR_OK;
    bool          any = false;
    for (uint32_t o = 0; o < aggregate->outputs; o++)
        any |= aggregate->output[o].again;
    if (!any)
        return WEIR_OK;
    op_group **group = groups_of(list->slice, list->slice->panes, &count);
    for (size_t i = 0; i < count; i++)
        if (!group[i]->changed)
            group[kept++] = group[i];
    op_sort_groups(aggregate, group, kept); /* emit 1 */
    for (size_t from = 0; rc == WEIR_OK && from < kept; from += WEIR_BATCH_ROWS) {
        size_t   left = kept - from;
        uint32_t some = left < WEIR_BATCH_ROWS ? (uint32_t)left : WEIR_BATCH_ROWS;
        for (uint32_t o = 0; rc == WEIR_OK && o < aggregate->outputs; o++)
            if (aggregate->output[o].again)
                rc = emit_batch(list, group + from, some, &aggregate->output[o]);
    }
    weir_heap_free(group);
    return rc;
}

static weir_code emit_changed(const emit_list *list)
{
    op_slice *slice = list->slice;
    weir_code rc = WEIR_OK;
    if (list->aggregate->any_changes) {
        op_sort_groups(list->aggregate, slice->changed, slice->changes); /* emit 1 */
        rc = emit_groups(list, slice->changed, slice->changes, false);
    }
    for (uint32_t i = 0; rc == WEIR_OK && i < slice->changes; i++) {
        op_group *group = slice->changed[i];
        group->changed = false;
        list->emission->negative += group->rows < 0;
        if (group->rows == 0)
            op_slice_remove(list->aggregate, slice, group); /* emit 2 */
    }
    slice->changes = 0;
    return rc;
}

/* Windows that end at or before the watermark; at the very end also groups without a
   window go to final sinks, and stay. */
static weir_code close_windows(const emit_list *list, int64_t watermark_us)
{
    op_aggregate *aggregate = list->aggregate;
    op_slice     *slice = list->slice;
    weir_code     rc = WEIR_OK;
    uint32_t      panes = 0;
    while (panes < slice->panes && slice->pane[panes]->end <= watermark_us)
        panes++;
    if (panes > 0 && aggregate->any_final) {
        size_t     count;
        op_group **group = groups_of(slice, panes, &count);
        op_sort_groups(aggregate, group, count);
        rc = emit_groups(list, group, count, true);
        weir_heap_free(group);
    }
    if (rc != WEIR_OK || !aggregate->windowed)
        return rc;
    if (watermark_us == INT64_MAX) /* a run's end: of what is there, not of what the next brings */
        watermark_us = panes > 0 ? slice->pane[panes - 1]->end : slice->closed_us;
    if (watermark_us > slice->closed_us)
        slice->closed_us = watermark_us;
    op_slice_drop(aggregate, slice, panes);
    return WEIR_OK;
}

static void count_groups(weir_ops *ops, op_slice *slice)
{
    atomic_fetch_add_explicit(&ops->groups, slice->groups - slice->counted,
                              memory_order_relaxed); /* unsigned: a decrease wraps */
    slice->counted = slice->groups;
}

weir_code weir_ops_emit(weir_ops *ops, uint32_t slice, const int64_t *watermark_us,
                        weir_emission *emission, weir_err *err)
{
    weir_assert(slice < WEIR_SLICES);
    for (uint32_t a = 0; a < ops->aggregates; a++) {
        op_aggregate *aggregate = &ops->aggregate[a];
        emit_list     list = {.ops = ops, .aggregate = aggregate, .emission = emission,
                              .slice = &aggregate->slice[slice], .err = err};
        weir_code rc = emit_again(&list);
        if (rc == WEIR_OK)
            rc = emit_changed(&list);
        if (rc == WEIR_OK)
            rc = close_windows(&list, watermark_us[aggregate->table]);
        if (rc != WEIR_OK)
            return rc;
        count_groups(ops, list.slice);
    }
    return WEIR_OK;
}
