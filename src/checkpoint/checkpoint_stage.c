/* checkpoint/stage: an epoch in the making: E1, its objects and its manifest, and E4, the
 * commit point.
 *
 * Blobs are kept in memory until build. Those that fit go into the manifest, as its first
 * section, so that their place in it is known when they are staged. The others go into data
 * objects, which are put before the manifest that names them: a manifest never refers to
 * what is not there.
 *
 * The bad case that "one body" prevents: the PUT of a manifest is under way, the sinks ask
 * for a change, other bytes are put into the same slot. The first request arrives last; what
 * is committed is not what the database was told. So from publish on nothing changes.
 *
 * Always     1. once publish was called the bytes stay what they are.
 *            2. a data object's name is used once: its number is never given again, not
 *               even after reset.
 *            3. epoch, index and generation follow those of the last manifest.
 *            4. it names what it staged and what the last manifest named, nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "checkpoint_parts.h"

#include <string.h>

#include "weir/failpoint.h"
#include "weir/mutant.h"

#define RECORD_FILES "files" /* version 1, varint count, each: blob key, varint rows, bytes */
#define FILES_VERSION 1

typedef struct stage_object {
    weir_buf bytes;
    uint32_t number;
    bool     put;
} stage_object;

typedef struct stage_section {
    char    *name;
    weir_buf bytes;
} stage_section;

struct weir_stage {
    weir_checkpoint  *checkpoint;
    checkpoint_record record;
    size_t            inline_at; /* in the manifest: where the inline blobs begin */
    weir_buf          blobs;     /* inline */
    stage_object     *object;
    uint32_t          objects, object_room;
    uint32_t          next_number; /* 2 */
    stage_section    *section;
    uint32_t          sections, section_room;
    ref_set           refs;          /* of older epochs that are named again */
    weir_buf          files;         /* entries of the section "files" */
    uint32_t          file_count;
    bool              too_big;       /* a blob was */
    weir_buf          bytes;         /* of the manifest; empty: not built */
    bool              tried;         /* 1 */
    log_refusal       refusal;       /* of its PUT */
    int64_t           tried_boot_us; /* when the first PUT was sent */
};

static weir_stage *begin(weir_checkpoint *checkpoint, record_kind kind, uint64_t epoch)
{
    weir_assert(checkpoint->owned);
    weir_assert(!checkpoint->ended);
    weir_assert(checkpoint->stage == NULL);
    weir_assert(!checkpoint->sealing);
    weir_stage *stage = weir_heap_new(1, sizeof *stage);
    stage->checkpoint = checkpoint;
    stage->record = checkpoint_record_of(checkpoint, &checkpoint->log);
    stage->record.kind = kind;
    stage->record.idx = checkpoint->idx + 1;
    stage->record.epoch = epoch;
    stage->inline_at = record_first_section_at(&stage->record, WEIR_STR(RECORD_BLOBS));
    checkpoint->stage = stage;
    return stage;
}

weir_stage *weir_checkpoint_stage(weir_checkpoint *checkpoint, uint64_t epoch)
{
    weir_assert(epoch == checkpoint->last.epoch + 1); /* 3 */
    return begin(checkpoint, RECORD_MANIFEST, epoch);
}

static void section_done(stage_section *section)
{
    weir_heap_free(section->name);
    weir_buf_done(&section->bytes);
}

void weir_stage_reset(weir_stage *stage)
{
    weir_assert(stage != NULL);
    weir_assert(!stage->tried); /* 1 */
    for (uint32_t i = 0; i < stage->objects; i++)
        weir_buf_done(&stage->object[i].bytes);
    for (uint32_t i = 0; i < stage->sections; i++)
        section_done(&stage->section[i]);
    stage->objects = 0;
    stage->sections = 0;
    stage->too_big = false;
    ref_set_clear(&stage->refs);
    weir_buf_clear(&stage->files);
    stage->file_count = 0;
    weir_buf_clear(&stage->blobs);
    weir_buf_clear(&stage->bytes);
}

void weir_stage_free(weir_stage *stage)
{
    if (stage == NULL)
        return;
    weir_assert(stage->checkpoint != NULL);
    if (stage->checkpoint->stage == stage)
        stage->checkpoint->stage = NULL;
    stage->tried = false;
    weir_stage_reset(stage);
    weir_buf_done(&stage->blobs);
    weir_buf_done(&stage->bytes);
    ref_set_done(&stage->refs);
    weir_buf_done(&stage->files);
    weir_heap_free(stage->object);
    weir_heap_free(stage->section);
    weir_heap_free(stage);
}

/* The open data object with room for `bytes`, or a new one. */
static stage_object *object_for(weir_stage *stage, size_t bytes)
{
    if (stage->objects > 0) {
        stage_object *last = &stage->object[stage->objects - 1];
        if (!last->put && last->bytes.len + bytes <= WEIR_DATA_OBJECT_BYTES)
            return last;
    }
    if (stage->objects == stage->object_room) {
        uint32_t room = stage->object_room == 0 ? 4 : stage->object_room * 2;
        stage->object =
            weir_heap_grow(stage->object, stage->object_room, room, sizeof *stage->object);
        stage->object_room = room;
    }
    stage_object *fresh = &stage->object[stage->objects++];
    *fresh = (stage_object){.number = stage->next_number++};
    weir_assert(fresh->number < UINT32_MAX);
    return fresh;
}

void weir_stage_blob(weir_stage *stage, weir_str bytes, bool compress, weir_blob_ref *out)
{
    weir_assert(!stage->tried); /* 1 */
    weir_assert(out != NULL);
    weir_buf packed = {0};
    if (compress && bytes.len > 0)
        weir_zstd_compress(&packed, bytes, 1);
    bool          smaller = packed.len > 0 && packed.len < bytes.len;
    weir_str      stored = smaller ? weir_buf_view(&packed) : bytes;
    weir_blob_ref ref = {.gen = stage->record.gen,
                         .idx = stage->record.idx,
                         .epoch = stage->record.epoch,
                         .object = UINT32_MAX,
                         .length = stored.len,
                         .expanded = smaller ? bytes.len : 0,
                         .crc = weir_crc32c(0, stored)};
    memcpy(ref.nonce, stage->record.nonce, sizeof ref.nonce);
    if (bytes.len > WEIR_STORE_BODY_MAX)
        stage->too_big = true;
    bool spill = WEIR_FAILPOINT_IS(ep_spill);
    /* cover: only builds with failpoints spill what has room */
    if (!spill && stage->blobs.len + stored.len <= stage->checkpoint->inline_most) {
        ref.offset = stage->inline_at + stage->blobs.len;
        weir_buf_str(&stage->blobs, stored);
    } else {
        stage_object *object = object_for(stage, stored.len);
        ref.object = object->number;
        ref.offset = object->bytes.len;
        weir_buf_str(&object->bytes, stored);
    }
    weir_buf_clear(&stage->bytes);
    weir_buf_done(&packed);
    *out = ref;
}

void weir_stage_refer(weir_stage *stage, const weir_blob_ref *ref, weir_buf *out)
{
    weir_assert(!stage->tried); /* 1 */
    blob_ref_write(out, ref);
    ref_object object = ref_object_of(ref);
    if (object.gen == stage->record.gen && object.idx == stage->record.idx)
        return; /* its own: build lists them */
    ref_set_add(&stage->refs, &object);
    weir_buf_clear(&stage->bytes);
}

static stage_section *section_of(weir_stage *stage, const char *name)
{
    for (uint32_t i = 0; i < stage->sections; i++) {
        if (strcmp(stage->section[i].name, name) == 0)
            return &stage->section[i];
    }
    if (stage->sections == stage->section_room) {
        uint32_t room = stage->section_room == 0 ? 16 : stage->section_room * 2;
        stage->section = weir_heap_grow(stage->section, stage->section_room, room,
                                        sizeof *stage->section);
        stage->section_room = room;
    }
    size_t         len = strlen(name);
    stage_section *fresh = &stage->section[stage->sections++];
    *fresh = (stage_section){.name = weir_heap_new(len + 1, 1)};
    memcpy(fresh->name, name, len);
    weir_assert(stage->sections < RECORD_SECTIONS_MAX);
    return fresh;
}

void weir_stage_section(weir_stage *stage, const char *name, weir_str bytes)
{
    weir_assert(!stage->tried); /* 1 */
    weir_assert(strcmp(name, RECORD_BLOBS) != 0);
    weir_assert(strcmp(name, RECORD_REFS) != 0);
    weir_assert(strcmp(name, RECORD_FILES) != 0);
    stage_section *section = section_of(stage, name);
    weir_buf_clear(&section->bytes);
    weir_buf_str(&section->bytes, bytes);
    weir_buf_clear(&stage->bytes);
}

/* Puts up to `most` objects that are not there yet; *out_left says whether any are left. */
static weir_code put_some(weir_stage *stage, size_t most, bool *out_left, weir_err *err)
{
    const checkpoint_log *log = &stage->checkpoint->log;
    weir_object           object[WEIR_STORE_PARALLEL] = {{.rc = WEIR_OK}};
    log_key               key[WEIR_STORE_PARALLEL];
    stage_object         *of[WEIR_STORE_PARALLEL];
    size_t                count = 0;
    weir_assert(most <= WEIR_STORE_PARALLEL);
    *out_left = false;
    for (uint32_t i = 0; i < stage->objects && !*out_left; i++) {
        stage_object *one = &stage->object[i];
        *out_left = !one->put && count == most;
        if (one->put || *out_left)
            continue;
        weir_blob_ref ref = {
            .gen = stage->record.gen, .epoch = stage->record.epoch, .object = one->number};
        memcpy(ref.nonce, stage->record.nonce, sizeof ref.nonce);
        key[count] = log_key_of_data(log, &ref);
        object[count].key = log_key_text(&key[count]);
        object[count].body = weir_buf_view(&one->bytes);
        of[count++] = one;
    }
    if (count > 0)
        WEIR_FAILPOINT(ep_put_data);
    weir_code rc =
        count == 0 ? WEIR_OK : log->store->kind->put(log->store, object, count, err);
    for (size_t i = 0; i < count; i++)
        of[i]->put = object[i].rc == WEIR_OK || weir_mutant(swallow_denied);
    if (weir_mutant(swallow_denied))
        return WEIR_OK;
    return rc;
}

void weir_stage_file(weir_stage *stage, weir_str key, uint64_t rows, uint64_t bytes)
{
    weir_assert(!stage->tried); /* 1 */
    weir_buf_blob(&stage->files, key);
    weir_buf_varint(&stage->files, rows);
    weir_buf_varint(&stage->files, bytes);
    stage->file_count++;
    weir_buf_clear(&stage->bytes);
}

/* The section "files"; none without any. */
static void list_files(weir_stage *stage)
{
    if (stage->file_count == 0)
        return;
    stage_section *section = section_of(stage, RECORD_FILES);
    weir_buf_clear(&section->bytes);
    weir_buf_byte(&section->bytes, FILES_VERSION);
    weir_buf_varint(&section->bytes, stage->file_count);
    weir_buf_str(&section->bytes, weir_buf_view(&stage->files));
}

/* 4: what a collector took because the last manifest did not name it cannot be named. */
static void check_carried(const weir_checkpoint *checkpoint, ref_object *object)
{
    const record_place *last = &checkpoint->last;
    if (object->number == UINT32_MAX && object->gen == last->gen && object->idx == last->idx)
        return; /* inside the last manifest itself */
    if (!checkpoint->refs_known)
        return;
    const ref_object *before = ref_set_find(&checkpoint->refs, object);
    weir_assert(before != NULL);
    *object = *before; /* with its size */
}

/* Of the sections that an AMEND repeats nothing is known but where their blobs can be. */
static void list_replaced(const weir_checkpoint *checkpoint, ref_set *all)
{
    const record_place *last = &checkpoint->last;
    const ref_object    itself = {.gen = last->gen,
                                  .idx = last->idx,
                                  .epoch = last->epoch,
                                  .number = UINT32_MAX};
    weir_assert(checkpoint->refs_known);
    ref_set_add_all(all, &checkpoint->refs);
    ref_set_add(all, &itself);
}

/* The section "refs". */
static void list_refs(weir_stage *stage)
{
    ref_set all = {0};
    for (uint32_t i = 0; i < stage->refs.count; i++) {
        check_carried(stage->checkpoint, &stage->refs.at[i]);
        ref_set_add(&all, &stage->refs.at[i]);
    }
    for (uint32_t i = 0; i < stage->objects; i++) {
        const stage_object *one = &stage->object[i];
        ref_object          object = {.gen = stage->record.gen,
                                      .idx = stage->record.idx,
                                      .epoch = stage->record.epoch,
                                      .number = one->number,
                                      .size = one->bytes.len,
                                      .crc = weir_crc32c(0, weir_buf_view(&one->bytes))};
        memcpy(object.nonce, stage->record.nonce, sizeof object.nonce);
        ref_set_add(&all, &object);
    }
    if (stage->record.kind == RECORD_AMEND)
        list_replaced(stage->checkpoint, &all);
    ref_set_finish(&all);
    stage_section *section = section_of(stage, RECORD_REFS);
    weir_buf_clear(&section->bytes);
    ref_set_write(&all, &section->bytes);
    ref_set_done(&all);
}

static void write_manifest(weir_stage *stage, weir_sha256 *out_sha)
{
    checkpoint_record *record = &stage->record;
    weir_buf_clear(&stage->bytes);
    record->sections = stage->sections + 1;
    record_write_head(&stage->bytes, record);
    record_write_section(&stage->bytes, WEIR_STR(RECORD_BLOBS),
                         weir_buf_view(&stage->blobs));
    weir_assert(stage->bytes.len == stage->inline_at + stage->blobs.len);
    for (uint32_t i = 0; i < stage->sections; i++)
        record_write_section(&stage->bytes, weir_str_of(stage->section[i].name),
                             weir_buf_view(&stage->section[i].bytes));
    record_write_end(&stage->bytes, 0, record);
    *out_sha = record->sha;
}

/* The section "files" is taken apart: a file of the AMEND's own may come to it. */
static void repeat_files(weir_stage *stage, weir_str bytes)
{
    weir_reader reader = weir_reader_of(bytes);
    if (weir_read_byte(&reader) != FILES_VERSION)
        return; /* it is for people only */
    stage->file_count = (uint32_t)weir_read_varint(&reader);
    weir_buf_str(&stage->files, weir_read_bytes(&reader, weir_reader_left(&reader)));
}

weir_code weir_checkpoint_amend(weir_checkpoint *checkpoint, const weir_manifest *last,
                                weir_stage **out, weir_err *err)
{
    weir_assert(weir_sha256_eq(&last->sha, &checkpoint->last.sha));
    if (last->amends || checkpoint->idx > 0 || !checkpoint->refs_known)
        return weir_fail(err, WEIR_E_CONFLICT, "epoch %llu cannot be amended: %s",
                         (unsigned long long)last->epoch,
                         last->amends           ? "it was before"
                         : checkpoint->idx > 0  ? "the generation has begun"
                                                : "its version did not list what it needs");
    weir_stage *stage = begin(checkpoint, RECORD_AMEND, last->epoch);
    for (uint32_t i = 0; i < last->sections; i++) {
        weir_str name = last->section[i].name, bytes = last->section[i].bytes;
        if (weir_str_is(name, RECORD_FILES))
            repeat_files(stage, bytes);
        if (weir_str_is(name, RECORD_FILES) || weir_str_is(name, RECORD_REFS) ||
            weir_str_is(name, RECORD_BLOBS))
            continue;
        char *copy = weir_heap_new(name.len + 1, 1);
        memcpy(copy, name.at, name.len);
        weir_stage_section(stage, copy, bytes);
        weir_heap_free(copy);
    }
    *out = stage;
    return WEIR_OK;
}

weir_code weir_stage_build(weir_stage *stage, weir_sha256 *out_sha, weir_err *err)
{
    weir_assert(!stage->tried); /* 1 */
    weir_assert(stage->checkpoint->stage == stage);
    if (stage->too_big)
        return weir_fail(err, WEIR_E_LIMIT, "a part of the state is larger than 256 MiB");
    /* the first alone in a build with failpoints: a crash between two objects is a case */
    size_t most = WEIR_FAILPOINTS_BUILT ? 1 : WEIR_STORE_PARALLEL;
    for (bool left = true; left; most = WEIR_STORE_PARALLEL) {
        weir_code rc = put_some(stage, most, &left, err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "putting data objects");
    }
    list_refs(stage);
    list_files(stage);
    size_t size = stage->inline_at + stage->blobs.len + WEIR_SHA256_BYTES;
    for (uint32_t i = 0; i < stage->sections; i++)
        size += 14 + strlen(stage->section[i].name) + stage->section[i].bytes.len;
    if (size > WEIR_MANIFEST_BYTES_MAX) {
        (void)weir_fail(err, WEIR_E_LIMIT,
                        "the epoch's manifest would be %zu bytes, at most "
                        "%u",
                        size, WEIR_MANIFEST_BYTES_MAX);
        return weir_err_hint(err, "a shorter epoch.interval makes smaller epochs");
    }
    write_manifest(stage, out_sha);
    weir_assert(stage->bytes.len == size);
    return WEIR_OK;
}

weir_manifest *weir_stage_manifest(const weir_stage *stage, weir_arena *arena)
{
    checkpoint_record record;
    weir_assert(stage->bytes.len > 0); /* built */
    weir_str    bytes = weir_str_copy(arena, weir_buf_view(&stage->bytes));
    const char *fault = record_read(bytes, arena, &record);
    weir_assert(fault == NULL); /* what we wrote can be read */
    weir_assert(record.epoch == stage->record.epoch);
    weir_manifest *manifest = WEIR_NEW(arena, weir_manifest);
    checkpoint_to_manifest(&record, manifest);
    return manifest;
}

static void adopt(weir_checkpoint *checkpoint, weir_stage *stage)
{
    const checkpoint_record *record = &stage->record;
    weir_assert(record->idx == checkpoint->idx + 1); /* 3 */
    weir_assert(record->epoch == checkpoint->last.epoch + (record->kind == RECORD_MANIFEST));
    weir_assert(weir_sha256_eq(&record->prev.sha, &checkpoint->last.sha));
    checkpoint->idx = record->idx;
    checkpoint->last = (record_place){
        .gen = record->gen, .idx = record->idx, .epoch = record->epoch, .sha = record->sha};
    checkpoint->finalised = false;
    checkpoint->proved_boot_us = stage->tried_boot_us;
    checkpoint->last_boot_us = stage->tried_boot_us;
    checkpoint->in_seal = false;
    checkpoint->publishes = stage->file_count > 0;
    checkpoint->gen_epochs++;
    checkpoint->stage = NULL;
    weir_str refs = weir_buf_view(&section_of(stage, RECORD_REFS)->bytes);
    ref_set_clear(&checkpoint->refs);
    checkpoint->refs_known = ref_set_read(&checkpoint->refs, refs);
    weir_assert(checkpoint->refs_known); /* we wrote it */
}

/* We may be long replaced, and our generation collected: its slots are free again. Or there
   was nothing to commit for so long. */
static weir_code check_awake(weir_checkpoint *checkpoint, weir_err *err)
{
    weir_assert(checkpoint->owned);
    weir_assert(checkpoint->gen > 0);
    if (!checkpoint_is_stale(checkpoint, checkpoint->proved_boot_us, COMMIT_WITHIN_US))
        return WEIR_OK;
    return checkpoint_prove_owner(checkpoint, err);
}

weir_code weir_stage_publish(weir_stage *stage, weir_err *err)
{
    weir_checkpoint      *checkpoint = stage->checkpoint;
    const checkpoint_log *log = &checkpoint->log;
    weir_assert(stage->bytes.len > 0); /* built */
    weir_assert(checkpoint->stage == stage);
    weir_code rc = stage->tried ? WEIR_OK : check_awake(checkpoint, err);
    if (rc != WEIR_OK)
        return rc;
    if (!stage->tried)
        stage->tried_boot_us = log->clock->boot_us(log->clock);
    stage->tried = true; /* 1 */
    log_key     key = log_key_of_record(log, stage->record.gen, stage->record.idx);
    log_write   write = {.key = &key,
                         .bytes = weir_buf_view(&stage->bytes),
                         .sha = stage->record.sha,
                         .stop_at = 2,
                         .patience_us = MANIFEST_PATIENCE_US,
                         .refused_us = OWNER_REFUSED_US,
                         .refusal = &stage->refusal};
    weir_arena *arena = weir_arena_new("publish", 4096);
    WEIR_FAILPOINT_ONE_OF(stage->record.kind == RECORD_AMEND, rp_put_amend, ep_put_manifest);
    rc = log_write_once(log, &write, arena, err);
    weir_arena_free(arena);
    if (rc != WEIR_OK)
        return weir_err_note(err, "committing epoch %llu",
                             (unsigned long long)stage->record.epoch);
    if (!write.mine)
        return checkpoint_fenced(checkpoint, "another's record has the next slot", err);
    adopt(checkpoint, stage);
    return WEIR_OK;
}
