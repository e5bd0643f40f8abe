/* tests of cli/namespace
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <string.h>

#include "cli_namespace.h"

static const char orders[] =
    "SET job.name = 'sales'; SET checkpoint.location = 's3://lake/checkpoints/';"
    "CREATE TABLE orders (id bigint PRIMARY KEY, paid timestamptz) WITH (connector = 'kafka',"
    " brokers = 'b', topic = 't', format = 'json'";

typedef struct bed {
    weir_arena *arena;
    weir_plan  *plan;
    weir_err    err;
} bed;

/* The job with sink tables behind its source. */
static bed plan_with(const char *more_of_source, const char *sinks)
{
    bed b = {.arena = weir_arena_new("test", 64 << 10)};
    weir_sql_errors errors;
    memset(&errors, 0, sizeof errors);
    weir_sql_input input = {
        .file = "job.sql", .catalog = cli_catalog(b.arena),
        .text = weir_str_of(
            weir_arena_text(b.arena, "%s%s);%s", orders, more_of_source, sinks))};
    weir_code rc = weir_sql_plan(&input, b.arena, &b.plan, &errors);
    if (rc != WEIR_OK)
        fprintf(stderr, "%s\n", errors.error[0].msg);
    CHECK(rc == WEIR_OK);
    weir_err_clear(&b.err);
    return b;
}

static bed plan_of_path(const char *path)
{
    char sinks[512];
    snprintf(sinks, sizeof sinks,
             "CREATE TABLE lake (id bigint) WITH (connector = 's3', path = '%s', format = "
             "'avro'); INSERT INTO lake SELECT id FROM orders;", path);
    return plan_with("", sinks);
}

static bed plan_of_table(const char *name)
{
    char sinks[512];
    snprintf(sinks, sizeof sinks,
             "CREATE TABLE latest (id bigint PRIMARY KEY) WITH (connector = 'mysql', url = "
             "'mysql://u@h/shop', table = '%s'); INSERT INTO latest SELECT id FROM orders;",
             name);
    return plan_with("", sinks);
}

static const weir_table *find(const weir_plan *plan, const char *name)
{
    for (uint32_t t = 0; t < plan->tables; t++)
        if (weir_str_is(plan->table[t].name, name))
            return &plan->table[t];
    fail();
    return NULL;
}

static void names_are_what_can_be_told_apart(void **state)
{
    (void)state;
    static const char *const good[] = {"fix", "a", "9", "fix_2026_11", "a_b",
                                       "12345678901234567890123456789012"};
    static const char *const bad[] = {"", "_", "_a", "a_", "a__b", "Fix", "a-b", "a.b", "a b",
                                      "ä", "../x", "123456789012345678901234567890123"};
    weir_err err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        weir_err_clear(&err);
        CHECK_OK(cli_namespace_check(weir_str_of(good[i]), &err), &err);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        weir_err_clear(&err);
        CHECK(cli_namespace_check(weir_str_of(bad[i]), &err) == WEIR_E_CONFIG);
        CHECK(err.exit == WEIR_EXIT_USAGE);
    }
}

static const char all_kinds[] =
    "CREATE TABLE latest (id bigint PRIMARY KEY) WITH (connector = 'mysql',"
    " url = 'mysql://u@h/shop', table = 'shop.latest');"
    "CREATE TABLE plain (id bigint PRIMARY KEY) WITH (connector = 'mysql',"
    " url = 'mysql://u@h/shop');"
    "CREATE TABLE lake (id bigint) WITH (connector = 's3', path = 's3://lake/a/orders/',"
    " format = 'avro');"
    "CREATE TABLE folder (id bigint) WITH (connector = 's3', path = '/data/out',"
    " format = 'avro');"
    "CREATE TABLE lines (id bigint) WITH (connector = 'file', path = 'out.d/rows.jsonl',"
    " format = 'json');"
    "CREATE TABLE pipe (id bigint) WITH (connector = 'file', path = '/dev/stdout',"
    " format = 'json');"
    "CREATE TABLE shown (id bigint) WITH (connector = 'print');"
    "INSERT INTO latest SELECT id FROM orders; INSERT INTO plain SELECT id FROM orders;"
    "INSERT INTO lake SELECT id FROM orders; INSERT INTO folder SELECT id FROM orders;"
    "INSERT INTO lines SELECT id FROM orders; INSERT INTO pipe SELECT id FROM orders;"
    "INSERT INTO shown SELECT id FROM orders;";

static void every_output_gets_a_place_of_its_own(void **state)
{
    (void)state;
    bed b = plan_with(", \"group\" = 'lag'", all_kinds);
    weir_plan *plan = NULL;
    CHECK_OK(cli_namespace_plan(b.plan, WEIR_STR("fix"), b.arena, &plan, &b.err), &b.err);
    CHECK_STR(plan->settings.job_name, "sales.fix");
    CHECK_STR(plan->settings.checkpoint_location, "s3://lake/checkpoints/sales/replays");
    CHECK(!plan->settings.http_listen_given);
    CHECK(plan->fingerprint == b.plan->fingerprint);
    CHECK_STR(weir_opts_text(find(plan, "orders")->opts, "group"), "lag.fix");
    CHECK_STR(weir_opts_text(find(plan, "latest")->opts, "table"), "shop.latest__fix");
    CHECK_STR(find(plan, "latest")->like, "shop.latest");
    CHECK_STR(weir_opts_text(find(plan, "plain")->opts, "table"), "plain__fix");
    CHECK_STR(find(plan, "plain")->like, "plain");
    CHECK_STR(weir_opts_text(find(plan, "plain")->opts, "url"), "mysql://u@h/shop");
    CHECK_STR(weir_opts_text(find(plan, "lake")->opts, "path"), "s3://lake/a/orders__fix");
    CHECK_STR(weir_opts_text(find(plan, "folder")->opts, "path"), "/data/out__fix");
    CHECK_STR(weir_opts_text(find(plan, "lines")->opts, "path"), "out.d/rows__fix.jsonl");
    CHECK_STR(weir_opts_text(find(plan, "pipe")->opts, "path"), "/dev/stdout");
    /* and the live plan is as it was */
    CHECK_STR(b.plan->settings.job_name, "sales");
    CHECK_STR(weir_opts_text(find(b.plan, "latest")->opts, "table"), "shop.latest");
    CHECK(find(b.plan, "latest")->like.len == 0);
    CHECK_STR(weir_opts_text(find(b.plan, "lake")->opts, "path"), "s3://lake/a/orders/");
    weir_arena_free(b.arena);
}

static void a_group_that_is_not_given_follows_the_job(void **state)
{
    (void)state;
    bed b = plan_of_table("t");
    weir_plan *plan = NULL;
    CHECK_OK(cli_namespace_plan(b.plan, WEIR_STR("fix"), b.arena, &plan, &b.err), &b.err);
    CHECK(!weir_opts_given(find(plan, "orders")->opts, "group"));
    weir_arena_free(b.arena);
}

static void outputs_are_listed_in_pairs(void **state)
{
    (void)state;
    bed b = plan_with("", all_kinds);
    static const struct {
        cli_output_kind kind;
        const char     *live, *other;
    } want[] = {
        {CLI_OUTPUT_TABLE, "shop.latest", "shop.latest__fix"},
        {CLI_OUTPUT_TABLE, "plain", "plain__fix"},
        {CLI_OUTPUT_FILES, "s3://lake/a/orders", "s3://lake/a/orders__fix"},
        {CLI_OUTPUT_FILES, "/data/out", "/data/out__fix"},
        {CLI_OUTPUT_FILE, "out.d/rows.jsonl", "out.d/rows__fix.jsonl"},
        {CLI_OUTPUT_PRINT, "", ""},
        {CLI_OUTPUT_PRINT, "", ""},
    };
    cli_output *output = NULL;
    uint32_t count = 0;
    CHECK_OK(cli_namespace_outputs(b.plan, WEIR_STR("fix"), b.arena, &output, &count, &b.err),
             &b.err);
    CHECK_INT(count, sizeof want / sizeof want[0]);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(output[i].kind, want[i].kind);
        CHECK(weir_str_is(output[i].live, want[i].live));
        CHECK(weir_str_is(output[i].other, want[i].other));
        CHECK(!b.plan->table[output[i].table].source);
    }
    weir_arena_free(b.arena);
}

static weir_code outcome(bed *b, const char *name)
{
    weir_plan *plan = NULL;
    return cli_namespace_plan(b->plan, weir_str_of(name), b->arena, &plan, &b->err);
}

static void refused(bed b, const char *name, const char *why)
{
    CHECK(outcome(&b, name) == WEIR_E_CONFIG);
    CHECK(b.err.exit == WEIR_EXIT_USAGE);
    if (strstr(b.err.msg, why) == NULL)
        fprintf(stderr, "'%s' does not say '%s'\n", b.err.msg, why);
    CHECK(strstr(b.err.msg, why) != NULL);
    CHECK(b.err.hint[0] != '\0');
    weir_arena_free(b.arena);
}

static void accepted(bed b, const char *name)
{
    CHECK_OK(outcome(&b, name), &b.err);
    weir_arena_free(b.arena);
}

#define T59 "a23456789012345678901234567890123456789012345678901234567890"

static void names_have_limits(void **state)
{
    (void)state;
    accepted(plan_of_table("a2345678901234567890123456789012345678901234567890123456789"), "fix");
    refused(plan_of_table(T59), "fix", "64 characters");
    /* characters, not bytes */
    accepted(plan_of_table("ääääääääääääääääääääääääääääääääääääääää"), "fix");
    bed b = plan_of_table("t");
    b.plan->settings.job_name = WEIR_STR(T59);
    accepted(b, "fix");
    b = plan_of_table("t");
    b.plan->settings.job_name = WEIR_STR(T59 "1");
    refused(b, "fix", "64 bytes");
}

static void a_table_name_is_counted_in_characters(void **state)
{
    (void)state;
    weir_err err;
    weir_err_clear(&err);
    weir_buf name = {0};
    for (int i = 0; i < 64; i++)
        weir_buf_text(&name, "ä");
    CHECK_OK(cli_table_name_check(weir_buf_view(&name), &err), &err);
    weir_buf_text(&name, "a");
    CHECK(cli_table_name_check(weir_buf_view(&name), &err) == WEIR_E_CONFIG);
    CHECK(strstr(err.msg, "more than 64 characters") != NULL);
    CHECK(err.hint[0] != '\0');
    weir_buf_done(&name);
}

static void slashes_behind_a_path_do_not_count(void **state)
{
    (void)state;
    CHECK(weir_str_is(cli_path_trim(WEIR_STR("s3://lake/rows//")), "s3://lake/rows"));
    CHECK(weir_str_is(cli_path_trim(WEIR_STR("rows")), "rows"));
    CHECK(weir_str_is(cli_path_trim(WEIR_STR("/")), "/"));
    CHECK(cli_path_trim(WEIR_STR("")).len == 0);
}

static void a_prefix_is_never_inside_the_live_one(void **state)
{
    (void)state;
    accepted(plan_of_path("s3://lake/orders"), "fix");
    refused(plan_of_path("s3://lake/"), "fix", "inside it");
    refused(plan_of_path("s3://lake"), "fix", "inside it");
    refused(plan_of_path("/"), "fix", "inside it");
    refused(plan_of_path("."), "fix", "inside it");
    refused(plan_of_path("out/.."), "fix", "inside it");
}

static void two_files_sinks(const char *first, const char *second, const char *why)
{
    char sinks[1024];
    snprintf(sinks, sizeof sinks,
             "CREATE TABLE a (id bigint) WITH (connector = 's3', path = '%s', format = 'avro');"
             "CREATE TABLE b (id bigint) WITH (connector = 's3', path = '%s', format = 'avro');"
             "INSERT INTO a SELECT id FROM orders; INSERT INTO b SELECT id FROM orders;",
             first, second);
    if (why)
        refused(plan_with("", sinks), "fix", why);
    else
        accepted(plan_with("", sinks), "fix");
}

static void nothing_live_is_touched(void **state)
{
    (void)state;
    two_files_sinks("s3://lake/x", "s3://lake/y", NULL);
    two_files_sinks("s3://lake/x", "s3://lake/x__fixed", NULL);
    two_files_sinks("s3://lake/x", "s3://lake/x__fix/", "not be apart");
    two_files_sinks("s3://lake/x", "s3://lake/x__fix/deep", "not be apart");
    two_files_sinks("s3://lake/x/", "s3://lake/x/y", "not be apart");
    bed b = plan_of_path("s3://lake/x");
    b.plan->settings.checkpoint_location = WEIR_STR("s3://lake/x__fix/checkpoints/");
    refused(b, "fix", "not be apart");
    refused(plan_with("", "CREATE TABLE a (id bigint PRIMARY KEY) WITH (connector = 'mysql',"
                          " url = 'mysql://u@h/shop', table = 'T');"
                          "CREATE TABLE b (id bigint PRIMARY KEY) WITH (connector = 'mysql',"
                          " url = 'mysql://u@h/shop', table = 't__FIX');"
                          "INSERT INTO a SELECT id FROM orders;"
                          "INSERT INTO b SELECT id FROM orders;"),
            "fix", "not be apart");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_what_can_be_told_apart),
        TEST(every_output_gets_a_place_of_its_own),
        TEST(a_group_that_is_not_given_follows_the_job),
        TEST(outputs_are_listed_in_pairs),
        TEST(names_have_limits),
        TEST(a_table_name_is_counted_in_characters),
        TEST(slashes_behind_a_path_do_not_count),
        TEST(a_prefix_is_never_inside_the_live_one),
        TEST(nothing_live_is_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
