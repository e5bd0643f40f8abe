/* tests/checkpoint_bed: a store in memory, a clock, and checkpoints over them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CHECKPOINT_BED_H
#define TESTS_CHECKPOINT_BED_H

#include "check.h"
#include "checkpoint_log.h"
#include "fake_clock.h"
#include "faulty_store.h"
#include "weir/checkpoint.h"

#define BED_BASE "place/job-1/l1/t0/"

typedef struct bed {
    weir_store  *memory;
    fake_clock   clock;
    faulty_store store; /* in front of memory */
    weir_arena  *arena;
    weir_err     err;
    atomic_int   stop;
    bool         fresh, watch;
    uint64_t     generation_epochs; /* 0: as in a release */
    uint32_t     inline_bytes;
} bed;

static inline void bed_open(bed *b)
{
    memset(b, 0, sizeof *b);
    b->clock = fake_clock_new();
    weir_store_setup setup = {.location = WEIR_STR("memory:"), .clock = &b->clock.base};
    weir_err_clear(&b->err);
    CHECK_OK(
        weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &b->memory, &b->err),
        &b->err);
    b->store = faulty_store_new(b->memory, false);
    b->arena = weir_arena_new("bed", 1 << 16);
}

static inline void bed_close(bed *b)
{
    faulty_store_done(&b->store);
    weir_store_free(b->memory);
    weir_arena_free(b->arena);
}

static inline weir_code bed_try_checkpoint(bed *b, weir_store *store, weir_checkpoint **out)
{
    weir_checkpoint_setup setup = {.store = store,
                                   .prefix = WEIR_STR("place"),
                                   .job = WEIR_STR("job-1"),
                                   .task = WEIR_STR("t0"),
                                   .fresh = b->fresh,
                                   .take_over = !b->watch,
                                   .epoch_interval_us = 5000000,
                                   .generation_epochs = b->generation_epochs,
                                   .inline_bytes = b->inline_bytes,
                                   .clock = &b->clock.base,
                                   .stop = &b->stop};
    return weir_checkpoint_open(&setup, out, &b->err);
}

static inline weir_checkpoint *bed_checkpoint(bed *b)
{
    weir_checkpoint *checkpoint = NULL;
    CHECK_OK(bed_try_checkpoint(b, &b->store.base, &checkpoint), &b->err);
    return checkpoint;
}

/* Takes over; the last manifest or NULL. */
static inline weir_manifest *bed_take_over(bed *b, weir_checkpoint *checkpoint,
                                           bool *finalised)
{
    weir_manifest *last = NULL;
    bool           known = false;
    CHECK_OK(weir_checkpoint_take_over(checkpoint, b->arena, &last, &known, &b->err),
             &b->err);
    if (finalised != NULL)
        *finalised = known;
    return last;
}

static inline weir_code bed_publish(bed *b, weir_checkpoint *checkpoint, uint64_t epoch,
                                    const char *text, weir_sha256 *out_sha)
{
    weir_sha256 sha;
    weir_stage *stage = weir_checkpoint_stage(checkpoint, epoch);
    weir_stage_section(stage, "text", weir_str_of(text));
    weir_code rc = weir_stage_build(stage, &sha, &b->err);
    if (rc == WEIR_OK)
        rc = weir_stage_publish(stage, &b->err);
    if (rc == WEIR_OK && out_sha != NULL)
        *out_sha = sha;
    weir_stage_free(stage);
    return rc;
}

/* Publishes and finalises epochs up to `last`. */
static inline void bed_run(bed *b, weir_checkpoint *checkpoint, uint64_t first,
                           uint64_t last)
{
    for (uint64_t epoch = first; epoch <= last; epoch++) {
        char text[32];
        (void)snprintf(text, sizeof text, "epoch %" PRIu64, epoch);
        CHECK_OK(bed_publish(b, checkpoint, epoch, text, NULL), &b->err);
        CHECK_OK(weir_checkpoint_finalised(checkpoint, &b->err), &b->err);
    }
}

static inline void bed_expect_fenced(bed *b, weir_checkpoint *checkpoint, uint64_t epoch)
{
    CHECK_FAILS(bed_publish(b, checkpoint, epoch, "late", NULL), WEIR_E_CONFLICT, &b->err);
    CHECK_INT(b->err.exit, WEIR_EXIT_FENCED);
    CHECK_INT(b->err.fate, WEIR_FATE_HALT);
}

static inline bool bed_has(bed *b, const char *key)
{
    weir_object object = {.key = weir_str_of(key)};
    weir_err    err;
    return b->memory->kind->head(b->memory, &object, 1, &err) == WEIR_OK;
}

static inline void bed_store(bed *b, const char *key, weir_str body)
{
    CHECK_OK(weir_store_put_one(b->memory, weir_str_of(key), body, &b->err), &b->err);
}

static inline weir_str bed_bytes(bed *b, const char *key)
{
    weir_buf bytes = {0};
    CHECK_OK(weir_store_get_one(b->memory, weir_str_of(key), &bytes, &b->err), &b->err);
    weir_str kept = weir_str_copy(b->arena, weir_buf_view(&bytes));
    weir_buf_done(&bytes);
    return kept;
}

/* The record that is there, to be changed, and put again as a whole one. */
static inline checkpoint_record bed_record(bed *b, const char *key)
{
    checkpoint_record record = {.idx = 0};
    CHECK(record_read(bed_bytes(b, key), b->arena, &record) == NULL);
    return record;
}

static inline void bed_put_record(bed *b, const char *key, checkpoint_record *record)
{
    weir_buf bytes = {0};
    record_write(&bytes, record);
    bed_store(b, key, weir_buf_view(&bytes));
    weir_buf_done(&bytes);
}

/* The manifest there with another section of that name, or without it (bytes.at NULL). */
static inline void bed_rewrite(bed *b, const char *key, const char *name, weir_str bytes)
{
    checkpoint_record record = bed_record(b, key);
    uint32_t          kept = 0;
    for (uint32_t i = 0; i < record.sections; i++) {
        weir_section one = record.section[i];
        if (weir_str_is(one.name, name) && bytes.at == NULL)
            continue;
        if (weir_str_is(one.name, name))
            one.bytes = bytes;
        record.section[kept++] = one;
    }
    record.sections = kept;
    bed_put_record(b, key, &record);
}

static inline void bed_remove(bed *b, const char *key)
{
    weir_object object = {.key = weir_str_of(key)};
    CHECK_OK(b->memory->kind->remove(b->memory, &object, 1, &b->err), &b->err);
}

#endif
