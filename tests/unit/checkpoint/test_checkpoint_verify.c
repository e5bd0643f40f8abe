/* tests/checkpoint_verify: every object that is kept, damaged or taken away, is named.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_refs.h"
#include "weir/retain.h"

typedef struct found {
    uint64_t count;
    char     key[WEIR_KEY_BYTES_MAX + 1];
    char     what[400];
    char     first_key[WEIR_KEY_BYTES_MAX + 1], first_what[400];
} found;

static void report(void *self, weir_str key, const char *what)
{
    found *f = self;
    (void)snprintf(f->key, sizeof f->key, "%.*s", WEIR_STR_FMT(key));
    (void)snprintf(f->what, sizeof f->what, "%s", what);
    if (f->count++ > 0)
        return;
    memcpy(f->first_key, f->key, sizeof f->key);
    memcpy(f->first_what, f->what, sizeof f->what);
}

/* Six epochs in three generations; each names the blobs of the two before it, which are in
   data objects and in manifests. */
static void build(bed *b)
{
    weir_blob_ref small[2] = {{.idx = 0}}, big[2] = {{.idx = 0}};
    bed_open(b);
    b->generation_epochs = 3;
    b->inline_bytes = 50;
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    (void)bed_take_over(b, checkpoint, NULL);
    for (uint64_t epoch = 1; epoch <= 6; epoch++) {
        weir_sha256 sha;
        weir_buf    section = {0};
        char        bytes[40] = {(char)epoch};
        weir_stage *stage = weir_checkpoint_stage(checkpoint, epoch);
        for (int i = 0; i < 2; i++) {
            if (small[i].idx == 0)
                continue;
            weir_stage_refer(stage, &small[i], &section);
            weir_stage_refer(stage, &big[i], &section);
        }
        weir_stage_blob(stage, (weir_str){bytes, 40}, false, &small[epoch % 2]);
        weir_stage_blob(stage, (weir_str){bytes, 40}, false, &big[epoch % 2]);
        weir_stage_section(stage, "state", weir_buf_view(&section));
        CHECK_OK(weir_stage_build(stage, &sha, &b->err), &b->err);
        CHECK_OK(weir_stage_publish(stage, &b->err), &b->err);
        weir_stage_free(stage);
        CHECK_OK(weir_checkpoint_finalised(checkpoint, &b->err), &b->err);
        weir_buf_done(&section);
    }
    weir_checkpoint_close(checkpoint);
}

static weir_verified verify(bed *b, found *f)
{
    weir_verified    out;
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    memset(f, 0, sizeof *f);
    CHECK_OK(weir_checkpoint_verify(checkpoint, report, f, &out, &b->err), &b->err);
    assert_int_equal(out.faults, f->count);
    weir_checkpoint_close(checkpoint);
    return out;
}

static void sound_lineage_is_read_whole(void **state)
{
    bed   b;
    found f;
    (void)state;
    build(&b);
    weir_verified out = verify(&b, &f);
    assert_int_equal(f.count, 0);
    assert_int_equal(out.seals, 3);
    assert_int_equal(out.manifests, 6);
    assert_int_equal(out.data, 6);
    assert_int_equal(out.unlisted, 0);
    bed_close(&b);
}

static weir_listed *list(bed *b, uint32_t *count)
{
    weir_listed *listed = NULL;
    CHECK_OK(b->memory->kind->list(b->memory, WEIR_STR(BED_BASE), WEIR_STR(""), 1000,
                                   b->arena, &listed, count, &b->err),
             &b->err);
    return listed;
}

/* The key that is named, or the open end of the log, where nothing can be said behind it. */
static void check_named(const found *f, weir_str key, const char *how)
{
    bool same = weir_str_eq(weir_str_of(f->key), key);
    if (f->count == 0 || (!same && strstr(f->what, key.at) == NULL && f->count == 1 &&
                          strstr(key.at, "/log/00000003/") == NULL))
        fail_msg("'%s' %s: %" PRIu64 " faults, the last is '%s': %s", key.at, how, f->count,
                 f->key, f->what);
}

static void each_object_that_is_damaged_or_gone_is_named(void **state)
{
    bed      b;
    found    f;
    uint32_t count = 0;
    (void)state;
    build(&b);
    weir_listed *listed = list(&b, &count);
    CHECK(count > 15);
    for (uint32_t i = 0; i < count; i++) {
        const char *key = listed[i].key.at;
        if (strstr(key, "/hint") != NULL)
            continue; /* which nobody needs */
        weir_str bytes = bed_bytes(&b, key);
        weir_str bad = weir_str_copy(b.arena, bytes);
        ((char *)(uintptr_t)bad.at)[bytes.len / 2] ^= 4;
        bed_store(&b, key, bad);
        (void)verify(&b, &f);
        check_named(&f, listed[i].key, "was changed");
        bed_store(&b, key, (weir_str){bytes.at, bytes.len - 1});
        (void)verify(&b, &f);
        check_named(&f, listed[i].key, "was cut");
        if (strstr(key, "/log/") == NULL && strstr(key, "/seals/") == NULL) {
            bed_remove(&b, key);
            (void)verify(&b, &f);
            check_named(&f, listed[i].key, "is gone");
        }
        bed_store(&b, key, bytes);
    }
    weir_verified out = verify(&b, &f);
    assert_int_equal(out.faults, 0);
    bed_close(&b);
}

static void manifest_of_another_place_is_found(void **state)
{
    bed   b;
    found f;
    (void)state;
    build(&b);
    bed_store(&b, BED_BASE "log/00000001/00000002",
              bed_bytes(&b, BED_BASE "log/00000001/00000001"));
    (void)verify(&b, &f);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.key, BED_BASE "log/00000001/00000002");
    assert_string_equal(f.what, "another record belongs there");
    bed_close(&b);
}

typedef void spoil(checkpoint_record *record);

static void of_another_generation(checkpoint_record *record)
{
    record->gen = 3;
    record->idx = 1;
}

static void of_another_epoch(checkpoint_record *record)
{
    record->epoch = 9;
    record->prev.epoch = 8;
}

static void a_seal(checkpoint_record *record)
{
    record->kind = RECORD_SEAL;
    record->reason = RECORD_TAKEN_OVER;
    record->epoch = record->prev.epoch;
    record->sections = 0;
}

static void with_another_nonce(checkpoint_record *record)
{
    record->nonce[0] ^= 1;
}

static void a_hint(checkpoint_record *record)
{
    record->kind = RECORD_HINT;
    record->reason = RECORD_NO_REASON;
    record->idx = 0;
}

/* Whole records, in the wrong place, or not those that their neighbours name. */
static void whole_record_that_does_not_belong_there_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        spoil      *spoils;
        const char *says;
    } cases[] = {
        {"log/00000002/00000002", of_another_generation, "another record belongs there"},
        {"log/00000002/00000002", of_another_epoch, "another record belongs there"},
        {"log/00000002/00000002", a_seal, "another record belongs there"},
        {"log/00000002/00000002", with_another_nonce, "not the manifest that is named"},
        {"log/00000001/00000004", with_another_nonce, "not the SEAL of which there is a"},
        {"seals/00000001", of_another_generation, "not the seal of that generation"},
        {"seals/00000001", a_hint, "not the seal of that generation"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed   b;
        found f;
        char  key[80];
        build(&b);
        (void)snprintf(key, sizeof key, BED_BASE "%s", cases[i].key);
        checkpoint_record record = bed_record(&b, key);
        cases[i].spoils(&record);
        bed_put_record(&b, key, &record);
        (void)verify(&b, &f);
        CHECK(f.count >= 1);
        CHECK_TEXT(f.first_key, key);
        CHECK_HOLDS(f.first_what, cases[i].says);
        bed_close(&b);
    }
}

static void list_of_objects_that_is_damaged_is_named(void **state)
{
    (void)state;
    bed   b;
    found f;
    build(&b);
    bed_rewrite(&b, BED_BASE "log/00000002/00000003", "refs", WEIR_STR("\x01\x09no"));
    (void)verify(&b, &f);
    CHECK_U64(f.count, 2); /* and it is not what the SEAL behind it names */
    CHECK_TEXT(f.key, BED_BASE "log/00000002/00000003");
    CHECK_TEXT(f.what, "its list of objects is damaged");
    bed_rewrite(&b, BED_BASE "log/00000002/00000003", "refs", (weir_str){NULL, 0});
    weir_verified out = verify(&b, &f); /* as of a version that listed nothing */
    CHECK_U64(out.unlisted, 1);
    CHECK_U64(f.count, 1);
    CHECK_HOLDS(f.what, "not the manifest that is named");
    bed_close(&b);
}

/* Of objects whose size was not written down only their being there is known. */
static void object_of_unknown_size_has_to_be_there(void **state)
{
    (void)state;
    bed      b;
    found    f;
    ref_set  refs = {0};
    weir_buf bytes = {0};
    build(&b);
    checkpoint_record last = bed_record(&b, BED_BASE "log/00000002/00000003");
    for (uint32_t i = 0; i < last.sections; i++)
        if (weir_str_is(last.section[i].name, RECORD_REFS))
            CHECK(ref_set_read(&refs, last.section[i].bytes));
    uint32_t own = UINT32_MAX;
    for (uint32_t i = 0; i < refs.count; i++) {
        if (refs.at[i].number == UINT32_MAX || refs.at[i].epoch != 6)
            continue;
        own = i;
        refs.at[i].size = refs.at[i].crc = 0;
    }
    CHECK(own < refs.count);
    ref_set_write(&refs, &bytes);
    bed_rewrite(&b, BED_BASE "log/00000002/00000003", "refs", weir_buf_view(&bytes));
    const ref_object *object = &refs.at[own];
    weir_blob_ref     ref = {.gen = object->gen, .epoch = 6, .object = object->number};
    memcpy(ref.nonce, object->nonce, sizeof ref.nonce);
    checkpoint_log log = {.prefix = WEIR_STR("place"),
                          .job = WEIR_STR("job-1"),
                          .task = WEIR_STR("t0"),
                          .lineage = 1};
    log_key        key = log_key_of_data(&log, &ref);
    bed_store(&b, key.at, WEIR_STR("of another length"));
    (void)verify(&b, &f);
    CHECK_U64(f.count, 1);
    CHECK_TEXT(f.key, BED_BASE "log/00000002/00000003"); /* which was written again */
    bed_remove(&b, key.at);
    (void)verify(&b, &f);
    CHECK_U64(f.count, 2);
    CHECK_TEXT(f.key, key.at);
    CHECK_TEXT(f.what, "it is missing");
    ref_set_done(&refs);
    weir_buf_done(&bytes);
    bed_close(&b);
}

/* The manifest that holds a part of an older one: another epoch's is at its place. */
static void part_in_a_manifest_of_another_epoch_is_named(void **state)
{
    (void)state;
    bed                b;
    found              f;
    weir_collected     collected;
    weir_collect_setup setup = {.retain_us = 0};
    build(&b);
    fake_clock_move(&b.clock, 1000000);
    weir_checkpoint *tool = bed_checkpoint(&b);
    CHECK_OK(weir_checkpoint_collect(tool, &setup, &collected, &b.err), &b.err);
    CHECK_U64(collected.first, 4);
    weir_checkpoint_close(tool);
    checkpoint_record record = bed_record(&b, BED_BASE "log/00000001/00000003");
    of_another_epoch(&record);
    bed_put_record(&b, BED_BASE "log/00000001/00000003", &record);
    (void)verify(&b, &f);
    CHECK_U64(f.count, 1);
    CHECK_TEXT(f.key, BED_BASE "log/00000001/00000003");
    CHECK_TEXT(f.what, "it is of another epoch");
    bed_close(&b);
}

static void pin_that_is_damaged_is_named(void **state)
{
    (void)state;
    bed   b;
    found f;
    build(&b);
    bed_store(&b, BED_BASE "pins/one", WEIR_STR("no pin"));
    (void)verify(&b, &f);
    CHECK_U64(f.count, 1);
    CHECK_TEXT(f.key, BED_BASE "pins/");
    CHECK_HOLDS(f.what, "pins/one");
    bed_close(&b);
}

typedef struct away { /* at one request, from 1; or told to stop at one */
    uint64_t    at;
    atomic_int *stop;
    const char *stop_at;
} away;

static faulty_act go_away(void *self, const char *verb, const weir_object *object,
                          uint64_t call)
{
    away *a = self;
    (void)verb;
    if (a->stop_at != NULL && weir_str_starts(object->key, a->stop_at))
        atomic_store(a->stop, 1);
    return call == a->at ? FAULTY_BUSY : FAULTY_PASS;
}

static void remove_one_data_object(bed *b)
{
    uint32_t     count = 0;
    weir_listed *listed = list(b, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (!weir_str_starts(listed[i].key, BED_BASE "data/"))
            continue;
        bed_remove(b, listed[i].key.at);
        return;
    }
    fail_msg("there is none");
}

static void pin(bed *b, weir_checkpoint *tool, const char *name, uint64_t epoch)
{
    weir_manifest *manifest = NULL;
    CHECK_OK(weir_checkpoint_find(tool, epoch, b->arena, &manifest, &b->err), &b->err);
    CHECK_OK(weir_checkpoint_pin(tool, weir_str_of(name), manifest, &b->err), &b->err);
}

/* False: request `at` was not made any more. */
static bool verify_away(uint64_t at, bool missing)
{
    bed           b;
    found         f = {.count = 0};
    weir_verified out;
    away          a = {.at = at};
    build(&b);
    weir_checkpoint *tool = bed_checkpoint(&b);
    pin(&b, tool, "two", 2);
    pin(&b, tool, "three", 3);
    if (missing)
        remove_one_data_object(&b);
    b.store.calls = 0;
    b.store.hook = go_away;
    b.store.self = &a;
    weir_code rc = weir_checkpoint_verify(tool, report, &f, &out, &b.err);
    bool      met = b.store.calls >= at;
    CHECK_INT(rc, met ? WEIR_E_REMOTE : WEIR_OK);
    if (met)
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    else
        CHECK_U64(f.count, missing);
    CHECK_U64(f.count, out.faults);
    CHECK(f.count <= missing);
    if (f.count > 0)
        CHECK_HOLDS(f.key, BED_BASE "data/");
    weir_checkpoint_close(tool);
    bed_close(&b);
    return met;
}

/* Also where an object was missing just before: it is told, and then that the store is away. */
static void store_that_is_away_damages_nothing(void **state)
{
    (void)state;
    for (int missing = 0; missing < 2; missing++) {
        uint64_t at = 1;
        while (verify_away(at, missing > 0))
            at++;
        CHECK(at > 20);
    }
}

static void stop_ends_it_between_two_objects(void **state)
{
    (void)state;
    static const char *const keys[] = {BED_BASE "log/00000002/00000003", BED_BASE "pins/"};
    for (size_t i = 0; i < 2; i++) {
        bed           b;
        found         f = {.count = 0};
        weir_verified out;
        build(&b);
        weir_checkpoint *tool = bed_checkpoint(&b);
        away             a = {.stop = &b.stop, .stop_at = keys[i]};
        b.store.hook = go_away;
        b.store.self = &a;
        CHECK_FAILS(weir_checkpoint_verify(tool, report, &f, &out, &b.err), WEIR_E_STOPPED,
                    &b.err);
        CHECK_U64(f.count, 0);
        CHECK(out.manifests < (i == 0 ? 2 : 7));
        CHECK_U64(out.data, 0);
        weir_checkpoint_close(tool);
        bed_close(&b);
    }
}

static void pinned_epoch_is_checked_when_it_is_older_than_what_is_kept(void **state)
{
    bed            b;
    found          f;
    weir_manifest *manifest = NULL;
    weir_collected collected;
    weir_verified  out;
    (void)state;
    build(&b);
    weir_checkpoint   *tool = bed_checkpoint(&b);
    weir_collect_setup setup = {.retain_us = 0};
    fake_clock_move(&b.clock, 1000000);
    CHECK_OK(weir_checkpoint_find(tool, 2, b.arena, &manifest, &b.err), &b.err);
    CHECK_OK(weir_checkpoint_pin(tool, WEIR_STR("two"), manifest, &b.err), &b.err);
    CHECK_OK(weir_checkpoint_collect(tool, &setup, &collected, &b.err), &b.err);
    assert_int_equal(collected.first, 4);
    assert_int_equal(collected.manifests, 0); /* 2 names 1, and 4 names 3 */
    CHECK(!bed_has(&b, BED_BASE "log/00000001/00000003") ||
          bed_has(&b, BED_BASE "log/00000001/00000001"));
    weir_checkpoint_close(tool);
    out = verify(&b, &f);
    assert_int_equal(f.count, 0);
    assert_int_equal(out.manifests, 4);               /* 4 to 6, and 2 */
    bed_remove(&b, BED_BASE "log/00000001/00000001"); /* of which 2 needs a part */
    (void)verify(&b, &f);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.key, BED_BASE "log/00000001/00000001");
    bed_close(&b);
}

static ref_object object_at(uint64_t gen, uint64_t epoch, uint32_t number)
{
    return (ref_object){.gen = gen, .idx = epoch, .epoch = epoch, .number = number};
}

static void list_of_objects_is_read_as_it_was_written(void **state)
{
    ref_set  set = {0}, got = {0};
    weir_buf bytes = {0};
    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        ref_object object =
            object_at(1 + i % 3, 1 + i % 50, i % 4 == 0 ? UINT32_MAX : i % 7);
        if (object.number != UINT32_MAX) {
            object.size = 100 + object.number;
            object.crc = object.number * 77;
        }
        ref_set_add(&set, &object);
    }
    ref_set_finish(&set);
    ref_set_write(&set, &bytes);
    CHECK(ref_set_read(&got, weir_buf_view(&bytes)));
    assert_int_equal(set.count, got.count);
    for (uint32_t i = 0; i < set.count; i++) {
        assert_ptr_equal(ref_set_find(&got, &set.at[i]), &got.at[i]);
        assert_int_equal(got.at[i].size, set.at[i].size);
        assert_int_equal(got.at[i].crc, set.at[i].crc);
    }
    ref_object other = object_at(9, 9, 9);
    assert_null(ref_set_find(&got, &other));
    CHECK(ref_set_has_manifest(&got, 1, 1));
    CHECK(!ref_set_has_manifest(&got, 1, 51));
    for (size_t len = 0; len < bytes.len; len++) {
        ref_set bad = {0};
        CHECK(!ref_set_read(&bad, (weir_str){bytes.at, len}));
        ref_set_done(&bad);
    }
    weir_buf_done(&bytes);
    ref_set_done(&set);
    ref_set_done(&got);
}

/* A list with one object, whose numbers are out of bounds one at a time. */
static void list_with_numbers_out_of_bounds_is_damaged(void **state)
{
    (void)state;
    enum { GEN, IDX, EPOCH, NUMBER, SIZE, FIELDS };
    static const struct {
        int      field;
        uint64_t value;
        bool     sound;
    } cases[] = {
        {GEN, 0, true},
        {GEN, RECORD_NUMBER_MAX, true},
        {GEN, RECORD_NUMBER_MAX + 1ull, false},
        {IDX, 0, false},
        {IDX, RECORD_NUMBER_MAX, true},
        {IDX, RECORD_NUMBER_MAX + 1ull, false},
        {EPOCH, 0, false},
        {EPOCH, UINT64_MAX, true},
        {NUMBER, UINT32_MAX, true},
        {NUMBER, UINT32_MAX + 1ull, false},
        {SIZE, WEIR_STORE_BODY_MAX, true},
        {SIZE, WEIR_STORE_BODY_MAX + 1ull, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t field[FIELDS] = {1, 1, 1, 1, 1};
        weir_buf bytes = {0};
        ref_set  set = {0};
        field[cases[i].field] = cases[i].value;
        weir_buf_byte(&bytes, 1);
        weir_buf_varint(&bytes, 1);
        for (int n = GEN; n <= NUMBER; n++)
            weir_buf_varint(&bytes, field[n]);
        weir_buf_add(&bytes, "0123456789abcdef", 16);
        weir_buf_varint(&bytes, field[SIZE]);
        weir_buf_u32(&bytes, 0);
        if (ref_set_read(&set, weir_buf_view(&bytes)) != cases[i].sound)
            fail_msg("field %d with %" PRIu64 " was %s", cases[i].field, cases[i].value,
                     cases[i].sound ? "refused" : "taken");
        ref_set_done(&set);
        weir_buf_done(&bytes);
    }
    ref_set    none = {0};
    ref_object object = object_at(1, 1, 1);
    assert_null(ref_set_find(&none, &object));
}

/* What the last manifest does not name may be collected: it cannot be named again. */
static void reference_that_was_dropped_cannot_come_back(void **state)
{
    bed           b;
    weir_blob_ref first, second;
    weir_buf      section = {0};
    weir_sha256   sha;
    (void)state;
    bed_open(&b);
    b.inline_bytes = 1;
    weir_checkpoint *checkpoint = bed_checkpoint(&b);
    (void)bed_take_over(&b, checkpoint, NULL);
    weir_stage *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_stage_blob(stage, WEIR_STR("one"), false, &first);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    CHECK_OK(bed_publish(&b, checkpoint, 2, "names nothing", NULL), &b.err);
    stage = weir_checkpoint_stage(checkpoint, 3);
    weir_stage_blob(stage, WEIR_STR("two"), false, &second);
    weir_stage_refer(stage, &second, &section);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    weir_stage_refer(stage, &first, &section);
    CHECK_ABORTS((void)!weir_stage_build(stage, &sha, &b.err));
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    weir_buf_done(&section);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sound_lineage_is_read_whole),
        TEST(each_object_that_is_damaged_or_gone_is_named),
        TEST(manifest_of_another_place_is_found),
        TEST(whole_record_that_does_not_belong_there_is_named),
        TEST(list_of_objects_that_is_damaged_is_named),
        TEST(object_of_unknown_size_has_to_be_there),
        TEST(part_in_a_manifest_of_another_epoch_is_named),
        TEST(pin_that_is_damaged_is_named),
        TEST(store_that_is_away_damages_nothing),
        TEST(stop_ends_it_between_two_objects),
        TEST(pinned_epoch_is_checked_when_it_is_older_than_what_is_kept),
        TEST(list_of_objects_is_read_as_it_was_written),
        TEST(list_with_numbers_out_of_bounds_is_damaged),
        TEST(reference_that_was_dropped_cannot_come_back),
    };
    return RUN_TESTS(tests);
}
