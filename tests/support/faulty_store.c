/* tests/faulty_store: a store in front of another that does to each request what a test says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "faulty_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static faulty_store *self_of(weir_store *store)
{
    return (faulty_store *)store;
}

static void answer(weir_object *object, weir_code rc, bool permanent, const char *why)
{
    object->rc = rc;
    object->permanent = permanent;
    (void)snprintf(object->why, sizeof object->why, "%s", why);
}

static weir_str copy(weir_str bytes)
{
    char *at = malloc(bytes.len + 1);
    if (at == NULL)
        abort();
    if (bytes.len > 0)
        memcpy(at, bytes.at, bytes.len);
    return (weir_str){at, bytes.len};
}

void faulty_store_flush(faulty_store *faulty)
{
    weir_err err;
    if (!faulty->late_waits)
        return;
    faulty->late_waits = false;
    const weir_store_kind *kind = faulty->inner->kind;
    if (faulty->late_new)
        (void)kind->put_new(faulty->inner, &faulty->late, 1,
                            &err); /* nobody waits for it */
    else
        (void)kind->put(faulty->inner, &faulty->late, 1, &err);
    free((void *)(uintptr_t)faulty->late.key.at);
    free((void *)(uintptr_t)faulty->late.body.at);
    free((void *)(uintptr_t)faulty->late.token.at);
}

void faulty_store_done(faulty_store *faulty)
{
    faulty_store_flush(faulty);
}

static faulty_act ask(faulty_store *faulty, const char *verb, const weir_object *object)
{
    uint64_t   call = ++faulty->calls;
    faulty_act act = faulty->hook == NULL
                         ? FAULTY_PASS
                         : faulty->hook(faulty->self, verb, object, call);
    if (act != FAULTY_LATE)
        faulty_store_flush(faulty);
    return act;
}

/* True when the request is answered without the inner store. */
static bool spoil(weir_object *object, faulty_act act)
{
    if (act == FAULTY_REFUSE)
        answer(object, WEIR_E_CONFIG, true, "403 AccessDenied");
    else if (act == FAULTY_BUSY)
        answer(object, WEIR_E_REMOTE, false, "503 SlowDown");
    else if (act == FAULTY_DROP)
        answer(object, WEIR_E_UNKNOWN, false, "no answer");
    else if (act == FAULTY_MISS)
        answer(object, WEIR_E_NOTFOUND, false, "404 NoSuchKey");
    else
        return false;
    return true;
}

static weir_code outcome(const weir_object *object, size_t count, weir_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (object[i].rc == WEIR_OK)
            continue;
        bool lasts = object[i].permanent || object[i].rc == WEIR_E_NOTFOUND ||
                     object[i].rc == WEIR_E_CONFLICT;
        return lasts ? weir_fail(err, object[i].rc, "%.*s: %s", WEIR_STR_FMT(object[i].key),
                                 object[i].why)
                     : weir_retry(err, object[i].rc, "%.*s: %s",
                                  WEIR_STR_FMT(object[i].key), object[i].why);
    }
    return WEIR_OK;
}

static void put_late(faulty_store *faulty, const weir_object *object, bool only_new)
{
    faulty_store_flush(faulty);
    faulty->late = (weir_object){
        .key = copy(object->key), .body = copy(object->body), .token = copy(object->token)};
    faulty->late_new = only_new;
    faulty->late_waits = true;
}

static void put_one(faulty_store *faulty, weir_object *object, bool only_new)
{
    weir_err   err;
    faulty_act act = ask(faulty, only_new ? "put_new" : "put", object);
    *(only_new ? &faulty->put_news : &faulty->puts) += 1;
    if (spoil(object, act))
        return;
    if (act == FAULTY_LATE) {
        put_late(faulty, object, only_new);
        answer(object, WEIR_E_UNKNOWN, false, "no answer");
        return;
    }
    const weir_store_kind *kind = faulty->inner->kind;
    weir_code              rc = only_new ? kind->put_new(faulty->inner, object, 1, &err)
                                         : kind->put(faulty->inner, object, 1, &err);
    (void)rc; /* the object has it */
    if (act == FAULTY_LOSE)
        answer(object, WEIR_E_UNKNOWN, false, "the answer was lost");
}

static weir_code put(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    for (size_t i = 0; i < count; i++)
        put_one(self_of(store), &object[i], false);
    return outcome(object, count, err);
}

static weir_code put_new(weir_store *store, weir_object *object, size_t count,
                         weir_err *err)
{
    for (size_t i = 0; i < count; i++)
        put_one(self_of(store), &object[i], true);
    return outcome(object, count, err);
}

static weir_code get(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    faulty_store *faulty = self_of(store);
    for (size_t i = 0; i < count; i++) {
        faulty_act act = ask(faulty, "get", &object[i]);
        faulty->gets++;
        if (spoil(&object[i], act))
            continue;
        (void)faulty->inner->kind->get(faulty->inner, &object[i], 1, err); /* in object */
        if (act == FAULTY_FLIP && object[i].got.len > 0)
            object[i].got.at[faulty->flip_at % object[i].got.len] ^= 0x20;
    }
    return outcome(object, count, err);
}

static weir_code head(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    faulty_store *faulty = self_of(store);
    for (size_t i = 0; i < count; i++) {
        faulty_act act = ask(faulty, "head", &object[i]);
        faulty->heads++;
        if (!spoil(&object[i], act))
            (void)faulty->inner->kind->head(faulty->inner, &object[i], 1, err);
    }
    return outcome(object, count, err);
}

static weir_code list(weir_store *store, weir_str prefix, weir_str after, uint32_t most,
                      weir_arena *arena, weir_listed **out, uint32_t *out_count,
                      weir_err *err)
{
    faulty_store *faulty = self_of(store);
    weir_object   object = {.key = prefix};
    faulty_act    act = ask(faulty, "list", &object);
    if (act == FAULTY_MISS) {
        *out = NULL;
        *out_count = 0;
        return WEIR_OK;
    }
    if (spoil(&object, act))
        return outcome(&object, 1, err);
    return faulty->inner->kind->list(faulty->inner, prefix, after, most, arena, out,
                                     out_count, err);
}

static void remove_one(faulty_store *faulty, weir_object *object)
{
    weir_err   err;
    faulty_act act = ask(faulty, "remove", object);
    if (spoil(object, act))
        return;
    (void)faulty->inner->kind->remove(faulty->inner, object, 1, &err); /* in object */
    if (act == FAULTY_LOSE)
        answer(object, WEIR_E_UNKNOWN, false, "the answer was lost");
}

static weir_code remove_objects(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    for (size_t i = 0; i < count; i++)
        remove_one(self_of(store), &object[i]);
    return outcome(object, count, err);
}

static weir_code open_store(weir_store *store, const weir_store_setup *setup, weir_err *err)
{
    (void)store;
    (void)setup;
    (void)err;
    return WEIR_OK;
}

static void close_store(weir_store *store)
{
    (void)store;
}

#define FAULTY_KIND(name_, probed_)                                                        \
    static const weir_store_kind name_ = {.name = #name_,                                  \
                                          .scheme = "",                                    \
                                          .summary = "",                                   \
                                          .size = sizeof(faulty_store),                    \
                                          .probed = (probed_),                             \
                                          .open = open_store,                              \
                                          .get = get,                                      \
                                          .head = head,                                    \
                                          .put = put,                                      \
                                          .put_new = put_new,                              \
                                          .list = list,                                    \
                                          .remove = remove_objects,                        \
                                          .close = close_store}
FAULTY_KIND(faulty, false);
FAULTY_KIND(faulty_probed, true);

faulty_store faulty_store_new(weir_store *inner, bool probed)
{
    faulty_store store = {.base = {.kind = probed ? &faulty_probed : &faulty},
                          .inner = inner};
    (void)snprintf(store.base.place, sizeof store.base.place, "%s",
                   probed ? "test:one" : "");
    return store;
}
