/* tests/checkpoint_sleep: owners that slept, or had nothing to do for long: what they look at
 * before they commit and publish.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"

static weir_checkpoint *owner(bed *b)
{
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    (void)bed_take_over(b, checkpoint, NULL);
    return checkpoint;
}

#define MINUTES_US(n) ((n) * 60 * 1000000LL)

static void process_that_slept_publishes_what_is_its_own_when_nobody_came(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    b.clock.boot += MINUTES_US(31);
    uint64_t before = b.store.calls;
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    CHECK_U64(b.store.calls, before + 1); /* it looked for a seal */
    b.clock.boot += MINUTES_US(29);
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    CHECK_U64(b.store.calls, before + 1);
    b.clock.boot += MINUTES_US(2);
    weir_checkpoint *successor = bed_checkpoint(&b);
    (void)bed_take_over(&b, successor, NULL);
    CHECK_FAILS(weir_checkpoint_may_publish(checkpoint, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    weir_checkpoint_close(successor);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* The process before may have published it in the meantime, and readers have moved it. */
static faulty_act store_is_busy(void *self, const char *verb, const weir_object *object,
                                uint64_t call)
{
    (void)self;
    (void)verb;
    (void)object;
    (void)call;
    return FAULTY_BUSY;
}

/* Not knowing is no permission, and no fence either. */
static void process_that_cannot_ask_who_owns_the_task_asks_again(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    b.clock.boot += MINUTES_US(31);
    b.store.hook = store_is_busy;
    CHECK_FAILS(weir_checkpoint_may_publish(checkpoint, &b.err), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    weir_err found;
    (void)weir_halt(&found, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT, "damaged");
    CHECK_FAILS(weir_checkpoint_explain(checkpoint, &found), WEIR_E_REMOTE, &found);
    CHECK_INT(found.fate, WEIR_FATE_RETRY);
    b.store.hook = NULL;
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void process_that_slept_publishes_nothing_of_another(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    b.clock.boot += 31 * 60 * 1000000LL; /* it slept between take over and publishing */
    CHECK_FAILS(weir_checkpoint_may_publish(checkpoint, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_JOB);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err); /* a commit is safe */
    (void)bed_take_over(&b, checkpoint, NULL); /* anew */
    b.clock.boot += MINUTES_US(29);
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    b.clock.boot += MINUTES_US(2);
    CHECK_FAILS(weir_checkpoint_may_publish(checkpoint, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_JOB);
    bed_run(&b, checkpoint, 2, 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act slow_answer(void *self, const char *verb, const weir_object *object,
                              uint64_t call)
{
    bed *b = self;
    (void)object;
    (void)call;
    if (strcmp(verb, "put_new") == 0)
        b->clock.boot += 31 * 60 * 1000000LL;
    return FAULTY_PASS;
}

static void commit_that_took_long_is_published_after_a_look_for_a_successor(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    b.store.hook = slow_answer;
    b.store.self = &b;
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    b.store.hook = NULL;
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* A topic that is quiet over a weekend is no reason to end. */
static void job_without_epochs_for_long_commits_the_next(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    bed_run(&b, checkpoint, 1, 1);
    b.clock.boot += MINUTES_US(60) * 60;
    bed_run(&b, checkpoint, 2, 3); /* the generation is old: it seals itself behind epoch 2 */
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void process_that_slept_for_long_commits_nothing_when_it_was_replaced(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    bed_run(&b, checkpoint, 1, 1);
    b.clock.boot += MINUTES_US(13 * 60);
    weir_checkpoint *successor = bed_checkpoint(&b);
    (void)bed_take_over(&b, successor, NULL);
    bed_run(&b, successor, 2, 3);
    uint64_t before = b.store.put_news;
    CHECK_FAILS(bed_publish(&b, checkpoint, 2, "two", NULL), WEIR_E_CONFLICT, &b.err);
    CHECK_U64(b.store.put_news, before); /* its slot may be free again: it does not ask */
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    weir_checkpoint_close(successor);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(process_that_slept_publishes_what_is_its_own_when_nobody_came),
        TEST(process_that_cannot_ask_who_owns_the_task_asks_again),
        TEST(process_that_slept_publishes_nothing_of_another),
        TEST(commit_that_took_long_is_published_after_a_look_for_a_successor),
        TEST(job_without_epochs_for_long_commits_the_next),
        TEST(process_that_slept_for_long_commits_nothing_when_it_was_replaced),
    };
    return RUN_TESTS(tests);
}
