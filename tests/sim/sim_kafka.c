/* sim/kafka: a topic that fills while workers read it, behind the client that the product's
 * Kafka source uses.
 *
 * Always     1. records of a partition come in order from where reading was started, or, once
 *               in a while, from a little before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "weir/kafka_client.h"

#define BLOCK_RECORDS 9u

struct weir_kafka {
    int64_t  next[SIM_PARTITIONS];
    bool     started[SIM_PARTITIONS], paused[SIM_PARTITIONS], ended[SIM_PARTITIONS];
    uint32_t turn;
};

weir_code __wrap_weir_kafka_open(const weir_kafka_setup *, weir_kafka **, weir_err *);
void      __wrap_weir_kafka_close(weir_kafka *);
weir_code __wrap_weir_kafka_partitions(weir_kafka *, uint32_t *, weir_err *);
weir_code __wrap_weir_kafka_ends(weir_kafka *, uint32_t, int64_t *, int64_t *, weir_err *);
weir_code __wrap_weir_kafka_compacted(weir_kafka *, bool *, bool *, weir_err *);
weir_code __wrap_weir_kafka_peek(weir_kafka *, uint32_t, int64_t, weir_block **, weir_err *);
void      __wrap_weir_kafka_start(weir_kafka *, uint32_t, int64_t);
weir_code __wrap_weir_kafka_poll(weir_kafka *, int64_t, weir_block **, weir_err *);
weir_code __wrap_weir_kafka_pause(weir_kafka *, uint32_t, bool, weir_err *);
weir_code __wrap_weir_kafka_commit(weir_kafka *, const int64_t *, uint32_t, weir_err *);

static weir_code away(weir_err *err)
{
    sim_sleep((int64_t)sim_below(&sim.order, 300000));
    return weir_retry(err, WEIR_E_REMOTE, "the leader is away");
}

static bool is_away(void)
{
    return sim.kafka_away_us > sim_now;
}

weir_code __wrap_weir_kafka_open(const weir_kafka_setup *setup, weir_kafka **out,
                                 weir_err *err)
{
    (void)setup;
    if (is_away())
        return away(err);
    *out = weir_heap_new(1, sizeof **out);
    return WEIR_OK;
}

void __wrap_weir_kafka_close(weir_kafka *kafka)
{
    weir_heap_free(kafka);
}

weir_code __wrap_weir_kafka_partitions(weir_kafka *kafka, uint32_t *out, weir_err *err)
{
    (void)kafka;
    sim_sleep(1000);
    *out = sim_partitions;
    return is_away() ? away(err) : WEIR_OK;
}

weir_code __wrap_weir_kafka_ends(weir_kafka *kafka, uint32_t partition, int64_t *out_low,
                                 int64_t *out_end, weir_err *err)
{
    (void)kafka;
    sim_sleep(1000);
    if (is_away())
        return away(err);
    *out_low = 0;
    *out_end = sim_arrived(partition);
    return WEIR_OK;
}

weir_code __wrap_weir_kafka_compacted(weir_kafka *kafka, bool *out, bool *out_known,
                                      weir_err *err)
{
    (void)kafka, (void)err;
    *out = false;
    *out_known = true;
    return WEIR_OK;
}

static void release(weir_block *block)
{
    weir_heap_free(block->record);
    weir_heap_free(block);
}

static weir_block *block_of(uint32_t partition, int64_t from, uint32_t records)
{
    weir_block *block = weir_heap_new(1, sizeof *block);
    block->partition = partition;
    block->records = records;
    block->record = weir_heap_new(records + 1, sizeof *block->record);
    block->next_offset = from + records;
    block->at_end = records == 0;
    block->release = release;
    for (uint32_t i = 0; i < records; i++) {
        const sim_record *record = &sim_topic[partition].record[from + i];
        block->record[i] = (weir_record){.offset = from + i,
                                         .timestamp_us = record->arrives_us,
                                         .key = {NULL, 0}, .value = record->value};
        block->bytes += record->value.len;
    }
    return block;
}

weir_code __wrap_weir_kafka_peek(weir_kafka *kafka, uint32_t partition, int64_t offset,
                                 weir_block **out, weir_err *err)
{
    (void)kafka;
    sim_sleep(1000);
    if (is_away())
        return away(err);
    *out = offset < sim_arrived(partition) ? block_of(partition, offset, 1) : NULL;
    return WEIR_OK;
}

void __wrap_weir_kafka_start(weir_kafka *kafka, uint32_t partition, int64_t offset)
{
    kafka->next[partition] = offset;
    kafka->started[partition] = true;
}

static weir_block *next_block(weir_kafka *kafka, uint32_t partition)
{
    int64_t arrived = sim_arrived(partition), from = kafka->next[partition];
    if (!kafka->started[partition] || kafka->paused[partition])
        return NULL;
    uint32_t left = arrived > from ? (uint32_t)(arrived - from) : 0;
    if (left == 0 && kafka->ended[partition])
        return NULL;
    uint32_t most = 1 + (uint32_t)sim_below(&sim.order, BLOCK_RECORDS);
    left = left < most ? left : most;
    kafka->ended[partition] = left == 0;
    kafka->next[partition] = from + left;
    return block_of(partition, from, left);
}

static weir_block *any_block(weir_kafka *kafka)
{
    for (uint32_t i = 0; i < sim_partitions; i++) {
        weir_block *block = next_block(kafka, kafka->turn);
        kafka->turn = (kafka->turn + 1) % sim_partitions;
        if (block != NULL)
            return block;
    }
    return NULL;
}

/* 1. */
static void go_back(weir_kafka *kafka)
{
    for (uint32_t i = 0; i < sim_partitions; i++) {
        int64_t by = (int64_t)sim_below(&sim.luck, 6);
        kafka->next[i] = kafka->next[i] > by ? kafka->next[i] - by : 0;
    }
}

weir_code __wrap_weir_kafka_poll(weir_kafka *kafka, int64_t timeout_us, weir_block **out,
                                 weir_err *err)
{
    static const char data; /* what pollers wait for */
    const sim_fault  *fault = sim_pass(SIM_POLL);
    if (fault->what == SIM_AGAIN)
        go_back(kafka);
    sim_sleep((int64_t)sim_below(&sim.order, 3000));
    if (is_away())
        return away(err);
    *out = any_block(kafka);
    if (*out != NULL)
        return WEIR_OK;
    int64_t until_us = sim_now + timeout_us, next_us = sim_next_arrival();
    if (next_us < until_us)
        sim_sleep(next_us - sim_now);
    else
        (void)sim_wait(&data, until_us);
    *out = any_block(kafka);
    return WEIR_OK;
}

weir_code __wrap_weir_kafka_pause(weir_kafka *kafka, uint32_t partition, bool paused,
                                  weir_err *err)
{
    (void)err;
    kafka->paused[partition] = paused;
    return WEIR_OK;
}

weir_code __wrap_weir_kafka_commit(weir_kafka *kafka, const int64_t *offset, uint32_t count,
                                   weir_err *err)
{
    (void)kafka, (void)offset, (void)count, (void)err;
    return WEIR_OK;
}
