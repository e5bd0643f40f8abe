/* engine/summary: what an epoch was like, written into its manifest for people.
 *
 *     section "summary"  version 1; u64 cut_us (wall clock), varints read_us, merge_us,
 *       records, bad, late, duplicate, skipped, dead letters;
 *       varint operators, each: blob name, varint rows, bytes;
 *       varint flows, each: blob table, varint rows;
 *       varint epoch before (0: not known), varint execute_us, put_us, commit_us of it;
 *       CRC32C
 *
 * Gives      engine_summary_take, engine_summary_write.
 * Never      read by a restart: weir_facts_read is the only reader.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

#define SUMMARY_VERSION 1

static void take_counts(engine_job *engine, engine_summary *out)
{
    const weir_status *status = engine->status;
    engine_summary now = {.bad = atomic_load(&status->bad), .late = atomic_load(&status->late),
                          .duplicate = atomic_load(&status->duplicate),
                          .skipped = atomic_load(&status->skipped)};
    const engine_summary *before = &engine->totals;
    out->bad = now.bad - before->bad;
    out->late = now.late - before->late;
    out->duplicate = now.duplicate - before->duplicate;
    out->skipped = now.skipped - before->skipped;
    engine->totals = now;
}

void engine_summary_take(engine_job *engine, engine_epoch *epoch)
{
    engine_summary *summary = &epoch->summary;
    weir_clock *clock = engine->clock;
    weir_op_count count;
    summary->cut_us = clock->wall_us(clock);
    summary->read_us = epoch->cut_us - engine->last_cut_us;
    summary->merge_us = clock->mono_us(clock) - epoch->cut_us;
    summary->records = epoch->records;
    take_counts(engine, summary);
    while (weir_ops_count(engine->ops, summary->states, &count))
        summary->states++;
    summary->state = WEIR_ARRAY(epoch->arena, weir_op_count, summary->states + 1);
    for (uint32_t i = 0; i < summary->states; i++)
        (void)weir_ops_count(engine->ops, i, &summary->state[i]); /* it is there: counted */
}

static void write_time(weir_buf *out, int64_t us)
{
    weir_buf_varint(out, us > 0 ? (uint64_t)us : 0);
}

static void write_flows(const engine_job *engine, const engine_epoch *epoch, weir_buf *out)
{
    weir_buf_varint(out, epoch->emission.flows);
    for (uint32_t f = 0; f < epoch->emission.flows; f++) {
        const weir_flow *flow = &epoch->emission.flow[f];
        uint32_t table = engine->plan->node[flow->node].table;
        weir_buf_blob(out, engine->plan->table[table].name);
        weir_buf_varint(out, flow->rows);
    }
}

static uint64_t letters_of(const engine_epoch *epoch)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < epoch->letter_sets; i++)
        count += epoch->letters[i].count;
    return count;
}

void engine_summary_write(const engine_job *engine, const engine_epoch *epoch, weir_buf *out)
{
    const engine_summary *summary = &epoch->summary;
    const engine_timings *before = &engine->timings;
    size_t from = out->len;
    weir_buf_byte(out, SUMMARY_VERSION);
    weir_buf_u64(out, (uint64_t)summary->cut_us);
    write_time(out, summary->read_us);
    write_time(out, summary->merge_us);
    weir_buf_varint(out, summary->records);
    weir_buf_varint(out, summary->bad);
    weir_buf_varint(out, summary->late);
    weir_buf_varint(out, summary->duplicate);
    weir_buf_varint(out, summary->skipped);
    weir_buf_varint(out, letters_of(epoch));
    weir_buf_varint(out, summary->states);
    for (uint32_t i = 0; i < summary->states; i++) {
        weir_buf_blob(out, summary->state[i].name);
        weir_buf_varint(out, summary->state[i].rows);
        weir_buf_varint(out, summary->state[i].bytes);
    }
    write_flows(engine, epoch, out);
    weir_buf_varint(out, before->epoch);
    write_time(out, before->execute_us);
    write_time(out, before->put_us);
    write_time(out, before->commit_us);
    weir_buf_u32(out, weir_crc32c(0, (weir_str){out->at + from, out->len - from}));
}
