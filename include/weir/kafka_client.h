/* weir/kafka_client: one topic of a Kafka cluster, read by assignment or written.
 *
 * Over librdkafka, 2.0.2 or later. Who reads assigns offsets itself: there are no group
 * rebalances, and committed offsets are written for lag displays only. Only committed
 * transactions are seen. One thread uses a consumer or a producer at a time; blocks may be
 * released by any thread, before the consumer is closed.
 *
 * A server that is away is REMOTE with fate RETRY: the same call may succeed later. Refused
 * logins, missing topics and missing rights are HALT.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_KAFKA_CLIENT_H
#define WEIR_KAFKA_CLIENT_H

#include "weir/arena.h"
#include "weir/clock.h"
#include "weir/error.h"
#include "weir/record.h"

typedef struct weir_kafka          weir_kafka; /* a consumer of one topic */
typedef struct weir_kafka_producer weir_kafka_producer;

typedef struct weir_kafka_property { /* of librdkafka, without "kafka." in front */
    weir_str name;
    weir_str value;
} weir_kafka_property;

typedef struct weir_kafka_setup {
    weir_str                   brokers;
    weir_str                   topic;
    weir_str                   group; /* for lag displays; empty: "weir" */
    uint32_t                   properties;
    const weir_kafka_property *property;
    uint64_t                   queue_bytes; /* fetched and not yet polled; 0: 64 MiB */
    bool                       headers;     /* hand over record headers */
    bool                       hasty;       /* fetches wait for nothing: to look at records */
    int64_t                    timeout_us;  /* of one question to the brokers */
    weir_clock                *clock;
} weir_kafka_setup;

/* Checks the properties: unknown ones, bad values, and those that weir sets itself. Codes:
   CONFIG. The same happens in weir_kafka_open, which also asks whether the topic is there:
   CONFIG, REMOTE, NOTFOUND. */
weir_code weir_kafka_check(const weir_kafka_setup *setup, weir_err *err) WEIR_MUST_CHECK;
weir_code weir_kafka_open(const weir_kafka_setup *setup, weir_kafka **out, weir_err *err)
    WEIR_MUST_CHECK;
void weir_kafka_close(weir_kafka *kafka); /* accepts NULL */

/* Sentences about the library and these settings that somebody should read: an old version's
   faults, its one-second pause, SCRAM. In the arena; returns how many. */
uint32_t weir_kafka_warnings(const weir_kafka_setup *setup, weir_arena *arena,
                             weir_str **out);
const char *weir_kafka_version(void); /* "2.12.1" */

/* How many partitions the topic has now; they are numbered from 0. */
weir_code weir_kafka_partitions(weir_kafka *kafka, uint32_t *out, weir_err *err)
    WEIR_MUST_CHECK;
/* The first offset that is there, and the last stable one. */
weir_code weir_kafka_ends(weir_kafka *kafka, uint32_t partition, int64_t *out_low,
                          int64_t *out_end, weir_err *err) WEIR_MUST_CHECK;
/* The first offset whose timestamp is at or behind a time; the end when there is none. */
weir_code weir_kafka_offset_at(weir_kafka *kafka, uint32_t partition, int64_t time_us,
                               int64_t *out, weir_err *err) WEIR_MUST_CHECK;
/* Whether cleanup.policy has "compact". False when the server does not tell (no right to
   describe the topic): *out_known says which. */
weir_code weir_kafka_compacted(weir_kafka *kafka, bool *out, bool *out_known, weir_err *err)
    WEIR_MUST_CHECK;
/* A block with the first record at or behind `offset`, or NULL when there is none. Before the
   first weir_kafka_poll only. */
weir_code weir_kafka_peek(weir_kafka *kafka, uint32_t partition, int64_t offset,
                          weir_block **out, weir_err *err) WEIR_MUST_CHECK;

/* Sets where reading of a partition begins; takes effect with the next poll. */
void weir_kafka_start(weir_kafka *kafka, uint32_t partition, int64_t offset);
/* As source.h says of poll. Codes: REMOTE (RETRY); NOTFOUND with exit TOPIC_CHANGED when the
   topic went away; REMOTE with exit OFFSET_GAP when records expired before they were read. */
weir_code weir_kafka_poll(weir_kafka *kafka, int64_t timeout_us, weir_block **out,
                          weir_err *err) WEIR_MUST_CHECK;
weir_code weir_kafka_pause(weir_kafka *kafka, uint32_t partition, bool paused, weir_err *err)
    WEIR_MUST_CHECK;
/* Tells the group how far reading is final, by partition; -1: leave it. Does not wait. */
weir_code weir_kafka_commit(weir_kafka *kafka, const int64_t *offset, uint32_t count,
                            weir_err *err) WEIR_MUST_CHECK;

typedef struct weir_kafka_message {
    int32_t            partition; /* -1: by the key */
    weir_str           key;       /* .at NULL: null */
    weir_str           value;     /* .at NULL: null */
    int64_t            timestamp_us; /* INT64_MIN: now */
    uint32_t           headers;
    const weir_header *header;
} weir_kafka_message;

/* Makes the topic when it is not there. `config` is "name=value,name=value" or empty. */
weir_code weir_kafka_create(const weir_kafka_setup *setup, uint32_t partitions,
                            weir_str config, weir_err *err) WEIR_MUST_CHECK;
/* Idempotent, acks=all. `send` copies the message and waits when too much is under way;
   `flush` is OK when everything sent so far was acknowledged. */
weir_code weir_kafka_producer_open(const weir_kafka_setup *setup, weir_kafka_producer **out,
                                   weir_err *err) WEIR_MUST_CHECK;
weir_code weir_kafka_send(weir_kafka_producer *producer, const weir_kafka_message *message,
                          weir_err *err) WEIR_MUST_CHECK;
weir_code weir_kafka_flush(weir_kafka_producer *producer, weir_err *err) WEIR_MUST_CHECK;
void      weir_kafka_producer_close(weir_kafka_producer *producer); /* accepts NULL */

#endif
