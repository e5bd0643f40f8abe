/* checkpoint/collect: takes away what no epoch needs that can still be asked for.
 *
 * 1. The first epoch that is kept is the older one of: the first that is young enough, and
 *    the first of the newest generation with a finalised manifest. Everything from it on
 *    stays, so nothing of an epoch in the making is ever looked at.
 * 2. The mark says so before anything is taken; then the pins are read (checkpoint_pin.c).
 * 3. What is older than the first epoch stays when that epoch, a pinned one or the last one
 *    lists it. Epochs between need nothing else that is older (checkpoint_refs.c).
 * 4. Data objects go first, then manifests, oldest first. What is left after a crash is
 *    found again by the list.
 *
 * The bad case: a worker sleeps for a day in front of a PUT. Its generation was sealed and
 * collected, so its slot is free, and the PUT would be answered with 200. It sees the boot
 * clock first (checkpoint_stage.c), which is why nothing is taken before it is twice as old
 * as that worker may sleep; and a SEAL is never taken, so nobody else reads that slot.
 *
 * Always     1. no SEAL is removed: each record's first bytes are looked at.
 *            2. nothing is removed that the store has had for less than min_age_us by its
 *               own clock, or that is not older than the mark.
 *            3. a manifest is removed only from a sealed generation older than the newest
 *               one with a finalised manifest.
 *            4. another collector, a new pin or another owner ends the round.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_keep.h"

#include <string.h>

#include "weir/failpoint.h"
#include "weir/mutant.h"

enum { PAGE = 1000, HEAD_BYTES = 11, KIND_AT = 10 };

typedef struct collect {
    const checkpoint_log     *log;
    const weir_collect_setup *setup;
    weir_collected           *out;
    weir_arena               *arena; /* of the round */
    weir_arena               *page;
    keep_mark                 mark;
    keep_pins                 pins;
    record_place              last, final;
    ref_set                   keep;       /* older than mark.first, and needed */
    int64_t                   before_us;  /* 2, by the store's clock */
    uint64_t                  sealed_gen; /* whose SEAL is at sealed_idx */
    uint64_t                  sealed_idx; /* 0: of none */
    weir_listed               batch[WEIR_STORE_PARALLEL];
    uint32_t                  batched;
    bool                      manifests; /* the pass is of them, not of data */
} collect;

/* Step 1. *out->idx 0: there is nothing that could be taken. */
static weir_code find_first(collect *c, const keep_mark *before, record_place *out,
                            weir_err *err)
{
    const weir_collect_setup *setup = c->setup;
    keep_tail                 tail;
    bool                      there = false;
    int64_t                   written_us = 0;
    *out = (record_place){.idx = 0};
    weir_code rc = keep_tail_look(c->log, c->arena, &tail, err);
    if (rc != WEIR_OK || tail.final.idx == 0)
        return rc;
    c->last = tail.last;
    c->final = tail.final;
    rc = keep_place_at(c->log, tail.final.gen, 1, c->arena, &there, out, &written_us, err);
    if (rc == WEIR_OK && !there) {
        log_key key = log_key_of_record(c->log, tail.final.gen, 1);
        return log_corrupt(&key, "it is missing", err);
    }
    int64_t keep_us =
        setup->retain_us > setup->min_age_us ? setup->retain_us : setup->min_age_us;
    int64_t since_us = c->log->clock->wall_us(c->log->clock) - keep_us;
    if (rc == WEIR_OK && written_us >= since_us)
        rc = keep_first_since(c->log, out, &before->first, since_us, out, err);
    if (rc == WEIR_OK && out->epoch < before->first.epoch)
        *out = before->first; /* what is older may be gone */
    return rc;
}

/* Adds what the manifest at a place lists. */
static weir_code keep_refs(collect *c, const record_place *place, bool *out_listed,
                           weir_err *err)
{
    weir_manifest *manifest = NULL;
    ref_object     own = {.gen = place->gen,
                          .idx = place->idx,
                          .epoch = place->epoch,
                          .number = UINT32_MAX};
    weir_code rc = checkpoint_read_place(c->log, place, c->page, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    weir_str refs = weir_manifest_section(manifest, RECORD_REFS);
    *out_listed = refs.len > 0;
    if (refs.len > 0 && !ref_set_read(&c->keep, refs)) {
        log_key key = log_key_of_record(c->log, place->gen, place->idx);
        return log_corrupt(&key, "its list of objects is damaged", err);
    }
    ref_set_add(&c->keep, &own);
    weir_arena_reset(c->page);
    return WEIR_OK;
}

/* Step 3. *out_known: false when one was written by a version that listed nothing. */
static weir_code find_live(collect *c, bool *out_known, weir_err *err)
{
    weir_code rc = keep_refs(c, &c->mark.first, out_known, err);
    bool      known = *out_known;
    if (rc == WEIR_OK)
        rc = keep_refs(c, &c->last, &known, err);
    *out_known &= known;
    for (uint32_t i = 0; i < c->pins.count && rc == WEIR_OK; i++) {
        const weir_pin *pin = &c->pins.pin[i];
        record_place    place = {
               .gen = pin->gen, .idx = pin->idx, .epoch = pin->epoch, .sha = pin->sha};
        rc = keep_refs(c, &place, &known, err);
        *out_known &= known;
    }
    ref_set_finish(&c->keep);
    return rc;
}

/* 4. *out: may the round go on? */
static weir_code look_around(collect *c, bool *out, weir_err *err)
{
    keep_mark    mark;
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_sha256  pins;
    bool         sealed = false;
    *out = false;
    if (log_stopped(c->log) != 0) {
        c->out->stopped = "it was told to stop";
        return WEIR_OK;
    }
    WEIR_FAILPOINT(gc_look);
    weir_code rc = keep_pins_list(c->log, c->page, &listed, &count, &pins, err);
    if (rc == WEIR_OK && !weir_sha256_eq(&pins, &c->pins.listed))
        c->out->stopped = "a pin came or went";
    if (rc == WEIR_OK && !c->setup->dry_run) {
        rc = keep_mark_read(c->log, c->page, &mark, err);
        if (rc == WEIR_OK && !weir_sha256_eq(&mark.sha, &c->mark.sha)) /* or it is gone */
            c->out->stopped = "another collector is at work";
    }
    if (rc == WEIR_OK && c->setup->owner_gen > 0) {
        checkpoint_record seal = {.reason = RECORD_NO_REASON};
        rc = log_read_seal(c->log, c->setup->owner_gen, c->page, &seal, err);
        sealed = rc == WEIR_OK && seal.reason != RECORD_SELF_SEALED;
        if (rc == WEIR_E_NOTFOUND)
            rc = WEIR_OK;
        if (sealed)
            c->out->stopped = "another process owns the task";
    }
    *out = rc == WEIR_OK && c->out->stopped == NULL;
    return rc;
}

/* A pause for what was done, seen through by a stop within a second. */
static void keep_rate(const collect *c, uint32_t objects)
{
    weir_clock *clock = c->log->clock;
    if (c->setup->rate == 0 || c->setup->dry_run)
        return;
    int64_t left_us = (int64_t)objects * 1000000 / c->setup->rate;
    while (left_us > 0 && log_stopped(c->log) == 0) {
        int64_t part_us = left_us < 1000000 ? left_us : 1000000;
        clock->pause_us(clock, part_us);
        left_us -= part_us;
    }
}

/* 1: leaves what is not an epoch's out of the batch. What is gone already is left out, too. */
static weir_code leave_seals(collect *c, weir_err *err)
{
    weir_object object[WEIR_STORE_PARALLEL] = {{.rc = WEIR_OK}};
    uint32_t    kept = 0;
    for (uint32_t i = 0; i < c->batched; i++)
        object[i] = (weir_object){.key = c->batch[i].key, .length = HEAD_BYTES};
    WEIR_FAILPOINT(gc_read);
    weir_code rc = c->log->store->kind->get(c->log->store, object, c->batched, err);
    if (rc == WEIR_E_NOTFOUND || rc == WEIR_E_CORRUPT)
        rc = WEIR_OK;
    for (uint32_t i = 0; i < c->batched; i++) {
        bool got = object[i].rc == WEIR_OK;
        weir_assert(!got || object[i].got.len == HEAD_BYTES); /* else it is CORRUPT */
        bool manifest = got && record_is_epoch((record_kind)object[i].got.at[KIND_AT]);
        if (manifest || weir_mutant(collect_seals))
            c->batch[kept++] = c->batch[i];
        weir_buf_done(&object[i].got);
    }
    c->batched = kept;
    return rc;
}

static weir_code take_batch(collect *c, weir_err *err)
{
    weir_object object[WEIR_STORE_PARALLEL] = {{.rc = WEIR_OK}};
    weir_code   rc = WEIR_OK;
    if (c->manifests && c->batched > 0)
        rc = leave_seals(c, err);
    if (rc != WEIR_OK || c->batched == 0)
        return rc;
    for (uint32_t i = 0; i < c->batched; i++)
        object[i].key = c->batch[i].key;
    WEIR_FAILPOINT(gc_delete);
    if (!c->setup->dry_run)
        rc = c->log->store->kind->remove(c->log->store, object, c->batched, err);
    for (uint32_t i = 0; i < c->batched; i++) {
        if (object[i].rc != WEIR_OK)
            continue;
        *(c->manifests ? &c->out->manifests : &c->out->data) += 1;
        c->out->bytes += c->batch[i].size;
        if (c->setup->took != NULL)
            c->setup->took(c->setup->self, c->batch[i].key, c->batch[i].size);
    }
    keep_rate(c, c->batched);
    c->batched = 0;
    return rc;
}

static weir_code take(collect *c, const weir_listed *one, weir_err *err)
{
    if (one->modified_us > c->before_us) /* 2 */
        return WEIR_OK;
    c->batch[c->batched++] = *one;
    return c->batched < WEIR_STORE_PARALLEL ? WEIR_OK : take_batch(c, err);
}

static bool read_number(weir_str *text, char end, uint64_t *out)
{
    size_t len = 0;
    while (len < text->len && text->at[len] != end)
        len++;
    bool whole = end == '\0' || len < text->len;
    if (len < 8 || !whole || !weir_str_to_u64((weir_str){text->at, len}, out))
        return false;
    size_t taken = end == '\0' ? len : len + 1;
    *text = (weir_str){text->at + taken, text->len - taken};
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "<gen>/<epoch>/<nonce>-<number>"; false: no key of ours. */
static bool parse_data(weir_str text, ref_object *out)
{
    uint64_t number = 0;
    *out = (ref_object){.gen = 0};
    if (!read_number(&text, '/', &out->gen) || !read_number(&text, '/', &out->epoch) ||
        text.len < 34 || text.at[32] != '-')
        return false;
    for (size_t i = 0; i < sizeof out->nonce; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->nonce[i] = (uint8_t)(high * 16 + low);
    }
    if (!weir_str_to_u64((weir_str){text.at + 33, text.len - 33}, &number) ||
        number >= UINT32_MAX)
        return false;
    out->number = (uint32_t)number;
    return true;
}

/* *out_end: behind this key there is nothing to take. */
static weir_code judge_data(collect *c, const weir_listed *one, weir_str name,
                            bool *out_end, weir_err *err)
{
    const record_place *first = &c->mark.first;
    ref_object          object;
    if (!parse_data(name, &object))
        return WEIR_OK;
    bool young = object.epoch >= first->epoch;
    *out_end = object.gen > first->gen ||
               (young && object.gen == first->gen && object.epoch <= RECORD_NUMBER_MAX);
    if (*out_end || young || object.gen >= c->final.gen)
        return WEIR_OK;
    if (ref_set_find(&c->keep, &object) != NULL)
        return WEIR_OK;
    return take(c, one, err);
}

/* 1 and 3. NULL seal: where it stands is not known yet. */
static weir_code is_behind_seal(collect *c, uint64_t gen, uint64_t idx, bool *out,
                                weir_err *err)
{
    if (c->sealed_idx == 0 || c->sealed_gen != gen) {
        checkpoint_record seal = {.idx = 0};
        weir_code         rc = log_read_seal(c->log, gen, c->page, &seal, err);
        if (rc != WEIR_OK && rc != WEIR_E_NOTFOUND)
            return rc;
        c->sealed_gen = gen;
        c->sealed_idx = rc == WEIR_OK ? seal.idx : 1; /* not sealed: nothing is before it */
    }
    *out = idx >= c->sealed_idx;
    return WEIR_OK;
}

static weir_code judge_record(collect *c, const weir_listed *one, weir_str name,
                              bool *out_end, weir_err *err)
{
    const record_place *first = &c->mark.first;
    uint64_t            gen = 0, idx = 0;
    bool                behind = true;
    if (!read_number(&name, '/', &gen) || !read_number(&name, '\0', &idx))
        return WEIR_OK;
    *out_end = gen > first->gen || (gen == first->gen && idx >= first->idx);
    if (*out_end || gen >= c->final.gen || ref_set_has_manifest(&c->keep, gen, idx))
        return WEIR_OK;
    weir_code rc = is_behind_seal(c, gen, idx, &behind, err);
    behind = behind && !weir_mutant(collect_seals);
    return rc != WEIR_OK || behind ? rc : take(c, one, err);
}

static weir_code judge_page(collect *c, const weir_listed *listed, uint32_t count,
                            size_t folder, bool *out_end, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; i < count && rc == WEIR_OK && !*out_end; i++) {
        weir_str name = {listed[i].key.at + folder, listed[i].key.len - folder};
        rc = c->manifests ? judge_record(c, &listed[i], name, out_end, err)
                          : judge_data(c, &listed[i], name, out_end, err);
    }
    return rc == WEIR_OK ? take_batch(c, err) : rc;
}

/* Step 4: one of the two folders, page by page. */
static weir_code sweep(collect *c, const char *name, weir_err *err)
{
    log_key   folder = log_key_of_folder(c->log, name);
    weir_buf  after = {0};
    weir_code rc = WEIR_OK;
    bool      end = false;
    c->manifests = strcmp(name, "log") == 0;
    while (rc == WEIR_OK && !end) {
        weir_listed *listed = NULL;
        uint32_t     count = 0;
        bool         goes_on = false;
        weir_arena_reset(c->page);
        rc = look_around(c, &goes_on, err);
        if (rc != WEIR_OK || !goes_on)
            break;
        rc = c->log->store->kind->list(c->log->store, log_key_text(&folder),
                                       weir_buf_view(&after), PAGE, c->page, &listed,
                                       &count, err);
        if (rc != WEIR_OK)
            break;
        if (count > 0) {
            weir_buf_clear(&after);
            weir_buf_str(&after, listed[count - 1].key);
        }
        rc = judge_page(c, listed, count, folder.len, &end, err);
        end |= count < PAGE;
    }
    weir_buf_done(&after);
    return rc;
}

/* Step 2. */
static weir_code set_mark(collect *c, const record_place *first, weir_err *err)
{
    int64_t store_us = c->log->clock->wall_us(c->log->clock);
    c->mark = (keep_mark){.there = true, .first = *first};
    weir_code rc = WEIR_OK;
    if (!c->setup->dry_run)
        rc = keep_mark_write(c->log, first, c->arena, &c->mark, &store_us, err);
    c->before_us = store_us - c->setup->min_age_us;
    WEIR_FAILPOINT(gc_look);
    if (rc == WEIR_OK)
        rc = keep_pins_read(c->log, c->arena, &c->pins, err);
    return rc;
}

/* Another collector with a higher mark may be taking what ours would keep: nothing is damaged
   then, and there is nothing for us to do. */
static weir_code find_live_alone(collect *c, bool *out_known, weir_err *err)
{
    bool      goes_on = false;
    weir_code rc = look_around(c, &goes_on, err);
    if (rc != WEIR_OK || !goes_on)
        return rc;
    rc = find_live(c, out_known, err);
    if (rc != WEIR_E_CORRUPT)
        return rc;
    weir_err found = *err;
    rc = look_around(c, &goes_on, err);
    if (rc == WEIR_OK && goes_on)
        *err = found;
    return rc == WEIR_OK && goes_on ? found.code : rc;
}

static weir_code run(collect *c, weir_err *err)
{
    keep_mark    before;
    record_place first = {.idx = 0};
    bool         known = false;
    WEIR_FAILPOINT(gc_look);
    weir_code rc = keep_mark_read(c->log, c->arena, &before, err);
    if (rc == WEIR_OK)
        rc = find_first(c, &before, &first, err);
    c->out->first = first.epoch;
    if (rc != WEIR_OK || first.epoch <= 1)
        return rc; /* nothing is older */
    rc = set_mark(c, &first, err);
    if (rc == WEIR_OK)
        rc = find_live_alone(c, &known, err);
    if (rc != WEIR_OK || c->out->stopped != NULL)
        return rc;
    if (!known) {
        c->out->stopped = "an epoch that is kept is of a version that did not list what it "
                          "needs";
        return WEIR_OK;
    }
    rc = sweep(c, "data", err);
    if (rc == WEIR_OK && c->out->stopped == NULL)
        rc = sweep(c, "log", err);
    if (rc == WEIR_OK && c->out->stopped == NULL && !c->setup->dry_run)
        rc = keep_marks_tidy(c->log, c->mark.first.epoch, c->arena, err);
    return rc;
}

weir_code weir_checkpoint_collect(weir_checkpoint *checkpoint,
                                  const weir_collect_setup *setup, weir_collected *out,
                                  weir_err *err)
{
    weir_assert(setup->min_age_us >= 0);
    weir_assert(setup->retain_us >= 0);
    *out = (weir_collected){.first = 0};
    collect *c = weir_heap_new(1, sizeof *c);
    c->log = &checkpoint->log;
    c->setup = setup;
    c->out = out;
    c->arena = weir_arena_new("collect", 64 << 10);
    c->page = weir_arena_new("collect's page", 64 << 10);
    weir_code rc = run(c, err);
    ref_set_done(&c->keep);
    weir_arena_free(c->page);
    weir_arena_free(c->arena);
    weir_heap_free(c);
    return rc;
}
