/* source/generate/generate_row: an order of the generated shop, as Debezium writes it.
 *
 * Gives      the text of keys and of change-event envelopes; where a key belongs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_ROW_H
#define GENERATE_ROW_H

#include "weir/buf.h"

typedef enum generate_fault { /* what is wrong with an image */
    GENERATE_FINE,
    GENERATE_NEGATIVE,    /* amount below zero: a violated CHECK */
    GENERATE_NO_CUSTOMER, /* a violated NOT NULL */
    GENERATE_TOO_BIG,     /* amount over numeric(12,2) */
    GENERATE_NO_NUMBER,   /* amount that is no number */
    GENERATE_BROKEN,      /* the message ends in the middle */
    GENERATE_FAULTS
} generate_fault;

typedef struct generate_order {
    int64_t        id;
    uint32_t       customer;
    const char    *status;
    int64_t        cents;
    int64_t        paid_us; /* INT64_MIN: not yet */
    int64_t        created_us;
    int64_t        updated_us;
    generate_fault fault;
} generate_order;

/* Place and time of a change in the source database's log. */
typedef struct generate_change {
    char     op;
    uint64_t transaction;
    uint32_t file;
    uint64_t pos;
    uint32_t row;
    int64_t  commit_us;
} generate_change;

void generate_key(weir_buf *out, int64_t id); /* {"id":7} */

/* The envelope; before or after may be NULL. With `bytes` not 0 rows have 18 columns, and
   the text is filled up to that many bytes (when it is not longer anyway). */
void generate_envelope(weir_buf *out, const generate_change *change,
                       const generate_order *before, const generate_order *after,
                       uint32_t bytes);

/* The partition that Kafka's Java producer gives a key: murmur2. */
uint32_t generate_partition(weir_str key, uint32_t partitions);

#endif
