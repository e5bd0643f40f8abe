/* store/dir_token: an object's token beside its bytes.
 *
 * It is the extended attribute 'user.weir' of the file. Where the file system has none
 * (tmpfs of older kernels, NFS) it is the file `.weir-token/<inode>`, which is written
 * before the object gets its name, so that no object is ever seen without its token; an
 * inode number that is used again is written over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ATTRIBUTE "user.weir"
enum { NAME_BYTES = 64 };

static bool has_no_attributes(int why)
{
    return why == ENOTSUP || why == EPERM || why == ENOSYS || why == EACCES;
}

static bool side_name(int file, char out[NAME_BYTES])
{
    struct stat facts;
    if (fstat(file, &facts) != 0)
        return false;
    int len = snprintf(out, NAME_BYTES, DIR_TOKENS "/%016" PRIx64, (uint64_t)facts.st_ino);
    weir_assert(len > 0);
    weir_assert(len < NAME_BYTES);
    return true;
}

static bool write_all(int fd, weir_str bytes)
{
    while (bytes.len > 0) {
        errno = EIO; /* of a write of nothing */
        ssize_t wrote = write(fd, bytes.at, bytes.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        bytes.at += wrote;
        bytes.len -= (size_t)wrote;
    }
    return true;
}

static bool write_side(dir_store *self, int file, weir_str token)
{
    char name[NAME_BYTES];
    if (!side_name(file, name))
        return false;
    if (token.len == 0)
        return unlinkat(self->root, name, 0) == 0 || errno == ENOENT;
    if (mkdirat(self->root, DIR_TOKENS, 0777) != 0 && errno != EEXIST)
        return false;
    int fd = openat(self->root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return false;
    bool done = write_all(fd, token) && fsync(fd) == 0;
    int  why = errno;
    if (close(fd) != 0 && done) {
        why = errno;
        done = false;
    }
    dir_path path = {.folder = sizeof DIR_TOKENS - 1};
    memcpy(path.at, name, sizeof name);
    errno = why;
    return done && dir_path_sync(self, &path);
}

bool dir_token_write(dir_store *self, int file, weir_str token)
{
    weir_assert(file >= 0);
    weir_assert(token.len < 256);
    if (token.len == 0) {
        ssize_t probe = fgetxattr(file, ATTRIBUTE, NULL, 0);
        if (probe < 0 && errno == ENOTSUP)
            return write_side(self, file, token);
        return true; /* a new file has no attribute */
    }
    if (fsetxattr(file, ATTRIBUTE, token.at, token.len, 0) == 0)
        return true;
    return has_no_attributes(errno) && write_side(self, file, token);
}

static bool read_side(dir_store *self, int file, char out[256])
{
    char name[NAME_BYTES];
    if (!side_name(file, name))
        return false;
    int fd = openat(self->root, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    ssize_t got = read(fd, out, 255);
    (void)close(fd); /* only read from */
    out[got > 0 ? got : 0] = '\0';
    return got >= 0;
}

bool dir_token_read(dir_store *self, int file, char out[256])
{
    weir_assert(file >= 0);
    weir_assert(out != NULL);
    out[0] = '\0';
    ssize_t got = fgetxattr(file, ATTRIBUTE, out, 255);
    if (got >= 0) {
        out[got] = '\0';
        return true;
    }
    return (errno == ENODATA || has_no_attributes(errno)) && read_side(self, file, out);
}
