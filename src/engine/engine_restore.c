/* engine/restore: state back from the checkpoint: full copies of slices, then deltas by epoch.
 *
 * Blobs are fetched some at a time, as they are stored, and expanded piece by piece: a
 * slice, or its part of a delta, at a time. Threads load these while more come.
 *
 * Gives      engine_slices_restore.
 * Always     1. what is held beside the state is RESTORE_STORED_BYTES of stored blobs (or one
 *               blob that is larger) and what engine_load.c holds: a start takes no more
 *               memory than the job that goes on.
 *            2. of several faults the first of the list is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_load.h"
#include "engine_parts.h"

#define RESTORE_AT_ONCE WEIR_STORE_PARALLEL /* blobs */
#define RESTORE_STORED_BYTES (2u << 20)     /* of blobs that are fetched at once */
#define SKIP_BYTES 65536u                   /* of parts that nobody wants, at once */

typedef struct restore {
    engine_job      *engine;
    weir_checkpoint *checkpoint;
    engine_load      load;
    bool             full; /* whole slices, not deltas */
    uint32_t         count;
    uint64_t         stored; /* bytes */
    weir_blob_ref    ref[RESTORE_AT_ONCE];
    uint32_t         which[RESTORE_AT_ONCE]; /* slice, or place in engine->delta */
    weir_buf         bytes[RESTORE_AT_ONCE];
} restore;

static weir_code fetch_once(void *self, weir_err *err)
{
    restore *r = self;
    WEIR_FAILPOINT_ONE_OF(r->full, tk_restore_base, tk_restore_delta);
    return weir_checkpoint_fetch_stored(r->checkpoint, r->ref, r->count, r->bytes, err);
}

static weir_code load_part(void *self, const engine_load_part *part, weir_err *err)
{
    engine_job *engine = self;
    weir_code   rc = weir_ops_load(engine->ops, part->slice, part->full,
                                   weir_buf_view(&part->bytes), err);
    if (part->full)
        engine->slice[part->slice].full_counted =
            weir_ops_slice_bytes(engine->ops, part->slice);
    return rc;
}

/* The next `len` bytes of a blob are for a slice. */
static weir_code give(restore *r, weir_blob *blob, uint32_t slice, size_t len, weir_err *err)
{
    engine_load_part part = {.slice = slice, .full = r->full};
    weir_buf_reserve(&part.bytes, len);
    weir_code rc = weir_blob_take(blob, len, &part.bytes, err);
    if (rc == WEIR_OK && !engine_load_add(&r->load, &part))
        rc = WEIR_E_STOPPED; /* the loaders know why */
    weir_buf_done(&part.bytes);
    return rc;
}

static weir_code skip(weir_blob *blob, uint64_t len, weir_err *err)
{
    weir_buf  none = {0};
    weir_code rc = WEIR_OK;
    for (uint64_t left = len; left > 0 && rc == WEIR_OK;) {
        size_t some = left < SKIP_BYTES ? (size_t)left : SKIP_BYTES;
        weir_buf_clear(&none);
        rc = weir_blob_take(blob, some, &none, err);
        left -= some;
    }
    weir_buf_done(&none);
    return rc;
}

/* In front of a part: slice u8, then its length as a varint. */
static weir_code take_head(weir_blob *blob, uint8_t *slice, uint64_t *len, weir_err *err)
{
    weir_buf    head = {0};
    weir_reader reader;
    weir_code   rc;
    do {
        rc = weir_blob_left(blob) > 0 ? weir_blob_take(blob, 1, &head, err)
                                      : engine_slices_damaged(err);
        reader = weir_reader_of(weir_buf_view(&head));
        *slice = weir_read_byte(&reader);
        *len = weir_read_varint(&reader);
    } while (rc == WEIR_OK && reader.bad && head.len < 11);
    weir_buf_done(&head);
    if (rc != WEIR_OK)
        return rc;
    if (reader.bad || *slice >= WEIR_SLICES || *len > weir_blob_left(blob))
        return engine_slices_damaged(err);
    return WEIR_OK;
}

static weir_code give_delta(restore *r, weir_blob *blob, const engine_delta *delta,
                            weir_err *err)
{
    for (uint32_t parts = 0; weir_blob_left(blob) > 0; parts++) {
        uint8_t   number;
        uint64_t  len;
        weir_code rc = take_head(blob, &number, &len, err);
        if (rc != WEIR_OK)
            return rc;
        if (parts == WEIR_SLICES)
            return engine_slices_damaged(err);
        engine_slice *slice = &r->engine->slice[number];
        bool          old = slice->has_full && delta->epoch <= slice->full_epoch;
        if (!old)
            slice->delta_bytes += len;
        rc = old ? skip(blob, len, err) : give(r, blob, number, (size_t)len, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

/* Fetches what was collected, and has it loaded. */
static weir_code turn(restore *r, weir_err *err)
{
    weir_code rc = WEIR_OK;
    if (r->count > 0)
        rc = engine_patiently(r->engine, fetch_once, r, WEIR_STR("the checkpoint's store"), err);
    for (uint32_t i = 0; i < r->count; i++) {
        if (rc == WEIR_OK) {
            weir_str   stored = weir_buf_view(&r->bytes[i]);
            weir_blob *blob = weir_blob_new(r->checkpoint, &r->ref[i], stored);
            rc = r->full ? give(r, blob, r->which[i], (size_t)weir_blob_left(blob), err)
                         : give_delta(r, blob, &r->engine->delta[r->which[i]], err);
            weir_blob_free(blob);
        }
        weir_buf_done(&r->bytes[i]);
    }
    r->count = 0;
    r->stored = 0;
    return rc;
}

static weir_code add(restore *r, bool full, const weir_blob_ref *ref, uint32_t which,
                     weir_err *err)
{
    if (r->count == RESTORE_AT_ONCE ||
        (r->count > 0 &&
         (r->full != full || r->stored + ref->length > RESTORE_STORED_BYTES))) { /* 1 */
        weir_code rc = turn(r, err);
        if (rc != WEIR_OK)
            return rc;
    }
    r->full = full;
    r->ref[r->count] = *ref;
    r->which[r->count++] = which;
    r->stored += ref->length;
    return WEIR_OK;
}

static weir_code load_all(restore *r, weir_err *err)
{
    engine_job *engine = r->engine;
    weir_code   rc = WEIR_OK;
    for (uint32_t i = 0; i < WEIR_SLICES && rc == WEIR_OK; i++)
        if (engine->slice[i].has_full)
            rc = add(r, true, &engine->slice[i].full, i, err);
    for (uint32_t i = 0; i < engine->deltas && rc == WEIR_OK; i++)
        rc = add(r, false, &engine->delta[i].ref, i, err);
    return rc == WEIR_OK ? turn(r, err) : rc;
}

weir_code engine_slices_restore(engine_job *engine, weir_checkpoint *checkpoint,
                                weir_str section, weir_err *err)
{
    weir_code rc = engine_slices_read(engine, section, err);
    if (rc != WEIR_OK)
        return rc;
    restore *r = weir_heap_new(1, sizeof *r);
    r->engine = engine;
    r->checkpoint = checkpoint;
    engine_load_start(&r->load, engine->lanes, load_part, engine);
    rc = load_all(r, err);
    weir_err  load_err;
    weir_code loaded = engine_load_end(&r->load, &load_err);
    if (loaded != WEIR_OK) { /* 2: what was added came before what could not be */
        *err = load_err;
        rc = loaded;
    }
    weir_heap_free(r);
    return rc;
}
