/* s3/sign: AWS Signature Version 4 for one request.
 *
 * Gives      s3_sign, s3_encode, s3_stamp.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "s3.h"
#include "weir/hash.h"

void s3_encode(weir_buf *out, weir_str text, bool keep_slash)
{
    static const char digit[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.at[i];
        bool    plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                     c == '~' || (c == '/' && keep_slash);
        if (plain) {
            weir_buf_byte(out, c);
            continue;
        }
        weir_buf_byte(out, '%');
        weir_buf_byte(out, (uint8_t)digit[c >> 4]);
        weir_buf_byte(out, (uint8_t)digit[c & 15]);
    }
}

void s3_stamp(int64_t us, char out[17])
{
    weir_civil at = weir_civil_from_us(us);
    int        len = snprintf(out, 17, "%04d%02u%02uT%02u%02u%02uZ", (int)at.year, at.month,
                              at.day, at.hour, at.minute, at.second);
    weir_assert(len == 16); /* years 0 to 9999 */
}

static void sort_headers(s3_signing *signing)
{
    for (uint32_t i = 1; i < signing->headers; i++) {
        s3_header one = signing->header[i];
        uint32_t  at = i;
        for (; at > 0 && strcmp(signing->header[at - 1].name, one.name) > 0; at--)
            signing->header[at] = signing->header[at - 1];
        signing->header[at] = one;
    }
}

static void names_of(const s3_signing *signing, weir_buf *out)
{
    for (uint32_t i = 0; i < signing->headers; i++)
        weir_buf_format(out, "%s%s", i == 0 ? "" : ";", signing->header[i].name);
    weir_buf_byte(out, '\0');
}

static weir_sha256 hmac(const void *key, size_t len, weir_str text)
{
    weir_sha256 out;
    weir_hmac_sha256((weir_str){key, len}, text, &out);
    return out;
}

static weir_sha256 signing_key(const s3_signing *signing, const s3_keys *keys)
{
    char first[sizeof keys->secret + 8];
    int  len = snprintf(first, sizeof first, "AWS4%s", keys->secret);
    weir_assert(len > 4);
    weir_sha256 key = hmac(first, (size_t)len, (weir_str){signing->stamp, 8});
    key = hmac(key.at, sizeof key.at, weir_str_of(signing->region));
    key = hmac(key.at, sizeof key.at, weir_str_of(signing->service));
    key = hmac(key.at, sizeof key.at, WEIR_STR("aws4_request"));
    explicit_bzero(first, sizeof first);
    return key;
}

static weir_sha256 canonical_hash(const s3_signing *signing, const char *names)
{
    weir_buf text = {0};
    weir_buf_format(&text, "%s\n%s\n%s\n", signing->method, signing->path, signing->query);
    for (uint32_t i = 0; i < signing->headers; i++)
        weir_buf_format(&text, "%s:%s\n", signing->header[i].name,
                        signing->header[i].value);
    weir_buf_format(&text, "\n%s\n%s", names, signing->body_hash);
    weir_sha256 sha = weir_sha256_of(weir_buf_view(&text));
    weir_buf_done(&text);
    return sha;
}

void s3_sign(s3_signing *signing, const s3_keys *keys, weir_buf *out)
{
    weir_assert(signing->headers <= S3_HEADERS_MAX);
    weir_assert(strlen(signing->stamp) == 16);
    char     hex[65];
    weir_buf names = {0};
    weir_buf scope = {0};
    weir_buf text = {0};
    sort_headers(signing);
    names_of(signing, &names);
    weir_buf_format(&scope, "%.8s/%s/%s/aws4_request", signing->stamp, signing->region,
                    signing->service);
    weir_sha256 sha = canonical_hash(signing, names.at);
    weir_buf_format(&text, "AWS4-HMAC-SHA256\n%s\n%.*s\n%s", signing->stamp,
                    WEIR_STR_FMT(weir_buf_view(&scope)), weir_sha256_hex(&sha, hex));
    weir_sha256 key = signing_key(signing, keys);
    weir_sha256 signature = hmac(key.at, sizeof key.at, weir_buf_view(&text));
    explicit_bzero(&key, sizeof key);
    weir_buf_format(
        out, "AWS4-HMAC-SHA256 Credential=%s/%.*s,SignedHeaders=%s,Signature=%s", keys->id,
        WEIR_STR_FMT(weir_buf_view(&scope)), names.at, weir_sha256_hex(&signature, hex));
    weir_buf_done(&names);
    weir_buf_done(&scope);
    weir_buf_done(&text);
}
