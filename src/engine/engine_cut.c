/* engine/cut: the end of an epoch: all lanes stand still, state is merged slice by slice,
 * groups are emitted, and the epoch is handed to the commit thread.
 *
 * Gives      engine_cut_epoch (the caller's thread), engine_cut_join (a lane).
 * Always     1. at most one epoch is not finalised: the next cut waits for it.
 *            2. between "all parked" and the release nobody pushes, so positions, marks,
 *               watermarks and state are of one moment.
 *            3. partitions are taken in here, and nowhere else while lanes run.
 *
 * The story: a lane sees `cut`, comes here and waits. The last one to come lets the
 * caller's thread go on: it fixes the watermark, hands out slices to the waiting lanes
 * (PHASE_MERGE), collects what they made, writes down the positions and releases them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

static void merge_slice(engine_lane *lane, uint32_t slice)
{
    engine_job *engine = lane->engine;
    engine_epoch *epoch = engine->epoch;
    weir_emission *emission = &engine->slice_emission[slice];
    weir_err err;
    weir_err_clear(&err);
    weir_emission_start(engine->ops, epoch->lane_arena[lane->number], emission);
    weir_code rc = weir_ops_merge(engine->ops, slice, &err);
    if (rc == WEIR_OK)
        rc = weir_ops_emit(engine->ops, slice, epoch->watermark_us, emission, &err);
    if (rc != WEIR_OK) {
        engine_halt(engine, &err);
        return;
    }
    engine_slices_save(engine, epoch, slice);
}

static void merge_slices(engine_lane *lane)
{
    for (;;) {
        uint32_t slice = atomic_fetch_add(&lane->engine->slice_next, 1);
        if (slice >= WEIR_SLICES)
            return;
        merge_slice(lane, slice);
    }
}

void engine_wait(engine_job *engine)
{
    weir_cond_wait(&engine->changed, &engine->lock, ENGINE_TICK_US);
}

void engine_cut_join(engine_lane *lane)
{
    engine_job *engine = lane->engine;
    bool merged = false;
    pthread_mutex_lock(&engine->lock);
    uint64_t number = engine->cut_number;
    engine->parked++;
    pthread_cond_broadcast(&engine->changed);
    while (engine->cut_number == number && !atomic_load(&engine->quit)) {
        if (engine->work == PHASE_MERGE && !merged) {
            pthread_mutex_unlock(&engine->lock);
            merge_slices(lane);
            merged = true;
            pthread_mutex_lock(&engine->lock);
            engine->working--;
            pthread_cond_broadcast(&engine->changed);
        } else {
            engine_wait(engine);
        }
    }
    pthread_mutex_unlock(&engine->lock);
}

static void append_flow(weir_flow *to, const weir_flow *from, weir_arena *arena)
{
    if (from->batches == 0)
        return;
    if (to->batches + from->batches > to->room) {
        uint32_t room = (to->batches + from->batches) * 2;
        weir_batch **batch = WEIR_ARRAY(arena, weir_batch *, room);
        weir_flow_order *order = WEIR_ARRAY(arena, weir_flow_order, room);
        for (uint32_t i = 0; i < to->batches; i++) {
            batch[i] = to->batch[i];
            order[i] = to->order[i];
        }
        to->batch = batch;
        to->order = order;
        to->room = room;
    }
    for (uint32_t i = 0; i < from->batches; i++) {
        to->order[to->batches] = from->order[i];
        to->batch[to->batches++] = from->batch[i];
    }
    to->rows += from->rows;
}

/* All that this epoch gives to sinks: rows without state first, then slice by slice. */
static void gather_rows(engine_job *engine, engine_epoch *epoch)
{
    weir_emission_start(engine->ops, epoch->arena, &epoch->emission);
    for (uint32_t i = 0; i < engine->lanes; i++)
        weir_ops_passed(engine->ops, i, &epoch->emission);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        const weir_emission *emission = &engine->slice_emission[s];
        for (uint32_t f = 0; f < emission->flows; f++)
            append_flow(&epoch->emission.flow[f], &emission->flow[f], epoch->arena);
        epoch->emission.negative += emission->negative;
    }
    uint64_t rows = 0;
    for (uint32_t f = 0; f < epoch->emission.flows; f++)
        rows += epoch->emission.flow[f].rows;
    engine_flows_cut(engine, epoch);
    atomic_fetch_add(&engine->status->rows_out, rows);
    weir_metric_add(WEIR_M_rows_emitted, (int64_t)rows);
    weir_metric_add(WEIR_M_groups_negative, (int64_t)epoch->emission.negative);
}

static void gather_lanes(engine_job *engine, engine_epoch *epoch)
{
    for (uint32_t i = 0; i < engine->lanes; i++) {
        engine_lane *lane = &engine->lane[i];
        epoch->records += lane->records;
        epoch->letters[i] = lane->letters;
        uint32_t other = lane->letters.arena == lane->letters_arena[0];
        weir_arena_reset(lane->letters_arena[other]);
        lane->letters = (engine_letters){.arena = lane->letters_arena[other]};
        lane->records = lane->passed = lane->passed_bytes = 0;
    }
    epoch->letter_sets = engine->lanes + 1;
    epoch->letters[engine->lanes].arena = epoch->arena;
}

static void gather_positions(engine_job *engine, engine_epoch *epoch)
{
    engine_positions_write(engine, epoch->end, &epoch->positions);
    epoch->ack = WEIR_ARRAY(epoch->arena, weir_position, engine->partitions + 1);
    epoch->ack_count = WEIR_ARRAY(epoch->arena, uint32_t, engine->sources + 1);
    uint32_t at = 0;
    for (uint32_t s = 0; s < engine->sources; s++) {
        epoch->ack_count[s] = engine->source[s].partitions;
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            const engine_partition *partition = &engine->source[s].partition[p];
            epoch->ack[at++] = partition->position;
            weir_metric_series_set(partition->series_position,
                                   partition->position.next_offset);
            weir_metric_series_set(partition->series_watermark, partition->watermark_us);
        }
    }
}

static engine_epoch *epoch_new(engine_job *engine, bool end)
{
    engine_epoch *epoch = weir_heap_new(1, sizeof *epoch);
    epoch->arena = weir_arena_new("epoch", 64 << 10);
    for (uint32_t i = 0; i < engine->lanes; i++)
        epoch->lane_arena[i] = weir_arena_new("epoch rows", 256 << 10);
    epoch->number = engine->last_epoch + 1;
    epoch->end = end;
    epoch->cut_us = engine->clock->mono_us(engine->clock);
    return epoch;
}

void engine_epoch_free(engine_job *engine, engine_epoch *epoch)
{
    if (epoch == NULL)
        return;
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        weir_buf_done(&epoch->slice_bytes[i]);
    weir_buf_done(&epoch->positions);
    for (uint32_t i = 0; i < engine->lanes; i++)
        weir_arena_free(epoch->lane_arena[i]);
    weir_arena_free(epoch->arena);
    weir_heap_free(epoch);
}

/* With the lock held: all lanes stand still, and the epoch before is final. False when
   that does not happen any more: a thread failed, or the commit thread gave up. */
static bool wait_parked(engine_job *engine)
{
    engine->cut = true;
    while ((engine->parked < engine->lanes || engine->committing != NULL) &&
           !atomic_load(&engine->halted) && !engine->dropped)
        engine_wait(engine);
    return !atomic_load(&engine->halted) && !engine->dropped;
}

static bool run_merge(engine_job *engine)
{
    atomic_store(&engine->slice_next, 0);
    engine->working = engine->lanes;
    engine->work = PHASE_MERGE;
    pthread_cond_broadcast(&engine->changed);
    while (engine->working > 0)
        engine_wait(engine);
    engine->work = PHASE_NONE;
    return !atomic_load(&engine->halted);
}

/* Behind the last cut lanes and readers end: what they would do is dropped anyway. */
static void release_lanes(engine_job *engine, engine_cut_kind kind)
{
    if (kind != CUT_MORE)
        atomic_store(&engine->quit, true);
    engine->cut = false;
    engine->parked = 0;
    engine->cut_number++;
    engine->epoch = NULL;
    atomic_store(&engine->full, 0);
    pthread_cond_broadcast(&engine->changed);
}

/* What was merged becomes an epoch, and the next one begins. */
static void hand_over(engine_job *engine, engine_epoch *epoch)
{
    gather_rows(engine, epoch);
    gather_lanes(engine, epoch);
    gather_positions(engine, epoch);
    engine_summary_take(engine, epoch);
    for (uint32_t s = 0; s < engine->sources; s++)
        engine->source[s].closed_us = engine->source[s].closing_us;
    engine->last_cut_us = epoch->cut_us;
    weir_ops_next(engine->ops);
    weir_metric_set(WEIR_M_epoch_merge_us,
                    engine->clock->mono_us(engine->clock) - epoch->cut_us);
    engine->committing = epoch;
}

weir_code engine_cut_epoch(engine_job *engine, engine_cut_kind kind, weir_err *err)
{
    weir_code rc = WEIR_OK;
    pthread_mutex_lock(&engine->lock);
    if (!wait_parked(engine)) {
        rc = weir_fail(err, WEIR_E_STOPPED, "stopping");
        goto out;
    }
    atomic_store(&engine->dirty, false);
    for (uint32_t s = 0; s < engine->sources; s++)
        engine_partitions_adopt(&engine->source[s]);
    weir_ops_recycle(engine->ops);
    engine_epoch *epoch = epoch_new(engine, kind == CUT_END);
    engine->epoch = epoch;
    engine_watermark_fix(engine, epoch);
    engine_slices_choose(engine, epoch, kind != CUT_MORE);
    if (!run_merge(engine)) {
        engine_epoch_free(engine, epoch);
        rc = weir_fail(err, WEIR_E_STOPPED, "stopping");
        goto out;
    }
    hand_over(engine, epoch);
    WEIR_FAILPOINT(ep_close_batch);
    release_lanes(engine, kind);
out:
    pthread_mutex_unlock(&engine->lock);
    return rc;
}
