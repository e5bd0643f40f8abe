/* fuzz/sections: the engine's own sections of a manifest: positions, sink groups, the list
 * of state, and an epoch's deltas.
 *
 * The first byte says which ('p', 'g', 's', 'd'). The checksum that ends a section is set
 * right, so that what lies behind it is reached. Refused as damaged, or taken; positions
 * that are taken are written and read once more, and are the same.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine/engine_parts.h"
#include "engine_bed.h"

#define TOTALS                                                                             \
    "CREATE TABLE events (who text, n bigint) WITH (connector = 'script', "                \
    "topic = 'events', format = 'json');\n"                                                \
    "CREATE TABLE totals (who text PRIMARY KEY, n numeric(38,0)) WITH (connector = "       \
    "'keep');\nINSERT INTO totals SELECT who, sum(n) FROM events GROUP BY who;\n"
#define RECORD_KEY "place/job/l1/t0/log/00000001/00000001"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is)
{
    if (!is)
        __builtin_trap();
}

typedef struct world { /* made once: nothing in it changes */
    engine_bed        bed;
    weir_engine_setup setup;
    weir_plan        *plan;
    weir_checkpoint  *checkpoint;
    weir_table        table[2];
    bool              made;
} world;

static world it;

static void make_world(void)
{
    if (it.made)
        return;
    weir_err         err;
    weir_manifest   *last = NULL;
    bool             finalised = false;
    weir_arena      *arena = weir_arena_new("takeover", 4096);
    engine_bed_open(&it.bed);
    it.plan = engine_bed_plan(&it.bed, TOTALS);
    it.setup = (weir_engine_setup){
        .plan = it.plan, .clock = it.bed.clock, .stop = &it.bed.stop, .status = &it.bed.status};
    weir_checkpoint_setup setup = {
        .store = it.bed.memory, .prefix = WEIR_STR("place"), .job = WEIR_STR("job"),
        .task = WEIR_STR("t0"), .take_over = true, .clock = it.bed.clock, .stop = &it.bed.stop};
    require(weir_checkpoint_open(&setup, &it.checkpoint, &err) == WEIR_OK);
    require(weir_checkpoint_take_over(it.checkpoint, arena, &last, &finalised, &err) == WEIR_OK);
    weir_arena_free(arena);
    it.table[0].name = WEIR_STR("orders");
    it.table[1].name = WEIR_STR("clicks");
    it.made = true;
}

static engine_job *job_new(void)
{
    engine_job *engine = weir_heap_new(1, sizeof *engine);
    engine->setup = &it.setup;
    engine->plan = it.plan;
    engine->clock = it.bed.clock;
    engine->status = &it.bed.status;
    engine->checkpoint = it.checkpoint;
    engine->arena = weir_arena_new("job", 4096);
    engine->lanes = 1;
    engine->budget.limit = 16u << 20;
    engine->sources = 2;
    engine->source = WEIR_ARRAY(engine->arena, engine_source, 2);
    for (uint32_t s = 0; s < 2; s++) {
        engine_source *source = &engine->source[s];
        source->engine = engine;
        source->table = &it.table[s];
        source->arena = weir_arena_new("source", 1024);
        pthread_mutex_init(&source->lock, NULL);
        engine_partitions_room(source, 2);
        for (uint32_t p = 0; p < 2; p++) {
            weir_partition_info info = {.name = weir_str_of(p ? "1" : "0"), .end = 50};
            engine_partition_add(source, &info);
        }
        engine_partitions_adopt(source);
    }
    engine->groups = 2;
    engine->group = WEIR_ARRAY(engine->arena, engine_group, 2);
    engine->group[0].section = "sink/mysql/shop";
    engine->group[1].section = "sink/s3/lake";
    return engine;
}

static void job_free(engine_job *engine)
{
    for (uint32_t s = 0; s < 2; s++) {
        engine_partitions_free(&engine->source[s]);
        weir_arena_free(engine->source[s].arena);
        pthread_mutex_destroy(&engine->source[s].lock);
    }
    weir_ops_free(engine->ops);
    require(atomic_load(&engine->budget.used) == 0);
    weir_arena_free(engine->arena);
    weir_heap_free(engine);
}

static void require_refused(weir_code rc, const weir_err *err)
{
    require(rc == WEIR_OK || err->fate == WEIR_FATE_HALT);
    require(rc == WEIR_OK || err->exit != WEIR_EXIT_FENCED);
}

static void try_positions(weir_str bytes)
{
    weir_err    err;
    engine_job *first = job_new(), *second = job_new();
    weir_err_clear(&err);
    weir_code rc = engine_positions_read(first, bytes, &err);
    require_refused(rc, &err);
    if (rc == WEIR_OK) {
        weir_buf once = {0}, twice = {0};
        engine_positions_write(first, first->ended, &once);
        require(engine_positions_read(second, weir_buf_view(&once), &err) == WEIR_OK);
        engine_positions_write(second, second->ended, &twice);
        require(weir_str_eq(weir_buf_view(&once), weir_buf_view(&twice)));
        weir_buf_done(&once);
        weir_buf_done(&twice);
    }
    job_free(first);
    job_free(second);
}

static void try_groups(weir_str bytes)
{
    weir_err    err;
    engine_job *engine = job_new();
    weir_err_clear(&err);
    require_refused(engine_groups_read(engine, bytes, &err), &err);
    job_free(engine);
}

static void try_state(weir_str bytes)
{
    weir_err    err;
    engine_job *engine = job_new();
    weir_err_clear(&err);
    require(weir_ops_new(it.plan, 1, &engine->budget, &engine->ops, &err) == WEIR_OK);
    require_refused(engine_slices_restore(engine, engine->checkpoint, bytes, &err), &err);
    job_free(engine);
}

static void end_section(weir_buf *section)
{
    weir_buf_u32(section, weir_crc32c(0, weir_buf_view(section)));
}

/* As docs/checkpoint-format.md has it: all of the first object of the log. */
static void write_ref(weir_buf *out, weir_str bytes)
{
    for (uint32_t i = 0; i < 3; i++) /* gen, idx, epoch */
        weir_buf_varint(out, 1);
    weir_buf_u32(out, UINT32_MAX);
    for (uint32_t i = 0; i < 16; i++)
        weir_buf_byte(out, 0);
    weir_buf_varint(out, 0);
    weir_buf_varint(out, bytes.len);
    weir_buf_varint(out, 0);
    weir_buf_u32(out, weir_crc32c(0, bytes));
}

/* The bytes are the only delta of a list without full copies. */
static void try_delta(weir_str bytes)
{
    weir_err err;
    weir_buf section = {0};
    if (bytes.len == 0)
        return;
    require(weir_store_put_one(it.bed.memory, WEIR_STR(RECORD_KEY), bytes, &err) == WEIR_OK);
    weir_buf_byte(&section, 1);
    weir_buf_byte(&section, WEIR_SLICES);
    for (uint32_t i = 0; i < WEIR_SLICES; i++)
        weir_buf_byte(&section, 0);
    weir_buf_varint(&section, 1);
    weir_buf_varint(&section, 1);
    write_ref(&section, bytes);
    end_section(&section);
    try_state(weir_buf_view(&section));
    weir_buf_done(&section);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    make_world();
    weir_str bytes = {(const char *)data + 1, size - 1};
    weir_buf section = {0};
    weir_buf_str(&section, bytes);
    end_section(&section);
    weir_str mended = weir_buf_view(&section);
    if (data[0] == 'p')
        try_positions(mended);
    else if (data[0] == 'g')
        try_groups(mended);
    else if (data[0] == 's')
        try_state(mended);
    else
        try_delta(bytes);
    weir_buf_done(&section);
    return 0;
}
