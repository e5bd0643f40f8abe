/* codec/image: one object's fields as one row of a table's columns.
 *
 * A plan says for each column what to do: where its token lies, by which rule it is read,
 * or which fact about the record it shows. A row is written whole or not at all.
 *
 * Always     1. all builders have the same number of rows between two calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_IMAGE_H
#define CODEC_IMAGE_H

#include "weir/codec.h"
#include "weir/plan.h"
#include "value/value.h"

typedef struct image_column {
    uint32_t  column; /* of the table */
    uint32_t  from;   /* weir_column_from */
    bool      stored; /* else it is only judged: NOT NULL */
    bool      key;
    uint32_t  paths;
    weir_str *path; /* fields: names from the object down */
} image_column;

typedef struct image_plan {
    const weir_decoder_setup *setup;
    uint32_t                  columns; /* that are stored or judged */
    image_column             *column;
    value_rule               *rule;    /* as the options say; one per column of the plan */
    weir_buf                  scratch; /* headers as JSON */
} image_plan;

/* How a format reads what "encoding.COLUMN" or its own options say. UNSAID: not for this
   type. */
typedef uint8_t image_encoding_fn(weir_type type, weir_str word);

typedef struct image_format {
    image_encoding_fn *encoding;
    bool               json_text;   /* value_rule.json_text */
    bool               text_number; /* a string for a number is its text, unless said */
} image_format;

/* The setup is kept (its arrays must live as long as the plan); the rest is in `arena`. */
weir_code image_plan_init(image_plan *plan, const image_format *format,
                          const weir_decoder_setup *setup, weir_arena *arena,
                          weir_err *err) WEIR_MUST_CHECK;
void      image_plan_done(image_plan *plan);
/* Adds the plan's fields to a tree below `node`; out_slot[columns] says where they are. */
void image_plan_want(const image_plan *plan, scan_tree *tree, uint32_t node,
                     uint32_t *out_slot);

/* The rows of one decode call. */
typedef struct image_rows {
    weir_arena   *arena;
    weir_builder *builder; /* one per column of the plan */
    uint8_t      *op;
    uint32_t      rows;
    weir_problem *problem; /* of the call */
    uint32_t      problems, problems_room;
    value_fault   fault; /* of the last bad value */
} image_rows;

/* What is not in the fields. */
typedef struct image_source {
    const weir_block *block;
    uint32_t          record;
    uint8_t           event_op; /* 'c' 'u' … */
    bool              timed;
    int64_t           commit_us;
} image_source;

typedef struct image_tokens {
    const scan_token *slot;
    const uint32_t   *at;      /* per column of the plan: its slot */
    const value_rule *rule;    /* per column of the plan */
    bool              partial; /* the image may lack what is no key */
} image_tokens;

void image_rows_start(image_rows *rows, const image_plan *plan, weir_arena *arena,
                      uint32_t rows_max);
/* The row's number; WEIR_NO_ROW: bad, and a problem was added. */
uint32_t    image_put(image_rows *rows, image_plan *plan, const image_tokens *tokens,
                      const image_source *source, uint8_t row_op);
weir_batch *image_rows_end(image_rows *rows, const image_plan *plan);

/* Adds a problem; its number. */
uint32_t image_problem(image_rows *rows, uint32_t record, const char *code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A column that shows a fact about the record. */
bool image_put_meta(weir_builder *builder, image_plan *plan, uint32_t column,
                    const image_source *source, value_fault *fault);

#endif
