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
} found;

static void report(void *self, weir_str key, const char *what)
{
    found *f = self;
    f->count++;
    (void)snprintf(f->key, sizeof f->key, "%.*s", WEIR_STR_FMT(key));
    (void)snprintf(f->what, sizeof f->what, "%s", what);
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

static void pinned_epoch_is_checked_when_it_is_older_than_what_is_kept(void **state)
{
    bed              b;
    found            f;
    weir_manifest   *manifest = NULL;
    weir_collected   collected;
    weir_verified    out;
    (void)state;
    build(&b);
    weir_checkpoint *tool = bed_checkpoint(&b);
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
    assert_int_equal(out.manifests, 4); /* 4 to 6, and 2 */
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
        TEST(pinned_epoch_is_checked_when_it_is_older_than_what_is_kept),
        TEST(list_of_objects_is_read_as_it_was_written),
        TEST(reference_that_was_dropped_cannot_come_back),
    };
    return RUN_TESTS(tests);
}
