/* sink/rows_payload: rows of an epoch as bytes in the manifest, and back.
 *
 *     payload   version 1, parts, each: varint batches, then weir_batch_write of each
 *     part      0, varint length, bytes | 1, reference to a blob
 *
 * Gives      rows_part_write, rows_part_read, rows_payload_write, rows_payload_read,
 *            rows_payload_last, rows_execute_nothing, rows_commit_nothing.
 * Always     1. a part over ROWS_INLINE bytes is a blob, when there is a stage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows/rows.h"

#include <string.h>

#include "weir/failpoint.h"

#define ROWS_PAYLOAD_VERSION 1
#define ROWS_INLINE (4u << 10) /* bytes; a reference takes about 80 */

void rows_part_write(weir_buf *payload, weir_str bytes, weir_stage *stage)
{
    bool spill = WEIR_FAILPOINT_IS(ep_spill);
    if (stage == NULL || (bytes.len <= ROWS_INLINE && !spill)) {
        weir_buf_byte(payload, 0);
        weir_buf_blob(payload, bytes);
        return;
    }
    weir_blob_ref ref;
    weir_stage_blob(stage, bytes, true, &ref);
    weir_buf_byte(payload, 1);
    weir_stage_refer(stage, &ref, payload);
}

weir_code rows_part_read(weir_reader *payload, weir_checkpoint *checkpoint, weir_buf *hold,
                         weir_str *out, weir_err *err)
{
    uint8_t form = weir_read_byte(payload);
    if (form == 0) {
        weir_str bytes = weir_read_blob(payload);
        if (payload->bad)
            return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                             "a sink's payload ends too early");
        *out = bytes;
        return WEIR_OK;
    }
    weir_blob_ref ref;
    if (form != 1 || checkpoint == NULL || !weir_blob_ref_read(payload, &ref))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "a sink's payload has a damaged reference");
    weir_buf_done(hold);
    WEIR_FAILPOINT(tk_read_payload);
    weir_code rc = weir_checkpoint_fetch(checkpoint, &ref, 1, hold, err);
    if (rc != WEIR_OK)
        return rc;
    *out = weir_buf_view(hold);
    return WEIR_OK;
}

typedef struct part_writer {
    weir_buf    batches;
    uint32_t    count;
    weir_buf   *payload;
    weir_stage *stage;
} part_writer;

static void part_end(part_writer *part)
{
    if (part->count == 0)
        return;
    weir_buf whole = {0};
    weir_buf_varint(&whole, part->count);
    weir_buf_str(&whole, weir_buf_view(&part->batches));
    rows_part_write(part->payload, weir_buf_view(&whole), part->stage);
    weir_buf_done(&whole);
    weir_buf_clear(&part->batches);
    part->count = 0;
}

static void part_add(part_writer *part, const weir_batch *batch)
{
    if (batch->selected == 0)
        return;
    weir_batch_write(batch, &part->batches);
    part->count++;
    if (part->batches.len >= ROWS_PART_BYTES)
        part_end(part);
}

void rows_payload_write(weir_buf *payload, const weir_stage_input *input)
{
    weir_buf_byte(payload, ROWS_PAYLOAD_VERSION);
    part_writer part = {.payload = payload, .stage = input->stage};
    for (uint32_t i = 0; i < input->count; i++) {
        const weir_sink_rows *rows = &input->rows[i];
        weir_assert(rows->place == NULL); /* rows_in_order comes first */
        for (uint32_t b = 0; b < rows->batches; b++)
            part_add(&part, rows->batch[b]);
    }
    part_end(&part);
    weir_buf_done(&part.batches);
}

static weir_sink_rows ordered(const weir_sink_rows *rows, weir_arena *arena)
{
    uint64_t     batches = (rows->places + WEIR_BATCH_ROWS - 1) / WEIR_BATCH_ROWS;
    weir_batch **batch = WEIR_ARRAY(arena, weir_batch *, batches + 1);
    for (uint64_t i = 0; i < batches; i++) {
        uint64_t left = rows->places - i * WEIR_BATCH_ROWS;
        uint32_t count = left < WEIR_BATCH_ROWS ? (uint32_t)left : WEIR_BATCH_ROWS;
        batch[i] = weir_batch_gather(rows->batch, rows->place + i * WEIR_BATCH_ROWS, count,
                                     arena);
    }
    return (weir_sink_rows){
        .table = rows->table, .batches = (uint32_t)batches, .batch = batch};
}

weir_stage_input rows_in_order(const weir_stage_input *input, weir_arena *arena)
{
    weir_sink_rows  *rows = WEIR_ARRAY(arena, weir_sink_rows, input->count + 1);
    weir_stage_input out = *input;
    for (uint32_t i = 0; i < input->count; i++)
        rows[i] = input->rows[i].place != NULL ? ordered(&input->rows[i], arena)
                                               : input->rows[i];
    out.rows = rows;
    return out;
}

typedef struct batch_list {
    weir_arena  *arena;
    weir_batch **at;
    uint32_t     count, room;
} batch_list;

static void list_add(batch_list *list, weir_batch *batch)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 16 : list->room * 2;
        weir_batch **more = WEIR_ARRAY(list->arena, weir_batch *, list->room);
        if (list->count > 0)
            memcpy(more, list->at, list->count * sizeof(weir_batch *));
        list->at = more;
    }
    list->at[list->count++] = batch;
}

static weir_code part_batches(weir_str bytes, batch_list *list, weir_err *err)
{
    weir_reader reader = weir_reader_of(bytes);
    uint64_t    count = weir_read_varint(&reader);
    for (uint64_t i = 0; i < count; i++) {
        weir_batch *batch;
        weir_code   rc = weir_batch_read(&reader, list->arena, &batch, err);
        if (rc != WEIR_OK)
            return rc;
        list_add(list, batch);
    }
    return WEIR_OK;
}

weir_code rows_payload_read(weir_str payload, weir_checkpoint *checkpoint,
                            weir_arena *arena, weir_sink_rows *out, weir_err *err)
{
    weir_reader reader = weir_reader_of(payload);
    if (weir_read_byte(&reader) != ROWS_PAYLOAD_VERSION)
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "a sink's payload is of a version that is not known here");
    batch_list list = {.arena = arena};
    weir_buf   hold = {0};
    weir_code  rc = WEIR_OK;
    while (rc == WEIR_OK && weir_reader_left(&reader) > 0) {
        weir_str bytes;
        rc = rows_part_read(&reader, checkpoint, &hold, &bytes, err);
        if (rc == WEIR_OK)
            rc = part_batches(bytes, &list, err);
    }
    weir_buf_done(&hold);
    if (rc == WEIR_OK)
        *out = (weir_sink_rows){.batches = list.count, .batch = list.at};
    return rc;
}

weir_code rows_payload_last(weir_history *history, weir_arena *arena, weir_sink_rows *out,
                            bool *out_any, weir_err *err)
{
    *out_any = false;
    if (history->last == 0 || history->finalised)
        return WEIR_OK;
    weir_committed last;
    weir_code      rc = history->read(history, history->last, arena, &last, err);
    if (rc != WEIR_OK || !last.joined || last.payload.len == 0)
        return rc;
    rc = rows_payload_read(last.payload, history->checkpoint, arena, out, err);
    *out_any = rc == WEIR_OK && out->batches > 0;
    return rc;
}

weir_code rows_execute_nothing(weir_sink *sink, const weir_commit_id *id,
                               weir_history *history, weir_refusals *refusals,
                               weir_err *err)
{
    (void)sink, (void)id, (void)history, (void)refusals, (void)err;
    return WEIR_OK;
}

weir_code rows_commit_nothing(weir_sink *sink, const weir_commit_id *id,
                              weir_history *history, weir_err *err)
{
    (void)sink, (void)id, (void)history, (void)err;
    return WEIR_OK;
}
