/* tests/script: a source whose partitions, records and failures a test writes down.
 *
 * A topic is named by the option `topic` and lives as long as the test's process; what is
 * appended while a job runs is read like in any log. The kind follows until end like
 * Kafka: the end of a partition is reported once, by a block without records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SCRIPT_H
#define TESTS_SCRIPT_H

#include <pthread.h>

#include "weir/source.h"

#define SCRIPT_PARTITIONS 64u

typedef struct script_record {
    int64_t offset;
    char   *value; /* NULL: a tombstone */
} script_record;

typedef struct script_partition {
    script_record *record;
    uint32_t       records, room;
    int64_t        low, end; /* end: may lie behind the last record (control records) */
} script_partition;

typedef struct script_topic {
    const char      *name;
    pthread_mutex_t  lock;
    uint32_t         partitions;
    script_partition partition[SCRIPT_PARTITIONS];
    bool             compacted;
    bool             gone; /* no position can be sought any more */
    uint32_t         block_records;  /* of a block, at most; 0: 100 */
    _Atomic uint64_t polls;
    uint64_t         halt_at_poll;   /* 0: never; this poll and all behind fail for good */
    uint64_t         away_from, away_to; /* polls that fail with RETRY */
    int64_t          acked;          /* sum of acknowledged next offsets */
    uint32_t         opens, paused;
} script_topic;

extern const weir_source_kind script_kind;
extern const weir_option      script_options[];

/* Forgets all topics; makes one; appends a record, or moves the end behind `more` offsets
   that hold none. */
void          script_clear(void);
script_topic *script_topic_new(const char *name, uint32_t partitions);
void script_add(script_topic *topic, uint32_t partition, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void script_add_null(script_topic *topic, uint32_t partition);
void script_skip(script_topic *topic, uint32_t partition, int64_t more);
void script_halt(script_topic *topic); /* from the next poll on, while the job runs */

#endif
