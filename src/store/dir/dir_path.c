/* store/dir_path: from keys to files below the root, and folders that survive a power cut.
 *
 * Always     1. a path stays below the root: keys have no '..' and no leading '/'.
 *            2. a folder is remembered as durable only after its entry and the entries of
 *               all folders above it were fsynced.
 * Relies on  store_key_fault having passed the key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_object.h"
#include "weir/hash.h"
#include "weir/mutant.h"

dir_path dir_path_of(weir_str key)
{
    dir_path path = {0};
    weir_assert(store_key_fault(key) == NULL); /* 1 */
    weir_assert(key.len < sizeof path.at);
    memcpy(path.at, key.at, key.len);
    const char *slash = strrchr(path.at, '/');
    path.folder = slash == NULL ? 0 : (size_t)(slash - path.at);
    return path;
}

bool dir_path_make(dir_store *self, const dir_path *path)
{
    char folder[sizeof path->at];
    weir_assert(self->root >= 0);
    weir_assert(path->folder < sizeof folder);
    memcpy(folder, path->at, path->folder);
    for (size_t i = 1; i <= path->folder; i++) {
        if (i < path->folder && path->at[i] != '/')
            continue;
        folder[i] = '\0';
        if (mkdirat(self->root, folder, 0777) != 0 && errno != EEXIST)
            return false;
        folder[i] = '/';
    }
    return true;
}

/* Some file systems cannot fsync folders at all, and need not. */
static bool sync_folder(int at, const char *folder)
{
    int fd = openat(at, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = fsync(fd) == 0 || errno == EINVAL || errno == EROFS;
    int  why = errno;
    (void)close(fd); /* nothing was written through it */
    errno = why;
    return done;
}

static bool is_durable(dir_store *self, uint64_t hash)
{
    pthread_mutex_lock(&self->lock);
    bool known = self->durable[hash % DIR_DURABLE] == hash;
    pthread_mutex_unlock(&self->lock);
    return known;
}

static void remember_durable(dir_store *self, uint64_t hash)
{
    pthread_mutex_lock(&self->lock);
    self->durable[hash % DIR_DURABLE] = hash;
    pthread_mutex_unlock(&self->lock);
}

bool dir_path_sync(dir_store *self, const dir_path *path)
{
    char folder[sizeof path->at];
    weir_assert(self->root >= 0);
    weir_assert(path->folder < sizeof folder);
    memcpy(folder, path->at, path->folder);
    folder[path->folder] = '\0';
    if (weir_mutant(forget_fsync))
        return true;
    if (!sync_folder(self->root, path->folder == 0 ? "." : folder))
        return false;
    uint64_t hash = weir_hash64((weir_str){path->at, path->folder});
    if (path->folder == 0 || is_durable(self, hash))
        return true;
    for (size_t i = path->folder; i > 0; i--) {
        if (folder[i] != '/')
            continue;
        folder[i] = '\0';
        if (!sync_folder(self->root, folder))
            return false;
    }
    if (!sync_folder(self->root, "."))
        return false;
    remember_durable(self, hash); /* 2 */
    return true;
}

/* What is removed may be made again, and is not durable then. */
static void forget_durable(dir_store *self)
{
    pthread_mutex_lock(&self->lock);
    memset(self->durable, 0, sizeof self->durable);
    pthread_mutex_unlock(&self->lock);
}

void dir_path_prune(dir_store *self, const dir_path *path)
{
    char folder[sizeof path->at];
    weir_assert(path->folder < sizeof folder);
    memcpy(folder, path->at, path->folder);
    bool pruned = false;
    for (size_t len = path->folder; len > 0; len--) {
        if (len < path->folder && folder[len] != '/')
            continue;
        folder[len] = '\0';
        if (unlinkat(self->root, folder, AT_REMOVEDIR) != 0)
            break; /* something is in it, or was put there just now */
        pruned = true;
    }
    if (pruned)
        forget_durable(self);
}

/* Makes `folder`, fsyncing the one above each folder that is new. `folder` is changed
   and put back. */
static bool make_root(char *folder)
{
    size_t len = strlen(folder);
    for (size_t i = 1; i <= len; i++) {
        if (i < len && folder[i] != '/')
            continue;
        char was = folder[i];
        folder[i] = '\0';
        bool made = mkdir(folder, 0777) == 0;
        bool fine = made || errno == EEXIST || errno == EROFS || errno == EACCES;
        folder[i] = was;
        if (!fine)
            return false;
        size_t above = i;
        while (above > 0 && folder[above - 1] != '/')
            above--;
        char kept = folder[above];
        folder[above] = '\0';
        bool synced = !made || sync_folder(AT_FDCWD, above == 0 ? "." : folder);
        folder[above] = kept;
        if (!synced)
            return false;
    }
    return true;
}

bool dir_root_make(const char *folder)
{
    weir_assert(folder != NULL);
    size_t len = strlen(folder);
    weir_assert(len > 0);
    char *copy = weir_heap_new(len + 1, 1);
    memcpy(copy, folder, len);
    bool made = make_root(copy);
    int why = errno;
    weir_heap_free(copy);
    errno = why;
    return made;
}
