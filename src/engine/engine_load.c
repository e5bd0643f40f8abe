/* engine/load: slices into the state, by as many threads as there are lanes, while their
 * bytes are still being fetched.
 *
 * A slice always goes to the same thread, and slices share nothing, so no order is lost.
 *
 * Always     1. what is held is at most ENGINE_LOAD_BYTES per thread, and one part for each
 *               thread that had nothing to do: a large part never waits for ever.
 *            2. what was added before the first that failed is loaded or has failed itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_load.h"

#include "weir/arena.h"

#define NONE UINT64_MAX

typedef struct queued {
    struct queued   *next;
    engine_load_part part;
    uint64_t         number; /* in the order of adding */
} queued;

static size_t held_by(const engine_load_part *part)
{
    return part->bytes.len + sizeof(queued);
}

static void load_one(engine_loader *loader, queued *one)
{
    engine_load *load = loader->load;
    size_t       bytes = held_by(&one->part);
    weir_err     err;
    weir_err_clear(&err);
    weir_code rc = loader->failed == NONE ? load->load(load->self, &one->part, &err)
                                          : WEIR_OK; /* behind what failed: not any more */
    weir_buf_done(&one->part.bytes);
    pthread_mutex_lock(&load->lock);
    if (rc != WEIR_OK) {
        loader->err = err;
        loader->failed = one->number;
        load->bad = true;
    }
    weir_assert(load->bytes >= bytes);
    load->bytes -= bytes;
    loader->busy = false;
    pthread_cond_signal(&load->less);
    pthread_mutex_unlock(&load->lock);
    weir_heap_free(one);
}

static queued *next_of(engine_loader *loader)
{
    engine_load *load = loader->load;
    pthread_mutex_lock(&load->lock);
    while (loader->first == NULL && !load->over)
        pthread_cond_wait(&load->more, &load->lock);
    queued *one = loader->first;
    if (one != NULL) {
        loader->first = one->next;
        loader->busy = true;
    }
    pthread_mutex_unlock(&load->lock);
    return one;
}

static void *loader_main(void *argument)
{
    engine_loader *loader = argument;
    for (queued *one; (one = next_of(loader)) != NULL;)
        load_one(loader, one);
    return NULL;
}

void engine_load_start(engine_load *load, uint32_t loaders, engine_load_fn *fn, void *self)
{
    weir_assert(loaders > 0);
    weir_assert(loaders <= WEIR_LANES_MAX);
    *load = (engine_load){.load = fn, .self = self, .loaders = loaders,
                          .most = (size_t)ENGINE_LOAD_BYTES * loaders};
    pthread_mutex_init(&load->lock, NULL);
    pthread_cond_init(&load->more, NULL);
    pthread_cond_init(&load->less, NULL);
    for (uint32_t i = 0; i < loaders; i++)
        load->loader[i] = (engine_loader){.load = load, .failed = NONE};
    for (uint32_t i = 0; i < loaders; i++) {
        engine_loader *loader = &load->loader[i];
        loader->started = pthread_create(&loader->thread, NULL, loader_main, loader) == 0;
    }
}

static bool has_room(const engine_load *load, const engine_loader *loader, size_t bytes)
{
    bool idle = loader->first == NULL && !loader->busy;
    return idle || load->bytes + bytes <= load->most; /* 1 */
}

bool engine_load_add(engine_load *load, engine_load_part *part)
{
    engine_loader *loader = &load->loader[part->slice % load->loaders];
    queued        *one = weir_heap_new(1, sizeof *one);
    size_t         bytes = held_by(part);
    one->part = *part;
    part->bytes = (weir_buf){0};
    pthread_mutex_lock(&load->lock);
    load->waits = true;
    while (!has_room(load, loader, bytes))
        pthread_cond_wait(&load->less, &load->lock);
    load->waits = false;
    load->bytes += bytes;
    one->number = load->added++;
    bool here = !loader->started;
    if (!here && loader->first == NULL)
        loader->first = one;
    else if (!here)
        loader->last->next = one;
    loader->last = one;
    bool good = !load->bad;
    pthread_cond_broadcast(&load->more);
    pthread_mutex_unlock(&load->lock);
    if (here)
        load_one(loader, one);
    return good;
}

weir_code engine_load_end(engine_load *load, weir_err *err)
{
    const engine_loader *worst = NULL;
    pthread_mutex_lock(&load->lock);
    load->over = true;
    pthread_cond_broadcast(&load->more);
    pthread_mutex_unlock(&load->lock);
    for (uint32_t i = 0; i < load->loaders; i++) {
        const engine_loader *loader = &load->loader[i];
        if (loader->started)
            (void)pthread_join(loader->thread, NULL); /* it was made above */
        if (loader->failed < (worst != NULL ? worst->failed : NONE))
            worst = loader;
    }
    weir_assert(load->bytes == 0);
    pthread_mutex_destroy(&load->lock);
    pthread_cond_destroy(&load->more);
    pthread_cond_destroy(&load->less);
    if (worst == NULL)
        return WEIR_OK;
    *err = worst->err;
    return err->code;
}
