/* sql/insert: INSERT INTO … SELECT and the bare SELECT: a flow ends in a sink.
 *
 * Gives      sql_insert, sql_bare_select.
 * Relies on  sql/flow for whether the sink can take the flow.
 * Always     1. a sink's input has exactly the sink's columns and types.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

/* Where each output of the SELECT goes. */
typedef struct insert_columns {
    uint32_t  count;
    uint32_t *column; /* of the table */
} insert_columns;

static uint32_t find_column(const weir_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->schema.count; i++)
        if (weir_str_is(table->schema.field[i].name, name))
            return i;
    return WEIR_NONE;
}

static bool named_columns(sql_job *job, const PgQuery__InsertStmt *insert,
                          const weir_table *table, insert_columns *out)
{
    const char *names[WEIR_COLUMNS_MAX];
    for (uint32_t i = 0; i < table->schema.count; i++)
        names[i] = weir_str_copy(job->arena, table->schema.field[i].name).at;
    for (size_t i = 0; i < insert->n_cols; i++) {
        const PgQuery__ResTarget *target = insert->cols[i]->res_target;
        uint32_t                  column = find_column(table, target->name);
        if (column == WEIR_NONE) {
            sql_error(job, target->location, "column '%s' of table '%.*s' does not exist",
                      target->name, WEIR_STR_FMT(table->name));
            (void)sql_hint_nearest(job, weir_str_of(target->name), names,
                                   table->schema.count);
            return false;
        }
        for (uint32_t k = 0; k < out->count; k++) {
            if (out->column[k] == column) {
                sql_error(job, target->location, "column '%s' specified more than once",
                          target->name);
                return false;
            }
        }
        if (out->count < table->schema.count)
            out->column[out->count++] = column;
    }
    return true;
}

static bool target_columns(sql_job *job, const PgQuery__InsertStmt *insert,
                           const weir_table *table, insert_columns *out)
{
    out->count = 0;
    out->column = WEIR_ARRAY(job->arena, uint32_t, table->schema.count + 1);
    if (insert->n_cols > 0)
        return named_columns(job, insert, table, out);
    for (uint32_t i = 0; i < table->schema.count; i++)
        out->column[out->count++] = i;
    return true;
}

static const weir_expr *assign(sql_job *job, const sql_query *query, uint32_t output,
                               const weir_field *field)
{
    const weir_expr *expr = query->column[output];
    if (!sql_can_cast(expr->type, field->type, SQL_ASSIGN)) {
        sql_error(job, query->at[output],
                  "column '%.*s' is of type %s but expression is of type %s",
                  WEIR_STR_FMT(field->name), sql_type_text(job, field->type),
                  sql_type_text(job, expr->type));
        sql_hint(job, "cast it: CAST(… AS %s)", sql_type_text(job, field->type));
        return NULL;
    }
    if (field->not_null && sql_is_null(expr)) {
        sql_error(job, query->at[output], "column '%.*s' is NOT NULL and gets only NULL",
                  WEIR_STR_FMT(field->name));
        return NULL;
    }
    return sql_cast(job, expr, field->type, SQL_ASSIGN);
}

static bool may_be_null(const sql_query *query, const weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_COLUMN)
        return !query->input.schema.field[expr->column].not_null;
    return expr->kind != WEIR_EXPR_CONST;
}

/* A NULL that would get into a NOT NULL column is an error of the row. A keyed sink judges
   the rows of groups itself: they may become dead letters there. */
static const weir_expr *guard(sql_job *job, const sql_query *query, const weir_table *table,
                              const weir_expr *expr, const weir_field *field)
{
    bool judged = table->connector->keyed && query->input.aggregated;
    if (expr == NULL || !field->not_null || judged || !may_be_null(query, expr))
        return expr;
    weir_expr  *call = WEIR_NEW(job->arena, weir_expr);
    weir_expr  *name = WEIR_NEW(job->arena, weir_expr);
    const weir_expr **arg = WEIR_ARRAY(job->arena, const weir_expr *, 2);
    *name = (weir_expr){.kind = WEIR_EXPR_CONST, .type = weir_type_of(WEIR_T_TEXT),
                        .sql_at = expr->sql_at, .value = {.text = field->name}};
    arg[0] = expr;
    arg[1] = name;
    *call = (weir_expr){.kind = WEIR_EXPR_CALL, .type = expr->type, .sql_at = expr->sql_at,
                        .function = WEIR_FN_NOT_NULL, .args = 2, .arg = arg};
    return call;
}

/* Turns the query's columns into the table's: order, types, NULL for what is not there. */
static bool assign_columns(sql_job *job, const weir_table *table,
                           const insert_columns *into, sql_query *query, int32_t at)
{
    uint32_t          count = table->schema.count;
    const weir_expr **column = WEIR_ARRAY(job->arena, const weir_expr *, count);
    weir_str         *name = WEIR_ARRAY(job->arena, weir_str, count);
    int32_t          *place = WEIR_ARRAY(job->arena, int32_t, count);
    bool              failed = false;
    if (query->count != into->count) {
        bool more = query->count > into->count;
        sql_error(job, more ? query->at[into->count] : at,
                  "INSERT has more %s: table '%.*s' takes %u, the query gives %u",
                  more ? "expressions than target columns"
                       : "target columns than expressions",
                  WEIR_STR_FMT(table->name), into->count, query->count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        name[i] = table->schema.field[i].name;
        place[i] = at;
    }
    for (uint32_t i = 0; i < into->count; i++) {
        uint32_t target = into->column[i];
        const weir_field *field = &table->schema.field[target];
        column[target] = guard(job, query, table, assign(job, query, i, field), field);
        place[target] = query->at[i];
        failed = failed || column[target] == NULL;
    }
    for (uint32_t i = 0; i < count && !failed; i++) {
        const weir_field *field = &table->schema.field[i];
        if (column[i] != NULL)
            continue;
        if (field->not_null) {
            sql_error(job, at, "column '%.*s' is NOT NULL and gets no value",
                      WEIR_STR_FMT(field->name));
            failed = true;
        }
        column[i] = sql_const_null(job, field->type, at);
    }
    query->count = count;
    query->column = column;
    query->name = name;
    query->at = place;
    return !failed;
}

static bool add_sink(sql_job *job, const sql_table *entry, const sql_query *query,
                     int32_t at)
{
    sql_relation relation;
    if (!sql_query_close(job, query, false, &relation))
        return false;
    weir_node node = {.kind = WEIR_NODE_SINK,
                      .sql_at = sql_origin(job, at),
                      .input = relation.node,
                      .schema = entry->table->schema,
                      .table = (uint32_t)(entry - job->table),
                      .window_end = WEIR_NONE};
    return sql_node_add(job, &node, query->base) != WEIR_NONE;
}

static bool supported(sql_job *job, const PgQuery__InsertStmt *insert)
{
    int32_t at = insert->relation->location;
    if (insert->on_conflict_clause != NULL) {
        sql_error(job, insert->on_conflict_clause->location,
                  "ON CONFLICT is not supported");
        sql_hint(job, "a sink with a PRIMARY KEY inserts, updates and deletes by it");
    } else if (insert->n_returning_list > 0) {
        sql_error(job,
                  sql_word_before(job->text, "returning",
                                  sql_node_at(insert->returning_list[0], at)),
                  "RETURNING is not supported");
    } else if (insert->with_clause != NULL) {
        sql_error(job, insert->with_clause->location, "WITH is not supported yet");
        sql_hint(job, "give the step a name with CREATE VIEW");
    } else if (insert->override > PG_QUERY__OVERRIDING_KIND__OVERRIDING_NOT_SET) {
        sql_error(job, at, "OVERRIDING is not supported");
    } else if (insert->select_stmt == NULL || insert->select_stmt->select_stmt == NULL) {
        sql_error(job, at, "INSERT needs a SELECT");
    } else {
        return true;
    }
    return false;
}

static sql_table *find_sink(sql_job *job, const PgQuery__InsertStmt *insert)
{
    const char *names[WEIR_TABLES_MAX];
    weir_str    name = weir_str_of(insert->relation->relname);
    int32_t     at = insert->relation->location;
    sql_table  *entry = sql_table_find(job, name);
    if (entry != NULL)
        return entry->broken ? NULL : entry;
    if (sql_view_find(job, name) != NULL) {
        sql_error(job, at, "'%.*s' is a view, and INSERT INTO needs a table",
                  WEIR_STR_FMT(name));
        return NULL;
    }
    for (uint32_t i = 0; i < job->tables; i++)
        names[i] = weir_str_copy(job->arena, job->table[i].table->name).at;
    sql_error(job, at, "table '%.*s' does not exist", WEIR_STR_FMT(name));
    if (!sql_hint_nearest(job, name, names, job->tables))
        sql_hint(job, "CREATE TABLE it further up");
    return NULL;
}

static weir_str flow_name(sql_job *job, const sql_table *entry)
{
    weir_str name = entry->table->name;
    if (entry->inserts < 2)
        return name;
    return weir_str_of(
        weir_arena_text(job->arena, "%.*s#%u", WEIR_STR_FMT(name), entry->inserts));
}

void sql_insert(sql_job *job, const PgQuery__InsertStmt *insert, int32_t at)
{
    sql_query      query;
    insert_columns into;
    (void)at; /* the table's name is the better place */
    if (!supported(job, insert))
        return;
    int32_t    place = insert->relation->location;
    sql_table *entry = find_sink(job, insert);
    if (entry == NULL) { /* the query has errors of its own */
        (void)sql_select(job, insert->select_stmt->select_stmt, WEIR_STR("insert"), NULL,
                         &query);
        return;
    }
    entry->inserts++;
    if (!target_columns(job, insert, entry->table, &into))
        return;
    sql_wishes wishes = {entry->table, into.column, into.count};
    if (!sql_select(job, insert->select_stmt->select_stmt, flow_name(job, entry), &wishes,
                    &query))
        return;
    if (assign_columns(job, entry->table, &into, &query, place) &&
        sql_flow_fits(job, entry, &query, place))
        (void)add_sink(job, entry, &query, place);
}

static const weir_catalog_kind *print_connector(const weir_catalog *catalog)
{
    for (size_t i = 0; i < catalog->connectors; i++)
        if (strcmp(catalog->connector[i].name, "print") == 0 && catalog->connector[i].sink)
            return &catalog->connector[i];
    return NULL;
}

/* The table that a bare SELECT is written to, with the SELECT's own columns. */
static sql_table *print_table(sql_job *job, const sql_query *query, int32_t at)
{
    const weir_catalog_kind *kind = print_connector(job->input->catalog);
    const weir_option *const tables[3] = {weir_sink_options,
                                          kind != NULL ? kind->options : NULL, NULL};
    weir_opts               *opts = NULL;
    weir_err                 err;
    weir_err_clear(&err);
    if (kind == NULL || job->tables == WEIR_TABLES_MAX) {
        sql_error(job, at,
                  kind == NULL ? "connector 'print' is not in this build"
                               : "the job has too many tables");
        return NULL;
    }
    if (weir_opts_read(tables, NULL, 0, job->arena, &opts, &err) != WEIR_OK) {
        sql_error_take(job, at, &err);
        return NULL;
    }
    sql_table  *entry = &job->table[job->tables++];
    weir_table *table = WEIR_NEW(job->arena, weir_table);
    const char *name = weir_arena_text(
        job->arena, job->selects > 1 ? "select#%u" : "select", job->selects);
    *table = (weir_table){.name = weir_str_of(name),
                          .sql_at = sql_origin(job, at),
                          .connector = kind,
                          .opts = opts,
                          .event_time = WEIR_NONE};
    table->schema =
        (weir_schema){query->count, WEIR_ARRAY(job->arena, weir_field, query->count)};
    for (uint32_t i = 0; i < query->count; i++)
        table->schema.field[i] =
            (weir_field){.name = query->name[i], .type = query->column[i]->type};
    table->final = query->input.windowed || (job->input->bounded && query->input.aggregated);
    *entry = (sql_table){.table = table, .inserts = 1};
    return entry;
}

void sql_bare_select(sql_job *job, const PgQuery__SelectStmt *select, int32_t at)
{
    sql_query query;
    job->selects++;
    const char *base = weir_arena_text(
        job->arena, job->selects > 1 ? "select#%u" : "select", job->selects);
    if (!job->input->terminal_select) {
        sql_error(job, at, "a SELECT alone has nowhere to go");
        sql_hint(job, "write INSERT INTO table SELECT …");
        return;
    }
    if (!sql_select(job, select, weir_str_of(base), NULL, &query))
        return;
    for (uint32_t i = 0; i < query.count; i++) {
        if (query.column[i]->type.id == WEIR_T_INTERVAL) {
            sql_error(job, query.at[i], "a column cannot be of type interval");
            return;
        }
    }
    sql_table *entry = print_table(job, &query, at);
    if (entry != NULL)
        (void)add_sink(job, entry, &query, at);
}
