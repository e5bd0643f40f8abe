/* tests/tidy: the rules of the house, checked by a program. See docs/STYLE.md.
 *
 * A rule that finds something calls tidy_say with its name; tests/tidy/allow.txt may silence
 * one finding, dated and with a reason, and an entry that silences nothing is a finding.
 * Memory is never freed: the program lives for a second.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_TIDY_H
#define TESTS_TIDY_H

#include <stdbool.h>
#include <stddef.h>

typedef enum token_kind {
    TOKEN_WORD,      /* identifiers, keywords, numbers */
    TOKEN_TEXT,      /* string and character literals, without their content */
    TOKEN_MARK,      /* one character of punctuation; "->" is one token */
    TOKEN_DIRECTIVE, /* a whole preprocessor line, with its continuations */
    TOKEN_END
} token_kind;

typedef struct token {
    token_kind  kind;
    const char *at;
    size_t      len;
    int         line;
} token;

typedef struct file {
    const char *path; /* from the root of the tree */
    const char *name; /* behind the last slash */
    const char *text; /* NUL-terminated */
    size_t      len;
    token      *token; /* C only; ends with TOKEN_END */
    size_t      tokens;
} file;

typedef struct tree {
    const char *root;
    file       *file; /* sorted by path */
    size_t      files;
} tree;

/* Reports a finding, unless it is allowed; what is allowed is counted. */
void tidy_say(const file *at, int line, const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The text of a table in tests/tidy/, or NULL. */
const char *tidy_table(const tree *all, const char *name);

void *tidy_more(void *old, size_t count, size_t size); /* realloc that never fails */
bool  tidy_ends(const char *text, const char *end);
bool  tidy_starts(const char *text, const char *start);
bool  tidy_is_c(const file *one);   /* .c .h */
bool  tidy_in_src(const file *one); /* under src/ */
bool  token_is(const token *one, const char *text);

void tidy_tokens(file *one); /* fills in file.token */

/* The rules. */
void tidy_text_rules(const tree *all, const file *one); /* any text */
void tidy_name_rules(const tree *all);                  /* names of files */
void tidy_code_rules(const file *one); /* C: functions and what they call */
void tidy_include_rules(const tree *all, const file *one); /* C: who includes whom */

#endif
