/* tests/engine_bed: jobs in this process: SQL text over script topics and kept sinks, with
 * checkpoints in a store in memory that outlives the job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_ENGINE_BED_H
#define TESTS_ENGINE_BED_H

#include "faulty_store.h"
#include "keep.h"
#include "script.h"
#include "weir/engine.h"

/* A clock that moves when it is told to; pauses are short and real. */
typedef struct hand_clock {
    weir_clock      base;
    _Atomic int64_t now_us;
} hand_clock;

typedef struct engine_bed {
    weir_store     *memory;
    faulty_store    store; /* in front of memory */
    weir_clock     *clock; /* the system's, or &hand.base */
    hand_clock      hand;
    atomic_int      stop;
    weir_status     status;
    weir_arena     *arena; /* of the plan */
    weir_plan      *plan;
    bool            until_end, leave_open, fresh;
    bool            no_store; /* it cannot be made */
    const char     *job;      /* its name; NULL: "job" */
    uint32_t        lineage;
    const weir_replay *replay;
    const weir_origin *origin;
    weir_allow      allow;
    weir_err        err;
    weir_code       rc;
    pthread_t       thread;
} engine_bed;

void engine_bed_open(engine_bed *bed); /* until_end is set */
void engine_bed_close(engine_bed *bed);
void engine_bed_by_hand(engine_bed *bed); /* from here on the clock is moved by the test */

/* A checkpoint of a job of that name that looks, and owns nothing; and its last manifest, or an
   older one. The caller closes it; manifests are in `arena`. */
weir_checkpoint *engine_bed_look(engine_bed *bed, const char *job, weir_arena *arena,
                                 weir_manifest **last);
weir_manifest   *engine_bed_epoch(engine_bed *bed, weir_checkpoint *checkpoint,
                                  weir_manifest *last, uint64_t epoch, weir_arena *arena);

/* Another worker owns the task now: it asks the store behind the faults. The caller closes it;
   *last, in `arena`, is NULL when the log is empty. */
weir_checkpoint *engine_bed_take_over(engine_bed *bed, weir_arena *arena, weir_manifest **last);
/* The same, and it commits the last epoch once more, as the next one, with another section `name`
   (NULL bytes: without it) and without the section `without`. */
void engine_bed_spoil(engine_bed *bed, const char *name, const char *bytes, const char *without);

/* Takes a section out of a record that nothing names yet, as of a version that did not write it. */
void engine_bed_drop(engine_bed *bed, const char *key, const char *section);

/* Plans the text; stops the test when it is wrong. "SET job.name", the location and,
   unless it has one, an epoch.interval are put in front: 10 ms, and an hour of a run
   to the end, which is one epoch then, however busy the machine is. */
weir_plan *engine_bed_plan(engine_bed *bed, const char *sql);
/* Of the last plan, for the engine's other entries. */
weir_engine_setup engine_bed_setup(engine_bed *bed);
/* Runs a job to its end, in this thread. */
weir_code engine_bed_run(engine_bed *bed, const char *sql);
/* Runs it beside the test, which stops it and gets its outcome. */
void      engine_bed_start(engine_bed *bed, const char *sql);
weir_code engine_bed_join(engine_bed *bed);
weir_code engine_bed_stop(engine_bed *bed);

/* Gives the job time, and moves a hand clock by 20 ms a turn, until the condition holds;
   false when it does not within a minute. */
#define ENGINE_BED_WAIT(bed, condition)                                                    \
    do {                                                                                   \
        uint32_t bed_turns = 0;                                                            \
        bool     bed_met; /* once: it may not last */                                      \
        while (!(bed_met = (condition)) && engine_bed_turn((bed), &bed_turns)) {           \
        }                                                                                  \
        check_true(bed_met, #condition, __FILE__, __LINE__);                               \
    } while (0)
bool engine_bed_turn(engine_bed *bed, uint32_t *turns);

#endif
