/* tests: saved slices: what is read back, bytes that are damaged in every place, bytes of
 * other operators, sinks that came and went, last-value tables.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_bench.h"

/* Every class of accumulator, by customer and minute. */
static weir_plan *every_class_job(weir_arena *arena)
{
    weir_plan *plan = plan_with_orders(arena, true);
    uint32_t   window = add_window(arena, plan, true);
    weir_type  money = numeric_type(12, 2), any = weir_type_of(WEIR_T_NUMERIC);
    weir_expr *amount = column_of(arena, ORDER_AMOUNT, money);
    weir_expr *loose = call_of(arena, WEIR_FN_CAST, any, 1, (const weir_expr *[]){amount});
    weir_expr *wide = call_of(arena, WEIR_FN_CAST, numeric_type(30, 2), 1,
                              (const weir_expr *[]){amount});
    weir_expr *real = call_of(arena, WEIR_FN_CAST, weir_type_of(WEIR_T_FLOAT64), 1,
                              (const weir_expr *[]){amount});
    weir_aggregate list[] = {
        aggregate_of(WEIR_AGG_COUNT_STAR, NULL, weir_type_of(WEIR_T_INT64)),
        aggregate_of(WEIR_AGG_COUNT, amount, weir_type_of(WEIR_T_INT64)),
        aggregate_of(WEIR_AGG_SUM, amount, numeric_type(38, 2)),
        aggregate_of(WEIR_AGG_SUM, wide, numeric_type(38, 2)),
        aggregate_of(WEIR_AGG_SUM, loose, any),
        aggregate_of(WEIR_AGG_SUM, real, weir_type_of(WEIR_T_FLOAT64)),
        aggregate_of(WEIR_AGG_MAX, column_of(arena, ORDER_STATUS, weir_type_of(WEIR_T_TEXT)),
                     weir_type_of(WEIR_T_TEXT)),
        aggregate_of(WEIR_AGG_MIN, loose, any),
    };
    const uint32_t key[] = {ORDER_COLUMNS, ORDER_CUSTOMER};
    uint32_t top = add_aggregate(arena, plan, window, &(grouping){2, key, 8, list});
    add_sink(plan, top, 1);
    add_sink(plan, top, 2);
    return plan;
}

/* The same without retractions: MIN and MAX keep one value. */
static weir_plan *appends_job(weir_arena *arena)
{
    weir_plan *plan = every_class_job(arena);
    plan->table[0].format = &fixture_appends;
    return plan;
}

static void push_some(push_bench *bench)
{
    static const char *const names[] = {"anna", "", "bo", NULL};
    order_row rows[16];
    for (uint32_t i = 0; i < 16; i++) {
        rows[i] = paid(names[i % 4], i % 5 ? (int64_t)i * 25 : INT64_MIN, AT(i / 6));
        rows[i].status = i % 3 ? "PAID" : "SHIPPED";
    }
    push(bench, rows, 16, INT64_MIN, INT64_MIN);
}

static void save_all(push_bench *bench, bool full, weir_buf *slice)
{
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        weir_ops_save(bench->ops, s, full, &slice[s]);
}

static void free_all(weir_buf *slice)
{
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        weir_buf_done(&slice[s]);
}

static weir_code load_all(push_bench *bench, bool full, const weir_buf *slice)
{
    weir_code rc = WEIR_OK;
    for (uint32_t s = 0; rc == WEIR_OK && s < WEIR_SLICES; s++)
        rc = weir_ops_load(bench->ops, s, full, weir_buf_view(&slice[s]), &bench->err);
    return rc;
}

static void a_slice_without_a_change_saves_nothing(void **state)
{
    (void)state;
    push_bench bench;
    weir_buf   delta[WEIR_SLICES] = {{0}};
    bench_start(&bench, every_class_job);
    push_some(&bench);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, false, delta);
    free_all(delta);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, false, delta);
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        CHECK_INT(delta[s].len, 0);
    bench_stop(&bench);
}

static void copies_of_equal_state_hold_equal_groups(void **state)
{
    (void)state;
    push_bench bench, other;
    weir_buf   full[WEIR_SLICES] = {{0}}, again[WEIR_SLICES] = {{0}};
    bench_start(&bench, every_class_job);
    bench_start(&other, every_class_job);
    push_some(&bench);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, true, full);
    CHECK_OK(load_all(&other, true, full), &other.err);
    save_all(&other, true, again);
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        CHECK_INT(full[s].len, again[s].len); /* groups may be in another order */
    CHECK_INT(weir_ops_groups(other.ops), weir_ops_groups(bench.ops));
    push_some(&bench);
    push_some(&other);
    CHECK_TEXT(end_epoch(&other, 0, AT(9)), end_epoch(&bench, 0, AT(9)));
    free_all(full);
    free_all(again);
    bench_stop(&bench);
    bench_stop(&other);
}

/* A run ends and closes all windows; the next one goes on, and is killed after two epochs. */
static void what_comes_behind_an_end_is_not_closed(void **state)
{
    (void)state;
    push_bench bench, other;
    bench_start(&bench, every_class_job);
    bench_start(&other, every_class_job);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        weir_buf delta[WEIR_SLICES] = {{0}};
        for (int i = 0; i < 500; i++) { /* in every slice */
            order_row row = paid(weir_arena_text(bench.arena, "c%d", i), 25, AT(10 * epoch));
            push(&bench, &row, 1, INT64_MIN, epoch ? AT(1) : INT64_MIN);
        }
        (void)end_epoch(&bench, 0, epoch ? AT(1) : INT64_MAX);
        save_all(&bench, false, delta);
        CHECK_OK(load_all(&other, false, delta), &other.err);
        free_all(delta);
        CHECK_INT(weir_ops_groups(other.ops), weir_ops_groups(bench.ops));
        CHECK_INT(weir_ops_groups(bench.ops), 500 * epoch);
    }
    bench_stop(&bench);
    bench_stop(&other);
}

/* Loads bytes whose end is the end of their allocation, a delta over a sound copy, and uses what
   came of it. */
static void load_damaged(weir_plan *(*plan)(weir_arena *), uint32_t slice, const weir_buf *copy,
                         weir_str bytes)
{
    bool       full = copy == NULL;
    push_bench bench;
    char      *exact = malloc(bytes.len ? bytes.len : 1);
    memcpy(exact, bytes.at, bytes.len);
    bench_start(&bench, plan);
    if (!full)
        CHECK_OK(weir_ops_load(bench.ops, slice, true, weir_buf_view(copy), &bench.err),
                 &bench.err);
    weir_code rc = weir_ops_load(bench.ops, slice, full, (weir_str){exact, bytes.len},
                                 &bench.err);
    if (rc == WEIR_OK) {
        weir_emission emission;
        weir_emission_start(bench.ops, bench.arena, &emission);
        rc = weir_ops_emit(bench.ops, slice, (const int64_t[]){INT64_MAX}, &emission, &bench.err);
        CHECK(rc == WEIR_OK || bench.err.fate == WEIR_FATE_HALT); /* a sum may not fit */
    } else {
        CHECK_INT(rc, WEIR_E_CORRUPT);
        CHECK_INT(bench.err.exit, WEIR_EXIT_CORRUPT);
    }
    free(exact);
    bench_stop(&bench);
}

static void damage(weir_plan *(*plan)(weir_arena *), bool full)
{
    push_bench bench;
    weir_buf   slice[WEIR_SLICES] = {{0}}, copy[WEIR_SLICES] = {{0}};
    uint32_t   damaged = 0;
    order_row gone = paid("gone", 50, AT(5));
    bench_start(&bench, plan);
    push_some(&bench);
    push(&bench, &gone, 1, INT64_MIN, INT64_MIN);
    (void)end_epoch(&bench, 0, INT64_MIN);
    if (!full) {
        save_all(&bench, true, copy);
        gone.op = WEIR_ROW_DELETE;
        if (plan != appends_job)
            push(&bench, &gone, 1, INT64_MIN, INT64_MIN);
        push_some(&bench);
        (void)end_epoch(&bench, 0, AT(1));
    }
    save_all(&bench, full, slice);
    for (uint32_t s = 0; s < WEIR_SLICES && damaged < 3; s++) {
        if (slice[s].len < 100)
            continue;
        const weir_buf *under = full ? NULL : &copy[s];
        damaged++;
        for (size_t len = 0; len < slice[s].len; len++)
            load_damaged(plan, s, under, (weir_str){slice[s].at, len});
        for (size_t i = 0; i < slice[s].len; i++)
            for (int bit = 0; bit < 8; bit += 3) {
                slice[s].at[i] = (char)(slice[s].at[i] ^ 1 << bit);
                load_damaged(plan, s, under, weir_buf_view(&slice[s]));
                slice[s].at[i] = (char)(slice[s].at[i] ^ 1 << bit);
            }
    }
    CHECK(damaged > 0);
    free_all(slice);
    free_all(copy);
    bench_stop(&bench);
}

/* What the groups held before is given back each time. */
static void a_delta_loaded_again_takes_no_more_memory(void **state)
{
    (void)state;
    static weir_plan *(*const plans[])(weir_arena *) = {every_class_job, appends_job};
    static char long_text[1500];
    memset(long_text, 'x', sizeof long_text - 1);
    for (uint32_t p = 0; p < 2; p++) {
        push_bench bench, other;
        weir_buf   delta[WEIR_SLICES] = {{0}};
        size_t     used = 0;
        bench_start(&bench, plans[p]);
        bench_start(&other, plans[p]);
        order_row row = paid("anna", 50, AT(1));
        row.status = long_text;
        push(&bench, &row, 1, INT64_MIN, INT64_MIN);
        push_some(&bench);
        (void)end_epoch(&bench, 0, INT64_MIN);
        save_all(&bench, false, delta);
        for (uint32_t i = 0; i < 100; i++) {
            CHECK_OK(load_all(&other, false, delta), &other.err);
            CHECK(weir_ops_groups(other.ops) == weir_ops_groups(bench.ops));
            if (i == 1)
                used = other.budget.used;
        }
        CHECK(used > 0);
        CHECK_U64(other.budget.used, used);
        free_all(delta);
        bench_stop(&bench);
        bench_stop(&other);
    }
}

static void damaged_slices_are_refused_or_harmless(void **state)
{
    (void)state;
    damage(every_class_job, true);
    damage(every_class_job, false);
    damage(appends_job, true);
    damage(appends_job, false);
}

static void a_cut_slice_is_always_refused(void **state)
{
    (void)state;
    push_bench bench;
    weir_buf   slice[WEIR_SLICES] = {{0}};
    bench_start(&bench, every_class_job);
    push_some(&bench);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, true, slice);
    for (size_t len = 0; len < slice[0].len; len++)
        CHECK_FAILS(weir_ops_load(bench.ops, 0, true, (weir_str){slice[0].at, len}, &bench.err),
                    WEIR_E_CORRUPT, &bench.err);
    free_all(slice);
    bench_stop(&bench);
}

static void groups_of_other_operators_are_refused_by_name(void **state)
{
    (void)state;
    push_bench bench, other;
    weir_buf   slice[WEIR_SLICES] = {{0}};
    bench_start(&bench, every_class_job);
    bench_start(&other, main_job);
    push_some(&bench);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, true, slice);
    CHECK_FAILS(load_all(&other, true, slice), WEIR_E_CORRUPT, &other.err);
    CHECK_SAYS(&other.err, "'per_minute'");
    CHECK_SAYS(&other.err, "keys or aggregates");
    free_all(slice);
    bench_stop(&bench);
    bench_stop(&other);
}

/* The same groups, but the second sink takes changes too. */
static weir_plan *two_changes_job(weir_arena *arena)
{
    weir_plan *plan = main_job(arena);
    plan->table[2].final = false;
    return plan;
}

static void a_sink_that_is_new_is_told_all_as_inserts(void **state)
{
    (void)state;
    push_bench bench, other;
    weir_buf   slice[WEIR_SLICES] = {{0}};
    order_row  row = paid("anna", 100, AT(0));
    bench_start(&bench, main_job);
    bench_start(&other, two_changes_job);
    push(&bench, &row, 1, INT64_MIN, INT64_MIN);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, true, slice);
    CHECK_OK(load_all(&other, true, slice), &other.err);
    push(&other, &row, 1, INT64_MIN, INT64_MIN);
    CHECK_TEXT(end_epoch(&other, 1, INT64_MIN), "+I 2023-11-14 22:13:00+00 anna 2 2.00\n");
    push(&other, &row, 1, INT64_MIN, INT64_MIN);
    CHECK_TEXT(end_epoch(&other, 0, INT64_MIN), "+U 2023-11-14 22:13:00+00 anna 3 3.00\n");
    free_all(slice);
    bench_stop(&bench);
    bench_stop(&other);
}

/* Rows pass, and nothing of them is kept. */
static weir_plan *stateless_job(weir_arena *arena)
{
    weir_plan      *plan = plan_with_orders(arena, true);
    weir_node      *project = add_node(plan, WEIR_NODE_PROJECT, "rows", 0);
    const weir_type type[] = {weir_type_of(WEIR_T_TEXT), numeric_type(12, 2)};
    project->schema = schema_of(arena, 2, type);
    project->column = WEIR_ARRAY(arena, const weir_expr *, 2);
    project->column[0] = column_of(arena, ORDER_CUSTOMER, type[0]);
    project->column[1] = column_of(arena, ORDER_AMOUNT, type[1]);
    add_sink(plan, 1, 1);
    return plan;
}

static void a_full_copy_of_nothing_is_a_header(void **state)
{
    (void)state;
    push_bench bench, other;
    weir_buf   full[WEIR_SLICES] = {{0}}, delta[WEIR_SLICES] = {{0}};
    bench_start(&bench, stateless_job);
    bench_start(&other, stateless_job);
    (void)end_epoch(&bench, 0, INT64_MIN);
    save_all(&bench, true, full);
    save_all(&bench, false, delta);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        CHECK_INT(full[s].len, 4);
        CHECK_INT(full[s].at[1], 1);
        CHECK_INT(delta[s].len, 0);
    }
    CHECK_OK(load_all(&other, true, full), &other.err);
    CHECK_OK(load_all(&other, false, delta), &other.err);
    free_all(full);
    bench_stop(&bench);
    bench_stop(&other);
}

static void a_full_copy_without_bytes_is_of_a_job_without_state(void **state)
{
    (void)state;
    push_bench        bench, other;
    const weir_buf    none[WEIR_SLICES] = {{0}};
    weir_kept_step    step = {.kind = WEIR_KEPT_GROUPS, .name = WEIR_STR("per_minute")};
    weir_step_change  one = {.now = &step};
    const weir_change change = {.step = &one, .steps = 1};
    bench_start(&bench, stateless_job);
    bench_start(&other, main_job);
    CHECK_OK(load_all(&bench, true, none), &bench.err);
    CHECK_FAILS(load_all(&other, true, none), WEIR_E_CORRUPT, &other.err);
    weir_ops_adopt(other.ops, &change); /* its SQL had no state before */
    CHECK_OK(load_all(&other, true, none), &other.err);
    CHECK_INT(weir_ops_groups(other.ops), 0);
    one.old = &step;
    CHECK_FAILS(load_all(&other, true, none), WEIR_E_CORRUPT, &other.err);
    bench_stop(&bench);
    bench_stop(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slice_without_a_change_saves_nothing),
        TEST(copies_of_equal_state_hold_equal_groups),
        TEST(what_comes_behind_an_end_is_not_closed),
        TEST(damaged_slices_are_refused_or_harmless),
        TEST(a_delta_loaded_again_takes_no_more_memory),
        TEST(a_cut_slice_is_always_refused),
        TEST(groups_of_other_operators_are_refused_by_name),
        TEST(a_sink_that_is_new_is_told_all_as_inserts),
        TEST(a_full_copy_of_nothing_is_a_header),
        TEST(a_full_copy_without_bytes_is_of_a_job_without_state),
    };
    return RUN_TESTS(tests);
}
