/* engine/restore: state back from the checkpoint: full copies of slices, then deltas by epoch.
 *
 * While one batch of blobs is fetched, the batch before it is loaded by as many threads as
 * there are lanes. A slice is always loaded by the same one, in the order of the list, and
 * slices share nothing.
 *
 * Gives      engine_slices_restore.
 * Always     1. at most two batches are in memory.
 *            2. of several faults the first of the list is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

#define RESTORE_AT_ONCE 8u /* blobs of a batch: full copies, or epochs' deltas */
#define RESTORE_ITEMS (RESTORE_AT_ONCE * WEIR_SLICES)

typedef struct restore_item { /* a slice, or its part of a delta */
    uint32_t slice;
    weir_str bytes;
} restore_item;

struct restore_batch;

typedef struct restore_loader {
    struct restore_batch *batch;
    uint32_t              number;
    pthread_t             thread;
    bool                  started;
    uint32_t              failed; /* item that cannot be loaded; RESTORE_ITEMS: none */
    weir_err              err;    /* why */
} restore_loader;

typedef struct restore_batch {
    engine_job      *engine;
    weir_checkpoint *checkpoint;
    bool             full; /* whole slices, not deltas */
    uint32_t         count;
    weir_blob_ref    ref[RESTORE_AT_ONCE];
    uint32_t         which[RESTORE_AT_ONCE]; /* slice, or place in engine->delta */
    weir_buf         bytes[RESTORE_AT_ONCE];
    uint32_t         items;
    restore_item     item[RESTORE_ITEMS];
    uint32_t         loaders; /* 0: it is not being loaded */
    restore_loader   loader[WEIR_LANES_MAX];
} restore_batch;

static weir_code fetch_once(void *self, weir_err *err)
{
    restore_batch *batch = self;
    for (uint32_t i = 0; i < batch->count; i++)
        weir_buf_clear(&batch->bytes[i]);
    WEIR_FAILPOINT_ONE_OF(batch->full, tk_restore_base, tk_restore_delta);
    return weir_checkpoint_fetch(batch->checkpoint, batch->ref, batch->count, batch->bytes,
                                 err);
}

static void add_item(restore_batch *batch, uint32_t slice, weir_str bytes)
{
    weir_assert(batch->items < RESTORE_ITEMS);
    batch->item[batch->items++] = (restore_item){slice, bytes};
}

static weir_code add_delta(restore_batch *batch, const engine_delta *delta, weir_str bytes,
                           weir_err *err)
{
    weir_reader reader = weir_reader_of(bytes);
    for (uint32_t parts = 0; weir_reader_left(&reader) > 0; parts++) {
        uint8_t  number = weir_read_byte(&reader);
        weir_str part = weir_read_blob(&reader);
        if (reader.bad || number >= WEIR_SLICES || parts == WEIR_SLICES)
            return engine_slices_damaged(err);
        engine_slice *slice = &batch->engine->slice[number];
        if (slice->has_full && delta->epoch <= slice->full_epoch)
            continue;
        slice->delta_bytes += part.len;
        add_item(batch, number, part);
    }
    return WEIR_OK;
}

static weir_code split(restore_batch *batch, weir_err *err)
{
    batch->items = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        weir_str bytes = weir_buf_view(&batch->bytes[i]);
        if (batch->full) {
            add_item(batch, batch->which[i], bytes);
            continue;
        }
        weir_code rc = add_delta(batch, &batch->engine->delta[batch->which[i]], bytes, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

static void *run_loader(void *argument)
{
    restore_loader      *self = argument;
    const restore_batch *batch = self->batch;
    weir_ops            *ops = batch->engine->ops;
    weir_err_clear(&self->err);
    for (uint32_t i = 0; i < batch->items; i++) {
        const restore_item *item = &batch->item[i];
        if (item->slice % batch->loaders != self->number)
            continue;
        if (weir_ops_load(ops, item->slice, batch->full, item->bytes, &self->err) ==
            WEIR_OK)
            continue;
        self->failed = i;
        break;
    }
    return NULL;
}

static void start(restore_batch *batch)
{
    batch->loaders = batch->engine->lanes;
    weir_assert(batch->loaders > 0);
    for (uint32_t i = 0; i < batch->loaders; i++) {
        restore_loader *loader = &batch->loader[i];
        *loader = (restore_loader){.batch = batch, .number = i, .failed = RESTORE_ITEMS};
        loader->started = pthread_create(&loader->thread, NULL, run_loader, loader) == 0;
        if (!loader->started)
            (void)run_loader(loader); /* here, then */
    }
}

/* The batch is loaded, or nothing of it was begun; it is empty again. */
static weir_code finish(restore_batch *batch, weir_err *err)
{
    const restore_loader *worst = NULL;
    for (uint32_t i = 0; i < batch->loaders; i++) {
        const restore_loader *loader = &batch->loader[i];
        if (loader->started)
            (void)pthread_join(loader->thread, NULL); /* it was made above */
        if (loader->failed < (worst ? worst->failed : RESTORE_ITEMS)) /* 2 */
            worst = loader;
    }
    for (uint32_t i = 0; i < batch->count; i++)
        weir_buf_done(&batch->bytes[i]);
    batch->loaders = batch->count = 0;
    if (worst == NULL)
        return WEIR_OK;
    *err = worst->err;
    return err->code;
}

typedef struct restore {
    engine_job    *engine;
    restore_batch *loading, *next; /* 1 */
} restore;

/* Fetches the next batch, and has it loaded when the one before it is. */
static weir_code turn(restore *self, weir_err *err)
{
    restore_batch *next = self->next;
    weir_err       fetch_err;
    weir_err_clear(&fetch_err);
    weir_code fetched = WEIR_OK;
    if (next->count > 0)
        fetched = engine_patiently(self->engine, fetch_once, next,
                                   WEIR_STR("the checkpoint's store"), &fetch_err);
    weir_code rc = finish(self->loading, err);
    if (rc == WEIR_OK && fetched != WEIR_OK) {
        *err = fetch_err;
        rc = fetched;
    }
    if (rc == WEIR_OK)
        rc = split(next, err);
    if (rc != WEIR_OK)
        return rc;
    if (next->items > 0)
        start(next);
    self->next = self->loading;
    self->loading = next;
    return WEIR_OK;
}

static weir_code add(restore *self, bool full, const weir_blob_ref *ref, uint32_t which,
                     weir_err *err)
{
    if (self->next->count == RESTORE_AT_ONCE ||
        (self->next->count > 0 && self->next->full != full)) {
        weir_code rc = turn(self, err);
        if (rc != WEIR_OK)
            return rc;
    }
    restore_batch *next = self->next;
    next->full = full;
    next->ref[next->count] = *ref;
    next->which[next->count++] = which;
    return WEIR_OK;
}

static weir_code load_all(restore *self, weir_err *err)
{
    engine_job *engine = self->engine;
    weir_code   rc = WEIR_OK;
    for (uint32_t i = 0; i < WEIR_SLICES && rc == WEIR_OK; i++)
        if (engine->slice[i].has_full)
            rc = add(self, true, &engine->slice[i].full, i, err);
    for (uint32_t i = 0; i < engine->deltas && rc == WEIR_OK; i++)
        rc = add(self, false, &engine->delta[i].ref, i, err);
    if (rc == WEIR_OK)
        rc = turn(self, err);
    return rc == WEIR_OK ? finish(self->loading, err) : rc;
}

weir_code engine_slices_restore(engine_job *engine, weir_checkpoint *checkpoint,
                                weir_str section, weir_err *err)
{
    restore_batch *batch = weir_heap_new(2, sizeof *batch);
    restore        self = {engine, &batch[0], &batch[1]};
    for (int i = 0; i < 2; i++) {
        batch[i].engine = engine;
        batch[i].checkpoint = checkpoint;
    }
    weir_code rc = engine_slices_read(engine, section, err);
    if (rc == WEIR_OK)
        rc = load_all(&self, err);
    weir_err ignored; /* a batch that came behind what failed */
    for (int i = 0; i < 2; i++)
        (void)finish(&batch[i], &ignored);
    weir_heap_free(batch);
    return rc;
}
