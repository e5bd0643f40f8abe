/* tests/s3_sign: signatures that AWS published ("Signature Calculations for the Authorization
 * Header", examples of Amazon S3).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "s3/s3.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const s3_keys keys = {.id = "AKIAIOSFODNN7EXAMPLE",
                             .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

static s3_signing example(const char *method, const char *path, const char *query)
{
    return (s3_signing){.method = method,
                        .path = path,
                        .query = query,
                        .region = "us-east-1",
                        .service = "s3",
                        .body_hash = EMPTY,
                        .stamp = "20130524T000000Z",
                        .header = {{"x-amz-date", "20130524T000000Z"},
                                   {"x-amz-content-sha256", EMPTY},
                                   {"host", "examplebucket.s3.amazonaws.com"}},
                        .headers = 3};
}

static void expect(s3_signing signing, const char *names, const char *signature)
{
    weir_buf got = {0};
    char     want[600];
    s3_sign(&signing, &keys, &got);
    (void)snprintf(want, sizeof want,
                   "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                   "aws4_request,SignedHeaders=%s,Signature=%s",
                   names, signature);
    CHECK_STR(weir_buf_view(&got), want);
    weir_buf_done(&got);
}

static void get_of_a_range_is_signed_as_published(void **state)
{
    (void)state;
    s3_signing signing = example("GET", "/test.txt", "");
    signing.header[signing.headers++] = (s3_header){"range", "bytes=0-9"};
    expect(signing, "host;range;x-amz-content-sha256;x-amz-date",
           "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void put_is_signed_as_published(void **state)
{
    (void)state;
    s3_signing signing = example("PUT", "/test%24file.text", "");
    signing.body_hash = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    signing.header[1].value = signing.body_hash;
    signing.header[signing.headers++] =
        (s3_header){"date", "Fri, 24 May 2013 00:00:00 GMT"};
    signing.header[signing.headers++] =
        (s3_header){"x-amz-storage-class", "REDUCED_REDUNDANCY"};
    expect(signing, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
           "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void query_without_value_is_signed_as_published(void **state)
{
    (void)state;
    expect(example("GET", "/", "lifecycle="), "host;x-amz-content-sha256;x-amz-date",
           "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void list_is_signed_as_published(void **state)
{
    (void)state;
    expect(example("GET", "/", "max-keys=2&prefix=J"),
           "host;x-amz-content-sha256;x-amz-date",
           "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void keys_are_encoded_as_s3_wants_them(void **state)
{
    (void)state;
    weir_buf out = {0};
    s3_encode(&out, WEIR_STR("a/b c+d%e~_-.=\xc3\xa4\n?"), true);
    CHECK_STR(weir_buf_view(&out), "a/b%20c%2Bd%25e~_-.%3D%C3%A4%0A%3F");
    weir_buf_clear(&out);
    s3_encode(&out, WEIR_STR("a/b"), false);
    CHECK_STR(weir_buf_view(&out), "a%2Fb");
    weir_buf_done(&out);
}

static void stamp_is_of_the_second(void **state)
{
    (void)state;
    char stamp[17];
    s3_stamp(1369353600000000 + 999999, stamp);
    CHECK_TEXT(stamp, "20130524T000000Z");
    s3_stamp(0, stamp);
    CHECK_TEXT(stamp, "19700101T000000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_of_a_range_is_signed_as_published),      TEST(put_is_signed_as_published),
        TEST(query_without_value_is_signed_as_published), TEST(list_is_signed_as_published),
        TEST(keys_are_encoded_as_s3_wants_them),          TEST(stamp_is_of_the_second),
    };
    return RUN_TESTS(tests);
}
