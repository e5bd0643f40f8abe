/* engine/slices: state in the checkpoint: full copies slice by slice, deltas by epoch.
 *
 * Gives      engine_slices_choose, _save, _stage, _keep, _read, _damaged, _move.
 * Always     1. slice s = its full copy, then s's part of every delta of a later epoch.
 *            2. the list is flat: nothing refers to a list in another manifest.
 *            3. slices that want it are written whole, the oldest first: one always, up to
 *               ENGINE_FULL_SLICES while they are together below SLICES_FULL_BYTES, and
 *               beyond that up to SLICES_FULL_TIMES the deltas of the last epoch, but not
 *               more than a part of the state: an epoch stays small.
 *            4. a slice wants to be written whole when a start would read one and a half
 *               times of it; deltas of groups that are all new are as good as a copy. (3)
 *               lets an epoch write what its deltas make due, as long as it changes less
 *               than an eighth of the state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_parts.h"

#define SLICES_VERSION 1
#define SLICES_DELTAS_BEFORE_FULL WEIR_LIMIT(64u, 2u)
#define SLICES_DELTAS_FREE WEIR_LIMIT(4096u, 100u) /* bytes that a slice is not worth */
#define SLICES_FULL_BYTES WEIR_LIMIT(4u << 20, 4000u)
#define SLICES_FULL_TIMES 3u /* (4) makes two bytes of copies due for one of deltas */
#define SLICES_FULL_PART 4u /* a quarter of the state */

static uint64_t full_bytes(const engine_slice *slice)
{
    return slice->full.expanded > 0 ? slice->full.expanded : slice->full.length;
}

/* What a full copy of each slice would take. Operators count about: they are taken to be
   as far off as they were at the last full copy, and before there is one to count twice
   as much: of short keys and sums they do. Gives the sum. */
static uint64_t measure(const engine_job *engine, uint64_t out[WEIR_SLICES])
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        const engine_slice *slice = &engine->slice[i];
        uint64_t counted = weir_ops_slice_bytes(engine->ops, i);
        out[i] = slice->full_counted > 0 ? counted * full_bytes(slice) / slice->full_counted
                                         : counted / 2;
        sum += out[i];
    }
    return sum;
}

static bool wants_full(const engine_slice *slice, uint64_t size, uint64_t epoch)
{
    if (epoch - slice->full_epoch >= SLICES_DELTAS_BEFORE_FULL)
        return true;
    uint64_t read = full_bytes(slice) + slice->delta_bytes;
    return slice->delta_bytes > SLICES_DELTAS_FREE &&
           read > size + size / 2 + SLICES_DELTAS_FREE; /* 4 */
}

/* A stop is worth some work when a start would read a quarter more than the state. */
static bool deltas_weigh(const engine_job *engine, uint64_t size)
{
    uint64_t read = 0;
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        read += full_bytes(&engine->slice[i]) + engine->slice[i].delta_bytes;
    return read > size + size / 4;
}

static uint32_t oldest_wanting(const engine_job *engine, const engine_epoch *epoch,
                               const uint64_t size[WEIR_SLICES])
{
    uint32_t oldest = WEIR_SLICES;
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        const engine_slice *slice = &engine->slice[i];
        if (epoch->slice_full[i] || !wants_full(slice, size[i], epoch->number))
            continue;
        if (oldest == WEIR_SLICES || slice->full_epoch < engine->slice[oldest].full_epoch)
            oldest = i;
    }
    return oldest;
}

void engine_slices_choose(engine_job *engine, engine_epoch *epoch, bool last)
{
    uint64_t size[WEIR_SLICES], state = measure(engine, size);
    bool     all = last && deltas_weigh(engine, state);
    for (uint32_t i = 0; (all || engine->all_full) && i < WEIR_SLICES; i++)
        epoch->slice_full[i] = engine->all_full || engine->slice[i].delta_bytes > 0;
    if (engine->all_full) { /* the next cut waits until this epoch is committed */
        engine->all_full = false;
        return;
    }
    uint64_t bytes = 0, most = SLICES_FULL_TIMES * engine->last_delta_bytes; /* 3 */
    if (most > state / SLICES_FULL_PART)
        most = state / SLICES_FULL_PART;
    for (uint32_t taken = 0; taken < WEIR_SLICES; taken++) {
        uint32_t slice = oldest_wanting(engine, epoch, size);
        if (slice == WEIR_SLICES)
            return;
        bytes += size[slice];
        bool few = taken < ENGINE_FULL_SLICES && bytes <= SLICES_FULL_BYTES;
        if (taken > 0 && !few && bytes > most)
            return;
        epoch->slice_full[slice] = true;
    }
}

void engine_slices_save(const engine_job *engine, engine_epoch *epoch, uint32_t slice)
{
    weir_ops_save(engine->ops, slice, epoch->slice_full[slice], &epoch->slice_bytes[slice]);
    epoch->slice_counted[slice] = weir_ops_slice_bytes(engine->ops, slice);
}

static void stage_blobs(engine_epoch *epoch, weir_stage *stage)
{
    weir_buf deltas = {0};
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        weir_str bytes = weir_buf_view(&epoch->slice_bytes[i]);
        if (epoch->slice_full[i]) {
            weir_stage_blob(stage, bytes, true, &epoch->slice_ref[i]);
        } else if (bytes.len > 0) {
            weir_buf_byte(&deltas, (uint8_t)i);
            weir_buf_blob(&deltas, bytes);
        }
    }
    epoch->has_delta = deltas.len > 0;
    if (epoch->has_delta)
        weir_stage_blob(stage, weir_buf_view(&deltas), true, &epoch->delta_ref);
    weir_buf_done(&deltas);
}

/* The first epoch whose delta some slice still needs, after this epoch. */
static uint64_t oldest_needed(const engine_job *engine, const engine_epoch *epoch)
{
    uint64_t oldest = epoch->number;
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        uint64_t full = epoch->slice_full[i] ? epoch->number : engine->slice[i].full_epoch;
        if (full < oldest)
            oldest = full;
    }
    return oldest + 1;
}

static void write_deltas(const engine_job *engine, const engine_epoch *epoch,
                         weir_stage *stage, weir_buf *out)
{
    uint64_t oldest = oldest_needed(engine, epoch);
    uint32_t kept = epoch->has_delta;
    for (uint32_t i = 0; i < engine->deltas; i++)
        kept += engine->delta[i].epoch >= oldest;
    weir_assert(kept <= ENGINE_DELTAS_MAX);
    weir_buf_varint(out, kept);
    for (uint32_t i = 0; i < engine->deltas; i++) {
        if (engine->delta[i].epoch < oldest)
            continue;
        weir_buf_varint(out, engine->delta[i].epoch);
        weir_stage_refer(stage, &engine->delta[i].ref, out);
    }
    if (epoch->has_delta) {
        weir_buf_varint(out, epoch->number);
        weir_stage_refer(stage, &epoch->delta_ref, out);
    }
}

void engine_slices_stage(engine_job *engine, engine_epoch *epoch, weir_stage *stage,
                         weir_buf *out)
{
    stage_blobs(epoch, stage);
    weir_buf_byte(out, SLICES_VERSION);
    weir_buf_byte(out, WEIR_SLICES);
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        const engine_slice *slice = &engine->slice[i];
        bool full = epoch->slice_full[i];
        weir_buf_byte(out, full || slice->has_full);
        if (!full && !slice->has_full)
            continue;
        weir_buf_varint(out, full ? epoch->number : slice->full_epoch);
        weir_stage_refer(stage, full ? &epoch->slice_ref[i] : &slice->full, out);
    }
    write_deltas(engine, epoch, stage, out);
    weir_buf_u32(out, weir_crc32c(0, weir_buf_view(out)));
}

void engine_slices_keep(engine_job *engine, const engine_epoch *epoch)
{
    uint64_t oldest = oldest_needed(engine, epoch);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < engine->deltas; i++)
        if (engine->delta[i].epoch >= oldest)
            engine->delta[kept++] = engine->delta[i];
    engine->deltas = kept;
    if (epoch->has_delta)
        engine->delta[engine->deltas++] =
            (engine_delta){.ref = epoch->delta_ref, .epoch = epoch->number};
    engine->last_delta_bytes = 0;
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        engine_slice *slice = &engine->slice[i];
        if (epoch->slice_full[i]) {
            *slice = (engine_slice){.full = epoch->slice_ref[i], .has_full = true,
                                    .full_epoch = epoch->number,
                                    .full_counted = epoch->slice_counted[i]};
            continue;
        }
        slice->delta_bytes += epoch->slice_bytes[i].len;
        engine->last_delta_bytes += epoch->slice_bytes[i].len;
    }
}

weir_code engine_slices_damaged(weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the manifest's list of state is damaged");
}

static weir_code read_deltas(engine_job *engine, weir_reader *reader, weir_err *err)
{
    uint64_t deltas = weir_read_varint(reader);
    if (reader->bad || deltas > ENGINE_DELTAS_MAX)
        return engine_slices_damaged(err);
    for (uint64_t i = 0; i < deltas; i++) {
        engine->delta[i].epoch = weir_read_varint(reader);
        if (!weir_blob_ref_read(reader, &engine->delta[i].ref))
            return engine_slices_damaged(err);
    }
    engine->deltas = (uint32_t)deltas;
    return weir_reader_left(reader) > 0 ? engine_slices_damaged(err) : WEIR_OK;
}

weir_code engine_slices_read(engine_job *engine, weir_str section, weir_err *err)
{
    if (section.len < 6)
        return engine_slices_damaged(err);
    weir_str body = {section.at, section.len - 4};
    weir_reader crc = weir_reader_of((weir_str){section.at + body.len, 4});
    if (weir_read_u32(&crc) != weir_crc32c(0, body))
        return engine_slices_damaged(err);
    weir_reader reader = weir_reader_of(body);
    uint8_t version = weir_read_byte(&reader);
    if (version != SLICES_VERSION)
        return engine_of_newer("list of state", version, err);
    if (weir_read_byte(&reader) != WEIR_SLICES)
        return engine_slices_damaged(err);
    for (uint32_t i = 0; i < WEIR_SLICES; i++) {
        engine_slice *slice = &engine->slice[i];
        slice->has_full = weir_read_byte(&reader) == 1;
        if (!slice->has_full)
            continue;
        slice->full_epoch = weir_read_varint(&reader);
        if (!weir_blob_ref_read(&reader, &slice->full))
            return engine_slices_damaged(err);
    }
    return read_deltas(engine, &reader, err);
}

void engine_slices_move(engine_job *engine)
{
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        engine->slice[i] = (engine_slice){.has_full = false};
    engine->deltas = 0;
    engine->all_full = true;
}
