/* sink/registry: the kinds of sinks that were built, and how an instance is made.
 *
 * Gives      weir_sink_kinds, weir_sink_find, weir_sink_formats, weir_sink_new,
 *            weir_sink_free, weir_refuse.
 * Always     1. every kind has all seven functions.
 *            2. a freed sink has no kind, so that a later use stops at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/sink.h"

#include <string.h>

#define KIND(name) extern const weir_sink_kind weir_sink_##name;
#include "weir_sink_kinds.def"
#undef KIND

static const weir_sink_kind *const kinds[] = {
#define KIND(name) &weir_sink_##name,
#include "weir_sink_kinds.def"
#undef KIND
    NULL,
};

static const weir_option no_options[] = {{0}};

static const weir_sink_format formats[] = {
    {"avro", "Avro object container files", no_options},
    {"json", "one JSON object per line", no_options},
    {"csv", "comma-separated values with a header line (RFC 4180)", no_options},
    {NULL, NULL, NULL},
};

const weir_sink_kind *const *weir_sink_kinds(void)
{
    return kinds;
}

const weir_sink_kind *weir_sink_find(weir_str name)
{
    for (size_t i = 0; kinds[i] != NULL; i++)
        if (weir_str_is(name, kinds[i]->name))
            return kinds[i];
    return NULL;
}

const weir_sink_format *weir_sink_formats(void)
{
    return formats;
}

weir_code weir_sink_new(const weir_sink_kind *kind, const weir_sink_setup *setup,
                        weir_sink **out, weir_err *err)
{
    weir_assert(kind->open != NULL);
    weir_assert(kind->stage != NULL);
    weir_assert(kind->execute != NULL);
    weir_assert(kind->commit != NULL);
    weir_assert(kind->finalise != NULL);
    weir_assert(kind->replay != NULL);
    weir_assert(kind->close != NULL);
    weir_assert(kind->size >= sizeof(weir_sink));
    weir_assert(setup->tables > 0);

    weir_sink *sink = weir_heap_new(1, kind->size);
    sink->kind = kind;
    if (kind->open(sink, setup, err) != WEIR_OK) {
        if (err->sql_at < 0)
            (void)weir_err_at(err, setup->table[0].sql_at);
        weir_sink_free(sink);
        return weir_err_note(err, "opening sink '%.*s'",
                             WEIR_STR_FMT(setup->table[0].name));
    }
    *out = sink;
    return WEIR_OK;
}

void weir_sink_free(weir_sink *sink)
{
    if (sink == NULL)
        return;
    sink->kind->close(sink);
    sink->kind = NULL;
    weir_heap_free(sink);
}

void weir_refuse(weir_refusals *refusals, const weir_refused *row)
{
    if (refusals->count == refusals->room) {
        uint32_t      room = refusals->room == 0 ? 16 : refusals->room * 2;
        weir_refused *more = WEIR_ARRAY(refusals->arena, weir_refused, room);
        if (refusals->count > 0)
            memcpy(more, refusals->row, refusals->count * sizeof *more);
        refusals->row = more;
        refusals->room = room;
    }
    refusals->row[refusals->count++] = *row;
}
