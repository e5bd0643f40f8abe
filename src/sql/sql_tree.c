/* sql/tree: runs PostgreSQL's parser and reads what it gives into the job's arena.
 *
 * Gives      sql_parse, sql_statement_at, sql_node_at, sql_node_text, sql_node_name.
 * Relies on  sql_depth_check: the parser's printer has no limit of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_tree.h"

#include <string.h>

static void *arena_take(void *arena, size_t bytes)
{
    return weir_arena_take(arena, bytes > 0 ? bytes : 1);
}

static void arena_keep(void *arena, void *memory)
{
    (void)arena; /* freed with the arena */
    (void)memory;
}

/* The byte offset of the character `cursor`, which counts from 1. */
static int32_t byte_of_character(weir_str text, int32_t cursor)
{
    int32_t seen = 0;
    for (size_t i = 0; i < text.len; i++) {
        if ((text.at[i] & 0xc0) != 0x80 && ++seen == cursor)
            return (int32_t)i;
    }
    return (int32_t)text.len;
}

/* "syntax error at or near "x"" without its x: the token is shown as the user wrote it,
   so that the value of a variable is not. */
static void syntax_error(sql_job *job, const PgQueryError *error)
{
    int32_t     at = byte_of_character(job->text, error->cursorpos);
    const char *near = strstr(error->message, " at or near ");
    if (error->cursorpos <= 0)
        at = 0;
    if (near == NULL) {
        sql_error(job, at, "%s", error->message);
        return;
    }
    sql_token token = sql_token_at(job->text, at);
    weir_str  written = sql_written(job, token.from, token.to);
    if (token.kind == SQL_TOKEN_END || written.len == 0)
        sql_error(job, at, "%.*s at the end", (int)(near - error->message), error->message);
    else
        sql_error(job, at, "%.*s at or near '%.*s'", (int)(near - error->message),
                  error->message, written.len > 60 ? 60 : (int)written.len, written.at);
}

const PgQuery__ParseResult *sql_parse(sql_job *job)
{
    ProtobufCAllocator         allocator = {arena_take, arena_keep, job->arena};
    PgQuery__ParseResult      *tree = NULL;
    PgQueryProtobufParseResult result = pg_query_parse_protobuf(sql_set_masked(job));
    if (result.error != NULL) {
        syntax_error(job, result.error);
    } else {
        tree = pg_query__parse_result__unpack(&allocator, result.parse_tree.len,
                                              (const uint8_t *)result.parse_tree.data);
        if (tree == NULL)
            sql_error(job, 0, "the parser's answer could not be read");
    }
    pg_query_free_protobuf_parse_result(result);
    return tree;
}

int32_t sql_statement_at(const sql_job *job, const PgQuery__RawStmt *statement)
{
    return sql_token_at(job->text, statement->stmt_location).from;
}

static int32_t leftmost(int32_t a, int32_t b)
{
    if (a < 0)
        return b;
    return b >= 0 && b < a ? b : a;
}

/* The node's own place, or -1. Operators stand between their operands. */
static int32_t own_place(const sql_node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_EXPR:
        return node->a_expr->location;
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return node->column_ref->location;
    case PG_QUERY__NODE__NODE_A_CONST:
        return node->a_const->location;
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return node->func_call->location;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return leftmost(node->type_cast->location, node->type_cast->type_name->location);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        return node->bool_expr->location;
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return node->case_expr->location;
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return node->coalesce_expr->location;
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return node->min_max_expr->location;
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return node->sub_link->location;
    case PG_QUERY__NODE__NODE_PARAM_REF:
        return node->param_ref->location;
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
        return node->sqlvalue_function->location;
    case PG_QUERY__NODE__NODE_RES_TARGET:
        return node->res_target->location;
    case PG_QUERY__NODE__NODE_RANGE_VAR:
        return node->range_var->location;
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
        return node->a_array_expr->location;
    case PG_QUERY__NODE__NODE_ROW_EXPR:
        return node->row_expr->location;
    case PG_QUERY__NODE__NODE_GROUPING_SET:
        return node->grouping_set->location;
    case PG_QUERY__NODE__NODE_GROUPING_FUNC:
        return node->grouping_func->location;
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
        return node->collate_clause->location;
    case PG_QUERY__NODE__NODE_SET_TO_DEFAULT:
        return node->set_to_default->location;
    case PG_QUERY__NODE__NODE_XML_EXPR:
        return node->xml_expr->location;
    case PG_QUERY__NODE__NODE_SORT_BY:
        return node->sort_by->location;
    case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
        return node->range_table_sample->location;
    default:
        return -1;
    }
}

/* The part that stands left of the node's own place, or NULL. */
static const sql_node *left_part(const sql_node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_EXPR:
        return node->a_expr->lexpr;
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return node->type_cast->arg;
    case PG_QUERY__NODE__NODE_NULL_TEST:
        return node->null_test->arg;
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
        return node->boolean_test->arg;
    case PG_QUERY__NODE__NODE_A_INDIRECTION:
        return node->a_indirection->arg;
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
        return node->collate_clause->arg;
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return node->sub_link->testexpr;
    case PG_QUERY__NODE__NODE_SORT_BY:
        return node->sort_by->node;
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
        return node->bool_expr->args[0];
    case PG_QUERY__NODE__NODE_LIST:
        return node->list->n_items > 0 ? node->list->items[0] : NULL;
    case PG_QUERY__NODE__NODE_RANGE_FUNCTION:
        return node->range_function->n_functions > 0 ? node->range_function->functions[0]
                                                     : NULL;
    case PG_QUERY__NODE__NODE_RANGE_TABLE_SAMPLE:
        return node->range_table_sample->relation;
    case PG_QUERY__NODE__NODE_JOIN_EXPR:
        return node->join_expr->larg;
    default:
        return NULL;
    }
}

int32_t sql_node_at(const sql_node *node, int32_t otherwise)
{
    int32_t at = -1;
    while (node != NULL) {
        at = leftmost(at, own_place(node));
        node = left_part(node);
    }
    return at >= 0 ? at : otherwise;
}

const char *sql_node_text(const sql_node *node)
{
    return SQL_IS(node, STRING) ? node->string->sval : "";
}

const char *sql_last_name(PgQuery__Node *const *names, size_t count)
{
    return count > 0 ? sql_node_text(names[count - 1]) : "";
}

const char *sql_node_name(const sql_node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_SUB_LINK:
        return "a subquery";
    case PG_QUERY__NODE__NODE_PARAM_REF:
        return "a parameter such as $1";
    case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
        return "ARRAY[…]";
    case PG_QUERY__NODE__NODE_A_INDIRECTION:
        return "a subscript or field selection";
    case PG_QUERY__NODE__NODE_ROW_EXPR:
        return "a row value";
    case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
        return "COLLATE";
    case PG_QUERY__NODE__NODE_GROUPING_FUNC:
        return "GROUPING()";
    case PG_QUERY__NODE__NODE_GROUPING_SET:
        return "GROUPING SETS, ROLLUP or CUBE";
    case PG_QUERY__NODE__NODE_XML_EXPR:
    case PG_QUERY__NODE__NODE_XML_SERIALIZE:
        return "XML";
    case PG_QUERY__NODE__NODE_SET_TO_DEFAULT:
        return "DEFAULT";
    case PG_QUERY__NODE__NODE_CURRENT_OF_EXPR:
        return "CURRENT OF";
    case PG_QUERY__NODE__NODE_NAMED_ARG_EXPR:
        return "an argument by name";
    default:
        return "this expression";
    }
}
