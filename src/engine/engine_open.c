/* engine/open: makes what the plan names: sources with their partitions, sinks in groups,
 * targets of dead letters; and takes all of it down again.
 *
 * Gives      engine_describe_sources, engine_open_sources, engine_close.
 * Relies on  sql having checked every option against its kind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_parts.h"

#define PER " per "

/* "1000 per 100000", which the plan has checked. */
static void read_error_limit(engine_source *source)
{
    weir_str text = weir_opts_text(source->table->opts, "error_limit");
    if (text.len == 0)
        return;
    const char *per = memmem(text.at, text.len, PER, strlen(PER));
    weir_assert(per != NULL);
    size_t most = (size_t)(per - text.at), from = most + strlen(PER);
    bool   good = weir_str_to_u64((weir_str){text.at, most}, &source->error_most);
    weir_assert(good);
    good = weir_str_to_u64((weir_str){text.at + from, text.len - from}, &source->error_per);
    weir_assert(good);
    weir_assert(source->error_per > 0);
}

bool engine_has_option(const weir_option *options, const char *name)
{
    for (const weir_option *option = options; option && option->name; option++)
        if (strcmp(option->name, name) == 0)
            return true;
    return false;
}

static void read_source_options(engine_source *source)
{
    const weir_opts *opts = source->table->opts;
    weir_str on_error = weir_opts_text(opts, "on_error");
    source->on_error = weir_str_is(on_error, "skip")          ? ON_ERROR_SKIP
                       : weir_str_is(on_error, "dead_letter") ? ON_ERROR_DEAD_LETTER
                                                              : ON_ERROR_FAIL;
    source->changelog = source->table->format && source->table->format->changelog;
    source->keep_duplicates = weir_str_is(weir_opts_text(opts, "duplicates"), "keep");
    source->ignore_snapshot = weir_str_is(weir_opts_text(opts, "snapshot_rows"), "ignore");
    source->old_row_state = weir_str_is(weir_opts_text(opts, "old_row"), "state");
    source->idle_timeout_us = weir_opts_int(opts, "idle_timeout");
    source->dead_sink = WEIR_NONE;
    read_error_limit(source);
}

static weir_code discover(void *self, weir_err *err)
{
    engine_source *source = self;
    weir_partition_info *info = NULL;
    uint32_t count = 0;
    weir_code rc = source->source->kind->discover(source->source, source->arena, &info,
                                                  &count, err);
    if (rc != WEIR_OK)
        return rc;
    bool grows = !source->engine->setup->until_end && !source->changelog;
    engine_partitions_room(source, grows && count < WEIR_PARTITIONS_MAX ? WEIR_PARTITIONS_MAX
                                                                        : count);
    for (uint32_t p = 0; p < count; p++)
        engine_partition_add(source, &info[p]);
    engine_partitions_adopt(source);
    source->ack = WEIR_ARRAY(source->arena, weir_position, source->room + 1);
    return WEIR_OK;
}

typedef struct source_opening {
    engine_source          *source;
    const weir_source_kind *kind;
    weir_source_setup       setup;
} source_opening;

static weir_code open_instance(void *self, weir_err *err)
{
    source_opening *opening = self;
    return weir_source_new(opening->kind, &opening->setup, &opening->source->source, err);
}

static weir_source_setup setup_of(const engine_source *source)
{
    const engine_job *engine = source->engine;
    const weir_table *table = source->table;
    bool dead_letters = source->on_error == ON_ERROR_DEAD_LETTER;
    bool keys = dead_letters, headers = dead_letters;
    for (uint32_t c = 0; c < table->schema.count; c++) {
        keys |= table->from[c] == WEIR_FROM_KEY;
        headers |= table->from[c] == WEIR_FROM_HEADERS;
    }
    return (weir_source_setup){
        .table = table->name, .opts = table->opts, .job = engine->plan->settings.job_name,
        .clock = engine->clock, .headers = headers, .keys = keys,
        .follow = !engine->setup->until_end, .embedded = engine->setup->embedded,
        .queue_bytes =
            (uint64_t)engine->plan->settings.memory_limit / 8 / engine->sources,
    };
}

static weir_code open_source(engine_source *source, weir_err *err)
{
    engine_job *engine = source->engine;
    const weir_table *table = source->table;
    source_opening opening = {.source = source, .setup = setup_of(source)};
    opening.kind = engine->setup->source_kind(weir_str_of(table->connector->name));
    if (opening.kind == NULL)
        return weir_fail(err, WEIR_E_CONFIG, "there is no source '%s' in this build",
                         table->connector->name);
    source->topic = engine_has_option(opening.kind->options, "topic")
                        ? weir_opts_text(table->opts, "topic") : table->name;
    source->decoder_kind = weir_decoder_find(
        weir_str_of(table->format ? table->format->name : "json"));
    weir_assert(source->decoder_kind != NULL);
    weir_code rc = engine_patiently(engine, open_instance, &opening, table->name, err);
    return rc == WEIR_OK ? engine_patiently(engine, discover, source, table->name, err) : rc;
}

void engine_describe_sources(engine_job *engine)
{
    for (uint32_t t = 0; t < engine->plan->tables; t++)
        engine->sources += engine->plan->table[t].source;
    engine->source = WEIR_ARRAY(engine->arena, engine_source, engine->sources + 1);
    uint32_t at = 0;
    for (uint32_t t = 0; t < engine->plan->tables; t++) {
        if (!engine->plan->table[t].source)
            continue;
        engine_source *source = &engine->source[at++];
        source->engine = engine;
        source->table = &engine->plan->table[t];
        source->number = t;
        source->closed_us = source->closing_us = INT64_MIN;
        pthread_mutex_init(&source->lock, NULL);
        source->arena = weir_arena_new("source", 16 << 10);
        source->look_arena = weir_arena_new("source's ends", 4096);
        read_source_options(source);
    }
}

weir_code engine_open_sources(engine_job *engine, weir_err *err)
{
    engine_describe_sources(engine);
    for (uint32_t s = 0; s < engine->sources; s++) {
        weir_code rc = open_source(&engine->source[s], err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "table '%.*s'",
                                 WEIR_STR_FMT(engine->source[s].table->name));
    }
    return WEIR_OK;
}

static void close_source(engine_source *source)
{
    weir_source_free(source->source);
    engine_partitions_free(source);
    weir_arena_free(source->arena);
    weir_arena_free(source->look_arena);
    pthread_mutex_destroy(&source->lock);
}

void engine_close(engine_job *engine)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        close_source(&engine->source[s]);
    for (uint32_t g = 0; g < engine->groups; g++)
        weir_sink_free(engine->group[g].sink);
    for (uint32_t d = 0; d < engine->deads; d++)
        weir_sink_free(engine->dead[d].sink);
    weir_checkpoint_close(engine->checkpoint);
    weir_store_free(engine->store);
    weir_ops_free(engine->ops);
    weir_arena_free(engine->manifest_arena);
    weir_heap_free(engine->places.at);
}
