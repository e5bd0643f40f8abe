/* tests of base/str_number
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <math.h>

static void whole_numbers_are_read_to_their_limits(void **state)
{
    (void)state;
    int64_t  i = 0;
    uint64_t u = 0;
    CHECK(weir_str_to_i64(WEIR_STR("9223372036854775807"), &i) && i == INT64_MAX);
    CHECK(weir_str_to_i64(WEIR_STR("-9223372036854775808"), &i) && i == INT64_MIN);
    CHECK(weir_str_to_i64(WEIR_STR("+0007"), &i) && i == 7);
    CHECK(weir_str_to_i64(WEIR_STR("-0"), &i) && i == 0);
    CHECK(weir_str_to_u64(WEIR_STR("18446744073709551615"), &u) && u == UINT64_MAX);
}

static void what_is_not_entirely_a_number_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "1 ",
                                      " 1",
                                      "1a",
                                      "0x1",
                                      "1.0",
                                      "--1",
                                      "+-1",
                                      "1e3",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    int64_t                  i = 42;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        CHECK(!weir_str_to_i64(weir_str_of(bad[k]), &i));
    CHECK_INT(i, 42);
    uint64_t u = 42;
    CHECK(!weir_str_to_u64(WEIR_STR("-1"), &u));
    CHECK(!weir_str_to_u64(WEIR_STR("18446744073709551616"), &u));
    CHECK_U64(u, 42);
}

static void doubles_are_those_of_strtod(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "-1.5",
        ".5",
        "5.",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "123456789012345678",
        "9007199254740993",
        "9007199254740992",
        "0.1",
        "0.30000000000000004",
        "2.2250738585072014e-308",
        "4.9e-324",
        "1e-400",
        "1.7976931348623157e308",
        "8.5e0000001",
        "1e+5",
        "3.14159265358979323846",
        "100000000000000016777215",
        "100000000000000016777216",
        "0.000000000000000000000000000001",
        "179769313486231570000000000000000000000",
        "7.3177701707893310e+15",
    };
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        double is = -1;
        double want = strtod(texts[k], NULL);
        CHECK(weir_str_to_double(weir_str_of(texts[k]), &is));
        if (memcmp(&is, &want, sizeof is) != 0)
            CHECK_TEXT(texts[k], "what strtod gives");
    }
}

static void random_doubles_survive_their_text(void **state)
{
    (void)state;
    uint64_t bits = 1;
    for (int k = 0; k < 100000; k++) {
        char   text[64];
        double value;
        double again = 0;
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        (void)snprintf(text, sizeof text, k % 2 == 0 ? "%.17g" : "%.16e", value);
        CHECK(weir_str_to_double(weir_str_of(text), &again));
        CHECK(memcmp(&value, &again, sizeof value) == 0);
    }
}

static void what_is_not_entirely_a_double_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "-",   ".",     "e5",    "1e",
        "1e+",   "1 ",  "0x10",  "nan",   "inf",
        "1e400", "--1", "1.2.3", "1e5.0", "-1e999999999999999"};
    double value = 42;
    for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++)
        CHECK(!weir_str_to_double(weir_str_of(bad[k]), &value));
    CHECK(value == 42);
}

static void a_very_long_number_is_still_right(void **state)
{
    (void)state;
    char   text[3000];
    double value = 0;
    memset(text, '0', sizeof text);
    text[0] = '1';
    text[1] = '.';
    text[sizeof text - 1] = '1';
    CHECK(weir_str_to_double((weir_str){text, sizeof text}, &value));
    CHECK(value == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_numbers_are_read_to_their_limits),
        TEST(what_is_not_entirely_a_number_is_none),
        TEST(doubles_are_those_of_strtod),
        TEST(random_doubles_survive_their_text),
        TEST(what_is_not_entirely_a_double_is_none),
        TEST(a_very_long_number_is_still_right),
    };
    return RUN_TESTS(tests);
}
