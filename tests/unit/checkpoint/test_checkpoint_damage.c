/* tests/checkpoint_damage: records that are damaged, missing or another's are found.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_parts.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(record_that_can_be_seen_and_not_read_halts),
        TEST(damaged_manifest_halts_at_every_byte),
        TEST(record_of_somebody_else_halts),
        TEST(manifest_that_is_not_the_one_sealed_halts),
        TEST(seal_copy_that_is_no_seal_halts),
        TEST(bit_that_flips_on_the_way_is_read_again),
    };
    return RUN_TESTS(tests);
}
