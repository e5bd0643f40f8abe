/* sql/flow: whether a sink can keep what a flow says: keys, retractions, final rows.
 *
 * Gives      sql_flow_fits.
 * Always     1. two groups never fight for one row of a sink.
 *            2. an append sink gets retractions only when its options say so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

/* The part of the input's key that a sink's column is: 1 and up; 0: none. */
static uint32_t key_part(const sql_query *query, uint32_t column, bool *constant)
{
    const weir_expr *expr = query->column[column];
    *constant = expr->kind == WEIR_EXPR_CONST;
    while (expr->kind == WEIR_EXPR_CALL &&
           (expr->function == WEIR_FN_ASSIGN || expr->function == WEIR_FN_NOT_NULL))
        expr = expr->arg[0];
    if (expr->kind != WEIR_EXPR_COLUMN)
        return 0;
    *constant = query->input.fact[expr->column].constant;
    return query->input.fact[expr->column].key;
}

/* A cast on the way into a key may make two values one: text to varchar(3), a timestamp to
   a date, a number to one with fewer digits. */
static bool cast_keeps_apart(weir_type from, weir_type to)
{
    if (from.id == to.id && from.id == WEIR_T_NUMERIC)
        return to.scale >= from.scale && from.scale != WEIR_SCALE_ANY;
    if (from.id == to.id)
        return true; /* too long for varchar(n) is an error of the row, see never_cut */
    bool whole = from.id >= WEIR_T_INT16 && from.id <= WEIR_T_INT64;
    bool zone = (from.id == WEIR_T_TIMESTAMP && to.id == WEIR_T_TIMESTAMPTZ) ||
                (from.id == WEIR_T_TIMESTAMPTZ && to.id == WEIR_T_TIMESTAMP);
    if (whole)
        return to.id != WEIR_T_FLOAT32 && to.id != WEIR_T_FLOAT64;
    return to.id == WEIR_T_TEXT || zone ||
           (from.id == WEIR_T_DATE && to.id >= WEIR_T_TIMESTAMP);
}

/* The assignment, cutting no blanks: two keys must not become one (flow 1). It may stand in
   the check for NULL. */
static const weir_expr *never_cut(sql_job *job, const weir_expr *expr)
{
    weir_expr *call = WEIR_NEW(job->arena, weir_expr);
    *call = *expr;
    if (expr->function == WEIR_FN_ASSIGN) {
        call->function = WEIR_FN_ASSIGN_KEY;
        return call;
    }
    weir_assert(expr->function == WEIR_FN_NOT_NULL);
    call->arg = WEIR_ARRAY(job->arena, const weir_expr *, expr->args);
    memcpy(call->arg, expr->arg, sizeof(*expr->arg) * expr->args);
    call->arg[0] = never_cut(job, expr->arg[0]);
    return call;
}

static bool key_casts(sql_job *job, const weir_table *table, const sql_query *query)
{
    for (uint32_t i = 0; i < table->keys; i++) {
        const weir_expr **column = &query->column[table->key[i]];
        const weir_expr *expr = *column;
        if (expr->kind == WEIR_EXPR_CALL && expr->function == WEIR_FN_NOT_NULL)
            expr = expr->arg[0];
        if (expr->kind != WEIR_EXPR_CALL || expr->function != WEIR_FN_ASSIGN)
            continue;
        if (cast_keeps_apart(expr->arg[0]->type, expr->type)) {
            *column = never_cut(job, *column);
            continue;
        }
        weir_str name = table->schema.field[table->key[i]].name;
        sql_error(job, query->at[table->key[i]],
                  "key column '%.*s' is of type %s but expression is of type %s",
                  WEIR_STR_FMT(name), sql_type_text(job, expr->type),
                  sql_type_text(job, expr->arg[0]->type));
        sql_hint(job,
                 "different keys could become one; use the same type, or cast in GROUP BY");
        return false;
    }
    return true;
}

static void say_missing(sql_job *job, const sql_query *query, const char *what, int32_t at,
                        const weir_table *table)
{
    sql_error(job, at, "the PRIMARY KEY of '%.*s' does not hold every %s",
              WEIR_STR_FMT(table->name), what);
    sql_hint(job,
             query->input.aggregated
                 ? "two groups would fight for one row: make the key the GROUP BY columns"
                 : "two rows of the source would fight for one row: add its key columns");
}

/* The sink's key and the flow's are the same columns. */
static bool key_fits(sql_job *job, const weir_table *table, const sql_query *query,
                     int32_t at)
{
    const sql_relation *input = &query->input;
    const char         *what = input->aggregated ? "GROUP BY column" : "PRIMARY KEY column";
    bool               *held = WEIR_ARRAY(job->arena, bool, input->keys + 2);
    if (!input->aggregated && !input->changelog)
        return true; /* inserts only: the last row of a key stays */
    if (!input->aggregated && input->keys == 0) {
        sql_error(job, at,
                  "table '%.*s' has no PRIMARY KEY, so its updates find no row in '%.*s'",
                  WEIR_STR_FMT(input->source->table->name), WEIR_STR_FMT(table->name));
        sql_hint(job, "declare the PRIMARY KEY of '%.*s'",
                 WEIR_STR_FMT(input->source->table->name));
        return false;
    }
    for (uint32_t i = 0; i < table->keys; i++) {
        uint32_t column = table->key[i];
        bool     constant;
        uint32_t part = key_part(query, column, &constant);
        if (part == 0 && !constant) {
            sql_error(job, query->at[column], "key column '%.*s' of '%.*s' is not a %s",
                      WEIR_STR_FMT(table->schema.field[column].name),
                      WEIR_STR_FMT(table->name), what);
            sql_hint(job, "a key that changes would leave its old row behind");
            return false;
        }
        held[part] = true;
    }
    for (uint32_t part = 1; part <= input->keys; part++) {
        if (!held[part]) { /* flow 1 */
            say_missing(job, query, what, at, table);
            return false;
        }
    }
    return key_casts(job, table, query);
}

static bool emit_fits(sql_job *job, sql_table *entry, const sql_query *query, int32_t at)
{
    weir_table         *table = entry->table;
    const sql_relation *input = &query->input;
    bool                given = weir_opts_given(table->opts, "emit");
    bool      final = given && weir_str_is(weir_opts_text(table->opts, "emit"), "final");
    weir_expr place = {.sql_at = given ? weir_opts_at(table->opts, "emit") : -1};
    if (final && !input->windowed) {
        sql_error_bound(job, &place, "emit = 'final' needs an aggregate over a window");
        sql_hint(job, "rows of '%.*s' are never final: there is no window that closes",
                 WEIR_STR_FMT(table->name));
        return false;
    }
    bool retracts = input->changelog && !input->windowed;
    if (!given && !table->connector->keyed && retracts) { /* flow 2 */
        sql_error(job, at, "'%.*s' appends rows, and %s changes rows that were written",
                  WEIR_STR_FMT(table->name),
                  input->aggregated ? "an aggregate without a window" : "a changelog");
        sql_hint(job,
                 "add emit = 'changes' to write every change with an op column, or group "
                 "by a window");
        return false;
    }
    if (!given && !table->connector->keyed && input->windowed)
        table->final = true;
    if (final)
        table->final = true;
    return true;
}

bool sql_flow_fits(sql_job *job, sql_table *entry, const sql_query *query, int32_t at)
{
    const weir_table *table = entry->table;
    if (table->connector->keyed && entry->inserts > 1) {
        sql_error(job, at, "table '%.*s' has a key and is written twice",
                  WEIR_STR_FMT(table->name));
        sql_hint(job, "two flows would fight for its rows; UNION ALL is not there yet");
        return false;
    }
    bool keys = !table->connector->keyed || key_fits(job, table, query, at);
    return emit_fits(job, entry, query, at) && keys;
}
