/* tests/engine_recover: starts that find something else than they left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"

#define BASE "place/job/l1/t0/"
#define EVENTS(more)                                                                       \
    "CREATE TABLE events (id bigint, who text) WITH (connector = 'script', topic = "       \
    "'events', format = 'json'" more ");\n"
#define FLOWS                                                                              \
    "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"    \
    "CREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"                \
    "INSERT INTO totals SELECT who, count(*) FROM events GROUP BY who;\n"                  \
    "INSERT INTO lines SELECT id, who FROM events;\n"
#define JOB EVENTS("") FLOWS
#define LETTERS_JOB EVENTS(", on_error = 'dead_letter', dead_letter = 'bad'") FLOWS

static script_topic *begin(engine_bed *bed)
{
    engine_bed_open(bed);
    script_topic *topic = script_topic_new("events", 2);
    for (int i = 0; i < 10; i++)
        script_add(topic, (uint32_t)i % 2, "{\"id\":%d,\"who\":\"w%d\"}", i, i % 3);
    return topic;
}

static void end(engine_bed *bed)
{
    atomic_store(&keep_fault.halt_execute, false);
    atomic_store(&keep_fault.halt_commit, false);
    atomic_store(&keep_fault.halt_replay, false);
    atomic_store(&keep_fault.halt_exit, 0);
    atomic_store(&keep_fault.away_commit, 0);
    keep_fault.halt_stage = NULL;
    engine_bed_close(bed);
}

/* Another worker owns the task now; it asks the store itself. */
static weir_checkpoint *take_over_beside(engine_bed *bed, weir_arena *arena,
                                         weir_manifest **last)
{
    weir_checkpoint_setup setup = {
        .store = bed->memory, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .clock = bed->clock, .stop = &bed->stop};
    weir_checkpoint *checkpoint = NULL;
    bool             finalised = false;
    weir_err         err;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &err), &err);
    CHECK_OK(weir_checkpoint_take_over(checkpoint, arena, last, &finalised, &err), &err);
    return checkpoint;
}

/* The last epoch once more, as the next one, with another section; NULL: without it. */
static void spoil_without(engine_bed *bed, const char *name, const char *bytes,
                          const char *without)
{
    weir_arena      *arena = weir_arena_new("spoil", 4096);
    weir_manifest   *last = NULL;
    weir_checkpoint *checkpoint = take_over_beside(bed, arena, &last);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, last->epoch + 1);
    weir_sha256      sha;
    for (uint32_t i = 0; i < last->sections; i++) {
        weir_str section = last->section[i].name;
        bool     own = weir_str_is(section, "blobs") || weir_str_is(section, "refs") ||
                   weir_str_is(section, "files");
        if (!own && !weir_str_is(section, name) && !weir_str_is(section, without))
            weir_stage_section(stage, weir_str_copy(arena, section).at,
                               last->section[i].bytes);
    }
    if (bytes != NULL)
        weir_stage_section(stage, name, weir_str_of(bytes));
    weir_err err;
    CHECK_OK(weir_stage_build(stage, &sha, &err), &err);
    CHECK_OK(weir_stage_publish(stage, &err), &err);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
}

static void spoil(engine_bed *bed, const char *name, const char *bytes)
{
    spoil_without(bed, name, bytes, "");
}

static void job_without_a_store_does_not_start(void **state)
{
    (void)state;
    engine_bed bed;
    begin(&bed);
    bed.no_store = true;
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_CONFIG, &bed.err);
    CHECK_SAYS(&bed.err, "opening the checkpoint: the test has no store");
    end(&bed);
}

static void manifest_that_is_not_understood_stops_the_start(void **state)
{
    (void)state;
    static const struct {
        const char *section, *bytes, *says;
    } cases[] = {
        {"plan", NULL, "does not say which plan it is of"},
        {"plan", "short", "does not say which plan it is of"},
        {"kept", "damaged", "'kept' is damaged"},
        {"kept", "", "'kept' is damaged"},
        {"groups", "\xff", "groups are damaged"},
        {"groups", NULL, "groups are damaged"},
        {"positions", "\x01\x02", "positions are damaged"},
        {"state", "damaged", "state"},
        {"tomorrow", "x", "written by another version of weir"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        engine_bed bed;
        begin(&bed);
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        spoil(&bed, cases[i].section, cases[i].bytes);
        CHECK(engine_bed_run(&bed, JOB) != WEIR_OK);
        CHECK_SAYS(&bed.err, cases[i].says);
        CHECK_INT(bed.err.fate, WEIR_FATE_HALT);
        CHECK_INT(bed.err.exit, WEIR_EXIT_CORRUPT);
        end(&bed);
    }
}

/* Manifests of 0.1.0 do not say what is kept; that the same SQL goes on from one is in
   embedded.old_checkpoint. */
static void without_what_is_kept_the_plan_has_to_be_the_same(void **state)
{
    (void)state;
    engine_bed bed;
    begin(&bed);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    spoil_without(&bed, "plan", "12345678", "kept");
    CHECK(engine_bed_run(&bed, JOB) != WEIR_OK);
    CHECK_INT(bed.err.exit, WEIR_EXIT_CONFIG_CHANGED);
    CHECK_SAYS(&bed.err, "SQL is not the one that this checkpoint was made with");
    end(&bed);
}

#define NEXT_LINEAGE "place/job/l2/" /* asked for when the task was taken over */

typedef struct meddler {
    engine_bed  *bed;
    const char  *verb;     /* NULL: head */
    const char  *key;      /* whoever asks for it, */
    const char  *behind;   /* once this was put; NULL: it is armed from the start */
    int64_t      sleep_us; /* of the clock, when that was put */
    int64_t      move_us;    /* the clock, then */
    bool         replaces;   /* takes over, then */
    int          busy;       /* so many of them fail */
    _Atomic bool armed;
    _Atomic int  met;
} meddler;

static faulty_act meddle(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    meddler *m = self;
    (void)call;
    if (m->behind != NULL && strcmp(verb, "put_new") == 0 &&
        weir_str_starts(object->key, m->behind)) {
        atomic_store(&m->armed, true);
        atomic_fetch_add(&m->bed->hand.now_us, m->sleep_us);
    }
    if (!atomic_load(&m->armed) || strcmp(verb, m->verb ? m->verb : "head") != 0 ||
        !weir_str_starts(object->key, m->key))
        return FAULTY_PASS;
    int met = atomic_fetch_add(&m->met, 1);
    if (met == 0)
        atomic_fetch_add(&m->bed->hand.now_us, m->move_us);
    if (met == 0 && m->replaces) {
        weir_arena    *arena = weir_arena_new("meddle", 4096);
        weir_manifest *last = NULL;
        weir_checkpoint_close(take_over_beside(m->bed, arena, &last));
        weir_arena_free(arena);
    }
    return met < m->busy ? FAULTY_BUSY : FAULTY_PASS;
}

/* What it was to publish may have been published by the one before, and moved by readers. */
static void start_that_slept_takes_over_anew(void **state)
{
    (void)state;
    engine_bed bed;
    begin(&bed);
    engine_bed_by_hand(&bed);
    atomic_store(&keep_fault.halt_commit, true);
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_REMOTE, &bed.err);
    atomic_store(&keep_fault.halt_commit, false);
    meddler m = {.bed = &bed, .key = NEXT_LINEAGE, .behind = BASE "seals/00000001",
                 .move_us = 31LL * 60 * 1000000};
    bed.store.hook = meddle;
    bed.store.self = &m;
    uint64_t before = keep_group_of("main")->replays;
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_JOB);
    CHECK_SAYS(&bed.err, "taken over more than 30 minutes ago");
    CHECK_HINTS(&bed.err, "start again");
    CHECK_U64(keep_group_of("main")->replays, before);
    bed.store.hook = NULL;
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    end(&bed);
}

/* Who is replaced while it restores may find anything: that is no damage. */
static void start_that_was_replaced_is_fenced_whatever_it_finds(void **state)
{
    (void)state;
    for (int replaced = 0; replaced < 2; replaced++) {
        engine_bed bed;
        begin(&bed);
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        spoil(&bed, "groups", "\xff");
        meddler m = {.bed = &bed, .replaces = replaced, .behind = BASE "seals/00000003"};
        m.key = replaced ? NEXT_LINEAGE : BASE "seals/00000004";
        m.busy = replaced ? 0 : 2; /* it is asked until there is an answer */
        bed.store.hook = meddle;
        bed.store.self = &m;
        CHECK(engine_bed_run(&bed, JOB) != WEIR_OK);
        CHECK_INT(bed.err.exit, replaced ? WEIR_EXIT_FENCED : WEIR_EXIT_CORRUPT);
        CHECK_INT(atomic_load(&m.met), replaced ? 1 : 3);
        end(&bed);
    }
}

static void position_that_is_gone_stops_the_start(void **state)
{
    (void)state;
    engine_bed    bed;
    script_topic *topic = begin(&bed);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    topic->gone = true;
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_REMOTE, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_OFFSET_GAP);
    CHECK_SAYS(&bed.err, "table 'events', partition");
    topic->gone = false;
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    end(&bed);
}

/* The same of an epoch's commit; there the store is asked once. */
static void commit_that_meets_another_history_says_whose_it_is(void **state)
{
    (void)state;
    static const struct {
        int  exit, busy;
        bool replaces;
        int  want;
    } cases[] = {
        {WEIR_EXIT_FORKED_HISTORY, 0, false, WEIR_EXIT_FORKED_HISTORY},
        {WEIR_EXIT_CORRUPT, 0, false, WEIR_EXIT_CORRUPT},
        {WEIR_EXIT_FORKED_HISTORY, 0, true, WEIR_EXIT_FENCED},
        {WEIR_EXIT_CORRUPT, 0, true, WEIR_EXIT_FENCED},
        {WEIR_EXIT_FORKED_HISTORY, 1000, false, WEIR_EXIT_FORKED_HISTORY},
        {WEIR_EXIT_SINK_SCHEMA, 0, false, WEIR_EXIT_SINK_SCHEMA},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        engine_bed bed;
        begin(&bed);
        atomic_store(&keep_fault.halt_execute, true);
        atomic_store(&keep_fault.halt_exit, cases[i].exit);
        meddler m = {.bed = &bed, .key = BASE "seals/00000001",
                     .behind = BASE "seals/00000000", .busy = cases[i].busy,
                     .replaces = cases[i].replaces};
        bed.store.hook = meddle;
        bed.store.self = &m;
        CHECK(engine_bed_run(&bed, JOB) != WEIR_OK);
        CHECK_INT(bed.err.exit, cases[i].want);
        CHECK(cases[i].exit == WEIR_EXIT_SINK_SCHEMA || atomic_load(&m.met) > 0);
        CHECK_SAYS(&bed.err, "epoch 1");
        end(&bed);
    }
}

/* Its manifest took half an hour: is the task still its own? */
static void epoch_of_an_owner_that_was_replaced_is_not_published(void **state)
{
    (void)state;
    engine_bed bed;
    begin(&bed);
    engine_bed_by_hand(&bed);
    meddler m = {.bed = &bed, .key = BASE "seals/00000001", .replaces = true,
                 .behind = BASE "log/00000001/00000001", .sleep_us = 31LL * 60 * 1000000};
    bed.store.hook = meddle;
    bed.store.self = &m;
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_FENCED);
    CHECK_U64(keep_group_of("main")->epoch, 1);
    CHECK_U64(keep_group_of("lines")->rows, 0);
    end(&bed);
}

static weir_code run_after_database_forgot(engine_bed *bed)
{
    keep_forget("main");
    return engine_bed_run(bed, JOB);
}

/* A database that was put back needs every epoch again, from manifests that are whole. */
static void older_manifest_that_is_not_the_right_one_stops_the_start(void **state)
{
    (void)state;
    for (int other = 0; other < 2; other++) {
        engine_bed    bed, twin;
        weir_buf      bytes = {0};
        script_topic *topic = begin(&twin);
        CHECK_OK(engine_bed_run(&twin, JOB), &twin.err);
        CHECK_OK(weir_store_get_one(twin.memory, WEIR_STR(BASE "log/00000001/00000001"),
                                    &bytes, &twin.err),
                 &twin.err);
        end(&twin);
        topic = begin(&bed);
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        script_add(topic, 0, "{\"id\":77,\"who\":\"w1\"}");
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        weir_str put = other ? weir_buf_view(&bytes) : WEIR_STR("damaged");
        CHECK_OK(weir_store_put_one(bed.memory, WEIR_STR(BASE "log/00000001/00000001"), put,
                                    &bed.err),
                 &bed.err);
        CHECK_FAILS(run_after_database_forgot(&bed), WEIR_E_CORRUPT, &bed.err);
        CHECK_INT(bed.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&bed.err, other ? "is not the one that its successor names"
                                   : "log/00000001/00000001");
        weir_buf_done(&bytes);
        end(&bed);
    }
}

static void database_of_another_history_stops_the_start(void **state)
{
    (void)state;
    engine_bed bed;
    begin(&bed);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    atomic_store(&keep_fault.halt_exit, WEIR_EXIT_FORKED_HISTORY);
    atomic_store(&keep_fault.halt_replay, true);
    CHECK(engine_bed_run(&bed, JOB) != WEIR_OK);
    CHECK_INT(bed.err.exit, WEIR_EXIT_FORKED_HISTORY);
    CHECK_SAYS(&bed.err, "recovering sink/");
    end(&bed);
}

/* Neither the store nor the hint holds a job up that is told to stop. */
static void stop_does_not_wait_for_a_store_that_is_away(void **state)
{
    (void)state;
    for (int hint = 0; hint < 2; hint++) {
        engine_bed bed;
        begin(&bed);
        bed.until_end = false;
        meddler m = {.bed = &bed, .busy = INT32_MAX, .armed = true,
                     .key = hint ? BASE "hint" : BASE, .verb = hint ? "put" : "get"};
        bed.store.hook = meddle;
        bed.store.self = &m;
        engine_bed_start(&bed, JOB);
        ENGINE_BED_WAIT(&bed, atomic_load(&m.met) > 0);
        atomic_store(&bed.stop, hint ? 2 : 1);
        CHECK_OK(engine_bed_join(&bed), &bed.err);
        atomic_store(&bed.stop, 0);
        bed.store.hook = NULL;
        bed.until_end = true;
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        end(&bed);
    }
}

/* A thread that waits for a server ends when another one has stopped the job. */
static void halt_does_not_wait_for_a_database_that_is_away(void **state)
{
    (void)state;
    engine_bed    bed;
    script_topic *topic = begin(&bed);
    bed.until_end = false;
    atomic_store(&keep_fault.away_commit, UINT32_MAX);
    engine_bed_start(&bed, JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&keep_fault.away_commit) < UINT32_MAX);
    script_halt(topic);
    CHECK_FAILS(engine_bed_join(&bed), WEIR_E_REMOTE, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_OFFSET_GAP);
    end(&bed);
}

static void epoch_that_a_sink_cannot_stage_stops_the_job(void **state)
{
    (void)state;
    static const char *const groups[] = {"main", "lines", "bad"};
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        engine_bed bed;
        begin(&bed);
        keep_fault.halt_stage = groups[i];
        CHECK_FAILS(engine_bed_run(&bed, i == 2 ? LETTERS_JOB : JOB), WEIR_E_LIMIT, &bed.err);
        CHECK_SAYS(&bed.err, i == 2 ? "epoch 1: dead letters 'bad'" : "epoch 1: sink '");
        CHECK_SAYS(&bed.err, "the test says too much");
        end(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(job_without_a_store_does_not_start),
        TEST(manifest_that_is_not_understood_stops_the_start),
        TEST(without_what_is_kept_the_plan_has_to_be_the_same),
        TEST(start_that_slept_takes_over_anew),
        TEST(start_that_was_replaced_is_fenced_whatever_it_finds),
        TEST(position_that_is_gone_stops_the_start),
        TEST(commit_that_meets_another_history_says_whose_it_is),
        TEST(epoch_of_an_owner_that_was_replaced_is_not_published),
        TEST(older_manifest_that_is_not_the_right_one_stops_the_start),
        TEST(database_of_another_history_stops_the_start),
        TEST(stop_does_not_wait_for_a_store_that_is_away),
        TEST(halt_does_not_wait_for_a_database_that_is_away),
        TEST(epoch_that_a_sink_cannot_stage_stops_the_job),
    };
    return RUN_TESTS(tests);
}
