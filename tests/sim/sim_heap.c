/* sim/heap: memory of a worker, dropped when it dies; and memory of the history.
 *
 * What a worker's fibers take comes from its own region, whatever code asks for it. A dead
 * worker's region is empty again at once, and a worker that ended in order has to have
 * given everything back. Under AddressSanitizer memory is the process's own, so that it can
 * watch it; what dead workers held is lost then.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGION_BYTES ((size_t)96 << 20)
#define KEEP_BYTES ((size_t)96 << 20)
#define REGIONS_AT UINT64_C(0x200000000000) /* always there: addresses repeat as well */
#define CLASSES 32u
#define LEAST 32u
#define MAGIC 0x51ADFACEu
#define HEAD 16u

typedef struct piece {
    uint32_t magic;
    uint32_t class;
    uint64_t bytes;
} piece;
_Static_assert(sizeof(piece) == HEAD, "what is behind it is aligned");

typedef struct region {
    char    *at;
    size_t   used;
    uint64_t live;
    void    *spare[CLASSES];
} region;

static region  regions[SIM_SLOTS];
static region *now;
static char   *kept;
static size_t  kept_used, kept_most;

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void  __wrap_free(void *memory);
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void  __real_free(void *memory);

static void reserve(void)
{
    size_t bytes = REGION_BYTES * SIM_SLOTS + KEEP_BYTES;
    char  *at = mmap((void *)REGIONS_AT, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    weir_assert(at != MAP_FAILED);
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        regions[i].at = at + i * REGION_BYTES;
    kept = at + SIM_SLOTS * REGION_BYTES;
}

static region *region_of(const void *memory)
{
    uint64_t at = (uint64_t)(uintptr_t)memory;
    if (at < REGIONS_AT || at >= REGIONS_AT + REGION_BYTES * SIM_SLOTS)
        return NULL;
    return &regions[(at - REGIONS_AT) / REGION_BYTES];
}

#if defined(__SANITIZE_ADDRESS__)
void sim_heap_use(uint32_t slot)
{
    (void)slot;
}
#else
void sim_heap_use(uint32_t slot)
{
    now = slot < SIM_SLOTS ? &regions[slot] : NULL;
}
#endif

void sim_heap_drop(uint32_t slot)
{
    region *one = &regions[slot];
    one->used = 0;
    one->live = 0;
    memset(one->spare, 0, sizeof one->spare);
}

uint64_t sim_heap_live(uint32_t slot)
{
    return regions[slot].live;
}

static uint32_t class_of(size_t bytes)
{
    uint32_t class = 0;
    for (size_t room = LEAST; room < bytes + HEAD; room *= 2)
        class++;
    return class;
}

static void *take(region *one, size_t bytes)
{
    uint32_t class = class_of(bytes);
    size_t   room = (size_t)LEAST << class;
    piece   *at = one->spare[class];
    if (at != NULL) {
        memcpy(&one->spare[class], at + 1, sizeof(void *));
    } else {
        weir_assert(one->used + room <= REGION_BYTES);
        at = (piece *)(one->at + one->used);
        one->used += room;
    }
    *at = (piece){MAGIC, class, bytes};
    one->live++;
    return at + 1;
}

static void give(region *one, void *memory)
{
    piece *at = (piece *)memory - 1;
    weir_assert(at->magic == MAGIC);
    at->magic = 0;
    memcpy(memory, &one->spare[at->class], sizeof(void *));
    one->spare[at->class] = at;
    one->live--;
}

void *__wrap_malloc(size_t bytes)
{
    return now ? take(now, bytes) : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    size_t all;
    if (now == NULL || __builtin_mul_overflow(count, bytes, &all))
        return __real_calloc(count, bytes);
    return memset(take(now, all), 0, all);
}

void __wrap_free(void *memory)
{
    region *one = region_of(memory);
    if (one != NULL)
        give(one, memory);
    else
        __real_free(memory);
}

void *__wrap_realloc(void *old, size_t bytes)
{
    region *one = region_of(old);
    if (one == NULL)
        return now && old == NULL ? take(now, bytes) : __real_realloc(old, bytes);
    const piece *at = (piece *)old - 1;
    if (class_of(bytes) == at->class) {
        ((piece *)old - 1)->bytes = bytes;
        return old;
    }
    void *fresh = take(one, bytes);
    memcpy(fresh, old, at->bytes < bytes ? at->bytes : bytes);
    give(one, old);
    return fresh;
}

void *sim_keep(size_t bytes)
{
    if (kept == NULL)
        reserve();
    bytes = (bytes + 15) & ~(size_t)15;
    weir_assert(kept_used + bytes <= KEEP_BYTES);
    void *at = kept + kept_used;
    kept_used += bytes;
    if (kept_used > kept_most)
        kept_most = kept_used;
    return at;
}

weir_str sim_keep_text(weir_str text)
{
    char *at = sim_keep(text.len + 1 + WEIR_RECORD_PAD);
    if (text.len > 0)
        memcpy(at, text.at, text.len);
    return (weir_str){at, text.len};
}

void sim_keep_clear(void)
{
    memset(kept, 0, kept_used);
    kept_used = 0;
}
