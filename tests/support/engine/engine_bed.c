/* tests/engine_bed: the bed itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_bed.h"

#include <string.h>
#include <time.h>

#include "check.h"
#include "checkpoint/checkpoint_record.h"

#define TURN_US 1000
#define TURNS_MAX 20000u

/* A store that is lent: closing it leaves the bed's alone. */
typedef struct lent_store {
    weir_store  base;
    weir_store *lender;
} lent_store;

static const weir_store_kind lent_kind;

static weir_store *lender_of(weir_store *store)
{
    weir_assert(store->kind == &lent_kind);
    return ((lent_store *)store)->lender;
}

#define LENT_VERB(verb)                                                                    \
    static weir_code lent_##verb(weir_store *store, weir_object *object, size_t count,     \
                                 weir_err *err)                                            \
    {                                                                                      \
        weir_store *lender = lender_of(store);                                             \
        return lender->kind->verb(lender, object, count, err);                             \
    }
LENT_VERB(get)
LENT_VERB(head)
LENT_VERB(put)
LENT_VERB(put_new)
LENT_VERB(remove)

static weir_code lent_list(weir_store *store, weir_str prefix, weir_str after, uint32_t most,
                           weir_arena *arena, weir_listed **out, uint32_t *out_count,
                           weir_err *err)
{
    weir_store *lender = lender_of(store);
    return lender->kind->list(lender, prefix, after, most, arena, out, out_count, err);
}

static void lent_close(weir_store *store)
{
    (void)store;
}

static const weir_store_kind lent_kind = {
    .name = "lent", .scheme = "memory:", .summary = "", .size = sizeof(lent_store),
    .get = lent_get, .head = lent_head, .put = lent_put,
    .put_new = lent_put_new, .list = lent_list, .remove = lent_remove, .close = lent_close,
};

static weir_code store_at(void *self, weir_str location, weir_store **out,
                          weir_str *out_prefix, weir_err *err)
{
    engine_bed *bed = self;
    if (bed->no_store)
        return weir_fail(err, WEIR_E_CONFIG, "the test has no store");
    lent_store *lent = weir_heap_new(1, sizeof *lent);
    lent->base.kind = &lent_kind;
    lent->lender = &bed->store.base;
    *out = &lent->base;
    *out_prefix = location;
    return WEIR_OK;
}

static int64_t hand_now(weir_clock *clock)
{
    return atomic_load(&((hand_clock *)clock)->now_us);
}

static void short_pause(void)
{
    struct timespec some = {.tv_nsec = TURN_US * 1000L};
    (void)nanosleep(&some, NULL);
}

static void hand_pause(weir_clock *clock, int64_t us)
{
    (void)clock, (void)us;
    short_pause();
}

void engine_bed_open(engine_bed *bed)
{
    memset(bed, 0, sizeof *bed);
    bed->clock = weir_clock_system();
    bed->hand = (hand_clock){.base = {.wall_us = hand_now, .mono_us = hand_now,
                                      .boot_us = hand_now, .pause_us = hand_pause},
                             .now_us = 1704067200000000};
    weir_store_setup setup = {.location = WEIR_STR("memory:"), .clock = bed->clock};
    weir_err_clear(&bed->err);
    CHECK_OK(weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &bed->memory,
                            &bed->err),
             &bed->err);
    bed->store = faulty_store_new(bed->memory, false);
    bed->until_end = true;
    script_clear();
    keep_clear();
}

void engine_bed_close(engine_bed *bed)
{
    faulty_store_done(&bed->store);
    weir_store_free(bed->memory);
    weir_arena_free(bed->arena);
    script_clear();
    keep_clear();
}

void engine_bed_by_hand(engine_bed *bed)
{
    bed->clock = &bed->hand.base;
}

static const weir_catalog *catalog_of(weir_arena *arena)
{
    const weir_sink_kind *sinks[] = {&keep_kind, &heap_kind};
    weir_catalog         *catalog = WEIR_NEW(arena, weir_catalog);
    weir_catalog_kind    *connector = WEIR_ARRAY(arena, weir_catalog_kind, 4);
    weir_catalog_kind    *format = WEIR_ARRAY(arena, weir_catalog_kind, 3);
    connector[0] = (weir_catalog_kind){.name = script_kind.name, .source = true,
                                       .options = script_kind.options,
                                       .formats = script_kind.formats};
    for (uint32_t i = 0; i < 2; i++)
        connector[1 + i] = (weir_catalog_kind){.name = sinks[i]->name, .sink = true,
                                               .options = sinks[i]->options,
                                               .keyed = sinks[i]->keyed};
    const char *names[] = {"json", "debezium-json"};
    for (uint32_t i = 0; i < 2; i++) {
        const weir_decoder_kind *decoder = weir_decoder_find(weir_str_of(names[i]));
        format[i] = (weir_catalog_kind){.name = decoder->name, .source = true,
                                        .options = decoder->options,
                                        .changelog = decoder->changelog};
    }
    *catalog = (weir_catalog){.connector = connector, .connectors = 3, .format = format,
                              .formats = 2};
    return catalog;
}

weir_plan *engine_bed_plan(engine_bed *bed, const char *sql)
{
    weir_arena_free(bed->arena);
    bed->arena = weir_arena_new("plan", 1 << 16);
    weir_sql_errors errors = {0};
    weir_sql_input  input = {
         .file = "job.sql",
         .text = weir_str_of(weir_arena_text(
            bed->arena,
            "SET job.name = '%s'; SET checkpoint.location = 'place'; %s\n%s",
            bed->job ? bed->job : "job",
            strstr(sql, "epoch.interval") ? ""
            : bed->until_end              ? "SET epoch.interval = '1 hour';"
                                          : "SET epoch.interval = '10 ms';",
            sql)),
         .catalog = catalog_of(bed->arena)};
    if (weir_sql_plan(&input, bed->arena, &bed->plan, &errors) != WEIR_OK)
        fail_msg("%d:%d: %s; %s", errors.error[0].line, errors.error[0].column,
                 errors.error[0].msg, errors.error[0].hint);
    return bed->plan;
}

weir_checkpoint *engine_bed_look(engine_bed *bed, const char *job, weir_arena *arena,
                                 weir_manifest **last)
{
    weir_checkpoint_setup setup = {
        .store = &bed->store.base, .prefix = WEIR_STR("place"), .job = weir_str_of(job),
        .task = WEIR_STR("t0"), .clock = bed->clock, .stop = &bed->stop};
    weir_checkpoint *checkpoint = NULL;
    bool             finalised = false;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &bed->err), &bed->err);
    CHECK_OK(weir_checkpoint_look(checkpoint, arena, last, &finalised, &bed->err), &bed->err);
    return checkpoint;
}

weir_manifest *engine_bed_epoch(engine_bed *bed, weir_checkpoint *checkpoint,
                                weir_manifest *last, uint64_t epoch, weir_arena *arena)
{
    while (last->epoch > epoch)
        CHECK_OK(weir_checkpoint_read(checkpoint, last->prev_gen, last->prev_idx, arena, &last,
                                      &bed->err),
                 &bed->err);
    CHECK_U64(last->epoch, epoch);
    return last;
}

weir_checkpoint *engine_bed_take_over(engine_bed *bed, weir_arena *arena, weir_manifest **last)
{
    weir_checkpoint_setup setup = {
        .store = bed->memory, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .clock = bed->clock, .stop = &bed->stop};
    weir_checkpoint *checkpoint = NULL;
    bool             finalised = false;
    weir_err         err;
    CHECK_OK(weir_checkpoint_open(&setup, &checkpoint, &err), &err);
    CHECK_OK(weir_checkpoint_take_over(checkpoint, arena, last, &finalised, &err), &err);
    return checkpoint;
}

void engine_bed_spoil(engine_bed *bed, const char *name, const char *bytes, const char *without)
{
    weir_arena      *arena = weir_arena_new("spoil", 4096);
    weir_manifest   *last = NULL;
    weir_checkpoint *checkpoint = engine_bed_take_over(bed, arena, &last);
    weir_stage      *stage = weir_checkpoint_stage(checkpoint, last->epoch + 1);
    weir_sha256      sha;
    for (uint32_t i = 0; i < last->sections; i++) {
        weir_str section = last->section[i].name;
        bool     own = weir_str_is(section, "blobs") || weir_str_is(section, "refs") ||
                   weir_str_is(section, "files");
        if (!own && !weir_str_is(section, name) && !weir_str_is(section, without))
            weir_stage_section(stage, weir_str_copy(arena, section).at,
                               last->section[i].bytes);
    }
    if (bytes != NULL)
        weir_stage_section(stage, name, weir_str_of(bytes));
    weir_err err;
    CHECK_OK(weir_stage_build(stage, &sha, &err), &err);
    CHECK_OK(weir_stage_publish(stage, &err), &err);
    weir_stage_free(stage);
    weir_checkpoint_close(checkpoint);
    weir_arena_free(arena);
}

void engine_bed_drop(engine_bed *bed, const char *key, const char *section)
{
    weir_arena       *arena = weir_arena_new("drop", 4096);
    weir_buf          bytes = {0}, without = {0};
    checkpoint_record record;
    uint32_t          kept = 0;
    weir_err          err;
    CHECK_OK(weir_store_get_one(bed->memory, weir_str_of(key), &bytes, &err), &err);
    CHECK(record_read(weir_buf_view(&bytes), arena, &record) == NULL);
    for (uint32_t i = 0; i < record.sections; i++)
        if (!weir_str_is(record.section[i].name, section))
            record.section[kept++] = record.section[i];
    CHECK_INT(kept, record.sections - 1);
    record.sections = kept;
    record_write(&without, &record);
    CHECK_OK(weir_store_put_one(bed->memory, weir_str_of(key), weir_buf_view(&without), &err),
             &err);
    weir_buf_done(&bytes);
    weir_buf_done(&without);
    weir_arena_free(arena);
}

static const weir_source_kind *source_kind(weir_str name)
{
    return weir_str_is(name, script_kind.name) ? &script_kind : NULL;
}

static const weir_sink_kind *sink_kind(weir_str name)
{
    if (weir_str_is(name, keep_kind.name))
        return &keep_kind;
    return &heap_kind; /* also for dead letters, which ask for "s3" */
}

weir_engine_setup engine_bed_setup(engine_bed *bed)
{
    return (weir_engine_setup){
        .plan = bed->plan, .clock = bed->clock, .stop = &bed->stop, .status = &bed->status,
        .replay = bed->replay, .origin = bed->origin, .lineage = bed->lineage,
        .allow = bed->allow,
        .until_end = bed->until_end, .leave_open = bed->leave_open, .fresh = bed->fresh,
        .take_over = true, .source_kind = source_kind, .sink_kind = sink_kind,
        .store_at = store_at, .store_self = bed};
}

static void *run_planned(void *argument)
{
    engine_bed       *bed = argument;
    weir_engine_setup setup = engine_bed_setup(bed);
    weir_err_clear(&bed->err);
    bed->rc = weir_engine_run(&setup, &bed->err);
    return NULL;
}

weir_code engine_bed_run(engine_bed *bed, const char *sql)
{
    (void)engine_bed_plan(bed, sql);
    memset(&bed->status, 0, sizeof bed->status);
    (void)run_planned(bed);
    return bed->rc;
}

void engine_bed_start(engine_bed *bed, const char *sql)
{
    (void)engine_bed_plan(bed, sql);
    memset(&bed->status, 0, sizeof bed->status);
    atomic_store(&bed->stop, 0);
    CHECK(pthread_create(&bed->thread, NULL, run_planned, bed) == 0);
}

weir_code engine_bed_join(engine_bed *bed)
{
    CHECK(pthread_join(bed->thread, NULL) == 0);
    return bed->rc;
}

weir_code engine_bed_stop(engine_bed *bed)
{
    atomic_store(&bed->stop, 1);
    weir_code rc = engine_bed_join(bed);
    atomic_store(&bed->stop, 0);
    return rc;
}

bool engine_bed_turn(engine_bed *bed, uint32_t *turns)
{
    atomic_fetch_add(&bed->hand.now_us, 20000);
    for (int i = 0; i < (*turns < TURNS_MAX / 10 ? 1 : 3); i++) /* then longer: not further */
        short_pause();
    return ++*turns < TURNS_MAX;
}
