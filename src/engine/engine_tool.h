/* engine/tool: a job without threads, for weir_engine_repair, _settle and _rename.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_TOOL_H
#define WEIR_ENGINE_TOOL_H

#include "engine_parts.h"

/* The job is of zeros before; the caller owns its memory. */
void engine_tool_init(engine_job *job, const weir_engine_setup *setup, const char *name);
void engine_tool_done(engine_job *job); /* closes what was opened */

/* The last epoch is visible: it is written down, if it was not; then the log is sealed. */
weir_code engine_tool_finalised(engine_job *job, weir_err *err);
weir_code engine_tool_seal(engine_job *job, weir_err *err);

#endif
