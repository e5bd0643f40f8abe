/* source/source_block: a block whose bytes are one buffer of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "source_block.h"

#include "weir/arena.h"
#include "weir/error.h"

typedef struct source_block {
    weir_block   base;
    char        *text;
    weir_header *header;
} source_block;

static void release(weir_block *block)
{
    weir_assert(block->release == release);
    source_block *self = (source_block *)block;
    block->release = NULL; /* a second release stops here */
    weir_heap_free(self->text);
    weir_heap_free(self->header);
    weir_heap_free(block->record);
    weir_heap_free(self);
}

weir_block *source_block_new(uint32_t partition, uint32_t records, char *text, size_t bytes)
{
    weir_assert(bytes == 0 || text != NULL);
    source_block *self = weir_heap_new(1, sizeof *self);
    self->text = text;
    self->base.partition = partition;
    self->base.records = records;
    if (records > 0)
        self->base.record = weir_heap_new(records, sizeof(weir_record));
    self->base.bytes = sizeof *self + bytes + records * sizeof(weir_record);
    self->base.release = release;
    return &self->base;
}

void source_block_take_headers(weir_block *block, weir_header *header, uint32_t count)
{
    weir_assert(block->release == release);
    source_block *self = (source_block *)block;
    weir_assert(self->header == NULL);
    self->header = header;
    block->bytes += count * sizeof *header;
}
