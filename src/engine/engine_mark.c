/* engine/mark: which change events are redelivered, and which snapshots would count twice.
 *
 * Gives      engine_mark_judge, engine_mark_add.
 * Relies on  events of one partition coming in offset order.
 * Always     1. the verdict is a function of the partition's events alone.
 *            2. snapshot rows are never judged by the mark.
 *
 * A connector that crashed sends a stretch again: positions at or below the mark of their
 * origin, with commit times not above the highest one seen. A position that goes back
 * with a later commit time is another history (failover, reset of the log): the mark
 * moves and nothing is dropped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_parts.h"

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int position_compare(const weir_log_position *a, const weir_log_position *b)
{
    int order = compare_u64(a->transaction, b->transaction);
    if (order == 0)
        order = compare_u64(a->file, b->file);
    if (order == 0)
        order = compare_u64(a->pos, b->pos);
    if (order == 0)
        order = compare_u64(a->row, b->row);
    if (order == 0)
        order = compare_u64(a->half, b->half);
    return order;
}

engine_mark *engine_mark_add(engine_partition *partition)
{
    if (partition->marks == ENGINE_MARKS_MAX) {
        memmove(partition->mark, partition->mark + 1,
                sizeof *partition->mark * (ENGINE_MARKS_MAX - 1));
        partition->marks--;
    }
    if (partition->marks == partition->mark_room) {
        uint32_t room = partition->mark_room ? partition->mark_room * 2 : 2;
        partition->mark = weir_heap_grow(partition->mark, partition->mark_room, room,
                                         sizeof *partition->mark);
        partition->mark_room = room;
    }
    engine_mark *mark = &partition->mark[partition->marks++];
    *mark = (engine_mark){.number = WEIR_NONE, .commit_us = INT64_MIN};
    return mark;
}

/* The mark of this origin; a new one when there is none yet. `number` is the decoder's. */
static engine_mark *mark_of(engine_partition *partition, uint32_t number, weir_str origin)
{
    size_t len = origin.len < ENGINE_ORIGIN_BYTES - 1 ? origin.len : ENGINE_ORIGIN_BYTES - 1;
    for (uint32_t i = 0; i < partition->marks; i++)
        if (partition->mark[i].number == number)
            return &partition->mark[i];
    for (uint32_t i = 0; i < partition->marks; i++) {
        engine_mark *mark = &partition->mark[i];
        if (strlen(mark->origin) != len || memcmp(mark->origin, origin.at, len) != 0)
            continue;
        mark->number = number;
        return mark;
    }
    engine_mark *mark = engine_mark_add(partition);
    mark->number = number;
    if (len > 0)
        memcpy(mark->origin, origin.at, len);
    return mark;
}

static engine_verdict halt_snapshot(const engine_partition *partition, const char *what,
                                    weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_SNAPSHOT_AGAIN, WEIR_E_CONFLICT,
                    "table '%.*s', partition %.*s: %s, and its rows would count twice",
                    WEIR_STR_FMT(partition->source->table->name),
                    WEIR_STR_FMT(partition->name), what);
    (void)weir_err_hint(err, "set old_row = 'state' to keep last values, or "
                             "snapshot_rows = 'ignore' to leave such rows out");
    return VERDICT_HALT;
}

static bool same_snapshot(const weir_log_position *a, const weir_log_position *b)
{
    return a->transaction == b->transaction && a->file == b->file && a->pos == b->pos;
}

static engine_verdict judge_snapshot(engine_partition *partition, const weir_event *event,
                                     weir_err *err)
{
    const engine_source *source = partition->source;
    if (source->ignore_snapshot)
        return VERDICT_DUPLICATE;
    if (source->old_row_state)
        return VERDICT_NEW;
    if (event->snapshot == WEIR_SNAPSHOT_INCREMENTAL)
        return halt_snapshot(partition, "an incremental snapshot came", err);
    if (partition->streamed)
        return halt_snapshot(partition, "a snapshot came behind streamed rows", err);
    if (event->snapshot == WEIR_SNAPSHOT_FIRST && partition->snapshot_first)
        return halt_snapshot(partition, "a second snapshot began", err);
    if (partition->snapshot_seen && !same_snapshot(&partition->snapshot, &event->position))
        return halt_snapshot(partition, "rows of another snapshot came", err);
    partition->snapshot_seen = true;
    partition->snapshot = event->position;
    if (event->snapshot == WEIR_SNAPSHOT_FIRST)
        partition->snapshot_first = true;
    return VERDICT_NEW;
}

static void warn_lineage(const engine_partition *partition, weir_str origin)
{
    weir_metric_add(WEIR_M_lineage_changes, 1);
    weir_log_warn("the position of a change log went back with a later commit time",
                  WEIR_F_STR("table", partition->source->table->name),
                  WEIR_F_STR("partition", partition->name), WEIR_F_STR("origin", origin));
}

engine_verdict engine_mark_judge(engine_partition *partition, const weir_event *event,
                                 weir_str origin, weir_err *err)
{
    weir_assert(event->kind != WEIR_EVENT_SKIP);
    if (event->op == 'r')
        return judge_snapshot(partition, event, err);
    partition->streamed = true;
    if (!event->positioned)
        return VERDICT_NEW;
    engine_mark *mark = mark_of(partition, event->origin, origin);
    bool fresh = mark->commit_us == INT64_MIN;
    bool above = fresh || position_compare(&event->position, &mark->position) > 0;
    bool later = fresh || event->commit_us > mark->commit_us;
    if (!above && !later && !partition->source->keep_duplicates)
        return VERDICT_DUPLICATE;
    if (!above && later)
        warn_lineage(partition, origin);
    if (above || later)
        mark->position = event->position;
    if (later)
        mark->commit_us = event->commit_us;
    return VERDICT_NEW;
}
