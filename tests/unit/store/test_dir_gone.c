/* tests/dir_gone: folders that others remove under a put, just before it needs them: who removes
 * the last object of a folder removes the folder, too.
 *
 * The calls are the C library's, and this file has its own of the same names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "fake_clock.h"
#include "weir/store.h"

static struct {
    const char *call;       /* before it ... */
    int         left;       /* ... so often ... */
    const char *folders[3]; /* ... these are removed, NULL: no more */
} remover;

static void remove_before(const char *call, int at)
{
    if (remover.call == NULL || strcmp(remover.call, call) != 0 || remover.left == 0)
        return;
    remover.left--;
    for (size_t i = 0; i < 3 && remover.folders[i] != NULL; i++)
        (void)unlinkat(at, remover.folders[i], AT_REMOVEDIR); /* as far as they are there */
}

int mkdirat(int at, const char *path, mode_t mode)
{
    if (strcmp(path, "a/b") == 0)
        remove_before("mkdirat", at);
    return (int)syscall(SYS_mkdirat, at, path, mode);
}

int linkat(int from, const char *path, int to, const char *name, int flags)
{
    remove_before("linkat", to);
    return (int)syscall(SYS_linkat, from, path, to, name, flags);
}

int renameat(int from, const char *path, int to, const char *name)
{
    remove_before("renameat", to);
    return (int)syscall(SYS_renameat2, from, path, to, name, 0);
}

typedef struct bed {
    fake_clock  clock;
    char        folder[40];
    weir_store *store;
    weir_err    err;
} bed;

static void set_up(bed *b)
{
    memset(b, 0, sizeof *b);
    memset(&remover, 0, sizeof remover);
    weir_err_clear(&b->err);
    b->clock = fake_clock_new();
    (void)snprintf(b->folder, sizeof b->folder, "/tmp/weir-dir-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    weir_store_setup setup = {.location = weir_str_of(b->folder), .clock = &b->clock.base};
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &b->store, &b->err),
             &b->err);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts, (void)type, (void)ftw;
    return remove(path);
}

static void tear_down(bed *b)
{
    remover.call = NULL;
    weir_store_free(b->store);
    (void)nftw(b->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static weir_code put(bed *b, bool only_new)
{
    weir_object            object = {.key = WEIR_STR("a/b/key"), .body = WEIR_STR("body")};
    const weir_store_kind *kind = b->store->kind;
    return only_new ? kind->put_new(b->store, &object, 1, &b->err)
                    : kind->put(b->store, &object, 1, &b->err);
}

static void check_there(bed *b)
{
    weir_buf got = {0};
    CHECK_OK(weir_store_get_one(b->store, WEIR_STR("a/b/key"), &got, &b->err), &b->err);
    CHECK_STR(weir_buf_view(&got), "body");
    weir_buf_done(&got);
}

/* Files that were begun and got no name. */
static int temporary_files(bed *b)
{
    int  count = 0;
    char path[80];
    (void)snprintf(path, sizeof path, "%s/.weir-tmp", b->folder);
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(folder);
    return count;
}

static void folder_that_goes_while_it_is_made_is_made_again(void **state)
{
    (void)state;
    for (int only_new = 0; only_new < 2; only_new++) {
        bed b;
        set_up(&b);
        remover.call = "mkdirat";
        remover.left = 1;
        remover.folders[0] = "a";
        CHECK_OK(put(&b, only_new > 0), &b.err);
        CHECK_INT(remover.left, 0);
        check_there(&b);
        CHECK_INT(temporary_files(&b), 0);
        tear_down(&b);
    }
}

/* Now and then it is made again; for ever it is not. */
static void folder_that_always_goes_is_an_error_in_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int         times;
        bool        done;
    } cases[] = {{"linkat", 1, true},   {"linkat", 15, true},   {"linkat", 16, false},
                 {"renameat", 1, true}, {"renameat", 15, true}, {"renameat", 16, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed  b;
        bool only_new = strcmp(cases[i].call, "linkat") == 0;
        set_up(&b);
        remover.call = cases[i].call;
        remover.left = cases[i].times;
        remover.folders[0] = "a/b";
        remover.folders[1] = "a";
        weir_code rc = put(&b, only_new);
        CHECK_INT(remover.left, 0);
        if (cases[i].done) {
            CHECK_INT(rc, WEIR_OK);
        } else {
            CHECK_INT(rc, WEIR_E_IO);
            CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
            CHECK_SAYS(&b.err, "could not give the file its name: its folder is removed");
            CHECK_INT(temporary_files(&b), 0);
            CHECK_OK(put(&b, only_new), &b.err);
        }
        check_there(&b);
        CHECK_INT(temporary_files(&b), 0);
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folder_that_goes_while_it_is_made_is_made_again),
        TEST(folder_that_always_goes_is_an_error_in_the_end),
    };
    return RUN_TESTS(tests);
}
