/* source/kafka: a topic of a Kafka cluster.
 *
 * Positions live in the checkpoint: what the consumer group has is written for lag displays
 * only and never read. On resume the last record is fetched and compared with the position's
 * fingerprint, because nobody else checks an assigned offset.
 *
 * Gives      the kind "kafka".
 * Owns       one consumer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/source.h"

#include <stdio.h>

#include "source_resume.h"
#include "source_start.h"
#include "weir/arena.h"
#include "weir/kafka_client.h"
#include "weir/log.h"

typedef struct kafka_source {
    weir_source  base;
    weir_arena  *arena;
    weir_kafka  *kafka;
    weir_str     topic;
    source_start start;
    uint32_t     partitions;
    bool         compacted;
    int64_t     *committed; /* scratch of ack, by partition */
} kafka_source;

static weir_source_open_fn     open_topic;
static weir_source_discover_fn discover;
static weir_source_seek_fn     seek;
static weir_source_poll_fn     poll;
static weir_source_pause_fn    pause_partition;
static weir_source_ack_fn      ack;
static weir_source_close_fn    close_topic;

static const weir_option options[] = {
#define BROKERS_REQUIRED true
#define OPTION(...) {__VA_ARGS__},
#include "topic_options.def"
#undef OPTION
#undef BROKERS_REQUIRED
    {0},
};

const weir_source_kind weir_source_kafka = {
    .name = "kafka",
    .summary = "a topic of a Kafka cluster, read exactly once",
    .options = options,
    .formats = "debezium-json|json",
    .size = sizeof(kafka_source),
    .open = open_topic,
    .discover = discover,
    .seek = seek,
    .poll = poll,
    .pause = pause_partition,
    .ack = ack,
    .close = close_topic,
};

static kafka_source *self_of(weir_source *source)
{
    weir_assert(source != NULL);
    weir_assert(source->kind == &weir_source_kafka);
    return (kafka_source *)source;
}

static const weir_kafka_property *properties(kafka_source *self, const weir_opts *opts,
                                             uint32_t *out_count)
{
    weir_str name, value;
    uint32_t count = 0;
    while (weir_opts_prefixed(opts, "kafka", count, &name, &value))
        count++;
    weir_kafka_property *list = WEIR_ARRAY(self->arena, weir_kafka_property, count + 1);
    for (uint32_t i = 0; weir_opts_prefixed(opts, "kafka", i, &name, &value); i++)
        list[i] = (weir_kafka_property){name, value};
    *out_count = count;
    return list;
}

static weir_str group_of(kafka_source *self, const weir_source_setup *setup)
{
    weir_str group = weir_opts_text(setup->opts, "group");
    if (group.at)
        return group;
    return weir_str_of(weir_arena_text(self->arena, "weir-%.*s", WEIR_STR_FMT(setup->job)));
}

static weir_code open_topic(weir_source *source, const weir_source_setup *setup, weir_err *err)
{
    kafka_source *self = self_of(source);
    self->arena = weir_arena_new("kafka source", 4096);
    self->topic = weir_str_copy(self->arena, weir_opts_text(setup->opts, "topic"));
    weir_kafka_setup to = {
        .brokers = weir_opts_text(setup->opts, "brokers"),
        .topic = self->topic,
        .group = group_of(self, setup),
        .queue_bytes = setup->queue_bytes,
        .headers = setup->headers,
        .timeout_us = weir_opts_int(setup->opts, "connect_timeout"),
        .clock = setup->clock,
    };
    to.property = properties(self, setup->opts, &to.properties);
    weir_code rc = source_start_read(setup->opts, &self->start, err);
    if (rc == WEIR_OK)
        rc = weir_kafka_open(&to, &self->kafka, err);
    return rc;
}

static weir_code ask_compacted(kafka_source *self, weir_err *err)
{
    bool known = false;
    weir_code rc = weir_kafka_compacted(self->kafka, &self->compacted, &known, err);
    if (rc == WEIR_OK && !known)
        weir_log_debug("the server does not tell whether the topic is compacted",
                       WEIR_F_STR("topic", self->topic));
    return rc;
}

static weir_code describe(kafka_source *self, uint32_t index, weir_partition_info *info,
                          weir_err *err)
{
    info->number = (int32_t)index;
    info->compacted = self->compacted;
    weir_code rc = weir_kafka_ends(self->kafka, index, &info->low, &info->end, err);
    info->start = self->start.at == SOURCE_LATEST ? info->end : info->low;
    if (rc == WEIR_OK && self->start.at == SOURCE_TIME)
        rc = weir_kafka_offset_at(self->kafka, index, self->start.time_us, &info->start, err);
    return rc;
}

static weir_code discover(weir_source *source, weir_arena *arena, weir_partition_info **out,
                          uint32_t *out_count, weir_err *err)
{
    kafka_source *self = self_of(source);
    uint32_t count = 0;
    weir_code rc = weir_kafka_partitions(self->kafka, &count, err);
    if (rc == WEIR_OK)
        rc = ask_compacted(self, err);
    if (rc != WEIR_OK)
        return rc;
    weir_partition_info *list = WEIR_ARRAY(arena, weir_partition_info, count);
    for (uint32_t i = 0; rc == WEIR_OK && i < count; i++) {
        list[i].name = weir_str_of(weir_arena_text(arena, "%u", i));
        rc = describe(self, i, &list[i], err);
    }
    if (rc != WEIR_OK)
        return rc;
    if (count != self->partitions)
        self->committed = WEIR_ARRAY(self->arena, int64_t, count);
    self->partitions = count;
    *out = list;
    *out_count = count;
    return WEIR_OK;
}

static weir_code validate(kafka_source *self, uint32_t partition, const weir_position *position,
                          weir_err *err)
{
    char name[12];
    int len = snprintf(name, sizeof name, "%u", partition);
    source_resume log = {.topic = self->topic, .partition = {name, (size_t)len},
                         .compacted = self->compacted};
    weir_block *block = NULL;
    weir_code rc = weir_kafka_ends(self->kafka, partition, &log.low, &log.end, err);
    if (rc == WEIR_OK)
        rc = source_resume_range(&log, position, err);
    if (rc != WEIR_OK || !source_resume_must_look(&log, position))
        return rc;
    rc = weir_kafka_peek(self->kafka, partition, position->last_offset, &block, err);
    if (rc != WEIR_OK)
        return rc;
    log.found = block ? &block->record[0] : NULL;
    rc = source_resume_same(&log, position, err);
    weir_block_release(block);
    return rc;
}

static weir_code seek(weir_source *source, uint32_t partition, const weir_position *position,
                      weir_err *err)
{
    kafka_source *self = self_of(source);
    weir_assert(partition < self->partitions);
    weir_code rc = validate(self, partition, position, err);
    if (rc == WEIR_OK)
        weir_kafka_start(self->kafka, partition, position->next_offset);
    return rc;
}

static weir_code poll(weir_source *source, int64_t timeout_us, weir_block **out, weir_err *err)
{
    return weir_kafka_poll(self_of(source)->kafka, timeout_us, out, err);
}

static weir_code pause_partition(weir_source *source, uint32_t partition, bool paused,
                                 weir_err *err)
{
    return weir_kafka_pause(self_of(source)->kafka, partition, paused, err);
}

static weir_code ack(weir_source *source, const weir_position *position, uint32_t count,
                     weir_err *err)
{
    kafka_source *self = self_of(source);
    weir_assert(count <= self->partitions);
    for (uint32_t i = 0; i < count; i++)
        self->committed[i] = position[i].next_offset;
    return weir_kafka_commit(self->kafka, self->committed, count, err);
}

static void close_topic(weir_source *source)
{
    kafka_source *self = self_of(source);
    weir_kafka_close(self->kafka);
    weir_arena_free(self->arena);
}
