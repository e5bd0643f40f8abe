/* Starts with SQL that is not what the last epoch was made with: what is refused before anybody
 * is made to let go, what is allowed, and what goes on from where it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"

#define SETTINGS "SET epoch.interval = '1 hour';\n"
#define SOURCE(name, topic, time)                                                          \
    "CREATE TABLE " name " (id bigint, who text, at timestamptz, bt timestamptz) WITH "     \
    "(connector = 'script', topic = '" topic "', format = 'json', event_time = '" time      \
    "', watermark = '1 minute');\n"
#define EVENTS SOURCE("events", "events", "at")
#define SUMS(key, where)                                                                   \
    "CREATE TABLE sums (k text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"        \
    "INSERT INTO sums SELECT " key ", count(*) FROM events " where " GROUP BY " key ";\n"
#define LINES(what)                                                                        \
    "CREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"                \
    "INSERT INTO lines SELECT " what " FROM events;\n"
#define OTHERS                                                                             \
    SOURCE("others", "others", "at")                                                       \
    "CREATE TABLE more (id bigint) WITH (connector = 'heap');\n"                           \
    "INSERT INTO more SELECT id FROM others;\n"
#define WINDOWS(size)                                                                      \
    "CREATE TABLE per (w timestamptz, who text, n bigint, PRIMARY KEY (w, who)) WITH "      \
    "(connector = 'keep', place = 'x/windows');\n"                                         \
    "INSERT INTO per SELECT window_start, who, count(*) FROM tumble(events, at, interval '" \
    size "') GROUP BY window_start, who;\n"
#define LONG                                                                               \
    "WHERE id > 7 AND who <> 'a name of which nobody ever heard' AND who <> 'another name "  \
    "of which nobody ever heard' AND who <> 'a third name of which nobody ever heard' AND "  \
    "who <> 'a fourth name of which nobody ever heard' AND who <> 'and the last one of them'"
#define BASE SETTINGS EVENTS SUMS("who", "") LINES("id, who")

typedef struct bed {
    engine_bed    engine;
    script_topic *events, *others;
} bed;

static void say(script_topic *topic, const char *who, const char *at)
{
    script_add(topic, 0, "{\"id\":%d,\"who\":\"%s\",\"at\":\"%s\",\"bt\":\"%s\"}",
               (int)topic->partition[0].records, who, at, at);
}

/* Its windows stay open. Nothing is there yet. */
static void begin_empty(bed *b)
{
    memset(b, 0, sizeof *b);
    engine_bed_open(&b->engine);
    b->engine.leave_open = true;
    b->events = script_topic_new("events", 2);
    b->others = script_topic_new("others", 1);
    (void)script_topic_new("later", 1);
}

static void begin(bed *b, const char *sql)
{
    begin_empty(b);
    say(b->events, "ada", "2024-03-01T10:00:30Z");
    say(b->events, "bob", "2024-03-01T10:00:40Z");
    say(b->others, "cyd", "2024-03-01T10:00:00Z");
    if (sql != NULL)
        CHECK_OK(engine_bed_run(&b->engine, sql), &b->engine.err);
}

static void end(bed *b)
{
    engine_bed_close(&b->engine);
}

static void check_rows(const char *group, const char *want)
{
    weir_buf is = keep_text(group);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

static uint64_t generation(bed *b)
{
    weir_manifest   *last = NULL;
    weir_arena      *arena = weir_arena_new("look", 4096);
    weir_checkpoint *checkpoint = engine_bed_look(&b->engine, "job", arena, &last);
    uint64_t         gen = last->gen;
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
    return gen;
}

/* Whoever runs the old SQL is not made to let go for that. */
static void change_that_loses_something_has_to_be_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *old, *now, *says, *hint;
    } cases[] = {
        {BASE OTHERS, BASE, "would drop what 'others' keeps: is not read any more",
         "--allow-reset others"},
        {BASE, SETTINGS SOURCE("events", "later", "at") SUMS("who", "") LINES("id, who"),
         "would drop what 'events' keeps", "--allow-reset events"},
        {BASE, SETTINGS EVENTS LINES("id, who"), "would drop what 'sums", "--allow-reset sums"},
        {BASE, SETTINGS EVENTS SUMS("bt::text", "") LINES("id, who"), "would drop what 'sums",
         "--allow-reset sums"},
        {BASE, SETTINGS EVENTS SUMS("who", "WHERE id > 7") LINES("id, who"),
         "would mix what 'sums", "--allow-partial sums"},
        {BASE, SETTINGS EVENTS SUMS("who", LONG) LINES("id, who"), "would mix what 'sums",
         "--allow-partial sums"},
        {BASE, SETTINGS EVENTS SUMS("who", ""), "would drop what 'lines' keeps",
         "--allow-reset lines"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        begin(&b, cases[i].old);
        uint64_t put = b.engine.store.put_news;
        CHECK_FAILS(engine_bed_run(&b.engine, cases[i].now), WEIR_E_CONFIG, &b.engine.err);
        CHECK_INT(b.engine.err.exit, WEIR_EXIT_CONFIG_CHANGED);
        CHECK_SAYS(&b.engine.err, cases[i].says);
        CHECK_HINTS(&b.engine.err, cases[i].hint);
        CHECK_U64(b.engine.store.put_news, put);
        CHECK_OK(engine_bed_run(&b.engine, cases[i].old), &b.engine.err);
        b.engine.allow.all = true;
        CHECK_OK(engine_bed_run(&b.engine, cases[i].now), &b.engine.err);
        b.engine.allow.all = false;
        CHECK_OK(engine_bed_run(&b.engine, cases[i].now), &b.engine.err); /* it is installed */
        end(&b);
    }
}

/* The one that is read ahead may not be the last: it is compared again behind the takeover. */
typedef struct overtaking {
    bed *b;
    bool done;
} overtaking;

static faulty_act overtake(void *self, const char *verb, const weir_object *object,
                           uint64_t call)
{
    overtaking *o = self;
    (void)call;
    if (o->done || strcmp(verb, "put_new") != 0 ||
        !weir_str_starts(object->key, "place/job/l1/t0/log/"))
        return FAULTY_PASS;
    o->done = true;
    engine_bed_spoil(&o->b->engine, "plan", "12345678", "");
    engine_bed_spoil(&o->b->engine, "kept", "damaged", "");
    return FAULTY_PASS;
}

static void epoch_that_came_meanwhile_is_compared_too(void **state)
{
    (void)state;
    bed b;
    begin(&b, BASE);
    overtaking o = {.b = &b};
    b.engine.store.hook = overtake;
    b.engine.store.self = &o;
    CHECK_FAILS(engine_bed_run(&b.engine, BASE), WEIR_E_CORRUPT, &b.engine.err);
    CHECK_SAYS(&b.engine.err, "'kept' is damaged");
    end(&b);
}

/* What is kept goes on counting, under whatever name; what is new begins here. */
static void sources_and_sums_go_on_where_they_were(void **state)
{
    (void)state;
    static const struct {
        const char *old, *now, *want;
    } cases[] = {
        {BASE, SETTINGS SOURCE("orders", "events", "at")
                   "CREATE TABLE sums (k text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"
                   "INSERT INTO sums SELECT who, count(*) FROM orders GROUP BY who;\n"
                   "CREATE TABLE lines (id bigint, who text) WITH (connector = 'heap');\n"
                   "INSERT INTO lines SELECT id, who FROM orders;\n",
         "ada|2\nbob|1\ncyd|1\n"},
        {BASE, BASE OTHERS, "ada|2\nbob|1\ncyd|1\n"},
        {BASE OTHERS, BASE, "ada|2\nbob|1\ncyd|1\n"},
        {BASE, SETTINGS OTHERS EVENTS SUMS("who", "") LINES("id, who"), "ada|2\nbob|1\ncyd|1\n"},
        {BASE, BASE WINDOWS("1 hour"), "ada|2\nbob|1\ncyd|1\n"},
        {BASE, BASE WINDOWS("106751000 days"), "ada|2\nbob|1\ncyd|1\n"}, /* it ends never */
        {BASE, SETTINGS SOURCE("events", "events", "bt") SUMS("who", "") LINES("id, who"),
         "ada|2\nbob|1\ncyd|1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        begin(&b, cases[i].old);
        uint64_t gen = generation(&b);
        b.engine.allow.all = true;
        CHECK_OK(engine_bed_run(&b.engine, cases[i].now), &b.engine.err);
        CHECK(generation(&b) > gen); /* an epoch, though nothing came */
        b.engine.allow.all = false;
        say(b.events, "ada", "2024-03-01T10:00:50Z");
        say(b.events, "cyd", "2024-03-01T10:00:55Z");
        CHECK_OK(engine_bed_run(&b.engine, cases[i].now), &b.engine.err);
        check_rows("main", cases[i].want);
        end(&b);
    }
}

/* A window that it has not seen all of is not written. */
static void windows_begin_with_the_first_that_is_whole(void **state)
{
    (void)state;
    static const struct {
        bool        read;  /* something was, before */
        const char *size, *want;
    } cases[] = {
        {true, "1 hour", "2024-03-01 11:00:00+00|eve|1\n2024-03-01 12:00:00+00|fay|1\n"},
        {false, "1 hour",
         "2024-03-01 10:00:00+00|dan|1\n2024-03-01 11:00:00+00|eve|1\n"
         "2024-03-01 12:00:00+00|fay|1\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        if (cases[i].read)
            begin(&b, NULL);
        else
            begin_empty(&b);
        CHECK_OK(engine_bed_run(&b.engine, BASE), &b.engine.err);
        CHECK_OK(engine_bed_run(&b.engine, BASE WINDOWS("1 hour")), &b.engine.err);
        say(b.events, "dan", "2024-03-01T10:20:00Z");
        say(b.events, "eve", "2024-03-01T11:20:00Z");
        say(b.events, "fay", "2024-03-01T12:20:00Z");
        CHECK_OK(engine_bed_run(&b.engine, BASE WINDOWS("1 hour")), &b.engine.err);
        b.engine.leave_open = false;
        CHECK_OK(engine_bed_run(&b.engine, BASE WINDOWS("1 hour")), &b.engine.err);
        check_rows("windows", cases[i].want);
        end(&b);
    }
}

/* Rows by key are brought in from the payload, whatever the plan is now; others are not. */
static void change_waits_for_what_may_not_be_visible(void **state)
{
    (void)state;
    static const struct {
        const char *now;
        bool        good;
    } cases[] = {
        {SETTINGS EVENTS SUMS("who", "") LINES("id, who || 'x'"), false},
        {BASE WINDOWS("1 hour"), true},
        {SETTINGS EVENTS
         "CREATE TABLE sums (k text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"
         "INSERT INTO sums SELECT who, count(*) + 1 FROM events GROUP BY who;\n" LINES("id, who"),
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        begin(&b, NULL);
        atomic_store(&keep_fault.halt_commit, true);
        CHECK(engine_bed_run(&b.engine, BASE) != WEIR_OK);
        atomic_store(&keep_fault.halt_commit, false);
        weir_code rc = engine_bed_run(&b.engine, cases[i].now);
        CHECK_INT(rc == WEIR_OK, cases[i].good);
        if (!cases[i].good) {
            CHECK_INT(b.engine.err.exit, WEIR_EXIT_CONFIG_CHANGED);
            CHECK_SAYS(&b.engine.err, "'lines' changed or is gone, and the last epoch may not");
            CHECK_OK(engine_bed_run(&b.engine, BASE), &b.engine.err);
            CHECK_OK(engine_bed_run(&b.engine, cases[i].now), &b.engine.err);
        }
        check_rows("lines", "0|ada\n1|bob\n");
        end(&b);
    }
}

/* Manifests of 0.1.0. */
static void same_sql_goes_on_from_what_does_not_say_what_it_keeps(void **state)
{
    (void)state;
    bed b;
    begin(&b, NULL);
    atomic_store(&keep_fault.halt_commit, true);
    CHECK(engine_bed_run(&b.engine, BASE) != WEIR_OK);
    atomic_store(&keep_fault.halt_commit, false);
    engine_bed_drop(&b.engine, "place/job/l1/t0/log/00000001/00000001", "kept");
    say(b.events, "ada", "2024-03-01T10:00:50Z");
    CHECK_OK(engine_bed_run(&b.engine, BASE), &b.engine.err);
    check_rows("main", "ada|2\nbob|1\n");
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(change_that_loses_something_has_to_be_allowed),
        TEST(epoch_that_came_meanwhile_is_compared_too),
        TEST(sources_and_sums_go_on_where_they_were),
        TEST(windows_begin_with_the_first_that_is_whole),
        TEST(change_waits_for_what_may_not_be_visible),
        TEST(same_sql_goes_on_from_what_does_not_say_what_it_keeps),
    };
    return RUN_TESTS(tests);
}
