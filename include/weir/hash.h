/* weir/hash: checksums and digests, over the libraries that are best at them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_HASH_H
#define WEIR_HASH_H

#include "weir/str.h"

#define WEIR_SHA256_BYTES 32

typedef struct weir_sha256 {
    uint8_t at[WEIR_SHA256_BYTES];
} weir_sha256;

uint64_t    weir_hash64(weir_str bytes);                 /* XXH3-64, seed 0; stable */
uint32_t    weir_crc32c(uint32_t crc, weir_str bytes);   /* Castagnoli; start with 0 */
weir_sha256 weir_sha256_of(weir_str bytes);
bool        weir_sha256_eq(const weir_sha256 *a, const weir_sha256 *b);
/* Lower-case hex into out[65], NUL-terminated; returns out. */
char *weir_sha256_hex(const weir_sha256 *sha, char out[65]);
void  weir_hmac_sha256(weir_str key, weir_str bytes, weir_sha256 *out);
/* 128 random bits from getrandom, never repeated after fork. */
void weir_random_nonce(uint8_t out[16]);

/* zstd frames. Compress appends; level 1 by default. Expand appends exactly
   `expanded_bytes` or gives false (damaged, or another length). */
struct weir_buf;
void weir_zstd_compress(struct weir_buf *out, weir_str bytes, int level);
bool weir_zstd_expand(struct weir_buf *out, weir_str frame, size_t expanded_bytes);

/* A zstd frame piece by piece: some hundred KiB are held, whatever it expands to. The frame
   stays the caller's, and stays as it is. */
typedef struct weir_unzstd weir_unzstd;
weir_unzstd *weir_unzstd_new(weir_str frame, size_t expanded_bytes);
void         weir_unzstd_free(weir_unzstd *unzstd); /* accepts NULL */
/* Appends the next `bytes` bytes, exactly. False: it is damaged, or has not so many. */
bool weir_unzstd_read(weir_unzstd *unzstd, struct weir_buf *out, size_t bytes);
/* All `expanded_bytes` were read, and the frame ends there. */
bool weir_unzstd_at_end(weir_unzstd *unzstd);

#endif
