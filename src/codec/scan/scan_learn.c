/* codec/scan: learning the shape of a record that simdjson has read.
 *
 * Gives      scan_shape_learn.
 * Always     1. within one object no two names of a learned shape are equal.
 *            2. a needle starts at the bracket or comma before its name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan/scan_shape_of.h"

#include "weir/arena.h"
#include "weir/limits.h"

#include <string.h>

typedef struct position { /* what is known of one position of the index */
    weir_str name;        /* colons: the name before it */
    uint32_t len;         /* colons: of the needle; 0: a bracket */
    uint32_t opened;      /* colons: the position its object opened at */
    uint32_t node;        /* colons: of the tree, or SCAN_NONE: nobody wants it */
    uint32_t closed;      /* opening brackets: the closing one */
} position;

typedef struct level { /* an open object or array */
    bool     object;
    uint32_t node;
    uint32_t opened;
} level;

typedef struct learner {
    const scan_tree  *tree;
    weir_str          text;
    const scan_index *index;
    scan_shape       *shape;
    position         *position;
    uint32_t          depth;
    level             level[WEIR_JSON_DEPTH_MAX];
} learner;

static const char *at_of(const learner *l, uint32_t i)
{
    return l->text.at + l->index->at[i];
}

static void set_needle(learner *l, uint32_t i, uint32_t len)
{
    scan_needle *needle = &l->shape->needle[i];
    const char  *end = at_of(l, i) + 1;
    if (len > SCAN_NEEDLE) {
        scan_long_name *name = &l->shape->name[l->shape->names++];
        *name = (scan_long_name){.token = i, .len = len};
        name->text = weir_heap_new(len, 1);
        memcpy(name->text, end - len, len);
        len = SCAN_NEEDLE;
    }
    memcpy(needle->bytes + SCAN_NEEDLE - len, end - len, len);
}

static const char *skip_space_back(const char *at, const char *floor)
{
    while (at > floor && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at--;
    return at;
}

/* The name before colon `i`, and the length of its needle (2). */
static bool read_name(const learner *l, uint32_t i, position *out)
{
    const char *floor = at_of(l, i - 1);
    const char *end = at_of(l, i);
    const char *close = skip_space_back(end - 1, floor);
    if (close <= floor || *close != '"')
        return false;
    const char *open = close - 1;
    while (open > floor && *open != '"')
        open--;
    if (open <= floor || memchr(open, '\\', (size_t)(close - open)))
        return false;
    const char *before = skip_space_back(open - 1, floor);
    if (*before != (before == floor ? '{' : ','))
        return false;
    out->name = (weir_str){open + 1, (size_t)(close - open - 1)};
    out->len = (uint32_t)(end - before) + 1;
    return true;
}

static bool is_new_name(const learner *l, uint32_t i, uint32_t opened)
{
    weir_str name = l->position[i].name;
    for (uint32_t k = opened + 1; k < i; k++) {
        const position *other = &l->position[k];
        if (other->len && other->opened == opened && weir_str_eq(other->name, name))
            return false;
    }
    return true;
}

static bool learn_colon(learner *l, uint32_t i)
{
    if (l->depth == 0 || !l->level[l->depth - 1].object)
        return false;
    const level *in = &l->level[l->depth - 1];
    position    *here = &l->position[i];
    if (!read_name(l, i, here) || !is_new_name(l, i, in->opened)) /* 1 */
        return false;
    here->opened = in->opened;
    here->node =
        in->node == SCAN_NONE ? SCAN_NONE : scan_tree_find(l->tree, in->node, here->name);
    set_needle(l, i, here->len);
    return true;
}

static bool learn_open(learner *l, uint32_t i, bool object)
{
    if (l->depth == WEIR_JSON_DEPTH_MAX || (i == 0) != (l->depth == 0))
        return false;
    bool behind_colon = i > 0 && l->position[i - 1].len > 0;
    if (i == 0 ? !object : l->level[l->depth - 1].object && !behind_colon)
        return false;
    if (behind_colon &&
        skip_space_back(at_of(l, i) - 1, at_of(l, i - 1)) != at_of(l, i - 1))
        return false;
    uint32_t node = SCAN_NONE;
    if (i == 0)
        node = 0;
    else if (behind_colon && object)
        node = l->position[i - 1].node;
    l->level[l->depth++] = (level){object, node, i};
    set_needle(l, i, 1);
    return true;
}

static bool learn_close(learner *l, uint32_t i, bool object)
{
    if (l->depth == 0 || l->level[l->depth - 1].object != object)
        return false;
    l->position[l->level[--l->depth].opened].closed = i;
    set_needle(l, i, 1);
    return l->depth > 0 || i + 1 == l->index->count;
}

static void add_place(learner *l, uint32_t i)
{
    uint32_t slot = l->tree->node[l->position[i].node].slot;
    if (slot == SCAN_NONE)
        return;
    scan_place place = {.slot = slot, .token = i, .end = i + 1};
    char       next = *at_of(l, i + 1);
    if (next == ':') {
        place.back = (int32_t)l->position[i + 1].len - 1;
    } else if (next == '{' || next == '[') {
        place.end = l->position[i + 1].closed;
        place.back = -1;
    }
    l->shape->place[l->shape->places++] = place;
}

static bool learn_all(learner *l)
{
    for (uint32_t i = 0; i < l->index->count; i++) {
        char c = *at_of(l, i);
        bool object = c == '{' || c == '}';
        bool good;
        if (c == ':')
            good = learn_colon(l, i);
        else if (c == '{' || c == '[')
            good = learn_open(l, i, object);
        else
            good = learn_close(l, i, object);
        if (!good)
            return false;
    }
    if (l->depth > 0 || l->index->count == 0)
        return false;
    for (uint32_t i = 0; i < l->index->count; i++) {
        if (l->position[i].len && l->position[i].node != SCAN_NONE)
            add_place(l, i);
    }
    return true;
}

scan_shape *scan_shape_learn(const scan_tree *tree, weir_str text, const scan_index *index)
{
    uint32_t count = index->count;
    if (!index->whole || index->control || count == 0)
        return NULL;
    scan_shape *shape = weir_heap_new(1, sizeof *shape);
    shape->tokens = count;
    shape->needle = weir_heap_new(count, sizeof *shape->needle);
    shape->place = weir_heap_new(count, sizeof *shape->place);
    shape->name = weir_heap_new(count, sizeof *shape->name);
    shape->differs = scan_differs_best();
    learner l = {.tree = tree, .text = text, .index = index, .shape = shape};
    l.position = weir_heap_new(count, sizeof *l.position);
    bool good = learn_all(&l);
    weir_heap_free(l.position);
    if (good)
        return shape;
    scan_shape_free(shape);
    return NULL;
}
