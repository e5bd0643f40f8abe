/* tests of base/buf and base/buf_read: what is written is read back, and nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/buf.h"

static void an_empty_buffer_is_zeroes(void **state)
{
    (void)state;
    weir_buf buf = {0};
    CHECK_U64(weir_buf_view(&buf).len, 0);
    CHECK(weir_buf_view(&buf).at != NULL);
    CHECK(weir_buf_more(&buf, 0) != NULL);
    weir_buf_add(&buf, NULL, 0);
    weir_buf_done(&buf);
    weir_buf_done(&buf);
    weir_buf_done(NULL);
    CHECK(buf.at == NULL);
}

static void text_is_appended_and_formatted(void **state)
{
    (void)state;
    weir_buf buf = {0};
    char     many[500];
    memset(many, 'y', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    weir_buf_text(&buf, "a");
    weir_buf_str(&buf, WEIR_STR("b\0c"));
    weir_buf_format(&buf, "%d", -5);
    CHECK_SAME(weir_buf_view(&buf), WEIR_STR("ab\0c-5"));
    weir_buf_clear(&buf);
    weir_buf_format(&buf, "%s", many);
    weir_buf_format(&buf, "%s", "");
    CHECK_U64(buf.len, sizeof many - 1);
    CHECK_STR(weir_buf_view(&buf), many);
    weir_buf_done(&buf);
}

static void reserved_room_is_not_moved(void **state)
{
    (void)state;
    weir_buf buf = {0};
    weir_buf_reserve(&buf, 1000);
    const char *at = buf.at;
    for (int i = 0; i < 1000; i++)
        weir_buf_byte(&buf, (uint8_t)i);
    CHECK(buf.at == at);
    weir_buf_reserve(&buf, 10);
    CHECK(buf.at == at);
    weir_buf_done(&buf);
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    weir_buf buf = {0};
    weir_buf_u16(&buf, 0x0102);
    weir_buf_u32(&buf, 0x01020304);
    weir_buf_u64(&buf, UINT64_C(0x0102030405060708));
    CHECK_SAME(weir_buf_view(&buf), WEIR_STR("\2\1\4\3\2\1\10\7\6\5\4\3\2\1"));
    weir_buf_done(&buf);
}

static void all_kinds_are_read_back(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0,          1,         127,        128,       300,
                                       UINT32_MAX, INT64_MAX, UINT64_MAX, 1ull << 63};
    weir_buf              buf = {0};
    for (size_t i = 0; i < 9; i++) {
        weir_buf_byte(&buf, (uint8_t)numbers[i]);
        weir_buf_u16(&buf, (uint16_t)numbers[i]);
        weir_buf_u32(&buf, (uint32_t)numbers[i]);
        weir_buf_u64(&buf, numbers[i]);
        weir_buf_varint(&buf, numbers[i]);
        weir_buf_zigzag(&buf, (int64_t)numbers[i]);
        weir_buf_blob(&buf, WEIR_STR("blob"));
    }
    weir_reader reader = weir_reader_of(weir_buf_view(&buf));
    for (size_t i = 0; i < 9; i++) {
        CHECK_U64(weir_read_byte(&reader), (uint8_t)numbers[i]);
        CHECK_U64(weir_read_u16(&reader), (uint16_t)numbers[i]);
        CHECK_U64(weir_read_u32(&reader), (uint32_t)numbers[i]);
        CHECK_U64(weir_read_u64(&reader), numbers[i]);
        CHECK_U64(weir_read_varint(&reader), numbers[i]);
        CHECK_INT(weir_read_zigzag(&reader), (int64_t)numbers[i]);
        CHECK_STR(weir_read_blob(&reader), "blob");
    }
    CHECK(!reader.bad);
    CHECK_U64(weir_reader_left(&reader), 0);
    weir_buf_done(&buf);
}

static void zigzag_is_that_of_avro(void **state)
{
    (void)state;
    weir_buf buf = {0};
    weir_buf_zigzag(&buf, 0);
    weir_buf_zigzag(&buf, -1);
    weir_buf_zigzag(&buf, 1);
    weir_buf_zigzag(&buf, -64);
    weir_buf_zigzag(&buf, 64);
    CHECK_SAME(weir_buf_view(&buf), WEIR_STR("\0\1\2\x7F\x80\1"));
    weir_buf_clear(&buf);
    weir_buf_zigzag(&buf, INT64_MIN);
    weir_reader reader = weir_reader_of(weir_buf_view(&buf));
    CHECK_INT(weir_read_zigzag(&reader), INT64_MIN);
    weir_buf_done(&buf);
}

static void reading_past_the_end_is_bad_from_then_on(void **state)
{
    (void)state;
    weir_reader reader = weir_reader_of(WEIR_STR("abc"));
    CHECK_U64(weir_read_u32(&reader), 0);
    CHECK(reader.bad);
    CHECK_U64(weir_reader_left(&reader), 0);
    CHECK_U64(weir_read_byte(&reader), 0);
    CHECK_U64(weir_read_bytes(&reader, 1).len, 0);
    CHECK_U64(weir_read_u16(&reader), 0);
    CHECK_U64(weir_read_u32(&reader), 0);
    CHECK_U64(weir_read_u64(&reader), 0);
    CHECK_U64(weir_read_varint(&reader), 0);
    CHECK_INT(weir_read_zigzag(&reader), 0);
    CHECK_U64(weir_read_blob(&reader).len, 0);
    reader = weir_reader_of(WEIR_STR("\x7f"));
    CHECK_U64(weir_read_varint(&reader), 127);
    CHECK(!reader.bad);
    CHECK_U64(weir_read_varint(&reader), 0);
    CHECK(reader.bad);
    reader = weir_reader_of((weir_str){0});
    CHECK_U64(weir_read_byte(&reader), 0);
    CHECK(reader.bad);
}

static void a_varint_of_more_than_64_bits_is_bad(void **state)
{
    (void)state;
    weir_reader reader =
        weir_reader_of(WEIR_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"));
    CHECK_U64(weir_read_varint(&reader), UINT64_MAX);
    CHECK(!reader.bad);
    reader = weir_reader_of(WEIR_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"));
    CHECK_U64(weir_read_varint(&reader), 0);
    CHECK(reader.bad);
    reader = weir_reader_of(WEIR_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
    (void)weir_read_varint(&reader);
    CHECK(reader.bad);
    reader = weir_reader_of(WEIR_STR("\x80\x80"));
    CHECK_U64(weir_read_varint(&reader), 0);
    CHECK(reader.bad);
}

static void a_blob_longer_than_its_bytes_is_bad(void **state)
{
    (void)state;
    weir_reader reader = weir_reader_of(WEIR_STR("\x05xyz"));
    CHECK_U64(weir_read_blob(&reader).len, 0);
    CHECK(reader.bad);
    reader = weir_reader_of(WEIR_STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01xyz"));
    CHECK_U64(weir_read_blob(&reader).len, 0);
    CHECK(reader.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_empty_buffer_is_zeroes),
        TEST(text_is_appended_and_formatted),
        TEST(reserved_room_is_not_moved),
        TEST(numbers_are_little_endian),
        TEST(all_kinds_are_read_back),
        TEST(zigzag_is_that_of_avro),
        TEST(reading_past_the_end_is_bad_from_then_on),
        TEST(a_varint_of_more_than_64_bits_is_bad),
        TEST(a_blob_longer_than_its_bytes_is_bad),
    };
    return RUN_TESTS(tests);
}
