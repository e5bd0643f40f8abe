/* sql/view: CREATE VIEW: a named step that others read by reference.
 *
 * Gives      sql_create_view, sql_name_free.
 * Always     1. a view with an error stays known, so that its readers are not blamed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>

bool sql_name_free(sql_job *job, const PgQuery__RangeVar *name)
{
    weir_str word = weir_str_of(name->relname);
    if (name->schemaname[0] != '\0' || name->catalogname[0] != '\0') {
        sql_error(job, name->location, "a name in a schema is not supported: '%s.%s'",
                  name->schemaname, name->relname);
        sql_hint(job, "write '%s'", name->relname);
        return false;
    }
    if (strcmp(name->relpersistence, "p") != 0) {
        sql_error(job, name->location, "TEMPORARY and UNLOGGED are not supported");
        return false;
    }
    if (sql_table_find(job, word) != NULL || sql_view_find(job, word) != NULL) {
        sql_error(job, name->location, "'%s' exists already", name->relname);
        return false;
    }
    return true;
}

static bool rename_columns(sql_job *job, const PgQuery__ViewStmt *create, sql_query *query)
{
    if (create->n_aliases > query->count) {
        sql_error(job, create->view->location,
                  "view '%s' names %zu columns, but its query has %u",
                  create->view->relname, create->n_aliases, query->count);
        return false;
    }
    for (size_t i = 0; i < create->n_aliases; i++)
        query->name[i] = weir_str_of(sql_node_text(create->aliases[i]));
    return true;
}

static bool names_differ(sql_job *job, const sql_query *query)
{
    for (uint32_t i = 0; i < query->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (!weir_str_eq(query->name[i], query->name[k]))
                continue;
            sql_error(job, query->at[i], "column '%.*s' is there twice",
                      WEIR_STR_FMT(query->name[i]));
            sql_hint(job, "rename one of them with AS");
            return false;
        }
    }
    return true;
}

static bool supported(sql_job *job, const PgQuery__ViewStmt *create, int32_t at)
{
    if (create->replace)
        sql_error(job, at, "CREATE OR REPLACE VIEW is not supported");
    else if (create->n_options > 0)
        sql_error(job, create->view->location, "options of a view are not supported");
    else if (create->with_check_option == PG_QUERY__VIEW_CHECK_OPTION__LOCAL_CHECK_OPTION ||
             create->with_check_option ==
                 PG_QUERY__VIEW_CHECK_OPTION__CASCADED_CHECK_OPTION)
        sql_error(job, create->view->location, "WITH CHECK OPTION is not supported");
    else
        return true;
    return false;
}

void sql_create_view(sql_job *job, const PgQuery__ViewStmt *create, int32_t at)
{
    sql_query query;
    bool      free_name = sql_name_free(job, create->view);
    sql_view *view = WEIR_NEW(job->arena, sql_view);
    view->name = weir_str_of(create->view->relname);
    bool good = supported(job, create, at) &&
                sql_select(job, create->query->select_stmt, view->name, NULL, &query) &&
                rename_columns(job, create, &query) && names_differ(job, &query) &&
                sql_query_close(job, &query, true, &view->relation);
    if (!free_name)
        return;
    view->broken = !good;
    view->relation.name = view->name;
    view->older = job->view;
    job->view = view;
}
