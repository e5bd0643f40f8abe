/* op/expr_fast: calls that a kernel does for a whole column.
 *
 * Comparisons of fixed-width columns with columns and constants, text = and IN over
 * constants, + - * of integers, and casts that change no byte. Everything else, and every
 * odd case (a NULL constant, scales that differ), is left to the row functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "expr/expr_run.h"
#include "weir/kernel.h"

static weir_kernel_type kernel_type(weir_type type)
{
    static const weir_kernel_type kinds[WEIR_T_COUNT] = {
        [WEIR_T_UNKNOWN] = WEIR_K_COUNT, [WEIR_T_BOOL] = WEIR_K_u8,
        [WEIR_T_INT16] = WEIR_K_i16,     [WEIR_T_INT32] = WEIR_K_i32,
        [WEIR_T_INT64] = WEIR_K_i64,     [WEIR_T_FLOAT32] = WEIR_K_f32,
        [WEIR_T_FLOAT64] = WEIR_K_f64,   [WEIR_T_NUMERIC] = WEIR_K_i128,
        [WEIR_T_TEXT] = WEIR_K_COUNT,    [WEIR_T_BYTEA] = WEIR_K_COUNT,
        [WEIR_T_JSONB] = WEIR_K_COUNT,   [WEIR_T_DATE] = WEIR_K_i32,
        [WEIR_T_TIME] = WEIR_K_i64,      [WEIR_T_TIMESTAMP] = WEIR_K_i64,
        [WEIR_T_TIMESTAMPTZ] = WEIR_K_i64, [WEIR_T_INTERVAL] = WEIR_K_COUNT,
    };
    return kinds[type.id];
}

/* The constant as it would lie in a column of `type`; false: it cannot. */
static bool constant_bytes(const expr_arg *arg, weir_type type, void *to)
{
    const weir_datum *value = &arg->value;
    weir_i128         scaled;
    int               up = type.scale - value->scale;
    switch (kernel_type(type)) {
    case WEIR_K_u8:
        *(uint8_t *)to = value->boolean;
        return true;
    case WEIR_K_i16:
        *(int16_t *)to = (int16_t)value->i64;
        return true;
    case WEIR_K_i32:
        *(int32_t *)to = (int32_t)value->i64;
        return true;
    case WEIR_K_i64:
        *(int64_t *)to = value->i64;
        return true;
    case WEIR_K_f32:
        *(float *)to = (float)value->f64;
        return true;
    case WEIR_K_f64:
        *(double *)to = value->f64;
        return true;
    case WEIR_K_i128: /* exactly, or not at all */
        if (!weir_i128_rescale(value->i128, value->scale, type.scale, &scaled))
            return false;
        if (up < 0 && (scaled == 0 ? value->i128 != 0
                                   : -up > WEIR_NUMERIC_DIGITS ||
                                         value->i128 % weir_i128_power10(-up) != 0))
            return false;
        memcpy(to, &scaled, sizeof(scaled));
        return true;
    case WEIR_K_COUNT:
        break;
    }
    return false;
}

/* Bits of both, NULL when all rows have values. */
static const uint8_t *valid_of(expr_run *run, const expr_arg *a, const expr_arg *b)
{
    const uint8_t *left = a->constant ? NULL : a->column.valid;
    const uint8_t *right = b->constant ? NULL : b->column.valid;
    if (left == NULL || right == NULL)
        return left != NULL ? left : right;
    size_t   bytes = ((size_t)run->input->rows + 7) / 8;
    uint8_t *both = weir_arena_take(run->arena, bytes + 1);
    weir_bits_and(left, right, bytes, both);
    return both;
}

static bool same_layout(weir_type a, weir_type b)
{
    if (a.id != WEIR_T_NUMERIC)
        return a.id == b.id;
    return b.id == WEIR_T_NUMERIC && a.scale == b.scale && a.scale != WEIR_SCALE_ANY;
}

static uint8_t *new_mask(expr_run *run)
{
    return weir_arena_take(run->arena, run->input->rows + (size_t)1);
}

static bool compare_text(expr_run *run, weir_compare compare, const expr_arg *arg,
                         weir_column *out)
{
    bool equal = compare == WEIR_COMPARE_EQ || compare == WEIR_COMPARE_NE;
    if (!equal || arg[0].constant || !arg[1].constant ||
        arg[1].value.text.len > UINT32_MAX)
        return false;
    weir_text_needle needle;
    uint8_t         *mask = new_mask(run);
    weir_text_needle_init(&needle, arg[1].value.text.at, (uint32_t)arg[1].value.text.len);
    weir_text_in(arg[0].column.offsets, arg[0].column.bytes, run->input->rows, &needle, 1,
                 mask);
    if (compare == WEIR_COMPARE_NE)
        weir_mask_not(mask, run->input->rows);
    *out = (weir_column){.type = weir_type_of(WEIR_T_BOOL),
                         .values = mask,
                         .valid = arg[0].column.valid};
    return true;
}

static bool compare(expr_run *run, weir_compare compare, const expr_arg *arg,
                    weir_column *out)
{
    static const weir_compare turned[] = {
        [WEIR_COMPARE_EQ] = WEIR_COMPARE_EQ, [WEIR_COMPARE_NE] = WEIR_COMPARE_NE,
        [WEIR_COMPARE_LT] = WEIR_COMPARE_GT, [WEIR_COMPARE_LE] = WEIR_COMPARE_GE,
        [WEIR_COMPARE_GT] = WEIR_COMPARE_LT, [WEIR_COMPARE_GE] = WEIR_COMPARE_LE,
    };
    const expr_arg *a = &arg[0], *b = &arg[1];
    if ((a->constant && a->value.null) || (b->constant && b->value.null) ||
        (a->constant && b->constant))
        return false;
    if (weir_type_is_text(a->type) && weir_type_is_text(b->type))
        return compare_text(run, compare, arg, out);
    if (a->constant) {
        a = &arg[1];
        b = &arg[0];
        compare = turned[compare];
    }
    weir_kernel_type kind = kernel_type(a->type);
    _Alignas(16) char constant[16];
    if (kind == WEIR_K_COUNT || a->type.scale == WEIR_SCALE_ANY || a->type.id != b->type.id)
        return false;
    if (b->constant ? !constant_bytes(b, a->type, constant)
                    : !same_layout(a->type, b->type))
        return false;
    uint8_t *mask = new_mask(run);
    if (b->constant)
        weir_compare_constant[kind][compare](a->column.values, constant, run->input->rows,
                                             mask);
    else
        weir_compare_columns[kind][compare](a->column.values, b->column.values,
                                            run->input->rows, mask);
    *out = (weir_column){.type = weir_type_of(WEIR_T_BOOL),
                         .values = mask,
                         .valid = valid_of(run, a, b)};
    return true;
}

static bool all_constants(const weir_expr *expr, const expr_arg *arg)
{
    for (uint32_t i = 1; i < expr->args; i++)
        if (!arg[i].constant || arg[i].value.null)
            return false;
    return expr->args > 1 && !arg[0].constant;
}

static bool text_in(expr_run *run, const weir_expr *expr, const expr_arg *arg, uint8_t *mask)
{
    uint32_t          needles = expr->args - 1;
    weir_text_needle *needle = WEIR_ARRAY(run->arena, weir_text_needle, needles);
    for (uint32_t i = 0; i < needles; i++) {
        if (arg[i + 1].value.text.len > UINT32_MAX)
            return false;
        weir_text_needle_init(&needle[i], arg[i + 1].value.text.at,
                              (uint32_t)arg[i + 1].value.text.len);
    }
    weir_text_in(arg[0].column.offsets, arg[0].column.bytes, run->input->rows, needle,
                 needles, mask);
    return true;
}

static bool fixed_in(expr_run *run, const weir_expr *expr, const expr_arg *arg,
                     uint8_t *mask)
{
    weir_kernel_type kind = kernel_type(arg[0].type);
    uint8_t         *one = new_mask(run);
    memset(mask, 0, run->input->rows);
    for (uint32_t i = 1; i < expr->args; i++) {
        _Alignas(16) char constant[16];
        if (!constant_bytes(&arg[i], arg[0].type, constant))
            return false;
        weir_compare_constant[kind][WEIR_COMPARE_EQ](arg[0].column.values, constant,
                                                     run->input->rows, one);
        weir_mask_or(mask, one, run->input->rows);
    }
    return true;
}

static bool in(expr_run *run, const weir_expr *expr, const expr_arg *arg, weir_column *out)
{
    if (!all_constants(expr, arg))
        return false;
    uint8_t *mask = new_mask(run);
    if (weir_type_is_text(arg[0].type)) {
        if (!text_in(run, expr, arg, mask))
            return false;
    } else if (kernel_type(arg[0].type) == WEIR_K_COUNT ||
               arg[0].type.scale == WEIR_SCALE_ANY || !fixed_in(run, expr, arg, mask)) {
        return false;
    }
    *out = (weir_column){.type = weir_type_of(WEIR_T_BOOL),
                         .values = mask,
                         .valid = arg[0].column.valid};
    return true;
}

static void report_overflows(expr_run *run, const weir_expr *expr, expr_rows rows,
                             const uint8_t *bad, const uint8_t *valid)
{
    const char *name = expr->type.id == WEIR_T_INT16   ? "smallint out of range"
                       : expr->type.id == WEIR_T_INT32 ? "integer out of range"
                                                       : "bigint out of range";
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = expr_row(rows, i);
        if (bad[row] && (valid == NULL || (valid[row >> 3] >> (row & 7) & 1)))
            expr_report(run, expr, row, WEIR_E_DECODE, name);
    }
}

static bool arith(expr_run *run, const weir_expr *expr, const expr_arg *arg, expr_rows rows,
                  weir_column *out)
{
    weir_arith        op = expr->function == WEIR_FN_ADD   ? WEIR_ARITH_ADD
                           : expr->function == WEIR_FN_SUB ? WEIR_ARITH_SUB
                                                           : WEIR_ARITH_MUL;
    weir_kernel_type  kind = kernel_type(expr->type);
    _Alignas(16) char constant[16];
    if (kind == WEIR_K_COUNT || weir_arith_kernel[kind][op] == NULL || arg[0].constant ||
        arg[0].type.id != expr->type.id || arg[1].type.id != expr->type.id)
        return false;
    if (arg[1].constant &&
        (arg[1].value.null || !constant_bytes(&arg[1], expr->type, constant)))
        return false;
    size_t         count = run->input->rows;
    void          *result = weir_arena_take(run->arena, weir_type_width(expr->type) * count + 1);
    uint8_t       *bad = new_mask(run);
    const uint8_t *valid = valid_of(run, &arg[0], &arg[1]);
    const void    *b = arg[1].constant ? (const void *)constant : arg[1].column.values;
    if (weir_arith_kernel[kind][op](arg[0].column.values, b, !arg[1].constant, count, result,
                                    bad))
        report_overflows(run, expr, rows, bad, valid);
    *out = (weir_column){.type = expr->type, .values = result, .valid = valid};
    return true;
}

/* The same bytes under another type: text to text, timestamptz to timestamp, a numeric
   that keeps its scale and cannot have too many digits. */
static bool same_bytes(const weir_expr *expr, const expr_arg *arg, weir_column *out)
{
    weir_type from = arg[0].type, to = expr->type;
    if (arg[0].constant)
        return false;
    bool moment = (from.id == WEIR_T_TIMESTAMP || from.id == WEIR_T_TIMESTAMPTZ) &&
                  (to.id == WEIR_T_TIMESTAMP || to.id == WEIR_T_TIMESTAMPTZ);
    bool same = moment || from.id == to.id;
    if (from.id == WEIR_T_JSONB && to.id == WEIR_T_TEXT)
        same = true;
    if (to.id == WEIR_T_TEXT && to.length > 0 && to.length != from.length)
        same = false;
    if (to.id == WEIR_T_NUMERIC && same)
        same = from.scale == to.scale &&
               (to.precision == 0 || (from.precision > 0 && from.precision <= to.precision));
    if (!same)
        return false;
    *out = arg[0].column;
    out->type = to;
    return true;
}

bool expr_fast(expr_run *run, const weir_expr *expr, const expr_arg *arg, expr_rows rows,
               weir_column *out)
{
    switch (expr->function) {
    case WEIR_FN_EQ:
        return compare(run, WEIR_COMPARE_EQ, arg, out);
    case WEIR_FN_NE:
        return compare(run, WEIR_COMPARE_NE, arg, out);
    case WEIR_FN_LT:
        return compare(run, WEIR_COMPARE_LT, arg, out);
    case WEIR_FN_LE:
        return compare(run, WEIR_COMPARE_LE, arg, out);
    case WEIR_FN_GT:
        return compare(run, WEIR_COMPARE_GT, arg, out);
    case WEIR_FN_GE:
        return compare(run, WEIR_COMPARE_GE, arg, out);
    case WEIR_FN_IN:
        return in(run, expr, arg, out);
    case WEIR_FN_ADD:
    case WEIR_FN_SUB:
    case WEIR_FN_MUL:
        return arith(run, expr, arg, rows, out);
    case WEIR_FN_CAST:
    case WEIR_FN_ASSIGN:
        return same_bytes(expr, arg, out);
    default:
        return false;
    }
}
