/* engine/change: SQL that is not what the last manifest was made with.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef ENGINE_CHANGE_H
#define ENGINE_CHANGE_H

#include "engine_job.h"

/* Compares, and refuses what would lose something that nobody allowed to. A replay loses
   nothing: it may begin with what another plan left. */
weir_code engine_change_check(engine_job *engine, const weir_manifest *manifest,
                              weir_err *err);
/* Ahead of the takeover, by a manifest that may not be the last one by then: refuses what has
   to be refused whatever comes behind it. Changes nothing. */
weir_code engine_change_foresee(engine_job *engine, const weir_manifest *manifest,
                                weir_err *err);
void      engine_change_state(engine_job *engine);   /* before state is restored */
void      engine_change_install(engine_job *engine); /* behind that, and the positions */
/* This plan's source that a stored one became; NULL: what is stored of it is left out. */
engine_source *engine_change_source(engine_job *engine, weir_str stored, bool *out_new_time);

#endif
