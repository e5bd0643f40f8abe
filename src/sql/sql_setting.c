/* sql/setting: SET name = value: the settings of the job.
 *
 * Gives      sql_set, sql_settings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_query.h"

#include <string.h>
#include <strings.h>

static bool is_word(weir_str text, sql_token token, const char *word)
{
    weir_str one = sql_token_text(text, token);
    return token.kind == SQL_TOKEN_WORD && one.len == strlen(word) &&
           strncasecmp(one.at, word, one.len) == 0;
}

/* The value as text; NULL after an error. */
static const char *value_of(sql_job *job, const PgQuery__VariableSetStmt *set,
                            int32_t name_at)
{
    const sql_node *arg = set->n_args > 0 ? set->args[0] : NULL;
    if (set->n_args > 1) {
        sql_error(job, sql_node_at(set->args[1], name_at), "SET %s takes one value",
                  set->name);
        return NULL;
    }
    if (SQL_IS(arg, A_CONST)) {
        switch (arg->a_const->val_case) {
        case PG_QUERY__A__CONST__VAL_SVAL:
            return arg->a_const->sval->sval;
        case PG_QUERY__A__CONST__VAL_IVAL:
            return weir_arena_text(job->arena, "%d", arg->a_const->ival->ival);
        case PG_QUERY__A__CONST__VAL_FVAL:
            return arg->a_const->fval->fval;
        case PG_QUERY__A__CONST__VAL_BOOLVAL:
            return arg->a_const->boolval->boolval ? "true" : "false";
        default:
            break;
        }
    }
    sql_error(job, sql_node_at(arg, name_at), "the value of SET %s must be a string",
              set->name);
    return NULL;
}

void sql_set(sql_job *job, const PgQuery__VariableSetStmt *set, int32_t at)
{
    weir_str  text = job->text;
    sql_token name = sql_token_at(text, sql_token_at(text, at).to);
    if (is_word(text, name, "session"))
        name = sql_token_at(text, name.to);
    if (set->kind != PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE || set->is_local) {
        sql_error(job, at, "only SET name = 'value' is supported");
        return;
    }
    bool        zone = is_word(text, name, "time"); /* SET TIME ZONE 'UTC' */
    const char *value = value_of(job, set, name.from);
    if (value == NULL)
        return;
    int32_t value_at =
        zone ? sql_node_at(set->args[0], name.from) : sql_value_at(text, name.from);
    const char *shown = strcasecmp(set->name, "timezone") == 0 ? "timezone" : set->name;
    if (strcmp(shown, "timezone") == 0 && strcasecmp(value, "utc") == 0)
        value = "UTC";
    job->setting[job->settings++] = (weir_setting){.name = weir_str_of(shown),
                                                   .value = weir_str_of(value),
                                                   .name_at = sql_origin(job, name.from),
                                                   .value_at = sql_origin(job, value_at)};
}

static bool is_job_name(weir_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= WEIR_JOB_NAME_MAX;
}

static void check_job_name(sql_job *job, const weir_opts *opts)
{
    weir_str  name = weir_opts_text(opts, "job.name");
    weir_expr at = {.sql_at = weir_opts_at(opts, "job.name")};
    if (name.at == NULL || is_job_name(name))
        return;
    sql_error_bound(job, &at, "job.name must be 1 to %u of a-z, 0-9, _ and -",
                    WEIR_JOB_NAME_MAX);
}

void sql_settings(sql_job *job)
{
    const weir_option *const tables[3] = {weir_job_options, NULL, NULL};
    weir_job_settings       *settings = &job->plan->settings;
    weir_opts               *opts = NULL;
    weir_err                 err;
    weir_err_clear(&err);
    if (weir_opts_read(tables, job->setting, job->settings, job->arena, &opts, &err) !=
        WEIR_OK) {
        sql_error_take(job, 0, &err);
        return;
    }
    check_job_name(job, opts);
    *settings = (weir_job_settings){
        .job_name = weir_opts_text(opts, "job.name"),
        .checkpoint_location = weir_opts_text(opts, "checkpoint.location"),
        .epoch_interval_us = weir_opts_int(opts, "epoch.interval"),
        .memory_limit = weir_opts_int(opts, "memory.limit"),
        .lanes = weir_opts_int(opts, "lanes"),
        .http_listen = weir_opts_text(opts, "http.listen"),
        .http_listen_given = weir_opts_given(opts, "http.listen"),
        .opts = opts,
    };
}
