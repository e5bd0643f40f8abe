/* kernel/arith: adding, subtracting and multiplying integers, with overflow marked.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kernel.h"

#define ARITH_LOOP(name, type, op)                                                          \
    static int op##_##name(const void *left, const void *right, size_t b_step,              \
                           size_t count, void *restrict result, uint8_t *restrict bad)      \
    {                                                                                       \
        const type *a = left, *b = right;                                                   \
        type       *out = result;                                                           \
        int         any = 0;                                                                \
        for (size_t i = 0; i < count; i++) {                                                \
            bad[i] = __builtin_##op##_overflow(a[i], b[i * b_step], &out[i]);               \
            any |= bad[i];                                                                  \
        }                                                                                   \
        return any;                                                                         \
    }
#define ARITH_LOOPS(name, type)                                                             \
    ARITH_LOOP(name, type, add) ARITH_LOOP(name, type, sub) ARITH_LOOP(name, type, mul)

ARITH_LOOPS(i16, int16_t)
ARITH_LOOPS(i32, int32_t)
ARITH_LOOPS(i64, int64_t)

#define ARITH_ROW(name)                                                                     \
    [WEIR_K_##name] = {[WEIR_ARITH_ADD] = add_##name, [WEIR_ARITH_SUB] = sub_##name,        \
                       [WEIR_ARITH_MUL] = mul_##name}

weir_arith_fn *const weir_arith_kernel[WEIR_K_COUNT][WEIR_ARITH_COUNT] = {
    ARITH_ROW(i16),
    ARITH_ROW(i32),
    ARITH_ROW(i64),
};
