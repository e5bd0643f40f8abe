/* tests/tidy_text: rules about files as text: sizes, headers, words, names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tidy.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_OF_C 800
#define LINES_OF_DOOR 250
#define LINES_OF_PRIVATE_HEADER 200
#define COLUMNS 100
#define LINES_OF_HEADER 60 /* in which the licence has to stand */

static bool is_ours(const file *one)
{
    return tidy_is_c(one) || tidy_ends(one->path, ".cc") ||
           (tidy_ends(one->path, ".def") && strcmp(one->name, "kinds.def") != 0);
}

static void check_size(const file *one, int lines)
{
    int most = LINES_OF_C;
    if (tidy_starts(one->path, "include/weir/"))
        most = LINES_OF_DOOR;
    else if (tidy_ends(one->path, ".h"))
        most = LINES_OF_PRIVATE_HEADER;
    if (lines > most)
        tidy_say(one, lines, "size", "%d lines, at most %d", lines, most);
}

static void check_head(const file *one)
{
    const char *end = one->text;
    bool        cpp = tidy_ends(one->path, ".cc") && tidy_starts(one->text, "// ");
    if (!tidy_starts(one->text, "/* ") && !cpp)
        tidy_say(one, 1, "head", "line 1 names the file's subject: /* room/file: ... */");
    for (int line = 0; line < LINES_OF_HEADER && *end != '\0'; end++)
        line += *end == '\n';
    const char *licence = strstr(one->text, "SPDX-License-Identifier: Apache-2.0");
    if (licence == NULL || licence > end)
        tidy_say(one, 1, "head", "no SPDX-License-Identifier line");
}

/* Columns, not bytes: what goes on a character is not counted. */
static int columns_of(const char *line, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len; i++)
        columns += ((unsigned char)line[i] & 0xC0) != 0x80;
    return columns;
}

static void check_line(const file *one, const char *line, size_t len, int number)
{
    if (columns_of(line, len) > COLUMNS && !tidy_ends(one->path, ".def"))
        tidy_say(one, number, "line", "%d columns, at most %d", columns_of(line, len),
                 COLUMNS);
    if (memchr(line, '\t', len) != NULL)
        tidy_say(one, number, "line", "a tab");
    if (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\r'))
        tidy_say(one, number, "line", "white space at the end");
}

/* Unfinished work stands only with the decision note that says what will become of it. */
static void check_todo(const file *one, const char *line, size_t len, int number)
{
    static const char *const words[] = {"TO"
                                        "DO",
                                        "FIX"
                                        "ME",
                                        "XX"
                                        "X:"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (memmem(line, len, words[i], strlen(words[i])) != NULL &&
            memmem(line, len, "docs/decisions/", 15) == NULL)
            tidy_say(one, number, "todo", "%s without a decision note", words[i]);
}

static uint64_t hash_word(const char *word, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint64_t)tolower((unsigned char)word[i])) * UINT64_C(0x100000001b3);
    return hash;
}

/* words.txt: what files never say. `hash X` is FNV-1a of a word in small letters, so that
   the list does not say it either; `text X` is any text. */
static bool is_listed(const char *table, uint64_t hash)
{
    for (const char *at = table; (at = strstr(at, "hash ")) != NULL; at += 5)
        if (strtoull(at + 5, NULL, 16) == hash)
            return true;
    return false;
}

static void check_words(const char *table, const file *one, const char *line, size_t len,
                        int number)
{
    for (size_t i = 0; i < len;) {
        size_t end = i;
        while (end < len && isalpha((unsigned char)line[end]))
            end++;
        if (end - i > 2 && is_listed(table, hash_word(line + i, end - i)))
            tidy_say(one, number, "word", "'%.*s' is not said here", (int)(end - i),
                     line + i);
        i = end > i ? end : i + 1;
    }
}

static void check_texts(const char *table, const file *one, const char *line, size_t len,
                        int number)
{
    for (const char *at = table; *at != '\0';
         at += strcspn(at, "\n") + (at[strcspn(at, "\n")] != 0)) {
        size_t most = strcspn(at, "\n");
        if (!tidy_starts(at, "text ") || most <= 5)
            continue;
        if (memmem(line, len, at + 5, most - 5) != NULL)
            tidy_say(one, number, "word", "'%.*s' is not said here", (int)most - 5, at + 5);
    }
}

void tidy_text_rules(const tree *all, const file *one)
{
    const char *words = tidy_table(all, "words.txt");
    bool        own_list = strcmp(one->path, "tests/tidy/words.txt") == 0;
    int         number = 0;
    const char *line = one->text;
    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        number++;
        if (is_ours(one))
            check_line(one, line, len, number);
        if (!tidy_ends(one->path, ".md"))
            check_todo(one, line, len, number);
        if (words != NULL && !own_list) {
            check_words(words, one, line, len, number);
            check_texts(words, one, line, len, number);
        }
        line += len;
        if (*line == '\0')
            tidy_say(one, number, "line", "the last line does not end");
        else
            line++;
    }
    if (is_ours(one)) {
        check_head(one);
        check_size(one, number);
    }
}

static void check_stem(const file *one)
{
    static const char *const vague[] = {"util",    "utils", "common", "helper",
                                        "helpers", "misc",  "manager"};
    char                    *stem = strdup(one->name);
    if (stem == NULL)
        abort();
    stem[strcspn(stem, ".")] = '\0';
    for (char *left = stem, *part; (part = strsep(&left, "_-")) != NULL;)
        for (size_t i = 0; i < sizeof vague / sizeof vague[0]; i++)
            if (strcmp(part, vague[i]) == 0)
                tidy_say(one, 1, "name", "'%s' says nothing: name the thing", part);
}

/* Registries, and the first file of a kind, which is called as its folder: a source and a sink
   may both be called "file". */
static bool has_twins(const file *one)
{
    size_t stem = strcspn(one->name, ".");
    bool   of_kind = one->name > one->path + stem + 1 && one->name[-1] == '/' &&
                   strncmp(one->name - stem - 1, one->name, stem) == 0 &&
                   one->name[-(long)stem - 2] == '/';
    return of_kind || strcmp(one->name, "registry.c") == 0 || !tidy_is_c(one);
}

void tidy_name_rules(const tree *all)
{
    for (size_t i = 0; i < all->files; i++) {
        const file *one = &all->file[i];
        check_stem(one);
        if (!tidy_in_src(one) || has_twins(one))
            continue;
        for (size_t k = 0; k < i; k++)
            if (tidy_in_src(&all->file[k]) && strcmp(all->file[k].name, one->name) == 0)
                tidy_say(one, 1, "name", "%s has this name too", all->file[k].path);
    }
}
