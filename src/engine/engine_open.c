/* engine/open: makes what the plan names: sources with their partitions, sinks in groups,
 * targets of dead letters; and takes all of it down again.
 *
 * Gives      engine_open_sources, engine_open_sinks, engine_close.
 * Relies on  sql having checked every option against its kind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "engine_parts.h"

/* "1000 per 100000" or "1000" (per 100000). */
static weir_code read_error_limit(engine_source *source, weir_err *err)
{
    weir_str text = weir_opts_text(source->table->opts, "error_limit");
    if (text.len == 0)
        return WEIR_OK;
    char buffer[64];
    snprintf(buffer, sizeof buffer, "%.*s", (int)(text.len < 60 ? text.len : 60), text.at);
    unsigned long long most = 0, per = 100000;
    int taken = sscanf(buffer, "%llu per %llu", &most, &per);
    if (taken < 1 || per == 0) {
        (void)weir_fail(err, WEIR_E_CONFIG, "error_limit '%s' is not '<bad> per <records>'",
                        buffer);
        return weir_err_at(err, weir_opts_at(source->table->opts, "error_limit"));
    }
    source->error_most = most;
    source->error_per = per;
    return WEIR_OK;
}

static weir_code read_source_options(engine_source *source, weir_err *err)
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
    return read_error_limit(source, err);
}

/* What a changelog without last values must not start from. */
static weir_code check_start(const engine_source *source, const weir_partition_info *info,
                             weir_err *err)
{
    const weir_opts *opts = source->table->opts;
    if (!source->changelog || source->old_row_state || weir_opts_bool(opts, "start_partial"))
        return WEIR_OK;
    const char *why = NULL;
    if (info->compacted)
        why = "the topic is compacted";
    else if (info->low > 0)
        why = "the first records are gone";
    else if (info->start != info->low)
        why = "start is not 'earliest'";
    if (why == NULL)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_CONFIG,
                    "table '%.*s', partition %.*s: %s, so old rows could retract what was "
                    "never added",
                    WEIR_STR_FMT(source->table->name), WEIR_STR_FMT(info->name), why);
    return weir_err_hint(err, "set old_row = 'state', or start_partial = 'true' to accept it");
}

static void open_partition(engine_source *source, uint32_t index,
                           const weir_partition_info *info)
{
    engine_job *engine = source->engine;
    engine_partition *partition = &source->partition[index];
    partition->source = source;
    partition->index = index;
    partition->name = weir_str_copy(engine->arena, info->name);
    partition->end = engine->setup->until_end ? info->end : INT64_MAX;
    partition->position = (weir_position){.next_offset = info->start, .last_offset = -1};
    partition->watermark_us = partition->highest_us = INT64_MIN;
    partition->mark = WEIR_ARRAY(engine->arena, engine_mark, ENGINE_MARKS_MAX);
    partition->lane = engine->partitions % engine->lanes;
    atomic_store(&partition->moved_us, engine->clock->mono_us(engine->clock));
    source->partition_name[index] = partition->name;
    source->partition_number[index] = info->number;
    const char *labels = weir_arena_text(engine->arena, "source=\"%.*s\",partition=\"%.*s\"",
                                         WEIR_STR_FMT(source->table->name),
                                         WEIR_STR_FMT(partition->name));
    partition->series_position = weir_metric_series(WEIR_M_partition_position, labels);
    partition->series_watermark = weir_metric_series(WEIR_M_partition_watermark_us, labels);
    engine->partitions++;
}

static weir_code discover(engine_source *source, weir_err *err)
{
    engine_job *engine = source->engine;
    weir_partition_info *info = NULL;
    uint32_t count = 0;
    weir_code rc = source->source->kind->discover(source->source, engine->arena, &info,
                                                  &count, err);
    if (rc != WEIR_OK)
        return rc;
    source->partitions = count;
    source->partition = WEIR_ARRAY(engine->arena, engine_partition, count + 1);
    source->partition_name = WEIR_ARRAY(engine->arena, weir_str, count + 1);
    source->partition_number = WEIR_ARRAY(engine->arena, int32_t, count + 1);
    for (uint32_t p = 0; p < count; p++)
        open_partition(source, p, &info[p]);
    return WEIR_OK;
}

/* Repeats while the server is away, until the job is told to stop. */
static weir_code discover_patiently(engine_source *source, weir_err *err)
{
    engine_job *engine = source->engine;
    weir_backoff backoff = {.clock = engine->clock};
    for (;;) {
        weir_err_clear(err);
        weir_code rc = discover(source, err);
        if (rc == WEIR_OK || err->fate != WEIR_FATE_RETRY ||
            atomic_load(engine->setup->stop))
            return rc;
        if (backoff.tries == 0)
            weir_log_warn("source is away", WEIR_F_STR("table", source->table->name),
                          WEIR_F_TEXT("error", err->msg));
        weir_backoff_wait(&backoff);
    }
}

static weir_code open_source(engine_job *engine, engine_source *source, weir_err *err)
{
    const weir_table *table = source->table;
    pthread_mutex_init(&source->pin_lock, NULL);
    weir_code rc = read_source_options(source, err);
    if (rc != WEIR_OK)
        return rc;
    const weir_source_kind *kind =
        engine->setup->source_kind(weir_str_of(table->connector->name));
    if (kind == NULL)
        return weir_fail(err, WEIR_E_CONFIG, "there is no source '%s' in this build",
                         table->connector->name);
    source->decoder_kind = weir_decoder_find(
        weir_str_of(table->format ? table->format->name : "json"));
    weir_assert(source->decoder_kind != NULL);
    bool keys = false, headers = source->on_error == ON_ERROR_DEAD_LETTER;
    for (uint32_t c = 0; c < table->schema.count; c++) {
        keys |= table->from[c] == WEIR_FROM_KEY;
        headers |= table->from[c] == WEIR_FROM_HEADERS;
    }
    weir_source_setup setup = {
        .table = table->name, .opts = table->opts, .job = engine->plan->settings.job_name,
        .clock = engine->clock, .headers = headers,
        .keys = keys || source->on_error == ON_ERROR_DEAD_LETTER,
        .follow = !engine->setup->until_end, .embedded = engine->setup->embedded,
        .queue_bytes = (uint64_t)engine->plan->settings.memory_limit / 8 /
                       (engine->sources ? engine->sources : 1),
    };
    rc = weir_source_new(kind, &setup, &source->source, err);
    return rc == WEIR_OK ? discover_patiently(source, err) : rc;
}

weir_code engine_open_sources(engine_job *engine, weir_err *err)
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
        weir_code rc = open_source(engine, source, err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "table '%.*s'", WEIR_STR_FMT(source->table->name));
    }
    return WEIR_OK;
}

/* For a lineage that starts now: is it right to begin where the sources begin? */
weir_code engine_check_starts(engine_job *engine, weir_err *err)
{
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        weir_partition_info *info = NULL;
        uint32_t count = 0;
        weir_code rc = source->source->kind->discover(source->source, engine->arena, &info,
                                                      &count, err);
        for (uint32_t p = 0; p < count && rc == WEIR_OK; p++)
            rc = check_start(source, &info[p], err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

static void close_source(engine_source *source)
{
    weir_source_free(source->source);
    if (source->engine)
        pthread_mutex_destroy(&source->pin_lock);
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
}
