/* tests of base/str
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/arena.h"

static void views_compare_by_bytes(void **state)
{
    (void)state;
    CHECK(weir_str_eq(WEIR_STR("a\0b"), WEIR_STR("a\0b")));
    CHECK(!weir_str_eq(WEIR_STR("a\0b"), WEIR_STR("a\0c")));
    CHECK(weir_str_eq(weir_str_of(NULL), weir_str_of("")));
    CHECK(weir_str_is(WEIR_STR("abc"), "abc"));
    CHECK(!weir_str_is(WEIR_STR("abc"), "abcd"));
    CHECK(weir_str_cmp(WEIR_STR("a"), WEIR_STR("b")) < 0);
    CHECK(weir_str_cmp(WEIR_STR("a"), WEIR_STR("\xFF")) < 0);
    CHECK(weir_str_cmp(WEIR_STR("ab"), WEIR_STR("a")) > 0);
    CHECK(weir_str_cmp(WEIR_STR(""), WEIR_STR("a")) < 0);
    CHECK_INT(weir_str_cmp(WEIR_STR("ab"), WEIR_STR("ab")), 0);
}

static void a_prefix_is_found_only_when_it_is_whole(void **state)
{
    (void)state;
    CHECK(weir_str_starts(WEIR_STR("file:/x"), "file:"));
    CHECK(!weir_str_starts(WEIR_STR("fil"), "file:"));
    CHECK(weir_str_starts(WEIR_STR(""), ""));
}

static void trim_takes_white_space_from_both_ends(void **state)
{
    (void)state;
    CHECK_STR(weir_str_trim(WEIR_STR(" \t\r\n a b \v\f")), "a b");
    CHECK_STR(weir_str_trim(WEIR_STR("   ")), "");
    CHECK_STR(weir_str_trim(WEIR_STR("\xC2\xA0")), "\xC2\xA0");
}

static void a_copy_is_a_c_string(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 256);
    weir_str    copy = weir_str_copy(arena, (weir_str){"abcdef", 3});
    CHECK_STR(copy, "abc");
    CHECK_INT(copy.at[3], 0);
    CHECK(weir_str_copy(arena, (weir_str){0}).at == NULL);
    CHECK_INT(weir_str_copy(arena, WEIR_STR("")).at[0], 0);
    weir_arena_free(arena);
}

static void utf8_is_checked_as_rfc_3629_says(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "plain ascii, longer than eight",
        "\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x8C\x8A",
        "\xED\x9F\xBF",
        "\xEE\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "12345678\xC2\x80",
        "\xE0\xA0\x80",
    };
    static const char *const bad[] = {
        "\x80",
        "\xC3",
        "\xC0\xAF",
        "\xC1\xBF",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
        "\xFF",
        "\xE2\x82",
        "12345678\xE2\x82",
        "\xE2\x28\xA1",
        "\xF0\x9F\x8C",
        "\xC3\x28",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        CHECK(weir_str_utf8(weir_str_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(!weir_str_utf8(weir_str_of(bad[i])));
    CHECK(weir_str_utf8(WEIR_STR("a\0b")));
    CHECK(weir_str_utf8((weir_str){0}));
}

/* Every code point, encoded plainly, is good but for the surrogates. */
static void every_code_point_is_judged_rightly(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x110000; c++) {
        char   text[4];
        size_t len = 0;
        if (c < 0x80) {
            text[len++] = (char)c;
        } else if (c < 0x800) {
            text[len++] = (char)(0xC0 | c >> 6);
        } else if (c < 0x10000) {
            text[len++] = (char)(0xE0 | c >> 12);
            text[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        } else {
            text[len++] = (char)(0xF0 | c >> 18);
            text[len++] = (char)(0x80 | (c >> 12 & 0x3F));
            text[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        }
        if (c >= 0x80)
            text[len++] = (char)(0x80 | (c & 0x3F));
        bool want = c < 0x110000 && !(c >= 0xD800 && c <= 0xDFFF);
        if (weir_str_utf8((weir_str){text, len}) != want)
            CHECK_U64(c, 0);
    }
}

static void the_nearest_name_is_suggested(void **state)
{
    (void)state;
    static const char *const names[] = {"topic", "servers", "format", "watermark", "id"};
    CHECK_TEXT(weir_str_nearest(WEIR_STR("topc"), names, 5), "topic");
    CHECK_TEXT(weir_str_nearest(WEIR_STR("TOPIC"), names, 5), "topic");
    CHECK_TEXT(weir_str_nearest(WEIR_STR("water_mrk"), names, 5), "watermark");
    CHECK(weir_str_nearest(WEIR_STR("zebra"), names, 5) == NULL);
    CHECK(weir_str_nearest(WEIR_STR("x"), names, 5) == NULL);
    CHECK(weir_str_nearest(WEIR_STR(""), names, 5) == NULL);
    CHECK_TEXT(weir_str_nearest(WEIR_STR("ix"), names, 5), "id");
    char many[200];
    memset(many, 'x', sizeof many);
    CHECK(weir_str_nearest((weir_str){many, sizeof many}, names, 5) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(views_compare_by_bytes),
        TEST(a_prefix_is_found_only_when_it_is_whole),
        TEST(trim_takes_white_space_from_both_ends),
        TEST(a_copy_is_a_c_string),
        TEST(utf8_is_checked_as_rfc_3629_says),
        TEST(every_code_point_is_judged_rightly),
        TEST(the_nearest_name_is_suggested),
    };
    return RUN_TESTS(tests);
}
