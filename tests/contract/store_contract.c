/* contract/store: what every kind of store promises, run against every registered kind.
 *
 * memory and dir always run. s3 runs when WEIR_TEST_S3_ENDPOINT, _BUCKET, _ACCESS_KEY and
 * _SECRET_KEY are set, which the e2e set does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <pthread.h>
#include <unistd.h>

#include "weir/hash.h"
#include "weir/limits.h"
#include "weir/store.h"

typedef struct fixture {
    const weir_store_kind *kind;
    weir_store            *store;
    weir_arena            *arena;
    char                   folder[64]; /* of dir, removed at the end */
    char                   prefix[40]; /* of this run's keys */
    char                   text[1200]; /* of the last key made */
} fixture;

static const weir_option s3_options[] = {
#define S3_OPTION(n, t, f, c, h)                                                           \
    {.name = (n), .type = (t), .fallback = (f), .choices = (c), .help = (h)},
#include "weir/s3_options.def"
#undef S3_OPTION
    {0},
};

static const weir_opts *opts_of_environment(weir_arena *arena)
{
    static const char *const names[][2] = {{"s3.endpoint", "WEIR_TEST_S3_ENDPOINT"},
                                           {"s3.access_key", "WEIR_TEST_S3_ACCESS_KEY"},
                                           {"s3.secret_key", "WEIR_TEST_S3_SECRET_KEY"},
                                           {"s3.region", "WEIR_TEST_S3_REGION"}};
    weir_setting             setting[4];
    size_t                   count = 0;
    for (size_t i = 0; i < 4; i++) {
        if (getenv(names[i][1]) != NULL)
            setting[count++] = (weir_setting){.name = weir_str_of(names[i][0]),
                                              .value = weir_str_of(getenv(names[i][1])),
                                              .name_at = -1,
                                              .value_at = -1};
    }
    const weir_option *const tables[3] = {s3_options};
    weir_opts               *opts = NULL;
    weir_err                 err;
    assert_int_equal(weir_opts_read(tables, setting, count, arena, &opts, &err), WEIR_OK);
    return opts;
}

static void open_store(fixture *f)
{
    char             location[128];
    weir_err         err;
    weir_store_setup setup = {.clock = weir_clock_system()};
    if (strcmp(f->kind->name, "s3") == 0) {
        setup.opts = opts_of_environment(f->arena);
        (void)snprintf(location, sizeof location, "s3://%s", getenv("WEIR_TEST_S3_BUCKET"));
    } else {
        (void)snprintf(location, sizeof location, "%s/one/two", f->folder);
    }
    setup.location = weir_str_of(location);
    if (weir_store_new(f->kind, &setup, &f->store, &err) != WEIR_OK)
        fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    uint8_t  nonce[16];
    f->kind = *state;
    f->arena = weir_arena_new("test", 4096);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/weir-store-XXXXXX");
    if (mkdtemp(f->folder) == NULL)
        return -1;
    weir_random_nonce(nonce);
    for (size_t i = 0; i < sizeof nonce; i++)
        (void)snprintf(f->prefix + 2 * i, 3, "%02x", nonce[i]);
    open_store(f);
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *ftw)
{
    (void)facts;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int tear_down(void **state)
{
    fixture *f = *state;
    weir_store_free(f->store);
    weir_arena_free(f->arena);
    (void)nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static weir_str key(fixture *f, const char *name)
{
    return weir_str_of(weir_arena_text(f->arena, "%s/%s", f->prefix, name));
}

static weir_code put(fixture *f, weir_str at, weir_str body, bool only_new,
                     weir_object *out)
{
    weir_err err;
    *out = (weir_object){.key = at, .body = body};
    weir_code rc = only_new ? f->store->kind->put_new(f->store, out, 1, &err)
                            : f->store->kind->put(f->store, out, 1, &err);
    assert_int_equal(rc, out->rc);
    if (rc != WEIR_OK)
        assert_int_equal(rc, err.code);
    return rc;
}

static void expect_body(fixture *f, weir_str at, weir_str body)
{
    weir_err err;
    weir_buf got = {0};
    if (weir_store_get_one(f->store, at, &got, &err) != WEIR_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(got.len, body.len);
    if (body.len > 0)
        assert_memory_equal(got.at, body.at, body.len);
    weir_buf_done(&got);
}

static void what_was_put_is_read(void **state)
{
    fixture    *f = *state;
    weir_object object;
    assert_int_equal(put(f, key(f, "a"), WEIR_STR("one"), false, &object), WEIR_OK);
    expect_body(f, key(f, "a"), WEIR_STR("one"));
    assert_int_equal(put(f, key(f, "a"), WEIR_STR("two, longer"), false, &object), WEIR_OK);
    expect_body(f, key(f, "a"), WEIR_STR("two, longer"));
    assert_int_equal(put(f, key(f, "empty"), WEIR_STR(""), false, &object), WEIR_OK);
    expect_body(f, key(f, "empty"), WEIR_STR(""));
}

static void what_is_missing_is_not_found(void **state)
{
    fixture    *f = *state;
    weir_err    err;
    weir_object object = {.key = key(f, "not/there")};
    assert_int_equal(f->store->kind->get(f->store, &object, 1, &err), WEIR_E_NOTFOUND);
    assert_int_equal(object.rc, WEIR_E_NOTFOUND);
    assert_int_equal(err.code, WEIR_E_NOTFOUND);
    assert_int_equal(f->store->kind->head(f->store, &object, 1, &err), WEIR_E_NOTFOUND);
    assert_int_equal(f->store->kind->remove(f->store, &object, 1, &err), WEIR_OK);
    weir_buf_done(&object.got);
}

static void put_new_does_not_write_over(void **state)
{
    fixture    *f = *state;
    weir_object object;
    assert_int_equal(put(f, key(f, "n"), WEIR_STR("first"), true, &object), WEIR_OK);
    assert_int_equal(put(f, key(f, "n"), WEIR_STR("second"), true, &object),
                     WEIR_E_CONFLICT);
    assert_false(object.permanent);
    expect_body(f, key(f, "n"), WEIR_STR("first"));
}

typedef struct racer {
    fixture  *f;
    weir_str  key;
    char      body[64];
    weir_code rc;
    pthread_t thread;
} racer;

static void *race(void *at)
{
    racer      *self = at;
    weir_err    err;
    weir_object object = {.key = self->key, .body = weir_str_of(self->body)};
    self->rc = self->f->store->kind->put_new(self->f->store, &object, 1, &err);
    return NULL;
}

static void put_new_by_32_threads_has_one_winner(void **state)
{
    fixture *f = *state; /* nothing was ever put here: first uses race, too */
    for (int round = 0; round < 10; round++) {
        racer all[32];
        char  name[32];
        (void)snprintf(name, sizeof name, "race/%d", round);
        weir_str at = key(f, name);
        for (int i = 0; i < 32; i++) {
            all[i] = (racer){.f = f, .key = at};
            (void)snprintf(all[i].body, sizeof all[i].body, "racer %d of round %d", i,
                           round);
            assert_int_equal(pthread_create(&all[i].thread, NULL, race, &all[i]), 0);
        }
        for (int i = 0; i < 32; i++)
            pthread_join(all[i].thread, NULL); /* before anything can fail */
        int winner = -1;
        for (int i = 0; i < 32; i++) {
            assert_true(all[i].rc == WEIR_OK || all[i].rc == WEIR_E_CONFLICT);
            if (all[i].rc != WEIR_OK)
                continue;
            assert_int_equal(winner, -1);
            winner = i;
        }
        assert_int_not_equal(winner, -1);
        expect_body(f, at, weir_str_of(all[winner].body));
    }
}

static void many_requests_at_once_have_outcomes_of_their_own(void **state)
{
    fixture    *f = *state;
    weir_err    err;
    weir_object object[40] = {{.rc = WEIR_OK}};
    char        name[32];
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "many/%02d", i);
        object[i].key = key(f, name);
        object[i].body = object[i].key;
    }
    assert_int_equal(f->store->kind->put_new(f->store, object, 20, &err), WEIR_OK);
    assert_int_equal(f->store->kind->put_new(f->store, object, 40, &err), WEIR_E_CONFLICT);
    for (int i = 0; i < 40; i++)
        assert_int_equal(object[i].rc, i < 20 ? WEIR_E_CONFLICT : WEIR_OK);
    object[7].key = key(f, "many/none");
    assert_int_equal(f->store->kind->get(f->store, object, 40, &err), WEIR_E_NOTFOUND);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(object[i].rc, i == 7 ? WEIR_E_NOTFOUND : WEIR_OK);
        if (i != 7)
            assert_true(weir_str_eq(weir_buf_view(&object[i].got), object[i].key));
        weir_buf_done(&object[i].got);
    }
    assert_int_equal(f->store->kind->get(f->store, object, 0, &err), WEIR_OK);
}

static void get_of_a_range_gives_just_that(void **state)
{
    fixture    *f = *state;
    weir_err    err;
    weir_object object;
    assert_int_equal(put(f, key(f, "r"), WEIR_STR("0123456789"), false, &object), WEIR_OK);
    const struct {
        uint64_t    from, length;
        const char *want;
    } cases[] = {
        {0, 1, "0"}, {3, 4, "3456"}, {9, 1, "9"}, {4, 0, "456789"}, {0, 10, "0123456789"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        object = (weir_object){
            .key = key(f, "r"), .from = cases[i].from, .length = cases[i].length};
        assert_int_equal(f->store->kind->get(f->store, &object, 1, &err), WEIR_OK);
        assert_true(weir_str_is(weir_buf_view(&object.got), cases[i].want));
        weir_buf_done(&object.got);
    }
    const uint64_t bad[][2] = {{9, 2}, {10, 1}, {0, 11}, {500, 3}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        object = (weir_object){.key = key(f, "r"), .from = bad[i][0], .length = bad[i][1]};
        assert_int_equal(f->store->kind->get(f->store, &object, 1, &err), WEIR_E_CORRUPT);
        assert_true(object.permanent);
        weir_buf_done(&object.got);
    }
}

static void big_objects_come_back_whole(void **state)
{
    fixture    *f = *state;
    weir_object object;
    size_t      len = 20u << 20;
    char       *bytes = malloc(len);
    uint64_t    x = 88172645463325252u;
    for (size_t i = 0; i + 8 <= len; i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(bytes + i, &x, 8);
    }
    assert_int_equal(put(f, key(f, "big"), (weir_str){bytes, len}, true, &object), WEIR_OK);
    expect_body(f, key(f, "big"), (weir_str){bytes, len});
    weir_err err;
    object = (weir_object){.key = key(f, "big"), .from = 19u << 20, .length = 1000};
    assert_int_equal(f->store->kind->get(f->store, &object, 1, &err), WEIR_OK);
    assert_memory_equal(object.got.at, bytes + (19u << 20), 1000);
    weir_buf_done(&object.got);
    free(bytes);
}

static void head_tells_size_and_token(void **state)
{
    fixture    *f = *state;
    weir_err    err;
    weir_object object = {.key = key(f, "h"),
                          .body = WEIR_STR("12345"),
                          .token = WEIR_STR("job/l1/t0/7/9/0/abcdef")};
    assert_int_equal(f->store->kind->put_new(f->store, &object, 1, &err), WEIR_OK);
    weir_object seen = {.key = key(f, "h")};
    assert_int_equal(f->store->kind->head(f->store, &seen, 1, &err), WEIR_OK);
    assert_int_equal(seen.size, 5);
    assert_string_equal(seen.got_token, "job/l1/t0/7/9/0/abcdef");
    assert_int_equal(put(f, key(f, "h"), WEIR_STR("plain"), false, &object), WEIR_OK);
    assert_int_equal(f->store->kind->head(f->store, &seen, 1, &err), WEIR_OK);
    assert_string_equal(seen.got_token, "");
}

static void token_that_no_header_can_hold_is_refused(void **state)
{
    fixture *f = *state;
    weir_err err;
    char     big[300];
    memset(big, 'x', sizeof big);
    const weir_str bad[] = {WEIR_STR("a\nb"), WEIR_STR("\x80"), {big, sizeof big}};
    for (size_t i = 0; i < 3; i++) {
        weir_object object = {.key = key(f, "t"), .body = WEIR_STR("1"), .token = bad[i]};
        assert_int_equal(f->store->kind->put_new(f->store, &object, 1, &err),
                         WEIR_E_CONFIG);
        assert_true(object.permanent);
    }
}

static void hostile_keys_are_refused_and_nothing_is_written(void **state)
{
    fixture *f = *state;
    weir_err err;
    char     segment[257];
    char     big[1100];
    memset(segment, 's', sizeof segment);
    memset(big, 'b', sizeof big);
    for (size_t i = 100; i < sizeof big; i += 100)
        big[i] = '/';
    const weir_str bad[] = {
        WEIR_STR(""),
        WEIR_STR("/a"),
        WEIR_STR("a/"),
        WEIR_STR("a//b"),
        WEIR_STR("../a"),
        WEIR_STR("a/.."),
        WEIR_STR("./a"),
        WEIR_STR("a/./b"),
        WEIR_STR("a\0b"),
        WEIR_STR(".."),
        WEIR_STR("."),
        WEIR_STR("/"),
        WEIR_STR(".weir-tmp/x"),
        WEIR_STR("a/.weir-token"),
        {segment, 256},
        {big, 1025},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_object object = {.key = bad[i], .body = WEIR_STR("1")};
        assert_int_equal(f->store->kind->put_new(f->store, &object, 1, &err),
                         WEIR_E_CONFIG);
        assert_true(object.permanent);
        assert_int_equal(f->store->kind->put(f->store, &object, 1, &err), WEIR_E_CONFIG);
        assert_true(object.permanent);
    }
}

static void odd_but_fair_keys_are_kept_apart(void **state)
{
    fixture    *f = *state;
    weir_object object;
    const char *names[] = {"a b",
                           "a+b",
                           "a%20b",
                           "a%2Bb",
                           "a?b=c&d#e",
                           "'\"<>~*()!",
                           "\xc3\xa4\xe6\x97\xa5\xf0\x9f\x90\x9f",
                           "...",
                           "..a",
                           "=",
                           "%41",
                           "A",
                           "x=1/y=2/z",
                           ":@;,$[]^`{|}\\"};
    size_t      count = sizeof names / sizeof names[0];
    for (size_t i = 0; i < count; i++)
        assert_int_equal(put(f, key(f, names[i]), weir_str_of(names[i]), true, &object),
                         WEIR_OK);
    for (size_t i = 0; i < count; i++)
        expect_body(f, key(f, names[i]), weir_str_of(names[i]));
    weir_listed *listed = NULL;
    uint32_t     got = 0;
    weir_err     err;
    assert_int_equal(f->store->kind->list(f->store, key(f, ""), WEIR_STR(""), 100, f->arena,
                                          &listed, &got, &err),
                     WEIR_OK);
    assert_int_equal(got, count);
    for (size_t i = 0; i < count; i++) {
        size_t found = 0;
        for (uint32_t at = 0; at < got; at++)
            found += weir_str_eq(listed[at].key, key(f, names[i]));
        assert_int_equal(found, 1);
    }
}

static void key_that_would_be_a_folder_of_another_is_refused(void **state)
{
    fixture    *f = *state;
    weir_object object;
    if (strcmp(f->kind->name, "s3") == 0)
        return; /* servers differ; weir's own keys never do this */
    assert_int_equal(put(f, key(f, "fd"), WEIR_STR("1"), true, &object), WEIR_OK);
    assert_int_equal(put(f, key(f, "fd/x"), WEIR_STR("1"), true, &object), WEIR_E_CONFIG);
    assert_true(object.permanent);
    assert_int_equal(put(f, key(f, "fd/x/y"), WEIR_STR("1"), false, &object),
                     WEIR_E_CONFIG);
    assert_true(object.permanent);
    assert_int_equal(put(f, key(f, "g/x"), WEIR_STR("1"), true, &object), WEIR_OK);
    assert_int_equal(put(f, key(f, "g"), WEIR_STR("1"), true, &object), WEIR_E_CONFIG);
    assert_true(object.permanent);
    assert_int_equal(put(f, key(f, "g"), WEIR_STR("1"), false, &object), WEIR_E_CONFIG);
    expect_body(f, key(f, "fd"), WEIR_STR("1"));
    expect_body(f, key(f, "g/x"), WEIR_STR("1"));
}

static void list_is_in_byte_order_and_pages(void **state)
{
    fixture    *f = *state;
    weir_object object;
    const char *sorted[] = {
        "l/a b",  "l/a!/z", "l/a-b", "l/a/a",      "l/a/b/c",
        "l/a/b0", "l/a0",   "l/b",   "l/\xc3\xa4", "l/\xf0\x9f\x90\x9f"};
    size_t count = sizeof sorted / sizeof sorted[0];
    for (size_t i = 0; i < count; i++) /* 7 and 10 have no common factor */
        assert_int_equal(
            put(f, key(f, sorted[i * 7 % count]), WEIR_STR("xy"), true, &object), WEIR_OK);
    assert_int_equal(put(f, key(f, "k"), WEIR_STR("1"), true, &object), WEIR_OK);
    assert_int_equal(put(f, key(f, "m"), WEIR_STR("1"), true, &object), WEIR_OK);
    for (uint32_t page = 1; page <= count + 1; page++) {
        weir_str after = WEIR_STR("");
        size_t   at = 0;
        for (;;) {
            weir_listed *listed = NULL;
            uint32_t     got = 0;
            weir_err     err;
            assert_int_equal(f->store->kind->list(f->store, key(f, "l/"), after, page,
                                                  f->arena, &listed, &got, &err),
                             WEIR_OK);
            assert_true(got <= page);
            for (uint32_t i = 0; i < got; i++, at++) {
                assert_true(at < count);
                assert_true(weir_str_eq(listed[i].key, key(f, sorted[at])));
                assert_int_equal(listed[i].size, 2);
                assert_true(listed[i].modified_us > 1500000000000000);
            }
            if (got < page)
                break;
            after = listed[got - 1].key;
        }
        assert_int_equal(at, count);
    }
}

static void list_takes_any_text_as_prefix(void **state)
{
    fixture     *f = *state;
    weir_object  object;
    weir_listed *listed = NULL;
    uint32_t     got = 0;
    weir_err     err;
    assert_int_equal(put(f, key(f, "p/ab/c"), WEIR_STR("1"), true, &object), WEIR_OK);
    assert_int_equal(put(f, key(f, "p/ac"), WEIR_STR("1"), true, &object), WEIR_OK);
    const struct {
        const char *prefix;
        uint32_t    want;
    } cases[] = {{"p", 2},      {"p/", 2},      {"p/a", 2}, {"p/ab", 1},   {"p/ab/", 1},
                 {"p/ab/c", 1}, {"p/ab/cd", 0}, {"q", 0},   {"p/ab/c/", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(f->store->kind->list(f->store, key(f, cases[i].prefix),
                                              WEIR_STR(""), 10, f->arena, &listed, &got,
                                              &err),
                         WEIR_OK);
        assert_int_equal(got, cases[i].want);
    }
    assert_int_equal(f->store->kind->list(f->store, key(f, "p/"), key(f, "p/zz"), 10,
                                          f->arena, &listed, &got, &err),
                     WEIR_OK);
    assert_int_equal(got, 0);
    assert_int_equal(f->store->kind->list(f->store, key(f, "p/"), key(f, "o"), 10, f->arena,
                                          &listed, &got, &err),
                     WEIR_OK);
    assert_int_equal(got, 2);
}

static void removed_object_is_gone_and_may_be_made_anew(void **state)
{
    fixture    *f = *state;
    weir_err    err;
    weir_object object;
    assert_int_equal(put(f, key(f, "d"), WEIR_STR("1"), true, &object), WEIR_OK);
    assert_int_equal(f->store->kind->remove(f->store, &object, 1, &err), WEIR_OK);
    assert_int_equal(f->store->kind->get(f->store, &object, 1, &err), WEIR_E_NOTFOUND);
    assert_int_equal(put(f, key(f, "d"), WEIR_STR("2"), true, &object), WEIR_OK);
    expect_body(f, key(f, "d"), WEIR_STR("2"));
}

static void probe_passes(void **state)
{
    fixture *f = *state;
    weir_err err;
    if (weir_store_probe(f->store, key(f, "probe"), &err) != WEIR_OK)
        fail_msg("%s", err.msg);
}

#define TEST(name)                                                                         \
    {                                                                                      \
#name, name, set_up, tear_down, NULL                                               \
    }
static const struct CMUnitTest tests[] = {
    TEST(what_was_put_is_read),
    TEST(what_is_missing_is_not_found),
    TEST(put_new_does_not_write_over),
    TEST(put_new_by_32_threads_has_one_winner),
    TEST(many_requests_at_once_have_outcomes_of_their_own),
    TEST(get_of_a_range_gives_just_that),
    TEST(big_objects_come_back_whole),
    TEST(head_tells_size_and_token),
    TEST(token_that_no_header_can_hold_is_refused),
    TEST(hostile_keys_are_refused_and_nothing_is_written),
    TEST(odd_but_fair_keys_are_kept_apart),
    TEST(key_that_would_be_a_folder_of_another_is_refused),
    TEST(list_is_in_byte_order_and_pages),
    TEST(list_takes_any_text_as_prefix),
    TEST(removed_object_is_gone_and_may_be_made_anew),
    TEST(probe_passes),
};
enum { TESTS = sizeof tests / sizeof tests[0] };

static int run_kind(const weir_store_kind *kind)
{
    static char       names[TESTS][128];
    struct CMUnitTest all[TESTS];
    memcpy(all, tests, sizeof all);
    for (size_t i = 0; i < TESTS; i++) {
        (void)snprintf(names[i], sizeof names[i], "%s: %s", kind->name, tests[i].name);
        all[i].name = names[i];
        all[i].initial_state = (void *)(uintptr_t)kind;
    }
    return _cmocka_run_group_tests(kind->name, all, TESTS, NULL, NULL);
}

int main(void)
{
    int failed = 0;
    for (const weir_store_kind *const *kind = weir_store_kinds(); *kind != NULL; kind++) {
        if (strcmp((*kind)->name, "s3") != 0 || getenv("WEIR_TEST_S3_ENDPOINT") != NULL)
            failed += run_kind(*kind);
    }
    return failed;
}
