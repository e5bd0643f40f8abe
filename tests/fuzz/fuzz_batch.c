/* tests/fuzz_batch: any bytes as a stored batch: refused, or rows that can be used, and that
 * give the same rows when they are written and read again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is)
{
    if (!is)
        __builtin_trap();
}

static void print_all(const weir_batch *batch, weir_buf *out)
{
    for (uint32_t c = 0; c < batch->columns; c++)
        for (uint32_t r = 0; r < batch->rows; r++) {
            weir_datum value = weir_column_get(&batch->column[c], r);
            weir_datum_print(out, batch->column[c].type, &value);
            weir_buf_byte(out, value.null ? 1 : 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    weir_arena *arena = weir_arena_new("fuzz", 1 << 14);
    weir_reader reader = weir_reader_of((weir_str){(const char *)data, size});
    weir_batch *batch, *again;
    weir_err    err;
    if (weir_batch_read(&reader, arena, &batch, &err) == WEIR_OK) {
        weir_buf bytes = {0}, before = {0}, after = {0};
        weir_batch_write(batch, &bytes);
        weir_reader back = weir_reader_of(weir_buf_view(&bytes));
        require(weir_batch_read(&back, arena, &again, &err) == WEIR_OK);
        print_all(batch, &before);
        print_all(again, &after);
        require(weir_str_eq(weir_buf_view(&before), weir_buf_view(&after)));
        require(weir_batch_compact(batch, arena)->rows == batch->rows);
        weir_buf_done(&bytes);
        weir_buf_done(&before);
        weir_buf_done(&after);
    }
    weir_arena_free(arena);
    return 0;
}
