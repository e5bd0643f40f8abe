/* The section "replay": what was asked for comes back, and where to end; damaged bytes are found.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_parts.h"

#define SOURCES 2u
#define PARTITIONS 3u

typedef struct bench {
    weir_engine_setup setup;
    weir_replay       replay;
    weir_section      section[1];
    weir_manifest     until;
    weir_buf          positions;
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
    b->setup.until_end = true;
    b->setup.replay = &b->replay;
    b->replay = (weir_replay){.from_asked = WEIR_STR("before"), .until_asked = WEIR_STR("23"),
                               .last_epoch = 23};
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
    weir_buf_done(&b->positions);
    for (uint32_t s = 0; s < SOURCES; s++) {
        engine_partitions_free(&b->engine.source[s]);
        weir_arena_free(b->engine.source[s].arena);
        pthread_mutex_destroy(&b->engine.source[s].lock);
    }
    weir_arena_free(b->engine.arena);
}

/* An epoch at which partition p of source s stood at 10 * s + p + 20. */
static void end_at_17(bench *b)
{
    for (uint32_t s = 0; s < SOURCES; s++) {
        b->engine.source[s].closing_us = 1000 + s;
        for (uint32_t p = 0; p < PARTITIONS; p++)
            b->engine.source[s].partition[p].position.next_offset = 10 * s + p + 20;
    }
    weir_buf_clear(&b->positions);
    engine_positions_write(&b->engine, false, &b->positions);
    b->section[0] = (weir_section){WEIR_STR("positions"), weir_buf_view(&b->positions)};
    b->until = (weir_manifest){.epoch = 17, .sections = 1, .section = b->section};
    b->replay.until = &b->until;
    for (uint32_t s = 0; s < SOURCES; s++)
        for (uint32_t p = 0; p < PARTITIONS; p++)
            b->engine.source[s].partition[p].position.next_offset = 5;
}

static void ends_are_of_17(bench *b)
{
    CHECK(engine_replay_to_epoch(&b->engine));
    for (uint32_t s = 0; s < SOURCES; s++) {
        CHECK_INT(engine_replay_closed(&b->engine, &b->engine.source[s]), 1000 + s);
        for (uint32_t p = 0; p < PARTITIONS; p++)
            CHECK_INT(b->engine.source[s].partition[p].end, 10 * s + p + 20);
    }
}

/* What a later start finds in the last manifest, or CORRUPT. */
static weir_code go_on(bench *b, weir_str section)
{
    weir_section own = {WEIR_STR("replay"), section};
    weir_manifest last = {.sections = 1, .section = &own};
    b->engine.last = &last;
    weir_err_clear(&b->err);
    weir_code rc = engine_replay_resume(&b->engine, &b->err);
    b->engine.last = NULL;
    return rc;
}

static void without_an_epoch_the_sources_ends_count(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    CHECK(!engine_replay_to_epoch(&b.engine));
    CHECK_INT(b.engine.source[1].partition[2].end, 50);
    stop(&b);
}

static void an_epoch_is_ended_at_exactly(void **state)
{
    bench b;
    (void)state;
    start(&b);
    end_at_17(&b);
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    ends_are_of_17(&b);
    CHECK_INT(b.engine.source[0].partition[0].position.next_offset, 5);
    stop(&b);
}

static void what_is_gone_cannot_be_ended_at(void **state)
{
    bench b;
    (void)state;
    start(&b);
    end_at_17(&b);
    b.engine.source[1].partitions = 2;
    CHECK_FAILS(engine_replay_begin(&b.engine, &b.err), WEIR_E_NOTFOUND, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_TOPIC_CHANGED);
    CHECK_SAYS(&b.err, "'part-2.jsonl'");
    b.engine.source[1].partitions = 3;
    stop(&b);
}

/* An epoch that stands behind where reading begins: there is nothing to read. */
static void what_is_behind_its_end_is_not_read(void **state)
{
    bench b;
    (void)state;
    start(&b);
    end_at_17(&b);
    b.engine.source[1].partition[2].position.next_offset = 1000;
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    CHECK_INT(b.engine.source[1].partition[2].end, 1000);
    stop(&b);
}

/* A table that the epoch does not have: its windows stay open. */
static void an_epoch_closed_no_window_of_a_table_that_came_later(void **state)
{
    bench b;
    weir_table other = {.name = WEIR_STR("later")};
    (void)state;
    start(&b);
    end_at_17(&b);
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    b.engine.source[1].table = &other;
    CHECK_INT(engine_replay_closed(&b.engine, &b.engine.source[1]), INT64_MIN);
    CHECK_INT(engine_replay_closed(&b.engine, &b.engine.source[0]), 1000);
    stop(&b);
}

/* Partitions that came after the epoch are not read. */
static void what_came_later_is_not_read(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.engine.source[1].partitions = 2;
    end_at_17(&b);
    b.engine.source[1].partitions = 3;
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    CHECK_INT(b.engine.source[1].partition[2].end, 5);
    stop(&b);
}

static void a_later_start_needs_its_own_manifest_only(void **state)
{
    bench b;
    weir_buf section = {0};
    (void)state;
    start(&b);
    end_at_17(&b);
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    b.engine.replay.from_epoch = 9;
    engine_replay_write(&b.engine, &section);
    stop(&b);

    start(&b);
    CHECK_OK(go_on(&b, weir_buf_view(&section)), &b.err);
    ends_are_of_17(&b);
    CHECK_U64(b.engine.replay.from_epoch, 9);
    CHECK_U64(b.engine.replay.until_epoch, 17);
    weir_section own = {WEIR_STR("replay"), weir_buf_view(&section)};
    weir_manifest last = {.sections = 1, .section = &own};
    weir_facts facts;
    CHECK_OK(weir_facts_read(&last, b.engine.arena, &facts, &b.err), &b.err);
    CHECK(facts.replay);
    CHECK_STR(facts.replay_from, "before");
    CHECK_STR(facts.replay_until, "23");
    CHECK_U64(facts.from_epoch, 9);
    CHECK_U64(facts.until_epoch, 17);
    CHECK_U64(facts.last_epoch, 23);
    stop(&b);
    weir_buf_done(&section);
}

/* Only one that came to its end goes on to a later epoch. */
static void an_end_may_be_moved_on(void **state)
{
    (void)state;
    for (int ended = 0; ended < 2; ended++) {
        bench b;
        weir_buf section = {0};
        start(&b);
        CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
        engine_replay_write(&b.engine, &section);
        end_at_17(&b);
        b.engine.ended = ended;
        CHECK_OK(go_on(&b, weir_buf_view(&section)), &b.err);
        CHECK_INT(engine_replay_to_epoch(&b.engine), ended);
        CHECK_U64(b.engine.replay.until_epoch, ended ? 17 : 0);
        CHECK(!b.engine.ended);
        stop(&b);
        weir_buf_done(&section);
    }
}

static void any_damaged_byte_is_found(void **state)
{
    bench b;
    weir_buf section = {0};
    (void)state;
    start(&b);
    end_at_17(&b);
    CHECK_OK(engine_replay_begin(&b.engine, &b.err), &b.err);
    engine_replay_write(&b.engine, &section);
    for (size_t i = 0; i < section.len; i++) {
        section.at[i] ^= 0x20;
        CHECK_FAILS(go_on(&b, weir_buf_view(&section)), WEIR_E_CORRUPT, &b.err);
        CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
        section.at[i] ^= 0x20;
        CHECK_FAILS(go_on(&b, (weir_str){section.at, i}), WEIR_E_CORRUPT, &b.err);
    }
    CHECK_OK(go_on(&b, weir_buf_view(&section)), &b.err);
    CHECK_FAILS(go_on(&b, (weir_str){NULL, 0}), WEIR_E_CORRUPT, &b.err);
    CHECK_SAYS(&b.err, "not one of a replay");
    stop(&b);
    weir_buf_done(&section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_an_epoch_the_sources_ends_count),
        TEST(an_epoch_is_ended_at_exactly),
        TEST(what_is_gone_cannot_be_ended_at),
        TEST(what_is_behind_its_end_is_not_read),
        TEST(an_epoch_closed_no_window_of_a_table_that_came_later),
        TEST(what_came_later_is_not_read),
        TEST(a_later_start_needs_its_own_manifest_only),
        TEST(an_end_may_be_moved_on),
        TEST(any_damaged_byte_is_found),
    };
    return RUN_TESTS(tests);
}
