/* tests/decode: a decoder for tests, from a few words.
 *
 *     decode_bench bench;
 *     decode_start(&bench, "json", "id:bigint!,name:text", "validate=full");
 *     decode_text(&bench, "{\"id\":1}");
 *     CHECK_TEXT(decode_row(&bench, 0), "id=1 name=NULL");
 *     decode_stop(&bench);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_DECODE_H
#define TESTS_DECODE_H

#include "weir/codec.h"
#include "weir/plan.h"

#define DECODE_COLUMNS 64

typedef struct decode_bench {
    weir_arena        *arena; /* as long as the bench */
    weir_arena        *epoch; /* until the next decode */
    weir_field         field[DECODE_COLUMNS];
    weir_str           path[DECODE_COLUMNS];
    uint8_t            from[DECODE_COLUMNS];
    bool               needed[DECODE_COLUMNS];
    weir_schema        schema;
    weir_decoder_setup setup;
    weir_decoder      *decoder;
    weir_decoded       out;
    weir_str           record[WEIR_DECODE_RECORDS];
    char               text[65536];
    weir_err           err;
} decode_bench;

/* `columns`: "name:type,…"; a type ends in '!' for NOT NULL and in '-' for a column that is
   not needed; "name=path:type" reads another path; names that start with '_' are metadata.
   `options`: "name=value;…" or NULL; also "key=1": the first column is the
   key, and "whole=no": images may be partial. Gives the code of opening; WEIR_OK: stop it later. */
weir_code decode_try(decode_bench *bench, const char *format, const char *columns,
                     const char *options);
/* The same, and aborts with the message when it fails. */
void decode_start(decode_bench *bench, const char *format, const char *columns,
                  const char *options);
void decode_stop(decode_bench *bench);

/* Decodes records; views with .at NULL are null values. Each is copied behind padding. */
void decode_views(decode_bench *bench, const weir_str *value, uint32_t count);
void decode_text(decode_bench *bench, const char *value); /* one */

/* A row as "a=1 b=NULL"; columns that are not needed are left out. */
const char *decode_row(decode_bench *bench, uint32_t row);
/* Of the last decode: event i as "row c +0", "row u -0 +1", "bad DECODE id: …", "skip". */
const char *decode_event(decode_bench *bench, uint32_t i);

/* "numeric(12,2)" and the like. */
bool decode_type(weir_str text, weir_type *out);

#endif
