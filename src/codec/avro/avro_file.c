/* codec/avro_file: the container: header, blocks, sync markers.
 *
 *     header   "Obj" 1, map of metadata, sync marker
 *     block    long rows, long bytes, the bytes by the codec; the sync marker
 *
 * Gives      weir_avro_codec_name, weir_avro_header, weir_avro_block, weir_avro_join.
 * Always     1. a block of the codec snappy ends in the CRC-32 of what it expands to,
 *               big-endian, as the specification says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "avro/avro_writer.h"

#include <snappy-c.h>
#include <string.h>
#include <zlib.h>

const char *weir_avro_codec_name(weir_avro_codec codec)
{
    static const char *const names[] = {"null", "deflate", "snappy"};
    weir_assert(codec <= WEIR_AVRO_SNAPPY);
    return names[codec];
}

static void put_text(weir_buf *out, weir_str text)
{
    weir_buf_zigzag(out, (int64_t)text.len);
    weir_buf_str(out, text);
}

void weir_avro_header(weir_buf *out, weir_str schema, weir_avro_codec codec, weir_str token,
                      const uint8_t sync[WEIR_AVRO_SYNC_BYTES])
{
    weir_buf_add(out, "Obj\1", 4);
    weir_buf_zigzag(out, 3);
    put_text(out, WEIR_STR("avro.codec"));
    put_text(out, weir_str_of(weir_avro_codec_name(codec)));
    put_text(out, WEIR_STR("avro.schema"));
    put_text(out, schema);
    put_text(out, WEIR_STR("weir.token"));
    put_text(out, token);
    weir_buf_zigzag(out, 0);
    weir_buf_add(out, sync, WEIR_AVRO_SYNC_BYTES);
}

/* Raw deflate, without zlib's or gzip's frame. */
static void deflate_into(weir_buf *out, weir_str bytes)
{
    z_stream stream = {0};
    int      rc = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8,
                               Z_DEFAULT_STRATEGY);
    weir_assert(rc == Z_OK); /* only memory can lack */
    size_t most = deflateBound(&stream, (uLong)bytes.len);
    stream.next_in = (Bytef *)(uintptr_t)bytes.at;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = (Bytef *)weir_buf_more(out, most);
    stream.avail_out = (uInt)most;
    rc = deflate(&stream, Z_FINISH);
    weir_assert(rc == Z_STREAM_END);
    out->len += most - stream.avail_out;
    (void)deflateEnd(&stream);
}

static void snappy_into(weir_buf *out, weir_str bytes)
{
    size_t        len = snappy_max_compressed_length(bytes.len);
    char         *to = weir_buf_more(out, len);
    snappy_status status = snappy_compress(bytes.at, bytes.len, to, &len);
    weir_assert(status == SNAPPY_OK);
    out->len += len;
    uint32_t crc = (uint32_t)crc32(0, (const Bytef *)bytes.at, (uInt)bytes.len);
    for (int shift = 24; shift >= 0; shift -= 8)
        weir_buf_byte(out, (uint8_t)(crc >> shift));
}

void weir_avro_block(weir_buf *out, weir_avro_codec codec, uint64_t rows, weir_str encoded)
{
    weir_assert(rows > 0);
    weir_assert(encoded.len < 1u << 30);
    weir_buf_zigzag(out, (int64_t)rows);
    if (codec == WEIR_AVRO_NULL) {
        put_text(out, encoded);
        return;
    }
    weir_buf packed = {0};
    if (codec == WEIR_AVRO_DEFLATE)
        deflate_into(&packed, encoded);
    else
        snappy_into(&packed, encoded);
    put_text(out, weir_buf_view(&packed));
    weir_buf_done(&packed);
}

bool weir_avro_join(weir_buf *out, weir_str blocks,
                    const uint8_t sync[WEIR_AVRO_SYNC_BYTES])
{
    weir_reader reader = weir_reader_of(blocks);
    while (weir_reader_left(&reader) > 0) {
        const char *start = reader.at;
        int64_t     rows = weir_read_zigzag(&reader);
        int64_t     bytes = weir_read_zigzag(&reader);
        if (reader.bad || rows <= 0 || bytes < 0)
            return false;
        (void)weir_read_bytes(&reader, (size_t)bytes);
        if (reader.bad)
            return false;
        weir_buf_add(out, start, (size_t)(reader.at - start));
        weir_buf_add(out, sync, WEIR_AVRO_SYNC_BYTES);
    }
    return true;
}
