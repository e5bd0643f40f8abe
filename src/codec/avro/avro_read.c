/* codec/avro_read: rows out of files, blocks and open blocks that a writer made.
 *
 * Gives      weir_avro_read_file, weir_avro_read_blocks, weir_avro_read_rows.
 * Always     1. nothing is believed: lengths are checked against what is left, and a block
 *               expands to AVRO_BLOCK_MAX at most.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "avro/avro_writer.h"

#include <snappy-c.h>
#include <string.h>
#include <zlib.h>

#define AVRO_BLOCK_MAX (64u << 20) /* bytes of a block's rows */
#define AVRO_MADE_MAX 16u          /* entries of a header's metadata */

static weir_code damaged(const char *what, weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT, "an Avro file is damaged: %s",
                     what);
}

static weir_str read_text(weir_reader *reader)
{
    int64_t len = weir_read_zigzag(reader);
    if (len < 0 || (uint64_t)len > weir_reader_left(reader)) {
        reader->bad = true;
        return (weir_str){0};
    }
    return len == 0 ? WEIR_STR("") : weir_read_bytes(reader, (size_t)len);
}

static void read_decimal(weir_reader *reader, weir_datum *out)
{
    weir_str bytes = read_text(reader);
    if (reader->bad || bytes.len == 0 || bytes.len > 16) {
        reader->bad = true;
        return;
    }
    unsigned __int128 value = (uint8_t)bytes.at[0] & 0x80 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | (uint8_t)bytes.at[i];
    out->i128 = (weir_i128)value;
}

static void read_number_text(weir_reader *reader, weir_datum *out)
{
    weir_str text = read_text(reader);
    int      scale = 0;
    if (reader->bad || !weir_numeric_parse(text, &out->i128, &scale))
        reader->bad = true;
    out->scale = (uint8_t)scale;
}

static void read_value(weir_reader *reader, const avro_field *field, weir_datum *out)
{
    weir_str bytes;
    float    single;
    switch (field->form) {
    case AVRO_BOOLEAN:
        out->boolean = weir_read_byte(reader) != 0;
        return;
    case AVRO_LONG:
        if (__builtin_mul_overflow(weir_read_zigzag(reader), field->unit, &out->i64))
            reader->bad = true;
        return;
    case AVRO_FLOAT:
        bytes = weir_read_bytes(reader, sizeof single);
        if (!reader->bad)
            memcpy(&single, bytes.at, sizeof single);
        out->f64 = reader->bad ? 0 : (double)single;
        return;
    case AVRO_DOUBLE:
        bytes = weir_read_bytes(reader, sizeof out->f64);
        if (!reader->bad)
            memcpy(&out->f64, bytes.at, sizeof out->f64);
        return;
    case AVRO_DECIMAL:
        out->scale = field->type.scale;
        read_decimal(reader, out);
        return;
    case AVRO_BYTES:
        out->text = read_text(reader);
        return;
    case AVRO_TEXT:
        read_number_text(reader, out);
        return;
    }
}

static weir_code read_row(const weir_avro_reading *reading, weir_reader *reader,
                          weir_datum *value, weir_err *err)
{
    const weir_avro_writer *writer = reading->writer;
    for (uint32_t f = 0; f < writer->fields; f++) {
        const avro_field *field = &writer->field[f];
        weir_datum       *to = &value[field->column];
        *to = (weir_datum){0};
        if (field->nullable) {
            int64_t branch = weir_read_zigzag(reader);
            reader->bad |= branch != 0 && branch != 1;
            to->null = branch == 0;
        }
        if (!to->null)
            read_value(reader, field, to);
    }
    weir_str op = writer->with_op ? read_text(reader) : WEIR_STR("");
    return reader->bad ? damaged("a row is cut short", err)
                       : reading->fn(reading->self, value, op, err);
}

weir_code weir_avro_read_rows(const weir_avro_reading *reading, uint64_t rows,
                              weir_str encoded, weir_err *err)
{
    weir_reader reader = weir_reader_of(encoded);
    weir_code   rc = WEIR_OK;
    weir_datum *value = weir_heap_new(reading->writer->columns + 1, sizeof *value);
    for (uint32_t c = 0; c < reading->writer->columns; c++)
        value[c].null = true;
    for (uint64_t i = 0; rc == WEIR_OK && i < rows; i++)
        rc = read_row(reading, &reader, value, err);
    if (rc == WEIR_OK && weir_reader_left(&reader) > 0)
        rc = damaged("there is more behind a block's last row", err);
    weir_heap_free(value);
    return rc;
}

static bool inflate_into(weir_buf *out, weir_str packed)
{
    z_stream stream = {0};
    int      rc = inflateInit2(&stream, -15);
    weir_assert(rc == Z_OK); /* only memory can lack */
    stream.next_in = (Bytef *)(uintptr_t)packed.at;
    stream.avail_in = (uInt)packed.len;
    while (rc == Z_OK && out->len <= AVRO_BLOCK_MAX) { /* 1 */
        const size_t piece = 256 << 10;
        stream.next_out = (Bytef *)weir_buf_more(out, piece);
        stream.avail_out = (uInt)piece;
        rc = inflate(&stream, Z_NO_FLUSH);
        out->len += piece - stream.avail_out;
    }
    bool whole = rc == Z_STREAM_END && stream.avail_in == 0 && out->len <= AVRO_BLOCK_MAX;
    (void)inflateEnd(&stream);
    return whole;
}

static bool unsnappy_into(weir_buf *out, weir_str packed)
{
    size_t len = 0;
    if (packed.len < 4)
        return false;
    const char *end = packed.at + packed.len - 4;
    if (snappy_uncompressed_length(packed.at, packed.len - 4, &len) != SNAPPY_OK ||
        len > AVRO_BLOCK_MAX) /* 1 */
        return false;
    char *to = weir_buf_more(out, len + 1);
    if (snappy_uncompress(packed.at, packed.len - 4, to, &len) != SNAPPY_OK)
        return false;
    out->len += len;
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)to, (uInt)len), stored = 0;
    for (int i = 0; i < 4; i++)
        stored = stored << 8 | (uint8_t)end[i];
    return crc == stored;
}

static weir_code read_block(const weir_avro_reading *reading, weir_avro_codec codec,
                            weir_reader *reader, weir_err *err)
{
    int64_t  rows = weir_read_zigzag(reader);
    weir_str packed = read_text(reader);
    if (reader->bad || rows <= 0)
        return damaged("a block is cut short", err);
    if (codec == WEIR_AVRO_NULL)
        return weir_avro_read_rows(reading, (uint64_t)rows, packed, err);
    weir_buf  raw = {0};
    bool      good = codec == WEIR_AVRO_DEFLATE ? inflate_into(&raw, packed)
                                                : unsnappy_into(&raw, packed);
    weir_code rc =
        good ? weir_avro_read_rows(reading, (uint64_t)rows, weir_buf_view(&raw), err)
             : damaged("a block does not expand", err);
    weir_buf_done(&raw);
    return rc;
}

weir_code weir_avro_read_blocks(const weir_avro_reading *reading, weir_avro_codec codec,
                                weir_str blocks, weir_err *err)
{
    weir_reader reader = weir_reader_of(blocks);
    weir_code   rc = WEIR_OK;
    while (rc == WEIR_OK && weir_reader_left(&reader) > 0)
        rc = read_block(reading, codec, &reader, err);
    return rc;
}

static bool codec_named(weir_str name, weir_avro_codec *out)
{
    for (int i = WEIR_AVRO_NULL; i <= WEIR_AVRO_SNAPPY; i++)
        if (weir_str_is(name, weir_avro_codec_name((weir_avro_codec)i))) {
            *out = (weir_avro_codec)i;
            return true;
        }
    return false;
}

static weir_code read_header(weir_reader *reader, weir_str *out_schema, weir_str *out_codec,
                             weir_err *err)
{
    weir_str magic = weir_read_bytes(reader, 4);
    if (reader->bad || memcmp(magic.at, "Obj\1", 4) != 0)
        return damaged("it does not begin as one", err);
    int64_t entries = weir_read_zigzag(reader);
    if (entries <= 0 || entries > AVRO_MADE_MAX)
        return damaged("its header cannot be read", err);
    for (int64_t i = 0; i < entries; i++) {
        weir_str name = read_text(reader), value = read_text(reader);
        if (reader->bad)
            break;
        if (weir_str_is(name, "avro.schema"))
            *out_schema = value;
        if (weir_str_is(name, "avro.codec"))
            *out_codec = value;
    }
    if (weir_read_zigzag(reader) != 0 || reader->bad)
        return damaged("its header cannot be read", err);
    return WEIR_OK;
}

weir_code weir_avro_read_file(const weir_avro_reading *reading, weir_str file,
                              weir_err *err)
{
    weir_reader     reader = weir_reader_of(file);
    weir_str        schema = {0}, name = WEIR_STR("null");
    weir_avro_codec codec = WEIR_AVRO_NULL;
    weir_code       rc = read_header(&reader, &schema, &name, err);
    if (rc != WEIR_OK)
        return rc;
    if (!weir_str_eq(schema, weir_avro_schema(reading->writer)) ||
        !codec_named(name, &codec))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "an Avro file has other columns than the table, or another codec");
    weir_str sync = weir_read_bytes(&reader, WEIR_AVRO_SYNC_BYTES);
    while (rc == WEIR_OK && !reader.bad && weir_reader_left(&reader) > 0) {
        rc = read_block(reading, codec, &reader, err);
        weir_str mark = weir_read_bytes(&reader, WEIR_AVRO_SYNC_BYTES);
        if (rc == WEIR_OK && (reader.bad || !weir_str_eq(mark, sync)))
            rc = damaged("a sync marker is not its own", err);
    }
    return rc == WEIR_OK && reader.bad ? damaged("it is cut short", err) : rc;
}
