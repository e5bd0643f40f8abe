/* weir/str: a view of bytes that somebody else owns, and small questions about it.
 *
 * A view is not terminated and may hold NUL bytes. Nothing here allocates but
 * weir_str_copy, which takes an arena.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_STR_H
#define WEIR_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_arena;

typedef struct weir_str {
    const char *at; /* NULL only when there is no value at all (SQL NULL, missing) */
    size_t      len;
} weir_str;

#define WEIR_STR(literal) ((weir_str){(literal), sizeof(literal) - 1})
#define WEIR_STR_FMT(s) (int)(s).len, (s).at /* for "%.*s" */

weir_str weir_str_of(const char *text); /* NULL gives {NULL, 0} */
bool     weir_str_eq(weir_str a, weir_str b);
bool     weir_str_is(weir_str a, const char *text);
int      weir_str_cmp(weir_str a, weir_str b); /* by unsigned bytes, shorter first */
bool     weir_str_starts(weir_str a, const char *prefix);
weir_str weir_str_trim_space(weir_str a);
/* Without ASCII white space at both ends. */
static inline weir_str weir_str_trim(weir_str a)
{
    bool none = a.len > 0 && (uint8_t)a.at[0] > ' ' && (uint8_t)a.at[a.len - 1] > ' ';
    return none ? a : weir_str_trim_space(a);
}

/* Copies into the arena and adds a NUL behind, so .at is a C string too. */
weir_str weir_str_copy(struct weir_arena *arena, weir_str a);

/* Whole-text conversions; false when the text is not entirely that number or overflows. */
bool weir_str_to_i64(weir_str a, int64_t *out);
bool weir_str_to_u64(weir_str a, uint64_t *out);
bool weir_str_to_double(weir_str a, double *out); /* C locale, correctly rounded */

/* True when the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong). */
bool weir_str_utf8(weir_str a);

/* Of `count` names the one nearest to `name` (edit distance at most 2, or a third of the
   length), or NULL: for "did you mean". */
const char *weir_str_nearest(weir_str name, const char *const *names, size_t count);

#endif
