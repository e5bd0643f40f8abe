/* source/source_block: a block whose bytes are one buffer of its own.
 *
 * Gives      source_block_new, source_block_take_headers.
 * Owns       the text, the records and their headers, until the block is released.
 * Threads    a block may be released by another thread than the one that made it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOURCE_BLOCK_H
#define SOURCE_BLOCK_H

#include "weir/buf.h"
#include "weir/record.h"

/* Makes a block of `records` zeroed records. `text` is taken (freed with weir_heap_free);
   it has WEIR_RECORD_PAD bytes behind what records point at. Both may be empty. */
weir_block *source_block_new(uint32_t partition, uint32_t records, char *text, size_t bytes);

/* Gives the block an array of headers, which it then owns; the records point into it. */
void source_block_take_headers(weir_block *block, weir_header *header, uint32_t count);

#endif
