/* tests/checkpoint_sleep: owners that slept, or had nothing to do for long: what they look at
 * before they commit and publish.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>

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
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    (void)bed_take_over(&b, checkpoint, NULL);
    b.clock.boot += MINUTES_US(29);
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err);
    b.clock.boot += MINUTES_US(2); /* it slept between take over and publishing */
    CHECK_FAILS(weir_checkpoint_may_publish(checkpoint, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_JOB);
    bed_run(&b, checkpoint, 2, 2); /* a commit is safe */
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* A database may be away for long while a job starts. */
static void process_with_nothing_to_publish_may_sleep(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    b.clock.boot += MINUTES_US(31);
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err); /* no epoch */
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    CHECK_OK(weir_checkpoint_finalised(checkpoint, &b.err), &b.err);
    (void)bed_take_over(&b, checkpoint, NULL);
    b.clock.boot += MINUTES_US(31);
    CHECK_OK(weir_checkpoint_may_publish(checkpoint, &b.err), &b.err); /* it is published */
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

typedef struct own_copy { /* what happens to an object */
    const char *key;
    faulty_act  put, read;
} own_copy;

static faulty_act spoil_copy(void *self, const char *verb, const weir_object *object,
                             uint64_t call)
{
    own_copy *copy = self;
    (void)call;
    if (!weir_str_is(object->key, copy->key))
        return FAULTY_PASS;
    if (strcmp(verb, "get") == 0)
        return copy->read;
    faulty_act now = strcmp(verb, "put_new") == 0 ? copy->put : FAULTY_PASS;
    if (now == FAULTY_LOSE) /* once */
        copy->put = FAULTY_PASS;
    return now;
}

/* It is there when its answer is lost, and then it is damaged: nobody has replaced us. */
static void copy_of_an_own_seal_is_no_other_owner_s(void **state)
{
    (void)state;
    bed      b;
    own_copy copy = {BED_BASE "seals/00000001", FAULTY_LOSE, FAULTY_PASS};
    bed_open(&b);
    b.generation_epochs = 1;
    b.store.hook = spoil_copy;
    b.store.self = &copy;
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    copy.read = FAULTY_FLIP; /* from behind T4 on, which finds nothing */
    CHECK_FAILS(weir_checkpoint_finalised(checkpoint, &b.err), WEIR_E_CORRUPT, &b.err);
    CHECK_FAILS(weir_checkpoint_explain(checkpoint, &b.err), WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    copy.read = FAULTY_BUSY;
    weir_err found = b.err;
    CHECK_FAILS(weir_checkpoint_explain(checkpoint, &found), WEIR_E_REMOTE, &found);
    CHECK_INT(found.fate, WEIR_FATE_RETRY);
    copy.read = FAULTY_PASS; /* it is ours */
    CHECK_FAILS(weir_checkpoint_explain(checkpoint, &b.err), WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void another_s_seal_fences_who_was_sealing(void **state)
{
    (void)state;
    bed      b;
    own_copy slot = {BED_BASE "log/00000001/00000002", FAULTY_DROP, FAULTY_PASS};
    bed_open(&b);
    b.generation_epochs = 1;
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    b.store.hook = spoil_copy;
    b.store.self = &slot;
    CHECK_FAILS(weir_checkpoint_finalised(checkpoint, &b.err), WEIR_E_UNKNOWN, &b.err);
    b.store.hook = NULL;
    weir_checkpoint *successor = owner(&b);
    (void)weir_halt(&b.err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT, "damaged");
    CHECK_FAILS(weir_checkpoint_explain(checkpoint, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    weir_checkpoint_close(successor);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act slow_seal(void *self, const char *verb, const weir_object *object,
                            uint64_t call)
{
    bed *b = self;
    (void)call;
    if (strcmp(verb, "put_new") == 0 && weir_str_is(object->key, BED_BASE "seals/00000001"))
        b->clock.boot += MINUTES_US(61);
    return FAULTY_PASS;
}

/* The process stands still behind the PUT of its SEAL. Another one takes over meanwhile, and
   publishes; readers move the files an hour later. What is known was known before the PUT. */
static void take_over_that_took_long_publishes_nothing(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *first = owner(&b);
    CHECK_OK(bed_publish(&b, first, 1, "one", NULL), &b.err);
    b.store.hook = slow_seal;
    b.store.self = &b;
    weir_checkpoint *second = owner(&b);
    b.store.hook = NULL;
    CHECK_FAILS(weir_checkpoint_may_publish(second, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_JOB);
    weir_checkpoint_close(second);
    weir_checkpoint_close(first);
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

static weir_code publish_files(bed *b, weir_checkpoint *checkpoint, uint64_t epoch)
{
    weir_sha256 sha;
    weir_stage *stage = weir_checkpoint_stage(checkpoint, epoch);
    weir_stage_file(stage, WEIR_STR("day=1/one.avro"), 1, 100);
    weir_code rc = weir_stage_build(stage, &sha, &b->err);
    if (rc == WEIR_OK)
        rc = weir_stage_publish(stage, &b->err);
    weir_stage_free(stage);
    return rc == WEIR_OK ? weir_checkpoint_finalised(checkpoint, &b->err) : rc;
}

/* Readers may have moved them when the owner dies an hour later. */
static void check_known_as_finalised(bed *b, uint64_t epoch)
{
    bool             finalised = false;
    weir_checkpoint *next = bed_checkpoint(b);
    CHECK_U64(bed_take_over(b, next, &finalised)->epoch, epoch);
    CHECK(finalised);
    weir_checkpoint_close(next);
}

/* The owner before finalised epoch 1, was replaced, and its hint arrives late: over that of its
   successor, which has nothing to commit any more. */
static void late_hint_hides_nothing_of_an_owner_without_epochs(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *first = owner(&b);
    CHECK_OK(publish_files(&b, first, 1), &b.err);
    weir_str         late = bed_bytes(&b, BED_BASE "hint");
    weir_checkpoint *second = owner(&b);
    CHECK_OK(publish_files(&b, second, 2), &b.err);
    b.clock.boot += MINUTES_US(19);
    CHECK_OK(weir_checkpoint_idle(second, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(second), 2); /* it may soon have an epoch */
    b.clock.boot += MINUTES_US(2);
    CHECK_OK(weir_checkpoint_idle(second, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(second), 3);
    uint64_t before = b.store.calls;
    b.clock.boot += MINUTES_US(60);
    CHECK_OK(weir_checkpoint_idle(second, &b.err), &b.err);
    CHECK_U64(b.store.calls, before); /* once is enough */
    bed_store(&b, BED_BASE "hint", late);
    check_known_as_finalised(&b, 2);
    weir_checkpoint_close(second);
    weir_checkpoint_close(first);
    bed_close(&b);
}

static void late_hint_hides_nothing_of_an_owner_that_took_over(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *first = owner(&b);
    CHECK_OK(publish_files(&b, first, 1), &b.err);
    weir_str late = bed_bytes(&b, BED_BASE "hint");
    CHECK_OK(publish_files(&b, first, 2), &b.err);
    bed_remove(&b, BED_BASE "hint"); /* as if it had died before it was put */
    bool             finalised = true;
    weir_checkpoint *second = bed_checkpoint(&b);
    (void)bed_take_over(&b, second, &finalised);
    CHECK(!finalised);
    CHECK_OK(weir_checkpoint_idle(second, &b.err), &b.err); /* not finalised: nothing to say */
    CHECK_OK(weir_checkpoint_finalised(second, &b.err), &b.err);
    b.clock.boot += MINUTES_US(21);
    CHECK_OK(weir_checkpoint_idle(second, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(second), 3);
    bed_store(&b, BED_BASE "hint", late);
    check_known_as_finalised(&b, 2);
    weir_checkpoint_close(second);
    weir_checkpoint_close(first);
    bed_close(&b);
}

/* Its files are there since before its hint could be put. */
static void owner_whose_hint_was_held_up_says_it_in_a_seal(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *first = owner(&b);
    CHECK_OK(publish_files(&b, first, 1), &b.err);
    weir_str    late = bed_bytes(&b, BED_BASE "hint");
    weir_sha256 sha;
    weir_stage *stage = weir_checkpoint_stage(first, 2);
    weir_stage_file(stage, WEIR_STR("day=1/two.avro"), 1, 100);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    b.clock.boot += MINUTES_US(50);
    CHECK_OK(weir_checkpoint_finalised(first, &b.err), &b.err);
    bed_store(&b, BED_BASE "hint", late);
    check_known_as_finalised(&b, 2);
    weir_checkpoint_close(first);
    bed_close(&b);
}

static void owner_without_files_has_nothing_to_say(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(weir_checkpoint_idle(checkpoint, &b.err), &b.err); /* no epoch either */
    bed_run(&b, checkpoint, 1, 1);
    b.clock.boot += MINUTES_US(60);
    CHECK_OK(weir_checkpoint_idle(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    CHECK_OK(publish_files(&b, checkpoint, 2), &b.err);
    weir_checkpoint *successor = owner(&b);
    b.clock.boot += MINUTES_US(60);
    CHECK_FAILS(weir_checkpoint_idle(checkpoint, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    CHECK_OK(weir_checkpoint_idle(checkpoint, &b.err), &b.err); /* it owns nothing */
    weir_checkpoint_close(successor);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act put_new_is_busy(void *self, const char *verb, const weir_object *object,
                                     uint64_t call)
{
    int *left = self;
    (void)object;
    (void)call;
    return strcmp(verb, "put_new") == 0 && (*left)-- > 0 ? FAULTY_BUSY : FAULTY_PASS;
}

/* Ten seconds, then the engine looks whether there is something to do; the SEAL is the same. */
static void seal_of_an_owner_without_epochs_is_gone_on_with(void **state)
{
    (void)state;
    bed b;
    int left = 30;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(publish_files(&b, checkpoint, 1), &b.err);
    b.clock.boot += MINUTES_US(21);
    b.store.hook = put_new_is_busy;
    b.store.self = &left;
    CHECK_FAILS(weir_checkpoint_idle(checkpoint, &b.err), WEIR_E_UNKNOWN, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    left = 0;
    CHECK_OK(weir_checkpoint_idle(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    CHECK_OK(publish_files(&b, checkpoint, 2), &b.err);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* It was begun because the generation is long, and no answer came. */
static void other_seal_that_was_begun_is_ended_as_well(void **state)
{
    (void)state;
    bed b;
    int left = INT_MAX;
    bed_open(&b);
    b.generation_epochs = 1;
    weir_checkpoint *checkpoint = owner(&b);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    b.store.hook = put_new_is_busy;
    b.store.self = &left;
    CHECK_FAILS(weir_checkpoint_finalised(checkpoint, &b.err), WEIR_E_UNKNOWN, &b.err);
    left = 0;
    CHECK_OK(weir_checkpoint_idle(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    CHECK_OK(bed_publish(&b, checkpoint, 2, "two", NULL), &b.err);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(process_that_slept_publishes_what_is_its_own_when_nobody_came),
        TEST(process_that_cannot_ask_who_owns_the_task_asks_again),
        TEST(process_that_slept_publishes_nothing_of_another),
        TEST(process_with_nothing_to_publish_may_sleep),
        TEST(copy_of_an_own_seal_is_no_other_owner_s),
        TEST(another_s_seal_fences_who_was_sealing),
        TEST(take_over_that_took_long_publishes_nothing),
        TEST(late_hint_hides_nothing_of_an_owner_without_epochs),
        TEST(late_hint_hides_nothing_of_an_owner_that_took_over),
        TEST(owner_whose_hint_was_held_up_says_it_in_a_seal),
        TEST(owner_without_files_has_nothing_to_say),
        TEST(other_seal_that_was_begun_is_ended_as_well),
        TEST(seal_of_an_owner_without_epochs_is_gone_on_with),
        TEST(commit_that_took_long_is_published_after_a_look_for_a_successor),
        TEST(job_without_epochs_for_long_commits_the_next),
        TEST(process_that_slept_for_long_commits_nothing_when_it_was_replaced),
    };
    return RUN_TESTS(tests);
}
