/* state/keyed: entries by key, open addressing with linear probing.
 *
 * Always     1. at most three quarters of the slots are used, so a search ends.
 *            2. between an entry's home slot and its slot there is no empty one:
 *               removing moves later entries back.
 *            3. a slot's bits of the hash are those that choose neither the slot nor the slice
 *               of the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "weir/arena.h"
#include "weir/state.h"

#define ROOM_FIRST 4u
#define TAG (~WEIR_KEYED_ADDRESS)

static uint64_t tag_of(uint64_t hash)
{
    return hash << 16 & TAG; /* keyed 3 */
}

void weir_keyed_init(weir_keyed *keyed, weir_budget *budget, uint32_t key_at)
{
    weir_assert(budget != NULL);
    weir_assert(key_at >= sizeof(weir_entry));
    *keyed = (weir_keyed){.budget = budget, .key_at = key_at};
}

void weir_keyed_done(weir_keyed *keyed)
{
    if (keyed->room > 0)
        weir_budget_give(keyed->budget, sizeof(weir_keyed_slot) * keyed->room);
    weir_heap_free(keyed->slot);
    weir_keyed_init(keyed, keyed->budget, keyed->key_at);
}

weir_entry *weir_keyed_find(const weir_keyed *keyed, uint64_t hash, weir_str key)
{
    if (keyed->room == 0)
        return NULL;
    uint32_t mask = keyed->room - 1;
    for (uint32_t at = (uint32_t)hash & mask;; at = (at + 1) & mask) {
        uint64_t bits = keyed->slot[at].bits;
        if (bits == 0)
            return NULL;
        if ((bits & TAG) != tag_of(hash))
            continue;
        weir_entry *entry = weir_keyed_at(keyed, at);
        if (entry->hash == hash && entry->key_len == key.len &&
            (key.len == 0 || memcmp((char *)entry + keyed->key_at, key.at, key.len) == 0))
            return entry;
    }
}

static void put(weir_keyed *keyed, weir_entry *entry)
{
    uint32_t mask = keyed->room - 1;
    uint32_t at = (uint32_t)entry->hash & mask;
    weir_assert(((uintptr_t)entry & TAG) == 0); /* keyed 3 */
    while (keyed->slot[at].bits != 0)
        at = (at + 1) & mask;
    keyed->slot[at].bits = (uintptr_t)entry | tag_of(entry->hash);
}

static void grow(weir_keyed *keyed, uint32_t room)
{
    uint32_t   before = keyed->room;
    weir_keyed old = *keyed;
    weir_assert(room > before);
    keyed->room = room;
    /* Not weir_heap_new: a page of zeros that is read first and written then costs two faults,
       and the second one stops the other threads. */
    keyed->slot = weir_heap_more(NULL, sizeof(weir_keyed_slot) * keyed->room);
    memset(keyed->slot, 0, sizeof(weir_keyed_slot) * keyed->room);
    weir_budget_force(keyed->budget, sizeof(weir_keyed_slot) * (keyed->room - before));
    for (uint32_t i = 0; i < before; i++)
        if (old.slot[i].bits != 0)
            put(keyed, weir_keyed_at(&old, i));
    weir_heap_free(old.slot);
}

void weir_keyed_add(weir_keyed *keyed, weir_entry *entry)
{
    weir_assert_slow(weir_keyed_find(keyed, entry->hash, weir_keyed_key(keyed, entry)) ==
                     NULL);
    if (keyed->count + 1 > keyed->room / 4 * 3) { /* keyed 1 */
        weir_assert(keyed->room <= UINT32_MAX / 2);
        grow(keyed, keyed->room ? keyed->room * 2 : ROOM_FIRST);
    }
    put(keyed, entry);
    keyed->count++;
}

void weir_keyed_remove(weir_keyed *keyed, weir_entry *entry)
{
    weir_assert(keyed->count > 0);
    uint32_t mask = keyed->room - 1;
    uint32_t hole = (uint32_t)entry->hash & mask;
    while (weir_keyed_at(keyed, hole) != entry) {
        weir_assert(keyed->slot[hole].bits != 0);
        hole = (hole + 1) & mask;
    }
    for (uint32_t at = (hole + 1) & mask; keyed->slot[at].bits != 0; at = (at + 1) & mask) {
        uint32_t home = (uint32_t)weir_keyed_at(keyed, at)->hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask))
            continue; /* its home is behind the hole: it stays */
        keyed->slot[hole] = keyed->slot[at]; /* keyed 2 */
        hole = at;
    }
    keyed->slot[hole].bits = 0;
    keyed->count--;
}

void weir_keyed_reserve(weir_keyed *keyed, uint32_t count)
{
    uint32_t room = ROOM_FIRST;
    while (count > room / 4 * 3) { /* keyed 1 */
        weir_assert(room <= UINT32_MAX / 2);
        room *= 2;
    }
    if (room > keyed->room)
        grow(keyed, room);
}
