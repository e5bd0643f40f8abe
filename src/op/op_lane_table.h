/* op/op_lane_table: the groups that one lane touched in this epoch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_LANE_TABLE_H
#define OP_LANE_TABLE_H

#include "op_types.h"

void      op_lane_init(op_lane_table *table, weir_budget *budget, uint32_t key_at);
void      op_lane_done(op_lane_table *table);
void      op_lane_reset(op_lane_table *table);
size_t    op_lane_growth(const op_lane_table *table, uint32_t groups, size_t key_bytes);
/* The group of each key, made where there was none. */
void      op_lane_find(op_lane_table *table, const op_keys *keys, const int64_t *window_end,
                       char **out);
/* A ref counts units of a chunk; both are powers of two. */
#define OP_CHUNK_BYTES (256u << 10)
#define OP_UNIT 16u
#define OP_UNITS (OP_CHUNK_BYTES / OP_UNIT)
#define OP_AHEAD_KEY 24u /* bytes of a key that are fetched with its group: most are shorter */
static inline op_group *op_lane_at(const op_lane_table *table, uint32_t ref)
{
    return (op_group *)(void *)(table->chunk[ref / OP_UNITS] + (size_t)(ref % OP_UNITS) * OP_UNIT);
}

/* Asks the caches for a group that is looked at next; 0: none. */
static inline void op_lane_ahead(const op_lane_table *table, uint32_t ref)
{
    if (ref == 0)
        return;
    const char *group = (const char *)op_lane_at(table, ref);
    for (uint32_t at = 0; at < table->key_at + OP_AHEAD_KEY; at += 64)
        __builtin_prefetch(group + at, 1);
    __builtin_prefetch(group + table->key_at + OP_AHEAD_KEY, 1);
}

#endif
