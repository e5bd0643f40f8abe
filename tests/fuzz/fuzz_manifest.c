/* fuzz/manifest: records of the checkpoint log, and references to blobs.
 *
 * What is accepted must say the same when it is written again. Because a digest guards the
 * record, the input is also tried with its digest and length set right, so that what lies
 * behind them is reached.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/checkpoint_log.h"
#include "weir/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const checkpoint_record *record)
{
    weir_buf          bytes = {0};
    weir_arena       *arena = weir_arena_new("fuzz", 4096);
    checkpoint_record copy = *record, got;
    record_write(&bytes, &copy);
    const char *fault = record_read(weir_buf_view(&bytes), arena, &got);
    weir_assert(fault == NULL);
    weir_assert(got.gen == record->gen);
    weir_assert(got.epoch == record->epoch);
    weir_assert(got.sections == record->sections);
    for (uint32_t i = 0; i < got.sections; i++)
        weir_assert(weir_str_eq(got.section[i].bytes, record->section[i].bytes));
    weir_arena_free(arena);
    weir_buf_done(&bytes);
}

static void try_record(weir_str bytes)
{
    weir_arena       *arena = weir_arena_new("fuzz", 4096);
    checkpoint_record record;
    if (record_read(bytes, arena, &record) == NULL)
        check_again(&record);
    weir_arena_free(arena);
}

static void try_mended(const uint8_t *data, size_t size)
{
    weir_buf bytes = {0};
    weir_buf_add(&bytes, "WEIRREC1\1\0", 10);
    weir_buf_add(&bytes, data, size);
    while (bytes.len < 20)
        weir_buf_byte(&bytes, 0);
    uint64_t length = bytes.len + WEIR_SHA256_BYTES;
    for (size_t i = 0; i < sizeof length; i++)
        bytes.at[12 + i] = (char)(uint8_t)(length >> (8 * i));
    weir_sha256 sha = weir_sha256_of(weir_buf_view(&bytes));
    weir_buf_add(&bytes, sha.at, sizeof sha.at);
    try_record(weir_buf_view(&bytes));
    weir_buf_done(&bytes);
}

static void try_ref(weir_str bytes)
{
    weir_reader   reader = weir_reader_of(bytes);
    weir_blob_ref ref, again;
    if (!weir_blob_ref_read(&reader, &ref))
        return;
    weir_buf out = {0};
    blob_ref_write(&out, &ref);
    reader = weir_reader_of(weir_buf_view(&out));
    bool good = weir_blob_ref_read(&reader, &again);
    weir_assert(good);
    weir_assert(again.offset == ref.offset);
    weir_assert(again.length == ref.length);
    weir_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_str bytes = {(const char *)data, size};
    try_record(bytes);
    try_mended(data, size);
    try_ref(bytes);
    return 0;
}
