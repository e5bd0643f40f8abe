/* tests/engine_recover: starts that find something else than they left.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"
#include "engine_amend.h"
#include "weir/promotion.h"

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

/* With one partition its records are one block, and never two epochs. */
static script_topic *begin_of(engine_bed *bed, uint32_t partitions)
{
    engine_bed_open(bed);
    script_topic *topic = script_topic_new("events", partitions);
    for (uint32_t i = 0; i < 10; i++)
        script_add(topic, i % partitions, "{\"id\":%u,\"who\":\"w%u\"}", i, i % 3);
    return topic;
}

static script_topic *begin(engine_bed *bed)
{
    return begin_of(bed, 2);
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
        engine_bed_spoil(&bed, cases[i].section, cases[i].bytes, "");
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
    engine_bed_spoil(&bed, "plan", "12345678", "kept");
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
        weir_checkpoint_close(engine_bed_take_over(m->bed, arena, &last));
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
        engine_bed_spoil(&bed, "groups", "\xff", "");
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
    const char *sql = "SET gc.interval = '0';\n" JOB; /* its look would be the one that is met */
    CHECK_FAILS(engine_bed_run(&bed, sql), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_FENCED);
    CHECK_U64(keep_group_of("main")->epoch, 1);
    CHECK_U64(keep_group_of("lines")->rows, 0);
    end(&bed);
}

/* Its rows are in no sink yet: they are its successor's. */
static void epoch_of_an_owner_that_was_replaced_is_not_committed(void **state)
{
    (void)state;
    engine_bed bed;
    begin(&bed);
    meddler m = {.bed = &bed, .verb = "put_new", .key = BASE "log/00000001/00000001",
                 .replaces = true, .armed = true};
    bed.store.hook = meddle;
    bed.store.self = &m;
    CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_FENCED);
    CHECK_INT(atomic_load(&m.met), 1);
    CHECK_U64(keep_group_of("main")->executes, 1);
    CHECK_U64(keep_group_of("main")->epoch, 0);
    bed.store.hook = NULL;
    CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
    CHECK_U64(keep_group_of("main")->epoch, 1);
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
    static const char first[] = BASE "log/00000001/00000001";
    static const struct {
        const char *key;   /* of the manifest that is put */
        bool        other; /* a whole one of a twin, or damaged */
        int         behind; /* epochs of it */
    } cases[] = {
        {first, false, 1}, {first, true, 1}, {first, true, 3},
        {BASE "log/00000003/00000001", false, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        engine_bed    bed, twin;
        weir_buf      bytes = {0};
        script_topic *topic = begin(&twin);
        CHECK_OK(engine_bed_run(&twin, JOB), &twin.err);
        CHECK_OK(weir_store_get_one(twin.memory, weir_str_of(first), &bytes, &twin.err),
                 &twin.err);
        end(&twin);
        topic = begin(&bed);
        CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        for (int k = 0; k < cases[i].behind; k++) {
            script_add(topic, 0, "{\"id\":77,\"who\":\"w1\"}");
            CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
        }
        weir_str put = cases[i].other ? weir_buf_view(&bytes) : WEIR_STR("damaged");
        CHECK_OK(weir_store_put_one(bed.memory, weir_str_of(cases[i].key), put, &bed.err),
                 &bed.err);
        CHECK_FAILS(run_after_database_forgot(&bed), WEIR_E_CORRUPT, &bed.err);
        CHECK_INT(bed.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&bed.err,
                   cases[i].other ? "is not the one that its successor names" : cases[i].key);
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

static void dead_letters_that_cannot_be_recovered_stop_the_start(void **state)
{
    (void)state;
    static const char job[] =
        LETTERS_JOB "CREATE TABLE others (id bigint) WITH (connector = 'script', topic = "
                    "'events', format = 'json', on_error = 'dead_letter', dead_letter = "
                    "'worse');\n"
                    "CREATE TABLE more (id bigint) WITH (connector = 'heap');\n"
                    "INSERT INTO more SELECT id FROM others;\n";
    static const char *const letters[] = {"bad", "worse"};
    for (size_t i = 0; i < 2; i++) {
        engine_bed bed;
        begin(&bed);
        CHECK_OK(engine_bed_run(&bed, job), &bed.err);
        keep_fault.halt_replay_of = letters[i];
        CHECK_FAILS(engine_bed_run(&bed, job), WEIR_E_REMOTE, &bed.err);
        CHECK_SAYS(&bed.err, i ? "recovering dead/worse" : "recovering dead/bad");
        keep_fault.halt_replay_of = NULL;
        CHECK_OK(engine_bed_run(&bed, job), &bed.err);
        end(&bed);
    }
}

#define TOTALS "sink/keep/main" /* sections */
#define LINES "sink/heap/lines"

/* What a repair writes: the last epoch once more, with a section "amend", and its letters.
   With `letters` what the lines got is in those of that name, too. */
static void amend(engine_bed *bed, const char *claimed, const char *letters)
{
    weir_arena      *arena = weir_arena_new("amend", 4096);
    weir_manifest   *last = NULL;
    weir_checkpoint *checkpoint = engine_bed_take_over(bed, arena, &last);
    weir_stage      *stage = NULL;
    weir_sha256      sha;
    weir_buf         bytes = {0};
    const char      *sections[] = {claimed};
    uint32_t         rows[] = {1};
    weir_err         err;
    weir_err_clear(&err);
    CHECK_OK(weir_checkpoint_amend(checkpoint, last, &stage, &err), &err);
    engine_amend_write(&bytes, sections, rows, 1);
    weir_stage_section(stage, "amend", weir_buf_view(&bytes));
    if (letters != NULL)
        weir_stage_section(stage, letters, weir_manifest_section(last, LINES));
    CHECK_OK(weir_stage_build(stage, &sha, &err), &err);
    CHECK_OK(weir_stage_publish(stage, &err), &err);
    weir_buf_done(&bytes);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
}

/* Two epochs; the second is amended by somebody who died then. The first one's SHA-256. */
static weir_sha256 run_and_amend(engine_bed *bed, const char *claimed, const char *letters)
{
    script_topic *topic = begin(bed);
    CHECK_OK(engine_bed_run(bed, JOB), &bed->err);
    weir_sha256 first = keep_group_of("main")->sha;
    script_add(topic, 0, "{\"id\":77,\"who\":\"w1\"}");
    CHECK_OK(engine_bed_run(bed, JOB), &bed->err);
    amend(bed, claimed, letters);
    keep_forget("main");
    keep_forget("lines");
    return first;
}

/* Who brings a database up to it is told by whom its row may have been claimed. */
static void amended_epoch_is_replayed_with_the_claim_of_its_repair(void **state)
{
    (void)state;
    for (int others = 0; others < 2; others++) {
        engine_bed  bed;
        weir_sha256 none = {{0}};
        (void)run_and_amend(&bed, others ? LINES : TOTALS, NULL);
        CHECK_OK(run_after_database_forgot(&bed), &bed.err);
        weir_committed is = keep_group_of("main")->replayed;
        CHECK_U64(is.id.epoch, 2);
        CHECK(is.amends);
        CHECK_INT(is.claimed, !others);
        CHECK_INT(weir_sha256_eq(&is.claim, &none), others);
        CHECK(!weir_sha256_eq(&is.amended, &is.id.sha));
        CHECK_INT(keep_group_of("main")->rows, 3);
        end(&bed);
    }
}

/* Its SHA is what commit rows may still hold: without it nothing can be told apart. */
static void amended_epoch_without_what_it_replaces_stops_the_start(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) { /* the database lacks both epochs, or one */
        engine_bed  bed;
        weir_object object = {.key = WEIR_STR(BASE "log/00000003/00000001")};
        weir_sha256 one = run_and_amend(&bed, TOTALS, NULL);
        keep_group *group = keep_group_of("main");
        group->epoch = !first;
        group->sha = first ? group->sha : one;
        CHECK_OK(bed.memory->kind->remove(bed.memory, &object, 1, &bed.err), &bed.err);
        CHECK(engine_bed_run(&bed, JOB) != WEIR_OK);
        CHECK_INT(bed.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&bed.err, "log/00000003/00000001");
        end(&bed);
    }
}

/* The repair's dead letters are no table's of the job. */
static void letters_of_a_repair_are_written_by_the_next_start(void **state)
{
    (void)state;
    static const struct {
        const char *open, *replay, *says;
    } faults[] = {{NULL, NULL, NULL},
                  {"repair", NULL, "cannot be opened"},
                  {NULL, "repair", "recovering amend/repair"}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        engine_bed bed;
        (void)run_and_amend(&bed, TOTALS, "amend/repair");
        keep_fault.halt_open = faults[i].open;
        keep_fault.halt_replay_of = faults[i].replay;
        weir_code rc = engine_bed_run(&bed, JOB);
        CHECK_INT(rc == WEIR_OK, faults[i].says == NULL);
        if (faults[i].says != NULL)
            CHECK_SAYS(&bed.err, faults[i].says);
        CHECK_INT(keep_group_of("repair")->rows, faults[i].says == NULL);
        keep_fault.halt_open = keep_fault.halt_replay_of = NULL;
        for (int again = 0; again < 2; again++) {
            CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
            CHECK_INT(keep_group_of("repair")->rows, 1); /* once */
        }
        end(&bed);
    }
}

/* Settled twice: all is visible then, the repair's letters too. */
static void letters_of_a_repair_that_are_visible_are_left_alone(void **state)
{
    (void)state;
    engine_bed            bed;
    weir_settled          settled;
    bool                  empty = false;
    (void)run_and_amend(&bed, TOTALS, "amend/repair");
    weir_checkpoint_setup next = {
        .store = bed.memory, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .lineage = 2, .clock = bed.clock,
        .stop = &bed.stop};
    CHECK_OK(weir_checkpoint_begin(&next, &empty, &bed.err), &bed.err);
    weir_engine_setup setup = engine_bed_setup(&bed);
    setup.ended = true;
    setup.lineage = 1;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(weir_engine_settle(&setup, &settled, &bed.err), &bed.err);
        CHECK_INT(keep_group_of("repair")->rows, 1);
        CHECK_U64(keep_group_of("repair")->replays, 1);
    }
    end(&bed);
}

static void claims_that_cannot_be_read_claim_nothing(void **state)
{
    (void)state;
    weir_buf      bytes = {0};
    const char   *sections[] = {"sink/a", "sink/b"};
    uint32_t      rows[] = {1, 300};
    weir_section  section = {.name = WEIR_STR("amend")};
    weir_manifest amend = {.amends = true, .sections = 1, .section = &section};
    engine_amend_write(&bytes, sections, rows, 2);
    section.bytes = weir_buf_view(&bytes);
    CHECK(engine_amend_has(&amend, WEIR_STR("sink/a")));
    CHECK(engine_amend_has(&amend, WEIR_STR("sink/b")));
    CHECK(!engine_amend_has(&amend, WEIR_STR("sink/c")));
    for (size_t len = 0; len < 16; len++) { /* up to within the second's rows */
        section.bytes.len = len;
        CHECK(!engine_amend_has(&amend, WEIR_STR("sink/a")));
    }
    section.bytes.len = bytes.len;
    bytes.at[0]++; /* its version */
    CHECK(!engine_amend_has(&amend, WEIR_STR("sink/a")));
    amend.sections = 0;
    CHECK(!engine_amend_has(&amend, WEIR_STR("sink/a")));
    weir_buf_done(&bytes);
}

/* It is shown up to where it is too long, and whole characters of it. */
static void refused_row_is_shown_as_far_as_it_can_be(void **state)
{
    (void)state;
    static const struct {
        const char *who, *shows;
    } cases[] = {
        {"short", "short\",\"n\":\"1\"}"},
        {"evil 01234567890123456789012345678901234567890123456789012345678901234567890123456"
         "7890123456789",
         "90123456…"},
        {"evil "
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
         "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
         "\xc3\xa4…"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int shift = 0; shift < 2; shift++) { /* a character is cut, or is not */
            engine_bed    bed;
            script_topic *topic = begin(&bed);
            script_add(topic, 0, "{\"id\":7,\"who\":\"%s%s\"}", shift ? "x" : "", cases[i].who);
            keep_fault.refuse = i == 0 ? "short" : "evil";
            CHECK_FAILS(engine_bed_run(&bed, JOB), WEIR_E_REMOTE, &bed.err);
            CHECK_INT(bed.err.exit, WEIR_EXIT_SINK_SCHEMA);
            CHECK_SAYS(&bed.err, "refuses a row: the test refuses it: {");
            if (i != 1 || shift == 0)
                CHECK_SAYS(&bed.err, cases[i].shows);
            CHECK(weir_str_utf8(weir_str_of(bed.err.msg)));
            CHECK_INT(strstr(bed.err.msg, "…") != NULL, i > 0);
            CHECK_HINTS(&bed.err, "on_error = 'dead_letter' to table 'events'");
            keep_fault.refuse = NULL;
            end(&bed);
        }
    }
}

/* A topic may have no partition yet; the other tables of the job go on. */
static void source_without_partitions_is_told_of_no_position(void **state)
{
    (void)state;
    engine_bed    bed;
    script_topic *topic = begin(&bed);
    script_topic *nobody = script_topic_new("nobody", 0);
    CHECK_OK(engine_bed_run(&bed,
                            EVENTS("") "CREATE TABLE others (id bigint) WITH (connector = "
                                       "'script', topic = 'nobody', format = 'json');\n" FLOWS
                                       "CREATE TABLE more (id bigint) WITH (connector = 'heap');\n"
                                       "INSERT INTO more SELECT id FROM others;\n"),
             &bed.err);
    CHECK_INT(keep_group_of("lines")->rows, 10);
    CHECK_INT(topic->acked, 10);
    CHECK_INT(nobody->acked, 0);
    end(&bed);
}

#define IDLE_US (21LL * 60 * 1000000)
#define PATIENCE_US (11LL * 1000000)

/* Nothing comes for a while behind an epoch with files: a SEAL is to say that it is finalised. */
static void job_that_idles_seals_what_it_has_finalised(void **state)
{
    (void)state;
    enum { WAITS, REPLACED, STOPPED };
    for (int what = WAITS; what <= STOPPED; what++) {
        engine_bed    bed;
        weir_buf      seal = {0};
        script_topic *topic = begin_of(&bed, 1);
        engine_bed_by_hand(&bed);
        bed.until_end = false;
        meddler m = {.bed = &bed, .verb = "put_new", .key = BASE "log/00000001/00000002",
                     .busy = INT32_MAX};
        bed.store.hook = meddle;
        bed.store.self = &m;
        engine_bed_start(&bed, JOB);
        ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) == 1);
        ENGINE_BED_WAIT(&bed, keep_group_of("lines")->finalised == 1);
        if (what == REPLACED) {
            weir_arena    *arena = weir_arena_new("meddle", 4096);
            weir_manifest *last = NULL;
            weir_checkpoint_close(engine_bed_take_over(&bed, arena, &last));
            weir_arena_free(arena);
        }
        atomic_store(&m.armed, what != REPLACED);
        atomic_fetch_add(&bed.hand.now_us, IDLE_US);
        if (what == REPLACED) {
            CHECK_FAILS(engine_bed_join(&bed), WEIR_E_CONFLICT, &bed.err);
            CHECK_INT(bed.err.exit, WEIR_EXIT_FENCED);
            end(&bed);
            continue;
        }
        ENGINE_BED_WAIT(&bed, !atomic_load(&bed.status.ready)); /* the store is away */
        int met = atomic_load(&m.met);
        ENGINE_BED_WAIT(&bed, atomic_load(&m.met) > met); /* it tries again, */
        atomic_fetch_add(&bed.hand.now_us, PATIENCE_US);
        met = atomic_load(&m.met);
        ENGINE_BED_WAIT(&bed, atomic_load(&m.met) > met + 2); /* and again */
        script_add(topic, 0, "{\"id\":77,\"who\":\"w1\"}");
        if (what == WAITS) {
            atomic_store(&m.armed, false);
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) == 2);
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.ready));
            CHECK_OK(engine_bed_stop(&bed), &bed.err);
            CHECK_OK(weir_store_get_one(bed.memory, WEIR_STR(BASE "seals/00000001"), &seal,
                                        &bed.err),
                     &bed.err);
        } else { /* the epoch is read again by the next start */
            ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 11);
            atomic_store(&bed.stop, 2);
            CHECK_FAILS(engine_bed_join(&bed), WEIR_E_STOPPED, &bed.err);
            CHECK_SAYS(&bed.err, "stopped before it was known");
            atomic_store(&bed.stop, 0);
            CHECK_U64(keep_group_of("main")->epoch, 1);
            bed.store.hook = NULL;
            bed.until_end = true;
            CHECK_OK(engine_bed_run(&bed, JOB), &bed.err);
            CHECK_U64(keep_group_of("main")->epoch, 2);
        }
        weir_buf_done(&seal);
        end(&bed);
    }
}

typedef struct succession {
    engine_bed   *bed;
    script_topic *topic;
    atomic_bool   done, cut;
} succession;

/* The job is about to seal; it is replaced, and what comes then is read and cut all the same. */
static faulty_act succeed(void *self, const char *verb, const weir_object *object, uint64_t call)
{
    succession *s = self;
    engine_bed *bed = s->bed;
    (void)call;
    if (s->done || strcmp(verb, "put_new") != 0 ||
        !weir_str_starts(object->key, BASE "log/00000001/00000002"))
        return FAULTY_PASS;
    s->done = true;
    weir_arena    *arena = weir_arena_new("succession", 4096);
    weir_manifest *last = NULL;
    weir_checkpoint_close(engine_bed_take_over(bed, arena, &last));
    weir_arena_free(arena);
    uint64_t rows = atomic_load(&bed->status.rows_out);
    script_add(s->topic, 0, "{\"id\":77,\"who\":\"w1\"}");
    for (uint32_t turns = 0; !s->cut && engine_bed_turn(bed, &turns);)
        atomic_store(&s->cut, atomic_load(&bed->status.rows_out) > rows);
    return FAULTY_PASS;
}

static void epoch_that_was_cut_when_the_job_was_replaced_is_not_begun(void **state)
{
    (void)state;
    engine_bed bed;
    succession s = {.bed = &bed, .topic = begin_of(&bed, 1)};
    engine_bed_by_hand(&bed);
    bed.until_end = false;
    bed.store.hook = succeed;
    bed.store.self = &s;
    engine_bed_start(&bed, JOB);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) == 1);
    ENGINE_BED_WAIT(&bed, keep_group_of("lines")->finalised == 1);
    uint64_t stages = keep_group_of("main")->stages;
    atomic_fetch_add(&bed.hand.now_us, IDLE_US);
    CHECK_FAILS(engine_bed_join(&bed), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_FENCED);
    CHECK(s.cut);
    CHECK_U64(keep_group_of("main")->stages, stages);
    CHECK_U64(keep_group_of("main")->epoch, 1);
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
        TEST(epoch_of_an_owner_that_was_replaced_is_not_committed),
        TEST(older_manifest_that_is_not_the_right_one_stops_the_start),
        TEST(database_of_another_history_stops_the_start),
        TEST(stop_does_not_wait_for_a_store_that_is_away),
        TEST(halt_does_not_wait_for_a_database_that_is_away),
        TEST(dead_letters_that_cannot_be_recovered_stop_the_start),
        TEST(amended_epoch_is_replayed_with_the_claim_of_its_repair),
        TEST(amended_epoch_without_what_it_replaces_stops_the_start),
        TEST(letters_of_a_repair_are_written_by_the_next_start),
        TEST(letters_of_a_repair_that_are_visible_are_left_alone),
        TEST(claims_that_cannot_be_read_claim_nothing),
        TEST(refused_row_is_shown_as_far_as_it_can_be),
        TEST(source_without_partitions_is_told_of_no_position),
        TEST(job_that_idles_seals_what_it_has_finalised),
        TEST(epoch_that_was_cut_when_the_job_was_replaced_is_not_begun),
        TEST(epoch_that_a_sink_cannot_stage_stops_the_job),
    };
    return RUN_TESTS(tests);
}
