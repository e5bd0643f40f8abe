/* op/op_last_value: the structs of last-value tables, for the two files that know them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_LAST_VALUE_H
#define OP_LAST_VALUE_H

#include "op_types.h"

/* A row in state; its key lies behind it. */
typedef struct last_row {
    weir_entry entry;
    char      *image;
    uint32_t   image_len;
    bool       stored; /* a checkpoint has it */
} last_row;

typedef struct last_slice {
    pthread_mutex_t lock;
    weir_keyed      rows;
    weir_slab       slab;
    weir_unsaved    unsaved;
    weir_buf        gone; /* keys of stored rows that were deleted */
    uint32_t        gone_count;
    uint64_t        stored_bytes;
} last_slice;

struct op_last_value {
    const weir_table *table;
    weir_budget      *budget;
    uint32_t         *column; /* those that are kept, rising */
    uint32_t          columns;
    weir_type        *key_type;
    uint64_t          signature;
    last_slice        slice[WEIR_SLICES];
};

void      last_write_image(const op_last_value *last, const weir_batch *rows, uint32_t row,
                           weir_buf *out);
/* One kept column of an image; false when the bytes are none. */
bool      last_read_value(weir_type type, weir_reader *reader, weir_datum *out);
last_row *last_add_row(last_slice *slice, uint64_t hash, weir_str key);
void      last_remove_row(last_slice *slice, last_row *row);
void      last_set_image(last_slice *slice, last_row *row, weir_str image);
void      last_empty_slice(last_slice *slice);

#endif
