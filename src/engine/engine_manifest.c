/* engine/manifest: the engine's own sections of a manifest, written and read back.
 *
 * Gives      engine_sections_check, engine_positions_write/read, engine_groups_write/read.
 * Always     1. reading accepts only what writing can have written; anything else is
 *               CORRUPT, and nothing is taken from it.
 *
 * "positions": version, flags, then per source its closed windows, and per partition where
 * reading stands, the watermark, and what redelivery is judged by. "groups": sink groups by
 * their sections' names with the epoch at which each joined.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_amend.h"
#include "engine_change.h"
#include "engine_parts.h"

#define POSITIONS_VERSION 2
#define PARTITION_FIXED_BYTES 53u /* from next_offset to the flags: six u64, u32, u8 */
#define GROUPS_VERSION 1

enum { FLAG_END = 1, FLAG_BOUNDED = 2 };
enum { PARTITION_STREAMED = 1, PARTITION_SNAPSHOT = 2, PARTITION_FIRST = 4 };

static void write_log_position(weir_buf *out, const weir_log_position *position)
{
    weir_buf_varint(out, position->transaction);
    weir_buf_varint(out, position->file);
    weir_buf_varint(out, position->pos);
    weir_buf_varint(out, position->row);
    weir_buf_varint(out, position->half);
}

static weir_log_position read_log_position(weir_reader *reader)
{
    weir_log_position position;
    position.transaction = weir_read_varint(reader);
    position.file = weir_read_varint(reader);
    position.pos = weir_read_varint(reader);
    position.row = (uint32_t)weir_read_varint(reader);
    position.half = (uint32_t)weir_read_varint(reader);
    return position;
}

static void write_partition(const engine_partition *partition, weir_buf *out)
{
    weir_buf_blob(out, partition->name);
    size_t from = out->len;
    weir_buf_u64(out, (uint64_t)partition->position.next_offset);
    weir_buf_u64(out, (uint64_t)partition->position.last_offset);
    weir_buf_u64(out, (uint64_t)partition->position.last_timestamp_us);
    weir_buf_u32(out, partition->position.last_crc);
    weir_buf_u64(out, (uint64_t)partition->end);
    weir_buf_u64(out, (uint64_t)partition->watermark_us);
    weir_buf_u64(out, (uint64_t)partition->highest_us);
    weir_buf_byte(out, (uint8_t)((partition->streamed ? PARTITION_STREAMED : 0) |
                                 (partition->snapshot_seen ? PARTITION_SNAPSHOT : 0) |
                                 (partition->snapshot_first ? PARTITION_FIRST : 0)));
    weir_assert(out->len - from == PARTITION_FIXED_BYTES);
    write_log_position(out, &partition->snapshot);
    weir_buf_byte(out, (uint8_t)partition->marks);
    for (uint32_t i = 0; i < partition->marks; i++) {
        weir_buf_blob(out, weir_str_of(partition->mark[i].origin));
        write_log_position(out, &partition->mark[i].position);
        weir_buf_u64(out, (uint64_t)partition->mark[i].commit_us);
    }
}

/* Every section ends with a checksum of its own: a byte that is not ours is found before
   anything is taken from it. */
static void seal_section(weir_buf *out, size_t from)
{
    weir_buf_u32(out, weir_crc32c(0, (weir_str){out->at + from, out->len - from}));
}

static void write_source(engine_source *source, weir_buf *out)
{
    weir_buf_blob(out, source->table->name);
    weir_buf_u64(out, (uint64_t)source->closing_us);
    pthread_mutex_lock(&source->lock);
    weir_buf_blob(out, weir_str_of(source->pinned));
    weir_buf_varint(out, source->error_records);
    weir_buf_varint(out, source->error_bad);
    pthread_mutex_unlock(&source->lock);
    weir_buf_varint(out, source->partitions);
    for (uint32_t p = 0; p < source->partitions; p++)
        write_partition(&source->partition[p], out);
}

void engine_positions_write(engine_job *engine, bool end, weir_buf *out)
{
    size_t from = out->len;
    weir_buf_byte(out, POSITIONS_VERSION);
    weir_buf_byte(out, (uint8_t)((end ? FLAG_END : 0) |
                                 (engine->setup->until_end ? FLAG_BOUNDED : 0)));
    weir_buf_varint(out, engine->sources);
    for (uint32_t s = 0; s < engine->sources; s++)
        write_source(&engine->source[s], out);
    seal_section(out, from);
}

static weir_code damaged(const char *what, weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the manifest's %s are damaged", what);
}

weir_code engine_of_newer(const char *what, uint32_t version, weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                    "the checkpoint was written by another version of weir: form %u of its %s "
                    "is not known to this one",
                    version, what);
    return weir_err_hint(err, "run the version that wrote it, or a newer one");
}

/* What this program does not know it would leave out of the next manifest, and lose. */
weir_code engine_sections_check(const weir_manifest *manifest, weir_err *err)
{
    static const char *const known[] = {"blobs", "refs",  "positions", "state",
                                        "groups", "plan", "kept",      "summary",
                                        "files",  "replay", "amend",   "visible"};
    for (uint32_t i = 0; i < manifest->sections; i++) {
        weir_str name = manifest->section[i].name;
        bool is_known =
            engine_section_is_sink(name) || weir_str_starts(name, ENGINE_AMEND_LETTERS);
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
            is_known = is_known || weir_str_is(name, known[k]);
        if (is_known)
            continue;
        (void)weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                        "the checkpoint was written by another version of weir: its "
                        "manifest has a section '%.*s', which is not known to this one",
                        WEIR_STR_FMT(name));
        return weir_err_hint(err, "run the version that wrote it, or a newer one");
    }
    return WEIR_OK;
}

/* The section without its checksum, when that is right and the version is known. */
static weir_code open_section(weir_str bytes, uint8_t version, const char *what,
                              weir_reader *out, weir_err *err)
{
    if (bytes.len < 5)
        return damaged(what, err);
    weir_str body = {bytes.at, bytes.len - 4};
    weir_reader crc = weir_reader_of((weir_str){bytes.at + body.len, 4});
    *out = weir_reader_of(body);
    if (weir_read_u32(&crc) != weir_crc32c(0, body))
        return damaged(what, err);
    uint8_t is = weir_read_byte(out);
    return is == version ? WEIR_OK : engine_of_newer(what, is, err);
}

static engine_partition *find_partition(engine_source *source, weir_str name)
{
    for (uint32_t p = 0; p < source->partitions; p++)
        if (weir_str_eq(source->partition[p].name, name))
            return &source->partition[p];
    return NULL;
}

static weir_code partition_gone(const engine_source *source, weir_str name, weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_TOPIC_CHANGED, WEIR_E_NOTFOUND,
                     "table '%.*s': partition '%.*s' of the checkpoint is not there any more",
                     WEIR_STR_FMT(source->table->name), WEIR_STR_FMT(name));
}

static weir_code read_marks(weir_reader *reader, engine_partition *partition, weir_err *err)
{
    uint8_t marks = weir_read_byte(reader);
    if (marks > ENGINE_MARKS_MAX)
        return damaged("positions", err);
    partition->marks = 0;
    for (uint32_t i = 0; i < marks; i++) {
        engine_mark *mark = engine_mark_add(partition);
        weir_str origin = weir_read_blob(reader);
        mark->position = read_log_position(reader);
        mark->commit_us = (int64_t)weir_read_u64(reader);
        if (reader->bad || origin.len >= sizeof mark->origin)
            return damaged("positions", err);
        if (origin.len > 0)
            memcpy(mark->origin, origin.at, origin.len);
    }
    return WEIR_OK;
}

static weir_code read_partition(engine_job *engine, weir_reader *reader, engine_source *source,
                                bool bounded, weir_err *err)
{
    weir_str name = weir_read_blob(reader);
    engine_partition *partition = find_partition(source, name);
    if (reader->bad)
        return damaged("positions", err);
    if (partition == NULL)
        return partition_gone(source, name, err);
    partition->resumed = true;
    partition->position.next_offset = (int64_t)weir_read_u64(reader);
    partition->position.last_offset = (int64_t)weir_read_u64(reader);
    partition->position.last_timestamp_us = (int64_t)weir_read_u64(reader);
    partition->position.last_crc = weir_read_u32(reader);
    int64_t end = (int64_t)weir_read_u64(reader);
    if (bounded && engine->setup->until_end)
        partition->end = end;
    partition->watermark_us = (int64_t)weir_read_u64(reader);
    partition->highest_us = (int64_t)weir_read_u64(reader);
    uint8_t flags = weir_read_byte(reader);
    partition->streamed = flags & PARTITION_STREAMED;
    partition->snapshot_seen = flags & PARTITION_SNAPSHOT;
    partition->snapshot_first = flags & PARTITION_FIRST;
    partition->snapshot = read_log_position(reader);
    return read_marks(reader, partition, err);
}

/* Of a source that changed SQL does not read any more. */
static void skip_partition(weir_reader *reader)
{
    (void)weir_read_blob(reader); /* name */
    (void)weir_read_bytes(reader, PARTITION_FIXED_BYTES);
    (void)read_log_position(reader);
    uint8_t marks = weir_read_byte(reader);
    for (uint32_t i = 0; i < marks && !reader->bad; i++) {
        (void)weir_read_blob(reader);
        (void)read_log_position(reader);
        (void)weir_read_u64(reader);
    }
}

/* Times of another column say nothing. */
static void forget_times(engine_source *source)
{
    source->closed_us = source->closing_us = INT64_MIN;
    for (uint32_t p = 0; p < source->partitions; p++)
        source->partition[p].watermark_us = source->partition[p].highest_us = INT64_MIN;
}

static weir_code read_source(engine_job *engine, weir_reader *reader, bool bounded,
                             weir_err *err)
{
    weir_str name = weir_read_blob(reader);
    int64_t closed_us = (int64_t)weir_read_u64(reader);
    weir_str pinned = weir_read_blob(reader);
    uint64_t records = weir_read_varint(reader), bad = weir_read_varint(reader);
    uint64_t partitions = weir_read_varint(reader);
    bool new_time = false;
    engine_source *source = engine_change_source(engine, name, &new_time);
    bool skips = source == NULL && engine->change != NULL;
    for (uint64_t p = 0; skips && p < partitions && !reader->bad; p++)
        skip_partition(reader);
    if (skips && !reader->bad)
        return WEIR_OK;
    if (reader->bad || source == NULL || pinned.len >= sizeof source->pinned)
        return damaged("positions", err);
    source->resumed = true;
    memset(source->pinned, 0, sizeof source->pinned);
    if (pinned.len > 0)
        memcpy(source->pinned, pinned.at, pinned.len);
    source->closed_us = source->closing_us = closed_us;
    source->error_records = records;
    source->error_bad = bad;
    for (uint64_t p = 0; p < partitions; p++) {
        weir_code rc = read_partition(engine, reader, source, bounded, err);
        if (rc != WEIR_OK)
            return rc;
    }
    if (new_time)
        forget_times(source);
    return WEIR_OK;
}

weir_code engine_positions_read(engine_job *engine, weir_str bytes, weir_err *err)
{
    weir_reader reader;
    weir_code rc = open_section(bytes, POSITIONS_VERSION, "positions", &reader, err);
    if (rc != WEIR_OK)
        return rc;
    uint8_t flags = weir_read_byte(&reader);
    engine->ended = flags & FLAG_END;
    bool bounded = (flags & FLAG_BOUNDED) && !engine->ended;
    uint64_t sources = weir_read_varint(&reader);
    for (uint64_t s = 0; s < sources && rc == WEIR_OK; s++)
        rc = read_source(engine, &reader, bounded, err);
    if (rc != WEIR_OK)
        return rc;
    if (reader.bad || weir_reader_left(&reader) != 0)
        return damaged("positions", err);
    rc = engine_check_added(engine, bounded && engine->setup->until_end, err);
    return rc == WEIR_OK ? engine_check_starts(engine, err) : rc;
}

void engine_groups_write(const engine_job *engine, weir_buf *out)
{
    size_t from = out->len;
    weir_buf_byte(out, GROUPS_VERSION);
    weir_buf_varint(out, engine->groups);
    for (uint32_t g = 0; g < engine->groups; g++) {
        const engine_group *group = &engine->group[g];
        weir_buf_blob(out, weir_str_of(group->section));
        weir_buf_varint(out, group->joined ? group->joined : engine->last_epoch + 1);
    }
    seal_section(out, from);
}

weir_code engine_groups_read(engine_job *engine, weir_str bytes, weir_err *err)
{
    weir_reader reader;
    weir_code rc = open_section(bytes, GROUPS_VERSION, "sink groups", &reader, err);
    if (rc != WEIR_OK)
        return rc;
    uint64_t groups = weir_read_varint(&reader);
    for (uint64_t i = 0; i < groups && !reader.bad; i++) {
        weir_str section = weir_read_blob(&reader);
        uint64_t joined = weir_read_varint(&reader);
        for (uint32_t g = 0; g < engine->groups; g++)
            if (weir_str_is(section, engine->group[g].section))
                engine->group[g].joined = joined;
    }
    if (reader.bad || weir_reader_left(&reader) != 0)
        return damaged("sink groups", err);
    return WEIR_OK;
}
