/* source/source_resume: is the log still the one that a checkpoint's position was taken from?
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOURCE_RESUME_H
#define SOURCE_RESUME_H

#include "weir/error.h"
#include "weir/record.h"

/* What is known of the partition's log when reading resumes. */
typedef struct source_resume {
    weir_str           topic;
    weir_str           partition;
    int64_t            low;
    int64_t            end;
    bool               compacted;
    const weir_record *found; /* first record at or behind position->last_offset, or NULL */
} source_resume;

/* CRC32C of key bytes, then value bytes: the position's fingerprint. */
uint32_t source_resume_crc(const weir_record *record);

/* True when the record at last_offset has to be looked at: it should still be there. */
bool source_resume_must_look(const source_resume *log, const weir_position *position);

/* HALT TOPIC_CHANGED or OFFSET_GAP, or fine: `range` before the record was looked at, `same`
   after (when it must be looked at). */
weir_code source_resume_range(const source_resume *log, const weir_position *position,
                              weir_err *err) WEIR_MUST_CHECK;
weir_code source_resume_same(const source_resume *log, const weir_position *position,
                             weir_err *err) WEIR_MUST_CHECK;

#endif
