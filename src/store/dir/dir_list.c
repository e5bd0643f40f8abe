/* store/dir_list: the keys below a folder in byte order, a page at a time.
 *
 * Always     1. keys come in the order of their bytes: a folder sorts as its name and '/'.
 *            2. files of the store itself ('.weir-…'), links and odd files are not listed.
 *            3. a folder whose keys are all before `after`, or not under `prefix`, is not
 *               read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_object.h"

enum { DEPTH_MAX = 64 };

typedef struct walk {
    dir_store    *self;
    weir_str      prefix, after;
    store_listing listing;
    char          path[WEIR_KEY_BYTES_MAX + 1];
    size_t        len;
    int           why; /* errno of what failed, 0: nothing */
} walk;

typedef struct names {
    weir_buf text;  /* names, NUL-terminated, folders with '/' behind */
    weir_buf start; /* size_t of each */
    size_t   count;
} names;

static bool is_below(weir_str folder, weir_str prefix)
{
    return store_starts_with(folder, prefix) || store_starts_with(prefix, folder);
}

/* False: errno says why it is not known. What was removed since is no folder. */
static bool find_type(int fd, const struct dirent *entry, bool *out_folder)
{
    struct stat facts;
    *out_folder = entry->d_type == DT_DIR;
    if (entry->d_type != DT_UNKNOWN)
        return true;
    if (fstatat(fd, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    *out_folder = S_ISDIR(facts.st_mode);
    return true;
}

static void add_name(names *all, const char *name, bool folder)
{
    size_t start = all->text.len;
    weir_buf_text(&all->text, name);
    if (folder)
        weir_buf_byte(&all->text, '/');
    weir_buf_byte(&all->text, '\0');
    weir_buf_add(&all->start, &start, sizeof start);
    all->count++;
}

static bool is_ours(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
           strncmp(name, ".weir-", 6) == 0; /* 2 */
}

static bool read_names(walk *w, names *all)
{
    int fd = openat(w->self->root, w->len == 0 ? "." : w->path,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR; /* nothing there: nothing listed */
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        (void)close(fd); /* only read from */
        return false;
    }
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL; errno = 0) {
        bool is_folder = false;
        if (is_ours(entry->d_name))
            continue;
        if (!find_type(fd, entry, &is_folder))
            break;
        add_name(all, entry->d_name, is_folder);
    }
    int why = errno;
    (void)closedir(folder); /* only read from */
    errno = why;
    return why == 0;
}

static int by_bytes(const void *a, const void *b, void *text)
{
    const char *left = (const char *)text + *(const size_t *)a;
    const char *right = (const char *)text + *(const size_t *)b;
    return strcmp(left, right); /* compares as unsigned bytes */
}

static bool list_file(walk *w, weir_str key)
{
    struct stat facts;
    if (!store_starts_with(key, w->prefix))
        return true;
    if (w->after.len > 0 && weir_str_cmp(key, w->after) <= 0)
        return true;
    if (fstatat(w->self->root, w->path, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT; /* removed since the folder was read */
    if (S_ISREG(facts.st_mode))
        store_listing_add(&w->listing, key, (uint64_t)facts.st_size,
                          (int64_t)facts.st_mtim.tv_sec * 1000000 +
                              facts.st_mtim.tv_nsec / 1000);
    return true;
}

static bool is_wanted(const walk *w, weir_str folder)
{
    if (!is_below(folder, w->prefix))
        return false;
    return w->after.len == 0 || store_starts_with(w->after, folder) ||
           weir_str_cmp(folder, w->after) > 0; /* 3 */
}

/* Lists the folder that w->path[0..len) names, '/' at its end or empty. */
static bool list_folder(walk *w, uint32_t depth)
{
    names  all = {0};
    size_t len = w->len;
    bool   done = depth < DEPTH_MAX ? read_names(w, &all) : (errno = ELOOP, false);
    if (done && all.count > 0)
        qsort_r(all.start.at, all.count, sizeof(size_t), by_bytes, all.text.at); /* 1 */
    for (size_t i = 0; done && i < all.count && w->listing.count < w->listing.most; i++) {
        const char *name = all.text.at + ((const size_t *)(const void *)all.start.at)[i];
        size_t      name_len = strlen(name);
        if (len + name_len > WEIR_KEY_BYTES_MAX)
            continue; /* no key can name it */
        memcpy(w->path + len, name, name_len + 1);
        w->len = len + name_len;
        if (name[name_len - 1] != '/')
            done = list_file(w, (weir_str){w->path, w->len});
        else if (is_wanted(w, (weir_str){w->path, w->len}))
            done = list_folder(w, depth + 1);
    }
    w->path[len] = '\0';
    w->len = len;
    int why = errno;
    weir_buf_done(&all.text);
    weir_buf_done(&all.start);
    errno = why;
    return done;
}

weir_code dir_list(weir_store *store, weir_str prefix, weir_str after, uint32_t most,
                   weir_arena *arena, weir_listed **out, uint32_t *out_count, weir_err *err)
{
    walk w = {.self = (dir_store *)store,
              .prefix = prefix,
              .after = after,
              .listing = {.arena = arena, .most = most}};
    weir_assert(w.self->root >= 0);
    weir_assert(most > 0);
    if (!list_folder(&w, 0)) {
        weir_buf_done(&w.listing.listed);
        return weir_retry(err, WEIR_E_IO, "could not list '%.*s': %s", WEIR_STR_FMT(prefix),
                          strerror(errno));
    }
    store_listing_finish(&w.listing, out, out_count);
    return WEIR_OK;
}
