/* What a manifest says to people: sections are read as they are written, and bytes that are
 * not the engine's are refused.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "weir/facts.h"
#include "weir/hash.h"

typedef struct bench {
    weir_arena   *arena;
    weir_buf      summary, files, plan;
    weir_section  section[3];
    weir_manifest manifest;
    weir_facts    facts;
    weir_err      err;
} bench;

static void seal(weir_buf *out)
{
    weir_buf_u32(out, weir_crc32c(0, weir_buf_view(out)));
}

static void write_summary(weir_buf *out)
{
    static const uint64_t counts[] = {5000, 300, /* read_us, merge_us */
                                      1000, 7, 6, 5, 4, 3};
    weir_buf_byte(out, 1);
    weir_buf_u64(out, 1704067200000000u);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        weir_buf_varint(out, counts[i]);
    weir_buf_varint(out, 1);
    weir_buf_blob(out, WEIR_STR("per_minute.aggregate"));
    weir_buf_varint(out, 12);
    weir_buf_varint(out, 3456);
    weir_buf_varint(out, 2);
    weir_buf_blob(out, WEIR_STR("revenue"));
    weir_buf_varint(out, 10);
    weir_buf_blob(out, WEIR_STR("revenue_lake"));
    weir_buf_varint(out, 0);
    for (uint64_t i = 41; i <= 44; i++) /* the epoch before, and its timings */
        weir_buf_varint(out, i);
    seal(out);
}

static void start(bench *b)
{
    memset(b, 0, sizeof *b);
    b->arena = weir_arena_new("facts", 4096);
    write_summary(&b->summary);
    weir_buf_byte(&b->files, 1);
    weir_buf_varint(&b->files, 1);
    weir_buf_blob(&b->files, WEIR_STR("revenue/day=1/a.avro"));
    weir_buf_varint(&b->files, 99);
    weir_buf_varint(&b->files, 8888);
    weir_buf_u64(&b->plan, 0xfeedu);
    b->section[0] = (weir_section){WEIR_STR("summary"), weir_buf_view(&b->summary)};
    b->section[1] = (weir_section){WEIR_STR("files"), weir_buf_view(&b->files)};
    b->section[2] = (weir_section){WEIR_STR("plan"), weir_buf_view(&b->plan)};
    b->manifest = (weir_manifest){.sections = 3, .section = b->section};
}

static void stop(bench *b)
{
    weir_buf_done(&b->summary);
    weir_buf_done(&b->files);
    weir_buf_done(&b->plan);
    weir_arena_free(b->arena);
}

static weir_code read_facts(bench *b)
{
    return weir_facts_read(&b->manifest, b->arena, &b->facts, &b->err);
}

static void what_was_written_is_told(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_OK(read_facts(&b), &b.err);
    const weir_facts *facts = &b.facts;
    CHECK(facts->summarised);
    CHECK_U64(facts->plan, 0xfeedu);
    CHECK_INT(facts->read_us, 5000);
    CHECK_INT(facts->merge_us, 300);
    CHECK_U64(facts->records, 1000);
    CHECK_U64(facts->bad, 7);
    CHECK_U64(facts->late, 6);
    CHECK_U64(facts->duplicate, 5);
    CHECK_U64(facts->skipped, 4);
    CHECK_U64(facts->dead_letters, 3);
    CHECK_INT(facts->operators, 1);
    CHECK_STR(facts->operator[0].name, "per_minute.aggregate");
    CHECK_U64(facts->operator[0].rows, 12);
    CHECK_U64(facts->operator[0].bytes, 3456);
    CHECK_INT(facts->flows, 2);
    CHECK_STR(facts->flow[0].table, "revenue");
    CHECK_U64(facts->flow[0].rows, 10);
    CHECK_INT(facts->files, 1);
    CHECK_U64(facts->file[0].rows, 99);
    CHECK_U64(facts->file[0].bytes, 8888);
    CHECK_U64(facts->before, 41);
    CHECK_INT(facts->before_commit_us, 44);
    stop(&b);
}

static void manifest_of_an_older_version_has_no_summary(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.manifest.sections = 0;
    CHECK_OK(read_facts(&b), &b.err);
    CHECK(!b.facts.summarised);
    CHECK_INT(b.facts.files, 0);
    CHECK_INT(b.facts.partitions, 0);
    stop(&b);
}

static void each_byte_of_the_summary_is_covered(void **state)
{
    bench b;
    (void)state;
    start(&b);
    for (size_t i = 0; i < b.summary.len; i++) {
        b.summary.at[i] ^= 0x10;
        CHECK_FAILS(read_facts(&b), WEIR_E_CORRUPT, &b.err);
        CHECK_SAYS(&b.err, "'summary'");
        CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
        b.summary.at[i] ^= 0x10;
        b.section[0].bytes.len = i; /* cut */
        CHECK_FAILS(read_facts(&b), WEIR_E_CORRUPT, &b.err);
        b.section[0].bytes.len = b.summary.len;
    }
    CHECK_OK(read_facts(&b), &b.err);
    stop(&b);
}

static void lists_are_no_longer_than_their_bytes(void **state)
{
    bench b;
    (void)state;
    start(&b);
    for (size_t len = 1; len < b.files.len; len++) {
        b.section[1].bytes.len = len;
        CHECK_FAILS(read_facts(&b), WEIR_E_CORRUPT, &b.err);
        CHECK_SAYS(&b.err, "'files'");
    }
    weir_buf_clear(&b.files);
    weir_buf_byte(&b.files, 1);
    weir_buf_varint(&b.files, UINT32_MAX); /* files, in no bytes */
    b.section[1].bytes = weir_buf_view(&b.files);
    CHECK_FAILS(read_facts(&b), WEIR_E_CORRUPT, &b.err);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_told),
        TEST(manifest_of_an_older_version_has_no_summary),
        TEST(each_byte_of_the_summary_is_covered),
        TEST(lists_are_no_longer_than_their_bytes),
    };
    return RUN_TESTS(tests);
}
