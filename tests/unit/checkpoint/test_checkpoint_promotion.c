/* tests/checkpoint_promotion: records of promotions come back or are refused; a lineage that is
 * begun ends the one before, which may then be settled and nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"
#include "weir/promotion.h"

#define BEGUN_KEY "place/job-1/promotions/00000002"

static weir_promoted outputs[] = {{false, WEIR_STR("revenue"), WEIR_STR("per_minute"),
                                   WEIR_STR("per_minute__fix"),
                                   WEIR_STR("per_minute__before_fix")},
                                  {true, WEIR_STR("lake"), WEIR_STR("s3://lake/a"),
                                   WEIR_STR("s3://lake/a__fix"), WEIR_STR("s3://lake/a")}};

static weir_promotion some(void)
{
    return (weir_promotion){.step = WEIR_PROMOTION_BEGUN,
                            .name = WEIR_STR("fix"),
                            .job = WEIR_STR("job-1"),
                            .lineage = 2,
                            .origin_job = WEIR_STR("job-1.fix"),
                            .origin_lineage = 1,
                            .last = {.gen = 3, .idx = 4, .epoch = 5, .sha = {{6}}},
                            .outputs = 2,
                            .output = outputs};
}

static weir_promotion *put(bed *b, weir_checkpoint *checkpoint,
                           const weir_promotion *promotion)
{
    weir_promotion *there = NULL;
    CHECK_OK(weir_promotion_put(checkpoint, promotion, b->arena, &there, &b->err), &b->err);
    CHECK(there != NULL);
    return there;
}

static void what_is_put_first_stays(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    weir_promotion   promotion = some(), *there = NULL;
    CHECK_OK(
        weir_promotion_read(checkpoint, 2, WEIR_PROMOTION_BEGUN, b.arena, &there, &b.err),
        &b.err);
    assert_null(there);
    there = put(&b, checkpoint, &promotion);
    CHECK(bed_has(&b, BEGUN_KEY));
    CHECK_STR(there->name, "fix");
    CHECK_STR(there->origin_job, "job-1.fix");
    CHECK_INT(there->lineage, 2);
    CHECK_INT(there->outputs, 2);
    CHECK(!there->output[0].files);
    CHECK(there->output[1].files);
    CHECK_STR(there->output[0].incoming, "per_minute__fix");
    CHECK_STR(there->output[1].outgoing, "s3://lake/a");
    CHECK_U64(there->last.epoch, 5);
    CHECK_U64(there->origin.idx, 0);
    promotion.name = WEIR_STR("other");
    CHECK_STR(put(&b, checkpoint, &promotion)->name, "fix");
    promotion.step = WEIR_PROMOTION_DONE;
    promotion.voided = promotion.undo = true;
    there = put(&b, checkpoint, &promotion);
    CHECK(there->voided);
    CHECK(there->undo);
    CHECK(bed_has(&b, BEGUN_KEY "-done"));
    CHECK(!bed_has(&b, BEGUN_KEY "-settled"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void check_refused(bed *b, weir_checkpoint *checkpoint, weir_str bytes,
                          const char *says)
{
    weir_promotion *there = NULL;
    bed_store(b, BEGUN_KEY, bytes);
    CHECK_FAILS(
        weir_promotion_read(checkpoint, 2, WEIR_PROMOTION_BEGUN, b->arena, &there, &b->err),
        WEIR_E_CORRUPT, &b->err);
    CHECK_INT(b->err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b->err, BEGUN_KEY);
    if (says != NULL)
        CHECK_SAYS(&b->err, says);
}

static weir_str whole(bed *b, record_kind kind, uint32_t sections, weir_section *section)
{
    checkpoint_record record = {.kind = kind,
                                .job = WEIR_STR("job-1"),
                                .task = WEIR_STR("t0"),
                                .lineage = 2,
                                .sections = sections,
                                .section = section};
    weir_buf          bytes = {0};
    record_write(&bytes, &record);
    weir_str kept = weir_str_copy(b->arena, weir_buf_view(&bytes));
    weir_buf_done(&bytes);
    return kept;
}

/* A whole record, with another body. */
static weir_str with_body(bed *b, weir_str body, const char *section_name)
{
    return whole(b, RECORD_PROMOTION, 1, &(weir_section){weir_str_of(section_name), body});
}

static void damaged_foreign_and_newer_records_are_refused(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    weir_promotion   promotion = some();
    (void)put(&b, checkpoint, &promotion);
    weir_str bytes = bed_bytes(&b, BEGUN_KEY);
    char    *copy = weir_arena_text(b.arena, "%s", "");
    for (size_t i = 0; i < bytes.len; i += 3) {
        copy = (char *)(uintptr_t)weir_str_copy(b.arena, bytes).at;
        copy[i] = (char)(copy[i] ^ 1);
        check_refused(&b, checkpoint, (weir_str){copy, bytes.len}, NULL);
    }
    checkpoint_record record;
    assert_null(record_read(bytes, b.arena, &record));
    weir_str body = record.section[0].bytes;
    bed_store(&b, BEGUN_KEY, with_body(&b, body, "promotion"));
    weir_promotion *there = NULL; /* the test's own records are good ones */
    CHECK_OK(
        weir_promotion_read(checkpoint, 2, WEIR_PROMOTION_BEGUN, b.arena, &there, &b.err),
        &b.err);
    for (size_t len = 0; len < body.len; len++)
        check_refused(&b, checkpoint, with_body(&b, (weir_str){body.at, len}, "promotion"),
                      NULL);
    copy = (char *)(uintptr_t)weir_str_copy(b.arena, body).at;
    copy[0] = 2;
    check_refused(&b, checkpoint, with_body(&b, (weir_str){copy, body.len}, "promotion"),
                  "another version");
    copy[0] = 1;
    copy[2] = WEIR_PROMOTION_DONE;
    check_refused(&b, checkpoint, with_body(&b, (weir_str){copy, body.len}, "promotion"),
                  "another step");
    copy[2] = WEIR_PROMOTION_BEGUN;
    copy[3] = 4;
    check_refused(&b, checkpoint, with_body(&b, (weir_str){copy, body.len}, "promotion"),
                  "not what a promotion writes");
    copy[3] = 0;
    weir_buf longer = {0};
    weir_buf_str(&longer, body);
    weir_buf_byte(&longer, 0);
    check_refused(&b, checkpoint, with_body(&b, weir_buf_view(&longer), "promotion"),
                  "not what a promotion writes");
    weir_buf_done(&longer);
    for (char step = 0; step <= WEIR_PROMOTION_DONE + 1; step += WEIR_PROMOTION_DONE + 1) {
        copy[2] = step;
        check_refused(&b, checkpoint,
                      with_body(&b, (weir_str){copy, body.len}, "promotion"),
                      "not what a promotion writes");
    }
    copy[2] = WEIR_PROMOTION_BEGUN;
    char *table = memmem(copy, body.len, "revenue", 7);
    CHECK(table != NULL && table[-2] == 0);
    table[-2] = 2; /* neither a table nor files */
    check_refused(&b, checkpoint, with_body(&b, (weir_str){copy, body.len}, "promotion"),
                  "not what a promotion writes");
    check_refused(&b, checkpoint, with_body(&b, body, "other"), "not a promotion's");
    weir_section twice[2] = {{WEIR_STR("promotion"), body}, {WEIR_STR("promotion"), body}};
    check_refused(&b, checkpoint, whole(&b, RECORD_PROMOTION, 2, twice),
                  "not a promotion's");
    check_refused(&b, checkpoint, whole(&b, RECORD_HINT, 0, NULL), "not a promotion's");
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

typedef void spoil(weir_promotion *promotion);

static char long_name[WEIR_KEY_BYTES_MAX + 1];

static void no_name(weir_promotion *promotion)
{
    promotion->name = WEIR_STR("");
}

static void long_job(weir_promotion *promotion)
{
    promotion->origin_job = (weir_str){long_name, WEIR_JOB_NAME_MAX + 1};
}

static void long_table(weir_promotion *promotion)
{
    promotion->output[1].outgoing = (weir_str){long_name, sizeof long_name};
}

static void first_lineage(weir_promotion *promotion)
{
    promotion->lineage = 1;
}

static void no_origin(weir_promotion *promotion)
{
    promotion->origin_lineage = 0;
}

static void place_without_index(weir_promotion *promotion)
{
    promotion->last.idx = 0;
}

static void place_without_epoch(weir_promotion *promotion)
{
    promotion->last.epoch = 0;
}

static void nowhere_of_a_generation(weir_promotion *promotion)
{
    promotion->origin = (weir_manifest_place){.gen = 1};
}

static void epoch_nowhere(weir_promotion *promotion)
{
    promotion->origin = (weir_manifest_place){.epoch = 1};
}

static void generation_too_large(weir_promotion *promotion)
{
    promotion->last.gen = RECORD_NUMBER_MAX + 1ull;
}

static void index_too_large(weir_promotion *promotion)
{
    promotion->last.idx = RECORD_NUMBER_MAX + 1ull;
}

static void too_many_outputs(weir_promotion *promotion)
{
    static weir_promoted many[WEIR_PROMOTED_OUTPUTS_MAX + 1];
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
        many[i] = promotion->output[0];
    promotion->output = many;
    promotion->outputs = WEIR_PROMOTED_OUTPUTS_MAX + 1;
}

/* Who put it is told at once, and so is every reader. */
static void what_no_promotion_is_like_is_refused(void **state)
{
    (void)state;
    static spoil *const spoils[] = {no_name,          long_job,
                                    long_table,       first_lineage,
                                    no_origin,        place_without_index,
                                    epoch_nowhere,    place_without_epoch,
                                    index_too_large,  nowhere_of_a_generation,
                                    too_many_outputs, generation_too_large};
    memset(long_name, 'n', sizeof long_name);
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        bed b;
        bed_open(&b);
        weir_checkpoint *checkpoint = bed_checkpoint(&b);
        weir_promotion   promotion = some(), *there = NULL;
        weir_promoted    own[] = {outputs[0], outputs[1]};
        promotion.output = own;
        spoils[i](&promotion);
        CHECK_FAILS(weir_promotion_put(checkpoint, &promotion, b.arena, &there, &b.err),
                    WEIR_E_CORRUPT, &b.err);
        CHECK_SAYS(&b.err, "not what a promotion writes");
        assert_null(there);
        CHECK_FAILS(weir_promotion_read(checkpoint, promotion.lineage, WEIR_PROMOTION_BEGUN,
                                        b.arena, &there, &b.err),
                    WEIR_E_CORRUPT, &b.err);
        weir_checkpoint_close(checkpoint);
        bed_close(&b);
    }
}

/* The record is of lineage 2, and what is in it of lineage 3. */
static void record_body_of_3(bed *b, weir_checkpoint *checkpoint)
{
    checkpoint_record record = bed_record(b, "place/job-1/promotions/00000003");
    check_refused(b, checkpoint, with_body(b, record.section[0].bytes, "promotion"),
                  "it belongs to another lineage");
}

static void record_of_another_lineage_is_refused(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    weir_promotion   promotion = some(), *there = NULL;
    promotion.lineage = 3;
    (void)put(&b, checkpoint, &promotion);
    check_refused(&b, checkpoint, bed_bytes(&b, "place/job-1/promotions/00000003"),
                  "lineage");
    record_body_of_3(&b, checkpoint);
    CHECK_OK(
        weir_promotion_read(checkpoint, 3, WEIR_PROMOTION_BEGUN, b.arena, &there, &b.err),
        &b.err);
    CHECK(there != NULL);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act refuse_all(void *self, const char *verb, const weir_object *object,
                             uint64_t call)
{
    (void)self, (void)verb, (void)object, (void)call;
    return FAULTY_REFUSE;
}

static void record_that_is_not_put_is_not_given(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    weir_promotion   promotion = some(), *there = NULL;
    b.store.hook = refuse_all;
    CHECK_FAILS(weir_promotion_put(checkpoint, &promotion, b.arena, &there, &b.err),
                WEIR_E_CONFIG, &b.err);
    CHECK_SAYS(&b.err, "403");
    assert_null(there);
    CHECK_FAILS(
        weir_promotion_read(checkpoint, 2, WEIR_PROMOTION_BEGUN, b.arena, &there, &b.err),
        WEIR_E_CONFIG, &b.err);
    b.store.hook = NULL;
    CHECK(!bed_has(&b, BEGUN_KEY));
    CHECK_STR(put(&b, checkpoint, &promotion)->name, "fix");
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* A location may be a bucket's root, and a manifest in the first generation of all. */
static void record_at_the_root_and_of_the_first_generation_comes_back(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_promotion        promotion = some(), *there = NULL;
    weir_checkpoint      *checkpoint = NULL;
    weir_checkpoint_setup setup = {.store = b.memory,
                                   .prefix = WEIR_STR(""),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .clock = &b.clock.base};
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &b.err), &b.err);
    promotion.last.gen = 0;
    there = put(&b, checkpoint, &promotion);
    CHECK_U64(there->last.gen, 0);
    CHECK_U64(there->last.idx, 4);
    CHECK_U64(there->last.epoch, 5);
    CHECK(bed_has(&b, "job-1/promotions/00000002"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* The same record says in a replay's folder that it was promoted. */
static void replays_job_has_it_under_its_own_next_lineage(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_promotion        promotion = some(), *there = NULL;
    weir_checkpoint      *checkpoint = NULL;
    weir_checkpoint_setup setup = {.store = b.memory,
                                   .prefix = WEIR_STR("place/job-1/replays"),
                                   .job = WEIR_STR("job-1.fix"),
                                   .task = WEIR_STR("t0"),
                                   .clock = &b.clock.base};
    promotion.lineage = 7;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &b.err), &b.err);
    (void)put(&b, checkpoint, &promotion);
    CHECK(bed_has(&b, "place/job-1/replays/job-1.fix/promotions/00000002"));
    CHECK_OK(
        weir_promotion_read(checkpoint, 2, WEIR_PROMOTION_BEGUN, b.arena, &there, &b.err),
        &b.err);
    CHECK_STR(there->job, "job-1");
    CHECK_INT(there->lineage, 7);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static weir_checkpoint_setup lineage_of(bed *b, uint32_t lineage, bool ended)
{
    return (weir_checkpoint_setup){.store = &b->store.base,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .take_over = true,
                                   .clock = &b->clock.base,
                                   .lineage = lineage,
                                   .ended = ended};
}

static void begun_lineage_ends_the_one_before(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    bool             empty = false, finalised = false;
    weir_manifest   *last = NULL;
    weir_checkpoint *live = bed_checkpoint(&b), *settler = NULL, *slow = bed_checkpoint(&b);
    (void)bed_take_over(&b, live, NULL);
    bed_run(&b, live, 1, 2);
    CHECK_OK(bed_publish(&b, live, 3, "three", NULL), &b.err);
    weir_checkpoint_setup ended = lineage_of(&b, 1, true), next = lineage_of(&b, 2, false);
    CHECK_OK(weir_checkpoint_open(&ended, &settler, &b.err), &b.err);
    CHECK_FAILS(weir_checkpoint_take_over(settler, b.arena, &last, &finalised, &b.err),
                WEIR_E_CONFLICT, &b.err);
    CHECK_SAYS(&b.err, "has not ended");
    weir_checkpoint_close(settler);
    for (int again = 0; again < 2; again++) {
        CHECK_OK(weir_checkpoint_begin(&next, &empty, &b.err), &b.err);
        CHECK(empty);
    }
    bed_expect_fenced(&b, live, 4);
    CHECK_FAILS(weir_checkpoint_take_over(slow, b.arena, &last, &finalised, &b.err),
                WEIR_E_CONFLICT, &b.err); /* it had decided for lineage 1 before */
    CHECK_INT(b.err.exit, WEIR_EXIT_FENCED);
    for (int again = 0; again < 2; again++) {
        CHECK_OK(weir_checkpoint_open(&ended, &settler, &b.err), &b.err);
        CHECK_OK(weir_checkpoint_take_over(settler, b.arena, &last, &finalised, &b.err),
                 &b.err);
        CHECK_U64(last->epoch, 3);
        CHECK_INT(finalised, again);
        if (!finalised)
            CHECK_OK(weir_checkpoint_finalised(settler, &b.err), &b.err);
        CHECK_OK(weir_checkpoint_seal(settler, &b.err), &b.err);
        weir_checkpoint_close(settler);
    }
    weir_checkpoint_close(slow);
    weir_checkpoint_close(live);
    live = bed_checkpoint(&b);
    CHECK_INT(weir_checkpoint_lineage(live), 2);
    b.watch = true; /* nobody is at work in it */
    assert_null(bed_take_over(&b, live, NULL));
    bed_run(&b, live, 1, 1);
    CHECK_OK(weir_checkpoint_begin(&next, &empty, &b.err), &b.err);
    CHECK(!empty);
    bed_run(&b, live, 2, 2); /* and goes on */
    weir_checkpoint_close(live);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_first_stays),
        TEST(damaged_foreign_and_newer_records_are_refused),
        TEST(what_no_promotion_is_like_is_refused),
        TEST(record_of_another_lineage_is_refused),
        TEST(record_that_is_not_put_is_not_given),
        TEST(record_at_the_root_and_of_the_first_generation_comes_back),
        TEST(replays_job_has_it_under_its_own_next_lineage),
        TEST(begun_lineage_ends_the_one_before),
    };
    return RUN_TESTS(tests);
}
