/* engine/parts: what the files of this folder share: the running job and its threads.
 *
 * Threads: one per source (engine_reader), one per lane (engine_lane), one that commits
 * (engine_commit), and the caller's, which cuts epochs (engine_cut) and watches time.
 * `lock` guards the barrier and the hand-over to the commit thread. A partition's fields
 * belong to its lane between barriers and to the caller's thread at a barrier.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_PARTS_H
#define WEIR_ENGINE_PARTS_H

#include "engine_types.h"

#define ENGINE_DELTAS_MAX 160u /* epochs whose deltas a manifest lists */
#define ENGINE_FULL_SLICES 2u   /* full copies of slices that an epoch writes */

/* One slice of state in the store: its full copy; the deltas behind it are epochs'. */
typedef struct engine_slice {
    weir_blob_ref full;
    bool          has_full;
    uint64_t      full_epoch;  /* deltas of later epochs come on top */
    uint64_t      full_bytes, delta_bytes; /* since the full copy, as saved */
} engine_slice;

typedef struct engine_delta { /* the deltas of all slices of one epoch, in one blob */
    weir_blob_ref ref;
    uint64_t      epoch;
} engine_delta;

typedef struct engine_group { /* a sink group */
    weir_sink       *sink;
    const weir_sink_kind *kind;
    weir_str         name;
    weir_sink_table *table;
    uint32_t         tables;
    uint32_t        *node_of;  /* per table: number of its first flow; see table_of_flow */
    uint64_t         joined;   /* epoch whose manifest named it first; 0: not yet */
    bool             executed;
} engine_group;

typedef struct engine_dead { /* a dead-letter target */
    weir_str   name;
    weir_sink *sink;
} engine_dead;

/* An epoch between its cut and its end. Everything lives in `arena`. */
typedef struct engine_epoch {
    weir_arena   *arena;
    uint64_t      number;
    int64_t       cut_us;         /* monotonic */
    int64_t       watermark_us;   /* windows up to here are closed by this epoch */
    int64_t       closed_us;      /* kept: later rows up to here are late */
    bool          end;            /* the job is over */
    weir_arena   *lane_arena[WEIR_LANES_MAX]; /* of what lanes emit */
    weir_emission emission;
    weir_buf      slice_bytes[WEIR_SLICES];
    bool          slice_full[WEIR_SLICES];
    weir_blob_ref slice_ref[WEIR_SLICES]; /* of full copies, when staged */
    weir_blob_ref delta_ref;
    bool          has_delta;
    weir_buf      positions;      /* section */
    engine_letters letters[WEIR_LANES_MAX + 1];
    uint32_t      letter_sets;
    uint64_t      records;
    weir_position *ack;           /* all partitions of all sources, in order */
} engine_epoch;

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
    uint32_t        *flow_group, *flow_table; /* where each flow's rows go */
    uint32_t         deads;
    engine_dead     *dead;
    weir_store      *store;
    weir_checkpoint *checkpoint;
    uint32_t         lineage;
    weir_manifest   *last;       /* committed; in `manifest_arena` */
    weir_arena      *manifest_arena;
    uint64_t         last_epoch, last_gen;
    weir_sha256      last_sha;
    engine_slice     slice[WEIR_SLICES];
    uint32_t         deltas;
    engine_delta     delta[ENGINE_DELTAS_MAX];
    int64_t          closed_us;  /* windows up to here were closed */
    bool             ended;      /* the last manifest is an END */
    bool             resumed;    /* there was a manifest */

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
    engine_epoch    *committing; /* handed over, not finalised */
    bool             commit_quit;
    pthread_t        commit_thread;
    bool             commit_started;
    atomic_bool      halted;     /* a thread failed: error below is set */
    weir_err         error;
    atomic_bool      quit;       /* threads end */
};

/* Keeps the first error and makes every thread end. */
void engine_halt(engine_job *engine, const weir_err *err);
bool engine_stopping(const engine_job *engine);

/* engine_open: sources, sinks, decoders, stores of the plan. */
weir_code engine_open_sources(engine_job *engine, weir_err *err);
weir_code engine_open_sinks(engine_job *engine, weir_err *err);
weir_code engine_check_starts(engine_job *engine, weir_err *err);
void      engine_close(engine_job *engine);

/* engine_recover: takeover, replay, state, positions. */
weir_code engine_recover(engine_job *engine, weir_err *err);

/* engine_history: committed epochs for one group. */
typedef struct engine_history {
    weir_history   base;
    engine_job        *engine;
    weir_str       section; /* "sink/<group>" */
} engine_history;
void engine_history_of(engine_job *engine, weir_str section, engine_history *out);

/* engine_reader */
void *engine_reader_main(void *source);

/* engine_lane */
weir_code engine_lane_start(engine_job *engine, uint32_t number, weir_err *err);
bool      engine_lane_offer(engine_lane *lane, engine_partition *partition,
                            weir_block *block);
void      engine_lane_stop(engine_lane *lane);

/* engine_intake: records [first, first+count) of the block; false: not done, the epoch
   must be cut first. */
bool engine_intake(engine_lane *lane, engine_partition *partition, const weir_block *block,
                   uint32_t first, uint32_t count, weir_err *err, weir_code *out_rc);

/* engine_mark */
typedef enum engine_verdict { VERDICT_NEW, VERDICT_DUPLICATE, VERDICT_HALT } engine_verdict;
engine_verdict engine_mark_judge(engine_partition *partition, const weir_event *event,
                                 weir_str origin, weir_err *err);

/* engine_letter: dead letters and the policy for bad records. */
typedef struct engine_reason {
    const char *code; /* "DECODE", "CHECK" … */
    weir_str    column;
    const char *message;
} engine_reason;
weir_code engine_bad_record(engine_lane *lane, engine_partition *partition,
                            const weir_record *record, const engine_reason *reason,
                            weir_err *err);
void        engine_letter_add(engine_letters *letters, uint32_t sink,
                              const engine_dead_letter *letter);
const weir_schema *engine_letter_schema(void);
weir_batch *engine_letter_batch(const engine_job *engine, const engine_epoch *epoch,
                                uint32_t sink, weir_arena *arena);

/* engine_cut: at a barrier. */
weir_code engine_cut_epoch(engine_job *engine, bool end, weir_err *err);
void      engine_cut_join(engine_lane *lane); /* a lane at the barrier */

/* engine_manifest: sections. */
void      engine_positions_write(engine_job *engine, int64_t closed_us, bool end, weir_buf *out);
weir_code engine_positions_read(engine_job *engine, weir_str bytes, weir_err *err);
void      engine_groups_write(const engine_job *engine, weir_buf *out);
weir_code engine_groups_read(engine_job *engine, weir_str bytes, weir_err *err);

/* engine_slices: which slices are saved whole, what a manifest lists. */
void      engine_slices_choose(engine_job *engine, engine_epoch *epoch);
void      engine_slices_stage(engine_job *engine, engine_epoch *epoch, weir_stage *stage,
                              weir_buf *out);
void      engine_slices_keep(engine_job *engine, const engine_epoch *epoch);
weir_code engine_slices_restore(engine_job *engine, weir_str section, weir_err *err);

/* engine_commit */
void     *engine_commit_main(void *engine);
void      engine_epoch_free(engine_job *engine, engine_epoch *epoch);
/* The lock's condition with a deadline, so that nothing waits for ever. */
void      engine_wait(engine_job *engine);

#endif
