/* s3/sign: AWS Signature Version 4 for one request.
 *
 * Gives      s3_sign, s3_encode.
 * Always     1. the body's SHA-256 is signed: a body damaged on its way is refused.
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
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                     c == '~' || (c == '/' && keep_slash);
        if (plain) {
            weir_buf_byte(out, c);
        } else {
            weir_buf_byte(out, '%');
            weir_buf_byte(out, (uint8_t)digit[c >> 4]);
            weir_buf_byte(out, (uint8_t)digit[c & 15]);
        }
    }
}

static void add_header(s3_signed *out, const char *name, const char *value)
{
    weir_assert(out->count < S3_SIGNED_HEADERS);
    (void)snprintf(out->text[out->count++], sizeof out->text[0], "%s: %s", name, value);
}

static weir_sha256 hmac(const void *key, size_t len, const char *text)
{
    weir_sha256 out;
    weir_hmac_sha256((weir_str){key, len}, weir_str_of(text), &out);
    return out;
}

/* Headers that are signed, in order of their names: host, x-amz-content-sha256,
   x-amz-date, the extra ones, x-amz-security-token. */
static void canonical_headers(const s3_signing *signing, const s3_keys *keys,
                              weir_buf *lines, weir_buf *names)
{
    weir_buf_text(names, "host;x-amz-content-sha256;x-amz-date");
    bool token = keys->token[0] != 0;
    for (uint32_t i = 0; i < signing->extras; i++) {
        const char *name = signing->extra[i][0];
        if (token && strcmp(name, "x-amz-security-token") > 0) {
            weir_buf_format(lines, "x-amz-security-token:%s\n", keys->token);
            weir_buf_text(names, ";x-amz-security-token");
            token = false;
        }
        weir_buf_format(lines, "%s:%s\n", name, signing->extra[i][1]);
        weir_buf_format(names, ";%s", name);
    }
    if (token) {
        weir_buf_format(lines, "x-amz-security-token:%s\n", keys->token);
        weir_buf_text(names, ";x-amz-security-token");
    }
    weir_buf_byte(names, 0);
}

static void signature_of(const s3_signing *signing, const s3_keys *keys, const char *stamp,
                         const weir_buf *request, char out[65], char scope[128])
{
    char hash[65];
    weir_sha256 sha = weir_sha256_of(weir_buf_view(request));
    (void)snprintf(scope, 128, "%.8s/%s/%s/aws4_request", stamp, signing->region,
                   signing->service);
    weir_buf text = {0};
    weir_buf_format(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope,
                    weir_sha256_hex(&sha, hash));
    weir_buf_byte(&text, 0);
    char first[300], date[9];
    int len = snprintf(first, sizeof first, "AWS4%s", keys->secret);
    (void)snprintf(date, sizeof date, "%.8s", stamp);
    weir_sha256 key = hmac(first, (size_t)len, date);
    key = hmac(key.at, sizeof key.at, signing->region);
    key = hmac(key.at, sizeof key.at, signing->service);
    key = hmac(key.at, sizeof key.at, "aws4_request");
    key = hmac(key.at, sizeof key.at, text.at);
    weir_sha256_hex(&key, out);
    explicit_bzero(first, sizeof first);
    weir_buf_done(&text);
}

void s3_sign(const s3_signing *signing, const s3_keys *keys, s3_signed *out)
{
    weir_civil at = weir_civil_from_us(signing->now_us);
    char stamp[32], body_hash[65], signature[65], scope[128];
    (void)snprintf(stamp, sizeof stamp, "%04d%02u%02uT%02u%02u%02uZ", at.year, at.month,
                   at.day, at.hour, at.minute, at.second);
    weir_sha256 sha = weir_sha256_of(signing->body);
    weir_sha256_hex(&sha, body_hash);
    weir_buf lines = {0}, names = {0}, request = {0};
    weir_buf_format(&lines, "host:%s\nx-amz-content-sha256:%s\nx-amz-date:%s\n",
                    signing->host, body_hash, stamp);
    canonical_headers(signing, keys, &lines, &names);
    weir_buf_format(&request, "%s\n%s\n%s\n", signing->method, signing->path, signing->query);
    weir_buf_str(&request, weir_buf_view(&lines));
    weir_buf_format(&request, "\n%s\n%s", names.at, body_hash);
    signature_of(signing, keys, stamp, &request, signature, scope);

    out->count = 0;
    add_header(out, "x-amz-content-sha256", body_hash);
    add_header(out, "x-amz-date", stamp);
    for (uint32_t i = 0; i < signing->extras; i++)
        add_header(out, signing->extra[i][0], signing->extra[i][1]);
    if (keys->token[0])
        add_header(out, "x-amz-security-token", keys->token);
    weir_assert(out->count < S3_SIGNED_HEADERS);
    (void)snprintf(out->text[out->count++], sizeof out->text[0],
                   "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, "
                   "Signature=%s",
                   keys->id, scope, names.at, signature);
    weir_buf_done(&lines);
    weir_buf_done(&names);
    weir_buf_done(&request);
}
