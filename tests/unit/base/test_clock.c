/* tests of base/clock and base/clock_civil
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "fake_clock.h"

static void the_system_clock_goes_forward(void **state)
{
    (void)state;
    weir_clock *clock = weir_clock_system();
    int64_t     mono = clock->mono_us(clock);
    int64_t     boot = clock->boot_us(clock);
    CHECK(clock->wall_us(clock) > INT64_C(1700000000000000));
    clock->pause_us(clock, 1);
    clock->pause_us(clock, -5);
    CHECK(clock->mono_us(clock) > mono);
    CHECK(clock->boot_us(clock) > boot);
}

static void waits_grow_and_stay_within_bounds(void **state)
{
    (void)state;
    fake_clock   fake = fake_clock_new();
    weir_backoff backoff = {.clock = &fake.base};
    int64_t      before = 0;
    for (int i = 0; i < 100; i++) {
        before = fake.paused;
        weir_backoff_wait(&backoff);
        int64_t wait = fake.paused - before;
        CHECK(wait >= 50000 && wait <= 5000000);
        if (i == 0)
            CHECK(wait <= 150000);
    }
    CHECK_INT(backoff.tries, 100);
    CHECK(fake.paused > 100 * INT64_C(500000)); /* it did grow */
}

static void the_same_clock_gives_the_same_waits(void **state)
{
    (void)state;
    fake_clock   one = fake_clock_new();
    fake_clock   two = fake_clock_new();
    weir_backoff a = {.clock = &one.base, .first_us = 10, .most_us = 20};
    weir_backoff b = {.clock = &two.base, .first_us = 10, .most_us = 20};
    for (int i = 0; i < 50; i++) {
        weir_backoff_wait(&a);
        weir_backoff_wait(&b);
        CHECK_INT(one.paused, two.paused);
        CHECK(a.last_us >= 10 && a.last_us <= 20);
    }
}

static void days_are_counted_from_1970(void **state)
{
    (void)state;
    CHECK_INT(weir_civil_days(1970, 1, 1), 0);
    CHECK_INT(weir_civil_days(1969, 12, 31), -1);
    CHECK_INT(weir_civil_days(2000, 3, 1), 11017);
    CHECK_INT(weir_civil_days(2024, 2, 29), 19782);
    CHECK_INT(weir_civil_days(1, 1, 1), -719162);
    CHECK_INT(weir_civil_days(9999, 12, 31), 2932896);
}

/* The next day, counted plainly. */
static void next_day(int *year, int *month, int *day)
{
    if (weir_civil_valid(*year, *month, ++*day))
        return;
    *day = 1;
    if (++*month <= 12)
        return;
    *month = 1;
    ++*year;
}

static void every_day_of_800_years_comes_after_the_one_before(void **state)
{
    (void)state;
    int64_t days = weir_civil_days(1600, 1, 1);
    for (int year = 1600, month = 1, day = 1; year < 2400; next_day(&year, &month, &day)) {
        weir_civil civil = weir_civil_from_us(days * INT64_C(86400000000) + 1);
        CHECK(civil.year == year && civil.month == month && civil.day == day);
        CHECK_INT(weir_civil_days(year, month, day), days);
        days++;
    }
    CHECK_INT(days, weir_civil_days(2400, 1, 1));
}

static void times_go_there_and_back(void **state)
{
    (void)state;
    static const int64_t times[] = {0,
                                    -1,
                                    1,
                                    INT64_C(1709210096789012),
                                    INT64_C(-62135596800000000),
                                    INT64_C(253402300799999999),
                                    INT64_C(-99999999999999999),
                                    INT64_MIN,
                                    INT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        weir_civil civil = weir_civil_from_us(times[i]);
        CHECK_INT(weir_civil_to_us(&civil), times[i]);
    }
}

static void dates_that_are_not_are_found(void **state)
{
    (void)state;
    CHECK(weir_civil_valid(2024, 2, 29));
    CHECK(weir_civil_valid(2000, 2, 29));
    CHECK(!weir_civil_valid(1900, 2, 29));
    CHECK(!weir_civil_valid(2023, 2, 29));
    CHECK(!weir_civil_valid(2023, 4, 31));
    CHECK(!weir_civil_valid(2023, 0, 1));
    CHECK(!weir_civil_valid(2023, 13, 1));
    CHECK(!weir_civil_valid(2023, 1, 0));
    CHECK(!weir_civil_valid(2023, 1, 32));
}

static void times_are_printed_as_postgresql_does(void **state)
{
    (void)state;
    char text[40];
    CHECK_INT(weir_us_print(INT64_C(1709210096789012), text), 26);
    CHECK_TEXT(text, "2024-02-29 12:34:56.789012");
    (void)weir_us_print(INT64_C(1709210096789000), text);
    CHECK_TEXT(text, "2024-02-29 12:34:56.789");
    (void)weir_us_print(INT64_C(1709210096000000), text);
    CHECK_TEXT(text, "2024-02-29 12:34:56");
    (void)weir_us_print(-1, text);
    CHECK_TEXT(text, "1969-12-31 23:59:59.999999");
    (void)weir_us_print(INT64_MIN, text);
    (void)weir_us_print_iso(INT64_MIN, text);
    (void)weir_us_print_iso(INT64_C(1709210096789012), text);
    CHECK_TEXT(text, "2024-02-29T12:34:56.789Z");
    (void)weir_us_print_iso(0, text);
    CHECK_TEXT(text, "1970-01-01T00:00:00.000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_system_clock_goes_forward),
        TEST(waits_grow_and_stay_within_bounds),
        TEST(the_same_clock_gives_the_same_waits),
        TEST(days_are_counted_from_1970),
        TEST(every_day_of_800_years_comes_after_the_one_before),
        TEST(times_go_there_and_back),
        TEST(dates_that_are_not_are_found),
        TEST(times_are_printed_as_postgresql_does),
    };
    return RUN_TESTS(tests);
}
