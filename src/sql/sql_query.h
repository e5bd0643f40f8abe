/* sql/query: from SELECTs to nodes of the plan.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_QUERY_H
#define SQL_QUERY_H

#include "sql_bind.h"

struct sql_view {
    weir_str     name;
    bool         broken; /* an error was reported: say nothing more about it */
    sql_relation relation;
    sql_view    *older;
};

/* What a SELECT gives: columns over its input, not yet a node. */
typedef struct sql_query {
    sql_relation      input;
    uint32_t          count;
    const weir_expr **column;
    weir_str         *name;
    int32_t          *at;   /* of each column, in the expanded text */
    weir_str          base; /* for names of nodes */
} sql_query;

/* The columns that an INSERT wants: literals take their types. NULL: no wishes. */
typedef struct sql_wishes {
    const weir_table *table;
    const uint32_t   *column; /* per output: of the table */
    uint32_t          count;
} sql_wishes;

typedef struct sql_groups {
    const weir_schema *schema; /* of the aggregate's input */
    const weir_expr  **expr;
    uint32_t           count;
} sql_groups;

/* Binds a SELECT; nodes below its last projection are in the plan. `base` starts their
   names. False after errors. */
bool sql_select(sql_job *job, const PgQuery__SelectStmt *select, weir_str base,
                const sql_wishes *wishes, sql_query *out);
/* Adds the projection and gives the result as a relation. `named`: its column names
   matter. */
bool sql_query_close(sql_job *job, const sql_query *query, bool named, sql_relation *out);

/* A clause that has to see all rows: refused, with the reason. */
void sql_refuse_unbounded(sql_job *job, int32_t at, const char *clause);

/* FROM: a table, a view, or tumble(…). */
bool sql_from(sql_job *job, const PgQuery__SelectStmt *select, weir_str base,
              sql_relation *out);

/* An expression over the groups and aggregates instead of the input; NULL after an error:
   a column that is neither grouped nor aggregated. */
const weir_expr *sql_regroup(sql_job *job, const sql_groups *groups, const weir_expr *expr);
/* Groups the query's columns. having may be NULL. */
typedef struct sql_grouping {
    const PgQuery__SelectStmt *select;
    sql_aggregates            *aggregates; /* that the columns and having hold */
    const weir_expr           *having;
    int32_t                    at;
} sql_grouping;
bool sql_group(sql_job *job, sql_query *query, const sql_grouping *grouping);
bool sql_distinct(sql_job *job, sql_query *query, int32_t at);

/* The plan's nodes. The same node is added once; name is base + "." + kind. */
uint32_t    sql_node_add(sql_job *job, const weir_node *node, weir_str base);
const char *sql_node_kind_name(weir_node_kind kind);
weir_schema sql_schema_copy(sql_job *job, const weir_schema *schema, uint32_t more);
/* Adds a filter over the relation; false when the plan is full. */
bool sql_filter(sql_job *job, sql_relation *relation, const weir_expr *predicate,
                weir_str base);

/* Statements. */
void sql_create_table(sql_job *job, const PgQuery__CreateStmt *create, int32_t at);
void sql_create_view(sql_job *job, const PgQuery__ViewStmt *create, int32_t at);
void sql_insert(sql_job *job, const PgQuery__InsertStmt *insert, int32_t at);
void sql_bare_select(sql_job *job, const PgQuery__SelectStmt *select, int32_t at);
void sql_set(sql_job *job, const PgQuery__VariableSetStmt *set, int32_t at);
void sql_settings(sql_job *job);
void sql_refuse_statement(sql_job *job, const sql_node *statement, int32_t at);
/* False after an error: the sink cannot keep what the flow says. */
bool sql_flow_fits(sql_job *job, sql_table *entry, const sql_query *query, int32_t at);

/* Tables. */
sql_table *sql_table_find(sql_job *job, weir_str name);
sql_view  *sql_view_find(sql_job *job, weir_str name);
/* A name that may not be used twice, or is no plain name; false after an error. */
bool sql_name_free(sql_job *job, const PgQuery__RangeVar *name);
/* Reads WITH (…) of a table whose columns are known. */
bool sql_table_options(sql_job *job, sql_table *entry, const PgQuery__CreateStmt *create,
                       int32_t at);
/* Fills path, from and types of metadata columns of a source. */
bool sql_table_fields(sql_job *job, sql_table *entry);

/* The end: drops what no sink reads, marks the needed columns, makes the fingerprint. */
void sql_finish(sql_job *job);
/* All nodes with their schemas, one a line: what the fingerprint is of. */
void sql_print_nodes(weir_buf *out, const weir_plan *plan);
/* "sum(amount) FILTER (WHERE paid)" */
void sql_print_aggregate(weir_buf *out, const weir_aggregate *one,
                         const weir_schema *schema);

#endif
