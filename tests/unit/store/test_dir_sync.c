/* tests/dir_sync: a power cut takes no object that was answered for. Whatever gets a name is
 * synced before, and the folder of the name behind, before the answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake_clock.h"
#include "weir/store.h"

/* What a power cut would take: contents and names that were not synced yet. */
static struct {
    ino_t  contents[8]; /* of files that were synced, the last ones */
    size_t synced;
    ino_t  folder[64]; /* with names that are not synced */
    size_t folders;
    bool   named_unsynced; /* a name was given to a file that was not synced */
} disk;

static ino_t inode_at(int at, const char *path)
{
    struct stat facts;
    return fstatat(at, path, &facts, 0) == 0 ? facts.st_ino : 0;
}

static void give_name(int from_at, const char *from, int to_at, const char *to)
{
    char        folder[512] = ".";
    const char *slash = strrchr(to, '/');
    if (slash != NULL)
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - to), to);
    ino_t file = inode_at(from_at, from);
    bool  known = false;
    for (size_t i = 0; i < 8; i++)
        known = known || disk.contents[i] == file;
    disk.named_unsynced |= !known;
    CHECK(disk.folders < 64);
    disk.folder[disk.folders++] = inode_at(to_at, folder);
}

/* These stand in front of the C library's. */
int linkat(int from_at, const char *from, int to_at, const char *to, int flags);
int renameat(int from_at, const char *from, int to_at, const char *to);
int fsync(int fd);

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
    give_name(from_at, from, to_at, to);
    return (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    give_name(from_at, from, to_at, to);
    return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

int fsync(int fd)
{
    struct stat facts;
    CHECK(fstat(fd, &facts) == 0);
    if (S_ISDIR(facts.st_mode)) {
        size_t left = 0;
        for (size_t i = 0; i < disk.folders; i++)
            if (disk.folder[i] != facts.st_ino)
                disk.folder[left++] = disk.folder[i];
        disk.folders = left;
    } else {
        disk.contents[disk.synced++ % 8] = facts.st_ino;
    }
    return (int)syscall(SYS_fsync, fd);
}

typedef struct bed {
    char        place[64];
    fake_clock  clock;
    weir_store *store;
    weir_err    err;
} bed;

static int take_away(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
    (void)facts, (void)kind, (void)at;
    return remove(path);
}

static weir_code open_at(bed *b, const char *place, bool read_only, weir_store **out)
{
    weir_store_setup setup = {.location = weir_str_of(place), .clock = &b->clock.base,
                              .read_only = read_only};
    return weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, out, &b->err);
}

static void bed_open(bed *b)
{
    (void)snprintf(b->place, sizeof b->place, "/tmp/weir-dir-sync-XXXXXX");
    CHECK(mkdtemp(b->place) != NULL);
    b->clock = fake_clock_new();
    weir_err_clear(&b->err);
    CHECK_OK(open_at(b, b->place, false, &b->store), &b->err);
    memset(&disk, 0, sizeof disk);
}

static void bed_close(bed *b)
{
    weir_store_free(b->store);
    CHECK(nftw(b->place, take_away, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

static void expect_durable(void)
{
    CHECK(!disk.named_unsynced);
    CHECK_INT(disk.folders, 0);
}

static void what_is_answered_for_survives_a_power_cut(void **state)
{
    static const char *const keys[] = {"a", "b/c", "b/d", "e/f/g/h", "e/f/i"};
    bed b;
    (void)state;
    bed_open(&b);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        weir_object object = {.key = weir_str_of(keys[i]),
                              .body = WEIR_STR("bytes"),
                              .token = WEIR_STR("token")};
        CHECK_OK(b.store->kind->put_new(b.store, &object, 1, &b.err), &b.err);
        CHECK(disk.synced > 0);
        expect_durable();
        CHECK_OK(b.store->kind->put(b.store, &object, 1, &b.err), &b.err);
        expect_durable();
    }
    bed_close(&b);
}

static void name_that_is_taken_is_durable_before_it_is_told(void **state)
{
    bed b;
    (void)state;
    bed_open(&b);
    weir_object object = {.key = WEIR_STR("b/c"), .body = WEIR_STR("bytes")};
    CHECK_OK(b.store->kind->put_new(b.store, &object, 1, &b.err), &b.err);
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/b", b.place);
    disk.folder[disk.folders++] = inode_at(AT_FDCWD, folder); /* whoever was first died */
    CHECK_FAILS(b.store->kind->put_new(b.store, &object, 1, &b.err), WEIR_E_CONFLICT,
                &b.err);
    expect_durable();
    bed_close(&b);
}

/* Whoever wrote it died before it was: a crash of the machine could take it back. */
static void what_is_read_is_durable_unless_it_is_only_looked_at(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_object object = {.key = WEIR_STR("b/c"), .body = WEIR_STR("bytes")};
    CHECK_OK(b.store->kind->put_new(b.store, &object, 1, &b.err), &b.err);
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/b", b.place);
    for (int read_only = 0; read_only < 2; read_only++) {
        weir_store *store = NULL;
        weir_buf    got = {0};
        CHECK_OK(open_at(&b, b.place, read_only, &store), &b.err);
        memset(&disk, 0, sizeof disk);
        disk.folder[disk.folders++] = inode_at(AT_FDCWD, folder);
        CHECK_OK(weir_store_get_one(store, WEIR_STR("b/c"), &got, &b.err), &b.err);
        CHECK_SAME(weir_buf_view(&got), WEIR_STR("bytes"));
        CHECK_INT(disk.folders, read_only);
        weir_buf_done(&got);
        weir_store_free(store);
    }
    bed_close(&b);
}

static void looking_makes_no_folder_and_removes_no_temporary(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    char missing[128], left[128];
    weir_store *store = NULL;
    (void)snprintf(missing, sizeof missing, "%s/missing", b.place);
    CHECK_FAILS(open_at(&b, missing, true, &store), WEIR_E_NOTFOUND, &b.err);
    CHECK(strstr(b.err.msg, missing) != NULL);
    CHECK(access(missing, F_OK) != 0);
    CHECK_FAILS(open_at(&b, "/dev/null", true, &store), WEIR_E_IO, &b.err);
    weir_object object = {.key = WEIR_STR("b/c"), .body = WEIR_STR("bytes")};
    CHECK_OK(b.store->kind->put_new(b.store, &object, 1, &b.err), &b.err);
    (void)snprintf(left, sizeof left, "%s/.weir-tmp/left", b.place);
    FILE *file = fopen(left, "w");
    CHECK(file != NULL && fclose(file) == 0);
    struct timespec long_ago[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    CHECK(utimensat(AT_FDCWD, left, long_ago, 0) == 0);
    for (int read_only = 1; read_only >= 0; read_only--) {
        CHECK_OK(open_at(&b, b.place, read_only, &store), &b.err);
        CHECK_INT(access(left, F_OK) == 0, read_only);
        weir_store_free(store);
    }
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_answered_for_survives_a_power_cut),
        TEST(name_that_is_taken_is_durable_before_it_is_told),
        TEST(what_is_read_is_durable_unless_it_is_only_looked_at),
        TEST(looking_makes_no_folder_and_removes_no_temporary),
    };
    return RUN_TESTS(tests);
}
