/* tests/tidy_code: rules about functions: their size, depth and parameters, and what they call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tidy.h"

#include <ctype.h>
#include <string.h>

#define LINES_OF_FUNCTION 70
#define PARAMETERS 6 /* so many are a struct */
#define DEPTH 4      /* so deep is another function */

typedef struct call_rule {
    const char *name;
    const char *under;  /* applies to paths that begin so */
    const char *but_in; /* allowed there */
    const char *instead;
} call_rule;

static const call_rule calls[] = {
    {"strcpy", "src/", NULL, "weir_buf or weir_str_copy"},
    {"strncpy", "src/", NULL, "memcpy with a length"},
    {"strcat", "src/", NULL, "weir_buf"},
    {"sprintf", "src/", NULL, "snprintf or weir_buf_format"},
    {"vsprintf", "src/", NULL, "vsnprintf"},
    {"strtok", "src/", NULL, "weir_str"},
    {"gets", "", NULL, "fgets"},
    {"alloca", "", NULL, "an arena"},
    {"atoi", "src/", NULL, "weir_str_to_i64"},
    {"atol", "src/", NULL, "weir_str_to_i64"},
    {"atof", "src/", NULL, "weir_str_to_double"},
    {"gmtime", "src/", NULL, "weir_civil_from_us"},
    {"localtime", "src/", NULL, "weir_civil_from_us"},
    {"strftime", "src/", NULL, "weir_us_print"},
    {"rand", "", NULL, "a generator of one's own, seeded"},
    {"random", "src/", NULL, "weir_random_nonce"},
    {"setlocale", "", NULL, "the C locale"},
    {"malloc", "src/", "src/base/arena.c", "an arena or weir_heap_new"},
    {"calloc", "src/", "src/base/arena.c", "an arena or weir_heap_new"},
    {"realloc", "src/", "src/base/arena.c", "weir_heap_grow"},
    {"free", "src/", "src/base/arena.c", "weir_heap_free"},
    {"strdup", "src/", NULL, "weir_str_copy"},
    {"asprintf", "src/", NULL, "weir_arena_text"},
    {"time", "src/", "src/base/clock.c", "the weir_clock that was given"},
    {"clock_gettime", "src/", "src/base/clock.c", "the weir_clock that was given"},
    {"gettimeofday", "src/", "src/base/clock.c", "the weir_clock that was given"},
    {"timespec_get", "src/", "src/base/clock.c", "the weir_clock that was given"},
    {"pthread_cond_timedwait", "src/", "src/base/clock.c", "weir_cond_wait"},
    {"clock_nanosleep", "src/", "src/base/clock.c", "the clock's pause_us"},
    {"nanosleep", "src/", "src/base/clock.c", "the clock's pause_us"},
    {"usleep", "src/", "src/base/clock.c", "the clock's pause_us"},
    {"sleep", "src/", "src/base/clock.c", "the clock's pause_us"},
    {"usleep", "tests/unit/", NULL, "a fake clock: tests never sleep"},
    {"sleep", "tests/unit/", NULL, "a fake clock: tests never sleep"},
    {"nanosleep", "tests/unit/", NULL, "a fake clock: tests never sleep"},
    {"usleep", "tests/contract/", NULL, "a fake clock: tests never sleep"},
    {"sleep", "tests/contract/", NULL, "a fake clock: tests never sleep"},
};

static bool is_member(const token *one, const token *first)
{
    return one > first && (token_is(one - 1, ".") || token_is(one - 1, "->"));
}

static void check_call(const file *one, const token *t)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const call_rule *rule = &calls[i];
        if (token_is(t, rule->name) && tidy_starts(one->path, rule->under) &&
            (rule->but_in == NULL || strcmp(one->path, rule->but_in) != 0))
            tidy_say(one, t->line, "call", "%s() is not called here: use %s", rule->name,
                     rule->instead);
    }
}

/* weir_assert(a && b) does not say which of them failed. */
static void check_assert(const file *one, const token *t)
{
    int depth = 0;
    for (t++; t->kind != TOKEN_END; t++) {
        if (token_is(t, "("))
            depth++;
        if (token_is(t, ")") && --depth == 0)
            return;
        if (depth == 1 && token_is(t, "&") && token_is(t + 1, "&") &&
            t[1].at == t->at + 1) {
            tidy_say(one, t->line, "assert", "two asserts, so that the message says which");
            return;
        }
    }
}

static void check_words_of_code(const file *one)
{
    for (size_t i = 0; i < one->tokens; i++) {
        const token *t = &one->token[i];
        if (t->kind != TOKEN_WORD || is_member(t, one->token))
            continue;
        if (token_is(t + 1, "("))
            check_call(one, t);
        if (tidy_in_src(one) &&
            (token_is(t, "weir_assert") || token_is(t, "weir_assert_slow")))
            check_assert(one, t);
        if (token_is(t, "goto") && !token_is(t + 1, "out"))
            tidy_say(one, t->line, "goto", "the one label is 'out', at the end");
    }
}

/* Behind the mark that closes what `t` opens. */
static const token *skip_pair(const token *t)
{
    int depth = 0;
    for (; t->kind != TOKEN_END; t++) {
        if (t->kind != TOKEN_MARK)
            continue;
        if (strchr("([{", *t->at) != NULL)
            depth++;
        if (strchr(")]}", *t->at) != NULL && --depth == 0)
            return t + 1;
    }
    return t;
}

static const token *skip_directives(const token *t)
{
    while (t->kind == TOKEN_DIRECTIVE)
        t++;
    return t;
}

static const token *statement(const token *t, int depth, int *deepest);

static const token *block(const token *t, int depth, int *deepest)
{
    for (t = skip_directives(t + 1); t->kind != TOKEN_END && !token_is(t, "}");)
        t = skip_directives(statement(t, depth, deepest));
    return t->kind != TOKEN_END ? t + 1 : t;
}

/* `else if` is as deep as its `if`. */
static const token *if_statement(const token *t, int depth, int *deepest)
{
    t = skip_directives(statement(skip_pair(t + 1), depth + 1, deepest));
    if (!token_is(t, "else"))
        return t;
    t = skip_directives(t + 1);
    return token_is(t, "if") ? if_statement(t, depth, deepest)
                             : statement(t, depth + 1, deepest);
}

/* Up to the ';'. A name, its parentheses and a brace are a loop by macro. */
static const token *plain_statement(const token *t, int depth, int *deepest)
{
    bool loop =
        t->kind == TOKEN_WORD && token_is(t + 1, "(") && token_is(skip_pair(t + 1), "{");
    if (loop)
        return statement(skip_pair(t + 1), depth + 1, deepest);
    for (; t->kind != TOKEN_END && !token_is(t, "}"); t++) {
        if (token_is(t, ";"))
            return t + 1;
        if (token_is(t, "(") || token_is(t, "[") || token_is(t, "{"))
            t = skip_pair(t) - 1;
    }
    return t;
}

/* Behind `case x:`, `default:` and `out:`. */
static const token *skip_labels(const token *t)
{
    for (;;) {
        const token *colon = t + 1;
        if (token_is(t, "case"))
            while (colon->kind != TOKEN_END && !token_is(colon, ":"))
                colon++;
        else if (t->kind != TOKEN_WORD)
            return t;
        if (!token_is(colon, ":"))
            return t;
        t = skip_directives(colon + 1);
    }
}

static const token *statement(const token *t, int depth, int *deepest)
{
    if (depth > *deepest)
        *deepest = depth;
    t = skip_labels(skip_directives(t));
    if (token_is(t, "}"))
        return t; /* a label at the end of a block */
    if (token_is(t, "{"))
        return block(t, depth, deepest);
    if (token_is(t, "if"))
        return if_statement(t, depth, deepest);
    if (token_is(t, "for") || token_is(t, "while") || token_is(t, "switch"))
        return statement(skip_pair(t + 1), depth + 1, deepest);
    if (token_is(t, "do"))
        return plain_statement(statement(t + 1, depth + 1, deepest), depth, deepest);
    return plain_statement(t, depth, deepest);
}

/* What goes in is counted: not results, the arena they live in, the error or the dots. */
static bool is_not_input(const token *t)
{
    return token_is(t, "weir_err") || token_is(t, "weir_arena") || token_is(t, ".") ||
           (t->kind == TOKEN_WORD && t->len >= 3 && strncmp(t->at, "out", 3) == 0 &&
            (t->len == 3 || t->at[3] == '_')) ||
           (token_is(t, "void") && token_is(t + 1, ")"));
}

static int count_parameters(const token *open)
{
    int  count = 0;
    int  depth = 0;
    bool counts = true;
    for (const token *t = open; t->kind != TOKEN_END; t++) {
        depth += token_is(t, "(") - token_is(t, ")");
        if (depth == 0 || (depth == 1 && token_is(t, ","))) {
            count += counts;
            counts = true;
        }
        if (depth == 0)
            break;
        if (depth == 1 && is_not_input(t))
            counts = false;
    }
    return count;
}

/* Kernels take plain pointers and lengths, never structs. */
static bool is_kernel(const file *one)
{
    return tidy_starts(one->path, "src/kernel/") ||
           tidy_starts(one->path, "include/weir/kernel");
}

static void check_parameters(const file *one, const token *name)
{
    int count = count_parameters(name + 1);
    if (count >= PARAMETERS && !is_kernel(one))
        tidy_say(one, name->line, "parameters", "%.*s takes %d, less than %d is allowed",
                 (int)name->len, name->at, count, PARAMETERS);
}

static void check_conditionals(const file *one, const token *from, const token *to)
{
    for (const token *t = from; t < to; t++) {
        if (t->kind != TOKEN_DIRECTIVE)
            continue;
        if (tidy_starts(t->at + 1 + strspn(t->at + 1, " "), "if"))
            tidy_say(one, t->line, "ifdef", "no #if inside a function");
    }
}

static const token *function(const file *one, const token *name, const token *open)
{
    int          deepest = 0;
    const token *end = block(open, 0, &deepest);
    int          lines = end[-1].line - name->line + 1;
    if (lines > LINES_OF_FUNCTION)
        tidy_say(one, name->line, "function", "%.*s has %d lines, at most %d",
                 (int)name->len, name->at, lines, LINES_OF_FUNCTION);
    if (deepest >= DEPTH)
        tidy_say(one, name->line, "depth", "%.*s nests %d deep, less than %d is allowed",
                 (int)name->len, name->at, deepest, DEPTH);
    if (tidy_in_src(one))
        check_conditionals(one, open, end);
    return end;
}

static bool is_attribute(const token *t)
{
    return token_is(t, "__attribute__") || token_is(t, "_Alignas") ||
           token_is(t, "_Static_assert") || token_is(t, "WEIR_PRINTF");
}

/* From file scope: declarations and definitions one after the other. */
static const token *declaration(const file *one, const token *t)
{
    const token *name = NULL;
    bool         value = false; /* behind '=' */
    for (; t->kind != TOKEN_END; t++) {
        if (token_is(t, ";"))
            return t + 1;
        if (token_is(t, "="))
            value = true;
        if (t->kind == TOKEN_WORD && token_is(t + 1, "(") && !is_attribute(t) && !value) {
            name = t;
            check_parameters(one, t);
        }
        if (token_is(t, "("))
            t = skip_pair(t) - 1;
        else if (token_is(t, "{") && name != NULL && !value)
            return function(one, name, t);
        else if (token_is(t, "{"))
            t = skip_pair(t) - 1;
    }
    return t;
}

void tidy_code_rules(const file *one)
{
    if (strcmp(one->path, "src/base/banned.h") != 0)
        check_words_of_code(one);
    for (const token *t = one->token; t->kind != TOKEN_END;) {
        if (t->kind == TOKEN_DIRECTIVE || token_is(t, "}"))
            t++;
        else if (token_is(t, "extern") && t[1].kind == TOKEN_TEXT && token_is(t + 2, "{"))
            t += 3;
        else
            t = declaration(one, t);
    }
}
