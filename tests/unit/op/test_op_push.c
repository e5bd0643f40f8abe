/* tests: what becomes of pushed rows: lateness, updates that cancel or are split, rows in no
 * window, expressions that fail, the budget, and flows without a state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_bench.h"

static void a_window_that_ends_at_the_watermark_is_late(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    order_row row = paid("a", 100, AT(0));
    push(&bench, &row, 1, AT(1) - 1, INT64_MIN);
    CHECK_INT(bench.counts.late, 0);
    push(&bench, &row, 1, AT(1), INT64_MIN);
    CHECK_INT(bench.counts.late, 1);
    CHECK_INT(bench.counts.late_idle, 0);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I 2023-11-14 22:13:00+00 a 1 1.00\n");
    bench_stop(&bench);
}

static void a_window_closed_while_idle_is_late_for_that_reason(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    order_row row = paid("a", 100, AT(0));
    push(&bench, &row, 1, INT64_MIN, AT(1));
    CHECK_INT(bench.counts.late_idle, 1);
    push(&bench, &row, 1, AT(1), AT(1));
    CHECK_INT(bench.counts.late_idle, 1);
    CHECK_INT(bench.counts.late, 1);
    bench_stop(&bench);
}

static void a_row_without_a_time_is_in_no_window_and_not_late(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    order_row row = paid("a", 100, INT64_MIN);
    push(&bench, &row, 1, AT(100), INT64_MIN);
    CHECK_INT(bench.counts.late, 0);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    bench_stop(&bench);
}

static void an_update_that_changes_nothing_cancels_before_it_is_late(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[2], before = paid("a", 100, AT(0)), after = paid("a", 100, AT(0) + 5);
    bench_start(&bench, main_job);
    after.status = "SHIPPED";
    pair(rows, &before, &after);
    push(&bench, rows, 2, AT(9), INT64_MIN);
    CHECK_INT(bench.counts.late, 0);
    CHECK_INT(bench.counts.split, 0);
    bench_stop(&bench);
}

static void an_update_of_an_argument_is_late_twice(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[2], before = paid("a", 100, AT(0)), after = paid("a", 101, AT(0));
    bench_start(&bench, main_job);
    pair(rows, &before, &after);
    push(&bench, rows, 2, AT(9), INT64_MIN);
    CHECK_INT(bench.counts.late, 2);
    CHECK_INT(bench.counts.split, 0);
    bench_stop(&bench);
}

static void an_update_with_one_half_late_is_split(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[2], before = paid("a", 100, AT(0)), after = paid("a", 100, AT(1));
    bench_start(&bench, main_job);
    pair(rows, &before, &after);
    push(&bench, rows, 2, AT(1), INT64_MIN);
    CHECK_INT(bench.counts.late, 1);
    CHECK_INT(bench.counts.split, 1);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I 2023-11-14 22:14:00+00 a 1 1.00\n");
    bench_stop(&bench);
}

static void an_update_with_one_half_filtered_out_is_not_split(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[2], before = paid("a", 100, AT(0)), after = paid("a", 100, AT(0));
    bench_start(&bench, main_job);
    after.status = "REFUNDED";
    pair(rows, &before, &after);
    push(&bench, rows, 2, AT(1), INT64_MIN);
    CHECK_INT(bench.counts.late, 1);
    CHECK_INT(bench.counts.split, 0);
    bench_stop(&bench);
}

/* SELECT customer, sum(1 / (amount - 1)) … : amount 1.00 fails. */
static weir_plan *dividing_job(weir_arena *arena)
{
    weir_plan *plan = plan_with_orders(arena, true);
    uint32_t   window = add_window(arena, plan, true);
    weir_type  any = weir_type_of(WEIR_T_NUMERIC);
    weir_expr *less = call2(arena, WEIR_FN_SUB, any,
                            column_of(arena, ORDER_AMOUNT, numeric_type(12, 2)),
                            constant_of(arena, any, "1"));
    weir_expr *quotient = call2(arena, WEIR_FN_DIV, any, constant_of(arena, any, "1"), less);
    quotient->sql_at = 77;
    const uint32_t       key[] = {ORDER_CUSTOMER};
    const weir_aggregate sums[] = {aggregate_of(WEIR_AGG_SUM, quotient, any),
                                   aggregate_of(WEIR_AGG_MIN, quotient, any)};
    uint32_t top = add_aggregate(arena, plan, window, &(grouping){1, key, 2, sums});
    add_sink(plan, top, 1);
    return plan;
}

static void a_failing_expression_leaves_its_row_out_and_is_reported_once(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[] = {paid("a", 300, AT(0)), paid("a", 100, AT(0)), paid("a", 200, AT(0))};
    bench_start(&bench, dividing_job);
    push(&bench, rows, 3, INT64_MIN, INT64_MIN);
    CHECK_INT(bench.errors.count, 1);
    CHECK_INT(bench.errors.error[0].row, 1);
    CHECK_INT(bench.errors.error[0].code, WEIR_E_DECODE);
    CHECK_INT(bench.errors.error[0].sql_at, 77);
    CHECK_TEXT(bench.errors.error[0].msg, "division by zero");
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN),
               "+I a 1.50000000000000000000 0.50000000000000000000\n");
    bench_stop(&bench);
}

static void a_key_that_is_too_long_is_an_error_of_its_row(void **state)
{
    (void)state;
    push_bench bench;
    char      *name = malloc(20001);
    memset(name, 'x', 20000);
    name[20000] = 0;
    order_row rows[] = {paid(name, 300, AT(0)), paid("a", 100, AT(0))};
    bench_start(&bench, main_job);
    push(&bench, rows, 2, INT64_MIN, INT64_MIN);
    CHECK_INT(bench.errors.count, 1);
    CHECK_INT(bench.errors.error[0].row, 0);
    CHECK_INT(bench.errors.error[0].code, WEIR_E_LIMIT);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I 2023-11-14 22:13:00+00 a 1 1.00\n");
    free(name);
    bench_stop(&bench);
}

static void a_push_over_the_budget_does_nothing(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[] = {paid("a", 300, AT(0)), paid("b", 100, AT(0))};
    bench_start(&bench, main_job);
    bench.budget.limit = 1000;
    CHECK_FAILS(try_push(&bench, rows, 2, AT(5), INT64_MIN), WEIR_OK, &bench.err); /* late */
    bench.counts = (weir_push_counts){0};
    CHECK_FAILS(try_push(&bench, rows, 2, INT64_MIN, INT64_MIN), WEIR_E_LIMIT, &bench.err);
    CHECK_INT(bench.err.fate, WEIR_FATE_RETRY);
    CHECK_HINTS(&bench.err, "memory.limit");
    CHECK_INT(bench.budget.used, 0);
    CHECK_INT(bench.counts.late, 0);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    bench.budget.limit = 64u << 20;
    push(&bench, rows, 2, INT64_MIN, INT64_MIN);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I 2023-11-14 22:13:00+00 a 1 3.00\n"
                                                "+I 2023-11-14 22:13:00+00 b 1 1.00\n");
    bench_stop(&bench);
}

/* More groups than fit into a few chunks: the table lies in huge pages then. Each is found
   again, in an epoch after a large one too. */
static void many_groups_are_found_again(void **state)
{
    (void)state;
    enum { BATCH = 1000, BATCHES = 70, GROUPS = BATCH * BATCHES };
    push_bench bench;
    order_row  rows[BATCH];
    char       name[BATCH][16];
    bench_start(&bench, main_job);
    bench.budget.limit = 1u << 30;
    for (int epoch = 0; epoch < 2; epoch++) {
        weir_arena_mark here = weir_arena_here(bench.arena);
        size_t          used = 0;
        for (uint32_t i = 0; i < (epoch == 0 ? 2 * BATCHES : BATCHES); i++) {
            for (uint32_t r = 0; r < BATCH; r++) {
                (void)snprintf(name[r], sizeof name[r], "c%u", i % BATCHES * BATCH + r);
                rows[r] = paid(name[r], 100, AT(epoch));
            }
            push(&bench, rows, BATCH, INT64_MIN, INT64_MIN);
            weir_arena_rewind(bench.arena, here);
            if (i == BATCHES - 1)
                used = bench.budget.used;
        }
        CHECK_U64(bench.budget.used, used); /* the second round made none */
        weir_str out = weir_str_of(end_epoch(&bench, 0, AT(epoch + 1)));
        uint32_t lines = 0, doubled = 0;
        for (const char *line = out.at, *end; *line != '\0'; line = end + 1, lines++) {
            end = strchr(line, '\n');
            doubled += memcmp(end - 7, " 2 2.00", 7) == 0;
        }
        CHECK_INT(lines, GROUPS);
        CHECK_INT(doubled, epoch == 0 ? GROUPS : 0);
        CHECK_U64(weir_ops_groups(bench.ops), 0); /* the window closed */
        weir_arena_rewind(bench.arena, here);
    }
    bench_stop(&bench);
}

static void a_push_over_the_budget_reports_no_errors_yet(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[] = {paid("a", 300, AT(0)), paid("a", 100, AT(0))};
    bench_start(&bench, dividing_job);
    bench.budget.limit = 1000;
    CHECK_FAILS(try_push(&bench, rows, 2, INT64_MIN, INT64_MIN), WEIR_E_LIMIT, &bench.err);
    CHECK_INT(bench.errors.count, 0);
    bench_stop(&bench);
}

/* INSERT INTO revenue SELECT customer, amount FROM orders WHERE status IN (…) */
static weir_plan *stateless_job(weir_arena *arena)
{
    weir_plan *plan = plan_with_orders(arena, true);
    weir_node *filter = add_node(plan, WEIR_NODE_FILTER, "paid", 0);
    filter->predicate = status_in(arena, ORDER_STATUS);
    filter->schema = plan->table[0].schema;
    weir_node      *project = add_node(plan, WEIR_NODE_PROJECT, "rows", 1);
    const weir_type type[] = {weir_type_of(WEIR_T_TEXT), numeric_type(12, 2)};
    project->schema = schema_of(arena, 2, type);
    project->column = WEIR_ARRAY(arena, const weir_expr *, 2);
    project->column[0] = column_of(arena, ORDER_CUSTOMER, type[0]);
    project->column[1] = column_of(arena, ORDER_AMOUNT, type[1]);
    add_sink(plan, 2, 1);
    return plan;
}

static void rows_pass_through_flows_without_state(void **state)
{
    (void)state;
    push_bench bench;
    order_row  rows[] = {paid("a", 300, AT(0)), paid("b", 100, INT64_MIN),
                         paid("c", INT64_MIN, AT(0))};
    bench_start(&bench, stateless_job);
    rows[0].op = WEIR_ROW_DELETE;
    rows[2].status = "NEW";
    push(&bench, rows, 3, AT(50), AT(50));
    push(&bench, rows, 1, AT(50), AT(50));
    CHECK_INT(bench.counts.passed, 3);
    CHECK(bench.counts.passed_bytes > 0);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "-D a 3.00\n+I b 1.00\n-D a 3.00\n");
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    CHECK(!weir_ops_has_windows(bench.ops));
    bench_stop(&bench);
}

/* What one epoch passed stays until it is recycled, while the next one is being pushed. */
static void passed_rows_live_until_they_are_recycled(void **state)
{
    (void)state;
    push_bench    bench;
    weir_emission emission;
    order_row     row = paid("a", 300, AT(0)), other = paid("b", 100, AT(0));
    bench_start(&bench, stateless_job);
    push(&bench, &row, 1, INT64_MIN, INT64_MIN);
    weir_emission_start(bench.ops, bench.arena, &emission);
    weir_ops_passed(bench.ops, 0, &emission);
    weir_ops_next(bench.ops);
    for (int i = 0; i < 1000; i++)
        push(&bench, &other, 1, INT64_MIN, INT64_MIN);
    CHECK_INT(emission.flow[0].rows, 1);
    CHECK_STR(weir_column_text(&emission.flow[0].batch[0]->column[0], 0), "a");
    weir_ops_recycle(bench.ops);
    weir_emission_start(bench.ops, bench.arena, &emission);
    weir_ops_passed(bench.ops, 0, &emission);
    CHECK_INT(emission.flow[0].rows, 1000);
    bench_stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_window_that_ends_at_the_watermark_is_late),
        TEST(a_window_closed_while_idle_is_late_for_that_reason),
        TEST(a_row_without_a_time_is_in_no_window_and_not_late),
        TEST(an_update_that_changes_nothing_cancels_before_it_is_late),
        TEST(an_update_of_an_argument_is_late_twice),
        TEST(an_update_with_one_half_late_is_split),
        TEST(an_update_with_one_half_filtered_out_is_not_split),
        TEST(a_failing_expression_leaves_its_row_out_and_is_reported_once),
        TEST(a_key_that_is_too_long_is_an_error_of_its_row),
        TEST(a_push_over_the_budget_does_nothing),
        TEST(a_push_over_the_budget_reports_no_errors_yet),
        TEST(many_groups_are_found_again),
        TEST(rows_pass_through_flows_without_state),
        TEST(passed_rows_live_until_they_are_recycled),
    };
    return RUN_TESTS(tests);
}
