/* tests/fuzz_state: any bytes as a saved slice: refused as corrupt, or groups that can be
 * merged with rows, emitted, closed, saved and loaded again.
 *
 * The first byte says which plan (bit 0: rows can be retracted), whether it is a full copy
 * (bit 1), and which slice (the others).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "../unit/op/op_orders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is)
{
    if (!is)
        __builtin_trap();
}

static weir_plan *fuzz_job(weir_arena *arena, bool changelog)
{
    weir_plan *plan = plan_with_orders(arena, changelog);
    uint32_t   window = add_window(arena, plan, true);
    weir_type  any = weir_type_of(WEIR_T_NUMERIC);
    weir_expr *amount = column_of(arena, ORDER_AMOUNT, numeric_type(12, 2));
    weir_expr *loose = call_of(arena, WEIR_FN_CAST, any, 1, (const weir_expr *[]){amount});
    weir_aggregate list[] = {
        aggregate_of(WEIR_AGG_COUNT_STAR, NULL, weir_type_of(WEIR_T_INT64)),
        aggregate_of(WEIR_AGG_SUM, amount, numeric_type(38, 2)),
        aggregate_of(WEIR_AGG_AVG, loose, any),
        aggregate_of(WEIR_AGG_MAX, column_of(arena, ORDER_STATUS, weir_type_of(WEIR_T_TEXT)),
                     weir_type_of(WEIR_T_TEXT)),
        aggregate_of(WEIR_AGG_SUM, loose, any),
    };
    list[4].distinct = true;
    const uint32_t key[] = {ORDER_COLUMNS, ORDER_CUSTOMER};
    uint32_t top = add_aggregate(arena, plan, window, &(grouping){2, key, 5, list});
    add_sink(plan, top, 1);
    add_sink(plan, top, 2);
    return plan;
}

static weir_ops *new_ops(const weir_plan *plan, weir_budget *budget)
{
    weir_ops *ops = NULL;
    weir_err  err;
    require(weir_ops_new(plan, 1, budget, &ops, &err) == WEIR_OK);
    return ops;
}

/* Whatever was loaded works on; sums may not fit, which stops a job but does no harm. */
static void use(weir_ops *ops, const weir_plan *plan, weir_budget *budget, uint32_t slice)
{
    weir_arena   *arena = weir_arena_new("fuzz", 1 << 14);
    weir_buf      full = {0};
    weir_emission emission;
    weir_err      err;
    weir_ops_save(ops, slice, true, &full);
    weir_ops *other = new_ops(plan, budget);
    require(weir_ops_load(other, slice, true, weir_buf_view(&full), &err) == WEIR_OK);
    require(weir_ops_groups(other) == weir_ops_groups(ops));
    weir_ops_free(other);
    weir_emission_start(ops, arena, &emission);
    weir_code rc = weir_ops_emit(ops, slice, (const int64_t[]){INT64_MAX}, &emission, &err);
    require(rc == WEIR_OK || err.fate == WEIR_FATE_HALT);
    weir_buf_done(&full);
    weir_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    weir_arena *arena = weir_arena_new("fuzz", 1 << 14);
    weir_plan  *plan = fuzz_job(arena, data[0] & 1);
    weir_budget budget = {.limit = 64u << 20};
    weir_ops   *ops = new_ops(plan, &budget);
    weir_err    err;
    uint32_t    slice = data[0] >> 2;
    weir_str    bytes = {(const char *)data + 1, size - 1};
    weir_code   rc = weir_ops_load(ops, slice, data[0] & 2, bytes, &err);
    require(rc == WEIR_OK || rc == WEIR_E_CORRUPT);
    if (rc == WEIR_OK) {
        uint64_t groups = weir_ops_groups(ops);
        require(weir_ops_load(ops, slice, data[0] & 2, bytes, &err) == WEIR_OK);
        require(weir_ops_groups(ops) == groups); /* into groups that are there */
        use(ops, plan, &budget, slice);
    }
    weir_ops_free(ops);
    require(budget.used == 0);
    weir_arena_free(arena);
    return 0;
}
