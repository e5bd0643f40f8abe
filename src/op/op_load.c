/* op/op_load: a slice of the state from bytes, which are trusted in nothing.
 *
 * Every length is bounded by the bytes at hand; keys and values are decoded once to see
 * that they are some; a key belongs to its slice by its hash. What is wrong is CORRUPT with
 * the operator's name, and the state is then not to be used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "op_save.h"
#include "op_slice.h"
#include "weir/arena.h"
#include "weir/hash.h"

typedef struct load_work {
    weir_ops     *ops;
    op_aggregate *aggregate;
    uint32_t      slice_number;
    op_slice     *slice;
    weir_reader  *reader;
    weir_arena   *scratch;
    uint32_t      bit[OP_FLOWS_MAX]; /* of this plan, per stored flow; OP_FLOWS_MAX: none */
    uint32_t      flows;
} load_work;

static bool read_flows(load_work *load)
{
    load->flows = weir_read_u16(load->reader);
    if (load->reader->bad || load->flows > OP_FLOWS_MAX)
        return false;
    for (uint32_t f = 0; f < load->flows; f++) {
        weir_str name = weir_read_blob(load->reader);
        load->bit[f] = OP_FLOWS_MAX;
        for (uint32_t o = 0; o < load->aggregate->outputs; o++) {
            const op_output *output = &load->aggregate->output[o];
            if (!output->final && weir_str_eq(name, load->ops->plan->node[output->node].name))
                load->bit[f] = output->bit;
        }
    }
    return !load->reader->bad;
}

/* A window's end and a key that belongs here. */
static bool read_key(load_work *load, op_group *out, weir_str *out_key)
{
    const op_aggregate *aggregate = load->aggregate;
    weir_datum         *value = WEIR_ARRAY(load->scratch, weir_datum, aggregate->node->groups + 1);
    out->window_end = (int64_t)weir_read_u64(load->reader);
    *out_key = weir_read_blob(load->reader);
    if (load->reader->bad || out_key->len > OP_KEY_BYTES_MAX ||
        (out->window_end == OP_FOREVER) == aggregate->windowed)
        return false;
    out->entry.hash = weir_hash64(*out_key);
    return weir_slice_of(out->entry.hash) == load->slice_number &&
           op_key_read(aggregate->key_type, aggregate->node->groups, *out_key, load->scratch,
                       value);
}

static bool read_gone(load_work *load)
{
    uint32_t gone = weir_read_u32(load->reader);
    for (uint32_t i = 0; i < gone; i++) {
        op_group like;
        weir_str key;
        if (load->reader->bad || !read_key(load, &like, &key))
            return false;
        op_group *group = op_slice_find(load->slice, like.window_end, like.entry.hash, key);
        if (group == NULL)
            continue; /* came and went between two saves */
        group->stored = false;
        op_slice_remove(load->aggregate, load->slice, group);
    }
    return !load->reader->bad;
}

static uint32_t turn_bits(const load_work *load, uint32_t stored)
{
    uint32_t bits = 0;
    for (uint32_t f = 0; f < load->flows; f++)
        if ((stored >> f & 1) && load->bit[f] < OP_FLOWS_MAX)
            bits |= 1u << load->bit[f];
    return bits;
}

static bool read_group(load_work *load)
{
    op_aggregate *aggregate = load->aggregate;
    op_group      like = {.rows = 0};
    weir_str      key;
    if (!read_key(load, &like, &key))
        return false;
    op_group *group = op_slice_find(load->slice, like.window_end, like.entry.hash, key);
    if (group != NULL) {
        group->stored = false;
        op_slice_remove(aggregate, load->slice, group);
    }
    group = op_slice_add(load->ops, aggregate, load->slice, &like, key);
    group->rows = weir_read_zigzag(load->reader);
    group->emitted = turn_bits(load, weir_read_u32(load->reader));
    group->stored = true;
    weir_slab *slab = &op_slice_pane(load->slice, like.window_end)->slab;
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        if (load->reader->bad ||
            !accumulator->kind->load(accumulator, load->reader, slab,
                                     (char *)group + accumulator->offset))
            return false;
    }
    return !load->reader->bad && group->rows != 0;
}

/* Windows up to closed_us are gone. */
static void close_windows(load_work *load, int64_t closed_us)
{
    uint32_t panes = 0;
    if (!load->aggregate->windowed || closed_us < load->slice->closed_us)
        return;
    load->slice->closed_us = closed_us;
    while (panes < load->slice->panes && load->slice->pane[panes]->end <= closed_us)
        panes++;
    op_slice_drop(load->aggregate, load->slice, panes);
    load->slice->closed_unsaved = false;
}

static bool read_aggregate(load_work *load, bool full)
{
    int64_t  closed_us = (int64_t)weir_read_u64(load->reader);
    uint64_t counted = load->slice->counted;
    if (full) {
        op_slice_done(load->slice);
        load->slice->counted = counted;
    }
    close_windows(load, closed_us);
    bool     ok = read_flows(load) && read_gone(load);
    uint32_t groups = ok ? weir_read_u32(load->reader) : 0;
    for (uint32_t i = 0; ok && i < groups; i++) {
        weir_arena_mark here = weir_arena_here(load->scratch);
        ok = read_group(load);
        weir_arena_rewind(load->scratch, here);
    }
    atomic_fetch_add(&load->ops->groups, load->slice->groups - load->slice->counted);
    load->slice->counted = load->slice->groups;
    weir_assert(load->slice->unsaved.count == 0);
    return ok && !load->reader->bad && weir_reader_left(load->reader) == 0;
}

typedef struct stored_part {
    uint8_t  kind;
    weir_str name;
    uint64_t signature;
    weir_str body;
} stored_part;

static weir_code corrupt(const stored_part *part, uint32_t slice, const char *what, weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "state of '%.*s', slice %u: %s",
                     (int)(part->name.len < 100 ? part->name.len : 100),
                     part->name.at ? part->name.at : "", slice, what);
}

static weir_code load_aggregate(weir_ops *ops, uint32_t slice, bool full, const stored_part *part,
                                weir_err *err)
{
    for (uint32_t a = 0; a < ops->aggregates; a++) {
        op_aggregate *aggregate = &ops->aggregate[a];
        if (!weir_str_eq(aggregate->node->name, part->name))
            continue;
        if (aggregate->signature != part->signature)
            return corrupt(part, slice, "its keys or aggregates are not those of this job",
                           err);
        weir_reader reader = weir_reader_of(part->body);
        weir_arena *scratch = weir_arena_new("loading state", 64u << 10);
        load_work load = {.ops = ops, .aggregate = aggregate, .slice_number = slice,
                     .slice = &aggregate->slice[slice], .reader = &reader,
                     .scratch = scratch};
        bool ok = read_aggregate(&load, full);
        weir_arena_free(scratch);
        return ok ? WEIR_OK : corrupt(part, slice, "damaged", err);
    }
    return corrupt(part, slice, "this job has no such operator", err);
}

static weir_code load_last(weir_ops *ops, uint32_t slice, bool full, const stored_part *part,
                           weir_err *err)
{
    for (uint32_t t = 0; t < ops->plan->tables; t++) {
        op_last_value *last = ops->source[t].last;
        if (last == NULL || !weir_str_eq(op_last_name(last), part->name))
            continue;
        if (op_last_signature(last) != part->signature)
            return corrupt(part, slice, "its columns are not those of this job", err);
        weir_reader reader = weir_reader_of(part->body);
        weir_arena *scratch = weir_arena_new("loading state", 64u << 10);
        bool        ok = op_last_load(last, slice, full, &reader, scratch);
        weir_arena_free(scratch);
        return ok ? WEIR_OK : corrupt(part, slice, "damaged", err);
    }
    return corrupt(part, slice, "this job keeps no last values of it", err);
}

weir_code weir_ops_load(weir_ops *ops, uint32_t slice, bool full, weir_str bytes,
                        weir_err *err)
{
    weir_assert(slice < WEIR_SLICES);
    weir_reader reader = weir_reader_of(bytes);
    stored_part part = {.name = WEIR_STR("?")};
    uint8_t     version = weir_read_byte(&reader);
    uint8_t     is_full = weir_read_byte(&reader);
    uint32_t    parts = weir_read_u16(&reader);
    if (bytes.len == 0 && !full)
        return WEIR_OK; /* a delta without a change */
    if (reader.bad || version != OP_SAVE_VERSION || is_full != (full ? 1 : 0))
        return corrupt(&part, slice, "damaged, or of another version", err);
    for (uint32_t i = 0; i < parts; i++) {
        part.kind = weir_read_byte(&reader);
        part.name = weir_read_blob(&reader);
        part.signature = weir_read_u64(&reader);
        part.body = weir_read_blob(&reader);
        if (reader.bad)
            return corrupt(&part, slice, "damaged", err);
        weir_code rc = part.kind == OP_PART_AGGREGATE
                           ? load_aggregate(ops, slice, full, &part, err)
                           : load_last(ops, slice, full, &part, err);
        if (rc != WEIR_OK)
            return rc;
    }
    if (weir_reader_left(&reader) > 0)
        return corrupt(&part, slice, "damaged", err);
    return WEIR_OK;
}
