/* sim/store: objects of all workers: put-if-absent with one winner, and requests that are
 * lost, late, refused, slow or spoilt.
 *
 * A put that is under way when its worker dies may land later, or never: the server does not
 * know that nobody waits.
 *
 * Always     1. an object changes at one moment, wholly.
 *            2. who reads sees the last put that was applied.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "store/store_object.h"
#include "weir/hash.h"

#define OBJECTS 4096u /* a power of two */
#define FLIGHTS 32u
#define PATIENCE_US (10 * SIM_SECOND)
#define SKEW_US (12 * SIM_SECOND) /* S3: a quarter of an hour */

typedef struct stored {
    weir_str key, body, token;
    int64_t  modified_us;
    bool     there;
    bool     taken;  /* by a reader of the files: it was there */
    bool     wanted; /* the worker that shows what is needed read it */
} stored;

typedef struct flight { /* a put under way */
    bool     used, only_new;
    uint32_t slot;
    uint32_t life; /* of the worker that sent it */
    weir_str key, body, token;
} flight;

static stored   table[OBJECTS];
static uint32_t objects;
static flight   flights[FLIGHTS];

void sim_store_clear(void)
{
    memset(table, 0, sizeof table);
    memset(flights, 0, sizeof flights);
    objects = 0;
}

static stored *find(weir_str key)
{
    uint64_t at = weir_hash64(key);
    while (table[at % OBJECTS].key.at && !weir_str_eq(table[at % OBJECTS].key, key))
        at++;
    return &table[at % OBJECTS];
}

static bool is_file(weir_str key)
{
    return weir_str_starts(key, "out/") || memmem(key.at, key.len, "/dead/", 6) != NULL;
}

/* A sleeper may fill the place of a record that was collected: that is not the log's last. */
static void note_writer(const flight *put)
{
    const char *log = memmem(put->key.at, put->key.len, "/log/", 5);
    if (log == NULL)
        return;
    uint64_t gen = strtoull(log + 5, NULL, 10);
    if (gen < sim.last_gen)
        return;
    sim.last_gen = gen;
    sim.last_writer = put->life;
}

/* 1. False: it is there already. */
static bool apply(const flight *put)
{
    stored *one = find(put->key);
    if (one->there && put->only_new)
        return false;
    if (one->key.at == NULL) {
        weir_assert(++objects < OBJECTS / 2);
        one->key = put->key;
    }
    one->there = true;
    one->body = put->body;
    one->token = put->token;
    one->modified_us = sim_now;
    sim_say("stored", put->key, (int64_t)put->body.len);
    note_writer(put);
    sim_check_object(put->key, put->body);
    sim_stir();
    return true;
}

static void land(void *thing, uint64_t number)
{
    (void)number;
    const flight *put = thing;
    if (find(put->key)->taken)
        return; /* its signature is too old */
    sim_say("arrives late", put->key, (int64_t)put->body.len);
    (void)apply(put);
}

static void land_later(const flight *put, int64_t after_us)
{
    flight *copy = sim_keep(sizeof *copy);
    *copy = *put;
    sim_at(sim_now + after_us, land, copy, 0);
}

void sim_store_drop(uint32_t slot)
{
    for (uint32_t i = 0; i < FLIGHTS; i++) {
        if (!flights[i].used || flights[i].slot != slot)
            continue;
        flights[i].used = false;
        if (sim_chance(&sim.luck, 2))
            land_later(&flights[i], (int64_t)sim_below(&sim.luck, 5 * SIM_SECOND));
    }
}

static flight *board(const weir_object *from, bool only_new)
{
    uint32_t i = 0;
    while (i < FLIGHTS && flights[i].used)
        i++;
    weir_assert(i < FLIGHTS);
    flights[i] = (flight){.used = true, .only_new = only_new, .slot = sim_slot(),
                          .life = sim_worker_life(sim_slot()),
                          .key = sim_keep_text(from->key),
                          .body = sim_keep_text(from->body),
                          .token = sim_keep_text(from->token)};
    return &flights[i];
}

static void on_the_way(void)
{
    sim_sleep(500 + (int64_t)sim_below(&sim.order, 8000));
}

/* The server is away: the client tries for some seconds. True: it was in vain. */
static bool away(weir_object *object)
{
    int64_t left_us = sim.store_away_us - sim_now;
    if (left_us <= 0)
        return false;
    sim_sleep(left_us < PATIENCE_US ? left_us : PATIENCE_US);
    if (sim_now >= sim.store_away_us)
        return false;
    store_object_answer(object, WEIR_E_REMOTE, false, "no connection");
    return true;
}

/* What spoils a request that may be repeated; true: it has its outcome. */
static bool spoilt(weir_object *object, const sim_fault *fault)
{
    if (fault->what == SIM_SLOW)
        sim_sleep(fault->arg * INT64_C(1000));
    if (fault->what != SIM_BUSY && fault->what != SIM_DROPPED && fault->what != SIM_LOST)
        return false;
    sim_sleep((int64_t)sim_below(&sim.luck, PATIENCE_US));
    if (sim_chance(&sim.luck, 2))
        return false; /* the client's own repetition helped */
    store_object_answer(object, WEIR_E_REMOTE, false, "503 SlowDown");
    return true;
}

/* The object as it was. */
static void repair(void *thing, uint64_t number)
{
    char *at = thing;
    *at ^= 0x10;
    sim.damages -= (uint32_t)number;
    sim_say("is repaired", WEIR_STR("an object"), 0);
}

static void damage(stored *one, const sim_fault *fault)
{
    if (sim.damages > 0 || sim.healed) /* a request that was under way when all became well */
        return;                        /* one at a time: a repair undoes its own */
    one->body = sim_keep_text(one->body); /* a late copy of the request stays whole */
    char *at = (char *)(uintptr_t)one->body.at + sim_below(&sim.luck, one->body.len);
    *at ^= 0x10;
    sim.damages++;
    sim_at(sim_now + fault->arg * INT64_C(1000), repair, at, 1);
}

static void take_away(void *thing, uint64_t number)
{
    stored *one = thing;
    one->there = false;
    sim.strangers -= (uint32_t)number;
    sim_say("is taken away", one->key, 0);
}

/* Under a name that is wanted now. */
static void put_stranger(weir_str key, const sim_fault *fault)
{
    flight strange = {.only_new = true, .key = sim_keep_text(key),
                      .body = sim_keep_text(WEIR_STR("somebody else's")),
                      .token = WEIR_STR("theirs")};
    if (find(key)->there || sim.healed)
        return;
    (void)apply(&strange);
    sim.strangers++;
    sim_at(sim_now + fault->arg * INT64_C(1000), take_away, find(key), 1);
}

static void read_one(weir_object *object, bool body)
{
    store_object_start(object);
    const sim_fault *fault = sim_pass(SIM_GET);
    if (away(object) || spoilt(object, fault))
        return;
    on_the_way();
    stored *one = find(object->key);
    if (!one->there) {
        store_object_answer(object, WEIR_E_NOTFOUND, true, "404 NoSuchKey");
        return;
    }
    if (fault->what == SIM_DAMAGE && one->body.len > 0)
        damage(one, fault);
    if (object->from + object->length > one->body.len) {
        store_object_answer(object, WEIR_E_CORRUPT, true, "it is too short");
        return;
    }
    one->wanted |= sim.proving;
    object->size = one->body.len;
    size_t len = object->length > 0 ? object->length : one->body.len - object->from;
    if (body)
        weir_buf_add(&object->got, one->body.at + object->from, len);
    else
        memcpy(object->got_token, one->token.at, one->token.len + 1);
    if (body && len > 0 && fault->what == SIM_FLIP)
        object->got.at[sim_below(&sim.luck, len)] ^= 0x10;
    on_the_way();
}

static weir_code get(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    (void)store;
    for (size_t i = 0; i < count; i++)
        read_one(&object[i], true);
    return store_outcome("get", object, count, err);
}

static weir_code head(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    (void)store;
    for (size_t i = 0; i < count; i++)
        read_one(&object[i], false);
    return store_outcome("head", object, count, err);
}

static void put_one(weir_object *object)
{
    store_object_start(object);
    const sim_fault *fault = sim_pass(SIM_PUT);
    if (!store_put_checked(object) || away(object) || spoilt(object, fault))
        return;
    flight *put = board(object, false);
    if (fault->what == SIM_LATE) {
        land_later(put, fault->arg * INT64_C(1000)); /* and once more, now */
        sim_say("a copy is on its way", put->key, fault->arg);
    }
    on_the_way();
    (void)apply(put);
    on_the_way();
    put->used = false;
    (void)sim_pass(SIM_PUT_DONE);
}

static weir_code put(weir_store *store, weir_object *object, size_t count, weir_err *err)
{
    (void)store;
    for (size_t i = 0; i < count; i++)
        put_one(&object[i]);
    return store_outcome("put", object, count, err);
}

/* True: put_new has its outcome without having been applied. */
static bool refused(weir_object *object, const sim_fault *fault)
{
    if (fault->what == SIM_REFUSED && !sim.healed) /* who met it may have slept since */
        sim.store_refuses_us = sim_now + fault->arg * INT64_C(1000);
    if (fault->what == SIM_SLOW)
        sim_sleep(fault->arg * INT64_C(1000));
    if (sim.store_refuses_us > sim_now)
        store_object_answer(object, WEIR_E_CONFIG, true, "403 AccessDenied");
    else if (fault->what == SIM_BUSY)
        store_object_answer(object, WEIR_E_REMOTE, false, "503 SlowDown");
    else if (fault->what == SIM_DROPPED)
        store_object_answer(object, WEIR_E_UNKNOWN, false, "no answer");
    else
        return false;
    return true;
}

/* A server takes no request that was signed long ago. */
static bool too_old(weir_object *object, int64_t begun_us)
{
    if (sim_now - begun_us <= SKEW_US)
        return false;
    store_object_answer(object, WEIR_E_REMOTE, false, "403 RequestTimeTooSkewed");
    return true;
}

enum { KIND_AT = 10, SEAL = 2 }; /* in a record: see checkpoint-format.md */

static bool is_seal(const weir_object *object)
{
    return object->body.len > KIND_AT && object->body.at[KIND_AT] == SEAL;
}

static void put_new_one(weir_object *object, int64_t begun_us)
{
    bool file = is_file(object->key);
    store_object_start(object);
    if (!file && is_seal(object))
        (void)sim_pass(SIM_SEAL);
    const sim_fault *fault = sim_pass(file ? SIM_FILE : SIM_SLOT);
    if (!store_put_checked(object) || away(object) || refused(object, fault))
        return;
    if (fault->what == SIM_STRANGER)
        put_stranger(object->key, fault);
    flight *put = board(object, true);
    if (fault->what == SIM_LATE) {
        put->used = false;
        land_later(put, fault->arg * INT64_C(1000));
        sim_sleep((int64_t)sim_below(&sim.luck, SIM_SECOND));
        store_object_answer(object, WEIR_E_UNKNOWN, false, "no answer");
        return;
    }
    on_the_way();
    if (file && too_old(object, begun_us)) {
        put->used = false;
        return;
    }
    if (!apply(put))
        store_object_answer(object, WEIR_E_CONFLICT, true, "412 PreconditionFailed");
    on_the_way();
    put->used = false;
    if (fault->what == SIM_LOST)
        store_object_answer(object, WEIR_E_UNKNOWN, false, "the answer was lost");
    (void)sim_pass(file ? SIM_FILE_DONE : SIM_SLOT_DONE);
}

static weir_code put_new(weir_store *store, weir_object *object, size_t count,
                         weir_err *err)
{
    int64_t begun_us = sim_now; /* all of them are signed */
    (void)store;
    for (size_t i = 0; i < count; i++)
        put_new_one(&object[i], begun_us);
    return store_outcome("put_new", object, count, err);
}

static int by_key(const void *a, const void *b)
{
    return weir_str_cmp((*(stored *const *)a)->key, (*(stored *const *)b)->key);
}

static uint32_t all_sorted(stored **out)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (table[i].there)
            out[count++] = &table[i];
    qsort(out, count, sizeof(stored *), by_key);
    return count;
}

static weir_code list(weir_store *store, weir_str prefix, weir_str after, uint32_t most,
                      weir_arena *arena, weir_listed **out, uint32_t *out_count,
                      weir_err *err)
{
    (void)store;
    static stored   *all[OBJECTS];
    store_listing    listing = {.arena = arena, .most = most};
    weir_object      request = {.key = prefix};
    const sim_fault *fault = sim_pass(SIM_GET);
    if (away(&request) || spoilt(&request, fault))
        return store_outcome("list", &request, 1, err);
    on_the_way();
    uint32_t count = all_sorted(all);
    for (uint32_t i = 0; i < count && listing.count < most; i++)
        if (store_starts_with(all[i]->key, prefix) && weir_str_cmp(all[i]->key, after) > 0)
            store_listing_add(&listing, all[i]->key, all[i]->body.len, all[i]->modified_us);
    store_listing_finish(&listing, out, out_count);
    return WEIR_OK;
}

static weir_code remove_objects(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    (void)store;
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        (void)sim_pass(SIM_PUT);
        on_the_way();
        sim_check_removed(object[i].key, find(object[i].key)->body);
        find(object[i].key)->there = false;
        sim_say("removed", object[i].key, 0);
    }
    return store_outcome("remove", object, count, err);
}

static weir_code open_store(weir_store *store, const weir_store_setup *setup, weir_err *err)
{
    (void)store, (void)setup, (void)err;
    return WEIR_OK;
}

static void close_store(weir_store *store)
{
    (void)store;
}

const weir_store_kind sim_store_kind = {
    .name = "s3", .scheme = "s3://", .summary = "", .size = sizeof(weir_store),
    .open = open_store, .get = get, .head = head, .put = put, .put_new = put_new,
    .list = list, .remove = remove_objects, .close = close_store,
};

weir_code sim_store_at(void *self, weir_str location, weir_store **out,
                       weir_str *out_prefix, weir_err *err)
{
    static const char bucket[] = "s3://lake/";
    (void)self;
    weir_assert(weir_str_starts(location, bucket));
    weir_store_setup setup = {.location = location, .clock = weir_clock_system()};
    *out_prefix = (weir_str){location.at + strlen(bucket), location.len - strlen(bucket)};
    while (out_prefix->len > 0 && out_prefix->at[out_prefix->len - 1] == '/')
        out_prefix->len--;
    return weir_store_new(&sim_store_kind, &setup, out, err);
}

void sim_store_collect(sim_choose_fn *may_go)
{
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (table[i].there && !table[i].wanted && may_go(table[i].key, table[i].body)) {
            table[i].there = false;
            sim_say("collected", table[i].key, 0);
        }
}

void sim_each_object(sim_object_fn *each)
{
    static stored *all[OBJECTS];
    uint32_t       count = all_sorted(all);
    for (uint32_t i = 0; i < count; i++)
        each(all[i]->key, all[i]->body);
    for (uint32_t i = 0; i < OBJECTS; i++)
        if (table[i].taken && !table[i].there)
            each(table[i].key, table[i].body);
}

void sim_store_take(int64_t before_us)
{
    for (uint32_t i = 0; i < OBJECTS; i++) {
        stored *one = &table[i];
        if (!one->there || !weir_str_starts(one->key, "out/") || one->modified_us > before_us)
            continue;
        one->there = false;
        one->taken = true;
        sim_say("a reader takes", one->key, 0);
    }
}
