/* op/op_save: a slice of the state as bytes.
 *
 *     version u8 = 1 | full u8 | parts u16, then per part:
 *     kind u8: 1 or 3 aggregate, 2 last values | name blob | signature u64 | body blob
 *
 * Body of an aggregate:
 *     closed_us i64 | flows u16, names blob … | gone u32: { window_end i64, key blob } …
 *     groups u32: { window_end i64, key blob, rows zigzag, emitted u32, kind 3: unknown
 *     varint, accumulators } …
 *
 * A delta holds changed groups whole and the keys of those that went; windows at or before
 * closed_us are gone without being named. A full copy holds everything. Parts are found
 * by name, so that their order in the plan may change. Integers are little-endian.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_save.h"
#include "op_slice.h"

static bool slice_changed(const op_slice *slice)
{
    return slice->unsaved.count > 0 || slice->gone_count > 0 || slice->closed_unsaved;
}

/* Accumulators and their flags are what `bytes` of a class say they are; this is the part
   around them. */
static void save_group(const op_aggregate *aggregate, op_group *group, weir_buf *out)
{
    weir_buf_u64(out, (uint64_t)group->window_end);
    weir_buf_blob(out, op_group_key(aggregate, group));
    weir_buf_zigzag(out, group->rows);
    weir_buf_u32(out, group->emitted);
    if (aggregate->any_unknown)
        weir_buf_varint(out, group->unknown);
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        accumulator->kind->save((const char *)group + accumulator->offset, out);
    }
    group->stored = true;
}

static void save_all(const op_aggregate *aggregate, op_slice *slice, weir_buf *out)
{
    weir_assert(slice->groups <= UINT32_MAX);
    weir_buf_u32(out, (uint32_t)slice->groups);
    for (uint32_t p = 0; p < slice->panes; p++) {
        const weir_keyed *groups = &slice->pane[p]->groups;
        for (uint32_t i = 0; i < groups->room; i++) {
            op_group *group = (op_group *)(void *)weir_keyed_at(groups, i);
            if (group != NULL)
                save_group(aggregate, group, out);
        }
    }
}

static void save_unsaved(const op_aggregate *aggregate, op_slice *slice, weir_buf *out)
{
    weir_buf_u32(out, slice->unsaved.count);
    for (uint32_t i = 0; i < slice->unsaved.count; i++)
        save_group(aggregate, (op_group *)(void *)slice->unsaved.entry[i], out);
}

static void save_aggregate(weir_ops *ops, op_aggregate *aggregate, op_slice *slice, bool full,
                           weir_buf *out)
{
    uint16_t flows = 0;
    weir_buf_u64(out, (uint64_t)slice->closed_us);
    for (uint32_t o = 0; o < aggregate->outputs; o++)
        flows += !aggregate->output[o].final;
    weir_buf_u16(out, flows);
    for (uint32_t o = 0; o < aggregate->outputs; o++)
        if (!aggregate->output[o].final) /* in the order of their bits */
            weir_buf_blob(out, ops->plan->node[aggregate->output[o].node].name);
    weir_buf_u32(out, full ? 0 : slice->gone_count);
    if (!full && slice->gone_count > 0)
        weir_buf_str(out, weir_buf_view(&slice->gone));
    if (full)
        save_all(aggregate, slice, out);
    else
        save_unsaved(aggregate, slice, out);
    weir_unsaved_clear(&slice->unsaved);
    weir_buf_clear(&slice->gone);
    slice->gone_count = 0;
    slice->closed_unsaved = false;
}

static void add_part(weir_buf *out, uint8_t kind, weir_str name, uint64_t signature,
                     const weir_buf *body)
{
    weir_buf_byte(out, kind);
    weir_buf_blob(out, name);
    weir_buf_u64(out, signature);
    weir_buf_blob(out, weir_buf_view(body));
}

static uint16_t count_parts(const weir_ops *ops, uint32_t slice, bool full)
{
    uint32_t parts = 0;
    for (uint32_t a = 0; a < ops->aggregates; a++)
        parts += full || slice_changed(&ops->aggregate[a].slice[slice]);
    for (uint32_t t = 0; t < ops->plan->tables; t++)
        if (ops->source[t].last != NULL)
            parts += full || op_last_changed(ops->source[t].last, slice);
    weir_assert(parts <= UINT16_MAX);
    return (uint16_t)parts;
}

void weir_ops_save(weir_ops *ops, uint32_t slice, bool full, weir_buf *out)
{
    weir_assert(slice < WEIR_SLICES);
    uint16_t parts = count_parts(ops, slice, full);
    weir_buf body = {0};
    if (parts == 0 && !full)
        return;
    weir_buf_byte(out, OP_SAVE_VERSION);
    weir_buf_byte(out, full);
    weir_buf_u16(out, parts);
    for (uint32_t a = 0; a < ops->aggregates; a++) {
        op_aggregate *aggregate = &ops->aggregate[a];
        op_slice     *part = &aggregate->slice[slice];
        if (!full && !slice_changed(part))
            continue;
        weir_buf_clear(&body);
        save_aggregate(ops, aggregate, part, full, &body);
        add_part(out, aggregate->any_unknown ? OP_PART_UNKNOWN : OP_PART_AGGREGATE,
                 aggregate->node->name, aggregate->signature, &body);
    }
    for (uint32_t t = 0; t < ops->plan->tables; t++) {
        op_last_value *last = ops->source[t].last;
        if (last == NULL || (!full && !op_last_changed(last, slice)))
            continue;
        weir_buf_clear(&body);
        op_last_save(last, slice, full, &body);
        add_part(out, OP_PART_LAST, op_last_name(last), op_last_signature(last), &body);
    }
    weir_buf_done(&body);
}
