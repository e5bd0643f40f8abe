/* op/op_fold: rows on their way into the groups of one aggregate.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_FOLD_H
#define OP_FOLD_H

#include "op_types.h"

/* Rows, in order, and what an aggregate needs of them. */
typedef struct op_fold {
    op_aggregate *aggregate;
    uint32_t      count; /* rows, in order */
    uint32_t     *row;
    int64_t      *sign;
    int64_t      *window_end; /* per row of this list */
    op_keys       keys;
    weir_column  *argument;   /* per accumulator */
    uint8_t     **filter;     /* per accumulator: mask by row number; NULL: none */
} op_fold;

void   op_fold_make(op_aggregate *aggregate, const weir_batch *input, weir_arena *scratch,
                    weir_row_errors *errors, op_fold *out);
/* Updates that cancel go, late rows go and are counted. */
void   op_fold_judge(op_fold *fold, const weir_rows *rows, weir_arena *scratch,
                     weir_push_counts *counts);
/* What applying it takes of the budget, at most. */
size_t op_fold_bytes(const op_fold *fold, const op_lane_table *table);
void   op_fold_apply(const op_fold *fold, op_lane_table *table, weir_arena *scratch);

#endif
