/* tests/fuzz_main: replays a corpus through a fuzz target, for builds without libFuzzer.
 *
 * With arguments: these files and folders. Without: tests/fuzz/corpus/<name>, where the
 * program is called fuzz.<name>. And, always, every prefix of each input: cheap cuts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/buf.h"

#define CUTS_MAX 2048 /* prefixes tried of an input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs = 0;

/* In memory of exactly that size, so that a read behind it is seen. */
static void run(const char *at, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, at, len);
    (void)LLVMFuzzerTestOneInput(exact, len); /* always 0 */
    free(exact);
}

static int replay(const char *path, const struct stat *about, int type)
{
    weir_buf bytes = {0};
    ssize_t  got = 1;
    if (type != FTW_F || about->st_size > (16 << 20))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && got > 0) {
        got = read(fd, weir_buf_more(&bytes, 65536), 65536);
        if (got > 0)
            bytes.len += (size_t)got;
    }
    if (fd < 0 || got < 0) {
        perror(path);
        return 1;
    }
    (void)close(fd); /* it was only read */
    size_t   step = bytes.len / CUTS_MAX + 1;
    weir_str all = weir_buf_view(&bytes);
    for (size_t cut = 0; cut < all.len; cut += step)
        run(all.at, cut);
    run(all.at, all.len);
    weir_buf_done(&bytes);
    inputs++;
    return 0;
}

int main(int argc, char **argv)
{
    char        path[4096];
    const char *name = strstr(argv[0], "fuzz.");
    const char *tree = getenv("WEIR_TREE");
    for (int i = 1; i < argc; i++)
        if (ftw(argv[i], replay, 16) != 0)
            return 1;
    if (argc == 1 && name != NULL) {
        (void)snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s",
                       tree != NULL ? tree : WEIR_TREE,
                       name + 5); /* too long is not there */
        if (access(path, R_OK) == 0 && ftw(path, replay, 16) != 0)
            return 1;
    }
    run("", 0);
    printf("%zu inputs\n", inputs);
    return 0;
}
