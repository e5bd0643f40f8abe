/* tests/keep: sinks that keep rows in memory, transactional like a database, and misbehave
 * as a test says.
 *
 * Two kinds: "keep" upserts by PRIMARY KEY at commit, replays from the epoch that it has, and
 * can be repaired; "heap" appends at finalise, and at a takeover believes that what is said to be
 * finalised is there. What they keep outlives the instances, as a server does. The group's
 * name names the database.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_KEEP_H
#define TESTS_KEEP_H

#include <pthread.h>

#include "weir/sink.h"

#define KEEP_GROUPS 8u

typedef struct keep_group {
    char            name[64];
    pthread_mutex_t lock;
    weir_arena     *arena;
    char          **key, **row; /* keep: key and text of each row; heap: key is NULL */
    uint32_t        rows, room;
    uint64_t        epoch;      /* committed */
    weir_sha256     sha;        /* of its manifest */
    uint64_t        finalised, stages, again, executes, commits, replays;
    uint64_t        again_visible; /* heap: replays that publish the last epoch once more */
    bool            saw_end, ended; /* opened for a lineage that has ended */
    weir_committed  replayed; /* the last epoch of a replay; its payload is gone */
    weir_sha256     claim;    /* of the last repair that was no dry run */
    uint32_t        repairs, claims;
    uint32_t        adopted;  /* payloads of other lineages */
    char            renamed[128]; /* "given<incoming>outgoing " of each; in front "?": dry run */
} keep_group;

typedef struct keep_faults { /* of all groups */
    _Atomic uint32_t away_execute, away_commit, away_finalise, away_repair; /* so many calls more */
    const char *refuse; /* rows whose text holds this are refused */
    _Atomic bool halt_execute, halt_commit, halt_replay;
    _Atomic int  halt_exit; /* of execute and replay; 0: SINK_SCHEMA */
    const char  *halt_stage, *halt_replay_of; /* the group of this name */
    const char  *halt_open, *halt_adopt, *halt_rename; /* the same */
    const char *closed;      /* rows whose text holds this are refused by a replay */
    bool        open_at_claim; /* not any more, when a repair claims */
    const char *halt_repair; /* the group of this name, once it has found the rows */
    const char *repair_table; /* a repair says that all rows are of this table */
    size_t      repair_bytes; /* of a blob that goes into its AMEND */
    _Atomic int64_t *now_us; /* a clock that execute moves by 7 ms, and commit by 5 ms */
} keep_faults;
extern keep_faults keep_fault;

extern const weir_sink_kind keep_kind, heap_kind;

void        keep_clear(void);
keep_group *keep_group_of(const char *name); /* made when it is not there */
/* As a database that was restored from the first day. */
void        keep_forget(const char *group);
/* All rows, sorted, one a line "a|b|c". The caller is done with it. */
weir_buf    keep_text(const char *group);

#endif
