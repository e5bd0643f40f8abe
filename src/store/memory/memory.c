/* store/memory: objects in a sorted array of this process, for tests and dry runs.
 *
 * Gives      the kind 'memory'; what it holds is gone when the store is freed.
 * Owns       copies of all keys, tokens and bodies.
 * Always     1. entries are sorted by key bytes, each key once.
 *            2. one lock covers each request, so put_new has one winner.
 * Threads    any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/store.h"

#include <pthread.h>
#include <string.h>

#include "store_object.h"
#include "weir/limits.h"

typedef struct memory_entry {
    char   *key; /* NUL behind it is not part of it */
    size_t  key_len;
    char   *body;
    size_t  body_len;
    char    token[256];
    int64_t modified_us;
} memory_entry;

typedef struct memory_store {
    weir_store      base;
    weir_clock     *clock;
    pthread_mutex_t lock;
    memory_entry   *entry;
    size_t          entries, room;
} memory_store;

static weir_store_open_fn    open_store;
static weir_store_get_fn     get_objects;
static weir_store_head_fn    head_objects;
static weir_store_put_fn     put_objects;
static weir_store_put_new_fn put_new_objects;
static weir_store_list_fn    list_objects;
static weir_store_remove_fn  remove_objects;
static weir_store_close_fn   close_store;

const weir_store_kind weir_store_memory = {
    .name = "memory",
    .scheme = "memory:",
    .summary = "objects in the memory of this process; gone when it ends",
    .size = sizeof(memory_store),
    .probed = false,
    .open = open_store,
    .get = get_objects,
    .head = head_objects,
    .put = put_objects,
    .put_new = put_new_objects,
    .list = list_objects,
    .remove = remove_objects,
    .close = close_store,
};

static memory_store *self_of(weir_store *store)
{
    weir_assert(store != NULL);
    weir_assert(store->kind == &weir_store_memory);
    return (memory_store *)store;
}

static weir_code open_store(weir_store *store, const weir_store_setup *setup, weir_err *err)
{
    memory_store *self = self_of(store);
    self->clock = setup->clock;
    (void)err;
    pthread_mutex_init(&self->lock, NULL); /* cannot fail with default attributes */
    weir_assert(self->entries == 0);
    return WEIR_OK;
}

static weir_str key_of(const memory_entry *entry)
{
    return (weir_str){entry->key, entry->key_len};
}

/* The index of the first entry whose key is not below `key`. */
static size_t find(const memory_store *self, weir_str key, bool *out_found)
{
    size_t low = 0;
    size_t high = self->entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (weir_str_cmp(key_of(&self->entry[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *out_found = low < self->entries && weir_str_eq(key_of(&self->entry[low]), key);
    return low;
}

static char *copy_of(weir_str bytes)
{
    char *copy = weir_heap_new(bytes.len + 1, 1);
    if (bytes.len > 0)
        memcpy(copy, bytes.at, bytes.len);
    return copy;
}

/* True when a key is a folder of another one: other kinds cannot keep both. */
static bool is_folder_of_other(const memory_store *self, weir_str key)
{
    for (size_t i = 1; i < key.len; i++) {
        bool found = false;
        if (key.at[i] == '/')
            (void)find(self, (weir_str){key.at, i}, &found); /* only whether it is there */
        if (found)
            return true;
    }
    char below[WEIR_KEY_BYTES_MAX + 1];
    weir_assert(key.len < sizeof below);
    memcpy(below, key.at, key.len);
    below[key.len] = '/';
    bool   found = false;
    size_t at = find(self, (weir_str){below, key.len + 1}, &found);
    weir_assert(!found); /* no key ends in '/' */
    return at < self->entries && self->entry[at].key_len > key.len &&
           memcmp(self->entry[at].key, below, key.len + 1) == 0;
}

static void get_locked(const memory_store *self, weir_object *one)
{
    bool   found = false;
    size_t at = find(self, one->key, &found);
    if (!found) {
        store_object_answer(one, WEIR_E_NOTFOUND, false, "there is no such object");
        return;
    }
    const memory_entry *entry = &self->entry[at];
    uint64_t left = one->from < entry->body_len ? entry->body_len - one->from : 0;
    uint64_t want = one->length == 0 ? left : one->length;
    one->size = entry->body_len;
    if (want > left)
        store_object_answer(one, WEIR_E_CORRUPT, true,
                            "the range is not within the object's %zu bytes",
                            entry->body_len);
    else
        weir_buf_add(&one->got, entry->body + one->from, (size_t)want);
}

static weir_code get_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    memory_store *self = self_of(store);
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        pthread_mutex_lock(&self->lock);
        get_locked(self, &object[i]);
        pthread_mutex_unlock(&self->lock);
    }
    return store_outcome("get", object, count, err);
}

static weir_code head_objects(weir_store *store, weir_object *object, size_t count,
                              weir_err *err)
{
    memory_store *self = self_of(store);
    for (size_t i = 0; i < count; i++) {
        weir_object *one = &object[i];
        store_object_start(one);
        pthread_mutex_lock(&self->lock);
        bool   found = false;
        size_t at = find(self, one->key, &found);
        if (found) {
            one->size = self->entry[at].body_len;
            memcpy(one->got_token, self->entry[at].token, sizeof one->got_token);
        } else {
            store_object_answer(one, WEIR_E_NOTFOUND, false, "there is no such object");
        }
        pthread_mutex_unlock(&self->lock);
    }
    return store_outcome("look at", object, count, err);
}

static memory_entry *insert_at(memory_store *self, size_t at)
{
    if (self->entries == self->room) {
        size_t room = self->room == 0 ? 64 : self->room * 2;
        self->entry = weir_heap_grow(self->entry, self->room, room, sizeof *self->entry);
        self->room = room;
    }
    memory_entry *entry = &self->entry[at];
    memmove(entry + 1, entry, (self->entries - at) * sizeof *entry);
    memset(entry, 0, sizeof *entry);
    self->entries++;
    weir_assert(self->entries <= self->room);
    return entry;
}

static void fill(memory_store *self, memory_entry *entry, const weir_object *one)
{
    entry->body = copy_of(one->body);
    entry->body_len = one->body.len;
    memset(entry->token, 0, sizeof entry->token);
    if (one->token.len > 0)
        memcpy(entry->token, one->token.at, one->token.len);
    entry->modified_us = self->clock->wall_us(self->clock);
}

static void put_locked(memory_store *self, weir_object *one, bool only_new)
{
    bool   found = false;
    size_t at = find(self, one->key, &found);
    if (found && only_new) {
        store_object_answer(one, WEIR_E_CONFLICT, false, "the object exists");
        one->status = 412;
        return;
    }
    if (!found && is_folder_of_other(self, one->key)) {
        store_object_answer(one, WEIR_E_CONFIG, true,
                            "one key would be a folder of another");
        return;
    }
    memory_entry *entry = NULL;
    if (found) {
        entry = &self->entry[at];
        weir_heap_free(entry->body);
    } else {
        entry = insert_at(self, at);
        entry->key = copy_of(one->key);
        entry->key_len = one->key.len;
    }
    fill(self, entry, one);
    weir_assert_slow(at == 0 || weir_str_cmp(key_of(entry - 1), key_of(entry)) < 0); /* 1 */
}

static weir_code put_each(memory_store *self, weir_object *object, size_t count,
                          bool only_new, weir_err *err)
{
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        if (!store_put_checked(&object[i]))
            continue;
        pthread_mutex_lock(&self->lock);
        put_locked(self, &object[i], only_new); /* 2 */
        pthread_mutex_unlock(&self->lock);
    }
    return store_outcome("put", object, count, err);
}

static weir_code put_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    return put_each(self_of(store), object, count, false, err);
}

static weir_code put_new_objects(weir_store *store, weir_object *object, size_t count,
                                 weir_err *err)
{
    return put_each(self_of(store), object, count, true, err);
}

static weir_code list_objects(weir_store *store, weir_str prefix, weir_str after,
                              uint32_t most, weir_arena *arena, weir_listed **out,
                              uint32_t *out_count, weir_err *err)
{
    memory_store *self = self_of(store);
    (void)err; /* nothing here can fail */
    store_listing listing = {.arena = arena, .most = most};
    bool          behind = after.len > 0 && weir_str_cmp(after, prefix) > 0;
    bool          found = false;
    pthread_mutex_lock(&self->lock);
    size_t at = find(self, behind ? after : prefix, &found);
    for (; at < self->entries && listing.count < most; at++) {
        const memory_entry *entry = &self->entry[at];
        if (!store_starts_with(key_of(entry), prefix))
            break;
        if (after.len == 0 || weir_str_cmp(key_of(entry), after) > 0)
            store_listing_add(&listing, key_of(entry), entry->body_len, entry->modified_us);
    }
    pthread_mutex_unlock(&self->lock);
    store_listing_finish(&listing, out, out_count);
    return WEIR_OK;
}

static void entry_done(memory_entry *entry)
{
    weir_heap_free(entry->key);
    weir_heap_free(entry->body);
}

static weir_code remove_objects(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    memory_store *self = self_of(store);
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        pthread_mutex_lock(&self->lock);
        bool   found = false;
        size_t at = find(self, object[i].key, &found);
        if (found) {
            memory_entry *entry = &self->entry[at];
            entry_done(entry);
            memmove(entry, entry + 1, (self->entries - at - 1) * sizeof *entry);
            self->entries--;
        }
        pthread_mutex_unlock(&self->lock);
    }
    return store_outcome("remove", object, count, err);
}

static void close_store(weir_store *store)
{
    memory_store *self = self_of(store);
    pthread_mutex_destroy(&self->lock);
    for (size_t i = 0; i < self->entries; i++)
        entry_done(&self->entry[i]);
    weir_heap_free(self->entry);
    weir_assert(self->room >= self->entries);
}
