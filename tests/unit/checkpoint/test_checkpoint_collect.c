/* tests/checkpoint_collect: what the collector takes and what it leaves, against a twin that
 * reads every manifest that is kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_keep.h"

#define MINUTE_US (60LL * 1000000)
#define HOUR_US (60 * MINUTE_US)

enum { CARRIED_MAX = 12, BLOB_BYTES = 40 };

typedef struct carried { /* a blob that epochs go on naming */
    uint64_t      id;
    weir_blob_ref ref;
} carried;

typedef struct history {
    bed              b;
    weir_checkpoint *checkpoint; /* the owner's, or NULL */
    weir_checkpoint *tool;
    uint64_t         random, epoch, next_id;
    carried          at[CARRIED_MAX], staged[CARRIED_MAX];
    uint32_t         count, staged_count;
    weir_collected   out;
} history;

static uint64_t draw(history *h, uint64_t below)
{
    h->random ^= h->random << 13, h->random ^= h->random >> 7, h->random ^= h->random << 17;
    return h->random % below;
}

static void fill_blob(uint64_t id, char out[BLOB_BYTES])
{
    for (size_t i = 0; i < BLOB_BYTES; i++)
        out[i] = (char)(uint8_t)((id * 2654435761u) >> (i % 24));
}

static void start(history *h, uint64_t seed)
{
    memset(h, 0, sizeof *h);
    bed_open(&h->b);
    h->b.generation_epochs = 7;
    h->b.inline_bytes = 3 * BLOB_BYTES; /* the rest goes into data objects */
    h->random = seed * 2654435761u + 88172645463325252u;
}

static void end(history *h)
{
    weir_checkpoint_close(h->checkpoint);
    weir_checkpoint_close(h->tool);
    bed_close(&h->b);
}

static weir_checkpoint *tool_of(history *h)
{
    if (h->tool == NULL)
        h->tool = bed_checkpoint(&h->b);
    return h->tool;
}

/* Keeps some, lets some go, stages some. */
static weir_stage *stage_epoch(history *h)
{
    weir_stage *stage = weir_checkpoint_stage(h->checkpoint, h->epoch + 1);
    weir_buf    section = {0};
    uint64_t    fresh = draw(h, 7);
    h->staged_count = 0;
    for (uint32_t i = 0; i < h->count; i++)
        if (draw(h, 5) != 0)
            h->staged[h->staged_count++] = h->at[i];
    for (; fresh > 0 && h->staged_count < CARRIED_MAX; fresh--) {
        char     bytes[BLOB_BYTES];
        carried *one = &h->staged[h->staged_count++];
        one->id = ++h->next_id;
        fill_blob(one->id, bytes);
        weir_stage_blob(stage, (weir_str){bytes, BLOB_BYTES}, false, &one->ref);
    }
    for (uint32_t i = 0; i < h->staged_count; i++) {
        weir_buf_varint(&section, h->staged[i].id);
        weir_stage_refer(stage, &h->staged[i].ref, &section);
    }
    weir_stage_section(stage, "state", weir_buf_view(&section));
    weir_buf_done(&section);
    return stage;
}

static void run_epoch(history *h, bool publishes)
{
    weir_sha256 sha;
    weir_stage *stage = stage_epoch(h);
    CHECK_OK(weir_stage_build(stage, &sha, &h->b.err), &h->b.err);
    if (publishes) {
        CHECK_OK(weir_stage_publish(stage, &h->b.err), &h->b.err);
        h->epoch++;
        memcpy(h->at, h->staged, sizeof h->at);
        h->count = h->staged_count;
    }
    weir_stage_free(stage);
}

/* Epochs with starts between them: after clean ends, after crashes at odd moments. */
static void go_on(history *h, uint64_t epochs)
{
    while (epochs > 0) {
        if (h->checkpoint == NULL) {
            h->checkpoint = bed_checkpoint(&h->b);
            (void)bed_take_over(&h->b, h->checkpoint, NULL);
        }
        fake_clock_move(&h->b.clock, MINUTE_US);
        bool dies = draw(h, 9) == 0, publishes = draw(h, 3) != 0;
        run_epoch(h, !dies || publishes);
        epochs -= !dies || publishes;
        if (!dies)
            CHECK_OK(weir_checkpoint_finalised(h->checkpoint, &h->b.err), &h->b.err);
        bool ends = !dies && draw(h, 20) == 0;
        if (ends)
            CHECK_OK(weir_checkpoint_seal(h->checkpoint, &h->b.err), &h->b.err);
        if (!dies && !ends)
            continue;
        weir_checkpoint_close(h->checkpoint);
        h->checkpoint = NULL;
    }
}

static void collect(history *h, int64_t retain_us, int64_t min_age_us, bool dry_run)
{
    weir_collect_setup setup = {
        .retain_us = retain_us, .min_age_us = min_age_us, .dry_run = dry_run};
    CHECK_OK(weir_checkpoint_collect(tool_of(h), &setup, &h->out, &h->b.err), &h->b.err);
}

static weir_listed *list(history *h, uint32_t *count)
{
    weir_listed *listed = NULL;
    CHECK_OK(h->b.memory->kind->list(h->b.memory, WEIR_STR(BED_BASE), WEIR_STR(""), 100000,
                                     h->b.arena, &listed, count, &h->b.err),
             &h->b.err);
    return listed;
}

typedef struct twin { /* what is needed, read off every manifest that is kept */
    log_key *key;
    uint32_t count, room;
} twin;

static void need(twin *t, log_key key)
{
    if (t->count == t->room) {
        t->room = t->room == 0 ? 1024 : t->room * 2;
        t->key = realloc(t->key, t->room * sizeof *t->key);
        assert_non_null(t->key);
    }
    t->key[t->count++] = key;
}

static bool is_needed(const twin *t, weir_str key)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (weir_str_eq(log_key_text(&t->key[i]), key))
            return true;
    return false;
}

/* Fetches what the epoch's section names and compares it; notes what it needed. */
static void check_epoch(history *h, uint64_t epoch, twin *t)
{
    weir_manifest        *manifest = NULL;
    const checkpoint_log *log = &tool_of(h)->log;
    CHECK_OK(weir_checkpoint_find(h->tool, epoch, h->b.arena, &manifest, &h->b.err),
             &h->b.err);
    need(t, log_key_of_record(log, manifest->gen, manifest->idx));
    weir_reader reader = weir_reader_of(weir_manifest_section(manifest, "state"));
    while (weir_reader_left(&reader) > 0) {
        uint64_t      id = weir_read_varint(&reader);
        weir_blob_ref ref;
        weir_buf      got = {0};
        char          wanted[BLOB_BYTES];
        CHECK(weir_blob_ref_read(&reader, &ref));
        CHECK_OK(weir_checkpoint_fetch(h->tool, &ref, 1, &got, &h->b.err), &h->b.err);
        fill_blob(id, wanted);
        CHECK(got.len == BLOB_BYTES && memcmp(got.at, wanted, BLOB_BYTES) == 0);
        weir_buf_done(&got);
        need(t, ref.object == UINT32_MAX ? log_key_of_record(log, ref.gen, ref.idx)
                                         : log_key_of_data(log, &ref));
    }
}

static bool is_seal(history *h, weir_str key)
{
    checkpoint_record record;
    const char       *fault = record_read(bed_bytes(&h->b, key.at), h->b.arena, &record);
    return fault == NULL && record.kind == RECORD_SEAL;
}

/* A data object's epoch, or a manifest's; 0: neither. */
static uint64_t epoch_of(history *h, weir_str key)
{
    checkpoint_record record;
    uint64_t          epoch = 0;
    if (strstr(key.at, "/data/") != NULL)
        return strtoull(strstr(key.at, "/data/") + 15, NULL, 10);
    if (strstr(key.at, "/log/") == NULL)
        return 0;
    if (record_read(bed_bytes(&h->b, key.at), h->b.arena, &record) == NULL)
        epoch = record.kind == RECORD_MANIFEST ? record.epoch : 0;
    return epoch;
}

/* All that is kept can be read; nothing older is there that is not needed. */
static void check_all(history *h, int64_t min_age_us)
{
    weir_span    span;
    weir_pin    *pin = NULL;
    uint32_t     pins = 0, count = 0;
    twin         t = {.count = 0};
    weir_arena_reset(h->b.arena);
    CHECK_OK(weir_checkpoint_span(tool_of(h), &span, &h->b.err), &h->b.err);
    CHECK_OK(weir_checkpoint_pins(h->tool, h->b.arena, &pin, &pins, &h->b.err), &h->b.err);
    assert_int_equal(span.last, h->epoch);
    for (uint64_t epoch = span.first; epoch <= span.last; epoch++)
        check_epoch(h, epoch, &t);
    for (uint32_t i = 0; i < pins; i++)
        check_epoch(h, pin[i].epoch, &t);
    weir_listed *listed = list(h, &count);
    for (uint32_t i = 0; i < count && h->out.first > 0; i++) {
        uint64_t epoch = epoch_of(h, listed[i].key);
        bool     old = listed[i].modified_us <= h->b.clock.wall - min_age_us;
        if (epoch > 0 && epoch < h->out.first && old && !is_needed(&t, listed[i].key))
            fail_msg("'%s' was left, and epochs from %" PRIu64 " on are kept",
                     listed[i].key.at, h->out.first);
    }
    free(t.key);
}

static void pin(history *h, const char *name, uint64_t epoch)
{
    weir_manifest *manifest = NULL;
    CHECK_OK(weir_checkpoint_find(tool_of(h), epoch, h->b.arena, &manifest, &h->b.err),
             &h->b.err);
    CHECK_OK(weir_checkpoint_pin(h->tool, weir_str_of(name), manifest, &h->b.err),
             &h->b.err);
}

static void pin_or_unpin(history *h)
{
    weir_span span;
    char      name[16];
    (void)snprintf(name, sizeof name, "pin-%u", (unsigned)draw(h, 4));
    if (weir_checkpoint_unpin(tool_of(h), weir_str_of(name), &h->b.err) == WEIR_OK)
        return;
    CHECK_OK(weir_checkpoint_span(h->tool, &span, &h->b.err), &h->b.err);
    if (span.last > 0)
        pin(h, name, span.first + draw(h, span.last - span.first + 1));
}

static void whatever_happens_what_is_kept_is_whole_and_the_rest_goes(void **state)
{
    history *h = calloc(1, sizeof *h);
    uint64_t manifests = 0, data = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 15; seed++) {
        start(h, seed);
        int64_t min_age_us = (int64_t)draw(h, 20) * MINUTE_US;
        int64_t retain_us = (int64_t)draw(h, 60) * MINUTE_US;
        for (int round = 0; round < 25; round++) {
            go_on(h, 1 + draw(h, 12));
            if (draw(h, 3) == 0)
                pin_or_unpin(h);
            collect(h, retain_us, min_age_us, false);
            assert_null(h->out.stopped);
            manifests += h->out.manifests;
            data += h->out.data;
            check_all(h, min_age_us);
        }
        end(h);
    }
    free(h);
    CHECK(manifests > 800); /* it is not vacuous */
    CHECK(data > 100);
}

static void epochs_of_the_time_that_is_retained_can_be_found(void **state)
{
    history       *h = calloc(1, sizeof *h);
    weir_manifest *manifest = NULL;
    (void)state;
    start(h, 3);
    h->b.generation_epochs = 10;
    h->checkpoint = bed_checkpoint(&h->b);
    (void)bed_take_over(&h->b, h->checkpoint, NULL);
    int64_t from_us = h->b.clock.wall;
    for (int i = 0; i < 100; i++) {
        fake_clock_move(&h->b.clock, MINUTE_US);
        run_epoch(h, true); /* epoch i is of minute i */
        CHECK_OK(weir_checkpoint_finalised(h->checkpoint, &h->b.err), &h->b.err);
    }
    collect(h, 35 * MINUTE_US, 0, false);
    assert_int_equal(h->out.first, 65); /* not older than 35 minutes */
    check_all(h, 0);
    assert_int_equal(weir_checkpoint_find(h->tool, 64, h->b.arena, &manifest, &h->b.err),
                     WEIR_E_NOTFOUND);
    assert_int_equal(weir_checkpoint_find(h->tool, 101, h->b.arena, &manifest, &h->b.err),
                     WEIR_E_NOTFOUND);
    for (int minute = 65; minute <= 100; minute++) {
        int64_t at_us = from_us + minute * MINUTE_US + 59 * 1000000LL;
        CHECK_OK(weir_checkpoint_find_time(h->tool, at_us, h->b.arena, &manifest, &h->b.err),
                 &h->b.err);
        assert_int_equal(manifest->epoch, minute);
    }
    assert_int_equal(weir_checkpoint_find_time(h->tool, from_us + 64 * MINUTE_US,
                                               h->b.arena, &manifest, &h->b.err),
                     WEIR_E_NOTFOUND);
    collect(h, 0, 0, false); /* the newest generation is never touched: it may be half done */
    assert_int_equal(h->out.first, 91);
    collect(h, 50 * MINUTE_US, 0, false); /* what is gone does not come back */
    assert_int_equal(h->out.first, 91);
    check_all(h, 0);
    end(h);
    free(h);
}

static void dry_run_says_the_same_and_changes_nothing(void **state)
{
    history *h = calloc(1, sizeof *h);
    uint32_t before = 0, after = 0;
    (void)state;
    start(h, 5);
    go_on(h, 60);
    (void)list(h, &before);
    collect(h, 20 * MINUTE_US, 5 * MINUTE_US, true);
    weir_collected dry = h->out;
    (void)list(h, &after);
    assert_int_equal(before, after);
    CHECK(dry.manifests > 10);
    collect(h, 20 * MINUTE_US, 5 * MINUTE_US, false);
    assert_int_equal(dry.first, h->out.first);
    assert_int_equal(dry.manifests, h->out.manifests);
    assert_int_equal(dry.data, h->out.data);
    assert_int_equal(dry.bytes, h->out.bytes);
    end(h);
    free(h);
}

/* Dies at request `at`, and at every one behind it. */
typedef struct death {
    uint64_t at;
    bool     died;
} death;

static faulty_act die_at(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    death *d = self;
    (void)verb;
    (void)object;
    d->died |= call >= d->at;
    return call >= d->at ? FAULTY_DROP : FAULTY_PASS;
}

static void round_that_ends_anywhere_is_finished_by_the_next(void **state)
{
    history *h = calloc(1, sizeof *h);
    bool     died = true;
    (void)state;
    for (uint64_t at = 1; died; at++) {
        death              d = {.at = at};
        weir_collect_setup setup = {.retain_us = 20 * MINUTE_US};
        start(h, 7);
        go_on(h, 45);
        pin(h, "kept", 3);
        (void)tool_of(h);
        h->b.store.calls = 0;
        h->b.store.hook = die_at;
        h->b.store.self = &d;
        weir_code rc =
            weir_checkpoint_collect(h->tool, &setup, &h->out, &h->b.err);
        died = d.died;
        assert_int_equal(rc != WEIR_OK, died);
        h->b.store.hook = NULL;
        check_all(h, INT64_MAX / 2); /* what is kept is whole in any case */
        collect(h, 20 * MINUTE_US, 0, false);
        check_all(h, 0);
        end(h);
    }
    free(h);
}

static void seal_is_never_taken_wherever_it_is(void **state)
{
    history *h = calloc(1, sizeof *h);
    uint32_t count = 0, seals = 0, left = 0;
    (void)state;
    start(h, 11);
    go_on(h, 60);
    fake_clock_move(&h->b.clock, HOUR_US);
    collect(h, 0, 0, false);
    CHECK(h->out.manifests > 20);
    /* a SEAL from before a long sleep, in a slot that was collected */
    weir_str seal = bed_bytes(&h->b, BED_BASE "log/00000000/00000001");
    CHECK(!bed_has(&h->b, BED_BASE "log/00000001/00000001"));
    bed_store(&h->b, BED_BASE "log/00000001/00000001", seal);
    go_on(h, 30);
    fake_clock_move(&h->b.clock, HOUR_US);
    weir_listed *listed = list(h, &count);
    for (uint32_t i = 0; i < count; i++)
        seals += is_seal(h, listed[i].key);
    collect(h, 0, 0, false);
    listed = list(h, &count);
    for (uint32_t i = 0; i < count; i++)
        left += is_seal(h, listed[i].key);
    assert_int_equal(seals, left);
    CHECK(bed_has(&h->b, BED_BASE "log/00000001/00000001"));
    check_all(h, 0);
    end(h);
    free(h);
}

typedef struct meddler { /* does something when the mark is put and the pins were read */
    history *h;
    void (*what)(history *h);
    bool marked, done;
} meddler;

static faulty_act meddle(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    meddler *m = self;
    (void)call;
    m->marked |= strcmp(verb, "put_new") == 0 && weir_str_starts(object->key, BED_BASE "marks/");
    if (m->done || !m->marked || !weir_str_starts(object->key, BED_BASE "log/"))
        return FAULTY_PASS;
    m->done = true;
    m->what(m->h);
    return FAULTY_PASS;
}

static void other_collector(history *h)
{
    weir_arena  *arena = weir_arena_new("other", 4096);
    record_place first = {.gen = 99, .idx = 1, .epoch = 1000, .sha = {{1}}};
    keep_mark    mark;
    int64_t      at_us;
    CHECK_OK(keep_mark_write(&h->tool->log, &first, arena, &mark, &at_us, &h->b.err),
             &h->b.err);
    weir_arena_free(arena);
}

static void pins_the_last(history *h)
{
    pin(h, "late", h->epoch);
}

static void takes_over(history *h)
{
    weir_checkpoint *other = bed_checkpoint(&h->b);
    (void)bed_take_over(&h->b, other, NULL);
    weir_checkpoint_close(other);
}

static void stops(history *h)
{
    atomic_store(&h->b.stop, 1);
}

static void collect_meddled(void (*what)(history *), const char *why)
{
    history           *h = calloc(1, sizeof *h);
    meddler            m = {.h = h, .what = what};
    weir_collect_setup setup = {.retain_us = 0};
    start(h, 13);
    go_on(h, 40);
    if (h->checkpoint == NULL)
        go_on(h, 1);
    setup.owner_gen = weir_checkpoint_generation(h->checkpoint);
    (void)tool_of(h);
    h->b.store.hook = meddle;
    h->b.store.self = &m;
    CHECK_OK(weir_checkpoint_collect(h->tool, &setup, &h->out, &h->b.err), &h->b.err);
    CHECK(m.done);
    assert_non_null(h->out.stopped);
    assert_string_equal(h->out.stopped, why);
    assert_int_equal(h->out.manifests, 0);
    h->b.store.hook = NULL;
    atomic_store(&h->b.stop, 0);
    end(h);
    free(h);
}

static void what_others_do_ends_the_round(void **state)
{
    (void)state;
    collect_meddled(other_collector, "another collector is at work");
    collect_meddled(pins_the_last, "a pin came or went");
    collect_meddled(takes_over, "another process owns the task");
    collect_meddled(stops, "it was told to stop");
}

static uint64_t marks_of(history *h)
{
    uint32_t     count = 0;
    uint64_t     marks = 0;
    weir_listed *listed = list(h, &count);
    for (uint32_t i = 0; i < count; i++)
        marks += weir_str_starts(listed[i].key, BED_BASE "marks/0");
    return marks;
}

typedef struct sleeper { /* a collector that sleeps in front of its mark */
    history *h;
    int64_t  awake_us;
    uint64_t pinned;
    bool     done;
} sleeper;

static faulty_act sleep_before_the_mark(void *self, const char *verb, const weir_object *object,
                                        uint64_t call)
{
    sleeper *s = self;
    (void)call;
    if (s->done || strcmp(verb, "put_new") != 0 ||
        !weir_str_starts(object->key, BED_BASE "marks/"))
        return FAULTY_PASS;
    s->done = true;
    weir_checkpoint *other = bed_checkpoint(&s->h->b);
    weir_collected   out;
    go_on(s->h, 60);
    fake_clock_move(&s->h->b.clock, HOUR_US);
    weir_collect_setup setup = {.retain_us = 0};
    CHECK_OK(weir_checkpoint_collect(other, &setup, &out, &s->h->b.err), &s->h->b.err);
    CHECK_U64(out.manifests > 20, true);
    CHECK(out.stopped == NULL);
    s->pinned = out.first - 1; /* the other one has taken it */
    weir_checkpoint_close(other);
    return FAULTY_PASS;
}

/* Of two collectors the one that slept puts its mark last. It must not count: an epoch between
   the two could be pinned then, and is gone. */
static void mark_of_a_collector_that_slept_does_not_count(void **state)
{
    (void)state;
    history           *h = calloc(1, sizeof *h);
    sleeper            s = {.h = h};
    weir_collect_setup setup = {.retain_us = 0};
    weir_manifest     *manifest = NULL;
    weir_span          span;
    start(h, 21);
    go_on(h, 40);
    (void)tool_of(h);
    h->b.store.hook = sleep_before_the_mark;
    h->b.store.self = &s;
    CHECK_OK(weir_checkpoint_collect(h->tool, &setup, &h->out, &h->b.err), &h->b.err);
    h->b.store.hook = NULL;
    CHECK(s.done);
    assert_non_null(h->out.stopped);
    assert_string_equal(h->out.stopped, "another collector is at work");
    CHECK_OK(weir_checkpoint_span(h->tool, &span, &h->b.err), &h->b.err);
    CHECK_U64(span.first, s.pinned + 1);
    CHECK_FAILS(weir_checkpoint_find(h->tool, s.pinned, h->b.arena, &manifest, &h->b.err),
                WEIR_E_NOTFOUND, &h->b.err);
    weir_manifest gone = {.gen = 1, .idx = 1, .epoch = s.pinned, .sha = {{1}}};
    CHECK_FAILS(weir_checkpoint_pin(h->tool, WEIR_STR("late"), &gone, &h->b.err),
                WEIR_E_NOTFOUND, &h->b.err);
    collect(h, 0, 0, false);
    check_all(h, 0);
    CHECK_U64(marks_of(h), 1); /* lower ones are gone */
    end(h);
    free(h);
}

static void pin_keeps_an_epoch_and_unpin_lets_it_go(void **state)
{
    history       *h = calloc(1, sizeof *h);
    weir_manifest *manifest = NULL;
    (void)state;
    start(h, 17);
    go_on(h, 50);
    pin(h, "before-release", 9);
    pin(h, "before-release", 9); /* once more is no error */
    CHECK_OK(weir_checkpoint_find(h->tool, 10, h->b.arena, &manifest, &h->b.err),
             &h->b.err);
    assert_int_equal(weir_checkpoint_pin(h->tool, WEIR_STR("before-release"), manifest,
                                         &h->b.err),
                     WEIR_E_CONFLICT);
    assert_int_equal(weir_checkpoint_pin(h->tool, WEIR_STR("A/b"), manifest, &h->b.err),
                     WEIR_E_CONFIG);
    const weir_manifest tenth = *manifest; /* read before it is taken */
    collect(h, 0, 0, false);
    CHECK(h->out.first > 10);
    check_all(h, 0);
    assert_int_equal(weir_checkpoint_pin(h->tool, WEIR_STR("late"), &tenth, &h->b.err),
                     WEIR_E_NOTFOUND);
    CHECK(!bed_has(&h->b, BED_BASE "pins/late"));
    CHECK_OK(weir_checkpoint_find(h->tool, 9, h->b.arena, &manifest, &h->b.err), &h->b.err);
    CHECK_OK(weir_checkpoint_pin(h->tool, WEIR_STR("second-name"), manifest, &h->b.err),
             &h->b.err);
    CHECK_OK(weir_checkpoint_unpin(h->tool, WEIR_STR("before-release"), &h->b.err),
             &h->b.err);
    assert_int_equal(
        weir_checkpoint_unpin(h->tool, WEIR_STR("before-release"), &h->b.err),
        WEIR_E_NOTFOUND);
    collect(h, 0, 0, false);
    check_all(h, 0);
    CHECK_OK(weir_checkpoint_find(h->tool, 9, h->b.arena, &manifest, &h->b.err), &h->b.err);
    CHECK_OK(weir_checkpoint_unpin(h->tool, WEIR_STR("second-name"), &h->b.err), &h->b.err);
    collect(h, 0, 0, false);
    CHECK(h->out.manifests >= 1);
    assert_int_equal(weir_checkpoint_find(h->tool, 9, h->b.arena, &manifest, &h->b.err),
                     WEIR_E_NOTFOUND);
    end(h);
    free(h);
}

static void pin_that_is_damaged_stops_the_collector(void **state)
{
    history           *h = calloc(1, sizeof *h);
    weir_collect_setup setup = {.retain_us = 0};
    (void)state;
    start(h, 19);
    go_on(h, 40);
    pin(h, "one", 5);
    weir_str bytes = bed_bytes(&h->b, BED_BASE "pins/one");
    char    *bad = (char *)(uintptr_t)bytes.at;
    bad[bytes.len / 2] ^= 1;
    bed_store(&h->b, BED_BASE "pins/one", bytes);
    assert_int_equal(weir_checkpoint_collect(h->tool, &setup, &h->out, &h->b.err),
                     WEIR_E_CORRUPT);
    assert_int_equal(h->b.err.exit, WEIR_EXIT_CORRUPT);
    assert_non_null(strstr(h->b.err.msg, "pins/one"));
    end(h);
    free(h);
}

/* Old by the clock that wrote them, young by the store's: a clock that was far ahead. */
static void nothing_is_taken_that_the_store_has_not_had_for_long(void **state)
{
    history *h = calloc(1, sizeof *h);
    (void)state;
    start(h, 31);
    go_on(h, 60);
    fake_clock_move(&h->b.clock, 2 * HOUR_US);
    bed_store(&h->b, BED_BASE "log/00000001/00000001",
              bed_bytes(&h->b, BED_BASE "log/00000001/00000001"));
    collect(h, 0, HOUR_US, false);
    CHECK(h->out.manifests > 10);
    CHECK(bed_has(&h->b, BED_BASE "log/00000001/00000001"));
    fake_clock_move(&h->b.clock, 2 * HOUR_US);
    collect(h, 0, HOUR_US, false);
    CHECK(!bed_has(&h->b, BED_BASE "log/00000001/00000001"));
    end(h);
    free(h);
}

static void rate_is_a_pause_behind_each_batch(void **state)
{
    history           *h = calloc(1, sizeof *h);
    weir_collect_setup setup = {.retain_us = 0, .rate = 10};
    (void)state;
    start(h, 23);
    go_on(h, 60);
    (void)tool_of(h);
    h->b.clock.paused = 0;
    CHECK_OK(weir_checkpoint_collect(h->tool, &setup, &h->out, &h->b.err), &h->b.err);
    CHECK(h->out.manifests > 10);
    assert_int_equal(h->b.clock.paused,
                     (int64_t)(h->out.manifests + h->out.data) * 100000);
    end(h);
    free(h);
}

static void empty_lineage_has_nothing_to_collect(void **state)
{
    history *h = calloc(1, sizeof *h);
    weir_span span;
    (void)state;
    start(h, 29);
    h->checkpoint = bed_checkpoint(&h->b);
    (void)bed_take_over(&h->b, h->checkpoint, NULL);
    collect(h, 0, 0, false);
    assert_int_equal(h->out.first, 0);
    CHECK_OK(weir_checkpoint_span(h->tool, &span, &h->b.err), &h->b.err);
    assert_int_equal(span.first, 0);
    assert_int_equal(span.last, 0);
    run_epoch(h, true); /* committed, and nobody said that it is final */
    collect(h, 0, 0, false);
    assert_int_equal(h->out.first, 0);
    check_all(h, 0);
    end(h);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whatever_happens_what_is_kept_is_whole_and_the_rest_goes),
        TEST(epochs_of_the_time_that_is_retained_can_be_found),
        TEST(dry_run_says_the_same_and_changes_nothing),
        TEST(round_that_ends_anywhere_is_finished_by_the_next),
        TEST(seal_is_never_taken_wherever_it_is),
        TEST(what_others_do_ends_the_round),
        TEST(mark_of_a_collector_that_slept_does_not_count),
        TEST(pin_keeps_an_epoch_and_unpin_lets_it_go),
        TEST(pin_that_is_damaged_stops_the_collector),
        TEST(nothing_is_taken_that_the_store_has_not_had_for_long),
        TEST(rate_is_a_pause_behind_each_batch),
        TEST(empty_lineage_has_nothing_to_collect),
    };
    return RUN_TESTS(tests);
}
