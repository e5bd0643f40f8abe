/* client/kafka/kafka_poll: reading: from the library's queue to blocks of one partition each.
 *
 * How a poll goes:
 * 1. What the library has at hand is taken at once, without waiting: up to KAFKA_BATCH
 *    messages of any partitions, whole stretches of one after another.
 * 2. If there was nothing, wait for one message, then take what came with it. Asking for a
 *    whole batch with a timeout would wait until it is full.
 * 3. Messages are sorted into blocks by partition; the first block is handed over, the others
 *    wait in `ready` for the next polls.
 * 4. Ends of partitions are messages too: they mark their block, or make an empty one.
 *
 * The library may deliver a record again behind a pause or a reconnect (its older versions
 * do): what is below `next` is dropped. It never skips: that would need a reset of offsets,
 * which is an error here.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kafka_block.h"
#include "weir/limits.h"

enum {
    ASK_DOWN_US = 2000000,  /* between questions while brokers are down */
    ASK_IDLE_US = 10000000, /* while nothing comes */
    ASK_MS = 1000           /* for an answer */
};

/* --- ready blocks */

static void push_ready(weir_kafka *kafka, kafka_block *block)
{
    kafka_block_settle(block);
    *kafka->ready_end = block;
    kafka->ready_end = &block->next;
}

static weir_block *pop_ready(weir_kafka *kafka)
{
    kafka_block *block = kafka->ready;
    if (!block)
        return NULL;
    kafka->ready = block->next;
    if (!kafka->ready)
        kafka->ready_end = &kafka->ready;
    block->next = NULL;
    return &block->base;
}

void kafka_drop_ready(weir_kafka *kafka, int64_t partition)
{
    kafka_block *block = kafka->ready, *next;
    kafka->ready = NULL;
    kafka->ready_end = &kafka->ready;
    for (; block; block = next) {
        next = block->next;
        block->next = NULL;
        if (partition < 0 || block->base.partition == (uint64_t)partition) {
            weir_block_release(&block->base);
        } else {
            *kafka->ready_end = block;
            kafka->ready_end = &block->next;
        }
    }
}

/* --- sorting a batch */

static void close_block(weir_kafka *kafka, kafka_partition *partition)
{
    if (partition->open)
        push_ready(kafka, partition->open);
    partition->open = NULL;
}

static kafka_partition *partition_of(weir_kafka *kafka, const rd_kafka_message_t *message)
{
    bool known = message->partition >= 0 && (uint32_t)message->partition < kafka->partitions;
    return known ? &kafka->partition[message->partition] : NULL;
}

static void take_record(weir_kafka *kafka, kafka_partition *partition,
                        rd_kafka_message_t *message)
{
    uint32_t index = (uint32_t)(partition - kafka->partition);
    uint32_t coming = partition->coming--;
    if (partition->next < 0 || message->offset < partition->next) {
        rd_kafka_message_destroy(message);
        return;
    }
    kafka_block *open = partition->open;
    if (open && (open->base.records == open->room ||
                 open->base.bytes + message->len > WEIR_BLOCK_BYTES))
        close_block(kafka, partition);
    if (!partition->open)
        partition->open = kafka_block_new(kafka, index, coming);
    kafka_block_add(partition->open, message);
    partition->next = message->offset + 1;
}

/* The end was reached; its offset may lie behind records that nobody sees. */
static void take_end(weir_kafka *kafka, kafka_partition *partition,
                     rd_kafka_message_t *message)
{
    if (partition->next >= 0 && message->offset >= partition->next) {
        if (!partition->open)
            partition->open =
                kafka_block_new(kafka, (uint32_t)(partition - kafka->partition), 0);
        partition->next = message->offset;
        partition->open->base.next_offset = message->offset;
        partition->open->base.at_end = true;
    }
    rd_kafka_message_destroy(message);
}

static void take_trouble(weir_kafka *kafka, rd_kafka_message_t *message)
{
    bool worse = kafka->trouble == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_is_final(message->err);
    if (worse) {
        kafka->trouble = message->err;
        kafka->trouble_in = partition_of(kafka, message) ? message->partition : -1;
        (void)snprintf(kafka->why, sizeof kafka->why, "%s", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
}

static void sort_batch(weir_kafka *kafka, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kafka_partition *partition = partition_of(kafka, kafka->batch[i]);
        if (partition && kafka->batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            partition->coming++;
    }
    for (size_t i = 0; i < count; i++) {
        rd_kafka_message_t *message = kafka->batch[i];
        kafka_partition *partition = partition_of(kafka, message);
        if (partition && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            take_record(kafka, partition, message);
        else if (partition && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            take_end(kafka, partition, message);
        else
            take_trouble(kafka, message);
    }
    for (uint32_t i = 0; i < kafka->partitions; i++)
        close_block(kafka, &kafka->partition[i]);
}

void kafka_fetch(weir_kafka *kafka, int wait_ms)
{
    ssize_t count = rd_kafka_consume_batch_queue(kafka->queue, 0, kafka->batch, KAFKA_BATCH);
    if (count <= 0 && wait_ms > 0) {
        count = rd_kafka_consume_batch_queue(kafka->queue, wait_ms, kafka->batch, 1);
        if (count == 1)
            count += rd_kafka_consume_batch_queue(kafka->queue, 0, kafka->batch + 1,
                                                  KAFKA_BATCH - 1);
    }
    if (count > 0) {
        kafka->down = false;
        sort_batch(kafka, (size_t)count);
    }
}

/* --- assignment */

void weir_kafka_start(weir_kafka *kafka, uint32_t partition, int64_t offset)
{
    weir_assert(partition < kafka->partitions);
    weir_assert(offset >= 0);
    kafka_drop_ready(kafka, partition);
    kafka->partition[partition].next = offset;
    kafka->assigned = false;
}

/* Not rd_kafka_pause_partitions: its resume asks for an offset reset when the partition had
   been read to its end (2.12.1). This way the offset is always ours. */
static rd_kafka_resp_err_t set_reading(weir_kafka *kafka, uint32_t partition, bool reading)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, kafka->name, (int32_t)partition)->offset =
        kafka->partition[partition].next;
    rd_kafka_error_t *error = reading ? rd_kafka_incremental_assign(kafka->handle, list)
                                      : rd_kafka_incremental_unassign(kafka->handle, list);
    rd_kafka_resp_err_t code = rd_kafka_error_code(error); /* of NULL: no error */
    if (error)
        rd_kafka_error_destroy(error);
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static weir_code assign(weir_kafka *kafka, weir_err *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)kafka->partitions);
    for (uint32_t i = 0; i < kafka->partitions; i++)
        if (kafka->partition[i].next >= 0 && !kafka->partition[i].paused)
            rd_kafka_topic_partition_list_add(list, kafka->name, (int32_t)i)->offset =
                kafka->partition[i].next;
    rd_kafka_resp_err_t code = rd_kafka_assign(kafka->handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_failed(err, code, NULL, "assigning partitions");
    kafka->assigned = true;
    return WEIR_OK;
}

weir_code weir_kafka_pause(weir_kafka *kafka, uint32_t partition, bool paused, weir_err *err)
{
    weir_assert(partition < kafka->partitions);
    kafka_partition *one = &kafka->partition[partition];
    if (one->paused == paused)
        return WEIR_OK;
    one->paused = paused;
    if (!kafka->assigned || one->next < 0)
        return WEIR_OK; /* the assignment to come does it */
    rd_kafka_resp_err_t code = set_reading(kafka, partition, !paused);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? WEIR_OK
               : kafka_failed(err, code, NULL, "pausing a partition");
}

/* --- trouble */

/* The next offset is not in the log: expired, or the log is another one. */
static weir_code not_in_range(weir_kafka *kafka, uint32_t partition, int64_t low, int64_t end,
                              weir_err *err)
{
    int64_t next = kafka->partition[partition].next;
    if (next < low)
        return weir_halt(err, WEIR_EXIT_OFFSET_GAP, WEIR_E_REMOTE,
                         "topic '%s' partition %u starts at offset %" PRId64 " now: %" PRId64
                         " records from %" PRId64 " to %" PRId64
                         " expired before they were read",
                         kafka->name, partition, low, low - next, next, low - 1);
    return weir_halt(err, WEIR_EXIT_TOPIC_CHANGED, WEIR_E_CORRUPT,
                     "topic '%s' partition %u ends at offset %" PRId64 ", and %" PRId64
                     " was read next: the log was cut or made anew",
                     kafka->name, partition, end, next);
}

static weir_code out_of_range(weir_kafka *kafka, uint32_t partition, weir_err *err)
{
    int64_t low = 0, end = 0, next = kafka->partition[partition].next;
    weir_code rc = weir_kafka_ends(kafka, partition, &low, &end, err);
    if (rc != WEIR_OK)
        return rc;
    if (next < low || next > end)
        return not_in_range(kafka, partition, low, end, err);
    kafka->assigned = false; /* it is there: a leader that lagged said so */
    return weir_retry(err, WEIR_E_REMOTE, "topic '%s' partition %u: offset %" PRId64
                      " was out of range for a moment", kafka->name, partition, next);
}

static weir_code tell_trouble(weir_kafka *kafka, weir_err *err)
{
    char what[320];
    rd_kafka_resp_err_t code = kafka->trouble;
    int32_t partition = kafka->trouble_in;
    kafka->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka->trouble_in = -1;
    if (partition >= 0 && (code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
                           code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE))
        return out_of_range(kafka, (uint32_t)partition, err);
    (void)snprintf(what, sizeof what, "reading topic '%s'", kafka->name);
    weir_code rc = kafka_failed(err, code, kafka->why, what);
    if (rc == WEIR_E_NOTFOUND)
        err->exit = WEIR_EXIT_TOPIC_CHANGED;
    return rc;
}

/* While all brokers are down nothing may come although they are back: ask. */
static weir_code still_down(weir_kafka *kafka, weir_err *err)
{
    char what[320];
    uint32_t partitions = 0;
    int64_t now_us = kafka->clock->mono_us(kafka->clock);
    if (now_us - kafka->asked_us >= ASK_DOWN_US) {
        kafka->asked_us = now_us;
        weir_err ignored;
        if (kafka_ask_topic(kafka, ASK_MS, &partitions, &ignored) == WEIR_OK)
            return WEIR_OK; /* they are back */
    }
    (void)snprintf(what, sizeof what, "reading topic '%s'", kafka->name);
    return kafka_failed(err, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, kafka->why, what);
}

/* A topic that is deleted, or deleted and made anew, is not told of: nothing comes any more.
   So when nothing comes, ask for the topic, and for the ends of one partition in turn. */
static weir_code still_same(weir_kafka *kafka, weir_err *err)
{
    uint32_t count = 0;
    int64_t now_us = kafka->clock->mono_us(kafka->clock), low = 0, end = 0;
    if (now_us - kafka->asked_us < ASK_IDLE_US)
        return WEIR_OK;
    kafka->asked_us = now_us;
    weir_code rc = kafka_ask_topic(kafka, ASK_MS, &count, err);
    if (rc == WEIR_E_NOTFOUND) {
        err->exit = WEIR_EXIT_TOPIC_CHANGED;
        return rc;
    }
    uint32_t which = kafka->asked_of = (kafka->asked_of + 1) % kafka->partitions;
    int64_t next = kafka->partition[which].next;
    if (rc != WEIR_OK || next < 0 ||
        weir_kafka_ends(kafka, which, &low, &end, err) != WEIR_OK)
        return WEIR_OK; /* no answer now: whether brokers are away is told elsewhere */
    return next < low || next > end ? not_in_range(kafka, which, low, end, err) : WEIR_OK;
}

weir_code weir_kafka_poll(weir_kafka *kafka, int64_t timeout_us, weir_block **out,
                          weir_err *err)
{
    weir_kafka_close(kafka->looker);
    kafka->looker = NULL;
    *out = pop_ready(kafka);
    if (*out)
        return WEIR_OK;
    if (kafka->trouble != RD_KAFKA_RESP_ERR_NO_ERROR)
        return tell_trouble(kafka, err);
    weir_code rc = kafka->assigned ? WEIR_OK : assign(kafka, err);
    if (rc != WEIR_OK)
        return rc;
    kafka_fetch(kafka, timeout_us <= 0 ? 0 : kafka_timeout_ms(timeout_us));
    *out = pop_ready(kafka);
    if (*out)
        return WEIR_OK;
    if (kafka->trouble != RD_KAFKA_RESP_ERR_NO_ERROR)
        return tell_trouble(kafka, err);
    return kafka->down ? still_down(kafka, err) : still_same(kafka, err);
}

/* --- one record */

static weir_code look(weir_kafka *kafka, uint32_t partition, int64_t offset,
                      weir_block **out, weir_err *err)
{
    weir_assert(partition < kafka->partitions);
    kafka_partition *all = kafka->partition;
    kafka_partition *alone = weir_heap_new(kafka->partitions, sizeof *alone);
    for (uint32_t i = 0; i < kafka->partitions; i++)
        alone[i].next = i == partition ? offset : -1;
    kafka->partition = alone;
    int64_t until_us = kafka->clock->mono_us(kafka->clock) + kafka->timeout_ms * 1000LL;
    weir_code rc = assign(kafka, err);
    weir_block *block = NULL;
    while (rc == WEIR_OK && !block && kafka->clock->mono_us(kafka->clock) < until_us)
        rc = weir_kafka_poll(kafka, 100000, &block, err);
    if (rc == WEIR_OK && !block)
        rc = weir_retry(err, WEIR_E_REMOTE, "topic '%s' partition %u: no answer within %d ms",
                        kafka->name, partition, kafka->timeout_ms);
    kafka_drop_ready(kafka, -1);
    (void)rd_kafka_assign(kafka->handle, NULL); /* the next poll assigns anew, or fails */
    kafka->trouble = RD_KAFKA_RESP_ERR_NO_ERROR;
    kafka->partition = all;
    kafka->assigned = false;
    weir_heap_free(alone);
    if (rc != WEIR_OK)
        return rc;
    if (block->records == 0) {
        weir_block_release(block);
        block = NULL;
    }
    *out = block;
    return WEIR_OK;
}

/* With a handle of its own: behind a record that was found, the library fetches on, and a
   fetch at the end of the log would keep the next look waiting. */
weir_code weir_kafka_peek(weir_kafka *kafka, uint32_t partition, int64_t offset,
                          weir_block **out, weir_err *err)
{
    if (!kafka->looker) {
        weir_code rc = weir_kafka_open(&kafka->hasty, &kafka->looker, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return look(kafka->looker, partition, offset, out, err);
}
