/* state/slab: memory for entries of many sizes, freed all at once or piece by piece.
 *
 * Pieces of up to CLASS_MOST bytes come from chunks; one that is given back waits in the
 * list of its size class. Larger pieces are blocks of their own.
 *
 * Always     1. held is the sum of all chunks and large blocks, and the budget has it.
 *            2. a chunk belongs to its slab until weir_slab_done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/state.h"

#include "weir/arena.h"

#define STEP 16u            /* bytes between size classes */
#define CLASS_MOST 1024u    /* bytes of the largest class */
#define CHUNK_MOST 65536u   /* bytes; chunks double up to this */

typedef struct chunk {
    struct chunk *next;
    size_t        bytes;
} chunk;

typedef struct large {
    struct large *next, *before;
    size_t        bytes;
    size_t        unused; /* keeps what follows 16-byte aligned */
} large;

_Static_assert(sizeof(chunk) % STEP == 0, "pieces stay aligned");
_Static_assert(sizeof(large) % STEP == 0, "pieces stay aligned");

void weir_slab_init(weir_slab *slab, weir_budget *budget, size_t first_bytes)
{
    weir_assert(budget != NULL);
    weir_assert(first_bytes > 0);
    *slab = (weir_slab){.budget = budget, .next_bytes = first_bytes};
}

static void *new_block(weir_slab *slab, size_t bytes)
{
    weir_budget_force(slab->budget, bytes);
    slab->held += bytes;
    return weir_heap_new(1, bytes);
}

void weir_slab_done(weir_slab *slab)
{
    for (chunk *c = slab->chunks, *next; c != NULL; c = next) {
        next = c->next;
        weir_heap_free(c);
    }
    for (large *l = slab->large, *next; l != NULL; l = next) {
        next = l->next;
        weir_heap_free(l);
    }
    weir_budget_give(slab->budget, slab->held);
    weir_slab_init(slab, slab->budget, slab->next_bytes);
}

static size_t round_up(size_t bytes)
{
    return bytes == 0 ? STEP : (bytes + STEP - 1) / STEP * STEP;
}

static void *take_large(weir_slab *slab, size_t bytes)
{
    large *piece = new_block(slab, sizeof(large) + bytes);
    large *first = slab->large;
    *piece = (large){.next = first, .bytes = sizeof(large) + bytes};
    if (first != NULL)
        first->before = piece;
    slab->large = piece;
    return piece + 1;
}

static void new_chunk(weir_slab *slab, size_t least)
{
    size_t bytes = sizeof(chunk) + (slab->next_bytes > least ? slab->next_bytes : least);
    chunk *fresh = new_block(slab, round_up(bytes));
    fresh->next = slab->chunks;
    fresh->bytes = round_up(bytes);
    slab->chunks = fresh;
    slab->at = (char *)(fresh + 1);
    slab->end = (char *)fresh + fresh->bytes;
    if (slab->next_bytes < CHUNK_MOST)
        slab->next_bytes *= 2;
}

void *weir_slab_take(weir_slab *slab, size_t bytes)
{
    bytes = round_up(bytes);
    if (bytes > CLASS_MOST)
        return take_large(slab, bytes);
    void **list = slab->reuse != NULL ? &slab->reuse[bytes / STEP] : NULL;
    if (list != NULL && *list != NULL) {
        void *piece = *list;
        *list = *(void **)piece;
        return piece;
    }
    if ((size_t)(slab->end - slab->at) < bytes)
        new_chunk(slab, bytes);
    void *piece = slab->at;
    slab->at += bytes;
    return piece;
}

static void give_large(weir_slab *slab, void *piece, size_t bytes)
{
    large *block = (large *)piece - 1;
    weir_assert(block->bytes == sizeof(large) + bytes);
    if (block->before != NULL)
        block->before->next = block->next;
    else
        slab->large = block->next;
    if (block->next != NULL)
        block->next->before = block->before;
    slab->held -= block->bytes;
    weir_budget_give(slab->budget, block->bytes);
    weir_heap_free(block);
}

void weir_slab_give(weir_slab *slab, void *piece, size_t bytes)
{
    if (piece == NULL)
        return;
    bytes = round_up(bytes);
    if (bytes > CLASS_MOST) {
        give_large(slab, piece, bytes);
        return;
    }
    if (slab->reuse == NULL) {
        size_t lists = CLASS_MOST / STEP + 1;
        slab->reuse = weir_slab_take(slab, sizeof(void *) * lists);
        for (size_t i = 0; i < lists; i++)
            slab->reuse[i] = NULL;
    }
    *(void **)piece = slab->reuse[bytes / STEP];
    slab->reuse[bytes / STEP] = piece;
}
