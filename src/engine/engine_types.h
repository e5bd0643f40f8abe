/* engine/types: partitions, sources, lanes and dead letters of the running job.
 *
 * A partition's fields belong to its lane between barriers and to the caller's thread at
 * a barrier (see engine_cut).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_TYPES_H
#define WEIR_ENGINE_TYPES_H

#include <pthread.h>

#include "weir/checkpoint.h"
#include "weir/engine.h"
#include "weir/failpoint.h"
#include "weir/hash.h"
#include "weir/log.h"
#include "weir/metric.h"
#include "weir/mutant.h"
#include "weir/op.h"

#define ENGINE_MARKS_MAX 64u        /* origins of one partition; the oldest is dropped */
#define ENGINE_ORIGIN_BYTES 160u    /* of a name/origin text, cut behind */
#define ENGINE_PARK_FACTOR 2        /* intervals that reading may run ahead of a commit */
#define ENGINE_TICK_US 20000        /* how often the caller's thread looks around */
#define ENGINE_LANE_QUEUE_BYTES (4u << 20) /* of blocks waiting for one lane, at most: more
                                              would be out of the caches when its turn comes */
#define ENGINE_LANE_QUEUE_BLOCKS 256u
#define ENGINE_LOOK_US 10000000     /* between looks at the partitions' ends */
#define ENGINE_GRACE_US 10000000    /* after a stop, for a server that is away */
#define ENGINE_WAIT_MOST_US 2000000 /* between tries of a server that is away */
#define ENGINE_HELD INT64_MAX       /* engine_source.held_us: its reader waits for a lane */

typedef struct engine_job engine_job;
typedef struct engine_source engine_source;

/* The highest position of one origin that a partition has seen. */
typedef struct engine_mark {
    char              origin[ENGINE_ORIGIN_BYTES];
    uint32_t          number; /* the decoder's number of this text, or WEIR_NONE */
    weir_log_position position;
    int64_t           commit_us; /* highest commit time of this lineage */
} engine_mark;

typedef struct engine_partition {
    engine_source *source;
    uint32_t       index;        /* in the source's list */
    weir_str       name;
    weir_partition_info first;   /* as it was found; its name is `name` */
    bool           resumed;      /* the checkpoint knows it */
    int64_t        end;          /* bounded: stop before this offset; INT64_MAX: none */
    weir_position  position;
    int64_t        watermark_us; /* INT64_MIN: none yet */
    int64_t        highest_us;   /* highest event time of a valid row, INT64_MIN */
    uint32_t       marks, mark_room;
    engine_mark   *mark;         /* heap; at most ENGINE_MARKS_MAX */
    bool           streamed;     /* a streamed row event was seen */
    bool           snapshot_seen, snapshot_first;
    weir_log_position snapshot;  /* of the first snapshot's rows */
    bool           at_end;       /* the end was reported */
    bool           idle;         /* counted out of the minimum at the last cut */
    _Atomic int64_t  moved_us;   /* monotonic time of the last record */
    _Atomic uint32_t waiting;    /* blocks polled that no lane is done with */
    uint32_t       lane;
    uint32_t       series_position, series_watermark, series_end;
} engine_partition;

struct engine_source {
    engine_job        *engine;
    const weir_table  *table;
    uint32_t           number;   /* in plan->table */
    weir_str           topic;    /* the option, or the table's name */
    weir_source       *source;
    const weir_decoder_kind *decoder_kind;
    weir_arena        *arena;    /* of its reader, and of the caller's thread before */
    weir_arena        *look_arena;
    uint32_t           partitions; /* taken in: changes at a barrier only */
    uint32_t           room;     /* of the next three */
    engine_partition  *partition;
    weir_str          *partition_name;
    int32_t           *partition_number;
    _Atomic uint32_t   found;    /* made ready by the reader; >= partitions */
    _Atomic uint32_t   adopted;  /* = partitions, for the reader */
    uint32_t           sought;   /* of the reader: partitions that are positioned */
    _Atomic int64_t    held_us;  /* ENGINE_HELD, or until when nothing could come */
    enum { ON_ERROR_FAIL, ON_ERROR_SKIP, ON_ERROR_DEAD_LETTER } on_error;
    bool               keep_duplicates, ignore_snapshot, old_row_state, changelog;
    int64_t            idle_timeout_us;
    bool               resumed;    /* the checkpoint knows it */
    int64_t            closed_us;  /* windows over its rows up to here were closed */
    int64_t            closing_us; /* the same, when the epoch being cut is through */
    uint32_t           dead_sink;  /* in engine->dead, or WEIR_NONE */
    pthread_mutex_t    lock;     /* of what follows, to `thread` */
    char               pinned[WEIR_JOB_NAME_MAX * 8]; /* "db.table", or "" */
    atomic_bool        is_pinned; /* it does not change any more */
    uint64_t           error_most, error_per; /* error_limit; per 0: none */
    uint64_t           error_bad, error_records; /* of the stretch of error_per */
    weir_position     *ack;      /* what the reader should acknowledge */
    uint32_t           ack_count; /* 0: nothing new */
    pthread_t          thread;
    bool               started;
};

typedef struct engine_dead_letter {
    engine_partition *partition; /* NULL: a row that a sink refused */
    weir_str          table, topic, key, value, headers, column, message;
    const char       *code;
    int64_t           offset, timestamp_us;
    bool              key_null, value_null;
} engine_dead_letter;

typedef struct engine_letters { /* of one lane (or the commit thread) and epoch */
    weir_arena         *arena;
    uint32_t            count, room;
    engine_dead_letter *letter;
    uint32_t           *sink; /* per letter: in engine->dead */
} engine_letters;

typedef struct engine_lane {
    engine_job       *engine;
    uint32_t      number;
    pthread_t     thread;
    bool          started;
    pthread_mutex_t lock;   /* of the queue */
    pthread_cond_t  more, less;
    weir_block   *queue[ENGINE_LANE_QUEUE_BLOCKS];
    engine_partition *queue_of[ENGINE_LANE_QUEUE_BLOCKS];
    uint32_t      head, queued;
    uint64_t      queued_bytes;
    weir_block   *block;    /* under way */
    engine_partition *partition;
    uint32_t      next;     /* record of it */
    weir_decoder **decoder; /* per source */
    weir_arena   *scratch;
    weir_arena   *letters_arena[2];
    engine_letters letters;
    uint64_t      passed, passed_bytes; /* of this epoch: rows without state, letters */
    uint64_t      records;   /* of this epoch */
} engine_lane;

#endif
