/* op/op_adopt: state of the plan before, for the operators of this one.
 *
 * Gives      weir_ops_adopt, weir_ops_begin, op_adopted_find, op_adopted_bit.
 * Always     1. an accumulator is only filled from one that computes the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_adopt.h"

#include <string.h>

#include "weir/arena.h"

static op_aggregate *aggregate_named(weir_ops *ops, weir_str name)
{
    for (uint32_t a = 0; a < ops->aggregates; a++)
        if (weir_str_eq(ops->aggregate[a].node->name, name))
            return &ops->aggregate[a];
    return NULL;
}

static op_last_value *last_named(const weir_ops *ops, weir_str name)
{
    for (uint32_t t = 0; t < ops->plan->tables; t++)
        if (ops->source[t].last != NULL && weir_str_eq(op_last_name(ops->source[t].last), name))
            return ops->source[t].last;
    return NULL;
}

/* Accumulators as the old plan had them: only what reading their bytes needs. */
static void lay_out(const weir_ops *ops, op_adopted *adopted)
{
    const weir_kept_step *old = adopted->old;
    adopted->accumulator = WEIR_ARRAY(ops->arena, op_accumulator, old->values + 1);
    for (uint32_t i = 0; i < old->values; i++) {
        const weir_kept_value *value = &old->value[i];
        weir_aggregate *spec = WEIR_NEW(ops->arena, weir_aggregate);
        weir_expr      *arg = WEIR_NEW(ops->arena, weir_expr);
        *arg = (weir_expr){.kind = WEIR_EXPR_COLUMN, .type = value->arg, .sql_at = -1};
        *spec = (weir_aggregate){.fn = (weir_aggregate_fn)value->fn,
                                 .arg = value->arg.id != WEIR_T_UNKNOWN ? arg : NULL,
                                 .filter = value->filtered ? arg : NULL,
                                 .distinct = value->distinct, .type = value->result};
        agg_choose(spec, adopted->aggregate->changelog, &adopted->accumulator[i]);
    }
    adopted->signature =
        op_signature(adopted->aggregate, adopted->accumulator, old->values);
}

static void adopt_step(weir_ops *ops, const weir_step_change *step, op_adopted *out)
{
    out->old = step->old;
    out->loads = step->loads;
    if (!step->loads)
        return;
    out->from = step->from;
    out->unknown = step->unknown;
    out->to = WEIR_ARRAY(ops->arena, uint32_t, step->old->values + 1);
    memset(out->to, 0xff, sizeof(uint32_t) * (step->old->values + 1));
    for (uint32_t i = 0; i < step->now->values; i++)
        if (step->from[i] != WEIR_NONE)
            out->to[step->from[i]] = i;
    if (step->now->kind == WEIR_KEPT_ROWS) {
        out->last = last_named(ops, step->now->name);
        weir_assert(out->last != NULL);
        return;
    }
    out->aggregate = aggregate_named(ops, step->now->name);
    weir_assert(out->aggregate != NULL);
    lay_out(ops, out);
    for (uint32_t i = 0; i < step->now->values; i++)
        if (step->from[i] != WEIR_NONE)
            weir_assert(out->aggregate->accumulator[i].kind ==
                        out->accumulator[step->from[i]].kind); /* 1 */
}

static op_output *output_named(const weir_ops *ops, op_aggregate *aggregate, weir_str name)
{
    for (uint32_t o = 0; o < aggregate->outputs; o++)
        if (weir_str_eq(ops->plan->node[aggregate->output[o].node].name, name))
            return &aggregate->output[o];
    return NULL;
}

void weir_ops_adopt(weir_ops *ops, const weir_change *change)
{
    weir_assert(ops->change == NULL);
    ops->change = change;
    ops->adopted = WEIR_ARRAY(ops->arena, op_adopted, change->steps + 1);
    for (uint32_t i = 0; i < change->steps; i++)
        if (change->step[i].old != NULL)
            adopt_step(ops, &change->step[i], &ops->adopted[i]);
    for (uint32_t f = 0; f < change->flows; f++)
        for (uint32_t a = 0; change->flow[f].again && a < ops->aggregates; a++) {
            op_output *output =
                output_named(ops, &ops->aggregate[a], change->flow[f].now->name);
            if (output != NULL && !output->final)
                output->again = true;
        }
}

void weir_ops_begin(weir_ops *ops, const weir_kept *kept)
{
    for (uint32_t i = 0; i < kept->steps; i++) {
        const weir_kept_step *step = &kept->step[i];
        op_aggregate *aggregate = step->kind == WEIR_KEPT_GROUPS
                                      ? aggregate_named(ops, step->name)
                                      : NULL;
        if (aggregate != NULL)
            aggregate->whole_us = step->whole_us;
    }
}

const op_adopted *op_adopted_find(const weir_ops *ops, weir_kept_kind kind, weir_str name)
{
    for (uint32_t i = 0; ops->change != NULL && i < ops->change->steps; i++) {
        const op_adopted *adopted = &ops->adopted[i];
        if (adopted->old != NULL && adopted->old->kind == kind &&
            weir_str_eq(adopted->old->name, name))
            return adopted;
    }
    return NULL;
}

uint32_t op_adopted_bit(const weir_ops *ops, const op_aggregate *aggregate, weir_str flow)
{
    weir_str name = flow;
    for (uint32_t f = 0; ops->change != NULL && f < ops->change->flows; f++) {
        const weir_flow_change *change = &ops->change->flow[f];
        if (change->old == NULL || !weir_str_eq(change->old->name, flow))
            continue;
        if (!change->has_rows)
            return OP_FLOWS_MAX;
        name = change->now->name;
    }
    for (uint32_t o = 0; o < aggregate->outputs; o++)
        if (!aggregate->output[o].final &&
            weir_str_eq(name, ops->plan->node[aggregate->output[o].node].name))
            return aggregate->output[o].bit;
    return OP_FLOWS_MAX;
}
