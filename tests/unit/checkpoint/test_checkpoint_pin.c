/* tests/checkpoint_pin: names of pins, and what others do while one is given.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"
#include "checkpoint_keep.h"

#define PIN_KEY BED_BASE "pins/one"

typedef struct desk {
    bed              b;
    weir_checkpoint *tool, *other; /* other: its requests pass the hook by */
    weir_manifest   *manifest[6];  /* by epoch */
    const char      *verb, *key;   /* at this request, once: */
    faulty_act       act;
    bool             done;
    void (*what)(struct desk *d);
} desk;

static faulty_act meddle(void *self, const char *verb, const weir_object *object,
                         uint64_t call)
{
    desk *d = self;
    (void)call;
    if (d->done || strcmp(verb, d->verb) != 0 || !weir_str_starts(object->key, d->key))
        return FAULTY_PASS;
    d->done = true;
    if (d->what != NULL)
        d->what(d);
    return d->act;
}

static void begin_to_meddle(desk *d, const char *verb, const char *key,
                            void (*what)(desk *d), faulty_act act)
{
    d->verb = verb;
    d->key = key;
    d->what = what;
    d->act = act;
    d->done = false;
    d->b.store.hook = meddle;
    d->b.store.self = d;
}

/* Five epochs, 1 to 3 of generation 1, 4 and 5 of generation 2. */
static void start(desk *d)
{
    memset(d, 0, sizeof *d);
    bed_open(&d->b);
    d->b.generation_epochs = 3;
    d->tool = bed_checkpoint(&d->b);
    (void)bed_take_over(&d->b, d->tool, NULL);
    bed_run(&d->b, d->tool, 1, 5);
    weir_checkpoint_close(d->tool);
    d->tool = bed_checkpoint(&d->b);
    CHECK_OK(bed_try_checkpoint(&d->b, d->b.memory, &d->other), &d->b.err);
    for (uint64_t epoch = 1; epoch <= 5; epoch++)
        CHECK_OK(weir_checkpoint_find(d->tool, epoch, d->b.arena, &d->manifest[epoch],
                                      &d->b.err),
                 &d->b.err);
    fake_clock_move(&d->b.clock, 1000000);
}

static void end(desk *d)
{
    weir_checkpoint_close(d->tool);
    weir_checkpoint_close(d->other);
    bed_close(&d->b);
}

static weir_code pin(desk *d, const char *name, uint64_t epoch)
{
    return weir_checkpoint_pin(d->tool, weir_str_of(name), d->manifest[epoch], &d->b.err);
}

static uint32_t pins_of(desk *d, weir_pin **out)
{
    uint32_t count = 0;
    CHECK_OK(weir_checkpoint_pins(d->tool, d->b.arena, out, &count, &d->b.err), &d->b.err);
    return count;
}

static void collect(desk *d)
{
    weir_collected     out;
    weir_collect_setup setup = {.retain_us = 0};
    CHECK_OK(weir_checkpoint_collect(d->other, &setup, &out, &d->b.err), &d->b.err);
    CHECK_U64(out.first, 4);
}

static void names_are_as_those_of_jobs(void **state)
{
    (void)state;
    static desk              d;
    char                     longest[66];
    static const char *const bad[] = {"",  "A", "a b", "a/b",     "a.b",
                                      "{", "`", ":",   "\xc3\xa4"};
    weir_pin                *out = NULL;
    start(&d);
    memset(longest, 'x', sizeof longest);
    longest[65] = '\0';
    CHECK_FAILS(pin(&d, longest, 2), WEIR_E_CONFIG, &d.b.err);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_FAILS(pin(&d, bad[i], 2), WEIR_E_CONFIG, &d.b.err);
        CHECK_SAYS(&d.b.err, "cannot be the name of a pin");
        CHECK_HINTS(&d.b.err, "1 to 64 of a-z");
        CHECK_FAILS(weir_checkpoint_unpin(d.tool, weir_str_of(bad[i]), &d.b.err),
                    WEIR_E_NOTFOUND, &d.b.err);
    }
    CHECK_U64(pins_of(&d, &out), 0);
    longest[64] = '\0';
    CHECK_OK(pin(&d, longest, 2), &d.b.err);
    CHECK_OK(pin(&d, "0_az-9", 3), &d.b.err);
    CHECK_U64(pins_of(&d, &out), 2);
    CHECK_STR(out[0].name, "0_az-9");
    CHECK_U64(out[0].epoch, 3);
    CHECK_STR(out[1].name, longest);
    end(&d);
}

static void more_pins_than_the_limit_are_refused(void **state)
{
    (void)state;
    static desk d;
    weir_pin   *out = NULL;
    uint32_t    count = 0;
    start(&d);
    CHECK_OK(pin(&d, "one", 2), &d.b.err);
    weir_str bytes = bed_bytes(&d.b, PIN_KEY);
    for (unsigned i = 1; i < WEIR_PINS_MAX; i++) {
        char key[80];
        (void)snprintf(key, sizeof key, BED_BASE "pins/p%u", i);
        bed_store(&d.b, key, bytes);
    }
    CHECK_U64(pins_of(&d, &out), WEIR_PINS_MAX);
    bed_store(&d.b, BED_BASE "pins/too-many", bytes);
    CHECK_FAILS(weir_checkpoint_pins(d.tool, d.b.arena, &out, &count, &d.b.err),
                WEIR_E_LIMIT, &d.b.err);
    CHECK_SAYS(&d.b.err, "more than 1000 pins");
    end(&d);
}

static void record_that_is_no_pin_is_named(void **state)
{
    (void)state;
    static desk d;
    weir_pin   *out = NULL;
    uint32_t    count = 0;
    start(&d);
    for (int nowhere = 0; nowhere < 2; nowhere++) {
        CHECK_OK(pin(&d, "one", 2), &d.b.err);
        checkpoint_record bad = bed_record(&d.b, PIN_KEY);
        if (nowhere > 0) {
            bad.prev = (record_place){.idx = 0};
            bad.epoch = 0;
        } else {
            bad.kind = RECORD_MARK;
        }
        bed_put_record(&d.b, PIN_KEY, &bad);
        CHECK_FAILS(weir_checkpoint_pins(d.tool, d.b.arena, &out, &count, &d.b.err),
                    WEIR_E_CORRUPT, &d.b.err);
        CHECK_INT(d.b.err.exit, WEIR_EXIT_CORRUPT);
        CHECK_SAYS(&d.b.err, PIN_KEY);
        CHECK_SAYS(&d.b.err, "it is not a pin");
        CHECK_FAILS(pin(&d, "one", 2), WEIR_E_CORRUPT, &d.b.err);
        CHECK_OK(weir_checkpoint_unpin(d.tool, WEIR_STR("one"), &d.b.err), &d.b.err);
    }
    bed_store(&d.b, BED_BASE "pins/No Pin", WEIR_STR("x"));
    CHECK_FAILS(weir_checkpoint_pins(d.tool, d.b.arena, &out, &count, &d.b.err),
                WEIR_E_CORRUPT, &d.b.err);
    CHECK_SAYS(&d.b.err, "No Pin' cannot be a pin");
    end(&d);
}

static void unpins(desk *d)
{
    CHECK_OK(weir_checkpoint_unpin(d->other, WEIR_STR("one"), &d->b.err), &d->b.err);
}

static void pin_that_goes_while_all_are_read_is_left_out(void **state)
{
    (void)state;
    static desk d;
    weir_pin   *out = NULL;
    start(&d);
    CHECK_OK(pin(&d, "one", 2), &d.b.err);
    CHECK_OK(pin(&d, "two", 3), &d.b.err);
    begin_to_meddle(&d, "get", PIN_KEY, unpins, FAULTY_PASS);
    CHECK_U64(pins_of(&d, &out), 1);
    CHECK(d.done);
    CHECK_STR(out[0].name, "two");
    end(&d);
}

/* The collector's mark comes between the look at it and the pin: it did not see the pin. */
static void pin_that_comes_behind_the_collector_is_taken_back(void **state)
{
    (void)state;
    static desk d;
    weir_pin   *out = NULL;
    start(&d);
    begin_to_meddle(&d, "put_new", PIN_KEY, collect, FAULTY_PASS);
    CHECK_FAILS(pin(&d, "one", 2), WEIR_E_NOTFOUND, &d.b.err);
    CHECK_SAYS(&d.b.err, "epoch 2 is not kept any more");
    CHECK_HINTS(&d.b.err, "epochs from 4 on");
    CHECK(d.done);
    CHECK(!bed_has(&d.b, PIN_KEY));
    CHECK_U64(pins_of(&d, &out), 0);
    end(&d);
}

static void pins_second(desk *d)
{
    CHECK_OK(weir_checkpoint_pin(d->other, WEIR_STR("one"), d->manifest[2], &d->b.err),
             &d->b.err);
}

static void pins_third(desk *d)
{
    CHECK_OK(weir_checkpoint_pin(d->other, WEIR_STR("one"), d->manifest[3], &d->b.err),
             &d->b.err);
}

static void puts_a_mark(desk *d)
{
    pins_second(d);
    checkpoint_record bad = bed_record(&d->b, PIN_KEY);
    bad.kind = RECORD_MARK;
    bed_put_record(&d->b, PIN_KEY, &bad);
}

static void name_that_another_gives_a_moment_before_is_his(void **state)
{
    (void)state;
    static desk d;
    weir_pin   *out = NULL;
    start(&d);
    begin_to_meddle(&d, "put_new", PIN_KEY, pins_second, FAULTY_PASS);
    CHECK_OK(pin(&d, "one", 2), &d.b.err); /* it is as it was wanted */
    CHECK(d.done);
    CHECK_OK(weir_checkpoint_unpin(d.tool, WEIR_STR("one"), &d.b.err), &d.b.err);
    begin_to_meddle(&d, "put_new", PIN_KEY, pins_third, FAULTY_PASS);
    CHECK_FAILS(pin(&d, "one", 2), WEIR_E_CONFLICT, &d.b.err);
    CHECK_SAYS(&d.b.err, "'one' is pinned to epoch 3");
    CHECK_U64(pins_of(&d, &out), 1);
    CHECK_U64(out[0].epoch, 3);
    CHECK_OK(weir_checkpoint_unpin(d.tool, WEIR_STR("one"), &d.b.err), &d.b.err);
    begin_to_meddle(&d, "put_new", PIN_KEY, puts_a_mark, FAULTY_PASS);
    CHECK_FAILS(pin(&d, "one", 2), WEIR_E_CORRUPT, &d.b.err);
    CHECK_SAYS(&d.b.err, "it is not a pin");
    end(&d);
}

/* Whether an old epoch is kept by another pin is not known: nothing is pinned. */
static void store_that_refuses_pins_nothing(void **state)
{
    (void)state;
    static desk d;
    weir_pin   *out = NULL;
    start(&d);
    begin_to_meddle(&d, "put_new", PIN_KEY, NULL, FAULTY_REFUSE);
    CHECK_FAILS(pin(&d, "one", 2), WEIR_E_CONFIG, &d.b.err);
    CHECK_SAYS(&d.b.err, "403");
    CHECK_U64(pins_of(&d, &out), 0);
    CHECK_OK(pin(&d, "keeps-2", 2), &d.b.err);
    collect(&d);
    begin_to_meddle(&d, "list", BED_BASE "pins/", NULL, FAULTY_BUSY);
    CHECK_FAILS(pin(&d, "one", 2), WEIR_E_REMOTE, &d.b.err);
    CHECK_INT(d.b.err.fate, WEIR_FATE_RETRY);
    CHECK_U64(pins_of(&d, &out), 1);
    CHECK_OK(pin(&d, "one", 2), &d.b.err);
    CHECK_U64(pins_of(&d, &out), 2);
    begin_to_meddle(&d, "head", PIN_KEY, NULL, FAULTY_BUSY);
    CHECK_FAILS(weir_checkpoint_unpin(d.tool, WEIR_STR("one"), &d.b.err), WEIR_E_REMOTE,
                &d.b.err);
    begin_to_meddle(&d, "remove", PIN_KEY, NULL, FAULTY_BUSY);
    CHECK_FAILS(weir_checkpoint_unpin(d.tool, WEIR_STR("one"), &d.b.err), WEIR_E_REMOTE,
                &d.b.err);
    CHECK_U64(pins_of(&d, &out), 2);
    CHECK_OK(weir_checkpoint_unpin(d.tool, WEIR_STR("one"), &d.b.err), &d.b.err);
    CHECK_U64(pins_of(&d, &out), 1);
    end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_as_those_of_jobs),
        TEST(more_pins_than_the_limit_are_refused),
        TEST(record_that_is_no_pin_is_named),
        TEST(pin_that_goes_while_all_are_read_is_left_out),
        TEST(pin_that_comes_behind_the_collector_is_taken_back),
        TEST(name_that_another_gives_a_moment_before_is_his),
        TEST(store_that_refuses_pins_nothing),
    };
    return RUN_TESTS(tests);
}
