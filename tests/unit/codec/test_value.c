/* tests/test_value: each encoding of a value, and the traps in them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "decode.h"

#include "value/value.h"
#include "value/value_number.h"
#include "value/value_time.h"

static decode_bench bench;

/* Decodes {"v":VALUE} by `json` and gives the row, or the problem. */
static const char *decoded(const char *type, const char *options, const char *value)
{
    static char text[65536];
    char        column[64];
    weir_buf    buf = {0};
    snprintf(column, sizeof column, "v:%s", type);
    decode_start(&bench, "json", column, options);
    weir_buf_format(&buf, "{\"v\":%s}", value);
    weir_str view = weir_buf_view(&buf);
    decode_views(&bench, &view, 1);
    bool row = bench.out.event[0].after != WEIR_NO_ROW;
    snprintf(text, sizeof text, "%s",
             row ? decode_row(&bench, 0) : decode_event(&bench, 0));
    weir_buf_done(&buf);
    decode_stop(&bench);
    return text;
}

#define IS(type, value, text) CHECK_TEXT(decoded(type, NULL, value), "v=" text)
#define IS_WITH(type, options, value, text)                                                \
    CHECK_TEXT(decoded(type, options, value), "v=" text)
#define BAD(type, value, part) CHECK_HOLDS(decoded(type, NULL, value), "bad " part)
#define BAD_WITH(type, options, value, part)                                               \
    CHECK_HOLDS(decoded(type, options, value), "bad " part)

static void integers_are_exact_to_the_last_bit(void **state)
{
    (void)state;
    IS("bigint", "9223372036854775807", "9223372036854775807");
    IS("bigint", "-9223372036854775808", "-9223372036854775808");
    IS("bigint", "-9007199254740993", "-9007199254740993");
    IS("bigint", "0", "0");
    IS("bigint", "-0", "0");
    IS("integer", "2147483647", "2147483647");
    IS("smallint", "-32768", "-32768");
    IS("bigint", "12e2", "1200");
    IS("bigint", "5.0", "5");
    IS("bigint", "\"42\"", "42");
    IS("bigint", "\"4\\u0032\"", "42");
    BAD("bigint", "9223372036854775808", "RANGE v:");
    BAD("integer", "2147483648", "RANGE v:");
    BAD("smallint", "40000", "RANGE v:");
    BAD("bigint", "1.5", "DECODE v:");
    BAD("bigint", "true", "DECODE v:");
    BAD("bigint", "{}", "DECODE v:");
    BAD("bigint", "\"\"", "DECODE v:");
    BAD("bigint", "\" 1\"", "DECODE v:");
}

static void check_wrong_bytes(char *text, size_t len)
{
    static const char wrong[] = {'/', ':', '.', ' ', '\0', (char)0xb1};
    for (size_t at = 0; at < len * sizeof wrong; at++) {
        int64_t got;
        char    good = text[at / sizeof wrong];
        text[at / sizeof wrong] = wrong[at % sizeof wrong];
        CHECK(!value_small_integer(text, len, &got));
        text[at / sizeof wrong] = good;
    }
}

/* Each length is read in its own way; a byte that is no digit is found at every place. */
static void integers_of_each_length_are_read(void **state)
{
    (void)state;
    int64_t expected = 0;
    for (size_t len = 1; len <= 18; len++) {
        char    text[20] = "-";
        int64_t got = 0;
        expected = expected * 10 + (int64_t)len % 9 + 1;
        snprintf(text + 1, sizeof text - 1, "%lld", (long long)expected);
        CHECK(value_small_integer(text + 1, len, &got));
        CHECK_INT(got, expected);
        CHECK(value_small_integer(text, len + 1, &got));
        CHECK_INT(got, -expected);
        check_wrong_bytes(text + 1, len);
    }
}

static void numbers_that_are_no_json_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"01",  "-",   "1.", ".5",  "+1",  "1e",   "1e+",
                                      "--1", "0x1", "1_", "NaN", "-01", "1.e1", "Infinity"};
    static const char *const types[] = {"bigint", "numeric(12,2)", "numeric", "double",
                                        "timestamp"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t k = 0; k < sizeof types / sizeof *types; k++)
            BAD_WITH(types[k], "time_encoding=millis", bad[i], "");
    }
}

static void numerics_are_exact_and_round_half_away(void **state)
{
    (void)state;
    IS("numeric(12,2)", "\"9999999999.99\"", "9999999999.99");
    IS("numeric(12,2)", "\"0.05\"", "0.05");
    IS("numeric(12,2)", "\"-0.50\"", "-0.50");
    IS("numeric(12,2)", "\"12345.5\"", "12345.50");
    IS("numeric(12,2)", "\"1.234\"", "1.23");
    IS("numeric(12,4)", "\"7.0001\"", "7.0001");
    BAD("numeric(12,2)", "\"01.50\"", "DECODE v:");
    BAD("numeric(12,2)", "\".50\"", "DECODE v:");
    BAD("numeric(12,2)", "\"1.5x\"", "DECODE v:");
    BAD("numeric(12,2)", "\"1..5\"", "DECODE v:");
    BAD("numeric(3,2)", "\"10.00\"", "RANGE v:");
    IS("numeric(12,2)", "9.99999999999E9", "9999999999.99");
    IS("numeric(12,2)", "-0.01", "-0.01");
    IS("numeric(12,2)", "0.005", "0.01");
    IS("numeric(12,2)", "-0.005", "-0.01");
    IS("numeric(12,2)", "0.00499999999999999999999999999999999999999999", "0.00");
    IS("numeric(12,2)", "0E-10", "0.00");
    IS("numeric(12,2)", "-1E-30", "0.00");
    IS("numeric(38,10)", "9999999999999999999999999999.9999999999",
       "9999999999999999999999999999.9999999999");
    IS("numeric(20,0)", "18446744073709551615", "18446744073709551615");
    IS("numeric(12,2)", "1", "1.00");
    IS("numeric", "1.2300", "1.2300");
    IS("numeric(5,0)", "99999", "99999");
    IS("numeric(38,30)", "12345678", "12345678.000000000000000000000000000000");
    BAD("numeric(38,38)", "123456789012345678", "RANGE v:");
    BAD("numeric(38,38)", "-1", "RANGE v:");
    IS("numeric(38,38)", "0", "0.00000000000000000000000000000000000000");
    BAD("numeric(12,2)", "10000000000", "RANGE v: numeric field overflow");
    BAD("numeric(12,2)", "9999999999.995", "RANGE v:");
    BAD("numeric(12,2)", "1e400", "RANGE v:");
    BAD("numeric(38,10)", "99999999999999999999999999999999999999999999", "RANGE v:");
    BAD("numeric", "99999999999999999999999999999999999999999999", "RANGE v:");
    BAD("numeric(12,2)", "1e99999999999999999999", "RANGE v:");
    IS("numeric(12,2)", "1e-99999999999999999999", "0.00");
    BAD("numeric(12,2)", "\"AOjUpQ//\"", "DECODE v:");
    BAD("numeric(12,2)", "\"NaN\"", "DECODE v:");
}

static void precise_decimals_are_two_s_complement(void **state)
{
    (void)state;
    const char *precise = "encoding.v=precise";
    IS_WITH("numeric(12,2)", precise, "\"AOjUpQ//\"", "9999999999.99");
    IS_WITH("numeric(12,2)", precise, "\"AA==\"", "0.00");
    IS_WITH("numeric(12,2)", precise, "\"/w==\"", "-0.01");
    IS_WITH("numeric(12,2)", precise, "\"\\/w==\"", "-0.01");
    IS_WITH("numeric(12,2)", precise, "\"/////////////////////////////////w==\"", "-0.01");
    IS_WITH("numeric(12,2)", precise, "\"gA==\"", "-1.28");
    IS_WITH("numeric(20,0)", precise, "\"AIrHIwSJ6AAA\"", "10000000000000000000");
    IS_WITH("bigint", precise, "\"fw==\"", "127");
    BAD_WITH("numeric(12,2)", precise, "\"\"", "DECODE v:");
    BAD_WITH("numeric(12,2)", precise, "\"=\"", "DECODE v:");
    BAD_WITH("numeric(12,2)", precise, "\"A\"", "DECODE v:");
    BAD_WITH("numeric(12,2)", precise, "\"AB==\"", "DECODE v:");
    BAD_WITH("numeric(12,2)", precise, "\"A?==\"", "DECODE v:");
    BAD_WITH("numeric(12,2)", precise, "\"fwAAAAAAAAAAAAAAAAAAAAAAAAA=\"", "RANGE v:");
    BAD_WITH("numeric(2,0)", precise, "\"fw==\"", "RANGE v:");
    BAD_WITH("bigint", precise, "\"AIrHIwSJ6AAA\"", "RANGE v:");
    BAD_WITH("numeric", precise, "\"fw==\"", "ENCODING v: the scale is not known");
}

static void unsigned_numbers_that_wrapped_are_unwrapped(void **state)
{
    (void)state;
    IS_WITH("numeric(20,0)", "encoding.v=unsigned", "-1", "18446744073709551615");
    IS_WITH("numeric(20,0)", "encoding.v=unsigned", "-9223372036854775808",
            "9223372036854775808");
    IS_WITH("numeric(20,0)", "encoding.v=unsigned", "7", "7");
    IS_WITH("numeric", "encoding.v=unsigned", "-1", "18446744073709551615");
    BAD_WITH("bigint", "encoding.v=unsigned", "-1", "RANGE v:");
}

static void bits_are_little_endian(void **state)
{
    (void)state;
    IS_WITH("bigint", "encoding.v=bits", "\"/wM=\"", "1023");
    IS_WITH("bigint", "encoding.v=bits", "\"gA==\"", "128");
    IS_WITH("numeric(20,0)", "encoding.v=bits", "\"AAAAAAAAAIA=\"", "9223372036854775808");
    BAD_WITH("bigint", "encoding.v=bits", "\"AAAAAAAAAIA=\"", "RANGE v:");
    BAD_WITH("bigint", "encoding.v=bits", "\"AAAAAAAAAAAA\"", "DECODE v:");
}

static void floats_are_rounded_once(void **state)
{
    (void)state;
    IS("double", "1.7976931348623157E308", "1.7976931348623157e+308");
    IS("double", "4.9E-324", "5e-324");
    IS("double", "-0.0", "-0");
    IS("double", "0.1", "0.1");
    IS("real", "3.4028235E38", "3.4028235e+38");
    IS("real", "1.0E10", "1e+10");
    IS("real", "16777217", "1.6777216e+07");
    BAD("real", "3.5e38", "RANGE v:");
    BAD("double", "1e400", "RANGE v:");
    BAD("double", "true", "DECODE v:");
}

static void booleans_are_words_or_numbers(void **state)
{
    (void)state;
    IS("boolean", "true", "true");
    IS("boolean", "false", "false");
    IS("boolean", "0", "false");
    IS("boolean", "1", "true");
    IS("boolean", "-5", "true");
    IS("boolean", "\"t\"", "true");
    BAD("boolean", "\"maybe\"", "DECODE v:");
    BAD("boolean", "truE", "DECODE v:");
    BAD("boolean", "1.5", "DECODE v:");
}

static void text_keeps_every_byte(void **state)
{
    (void)state;
    IS("text", "\"\"", "");
    IS("text", "\"\\uD83D\\uDE00 \\\"x\\\" \\\\\"", "\xf0\x9f\x98\x80 \"x\" \\");
    IS("text", "\"\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf\"",
       "\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf");
    IS("text", "12.50", "12.50");
    IS("text", "true", "true");
    IS("text", "{\"a\": [1]}", "{\"a\": [1]}");
    BAD("text", "\"\\uD83D\"", "DECODE v:");
    BAD("text", "\"\\q\"", "DECODE v:");
    decode_start(&bench, "json", "v:text", NULL);
    decode_text(&bench, "{\"v\":\"a\\u0000b\"}");
    CHECK_U64(weir_column_text(&bench.out.rows->column[0], 0).len, 3);
    decode_stop(&bench);
}

static void varchar_counts_characters(void **state)
{
    (void)state;
    IS("varchar(3)", "\"\xc3\xa4\xc3\xb6\xc3\xbc\"", "\xc3\xa4\xc3\xb6\xc3\xbc");
    IS("varchar(3)", "\"abc  \"", "abc");
    BAD("varchar(3)", "\"abcd\"", "RANGE v: value too long");
    BAD("varchar(2)", "\"\xc3\xa4\xc3\xb6\xc3\xbc\"", "RANGE v:");
}

static void a_text_over_the_limit_is_bad(void **state)
{
    (void)state;
    weir_buf buf = {0};
    decode_start(&bench, "json", "v:text", NULL);
    for (uint32_t len = WEIR_TEXT_BYTES_MAX; len <= WEIR_TEXT_BYTES_MAX + 1; len++) {
        weir_buf_clear(&buf);
        weir_buf_text(&buf, "{\"v\":\"");
        memset(weir_buf_more(&buf, len), 'x', len);
        buf.len += len;
        weir_buf_text(&buf, "\"}");
        weir_str view = weir_buf_view(&buf);
        decode_views(&bench, &view, 1);
        CHECK_INT(bench.out.event[0].kind,
                  len > WEIR_TEXT_BYTES_MAX ? WEIR_EVENT_BAD : WEIR_EVENT_ROW);
    }
    weir_buf_done(&buf);
    decode_stop(&bench);
}

static void bytes_are_base64_or_hex(void **state)
{
    (void)state;
    IS("bytea", "\"YQBiAAA=\"", "\\x6100620000");
    IS("bytea", "\"YQBiAAA\"", "\\x6100620000");
    IS("bytea", "\"\"", "\\x");
    IS("bytea", "\"8J-YgPCf_w==\"", "\\xf09f9880f09fff");
    IS("bytea", "\"\\/w==\"", "\\xff");
    IS_WITH("bytea", "binary_encoding=hex", "\"6100fF\"", "\\x6100ff");
    IS_WITH("bytea", "encoding.v=hex", "\"\"", "\\x");
    BAD("bytea", "\"YQBiAAA==\"", "DECODE v:");
    BAD("bytea", "\"YQ=i\"", "DECODE v:");
    BAD("bytea", "1", "DECODE v:");
    BAD_WITH("bytea", "binary_encoding=hex", "\"610\"", "DECODE v:");
    BAD_WITH("bytea", "binary_encoding=hex", "\"61zz\"", "DECODE v:");
}

static void jsonb_is_the_text_of_the_value(void **state)
{
    (void)state;
    IS("jsonb", "{ \"a\" : [1, 2.50] }", "{ \"a\" : [1, 2.50] }");
    IS("jsonb", "\"x\\\"y\"", "\"x\\\"y\"");
    IS("jsonb", "1e100", "1e100");
    BAD("jsonb", "{\"a\":tru}", "DECODE v: invalid input syntax for type json");
    BAD("jsonb", "{\"a\":\"\\q\"}", "DECODE v:");
    BAD("jsonb", "[1,]", "DECODE v:");
}

static void times_as_text_say_what_they_are(void **state)
{
    (void)state;
    IS("date", "\"2024-02-29\"", "2024-02-29");
    IS("date", "\"2024-02-29Z\"", "2024-02-29");
    IS("date", "\"0001-01-01\"", "0001-01-01");
    IS("time", "\"12:34:56.789012Z\"", "12:34:56.789012");
    IS("date", "\"9999-12-31\"", "9999-12-31");
    IS("time", "\"24:00:00\"", "24:00:00");
    IS("time", "\"12:34\"", "12:34:00");
    IS("timestamptz", "\"2024-02-29T12:34+02:00\"", "2024-02-29 10:34:00+00");
    IS("timestamptz", "\"2024-02-29T12:34:56.12345Z\"", "2024-02-29 12:34:56.12345+00");
    IS("timestamp", "\"2024-02-29T12:34:56.5Z\"", "2024-02-29 12:34:56.5");
    IS("timestamp", "\"2024-02-29 12:34:56\"", "2024-02-29 12:34:56");
    IS("timestamptz", "\"2024-02-29T12:34:56.100Z\"", "2024-02-29 12:34:56.1+00");
    IS("timestamptz", "\"2024-02-29T12:34:56+02:00\"", "2024-02-29 10:34:56+00");
    IS("timestamptz", "\"2024-02-29T12:34:56-0530\"", "2024-02-29 18:04:56+00");
    IS("timestamptz", "\"2024-02-29T12:34:56.1234567Z\"", "2024-02-29 12:34:56.123457+00");
    IS("timestamp", "\"1969-12-31T23:59:59.999999Z\"", "1969-12-31 23:59:59.999999");
    static const char *const bad[] = {"\"2024-02-30\"",
                                      "\"2023-02-29\"",
                                      "\"2024-13-01\"",
                                      "\"2024-2-1\"",
                                      "\"2024-02-29T25:00:00\"",
                                      "\"\"",
                                      "\"0000-00-00\"",
                                      "\"2024-02-29X\"",
                                      "\"2024-02-29T12:34:56.\"",
                                      "\"2024-02-29T12:34:5\"",
                                      "\"2024-02-29T12:34:5x.123456Z\"",
                                      "\"2024-02-29T12-34:56Z\"",
                                      "\"2024-02-29T12:34:56.12345x\"",
                                      "\"2024-02-29T12:34:60Z\"",
                                      "\"2024/02-29\"",
                                      "\"2024-02/29\"",
                                      "\"202:-02-29\"",
                                      "\"1900-02-29\"",
                                      "true",
                                      "\"2024-02-29T12:34:56+99:00\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        BAD("date", bad[i], "DECODE v:");
        BAD("timestamptz", bad[i], "DECODE v:");
    }
    BAD("time", "\"24:00:01\"", "DECODE v:");
    BAD("time", "\"-00:00:01\"", "DECODE v:");
}

static void times_as_numbers_need_a_unit(void **state)
{
    (void)state;
    BAD("timestamp", "1709210096000", "ENCODING v:");
    BAD("date", "19782", "ENCODING v:");
    BAD("time", "1", "ENCODING v:");
    CHECK_HOLDS(decoded("timestamp", NULL, "1"), "time_encoding or \"encoding.v\"");
    IS_WITH("timestamp", "time_encoding=millis", "1709210096789",
            "2024-02-29 12:34:56.789");
    IS_WITH("timestamp", "time_encoding=micros", "1709210096789012",
            "2024-02-29 12:34:56.789012");
    IS_WITH("timestamp", "time_encoding=nanos", "1709210096789012500",
            "2024-02-29 12:34:56.789013");
    IS_WITH("timestamptz", "time_encoding=seconds", "-1", "1969-12-31 23:59:59+00");
    IS_WITH("date", "encoding.v=days", "-1", "1969-12-31");
    IS_WITH("date", "encoding.v=millis", "-1", "1969-12-31");
    IS_WITH("time", "time_encoding=millis", "86400000", "24:00:00");
    BAD_WITH("time", "time_encoding=millis", "86400001", "RANGE v:");
    BAD_WITH("time", "time_encoding=micros", "-1", "RANGE v:");
    BAD_WITH("timestamp", "time_encoding=millis", "9223372036854775807", "RANGE v:");
    BAD_WITH("timestamp", "time_encoding=millis", "1.5", "DECODE v:");
    BAD_WITH("timestamp", "time_encoding=iso", "1", "DECODE v:");
    BAD_WITH("date", "encoding.v=days", "99999999999", "RANGE v:");
}

static void check_day_as_text(int year, unsigned month, unsigned day, int64_t expected)
{
    int64_t got;
    char    text[48];
    snprintf(text, sizeof text, "%04d-%02u-%02u", year, month, day);
    CHECK(value_iso_date((weir_str){text, 10}, &got));
    CHECK_INT(got, expected);
}

static void days_are_counted_as_the_calendar_does(void **state)
{
    (void)state;
    int64_t              day = -719528; /* 0000-01-01 */
    static const uint8_t length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int year = 0; year <= 2500; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (unsigned month = 1; month <= 12; month++) {
            unsigned days = month == 2 && leap ? 29 : length[month - 1];
            check_day_as_text(year, month, days, day + days - 1);
            for (unsigned d = 1; d <= days; d++)
                CHECK_INT(value_days(year, month, d), day++);
        }
    }
}

static void a_null_where_none_may_be_is_bad(void **state)
{
    (void)state;
    IS("bigint", "null", "NULL");
    BAD("bigint!", "null", "NOT_NULL v:");
    BAD("jsonb!", "null", "NOT_NULL v:");
    decode_start(&bench, "json", "id:bigint,v:text!-", NULL);
    decode_text(&bench, "{\"id\":1}");
    CHECK_HOLDS(decode_event(&bench, 0), "bad NOT_NULL v:");
    decode_stop(&bench);
}

static void wrong_encodings_are_found_when_opening(void **state)
{
    (void)state;
    CHECK_INT(decode_try(&bench, "json", "v:bigint", "encoding.x=bits"), WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "no such column");
    CHECK_INT(decode_try(&bench, "json", "v:bigint", "encoding.v=millis"), WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "a column of type bigint has no encoding 'millis'");
    CHECK_INT(decode_try(&bench, "json", "v:text", "encoding.v=hex"), WEIR_E_CONFIG);
    CHECK_INT(decode_try(&bench, "json", "v:date", "time_encoding=weeks"), WEIR_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integers_are_exact_to_the_last_bit),
        TEST(integers_of_each_length_are_read),
        TEST(numbers_that_are_no_json_are_refused),
        TEST(numerics_are_exact_and_round_half_away),
        TEST(precise_decimals_are_two_s_complement),
        TEST(unsigned_numbers_that_wrapped_are_unwrapped),
        TEST(bits_are_little_endian),
        TEST(floats_are_rounded_once),
        TEST(booleans_are_words_or_numbers),
        TEST(text_keeps_every_byte),
        TEST(varchar_counts_characters),
        TEST(a_text_over_the_limit_is_bad),
        TEST(bytes_are_base64_or_hex),
        TEST(jsonb_is_the_text_of_the_value),
        TEST(times_as_text_say_what_they_are),
        TEST(times_as_numbers_need_a_unit),
        TEST(days_are_counted_as_the_calendar_does),
        TEST(a_null_where_none_may_be_is_bad),
        TEST(wrong_encodings_are_found_when_opening),
    };
    return RUN_TESTS(tests);
}
