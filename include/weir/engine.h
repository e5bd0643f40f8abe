/* weir/engine: runs one job: reads, pushes, cuts epochs, commits, recovers, stops.
 *
 * The engine knows kinds only through what it is given here; it owns every thread of the
 * job. It is the one place, with weir.c, that logs errors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_H
#define WEIR_ENGINE_H

#include <stdatomic.h>

#include "weir/checkpoint.h"
#include "weir/clock.h"
#include "weir/codec.h"
#include "weir/kept.h"
#include "weir/plan.h"
#include "weir/promotion.h"
#include "weir/sink.h"
#include "weir/source.h"
#include "weir/store.h"

typedef enum weir_phase {
    WEIR_PHASE_STARTING,
    WEIR_PHASE_STANDBY, /* watching a live owner */
    WEIR_PHASE_RECOVERING,
    WEIR_PHASE_RUNNING,
    WEIR_PHASE_STOPPING,
    WEIR_PHASE_DONE
} weir_phase;

/* What other threads may look at while the engine runs. */
typedef struct weir_status {
    _Atomic int      phase;     /* weir_phase */
    _Atomic bool     ready;     /* reads and commits: /readyz */
    _Atomic uint64_t epoch;     /* last finalised */
    _Atomic uint64_t records;   /* read since the start */
    _Atomic uint64_t bad, late, duplicate, skipped; /* since the start */
    _Atomic uint64_t rows_out;  /* rows handed to sinks */
    _Atomic int64_t  sink_us;   /* spent in their execute and commit, one after the other */
    _Atomic int64_t  expected;  /* bounded runs: records up to the end, -1 unknown */
    _Atomic int64_t  watermark_us;
} weir_status;

/* A replay is a lineage of its own: it begins where an epoch of a live lineage ended, or where
   the sources do, and ends where a later epoch ended, or where the sources do now. Its first
   epoch writes all of its state, so that later ones need no object of the live lineage. What
   was asked, and where it ends, is in its manifests: a start that goes on needs neither
   `live` nor epochs. */
typedef struct weir_replay {
    weir_str         from_asked, until_asked; /* as given; kept in its manifests */
    weir_checkpoint *live;       /* looked at, never owned; for `from` and `until` */
    const weir_manifest *from;   /* NULL: where the sources begin */
    const weir_manifest *until;  /* NULL: where the sources end at the first start, or, in a
                                    replay that goes on, where it was to end then. Windows
                                    that this epoch had not closed stay open. One that came
                                    to an end may be given a later one. */
    uint64_t         last_epoch; /* of the live lineage, at which it is over; `until` may come
                                    before it; 0: the sources' end */
    uint64_t         rate;       /* records a second at most; 0: as they come */
    bool             silent;     /* sources are not told how far it has read */
    /* Behind every epoch of it, by the thread that commits; not OK ends the run. NULL: none. */
    weir_code (*epoch_done)(void *self, weir_err *err);
    void            *self;
} weir_replay;

/* What a lineage without an epoch begins with: state, positions and open files of another one.
   Looked at, never owned. */
typedef struct weir_origin {
    weir_checkpoint     *checkpoint;
    const weir_manifest *manifest;
} weir_origin;

typedef struct weir_engine_setup {
    const weir_plan  *plan;
    weir_clock       *clock;
    const atomic_int *stop;       /* 0 run, 1 finish and seal, 2 give up waiting too */
    weir_status      *status;
    bool              until_end;  /* bounded: up to what is there at the first start */
    bool              leave_open; /* bounded: keep windows open for the next run */
    bool              fresh;      /* the next lineage, from nothing */
    bool              keep_output; /* fresh: rows and files of older lineages may stay */
    bool              take_over;  /* do not watch a live owner first */
    uint32_t          lineage;    /* the n of l<n>; 0: the last one, with `fresh` the next */
    bool              ended;      /* that lineage has ended: weir_engine_settle */
    const weir_origin *origin;    /* NULL: it begins with nothing */
    const weir_replay *replay;    /* NULL: the live job; else until_end is set */
    weir_allow        allow;      /* of what changed SQL would lose */
    weir_str          embedded;   /* --embedded DIR, or empty */
    weir_str          output;     /* "table", "json", "csv" */
    /* Kinds by the names that the plan uses; swapped by weir.c for --embedded. */
    const weir_source_kind *(*source_kind)(weir_str connector);
    const weir_sink_kind   *(*sink_kind)(weir_str connector);
    /* Opens a store for "s3://bucket/prefix" or a folder; see weir_sink_setup. `self` is
       store_self. */
    weir_code (*store_at)(void *self, weir_str location, weir_store **out,
                          weir_str *out_prefix, weir_err *err);
    void *store_self;
} weir_engine_setup;

/* Runs the job until its end, a stop or a HALT. OK: err->exit is not set and the process
   exits 0. Otherwise err->exit is the exit code. */
weir_code weir_engine_run(const weir_engine_setup *setup, weir_err *err) WEIR_MUST_CHECK;

/* A row that a database refuses for ever, of the last committed epoch. */
typedef struct weir_repaired_row {
    weir_str    group, table; /* table: in the database */
    weir_str    row;          /* JSON */
    weir_str    letters;      /* the dead letters that it goes to */
    bool        remove;       /* it should have been removed; row is its key */
    const char *code, *msg;   /* of the server; in the arena, as all of it */
} weir_repaired_row;

typedef struct weir_repaired {
    uint64_t           epoch;   /* the last one that is committed; 0: none is */
    bool               needed;  /* a database is not at it, and refuses rows of it */
    bool               amended; /* it was replaced, and all is visible */
    uint32_t           rows;
    weir_repaired_row *row;
} weir_repaired;

/* `weir checkpoint repair`: looks whether the last epoch's rows are refused; then, and if
   not dry_run, takes the lineage over, replaces the epoch by an AMEND without those rows,
   which become dead letters, and brings every sink to it. Reads no source. *out is in
   `arena`, and filled as far as it came also when it fails. Exit FENCED when another takes
   the lineage over meanwhile: nothing is half done, whoever owns it goes on. */
weir_code weir_engine_repair(const weir_engine_setup *setup, bool dry_run, weir_arena *arena,
                             weir_repaired *out, weir_err *err) WEIR_MUST_CHECK;

/* The section of a manifest that holds the payloads of a sink table's group; a NUL is behind
   it. *out_group: the group's name, a view of the table's; may be NULL. */
weir_str weir_sink_section(const weir_table *table, const weir_sink_kind *kind,
                           weir_arena *arena, weir_str *out_group);

typedef struct weir_settled {
    weir_manifest_place last; /* of the lineage; idx 0: it has no epoch */
    bool end;                 /* it came to its end: --until, or a replay's */
} weir_settled;

/* Brings every sink of setup->lineage, which has ended (weir_checkpoint_begin), to its last
   epoch. Reads no source; tables are neither made nor compared with the plan. Safe to repeat. */
weir_code weir_engine_settle(const weir_engine_setup *setup, weir_settled *out,
                             weir_err *err) WEIR_MUST_CHECK;

/* Renames the tables of a promotion, those of each database in one step: all or none of them.
   Where it is done already nothing happens. With `dry_run` it says whether it can be done. */
weir_code weir_engine_rename(const weir_engine_setup *setup, const weir_promotion *promotion,
                             bool dry_run, weir_err *err) WEIR_MUST_CHECK;

#endif
