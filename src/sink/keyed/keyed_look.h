/* sink/keyed_look: what looks at SQL tables share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_KEYED_LOOK_H
#define SINK_KEYED_LOOK_H

#include "keyed/keyed.h"
#include "weir/look.h"

/* A cell of compare.h from what a database answers: text as it is, bytes raw, others as text
   that can be read as the type. */
weir_code keyed_look_cell(weir_arena *arena, weir_type type, weir_str raw, weir_str *out,
                          weir_err *err) WEIR_MUST_CHECK;
/* The entry `changes` of weir_look. */
weir_code keyed_look_changes(weir_sink *sink, uint32_t table, weir_str payload,
                             weir_checkpoint *checkpoint, const weir_look_to *to,
                             weir_err *err) WEIR_MUST_CHECK;

#endif
