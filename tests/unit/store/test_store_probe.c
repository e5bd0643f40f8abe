/* tests/store_probe: stores that cannot be trusted with commits are found out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <errno.h>
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
    NO_ANSWERS,   /* to the racers; all of them may have won */
    SOME_ANSWERS, /* every third request is applied and not answered */
    EXISTS_AT_ONCE,
    SECOND_FAILS,
    WRITES_OVER,
    CUTS_FIRST, /* what is read back is shorter */
    CUTS_LATER,
    REFUSES_LATER,
    READS_FAIL,      /* the first */
    READS_FAIL_LATER /* that of the first race */
} fault;

static struct {
    fault           is;
    weir_store     *memory;
    pthread_mutex_t lock;
    uint64_t        requests, reads;
    weir_str        prefix;
    int             threads; /* that can be made; -1: all */
} bed = {.lock = PTHREAD_MUTEX_INITIALIZER, .prefix = {"some/where", 10}, .threads = -1};

/* In place of the C library's: a machine may have no thread left. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                   void *self)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    if (bed.threads == 0)
        return EAGAIN;
    bed.threads -= bed.threads > 0;
    return real(thread, attr, run, self);
}

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
        if (!racing)
            return kind->put_new(bed.memory, object, 1, err);
        return n % 32 != 3 ? answer(object, WEIR_E_CONFLICT, false, err) : WEIR_OK;
    case EXISTS_AT_ONCE:
        return answer(object, WEIR_E_CONFLICT, false, err);
    case SECOND_FAILS:
        return n == 1 ? kind->put_new(bed.memory, object, 1, err)
                      : answer(object, WEIR_E_UNKNOWN, false, err);
    case WRITES_OVER: /* says CONFLICT, and has written all the same */
        if (n == 2)
            (void)kind->put(bed.memory, object, 1, err);
        return n == 2 ? answer(object, WEIR_E_CONFLICT, false, err)
                      : kind->put_new(bed.memory, object, 1, err);
    case CUTS_FIRST:
    case CUTS_LATER:
        return kind->put_new(bed.memory, object, 1, err);
    case REFUSES_LATER:
        return n == 10 ? answer(object, WEIR_E_CONFIG, true, err)
                       : kind->put_new(bed.memory, object, 1, err);
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
    weir_code rc = WEIR_OK;
    pthread_mutex_lock(&bed.lock);
    for (size_t i = 0; i < count; i++) {
        object[i].rc = broken_put_new(&object[i], err);
        rc = object[i].rc != WEIR_OK ? object[i].rc : rc;
    }
    pthread_mutex_unlock(&bed.lock);
    return rc;
}

static weir_code get(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    (void)store;
    weir_code rc = bed.memory->kind->get(bed.memory, object, count, err);
    bool      first = bed.reads++ == 0;
    if (bed.is == (first ? CUTS_FIRST : CUTS_LATER))
        object->got.len /= 2;
    if (bed.is == (first ? READS_FAIL : READS_FAIL_LATER))
        return answer(object, WEIR_E_REMOTE, false, err);
    return rc;
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
    bed.requests = bed.reads = 0;
    weir_err_clear(err);
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &bed.memory, err),
             err);
    weir_code rc = weir_store_probe(&store, bed.prefix, err);
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
                 {ALWAYS_THERE, "were told that the new"},
                 {EXISTS_AT_ONCE, "is said to exist"},
                 {WRITES_OVER, "was written over"},
                 {CUTS_FIRST, "was written over"},
                 {CUTS_LATER, "holds what another"},
                 {VANISHES, "was not there after it was made"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_err err;
        CHECK(probe(cases[i].is, &err) != WEIR_OK);
        CHECK_INT(err.exit, WEIR_EXIT_PROBE_FAILED);
        CHECK_INT(err.fate, WEIR_FATE_HALT);
        CHECK_SAYS(&err, cases[i].says);
        CHECK_HINTS(&err, "If-None-Match");
    }
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
    CHECK_FAILS(probe(REFUSES_LATER, &err), WEIR_E_CONFIG, &err);
    CHECK_INT(err.fate, WEIR_FATE_HALT);
    static const fault later[] = {SECOND_FAILS, READS_FAIL, READS_FAIL_LATER};
    for (size_t i = 0; i < 3; i++) {
        CHECK(probe(later[i], &err) != WEIR_OK);
        CHECK_INT(err.fate, WEIR_FATE_RETRY);
    }
}

/* Some racers were started: they end, and nothing is concluded from them. */
static void machine_without_threads_is_asked_later(void **state)
{
    (void)state;
    weir_err err;
    bed.threads = 5;
    bed.prefix = WEIR_STR("");
    CHECK_FAILS(probe(SOUND, &err), WEIR_E_NOMEM, &err);
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    bed.threads = -1;
    CHECK_OK(probe(SOUND, &err), &err); /* without a prefix */
    bed.prefix = WEIR_STR("some/where");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_stores_pass),
        TEST(stores_without_one_winner_are_refused),
        TEST(machine_without_threads_is_asked_later),
        TEST(store_that_does_not_answer_may_be_asked_later),
    };
    return RUN_TESTS(tests);
}
