/* sql/explain: the plan for people: what is read, what is kept, what is written.
 *
 * Gives      weir_plan_print, sql_print_nodes.
 * Always     1. the same plan prints the same text.
 *            2. a node that several flows read is printed once, then named.
 * Never      prints an option that may be a secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <inttypes.h>
#include <string.h>

static void indent(weir_buf *out, uint32_t depth)
{
    for (uint32_t i = 0; i < depth; i++)
        weir_buf_text(out, "  ");
}

/* The largest unit that divides it: "10 minutes", "1 second", "250 ms". */
static void print_duration(weir_buf *out, int64_t us)
{
    static const struct {
        int64_t     us;
        const char *one, *many;
    } units[] = {{86400000000, "day", "days"},
                 {3600000000, "hour", "hours"},
                 {60000000, "minute", "minutes"},
                 {1000000, "second", "seconds"},
                 {1000, "ms", "ms"},
                 {1, "us", "us"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (us == 0 || us % units[i].us != 0)
            continue;
        int64_t count = us / units[i].us;
        weir_buf_format(out, "%" PRId64 " %s", count,
                        count == 1 ? units[i].one : units[i].many);
        return;
    }
    weir_buf_byte(out, '0');
}

static void print_label(weir_buf *out, uint32_t depth, const char *label)
{
    indent(out, depth);
    weir_buf_format(out, "%-11s ", label);
}

static void print_keys(weir_buf *out, const weir_table *table)
{
    for (uint32_t i = 0; i < table->keys; i++) {
        if (i > 0)
            weir_buf_text(out, ", ");
        weir_buf_str(out, table->schema.field[table->key[i]].name);
    }
}

static void print_job(weir_buf *out, const weir_job_settings *settings)
{
    weir_buf_format(out, "job %.*s\n",
                    WEIR_STR_FMT(settings->job_name.len > 0
                                     ? settings->job_name
                                     : WEIR_STR("(without a name)")));
    print_label(out, 1, "checkpoint");
    weir_buf_str(out, settings->checkpoint_location.len > 0 ? settings->checkpoint_location
                                                            : WEIR_STR("(nowhere)"));
    weir_buf_byte(out, '\n');
    print_label(out, 1, "epoch");
    print_duration(out, settings->epoch_interval_us);
    weir_buf_text(out, "\n\n");
}

static void print_reads(weir_buf *out, const weir_table *table)
{
    uint32_t shown = 0;
    print_label(out, 1, "reads");
    for (uint32_t i = 0; i < table->schema.count; i++) {
        const weir_field *field = &table->schema.field[i];
        if (!table->needed[i])
            continue;
        weir_buf_format(out, "%s%.*s ", shown++ > 0 ? ", " : "", WEIR_STR_FMT(field->name));
        weir_type_print(out, field->type);
        if (table->from[i] == WEIR_FROM_FIELD && !weir_str_eq(table->path[i], field->name))
            weir_buf_format(out, " (field %.*s)", WEIR_STR_FMT(table->path[i]));
    }
    if (shown == 0)
        weir_buf_text(out, "no column, only that there is a row");
    weir_buf_byte(out, '\n');
    if (shown == table->schema.count)
        return;
    print_label(out, 1, "");
    weir_buf_format(out, "(%u of %u columns)\n", shown, table->schema.count);
}

static void print_errors(weir_buf *out, const weir_table *table)
{
    weir_str limit = weir_opts_text(table->opts, "error_limit");
    weir_str name = weir_opts_text(table->opts, "dead_letter");
    print_label(out, 1, "bad records");
    weir_buf_str(out, weir_opts_text(table->opts, "on_error"));
    if (name.len > 0)
        weir_buf_format(out, " '%.*s'", WEIR_STR_FMT(name));
    if (limit.len > 0)
        weir_buf_format(out, ", stops above %.*s", WEIR_STR_FMT(limit));
    weir_buf_byte(out, '\n');
}

static void print_time(weir_buf *out, const weir_table *table)
{
    if (table->event_time == WEIR_NONE)
        return;
    print_label(out, 1, "event time");
    weir_buf_format(out, "%.*s; the watermark is ",
                    WEIR_STR_FMT(table->schema.field[table->event_time].name));
    if (table->watermark_us == 0) {
        weir_buf_text(out, "the highest one\n");
    } else {
        print_duration(out, table->watermark_us);
        weir_buf_text(out, " behind the highest one\n");
    }
    print_label(out, 1, "idle after");
    print_duration(out, weir_opts_int(table->opts, "idle_timeout"));
    weir_buf_byte(out, '\n');
}

static void print_source(weir_buf *out, const weir_table *table)
{
    bool changelog = table->format != NULL && table->format->changelog;
    weir_buf_format(out, "source %.*s (%s%s%s)\n", WEIR_STR_FMT(table->name),
                    table->connector->name, table->format != NULL ? ", " : "",
                    table->format != NULL ? table->format->name : "");
    print_reads(out, table);
    if (table->keys > 0) {
        print_label(out, 1, "key");
        print_keys(out, table);
        weir_buf_byte(out, '\n');
    }
    for (uint32_t i = 0; i < table->checks; i++) {
        print_label(out, 1, "check");
        weir_buf_format(out, "%.*s ", WEIR_STR_FMT(table->check[i].name));
        weir_expr_print(out, table->check[i].expr, &table->schema);
        weir_buf_byte(out, '\n');
    }
    print_time(out, table);
    print_errors(out, table);
    print_label(out, 1, "rows");
    if (!changelog)
        weir_buf_text(out, "inserts only\n");
    else if (weir_str_is(weir_opts_text(table->opts, "old_row"), "state"))
        weir_buf_text(out, "inserts, updates, deletes; the old row comes from a table of "
                           "last values by key, kept for ever\n");
    else
        weir_buf_text(out, "inserts, updates, deletes; the old row is in the event: "
                           "no state per row\n");
    weir_buf_byte(out, '\n');
}

/* The source at the bottom of a node. */
static const weir_table *source_of(const weir_plan *plan, const weir_node *node)
{
    while (node->input != WEIR_NONE)
        node = &plan->node[node->input];
    return &plan->table[node->table];
}

static bool below_is_changelog(const weir_plan *plan, const weir_node *node)
{
    const weir_table *table = source_of(plan, node);
    return table->format != NULL && table->format->changelog;
}

static void print_state(weir_buf *out, const weir_plan *plan, const weir_node *node,
                        uint32_t depth)
{
    bool     changelog = below_is_changelog(plan, node);
    uint32_t kept = 0;
    print_label(out, depth, "state");
    weir_buf_format(out, "per group a row count and %u aggregate%s, %s\n", node->aggregates,
                    node->aggregates == 1 ? "" : "s",
                    node->window_end != WEIR_NONE ? "until the window closes"
                    : node->groups == 0           ? "one group, for ever"
                                                  : "for ever: it grows with the groups");
    for (uint32_t i = 0; i < node->aggregates; i++) {
        const weir_aggregate *one = &node->aggregate[i];
        bool                  extreme = one->fn == WEIR_AGG_MIN || one->fn == WEIR_AGG_MAX;
        if (!one->distinct && !(extreme && changelog))
            continue;
        print_label(out, depth, kept++ == 0 ? "values" : "");
        sql_print_aggregate(out, one, &plan->node[node->input].schema);
        weir_buf_text(out, " keeps every value of a group with its count\n");
    }
}

static void print_aggregate_node(weir_buf *out, const weir_plan *plan,
                                 const weir_node *node, uint32_t depth)
{
    const weir_schema *input = &plan->node[node->input].schema;
    print_label(out, depth, "group by");
    for (uint32_t i = 0; i < node->groups; i++) {
        weir_buf_text(out, i > 0 ? ", " : "");
        weir_expr_print(out, node->column[i], input);
    }
    weir_buf_text(out, node->groups == 0 ? "nothing: one group\n" : "\n");
    for (uint32_t i = 0; i < node->aggregates; i++) {
        print_label(out, depth, i == 0 ? "computes" : "");
        sql_print_aggregate(out, &node->aggregate[i], input);
        weir_buf_byte(out, ' ');
        weir_type_print(out, node->aggregate[i].type);
        weir_buf_byte(out, '\n');
    }
    print_state(out, plan, node, depth);
}

static void print_project(weir_buf *out, const weir_plan *plan, const weir_node *node,
                          uint32_t depth)
{
    const weir_schema *input = &plan->node[node->input].schema;
    for (uint32_t i = 0; i < node->schema.count; i++) {
        weir_str name = node->schema.field[i].name;
        print_label(out, depth, i == 0 ? "columns" : "");
        weir_expr_print(out, node->column[i], input);
        if (node->column[i]->kind != WEIR_EXPR_COLUMN ||
            !weir_str_eq(name, input->field[node->column[i]->column].name))
            weir_buf_format(out, " AS %.*s", WEIR_STR_FMT(name));
        weir_buf_byte(out, '\n');
    }
}

static void print_window(weir_buf *out, const weir_plan *plan, const weir_node *node,
                         uint32_t depth)
{
    print_label(out, depth, "tumble");
    weir_expr_print(out, node->time, &plan->node[node->input].schema);
    weir_buf_text(out, " into windows of ");
    print_duration(out, node->size_us);
    if (node->offset_us != 0) {
        weir_buf_text(out, " that start ");
        print_duration(out, node->offset_us);
        weir_buf_text(out, " late");
    }
    weir_buf_byte(out, '\n');
}

static void print_node(weir_buf *out, const weir_plan *plan, uint32_t index, uint32_t depth,
                       bool *printed)
{
    const weir_node *node = &plan->node[index];
    indent(out, depth);
    if (node->kind == WEIR_NODE_SCAN) {
        weir_buf_format(out, "scan %.*s\n", WEIR_STR_FMT(plan->table[node->table].name));
        return;
    }
    weir_buf_str(out, node->name);
    if (printed[index]) {
        weir_buf_text(out, " (above: computed once)\n");
        return;
    }
    printed[index] = true;
    weir_buf_byte(out, '\n');
    if (node->kind == WEIR_NODE_FILTER) {
        print_label(out, depth + 1, "where");
        weir_expr_print(out, node->predicate, &node->schema);
        weir_buf_byte(out, '\n');
    } else if (node->kind == WEIR_NODE_PROJECT) {
        print_project(out, plan, node, depth + 1);
    } else if (node->kind == WEIR_NODE_WINDOW) {
        print_window(out, plan, node, depth + 1);
    } else if (node->kind == WEIR_NODE_AGGREGATE) {
        print_aggregate_node(out, plan, node, depth + 1);
    }
    print_node(out, plan, node->input, depth + 1, printed);
}

static bool has_window(const weir_plan *plan, const weir_node *node)
{
    for (; node->input != WEIR_NONE; node = &plan->node[node->input])
        if (node->kind == WEIR_NODE_AGGREGATE)
            return node->window_end != WEIR_NONE;
    return false;
}

static bool has_aggregate(const weir_plan *plan, const weir_node *node)
{
    for (; node->input != WEIR_NONE; node = &plan->node[node->input])
        if (node->kind == WEIR_NODE_AGGREGATE)
            return true;
    return false;
}

static void print_sink(weir_buf *out, const weir_plan *plan, const weir_node *sink,
                       bool *printed)
{
    const weir_table *table = &plan->table[sink->table];
    weir_buf_format(out, "sink %.*s (%s%s%s)\n", WEIR_STR_FMT(table->name),
                    table->connector->name, table->format != NULL ? ", " : "",
                    table->format != NULL ? table->format->name : "");
    print_label(out, 1, "writes");
    if (table->keys > 0) {
        weir_buf_text(out, "upserts by ");
        print_keys(out, table);
    } else {
        weir_buf_text(out, "appends");
    }
    weir_buf_byte(out, '\n');
    print_label(out, 1, "emit");
    if (table->final)
        weir_buf_text(out,
                      "final: a window's rows once, when the watermark passes its end\n");
    else if (!has_aggregate(plan, sink))
        weir_buf_text(out, "changes: every row as it comes\n");
    else
        weir_buf_format(out, "changes: the groups that changed in an epoch%s\n",
                        has_window(plan, sink) ? ", also before their window closes" : "");
    print_node(out, plan, sink->input, 1, printed);
    weir_buf_byte(out, '\n');
}

void weir_plan_print(weir_buf *out, const weir_plan *plan)
{
    bool printed[WEIR_NODES_MAX] = {false};
    print_job(out, &plan->settings);
    for (uint32_t i = 0; i < plan->tables; i++)
        if (plan->table[i].source)
            print_source(out, &plan->table[i]);
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (plan->node[i].kind == WEIR_NODE_SINK)
            print_sink(out, plan, &plan->node[i], printed);
}

static void print_schema(weir_buf *out, const weir_schema *schema)
{
    weir_buf_text(out, " ->");
    for (uint32_t i = 0; i < schema->count; i++) {
        weir_buf_format(out, " %.*s ", WEIR_STR_FMT(schema->field[i].name));
        weir_type_print(out, schema->field[i].type);
        weir_buf_byte(out, ';');
    }
    weir_buf_byte(out, '\n');
}

static void print_exact(weir_buf *out, const weir_plan *plan, const weir_node *node)
{
    const weir_schema *input =
        node->input != WEIR_NONE ? &plan->node[node->input].schema : &node->schema;
    uint32_t columns =
        node->kind == WEIR_NODE_AGGREGATE ? node->groups : node->schema.count;
    weir_buf_format(out, "%.*s %s", WEIR_STR_FMT(node->name),
                    sql_node_kind_name(node->kind));
    if (node->input != WEIR_NONE)
        weir_buf_format(out, " of %.*s", WEIR_STR_FMT(plan->node[node->input].name));
    if (node->table != WEIR_NONE)
        weir_buf_format(out, " table %.*s", WEIR_STR_FMT(plan->table[node->table].name));
    if (node->predicate != NULL) {
        weir_buf_text(out, " where ");
        weir_expr_print(out, node->predicate, input);
    }
    for (uint32_t i = 0; node->column != NULL && i < columns; i++) {
        weir_buf_text(out, i > 0 ? ", " : " columns ");
        weir_expr_print(out, node->column[i], input);
    }
    for (uint32_t i = 0; i < node->aggregates; i++) {
        weir_buf_text(out, i > 0 ? ", " : " aggregates ");
        sql_print_aggregate(out, &node->aggregate[i], input);
    }
    if (node->window_end != WEIR_NONE)
        weir_buf_format(out, " window %u", node->window_end);
    if (node->time != NULL) {
        weir_buf_text(out, " time ");
        weir_expr_print(out, node->time, input);
        weir_buf_format(out, " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, node->size_us,
                        node->slide_us, node->offset_us, node->gap_us);
    }
    print_schema(out, &node->schema);
}

void sql_print_nodes(weir_buf *out, const weir_plan *plan)
{
    for (uint32_t i = 0; i < plan->nodes; i++)
        print_exact(out, plan, &plan->node[i]);
}
