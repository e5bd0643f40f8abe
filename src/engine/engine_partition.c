/* engine/partition: the partitions of a source: those it had when the job was opened, and
 * those that are added while it runs.
 *
 * A partition that is added is made ready by the source's reader, in a slot behind the
 * others. The caller's thread takes it in at the next barrier, so that the epoch's
 * positions have it; only then the reader positions it and gets its records.
 *
 * Gives      engine_partition_add, engine_partitions_adopt, engine_check_starts,
 *            engine_check_added, engine_partition_appeared.
 * Always     1. slots never move: lanes and decoders point to them.
 *            2. a partition that is added is read from its first record, whatever `start`
 *               says: it began after the job did.
 *            3. a changelog never gets one: its keys would be spread anew over the
 *               partitions, in the middle of their histories.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

void engine_partitions_room(engine_source *source, uint32_t room)
{
    weir_assert(source->room == 0); /* 1 */
    source->room = room;
    source->partition = WEIR_ARRAY(source->arena, engine_partition, room + 1);
    source->partition_name = WEIR_ARRAY(source->arena, weir_str, room + 1);
    source->partition_number = WEIR_ARRAY(source->arena, int32_t, room + 1);
}

static void open_series(engine_partition *partition)
{
    const char *labels =
        weir_arena_text(partition->source->arena, "source=\"%.*s\",partition=\"%.*s\"",
                        WEIR_STR_FMT(partition->source->table->name),
                        WEIR_STR_FMT(partition->name));
    partition->series_position = weir_metric_series(WEIR_M_partition_position, labels);
    partition->series_watermark = weir_metric_series(WEIR_M_partition_watermark_us, labels);
    partition->series_end = weir_metric_series(WEIR_M_partition_end, labels);
    weir_metric_series_set(partition->series_end, partition->first.end);
}

void engine_partition_add(engine_source *source, const weir_partition_info *info)
{
    engine_job *engine = source->engine;
    uint32_t index = atomic_load(&source->found);
    weir_assert(index < source->room);
    engine_partition *partition = &source->partition[index];
    partition->source = source;
    partition->index = index;
    partition->name = weir_str_copy(source->arena, info->name);
    partition->first = *info;
    partition->first.name = partition->name;
    partition->end = engine->setup->until_end ? info->end : INT64_MAX;
    partition->position = (weir_position){.next_offset = info->start, .last_offset = -1};
    partition->watermark_us = partition->highest_us = INT64_MIN;
    atomic_store(&partition->moved_us, engine->clock->mono_us(engine->clock));
    source->partition_name[index] = partition->name;
    source->partition_number[index] = info->number;
    open_series(partition);
    atomic_store(&source->found, index + 1);
}

void engine_partitions_adopt(engine_source *source)
{
    engine_job *engine = source->engine;
    uint32_t found = atomic_load(&source->found);
    for (; source->partitions < found; source->partitions++)
        source->partition[source->partitions].lane = engine->partitions++ % engine->lanes;
    atomic_store(&source->adopted, found);
}

void engine_partitions_free(engine_source *source)
{
    for (uint32_t p = 0; p < atomic_load(&source->found); p++)
        weir_heap_free(source->partition[p].mark);
}

/* What a changelog without last values must not start from. */
static weir_code check_start(const engine_source *source, const engine_partition *partition,
                             weir_err *err)
{
    const weir_partition_info *info = &partition->first;
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
    (void)weir_err_at(err, source->table->sql_at);
    return weir_err_hint(err, "set old_row = 'state', or start_partial = 'true' to accept it");
}

weir_code engine_check_starts(const engine_job *engine, weir_err *err)
{
    for (uint32_t s = 0; s < engine->sources; s++) {
        const engine_source *source = &engine->source[s];
        if (source->resumed || !source->changelog || source->old_row_state ||
            weir_opts_bool(source->table->opts, "start_partial"))
            continue;
        for (uint32_t p = 0; p < source->partitions; p++) {
            weir_code rc = check_start(source, &source->partition[p], err);
            if (rc != WEIR_OK)
                return rc;
        }
    }
    return WEIR_OK;
}

weir_code engine_partition_appeared(const engine_source *source, weir_str name,
                                    weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_TOPIC_CHANGED, WEIR_E_CONFLICT,
                    "table '%.*s': partition '%.*s' was added, and the rows of a key may "
                    "now be in two partitions",
                    WEIR_STR_FMT(source->table->name), WEIR_STR_FMT(name));
    return weir_err_hint(err, "write the changes to a new topic, and read it with --fresh");
}

static void start_added(engine_partition *partition, bool bounded)
{
    partition->position.next_offset = partition->first.low; /* 2 */
    if (bounded)
        partition->end = partition->first.low; /* was not there when the end was fixed */
}

weir_code engine_check_added(engine_job *engine, bool bounded, weir_err *err)
{
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        for (uint32_t p = 0; source->resumed && p < source->partitions; p++) {
            engine_partition *partition = &source->partition[p];
            if (partition->resumed)
                continue;
            if (source->changelog)
                return engine_partition_appeared(source, partition->name, err); /* 3 */
            start_added(partition, bounded);
        }
    }
    return WEIR_OK;
}
