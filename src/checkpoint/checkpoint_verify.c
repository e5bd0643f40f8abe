/* checkpoint/verify: reads all that is kept, and says of each object whether it is sound.
 *
 * 1. Every SEAL and its copy are the same bytes, and name the manifest that is before them.
 * 2. Every manifest from the first that is kept to the last, and the pinned ones, is whole,
 *    stands where its epoch belongs, and is the one that its successor names.
 * 3. Every object that one of them lists is there, with the size and the CRC32C that were
 *    written down when it was put.
 *
 * A record that is damaged does not end the walk: places follow from numbers.
 *
 * Never      writes, repairs or chooses.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_keep.h"

enum { DATA_AT_ONCE = 4 }; /* in memory: 4 MiB each, or one blob */

typedef struct verify {
    const checkpoint_log *log;
    weir_fault_fn        *fault;
    void                 *self;
    weir_verified        *out;
    weir_arena           *arena; /* of one record */
    keep_tail             tail;
    keep_mark             mark;
    ref_set               data, inlined; /* that have to be there; inlined: older manifests */
    weir_sha256           next_prev;     /* what the newer manifest calls the one before */
    bool                  next_known;
} verify;

static void found(verify *v, const log_key *key, const char *what)
{
    v->out->faults++;
    v->fault(v->self, log_key_text(key), what);
}

/* OK with *out_sound false: it was reported. */
static weir_code read_sound(verify *v, const log_key *key, checkpoint_record *out,
                            bool *out_sound, weir_err *err)
{
    weir_code rc = log_read(v->log, key, v->arena, out, err);
    *out_sound = rc == WEIR_OK;
    if (rc == WEIR_OK)
        v->out->bytes += out->bytes.len;
    if (rc == WEIR_E_NOTFOUND)
        found(v, key, "it is missing");
    else if (rc == WEIR_E_CORRUPT)
        found(v, key, err->msg);
    return rc == WEIR_E_NOTFOUND || rc == WEIR_E_CORRUPT ? WEIR_OK : rc;
}

static weir_code check_seal(verify *v, uint64_t gen, weir_err *err)
{
    checkpoint_record copy, seal;
    bool              sound = false;
    log_key           key = log_key_of_seal(v->log, gen);
    weir_arena_reset(v->arena);
    weir_code rc = read_sound(v, &key, &copy, &sound, err);
    if (rc != WEIR_OK || !sound)
        return rc;
    v->out->seals++;
    if (copy.kind != RECORD_SEAL || copy.gen != gen) {
        found(v, &key, "it is not the seal of that generation");
        return WEIR_OK;
    }
    key = log_key_of_record(v->log, gen, copy.idx);
    rc = read_sound(v, &key, &seal, &sound, err);
    if (rc == WEIR_OK && sound && !weir_sha256_eq(&seal.sha, &copy.sha))
        found(v, &key, "it is not the SEAL of which there is a copy");
    return rc;
}

/* `all`: whatever it lists; else what it staged itself. */
static void want(verify *v, const checkpoint_record *manifest, bool all)
{
    ref_set  refs = {0};
    weir_str bytes = {NULL, 0};
    for (uint32_t i = 0; i < manifest->sections; i++)
        if (weir_str_is(manifest->section[i].name, RECORD_REFS))
            bytes = manifest->section[i].bytes;
    if (bytes.at == NULL) {
        v->out->unlisted++;
        return;
    }
    if (!ref_set_read(&refs, bytes)) {
        log_key key = log_key_of_record(v->log, manifest->gen, manifest->idx);
        found(v, &key, "its list of objects is damaged");
    }
    for (uint32_t i = 0; i < refs.count; i++) {
        const ref_object *object = &refs.at[i];
        if (object->number == UINT32_MAX && all)
            ref_set_add(&v->inlined, object);
        else if (object->number != UINT32_MAX && (all || object->epoch == manifest->epoch))
            ref_set_add(&v->data, object);
    }
    ref_set_done(&refs);
}

/* Reads the manifest at a place; `sha`: what it has to be, or NULL. */
static weir_code check_manifest(verify *v, const record_place *place,
                                const weir_sha256 *sha, bool all, weir_err *err)
{
    checkpoint_record record;
    bool              sound = false;
    log_key           key = log_key_of_record(v->log, place->gen, place->idx);
    weir_arena_reset(v->arena);
    weir_code rc = read_sound(v, &key, &record, &sound, err);
    v->next_known = false;
    if (rc != WEIR_OK || !sound)
        return rc;
    v->out->manifests++;
    if (!record_is_epoch(record.kind) || record.gen != place->gen ||
        record.idx != place->idx || record.epoch != place->epoch) {
        found(v, &key, "another record belongs there");
        return WEIR_OK;
    }
    if (sha != NULL && !weir_sha256_eq(sha, &record.sha))
        found(v, &key, "it is not the manifest that is named elsewhere");
    v->next_prev = record.prev.sha;
    v->next_known = true;
    want(v, &record, all);
    return WEIR_OK;
}

/* From the last one of a generation back to its first, or to the first that is kept. */
static weir_code check_generation(verify *v, const record_place *from, weir_err *err)
{
    uint64_t    first = v->mark.there ? v->mark.first.epoch : 1;
    weir_sha256 sha = from->sha;
    bool        known = true;
    for (record_place at = *from; at.idx >= 1 && at.epoch >= first; at.idx--, at.epoch--) {
        if (log_stopped(v->log) != 0)
            return weir_fail(err, WEIR_E_STOPPED, "stopped");
        weir_code rc =
            check_manifest(v, &at, known ? &sha : NULL, at.epoch == first, err);
        if (rc != WEIR_OK)
            return rc;
        sha = v->next_prev;
        known = v->next_known;
    }
    return WEIR_OK;
}

static weir_code check_manifests(verify *v, weir_err *err)
{
    uint64_t     first = v->mark.there ? v->mark.first.epoch : 1;
    record_place at = v->tail.last;
    while (at.idx > 0 && at.epoch >= first) {
        weir_code rc = check_generation(v, &at, err);
        if (rc != WEIR_OK)
            return rc;
        weir_arena_reset(v->arena);
        rc = keep_before_generation(v->log, at.gen, v->arena, &at, err);
        if (rc != WEIR_OK)
            return rc == WEIR_E_CORRUPT ? WEIR_OK : rc; /* that seal was reported */
    }
    return WEIR_OK;
}

static weir_code check_pins(verify *v, weir_err *err)
{
    weir_arena *arena = weir_arena_new("pins", 4096);
    keep_pins   pins = {.count = 0};
    weir_code   rc = keep_pins_read(v->log, arena, &pins, err);
    if (rc == WEIR_E_CORRUPT) {
        log_key key = log_key_of_folder(v->log, "pins");
        found(v, &key, err->msg);
        rc = WEIR_OK;
    }
    for (uint32_t i = 0; i < pins.count && rc == WEIR_OK; i++) {
        record_place place = {.gen = pins.pin[i].gen,
                              .idx = pins.pin[i].idx,
                              .epoch = pins.pin[i].epoch};
        rc = check_manifest(v, &place, &pins.pin[i].sha, true, err);
    }
    weir_arena_free(arena);
    return rc;
}

static weir_code check_inlined(verify *v, weir_err *err)
{
    weir_code rc = WEIR_OK;
    ref_set_finish(&v->inlined);
    for (uint32_t i = 0; i < v->inlined.count && rc == WEIR_OK; i++) {
        const ref_object *object = &v->inlined.at[i];
        checkpoint_record record;
        bool              sound = false;
        log_key           key = log_key_of_record(v->log, object->gen, object->idx);
        weir_arena_reset(v->arena);
        rc = read_sound(v, &key, &record, &sound, err);
        if (rc == WEIR_OK && sound && record.epoch != object->epoch)
            found(v, &key, "it is of another epoch");
    }
    return rc;
}

static const char *fault_of(const ref_object *want, const weir_object *got)
{
    if (got->rc == WEIR_E_NOTFOUND)
        return "it is missing";
    if (want->size == 0)
        return NULL; /* its size was not written down */
    if (got->got.len != want->size)
        return "it is of another length";
    return weir_crc32c(0, weir_buf_view(&got->got)) == want->crc ? NULL
                                                                : "its CRC32C does not fit";
}

static weir_code check_some_data(verify *v, const ref_object *want, uint32_t count,
                                 weir_err *err)
{
    weir_object object[DATA_AT_ONCE] = {{.rc = WEIR_OK}};
    log_key     key[DATA_AT_ONCE];
    for (uint32_t i = 0; i < count; i++) {
        weir_blob_ref ref = {
            .gen = want[i].gen, .epoch = want[i].epoch, .object = want[i].number};
        for (size_t n = 0; n < sizeof ref.nonce; n++)
            ref.nonce[n] = want[i].nonce[n];
        key[i] = log_key_of_data(v->log, &ref);
        object[i].key = log_key_text(&key[i]);
    }
    weir_code rc = v->log->store->kind->get(v->log->store, object, count, err);
    if (rc == WEIR_E_NOTFOUND)
        rc = WEIR_OK;
    for (uint32_t i = 0; i < count; i++) {
        bool        answered = object[i].rc == WEIR_OK || object[i].rc == WEIR_E_NOTFOUND;
        const char *fault = answered ? fault_of(&want[i], &object[i]) : NULL;
        if (fault != NULL)
            found(v, &key[i], fault);
        else if (rc == WEIR_OK && !answered)
            rc = weir_retry(err, object[i].rc, "could not read '%s': %s", key[i].at,
                            object[i].why);
        v->out->data++;
        v->out->bytes += object[i].got.len;
        weir_buf_done(&object[i].got);
    }
    return rc;
}

static weir_code check_data(verify *v, weir_err *err)
{
    weir_code rc = WEIR_OK;
    ref_set_finish(&v->data);
    for (uint32_t i = 0; i < v->data.count && rc == WEIR_OK; i += DATA_AT_ONCE) {
        uint32_t left = v->data.count - i;
        if (log_stopped(v->log) != 0)
            return weir_fail(err, WEIR_E_STOPPED, "stopped");
        rc = check_some_data(v, &v->data.at[i], left < DATA_AT_ONCE ? left : DATA_AT_ONCE,
                             err);
    }
    return rc;
}

/* The tail, and the mark; without them nothing more can be said. */
static weir_code look(verify *v, bool *out_goes_on, weir_err *err)
{
    log_key   key = log_key_of_folder(v->log, "log");
    weir_code rc = keep_tail_look(v->log, v->arena, &v->tail, err);
    *out_goes_on = rc == WEIR_OK;
    if (rc == WEIR_OK) {
        key = log_key_of_folder(v->log, "marks");
        rc = keep_mark_read(v->log, v->arena, &v->mark, err);
    }
    if (rc != WEIR_E_CORRUPT)
        return rc;
    found(v, &key, err->msg);
    return WEIR_OK;
}

static weir_code run(verify *v, weir_err *err)
{
    bool      goes_on = false;
    weir_code rc = look(v, &goes_on, err);
    if (rc != WEIR_OK || !goes_on)
        return rc;
    for (uint64_t gen = 0; gen < v->tail.gen && rc == WEIR_OK; gen++)
        rc = check_seal(v, gen, err);
    if (rc == WEIR_OK)
        rc = check_manifests(v, err);
    if (rc == WEIR_OK)
        rc = check_pins(v, err);
    if (rc == WEIR_OK)
        rc = check_inlined(v, err);
    return rc == WEIR_OK ? check_data(v, err) : rc;
}

weir_code weir_checkpoint_verify(weir_checkpoint *checkpoint, weir_fault_fn *fault,
                                 void *self, weir_verified *out, weir_err *err)
{
    verify v = {.log = &checkpoint->log,
                .fault = fault,
                .self = self,
                .out = out,
                .arena = weir_arena_new("verify", 64 << 10)};
    weir_assert(fault != NULL);
    *out = (weir_verified){.seals = 0};
    weir_code rc = run(&v, err);
    ref_set_done(&v.data);
    ref_set_done(&v.inlined);
    weir_arena_free(v.arena);
    return rc;
}
