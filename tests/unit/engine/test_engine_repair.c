/* Repairs: the last epoch's rows that a database refuses for ever, each step of it, and what
 * becomes of a repair that cannot go on there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"

#define BASE "place/job/l1/t0/"
#define HINT BASE "hint"
#define REFUSED BASE "log/00000003/00000001" /* the epoch */
#define SEAL BASE "log/00000003/00000002"    /* what a repair takes over with */
#define AMEND BASE "log/00000004/00000001"
#define OWN_SEAL BASE "log/00000004/00000002"

#define SOURCE(name, more)                                                                 \
    "CREATE TABLE " name " (id bigint, who text) WITH (connector = 'script', topic = '" name \
    "', format = 'json'" more ");\n"
#define LETTERS(name) ", on_error = 'dead_letter', dead_letter = '" name "'"
#define TOTALS(name, more, from)                                                           \
    "CREATE TABLE " name " (who text PRIMARY KEY, n bigint) WITH (connector = 'keep'" more   \
    ");\nINSERT INTO " name " SELECT who, count(*) FROM " from " GROUP BY who;\n"
#define LINES                                                                              \
    "CREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"                \
    "INSERT INTO lines SELECT id, who FROM events;\n"
#define SETTINGS "SET epoch.interval = '1 hour';\n"
#define JOB SETTINGS SOURCE("events", "") TOTALS("totals", "", "events") LINES

typedef struct bed {
    engine_bed    engine;
    const char   *sql;
    script_topic *events, *others, *more; /* topics, whether the SQL reads them or not */
    weir_arena   *arena;
    weir_repaired found;
} bed;

static void say(script_topic *topic, const char *who)
{
    script_add(topic, 0, "{\"id\":%d,\"who\":\"%s\"}",
               (int)topic->partition[0].records, who);
}

static void begin(bed *b, const char *sql)
{
    memset(b, 0, sizeof *b);
    engine_bed_open(&b->engine);
    b->sql = sql;
    b->arena = weir_arena_new("repaired", 4096);
    b->events = script_topic_new("events", 1);
    b->others = script_topic_new("others", 1);
    b->more = script_topic_new("more", 1);
}

static void end(bed *b)
{
    weir_arena_free(b->arena);
    engine_bed_close(&b->engine);
}

/* An epoch that is in the log and in no sink: the job died there, and the tables were closed to
   some of its rows then. */
static void strand(bed *b)
{
    atomic_store(&keep_fault.halt_commit, true);
    CHECK(engine_bed_run(&b->engine, b->sql) != WEIR_OK);
    atomic_store(&keep_fault.halt_commit, false);
    keep_fault.closed = "evil";
}

/* The second epoch is, and `evil` rows of it are refused. */
static void begin_refused(bed *b, int evil)
{
    char who[16];
    begin(b, JOB);
    say(b->events, "w0");
    say(b->events, "w1");
    CHECK_OK(engine_bed_run(&b->engine, JOB), &b->engine.err);
    say(b->events, "w0");
    for (int i = 0; i < evil; i++) {
        (void)snprintf(who, sizeof who, "evil%02d", i);
        say(b->events, who);
    }
    strand(b);
}

static weir_code repair(bed *b, bool dry_run)
{
    (void)engine_bed_plan(&b->engine, b->sql);
    weir_engine_setup setup = engine_bed_setup(&b->engine);
    weir_err_clear(&b->engine.err);
    return weir_engine_repair(&setup, dry_run, b->arena, &b->found, &b->engine.err);
}

static void check_rows(const char *group, const char *want)
{
    weir_buf is = keep_text(group);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

/* Looks without the faults of the store. */
static weir_manifest *last_of(bed *b)
{
    faulty_hook_fn  *hook = b->engine.store.hook;
    weir_manifest   *last = NULL;
    b->engine.store.hook = NULL;
    weir_checkpoint_close(engine_bed_look(&b->engine, "job", b->arena, &last));
    b->engine.store.hook = hook;
    return last;
}

static void refused_rows_become_dead_letters(void **state)
{
    (void)state;
    bed b;
    begin_refused(&b, 2);
    CHECK_FAILS(engine_bed_run(&b.engine, JOB), WEIR_E_REMOTE, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_SINK_SCHEMA);
    keep_fault.away_repair = 1; /* it is asked again */
    uint64_t before = keep_group_of("lines")->again_visible;
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK(b.found.needed && b.found.amended);
    CHECK_U64(b.found.epoch, 2);
    CHECK_INT(b.found.rows, 2);
    CHECK_U64(keep_group_of("lines")->again_visible, before + 2); /* nobody saw it whole */
    for (uint32_t i = 0; i < 2; i++) {
        const weir_repaired_row *row = &b.found.row[i];
        CHECK_STR(row->group, "main");
        CHECK_STR(row->table, "totals");
        CHECK_STR(row->row, i ? "{\"text\":\"evil01|1\"}" : "{\"text\":\"evil00|1\"}");
        CHECK_STR(row->letters, "repair");
        CHECK_TEXT(row->code, "TEST");
        CHECK_TEXT(row->msg, "the test closed the table");
        CHECK(!row->remove);
    }
    const keep_group *group = keep_group_of("main");
    CHECK(group->replayed.amends && group->replayed.claimed);
    CHECK(weir_sha256_eq(&group->replayed.claim, &group->claim));
    CHECK_INT(group->claims, 1);
    check_rows("main", "w0|2\nw1|1\n");
    check_rows("lines", "0|w0\n1|w1\n2|w0\n3|evil00\n4|evil01\n");
    CHECK_INT(keep_group_of("repair")->rows, 2);
    CHECK_HOLDS(keep_group_of("repair")->row[0], "job|2|totals|");
    CHECK_HOLDS(keep_group_of("repair")->row[0], "|TEST|NULL|the test closed the table");
    CHECK_OK(repair(&b, false), &b.engine.err); /* there is nothing left to do */
    CHECK(!b.found.needed && !b.found.amended);
    CHECK_U64(b.found.epoch, 2);
    CHECK_INT(b.found.rows, 0);
    say(b.events, "w1");
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    check_rows("main", "w0|2\nw1|2\n");
    CHECK_INT(keep_group_of("repair")->rows, 2);
    end(&b);
}

static void dry_run_tells_and_puts_nothing(void **state)
{
    (void)state;
    bed b;
    begin_refused(&b, 3);
    uint64_t put = b.engine.store.puts + b.engine.store.put_news;
    CHECK_OK(repair(&b, true), &b.engine.err);
    CHECK(b.found.needed && !b.found.amended);
    CHECK_INT(b.found.rows, 3);
    CHECK_U64(b.engine.store.puts + b.engine.store.put_news, put);
    CHECK_INT(keep_group_of("main")->claims, 0);
    check_rows("main", "w0|1\nw1|1\n");
    end(&b);
}

static void all_rows_are_told_however_many_there_are(void **state)
{
    (void)state;
    bed b;
    begin_refused(&b, 40);
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK_INT(b.found.rows, 40);
    for (uint32_t i = 0; i < 40; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "{\"text\":\"evil%02u|1\"}", i);
        bool there = false;
        for (uint32_t k = 0; k < 40; k++)
            there |= weir_str_is(b.found.row[k].row, want);
        CHECK(there);
    }
    CHECK_INT(keep_group_of("repair")->rows, 40);
    end(&b);
}

#define THREE_SOURCES                                                                      \
    SETTINGS SOURCE("events", LETTERS("bad")) SOURCE("others", LETTERS("worse"))            \
        SOURCE("more", "")
#define THREE                                                                              \
    THREE_SOURCES TOTALS("first", ", table = 'renamed'", "events")                          \
        TOTALS("second", "", "others") TOTALS("third", "", "more")

static void begin_three(bed *b)
{
    begin(b, THREE);
    say(b->events, "w0");
    CHECK_OK(engine_bed_run(&b->engine, THREE), &b->engine.err);
    say(b->events, "evil0");
    say(b->events, "evil1");
    say(b->others, "evil2");
    say(b->more, "evil3");
    strand(b);
}

/* By the table's source; the repair's own, where it names none, or it is no table of the job. */
static void letters_go_where_those_of_the_rows_source_go(void **state)
{
    (void)state;
    static const char *const sections[] = {"amend/bad", "amend/worse", "amend/repair"};
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        bed b;
        begin_three(&b);
        keep_fault.repair_table = elsewhere ? "elsewhere" : NULL;
        CHECK_OK(repair(&b, false), &b.engine.err);
        CHECK_INT(b.found.rows, 4);
        uint32_t bad = 0, worse = 0, own = 0;
        for (uint32_t i = 0; i < 4; i++) {
            const weir_repaired_row *row = &b.found.row[i];
            bad += weir_str_is(row->letters, "bad") && weir_str_is(row->table, "renamed");
            worse += weir_str_is(row->letters, "worse") && weir_str_is(row->table, "second");
            own += weir_str_is(row->letters, "repair") &&
                   weir_str_is(row->table, elsewhere ? "elsewhere" : "third");
        }
        CHECK_INT(bad, elsewhere ? 0 : 2);
        CHECK_INT(worse, elsewhere ? 0 : 1);
        CHECK_INT(own, elsewhere ? 4 : 1);
        const weir_manifest *last = last_of(&b);
        for (size_t i = 0; i < 3; i++)
            CHECK_INT(weir_manifest_section(last, sections[i]).len > 0, i == 2 || !elsewhere);
        check_rows("main", "w0|1\n");
        CHECK_INT(keep_group_of("repair")->rows, elsewhere ? 4 : 1);
        if (elsewhere)
            CHECK_HOLDS(keep_group_of("repair")->row[0], "job|2|elsewhere|");
        end(&b);
    }
}

static void letters_that_cannot_be_staged_leave_all_as_it_was(void **state)
{
    (void)state;
    bed b;
    begin_three(&b);
    keep_fault.halt_stage = "bad"; /* the first of three */
    CHECK_FAILS(repair(&b, false), WEIR_E_LIMIT, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "dead letters: the test says too much");
    CHECK(!last_of(&b)->amends);
    keep_fault.halt_stage = NULL;
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK(b.found.amended);
    end(&b);
}

#define TWO                                                                                \
    SETTINGS SOURCE("events", "") SOURCE("others", "") TOTALS("totals", "", "events")       \
        TOTALS("away", ", place = 'x/other'", "others")

/* Databases that take the epoch get it as it was. */
static void databases_are_repaired_one_by_one(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        bed b;
        begin(&b, TWO);
        say(b.events, "w0");
        say(b.others, "w0");
        CHECK_OK(engine_bed_run(&b.engine, TWO), &b.engine.err);
        say(b.events, "w1");
        say(b.others, both ? "evil" : "w1");
        say(both ? b.events : b.others, "evil2");
        say(b.others, "w2");
        strand(&b);
        if (!both)
            keep_fault.closed = "evil2";
        CHECK_OK(repair(&b, false), &b.engine.err);
        CHECK(b.found.amended);
        CHECK_INT(b.found.rows, 1 + both);
        check_rows("main", "w0|1\nw1|1\n");
        check_rows("other", both ? "w0|1\nw2|1\n" : "w0|1\nw1|1\nw2|1\n");
        CHECK_INT(keep_group_of("main")->replayed.claimed, both);
        CHECK_INT(keep_group_of("other")->replayed.claimed, 1);
        CHECK_INT(keep_group_of("main")->claims, both);
        end(&b);
    }
}

static void nothing_is_done_where_nothing_has_to_be(void **state)
{
    (void)state;
    bed b;
    begin(&b, JOB);
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK_U64(b.found.epoch, 0);
    CHECK(!b.found.needed);
    CHECK_U64(b.engine.store.put_news, 0); /* nobody was made to let go */
    end(&b);
    begin_refused(&b, 1);
    keep_fault.closed = NULL; /* not any more */
    uint64_t put = b.engine.store.put_news;
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK_U64(b.found.epoch, 2);
    CHECK(!b.found.needed);
    CHECK_U64(b.engine.store.put_news, put);
    check_rows("main", "w0|1\nw1|1\n");
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    check_rows("main", "evil00|1\nw0|2\nw1|1\n");
    end(&b);
}

/* The store does something at a request, and from there on answers all such in its way. */
typedef struct fault {
    bed        *b;
    const char *verb, *key;
    uint32_t    before; /* so many of them are let through */
    void (*act)(bed *b);
    faulty_act  answer;
    uint32_t    met;
} fault;

static faulty_act strike(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    fault *f = self;
    (void)call;
    if (strcmp(verb, f->verb) != 0 || !weir_str_starts(object->key, f->key))
        return FAULTY_PASS;
    f->met++;
    if (f->met == f->before + 1 && f->act != NULL)
        f->act(f->b);
    return f->met > f->before ? f->answer : FAULTY_PASS;
}

static void arm(bed *b, fault *f)
{
    f->b = b;
    b->engine.store.hook = strike;
    b->engine.store.self = f;
}

static void disarm(bed *b)
{
    b->engine.store.hook = NULL;
    b->engine.no_store = false;
    atomic_store(&b->engine.stop, 0);
    atomic_store(&keep_fault.halt_exit, 0);
    keep_fault.halt_open = keep_fault.halt_stage = keep_fault.halt_repair = NULL;
    keep_fault.halt_replay_of = NULL;
    keep_fault.repair_bytes = 0;
}

static void lose_store(bed *b)
{
    b->engine.no_store = true;
}

static void open_table(bed *b)
{
    (void)b;
    keep_fault.closed = NULL;
}

static void spoil_groups(bed *b)
{
    engine_bed_spoil(&b->engine, "groups", "\xff", "");
}

static void replace(bed *b)
{
    weir_manifest *last = NULL;
    weir_checkpoint_close(engine_bed_take_over(&b->engine, b->arena, &last));
}

static void stop_once(bed *b)
{
    atomic_store(&b->engine.stop, 1);
}

static void stop_twice(bed *b)
{
    atomic_store(&b->engine.stop, 2);
}

static void cannot_open(bed *b)
{
    (void)b;
    keep_fault.halt_open = "main";
}

static void cannot_open_letters(bed *b)
{
    (void)b;
    keep_fault.halt_open = "repair";
}

static void cannot_stage_letters(bed *b)
{
    (void)b;
    keep_fault.halt_stage = "repair";
}

static void cannot_repair(bed *b)
{
    (void)b;
    keep_fault.halt_repair = "main";
}

static void cannot_replay(bed *b)
{
    (void)b;
    keep_fault.halt_replay_of = "main";
    atomic_store(&keep_fault.halt_exit, WEIR_EXIT_JOB);
}

static void cannot_replay_files(bed *b)
{
    (void)b;
    keep_fault.halt_replay_of = "lines";
}

static void cannot_replay_letters(bed *b)
{
    (void)b;
    keep_fault.halt_replay_of = "repair";
}

static void needs_an_object(bed *b)
{
    (void)b;
    keep_fault.repair_bytes = 5u << 20;
}

/* Whoever repairs or starts next goes on from what is there. */
static void repair_that_fails_at_any_step_can_be_done_again(void **state)
{
    (void)state;
    static const struct {
        void (*before)(bed *b);
        fault       at;
        const char *says;
        int         exit;
        bool        amended; /* it was put */
    } cases[] = {
        {lose_store, {.verb = ""}, "opening the checkpoint: ", WEIR_EXIT_USAGE, false},
        {cannot_open, {.verb = ""}, "cannot be opened", WEIR_EXIT_JOB, false},
        {NULL, {.verb = "get", .key = HINT, .answer = FAULTY_REFUSE}, "403", WEIR_EXIT_USAGE,
         false},
        {cannot_repair, {.verb = ""}, "repairing sink/keep/main: the test says halt",
         WEIR_EXIT_JOB, false},
        {NULL, {.verb = "put_new", .key = SEAL, .answer = FAULTY_REFUSE}, "403",
         WEIR_EXIT_USAGE, false},
        {cannot_replay, {.verb = ""}, "recovering sink/keep/main: ", WEIR_EXIT_JOB, false},
        {cannot_replay_files, {.verb = ""}, "recovering sink/heap/lines: ",
         WEIR_EXIT_SINK_SCHEMA, false},
        {NULL, {.verb = "put_new", .key = SEAL, .act = cannot_repair},
         "repairing sink/keep/main: the test says halt", WEIR_EXIT_JOB, false},
        {cannot_open_letters, {.verb = ""}, "dead letters: opening sink",
         WEIR_EXIT_JOB, false},
        {cannot_stage_letters, {.verb = ""}, "dead letters: the test says too much",
         WEIR_EXIT_JOB, false},
        {needs_an_object, {.verb = "put", .key = BASE "data/", .answer = FAULTY_REFUSE},
         "putting data objects: ", WEIR_EXIT_USAGE, false},
        {NULL, {.verb = "put_new", .key = AMEND, .act = replace}, "another", WEIR_EXIT_FENCED,
         false},
        {NULL, {.verb = "put_new", .key = AMEND, .act = cannot_replay},
         "recovering sink/keep/main: ", WEIR_EXIT_JOB, true},
        {NULL, {.verb = "put_new", .key = AMEND, .act = cannot_replay_letters},
         "recovering amend/repair: ", WEIR_EXIT_SINK_SCHEMA, true},
        {NULL, {.verb = "put", .key = HINT, .act = stop_once, .answer = FAULTY_BUSY},
         "writing down that epoch 2 is finalised", WEIR_EXIT_JOB, true},
        {NULL, {.verb = "put_new", .key = OWN_SEAL, .act = stop_twice, .answer = FAULTY_BUSY},
         "sealing generation 4", WEIR_EXIT_JOB, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed   b;
        fault at = cases[i].at;
        begin_refused(&b, 2);
        arm(&b, &at);
        if (cases[i].before != NULL)
            cases[i].before(&b);
        CHECK(repair(&b, false) != WEIR_OK);
        CHECK_SAYS(&b.engine.err, cases[i].says);
        CHECK_INT(b.engine.err.exit, cases[i].exit);
        CHECK(at.verb[0] == '\0' || at.met > 0);
        disarm(&b);
        CHECK_INT(last_of(&b)->amends, cases[i].amended);
        CHECK_OK(repair(&b, false), &b.engine.err);
        CHECK_INT(b.found.amended, !cases[i].amended);
        say(b.events, "w1");
        CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
        check_rows("main", "w0|2\nw1|2\n");
        check_rows("lines", "0|w0\n1|w1\n2|w0\n3|evil00\n4|evil01\n5|w1\n");
        CHECK_INT(keep_group_of("repair")->rows, 2);
        end(&b);
    }
}

/* Before it is taken over, or while its rows are looked for. */
static void table_that_takes_its_rows_again_needs_no_amend(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        bed   b;
        fault at = {.verb = "put_new", .key = SEAL, .act = open_table};
        begin_refused(&b, 2);
        if (late)
            keep_fault.open_at_claim = true;
        else
            arm(&b, &at);
        CHECK_OK(repair(&b, false), &b.engine.err);
        CHECK(b.found.needed && !b.found.amended);
        CHECK_INT(keep_group_of("main")->claims, late);
        CHECK(!last_of(&b)->amends);
        check_rows("main", "evil00|1\nevil01|1\nw0|2\nw1|1\n");
        disarm(&b);
        say(b.events, "w1");
        CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
        check_rows("main", "evil00|1\nevil01|1\nw0|2\nw1|2\n");
        CHECK_INT(keep_group_of("repair")->rows, 0);
        end(&b);
    }
}

/* The epoch was visible everywhere: what an AMEND brings is not, whatever was known of it. */
static void database_that_was_put_back_is_repaired(void **state)
{
    (void)state;
    bed b;
    begin(&b, JOB);
    say(b.events, "w0");
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    keep_group *group = keep_group_of("main");
    weir_sha256 sha = group->sha;
    say(b.events, "w0");
    say(b.events, "evil");
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    keep_forget("main");
    group->epoch = 1;
    group->sha = sha;
    keep_fault.closed = "evil";
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK(b.found.amended);
    check_rows("main", "w0|2\n");
    CHECK_INT(keep_group_of("repair")->rows, 1);
    check_rows("lines", "0|w0\n1|w0\n2|evil\n");
    say(b.events, "w0");
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    check_rows("main", "w0|3\n");
    CHECK_INT(keep_group_of("repair")->rows, 1);
    end(&b);
}

/* Hours behind an epoch its database is put back, and its files are not where they were: readers
   took them. A repair published them again, and so did a start behind one that died. */
static void files_that_readers_took_away_are_not_published_again(void **state)
{
    (void)state;
    for (int dies = 0; dies < 2; dies++) {
        bed b;
        begin(&b, JOB);
        say(b.events, "w0");
        CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
        keep_group *group = keep_group_of("main");
        weir_sha256 sha = group->sha;
        say(b.events, "evil");
        CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
        keep_forget("main");
        group->epoch = 1;
        group->sha = sha;
        keep_forget("lines");
        keep_fault.closed = "evil";
        keep_fault.halt_replay_of = dies ? "repair" : NULL;
        CHECK_INT(repair(&b, false) == WEIR_OK, !dies);
        CHECK(b.found.amended);
        CHECK_INT(keep_group_of("repair")->rows, !dies);
        keep_fault.halt_replay_of = NULL;
        say(b.events, "w0");
        CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
        check_rows("lines", "2|w0\n");
        CHECK_U64(keep_group_of("lines")->again_visible, 0);
        CHECK_INT(keep_group_of("repair")->rows, 1);
        end(&b);
    }
}

/* It refuses something else by then, too: that is for whoever changed it. */
static void epoch_is_repaired_once(void **state)
{
    (void)state;
    bed   b;
    fault at = {.verb = "put_new", .key = AMEND, .act = cannot_replay};
    begin_refused(&b, 2);
    arm(&b, &at);
    atomic_store(&keep_fault.halt_exit, 0);
    CHECK(repair(&b, false) != WEIR_OK);
    disarm(&b);
    keep_fault.closed = "w0";
    CHECK_FAILS(repair(&b, false), WEIR_E_REMOTE, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_SAYS(&b.engine.err, "recovering sink/keep/main: the test closed the table");
    CHECK_HINTS(&b.engine.err, "the epoch was repaired once; change the table");
    CHECK(b.found.needed && !b.found.amended);
    keep_fault.closed = NULL;
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    check_rows("main", "w0|2\nw1|1\n");
    end(&b);
}

static void close_to_all(bed *b)
{
    (void)b;
    keep_fault.closed = "w0";
}

static void table_that_refuses_what_was_left_is_told(void **state)
{
    (void)state;
    bed   b;
    fault at = {.verb = "put_new", .key = AMEND, .act = close_to_all};
    begin_refused(&b, 2);
    arm(&b, &at);
    CHECK_FAILS(repair(&b, false), WEIR_E_REMOTE, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_SAYS(&b.engine.err, "recovering sink/keep/main: the test closed the table");
    CHECK(b.found.amended); /* not visible there yet */
    CHECK(last_of(&b)->amends);
    check_rows("main", "w0|1\nw1|1\n");
    disarm(&b);
    keep_fault.closed = "evil";
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    check_rows("main", "w0|2\nw1|1\n");
    end(&b);
}

static void repair_with_other_sql_is_refused(void **state)
{
    (void)state;
    bed b;
    begin_refused(&b, 1);
    b.sql = JOB TOTALS("more", "", "events");
    CHECK_FAILS(repair(&b, false), WEIR_E_CONFIG, &b.engine.err);
    CHECK_INT(b.engine.err.exit, WEIR_EXIT_CONFIG_CHANGED);
    CHECK_SAYS(&b.engine.err, "not the one that epoch 2 was made with");
    CHECK_HINTS(&b.engine.err, "repair it with the old SQL");
    b.sql = JOB;
    CHECK_OK(repair(&b, false), &b.engine.err);
    CHECK(b.found.amended);
    end(&b);
}

/* Found when it is looked at, or, of an epoch that came meanwhile, when it was taken over. */
static void damaged_manifest_is_not_repaired(void **state)
{
    (void)state;
    static const struct {
        const char *section, *bytes, *says;
    } cases[] = {{"tomorrow", "x", "written by another version of weir"},
                 {"groups", "\xff", "sink groups are damaged"},
                 {NULL, NULL, "sink groups are damaged"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed   b;
        fault at = {.verb = "get", .key = HINT, .before = 1, .act = spoil_groups};
        begin_refused(&b, 1);
        if (cases[i].section != NULL)
            engine_bed_spoil(&b.engine, cases[i].section, cases[i].bytes, "");
        else
            arm(&b, &at);
        CHECK_FAILS(repair(&b, false), WEIR_E_CORRUPT, &b.engine.err);
        CHECK_INT(b.engine.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&b.engine.err, cases[i].says);
        CHECK_INT(keep_group_of("main")->claims, 0);
        end(&b);
    }
}

/* Its version did not list what it names: an AMEND could name what a collector takes. */
static void epoch_without_a_list_of_its_objects_is_not_amended(void **state)
{
    (void)state;
    bed b;
    begin_refused(&b, 1);
    engine_bed_drop(&b.engine, REFUSED, "refs");
    CHECK_FAILS(repair(&b, false), WEIR_E_CONFLICT, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "its version did not list what it needs");
    CHECK_INT(keep_group_of("main")->claims, 0);
    keep_fault.closed = NULL;
    CHECK_OK(engine_bed_run(&b.engine, JOB), &b.engine.err);
    check_rows("main", "evil00|1\nw0|2\nw1|1\n");
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refused_rows_become_dead_letters),
        TEST(dry_run_tells_and_puts_nothing),
        TEST(all_rows_are_told_however_many_there_are),
        TEST(letters_go_where_those_of_the_rows_source_go),
        TEST(letters_that_cannot_be_staged_leave_all_as_it_was),
        TEST(databases_are_repaired_one_by_one),
        TEST(nothing_is_done_where_nothing_has_to_be),
        TEST(repair_that_fails_at_any_step_can_be_done_again),
        TEST(table_that_takes_its_rows_again_needs_no_amend),
        TEST(database_that_was_put_back_is_repaired),
        TEST(files_that_readers_took_away_are_not_published_again),
        TEST(epoch_is_repaired_once),
        TEST(table_that_refuses_what_was_left_is_told),
        TEST(repair_with_other_sql_is_refused),
        TEST(damaged_manifest_is_not_repaired),
        TEST(epoch_without_a_list_of_its_objects_is_not_amended),
    };
    return RUN_TESTS(tests);
}
