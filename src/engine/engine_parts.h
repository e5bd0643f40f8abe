/* engine/parts: what the files of this folder share: the running job and its threads.
 *
 * Threads: one per source (engine_reader), one per lane (engine_lane), one that commits
 * (engine_commit), and the caller's, which cuts epochs (engine_cut) and watches time.
 * `lock` guards the barrier and the hand-over to the commit thread. A partition's fields
 * belong to its lane between barriers and to the caller's thread at a barrier. A source's
 * instance is its reader's alone, from the start of the threads to their end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_PARTS_H
#define WEIR_ENGINE_PARTS_H

#include "engine_job.h"

/* Keeps the first error and makes every thread end. */
void engine_halt(engine_job *engine, const weir_err *err);

/* engine_patience: servers that are away. Ready is who runs and has none of them. */
void engine_away(engine_job *engine);
void engine_back(engine_job *engine);
void engine_show_ready(engine_job *engine); /* after a change of the phase */
/* True on a halt, and ENGINE_GRACE_US after a stop. */
bool engine_giving_up(engine_job *engine);
/* Repeats what may succeed later, while the job starts, until it is told to stop. */
typedef weir_code engine_try_fn(void *self, weir_err *err);
weir_code engine_patiently(engine_job *engine, engine_try_fn *try, void *self, weir_str what,
                           weir_err *err);

/* engine_open: sources, sinks, decoders, stores of the plan. */
weir_code engine_open_sources(engine_job *engine, weir_err *err);
weir_code engine_open_sinks(engine_job *engine, weir_err *err);
weir_code engine_open_dead(engine_job *engine, engine_dead *dead, weir_err *err);
void      engine_describe_sources(engine_job *engine); /* opens none */
void      engine_close(engine_job *engine);
bool      engine_has_option(const weir_option *options, const char *name);
bool      engine_section_is_sink(weir_str section); /* of a manifest: rows or dead letters */
bool      engine_section_is_open(const engine_job *engine, weir_str section); /* its sink is */

/* engine_partition: the partitions of a source, from the start and later ones. */
void engine_partitions_room(engine_source *source, uint32_t room);
/* Makes the next slot ready; it counts from engine_partitions_adopt on. */
void engine_partition_add(engine_source *source, const weir_partition_info *info);
void engine_partitions_adopt(engine_source *source); /* at the start and at a barrier */
void engine_partitions_free(engine_source *source);
/* For sources that start now: is it right to begin where they begin? */
weir_code engine_check_starts(const engine_job *engine, weir_err *err);
/* For one that goes on: partitions that it does not know. */
weir_code engine_check_added(engine_job *engine, bool bounded, weir_err *err);
weir_code engine_partition_appeared(const engine_source *source, weir_str name,
                                    weir_err *err);

/* engine_recover: takeover, replay, state, positions. */
weir_code engine_recover(engine_job *engine, weir_err *err);
weir_code engine_open_checkpoint(engine_job *engine, weir_err *err);
weir_code engine_take_over(engine_job *engine, weir_err *err); /* T1 to T6 */
weir_code engine_replay_sink(engine_job *engine, weir_sink *sink, const char *section,
                             weir_err *err);
weir_code engine_replay_letters(engine_job *engine, weir_err *err);
weir_code engine_explained(engine_job *engine, weir_err *err);
/* Is the manifest of a version and a plan that this process can go on from? */
weir_code engine_manifest_check(engine_job *engine, const weir_manifest *manifest,
                                weir_err *err);

/* engine_replay: a lineage that begins and ends with epochs of another. */
weir_code engine_replay_begin(engine_job *engine, weir_err *err); /* its log is empty */
weir_code engine_replay_resume(engine_job *engine, weir_err *err); /* `last` is restored */
void      engine_replay_write(const engine_job *engine, weir_buf *out); /* section */
bool      engine_replay_to_epoch(const engine_job *engine); /* not to the sources' end */
/* Up to where the epoch at which it ends had closed a source's windows. */
int64_t   engine_replay_closed(const engine_job *engine, const engine_source *source);

/* engine_history: committed epochs for one group. */
typedef struct engine_history {
    weir_history   base;
    engine_job        *engine;
    weir_str       section;
} engine_history;
void engine_history_of(engine_job *engine, weir_str section, engine_history *out);

/* engine_reader */
void *engine_reader_main(void *source);
void  engine_acknowledge(engine_source *source); /* when its reader has ended */

/* engine_lane */
weir_code engine_lane_start(engine_job *engine, uint32_t number, weir_err *err);
bool      engine_lane_offer(engine_lane *lane, engine_partition *partition,
                            weir_block *block);
void      engine_lane_stop(engine_lane *lane);

/* engine_intake: records of the block from `first` on, *count of them; gives how many were
   taken, which may be fewer: none while a truncate is not through. False: not done, the
   epoch must be cut first. */
bool engine_intake(engine_lane *lane, engine_partition *partition, const weir_block *block,
                   uint32_t first, uint32_t *count, weir_err *err, weir_code *out_rc);

/* engine_truncate: takes some rows out of the last values; *out_more: there are others. */
bool      engine_may_truncate(const engine_source *source);
weir_code engine_truncate(engine_lane *lane, engine_partition *partition,
                          weir_push_counts *counts, bool *out_more, weir_err *err);

/* engine_mark */
typedef enum engine_verdict { VERDICT_NEW, VERDICT_DUPLICATE, VERDICT_HALT } engine_verdict;
engine_verdict engine_mark_judge(engine_partition *partition, const weir_event *event,
                                 weir_str origin, weir_err *err);
engine_mark   *engine_mark_add(engine_partition *partition); /* zeroed; drops the oldest */

/* engine_letter: dead letters and the policy for bad records. */
typedef struct engine_reason {
    const char *code; /* "DECODE", "CHECK" … */
    weir_str    column;
    const char *message;
} engine_reason;
weir_code engine_bad_record(engine_lane *lane, engine_partition *partition,
                            const weir_record *record, const engine_reason *reason,
                            weir_err *err);
/* Counts records towards error_limit; bad[i]: record i was, NULL: none was. */
weir_code engine_error_limit(engine_source *source, const bool *bad, uint32_t count,
                             weir_err *err);
/* A row that a sink refuses, with its values as JSON, in `arena`. */
engine_dead_letter engine_letter_of_row(const weir_sink_table *table,
                                        const weir_batch *batch, const weir_refused *row,
                                        weir_arena *arena);
void        engine_letter_add(engine_letters *letters, uint32_t sink,
                              const engine_dead_letter *letter);
const weir_schema *engine_letter_schema(void);
weir_batch *engine_letter_batch(const engine_job *engine, const engine_epoch *epoch,
                                uint32_t sink, weir_arena *arena);

/* engine_due: when an epoch is cut. */
bool engine_cut_is_due(engine_job *engine);
bool engine_all_read(const engine_job *engine); /* bounded: every partition, to its end */
bool engine_partition_read(const engine_partition *partition);
void engine_flows_begin(engine_job *engine); /* when the threads start */
void engine_flows_cut(engine_job *engine, const engine_epoch *epoch);

/* engine_watermark: what is closed, and which partitions hold it back. */
bool engine_is_silent(const engine_partition *partition, int64_t now_us);
void engine_watermark_fix(engine_job *engine, engine_epoch *epoch); /* at a barrier */

/* engine_cut: at a barrier. Behind a STOP and an END nothing is read. */
typedef enum engine_cut_kind { CUT_MORE, CUT_STOP, CUT_END } engine_cut_kind;
weir_code engine_cut_epoch(engine_job *engine, engine_cut_kind kind, weir_err *err);
void      engine_cut_join(engine_lane *lane); /* a lane at the barrier */

/* engine_manifest: sections. */
weir_code engine_sections_check(const weir_manifest *manifest, weir_err *err);
weir_code engine_of_newer(const char *what, uint32_t version, weir_err *err);
void      engine_positions_write(engine_job *engine, bool end, weir_buf *out);
weir_code engine_positions_read(engine_job *engine, weir_str bytes, weir_err *err);
void      engine_groups_write(const engine_job *engine, weir_buf *out);
weir_code engine_groups_read(engine_job *engine, weir_str bytes, weir_err *err);

/* engine_summary: what an epoch was like, for people. */
void      engine_summary_take(engine_job *engine, engine_epoch *epoch); /* at a barrier */
void      engine_summary_write(const engine_job *engine, const engine_epoch *epoch,
                               weir_buf *out);

/* engine_slices: which slices are saved whole, what a manifest lists. */
void      engine_slices_choose(engine_job *engine, engine_epoch *epoch, bool last);
/* State of a slice into the epoch, whole where that was chosen; after what it emits. */
void      engine_slices_save(const engine_job *engine, engine_epoch *epoch, uint32_t slice);
void      engine_slices_stage(engine_job *engine, engine_epoch *epoch, weir_stage *stage,
                              weir_buf *out);
void      engine_slices_keep(engine_job *engine, const engine_epoch *epoch);
weir_code engine_slices_read(engine_job *engine, weir_str section, weir_err *err);
weir_code engine_slices_damaged(weir_err *err);
void      engine_slices_move(engine_job *engine); /* behind restore: it was another lineage's */

/* engine_restore. The blobs are fetched from `checkpoint`, whose manifest has the section. */
weir_code engine_slices_restore(engine_job *engine, weir_checkpoint *checkpoint,
                                weir_str section, weir_err *err);

/* engine_rows: what an epoch gives to sinks, per group and table; in the epoch's arena. */
typedef struct engine_rows {
    weir_sink_rows **of; /* per group */
    uint32_t        *count;
} engine_rows;
void            engine_rows_gather(const engine_job *engine, engine_epoch *epoch,
                                   engine_rows *out);
weir_sink_rows *engine_rows_of_table(const engine_rows *rows, uint32_t group,
                                     uint32_t table); /* NULL: it gets none */
/* engine_collect: old checkpoints are taken away beside the job. */
weir_code engine_collect_start(engine_job *engine, weir_err *err);
void      engine_collect_join(engine_job *engine); /* collect_stop was set before */

/* engine_commit */
void     *engine_commit_main(void *engine);
void      engine_epoch_free(engine_job *engine, engine_epoch *epoch);
void      engine_wait(engine_job *engine); /* the lock's condition, with a deadline */

#endif
