/* sql/from: what a SELECT reads: a table, a view, or a window function over one of them.
 *
 * Gives      sql_from, sql_table_find, sql_view_find.
 * Never      reads a table that an INSERT writes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

#define DAY_US (24LL * 3600 * 1000000)

sql_table *sql_table_find(sql_job *job, weir_str name)
{
    for (uint32_t i = 0; i < job->tables; i++)
        if (weir_str_eq(job->table[i].table->name, name))
            return &job->table[i];
    return NULL;
}

sql_view *sql_view_find(sql_job *job, weir_str name)
{
    for (sql_view *view = job->view; view != NULL; view = view->older)
        if (weir_str_eq(view->name, name))
            return view;
    return NULL;
}

static void no_such_table(sql_job *job, weir_str name, int32_t at)
{
    const char *names[WEIR_TABLES_MAX + WEIR_NODES_MAX];
    size_t      count = 0;
    for (uint32_t i = 0; i < job->tables; i++)
        names[count++] = weir_str_copy(job->arena, job->table[i].table->name).at;
    for (sql_view *view = job->view; view != NULL && count < WEIR_NODES_MAX;
         view = view->older)
        names[count++] = weir_str_copy(job->arena, view->name).at;
    sql_error(job, at, "table '%.*s' does not exist", WEIR_STR_FMT(name));
    if (!sql_hint_nearest(job, name, names, count))
        sql_hint(job, "CREATE TABLE or CREATE VIEW it further up");
}

static bool scan(sql_job *job, sql_table *entry, int32_t at, sql_relation *out)
{
    weir_table *table = entry->table;
    if (entry->broken)
        return false; /* said already */
    if (!table->connector->source) {
        sql_error(job, at, "connector '%s' of table '%.*s' cannot be read",
                  table->connector->name, WEIR_STR_FMT(table->name));
        return false;
    }
    if (!table->source) {
        sql_error(job, at, "table '%.*s' is written and cannot be read",
                  WEIR_STR_FMT(table->name));
        sql_hint(job, "read the view or the tables that it is made of");
        return false;
    }
    weir_node node = {.kind = WEIR_NODE_SCAN,
                      .sql_at = sql_origin(job, at),
                      .input = WEIR_NONE,
                      .schema = table->schema,
                      .table = (uint32_t)(entry - job->table),
                      .window_end = WEIR_NONE};
    *out = (sql_relation){.schema = table->schema,
                          .fact = WEIR_ARRAY(job->arena, sql_fact, table->schema.count + 2),
                          .name = table->name,
                          .keys = table->keys,
                          .source = entry,
                          .changelog = table->format != NULL && table->format->changelog};
    for (uint32_t i = 0; i < table->keys; i++)
        out->fact[table->key[i]].key = i + 1;
    if (table->event_time != WEIR_NONE)
        out->fact[table->event_time].event_time = true;
    out->node = sql_node_add(job, &node, table->name);
    return out->node != WEIR_NONE;
}

static bool from_name(sql_job *job, weir_str name, int32_t at, sql_relation *out)
{
    sql_view  *view = sql_view_find(job, name);
    sql_table *table = sql_table_find(job, name);
    if (table != NULL)
        return scan(job, table, at, out);
    if (view == NULL) {
        no_such_table(job, name, at);
        return false;
    }
    if (view->broken)
        return false; /* said already */
    *out = view->relation;
    return true;
}

static bool take_alias(sql_job *job, const PgQuery__Alias *alias, int32_t at,
                       sql_relation *out)
{
    if (alias == NULL)
        return true;
    if (alias->n_colnames > 0) {
        sql_error(job, at, "column names in an alias are not supported");
        sql_hint(job, "rename with SELECT x AS y in a view");
        return false;
    }
    out->name = weir_str_of(alias->aliasname);
    return true;
}

static bool from_table(sql_job *job, const PgQuery__RangeVar *var, sql_relation *out)
{
    if (var->schemaname[0] != '\0' || var->catalogname[0] != '\0') {
        sql_error(job, var->location, "a table in a schema is not supported: '%s.%s'",
                  var->schemaname, var->relname);
        sql_hint(job, "write '%s'", var->relname);
        return false;
    }
    if (!var->inh) {
        sql_error(job, var->location, "ONLY is not supported");
        return false;
    }
    return from_name(job, weir_str_of(var->relname), var->location, out) &&
           take_alias(job, var->alias, var->location, out);
}

/* The microseconds of a constant interval without months. */
static bool interval_us(sql_job *job, const sql_node *node, const char *what, int32_t at,
                        int64_t *out)
{
    sql_relation     nothing = {.node = WEIR_NONE};
    sql_scope        scope = {.job = job, .from = &nothing, .clause = "a window's size"};
    int32_t          place = sql_node_at(node, at);
    const weir_expr *expr = sql_bind(&scope, node);
    if (expr == NULL)
        return false;
    if (sql_is_unknown(expr) && !sql_is_null(expr))
        expr = sql_cast(job, expr, weir_type_of(WEIR_T_INTERVAL), SQL_IMPLICIT);
    if (expr == NULL)
        return false;
    if (expr->kind != WEIR_EXPR_CONST || expr->value.null ||
        expr->type.id != WEIR_T_INTERVAL) {
        sql_error(job, place, "the %s of a window must be a constant interval", what);
        sql_hint(job, "as in interval '1 minute'");
        return false;
    }
    weir_interval value = expr->value.interval;
    if (value.months != 0) {
        sql_error(job, place, "the %s of a window cannot be in months or years", what);
        sql_hint(job, "they differ in length; use days, or group by date_trunc");
        return false;
    }
    if (__builtin_mul_overflow((int64_t)value.days, DAY_US, out) ||
        __builtin_add_overflow(*out, value.us, out)) {
        sql_error(job, place, "the %s of a window is out of range", what);
        return false;
    }
    return true;
}

/* The time argument: the event time of the source, as a plain column. */
static const weir_expr *time_column(sql_job *job, const sql_relation *in,
                                    const sql_node *node, int32_t at)
{
    sql_scope         scope = {.job = job, .from = in, .clause = "tumble()"};
    const weir_table *table = in->source->table;
    int32_t           place = sql_node_at(node, at);
    if (!SQL_IS(node, COLUMN_REF)) {
        sql_error(job, place, "the time of a window must be a column");
        return NULL;
    }
    const weir_expr *time = sql_bind(&scope, node);
    if (time == NULL)
        return NULL;
    weir_str name = in->schema.field[time->column].name;
    if (time->type.id != WEIR_T_TIMESTAMP && time->type.id != WEIR_T_TIMESTAMPTZ) {
        sql_error(job, place,
                  "the time of a window must be timestamp or timestamptz, not %s",
                  sql_type_text(job, time->type));
        return NULL;
    }
    if (in->fact[time->column].event_time)
        return time;
    if (table->event_time == WEIR_NONE) {
        sql_error(job, place, "a window needs the event time of table '%.*s'",
                  WEIR_STR_FMT(table->name));
        sql_hint(job, "add event_time = '%.*s', watermark = '10 minutes' to its WITH (…)",
                 WEIR_STR_FMT(name));
    } else {
        weir_str event = table->schema.field[table->event_time].name;
        sql_error(job, place, "column '%.*s' is not the event time of table '%.*s'",
                  WEIR_STR_FMT(name), WEIR_STR_FMT(table->name));
        sql_hint(job, "its watermark follows '%.*s': use that column, unchanged",
                 WEIR_STR_FMT(event));
    }
    return NULL;
}

static void add_window_column(sql_relation *relation, const char *name, weir_type type,
                              sql_window_part part)
{
    uint32_t column = relation->schema.count++;
    relation->schema.field[column] = (weir_field){.name = weir_str_of(name), .type = type};
    relation->fact[column] = (sql_fact){.window = part};
}

static bool add_window(sql_job *job, sql_relation *relation, weir_node *node, weir_str base)
{
    weir_type type = node->time->type;
    sql_fact *fact = WEIR_ARRAY(job->arena, sql_fact, relation->schema.count + 2);
    for (uint32_t i = 0; i < relation->schema.count; i++) {
        weir_str name = relation->schema.field[i].name;
        fact[i] = relation->fact[i];
        if (weir_str_is(name, "window_start") || weir_str_is(name, "window_end")) {
            sql_error_bound(job, node->time, "the table has a column '%.*s' already",
                            WEIR_STR_FMT(name));
            return false;
        }
    }
    relation->schema = sql_schema_copy(job, &relation->schema, 2);
    relation->fact = fact;
    add_window_column(relation, "window_start", type, SQL_WINDOW_START);
    add_window_column(relation, "window_end", type, SQL_WINDOW_END);
    relation->size_us = node->size_us;
    node->schema = relation->schema;
    relation->node = sql_node_add(job, node, base);
    return relation->node != WEIR_NONE;
}

static bool tumble(sql_job *job, const PgQuery__FuncCall *call, weir_str base,
                   sql_relation *out)
{
    weir_node node = {.kind = WEIR_NODE_WINDOW,
                      .sql_at = sql_origin(job, call->location),
                      .table = WEIR_NONE,
                      .window_end = WEIR_NONE,
                      .shape = WEIR_WINDOW_TUMBLE};
    if (call->n_args < 3 || call->n_args > 4) {
        sql_error(job, call->location, "tumble takes a table, its time column and a size");
        sql_hint(job, "tumble(t, time, interval '1 minute' [, interval 'offset'])");
        return false;
    }
    const sql_node *table = call->args[0];
    if (!SQL_IS(table, COLUMN_REF) || table->column_ref->n_fields != 1) {
        sql_error(job, sql_node_at(table, call->location),
                  "the first argument of tumble must be the name of a table or view");
        return false;
    }
    weir_str name = weir_str_of(sql_node_text(table->column_ref->fields[0]));
    if (!from_name(job, name, table->column_ref->location, out))
        return false;
    if (out->aggregated) {
        sql_error(job, table->column_ref->location,
                  "a window over an aggregate is not supported");
        return false;
    }
    node.time = time_column(job, out, call->args[1], call->location);
    bool sized = interval_us(job, call->args[2], "size", call->location, &node.size_us);
    bool moved = call->n_args < 4 ||
                 interval_us(job, call->args[3], "offset", call->location, &node.offset_us);
    if (sized && node.size_us <= 0) {
        sql_error(job, sql_node_at(call->args[2], call->location),
                  "the size of a window must be positive");
        return false;
    }
    if (node.time == NULL || !sized || !moved)
        return false;
    node.offset_us = (node.offset_us % node.size_us + node.size_us) % node.size_us;
    node.slide_us = node.size_us;
    node.input = out->node;
    return add_window(job, out, &node, base);
}

static void no_such_window(sql_job *job, const char *name, int32_t at)
{
    static const char *const names[] = {"tumble"};
    if (strcmp(name, "hop") == 0 || strcmp(name, "session") == 0 ||
        strcmp(name, "cumulate") == 0) {
        sql_error(job, at, "%s() is not supported yet", name);
        sql_hint(job, "there is tumble(t, time, size)");
        return;
    }
    sql_error(job, at, "table function '%s' does not exist", name);
    if (!sql_hint_nearest(job, weir_str_of(name), names, 1))
        sql_hint(job, "there is tumble(t, time, size)");
}

static bool from_function(sql_job *job, const PgQuery__RangeFunction *range, weir_str base,
                          sql_relation *out)
{
    const sql_node *item = range->n_functions == 1 ? range->functions[0] : NULL;
    int32_t         at = sql_node_at(range->functions[0], 0);
    if (item == NULL || range->is_rowsfrom || range->lateral || range->ordinality ||
        range->n_coldeflist > 0 || !SQL_IS(item, LIST) ||
        !SQL_IS(item->list->items[0], FUNC_CALL)) {
        sql_error(job, at, "%s is not supported in FROM",
                  range->lateral      ? "LATERAL"
                  : range->ordinality ? "WITH ORDINALITY"
                                      : "this function call");
        return false;
    }
    const PgQuery__FuncCall *call = item->list->items[0]->func_call;
    const char              *name = sql_last_name(call->funcname, call->n_funcname);
    if (strcmp(name, "tumble") != 0) {
        no_such_window(job, name, call->location);
        return false;
    }
    return tumble(job, call, base, out) && take_alias(job, range->alias, at, out);
}

bool sql_from(sql_job *job, const PgQuery__SelectStmt *select, weir_str base,
              sql_relation *out)
{
    const sql_node *item = select->n_from_clause > 0 ? select->from_clause[0] : NULL;
    if (item == NULL) {
        sql_error(job,
                  select->n_target_list > 0 ? sql_node_at(select->target_list[0], 0) : 0,
                  "SELECT without FROM is not supported");
        return false;
    }
    if (select->n_from_clause > 1) {
        sql_error(job, sql_node_at(select->from_clause[1], 0),
                  "joins are not supported yet");
        return false;
    }
    switch (item->node_case) {
    case PG_QUERY__NODE__NODE_RANGE_VAR:
        return from_table(job, item->range_var, out);
    case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
        return from_function(job, item->range_function, base, out);
    case PG_QUERY__NODE__NODE_JOIN_EXPR:
        sql_error(job, sql_node_at(item->join_expr->rarg, sql_node_at(item, 0)),
                  "joins are not supported yet");
        return false;
    case PG_QUERY__NODE__NODE_RANGE_SUBSELECT: {
        const PgQuery__SelectStmt *inner = item->range_subselect->subquery->select_stmt;
        sql_error(job,
                  inner != NULL && inner->n_target_list > 0
                      ? sql_node_at(inner->target_list[0], 0)
                      : 0,
                  "a subquery in FROM is not supported yet");
        sql_hint(job, "give it a name with CREATE VIEW");
        return false;
    }
    default:
        sql_error(job, sql_node_at(item, 0), "this is not supported in FROM");
        return false;
    }
}
