/* tests/checkpoint_crash: a process dies at every request, before and after it is applied;
 * and another one acts between any two requests.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"

enum { EPOCHS = 3 };

/* What processes were told, and what must therefore be true for ever. */
typedef struct oracle {
    weir_sha256 sha[64]; /* of epochs that are known to be committed */
    bool        known[64], finalised[64];
    uint64_t    acknowledged; /* the newest that a process was told is committed */
} oracle;

static void learn(oracle *o, uint64_t epoch, const weir_sha256 *sha)
{
    assert_true(epoch < 64);
    if (o->known[epoch])
        CHECK(weir_sha256_eq(&o->sha[epoch], sha)); /* one epoch, one manifest */
    o->known[epoch] = true;
    o->sha[epoch] = *sha;
}

typedef struct death {
    uint64_t    at;    /* dies at this request; 0: never */
    bool        after; /* it is applied first */
    bool        dead;
    atomic_int *stop;
} death;

static faulty_act die(void *self, const char *verb, const weir_object *object,
                      uint64_t call)
{
    death *d = self;
    (void)verb;
    (void)object;
    if (d->dead)
        return FAULTY_DROP;
    if (call != d->at)
        return FAULTY_PASS;
    d->dead = true;
    atomic_store(d->stop, 2);
    return d->after && strncmp(verb, "put", 3) == 0 ? FAULTY_LOSE : FAULTY_DROP;
}

typedef struct life {
    bed             *b;
    oracle          *o;
    faulty_store     store;
    death            death;
    atomic_int       stop;
    weir_checkpoint *checkpoint;
    bool             done; /* all that it wanted to do */
} life;

static bool life_take_over(life *l)
{
    weir_manifest *last = NULL;
    bool           finalised = false;
    weir_err       err;
    if (weir_checkpoint_take_over(l->checkpoint, l->b->arena, &last, &finalised, &err) !=
        WEIR_OK)
        return false;
    uint64_t epoch = last == NULL ? 0 : last->epoch;
    CHECK(epoch >= l->o->acknowledged); /* nothing that was promised is lost */
    if (last == NULL)
        return true;
    learn(l->o, epoch, &last->sha);
    if (finalised)
        CHECK(l->o->finalised[epoch]);
    l->o->acknowledged = epoch;
    return true;
}

static bool life_publish(life *l, uint64_t epoch)
{
    weir_err    err;
    weir_sha256 sha;
    weir_stage *stage = weir_checkpoint_stage(l->checkpoint, epoch);
    weir_stage_section(stage, "text", WEIR_STR("some"));
    weir_code rc = weir_stage_build(stage, &sha, &err);
    if (rc == WEIR_OK)
        rc = weir_stage_publish(stage, &err);
    weir_stage_free(stage);
    if (rc != WEIR_OK)
        return false;
    learn(l->o, epoch, &sha);
    l->o->acknowledged = epoch;
    l->o->finalised[epoch] = true; /* the sinks are done */
    return weir_checkpoint_finalised(l->checkpoint, &err) == WEIR_OK;
}

static void life_open(life *l, bed *b, oracle *o, death d)
{
    weir_err err;
    *l = (life){.b = b, .o = o, .death = d};
    l->store = faulty_store_new(b->memory, false);
    l->store.hook = die;
    l->store.self = &l->death;
    l->death.stop = &l->stop;
    weir_checkpoint_setup setup = {.store = &l->store.base,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .fresh = b->fresh,
                                   .take_over = true,
                                   .epoch_interval_us = 1000,
                                   .clock = &b->clock.base,
                                   .stop = &l->stop};
    if (weir_checkpoint_open(&setup, &l->checkpoint, &err) != WEIR_OK)
        l->checkpoint = NULL;
}

static void life_close(life *l)
{
    weir_checkpoint_close(l->checkpoint);
    faulty_store_done(&l->store);
}

/* Takes over, publishes some epochs, shuts down; or dies on the way. */
static void live(life *l, uint64_t epochs)
{
    weir_err err;
    if (l->checkpoint == NULL || !life_take_over(l))
        return;
    uint64_t first = l->o->acknowledged + 1;
    for (uint64_t epoch = first; epoch < first + epochs; epoch++) {
        if (!life_publish(l, epoch))
            return;
    }
    l->done = weir_checkpoint_seal(l->checkpoint, &err) == WEIR_OK;
}

static bool live_once(bed *b, oracle *o, death d, uint64_t epochs)
{
    life l;
    life_open(&l, b, o, d);
    live(&l, epochs);
    bool done = l.done;
    life_close(&l);
    return done;
}

static void check_chain(bed *b, const oracle *o)
{
    bool             finalised = false;
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    weir_manifest   *at = bed_take_over(b, checkpoint, &finalised);
    CHECK_U64(at->epoch, o->acknowledged);
    while (at->prev_idx > 0) {
        weir_manifest *before = NULL;
        CHECK_OK(weir_checkpoint_read(checkpoint, at->prev_gen, at->prev_idx, b->arena,
                                      &before, &b->err),
                 &b->err);
        CHECK_U64(before->epoch + 1, at->epoch);
        CHECK(weir_sha256_eq(&before->sha, &at->prev_sha));
        if (o->known[before->epoch])
            CHECK(weir_sha256_eq(&before->sha, &o->sha[before->epoch]));
        at = before;
    }
    CHECK_U64(at->epoch, 1);
    weir_checkpoint_close(checkpoint);
}

static void death_at_every_request_is_got_over(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        for (int after = 0; after < 2; after++) {
            bed    b;
            oracle o = {.acknowledged = 0};
            bed_open(&b);
            done = live_once(&b, &o, (death){.at = n, .after = after}, EPOCHS);
            CHECK(live_once(&b, &o, (death){.at = 0}, EPOCHS));
            check_chain(&b, &o);
            bed_close(&b);
        }
        assert_true(n < 200);
    }
}

static void death_in_the_recovery_of_a_death_is_got_over(void **state)
{
    (void)state;
    bool first_done = false;
    for (uint64_t n = 1; !first_done; n++) {
        bool second_done = false;
        for (uint64_t m = 1; !second_done; m++) {
            for (int after = 0; after < 4; after++) {
                bed    b;
                oracle o = {.acknowledged = 0};
                bed_open(&b);
                first_done = live_once(&b, &o, (death){.at = n, .after = after & 1}, 2);
                second_done = live_once(&b, &o, (death){.at = m, .after = after >> 1}, 1);
                CHECK(live_once(&b, &o, (death){.at = 0}, 1));
                check_chain(&b, &o);
                bed_close(&b);
            }
        }
    }
}

/* The rest of the world between two requests of one process. */
typedef struct world {
    bed             *b;
    oracle          *o;
    uint64_t         at; /* before this request */
    bool             ran, collects;
    weir_checkpoint *owner; /* who acts first, may be NULL */
} world;

static void collect(bed *b, uint64_t gen)
{
    char key[80];
    for (uint64_t idx = 1; idx < 40; idx++) {
        (void)snprintf(key, sizeof key, BED_BASE "log/%08" PRIu64 "/%08" PRIu64, gen, idx);
        if (!bed_has(b, key))
            continue;
        checkpoint_record record;
        assert_null(record_read(bed_bytes(b, key), b->arena, &record));
        if (record.kind == RECORD_MANIFEST)
            bed_remove(b, key); /* seals stay */
    }
}

static void run_world(world *w)
{
    weir_err err;
    life     l;
    for (int i = 0; i < 2; i++) { /* two more starts, with epochs that are finalised */
        life_open(&l, w->b, w->o, (death){.at = 0});
        live(&l, 2);
        CHECK(l.done);
        life_close(&l);
    }
    for (uint64_t gen = 1; w->collects && gen < 40; gen++) {
        char next[80];
        (void)snprintf(next, sizeof next, BED_BASE "seals/%08" PRIu64, gen + 2);
        if (bed_has(w->b, next))
            collect(w->b, gen);
    }
    (void)err;
}

static faulty_act turn_world(void *self, const char *verb, const weir_object *object,
                             uint64_t call)
{
    world *w = self;
    (void)verb;
    (void)object;
    if (call == w->at && !w->ran) {
        w->ran = true;
        run_world(w);
    }
    return FAULTY_PASS;
}

static bool is_fenced(life *l, uint64_t epoch)
{
    weir_err    err;
    weir_sha256 sha;
    weir_stage *stage = weir_checkpoint_stage(l->checkpoint, epoch);
    weir_code   rc = weir_stage_build(stage, &sha, &err);
    CHECK_INT(rc, WEIR_OK);
    rc = weir_stage_publish(stage, &err);
    weir_stage_free(stage);
    if (rc != WEIR_OK)
        CHECK_INT(err.exit, WEIR_EXIT_FENCED);
    return rc != WEIR_OK;
}

/* Ends a start whose sleep is over: it is the owner of what is newest, or it is fenced. */
static void check_waker(life *l)
{
    weir_manifest *last = NULL;
    bool           finalised = false;
    weir_err       err;
    uint64_t       newest = l->o->acknowledged;
    weir_code      rc =
        weir_checkpoint_take_over(l->checkpoint, l->b->arena, &last, &finalised, &err);
    if (rc != WEIR_OK) {
        CHECK_INT(err.exit, WEIR_EXIT_FENCED);
        return;
    }
    uint64_t epoch = last == NULL ? 0 : last->epoch;
    newest = l->o->acknowledged > newest ? l->o->acknowledged : newest;
    if (epoch < newest) {
        CHECK(is_fenced(l, epoch + 1));
        return;
    }
    CHECK_U64(epoch, newest);
    learn(l->o, epoch, &last->sha);
    if (!life_publish(l, epoch + 1)) { /* it slept behind its take over */
        CHECK(l->o->acknowledged > epoch);
        return;
    }
    CHECK(live_once(l->b, l->o, (death){.at = 0}, 1)); /* which it does not survive */
    CHECK(is_fenced(l, epoch + 2));
}

/* A start that sleeps before any of its requests while others commit, finalise and collect. */
static void take_over_that_slept_anywhere_owns_the_newest_or_nothing(void **state)
{
    (void)state;
    for (int collects = 0; collects < 2; collects++) {
        bool ran = true;
        for (uint64_t n = 1; ran; n++) {
            bed    b;
            oracle o = {.acknowledged = 0};
            life   l;
            bed_open(&b);
            CHECK(live_once(&b, &o, (death){.at = 0}, 2));
            life_open(&l, &b, &o, (death){.at = 0}); /* an owner that dies at work */
            CHECK(life_take_over(&l));
            CHECK(life_publish(&l, 3));
            life_close(&l);
            world w = {.b = &b, .o = &o, .at = n, .collects = collects == 1};
            life_open(&l, &b, &o, (death){.at = 0});
            l.store.hook = turn_world;
            l.store.self = &w;
            l.store.calls = 0;
            check_waker(&l);
            life_close(&l);
            CHECK(live_once(&b, &o, (death){.at = 0}, 1));
            ran = w.ran;
            bed_close(&b);
        }
    }
}

/* The same for an owner: whatever it was about to do, it is fenced, and nothing is committed
   twice. */
static void owner_that_slept_anywhere_is_fenced(void **state)
{
    (void)state;
    for (int collects = 0; collects < 2; collects++) {
        bool ran = true;
        for (uint64_t n = 1; ran; n++) {
            bed    b;
            oracle o = {.acknowledged = 0};
            life   l;
            bed_open(&b);
            CHECK(live_once(&b, &o, (death){.at = 0}, 2));
            life_open(&l, &b, &o, (death){.at = 0});
            CHECK(life_take_over(&l));
            world w = {.b = &b, .o = &o, .at = n, .collects = collects == 1};
            l.store.hook = turn_world;
            l.store.self = &w;
            l.store.calls = 0;
            uint64_t published = 0;
            while (published < 3 && life_publish(&l, 3 + published))
                published++;
            weir_err err;
            bool     sealed =
                published == 3 && weir_checkpoint_seal(l.checkpoint, &err) == WEIR_OK;
            if (w.ran && published == 3 && sealed)
                CHECK(o.acknowledged >= 9); /* the world acted behind its last step */
            life_close(&l);
            CHECK(live_once(&b, &o, (death){.at = 0}, 1));
            ran = w.ran;
            bed_close(&b);
        }
    }
}

static void fresh_start_that_dies_anywhere_leaves_one_owner(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t n = 1; !done; n++) {
        for (int after = 0; after < 2; after++) {
            bed    b;
            oracle o = {.acknowledged = 0}, fresh = {.acknowledged = 0};
            life   old;
            bed_open(&b);
            life_open(&old, &b, &o, (death){.at = 0});
            CHECK(life_take_over(&old));
            CHECK(life_publish(&old, 1));
            b.fresh = true;
            done = live_once(&b, &fresh, (death){.at = n, .after = after}, 1);
            b.fresh = false;
            weir_err err;
            life     next; /* an ordinary start, in whichever lineage is the last */
            life_open(&next, &b, &fresh, (death){.at = 0});
            if (weir_checkpoint_lineage(next.checkpoint) == 1) {
                next.o = &o;
                CHECK(life_take_over(&next));
            } else {
                CHECK(life_take_over(&next));
            }
            CHECK(life_publish(&next, next.o->acknowledged + 1));
            weir_stage *stage = weir_checkpoint_stage(old.checkpoint, 2);
            weir_sha256 sha;
            CHECK_OK(weir_stage_build(stage, &sha, &err), &err);
            CHECK_FAILS(weir_stage_publish(stage, &err), WEIR_E_CONFLICT, &err);
            weir_stage_free(stage);
            life_close(&next);
            life_close(&old);
            bed_close(&b);
        }
    }
}

static faulty_act only_first(void *self, const char *verb, const weir_object *object,
                             uint64_t call)
{
    uint64_t *at = self;
    (void)verb;
    (void)object;
    return call == at[0] ? (faulty_act)at[1] : FAULTY_PASS;
}

/* Every request of a whole life loses its answer once, in every way. */
static void lost_answers_anywhere_change_nothing(void **state)
{
    (void)state;
    const faulty_act acts[] = {FAULTY_LOSE, FAULTY_DROP, FAULTY_LATE, FAULTY_BUSY};
    for (size_t i = 0; i < 4; i++) {
        for (uint64_t n = 1; n < 60; n++) {
            bed    b;
            oracle o = {.acknowledged = 0};
            life   l;
            bed_open(&b);
            uint64_t plan[2] = {n, acts[i]};
            life_open(&l, &b, &o, (death){.at = 0});
            l.store.hook = only_first;
            l.store.self = plan;
            l.store.calls = 0;
            live(&l, EPOCHS);
            /* reads that fail end the start, for its caller to begin anew; PUTs never do */
            if (l.done)
                CHECK_U64(o.acknowledged, EPOCHS);
            life_close(&l);
            CHECK(live_once(&b, &o, (death){.at = 0}, 1));
            check_chain(&b, &o);
            bed_close(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(death_at_every_request_is_got_over),
        TEST(death_in_the_recovery_of_a_death_is_got_over),
        TEST(take_over_that_slept_anywhere_owns_the_newest_or_nothing),
        TEST(owner_that_slept_anywhere_is_fenced),
        TEST(fresh_start_that_dies_anywhere_leaves_one_owner),
        TEST(lost_answers_anywhere_change_nothing),
    };
    return RUN_TESTS(tests);
}
