/* op/op_lane_table: the groups that one lane touched in this epoch.
 *
 * Open addressing; a slot has a tag of the hash and a reference to the group, which lies
 * with its accumulators and its key in one piece. Groups of a slice are listed, so that
 * merging a slice touches only its own.
 *
 * Memory is counted twice in the budget: once for itself and once for the state that it
 * may become, so that merging at the epoch's end never runs into the limit.
 *
 * Groups are found at random places: a table that is not small lies in huge pages, eight
 * chunks in a row. With small ones the time goes into address translation.
 *
 * Always     1. at most half of the slots are used.
 *            2. key bytes are padded with zeros to words: two keys of one length are equal
 *               exactly when their words are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "op_lane_table.h"
#include "weir/arena.h"

#define KEPT_CHUNKS 16u                 /* chunks that a reset keeps for the next epoch … */
#define KEPT_PART 256u                  /* … and at most this part of the budget, or one */
#define ROOM_FIRST 256u
#define BLOCK 32u                       /* rows whose slots and groups are fetched ahead */
#define SLAB_FIRST 4096u
#define LIST_FIRST 16u                  /* refs */
#define RUN (WEIR_PAGES_BYTES / OP_CHUNK_BYTES) /* chunks in one piece, behind the first RUN */

_Static_assert(OP_CHUNK_BYTES > 2 * OP_KEY_BYTES_MAX, "a group fits into a chunk");

static void hold(op_lane_table *table, size_t bytes)
{
    weir_budget_force(table->budget, 2 * bytes);
    table->held += bytes;
}

static void let_go(op_lane_table *table, size_t bytes)
{
    weir_budget_give(table->budget, 2 * bytes);
    table->held -= bytes;
}

static op_lane_slot *new_slots(uint32_t room)
{
    size_t bytes = sizeof(op_lane_slot) * room;
    return bytes < WEIR_PAGES_BYTES ? weir_heap_new(room, sizeof(op_lane_slot))
                                    : weir_heap_pages(bytes);
}

static void free_slots(op_lane_slot *slot, uint32_t room)
{
    size_t bytes = sizeof(op_lane_slot) * room;
    if (bytes < WEIR_PAGES_BYTES)
        weir_heap_free(slot);
    else
        weir_heap_pages_free(slot, bytes);
}

static char *new_chunk(const op_lane_table *table)
{
    if (table->chunks < RUN)
        return weir_heap_new(1, OP_CHUNK_BYTES);
    if (table->chunks % RUN == 0)
        return weir_heap_pages(WEIR_PAGES_BYTES);
    return table->chunk[table->chunks - 1] + OP_CHUNK_BYTES;
}

static void drop_chunk(op_lane_table *table)
{
    char *chunk = table->chunk[--table->chunks];
    if (table->chunks < RUN)
        weir_heap_free(chunk);
    else if (table->chunks % RUN == 0)
        weir_heap_pages_free(chunk, WEIR_PAGES_BYTES);
}

void op_lane_init(op_lane_table *table, weir_budget *budget, uint32_t key_at)
{
    *table = (op_lane_table){.budget = budget, .key_at = key_at};
    weir_slab_init(&table->slab, budget, SLAB_FIRST);
}

void op_lane_done(op_lane_table *table)
{
    while (table->chunks > 0)
        drop_chunk(table);
    weir_heap_free(table->chunk);
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        weir_heap_free(table->list[s].ref);
    free_slots(table->slot, table->room);
    weir_slab_done(&table->slab);
    let_go(table, table->held);
    op_lane_init(table, table->budget, table->key_at);
}

/* A list that was hardly used gives its memory back. */
static void empty_list(op_lane_table *table, op_lane_list *list)
{
    if (list->room > LIST_FIRST && list->count < list->room / 16) {
        let_go(table, sizeof(uint32_t) * list->room);
        weir_heap_free(list->ref);
        list->ref = NULL;
        list->room = 0;
    }
    list->count = 0;
}

static void add_to_list(op_lane_table *table, op_lane_list *list, uint32_t ref)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? 2 * list->room : LIST_FIRST;
        list->ref = weir_heap_more(list->ref, sizeof(uint32_t) * room);
        hold(table, sizeof(uint32_t) * (room - list->room));
        list->room = room;
    }
    list->ref[list->count++] = ref;
}

/* Empty again; some memory is kept for the next epoch. */
void op_lane_reset(op_lane_table *table)
{
    size_t most = table->budget->limit / KEPT_PART / OP_CHUNK_BYTES;
    if (most > KEPT_CHUNKS)
        most = KEPT_CHUNKS;
    while (table->chunks > 1 && table->chunks > most) {
        drop_chunk(table);
        let_go(table, OP_CHUNK_BYTES);
    }
    if (table->room > 64 * ROOM_FIRST && table->count < table->room / 16) {
        let_go(table, sizeof(op_lane_slot) * table->room);
        free_slots(table->slot, table->room);
        table->slot = NULL;
        table->room = 0;
    }
    if (table->room > 0 && table->count > 0)
        memset(table->slot, 0, sizeof(op_lane_slot) * table->room);
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        empty_list(table, &table->list[s]);
    weir_slab_done(&table->slab);
    table->count = table->used_chunks = table->chunk_at = 0;
}

static uint32_t room_for(uint32_t groups)
{
    uint32_t room = ROOM_FIRST;
    while (room / 2 < groups) /* lane table 1 */
        room *= 2;
    return room;
}

size_t op_lane_growth(const op_lane_table *table, uint32_t groups, size_t key_bytes)
{
    uint32_t room = room_for(table->count + groups);
    size_t   bytes = (size_t)groups * (table->key_at + OP_UNIT + LIST_FIRST) + key_bytes;
    bytes = (bytes / OP_CHUNK_BYTES + 1) * OP_CHUNK_BYTES;
    if (room > table->room)
        bytes += sizeof(op_lane_slot) * room;
    return 2 * bytes;
}

static void grow(op_lane_table *table, uint32_t room)
{
    op_lane_slot *old = table->slot;
    uint32_t      old_room = table->room;
    table->slot = new_slots(room);
    table->room = room;
    hold(table, sizeof(op_lane_slot) * room);
    for (uint32_t i = 0; i < old_room; i++) {
        if (old[i].ref == 0)
            continue;
        uint32_t at = old[i].tag & (room - 1); /* groups are not looked at */
        while (table->slot[at].ref != 0)
            at = (at + 1) & (room - 1);
        table->slot[at] = old[i];
    }
    let_go(table, sizeof(op_lane_slot) * old_room);
    free_slots(old, old_room);
}

static void next_chunk(op_lane_table *table)
{
    if (table->used_chunks == table->chunks) {
        if (table->chunks == table->chunk_room) {
            uint32_t room = table->chunk_room ? table->chunk_room * 2 : 16;
            table->chunk = weir_heap_grow(table->chunk, table->chunk_room, room,
                                          sizeof(char *));
            table->chunk_room = room;
        }
        weir_assert(table->chunks < UINT32_MAX / OP_UNITS);
        table->chunk[table->chunks] = new_chunk(table);
        table->chunks++;
        hold(table, OP_CHUNK_BYTES);
    }
    table->chunk_at = table->used_chunks == 0 ? OP_UNIT : 0; /* 0 is no ref */
    table->used_chunks++;
}

static uint32_t add(op_lane_table *table, uint64_t hash, weir_str key, int64_t window_end)
{
    size_t key_room = weir_key_room(key.len);
    size_t bytes = (table->key_at + key_room + OP_UNIT - 1) / OP_UNIT * OP_UNIT;
    if (table->used_chunks == 0 || table->chunk_at + bytes > OP_CHUNK_BYTES)
        next_chunk(table);
    uint32_t  ref = (table->used_chunks - 1) * OP_UNITS + table->chunk_at / OP_UNIT;
    op_group *group = op_lane_at(table, ref);
    table->chunk_at += (uint32_t)bytes;
    memset(group, 0, table->key_at);
    group->entry = (weir_entry){hash, (uint32_t)key.len, WEIR_SAVED};
    group->window_end = window_end;
    memcpy((char *)group + table->key_at, key.at, key_room);
    add_to_list(table, &table->list[weir_slice_of(hash)], ref);
    table->count++;
    return ref;
}

static inline bool same_key(const char *a, const char *b, uint32_t len)
{
    for (uint32_t i = 0; i < len; i += 8) { /* lane table 2 */
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            return false;
    }
    return true;
}

static inline op_group *find_or_add(op_lane_table *table, const op_keys *keys, uint32_t i,
                                    int64_t window_end)
{
    uint64_t hash = keys->hash[i];
    uint32_t mask = table->room - 1, tag = (uint32_t)hash;
    uint32_t at = tag & mask;
    for (;; at = (at + 1) & mask) {
        op_lane_slot *slot = &table->slot[at];
        if (slot->ref == 0) {
            slot->tag = tag;
            slot->ref = add(table, hash, op_keys_get(keys, i), window_end);
            return op_lane_at(table, slot->ref);
        }
        if (slot->tag != tag)
            continue;
        op_group *group = op_lane_at(table, slot->ref);
        if (group->entry.hash == hash && group->entry.key_len == keys->len[i] &&
            same_key((char *)group + table->key_at, keys->at[i], keys->len[i]))
            return group;
    }
}

static void fetch_slots(const op_lane_table *table, const op_keys *keys, uint32_t from)
{
    uint32_t mask = table->room - 1;
    uint32_t to = keys->count - from < BLOCK ? keys->count : from + BLOCK;
    for (uint32_t i = from; i < to; i++)
        __builtin_prefetch(&table->slot[(uint32_t)keys->hash[i] & mask]);
}

static void fetch_groups(const op_lane_table *table, const op_keys *keys, uint32_t from)
{
    uint32_t mask = table->room - 1;
    uint32_t to = keys->count - from < BLOCK ? keys->count : from + BLOCK;
    for (uint32_t i = from; i < to; i++) {
        uint32_t tag = (uint32_t)keys->hash[i], at = tag & mask;
        while (table->slot[at].ref != 0 && table->slot[at].tag != tag)
            at = (at + 1) & mask; /* the group itself, not who is in its place */
        op_lane_ahead(table, table->slot[at].ref);
    }
}

/* Slots are fetched two blocks ahead, groups one. */
void op_lane_find(op_lane_table *table, const op_keys *keys, const int64_t *window_end,
                  char **out)
{
    uint32_t count = keys->count;
    uint32_t room = room_for(table->count + count);
    if (room > table->room)
        grow(table, room);
    if (count > 0)
        fetch_slots(table, keys, 0);
    if (count > BLOCK)
        fetch_slots(table, keys, BLOCK);
    if (count > 0)
        fetch_groups(table, keys, 0);
    for (uint32_t from = 0; from < count; from += BLOCK) {
        if (count - from > 2 * BLOCK)
            fetch_slots(table, keys, from + 2 * BLOCK);
        if (count - from > BLOCK)
            fetch_groups(table, keys, from + BLOCK);
        uint32_t to = count - from < BLOCK ? count : from + BLOCK;
        for (uint32_t i = from; i < to; i++)
            out[i] = (char *)find_or_add(table, keys, i, window_end[i]);
    }
}
