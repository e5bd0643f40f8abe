/* tests/sink_bench: see the header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sink_bench.h"

#include "check.h"

static void must(sink_bench *bench, weir_code rc, const char *what)
{
    check_code(rc, WEIR_OK, &bench->err, what, __FILE__, __LINE__);
}

static weir_opts *read_options(sink_bench *bench, const char *options)
{
    weir_setting settings[32];
    size_t       count = 0;
    char        *copy = weir_arena_text(bench->arena, "%s", options);
    weir_opts   *opts = NULL;
    for (char *save = NULL, *at = strtok_r(copy, ";", &save); at != NULL;
         at = strtok_r(NULL, ";", &save)) {
        char *equals = strchr(at, '=');
        *equals = '\0';
        settings[count++] = (weir_setting){.name = weir_str_of(at),
                                           .value = weir_str_of(equals + 1),
                                           .name_at = -1,
                                           .value_at = -1};
    }
    const weir_option *const tables[3] = {bench->kind->options, NULL, NULL};
    must(bench, weir_opts_read(tables, settings, count, bench->arena, &opts, &bench->err),
         "weir_opts_read");
    return opts;
}

/* A sink frees the store that it was given; this one lets every call through. */
typedef struct shared_store {
    weir_store  base;
    weir_store *inner;
} shared_store;

static weir_code shared_get(weir_store *store, weir_object *object, size_t count,
                            weir_err *err)
{
    weir_store *inner = ((shared_store *)store)->inner;
    return inner->kind->get(inner, object, count, err);
}

static weir_code shared_head(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    weir_store *inner = ((shared_store *)store)->inner;
    return inner->kind->head(inner, object, count, err);
}

static weir_code shared_put(weir_store *store, weir_object *object, size_t count,
                            weir_err *err)
{
    weir_store *inner = ((shared_store *)store)->inner;
    return inner->kind->put(inner, object, count, err);
}

static weir_code shared_put_new(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    weir_store *inner = ((shared_store *)store)->inner;
    return inner->kind->put_new(inner, object, count, err);
}

static weir_code shared_list(weir_store *store, weir_str prefix, weir_str after, uint32_t most,
                             weir_arena *arena, weir_listed **out, uint32_t *out_count,
                             weir_err *err)
{
    weir_store *inner = ((shared_store *)store)->inner;
    return inner->kind->list(inner, prefix, after, most, arena, out, out_count, err);
}

static void shared_close(weir_store *store)
{
    (void)store;
}

static const weir_store_kind shared_kind = {
    .name = "shared",
    .size = sizeof(shared_store),
    .get = shared_get,
    .head = shared_head,
    .put = shared_put,
    .put_new = shared_put_new,
    .list = shared_list,
    .close = shared_close,
};

static weir_code store_at(void *self, weir_str location, weir_store **out,
                          weir_str *out_prefix, weir_err *err)
{
    sink_bench   *bench = self;
    shared_store *shared = weir_heap_new(1, sizeof *shared);
    (void)err;
    shared->base.kind = &shared_kind;
    shared->inner = bench->files != NULL ? bench->files : bench->store;
    *out = &shared->base;
    *out_prefix = location;
    return WEIR_OK;
}

static weir_store *memory_store(sink_bench *bench)
{
    weir_store      *store = NULL;
    weir_store_setup setup = {.location = WEIR_STR("memory:"), .clock = &bench->clock.base};
    must(bench,
         weir_store_new(weir_store_find(WEIR_STR("memory")), &setup, &store, &bench->err),
         "weir_store_new");
    return store;
}

void bench_start(sink_bench *bench, const char *kind, const char *options)
{
    memset(bench, 0, sizeof *bench);
    weir_err_clear(&bench->err);
    bench->arena = weir_arena_new("bench", 64 << 10);
    bench->clock = fake_clock_new();
    bench->store = memory_store(bench);
    bench->kind = weir_sink_find(weir_str_of(kind));
    if (bench->kind == NULL)
        fail_msg("there is no sink '%s' in this build", kind);
    bench->field[0] = (weir_field){WEIR_STR("id"), {.id = WEIR_T_INT64}, true};
    bench->field[1] = (weir_field){WEIR_STR("name"), {.id = WEIR_T_TEXT}, true};
    bench->field[2] = (weir_field){
        WEIR_STR("amount"), {.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, false};
    bench->field[3] = (weir_field){WEIR_STR("at"), {.id = WEIR_T_TIMESTAMPTZ}, false};
    bench->field[4] =
        (weir_field){WEIR_STR("note"), {.id = WEIR_T_TEXT, .length = 8}, false};
    bench->schema = (weir_schema){5, bench->field};
    bench->key[1] = 1;
    bench->table = (weir_sink_table){.name = WEIR_STR("bench_rows"),
                                     .schema = &bench->schema,
                                     .keys = bench->kind->keyed ? 2 : 0,
                                     .key = bench->key,
                                     .opts = read_options(bench, options),
                                     .changelog = !bench->kind->keyed,
                                     .sql_at = -1};
    bench->setup = (weir_sink_setup){.group = WEIR_STR("bench"),
                                     .table = &bench->table,
                                     .tables = 1,
                                     .job = WEIR_STR("bench"),
                                     .lineage = 1,
                                     .task = WEIR_STR("t0"),
                                     .clock = &bench->clock.base,
                                     .open_bytes_max = 64 << 20,
                                     .store_at = store_at,
                                     .store_self = bench};
    bench->section = "sink/bench";
    bench->watermark_us = INT64_MIN;
}

static void bury(bench_zombie *zombie)
{
    weir_sink_free(zombie->sink);
    weir_stage_free(zombie->stage);
    weir_checkpoint_close(zombie->checkpoint);
    weir_arena_free(zombie->epoch);
    *zombie = (bench_zombie){0};
}

void bench_stop(sink_bench *bench)
{
    bury(&bench->now);
    for (uint32_t i = 0; i < bench->zombies; i++)
        bury(&bench->zombie[i]);
    weir_store_free(bench->store);
    weir_arena_free(bench->arena);
}

void bench_crash(sink_bench *bench)
{
    if (bench->zombies == 32)
        fail_msg("too many crashes");
    bench->zombie[bench->zombies++] = bench->now;
    bench->now = (bench_zombie){0};
}

static weir_code read_epoch(weir_history *history, uint64_t epoch, weir_arena *arena,
                            weir_committed *out, weir_err *err)
{
    bench_history *self = (bench_history *)history;
    sink_bench    *bench = self->bench;
    weir_manifest *manifest = NULL;
    weir_code      rc = weir_checkpoint_read(self->checkpoint, bench->place[epoch].gen,
                                             bench->place[epoch].idx, arena, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    *out = (weir_committed){.id = {.gen = manifest->gen,
                                   .epoch = manifest->epoch,
                                   .sha = manifest->sha,
                                   .prev_sha = manifest->prev_sha}};
    out->payload = weir_manifest_section(manifest, bench->section);
    out->joined = out->payload.at != NULL;
    if (!manifest->amends)
        return WEIR_OK;
    weir_manifest *before = NULL;
    rc = weir_checkpoint_read(self->checkpoint, manifest->prev_gen, manifest->prev_idx, arena,
                              &before, err);
    if (rc != WEIR_OK)
        return rc;
    out->amends = true;
    out->amended = before->sha;
    out->id.prev_sha = before->prev_sha;
    out->claimed = !bench->left;
    return weir_checkpoint_begun_by(self->checkpoint, manifest->gen, &out->claim, err);
}

bench_history bench_history_of(sink_bench *bench, weir_checkpoint *checkpoint)
{
    return (bench_history){.base = {.last = bench->last,
                                    .finalised = bench->finalised,
                                    .read = read_epoch,
                                    .checkpoint = checkpoint},
                           .bench = bench,
                           .checkpoint = checkpoint};
}

static void open_checkpoint(sink_bench *bench)
{
    weir_manifest        *last = NULL;
    weir_checkpoint_setup setup = {.store = bench->store,
                                   .prefix = WEIR_STR("cp"),
                                   .job = bench->setup.job,
                                   .task = bench->setup.task,
                                   .fresh = bench->fresh,
                                   .take_over = true,
                                   .epoch_interval_us = 1000000,
                                   .clock = &bench->clock.base};
    must(bench, weir_checkpoint_open(&setup, &bench->now.checkpoint, &bench->err), "open");
    must(bench,
         weir_checkpoint_take_over(bench->now.checkpoint, bench->arena, &last,
                                   &bench->finalised, &bench->err),
         "take_over");
    if (bench->fresh)
        bench->setup.lineage = weir_checkpoint_lineage(bench->now.checkpoint);
    bench->fresh = false;
    bench->last = last != NULL ? last->epoch : 0;
    if (last != NULL) {
        bench->place[last->epoch] = (bench_place){last->gen, last->idx};
        bench->sha[last->epoch] = last->sha;
    }
}

weir_code bench_try_take_over(sink_bench *bench)
{
    open_checkpoint(bench);
    weir_code rc = weir_sink_new(bench->kind, &bench->setup, &bench->now.sink, &bench->err);
    if (rc != WEIR_OK)
        return rc;
    bench_history history = bench_history_of(bench, bench->now.checkpoint);
    rc = bench->kind->replay(bench->now.sink, &history.base, &bench->err);
    if (rc == WEIR_OK && bench->last > 0)
        must(bench, weir_checkpoint_finalised(bench->now.checkpoint, &bench->err),
             "finalised");
    return rc;
}

void bench_take_over(sink_bench *bench)
{
    must(bench, bench_try_take_over(bench), "bench_try_take_over");
}

static uint8_t op_of(const char *text)
{
    static const char *const ops[] = {"+I", "-U", "+U", "-D"};
    for (uint8_t op = 0; op < 4; op++)
        if (strncmp(text, ops[op], 2) == 0)
            return op;
    fail_msg("no op in '%s'", text);
    return 0;
}

static void add_cell(sink_bench *bench, weir_builder *builder, uint32_t c, const char *cell)
{
    weir_datum value = {0};
    if (cell[0] == '\0') {
        weir_builder_null(builder);
        return;
    }
    if (strcmp(cell, "''") == 0)
        cell = "";
    if (weir_type_is_text(bench->field[c].type))
        value.text = weir_str_of(cell);
    else
        must(bench,
             weir_datum_parse(bench->field[c].type, weir_str_of(cell), &value, &bench->err),
             cell);
    weir_builder_datum(builder, &value);
}

weir_batch *bench_rows(sink_bench *bench, weir_arena *arena, const char *text)
{
    weir_builder builder[5];
    weir_column *column = WEIR_ARRAY(arena, weir_column, 5);
    uint8_t     *op = WEIR_ARRAY(arena, uint8_t, WEIR_BATCH_ROWS);
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    char        *copy = weir_arena_text(arena, "%s", text);
    uint32_t     rows = 0;
    for (uint32_t c = 0; c < 5; c++)
        weir_builder_start(&builder[c], arena, bench->field[c].type, WEIR_BATCH_ROWS);
    for (char *line; (line = strsep(&copy, "\n")) != NULL;) {
        if (line[0] == '\0')
            continue;
        op[rows++] = op_of(strsep(&line, "|"));
        for (uint32_t c = 0; c < 5; c++) {
            char *cell = strsep(&line, "|");
            add_cell(bench, &builder[c], c, cell != NULL ? cell : "");
        }
    }
    for (uint32_t c = 0; c < 5; c++)
        column[c] = weir_builder_end(&builder[c]);
    *batch = (weir_batch){
        .rows = rows, .columns = 5, .column = column, .selected = rows, .op = op};
    return batch;
}

weir_code bench_stage(sink_bench *bench, const weir_batch *rows, bool again)
{
    weir_batch    *batch = (weir_batch *)(uintptr_t)rows;
    weir_sink_rows of_table = {.table = 0, .batches = 1, .batch = &batch};
    weir_buf       payload = {0};
    uint64_t       epoch = bench->last + 1;
    bench_zombie  *now = &bench->now;
    if (now->stage == NULL)
        now->stage = weir_checkpoint_stage(now->checkpoint, epoch);
    weir_stage_reset(now->stage);
    weir_stage_input input = {.gen = weir_checkpoint_generation(now->checkpoint),
                              .epoch = epoch,
                              .watermark_us = bench->watermark_us,
                              .mono_us = bench->clock.mono,
                              .end = bench->end,
                              .again = again,
                              .rows = &of_table,
                              .count = 1,
                              .stage = now->stage};
    weir_code        rc = bench->kind->stage(now->sink, &input, &payload, &bench->err);
    if (rc == WEIR_OK)
        weir_stage_section(now->stage, bench->section, weir_buf_view(&payload));
    weir_buf_done(&payload);
    now->id = (weir_commit_id){.gen = input.gen, .epoch = epoch};
    if (bench->last > 0)
        now->id.prev_sha = bench->sha[bench->last];
    if (rc == WEIR_OK)
        rc = weir_stage_build(now->stage, &now->id.sha, &bench->err);
    return rc;
}

weir_code bench_execute(sink_bench *bench, weir_refusals *refusals)
{
    bench_history history = bench_history_of(bench, bench->now.checkpoint);
    return bench->kind->execute(bench->now.sink, &bench->now.id, &history.base, refusals,
                                &bench->err);
}

weir_code bench_put(sink_bench *bench)
{
    weir_code rc = weir_stage_publish(bench->now.stage, &bench->err);
    if (rc != WEIR_OK)
        return rc;
    const weir_manifest *manifest = weir_stage_manifest(bench->now.stage, bench->arena);
    bench->last = manifest->epoch;
    bench->finalised = false;
    bench->place[manifest->epoch] = (bench_place){manifest->gen, manifest->idx};
    bench->sha[manifest->epoch] = manifest->sha;
    return WEIR_OK;
}

weir_code bench_commit(sink_bench *bench)
{
    bench_history history = bench_history_of(bench, bench->now.checkpoint);
    return bench->kind->commit(bench->now.sink, &bench->now.id, &history.base, &bench->err);
}

weir_code bench_finalise(sink_bench *bench)
{
    return bench->kind->finalise(bench->now.sink, &bench->now.id, &bench->err);
}

static weir_code stage_and_execute(sink_bench *bench, const weir_batch *rows,
                                   bench_step last)
{
    weir_refusals refusals = {.arena = bench->now.epoch};
    for (bool again = false;; again = true) {
        weir_code rc = bench_stage(bench, rows, again);
        if (rc != WEIR_OK || last == BENCH_STAGED)
            return rc;
        refusals.count = 0;
        rc = bench_execute(bench, &refusals);
        if (rc != WEIR_OK || refusals.count == 0)
            return rc;
    }
}

weir_code bench_try_epoch(sink_bench *bench, const weir_batch *rows, bench_step last)
{
    bench_zombie *now = &bench->now;
    if (now->epoch == NULL)
        now->epoch = weir_arena_new("bench epoch", 64 << 10);
    weir_code rc = stage_and_execute(bench, rows, last);
    if (rc == WEIR_OK && last >= BENCH_PUT)
        rc = bench_put(bench);
    if (rc == WEIR_OK && last >= BENCH_COMMITTED)
        rc = bench_commit(bench);
    if (rc == WEIR_OK && last >= BENCH_FINALISED) {
        rc = bench_finalise(bench);
        weir_stage_free(now->stage);
        now->stage = NULL;
        bench->finalised = rc == WEIR_OK;
        if (rc == WEIR_OK)
            rc = weir_checkpoint_finalised(now->checkpoint, &bench->err);
    }
    return rc;
}

void bench_epoch(sink_bench *bench, const char *rows)
{
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    must(bench, bench_try_epoch(bench, bench_rows(bench, arena, rows), BENCH_FINALISED),
         "bench_try_epoch");
    weir_arena_free(arena);
}
