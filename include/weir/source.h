/* weir/source: the plug shape of sources: something with partitions that grow.
 *
 * One thread uses an instance at a time. A kind is a const struct weir_source_kind in
 * src/source/<name>/ and one line in kinds.def.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include "weir/clock.h"
#include "weir/option.h"
#include "weir/record.h"

typedef struct weir_source weir_source;

typedef struct weir_partition_info {
    weir_str name;  /* "0", "part-3.jsonl": stable; names the position in the checkpoint */
    int32_t  number; /* Kafka's partition number, else the index */
    int64_t  low;   /* first offset that is there */
    int64_t  end;   /* behind the last one that may be read (last stable offset) */
    int64_t  start; /* where the option `start` says that a new job begins: low, end, or
                       the first record at or behind a time */
    bool     compacted;
} weir_partition_info;

typedef struct weir_source_setup {
    weir_str         table;   /* for messages and metrics */
    const weir_opts *opts;
    weir_str         job;     /* names the consumer group for lag displays */
    weir_clock      *clock;
    bool             headers; /* hand over record headers */
    bool             keys;    /* hand over record keys */
    bool             follow;  /* unbounded: wait at the end for more */
    weir_str         embedded; /* --embedded DIR, or empty */
    uint64_t         queue_bytes; /* what the source may hold back on its own */
} weir_source_setup;

/* `open` connects as far as needed to name partitions. `discover` fills the list (arena):
   low, end, start; it may be called again to refresh ends, and shows partitions that were
   added behind the known ones. `seek` sets the start of a partition:
   a position from the checkpoint is validated first (exit TOPIC_CHANGED, OFFSET_GAP); a
   fresh one has last_offset -1. `poll` waits at most timeout_us and gives one block or
   none (*out NULL); a block without records tells that the end was reached. Fate RETRY when
   the server is away (it goes on by itself). All blocks are released before `close`. `pause`
   stops or resumes fetching of one partition (back-pressure). `ack` tells the server how
   far epochs are final, for displays only. */
typedef weir_code weir_source_open_fn(weir_source *, const weir_source_setup *, weir_err *);
typedef weir_code weir_source_discover_fn(weir_source *, weir_arena *,
                                          weir_partition_info **out, uint32_t *out_count,
                                          weir_err *);
typedef weir_code weir_source_seek_fn(weir_source *, uint32_t partition,
                                      const weir_position *, weir_err *);
typedef weir_code weir_source_poll_fn(weir_source *, int64_t timeout_us, weir_block **out,
                                      weir_err *);
typedef weir_code weir_source_pause_fn(weir_source *, uint32_t partition, bool paused,
                                       weir_err *);
typedef weir_code weir_source_ack_fn(weir_source *, const weir_position *position,
                                     uint32_t count, weir_err *);
typedef void weir_source_close_fn(weir_source *);

typedef struct weir_source_kind {
    const char        *name;
    const char        *summary;
    const weir_option *options;
    const char        *formats; /* "json|debezium-json"; NULL: needs none */
    size_t             size;    /* of the kind's struct, whose first member is weir_source */
    bool               bounded; /* has an end by nature (file without follow, generate) */
    weir_source_open_fn     *open;
    weir_source_discover_fn *discover;
    weir_source_seek_fn     *seek;
    weir_source_poll_fn     *poll;
    weir_source_pause_fn    *pause;
    weir_source_ack_fn      *ack;
    weir_source_close_fn    *close;
} weir_source_kind;

struct weir_source {
    const weir_source_kind *kind;
};

/* The registry: all kinds of this build, in order of kinds.def; ends with NULL. */
const weir_source_kind *const *weir_source_kinds(void);
const weir_source_kind *weir_source_find(weir_str name); /* NULL: none */

/* Instances: heap. `new` makes and opens; on failure nothing is left. `free` closes. */
weir_code weir_source_new(const weir_source_kind *kind, const weir_source_setup *setup,
                          weir_source **out, weir_err *err) WEIR_MUST_CHECK;
void      weir_source_free(weir_source *source);

#endif
