/* sql/refuse: statements of PostgreSQL that a job cannot have, by the name people know.
 *
 * Gives      sql_refuse_statement.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

static const char *hint_for(const sql_node *statement)
{
    switch (statement->node_case) {
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT:
    case PG_QUERY__NODE__NODE_MERGE_STMT:
        return "a sink with a PRIMARY KEY follows the changes of its query by itself";
    case PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT:
        return "CREATE TABLE with its columns, then INSERT INTO … SELECT";
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT:
        return "run: weir explain FILE";
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
        return "a job commits by itself, once per epoch.interval";
    case PG_QUERY__NODE__NODE_DROP_STMT:
    case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
        return "the file is the whole job: change the CREATE TABLE";
    case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
        return "functions of one's own are not supported";
    default:
        return "there are SET, CREATE TABLE, CREATE VIEW, INSERT INTO … SELECT and SELECT";
    }
}

/* The statement's first words, in upper case as far as they are words: "CREATE INDEX". */
void sql_refuse_statement(sql_job *job, const sql_node *statement, int32_t at)
{
    weir_buf  name = {0};
    sql_token token = sql_token_at(job->text, at);
    for (uint32_t i = 0; i < 2 && token.kind == SQL_TOKEN_WORD; i++) {
        weir_str word = sql_token_text(job->text, token);
        if (sql_is_value(job, token.from, token.to) || word.len > 20)
            break;
        if (i > 0)
            weir_buf_byte(&name, ' ');
        for (size_t k = 0; k < word.len; k++) {
            char c = word.at[k];
            weir_buf_byte(&name, (uint8_t)(c >= 'a' && c <= 'z' ? c - 32 : c));
        }
        bool more = weir_str_is(weir_buf_view(&name), "CREATE") ||
                    weir_str_is(weir_buf_view(&name), "ALTER") ||
                    weir_str_is(weir_buf_view(&name), "DROP");
        if (!more)
            break;
        token = sql_token_at(job->text, token.to);
    }
    if (SQL_IS(statement, CREATE_TABLE_AS_STMT))
        weir_buf_text(&name, " AS");
    if (name.len > 0)
        sql_error(job, at, "%.*s is not supported", (int)name.len, name.at);
    else
        sql_error(job, at, "this statement is not supported");
    sql_hint(job, "%s", hint_for(statement));
    weir_buf_done(&name);
}
