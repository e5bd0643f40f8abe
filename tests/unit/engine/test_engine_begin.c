/* Lineages that begin with an epoch of another one: replays, and what a promotion began. What
 * they begin with may be damaged or gone, and they may be over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"
#include "weir/facts.h"
#include "weir/promotion.h"

#define JOB                                                                                \
    "CREATE TABLE events (id bigint, who text) WITH (connector = 'script', topic = "       \
    "'events', format = 'json');\n"                                                        \
    "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"    \
    "CREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"                \
    "INSERT INTO totals SELECT who, count(*) FROM events GROUP BY who;\n"                  \
    "INSERT INTO lines SELECT id, who FROM events;\n"

typedef struct bed {
    engine_bed       engine;
    script_topic    *topic;
    weir_arena      *arena;
    weir_checkpoint *live;
    weir_manifest   *epoch[4]; /* of the live job, by number */
    weir_replay      replay;
    weir_origin      origin;
} bed;

static void add(bed *b, int from, int to, const char *who)
{
    for (int i = from; i < to; i++)
        script_add(b->topic, 0, "{\"id\":%d,\"who\":\"%s\"}", i, who);
}

/* The databases are others than the live job's: empty. */
static void other_databases(void)
{
    keep_forget("main");
    keep_forget("lines");
}

/* Three epochs: a and b; b once more; c. */
static void set_up(bed *b, const char *sql)
{
    memset(b, 0, sizeof *b);
    engine_bed_open(&b->engine);
    b->arena = weir_arena_new("live", 64 << 10);
    b->topic = script_topic_new("events", 1);
    add(b, 0, 2, "a");
    add(b, 2, 4, "b");
    CHECK_OK(engine_bed_run(&b->engine, sql), &b->engine.err);
    add(b, 4, 6, "b");
    CHECK_OK(engine_bed_run(&b->engine, sql), &b->engine.err);
    add(b, 6, 8, "c");
    CHECK_OK(engine_bed_run(&b->engine, sql), &b->engine.err);
    weir_manifest *last = NULL;
    b->live = engine_bed_look(&b->engine, "job", b->arena, &last);
    for (uint64_t n = 1; n <= 3; n++)
        b->epoch[n] = engine_bed_epoch(&b->engine, b->live, last, n, b->arena);
    b->replay = (weir_replay){.from_asked = WEIR_STR("1"), .until_asked = WEIR_STR("2"),
                              .live = b->live, .from = b->epoch[1], .until = b->epoch[2],
                              .last_epoch = 3};
    b->origin = (weir_origin){b->live, b->epoch[2]};
    other_databases();
}

static void tear_down(bed *b)
{
    weir_checkpoint_close(b->live);
    weir_arena_free(b->arena);
    engine_bed_close(&b->engine);
}

static weir_code run_replay(bed *b, const char *sql)
{
    b->engine.job = "again";
    b->engine.replay = &b->replay;
    weir_code rc = engine_bed_run(&b->engine, sql);
    b->engine.replay = NULL;
    return rc;
}

static weir_code run_origin(bed *b, const char *sql)
{
    b->engine.job = "next";
    b->engine.origin = &b->origin;
    weir_code rc = engine_bed_run(&b->engine, sql);
    b->engine.origin = NULL;
    return rc;
}

static void check_rows(const char *group, const char *want)
{
    weir_buf is = keep_text(group);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

static void replay_holds_what_came_between_its_epochs(void **state)
{
    (void)state;
    bed            b;
    weir_manifest *last = NULL;
    weir_facts     facts;
    set_up(&b, JOB);
    CHECK_OK(run_replay(&b, JOB), &b.engine.err);
    check_rows("main", "b|4\n");
    check_rows("lines", "4|b\n5|b\n");
    weir_checkpoint *again = engine_bed_look(&b.engine, "again", b.arena, &last);
    CHECK_OK(weir_facts_read(last, b.arena, &facts, &b.engine.err), &b.engine.err);
    CHECK(facts.replay);
    CHECK(facts.end);
    CHECK_U64(facts.from_epoch, 1);
    CHECK_U64(facts.until_epoch, 2);
    CHECK_INT(facts.slices, WEIR_SLICES); /* it needs no object of the live lineage */
    weir_checkpoint_close(again);
    tear_down(&b);
}

static weir_code count_epochs(void *self, weir_err *err)
{
    int *left = self;
    if (--*left < 0)
        return weir_fail(err, WEIR_E_LIMIT, "the test has seen enough");
    return WEIR_OK;
}

/* Who compares what it makes is told of each epoch, and may stop it; its sources are not told. */
static void silent_replay_tells_of_its_epochs_and_acknowledges_nothing(void **state)
{
    (void)state;
    for (int enough = 0; enough < 2; enough++) {
        bed b;
        int left = enough ? 0 : 10;
        set_up(&b, JOB);
        b.topic->acked = 0;
        b.replay.silent = true;
        b.replay.epoch_done = count_epochs;
        b.replay.self = &left;
        weir_code rc = run_replay(&b, JOB);
        CHECK_INT(b.topic->acked, 0);
        if (enough) {
            CHECK_FAILS(rc, WEIR_E_LIMIT, &b.engine.err);
            CHECK_SAYS(&b.engine.err, "the test has seen enough");
        } else {
            CHECK_OK(rc, &b.engine.err);
            CHECK(left < 10);
        }
        tear_down(&b);
    }
}

/* It came to its end, and is given a later one; what it begins with is in its own log now. */
static void replay_goes_on_to_a_later_epoch(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    CHECK_OK(run_replay(&b, JOB), &b.engine.err);
    b.replay.from = NULL;
    b.replay.until = b.epoch[3];
    CHECK_OK(run_replay(&b, JOB), &b.engine.err);
    check_rows("main", "b|4\nc|2\n");
    check_rows("lines", "4|b\n5|b\n6|c\n7|c\n");
    tear_down(&b);
}

static void replay_of_everything_begins_with_nothing(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    b.replay.from = b.replay.until = NULL;
    CHECK_OK(run_replay(&b, JOB), &b.engine.err);
    check_rows("main", "a|2\nb|4\nc|2\n");
    tear_down(&b);
}

/* An end that lies before its beginning: there is nothing between them. */
static void replay_to_an_epoch_before_its_own_reads_nothing(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    b.replay.from = b.epoch[2];
    b.replay.until = b.epoch[1];
    CHECK_OK(run_replay(&b, JOB), &b.engine.err);
    check_rows("main", "");
    check_rows("lines", "");
    tear_down(&b);
}

/* The manifest with another section; bytes NULL: without it. */
static weir_manifest *spoiled(bed *b, const weir_manifest *from, const char *name,
                              const char *bytes)
{
    weir_manifest *made = WEIR_NEW(b->arena, weir_manifest);
    *made = *from;
    made->section = WEIR_ARRAY(b->arena, weir_section, from->sections + 1);
    made->sections = 0;
    for (uint32_t i = 0; i < from->sections; i++)
        if (!weir_str_is(from->section[i].name, name))
            made->section[made->sections++] = from->section[i];
    if (bytes != NULL)
        made->section[made->sections++] = (weir_section){weir_str_of(name), weir_str_of(bytes)};
    return made;
}

static const struct {
    const char *section, *bytes, *says;
} damages[] = {
    {"tomorrow", "x", "written by another version of weir"},
    {"plan", NULL, "does not say which plan it is of"},
    {"state", "damaged", "list of state is damaged"},
    {"positions", "damaged", "positions are damaged"},
};

static void replay_from_a_damaged_epoch_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        bed b;
        set_up(&b, JOB);
        b.replay.from = spoiled(&b, b.epoch[1], damages[i].section, damages[i].bytes);
        CHECK_FAILS(run_replay(&b, JOB), WEIR_E_CORRUPT, &b.engine.err);
        CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.engine.err, "replaying from epoch 1: ");
        CHECK_SAYS(&b.engine.err, damages[i].says);
        CHECK_HINTS(&b.engine.err, "weir checkpoint verify");
        check_rows("lines", "");
        tear_down(&b);
    }
}

static void replay_to_a_damaged_epoch_is_told(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    b.replay.until = spoiled(&b, b.epoch[2], "positions", "damaged");
    CHECK_FAILS(run_replay(&b, JOB), WEIR_E_CORRUPT, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b.engine.err, "positions");
    tear_down(&b);
}

/* A partition that the epoch has is gone: nothing in the checkpoint is damaged. */
static void replay_of_a_topic_that_shrank_is_refused(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    b.topic->partitions = 0;
    CHECK(run_replay(&b, JOB) != WEIR_OK);
    b.topic->partitions = 1;
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_TOPIC_CHANGED);
    CHECK_SAYS(&b.engine.err, "replaying from epoch 1: ");
    CHECK(strstr(b.engine.err.hint, "weir checkpoint verify") == NULL);
    tear_down(&b);
}

static void remove_all(bed *b, const char *prefix)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_store  *store = b->engine.memory;
    CHECK_OK(store->kind->list(store, weir_str_of(prefix), WEIR_STR(""), 1000, b->arena, &listed,
                               &count, &b->engine.err),
             &b->engine.err);
    CHECK(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        weir_object object = {.key = listed[i].key};
        CHECK_OK(store->kind->remove(store, &object, 1, &b->engine.err), &b->engine.err);
    }
}

/* The live job's collector took its objects away between two looks. */
static void replay_from_an_epoch_whose_objects_are_gone_is_told(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    remove_all(&b, "place/job/l1/t0/log/");
    CHECK(run_replay(&b, JOB) != WEIR_OK);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b.engine.err, "replaying from epoch 1: ");
    CHECK_HINTS(&b.engine.err, "what is not pinned may be collected meanwhile");
    tear_down(&b);
}

/* Only a manifest of a replay can be gone on from by one. */
static void replay_over_a_job_is_refused(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    b.engine.job = "job";
    b.engine.replay = &b.replay;
    CHECK_FAILS(engine_bed_run(&b.engine, JOB), WEIR_E_CORRUPT, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "not one of a replay");
    tear_down(&b);
}

static void promoted_lineage_goes_on_from_its_origin(void **state)
{
    (void)state;
    bed            b;
    weir_manifest *last = NULL;
    set_up(&b, JOB);
    CHECK_OK(run_origin(&b, JOB), &b.engine.err);
    check_rows("main", "c|2\n");
    check_rows("lines", "6|c\n7|c\n");
    CHECK_INT(keep_group_of("lines")->adopted, 1);
    weir_checkpoint_close(engine_bed_look(&b.engine, "next", b.arena, &last));
    CHECK_U64(last->epoch, 1);
    CHECK_OK(run_origin(&b, JOB), &b.engine.err); /* its own log counts now */
    CHECK_INT(keep_group_of("lines")->adopted, 1);
    tear_down(&b);
}

#define EVENTS_OF(more)                                                                     \
    "CREATE TABLE events (id bigint, who text) WITH (connector = 'script', topic = "        \
    "'events', format = 'json');\n"                                                         \
    "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep'" more     \
    ");\nCREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"
#define SUMS_OF(where)                                                                      \
    "INSERT INTO totals SELECT who, count(*) FROM events " where " GROUP BY who;\n"        \
    "INSERT INTO lines SELECT id, who FROM events;\n"

/* Its state was promoted for the SQL that it was compared with. */
static void origin_of_other_sql_is_refused(void **state)
{
    (void)state;
    bed b;
    set_up(&b, EVENTS_OF("") SUMS_OF(""));
    CHECK_FAILS(run_origin(&b, EVENTS_OF("") SUMS_OF("WHERE id <> 4")), WEIR_E_CONFIG,
                &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_CONFIG_CHANGED);
    CHECK_SAYS(&b.engine.err, "not the one that what was promoted was made with");
    check_rows("lines", "");
    CHECK_OK(run_origin(&b, EVENTS_OF("") SUMS_OF("")), &b.engine.err);
    tear_down(&b);
}

/* It writes elsewhere, so nothing is lost by it: what is counted by another rule begins anew. */
static void replay_may_be_of_other_sql(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *group, *want;
    } cases[] = {
        {EVENTS_OF("") SUMS_OF("WHERE id <> 4"), "main", "b|1\n"},
        {EVENTS_OF(", place = 'x/again', table = 'totals__again'") SUMS_OF(""), "again", "b|4\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, EVENTS_OF("") SUMS_OF(""));
        CHECK_OK(run_replay(&b, cases[i].sql), &b.engine.err);
        weir_buf is = keep_text(cases[i].group);
        CHECK_HOLDS(is.at, cases[i].want);
        weir_buf_done(&is);
        tear_down(&b);
    }
}

static void origin_that_is_damaged_is_told(void **state)
{
    (void)state;
    static const char job[] = JOB "CREATE TABLE more (id bigint) WITH (connector = 'heap');\n"
                                  "INSERT INTO more SELECT id FROM events;\n";
    for (size_t i = 0; i <= sizeof damages / sizeof damages[0]; i++) {
        bed  b;
        bool files = i == sizeof damages / sizeof damages[0];
        set_up(&b, job);
        if (files)
            keep_fault.halt_adopt = "lines";
        else
            b.origin.manifest = spoiled(&b, b.epoch[2], damages[i].section, damages[i].bytes);
        CHECK_FAILS(run_origin(&b, job), WEIR_E_CORRUPT, &b.engine.err);
        CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.engine.err, "going on from epoch 2 of another lineage: ");
        CHECK_SAYS(&b.engine.err, files ? "the test says damaged" : damages[i].says);
        check_rows("lines", "");
        tear_down(&b);
    }
}

/* That lineage of the job is begun, by a promotion of 'fix'. */
static void promote(bed *b, const char *job, uint32_t lineage)
{
    weir_checkpoint_setup setup = {
        .store = &b->engine.store.base, .prefix = WEIR_STR("place"), .job = weir_str_of(job),
        .task = WEIR_STR("t0"), .take_over = true, .lineage = lineage, .clock = b->engine.clock,
        .stop = &b->engine.stop};
    weir_promotion   begun = {.step = WEIR_PROMOTION_BEGUN, .name = WEIR_STR("fix"),
                              .job = WEIR_STR("job"), .lineage = lineage,
                              .origin_job = WEIR_STR("again"), .origin_lineage = lineage - 1};
    weir_promotion  *there = NULL;
    weir_manifest   *last = NULL;
    weir_checkpoint *checkpoint = engine_bed_look(&b->engine, job, b->arena, &last);
    bool             empty = false;
    CHECK_OK(weir_promotion_put(checkpoint, &begun, b->arena, &there, &b->engine.err),
             &b->engine.err);
    CHECK_OK(weir_checkpoint_begin(&setup, &empty, &b->engine.err), &b->engine.err);
    CHECK(empty);
    weir_checkpoint_close(checkpoint);
}

static void lineage_of_a_promotion_does_not_begin_with_nothing(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    promote(&b, "job", 2);
    CHECK_FAILS(engine_bed_run(&b.engine, JOB), WEIR_E_CONFLICT, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_FENCED);
    CHECK_SAYS(&b.engine.err, "a promotion of 'fix' began lineage l2 meanwhile");
    CHECK_HINTS(&b.engine.err, "start again");
    check_rows("lines", "");
    tear_down(&b);
}

/* Its tables are the live job's now, also for another lineage of it. */
static void replay_that_was_promoted_is_over(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        bed b;
        set_up(&b, JOB);
        CHECK_OK(run_replay(&b, JOB), &b.engine.err);
        promote(&b, "again", 2);
        if (i == 2)
            promote(&b, "again", 3);
        b.engine.fresh = i == 1;
        CHECK_FAILS(run_replay(&b, JOB), WEIR_E_CONFLICT, &b.engine.err);
        CHECK_INT(b.engine.err.exit, WEIR_EXIT_FENCED);
        CHECK_SAYS(&b.engine.err, i == 2 ? "the replay into 'fix' was promoted (lineage l3"
                                         : "the replay into 'fix' was promoted (lineage l2");
        CHECK_HINTS(&b.engine.err, "take another namespace");
        tear_down(&b);
    }
}

static void damaged_record_of_a_promotion_stops_the_start(void **state)
{
    (void)state;
    for (int replay = 0; replay < 2; replay++) {
        bed         b;
        const char *job = replay ? "again" : "job";
        set_up(&b, JOB);
        promote(&b, job, 2);
        promote(&b, job, 3);
        weir_str key = weir_str_of(
            weir_arena_text(b.arena, "place/%s/promotions/00000003", job));
        CHECK_OK(weir_store_put_one(b.engine.memory, key, WEIR_STR("damaged"), &b.engine.err),
                 &b.engine.err);
        CHECK_FAILS(replay ? run_replay(&b, JOB) : engine_bed_run(&b.engine, JOB),
                    WEIR_E_CORRUPT, &b.engine.err);
        CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.engine.err, "promotions/00000003");
        tear_down(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replay_holds_what_came_between_its_epochs),
        TEST(silent_replay_tells_of_its_epochs_and_acknowledges_nothing),
        TEST(replay_goes_on_to_a_later_epoch),
        TEST(replay_of_everything_begins_with_nothing),
        TEST(replay_to_an_epoch_before_its_own_reads_nothing),
        TEST(replay_from_a_damaged_epoch_is_told),
        TEST(replay_to_a_damaged_epoch_is_told),
        TEST(replay_of_a_topic_that_shrank_is_refused),
        TEST(replay_from_an_epoch_whose_objects_are_gone_is_told),
        TEST(replay_over_a_job_is_refused),
        TEST(promoted_lineage_goes_on_from_its_origin),
        TEST(origin_of_other_sql_is_refused),
        TEST(replay_may_be_of_other_sql),
        TEST(origin_that_is_damaged_is_told),
        TEST(lineage_of_a_promotion_does_not_begin_with_nothing),
        TEST(replay_that_was_promoted_is_over),
        TEST(damaged_record_of_a_promotion_stops_the_start),
    };
    return RUN_TESTS(tests);
}
