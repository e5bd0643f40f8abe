/* base/buf: bytes that grow.
 *
 * Always     1. len <= room, and at is NULL only while room == 0.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/buf.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "weir/arena.h"
#include "weir/error.h"

#define ROOM_LEAST ((size_t)64)

void weir_buf_done(weir_buf *buf)
{
    if (buf == NULL)
        return;
    weir_heap_free(buf->at);
    *buf = (weir_buf){0};
}

void weir_buf_clear(weir_buf *buf)
{
    buf->len = 0;
}

/* Apart from weir_buf_more, so that the usual way through that is short. */
static __attribute__((noinline)) void grow(weir_buf *buf, size_t bytes)
{
    size_t need;
    bool   overflow = __builtin_add_overflow(buf->len, bytes, &need);
    weir_assert(!overflow);
    size_t room = buf->room < ROOM_LEAST ? ROOM_LEAST : buf->room;
    while (room < need && room <= SIZE_MAX / 2)
        room *= 2;
    if (room < need)
        room = need;
    weir_buf_reserve(buf, room);
}

void weir_buf_reserve(weir_buf *buf, size_t room)
{
    if (room > buf->room) {
        buf->at = weir_heap_more(buf->at, room);
        buf->room = room;
    }
    weir_assert(buf->len <= buf->room); /* 1 */
}

char *weir_buf_more(weir_buf *buf, size_t bytes)
{
    if (buf->room - buf->len < bytes || buf->at == NULL)
        grow(buf, bytes);
    return buf->at + buf->len;
}

void weir_buf_add(weir_buf *buf, const void *bytes, size_t len)
{
    char *at = weir_buf_more(buf, len);
    if (len > 0)
        memcpy(at, bytes, len);
    buf->len += len;
}

void weir_buf_str(weir_buf *buf, weir_str text)
{
    weir_buf_add(buf, text.at, text.len);
}

void weir_buf_text(weir_buf *buf, const char *text)
{
    weir_buf_add(buf, text, strlen(text));
}

void weir_buf_format(weir_buf *buf, const char *format, ...)
{
    va_list list;
    va_list again;
    va_start(list, format);
    va_copy(again, list);
    char *at = weir_buf_more(buf, ROOM_LEAST);
    int   len = vsnprintf(at, buf->room - buf->len, format, list);
    va_end(list);
    weir_assert(len >= 0);
    if ((size_t)len >= buf->room - buf->len) {
        at = weir_buf_more(buf, (size_t)len + 1);
        (void)vsnprintf(at, (size_t)len + 1, format, again); /* now it fits */
    }
    va_end(again);
    buf->len += (size_t)len;
}

void weir_buf_byte(weir_buf *buf, uint8_t value)
{
    *weir_buf_more(buf, 1) = (char)value;
    buf->len++;
}

void weir_buf_u16(weir_buf *buf, uint16_t value)
{
    uint16_t little = htole16(value);
    weir_buf_add(buf, &little, sizeof little);
}

void weir_buf_u32(weir_buf *buf, uint32_t value)
{
    uint32_t little = htole32(value);
    weir_buf_add(buf, &little, sizeof little);
}

void weir_buf_u64(weir_buf *buf, uint64_t value)
{
    uint64_t little = htole64(value);
    weir_buf_add(buf, &little, sizeof little);
}

void weir_buf_varint(weir_buf *buf, uint64_t value)
{
    char  *at = weir_buf_more(buf, 10);
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        at[n++] = (char)(uint8_t)(value | 0x80);
    at[n++] = (char)(uint8_t)value;
    buf->len += n;
}

void weir_buf_zigzag(weir_buf *buf, int64_t value)
{
    uint64_t bits = (uint64_t)value << 1;
    weir_buf_varint(buf, value < 0 ? ~bits : bits);
}

void weir_buf_blob(weir_buf *buf, weir_str bytes)
{
    weir_buf_varint(buf, bytes.len);
    weir_buf_str(buf, bytes);
}

weir_str weir_buf_view(const weir_buf *buf)
{
    return (weir_str){buf->at != NULL ? buf->at : "", buf->len};
}
