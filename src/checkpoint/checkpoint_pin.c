/* checkpoint/pin: named epochs that are kept whatever their age.
 *
 * A collector and somebody who pins meet like this: the collector writes its mark, then
 * reads the pins; who pins writes the pin, then reads the mark. One of them sees the other.
 * So an epoch before the mark cannot be pinned any more, and no pinned one is taken.
 *
 * Gives      keep_pins_list, keep_pins_read; weir_checkpoint_pins, _pin, _unpin.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_keep.h"

#define PIN_PATIENCE_US (10LL * 1000000)

static bool is_pin_name(weir_str name)
{
    if (name.len == 0 || name.len > WEIR_JOB_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

weir_code keep_pins_list(const checkpoint_log *log, weir_arena *arena, weir_listed **out,
                         uint32_t *out_count, weir_sha256 *out_listed, weir_err *err)
{
    log_key   folder = log_key_of_folder(log, "pins");
    weir_code rc = log->store->kind->list(log->store, log_key_text(&folder), WEIR_STR(""),
                                          WEIR_PINS_MAX + 1, arena, out, out_count, err);
    if (rc != WEIR_OK)
        return rc;
    if (*out_count > WEIR_PINS_MAX)
        return weir_fail(err, WEIR_E_LIMIT, "there are more than %u pins", WEIR_PINS_MAX);
    weir_buf names = {0};
    for (uint32_t i = 0; i < *out_count; i++) {
        weir_buf_blob(&names, (*out)[i].key);
        weir_buf_u64(&names, (uint64_t)(*out)[i].modified_us);
    }
    *out_listed = weir_sha256_of(weir_buf_view(&names));
    weir_buf_done(&names);
    return WEIR_OK;
}

static weir_code check_pin(const log_key *key, const checkpoint_record *record,
                           weir_err *err)
{
    if (record->kind != RECORD_PIN || record->prev.idx == 0)
        return log_corrupt(key, "it is not a pin", err);
    return WEIR_OK;
}

static weir_code read_pin(const checkpoint_log *log, const log_key *key, weir_str name,
                          weir_arena *arena, weir_pin *out, weir_err *err)
{
    checkpoint_record record = {.idx = 0};
    weir_code         rc = log_read(log, key, arena, &record, err);
    if (rc == WEIR_OK)
        rc = check_pin(key, &record, err);
    if (rc != WEIR_OK)
        return rc;
    *out = (weir_pin){.name = weir_str_copy(arena, name),
                      .gen = record.prev.gen,
                      .idx = record.prev.idx,
                      .epoch = record.prev.epoch,
                      .sha = record.prev.sha,
                      .written_us = record.written_us};
    return WEIR_OK;
}

weir_code keep_pins_read(const checkpoint_log *log, weir_arena *arena, keep_pins *out,
                         weir_err *err)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    log_key      folder = log_key_of_folder(log, "pins");
    *out = (keep_pins){.count = 0};
    weir_code rc = keep_pins_list(log, arena, &listed, &count, &out->listed, err);
    if (rc != WEIR_OK)
        return rc;
    out->pin = WEIR_ARRAY(arena, weir_pin, count);
    for (uint32_t i = 0; i < count; i++) {
        weir_str name = {listed[i].key.at + folder.len, listed[i].key.len - folder.len};
        log_key  key = log_key_of_pin(log, (weir_str){"", 0});
        if (!is_pin_name(name))
            return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                             "'%.*s' cannot be a pin", WEIR_STR_FMT(listed[i].key));
        key = log_key_of_pin(log, name);
        rc = read_pin(log, &key, name, arena, &out->pin[out->count], err);
        if (rc == WEIR_E_NOTFOUND)
            continue; /* unpinned since */
        if (rc != WEIR_OK)
            return rc;
        out->count++;
    }
    return WEIR_OK;
}

weir_code weir_checkpoint_pins(weir_checkpoint *checkpoint, weir_arena *arena,
                               weir_pin **out, uint32_t *out_count, weir_err *err)
{
    keep_pins pins;
    weir_code rc = keep_pins_read(&checkpoint->log, arena, &pins, err);
    if (rc != WEIR_OK)
        return rc;
    *out = pins.pin;
    *out_count = pins.count;
    return WEIR_OK;
}

/* Is the epoch behind the mark, or pinned by another name than this one? */
static weir_code check_kept(const checkpoint_log *log, weir_str name, uint64_t epoch,
                            weir_arena *arena, weir_err *err)
{
    keep_mark mark;
    keep_pins pins;
    weir_code rc = keep_mark_read(log, arena, &mark, err);
    if (rc != WEIR_OK || !mark.there || epoch >= mark.first.epoch)
        return rc;
    rc = keep_pins_read(log, arena, &pins, err);
    if (rc != WEIR_OK)
        return rc;
    for (uint32_t i = 0; i < pins.count; i++)
        if (pins.pin[i].epoch == epoch && !weir_str_eq(pins.pin[i].name, name))
            return WEIR_OK;
    (void)weir_fail(err, WEIR_E_NOTFOUND, "epoch %llu is not kept any more",
                    (unsigned long long)epoch);
    return weir_err_hint(err, "epochs from %llu on can be pinned",
                         (unsigned long long)mark.first.epoch);
}

static weir_code is_other_epoch(weir_str name, uint64_t epoch, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFLICT, "'%.*s' is pinned to epoch %llu",
                    WEIR_STR_FMT(name), (unsigned long long)epoch);
    return weir_err_hint(err, "unpin it first, or take another name");
}

/* Was the name given before? Then nothing has to be done, or cannot be. */
static weir_code look_at_pin(const checkpoint_log *log, weir_str name, uint64_t epoch,
                             bool *out_done, weir_err *err)
{
    weir_arena *arena = weir_arena_new("pin", 4096);
    weir_pin    pin = {.idx = 0};
    log_key     key = log_key_of_pin(log, name);
    weir_code   rc = read_pin(log, &key, name, arena, &pin, err);
    weir_arena_free(arena);
    *out_done = rc == WEIR_OK && pin.epoch == epoch;
    if (rc == WEIR_E_NOTFOUND)
        return WEIR_OK;
    return rc != WEIR_OK || *out_done ? rc : is_other_epoch(name, pin.epoch, err);
}

static weir_code put_pin(const checkpoint_log *log, weir_str name,
                         const weir_manifest *manifest, weir_arena *arena, weir_err *err)
{
    checkpoint_record record = {.kind = RECORD_PIN,
                                .job = log->job,
                                .task = log->task,
                                .lineage = log->lineage,
                                .gen = manifest->gen,
                                .epoch = manifest->epoch,
                                .prev = {.gen = manifest->gen,
                                         .idx = manifest->idx,
                                         .epoch = manifest->epoch,
                                         .sha = manifest->sha},
                                .written_us = log->clock->wall_us(log->clock)};
    weir_buf          bytes = {0};
    log_key           key = log_key_of_pin(log, name);
    weir_random_nonce(record.nonce);
    record_write(&bytes, &record);
    log_write write = {.key = &key,
                       .bytes = weir_buf_view(&bytes),
                       .sha = record.sha,
                       .stop_at = 1,
                       .patience_us = PIN_PATIENCE_US};
    weir_code rc = log_write_once(log, &write, arena, err);
    weir_buf_done(&bytes);
    if (rc != WEIR_OK || write.mine)
        return rc;
    rc = check_pin(&key, &write.other, err); /* another gave it the name a moment before */
    if (rc != WEIR_OK || write.other.epoch == manifest->epoch)
        return rc;
    return is_other_epoch(name, write.other.epoch, err);
}

weir_code weir_checkpoint_pin(weir_checkpoint *checkpoint, weir_str name,
                              const weir_manifest *manifest, weir_err *err)
{
    const checkpoint_log *log = &checkpoint->log;
    if (!is_pin_name(name)) {
        (void)weir_fail(err, WEIR_E_CONFIG, "'%.*s' cannot be the name of a pin",
                        WEIR_STR_FMT(name));
        return weir_err_hint(err, "1 to 64 of a-z, 0-9, '_' and '-'");
    }
    bool      done = false;
    weir_code rc = look_at_pin(log, name, manifest->epoch, &done, err);
    if (rc != WEIR_OK || done)
        return rc;
    weir_arena *arena = weir_arena_new("pin", 64 << 10);
    rc = check_kept(log, name, manifest->epoch, arena, err);
    if (rc == WEIR_OK)
        rc = put_pin(log, name, manifest, arena, err);
    if (rc == WEIR_OK) {
        rc = check_kept(log, name, manifest->epoch, arena, err);
        weir_err ignored;
        if (rc == WEIR_E_NOTFOUND) /* a pin that keeps nothing would only mislead */
            (void)!weir_checkpoint_unpin(checkpoint, name, &ignored);
    }
    weir_arena_free(arena);
    return rc;
}

weir_code weir_checkpoint_unpin(weir_checkpoint *checkpoint, weir_str name, weir_err *err)
{
    const checkpoint_log *log = &checkpoint->log;
    bool                  there = false;
    weir_code             rc = WEIR_OK;
    if (is_pin_name(name)) {
        log_key     key = log_key_of_pin(log, name);
        weir_object object = {.key = log_key_text(&key)};
        rc = log_exists(log, &key, &there, err);
        if (rc == WEIR_OK && there)
            return log->store->kind->remove(log->store, &object, 1, err);
    }
    if (rc != WEIR_OK)
        return rc;
    return weir_fail(err, WEIR_E_NOTFOUND, "there is no pin '%.*s'", WEIR_STR_FMT(name));
}
