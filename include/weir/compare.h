/* weir/compare: rows of two sides side by side: by key, or as multisets.
 *
 * A row is an array of cells in the order of its schema: each the text that PostgreSQL prints
 * of the value (weir_datum_print), .at NULL for NULL. Every type but double and real has one
 * text for equal values; these two are compared by their shortest text. Pure: no I/O.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_COMPARE_H
#define WEIR_COMPARE_H

#include "weir/type.h"

/* How the database sorts a key column. */
typedef enum weir_order {
    WEIR_ORDER_BYTES,  /* by the text's bytes */
    WEIR_ORDER_PADDED, /* as if the shorter text were filled up with spaces */
    WEIR_ORDER_NUMBER  /* by value */
} weir_order;

typedef struct weir_ordered weir_ordered; /* one after another */
struct weir_ordered {
    /* *out: the cells of the next row, valid until the next call; NULL at the end. */
    weir_code (*next)(weir_ordered *, const weir_str **out, weir_err *);
};

typedef struct weir_merge {
    uint32_t          columns, keys; /* cells of a row; columns of the key, 1 at least */
    const uint32_t   *key;           /* which columns these are */
    const weir_order *order;         /* per key column */
    weir_ordered     *live, *other;  /* each in rising order of the key, none twice */
    /* Of every key once, in order; NULL: the side has no such row. Not OK ends it. */
    weir_code (*tell)(void *self, const weir_str *live, const weir_str *other, weir_err *);
    void *self;
} weir_merge;

/* Which of two cells comes first: below, above or 0. NULL is first. */
int weir_cell_order(weir_order order, weir_str a, weir_str b);

/* Reads both sides to their ends. CORRUPT when one is not in the order of its key; else the
   first error of a side or of `tell`. */
weir_code weir_merge_rows(const weir_merge *merge, weir_err *err) WEIR_MUST_CHECK;

bool weir_cell_same(weir_str a, weir_str b); /* NULL is NULL's equal */
bool weir_row_same(uint32_t columns, const weir_str *a, const weir_str *b);
/* Appends "+12.50" from one number to another; false, and nothing is appended, when they are no
   numbers, one is NULL, or the difference has more than 38 digits. */
bool weir_cell_delta(weir_type type, weir_str from, weir_str to, weir_buf *out);
/* Appends a row as bytes that are equal when the rows are; `column`: which cells, NULL: the
   first `count`. */
void weir_row_pack(weir_buf *out, const weir_str *row, const uint32_t *column,
                   uint32_t count);
/* The cells, as views into the bytes; false: damaged. */
bool weir_row_unpack(weir_str bytes, uint32_t count, weir_str *out);

/* Multisets of packed rows of two sides in constant memory (1.5 MiB): sums of hashes by bucket.
   Two that are equal have sums of zero everywhere; rows that differ are in buckets that have
   not. */
#define WEIR_BAG_BUCKETS 65536u
typedef struct weir_bag weir_bag;
weir_bag               *weir_bag_new(void);
void                    weir_bag_free(weir_bag *bag); /* may be NULL */
/* The row `count` times more on one side; below 0: so many times less. */
void     weir_bag_add(weir_bag *bag, weir_str packed, bool other, int count);
uint32_t weir_bag_bucket(weir_str packed); /* below WEIR_BAG_BUCKETS */
bool     weir_bag_differs(const weir_bag *bag, uint32_t bucket);
bool     weir_bag_equal(const weir_bag *bag); /* no bucket differs */
uint64_t weir_bag_rows(const weir_bag *bag, uint32_t bucket); /* calls of add, of both sides */

/* Bytes and two counts of them, which are the caller's to change, in at most bytes_max bytes.
   Entries, keys and values stay where they are until the tally is freed. */
typedef struct weir_tally_entry {
    weir_str key; /* the tally's copy */
    int64_t  live, other;
    weir_str value; /* set by the caller with weir_tally_keep; .at NULL: none */
} weir_tally_entry;
typedef struct weir_tally weir_tally;
weir_tally               *weir_tally_new(size_t bytes_max);
void                      weir_tally_free(weir_tally *tally); /* may be NULL */
/* NULL when it is not there; with `add` when there is no room for it. */
weir_tally_entry *weir_tally_find(weir_tally *tally, weir_str key, bool add);
weir_str weir_tally_keep(weir_tally *tally, weir_str bytes); /* .at NULL: no room */
/* From 0 on, in the order they came in; NULL behind the last. */
weir_tally_entry *weir_tally_at(weir_tally *tally, size_t index);
size_t            weir_tally_count(const weir_tally *tally);

#endif
