/* tests/checkpoint_log: writing a slot once when answers get lost, and finding ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"

typedef struct plan { /* what happens to the n-th conditional PUT, then to reads */
    faulty_act act[8];
    size_t     acts;
    size_t     at;
    faulty_act reads; /* of `read_times` reads */
    int        read_times;
} plan;

static faulty_act follow(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    plan *p = self;
    (void)object;
    (void)call;
    if (strcmp(verb, "put_new") == 0)
        return p->at < p->acts ? p->act[p->at++] : FAULTY_PASS;
    if (strcmp(verb, "get") == 0 && p->read_times > 0) {
        p->read_times--;
        return p->reads;
    }
    return FAULTY_PASS;
}

static checkpoint_log log_of(bed *b)
{
    return (checkpoint_log){.store = &b->store.base,
                            .clock = &b->clock.base,
                            .stop = &b->stop,
                            .prefix = WEIR_STR("place"),
                            .job = WEIR_STR("job-1"),
                            .task = WEIR_STR("t0"),
                            .lineage = 1};
}

static checkpoint_record seal_of(uint8_t nonce)
{
    checkpoint_record record = {.kind = RECORD_SEAL,
                                .reason = RECORD_TAKEN_OVER,
                                .job = WEIR_STR("job-1"),
                                .task = WEIR_STR("t0"),
                                .lineage = 1,
                                .gen = 0,
                                .idx = 1};
    memset(record.nonce, nonce, sizeof record.nonce);
    return record;
}

typedef struct slot {
    checkpoint_log    log;
    checkpoint_record record;
    log_key           key;
    weir_buf          bytes;
    log_write         write;
} slot;

static void slot_of(bed *b, slot *s, uint8_t nonce)
{
    memset(s, 0, sizeof *s);
    s->log = log_of(b);
    s->record = seal_of(nonce);
    record_write(&s->bytes, &s->record);
    s->key = log_key_of_record(&s->log, 0, 1);
    s->write = (log_write){.key = &s->key,
                           .bytes = weir_buf_view(&s->bytes),
                           .sha = s->record.sha,
                           .stop_at = 1};
}

static weir_code write_slot(bed *b, slot *s)
{
    return log_write_once(&s->log, &s->write, b->arena, &b->err);
}

static void every_way_of_losing_an_answer_ends_well(void **state)
{
    (void)state;
    const plan plans[] = {
        {.acts = 0},
        {.act = {FAULTY_LOSE}, .acts = 1},
        {.act = {FAULTY_DROP}, .acts = 1},
        {.act = {FAULTY_BUSY, FAULTY_BUSY, FAULTY_LOSE}, .acts = 3},
        {.act = {FAULTY_LATE}, .acts = 1},
        {.act = {FAULTY_LATE, FAULTY_DROP, FAULTY_LATE, FAULTY_LOSE}, .acts = 4},
        {.act = {FAULTY_LOSE}, .acts = 1, .reads = FAULTY_DROP, .read_times = 2},
        {.act = {FAULTY_LOSE}, .acts = 1, .reads = FAULTY_FLIP, .read_times = 1},
        {.act = {FAULTY_LOSE, FAULTY_REFUSE}, .acts = 2},
    };
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        bed  b;
        slot s;
        plan p = plans[i];
        bed_open(&b);
        slot_of(&b, &s, 7);
        b.store.hook = follow;
        b.store.self = &p;
        s.write.refused_us = 60000000;
        CHECK_OK(write_slot(&b, &s), &b.err);
        CHECK(s.write.mine);
        CHECK_SAME(bed_bytes(&b, s.key.at), weir_buf_view(&s.bytes));
        weir_buf_done(&s.bytes);
        bed_close(&b);
    }
}

static void another_record_in_the_slot_is_another_s(void **state)
{
    (void)state;
    const plan plans[] = {{.acts = 0}, {.act = {FAULTY_DROP, FAULTY_BUSY}, .acts = 2}};
    for (size_t i = 0; i < 2; i++) {
        bed  b;
        slot s, other;
        plan p = plans[i];
        bed_open(&b);
        slot_of(&b, &s, 7);
        slot_of(&b, &other, 8);
        CHECK_OK(write_slot(&b, &other), &b.err);
        b.store.hook = follow;
        b.store.self = &p;
        CHECK_OK(write_slot(&b, &s), &b.err);
        CHECK(!s.write.mine);
        CHECK_INT(s.write.other.nonce[0], 8);
        weir_buf_done(&s.bytes);
        weir_buf_done(&other.bytes);
        bed_close(&b);
    }
}

/* A record with our nonce that is not the one we wrote: a copy of our machine's memory wrote
   it. It is not ours. */
static void same_nonce_with_other_contents_is_not_ours(void **state)
{
    (void)state;
    bed  b;
    slot s, copy;
    bed_open(&b);
    slot_of(&b, &s, 7);
    slot_of(&b, &copy, 7);
    copy.record.written_us = 1;
    weir_buf_clear(&copy.bytes);
    record_write(&copy.bytes, &copy.record);
    bed_store(&b, s.key.at, weir_buf_view(&copy.bytes));
    CHECK_OK(write_slot(&b, &s), &b.err);
    CHECK(!s.write.mine);
    weir_buf_done(&s.bytes);
    weir_buf_done(&copy.bytes);
    bed_close(&b);
}

static void damage_in_the_slot_halts(void **state)
{
    (void)state;
    bed  b;
    slot s;
    bed_open(&b);
    slot_of(&b, &s, 7);
    bed_store(&b, s.key.at, WEIR_STR("damage"));
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    CHECK_SAYS(&b.err, "log/00000000/00000001");
    weir_buf_done(&s.bytes);
    bed_close(&b);
}

static faulty_act always(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    (void)object;
    (void)call;
    return strcmp(verb, "put_new") == 0 ? *(faulty_act *)self : FAULTY_PASS;
}

static void stop_ends_the_wait_with_an_open_outcome(void **state)
{
    (void)state;
    bed        b;
    slot       s;
    faulty_act act = FAULTY_DROP;
    bed_open(&b);
    slot_of(&b, &s, 7);
    b.store.hook = always;
    b.store.self = &act;
    atomic_store(&b.stop, 1);
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_STOPPED, &b.err);
    CHECK_U64(b.store.put_news, 1); /* it is tried all the same */
    s.write.stop_at = 2;
    s.write.patience_us = 5000000;
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_UNKNOWN, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK(b.store.put_news > 5);
    act = FAULTY_PASS;
    CHECK_OK(write_slot(&b, &s), &b.err);
    CHECK(s.write.mine);
    weir_buf_done(&s.bytes);
    bed_close(&b);
}

static void refusal_is_believed_when_it_lasts(void **state)
{
    (void)state;
    bed        b;
    slot       s;
    faulty_act act = FAULTY_REFUSE;
    bed_open(&b);
    slot_of(&b, &s, 7);
    b.store.hook = always;
    b.store.self = &act;
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_CONFIG, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    CHECK_SAYS(&b.err, "AccessDenied");
    CHECK_U64(b.store.put_news, 1);
    s.write.refused_us = 60000000;
    int64_t start_us = b.clock.mono;
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_CONFIG, &b.err);
    CHECK(b.clock.mono - start_us >= 60000000);
    log_refusal refusal = {.lasts = false};
    s.write.refusal = &refusal;
    s.write.patience_us = 5000000;
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_UNKNOWN, &b.err);
    CHECK(refusal.lasts); /* for whoever tries the same slot again */
    act = FAULTY_PASS;
    CHECK_OK(write_slot(&b, &s), &b.err);
    CHECK(!refusal.lasts); /* what comes later is another */
    weir_buf_done(&s.bytes);
    bed_close(&b);
}

static faulty_act refuse_now_and_then(void *self, const char *verb,
                                      const weir_object *object, uint64_t call)
{
    (void)self;
    (void)object;
    (void)verb;
    if (call > 400)
        return FAULTY_PASS;
    return call % 2 == 0 ? FAULTY_REFUSE : FAULTY_DROP;
}

static void refusal_that_does_not_last_is_not_believed(void **state)
{
    (void)state;
    bed  b;
    slot s;
    bed_open(&b);
    slot_of(&b, &s, 7);
    b.store.hook = refuse_now_and_then;
    s.write.refused_us = 60000000;
    CHECK_OK(write_slot(&b, &s), &b.err);
    CHECK(b.clock.mono > 60000000);
    weir_buf_done(&s.bytes);
    bed_close(&b);
}

typedef struct nap { /* an hour, in that request */
    fake_clock *clock;
    uint64_t    in;
} nap;

static faulty_act refuse_and_sleep(void *self, const char *verb, const weir_object *object,
                                   uint64_t call)
{
    const nap *n = self;
    (void)verb, (void)object;
    if (call == n->in)
        fake_clock_move(n->clock, 3600000000LL);
    return call <= 2 ? FAULTY_REFUSE : FAULTY_PASS;
}

/* Whoever slept since it asked does not know whether it lasts. */
static void refusal_that_was_slept_over_is_asked_for_again(void **state)
{
    (void)state;
    for (uint64_t in = 1; in <= 2; in++) {
        bed  b;
        slot s;
        bed_open(&b);
        slot_of(&b, &s, 7);
        nap n = {.clock = &b.clock, .in = in};
        b.store.hook = refuse_and_sleep;
        b.store.self = &n;
        s.write.refused_us = 60000000;
        CHECK_OK(write_slot(&b, &s), &b.err);
        CHECK_U64(b.store.put_news, 3);
        weir_buf_done(&s.bytes);
        bed_close(&b);
    }
}

static faulty_act refuse_reads(void *self, const char *verb, const weir_object *object,
                               uint64_t call)
{
    (void)self;
    (void)object;
    (void)call;
    return strcmp(verb, "get") == 0 ? FAULTY_REFUSE : FAULTY_PASS;
}

static void winner_that_may_not_be_read_ends_it_some_time(void **state)
{
    (void)state;
    bed  b;
    slot s, other;
    bed_open(&b);
    slot_of(&b, &s, 7);
    slot_of(&b, &other, 8);
    CHECK_OK(write_slot(&b, &other), &b.err);
    b.store.hook = refuse_reads;
    CHECK_FAILS(write_slot(&b, &s), WEIR_E_CONFLICT, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    weir_buf_done(&s.bytes);
    weir_buf_done(&other.bytes);
    bed_close(&b);
}

static void fill(bed *b, const checkpoint_log *log, uint64_t first, uint64_t end)
{
    for (uint64_t i = first; i < end; i++) {
        log_key key = log_key_of_record(log, 3, i);
        bed_store(b, key.at, WEIR_STR("x"));
    }
}

static void end_is_found_with_few_requests(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    checkpoint_log log = log_of(&b);
    uint64_t       end = 0, filled = 1;
    for (uint64_t count = 0; count <= 20000;
         count = count < 70 ? count + 1 : count * 3 - 7) {
        fill(&b, &log, filled, count + 1);
        filled = count + 1;
        uint64_t before = b.store.heads;
        CHECK_OK(log_end_of_records(&log, 3, 0, &end, &b.err), &b.err);
        CHECK_U64(end, count + 1);
        CHECK(b.store.heads - before <= 32);
        const uint64_t guesses[] = {1,         count / 2, count,     count + 1,
                                    count + 5, 99999999,  UINT64_MAX};
        for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
            CHECK_OK(log_end_of_records(&log, 3, guesses[i], &end, &b.err), &b.err);
            CHECK_U64(end, count + 1);
        }
        before = b.store.heads;
        CHECK_OK(log_end_of_records(&log, 3, count, &end, &b.err), &b.err);
        CHECK(b.store.heads - before <= 2 || count <= 1);
    }
    bed_close(&b);
}

static void end_of_seals_begins_at_zero(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    checkpoint_log log = log_of(&b);
    uint64_t       end = 0;
    for (uint64_t count = 0; count < 40; count++) {
        for (uint64_t guess = 0; guess < 45; guess++) {
            CHECK_OK(log_end_of_seals(&log, guess, &end, &b.err), &b.err);
            CHECK_U64(end, count);
        }
        log_key key = log_key_of_seal(&log, count);
        bed_store(&b, key.at, WEIR_STR("x"));
    }
    bed_close(&b);
}

static faulty_act head_fails(void *self, const char *verb, const weir_object *object,
                             uint64_t call)
{
    (void)object;
    (void)verb;
    return call == *(uint64_t *)self ? FAULTY_BUSY : FAULTY_PASS;
}

static void search_that_fails_says_so(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    checkpoint_log log = log_of(&b);
    uint64_t       end = 0, call = 1, failed = 0;
    fill(&b, &log, 1, 12);
    b.store.hook = head_fails;
    b.store.self = &call;
    for (; call < 9; call++) {
        b.store.calls = 0;
        weir_code rc = log_end_of_records(&log, 3, call % 2 == 0 ? 5 : 0, &end, &b.err);
        CHECK(rc == WEIR_OK || rc == WEIR_E_REMOTE);
        failed += rc != WEIR_OK;
    }
    CHECK(failed >= 5);
    bed_close(&b);
}

static faulty_act there_is_all(void *self, const char *verb, const weir_object *object,
                               uint64_t call)
{
    (void)self;
    (void)verb;
    (void)object;
    (void)call;
    return FAULTY_PASS;
}

static weir_code all_is_there(weir_store *store, weir_object *object, size_t count,
                              weir_err *err)
{
    (void)store;
    (void)err;
    for (size_t i = 0; i < count; i++)
        object[i].rc = WEIR_OK;
    return WEIR_OK;
}

static void log_without_end_halts(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    b.store.hook = there_is_all;
    weir_store_kind kind = *b.store.base.kind;
    kind.head = all_is_there;
    b.store.base.kind = &kind;
    checkpoint_log log = log_of(&b);
    uint64_t       end = 0;
    CHECK_FAILS(log_end_of_records(&log, 3, 0, &end, &b.err), WEIR_E_CORRUPT, &b.err);
    CHECK_INT(b.err.exit, WEIR_EXIT_CORRUPT);
    bed_close(&b);
}

static void keys_are_as_documented(void **state)
{
    (void)state;
    bed b;
    bed_open(&b);
    checkpoint_log log = log_of(&b);
    log_key        key = log_key_of_record(&log, 12, 345);
    CHECK_TEXT(key.at, "place/job-1/l1/t0/log/00000012/00000345");
    key = log_key_of_seal(&log, 12);
    CHECK_TEXT(key.at, "place/job-1/l1/t0/seals/00000012");
    key = log_key_of_hint(&log);
    CHECK_TEXT(key.at, "place/job-1/l1/t0/hint");
    weir_blob_ref ref = {.gen = 1, .idx = 2, .epoch = 3, .object = 4};
    memset(ref.nonce, 0xAB, sizeof ref.nonce);
    key = log_key_of_data(&log, &ref);
    CHECK_TEXT(key.at, "place/job-1/l1/t0/data/00000001/00000003/"
                       "abababababababababababababababab-4");
    log.prefix = WEIR_STR("");
    log.lineage = 17;
    key = log_key_of_hint(&log);
    CHECK_TEXT(key.at, "job-1/l17/t0/hint");
    log.stop = NULL;
    CHECK_INT(log_stopped(&log), 0);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_way_of_losing_an_answer_ends_well),
        TEST(another_record_in_the_slot_is_another_s),
        TEST(same_nonce_with_other_contents_is_not_ours),
        TEST(damage_in_the_slot_halts),
        TEST(stop_ends_the_wait_with_an_open_outcome),
        TEST(refusal_is_believed_when_it_lasts),
        TEST(refusal_that_does_not_last_is_not_believed),
        TEST(refusal_that_was_slept_over_is_asked_for_again),
        TEST(winner_that_may_not_be_read_ends_it_some_time),
        TEST(end_is_found_with_few_requests),
        TEST(end_of_seals_begins_at_zero),
        TEST(search_that_fails_says_so),
        TEST(log_without_end_halts),
        TEST(keys_are_as_documented),
    };
    return RUN_TESTS(tests);
}
