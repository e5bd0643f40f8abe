/* sink/rows: what several sinks do with rows: keep them in a payload, write them as text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_ROWS_H
#define SINK_ROWS_H

#include "weir/sink.h"

/* A payload holds bytes in parts: small ones in place, others as blobs of the stage. */
#define ROWS_PART_BYTES (1u << 20) /* a part is closed when it is at least this big */

void      rows_part_write(weir_buf *payload, weir_str bytes, weir_stage *stage);
weir_code rows_part_read(weir_reader *payload, weir_checkpoint *checkpoint, weir_buf *hold,
                         weir_str *out, weir_err *err) WEIR_MUST_CHECK;

/* The same, with batches in `arena` where rows have an order of their own. */
weir_stage_input rows_in_order(const weir_stage_input *input, weir_arena *arena);

/* A payload of all batches of one table in order, and back; batches are in `arena`. */
void      rows_payload_write(weir_buf *payload, const weir_stage_input *input);
weir_code rows_payload_read(weir_str payload, weir_checkpoint *checkpoint,
                            weir_arena *arena, weir_sink_rows *out,
                            weir_err *err) WEIR_MUST_CHECK;
/* The payload of the last manifest, or nothing to do: *out_any is false. */
weir_code rows_payload_last(weir_history *history, weir_arena *arena, weir_sink_rows *out,
                            bool *out_any, weir_err *err) WEIR_MUST_CHECK;

const char *rows_op_text(uint8_t op); /* "+I", "-U", "+U", "-D" */

/* Rows as text; with_op adds the column `op`, last in CSV and JSON. */
void rows_csv_header(weir_buf *out, const weir_schema *schema, bool with_op);
void rows_csv(weir_buf *out, const weir_batch *batch, bool with_op);
void rows_json(weir_buf *out, const weir_schema *schema, const weir_batch *batch,
               bool with_op);

/* For sinks that do nothing before finalise. */
weir_sink_execute_fn rows_execute_nothing;
weir_sink_commit_fn  rows_commit_nothing;

#endif
