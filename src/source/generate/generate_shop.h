/* source/generate/generate_shop: a shop's orders as change events, made from a seed.
 *
 * The log is made page by page. A page holds GENERATE_PAGE records of each partition and is a
 * function of the options and its number alone, so reading can start at any offset: orders
 * are made, changed and deleted within their page. Partition p's record at offset o is
 * number o % GENERATE_PAGE of page o / GENERATE_PAGE.
 *
 * Always     1. an update's `before` is the order's last `after`.
 *            2. positions in the source's log rise, but for exact repeats of a stretch.
 *            3. a key always goes to the same partition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef GENERATE_SHOP_H
#define GENERATE_SHOP_H

#include "generate_row.h"

enum {
    GENERATE_PAGE = 1024,  /* records of one partition; part of what a seed means */
    GENERATE_REPEAT = 32,  /* records that are sent again at once */
    GENERATE_OF = 10000    /* the shares below are of so many changes */
};

typedef struct generate_shop {
    uint64_t seed;
    int64_t  events; /* records of all partitions together; 0: no end */
    uint32_t partitions;
    uint32_t customers;
    int64_t  start_us; /* commit time of the first change */
    int64_t  step_us;  /* from one change to the next */
    uint32_t updates, deletes, key_changes; /* shares; the rest are inserts */
    uint32_t late, duplicates, bad, unpaid; /* unpaid: of inserts */
    uint32_t value_bytes; /* 0: five columns; else wide rows filled up to it */
} generate_shop;

typedef struct generate_record {
    uint32_t partition;
    uint32_t key_at, key_len;
    uint32_t value_at, value_len; /* UINT32_MAX: a tombstone */
    uint32_t other_at, other_len; /* header value of a key change; 0: no header */
    const char *other;            /* "__debezium.newkey" or "__debezium.oldkey" */
    int64_t  timestamp_us;
} generate_record;

typedef struct generate_page {
    int64_t          number; /* -1: none yet */
    weir_buf         text;   /* of keys, values and headers */
    generate_record *record; /* in the order of the source's log; heap */
    uint32_t         records;
    uint32_t        *index;  /* partition * GENERATE_PAGE + number: which record; heap */
    uint32_t         room;
} generate_page;

/* Makes page `number` in place of what is there. */
void generate_page_make(generate_page *page, const generate_shop *shop, int64_t number);
void generate_page_done(generate_page *page);

/* How many records partition p has; INT64_MAX without an end. */
int64_t generate_records_of(const generate_shop *shop, uint32_t partition);

weir_str generate_key_of(const generate_page *page, const generate_record *record);
weir_str generate_value_of(const generate_page *page, const generate_record *record);

#endif
