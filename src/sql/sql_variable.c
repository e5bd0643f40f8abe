/* sql/variable: replaces ${NAME} in the text, and knows for each byte where it came from.
 *
 * Gives      sql_expand, sql_origin, sql_written, sql_is_value.
 * Always     1. pieces rise in both offsets and cover the expanded text.
 *            2. a value inside quotes stays inside: its quotes are doubled.
 * Never      shows a value in a message.
 *
 * Comments and $tag$…$tag$ strings are left as they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql.h"

#include <stdlib.h>
#include <string.h>

typedef struct variable_writer {
    sql_job *job;
    weir_buf out;
    uint32_t room; /* of job->piece */
    bool     failed;
} variable_writer;

static void begin_piece(variable_writer *writer, int32_t origin, bool value)
{
    sql_job *job = writer->job;
    if (job->pieces == writer->room) {
        uint32_t   room = writer->room * 2 + 16;
        sql_piece *more = WEIR_ARRAY(job->arena, sql_piece, room);
        if (job->pieces > 0)
            memcpy(more, job->piece, sizeof *more * job->pieces);
        job->piece = more;
        writer->room = room;
    }
    job->piece[job->pieces++] = (sql_piece){(int32_t)writer->out.len, origin, value};
}

static bool is_name(weir_str name)
{
    if (name.len == 0 || (name.at[0] >= '0' && name.at[0] <= '9'))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && c != '_' && !(c >= '0' && c <= '9'))
            return false;
    }
    return true;
}

static bool look_up(const sql_job *job, weir_str name, weir_str *out)
{
    const weir_sql_input *input = job->input;
    for (size_t i = 0; i < input->params; i++) {
        if (weir_str_eq(input->param[i].name, name)) {
            *out = input->param[i].value;
            return true;
        }
    }
    const char *value = getenv(weir_str_copy(job->arena, name).at);
    *out = value != NULL ? weir_str_of(value) : WEIR_STR("");
    return value != NULL || input->lenient_variables;
}

/* `doubled` holds the characters that are written twice, so that they lose their power. */
static void put_value(variable_writer *writer, weir_str value, const char *doubled)
{
    for (size_t i = 0; i < value.len; i++) {
        if (strchr(doubled, value.at[i]) != NULL)
            weir_buf_byte(&writer->out, (uint8_t)value.at[i]);
        weir_buf_byte(&writer->out, (uint8_t)value.at[i]);
    }
}

/* Replaces the ${NAME} that takes from..to of the user's text. */
static void replace(variable_writer *writer, int32_t from, int32_t to, const char *doubled)
{
    sql_job *job = writer->job;
    weir_str text = job->input->text;
    bool     closed = to - from > 2 && text.at[to - 1] == '}';
    weir_str name = {text.at + from + 2, (size_t)(to - from - 2 - (closed ? 1 : 0))};
    weir_str value;

    begin_piece(writer, from, true);
    if (!closed || !is_name(name)) {
        sql_error(job, (int32_t)writer->out.len, "'%.*s' is not a variable",
                  to - from > 40 ? 40 : to - from, text.at + from);
        sql_hint(job, "write ${NAME}, with letters, digits and _");
        writer->failed = true;
    } else if (!look_up(job, name, &value)) {
        sql_error(job, (int32_t)writer->out.len, "variable '%.*s' is not set",
                  WEIR_STR_FMT(name));
        sql_hint(job, "set it in the environment, or pass --param %.*s=VALUE",
                 WEIR_STR_FMT(name));
        writer->failed = true;
    } else if (!weir_str_utf8(value) || memchr(value.at, 0, value.len) != NULL) {
        sql_error(job, (int32_t)writer->out.len, "the value of '%.*s' is not UTF-8 text",
                  WEIR_STR_FMT(name));
        writer->failed = true;
    } else {
        put_value(writer, value, doubled);
    }
    begin_piece(writer, to, false);
}

static const char *doubled_in(sql_token_kind kind)
{
    switch (kind) {
    case SQL_TOKEN_STRING:
        return "'";
    case SQL_TOKEN_ESCAPED:
        return "'\\";
    case SQL_TOKEN_QUOTED:
        return "\"";
    default:
        return "";
    }
}

static void copy(variable_writer *writer, int32_t from, int32_t to)
{
    weir_buf_add(&writer->out, writer->job->input->text.at + from, (size_t)(to - from));
}

static void expand_token(variable_writer *writer, sql_token token)
{
    weir_str text = writer->job->input->text;
    int32_t  done = token.from;
    if (token.kind == SQL_TOKEN_DOLLAR) {
        copy(writer, token.from, token.to);
        return;
    }
    for (int32_t at = token.from; at + 1 < token.to; at++) {
        if (text.at[at] != '$' || text.at[at + 1] != '{')
            continue;
        int32_t end = at + 2;
        while (end < token.to && strchr("}'\" \n", text.at[end]) == NULL)
            end++;
        end += end < token.to && text.at[end] == '}';
        copy(writer, done, at);
        replace(writer, at, end, doubled_in(token.kind));
        done = end;
        at = end - 1;
    }
    copy(writer, done, token.to);
}

bool sql_expand(sql_job *job)
{
    weir_str        text = job->input->text;
    variable_writer writer = {.job = job};
    int32_t         done = 0;
    begin_piece(&writer, 0, false);
    for (sql_token token = sql_token_at(text, 0); token.kind != SQL_TOKEN_END;
         token = sql_token_at(text, token.to)) {
        copy(&writer, done, token.from);
        expand_token(&writer, token);
        done = token.to;
    }
    copy(&writer, done, (int32_t)text.len);
    if (writer.out.len > WEIR_SQL_BYTES_MAX) {
        sql_error(job, 0, "the SQL is larger than %u bytes with its variables",
                  WEIR_SQL_BYTES_MAX);
        writer.failed = true;
    }
    weir_str view = {writer.out.at != NULL ? writer.out.at : "", writer.out.len};
    job->text = weir_str_copy(job->arena, view);
    weir_buf_done(&writer.out);
    return !writer.failed;
}

/* The last piece that begins at or before `at`. */
static const sql_piece *piece_of(const sql_job *job, int32_t at)
{
    if (job->pieces == 0)
        return NULL;
    uint32_t low = 0;
    uint32_t high = job->pieces;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (job->piece[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return &job->piece[low];
}

int32_t sql_origin(const sql_job *job, int32_t at)
{
    if (at < 0)
        return -1;
    const sql_piece *piece = piece_of(job, at);
    if (piece == NULL)
        return at;
    return piece->value ? piece->origin : piece->origin + (at - piece->at);
}

weir_str sql_written(const sql_job *job, int32_t from, int32_t to)
{
    weir_str text = job->input->text;
    int32_t  begin = sql_origin(job, from);
    int32_t  end = sql_origin(job, to);
    if (end < begin || (size_t)end > text.len)
        end = begin;
    return weir_str_trim((weir_str){text.at + begin, (size_t)(end - begin)});
}

bool sql_is_value(const sql_job *job, int32_t from, int32_t to)
{
    for (uint32_t i = 0; i < job->pieces; i++) {
        int32_t end = i + 1 < job->pieces ? job->piece[i + 1].at : (int32_t)job->text.len;
        if (job->piece[i].value && job->piece[i].at < to && end > from)
            return true;
    }
    return false;
}
