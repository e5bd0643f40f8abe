/* weir/kernel: the hot loops: plain pointers in, plain pointers out.
 *
 * No kernel looks at NULLs, allocates or fails. Comparisons and arithmetic run over all
 * rows, also over those that are not selected or NULL: their values are readable, and the
 * caller ignores what comes out. Masks are bytes, 0 or 1, one per row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_KERNEL_H
#define WEIR_KERNEL_H

#include <stddef.h>
#include <stdint.h>

typedef enum weir_kernel_type {
#define KERNEL_TYPE(name, type) WEIR_K_##name,
#include "weir/kernel_types.def"
#undef KERNEL_TYPE
    WEIR_K_COUNT
} weir_kernel_type;

typedef enum weir_compare {
    WEIR_COMPARE_EQ,
    WEIR_COMPARE_NE,
    WEIR_COMPARE_LT,
    WEIR_COMPARE_LE,
    WEIR_COMPARE_GT,
    WEIR_COMPARE_GE,
    WEIR_COMPARE_COUNT
} weir_compare;

/* out[i] = a[i] compared with b[i]; in the table "constant" b points to one value.
   Floats as in PostgreSQL: NaN equals NaN and is above everything. */
typedef void weir_compare_fn(const void *a, const void *b, size_t count, uint8_t *out);
extern weir_compare_fn *const weir_compare_columns[WEIR_K_COUNT][WEIR_COMPARE_COUNT];
extern weir_compare_fn *const weir_compare_constant[WEIR_K_COUNT][WEIR_COMPARE_COUNT];

typedef enum weir_arith {
    WEIR_ARITH_ADD,
    WEIR_ARITH_SUB,
    WEIR_ARITH_MUL,
    WEIR_ARITH_COUNT
} weir_arith;

/* out[i] = a[i] op b[i] for i16, i32, i64; wrapped where it overflows, and bad[i] = 1
   there. b_step is 1, or 0 when b is one constant. Gives 0 when no row overflowed. */
typedef int weir_arith_fn(const void *a, const void *b, size_t b_step, size_t count, void *out,
                          uint8_t *bad);
/* NULL for types that have no such kernel. */
extern weir_arith_fn *const weir_arith_kernel[WEIR_K_COUNT][WEIR_ARITH_COUNT];

/* mask[i] &= bit i of valid. */
void weir_mask_valid(uint8_t *mask, const uint8_t *valid, size_t count);
/* a[i] |= b[i], and a[i] = !a[i] */
void weir_mask_or(uint8_t *a, const uint8_t *b, size_t count);
void weir_mask_not(uint8_t *a, size_t count);
/* Bitmaps of `bytes` bytes. */
void weir_bits_and(const uint8_t *a, const uint8_t *b, size_t bytes, uint8_t *out);

/* Row numbers whose mask is 1, in order; gives how many. `out` has room for count and
   may be `sel` itself. */
size_t weir_select_all(const uint8_t *mask, size_t count, uint32_t *out);
size_t weir_select_some(const uint8_t *mask, const uint32_t *sel, size_t count, uint32_t *out);

/* A text that others are compared with. Eight bytes are compared at once. */
typedef struct weir_text_needle {
    uint64_t    head; /* the first 8 bytes, zeros behind a shorter text */
    uint32_t    len;
    const char *at;
} weir_text_needle;
void weir_text_needle_init(weir_text_needle *needle, const char *at, uint32_t len);
/* out[i] = 1 when text i (offsets[i]..offsets[i+1] of bytes) is one of the needles. */
void weir_text_in(const uint32_t *offsets, const char *bytes, size_t count,
                  const weir_text_needle *needle, size_t needles, uint8_t *out);

/* Updates of accumulators that lie in entries: at entry[i] + offset. sign[i] is +1 or -1,
   row[i] the row of the value. A sum is an __int128 (wrapping) and, behind it, an
   int64_t count of values. */
void weir_count_add(char *const *entry, size_t offset, const int64_t *sign, size_t count);
typedef void weir_sum_fn(char *const *entry, size_t offset, const void *value,
                         const uint32_t *row, const int64_t *sign, size_t count);
extern weir_sum_fn *const weir_sum_kernel[WEIR_K_COUNT]; /* i16 i32 i64 i128; else NULL */

/* start[i] = the start of the window of `size` that holds value[i]; windows begin at
   offset + n × size. Values of 10^17 and more wrap. */
void weir_window_start(const int64_t *value, size_t count, int64_t size, int64_t offset,
                       int64_t *start);

#endif
