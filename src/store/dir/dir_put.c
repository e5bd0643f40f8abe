/* store/dir_put: writing a file so that it is there whole, or not at all.
 *
 * 1. A temporary file of a name of its own is written below the same root and fsynced,
 *    with its token. A crash leaves it there, under no key; open removes it a day later.
 * 2. put_new gives it its name with link(2), which fails when the name is taken: among any
 *    number of processes one wins. put renames it, over what was there.
 * 3. The folder is fsynced, and those above it when they are new. Only then is the answer
 *    OK; a failure from 2 on is UNKNOWN, for others may see the file already.
 * 4. Who finds the name taken fsyncs the folder too, before it may act on what is there:
 *    the process that linked it may have died before 3.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store_object.h"
#include "weir/failpoint.h"
#include "weir/hash.h"

enum { GONE_MAX = 16 }; /* folders made in vain before it is an error */

typedef struct temporary {
    char name[sizeof DIR_TEMPORARY + 1 + 32];
    int  fd;
} temporary;

static bool open_temporary(dir_store *self, temporary *out)
{
    uint8_t nonce[16];
    weir_random_nonce(nonce);
    int at = snprintf(out->name, sizeof out->name, "%s/", DIR_TEMPORARY);
    weir_assert(at > 0);
    for (size_t i = 0; i < sizeof nonce; i++)
        at += snprintf(out->name + at, sizeof out->name - (size_t)at, "%02x", nonce[i]);
    weir_assert((size_t)at < sizeof out->name);
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    out->fd = openat(self->root, out->name, flags, 0666);
    if (out->fd < 0 && errno == ENOENT &&
        (mkdirat(self->root, DIR_TEMPORARY, 0777) == 0 || errno == EEXIST))
        out->fd = openat(self->root, out->name, flags, 0666);
    return out->fd >= 0;
}

static bool write_body(int fd, weir_str body)
{
    while (body.len > 0) {
        if (WEIR_FAILPOINTS_BUILT && weir_failpoint_full()) {
            errno = ENOSPC;
            return false;
        }
        errno = EIO; /* of a write of nothing */
        ssize_t wrote = write(fd, body.at, body.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        body.at += wrote;
        body.len -= (size_t)wrote;
    }
    return true;
}

/* Step 1. False: errno says why, and no temporary file is left. */
static bool write_temporary(dir_store *self, const weir_object *object, temporary *out)
{
    if (!open_temporary(self, out))
        return false;
    bool done = write_body(out->fd, object->body) &&
                dir_token_write(self, out->fd, object->token) && fsync(out->fd) == 0;
    int why = errno;
    if (close(out->fd) != 0 && done) {
        why = errno;
        done = false;
    }
    if (!done)
        (void)unlinkat(self->root, out->name, 0); /* hidden garbage at worst */
    errno = why;
    return done;
}

static bool is_folder(dir_store *self, const char *path)
{
    struct stat facts;
    return fstatat(self->root, path, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(facts.st_mode);
}

/* A folder that goes each time that it is made is no object that is not there. */
static void put_fault(weir_object *object, const char *what, int why)
{
    if (why == ENOENT)
        store_object_answer(object, WEIR_E_IO, false, "could not %s: its folder is removed",
                            what);
    else
        dir_fault(object, what, why);
}

/* What link(2) or rename(2) did not like, or step 4. */
static void name_refused(dir_store *self, weir_object *object, const dir_path *path,
                         int why)
{
    if (why == EISDIR || is_folder(self, path->at)) {
        store_object_answer(object, WEIR_E_CONFIG, true, "a folder of that name is there");
    } else if (why == EEXIST && !dir_path_sync(self, path)) {
        store_object_answer(object, WEIR_E_UNKNOWN, false, "could not fsync the folder: %s",
                            strerror(errno));
    } else if (why == EEXIST) {
        store_object_answer(object, WEIR_E_CONFLICT, false, "the object exists");
        object->status = 412;
    } else {
        put_fault(object, "give the file its name", why);
    }
}

/* Step 2. A folder that was just made may be gone: whoever removes the last file of one
   removes it, too (dir.c). */
static int give_name(dir_store *self, const temporary *file, const dir_path *path,
                     bool only_new)
{
    int failed = -1;
    for (int tries = 0; failed != 0 && tries < GONE_MAX; tries++) {
        if (!dir_path_make(self, path) && errno != ENOENT)
            break;
        failed = only_new ? linkat(self->root, file->name, self->root, path->at, 0)
                          : renameat(self->root, file->name, self->root, path->at);
        if (failed != 0 && errno != ENOENT)
            break;
    }
    return failed;
}

void dir_put_one(dir_store *self, weir_object *object, bool only_new)
{
    weir_assert(self->root >= 0);
    weir_assert(object->rc == WEIR_OK);
    dir_path  path = dir_path_of(object->key);
    temporary file;
    if (!dir_path_make(self, &path) && errno != ENOENT) {
        dir_fault(object, "make its folder", errno);
        return;
    }
    if (!write_temporary(self, object, &file)) {
        put_fault(object, "write it", errno);
        return;
    }
    int failed = give_name(self, &file, &path, only_new);
    int why = errno;
    if (failed != 0 || only_new)
        (void)unlinkat(self->root, file.name, 0); /* hidden garbage at worst */
    if (failed != 0)
        name_refused(self, object, &path, why);
    else if (!dir_path_sync(self, &path)) /* step 3 */
        store_object_answer(object, WEIR_E_UNKNOWN, false, "could not fsync the folder: %s",
                            strerror(errno));
}
