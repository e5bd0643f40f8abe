/* codec/avro: what the files that write Avro share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_AVRO_WRITER_H
#define CODEC_AVRO_WRITER_H

#include "weir/avro.h"

typedef enum avro_form { /* how a column's values are written */
                         AVRO_BOOLEAN,
                         AVRO_LONG, /* int and long alike; divided by `unit`, rounded down */
                         AVRO_FLOAT,
                         AVRO_DOUBLE,
                         AVRO_DECIMAL,
                         AVRO_BYTES, /* string and bytes alike */
                         AVRO_TEXT   /* a numeric without a scale, printed */
} avro_form;

typedef struct avro_field {
    uint32_t  column;
    weir_type type;
    avro_form form;
    bool      nullable;
    uint8_t   width; /* AVRO_LONG: bytes of a value in the batch */
    int64_t   unit;
} avro_field;

struct weir_avro_writer {
    weir_buf    schema; /* JSON */
    bool        with_op;
    uint32_t    columns;     /* of the schema */
    size_t      fixed_bytes; /* that a row takes at most, without text */
    uint32_t    texts;       /* fields of AVRO_BYTES; they come first in `text` */
    uint32_t   *text;
    uint32_t    fields;
    avro_field *field;
};

/* avro_schema: appends the schema's JSON. */
weir_code avro_schema_write(weir_buf *out, const weir_avro_setup *setup,
                            weir_err *err) WEIR_MUST_CHECK;

#endif
