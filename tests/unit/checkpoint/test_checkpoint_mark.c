/* tests/checkpoint_mark: the collector's mark, and where epochs are: with names that are nobody's,
 * records that are damaged or move while they are looked for, and a store that does not answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_keep.h"

#define MINUTE_US (60LL * 1000000)
#define MARK_OF_4 BED_BASE "marks/000000000004"
#define MARK_OF_7 BED_BASE "marks/000000000007"

/* Epoch n of minute n; 1 to 3 are of generation 1, 4 to 6 of 2, and so on. */
static weir_checkpoint *run(bed *b, uint64_t epochs)
{
    bed_open(b);
    b->generation_epochs = 3;
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    (void)bed_take_over(b, checkpoint, NULL);
    for (uint64_t epoch = 1; epoch <= epochs; epoch++) {
        fake_clock_move(&b->clock, MINUTE_US);
        bed_run(b, checkpoint, epoch, epoch);
    }
    weir_checkpoint_close(checkpoint);
    return bed_checkpoint(b);
}

static void end(bed *b, weir_checkpoint *tool)
{
    weir_checkpoint_close(tool);
    bed_close(b);
}

static weir_collected collect(bed *b, weir_checkpoint *tool, int64_t retain_us)
{
    weir_collected     out;
    weir_collect_setup setup = {.retain_us = retain_us};
    CHECK_OK(weir_checkpoint_collect(tool, &setup, &out, &b->err), &b->err);
    CHECK(out.stopped == NULL);
    return out;
}

static uint64_t first_of(bed *b, weir_checkpoint *tool)
{
    weir_span span = {.first = 0};
    CHECK_OK(weir_checkpoint_span(tool, &span, &b->err), &b->err);
    return span.first;
}

static void put_mark(bed *b, weir_checkpoint *tool, uint64_t epoch)
{
    record_place place = {.gen = 99, .idx = 1, .epoch = epoch, .sha = {{1}}};
    keep_mark    mark;
    int64_t      store_us = 0;
    CHECK_OK(keep_mark_write(&tool->log, &place, b->arena, &mark, &store_us, &b->err),
             &b->err);
    CHECK_U64(mark.first.epoch, epoch);
    CHECK(store_us > 0);
}

static void other_names_beside_the_marks_count_for_nothing(void **state)
{
    (void)state;
    bed                      b;
    static const char *const names[] = {"marks/000000000000", "marks/9", "marks/clock",
                                        "marks/0000000000099", "marks/twelve-chars"};
    weir_checkpoint         *tool = run(&b, 7);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char key[80];
        (void)snprintf(key, sizeof key, "%s%s", BED_BASE, names[i]);
        bed_store(&b, key, WEIR_STR("nobody's"));
    }
    CHECK_U64(first_of(&b, tool), 1);
    CHECK_U64(collect(&b, tool, 0).first, 7);
    CHECK_U64(first_of(&b, tool), 7);
    end(&b, tool);
}

/* As many as are listed at a time, one more, and several pages. */
static void highest_of_many_marks_counts(void **state)
{
    (void)state;
    bed                   b;
    weir_checkpoint      *tool = run(&b, 1);
    static const uint64_t counts[] = {99, 100, 101, 250};
    uint64_t              epoch = 1;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (; epoch <= counts[i]; epoch++)
            put_mark(&b, tool, epoch);
        CHECK_U64(first_of(&b, tool), counts[i]);
    }
    end(&b, tool);
}

static void check_named(bed *b, weir_checkpoint *tool, const char *key, const char *says)
{
    weir_span span;
    CHECK_FAILS(weir_checkpoint_span(tool, &span, &b->err), WEIR_E_CORRUPT, &b->err);
    CHECK_INT(b->err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b->err, key);
    CHECK_SAYS(&b->err, says);
}

static void mark_that_is_none_is_named_and_not_believed(void **state)
{
    (void)state;
    bed              b;
    weir_checkpoint *tool = run(&b, 7);
    put_mark(&b, tool, 7);
    checkpoint_record good = bed_record(&b, MARK_OF_7), bad = good;
    bad.kind = RECORD_PIN;
    bed_put_record(&b, MARK_OF_7, &bad);
    check_named(&b, tool, MARK_OF_7, "it is not the collector's mark");
    bad = good;
    bad.prev = (record_place){.idx = 0};
    bad.epoch = 0;
    bed_put_record(&b, MARK_OF_7, &bad);
    check_named(&b, tool, MARK_OF_7, "it is not the collector's mark");
    bed_put_record(&b, BED_BASE "marks/000000000008", &good);
    check_named(&b, tool, BED_BASE "marks/000000000008", "of another epoch");
    record_place place = {.gen = 99, .idx = 1, .epoch = 8, .sha = {{1}}};
    keep_mark    mark;
    int64_t      store_us = -1; /* who is to put it finds it out, too */
    CHECK_FAILS(keep_mark_write(&tool->log, &place, b.arena, &mark, &store_us, &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_INT(store_us, -1);
    bed_remove(&b, BED_BASE "marks/000000000008");
    bed_remove(&b, MARK_OF_7);
    bed_put_record(&b, BED_BASE "mark",
                   &good); /* of a version that had one for all epochs */
    CHECK_U64(first_of(&b, tool), 7);
    end(&b, tool);
}

typedef struct meddler { /* does something at a request, once or always */
    bed             *b;
    weir_checkpoint *other;
    const char      *verb, *key;
    faulty_act       act;
    bool             once, done;
    void (*what)(bed *b, weir_checkpoint *other);
} meddler;

static faulty_act meddle(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    meddler *m = self;
    (void)call;
    if ((m->once && m->done) || strcmp(verb, m->verb) != 0 ||
        !weir_str_starts(object->key, m->key))
        return FAULTY_PASS;
    m->done = true;
    if (m->what != NULL)
        m->what(m->b, m->other);
    return m->act;
}

static void begin_to_meddle(bed *b, meddler *m)
{
    m->b = b;
    b->store.hook = meddle;
    b->store.self = m;
}

static void mark_moves_on(bed *b, weir_checkpoint *other)
{
    put_mark(b, other, 7);
    bed_remove(b, MARK_OF_4);
}

/* Another collector removes the mark that was listed once it has a higher one. */
static void mark_that_moves_while_it_is_read_is_looked_for_again(void **state)
{
    (void)state;
    bed              b;
    weir_span        span;
    weir_checkpoint *tool = run(&b, 7), *other = NULL;
    CHECK_OK(bed_try_checkpoint(&b, b.memory, &other), &b.err);
    put_mark(&b, tool, 4);
    meddler m = {.other = other,
                 .verb = "get",
                 .key = MARK_OF_4,
                 .once = true,
                 .what = mark_moves_on};
    begin_to_meddle(&b, &m);
    CHECK_U64(first_of(&b, tool), 7);
    CHECK(m.done);
    m = (meddler){.verb = "get", .key = BED_BASE "marks/", .act = FAULTY_MISS};
    begin_to_meddle(&b, &m); /* each time that it is looked for */
    CHECK_FAILS(weir_checkpoint_span(tool, &span, &b.err), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&b.err, "marks come and go");
    b.store.hook = NULL;
    CHECK_U64(first_of(&b, tool), 7);
    weir_checkpoint_close(other);
    end(&b, tool);
}

static void longer_name_is_there_instead(bed *b, weir_checkpoint *other)
{
    (void)other;
    bed_store(b, MARK_OF_7 "0", WEIR_STR("nobody's"));
    bed_remove(b, MARK_OF_7);
}

/* The store's clock says what is old: without its answer nothing is taken. */
static void mark_that_is_not_listed_ends_the_round(void **state)
{
    (void)state;
    for (int instead = 0; instead < 2; instead++) {
        bed                b;
        weir_collected     out;
        weir_collect_setup setup = {.retain_us = 0};
        weir_checkpoint   *tool = run(&b, 7);
        meddler            m = {.verb = "list",
                                .key = MARK_OF_7,
                                .once = true,
                                .act = instead > 0 ? FAULTY_PASS : FAULTY_MISS,
                                .what = instead > 0 ? longer_name_is_there_instead : NULL};
        begin_to_meddle(&b, &m);
        CHECK_FAILS(weir_checkpoint_collect(tool, &setup, &out, &b.err), WEIR_E_REMOTE,
                    &b.err);
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        CHECK_SAYS(&b.err, "does not list");
        CHECK_U64(out.manifests, 0);
        b.store.hook = NULL;
        CHECK_U64(collect(&b, tool, 0).manifests, 6);
        end(&b, tool);
    }
}

typedef weir_code ask(bed *b, weir_checkpoint *tool);

static weir_code ask_span(bed *b, weir_checkpoint *tool)
{
    weir_span span;
    return weir_checkpoint_span(tool, &span, &b->err);
}

static weir_code ask_find(bed *b, weir_checkpoint *tool)
{
    weir_manifest *manifest = NULL;
    return weir_checkpoint_find(tool, 5, b->arena, &manifest, &b->err);
}

static weir_code ask_time(bed *b, weir_checkpoint *tool)
{
    weir_manifest *manifest = NULL;
    int64_t        wall_us = b->clock.wall - 3 * MINUTE_US;
    return weir_checkpoint_find_time(tool, wall_us, b->arena, &manifest, &b->err);
}

static weir_code ask_lineage(bed *b, weir_checkpoint *tool)
{
    return weir_checkpoint_choose_lineage(tool, 1, &b->err);
}

static weir_code ask_pins(bed *b, weir_checkpoint *tool)
{
    weir_pin *pin = NULL;
    uint32_t  count = 0;
    return weir_checkpoint_pins(tool, b->arena, &pin, &count, &b->err);
}

static weir_code ask_collect(bed *b, weir_checkpoint *tool)
{
    weir_collected     out;
    weir_collect_setup setup = {.retain_us = 90 * 1000000, .owner_gen = 1};
    return weir_checkpoint_collect(tool, &setup, &out, &b->err);
}

static faulty_act busy_at(void *self, const char *verb, const weir_object *object,
                          uint64_t call)
{
    const uint64_t *at = self;
    bool put_new = strcmp(verb, "put_new") == 0; /* that is tried again until it is known */
    (void)object;
    return call == *at && !put_new ? FAULTY_BUSY : FAULTY_PASS;
}

/* It is never said that something is not there, or is damaged, when nobody answered. */
static void store_that_does_not_answer_is_told_as_such(void **state)
{
    (void)state;
    static ask *const asks[] = {ask_span,    ask_find, ask_time,
                                ask_lineage, ask_pins, ask_collect};
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        uint64_t failed = 0;
        bool     met = true;
        for (uint64_t at = 1; met; at++) {
            bed              b;
            weir_manifest   *manifest = NULL;
            weir_checkpoint *tool = run(&b, 8);
            CHECK_OK(weir_checkpoint_find(tool, 2, b.arena, &manifest, &b.err), &b.err);
            CHECK_OK(weir_checkpoint_pin(tool, WEIR_STR("two"), manifest, &b.err), &b.err);
            put_mark(&b, tool, 2);
            b.store.calls = 0;
            b.store.hook = busy_at;
            b.store.self = &at;
            weir_code rc = asks[i](&b, tool);
            met = b.store.calls >= at;
            b.store.hook = NULL;
            failed += rc != WEIR_OK;
            if (rc != WEIR_OK)
                CHECK_INT(rc, WEIR_E_REMOTE);
            if (rc != WEIR_OK)
                CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
            CHECK_OK(asks[i](&b, tool), &b.err); /* later it works */
            end(&b, tool);
        }
        CHECK(failed >= (asks[i] == ask_lineage ? 1 : 2));
    }
}

static void what_never_was_is_not_found(void **state)
{
    (void)state;
    bed            b;
    weir_manifest *manifest = NULL;
    bed_open(&b);
    weir_checkpoint *tool = bed_checkpoint(&b);
    CHECK_FAILS(weir_checkpoint_find_time(tool, b.clock.wall, b.arena, &manifest, &b.err),
                WEIR_E_NOTFOUND, &b.err);
    CHECK_SAYS(&b.err, "no epoch that is kept is so old");
    end(&b, tool);
    tool = run(&b, 2);
    CHECK_FAILS(weir_checkpoint_find(tool, 0, b.arena, &manifest, &b.err), WEIR_E_NOTFOUND,
                &b.err);
    CHECK_SAYS(&b.err, "there is no epoch 0");
    CHECK_FAILS(weir_checkpoint_choose_lineage(tool, 2, &b.err), WEIR_E_NOTFOUND, &b.err);
    CHECK_SAYS(&b.err, "there is no lineage l2");
    CHECK_INT(weir_checkpoint_lineage(tool), 1);
    end(&b, tool);
}

static void damage_on_the_way_to_an_epoch_is_named(void **state)
{
    (void)state;
    bed               b;
    weir_manifest    *manifest = NULL;
    weir_checkpoint  *tool = run(&b, 8);
    checkpoint_record record = bed_record(&b, BED_BASE "log/00000002/00000002");
    record.epoch = 9;
    record.prev.epoch = 8;
    bed_put_record(&b, BED_BASE "log/00000002/00000002", &record);
    CHECK_FAILS(weir_checkpoint_find(tool, 5, b.arena, &manifest, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_SAYS(&b.err, BED_BASE "log/00000002/00000002");
    CHECK_SAYS(&b.err, "it is of another epoch");
    bed_remove(&b, BED_BASE "seals/00000001");
    CHECK_FAILS(weir_checkpoint_find(tool, 2, b.arena, &manifest, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b.err, BED_BASE "seals/00000001");
    CHECK_SAYS(&b.err, "it is missing");
    CHECK_OK(weir_checkpoint_find(tool, 6, b.arena, &manifest, &b.err), &b.err);
    CHECK_U64(manifest->epoch, 6);
    end(&b, tool);
}

/* Who said that less is kept may have taken the rest: more cannot be kept later, also when
   something of it is still there. */
static void longer_retention_does_not_bring_back_what_was_let_go(void **state)
{
    (void)state;
    bed              b;
    weir_manifest   *manifest = NULL;
    weir_checkpoint *tool = run(&b, 9);
    CHECK_OK(weir_checkpoint_find(tool, 4, b.arena, &manifest, &b.err), &b.err);
    CHECK_OK(weir_checkpoint_pin(tool, WEIR_STR("four"), manifest, &b.err), &b.err);
    CHECK_U64(collect(&b, tool, 4 * MINUTE_US + MINUTE_US / 2).first, 5);
    CHECK(bed_has(&b, BED_BASE "log/00000002/00000001"));
    CHECK(!bed_has(&b, BED_BASE "log/00000001/00000003"));
    CHECK_U64(collect(&b, tool, 100 * MINUTE_US).first, 5);
    CHECK_U64(first_of(&b, tool), 5);
    keep_mark    mark;
    keep_tail    tail;
    record_place first = {.idx = 0};
    CHECK_OK(keep_mark_read(&tool->log, b.arena, &mark, &b.err), &b.err);
    CHECK_OK(keep_tail_look(&tool->log, b.arena, &tail, &b.err), &b.err);
    CHECK_OK(keep_first_since(&tool->log, &tail.last, &mark.first, 0, &first, &b.err),
             &b.err);
    CHECK_U64(first.epoch, 5); /* though 4 is there, and young enough */
    end(&b, tool);
}

/* It was put by a process that slept in front of it until the slot was free again. */
static void seal_in_a_slot_that_was_collected_is_no_epoch(void **state)
{
    (void)state;
    bed              b;
    weir_manifest   *manifest = NULL;
    weir_checkpoint *tool = run(&b, 9);
    int64_t          third_us = b.clock.wall - 6 * MINUTE_US;
    CHECK_U64(collect(&b, tool, 6 * MINUTE_US + MINUTE_US / 2).first, 3);
    CHECK(!bed_has(&b, BED_BASE "log/00000001/00000001"));
    checkpoint_record seal = bed_record(&b, BED_BASE "log/00000000/00000001");
    seal.gen = 1;
    bed_put_record(&b, BED_BASE "log/00000001/00000001", &seal);
    record_place place;
    bool         there = true;
    int64_t      written_us = 0;
    CHECK_OK(keep_place_at(&tool->log, 1, 1, b.arena, &there, &place, &written_us, &b.err),
             &b.err);
    CHECK(!there);
    CHECK_U64(collect(&b, tool, 100 * MINUTE_US).first, 3);
    CHECK(bed_has(&b, BED_BASE "log/00000001/00000001"));
    CHECK_OK(weir_checkpoint_find_time(tool, third_us, b.arena, &manifest, &b.err), &b.err);
    CHECK_U64(manifest->epoch, 3);
    CHECK_FAILS(weir_checkpoint_find_time(tool, third_us - 1, b.arena, &manifest, &b.err),
                WEIR_E_NOTFOUND, &b.err);
    end(&b, tool);
}

/* No version put one there; what is there is followed as far as it goes. */
static void epoch_of_the_first_generation_is_the_first_of_all(void **state)
{
    (void)state;
    bed               b;
    weir_manifest    *manifest = NULL;
    checkpoint_record record = {.kind = RECORD_MANIFEST,
                                .job = WEIR_STR("job-1"),
                                .task = WEIR_STR("t0"),
                                .lineage = 1,
                                .idx = 1,
                                .epoch = 1};
    bed_open(&b);
    record.written_us = b.clock.wall;
    bed_put_record(&b, BED_BASE "log/00000000/00000001", &record);
    weir_checkpoint *tool = bed_checkpoint(&b);
    CHECK_U64(bed_take_over(&b, tool, NULL)->epoch, 1);
    fake_clock_move(&b.clock, MINUTE_US);
    CHECK_OK(weir_checkpoint_finalised(tool, &b.err), &b.err);
    bed_run(&b, tool, 2, 3);
    CHECK_OK(weir_checkpoint_find_time(tool, record.written_us, b.arena, &manifest, &b.err),
             &b.err);
    CHECK_U64(manifest->gen, 0);
    CHECK_U64(manifest->epoch, 1);
    CHECK_FAILS(
        weir_checkpoint_find_time(tool, record.written_us - 1, b.arena, &manifest, &b.err),
        WEIR_E_NOTFOUND, &b.err);
    end(&b, tool);
}

/* Neither an amended epoch nor the one that it replaces is final before somebody says so. */
static void amended_epoch_keeps_what_is_before_until_it_is_final(void **state)
{
    (void)state;
    bed              b;
    weir_sha256      sha;
    weir_stage      *stage = NULL;
    weir_checkpoint *tool = run(&b, 3), *owner = bed_checkpoint(&b);
    (void)bed_take_over(&b, owner, NULL);
    CHECK_OK(bed_publish(&b, owner, 4, "four", NULL), &b.err);
    weir_checkpoint_close(owner);
    owner = bed_checkpoint(&b);
    weir_manifest *last = bed_take_over(&b, owner, NULL);
    fake_clock_move(&b.clock, MINUTE_US);
    CHECK_U64(collect(&b, tool, 0).first, 1);
    CHECK_OK(weir_checkpoint_amend(owner, last, &stage, &b.err), &b.err);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    weir_collected out = collect(&b, tool, 0);
    CHECK_U64(out.first, 1);
    CHECK_U64(out.manifests, 0);
    CHECK_OK(weir_checkpoint_finalised(owner, &b.err), &b.err);
    fake_clock_move(&b.clock, MINUTE_US);
    out = collect(&b, tool, 0);
    CHECK_U64(out.first, 4);
    CHECK(out.manifests >= 3);
    weir_checkpoint_close(owner);
    end(&b, tool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(other_names_beside_the_marks_count_for_nothing),
        TEST(highest_of_many_marks_counts),
        TEST(mark_that_is_none_is_named_and_not_believed),
        TEST(mark_that_moves_while_it_is_read_is_looked_for_again),
        TEST(mark_that_is_not_listed_ends_the_round),
        TEST(store_that_does_not_answer_is_told_as_such),
        TEST(what_never_was_is_not_found),
        TEST(damage_on_the_way_to_an_epoch_is_named),
        TEST(longer_retention_does_not_bring_back_what_was_let_go),
        TEST(seal_in_a_slot_that_was_collected_is_no_epoch),
        TEST(epoch_of_the_first_generation_is_the_first_of_all),
        TEST(amended_epoch_keeps_what_is_before_until_it_is_final),
    };
    return RUN_TESTS(tests);
}
