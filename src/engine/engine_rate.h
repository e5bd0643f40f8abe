/* engine/rate: how fast a replay may read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_RATE_H
#define WEIR_ENGINE_RATE_H

#include "engine_parts.h"

/* How many of `wanted` records may be read now; gives back what was not. */
uint32_t engine_rate_take(engine_job *engine, uint32_t wanted);
void     engine_rate_return(engine_job *engine, uint32_t records);

#endif
