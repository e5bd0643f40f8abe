/* kernel/sum: adding rows to the accumulators of their groups.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kernel.h"

typedef struct sum_cell {
    __int128 sum;
    int64_t  count;
} sum_cell;

void weir_count_add(char *const *entry, size_t offset, const int64_t *sign, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *(int64_t *)(void *)(entry[i] + offset) += sign[i];
}

/* Sums wrap: they are added as unsigned. */
#define SUM_LOOP(name, type)                                                                \
    static void sum_##name(char *const *entry, size_t offset, const void *values,           \
                           const uint32_t *row, const int64_t *sign, size_t count)          \
    {                                                                                       \
        const type *value = values;                                                         \
        for (size_t i = 0; i < count; i++) {                                                \
            sum_cell         *cell = (sum_cell *)(void *)(entry[i] + offset);               \
            unsigned __int128 v = (unsigned __int128)(__int128)value[row[i]];               \
            v = sign[i] < 0 ? -v : v;                                                       \
            cell->sum = (__int128)((unsigned __int128)cell->sum + v);                       \
            cell->count += sign[i];                                                         \
        }                                                                                   \
    }

SUM_LOOP(i16, int16_t)
SUM_LOOP(i32, int32_t)
SUM_LOOP(i64, int64_t)
SUM_LOOP(i128, __int128)

weir_sum_fn *const weir_sum_kernel[WEIR_K_COUNT] = {
    [WEIR_K_i16] = sum_i16,
    [WEIR_K_i32] = sum_i32,
    [WEIR_K_i64] = sum_i64,
    [WEIR_K_i128] = sum_i128,
};
