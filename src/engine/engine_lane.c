/* engine/lane: a worker thread: takes blocks of its partitions through decode, intake and
 * push, and comes to the barrier when an epoch is cut.
 *
 * Gives      engine_lane_start, engine_lane_offer, engine_lane_stop.
 * Owns       its queue of blocks and its scratch memory.
 * Always     1. a partition belongs to one lane, so its events are handled in order.
 *            2. at a barrier no record is half done: positions are between records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"
#include "engine_rate.h"

#define LANE_SCRATCH_CHUNK (1u << 20)
#define LANE_RATE_WAIT_US 20000 /* of a lane that may not read more now */
#define LANE_LIMIT_CUTS 3 /* epochs cut in vain before a full budget stops the job */

static weir_block *take_block(engine_lane *lane)
{
    weir_block *block = NULL;
    pthread_mutex_lock(&lane->lock);
    if (lane->queued > 0) {
        block = lane->queue[lane->head];
        lane->partition = lane->queue_of[lane->head];
        lane->head = (lane->head + 1) % ENGINE_LANE_QUEUE_BLOCKS;
        lane->queued--;
        lane->queued_bytes -= block->bytes;
        weir_metric_add(WEIR_M_queue_bytes, -(int64_t)block->bytes);
        pthread_cond_signal(&lane->less);
    } else {
        weir_cond_wait(&lane->more, &lane->lock, ENGINE_TICK_US);
    }
    pthread_mutex_unlock(&lane->lock);
    return block;
}

/* The lanes' queues together take an eighth of the memory; one block always fits. */
static bool queue_full(const engine_lane *lane)
{
    const engine_job *engine = lane->engine;
    uint64_t most = (uint64_t)engine->plan->settings.memory_limit / 8 / engine->lanes;
    if (most > ENGINE_LANE_QUEUE_BYTES)
        most = ENGINE_LANE_QUEUE_BYTES;
    return lane->queued == ENGINE_LANE_QUEUE_BLOCKS ||
           (lane->queued > 0 && lane->queued_bytes > most);
}

/* Meanwhile nothing can come from the source: that is no silence. */
static void wait_for_room(engine_lane *lane, engine_source *source)
{
    engine_job *engine = lane->engine;
    if (!queue_full(lane))
        return;
    atomic_store(&source->held_us, ENGINE_HELD);
    while (!atomic_load(&engine->quit) && queue_full(lane))
        pthread_cond_wait(&lane->less, &lane->lock);
    atomic_store(&source->held_us, engine->clock->mono_us(engine->clock));
}

bool engine_lane_offer(engine_lane *lane, engine_partition *partition, weir_block *block)
{
    engine_job *engine = lane->engine;
    pthread_mutex_lock(&lane->lock);
    wait_for_room(lane, partition->source);
    bool taken = !atomic_load(&engine->quit);
    if (taken) {
        uint32_t at = (lane->head + lane->queued) % ENGINE_LANE_QUEUE_BLOCKS;
        lane->queue[at] = block;
        lane->queue_of[at] = partition;
        lane->queued++;
        lane->queued_bytes += block->bytes;
        weir_metric_add(WEIR_M_queue_bytes, (int64_t)block->bytes);
        pthread_cond_signal(&lane->more);
    }
    pthread_mutex_unlock(&lane->lock);
    return taken;
}

static void end_block(engine_lane *lane)
{
    engine_partition *partition = lane->partition;
    weir_block *block = lane->block;
    if (block->next_offset > partition->position.next_offset)
        __atomic_store_n(&partition->position.next_offset,
                         block->next_offset < partition->end ? block->next_offset
                                                             : partition->end,
                         __ATOMIC_RELAXED);
    __atomic_store_n(&partition->at_end, block->at_end, __ATOMIC_RELAXED);
    lane->block = NULL;
    weir_block_release(block);
    atomic_fetch_sub(&partition->waiting, 1);
}

static void move_position(engine_partition *partition, const weir_record *record)
{
    weir_position *position = &partition->position;
    __atomic_store_n(&position->next_offset, record->offset + 1, __ATOMIC_RELAXED);
    position->last_offset = record->offset;
    position->last_timestamp_us = record->timestamp_us;
    position->last_crc = weir_crc32c(weir_crc32c(0, record->key), record->value);
}

/* How many records from lane->next on may be handled in one go. */
static uint32_t chunk_of(const engine_lane *lane)
{
    const weir_block *block = lane->block;
    const engine_partition *partition = lane->partition;
    uint32_t count = block->records - lane->next;
    if (count > WEIR_DECODE_RECORDS)
        count = WEIR_DECODE_RECORDS;
    while (count > 0 && block->record[lane->next + count - 1].offset >= partition->end)
        count--;
    return count;
}

/* One chunk of the block under way, of `most` records; false: the budget is full, come to the
   barrier. */
static bool work_chunk(engine_lane *lane, uint32_t most, uint32_t *out_used, weir_err *err,
                       weir_code *rc)
{
    engine_job *engine = lane->engine;
    engine_partition *partition = lane->partition;
    weir_block *block = lane->block;
    while (lane->next < block->records &&
           block->record[lane->next].offset < partition->position.next_offset)
        lane->next++; /* the source may start a little before the asked offset */
    uint32_t count = chunk_of(lane);
    *rc = WEIR_OK;
    if (count == 0) {
        end_block(lane);
        return true;
    }
    if (count > most)
        count = most;
    if (!engine_intake(lane, partition, block, lane->next, &count, err, rc))
        return false;
    if (*rc != WEIR_OK)
        return true;
    *out_used = count;
    if (count > 0)
        move_position(partition, &block->record[lane->next + count - 1]);
    atomic_store(&partition->moved_us, engine->clock->mono_us(engine->clock));
    atomic_store(&engine->dirty, true);
    __atomic_store_n(&partition->at_end, false, __ATOMIC_RELAXED);
    lane->next += count;
    if (lane->next == block->records)
        end_block(lane);
    return true;
}

static bool cut_wanted(const engine_lane *lane)
{
    engine_job *engine = lane->engine;
    pthread_mutex_lock(&engine->lock);
    bool wanted = engine->cut;
    pthread_mutex_unlock(&engine->lock);
    return wanted;
}

static bool payload_full(const engine_lane *lane)
{
    uint32_t lanes = lane->engine->lanes;
    return lane->passed >= WEIR_PAYLOAD_ROWS_MAX / lanes ||
           lane->passed_bytes >= WEIR_PAYLOAD_BYTES_MAX / lanes;
}

/* Asks for a cut and waits for it at the barrier. */
static void ask_for_cut(engine_lane *lane)
{
    atomic_store(&lane->engine->full, 1);
    engine_cut_join(lane);
}

static void *lane_main(void *argument)
{
    engine_lane *lane = argument;
    engine_job *engine = lane->engine;
    uint32_t vain = 0;
    while (!atomic_load(&engine->quit)) {
        if (cut_wanted(lane)) {
            engine_cut_join(lane);
            continue;
        }
        if (payload_full(lane)) {
            ask_for_cut(lane);
            continue;
        }
        if (lane->block == NULL) {
            lane->block = take_block(lane);
            lane->next = 0;
            continue;
        }
        uint32_t used = 0, most = engine_rate_take(engine, WEIR_DECODE_RECORDS);
        if (most == 0) {
            engine->clock->pause_us(engine->clock, LANE_RATE_WAIT_US);
            continue;
        }
        weir_err err;
        weir_err_clear(&err);
        weir_code rc;
        bool took = work_chunk(lane, most, &used, &err, &rc);
        engine_rate_return(engine, most - used);
        if (took)
            vain = 0;
        else if (++vain <= LANE_LIMIT_CUTS)
            ask_for_cut(lane);
        else
            rc = err.code;
        if (rc != WEIR_OK) {
            engine_halt(engine, &err);
            break;
        }
    }
    return NULL;
}

static weir_code open_decoders(engine_lane *lane, weir_err *err)
{
    engine_job *engine = lane->engine;
    lane->decoder = WEIR_ARRAY(engine->arena, weir_decoder *, engine->sources + 1);
    for (uint32_t i = 0; i < engine->sources; i++) {
        engine_source *source = &engine->source[i];
        const weir_table *table = source->table;
        uint8_t *from = WEIR_ARRAY(engine->arena, uint8_t, table->schema.count + 1);
        for (uint32_t c = 0; c < table->schema.count; c++)
            from[c] = (uint8_t)table->from[c];
        weir_decoder_setup *setup = WEIR_NEW(engine->arena, weir_decoder_setup);
        *setup = (weir_decoder_setup){ /* the decoder keeps it */
            .schema = &table->schema, .path = table->path, .from = from,
            .needed = table->needed, .keys = table->keys, .key = table->key,
            .opts = table->opts, .topic = source->topic,
            .partition_name = source->partition_name,
            .partition_number = source->partition_number,
            .images_whole = source->changelog && !source->old_row_state,
        };
        weir_code rc = weir_decoder_new(source->decoder_kind, setup, &lane->decoder[i], err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "table '%.*s'", WEIR_STR_FMT(table->name));
    }
    return WEIR_OK;
}

weir_code engine_lane_start(engine_job *engine, uint32_t number, weir_err *err)
{
    engine_lane *lane = &engine->lane[number];
    lane->engine = engine;
    lane->number = number;
    pthread_mutex_init(&lane->lock, NULL);
    weir_cond_init(&lane->more);
    pthread_cond_init(&lane->less, NULL);
    lane->scratch = weir_arena_new("lane scratch", LANE_SCRATCH_CHUNK);
    for (int i = 0; i < 2; i++)
        lane->letters_arena[i] = weir_arena_new("dead letters", 4096);
    lane->letters.arena = lane->letters_arena[0];
    weir_code rc = open_decoders(lane, err);
    if (rc != WEIR_OK)
        return rc;
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0)
        return weir_fail(err, WEIR_E_IO, "could not start a thread");
    lane->started = true;
    return WEIR_OK;
}

void engine_lane_stop(engine_lane *lane)
{
    if (lane->engine == NULL)
        return;
    pthread_mutex_lock(&lane->lock);
    pthread_cond_broadcast(&lane->more);
    pthread_cond_broadcast(&lane->less);
    pthread_mutex_unlock(&lane->lock);
    if (lane->started)
        pthread_join(lane->thread, NULL);
    weir_block_release(lane->block);
    for (; lane->queued > 0; lane->queued--) {
        weir_block_release(lane->queue[lane->head]);
        lane->head = (lane->head + 1) % ENGINE_LANE_QUEUE_BLOCKS;
    }
    for (uint32_t i = 0; lane->decoder && i < lane->engine->sources; i++)
        weir_decoder_free(lane->decoder[i]);
    weir_arena_free(lane->scratch);
    for (int i = 0; i < 2; i++)
        weir_arena_free(lane->letters_arena[i]);
    pthread_cond_destroy(&lane->more);
    pthread_cond_destroy(&lane->less);
    pthread_mutex_destroy(&lane->lock);
}
