/* tests/s3_date: the server's clock is learned from dates that explain a refusal, else not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "s3/s3.h"

#define SECOND 1000000LL

static void date_of_http_is_read(void **state)
{
    (void)state;
    int64_t us = 0;
    CHECK(s3_date_read(WEIR_STR("Fri, 24 May 2013 00:00:00 GMT"), &us));
    CHECK_INT(us, 1369353600 * SECOND);
    CHECK(s3_date_read(WEIR_STR("Thu, 29 Feb 2024 23:59:59 GMT"), &us));
    CHECK_INT(us, 1709251199 * SECOND);
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"",
                         "Fri, 24 May 2013 00:00:00",
                         "Fri, 24 May 2013 00:00:00 UTC",
                         "Friday, 24-May-13 00:00:00 GMT",
                         "Fri, 24 Mai 2013 00:00:00 GMT",
                         "Fri, 24 May 2013 24:00:00 GMT",
                         "Fri, 24 May 2013 00:60:00 GMT",
                         "Fri, 24 May 2013 00:00:60 GMT",
                         "Fri, 32 May 2013 00:00:00 GMT",
                         "Fri, 29 Feb 2023 00:00:00 GMT",
                         "Fri, 0x May 2013 00:00:00 GMT",
                         "Fri, 24 May 20x3 00:00:00 GMT",
                         "Fri, 24 May 2013 0x:00:00 GMT",
                         "Fri, 24 May 2013 00:x0:00 GMT",
                         "Fri, 24 May 2013 00:00:x0 GMT",
                         "Fri  24 May 2013 00:00:00 GMT",
                         "Fri,  4 May 2013 00:00:00 GMT",
                         "2013-05-24T00:00:00.000000Z  "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = -1;
        CHECK(!s3_date_read(weir_str_of(bad[i]), &us));
        CHECK(!s3_skew_learn(weir_str_of(bad[i]), 0, 0, &us));
        CHECK_INT(us, -1);
    }
}

static void clock_that_is_off_is_learned(void **state)
{
    (void)state;
    const int64_t  theirs = 1369353600 * SECOND;
    const weir_str date = WEIR_STR("Fri, 24 May 2013 00:00:00 GMT");
    int64_t        skew = 0;
    CHECK(s3_skew_learn(date, theirs - 3600 * SECOND, theirs - 3600 * SECOND, &skew));
    CHECK_INT(skew, 3600 * SECOND);
    CHECK(s3_skew_learn(date, theirs + 900 * SECOND, theirs + 900 * SECOND, &skew));
    CHECK_INT(skew, -900 * SECOND);
    /* ours was set right meanwhile: what was learned is forgotten again */
    CHECK(s3_skew_learn(date, theirs, theirs + 3600 * SECOND, &skew));
    CHECK_INT(skew, 0);
    /* another answer, or who set our clock, was quicker than this one */
    CHECK(s3_skew_learn(date, theirs, theirs - 3600 * SECOND, &skew));
    CHECK_INT(skew, 0);
}

static void date_that_explains_nothing_is_not_learned(void **state)
{
    (void)state;
    const int64_t  theirs = 1369353600 * SECOND;
    const weir_str date = WEIR_STR("Fri, 24 May 2013 00:00:00 GMT");
    int64_t        skew = -1;
    CHECK(!s3_skew_learn(date, theirs, theirs, &skew));
    CHECK(!s3_skew_learn(date, theirs, theirs - 59 * SECOND, &skew));
    CHECK(!s3_skew_learn(date, theirs, theirs + 59 * SECOND, &skew));
    CHECK(!s3_skew_learn(date, theirs - 3600 * SECOND, theirs - 10 * SECOND, &skew));
    CHECK(!s3_skew_learn(date, theirs + 47LL * 365 * 86400 * SECOND, 0,
                         &skew)); /* −47 years */
    CHECK(!s3_skew_learn(date, theirs - 8LL * 86400 * SECOND, 0, &skew));
    CHECK(!s3_skew_learn((weir_str){NULL, 0}, theirs, 0, &skew));
    CHECK_INT(skew, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(date_of_http_is_read),
        TEST(what_is_no_date_is_refused),
        TEST(clock_that_is_off_is_learned),
        TEST(date_that_explains_nothing_is_not_learned),
    };
    return RUN_TESTS(tests);
}
