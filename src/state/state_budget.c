/* state/budget: how many bytes of keyed state there may be.
 *
 * Threads    any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/state.h"

bool weir_budget_take(weir_budget *budget, size_t bytes)
{
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (used > budget->limit || bytes > budget->limit - used)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes,
                                                    memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

void weir_budget_give(weir_budget *budget, size_t bytes)
{
    size_t before = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    weir_assert(before >= bytes);
}

void weir_budget_force(weir_budget *budget, size_t bytes)
{
    atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
}
