/* engine/replay: a lineage that begins with the state and positions of an epoch of another
 * one, and ends at the positions of a later epoch.
 *
 * The section "replay" of its manifests says what was asked for and holds the positions
 * of the epoch at which it ends: from its first epoch on it needs nothing of the live lineage,
 * whose collector may take away what it began with.
 *
 * Gives      engine_replay_begin, _resume, _write, _to_epoch, _closed.
 * Always     1. the live lineage is only read.
 *            2. files that were open at the epoch it begins with are the live job's: those of
 *               the replay hold the rows that were emitted behind it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_change.h"
#include "engine_parts.h"

#define REPLAY_VERSION 1

bool engine_replay_to_epoch(const engine_job *engine)
{
    return engine->setup->replay != NULL && engine->replay.positions.len > 0;
}

int64_t engine_replay_closed(const engine_job *engine, const engine_source *source)
{
    const weir_facts *until = &engine->replay.until;
    for (uint32_t p = 0; p < until->partitions; p++)
        if (weir_str_eq(until->partition[p].table, source->table->name))
            return until->partition[p].closed_us;
    return INT64_MIN;
}

static engine_partition *find(engine_job *engine, const weir_fact_partition *fact)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++)
            if (weir_str_eq(engine->source[s].table->name, fact->table) &&
                weir_str_eq(engine->source[s].partition[p].name, fact->name))
                return &engine->source[s].partition[p];
    return NULL;
}

static void each_ends(engine_job *engine, bool where_found)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        for (uint32_t p = 0; p < engine->source[s].partitions; p++) {
            engine_partition *partition = &engine->source[s].partition[p];
            partition->end = where_found ? partition->first.end
                                         : partition->position.next_offset;
        }
}

/* Partitions that the epoch did not know yet are not read. */
static weir_code end_at_epoch(engine_job *engine, weir_str positions, weir_err *err)
{
    weir_section section = {.name = WEIR_STR("positions")};
    weir_manifest of = {.sections = 1, .section = &section};
    engine->replay.positions = section.bytes = weir_str_copy(engine->arena, positions);
    weir_code rc = weir_facts_read(&of, engine->arena, &engine->replay.until, err);
    if (rc != WEIR_OK)
        return rc;
    each_ends(engine, false);
    for (uint32_t i = 0; i < engine->replay.until.partitions; i++) {
        const weir_fact_partition *fact = &engine->replay.until.partition[i];
        engine_partition *partition = find(engine, fact);
        if (partition == NULL)
            return weir_halt(err, WEIR_EXIT_TOPIC_CHANGED, WEIR_E_NOTFOUND,
                             "table '%.*s' or its partition '%.*s', which the epoch to end "
                             "at has, is not there any more",
                             WEIR_STR_FMT(fact->table), WEIR_STR_FMT(fact->name));
        if (fact->next_offset > partition->end)
            partition->end = fact->next_offset;
    }
    return WEIR_OK;
}

static weir_code end_at(engine_job *engine, const weir_manifest *until, weir_err *err)
{
    engine->ended = false;
    engine->replay.until_epoch = until->epoch;
    return end_at_epoch(engine, weir_manifest_section(until, "positions"), err);
}

static weir_code restore_from(engine_job *engine, const weir_replay *replay, weir_err *err)
{
    const weir_manifest *from = replay->from;
    weir_code rc = engine_manifest_check(engine, from, err);
    if (rc == WEIR_OK)
        engine_change_state(engine);
    if (rc == WEIR_OK)
        rc = engine_slices_restore(engine, replay->live, weir_manifest_section(from, "state"),
                                   err);
    if (rc == WEIR_OK)
        rc = engine_positions_read(engine, weir_manifest_section(from, "positions"), err);
    engine->ended = false; /* that was the live job's end */
    engine_slices_move(engine);
    if (rc == WEIR_OK)
        engine_change_install(engine);
    engine->replay.from_epoch = from->epoch;
    if (rc == WEIR_OK)
        return rc;
    if (err->exit == WEIR_EXIT_CORRUPT)
        (void)weir_err_hint(err, "weir checkpoint verify says whether it is damaged; what is "
                                 "not pinned may be collected meanwhile");
    return weir_err_note(err, "replaying from epoch %llu", (unsigned long long)from->epoch);
}

weir_code engine_replay_begin(engine_job *engine, weir_err *err)
{
    const weir_replay *replay = engine->setup->replay;
    weir_code rc = replay->from ? restore_from(engine, replay, err) : WEIR_OK;
    if (rc != WEIR_OK)
        return rc;
    each_ends(engine, true);
    engine->replay.last_epoch = replay->last_epoch;
    return replay->until ? end_at(engine, replay->until, err) : WEIR_OK;
}

weir_code engine_replay_resume(engine_job *engine, weir_err *err)
{
    weir_facts facts;
    weir_code rc = weir_facts_read(engine->last, engine->arena, &facts, err);
    if (rc != WEIR_OK)
        return rc;
    if (!facts.replay)
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "the manifest is not one of a replay");
    engine->replay.from_epoch = facts.from_epoch;
    engine->replay.until_epoch = facts.until_epoch;
    engine->replay.last_epoch = facts.last_epoch;
    if (engine->setup->replay->until && engine->ended)
        return end_at(engine, engine->setup->replay->until, err);
    return facts.until_positions.len > 0 ? end_at_epoch(engine, facts.until_positions, err)
                                         : WEIR_OK;
}

void engine_replay_write(const engine_job *engine, weir_buf *out)
{
    const weir_replay *replay = engine->setup->replay;
    size_t from = out->len;
    weir_buf_byte(out, REPLAY_VERSION);
    weir_buf_blob(out, replay->from_asked);
    weir_buf_blob(out, replay->until_asked);
    weir_buf_varint(out, engine->replay.from_epoch);
    weir_buf_varint(out, engine->replay.until_epoch);
    weir_buf_varint(out, engine->replay.last_epoch);
    weir_buf_blob(out, engine->replay.positions);
    weir_buf_u32(out, weir_crc32c(0, (weir_str){out->at + from, out->len - from}));
}
