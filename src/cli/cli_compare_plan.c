/* cli/compare_plan: what a plan says of the rows of a sink table: windows, and where they came
 * from.
 *
 * Gives      compare_window, compare_depends_on_cuts, compare_closed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_compare.h"

static uint32_t column_below(const weir_node *node, uint32_t column)
{
    bool made = node->kind == WEIR_NODE_PROJECT || node->kind == WEIR_NODE_AGGREGATE;
    if (!made)
        return column;
    if (node->kind == WEIR_NODE_AGGREGATE && column >= node->groups)
        return WEIR_NONE;
    const weir_expr *expr = node->column[column];
    if (expr->kind == WEIR_EXPR_CALL && expr->function == WEIR_FN_NOT_NULL)
        expr = expr->arg[0];
    return expr->kind == WEIR_EXPR_COLUMN ? expr->column : WEIR_NONE;
}

bool compare_window(const weir_plan *plan, uint32_t at, uint32_t column,
                    int64_t *out_end_us)
{
    while (at != WEIR_NONE && column != WEIR_NONE) {
        const weir_node *node = &plan->node[at];
        if (node->kind == WEIR_NODE_WINDOW && column + 2 >= node->schema.count) {
            *out_end_us = column + 2 == node->schema.count ? node->size_us : 0;
            return true;
        }
        if (node->kind != WEIR_NODE_SINK)
            column = column_below(node, column);
        at = node->input;
    }
    return false;
}

bool compare_depends_on_cuts(const weir_plan *plan, uint32_t at)
{
    const weir_table *table = &plan->table[plan->node[at].table];
    for (; at != WEIR_NONE && !table->final; at = plan->node[at].input)
        if (plan->node[at].kind == WEIR_NODE_AGGREGATE)
            return true;
    return false;
}

int64_t compare_closed(const weir_plan *plan, uint32_t at, const weir_facts *facts)
{
    if (facts->end)
        return INT64_MAX;
    while (plan->node[at].kind != WEIR_NODE_SCAN)
        at = plan->node[at].input;
    weir_str source = plan->table[plan->node[at].table].name;
    for (uint32_t p = 0; p < facts->partitions; p++)
        if (weir_str_eq(facts->partition[p].table, source))
            return facts->partition[p].closed_us;
    return INT64_MIN;
}
