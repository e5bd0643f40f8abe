/* store/probe: does put_new of this store really have one winner?
 *
 * Some servers ignore If-None-Match, or check it and write later. On such a server two
 * owners would both commit. So 32 writers race for each of 20 new keys with bodies of their
 * own: at most one may be told OK, the rest CONFLICT, and what is read back is the winner's.
 * A request without an answer may have won; then what is read back decides.
 *
 * The writers are 8 threads with 4 requests each, which stores behind a network have under
 * way side by side: a thread for each would cost more than its request.
 *
 * Never      removes what it wrote: 21 small objects under a prefix of their own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "weir/hash.h"
#include "weir/limits.h"

enum { THREADS = 8, EACH = 4, RACERS = THREADS * EACH, RACES = 20, BODY_BYTES = 1024 };

typedef struct race {
    weir_store     *store;
    weir_str        key;
    char            body[RACERS][BODY_BYTES];
    weir_object     object[RACERS];
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    uint32_t        number;  /* of the race; RACES + 1: go home */
    size_t          running; /* threads that are not back yet */
} race;

typedef struct racer { /* a thread with EACH of the writers */
    race     *of;
    size_t    first;
    pthread_t thread;
} racer;

/* Waits for the race behind `last`; false: there is none. */
static bool wait_for_race(race *of, uint32_t *last)
{
    pthread_mutex_lock(&of->lock);
    while (of->number == *last)
        pthread_cond_wait(&of->changed, &of->lock);
    *last = of->number;
    pthread_mutex_unlock(&of->lock);
    return *last <= RACES;
}

static void *run_racer(void *at)
{
    const racer *self = at;
    race        *of = self->of;
    weir_object *object = &of->object[self->first];
    weir_err     err;
    for (uint32_t last = 0; wait_for_race(of, &last);) {
        for (size_t i = 0; i < EACH; i++)
            object[i] = (weir_object){.key = of->key,
                                      .body = {of->body[self->first + i], BODY_BYTES}};
        (void)of->store->kind->put_new(of->store, object, EACH, &err); /* outcome: in each */
        pthread_mutex_lock(&of->lock);
        if (--of->running == 0)
            pthread_cond_broadcast(&of->changed);
        pthread_mutex_unlock(&of->lock);
    }
    return NULL;
}

static void start_race(race *of, uint32_t number)
{
    pthread_mutex_lock(&of->lock);
    of->number = number;
    of->running = THREADS;
    pthread_cond_broadcast(&of->changed);
    pthread_mutex_unlock(&of->lock);
}

static void run_race(race *of, uint32_t number)
{
    start_race(of, number);
    pthread_mutex_lock(&of->lock);
    while (of->running > 0)
        pthread_cond_wait(&of->changed, &of->lock);
    pthread_mutex_unlock(&of->lock);
}

/* Different in each race and for each racer. */
static void make_bodies(race *of)
{
    uint8_t nonce[16];
    weir_random_nonce(nonce);
    for (size_t i = 0; i < RACERS; i++) {
        memset(of->body[i], 'a' + (int)(i % 26), BODY_BYTES);
        memcpy(of->body[i], nonce, sizeof nonce);
        of->body[i][sizeof nonce] = (char)('0' + (int)i);
    }
}

static weir_code refuse(weir_err *err, const char *format, ...) WEIR_PRINTF(2, 3);
static weir_code refuse(weir_err *err, const char *format, ...)
{
    char    text[256];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list); /* cut off is fine */
    va_end(list);
    (void)weir_halt(err, WEIR_EXIT_PROBE_FAILED, WEIR_E_REMOTE,
                    "the store cannot be trusted with commits: %s", text);
    return weir_err_hint(err, "use a store whose PUT with If-None-Match is atomic");
}

typedef struct tally {
    size_t won, lost, open; /* told OK; told CONFLICT; told neither */
    size_t winner, refused; /* indices; RACERS: none */
} tally;

static tally count(const race *of)
{
    tally sum = {.winner = RACERS, .refused = RACERS};
    for (size_t i = 0; i < RACERS; i++) {
        const weir_object *object = &of->object[i];
        if (object->rc == WEIR_OK) {
            sum.won++;
            sum.winner = i;
        } else if (object->rc == WEIR_E_CONFLICT) {
            sum.lost++;
        } else {
            sum.open++;
            if (object->permanent)
                sum.refused = i;
        }
    }
    weir_assert(sum.won + sum.lost + sum.open == RACERS);
    return sum;
}

/* Whose body is stored: one that may have won. */
static bool is_fair(const race *of, const tally *sum, weir_str stored)
{
    for (size_t i = 0; i < RACERS; i++) {
        bool may = sum->won == 1 ? i == sum->winner : of->object[i].rc != WEIR_E_CONFLICT;
        if (may && stored.len == BODY_BYTES &&
            memcmp(stored.at, of->body[i], BODY_BYTES) == 0)
            return true;
    }
    return false;
}

static weir_code judge(race *of, weir_err *err)
{
    tally sum = count(of);
    if (sum.refused < RACERS)
        return weir_fail(err, WEIR_E_CONFIG, "could not put '%.*s': %s",
                         WEIR_STR_FMT(of->key), of->object[sum.refused].why);
    if (sum.won > 1)
        return refuse(err, "%zu of %d writers were told that they had made '%.*s'", sum.won,
                      RACERS, WEIR_STR_FMT(of->key));
    if (sum.won == 0 && sum.open == 0)
        return refuse(err, "%d writers were told that the new '%.*s' exists", RACERS,
                      WEIR_STR_FMT(of->key));
    if (sum.open == RACERS)
        return weir_retry(err, WEIR_E_REMOTE, "could not put '%.*s': %s",
                          WEIR_STR_FMT(of->key), of->object[0].why);
    weir_buf  stored = {0};
    weir_code rc = weir_store_get_one(of->store, of->key, &stored, err);
    if (rc == WEIR_E_NOTFOUND)
        rc = refuse(err, "'%.*s' was not there after it was made", WEIR_STR_FMT(of->key));
    else if (rc == WEIR_OK && !is_fair(of, &sum, weir_buf_view(&stored)))
        rc = refuse(err, "'%.*s' holds what another than its maker wrote",
                    WEIR_STR_FMT(of->key));
    weir_buf_done(&stored);
    return rc;
}

/* Twice in a row: made, then there. What the second wrote must not be stored. */
static weir_code probe_sequence(race *of, weir_err *err)
{
    weir_object first = {.key = of->key, .body = {of->body[0], BODY_BYTES}};
    weir_object second = {.key = of->key, .body = {of->body[1], BODY_BYTES}};
    weir_code   rc = of->store->kind->put_new(of->store, &first, 1, err);
    if (rc != WEIR_OK)
        return rc == WEIR_E_CONFLICT
                   ? refuse(err, "the new '%.*s' is said to exist", WEIR_STR_FMT(of->key))
                   : rc;
    rc = of->store->kind->put_new(of->store, &second, 1, err);
    if (rc == WEIR_OK)
        return refuse(err, "'%.*s' was made twice: If-None-Match is ignored",
                      WEIR_STR_FMT(of->key));
    if (rc != WEIR_E_CONFLICT)
        return rc;
    weir_buf stored = {0};
    rc = weir_store_get_one(of->store, of->key, &stored, err);
    if (rc == WEIR_OK &&
        (stored.len != BODY_BYTES || memcmp(stored.at, of->body[0], BODY_BYTES) != 0))
        rc = refuse(err, "'%.*s' was written over", WEIR_STR_FMT(of->key));
    weir_buf_done(&stored);
    return rc;
}

static weir_code probe_race(race *of, uint32_t number, weir_str folder, weir_err *err)
{
    char key[WEIR_KEY_BYTES_MAX];
    int  len = snprintf(key, sizeof key, "%.*s/%02u", WEIR_STR_FMT(folder), number);
    weir_assert(len > 0);
    weir_assert((size_t)len < sizeof key);
    of->key = (weir_str){key, (size_t)len};
    make_bodies(of);
    if (number == 0)
        return probe_sequence(of, err);
    run_race(of, number);
    return judge(of, err);
}

/* The racers stay for all races. */
static weir_code probe_races(race *of, weir_str folder, weir_err *err)
{
    racer     all[THREADS];
    weir_code rc = WEIR_OK;
    size_t    started = 0;
    for (; started < THREADS; started++) {
        all[started] = (racer){.of = of, .first = started * EACH};
        if (pthread_create(&all[started].thread, NULL, run_racer, &all[started]) != 0)
            break;
    }
    if (started < THREADS)
        rc = weir_retry(err, WEIR_E_NOMEM, "could not start %d threads", THREADS);
    for (uint32_t number = 1; rc == WEIR_OK && number <= RACES; number++)
        rc = probe_race(of, number, folder, err);
    start_race(of, RACES + 1);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(all[i].thread, NULL); /* each was made above */
    return rc;
}

static weir_code probe_all(race *of, weir_str folder, weir_err *err)
{
    weir_code rc = probe_race(of, 0, folder, err);
    return rc == WEIR_OK ? probe_races(of, folder, err) : rc;
}

weir_code weir_store_probe(weir_store *store, weir_str prefix, weir_err *err)
{
    weir_assert(store != NULL);
    weir_assert(prefix.len + 64 < WEIR_KEY_BYTES_MAX);
    uint8_t nonce[16];
    weir_random_nonce(nonce);
    weir_buf folder = {0};
    weir_buf_str(&folder, prefix);
    if (prefix.len > 0)
        weir_buf_byte(&folder, '/');
    weir_buf_text(&folder, "probe-");
    weir_buf_hex(&folder, nonce, sizeof nonce);
    race *of = weir_heap_new(1, sizeof *of);
    of->store = store;
    pthread_mutex_init(&of->lock, NULL); /* cannot fail with default attributes */
    pthread_cond_init(&of->changed, NULL);
    weir_code rc = probe_all(of, weir_buf_view(&folder), err);
    pthread_cond_destroy(&of->changed);
    pthread_mutex_destroy(&of->lock);
    weir_heap_free(of);
    weir_buf_done(&folder);
    return rc == WEIR_OK ? rc : weir_err_note(err, "probing the store");
}
