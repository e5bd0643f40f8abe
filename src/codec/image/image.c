/* codec/image: writing rows.
 *
 * Gives      image_rows_start, image_put, image_rows_end, image_problem.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void image_rows_start(image_rows *rows, const image_plan *plan, weir_arena *arena,
                      uint32_t rows_max)
{
    weir_assert(rows_max <= WEIR_BATCH_ROWS);
    rows->arena = arena;
    rows->rows = 0;
    rows->problem = NULL;
    rows->problems = rows->problems_room = 0;
    rows->builder = WEIR_ARRAY(arena, weir_builder, plan->columns);
    rows->op = weir_arena_take(arena, rows_max + 1);
    for (uint32_t i = 0; i < plan->columns; i++) {
        if (plan->column[i].stored)
            weir_builder_start(&rows->builder[i], arena, plan->rule[i].type, rows_max);
    }
}

static weir_problem *new_problem(image_rows *rows, uint32_t record)
{
    if (rows->problems == rows->problems_room) {
        uint32_t      room = rows->problems_room ? 4 * rows->problems_room : 4;
        weir_problem *more = weir_arena_take(rows->arena, room * sizeof *more);
        if (rows->problems)
            memcpy(more, rows->problem, rows->problems * sizeof *more);
        rows->problem = more;
        rows->problems_room = room;
    }
    weir_problem *problem = &rows->problem[rows->problems++];
    *problem = (weir_problem){.record = record};
    return problem;
}

uint32_t image_problem(image_rows *rows, uint32_t record, const char *code,
                       const char *format, ...)
{
    weir_problem *problem = new_problem(rows, record);
    va_list       args;
    va_start(args, format);
    problem->code = code;
    vsnprintf(problem->msg, sizeof problem->msg, format, args);
    va_end(args);
    return rows->problems - 1;
}

/* A column whose value is not kept: it can only be missing. */
static bool judge(const value_rule *rule, const scan_token *token, value_fault *fault)
{
    if (token->kind > SCAN_NULL || !rule->not_null)
        return true;
    return value_fail(fault, "NOT_NULL", "null value violates the not-null constraint");
}

static bool put_field(image_rows *rows, const image_column *column,
                      const image_tokens *tokens, uint32_t i)
{
    const scan_token *token = &tokens->slot[tokens->at[i]];
    if (tokens->partial && !column->key && token->kind <= SCAN_NULL) {
        if (column->stored) {
            value_mark(&rows->builder[i], false);
            weir_builder_null(&rows->builder[i]);
        }
        return true;
    }
    if (!column->stored)
        return judge(&tokens->rule[i], token, &rows->fault);
    return value_put(&rows->builder[i], &tokens->rule[i], token, &rows->fault);
}

static bool put_column(image_rows *rows, image_plan *plan, const image_tokens *tokens,
                       const image_source *source, uint32_t i)
{
    const image_column *column = &plan->column[i];
    value_fault        *fault = &rows->fault;
    bool                good = column->from == WEIR_FROM_FIELD
                                   ? put_field(rows, column, tokens, i)
                                   : image_put_meta(&rows->builder[i], plan, i, source, fault);
    if (good)
        return true;
    weir_problem *problem = new_problem(rows, source->record);
    problem->column = plan->setup->schema->field[column->column].name;
    problem->code = fault->code;
    memcpy(problem->msg, fault->msg, sizeof problem->msg);
    return false;
}

_Static_assert(sizeof(((value_fault *)0)->msg) == sizeof(((weir_problem *)0)->msg),
               "copied whole");

uint32_t image_put(image_rows *rows, image_plan *plan, const image_tokens *tokens,
                   const image_source *source, uint8_t row_op)
{
    uint32_t row = rows->rows;
    for (uint32_t i = 0; i < plan->columns; i++) {
        if (put_column(rows, plan, tokens, source, i))
            continue;
        for (uint32_t k = 0; k < i; k++) /* take back what was written (1) */
            rows->builder[k].rows = row;
        return WEIR_NO_ROW;
    }
    rows->op[row] = row_op;
    rows->rows++;
    return row;
}

weir_batch *image_rows_end(image_rows *rows, const image_plan *plan)
{
    const weir_schema *schema = plan->setup->schema;
    weir_column       *column = WEIR_ARRAY(rows->arena, weir_column, schema->count);
    for (uint32_t i = 0; i < plan->columns; i++) {
        if (!plan->column[i].stored)
            continue;
        weir_assert(rows->builder[i].rows == rows->rows); /* 1 */
        column[plan->column[i].column] = weir_builder_end(&rows->builder[i]);
    }
    weir_batch *batch = WEIR_NEW(rows->arena, weir_batch);
    batch->rows = rows->rows;
    batch->selected = rows->rows;
    batch->columns = schema->count;
    batch->column = column;
    batch->op = rows->op;
    return batch;
}
