/* checkpoint/log: the objects of one lineage: their keys, reading them, and writing one
 * once.
 *
 * Writing a slot once, when answers get lost:
 *
 * 1. The first PUT If-None-Match is applied, and its answer is lost. We do not know.
 * 2. A GET that finds nothing would not tell: the request may still be under way. So the
 *    same bytes are put again, until the answer is 200 or 412.
 * 3. 412 does not mean that another won: it may be our own first request. The record that
 *    is there is read; when it is ours, by its digest, which covers our nonce, we have won.
 *
 * Always     1. a slot is tried with one body only.
 *            2. a damaged record is a HALT that names the object, never skipped.
 * Never      deletes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "weir/mutant.h"

#define WAIT_MOST_US 1000000 /* between tries: *stop is seen within that */

static void key_end(log_key *key, const char *format, ...) WEIR_PRINTF(2, 3);
static void key_end(log_key *key, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(key->at + key->len, sizeof key->at - key->len, format, list);
    va_end(list);
    weir_assert(len > 0);
    weir_assert((size_t)len < sizeof key->at - key->len);
    key->len += (size_t)len;
}

static log_key key_start(const checkpoint_log *log)
{
    log_key key = {.len = 0};
    weir_assert(log->prefix.len <= WEIR_KEY_BYTES_MAX);
    weir_assert(log->job.len > 0);
    if (log->prefix.len > 0)
        key_end(&key, "%.*s/", WEIR_STR_FMT(log->prefix));
    key_end(&key, "%.*s/l%" PRIu32 "/%.*s/", WEIR_STR_FMT(log->job), log->lineage,
            WEIR_STR_FMT(log->task));
    return key;
}

log_key log_key_of_record(const checkpoint_log *log, uint64_t gen, uint64_t idx)
{
    log_key key = key_start(log);
    weir_assert(gen <= RECORD_NUMBER_MAX);
    weir_assert(idx >= 1);
    key_end(&key, "log/%08" PRIu64 "/%08" PRIu64, gen, idx);
    return key;
}

log_key log_key_of_seal(const checkpoint_log *log, uint64_t gen)
{
    log_key key = key_start(log);
    weir_assert(gen <= RECORD_NUMBER_MAX);
    key_end(&key, "seals/%08" PRIu64, gen);
    return key;
}

log_key log_key_of_hint(const checkpoint_log *log)
{
    log_key key = key_start(log);
    key_end(&key, "hint");
    return key;
}

log_key log_key_of_mark(const checkpoint_log *log, uint64_t epoch)
{
    log_key key = key_start(log);
    weir_assert(epoch >= 1);
    key_end(&key, "marks/%012" PRIu64, epoch);
    return key;
}

log_key log_key_of_old_mark(const checkpoint_log *log)
{
    log_key key = key_start(log);
    key_end(&key, "mark");
    return key;
}

log_key log_key_of_pin(const checkpoint_log *log, weir_str name)
{
    log_key key = key_start(log);
    weir_assert(name.len <= WEIR_JOB_NAME_MAX);
    key_end(&key, "pins/%.*s", WEIR_STR_FMT(name));
    return key;
}

log_key log_key_of_folder(const checkpoint_log *log, const char *name)
{
    log_key key = key_start(log);
    key_end(&key, "%s/", name);
    return key;
}

log_key log_key_of_data(const checkpoint_log *log, const weir_blob_ref *ref)
{
    log_key key = key_start(log);
    weir_assert(ref->object != UINT32_MAX);
    key_end(&key, "data/%08" PRIu64 "/%08" PRIu64 "/", ref->gen, ref->epoch);
    for (size_t i = 0; i < sizeof ref->nonce; i++)
        key_end(&key, "%02x", ref->nonce[i]);
    key_end(&key, "-%" PRIu32, ref->object);
    return key;
}

weir_str log_key_text(const log_key *key)
{
    return (weir_str){key->at, key->len};
}

int log_stopped(const checkpoint_log *log)
{
    return log->stop == NULL ? 0 : atomic_load(log->stop);
}

weir_code log_corrupt(const log_key *key, const char *fault, weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT, "'%s' cannot be used: %s",
                    key->at, fault);
    return weir_err_hint(err, "weir checkpoint verify shows what is damaged; nothing was "
                              "changed");
}

static const char *check_owner(const checkpoint_log *log, const checkpoint_record *record)
{
    if (!weir_str_eq(record->job, log->job))
        return "it is of another job";
    if (!weir_str_eq(record->task, log->task))
        return "it is of another task";
    if (record->lineage != log->lineage)
        return "it is of another lineage";
    return NULL;
}

weir_code log_read(const checkpoint_log *log, const log_key *key, weir_arena *arena,
                   checkpoint_record *out, weir_err *err)
{
    const char *fault = NULL;
    weir_assert(key->len > 0);
    for (int reads = 0; reads < 2; reads++) { /* a second look: bits flip on the way too */
        weir_buf  bytes = {0};
        weir_code rc = weir_store_get_one(log->store, log_key_text(key), &bytes, err);
        if (rc != WEIR_OK) {
            weir_buf_done(&bytes);
            return rc;
        }
        weir_str kept = weir_str_copy(arena, weir_buf_view(&bytes));
        weir_buf_done(&bytes);
        fault = record_read(kept, arena, out);
        if (fault == NULL)
            fault = check_owner(log, out);
        if (fault == NULL)
            return WEIR_OK;
    }
    weir_assert(fault != NULL);
    return log_corrupt(key, fault, err); /* 2 */
}

weir_code log_read_record(const checkpoint_log *log, uint64_t gen, uint64_t idx,
                          weir_arena *arena, checkpoint_record *out, weir_err *err)
{
    log_key   key = log_key_of_record(log, gen, idx);
    weir_code rc = log_read(log, &key, arena, out, err);
    if (rc != WEIR_OK)
        return rc;
    if (out->gen != gen || out->idx != idx)
        return log_corrupt(&key, "it belongs elsewhere in the log", err);
    weir_assert(record_is_of_log(out->kind)); /* others have index 0 */
    return WEIR_OK;
}

weir_code log_read_seal(const checkpoint_log *log, uint64_t gen, weir_arena *arena,
                        checkpoint_record *out, weir_err *err)
{
    log_key   key = log_key_of_seal(log, gen);
    weir_code rc = log_read(log, &key, arena, out, err);
    if (rc != WEIR_OK)
        return rc;
    if (out->kind != RECORD_SEAL || out->gen != gen)
        return log_corrupt(&key, "it is not the seal of that generation", err);
    weir_assert(out->idx >= 1);
    return WEIR_OK;
}

weir_code log_read_hint(const checkpoint_log *log, weir_arena *arena, bool *out_there,
                        checkpoint_record *out, weir_err *err)
{
    log_key   key = log_key_of_hint(log);
    weir_code rc = log_read(log, &key, arena, out, err);
    *out_there = rc == WEIR_OK && out->kind == RECORD_HINT;
    if (rc == WEIR_OK || rc == WEIR_E_NOTFOUND || rc == WEIR_E_CORRUPT)
        return WEIR_OK;
    weir_assert(!*out_there);
    return rc;
}

/* Step 3. UNKNOWN: what is there could not be read now. */
static weir_code read_winner(const checkpoint_log *log, log_write *write, weir_arena *arena,
                             weir_object *object, weir_err *err)
{
    weir_code rc = log_read(log, write->key, arena, &write->other, err);
    if (rc == WEIR_OK) {
        write->mine = weir_sha256_eq(&write->other.sha, &write->sha);
        return WEIR_OK;
    }
    if (rc == WEIR_E_CORRUPT)
        return rc;
    object->permanent = err->fate == WEIR_FATE_HALT && rc != WEIR_E_NOTFOUND;
    (void)snprintf(object->why, sizeof object->why, "%s", err->msg); /* cut off is fine */
    return WEIR_E_UNKNOWN;
}

typedef struct log_wait { /* of one write */
    weir_backoff backoff;
    int64_t      start_us;
    int64_t      asked_us; /* when the last attempt began */
    log_refusal *refusal;
} log_wait;

/* After an attempt that told nothing: OK to go on, else why not. A refusal lasts from its answer
   to the beginning of a later attempt: whoever slept in one asks again. */
static weir_code wait_or_give_up(const checkpoint_log *log, const log_write *write,
                                 log_wait *wait, const weir_object *last, weir_err *err)
{
    log_refusal *refusal = wait->refusal;
    int64_t      now_us = log->clock->mono_us(log->clock);
    weir_assert(now_us >= wait->start_us);
    int64_t lasted_us = refusal->lasts ? wait->asked_us - refusal->since_us : 0;
    if (last->permanent && !refusal->lasts)
        refusal->since_us = now_us;
    refusal->lasts = last->permanent;
    if (refusal->lasts && lasted_us >= write->refused_us)
        /* cover: a store's code is not SQL's, which weir_fail asks about */
        return weir_fail(err, last->rc, "could not put '%s': %s", write->key->at,
                         last->why);
    if (write->patience_us > 0 && now_us - wait->start_us >= write->patience_us)
        return weir_retry(err, WEIR_E_UNKNOWN,
                          "could not find out whether '%s' was put: %s", write->key->at,
                          last->why);
    if (log_stopped(log) >= write->stop_at)
        return weir_fail(err, WEIR_E_STOPPED,
                         "stopped before it was known whether '%s' was put: %s",
                         write->key->at, last->why);
    weir_backoff_wait(&wait->backoff);
    return WEIR_OK;
}

weir_code log_write_once(const checkpoint_log *log, log_write *write, weir_arena *arena,
                         weir_err *err)
{
    weir_assert(write->stop_at >= 1);
    weir_assert(write->bytes.len > 0);
    log_refusal own = {.lasts = false};
    log_wait wait = {.backoff = {.clock = log->clock, .most_us = WAIT_MOST_US},
                     .start_us = log->clock->mono_us(log->clock),
                     .refusal = write->refusal != NULL ? write->refusal : &own};
    for (;;) {
        weir_object object = {.key = log_key_text(write->key),
                              .body = write->bytes}; /* 1 */
        wait.asked_us = log->clock->mono_us(log->clock);
        weir_code   rc = log->store->kind->put_new(log->store, &object, 1, err);
        weir_assert(rc == object.rc);
        write->mine = rc == WEIR_OK;
        if (rc == WEIR_E_CONFLICT && weir_mutant(fenced_by_412))
            return WEIR_OK;
        if (rc == WEIR_E_CONFLICT)
            rc = read_winner(log, write, arena, &object, err);
        if (rc == WEIR_OK || rc == WEIR_E_CORRUPT) {
            wait.refusal->lasts = false;
            return rc;
        }
        rc = wait_or_give_up(log, write, &wait, &object, err); /* step 2 */
        if (rc != WEIR_OK)
            return rc;
    }
}
