/* sink/s3_file: one open file: blocks, the block being filled, and where they are stored.
 *
 * Gives      s3_file_new, s3_file_free, s3_file_touch, s3_file_undo, s3_file_keep,
 *            s3_file_close_block, s3_file_store, s3_file_bytes, s3_refs_add, s3_refs_done.
 * Always     1. blocks and open hold every row of the file; after store the references hold
 *               every byte of both, too.
 *            2. undo gives back exactly what was there at touch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <string.h>

/* Stored pieces of the open block; more are stored as one. */
#define S3_OPEN_PIECES WEIR_LIMIT(32u, 2u)

s3_file *s3_file_new(weir_str folder, const s3_format *format)
{
    s3_file *file = weir_heap_new(1, sizeof *file);
    char    *name = weir_heap_new(folder.len + 1, 1);
    memcpy(name, folder.at, folder.len);
    file->folder = (weir_str){name, folder.len};
    file->format = format;
    file->now.watermark_us = INT64_MIN;
    file->now.used_us = INT64_MIN;
    return file;
}

static void progress_done(s3_progress *progress)
{
    s3_refs_done(&progress->block_refs);
    s3_refs_done(&progress->open_refs);
    weir_buf_done(&progress->open);
    *progress = (s3_progress){0};
}

void s3_file_free(s3_file *file)
{
    if (file == NULL)
        return;
    progress_done(&file->now);
    progress_done(&file->before);
    weir_buf_done(&file->blocks);
    weir_heap_free((void *)(uintptr_t)file->folder.at);
    weir_heap_free(file);
}

void s3_refs_add(s3_refs *refs, const weir_blob_ref *ref)
{
    if (refs->count == refs->room) {
        uint32_t room = refs->room == 0 ? 4 : refs->room * 2;
        refs->at = weir_heap_grow(refs->at, refs->room, room, sizeof *refs->at);
        refs->room = room;
    }
    refs->at[refs->count++] = *ref;
}

void s3_refs_done(s3_refs *refs)
{
    weir_heap_free(refs->at);
    *refs = (s3_refs){0};
}

static s3_refs refs_copy(const s3_refs *refs)
{
    s3_refs copy = {0};
    for (uint32_t i = 0; i < refs->count; i++)
        s3_refs_add(&copy, &refs->at[i]);
    return copy;
}

void s3_file_touch(s3_file *file)
{
    if (file->touched)
        return;
    file->before = file->now;
    file->before.block_refs = refs_copy(&file->now.block_refs);
    file->before.open_refs = refs_copy(&file->now.open_refs);
    file->before.open = (weir_buf){0};
    weir_buf_str(&file->before.open, weir_buf_view(&file->now.open));
    file->blocks_before = file->blocks.len;
    file->touched = true;
}

void s3_file_undo(s3_file *file)
{
    if (!file->touched)
        return;
    progress_done(&file->now);
    file->now = file->before;
    file->before = (s3_progress){0};
    file->blocks.len = file->blocks_before;
    file->touched = false;
}

void s3_file_keep(s3_file *file)
{
    progress_done(&file->before);
    file->touched = false;
    file->fresh = false;
}

void s3_file_close_block(s3_file *file)
{
    weir_assert(file->touched);
    if (file->now.open_rows == 0)
        return;
    weir_avro_block(&file->blocks, file->format->codec, file->now.open_rows,
                    weir_buf_view(&file->now.open));
    file->now.block_count++;
    weir_buf_clear(&file->now.open);
    file->now.open_rows = 0;
    file->now.open_stored = 0;
    file->now.open_refs.count = 0;
}

static void store_piece(const weir_buf *from, size_t *stored, s3_refs *refs, bool compress,
                        weir_stage *stage)
{
    if (from->len == *stored)
        return;
    weir_blob_ref ref;
    weir_stage_blob(stage, (weir_str){from->at + *stored, from->len - *stored}, compress,
                    &ref);
    s3_refs_add(refs, &ref);
    *stored = from->len;
}

void s3_file_store(s3_file *file, bool rolled, weir_stage *stage)
{
    if (!file->touched)
        return;
    store_piece(&file->blocks, &file->now.stored, &file->now.block_refs,
                file->format->codec == WEIR_AVRO_NULL, stage);
    if (rolled) {
        weir_assert(file->now.open_rows == 0);
        return;
    }
    if (file->now.open_refs.count >= S3_OPEN_PIECES &&
        file->now.open_stored < file->now.open.len) {
        file->now.open_refs.count = 0;
        file->now.open_stored = 0;
    }
    store_piece(&file->now.open, &file->now.open_stored, &file->now.open_refs, true, stage);
    weir_assert(file->now.stored == file->blocks.len); /* 1 */
    weir_assert(file->now.open_stored == file->now.open.len);
}

uint64_t s3_file_bytes(const s3_file *file)
{
    return file->format->schema.len + 256 + file->blocks.len +
           (file->now.block_count + 1) * WEIR_AVRO_SYNC_BYTES + file->now.open.len;
}
