/* weir/state: the memory that outlives an epoch, and its budget.
 *
 * Every byte of keyed state is counted here. Running over the budget is WEIR_E_LIMIT
 * naming memory.limit; the engine first pauses sources and commits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_STATE_H
#define WEIR_STATE_H

#include <stdatomic.h>
#include <stddef.h>

#include "weir/error.h"
#include "weir/str.h"

typedef struct weir_budget {
    size_t         limit; /* bytes */
    _Atomic size_t used;
} weir_budget;

/* Takes `bytes` out of the budget; false (nothing taken) when they do not fit. */
bool weir_budget_take(weir_budget *budget, size_t bytes);
void weir_budget_give(weir_budget *budget, size_t bytes);
/* Takes them whether they fit or not: for memory that has been judged before, or that was
   there before a restart. */
void weir_budget_force(weir_budget *budget, size_t bytes);

/* Memory of one owner, in pieces that are reused: taken from the heap in chunks that grow,
   counted by the budget (forced), given back all at once. Pieces are 16-byte aligned and
   not zeroed. One thread at a time. */
typedef struct weir_slab {
    weir_budget *budget;
    void        *chunks;  /* newest first */
    void        *large;   /* pieces with a block of their own */
    void       **reuse;   /* by size class; NULL until the first piece comes back */
    char        *at, *end; /* what is left of the newest chunk */
    size_t       next_bytes; /* size of the next chunk */
    size_t       held;    /* bytes that the budget counts */
} weir_slab;

void  weir_slab_init(weir_slab *slab, weir_budget *budget, size_t first_bytes);
void  weir_slab_done(weir_slab *slab); /* the slab is empty and usable again */
void *weir_slab_take(weir_slab *slab, size_t bytes);
void  weir_slab_give(weir_slab *slab, void *piece, size_t bytes); /* bytes as taken */

/* What every keyed thing in state begins with. Its key lies behind it, at the table's
   key_at, padded with zeros to a multiple of 8 bytes. */
typedef struct weir_entry {
    uint64_t hash;
    uint32_t key_len;
    uint32_t unsaved; /* place in its slice's list of what a delta has to hold */
} weir_entry;
#define WEIR_SAVED UINT32_MAX /* `unsaved` of an entry that is on no such list */

static inline size_t weir_key_room(size_t key_len)
{
    return (key_len + 7) & ~(size_t)7;
}

/* 0: empty. Else an entry's address, as long as addresses of programs are on x86-64 and arm64,
   and above it bits of its hash, so that a search looks at an entry, which lies in no cache,
   only when it is likely the one. */
typedef struct weir_keyed_slot {
    uint64_t bits;
} weir_keyed_slot;
#define WEIR_KEYED_ADDRESS ((UINT64_C(1) << 48) - 1)

/* Entries by key: open addressing, found by hash and bytes. The entries are their owner's,
   the slots are the table's and counted. */
typedef struct weir_keyed {
    weir_budget     *budget;
    weir_keyed_slot *slot;
    uint32_t         room, count; /* room is a power of two, or 0 */
    uint32_t         key_at;      /* bytes from an entry to its key */
} weir_keyed;

void weir_keyed_init(weir_keyed *keyed, weir_budget *budget, uint32_t key_at);
void weir_keyed_done(weir_keyed *keyed);
static inline weir_str weir_keyed_key(const weir_keyed *keyed, const weir_entry *entry)
{
    return (weir_str){(const char *)entry + keyed->key_at, entry->key_len};
}
/* The entry in slot `place`, of `room`; NULL: none. */
static inline weir_entry *weir_keyed_at(const weir_keyed *keyed, uint32_t place)
{
    return (weir_entry *)(uintptr_t)(keyed->slot[place].bits & WEIR_KEYED_ADDRESS);
}
weir_entry *weir_keyed_find(const weir_keyed *keyed, uint64_t hash, weir_str key);
void        weir_keyed_add(weir_keyed *keyed, weir_entry *entry);    /* is not there yet */
void        weir_keyed_remove(weir_keyed *keyed, weir_entry *entry); /* is there */
/* Room for `count` entries in all, so that they come without growing step by step. */
void        weir_keyed_reserve(weir_keyed *keyed, uint32_t count);

/* Which of the WEIR_SLICES slices a key belongs to; fixed in the checkpoint format. */
static inline uint32_t weir_slice_of(uint64_t hash)
{
    return (uint32_t)(hash >> 58);
}

/* Entries that changed since the last save, in no order. Each knows its place. */
typedef struct weir_unsaved {
    weir_entry **entry;
    uint32_t     count, room;
} weir_unsaved;

void weir_unsaved_add(weir_unsaved *list, weir_entry *entry);    /* if it is not there */
void weir_unsaved_remove(weir_unsaved *list, weir_entry *entry); /* if it is there */
void weir_unsaved_clear(weir_unsaved *list);
void weir_unsaved_done(weir_unsaved *list);

#endif
