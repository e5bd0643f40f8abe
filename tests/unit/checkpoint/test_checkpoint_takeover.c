/* tests/checkpoint_takeover: who owns a task, after every kind of start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

#include "weir/limits.h"

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

static void expect_corrupt(bed *b, const char *names)
{
    weir_manifest   *last = NULL;
    bool             finalised = false;
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    CHECK_FAILS(weir_checkpoint_take_over(checkpoint, b->arena, &last, &finalised, &b->err),
                WEIR_E_CORRUPT, &b->err);
    CHECK_INT(b->err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b->err, names);
    weir_checkpoint_close(checkpoint);
}

static void expect_fenced(bed *b, weir_checkpoint *checkpoint, uint64_t epoch)
{
    CHECK_FAILS(bed_publish(b, checkpoint, epoch, "late", NULL), WEIR_E_CONFLICT, &b->err);
    CHECK_INT(b->err.exit, WEIR_EXIT_FENCED);
    CHECK_INT(b->err.fate, WEIR_FATE_HALT);
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
    expect_fenced(&b, old, 3);
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

static weir_code get_no_manifest(weir_store *store, weir_object *object, size_t count,
                                 weir_err *err)
{
    faulty_store *faulty = (faulty_store *)store;
    if (weir_str_starts(object->key, BED_BASE "log/00000001/")) {
        object->rc = WEIR_E_NOTFOUND;
        return weir_fail(err, WEIR_E_NOTFOUND, "made up");
    }
    return faulty->inner->kind->get(faulty->inner, object, count, err);
}

/* HEAD finds it, GET never does: that is no sleep. */
static void record_that_can_be_seen_and_not_read_halts(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    weir_checkpoint_close(checkpoint);
    weir_store_kind kind = *b.store.base.kind;
    kind.get = get_no_manifest;
    b.store.base.kind = &kind;
    expect_corrupt(&b, "is missing");
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

/* The open stage has its place in the generation already. */
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
    expect_fenced(&b, old, 3);
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

static void damaged_manifest_halts_at_every_byte(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 2);
    weir_checkpoint_close(checkpoint);
    const char *key = BED_BASE "log/00000001/00000002";
    weir_str    good = bed_bytes(&b, key);
    char       *bad = weir_arena_take(b.arena, good.len);
    for (size_t i = 0; i < good.len; i++) {
        memcpy(bad, good.at, good.len);
        bad[i] = (char)(bad[i] ^ 0x10);
        bed_store(&b, key, (weir_str){bad, good.len});
        expect_corrupt(&b, key);
    }
    for (size_t len = 0; len < good.len; len += 7) {
        bed_store(&b, key, (weir_str){good.at, len});
        expect_corrupt(&b, key);
    }
    bed_store(&b, key, good);
    checkpoint = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, checkpoint, NULL)->epoch, 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void record_of_somebody_else_halts(void **state)
{
    (void)state;
    static const char *const key = BED_BASE "log/00000001/00000001";
    for (int i = 0; i < 6; i++) {
        bed b;
        bed_open(&b);
        weir_checkpoint *checkpoint = bed_checkpoint(&b);
        (void)bed_take_over(&b, checkpoint, NULL);
        bed_run(&b, checkpoint, 1, 1);
        weir_checkpoint_close(checkpoint);
        checkpoint_record record;
        assert_null(record_read(bed_bytes(&b, key), b.arena, &record));
        record.job = i == 0 ? WEIR_STR("job-2") : record.job;
        record.task = i == 1 ? WEIR_STR("t1") : record.task;
        record.lineage = i == 2 ? 2 : record.lineage;
        record.gen = i == 3 ? 0 : record.gen;
        record.kind = i == 4 ? RECORD_HINT : record.kind;
        record.idx = i == 4 ? 0 : record.idx;
        record.epoch = i == 4 ? 0 : record.epoch;
        if (i == 5) { /* fits its place, but not what comes after */
            record.prev = (record_place){.gen = 1, .idx = 1, .epoch = 1, .sha = {{9}}};
            record.idx = 2;
            record.epoch = 2;
        }
        weir_buf bytes = {0};
        record_write(&bytes, &record);
        bed_store(&b, key, weir_buf_view(&bytes));
        weir_buf_done(&bytes);
        expect_corrupt(&b, key);
        bed_close(&b);
    }
}

static void manifest_that_is_not_the_one_sealed_halts(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    const char       *key = BED_BASE "log/00000001/00000001";
    checkpoint_record record;
    assert_null(record_read(bed_bytes(&b, key), b.arena, &record));
    weir_buf bytes = {0};
    record.written_us++; /* well-formed, and another one */
    record_write(&bytes, &record);
    bed_store(&b, key, weir_buf_view(&bytes));
    expect_corrupt(&b, key);
    record.prev = (record_place){.gen = 0, .idx = 1, .epoch = 1, .sha = {{1}}};
    record.epoch = 2;
    weir_buf_clear(&bytes);
    record_write(&bytes, &record);
    bed_store(&b, key, weir_buf_view(&bytes));
    weir_buf_done(&bytes);
    expect_corrupt(&b, key);
    bed_remove(&b, key);
    expect_corrupt(&b, key);
    weir_checkpoint *tool = bed_checkpoint(&b);
    weir_manifest   *last = NULL;
    bool             finalised = false;
    CHECK_FAILS(weir_checkpoint_look(tool, b.arena, &last, &finalised, &b.err),
                WEIR_E_CORRUPT, &b.err);
    weir_checkpoint_close(tool);
    bed_close(&b);
}

static void seal_copy_that_is_no_seal_halts(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    bed_run(&b, checkpoint, 1, 1);
    CHECK_OK(weir_checkpoint_seal(checkpoint, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    const char *key = BED_BASE "seals/00000001";
    weir_str    good = bed_bytes(&b, key);
    bed_store(&b, key, bed_bytes(&b, BED_BASE "seals/00000000"));
    expect_corrupt(&b, key);
    bed_store(&b, key, bed_bytes(&b, BED_BASE "log/00000001/00000001"));
    expect_corrupt(&b, key);
    char *bad = weir_arena_take(b.arena, good.len);
    for (size_t i = 0; i < good.len; i++) {
        memcpy(bad, good.at, good.len);
        bad[i] = (char)(bad[i] ^ 1);
        bed_store(&b, key, (weir_str){bad, good.len});
        expect_corrupt(&b, key);
    }
    bed_close(&b);
}

static faulty_act flip_once(void *self, const char *verb, const weir_object *object,
                            uint64_t call)
{
    int *left = self;
    (void)call;
    bool log = weir_str_starts(object->key, BED_BASE "log/00000001");
    return strcmp(verb, "get") == 0 && log && (*left)-- > 0 ? FAULTY_FLIP : FAULTY_PASS;
}

static void bit_that_flips_on_the_way_is_read_again(void **state)
{
    (void)state;
    for (int flips = 1; flips <= 2; flips++) {
        bed b;
        bed_open(&b);
        weir_checkpoint *checkpoint = bed_checkpoint(&b);
        (void)bed_take_over(&b, checkpoint, NULL);
        bed_run(&b, checkpoint, 1, 1);
        weir_checkpoint_close(checkpoint);
        int left = flips;
        b.store.hook = flip_once;
        b.store.self = &left;
        b.store.flip_at = 100;
        if (flips == 2) {
            expect_corrupt(&b, "log/00000001/00000001");
        } else {
            checkpoint = bed_checkpoint(&b);
            CHECK_U64(bed_take_over(&b, checkpoint, NULL)->epoch, 1);
            weir_checkpoint_close(checkpoint);
        }
        bed_close(&b);
    }
}

static void names_that_make_no_keys_are_refused(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    char long_name[80], long_prefix[700];
    memset(long_name, 'a', sizeof long_name);
    memset(long_prefix, 'p', sizeof long_prefix);
    const weir_str   bad[] = {WEIR_STR(""),    WEIR_STR("A"),  WEIR_STR("a/b"),
                              WEIR_STR("a.b"), WEIR_STR(".."), WEIR_STR("\xc3\xa4"),
                              WEIR_STR("a{"),  WEIR_STR("a+"), WEIR_STR("a:"),
                              {long_name, 65}};
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
        TEST(first_start_owns_generation_one),
        TEST(next_start_gets_the_last_manifest),
        TEST(what_the_hint_names_is_known_to_be_finalised),
        TEST(without_a_hint_the_last_epoch_may_not_be_finalised),
        TEST(clean_shutdown_tells_that_all_is_finalised),
        TEST(old_owner_is_fenced),
        TEST(old_owner_cannot_seal_any_more),
        TEST(seal_in_a_collected_slot_owns_nothing),
        TEST(seal_without_its_copy_is_helped_along),
        TEST(hint_that_is_wrong_only_costs_requests),
        TEST(record_that_can_be_seen_and_not_read_halts),
        TEST(hint_of_another_manifest_says_nothing_about_the_last),
        TEST(take_over_needs_few_requests),
        TEST(owner_seals_its_own_generation_when_it_is_old),
        TEST(owner_seals_its_own_generation_when_it_is_long),
        TEST(owner_with_an_open_stage_seals_later),
        TEST(self_seal_of_a_fenced_owner_is_noticed),
        TEST(fresh_begins_the_next_lineage_and_ends_the_one_before),
        TEST(fresh_on_an_empty_place_is_the_first_lineage),
        TEST(start_in_an_old_lineage_ends_when_a_newer_one_began_meanwhile),
        TEST(fresh_gets_over_a_damaged_lineage),
        TEST(damaged_manifest_halts_at_every_byte),
        TEST(record_of_somebody_else_halts),
        TEST(manifest_that_is_not_the_one_sealed_halts),
        TEST(seal_copy_that_is_no_seal_halts),
        TEST(bit_that_flips_on_the_way_is_read_again),
        TEST(names_that_make_no_keys_are_refused),
        TEST(store_is_probed_once_per_lineage_and_place),
        TEST(store_that_fails_the_probe_is_not_written_to),
        TEST(tools_may_look_without_sealing),
    };
    return RUN_TESTS(tests);
}
