/* tests/script: the source itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "script.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/arena.h"
#include "weir/hash.h"

#define TOPICS 8u
#define RECORD_BYTES 2048u

static script_topic topics[TOPICS];
static uint32_t     topic_count;

void script_clear(void)
{
    for (uint32_t t = 0; t < topic_count; t++) {
        for (uint32_t p = 0; p < SCRIPT_PARTITIONS; p++) {
            script_partition *partition = &topics[t].partition[p];
            for (uint32_t i = 0; i < partition->records; i++)
                weir_heap_free(partition->record[i].value);
            weir_heap_free(partition->record);
        }
        pthread_mutex_destroy(&topics[t].lock);
    }
    topic_count = 0;
}

script_topic *script_topic_new(const char *name, uint32_t partitions)
{
    weir_assert(topic_count < TOPICS);
    script_topic *topic = &topics[topic_count++];
    memset(topic, 0, sizeof *topic);
    topic->name = name;
    topic->partitions = partitions;
    pthread_mutex_init(&topic->lock, NULL);
    return topic;
}

static void add(script_topic *topic, uint32_t number, const char *value)
{
    pthread_mutex_lock(&topic->lock);
    script_partition *partition = &topic->partition[number];
    if (partition->records == partition->room) {
        uint32_t room = partition->room ? partition->room * 2 : 64;
        partition->record = weir_heap_grow(partition->record, partition->room, room,
                                           sizeof *partition->record);
        partition->room = room;
    }
    script_record *record = &partition->record[partition->records++];
    *record = (script_record){.offset = partition->end++};
    if (value != NULL) {
        record->value = weir_heap_new(strlen(value) + 1 + WEIR_RECORD_PAD, 1);
        memcpy(record->value, value, strlen(value));
    }
    pthread_mutex_unlock(&topic->lock);
}

void script_add(script_topic *topic, uint32_t partition, const char *format, ...)
{
    char    value[RECORD_BYTES];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(value, sizeof value, format, args);
    va_end(args);
    weir_assert(len >= 0 && (size_t)len < sizeof value);
    add(topic, partition, value);
}

void script_add_null(script_topic *topic, uint32_t partition)
{
    add(topic, partition, NULL);
}

void script_skip(script_topic *topic, uint32_t partition, int64_t more)
{
    pthread_mutex_lock(&topic->lock);
    topic->partition[partition].end += more;
    pthread_mutex_unlock(&topic->lock);
}

void script_halt(script_topic *topic)
{
    pthread_mutex_lock(&topic->lock);
    topic->halt_at_poll = 1;
    pthread_mutex_unlock(&topic->lock);
}

typedef struct script_source {
    weir_source   base;
    script_topic *topic;
    weir_clock   *clock;
    int64_t       next[SCRIPT_PARTITIONS];
    bool          sought[SCRIPT_PARTITIONS], ended[SCRIPT_PARTITIONS],
                  paused[SCRIPT_PARTITIONS];
    uint32_t      turn;
} script_source;

static script_source *self_of(weir_source *source)
{
    weir_assert(source->kind == &script_kind);
    return (script_source *)source;
}

static weir_code open_topic(weir_source *source, const weir_source_setup *setup,
                            weir_err *err)
{
    script_source *self = self_of(source);
    weir_str       name = weir_opts_text(setup->opts, "topic");
    self->clock = setup->clock;
    for (uint32_t t = 0; t < topic_count; t++)
        if (weir_str_is(name, topics[t].name))
            self->topic = &topics[t];
    if (self->topic == NULL)
        return weir_fail(err, WEIR_E_NOTFOUND, "no topic '%.*s'", WEIR_STR_FMT(name));
    self->topic->opens++;
    return WEIR_OK;
}

static weir_code discover(weir_source *source, weir_arena *arena, weir_partition_info **out,
                          uint32_t *out_count, weir_err *err)
{
    script_topic *topic = self_of(source)->topic;
    (void)err;
    pthread_mutex_lock(&topic->lock);
    weir_partition_info *info = WEIR_ARRAY(arena, weir_partition_info, SCRIPT_PARTITIONS);
    for (uint32_t p = 0; p < topic->partitions; p++)
        info[p] = (weir_partition_info){
            .name = weir_str_of(weir_arena_text(arena, "%u", p)),
            .number = (int32_t)p, .low = topic->partition[p].low,
            .start = topic->partition[p].low, .end = topic->partition[p].end,
            .compacted = topic->compacted};
    *out = info;
    *out_count = topic->partitions;
    pthread_mutex_unlock(&topic->lock);
    return WEIR_OK;
}

static weir_code seek(weir_source *source, uint32_t partition, const weir_position *position,
                      weir_err *err)
{
    script_source *self = self_of(source);
    weir_assert(partition < SCRIPT_PARTITIONS);
    if (self->topic->gone)
        return weir_halt(err, WEIR_EXIT_OFFSET_GAP, WEIR_E_REMOTE, "the script says gone");
    self->next[partition] = position->next_offset;
    self->sought[partition] = true;
    return WEIR_OK;
}

static void release(weir_block *block)
{
    weir_heap_free(block->record);
    weir_heap_free(block);
}

/* Under the lock. NULL: nothing new. */
static weir_block *block_of(script_source *self, uint32_t number)
{
    script_topic           *topic = self->topic;
    const script_partition *partition = &topic->partition[number];
    uint32_t                first = 0, most = topic->block_records;
    if (!self->sought[number] || self->paused[number])
        return NULL;
    while (first < partition->records && partition->record[first].offset < self->next[number])
        first++;
    uint32_t left = partition->records - first;
    if (most == 0)
        most = 100;
    if (left > most)
        left = most;
    if (left == 0 && self->ended[number] && self->next[number] == partition->end)
        return NULL;
    weir_block *block = weir_heap_new(1, sizeof *block);
    block->record = weir_heap_new(left + 1, sizeof *block->record);
    block->partition = number;
    block->records = left;
    block->release = release;
    for (uint32_t i = 0; i < left; i++) {
        const script_record *record = &partition->record[first + i];
        block->record[i].offset = record->offset;
        block->record[i].timestamp_us = record->offset;
        if (record->value != NULL)
            block->record[i].value = weir_str_of(record->value);
        block->bytes += block->record[i].value.len;
    }
    block->at_end = left == 0;
    block->next_offset = left > 0 ? partition->record[first + left - 1].offset + 1
                                  : partition->end;
    self->ended[number] = block->at_end;
    self->next[number] = block->next_offset;
    return block;
}

static weir_code poll_locked(script_source *self, weir_block **out, weir_err *err)
{
    script_topic *topic = self->topic;
    uint64_t      now = ++topic->polls;
    *out = NULL;
    if (topic->halt_at_poll > 0 && now >= topic->halt_at_poll)
        return weir_halt(err, WEIR_EXIT_OFFSET_GAP, WEIR_E_REMOTE, "the script says halt");
    if (now >= topic->away_from && now < topic->away_to)
        return weir_retry(err, WEIR_E_REMOTE, "the script says away");
    for (uint32_t i = 0; i < topic->partitions && *out == NULL; i++) {
        *out = block_of(self, self->turn);
        self->turn = (self->turn + 1) % topic->partitions;
    }
    return WEIR_OK;
}

static weir_code poll(weir_source *source, int64_t timeout_us, weir_block **out,
                      weir_err *err)
{
    script_source *self = self_of(source);
    pthread_mutex_lock(&self->topic->lock);
    weir_code rc = poll_locked(self, out, err);
    pthread_mutex_unlock(&self->topic->lock);
    if (rc == WEIR_OK && *out == NULL)
        self->clock->pause_us(self->clock, timeout_us < 1000 ? timeout_us : 1000);
    return rc;
}

static weir_code pause_partition(weir_source *source, uint32_t partition, bool paused,
                                 weir_err *err)
{
    script_source *self = self_of(source);
    (void)err;
    self->paused[partition] = paused;
    self->topic->paused += paused;
    return WEIR_OK;
}

static weir_code ack(weir_source *source, const weir_position *position, uint32_t count,
                     weir_err *err)
{
    script_topic *topic = self_of(source)->topic;
    (void)err;
    pthread_mutex_lock(&topic->lock);
    topic->acked = 0;
    for (uint32_t i = 0; i < count; i++)
        topic->acked += position[i].next_offset;
    pthread_mutex_unlock(&topic->lock);
    return WEIR_OK;
}

static void close_topic(weir_source *source)
{
    (void)self_of(source);
}

const weir_option script_options[] = {
    {.name = "topic", .type = WEIR_OPT_TEXT, .required = true, .help = "The script."},
    {0},
};

const weir_source_kind script_kind = {
    .name = "script", .summary = "what a test wrote down", .options = script_options,
    .formats = "json|debezium-json", .size = sizeof(script_source), .open = open_topic,
    .discover = discover, .seek = seek, .poll = poll, .pause = pause_partition, .ack = ack,
    .close = close_topic,
};
