/* base/buf_read: reading bytes back, never past their end.
 *
 * Always     1. after the first bad read every read gives zeros and reads nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/buf.h"

#include <endian.h>
#include <string.h>

weir_reader weir_reader_of(weir_str bytes)
{
    const char *at = bytes.at != NULL ? bytes.at : "";
    return (weir_reader){.at = at, .end = at + bytes.len};
}

size_t weir_reader_left(const weir_reader *reader)
{
    return reader->bad ? 0 : (size_t)(reader->end - reader->at);
}

weir_str weir_read_bytes(weir_reader *reader, size_t len)
{
    if (len > weir_reader_left(reader))
        reader->bad = true;
    if (reader->bad) /* 1 */
        return (weir_str){"", 0};
    weir_str bytes = {reader->at, len};
    reader->at += len;
    return bytes;
}

/* Zeros when there are not as many. */
static inline void read_into(weir_reader *reader, void *to, size_t len)
{
    if (weir_reader_left(reader) < len) {
        reader->bad = true;
        memset(to, 0, len);
        return;
    }
    memcpy(to, reader->at, len);
    reader->at += len;
}

uint8_t weir_read_byte(weir_reader *reader)
{
    uint8_t value;
    read_into(reader, &value, sizeof value);
    return value;
}

uint16_t weir_read_u16(weir_reader *reader)
{
    uint16_t value;
    read_into(reader, &value, sizeof value);
    return le16toh(value);
}

uint32_t weir_read_u32(weir_reader *reader)
{
    uint32_t value;
    read_into(reader, &value, sizeof value);
    return le32toh(value);
}

uint64_t weir_read_u64(weir_reader *reader)
{
    uint64_t value;
    read_into(reader, &value, sizeof value);
    return le64toh(value);
}

uint64_t weir_read_varint(weir_reader *reader)
{
    if (!reader->bad && reader->at != reader->end && (uint8_t)*reader->at < 0x80)
        return (uint8_t)*reader->at++; /* most are one byte */
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = weir_read_byte(reader);
        if (shift == 63 && byte > 1)
            break; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return reader->bad ? 0 : value;
    }
    reader->bad = true;
    return 0;
}

int64_t weir_read_zigzag(weir_reader *reader)
{
    uint64_t bits = weir_read_varint(reader);
    return (int64_t)((bits >> 1) ^ (0 - (bits & 1)));
}

weir_str weir_read_blob(weir_reader *reader)
{
    uint64_t len = weir_read_varint(reader);
    if (len > weir_reader_left(reader))
        reader->bad = true;
    return weir_read_bytes(reader, reader->bad ? 0 : (size_t)len);
}
