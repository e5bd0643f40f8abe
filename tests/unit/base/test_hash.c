/* tests of base/hash, base/hash_crc32c and base/hash_zstd: fixed vectors
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/buf.h"
#include "weir/hash.h"

#include "hash_crc32c.h"

static void xxh3_is_stable(void **state)
{
    (void)state;
    CHECK_U64(weir_hash64((weir_str){0}), UINT64_C(0x2d06800538d394c2));
    CHECK_U64(weir_hash64(WEIR_STR("abc")), UINT64_C(0x78af5f94892f3950));
}

static void crc32c_has_the_vectors_of_rfc_3720(void **state)
{
    (void)state;
    char zero[32] = {0};
    char ones[32];
    char up[32];
    memset(ones, 0xFF, sizeof ones);
    for (int i = 0; i < 32; i++)
        up[i] = (char)i;
    CHECK_U64(weir_crc32c(0, (weir_str){zero, 32}), 0x8A9136AAu);
    CHECK_U64(weir_crc32c(0, (weir_str){ones, 32}), 0x62A8AB43u);
    CHECK_U64(weir_crc32c(0, (weir_str){up, 32}), 0x46DD794Eu);
    CHECK_U64(weir_crc32c(0, WEIR_STR("123456789")), 0xE3069283u);
    CHECK_U64(weir_crc32c(0, (weir_str){0}), 0);
}

static void crc32c_goes_on_and_both_forms_agree(void **state)
{
    (void)state;
    char     bytes[300];
    uint32_t whole;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        whole = weir_crc32c(0, (weir_str){bytes, len});
        CHECK_U64(whole,
                  (uint32_t)~hash_crc32c_plain(~0u, (const unsigned char *)bytes, len));
        uint32_t first = weir_crc32c(0, (weir_str){bytes, len / 3});
        CHECK_U64(weir_crc32c(first, (weir_str){bytes + len / 3, len - len / 3}), whole);
    }
}

static void sha256_and_hmac_have_their_vectors(void **state)
{
    (void)state;
    char        hex[65];
    weir_sha256 sha = weir_sha256_of(WEIR_STR("abc"));
    weir_sha256 other;
    CHECK_TEXT(weir_sha256_hex(&sha, hex),
               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha = weir_sha256_of((weir_str){0});
    CHECK_TEXT(weir_sha256_hex(&sha, hex),
               "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    other = sha;
    CHECK(weir_sha256_eq(&sha, &other));
    other.at[31] ^= 1;
    CHECK(!weir_sha256_eq(&sha, &other));
    weir_hmac_sha256(WEIR_STR("Jefe"), WEIR_STR("what do ya want for nothing?"), &sha);
    CHECK_TEXT(weir_sha256_hex(&sha, hex),
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    weir_hmac_sha256((weir_str){0}, (weir_str){0}, &sha);
    CHECK_TEXT(weir_sha256_hex(&sha, hex),
               "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void nonces_differ(void **state)
{
    (void)state;
    uint8_t a[16] = {0};
    uint8_t b[16] = {0};
    weir_random_nonce(a);
    weir_random_nonce(b);
    CHECK(memcmp(a, b, sizeof a) != 0);
}

static void zstd_frames_expand_to_what_they_were(void **state)
{
    (void)state;
    char     bytes[5000];
    weir_buf frame = {0};
    weir_buf again = {0};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 50);
    weir_zstd_compress(&frame, (weir_str){bytes, sizeof bytes}, 1);
    CHECK(frame.len < 1000);
    weir_buf_text(&again, "x");
    CHECK(weir_zstd_expand(&again, weir_buf_view(&frame), sizeof bytes));
    CHECK_U64(again.len, sizeof bytes + 1);
    CHECK(memcmp(again.at + 1, bytes, sizeof bytes) == 0);
    weir_buf_clear(&frame);
    weir_buf_clear(&again);
    weir_zstd_compress(&frame, (weir_str){0}, 1);
    CHECK(weir_zstd_expand(&again, weir_buf_view(&frame), 0));
    CHECK_U64(again.len, 0);
    weir_buf_done(&frame);
    weir_buf_done(&again);
}

static void frames_are_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    size_t   len = 3u << 20; /* more than a window of zstd */
    weir_buf bytes = {0}, frame = {0}, got = {0};
    uint32_t random = 1;
    for (size_t i = 0; i < len; i++) {
        random = random * 1664525u + 1013904223u;
        weir_buf_byte(&bytes, random >> 28 > 9 ? (uint8_t)(random >> 16) : (uint8_t)(i / 99));
    }
    weir_zstd_compress(&frame, weir_buf_view(&bytes), 1);
    CHECK(frame.len < len);
    static const size_t piece[] = {1, 999, 65536, 1u << 20, 3u << 20};
    for (size_t p = 0; p < sizeof piece / sizeof *piece; p++) {
        weir_unzstd *unzstd = weir_unzstd_new(weir_buf_view(&frame), len);
        weir_buf_clear(&got);
        for (size_t at = 0; at < len;) {
            size_t next = len - at < piece[p] ? len - at : piece[p];
            CHECK(!weir_unzstd_at_end(unzstd));
            CHECK(weir_unzstd_read(unzstd, &got, next));
            at += next;
            CHECK_U64(got.len, at);
        }
        CHECK(memcmp(got.at, bytes.at, len) == 0);
        CHECK(weir_unzstd_at_end(unzstd));
        CHECK(!weir_unzstd_read(unzstd, &got, 1)); /* it has no more */
        weir_unzstd_free(unzstd);
    }
    weir_unzstd_free(NULL);
    weir_buf_done(&bytes);
    weir_buf_done(&frame);
    weir_buf_done(&got);
}

/* All of a frame that is to have so many bytes, in pieces. */
static bool reads_whole(weir_str frame, size_t expanded)
{
    weir_buf     out = {0};
    weir_unzstd *unzstd = weir_unzstd_new(frame, expanded);
    bool         good = true;
    for (size_t at = 0; good && at < expanded; at++)
        good = weir_unzstd_read(unzstd, &out, 1);
    good = good && weir_unzstd_at_end(unzstd);
    weir_unzstd_free(unzstd);
    weir_buf_done(&out);
    return good;
}

static void damaged_frames_are_refused_in_pieces_too(void **state)
{
    (void)state;
    weir_buf frame = {0};
    weir_zstd_compress(&frame, WEIR_STR("some bytes, some bytes, some bytes"), 1);
    CHECK(reads_whole(weir_buf_view(&frame), 34));
    CHECK(!reads_whole(weir_buf_view(&frame), 33));
    CHECK(!reads_whole(weir_buf_view(&frame), 35));
    CHECK(!reads_whole((weir_str){0}, 0));
    CHECK(!reads_whole(WEIR_STR("not a frame"), 11));
    for (size_t cut = 0; cut < frame.len; cut++)
        CHECK(!reads_whole((weir_str){frame.at, cut}, 34));
    weir_buf_byte(&frame, 0);
    CHECK(!reads_whole(weir_buf_view(&frame), 34));
    weir_buf_done(&frame);
}

static void damaged_frames_are_refused(void **state)
{
    (void)state;
    weir_buf frame = {0};
    weir_buf out = {0};
    weir_zstd_compress(&frame, WEIR_STR("some bytes, some bytes, some bytes"), 1);
    CHECK(!weir_zstd_expand(&out, weir_buf_view(&frame), 33));
    CHECK(!weir_zstd_expand(&out, weir_buf_view(&frame), 35));
    CHECK(!weir_zstd_expand(&out, (weir_str){0}, 0));
    CHECK(!weir_zstd_expand(&out, WEIR_STR("not a frame"), 11));
    for (size_t cut = 0; cut < frame.len; cut++)
        CHECK(!weir_zstd_expand(&out, (weir_str){frame.at, cut}, 34));
    weir_buf_byte(&frame, 0);
    CHECK(!weir_zstd_expand(&out, weir_buf_view(&frame), 34));
    CHECK_U64(out.len, 0);
    weir_buf_done(&frame);
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(xxh3_is_stable),
        TEST(crc32c_has_the_vectors_of_rfc_3720),
        TEST(crc32c_goes_on_and_both_forms_agree),
        TEST(sha256_and_hmac_have_their_vectors),
        TEST(nonces_differ),
        TEST(zstd_frames_expand_to_what_they_were),
        TEST(damaged_frames_are_refused),
        TEST(frames_are_read_in_pieces_of_any_size),
        TEST(damaged_frames_are_refused_in_pieces_too),
    };
    return RUN_TESTS(tests);
}
