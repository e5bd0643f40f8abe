/* checkpoint/refs: which objects a manifest needs beside itself.
 *
 *     section "refs"   version 1, varint count, each object:
 *                      varint gen, idx, epoch, number + 1 (0: the manifest itself);
 *                      of a data object: nonce 16, varint size, CRC32C u32
 *
 * The collector and `verify` read nothing else: they know no state and no sink. That is
 * enough because a reference never comes back: an epoch names what it staged itself and
 * what the manifest before it named, so an object is needed by one stretch of epochs, from
 * its own on. weir_stage_build checks it. Of a stretch of manifests only the first one has
 * to be read to know what is needed that is older than the stretch.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_refs.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint_record.h"
#include "weir/limits.h"

#define REFS_VERSION 1

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare(const void *left, const void *right)
{
    const ref_object *a = left, *b = right;
    int               order = compare_u64(a->gen, b->gen);
    if (order == 0)
        order = compare_u64(a->epoch, b->epoch); /* and so the index */
    if (order == 0)
        order = compare_u64(a->number, b->number);
    return order == 0 ? memcmp(a->nonce, b->nonce, sizeof a->nonce) : order;
}

ref_object ref_object_of(const weir_blob_ref *ref)
{
    ref_object object = {
        .gen = ref->gen, .idx = ref->idx, .epoch = ref->epoch, .number = ref->object};
    weir_assert(ref->idx >= 1);
    if (ref->object != UINT32_MAX) /* a manifest is the only one at its place */
        memcpy(object.nonce, ref->nonce, sizeof object.nonce);
    return object;
}

void ref_set_add(ref_set *set, const ref_object *object)
{
    if (set->count > 0 && compare(&set->at[set->count - 1], object) == 0)
        return; /* blobs of one object often come one behind the other */
    if (set->count == set->room) {
        uint32_t room = set->room == 0 ? 64 : set->room * 2;
        set->at = weir_heap_grow(set->at, set->room, room, sizeof *set->at);
        set->room = room;
    }
    set->at[set->count++] = *object;
    weir_assert(set->count <= set->room);
}

void ref_set_add_all(ref_set *set, const ref_set *other)
{
    weir_assert(set != other);
    for (uint32_t i = 0; i < other->count; i++)
        ref_set_add(set, &other->at[i]);
}

void ref_set_finish(ref_set *set)
{
    uint32_t kept = 0;
    if (set->count > 0)
        qsort(set->at, set->count, sizeof *set->at, compare);
    for (uint32_t i = 0; i < set->count; i++) {
        if (kept == 0 || compare(&set->at[kept - 1], &set->at[i]) != 0)
            set->at[kept++] = set->at[i];
        else if (set->at[kept - 1].size == 0)
            set->at[kept - 1] = set->at[i];
    }
    weir_assert(kept <= set->count);
    set->count = kept;
}

const ref_object *ref_set_find(const ref_set *set, const ref_object *object)
{
    if (set->count == 0)
        return NULL;
    return bsearch(object, set->at, set->count, sizeof *set->at, compare);
}

bool ref_set_has_manifest(const ref_set *set, uint64_t gen, uint64_t idx)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const ref_object *object = &set->at[i];
        if (object->number == UINT32_MAX && object->gen == gen && object->idx == idx)
            return true;
    }
    return false;
}

void ref_set_clear(ref_set *set)
{
    set->count = 0;
}

void ref_set_done(ref_set *set)
{
    weir_heap_free(set->at);
    *set = (ref_set){0};
}

void ref_set_write(const ref_set *set, weir_buf *out)
{
    weir_buf_byte(out, REFS_VERSION);
    weir_buf_varint(out, set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        const ref_object *object = &set->at[i];
        weir_assert(i == 0 || compare(object - 1, object) < 0); /* finished */
        weir_buf_varint(out, object->gen);
        weir_buf_varint(out, object->idx);
        weir_buf_varint(out, object->epoch);
        bool data = object->number != UINT32_MAX;
        weir_buf_varint(out, data ? (uint64_t)object->number + 1 : 0);
        if (!data)
            continue;
        weir_buf_add(out, object->nonce, sizeof object->nonce);
        weir_buf_varint(out, object->size);
        weir_buf_u32(out, object->crc);
    }
}

static bool read_object(weir_reader *reader, ref_object *out)
{
    *out = (ref_object){.gen = weir_read_varint(reader)};
    out->idx = weir_read_varint(reader);
    out->epoch = weir_read_varint(reader);
    uint64_t number = weir_read_varint(reader);
    if (reader->bad || out->gen > RECORD_NUMBER_MAX || out->idx == 0 ||
        out->idx > RECORD_NUMBER_MAX || out->epoch == 0 || number > UINT32_MAX)
        return false;
    out->number = number == 0 ? UINT32_MAX : (uint32_t)(number - 1);
    if (number == 0)
        return true;
    weir_str nonce = weir_read_bytes(reader, sizeof out->nonce);
    out->size = weir_read_varint(reader);
    out->crc = weir_read_u32(reader);
    if (reader->bad || out->size > WEIR_STORE_BODY_MAX)
        return false;
    memcpy(out->nonce, nonce.at, sizeof out->nonce);
    return true;
}

bool ref_set_read(ref_set *set, weir_str bytes)
{
    weir_reader reader = weir_reader_of(bytes);
    if (weir_read_byte(&reader) != REFS_VERSION)
        return false;
    uint64_t count = weir_read_varint(&reader);
    if (reader.bad || count > weir_reader_left(&reader) / 4) /* bytes of the smallest */
        return false;
    for (uint64_t i = 0; i < count; i++) {
        ref_object object;
        if (!read_object(&reader, &object))
            return false;
        ref_set_add(set, &object);
    }
    ref_set_finish(set);
    return weir_reader_left(&reader) == 0;
}
