/* store/fault: a store whose calls go wrong where a failpoint says so: not made and answered
 * with an error, made and their answer lost, a bit of what was read turned over. Only in
 * builds with failpoints.
 *
 * Gives      store_with_faults, store_behind_faults.
 * Owns       the store inside.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_fault.h"

#include <string.h>

#include "store_object.h"
#include "weir/failpoint.h"

typedef struct fault_store {
    weir_store      base; /* first */
    weir_store_kind kind; /* that of `real`, with our calls */
    weir_store     *real;
} fault_store;

static weir_store *real_of(weir_store *store)
{
    fault_store *self = (fault_store *)store;
    weir_assert(store->kind == &self->kind);
    return self->real;
}

/* Every request of the call has the outcome that the failpoint wants. */
static weir_code answer(const weir_fault *fault, const char *verb, weir_object *object,
                        size_t count, weir_err *err)
{
    for (size_t i = 0; i < count; i++) {
        weir_buf got = object[i].got;
        store_object_start(&object[i]);
        object[i].got = got;
        store_object_answer(&object[i], fault->code, fault->fate == WEIR_FATE_HALT, "%s",
                            fault->why);
    }
    return store_outcome(verb, object, count, err);
}

static void flip(weir_object *object, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (object[i].rc == WEIR_OK && object[i].got.len > 0) {
            object[i].got.at[object[i].got.len / 2] ^= 4;
            return;
        }
    }
}

typedef struct fault_verb {
    weir_failpoint_class class;
    const char *name;
    weir_code (*call)(weir_store *, weir_object *, size_t count, weir_err *);
} fault_verb;

static weir_code run(const fault_verb *verb, fault_store *self, weir_object *object,
                     size_t count, weir_err *err)
{
    weir_fault fault = weir_fault_begin(verb->class);
    if (fault.what == WEIR_FAULT_RETURN)
        return answer(&fault, verb->name, object, count, err);
    weir_code rc = verb->call(self->real, object, count, err);
    if (fault.what == WEIR_FAULT_FLIP)
        flip(object, count);
    weir_fault_end(&fault);
    return fault.what == WEIR_FAULT_LOST ? answer(&fault, verb->name, object, count, err)
                                         : rc;
}

static weir_code faulty_get(weir_store *store, weir_object *object, size_t count,
                            weir_err *err)
{
    fault_verb verb = {WEIR_FPC_READ, "get", real_of(store)->kind->get};
    return run(&verb, (fault_store *)store, object, count, err);
}

static weir_code faulty_head(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    fault_verb verb = {WEIR_FPC_READ, "look at", real_of(store)->kind->head};
    return run(&verb, (fault_store *)store, object, count, err);
}

static weir_code faulty_put(weir_store *store, weir_object *object, size_t count,
                            weir_err *err)
{
    fault_verb verb = {WEIR_FPC_PUT, "put", real_of(store)->kind->put};
    return run(&verb, (fault_store *)store, object, count, err);
}

static weir_code faulty_put_new(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    fault_verb verb = {WEIR_FPC_NEW, "put", real_of(store)->kind->put_new};
    return run(&verb, (fault_store *)store, object, count, err);
}

static weir_code real_list(weir_store *store, weir_str prefix, weir_str after,
                           uint32_t most, weir_arena *arena, weir_listed **out,
                           uint32_t *out_count, weir_err *err)
{
    return real_of(store)->kind->list(real_of(store), prefix, after, most, arena, out,
                                      out_count, err);
}

static weir_code faulty_remove(weir_store *store, weir_object *object, size_t count,
                               weir_err *err)
{
    fault_verb verb = {WEIR_FPC_DEL, "remove", real_of(store)->kind->remove};
    return run(&verb, (fault_store *)store, object, count, err);
}

static void close_both(weir_store *store)
{
    weir_store_free(real_of(store));
}

weir_store *store_with_faults(weir_store *store)
{
    fault_store *self = weir_heap_new(1, sizeof *self);
    self->kind = *store->kind;
    self->kind.size = sizeof *self;
    self->kind.get = faulty_get;
    self->kind.head = faulty_head;
    self->kind.put = faulty_put;
    self->kind.put_new = faulty_put_new;
    self->kind.list = real_list;
    self->kind.remove = faulty_remove;
    self->kind.close = close_both;
    self->base.kind = &self->kind;
    memcpy(self->base.place, store->place, sizeof self->base.place);
    self->real = store;
    return &self->base;
}

weir_store *store_behind_faults(weir_store *store)
{
    return store->kind->get == faulty_get ? real_of(store) : store;
}
