/* tests/checkpoint_sweep: a round of the collector that meets what should not be there, what goes
 * while it looks, and stores that do not do what they are told. What it is in doubt about stays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_keep.h"

#define MINUTE_US (60LL * 1000000)
#define LOG BED_BASE "log/"

typedef struct yard {
    bed                b;
    weir_checkpoint   *owner, *tool;
    weir_collect_setup setup;
    weir_collected     out;
    const char        *verb, *key; /* at this request, behind the mark's, once: */
    uint32_t           nth;        /* of them, from 0 */
    faulty_act         act;
    bool               marked, done, away; /* away: it does not answer from then on */
    void (*what)(struct yard *y);
} yard;

/* Each epoch has a data object, unless all goes into the manifest. */
static void publish(yard *y, uint64_t epoch)
{
    weir_sha256   sha;
    weir_blob_ref ref;
    weir_buf      section = {0};
    fake_clock_move(&y->b.clock, MINUTE_US);
    weir_stage *stage = weir_checkpoint_stage(y->owner, epoch);
    weir_stage_blob(stage, WEIR_STR("state of one epoch"), false, &ref);
    weir_stage_refer(stage, &ref, &section);
    weir_stage_section(stage, "state", weir_buf_view(&section));
    CHECK_OK(weir_stage_build(stage, &sha, &y->b.err), &y->b.err);
    CHECK_OK(weir_stage_publish(stage, &y->b.err), &y->b.err);
    weir_stage_free(stage);
    CHECK_OK(weir_checkpoint_finalised(y->owner, &y->b.err), &y->b.err);
    weir_buf_done(&section);
}

/* Epoch n of minute n; 1 to 3 are of generation 1, 4 to 6 of 2, and so on. */
static yard *start(uint64_t epochs)
{
    yard *y = calloc(1, sizeof *y);
    bed_open(&y->b);
    y->b.generation_epochs = 3;
    y->b.inline_bytes = 1;
    y->owner = bed_checkpoint(&y->b);
    (void)bed_take_over(&y->b, y->owner, NULL);
    for (uint64_t epoch = 1; epoch <= epochs; epoch++)
        publish(y, epoch);
    y->tool = bed_checkpoint(&y->b);
    fake_clock_move(&y->b.clock, 1000000);
    return y;
}

static void end(yard *y)
{
    weir_checkpoint_close(y->owner);
    weir_checkpoint_close(y->tool);
    bed_close(&y->b);
    free(y);
}

static weir_code try_collect(yard *y)
{
    return weir_checkpoint_collect(y->tool, &y->setup, &y->out, &y->b.err);
}

static void collect(yard *y)
{
    CHECK_OK(try_collect(y), &y->b.err);
    CHECK(y->out.stopped == NULL);
}

static faulty_act meddle(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    yard *y = self;
    (void)call;
    y->marked |=
        weir_str_starts(object->key, BED_BASE "marks/") && strcmp(verb, "put_new") == 0;
    if (y->away && y->done)
        return FAULTY_BUSY;
    if (y->done || !y->marked || strcmp(verb, y->verb) != 0 ||
        !weir_str_starts(object->key, y->key) || y->nth-- > 0)
        return FAULTY_PASS;
    y->done = true;
    if (y->what != NULL)
        y->what(y);
    return y->act;
}

static void begin_to_meddle(yard *y, const char *verb, const char *key,
                            void (*what)(yard *y), faulty_act act)
{
    y->verb = verb;
    y->key = key;
    y->what = what;
    y->act = act;
    y->marked = y->done = false;
    y->b.store.hook = meddle;
    y->b.store.self = y;
}

static void stop_meddling(yard *y)
{
    CHECK(y->done);
    y->b.store.hook = NULL;
    y->away = false;
}

static bool has_record(yard *y, uint64_t gen, uint64_t idx)
{
    log_key key = log_key_of_record(&y->tool->log, gen, idx);
    return bed_has(&y->b, key.at);
}

static uint32_t objects_below(yard *y, const char *prefix)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    CHECK_OK(y->b.memory->kind->list(y->b.memory, weir_str_of(prefix), WEIR_STR(""), 1000,
                                     y->b.arena, &listed, &count, &y->b.err),
             &y->b.err);
    return count;
}

static void no_fault(void *self, weir_str key, const char *what)
{
    (void)self;
    fail_msg("'%.*s': %s", WEIR_STR_FMT(key), what);
}

/* Whatever was done: all that is kept is there. */
static void check_sound(yard *y, uint64_t manifests)
{
    weir_verified out;
    CHECK_OK(weir_checkpoint_verify(y->tool, no_fault, NULL, &out, &y->b.err), &y->b.err);
    CHECK_U64(out.manifests, manifests);
}

/* It alone said that the last epoch is final. The next round knows less, and keeps more. */
static void hint_that_is_lost_moves_nothing_back(void **state)
{
    (void)state;
    yard *y = start(4);
    begin_to_meddle(y, "remove", BED_BASE, NULL, FAULTY_BUSY);
    y->away = true;
    CHECK_FAILS(try_collect(y), WEIR_E_REMOTE, &y->b.err);
    stop_meddling(y);
    CHECK_U64(y->out.first, 4);
    bed_remove(&y->b, BED_BASE "hint");
    collect(y);
    CHECK_U64(y->out.first, 4); /* that was promised to nobody any more */
    CHECK_U64(y->out.manifests + y->out.data, 0);
    check_sound(y, 1);
    publish(y, 5);
    fake_clock_move(&y->b.clock, 1000000);
    collect(y);
    CHECK_U64(y->out.manifests, 3);
    CHECK_U64(y->out.data, 3);
    check_sound(y, 2);
    end(y);
}

static void puts_a_higher_mark(yard *y)
{
    record_place first = {.gen = 99, .idx = 1, .epoch = 1000, .sha = {{1}}};
    keep_mark    mark;
    int64_t      store_us = 0;
    CHECK_OK(
        keep_mark_write(&y->tool->log, &first, y->b.arena, &mark, &store_us, &y->b.err),
        &y->b.err);
}

/* Epoch 7 is the first that is kept. */
static yard *start_with_refs(weir_str refs)
{
    yard *y = start(8);
    bed_rewrite(&y->b, LOG "00000003/00000001", "refs", refs);
    return y;
}

static void list_that_is_damaged_ends_the_round(void **state)
{
    (void)state;
    yard *y = start_with_refs(WEIR_STR("\x01\x09what"));
    for (int dry_run = 0; dry_run < 2; dry_run++) {
        y->setup.dry_run = dry_run > 0;
        CHECK_FAILS(try_collect(y), WEIR_E_CORRUPT, &y->b.err);
        CHECK_INT(y->b.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&y->b.err, LOG "00000003/00000001");
        CHECK_SAYS(&y->b.err, "its list of objects is damaged");
    }
    CHECK_U64(objects_below(y, BED_BASE "data/"), 8);
    CHECK(has_record(y, 1, 1));
    end(y);
}

/* Another collector takes what this one would keep: that is no damage. */
static void damage_that_another_collector_explains_is_none(void **state)
{
    (void)state;
    yard *y = start_with_refs(WEIR_STR("\x01\x09what"));
    begin_to_meddle(y, "get", LOG "00000003/00000001", puts_a_higher_mark, FAULTY_PASS);
    CHECK_OK(try_collect(y), &y->b.err);
    stop_meddling(y);
    CHECK(y->out.stopped != NULL);
    CHECK_TEXT(y->out.stopped, "another collector is at work");
    CHECK_U64(y->out.manifests + y->out.data, 0);
    end(y);
    y = start_with_refs(WEIR_STR("\x01\x09what"));
    begin_to_meddle(y, "get", LOG "00000003/00000001", NULL, FAULTY_PASS);
    y->away = true; /* whether there is one cannot be found out */
    CHECK_FAILS(try_collect(y), WEIR_E_REMOTE, &y->b.err);
    CHECK_INT(y->b.err.fate, WEIR_FATE_RETRY);
    stop_meddling(y);
    end(y);
}

static void epoch_that_lists_nothing_ends_the_round(void **state)
{
    (void)state;
    yard *y = start_with_refs((weir_str){NULL, 0});
    CHECK_OK(try_collect(y), &y->b.err);
    CHECK(y->out.stopped != NULL);
    CHECK_HOLDS(y->out.stopped, "did not list what it needs");
    CHECK_U64(y->out.manifests + y->out.data, 0);
    CHECK(has_record(y, 1, 1));
    end(y);
}

static void first_epoch_that_is_missing_is_named(void **state)
{
    (void)state;
    yard *y = start(6); /* generation 3 is empty */
    bed_remove(&y->b, LOG "00000002/00000001");
    CHECK_FAILS(try_collect(y), WEIR_E_CORRUPT, &y->b.err);
    CHECK_INT(y->b.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&y->b.err, LOG "00000002/00000001");
    CHECK_SAYS(&y->b.err, "it is missing");
    CHECK(has_record(y, 1, 1));
    end(y);
}

static void removes_the_mark(yard *y)
{
    bed_remove(&y->b, BED_BASE "marks/000000000007");
}

/* Without it somebody could pin what is taken. */
static void mark_that_goes_ends_the_round(void **state)
{
    (void)state;
    yard *y = start(8);
    begin_to_meddle(y, "get", LOG "00000003/00000001", removes_the_mark, FAULTY_PASS);
    CHECK_OK(try_collect(y), &y->b.err);
    stop_meddling(y);
    CHECK(y->out.stopped != NULL);
    CHECK_U64(y->out.manifests + y->out.data, 0);
    end(y);
}

static void seal_of_the_owner_itself_ends_no_round(void **state)
{
    (void)state;
    yard *y = start(8);
    y->setup.owner_gen = 2; /* which it has sealed, and goes on in generation 3 */
    collect(y);
    CHECK_U64(y->out.manifests, 6);
    CHECK_U64(y->out.data, 6);
    check_sound(y, 2);
    end(y);
}

/* Minutes of pauses, at one object a second. */
static void dry_run_pauses_never(void **state)
{
    (void)state;
    yard *y = start(8);
    y->setup.rate = 1;
    y->setup.dry_run = true;
    y->b.clock.paused = 0;
    collect(y);
    CHECK_U64(y->out.manifests, 6);
    CHECK_INT(y->b.clock.paused, 0);
    end(y);
}

static atomic_int *stop_at_pause;

static void pause_and_stop(weir_clock *clock, int64_t us)
{
    ((fake_clock *)clock)->paused += us;
    atomic_store(stop_at_pause, 1);
}

static void stop_is_seen_within_a_pause(void **state)
{
    (void)state;
    yard *y = start(8);
    y->setup.rate = 1;
    y->b.clock.paused = 0;
    y->b.clock.base.pause_us = pause_and_stop;
    stop_at_pause = &y->b.stop;
    CHECK_OK(try_collect(y), &y->b.err);
    CHECK(y->out.stopped != NULL);
    CHECK_TEXT(y->out.stopped, "it was told to stop");
    CHECK_INT(y->b.clock.paused, 1000000); /* of the six behind the data */
    CHECK_U64(y->out.manifests, 0);
    end(y);
}

static void count_taken(void *self, weir_str key, uint64_t bytes)
{
    yard *y = self;
    CHECK(!bed_has(&y->b, key.at));
    CHECK(bytes > 0);
    y->nth++;
}

static void each_object_that_is_taken_is_told(void **state)
{
    (void)state;
    yard *y = start(8);
    y->setup.took = count_taken;
    y->setup.self = y;
    collect(y);
    CHECK_U64(y->nth, 12);
    CHECK_U64(y->out.manifests + y->out.data, 12);
    end(y);
}

/* Of some that are to go one does not: the others count, and the next round takes it. */
static void object_that_is_not_removed_is_left_to_the_next_round(void **state)
{
    (void)state;
    static const char *const folders[] = {BED_BASE "data/", LOG};
    for (size_t i = 0; i < 2; i++) {
        yard *y = start(8);
        y->nth = 2;
        begin_to_meddle(y, "remove", folders[i], NULL, FAULTY_BUSY);
        CHECK_FAILS(try_collect(y), WEIR_E_REMOTE, &y->b.err);
        stop_meddling(y);
        CHECK_U64(i == 0 ? y->out.data : y->out.manifests, 5);
        collect(y);
        CHECK_U64(i == 0 ? y->out.data : y->out.manifests, 1);
        CHECK_U64(objects_below(y, BED_BASE "data/"), 2);
        check_sound(y, 2);
        end(y);
    }
}

/* What it cannot see to be an epoch's may be a SEAL. */
static void record_that_cannot_be_read_stays(void **state)
{
    (void)state;
    yard *y = start(8);
    bed_store(&y->b, LOG "00000001/00000002", WEIR_STR("short"));
    collect(y);
    CHECK_U64(y->out.manifests, 5);
    CHECK(has_record(y, 1, 2));
    end(y);
    y = start(8);
    y->nth = 1;
    begin_to_meddle(y, "get", LOG "00000001/0000000", NULL, FAULTY_MISS);
    collect(y); /* another collector was there before */
    stop_meddling(y);
    CHECK_U64(y->out.manifests, 5);
    CHECK(has_record(y, 1, 2));
    CHECK(!has_record(y, 1, 3));
    end(y);
}

#define NONCE "0123456789abcdef0123456789abcde"

static void names_that_are_nobodys_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"data/x",
                                        "data/00000001/x",
                                        "data/00000001/00000001/x",
                                        "data/00000001/00000001/" NONCE "f+0",
                                        "data/00000001/00000001/" NONCE "-0-1",
                                        "data/00000001/00000001/" NONCE "g-0",
                                        "data/00000001/00000001/" NONCE "F-0",
                                        "data/00000001/00000001/" NONCE "/-0",
                                        "data/00000001/00000001/" NONCE ":-0",
                                        "data/00000001/00000001/" NONCE "f-",
                                        "data/00000001/00000001/" NONCE "f-4294967295",
                                        "data/1/00000001/" NONCE "f-0",
                                        "log/x",
                                        "log/00000001/x",
                                        "log/00000001/1",
                                        "log/00000001/00000001x"};
    yard                    *y = start(8);
    char                     key[120];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(key, sizeof key, BED_BASE "%s", names[i]);
        bed_store(&y->b, key, WEIR_STR("nobody's, and long enough"));
    }
    bed_store(&y->b, BED_BASE "data/00000001/00000001/" NONCE "f-0", WEIR_STR("ours"));
    fake_clock_move(&y->b.clock, MINUTE_US);
    collect(y);
    CHECK_U64(y->out.manifests, 6);
    CHECK_U64(y->out.data, 7); /* of an epoch that nobody committed is the seventh */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(key, sizeof key, BED_BASE "%s", names[i]);
        if (!bed_has(&y->b, key))
            fail_msg("'%s' was taken", key);
    }
    end(y);
}

/* Where a generation ended is not known then: a SEAL could be taken for an epoch's slot. */
static void generation_without_its_seal_stays(void **state)
{
    (void)state;
    yard *y = start(8);
    bed_remove(&y->b, BED_BASE "seals/00000001");
    collect(y);
    CHECK_U64(y->out.first, 7);
    CHECK_U64(y->out.manifests, 3); /* of generation 2 */
    CHECK(has_record(y, 1, 1) && has_record(y, 1, 3));
    CHECK(!has_record(y, 2, 1));
    end(y);
}

static void removes_generation_3(yard *y)
{
    static const char *const keys[] = {LOG "00000003/00000001", LOG "00000003/00000002",
                                       LOG "00000003/00000003", LOG "00000003/00000004"};
    for (size_t i = 0; i < 4; i++)
        bed_remove(&y->b, keys[i]);
}

/* The round ends behind it all the same. */
static void first_epoch_that_goes_while_it_is_listed_takes_nothing_along(void **state)
{
    (void)state;
    yard *y = start(13);
    y->setup.retain_us = 6 * MINUTE_US + MINUTE_US / 2;
    begin_to_meddle(y, "list", LOG, removes_generation_3, FAULTY_PASS);
    collect(y);
    stop_meddling(y);
    CHECK_U64(y->out.first, 7);
    CHECK_U64(y->out.manifests, 6);
    CHECK(has_record(y, 4, 1) && has_record(y, 4, 3));
    end(y);
}

static void lineage_without_data_objects_is_collected_too(void **state)
{
    (void)state;
    yard *y = calloc(1, sizeof *y);
    bed_open(&y->b);
    y->b.generation_epochs = 3;
    y->owner = bed_checkpoint(&y->b);
    (void)bed_take_over(&y->b, y->owner, NULL);
    for (uint64_t epoch = 1; epoch <= 8; epoch++)
        publish(y, epoch);
    y->tool = bed_checkpoint(&y->b);
    fake_clock_move(&y->b.clock, 1000000);
    CHECK_U64(objects_below(y, BED_BASE "data/"), 0);
    collect(y);
    CHECK_U64(y->out.manifests, 6);
    CHECK_U64(y->out.data, 0);
    check_sound(y, 2);
    end(y);
}

/* A log as it is after 99,999,987 epochs: their numbers have a digit more soon, and what has more
   digits is listed before what has less. */
static void put_long_log(yard *y)
{
    checkpoint_record record = {.kind = RECORD_MANIFEST,
                                .job = WEIR_STR("job-1"),
                                .task = WEIR_STR("t0"),
                                .lineage = 1,
                                .idx = 2,
                                .epoch = 99999987,
                                .prev = {.idx = 1, .epoch = 99999986, .sha = {{1}}},
                                .written_us = y->b.clock.wall};
    weir_buf          refs = {0};
    ref_set           none = {0};
    ref_set_write(&none, &refs);
    weir_section section = {WEIR_STR("refs"), weir_buf_view(&refs)};
    record.sections = 1;
    record.section = &section;
    bed_put_record(&y->b, LOG "00000000/00000001",
                   &record); /* only its being there counts */
    bed_put_record(&y->b, LOG "00000000/00000002", &record);
    weir_buf_done(&refs);
}

static void epochs_of_nine_digits_hide_none_of_eight(void **state)
{
    (void)state;
    yard *y = calloc(1, sizeof *y);
    bed_open(&y->b);
    y->b.generation_epochs = 20;
    y->b.inline_bytes = 1;
    put_long_log(y);
    y->owner = bed_checkpoint(&y->b);
    CHECK_U64(bed_take_over(&y->b, y->owner, NULL)->epoch, 99999987);
    for (uint64_t epoch = 99999988; epoch <= 100000010; epoch++)
        publish(y, epoch);
    y->tool = bed_checkpoint(&y->b);
    y->setup.retain_us = 15 * MINUTE_US + MINUTE_US / 2;
    collect(y);
    CHECK_U64(y->out.first, 99999995);
    CHECK_U64(y->out.data, 7); /* 99999988 to 99999994 */
    CHECK_U64(objects_below(y, BED_BASE "data/"), 16);
    CHECK(bed_has(&y->b, LOG "00000000/00000003")); /* the SEAL */
    weir_manifest *manifest = NULL;
    int64_t        early_us = y->b.clock.wall - 100 * MINUTE_US;
    CHECK_FAILS(
        weir_checkpoint_find_time(y->tool, early_us, y->b.arena, &manifest, &y->b.err),
        WEIR_E_NOTFOUND, &y->b.err);
    check_sound(y, 16);
    end(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hint_that_is_lost_moves_nothing_back),
        TEST(list_that_is_damaged_ends_the_round),
        TEST(damage_that_another_collector_explains_is_none),
        TEST(epoch_that_lists_nothing_ends_the_round),
        TEST(first_epoch_that_is_missing_is_named),
        TEST(mark_that_goes_ends_the_round),
        TEST(seal_of_the_owner_itself_ends_no_round),
        TEST(dry_run_pauses_never),
        TEST(stop_is_seen_within_a_pause),
        TEST(each_object_that_is_taken_is_told),
        TEST(object_that_is_not_removed_is_left_to_the_next_round),
        TEST(record_that_cannot_be_read_stays),
        TEST(names_that_are_nobodys_stay),
        TEST(generation_without_its_seal_stays),
        TEST(first_epoch_that_goes_while_it_is_listed_takes_nothing_along),
        TEST(lineage_without_data_objects_is_collected_too),
        TEST(epochs_of_nine_digits_hide_none_of_eight),
    };
    return RUN_TESTS(tests);
}
