/* sql/graph: the plan's nodes: each is there once, under a name that stays.
 *
 * Gives      sql_node_add, sql_filter, sql_schema_copy, sql_node_kind_name, sql_finish.
 * Always     1. an input comes before its reader.
 *            2. of two nodes that compute the same there is one, but for sinks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

#include "weir/hash.h"

const char *sql_node_kind_name(weir_node_kind kind)
{
    switch (kind) {
    case WEIR_NODE_SCAN:
        return "scan";
    case WEIR_NODE_FILTER:
        return "filter";
    case WEIR_NODE_PROJECT:
        return "project";
    case WEIR_NODE_WINDOW:
        return "window";
    case WEIR_NODE_AGGREGATE:
        return "aggregate";
    default:
        return "sink";
    }
}

weir_schema sql_schema_copy(sql_job *job, const weir_schema *schema, uint32_t more)
{
    weir_schema copy = {schema->count,
                        WEIR_ARRAY(job->arena, weir_field, schema->count + more + 1)};
    if (schema->count > 0)
        memcpy(copy.field, schema->field, sizeof *copy.field * schema->count);
    return copy;
}

static bool same_schema(const weir_schema *a, const weir_schema *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (!weir_str_eq(a->field[i].name, b->field[i].name) ||
            !weir_type_same(a->field[i].type, b->field[i].type))
            return false;
    return true;
}

static bool same_optional(const weir_expr *a, const weir_expr *b)
{
    return a == NULL || b == NULL ? a == b : weir_expr_same(a, b);
}

static bool same_columns(const weir_node *a, const weir_node *b)
{
    uint32_t count = a->kind == WEIR_NODE_PROJECT     ? a->schema.count
                     : a->kind == WEIR_NODE_AGGREGATE ? a->groups
                                                      : 0;
    for (uint32_t i = 0; i < count; i++)
        if (!weir_expr_same(a->column[i], b->column[i]))
            return false;
    for (uint32_t i = 0; i < a->aggregates; i++) {
        const weir_aggregate *x = &a->aggregate[i];
        const weir_aggregate *y = &b->aggregate[i];
        if (x->fn != y->fn || x->distinct != y->distinct ||
            !same_optional(x->arg, y->arg) || !same_optional(x->filter, y->filter))
            return false;
    }
    return true;
}

static bool same_node(const weir_node *a, const weir_node *b)
{
    return a->kind == b->kind && a->kind != WEIR_NODE_SINK && a->input == b->input &&
           a->table == b->table && a->groups == b->groups &&
           a->aggregates == b->aggregates && a->window_end == b->window_end &&
           a->size_us == b->size_us && a->offset_us == b->offset_us &&
           same_optional(a->predicate, b->predicate) && same_optional(a->time, b->time) &&
           same_schema(&a->schema, &b->schema) && same_columns(a, b);
}

static bool name_taken(const weir_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (weir_str_is(plan->node[i].name, name))
            return true;
    return false;
}

uint32_t sql_node_add(sql_job *job, const weir_node *node, weir_str base)
{
    weir_plan  *plan = job->plan;
    const char *kind = sql_node_kind_name(node->kind);
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (same_node(&plan->node[i], node))
            return i; /* graph 2 */
    if (plan->nodes == WEIR_NODES_MAX) {
        sql_error(job, 0, "the job has more than %u steps", WEIR_NODES_MAX);
        return WEIR_NONE;
    }
    weir_assert(node->input == WEIR_NONE || node->input < plan->nodes); /* graph 1 */
    const char *name = weir_arena_text(job->arena, "%.*s.%s", WEIR_STR_FMT(base), kind);
    for (uint32_t n = 2; name_taken(plan, name); n++)
        name = weir_arena_text(job->arena, "%.*s.%s#%u", WEIR_STR_FMT(base), kind, n);
    weir_node *added = &plan->node[plan->nodes];
    *added = *node;
    added->name = weir_str_of(name);
    return plan->nodes++;
}

bool sql_filter(sql_job *job, sql_relation *relation, const weir_expr *predicate,
                weir_str base)
{
    weir_node node = {.kind = WEIR_NODE_FILTER,
                      .input = relation->node,
                      .schema = relation->schema,
                      .predicate = predicate,
                      .sql_at = predicate->sql_at,
                      .table = WEIR_NONE,
                      .window_end = WEIR_NONE};
    relation->node = sql_node_add(job, &node, base);
    return relation->node != WEIR_NONE;
}

static void need_columns(const weir_expr *expr, bool *needed)
{
    if (expr == NULL)
        return;
    if (expr->kind == WEIR_EXPR_COLUMN)
        needed[expr->column] = true;
    for (uint32_t i = 0; i < expr->args; i++)
        need_columns(expr->arg[i], needed);
}

/* Marks in `below` what a node reads of its input, when its reader wants `above`. */
static void need_below(const weir_node *node, const bool *above, bool *below)
{
    switch (node->kind) {
    case WEIR_NODE_PROJECT:
        for (uint32_t i = 0; i < node->schema.count; i++)
            if (above[i])
                need_columns(node->column[i], below);
        return;
    case WEIR_NODE_AGGREGATE:
        for (uint32_t i = 0; i < node->groups; i++)
            need_columns(node->column[i], below);
        for (uint32_t i = 0; i < node->aggregates; i++) {
            need_columns(node->aggregate[i].arg, below);
            need_columns(node->aggregate[i].filter, below);
        }
        if (node->window_end != WEIR_NONE)
            below[node->window_end] = true;
        return;
    case WEIR_NODE_WINDOW:
        for (uint32_t i = 0; i + 2 < node->schema.count; i++)
            below[i] = below[i] || above[i];
        need_columns(node->time, below);
        return;
    default:
        need_columns(node->predicate, below);
        for (uint32_t i = 0; i < node->schema.count; i++)
            below[i] = below[i] || above[i];
    }
}

/* Checks, keys, NOT NULL and the event time are read of every row, whoever reads it. */
static void need_of_table(weir_table *table)
{
    for (uint32_t i = 0; i < table->checks; i++)
        need_columns(table->check[i].expr, table->needed);
    for (uint32_t i = 0; i < table->keys; i++)
        table->needed[table->key[i]] = true;
    for (uint32_t i = 0; i < table->schema.count; i++)
        if (table->schema.field[i].not_null)
            table->needed[i] = true;
    if (table->event_time != WEIR_NONE)
        table->needed[table->event_time] = true;
}

static void mark_needed(sql_job *job)
{
    weir_plan *plan = job->plan;
    bool     **needed = WEIR_ARRAY(job->arena, bool *, plan->nodes + 1);
    for (uint32_t i = 0; i < plan->nodes; i++)
        needed[i] = WEIR_ARRAY(job->arena, bool, plan->node[i].schema.count + 1);
    for (uint32_t i = plan->nodes; i-- > 0;) {
        const weir_node *node = &plan->node[i];
        if (node->kind == WEIR_NODE_SINK)
            memset(needed[i], true, node->schema.count);
        if (node->input != WEIR_NONE)
            need_below(node, needed[i], needed[node->input]);
        else
            for (uint32_t c = 0; c < node->schema.count; c++)
                plan->table[node->table].needed[c] |= needed[i][c];
    }
    for (uint32_t i = 0; i < plan->tables; i++)
        if (plan->table[i].source)
            need_of_table(&plan->table[i]);
}

/* Keeps the nodes that lead to a sink, in their order. */
static void drop_unread(sql_job *job)
{
    weir_plan *plan = job->plan;
    bool      *read = WEIR_ARRAY(job->arena, bool, plan->nodes + 1);
    uint32_t  *moved = WEIR_ARRAY(job->arena, uint32_t, plan->nodes + 1);
    uint32_t   kept = 0;
    for (uint32_t i = plan->nodes; i-- > 0;) {
        read[i] = read[i] || plan->node[i].kind == WEIR_NODE_SINK;
        if (read[i] && plan->node[i].input != WEIR_NONE)
            read[plan->node[i].input] = true;
    }
    for (uint32_t i = 0; i < plan->nodes; i++) {
        if (!read[i])
            continue;
        moved[i] = kept;
        plan->node[kept] = plan->node[i];
        if (plan->node[kept].input != WEIR_NONE)
            plan->node[kept].input = moved[plan->node[kept].input];
        kept++;
    }
    plan->nodes = kept;
}

/* Keeps the tables that some node names, in the order of the file. */
static void drop_unused_tables(sql_job *job)
{
    weir_plan *plan = job->plan;
    uint32_t   moved[WEIR_TABLES_MAX];
    plan->tables = 0;
    for (uint32_t t = 0; t < job->tables; t++) {
        bool used = false;
        for (uint32_t i = 0; i < plan->nodes; i++)
            used = used || plan->node[i].table == t;
        if (!used)
            continue;
        moved[t] = plan->tables;
        plan->table[plan->tables++] = *job->table[t].table;
    }
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (plan->node[i].table != WEIR_NONE)
            plan->node[i].table = moved[plan->node[i].table];
}

void sql_finish(sql_job *job)
{
    weir_buf text = {0};
    drop_unread(job);
    drop_unused_tables(job);
    mark_needed(job);
    sql_print_nodes(&text, job->plan);
    job->plan->fingerprint = weir_hash64(weir_buf_view(&text));
    weir_buf_done(&text);
}
