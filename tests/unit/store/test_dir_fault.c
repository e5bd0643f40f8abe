/* tests/dir_fault: every call of the system that the kind 'dir' makes fails once, at each place.
 *
 * The calls are the C library's, and this file has its own of the same names. Whatever fails: what
 * is told done is done and whole, what is not told done is there whole or as before, and the same
 * request works once the fault is over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"
#include "dir/dir.h"
#include "fake_clock.h"
#include "store_fault.h"
#include "weir/failpoint.h"

static struct {
    const char *call; /* NULL: none fails */
    int         nth;  /* this one, from 1 */
    int         why;  /* 0: a write or read of nothing */
    bool        hit;
    const char *also;            /* fails from the hit on */
    int         no_attributes;   /* errno of a file system that has none; 0: it has */
    bool        no_folder_types; /* readdir does not say what is a folder */
} spoil;

static bool fails(const char *call)
{
    if (spoil.hit && spoil.also != NULL && strcmp(spoil.also, call) == 0) {
        errno = EDQUOT;
        return true;
    }
    if (spoil.call == NULL || strcmp(spoil.call, call) != 0 || --spoil.nth != 0)
        return false;
    spoil.hit = true;
    if (spoil.why != 0)
        errno = spoil.why;
    return true;
}

int openat(int at, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0;
    va_end(list);
    return fails("openat") ? -1 : (int)syscall(SYS_openat, at, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    unsigned mode = (flags & O_CREAT) != 0 ? va_arg(list, unsigned) : 0;
    va_end(list);
    return fails("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
    return fails("mkdir") ? -1 : (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    return fails("mkdirat") ? -1 : (int)syscall(SYS_mkdirat, at, path, mode);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fails("write"))
        return spoil.why == 0 ? 0 : -1;
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t pread(int fd, void *bytes, size_t len, off_t from)
{
    if (fails("pread"))
        return spoil.why == 0 ? 0 : -1;
    return syscall(SYS_pread64, fd, bytes, len, from);
}

ssize_t read(int fd, void *bytes, size_t len)
{
    if (fails("read"))
        return spoil.why == 0 ? 0 : -1;
    return syscall(SYS_read, fd, bytes, len);
}

int fsync(int fd)
{
    (void)fd; /* nobody cuts the power here */
    return fails("fsync") ? -1 : 0;
}

int close(int fd)
{
    int rc = (int)syscall(SYS_close, fd); /* it is closed all the same */
    return fails("close") ? -1 : rc;
}

int linkat(int from, const char *path, int to, const char *name, int flags)
{
    return fails("linkat") ? -1 : (int)syscall(SYS_linkat, from, path, to, name, flags);
}

int renameat(int from, const char *path, int to, const char *name)
{
    return fails("renameat") ? -1 : (int)syscall(SYS_renameat2, from, path, to, name, 0);
}

int unlinkat(int at, const char *path, int flags)
{
    return fails("unlinkat") ? -1 : (int)syscall(SYS_unlinkat, at, path, flags);
}

int fstat(int fd, struct stat *facts)
{
    if (fails("fstat"))
        return -1;
    return (int)syscall(SYS_newfstatat, fd, "", facts, AT_EMPTY_PATH);
}

int fstatat(int at, const char *restrict path, struct stat *restrict facts, int flags)
{
    return fails("fstatat") ? -1 : (int)syscall(SYS_newfstatat, at, path, facts, flags);
}

ssize_t fgetxattr(int fd, const char *name, void *value, size_t room)
{
    if (spoil.no_attributes != 0)
        errno = spoil.no_attributes;
    if (spoil.no_attributes != 0 || fails("fgetxattr"))
        return -1;
    return syscall(SYS_fgetxattr, fd, name, value, room);
}

int fsetxattr(int fd, const char *name, const void *value, size_t len, int flags)
{
    if (spoil.no_attributes != 0)
        errno = spoil.no_attributes;
    if (spoil.no_attributes != 0 || fails("fsetxattr"))
        return -1;
    return (int)syscall(SYS_fsetxattr, fd, name, value, len, flags);
}

DIR *fdopendir(int fd)
{
    DIR *(*real)(int) = (DIR * (*)(int)) dlsym(RTLD_NEXT, "fdopendir");
    return fails("fdopendir") ? NULL : real(fd);
}

struct dirent *readdir(DIR *folder)
{
    struct dirent *(*real)(DIR *) =
        (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir64");
    if (fails("readdir"))
        return NULL;
    struct dirent *entry = real(folder);
    if (entry != NULL && spoil.no_folder_types)
        entry->d_type = DT_UNKNOWN;
    return entry;
}

static const char *const calls[] = {
    "openat", "open",    "mkdir",     "mkdirat",   "write",     "pread",
    "read",   "fsync",   "close",     "linkat",    "renameat",  "unlinkat",
    "fstat",  "fstatat", "fgetxattr", "fsetxattr", "fdopendir", "readdir"};

typedef struct bed {
    fake_clock  clock;
    char        folder[40];
    weir_store *store;
    weir_arena *arena;
    weir_err    err;
} bed;

static weir_code open_store(bed *b)
{
    weir_store_setup setup = {.location = weir_str_of(b->folder), .clock = &b->clock.base};
    weir_store_free(b->store);
    b->store = NULL;
    return weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &b->store, &b->err);
}

static void set_up(bed *b)
{
    memset(b, 0, sizeof *b);
    weir_err_clear(&b->err);
    b->clock = fake_clock_new();
    b->arena = weir_arena_new("bed", 4096);
    (void)snprintf(b->folder, sizeof b->folder, "/tmp/weir-dir-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    CHECK_OK(open_store(b), &b->err);
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts, (void)type, (void)ftw;
    return remove(path);
}

static void tear_down(bed *b)
{
    spoil.call = spoil.also = NULL;
    weir_store_free(b->store);
    weir_arena_free(b->arena);
    (void)nftw(b->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define KEY "a/b/key"

static weir_code put(bed *b, const char *body, const char *token, bool only_new)
{
    weir_object object = {
        .key = WEIR_STR(KEY), .body = weir_str_of(body), .token = weir_str_of(token)};
    const weir_store_kind *kind = b->store->kind;
    weir_code              rc = only_new ? kind->put_new(b->store, &object, 1, &b->err)
                                         : kind->put(b->store, &object, 1, &b->err);
    CHECK_INT(rc, object.rc);
    return rc;
}

static weir_code get(bed *b, weir_object *out)
{
    *out = (weir_object){.key = WEIR_STR(KEY), .from = out->from, .length = out->length};
    return b->store->kind->get(b->store, out, 1, &b->err);
}

/* What is stored now: the body and the token, "" when there is none. */
static void look(bed *b, char body[32], char token[32])
{
    weir_object seen = {.from = 0}, head = {.key = WEIR_STR(KEY)};
    weir_code   rc = get(b, &seen);
    CHECK(rc == WEIR_OK || rc == WEIR_E_NOTFOUND);
    (void)snprintf(body, 32, "%.*s", WEIR_STR_FMT(weir_buf_view(&seen.got)));
    weir_buf_done(&seen.got);
    CHECK_INT(b->store->kind->head(b->store, &head, 1, &b->err), rc);
    (void)snprintf(token, 32, "%s", head.got_token);
}

/* A try of one kind of request, with a fault in it or not; and what must hold behind it. */
typedef void try_fn(bed *b, const char *what);

static void try_put_new(bed *b, const char *what)
{
    char      body[32], token[32];
    weir_code rc = put(b, "body", "token", true);
    spoil.call = NULL;
    look(b, body, token);
    if (rc == WEIR_OK && strcmp(body, "body") != 0)
        fail_msg("%s: told done, and it is '%s'", what, body);
    if (body[0] != '\0' && (strcmp(body, "body") != 0 || strcmp(token, "token") != 0))
        fail_msg("%s: '%s' is there with '%s'", what, body, token);
    if (rc == WEIR_E_CONFLICT || rc == WEIR_E_NOTFOUND)
        fail_msg("%s: %s", what, b->err.msg);
    rc = put(b, "body", "token", true);
    CHECK(rc == (body[0] != '\0' ? WEIR_E_CONFLICT : WEIR_OK));
    look(b, body, token);
    CHECK_TEXT(body, "body");
    CHECK_TEXT(token, "token");
}

static void try_put_without_token(bed *b, const char *what)
{
    char      body[32], token[32];
    weir_code rc = put(b, "bare", "", true);
    spoil.call = NULL;
    look(b, body, token);
    if (rc == WEIR_OK && strcmp(body, "bare") != 0)
        fail_msg("%s: told done, and it is '%s'", what, body);
    CHECK_TEXT(token, "");
}

static void try_put_over(bed *b, const char *what)
{
    char body[32], token[32];
    CHECK_INT(put(b, "old", "was", true), WEIR_OK);
    weir_code rc = put(b, "new", "is", false);
    spoil.call = NULL;
    look(b, body, token);
    bool is_old = strcmp(body, "old") == 0 && strcmp(token, "was") == 0;
    bool is_new = strcmp(body, "new") == 0 && strcmp(token, "is") == 0;
    if (!is_new && (rc == WEIR_OK || !is_old))
        fail_msg("%s: %s, and '%s' with '%s' is there", what, weir_code_name(rc), body,
                 token);
    CHECK_INT(put(b, "new", "is", false), WEIR_OK);
}

static void try_put_again(bed *b, const char *what)
{
    CHECK_INT(put(b, "old", "was", true), WEIR_OK);
    weir_code rc = put(b, "new", "is", true);
    spoil.call = NULL;
    if (rc == WEIR_OK)
        fail_msg("%s: made twice", what);
    char body[32], token[32];
    look(b, body, token);
    CHECK_TEXT(body, "old");
    CHECK_TEXT(token, "was");
}

static void try_get(bed *b, const char *what)
{
    weir_object seen = {.from = 1, .length = 2};
    CHECK_INT(put(b, "body", "token", true), WEIR_OK);
    weir_code rc = get(b, &seen);
    spoil.call = NULL;
    if (rc == WEIR_OK)
        CHECK_STR(weir_buf_view(&seen.got), "od");
    if (rc == WEIR_E_NOTFOUND)
        fail_msg("%s: what cannot be read is said not to be there", what);
    weir_buf_done(&seen.got);
}

static void try_head(bed *b, const char *what)
{
    weir_object head = {.key = WEIR_STR(KEY)};
    CHECK_INT(put(b, "body", "token", true), WEIR_OK);
    weir_code rc = b->store->kind->head(b->store, &head, 1, &b->err);
    spoil.call = NULL;
    if (rc == WEIR_OK) {
        CHECK_U64(head.size, 4);
        CHECK_TEXT(head.got_token, "token");
    }
    if (rc == WEIR_E_NOTFOUND)
        fail_msg("%s: what cannot be read is said not to be there", what);
}

static void try_list(bed *b, const char *what)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_object  other = {.key = WEIR_STR("z"), .body = WEIR_STR("1")};
    CHECK_INT(put(b, "body", "token", true), WEIR_OK);
    CHECK_INT(b->store->kind->put_new(b->store, &other, 1, &b->err), WEIR_OK);
    weir_code rc = b->store->kind->list(b->store, WEIR_STR(""), WEIR_STR(""), 10, b->arena,
                                        &listed, &count, &b->err);
    spoil.call = NULL;
    if (rc == WEIR_OK && count != 2)
        fail_msg("%s: %u of 2 are listed", what, count);
    if (rc == WEIR_OK) {
        CHECK_STR(listed[0].key, KEY);
        CHECK_STR(listed[1].key, "z");
    } else {
        CHECK_INT(b->err.fate, WEIR_FATE_RETRY);
    }
}

static void try_remove(bed *b, const char *what)
{
    weir_object object = {.key = WEIR_STR(KEY)};
    char        body[32], token[32];
    CHECK_INT(put(b, "body", "token", true), WEIR_OK);
    weir_code rc = b->store->kind->remove(b->store, &object, 1, &b->err);
    spoil.call = NULL;
    look(b, body, token);
    if (rc == WEIR_OK && body[0] != '\0')
        fail_msg("%s: told done, and it is there", what);
    CHECK_INT(b->store->kind->remove(b->store, &object, 1, &b->err), WEIR_OK);
    look(b, body, token);
    CHECK_TEXT(body, "");
}

static void try_open(bed *b, const char *what)
{
    char body[32], token[32];
    CHECK_INT(put(b, "body", "token", true), WEIR_OK);
    weir_code rc = open_store(b);
    spoil.call = NULL;
    if (rc != WEIR_OK && rc != WEIR_E_IO)
        fail_msg("%s: %s", what, b->err.msg);
    CHECK_OK(open_store(b), &b->err);
    look(b, body, token);
    CHECK_TEXT(body, "body");
    CHECK_TEXT(token, "token");
}

/* A folder of a folder, neither of which is there. */
static void try_new_root(bed *b, const char *what)
{
    char             path[80];
    weir_store      *store = NULL;
    weir_store_setup setup = {.clock = &b->clock.base};
    (void)snprintf(path, sizeof path, "%s/new/place//", b->folder);
    setup.location = weir_str_of(path);
    weir_code rc =
        weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b->err);
    spoil.call = NULL;
    if (rc != WEIR_OK && rc != WEIR_E_IO)
        fail_msg("%s: %s", what, b->err.msg);
    weir_store_free(store);
    store = NULL;
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b->err),
             &b->err);
    weir_store_free(store);
}

static const struct {
    const char *name;
    try_fn     *run;
    int         skip; /* so many puts come before the request that is tried */
} tries[] = {
    {"put_new", try_put_new, 0},
    {"put", try_put_over, 1},
    {"put_new again", try_put_again, 1},
    {"get", try_get, 1},
    {"head", try_head, 1},
    {"list", try_list, 2},
    {"remove", try_remove, 1},
    {"open", try_open, 1},
    {"bare", try_put_without_token, 0},
    {"new root", try_new_root, 0},
};

/* How often a call is made before the request that is tried: those must not fail. */
static int calls_before(bed *b, const char *call, int puts)
{
    set_up(b);
    spoil.call = call;
    spoil.nth = 1000;
    for (int i = 0; i < puts; i++) {
        weir_object object = {.key = i == 0 ? WEIR_STR(KEY) : WEIR_STR("z"),
                              .body = WEIR_STR("body"),
                              .token = i == 0 ? WEIR_STR("token") : WEIR_STR("")};
        CHECK_INT(b->store->kind->put_new(b->store, &object, 1, &b->err), WEIR_OK);
    }
    int made = 1000 - spoil.nth;
    tear_down(b);
    return made;
}

static void fail_each(const char *call, int why)
{
    for (size_t t = 0; t < sizeof tries / sizeof tries[0]; t++) {
        bed b;
        int before = calls_before(&b, call, tries[t].skip);
        spoil.hit = true;
        for (int nth = 1; spoil.hit; nth++) {
            char what[100];
            (void)snprintf(what, sizeof what, "%s with %s %d: %s", tries[t].name, call, nth,
                           strerror(why));
            set_up(&b);
            spoil.call = call;
            spoil.nth = before + nth;
            spoil.why = why;
            spoil.hit = false;
            tries[t].run(&b, what);
            tear_down(&b);
        }
    }
}

static void every_call_may_fail_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        fail_each(calls[i], i % 2 == 0 ? EIO : ENOSPC);
}

/* Tokens lie beside the files, and folders do not say what they are. */
static void every_call_may_fail_on_a_poor_file_system(void **state)
{
    (void)state;
    spoil.no_attributes = ENOTSUP;
    spoil.no_folder_types = true;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        fail_each(calls[i], EIO);
    spoil.no_attributes = 0;
    spoil.no_folder_types = false;
}

/* An interrupted call is made again; one that does nothing ends the request. */
static void interrupted_calls_are_made_again(void **state)
{
    (void)state;
    static const char *const again[] = {"write", "pread"};
    for (int poor = 0; poor < 2; poor++) {
        spoil.no_attributes = poor == 1 ? ENOTSUP : 0;
        for (size_t i = 0; i < 2; i++) {
            fail_each(again[i], EINTR);
            fail_each(again[i], 0);
            bed b;
            set_up(&b);
            spoil.call = again[i];
            spoil.nth = 1;
            spoil.why = EINTR;
            CHECK_INT(put(&b, "body", "token", true), WEIR_OK);
            weir_object seen = {.from = 0};
            CHECK_INT(get(&b, &seen), WEIR_OK);
            CHECK(spoil.nth <= 0);
            CHECK_STR(weir_buf_view(&seen.got), "body");
            weir_buf_done(&seen.got);
            tear_down(&b);
        }
    }
    spoil.no_attributes = 0;
}

/* Another process made the folder of temporary files a moment ago. */
static void folder_that_others_made_is_used(void **state)
{
    (void)state;
    bed  b;
    char body[32], token[32];
    set_up(&b);
    CHECK_INT(put(&b, "old", "was", true), WEIR_OK);
    spoil.call = "openat"; /* of the temporary file */
    spoil.nth = 1;
    spoil.why = ENOENT;
    CHECK_INT(put(&b, "new", "is", false), WEIR_OK);
    CHECK(spoil.nth <= 0);
    spoil.call = NULL;
    look(&b, body, token);
    CHECK_TEXT(body, "new");
    tear_down(&b);
}

/* The failpoint's full disk is one for this store, too. */
static void full_disk_of_a_failpoint_leaves_nothing(void **state)
{
    (void)state;
    bed  b;
    char body[32], token[32];
    if (!weir_failpoints_built())
        return;
    set_up(&b);
    CHECK(weir_failpoint_set("ep_put_manifest=1*full"));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
    CHECK_INT(put(&b, "body", "token", true), WEIR_E_IO);
    CHECK_SAYS(&b.err, strerror(ENOSPC));
    look(&b, body, token);
    CHECK_TEXT(body, "");
    CHECK_INT(put(&b, "body", "token", true), WEIR_OK);
    tear_down(&b);
}

/* A second fault behind the first: the first is told. */
static void first_of_two_faults_is_told(void **state)
{
    (void)state;
    for (int poor = 0; poor < 2; poor++) {
        bed  b;
        char body[32], token[32];
        set_up(&b);
        spoil.no_attributes = poor == 1 ? ENOTSUP : 0;
        spoil.call = "write";
        spoil.nth = 1 + poor; /* of the body, of the token */
        spoil.why = ENOSPC;
        spoil.hit = false;
        spoil.also = "close";
        CHECK_INT(put(&b, "body", "token", true), WEIR_E_IO);
        spoil.call = spoil.also = NULL;
        CHECK_SAYS(&b.err, strerror(ENOSPC));
        look(&b, body, token);
        CHECK_TEXT(body, "");
        spoil.no_attributes = 0;
        tear_down(&b);
    }
}

/* A file system may say in four ways that it keeps no attributes. */
static void tokens_lie_beside_the_file_where_there_are_no_attributes(void **state)
{
    (void)state;
    static const int whys[] = {ENOTSUP, EPERM, ENOSYS, EACCES};
    for (size_t i = 0; i < sizeof whys / sizeof whys[0]; i++) {
        bed  b;
        char body[32], token[32], path[80];
        set_up(&b);
        spoil.no_attributes = whys[i];
        CHECK_INT(put(&b, "body", "token", true), WEIR_OK);
        look(&b, body, token);
        CHECK_TEXT(token, "token");
        (void)snprintf(path, sizeof path, "%s/" KEY, b.folder);
        int        fd = open(path, O_RDONLY | O_CLOEXEC);
        dir_store *self = (dir_store *)store_behind_faults(b.store);
        char       kept[256];
        assert_true(fd >= 0);
        CHECK(dir_token_write(self, fd, WEIR_STR(""))); /* as for a file that is new */
        CHECK(dir_token_read(self, fd, kept));
        CHECK_TEXT(kept, whys[i] == ENOTSUP ? "" : "token");
        spoil.no_attributes = 0;
        CHECK(dir_token_write(self, fd, WEIR_STR("inside")));
        CHECK(dir_token_write(self, fd, WEIR_STR("")));
        (void)close(fd);
        tear_down(&b);
    }
}

/* A folder that cannot be fsynced at all need not be: read-only, or of another kind. */
static void folders_that_know_no_fsync_are_taken_as_they_are(void **state)
{
    (void)state;
    static const int whys[] = {EINVAL, EROFS};
    for (size_t i = 0; i < 2; i++) {
        bed b;
        set_up(&b);
        spoil.call = "fsync";
        spoil.nth = 2; /* of the folder, behind the file's */
        spoil.why = whys[i];
        CHECK_INT(put(&b, "body", "token", true), WEIR_OK);
        CHECK(spoil.nth <= 0);
        spoil.call = "mkdir"; /* of a root that is there, in a folder that is not ours */
        spoil.nth = 1;
        spoil.why = i == 0 ? EACCES : EROFS;
        CHECK_OK(open_store(&b), &b.err);
        CHECK(spoil.nth <= 0);
        tear_down(&b);
    }
}

/* A name without a slash is below where the process is; the root of all is a folder too. */
static void folders_are_named_in_all_ways(void **state)
{
    (void)state;
    bed  b;
    char where[200];
    set_up(&b);
    assert_non_null(getcwd(where, sizeof where));
    assert_int_equal(chdir(b.folder), 0);
    static const char *const names[] = {"relative", "relative/", "/", "///", "s3://odd"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        weir_store      *store = NULL;
        weir_store_setup setup = {.location = weir_str_of(names[i]),
                                  .clock = &b.clock.base};
        CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b.err),
                 &b.err);
        weir_store_free(store);
    }
    CHECK_INT(access("relative", F_OK), 0);
    CHECK_INT(access("s3:/odd", F_OK), 0);
    spoil.call = "fsync"; /* of the folder above one that is new */
    spoil.nth = 1;
    spoil.why = EIO;
    weir_store      *store = NULL;
    weir_store_setup setup = {.location = WEIR_STR("another"), .clock = &b.clock.base};
    CHECK_FAILS(weir_store_new(weir_store_find(WEIR_STR("dir")), &setup, &store, &b.err),
                WEIR_E_IO, &b.err);
    assert_int_equal(chdir(where), 0);
    tear_down(&b);
}

static weir_code list_all(bed *b, uint32_t *out_count)
{
    weir_listed *listed = NULL;
    return b->store->kind->list(b->store, WEIR_STR(""), WEIR_STR(""), 10, b->arena, &listed,
                                out_count, &b->err);
}

/* What others put below the folder, and what no key can name. */
static void files_of_others_do_no_harm(void **state)
{
    (void)state;
    bed      b;
    char     path[1200], deep[200] = "";
    uint32_t count = 0;
    set_up(&b);
    CHECK_INT(put(&b, "body", "token", true), WEIR_OK);
    weir_object below = {.key = WEIR_STR(KEY "/below")}, folder = {.key = WEIR_STR("a/b")};
    CHECK_INT(b.store->kind->get(b.store, &below, 1, &b.err), WEIR_E_NOTFOUND);
    CHECK_INT(b.store->kind->remove(b.store, &below, 1, &b.err), WEIR_OK);
    CHECK_INT(b.store->kind->remove(b.store, &folder, 1, &b.err), WEIR_OK);
    weir_object odd = {.key = WEIR_STR("../a")}; /* no key: nothing is there */
    CHECK_INT(b.store->kind->head(b.store, &odd, 1, &b.err), WEIR_E_NOTFOUND);
    CHECK_INT(b.store->kind->remove(b.store, &odd, 1, &b.err), WEIR_OK);
    (void)snprintf(path, sizeof path, "%s/large", b.folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)WEIR_STORE_BODY_MAX + 1), 0);
    (void)close(fd);
    weir_object large = {.key = WEIR_STR("large")};
    CHECK_INT(b.store->kind->get(b.store, &large, 1, &b.err), WEIR_E_LIMIT);
    (void)snprintf(path, sizeof path, "%s", b.folder); /* 4 × 251 bytes, and 40 more */
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path + strlen(path), 260, "/%0250d", 7);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path + strlen(path), 60, "/%040d", 7);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    CHECK_OK(list_all(&b, &count), &b.err);
    CHECK_INT(count, 2); /* the key and what is large */
    for (int i = 0; i < 64; i++)
        (void)snprintf(deep + strlen(deep), 4, "d/");
    (void)snprintf(deep + strlen(deep), 4, "f");
    weir_object deepest = {.key = weir_str_of(deep), .body = WEIR_STR("x")};
    CHECK_INT(b.store->kind->put_new(b.store, &deepest, 1, &b.err), WEIR_OK);
    CHECK_INT(list_all(&b, &count), WEIR_E_IO); /* deeper than any key of weir's */
    CHECK_SAYS(&b.err, strerror(ELOOP));
    (void)nftw(b.folder, remove_one, 100, FTW_DEPTH | FTW_PHYS);
    tear_down(&b);
}

/* A file that goes while its folder is read is not listed, and no error. */
static void what_goes_while_it_is_listed_is_not_listed(void **state)
{
    (void)state;
    for (int poor = 0; poor < 2; poor++) {
        bed          b;
        weir_listed *listed = NULL;
        uint32_t     count = 0;
        set_up(&b);
        spoil.no_folder_types = poor == 1;
        weir_object other = {.key = WEIR_STR("z"), .body = WEIR_STR("1")};
        CHECK_INT(b.store->kind->put_new(b.store, &other, 1, &b.err), WEIR_OK);
        spoil.call = "fstatat";
        spoil.nth = 1 + poor;
        spoil.why = ENOENT;
        CHECK_OK(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 10, b.arena,
                                     &listed, &count, &b.err),
                 &b.err);
        CHECK_INT(count, 0);
        spoil.nth = 1;
        CHECK_OK(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 10, b.arena,
                                     &listed, &count, &b.err),
                 &b.err);
        CHECK_INT(count, poor); /* only its type was not found out */
        tear_down(&b);
        spoil.no_folder_types = false;
    }
    static const int whys[] = {ENOENT, ENOTDIR};
    for (size_t i = 0; i < 2; i++) {
        bed      b;
        uint32_t count = 9;
        set_up(&b);
        CHECK_INT(put(&b, "body", "token", true), WEIR_OK);
        spoil.call = "openat";
        spoil.nth = 2; /* the folder `a` */
        spoil.why = whys[i];
        CHECK_OK(list_all(&b, &count), &b.err);
        CHECK_INT(count, 0);
        tear_down(&b);
    }
}

/* What errno says decides whether it may work later. */
static void reasons_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        int         why;
        weir_code   rc;
        weir_exit   exit;
        weir_fate   fate;
    } cases[] = {
        {"linkat", EPERM, WEIR_E_CONFIG, WEIR_EXIT_PROBE_FAILED, WEIR_FATE_HALT},
        {"linkat", ENOTSUP, WEIR_E_CONFIG, WEIR_EXIT_PROBE_FAILED, WEIR_FATE_HALT},
        {"linkat", ENOSYS, WEIR_E_CONFIG, WEIR_EXIT_PROBE_FAILED, WEIR_FATE_HALT},
        {"linkat", EXDEV, WEIR_E_CONFIG, WEIR_EXIT_PROBE_FAILED, WEIR_FATE_HALT},
        {"linkat", EMLINK, WEIR_E_CONFIG, WEIR_EXIT_PROBE_FAILED, WEIR_FATE_HALT},
        {"linkat", EIO, WEIR_E_IO, WEIR_EXIT_JOB, WEIR_FATE_RETRY},
        {"mkdirat", ENOTDIR, WEIR_E_CONFIG, WEIR_EXIT_USAGE, WEIR_FATE_HALT},
        {"mkdirat", EPERM, WEIR_E_CONFIG, WEIR_EXIT_PROBE_FAILED, WEIR_FATE_HALT},
        {"mkdirat", EACCES, WEIR_E_CONFIG, WEIR_EXIT_USAGE, WEIR_FATE_HALT},
        {"openat", EROFS, WEIR_E_CONFIG, WEIR_EXIT_USAGE, WEIR_FATE_HALT},
        {"openat", EMFILE, WEIR_E_IO, WEIR_EXIT_JOB, WEIR_FATE_RETRY},
        {"write", EFBIG, WEIR_E_CONFIG, WEIR_EXIT_USAGE, WEIR_FATE_HALT},
        {"write", EDQUOT, WEIR_E_IO, WEIR_EXIT_JOB, WEIR_FATE_RETRY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b);
        spoil.call = cases[i].call;
        spoil.nth = 1;
        spoil.why = cases[i].why;
        CHECK_INT(put(&b, "body", "token", true), cases[i].rc);
        CHECK_INT(b.err.exit, cases[i].exit);
        CHECK_INT(b.err.fate, cases[i].fate);
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_call_may_fail_once),
        TEST(every_call_may_fail_on_a_poor_file_system),
        TEST(interrupted_calls_are_made_again),
        TEST(folder_that_others_made_is_used),
        TEST(full_disk_of_a_failpoint_leaves_nothing),
        TEST(first_of_two_faults_is_told),
        TEST(tokens_lie_beside_the_file_where_there_are_no_attributes),
        TEST(folders_that_know_no_fsync_are_taken_as_they_are),
        TEST(folders_are_named_in_all_ways),
        TEST(files_of_others_do_no_harm),
        TEST(what_goes_while_it_is_listed_is_not_listed),
        TEST(reasons_are_told_apart),
    };
    return RUN_TESTS(tests);
}
