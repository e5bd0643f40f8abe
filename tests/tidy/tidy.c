/* tests/tidy: reads the tree, runs the rules, counts what they find.
 *
 * Usage: tidy ROOT. Exit code 1 when a rule finds something.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tidy.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES_MAX (4 << 20) /* larger files are data */

typedef struct allowed {
    const char *rule;
    const char *path;
    int         line; /* in allow.txt */
    int         used;
} allowed;

static allowed *allow = NULL;
static size_t   allows = 0;
static int      findings = 0;

/* What is never freed is not worth a report. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

void *tidy_more(void *old, size_t count, size_t size)
{
    void *memory = realloc(old, count * size);
    if (memory == NULL)
        abort();
    return memory;
}

bool tidy_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

bool tidy_ends(const char *text, const char *end)
{
    size_t len = strlen(text);
    return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

bool tidy_is_c(const file *one)
{
    return tidy_ends(one->path, ".c") || tidy_ends(one->path, ".h");
}

bool tidy_in_src(const file *one)
{
    return tidy_starts(one->path, "src/");
}

void tidy_say(const file *at, int line, const char *rule, const char *format, ...)
{
    for (size_t i = 0; i < allows; i++) {
        if (strcmp(allow[i].rule, rule) == 0 && strcmp(allow[i].path, at->path) == 0) {
            allow[i].used++;
            return;
        }
    }
    va_list list;
    va_start(list, format);
    printf("%s:%d: %s: ", at->path, line, rule);
    vprintf(format, list);
    printf("\n");
    va_end(list);
    findings++;
}

/* Folders that are not the project's text. */
static bool is_skipped(const char *path, const char *name)
{
    static const char *const paths[] = {"build", "tests/fixtures", "tests/fuzz/corpus"};
    if (name[0] == '.')
        return strcmp(name, ".ci") != 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (strcmp(path, paths[i]) == 0)
            return true;
    return strcmp(name, "__pycache__") == 0 || strcmp(name, "node_modules") == 0;
}

static char *join(const char *a, const char *b)
{
    size_t room = strlen(a) + strlen(b) + 2;
    char  *path = tidy_more(NULL, room, 1);
    (void)snprintf(path, room, "%s%s%s", a, a[0] != '\0' ? "/" : "", b); /* it fits */
    return path;
}

static bool read_text(const char *path, size_t size, file *one)
{
    char *text = tidy_more(NULL, size + 1, 1);
    int   fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false; /* somebody took it away meanwhile */
    ssize_t got = read(fd, text, size);
    (void)close(fd); /* it was only read */
    if (got < 0 || memchr(text, '\0', (size_t)got) != NULL)
        return false;
    text[got] = '\0';
    one->text = text;
    one->len = (size_t)got;
    return true;
}

static void add_file(tree *all, const char *path, size_t size)
{
    file        one = {.path = path};
    const char *slash = strrchr(path, '/');
    one.name = slash != NULL ? slash + 1 : path;
    if (size > TEXT_BYTES_MAX || !read_text(join(all->root, path), size, &one))
        return;
    if (tidy_is_c(&one))
        tidy_tokens(&one);
    all->file = tidy_more(all->file, all->files + 1, sizeof *all->file);
    all->file[all->files++] = one;
}

static void walk(tree *all, const char *under)
{
    DIR *folder = opendir(under[0] != '\0' ? join(all->root, under) : all->root);
    if (folder == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        struct stat about;
        char       *path = join(under, entry->d_name);
        if (is_skipped(path, entry->d_name) || lstat(join(all->root, path), &about) != 0)
            continue;
        if (S_ISDIR(about.st_mode))
            walk(all, path);
        else if (S_ISREG(about.st_mode))
            add_file(all, path, (size_t)about.st_size);
    }
    (void)closedir(folder); /* it was only read */
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const file *)a)->path, ((const file *)b)->path);
}

const char *tidy_table(const tree *all, const char *name)
{
    char *path = join("tests/tidy", name);
    for (size_t i = 0; i < all->files; i++)
        if (strcmp(all->file[i].path, path) == 0)
            return all->file[i].text;
    return NULL;
}

/* Lines of allow.txt: `YYYY-MM-DD rule path reason`. */
static void read_allow(const tree *all)
{
    const char *text = tidy_table(all, "allow.txt");
    file        self = {.path = "tests/tidy/allow.txt"};
    int         line = 0;
    for (char *at = text != NULL ? strdup(text) : NULL; at != NULL; line++) {
        char *row = strsep(&at, "\n");
        char *date = strsep(&row, " ");
        char *rule = strsep(&row, " ");
        char *path = strsep(&row, " ");
        if (date[0] == '#' || date[0] == '\0')
            continue;
        if (strlen(date) != 10 || path == NULL || row == NULL || row[0] == '\0') {
            tidy_say(&self, line + 1, "allow", "a line is: YYYY-MM-DD rule path reason");
            continue;
        }
        allow = tidy_more(allow, allows + 1, sizeof *allow);
        allow[allows++] = (allowed){.rule = rule, .path = path, .line = line + 1};
    }
}

static void unused_allow(void)
{
    file self = {.path = "tests/tidy/allow.txt"};
    for (size_t i = 0; i < allows; i++)
        if (allow[i].used == 0)
            tidy_say(&self, allow[i].line, "allow",
                     "nothing left to allow: take the line out");
}

int main(int argc, char **argv)
{
    tree all = {.root = argc > 1 ? argv[1] : "."};
    walk(&all, "");
    if (all.files > 0)
        qsort(all.file, all.files, sizeof *all.file, by_path);
    read_allow(&all);
    tidy_name_rules(&all);
    for (size_t i = 0; i < all.files; i++) {
        tidy_text_rules(&all, &all.file[i]);
        if (tidy_is_c(&all.file[i])) {
            tidy_code_rules(&all.file[i]);
            tidy_include_rules(&all, &all.file[i]);
        }
    }
    unused_allow();
    printf("tidy: %d findings in %zu files\n", findings, all.files);
    return findings > 0;
}
