/* checkpoint/blob: references to bytes of a checkpoint, and getting these bytes.
 *
 * Gives      weir_blob_ref_read, weir_checkpoint_fetch, weir_checkpoint_fetch_stored, and a
 *            weir_blob for who takes what was fetched as it is stored piece by piece.
 * Always     1. bytes are handed out only when their length, CRC32C and expanded length are
 *               what the reference says; of a weir_blob the last one is known at its end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_parts.h"

#include <string.h>

#define NOT_EXPANDED "a blob cannot be expanded"
enum { FETCH_AT_ONCE = 64 }; /* requests of one call; the store runs 16 of them at a time */

void blob_ref_write(weir_buf *out, const weir_blob_ref *ref)
{
    weir_assert(ref->idx >= 1);
    weir_assert(ref->epoch >= 1);
    weir_buf_varint(out, ref->gen);
    weir_buf_varint(out, ref->idx);
    weir_buf_varint(out, ref->epoch);
    weir_buf_u32(out, ref->object);
    weir_buf_add(out, ref->nonce, sizeof ref->nonce);
    weir_buf_varint(out, ref->offset);
    weir_buf_varint(out, ref->length);
    weir_buf_varint(out, ref->expanded);
    weir_buf_u32(out, ref->crc);
}

bool weir_blob_ref_read(weir_reader *reader, weir_blob_ref *out)
{
    weir_blob_ref ref = {.gen = weir_read_varint(reader)};
    ref.idx = weir_read_varint(reader);
    ref.epoch = weir_read_varint(reader);
    ref.object = weir_read_u32(reader);
    weir_str nonce = weir_read_bytes(reader, sizeof ref.nonce);
    ref.offset = weir_read_varint(reader);
    ref.length = weir_read_varint(reader);
    ref.expanded = weir_read_varint(reader);
    ref.crc = weir_read_u32(reader);
    if (reader->bad)
        return false;
    memcpy(ref.nonce, nonce.at, sizeof ref.nonce);
    if (ref.gen > RECORD_NUMBER_MAX || ref.idx == 0 || ref.idx > RECORD_NUMBER_MAX ||
        ref.epoch == 0 || ref.offset > WEIR_STORE_BODY_MAX ||
        ref.length > WEIR_STORE_BODY_MAX || ref.expanded > WEIR_STORE_BODY_MAX)
        return false;
    *out = ref;
    return true;
}

static log_key key_of(const checkpoint_log *log, const weir_blob_ref *ref)
{
    return ref->object == UINT32_MAX ? log_key_of_record(log, ref->gen, ref->idx)
                                     : log_key_of_data(log, ref);
}

/* 1. NULL when all is well. Takes the object's bytes. */
static const char *unpack(const weir_blob_ref *ref, bool expand, weir_object *object,
                          weir_buf *out)
{
    weir_str stored = weir_buf_view(&object->got);
    if (stored.len != ref->length)
        return "a blob is of another length";
    if (weir_crc32c(0, stored) != ref->crc)
        return "a blob's CRC32C does not fit";
    weir_buf_clear(out);
    if (ref->expanded == 0 || !expand) {
        weir_buf_done(out);
        *out = object->got;
        object->got = (weir_buf){0};
        return NULL;
    }
    if (!weir_zstd_expand(out, stored, (size_t)ref->expanded))
        return NOT_EXPANDED;
    weir_assert(out->len == ref->expanded);
    weir_buf_done(&object->got); /* of a batch, not all are to be there twice */
    return NULL;
}

/* An empty range cannot be asked for: `length` 0 is the whole object. */
static bool is_asked_for(const weir_blob_ref *ref)
{
    return ref->length > 0;
}

static const char *take_out(const weir_blob_ref *ref, bool expand, weir_object *object,
                            weir_buf *out)
{
    if (object->rc == WEIR_E_NOTFOUND)
        return "it is missing";
    if (object->rc == WEIR_E_CORRUPT)
        return "it is too short";
    weir_assert(object->rc == WEIR_OK); /* other outcomes ended the call */
    return unpack(ref, expand, object, out);
}

typedef struct fetch {
    const checkpoint_log *log;
    bool                  expand;
} fetch;

static weir_code finish(const fetch *self, const weir_blob_ref *ref, weir_object *object,
                        weir_buf *out, weir_err *err)
{
    const checkpoint_log *log = self->log;
    const char           *fault = take_out(ref, self->expand, object, out);
    if (fault != NULL && is_asked_for(ref)) { /* a second look: bits flip on the way too */
        weir_buf_done(&object->got);
        weir_code rc = log->store->kind->get(log->store, object, 1, err);
        if (rc != WEIR_OK && rc != WEIR_E_NOTFOUND && rc != WEIR_E_CORRUPT)
            return rc;
        fault = take_out(ref, self->expand, object, out);
    }
    log_key key = key_of(log, ref);
    return fault == NULL ? WEIR_OK : log_corrupt(&key, fault, err);
}

/* One call of the store: `count` is at most FETCH_AT_ONCE. */
static weir_code fetch_some(const fetch *self, const weir_blob_ref *ref, size_t count,
                            weir_buf *out, weir_err *err)
{
    const checkpoint_log *log = self->log;
    weir_object *object = weir_heap_new(FETCH_AT_ONCE, sizeof *object);
    log_key     *key = weir_heap_new(FETCH_AT_ONCE, sizeof *key);
    size_t       asked = 0;
    weir_assert(count <= FETCH_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        if (!is_asked_for(&ref[i]))
            continue;
        key[asked] = key_of(log, &ref[i]);
        object[asked] = (weir_object){.key = log_key_text(&key[asked]),
                                      .from = ref[i].offset,
                                      .length = ref[i].length};
        asked++;
    }
    weir_code rc = log->store->kind->get(log->store, object, asked, err);
    if (rc == WEIR_E_NOTFOUND || rc == WEIR_E_CORRUPT)
        rc = WEIR_OK; /* finish says of which object */
    size_t at = 0;
    for (size_t i = 0; i < count && rc == WEIR_OK; i++) {
        weir_object none = {.rc = WEIR_OK};
        rc = finish(self, &ref[i], is_asked_for(&ref[i]) ? &object[at++] : &none, &out[i],
                    err);
    }
    for (size_t i = 0; i < asked; i++)
        weir_buf_done(&object[i].got);
    weir_heap_free(key);
    weir_heap_free(object);
    return rc;
}

static weir_code fetch_all(const fetch *self, const weir_blob_ref *ref, size_t count,
                           weir_buf *out, weir_err *err)
{
    weir_assert(count == 0 || out != NULL);
    for (size_t i = 0; i < count; i += FETCH_AT_ONCE) {
        size_t    some = count - i < FETCH_AT_ONCE ? count - i : FETCH_AT_ONCE;
        weir_code rc = fetch_some(self, ref + i, some, out + i, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

weir_code weir_checkpoint_fetch(weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                                size_t count, weir_buf *out, weir_err *err)
{
    weir_assert(checkpoint != NULL);
    return fetch_all(&(fetch){&checkpoint->log, true}, ref, count, out, err);
}

weir_code weir_checkpoint_fetch_stored(weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                                       size_t count, weir_buf *out, weir_err *err)
{
    weir_assert(checkpoint != NULL);
    return fetch_all(&(fetch){&checkpoint->log, false}, ref, count, out, err);
}

struct weir_blob {
    const checkpoint_log *log;
    weir_blob_ref         ref;
    weir_unzstd          *packed; /* NULL: stored as it is */
    weir_reader           plain;
    uint64_t              left;
};

weir_blob *weir_blob_new(const weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                         weir_str stored)
{
    weir_assert(stored.len == ref->length);
    weir_blob *blob = weir_heap_new(1, sizeof *blob);
    *blob = (weir_blob){.log = &checkpoint->log, .ref = *ref, .left = ref->length};
    if (ref->expanded > 0) {
        blob->left = ref->expanded;
        blob->packed = weir_unzstd_new(stored, (size_t)ref->expanded);
    } else {
        blob->plain = weir_reader_of(stored);
    }
    return blob;
}

void weir_blob_free(weir_blob *blob)
{
    if (blob == NULL)
        return;
    weir_unzstd_free(blob->packed);
    weir_heap_free(blob);
}

uint64_t weir_blob_left(const weir_blob *blob)
{
    return blob->left;
}

weir_code weir_blob_take(weir_blob *blob, size_t bytes, weir_buf *out, weir_err *err)
{
    weir_assert(bytes <= blob->left);
    blob->left -= bytes;
    if (blob->packed == NULL) {
        weir_buf_str(out, weir_read_bytes(&blob->plain, bytes));
        return WEIR_OK;
    }
    if (weir_unzstd_read(blob->packed, out, bytes) &&
        (blob->left > 0 || weir_unzstd_at_end(blob->packed)))
        return WEIR_OK;
    log_key key = key_of(blob->log, &blob->ref);
    return log_corrupt(&key, NOT_EXPANDED, err);
}
