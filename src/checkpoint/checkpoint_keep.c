/* checkpoint/keep: the collector's mark, and where epochs are.
 *
 * A place in the log is found without a list: within a generation, indices and epochs go up
 * together, and the SEAL of the generation before names the last manifest of all that came
 * before it. SEALs are never removed, so that way back is never cut off.
 *
 * The mark only grows. It is the highest of the objects marks/<epoch>, each of which is put
 * once; lower ones are removed by whoever has a higher one. The bad case that this prevents: a
 * collector decides on epoch 10 and sleeps, another one decides on 20, takes all before it; the
 * first puts its mark over the other's, and somebody pins epoch 15, of which nothing is left.
 *
 * Gives      keep_mark_*, keep_marks_tidy, keep_tail_look, keep_before_generation, keep_place_at,
 *            keep_first_since; weir_checkpoint_span, _find, _find_time, _choose_lineage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_keep.h"

#include <stdio.h>

#include "weir/failpoint.h"

#define MARK_PATIENCE_US (10LL * 1000000)

enum { MARKS_PAGE = 100, LOOKS_MAX = 4, MARK_DIGITS = 12 };

static bool mark_number(const log_key *folder, weir_str key, uint64_t *out)
{
    weir_str digits = {key.at + folder->len, key.len - folder->len};
    return digits.len == MARK_DIGITS && weir_str_to_u64(digits, out) && *out > 0;
}

/* The highest one that is there, 0: none. Of numbers as long as each other it is the last. */
static weir_code find_mark(const checkpoint_log *log, weir_arena *arena, uint64_t *out,
                           weir_err *err)
{
    log_key   folder = log_key_of_folder(log, "marks");
    weir_buf  after = {0};
    uint32_t  count = MARKS_PAGE;
    weir_code rc = WEIR_OK;
    *out = 0;
    while (rc == WEIR_OK && count == MARKS_PAGE) {
        weir_listed *listed = NULL;
        rc = log->store->kind->list(log->store, log_key_text(&folder), weir_buf_view(&after),
                                    MARKS_PAGE, arena, &listed, &count, err);
        for (uint32_t i = 0; rc == WEIR_OK && i < count; i++) {
            uint64_t number = 0;
            if (mark_number(&folder, listed[i].key, &number))
                *out = number;
        }
        if (rc == WEIR_OK && count == MARKS_PAGE) {
            weir_buf_clear(&after);
            weir_buf_str(&after, listed[count - 1].key);
        }
    }
    weir_buf_done(&after);
    return rc;
}

/* `epoch`: the one that its key says, 0: that says none. */
static weir_code take_mark(const log_key *key, uint64_t epoch,
                           const checkpoint_record *record, keep_mark *out, weir_err *err)
{
    if (record->kind != RECORD_MARK || record->prev.idx == 0)
        return log_corrupt(key, "it is not the collector's mark", err);
    if (epoch > 0 && record->prev.epoch != epoch)
        return log_corrupt(key, "it is the collector's mark of another epoch", err);
    *out = (keep_mark){.there = true, .first = record->prev, .sha = record->sha};
    return WEIR_OK;
}

static weir_code read_mark(const checkpoint_log *log, uint64_t epoch, weir_arena *arena,
                           keep_mark *out, weir_err *err)
{
    checkpoint_record record = {.idx = 0};
    log_key   key = epoch > 0 ? log_key_of_mark(log, epoch) : log_key_of_old_mark(log);
    weir_code rc = log_read(log, &key, arena, &record, err);
    return rc == WEIR_OK ? take_mark(&key, epoch, &record, out, err) : rc;
}

weir_code keep_mark_read(const checkpoint_log *log, weir_arena *arena, keep_mark *out,
                         weir_err *err)
{
    weir_code rc = WEIR_E_NOTFOUND;
    *out = (keep_mark){.there = false};
    for (int looks = 0; rc == WEIR_E_NOTFOUND && looks < LOOKS_MAX; looks++) {
        uint64_t number = 0;
        rc = find_mark(log, arena, &number, err);
        if (rc == WEIR_OK)
            rc = read_mark(log, number, arena, out, err);
        if (rc == WEIR_E_NOTFOUND && number == 0)
            return WEIR_OK;
    }
    if (rc == WEIR_E_NOTFOUND) /* each time a newer one had come */
        return weir_retry(err, WEIR_E_CONFLICT, "the collector's marks come and go");
    return rc;
}

/* When the store says that it has an object, which was just put. */
static weir_code store_time(const checkpoint_log *log, const log_key *key, weir_arena *arena,
                            int64_t *out_us, weir_err *err)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_code    rc = log->store->kind->list(log->store, log_key_text(key), WEIR_STR(""), 1,
                                             arena, &listed, &count, err);
    if (rc != WEIR_OK)
        return rc;
    if (count != 1 || !weir_str_eq(listed[0].key, log_key_text(key)))
        return weir_retry(err, WEIR_E_REMOTE,
                          "the store does not list '%s', which was just put", key->at);
    *out_us = listed[0].modified_us;
    return WEIR_OK;
}

/* The mark of an epoch is put once: of two collectors the slower one puts a lower mark, which
   counts for nothing, or finds the other's. */
static weir_code put_mark(const checkpoint_log *log, const log_key *key,
                          const record_place *first, weir_arena *arena, keep_mark *out,
                          bool *out_mine, weir_err *err)
{
    checkpoint_record record = {.kind = RECORD_MARK,
                                .job = log->job,
                                .task = log->task,
                                .lineage = log->lineage,
                                .gen = first->gen,
                                .epoch = first->epoch,
                                .prev = *first,
                                .written_us = log->clock->wall_us(log->clock)};
    weir_buf          bytes = {0};
    weir_random_nonce(record.nonce);
    record_write(&bytes, &record);
    log_write write = {.key = key,
                       .bytes = weir_buf_view(&bytes),
                       .sha = record.sha,
                       .stop_at = 1,
                       .patience_us = MARK_PATIENCE_US};
    WEIR_FAILPOINT(gc_mark);
    weir_code rc = log_write_once(log, &write, arena, err);
    weir_buf_done(&bytes);
    if (rc != WEIR_OK)
        return rc;
    *out_mine = write.mine;
    return take_mark(key, first->epoch, write.mine ? &record : &write.other, out, err);
}

weir_code keep_mark_write(const checkpoint_log *log, const record_place *first,
                          weir_arena *arena, keep_mark *out, int64_t *out_store_us,
                          weir_err *err)
{
    log_key key = log_key_of_mark(log, first->epoch);
    bool    mine = false;
    weir_assert(first->idx > 0);
    weir_code rc = put_mark(log, &key, first, arena, out, &mine, err);
    if (rc == WEIR_OK && !mine) { /* it may be a day old: something else tells the time */
        key = log_key_of_folder(log, "marks");
        key.len += (size_t)snprintf(key.at + key.len, sizeof key.at - key.len, "clock");
        WEIR_FAILPOINT(gc_clock);
        rc = weir_store_put_one(log->store, log_key_text(&key), WEIR_STR("now"), err);
        WEIR_FAILPOINT(gc_look);
    }
    return rc == WEIR_OK ? store_time(log, &key, arena, out_store_us, err) : rc;
}

weir_code keep_marks_tidy(const checkpoint_log *log, uint64_t epoch, weir_arena *arena,
                          weir_err *err)
{
    log_key      folder = log_key_of_folder(log, "marks");
    weir_listed *listed = NULL;
    weir_object  object[WEIR_STORE_PARALLEL] = {{.rc = WEIR_OK}};
    uint32_t     count = 0, lower = 0;
    WEIR_FAILPOINT(gc_look);
    weir_code rc = log->store->kind->list(log->store, log_key_text(&folder), WEIR_STR(""),
                                          WEIR_STORE_PARALLEL, arena, &listed, &count, err);
    for (uint32_t i = 0; rc == WEIR_OK && i < count; i++) {
        uint64_t number = 0;
        if (mark_number(&folder, listed[i].key, &number) && number < epoch)
            object[lower++].key = listed[i].key;
    }
    if (rc != WEIR_OK || lower == 0)
        return rc;
    WEIR_FAILPOINT(gc_delete);
    return log->store->kind->remove(log->store, object, lower, err);
}

weir_code keep_tail_look(const checkpoint_log *log, weir_arena *arena, keep_tail *out,
                         weir_err *err)
{
    takeover_tail tail;
    weir_code     rc = takeover_look(log, arena, &tail, err);
    if (rc != WEIR_OK)
        return rc;
    keep_tail found = {.last = tail.last, .finalised = tail.finalised, .gen = tail.gen};
    if (tail.last.idx > 0 && !tail.finalised) {
        checkpoint_record record = {.idx = 0};
        rc = log_read_record(log, tail.last.gen, tail.last.idx, arena, &record, err);
        if (rc == WEIR_OK && record.kind == RECORD_AMEND) /* what it replaces was not, either */
            rc = log_read_record(log, record.prev.gen, record.prev.idx, arena, &record, err);
        found.final = record.prev; /* was, before the next one was put */
    } else {
        found.final = tail.last;
    }
    if (rc == WEIR_OK)
        *out = found;
    return rc;
}

weir_code keep_before_generation(const checkpoint_log *log, uint64_t gen,
                                 weir_arena *arena, record_place *out, weir_err *err)
{
    checkpoint_record seal = {.idx = 0};
    *out = (record_place){.idx = 0};
    if (gen == 0)
        return WEIR_OK;
    weir_code rc = log_read_seal(log, gen - 1, arena, &seal, err);
    if (rc == WEIR_E_NOTFOUND) {
        log_key key = log_key_of_seal(log, gen - 1);
        return log_corrupt(&key, "it is missing", err);
    }
    if (rc == WEIR_OK)
        *out = seal.prev;
    weir_assert(out->idx == 0 || out->gen < gen);
    return rc;
}

weir_code keep_place_at(const checkpoint_log *log, uint64_t gen, uint64_t idx,
                        weir_arena *arena, bool *out_there, record_place *out,
                        int64_t *out_written_us, weir_err *err)
{
    checkpoint_record record = {.idx = 0};
    *out_there = false;
    weir_code rc = log_read_record(log, gen, idx, arena, &record, err);
    if (rc == WEIR_E_NOTFOUND)
        return WEIR_OK;
    if (rc != WEIR_OK || !record_is_epoch(record.kind))
        return rc; /* a SEAL in a slot that was collected: nothing there */
    *out_there = true;
    *out = (record_place){.gen = gen, .idx = idx, .epoch = record.epoch, .sha = record.sha};
    *out_written_us = record.written_us;
    return WEIR_OK;
}

typedef struct since_search {
    const checkpoint_log *log;
    weir_arena           *arena;
    int64_t               since_us;
    record_place          found; /* young enough */
} since_search;

/* Whether (gen, idx) is young enough; then it is `found`. */
static weir_code try_place(since_search *s, uint64_t gen, uint64_t idx, bool *out_young,
                           weir_err *err)
{
    record_place place;
    bool         there = false;
    int64_t      written_us = 0;
    weir_arena_reset(s->arena);
    weir_code rc =
        keep_place_at(s->log, gen, idx, s->arena, &there, &place, &written_us, err);
    *out_young = there && written_us >= s->since_us;
    if (rc == WEIR_OK && *out_young)
        s->found = place;
    return rc;
}

/* Between `old`, which is not (or 0), and found.idx, which is. */
static weir_code bisect(since_search *s, uint64_t old, weir_err *err)
{
    while (s->found.idx - old > 1) {
        uint64_t  middle = old + (s->found.idx - old) / 2;
        bool      young = false;
        weir_code rc = try_place(s, s->found.gen, middle, &young, err);
        if (rc != WEIR_OK)
            return rc;
        if (!young)
            old = middle;
    }
    return WEIR_OK;
}

/* Generation by generation, back to one that begins too early. */
static weir_code search(since_search *s, const record_place *floor, weir_err *err)
{
    for (;;) {
        bool      young = s->found.idx == 1;
        uint64_t  gen = s->found.gen;
        weir_code rc = young ? WEIR_OK : try_place(s, gen, 1, &young, err);
        if (rc != WEIR_OK || !young)
            return rc == WEIR_OK ? bisect(s, 1, err) : rc;
        if (s->found.epoch <= floor->epoch)
            return WEIR_OK;
        record_place before;
        weir_arena_reset(s->arena);
        rc = keep_before_generation(s->log, gen, s->arena, &before, err);
        if (rc != WEIR_OK || before.idx == 0)
            return rc;
        rc = try_place(s, before.gen, before.idx, &young, err);
        if (rc != WEIR_OK || !young)
            return rc;
    }
}

weir_code keep_first_since(const checkpoint_log *log, const record_place *last,
                           const record_place *floor, int64_t since_us, record_place *out,
                           weir_err *err)
{
    since_search s = {.log = log,
                      .arena = weir_arena_new("places", 64 << 10),
                      .since_us = since_us,
                      .found = *last};
    weir_assert(last->idx > 0);
    weir_code rc = search(&s, floor, err);
    weir_arena_free(s.arena);
    if (rc == WEIR_OK)
        *out = s.found.epoch < floor->epoch ? *floor : s.found;
    return rc;
}

weir_code weir_checkpoint_choose_lineage(weir_checkpoint *checkpoint, uint32_t lineage,
                                         weir_err *err)
{
    checkpoint_log log = checkpoint->log;
    bool           there = false;
    weir_assert(!checkpoint->owned);
    log.lineage = lineage;
    log_key   key = log_key_of_record(&log, 0, 1);
    weir_code rc = log_exists(&log, &key, &there, err);
    if (rc == WEIR_OK && !there)
        rc = weir_fail(err, WEIR_E_NOTFOUND, "there is no lineage l%u", lineage);
    if (rc == WEIR_OK)
        checkpoint->log.lineage = lineage;
    return rc;
}

weir_code weir_checkpoint_span(weir_checkpoint *checkpoint, weir_span *out, weir_err *err)
{
    weir_arena *arena = weir_arena_new("span", 64 << 10);
    keep_tail   tail;
    keep_mark   mark;
    weir_code   rc = keep_tail_look(&checkpoint->log, arena, &tail, err);
    if (rc == WEIR_OK)
        rc = keep_mark_read(&checkpoint->log, arena, &mark, err);
    weir_arena_free(arena);
    if (rc != WEIR_OK)
        return rc;
    *out = (weir_span){.last = tail.last.epoch,
                       .generations = tail.gen,
                       .finalised = tail.finalised};
    if (tail.last.idx > 0)
        out->first = mark.there ? mark.first.epoch : 1;
    return WEIR_OK;
}

/* Where the manifest of an epoch is, if it was not collected. */
static weir_code locate(const checkpoint_log *log, const record_place *last, uint64_t epoch,
                        weir_arena *arena, record_place *out, weir_err *err)
{
    record_place at = *last;
    weir_assert(epoch >= 1);
    weir_assert(epoch <= last->epoch);
    while (at.epoch - epoch >= at.idx) { /* before its generation */
        weir_code rc = keep_before_generation(log, at.gen, arena, &at, err);
        if (rc != WEIR_OK)
            return rc;
        weir_assert(at.idx > 0);
    }
    *out = (record_place){
        .gen = at.gen, .idx = at.idx - (at.epoch - epoch), .epoch = epoch};
    return WEIR_OK;
}

static const weir_pin *pin_of(const keep_pins *pins, uint64_t epoch)
{
    for (uint32_t i = 0; i < pins->count; i++)
        if (pins->pin[i].epoch == epoch)
            return &pins->pin[i];
    return NULL;
}

static weir_code find_in(const checkpoint_log *log, uint64_t epoch, weir_arena *arena,
                         record_place *out, weir_err *err)
{
    keep_tail tail;
    keep_mark mark;
    keep_pins pins = {.count = 0};
    weir_code rc = keep_tail_look(log, arena, &tail, err);
    if (rc == WEIR_OK)
        rc = keep_mark_read(log, arena, &mark, err);
    if (rc == WEIR_OK)
        rc = keep_pins_read(log, arena, &pins, err);
    if (rc != WEIR_OK)
        return rc;
    if (epoch == 0 || epoch > tail.last.epoch) {
        (void)weir_fail(err, WEIR_E_NOTFOUND, "there is no epoch %llu",
                        (unsigned long long)epoch);
        return weir_err_hint(err, "the last one is %llu",
                             (unsigned long long)tail.last.epoch);
    }
    const weir_pin *pin = pin_of(&pins, epoch);
    bool            kept = !mark.there || epoch >= mark.first.epoch;
    if (!kept && pin == NULL)
        return weir_fail(err, WEIR_E_NOTFOUND, "epoch %llu is not kept any more",
                         (unsigned long long)epoch);
    if (!kept) { /* what was pinned: an epoch that was amended since is there twice */
        *out = (record_place){.gen = pin->gen, .idx = pin->idx, .epoch = epoch};
        return WEIR_OK;
    }
    return locate(log, &tail.last, epoch, arena, out, err);
}

weir_code weir_checkpoint_find(weir_checkpoint *checkpoint, uint64_t epoch,
                               weir_arena *arena, weir_manifest **out, weir_err *err)
{
    record_place place = {.idx = 0};
    weir_arena  *work = weir_arena_new("find", 64 << 10);
    weir_code    rc = find_in(&checkpoint->log, epoch, work, &place, err);
    weir_arena_free(work);
    if (rc != WEIR_OK)
        return rc;
    weir_manifest *manifest = NULL;
    rc = weir_checkpoint_read(checkpoint, place.gen, place.idx, arena, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    if (manifest->epoch != epoch) {
        log_key key = log_key_of_record(&checkpoint->log, place.gen, place.idx);
        return log_corrupt(&key, "it is of another epoch", err);
    }
    *out = manifest;
    return WEIR_OK;
}

weir_code weir_checkpoint_find_time(weir_checkpoint *checkpoint, int64_t wall_us,
                                    weir_arena *arena, weir_manifest **out, weir_err *err)
{
    const checkpoint_log *log = &checkpoint->log;
    weir_arena           *work = weir_arena_new("find", 64 << 10);
    keep_tail             tail;
    keep_mark             mark = {.there = false};
    record_place          next = {.idx = 0};
    bool                  there = false;
    int64_t               last_us = 0;
    weir_code             rc = keep_tail_look(log, work, &tail, err);
    if (rc == WEIR_OK)
        rc = keep_mark_read(log, work, &mark, err);
    if (rc == WEIR_OK && tail.last.idx > 0)
        rc = keep_place_at(log, tail.last.gen, tail.last.idx, work, &there, &next, &last_us,
                           err);
    weir_arena_free(work);
    uint64_t epoch = tail.last.epoch;
    if (rc == WEIR_OK && there && last_us > wall_us) {
        rc = keep_first_since(log, &tail.last, &mark.first, wall_us + 1, &next, err);
        epoch = next.epoch - 1;
    }
    if (rc != WEIR_OK)
        return rc;
    if (epoch < (mark.there ? mark.first.epoch : 1))
        return weir_fail(err, WEIR_E_NOTFOUND, "no epoch that is kept is so old");
    return weir_checkpoint_find(checkpoint, epoch, arena, out, err);
}
