/* tests/checkpoint_amend: the last epoch once more with other rows: what it repeats, when it is
 * refused, and by which seal its generation began.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

#define FIRST_KEY BED_BASE "log/00000001/00000001"

typedef struct blob { /* of epoch 1 */
    weir_blob_ref small, large;
    weir_buf      bytes; /* of the large one */
} blob;

static weir_checkpoint *owner(bed *b, weir_manifest **out_last)
{
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    *out_last = bed_take_over(b, checkpoint, NULL);
    return checkpoint;
}

/* Epoch 1 with two sections, two blobs and `files` files. */
static void first_epoch(bed *b, blob *out, int files)
{
    weir_manifest   *last = NULL;
    weir_sha256      sha;
    weir_buf         refs = {0};
    weir_checkpoint *checkpoint = owner(b, &last);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    assert_null(last);
    for (int i = 0; i < 3000; i++)
        weir_buf_byte(&out->bytes, 'x');
    weir_stage_blob(stage, WEIR_STR("small"), false, &out->small);
    weir_stage_blob(stage, weir_buf_view(&out->bytes), false, &out->large);
    weir_stage_refer(stage, &out->small, &refs);
    weir_stage_refer(stage, &out->large, &refs);
    weir_stage_section(stage, "state", weir_buf_view(&refs));
    weir_stage_section(stage, "text", WEIR_STR("one"));
    for (int i = 0; i < files; i++)
        weir_stage_file(stage, WEIR_STR("lake/a"), 10, 1000);
    CHECK_OK(weir_stage_build(stage, &sha, &b->err), &b->err);
    CHECK_OK(weir_stage_publish(stage, &b->err), &b->err);
    weir_stage_free(stage);
    weir_buf_done(&refs);
    weir_checkpoint_close(checkpoint);
}

static weir_manifest *amend(bed *b, weir_checkpoint *checkpoint, const weir_manifest *last,
                            int files)
{
    weir_stage    *stage = NULL;
    weir_manifest *read = NULL;
    weir_sha256    sha;
    CHECK_OK(weir_checkpoint_amend(checkpoint, last, &stage, &b->err), &b->err);
    weir_stage_section(stage, "text", WEIR_STR("one again"));
    weir_stage_section(stage, "more", WEIR_STR("new"));
    for (int i = 0; i < files; i++)
        weir_stage_file(stage, WEIR_STR("lake/b"), 20, 2000);
    CHECK_OK(weir_stage_build(stage, &sha, &b->err), &b->err);
    CHECK_OK(weir_stage_publish(stage, &b->err), &b->err);
    weir_stage_free(stage);
    CHECK_OK(weir_checkpoint_read(checkpoint, 2, 1, b->arena, &read, &b->err), &b->err);
    CHECK(weir_sha256_eq(&read->sha, &sha));
    return read;
}

static void expect_files(const weir_manifest *manifest, const char *const *key,
                         uint64_t count)
{
    weir_reader reader = weir_reader_of(weir_manifest_section(manifest, "files"));
    CHECK_INT(weir_read_byte(&reader), 1);
    CHECK_U64(weir_read_varint(&reader), count);
    for (uint64_t i = 0; i < count; i++) {
        CHECK_STR(weir_read_blob(&reader), key[i]);
        CHECK(weir_read_varint(&reader) > 0);
        CHECK(weir_read_varint(&reader) > 0);
    }
    CHECK(!reader.bad);
    CHECK_U64(weir_reader_left(&reader), 0);
}

static void expect_blobs(bed *b, weir_checkpoint *checkpoint, const blob *want)
{
    const weir_blob_ref ref[2] = {want->small, want->large};
    weir_buf            got[2] = {{0}};
    CHECK_OK(weir_checkpoint_fetch(checkpoint, ref, 2, got, &b->err), &b->err);
    CHECK_STR(weir_buf_view(&got[0]), "small");
    CHECK_SAME(weir_buf_view(&got[1]), weir_buf_view(&want->bytes));
    weir_buf_done(&got[0]);
    weir_buf_done(&got[1]);
}

static void amend_repeats_what_it_does_not_change(void **state)
{
    (void)state;
    bed            b;
    blob           of = {.bytes = {0}};
    weir_manifest *last = NULL;
    bed_open(&b);
    b.inline_bytes = 100;
    first_epoch(&b, &of, 1);
    CHECK(of.small.object == UINT32_MAX && of.large.object != UINT32_MAX);
    weir_checkpoint *checkpoint = owner(&b, &last);
    CHECK(!last->amends);
    weir_manifest *again = amend(&b, checkpoint, last, 1);
    CHECK(again->amends);
    CHECK_U64(again->epoch, 1);
    CHECK_U64(again->prev_gen, 1);
    CHECK(weir_sha256_eq(&again->prev_sha, &last->sha));
    CHECK_STR(weir_manifest_section(again, "text"), "one again");
    CHECK_STR(weir_manifest_section(again, "more"), "new");
    CHECK_SAME(weir_manifest_section(again, "state"), weir_manifest_section(last, "state"));
    CHECK_U64(weir_manifest_section(again, RECORD_BLOBS).len, 0);
    expect_files(again, (const char *const[]){"lake/a", "lake/b"}, 2);
    ref_set refs = {
        0}; /* where the repeated section's blobs are: kept from the collector */
    CHECK(ref_set_read(&refs, weir_manifest_section(again, RECORD_REFS)));
    CHECK_INT(refs.count, 2);
    CHECK(ref_set_has_manifest(&refs, 1, 1));
    ref_object large = ref_object_of(&of.large);
    CHECK(ref_set_find(&refs, &large) != NULL);
    ref_set_done(&refs);
    weir_checkpoint_close(checkpoint);
    checkpoint = owner(&b, &last);
    CHECK(last->amends);
    expect_blobs(&b, checkpoint, &of);
    bed_run(&b, checkpoint, 2, 2); /* goes on behind it */
    weir_checkpoint_close(checkpoint);
    weir_buf_done(&of.bytes);
    bed_close(&b);
}

/* They are for people: what cannot be understood is not repeated, and stops nobody. */
static void files_of_another_version_are_not_repeated(void **state)
{
    (void)state;
    static const char *const newer[] = {"\x02\x01what", ""};
    for (int own = 0; own < 2; own++) {
        for (int i = 0; i < 2; i++) {
            bed            b;
            blob           of = {.bytes = {0}};
            weir_manifest *last = NULL;
            bed_open(&b);
            first_epoch(&b, &of, 1);
            bed_rewrite(&b, FIRST_KEY, "files", weir_str_of(newer[i]));
            weir_checkpoint *checkpoint = owner(&b, &last);
            CHECK_STR(weir_manifest_section(last, "files"), newer[i]);
            weir_manifest *again = amend(&b, checkpoint, last, own);
            if (own > 0)
                expect_files(again, (const char *const[]){"lake/b"}, 1);
            else
                assert_null(weir_manifest_section(again, "files").at);
            CHECK_SAME(weir_manifest_section(again, "state"),
                       weir_manifest_section(last, "state"));
            weir_checkpoint_close(checkpoint);
            weir_buf_done(&of.bytes);
            bed_close(&b);
        }
    }
}

static void expect_refused(bed *b, weir_checkpoint *checkpoint, const weir_manifest *last,
                           const char *why)
{
    weir_stage *stage = NULL;
    CHECK_FAILS(weir_checkpoint_amend(checkpoint, last, &stage, &b->err), WEIR_E_CONFLICT,
                &b->err);
    assert_null(stage);
    CHECK_SAYS(&b->err, "epoch 1 cannot be amended");
    CHECK_SAYS(&b->err, why);
    bed_run(b, checkpoint, 2, 2); /* nothing stays behind: it goes on */
}

static void epoch_is_amended_once(void **state)
{
    (void)state;
    bed            b;
    blob           of = {.bytes = {0}};
    weir_manifest *last = NULL;
    bed_open(&b);
    first_epoch(&b, &of, 0);
    weir_checkpoint *checkpoint = owner(&b, &last);
    weir_manifest   *again = amend(&b, checkpoint, last, 0);
    assert_null(weir_manifest_section(again, "files").at);
    weir_checkpoint_close(checkpoint);
    checkpoint = owner(&b, &last); /* also by the next owner */
    expect_refused(&b, checkpoint, last, "it was before");
    weir_checkpoint_close(checkpoint);
    weir_buf_done(&of.bytes);
    bed_close(&b);
}

static void epoch_of_the_own_generation_is_not_amended(void **state)
{
    (void)state;
    bed            b;
    weir_manifest *last = NULL;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b, &last);
    bed_run(&b, checkpoint, 1, 1);
    CHECK_OK(weir_checkpoint_read(checkpoint, 1, 1, b.arena, &last, &b.err), &b.err);
    expect_refused(&b, checkpoint, last, "the generation has begun");
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* Which objects the repeated sections need is not known: they could be collected. */
static void epoch_that_does_not_list_its_objects_is_not_amended(void **state)
{
    (void)state;
    bed            b;
    blob           of = {.bytes = {0}};
    weir_manifest *last = NULL;
    bed_open(&b);
    first_epoch(&b, &of, 0);
    bed_rewrite(&b, FIRST_KEY, RECORD_REFS, (weir_str){NULL, 0});
    weir_checkpoint *checkpoint = owner(&b, &last);
    expect_refused(&b, checkpoint, last, "did not list what it needs");
    weir_checkpoint_close(checkpoint);
    weir_buf_done(&of.bytes);
    bed_close(&b);
}

static faulty_act seals_are_away(void *self, const char *verb, const weir_object *object,
                                 uint64_t call)
{
    (void)self;
    (void)verb;
    (void)call;
    return weir_str_starts(object->key, BED_BASE "seals/") ? FAULTY_BUSY : FAULTY_PASS;
}

static weir_code begun_by(bed *b, weir_checkpoint *checkpoint, uint64_t gen,
                          weir_sha256 *out)
{
    return weir_checkpoint_begun_by(checkpoint, gen, out, &b->err);
}

static void generation_is_known_by_the_seal_that_began_it(void **state)
{
    (void)state;
    bed               b;
    weir_sha256       sha = {{7}}, none = sha;
    weir_manifest    *last = NULL;
    checkpoint_record seal;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b, &last);
    CHECK_OK(begun_by(&b, checkpoint, 1, &sha), &b.err);
    assert_null(record_read(bed_bytes(&b, BED_BASE "seals/00000000"), b.arena, &seal));
    CHECK(weir_sha256_eq(&sha, &seal.sha));
    sha = none;
    const uint64_t never[] = {0, 2, RECORD_NUMBER_MAX, RECORD_NUMBER_MAX + 1ull,
                              UINT64_MAX};
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        CHECK_FAILS(begun_by(&b, checkpoint, never[i], &sha), WEIR_E_NOTFOUND, &b.err);
    CHECK_SAYS(&b.err, "18446744073709551615");
    b.store.hook = seals_are_away;
    CHECK_FAILS(begun_by(&b, checkpoint, 1, &sha), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    b.store.hook = NULL;
    bed_store(&b, BED_BASE "seals/00000000", WEIR_STR("no seal"));
    CHECK_FAILS(begun_by(&b, checkpoint, 1, &sha), WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    CHECK(weir_sha256_eq(&sha, &none)); /* left alone */
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(amend_repeats_what_it_does_not_change),
        TEST(files_of_another_version_are_not_repeated),
        TEST(epoch_is_amended_once),
        TEST(epoch_of_the_own_generation_is_not_amended),
        TEST(epoch_that_does_not_list_its_objects_is_not_amended),
        TEST(generation_is_known_by_the_seal_that_began_it),
    };
    return RUN_TESTS(tests);
}
