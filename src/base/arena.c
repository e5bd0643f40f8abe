/* base/arena: chunks in a row, freed all at once; and the heap for base and for libraries.
 *
 * Owns       its chunks. The newest is first; what was deferred lives in the chunks.
 * Always     1. every block is 16-byte aligned.
 *            2. undo functions run before the memory they may look at is freed.
 *            3. under AddressSanitizer bytes that were not taken, or were rewound, are
 *               poisoned, so a use after rewind stops at the first touch.
 * Threads    one at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/arena.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "weir/error.h"
#include "weir/failpoint.h"
#include "weir/log.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif
#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
static __attribute__((noinline)) void poison(char *at, size_t len)
{
    __asan_poison_memory_region(at, len);
}

static void unpoison(char *at, size_t len)
{
    __asan_unpoison_memory_region(at, len);
}
#else
static void poison(char *at, size_t len)
{
    (void)at;
    (void)len;
}

static void unpoison(char *at, size_t len)
{
    (void)at;
    (void)len;
}
#endif

#define ALIGN ((size_t)16)
#define CHUNK_BYTES_LEAST ((size_t)256)

typedef struct chunk chunk;
struct chunk {
    chunk *older;
    size_t size; /* of at[] */
    _Alignas(16) char at[];
};

typedef struct deferred deferred;
struct deferred {
    deferred *older;
    void (*undo)(void *);
    void *thing;
};

struct weir_arena {
    const char *name;
    size_t      chunk_bytes;
    chunk      *chunk; /* newest, or NULL */
    size_t      used;  /* of the newest */
    size_t      bytes; /* of all */
    deferred   *deferred;
};

_Static_assert(sizeof(chunk) % 16 == 0, "chunks begin aligned"); /* 1 */

static _Noreturn void out_of_memory(size_t bytes, const char *what)
{
    weir_log_flush();
    (void)fprintf(stderr, "weir: out of memory: %zu bytes for %s\n", bytes,
                  what); /* dying */
    abort();
}

weir_arena *weir_arena_new(const char *name, size_t chunk_bytes)
{
    weir_assert(name != NULL);
    weir_arena *arena = weir_heap_new(1, sizeof *arena);
    arena->name = name;
    arena->chunk_bytes = chunk_bytes < CHUNK_BYTES_LEAST ? CHUNK_BYTES_LEAST : chunk_bytes;
    return arena;
}

/* A test makes an allocation fail. */
static bool fails_here(void)
{
    return WEIR_FAILPOINTS_BUILT && weir_failpoint_nomem();
}

static void add_chunk(weir_arena *arena, size_t bytes)
{
    size_t size = bytes > arena->chunk_bytes ? bytes : arena->chunk_bytes;
    chunk *newest = malloc(sizeof *newest + size);
    if (newest == NULL || fails_here())
        out_of_memory(size, arena->name);
    newest->older = arena->chunk;
    newest->size = size;
    poison(newest->at, size);
    arena->chunk = newest;
    arena->used = 0;
    arena->bytes += size;
}

static void drop_chunk(weir_arena *arena)
{
    chunk *newest = arena->chunk;
    arena->chunk = newest->older;
    arena->bytes -= newest->size;
    unpoison(newest->at, newest->size);
    free(newest);
}

static void undo_until(weir_arena *arena, const deferred *stop)
{
    while (arena->deferred != stop) {
        deferred *last = arena->deferred;
        weir_assert(last != NULL); /* else the mark is not of this arena, or was passed */
        arena->deferred = last->older;
        last->undo(last->thing);
    }
}

void weir_arena_free(weir_arena *arena)
{
    if (arena == NULL)
        return;
    undo_until(arena, NULL);
    while (arena->chunk != NULL)
        drop_chunk(arena);
    free(arena);
}

void *weir_arena_take(weir_arena *arena, size_t bytes)
{
    weir_assert(arena != NULL);
    if (bytes > SIZE_MAX / 2)
        out_of_memory(bytes, arena->name);
    size_t size = (bytes + ALIGN - 1) & ~(ALIGN - 1);
    if (arena->chunk == NULL || arena->chunk->size - arena->used < size)
        add_chunk(arena, size);
    char *at = arena->chunk->at + arena->used;
    arena->used += size;
    unpoison(at, bytes); /* not the padding: 3 */
    return at;
}

void *weir_arena_zero(weir_arena *arena, size_t bytes)
{
    return memset(weir_arena_take(arena, bytes), 0, bytes);
}

void *weir_arena_array(weir_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory(SIZE_MAX, arena->name);
    return weir_arena_zero(arena, bytes);
}

char *weir_arena_text(weir_arena *arena, const char *format, ...)
{
    va_list list;
    va_list again;
    va_start(list, format);
    va_copy(again, list);
    int len = vsnprintf(NULL, 0, format, list);
    va_end(list);
    weir_assert(len >= 0);
    char *text = weir_arena_take(arena, (size_t)len + 1);
    (void)vsnprintf(text, (size_t)len + 1, format, again); /* the length is known */
    va_end(again);
    return text;
}

void weir_arena_defer(weir_arena *arena, void (*undo)(void *), void *thing)
{
    weir_assert(undo != NULL);
    deferred *newest = weir_arena_take(arena, sizeof *newest);
    *newest = (deferred){.older = arena->deferred, .undo = undo, .thing = thing};
    arena->deferred = newest;
}

weir_arena_mark weir_arena_here(weir_arena *arena)
{
    return (weir_arena_mark){arena->chunk, arena->used, arena->deferred};
}

void weir_arena_rewind(weir_arena *arena, weir_arena_mark mark)
{
    undo_until(arena, mark.deferred);
    while (arena->chunk != mark.chunk) {
        weir_assert(arena->chunk != NULL);
        if (mark.chunk == NULL && arena->chunk->older == NULL)
            break; /* an arena that was empty keeps its first chunk */
        drop_chunk(arena);
    }
    arena->used = mark.chunk != NULL ? mark.used : 0;
    if (arena->chunk != NULL)
        poison(arena->chunk->at + arena->used, arena->chunk->size - arena->used);
}

void weir_arena_reset(weir_arena *arena)
{
    weir_arena_rewind(arena, (weir_arena_mark){0});
}

size_t weir_arena_bytes(const weir_arena *arena)
{
    return arena->bytes;
}

static size_t pages_of(size_t bytes)
{
    return (bytes + WEIR_PAGES_BYTES - 1) & ~(WEIR_PAGES_BYTES - 1);
}

/* Huge pages begin at multiples of their size: what is mapped too much at both ends goes. */
void *weir_heap_pages(size_t bytes)
{
    size_t all = pages_of(bytes) + WEIR_PAGES_BYTES;
    char  *map = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        out_of_memory(bytes, "the heap");
    size_t front = pages_of((uintptr_t)map) - (uintptr_t)map;
    size_t behind = WEIR_PAGES_BYTES - front;
    if (front > 0)
        (void)munmap(map, front);
    if (behind > 0)
        (void)munmap(map + all - behind, behind);
    (void)madvise(map + front, pages_of(bytes), MADV_HUGEPAGE); /* small ones do as well */
    return map + front;
}

void weir_heap_pages_free(void *memory, size_t bytes)
{
    if (memory != NULL)
        (void)munmap(memory, pages_of(bytes));
}

/* Blocks of some MiB come and go with each batch that is decompressed: by default each is
   mapped anew, so the kernel clears its pages anew. */
#if defined(__GLIBC__)
void weir_heap_keep(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that is taken */
    (void)mallopt(M_TRIM_THRESHOLD, 128 << 20);
}
#else
void weir_heap_keep(void)
{
}
#endif

void *weir_heap_new(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (memory == NULL || fails_here())
        out_of_memory(count, "the heap");
    return memory;
}

void *weir_heap_grow(void *old, size_t old_count, size_t new_count, size_t size)
{
    weir_assert(new_count >= old_count);
    weir_assert(size > 0);
    size_t bytes;
    if (__builtin_mul_overflow(new_count, size, &bytes))
        out_of_memory(SIZE_MAX, "the heap");
    char *memory = weir_heap_more(old, bytes);
    memset(memory + old_count * size, 0, bytes - old_count * size);
    return memory;
}

void *weir_heap_more(void *old, size_t bytes)
{
    void *memory = realloc(old, bytes > 0 ? bytes : 1);
    if (memory == NULL || fails_here())
        out_of_memory(bytes, "the heap");
    return memory;
}

void weir_heap_free(void *memory)
{
    free(memory);
}
