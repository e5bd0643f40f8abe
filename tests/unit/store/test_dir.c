/* tests/dir: what the kind 'dir' leaves on the disk, beyond the contract of all kinds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"
#include "dir/dir.h"
#include "fake_clock.h"
#include "store_fault.h"

typedef struct bed {
    fake_clock  clock;
    char        folder[40];
    weir_store *store;
    weir_err    err;
} bed;

static void reopen(bed *b)
{
    weir_store_setup setup = {.location = weir_str_of(b->folder), .clock = &b->clock.base};
    weir_store_free(b->store);
    b->store = NULL;
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &b->store, &b->err),
             &b->err);
}

static void set_up(bed *b)
{
    memset(b, 0, sizeof *b);
    weir_err_clear(&b->err);
    b->clock = fake_clock_new();
    (void)snprintf(b->folder, sizeof b->folder, "/tmp/weir-dir-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    reopen(b);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void tear_down(bed *b)
{
    weir_store_free(b->store);
    (void)nftw(b->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(bed *b, const char *name)
{
    static char path[300];
    (void)snprintf(path, sizeof path, "%s/%s", b->folder, name);
    return path;
}

static weir_code put_new(bed *b, const char *key, const char *body, const char *token)
{
    weir_object object = {.key = weir_str_of(key), .body = weir_str_of(body)};
    if (token != NULL)
        object.token = weir_str_of(token);
    return b->store->kind->put_new(b->store, &object, 1, &b->err);
}

static int files_in(const char *path)
{
    int  count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void no_temporary_file_is_left(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    CHECK_INT(put_new(&b, "a/b/c", "1", "t"), WEIR_OK);
    CHECK_INT(put_new(&b, "a/b/c", "2", "t"), WEIR_E_CONFLICT);
    CHECK_OK(weir_store_put_one(b.store, WEIR_STR("a/d"), WEIR_STR("3"), &b.err), &b.err);
    CHECK_INT(files_in(path_of(&b, DIR_TEMPORARY)), 0);
    CHECK_INT(files_in(path_of(&b, "a")), 2);
    tear_down(&b);
}

static void what_a_crash_left_is_hidden_and_taken_away_in_time(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    CHECK_INT(put_new(&b, "a", "1", NULL), WEIR_OK);
    int fd = open(path_of(&b, DIR_TEMPORARY "/0123"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    weir_arena  *arena = weir_arena_new("test", 1024);
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    CHECK_OK(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 10, arena, &listed,
                                 &count, &b.err),
             &b.err);
    CHECK_INT(count, 1);
    weir_arena_free(arena);
    struct stat facts;
    assert_int_equal(stat(path_of(&b, DIR_TEMPORARY "/0123"), &facts), 0);
    b.clock.wall = (int64_t)facts.st_mtim.tv_sec * 1000000 + 23LL * 3600 * 1000000;
    reopen(&b);
    CHECK_INT(files_in(path_of(&b, DIR_TEMPORARY)), 1); /* somebody may be at it */
    b.clock.wall += 2LL * 3600 * 1000000;
    reopen(&b);
    CHECK_INT(files_in(path_of(&b, DIR_TEMPORARY)), 0);
    tear_down(&b);
}

static void token_survives_a_new_start(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    CHECK_INT(put_new(&b, "a", "1", "job/l1/t0/1/2/0/abc"), WEIR_OK);
    reopen(&b);
    weir_object object = {.key = WEIR_STR("a")};
    CHECK_INT(b.store->kind->head(b.store, &object, 1, &b.err), WEIR_OK);
    CHECK_TEXT(object.got_token, "job/l1/t0/1/2/0/abc");
    tear_down(&b);
}

/* As on a file system that has no extended attributes. */
static void token_may_lie_beside_the_file(void **state)
{
    (void)state;
    bed  b;
    char side[64];
    set_up(&b);
    CHECK_INT(put_new(&b, "a", "1", NULL), WEIR_OK);
    struct stat facts;
    assert_int_equal(stat(path_of(&b, "a"), &facts), 0);
    assert_int_equal(mkdir(path_of(&b, DIR_TOKENS), 0700), 0);
    (void)snprintf(side, sizeof side, DIR_TOKENS "/%016llx",
                   (unsigned long long)facts.st_ino);
    FILE *file = fopen(path_of(&b, side), "w");
    assert_non_null(file);
    (void)fputs("beside", file);
    (void)fclose(file);
    weir_object object = {.key = WEIR_STR("a")};
    CHECK_INT(b.store->kind->head(b.store, &object, 1, &b.err), WEIR_OK);
    CHECK_TEXT(object.got_token, "beside");
    tear_down(&b);
}

/* A pipe has no user attributes either: the token goes beside it, and is written over. */
static void token_goes_beside_what_takes_none(void **state)
{
    (void)state;
    bed  b;
    char out[256];
    set_up(&b);
    assert_int_equal(mkfifo(path_of(&b, "pipe"), 0600), 0);
    int pipe = open(path_of(&b, "pipe"), O_RDWR | O_CLOEXEC);
    assert_true(pipe >= 0);
    dir_store *self = (dir_store *)store_behind_faults(b.store);
    CHECK(dir_token_read(self, pipe, out));
    CHECK_TEXT(out, "");
    CHECK(dir_token_write(self, pipe, WEIR_STR("a-longer-token")));
    CHECK(dir_token_write(self, pipe, WEIR_STR("token")));
    CHECK(dir_token_read(self, pipe, out));
    CHECK_TEXT(out, "token");
    CHECK(dir_token_write(self, pipe, WEIR_STR("")));
    CHECK(!dir_token_write(self, self->root + 1000, WEIR_STR("x"))); /* no such file */
    close(pipe);
    tear_down(&b);
}

static void errors_of_the_system_say_what_can_be_done(void **state)
{
    (void)state;
    const struct {
        int       why;
        weir_code rc;
        bool      permanent;
    } cases[] = {{ENOENT, WEIR_E_NOTFOUND, false}, {ELOOP, WEIR_E_NOTFOUND, false},
                 {ENOTDIR, WEIR_E_CONFIG, true},   {EACCES, WEIR_E_CONFIG, true},
                 {EROFS, WEIR_E_CONFIG, true},     {ENAMETOOLONG, WEIR_E_CONFIG, true},
                 {EFBIG, WEIR_E_CONFIG, true},     {EPERM, WEIR_E_CONFIG, true},
                 {ENOTSUP, WEIR_E_CONFIG, true},   {ENOSYS, WEIR_E_CONFIG, true},
                 {EXDEV, WEIR_E_CONFIG, true},     {EMLINK, WEIR_E_CONFIG, true},
                 {ENOSPC, WEIR_E_IO, false},       {EIO, WEIR_E_IO, false},
                 {EMFILE, WEIR_E_IO, false},       {EDQUOT, WEIR_E_IO, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_object object = {.key = WEIR_STR("k")};
        dir_fault(&object, "do it", cases[i].why);
        CHECK_INT(object.rc, cases[i].rc);
        CHECK_INT(object.permanent, cases[i].permanent);
    }
}

static void no_room_on_the_disk_leaves_nothing(void **state)
{
    (void)state;
    bed           b;
    struct rlimit limit, small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    char          body[5000] = {0};
    set_up(&b);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small.rlim_max = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    weir_object object = {.key = WEIR_STR("a/big"), .body = {body, sizeof body}};
    weir_code   rc = b.store->kind->put_new(b.store, &object, 1, &b.err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK(rc != WEIR_OK);
    CHECK(rc != WEIR_E_UNKNOWN); /* it is certain that it is not there */
    CHECK_INT(files_in(path_of(&b, DIR_TEMPORARY)), 0);
    CHECK_INT(b.store->kind->get(b.store, &object, 1, &b.err), WEIR_E_NOTFOUND);
    weir_buf_done(&object.got);
    tear_down(&b);
}

static void folder_that_cannot_be_is_refused(void **state)
{
    (void)state;
    bed         b;
    weir_store *store = NULL;
    set_up(&b);
    CHECK_INT(put_new(&b, "file", "1", NULL), WEIR_OK);
    const char *folders[] = {"", path_of(&b, "file"), "/proc/nowhere"};
    for (size_t i = 0; i < 3; i++) {
        weir_store_setup setup = {.location = weir_str_of(folders[i]),
                                  .clock = &b.clock.base};
        CHECK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b.err) !=
              WEIR_OK);
    }
    weir_store_setup setup = {.location = WEIR_STR("a\0b"), .clock = &b.clock.base};
    CHECK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b.err) !=
          WEIR_OK);
    tear_down(&b);
}

static void bucket_of_an_embedded_run_is_a_folder(void **state)
{
    (void)state;
    bed         b;
    weir_store *store = NULL;
    set_up(&b);
    weir_store_setup setup = {.location = WEIR_STR("s3://lake/"),
                              .embedded = weir_str_of(b.folder),
                              .clock = &b.clock.base};
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b.err),
             &b.err);
    CHECK_OK(weir_store_put_one(store, WEIR_STR("k"), WEIR_STR("v"), &b.err), &b.err);
    weir_store_free(store);
    CHECK_INT(access(path_of(&b, "s3/lake/k"), R_OK), 0);
    tear_down(&b);
}

static void links_and_odd_files_are_no_objects(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    assert_int_equal(symlink("/etc/passwd", path_of(&b, "link")), 0);
    assert_int_equal(mkfifo(path_of(&b, "pipe"), 0600), 0);
    assert_int_equal(mkdir(path_of(&b, "folder"), 0700), 0);
    const char *keys[] = {"link", "pipe", "folder"};
    for (size_t i = 0; i < 3; i++) {
        weir_object object = {.key = weir_str_of(keys[i])};
        CHECK_INT(b.store->kind->get(b.store, &object, 1, &b.err), WEIR_E_NOTFOUND);
        weir_buf_done(&object.got);
    }
    weir_arena  *arena = weir_arena_new("test", 1024);
    weir_listed *listed = NULL;
    uint32_t     count = 9;
    CHECK_OK(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 10, arena, &listed,
                                 &count, &b.err),
             &b.err);
    CHECK_INT(count, 0);
    weir_arena_free(arena);
    tear_down(&b);
}

static void processes_race_for_a_key_and_one_wins(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    for (int round = 0; round < 5; round++) {
        pid_t child[8];
        char  key[32];
        int   winners = 0;
        (void)snprintf(key, sizeof key, "race/%d/x", round);
        for (int i = 0; i < 8; i++) {
            child[i] = fork();
            assert_true(child[i] >= 0);
            if (child[i] == 0)
                _exit(put_new(&b, key, "mine", NULL) == WEIR_OK);
        }
        for (int i = 0; i < 8; i++) {
            int status = 0;
            assert_int_equal(waitpid(child[i], &status, 0), child[i]);
            winners += WEXITSTATUS(status);
        }
        CHECK_INT(winners, 1);
    }
    tear_down(&b);
}

static void folders_go_with_their_last_file(void **state)
{
    bed         b;
    struct stat facts;
    (void)state;
    set_up(&b);
    CHECK_OK(put_new(&b, "a/b/c/one", "1", NULL), &b.err);
    CHECK_OK(put_new(&b, "a/b/two", "2", NULL), &b.err);
    weir_object one = {.key = WEIR_STR("a/b/c/one")}, two = {.key = WEIR_STR("a/b/two")};
    CHECK_OK(b.store->kind->remove(b.store, &one, 1, &b.err), &b.err);
    CHECK(stat(path_of(&b, "a/b/c"), &facts) != 0 && errno == ENOENT);
    CHECK(stat(path_of(&b, "a/b"), &facts) == 0);
    CHECK_OK(b.store->kind->remove(b.store, &two, 1, &b.err), &b.err);
    CHECK(stat(path_of(&b, "a"), &facts) != 0 && errno == ENOENT);
    CHECK_OK(put_new(&b, "a/b/c/one", "1", NULL), &b.err); /* and can be made again */
    tear_down(&b);
}

typedef struct coming { /* puts and removes its file in a folder that others use, too */
    bed *b;
    int  number, failed;
} coming;

static void *come_and_go(void *at)
{
    coming *self = at;
    char    key[32];
    (void)snprintf(key, sizeof key, "some/folder/%d", self->number);
    for (int i = 0; i < 200; i++) {
        weir_object object = {.key = weir_str_of(key), .body = WEIR_STR("x")};
        weir_err    err;
        weir_store *store = self->b->store;
        self->failed += store->kind->put_new(store, &object, 1, &err) != WEIR_OK;
        self->failed += store->kind->remove(store, &object, 1, &err) != WEIR_OK;
    }
    return NULL;
}

static void put_does_not_mind_that_its_folder_goes(void **state)
{
    bed       b;
    pthread_t thread[4];
    coming    self[4];
    (void)state;
    set_up(&b);
    for (int i = 0; i < 4; i++) {
        self[i] = (coming){.b = &b, .number = i};
        assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, &self[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(self[i].failed, 0);
    }
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_temporary_file_is_left),
        TEST(what_a_crash_left_is_hidden_and_taken_away_in_time),
        TEST(token_survives_a_new_start),
        TEST(token_may_lie_beside_the_file),
        TEST(token_goes_beside_what_takes_none),
        TEST(errors_of_the_system_say_what_can_be_done),
        TEST(no_room_on_the_disk_leaves_nothing),
        TEST(folder_that_cannot_be_is_refused),
        TEST(bucket_of_an_embedded_run_is_a_folder),
        TEST(links_and_odd_files_are_no_objects),
        TEST(processes_race_for_a_key_and_one_wins),
        TEST(folders_go_with_their_last_file),
        TEST(put_does_not_mind_that_its_folder_goes),
    };
    return RUN_TESTS(tests);
}
