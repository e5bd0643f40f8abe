/* op/op_adopt: state of the plan before, as those who load it see it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_ADOPT_H
#define OP_ADOPT_H

#include "op_types.h"

/* A step of the plan before, whose state is to be loaded into this one's. */
struct op_adopted {
    const weir_kept_step *old;
    bool            loads;       /* else its parts are left out */
    op_aggregate   *aggregate;   /* one of the two */
    op_last_value  *last;
    op_accumulator *accumulator; /* as they are stored: old->values */
    uint32_t       *to;          /* per old value: which of now, or WEIR_NONE */
    const uint32_t *from;        /* per value of now: which of old, or WEIR_NONE */
    uint64_t        unknown;     /* for groups that are loaded */
    uint64_t        signature;   /* of an aggregate's stored parts */
};

/* Of the plan before; NULL: there is none of that name. */
const op_adopted *op_adopted_find(const weir_ops *ops, weir_kept_kind kind, weir_str name);
/* What of this plan's `bit` a stored flow is; OP_FLOWS_MAX: none. */
uint32_t  op_adopted_bit(const weir_ops *ops, const op_aggregate *aggregate, weir_str flow);

/* What makes one operator's stored groups readable by another: key types and classes. */
uint64_t  op_signature(const op_aggregate *aggregate, const op_accumulator *accumulator,
                       uint32_t accumulators);

#endif
