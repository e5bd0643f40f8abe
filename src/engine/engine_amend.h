/* engine/amend: what an AMEND says beside the sections that it repeats.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_AMEND_H
#define WEIR_ENGINE_AMEND_H

#include "engine_parts.h"

#define ENGINE_AMEND_LETTERS "amend/" /* and the dead letters' name: a section */
void      engine_amend_write(weir_buf *out, const char *const *section, const uint32_t *rows,
                             uint32_t count);
#define ENGINE_AMEND_VISIBLE "visible" /* a section: what the AMEND repeats was visible before */
#define ENGINE_AMEND_VISIBLE_IS "\1"   /* its bytes: a version, no more */
bool      engine_amend_has(const weir_manifest *amend, weir_str section);
/* Does it repeat what was visible before? Then nothing of the section is published again. */
bool      engine_amend_was_visible(const weir_manifest *last, weir_str section);
weir_code engine_amend_replay(engine_job *engine, weir_err *err);

#endif
