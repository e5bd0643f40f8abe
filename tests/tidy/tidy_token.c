/* tests/tidy_token: C text to tokens; comments and white space go, directives stay whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tidy.h"

#include <ctype.h>
#include <string.h>

typedef struct scanner {
    const char *at;
    int         line;
    file       *to;
    bool        line_start; /* nothing but white space so far on this line */
} scanner;

static void add(scanner *s, token_kind kind, const char *from, int line)
{
    file *to = s->to;
    if (to->tokens % 1024 == 0)
        to->token = tidy_more(to->token, to->tokens + 1024, sizeof *to->token);
    to->token[to->tokens++] =
        (token){.kind = kind, .at = from, .len = (size_t)(s->at - from), .line = line};
}

static void step(scanner *s)
{
    if (*s->at == '\n')
        s->line++;
    s->at++;
}

static void skip_block_comment(scanner *s)
{
    s->at += 2;
    while (*s->at != '\0' && !(s->at[0] == '*' && s->at[1] == '/'))
        step(s);
    if (*s->at != '\0')
        s->at += 2;
}

static void skip_line_comment(scanner *s)
{
    if (s->line_start || s->at[-1] != ':')
        tidy_say(s->to, s->line, "comment", "comments are /* ... */");
    while (*s->at != '\0' && *s->at != '\n')
        s->at++;
}

static void scan_text(scanner *s)
{
    const char *from = s->at;
    int         line = s->line;
    char        quote = *s->at;
    step(s);
    while (*s->at != '\0' && *s->at != quote && *s->at != '\n') {
        if (*s->at == '\\' && s->at[1] != '\0')
            step(s);
        step(s);
    }
    if (*s->at == quote)
        s->at++;
    add(s, TOKEN_TEXT, from, line);
}

static void scan_directive(scanner *s)
{
    const char *from = s->at;
    int         line = s->line;
    while (*s->at != '\0' && *s->at != '\n') {
        if (s->at[0] == '\\' && s->at[1] == '\n') {
            step(s);
            step(s);
        } else if (s->at[0] == '/' && s->at[1] == '*') {
            skip_block_comment(s);
        } else {
            step(s);
        }
    }
    add(s, TOKEN_DIRECTIVE, from, line);
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static void scan_one(scanner *s)
{
    const char *from = s->at;
    if (*s->at == '#' && s->line_start) {
        scan_directive(s);
    } else if (*s->at == '"' || *s->at == '\'') {
        scan_text(s);
    } else if (is_word(*s->at)) {
        while (is_word(*s->at) || (*s->at == '.' && isdigit((unsigned char)*from)))
            s->at++;
        add(s, TOKEN_WORD, from, s->line);
    } else {
        s->at += s->at[0] == '-' && s->at[1] == '>' ? 2 : 1;
        add(s, TOKEN_MARK, from, s->line);
    }
    s->line_start = false;
}

void tidy_tokens(file *one)
{
    scanner s = {.at = one->text, .line = 1, .to = one, .line_start = true};
    while (*s.at != '\0') {
        if (*s.at == '\n') {
            s.line_start = true;
            step(&s);
        } else if (isspace((unsigned char)*s.at)) {
            step(&s);
        } else if (s.at[0] == '/' && s.at[1] == '*') {
            skip_block_comment(&s);
        } else if (s.at[0] == '/' && s.at[1] == '/') {
            skip_line_comment(&s);
        } else {
            scan_one(&s);
        }
    }
    add(&s, TOKEN_END, s.at, s.line);
}

bool token_is(const token *one, const char *text)
{
    return one->kind != TOKEN_TEXT && one->len == strlen(text) &&
           strncmp(one->at, text, one->len) == 0;
}
