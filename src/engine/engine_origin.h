/* engine/origin: a lineage that a promotion began, and that has no epoch yet.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_ORIGIN_H
#define WEIR_ENGINE_ORIGIN_H

#include "engine_parts.h"

/* May this run begin it with nothing? FENCED: it is a promotion's, or a promoted replay's. */
weir_code engine_origin_check(engine_job *engine, weir_err *err);
/* State, positions and open files of the epoch that it follows. */
weir_code engine_origin_restore(engine_job *engine, weir_err *err);

#endif
