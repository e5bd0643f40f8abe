/* weir/buf: bytes that grow, and reading them back with bounds.
 *
 * A zeroed weir_buf is an empty one. The owner calls weir_buf_done. Writers never fail
 * (memory as in arena.h); limits on size are the caller's. Integers are little-endian.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_BUF_H
#define WEIR_BUF_H

#include "weir/str.h"

typedef struct weir_buf {
    char  *at;
    size_t len;
    size_t room;
} weir_buf;

void  weir_buf_done(weir_buf *buf); /* frees; buf is empty and usable again */
void  weir_buf_clear(weir_buf *buf); /* len = 0, keeps the room */
char *weir_buf_more(weir_buf *buf, size_t bytes); /* room for bytes at the end, len as is */
void  weir_buf_reserve(weir_buf *buf, size_t room); /* room for that many bytes in all */
void  weir_buf_add(weir_buf *buf, const void *bytes, size_t len);
void  weir_buf_str(weir_buf *buf, weir_str text);
void  weir_buf_text(weir_buf *buf, const char *text);
void  weir_buf_format(weir_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void  weir_buf_byte(weir_buf *buf, uint8_t value);
void  weir_buf_u16(weir_buf *buf, uint16_t value);
void  weir_buf_u32(weir_buf *buf, uint32_t value);
void  weir_buf_u64(weir_buf *buf, uint64_t value);
void  weir_buf_varint(weir_buf *buf, uint64_t value); /* LEB128 */
void  weir_buf_zigzag(weir_buf *buf, int64_t value);  /* Avro's long */
void  weir_buf_blob(weir_buf *buf, weir_str bytes);   /* varint length, then the bytes */
weir_str weir_buf_view(const weir_buf *buf);

/* Reads from front to back. Any read past the end sets `bad` and gives zeros from then
   on, so a decoder checks once, at the end or before it allocates by a length. */
typedef struct weir_reader {
    const char *at;
    const char *end;
    bool        bad;
} weir_reader;

weir_reader weir_reader_of(weir_str bytes);
size_t      weir_reader_left(const weir_reader *reader);
uint8_t     weir_read_byte(weir_reader *reader);
uint16_t    weir_read_u16(weir_reader *reader);
uint32_t    weir_read_u32(weir_reader *reader);
uint64_t    weir_read_u64(weir_reader *reader);
uint64_t    weir_read_varint(weir_reader *reader);
int64_t     weir_read_zigzag(weir_reader *reader);
weir_str    weir_read_blob(weir_reader *reader); /* a view into the reader's bytes */
weir_str    weir_read_bytes(weir_reader *reader, size_t len);

/* JSON text (RFC 8259): appends "text" with quotes and escapes; invalid UTF-8 bytes
   become U+FFFD. */
void weir_buf_json_text(weir_buf *buf, weir_str text);
void weir_buf_hex(weir_buf *buf, const void *bytes, size_t len);
void weir_buf_base64(weir_buf *buf, const void *bytes, size_t len);
/* Standard and URL-safe alphabets, with or without padding; false when it is neither. */
bool weir_buf_unbase64(weir_buf *buf, weir_str text);

#endif
