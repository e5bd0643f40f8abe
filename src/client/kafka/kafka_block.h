/* client/kafka/kafka_block: messages of one partition as a block, without copying them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef KAFKA_BLOCK_H
#define KAFKA_BLOCK_H

#include "kafka_own.h"

typedef struct kafka_padded { /* a copy of bytes that had nothing readable behind them */
    struct kafka_padded *next;
    char                 at[];
} kafka_padded;

struct kafka_block {
    weir_block           base;
    weir_kafka          *owner;
    kafka_block         *next;    /* in the owner's list of ready ones */
    rd_kafka_message_t **message; /* heap; as many as records */
    uint32_t             room;
    kafka_padded        *padded;
    weir_header         *header; /* heap; of all records */
    uint32_t             headers, headers_room;
};

kafka_block *kafka_block_new(weir_kafka *owner, uint32_t partition, uint32_t room);

/* Takes the message; it is destroyed when the block is released. */
void kafka_block_add(kafka_block *block, rd_kafka_message_t *message);

/* Before it is handed over: what is final only now. */
void kafka_block_settle(kafka_block *block);

#endif
