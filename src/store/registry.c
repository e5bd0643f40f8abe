/* store/registry: the kinds that were built in, and making a store of one of them.
 *
 * Always     1. a store's first member is its weir_store, zeroed before open.
 *            2. after free the kind pointer is poisoned, so use after free stops at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/store.h"

#include <string.h>

#include "store_fault.h"
#include "weir/failpoint.h"

#define KIND(name) extern const weir_store_kind weir_store_##name;
#include "weir_store_kinds.def"
#undef KIND

static const weir_store_kind *const kinds[] = {
#define KIND(name) &weir_store_##name,
#include "weir_store_kinds.def"
#undef KIND
    NULL,
};

static const weir_store_kind closed = {.name = "closed"};

const weir_store_kind *const *weir_store_kinds(void)
{
    return kinds;
}

const weir_store_kind *weir_store_find(weir_str name)
{
    for (size_t i = 0; kinds[i] != NULL; i++) {
        if (weir_str_is(name, kinds[i]->name))
            return kinds[i];
    }
    return NULL;
}

static void check_kind(const weir_store_kind *kind)
{
    weir_assert(kind->size >= sizeof(weir_store));
    weir_assert(kind->open != NULL);
    weir_assert(kind->get != NULL);
    weir_assert(kind->head != NULL);
    weir_assert(kind->put != NULL);
    weir_assert(kind->put_new != NULL);
    weir_assert(kind->list != NULL);
    weir_assert(kind->remove != NULL);
    weir_assert(kind->close != NULL);
}

weir_code weir_store_new(const weir_store_kind *kind, const weir_store_setup *setup,
                         weir_store **out, weir_err *err)
{
    weir_assert(kind != NULL);
    weir_assert(setup->clock != NULL);
    check_kind(kind);
    weir_store *store = weir_heap_new(1, kind->size);
    store->kind = kind;
    weir_code rc = kind->open(store, setup, err);
    if (rc != WEIR_OK) {
        weir_store_free(store);
        return weir_err_note(err, "opening the store '%.*s'",
                             WEIR_STR_FMT(setup->location));
    }
    *out = WEIR_FAILPOINTS_BUILT ? store_with_faults(store) : store;
    return WEIR_OK;
}

void weir_store_free(weir_store *store)
{
    if (store == NULL)
        return;
    weir_assert(store->kind != NULL);
    weir_assert(store->kind != &closed); /* 2 */
    store->kind->close(store);
    store->kind = &closed;
    weir_heap_free(store);
}

weir_code weir_store_get_one(weir_store *store, weir_str key, weir_buf *out, weir_err *err)
{
    weir_assert(store != NULL);
    weir_assert(out != NULL);
    weir_object object = {.key = key};
    weir_code   rc = store->kind->get(store, &object, 1, err);
    if (rc == WEIR_OK) {
        weir_buf_done(out);
        *out = object.got;
    } else {
        weir_buf_done(&object.got);
    }
    return rc;
}

weir_code weir_store_put_one(weir_store *store, weir_str key, weir_str body, weir_err *err)
{
    weir_assert(store != NULL);
    weir_assert(key.len > 0);
    weir_object object = {.key = key, .body = body};
    return store->kind->put(store, &object, 1, err);
}
