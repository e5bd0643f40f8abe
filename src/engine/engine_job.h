/* engine/job: the running job: epochs, sink groups, state in the checkpoint, and the struct
 * that all files of this folder share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include "engine_types.h"

#include "weir/facts.h"

#define ENGINE_DELTAS_MAX 160u /* epochs whose deltas a manifest lists */
#define ENGINE_SINK_SECTION "sink/"
#define ENGINE_DEAD_SECTION "dead/"
#define ENGINE_FULL_SLICES WEIR_LIMIT(2u, 24u) /* full copies that an epoch always may write */

/* One slice of state in the store: its full copy; the deltas behind it are epochs'. */
typedef struct engine_slice {
    weir_blob_ref full;
    bool          has_full;
    uint64_t      full_epoch;  /* deltas of later epochs come on top */
    uint64_t      full_counted; /* what the operators counted of it then; 0: not known */
    uint64_t      delta_bytes; /* since the full copy, as saved */
} engine_slice;

typedef struct engine_delta { /* the deltas of all slices of one epoch, in one blob */
    weir_blob_ref ref;
    uint64_t      epoch;
} engine_delta;

typedef struct engine_group { /* a sink group */
    weir_sink       *sink;
    const weir_sink_kind *kind;
    weir_str         name;
    const char      *section;  /* of manifests: ENGINE_SINK_SECTION "<kind>/<name>" */
    weir_sink_table *table;
    engine_source  **from;     /* per table: where its rows come from */
    uint32_t         tables;
    uint64_t         joined;   /* epoch whose manifest named it first; 0: not yet */
} engine_group;

typedef struct engine_dead { /* a dead-letter target */
    weir_str    name;
    const char *section; /* ENGINE_DEAD_SECTION "<name>" */
    weir_sink  *sink;
} engine_dead;

typedef struct engine_flow { /* where the rows of a SINK node go */
    uint32_t group, table; /* table: in group->table */
    int64_t  idle_us;      /* its files roll when idle for so long; 0: it has none */
    int64_t  at_us;        /* idle since then */
    uint32_t cuts;         /* epochs that have to be cut for that, though nothing comes */
} engine_flow;

/* What an epoch was like, for people: section "summary". */
typedef struct engine_summary {
    int64_t  cut_us;  /* wall clock */
    int64_t  read_us; /* since the cut before */
    int64_t  merge_us;
    uint64_t records, bad, late, duplicate, skipped;
    weir_op_count *state;
    uint32_t       states;
} engine_summary;

/* How long the epoch before took: the newer manifest tells it. */
typedef struct engine_timings {
    uint64_t epoch; /* 0: not known */
    int64_t  execute_us, put_us, commit_us; /* from the cut to where it is in each */
} engine_timings;

/* An epoch between its cut and its end. Everything lives in `arena`. */
typedef struct engine_epoch {
    weir_arena   *arena;
    uint64_t      number;
    int64_t       cut_us;         /* monotonic */
    int64_t      *watermark_us;   /* per table of the plan: windows over its rows up to here
                                     are closed by this epoch */
    bool          end;            /* the job is over */
    weir_arena   *lane_arena[WEIR_LANES_MAX]; /* of what lanes emit */
    weir_emission emission;
    weir_buf      slice_bytes[WEIR_SLICES];
    uint64_t      slice_counted[WEIR_SLICES]; /* by weir_ops_slice_bytes, at the cut */
    bool          slice_full[WEIR_SLICES];
    weir_blob_ref slice_ref[WEIR_SLICES]; /* of full copies, when staged */
    weir_blob_ref delta_ref;
    bool          has_delta;
    weir_buf      positions;      /* section */
    engine_letters letters[WEIR_LANES_MAX + 1];
    uint32_t      letter_sets;
    uint64_t      records;
    engine_summary summary;
    weir_position *ack;           /* all partitions of all sources, in order */
    uint32_t     *ack_count;      /* per source */
} engine_epoch;

typedef struct engine_place { /* of a manifest */
    uint64_t    gen, idx;
    weir_sha256 sha;
} engine_place;

/* Of the epochs before the last one, as far back as was looked; see engine_history.c. */
typedef struct engine_places {
    weir_sha256   last; /* of the last manifest then */
    uint64_t      count, room;
    engine_place *at; /* at[i]: epoch last - 1 - i */
} engine_places;

/* What a replay has to know of the epoch that it ends at; see engine_replay.c. */
typedef struct engine_replay {
    uint64_t   from_epoch, until_epoch, last_epoch; /* 0: the sources' start, their end */
    weir_str   positions; /* section of the epoch at which it ends; empty: the sources' end */
    weir_facts until;     /* read from it */
} engine_replay;

typedef struct engine_rate { /* at most so many records a second; the engine's lock guards it */
    uint64_t most;    /* 0: no limit */
    int64_t  tokens;  /* millionths of a record */
    int64_t  last_us; /* when they were counted */
} engine_rate;

struct engine_job {
    const weir_engine_setup *setup;
    const weir_plan *plan;
    weir_clock      *clock;
    weir_status     *status;
    weir_arena      *arena;   /* job */
    weir_budget      budget;
    weir_ops        *ops;
    uint32_t         sources;
    engine_source   *source;
    uint32_t         partitions; /* of all sources */
    uint32_t         lanes;
    engine_lane     *lane;
    uint32_t         groups;
    engine_group    *group;
    uint32_t         flows;      /* SINK nodes in order of the plan */
    engine_flow     *flow;
    uint32_t         deads;
    engine_dead     *dead;
    weir_store      *store;
    weir_checkpoint *checkpoint;
    uint32_t         lineage;
    weir_manifest   *last;       /* committed; in `manifest_arena` */
    weir_arena      *manifest_arena;
    engine_places    places;
    bool             last_finalised; /* `last` was, when it was taken over */
    uint64_t         last_epoch;
    weir_sha256      last_sha;
    engine_slice     slice[WEIR_SLICES];
    uint32_t         deltas;
    engine_delta     delta[ENGINE_DELTAS_MAX];
    uint64_t         last_delta_bytes; /* of the last epoch, before they are compressed, but for
                                          slices that it wrote whole */
    bool             ended;      /* the last manifest is an END */
    bool             as_it_is;   /* sinks are opened for tools: tables are not compared */
    bool             log_empty;  /* seen before the takeover: nothing is committed in it */
    bool             all_full;   /* the next epoch writes every slice whole */
    engine_replay    replay;
    engine_rate      rate;
    weir_kept       *kept;       /* what this plan keeps: goes into manifests */
    weir_change     *change;     /* the last manifest is of another plan; NULL: of this one */

    pthread_mutex_t  lock;
    pthread_cond_t   changed;
    bool             cut;        /* lanes should come to the barrier */
    uint32_t         parked;     /* lanes at the barrier */
    uint64_t         cut_number; /* grows with every release */
    enum { PHASE_NONE, PHASE_MERGE } work;
    atomic_uint      slice_next; /* slices handed out in PHASE_MERGE */
    uint32_t         working;    /* lanes still in PHASE_MERGE */
    engine_epoch    *epoch;      /* being cut */
    weir_emission    slice_emission[WEIR_SLICES];
    atomic_int       full;       /* a lane met a limit: cut as soon as possible */
    atomic_bool      dirty;      /* something was read since the last cut */
    int64_t          last_cut_us; /* monotonic */
    engine_summary   totals;      /* counts up to the cut before */
    engine_timings   timings;     /* of the last epoch */
    engine_epoch    *committing; /* handed over, not finalised */
    bool             dropped;    /* the commit thread gave up: see engine_giving_up */
    bool             unfinished; /* a manifest was put, and not all is visible yet */
    bool             commit_quit;
    pthread_t        commit_thread;
    bool             commit_started;
    pthread_t        collect_thread;
    bool             collect_started;
    atomic_int       collect_stop; /* as setup->stop, for the collector alone */
    _Atomic uint64_t generation;   /* that is ours */
    atomic_bool      halted;     /* a thread failed: error below is set */
    weir_err         error;
    atomic_bool      quit;       /* threads end */
    atomic_int       away;       /* servers that do not answer: not ready */
    _Atomic int64_t  stop_us;    /* monotonic; when the stop was noticed, 0: not yet */
};

#endif
