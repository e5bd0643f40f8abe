/* At most so many records a second, of all lanes together, on a clock that is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_rate.h"
#include "fake_clock.h"

typedef struct bench {
    fake_clock clock;
    engine_job engine;
} bench;

static void start(bench *b, uint64_t most)
{
    memset(b, 0, sizeof *b);
    b->clock = fake_clock_new();
    b->engine.clock = &b->clock.base;
    b->engine.rate = (engine_rate){.most = most, .last_us = b->clock.mono};
    pthread_mutex_init(&b->engine.lock, NULL);
}

static void stop(bench *b)
{
    pthread_mutex_destroy(&b->engine.lock);
}

static uint32_t after(bench *b, int64_t us, uint32_t wanted)
{
    fake_clock_move(&b->clock, us);
    return engine_rate_take(&b->engine, wanted);
}

static void without_a_rate_all_is_taken(void **state)
{
    bench b;
    (void)state;
    start(&b, 0);
    CHECK_INT(after(&b, 0, 1024), 1024);
    engine_rate_return(&b.engine, 5);
    CHECK_INT(after(&b, 0, 1024), 1024);
    stop(&b);
}

static void records_come_with_time(void **state)
{
    bench b;
    (void)state;
    start(&b, 1000);
    CHECK_INT(after(&b, 0, 1024), 0);
    CHECK_INT(after(&b, 999, 1024), 0);
    CHECK_INT(after(&b, 1, 1024), 1); /* a millisecond each */
    CHECK_INT(after(&b, 50000, 20), 20);
    CHECK_INT(after(&b, 0, 100), 30);
    CHECK_INT(after(&b, 0, 100), 0);
    stop(&b);
}

static void what_was_not_taken_is_a_tenth_of_a_second_at_most(void **state)
{
    bench b;
    (void)state;
    start(&b, 1000);
    CHECK_INT(after(&b, 3600 * 1000000LL, 1024), 101);
    CHECK_INT(after(&b, 0, 1024), 0);
    stop(&b);
}

static void few_records_come_one_by_one(void **state)
{
    bench b;
    (void)state;
    start(&b, 1);
    CHECK_INT(after(&b, 999999, 5), 0);
    CHECK_INT(after(&b, 1, 5), 1);
    CHECK_INT(after(&b, 3600 * 1000000LL, 5), 1);
    stop(&b);
}

static void what_is_returned_is_there_again(void **state)
{
    bench b;
    (void)state;
    start(&b, 1000);
    CHECK_INT(after(&b, 10000, 1024), 10);
    engine_rate_return(&b.engine, 4);
    CHECK_INT(after(&b, 0, 1024), 4);
    stop(&b);
}

/* Over a minute, in uneven steps: the rate, and a tenth of a second more. */
static void any_stretch_keeps_the_rate(void **state)
{
    static const uint64_t rates[] = {1, 7, 333, 1000000, 1000000000};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        bench b;
        start(&b, rates[i]);
        uint64_t taken = 0;
        int64_t all_us = 0;
        for (int64_t step = 0; all_us < 60 * 1000000LL; step++) {
            int64_t us = 1 + step * 7919 % 40000;
            all_us += us;
            taken += after(&b, us, UINT32_MAX / 2);
        }
        uint64_t due = (uint64_t)all_us * rates[i] / 1000000;
        CHECK(taken <= due + rates[i] / 10 + 2);
        CHECK(taken + rates[i] / 10 + 2 >= due);
        stop(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_rate_all_is_taken),
        TEST(records_come_with_time),
        TEST(what_was_not_taken_is_a_tenth_of_a_second_at_most),
        TEST(few_records_come_one_by_one),
        TEST(what_is_returned_is_there_again),
        TEST(any_stretch_keeps_the_rate),
    };
    return RUN_TESTS(tests);
}
