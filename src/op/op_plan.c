/* op/op_plan: a plan as what runs it: which nodes each source's rows go through, which
 * aggregates and sinks they reach, and which nodes lie above each aggregate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "op_adopt.h"
#include "op_lane_table.h"
#include "op_slice.h"
#include "weir/arena.h"
#include "weir/hash.h"

/* The SCAN or AGGREGATE that a node's rows come from. */
static uint32_t origin_of(const weir_plan *plan, uint32_t number)
{
    uint32_t at = plan->node[number].input;
    while (plan->node[at].kind != WEIR_NODE_SCAN && plan->node[at].kind != WEIR_NODE_AGGREGATE)
        at = plan->node[at].input;
    return at;
}

static bool in_middle(const weir_node *node)
{
    return node->kind == WEIR_NODE_FILTER || node->kind == WEIR_NODE_PROJECT ||
           node->kind == WEIR_NODE_WINDOW;
}

static uint32_t flow_of(const weir_ops *ops, uint32_t sink)
{
    for (uint32_t f = 0; f < ops->flows; f++)
        if (ops->flow_node[f] == sink)
            return f;
    weir_assert("a SINK node has a flow" == NULL);
    return 0;
}

static void list_flows(weir_ops *ops)
{
    ops->flow_node = WEIR_ARRAY(ops->arena, uint32_t, ops->plan->nodes + 1);
    for (uint32_t n = 0; n < ops->plan->nodes; n++)
        if (ops->plan->node[n].kind == WEIR_NODE_SINK)
            ops->flow_node[ops->flows++] = n;
}

static bool is_changelog(const weir_table *table)
{
    return table->format != NULL && table->format->changelog;
}

static bool keeps_last_values(const weir_table *table)
{
    return table->source && is_changelog(table) && table->keys > 0 && table->opts != NULL &&
           weir_str_is(weir_opts_text(table->opts, "old_row"), "state");
}

/* Nodes that read the table's scan, without an aggregate between. */
static void plan_source(weir_ops *ops, uint32_t table)
{
    const weir_plan *plan = ops->plan;
    op_source       *source = &ops->source[table];
    source->path.node = WEIR_ARRAY(ops->arena, uint32_t, plan->nodes + 1);
    source->aggregate = WEIR_ARRAY(ops->arena, uint32_t, plan->nodes + 1);
    source->through = WEIR_ARRAY(ops->arena, op_through, plan->nodes + 1);
    uint32_t aggregate = 0;
    for (uint32_t n = 0; n < plan->nodes; n++) {
        const weir_node *node = &plan->node[n];
        if (node->kind == WEIR_NODE_SCAN)
            continue;
        uint32_t number = aggregate;
        aggregate += node->kind == WEIR_NODE_AGGREGATE;
        const weir_node *origin = &plan->node[origin_of(plan, n)];
        if (origin->kind != WEIR_NODE_SCAN || origin->table != table)
            continue;
        if (in_middle(node))
            source->path.node[source->path.nodes++] = n;
        else if (node->kind == WEIR_NODE_AGGREGATE)
            source->aggregate[source->aggregates++] = number;
        else
            source->through[source->throughs++] = (op_through){flow_of(ops, n), n};
    }
}

/* The nodes between an aggregate and one of its sinks, in their order. */
static void plan_path(weir_ops *ops, uint32_t from, uint32_t sink, op_path *out)
{
    uint32_t nodes = 0;
    for (uint32_t at = ops->plan->node[sink].input; at != from; at = ops->plan->node[at].input)
        nodes++;
    out->nodes = nodes;
    out->node = WEIR_ARRAY(ops->arena, uint32_t, nodes + 1);
    for (uint32_t at = ops->plan->node[sink].input; at != from; at = ops->plan->node[at].input)
        out->node[--nodes] = at;
}

static weir_code plan_outputs(weir_ops *ops, op_aggregate *aggregate, weir_err *err)
{
    const weir_plan *plan = ops->plan;
    uint32_t         bits = 0;
    aggregate->output = WEIR_ARRAY(ops->arena, op_output, plan->nodes + 1);
    for (uint32_t n = aggregate->node_number + 1; n < plan->nodes; n++) {
        const weir_node *node = &plan->node[n];
        if (node->kind == WEIR_NODE_SCAN || origin_of(plan, n) != aggregate->node_number)
            continue;
        if (node->kind == WEIR_NODE_AGGREGATE || node->kind == WEIR_NODE_WINDOW) {
            (void)weir_fail(err, WEIR_E_SQL, "'%.*s' groups or windows the result of a GROUP BY",
                            WEIR_STR_FMT(node->name));
            (void)weir_err_hint(err, "group once, over the source");
            return weir_err_at(err, node->sql_at);
        }
        if (node->kind != WEIR_NODE_SINK)
            continue;
        op_output *output = &aggregate->output[aggregate->outputs++];
        *output = (op_output){.flow = flow_of(ops, n), .node = n,
                              .final = plan->table[node->table].final,
                              .ordered = plan->table[node->table].keys == 0};
        plan_path(ops, aggregate->node_number, n, &output->path);
        aggregate->any_final |= output->final;
        aggregate->any_changes |= !output->final;
        if (!output->final)
            output->bit = bits++;
    }
    if (bits <= OP_FLOWS_MAX)
        return WEIR_OK;
    return weir_fail(err, WEIR_E_LIMIT, "more than %u sinks take the changes of '%.*s'",
                     OP_FLOWS_MAX, WEIR_STR_FMT(aggregate->node->name));
}

uint64_t op_signature(const op_aggregate *aggregate, const op_accumulator *list,
                      uint32_t accumulators)
{
    weir_buf text = {0};
    for (uint32_t i = 0; i < aggregate->node->groups; i++) {
        weir_type type = aggregate->key_type[i];
        weir_buf_format(&text, "key %u %u;", type.id,
                        type.id == WEIR_T_NUMERIC ? type.scale : 0);
    }
    weir_buf_format(&text, "%s;", aggregate->windowed ? "windowed" : "forever");
    for (uint32_t a = 0; a < accumulators; a++) {
        const op_accumulator *accumulator = &list[a];
        weir_buf_format(&text, "%s %u %u %s %u;", accumulator->kind->name,
                        accumulator->arg.id, accumulator->arg.scale,
                        accumulator->distinct ? accumulator->distinct->name : "all",
                        accumulator->spec->fn == WEIR_AGG_MIN);
    }
    uint64_t signature = weir_hash64(weir_buf_view(&text));
    weir_buf_done(&text);
    return signature;
}

static uint32_t round_up_16(uint32_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

static void place_accumulators(weir_ops *ops, op_aggregate *aggregate)
{
    const weir_node *node = aggregate->node;
    uint32_t         at = sizeof(op_group);
    aggregate->accumulators = node->aggregates;
    aggregate->accumulator = WEIR_ARRAY(ops->arena, op_accumulator, node->aggregates + 1);
    for (uint32_t a = 0; a < node->aggregates; a++) {
        op_accumulator *accumulator = &aggregate->accumulator[a];
        agg_choose(&node->aggregate[a], aggregate->changelog, accumulator);
        accumulator->offset = at;
        at += round_up_16(accumulator->kind->bytes);
    }
    aggregate->key_at = at;
    aggregate->key_type = WEIR_ARRAY(ops->arena, weir_type, node->groups + 1);
    for (uint32_t i = 0; i < node->groups; i++)
        aggregate->key_type[i] = node->column[i]->type;
    aggregate->signature =
        op_signature(aggregate, aggregate->accumulator, aggregate->accumulators);
}

static weir_code plan_aggregate(weir_ops *ops, uint32_t number, op_aggregate *aggregate,
                                weir_err *err)
{
    const weir_node *node = &ops->plan->node[number];
    const weir_node *origin = &ops->plan->node[origin_of(ops->plan, number)];
    aggregate->node_number = number;
    aggregate->node = node;
    aggregate->windowed = node->window_end != WEIR_NONE;
    aggregate->whole_us = INT64_MIN;
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        op_slice_init(&aggregate->slice[s]);
    weir_code rc = plan_outputs(ops, aggregate, err);
    if (rc != WEIR_OK || origin->kind != WEIR_NODE_SCAN)
        return rc; /* the aggregate below has refused it */
    aggregate->table = origin->table;
    aggregate->changelog = is_changelog(&ops->plan->table[origin->table]);
    place_accumulators(ops, aggregate);
    aggregate->lane = WEIR_ARRAY(ops->arena, op_lane_table, ops->lanes);
    for (uint32_t lane = 0; lane < ops->lanes; lane++)
        op_lane_init(&aggregate->lane[lane], ops->budget, aggregate->key_at);
    return WEIR_OK;
}

static weir_code plan_aggregates(weir_ops *ops, weir_err *err)
{
    const weir_plan *plan = ops->plan;
    ops->aggregate = WEIR_ARRAY(ops->arena, op_aggregate, plan->nodes + 1);
    for (uint32_t n = 0; n < plan->nodes; n++) {
        if (plan->node[n].kind != WEIR_NODE_AGGREGATE)
            continue;
        weir_code rc = plan_aggregate(ops, n, &ops->aggregate[ops->aggregates], err);
        if (rc != WEIR_OK)
            return rc;
        ops->aggregates++;
    }
    return WEIR_OK;
}

static void start_passed(weir_ops *ops, op_passed *passed)
{
    passed->batch = WEIR_ARRAY(ops->arena, weir_batch **, ops->flows + 1);
    passed->batches = WEIR_ARRAY(ops->arena, uint32_t, ops->flows + 1);
    passed->room = WEIR_ARRAY(ops->arena, uint32_t, ops->flows + 1);
    passed->rows = WEIR_ARRAY(ops->arena, uint64_t, ops->flows + 1);
}

static void forget_passed(const weir_ops *ops, op_passed *passed)
{
    memset(passed->batch, 0, sizeof(weir_batch **) * ops->flows);
    memset(passed->batches, 0, sizeof(uint32_t) * ops->flows);
    memset(passed->room, 0, sizeof(uint32_t) * ops->flows);
    memset(passed->rows, 0, sizeof(uint64_t) * ops->flows);
    weir_arena_reset(passed->arena);
}

weir_code weir_ops_new(const weir_plan *plan, uint32_t lanes, weir_budget *budget,
                       weir_ops **out, weir_err *err)
{
    weir_assert(lanes > 0);
    weir_assert(lanes <= WEIR_LANES_MAX);
    weir_arena *arena = weir_arena_new("operators", 64u << 10);
    weir_ops   *ops = WEIR_NEW(arena, weir_ops);
    ops->plan = plan;
    ops->arena = arena;
    ops->budget = budget;
    ops->lanes = lanes;
    list_flows(ops);
    ops->source = WEIR_ARRAY(arena, op_source, plan->tables + 1);
    weir_code rc = plan_aggregates(ops, err);
    if (rc != WEIR_OK) {
        weir_ops_free(ops);
        return rc;
    }
    for (uint32_t t = 0; t < plan->tables; t++) {
        plan_source(ops, t);
        if (keeps_last_values(&plan->table[t]))
            ops->source[t].last = op_last_new(ops, &plan->table[t]);
    }
    ops->passed = WEIR_ARRAY(arena, op_passed, 2 * lanes);
    for (uint32_t i = 0; i < 2 * lanes; i++) {
        start_passed(ops, &ops->passed[i]);
        ops->passed[i].arena = weir_arena_new("passed rows", 64u << 10);
    }
    *out = ops;
    return WEIR_OK;
}

void weir_ops_free(weir_ops *ops)
{
    if (ops == NULL)
        return;
    for (uint32_t a = 0; a < ops->aggregates; a++) {
        op_aggregate *aggregate = &ops->aggregate[a];
        for (uint32_t lane = 0; aggregate->lane != NULL && lane < ops->lanes; lane++)
            op_lane_done(&aggregate->lane[lane]);
        for (uint32_t s = 0; s < WEIR_SLICES; s++)
            op_slice_done(&aggregate->slice[s]);
    }
    for (uint32_t t = 0; ops->source != NULL && t < ops->plan->tables; t++)
        op_last_free(ops->source[t].last);
    for (uint32_t i = 0; ops->passed != NULL && i < 2 * ops->lanes; i++)
        weir_arena_free(ops->passed[i].arena);
    weir_arena_free(ops->arena); /* ops lies in it */
}

void weir_ops_next(weir_ops *ops)
{
    for (uint32_t a = 0; a < ops->aggregates; a++) {
        op_aggregate *aggregate = &ops->aggregate[a];
        for (uint32_t lane = 0; lane < ops->lanes; lane++)
            op_lane_reset(&aggregate->lane[lane]);
        for (uint32_t o = 0; o < aggregate->outputs; o++)
            aggregate->output[o].again = false;
    }
    weir_assert(!ops->unrecycled); /* two epochs' rows, not three */
    ops->turn = !ops->turn;
    ops->unrecycled = true;
}

void weir_ops_recycle(weir_ops *ops)
{
    if (!ops->unrecycled)
        return;
    for (uint32_t lane = 0; lane < ops->lanes; lane++)
        forget_passed(ops, &ops->passed[2 * lane + !ops->turn]);
    ops->unrecycled = false;
}

uint64_t weir_ops_groups(const weir_ops *ops)
{
    return atomic_load_explicit(&ops->groups, memory_order_relaxed);
}

bool weir_ops_has_windows(const weir_ops *ops)
{
    for (uint32_t a = 0; a < ops->aggregates; a++)
        if (ops->aggregate[a].windowed)
            return true;
    return false;
}

size_t weir_ops_slice_bytes(const weir_ops *ops, uint32_t slice)
{
    size_t bytes = 0;
    weir_assert(slice < WEIR_SLICES);
    for (uint32_t a = 0; a < ops->aggregates; a++)
        bytes += ops->aggregate[a].slice[slice].stored_bytes;
    for (uint32_t t = 0; t < ops->plan->tables; t++)
        if (ops->source[t].last != NULL)
            bytes += op_last_bytes(ops->source[t].last, slice);
    return bytes;
}
