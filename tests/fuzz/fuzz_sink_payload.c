/* tests/fuzz_sink_payload: any bytes as a sink's payload; the first byte says which sink's.
 *
 * Manifests are checked by their SHA-256 before a sink sees its payload; a payload of another
 * version, or of a bug, must still end in CORRUPT and not in a crash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sink/keyed/keyed.h"
#include "sink/rows/rows.h"
#include "sink/s3/s3_sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_keyed(weir_str bytes, weir_arena *arena, weir_err *err)
{
    keyed_payload payload;
    uint32_t      count = 0;
    weir_code     rc = keyed_payload_open(&payload, bytes, NULL, arena, err);
    do {
        keyed_chunk *chunk = NULL;
        if (rc == WEIR_OK)
            rc = keyed_payload_next(&payload, arena, &chunk, &count, err);
        for (uint32_t i = 0; rc == WEIR_OK && i < count; i++)
            if (chunk[i].table >= payload.tables || chunk[i].rows == NULL)
                __builtin_trap();
    } while (rc == WEIR_OK && count > 0);
    keyed_payload_close(&payload);
}

static void read_files(weir_str bytes, weir_err *err)
{
    s3_sink sink = {.job = weir_arena_new("fuzz", 1 << 12),
                    .epoch = weir_arena_new("fuzz", 1 << 12)};
    if (s3_payload_read(&sink, bytes, err) != WEIR_OK && err->exit != WEIR_EXIT_CORRUPT)
        __builtin_trap();
    s3_recipes_clear(&sink);
    for (uint32_t i = 0; i < sink.opens; i++)
        s3_file_free(sink.open[i]);
    weir_heap_free(sink.open);
    weir_heap_free(sink.recipe);
    weir_arena_free(sink.job);
    weir_arena_free(sink.epoch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_err       err;
    weir_sink_rows rows;
    if (size == 0)
        return 0;
    weir_arena *arena = weir_arena_new("fuzz", 1 << 16);
    weir_str    bytes = {(const char *)data + 1, size - 1};
    weir_err_clear(&err);
    if (data[0] == 'k')
        read_keyed(bytes, arena, &err);
    else if (data[0] == 's')
        read_files(bytes, &err);
    else if (rows_payload_read(bytes, NULL, arena, &rows, &err) == WEIR_OK &&
             rows.batches > 0 && rows.batch[0] == NULL)
        __builtin_trap();
    weir_arena_free(arena);
    return 0;
}
