/* tests/checkpoint_lineage: generations and lineages that end, and what opens one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

#include "weir/failpoint.h"
#include "weir/limits.h"

static void owner_seals_its_own_generation_when_it_is_old(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 2);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    for (int hour = 0; hour < 28; hour++) { /* an owner that commits now and then */
        fake_clock_move(&b.clock, 3600LL * 1000000);
        bed_run(&b, checkpoint, 3 + (uint64_t)hour, 3 + (uint64_t)hour);
    }
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    weir_manifest *before = NULL;
    CHECK_OK(weir_checkpoint_read(checkpoint, 2, 1, b.arena, &before, &b.err), &b.err);
    CHECK_U64(before->prev_gen, 1);
    CHECK(before->prev_idx > 20);
    weir_checkpoint_close(checkpoint);
    bool finalised = false;
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, &finalised)->epoch, 30);
    CHECK(finalised);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void owner_seals_its_own_generation_when_it_is_long(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, WEIR_EPOCHS_PER_GENERATION - 1);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    bed_run(&b, checkpoint, WEIR_EPOCHS_PER_GENERATION, WEIR_EPOCHS_PER_GENERATION);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    bed_run(&b, checkpoint, WEIR_EPOCHS_PER_GENERATION + 1, WEIR_EPOCHS_PER_GENERATION + 2);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act one_seal_cannot_be_read(void *self, const char *verb,
                                          const weir_object *object, uint64_t call)
{
    int *left = self;
    (void)call;
    bool seal = weir_str_starts(object->key, BED_BASE "seals/00000001");
    return strcmp(verb, "get") == 0 && seal && (*left)-- > 0 ? FAULTY_BUSY : FAULTY_PASS;
}

/* The SEAL is in the log, and the store is lost before its copy is put. */
static weir_checkpoint *owner_that_did_not_get_to_the_copy(bed *b)
{
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    int              left = 1;
    (void)bed_take_over(b, checkpoint, NULL);
    bed_run(b, checkpoint, 1, WEIR_EPOCHS_PER_GENERATION - 1);
    CHECK_OK(bed_publish(b, checkpoint, WEIR_EPOCHS_PER_GENERATION, "the last", NULL),
             &b->err);
    b->store.hook = one_seal_cannot_be_read;
    b->store.self = &left;
    CHECK_FAILS(weir_checkpoint_finalised(checkpoint, &b->err), WEIR_E_REMOTE, &b->err);
    CHECK_INT(b->err.fate, WEIR_FATE_RETRY);
    b->store.hook = NULL;
    fake_clock_move(&b->clock, 1000000); /* what is written now has another time */
    return checkpoint;
}

static void self_seal_that_was_interrupted_is_gone_on_with(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner_that_did_not_get_to_the_copy(&b);
    CHECK_OK(weir_checkpoint_finalised(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    CHECK_SAME(bed_bytes(&b, BED_BASE "seals/00000001"),
               bed_bytes(&b, BED_BASE "log/00000001/00020001"));
    bed_run(&b, checkpoint, WEIR_EPOCHS_PER_GENERATION + 1, WEIR_EPOCHS_PER_GENERATION + 1);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* The store is away again when the shutdown wants to end the interrupted seal first. */
static void shut_down_may_be_tried_again_behind_an_interrupted_self_seal(void **state)
{
    (void)state;
    bed b;
    int left = 1;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner_that_did_not_get_to_the_copy(&b);
    b.store.hook = one_seal_cannot_be_read;
    b.store.self = &left;
    CHECK_FAILS(weir_checkpoint_seal(checkpoint, &b.err), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK(!bed_has(&b, BED_BASE "seals/00000001"));
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    CHECK(bed_has(&b, BED_BASE "seals/00000001"));
    CHECK(bed_has(&b, BED_BASE "seals/00000002"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void age_of_a_generation_may_be_set(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint_setup setup = {.store = &b.store.base,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .take_over = true,
                                   .generation_us = 60000000,
                                   .clock = &b.clock.base};
    weir_checkpoint      *checkpoint = NULL;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &b.err), &b.err);
    (void)bed_take_over(&b, checkpoint, NULL);
    b.clock.boot += 60000000;
    bed_run(&b, checkpoint, 1, 1);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    b.clock.boot += 1;
    bed_run(&b, checkpoint, 2, 2);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void shut_down_behind_an_interrupted_self_seal_is_clean(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner_that_did_not_get_to_the_copy(&b);
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    CHECK(bed_has(&b, BED_BASE "seals/00000001"));
    CHECK(bed_has(&b, BED_BASE "log/00000002/00000001")); /* of the shutdown */
    b.watch = true; /* nobody is at work: there is nothing to watch */
    int64_t before_us = b.clock.mono;
    bool    finalised = false;
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, &finalised)->epoch, WEIR_EPOCHS_PER_GENERATION);
    CHECK(finalised);
    CHECK_INT(b.clock.mono, before_us);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* The open stage has its place in the generation already. */
static void owner_seals_its_own_generation_where_a_failpoint_wants_it(void **state)
{
    (void)state;
    bed b;
    if (!weir_failpoints_built())
        return;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    CHECK(weir_failpoint_set("gen_is_full=1*off->1*yes"));
    bed_run(&b, checkpoint, 1, 1);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    bed_run(&b, checkpoint, 2, 3);
    CHECK(weir_failpoint_set("gen_is_full=off"));
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    CHECK(bed_has(&b, BED_BASE "seals/00000001"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void owner_with_an_open_stage_seals_later(void **state)
{
    (void)state;
    bed         b;
    weir_sha256 sha;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    weir_stage *stage = weir_checkpoint_stage(checkpoint, 2);
    fake_clock_move(&b.clock, 11LL * 3600 * 1000000);
    checkpoint->gen_epochs = WEIR_EPOCHS_PER_GENERATION;
    CHECK_OK(weir_checkpoint_finalised(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    CHECK_OK(weir_checkpoint_finalised(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void self_seal_of_a_fenced_owner_is_noticed(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    CHECK_OK(bed_publish(&b, old, 1, "one", NULL), &b.err);
    weir_checkpoint *young = bed_checkpoint(&b);
    (void)bed_take_over(&b, young, NULL);
    fake_clock_move(&b.clock, 25LL * 3600 * 1000000);
    CHECK_FAILS(weir_checkpoint_finalised(old, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    weir_checkpoint_close(old);
    weir_checkpoint_close(young);
    bed_close(&b);
}

typedef struct hint_fault {
    faulty_act act;
    int        left; /* so many more times */
} hint_fault;

static faulty_act hint_is_not_put(void *self, const char *verb, const weir_object *object,
                                  uint64_t call)
{
    hint_fault *fault = self;
    (void)call;
    bool hint = weir_str_is(object->key, BED_BASE "hint");
    return strcmp(verb, "put") == 0 && hint && fault->left-- > 0 ? fault->act : FAULTY_PASS;
}

/* Its readers may move the files of an owner that lives an hour after they appeared. Then the
   owner dies: who starts next must know that it has nothing to publish. */
static void check_known_to_be_finalised(bed *b, weir_checkpoint *checkpoint, uint64_t epoch)
{
    bool finalised = false;
    weir_checkpoint_close(checkpoint);
    fake_clock_move(&b->clock, 3600LL * 1000000);
    b->store.hook = NULL;
    weir_checkpoint *next = bed_checkpoint(b);
    CHECK_U64(bed_take_over(b, next, &finalised)->epoch, epoch);
    CHECK(finalised);
    weir_checkpoint_close(next);
}

static void hint_that_could_not_be_put_is_tried_again(void **state)
{
    (void)state;
    bed        b;
    hint_fault fault = {.act = FAULTY_BUSY, .left = 2};
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
    b.store.hook = hint_is_not_put;
    b.store.self = &fault;
    for (int i = 0; i < 2; i++) {
        CHECK_FAILS(weir_checkpoint_finalised(checkpoint, &b.err), WEIR_E_REMOTE, &b.err);
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    }
    CHECK_OK(weir_checkpoint_finalised(checkpoint, &b.err), &b.err);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    check_known_to_be_finalised(&b, checkpoint, 1);
    bed_close(&b);
}

static void owner_whose_hint_is_refused_says_it_in_a_seal(void **state)
{
    (void)state;
    bed        b;
    hint_fault fault = {.act = FAULTY_REFUSE, .left = 100};
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    b.store.hook = hint_is_not_put;
    b.store.self = &fault;
    bed_run(&b, checkpoint, 2, 3);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 3);
    CHECK(bed_has(&b, BED_BASE "seals/00000001"));
    check_known_to_be_finalised(&b, checkpoint, 3);
    bed_close(&b);
}

static void fresh_begins_the_next_lineage_and_ends_the_one_before(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    bed_run(&b, old, 1, 2);
    b.fresh = true;
    weir_checkpoint *fresh = bed_checkpoint(&b);
    CHECK_INT(weir_checkpoint_lineage(fresh), 2);
    assert_null(bed_take_over(&b, fresh, NULL));
    CHECK(bed_has(&b, "place/job-1/l2/t0/log/00000000/00000001"));
    bed_expect_fenced(&b, old, 3);
    bed_run(&b, fresh, 1, 1);
    weir_checkpoint_close(fresh);
    b.fresh = false;
    weir_checkpoint *next = bed_checkpoint(&b); /* goes on in the newest lineage */
    CHECK_INT(weir_checkpoint_lineage(next), 2);
    CHECK_U64(bed_take_over(&b, next, NULL)->epoch, 1);
    weir_checkpoint_close(next);
    b.fresh = true;
    next = bed_checkpoint(&b);
    CHECK_INT(weir_checkpoint_lineage(next), 3);
    weir_checkpoint_close(next);
    weir_checkpoint_close(old);
    bed_close(&b);
}

static void fresh_on_an_empty_place_is_the_first_lineage(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.fresh = true;
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    CHECK_INT(weir_checkpoint_lineage(checkpoint), 1);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void start_in_an_old_lineage_ends_when_a_newer_one_began_meanwhile(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    weir_checkpoint *slow = bed_checkpoint(&b); /* has decided for lineage 1 */
    b.fresh = true;
    weir_checkpoint *fresh = bed_checkpoint(&b);
    (void)bed_take_over(&b, fresh, NULL);
    weir_manifest *last = NULL;
    bool           finalised = false;
    CHECK_FAILS(weir_checkpoint_take_over(slow, b.arena, &last, &finalised, &b.err),
                WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    bed_run(&b, fresh, 1, 2);
    weir_checkpoint_close(old);
    weir_checkpoint_close(slow);
    weir_checkpoint_close(fresh);
    bed_close(&b);
}

static void fresh_gets_over_a_damaged_lineage(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    weir_checkpoint_close(checkpoint);
    bed_store(&b, BED_BASE "log/00000001/00000001", WEIR_STR("damage"));
    b.fresh = true;
    checkpoint = bed_checkpoint(&b);
    assert_null(bed_take_over(&b, checkpoint, NULL));
    CHECK_INT(weir_checkpoint_lineage(checkpoint), 2);
    bed_run(&b, checkpoint, 1, 1);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void names_that_make_no_keys_are_refused(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    char long_name[80], long_prefix[700];
    memset(long_name, 'a', sizeof long_name);
    memcpy(long_name, "a_b-.9z0", 8); /* all that a name may hold */
    memset(long_prefix, 'p', sizeof long_prefix);
    const weir_str   bad[] = {WEIR_STR(""),   WEIR_STR("A"),  WEIR_STR("a/b"),
                              WEIR_STR(".a"), WEIR_STR("a."), WEIR_STR("\xc3\xa4"),
                              WEIR_STR("a{"), WEIR_STR("a+"), WEIR_STR("a:"),
                              WEIR_STR("."),  WEIR_STR(".."), {long_name, 65}};
    weir_checkpoint *out = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_checkpoint_setup setup = {.store = &b.store.base,
                                       .job = bad[i],
                                       .task = WEIR_STR("t0"),
                                       .clock = &b.clock.base};
        CHECK_FAILS(weir_checkpoint_open(&setup, &out, &b.err), WEIR_E_CONFIG, &b.err);
        setup.task = bad[i];
        setup.job = WEIR_STR("job");
        CHECK_FAILS(weir_checkpoint_open(&setup, &out, &b.err), WEIR_E_CONFIG, &b.err);
    }
    weir_checkpoint_setup setup = {.store = &b.store.base,
                                   .job = {long_name, 64},
                                   .task = WEIR_STR("t0"),
                                   .clock = &b.clock.base};
    CHECK_OK(weir_checkpoint_open(&setup, &out, &b.err), &b.err); /* no prefix, no stop */
    (void)bed_take_over(&b, out, NULL);
    weir_checkpoint_close(out);
    setup.task = WEIR_STR("t.0"); /* a dot is a job's only */
    CHECK_FAILS(weir_checkpoint_open(&setup, &out, &b.err), WEIR_E_CONFIG, &b.err);
    setup.task = WEIR_STR("t0");
    setup.prefix = (weir_str){long_prefix, sizeof long_prefix};
    CHECK_FAILS(weir_checkpoint_open(&setup, &out, &b.err), WEIR_E_CONFIG, &b.err);
    weir_checkpoint_close(NULL);
    bed_close(&b);
}

static void store_is_probed_once_per_lineage_and_place(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.store = faulty_store_new(b.memory, true);
    uint64_t probes[6];
    for (int i = 0; i < 6; i++) {
        b.fresh = i == 4;
        if (i == 2)
            (void)snprintf(b.store.base.place, sizeof b.store.base.place, "test:two");
        uint64_t         before = b.store.put_news;
        weir_checkpoint *checkpoint = bed_checkpoint(&b);
        weir_manifest   *last = bed_take_over(&b, checkpoint, NULL);
        probes[i] = b.store.put_news - before;
        bed_run(&b, checkpoint, last == NULL ? 1 : last->epoch + 1,
                last == NULL ? 2 : last->epoch + 2);
        weir_checkpoint_close(checkpoint);
    }
    CHECK(probes[0] > 600); /* a new lineage */
    CHECK(probes[1] < 10);
    CHECK(probes[2] > 600); /* the same bucket behind another endpoint */
    CHECK(probes[3] < 10);
    CHECK(probes[4] > 600);
    CHECK(probes[5] < 10);
    checkpoint_record record;
    assert_null(
        record_read(bed_bytes(&b, BED_BASE "log/00000003/00000001"), b.arena, &record));
    CHECK_STR(record.probed, "test:two"); /* its result stands in every manifest */
    bed_close(&b);
}

static faulty_act conflicts_pass(void *self, const char *verb, const weir_object *object,
                                 uint64_t call)
{
    bed *b = self;
    (void)call;
    weir_err    err;
    weir_object copy = {.key = object->key, .body = object->body};
    if (strcmp(verb, "put_new") == 0) /* a server that ignores If-None-Match */
        (void)!b->memory->kind->remove(b->memory, &copy, 1, &err);
    return FAULTY_PASS;
}

static void store_that_fails_the_probe_is_not_written_to(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.store = faulty_store_new(b.memory, true);
    b.store.hook = conflicts_pass;
    b.store.self = &b;
    weir_manifest   *last = NULL;
    bool             finalised = false;
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    CHECK(weir_checkpoint_take_over(checkpoint, b.arena, &last, &finalised, &b.err) !=
          WEIR_OK);
    CHECK_INT(b.err.exit, WEIR_EXIT_PROBE_FAILED);
    CHECK(!bed_has(&b, BED_BASE "log/00000000/00000001"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void tools_may_look_without_sealing(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *owner = bed_checkpoint(&b);
    weir_checkpoint *tool = bed_checkpoint(&b);
    weir_manifest   *last = NULL;
    bool             finalised = false;
    CHECK_OK(weir_checkpoint_look(tool, b.arena, &last, &finalised, &b.err), &b.err);
    assert_null(last);
    (void)bed_take_over(&b, owner, NULL);
    bed_run(&b, owner, 1, 2);
    CHECK_OK(weir_checkpoint_look(tool, b.arena, &last, &finalised, &b.err), &b.err);
    CHECK_U64(last->epoch, 2);
    CHECK(finalised);
    bed_run(&b, owner, 3, 3); /* still the owner */
    bed_store(&b, BED_BASE "log/00000001/00000003", WEIR_STR("x"));
    CHECK_FAILS(weir_checkpoint_look(tool, b.arena, &last, &finalised, &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_FAILS(weir_checkpoint_read(tool, 1, 0, b.arena, &last, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_FAILS(weir_checkpoint_read(tool, 1, 100000000, b.arena, &last, &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_FAILS(weir_checkpoint_read(tool, 100000000, 1, b.arena, &last, &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_FAILS(weir_checkpoint_read(tool, 1, 9, b.arena, &last, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_SAYS(&b.err, "missing");
    CHECK_FAILS(weir_checkpoint_read(tool, 0, 1, b.arena, &last, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_SAYS(&b.err, "not a manifest");
    weir_checkpoint_close(tool);
    weir_checkpoint_close(owner);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(owner_seals_its_own_generation_when_it_is_old),
        TEST(owner_seals_its_own_generation_when_it_is_long),
        TEST(self_seal_that_was_interrupted_is_gone_on_with),
        TEST(shut_down_may_be_tried_again_behind_an_interrupted_self_seal),
        TEST(age_of_a_generation_may_be_set),
        TEST(shut_down_behind_an_interrupted_self_seal_is_clean),
        TEST(owner_seals_its_own_generation_where_a_failpoint_wants_it),
        TEST(owner_with_an_open_stage_seals_later),
        TEST(self_seal_of_a_fenced_owner_is_noticed),
        TEST(hint_that_could_not_be_put_is_tried_again),
        TEST(owner_whose_hint_is_refused_says_it_in_a_seal),
        TEST(fresh_begins_the_next_lineage_and_ends_the_one_before),
        TEST(fresh_on_an_empty_place_is_the_first_lineage),
        TEST(start_in_an_old_lineage_ends_when_a_newer_one_began_meanwhile),
        TEST(fresh_gets_over_a_damaged_lineage),
        TEST(names_that_make_no_keys_are_refused),
        TEST(store_is_probed_once_per_lineage_and_place),
        TEST(store_that_fails_the_probe_is_not_written_to),
        TEST(tools_may_look_without_sealing),
    };
    return RUN_TESTS(tests);
}
