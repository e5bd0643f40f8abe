/* engine/facts: reads a manifest's sections without the job that wrote them.
 *
 * Gives      weir_facts_read.
 * Always     1. lists are no longer than their bytes allow.
 *            2. sections that an older version did not write are left out.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/facts.h"

#include <string.h>

#include "engine_job.h"

#define FACTS_VERSION 1 /* of every section that is read here, but positions */
#define FACTS_POSITIONS_VERSION 2

typedef struct facts_reader {
    const weir_manifest *manifest;
    weir_arena          *arena;
    weir_facts          *out;
    weir_reader          reader;
} facts_reader;

static weir_code damaged(const char *section, weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the manifest's section '%s' is damaged", section);
}

/* False: it is not there. CORRUPT when it is and is not ours; a CRC32C ends it, if `sealed`. */
static weir_code open_section(facts_reader *f, const char *name, bool sealed, bool *out_there,
                              weir_err *err)
{
    weir_str bytes = weir_manifest_section(f->manifest, name);
    *out_there = bytes.at != NULL;
    if (bytes.at == NULL)
        return WEIR_OK;
    if (sealed && bytes.len < 5)
        return damaged(name, err);
    if (sealed) {
        bytes.len -= 4;
        weir_reader crc = weir_reader_of((weir_str){bytes.at + bytes.len, 4});
        if (weir_read_u32(&crc) != weir_crc32c(0, bytes))
            return damaged(name, err);
    }
    f->reader = weir_reader_of(bytes);
    uint8_t version =
        strcmp(name, "positions") == 0 ? FACTS_POSITIONS_VERSION : FACTS_VERSION;
    return weir_read_byte(&f->reader) == version ? WEIR_OK : damaged(name, err);
}

static weir_code close_section(const facts_reader *f, const char *name, weir_err *err)
{
    return f->reader.bad || weir_reader_left(&f->reader) > 0 ? damaged(name, err) : WEIR_OK;
}

/* 1: `least` is the size of the smallest entry. */
static uint32_t read_count(facts_reader *f, size_t least)
{
    uint64_t count = weir_read_varint(&f->reader);
    if (count > weir_reader_left(&f->reader) / least) {
        f->reader.bad = true;
        return 0;
    }
    return (uint32_t)count;
}

static weir_str read_text(facts_reader *f)
{
    return weir_str_copy(f->arena, weir_read_blob(&f->reader));
}

static void skip_log_position(facts_reader *f)
{
    for (int i = 0; i < 5; i++)
        (void)weir_read_varint(&f->reader);
}

static void read_partition(facts_reader *f, weir_fact_partition *out)
{
    weir_reader *reader = &f->reader;
    out->name = read_text(f);
    out->next_offset = (int64_t)weir_read_u64(reader);
    (void)weir_read_u64(reader); /* last offset, its time and checksum, and the end */
    (void)weir_read_u64(reader);
    (void)weir_read_u32(reader);
    (void)weir_read_u64(reader);
    out->watermark_us = (int64_t)weir_read_u64(reader);
    out->highest_us = (int64_t)weir_read_u64(reader);
    (void)weir_read_byte(reader);
    skip_log_position(f);
    out->origins = weir_read_byte(reader);
    for (uint32_t i = 0; i < out->origins && !reader->bad; i++) {
        (void)weir_read_blob(reader);
        skip_log_position(f);
        (void)weir_read_u64(reader);
    }
}

static void add_partitions(facts_reader *f, const weir_fact_partition *of, uint32_t count)
{
    weir_facts *out = f->out;
    weir_fact_partition *more =
        WEIR_ARRAY(f->arena, weir_fact_partition, out->partitions + count + 1);
    for (uint32_t i = 0; i < out->partitions; i++)
        more[i] = out->partition[i];
    out->partition = more;
    for (uint32_t i = 0; i < count && !f->reader.bad; i++) {
        weir_fact_partition *one = &out->partition[out->partitions++];
        *one = *of;
        read_partition(f, one);
    }
}

static weir_code read_positions(facts_reader *f, weir_err *err)
{
    bool there = false;
    weir_code rc = open_section(f, "positions", true, &there, err);
    if (rc != WEIR_OK || !there)
        return rc;
    f->out->end = (weir_read_byte(&f->reader) & 1) != 0;
    uint32_t sources = read_count(f, 13);
    for (uint32_t s = 0; s < sources && !f->reader.bad; s++) {
        weir_fact_partition of = {.table = read_text(f)};
        of.closed_us = (int64_t)weir_read_u64(&f->reader);
        (void)weir_read_blob(&f->reader); /* the table that it is pinned to */
        (void)weir_read_varint(&f->reader);
        (void)weir_read_varint(&f->reader);
        add_partitions(f, &of, read_count(f, 50));
    }
    return close_section(f, "positions", err);
}

static weir_code read_state(facts_reader *f, weir_err *err)
{
    bool there = false;
    weir_blob_ref ref;
    weir_code rc = open_section(f, "state", true, &there, err);
    if (rc != WEIR_OK || !there)
        return rc;
    uint8_t slices = weir_read_byte(&f->reader);
    for (uint32_t i = 0; i < slices && !f->reader.bad; i++) {
        if (weir_read_byte(&f->reader) == 0)
            continue;
        (void)weir_read_varint(&f->reader);
        if (!weir_blob_ref_read(&f->reader, &ref))
            return damaged("state", err);
        f->out->slices++;
    }
    f->out->deltas = read_count(f, 20);
    for (uint32_t i = 0; i < f->out->deltas; i++) {
        (void)weir_read_varint(&f->reader);
        if (!weir_blob_ref_read(&f->reader, &ref))
            return damaged("state", err);
    }
    return close_section(f, "state", err);
}

static weir_code read_groups(facts_reader *f, weir_err *err)
{
    bool there = false;
    weir_code rc = open_section(f, "groups", true, &there, err);
    if (rc != WEIR_OK || !there)
        return rc;
    uint32_t count = read_count(f, 2);
    f->out->group = WEIR_ARRAY(f->arena, weir_fact_group, count + 1);
    for (; f->out->groups < count && !f->reader.bad; f->out->groups++) {
        weir_fact_group *group = &f->out->group[f->out->groups];
        group->section = read_text(f);
        group->joined = weir_read_varint(&f->reader);
    }
    return close_section(f, "groups", err);
}

static weir_code read_files(facts_reader *f, weir_err *err)
{
    bool there = false;
    weir_code rc = open_section(f, "files", false, &there, err);
    if (rc != WEIR_OK || !there)
        return rc;
    uint32_t count = read_count(f, 3);
    f->out->file = WEIR_ARRAY(f->arena, weir_fact_file, count + 1);
    for (; f->out->files < count && !f->reader.bad; f->out->files++) {
        weir_fact_file *file = &f->out->file[f->out->files];
        file->key = read_text(f);
        file->rows = weir_read_varint(&f->reader);
        file->bytes = weir_read_varint(&f->reader);
    }
    return close_section(f, "files", err);
}

static weir_code read_replay(facts_reader *f, weir_err *err)
{
    weir_facts *out = f->out;
    weir_code rc = open_section(f, "replay", true, &out->replay, err);
    if (rc != WEIR_OK || !out->replay)
        return rc;
    out->replay_from = read_text(f);
    out->replay_until = read_text(f);
    out->from_epoch = weir_read_varint(&f->reader);
    out->until_epoch = weir_read_varint(&f->reader);
    out->last_epoch = weir_read_varint(&f->reader);
    out->until_positions = read_text(f);
    return close_section(f, "replay", err);
}

static void read_lists(facts_reader *f)
{
    weir_facts *out = f->out;
    uint32_t count = read_count(f, 3);
    out->operator = WEIR_ARRAY(f->arena, weir_fact_operator, count + 1);
    for (; out->operators < count && !f->reader.bad; out->operators++) {
        weir_fact_operator *one = &out->operator[out->operators];
        one->name = read_text(f);
        one->rows = weir_read_varint(&f->reader);
        one->bytes = weir_read_varint(&f->reader);
    }
    count = read_count(f, 2);
    out->flow = WEIR_ARRAY(f->arena, weir_fact_flow, count + 1);
    for (; out->flows < count && !f->reader.bad; out->flows++) {
        out->flow[out->flows].table = read_text(f);
        out->flow[out->flows].rows = weir_read_varint(&f->reader);
    }
}

static weir_code read_summary(facts_reader *f, weir_err *err)
{
    weir_facts *out = f->out;
    weir_reader *reader = &f->reader;
    weir_code rc = open_section(f, "summary", true, &out->summarised, err);
    if (rc != WEIR_OK || !out->summarised)
        return rc;
    out->cut_us = (int64_t)weir_read_u64(reader);
    out->read_us = (int64_t)weir_read_varint(reader);
    out->merge_us = (int64_t)weir_read_varint(reader);
    out->records = weir_read_varint(reader);
    out->bad = weir_read_varint(reader);
    out->late = weir_read_varint(reader);
    out->duplicate = weir_read_varint(reader);
    out->skipped = weir_read_varint(reader);
    out->dead_letters = weir_read_varint(reader);
    read_lists(f);
    out->before = weir_read_varint(reader);
    out->before_execute_us = (int64_t)weir_read_varint(reader);
    out->before_put_us = (int64_t)weir_read_varint(reader);
    out->before_commit_us = (int64_t)weir_read_varint(reader);
    return close_section(f, "summary", err);
}

weir_code weir_facts_read(const weir_manifest *manifest, weir_arena *arena, weir_facts *out,
                          weir_err *err)
{
    *out = (weir_facts){.plan = 0};
    facts_reader f = {.manifest = manifest, .arena = arena, .out = out};
    weir_reader plan = weir_reader_of(weir_manifest_section(manifest, "plan"));
    out->plan = weir_read_u64(&plan); /* 0 where there is none */
    weir_code rc = read_positions(&f, err);
    if (rc == WEIR_OK)
        rc = read_state(&f, err);
    if (rc == WEIR_OK)
        rc = read_groups(&f, err);
    if (rc == WEIR_OK)
        rc = read_files(&f, err);
    if (rc == WEIR_OK)
        rc = read_replay(&f, err);
    return rc == WEIR_OK ? read_summary(&f, err) : rc;
}
