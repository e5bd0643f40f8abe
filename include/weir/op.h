/* weir/op: what a job does to rows between decoding and sinks.
 *
 * One weir_ops runs all nodes of a plan. Lanes (threads) push batches of source rows:
 * filters, projections, windows, lateness and a lane-local pre-aggregation happen there.
 * At an epoch's end, with all lanes standing still, the lanes' tables are merged slice by
 * slice into the keyed state (WEIR_SLICES slices by key hash; different slices may be
 * handled by different threads), changed and closed groups are emitted, and each slice is
 * saved as a delta or a full copy. No I/O, no clock.
 *
 * Order of calls in an epoch: push* per lane; then for each slice: merge, emit, save;
 * then weir_ops_next once. Results do not depend on the number of lanes or on how rows
 * were cut into batches and epochs, except for sums over floats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_OP_H
#define WEIR_OP_H

#include "weir/kept.h"
#include "weir/plan.h"
#include "weir/state.h"

typedef struct weir_ops weir_ops;

weir_code weir_ops_new(const weir_plan *plan, uint32_t lanes, weir_budget *budget,
                       weir_ops **out, weir_err *err) WEIR_MUST_CHECK;
void      weir_ops_free(weir_ops *ops);

/* Rows of one source table, in order within their partition. */
typedef struct weir_rows {
    uint32_t          table;     /* in plan->table */
    const weir_batch *batch;     /* the table's columns; sel, op */
    const int64_t    *watermark; /* per row: its partition's watermark before its event,
                                    microseconds; INT64_MIN: none yet */
    const uint32_t   *partner;   /* per row: the other image of its update, or WEIR_NONE */
    int64_t           closed_us; /* windows up to here were closed at earlier epochs */
    bool              must;      /* memory is taken whether it fits or not: rows that
                                    weir_ops_last_value gave do not come again */
} weir_rows;

typedef struct weir_push_counts {
    uint64_t late;      /* rows behind their partition's watermark */
    uint64_t late_idle; /* rows for windows that closed while the partition was idle */
    uint64_t split;     /* updates with one half late */
    uint64_t passed;    /* rows that went into flows without state */
    uint64_t passed_bytes;
} weir_push_counts;

/* Both images of an update that fall into the same group with the same arguments cancel
   before lateness is judged. `errors` takes rows for which an expression failed, one error
   per row: they are left out of all flows. Its arena is also scratch memory; the caller may
   rewind it afterwards. Adds to *counts. WEIR_E_LIMIT when the budget does not allow what
   is needed: nothing of the call was done, it can be repeated after an epoch's end. */
weir_code weir_ops_push(weir_ops *ops, uint32_t lane, const weir_rows *rows,
                        weir_row_errors *errors, weir_push_counts *counts,
                        weir_err *err) WEIR_MUST_CHECK;

/* What the rows of a batch are ordered by: window_end, then the group's key by its bytes.
   Of an aggregate's rows that go to a sink without a key; else both are NULL. */
typedef struct weir_flow_order {
    const int64_t  *window_end; /* per row, microseconds */
    const weir_str *key;
} weir_flow_order;

/* What goes to one sink node: batches of the sink table's columns, with op. */
typedef struct weir_flow {
    uint32_t     node;    /* SINK node of the plan */
    uint32_t     batches, room;
    weir_batch **batch;
    weir_flow_order *order; /* per batch */
    uint64_t     rows;
} weir_flow;

typedef struct weir_emission { /* one per thread; flows by position of sink nodes */
    weir_arena *arena;  /* everything lives here */
    uint32_t    flows;
    weir_flow  *flow;
    uint64_t    negative; /* groups with a negative count */
} weir_emission;

void weir_emission_start(const weir_ops *ops, weir_arena *arena, weir_emission *out);

/* Rows that lanes passed through flows without state, since the last weir_ops_next, in
   order per partition; they live in the lane's arena until weir_ops_recycle. */
void weir_ops_passed(weir_ops *ops, uint32_t lane, weir_emission *emission);

/* Merges what all lanes have for this slice. */
weir_code weir_ops_merge(weir_ops *ops, uint32_t slice, weir_err *err) WEIR_MUST_CHECK;

/* Emits changed groups (emit = 'changes': +I first time, +U later, -D when gone) and
   closes windows that end at or before the watermark of their source (emit = 'final': +I
   once; INT64_MAX closes all), freeing them. watermark_us: per table of the plan. Rows of a
   slice come in a fixed order: window_end, key. */
weir_code weir_ops_emit(weir_ops *ops, uint32_t slice, const int64_t *watermark_us,
                        weir_emission *emission, weir_err *err) WEIR_MUST_CHECK;

/* The slice's change since the last save (or a full copy); appends nothing when there was
   none (delta). Must follow emit. */
void weir_ops_save(weir_ops *ops, uint32_t slice, bool full, weir_buf *out);
/* From now on a group that an epoch leaves as it was, because what came was retracted, is
   emitted all the same. For replays: where the live job cut an epoch between the two, its
   sink has the row once more. */
void      weir_ops_tell_touched(weir_ops *ops);
/* Before weir_ops_load: what is loaded was saved by another plan's operators. `change` has
   to live as long as loading; after it every slice has to be saved in full. Flows that are
   told so get all groups at the next emit. */
void      weir_ops_adopt(weir_ops *ops, const weir_change *change);
/* Windows that a step is not to count, by its name: weir_kept_step.whole_us. */
void      weir_ops_begin(weir_ops *ops, const weir_kept *kept);
/* Restores: one full copy, then its deltas in order. A copy without bytes is of a plan that
   kept nothing. CORRUPT when the bytes are not of this plan's operators or damaged. */
weir_code weir_ops_load(weir_ops *ops, uint32_t slice, bool full, weir_str bytes,
                        weir_err *err) WEIR_MUST_CHECK;
size_t    weir_ops_slice_bytes(const weir_ops *ops, uint32_t slice); /* full copy, about */

/* Starts the next epoch: lanes may push again. What was emitted and passed before lives
   on until weir_ops_recycle(previous epoch) says that it is committed. */
void weir_ops_next(weir_ops *ops);
void weir_ops_recycle(weir_ops *ops);

uint64_t weir_ops_groups(const weir_ops *ops); /* groups in state */
/* What each operator keeps: aggregates, then last-value tables; false behind the last. Not
   while lanes push. */
typedef struct weir_op_count {
    weir_str name; /* of the step, or of the source table */
    uint64_t rows, bytes; /* bytes: of a full copy, about */
} weir_op_count;
bool     weir_ops_count(const weir_ops *ops, uint32_t index, weir_op_count *out);
bool     weir_ops_has_windows(const weir_ops *ops);

/* Last-value tables (old_row = 'state'). Rows of `images` are after images, or key-only
   images of deletes (op DELETE). Gives the rows with their old values in front: -U then
   +U, -D, or +I; out_from[i] is the row of `images` that row i comes from. */
weir_code weir_ops_last_value(weir_ops *ops, uint32_t table, const weir_batch *images,
                              weir_arena *arena, weir_batch **out_rows, uint32_t **out_from,
                              weir_err *err) WEIR_MUST_CHECK;
/* Takes up to `most` rows out of the table of last values: out_rows has their old images,
   with op DELETE, in `arena`. True when there are more. */
bool weir_ops_last_truncate(weir_ops *ops, uint32_t table, uint32_t most, weir_arena *arena,
                            weir_batch **out_rows);

#endif
