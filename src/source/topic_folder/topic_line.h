/* source/topic_folder/topic_line: one line of an embedded topic, parsed where it stands.
 *
 *     {"offset":7,"timestamp":1767225600000,"key":"…","key_b64":"…","value":"…",
 *      "value_b64":"…","headers":[{"key":"…","value":"…","value_b64":"…"}]}
 *
 * Fields may come in any order and be absent; unknown ones are passed over. The _b64 ones
 * win over text. A key or value that is a bare object, array, number, true or false is taken
 * as its own JSON text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TOPIC_LINE_H
#define TOPIC_LINE_H

#include "weir/buf.h"
#include "weir/record.h"

#define TOPIC_LINE_NO_OFFSET (-1)

/* Headers of many lines, one behind the other; grows. */
typedef struct topic_headers {
    weir_header *at; /* heap */
    uint32_t     count;
    uint32_t     room;
} topic_headers;

typedef struct topic_line_parser {
    bool           headers; /* wanted */
    topic_headers *pool;
    weir_buf      *scratch; /* for base64 */
} topic_line_parser;

typedef struct topic_line {
    int64_t  offset;
    int64_t  timestamp_us; /* INT64_MIN: none */
    weir_str key;
    weir_str value;
    uint32_t first_header; /* in the pool */
    uint32_t headers;
} topic_line;

/* Parses at[0..len), overwriting it: strings are unescaped in place and the views of *out
   point into it. 8 bytes behind it must be readable. NULL, or what is wrong with it. */
const char *topic_line_parse(topic_line_parser *parser, char *at, size_t len,
                             topic_line *out);

/* Only the offset, without writing; TOPIC_LINE_NO_OFFSET when the line has none or is not
   a record. */
int64_t topic_line_offset(const char *at, size_t len);

#endif
