/* tests of base/option and base/option_parse
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/option.h"

#include "capture.h"

static const weir_option kind[] = {
    {.name = "topic", .type = WEIR_OPT_TEXT, .required = true},
    {.name = "password", .type = WEIR_OPT_SECRET},
    {.name = "count", .type = WEIR_OPT_INT, .fallback = "3", .least = 1, .most = 10},
    {.name = "size", .type = WEIR_OPT_BYTES, .fallback = "64 KiB"},
    {.name = "wait", .type = WEIR_OPT_DURATION, .fallback = "5 seconds"},
    {.name = "tls", .type = WEIR_OPT_BOOL, .fallback = "true"},
    {.name = "mode", .type = WEIR_OPT_CHOICE, .fallback = "fast", .choices = "fast|slow"},
    {.name = "kafka.*", .type = WEIR_OPT_TEXT},
    {.name = NULL},
};
static const weir_option common[] = {
    {.name = "on_error",
     .type = WEIR_OPT_CHOICE,
     .fallback = "fail",
     .choices = "fail|skip"},
    {.name = "kafka.special", .type = WEIR_OPT_INT},
    {.name = NULL},
};

static weir_arena *arena;
static weir_err    err;
static weir_opts  *opts;

static weir_code read_these(const char *const (*pairs)[2], size_t count)
{
    const weir_option *const tables[3] = {kind, common, NULL};
    weir_setting             settings[16];
    for (size_t i = 0; i < count; i++)
        settings[i] = (weir_setting){.name = weir_str_of(pairs[i][0]),
                                     .value = weir_str_of(pairs[i][1]),
                                     .name_at = (int32_t)(i * 100),
                                     .value_at = (int32_t)(i * 100 + 50)};
    weir_err_clear(&err);
    opts = NULL;
    return weir_opts_read(tables, settings, count, arena, &opts, &err);
}

#define READ(...)                                                                          \
    read_these((const char *const[][2]){__VA_ARGS__},                                      \
               sizeof((const char *const[][2]){__VA_ARGS__}) /                             \
                   sizeof(const char *const[2]))

static void defaults_fill_what_was_not_given(void **state)
{
    (void)state;
    CHECK_OK(READ({"topic", "orders"}), &err);
    CHECK_STR(weir_opts_text(opts, "topic"), "orders");
    CHECK(weir_opts_text(opts, "password").at == NULL);
    CHECK_INT(weir_opts_int(opts, "count"), 3);
    CHECK_INT(weir_opts_int(opts, "size"), 65536);
    CHECK_INT(weir_opts_int(opts, "wait"), 5000000);
    CHECK(weir_opts_bool(opts, "tls"));
    CHECK_STR(weir_opts_text(opts, "mode"), "fast");
    CHECK_STR(weir_opts_text(opts, "on_error"), "fail");
    CHECK(weir_opts_given(opts, "topic") && !weir_opts_given(opts, "mode"));
    CHECK_INT(weir_opts_at(opts, "topic"), 50);
    CHECK_INT(weir_opts_at(opts, "mode"), -1);
}

static void values_are_typed(void **state)
{
    (void)state;
    CHECK_OK(READ({"topic", ""}, {"count", "10"}, {"size", "2 MiB"}, {"wait", "250 ms"},
                  {"tls", "off"}, {"mode", "slow"}, {"on_error", "skip"}),
             &err);
    CHECK_STR(weir_opts_text(opts, "topic"), "");
    CHECK_INT(weir_opts_int(opts, "count"), 10);
    CHECK_INT(weir_opts_int(opts, "size"), 2097152);
    CHECK_INT(weir_opts_int(opts, "wait"), 250000);
    CHECK(!weir_opts_bool(opts, "tls"));
    CHECK_STR(weir_opts_text(opts, "mode"), "slow");
}

static void prefixes_take_all_that_begin_so(void **state)
{
    (void)state;
    weir_str name;
    weir_str value;
    CHECK_OK(
        READ({"kafka.a", "1"}, {"topic", "t"}, {"kafka.b.c", "2"}, {"kafka.special", "9"}),
        &err);
    CHECK(weir_opts_prefixed(opts, "kafka", 0, &name, &value));
    CHECK_STR(name, "a");
    CHECK_STR(value, "1");
    CHECK(weir_opts_prefixed(opts, "kafka", 1, &name, &value));
    CHECK_STR(name, "b.c");
    CHECK(!weir_opts_prefixed(opts, "kafka", 2, &name, &value));
    CHECK(!weir_opts_prefixed(opts, "field", 0, &name, &value));
    CHECK_INT(weir_opts_int(opts, "kafka.special"), 9);
}

static void an_unknown_name_is_pointed_at(void **state)
{
    (void)state;
    CHECK_FAILS(READ({"topic", "t"}, {"cuont", "3"}), WEIR_E_CONFIG, &err);
    CHECK_TEXT(err.msg, "unknown option 'cuont'");
    CHECK_TEXT(err.hint, "did you mean 'count'?");
    CHECK_INT(err.sql_at, 100);
    CHECK_INT(err.exit, WEIR_EXIT_USAGE);
    CHECK_FAILS(READ({"kafka.", "3"}), WEIR_E_CONFIG, &err);
    CHECK(opts == NULL);
}

static void what_is_missing_or_doubled_is_told(void **state)
{
    (void)state;
    CHECK_FAILS(READ({"count", "3"}), WEIR_E_CONFIG, &err);
    CHECK_TEXT(err.msg, "option 'topic' is required");
    CHECK_INT(err.sql_at, -1);
    CHECK_FAILS(READ({"topic", "t"}, {"topic", "t"}), WEIR_E_CONFIG, &err);
    CHECK_TEXT(err.msg, "option 'topic' is given twice");
    CHECK_INT(err.sql_at, 100);
}

static void values_that_do_not_fit_are_told(void **state)
{
    (void)state;
    CHECK_FAILS(READ({"topic", "t"}, {"count", "11"}), WEIR_E_CONFIG, &err);
    CHECK_TEXT(err.msg, "option 'count' is out of bounds: '11'");
    CHECK_TEXT(err.hint, "allowed are 1 to 10");
    CHECK_INT(err.sql_at, 150);
    CHECK_FAILS(READ({"topic", "t"}, {"count", "x"}), WEIR_E_CONFIG, &err);
    CHECK_TEXT(err.msg, "option 'count' takes a whole number, not 'x'");
    CHECK_FAILS(READ({"topic", "t"}, {"kafka.special", "-1"}), WEIR_E_CONFIG, &err);
    CHECK_HINTS(&err, "negative");
    CHECK_FAILS(READ({"topic", "t"}, {"size", "x"}), WEIR_E_CONFIG, &err);
    CHECK_FAILS(READ({"topic", "t"}, {"wait", "5"}), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "'5 seconds'");
    CHECK_FAILS(READ({"topic", "t"}, {"tls", "perhaps"}), WEIR_E_CONFIG, &err);
    CHECK_FAILS(READ({"topic", "t"}, {"mode", "medium"}), WEIR_E_CONFIG, &err);
    CHECK_TEXT(err.hint, "allowed are fast|slow");
    CHECK_FAILS(READ({"topic", "t"}, {"mode", ""}), WEIR_E_CONFIG, &err);
    CHECK_FAILS(READ({"topic", "t"}, {"mode", "fas"}), WEIR_E_CONFIG, &err);
}

static void a_secret_may_come_from_a_file(void **state)
{
    (void)state;
    char *folder = capture_folder();
    capture_write(folder, "secret", WEIR_STR("hush \n"));
    char *value = weir_arena_text(arena, "file:%s/secret", folder);
    CHECK_OK(READ({"topic", "t"}, {"password", value}), &err);
    CHECK_STR(weir_opts_text(opts, "password"), "hush");
    CHECK_INT(weir_opts_text(opts, "password").at[4], 0);
    CHECK_OK(READ({"topic", "t"}, {"password", "plain"}), &err);
    CHECK_STR(weir_opts_text(opts, "password"), "plain");
    value = weir_arena_text(arena, "file:%s/none", folder);
    CHECK_FAILS(READ({"topic", "t"}, {"password", value}), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "option 'password': could not read '");
    CHECK_INT(err.sql_at, 150);
    value = weir_arena_text(arena, "file:%s", folder); /* a folder cannot be read */
    CHECK_FAILS(READ({"topic", "t"}, {"password", value}), WEIR_E_CONFIG, &err);
    char *many = weir_arena_zero(arena, 65537);
    capture_write(folder, "secret", (weir_str){many, 65537});
    value = weir_arena_text(arena, "file:%s/secret", folder);
    CHECK_FAILS(READ({"topic", "t"}, {"password", value}), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "is longer than 65536 bytes");
    capture_folder_gone(folder);
}

static void asking_for_what_no_table_has_aborts(void **state)
{
    (void)state;
    CHECK_OK(READ({"topic", "t"}), &err);
    CHECK_ABORTS((void)weir_opts_text(opts, "nosuch"));
    CHECK_ABORTS((void)weir_opts_int(opts, "topic"));
    CHECK_ABORTS((void)weir_opts_bool(opts, "count"));
}

static void sizes_are_read_with_their_units(void **state)
{
    (void)state;
    int64_t n = 0;
    CHECK(weir_parse_bytes(WEIR_STR("0"), &n) && n == 0);
    CHECK(weir_parse_bytes(WEIR_STR(" 12 "), &n) && n == 12);
    CHECK(weir_parse_bytes(WEIR_STR("64 KiB"), &n) && n == 65536);
    CHECK(weir_parse_bytes(WEIR_STR("64kb"), &n) && n == 64000);
    CHECK(weir_parse_bytes(WEIR_STR("1 GB"), &n) && n == 1000000000);
    CHECK(weir_parse_bytes(WEIR_STR("1 TiB"), &n) && n == INT64_C(1) << 40);
    n = 42;
    CHECK(!weir_parse_bytes(WEIR_STR(""), &n));
    CHECK(!weir_parse_bytes(WEIR_STR("MB"), &n));
    CHECK(!weir_parse_bytes(WEIR_STR("-1"), &n));
    CHECK(!weir_parse_bytes(WEIR_STR("1.5 MB"), &n));
    CHECK(!weir_parse_bytes(WEIR_STR("1 parsec"), &n));
    CHECK(!weir_parse_bytes(WEIR_STR("1 averyveryverylongunit"), &n));
    CHECK(!weir_parse_bytes(WEIR_STR("9000000000 GiB"), &n));
}

static void durations_are_read_with_their_units(void **state)
{
    (void)state;
    int64_t us = 0;
    CHECK(weir_parse_duration(WEIR_STR("5 seconds"), &us) && us == 5000000);
    CHECK(weir_parse_duration(WEIR_STR("1 second"), &us) && us == 1000000);
    CHECK(weir_parse_duration(WEIR_STR("250ms"), &us) && us == 250000);
    CHECK(weir_parse_duration(WEIR_STR("10 minutes"), &us) && us == 600000000);
    CHECK(weir_parse_duration(WEIR_STR("2 hours"), &us) && us == INT64_C(7200000000));
    CHECK(weir_parse_duration(WEIR_STR("1 day"), &us) && us == INT64_C(86400000000));
    CHECK(weir_parse_duration(WEIR_STR("0"), &us) && us == 0);
    CHECK(!weir_parse_duration(WEIR_STR("5"), &us));
    CHECK(!weir_parse_duration(WEIR_STR("seconds"), &us));
    CHECK(!weir_parse_duration(WEIR_STR("-1 second"), &us));
    CHECK(!weir_parse_duration(WEIR_STR("9223372036854775807 days"), &us));
}

static void truth_has_eight_words(void **state)
{
    (void)state;
    bool is = false;
    CHECK(weir_parse_bool(WEIR_STR("TRUE"), &is) && is);
    CHECK(weir_parse_bool(WEIR_STR("0"), &is) && !is);
    CHECK(weir_parse_bool(WEIR_STR("yes"), &is) && is);
    CHECK(weir_parse_bool(WEIR_STR(" off "), &is) && !is);
    CHECK(!weir_parse_bool(WEIR_STR(""), &is));
    CHECK(!weir_parse_bool(WEIR_STR("t"), &is));
}

static int start(void **state)
{
    (void)state;
    arena = weir_arena_new("test", 4096);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    weir_arena_free(arena);
    return 0;
}

static void one_text_can_be_another_in_a_copy(void **state)
{
    (void)state;
    CHECK_OK(READ({"topic", "orders"}, {"count", "7"}), &err);
    weir_opts *copy = weir_opts_with(opts, "topic", WEIR_STR("others"), arena);
    CHECK_STR(weir_opts_text(copy, "topic"), "others");
    CHECK_INT(weir_opts_int(copy, "count"), 7);
    CHECK_STR(weir_opts_text(opts, "topic"), "orders");
    CHECK(weir_opts_known(copy, "mode"));
    CHECK(!weir_opts_known(copy, "nonsense"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_fill_what_was_not_given),
        TEST(values_are_typed),
        TEST(prefixes_take_all_that_begin_so),
        TEST(an_unknown_name_is_pointed_at),
        TEST(what_is_missing_or_doubled_is_told),
        TEST(values_that_do_not_fit_are_told),
        TEST(a_secret_may_come_from_a_file),
        TEST(asking_for_what_no_table_has_aborts),
        TEST(sizes_are_read_with_their_units),
        TEST(durations_are_read_with_their_units),
        TEST(truth_has_eight_words),
        TEST(one_text_can_be_another_in_a_copy),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
