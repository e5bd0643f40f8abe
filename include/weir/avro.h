/* weir/avro: rows as Avro object container files.
 *
 * The container is written by weir, for its bytes must be a function of the rows alone: the
 * header, then blocks, each followed by the header's sync marker. Blocks are made and kept
 * without it, so that they can be stored before the file has a name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_AVRO_H
#define WEIR_AVRO_H

#include "weir/limits.h"
#include "weir/batch.h"
#include "weir/error.h"

#define WEIR_AVRO_SYNC_BYTES 16
#define WEIR_AVRO_BLOCK_BYTES WEIR_LIMIT(64u << 10, 90u) /* of rows, at which a block is closed */

typedef enum weir_avro_codec {
    WEIR_AVRO_NULL,
    WEIR_AVRO_DEFLATE,
    WEIR_AVRO_SNAPPY
} weir_avro_codec;

typedef struct weir_avro_setup {
    weir_str           record; /* the record's name */
    const weir_schema *schema;
    const bool        *leave_out; /* per column; NULL: none */
    bool               with_op;   /* a last field `op`: '+I', '-U', '+U', '-D' */
    bool               millis;    /* timestamps in milliseconds, rounded down */
} weir_avro_setup;

/* Writes the rows of one schema. Numerics without a scale are strings, as is jsonb. */
typedef struct weir_avro_writer weir_avro_writer;
/* CONFIG when a name is none in Avro: [A-Za-z_][A-Za-z0-9_]*. */
weir_code weir_avro_writer_new(const weir_avro_setup *setup, weir_avro_writer **out,
                               weir_err *err) WEIR_MUST_CHECK;
void      weir_avro_writer_free(weir_avro_writer *writer);
weir_str weir_avro_schema(const weir_avro_writer *writer); /* JSON, as long as the writer */
/* Appends one row of a batch of the schema. */
void weir_avro_row(const weir_avro_writer *writer, const weir_batch *batch, uint32_t row,
                   weir_buf *out);

const char *weir_avro_codec_name(weir_avro_codec codec); /* "null", "deflate", "snappy" */

/* Appends the file's header. `token` goes into the metadata as "weir.token". */
void weir_avro_header(weir_buf *out, weir_str schema, weir_avro_codec codec, weir_str token,
                      const uint8_t sync[WEIR_AVRO_SYNC_BYTES]);
/* Appends a block of `rows` encoded rows, without sync marker. */
void weir_avro_block(weir_buf *out, weir_avro_codec codec, uint64_t rows, weir_str encoded);
/* Appends blocks made by weir_avro_block, the marker behind each; false: damaged. */
bool weir_avro_join(weir_buf *out, weir_str blocks,
                    const uint8_t sync[WEIR_AVRO_SYNC_BYTES]);

/* Reading back what a writer of the same setup wrote. A row's values by column of the schema,
   those left out NULL, and its op ("" without); they live until the call returns. */
typedef weir_code weir_avro_row_fn(void *self, const weir_datum *value, weir_str op,
                                   weir_err *err);
typedef struct weir_avro_reading {
    const weir_avro_writer *writer; /* of that setup; the caller's */
    weir_avro_row_fn       *fn;
    void                   *self;
} weir_avro_reading;
/* A whole file. CORRUPT when it is not as the writer writes it, or of another schema; else the
   first error of `fn`, which ends it. So do the next two. */
weir_code weir_avro_read_file(const weir_avro_reading *reading, weir_str file,
                              weir_err *err) WEIR_MUST_CHECK;
/* Blocks of weir_avro_block, without sync markers. */
weir_code weir_avro_read_blocks(const weir_avro_reading *reading, weir_avro_codec codec,
                                weir_str blocks, weir_err *err) WEIR_MUST_CHECK;
/* Rows of weir_avro_row, of a block that is not closed. */
weir_code weir_avro_read_rows(const weir_avro_reading *reading, uint64_t rows,
                              weir_str encoded, weir_err *err) WEIR_MUST_CHECK;

#endif
