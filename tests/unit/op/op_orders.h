/* tests/op_orders: rows of the table "orders" of op_fixture.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_ORDERS_H
#define OP_ORDERS_H

#include "op_fixture.h"

/* Rows of orders, one after the other. */
typedef struct order_rows {
    weir_builder column[ORDER_COLUMNS];
    uint8_t     *op;
    int64_t     *watermark;
    uint32_t    *partner;
    uint32_t     rows;
    weir_column  done[ORDER_COLUMNS];
    weir_batch   batch;
} order_rows;

typedef struct order {
    const char *customer, *status;
    int64_t     cents; /* INT64_MIN: NULL */
    int64_t     paid_us; /* INT64_MIN: NULL */
    uint8_t     op;
    uint32_t    partner;
} order_row;

static inline void orders_start(order_rows *rows, weir_arena *arena, const weir_plan *plan,
                                uint32_t most)
{
    *rows = (order_rows){.rows = 0};
    for (uint32_t c = 0; c < ORDER_COLUMNS; c++)
        weir_builder_start(&rows->column[c], arena, plan->table[0].schema.field[c].type, most);
    rows->op = WEIR_ARRAY(arena, uint8_t, most + 1);
    rows->watermark = WEIR_ARRAY(arena, int64_t, most + 1);
    rows->partner = WEIR_ARRAY(arena, uint32_t, most + 1);
}

static inline void orders_add(order_rows *rows, const order_row *order, int64_t watermark)
{
    weir_builder_i64(&rows->column[ORDER_ID], rows->rows);
    if (order->customer != NULL)
        weir_builder_text(&rows->column[ORDER_CUSTOMER], weir_str_of(order->customer));
    else
        weir_builder_null(&rows->column[ORDER_CUSTOMER]);
    weir_builder_text(&rows->column[ORDER_STATUS], weir_str_of(order->status));
    if (order->cents != INT64_MIN)
        weir_builder_i128(&rows->column[ORDER_AMOUNT], order->cents, 2);
    else
        weir_builder_null(&rows->column[ORDER_AMOUNT]);
    if (order->paid_us != INT64_MIN)
        weir_builder_i64(&rows->column[ORDER_PAID_AT], order->paid_us);
    else
        weir_builder_null(&rows->column[ORDER_PAID_AT]);
    rows->op[rows->rows] = order->op;
    rows->partner[rows->rows] = order->partner;
    rows->watermark[rows->rows++] = watermark;
}

static inline weir_rows orders_end(order_rows *rows, int64_t closed_us)
{
    for (uint32_t c = 0; c < ORDER_COLUMNS; c++)
        rows->done[c] = weir_builder_end(&rows->column[c]);
    rows->batch = (weir_batch){.rows = rows->rows, .selected = rows->rows,
                               .columns = ORDER_COLUMNS, .column = rows->done,
                               .op = rows->op};
    return (weir_rows){.batch = &rows->batch, .watermark = rows->watermark,
                       .partner = rows->partner, .closed_us = closed_us};
}

#endif
