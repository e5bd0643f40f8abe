/* tests/checkpoint_watch: a second worker of a task stands by while the first commits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

typedef struct alive { /* an owner that commits while the other watches */
    bed             *b;
    weir_checkpoint *owner;
    uint64_t         epoch, last; /* the last that it will publish */
    int64_t          next_us, every_us;
    bool             seals, away;
    int              fail_reads;
} alive;

static faulty_act live(void *self, const char *verb, const weir_object *object,
                       uint64_t call)
{
    alive *a = self;
    (void)object;
    (void)call;
    if (strcmp(verb, "head") == 0 && a->fail_reads > 0) {
        a->fail_reads--;
        return FAULTY_BUSY;
    }
    if (a->owner == NULL || a->b->clock.mono < a->next_us || a->epoch > a->last)
        return FAULTY_PASS;
    a->next_us = a->b->clock.mono + a->every_us;
    if (a->epoch == a->last && a->seals)
        CHECK_OK(weir_checkpoint_seal(a->owner, &a->b->err), &a->b->err);
    else
        CHECK_OK(bed_publish(a->b, a->owner, a->epoch, "alive", NULL), &a->b->err);
    a->epoch++;
    return FAULTY_PASS;
}

/* An owner over the store itself, so that only the watcher's requests go through the hook. */
static weir_checkpoint *owner_of(bed *b)
{
    weir_checkpoint *owner = NULL;
    bool             watch = b->watch;
    b->watch = false;
    CHECK_OK(bed_try_checkpoint(b, b->memory, &owner), &b->err);
    (void)bed_take_over(b, owner, NULL);
    b->watch = watch;
    return owner;
}

static void dead_owner_is_watched_for_a_while(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 2);
    b.watch = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    int64_t          start_us = b.clock.mono;
    CHECK_U64(bed_take_over(&b, next, NULL)->epoch, 2);
    CHECK(b.clock.mono - start_us >= 15000000);
    CHECK(b.clock.mono - start_us <= 17000000);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static void long_epochs_are_watched_longer(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    weir_checkpoint      *next = NULL;
    weir_checkpoint_setup setup = {.store = &b.store.base,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .epoch_interval_us = 60000000,
                                   .clock = &b.clock.base};
    CHECK_OK(weir_checkpoint_open(&setup, &next, &b.err), &b.err);
    int64_t start_us = b.clock.mono;
    (void)bed_take_over(&b, next, NULL);
    CHECK(b.clock.mono - start_us >= 180000000);
    CHECK(b.clock.mono - start_us <= 182000000);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static void short_epochs_are_watched_for_15_seconds(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    weir_checkpoint      *next = NULL;
    weir_checkpoint_setup setup = {.store = &b.store.base,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .epoch_interval_us = 10000,
                                   .clock = &b.clock.base};
    CHECK_OK(weir_checkpoint_open(&setup, &next, &b.err), &b.err);
    int64_t start_us = b.clock.mono;
    (void)bed_take_over(&b, next, NULL);
    CHECK(b.clock.mono - start_us >= 15000000);
    CHECK(b.clock.mono - start_us <= 17000000);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static void fenced_worker_watches_like_any_other(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.watch = true;
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    weir_checkpoint *young = owner_of(&b);
    int64_t          start_us = b.clock.mono;
    (void)bed_take_over(&b, old, NULL); /* it does not know yet that it was replaced */
    CHECK(b.clock.mono - start_us >= 15000000);
    weir_checkpoint_close(old);
    weir_checkpoint_close(young);
    bed_close(&b);
}

static void live_owner_is_left_alone_until_it_dies(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    b.watch = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    alive a = {.b = &b, .owner = owner, .epoch = 2, .last = 40, .every_us = 9000000};
    b.store.hook = live;
    b.store.self = &a;
    int64_t start_us = b.clock.mono;
    CHECK_U64(bed_take_over(&b, next, NULL)->epoch, 40); /* it had its 40 epochs in peace */
    CHECK(b.clock.mono - start_us >= 39 * 9000000LL);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static void owner_that_ends_cleanly_is_not_waited_for(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    b.watch = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    alive a = {.b = &b, .owner = owner, .epoch = 2, .last = 5, .every_us = 9000000};
    a.seals = true;
    b.store.hook = live;
    b.store.self = &a;
    int64_t start_us = b.clock.mono;
    CHECK_U64(bed_take_over(&b, next, NULL)->epoch, 4);
    CHECK(b.clock.mono - start_us < 4 * 9000000LL + 3000000);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static void nobody_is_waited_for_where_nobody_can_be(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.watch = true;
    weir_checkpoint *checkpoint = bed_checkpoint(&b); /* an empty place */
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    CHECK_INT(b.clock.pauses, 0);
    (void)bed_take_over(&b, checkpoint, NULL); /* its own generation */
    CHECK_INT(b.clock.pauses, 0);
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    checkpoint = bed_checkpoint(&b); /* after a clean stop */
    (void)bed_take_over(&b, checkpoint, NULL);
    CHECK_INT(b.clock.pauses, 0);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void owner_without_a_manifest_yet_is_watched_too(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        bed b;
        bed_open(&b);
        weir_checkpoint *owner = owner_of(&b);
        if (i == 1) { /* it went on in a new generation */
            fake_clock_move(&b.clock, 1000000);
            bed_run(&b, owner, 1, 1);
            fake_clock_move(&b.clock, 25LL * 3600 * 1000000);
            CHECK_OK(weir_checkpoint_finalised(owner, &b.err), &b.err);
            CHECK_U64(weir_checkpoint_generation(owner), 2);
        }
        b.watch = true;
        weir_checkpoint *next = bed_checkpoint(&b);
        int64_t          start_us = b.clock.mono;
        (void)bed_take_over(&b, next, NULL);
        CHECK(b.clock.mono - start_us >= 15000000);
        weir_checkpoint_close(owner);
        weir_checkpoint_close(next);
        bed_close(&b);
    }
}

static void stop_ends_the_watch(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    b.watch = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    weir_manifest   *last = NULL;
    bool             finalised = false;
    atomic_store(&b.stop, 1);
    CHECK_FAILS(weir_checkpoint_take_over(next, b.arena, &last, &finalised, &b.err),
                WEIR_E_STOPPED, &b.err);
    atomic_store(&b.stop, 0);
    bed_run(&b, owner, 2, 2); /* nothing was sealed */
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static faulty_act stop_soon(void *self, const char *verb, const weir_object *object,
                            uint64_t call)
{
    bed *b = self;
    (void)verb;
    (void)object;
    (void)call;
    if (b->clock.pauses >= 5)
        atomic_store(&b->stop, 1);
    return FAULTY_PASS;
}

static void stop_during_the_watch_ends_it(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    b.watch = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    weir_manifest   *last = NULL;
    bool             finalised = false;
    b.store.hook = stop_soon;
    b.store.self = &b;
    CHECK_FAILS(weir_checkpoint_take_over(next, b.arena, &last, &finalised, &b.err),
                WEIR_E_STOPPED, &b.err);
    CHECK_SAYS(&b.err, "standing by");
    CHECK(b.clock.paused <= 7000000);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static faulty_act refuse_heads(void *self, const char *verb, const weir_object *object,
                               uint64_t call)
{
    (void)self;
    (void)object;
    (void)call;
    return strcmp(verb, "head") == 0 ? FAULTY_REFUSE : FAULTY_PASS;
}

static void watch_without_end_ends_with_a_refusal_or_a_stop(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.watch = true;
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    takeover_tail    tail = {.gen = 1, .idx = 1};
    bool             moved = false;
    checkpoint->epoch_interval_us = INT64_MAX / 2;
    b.store.hook = refuse_heads;
    CHECK_FAILS(takeover_watch(checkpoint, &checkpoint->log, &tail, &moved, &b.err),
                WEIR_E_CONFIG, &b.err);
    b.store.hook = stop_soon;
    b.store.self = &b;
    CHECK_FAILS(takeover_watch(checkpoint, &checkpoint->log, &tail, &moved, &b.err),
                WEIR_E_STOPPED, &b.err);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* What cannot be seen does not count as quiet. */
static void store_that_is_away_makes_the_watch_longer(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    b.watch = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    alive            a = {.b = &b};
    b.store.hook = live;
    b.store.self = &a;
    int64_t start_us = b.clock.mono;
    /* the reads before the watch pass: fail later ones */
    weir_manifest *last = NULL;
    bool           finalised = false;
    a.fail_reads = 1;
    CHECK_FAILS(weir_checkpoint_take_over(next, b.arena, &last, &finalised, &b.err),
                WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    takeover_tail tail = {.gen = 1, .idx = 1};
    bool          moved = true;
    a.fail_reads = 40;
    CHECK_OK(takeover_watch(next, &next->log, &tail, &moved, &b.err), &b.err);
    CHECK(!moved);
    CHECK(b.clock.mono - start_us >= 55000000);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

static void fresh_waits_for_the_owner_of_the_lineage_before(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = owner_of(&b);
    bed_run(&b, owner, 1, 1);
    b.watch = true;
    b.fresh = true;
    weir_checkpoint *next = bed_checkpoint(&b);
    alive a = {.b = &b, .owner = owner, .epoch = 2, .last = 6, .every_us = 9000000};
    b.store.hook = live;
    b.store.self = &a;
    assert_null(bed_take_over(&b, next, NULL));
    CHECK_U64(a.epoch, 7);
    CHECK_FAILS(bed_publish(&b, owner, 7, "late", NULL), WEIR_E_CONFLICT, &b.err);
    weir_checkpoint_close(owner);
    weir_checkpoint_close(next);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dead_owner_is_watched_for_a_while),
        TEST(long_epochs_are_watched_longer),
        TEST(short_epochs_are_watched_for_15_seconds),
        TEST(fenced_worker_watches_like_any_other),
        TEST(live_owner_is_left_alone_until_it_dies),
        TEST(owner_that_ends_cleanly_is_not_waited_for),
        TEST(nobody_is_waited_for_where_nobody_can_be),
        TEST(owner_without_a_manifest_yet_is_watched_too),
        TEST(stop_ends_the_watch),
        TEST(stop_during_the_watch_ends_it),
        TEST(watch_without_end_ends_with_a_refusal_or_a_stop),
        TEST(store_that_is_away_makes_the_watch_longer),
        TEST(fresh_waits_for_the_owner_of_the_lineage_before),
    };
    return RUN_TESTS(tests);
}
