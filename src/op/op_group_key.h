/* op/op_group_key: the key of a group as bytes.
 *
 * Per column: 1 and the value's ordered bytes, or 2 for NULL. Text has 00 doubled to 00 FF
 * and ends in 00 01, so that keys sort as their columns do and none is the start of
 * another. Keys are written to checkpoints.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_GROUP_KEY_H
#define OP_GROUP_KEY_H

#include "weir/batch.h"

#define OP_KEY_BYTES_MAX 16384u /* bytes of one key */

/* Keys of `count` rows, each padded with zeros to a multiple of 8 bytes. */
typedef struct op_keys {
    uint32_t  count;
    uint32_t *len;  /* without the padding */
    char    **at;
    uint64_t *hash; /* of the bytes without padding */
} op_keys;

/* Encodes the columns of rows row[0..count). Gives false when keys are too long: `len` is
   set then, and those above OP_KEY_BYTES_MAX are to be left out. */
bool op_keys_make(const weir_column *column, uint32_t columns, const uint32_t *row,
                  op_keys *out, weir_arena *arena); /* out->count is set by the caller */

static inline weir_str op_keys_get(const op_keys *keys, uint32_t index)
{
    return (weir_str){keys->at[index], keys->len[index]};
}

/* Reads the columns of a key back; text is unescaped into `arena`. False: no such key. */
bool op_key_read(const weir_type *type, uint32_t columns, weir_str key, weir_arena *arena,
                 weir_datum *out);

#endif
