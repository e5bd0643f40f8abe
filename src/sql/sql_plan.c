/* sql/plan: from a job's text to its plan, in one pass over the statements.
 *
 * Gives      weir_sql_plan.
 * Always     1. a statement with an error does not keep the others from being read.
 *            2. a plan is given only when there is no error at all.
 *
 * The order: the text is judged as bytes, variables are replaced, PostgreSQL's parser makes
 * a tree, names behind INSERT INTO say which tables are sinks, SETs are read, the other
 * statements are bound in the
 * order of the file, and at the end what no sink reads is dropped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

/* Text that the parser may see: not empty, not too large, UTF-8 without NUL. */
static bool check_text(sql_job *job)
{
    weir_str text = job->input->text;
    if (text.len > WEIR_SQL_BYTES_MAX) {
        sql_error(job, 0, "the file has %zu bytes, and at most %u are read", text.len,
                  WEIR_SQL_BYTES_MAX);
        return false;
    }
    const char *nul = text.len > 0 ? memchr(text.at, 0, text.len) : NULL;
    if (nul != NULL) {
        sql_error(job, (int32_t)(nul - text.at), "the file has a NUL byte");
        return false;
    }
    if (weir_str_utf8(text))
        return true;
    size_t good = 0; /* the longest good beginning */
    for (size_t step = text.len; step > 0; step /= 2)
        while (good + step <= text.len && weir_str_utf8((weir_str){text.at, good + step}))
            good += step;
    sql_error(job, (int32_t)good, "the file is not UTF-8 here");
    return false;
}

static void note_sinks(sql_job *job, const PgQuery__ParseResult *tree)
{
    for (size_t i = 0; i < tree->n_stmts; i++) {
        const sql_node *statement = tree->stmts[i]->stmt;
        if (SQL_IS(statement, INSERT_STMT) && job->writtens < WEIR_TABLES_MAX)
            job->written[job->writtens++] =
                weir_str_of(statement->insert_stmt->relation->relname);
    }
}

static void read_settings(sql_job *job, const PgQuery__ParseResult *tree)
{
    job->setting = WEIR_ARRAY(job->arena, weir_setting, tree->n_stmts + 1);
    for (size_t i = 0; i < tree->n_stmts; i++)
        if (SQL_IS(tree->stmts[i]->stmt, VARIABLE_SET_STMT))
            sql_set(job, tree->stmts[i]->stmt->variable_set_stmt,
                    sql_statement_at(job, tree->stmts[i]));
    sql_settings(job);
}

static void bind_statement(sql_job *job, const sql_node *statement, int32_t at)
{
    switch (statement->node_case) {
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT:
        return; /* read before */
    case PG_QUERY__NODE__NODE_CREATE_STMT:
        sql_create_table(job, statement->create_stmt, at);
        return;
    case PG_QUERY__NODE__NODE_VIEW_STMT:
        sql_create_view(job, statement->view_stmt, at);
        return;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
        sql_insert(job, statement->insert_stmt, at);
        return;
    case PG_QUERY__NODE__NODE_SELECT_STMT:
        sql_bare_select(job, statement->select_stmt, at);
        return;
    default:
        sql_refuse_statement(job, statement, at);
    }
}

static bool has_flow(const weir_plan *plan)
{
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (plan->node[i].kind == WEIR_NODE_SINK)
            return true;
    return false;
}

static void bind_all(sql_job *job)
{
    if (!check_text(job) || !sql_expand(job) || !sql_depth_check(job) ||
        !sql_names_check(job))
        return;
    const PgQuery__ParseResult *tree = sql_parse(job);
    if (tree == NULL)
        return;
    note_sinks(job, tree);
    read_settings(job, tree);
    for (size_t i = 0; i < tree->n_stmts; i++)
        if (tree->stmts[i]->stmt != NULL)
            bind_statement(job, tree->stmts[i]->stmt,
                           sql_statement_at(job, tree->stmts[i]));
    if (job->errors->count > 0)
        return;
    if (!has_flow(job->plan)) {
        sql_error(job, 0, "there is nothing to run");
        sql_hint(job, "write INSERT INTO table SELECT …%s",
                 job->input->terminal_select ? ", or a SELECT" : "");
        return;
    }
    sql_finish(job);
}

weir_code weir_sql_plan(const weir_sql_input *input, weir_arena *arena, weir_plan **out,
                        weir_sql_errors *errors)
{
    weir_assert(input->catalog != NULL);
    weir_assert(input->text.at != NULL || input->text.len == 0);
    sql_job *job = WEIR_NEW(arena, sql_job);
    errors->count = 0;
    job->input = input;
    job->arena = arena;
    job->errors = errors;
    job->plan = WEIR_NEW(arena, weir_plan);
    job->plan->table = WEIR_ARRAY(arena, weir_table, WEIR_TABLES_MAX);
    job->plan->node = WEIR_ARRAY(arena, weir_node, WEIR_NODES_MAX);
    bind_all(job);
    if (errors->count > 0) {
        sql_errors_sort(job);
        return job->code;
    }
    weir_assert(job->plan->nodes > 0); /* plan 2 */
    *out = job->plan;
    return WEIR_OK;
}
