/* codec/scan: finds wanted fields in one JSON object, as views of its text.
 *
 * What is wanted is a tree of names; each leaf has a slot. A reader fills the slots of one
 * record: by the shape of an earlier record when this one has the same (scan_shape), else
 * by simdjson (scan_simdjson). On valid JSON both give the same tokens. Of a name that
 * occurs twice in an object the last one counts, as in PostgreSQL's jsonb.
 *
 * Relies on  WEIR_RECORD_PAD readable bytes behind each text.
 * Always     1. a token points into the text it was found in.
 *            2. a slot whose name does not occur has the kind SCAN_MISSING.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_H
#define CODEC_SCAN_H

#include "weir/str.h"

#define SCAN_NONE UINT32_MAX
#define SCAN_PATH_MAX 16u /* names in one path: bounds recursion */

typedef enum scan_kind {
    SCAN_MISSING,
    SCAN_NULL,
    SCAN_FALSE,
    SCAN_TRUE,
    SCAN_NUMBER,
    SCAN_STRING,
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_JUNK /* no JSON value starts or ends so */
} scan_kind;

typedef struct scan_token {
    const char *at;  /* strings: behind the first quote */
    uint32_t    len; /* strings: without quotes */
    uint8_t     kind;
    bool        escaped; /* strings: may hold backslashes */
} scan_token;

/* One name of the tree. Nodes are numbered; 0 is the root, the object itself. */
typedef struct scan_node {
    weir_str  name;        /* as decoded text */
    uint32_t  slot;        /* or SCAN_NONE */
    bool      kind_only;   /* nobody reads the token's text when it is an object */
    uint32_t  child, next; /* first child, next sibling, or SCAN_NONE */
    uint32_t *table;       /* children by hash of their name, or NULL */
    uint32_t  mask;
} scan_node;

typedef struct scan_tree {
    struct weir_arena *arena;
    scan_node         *node;
    uint32_t           nodes, room;
    uint32_t           slots;
} scan_tree;

/* The tree and its names live in `arena`. */
void scan_tree_init(scan_tree *tree, struct weir_arena *arena);
/* The child of that name, made if it is not there. */
uint32_t scan_tree_add(scan_tree *tree, uint32_t parent, weir_str name);
/* The node's slot, made if it has none. */
uint32_t scan_tree_slot(scan_tree *tree, uint32_t node);
/* Nothing is added any more. */
void scan_tree_done(scan_tree *tree);
/* The child of that name, or SCAN_NONE. */
uint32_t scan_tree_find(const scan_tree *tree, uint32_t node, weir_str name);
/* Makes all slots below `node` missing. */
void scan_tree_clear(const scan_tree *tree, uint32_t node, scan_token *slot);

/* The token of a scalar, object or array whose text is [at, end). White space around it is
   cut off. `escapes`: does the record hold backslashes. */
scan_token scan_token_of(const char *at, const char *end, bool escapes);
bool       scan_token_is(const scan_token *token, const char *text); /* a string */

/* The text of a string token, escapes resolved, into `out` with room for token->len
   bytes; the number of bytes, or -1: a broken escape or half a surrogate pair. */
int64_t scan_unescape(const scan_token *token, char *out);

/* Is this one JSON value, with white space around it, nested at most `depth_max` deep?
   NULL, or what is wrong; static text. */
const char *scan_check(weir_str text, uint32_t depth_max);

#define SCAN_AHEAD_BYTES 4096u /* more is in order by itself */

/* Asks the caches for a text that is read next: another core wrote it. */
static inline void scan_ahead(weir_str text)
{
    for (size_t at = 0; at < text.len && at < SCAN_AHEAD_BYTES; at += 64)
        __builtin_prefetch(text.at + at);
}

typedef struct scan_reader scan_reader;

typedef struct scan_counts { /* of records, for tests and benchmarks */
    uint64_t shaped;         /* read by the shape of an earlier one */
    uint64_t parsed;         /* read by simdjson */
    uint64_t learned;        /* shapes */
} scan_counts;

/* `tree` is kept. */
scan_reader *scan_reader_new(const scan_tree *tree);
void         scan_reader_free(scan_reader *reader);
/* Never by shapes: for tests that compare. */
void scan_reader_plain(scan_reader *reader);
/* All of each text is validated. */
void scan_reader_validate(scan_reader *reader);
/* Fills slot[tree->slots]. NULL, or why the text is no JSON object; static text. */
const char *scan_read(scan_reader *reader, weir_str text, scan_token *slot);
scan_counts scan_reader_counts(const scan_reader *reader);

#endif
