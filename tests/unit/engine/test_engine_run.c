/* Whole jobs in this process: what comes out is what a naive model of the input gives,
 * however many lanes there are and whatever fails on the way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"
#include "weir/metric.h"

#define MINUTE_US 60000000LL
#define START_US 1704067200000000LL /* 2024-01-01 */

#define EVENTS                                                                             \
    "CREATE TABLE events (id bigint, who text, amount bigint CHECK (amount >= 0), at "     \
    "timestamptz) WITH (connector = 'script', topic = 'events', format = 'json', "         \
    "event_time = 'at', watermark = '2 minutes', idle_timeout = '0', on_error = 'skip');\n"
#define TOTALS                                                                             \
    "CREATE TABLE totals (w timestamptz, who text, n bigint, amount numeric(38,0), "       \
    "PRIMARY KEY (w, who)) WITH (connector = 'keep');\n"                                   \
    "CREATE TABLE lake (w timestamptz, who text, n bigint, amount numeric(38,0)) "         \
    "WITH (connector = 'heap');\n"                                                         \
    "CREATE VIEW v AS SELECT window_start AS w, who, count(*) AS n, sum(amount) AS amount " \
    "FROM tumble(events, at, interval '1 minute') GROUP BY window_start, who;\n"           \
    "INSERT INTO totals SELECT * FROM v;\nINSERT INTO lake SELECT * FROM v;\n"
#define JOB EVENTS TOTALS
#define OFTEN "SET epoch.interval = '10 ms';\n" /* else a run to the end is one epoch */

/* The model: sums per minute and name, late rows left out. */
#define MODEL_MINUTES 200
#define MODEL_NAMES 7

typedef struct model {
    int64_t  n[MODEL_MINUTES][MODEL_NAMES], sum[MODEL_MINUTES][MODEL_NAMES];
    int64_t  mark_us[SCRIPT_PARTITIONS]; /* per partition, INT64_MIN: none */
    uint64_t late;
    uint64_t random;
} model;

static model *model_new(uint64_t seed)
{
    model *m = test_calloc(1, sizeof *m);
    for (uint32_t p = 0; p < SCRIPT_PARTITIONS; p++)
        m->mark_us[p] = INT64_MIN;
    m->random = seed * 2654435761u + 1;
    return m;
}

static uint64_t draw(model *m, uint64_t below)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (m->random >> 33) % below;
}

static void model_take(model *m, uint32_t p, int64_t at_us, uint32_t who, int64_t amount)
{
    int64_t minute = (at_us - START_US) / MINUTE_US;
    if (m->mark_us[p] != INT64_MIN &&
        START_US + (minute + 1) * MINUTE_US <= m->mark_us[p]) {
        m->late++;
    } else {
        m->n[minute][who]++;
        m->sum[minute][who] += amount;
    }
    if (at_us - 2 * MINUTE_US > m->mark_us[p])
        m->mark_us[p] = at_us - 2 * MINUTE_US;
}

/* `count` events of each partition; about one in ten is behind the watermark. */
static void add_events(model *m, script_topic *topic, uint32_t count, int64_t from_minute)
{
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t p = 0; p < topic->partitions; p++) {
            int64_t at_us = START_US + from_minute * MINUTE_US +
                            (int64_t)i * MINUTE_US * 60 / count +
                            (int64_t)draw(m, MINUTE_US) * (p + 1);
            if (draw(m, 10) == 0)
                at_us -= (int64_t)draw(m, 5 * MINUTE_US);
            if (at_us < START_US)
                at_us = START_US;
            uint32_t who = (uint32_t)draw(m, MODEL_NAMES);
            int64_t  amount = (int64_t)draw(m, 1000);
            char     text[40];
            (void)weir_us_print_iso(at_us, text);
            script_add(topic, p, "{\"id\":%u,\"who\":\"w%u\",\"amount\":%lld,\"at\":\"%s\"}",
                       i, who, (long long)amount, text);
            model_take(m, p, at_us, who, amount);
        }
}

static weir_buf model_text(const model *m)
{
    weir_buf out = {0};
    for (int64_t minute = 0; minute < MODEL_MINUTES; minute++)
        for (uint32_t who = 0; who < MODEL_NAMES; who++)
            if (m->n[minute][who] > 0) {
                char text[40];
                (void)weir_us_print(START_US + minute * MINUTE_US, text);
                weir_buf_format(&out, "%s+00|w%u|%lld|%lld\n", text, who,
                                (long long)m->n[minute][who],
                                (long long)m->sum[minute][who]);
            }
    weir_buf_byte(&out, 0);
    return out;
}

static void expect_kept(const char *group, const char *want)
{
    weir_buf is = keep_text(group);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

static void expect_model(const model *m)
{
    weir_buf want = model_text(m);
    expect_kept("main", want.at);
    expect_kept("lake", want.at);
    weir_buf_done(&want);
}

static void bounded_run_gives_what_the_model_gives_on_any_number_of_lanes(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= 8; lanes++) {
        engine_bed bed;
        engine_bed_open(&bed);
        model *m = model_new(1);
        add_events(m, script_topic_new("events", 5), 400, 0);
        char sql[2048];
        (void)snprintf(sql, sizeof sql, "SET lanes = '%d';\n%s%s", (lanes + 1) / 2,
                       lanes % 2 ? OFTEN : "", JOB);
        CHECK_OK(engine_bed_run(&bed, sql), &bed.err);
        expect_model(m);
        CHECK_U64(atomic_load(&bed.status.records), 5 * 400);
        CHECK_U64(atomic_load(&bed.status.late), m->late);
        CHECK(m->late > 10);
        CHECK(!atomic_load(&bed.status.ready));
        CHECK_INT(atomic_load(&bed.status.phase), WEIR_PHASE_DONE);
        CHECK(keep_group_of("lake")->saw_end);
        test_free(m);
        engine_bed_close(&bed);
    }
}

static void stop_in_the_middle_commits_what_was_read_and_the_next_run_goes_on(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    model        *m = model_new(2);
    script_topic *topic = script_topic_new("events", 3);
    topic->block_records = 7;
    bed.until_end = false;
    for (int run = 0; run < 4; run++) {
        add_events(m, topic, 200, run * 20);
        engine_bed_start(&bed, "SET lanes = '2';\n" JOB);
        ENGINE_BED_WAIT(&bed, run == 3 || atomic_load(&bed.status.records) > 100);
        CHECK_OK(engine_bed_stop(&bed), &bed.err);
    }
    bed.until_end = true;
    CHECK_OK(engine_bed_run(&bed, "SET lanes = '3';\n" JOB), &bed.err);
    expect_model(m);
    CHECK_INT(topic->acked, 3 * 800);
    test_free(m);
    engine_bed_close(&bed);
}

static void halt_of_a_source_drops_the_epoch_and_a_bounded_run_keeps_its_ends(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    model        *m = model_new(3);
    script_topic *topic = script_topic_new("events", 3);
    topic->block_records = 5;
    add_events(m, topic, 300, 0);
    for (uint64_t at = 20; at < 140; at += 30) {
        topic->halt_at_poll = topic->polls + at;
        CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_REMOTE, &bed.err);
        CHECK_INT(bed.err.exit, WEIR_EXIT_OFFSET_GAP);
        CHECK_SAYS(&bed.err, "table 'events'");
    }
    CHECK_U64(keep_group_of("main")->epoch, 0);
    topic->halt_at_poll = 0;
    topic->away_from = topic->polls + 30; /* until an epoch of what was read is there */
    topic->away_to = UINT64_MAX;
    engine_bed_start(&bed, OFTEN JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) > 0);
    script_halt(topic);
    CHECK_FAILS(engine_bed_join(&bed), WEIR_E_REMOTE, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_OFFSET_GAP);
    topic->halt_at_poll = 0;
    topic->away_from = topic->away_to = 0;
    model *later = model_new(4); /* behind the recorded ends: is not read */
    add_events(later, topic, 50, 70);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    expect_model(m);
    test_free(m);
    test_free(later);
    engine_bed_close(&bed);
}

static void run_behind_an_ended_one_takes_closed_windows_as_late(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 1);
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}");
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    expect_kept("lake", "2024-01-01 00:05:00+00|a|1|1\n");
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:40Z\"}");
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":2,\"at\":\"2024-01-01T00:06:00Z\"}");
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    CHECK_U64(atomic_load(&bed.status.late), 1);
    expect_kept("lake", "2024-01-01 00:05:00+00|a|1|1\n2024-01-01 00:06:00+00|a|1|2\n");
    engine_bed_close(&bed);
}

static void leave_open_keeps_windows_for_the_next_run(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    bed.leave_open = true;
    script_topic *topic = script_topic_new("events", 1);
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}");
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    expect_kept("main", "2024-01-01 00:05:00+00|a|1|1\n");
    expect_kept("lake", "");
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":4,\"at\":\"2024-01-01T00:05:40Z\"}");
    bed.leave_open = false;
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    CHECK_U64(atomic_load(&bed.status.late), 0);
    expect_kept("main", "2024-01-01 00:05:00+00|a|2|5\n");
    expect_kept("lake", "2024-01-01 00:05:00+00|a|2|5\n");
    engine_bed_close(&bed);
}

static void empty_partitions_tombstones_and_control_records_end_a_bounded_run(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 4);
    script_add(topic, 1, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}");
    script_skip(topic, 1, 3);
    script_skip(topic, 2, 5);
    script_add_null(topic, 3);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    expect_kept("lake", "2024-01-01 00:05:00+00|a|1|1\n");
    CHECK_U64(atomic_load(&bed.status.skipped), 1);
    CHECK_INT(topic->acked, 4 + 5 + 1);
    engine_bed_close(&bed);
}

static void servers_that_are_away_for_a_while_change_nothing(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    model        *m = model_new(5);
    script_topic *topic = script_topic_new("events", 2);
    add_events(m, topic, 300, 0);
    topic->away_from = 2;
    topic->away_to = 5;
    atomic_store(&keep_fault.away_execute, 3);
    atomic_store(&keep_fault.away_commit, 3);
    atomic_store(&keep_fault.away_finalise, 3);
    engine_bed_start(&bed, OFTEN JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.phase) == WEIR_PHASE_DONE);
    CHECK_OK(engine_bed_join(&bed), &bed.err);
    expect_model(m);
    test_free(m);
    engine_bed_close(&bed);
}

/* Rows over this time are what a sink takes a second; the wall clock has reading in it, too. */
static void time_in_sinks_is_told_apart(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    model        *m = model_new(6);
    script_topic *topic = script_topic_new("events", 2);
    add_events(m, topic, 100, 0);
    keep_fault.now_us = &bed.hand.now_us;
    engine_bed_start(&bed, EVENTS "CREATE TABLE kept (who text PRIMARY KEY, n bigint) WITH "
                                  "(connector = 'keep');\nINSERT INTO kept SELECT who, "
                                  "count(*) FROM events GROUP BY who;\n");
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.phase) == WEIR_PHASE_DONE);
    CHECK_OK(engine_bed_join(&bed), &bed.err);
    const keep_group *kept = keep_group_of("main");
    CHECK(kept->commits > 0);
    CHECK(atomic_load(&bed.status.sink_us) >=
          (int64_t)(7000 * kept->executes + 5000 * kept->commits));
    test_free(m);
    engine_bed_close(&bed);
}

static faulty_act busy_for_a_while(void *self, const char *verb, const weir_object *object,
                                   uint64_t call)
{
    uint64_t *left = self;
    (void)object;
    if (call < 3 || *left == 0 || strcmp(verb, "list") == 0)
        return FAULTY_PASS;
    --*left;
    return *left % 2 ? FAULTY_BUSY : FAULTY_LOSE;
}

static void store_that_is_away_for_a_while_changes_nothing(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    model   *m = model_new(6);
    uint64_t left = 12;
    bed.store.hook = busy_for_a_while;
    bed.store.self = &left;
    add_events(m, script_topic_new("events", 2), 200, 0);
    engine_bed_start(&bed, JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.phase) == WEIR_PHASE_DONE);
    CHECK_OK(engine_bed_join(&bed), &bed.err);
    CHECK_U64(left, 0);
    expect_model(m);
    test_free(m);
    engine_bed_close(&bed);
}

static void stop_with_a_sink_away_ends_and_the_next_run_makes_up_for_it(void **state)
{
    (void)state;
    for (int commit = 0; commit <= 1; commit++) {
        engine_bed bed;
        engine_bed_open(&bed);
        engine_bed_by_hand(&bed);
        model *m = model_new(7);
        add_events(m, script_topic_new("events", 2), 100, 0);
        atomic_store(commit ? &keep_fault.away_commit : &keep_fault.away_execute,
                     UINT32_MAX);
        bed.until_end = false;
        engine_bed_start(&bed, JOB);
        ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 200);
        ENGINE_BED_WAIT(&bed, !atomic_load(&bed.status.ready) &&
                                  atomic_load(&bed.status.phase) == WEIR_PHASE_RUNNING);
        atomic_store(&bed.stop, 1);
        ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.phase) == WEIR_PHASE_DONE);
        CHECK_OK(engine_bed_stop(&bed), &bed.err);
        expect_kept("main", "");
        keep_fault = (keep_faults){.refuse = NULL};
        bed.until_end = true;
        bed.clock = weir_clock_system();
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        expect_model(m);
        test_free(m);
        engine_bed_close(&bed);
    }
}

static void halt_of_a_sink_behind_the_commit_point_is_made_up_for_by_replay(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    model *m = model_new(8);
    add_events(m, script_topic_new("events", 2), 200, 0);
    atomic_store(&keep_fault.halt_commit, true);
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_REMOTE, &bed.err);
    CHECK_SAYS(&bed.err, "sink/keep/main");
    CHECK_SAYS(&bed.err, "epoch 1");
    atomic_store(&keep_fault.halt_commit, false);
    atomic_store(&keep_fault.halt_execute, true);
    add_events(m, script_topic_new("other", 1), 0, 0);
    weir_code rc = engine_bed_run(&bed, JOB);
    CHECK(rc == WEIR_E_REMOTE || rc == WEIR_OK);
    atomic_store(&keep_fault.halt_execute, false);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    expect_model(m);
    test_free(m);
    engine_bed_close(&bed);
}

static bool last_is_finalised(engine_bed *bed)
{
    weir_checkpoint_setup setup = {
        .store = &bed->store.base, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .clock = bed->clock, .stop = &bed->stop};
    weir_checkpoint *checkpoint = NULL;
    weir_manifest   *last = NULL;
    weir_arena      *arena = weir_arena_new("look", 4096);
    bool             finalised = false;
    weir_err         err;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &err), &err);
    CHECK_OK(weir_checkpoint_look(checkpoint, arena, &last, &finalised, &err), &err);
    CHECK(last != NULL);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
    return finalised;
}

/* The first hint behind each record of the log is not put. */
static faulty_act first_hints_are_lost(void *self, const char *verb,
                                       const weir_object *object, uint64_t call)
{
    _Atomic int *lost = self;
    (void)call;
    if (strcmp(verb, "put_new") == 0 && weir_str_starts(object->key, "place/job/l1/t0/log/"))
        atomic_store(lost, 0);
    bool hint = strcmp(verb, "put") == 0 && weir_str_is(object->key, "place/job/l1/t0/hint");
    return hint && atomic_fetch_add(lost, 1) == 0 ? FAULTY_BUSY : FAULTY_PASS;
}

/* Else a start in some hours, after another crash, would publish files again that readers
   have moved by then. */
static void epoch_that_a_start_made_visible_is_known_to_be_finalised(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    model *m = model_new(8);
    add_events(m, script_topic_new("events", 2), 20, 0);
    atomic_store(&keep_fault.halt_commit, true);
    CHECK_FAILS(engine_bed_run(&bed, "SET epoch.interval = '1 hour';\n" JOB), WEIR_E_REMOTE,
                &bed.err);
    atomic_store(&keep_fault.halt_commit, false);
    CHECK(!last_is_finalised(&bed));
    _Atomic int lost = 0;
    bed.until_end = false;
    bed.store.hook = first_hints_are_lost;
    bed.store.self = &lost;
    engine_bed_start(&bed, "SET epoch.interval = '1 hour';\n" JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.ready));
    CHECK(last_is_finalised(&bed)); /* before it commits anything */
    CHECK_INT(atomic_load(&lost), 2);
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    test_free(m);
    engine_bed_close(&bed);
}

/* Readers of a job that runs may move its files an hour later. */
static void quiet_owner_has_written_down_that_its_last_epoch_is_finalised(void **state)
{
    (void)state;
    engine_bed  bed;
    _Atomic int lost = 0;
    engine_bed_open(&bed);
    model *m = model_new(8);
    add_events(m, script_topic_new("events", 2), 20, 0);
    bed.until_end = false;
    bed.store.hook = first_hints_are_lost;
    bed.store.self = &lost;
    engine_bed_start(&bed, JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) > 0);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 40 && atomic_load(&lost) != 0);
    ENGINE_BED_WAIT(&bed, last_is_finalised(&bed));
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    test_free(m);
    engine_bed_close(&bed);
}

static void database_that_lost_its_commits_is_brought_up_from_the_log(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    model        *m = model_new(10);
    script_topic *topic = script_topic_new("events", 2);
    for (int run = 0; run < 4; run++) {
        bed.leave_open = run < 3;
        add_events(m, topic, 50, run * 20);
        if (run > 0)
            keep_forget("main");
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    }
    expect_model(m);
    test_free(m);
    engine_bed_close(&bed);
}

#define DEAD                                                                               \
    "CREATE TABLE events (id bigint, who text, amount bigint CHECK (amount >= 0), at "     \
    "timestamptz) WITH (connector = 'script', topic = 'events', format = 'json', "         \
    "event_time = 'at', on_error = 'dead_letter', dead_letter = 'bad');\n" TOTALS

static void refused_rows_become_dead_letters_with_their_values(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 1);
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}");
    script_add(topic, 0, "{\"who\":\"evil\",\"amount\":2,\"at\":\"2024-01-01T00:05:30Z\"}");
    keep_fault.refuse = "evil";
    CHECK_OK(engine_bed_run(&bed, DEAD), &bed.err);
    expect_kept("main", "2024-01-01 00:05:00+00|a|1|1\n");
    expect_kept("lake", "2024-01-01 00:05:00+00|a|1|1\n");
    CHECK(keep_group_of("main")->again >= 1);
    keep_fault.refuse = NULL; /* the letters' own sink refused what speaks of evil */
    engine_bed_close(&bed);
}

static void refused_row_without_a_place_for_dead_letters_stops_the_job(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 1);
    script_add(topic, 0, "{\"who\":\"evil\",\"amount\":2,\"at\":\"2024-01-01T00:05:30Z\"}");
    keep_fault.refuse = "evil";
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_REMOTE, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_SAYS(&bed.err, "table 'totals' refuses a row");
    CHECK_HINTS(&bed.err, "dead_letter");
    engine_bed_close(&bed);
}

static void bad_records_become_dead_letters_of_their_epoch_once(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 1);
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}");
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":-1,\"at\":\"2024-01-01T00:05:30Z\"}");
    script_add(topic, 0, "not json");
    CHECK_OK(engine_bed_run(&bed, DEAD), &bed.err);
    CHECK_OK(engine_bed_run(&bed, DEAD), &bed.err);
    CHECK_U64(atomic_load(&bed.status.bad), 0);
    weir_buf is = keep_text("bad");
    CHECK_HOLDS(is.at, "job|1|events|events|0|1|");
    CHECK_HOLDS(is.at, "CHECK|NULL|violates check constraint \"events_amount_check\"");
    CHECK_HOLDS(is.at, "job|1|events|events|0|2|");
    CHECK_U64(keep_group_of("bad")->rows, 2);
    weir_buf_done(&is);
    engine_bed_close(&bed);
}

static void bad_record_stops_a_job_that_says_fail_and_names_its_place(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 2);
    script_add(topic, 1, "{\"amount\":-1}");
    CHECK_FAILS(engine_bed_run(&bed,
                               "CREATE TABLE events (amount bigint CHECK (amount >= 0)) WITH "
                               "(connector = 'script', topic = 'events', format = 'json');"
                               "CREATE TABLE lake (a bigint) WITH (connector = 'heap');"
                               "INSERT INTO lake SELECT amount FROM events;"),
                WEIR_E_DECODE, &bed.err);
    CHECK_SAYS(&bed.err, "table 'events', partition 1, offset 0: bad record");
    engine_bed_close(&bed);
}

static void error_limit_stops_above_so_many_in_a_stretch_also_across_runs(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    const char   *sql = "CREATE TABLE events (amount bigint) WITH (connector = 'script', "
                        "topic = 'events', format = 'json', on_error = 'skip', "
                        "error_limit = '2 per 10');"
                        "CREATE TABLE lake (a bigint) WITH (connector = 'heap');"
                        "INSERT INTO lake SELECT amount FROM events;";
    script_topic *topic = script_topic_new("events", 1);
    for (int i = 0; i < 100; i++) /* two in each stretch of ten */
        script_add(topic, 0, i % 10 == 2 || i % 10 == 9 ? "bad" : "{\"amount\":1}");
    CHECK_OK(engine_bed_run(&bed, sql), &bed.err);
    CHECK_U64(atomic_load(&bed.status.bad), 20);
    for (int i = 0; i < 2; i++)
        script_add(topic, 0, "bad");
    CHECK_OK(engine_bed_run(&bed, sql), &bed.err);
    script_add(topic, 0, "bad");
    CHECK_FAILS(engine_bed_run(&bed, sql), WEIR_E_LIMIT, &bed.err);
    CHECK_SAYS(&bed.err, "more than 2 bad records in 10");
    engine_bed_close(&bed);
}

static void rows_without_state_pass_in_order_and_once(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 2);
    script_topic *more = script_topic_new("more", 1);
    topic->block_records = 3;
    weir_buf want = {0};
    for (int i = 100; i < 400; i++) {
        script_add(i < 300 ? topic : more, i < 300 ? (uint32_t)(i % 2) : 0, "{\"amount\":%d}", i);
        weir_buf_format(&want, "%d\n", i);
    }
    weir_buf_byte(&want, 0);
    CHECK_OK(engine_bed_run(&bed,
                            "SET lanes = '3';"
                            "CREATE TABLE events (amount bigint) WITH (connector = 'script', "
                            "topic = 'events', format = 'json');"
                            "CREATE TABLE more (amount bigint) WITH (connector = 'script', "
                            "topic = 'more', format = 'json');"
                            "CREATE TABLE lake (a bigint) WITH (connector = 'heap');"
                            "INSERT INTO lake SELECT amount FROM events;"
                            "INSERT INTO lake SELECT amount FROM more;"),
             &bed.err);
    expect_kept("lake", want.at);
    weir_buf_done(&want);
    engine_bed_close(&bed);
}

static void many_small_epochs_resume_from_full_copies_and_deltas(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    model        *m = model_new(9);
    script_topic *topic = script_topic_new("events", 1);
    bed.until_end = false;
    for (int run = 0; run < 3; run++) {
        engine_bed_start(&bed, "SET lanes = '2';\n" JOB);
        for (int i = 0; i < 70; i++) {
            uint64_t from = atomic_load(&bed.status.epoch);
            add_events(m, topic, 3, i / 3 + run * 25);
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) > from);
        }
        CHECK_OK(engine_bed_stop(&bed), &bed.err);
    }
    bed.until_end = true;
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    CHECK(keep_group_of("main")->epoch > 200);
    expect_model(m);
    test_free(m);
    engine_bed_close(&bed);
}

static void quiet_job_cuts_no_epochs(void **state)
{
    (void)state;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    script_topic *topic = script_topic_new("events", 1);
    script_add(topic, 0, "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}");
    bed.until_end = false;
    engine_bed_start(&bed, JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) == 1);
    uint64_t polls = topic->polls;
    ENGINE_BED_WAIT(&bed, topic->polls > polls + 100);
    CHECK_U64(atomic_load(&bed.status.epoch), 1);
    CHECK(atomic_load(&bed.status.ready));
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    CHECK_U64(keep_group_of("main")->epoch, 1);
    engine_bed_close(&bed);
}

static void records_and_their_bytes_are_counted(void **state)
{
    (void)state;
    static const char line[] = "{\"who\":\"a\",\"amount\":1,\"at\":\"2024-01-01T00:05:30Z\"}";
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 2);
    int64_t records = weir_metric_get(WEIR_M_records_read);
    int64_t bytes = weir_metric_get(WEIR_M_bytes_read);
    script_add(topic, 0, line);
    script_add(topic, 1, line);
    script_add_null(topic, 1);
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    CHECK_INT(weir_metric_get(WEIR_M_records_read) - records, 3);
    CHECK_INT(weir_metric_get(WEIR_M_bytes_read) - bytes, 2 * (int64_t)strlen(line));
    engine_bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bounded_run_gives_what_the_model_gives_on_any_number_of_lanes),
        TEST(stop_in_the_middle_commits_what_was_read_and_the_next_run_goes_on),
        TEST(halt_of_a_source_drops_the_epoch_and_a_bounded_run_keeps_its_ends),
        TEST(run_behind_an_ended_one_takes_closed_windows_as_late),
        TEST(leave_open_keeps_windows_for_the_next_run),
        TEST(empty_partitions_tombstones_and_control_records_end_a_bounded_run),
        TEST(servers_that_are_away_for_a_while_change_nothing),
        TEST(time_in_sinks_is_told_apart),
        TEST(store_that_is_away_for_a_while_changes_nothing),
        TEST(stop_with_a_sink_away_ends_and_the_next_run_makes_up_for_it),
        TEST(halt_of_a_sink_behind_the_commit_point_is_made_up_for_by_replay),
        TEST(epoch_that_a_start_made_visible_is_known_to_be_finalised),
        TEST(quiet_owner_has_written_down_that_its_last_epoch_is_finalised),
        TEST(database_that_lost_its_commits_is_brought_up_from_the_log),
        TEST(refused_rows_become_dead_letters_with_their_values),
        TEST(refused_row_without_a_place_for_dead_letters_stops_the_job),
        TEST(bad_records_become_dead_letters_of_their_epoch_once),
        TEST(bad_record_stops_a_job_that_says_fail_and_names_its_place),
        TEST(error_limit_stops_above_so_many_in_a_stretch_also_across_runs),
        TEST(rows_without_state_pass_in_order_and_once),
        TEST(many_small_epochs_resume_from_full_copies_and_deltas),
        TEST(quiet_job_cuts_no_epochs),
        TEST(records_and_their_bytes_are_counted),
    };
    return RUN_TESTS(tests);
}
