/* unit/sql/sql_plan: what a whole job becomes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "plan_of.h"

#define SINKS                                                                              \
    "CREATE TABLE revenue (window_start timestamptz, customer text, orders bigint,"        \
    " revenue numeric(18,2), PRIMARY KEY (window_start, customer))"                        \
    " WITH (connector = 'mysql', url = '${URL}', table = 'revenue_per_minute');\n"         \
    "CREATE TABLE lake (LIKE revenue) WITH (connector = 's3', path = 's3://lake/r/',"      \
    " format = 'avro', partition_by = 'date(window_start)', emit = 'final');\n"
#define PER_MINUTE                                                                         \
    "CREATE VIEW per_minute AS SELECT window_start, customer, count(*) AS orders,"         \
    " sum(amount) AS revenue FROM tumble(orders, paid_at, interval '1 minute')"            \
    " WHERE status IN ('PAID', 'SHIPPED') GROUP BY window_start, customer;\n"
#define INTO_BOTH                                                                          \
    "INSERT INTO revenue SELECT * FROM per_minute;\n"                                      \
    "INSERT INTO lake SELECT * FROM per_minute;\n"

static const weir_node *node_of(const weir_plan *plan, weir_node_kind kind)
{
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (plan->node[i].kind == kind)
            return &plan->node[i];
    fail_msg("no node of kind %d", (int)kind);
    return NULL;
}

static uint32_t count_of(const weir_plan *plan, weir_node_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < plan->nodes; i++)
        count += plan->node[i].kind == kind;
    return count;
}

static void parts_of_a_settings_name_may_be_reserved_words(void **state)
{
    (void)state;
    static const char *const ways[] = {"SET memory.limit = '1 GiB';",
                                       "SET memory.\"limit\" TO '1 GiB';",
                                       "-- SET a\nset session Memory . LIMIT='1 GiB' ;"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char text[2000];
        snprintf(text, sizeof text, "%s" ORDERS "SELECT id FROM orders;", ways[i]);
        planned job = plan_of(text);
        if (job.plan == NULL)
            fail_msg("%s: %s", ways[i], job.text.at);
        CHECK_INT(job.plan->settings.memory_limit, 1 << 30);
        plan_done(&job);
    }
}

static void two_sinks_share_one_aggregate(void **state)
{
    (void)state;
    planned job = plan_of("SET job.name = 'revenue';" ORDERS SINKS PER_MINUTE INTO_BOTH);
    if (job.plan == NULL)
        fail_msg("%s", job.text.at);
    const weir_plan *plan = job.plan;
    CHECK_STR(plan->settings.job_name, "revenue");
    CHECK_INT(plan->settings.epoch_interval_us, 5000000);
    CHECK_INT(plan->tables, 3);
    CHECK_INT(count_of(plan, WEIR_NODE_SCAN), 1);
    CHECK_INT(count_of(plan, WEIR_NODE_AGGREGATE), 1);
    CHECK_INT(count_of(plan, WEIR_NODE_SINK), 2);
    const weir_node *aggregate = node_of(plan, WEIR_NODE_AGGREGATE);
    CHECK_STR(aggregate->name, "per_minute.aggregate");
    CHECK_INT(aggregate->groups, 2);
    CHECK_INT(aggregate->aggregates, 2);
    CHECK(aggregate->window_end != WEIR_NONE);
    const weir_schema *input = &plan->node[aggregate->input].schema;
    CHECK_STR(input->field[aggregate->window_end].name, "window_end");
    CHECK(!plan->table[1].final);
    CHECK(plan->table[2].final);
    for (uint32_t i = 0; i < plan->nodes; i++)
        if (plan->node[i].input != WEIR_NONE)
            CHECK(plan->node[i].input < i);
    plan_done(&job);
}

static void scan_reads_only_what_is_needed(void **state)
{
    (void)state;
    planned           job = plan_of(ORDERS SINKS PER_MINUTE INTO_BOTH);
    const weir_table *orders = &job.plan->table[0];
    for (uint32_t i = 0; i < orders->schema.count; i++) {
        weir_str name = orders->schema.field[i].name;
        bool     wanted = weir_str_is(name, "id") || weir_str_is(name, "customer") ||
                      weir_str_is(name, "status") || weir_str_is(name, "amount") ||
                      weir_str_is(name, "paid_at");
        if (orders->needed[i] != wanted)
            fail_msg("%.*s is %s", WEIR_STR_FMT(name), wanted ? "left out" : "read");
    }
    plan_done(&job);
}

static void column_that_only_a_dropped_output_reads_is_not_read(void **state)
{
    (void)state;
    planned job =
        plan_of(ORDERS "CREATE VIEW v AS SELECT id, upper(customer) AS c FROM orders;"
                       "SELECT id FROM v;");
    const weir_table *orders = &job.plan->table[0];
    CHECK(orders->needed[0]);
    CHECK(!orders->needed[1]);
    plan_done(&job);
}

static void unread_views_and_tables_are_not_in_the_plan(void **state)
{
    (void)state;
    planned job = plan_of(ORDERS SINKS PER_MINUTE "SELECT id FROM orders;");
    CHECK_INT(job.plan->tables, 2);
    CHECK_INT(count_of(job.plan, WEIR_NODE_AGGREGATE), 0);
    plan_done(&job);
}

static void fingerprint_follows_the_plan_and_not_the_text(void **state)
{
    (void)state;
    planned a = plan_of(ORDERS "SELECT id FROM orders WHERE n > 1;");
    planned b = plan_of("-- a comment\n" ORDERS "SELECT id FROM orders WHERE (n > 1);");
    planned c = plan_of(ORDERS "SELECT id FROM orders WHERE n > 2;");
    CHECK_U64(a.plan->fingerprint, b.plan->fingerprint);
    CHECK(a.plan->fingerprint != c.plan->fingerprint);
    plan_done(&a);
    plan_done(&b);
    plan_done(&c);
}

static void same_aggregate_in_two_flows_is_computed_once(void **state)
{
    (void)state;
    planned job =
        plan_of(ORDERS "SELECT customer, count(*) AS a FROM orders GROUP BY customer;"
                       "SELECT count(*) + 1 AS b, customer AS c FROM orders"
                       " GROUP BY orders.customer;");
    CHECK_INT(count_of(job.plan, WEIR_NODE_AGGREGATE), 1);
    CHECK_INT(count_of(job.plan, WEIR_NODE_SINK), 2);
    plan_done(&job);
}

static void distinct_is_a_group_of_all_columns(void **state)
{
    (void)state;
    planned job = plan_of(ORDERS "SELECT DISTINCT customer, upper(status) FROM orders;");
    const weir_node *aggregate = node_of(job.plan, WEIR_NODE_AGGREGATE);
    CHECK_INT(aggregate->groups, 2);
    CHECK_INT(aggregate->aggregates, 0);
    plan_done(&job);
}

static void having_is_a_filter_above_the_groups(void **state)
{
    (void)state;
    expect_part(ORDERS "SELECT customer FROM orders GROUP BY 1 HAVING count(*) > 2 AND"
                       " customer <> 'x';",
                "where       (count(*) > 2) AND (customer <> 'x')");
}

static void groups_are_found_by_name_position_and_expression(void **state)
{
    (void)state;
    expect_part(ORDERS "SELECT upper(customer) AS c, n + 1, count(*) FROM orders"
                       " GROUP BY c, 2, upper(customer);",
                "group by    upper(customer), n + 1\n");
    expect_part(ORDERS
                "SELECT date_trunc('hour', created), upper(status) || '!' FROM orders"
                " GROUP BY date_trunc('hour', created), upper(status);",
                "columns     date_trunc('hour', created) AS date_trunc");
}

static void window_end_alone_is_enough(void **state)
{
    (void)state;
    planned job =
        plan_of(ORDERS "SELECT window_end, count(*) FROM tumble(orders, paid_at,"
                       " interval '1 hour', interval '-15 minutes') GROUP BY window_end;");
    const weir_node *window = node_of(job.plan, WEIR_NODE_WINDOW);
    CHECK_INT(window->size_us, 3600000000);
    CHECK_INT(window->offset_us, 2700000000);
    CHECK(node_of(job.plan, WEIR_NODE_AGGREGATE)->window_end != WEIR_NONE);
    plan_done(&job);
}

static void window_end_is_made_when_a_view_left_it_out(void **state)
{
    (void)state;
    expect_part(ORDERS "CREATE VIEW w AS SELECT window_start, customer FROM tumble(orders,"
                       " paid_at, interval '1 minute') WHERE paid;"
                       "SELECT window_start, count(*) FROM w GROUP BY window_start;",
                "window_start + interval '00:01:00' AS window_end");
}

static void window_over_a_view_keeps_the_event_time(void **state)
{
    (void)state;
    expect_part(ORDERS
                "CREATE VIEW paid AS SELECT paid_at AS at, amount FROM orders WHERE paid;"
                "SELECT window_start, sum(amount) FROM tumble(paid, at, '1 day')"
                " GROUP BY window_start;",
                "tumble      at into windows of 1 day");
}

static void min_and_max_over_a_changelog_keep_values(void **state)
{
    (void)state;
    expect_part(ORDERS "SELECT customer, max(n) FROM orders GROUP BY customer;",
                "max(n) keeps every value of a group with its count");
}

static void job_without_aggregate_goes_to_a_key(void **state)
{
    (void)state;
    expect_part(ORDERS "CREATE TABLE copy (k bigint PRIMARY KEY, c text) WITH (connector ="
                       " 'mysql', url = '${URL}', table = 'c');"
                       "INSERT INTO copy SELECT id, customer FROM orders WHERE paid;",
                "upserts by k");
}

static void inserts_take_columns_by_name(void **state)
{
    (void)state;
    expect_part(ORDERS "CREATE TABLE out (a bigint, b text, c integer) WITH (connector ="
                       " 'print', emit = 'changes');"
                       "INSERT INTO out (c, a) SELECT '7', n FROM orders;",
                "columns     ASSIGN(n AS bigint) AS a\n"
                "                NULL AS b\n"
                "                7 AS c\n");
}

static void options_fill_the_table(void **state)
{
    (void)state;
    planned job =
        plan_of("CREATE TABLE e (id bigint, name text NOT NULL, _topic text, _key bytea, "
                "at timestamp,"
                " CHECK (id > 0), CONSTRAINT named CHECK (name <> '${QUOTE}')) WITH ("
                " connector = 'kafka', brokers = 'k', topic = 't', format = 'json',"
                " \"field.name\" = 'customer.name', \"kafka.fetch.min.bytes\" = '1',"
                " event_time = 'at', watermark = '90 s', on_error = 'dead_letter',"
                " dead_letter = 'bad', error_limit = '10 per 1000');"
                "SELECT id FROM e;");
    if (job.plan == NULL)
        fail_msg("%s", job.text.at);
    const weir_table *table = &job.plan->table[0];
    CHECK_STR(table->path[1], "customer.name");
    CHECK_STR(table->path[0], "id");
    CHECK_INT(table->from[2], WEIR_FROM_TOPIC);
    CHECK_INT(table->from[3], WEIR_FROM_KEY);
    CHECK_INT(table->watermark_us, 90000000);
    CHECK_INT(table->event_time, 4);
    CHECK_INT(table->checks, 2);
    CHECK_STR(table->check[0].name, "e_check");
    CHECK_STR(table->check[0].text, "(id > 0)");
    CHECK_STR(table->check[1].name, "named");
    CHECK_STR(table->check[1].text, "(name <> '${QUOTE}')");
    CHECK(table->needed[1]); /* NOT NULL is checked of every row */
    CHECK(!table->needed[2]);
    CHECK_STR(weir_opts_text(table->opts, "topic"), "t");
    plan_done(&job);
}

static void values_of_variables_keep_their_quotes(void **state)
{
    (void)state;
    expect_part(ORDERS "SELECT id FROM orders WHERE customer = '${QUOTE}';",
                "where       customer = 'it''s'");
    expect_part(ORDERS "SELECT id -- ${NOT_SET} in a comment\n FROM orders;",
                "scan orders");
}

static void places_count_in_the_users_text(void **state)
{
    (void)state;
    expect_part(ORDERS "SELECT '${SECRET}' || '${URL}', x FROM orders;", "job.sql:2:33:");
    planned          job = plan_of(ORDERS "SELECT '${SECRET}', 1 / n FROM orders;");
    const weir_node *project = node_of(job.plan, WEIR_NODE_PROJECT);
    const char      *text = ORDERS "SELECT '${SECRET}', 1 / n FROM orders;";
    CHECK_INT(project->column[1]->sql_at, strstr(text, "/ n") - text);
    plan_done(&job);
}

static void unset_variable_is_empty_when_lenient(void **state)
{
    (void)state;
    const char *sql =
        ORDERS "SELECT id FROM orders WHERE customer = '${SURELY_NOT_SET_1}';";
    planned strict = plan_of(sql);
    CHECK_INT(strict.code, WEIR_E_SQL);
    weir_arena     *arena = weir_arena_new("plan", 1 << 16);
    weir_plan      *plan = NULL;
    weir_sql_errors errors;
    weir_sql_input  input = {.file = "job.sql",
                             .text = weir_str_of(sql),
                             .catalog = &fake_catalog,
                             .lenient_variables = true,
                             .terminal_select = true};
    CHECK_INT(weir_sql_plan(&input, arena, &plan, &errors), WEIR_OK);
    weir_arena_free(arena);
    plan_done(&strict);
}

static void bare_select_needs_leave(void **state)
{
    (void)state;
    weir_arena     *arena = weir_arena_new("plan", 1 << 16);
    weir_plan      *plan = NULL;
    weir_sql_errors errors;
    weir_sql_input  input = {.file = "job.sql",
                             .text = weir_str_of(ORDERS "SELECT id FROM orders;"),
                             .catalog = &fake_catalog};
    CHECK_INT(weir_sql_plan(&input, arena, &plan, &errors), WEIR_E_SQL);
    CHECK_TEXT(errors.error[0].msg, "a SELECT alone has nowhere to go");
    weir_arena_free(arena);
}

static void options_of_the_wrong_kind_have_their_own_code(void **state)
{
    (void)state;
    planned job = plan_of("SET lanes = 'many';" ORDERS "SELECT id FROM orders;");
    CHECK_INT(job.code, WEIR_E_CONFIG);
    plan_done(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parts_of_a_settings_name_may_be_reserved_words),
        TEST(two_sinks_share_one_aggregate),
        TEST(scan_reads_only_what_is_needed),
        TEST(column_that_only_a_dropped_output_reads_is_not_read),
        TEST(unread_views_and_tables_are_not_in_the_plan),
        TEST(fingerprint_follows_the_plan_and_not_the_text),
        TEST(same_aggregate_in_two_flows_is_computed_once),
        TEST(distinct_is_a_group_of_all_columns),
        TEST(having_is_a_filter_above_the_groups),
        TEST(groups_are_found_by_name_position_and_expression),
        TEST(window_end_alone_is_enough),
        TEST(window_end_is_made_when_a_view_left_it_out),
        TEST(window_over_a_view_keeps_the_event_time),
        TEST(min_and_max_over_a_changelog_keep_values),
        TEST(job_without_aggregate_goes_to_a_key),
        TEST(inserts_take_columns_by_name),
        TEST(options_fill_the_table),
        TEST(values_of_variables_keep_their_quotes),
        TEST(places_count_in_the_users_text),
        TEST(unset_variable_is_empty_when_lenient),
        TEST(bare_select_needs_leave),
        TEST(options_of_the_wrong_kind_have_their_own_code),
    };
    return RUN_TESTS(tests);
}
