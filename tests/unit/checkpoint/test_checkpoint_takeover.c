/* tests/checkpoint_takeover: who owns a task, after every kind of start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

static void first_start_owns_generation_one(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    bool             finalised = false;
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    assert_null(bed_take_over(&b, checkpoint, &finalised));
    CHECK(finalised);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 1);
    CHECK_INT(weir_checkpoint_lineage(checkpoint), 1);
    CHECK(bed_has(&b, BED_BASE "log/00000000/00000001"));
    CHECK(bed_has(&b, BED_BASE "seals/00000000"));
    CHECK_SAME(bed_bytes(&b, BED_BASE "log/00000000/00000001"),
               bed_bytes(&b, BED_BASE "seals/00000000"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void next_start_gets_the_last_manifest(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *first = bed_checkpoint(&b);
    (void)bed_take_over(&b, first, NULL);
    bed_run(&b, first, 1, 3);
    weir_sha256 sha;
    CHECK_OK(bed_publish(&b, first, 4, "four", &sha), &b.err);
    weir_checkpoint_close(first);

    bool             finalised = true;
    weir_checkpoint *second = bed_checkpoint(&b);
    weir_manifest   *last = bed_take_over(&b, second, &finalised);
    assert_non_null(last);
    CHECK(!finalised);
    CHECK_U64(last->epoch, 4);
    CHECK_U64(last->gen, 1);
    CHECK_U64(last->idx, 4);
    CHECK_U64(last->prev_idx, 3);
    CHECK(weir_sha256_eq(&last->sha, &sha));
    CHECK_STR(weir_manifest_section(last, "text"), "four");
    assert_null(weir_manifest_section(last, "other").at);
    CHECK_U64(weir_checkpoint_generation(second), 2);
    weir_manifest *before = NULL;
    CHECK_OK(weir_checkpoint_read(second, last->prev_gen, last->prev_idx, b.arena, &before,
                                  &b.err),
             &b.err);
    CHECK(weir_sha256_eq(&before->sha, &last->prev_sha));
    bed_run(&b, second, 5, 6);
    weir_checkpoint_close(second);
    bed_close(&b);
}

static void what_the_hint_names_is_known_to_be_finalised(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    for (int i = 0; i < 3; i++) { /* the second and third start publish nothing */
        bool             finalised = false;
        weir_checkpoint *checkpoint = bed_checkpoint(&b);
        weir_manifest   *last = bed_take_over(&b, checkpoint, &finalised);
        CHECK(finalised);
        if (i == 0)
            bed_run(&b, checkpoint, 1, 3);
        else
            CHECK_U64(last->epoch, 3);
        weir_checkpoint_close(checkpoint);
    }
    bed_remove(&b, BED_BASE "hint");
    bool             finalised = false; /* the last SEAL says so, too */
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, &finalised);
    CHECK(finalised);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void without_a_hint_the_last_epoch_may_not_be_finalised(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 2);
    weir_checkpoint_close(checkpoint);
    bed_remove(&b, BED_BASE "hint");
    bool finalised = true;
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, &finalised)->epoch, 2);
    CHECK(!finalised);
    CHECK_OK(weir_checkpoint_finalised(checkpoint, &b.err), &b.err); /* as taken over */
    weir_checkpoint_close(checkpoint);
    checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, &finalised);
    CHECK(finalised);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void clean_shutdown_tells_that_all_is_finalised(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 2);
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    bed_remove(&b, BED_BASE "hint");
    bool finalised = false;
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, &finalised)->epoch, 2);
    CHECK(finalised);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 3);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void old_owner_is_fenced(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    bed_run(&b, old, 1, 2);
    weir_checkpoint *young = bed_checkpoint(&b);
    (void)bed_take_over(&b, young, NULL);
    bed_expect_fenced(&b, old, 3);
    bed_run(&b, young, 3, 4);
    weir_checkpoint_close(old);
    weir_checkpoint_close(young);
    bed_close(&b);
}

static void old_owner_cannot_seal_any_more(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    weir_checkpoint *young = bed_checkpoint(&b);
    (void)bed_take_over(&b, young, NULL);
    CHECK_FAILS(weir_checkpoint_seal(old, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    weir_checkpoint_close(old);
    weir_checkpoint_close(young);
    bed_close(&b);
}

/* The sleeper put its SEAL long after its generation was sealed and collected. */
static void seal_in_a_collected_slot_owns_nothing(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    bed_run(&b, old, 1, 2);
    weir_checkpoint *young = bed_checkpoint(&b);
    (void)bed_take_over(&b, young, NULL); /* its SEAL is 1/3 */
    bed_run(&b, young, 3, 3);
    /* the collector: manifests of generation 1; `old` believes that 1/3 is its next slot,
       as if it had published 1/2 only */
    bed_remove(&b, BED_BASE "log/00000001/00000001");
    bed_remove(&b, BED_BASE "log/00000001/00000002");
    weir_str seal = bed_bytes(&b, BED_BASE "log/00000001/00000003");
    bed_remove(&b,
               BED_BASE "log/00000001/00000003"); /* makes the slot free, as 1/1 would be
                                                         to one that had published nothing */
    CHECK_FAILS(weir_checkpoint_seal(old, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    CHECK_SAME(bed_bytes(&b, BED_BASE "seals/00000001"), seal);
    bed_run(&b, young, 4, 4); /* nobody was harmed */
    weir_checkpoint_close(old);
    weir_checkpoint_close(young);
    bed_close(&b);
}

static weir_code what_is_forked(bed *b, weir_checkpoint *checkpoint)
{
    (void)weir_halt(&b->err, WEIR_EXIT_FORKED_HISTORY, WEIR_E_CONFLICT, "the row is ahead");
    return weir_checkpoint_explain(checkpoint, &b->err);
}

/* It slept between its takeover and the sinks: what it finds there is its successor's. */
static void halt_of_one_that_was_replaced_is_fenced(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *old = bed_checkpoint(&b);
    (void)bed_take_over(&b, old, NULL);
    CHECK_INT(what_is_forked(&b, old), WEIR_E_CONFLICT);
    CHECK_INT(b.err.exit, WEIR_EXIT_FORKED_HISTORY);
    CHECK_SAYS(&b.err, "the row is ahead");
    weir_checkpoint *young = bed_checkpoint(&b);
    (void)bed_take_over(&b, young, NULL);
    CHECK_INT(what_is_forked(&b, old), WEIR_E_CONFLICT);
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    CHECK_INT(what_is_forked(&b, young), WEIR_E_CONFLICT);
    CHECK_INT(b.err.exit, WEIR_EXIT_FORKED_HISTORY);
    CHECK_INT(what_is_forked(&b, old),
              WEIR_E_CONFLICT); /* it owns nothing: as it was told */
    CHECK_INT(b.err.exit, WEIR_EXIT_FORKED_HISTORY);
    weir_checkpoint_close(old);
    weir_checkpoint_close(young);
    bed_close(&b);
}

static void seal_without_its_copy_is_helped_along(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    weir_str seal = bed_bytes(&b, BED_BASE "seals/00000001");
    bed_remove(&b, BED_BASE "seals/00000001");
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, NULL)->epoch, 1);
    CHECK_SAME(bed_bytes(&b, BED_BASE "seals/00000001"), seal);
    CHECK_U64(weir_checkpoint_generation(checkpoint), 3);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void hint_that_is_wrong_only_costs_requests(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 9);
    weir_str early = bed_bytes(&b, BED_BASE "hint");
    weir_checkpoint_close(checkpoint);
    for (int i = 0; i < 3; i++) {
        checkpoint = bed_checkpoint(&b);
        (void)bed_take_over(&b, checkpoint, NULL);
        weir_checkpoint_close(checkpoint);
    }
    const char       *damaged = "this is no hint";
    checkpoint_record far = {.kind = RECORD_HINT,
                             .job = WEIR_STR("job-1"),
                             .task = WEIR_STR("t0"),
                             .lineage = 1,
                             .gen = 90,
                             .finalised = true,
                             .epoch = 7,
                             .prev = {.gen = 90, .idx = 800, .epoch = 7, .sha = {{1}}}};
    weir_buf          bytes = {0};
    record_write(&bytes, &far);
    weir_str          seal = bed_bytes(&b, BED_BASE "seals/00000001");
    checkpoint_record zero = far, open_ended = far;
    zero.gen = 0;
    zero.epoch = 0;
    zero.prev = (record_place){.idx = 0};
    assert_null(record_read(early, b.arena, &open_ended));
    open_ended.finalised = false; /* nobody writes that */
    weir_buf zero_bytes = {0}, open_bytes = {0};
    record_write(&zero_bytes, &zero);
    record_write(&open_bytes, &open_ended);
    const weir_str hints[] = {
        early, weir_str_of(damaged),       weir_buf_view(&bytes),
        seal,  weir_buf_view(&zero_bytes), weir_buf_view(&open_bytes)};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        bed_store(&b, BED_BASE "hint", hints[i]);
        checkpoint = bed_checkpoint(&b);
        CHECK_U64(bed_take_over(&b, checkpoint, NULL)->epoch, 9);
        CHECK_U64(weir_checkpoint_generation(checkpoint), 5 + i);
        weir_checkpoint_close(checkpoint);
    }
    weir_buf_done(&bytes);
    weir_buf_done(&zero_bytes);
    weir_buf_done(&open_bytes);
    bed_close(&b);
}

static void hint_of_another_manifest_says_nothing_about_the_last(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    weir_str early = bed_bytes(&b, BED_BASE "hint");
    CHECK_OK(bed_publish(&b, checkpoint, 2, "two", NULL), &b.err);
    bed_store(&b, BED_BASE "hint", early);
    weir_checkpoint_close(checkpoint);
    bool finalised = true;
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, &finalised)->epoch, 2);
    CHECK(!finalised);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void take_over_needs_few_requests(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 3000);
    weir_checkpoint_close(checkpoint);
    for (int i = 0; i < 2; i++) {
        uint64_t before = b.store.heads + b.store.gets;
        checkpoint = bed_checkpoint(&b);
        (void)bed_take_over(&b, checkpoint, NULL);
        weir_checkpoint_close(checkpoint);
        CHECK(b.store.heads + b.store.gets - before <= (i == 0 ? 16 : 40));
        if (i == 0)
            bed_remove(&b, BED_BASE "hint");
    }
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_start_owns_generation_one),
        TEST(next_start_gets_the_last_manifest),
        TEST(what_the_hint_names_is_known_to_be_finalised),
        TEST(without_a_hint_the_last_epoch_may_not_be_finalised),
        TEST(clean_shutdown_tells_that_all_is_finalised),
        TEST(old_owner_is_fenced),
        TEST(old_owner_cannot_seal_any_more),
        TEST(seal_in_a_collected_slot_owns_nothing),
        TEST(halt_of_one_that_was_replaced_is_fenced),
        TEST(seal_without_its_copy_is_helped_along),
        TEST(hint_that_is_wrong_only_costs_requests),
        TEST(hint_of_another_manifest_says_nothing_about_the_last),
        TEST(take_over_needs_few_requests),
    };
    return RUN_TESTS(tests);
}
