/* tests of cli/verify_plan
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <string.h>

#include "cli_verify.h"

static const char job[] =
    "SET job.name = 'sales'; SET checkpoint.location = 's3://lake/checkpoints/';"
    "CREATE TABLE orders (id bigint PRIMARY KEY) WITH (connector = 'kafka', brokers = 'b', topic = "
    "'t', format = 'json', \"group\" = 'mine', on_error = 'dead_letter', dead_letter = 'bad');"
    "CREATE TABLE latest (id bigint PRIMARY KEY) WITH (connector = 'mysql', url = "
    "'mysql://u:secret@live/shop', table = 'latest_orders', create = 'false');"
    "CREATE TABLE second (id bigint PRIMARY KEY) WITH (connector = 'mysql', url = "
    "'mysql://u:secret@live/shop');"
    "CREATE TABLE lake (id bigint) WITH (connector = 's3', path = 's3://live/', format = 'avro', "
    "codec = 'deflate');"
    "CREATE TABLE lines (id bigint) WITH (connector = 'file', path = 'live.csv', format = 'csv');"
    "INSERT INTO latest SELECT id FROM orders; INSERT INTO second SELECT id FROM orders;"
    "INSERT INTO lake SELECT id FROM orders; INSERT INTO lines SELECT id FROM orders;"
    "SELECT id FROM orders;";

typedef struct bed {
    weir_arena *arena;
    weir_plan  *live, *plan;
    cli_output *output;
    uint32_t    outputs;
    weir_err    err;
} bed;

static bed plan_it(void)
{
    bed b = {.arena = weir_arena_new("test", 64 << 10)};
    weir_sql_errors errors;
    memset(&errors, 0, sizeof errors);
    weir_sql_input input = {.file = "job.sql", .catalog = cli_catalog(b.arena),
                            .text = weir_str_of(job), .terminal_select = true};
    CHECK(weir_sql_plan(&input, b.arena, &b.live, &errors) == WEIR_OK);
    weir_err_clear(&b.err);
    CHECK_OK(cli_verify_plan(b.live, "/tmp/own", b.arena, &b.plan, &b.output, &b.outputs, &b.err),
             &b.err);
    return b;
}

static bool has(weir_str text, const char *word)
{
    return text.len > 0 && memmem(text.at, text.len, word, strlen(word)) != NULL;
}

static void no_place_of_the_live_job_is_left(void **state)
{
    (void)state;
    static const char *const places[] = {"url", "path"};
    bed b = plan_it();
    CHECK_STR(b.plan->settings.checkpoint_location, "/tmp/own/checkpoints");
    CHECK_STR(b.plan->settings.job_name, "sales.verify");
    CHECK(!b.plan->settings.http_listen_given);
    for (uint32_t t = 0; t < b.plan->tables; t++) {
        const weir_table *table = &b.plan->table[t];
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (table->source || !weir_opts_known(table->opts, places[i]))
                continue;
            weir_str value = weir_opts_text(table->opts, places[i]);
            CHECK(!has(value, "live"));
            CHECK(has(value, "/tmp/own/") || weir_str_is(value, "/dev/null"));
        }
        if (table->source)
            CHECK_STR(weir_opts_text(table->opts, "group"), "mine.verify");
        else
            CHECK(strcmp(table->connector->name, "mysql") != 0 &&
                  strcmp(table->connector->name, "print") != 0);
    }
    weir_arena_free(b.arena);
}

static void each_table_has_a_place_of_its_own(void **state)
{
    (void)state;
    static const struct {
        cli_output_kind kind;
        const char     *live, *option, *place;
    } want[] = {{CLI_OUTPUT_TABLE, "latest_orders", "url", "sqlite:/tmp/own/t1.sqlite"},
                {CLI_OUTPUT_TABLE, "second", "url", "sqlite:/tmp/own/t2.sqlite"},
                {CLI_OUTPUT_FILES, "s3://live", "path", "/tmp/own/files/3"},
                {CLI_OUTPUT_FILE, "live.csv", "path", "/dev/null"},
                {CLI_OUTPUT_PRINT, "", "path", "/dev/null"}};
    bed b = plan_it();
    CHECK_U64(b.outputs, sizeof want / sizeof want[0]);
    for (uint32_t i = 0; i < b.outputs; i++) {
        const cli_output *output = &b.output[i];
        CHECK_INT(output->kind, want[i].kind);
        CHECK_STR(output->live.at ? output->live : WEIR_STR(""), want[i].live);
        CHECK_STR(weir_opts_text(b.plan->table[output->table].opts, want[i].option),
                  want[i].place);
    }
    CHECK_STR(weir_opts_text(b.plan->table[3].opts, "codec"), "deflate");
    CHECK_STR(weir_opts_text(b.live->table[3].opts, "path"), "s3://live/");
    CHECK_STR(weir_opts_text(b.live->table[0].opts, "group"), "mine");
    weir_arena_free(b.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_place_of_the_live_job_is_left),
        TEST(each_table_has_a_place_of_its_own),
    };
    return RUN_TESTS(tests);
}
