/* engine/due: when is an epoch cut?
 *
 * When its time has come and there is something to write down; at once when a lane has no
 * room left. While a commit takes long, reading goes on for ENGINE_PARK_FACTOR intervals
 * and then waits: memory stays bounded with a sink down.
 *
 * When nothing comes, nothing is cut, with two exceptions: a partition that became idle may
 * let windows close, and a sink's open files roll when they were idle for long enough.
 *
 * Gives      engine_cut_is_due, engine_all_read, engine_flows_begin, engine_flows_cut.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

/* May be asked while its lane runs: both only grow, so a stale answer is "not yet". */
bool engine_partition_read(const engine_partition *partition)
{
    int64_t next = __atomic_load_n(&partition->position.next_offset, __ATOMIC_RELAXED);
    return next >= partition->end || __atomic_load_n(&partition->at_end, __ATOMIC_RELAXED);
}

bool engine_all_read(const engine_job *engine)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++)
            if (!engine_partition_read(&engine->source[s].partition[p]))
                return false;
    return true;
}

void engine_flows_begin(engine_job *engine)
{
    int64_t now_us = engine->clock->mono_us(engine->clock);
    for (uint32_t f = 0; f < engine->flows; f++) {
        engine->flow[f].at_us = now_us;
        /* files of the process before begin to be idle with the first epoch of this one */
        engine->flow[f].cuts = engine->last && engine->flow[f].idle_us > 0 ? 2 : 0;
    }
}

void engine_flows_cut(engine_job *engine, const engine_epoch *epoch)
{
    for (uint32_t f = 0; f < engine->flows; f++) {
        engine_flow *flow = &engine->flow[f];
        bool got = epoch->emission.flow[f].rows > 0;
        if (got || (flow->cuts > 0 && epoch->cut_us - flow->at_us >= flow->idle_us)) {
            flow->cuts = got ? flow->idle_us > 0 : flow->cuts - 1;
            flow->at_us = epoch->cut_us;
        }
    }
}

static bool files_idle(const engine_job *engine, int64_t now_us)
{
    for (uint32_t f = 0; f < engine->flows; f++)
        if (engine->flow[f].cuts > 0 &&
            now_us - engine->flow[f].at_us >= engine->flow[f].idle_us)
            return true;
    return false;
}

static bool partition_fell_idle(const engine_job *engine, int64_t now_us)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            const engine_partition *partition = &engine->source[s].partition[p];
            if (!partition->idle && engine_is_silent(partition, now_us))
                return true;
        }
    return false;
}

/* Is there something that a cut would write down? */
static bool worth_cutting(const engine_job *engine, int64_t now_us)
{
    if (atomic_load(&engine->dirty) || files_idle(engine, now_us))
        return true;
    return weir_ops_has_windows(engine->ops) && weir_ops_groups(engine->ops) > 0 &&
           partition_fell_idle(engine, now_us);
}

bool engine_cut_is_due(engine_job *engine)
{
    int64_t now_us = engine->clock->mono_us(engine->clock);
    int64_t interval = engine->plan->settings.epoch_interval_us;
    if (atomic_load(&engine->full))
        return true;
    if (now_us - engine->last_cut_us < interval || !worth_cutting(engine, now_us))
        return false;
    pthread_mutex_lock(&engine->lock);
    bool busy = engine->committing != NULL;
    pthread_mutex_unlock(&engine->lock);
    return !busy || now_us - engine->last_cut_us >= interval * (1 + ENGINE_PARK_FACTOR);
}
