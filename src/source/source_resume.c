/* source/source_resume: is the log still the one that a checkpoint's position was taken from?
 *
 * Start offsets that a client assigns are not checked by anybody. So:
 * 1. next is below the first offset that is there: records expired unread. OFFSET_GAP.
 * 2. next is behind the end: the log was cut or made anew. TOPIC_CHANGED.
 * 3. the last record read must still be there with the same time and bytes. A topic that was
 *    made anew and filled past our position passes 1 and 2, and fails here.
 * 4. it may be gone when retention took it (low is behind it, next is not below low), or when
 *    the topic is compacted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "source_resume.h"

#include <inttypes.h>
#include <stdio.h>

#include "weir/hash.h"

uint32_t source_resume_crc(const weir_record *record)
{
    return weir_crc32c(weir_crc32c(0, record->key), record->value);
}

bool source_resume_must_look(const source_resume *log, const weir_position *position)
{
    return position->last_offset >= 0 && position->last_offset >= log->low;
}

static weir_code changed(const source_resume *log, weir_err *err, const char *what)
{
    (void)weir_halt(err, WEIR_EXIT_TOPIC_CHANGED, WEIR_E_CORRUPT,
                    "topic '%.*s' partition %.*s is not the log that the checkpoint was taken "
                    "from: %s", WEIR_STR_FMT(log->topic), WEIR_STR_FMT(log->partition), what);
    return weir_err_hint(err, "if it was made anew on purpose, start a new lineage with "
                              "--fresh");
}

weir_code source_resume_range(const source_resume *log, const weir_position *position,
                              weir_err *err)
{
    char what[96];
    weir_assert(position->next_offset >= 0);
    weir_assert(position->last_offset < position->next_offset);
    if (position->next_offset > log->end) {
        (void)snprintf(what, sizeof what, "it ends at offset %" PRId64 ", and %" PRId64
                       " was read next", log->end, position->next_offset);
        return changed(log, err, what);
    }
    if (position->next_offset >= log->low)
        return WEIR_OK;
    (void)weir_halt(err, WEIR_EXIT_OFFSET_GAP, WEIR_E_REMOTE,
                    "topic '%.*s' partition %.*s starts at offset %" PRId64 " now: %" PRId64
                    " records from %" PRId64 " to %" PRId64 " expired before they were read",
                    WEIR_STR_FMT(log->topic), WEIR_STR_FMT(log->partition), log->low,
                    log->low - position->next_offset, position->next_offset, log->low - 1);
    return weir_err_hint(err, "lengthen the topic's retention; rebuild from a backup, or start "
                              "a new lineage with --fresh and start_partial = 'true'");
}

weir_code source_resume_same(const source_resume *log, const weir_position *position,
                             weir_err *err)
{
    char what[128];
    const weir_record *found = log->found;
    bool there = found && found->offset == position->last_offset;
    if (!there && log->compacted)
        return WEIR_OK;
    if (!there) {
        (void)snprintf(what, sizeof what, "the record at offset %" PRId64 " is gone",
                       position->last_offset);
        return changed(log, err, what);
    }
    if (found->timestamp_us == position->last_timestamp_us &&
        source_resume_crc(found) == position->last_crc)
        return WEIR_OK;
    (void)snprintf(what, sizeof what, "the record at offset %" PRId64 " is another one",
                   position->last_offset);
    return changed(log, err, what);
}
