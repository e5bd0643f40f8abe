/* source/source_lines: complete lines of a file that may still grow.
 *
 * Gives      source_lines_read and questions about where lines start.
 * Never      hands over a line without its newline, unless asked to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SOURCE_LINES_H
#define SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"

typedef struct source_lines_file {
    int         fd;
    const char *path;    /* for messages */
    bool        partial; /* a last line without its newline is a line */
} source_lines_file;

typedef struct source_lines {
    char  *text;   /* heap; whoever reads owns it; NULL when len is 0 */
    size_t len;    /* of whole lines, each with its newline */
    size_t room;   /* bytes held */
    bool   at_end; /* no complete line lies behind these */
} source_lines;

/* Reads whole lines from byte `at` on: about `want` bytes, or more when one line is longer.
   WEIR_RECORD_PAD bytes can be read behind them. Codes: IO, LIMIT. */
weir_code source_lines_read(const source_lines_file *file, int64_t at, size_t want,
                            source_lines *out, weir_err *err) WEIR_MUST_CHECK;

/* Passes over whole lines from byte `from`, at most `lines` of them and none that ends behind
   `to`: where that leads, and how many they were. Codes: IO. */
typedef struct source_lines_passed {
    int64_t at;
    int64_t lines;
} source_lines_passed;
typedef struct source_lines_range {
    int64_t from, to;
    int64_t lines; /* INT64_MAX: all */
} source_lines_range;
weir_code source_lines_pass(const source_lines_file *file, source_lines_range range,
                            source_lines_passed *out, weir_err *err) WEIR_MUST_CHECK;

/* The byte behind the first newline at or behind `at`, or `to` when there is none before it.
   Codes: IO. */
weir_code source_lines_next(const source_lines_file *file, int64_t at, int64_t to,
                            int64_t *out, weir_err *err) WEIR_MUST_CHECK;

/* The byte behind the last newline before `to`, or `from`: where the last, incomplete line
   starts. Codes: IO. */
weir_code source_lines_last(const source_lines_file *file, int64_t from, int64_t to,
                            int64_t *out, weir_err *err) WEIR_MUST_CHECK;

weir_code source_lines_size(const source_lines_file *file, int64_t *out, weir_err *err)
    WEIR_MUST_CHECK;

#endif
