/* weir/mutant: tests of the tests: a build with WEIR_MUTANTS can take one wrong turn.
 *
 * The environment variable WEIR_MUTANT names it, or weir_mutant_choose. Elsewhere
 * weir_mutant(NAME) is false, and the compiler leaves its branch out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_MUTANT_H
#define WEIR_MUTANT_H

#include <stdbool.h>

typedef enum weir_mutant_name {
#define MUTANT(name, sentence) WEIR_MUTANT_##name,
#include "weir/mutants.def"
#undef MUTANT
    WEIR_MUTANT_COUNT
} weir_mutant_name;

#ifdef WEIR_MUTANTS
#define weir_mutant(name) (weir_mutant_is(WEIR_MUTANT_##name))
#else
#define weir_mutant(name) (false)
#endif

bool weir_mutant_is(weir_mutant_name name);
/* Chooses one, or none with NULL; false when there is no such name. Before other threads. */
bool               weir_mutant_choose(const char *name);
const char *const *weir_mutant_names(void); /* WEIR_MUTANT_COUNT of them */

#endif
