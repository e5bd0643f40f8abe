/* weir/repair: rows that a sink's target refuses for ever, as a repair finds them.
 *
 * Part of the shape of a sink: sink.h includes it. The story is in engine/engine_repair.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_REPAIR_H
#define WEIR_REPAIR_H

#include "weir/batch.h"
#include "weir/checkpoint.h"

typedef struct weir_sink    weir_sink;
typedef struct weir_history weir_history;

#define WEIR_REFUSED_CODE 16 /* bytes, with the NUL: what is longer is cut */
#define WEIR_REFUSED_MSG 200

/* A row of the last epoch that the target refuses for ever; all of it is in the repair's arena. */
typedef struct weir_repair_row {
    weir_str           table;  /* in the target */
    const weir_schema *schema; /* of a row to be removed: of its key */
    const weir_batch  *batch;
    uint32_t           row;    /* in that batch */
    bool               remove; /* it is to be removed; `batch` has its key */
    char               code[WEIR_REFUSED_CODE];
    char               msg[WEIR_REFUSED_MSG];
} weir_repair_row;

typedef struct weir_repair {
    bool             dry_run; /* nothing is written, nobody is made to let go */
    weir_arena      *arena;
    uint64_t         epoch;   /* out: that is refused, or 0: the target is at the last one */
    uint32_t         count, room;
    weir_repair_row *row;     /* out: that are refused */
    weir_stage      *stage;   /* of the AMEND: for the blobs of `payload`; NULL in a dry run */
    weir_buf        *payload; /* out: the rows that are taken */
} weir_repair;

/* After replay failed with exit SINK_SCHEMA, by the owner: claims the target, finds the rows.
   count 0: they are taken now, and replay takes the claim back. */
typedef weir_code weir_sink_repair_fn(weir_sink *, weir_history *, weir_repair *, weir_err *);

#endif
