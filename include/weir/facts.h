/* weir/facts: what a manifest says about its epoch, for people and tools. Read-only, and
 * without the job that wrote it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_FACTS_H
#define WEIR_FACTS_H

#include "weir/checkpoint.h"

typedef struct weir_fact_partition {
    weir_str table, name;
    int64_t  next_offset;
    int64_t  watermark_us, highest_us; /* INT64_MIN: none */
    int64_t  closed_us; /* windows over its table up to here are closed; INT64_MIN: none */
    uint32_t origins; /* whose redelivery is judged */
} weir_fact_partition;

typedef struct weir_fact_operator { /* what it keeps */
    weir_str name;
    uint64_t rows, bytes;
} weir_fact_operator;

typedef struct weir_fact_flow { /* rows that were handed to a sink table */
    weir_str table;
    uint64_t rows;
} weir_fact_flow;

typedef struct weir_fact_file { /* that the epoch published */
    weir_str key;
    uint64_t rows, bytes;
} weir_fact_file;

typedef struct weir_fact_group { /* a sink group, and the epoch at which it joined */
    weir_str section;
    uint64_t joined;
} weir_fact_group;

typedef struct weir_facts { /* lists are in the arena */
    bool     end;       /* the bounded job was over with it */
    uint64_t plan;      /* fingerprint of the SQL */
    uint32_t slices, deltas; /* full copies and deltas that its state is in */
    uint32_t partitions, operators, flows, files, groups;
    weir_fact_partition *partition;
    weir_fact_operator  *operator;
    weir_fact_flow      *flow;
    weir_fact_file      *file;
    weir_fact_group     *group;

    bool     replay;     /* it is of a replay: what follows is said of it */
    weir_str replay_from, replay_until; /* as they were asked for */
    uint64_t from_epoch, until_epoch;   /* of the live lineage; 0: the sources' start, end */
    uint64_t last_epoch;                /* at which it is over, behind until_epoch or it */
    weir_str until_positions;           /* section of that epoch; empty: the sources' end */

    bool     summarised; /* what follows is known: older versions did not write it */
    int64_t  cut_us;     /* wall clock */
    int64_t  read_us, merge_us; /* it was read so long, and merged so long */
    uint64_t records, bad, late, duplicate, skipped, dead_letters;
    uint64_t before;     /* the epoch before, of which the rest is; 0: not known */
    int64_t  before_execute_us, before_put_us, before_commit_us; /* since its cut: commit */
} weir_facts;

/* CORRUPT when a section is not what the engine writes; its name is in the message. */
weir_code weir_facts_read(const weir_manifest *manifest, weir_arena *arena, weir_facts *out,
                          weir_err *err) WEIR_MUST_CHECK;

#endif
