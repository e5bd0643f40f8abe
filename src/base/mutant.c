/* base/mutant: which wrong turn is taken, if any.
 *
 * Threads    any may ask; weir_mutant_choose before there is a second one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/mutant.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/error.h"

static weir_mutant_name chosen = WEIR_MUTANT_COUNT;
static pthread_once_t   environment_read = PTHREAD_ONCE_INIT;

const char *const *weir_mutant_names(void)
{
    static const char *const names[] = {
#define MUTANT(name, sentence) #name,
#include "weir/mutants.def"
#undef MUTANT
    };
    return names;
}

static bool choose(const char *name)
{
    size_t i = 0;
    while (name != NULL && i < WEIR_MUTANT_COUNT && strcmp(name, weir_mutant_names()[i]) != 0)
        i++;
    if (name != NULL && i == WEIR_MUTANT_COUNT)
        return false;
    chosen = name != NULL ? (weir_mutant_name)i : WEIR_MUTANT_COUNT;
    return true;
}

static void read_environment(void)
{
    const char *name = getenv("WEIR_MUTANT");
    if (name != NULL && *name != '\0' && !choose(name)) {
        (void)fprintf(stderr, "weir: WEIR_MUTANT: there is no '%s'\n", name);
        _exit(WEIR_EXIT_USAGE);
    }
}

bool weir_mutant_choose(const char *name)
{
    int rc = pthread_once(&environment_read, read_environment);
    weir_assert(rc == 0);
    return choose(name);
}

bool weir_mutant_is(weir_mutant_name name)
{
    weir_assert((size_t)name < WEIR_MUTANT_COUNT);
    int rc = pthread_once(&environment_read, read_environment);
    weir_assert(rc == 0);
    return chosen == name;
}
