/* The engine's sections of a manifest: what was written comes back, and damaged bytes are
 * found, whichever byte it is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_parts.h"

#define SOURCES 2u
#define PARTITIONS 3u

typedef struct bench {
    weir_engine_setup setup;
    weir_status       status;
    weir_table        table[SOURCES];
    engine_job        engine;
    weir_err          err;
} bench;

static const char *const partition_name[PARTITIONS] = {"0", "1", "part-2.jsonl"};

/* A job that has just found its partitions. */
static void start(bench *b)
{
    memset(b, 0, sizeof *b);
    engine_job *engine = &b->engine;
    b->setup.clock = weir_clock_system();
    engine->setup = &b->setup;
    engine->clock = b->setup.clock;
    engine->status = &b->status;
    engine->arena = weir_arena_new("job", 4096);
    engine->lanes = 2;
    engine->sources = SOURCES;
    engine->source = WEIR_ARRAY(engine->arena, engine_source, SOURCES);
    weir_err_clear(&b->err);
    for (uint32_t s = 0; s < SOURCES; s++) {
        engine_source *source = &engine->source[s];
        b->table[s].name = weir_str_of(s ? "clicks" : "orders");
        source->engine = engine;
        source->table = &b->table[s];
        source->arena = weir_arena_new("source", 4096);
        pthread_mutex_init(&source->lock, NULL);
        engine_partitions_room(source, PARTITIONS);
        for (uint32_t p = 0; p < PARTITIONS; p++) {
            weir_partition_info info = {.name = weir_str_of(partition_name[p]),
                                        .start = 5, .end = 50};
            engine_partition_add(source, &info);
        }
        engine_partitions_adopt(source);
    }
    engine->groups = 2;
    engine->group = WEIR_ARRAY(engine->arena, engine_group, 2);
    engine->group[0].section = "sink/mysql/shop";
    engine->group[1].section = "sink/sqlite/shop";
}

static void stop(bench *b)
{
    for (uint32_t s = 0; s < SOURCES; s++) {
        engine_partitions_free(&b->engine.source[s]);
        weir_arena_free(b->engine.source[s].arena);
        pthread_mutex_destroy(&b->engine.source[s].lock);
    }
    weir_arena_free(b->engine.arena);
}

static void live(bench *b)
{
    (void)snprintf(b->engine.source[0].pinned, 20, "shop.orders");
    b->engine.source[0].closing_us = 12345;
    b->engine.source[1].closing_us = -7;
    b->engine.source[1].error_records = 77;
    b->engine.source[1].error_bad = 3;
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        engine_partition *partition = &b->engine.source[0].partition[p];
        partition->position = (weir_position){20 + p, 18, 1000 + p, 0xdeadbeef};
        partition->end = 90 + p;
        partition->watermark_us = -5 - (int64_t)p;
        partition->highest_us = INT64_MAX - p;
        partition->streamed = p == 0;
        partition->snapshot_seen = p == 1;
        partition->snapshot_first = p != 2;
        partition->snapshot = (weir_log_position){UINT64_MAX, 2, 3, UINT32_MAX, 1};
        for (uint32_t m = 0; m < 5 * p; m++) {
            engine_mark *mark = engine_mark_add(partition);
            (void)snprintf(mark->origin, sizeof mark->origin, "origin-%u", m);
            mark->position = (weir_log_position){m, UINT64_MAX - m, 7, m, m & 1};
            mark->commit_us = -(int64_t)m;
        }
    }
}

static weir_buf positions_of(bench *b, bool end)
{
    weir_buf out = {0};
    engine_positions_write(&b->engine, end, &out);
    return out;
}

static void positions_come_back_as_they_were_written(void **state)
{
    bench a, b;
    (void)state;
    start(&a);
    start(&b);
    a.setup.until_end = b.setup.until_end = true;
    live(&a);
    weir_buf first = positions_of(&a, false);
    CHECK_OK(engine_positions_read(&b.engine, weir_buf_view(&first), &b.err), &b.err);
    CHECK_INT(b.engine.source[0].closed_us, 12345);
    CHECK_INT(b.engine.source[1].closed_us, -7);
    CHECK(!b.engine.ended);
    CHECK_TEXT(b.engine.source[0].pinned, "shop.orders");
    weir_buf second = positions_of(&b, false);
    CHECK_SAME(weir_buf_view(&second), weir_buf_view(&first));
    weir_buf_done(&first);
    weir_buf_done(&second);
    stop(&a);
    stop(&b);
}

static void recorded_ends_are_those_of_a_bounded_run_that_did_not_end(void **state)
{
    (void)state;
    for (int wrote = 0; wrote < 3; wrote++) /* unbounded, bounded, bounded and ended */
        for (int reads = 0; reads < 2; reads++) {
            bench a, b;
            start(&a);
            start(&b);
            a.setup.until_end = wrote > 0;
            b.setup.until_end = reads;
            live(&a);
            weir_buf bytes = positions_of(&a, wrote == 2);
            b.engine.source[0].partition[0].end = 4711;
            CHECK_OK(engine_positions_read(&b.engine, weir_buf_view(&bytes), &b.err),
                     &b.err);
            CHECK_INT(b.engine.source[0].partition[0].end,
                      wrote == 1 && reads ? 90 : 4711);
            CHECK(b.engine.ended == (wrote == 2));
            weir_buf_done(&bytes);
            stop(&a);
            stop(&b);
        }
}

static void any_damaged_byte_of_positions_is_found(void **state)
{
    bench a, b;
    (void)state;
    start(&a);
    start(&b);
    live(&a);
    weir_buf bytes = positions_of(&a, true);
    for (size_t i = 0; i < bytes.len; i++)
        for (int bit = 0; bit < 8; bit += 3) {
            bytes.at[i] ^= (char)(1 << bit);
            CHECK_FAILS(engine_positions_read(&b.engine, weir_buf_view(&bytes), &b.err),
                        WEIR_E_CORRUPT, &b.err);
            CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
            bytes.at[i] ^= (char)(1 << bit);
        }
    for (size_t len = 0; len < bytes.len; len++)
        CHECK_FAILS(engine_positions_read(&b.engine, (weir_str){bytes.at, len}, &b.err),
                    WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.engine.source[0].partition[0].position.next_offset, 5); /* nothing taken */
    CHECK_OK(engine_positions_read(&b.engine, weir_buf_view(&bytes), &b.err), &b.err);
    weir_buf_done(&bytes);
    stop(&a);
    stop(&b);
}

/* A checksum can be right over bytes that this program did not write. */
static void wrong_bytes_under_a_right_checksum_never_crash(void **state)
{
    bench a;
    (void)state;
    start(&a);
    live(&a);
    weir_buf bytes = positions_of(&a, true);
    for (size_t i = 0; i + 4 < bytes.len; i++) {
        bench b;
        start(&b);
        weir_buf copy = {0};
        weir_buf_add(&copy, bytes.at, bytes.len - 4);
        copy.at[i] ^= (char)(0x55 + i);
        weir_buf_u32(&copy, weir_crc32c(0, weir_buf_view(&copy)));
        weir_code rc = engine_positions_read(&b.engine, weir_buf_view(&copy), &b.err);
        CHECK(rc == WEIR_OK || rc == WEIR_E_CORRUPT || rc == WEIR_E_NOTFOUND);
        weir_buf_done(&copy);
        stop(&b);
    }
    weir_buf_done(&bytes);
    stop(&a);
}

typedef weir_code read_fn(engine_job *engine, weir_str bytes, weir_err *err);

/* All of a section but its end, and more than it: with a checksum that is right. */
static void check_cuts(read_fn *read, const weir_buf *bytes, weir_change *change)
{
    for (size_t len = 0; len <= bytes->len - 3; len++) {
        bench    b;
        weir_buf cut = {0};
        start(&b);
        b.engine.change = change;
        weir_buf_add(&cut, bytes->at, len);
        weir_buf_u32(&cut, weir_crc32c(0, weir_buf_view(&cut)));
        weir_code rc = read(&b.engine, weir_buf_view(&cut), &b.err);
        CHECK_INT(rc, len == bytes->len - 4 ? WEIR_OK : WEIR_E_CORRUPT);
        weir_buf_done(&cut);
        stop(&b);
    }
}

static void sections_that_are_cut_under_a_right_checksum_are_damaged(void **state)
{
    (void)state;
    bench       a;
    weir_buf    groups = {0};
    weir_change other = {.sources = 0}; /* SQL that reads none of them any more */
    start(&a);
    live(&a);
    weir_buf positions = positions_of(&a, true);
    engine_groups_write(&a.engine, &groups);
    check_cuts(engine_positions_read, &positions, NULL);
    check_cuts(engine_positions_read, &positions, &other);
    check_cuts(engine_groups_read, &groups, NULL);
    weir_buf_done(&positions);
    weir_buf_done(&groups);
    stop(&a);
}

static void add_zeros(weir_buf *out, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        weir_buf_byte(out, 0);
}

/* A source's pinned table, or a mark's origin, of that length. */
static void check_names(uint32_t pinned, uint32_t origin, weir_code want)
{
    static const char long_name[1000] = {'n'};
    bench             b;
    weir_buf          bytes = {0};
    start(&b);
    weir_buf_byte(&bytes, 2); /* version */
    weir_buf_byte(&bytes, 0);
    weir_buf_varint(&bytes, 1);
    weir_buf_blob(&bytes, WEIR_STR("orders"));
    weir_buf_u64(&bytes, 0);
    weir_buf_blob(&bytes, (weir_str){long_name, pinned});
    add_zeros(&bytes, 2); /* of error_limit */
    weir_buf_varint(&bytes, 1);
    weir_buf_blob(&bytes, WEIR_STR("0"));
    add_zeros(&bytes, 53 + 5); /* numbers, and a log position */
    weir_buf_byte(&bytes, 1);
    weir_buf_blob(&bytes, (weir_str){long_name, origin});
    add_zeros(&bytes, 5 + 8);
    weir_buf_u32(&bytes, weir_crc32c(0, weir_buf_view(&bytes)));
    CHECK_INT(engine_positions_read(&b.engine, weir_buf_view(&bytes), &b.err), want);
    weir_buf_done(&bytes);
    stop(&b);
}

static void names_that_are_longer_than_any_are_damaged(void **state)
{
    (void)state;
    check_names(1, 1, WEIR_OK);
    check_names(sizeof((engine_source *)NULL)->pinned - 1, ENGINE_ORIGIN_BYTES - 1, WEIR_OK);
    check_names(sizeof((engine_source *)NULL)->pinned, 1, WEIR_E_CORRUPT);
    check_names(1, ENGINE_ORIGIN_BYTES, WEIR_E_CORRUPT);
}

static void sink_groups_come_back_by_the_names_of_their_sections(void **state)
{
    bench a, b;
    (void)state;
    start(&a);
    start(&b);
    a.engine.group[0].joined = 3;
    a.engine.last_epoch = 41;
    weir_buf bytes = {0};
    engine_groups_write(&a.engine, &bytes);
    b.engine.group[0].section = "sink/sqlite/shop"; /* in another order, and one is new */
    b.engine.group[1].section = "sink/mysql/other";
    CHECK_OK(engine_groups_read(&b.engine, weir_buf_view(&bytes), &b.err), &b.err);
    CHECK_U64(b.engine.group[0].joined, 42);
    CHECK_U64(b.engine.group[1].joined, 0);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.at[i] ^= 4;
        CHECK_FAILS(engine_groups_read(&b.engine, weir_buf_view(&bytes), &b.err),
                    WEIR_E_CORRUPT, &b.err);
        CHECK_FAILS(engine_groups_read(&b.engine, (weir_str){bytes.at, i}, &b.err),
                    WEIR_E_CORRUPT, &b.err);
        bytes.at[i] ^= 4;
    }
    weir_buf_done(&bytes);
    stop(&a);
    stop(&b);
}

static void what_a_newer_version_wrote_is_refused_by_name(void **state)
{
    bench b;
    (void)state;
    start(&b);
    weir_section section[] = {{WEIR_STR("blobs"), {NULL, 0}}, {WEIR_STR("positions"), {NULL, 0}},
                              {WEIR_STR("sink/mysql/shop"), {NULL, 0}},
                              {WEIR_STR("dead/bad"), {NULL, 0}}, {WEIR_STR("joins"), {NULL, 0}}};
    weir_manifest manifest = {.sections = 4, .section = section};
    CHECK_OK(engine_sections_check(&manifest, &b.err), &b.err);
    manifest.sections = 5;
    CHECK_FAILS(engine_sections_check(&manifest, &b.err), WEIR_E_CORRUPT, &b.err);
    CHECK_SAYS(&b.err, "another version of weir: its manifest has a section 'joins'");
    weir_buf bytes = positions_of(&b, false);
    bytes.len -= 4;
    bytes.at[0] = 99;
    weir_buf_u32(&bytes, weir_crc32c(0, weir_buf_view(&bytes)));
    CHECK_FAILS(engine_positions_read(&b.engine, weir_buf_view(&bytes), &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_SAYS(&b.err, "another version of weir: form 99 of its positions");
    weir_buf_done(&bytes);
    stop(&b);
}

static void empty_sections_are_damaged_ones(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_FAILS(engine_positions_read(&b.engine, (weir_str){NULL, 0}, &b.err),
                WEIR_E_CORRUPT, &b.err);
    CHECK_FAILS(engine_groups_read(&b.engine, (weir_str){NULL, 0}, &b.err), WEIR_E_CORRUPT,
                &b.err);
    CHECK_FAILS(engine_slices_restore(&b.engine, NULL, (weir_str){NULL, 0}, &b.err),
                WEIR_E_CORRUPT, &b.err);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(positions_come_back_as_they_were_written),
        TEST(recorded_ends_are_those_of_a_bounded_run_that_did_not_end),
        TEST(any_damaged_byte_of_positions_is_found),
        TEST(wrong_bytes_under_a_right_checksum_never_crash),
        TEST(sections_that_are_cut_under_a_right_checksum_are_damaged),
        TEST(names_that_are_longer_than_any_are_damaged),
        TEST(sink_groups_come_back_by_the_names_of_their_sections),
        TEST(what_a_newer_version_wrote_is_refused_by_name),
        TEST(empty_sections_are_damaged_ones),
    };
    return RUN_TESTS(tests);
}
