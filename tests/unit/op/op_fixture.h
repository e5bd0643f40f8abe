/* tests/op_fixture: plans made by hand, and rows to push through them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_FIXTURE_H
#define OP_FIXTURE_H

#include <string.h>

#include "weir/op.h"

#define MINUTE_US INT64_C(60000000)

static inline weir_type numeric_type(uint8_t precision, uint8_t scale)
{
    return (weir_type){.id = WEIR_T_NUMERIC, .precision = precision, .scale = scale};
}

static inline weir_expr *column_of(weir_arena *arena, uint32_t column, weir_type type)
{
    weir_expr *expr = WEIR_NEW(arena, weir_expr);
    *expr = (weir_expr){.kind = WEIR_EXPR_COLUMN, .type = type, .sql_at = -1, .column = column};
    return expr;
}

static inline weir_expr *constant_of(weir_arena *arena, weir_type type, const char *text)
{
    weir_expr *expr = WEIR_NEW(arena, weir_expr);
    weir_err   err;
    weir_err_clear(&err);
    *expr = (weir_expr){.kind = WEIR_EXPR_CONST, .type = type, .sql_at = -1};
    expr->value.null = text == NULL;
    if (text != NULL && weir_datum_parse(type, weir_str_of(text), &expr->value, &err) != WEIR_OK)
        weir_assert("a constant of a test" == NULL);
    return expr;
}

static inline weir_expr *call_of(weir_arena *arena, weir_function function, weir_type type,
                                 uint32_t args, const weir_expr **arg)
{
    weir_expr *expr = WEIR_NEW(arena, weir_expr);
    *expr = (weir_expr){.kind = WEIR_EXPR_CALL, .type = type, .sql_at = -1,
                        .function = function, .args = args};
    expr->arg = WEIR_ARRAY(arena, const weir_expr *, args + 1);
    memcpy(expr->arg, arg, sizeof(*arg) * args);
    return expr;
}

static inline weir_expr *call2(weir_arena *arena, weir_function function, weir_type type,
                               const weir_expr *a, const weir_expr *b)
{
    const weir_expr *arg[] = {a, b};
    return call_of(arena, function, type, 2, arg);
}

static inline weir_expr *status_in(weir_arena *arena, uint32_t column)
{
    weir_type        text = weir_type_of(WEIR_T_TEXT);
    const weir_expr *arg[] = {column_of(arena, column, text), constant_of(arena, text, "PAID"),
                              constant_of(arena, text, "SHIPPED")};
    return call_of(arena, WEIR_FN_IN, weir_type_of(WEIR_T_BOOL), 3, arg);
}

/* Columns of the table "orders". */
enum { ORDER_ID, ORDER_CUSTOMER, ORDER_STATUS, ORDER_AMOUNT, ORDER_PAID_AT, ORDER_COLUMNS };

static const weir_catalog_kind fixture_changelog = {.name = "changes", .changelog = true};
static const weir_catalog_kind fixture_appends = {.name = "appends"};

static inline weir_node *add_node(weir_plan *plan, weir_node_kind kind, const char *name,
                                  uint32_t input)
{
    weir_node *node = &plan->node[plan->nodes++];
    *node = (weir_node){.kind = kind, .name = weir_str_of(name), .sql_at = -1, .input = input,
                        .window_end = WEIR_NONE, .table = WEIR_NONE};
    return node;
}

static inline weir_schema schema_of(weir_arena *arena, uint32_t count, const weir_type *type)
{
    weir_schema schema = {.count = count, .field = WEIR_ARRAY(arena, weir_field, count)};
    for (uint32_t i = 0; i < count; i++)
        schema.field[i] = (weir_field){.name = WEIR_STR("c"), .type = type[i]};
    return schema;
}

/* A plan with the source table "orders" and two sink tables: changes and final. */
static inline weir_plan *plan_with_orders(weir_arena *arena, bool changelog)
{
    const weir_type type[ORDER_COLUMNS] = {
        weir_type_of(WEIR_T_INT64), weir_type_of(WEIR_T_TEXT), weir_type_of(WEIR_T_TEXT),
        numeric_type(12, 2), weir_type_of(WEIR_T_TIMESTAMPTZ)};
    weir_plan *plan = WEIR_NEW(arena, weir_plan);
    plan->table = WEIR_ARRAY(arena, weir_table, 3);
    plan->tables = 3;
    plan->node = WEIR_ARRAY(arena, weir_node, 64);
    plan->table[0] = (weir_table){.name = WEIR_STR("orders"), .source = true,
                                  .schema = schema_of(arena, ORDER_COLUMNS, type),
                                  .event_time = ORDER_PAID_AT};
    plan->table[0].format = changelog ? &fixture_changelog : &fixture_appends;
    plan->table[1] = (weir_table){.name = WEIR_STR("revenue")};
    plan->table[2] = (weir_table){.name = WEIR_STR("revenue_lake"), .final = true};
    weir_node *scan = add_node(plan, WEIR_NODE_SCAN, "orders", WEIR_NONE);
    scan->table = 0;
    scan->schema = plan->table[0].schema;
    return plan;
}

/* FILTER status IN ('PAID', 'SHIPPED'), tumble(paid_at, 1 minute); gives the WINDOW's
   number. Its output: the columns of orders, window_start, window_end. */
static inline uint32_t add_window(weir_arena *arena, weir_plan *plan, bool filter)
{
    uint32_t input = 0;
    if (filter) {
        weir_node *node = add_node(plan, WEIR_NODE_FILTER, "paid", input);
        node->predicate = status_in(arena, ORDER_STATUS);
        node->schema = plan->table[0].schema;
        input = plan->nodes - 1;
    }
    weir_node *node = add_node(plan, WEIR_NODE_WINDOW, "window", input);
    weir_type  type[ORDER_COLUMNS + 2];
    for (uint32_t i = 0; i < ORDER_COLUMNS; i++)
        type[i] = plan->table[0].schema.field[i].type;
    type[ORDER_COLUMNS] = type[ORDER_COLUMNS + 1] = weir_type_of(WEIR_T_TIMESTAMPTZ);
    node->schema = schema_of(arena, ORDER_COLUMNS + 2, type);
    node->shape = WEIR_WINDOW_TUMBLE;
    node->time = column_of(arena, ORDER_PAID_AT, weir_type_of(WEIR_T_TIMESTAMPTZ));
    node->size_us = MINUTE_US;
    return plan->nodes - 1;
}

static inline weir_aggregate aggregate_of(weir_aggregate_fn fn, const weir_expr *arg,
                                          weir_type type)
{
    return (weir_aggregate){.fn = fn, .arg = arg, .type = type};
}

/* GROUP BY key columns of the input; gives the node's number. */
typedef struct grouping {
    uint32_t              keys;
    const uint32_t       *key;
    uint32_t              aggregates;
    const weir_aggregate *aggregate;
} grouping;

static inline uint32_t add_aggregate(weir_arena *arena, weir_plan *plan, uint32_t input,
                                     const grouping *by)
{
    const uint32_t keys = by->keys, aggregates = by->aggregates;
    weir_node *node = add_node(plan, WEIR_NODE_AGGREGATE, "per_minute", input);
    const weir_schema *in = &plan->node[input].schema;
    weir_type type[64];
    node->column = WEIR_ARRAY(arena, const weir_expr *, keys + 1);
    for (uint32_t i = 0; i < keys; i++) {
        type[i] = in->field[by->key[i]].type;
        node->column[i] = column_of(arena, by->key[i], type[i]);
    }
    node->groups = keys;
    node->aggregate = WEIR_ARRAY(arena, weir_aggregate, aggregates + 1);
    node->aggregates = aggregates;
    for (uint32_t i = 0; i < aggregates; i++) {
        node->aggregate[i] = by->aggregate[i];
        type[keys + i] = by->aggregate[i].type;
    }
    node->schema = schema_of(arena, keys + aggregates, type);
    if (plan->node[input].kind == WEIR_NODE_WINDOW)
        node->window_end = ORDER_COLUMNS + 1;
    return plan->nodes - 1;
}

static inline void add_sink(weir_plan *plan, uint32_t input, uint32_t table)
{
    weir_node *node = add_node(plan, WEIR_NODE_SINK, table == 1 ? "revenue" : "revenue_lake",
                               input);
    node->table = table;
    node->schema = plan->node[input].schema;
    plan->table[table].schema = node->schema;
}

/* The main job: revenue per customer and minute, to both sinks. */
static inline weir_plan *main_job(weir_arena *arena)
{
    weir_plan *plan = plan_with_orders(arena, true);
    uint32_t   window = add_window(arena, plan, true);
    const uint32_t key[] = {ORDER_COLUMNS, ORDER_CUSTOMER};
    const weir_aggregate aggregate[] = {
        aggregate_of(WEIR_AGG_COUNT_STAR, NULL, weir_type_of(WEIR_T_INT64)),
        aggregate_of(WEIR_AGG_SUM, column_of(arena, ORDER_AMOUNT, numeric_type(12, 2)),
                     numeric_type(38, 2))};
    uint32_t top = add_aggregate(arena, plan, window, &(grouping){2, key, 2, aggregate});
    add_sink(plan, top, 1);
    add_sink(plan, top, 2);
    return plan;
}

#endif
