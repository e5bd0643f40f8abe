/* source/source_start: the value of the option `start`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOURCE_START_H
#define SOURCE_START_H

#include "weir/error.h"
#include "weir/option.h"

typedef enum source_start_at { SOURCE_EARLIEST, SOURCE_LATEST, SOURCE_TIME } source_start_at;

typedef struct source_start {
    source_start_at at;
    int64_t         time_us; /* SOURCE_TIME */
} source_start;

/* 'earliest', 'latest', or a time: '2026-01-01', '2026-01-01 00:00:00Z',
   '2026-01-01T00:00:00.5+02:00' (UTC without a zone). Codes: CONFIG, with its place. */
weir_code source_start_read(const weir_opts *opts, source_start *out, weir_err *err)
    WEIR_MUST_CHECK;

#endif
