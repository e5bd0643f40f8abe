/* weir/failpoint: named places at which a test makes the process die, wait or fail.
 *
 * Names are listed in weir/failpoints.def. In builds without WEIR_FAILPOINTS the macros
 * are empty. The environment variable WEIR_FAILPOINT holds `name=[cnt*]action` items,
 * separated by ';': `kill` (SIGKILL to itself), `stop` (SIGSTOP), `exit`, `fail` (the
 * WEIR_FAILPOINT_FAILS form is true), `delay(ms)`. `3*kill` acts at the third passing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_FAILPOINT_H
#define WEIR_FAILPOINT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum weir_failpoint {
#define FAILPOINT(name, sentence) WEIR_FP_##name,
#include "weir/failpoints.def"
#undef FAILPOINT
    WEIR_FP_COUNT
} weir_failpoint;

#ifdef WEIR_FAILPOINTS
#define WEIR_FAILPOINT(name) ((void)weir_failpoint_pass(WEIR_FP_##name))
#define WEIR_FAILPOINT_FAILS(name) (weir_failpoint_pass(WEIR_FP_##name))
#else
#define WEIR_FAILPOINT(name) ((void)0)
#define WEIR_FAILPOINT_FAILS(name) (false)
#endif

/* Acts as configured; true when the configured action is `fail`. */
bool weir_failpoint_pass(weir_failpoint point);
/* Sets actions as the environment variable does, counting from here; false (and some may
   be set) when the text is not understood. `off` takes an action away. */
bool weir_failpoint_set(const char *items);
/* The names in order, WEIR_FP_COUNT of them. */
const char *const *weir_failpoint_names(void);
bool               weir_failpoints_built(void); /* true in a build that has them */

#endif
