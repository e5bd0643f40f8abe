/* weir/state: the memory that outlives an epoch, and its budget.
 *
 * Every byte of keyed state is counted here. Running over the budget is WEIR_E_LIMIT
 * naming memory.limit; the engine first pauses sources and commits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_STATE_H
#define WEIR_STATE_H

#include <stdatomic.h>
#include <stddef.h>

#include "weir/error.h"

typedef struct weir_budget {
    size_t         limit; /* bytes */
    _Atomic size_t used;
} weir_budget;

/* Takes `bytes` out of the budget; false (nothing taken) when they do not fit. */
bool weir_budget_take(weir_budget *budget, size_t bytes);
void weir_budget_give(weir_budget *budget, size_t bytes);

#endif
