/* op/op_types: the structs behind weir_ops, and what the files of this folder give each
 * other.
 *
 * A plan is cut at its aggregates. Below an aggregate, lanes run nodes on batches of source
 * rows (op_run) and fold what arrives into tables of their own (op_fold, op_lane_table).
 * Above it, at an epoch's end, changed and closed groups become batches that run through
 * the nodes up to the sinks (op_emit).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_TYPES_H
#define OP_TYPES_H

#include <pthread.h>

#include "agg_class.h"
#include "op_group_key.h"
#include "weir/kept.h"
#include "weir/op.h"

#define OP_FLOWS_MAX 32u        /* sinks with emit = 'changes' behind one aggregate: a bit each */
#define OP_VALUE_ROOM 128u       /* bytes that a value of MIN, MAX or DISTINCT takes, about */
#define OP_FOREVER INT64_MAX    /* window_end of groups that are in no window */

/* A group: of a lane's table, or of the state. Its accumulators lie behind it, then its
   key. */
typedef struct op_group {
    _Alignas(16) weir_entry entry;
    int64_t    rows; /* inserts less retractions */
    int64_t    window_end;
    uint32_t   emitted; /* state: bit f: the flow has a row of this group */
    bool       changed; /* state: on the slice's list */
    bool       stored;  /* state: a checkpoint has it */
    uint64_t   unknown; /* state: bit a: aggregate a came with changed SQL, when the group was
                           there: its result is NULL */
} op_group;
_Static_assert(sizeof(op_group) == 48, "accumulators behind it are 16-byte aligned");

/* Nodes of the plan in the order in which they run. */
typedef struct op_path {
    uint32_t  nodes;
    uint32_t *node;
} op_path;

typedef struct op_last_value op_last_value;
typedef struct op_aggregate op_aggregate;

typedef struct op_adopted op_adopted; /* op_adopt.h */

/* What one lane has for one aggregate in this epoch. */
typedef struct op_lane_slot {
    uint32_t tag; /* lower half of the hash: where it belongs, in any room */
    uint32_t ref; /* 0: free */
} op_lane_slot;

typedef struct op_lane_list { /* groups of one slice, by ref, as they came */
    uint32_t *ref;
    uint32_t  count, room;
} op_lane_list;

typedef struct op_lane_table {
    weir_budget  *budget;
    op_lane_slot *slot;
    uint32_t      room, count;
    uint32_t      key_at;     /* bytes of a group in front of its key */
    char        **chunk;      /* groups lie in chunks; a ref is a place in them */
    uint32_t      chunks, chunk_room;
    uint32_t      used_chunks;
    uint32_t      chunk_at;   /* bytes used of the last one */
    op_lane_list  list[WEIR_SLICES];
    weir_slab     slab;       /* what accumulators hold beside themselves */
    size_t        held;       /* bytes that the budget counts, twice: see op_lane_table.c */
} op_lane_table;

/* Groups of one window of a slice. */
typedef struct op_pane {
    int64_t    end;
    weir_keyed groups;
    weir_slab  slab;
} op_pane;

typedef struct op_slice {
    op_pane  **pane; /* by rising end */
    uint32_t   panes, pane_room;
    op_group **changed; /* since the last emit */
    uint32_t   changes, change_room;
    weir_unsaved unsaved;
    weir_buf   gone;       /* keys of stored groups that went: i64 window_end, blob key */
    uint32_t   gone_count;
    int64_t    closed_us;  /* windows up to here are closed; INT64_MIN: none */
    bool       closed_unsaved; /* stored groups went with their windows */
    uint64_t   groups, counted; /* counted: what ops->groups has of them */
    uint64_t   stored_bytes;    /* of a full copy, about */
} op_slice;

/* A sink behind an aggregate. */
typedef struct op_output {
    uint32_t flow; /* in emissions */
    uint32_t node; /* the SINK */
    op_path  path; /* nodes between the aggregate and the sink */
    bool     final;
    bool     ordered; /* the sink has no key of its own to order by */
    bool     again;   /* until weir_ops_next: all groups are due, changed or not */
    uint32_t bit;  /* changes: in op_group.emitted */
} op_output;

struct op_aggregate {
    uint32_t         node_number;
    uint32_t         table; /* whose rows it groups */
    const weir_node *node;
    bool             windowed, changelog;
    weir_type       *key_type; /* node->groups of them */
    op_accumulator  *accumulator;
    uint32_t         accumulators;
    uint32_t         key_at; /* bytes of a group in front of its key */
    uint64_t         signature;
    op_output       *output;
    uint32_t         outputs;
    bool             any_final, any_changes;
    atomic_bool      any_unknown; /* groups may have bits in `unknown`; slices are loaded side
                                     by side */
    int64_t          whole_us;    /* windows that end up to here are not its own */
    op_lane_table   *lane;   /* per lane */
    op_slice         slice[WEIR_SLICES];
};

/* A flow without an aggregate: SINK node reached from a source directly. */
typedef struct op_through {
    uint32_t flow;
    uint32_t node;
} op_through;

/* Which nodes a table's rows run through, and what they reach. */
typedef struct op_source {
    op_path     path;
    uint32_t   *aggregate; /* numbers in ops->aggregate */
    uint32_t    aggregates;
    op_through *through;
    uint32_t    throughs;
    op_last_value *last; /* NULL: none is kept */
} op_source;

/* Rows that a lane passed to sinks; two epochs' worth. */
typedef struct op_passed {
    weir_arena   *arena;
    weir_batch ***batch; /* per flow */
    uint32_t     *batches, *room;
    uint64_t     *rows;
} op_passed;

struct weir_ops {
    const weir_plan *plan;
    weir_arena      *arena; /* as long as this */
    weir_budget     *budget;
    uint32_t         lanes;
    op_source       *source;    /* per table of the plan */
    op_aggregate    *aggregate; /* in the plan's order */
    uint32_t         aggregates;
    uint32_t         flows;     /* SINK nodes, in the plan's order */
    uint32_t        *flow_node;
    op_passed       *passed;    /* 2 per lane */
    uint32_t         turn;      /* which of the two is being filled */
    bool             unrecycled; /* the other one is still in use */
    _Atomic uint64_t groups;
    const weir_change *change;  /* what is loaded is of another plan; NULL: of this one */
    op_adopted        *adopted; /* per step of the change */
    bool               tells_touched;
};

/* op_run: runs nodes. out[n] is the output of node n; the first one's is given. */
void op_run(const weir_ops *ops, const op_path *path, const weir_batch **out,
            weir_arena *arena, weir_row_errors *errors);
/* Takes rows with an error at or behind `first` out of a selection. */
void op_drop_failed(weir_batch *batch, const weir_row_errors *errors, uint32_t first,
                    weir_arena *arena);

/* op_group_batch: groups as a batch of the aggregate's output columns. */
void op_group_batch(const op_aggregate *aggregate, op_group *const *group, uint32_t count,
                    weir_arena *arena, weir_batch *out, weir_row_errors *errors);

/* op_flow: batches of an emission. */
/* `order` may be NULL. */
void op_flow_add(weir_emission *emission, uint32_t flow, weir_batch *batch,
                 const weir_flow_order *order);

/* op_last_value: the newest row per primary key, of tables with old_row = 'state'. */
op_last_value *op_last_new(weir_ops *ops, const weir_table *table);
void      op_last_free(op_last_value *last);
bool      op_last_changed(const op_last_value *last, uint32_t slice);
void      op_last_save(op_last_value *last, uint32_t slice, bool full, weir_buf *out);
/* `adopted` as it is stored, or NULL: as `last` keeps it. */
bool      op_last_load(op_last_value *last, const op_adopted *adopted, uint32_t slice,
                       bool full, weir_reader *reader, weir_arena *scratch);
size_t    op_last_bytes(const op_last_value *last, uint32_t slice);
weir_str  op_last_name(const op_last_value *last);
uint64_t  op_last_signature(const op_last_value *last);

#endif
