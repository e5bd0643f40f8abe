/* store/object: which keys are fine, and how requests' outcomes become a call's.
 *
 * Always     1. a key that passes is the folder of no file that weir itself writes there,
 *               and has one spelling only.
 *            2. `why` is NUL-terminated.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store_object.h"

#include <stdio.h>
#include <string.h>

#include "weir/limits.h"

enum { SEGMENT_MAX = 255 };

static const char *segment_fault(weir_str segment)
{
    if (segment.len == 0)
        return "has an empty segment";
    if (segment.len > SEGMENT_MAX)
        return "has a segment of more than 255 bytes";
    if (weir_str_is(segment, ".") || weir_str_is(segment, ".."))
        return "has a segment '.' or '..'";
    if (weir_str_starts(segment, ".weir-"))
        return "has a segment that begins with '.weir-'";
    return NULL;
}

const char *store_key_fault(weir_str key)
{
    if (key.len == 0)
        return "is empty";
    if (key.len > WEIR_KEY_BYTES_MAX)
        return "is longer than 1024 bytes";
    if (memchr(key.at, '\0', key.len) != NULL)
        return "has a NUL byte";
    size_t start = 0;
    for (size_t i = 0; i <= key.len; i++) {
        if (i < key.len && key.at[i] != '/')
            continue;
        const char *fault = segment_fault((weir_str){key.at + start, i - start});
        if (fault != NULL)
            return fault;
        start = i + 1;
    }
    return NULL;
}

void store_object_start(weir_object *object)
{
    weir_assert(object != NULL);
    weir_assert(object->key.at != NULL);
    object->rc = WEIR_OK;
    object->permanent = false;
    object->status = 0;
    object->why[0] = '\0';
    object->size = 0;
    object->got_token[0] = '\0';
    weir_buf_clear(&object->got);
}

void store_object_answer(weir_object *object, weir_code rc, bool permanent,
                         const char *format, ...)
{
    weir_assert(object != NULL);
    weir_assert(rc != WEIR_OK);
    object->rc = rc;
    object->permanent = permanent;
    va_list list;
    va_start(list, format);
    (void)vsnprintf(object->why, sizeof object->why, format, list); /* cut off is fine */
    va_end(list);
}

/* A token becomes a header's value: printable ASCII, no blanks at its ends. */
static bool token_is_fine(weir_str token)
{
    if (token.len >= sizeof((weir_object *)NULL)->got_token)
        return false;
    for (size_t i = 0; i < token.len; i++) {
        if (token.at[i] <= ' ' || token.at[i] > '~')
            return false;
    }
    return true;
}

bool store_put_checked(weir_object *object)
{
    weir_assert(object != NULL);
    weir_assert(object->body.at != NULL || object->body.len == 0);
    const char *fault = store_key_fault(object->key);
    if (fault != NULL)
        store_object_answer(object, WEIR_E_CONFIG, true, "the key %s", fault);
    else if (!token_is_fine(object->token))
        store_object_answer(object, WEIR_E_CONFIG, true, "the token is too long or odd");
    else if (object->body.len > WEIR_STORE_BODY_MAX)
        store_object_answer(object, WEIR_E_LIMIT, true, "the body is larger than 256 MiB");
    return object->rc == WEIR_OK;
}

weir_code store_outcome(const char *verb, const weir_object *object, size_t count,
                        weir_err *err)
{
    weir_assert(verb != NULL);
    weir_assert(count == 0 || object != NULL);
    for (size_t i = 0; i < count; i++) {
        const weir_object *one = &object[i];
        if (one->rc == WEIR_OK)
            continue;
        if (one->permanent || one->rc == WEIR_E_NOTFOUND || one->rc == WEIR_E_CONFLICT)
            /* cover: a store's code is not SQL's, which weir_fail asks about */
            return weir_fail(err, one->rc, "could not %s '%.*s': %s", verb,
                             WEIR_STR_FMT(one->key), one->why);
        return weir_retry(err, one->rc, "could not %s '%.*s': %s", verb,
                          WEIR_STR_FMT(one->key), one->why);
    }
    return WEIR_OK;
}

void store_listing_add(store_listing *listing, weir_str key, uint64_t size,
                       int64_t modified_us)
{
    weir_assert(listing->count < listing->most);
    weir_assert(key.len > 0);
    weir_listed one = {.key = weir_str_copy(listing->arena, key),
                       .size = size,
                       .modified_us = modified_us};
    weir_buf_add(&listing->listed, &one, sizeof one);
    listing->count++;
}

void store_listing_finish(store_listing *listing, weir_listed **out, uint32_t *out_count)
{
    weir_assert(listing->listed.len == listing->count * sizeof(weir_listed));
    *out = WEIR_ARRAY(listing->arena, weir_listed, listing->count);
    if (listing->count > 0)
        memcpy(*out, listing->listed.at, listing->listed.len);
    *out_count = listing->count;
    weir_buf_done(&listing->listed);
    weir_assert(*out_count <= listing->most);
}

bool store_starts_with(weir_str key, weir_str prefix)
{
    return key.len >= prefix.len &&
           (prefix.len == 0 || memcmp(key.at, prefix.at, prefix.len) == 0);
}
