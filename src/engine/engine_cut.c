/* engine/cut: the end of an epoch: all lanes stand still, state is merged slice by slice,
 * groups are emitted, and the epoch is handed to the commit thread.
 *
 * Gives      engine_cut_epoch (the caller's thread), engine_cut_join (a lane).
 * Always     1. at most one epoch is not finalised: the next cut waits for it.
 *            2. between "all parked" and the release nobody pushes, so positions, marks,
 *               watermarks and state are of one moment.
 *            3. windows close at the minimum of the partitions' watermarks, which is never
 *               ahead of a row's own partition.
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
    weir_ops_save(engine->ops, slice, epoch->slice_full[slice], &epoch->slice_bytes[slice]);
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
    struct timespec until;
    timespec_get(&until, TIME_UTC);
    until.tv_nsec += ENGINE_TICK_US * 1000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_cond_timedwait(&engine->changed, &engine->lock, &until);
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

static bool partition_counts(const engine_partition *partition)
{
    return partition->source->table->event_time != WEIR_NONE && !partition->idle;
}

/* The minimum over partitions that are not idle; INT64_MIN while one has none. */
static int64_t low_watermark(const engine_job *engine)
{
    int64_t low = INT64_MAX;
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            const engine_partition *partition = &engine->source[s].partition[p];
            if (partition_counts(partition) && partition->watermark_us < low)
                low = partition->watermark_us;
        }
    return low == INT64_MAX ? INT64_MIN : low;
}

static void find_idle(engine_job *engine)
{
    int64_t now_us = engine->clock->mono_us(engine->clock);
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        for (uint32_t p = 0; p < source->partitions; p++) {
            engine_partition *partition = &source->partition[p];
            partition->idle = !engine->setup->until_end && source->idle_timeout_us > 0 &&
                              partition->at_end &&
                              now_us - atomic_load(&partition->moved_us) >=
                                  source->idle_timeout_us;
        }
    }
}

static int64_t highest_event(const engine_job *engine)
{
    int64_t high = INT64_MIN;
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++)
            if (engine->source[s].partition[p].highest_us > high)
                high = engine->source[s].partition[p].highest_us;
    return high;
}

/* The end of the last window that holds a row: after a bounded run, rows for windows up
   to it are late. */
static int64_t last_window_end(const engine_job *engine)
{
    int64_t high = highest_event(engine), last = engine->closed_us;
    for (uint32_t n = 0; n < engine->plan->nodes && high != INT64_MIN; n++) {
        const weir_node *node = &engine->plan->node[n];
        if (node->kind != WEIR_NODE_WINDOW)
            continue;
        int64_t into = (high - node->offset_us) % node->size_us;
        if (into < 0)
            into += node->size_us;
        if (high - into + node->size_us > last)
            last = high - into + node->size_us;
    }
    return last;
}

static void fix_watermark(engine_job *engine, engine_epoch *epoch)
{
    find_idle(engine);
    int64_t low = low_watermark(engine);
    epoch->watermark_us = low > engine->closed_us ? low : engine->closed_us;
    epoch->closed_us = epoch->watermark_us;
    if (epoch->end && !engine->setup->leave_open) {
        epoch->watermark_us = INT64_MAX;
        epoch->closed_us = last_window_end(engine);
    }
    atomic_store(&engine->status->watermark_us, low);
    weir_metric_set(WEIR_M_watermark_us, low);
}

static void append_flow(weir_flow *to, const weir_flow *from, weir_arena *arena)
{
    if (from->batches == 0)
        return;
    if (to->batches + from->batches > to->room) {
        uint32_t room = (to->batches + from->batches) * 2;
        weir_batch **batch = WEIR_ARRAY(arena, weir_batch *, room);
        for (uint32_t i = 0; i < to->batches; i++)
            batch[i] = to->batch[i];
        to->batch = batch;
        to->room = room;
    }
    for (uint32_t i = 0; i < from->batches; i++)
        to->batch[to->batches++] = from->batch[i];
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
    engine_positions_write(engine, epoch->closed_us, epoch->end, &epoch->positions);
    epoch->ack = WEIR_ARRAY(epoch->arena, weir_position, engine->partitions);
    uint32_t at = 0;
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            const engine_partition *partition = &engine->source[s].partition[p];
            epoch->ack[at++] = partition->position;
            weir_metric_series_set(partition->series_position,
                                   partition->position.next_offset);
            weir_metric_series_set(partition->series_watermark, partition->watermark_us);
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

/* With all lanes parked and the lock held: false when the job is stopping on an error. */
static bool wait_parked(engine_job *engine)
{
    engine->cut = true;
    while ((engine->parked < engine->lanes || engine->committing != NULL) &&
           !atomic_load(&engine->halted))
        engine_wait(engine);
    return !atomic_load(&engine->halted);
}

static bool run_merge(engine_job *engine)
{
    atomic_store(&engine->slice_next, 0);
    engine->working = engine->lanes;
    engine->work = PHASE_MERGE;
    pthread_cond_broadcast(&engine->changed);
    while (engine->working > 0 && !atomic_load(&engine->quit))
        engine_wait(engine);
    engine->work = PHASE_NONE;
    return !atomic_load(&engine->halted);
}

static void release_lanes(engine_job *engine)
{
    engine->cut = false;
    engine->parked = 0;
    engine->cut_number++;
    engine->epoch = NULL;
    atomic_store(&engine->full, 0);
    pthread_cond_broadcast(&engine->changed);
}

weir_code engine_cut_epoch(engine_job *engine, bool end, weir_err *err)
{
    weir_code rc = WEIR_OK;
    pthread_mutex_lock(&engine->lock);
    if (!wait_parked(engine)) {
        rc = weir_fail(err, WEIR_E_STOPPED, "stopping");
        goto out;
    }
    weir_ops_recycle(engine->ops);
    engine_epoch *epoch = epoch_new(engine, end);
    engine->epoch = epoch;
    fix_watermark(engine, epoch);
    engine_slices_choose(engine, epoch);
    if (!run_merge(engine)) {
        engine_epoch_free(engine, epoch);
        rc = weir_fail(err, WEIR_E_STOPPED, "stopping");
        goto out;
    }
    gather_rows(engine, epoch);
    gather_lanes(engine, epoch);
    gather_positions(engine, epoch);
    engine->closed_us = epoch->closed_us;
    weir_ops_next(engine->ops);
    WEIR_FAILPOINT(ep_close_batch);
    weir_metric_set(WEIR_M_epoch_merge_us,
                    engine->clock->mono_us(engine->clock) - epoch->cut_us);
    atomic_store(&engine->dirty, false);
    engine->committing = epoch;
    release_lanes(engine);
out:
    pthread_mutex_unlock(&engine->lock);
    return rc;
}
