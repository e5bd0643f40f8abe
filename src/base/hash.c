/* base/hash: xxHash and OpenSSL behind weir's own names.
 *
 * Relies on  a libcrypto whose default provider works: when SHA-256 fails there, weir stops.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <xxhash.h>

#include "weir/error.h"

uint64_t weir_hash64(weir_str bytes)
{
    return XXH3_64bits(bytes.at != NULL ? bytes.at : "", bytes.len);
}

weir_sha256 weir_sha256_of(weir_str bytes)
{
    weir_sha256  sha;
    unsigned int len = sizeof sha.at;
    int          done = EVP_Digest(bytes.at, bytes.len, sha.at, &len, EVP_sha256(), NULL);
    weir_assert(done == 1);
    weir_assert(len == sizeof sha.at);
    return sha;
}

bool weir_sha256_eq(const weir_sha256 *a, const weir_sha256 *b)
{
    return CRYPTO_memcmp(a->at, b->at, sizeof a->at) == 0;
}

char *weir_sha256_hex(const weir_sha256 *sha, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof sha->at; i++) {
        out[2 * i] = digits[sha->at[i] >> 4];
        out[2 * i + 1] = digits[sha->at[i] & 15];
    }
    out[64] = '\0';
    return out;
}

void weir_hmac_sha256(weir_str key, weir_str bytes, weir_sha256 *out)
{
    weir_assert(key.len <= INT32_MAX);
    unsigned int         len = sizeof out->at;
    const unsigned char *data = (const unsigned char *)(bytes.at != NULL ? bytes.at : "");
    const unsigned char *done = HMAC(EVP_sha256(), key.at != NULL ? key.at : "",
                                     (int)key.len, data, bytes.len, out->at, &len);
    weir_assert(done != NULL);
    weir_assert(len == sizeof out->at);
}

void weir_random_nonce(uint8_t out[16])
{
    size_t have = 0;
    while (have < 16) {
        ssize_t got = getrandom(out + have, 16 - have, 0);
        weir_assert(got > 0 || errno == EINTR);
        if (got > 0)
            have += (size_t)got;
    }
}
