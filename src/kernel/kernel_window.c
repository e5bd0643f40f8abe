/* kernel/window: which window a time falls into.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kernel.h"

void weir_window_start(const int64_t *value, size_t count, int64_t size, int64_t offset,
                       int64_t *restrict start)
{
    int64_t last = INT64_MIN; /* most rows fall into the window of the row before */
    for (size_t i = 0; i < count; i++) {
        int64_t into = (int64_t)((uint64_t)value[i] - (uint64_t)last);
        if (into < 0 || into >= size || last == INT64_MIN) {
            int64_t shifted = (int64_t)((uint64_t)value[i] - (uint64_t)offset);
            int64_t rest = shifted % size;
            rest += rest < 0 ? size : 0;
            last = (int64_t)((uint64_t)value[i] - (uint64_t)rest);
        }
        start[i] = last;
    }
}
