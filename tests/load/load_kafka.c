/* load/load_kafka: records into a topic of a real broker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir_load.h"

#include "weir/arena.h"
#include "weir/kafka_client.h"

#define AWAY_US 300000000 /* so long Kafka may be away: it is killed again and again in tests */

typedef struct load_kafka {
    load_target          base;
    weir_kafka_producer *producer;
} load_kafka;

static weir_code put(load_target *target, const generate_page *page,
                     const generate_record *record, int64_t offset, weir_err *err)
{
    load_kafka *self = (load_kafka *)target;
    (void)offset; /* the broker counts */
    weir_header header = {weir_str_of(record->other),
                          {page->text.at + record->other_at, record->other_len}};
    weir_kafka_message message = {
        .partition = (int32_t)record->partition,
        .key = generate_key_of(page, record),
        .value = generate_value_of(page, record),
        .timestamp_us = record->timestamp_us,
        .headers = record->other ? 1 : 0,
        .header = &header,
    };
    return weir_kafka_send(self->producer, &message, err);
}

static weir_code flush(load_target *target, weir_err *err)
{
    return weir_kafka_flush(((load_kafka *)target)->producer, err);
}

static void close_kafka(load_target *target)
{
    weir_kafka_producer_close(((load_kafka *)target)->producer);
    weir_heap_free(target);
}

weir_code load_kafka_open(const load_place *place, load_target **out, weir_err *err)
{
    const weir_kafka_property property[] = {
        {WEIR_STR("compression.codec"), weir_str_of(place->codec)},
        {WEIR_STR("linger.ms"), WEIR_STR("50")},
        {WEIR_STR("batch.size"), WEIR_STR("1000000")},
        {WEIR_STR("batch.num.messages"), WEIR_STR("100000")},
    };
    const weir_kafka_setup setup = {
        .brokers = weir_str_of(place->brokers),
        .topic = weir_str_of(place->topic),
        .properties = sizeof property / sizeof property[0],
        .property = property,
        .timeout_us = AWAY_US,
        .clock = weir_clock_system(),
    };
    load_kafka *self = weir_heap_new(1, sizeof *self);
    self->base = (load_target){.put = put, .flush = flush, .close = close_kafka};
    weir_code rc = weir_kafka_create(&setup, place->partitions, (weir_str){0}, err);
    if (rc == WEIR_OK)
        rc = weir_kafka_producer_open(&setup, &self->producer, err);
    if (rc == WEIR_OK)
        *out = &self->base;
    else
        close_kafka(&self->base);
    return rc;
}
