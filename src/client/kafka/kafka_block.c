/* client/kafka/kafka_block: messages of one partition as a block, without copying them.
 *
 * Keys and values stay where the library put them: in the receive buffer or in the buffer that
 * a batch was decompressed into. Behind a record lie the next one's bytes, but behind the last
 * one of a buffer there may be nothing. Whether WEIR_RECORD_PAD bytes can be read is decided by
 * their page: memory is readable by pages, and the page of the last byte is. So bytes are
 * copied only when the pad reaches into another page (64 in 4096) and always under the address
 * sanitizer, which knows smaller units.
 *
 * Threads    a block may be released by any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_block.h"

#include <string.h>

#define PAGE 4096u /* the least of all platforms */

#if defined(__SANITIZE_ADDRESS__)
#define ALWAYS_COPY true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ALWAYS_COPY true
#endif
#endif
#ifndef ALWAYS_COPY
#define ALWAYS_COPY false
#endif

static const char nothing[WEIR_RECORD_PAD + 1];

static void release(weir_block *block)
{
    weir_assert(block->release == release);
    kafka_block *self = (kafka_block *)block;
    weir_kafka *owner = self->owner;
    block->release = NULL; /* a second release stops here */
    for (uint32_t i = 0; i < block->records; i++)
        rd_kafka_message_destroy(self->message[i]);
    for (kafka_padded *one = self->padded, *next; one; one = next) {
        next = one->next;
        weir_heap_free(one);
    }
    weir_heap_free(self->message);
    weir_heap_free(self->header);
    weir_heap_free(block->record);
    weir_heap_free(self);
    atomic_fetch_sub(&owner->blocks, 1); /* last: then the owner may be closed */
}

kafka_block *kafka_block_new(weir_kafka *owner, uint32_t partition, uint32_t room)
{
    kafka_block *block = weir_heap_new(1, sizeof *block);
    block->owner = owner;
    block->room = room;
    block->base.partition = partition;
    block->base.release = release;
    block->base.bytes = sizeof *block;
    if (room > 0) {
        block->base.record = weir_heap_new(room, sizeof *block->base.record);
        block->message = weir_heap_new(room, sizeof *block->message);
        block->base.bytes += room * (sizeof *block->base.record + sizeof *block->message);
    }
    atomic_fetch_add(&owner->blocks, 1);
    return block;
}

static bool readable_behind(const char *at, size_t len)
{
    uintptr_t last = (uintptr_t)at + len - 1;
    return !ALWAYS_COPY && last / PAGE == (last + WEIR_RECORD_PAD) / PAGE;
}

static weir_str padded(kafka_block *block, const void *at, size_t len)
{
    if (!at)
        return (weir_str){0};
    if (len == 0)
        return (weir_str){nothing, 0};
    if (readable_behind(at, len))
        return (weir_str){at, len};
    kafka_padded *copy = weir_heap_new(1, sizeof *copy + len + WEIR_RECORD_PAD);
    copy->next = block->padded;
    block->padded = copy;
    block->base.bytes += len + WEIR_RECORD_PAD;
    memcpy(copy->at, at, len);
    return (weir_str){copy->at, len};
}

static weir_header *one_more_header(kafka_block *block)
{
    if (block->headers == block->headers_room) {
        uint32_t room = block->headers_room ? block->headers_room * 2 : 64;
        block->header = weir_heap_grow(block->header, block->headers_room, room,
                                       sizeof *block->header);
        block->base.bytes += (room - block->headers_room) * sizeof *block->header;
        block->headers_room = room;
    }
    return &block->header[block->headers++];
}

/* Until the block is settled, the first header is kept as its number: the array moves. */
static void add_headers(kafka_block *block, weir_record *record,
                        const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *all = NULL;
    const char *name = NULL;
    const void *value = NULL;
    size_t len = 0;
    record->header = (const weir_header *)(uintptr_t)block->headers;
    if (rd_kafka_message_headers(message, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    while (rd_kafka_header_get_all(all, record->headers, &name, &value, &len) ==
           RD_KAFKA_RESP_ERR_NO_ERROR) {
        *one_more_header(block) = (weir_header){weir_str_of(name), {value, len}};
        record->headers++;
    }
}

void kafka_block_add(kafka_block *block, rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    weir_assert(block->base.records < block->room);
    uint32_t at = block->base.records++;
    weir_record *record = &block->base.record[at];
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &type);
    block->message[at] = message;
    record->offset = message->offset;
    record->timestamp_us = timestamp_ms < 0 ? INT64_MIN : timestamp_ms * 1000;
    record->key = padded(block, message->key, message->key_len);
    record->value = padded(block, message->payload, message->len);
    if (block->owner->headers)
        add_headers(block, record, message);
    block->base.bytes += message->len + message->key_len;
    block->base.next_offset = message->offset + 1;
    block->base.at_end = false;
}

void kafka_block_settle(kafka_block *block)
{
    for (uint32_t i = 0; i < block->base.records; i++) {
        weir_record *record = &block->base.record[i];
        record->header = record->headers ? block->header + (uintptr_t)record->header : NULL;
    }
}
