/* op/expr_functions: which row function does which call.
 *
 * AND, OR, NOT, IS …, CASE and COALESCE are not here: expr_logic does them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "expr/expr_run.h"

#define STRICT(function) {.call = (function), .strict = true}
#define LOOSE(function) {.call = (function), .strict = false}

const expr_function expr_functions[WEIR_FN_COUNT] = {
    [WEIR_FN_ADD] = STRICT(expr_add),
    [WEIR_FN_SUB] = STRICT(expr_sub),
    [WEIR_FN_MUL] = STRICT(expr_mul),
    [WEIR_FN_DIV] = STRICT(expr_div),
    [WEIR_FN_MOD] = STRICT(expr_mod),
    [WEIR_FN_NEG] = STRICT(expr_neg),
    [WEIR_FN_ABS] = STRICT(expr_abs),
    [WEIR_FN_ROUND] = STRICT(expr_round),
    [WEIR_FN_TRUNC] = STRICT(expr_trunc),
    [WEIR_FN_FLOOR] = STRICT(expr_floor),
    [WEIR_FN_CEIL] = STRICT(expr_ceil),
    [WEIR_FN_SIGN] = STRICT(expr_sign),
    [WEIR_FN_EQ] = STRICT(expr_eq),
    [WEIR_FN_NE] = STRICT(expr_ne),
    [WEIR_FN_LT] = STRICT(expr_lt),
    [WEIR_FN_LE] = STRICT(expr_le),
    [WEIR_FN_GT] = STRICT(expr_gt),
    [WEIR_FN_GE] = STRICT(expr_ge),
    [WEIR_FN_DISTINCT] = LOOSE(expr_distinct),
    [WEIR_FN_NOT_DISTINCT] = LOOSE(expr_not_distinct),
    [WEIR_FN_NULLIF] = LOOSE(expr_nullif),
    [WEIR_FN_GREATEST] = LOOSE(expr_greatest),
    [WEIR_FN_LEAST] = LOOSE(expr_least),
    [WEIR_FN_IN] = LOOSE(expr_in),
    [WEIR_FN_LIKE] = STRICT(expr_like),
    [WEIR_FN_ILIKE] = STRICT(expr_ilike),
    [WEIR_FN_CONCAT] = STRICT(expr_concat),
    [WEIR_FN_LOWER] = STRICT(expr_lower),
    [WEIR_FN_UPPER] = STRICT(expr_upper),
    [WEIR_FN_BTRIM] = STRICT(expr_btrim),
    [WEIR_FN_LTRIM] = STRICT(expr_ltrim),
    [WEIR_FN_RTRIM] = STRICT(expr_rtrim),
    [WEIR_FN_LENGTH] = STRICT(expr_length),
    [WEIR_FN_OCTET_LENGTH] = STRICT(expr_octet_length),
    [WEIR_FN_SUBSTRING] = STRICT(expr_substring),
    [WEIR_FN_REPLACE] = STRICT(expr_replace),
    [WEIR_FN_LEFT] = STRICT(expr_left),
    [WEIR_FN_RIGHT] = STRICT(expr_right),
    [WEIR_FN_POSITION] = STRICT(expr_position),
    [WEIR_FN_STARTS_WITH] = STRICT(expr_starts_with),
    [WEIR_FN_EXTRACT] = STRICT(expr_extract),
    [WEIR_FN_DATE_TRUNC] = STRICT(expr_date_trunc),
    [WEIR_FN_DATE_ADD_DAYS] = STRICT(expr_date_add_days),
    [WEIR_FN_DATE_DIFF] = STRICT(expr_date_diff),
    [WEIR_FN_TIME_ADD] = STRICT(expr_time_add),
    [WEIR_FN_JSON_GET] = STRICT(expr_json_get),
    [WEIR_FN_JSON_GET_TEXT] = STRICT(expr_json_get_text),
    [WEIR_FN_CAST] = STRICT(expr_cast),
    [WEIR_FN_ASSIGN] = STRICT(expr_assign),
    [WEIR_FN_ASSIGN_KEY] = STRICT(expr_assign_key),
    [WEIR_FN_NOT_NULL] = LOOSE(expr_not_null),
};
