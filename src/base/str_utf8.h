/* base/str_utf8: one character of UTF-8, for those who check and those who mend.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_STR_UTF8_H
#define BASE_STR_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed character that `left` bytes at `at` begin with; 0 when they
   begin with none (RFC 3629: no surrogates, no overlong forms, none above U+10FFFF). */
size_t str_utf8_len(const char *at, size_t left);

#endif
