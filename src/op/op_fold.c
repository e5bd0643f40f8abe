/* op/op_fold: rows on their way into the groups of one aggregate.
 *
 * In this order: keys and arguments are evaluated, column by column; the two images of an
 * update that fall into one group with the same arguments cancel; what is left is judged
 * against the watermark and counted; then, when there is memory for all of it, groups are
 * found or made and accumulators updated.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "expr/expr_run.h"
#include "op_fold.h"
#include "op_lane_table.h"
#include "weir/kernel.h"

/* Arguments of one aggregate, of the rows that its FILTER lets through. */
static void eval_argument(op_fold *fold, uint32_t number, const weir_batch *input,
                          weir_arena *scratch, weir_row_errors *errors)
{
    const weir_aggregate *spec = &fold->aggregate->node->aggregate[number];
    weir_batch            passed = *input;
    if (spec->filter != NULL) {
        uint32_t *sel = WEIR_ARRAY(scratch, uint32_t, input->selected + 1);
        uint8_t  *mask = weir_arena_zero(scratch, input->rows + (size_t)1);
        passed.selected = weir_expr_filter(spec->filter, input, scratch, sel, errors);
        passed.sel = sel;
        for (uint32_t i = 0; i < passed.selected; i++)
            mask[sel[i]] = 1;
        fold->filter[number] = mask;
    }
    if (spec->arg != NULL && spec->fn != WEIR_AGG_COUNT_STAR)
        weir_expr_eval(spec->arg, &passed, scratch, &fold->argument[number], errors);
}

/* Rows whose keys are too long are errors; the others stay. */
static void drop_long_keys(op_fold *fold, weir_batch *input, weir_arena *scratch,
                           weir_row_errors *errors)
{
    uint32_t first = errors->count;
    for (uint32_t i = 0; i < fold->count; i++) {
        if (fold->keys.len[i] <= OP_KEY_BYTES_MAX)
            continue;
        weir_row_error error = {.row = fold->row[i], .code = WEIR_E_LIMIT,
                                .sql_at = fold->aggregate->node->sql_at};
        snprintf(error.msg, sizeof(error.msg), "group key longer than %u bytes",
                 OP_KEY_BYTES_MAX);
        expr_errors_add(errors, &error);
    }
    op_drop_failed(input, errors, first, scratch);
}

static void list_rows(op_fold *fold, const weir_batch *input, weir_arena *scratch)
{
    uint32_t count = input->selected;
    fold->count = fold->keys.count = count;
    fold->row = weir_arena_take(scratch, sizeof(uint32_t) * (count + (size_t)1));
    for (uint32_t i = 0; i < count; i++)
        fold->row[i] = weir_batch_row(input, i);
}

static void list_signs(op_fold *fold, const weir_batch *input, weir_arena *scratch)
{
    const op_aggregate *aggregate = fold->aggregate;
    const int64_t      *end = NULL;
    fold->sign = weir_arena_take(scratch, sizeof(int64_t) * (fold->count + (size_t)1));
    fold->window_end = weir_arena_take(scratch, sizeof(int64_t) * (fold->count + (size_t)1));
    if (aggregate->windowed)
        end = input->column[aggregate->node->window_end].values;
    for (uint32_t i = 0; i < fold->count; i++) {
        uint32_t row = fold->row[i];
        fold->sign[i] = input->op != NULL && weir_row_retracts(input->op[row]) ? -1 : 1;
        fold->window_end[i] = end != NULL ? end[row] : OP_FOREVER;
    }
}

void op_fold_make(op_aggregate *aggregate, const weir_batch *input, weir_arena *scratch,
                  weir_row_errors *errors, op_fold *out)
{
    const weir_node *node = aggregate->node;
    uint32_t         first = errors->count;
    weir_batch       batch = *input;
    weir_column     *key = WEIR_ARRAY(scratch, weir_column, node->groups + 1);
    *out = (op_fold){.aggregate = aggregate};
    out->argument = WEIR_ARRAY(scratch, weir_column, node->aggregates + 1);
    out->filter = WEIR_ARRAY(scratch, uint8_t *, node->aggregates + 1);
    for (uint32_t i = 0; i < node->groups; i++)
        weir_expr_eval(node->column[i], input, scratch, &key[i], errors);
    for (uint32_t i = 0; i < node->aggregates; i++)
        eval_argument(out, i, input, scratch, errors);
    op_drop_failed(&batch, errors, first, scratch);
    list_rows(out, &batch, scratch);
    if (!op_keys_make(key, node->groups, out->row, &out->keys, scratch)) {
        drop_long_keys(out, &batch, scratch, errors);
        list_rows(out, &batch, scratch);
        bool ok = op_keys_make(key, node->groups, out->row, &out->keys, scratch);
        weir_assert(ok);
    }
    list_signs(out, &batch, scratch);
}

static bool same_value(const weir_column *column, uint32_t a, uint32_t b)
{
    bool has = weir_column_has(column, a);
    if (has != weir_column_has(column, b))
        return false;
    if (!has)
        return true;
    if (column->offsets != NULL)
        return weir_str_eq(weir_column_text(column, a), weir_column_text(column, b));
    if (column->scales != NULL && column->scales[a] != column->scales[b])
        return false;
    size_t      width = weir_type_width(column->type);
    const char *values = column->values;
    return memcmp(values + a * width, values + b * width, width) == 0;
}

static bool same_arguments(const op_fold *fold, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < fold->aggregate->accumulators; i++) {
        const uint8_t     *filter = fold->filter[i];
        const weir_column *argument = &fold->argument[i];
        if (filter != NULL && filter[a] != filter[b])
            return false;
        if (filter != NULL && !filter[a])
            continue;
        bool has_argument = argument->values != NULL || argument->offsets != NULL;
        if (has_argument && !same_value(argument, a, b))
            return false;
    }
    return true;
}

static bool cancels(const op_fold *fold, uint32_t i, uint32_t j)
{
    return fold->keys.hash[i] == fold->keys.hash[j] &&
           weir_str_eq(op_keys_get(&fold->keys, i), op_keys_get(&fold->keys, j)) &&
           fold->sign[i] != fold->sign[j] &&
           same_arguments(fold, fold->row[i], fold->row[j]);
}

/* What becomes of a row. */
enum { STAYS, CANCELLED, LATE, LATE_IDLE, BEFORE };

static uint8_t lateness(const op_fold *fold, uint32_t i, const weir_rows *rows)
{
    if (!fold->aggregate->windowed)
        return STAYS;
    int64_t end = fold->window_end[i];
    if (rows->watermark != NULL && end <= rows->watermark[fold->row[i]])
        return LATE;
    if (end <= rows->closed_us)
        return LATE_IDLE;
    return end <= fold->aggregate->whole_us ? BEFORE : STAYS;
}

/* Index in the fold of the other image of row i, or WEIR_NONE. */
static uint32_t *find_partners(const op_fold *fold, const weir_rows *rows,
                               weir_arena *scratch)
{
    uint32_t *at = weir_arena_take(scratch, sizeof(uint32_t) * (rows->batch->rows + (size_t)1));
    uint32_t *out = weir_arena_take(scratch, sizeof(uint32_t) * (fold->count + (size_t)1));
    memset(at, 0xff, sizeof(uint32_t) * rows->batch->rows);
    for (uint32_t i = 0; i < fold->count; i++)
        at[fold->row[i]] = i;
    for (uint32_t i = 0; i < fold->count; i++) {
        uint32_t partner = rows->partner[fold->row[i]];
        out[i] = partner < rows->batch->rows ? at[partner] : WEIR_NONE;
    }
    return out;
}

static bool any_partner(const weir_rows *rows)
{
    uint32_t all = WEIR_NONE;
    for (uint32_t i = 0; rows->partner != NULL && i < rows->batch->rows; i++)
        all &= rows->partner[i];
    return all != WEIR_NONE;
}

static void keep_only_staying(op_fold *fold, const uint8_t *fate)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < fold->count; i++) {
        fold->row[kept] = fold->row[i];
        fold->sign[kept] = fold->sign[i];
        fold->window_end[kept] = fold->window_end[i];
        fold->keys.len[kept] = fold->keys.len[i];
        fold->keys.at[kept] = fold->keys.at[i];
        fold->keys.hash[kept] = fold->keys.hash[i];
        kept += fate[i] == STAYS;
    }
    fold->count = fold->keys.count = kept;
}

void op_fold_judge(op_fold *fold, const weir_rows *rows, weir_arena *scratch,
                   weir_push_counts *counts)
{
    uint8_t  *fate = weir_arena_zero(scratch, fold->count + (size_t)1);
    uint32_t *partner = NULL;
    if (any_partner(rows))
        partner = find_partners(fold, rows, scratch);
    for (uint32_t i = 0; partner != NULL && i < fold->count; i++) {
        uint32_t other = partner[i];
        if (other != WEIR_NONE && other > i && cancels(fold, i, other))
            fate[i] = fate[other] = CANCELLED;
    }
    for (uint32_t i = 0; i < fold->count; i++) {
        if (fate[i] == CANCELLED)
            continue;
        fate[i] = lateness(fold, i, rows);
        counts->late += fate[i] == LATE;
        counts->late_idle += fate[i] == LATE_IDLE;
    }
    for (uint32_t i = 0; partner != NULL && i < fold->count; i++) {
        uint32_t other = partner[i];
        if (other != WEIR_NONE && other > i)
            counts->split += (fate[i] == STAYS) != (fate[other] == STAYS);
    }
    keep_only_staying(fold, fate);
}

/* Rows that one accumulator takes: those its filter lets through and that have a value. */
static uint32_t choose_rows(const op_fold *fold, uint32_t number, agg_rows *rows,
                            weir_arena *scratch)
{
    const uint8_t     *filter = fold->filter[number];
    const weir_column *column = rows->column;
    if (filter == NULL && (column == NULL || column->valid == NULL))
        return fold->count;
    char    **group = weir_arena_take(scratch, sizeof(char *) * (fold->count + (size_t)1));
    uint32_t *row = weir_arena_take(scratch, sizeof(uint32_t) * (fold->count + (size_t)1));
    int64_t  *sign = weir_arena_take(scratch, sizeof(int64_t) * (fold->count + (size_t)1));
    uint32_t  kept = 0;
    for (uint32_t i = 0; i < fold->count; i++) {
        uint32_t r = fold->row[i];
        group[kept] = rows->group[i];
        row[kept] = r;
        sign[kept] = fold->sign[i];
        kept += (filter == NULL || filter[r]) && (column == NULL || weir_column_has(column, r));
    }
    rows->group = group;
    rows->row = row;
    rows->sign = sign;
    return kept;
}

size_t op_fold_bytes(const op_fold *fold, const op_lane_table *table)
{
    size_t key_bytes = 0, value_bytes = 0;
    for (uint32_t i = 0; i < fold->count; i++)
        key_bytes += weir_key_room(fold->keys.len[i]);
    for (uint32_t a = 0; a < fold->aggregate->accumulators; a++) {
        const weir_column *column = &fold->argument[a];
        const agg_class   *kind = fold->aggregate->accumulator[a].kind;
        if (kind != &agg_values_class && kind != &agg_extreme_class)
            continue;
        value_bytes += (size_t)fold->count * OP_VALUE_ROOM;
        for (uint32_t i = 0; column->offsets != NULL && i < fold->count; i++)
            value_bytes += 4 * weir_column_text(column, fold->row[i]).len;
    }
    return op_lane_growth(table, fold->count, key_bytes) + value_bytes;
}

void op_fold_apply(const op_fold *fold, op_lane_table *table, weir_arena *scratch)
{
    const op_aggregate *aggregate = fold->aggregate;
    char **group = weir_arena_take(scratch, sizeof(char *) * (fold->count + (size_t)1));
    op_lane_find(table, &fold->keys, fold->window_end, group);
    weir_count_add(group, offsetof(op_group, rows), fold->sign, fold->count);
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        if (accumulator->kind->bytes == 0)
            continue;
        agg_rows rows = {.accumulator = accumulator, .group = group, .row = fold->row,
                         .sign = fold->sign, .slab = &table->slab};
        if (fold->argument[a].values != NULL || fold->argument[a].offsets != NULL)
            rows.column = &fold->argument[a];
        rows.count = choose_rows(fold, a, &rows, scratch);
        accumulator->kind->update(&rows);
    }
}
