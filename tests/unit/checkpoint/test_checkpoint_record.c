/* tests/checkpoint_record: records come back as they were written, or not at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "checkpoint_record.h"
#include "weir/limits.h"

static weir_section some[] = {{WEIR_STR("positions"), WEIR_STR("0123456789")},
                              {WEIR_STR("empty"), WEIR_STR("")},
                              {WEIR_STR("sink/a"), WEIR_STR("\0\1\2")}};

static checkpoint_record manifest_record(void)
{
    checkpoint_record record = {.kind = RECORD_MANIFEST,
                                .job = WEIR_STR("revenue"),
                                .task = WEIR_STR("t0"),
                                .lineage = 3,
                                .gen = 7,
                                .idx = 5,
                                .epoch = 42,
                                .prev = {.gen = 7, .idx = 4, .epoch = 41, .sha = {{1, 2}}},
                                .written_us = 1700000000000000,
                                .probed = WEIR_STR("https://s3/bucket"),
                                .sections = 3,
                                .section = some};
    memset(record.nonce, 0xA5, sizeof record.nonce);
    return record;
}

static weir_str written(weir_arena *arena, checkpoint_record record)
{
    weir_buf bytes = {0};
    record_write(&bytes, &record);
    weir_str kept = weir_str_copy(arena, weir_buf_view(&bytes));
    weir_buf_done(&bytes);
    return kept;
}

static void record_comes_back_as_it_was(void **state)
{
    (void)state;
    weir_arena       *arena = weir_arena_new("test", 4096);
    checkpoint_record record = manifest_record();
    checkpoint_record got;
    weir_str          bytes = written(arena, record);
    assert_null(record_read(bytes, arena, &got));
    CHECK_INT(got.kind, RECORD_MANIFEST);
    CHECK_STR(got.job, "revenue");
    CHECK_STR(got.task, "t0");
    CHECK_STR(got.probed, "https://s3/bucket");
    CHECK_INT(got.lineage, 3);
    CHECK_U64(got.gen, 7);
    CHECK_U64(got.idx, 5);
    CHECK_U64(got.epoch, 42);
    CHECK_U64(got.prev.gen, 7);
    CHECK_U64(got.prev.idx, 4);
    CHECK_U64(got.prev.epoch, 41);
    CHECK(weir_sha256_eq(&got.prev.sha, &record.prev.sha));
    assert_memory_equal(got.nonce, record.nonce, sizeof got.nonce);
    CHECK_INT(got.written_us, 1700000000000000);
    CHECK(!got.finalised);
    CHECK_INT(got.sections, 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK_SAME(got.section[i].name, some[i].name);
        CHECK_SAME(got.section[i].bytes, some[i].bytes);
    }
    weir_sha256 sha = weir_sha256_of((weir_str){bytes.at, bytes.len - 32});
    CHECK(weir_sha256_eq(&got.sha, &sha));
    weir_arena_free(arena);
}

static void seal_and_hint_come_back(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 4096);
    for (int reason = RECORD_TAKEN_OVER; reason <= RECORD_SUPERSEDED; reason++) {
        checkpoint_record got, record = manifest_record();
        record.kind = RECORD_SEAL;
        record.reason = (record_reason)reason;
        record.finalised = reason % 2 == 0;
        record.epoch = 41;
        record.sections = 0;
        assert_null(record_read(written(arena, record), arena, &got));
        CHECK_INT(got.reason, reason);
        CHECK_INT(got.finalised, reason % 2 == 0);
    }
    checkpoint_record got, record = manifest_record();
    record.kind = RECORD_HINT;
    record.idx = 0;
    record.gen = 9;
    record.epoch = 41;
    record.finalised = true;
    assert_null(record_read(written(arena, record), arena, &got));
    CHECK_U64(got.gen, 9);
    weir_arena_free(arena);
}

static void every_flipped_byte_is_noticed(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 4096);
    weir_str    bytes = written(arena, manifest_record());
    char       *copy = weir_arena_take(arena, bytes.len);
    for (size_t i = 0; i < bytes.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            checkpoint_record got;
            memcpy(copy, bytes.at, bytes.len);
            copy[i] = (char)(copy[i] ^ (1 << bit));
            assert_non_null(record_read((weir_str){copy, bytes.len}, arena, &got));
        }
    }
    weir_arena_free(arena);
}

static void every_cut_and_every_addition_is_noticed(void **state)
{
    (void)state;
    weir_arena       *arena = weir_arena_new("test", 4096);
    weir_str          bytes = written(arena, manifest_record());
    char             *copy = weir_arena_zero(arena, bytes.len + 64);
    checkpoint_record got;
    memcpy(copy, bytes.at, bytes.len);
    for (size_t len = 0; len < bytes.len + 64; len++) {
        if (len != bytes.len)
            assert_non_null(record_read((weir_str){copy, len}, arena, &got));
    }
    weir_arena_free(arena);
}

/* With a digest that fits: somebody wrote this on purpose, or we have a bug. */
static void expect_fault(checkpoint_record record, const char *fault)
{
    weir_arena       *arena = weir_arena_new("test", 4096);
    checkpoint_record got;
    const char       *seen = record_read(written(arena, record), arena, &got);
    assert_non_null(seen);
    CHECK_TEXT(seen, fault);
    weir_arena_free(arena);
}

static void record_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    checkpoint_record r = manifest_record();
    r.kind = (record_kind)0;
    expect_fault(r, "it is of an unknown kind");
    r.kind = (record_kind)8;
    expect_fault(r, "it is of an unknown kind");
    r = manifest_record();
    r.reason = RECORD_SHUT_DOWN;
    expect_fault(r, "it has an unknown reason");
    r = manifest_record();
    r.kind = RECORD_SEAL;
    expect_fault(r, "it has an unknown reason");
    r.reason = (record_reason)5;
    expect_fault(r, "it has an unknown reason");
    r.reason = (record_reason)8; /* a bit beyond those known */
    expect_fault(r, "its head does not lie within it");
    r = manifest_record();
    r.finalised = true;
    expect_fault(r, "it has an unknown flag");
    r = manifest_record();
    r.gen = RECORD_NUMBER_MAX + 1ull;
    expect_fault(r, "its place is out of bounds");
    r = manifest_record();
    r.idx = RECORD_NUMBER_MAX + 1ull;
    expect_fault(r, "its place is out of bounds");
    r = manifest_record();
    r.idx = 0;
    expect_fault(r, "its index is out of bounds");
    r = manifest_record();
    r.kind = RECORD_HINT;
    expect_fault(r, "its index is out of bounds");
}

/* An AMEND has the epoch of a manifest of a generation before, and is the first of its own. */
static void amend_that_replaces_nothing_is_refused(void **state)
{
    (void)state;
    checkpoint_record r = manifest_record();
    r.kind = RECORD_AMEND;
    expect_fault(r, "it replaces no epoch of a generation before");
    r.gen++;
    r.idx = 1;
    expect_fault(r, "its epoch is not that of the last manifest");
    r.epoch = r.prev.epoch;
    r.idx = 2;
    expect_fault(r, "its index does not follow the one before");
    r.idx = 1;
    weir_arena       *arena = weir_arena_new("test", 4096);
    checkpoint_record got;
    assert_null(record_read(written(arena, r), arena, &got));
    CHECK_INT(got.kind, RECORD_AMEND);
    CHECK(record_is_epoch(got.kind));
    weir_arena_free(arena);
    r.finalised = true;
    expect_fault(r, "it has an unknown flag");
    r.finalised = false;
    r.prev = (record_place){.idx = 0};
    r.epoch = 0;
    expect_fault(r, "it replaces no epoch of a generation before");
}

static void record_that_does_not_follow_the_one_before_is_refused(void **state)
{
    (void)state;
    checkpoint_record r = manifest_record();
    r.prev.gen = 8;
    expect_fault(r, "it names a manifest that cannot be before it");
    r = manifest_record();
    r.prev.idx = RECORD_NUMBER_MAX + 1ull;
    expect_fault(r, "it names a manifest that cannot be before it");
    r = manifest_record();
    r.prev.idx = 0;
    expect_fault(r, "the manifest that it names is half there");
    r = manifest_record();
    memset(&r.prev.sha, 0, sizeof r.prev.sha);
    expect_fault(r, "the manifest that it names is half there");
    r = manifest_record();
    r.idx = 6;
    expect_fault(r, "its index does not follow the one before");
    r = manifest_record();
    r.prev.gen = 6;
    expect_fault(r, "its index does not follow the one before");
    r = manifest_record();
    r.epoch = 43;
    expect_fault(r, "its epoch does not follow the one before");
    r = manifest_record();
    r.kind = RECORD_SEAL;
    r.reason = RECORD_TAKEN_OVER;
    expect_fault(r, "its epoch is not that of the last manifest");
}

/* Puts the digest anew behind a change. */
static const char *read_changed(weir_arena *arena, weir_str bytes, size_t at, char value)
{
    checkpoint_record got;
    char             *copy = weir_arena_take(arena, bytes.len);
    memcpy(copy, bytes.at, bytes.len);
    copy[at] = value;
    weir_sha256 sha = weir_sha256_of((weir_str){copy, bytes.len - 32});
    memcpy(copy + bytes.len - 32, sha.at, 32);
    return record_read((weir_str){copy, bytes.len}, arena, &got);
}

static void lengths_that_lie_are_refused_even_under_a_digest_that_fits(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 4096);
    weir_str    bytes = written(arena, manifest_record());
    size_t      refused = 0;
    for (size_t i = 0; i < bytes.len - 32; i++)
        refused += read_changed(arena, bytes, i, (char)0xFF) != NULL;
    CHECK(refused > 60); /* nonce, sha, time and names may be anything */
    size_t count_at = 20 + 8 + 3 + 18 + 4 + 24 + 16 + 24 + 32 + 8;
    CHECK_TEXT(read_changed(arena, bytes, count_at, 4), "a section does not lie within it");
    CHECK_TEXT(read_changed(arena, bytes, count_at, 2), "bytes follow its last section");
    CHECK_TEXT(read_changed(arena, bytes, count_at + 2, 1), "it has too many sections");
    CHECK_TEXT(read_changed(arena, bytes, count_at + 4, 0),
               "a section does not lie within it");
    CHECK_TEXT(read_changed(arena, bytes, count_at + 4 + 2 + 9 + 8, 0),
               "a section's CRC32C does not fit");
    CHECK_TEXT(read_changed(arena, bytes, 8, 2), "it is of another version of the format");
    CHECK_TEXT(read_changed(arena, bytes, 12, 2), "its length is not the one it names");
    CHECK_TEXT(read_changed(arena, bytes, 20, 127), "its head does not lie within it");
    CHECK_TEXT(read_changed(arena, bytes, 20 + 8 + 3 + 18, 0),
               "its place is out of bounds");
    char              place[RECORD_PROBED_MAX];
    checkpoint_record record = manifest_record();
    memset(place, 'p', sizeof place);
    record.probed = (weir_str){place, sizeof place};
    char         rest[1000] = {0}; /* for the head that is read behind the lie */
    weir_section large = {WEIR_STR("x"), {rest, sizeof rest}};
    record.sections = 1;
    record.section = &large;
    bytes = written(arena, record); /* 255 is FF 01, and FF 02 is 383 */
    checkpoint_record got;
    assert_null(record_read(bytes, arena, &got));
    CHECK_TEXT(read_changed(arena, bytes, 20 + 8 + 3 + 1, 2),
               "the place that it names is too long");
    weir_arena_free(arena);
}

static void oversized_record_is_refused_before_it_is_hashed(void **state)
{
    (void)state;
    weir_arena       *arena = weir_arena_new("test", 4096);
    checkpoint_record got;
    char             *big = calloc(WEIR_MANIFEST_BYTES_MAX + 1, 1);
    CHECK_TEXT(record_read((weir_str){big, WEIR_MANIFEST_BYTES_MAX + 1}, arena, &got),
               "it is too long");
    free(big);
    weir_arena_free(arena);
}

static void first_section_is_where_it_was_said_to_be(void **state)
{
    (void)state;
    weir_arena       *arena = weir_arena_new("test", 4096);
    checkpoint_record record = manifest_record();
    weir_str          bytes = written(arena, record);
    size_t            at = record_first_section_at(&record, some[0].name);
    assert_memory_equal(bytes.at + at, "0123456789", 10);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(record_comes_back_as_it_was),
        TEST(seal_and_hint_come_back),
        TEST(every_flipped_byte_is_noticed),
        TEST(every_cut_and_every_addition_is_noticed),
        TEST(record_that_contradicts_itself_is_refused),
        TEST(amend_that_replaces_nothing_is_refused),
        TEST(record_that_does_not_follow_the_one_before_is_refused),
        TEST(lengths_that_lie_are_refused_even_under_a_digest_that_fits),
        TEST(oversized_record_is_refused_before_it_is_hashed),
        TEST(first_section_is_where_it_was_said_to_be),
    };
    return RUN_TESTS(tests);
}
