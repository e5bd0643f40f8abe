/* tests/store_probe: stores that cannot be trusted with commits are found out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>

#include "check.h"
#include "fake_clock.h"
#include "weir/store.h"

typedef enum fault {
    SOUND,
    IGNORES,     /* If-None-Match is not known: the last writer wins */
    CHECKS_LATE, /* looks, and writes later: several win */
    OTHER_BYTES, /* one wins, another's bytes are stored */
    VANISHES,    /* told OK, and nothing is there */
    ALWAYS_THERE,
    REFUSES,
    NO_ANSWERS,  /* to the racers; all of them may have won */
    SOME_ANSWERS /* every third request is applied and not answered */
} fault;

static struct {
    fault           is;
    weir_store     *memory;
    pthread_mutex_t lock;
    uint64_t        requests;
} bed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static weir_code answer(weir_object *object, weir_code rc, bool permanent, weir_err *err)
{
    object->rc = rc;
    object->permanent = permanent;
    (void)snprintf(object->why, sizeof object->why, "made up");
    return permanent ? weir_fail(err, rc, "made up") : weir_retry(err, rc, "made up");
}

static weir_code broken_put_new(weir_object *object, weir_err *err)
{
    const weir_store_kind *kind = bed.memory->kind;
    uint64_t               n = ++bed.requests;
    bool                   racing = n > 2;
    switch (bed.is) {
    case IGNORES:
        return kind->put(bed.memory, object, 1, err);
    case CHECKS_LATE: {
        if (!racing || n % 16 != 0)
            return kind->put_new(bed.memory, object, 1, err);
        return kind->put(bed.memory, object, 1, err);
    }
    case OTHER_BYTES: {
        weir_code rc = kind->put_new(bed.memory, object, 1, err);
        if (rc == WEIR_E_CONFLICT && racing) {
            weir_object again = *object;
            (void)kind->put(bed.memory, &again, 1, err);
            return answer(object, WEIR_E_CONFLICT, false, err);
        }
        return rc;
    }
    case VANISHES:
        return racing && n % 32 != 0 ? answer(object, WEIR_E_CONFLICT, false, err)
                                     : WEIR_OK;
    case ALWAYS_THERE:
        return racing ? answer(object, WEIR_E_CONFLICT, false, err)
                      : kind->put_new(bed.memory, object, 1, err);
    case REFUSES:
        return answer(object, WEIR_E_REMOTE, true, err);
    case NO_ANSWERS:
        (void)kind->put_new(bed.memory, object, 1, err);
        return racing ? answer(object, WEIR_E_UNKNOWN, false, err) : object->rc;
    case SOME_ANSWERS: {
        weir_code rc = kind->put_new(bed.memory, object, 1, err);
        return racing && n % 3 == 0 ? answer(object, WEIR_E_UNKNOWN, false, err) : rc;
    }
    default:
        return kind->put_new(bed.memory, object, 1, err);
    }
}

static weir_code put_new(weir_store *store, weir_object *object, size_t count,
                         weir_err *err)
{
    (void)store;
    assert_int_equal(count, 1);
    pthread_mutex_lock(&bed.lock);
    weir_code rc = broken_put_new(object, err);
    object->rc = rc;
    pthread_mutex_unlock(&bed.lock);
    return rc;
}

static weir_code get(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    (void)store;
    return bed.memory->kind->get(bed.memory, object, count, err);
}

static weir_code probe(fault is, weir_err *err)
{
    static weir_store_kind kind = {.name = "broken"};
    fake_clock             clock = fake_clock_new();
    weir_store_setup       setup = {.location = WEIR_STR("memory:"), .clock = &clock.base};
    kind.put_new = put_new;
    kind.get = get;
    weir_store store = {.kind = &kind};
    bed.is = is;
    bed.requests = 0;
    weir_err_clear(err);
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &bed.memory, err),
             err);
    weir_code rc = weir_store_probe(&store, WEIR_STR("some/where"), err);
    weir_store_free(bed.memory);
    return rc;
}

static void sound_stores_pass(void **state)
{
    (void)state;
    weir_err err;
    CHECK_OK(probe(SOUND, &err), &err);
    CHECK_U64(bed.requests, 2 + 20 * 32);
    CHECK_OK(probe(SOME_ANSWERS, &err), &err); /* what is open is decided by reading */
}

static void stores_without_one_winner_are_refused(void **state)
{
    (void)state;
    const struct {
        fault       is;
        const char *says;
    } cases[] = {{IGNORES, "made twice"},
                 {CHECKS_LATE, "writers were told that they had made"},
                 {OTHER_BYTES, "holds what another"},
                 {ALWAYS_THERE, "were told that the new"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_err err;
        CHECK(probe(cases[i].is, &err) != WEIR_OK);
        CHECK_INT(err.exit, WEIR_EXIT_PROBE_FAILED);
        CHECK_INT(err.fate, WEIR_FATE_HALT);
        CHECK_SAYS(&err, cases[i].says);
        CHECK_HINTS(&err, "If-None-Match");
    }
}

static void store_that_loses_what_it_promised_is_refused(void **state)
{
    (void)state;
    weir_err err;
    CHECK(probe(VANISHES, &err) != WEIR_OK);
    CHECK_INT(err.exit, WEIR_EXIT_PROBE_FAILED);
}

static void store_that_does_not_answer_may_be_asked_later(void **state)
{
    (void)state;
    weir_err err;
    CHECK_FAILS(probe(NO_ANSWERS, &err), WEIR_E_REMOTE, &err);
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    CHECK_FAILS(probe(REFUSES, &err), WEIR_E_REMOTE, &err);
    CHECK_INT(err.fate, WEIR_FATE_HALT);
    CHECK_INT(err.exit, WEIR_EXIT_JOB); /* no right to write: not the store's fault */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_stores_pass),
        TEST(stores_without_one_winner_are_refused),
        TEST(store_that_loses_what_it_promised_is_refused),
        TEST(store_that_does_not_answer_may_be_asked_later),
    };
    return RUN_TESTS(tests);
}
