/* tests/tidy_include: who includes whom, by the table tests/tidy/rooms.txt.
 *
 *     door FILE GROUP            include/weir/FILE belongs to the group
 *     use ROOM GROUP...          what a room, and the doors of a group, may include; * is all
 *     part HEADER FOLDER...      a third-party header, or all of a folder of headers
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tidy.h"

#include <stdio.h>
#include <string.h>

/* Is `word` one of the words of a line? */
static bool has_word(const char *line, const char *word, size_t len)
{
    size_t most = strcspn(line, "\n");
    for (size_t i = 0; i < most;) {
        size_t end = i + strcspn(line + i, " \n");
        if (end - i == len && strncmp(line + i, word, len) == 0)
            return true;
        i = end + 1;
    }
    return false;
}

/* The rest of the line `kind first ...`, or NULL. */
static const char *find_line(const char *table, const char *kind, const char *first,
                             size_t len)
{
    for (const char *at = table; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (!tidy_starts(at, kind) || at[strlen(kind)] != ' ')
            continue;
        const char *word = at + strlen(kind) + 1;
        if (strcspn(word, " \n") == len && strncmp(word, first, len) == 0)
            return word + len + (word[len] == ' ');
    }
    return NULL;
}

/* "sink" of src/sink/x.c; the group of a door; "main" of src/x.c. More may stand behind it;
   NULL when rooms.txt does not know the door. */
static const char *room_of(const char *table, const file *one)
{
    if (tidy_starts(one->path, "include/weir/"))
        return find_line(table, "door", one->name, strlen(one->name));
    const char *room = one->path + strlen("src/");
    return strchr(room, '/') != NULL ? room : "main";
}

typedef struct include {
    const char *at; /* the name between quotes or angles */
    size_t      len;
    bool        angles;
    int         line;
} include;

static bool read_include(const token *t, include *out)
{
    if (t->kind != TOKEN_DIRECTIVE)
        return false;
    const char *at = t->at + 1 + strspn(t->at + 1, " ");
    if (!tidy_starts(at, "include"))
        return false;
    at += 7 + strspn(at + 7, " ");
    if (*at != '"' && *at != '<')
        return false;
    out->angles = *at == '<';
    out->at = at + 1;
    out->len = strcspn(at + 1, "\">\n");
    out->line = t->line;
    return true;
}

static void check_door(const char *table, const file *one, const char *room,
                       const include *inc)
{
    size_t      len = strcspn(room, "/ \n");
    const char *door = inc->at + 5;
    const char *group = find_line(table, "door", door, inc->len - 5);
    const char *uses;
    char        name[64];
    (void)snprintf(name, sizeof name, "%.*s", (int)len, room); /* names are short */
    uses = find_line(table, "use", name, len);
    if (group == NULL || uses == NULL) {
        tidy_say(one, inc->line, "room", "no line for %.*s in tests/tidy/rooms.txt",
                 group == NULL ? (int)(inc->len - 5) : (int)len,
                 group == NULL ? door : room);
        return;
    }
    size_t group_len = strcspn(group, " \n");
    if (!(group_len == len && strncmp(group, room, len) == 0) &&
        !has_word(uses, group, group_len) && !has_word(uses, "*", 1))
        tidy_say(one, inc->line, "room", "%s may not use the doors of %.*s", name,
                 (int)group_len, group);
}

/* A quoted name: a file below the same room, or one that the build makes. */
static void check_private(const tree *all, const file *one, const include *inc)
{
    const char *room = one->path + 4;
    size_t      len = strcspn(room, "/");
    const char *slash = memrchr(inc->at, '/', inc->len);
    const char *name = slash != NULL ? slash + 1 : inc->at;
    size_t      name_len = inc->len - (size_t)(name - inc->at);
    const file *found = NULL;
    if (!tidy_in_src(one) || room[len] == '\0')
        return;
    for (size_t i = 0; i < all->files; i++) {
        const file *other = &all->file[i];
        if (!tidy_in_src(other) || strlen(other->name) != name_len ||
            strncmp(other->name, name, name_len) != 0)
            continue;
        if (strncmp(other->path + 4, room, len + 1) == 0)
            return;
        found = other;
    }
    if (found != NULL)
        tidy_say(one, inc->line, "room", "%s is another room's own", found->path);
}

static bool is_part(const char *header, size_t len, const include *inc)
{
    if (header[len - 1] == '/')
        return inc->len > len && strncmp(inc->at, header, len) == 0;
    return inc->len == len && strncmp(inc->at, header, len) == 0;
}

/* Folders of a `part` line: the file is below one of them. */
static bool is_below(const char *folders, const file *one)
{
    size_t most = strcspn(folders, "\n");
    for (size_t i = 0; i < most;) {
        size_t len = strcspn(folders + i, " \n");
        if (len > 0 && strncmp(one->path, folders + i, len) == 0 &&
            (one->path[len] == '/' || one->path[len] == '\0'))
            return true;
        i += len + 1;
    }
    return false;
}

static void check_part(const char *table, const file *one, const include *inc)
{
    for (const char *at = table; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (!tidy_starts(at, "part "))
            continue;
        size_t len = strcspn(at + 5, " \n");
        if (is_part(at + 5, len, inc) && !is_below(at + 5 + len, one))
            tidy_say(one, inc->line, "part", "<%.*s> stays in%.*s", (int)inc->len, inc->at,
                     (int)strcspn(at + 5 + len, "\n"), at + 5 + len);
    }
}

void tidy_include_rules(const tree *all, const file *one)
{
    const char *table = tidy_table(all, "rooms.txt");
    include     inc;
    if (table == NULL || !(tidy_in_src(one) || tidy_starts(one->path, "include/")))
        return;
    const char *room = room_of(table, one);
    if (room == NULL) {
        tidy_say(one, 1, "room", "this door is not in tests/tidy/rooms.txt");
        return;
    }
    for (size_t i = 0; i < one->tokens; i++) {
        if (!read_include(&one->token[i], &inc))
            continue;
        if (inc.len > 5 && strncmp(inc.at, "weir/", 5) == 0)
            check_door(table, one, room, &inc);
        else if (inc.angles)
            check_part(table, one, &inc);
        else
            check_private(all, one, &inc);
    }
}
