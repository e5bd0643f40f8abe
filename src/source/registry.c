/* source/registry: the kinds of this build, and instances of them.
 *
 * Gives      weir_source_kinds, weir_source_find, weir_source_new, weir_source_free.
 * Always     1. the kind of a freed instance is poisoned before its memory goes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/source.h"

#include "weir/arena.h"

#define KIND(name) extern const weir_source_kind weir_source_##name;
#include "weir_source_kinds.def"
#undef KIND

static const weir_source_kind *const kinds[] = {
#define KIND(name) &weir_source_##name,
#include "weir_source_kinds.def"
#undef KIND
    NULL,
};

static const weir_source_kind freed = {.name = "a source that was freed"};

const weir_source_kind *const *weir_source_kinds(void)
{
    return kinds;
}

const weir_source_kind *weir_source_find(weir_str name)
{
    for (size_t i = 0; kinds[i]; i++)
        if (weir_str_is(name, kinds[i]->name))
            return kinds[i];
    return NULL;
}

static void check_kind(const weir_source_kind *kind)
{
    weir_assert(kind != NULL);
    weir_assert(kind->size >= sizeof(weir_source));
    weir_assert(kind->open != NULL);
    weir_assert(kind->discover != NULL);
    weir_assert(kind->seek != NULL);
    weir_assert(kind->poll != NULL);
    weir_assert(kind->pause != NULL);
    weir_assert(kind->ack != NULL);
    weir_assert(kind->close != NULL);
}

weir_code weir_source_new(const weir_source_kind *kind, const weir_source_setup *setup,
                          weir_source **out, weir_err *err)
{
    check_kind(kind);
    weir_assert(setup->opts != NULL);
    weir_assert(setup->clock != NULL);
    weir_source *source = weir_heap_new(1, kind->size);
    source->kind = kind;
    if (kind->open(source, setup, err) != WEIR_OK) {
        weir_source_free(source);
        return weir_err_note(err, "opening source '%.*s'", WEIR_STR_FMT(setup->table));
    }
    *out = source;
    return WEIR_OK;
}

void weir_source_free(weir_source *source)
{
    if (!source)
        return;
    weir_assert(source->kind != &freed); /* registry 1 */
    source->kind->close(source);
    source->kind = &freed;
    weir_heap_free(source);
}
