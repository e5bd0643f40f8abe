/* codec/scan: reading records one after another, by known shapes first.
 *
 * Gives      scan_reader_new, scan_reader_free, scan_reader_plain, scan_reader_use,
 *            scan_reader_validate, scan_read, scan_reader_counts.
 * Always     1. a shape never changes what a valid record gives, only how fast.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan_shape.h"
#include "scan/scan_simdjson.h"

#include "weir/arena.h"
#include "weir/error.h"
#include "weir/limits.h"

#include <string.h>

#define SHAPES_MAX 8u
/* Records without a known shape in a row that are all learned; then each 64th is. */
#define LEARN_EAGERLY 16u
#define LEARN_LATER 64u

struct scan_reader {
    const scan_tree *tree;
    scan_simdjson   *simdjson;
    scan_index_fn   *build;
    bool             plain, validate;
    uint32_t         shapes;
    uint32_t         missed;            /* records in a row that no shape fitted */
    scan_shape      *shape[SHAPES_MAX]; /* the last used one first */
    scan_counts      counts;
    scan_index       index;
};

scan_reader *scan_reader_new(const scan_tree *tree)
{
    weir_assert(tree != NULL);
    scan_reader *reader = weir_heap_new(1, sizeof *reader);
    reader->tree = tree;
    reader->simdjson = scan_simdjson_new();
    reader->build = scan_index_best();
    return reader;
}

void scan_reader_free(scan_reader *reader)
{
    if (!reader)
        return;
    for (uint32_t i = 0; i < reader->shapes; i++)
        scan_shape_free(reader->shape[i]);
    scan_simdjson_free(reader->simdjson);
    weir_heap_free(reader);
}

void scan_reader_plain(scan_reader *reader)
{
    reader->plain = true;
}

void scan_reader_use(scan_reader *reader, scan_index_fn *build)
{
    reader->build = build;
}

void scan_reader_validate(scan_reader *reader)
{
    reader->validate = true;
}

scan_counts scan_reader_counts(const scan_reader *reader)
{
    return reader->counts;
}

/* Moves shape `i` to the front. */
static void use_shape(scan_reader *reader, uint32_t i)
{
    scan_shape *used = reader->shape[i];
    memmove(reader->shape + 1, reader->shape, i * sizeof *reader->shape);
    reader->shape[0] = used;
}

static bool read_by_shape(scan_reader *reader, weir_str text, scan_token *slot)
{
    for (uint32_t i = 0; i < reader->shapes; i++) {
        if (!scan_shape_read(reader->shape[i], text, &reader->index, slot))
            continue;
        if (i > 0)
            use_shape(reader, i);
        return true;
    }
    return false;
}

static void learn(scan_reader *reader, weir_str text)
{
    if (reader->missed++ >= LEARN_EAGERLY && reader->missed % LEARN_LATER != 0)
        return;
    scan_shape *shape = scan_shape_learn(reader->tree, text, &reader->index);
    if (!shape)
        return;
    if (reader->shapes == SHAPES_MAX)
        scan_shape_free(reader->shape[--reader->shapes]);
    reader->shape[reader->shapes++] = shape;
    use_shape(reader, reader->shapes - 1);
    reader->counts.learned++;
}

static const char *parse(scan_reader *reader, weir_str text, scan_token *slot)
{
    const scan_index *index = &reader->index;
    if (!index->whole) {
        const char *wrong = scan_check(text, WEIR_JSON_DEPTH_MAX);
        if (wrong)
            return wrong;
    } else if (!scan_index_shallow(index, text.at, WEIR_JSON_DEPTH_MAX)) {
        return "nested too deeply";
    }
    reader->counts.parsed++;
    const char *wrong = scan_simdjson_pick(reader->simdjson, text, reader->tree, 0, slot);
    if (!wrong && !reader->plain)
        learn(reader, text);
    return wrong;
}

const char *scan_read(scan_reader *reader, weir_str text, scan_token *slot)
{
    text = weir_str_trim(text);
    if (text.len == 0)
        return "empty";
    if (text.len > WEIR_RECORD_BYTES_MAX)
        return "longer than a record may be";
    if (reader->validate) {
        const char *wrong = scan_check(text, WEIR_JSON_DEPTH_MAX);
        if (wrong)
            return wrong;
    }
    scan_index *index = &reader->index;
    memset(slot, 0, reader->tree->slots * sizeof *slot);
    reader->build(index, text);
    if (!reader->plain && index->whole && !index->control &&
        (index->ascii || scan_simdjson_utf8(text)) && read_by_shape(reader, text, slot)) {
        reader->counts.shaped++;
        reader->missed = 0;
        return NULL;
    }
    memset(slot, 0, reader->tree->slots * sizeof *slot);
    return parse(reader, text, slot);
}
