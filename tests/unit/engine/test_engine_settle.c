/* Lineages that have ended, and whose last epoch may not be visible yet; and the names of their
 * tables.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"
#include "weir/promotion.h"

#define EVENTS(more)                                                                       \
    "CREATE TABLE events (id bigint, who text) WITH (connector = 'script', topic = "       \
    "'events', format = 'json'" more ");\n"
#define TOTALS                                                                             \
    "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"    \
    "INSERT INTO totals SELECT who, count(*) FROM events GROUP BY who;\n"
#define LINES                                                                              \
    "CREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"                \
    "INSERT INTO lines SELECT id, who FROM events;\n"
#define JOB EVENTS("") TOTALS LINES
#define LETTERS_JOB EVENTS(", on_error = 'dead_letter', dead_letter = 'bad'") TOTALS LINES
#define MANIFEST "place/job/l1/t0/log/00000001/00000001"

typedef struct bed {
    engine_bed   engine;
    weir_settled settled;
} bed;

static void end_lineage(bed *b)
{
    weir_checkpoint_setup setup = {
        .store = b->engine.memory, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .lineage = 2, .clock = b->engine.clock,
        .stop = &b->engine.stop};
    bool empty = false;
    CHECK_OK(weir_checkpoint_begin(&setup, &empty, &b->engine.err), &b->engine.err);
    CHECK(empty);
}

/* One epoch, which is put and not visible: the job died behind that. */
static void set_up_bounded(bed *b, const char *sql, bool bounded)
{
    memset(b, 0, sizeof *b);
    engine_bed_open(&b->engine);
    b->engine.until_end = bounded;
    script_topic *topic = script_topic_new("events", 1);
    for (int i = 0; i < 6; i++)
        script_add(topic, 0, "{\"id\":%d,\"who\":\"w%d\"}", i, i % 2);
    atomic_store(&keep_fault.halt_commit, true);
    CHECK(engine_bed_run(&b->engine, sql) != WEIR_OK);
    atomic_store(&keep_fault.halt_commit, false);
}

static void set_up(bed *b, const char *sql)
{
    set_up_bounded(b, sql, true);
}

static void tear_down(bed *b)
{
    engine_bed_close(&b->engine);
}

static weir_code settle(bed *b, const char *sql)
{
    (void)engine_bed_plan(&b->engine, sql);
    weir_engine_setup setup = engine_bed_setup(&b->engine);
    setup.ended = true;
    setup.lineage = 1;
    weir_err_clear(&b->engine.err);
    return weir_engine_settle(&setup, &b->settled, &b->engine.err);
}

static void check_rows(const char *group, const char *want)
{
    weir_buf is = keep_text(group);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

static void ended_lineage_becomes_visible_once(void **state)
{
    (void)state;
    static const char *const jobs[] = {JOB, LETTERS_JOB};
    for (size_t i = 0; i < 2; i++) {
        bed b;
        set_up(&b, jobs[i]);
        end_lineage(&b);
        check_rows("main", "");
        for (int times = 0; times < 2; times++) {
            CHECK_OK(settle(&b, jobs[i]), &b.engine.err);
            CHECK_U64(b.settled.last.epoch, 1);
            CHECK_U64(b.settled.last.idx, 1);
            CHECK(b.settled.end);
            CHECK(keep_group_of("main")->ended);
            check_rows("main", "w0|3\nw1|3\n");
            check_rows("lines", "0|w0\n1|w1\n2|w0\n3|w1\n4|w0\n5|w1\n");
        }
        tear_down(&b);
    }
}

/* A job that runs on and on died: that was not its end. */
static void lineage_that_was_never_over_says_so(void **state)
{
    (void)state;
    bed b;
    set_up_bounded(&b, JOB, false);
    end_lineage(&b);
    CHECK_OK(settle(&b, JOB), &b.engine.err);
    CHECK_U64(b.settled.last.epoch, 1);
    CHECK(!b.settled.end);
    tear_down(&b);
}

/* All is visible, and yet nobody knows where it ended. */
static void last_epoch_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    bed            b;
    weir_manifest *last = NULL;
    weir_sha256    sha;
    bool           finalised;
    set_up(&b, JOB);
    weir_arena           *arena = weir_arena_new("spoil", 4096);
    weir_checkpoint_setup setup = {
        .store = b.engine.memory, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .clock = b.engine.clock,
        .stop = &b.engine.stop};
    weir_checkpoint *checkpoint = NULL;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &b.engine.err), &b.engine.err);
    CHECK_OK(weir_checkpoint_take_over(checkpoint, arena, &last, &finalised, &b.engine.err),
             &b.engine.err);
    weir_stage *stage = weir_checkpoint_stage(checkpoint, 2);
    weir_stage_section(stage, "groups", weir_manifest_section(last, "groups"));
    weir_stage_section(stage, "positions", WEIR_STR("damaged"));
    CHECK_OK(weir_stage_build(stage, &sha, &b.engine.err), &b.engine.err);
    CHECK_OK(weir_stage_publish(stage, &b.engine.err), &b.engine.err);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
    end_lineage(&b);
    CHECK_FAILS(settle(&b, JOB), WEIR_E_CORRUPT, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
    CHECK(!b.settled.end);
    check_rows("main", "w0|3\nw1|3\n");
    tear_down(&b);
}

static void lineage_without_an_epoch_has_nothing_to_settle(void **state)
{
    (void)state;
    bed b;
    memset(&b, 0, sizeof b);
    engine_bed_open(&b.engine);
    (void)script_topic_new("events", 1);
    end_lineage(&b);
    CHECK_OK(settle(&b, JOB), &b.engine.err);
    CHECK_U64(b.settled.last.idx, 0);
    CHECK(!b.settled.end);
    tear_down(&b);
}

static void lineage_that_has_not_ended_is_left_alone(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    CHECK_FAILS(settle(&b, JOB), WEIR_E_CONFLICT, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "settling lineage l1 of job 'job': ");
    CHECK_SAYS(&b.engine.err, "has not ended");
    check_rows("main", "");
    tear_down(&b);
}

/* Its rows would be lost without a word. */
static void sql_without_a_sink_cannot_settle_it(void **state)
{
    (void)state;
    static const struct {
        const char *ran, *now, *names;
    } cases[] = {{JOB, EVENTS("") TOTALS, "sink/heap/lines"},
                 {JOB, EVENTS("") LINES, "sink/keep/main"},
                 {LETTERS_JOB, JOB, "dead/bad"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, cases[i].ran);
        end_lineage(&b);
        CHECK_FAILS(settle(&b, cases[i].now), WEIR_E_CONFIG, &b.engine.err);
        CHECK_SAYS(&b.engine.err, "epoch 1 has rows for '");
        CHECK_SAYS(&b.engine.err, cases[i].names);
        CHECK_HINTS(&b.engine.err, "use the SQL that the job ran with");
        CHECK_OK(settle(&b, cases[i].ran), &b.engine.err);
        CHECK_OK(settle(&b, cases[i].now), &b.engine.err); /* all is visible */
        tear_down(&b);
    }
}

static void sink_that_cannot_be_brought_there_is_told(void **state)
{
    (void)state;
    static const char *const groups[] = {"main", "lines", "bad"};
    for (size_t i = 0; i < 3; i++) {
        for (int open = 0; open < 2; open++) {
            bed b;
            set_up(&b, LETTERS_JOB);
            end_lineage(&b);
            if (open)
                keep_fault.halt_open = groups[i];
            else
                keep_fault.halt_replay_of = groups[i];
            CHECK(settle(&b, LETTERS_JOB) != WEIR_OK);
            CHECK_SAYS(&b.engine.err, "settling lineage l1 of job 'job': ");
            CHECK_SAYS(&b.engine.err, open ? "it cannot be opened" : "the test says halt");
            keep_fault.halt_open = keep_fault.halt_replay_of = NULL;
            CHECK_OK(settle(&b, LETTERS_JOB), &b.engine.err);
            check_rows("main", "w0|3\nw1|3\n");
            tear_down(&b);
        }
    }
}

static void damaged_epoch_is_told(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    end_lineage(&b);
    CHECK_OK(weir_store_put_one(b.engine.memory, WEIR_STR(MANIFEST), WEIR_STR("damaged"),
                                &b.engine.err),
             &b.engine.err);
    CHECK_FAILS(settle(&b, JOB), WEIR_E_CORRUPT, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b.engine.err, MANIFEST);
    check_rows("main", "");
    tear_down(&b);
}

static void job_without_a_store_settles_nothing(void **state)
{
    (void)state;
    bed b;
    set_up(&b, JOB);
    end_lineage(&b);
    b.engine.no_store = true;
    CHECK_FAILS(settle(&b, JOB), WEIR_E_CONFIG, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "the test has no store");
    tear_down(&b);
}

static weir_promoted outputs[] = {
    {false, WEIR_STR("totals"), WEIR_STR("t"), WEIR_STR("t__fix"), WEIR_STR("t__before")},
    {true, WEIR_STR("lines"), WEIR_STR("s3://a"), WEIR_STR("s3://b"), WEIR_STR("s3://a")},
    {false, WEIR_STR("more"), WEIR_STR("m"), WEIR_STR("m__fix"), WEIR_STR("m__before")},
    {true, WEIR_STR("totals"), WEIR_STR("no table"), WEIR_STR(""), WEIR_STR("")},
};

static weir_code rename_tables(bed *b, bool dry_run)
{
    weir_promotion promotion = {.lineage = 2, .outputs = 4, .output = outputs};
    (void)engine_bed_plan(&b->engine, JOB
                          "CREATE TABLE more (who text PRIMARY KEY, n bigint) WITH (connector "
                          "= 'keep');\n"
                          "CREATE TABLE others (who text PRIMARY KEY, n bigint) WITH (connector "
                          "= 'keep', place = 'x/other');\n"
                          "INSERT INTO more SELECT who, count(*) FROM events GROUP BY who;\n"
                          "INSERT INTO others SELECT who, count(*) FROM events GROUP BY who;\n");
    weir_engine_setup setup = engine_bed_setup(&b->engine);
    weir_err_clear(&b->engine.err);
    return weir_engine_rename(&setup, &promotion, dry_run, &b->engine.err);
}

/* Files have no table to rename, and a database that has none of them is not asked. */
static void tables_of_a_database_are_renamed_in_one_step(void **state)
{
    (void)state;
    bed b;
    memset(&b, 0, sizeof b);
    engine_bed_open(&b.engine);
    (void)script_topic_new("events", 1);
    CHECK_OK(rename_tables(&b, true), &b.engine.err);
    CHECK_TEXT(keep_group_of("main")->renamed, "?t<t__fix>t__before m<m__fix>m__before ");
    CHECK_OK(rename_tables(&b, false), &b.engine.err);
    CHECK_TEXT(keep_group_of("main")->renamed, "t<t__fix>t__before m<m__fix>m__before ");
    CHECK_TEXT(keep_group_of("other")->renamed, "");
    tear_down(&b);
}

static void names_that_do_not_fit_are_told(void **state)
{
    (void)state;
    bed b;
    memset(&b, 0, sizeof b);
    engine_bed_open(&b.engine);
    (void)script_topic_new("events", 1);
    keep_fault.halt_rename = "main";
    CHECK_FAILS(rename_tables(&b, false), WEIR_E_CONFLICT, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_SAYS(&b.engine.err, "swapping tables: the test says neither");
    keep_fault.halt_rename = NULL;
    keep_fault.halt_open = "other";
    CHECK_FAILS(rename_tables(&b, false), WEIR_E_LIMIT, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "swapping tables: ");
    CHECK_TEXT(keep_group_of("main")->renamed, "");
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ended_lineage_becomes_visible_once),
        TEST(lineage_without_an_epoch_has_nothing_to_settle),
        TEST(lineage_that_has_not_ended_is_left_alone),
        TEST(sql_without_a_sink_cannot_settle_it),
        TEST(sink_that_cannot_be_brought_there_is_told),
        TEST(lineage_that_was_never_over_says_so),
        TEST(last_epoch_that_cannot_be_read_is_told),
        TEST(damaged_epoch_is_told),
        TEST(job_without_a_store_settles_nothing),
        TEST(tables_of_a_database_are_renamed_in_one_step),
        TEST(names_that_do_not_fit_are_told),
    };
    return RUN_TESTS(tests);
}
