/* sink/s3_payload: recipes of the files that roll, and the table of the open ones.
 *
 *     payload   version 1
 *               varint formats, each: codec, blob schema
 *               varint files, each: blob key, u64 size, 32 bytes SHA-256, blob token,
 *                 blob header, references of its blocks
 *               varint open files, each: blob folder, varint format, varint rows,
 *                 varint blocks, u64 watermark, references of its blocks, varint open rows,
 *                 references of the open block's bytes
 *     references  varint count, each as weir_stage_refer writes it
 *
 * Gives      s3_payload_write, s3_payload_read.
 * Always     1. what is read is checked before it is used: CORRUPT otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <string.h>

#define S3_PAYLOAD_VERSION 1
#define S3_FORMATS_MAX 64u

static void write_refs(weir_buf *out, const s3_refs *refs, weir_stage *stage)
{
    weir_buf_varint(out, refs->count);
    for (uint32_t i = 0; i < refs->count; i++)
        weir_stage_refer(stage, &refs->at[i], out);
}

static void write_recipe(weir_buf *out, const s3_recipe *recipe, weir_stage *stage)
{
    weir_buf_blob(out, recipe->key);
    weir_buf_u64(out, recipe->size);
    weir_buf_add(out, recipe->sha.at, WEIR_SHA256_BYTES);
    weir_buf_blob(out, recipe->token);
    weir_buf_blob(out, weir_buf_view(&recipe->header));
    write_refs(out, &recipe->file->now.block_refs, stage);
}

static void write_open(weir_buf *out, const s3_file *file, weir_stage *stage)
{
    weir_buf_blob(out, file->folder);
    weir_buf_varint(out, 0); /* the format: see s3_payload_write */
    weir_buf_varint(out, file->now.rows);
    weir_buf_varint(out, file->now.block_count);
    weir_buf_u64(out, (uint64_t)file->now.watermark_us);
    write_refs(out, &file->now.block_refs, stage);
    weir_buf_varint(out, file->now.open_rows);
    write_refs(out, &file->now.open_refs, stage);
}

void s3_payload_write(const s3_sink *self, weir_stage *stage, weir_buf *out)
{
    weir_buf_byte(out, S3_PAYLOAD_VERSION);
    weir_buf_varint(out, 1); /* files of other formats have rolled */
    weir_buf_byte(out, (uint8_t)self->format->codec);
    weir_buf_blob(out, self->format->schema);
    weir_buf_varint(out, self->recipes);
    for (uint32_t i = 0; i < self->recipes; i++) {
        const s3_recipe *recipe = &self->recipe[i];
        write_recipe(out, recipe, stage);
        weir_stage_file(stage, recipe->key, recipe->file->now.rows, recipe->size);
    }
    weir_buf_varint(out, self->opens);
    for (uint32_t i = 0; i < self->opens; i++)
        write_open(out, self->open[i], stage);
}

static weir_code damaged(weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the payload of a file sink is damaged");
}

static bool read_refs(weir_reader *reader, s3_refs *out)
{
    uint64_t count = weir_read_varint(reader);
    if (reader->bad || count > weir_reader_left(reader))
        return false;
    for (uint64_t i = 0; i < count; i++) {
        weir_blob_ref ref;
        if (!weir_blob_ref_read(reader, &ref))
            return false;
        s3_refs_add(out, &ref);
    }
    return true;
}

static bool read_formats(s3_sink *self, weir_reader *reader, s3_format **out,
                         uint64_t *count)
{
    *count = weir_read_varint(reader);
    if (reader->bad || *count > S3_FORMATS_MAX)
        return false;
    *out = WEIR_ARRAY(self->job, s3_format, *count + 1);
    for (uint64_t i = 0; i < *count; i++) {
        uint8_t codec = weir_read_byte(reader);
        if (codec > WEIR_AVRO_SNAPPY)
            return false;
        (*out)[i].codec = (weir_avro_codec)codec;
        (*out)[i].schema = weir_str_copy(self->job, weir_read_blob(reader));
    }
    return !reader->bad;
}

static bool read_recipe(s3_sink *self, weir_reader *reader)
{
    s3_recipe *recipe = s3_recipe_add(self);
    recipe->key = weir_str_copy(self->epoch, weir_read_blob(reader));
    recipe->size = weir_read_u64(reader);
    weir_str sha = weir_read_bytes(reader, WEIR_SHA256_BYTES);
    if (reader->bad)
        return false;
    memcpy(recipe->sha.at, sha.at, WEIR_SHA256_BYTES);
    recipe->token = weir_str_copy(self->epoch, weir_read_blob(reader));
    weir_buf_str(&recipe->header, weir_read_blob(reader));
    return !reader->bad && recipe->header.len > WEIR_AVRO_SYNC_BYTES &&
           read_refs(reader, &recipe->refs);
}

static bool read_open(s3_sink *self, weir_reader *reader, const s3_format *formats,
                      uint64_t count)
{
    weir_str folder = weir_read_blob(reader);
    uint64_t format = weir_read_varint(reader);
    if (reader->bad || format >= count ||
        (self->opens > 0 && weir_str_cmp(self->open[self->opens - 1]->folder, folder) >= 0))
        return false;
    s3_file *file = s3_file_new(folder, &formats[format]);
    s3_open_insert(self, file);
    file->now.rows = weir_read_varint(reader);
    file->now.block_count = weir_read_varint(reader);
    file->now.watermark_us = (int64_t)weir_read_u64(reader);
    if (!read_refs(reader, &file->now.block_refs))
        return false;
    file->now.open_rows = weir_read_varint(reader);
    return read_refs(reader, &file->now.open_refs);
}

weir_code s3_payload_read(s3_sink *self, weir_str payload, weir_err *err)
{
    weir_reader reader = weir_reader_of(payload);
    s3_format  *formats = NULL;
    uint64_t    count = 0;
    if (weir_read_byte(&reader) != S3_PAYLOAD_VERSION ||
        !read_formats(self, &reader, &formats, &count))
        return damaged(err);
    uint64_t files = weir_read_varint(&reader);
    for (uint64_t i = 0; i < files; i++)
        if (!read_recipe(self, &reader))
            return damaged(err);
    uint64_t opens = weir_read_varint(&reader);
    for (uint64_t i = 0; i < opens; i++)
        if (!read_open(self, &reader, formats, count))
            return damaged(err);
    return reader.bad || weir_reader_left(&reader) > 0 ? damaged(err) : WEIR_OK;
}
