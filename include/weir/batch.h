/* weir/batch: rows in columns, immutable once handed on.
 *
 * Layout as Arrow's: validity bitmap (LSB first, 1 = has a value), fixed-width values, or
 * offsets and bytes for text. (Booleans are bytes, not bits: kernels read them as masks.)
 * Values under a cleared validity bit are readable but mean nothing. A batch and what it
 * points to belong to one arena and live as long as that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include "weir/arena.h"
#include "weir/limits.h"
#include "weir/type.h"

typedef enum weir_row_op {
    WEIR_ROW_INSERT = 0,     /* +I */
    WEIR_ROW_UPDATE_OLD = 1, /* -U: retracts what an earlier row gave */
    WEIR_ROW_UPDATE_NEW = 2, /* +U */
    WEIR_ROW_DELETE = 3      /* -D */
} weir_row_op;
/* True for -U and -D. */
static inline bool weir_row_retracts(uint8_t op)
{
    return op == WEIR_ROW_UPDATE_OLD || op == WEIR_ROW_DELETE;
}

typedef struct weir_column {
    weir_type       type;
    const uint8_t  *valid;   /* bitmap of rows bits; NULL: every row has a value */
    const void     *values;  /* fixed width: rows values, 16-byte aligned; text: NULL */
    const uint32_t *offsets; /* text: rows + 1 */
    const char     *bytes;   /* text: offsets[rows] bytes */
    const uint8_t  *scales;  /* NUMERIC with WEIR_SCALE_ANY: rows scales; else NULL */
} weir_column;

typedef struct weir_batch {
    uint32_t           rows;
    uint32_t           columns;
    const weir_column *column;
    const uint32_t    *sel;      /* row numbers in rising order; NULL: all rows */
    uint32_t           selected; /* how many; = rows when sel is NULL */
    const uint8_t     *op;       /* rows weir_row_op; NULL: all INSERT */
} weir_batch;

static inline bool weir_column_has(const weir_column *column, uint32_t row)
{
    return column->valid == NULL || (column->valid[row >> 3] >> (row & 7) & 1);
}
static inline weir_str weir_column_text(const weir_column *column, uint32_t row)
{
    uint32_t from = column->offsets[row];
    return (weir_str){column->bytes + from, column->offsets[row + 1] - from};
}
static inline uint32_t weir_batch_row(const weir_batch *batch, uint32_t index)
{
    return batch->sel ? batch->sel[index] : index;
}
/* The value of one row, as a view; for slow paths, sinks and tests. */
weir_datum weir_column_get(const weir_column *column, uint32_t row);

/* Builds one column, row after row, in an arena. `valid` is made when the first NULL
   comes. Text grows; fixed width is limited to rows_max. */
typedef struct weir_builder {
    weir_arena *arena;
    weir_type   type;
    uint32_t    rows, rows_max;
    bool        any_null;
    uint8_t    *valid;   /* always allocated; offered to the column only if any_null */
    char       *values;
    uint32_t   *offsets;
    char       *bytes;
    uint32_t    bytes_room;
    uint8_t    *scales;
} weir_builder;

void weir_builder_start(weir_builder *builder, weir_arena *arena, weir_type type,
                        uint32_t rows_max);
void weir_builder_null(weir_builder *builder);
void weir_builder_bool(weir_builder *builder, bool value);
void weir_builder_i64(weir_builder *builder, int64_t value); /* integers, dates, times */
void weir_builder_f64(weir_builder *builder, double value);
void weir_builder_i128(weir_builder *builder, weir_i128 value, uint8_t scale);
void weir_builder_text(weir_builder *builder, weir_str text);
/* Room for `len` bytes of text written in place, then weir_builder_text_end(written). */
char *weir_builder_text_room(weir_builder *builder, uint32_t len);
void  weir_builder_text_end(weir_builder *builder, uint32_t written);
void  weir_builder_datum(weir_builder *builder, const weir_datum *value);
weir_column weir_builder_end(weir_builder *builder);

/* A batch of the selected rows only, dense, copied into `arena`. */
weir_batch *weir_batch_compact(const weir_batch *batch, weir_arena *arena);
/* One row of some batches that have the same columns. */
typedef struct weir_row_place {
    uint32_t batch, row;
} weir_row_place;
/* A dense batch of the rows at count (> 0) places, in that order, copied into `arena`. */
weir_batch *weir_batch_gather(weir_batch *const *batch, const weir_row_place *place,
                              uint32_t count, weir_arena *arena);
/* Rows as bytes and back (little-endian, versioned; for payloads and checkpoints). The
   selected rows and their ops are written. Reading validates everything (CORRUPT). */
void      weir_batch_write(const weir_batch *batch, weir_buf *out);
weir_code weir_batch_read(weir_reader *reader, weir_arena *arena, weir_batch **out,
                          weir_err *err) WEIR_MUST_CHECK;
/* Bytes that the batch's columns take, for budgets. */
size_t weir_batch_bytes(const weir_batch *batch);

#endif
