/* tests/checkpoint_stage: epochs in the making, their blobs, and the commit point.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_refs.h"

#include "weir/failpoint.h"
#include "weir/limits.h"

static weir_checkpoint *owner(bed *b)
{
    weir_checkpoint *checkpoint = bed_checkpoint(b);
    (void)bed_take_over(b, checkpoint, NULL);
    return checkpoint;
}

/* `len` bytes that do not compress. */
static weir_str noise(bed *b, size_t len, uint64_t seed)
{
    char    *at = weir_arena_take(b->arena, len + 8);
    uint64_t x = seed * 2 + 1;
    for (size_t i = 0; i < len; i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(at + i, &x, 8);
    }
    return (weir_str){at, len};
}

static void expect_blob(bed *b, weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                        weir_str want)
{
    weir_buf got = {0};
    CHECK_OK(weir_checkpoint_fetch(checkpoint, ref, 1, &got, &b->err), &b->err);
    CHECK_U64(got.len, want.len);
    CHECK(weir_str_eq(weir_buf_view(&got), want));
    weir_buf_done(&got);
    weir_buf stored = {0};
    CHECK_OK(weir_checkpoint_fetch_stored(checkpoint, ref, 1, &stored, &b->err), &b->err);
    CHECK_U64(stored.len, ref->length);
    weir_blob *blob = weir_blob_new(checkpoint, ref, weir_buf_view(&stored));
    CHECK_U64(weir_blob_left(blob), want.len);
    for (size_t some = 1; weir_blob_left(blob) > 0; some = 3 * some + 1) {
        size_t left = (size_t)weir_blob_left(blob);
        CHECK_OK(weir_blob_take(blob, some < left ? some : left, &got, &b->err), &b->err);
    }
    CHECK(weir_str_eq(weir_buf_view(&got), want));
    weir_blob_free(blob);
    weir_blob_free(NULL);
    weir_buf_done(&stored);
    weir_buf_done(&got);
}

static void small_blobs_travel_inside_the_manifest(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_blob_ref    ref[4];
    char             zeros[5000] = {0};
    weir_stage_blob(stage, WEIR_STR("plain"), false, &ref[0]);
    weir_stage_blob(stage, (weir_str){zeros, sizeof zeros}, true, &ref[1]);
    weir_stage_blob(stage, WEIR_STR(""), true, &ref[2]);
    weir_stage_blob(stage, noise(&b, 100, 1), true, &ref[3]); /* does not get smaller */
    weir_stage_section(stage, "text", WEIR_STR("t"));
    weir_sha256 sha;
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    CHECK_U64(b.store.puts, 0);
    CHECK_INT(ref[0].object, UINT32_MAX);
    CHECK_U64(ref[0].expanded, 0);
    CHECK_U64(ref[1].expanded, sizeof zeros);
    CHECK(ref[1].length < 100);
    CHECK_U64(ref[3].expanded, 0);
    expect_blob(&b, checkpoint, &ref[0], WEIR_STR("plain"));
    expect_blob(&b, checkpoint, &ref[1], (weir_str){zeros, sizeof zeros});
    expect_blob(&b, checkpoint, &ref[2], WEIR_STR(""));
    expect_blob(&b, checkpoint, &ref[3], noise(&b, 100, 1));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void larger_blobs_go_into_data_objects(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    enum { BLOBS = 60, BYTES = 300000 };
    weir_blob_ref ref[BLOBS + 1];
    for (uint64_t i = 0; i < BLOBS; i++)
        weir_stage_blob(stage, noise(&b, BYTES, i), true, &ref[i]);
    weir_stage_blob(stage, noise(&b, 9u << 20, 99), true, &ref[BLOBS]); /* one of its own */
    weir_sha256 sha;
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    CHECK(b.store.puts >= 5);
    CHECK_INT(ref[0].object, UINT32_MAX);
    CHECK_INT(ref[BLOBS - 1].object, 3);
    CHECK_INT(ref[BLOBS].object, 4);
    CHECK_U64(ref[BLOBS].offset, 0);
    weir_checkpoint_close(checkpoint);
    checkpoint = owner(&b); /* as another process */
    weir_buf got[BLOBS + 1] = {{0}};
    CHECK_OK(weir_checkpoint_fetch(checkpoint, ref, BLOBS + 1, got, &b.err), &b.err);
    for (uint64_t i = 0; i <= BLOBS; i++) {
        weir_str want = i < BLOBS ? noise(&b, BYTES, i) : noise(&b, 9u << 20, 99);
        CHECK(weir_str_eq(weir_buf_view(&got[i]), want));
        weir_buf_done(&got[i]);
    }
    CHECK_OK(weir_checkpoint_fetch(checkpoint, ref, 0, NULL, &b.err), &b.err);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void references_come_back(void **state)
{
    (void)state;
    weir_buf      bytes = {0};
    weir_blob_ref ref = {.gen = 7,
                         .idx = 1234,
                         .epoch = 99999,
                         .object = 3,
                         .offset = 300,
                         .length = 70000,
                         .expanded = 200000,
                         .crc = 0xDEADBEEF};
    memset(ref.nonce, 0x5A, sizeof ref.nonce);
    blob_ref_write(&bytes, &ref);
    weir_blob_ref got;
    weir_reader   reader = weir_reader_of(weir_buf_view(&bytes));
    CHECK(weir_blob_ref_read(&reader, &got));
    CHECK_U64(weir_reader_left(&reader), 0);
    CHECK_U64(got.gen, 7);
    CHECK_U64(got.idx, 1234);
    CHECK_U64(got.epoch, 99999);
    CHECK_INT(got.object, 3);
    assert_memory_equal(got.nonce, ref.nonce, 16);
    CHECK_U64(got.offset, 300);
    CHECK_U64(got.length, 70000);
    CHECK_U64(got.expanded, 200000);
    CHECK_INT(got.crc, 0xDEADBEEF);
    for (size_t cut = 0; cut < bytes.len; cut++) {
        reader = weir_reader_of((weir_str){bytes.at, cut});
        CHECK(!weir_blob_ref_read(&reader, &got));
    }
    const weir_blob_ref bad[] = {
        {.gen = 100000000, .idx = 1, .epoch = 1},
        {.idx = 100000000, .epoch = 1},
        {.idx = 1, .epoch = 1, .length = WEIR_STORE_BODY_MAX + 1ull},
        {.idx = 1, .epoch = 1, .expanded = WEIR_STORE_BODY_MAX + 1ull},
        {.idx = 1, .epoch = 1, .offset = WEIR_STORE_BODY_MAX + 1ull}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_buf_clear(&bytes);
        blob_ref_write(&bytes, &bad[i]);
        reader = weir_reader_of(weir_buf_view(&bytes));
        CHECK(!weir_blob_ref_read(&reader, &got));
    }
    weir_buf_clear(&bytes);
    for (int i = 0; i < 64; i++)
        weir_buf_byte(&bytes, 0); /* index and epoch 0 */
    reader = weir_reader_of(weir_buf_view(&bytes));
    CHECK(!weir_blob_ref_read(&reader, &got));
    bytes.at[1] = 1; /* epoch 0 */
    reader = weir_reader_of(weir_buf_view(&bytes));
    CHECK(!weir_blob_ref_read(&reader, &got));
    weir_buf_done(&bytes);
}

/* Publishes one epoch with one inline blob and one in an object. */
static void publish_blobs(bed *b, weir_checkpoint *checkpoint, weir_blob_ref ref[2])
{
    weir_stage *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_sha256 sha;
    char        text[4000];
    memset(text, 'x', sizeof text);
    weir_stage_blob(stage, (weir_str){text, sizeof text}, true, &ref[0]);
    weir_stage_blob(stage, noise(b, WEIR_INLINE_BYTES_MAX, 5), true, &ref[1]);
    CHECK_OK(weir_stage_build(stage, &sha, &b->err), &b->err);
    CHECK_OK(weir_stage_publish(stage, &b->err), &b->err);
    weir_stage_free(stage);
}

/* Its bytes are well, and it expands to fewer or more than the reference says. */
static void expect_lie_is_found(bed *b, weir_checkpoint *checkpoint, weir_blob_ref lie)
{
    weir_buf got = {0}, stored = {0};
    CHECK_FAILS(weir_checkpoint_fetch(checkpoint, &lie, 1, &got, &b->err), WEIR_E_CORRUPT,
                &b->err);
    CHECK_OK(weir_checkpoint_fetch_stored(checkpoint, &lie, 1, &stored, &b->err), &b->err);
    weir_blob *blob = weir_blob_new(checkpoint, &lie, weir_buf_view(&stored));
    CHECK_OK(weir_blob_take(blob, lie.expanded - 2, &got, &b->err), &b->err);
    CHECK_FAILS(weir_blob_take(blob, 2, &got, &b->err), WEIR_E_CORRUPT, &b->err);
    CHECK_INT(b->err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b->err, "log/00000001/00000001");
    weir_blob_free(blob);
    weir_buf_done(&stored);
    weir_buf_done(&got);
}

static void damaged_blob_halts(void **state)
{
    (void)state;
    bed           b;
    weir_blob_ref ref[2];
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    publish_blobs(&b, checkpoint, ref);
    for (int i = 0; i < 2; i++) {
        log_key  key = i == 0
                           ? log_key_of_record(&(checkpoint_log){.prefix = WEIR_STR("place"),
                                                                 .job = WEIR_STR("job-1"),
                                                                 .task = WEIR_STR("t0"),
                                                                 .lineage = 1},
                                               1, 1)
                           : log_key_of_data(&(checkpoint_log){.prefix = WEIR_STR("place"),
                                                               .job = WEIR_STR("job-1"),
                                                               .task = WEIR_STR("t0"),
                                                               .lineage = 1},
                                             &ref[1]);
        weir_str good = bed_bytes(&b, key.at);
        char    *bad = weir_arena_take(b.arena, good.len);
        weir_buf got = {0};
        for (uint64_t at = ref[i].offset; at < ref[i].offset + ref[i].length;
             at += i == 0 ? 1 : 65537) {
            memcpy(bad, good.at, good.len);
            bad[at] = (char)(bad[at] ^ 4);
            bed_store(&b, key.at, (weir_str){bad, good.len});
            CHECK_FAILS(weir_checkpoint_fetch(checkpoint, &ref[i], 1, &got, &b.err),
                        WEIR_E_CORRUPT, &b.err);
            CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
            CHECK_SAYS(&b.err, key.at);
            CHECK_FAILS(weir_checkpoint_fetch_stored(checkpoint, &ref[i], 1, &got, &b.err),
                        WEIR_E_CORRUPT, &b.err);
        }
        bed_store(&b, key.at, (weir_str){good.at, ref[i].offset + ref[i].length - 1});
        CHECK_FAILS(weir_checkpoint_fetch(checkpoint, &ref[i], 1, &got, &b.err),
                    WEIR_E_CORRUPT, &b.err);
        CHECK_SAYS(&b.err, "too short");
        bed_remove(&b, key.at);
        CHECK_FAILS(weir_checkpoint_fetch(checkpoint, &ref[i], 1, &got, &b.err),
                    WEIR_E_CORRUPT, &b.err);
        CHECK_SAYS(&b.err, "missing");
        bed_store(&b, key.at, good);
        weir_buf_done(&got);
    }
    weir_blob_ref lie = ref[0]; /* another expanded length, under a CRC that fits */
    lie.expanded++;
    expect_lie_is_found(&b, checkpoint, lie);
    lie.expanded -= 2;
    expect_lie_is_found(&b, checkpoint, lie);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act gets_fail(void *self, const char *verb, const weir_object *object,
                            uint64_t call)
{
    (void)self;
    (void)object;
    (void)call;
    return strcmp(verb, "get") == 0 ? FAULTY_BUSY : FAULTY_PASS;
}

static weir_code short_get(weir_store *store, weir_object *object, size_t count,
                           weir_err *err)
{
    (void)store;
    (void)err;
    for (size_t i = 0; i < count; i++)
        weir_buf_text(&object[i].got, "short");
    return WEIR_OK;
}

static void store_that_gives_less_than_it_says_is_noticed(void **state)
{
    (void)state;
    bed           b;
    weir_blob_ref ref[2];
    weir_buf      got = {0};
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    publish_blobs(&b, checkpoint, ref);
    weir_store_kind kind = *b.store.base.kind;
    kind.get = short_get;
    b.store.base.kind = &kind;
    CHECK_FAILS(weir_checkpoint_fetch(checkpoint, ref, 1, &got, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_SAYS(&b.err, "another length");
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act flip_first(void *self, const char *verb, const weir_object *object,
                             uint64_t call)
{
    int *gets = self;
    (void)object;
    (void)call;
    return strcmp(verb, "get") == 0 && (*gets)++ == 0 ? FAULTY_FLIP : FAULTY_PASS;
}

static void bit_of_a_blob_that_flips_on_the_way_is_read_again(void **state)
{
    (void)state;
    bed           b;
    weir_blob_ref ref[2];
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    publish_blobs(&b, checkpoint, ref);
    for (size_t i = 0; i < 2; i++) {
        weir_buf good = {0}, got = {0};
        int      gets = 0;
        b.store.hook = NULL;
        CHECK_OK(weir_checkpoint_fetch(checkpoint, &ref[i], 1, &good, &b.err), &b.err);
        b.store.hook = flip_first;
        b.store.self = &gets;
        CHECK_OK(weir_checkpoint_fetch(checkpoint, &ref[i], 1, &got, &b.err), &b.err);
        CHECK_INT(gets, 2);
        CHECK_SAME(weir_buf_view(&got), weir_buf_view(&good));
        weir_buf_done(&good);
        weir_buf_done(&got);
    }
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act flip_then_busy(void *self, const char *verb, const weir_object *object,
                                 uint64_t call)
{
    int *gets = self;
    (void)object;
    (void)call;
    if (strcmp(verb, "get") != 0)
        return FAULTY_PASS;
    return (*gets)++ == 0 ? FAULTY_FLIP : FAULTY_BUSY;
}

/* A blob that looks damaged is not called so before it could be looked at twice. */
static void second_look_that_fails_may_be_tried_again(void **state)
{
    (void)state;
    bed           b;
    weir_blob_ref ref[2];
    weir_buf      got = {0};
    int           gets = 0;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    publish_blobs(&b, checkpoint, ref);
    b.store.hook = flip_then_busy;
    b.store.self = &gets;
    CHECK_FAILS(weir_checkpoint_fetch(checkpoint, &ref[1], 1, &got, &b.err), WEIR_E_REMOTE,
                &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_INT(gets, 2);
    weir_buf_done(&got);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* Nothing is read for an empty blob, and what is said of it is checked all the same. */
static void empty_blob_that_is_said_to_expand_halts(void **state)
{
    (void)state;
    bed           b;
    weir_blob_ref ref[2];
    weir_buf      got = {0};
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    publish_blobs(&b, checkpoint, ref);
    weir_blob_ref lie = ref[0];
    uint64_t      before = b.store.gets;
    lie.length = 0;
    lie.crc = 0;
    lie.expanded = 5;
    CHECK_FAILS(weir_checkpoint_fetch(checkpoint, &lie, 1, &got, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_U64(b.store.gets, before);
    weir_buf_done(&got);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* A manifest of a version that listed no references: what it holds may be named again. */
static void blob_of_a_manifest_without_references_is_carried(void **state)
{
    (void)state;
    static const char *const key = BED_BASE "log/00000001/00000001";
    bed                      b;
    weir_blob_ref            ref[2];
    weir_sha256              sha;
    bed_open(&b);
    weir_checkpoint *first = owner(&b);
    publish_blobs(&b, first, ref);
    weir_checkpoint_close(first);
    checkpoint_record old;
    weir_buf          bytes = {0}, name = {0};
    assert_null(record_read(bed_bytes(&b, key), b.arena, &old));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < old.sections; i++) {
        if (!weir_str_is(old.section[i].name, RECORD_REFS))
            old.section[kept++] = old.section[i];
    }
    CHECK_INT(kept, old.sections - 1);
    old.sections = kept;
    record_write(&bytes, &old);
    bed_store(&b, key, weir_buf_view(&bytes));
    weir_checkpoint *second = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(second, 2);
    weir_stage_refer(stage, &ref[1], &name);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    expect_blob(&b, second, &ref[1], noise(&b, WEIR_INLINE_BYTES_MAX, 5));
    weir_buf_done(&bytes);
    weir_buf_done(&name);
    weir_checkpoint_close(second);
    bed_close(&b);
}

static void blob_goes_into_an_object_where_a_failpoint_wants_it(void **state)
{
    (void)state;
    if (!weir_failpoints_built())
        return;
    bed           b;
    weir_blob_ref ref[2];
    weir_sha256   sha;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    CHECK(weir_failpoint_set("ep_spill=1*yes"));
    weir_stage_blob(stage, WEIR_STR("one"), false, &ref[0]);
    weir_stage_blob(stage, WEIR_STR("two"), false, &ref[1]);
    CHECK(weir_failpoint_set("ep_spill=off"));
    CHECK_INT(ref[0].object, 0);
    CHECK(ref[1].object == UINT32_MAX);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    expect_blob(&b, checkpoint, &ref[0], WEIR_STR("one"));
    expect_blob(&b, checkpoint, &ref[1], WEIR_STR("two"));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void fetch_that_fails_may_be_tried_again(void **state)
{
    (void)state;
    bed           b;
    weir_blob_ref ref[2];
    weir_buf      got[2] = {{0}};
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    publish_blobs(&b, checkpoint, ref);
    b.store.hook = gets_fail;
    CHECK_FAILS(weir_checkpoint_fetch(checkpoint, ref, 2, got, &b.err), WEIR_E_REMOTE,
                &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    b.store.hook = NULL;
    CHECK_OK(weir_checkpoint_fetch(checkpoint, ref, 2, got, &b.err), &b.err);
    weir_buf_done(&got[0]);
    weir_buf_done(&got[1]);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act second_put_fails(void *self, const char *verb, const weir_object *object,
                                   uint64_t call)
{
    int *puts = self;
    (void)object;
    (void)call;
    return strcmp(verb, "put") == 0 && ++*puts == 2 ? FAULTY_BUSY : FAULTY_PASS;
}

static void build_goes_on_where_it_failed(void **state)
{
    (void)state;
    bed b;
    int puts = 0;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_blob_ref    ref[4];
    for (uint64_t i = 0; i < 4; i++)
        weir_stage_blob(stage, noise(&b, WEIR_DATA_OBJECT_BYTES, i), true, &ref[i]);
    weir_sha256 sha;
    b.store.hook = second_put_fails;
    b.store.self = &puts;
    CHECK_FAILS(weir_stage_build(stage, &sha, &b.err), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK(puts == 4); /* three objects, one of them twice */
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    for (uint64_t i = 0; i < 4; i++)
        expect_blob(&b, checkpoint, &ref[i], noise(&b, WEIR_DATA_OBJECT_BYTES, i));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* One of the first flight fails; the next build takes it along with the rest. */
static void more_objects_than_one_flight_are_put_once_each(void **state)
{
    (void)state;
    enum { OBJECTS = WEIR_STORE_PARALLEL + 4 };
    bed           b;
    int           puts = 0;
    weir_blob_ref ref[OBJECTS];
    weir_sha256   sha;
    bed_open(&b);
    b.inline_bytes = 1000;
    weir_str         half = noise(&b, WEIR_DATA_OBJECT_BYTES / 2 + 8, 1);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        weir_stage_blob(stage, half, false, &ref[i]);
        CHECK_U64(ref[i].object, i);
    }
    b.store.hook = second_put_fails;
    b.store.self = &puts;
    CHECK_FAILS(weir_stage_build(stage, &sha, &b.err), WEIR_E_REMOTE, &b.err);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_INT(puts, OBJECTS + 1);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    for (uint32_t i = 0; i < OBJECTS; i++)
        expect_blob(&b, checkpoint, &ref[i], half);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

/* The PUT of an object of the first build may still be under way. */
static void reset_never_gives_a_number_again(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_blob_ref    first, second;
    weir_sha256      sha_first, sha_second;
    weir_stage_blob(stage, noise(&b, WEIR_INLINE_BYTES_MAX + 1, 1), true, &first);
    weir_stage_section(stage, "a", WEIR_STR("1"));
    CHECK_OK(weir_stage_build(stage, &sha_first, &b.err), &b.err);
    weir_stage_reset(stage);
    weir_stage_blob(stage, noise(&b, WEIR_INLINE_BYTES_MAX + 1, 2), true, &second);
    weir_stage_section(stage, "b", WEIR_STR("2"));
    weir_stage_section(stage, "b", WEIR_STR("3"));
    CHECK_OK(weir_stage_build(stage, &sha_second, &b.err), &b.err);
    CHECK(first.object != second.object);
    CHECK(!weir_sha256_eq(&sha_first, &sha_second));
    weir_manifest *manifest = weir_stage_manifest(stage, b.arena);
    CHECK(weir_sha256_eq(&manifest->sha, &sha_second));
    CHECK_U64(manifest->epoch, 1);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    expect_blob(&b, checkpoint, &second, noise(&b, WEIR_INLINE_BYTES_MAX + 1, 2));
    CHECK_OK(weir_checkpoint_read(checkpoint, 1, 1, b.arena, &manifest, &b.err), &b.err);
    CHECK(weir_sha256_eq(&manifest->sha, &sha_second));
    assert_null(weir_manifest_section(manifest, "a").at);
    CHECK_STR(weir_manifest_section(manifest, "b"), "3");
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void blobs_may_be_added_behind_a_build(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_blob_ref    ref[3];
    weir_sha256      sha;
    weir_stage_blob(stage, noise(&b, WEIR_INLINE_BYTES_MAX, 0), true, &ref[0]);
    weir_stage_blob(stage, noise(&b, 1000, 1), true, &ref[1]);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    weir_stage_blob(stage, noise(&b, 1000, 2), true, &ref[2]); /* not into what is put */
    CHECK(ref[2].object != ref[1].object);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    expect_blob(&b, checkpoint, &ref[1], noise(&b, 1000, 1));
    expect_blob(&b, checkpoint, &ref[2], noise(&b, 1000, 2));
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void epoch_that_is_too_big_is_refused(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_sha256      sha;
    char            *big = calloc(WEIR_STORE_BODY_MAX + 1ul, 1);
    weir_stage_section(stage, "big", (weir_str){big, WEIR_MANIFEST_BYTES_MAX - 200});
    CHECK_FAILS(weir_stage_build(stage, &sha, &b.err), WEIR_E_LIMIT, &b.err);
    CHECK_HINTS(&b.err, "epoch.interval");
    weir_stage_section(stage, "big", (weir_str){big, WEIR_MANIFEST_BYTES_MAX - 1000});
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    weir_blob_ref ref;
    weir_stage_blob(stage, (weir_str){big, WEIR_STORE_BODY_MAX + 1ul}, true, &ref);
    CHECK_FAILS(weir_stage_build(stage, &sha, &b.err), WEIR_E_LIMIT, &b.err);
    weir_stage_reset(stage);
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    free(big);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void many_sections_are_kept(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    char             name[32];
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "section/%d", i);
        weir_stage_section(stage, name, weir_str_of(name));
    }
    weir_sha256 sha;
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    weir_manifest *manifest = NULL;
    CHECK_OK(weir_checkpoint_read(checkpoint, 1, 1, b.arena, &manifest, &b.err), &b.err);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof name, "section/%d", i);
        CHECK_STR(weir_manifest_section(manifest, name), name);
    }
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void abandoned_stage_leaves_the_checkpoint_as_it_was(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage_free(weir_checkpoint_stage(checkpoint, 1));
    weir_stage_free(NULL);
    bed_run(&b, checkpoint, 1, 2);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act lose_manifest(void *self, const char *verb, const weir_object *object,
                                uint64_t call)
{
    (void)object;
    (void)call;
    faulty_act *act = self;
    faulty_act  now = strcmp(verb, "put_new") == 0 ? *act : FAULTY_PASS;
    if (now != FAULTY_PASS)
        *act = FAULTY_PASS;
    return now;
}

static void lost_answer_to_the_manifest_is_no_fence(void **state)
{
    (void)state;
    const faulty_act acts[] = {FAULTY_LOSE, FAULTY_DROP, FAULTY_LATE, FAULTY_BUSY};
    for (size_t i = 0; i < 4; i++) {
        bed        b;
        faulty_act act = acts[i];
        bed_open(&b);
        weir_checkpoint *checkpoint = owner(&b);
        b.store.hook = lose_manifest;
        b.store.self = &act;
        CHECK_OK(bed_publish(&b, checkpoint, 1, "one", NULL), &b.err);
        b.store.hook = NULL;
        bed_run(&b, checkpoint, 2, 2);
        weir_checkpoint_close(checkpoint);
        bed_close(&b);
    }
}

static faulty_act drop_manifests(void *self, const char *verb, const weir_object *object,
                                 uint64_t call)
{
    (void)self;
    (void)object;
    (void)call;
    return strcmp(verb, "put_new") == 0 ? FAULTY_DROP : FAULTY_PASS;
}

static void first_stop_waits_and_the_second_ends_the_wait(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    b.store.hook = drop_manifests;
    atomic_store(&b.stop, 2);
    weir_stage *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_sha256 sha;
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_FAILS(weir_stage_publish(stage, &b.err), WEIR_E_STOPPED, &b.err);
    atomic_store(&b.stop, 1);
    b.store.hook = NULL; /* the same bytes once more */
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static faulty_act refuse_manifests(void *self, const char *verb, const weir_object *object,
                                   uint64_t call)
{
    (void)self, (void)object, (void)call;
    return strcmp(verb, "put_new") == 0 ? FAULTY_REFUSE : FAULTY_PASS;
}

/* Whoever calls again and again is told at last. */
static void refusal_of_a_manifest_lasts_over_calls(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, 1);
    weir_sha256      sha;
    int64_t          start_us = b.clock.mono;
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    b.store.hook = refuse_manifests;
    do
        CHECK(weir_stage_publish(stage, &b.err) != WEIR_OK);
    while (b.err.fate == WEIR_FATE_RETRY && b.clock.mono - start_us < 3600 * 1000000LL);
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    CHECK(b.clock.mono - start_us >= 600 * 1000000LL);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

static void mistakes_of_the_caller_stop_at_once(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    weir_checkpoint *checkpoint = owner(&b);
    weir_sha256      sha;
    CHECK_ABORTS((void)weir_checkpoint_stage(checkpoint, 2));
    weir_stage *stage = weir_checkpoint_stage(checkpoint, 1);
    CHECK_ABORTS((void)weir_checkpoint_stage(checkpoint, 1));
    CHECK_ABORTS(CHECK(weir_stage_publish(stage, &b.err) == WEIR_OK));
    CHECK_ABORTS(weir_stage_section(stage, "blobs", WEIR_STR("")));
    CHECK_ABORTS(CHECK(weir_checkpoint_seal(checkpoint, &b.err) == WEIR_OK));
    CHECK_OK(weir_stage_build(stage, &sha, &b.err), &b.err);
    CHECK_OK(weir_stage_publish(stage, &b.err), &b.err);
    CHECK_ABORTS(weir_stage_section(stage, "late", WEIR_STR("")));
    CHECK_ABORTS(weir_stage_reset(stage));
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(small_blobs_travel_inside_the_manifest),
        TEST(larger_blobs_go_into_data_objects),
        TEST(references_come_back),
        TEST(damaged_blob_halts),
        TEST(store_that_gives_less_than_it_says_is_noticed),
        TEST(bit_of_a_blob_that_flips_on_the_way_is_read_again),
        TEST(second_look_that_fails_may_be_tried_again),
        TEST(empty_blob_that_is_said_to_expand_halts),
        TEST(blob_of_a_manifest_without_references_is_carried),
        TEST(blob_goes_into_an_object_where_a_failpoint_wants_it),
        TEST(fetch_that_fails_may_be_tried_again),
        TEST(build_goes_on_where_it_failed),
        TEST(more_objects_than_one_flight_are_put_once_each),
        TEST(reset_never_gives_a_number_again),
        TEST(blobs_may_be_added_behind_a_build),
        TEST(epoch_that_is_too_big_is_refused),
        TEST(many_sections_are_kept),
        TEST(abandoned_stage_leaves_the_checkpoint_as_it_was),
        TEST(lost_answer_to_the_manifest_is_no_fence),
        TEST(first_stop_waits_and_the_second_ends_the_wait),
        TEST(refusal_of_a_manifest_lasts_over_calls),
        TEST(mistakes_of_the_caller_stop_at_once),
    };
    return RUN_TESTS(tests);
}
