/* tests/checkpoint_seal: how long an owner tries to put the SEAL of its own generation where
 * the store refuses it, or does not answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_bed.h"

#define SECOND_US 1000000LL
#define MINUTE_US (60 * SECOND_US)

typedef struct outage { /* of puts of keys that begin so */
    faulty_act        act;
    const fake_clock *clock;
    int64_t           until_us;
    const char       *prefix;
} outage;

static faulty_act out_of_order(void *self, const char *verb, const weir_object *object,
                               uint64_t call)
{
    const outage *o = self;
    (void)call;
    bool put = strcmp(verb, "put") == 0 || strcmp(verb, "put_new") == 0;
    bool meant = put && weir_str_starts(object->key, o->prefix);
    return meant && o->clock->mono < o->until_us ? o->act : FAULTY_PASS;
}

typedef struct owner { /* of generation 1, and its first epoch is visible */
    bed              b;
    weir_checkpoint *checkpoint;
    outage           outage;
} owner;

static void begin(owner *o, const char *prefix, faulty_act act, int64_t us)
{
    bed_open(&o->b);
    o->checkpoint = bed_checkpoint(&o->b);
    (void)bed_take_over(&o->b, o->checkpoint, NULL);
    CHECK_OK(bed_publish(&o->b, o->checkpoint, 1, "one", NULL), &o->b.err);
    o->outage = (outage){act, &o->b.clock, o->b.clock.mono + us, prefix};
    o->b.store.hook = out_of_order;
    o->b.store.self = &o->outage;
}

static void end(owner *o)
{
    weir_checkpoint_close(o->checkpoint);
    bed_close(&o->b);
}

/* As the engine does it: again and again while it may help. */
static weir_code finalise(owner *o)
{
    weir_code rc = WEIR_E_UNKNOWN;
    o->b.err.fate = WEIR_FATE_RETRY;
    while (rc != WEIR_OK && o->b.err.fate == WEIR_FATE_RETRY) {
        weir_err_clear(&o->b.err);
        rc = weir_checkpoint_finalised(o->checkpoint, &o->b.err);
    }
    return rc;
}

/* A refused hint makes a SEAL, which was refused, too, and ended the job: a policy that was
   wrong for a minute must not, as it does not when a manifest meets it. */
static void refusal_that_ends_ends_no_owner(void **state)
{
    (void)state;
    static const char *const prefixes[] = {BED_BASE, BED_BASE "seals/"};
    for (size_t i = 0; i < 2; i++) {
        owner o;
        begin(&o, prefixes[i], FAULTY_REFUSE, 9 * MINUTE_US);
        o.b.clock.boot += 25LL * 3600 * SECOND_US; /* its generation is old */
        CHECK_OK(finalise(&o), &o.b.err);
        CHECK_U64(weir_checkpoint_generation(o.checkpoint), 2);
        CHECK(o.b.clock.mono >= o.outage.until_us);
        bed_run(&o.b, o.checkpoint, 2, 3);
        end(&o);
    }
}

static void refusal_that_lasts_ends_the_owner(void **state)
{
    (void)state;
    static const char *const prefixes[] = {BED_BASE, BED_BASE "seals/"};
    for (size_t i = 0; i < 2; i++) {
        owner o;
        begin(&o, prefixes[i], FAULTY_REFUSE, 60 * MINUTE_US);
        o.b.clock.boot += 25LL * 3600 * SECOND_US;
        int64_t start_us = o.b.clock.mono;
        CHECK_FAILS(finalise(&o), WEIR_E_CONFIG, &o.b.err);
        CHECK_INT(o.b.err.fate, WEIR_FATE_HALT);
        CHECK_SAYS(&o.b.err, "AccessDenied");
        CHECK(o.b.clock.mono - start_us >= 10 * MINUTE_US);
        CHECK(o.b.clock.mono - start_us < 11 * MINUTE_US);
        end(&o);
    }
}

/* What was refused long ago and went well since is not held against what comes. */
static void refusals_of_one_seal_are_not_those_of_the_next(void **state)
{
    (void)state;
    owner o;
    begin(&o, BED_BASE, FAULTY_REFUSE, 9 * MINUTE_US);
    CHECK_OK(finalise(&o), &o.b.err);
    CHECK_OK(bed_publish(&o.b, o.checkpoint, 2, "two", NULL), &o.b.err);
    o.outage.until_us = o.b.clock.mono + 9 * MINUTE_US;
    CHECK_OK(finalise(&o), &o.b.err);
    CHECK_U64(weir_checkpoint_generation(o.checkpoint), 3);
    CHECK_OK(bed_publish(&o.b, o.checkpoint, 3, "three", NULL), &o.b.err);
    o.outage.until_us = o.b.clock.mono + MINUTE_US;
    CHECK_FAILS(weir_checkpoint_finalised(o.checkpoint, &o.b.err), WEIR_E_UNKNOWN,
                &o.b.err);
    fake_clock_move(&o.b.clock, 9 * MINUTE_US); /* and it never came to an end */
    (void)bed_take_over(&o.b, o.checkpoint, NULL);
    o.outage.until_us = o.b.clock.mono + 9 * MINUTE_US;
    CHECK_OK(finalise(&o), &o.b.err);
    end(&o);
}

static void shut_down_gives_up_within_its_grace(void **state)
{
    (void)state;
    static const struct {
        const char *prefix;
        faulty_act  act;
        int64_t     us;
        bool        sealed;
    } cases[] = {
        {BED_BASE, FAULTY_DROP, 3600 * SECOND_US, false},
        {BED_BASE, FAULTY_REFUSE, 3600 * SECOND_US, false},
        {BED_BASE "seals/", FAULTY_DROP, 3600 * SECOND_US, false},
        {BED_BASE, FAULTY_DROP, 8 * SECOND_US, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        owner o;
        begin(&o, cases[i].prefix, cases[i].act, 0);
        CHECK_OK(finalise(&o), &o.b.err);
        int64_t start_us = o.b.clock.mono;
        o.outage.until_us = start_us + cases[i].us;
        weir_code rc = weir_checkpoint_seal(o.checkpoint, &o.b.err);
        CHECK_INT(rc == WEIR_OK, cases[i].sealed);
        CHECK(rc == WEIR_OK || o.b.err.fate == WEIR_FATE_RETRY);
        CHECK(o.b.clock.mono - start_us <= 12 * SECOND_US);
        end(&o);
    }
}

static faulty_act slot_at_the_last_moment(void *self, const char *verb,
                                          const weir_object *object, uint64_t call)
{
    owner *o = self;
    (void)call;
    if (strcmp(verb, "put_new") != 0)
        return FAULTY_PASS;
    if (weir_str_starts(object->key, BED_BASE "seals/"))
        return FAULTY_DROP;
    fake_clock_move(&o->b.clock, 11 * SECOND_US); /* a slow answer */
    return FAULTY_PASS;
}

/* Two puts, one grace: when the first took all of it, the second is tried, and not for long. */
static void both_puts_of_a_shut_down_share_its_grace(void **state)
{
    (void)state;
    owner o;
    begin(&o, BED_BASE, FAULTY_PASS, 0);
    CHECK_OK(finalise(&o), &o.b.err);
    int64_t  start_us = o.b.clock.mono;
    uint64_t before = o.b.store.put_news;
    o.b.store.hook = slot_at_the_last_moment;
    o.b.store.self = &o;
    CHECK_FAILS(weir_checkpoint_seal(o.checkpoint, &o.b.err), WEIR_E_UNKNOWN, &o.b.err);
    CHECK(o.b.store.put_news >= before + 2);
    CHECK(o.b.clock.mono - start_us <= 13 * SECOND_US);
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refusal_that_ends_ends_no_owner),
        TEST(refusal_that_lasts_ends_the_owner),
        TEST(refusals_of_one_seal_are_not_those_of_the_next),
        TEST(shut_down_gives_up_within_its_grace),
        TEST(both_puts_of_a_shut_down_share_its_grace),
    };
    return RUN_TESTS(tests);
}
