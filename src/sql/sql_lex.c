/* sql/lex: finds where tokens begin and end, by PostgreSQL's rules for quotes and comments.
 *
 * Gives      sql_token_at, sql_token_text, sql_value_at, sql_word_before,
 *            sql_depth_check, sql_names_check.
 * Always     1. a token is not empty, and lies inside the text.
 * Never      reports what is not closed: the parser does that better.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql.h"

#include <string.h>
#include <strings.h>

/* Nodes that one item of a list may stack up: the parser's own stack takes 10,000. */
#define LEX_DEPTH_MAX 3000

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char char_at(weir_str text, int32_t at)
{
    return at >= 0 && (size_t)at < text.len ? text.at[at] : '\0';
}

static int32_t skip_line(weir_str text, int32_t at)
{
    while ((size_t)at < text.len && text.at[at] != '\n')
        at++;
    return at;
}

static int32_t skip_comment(weir_str text, int32_t at)
{
    int32_t depth = 0;
    while ((size_t)at < text.len) {
        char c = char_at(text, at);
        char d = char_at(text, at + 1);
        if (c == '/' && d == '*') {
            depth++;
            at += 2;
        } else if (c == '*' && d == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return at;
}

static int32_t skip_blank(weir_str text, int32_t at)
{
    while ((size_t)at < text.len) {
        char c = char_at(text, at);
        char d = char_at(text, at + 1);
        if (c == ' ' || (c >= '\t' && c <= '\r'))
            at++;
        else if (c == '-' && d == '-')
            at = skip_line(text, at);
        else if (c == '/' && d == '*')
            at = skip_comment(text, at);
        else
            break;
    }
    return at;
}

/* Behind the closing quote; a doubled quote does not close, nor does one behind a
   backslash when `escapes`. */
static int32_t end_of_quoted(weir_str text, int32_t at, bool escapes)
{
    char quote = char_at(text, at++);
    while ((size_t)at < text.len) {
        char c = char_at(text, at);
        if (escapes && c == '\\') {
            at += 2;
        } else if (c == quote && char_at(text, at + 1) == quote) {
            at += 2;
        } else if (c == quote) {
            return at + 1;
        } else {
            at++;
        }
    }
    return (int32_t)text.len;
}

static int32_t end_of_word(weir_str text, int32_t at)
{
    while (is_word_start(char_at(text, at)) || is_digit(char_at(text, at)) ||
           char_at(text, at) == '$')
        at++;
    return at;
}

static int32_t end_of_number(weir_str text, int32_t at)
{
    while (is_digit(char_at(text, at)) || char_at(text, at) == '.')
        at++;
    char c = char_at(text, at);
    if (c != 'e' && c != 'E')
        return at;
    int32_t behind = at + 1;
    if (char_at(text, behind) == '+' || char_at(text, behind) == '-')
        behind++;
    if (!is_digit(char_at(text, behind)))
        return at;
    while (is_digit(char_at(text, behind)))
        behind++;
    return behind;
}

/* $tag$ … $tag$, or just the dollar sign. */
static sql_token dollar_token(weir_str text, int32_t at)
{
    sql_token alone = {SQL_TOKEN_SYMBOL, at, at + 1};
    int32_t   tag = at + 1;
    while (is_word_start(char_at(text, tag)) ||
           (tag > at + 1 && is_digit(char_at(text, tag))))
        tag++;
    if (char_at(text, tag) != '$')
        return alone;
    size_t      len = (size_t)(tag + 1 - at);
    const char *close =
        memmem(text.at + tag + 1, text.len - (size_t)tag - 1, text.at + at, len);
    if (close == NULL)
        return alone;
    return (sql_token){SQL_TOKEN_DOLLAR, at, (int32_t)(close - text.at) + (int32_t)len};
}

static sql_token variable_token(weir_str text, int32_t at)
{
    int32_t end = at + 2;
    while ((size_t)end < text.len && text.at[end] != '}' && text.at[end] != '\n')
        end++;
    if (char_at(text, end) == '}')
        end++;
    return (sql_token){SQL_TOKEN_VARIABLE, at, end};
}

static sql_token word_token(weir_str text, int32_t at)
{
    char c = char_at(text, at);
    if (char_at(text, at + 1) == '\'' && strchr("eEbBxXnN", c) != NULL) {
        bool escapes = c == 'e' || c == 'E';
        return (sql_token){escapes ? SQL_TOKEN_ESCAPED : SQL_TOKEN_STRING, at,
                           end_of_quoted(text, at + 1, escapes)};
    }
    if ((c == 'u' || c == 'U') && char_at(text, at + 1) == '&' &&
        (char_at(text, at + 2) == '\'' || char_at(text, at + 2) == '"')) {
        bool quoted = char_at(text, at + 2) == '"';
        return (sql_token){quoted ? SQL_TOKEN_QUOTED : SQL_TOKEN_STRING, at,
                           end_of_quoted(text, at + 2, false)};
    }
    return (sql_token){SQL_TOKEN_WORD, at, end_of_word(text, at)};
}

sql_token sql_token_at(weir_str text, int32_t at)
{
    at = skip_blank(text, at);
    if ((size_t)at >= text.len)
        return (sql_token){SQL_TOKEN_END, (int32_t)text.len, (int32_t)text.len};
    char c = char_at(text, at);
    if (is_word_start(c))
        return word_token(text, at);
    if (c == '"')
        return (sql_token){SQL_TOKEN_QUOTED, at, end_of_quoted(text, at, false)};
    if (c == '\'')
        return (sql_token){SQL_TOKEN_STRING, at, end_of_quoted(text, at, false)};
    if (is_digit(c) || (c == '.' && is_digit(char_at(text, at + 1))))
        return (sql_token){SQL_TOKEN_NUMBER, at, end_of_number(text, at)};
    if (c == '$' && char_at(text, at + 1) == '{')
        return variable_token(text, at);
    if (c == '$')
        return dollar_token(text, at);
    return (sql_token){SQL_TOKEN_SYMBOL, at, at + 1};
}

weir_str sql_token_text(weir_str text, sql_token token)
{
    return (weir_str){text.at + token.from, (size_t)(token.to - token.from)};
}

int32_t sql_value_at(weir_str text, int32_t at)
{
    sql_token token = sql_token_at(text, at);
    while (token.kind != SQL_TOKEN_END) {
        weir_str word = sql_token_text(text, token);
        bool     to = token.kind == SQL_TOKEN_WORD && word.len == 2 &&
                  strncasecmp(word.at, "to", 2) == 0;
        if (to || weir_str_is(word, "="))
            return sql_token_at(text, token.to).from;
        if (weir_str_is(word, ",") || weir_str_is(word, ";") || weir_str_is(word, ")"))
            break;
        token = sql_token_at(text, token.to);
    }
    return at;
}

int32_t sql_word_before(weir_str text, const char *word, int32_t at)
{
    int32_t found = at;
    for (sql_token token = sql_token_at(text, 0);
         token.kind != SQL_TOKEN_END && token.to <= at;
         token = sql_token_at(text, token.to)) {
        weir_str one = sql_token_text(text, token);
        if (token.kind == SQL_TOKEN_WORD && one.len == strlen(word) &&
            strncasecmp(one.at, word, one.len) == 0)
            found = token.from;
    }
    return found;
}

/* What may put one node of the tree under another. */
static bool nests(weir_str text, sql_token token)
{
    if (token.kind == SQL_TOKEN_SYMBOL)
        return true;
    static const char *const words[] = {"not",       "case", "is", "union",   "except",
                                        "intersect", "join", "at", "collate", "select"};
    weir_str                 word = sql_token_text(text, token);
    for (size_t i = 0; token.kind == SQL_TOKEN_WORD && i < sizeof words / sizeof *words;
         i++)
        if (strlen(words[i]) == word.len && strncasecmp(words[i], word.at, word.len) == 0)
            return true;
    return false;
}

bool sql_depth_check(sql_job *job)
{
    static int32_t const most = LEX_DEPTH_MAX;
    int32_t             *open =
        WEIR_ARRAY(job->arena, int32_t, most + 1); /* per bracket: count outside */
    int32_t depth = 0;
    int32_t count = 0;
    for (sql_token token = sql_token_at(job->text, 0); token.kind != SQL_TOKEN_END;
         token = sql_token_at(job->text, token.to)) {
        char c = job->text.at[token.from];
        bool symbol = token.kind == SQL_TOKEN_SYMBOL;
        if (nests(job->text, token))
            count++;
        if (count > most) {
            sql_error(job, token.from, "the expression is nested too deeply");
            sql_hint(job, "at most %u levels", WEIR_EXPR_DEPTH_MAX);
            return false;
        }
        if (symbol && (c == '(' || c == '[') && depth < most)
            open[depth++] = count;
        else if (symbol && (c == ')' || c == ']') && depth > 0)
            count = open[--depth];
        else if (symbol && c == ',')
            count = depth > 0 ? open[depth - 1] : 0;
        else if (symbol && c == ';')
            depth = count = 0;
    }
    return true;
}

bool sql_names_check(sql_job *job)
{
    bool good = true;
    for (sql_token token = sql_token_at(job->text, 0); token.kind != SQL_TOKEN_END;
         token = sql_token_at(job->text, token.to)) {
        int32_t bytes = token.to - token.from - (token.kind == SQL_TOKEN_QUOTED ? 2 : 0);
        if ((token.kind != SQL_TOKEN_WORD && token.kind != SQL_TOKEN_QUOTED) ||
            bytes <= (int32_t)WEIR_IDENTIFIER_MAX)
            continue;
        sql_error(job, token.from, "the name is longer than %u bytes", WEIR_IDENTIFIER_MAX);
        good = false;
    }
    return good;
}
