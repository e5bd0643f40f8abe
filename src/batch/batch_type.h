/* batch/batch_type: what the type files of this folder give each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BATCH_TYPE_H
#define BATCH_TYPE_H

#include "weir/type.h"

typedef enum batch_read {
    BATCH_READ_OK,
    BATCH_READ_SYNTAX,   /* not the form of this type */
    BATCH_READ_RANGE,    /* the right form, a value that does not exist or does not fit */
    BATCH_READ_BC,       /* a year before 1 */
    BATCH_READ_INFINITE, /* infinity, or NaN where there is none */
    BATCH_READ_OFFSET,   /* an offset of 16 hours or more */
    BATCH_READ_ZONE      /* a time zone that is no offset */
} batch_read;

/* The type's name in PostgreSQL's messages: "timestamp with time zone". */
const char *batch_type_name(weir_type type);

/* Text to a numeric of `scale`, rounded half away from zero; WEIR_SCALE_ANY: its own. */
batch_read batch_numeric_read(weir_str text, int scale, weir_i128 *out, int *out_scale);

void       batch_double_print(weir_buf *out, double value);
void       batch_float_print(weir_buf *out, float value);
batch_read batch_double_read(weir_str text, double *out);
batch_read batch_float_read(weir_str text, double *out);

void       batch_date_print(weir_buf *out, int64_t days);
void       batch_time_print(weir_buf *out, int64_t us);
void       batch_timestamp_print(weir_buf *out, int64_t us, bool with_zone);
batch_read batch_date_read(weir_str text, int64_t *out_days);
batch_read batch_time_read(weir_str text, int64_t *out_us);
/* with_zone: an offset in the text moves the result to UTC; else it is ignored. */
batch_read batch_timestamp_read(weir_str text, bool with_zone, int64_t *out_us);

void batch_interval_print(weir_buf *out, weir_interval value);

#endif
