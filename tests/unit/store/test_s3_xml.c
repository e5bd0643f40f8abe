/* tests/s3_xml: lists and errors of servers, and documents made to hurt.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "s3/s3.h"

typedef struct seen {
    weir_buf text;
    int      items;
    int      refuse_at;
} seen;

static bool each(void *self, const s3_item *item)
{
    seen *s = self;
    weir_buf_format(&s->text, "%.*s %" PRIu64 " %" PRId64 ";", WEIR_STR_FMT(item->key),
                    item->size, item->modified_us);
    return ++s->items != s->refuse_at;
}

static bool read_list(const char *xml, s3_page *page, seen *s)
{
    memset(s, 0, sizeof *s);
    *page = (s3_page){.each = each, .self = s};
    return s3_list_read(weir_str_of(xml), page);
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

static void list_is_read(void **state)
{
    (void)state;
    seen    s;
    s3_page page;
    CHECK(read_list(HEAD "<ListBucketResult" NS "><Name>b</Name><Prefix>a</Prefix>"
                         "<KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>"
                         "<Contents><Key>a/1 &amp; &lt;2&gt;</Key><LastModified>"
                         "2013-05-24T00:00:00.000Z</LastModified><ETag>&quot;x&quot;</ETag>"
                         "<Size>12</Size><Owner><ID>i</ID></Owner></Contents>"
                         "<Contents><Key>a/\xc3\xa4</Key><Size>0</Size></Contents>"
                         "</ListBucketResult>",
                    &page, &s));
    CHECK(page.truncated);
    CHECK_STR(weir_buf_view(&s.text), "a/1 & <2> 12 1369353600000000;a/\xc3\xa4 0 0;");
    weir_buf_done(&s.text);
    CHECK(read_list("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>",
                    &page, &s));
    CHECK(!page.truncated);
    CHECK_INT(s.items, 0);
}

static void encoded_keys_are_decoded_wherever_that_is_said(void **state)
{
    (void)state;
    seen    s;
    s3_page page;
    CHECK(read_list("<ListBucketResult><Contents><Key>a%2Fb+c%2B%01%zz</Key></Contents>"
                    "</ListBucketResult>",
                    &page, &s));
    CHECK_STR(weir_buf_view(&s.text), "a%2Fb+c%2B%01%zz 0 0;");
    weir_buf_done(&s.text);
    CHECK(read_list("<ListBucketResult><Contents><Key>a%2Fb+c%2b%</Key></Contents>"
                    "<EncodingType>url</EncodingType></ListBucketResult>",
                    &page, &s));
    CHECK_STR(weir_buf_view(&s.text), "a/b c+% 0 0;");
    weir_buf_done(&s.text);
    CHECK(!read_list("<ListBucketResult><EncodingType>url</EncodingType><Contents>"
                     "<Key>a%zz</Key></Contents></ListBucketResult>",
                     &page, &s));
    CHECK(!read_list("<ListBucketResult><EncodingType>url</EncodingType><Contents>"
                     "<Key>a%1x</Key></Contents></ListBucketResult>",
                     &page, &s));
    CHECK_INT(s.items, 0);
}

/* Beside each range of digits. */
static void only_hexadecimal_digits_are_decoded(void **state)
{
    (void)state;
    const char *bad[] = {"%/0", "%:0", "%@0", "%G0", "%`0", "%g0", "%0/", "%0:", "%0g"};
    char        xml[200];
    seen        s;
    s3_page     page;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(xml, sizeof xml,
                       "<ListBucketResult><EncodingType>url</EncodingType><Contents>"
                       "<Key>%s</Key></Contents></ListBucketResult>",
                       bad[i]);
        CHECK(!read_list(xml, &page, &s));
    }
    CHECK(read_list("<ListBucketResult><EncodingType>url</EncodingType><Contents>"
                    "<Key>%4a%5F%61%39%30</Key></Contents></ListBucketResult>",
                    &page, &s));
    CHECK_STR(weir_buf_view(&s.text), "J_a90 0 0;");
    weir_buf_done(&s.text);
}

/* A time that is none leaves the object without one: it is of no use for anything exact. */
static void times_that_are_none_are_left_out(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t     us;
    } times[] = {
        {"yesterday", 0},
        {"2013-05-24", 0},
        {"2013-02-30T00:00:00Z", 0},
        {"2013-05-24T-1:00:00Z", 0},
        {"2013-05-24T24:00:00Z", 0},
        {"2013-05-24T00:-1:00Z", 0},
        {"2013-05-24T00:60:00Z", 0},
        {"2013-05-24T00:00:-1Z", 0},
        {"2013-05-24T00:00:61Z", 0},
        {"2013-05-24T23:59:60Z", 1369440000000000},
        {"2013-05-24T00:00:00Z", 1369353600000000},
    };
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char    xml[200], want[64];
        seen    s;
        s3_page page;
        (void)snprintf(xml, sizeof xml,
                       "<ListBucketResult><Contents><Key>k</Key><LastModified>%s"
                       "</LastModified></Contents></ListBucketResult>",
                       times[i].text);
        CHECK(read_list(xml, &page, &s));
        (void)snprintf(want, sizeof want, "k 0 %" PRId64 ";", times[i].us);
        CHECK_STR(weir_buf_view(&s.text), want);
        weir_buf_done(&s.text);
    }
}

static void documents_that_are_too_long_are_not_read(void **state)
{
    (void)state;
    s3_error error;
    CHECK(!s3_error_read((weir_str){"<", (size_t)INT32_MAX + 1}, &error));
}

static void damaged_list_hands_out_nothing(void **state)
{
    (void)state;
    const char *bad[] = {
        "",
        "x",
        "<ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResul>",
        "<Error><Contents><Key>a</Key></Contents></Error>",
        "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key><Size>x</Size></Contents></"
        "ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult><x/>",
        "<ListBucketResult><Contents><Key>\xff\xfe</Key></Contents></ListBucketResult>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        seen    s;
        s3_page page;
        CHECK(!read_list(bad[i], &page, &s));
        CHECK_INT(s.items, 0);
    }
}

static void reader_may_refuse_an_item(void **state)
{
    (void)state;
    seen    s = {.refuse_at = 1};
    s3_page page = {.each = each, .self = &s};
    CHECK(!s3_list_read(
        WEIR_STR("<ListBucketResult><Contents><Key>a</Key></Contents><Contents>"
                 "<Key>b</Key></Contents></ListBucketResult>"),
        &page));
    CHECK_INT(s.items, 1);
    weir_buf_done(&s.text);
}

static void entities_and_document_types_are_refused(void **state)
{
    (void)state;
    const char *bad[] = {
        HEAD "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><Error><Code>&a;</Code></Error>",
        HEAD "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><Error><Code>A</Code></Error>",
        ("<!DOCTYPE x [<!ENTITY a SYSTEM "
         "\"file:///etc/passwd\">]><Error><Code>&a;</Code></Error>"),
        "<Error><Code>&undefined;</Code></Error>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        s3_error error;
        CHECK(!s3_error_read(weir_str_of(bad[i]), &error));
        CHECK_TEXT(error.code, "");
    }
}

static void depth_and_text_are_bounded(void **state)
{
    (void)state;
    weir_buf xml = {0};
    s3_error error;
    for (int depth = 15; depth <= 17; depth++) {
        weir_buf_clear(&xml);
        weir_buf_text(&xml, "<Error>");
        for (int i = 1; i < depth; i++)
            weir_buf_text(&xml, "<a>");
        for (int i = 1; i < depth; i++)
            weir_buf_text(&xml, "</a>");
        weir_buf_text(&xml, "<Code>C</Code></Error>");
        CHECK_INT(s3_error_read(weir_buf_view(&xml), &error), depth <= 16);
    }
    for (size_t len = 4090; len <= 4100; len++) {
        weir_buf_clear(&xml);
        weir_buf_text(&xml, "<Error><Code>C</Code><Message>");
        for (size_t i = 0; i < len; i++)
            weir_buf_byte(&xml, 'm');
        weir_buf_text(&xml, "</Message></Error>");
        CHECK_INT(s3_error_read(weir_buf_view(&xml), &error), len < 4096);
    }
    weir_buf_done(&xml);
}

static void error_is_read(void **state)
{
    (void)state;
    s3_error error;
    CHECK(s3_error_read(WEIR_STR(HEAD
                                 "<Error><Code>SlowDown</Code><Message>Please reduce"
                                 "</Message><Resource>/b</Resource><Detail><Code>no</Code>"
                                 "</Detail></Error>"),
                        &error));
    CHECK_TEXT(error.code, "SlowDown");
    CHECK_TEXT(error.message, "Please reduce");
    CHECK(s3_error_read(WEIR_STR("<s:Error xmlns:s=\"u\"><s:Code>A</s:Code></s:Error>"),
                        &error));
    CHECK_TEXT(error.code, "A");
    CHECK(!s3_error_read(WEIR_STR("<html><Code>A</Code></html>"), &error));
    CHECK_TEXT(error.code, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list_is_read),
        TEST(encoded_keys_are_decoded_wherever_that_is_said),
        TEST(only_hexadecimal_digits_are_decoded),
        TEST(times_that_are_none_are_left_out),
        TEST(documents_that_are_too_long_are_not_read),
        TEST(damaged_list_hands_out_nothing),
        TEST(reader_may_refuse_an_item),
        TEST(entities_and_document_types_are_refused),
        TEST(depth_and_text_are_bounded),
        TEST(error_is_read),
    };
    return RUN_TESTS(tests);
}
