/* base/hash_crc32c: the plain form, so that a test can compare both.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_HASH_CRC32C_H
#define BASE_HASH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Without the inversions at both ends. */
uint32_t hash_crc32c_plain(uint32_t crc, const unsigned char *at, size_t len);

#endif
