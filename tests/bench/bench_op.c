/* tests/bench_op: nanoseconds of CPU time per row of the main job's push: filter, window,
 * keys and accumulators of 10,000 customers by minute.
 *
 *     bench_op [rows in millions] [minutes that an epoch holds]
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../unit/op/op_orders.h"

#define CUSTOMERS 10000u
#define BATCHES 256u /* made once and pushed again and again */
#define EPOCH_BATCHES 2048u

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static weir_rows make_batch(weir_arena *arena, const weir_plan *plan, uint64_t *state,
                            int64_t paid_us)
{
    static const char *const statuses[] = {"PAID", "SHIPPED", "PAID", "NEW"};
    order_rows *rows = WEIR_NEW(arena, order_rows);
    orders_start(rows, arena, plan, WEIR_BATCH_ROWS);
    for (uint32_t i = 0; i < WEIR_BATCH_ROWS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "customer-%05u",
                 (unsigned)(next_random(state) % CUSTOMERS));
        order_row order = {.customer = name, .status = statuses[next_random(state) % 4],
                       .cents = (int64_t)(next_random(state) % 100000), .partner = WEIR_NONE,
                       .paid_us = paid_us};
        orders_add(rows, &order, INT64_MIN);
    }
    return orders_end(rows, INT64_MIN);
}

typedef struct bench_times {
    int64_t push_ns, end_ns;
    uint64_t rows, out;
} bench_times;

static void end_epoch(weir_ops *ops, bench_times *times)
{
    weir_err      err;
    weir_emission emission;
    weir_buf      saved = {0};
    weir_arena   *arena = weir_arena_new("emission", 1 << 20);
    int64_t       start = cpu_ns();
    weir_emission_start(ops, arena, &emission);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        if (weir_ops_merge(ops, s, &err) != WEIR_OK ||
            weir_ops_emit(ops, s, (const int64_t[]){INT64_MIN}, &emission, &err) != WEIR_OK)
            abort();
        weir_ops_save(ops, s, false, &saved);
    }
    weir_ops_next(ops);
    weir_ops_recycle(ops);
    times->end_ns += cpu_ns() - start;
    times->out += emission.flow[0].rows;
    weir_buf_done(&saved);
    weir_arena_free(arena);
}

int main(int argc, char **argv)
{
    uint64_t     total = (uint64_t)(argc > 1 ? strtol(argv[1], NULL, 10) : 20) * 1000000;
    int64_t      minutes = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
    weir_arena  *arena = weir_arena_new("bench", 1 << 20);
    weir_arena  *scratch = weir_arena_new("scratch", 1 << 20);
    weir_plan   *plan = main_job(arena);
    weir_budget  budget = {.limit = (size_t)1 << 30};
    weir_ops    *ops = NULL;
    weir_err     err;
    bench_times  times = {0};
    uint64_t     state = 88172645463325252u;
    weir_rows   *batch = WEIR_ARRAY(arena, weir_rows, BATCHES);
    if (weir_ops_new(plan, 1, &budget, &ops, &err) != WEIR_OK)
        abort();
    for (uint32_t i = 0; i < BATCHES; i++)
        batch[i] = make_batch(arena, plan, &state,
                              INT64_C(1699999980000000) + i * minutes * MINUTE_US / BATCHES);
    for (uint64_t pushed = 0; pushed * WEIR_BATCH_ROWS < total; pushed++) {
        weir_row_errors  errors = {.arena = scratch};
        weir_push_counts counts = {0};
        weir_arena_mark  here = weir_arena_here(scratch);
        int64_t          start = cpu_ns();
        if (weir_ops_push(ops, 0, &batch[pushed % BATCHES], &errors, &counts,
                          &err) != WEIR_OK)
            abort();
        times.push_ns += cpu_ns() - start;
        times.rows += WEIR_BATCH_ROWS;
        weir_arena_rewind(scratch, here);
        if (pushed % EPOCH_BATCHES == EPOCH_BATCHES - 1)
            end_epoch(ops, &times);
    }
    end_epoch(ops, &times);
    printf("push %.1f ns/row, epoch ends %.1f ns/row, %" PRIu64 " rows, %" PRIu64
           " rows out, %zu bytes of state\n",
           (double)times.push_ns / (double)times.rows, (double)times.end_ns / (double)times.rows,
           times.rows, times.out, (size_t)budget.used);
    weir_ops_free(ops);
    weir_arena_free(scratch);
    weir_arena_free(arena);
    return 0;
}
