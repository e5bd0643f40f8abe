/* op/op_load: a slice of the state from bytes, which are trusted in nothing.
 *
 * Every length is bounded by the bytes at hand; keys and values are decoded once to see
 * that they are some; a key belongs to its slice by its hash. What is wrong is CORRUPT with
 * the operator's name, and the state is then not to be used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "op_adopt.h"
#include "op_save.h"
#include "op_slice.h"
#include "weir/arena.h"
#include "weir/hash.h"

#define GROUP_BYTES_LEAST 14u /* of a stored group: window, length of the key, rows, emitted */

typedef struct load_work {
    weir_ops     *ops;
    op_aggregate *aggregate;
    const op_adopted *adopted; /* as it is stored; NULL: as it is */
    bool          unknown;     /* groups have a word of their own for it */
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
        load->bit[f] = op_adopted_bit(load->ops, load->aggregate, name);
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

/* Accumulators as they are. */
static bool read_accumulators(load_work *load, weir_slab *slab, op_group *group)
{
    const op_aggregate *aggregate = load->aggregate;
    for (uint32_t a = 0; a < aggregate->accumulators; a++) {
        const op_accumulator *accumulator = &aggregate->accumulator[a];
        if (load->reader->bad ||
            !accumulator->kind->load(accumulator, load->reader, slab,
                                     (char *)group + accumulator->offset))
            return false;
    }
    return true;
}

/* Those of the plan before: each to its place, and some to none. */
static bool read_adopted(load_work *load, weir_slab *slab, op_group *group)
{
    const op_adopted *adopted = load->adopted;
    uint64_t          was = group->unknown;
    group->unknown = adopted->unknown;
    for (uint32_t a = 0; a < adopted->old->values; a++) {
        const op_accumulator *stored = &adopted->accumulator[a];
        uint32_t              to = adopted->to[a];
        void *at = to != WEIR_NONE
                       ? (char *)group + load->aggregate->accumulator[to].offset
                       : weir_arena_zero(load->scratch, stored->kind->bytes + (size_t)16);
        if (load->reader->bad || !stored->kind->load(stored, load->reader, slab, at))
            return false;
        if (to == WEIR_NONE)
            stored->kind->release(slab, at);
        else if (a < 64 && to < 64 && (was >> a & 1))
            group->unknown |= UINT64_C(1) << to;
    }
    return true;
}

static bool read_group(load_work *load)
{
    op_aggregate *aggregate = load->aggregate;
    op_group      like = {.rows = 0};
    weir_str      key;
    if (!read_key(load, &like, &key))
        return false;
    op_group *group = op_slice_find(load->slice, like.window_end, like.entry.hash, key);
    bool      is_new = group == NULL;
    if (is_new)
        group = op_slice_add(load->ops, aggregate, load->slice, &like, key);
    op_pane *pane = op_slice_pane(load->slice, like.window_end);
    if (!is_new)
        op_slice_release(aggregate, pane, group);
    group->rows = weir_read_zigzag(load->reader);
    group->emitted = turn_bits(load, weir_read_u32(load->reader));
    group->unknown = load->unknown ? weir_read_varint(load->reader) : 0;
    group->stored = true;
    bool ok = load->adopted != NULL ? read_adopted(load, &pane->slab, group)
                                    : read_accumulators(load, &pane->slab, group);
    if (group->unknown != 0)
        atomic_store_explicit(&aggregate->any_unknown, true, memory_order_relaxed);
    return ok && !load->reader->bad && group->rows != 0;
}

/* Windows up to closed_us are gone. */
static void close_windows(load_work *load, int64_t closed_us)
{
    uint32_t panes = 0;
    if (!load->aggregate->windowed || closed_us < load->slice->closed_us)
        return;
    if (closed_us != INT64_MAX) /* as 0.1.0 wrote a run's end, and meant what was there */
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
    if (ok && load->slice->groups == 0 && !load->aggregate->windowed && groups > 0 &&
        groups <= weir_reader_left(load->reader) / GROUP_BYTES_LEAST)
        op_slice_reserve(load->ops, load->aggregate, load->slice, OP_FOREVER, groups);
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

static op_aggregate *find_aggregate(weir_ops *ops, const op_adopted *adopted, weir_str name)
{
    if (adopted != NULL)
        return adopted->aggregate;
    for (uint32_t a = 0; a < ops->aggregates; a++)
        if (weir_str_eq(ops->aggregate[a].node->name, name))
            return &ops->aggregate[a];
    return NULL;
}

static weir_code load_aggregate(weir_ops *ops, uint32_t slice, bool full, const stored_part *part,
                                weir_err *err)
{
    const op_adopted *adopted = op_adopted_find(ops, WEIR_KEPT_GROUPS, part->name);
    if (adopted != NULL && !adopted->loads)
        return WEIR_OK;
    op_aggregate *aggregate =
        ops->change != NULL && adopted == NULL ? NULL : find_aggregate(ops, adopted, part->name);
    if (aggregate == NULL)
        return corrupt(part, slice, "this job has no such operator", err);
    if ((adopted != NULL ? adopted->signature : aggregate->signature) != part->signature)
        return corrupt(part, slice, "its keys or aggregates are not those of this job", err);
    weir_reader reader = weir_reader_of(part->body);
    weir_arena *scratch = weir_arena_new("loading state", 64u << 10);
    load_work load = {.ops = ops, .aggregate = aggregate, .adopted = adopted,
                      .unknown = part->kind == OP_PART_UNKNOWN, .slice_number = slice,
                      .slice = &aggregate->slice[slice], .reader = &reader,
                      .scratch = scratch};
    if (load.unknown)
        atomic_store_explicit(&aggregate->any_unknown, true, memory_order_relaxed);
    bool ok = read_aggregate(&load, full);
    weir_arena_free(scratch);
    return ok ? WEIR_OK : corrupt(part, slice, "damaged", err);
}

static weir_code load_last(weir_ops *ops, uint32_t slice, bool full, const stored_part *part,
                           weir_err *err)
{
    const op_adopted *adopted = op_adopted_find(ops, WEIR_KEPT_ROWS, part->name);
    op_last_value    *last = adopted != NULL ? adopted->last : NULL;
    if (adopted != NULL && !adopted->loads)
        return WEIR_OK;
    for (uint32_t t = 0; ops->change == NULL && t < ops->plan->tables; t++)
        if (ops->source[t].last != NULL &&
            weir_str_eq(op_last_name(ops->source[t].last), part->name))
            last = ops->source[t].last;
    if (last == NULL)
        return corrupt(part, slice, "this job keeps no last values of it", err);
    if (adopted == NULL && op_last_signature(last) != part->signature)
        return corrupt(part, slice, "its columns are not those of this job", err);
    weir_reader reader = weir_reader_of(part->body);
    weir_arena *scratch = weir_arena_new("loading state", 64u << 10);
    bool        ok = op_last_load(last, adopted, slice, full, &reader, scratch);
    weir_arena_free(scratch);
    return ok ? WEIR_OK : corrupt(part, slice, "damaged", err);
}

/* Of the plan that wrote it. */
static bool kept_nothing(const weir_ops *ops)
{
    bool any = ops->change == NULL && ops->aggregates > 0;
    for (uint32_t t = 0; ops->change == NULL && t < ops->plan->tables; t++)
        any |= ops->source[t].last != NULL;
    for (uint32_t i = 0; ops->change != NULL && i < ops->change->steps; i++)
        any |= ops->change->step[i].old != NULL;
    return !any;
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
    if (bytes.len == 0 && (!full || kept_nothing(ops)))
        return WEIR_OK; /* a delta without a change; a copy of nothing, as 0.1.0 wrote it */
    if (reader.bad || version != OP_SAVE_VERSION || is_full != (full ? 1 : 0))
        return corrupt(&part, slice, "damaged, or of another version", err);
    for (uint32_t i = 0; i < parts; i++) {
        part.kind = weir_read_byte(&reader);
        part.name = weir_read_blob(&reader);
        part.signature = weir_read_u64(&reader);
        part.body = weir_read_blob(&reader);
        if (reader.bad)
            return corrupt(&part, slice, "damaged", err);
        if (part.kind < OP_PART_AGGREGATE || part.kind > OP_PART_UNKNOWN)
            return corrupt(&part, slice, "of a kind that this version does not know", err);
        weir_code rc = part.kind == OP_PART_LAST
                           ? load_last(ops, slice, full, &part, err)
                           : load_aggregate(ops, slice, full, &part, err);
        if (rc != WEIR_OK)
            return rc;
    }
    if (weir_reader_left(&reader) > 0)
        return corrupt(&part, slice, "damaged", err);
    return WEIR_OK;
}
