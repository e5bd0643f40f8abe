/* tests/capture: see capture.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "capture.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

static int kept_stderr = -1;
static int captured = -1;

void capture_start(void)
{
    CHECK(kept_stderr < 0);
    (void)fflush(stderr); /* what was said before is not ours */
    captured = memfd_create("stderr", MFD_CLOEXEC);
    kept_stderr = dup(STDERR_FILENO);
    CHECK(captured >= 0 && kept_stderr >= 0);
    CHECK(dup2(captured, STDERR_FILENO) >= 0);
}

static weir_buf read_all(int fd)
{
    weir_buf text = {0};
    ssize_t  got;
    do {
        got = read(fd, weir_buf_more(&text, 4096), 4096);
        if (got > 0)
            text.len += (size_t)got;
    } while (got > 0);
    CHECK(got == 0);
    *weir_buf_more(&text, 1) = '\0';
    return text;
}

weir_buf capture_end(void)
{
    (void)fflush(stderr); /* into the file */
    CHECK(dup2(kept_stderr, STDERR_FILENO) >= 0);
    (void)close(kept_stderr); /* its copy is stderr again */
    kept_stderr = -1;
    CHECK(lseek(captured, 0, SEEK_SET) == 0);
    weir_buf text = read_all(captured);
    (void)close(captured); /* it was only read */
    captured = -1;
    return text;
}

char *capture_folder(void)
{
    const char *under = getenv("TMPDIR");
    char       *folder = NULL;
    CHECK(asprintf(&folder, "%s/weir-test-XXXXXX", under != NULL ? under : "/tmp") > 0);
    CHECK(mkdtemp(folder) != NULL);
    return folder;
}

static int remove_one(const char *path, const struct stat *about, int type,
                      struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

void capture_folder_gone(char *folder)
{
    CHECK(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    free(folder);
}

static int open_in(const char *folder, const char *name, int flags)
{
    char path[4096];
    int  len = snprintf(path, sizeof path, "%s/%s", folder, name);
    CHECK(len > 0 && (size_t)len < sizeof path);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        print_error("could not open %s\n", path);
    CHECK(fd >= 0);
    return fd;
}

void capture_write(const char *folder, const char *name, weir_str bytes)
{
    int fd = open_in(folder, name, O_WRONLY | O_CREAT | O_TRUNC);
    CHECK(write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len);
    CHECK(close(fd) == 0);
}

weir_buf capture_read(const char *folder, const char *name)
{
    int      fd = open_in(folder, name, O_RDONLY);
    weir_buf text = read_all(fd);
    (void)close(fd); /* it was only read */
    return text;
}
