/* weir/record: records as a source hands them over: blocks, never one by one.
 *
 * A block holds records of one partition in rising offset order. Its bytes belong to the
 * block and live until weir_block_release. Behind each key and value at least
 * WEIR_RECORD_PAD bytes can be read (their content means nothing).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_RECORD_H
#define WEIR_RECORD_H

#include "weir/str.h"

#define WEIR_RECORD_PAD 64

typedef struct weir_header {
    weir_str name;
    weir_str value; /* .at NULL: null */
} weir_header;

typedef struct weir_record {
    int64_t            offset;
    int64_t            timestamp_us; /* of the record; INT64_MIN: none */
    weir_str           key;          /* .at NULL: null */
    weir_str           value;        /* .at NULL: null (a tombstone) */
    uint32_t           headers;
    const weir_header *header;       /* only when the source was asked for headers */
} weir_record;

typedef struct weir_block weir_block;
struct weir_block {
    uint32_t     partition;   /* index in the source's list of partitions, from 0 */
    uint32_t     records;
    weir_record *record;
    int64_t      next_offset; /* where reading goes on behind this block: may be past the
                                 last record + 1 (control records, compaction) */
    bool         at_end;      /* the partition's end was reported right behind it */
    uint64_t     bytes;       /* memory held: for the budget */
    uint64_t     user;        /* of the engine */
    void (*release)(weir_block *block);
};

static inline void weir_block_release(weir_block *block)
{
    if (block)
        block->release(block);
}

/* Where a partition's reading stands; kept in the checkpoint. The fingerprint is of the
   last record before next_offset: a resume finds out whether the log is still the same. */
typedef struct weir_position {
    int64_t  next_offset;       /* first offset not yet read */
    int64_t  last_offset;       /* of the last record read, -1: none yet */
    int64_t  last_timestamp_us;
    uint32_t last_crc;          /* CRC32C of key bytes, then value bytes */
} weir_position;

#endif
