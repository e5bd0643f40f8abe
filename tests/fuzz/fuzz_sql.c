/* tests/fuzz_sql: any bytes through the SQL front: an error with a place, or a sound plan.
 *
 * Of a plan must hold: inputs come before their readers, expressions name columns that are
 * there, the sink's input has the sink's types; and explain prints it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "../unit/sql/fake_catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is)
{
    if (!is)
        __builtin_trap();
}

static void check_expr(const weir_expr *expr, const weir_schema *schema)
{
    require(expr->type.id != WEIR_T_UNKNOWN);
    if (expr->kind != WEIR_EXPR_COLUMN) {
        for (uint32_t i = 0; i < expr->args; i++)
            check_expr(expr->arg[i], schema);
        return;
    }
    require(expr->column < schema->count);
    require(weir_type_same(expr->type, schema->field[expr->column].type));
}

static void check_node(const weir_plan *plan, uint32_t index)
{
    const weir_node *node = &plan->node[index];
    require(node->input == WEIR_NONE ? node->kind == WEIR_NODE_SCAN : node->input < index);
    if (node->input == WEIR_NONE)
        return;
    const weir_schema *input = &plan->node[node->input].schema;
    uint32_t           columns = node->kind == WEIR_NODE_PROJECT     ? node->schema.count
                                 : node->kind == WEIR_NODE_AGGREGATE ? node->groups
                                                                     : 0;
    for (uint32_t i = 0; i < columns; i++)
        check_expr(node->column[i], input);
    for (uint32_t i = 0; i < node->aggregates; i++) {
        if (node->aggregate[i].arg != NULL)
            check_expr(node->aggregate[i].arg, input);
        if (node->aggregate[i].filter != NULL)
            check_expr(node->aggregate[i].filter, input);
    }
    if (node->predicate != NULL)
        check_expr(node->predicate, input);
    if (node->time != NULL)
        check_expr(node->time, input);
    for (uint32_t i = 0; node->kind == WEIR_NODE_SINK && i < input->count; i++)
        require(weir_type_same(input->field[i].type, node->schema.field[i].type));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static weir_sql_errors errors;
    static weir_sql_param  param = {{"NAME", 4}, {"it's \"${x}\\", 11}};
    weir_arena            *arena = weir_arena_new("fuzz", 1 << 16);
    weir_plan             *plan = NULL;
    weir_buf               text = {0};
    weir_sql_input         input = {.file = "fuzz.sql",
                                    .text = {(const char *)data, size},
                                    .catalog = &fake_catalog,
                                    .param = &param,
                                    .params = 1,
                                    .lenient_variables = true,
                                    .terminal_select = true};
    if (weir_sql_plan(&input, arena, &plan, &errors) == WEIR_OK) {
        for (uint32_t i = 0; i < plan->nodes; i++)
            check_node(plan, i);
        weir_plan_print(&text, plan);
        require(text.len > 0);
    } else {
        require(errors.count > 0 && errors.count <= WEIR_SQL_ERRORS_MAX);
        for (uint32_t i = 0; i < errors.count; i++)
            require(errors.error[i].line > 0 && errors.error[i].column > 0);
        weir_sql_errors_print(&text, "fuzz.sql", &errors);
        require(weir_str_utf8(weir_buf_view(&text)));
    }
    weir_buf_done(&text);
    weir_arena_free(arena);
    return 0;
}
