/* weir/arena: memory that is freed all at once, by lifetime.
 *
 * One thread uses an arena at a time. Allocation never returns NULL: running out of
 * memory aborts after a message, because a restart from the checkpoint is the recovery
 * path; memory that grows with data is counted by a budget before it is asked for.
 * Blocks are 16-byte aligned and not zeroed unless the name says so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct weir_arena weir_arena;

typedef struct weir_arena_mark {
    void    *chunk;
    size_t   used;
    void    *deferred;
} weir_arena_mark;

/* `name` is static text for messages; `chunk_bytes` is the least size of a chunk. */
weir_arena *weir_arena_new(const char *name, size_t chunk_bytes);
void        weir_arena_free(weir_arena *arena); /* runs what was deferred; accepts NULL */

void *weir_arena_take(weir_arena *arena, size_t bytes);
void *weir_arena_zero(weir_arena *arena, size_t bytes);
void *weir_arena_array(weir_arena *arena, size_t count, size_t size); /* zeroed; checks
                                                                         count * size */
char *weir_arena_text(weir_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define WEIR_NEW(arena, type) ((type *)weir_arena_zero((arena), sizeof(type)))
#define WEIR_ARRAY(arena, type, count)                                                      \
    ((type *)weir_arena_array((arena), (size_t)(count), sizeof(type)))

/* Runs undo(thing) when the arena is reset, rewound behind this point or freed; last
   deferred runs first. */
void weir_arena_defer(weir_arena *arena, void (*undo)(void *), void *thing);

weir_arena_mark weir_arena_here(weir_arena *arena);
void            weir_arena_rewind(weir_arena *arena, weir_arena_mark mark);
void            weir_arena_reset(weir_arena *arena); /* keeps the first chunk for reuse */
size_t          weir_arena_bytes(const weir_arena *arena); /* held from the system */

/* The only way outside base/ to take memory from the heap: aborts when there is none,
   checks count * size for overflow, gives zeroed memory (weir_heap_more: not zeroed, keeps
   what was there). weir_heap_free also frees what a library took with malloc. */
void *weir_heap_new(size_t count, size_t size);
void *weir_heap_grow(void *old, size_t old_count, size_t new_count, size_t size);
void *weir_heap_more(void *old, size_t bytes);
void  weir_heap_free(void *memory);
/* Zeroed memory in huge pages, where the system has them to give, for what is large and
   met at random places. `bytes` is rounded up to WEIR_PAGES_BYTES; freed with the same. */
#define WEIR_PAGES_BYTES ((size_t)2 << 20)
void *weir_heap_pages(size_t bytes);
void  weir_heap_pages_free(void *memory, size_t bytes);
/* Called once by a long-running program: what is freed stays in the process for reuse. */
void  weir_heap_keep(void);

#endif
