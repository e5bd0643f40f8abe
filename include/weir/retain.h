/* weir/retain: what is kept of a lineage: pins, how far back it goes, the collector, and
 * whether all that is kept is sound.
 *
 * Everything here works on a checkpoint that was opened and not taken over, beside the
 * owner or without one: nothing of it decides who owns the task. One thread at a time per
 * weir_checkpoint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_RETAIN_H
#define WEIR_RETAIN_H

#include "weir/checkpoint.h"

#define WEIR_PINS_MAX 1000u /* of a lineage */

/* A named epoch: it is kept until it is unpinned. Names are as those of jobs. */
typedef struct weir_pin {
    weir_str    name;
    uint64_t    gen, idx, epoch; /* of its manifest */
    weir_sha256 sha;
    int64_t     written_us; /* when it was pinned, wall clock */
} weir_pin;

/* By name, in `arena`. A pin that is damaged is CORRUPT. */
weir_code weir_checkpoint_pins(weir_checkpoint *checkpoint, weir_arena *arena,
                               weir_pin **out, uint32_t *out_count, weir_err *err)
    WEIR_MUST_CHECK;
/* CONFLICT when the name is another epoch's; OK when it is this epoch's already. NOTFOUND
   when the collector may already have begun to take the epoch. */
weir_code weir_checkpoint_pin(weir_checkpoint *checkpoint, weir_str name,
                              const weir_manifest *manifest, weir_err *err) WEIR_MUST_CHECK;
/* NOTFOUND when there is no such pin. */
weir_code weir_checkpoint_unpin(weir_checkpoint *checkpoint, weir_str name, weir_err *err)
    WEIR_MUST_CHECK;

/* Every epoch from `first` to `last` is there, and all that it needs. */
typedef struct weir_span {
    uint64_t first, last; /* epochs; 0: the lineage has none */
    uint64_t generations; /* that were sealed */
    bool     finalised;   /* `last` is known to be */
} weir_span;
weir_code weir_checkpoint_span(weir_checkpoint *checkpoint, weir_span *out, weir_err *err)
    WEIR_MUST_CHECK;

/* The manifest of an epoch within the span, or of a pinned one; else NOTFOUND. */
weir_code weir_checkpoint_find(weir_checkpoint *checkpoint, uint64_t epoch,
                               weir_arena *arena, weir_manifest **out, weir_err *err)
    WEIR_MUST_CHECK;
/* The last epoch of the span whose manifest was written at `wall_us` or before. */
weir_code weir_checkpoint_find_time(weir_checkpoint *checkpoint, int64_t wall_us,
                                    weir_arena *arena, weir_manifest **out, weir_err *err)
    WEIR_MUST_CHECK;
/* The lineages of the job at this place count from 1; the one that was opened is the last,
   until another one is chosen. NOTFOUND when it never began. */
weir_code weir_checkpoint_choose_lineage(weir_checkpoint *checkpoint, uint32_t lineage,
                                         weir_err *err) WEIR_MUST_CHECK;

typedef struct weir_collect_setup {
    int64_t  retain_us;  /* epochs of so long ago and younger are kept */
    int64_t  min_age_us; /* nothing younger is taken, whatever retain_us says */
    uint32_t rate;       /* objects a second; 0: as fast as the store answers */
    bool     dry_run;    /* says what it would take, and writes nothing */
    uint64_t owner_gen;  /* not 0: give up when this generation is sealed by another */
    void (*took)(void *self, weir_str key, uint64_t bytes); /* each object; may be NULL */
    void *self;
} weir_collect_setup;

typedef struct weir_collected {
    uint64_t    first;     /* epoch from which on all is kept; 0: nothing can be taken */
    uint64_t    manifests, data; /* objects that were taken */
    uint64_t    bytes;
    const char *stopped; /* why before its end; NULL: it came to it */
} weir_collected;

/* One round. Takes only manifests of generations that are sealed and older than the newest
   one with a finalised manifest, and data objects, that are older than the first epoch kept
   and needed by no epoch that is kept, pinned or last; never a SEAL. A round that ends
   anywhere leaves what the next one goes on with. Fate RETRY: the store is away. */
weir_code weir_checkpoint_collect(weir_checkpoint *checkpoint,
                                  const weir_collect_setup *setup, weir_collected *out,
                                  weir_err *err) WEIR_MUST_CHECK;

typedef struct weir_verified {
    uint64_t seals, manifests, data, bytes; /* objects that were read */
    uint64_t unlisted; /* manifests of versions that did not list what they need */
    uint64_t faults;
} weir_verified;
/* Reads and checks every object that the span and the pins need; `fault` is told of each one
   that is damaged, missing or foreign, and goes on with the next. */
typedef void weir_fault_fn(void *self, weir_str key, const char *what);
weir_code weir_checkpoint_verify(weir_checkpoint *checkpoint, weir_fault_fn *fault,
                                 void *self, weir_verified *out, weir_err *err)
    WEIR_MUST_CHECK;

#endif
