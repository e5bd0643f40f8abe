/* engine/load: slices into the state, by as many threads as there are lanes, while their
 * bytes are still being fetched. See engine_load.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_ENGINE_LOAD_H
#define WEIR_ENGINE_LOAD_H

#include <pthread.h>

#include "weir/buf.h"
#include "weir/error.h"
#include "weir/limits.h"

#define ENGINE_LOAD_BYTES (2u << 20) /* per thread that wait or are being loaded, in all */

typedef struct engine_load_part { /* a slice, or what a delta has of it */
    uint32_t slice;
    bool     full;
    weir_buf bytes;
} engine_load_part;

/* Loads one; called by one thread at a time for a slice, in the order of adding. */
typedef weir_code engine_load_fn(void *self, const engine_load_part *part, weir_err *err);

typedef struct engine_load engine_load;

typedef struct engine_loader {
    engine_load  *load;
    pthread_t     thread;
    bool          started; /* else whoever adds loads */
    struct queued *first, *last;
    bool          busy;    /* with one that is no longer in the queue */
    uint64_t      failed;  /* which one; UINT64_MAX: none */
    weir_err      err;     /* why */
} engine_loader;

struct engine_load {
    engine_load_fn *load;
    void           *self;
    pthread_mutex_t lock;
    pthread_cond_t  more, less; /* parts; bytes */
    uint64_t        added;
    size_t          bytes, most; /* held now; where adding begins to wait */
    bool            waits;       /* who adds does */
    bool            over, bad;   /* no more come; one has failed */
    uint32_t        loaders;
    engine_loader   loader[WEIR_LANES_MAX];
};

void engine_load_start(engine_load *load, uint32_t loaders, engine_load_fn *fn, void *self);
/* Takes the part's bytes. Waits while too many are held, unless its thread has nothing to do.
   False: one has failed; others need not come. */
bool engine_load_add(engine_load *load, engine_load_part *part);
/* Waits for all; of several that failed the first that was added is told. */
weir_code engine_load_end(engine_load *load, weir_err *err);

#endif
