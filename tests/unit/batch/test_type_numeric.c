/* tests: decimals: scaling, doubles, text, against slow twins on random values.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/type.h"

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static weir_i128 random_value(void)
{
    weir_i128 wide = (weir_i128)next_random() << 63 | (weir_i128)next_random();
    wide %= weir_i128_power10((int)(next_random() % 39));
    return next_random() % 2 ? wide : -wide;
}

static void powers_of_ten_are_that(void **state)
{
    (void)state;
    weir_i128 value = 1;
    for (int i = 0; i <= WEIR_NUMERIC_DIGITS; i++) {
        CHECK(weir_i128_power10(i) == value);
        if (i < WEIR_NUMERIC_DIGITS)
            value *= 10;
    }
}

static void text_goes_there_and_back(void **state)
{
    (void)state;
    weir_buf text = {0};
    for (int i = 0; i < 20000; i++) {
        weir_i128 value = random_value(), back;
        int       scale = (int)(next_random() % 39), back_scale;
        weir_buf_clear(&text);
        weir_numeric_print(&text, value, scale);
        CHECK(weir_numeric_parse(weir_buf_view(&text), &back, &back_scale));
        CHECK(back == value);
        CHECK_INT(back_scale, scale);
    }
    weir_buf_done(&text);
}

/* One digit at a time. */
static weir_i128 slow_rescale_down(weir_i128 value, int drop)
{
    int last = 0;
    for (; drop > 0; drop--) {
        last = (int)(value % 10);
        value /= 10;
    }
    return value + (last >= 5) - (last <= -5);
}

static void rescaling_rounds_half_away_from_zero(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        weir_i128 value = random_value(), out;
        int       drop = (int)(next_random() % 39);
        CHECK(weir_i128_rescale(value, drop, 0, &out));
        CHECK(out == slow_rescale_down(value, drop));
    }
}

static void rescaling_up_says_when_38_digits_do_not_do(void **state)
{
    (void)state;
    weir_i128 out;
    CHECK(weir_i128_rescale(weir_i128_power10(35), 0, 2, &out));
    CHECK(out == weir_i128_power10(37));
    CHECK(!weir_i128_rescale(weir_i128_power10(36), 0, 2, &out));
    CHECK(!weir_i128_rescale(-weir_i128_power10(36), 0, 2, &out));
    CHECK(weir_i128_rescale(0, 0, 38, &out));
}

static void doubles_are_the_nearest(void **state)
{
    (void)state;
    weir_buf text = {0};
    for (int i = 0; i < 20000; i++) {
        weir_i128 value = random_value();
        int       scale = (int)(next_random() % 39);
        weir_buf_clear(&text);
        weir_numeric_print(&text, value, scale);
        weir_buf_byte(&text, 0);
        CHECK(weir_numeric_to_double(value, scale) == strtod(text.at, NULL));
    }
    weir_buf_done(&text);
}

static void many_digits_are_rounded_once(void **state)
{
    (void)state;
    weir_type  type = {.id = WEIR_T_NUMERIC, .precision = 5, .scale = 2};
    weir_datum value;
    weir_err   err;
    char       text[400];
    snprintf(text, sizeof(text), "1.00499999999999999999999999999999999999999999999999999999");
    CHECK_OK(weir_datum_parse(type, weir_str_of(text), &value, &err), &err);
    CHECK(value.i128 == 100);
    memset(text, '0', 300);
    strcpy(text + 300, "12.345");
    CHECK_OK(weir_datum_parse(type, weir_str_of(text), &value, &err), &err);
    CHECK(value.i128 == 1235);
    CHECK_FAILS(weir_datum_parse(type, WEIR_STR("1e99999999999999"), &value, &err),
                WEIR_E_DECODE, &err);
    CHECK_OK(weir_datum_parse(type, WEIR_STR("1e-99999999999999"), &value, &err), &err);
    CHECK(value.i128 == 0);
}

/* A literal of 39 and more digits once went past 128 bits before its size was looked at. */
static void number_of_too_many_digits_is_refused(void **state)
{
    (void)state;
    char text[64];
    memset(text, '9', sizeof(text));
    for (size_t len = 39; len < sizeof(text); len++) {
        weir_i128 value;
        int       scale;
        CHECK(!weir_numeric_parse((weir_str){text, len}, &value, &scale));
    }
}

static void number_of_38_digits_is_kept_whole(void **state)
{
    (void)state;
    weir_str  text = WEIR_STR("-99999999999999999999999999999999999999");
    weir_buf  out = {0};
    weir_i128 value;
    int       scale;
    CHECK(weir_numeric_parse(text, &value, &scale));
    weir_numeric_print(&out, value, scale);
    CHECK_SAME(weir_buf_view(&out), text);
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(powers_of_ten_are_that),
        TEST(text_goes_there_and_back),
        TEST(rescaling_rounds_half_away_from_zero),
        TEST(rescaling_up_says_when_38_digits_do_not_do),
        TEST(doubles_are_the_nearest),
        TEST(many_digits_are_rounded_once),
        TEST(number_of_too_many_digits_is_refused),
        TEST(number_of_38_digits_is_kept_whole),
    };
    return RUN_TESTS(tests);
}
