/* tests/faulty_store: a store in front of another that does to each request what a test says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAULTY_STORE_H
#define TESTS_FAULTY_STORE_H

#include "weir/store.h"

typedef enum faulty_act {
    FAULTY_PASS,   /* as it is */
    FAULTY_REFUSE, /* not applied; a lasting refusal (403) */
    FAULTY_BUSY,   /* not applied; try again (503) */
    FAULTY_DROP,   /* not applied, and no answer */
    FAULTY_LOSE,   /* applied, and its answer is lost */
    FAULTY_LATE,   /* no answer; applied at the next request of anybody, or by flush */
    FAULTY_FLIP,   /* reads: one byte of what was read is another */
    FAULTY_MISS    /* reads and lists: as if nothing were there */
} faulty_act;

/* `call` counts requests of this store from 1. A "list" has the prefix as its key. */
typedef faulty_act faulty_hook_fn(void *self, const char *verb, const weir_object *object,
                                  uint64_t call);

typedef struct faulty_store {
    weir_store      base; /* hand out &faulty.base */
    weir_store     *inner;
    faulty_hook_fn *hook; /* NULL: pass all */
    void           *self;
    _Atomic uint64_t calls; /* the probe asks from many threads */
    _Atomic uint64_t gets, heads, puts, put_news;
    uint64_t        flip_at; /* FLIP: this byte */
    weir_object     late;    /* waiting; its key, body and token are copies */
    bool            late_new, late_waits;
} faulty_store;

faulty_store faulty_store_new(weir_store *inner, bool probed);
void         faulty_store_flush(faulty_store *faulty); /* what is late arrives */
void         faulty_store_done(faulty_store *faulty);  /* not the inner store */

#endif
