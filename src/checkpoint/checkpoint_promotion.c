/* checkpoint/promotion: records of promotions, and beginning a lineage for one.
 *
 * A record's section "promotion" is: version u16, step u8, flags u8 (1 undo, 2 void), blob name,
 * job, origin job, u32 lineage, u32 origin lineage, two places (u64 gen, idx, epoch, sha), varint
 * outputs, each: u8 files, blob table, given, incoming, outgoing.
 *
 * The bad case: somebody runs --fresh while a promotion begins. Both begin the same lineage; who
 * owns it second finds it empty and looks here, or finds that it is not empty, and the promotion
 * is void. So neither goes on from what the other made.
 *
 * Gives      weir_promotion_read, weir_promotion_put, weir_checkpoint_begin.
 * Always     1. what is read is checked before it is used: CORRUPT otherwise.
 * Never      changes or removes a record.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/promotion.h"

#include <stdio.h>
#include <string.h>

#include "checkpoint_parts.h"
#include "weir/failpoint.h"

#define PROMOTION_VERSION 1u
#define PROMOTION_SECTION "promotion"
#define PROMOTION_PATIENCE_US (60LL * 1000000)
#define PROMOTION_NAME_MAX 64u
#define PROMOTION_OUTPUT_LEAST 5u /* bytes of the smallest output: a byte and four blobs */

enum { FLAG_UNDO = 1, FLAG_VOID = 2 };

static void write_place(weir_buf *out, const weir_manifest_place *place)
{
    weir_buf_u64(out, place->gen);
    weir_buf_u64(out, place->idx);
    weir_buf_u64(out, place->epoch);
    weir_buf_add(out, place->sha.at, sizeof place->sha.at);
}

static void write_body(weir_buf *out, const weir_promotion *promotion)
{
    weir_buf_u16(out, PROMOTION_VERSION);
    weir_buf_byte(out, (uint8_t)promotion->step);
    weir_buf_byte(out, (uint8_t)((promotion->undo ? FLAG_UNDO : 0) |
                                 (promotion->voided ? FLAG_VOID : 0)));
    weir_buf_blob(out, promotion->name);
    weir_buf_blob(out, promotion->job);
    weir_buf_blob(out, promotion->origin_job);
    weir_buf_u32(out, promotion->lineage);
    weir_buf_u32(out, promotion->origin_lineage);
    write_place(out, &promotion->last);
    write_place(out, &promotion->origin);
    weir_buf_varint(out, promotion->outputs);
    for (uint32_t i = 0; i < promotion->outputs; i++) {
        const weir_promoted *output = &promotion->output[i];
        weir_buf_byte(out, output->files);
        weir_buf_blob(out, output->table);
        weir_buf_blob(out, output->given);
        weir_buf_blob(out, output->incoming);
        weir_buf_blob(out, output->outgoing);
    }
}

static void read_place(weir_reader *reader, weir_manifest_place *out)
{
    out->gen = weir_read_u64(reader);
    out->idx = weir_read_u64(reader);
    out->epoch = weir_read_u64(reader);
    weir_str sha = weir_read_bytes(reader, sizeof out->sha.at);
    if (reader->bad)
        return;
    memcpy(out->sha.at, sha.at, sizeof out->sha.at);
    bool none = out->gen == 0 && out->idx == 0 && out->epoch == 0;
    bool whole = out->idx > 0 && out->epoch > 0;
    if ((!none && !whole) || out->gen > RECORD_NUMBER_MAX || out->idx > RECORD_NUMBER_MAX)
        reader->bad = true;
}

static weir_str read_name(weir_reader *reader, size_t most)
{
    weir_str name = weir_read_blob(reader);
    if (name.len == 0 || name.len > most)
        reader->bad = true;
    return name;
}

static void read_outputs(weir_reader *reader, weir_arena *arena, weir_promotion *out)
{
    uint64_t count = weir_read_varint(reader);
    if (reader->bad || count > WEIR_PROMOTED_OUTPUTS_MAX ||
        count > weir_reader_left(reader) / PROMOTION_OUTPUT_LEAST) {
        reader->bad = true;
        return;
    }
    out->outputs = (uint32_t)count;
    out->output = WEIR_ARRAY(arena, weir_promoted, count + 1);
    for (uint64_t i = 0; i < count; i++) {
        weir_promoted *output = &out->output[i];
        uint8_t        files = weir_read_byte(reader);
        output->files = files == 1;
        if (files > 1)
            reader->bad = true;
        output->table = read_name(reader, WEIR_KEY_BYTES_MAX);
        output->given = read_name(reader, WEIR_KEY_BYTES_MAX);
        output->incoming = read_name(reader, WEIR_KEY_BYTES_MAX);
        output->outgoing = read_name(reader, WEIR_KEY_BYTES_MAX);
    }
}

/* NULL, or what is wrong. */
static const char *read_body(weir_str bytes, weir_arena *arena, weir_promotion *out)
{
    weir_reader reader = weir_reader_of(bytes);
    uint16_t    version = weir_read_u16(&reader);
    if (!reader.bad && version != PROMOTION_VERSION)
        return "it was written by another version of weir";
    out->step = (weir_promotion_step)weir_read_byte(&reader);
    uint8_t flags = weir_read_byte(&reader);
    out->undo = (flags & FLAG_UNDO) != 0;
    out->voided = (flags & FLAG_VOID) != 0;
    out->name = read_name(&reader, PROMOTION_NAME_MAX);
    out->job = read_name(&reader, WEIR_JOB_NAME_MAX);
    out->origin_job = read_name(&reader, WEIR_JOB_NAME_MAX);
    out->lineage = weir_read_u32(&reader);
    out->origin_lineage = weir_read_u32(&reader);
    read_place(&reader, &out->last);
    read_place(&reader, &out->origin);
    read_outputs(&reader, arena, out);
    if (reader.bad || weir_reader_left(&reader) > 0 || flags > (FLAG_UNDO | FLAG_VOID) ||
        out->step < WEIR_PROMOTION_BEGUN || out->step > WEIR_PROMOTION_DONE ||
        out->lineage < 2 || out->origin_lineage < 1)
        return "it is not what a promotion writes";
    return NULL;
}

static log_key key_of(const checkpoint_log *log, uint32_t lineage, weir_promotion_step step)
{
    static const char *const end[] = {"", "", "-settled", "-done"};
    log_key key = {.len = 0};
    int     len = snprintf(key.at, sizeof key.at, "%.*s%s%.*s/promotions/%08u%s",
                           WEIR_STR_FMT(log->prefix), log->prefix.len > 0 ? "/" : "",
                           WEIR_STR_FMT(log->job), lineage, end[step]);
    weir_assert(len > 0);
    weir_assert((size_t)len < sizeof key.at);
    key.len = (size_t)len;
    return key;
}

/* The records stand beside the lineages, under the number of the one that begins. */
static checkpoint_log log_of(const weir_checkpoint *checkpoint, uint32_t lineage)
{
    checkpoint_log log = checkpoint->log;
    log.lineage = lineage;
    return log;
}

static weir_code take(const log_key *key, const checkpoint_record *record,
                      weir_promotion_step step, weir_arena *arena, weir_promotion **out,
                      weir_err *err)
{
    weir_promotion *promotion = WEIR_NEW(arena, weir_promotion);
    bool            good = record->kind == RECORD_PROMOTION && record->sections == 1 &&
                weir_str_is(record->section[0].name, PROMOTION_SECTION);
    const char *fault = good ? read_body(record->section[0].bytes, arena, promotion)
                             : "it is not a promotion's";
    if (fault == NULL && promotion->step != step)
        fault = "it belongs to another step";
    if (fault == NULL && promotion->lineage != record->lineage &&
        weir_str_eq(promotion->job, record->job))
        fault = "it belongs to another lineage";
    if (fault != NULL)
        return log_corrupt(key, fault, err);
    *out = promotion;
    return WEIR_OK;
}

/* What was written, as it will be read. */
static weir_code take_back(const log_key *key, weir_str bytes, weir_promotion_step step,
                           weir_arena *arena, weir_promotion **out, weir_err *err)
{
    checkpoint_record record;
    const char       *fault = record_read(weir_str_copy(arena, bytes), arena, &record);
    weir_assert(fault == NULL);
    return take(key, &record, step, arena, out, err);
}

weir_code weir_promotion_read(weir_checkpoint *checkpoint, uint32_t lineage,
                              weir_promotion_step step, weir_arena *arena,
                              weir_promotion **out, weir_err *err)
{
    checkpoint_record record = {.idx = 0};
    checkpoint_log    log = log_of(checkpoint, lineage);
    log_key           key = key_of(&log, lineage, step);
    weir_assert(lineage >= 1);
    *out = NULL;
    WEIR_FAILPOINT(tk_lineages);
    weir_code rc = log_read(&log, &key, arena, &record, err);
    if (rc == WEIR_E_NOTFOUND)
        return WEIR_OK;
    return rc == WEIR_OK ? take(&key, &record, step, arena, out, err) : rc;
}

weir_code weir_promotion_put(weir_checkpoint *checkpoint, const weir_promotion *promotion,
                             weir_arena *arena, weir_promotion **out, weir_err *err)
{
    bool     own = weir_str_eq(promotion->job, checkpoint->log.job);
    uint32_t lineage = own ? promotion->lineage : promotion->origin_lineage + 1;
    checkpoint_log    log = log_of(checkpoint, lineage);
    log_key           key = key_of(&log, lineage, promotion->step);
    weir_buf          body = {0}, bytes = {0};
    checkpoint_record record = {.kind = RECORD_PROMOTION, .job = log.job, .task = log.task,
                                .lineage = lineage, .sections = 1,
                                .written_us = log.clock->wall_us(log.clock)};
    weir_random_nonce(record.nonce);
    write_body(&body, promotion);
    weir_section section = {.name = WEIR_STR(PROMOTION_SECTION),
                            .bytes = weir_buf_view(&body)};
    record.section = &section;
    record_write(&bytes, &record);
    log_write write = {.key = &key, .bytes = weir_buf_view(&bytes), .sha = record.sha,
                       .stop_at = 2, .patience_us = PROMOTION_PATIENCE_US};
    weir_code rc = log_write_once(&log, &write, arena, err);
    if (rc == WEIR_OK && !write.mine)
        rc = take(&key, &write.other, promotion->step, arena, out, err);
    else if (rc == WEIR_OK)
        rc = take_back(&key, weir_buf_view(&bytes), promotion->step, arena, out, err);
    weir_buf_done(&body);
    weir_buf_done(&bytes);
    return rc;
}

weir_code weir_checkpoint_begin(const weir_checkpoint_setup *setup, bool *out_empty,
                                weir_err *err)
{
    weir_checkpoint *checkpoint = NULL;
    weir_manifest   *last = NULL;
    bool             finalised = false;
    weir_arena      *arena = weir_arena_new("begin", 64 << 10);
    weir_assert(setup->lineage >= 2);
    weir_code rc = weir_checkpoint_open(setup, &checkpoint, err);
    if (rc == WEIR_OK) /* whoever has epochs in it is left alone */
        rc = weir_checkpoint_look(checkpoint, arena, &last, &finalised, err);
    if (rc == WEIR_OK && last == NULL)
        rc = weir_checkpoint_take_over(checkpoint, arena, &last, &finalised, err);
    *out_empty = rc == WEIR_OK && last == NULL;
    if (rc == WEIR_OK && last == NULL) /* so that the next start need not watch anybody */
        rc = weir_checkpoint_seal(checkpoint, err);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
    return rc;
}
