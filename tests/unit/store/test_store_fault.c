/* tests/store_fault: calls go wrong as the failpoint before them says, and only they.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_clock.h"
#include "store_fault.h"
#include "weir/failpoint.h"

typedef struct bed {
    fake_clock  clock;
    weir_store *store;
    weir_err    err;
} bed;

static void bed_open(bed *b)
{
    weir_store *memory = NULL;
    b->clock = fake_clock_new();
    weir_store_setup setup = {.location = WEIR_STR("memory:"), .clock = &b->clock.base};
    weir_err_clear(&b->err);
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &memory, &b->err),
             &b->err);
    b->store = store_with_faults(memory);
}

static void next_call(const char *action)
{
    char items[64];
    (void)snprintf(items, sizeof items, "ep_put_manifest=1*%s", action);
    CHECK(weir_failpoint_set(items));
    (void)weir_failpoint_pass(WEIR_FP_ep_put_manifest);
}

static weir_object object_of(const char *key, const char *body)
{
    return (weir_object){.key = weir_str_of(key), .body = weir_str_of(body)};
}

static weir_code put_new(bed *b, const char *key)
{
    weir_object object = object_of(key, "bytes");
    weir_code   rc = b->store->kind->put_new(b->store, &object, 1, &b->err);
    CHECK_INT(rc, object.rc);
    return rc;
}

static weir_code head(bed *b, const char *key)
{
    weir_object object = object_of(key, "");
    return b->store->kind->head(b->store, &object, 1, &b->err);
}

static void call_that_is_not_made_changes_nothing(void **state)
{
    bed b;
    (void)state;
    bed_open(&b);
    next_call("return(unknown)");
    CHECK_FAILS(put_new(&b, "a"), WEIR_E_UNKNOWN, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_FAILS(head(&b, "a"), WEIR_E_NOTFOUND, &b.err);
    next_call("return(halt)");
    CHECK_FAILS(put_new(&b, "a"), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    CHECK_OK(put_new(&b, "a"), &b.err);
    weir_store_free(b.store);
}

static void lost_answer_is_to_a_call_that_was_made(void **state)
{
    bed b;
    (void)state;
    bed_open(&b);
    next_call("lost");
    CHECK_FAILS(put_new(&b, "a"), WEIR_E_UNKNOWN, &b.err);
    CHECK_FAILS(put_new(&b, "a"), WEIR_E_CONFLICT, &b.err);
    CHECK_OK(head(&b, "a"), &b.err);
    weir_object over = object_of("a", "other");
    next_call("lost");
    CHECK_FAILS(b.store->kind->put(b.store, &over, 1, &b.err), WEIR_E_UNKNOWN, &b.err);
    weir_buf got = {0};
    CHECK_OK(weir_store_get_one(b.store, WEIR_STR("a"), &got, &b.err), &b.err);
    CHECK_STR(weir_buf_view(&got), "other");
    weir_buf_done(&got);
    weir_store_free(b.store);
}

static void one_bit_of_what_is_read_is_wrong_once(void **state)
{
    bed      b;
    weir_buf got = {0};
    (void)state;
    bed_open(&b);
    CHECK_OK(put_new(&b, "a"), &b.err);
    next_call("flip");
    CHECK_OK(weir_store_get_one(b.store, WEIR_STR("a"), &got, &b.err), &b.err);
    CHECK_STR(weir_buf_view(&got), "bypes");
    CHECK_OK(weir_store_get_one(b.store, WEIR_STR("a"), &got, &b.err), &b.err);
    CHECK_STR(weir_buf_view(&got), "bytes");
    weir_object empty = object_of("empty", "");
    CHECK_OK(b.store->kind->put(b.store, &empty, 1, &b.err), &b.err);
    next_call("flip"); /* there is no bit */
    CHECK_OK(weir_store_get_one(b.store, WEIR_STR("empty"), &got, &b.err), &b.err);
    CHECK_U64(got.len, 0);
    next_call("flip");
    CHECK_FAILS(weir_store_get_one(b.store, WEIR_STR("b"), &got, &b.err), WEIR_E_NOTFOUND,
                &b.err);
    weir_buf_done(&got);
    weir_store_free(b.store);
}

static void other_calls_are_the_stores_own(void **state)
{
    bed          b;
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    (void)state;
    bed_open(&b);
    CHECK_TEXT(b.store->kind->name, "memory");
    CHECK_OK(put_new(&b, "a"), &b.err);
    weir_arena *arena = weir_arena_new("list", 1024);
    CHECK_OK(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 9, arena, &listed,
                                 &count, &b.err),
             &b.err);
    CHECK_INT(count, 1);
    weir_object gone = object_of("a", "");
    CHECK_OK(b.store->kind->remove(b.store, &gone, 1, &b.err), &b.err);
    CHECK_FAILS(head(&b, "a"), WEIR_E_NOTFOUND, &b.err);
    weir_arena_free(arena);
    weir_store_free(b.store);
}

static void the_store_inside_can_be_had(void **state)
{
    bed b;
    (void)state;
    bed_open(&b);
    weir_store *inside = store_behind_faults(b.store);
    CHECK(inside != b.store);
    while (store_behind_faults(inside) != inside) /* builds with failpoints wrap it, too */
        inside = store_behind_faults(inside);
    CHECK(inside->kind == weir_store_find(WEIR_STR("memory")));
    weir_store_free(b.store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(call_that_is_not_made_changes_nothing),
        TEST(lost_answer_is_to_a_call_that_was_made),
        TEST(one_bit_of_what_is_read_is_wrong_once),
        TEST(other_calls_are_the_stores_own),
        TEST(the_store_inside_can_be_had),
    };
    return RUN_TESTS(tests);
}
