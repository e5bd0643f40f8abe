/* tests: what sinks are told of groups: inserts, updates, deletes, HAVING, final rows, order,
 * negative counts, sums that do not fit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_bench.h"

#define FIRST "2023-11-14 22:13:00+00"

static order_row retracted(const char *customer, int64_t cents, int64_t paid_us)
{
    order_row row = paid(customer, cents, paid_us);
    row.op = WEIR_ROW_DELETE;
    return row;
}

static void add(push_bench *bench, order_row row)
{
    push(bench, &row, 1, INT64_MIN, INT64_MIN);
}

static void a_group_is_inserted_updated_and_deleted(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    add(&bench, paid("a", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I " FIRST " a 1 1.00\n");
    add(&bench, paid("a", 50, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+U " FIRST " a 2 1.50\n");
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    add(&bench, retracted("a", 50, AT(0)));
    add(&bench, retracted("a", 100, AT(0)));
    CHECK_INT(weir_ops_groups(bench.ops), 1);
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "-D " FIRST " a 0 NULL\n");
    CHECK_INT(weir_ops_groups(bench.ops), 0);
    add(&bench, paid("a", INT64_MIN, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I " FIRST " a 1 NULL\n");
    bench_stop(&bench);
}

static void what_comes_and_goes_in_one_epoch_is_not_told(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    add(&bench, paid("a", 100, AT(0)));
    add(&bench, paid("b", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN),
               "+I " FIRST " a 1 1.00\n+I " FIRST " b 1 1.00\n");
    add(&bench, paid("a", 70, AT(0)));
    add(&bench, retracted("a", 70, AT(0)));
    add(&bench, paid("c", 70, AT(0)));
    add(&bench, retracted("c", 70, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    CHECK_INT(weir_ops_groups(bench.ops), 2);
    bench_stop(&bench);
}

static void a_replay_is_told_what_is_as_it_was(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    weir_ops_tell_touched(bench.ops);
    add(&bench, paid("a", 100, AT(0)));
    add(&bench, paid("b", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN),
               "+I " FIRST " a 1 1.00\n+I " FIRST " b 1 1.00\n");
    add(&bench, paid("a", 70, AT(0)));
    add(&bench, retracted("a", 70, AT(0)));
    add(&bench, paid("c", 70, AT(0)));
    add(&bench, retracted("c", 70, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+U " FIRST " a 1 1.00\n");
    CHECK_INT(weir_ops_groups(bench.ops), 2);
    bench_stop(&bench);
}

static void final_rows_come_once_when_the_window_closes(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, main_job);
    add(&bench, paid("a", 100, AT(0)));
    add(&bench, paid("a", 100, AT(1)));
    add(&bench, paid("gone", 100, AT(0)));
    add(&bench, retracted("gone", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 1, AT(1) - 1), "");
    size_t with_both = bench.budget.used;
    CHECK_TEXT(end_epoch(&bench, 1, AT(1)), "+I " FIRST " a 1 1.00\n");
    CHECK(bench.budget.used < with_both);
    CHECK_INT(weir_ops_groups(bench.ops), 1);
    CHECK_TEXT(end_epoch(&bench, 1, AT(1)), "");
    CHECK_TEXT(end_epoch(&bench, 1, INT64_MAX), "+I 2023-11-14 22:14:00+00 a 1 1.00\n");
    CHECK_INT(weir_ops_groups(bench.ops), 0);
    bench_stop(&bench);
}

static void a_group_that_changes_as_its_window_closes_is_told_to_both(void **state)
{
    (void)state;
    for (uint32_t flow = 0; flow < 2; flow++) {
        push_bench bench;
        bench_start(&bench, main_job);
        add(&bench, paid("a", 100, AT(0)));
        CHECK_TEXT(end_epoch(&bench, flow, AT(5)), "+I " FIRST " a 1 1.00\n");
        bench_stop(&bench);
    }
}

/* Groups of all customers, no window. */
static weir_plan *forever_job(weir_arena *arena)
{
    weir_plan           *plan = plan_with_orders(arena, true);
    const uint32_t       key[] = {ORDER_CUSTOMER};
    const weir_aggregate sums[] = {
        aggregate_of(WEIR_AGG_SUM, column_of(arena, ORDER_AMOUNT, numeric_type(12, 2)),
                     numeric_type(38, 2))};
    uint32_t top = add_aggregate(arena, plan, 0, &(grouping){1, key, 1, sums});
    add_sink(plan, top, 1);
    add_sink(plan, top, 2);
    return plan;
}

static void groups_without_a_window_stay_and_come_final_at_the_very_end(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, forever_job);
    add(&bench, paid("b", 100, INT64_MIN));
    add(&bench, paid("a", 7, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 1, AT(90)), "");
    const char *rows = end_epoch(&bench, 1, INT64_MAX); /* in the order of their slices */
    CHECK_HOLDS(rows, "+I a 0.07\n");
    CHECK_HOLDS(rows, "+I b 1.00\n");
    CHECK_INT(weir_ops_groups(bench.ops), 2);
    bench_stop(&bench);
}

static void a_negative_count_is_a_delete_and_stays(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, forever_job);
    add(&bench, paid("a", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I a 1.00\n");
    add(&bench, retracted("a", 100, AT(0)));
    add(&bench, retracted("a", 100, AT(0)));
    add(&bench, retracted("new", 100, AT(0)));
    weir_emission emission;
    weir_emission_start(bench.ops, bench.arena, &emission);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        CHECK_OK(weir_ops_merge(bench.ops, s, &bench.err), &bench.err);
        CHECK_OK(weir_ops_emit(bench.ops, s, (const int64_t[]){INT64_MIN}, &emission,
                               &bench.err),
                 &bench.err);
    }
    weir_ops_next(bench.ops);
    weir_ops_recycle(bench.ops);
    CHECK_INT(emission.negative, 2);
    CHECK_INT(emission.flow[0].rows, 1);
    CHECK_INT(emission.flow[0].batch[0]->op[0], WEIR_ROW_DELETE);
    CHECK_INT(weir_ops_groups(bench.ops), 2);
    add(&bench, paid("a", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    CHECK_INT(weir_ops_groups(bench.ops), 1);
    add(&bench, paid("new", 300, AT(0)));
    add(&bench, paid("new", 300, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I new 5.00\n");
    bench_stop(&bench);
}

/* SELECT customer, 100 / sum(amount) … HAVING sum(amount) > 1 */
static weir_plan *having_job(weir_arena *arena)
{
    weir_plan           *plan = plan_with_orders(arena, true);
    weir_type            sum = numeric_type(38, 2), any = weir_type_of(WEIR_T_NUMERIC);
    const uint32_t       key[] = {ORDER_CUSTOMER};
    const weir_aggregate sums[] = {aggregate_of(
        WEIR_AGG_SUM, column_of(arena, ORDER_AMOUNT, numeric_type(12, 2)), sum)};
    uint32_t   top = add_aggregate(arena, plan, 0, &(grouping){1, key, 1, sums});
    weir_node *filter = add_node(plan, WEIR_NODE_FILTER, "having", top);
    filter->predicate = call2(arena, WEIR_FN_GT, weir_type_of(WEIR_T_BOOL),
                              column_of(arena, 1, sum), constant_of(arena, any, "1"));
    filter->schema = plan->node[top].schema;
    weir_node      *project = add_node(plan, WEIR_NODE_PROJECT, "ratio", top + 1);
    const weir_type type[] = {weir_type_of(WEIR_T_TEXT), any};
    project->schema = schema_of(arena, 2, type);
    project->column = WEIR_ARRAY(arena, const weir_expr *, 2);
    project->column[0] = column_of(arena, 0, type[0]);
    project->column[1] = call2(arena, WEIR_FN_DIV, any, constant_of(arena, any, "100"),
                               column_of(arena, 1, sum));
    add_sink(plan, top + 2, 1);
    return plan;
}

static void having_that_turns_false_is_a_delete(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, having_job);
    add(&bench, paid("a", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    add(&bench, paid("a", 100, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I a 50.0000000000000000\n");
    add(&bench, retracted("a", 100, AT(0)));
    const char *deleted = end_epoch(&bench, 0, INT64_MIN);
    CHECK(strncmp(deleted, "-D a ", 5) == 0);
    add(&bench, paid("a", 300, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I a 25.0000000000000000\n");
    bench_stop(&bench);
}

static void errors_of_rows_that_having_drops_or_that_are_gone_do_not_matter(void **state)
{
    (void)state;
    push_bench bench;
    bench_start(&bench, having_job);
    add(&bench, paid("zero", 0, AT(0))); /* 100 / 0, but not above 1 */
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "");
    add(&bench, paid("a", 400, AT(0)));
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I a 25.0000000000000000\n");
    add(&bench, paid("a", -400, AT(0)));
    CHECK(strncmp(end_epoch(&bench, 0, INT64_MIN), "-D a ", 5) == 0);
    bench_stop(&bench);
}

/* sum(id) as bigint over ids near its border. */
static weir_plan *overflowing_job(weir_arena *arena)
{
    weir_plan     *plan = plan_with_orders(arena, true);
    const uint32_t key[] = {ORDER_CUSTOMER};
    weir_expr     *wide = call2(arena, WEIR_FN_ADD, weir_type_of(WEIR_T_INT64),
                                column_of(arena, ORDER_ID, weir_type_of(WEIR_T_INT64)),
                                constant_of(arena, weir_type_of(WEIR_T_INT64),
                                            "9223372036854775806"));
    const weir_aggregate sums[] = {aggregate_of(WEIR_AGG_SUM, wide, weir_type_of(WEIR_T_INT64))};
    uint32_t top = add_aggregate(arena, plan, 0, &(grouping){1, key, 1, sums});
    add_sink(plan, top, 1);
    return plan;
}

static void a_sum_that_does_not_fit_stops_the_job_when_it_is_told(void **state)
{
    (void)state;
    push_bench    bench;
    weir_emission emission;
    weir_code     rc = WEIR_OK;
    bench_start(&bench, overflowing_job);
    add(&bench, paid("rich", 0, AT(0)));
    add(&bench, paid("rich", 0, AT(0)));
    add(&bench, retracted("rich", 0, AT(0))); /* in between it was too large */
    CHECK_TEXT(end_epoch(&bench, 0, INT64_MIN), "+I rich 9223372036854775806\n");
    add(&bench, paid("rich", 0, AT(0)));
    weir_emission_start(bench.ops, bench.arena, &emission);
    for (uint32_t s = 0; rc == WEIR_OK && s < WEIR_SLICES; s++) {
        CHECK_OK(weir_ops_merge(bench.ops, s, &bench.err), &bench.err);
        rc = weir_ops_emit(bench.ops, s, (const int64_t[]){INT64_MIN}, &emission, &bench.err);
    }
    CHECK(rc != WEIR_OK);
    CHECK_INT(bench.err.fate, WEIR_FATE_HALT);
    CHECK_SAYS(&bench.err, "bigint out of range in group (rich) of 'per_minute'");
    bench_stop(&bench);
}

static void check_order(const weir_flow *flow)
{
    for (uint32_t r = 1; r < flow->rows; r++) {
        const weir_column *column = flow->batch[0]->column;
        const int64_t     *window = column[0].values;
        CHECK(window[r - 1] <= window[r]);
        if (window[r - 1] == window[r])
            CHECK(weir_str_cmp(weir_column_text(&column[1], r - 1),
                               weir_column_text(&column[1], r)) < 0);
    }
}

static void rows_of_a_slice_come_by_window_and_key(void **state)
{
    (void)state;
    push_bench    bench;
    weir_emission emission;
    bench_start(&bench, main_job);
    for (uint32_t i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%u", i * 7919 % 500);
        add(&bench, paid(name, 1, AT(i % 5)));
    }
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        weir_emission_start(bench.ops, bench.arena, &emission);
        CHECK_OK(weir_ops_merge(bench.ops, s, &bench.err), &bench.err);
        CHECK_OK(weir_ops_emit(bench.ops, s, (const int64_t[]){AT(99)}, &emission,
                               &bench.err),
                 &bench.err);
        CHECK_INT(emission.flow[0].rows, emission.flow[1].rows);
        check_order(&emission.flow[0]);
        check_order(&emission.flow[1]);
    }
    bench_stop(&bench);
}

static void grouping_a_group_by_is_refused(void **state)
{
    (void)state;
    weir_arena    *arena = weir_arena_new("test", 1 << 16);
    weir_plan     *plan = forever_job(arena);
    weir_budget    budget = {.limit = 1 << 20};
    const uint32_t key[] = {0};
    weir_ops      *ops = NULL;
    weir_err       err;
    uint32_t       again = add_aggregate(arena, plan, 1, &(grouping){1, key, 0, NULL});
    plan->table[2].final = false;
    plan->node[3].input = again;
    CHECK_FAILS(weir_ops_new(plan, 1, &budget, &ops, &err), WEIR_E_SQL, &err);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_group_is_inserted_updated_and_deleted),
        TEST(what_comes_and_goes_in_one_epoch_is_not_told),
        TEST(a_replay_is_told_what_is_as_it_was),
        TEST(final_rows_come_once_when_the_window_closes),
        TEST(a_group_that_changes_as_its_window_closes_is_told_to_both),
        TEST(groups_without_a_window_stay_and_come_final_at_the_very_end),
        TEST(a_negative_count_is_a_delete_and_stays),
        TEST(having_that_turns_false_is_a_delete),
        TEST(errors_of_rows_that_having_drops_or_that_are_gone_do_not_matter),
        TEST(a_sum_that_does_not_fit_stops_the_job_when_it_is_told),
        TEST(rows_of_a_slice_come_by_window_and_key),
        TEST(grouping_a_group_by_is_refused),
    };
    return RUN_TESTS(tests);
}
