/* What every sink with a key makes of weir_sink_rename_fn: tables change their names all at once
 * or not at all, once however often it is asked for, and back.
 *
 * sqlite always; mysql where WEIR_TEST_MARIADB_URL or WEIR_TEST_MYSQL8_URL name a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "sink_target.h"

typedef struct bed {
    sink_target *target;
    sink_bench   bench;
    weir_sink   *sink;
} bed;

#define GIVEN "swap_given"
#define INCOMING "swap_incoming"
#define OUTGOING "swap_outgoing"
#define ODD "swap `o\"d'd\\ \xc3\xa4" /* no file's name, and in every quote */

static const char *const tables[] = {GIVEN, INCOMING, OUTGOING, ODD, ODD "2", ODD "3"};
static const weir_rename swap[] = {
    {{GIVEN, sizeof GIVEN - 1},
     {INCOMING, sizeof INCOMING - 1},
     {OUTGOING, sizeof OUTGOING - 1}},
    {{ODD, sizeof ODD - 1}, {ODD "2", sizeof ODD}, {ODD "3", sizeof ODD}},
};
static const weir_rename undo[] = {
    {{GIVEN, sizeof GIVEN - 1},
     {OUTGOING, sizeof OUTGOING - 1},
     {INCOMING, sizeof INCOMING - 1}},
    {{ODD, sizeof ODD - 1}, {ODD "3", sizeof ODD}, {ODD "2", sizeof ODD}},
};

/* Both kinds read a name in backquotes. */
static const char *quoted(bed *b, const char *name)
{
    weir_buf out = {0};
    weir_buf_byte(&out, '`');
    for (; *name != '\0'; name++) {
        if (*name == '`')
            weir_buf_byte(&out, '`');
        weir_buf_byte(&out, (uint8_t)*name);
    }
    weir_buf_byte(&out, '`');
    const char *text = weir_str_copy(b->bench.arena, weir_buf_view(&out)).at;
    weir_buf_done(&out);
    return text;
}

static void run(bed *b, const char *before, const char *name, const char *behind)
{
    b->target->sql(b->target, weir_arena_text(b->bench.arena, "%s %s %s", before,
                                              name ? quoted(b, name) : "", behind));
}

/* What somebody else did to the table. */
static void run_as_admin(bed *b, const char *before, const char *name, const char *behind)
{
    b->target->admin(b->target, weir_arena_text(b->bench.arena, "%s %s %s", before,
                                                quoted(b, name), behind));
}

static void make(bed *b, const char *name, int number)
{
    run(b, "CREATE TABLE", name, "(id INTEGER NOT NULL PRIMARY KEY)");
    run(b, "INSERT INTO", name, weir_arena_text(b->bench.arena, "VALUES (%d)", number));
}

static void check_holds_number(bed *b, const char *name, int number)
{
    char     want[16];
    weir_buf is = b->target->ask(
        b->target, weir_arena_text(b->bench.arena, "SELECT id FROM %s", quoted(b, name)));
    (void)snprintf(want, sizeof want, "%d\n", number);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

static void clear(bed *b)
{
    run(b, "DROP VIEW IF EXISTS swap_view", NULL, "");
    run(b, "DROP TABLE IF EXISTS swap_child", NULL, "");
    run(b, "DROP TABLE IF EXISTS swap_log", NULL, "");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        run(b, "DROP TABLE IF EXISTS", tables[i], "");
}

static void set_up(bed *b, sink_target *target)
{
    memset(b, 0, sizeof *b);
    b->target = target;
    bench_start(&b->bench, target->kind, target->options);
    clear(b);
    b->bench.setup.as_it_is = true;
    CHECK_OK(weir_sink_new(b->bench.kind, &b->bench.setup, &b->sink, &b->bench.err),
             &b->bench.err);
}

static void tear_down(bed *b)
{
    clear(b);
    weir_sink_free(b->sink);
    bench_stop(&b->bench);
}

static weir_code rename_tables(bed *b, const weir_rename *names, uint32_t count,
                               bool dry_run)
{
    weir_err_clear(&b->bench.err);
    return b->sink->kind->rename(b->sink, names, count, dry_run, &b->bench.err);
}

/* Two tables, each as it is before the swap. */
static void make_pairs(bed *b)
{
    make(b, GIVEN, 1);
    make(b, INCOMING, 2);
    make(b, ODD, 11);
    make(b, ODD "2", 12);
}

static void check_pairs(bed *b, bool swapped)
{
    check_holds_number(b, GIVEN, swapped ? 2 : 1);
    check_holds_number(b, swapped ? OUTGOING : INCOMING, swapped ? 1 : 2);
    check_holds_number(b, ODD, swapped ? 12 : 11);
    check_holds_number(b, swapped ? ODD "3" : ODD "2", swapped ? 11 : 12);
}

static void they_swap_once_and_back(sink_target *target)
{
    bed b;
    set_up(&b, target);
    make_pairs(&b);
    run(&b, "CREATE VIEW swap_view AS SELECT id FROM", GIVEN, "");
    CHECK_OK(rename_tables(&b, swap, 2, true), &b.bench.err);
    check_pairs(&b, false);
    for (int times = 0; times < 2; times++) {
        CHECK_OK(rename_tables(&b, swap, 2, false), &b.bench.err);
        check_pairs(&b, true);
        check_holds_number(&b, "swap_view", 2); /* readers ask for the name */
        CHECK_OK(rename_tables(&b, swap, 2, true), &b.bench.err);
        check_pairs(&b, true);
    }
    for (int times = 0; times < 2; times++) {
        CHECK_OK(rename_tables(&b, undo, 2, false), &b.bench.err);
        check_pairs(&b, false);
        check_holds_number(&b, "swap_view", 1);
    }
    tear_down(&b);
}

static void check_neither(bed *b, bool given, bool incoming, bool outgoing, weir_code rc)
{
    CHECK_FAILS(rc, WEIR_E_CONFLICT, &b->bench.err);
    CHECK_INT(b->bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
    CHECK_SAYS(&b->bench.err, "neither before nor behind the swap");
    CHECK_SAYS(&b->bench.err, given ? "'" GIVEN "' is there" : "'" GIVEN "' is not there");
    CHECK_SAYS(&b->bench.err,
               incoming ? "'" INCOMING "' is there" : "'" INCOMING "' is not there");
    CHECK_SAYS(&b->bench.err,
               outgoing ? "'" OUTGOING "' is there" : "'" OUTGOING "' is not there");
    CHECK_HINTS(&b->bench.err, "give them their names back");
}

/* `there`: a bit for each of given, incoming and outgoing. */
static void swap_what_is_there(sink_target *target, int there, bool dry_run)
{
    bed  b;
    bool given = there & 1, incoming = there & 2, outgoing = there & 4;
    bool good = given && incoming != outgoing;
    set_up(&b, target);
    for (int i = 0; i < 3; i++)
        if (there & 1 << i)
            make(&b, tables[i], i);
    weir_code rc = rename_tables(&b, swap, 1, dry_run);
    if (good)
        CHECK_OK(rc, &b.bench.err);
    else
        check_neither(&b, given, incoming, outgoing, rc);
    for (int i = 0; i < 3 && !good; i++)
        if (there & 1 << i)
            check_holds_number(&b, tables[i], i);
    tear_down(&b);
}

static void names_of_another_kind_are_refused(sink_target *target)
{
    for (int there = 0; there < 8; there++)
        for (int dry_run = 0; dry_run < 2; dry_run++)
            swap_what_is_there(target, there, dry_run);
}

/* Somebody renamed one of them by hand. */
static void one_alone_is_refused(sink_target *target)
{
    for (int second = 0; second < 2; second++) {
        bed b;
        set_up(&b, target);
        make_pairs(&b);
        CHECK_OK(rename_tables(&b, &swap[second], 1, false), &b.bench.err);
        CHECK_FAILS(rename_tables(&b, swap, 2, false), WEIR_E_CONFLICT, &b.bench.err);
        CHECK_INT(b.bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
        CHECK_SAYS(&b.bench.err,
                   second ? "'" ODD "' has its new name" : "'" GIVEN "' has its");
        check_holds_number(&b, GIVEN, second ? 1 : 2);
        check_holds_number(&b, ODD, second ? 12 : 11);
        tear_down(&b);
    }
}

/* It would go with the old rows, and the new ones would be without. */
static void what_is_bound_to_a_table_is_told(sink_target *target)
{
    static const char *const on[] = {GIVEN, INCOMING};
    for (size_t i = 0; i < 2; i++) {
        for (int dry_run = 0; dry_run < 2; dry_run++) {
            bed b;
            set_up(&b, target);
            make_pairs(&b);
            run(&b, "CREATE TABLE swap_log (id INTEGER)", NULL, "");
            run_as_admin(&b, "CREATE TRIGGER swap_trigger AFTER INSERT ON", on[i],
                         target->url ? "FOR EACH ROW INSERT INTO swap_log VALUES (1)"
                                     : "BEGIN INSERT INTO swap_log VALUES (1); END");
            CHECK_FAILS(rename_tables(&b, swap, 2, dry_run), WEIR_E_CONFIG, &b.bench.err);
            CHECK_INT(b.bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
            CHECK_SAYS(&b.bench.err, "trigger 'swap_trigger' is bound to table '");
            CHECK_SAYS(&b.bench.err, on[i]);
            CHECK_HINTS(&b.bench.err, "drop it");
            check_pairs(&b, false);
            tear_down(&b);
        }
    }
}

/* MySQL lets it follow the table; SQLite keeps the name that it was written with. */
static void a_foreign_key_refers_to_the_name(sink_target *target)
{
    static const char *const to[] = {GIVEN, ODD "2"};
    for (size_t i = 0; i < 2; i++) {
        bed b;
        set_up(&b, target);
        make_pairs(&b);
        run_as_admin(
            &b,
            "CREATE TABLE swap_child (id INTEGER, CONSTRAINT swap_refers FOREIGN KEY (id) "
            "REFERENCES",
            to[i], "(id))");
        if (target->url == NULL) {
            CHECK_OK(rename_tables(&b, swap, 2, false), &b.bench.err);
            weir_buf text = target->ask(
                target, "SELECT sql FROM sqlite_schema WHERE name = 'swap_child'");
            CHECK_HOLDS(text.at, quoted(&b, to[i]));
            weir_buf_done(&text);
        } else {
            CHECK_FAILS(rename_tables(&b, swap, 2, false), WEIR_E_CONFIG, &b.bench.err);
            CHECK_INT(b.bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
            CHECK_SAYS(&b.bench.err, "foreign key 'swap_refers' is bound to table '");
            check_pairs(&b, false);
        }
        tear_down(&b);
    }
}

static void every_target(void (*check)(sink_target *))
{
    sink_target target[4];
    uint32_t    count = sink_targets(target), checked = 0;
    for (uint32_t i = 0; i < count; i++) {
        const weir_sink_kind *kind = weir_sink_find(weir_str_of(target[i].kind));
        CHECK_INT(kind->rename != NULL, kind->keyed);
        if (!kind->keyed)
            continue;
        check(&target[i]);
        checked++;
    }
    CHECK(checked > 0);
    sink_targets_gone(target, count);
}

static void tables_swap_once_and_back(void **state)
{
    (void)state;
    every_target(they_swap_once_and_back);
}

static void tables_that_are_neither_before_nor_behind_are_refused(void **state)
{
    (void)state;
    every_target(names_of_another_kind_are_refused);
}

static void a_table_that_was_renamed_alone_is_refused(void **state)
{
    (void)state;
    every_target(one_alone_is_refused);
}

static void a_trigger_is_told_before_the_swap(void **state)
{
    (void)state;
    every_target(what_is_bound_to_a_table_is_told);
}

static void a_foreign_key_stays_with_the_name_or_is_told(void **state)
{
    (void)state;
    every_target(a_foreign_key_refers_to_the_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tables_swap_once_and_back),
        TEST(tables_that_are_neither_before_nor_behind_are_refused),
        TEST(a_table_that_was_renamed_alone_is_refused),
        TEST(a_trigger_is_told_before_the_swap),
        TEST(a_foreign_key_stays_with_the_name_or_is_told),
    };
    return RUN_TESTS(tests);
}
