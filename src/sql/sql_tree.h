/* sql/tree: PostgreSQL's parse tree, and small questions about its nodes.
 *
 * The tree lives in the job's arena. Strings are never NULL: what is not there is "".
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_TREE_H
#define SQL_TREE_H

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "sql.h"

typedef PgQuery__Node sql_node;

#define SQL_IS(node, KIND)                                                                 \
    ((node) != NULL && (node)->node_case == PG_QUERY__NODE__NODE_##KIND)

/* The statements of the expanded text, or NULL after an error. */
const PgQuery__ParseResult *sql_parse(sql_job *job);
/* Where the first token of a statement is. */
int32_t sql_statement_at(const sql_job *job, const PgQuery__RawStmt *statement);
/* Where an expression begins: its leftmost part that has a place; else `otherwise`. */
int32_t sql_node_at(const sql_node *node, int32_t otherwise);
/* The string of a String node, or "". */
const char *sql_node_text(const sql_node *node);
/* The last of a list of String nodes: the name without its schema. */
const char *sql_last_name(PgQuery__Node *const *names, size_t count);
/* How people call a node or statement that is not supported: "a window function". */
const char *sql_node_name(const sql_node *node);

#endif
