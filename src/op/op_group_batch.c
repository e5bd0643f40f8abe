/* op/op_group_batch: groups as rows: their keys, then their aggregates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "expr/expr_run.h"
#include "op_slice.h"

static void build_keys(const op_aggregate *aggregate, const op_group *group,
                       weir_arena *arena, weir_datum *room, weir_builder *builder)
{
    uint32_t keys = aggregate->node->groups;
    bool     ok = op_key_read(aggregate->key_type, keys, op_group_key(aggregate, group), arena,
                              room);
    weir_assert(ok); /* made by op_keys_make, or judged when it was loaded */
    for (uint32_t i = 0; i < keys; i++)
        weir_builder_datum(&builder[i], &room[i]);
}

static void build_aggregate(const op_aggregate *aggregate, uint32_t number,
                            const op_group *group, weir_arena *arena, weir_builder *builder,
                            weir_row_errors *errors)
{
    agg_result result = {.accumulator = &aggregate->accumulator[number],
                         .group = (const char *)group,
                         .rows = group->rows,
                         .arena = arena};
    weir_datum value = {.null = true};
    bool       unknown = number < 64 && (group->unknown >> number & 1);
    if (!unknown && !result.accumulator->kind->finish(&result, &value)) {
        weir_row_error error = {.row = builder->rows, .code = WEIR_E_DECODE,
                                .sql_at = aggregate->node->sql_at};
        memcpy(error.msg, result.msg, sizeof(error.msg));
        expr_errors_add(errors, &error);
        value = (weir_datum){.null = true};
    }
    weir_builder_datum(builder, &value);
}

void op_group_batch(const op_aggregate *aggregate, op_group *const *group, uint32_t count,
                    weir_arena *arena, weir_batch *out, weir_row_errors *errors)
{
    const weir_node *node = aggregate->node;
    uint32_t         columns = node->groups + node->aggregates;
    weir_builder    *builder = WEIR_ARRAY(arena, weir_builder, columns + 1);
    weir_column     *column = WEIR_ARRAY(arena, weir_column, columns + 1);
    weir_datum      *key = WEIR_ARRAY(arena, weir_datum, node->groups + 1);
    for (uint32_t c = 0; c < columns; c++)
        weir_builder_start(&builder[c], arena,
                           c < node->groups ? aggregate->key_type[c]
                                            : aggregate->accumulator[c - node->groups].result,
                           count);
    for (uint32_t i = 0; i < count; i++) {
        build_keys(aggregate, group[i], arena, key, builder);
        for (uint32_t a = 0; a < node->aggregates; a++)
            build_aggregate(aggregate, a, group[i], arena, &builder[node->groups + a], errors);
    }
    for (uint32_t c = 0; c < columns; c++)
        column[c] = weir_builder_end(&builder[c]);
    *out = (weir_batch){.rows = count, .selected = count, .columns = columns,
                        .column = column};
}
