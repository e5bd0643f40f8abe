/* store/dir: objects as files below one folder, for embedded runs and local disks.
 *
 * A key is a path below the root. See dir_put.c for how a write becomes durable.
 *
 * Gives      the kind 'dir'. 's3://bucket' with an embedded folder DIR is DIR/s3/bucket.
 * Always     1. only keys that store_key_fault passes become paths.
 *            2. before a file's bytes are handed out its folder is fsynced: what we act on
 *               must not vanish in a power cut. Who only looks does not build on it.
 * Never      follows a symbolic link in a key's last segment.
 * Threads    any, of any number of processes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store_object.h"

#define TEMPORARY_AGE_US (24LL * 3600 * 1000000)

static weir_store_open_fn    open_store;
static weir_store_get_fn     get_objects;
static weir_store_head_fn    head_objects;
static weir_store_put_fn     put_objects;
static weir_store_put_new_fn put_new_objects;
static weir_store_list_fn    list_objects;
static weir_store_remove_fn  remove_objects;
static weir_store_close_fn   close_store;

const weir_store_kind weir_store_dir = {
    .name = "dir",
    .scheme = "",
    .summary = "objects as files below a folder",
    .size = sizeof(dir_store),
    .probed = false,
    .open = open_store,
    .get = get_objects,
    .head = head_objects,
    .put = put_objects,
    .put_new = put_new_objects,
    .list = list_objects,
    .remove = remove_objects,
    .close = close_store,
};

static dir_store *self_of(weir_store *store)
{
    weir_assert(store != NULL);
    weir_assert(store->kind == &weir_store_dir);
    return (dir_store *)store;
}

static void remove_if_old(dir_store *self, int folder, const char *name)
{
    struct stat facts;
    if (fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(facts.st_mode))
        return;
    int64_t age_us =
        self->clock->wall_us(self->clock) - (int64_t)facts.st_mtim.tv_sec * 1000000;
    if (age_us > TEMPORARY_AGE_US)
        (void)unlinkat(folder, name, 0); /* tried again at the next start */
}

/* Temporary files that a crash left. A writer that slept for a day finds its own gone,
   fails and writes anew. */
static void remove_old_temporary(dir_store *self)
{
    weir_assert(self->root >= 0);
    int fd = openat(self->root, DIR_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        (void)close(fd); /* only read from */
        return;
    }
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        remove_if_old(self, fd, entry->d_name);
    (void)closedir(folder); /* only read from */
}

static void folder_of(const weir_store_setup *setup, weir_buf *out)
{
    weir_str location = setup->location;
    if (weir_str_starts(location, "s3://") && setup->embedded.len > 0) {
        weir_buf_str(out, setup->embedded);
        weir_buf_text(out, "/s3/");
        weir_buf_str(out, (weir_str){location.at + 5, location.len - 5});
    } else {
        weir_buf_str(out, location);
    }
    while (out->len > 1 && out->at[out->len - 1] == '/')
        out->len--;
    weir_buf_byte(out, '\0');
}

static weir_code open_root(dir_store *self, const char *folder, weir_err *err)
{
    if (self->read_only || dir_root_make(folder))
        self->root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self->root >= 0)
        return WEIR_OK;
    if (self->read_only && errno == ENOENT) {
        (void)weir_fail(err, WEIR_E_NOTFOUND, "there is no folder '%s'", folder);
        return weir_err_hint(err, "did the job run? its first run makes the folder");
    }
    return weir_fail(err, WEIR_E_IO, "could not open the folder: %s", strerror(errno));
}

static weir_code open_store(weir_store *store, const weir_store_setup *setup, weir_err *err)
{
    dir_store *self = self_of(store);
    self->root = -1;
    self->clock = setup->clock;
    self->read_only = setup->read_only;
    if (setup->location.len == 0 || memchr(setup->location.at, 0, setup->location.len))
        return weir_fail(err, WEIR_E_CONFIG,
                         "the folder's name is empty or has a NUL byte");
    pthread_mutex_init(&self->lock, NULL); /* cannot fail with default attributes */
    self->locked = true;
    weir_buf folder = {0};
    folder_of(setup, &folder);
    weir_code rc = open_root(self, folder.at, err);
    weir_buf_done(&folder);
    if (rc == WEIR_OK && !self->read_only)
        remove_old_temporary(self);
    return rc;
}

void dir_fault(weir_object *object, const char *what, int why)
{
    weir_assert(why != 0);
    switch (why) {
    case ENOENT:
    case ELOOP: /* O_NOFOLLOW met a link */
        store_object_answer(object, WEIR_E_NOTFOUND, false, "there is no such file");
        break;
    case ENOTDIR:
        store_object_answer(object, WEIR_E_CONFIG, true,
                            "one key would be a folder of another");
        break;
    case EACCES:
    case EROFS:
    case ENAMETOOLONG:
    case EFBIG:
        store_object_answer(object, WEIR_E_CONFIG, true, "could not %s: %s", what,
                            strerror(why));
        break;
    case EPERM:
    case ENOTSUP:
    case ENOSYS:
    case EXDEV:
    case EMLINK: /* of link(2): this file system cannot do what the protocol needs */
        store_object_answer(object, WEIR_E_CONFIG, true,
                            "the file system refuses to %s: %s", what, strerror(why));
        object->status = -why;
        break;
    default:
        store_object_answer(object, WEIR_E_IO, false, "could not %s: %s", what,
                            strerror(why));
    }
}

/* As store_outcome; a refused link(2) says that the store is of no use at all. */
static weir_code put_outcome(const weir_object *object, size_t count, weir_err *err)
{
    weir_code rc = store_outcome("put", object, count, err);
    for (size_t i = 0; i < count; i++) {
        if (object[i].status < 0)
            return weir_halt(err, WEIR_EXIT_PROBE_FAILED, WEIR_E_CONFIG,
                             "could not put '%.*s': %s", WEIR_STR_FMT(object[i].key),
                             object[i].why);
    }
    return rc;
}

/* Opens an object's file; -1 and its outcome when there is none. */
static int open_object(dir_store *self, weir_object *object, struct stat *facts)
{
    if (store_key_fault(object->key) != NULL) { /* 1 */
        store_object_answer(object, WEIR_E_NOTFOUND, true, "no such key can be there");
        return -1;
    }
    dir_path path = dir_path_of(object->key);
    int fd = openat(self->root, path.at, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        dir_fault(object, "open it", errno == ENOTDIR ? ENOENT : errno);
        return -1;
    }
    if (fstat(fd, facts) != 0) {
        store_object_answer(object, WEIR_E_IO, false, "could not look at it: %s",
                            strerror(errno));
    } else if (!S_ISREG(facts->st_mode)) {
        store_object_answer(object, WEIR_E_NOTFOUND, false, "it is no file");
    } else if (!self->read_only && !dir_path_sync(self, &path)) { /* 2 */
        store_object_answer(object, WEIR_E_IO, false, "could not fsync its folder: %s",
                            strerror(errno));
    } else {
        object->size = (uint64_t)facts->st_size;
        return fd;
    }
    (void)close(fd); /* only read from */
    return -1;
}

static void read_range(weir_object *object, int fd)
{
    uint64_t left = object->from < object->size ? object->size - object->from : 0;
    uint64_t want = object->length == 0 ? left : object->length;
    if (want > left) {
        store_object_answer(object, WEIR_E_CORRUPT, true,
                            "the range is not within the file's %llu bytes",
                            (unsigned long long)object->size);
        return;
    }
    if (want > WEIR_STORE_BODY_MAX) {
        store_object_answer(object, WEIR_E_LIMIT, true, "more than 256 MiB were asked for");
        return;
    }
    (void)weir_buf_more(&object->got, (size_t)want);
    while (object->got.len < want) {
        ssize_t got =
            pread(fd, object->got.at + object->got.len, (size_t)(want - object->got.len),
                  (off_t)(object->from + object->got.len));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            store_object_answer(object, WEIR_E_IO, false, "could not read it: %s",
                                got == 0 ? "it became shorter" : strerror(errno));
            return;
        }
        object->got.len += (size_t)got;
    }
}

static weir_code get_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    dir_store *self = self_of(store);
    for (size_t i = 0; i < count; i++) {
        struct stat facts;
        store_object_start(&object[i]);
        int fd = open_object(self, &object[i], &facts);
        if (fd < 0)
            continue;
        read_range(&object[i], fd);
        (void)close(fd); /* only read from */
    }
    return store_outcome("get", object, count, err);
}

static weir_code head_objects(weir_store *store, weir_object *object, size_t count,
                              weir_err *err)
{
    dir_store *self = self_of(store);
    for (size_t i = 0; i < count; i++) {
        struct stat facts;
        store_object_start(&object[i]);
        int fd = open_object(self, &object[i], &facts);
        if (fd < 0)
            continue;
        if (!dir_token_read(self, fd, object[i].got_token))
            dir_fault(&object[i], "read its token", errno);
        (void)close(fd); /* only read from */
    }
    return store_outcome("look at", object, count, err);
}

static weir_code put_each(dir_store *self, weir_object *object, size_t count, bool only_new,
                          weir_err *err)
{
    weir_assert(!self->read_only);
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        if (store_put_checked(&object[i])) /* 1 */
            dir_put_one(self, &object[i], only_new);
    }
    return put_outcome(object, count, err);
}

static weir_code put_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    return put_each(self_of(store), object, count, false, err);
}

static weir_code put_new_objects(weir_store *store, weir_object *object, size_t count,
                                 weir_err *err)
{
    return put_each(self_of(store), object, count, true, err);
}

static weir_code list_objects(weir_store *store, weir_str prefix, weir_str after,
                              uint32_t most, weir_arena *arena, weir_listed **out,
                              uint32_t *out_count, weir_err *err)
{
    return dir_list(&self_of(store)->base, prefix, after, most, arena, out, out_count, err);
}

static void remove_one(dir_store *self, weir_object *object)
{
    if (store_key_fault(object->key) != NULL)
        return; /* no such key can be there */
    dir_path path = dir_path_of(object->key);
    if (unlinkat(self->root, path.at, 0) != 0) {
        if (errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
            dir_fault(object, "remove it", errno);
    } else if (!dir_path_sync(self, &path) && errno != ENOENT) {
        store_object_answer(object, WEIR_E_IO, false, "could not fsync its folder: %s",
                            strerror(errno));
    } else { /* somebody else's last file may have taken the folder with it */
        dir_path_prune(self, &path);
    }
}

static weir_code remove_objects(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    dir_store *self = self_of(store);
    weir_assert(!self->read_only);
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        remove_one(self, &object[i]);
    }
    return store_outcome("remove", object, count, err);
}

static void close_store(weir_store *store)
{
    dir_store *self = self_of(store);
    if (self->root >= 0)
        (void)close(self->root); /* only a folder to start from */
    if (self->locked)
        pthread_mutex_destroy(&self->lock);
    self->root = -1;
    self->locked = false;
}
