/* client/kafka/kafka_own: what the files of this folder know of each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef KAFKA_OWN_H
#define KAFKA_OWN_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "weir/kafka_client.h"

typedef struct kafka_block kafka_block;

typedef struct kafka_partition {
    int64_t  next;   /* offset that is delivered next; -1: not read */
    bool     paused;
    uint32_t coming; /* records of the batch that is being sorted */
    kafka_block *open; /* of the batch that is being sorted */
} kafka_partition;

struct weir_kafka {
    rd_kafka_t       *handle;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    weir_arena       *arena; /* ours */
    weir_clock       *clock;
    const char       *name; /* of the topic */
    int               timeout_ms;
    int32_t           broker; /* one that answers */
    bool              headers;
    weir_kafka_setup  hasty;  /* what `looker` is opened with; in the arena */
    weir_kafka       *looker; /* of weir_kafka_peek, until the first poll; NULL: none */
    bool              assigned; /* what librdkafka reads is what `partition` says */
    kafka_partition  *partition; /* heap */
    uint32_t          partitions;
    kafka_block      *ready; /* blocks made and not handed over, first to last */
    kafka_block     **ready_end;
    rd_kafka_message_t **batch; /* heap; KAFKA_BATCH */
    rd_kafka_resp_err_t trouble; /* met in a batch; told when its blocks are gone */
    int32_t           trouble_in; /* partition, or -1 */
    bool              down; /* all brokers are */
    int64_t           asked_us; /* when they were last asked how things are */
    uint32_t          asked_of; /* whose ends were asked for last */
    char              why[200]; /* the library's last word about it */
    bool              why_final; /* trying again will not help: login, certificate */
    _Atomic uint32_t  blocks; /* handed over and not released, and ready */
};

enum {
    KAFKA_BATCH = 4096 /* messages taken from the library at once */
};

/* conf: settings */
rd_kafka_conf_t *kafka_conf_new(const weir_kafka_setup *setup, bool consumer, weir_err *err);
int              kafka_timeout_ms(int64_t timeout_us);
/* SCRAM was asked for, and this library cannot do it with Kafka 4. */
bool kafka_scram_fails(const weir_kafka_setup *setup);

/* error: what an error of the library means. `what` begins the sentence. */
weir_code kafka_failed(weir_err *err, rd_kafka_resp_err_t code, const char *why,
                       const char *what);
typedef enum kafka_meaning {
    KAFKA_LATER,  /* the same may work later: fate RETRY */
    KAFKA_FINAL,  /* somebody has to change something first: HALT */
    KAFKA_MISSING /* there is no such topic or partition: NOTFOUND */
} kafka_meaning;
kafka_meaning kafka_classify(rd_kafka_resp_err_t code);
bool          kafka_is_final(rd_kafka_resp_err_t code);

/* client: one metadata question; also tells that the brokers are there. */
weir_code kafka_ask_topic(weir_kafka *kafka, int timeout_ms, uint32_t *out_partitions,
                          weir_err *err);
/* Callbacks of the library run here: they only note `why`. Records may become ready. */
void kafka_serve(weir_kafka *kafka);

/* poll: takes what has come, and waits so long for something; it becomes ready, or trouble. */
void kafka_fetch(weir_kafka *kafka, int wait_ms);
/* Drops what is ready of one partition, or of all (-1). */
void kafka_drop_ready(weir_kafka *kafka, int64_t partition);

#endif
