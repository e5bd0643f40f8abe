/* codec/scan: reading a record by the shape of an earlier one.
 *
 * At each position of the index (a colon or a bracket outside of strings) the shape knows
 * the bytes that end there: `,"name":` for a colon, the bracket itself else. When the
 * number of positions and all these bytes agree, both texts have the same names in the
 * same places, and the value behind a colon ends where the next known bytes begin.
 *
 * Why that is right on valid JSON: the last byte of a needle is a colon outside of strings,
 * so the quote before it closes a string; the name holds no quote and no backslash, so the
 * quote in front of it opens that string; and what precedes it is a comma or a bracket. The
 * needle is therefore one whole name. What is not looked at (the text of values that nobody
 * wants) is not validated.
 *
 * Gives      scan_shape_free, scan_shape_read.
 * Always     1. a value's end is never before its start: needles do not overlap.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan_shape_of.h"

#include "weir/arena.h"

#include <string.h>

typedef uint8_t  vector __attribute__((vector_size(SCAN_NEEDLE), aligned(1), may_alias));
typedef uint64_t words __attribute__((vector_size(SCAN_NEEDLE)));

void scan_shape_free(scan_shape *shape)
{
    if (!shape)
        return;
    weir_heap_free(shape->needle);
    weir_heap_free(shape->place);
    for (uint32_t i = 0; i < shape->names; i++)
        weir_heap_free(shape->name[i].text);
    weir_heap_free(shape->name);
    weir_heap_free(shape);
}

/* The bytes before the first positions lie before the text: they come from a copy. */
static inline __attribute__((always_inline)) uint64_t differs(const scan_shape *shape,
                                                              weir_str          text,
                                                              const scan_index *index)
{
    _Alignas(32) char head[2 * SCAN_NEEDLE] = {0};
    vector            sum = {0};
    uint32_t          i = 0;
    memcpy(head + SCAN_NEEDLE, text.at, SCAN_NEEDLE); /* the text is padded */
    for (; i < shape->tokens && index->at[i] < SCAN_NEEDLE; i++) {
        vector needle = *(const vector *)shape->needle[i].bytes;
        vector found = *(const vector *)(head + index->at[i] + 1);
        sum |= (found ^ needle) & (vector)(needle != 0);
    }
    for (; i < shape->tokens; i++) {
        vector needle = *(const vector *)shape->needle[i].bytes;
        vector found = *(const vector *)(text.at + index->at[i] + 1 - SCAN_NEEDLE);
        sum |= (found ^ needle) & (vector)(needle != 0);
    }
    words all = (words)sum;
    return all[0] | all[1] | all[2] | all[3];
}

static uint64_t differs_portable(const scan_shape *shape, weir_str text,
                                 const scan_index *index)
{
    return differs(shape, text, index);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t differs_avx2(const scan_shape *shape,
                                                             weir_str          text,
                                                             const scan_index *index)
{
    return differs(shape, text, index);
}
#else
#define differs_avx2 differs_portable
#endif

scan_differs_fn *scan_differs_best(void)
{
    return scan_index_best() == scan_index_portable ? differs_portable : differs_avx2;
}

/* Names longer than a needle. */
static bool long_names_agree(const scan_shape *shape, weir_str text,
                             const scan_index *index)
{
    for (uint32_t i = 0; i < shape->names; i++) {
        const scan_long_name *name = &shape->name[i];
        uint32_t              end = index->at[name->token] + 1;
        if (end < name->len ||
            memcmp(text.at + end - name->len, name->text, name->len) != 0)
            return false;
    }
    return true;
}

/* scan_token_of, for what most values are. */
static inline scan_token token_of(const char *at, const char *end, bool escapes)
{
    char last = end[-1];
    if (*at == '"' && last == '"' && end - at > 1)
        return (scan_token){at + 1, (uint32_t)(end - at) - 2, SCAN_STRING, escapes};
    if (*at == '{' && last == '}')
        return (scan_token){at, (uint32_t)(end - at), SCAN_OBJECT, escapes};
    if (*at >= '0' && *at <= '9' && last >= '0' && last <= '9')
        return (scan_token){at, (uint32_t)(end - at), SCAN_NUMBER, false};
    return scan_token_of(at, end, escapes);
}

bool scan_shape_read(const scan_shape *shape, weir_str text, const scan_index *index,
                     scan_token *slot)
{
    if (shape->tokens != index->count || index->at[0] != 0 ||
        index->at[index->count - 1] + 1 != text.len)
        return false;
    if (shape->differs(shape, text, index) != 0)
        return false;
    if (shape->names && !long_names_agree(shape, text, index))
        return false;
    for (uint32_t i = 0; i < shape->places; i++) {
        const scan_place *place = &shape->place[i];
        uint32_t          begin = index->at[place->token] + 1;
        uint32_t          end = index->at[place->end] - (uint32_t)place->back;
        if (end < begin || end > text.len) /* 1: not on valid JSON */
            return false;
        slot[place->slot] = token_of(text.at + begin, text.at + end, index->escapes);
    }
    return true;
}
