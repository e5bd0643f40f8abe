/* checkpoint/keep: pins, the collector's mark, and where epochs are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CHECKPOINT_KEEP_H
#define CHECKPOINT_KEEP_H

#include "checkpoint_parts.h"
#include "weir/retain.h"

/* What the collector may have taken: everything older than its manifest that nothing needs. */
typedef struct keep_mark {
    bool         there;
    record_place first; /* kept from here on */
    weir_sha256  sha;   /* of the mark itself */
} keep_mark;
weir_code keep_mark_read(const checkpoint_log *log, weir_arena *arena, keep_mark *out,
                         weir_err *err);
/* Puts the mark of an epoch, or finds it there. Also gives the time by the store's clock. */
weir_code keep_mark_write(const checkpoint_log *log, const record_place *first,
                          weir_arena *arena, keep_mark *out, int64_t *out_store_us,
                          weir_err *err);

/* Removes marks that are lower. */
weir_code keep_marks_tidy(const checkpoint_log *log, uint64_t epoch, weir_arena *arena,
                          weir_err *err);

typedef struct keep_pins {
    weir_pin   *pin;
    uint32_t    count;
    weir_sha256 listed; /* changes when a pin comes or goes */
} keep_pins;
weir_code keep_pins_list(const checkpoint_log *log, weir_arena *arena, weir_listed **out,
                         uint32_t *out_count, weir_sha256 *out_listed, weir_err *err);
weir_code keep_pins_read(const checkpoint_log *log, weir_arena *arena, keep_pins *out,
                         weir_err *err);

typedef struct keep_tail {
    record_place last;      /* idx 0: there is none */
    bool         finalised; /* it is known to be */
    uint64_t     gen;       /* the open generation */
    record_place final; /* the newest one that is finalised for sure; idx 0: none */
} keep_tail;
weir_code keep_tail_look(const checkpoint_log *log, weir_arena *arena, keep_tail *out,
                         weir_err *err);

/* The last manifest of the generations before `gen`; idx 0: none. */
weir_code keep_before_generation(const checkpoint_log *log, uint64_t gen,
                                 weir_arena *arena, record_place *out, weir_err *err);
/* The manifest at (gen, idx) as a place, or false: it is not there any more. */
weir_code keep_place_at(const checkpoint_log *log, uint64_t gen, uint64_t idx,
                        weir_arena *arena, bool *out_there, record_place *out,
                        int64_t *out_written_us, weir_err *err);
/* The first manifest that was written at `since_us` or later, of those up to `last`, which
   is; not older than `floor`. What is missing counts as old. */
weir_code keep_first_since(const checkpoint_log *log, const record_place *last,
                           const record_place *floor, int64_t since_us, record_place *out,
                           weir_err *err);

#endif
