/* tests of base/buf_text
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/buf.h"

static weir_buf buf;

static void json(weir_str text, const char *want)
{
    weir_buf_clear(&buf);
    weir_buf_json_text(&buf, text);
    CHECK_STR(weir_buf_view(&buf), want);
}

static void json_text_is_escaped(void **state)
{
    (void)state;
    json(WEIR_STR(""), "\"\"");
    json(WEIR_STR("plain"), "\"plain\"");
    json(WEIR_STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    json(WEIR_STR("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
    json(WEIR_STR("\0\1\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\"");
    json(WEIR_STR("\xE2\x82\xAC\xF0\x9F\x8C\x8A"), "\"\xE2\x82\xAC\xF0\x9F\x8C\x8A\"");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    (void)state;
    json(WEIR_STR("a\xFF"
                  "b"),
         "\"a\xEF\xBF\xBD"
         "b\"");
    json(WEIR_STR("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    json(WEIR_STR("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

static void hex_is_lower_case(void **state)
{
    (void)state;
    weir_buf_clear(&buf);
    weir_buf_hex(&buf, "\x00\x9F\xFF", 3);
    CHECK_STR(weir_buf_view(&buf), "009fff");
}

static void base64_is_that_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        weir_buf_clear(&buf);
        weir_buf_base64(&buf, vectors[i][0], strlen(vectors[i][0]));
        CHECK_STR(weir_buf_view(&buf), vectors[i][1]);
        weir_buf_clear(&buf);
        CHECK(weir_buf_unbase64(&buf, weir_str_of(vectors[i][1])));
        CHECK_STR(weir_buf_view(&buf), vectors[i][0]);
    }
}

static void both_alphabets_are_read_with_and_without_padding(void **state)
{
    (void)state;
    static const char *const same[] = {"+/+/+g==", "-_-_-g", "-_-_-g==", "+/+/+g"};
    for (size_t i = 0; i < 4; i++) {
        weir_buf_clear(&buf);
        CHECK(weir_buf_unbase64(&buf, weir_str_of(same[i])));
        CHECK_STR(weir_buf_view(&buf), "\xFB\xFF\xBF\xFA");
    }
}

static void what_is_not_base64_is_refused_and_adds_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",    "Zg=",   "Zg===",    "=",    "====",    "Z g=",    "Zh==",
        "Zm9=", "Zm9v=", "Zm9v====", "+_==", "\xFFg==", "Zg==Zg=="};
    weir_buf_clear(&buf);
    weir_buf_text(&buf, "x");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (weir_buf_unbase64(&buf, weir_str_of(bad[i])))
            CHECK_TEXT(bad[i], "refused");
    }
    CHECK_STR(weir_buf_view(&buf), "x");
}

static int free_all(void **state)
{
    (void)state;
    weir_buf_done(&buf);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_text_is_escaped),
        TEST(bytes_that_are_not_utf8_become_replacement_characters),
        TEST(hex_is_lower_case),
        TEST(base64_is_that_of_rfc_4648),
        TEST(both_alphabets_are_read_with_and_without_padding),
        TEST(what_is_not_base64_is_refused_and_adds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, free_all);
}
