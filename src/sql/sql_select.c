/* sql/select: binds a SELECT: FROM, WHERE, its columns, then groups and DISTINCT.
 *
 * Gives      sql_select, sql_query_close.
 * Always     1. a clause that is not bound here is refused by sql_refused_clauses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

typedef struct column_list { /* the columns of one SELECT while they are bound */
    sql_job          *job;
    sql_scope        *scope;
    const sql_wishes *wishes;
    sql_query        *query;
    bool              failed;
} column_list;

static const char *name_of(const sql_node *node);

/* That of what is cast, if it has one; else the outermost type. */
static const char *name_of_cast(const PgQuery__TypeCast *cast)
{
    const sql_node *inner = cast->arg;
    while (SQL_IS(inner, TYPE_CAST))
        inner = inner->type_cast->arg;
    const char *name = name_of(inner);
    if (strcmp(name, "?column?") == 0 || strcmp(name, "case") == 0)
        name = sql_last_name(cast->type_name->names, cast->type_name->n_names);
    return name;
}

/* Names a column as PostgreSQL does when there is no AS. */
static const char *name_of(const sql_node *node)
{
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF:
        return sql_last_name(node->column_ref->fields, node->column_ref->n_fields);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        return sql_last_name(node->func_call->funcname, node->func_call->n_funcname);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return name_of_cast(node->type_cast);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        return "case";
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return "coalesce";
    case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
        return node->min_max_expr->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST ? "greatest"
                                                                           : "least";
    case PG_QUERY__NODE__NODE_A_EXPR:
        return node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF ? "nullif"
                                                                           : "?column?";
    default:
        return "?column?";
    }
}

static void add_column(column_list *list, const weir_expr *expr, const char *name,
                       int32_t at)
{
    sql_query *query = list->query;
    if (query->count >= WEIR_COLUMNS_MAX) {
        sql_error(list->job, at, "a SELECT can have at most %u columns", WEIR_COLUMNS_MAX);
        list->failed = true;
        return;
    }
    query->column[query->count] = expr;
    query->name[query->count] = weir_str_of(name);
    query->at[query->count++] = at;
}

static void add_star(column_list *list, const PgQuery__ColumnRef *star)
{
    const sql_relation *from = list->scope->from;
    if (star->n_fields > 1 && !weir_str_is(from->name, sql_node_text(star->fields[0]))) {
        sql_error(list->job, star->location, "'%s' is not in FROM",
                  sql_node_text(star->fields[0]));
        list->failed = true;
        return;
    }
    for (uint32_t i = 0; i < from->schema.count; i++) {
        weir_expr *expr = WEIR_NEW(list->job->arena, weir_expr);
        expr->kind = WEIR_EXPR_COLUMN;
        expr->type = from->schema.field[i].type;
        expr->column = i;
        expr->sql_at = sql_origin(list->job, star->location);
        add_column(list, expr,
                   weir_str_copy(list->job->arena, from->schema.field[i].name).at,
                   star->location);
    }
}

/* A literal alone takes the type of the column that it is inserted into. */
static const weir_expr *settle(column_list *list, const weir_expr *expr)
{
    const sql_wishes *wishes = list->wishes;
    uint32_t          index = list->query->count;
    if (expr == NULL || !sql_is_unknown(expr))
        return expr;
    if (wishes != NULL && index < wishes->count)
        return sql_cast(list->job, expr,
                        wishes->table->schema.field[wishes->column[index]].type,
                        SQL_ASSIGN);
    return sql_settle(list->job, expr);
}

static void add_target(column_list *list, const PgQuery__ResTarget *target)
{
    const sql_node *value = target->val;
    int32_t         at = sql_node_at(value, target->location);
    if (target->n_indirection > 0) {
        sql_error(list->job, at, "a field selection is not supported here");
        list->failed = true;
        return;
    }
    if (SQL_IS(value, COLUMN_REF) &&
        SQL_IS(value->column_ref->fields[value->column_ref->n_fields - 1], A_STAR)) {
        add_star(list, value->column_ref);
        return;
    }
    const weir_expr *expr = settle(list, sql_bind(list->scope, value));
    if (expr == NULL) { /* the columns behind it keep their places */
        list->failed = true;
        expr = sql_const_null(list->job, weir_type_of(WEIR_T_TEXT), at);
    }
    add_column(list, expr, target->name[0] != '\0' ? target->name : name_of(value), at);
}

void sql_refuse_unbounded(sql_job *job, int32_t at, const char *clause)
{
    if (job->input->bounded) {
        sql_error(job, at, "%s is not supported yet on a bounded run", clause);
        return;
    }
    sql_error(job, at, "%s is not supported on an unbounded query", clause);
    sql_hint(job, "nor yet on a bounded one, with --until end");
}

/* Refuses what the grammar has and this dialect lacks; false after an error. */
static bool clauses_supported(sql_job *job, const PgQuery__SelectStmt *select)
{
    weir_str text = job->text;
    uint32_t before = job->errors->count;
    if (select->with_clause != NULL) {
        sql_error(job, select->with_clause->location, "WITH is not supported yet");
        sql_hint(job, "give the step a name with CREATE VIEW");
    }
    if (select->n_sort_clause > 0)
        sql_refuse_unbounded(
            job, sql_word_before(text, "order", sql_node_at(select->sort_clause[0], 0)),
            "ORDER BY");
    if (select->limit_count != NULL)
        sql_refuse_unbounded(
            job, sql_word_before(text, "limit", sql_node_at(select->limit_count, 0)),
            "LIMIT");
    if (select->limit_offset != NULL)
        sql_refuse_unbounded(
            job, sql_word_before(text, "offset", sql_node_at(select->limit_offset, 0)),
            "OFFSET");
    if (select->n_window_clause > 0)
        sql_refuse_unbounded(
            job,
            sql_word_before(text, "window", select->window_clause[0]->window_def->location),
            "WINDOW");
    if (select->into_clause != NULL) {
        sql_error(job, select->into_clause->rel->location, "SELECT INTO is not supported");
        sql_hint(job, "use INSERT INTO … SELECT");
    }
    if (select->n_locking_clause > 0)
        sql_error(job,
                  select->n_from_clause > 0 ? sql_node_at(select->from_clause[0], 0) : 0,
                  "FOR UPDATE and FOR SHARE are not supported");
    return job->errors->count == before;
}

/* UNION, VALUES: a SELECT that is none. */
static bool plain_select(sql_job *job, const PgQuery__SelectStmt *select)
{
    static const char *const words[] = {[PG_QUERY__SET_OPERATION__SETOP_UNION] = "UNION",
                                        [PG_QUERY__SET_OPERATION__SETOP_INTERSECT] =
                                            "INTERSECT",
                                        [PG_QUERY__SET_OPERATION__SETOP_EXCEPT] = "EXCEPT"};
    if (select->n_values_lists > 0) {
        const sql_node *row = select->values_lists[0];
        sql_error(job, sql_word_before(job->text, "values", sql_node_at(row, 0)),
                  "VALUES is not supported");
        sql_hint(job, "rows come from a source table");
        return false;
    }
    if (select->larg == NULL)
        return true;
    const PgQuery__SelectStmt *right = select->rarg;
    while (right->larg != NULL)
        right = right->larg;
    int32_t     at = right->n_target_list > 0 ? sql_node_at(right->target_list[0], 0) : 0;
    const char *word = words[select->op];
    sql_error(job, sql_word_before(job->text, word, at), "%s is not supported yet", word);
    if (select->op == PG_QUERY__SET_OPERATION__SETOP_UNION)
        sql_hint(job, "several INSERT INTO one append sink are a union");
    return false;
}

static bool bind_where(sql_job *job, const PgQuery__SelectStmt *select, weir_str base,
                       sql_relation *relation)
{
    sql_scope scope = {.job = job, .from = relation, .clause = "WHERE"};
    if (select->where_clause == NULL)
        return true;
    const weir_expr *predicate = sql_bind_condition(&scope, select->where_clause);
    return predicate != NULL && sql_filter(job, relation, predicate, base);
}

static bool is_distinct(sql_job *job, const PgQuery__SelectStmt *select, bool *out)
{
    *out = select->n_distinct_clause > 0;
    if (!*out || select->distinct_clause[0]->node_case == PG_QUERY__NODE__NODE__NOT_SET)
        return true;
    int32_t at = sql_node_at(select->distinct_clause[0], 0);
    sql_error(job, sql_word_before(job->text, "distinct", at),
              "DISTINCT ON is not supported");
    sql_hint(job, "use GROUP BY with min or max");
    return false;
}

static int32_t group_place(sql_job *job, const PgQuery__SelectStmt *select)
{
    if (select->n_group_clause == 0)
        return sql_node_at(select->target_list[0], 0);
    int32_t first = sql_node_at(select->group_clause[0], 0);
    return sql_word_before(job->text, "group", first);
}

static bool bind_columns(column_list *list, const PgQuery__SelectStmt *select)
{
    sql_query *query = list->query;
    sql_job   *job = list->job;
    query->column = WEIR_ARRAY(job->arena, const weir_expr *, WEIR_COLUMNS_MAX);
    query->name = WEIR_ARRAY(job->arena, weir_str, WEIR_COLUMNS_MAX);
    query->at = WEIR_ARRAY(job->arena, int32_t, WEIR_COLUMNS_MAX);
    for (size_t i = 0; i < select->n_target_list; i++)
        add_target(list, select->target_list[i]->res_target);
    return !list->failed;
}

static bool bind_groups(sql_job *job, sql_scope *scope, const PgQuery__SelectStmt *select,
                        sql_query *query)
{
    sql_grouping grouping = {.select = select, .aggregates = scope->aggregates};
    if (select->having_clause != NULL) {
        scope->clause = "HAVING";
        grouping.having = sql_bind_condition(scope, select->having_clause);
        if (grouping.having == NULL)
            return false;
    }
    if (select->n_group_clause == 0 && select->having_clause == NULL &&
        scope->aggregates->count == 0)
        return true;
    grouping.at = group_place(job, select);
    return sql_group(job, query, &grouping);
}

bool sql_select(sql_job *job, const PgQuery__SelectStmt *select, weir_str base,
                const sql_wishes *wishes, sql_query *out)
{
    sql_aggregates aggregates = {0};
    sql_scope      scope = {.job = job, .clause = "SELECT", .aggregates = &aggregates};
    column_list    list = {.job = job, .scope = &scope, .wishes = wishes, .query = out};
    bool           distinct;
    memset(out, 0, sizeof *out);
    out->base = base;
    if (!plain_select(job, select))
        return false;
    bool clauses = clauses_supported(job, select);
    if (select->with_clause != NULL || !sql_from(job, select, base, &out->input))
        return false;
    scope.from = &out->input;
    sql_relation unfiltered = out->input; /* WHERE and the columns are both judged */
    bool         where = bind_where(job, select, base, &out->input);
    if (select->n_target_list == 0) {
        sql_error(job, sql_node_at(select->from_clause[0], 0), "SELECT has no columns");
        return false;
    }
    if (!where)
        out->input = unfiltered;
    if (!bind_columns(&list, select) || !bind_groups(job, &scope, select, out) ||
        !is_distinct(job, select, &distinct) || !where || !clauses)
        return false;
    return !distinct || sql_distinct(job, out, sql_node_at(select->target_list[0], 0));
}

static sql_fact fact_of(const sql_relation *input, const weir_expr *expr)
{
    if (expr->kind == WEIR_EXPR_COLUMN)
        return input->fact[expr->column];
    return (sql_fact){.constant = expr->kind == WEIR_EXPR_CONST};
}

static bool is_identity(const sql_query *query, bool named)
{
    if (query->count != query->input.schema.count)
        return false;
    for (uint32_t i = 0; i < query->count; i++) {
        const weir_expr *expr = query->column[i];
        if (expr->kind != WEIR_EXPR_COLUMN || expr->column != i)
            return false;
        if (named && !weir_str_eq(query->name[i], query->input.schema.field[i].name))
            return false;
    }
    return true;
}

bool sql_query_close(sql_job *job, const sql_query *query, bool named, sql_relation *out)
{
    *out = query->input;
    out->name = query->base;
    if (is_identity(query, named))
        return true;
    weir_node node = {.kind = WEIR_NODE_PROJECT,
                      .sql_at = sql_origin(job, query->at[0]),
                      .input = query->input.node,
                      .table = WEIR_NONE,
                      .window_end = WEIR_NONE,
                      .column = query->column};
    node.schema =
        (weir_schema){query->count, WEIR_ARRAY(job->arena, weir_field, query->count)};
    out->fact = WEIR_ARRAY(job->arena, sql_fact, query->count);
    for (uint32_t i = 0; i < query->count; i++) {
        node.schema.field[i].name = query->name[i];
        node.schema.field[i].type = query->column[i]->type;
        out->fact[i] = fact_of(&query->input, query->column[i]);
    }
    out->schema = node.schema;
    out->node = sql_node_add(job, &node, query->base);
    return out->node != WEIR_NONE;
}
