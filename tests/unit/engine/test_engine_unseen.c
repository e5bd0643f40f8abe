/* tests/engine_unseen: epochs whose commit is not known yet, or that may not be visible yet.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"

#define EVENTS(more)                                                                       \
    "CREATE TABLE events (id bigint, who text) WITH (connector = 'script', topic = "       \
    "'events', format = 'json'" more ");\n"
#define FLOWS(more)                                                                        \
    "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep'" more   \
    ");\n"                                                                                 \
    "INSERT INTO totals SELECT who, count(*) FROM events GROUP BY who;\n"
#define JOB EVENTS("") FLOWS("")
#define LETTERS_JOB EVENTS(", on_error = 'dead_letter', dead_letter = 'bad'") FLOWS("")
#define GROUP_JOB EVENTS("") FLOWS(", sink_group = 'other'")

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
    atomic_store(&keep_fault.halt_commit, false);
    engine_bed_close(bed);
}

typedef struct outage {
    _Atomic bool lasts;
    _Atomic int  met;
} outage;

static faulty_act commit_point_is_away(void *self, const char *verb, const weir_object *object,
                                       uint64_t call)
{
    outage *away = self;
    (void)call;
    if (!atomic_load(&away->lasts) || strcmp(verb, "put_new") != 0 ||
        !weir_str_starts(object->key, "place/job/l1/t0/log/00000001/"))
        return FAULTY_PASS;
    atomic_fetch_add(&away->met, 1);
    return FAULTY_BUSY;
}

/* Where most epochs meet the store: whether the manifest is there is asked for as long as it takes,
   but people see it, and a job that ends does not wait for it. */
static void commit_point_that_is_away_is_shown_and_holds_nobody_up(void **state)
{
    enum { COMES_BACK, STOPS, HALTS, CASES };
    (void)state;
    for (int what = COMES_BACK; what < CASES; what++) {
        engine_bed    bed;
        script_topic *topic = begin(&bed);
        engine_bed_by_hand(&bed);
        bed.until_end = false;
        outage away = {.lasts = true};
        bed.store.hook = commit_point_is_away;
        bed.store.self = &away;
        engine_bed_start(&bed, JOB);
        ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.ready));
        ENGINE_BED_WAIT(&bed, !atomic_load(&bed.status.ready));
        CHECK(atomic_load(&away.met) > 0);
        if (what == COMES_BACK) {
            atomic_store(&away.lasts, false);
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.ready));
        } else if (what == STOPS) {
            atomic_store(&bed.stop, 1);
        } else {
            script_halt(topic);
        }
        if (what != COMES_BACK)
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.phase) == WEIR_PHASE_DONE);
        if (what == HALTS)
            CHECK_FAILS(engine_bed_join(&bed), WEIR_E_REMOTE, &bed.err);
        else
            CHECK_OK(engine_bed_stop(&bed), &bed.err);
        end(&bed);
    }
}

/* Nobody could bring them to that epoch any more, and it would be called finalised. */
static void sinks_that_may_not_show_the_last_epoch_keep_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *ran, *now, *names;
    } cases[] = {{LETTERS_JOB, JOB, "dead/bad"}, {JOB, GROUP_JOB, "sink/keep/main"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        engine_bed bed;
        begin(&bed);
        atomic_store(&keep_fault.halt_commit, true);
        CHECK_FAILS(engine_bed_run(&bed, cases[i].ran), WEIR_E_REMOTE, &bed.err);
        atomic_store(&keep_fault.halt_commit, false);
        CHECK_FAILS(engine_bed_run(&bed, cases[i].now), WEIR_E_CONFIG, &bed.err);
        CHECK_INT(bed.err.exit, WEIR_EXIT_CONFIG_CHANGED);
        CHECK_SAYS(&bed.err, cases[i].names);
        CHECK_HINTS(&bed.err, "run the old SQL once more");
        CHECK_OK(engine_bed_run(&bed, cases[i].ran), &bed.err);
        CHECK_OK(engine_bed_run(&bed, cases[i].now), &bed.err);
        end(&bed);
    }
}

static faulty_act count_records(void *self, const char *verb, const weir_object *object,
                                uint64_t call)
{
    _Atomic int *reads = self;
    (void)call;
    if (strcmp(verb, "get") == 0 && object->length == 0 &&
        weir_str_starts(object->key, "place/job/l1/t0/log/"))
        atomic_fetch_add(reads, 1);
    return FAULTY_PASS;
}

/* However far: each manifest is read on the way back, and when its rows are asked for. */
static void database_that_is_far_behind_is_brought_up_step_by_step(void **state)
{
    (void)state;
    enum { RUNS = 70 };
    engine_bed    bed;
    script_topic *topic = begin(&bed);
    for (int i = 0; i < RUNS; i++) {
        script_add(topic, 0, "{\"id\":%d,\"who\":\"w1\"}", 10 + i);
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    }
    uint64_t epochs = keep_group_of("main")->epoch;
    weir_buf rows = keep_text("main");
    CHECK(epochs >= RUNS);
    keep_forget("main");
    _Atomic int reads = 0;
    bed.store.hook = count_records;
    bed.store.self = &reads;
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    bed.store.hook = NULL;
    CHECK(keep_group_of("main")->epoch >= epochs);
    weir_buf now = keep_text("main");
    CHECK_SAME(weir_buf_view(&now), weir_buf_view(&rows));
    CHECK((uint64_t)atomic_load(&reads) <= 5 * epochs); /* not the square of it */
    weir_buf_done(&now);
    weir_buf_done(&rows);
    end(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commit_point_that_is_away_is_shown_and_holds_nobody_up),
        TEST(database_that_is_far_behind_is_brought_up_step_by_step),
        TEST(sinks_that_may_not_show_the_last_epoch_keep_their_names),
    };
    return RUN_TESTS(tests);
}
