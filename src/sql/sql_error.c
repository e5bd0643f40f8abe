/* sql/error: errors with their places in the user's file, collected, sorted, printed.
 *
 * Gives      sql_error, sql_error_bound, sql_hint, sql_hint_nearest,
 *            sql_error_take, sql_errors_sort,
 *            weir_sql_errors_print.
 * Always     1. the column counts characters, from 1.
 *            2. one place holds one sentence once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql.h"

#include <stdio.h>
#include <string.h>

/* Bytes that fit without cutting a character in two. */
static void cut_to_utf8(char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < 4 && len > 0; i++) {
        if (weir_str_utf8((weir_str){text, len}))
            break;
        text[--len] = '\0';
    }
}

static void place(const sql_job *job, int32_t origin, weir_sql_error *error)
{
    weir_str text = job->input->text;
    error->line = error->column = 1;
    for (int32_t i = 0; i < origin && (size_t)i < text.len; i++) {
        if (text.at[i] == '\n') {
            error->line++;
            error->column = 1;
        } else if ((text.at[i] & 0xc0) != 0x80) {
            error->column++;
        }
    }
}

static bool is_known(const sql_job *job, int32_t origin, const char *msg)
{
    for (uint32_t i = 0; i < job->errors->count; i++)
        if (job->error_at[i] == origin && strcmp(job->errors->error[i].msg, msg) == 0)
            return true;
    return false;
}

static void add(sql_job *job, int32_t origin, weir_code code, const char *msg)
{
    weir_sql_errors *errors = job->errors;
    job->last = NULL;
    if (job->code == WEIR_OK)
        job->code = code;
    if (errors->count >= WEIR_SQL_ERRORS_MAX || is_known(job, origin, msg))
        return;
    job->error_at[errors->count] = origin;
    weir_sql_error *error = &errors->error[errors->count++];
    memset(error, 0, sizeof *error);
    place(job, origin, error);
    (void)snprintf(error->msg, sizeof error->msg, "%s", msg); /* cut off on purpose */
    cut_to_utf8(error->msg);
    job->last = error;
}

void sql_error(sql_job *job, int32_t at, const char *format, ...)
{
    char    msg[sizeof job->last->msg];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(msg, sizeof msg, format, args); /* cut off on purpose */
    va_end(args);
    cut_to_utf8(msg);
    add(job, sql_origin(job, at), WEIR_E_SQL, msg);
}

void sql_error_bound(sql_job *job, const weir_expr *expr, const char *format, ...)
{
    char    msg[sizeof job->last->msg];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(msg, sizeof msg, format, args); /* cut off on purpose */
    va_end(args);
    cut_to_utf8(msg);
    add(job, expr->sql_at < 0 ? 0 : expr->sql_at, WEIR_E_SQL, msg);
}

void sql_hint(sql_job *job, const char *format, ...)
{
    if (job->last == NULL)
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(job->last->hint, sizeof job->last->hint, format, args); /* cut off */
    va_end(args);
    cut_to_utf8(job->last->hint);
}

void sql_error_take(sql_job *job, int32_t at, const weir_err *err)
{
    int32_t origin = err->sql_at >= 0 ? err->sql_at : sql_origin(job, at);
    add(job, origin, err->code, err->msg);
    if (err->hint[0] != '\0')
        sql_hint(job, "%s", err->hint);
}

bool sql_hint_nearest(sql_job *job, weir_str name, const char *const *names, size_t count)
{
    const char *nearest = weir_str_nearest(name, names, count);
    if (nearest != NULL)
        sql_hint(job, "did you mean '%s'?", nearest);
    return nearest != NULL;
}

void sql_errors_sort(sql_job *job)
{
    weir_sql_errors *errors = job->errors;
    for (uint32_t i = 1; i < errors->count; i++) {
        for (uint32_t j = i; j > 0 && job->error_at[j - 1] > job->error_at[j]; j--) {
            int32_t        at = job->error_at[j];
            weir_sql_error error = errors->error[j];
            job->error_at[j] = job->error_at[j - 1];
            errors->error[j] = errors->error[j - 1];
            job->error_at[j - 1] = at;
            errors->error[j - 1] = error;
        }
    }
    job->last = NULL;
}

void weir_sql_errors_print(weir_buf *out, const char *file, const weir_sql_errors *errors)
{
    for (uint32_t i = 0; i < errors->count; i++) {
        const weir_sql_error *error = &errors->error[i];
        weir_buf_format(out, "%s:%d:%d: %s", file, error->line, error->column, error->msg);
        if (error->hint[0] != '\0')
            weir_buf_format(out, "; %s", error->hint);
        weir_buf_byte(out, '\n');
    }
}
