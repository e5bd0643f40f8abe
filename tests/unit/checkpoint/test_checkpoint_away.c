/* tests/checkpoint_away: whichever request of a tool is not answered, it says so, may be tried
 * again, and then does what it would have done; it leaves alone what is not its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "weir/promotion.h"
#include "weir/retain.h"

#define MINUTE_US (60LL * 1000000)

enum { EPOCHS = 9, REQUESTS_MAX = 400 };

typedef struct outage { /* request `at` of the store is not answered, the others are */
    uint64_t at, seen;
    bool     met;
} outage;

static bool is_away(outage *o)
{
    o->seen++;
    o->met |= o->seen == o->at;
    return o->seen == o->at;
}

static faulty_act away_at(void *self, const char *verb, const weir_object *object,
                          uint64_t call)
{
    (void)verb;
    (void)object;
    (void)call;
    return is_away(self) ? FAULTY_BUSY : FAULTY_PASS;
}

static weir_code list_or_away(weir_store *store, weir_str prefix, weir_str after,
                              uint32_t most, weir_arena *arena, weir_listed **out,
                              uint32_t *out_count, weir_err *err)
{
    faulty_store *faulty = (faulty_store *)store;
    if (faulty->hook != NULL && is_away(faulty->self))
        return weir_retry(err, WEIR_E_REMOTE, "made up");
    return faulty->inner->kind->list(faulty->inner, prefix, after, most, arena, out,
                                     out_count, err);
}

/* Nine epochs, a minute apart, in three generations, with blobs in data objects; epoch 2 is
   pinned. */
static void build(bed *b)
{
    weir_manifest *manifest = NULL;
    bed_open(b);
    b->generation_epochs = 3;
    b->inline_bytes = 10;
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    (void)bed_take_over(b, checkpoint, NULL);
    for (uint64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        fake_clock_move(&b->clock, MINUTE_US);
        weir_sha256   sha;
        weir_buf      section = {0};
        weir_blob_ref ref;
        char          bytes[40] = {(char)epoch};
        weir_stage   *stage = weir_checkpoint_stage(checkpoint, epoch);
        weir_stage_blob(stage, (weir_str){bytes, sizeof bytes}, false, &ref);
        weir_stage_refer(stage, &ref, &section);
        weir_stage_section(stage, "state", weir_buf_view(&section));
        CHECK_OK(weir_stage_build(stage, &sha, &b->err), &b->err);
        CHECK_OK(weir_stage_publish(stage, &b->err), &b->err);
        weir_stage_free(stage);
        CHECK_OK(weir_checkpoint_finalised(checkpoint, &b->err), &b->err);
        weir_buf_done(&section);
    }
    CHECK_OK(weir_checkpoint_find(checkpoint, 2, b->arena, &manifest, &b->err), &b->err);
    CHECK_OK(weir_checkpoint_pin(checkpoint, WEIR_STR("kept"), manifest, &b->err), &b->err);
    weir_checkpoint_close(checkpoint);
}

/* Does one thing and checks what comes of it; not OK: it could not. */
typedef weir_code work_fn(bed *b, weir_checkpoint *tool);

static weir_code spans(bed *b, weir_checkpoint *tool)
{
    weir_span span = {.first = 0};
    weir_code rc = weir_checkpoint_span(tool, &span, &b->err);
    if (rc != WEIR_OK)
        return rc;
    CHECK_U64(span.first, 1);
    CHECK_U64(span.last, EPOCHS);
    CHECK(span.finalised);
    return rc;
}

static weir_code finds(bed *b, weir_checkpoint *tool)
{
    weir_manifest *manifest = NULL;
    weir_code      rc = weir_checkpoint_find(tool, 4, b->arena, &manifest, &b->err);
    if (rc == WEIR_OK)
        CHECK_U64(manifest->epoch, 4);
    return rc;
}

static weir_code finds_by_time(bed *b, weir_checkpoint *tool)
{
    weir_manifest *manifest = NULL;
    int64_t        then_us = b->clock.wall - 5 * MINUTE_US;
    weir_code rc = weir_checkpoint_find_time(tool, then_us, b->arena, &manifest, &b->err);
    if (rc == WEIR_OK)
        CHECK_U64(manifest->epoch, EPOCHS - 5);
    return rc;
}

static weir_code lists_pins(bed *b, weir_checkpoint *tool)
{
    weir_pin *pin = NULL;
    uint32_t  count = 0;
    weir_code rc = weir_checkpoint_pins(tool, b->arena, &pin, &count, &b->err);
    if (rc != WEIR_OK)
        return rc;
    CHECK_INT(count, 1);
    CHECK_STR(pin[0].name, "kept");
    CHECK_U64(pin[0].epoch, 2);
    return rc;
}

static weir_code unpins(bed *b, weir_checkpoint *tool)
{
    weir_code rc = weir_checkpoint_unpin(tool, WEIR_STR("kept"), &b->err);
    CHECK_INT(bed_has(b, BED_BASE "pins/kept"), rc != WEIR_OK);
    return rc;
}

static weir_code chooses_a_lineage(bed *b, weir_checkpoint *tool)
{
    return weir_checkpoint_choose_lineage(tool, 1, &b->err);
}

static void no_fault(void *self, weir_str key, const char *what)
{
    (void)self;
    fail_msg("'%.*s': %s", WEIR_STR_FMT(key), what);
}

static weir_code verifies(bed *b, weir_checkpoint *tool)
{
    weir_verified out;
    weir_code     rc = weir_checkpoint_verify(tool, no_fault, NULL, &out, &b->err);
    if (rc != WEIR_OK)
        return rc;
    CHECK_U64(out.faults, 0);
    CHECK_U64(out.manifests, EPOCHS + 1); /* the pinned one for its pin, too */
    CHECK_U64(out.data, EPOCHS);
    return rc;
}

static weir_code collects(bed *b, weir_checkpoint *tool)
{
    weir_collect_setup setup = {.retain_us = MINUTE_US};
    weir_collected     out;
    weir_code          rc = weir_checkpoint_collect(tool, &setup, &out, &b->err);
    CHECK(bed_has(b, BED_BASE "log/00000001/00000002")); /* pinned */
    if (rc != WEIR_OK)
        return rc;
    assert_null(out.stopped);
    b->store.hook = NULL;
    CHECK(!bed_has(b, BED_BASE "log/00000001/00000001"));
    CHECK(out.first > 2);
    weir_pin *pin = NULL;
    uint32_t  count = 0;
    weir_span span;
    CHECK_OK(weir_checkpoint_pins(tool, b->arena, &pin, &count, &b->err), &b->err);
    CHECK_OK(weir_checkpoint_span(tool, &span, &b->err), &b->err);
    CHECK_U64(span.first, out.first);
    return weir_checkpoint_verify(tool, no_fault, NULL, &(weir_verified){0}, &b->err);
}

static weir_code reads_a_promotion(bed *b, weir_checkpoint *tool)
{
    weir_promotion *there = NULL;
    weir_code       rc =
        weir_promotion_read(tool, 2, WEIR_PROMOTION_BEGUN, b->arena, &there, &b->err);
    assert_null(there);
    return rc;
}

static weir_code begins_a_lineage(bed *b, weir_checkpoint *tool)
{
    bool                  empty = false;
    weir_checkpoint_setup setup = {.store = &b->store.base,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .take_over = true,
                                   .lineage = 2,
                                   .clock = &b->clock.base};
    (void)tool;
    weir_code rc = weir_checkpoint_begin(&setup, &empty, &b->err);
    if (rc != WEIR_OK)
        return rc;
    CHECK(empty);
    CHECK(bed_has(b, "place/job-1/l2/t0/seals/00000001"));
    CHECK(bed_has(b, BED_BASE "seals/00000003")); /* the one before is ended */
    return rc;
}

/* Each request once: an error that may be tried again, or one that was waited out. */
static void try_each_request(work_fn *work, bool every_one_fails)
{
    bool     met = true;
    uint64_t failed = 0, at = 0;
    while (met) {
        bed    b;
        outage o = {.at = ++at};
        build(&b);
        weir_checkpoint *tool = bed_checkpoint(&b);
        weir_store_kind  kind = *b.store.base.kind;
        kind.list = list_or_away;
        b.store.base.kind = &kind;
        b.store.hook = away_at;
        b.store.self = &o;
        weir_code rc = work(&b, tool);
        met = o.met;
        failed += rc != WEIR_OK;
        CHECK(rc == WEIR_OK || met);
        CHECK(rc != WEIR_OK || !met || !every_one_fails);
        if (rc != WEIR_OK)
            CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        b.store.hook = NULL;
        if (rc != WEIR_OK)
            CHECK_OK(work(&b, tool), &b.err);
        weir_checkpoint_close(tool);
        bed_close(&b);
        CHECK(at < REQUESTS_MAX);
    }
    CHECK(failed > 0);
}

static void what_only_reads_fails_at_every_request(void **state)
{
    (void)state;
    try_each_request(spans, true);
    try_each_request(finds, true);
    try_each_request(finds_by_time, true);
    try_each_request(lists_pins, true);
    try_each_request(chooses_a_lineage, true);
    try_each_request(verifies, true);
    try_each_request(reads_a_promotion, true);
}

static void what_writes_fails_or_waits_and_can_be_done_again(void **state)
{
    (void)state;
    try_each_request(unpins, true);
    try_each_request(collects, false);
    try_each_request(begins_a_lineage, false);
}

static void pin_is_put_or_not_at_every_request(void **state)
{
    (void)state;
    bool     met = true;
    uint64_t failed = 0;
    for (uint64_t at = 1; met; at++) {
        bed            b;
        outage         o = {.at = at};
        weir_manifest *manifest = NULL;
        build(&b);
        weir_checkpoint *tool = bed_checkpoint(&b);
        CHECK_OK(weir_checkpoint_find(tool, 4, b.arena, &manifest, &b.err), &b.err);
        b.store.hook = away_at;
        b.store.self = &o;
        weir_code rc = weir_checkpoint_pin(tool, WEIR_STR("new"), manifest, &b.err);
        met = o.met;
        failed += rc != WEIR_OK;
        CHECK(rc == WEIR_OK || (met && b.err.fate == WEIR_FATE_RETRY));
        b.store.hook = NULL;
        CHECK_OK(weir_checkpoint_pin(tool, WEIR_STR("new"), manifest, &b.err), &b.err);
        CHECK(bed_has(&b, BED_BASE "pins/new"));
        weir_checkpoint_close(tool);
        bed_close(&b);
    }
    CHECK(failed > 0);
}

#define HEX32 "0123456789abcdef0123456789abcdef"

/* Objects that lie where the collector looks, and are not what an owner puts. */
static void what_is_not_ours_is_left_alone(void **state)
{
    (void)state;
    static const char *const foreign[] = {BED_BASE "data/00000000",
                                          BED_BASE "data/0000001/00000001/" HEX32 "-0",
                                          BED_BASE "data/0000000x/00000001/" HEX32 "-0",
                                          BED_BASE "data/00000001/0000000x/" HEX32 "-0",
                                          BED_BASE "data/00000001/00000001/short-0",
                                          BED_BASE "data/00000001/00000001/" HEX32 "_0",
                                          BED_BASE "data/00000001/00000001/X" HEX32 "-0",
                                          BED_BASE "data/00000001/00000001/" HEX32 "-x",
                                          BED_BASE "data/00000001/00000001/" HEX32
                                                   "-4294967295",
                                          BED_BASE "data/00000001/00000001/"
                                                   "0123456789abcdefX123456789abcdef-0",
                                          BED_BASE "data/00000001/00000001/"
                                                   "0123456789abcdef0G23456789abcdef-0",
                                          BED_BASE "data/00000001/00000001/"
                                                   "0123456789abcdef0~23456789abcdef-0",
                                          BED_BASE "log/0000",
                                          BED_BASE "log/0000000x/00000001",
                                          BED_BASE "log/00000001/0000000x",
                                          BED_BASE "log/00000001/1"};
    static const char *const orphan = BED_BASE "data/00000001/00000001/" HEX32 "-0";
    bed                      b;
    build(&b);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        bed_store(&b, foreign[i], WEIR_STR("somebody's"));
    bed_store(&b, orphan, WEIR_STR("of an epoch that was never committed"));
    fake_clock_move(&b.clock, MINUTE_US);
    weir_checkpoint *tool = bed_checkpoint(&b);
    CHECK_OK(collects(&b, tool), &b.err);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (!bed_has(&b, foreign[i]))
            fail_msg("'%s' was taken", foreign[i]);
    CHECK(!bed_has(&b, orphan));
    weir_checkpoint_close(tool);
    bed_close(&b);
}

static void names_that_no_pin_can_have(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "A",
        "a/b",
        "a.b",
        "\x7f",
        "{",
        "12345678901234567890123456789012345678901234567890123456789012345"};
    bed            b;
    weir_manifest *manifest = NULL;
    build(&b);
    weir_checkpoint *tool = bed_checkpoint(&b);
    CHECK_OK(weir_checkpoint_find(tool, 4, b.arena, &manifest, &b.err), &b.err);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_str name = weir_str_of(bad[i]);
        CHECK_FAILS(weir_checkpoint_pin(tool, name, manifest, &b.err), WEIR_E_CONFIG,
                    &b.err);
        CHECK_FAILS(weir_checkpoint_unpin(tool, name, &b.err), WEIR_E_NOTFOUND, &b.err);
    }
    bed_store(&b, BED_BASE "pins/Not.A.Pin", WEIR_STR("x")); /* nobody of us put it */
    CHECK_FAILS(lists_pins(&b, tool), WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b.err, "pins/Not.A.Pin' cannot be a pin");
    weir_checkpoint_close(tool);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_only_reads_fails_at_every_request),
        TEST(what_writes_fails_or_waits_and_can_be_done_again),
        TEST(pin_is_put_or_not_at_every_request),
        TEST(what_is_not_ours_is_left_alone),
        TEST(names_that_no_pin_can_have),
    };
    return RUN_TESTS(tests);
}
