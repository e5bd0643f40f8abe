/* engine/watermark: up to where windows are closed, and which partitions hold that back.
 *
 * Windows over the rows of a source close at the minimum of its partitions' watermarks,
 * whatever other sources of the job do. That minimum is never ahead of a row's own
 * partition. So what is late follows from the input alone. The one exception is a partition
 * that is silent for idle_timeout: it leaves the minimum, and what it brings later for
 * windows that closed is late with the reason idle.
 *
 * Gives      engine_is_silent, engine_watermark_fix.
 * Always     1. silence is measured while the source could have spoken: not while its
 *               server is away, its reader waits for a lane, or its blocks wait.
 *            2. the watermark never goes back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

bool engine_is_silent(const engine_partition *partition, int64_t now_us)
{
    engine_source *source = partition->source;
    if (source->engine->setup->until_end || source->idle_timeout_us <= 0)
        return false;
    if (!__atomic_load_n(&partition->at_end, __ATOMIC_RELAXED) ||
        atomic_load(&partition->waiting) > 0)
        return false;
    int64_t since_us = atomic_load(&partition->moved_us);
    int64_t held_us = atomic_load(&source->held_us); /* 1 */
    if (held_us > since_us)
        since_us = held_us;
    return since_us != ENGINE_HELD && now_us - since_us >= source->idle_timeout_us;
}

static void find_idle(engine_job *engine)
{
    int64_t now_us = engine->clock->mono_us(engine->clock);
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        for (uint32_t p = 0; p < source->partitions; p++)
            source->partition[p].idle = engine_is_silent(&source->partition[p], now_us);
    }
}

/* Bounded: a partition that is read to its end can bring nothing late any more. */
static bool partition_counts(const engine_partition *partition)
{
    const weir_engine_setup *setup = partition->source->engine->setup;
    if (partition->source->table->event_time == WEIR_NONE || partition->idle)
        return false;
    return !setup->until_end || setup->leave_open || !engine_partition_read(partition);
}

/* The minimum over partitions that count; INT64_MIN while one has none, or none counts. */
static int64_t low_watermark(const engine_source *source)
{
    int64_t low = INT64_MAX;
    for (uint32_t p = 0; p < source->partitions; p++) {
        const engine_partition *partition = &source->partition[p];
        if (partition_counts(partition) && partition->watermark_us < low)
            low = partition->watermark_us;
    }
    return low == INT64_MAX ? INT64_MIN : low;
}

static int64_t highest_event(const engine_source *source)
{
    int64_t high = INT64_MIN;
    for (uint32_t p = 0; p < source->partitions; p++)
        if (source->partition[p].highest_us > high)
            high = source->partition[p].highest_us;
    return high;
}

static int64_t window_end(const weir_node *node, int64_t event_us)
{
    int64_t from_us, end_us;
    if (__builtin_sub_overflow(event_us, node->offset_us, &from_us))
        return event_us;
    int64_t into = from_us % node->size_us;
    if (into < 0)
        into += node->size_us;
    return __builtin_add_overflow(event_us, node->size_us - into, &end_us) ? INT64_MAX
                                                                          : end_us;
}

static uint32_t table_below(const weir_plan *plan, const weir_node *node)
{
    while (node->kind != WEIR_NODE_SCAN)
        node = &plan->node[node->input];
    return node->table;
}

/* The end of the last window that can hold a row of the source: after a bounded run, rows
   for windows up to it are late. */
static int64_t last_window_end(const engine_source *source)
{
    const weir_plan *plan = source->engine->plan;
    int64_t high = highest_event(source), last = source->closed_us;
    for (uint32_t n = 0; n < plan->nodes && high != INT64_MIN; n++) {
        const weir_node *node = &plan->node[n];
        if (node->kind == WEIR_NODE_WINDOW && table_below(plan, node) == source->number &&
            window_end(node, high) > last)
            last = window_end(node, high);
    }
    return last;
}

/* What people see: of the source that is furthest behind. */
static void show(const engine_job *engine)
{
    int64_t low = INT64_MAX;
    for (uint32_t s = 0; s < engine->sources; s++)
        if (engine->source[s].table->event_time != WEIR_NONE &&
            engine->source[s].closing_us < low)
            low = engine->source[s].closing_us;
    low = low == INT64_MAX ? INT64_MIN : low;
    atomic_store(&engine->status->watermark_us, low);
    weir_metric_set(WEIR_M_watermark_us, low);
}

/* A replay that ends with an epoch closes what that one had closed, and nothing else: also
   what idle partitions or the end of a bounded run let it close. */
static void close_as_epoch(engine_job *engine, engine_epoch *epoch)
{
    bool all = engine->replay.until.end;
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        int64_t closed_us = engine_replay_closed(engine, source);
        if (closed_us > source->closing_us)
            source->closing_us = closed_us;
        epoch->watermark_us[source->number] = source->closing_us;
        all = all && source->closing_us >= last_window_end(source);
    }
    for (uint32_t s = 0; s < engine->sources && all; s++) /* not with --leave-open */
        epoch->watermark_us[engine->source[s].number] = INT64_MAX;
}

void engine_watermark_fix(engine_job *engine, engine_epoch *epoch)
{
    find_idle(engine);
    epoch->watermark_us = WEIR_ARRAY(epoch->arena, int64_t, engine->plan->tables + 1);
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        int64_t low = low_watermark(source);
        source->closing_us = low > source->closed_us ? low : source->closed_us; /* 2 */
        epoch->watermark_us[source->number] = source->closing_us;
    }
    show(engine);
    if (epoch->end && engine_replay_to_epoch(engine))
        close_as_epoch(engine, epoch);
    for (uint32_t s = 0; s < engine->sources && epoch->end && !engine->setup->leave_open;
         s++) {
        epoch->watermark_us[engine->source[s].number] = INT64_MAX;
        engine->source[s].closing_us = last_window_end(&engine->source[s]);
    }
}
