/* tests/op_bench: one lane, a plan, and what comes out of it as text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_BENCH_H
#define OP_BENCH_H

#include "check.h"

#include "op_orders.h"

#define AT(minute) (INT64_C(1699999980000000) + (minute)*MINUTE_US)

typedef struct push_bench {
    weir_arena      *arena;
    weir_plan       *plan;
    weir_ops        *ops;
    weir_budget      budget;
    weir_push_counts counts;
    weir_row_errors  errors;
    weir_err         err;
} push_bench;

static inline void bench_start(push_bench *bench, weir_plan *(*plan)(weir_arena *))
{
    *bench = (push_bench){.arena = weir_arena_new("test", 1 << 16)};
    bench->plan = plan(bench->arena);
    bench->budget.limit = 64u << 20;
    bench->errors.arena = bench->arena;
    CHECK_OK(weir_ops_new(bench->plan, 1, &bench->budget, &bench->ops, &bench->err),
             &bench->err);
}

static inline void bench_stop(push_bench *bench)
{
    weir_ops_free(bench->ops);
    CHECK_INT(bench->budget.used, 0);
    weir_arena_free(bench->arena);
}

static inline weir_code try_push(push_bench *bench, const order_row *order, uint32_t count,
                          int64_t watermark, int64_t closed_us)
{
    order_rows rows;
    orders_start(&rows, bench->arena, bench->plan, count);
    for (uint32_t i = 0; i < count; i++)
        orders_add(&rows, &order[i], watermark);
    weir_rows pushed = orders_end(&rows, closed_us);
    return weir_ops_push(bench->ops, 0, &pushed, &bench->errors, &bench->counts, &bench->err);
}

static inline void push(push_bench *bench, const order_row *order, uint32_t count,
                        int64_t watermark, int64_t closed_us)
{
    CHECK_OK(try_push(bench, order, count, watermark, closed_us), &bench->err);
}

/* The first flow's rows at an epoch's end, one a line: op and columns. */
static inline const char *end_epoch(push_bench *bench, uint32_t flow, int64_t watermark_us)
{
    weir_emission emission;
    weir_buf      text = {0};
    weir_emission_start(bench->ops, bench->arena, &emission);
    weir_ops_passed(bench->ops, 0, &emission);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        CHECK_OK(weir_ops_merge(bench->ops, s, &bench->err), &bench->err);
        CHECK_OK(weir_ops_emit(bench->ops, s, &watermark_us, &emission, &bench->err),
                 &bench->err);
    }
    for (uint32_t b = 0; b < emission.flow[flow].batches; b++) {
        const weir_batch *batch = emission.flow[flow].batch[b];
        for (uint32_t r = 0; r < batch->rows; r++) {
            static const char *const ops[] = {"+I", "-U", "+U", "-D"};
            weir_buf_text(&text, ops[batch->op ? batch->op[r] : 0]);
            for (uint32_t c = 0; c < batch->columns; c++) {
                weir_datum value = weir_column_get(&batch->column[c], r);
                weir_buf_text(&text, value.null ? " NULL" : " ");
                weir_datum_print(&text, batch->column[c].type, &value);
            }
            weir_buf_text(&text, "\n");
        }
    }
    weir_ops_next(bench->ops);
    weir_ops_recycle(bench->ops);
    const char *out = weir_arena_text(bench->arena, "%.*s", (int)text.len,
                                      text.at ? text.at : "");
    weir_buf_done(&text);
    return out;
}

static inline order_row paid(const char *customer, int64_t cents, int64_t paid_us)
{
    return (order_row){.customer = customer, .status = "PAID", .cents = cents,
                       .paid_us = paid_us, .partner = WEIR_NONE};
}

/* The two images of an update. */
static inline void pair(order_row *rows, const order_row *before, const order_row *after)
{
    rows[0] = *before;
    rows[1] = *after;
    rows[0].op = WEIR_ROW_UPDATE_OLD;
    rows[1].op = WEIR_ROW_UPDATE_NEW;
    rows[0].partner = 1;
    rows[1].partner = 0;
}

#endif
