/* tests/checkpoint_duel: several workers and a collector at one task, request by request, in
 * an order drawn from a seed. Workers sleep, die, start again; answers get lost, requests
 * arrive late.
 *
 * What must hold, whatever the order: an epoch has one manifest for ever; what a worker was
 * told is committed is never lost; nobody is told that an epoch is finalised which nobody
 * finalised; at the end somebody can take over and commit.
 *
 * WEIR_DUEL_SEEDS says how many orders are tried (300).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <pthread.h>
#include <semaphore.h>

#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

enum { WORKERS = 3, EPOCHS_MAX = 200 };

typedef struct duel duel;

typedef struct worker {
    duel            *of;
    pthread_t        thread;
    sem_t            go;
    faulty_store     store;
    weir_checkpoint *checkpoint;
    atomic_int       stop;
    bool             dies; /* no request of it reaches anybody any more */
    bool             ended;
    uint32_t         asleep; /* turns that it misses */
    int              lives;
} worker;

struct duel {
    bed         b;
    sem_t       back;
    uint64_t    random;
    worker      worker[WORKERS];
    weir_sha256 sha[EPOCHS_MAX];
    bool        known[EPOCHS_MAX], finalised[EPOCHS_MAX];
    uint64_t    acknowledged, newest_finalised_gen;
    const char *broken;
    uint64_t    commits, fences, deaths, collected, corrupt;
};

static uint64_t draw(duel *d, uint64_t below)
{
    d->random ^= d->random << 13, d->random ^= d->random >> 7, d->random ^= d->random << 17;
    return d->random % below;
}

static void broke(duel *d, const char *what)
{
    if (d->broken == NULL)
        d->broken = what;
}

static void learn(duel *d, uint64_t epoch, const weir_sha256 *sha)
{
    if (epoch >= EPOCHS_MAX)
        return;
    if (d->known[epoch] && !weir_sha256_eq(&d->sha[epoch], sha))
        broke(d, "one epoch has two manifests");
    d->known[epoch] = true;
    d->sha[epoch] = *sha;
}

/* Every request waits for its turn here. */
static faulty_act take_turn(void *self, const char *verb, const weir_object *object,
                            uint64_t call)
{
    worker *w = self;
    duel   *d = w->of;
    (void)object;
    (void)call;
    sem_post(&d->back);
    while (sem_wait(&w->go) != 0)
        continue;
    if (w->dies)
        return FAULTY_DROP;
    uint64_t dice = draw(d, 200);
    bool     puts = strncmp(verb, "put", 3) == 0;
    if (dice == 0) {
        w->dies = true;
        atomic_store(&w->stop, 2);
        d->deaths++;
        return puts && draw(d, 2) == 0 ? FAULTY_LOSE : FAULTY_DROP;
    }
    if (puts && dice < 6)
        return dice < 3 ? FAULTY_LOSE : FAULTY_LATE;
    return FAULTY_PASS;
}

static bool worker_take_over(worker *w)
{
    duel          *d = w->of;
    weir_manifest *last = NULL;
    bool           finalised = false;
    weir_err       err;
    weir_arena    *arena = weir_arena_new("worker", 4096);
    uint64_t       before = d->acknowledged;
    weir_code rc = weir_checkpoint_take_over(w->checkpoint, arena, &last, &finalised, &err);
    uint64_t  epoch = last == NULL ? 0 : last->epoch;
    d->corrupt += rc == WEIR_E_CORRUPT;
    if (rc == WEIR_E_CORRUPT)
        broke(d, "a sound checkpoint was called corrupt");
    if (rc == WEIR_OK && epoch < before)
        broke(d, "what was promised before the take over is lost");
    if (rc == WEIR_OK && last != NULL) {
        learn(d, epoch, &last->sha);
        if (finalised && !d->finalised[epoch])
            broke(d, "an epoch is called finalised that nobody finalised");
    }
    weir_arena_free(arena);
    return rc == WEIR_OK;
}

static bool worker_commit(worker *w, uint64_t epoch)
{
    duel       *d = w->of;
    weir_sha256 sha;
    weir_err    err;
    weir_stage *stage = weir_checkpoint_stage(w->checkpoint, epoch);
    weir_stage_section(stage, "text", WEIR_STR("some"));
    weir_code rc = weir_stage_build(stage, &sha, &err);
    if (rc == WEIR_OK)
        rc = weir_stage_publish(stage, &err);
    weir_stage_free(stage);
    d->fences += rc == WEIR_E_CONFLICT;
    if (rc != WEIR_OK)
        return false;
    d->commits++;
    /* its answer may have been lost, and others have gone on since: with the same manifest */
    if (epoch <= d->acknowledged && !d->known[epoch])
        broke(d, "an epoch was committed that others went past");
    learn(d, epoch, &sha);
    if (epoch > d->acknowledged)
        d->acknowledged = epoch;
    return true;
}

/* Takes over, finalises what it found, commits some epochs; ends cleanly, or is fenced. */
static void live(worker *w)
{
    duel    *d = w->of;
    weir_err err;
    if (!worker_take_over(w))
        return;
    uint64_t epoch = w->checkpoint->last.epoch;
    if (epoch > 0 && draw(d, 2) == 0) {
        d->finalised[epoch] = true;
        if (weir_checkpoint_finalised(w->checkpoint, &err) != WEIR_OK)
            return;
    }
    for (uint64_t left = 1 + draw(d, 6); left > 0 && epoch + 1 < EPOCHS_MAX; left--) {
        if (!worker_commit(w, ++epoch))
            return;
        if (draw(d, 8) == 0)
            return; /* dies without finalising */
        d->finalised[epoch] = true;
        d->newest_finalised_gen = weir_checkpoint_generation(w->checkpoint);
        if (draw(d, 10) == 0)
            w->checkpoint->gen_epochs = UINT64_MAX; /* time for a generation of its own */
        if (weir_checkpoint_finalised(w->checkpoint, &err) != WEIR_OK)
            return;
    }
    if (draw(d, 2) == 0)
        (void)!weir_checkpoint_seal(w->checkpoint, &err); /* fenced, or not */
}

static void *run_worker(void *at)
{
    worker *w = at;
    while (sem_wait(&w->go) != 0)
        continue;
    for (; w->lives > 0; w->lives--) {
        weir_err err;
        w->dies = false;
        atomic_store(&w->stop, 0);
        weir_checkpoint_setup setup = {.store = &w->store.base,
                                       .prefix = WEIR_STR("place"),
                                       .job = WEIR_STR("job-1"),
                                       .task = WEIR_STR("t0"),
                                       .take_over = true,
                                       .clock = &w->of->b.clock.base,
                                       .stop = &w->stop};
        if (weir_checkpoint_open(&setup, &w->checkpoint, &err) != WEIR_OK)
            continue;
        live(w);
        weir_checkpoint_close(w->checkpoint);
        w->checkpoint = NULL;
    }
    w->ended = true;
    sem_post(&w->of->back);
    return NULL;
}

/* Takes one manifest of a generation that is sealed and older than the newest one with a
   finalised manifest. Never a seal. */
static void collect(duel *d)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_err     err;
    CHECK_OK(d->b.memory->kind->list(d->b.memory, WEIR_STR(BED_BASE "log/"), WEIR_STR(""),
                                     2000, d->b.arena, &listed, &count, &err),
             &err);
    if (count == 0)
        return;
    weir_str          key = listed[draw(d, count)].key;
    checkpoint_record record;
    char              seal[80];
    assert_null(record_read(bed_bytes(&d->b, key.at), d->b.arena, &record));
    (void)snprintf(seal, sizeof seal, BED_BASE "seals/%08" PRIu64, record.gen);
    if (record.kind != RECORD_MANIFEST || record.gen >= d->newest_finalised_gen ||
        !bed_has(&d->b, seal))
        return;
    bed_remove(&d->b, key.at);
    d->collected++;
}

static void turn(duel *d)
{
    worker *w = &d->worker[draw(d, WORKERS)];
    if (w->ended)
        return;
    if (w->asleep > 0) {
        w->asleep--;
        return;
    }
    if (draw(d, 25) == 0) {
        w->asleep = (uint32_t)draw(d, 150);
        return;
    }
    sem_post(&w->go);
    while (sem_wait(&d->back) != 0)
        continue;
}

static void run_duel(uint64_t seed, duel *d)
{
    memset(d, 0, sizeof *d);
    bed_open(&d->b);
    d->random = seed * 2654435761u + 88172645463325252u;
    sem_init(&d->back, 0, 0);
    for (int i = 0; i < WORKERS; i++) {
        worker *w = &d->worker[i];
        w->of = d;
        w->lives = 6;
        w->store = faulty_store_new(d->b.memory, false);
        w->store.hook = take_turn;
        w->store.self = w;
        sem_init(&w->go, 0, 0);
        assert_int_equal(pthread_create(&w->thread, NULL, run_worker, w), 0);
    }
    while (!d->worker[0].ended || !d->worker[1].ended || !d->worker[2].ended) {
        turn(d);
        if (draw(d, 12) == 0)
            collect(d);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(d->worker[i].thread, NULL);
        faulty_store_done(&d->worker[i].store);
        sem_destroy(&d->worker[i].go);
    }
    sem_destroy(&d->back);
}

static void end_duel(duel *d)
{
    weir_checkpoint *checkpoint = bed_checkpoint(&d->b);
    weir_manifest   *last = bed_take_over(&d->b, checkpoint, NULL);
    CHECK((last == NULL ? 0 : last->epoch) >= d->acknowledged);
    if (last != NULL && d->known[last->epoch])
        CHECK(weir_sha256_eq(&last->sha, &d->sha[last->epoch]));
    bed_run(&d->b, checkpoint, (last == NULL ? 0 : last->epoch) + 1,
            (last == NULL ? 0 : last->epoch) + 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&d->b);
}

static void no_order_of_requests_breaks_a_promise(void **state)
{
    (void)state;
    const char *given = getenv("WEIR_DUEL_SEEDS");
    uint64_t    seeds = given == NULL ? 300 : strtoull(given, NULL, 10);
    duel       *d = calloc(1, sizeof *d);
    uint64_t    commits = 0, fences = 0, deaths = 0, collected = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run_duel(seed, d);
        if (d->broken != NULL)
            fail_msg("seed %" PRIu64 ": %s", seed, d->broken);
        commits += d->commits;
        fences += d->fences;
        deaths += d->deaths;
        collected += d->collected;
        end_duel(d);
    }
    free(d);
    print_message("%" PRIu64 " commits, %" PRIu64 " fenced, %" PRIu64 " deaths, %" PRIu64
                  " collected\n",
                  commits, fences, deaths, collected);
    CHECK(commits > seeds * 5); /* it is not vacuous */
    CHECK(fences > seeds / 2);
    CHECK(deaths > seeds / 2);
    CHECK(collected > seeds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(no_order_of_requests_breaks_a_promise)};
    return RUN_TESTS(tests);
}
