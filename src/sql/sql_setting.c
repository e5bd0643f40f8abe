/* sql/setting: SET name = value: the settings of the job.
 *
 * Gives      sql_set, sql_settings, sql_set_masked.
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

static bool is_symbol(weir_str text, sql_token token, const char *symbol)
{
    return token.kind == SQL_TOKEN_SYMBOL &&
           weir_str_is(sql_token_text(text, token), symbol);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The token behind a name with dots; `name` is its first part. */
static sql_token behind_name(weir_str text, sql_token name)
{
    sql_token token = sql_token_at(text, name.to);
    while (is_symbol(text, token, "."))
        token = sql_token_at(text, sql_token_at(text, token.to).to);
    return token;
}

/* The first part of the name that a SET gives a value to, when `set` begins one. */
static sql_token name_of_set(weir_str text, sql_token set)
{
    sql_token none = {SQL_TOKEN_END, set.to, set.to};
    if (!is_word(text, set, "set"))
        return none;
    sql_token name = sql_token_at(text, set.to);
    sql_token behind = behind_name(text, name);
    if (is_word(text, name, "session") && behind.kind == SQL_TOKEN_WORD &&
        !is_word(text, behind, "to")) {
        name = behind;
        behind = behind_name(text, name);
    }
    return is_symbol(text, behind, "=") || is_word(text, behind, "to") ? name : none;
}

static void mask_name(char *text, weir_str original, sql_token part)
{
    sql_token end = behind_name(original, part);
    for (; part.from < end.from; part = sql_token_at(original, part.to))
        if (part.kind == SQL_TOKEN_WORD && is_letter(original.at[part.from]))
            text[part.from] = '_';
}

const char *sql_set_masked(sql_job *job)
{
    weir_str original = job->text;
    char    *text = weir_arena_take(job->arena, original.len + 1);
    memcpy(text, original.at, original.len);
    text[original.len] = '\0';
    bool begins = true;
    for (sql_token token = sql_token_at(original, 0); token.kind != SQL_TOKEN_END;
         token = sql_token_at(original, token.to)) {
        sql_token name = name_of_set(original, token);
        if (begins && name.kind == SQL_TOKEN_WORD)
            mask_name(text, original, name);
        begins = is_symbol(original, token, ";");
    }
    return text;
}

/* The name as it is written: parts in lower case unless they are quoted, with dots. */
static const char *written_name(sql_job *job, sql_token name)
{
    weir_str text = job->text;
    weir_buf out = {0};
    int32_t  end = behind_name(text, name).from;
    for (; name.from < end; name = sql_token_at(text, name.to)) {
        weir_str word = sql_token_text(text, name);
        bool     quoted = name.kind == SQL_TOKEN_QUOTED;
        for (size_t i = quoted; i + quoted < word.len; i++) {
            char c = word.at[i];
            bool upper = !quoted && c >= 'A' && c <= 'Z';
            weir_buf_byte(&out, (uint8_t)(upper ? c - 'A' + 'a' : c));
            i += quoted && c == '"'; /* written twice */
        }
    }
    const char *shown = weir_str_copy(job->arena, weir_buf_view(&out)).at;
    weir_buf_done(&out);
    return shown;
}

/* The value as text; NULL after an error. */
static const char *value_of(sql_job *job, const PgQuery__VariableSetStmt *set,
                            const char *name, int32_t name_at)
{
    const sql_node *arg = set->n_args > 0 ? set->args[0] : NULL;
    if (set->n_args > 1) {
        sql_error(job, sql_node_at(set->args[1], name_at), "SET %s takes one value",
                  name);
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
              name);
    return NULL;
}

void sql_set(sql_job *job, const PgQuery__VariableSetStmt *set, int32_t at)
{
    weir_str  text = job->text;
    sql_token name = name_of_set(text, sql_token_at(text, at));
    bool      zone = name.kind == SQL_TOKEN_END; /* SET TIME ZONE 'UTC' */
    if (zone)
        name = sql_token_at(text, sql_token_at(text, at).to);
    if (set->kind != PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE || set->is_local) {
        sql_error(job, at, "only SET name = 'value' is supported");
        return;
    }
    const char *shown = zone ? "timezone" : written_name(job, name);
    const char *value = value_of(job, set, shown, name.from);
    if (value == NULL)
        return;
    int32_t value_at =
        zone ? sql_node_at(set->args[0], name.from) : sql_value_at(text, name.from);
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
        .retain_us = weir_opts_int(opts, "checkpoint.retain"),
        .collect_interval_us = weir_opts_int(opts, "gc.interval"),
        .collect_age_us = weir_opts_int(opts, "gc.min_age"),
        .collect_rate = weir_opts_int(opts, "gc.rate"),
        .memory_limit = weir_opts_int(opts, "memory.limit"),
        .lanes = weir_opts_int(opts, "lanes"),
        .http_listen = weir_opts_text(opts, "http.listen"),
        .http_listen_given = weir_opts_given(opts, "http.listen"),
        .opts = opts,
    };
}
