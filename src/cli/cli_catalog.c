/* cli/catalog: what WITH (…) can name, collected from the registries of this build.
 *
 * Gives      cli_catalog.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli.h"

static size_t count_sources(void)
{
    size_t count = 0;
    while (weir_source_kinds()[count])
        count++;
    return count;
}

static size_t count_sinks(void)
{
    size_t count = 0;
    while (weir_sink_kinds()[count])
        count++;
    return count;
}

static void add_connectors(weir_catalog *catalog, weir_arena *arena)
{
    weir_catalog_kind *kind =
        WEIR_ARRAY(arena, weir_catalog_kind, count_sources() + count_sinks() + 1);
    size_t at = 0;
    for (size_t i = 0; weir_source_kinds()[i]; i++) {
        const weir_source_kind *source = weir_source_kinds()[i];
        if (strcmp(source->name, "topic-folder") == 0)
            continue; /* stands in for kafka with --embedded, nothing else */
        kind[at++] = (weir_catalog_kind){
            .name = source->name, .summary = source->summary, .options = source->options,
            .source = true, .formats = source->formats};
    }
    for (size_t i = 0; weir_sink_kinds()[i]; i++) {
        const weir_sink_kind *sink = weir_sink_kinds()[i];
        kind[at++] = (weir_catalog_kind){
            .name = sink->name, .summary = sink->summary, .options = sink->options,
            .sink = true, .keyed = sink->keyed, .formats = sink->formats,
            .promise = sink->promise_text};
    }
    catalog->connector = kind;
    catalog->connectors = at;
}

static void add_formats(weir_catalog *catalog, weir_arena *arena)
{
    size_t decoders = 0, encoders = 0, at = 0;
    while (weir_decoder_kinds()[decoders])
        decoders++;
    while (weir_sink_formats()[encoders].name)
        encoders++;
    weir_catalog_kind *kind = WEIR_ARRAY(arena, weir_catalog_kind, decoders + encoders + 1);
    for (size_t i = 0; i < decoders; i++) {
        const weir_decoder_kind *decoder = weir_decoder_kinds()[i];
        kind[at++] = (weir_catalog_kind){
            .name = decoder->name, .summary = decoder->summary, .options = decoder->options,
            .source = true, .changelog = decoder->changelog};
    }
    for (size_t i = 0; i < encoders; i++) {
        const weir_sink_format *format = &weir_sink_formats()[i];
        kind[at++] = (weir_catalog_kind){.name = format->name, .summary = format->summary,
                                         .options = format->options, .sink = true};
    }
    catalog->format = kind;
    catalog->formats = at;
}

const weir_catalog *cli_catalog(weir_arena *arena)
{
    weir_catalog *catalog = WEIR_NEW(arena, weir_catalog);
    add_connectors(catalog, arena);
    add_formats(catalog, arena);
    return catalog;
}
