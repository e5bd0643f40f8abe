/* engine/reader: one thread per source: polls blocks, hands them to lanes, and does all
 * else that is done with the instance while the job runs.
 *
 * Gives      engine_reader_main, engine_acknowledge.
 * Always     1. a bounded run fetches nothing more of a partition behind its end.
 *            2. a full lane makes the reader wait: that is the back-pressure.
 *            3. nobody else uses the source's instance meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_parts.h"

#define READER_POLL_US 100000

typedef struct reader {
    engine_source *source;
    weir_backoff   backoff;
    bool           away;
    int64_t        looked_us;
} reader;

static int64_t now_of(const engine_source *source)
{
    weir_clock *clock = source->engine->clock;
    return clock->mono_us(clock);
}

static void source_back(reader *self)
{
    if (!self->away)
        return;
    engine_source *source = self->source;
    self->away = false;
    self->backoff = (weir_backoff){.clock = source->engine->clock,
                                   .most_us = ENGINE_WAIT_MOST_US};
    weir_log_info("source is back", WEIR_F_STR("table", source->table->name));
    engine_back(source->engine);
    atomic_store(&source->held_us, now_of(source));
}

/* False: the job cannot go on. */
static bool trouble(reader *self, weir_err *err)
{
    engine_source *source = self->source;
    if (err->fate != WEIR_FATE_RETRY) {
        (void)weir_err_note(err, "table '%.*s'", WEIR_STR_FMT(source->table->name));
        engine_halt(source->engine, err);
        return false;
    }
    if (!self->away) {
        weir_log_warn("source is away", WEIR_F_STR("table", source->table->name),
                      WEIR_F_TEXT("error", err->msg));
        atomic_store(&source->held_us, ENGINE_HELD);
        engine_away(source->engine);
    }
    self->away = true;
    weir_backoff_wait(&self->backoff);
    return true;
}

static void send_ack(engine_source *source)
{
    pthread_mutex_lock(&source->lock);
    uint32_t count = source->ack_count;
    weir_position *ack = NULL;
    if (count > 0) {
        weir_arena_reset(source->look_arena);
        ack = WEIR_ARRAY(source->look_arena, weir_position, count);
        memcpy(ack, source->ack, sizeof *ack * count);
        source->ack_count = 0;
    }
    pthread_mutex_unlock(&source->lock);
    if (count == 0)
        return;
    weir_err err; /* for displays only */
    weir_err_clear(&err);
    WEIR_FAILPOINT(ep_offsets);
    weir_code rc;
    WEIR_FAULTY(POLL, rc, &err, source->source->kind->ack(source->source, ack, count, &err));
    if (rc != WEIR_OK)
        weir_log_debug("positions were not acknowledged",
                       WEIR_F_STR("table", source->table->name),
                       WEIR_F_TEXT("error", err.msg));
}

void engine_acknowledge(engine_source *source)
{
    send_ack(source);
}

/* Partitions that the caller's thread took in: from here on their records come. */
static weir_code seek_added(engine_source *source, weir_err *err)
{
    uint32_t adopted = atomic_load(&source->adopted);
    for (; source->sought < adopted; source->sought++) {
        uint32_t index = source->sought;
        const engine_partition *partition = &source->partition[index];
        const weir_position start = {.next_offset = partition->first.low,
                                     .last_offset = -1};
        weir_code rc = source->source->kind->seek(source->source, index, &start, err);
        if (rc != WEIR_OK)
            return rc;
        weir_log_info("reads a partition that was added",
                      WEIR_F_STR("table", source->table->name),
                      WEIR_F_STR("partition", partition->name));
    }
    return WEIR_OK;
}

static weir_code take_in(engine_source *source, weir_partition_info *info, uint32_t count,
                         weir_err *err)
{
    uint32_t found = atomic_load(&source->found);
    for (uint32_t p = 0; p < count && p < found; p++)
        weir_metric_series_set(source->partition[p].series_end, info[p].end);
    for (uint32_t p = found; p < count; p++) {
        if (source->changelog)
            return engine_partition_appeared(source, info[p].name, err);
        if (p == source->room)
            return weir_fail(err, WEIR_E_LIMIT, "more than %u partitions", source->room);
        info[p].start = info[p].low;
        engine_partition_add(source, &info[p]);
        atomic_store(&source->engine->dirty, true); /* a cut takes it in */
    }
    return WEIR_OK;
}

/* Ends for lag displays, and partitions that were added. */
static weir_code look(reader *self, weir_err *err)
{
    engine_source *source = self->source;
    int64_t now_us = now_of(source);
    if (source->engine->setup->until_end || self->away ||
        now_us - self->looked_us < ENGINE_LOOK_US)
        return WEIR_OK;
    self->looked_us = now_us;
    weir_partition_info *info = NULL;
    uint32_t count = 0;
    weir_err ignored; /* poll tells when the server is away */
    weir_err_clear(&ignored);
    weir_arena_reset(source->look_arena);
    weir_code rc = source->source->kind->discover(source->source, source->look_arena, &info,
                                                  &count, &ignored);
    return rc == WEIR_OK ? take_in(source, info, count, err) : WEIR_OK;
}

static weir_code hand_on(reader *self, weir_block *block, weir_err *err)
{
    engine_source *source = self->source;
    weir_assert(block->partition < source->sought);
    engine_partition *partition = &source->partition[block->partition];
    bool over = block->next_offset >= partition->end;
    atomic_fetch_add(&partition->waiting, 1);
    if (block->records > 0)
        atomic_store(&partition->moved_us, now_of(source));
    if (!engine_lane_offer(&source->engine->lane[partition->lane], partition, block)) {
        atomic_fetch_sub(&partition->waiting, 1);
        weir_block_release(block);
        return WEIR_OK;
    }
    if (!over)
        return WEIR_OK;
    return source->source->kind->pause(source->source, partition->index, true, err); /* 1 */
}

static weir_code read_once(reader *self, weir_err *err)
{
    engine_source *source = self->source;
    weir_block *block = NULL;
    send_ack(source);
    weir_code rc = seek_added(source, err);
    if (rc == WEIR_OK)
        rc = look(self, err);
    if (rc != WEIR_OK)
        return rc;
    WEIR_FAILPOINT(ep_poll);
    WEIR_FAULTY(POLL, rc, err,
                source->source->kind->poll(source->source, READER_POLL_US, &block, err));
    if (rc != WEIR_OK)
        return rc;
    source_back(self);
    return block ? hand_on(self, block, err) : WEIR_OK;
}

void *engine_reader_main(void *argument)
{
    engine_source *source = argument;
    engine_job *engine = source->engine;
    reader self = {.source = source, .looked_us = now_of(source)};
    self.backoff = (weir_backoff){.clock = engine->clock, .most_us = ENGINE_WAIT_MOST_US};
    atomic_store(&source->held_us, self.looked_us);
    while (!atomic_load(&engine->quit)) {
        weir_err err;
        weir_err_clear(&err);
        if (read_once(&self, &err) != WEIR_OK && !trouble(&self, &err))
            break;
    }
    if (self.away)
        engine_back(engine);
    return NULL;
}
