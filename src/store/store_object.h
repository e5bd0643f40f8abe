/* store/object: what every kind does with keys and outcomes in the same way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include "weir/store.h"

/* A key that every kind of store can keep apart from every other: 1 to
   WEIR_KEY_BYTES_MAX bytes, no NUL, segments of 1 to 255 bytes that are neither '.' nor
   '..' nor begin with '.weir-'. NULL when it is fine, else what is wrong with it. */
const char *store_key_fault(weir_str key);

/* Sets the outcome of one request, or of none yet (rc OK). */
void store_object_start(weir_object *object);
void store_object_answer(weir_object *object, weir_code rc, bool permanent,
                         const char *format, ...) WEIR_PRINTF(4, 5);

/* Whether put and put_new may go on with the object: its key, token and size are fine.
   If not it has its outcome. */
bool store_put_checked(weir_object *object);

/* The first outcome that is not OK as the outcome of the call: fate RETRY when trying
   again can help. */
weir_code store_outcome(const char *verb, const weir_object *object, size_t count,
                        weir_err *err);

/* What list collects: keys are copied into the arena, the array too, by finish. */
typedef struct store_listing {
    weir_arena *arena;
    weir_buf    listed; /* of weir_listed */
    uint32_t    count, most;
} store_listing;
void store_listing_add(store_listing *listing, weir_str key, uint64_t size,
                       int64_t modified_us);
void store_listing_finish(store_listing *listing, weir_listed **out, uint32_t *out_count);
bool store_starts_with(weir_str key, weir_str prefix);

#endif
