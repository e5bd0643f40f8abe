/* compare/bag: multisets of packed rows: their sums, and tallies of those that differ.
 *
 * A row's hash is 128 bits, twice XXH3 over it; the sum of a bucket is what one side has less
 * what the other has, so order and number of parts do not matter. Data that was made to
 * collide would not be seen; data that happens to does so once in 2^128.
 *
 * Gives      weir_bag_new, _free, _add, _bucket, _differs, _equal, _rows;
 *            weir_tally_new, _free, _find, _keep, _at, _count.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/arena.h"
#include "weir/compare.h"
#include "weir/hash.h"

#include <string.h>

typedef struct bucket {
    uint64_t low, high;
    uint64_t rows;
} bucket;

struct weir_bag {
    bucket   at[WEIR_BAG_BUCKETS];
    weir_buf scratch;
};

weir_bag *weir_bag_new(void)
{
    return weir_heap_new(1, sizeof(weir_bag));
}

void weir_bag_free(weir_bag *bag)
{
    if (bag == NULL)
        return;
    weir_buf_done(&bag->scratch);
    weir_heap_free(bag);
}

uint32_t weir_bag_bucket(weir_str packed)
{
    return (uint32_t)(weir_hash64(packed) % WEIR_BAG_BUCKETS);
}

void weir_bag_add(weir_bag *bag, weir_str packed, bool other, int count)
{
    weir_buf_clear(&bag->scratch);
    weir_buf_text(&bag->scratch, "again");
    weir_buf_str(&bag->scratch, packed);
    uint64_t low = weir_hash64(packed), high = weir_hash64(weir_buf_view(&bag->scratch));
    uint64_t times = (uint64_t)(int64_t)(other ? -count : count); /* modulo 2^64 */
    bucket  *to = &bag->at[low % WEIR_BAG_BUCKETS];
    to->low += low * times;
    to->high += high * times;
    to->rows++;
}

bool weir_bag_differs(const weir_bag *bag, uint32_t number)
{
    return bag->at[number].low != 0 || bag->at[number].high != 0;
}

bool weir_bag_equal(const weir_bag *bag)
{
    for (uint32_t i = 0; i < WEIR_BAG_BUCKETS; i++)
        if (weir_bag_differs(bag, i))
            return false;
    return true;
}

uint64_t weir_bag_rows(const weir_bag *bag, uint32_t number)
{
    return bag->at[number].rows;
}

struct weir_tally {
    weir_arena        *arena;
    weir_tally_entry **entry; /* as they came in */
    size_t             count, room;
    size_t            *slot;  /* index + 1; 0: free */
    size_t             slots; /* a power of two */
    size_t             bytes, bytes_max;
};

weir_tally *weir_tally_new(size_t bytes_max)
{
    weir_tally *tally = weir_heap_new(1, sizeof *tally);
    tally->arena = weir_arena_new("tally", 64 << 10);
    tally->bytes_max = bytes_max;
    tally->slots = 1024;
    tally->slot = weir_heap_new(tally->slots, sizeof *tally->slot);
    return tally;
}

void weir_tally_free(weir_tally *tally)
{
    if (tally == NULL)
        return;
    weir_arena_free(tally->arena);
    weir_heap_free(tally->entry);
    weir_heap_free(tally->slot);
    weir_heap_free(tally);
}

static size_t *place(weir_tally *tally, weir_str key)
{
    size_t at = (size_t)weir_hash64(key) & (tally->slots - 1);
    while (tally->slot[at] != 0 &&
           !weir_str_eq(tally->entry[tally->slot[at] - 1]->key, key))
        at = (at + 1) & (tally->slots - 1);
    return &tally->slot[at];
}

static void widen(weir_tally *tally)
{
    weir_heap_free(tally->slot);
    tally->slots *= 2;
    tally->slot = weir_heap_new(tally->slots, sizeof *tally->slot);
    for (size_t i = 0; i < tally->count; i++)
        *place(tally, tally->entry[i]->key) = i + 1;
}

weir_str weir_tally_keep(weir_tally *tally, weir_str bytes)
{
    if (tally->bytes_max - tally->bytes < bytes.len + 1)
        return (weir_str){0};
    tally->bytes += bytes.len + 1;
    return weir_str_copy(tally->arena, bytes);
}

weir_tally_entry *weir_tally_find(weir_tally *tally, weir_str key, bool add)
{
    size_t *found = place(tally, key);
    if (*found != 0)
        return tally->entry[*found - 1];
    const size_t each = sizeof(weir_tally_entry) + 4 * sizeof(size_t);
    if (!add || tally->bytes_max - tally->bytes < each + key.len + 1)
        return NULL;
    tally->bytes += each;
    weir_tally_entry *entry = WEIR_NEW(tally->arena, weir_tally_entry);
    entry->key = weir_tally_keep(tally, key);
    if (tally->count == tally->room) {
        size_t room = tally->room > 0 ? tally->room * 2 : 256;
        tally->entry =
            weir_heap_grow(tally->entry, tally->room, room, sizeof *tally->entry);
        tally->room = room;
    }
    tally->entry[tally->count++] = entry;
    *found = tally->count;
    if (tally->count * 2 > tally->slots)
        widen(tally);
    return entry;
}

weir_tally_entry *weir_tally_at(weir_tally *tally, size_t index)
{
    return index < tally->count ? tally->entry[index] : NULL;
}

size_t weir_tally_count(const weir_tally *tally)
{
    return tally->count;
}
