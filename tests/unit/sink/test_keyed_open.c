/* URLs of databases, and what an SQL sink refuses before it connects.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "keyed/keyed.h"
#include "sink_bench.h"

static void urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *url, *user, *password, *host, *database;
        uint16_t    port;
    } cases[] = {
        {"mysql://u:p@h:3307/d", "u", "p", "h", "d", 3307},
        {"mariadb://u@h/d", "u", NULL, "h", "d", 0},
        {"mysql://h/d", NULL, NULL, "h", "d", 0},
        {"mysql://a%40b:p%3Aq%2F%25@db.example/shop%20x", "a@b", "p:q/%", "db.example",
         "shop x", 0},
        {"mysql://u:p@ss@h/d", "u", "p@ss", "h", "d", 0},
        {"mysql://u:@[::1]:3306/d", "u", "", "::1", "d", 3306},
        {"mysql://u:p@%2Frun%2Fmysqld.sock/d", "u", "p", "/run/mysqld.sock", "d", 0},
    };
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        keyed_url url;
        weir_err  err;
        weir_err_clear(&err);
        CHECK_OK(keyed_url_parse(weir_str_of(cases[i].url), arena, &url, &err), &err);
        CHECK_SAME(url.user, weir_str_of(cases[i].user));
        CHECK_SAME(url.password, weir_str_of(cases[i].password));
        CHECK_SAME(url.host, weir_str_of(cases[i].host));
        CHECK_SAME(url.database, weir_str_of(cases[i].database));
        CHECK_INT(url.port, cases[i].port);
    }
    weir_arena_free(arena);
}

static void spellings_of_a_place_are_one(void **state)
{
    (void)state;
    static const struct {
        const char *one, *two;
        bool        same;
    } cases[] = {
        {"mysql://u:p@localhost/d", "mysql://u:p@127.0.0.1:3306/d", true},
        {"mysql://u:p@[::1]/d", "mariadb://u:p@LOCALHOST:3306/d", true},
        {"mysql://u:p@/d", "mysql://u:p@localhost/d", true},
        {"mysql://u:p@Db.Example/d", "mysql://u:p@db.example:3306/d", true},
        {"mysql://u:p%40@h/%64", "mysql://u:p%40@h/d", true},
        {"mysql://u:p@h/d", "mysql://u:p@h:3307/d", false},
        {"mysql://u:p@h/d", "mysql://u:p@g/d", false},
        {"mysql://u:p@h/d", "mysql://u:p@h/D", false},
        {"mysql://u:p@h/d", "mysql://v:p@h/d", false},
        {"mysql://u:p@%2Frun%2FA.sock/d", "mysql://u:p@%2Frun%2Fa.sock/d", false},
        {"sqlite:a", "sqlite:a", true},
        {"sqlite:a", "sqlite:b", false},
    };
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK(weir_str_eq(keyed_place(weir_str_of(cases[i].one), arena),
                          keyed_place(weir_str_of(cases[i].two), arena)) == cases[i].same);
    weir_arena_free(arena);
}

static void options_behind_a_url_are_refused(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    keyed_url   url;
    weir_err    err;
    weir_err_clear(&err);
    CHECK_FAILS(keyed_url_parse(WEIR_STR("mysql://u:secret@h/d?ssl=true"), arena, &url, &err),
                WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "something behind '?'");
    CHECK_OK(keyed_url_parse(WEIR_STR("mysql://u:s?@h/d%3F"), arena, &url, &err), &err);
    CHECK_SAME(url.database, WEIR_STR("d?"));
    weir_arena_free(arena);
}

static void a_bad_url_is_not_shown(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "mysql://",
        "mysql://h",
        "mysql://u:secret@h/",
        "mysql://u:secret@h:0/d",
        "mysql://u:secret@h:65536/d",
        "postgres://u:secret@h/d",
        "mysql://u:%zz@h/d",
        "mysql://u:%4",
        "mysql://u:secret@[::1/d",
        "mysql://u:secret@h/..%2Fd",
        "mysql://u:%00@h/d",
    };
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        keyed_url url;
        weir_err  err;
        weir_err_clear(&err);
        CHECK_FAILS(keyed_url_parse(weir_str_of(urls[i]), arena, &url, &err), WEIR_E_CONFIG,
                    &err);
        CHECK(strstr(err.msg, "secret") == NULL);
        CHECK_INT(err.exit, WEIR_EXIT_USAGE);
    }
    weir_arena_free(arena);
}

static void keys_must_be_equal_byte_for_byte(void **state)
{
    (void)state;
    static const weir_type types[] = {{.id = WEIR_T_FLOAT64},
                                      {.id = WEIR_T_FLOAT32},
                                      {.id = WEIR_T_JSONB},
                                      {.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        sink_bench bench;
        bench_start(&bench, "sqlite", "url=sqlite:/nowhere/x.sqlite");
        bench.field[1].type = types[i];
        CHECK(bench_try_take_over(&bench) == WEIR_E_CONFIG);
        CHECK_SAYS(&bench.err, "column 'name' cannot be in a key");
        bench_stop(&bench);
    }
}

static void a_table_without_a_key_is_refused(void **state)
{
    (void)state;
    sink_bench bench;
    bench_start(&bench, "sqlite", "url=sqlite:/nowhere/x.sqlite");
    bench.table.keys = 0;
    CHECK(bench_try_take_over(&bench) == WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "has no PRIMARY KEY");
    bench_stop(&bench);
}

static void tables_of_a_group_share_a_url_and_not_a_table(void **state)
{
    (void)state;
    sink_bench      bench, other;
    weir_sink_table tables[2];
    bench_start(&bench, "sqlite", "url=sqlite:/nowhere/x.sqlite");
    bench_start(&other, "sqlite", "url=sqlite:/elsewhere/x.sqlite");
    tables[0] = tables[1] = bench.table;
    bench.setup.table = tables;
    bench.setup.tables = 2;
    CHECK(bench_try_take_over(&bench) == WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "two tables of the job write the table 'bench_rows'");
    bench_crash(&bench);
    tables[1].opts = other.table.opts;
    CHECK(bench_try_take_over(&bench) == WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "different urls");
    bench_stop(&bench);
    bench_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(urls_are_taken_apart),
        TEST(spellings_of_a_place_are_one),
        TEST(options_behind_a_url_are_refused),
        TEST(a_bad_url_is_not_shown),
        TEST(keys_must_be_equal_byte_for_byte),
        TEST(a_table_without_a_key_is_refused),
        TEST(tables_of_a_group_share_a_url_and_not_a_table),
    };
    return RUN_TESTS(tests);
}
