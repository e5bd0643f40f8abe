/* sql/kept: what a plan keeps, as phrases over the fields of its sources.
 *
 * Gives      weir_kept_of.
 * Always     1. names of views, columns and steps are in no phrase, and neither is the order
 *               of what WHERE joins with AND.
 *            2. what the engine does the same way has the same phrase. A change of these
 *               texts is a change of the checkpoint's format: old manifests hold them.
 * Never      holds a value of an option that may be a secret.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kept.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sql_query.h"
#include "weir/hash.h"

#define TEXT_MOST 400u /* bytes of a phrase; the rest is in its hash */

/* A phrase being made: for people, and with the types. */
typedef struct kept_text {
    weir_buf plain, exact;
} kept_text;

/* Columns of a node as phrases: schemas whose names are what they are of. */
typedef struct kept_node {
    weir_schema plain, exact;
} kept_node;

typedef struct kept_work {
    const weir_plan *plan;
    weir_arena      *arena;
    kept_node       *node; /* per node of the plan */
    weir_kept       *out;
} kept_work;

static void add_text(kept_text *text, const char *both)
{
    weir_buf_text(&text->plain, both);
    weir_buf_text(&text->exact, both);
}

static void add_str(kept_text *text, weir_str both)
{
    weir_buf_str(&text->plain, both);
    weir_buf_str(&text->exact, both);
}

static weir_str shorten(weir_arena *arena, weir_str text)
{
    if (text.len <= TEXT_MOST)
        return weir_str_copy(arena, text);
    size_t len = TEXT_MOST - 24;
    while (len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80)
        len--; /* not inside a character */
    return weir_str_of(weir_arena_text(arena, "%.*s…%016" PRIx64, (int)len, text.at,
                                       weir_hash64(text)));
}

static weir_phrase end_phrase(const kept_work *work, kept_text *text)
{
    weir_phrase out = {.text = shorten(work->arena, weir_buf_view(&text->plain)),
                       .hash = weir_hash64(weir_buf_view(&text->exact))};
    weir_buf_done(&text->plain);
    weir_buf_done(&text->exact);
    return out;
}

static void add_expr(const kept_node *input, const weir_expr *expr, kept_text *text)
{
    weir_expr_print(&text->plain, expr, &input->plain);
    weir_expr_print(&text->exact, expr, &input->exact);
}

static void name_column(const kept_work *work, kept_node *node, uint32_t column,
                        kept_text *text)
{
    node->plain.field[column].name = shorten(work->arena, weir_buf_view(&text->plain));
    node->exact.field[column].name = shorten(work->arena, weir_buf_view(&text->exact));
    weir_buf_done(&text->plain);
    weir_buf_done(&text->exact);
}

static bool has_option(const weir_catalog_kind *kind, const char *name)
{
    for (const weir_option *o = kind != NULL ? kind->options : NULL; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

static void scan_columns(const kept_work *work, const weir_node *node, kept_node *out)
{
    const weir_table *table = &work->plan->table[node->table];
    for (uint32_t c = 0; c < table->schema.count; c++) {
        const weir_field *field = &table->schema.field[c];
        kept_text         text = {0};
        weir_str          name, value;
        add_str(&text, table->from[c] == WEIR_FROM_FIELD ? table->path[c] : field->name);
        weir_buf_byte(&text.exact, ' ');
        weir_type_print(&text.exact, field->type);
        for (size_t i = 0; weir_opts_prefixed(table->opts, "encoding", i, &name, &value); i++)
            if (weir_str_eq(name, field->name))
                weir_buf_format(&text.exact, " as %.*s", WEIR_STR_FMT(value));
        name_column(work, out, c, &text);
    }
}

static void project_columns(const kept_work *work, const weir_node *node, kept_node *out)
{
    const kept_node *input = &work->node[node->input];
    for (uint32_t c = 0; c < node->schema.count; c++) {
        kept_text text = {0};
        bool      call = node->column[c]->kind == WEIR_EXPR_CALL;
        add_text(&text, call ? "(" : "");
        add_expr(input, node->column[c], &text);
        add_text(&text, call ? ")" : "");
        name_column(work, out, c, &text);
    }
}

static void aggregate_columns(const kept_work *work, const weir_node *node, kept_node *out)
{
    const kept_node *input = &work->node[node->input];
    for (uint32_t c = 0; c < node->groups; c++) {
        kept_text text = {0};
        add_expr(input, node->column[c], &text);
        name_column(work, out, c, &text);
    }
    for (uint32_t a = 0; a < node->aggregates; a++) {
        kept_text text = {0};
        sql_print_aggregate(&text.plain, &node->aggregate[a], &input->plain);
        sql_print_aggregate(&text.exact, &node->aggregate[a], &input->exact);
        name_column(work, out, node->groups + a, &text);
    }
}

static void name_columns(const kept_work *work, uint32_t number)
{
    const weir_node *node = &work->plan->node[number];
    kept_node       *out = &work->node[number];
    uint32_t         count = node->schema.count;
    out->plain = (weir_schema){count, WEIR_ARRAY(work->arena, weir_field, count + 1)};
    out->exact = (weir_schema){count, WEIR_ARRAY(work->arena, weir_field, count + 1)};
    if (node->kind == WEIR_NODE_SCAN) {
        scan_columns(work, node, out);
    } else if (node->kind == WEIR_NODE_PROJECT) {
        project_columns(work, node, out);
    } else if (node->kind == WEIR_NODE_AGGREGATE) {
        aggregate_columns(work, node, out);
    } else {
        const kept_node *input = &work->node[node->input];
        for (uint32_t c = 0; c < count && c < input->plain.count; c++) {
            out->plain.field[c].name = input->plain.field[c].name;
            out->exact.field[c].name = input->exact.field[c].name;
        }
        for (uint32_t c = input->plain.count; c < count; c++) /* of a WINDOW */
            out->plain.field[c].name = out->exact.field[c].name = node->schema.field[c].name;
    }
}

/* ── Filters: all of them between a node and the SCAN or AGGREGATE below it ── */

typedef struct kept_conditions {
    uint32_t  count;
    kept_text of[WEIR_NODES_MAX];
} kept_conditions;

static void add_condition(kept_conditions *list, const kept_node *input,
                          const weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_CALL && expr->function == WEIR_FN_AND) {
        for (uint32_t i = 0; i < expr->args; i++)
            add_condition(list, input, expr->arg[i]);
    } else if (list->count < WEIR_NODES_MAX) {
        add_expr(input, expr, &list->of[list->count++]);
    } else {
        kept_text *last = &list->of[WEIR_NODES_MAX - 1];
        add_text(last, " AND ");
        add_expr(input, expr, last);
    }
}

static int compare_conditions(const void *a, const void *b)
{
    const kept_text *x = a, *y = b;
    return weir_str_cmp(weir_buf_view(&x->exact), weir_buf_view(&y->exact));
}

static void add_filters(const kept_work *work, uint32_t from, const char *word,
                        kept_text *text)
{
    kept_conditions *list = weir_heap_new(1, sizeof *list);
    for (uint32_t n = from; work->plan->node[n].kind != WEIR_NODE_SCAN &&
                            work->plan->node[n].kind != WEIR_NODE_AGGREGATE;
         n = work->plan->node[n].input)
        if (work->plan->node[n].kind == WEIR_NODE_FILTER)
            add_condition(list, &work->node[work->plan->node[n].input],
                          work->plan->node[n].predicate);
    qsort(list->of, list->count, sizeof list->of[0], compare_conditions); /* 1 */
    for (uint32_t i = 0; i < list->count; i++) {
        add_text(text, i == 0 ? word : " AND ");
        weir_buf_str(&text->plain, weir_buf_view(&list->of[i].plain));
        weir_buf_str(&text->exact, weir_buf_view(&list->of[i].exact));
        weir_buf_done(&list->of[i].plain);
        weir_buf_done(&list->of[i].exact);
    }
    weir_heap_free(list);
}

/* ── Steps ── */

static uint32_t below(const weir_plan *plan, uint32_t number, weir_node_kind kind)
{
    for (uint32_t n = plan->node[number].input; n != WEIR_NONE; n = plan->node[n].input)
        if (plan->node[n].kind == kind)
            return n;
    return WEIR_NONE;
}

static const weir_table *source_of(const weir_plan *plan, uint32_t number)
{
    return &plan->table[plan->node[below(plan, number, WEIR_NODE_SCAN)].table];
}

static weir_phrase window_phrase(const kept_work *work, const weir_node *node)
{
    kept_text text = {0};
    add_text(&text, "tumble(");
    add_expr(&work->node[node->input], node->time, &text);
    weir_buf_format(&text.plain, ", %" PRId64 " ms", node->size_us / 1000);
    if (node->offset_us != 0)
        weir_buf_format(&text.plain, ", %" PRId64 " ms", node->offset_us / 1000);
    weir_buf_format(&text.exact, ", %d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                    (int)node->shape, node->size_us, node->slide_us, node->offset_us,
                    node->gap_us);
    add_text(&text, ")");
    return end_phrase(work, &text);
}

static weir_phrase columns_phrase(const kept_work *work, const kept_node *node,
                                  const uint32_t *column, uint32_t count)
{
    kept_text text = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t c = column != NULL ? column[i] : i;
        add_text(&text, i > 0 ? ", " : "");
        weir_buf_str(&text.plain, node->plain.field[c].name);
        weir_buf_str(&text.exact, node->exact.field[c].name);
    }
    return end_phrase(work, &text);
}

static weir_phrase column_phrase(const kept_work *work, const kept_node *node, uint32_t c)
{
    return columns_phrase(work, node, &c, 1);
}

static void add_groups(kept_work *work, uint32_t number)
{
    const weir_node *node = &work->plan->node[number];
    const kept_node *columns = &work->node[number];
    weir_kept_step  *step = &work->out->step[work->out->steps++];
    kept_text        rows = {0};
    *step = (weir_kept_step){.kind = WEIR_KEPT_GROUPS, .name = node->name,
                             .source = source_of(work->plan, number)->name,
                             .windowed = node->window_end != WEIR_NONE,
                             .whole_us = INT64_MIN, .values = node->aggregates};
    step->keys = columns_phrase(work, columns, NULL, node->groups);
    add_filters(work, node->input, "", &rows);
    step->rows = end_phrase(work, &rows);
    uint32_t window = below(work->plan, number, WEIR_NODE_WINDOW);
    if (step->windowed && window != WEIR_NONE) {
        step->window = window_phrase(work, &work->plan->node[window]);
        step->size_us = work->plan->node[window].size_us;
    }
    step->value = WEIR_ARRAY(work->arena, weir_kept_value, node->aggregates + 1);
    for (uint32_t a = 0; a < node->aggregates; a++) {
        const weir_aggregate *one = &node->aggregate[a];
        step->value[a] = (weir_kept_value){
            .what = column_phrase(work, columns, node->groups + a), .fn = (uint8_t)one->fn,
            .distinct = one->distinct, .filtered = one->filter != NULL,
            .arg = one->arg != NULL ? one->arg->type : weir_type_of(WEIR_T_UNKNOWN),
            .result = one->type};
    }
}

static bool is_key(const weir_table *table, uint32_t column)
{
    for (uint32_t k = 0; k < table->keys; k++)
        if (table->key[k] == column)
            return true;
    return false;
}

/* The last values of a table: its key, and the columns that somebody reads. */
static void add_rows(kept_work *work, uint32_t number)
{
    const weir_node  *node = &work->plan->node[number];
    const weir_table *table = &work->plan->table[node->table];
    const kept_node  *columns = &work->node[number];
    weir_kept_step   *step = &work->out->step[work->out->steps++];
    *step = (weir_kept_step){.kind = WEIR_KEPT_ROWS, .name = table->name,
                             .source = table->name, .whole_us = INT64_MIN};
    step->keys = columns_phrase(work, columns, table->key, table->keys);
    step->value = WEIR_ARRAY(work->arena, weir_kept_value, table->schema.count + 1);
    for (uint32_t c = 0; c < table->schema.count; c++)
        if (table->needed[c] || is_key(table, c))
            step->value[step->values++] =
                (weir_kept_value){.what = column_phrase(work, columns, c),
                                  .arg = table->schema.field[c].type,
                                  .result = table->schema.field[c].type};
}

/* ── Sources and sinks ── */

static void add_option(const weir_catalog_kind *kind, const weir_opts *opts,
                       const char *name, kept_text *text)
{
    if (!has_option(kind, name) || weir_opts_text(opts, name).len == 0)
        return;
    add_text(text, " ");
    add_str(text, weir_opts_text(opts, name));
}

static weir_phrase place_phrase(const kept_work *work, const weir_table *table)
{
    static const char *const where[] = {"topic", "path", "table", "seed"};
    kept_text text = {0};
    add_text(&text, table->connector->name);
    for (size_t i = 0; i < sizeof where / sizeof where[0]; i++) {
        add_option(table->connector, table->opts, where[i], &text);
        add_option(table->format, table->opts, where[i], &text);
    }
    if (table->format != NULL) {
        add_text(&text, ", ");
        add_text(&text, table->format->name);
    }
    return end_phrase(work, &text);
}

static weir_phrase valid_phrase(const kept_work *work, const weir_table *table,
                                const kept_node *columns)
{
    static const char *const how[] = {"decimal_encoding", "time_encoding",
                                      "binary_encoding"};
    kept_text text = {0};
    for (uint32_t c = 0; c < table->schema.count; c++)
        if (table->schema.field[c].not_null) {
            weir_buf_str(&text.plain, columns->plain.field[c].name);
            weir_buf_str(&text.exact, columns->exact.field[c].name);
            add_text(&text, " NOT NULL ");
        }
    for (uint32_t i = 0; i < table->checks; i++) {
        add_text(&text, "CHECK (");
        add_expr(columns, table->check[i].expr, &text);
        add_text(&text, ") ");
    }
    for (size_t i = 0; i < sizeof how / sizeof how[0]; i++)
        add_option(table->format, table->opts, how[i], &text);
    return end_phrase(work, &text);
}

static void add_source(kept_work *work, uint32_t number)
{
    const weir_node  *node = &work->plan->node[number];
    const weir_table *table = &work->plan->table[node->table];
    const kept_node  *columns = &work->node[number];
    for (uint32_t s = 0; s < work->out->sources; s++)
        if (weir_str_eq(work->out->source[s].name, table->name))
            return;
    weir_kept_source *source = &work->out->source[work->out->sources++];
    source->name = table->name;
    source->changelog = table->format != NULL && table->format->changelog;
    source->place = place_phrase(work, table);
    source->valid = valid_phrase(work, table, columns);
    if (table->event_time != WEIR_NONE)
        source->time = column_phrase(work, columns, table->event_time);
    if (source->changelog && table->keys > 0 &&
        weir_str_is(weir_opts_text(table->opts, "old_row"), "state"))
        add_rows(work, number);
}

/* "mysql://user:password@host/shop?x=y" is "shop": where a server is does not matter. */
static weir_str database_of(weir_str url)
{
    size_t from = url.len, end = url.len;
    for (size_t i = 0; i < end; i++)
        if (url.at[i] == '?')
            end = i;
    for (from = end; from > 0 && url.at[from - 1] != '/'; from--)
        continue;
    return (weir_str){url.at + from, end - from};
}

static weir_phrase target_phrase(const kept_work *work, const weir_table *table)
{
    kept_text text = {0};
    add_text(&text, table->connector->name);
    if (has_option(table->connector, "url")) {
        add_text(&text, " ");
        add_str(&text, database_of(weir_opts_text(table->opts, "url")));
    }
    add_option(table->connector, table->opts, "path", &text);
    if (!has_option(table->connector, "table") ||
        weir_opts_text(table->opts, "table").len == 0) {
        add_text(&text, " ");
        add_str(&text, table->name);
    }
    add_option(table->connector, table->opts, "table", &text);
    return end_phrase(work, &text);
}

static weir_phrase what_phrase(const kept_work *work, const weir_node *node)
{
    const weir_table *table = &work->plan->table[node->table];
    const kept_node  *input = &work->node[node->input];
    kept_text         text = {0};
    for (uint32_t c = 0; c < table->schema.count && c < input->plain.count; c++) {
        add_text(&text, c > 0 ? ", " : "");
        weir_buf_str(&text.plain, input->plain.field[c].name);
        weir_buf_str(&text.exact, input->exact.field[c].name);
        add_text(&text, " AS ");
        add_str(&text, table->schema.field[c].name);
        weir_buf_byte(&text.exact, ' ');
        weir_type_print(&text.exact, table->schema.field[c].type);
    }
    for (uint32_t k = 0; k < table->keys; k++)
        weir_buf_format(&text.exact, " key %u", table->key[k]);
    bool groups = below(work->plan, (uint32_t)(node - work->plan->node),
                        WEIR_NODE_AGGREGATE) != WEIR_NONE;
    add_filters(work, node->input, groups ? " HAVING " : " WHERE ", &text);
    return end_phrase(work, &text);
}

static void add_flow(kept_work *work, uint32_t number)
{
    const weir_node  *node = &work->plan->node[number];
    const weir_table *table = &work->plan->table[node->table];
    uint32_t          step = below(work->plan, number, WEIR_NODE_AGGREGATE);
    work->out->flow[work->out->flows++] = (weir_kept_flow){
        .name = node->name, .table = table->name, .final = table->final,
        .step = step != WEIR_NONE ? work->plan->node[step].name : WEIR_STR(""),
        .source = source_of(work->plan, number)->name,
        .target = target_phrase(work, table), .what = what_phrase(work, node),
        .keyed = table->connector->keyed,
        .holds = has_option(table->connector, "roll.size")};
}

weir_kept *weir_kept_of(const weir_plan *plan, weir_arena *arena)
{
    kept_work work = {.plan = plan, .arena = arena};
    work.out = WEIR_NEW(arena, weir_kept);
    work.node = WEIR_ARRAY(arena, kept_node, plan->nodes + 1);
    work.out->step = WEIR_ARRAY(arena, weir_kept_step, plan->nodes + 1);
    work.out->source = WEIR_ARRAY(arena, weir_kept_source, plan->tables + 1);
    work.out->flow = WEIR_ARRAY(arena, weir_kept_flow, plan->nodes + 1);
    for (uint32_t n = 0; n < plan->nodes; n++) {
        if (plan->node[n].kind == WEIR_NODE_SINK) {
            add_flow(&work, n);
            continue;
        }
        name_columns(&work, n);
        if (plan->node[n].kind == WEIR_NODE_SCAN)
            add_source(&work, n);
        else if (plan->node[n].kind == WEIR_NODE_AGGREGATE)
            add_groups(&work, n);
    }
    return work.out;
}
