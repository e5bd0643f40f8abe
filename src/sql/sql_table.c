/* sql/table: CREATE TABLE: columns, keys, constraints, LIKE.
 *
 * Gives      sql_create_table.
 * Relies on  sql/option for WITH (…), sql/field for where a source's columns come from.
 * Always     1. a table with an error stays known, so that its readers are not blamed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

typedef struct table_maker {
    sql_job                   *job;
    const PgQuery__CreateStmt *create;
    sql_table                 *entry;
    weir_table                *table;
    int32_t                    key_at; /* of PRIMARY KEY; -1: none yet */
    bool                       failed;
} table_maker;

static uint32_t find_column(const weir_table *table, weir_str name)
{
    for (uint32_t i = 0; i < table->schema.count; i++)
        if (weir_str_eq(table->schema.field[i].name, name))
            return i;
    return WEIR_NONE;
}

static void add_column(table_maker *maker, weir_field field, int32_t at)
{
    weir_table *table = maker->table;
    sql_job    *job = maker->job;
    if (find_column(table, field.name) != WEIR_NONE) {
        sql_error(job, at, "column '%.*s' is there twice", WEIR_STR_FMT(field.name));
        maker->failed = true;
        return;
    }
    if (table->schema.count == WEIR_COLUMNS_MAX) {
        sql_error(job, at, "a table can have at most %u columns", WEIR_COLUMNS_MAX);
        maker->failed = true;
        return;
    }
    table->column_at[table->schema.count] = sql_origin(job, at);
    table->schema.field[table->schema.count++] = field;
}

static void set_key(table_maker *maker, const PgQuery__Constraint *constraint,
                    weir_str only_column)
{
    sql_job    *job = maker->job;
    weir_table *table = maker->table;
    uint32_t    count = only_column.at != NULL ? 1 : (uint32_t)constraint->n_keys;
    if (maker->key_at >= 0) {
        sql_error(job, constraint->location, "multiple primary keys for table '%.*s'",
                  WEIR_STR_FMT(table->name));
        maker->failed = true;
        return;
    }
    maker->key_at = constraint->location;
    table->key = WEIR_ARRAY(job->arena, uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_str name = only_column.at != NULL
                            ? only_column
                            : weir_str_of(sql_node_text(constraint->keys[i]));
        uint32_t column = find_column(table, name);
        if (column == WEIR_NONE) {
            sql_error(job, constraint->location,
                      "column '%.*s' named in key does not exist", WEIR_STR_FMT(name));
            maker->failed = true;
            return;
        }
        for (uint32_t k = 0; k < table->keys; k++) {
            if (table->key[k] == column) {
                sql_error(job, constraint->location,
                          "column '%.*s' appears twice in primary key constraint",
                          WEIR_STR_FMT(name));
                maker->failed = true;
                return;
            }
        }
        if (table->schema.field[column].type.id == WEIR_T_JSONB) {
            sql_error(job, constraint->location, "a jsonb column cannot be a key");
            maker->failed = true;
        }
        table->schema.field[column].not_null = true;
        table->key[table->keys++] = column;
    }
}

/* The end of CHECK (…) in the text: behind its closing bracket. */
static int32_t end_of_brackets(weir_str text, int32_t at)
{
    int32_t depth = 0;
    for (sql_token token = sql_token_at(text, at); token.kind != SQL_TOKEN_END;
         token = sql_token_at(text, token.to)) {
        weir_str symbol = sql_token_text(text, token);
        if (token.kind != SQL_TOKEN_SYMBOL)
            continue;
        if (weir_str_is(symbol, "("))
            depth++;
        if (weir_str_is(symbol, ")") && --depth <= 0)
            return token.to;
    }
    return (int32_t)text.len;
}

static weir_str check_name(table_maker *maker, const PgQuery__Constraint *constraint,
                           weir_str column)
{
    weir_table *table = maker->table;
    if (constraint->conname[0] != '\0')
        return weir_str_of(constraint->conname);
    weir_str stem = table->name;
    if (column.at != NULL)
        stem =
            weir_str_of(weir_arena_text(maker->job->arena, "%.*s_%.*s",
                                        WEIR_STR_FMT(table->name), WEIR_STR_FMT(column)));
    const char *name = weir_arena_text(maker->job->arena, "%.*s_check", WEIR_STR_FMT(stem));
    for (uint32_t n = 1, i = 0; i < table->checks; i++) {
        if (weir_str_is(table->check[i].name, name)) {
            name =
                weir_arena_text(maker->job->arena, "%.*s_check%u", WEIR_STR_FMT(stem), n++);
            i = UINT32_MAX; /* look again from the first */
        }
    }
    return weir_str_of(name);
}

static void add_check(table_maker *maker, const PgQuery__Constraint *constraint,
                      weir_str column)
{
    sql_job     *job = maker->job;
    weir_table  *table = maker->table;
    sql_relation self = {.node = WEIR_NONE, .schema = table->schema, .name = table->name};
    sql_scope    scope = {.job = job, .from = &self, .clause = "CHECK"};
    const weir_expr *expr = sql_bind_condition(&scope, constraint->raw_expr);
    if (expr == NULL) {
        maker->failed = true;
        return;
    }
    int32_t   open = constraint->location;
    sql_token token = sql_token_at(job->text, open);
    while (token.kind != SQL_TOKEN_END &&
           !weir_str_is(sql_token_text(job->text, token), "("))
        token = sql_token_at(job->text, token.to);
    table->check[table->checks++] = (weir_check){
        .expr = expr,
        .name = check_name(maker, constraint, column),
        .text = sql_written(job, token.from, end_of_brackets(job->text, token.from)),
    };
}

static const char *constraint_name(PgQuery__ConstrType type)
{
    switch (type) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT:
        return "DEFAULT";
    case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
        return "GENERATED AS IDENTITY";
    case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
        return "GENERATED ALWAYS AS";
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE:
        return "UNIQUE";
    case PG_QUERY__CONSTR_TYPE__CONSTR_EXCLUSION:
        return "EXCLUDE";
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN:
        return "a foreign key";
    default:
        return "DEFERRABLE";
    }
}

/* A constraint of the table, or of `column` when it has a name. PRIMARY KEY and CHECK of
   columns wait until all columns are known. */
static void take_constraint(table_maker *maker, const PgQuery__Constraint *constraint,
                            weir_str column)
{
    switch (constraint->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY:
        set_key(maker, constraint, column);
        return;
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK:
        add_check(maker, constraint, column);
        return;
    case PG_QUERY__CONSTR_TYPE__CONSTR_NULL:
    case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL:
        return;
    default:
        sql_error(maker->job, constraint->location, "%s is not supported",
                  constraint_name(constraint->contype));
        if (constraint->contype == PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT)
            sql_hint(maker->job, "use COALESCE in the query");
        maker->failed = true;
    }
}

static void take_column(table_maker *maker, const PgQuery__ColumnDef *def)
{
    sql_job   *job = maker->job;
    weir_field field = {.name = weir_str_of(def->colname)};
    if (def->coll_clause != NULL) {
        sql_error(job, def->coll_clause->location, "COLLATE is not supported");
        sql_hint(job, "text is compared by its UTF-8 bytes");
        maker->failed = true;
    }
    for (size_t i = 0; i < def->n_constraints; i++)
        if (def->constraints[i]->constraint->contype ==
            PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL)
            field.not_null = true;
    if (!sql_type_of(job, def->type_name, &field.type)) {
        maker->failed = true;
    } else if (field.type.id == WEIR_T_INTERVAL) {
        sql_error(job, def->type_name->location, "a column cannot be of type interval");
        sql_hint(job, "keep seconds in a bigint, or two timestamps");
        maker->failed = true;
    }
    add_column(maker, field, def->location);
}

static void take_like(table_maker *maker, const PgQuery__TableLikeClause *like)
{
    sql_job   *job = maker->job;
    int32_t    at = like->relation->location;
    weir_str   name = weir_str_of(like->relation->relname);
    sql_table *other = sql_table_find(job, name);
    if (like->options != 0) {
        sql_error(job, at, "LIKE … INCLUDING is not supported");
        sql_hint(job, "LIKE copies columns and NOT NULL");
        maker->failed = true;
    } else if (other == NULL) {
        sql_error(job, at, "table '%.*s' does not exist", WEIR_STR_FMT(name));
        if (sql_view_find(job, name) != NULL)
            sql_hint(job, "LIKE takes a table, and '%.*s' is a view", WEIR_STR_FMT(name));
        maker->failed = true;
    } else {
        for (uint32_t i = 0; i < other->table->schema.count; i++)
            add_column(maker, other->table->schema.field[i], at);
        maker->failed = maker->failed || other->broken;
    }
}

static void take_elements(table_maker *maker)
{
    const PgQuery__CreateStmt *create = maker->create;
    for (size_t i = 0; i < create->n_table_elts; i++) {
        const sql_node *element = create->table_elts[i];
        if (SQL_IS(element, COLUMN_DEF))
            take_column(maker, element->column_def);
        else if (SQL_IS(element, TABLE_LIKE_CLAUSE))
            take_like(maker, element->table_like_clause);
    }
    if (maker->failed)
        return; /* constraints over columns without a type would only confuse */
    for (size_t i = 0; i < create->n_table_elts; i++) {
        const sql_node *element = create->table_elts[i];
        if (SQL_IS(element, CONSTRAINT))
            take_constraint(maker, element->constraint, (weir_str){0});
        if (!SQL_IS(element, COLUMN_DEF))
            continue;
        const PgQuery__ColumnDef *def = element->column_def;
        for (size_t k = 0; k < def->n_constraints; k++)
            take_constraint(maker, def->constraints[k]->constraint,
                            weir_str_of(def->colname));
    }
}

static uint32_t elements_at_most(const PgQuery__CreateStmt *create)
{
    size_t count = create->n_table_elts;
    for (size_t i = 0; i < create->n_table_elts; i++)
        if (SQL_IS(create->table_elts[i], COLUMN_DEF))
            count += create->table_elts[i]->column_def->n_constraints;
    return (uint32_t)count;
}

/* What CREATE TABLE can say beside columns and WITH; false after an error. */
static bool supported(sql_job *job, const PgQuery__CreateStmt *create, int32_t at)
{
    const char *what = create->if_not_exists               ? "IF NOT EXISTS"
                       : create->n_inh_relations > 0       ? "INHERITS or PARTITION OF"
                       : create->partspec != NULL          ? "PARTITION BY"
                       : create->of_typename != NULL       ? "OF type"
                       : create->tablespacename[0] != '\0' ? "TABLESPACE"
                       : create->access_method[0] != '\0'  ? "USING"
                       : create->oncommit > PG_QUERY__ON_COMMIT_ACTION__ONCOMMIT_NOOP
                           ? "ON COMMIT"
                           : NULL;
    if (what == NULL)
        return true;
    sql_error(job, create->relation != NULL ? create->relation->location : at,
              "%s is not supported in CREATE TABLE", what);
    if (create->partspec != NULL)
        sql_hint(job, "an s3 sink takes the option partition_by");
    return false;
}

static bool is_written(const sql_job *job, weir_str name)
{
    for (uint32_t i = 0; i < job->writtens; i++)
        if (weir_str_eq(job->written[i], name))
            return true;
    return false;
}

void sql_create_table(sql_job *job, const PgQuery__CreateStmt *create, int32_t at)
{
    if (!sql_name_free(job, create->relation))
        return;
    if (job->tables == WEIR_TABLES_MAX) {
        sql_error(job, at, "a job can have at most %u tables", WEIR_TABLES_MAX);
        return;
    }
    sql_table  *entry = &job->table[job->tables++];
    weir_table *table = WEIR_NEW(job->arena, weir_table);
    table_maker maker = {
        .job = job, .create = create, .entry = entry, .table = table, .key_at = -1};
    entry->table = table;
    table->name = weir_str_of(create->relation->relname);
    table->sql_at = sql_origin(job, create->relation->location);
    table->source = !is_written(job, table->name);
    table->event_time = WEIR_NONE;
    table->schema.field = WEIR_ARRAY(job->arena, weir_field, WEIR_COLUMNS_MAX);
    table->column_at = WEIR_ARRAY(job->arena, int32_t, WEIR_COLUMNS_MAX);
    table->check = WEIR_ARRAY(job->arena, weir_check, elements_at_most(create) + 1);
    bool plain = supported(job, create, at);
    take_elements(&maker);
    if (create->n_table_elts == 0) {
        sql_error(job, create->relation->location, "table '%s' has no columns",
                  create->relation->relname);
        maker.failed = true;
    }
    bool options = sql_table_options(job, entry, create, maker.key_at);
    entry->broken = maker.failed || !plain || !options;
}
