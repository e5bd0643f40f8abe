/* tests/store_key: segments out of any text, and keys that every store keeps apart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "store_object.h"
#include "weir/limits.h"

static void segments_are_encoded(void **state)
{
    (void)state;
    const char *const pairs[][2] = {{"abc_XYZ.09=-", "abc_XYZ.09=-"},
                                    {"a/b", "a%2Fb"},
                                    {"a b", "a%20b"},
                                    {"%41", "%2541"},
                                    {"\xc3\xa4", "%C3%A4"},
                                    {".", "%2E"},
                                    {"..", "%2E%2E"},
                                    {"...", "..."},
                                    {".weir-tmp", "%2Eweir-tmp"},
                                    {"\n", "%0A"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        weir_buf out = {0};
        weir_buf_text(&out, "before/");
        CHECK(weir_key_segment(&out, weir_str_of(pairs[i][0])));
        char want[64];
        (void)snprintf(want, sizeof want, "before/%s", pairs[i][1]);
        CHECK_STR(weir_buf_view(&out), want);
        CHECK(store_key_fault(weir_buf_view(&out)) == NULL);
        weir_buf_done(&out);
    }
}

static void segments_that_get_too_long_are_refused(void **state)
{
    (void)state;
    char text[WEIR_KEY_SEGMENT_MAX + 2];
    for (int i = 0; i < 2; i++) {
        weir_buf out = {0};
        weir_buf_text(&out, "before/");
        memset(text, i == 0 ? 'a' : '/', sizeof text);
        size_t fits = i == 0 ? WEIR_KEY_SEGMENT_MAX : WEIR_KEY_SEGMENT_MAX / 3;
        CHECK(!weir_key_segment(&out, (weir_str){text, fits + 1}));
        CHECK_STR(weir_buf_view(&out), "before/"); /* as it was */
        CHECK(weir_key_segment(&out, (weir_str){text, fits}));
        weir_buf_done(&out);
    }
    weir_buf out = {0};
    CHECK(!weir_key_segment(&out, WEIR_STR("")));
    weir_buf_done(&out);
}

static void every_byte_has_a_segment_of_its_own(void **state)
{
    (void)state;
    weir_buf seen[256] = {{0}};
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        CHECK(weir_key_segment(&seen[c], (weir_str){&byte, 1}));
        for (int other = 0; other < c; other++)
            CHECK(!weir_str_eq(weir_buf_view(&seen[c]), weir_buf_view(&seen[other])));
    }
    for (int c = 0; c < 256; c++)
        weir_buf_done(&seen[c]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(segments_are_encoded),
        TEST(segments_that_get_too_long_are_refused),
        TEST(every_byte_has_a_segment_of_its_own),
    };
    return RUN_TESTS(tests);
}
