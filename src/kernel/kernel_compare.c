/* kernel/compare: columns with columns, columns with constants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/kernel.h"

/* NaN equals itself and is above everything; for integers these are the plain operators. */
#define EQ(a, b) ((a) == (b) || ((a) != (a) && (b) != (b)))
#define LT(a, b) ((a) < (b) || ((b) != (b) && (a) == (a)))
#define NE(a, b) (!EQ(a, b))
#define GE(a, b) (!LT(a, b))
#define GT(a, b) (LT(b, a))
#define LE(a, b) (!LT(b, a))

#define COMPARE_LOOPS(name, type, op)                                                       \
    static void columns_##op##_##name(const void *left, const void *right, size_t count,    \
                                      uint8_t *restrict out)                                \
    {                                                                                       \
        const type *a = left, *b = right;                                                   \
        for (size_t i = 0; i < count; i++)                                                  \
            out[i] = op(a[i], b[i]);                                                        \
    }                                                                                       \
    static void constant_##op##_##name(const void *left, const void *right, size_t count,   \
                                       uint8_t *restrict out)                               \
    {                                                                                       \
        const type *a = left;                                                               \
        const type  b = *(const type *)right;                                               \
        for (size_t i = 0; i < count; i++)                                                  \
            out[i] = op(a[i], b);                                                           \
    }

#define KERNEL_TYPE(name, type)                                                             \
    COMPARE_LOOPS(name, type, EQ)                                                           \
    COMPARE_LOOPS(name, type, NE)                                                           \
    COMPARE_LOOPS(name, type, LT)                                                           \
    COMPARE_LOOPS(name, type, LE)                                                           \
    COMPARE_LOOPS(name, type, GT)                                                           \
    COMPARE_LOOPS(name, type, GE)
#include "weir/kernel_types.def"
#undef KERNEL_TYPE

#define OPERATORS(shape, name)                                                              \
    {                                                                                       \
        [WEIR_COMPARE_EQ] = shape##_EQ_##name, [WEIR_COMPARE_NE] = shape##_NE_##name,       \
        [WEIR_COMPARE_LT] = shape##_LT_##name, [WEIR_COMPARE_LE] = shape##_LE_##name,       \
        [WEIR_COMPARE_GT] = shape##_GT_##name, [WEIR_COMPARE_GE] = shape##_GE_##name,       \
    }

weir_compare_fn *const weir_compare_columns[WEIR_K_COUNT][WEIR_COMPARE_COUNT] = {
#define KERNEL_TYPE(name, type) [WEIR_K_##name] = OPERATORS(columns, name),
#include "weir/kernel_types.def"
#undef KERNEL_TYPE
};

weir_compare_fn *const weir_compare_constant[WEIR_K_COUNT][WEIR_COMPARE_COUNT] = {
#define KERNEL_TYPE(name, type) [WEIR_K_##name] = OPERATORS(constant, name),
#include "weir/kernel_types.def"
#undef KERNEL_TYPE
};
