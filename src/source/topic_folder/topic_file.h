/* source/topic_folder/topic_file: one partition of an embedded topic: one growing file.
 *
 * Gives      open, find an offset, read a block, the ends, one record by its offset.
 * Always     1. offsets handed over rise.
 *            2. `at` is where a line starts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOPIC_FILE_H
#define TOPIC_FILE_H

#include "source_lines.h"
#include "weir/record.h"

typedef struct topic_file {
    source_lines_file lines;
    weir_str          name;   /* "0" */
    int32_t           number;
    uint32_t          index;  /* in the source's list */
    bool              headers; /* wanted */
    bool              sought;
    bool              paused;
    bool              ended;  /* its end was reported, and nothing came since */
    int64_t           at;     /* byte where the next line starts */
    int64_t           line;   /* number of that line from 0; -1: not counted */
    int64_t           least;  /* records below this offset are passed over */
    int64_t           next;   /* behind the last record that was seen */
    size_t            want;   /* bytes of the next read */
} topic_file;

/* Opens `path`, which is kept. Codes: IO. */
weir_code topic_file_open(topic_file *file, const char *path, weir_err *err) WEIR_MUST_CHECK;
void      topic_file_close(topic_file *file); /* accepts one whose open failed */

/* Goes to the first record at or behind `offset`. */
weir_code topic_file_find(topic_file *file, int64_t offset, weir_err *err) WEIR_MUST_CHECK;

/* Next records, at most WEIR_BLOCK_RECORDS, or a block of none the first time that the end
   is reached, or NULL. Codes: IO, LIMIT, DECODE (a line that is not a record). */
weir_code topic_file_read(topic_file *file, weir_block **out, weir_err *err) WEIR_MUST_CHECK;

/* First offset that is there, and the one behind the last. */
weir_code topic_file_ends(const topic_file *file, int64_t *out_low, int64_t *out_end,
                          weir_err *err) WEIR_MUST_CHECK;

/* The block that starts with the first record at or behind `offset`; NULL when there is
   none. Does not move the file. */
weir_code topic_file_peek(const topic_file *file, int64_t offset, weir_block **out,
                          weir_err *err) WEIR_MUST_CHECK;

#endif
