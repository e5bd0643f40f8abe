/* sql/sql: what the files of this room share: the job being read, its text, its errors.
 *
 * Offsets (`at`) count bytes from 0 in the expanded text, in which ${NAME} was replaced;
 * sql_origin turns them into the user's text, and only such offsets enter the plan.
 * Everything lives in the job's arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_SQL_H
#define SQL_SQL_H

#include "weir/plan.h"

/* A stretch of the expanded text: a copy of the user's, or the value of a ${NAME}. */
typedef struct sql_piece {
    int32_t at;     /* in the expanded text */
    int32_t origin; /* in the user's text */
    bool    value;  /* all of it stands for the ${NAME} at origin */
} sql_piece;

typedef struct sql_view sql_view;

typedef struct
    sql_table { /* a CREATE TABLE; in the end plan->table holds those that are used */
    weir_table *table;
    bool        broken;  /* an error was reported: say nothing more about it */
    uint32_t    inserts; /* flows into it so far */
} sql_table;

typedef struct sql_job {
    const weir_sql_input *input;
    weir_arena           *arena;
    weir_sql_errors      *errors;
    int32_t               error_at[WEIR_SQL_ERRORS_MAX]; /* in the user's text */
    weir_sql_error       *last; /* that a hint belongs to, or NULL */
    weir_code             code; /* of the first error */
    weir_str              text; /* expanded; a NUL stands behind it */
    sql_piece            *piece;
    uint32_t              pieces;
    weir_plan            *plan;
    sql_table             table[WEIR_TABLES_MAX];
    uint32_t              tables;
    weir_str              written[WEIR_TABLES_MAX]; /* names behind INSERT INTO: sinks */
    uint32_t              writtens;
    sql_view             *view;    /* newest first */
    weir_setting         *setting; /* SET, in order */
    uint32_t              settings;
    uint32_t              selects; /* bare SELECTs so far */
} sql_job;

/* Errors. `at` is an offset in the expanded text; the same error at the same place is
   kept once. sql_hint adds to the error made last. */
void sql_error(sql_job *job, int32_t at, const char *format, ...) WEIR_PRINTF(3, 4);
void sql_hint(sql_job *job, const char *format, ...) WEIR_PRINTF(2, 3);
/* The same, where a bound expression is at hand: its sql_at is in the user's text. */
void sql_error_bound(sql_job *job, const weir_expr *expr, const char *format, ...)
    WEIR_PRINTF(3, 4);
/* Takes over an error of another room, whose sql_at is in the user's text or -1. */
void sql_error_take(sql_job *job, int32_t at, const weir_err *err);
/* "did you mean 'x'?" when one of the names is near; false when none is. */
bool sql_hint_nearest(sql_job *job, weir_str name, const char *const *names, size_t count);
void sql_errors_sort(sql_job *job);

/* Variables: fills job->text and job->piece; false after an error. */
bool    sql_expand(sql_job *job);
int32_t sql_origin(const sql_job *job, int32_t at);
/* The user's text that stands for expanded bytes from..to; trimmed. */
weir_str sql_written(const sql_job *job, int32_t from, int32_t to);
/* True when some of the bytes from..to came out of a variable: do not show them. */
bool sql_is_value(const sql_job *job, int32_t from, int32_t to);

/* The lexer: just enough to find tokens, never to judge them. */
typedef enum sql_token_kind {
    SQL_TOKEN_END,
    SQL_TOKEN_WORD,
    SQL_TOKEN_QUOTED,  /* "name" */
    SQL_TOKEN_STRING,  /* 'text' */
    SQL_TOKEN_ESCAPED, /* E'text': a backslash escapes */
    SQL_TOKEN_DOLLAR,  /* $tag$text$tag$ */
    SQL_TOKEN_NUMBER,
    SQL_TOKEN_VARIABLE, /* ${…} */
    SQL_TOKEN_SYMBOL
} sql_token_kind;

typedef struct sql_token {
    sql_token_kind kind;
    int32_t        from, to;
} sql_token;

/* The token at or behind `at`; spaces and comments are passed over. */
sql_token sql_token_at(weir_str text, int32_t at);
weir_str  sql_token_text(weir_str text, sql_token token);
/* Where the word stands last before `at`, or `at`: for clauses whose place the parser
   does not keep. */
int32_t sql_word_before(weir_str text, const char *word, int32_t at);
/* False, with an error, when expressions nest so deep that the parser could overflow. */
bool sql_depth_check(sql_job *job);
/* False, with an error, when a name is longer than the parser keeps: it would be cut. */
bool sql_names_check(sql_job *job);
/* The text for the parser: as long as the job's, so that places stay; the first letter of
   each part of a SET's name is '_', so that memory.limit is a name and no keyword. */
const char *sql_set_masked(sql_job *job);
/* Of the statement or option that starts at `at`: where its value begins, behind "=". */
int32_t sql_value_at(weir_str text, int32_t at);

#endif
