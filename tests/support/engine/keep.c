/* tests/keep: the sinks themselves.
 *
 * A payload is a list of operations as text: table 1 byte, op 1 byte, key, row. Both kinds
 * apply payloads only, so a replay does what a commit does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

keep_faults keep_fault;

static keep_group      groups[KEEP_GROUPS];
static uint32_t        group_count;
static pthread_mutex_t groups_lock = PTHREAD_MUTEX_INITIALIZER;

typedef struct keep_sink {
    weir_sink       base;
    weir_sink_setup setup;
    keep_group     *group;
    weir_buf        staged; /* the payload */
} keep_sink;

void keep_clear(void)
{
    for (uint32_t g = 0; g < group_count; g++) {
        weir_arena_free(groups[g].arena);
        weir_heap_free(groups[g].key);
        weir_heap_free(groups[g].row);
        pthread_mutex_destroy(&groups[g].lock);
    }
    memset(groups, 0, sizeof groups);
    group_count = 0;
    keep_fault = (keep_faults){.refuse = NULL};
}

keep_group *keep_group_of(const char *name)
{
    pthread_mutex_lock(&groups_lock);
    uint32_t g = 0;
    while (g < group_count && strcmp(groups[g].name, name) != 0)
        g++;
    if (g == group_count) {
        weir_assert(group_count < KEEP_GROUPS);
        (void)snprintf(groups[g].name, sizeof groups[g].name, "%s", name);
        groups[g].arena = weir_arena_new("kept rows", 4096);
        pthread_mutex_init(&groups[g].lock, NULL);
        group_count++;
    }
    pthread_mutex_unlock(&groups_lock);
    return &groups[g];
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void keep_forget(const char *name)
{
    keep_group *group = keep_group_of(name);
    group->rows = 0;
    group->epoch = 0;
    memset(&group->sha, 0, sizeof group->sha);
}

weir_buf keep_text(const char *name)
{
    keep_group *group = keep_group_of(name);
    weir_buf    out = {0};
    pthread_mutex_lock(&group->lock);
    char **row = weir_heap_new(group->rows + 1, sizeof *row);
    for (uint32_t i = 0; i < group->rows; i++)
        row[i] = group->row[i];
    if (group->rows > 0)
        qsort(row, group->rows, sizeof *row, by_text);
    for (uint32_t i = 0; i < group->rows; i++) {
        weir_buf_text(&out, row[i]);
        weir_buf_byte(&out, '\n');
    }
    weir_heap_free(row);
    pthread_mutex_unlock(&group->lock);
    weir_buf_byte(&out, 0);
    return out;
}

static keep_sink *self_of(weir_sink *sink)
{
    weir_assert(sink->kind == &keep_kind || sink->kind == &heap_kind);
    return (keep_sink *)sink;
}

static bool is_named(const char *wanted, const char *name)
{
    return wanted != NULL && strcmp(wanted, name) == 0;
}

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    keep_sink *self = self_of(sink);
    char       name[64];
    (void)snprintf(name, sizeof name, "%.*s", WEIR_STR_FMT(setup->group));
    if (is_named(keep_fault.halt_open, name))
        return weir_halt(err, WEIR_EXIT_JOB, WEIR_E_LIMIT, "the test says it cannot be opened");
    self->setup = *setup;
    self->group = keep_group_of(name);
    self->group->ended = setup->ended;
    return WEIR_OK;
}

static void print_row(weir_buf *out, const weir_batch *batch, uint32_t row)
{
    for (uint32_t c = 0; c < batch->columns; c++) {
        weir_datum value = weir_column_get(&batch->column[c], row);
        if (c > 0)
            weir_buf_byte(out, '|');
        if (value.null)
            weir_buf_text(out, "NULL");
        else
            weir_datum_print(out, batch->column[c].type, &value);
    }
}

static void print_key(weir_buf *out, const weir_sink_table *table, const weir_batch *batch,
                      uint32_t row)
{
    weir_buf_format(out, "%.*s:", WEIR_STR_FMT(table->name));
    for (uint32_t k = 0; k < table->keys; k++) {
        weir_datum value = weir_column_get(&batch->column[table->key[k]], row);
        weir_datum_print(out, batch->column[table->key[k]].type, &value);
        weir_buf_byte(out, '|');
    }
}

static bool is_refused(weir_str row)
{
    return keep_fault.refuse != NULL && row.len > 0 &&
           memmem(row.at, row.len, keep_fault.refuse, strlen(keep_fault.refuse)) != NULL;
}

typedef struct row_walk { /* over all rows of an epoch */
    keep_sink             *self;
    const weir_sink_rows  *rows;
    weir_buf              *payload;
    weir_buf               key, text;
} row_walk;

static void walk_row(row_walk *walk, uint32_t b, uint32_t row)
{
    const weir_batch      *batch = walk->rows->batch[b];
    const weir_sink_table *table = &walk->self->setup.table[walk->rows->table];
    uint8_t                op = batch->op ? batch->op[row] : WEIR_ROW_INSERT;
    weir_buf_clear(&walk->key);
    weir_buf_clear(&walk->text);
    print_key(&walk->key, table, batch, row);
    print_row(&walk->text, batch, row);
    weir_buf_byte(walk->payload, is_refused(weir_buf_view(&walk->text)));
    weir_buf_byte(walk->payload, op);
    weir_buf_varint(walk->payload, walk->rows->table);
    weir_buf_varint(walk->payload, b);
    weir_buf_varint(walk->payload, row);
    weir_buf_blob(walk->payload, weir_buf_view(&walk->key));
    weir_buf_blob(walk->payload, weir_buf_view(&walk->text));
}

static weir_code stage(weir_sink *sink, const weir_stage_input *input, weir_buf *out_payload,
                       weir_err *err)
{
    keep_sink *self = self_of(sink);
    row_walk   walk = {.self = self, .payload = &self->staged};
    if (is_named(keep_fault.halt_stage, self->group->name))
        return weir_halt(err, WEIR_EXIT_JOB, WEIR_E_LIMIT, "the test says too much");
    weir_buf_clear(&self->staged);
    weir_buf_byte(&self->staged, input->again);
    for (uint32_t i = 0; i < input->count; i++) {
        walk.rows = &input->rows[i];
        for (uint32_t b = 0; b < walk.rows->batches; b++)
            for (uint32_t r = 0; r < walk.rows->batch[b]->selected; r++)
                walk_row(&walk, b, weir_batch_row(walk.rows->batch[b], r));
    }
    weir_buf_done(&walk.key);
    weir_buf_done(&walk.text);
    weir_buf_str(out_payload, weir_buf_view(&self->staged));
    if (!sink->kind->keyed && self->staged.len > 1)
        weir_stage_file(input->stage, WEIR_STR("heap"), 1, self->staged.len);
    self->group->stages++;
    self->group->again += input->again;
    self->group->saw_end |= input->end;
    return WEIR_OK;
}

typedef struct kept_row {
    bool     refused;
    uint8_t  op;
    uint64_t table, batch, row;
    weir_str key, text;
} kept_row;

static bool next_row(weir_reader *reader, kept_row *out)
{
    if (weir_reader_left(reader) == 0)
        return false;
    out->refused = weir_read_byte(reader);
    out->op = weir_read_byte(reader);
    out->table = weir_read_varint(reader);
    out->batch = weir_read_varint(reader);
    out->row = weir_read_varint(reader);
    out->key = weir_read_blob(reader);
    out->text = weir_read_blob(reader);
    weir_assert(!reader->bad);
    return true;
}

static bool counts_down(_Atomic uint32_t *left)
{
    uint32_t now = atomic_load(left);
    if (now == 0)
        return false;
    atomic_store(left, now - 1);
    return true;
}

static weir_exit exit_of_halt(void)
{
    int chosen = atomic_load(&keep_fault.halt_exit);
    return chosen ? (weir_exit)chosen : WEIR_EXIT_SINK_SCHEMA;
}

static weir_code execute(weir_sink *sink, const weir_commit_id *id, weir_history *history,
                         weir_refusals *refusals, weir_err *err)
{
    keep_sink *self = self_of(sink);
    kept_row   row;
    self->group->executes++;
    if (keep_fault.now_us != NULL)
        atomic_fetch_add(keep_fault.now_us, 7000);
    weir_assert(history->last + 1 == id->epoch);
    if (counts_down(&keep_fault.away_execute))
        return weir_retry(err, WEIR_E_REMOTE, "the test says away");
    if (atomic_load(&keep_fault.halt_execute))
        return weir_halt(err, exit_of_halt(), WEIR_E_REMOTE, "the test says halt");
    weir_reader reader = weir_reader_of(weir_buf_view(&self->staged));
    bool        again = weir_read_byte(&reader);
    while (!again && next_row(&reader, &row)) {
        if (!row.refused)
            continue;
        weir_refused refused = {.table = (uint32_t)row.table, .batch = (uint32_t)row.batch,
                                .row = (uint32_t)row.row, .code = "TEST",
                                .msg = "the test refuses it"};
        weir_refuse(refusals, &refused);
    }
    return WEIR_OK;
}

static char *text_of(keep_group *group, weir_str text)
{
    return weir_arena_text(group->arena, "%.*s", WEIR_STR_FMT(text));
}

static void append(keep_group *group, const kept_row *row)
{
    if (group->rows == group->room) {
        uint32_t room = group->room ? group->room * 2 : 64;
        group->key = weir_heap_grow(group->key, group->room, room, sizeof *group->key);
        group->row = weir_heap_grow(group->row, group->room, room, sizeof *group->row);
        group->room = room;
    }
    group->key[group->rows] = text_of(group, row->key);
    group->row[group->rows++] = text_of(group, row->text);
}

static void upsert(keep_group *group, const kept_row *row)
{
    uint32_t i = 0;
    while (i < group->rows && !weir_str_is(row->key, group->key[i]))
        i++;
    if (weir_row_retracts(row->op)) {
        if (row->op == WEIR_ROW_DELETE && i < group->rows) {
            group->rows--;
            group->key[i] = group->key[group->rows];
            group->row[i] = group->row[group->rows];
        }
        return;
    }
    if (i < group->rows)
        group->row[i] = text_of(group, row->text);
    else
        append(group, row);
}

static bool is_closed(const kept_row *row)
{
    return keep_fault.closed != NULL && row->text.len > 0 &&
           memmem(row->text.at, row->text.len, keep_fault.closed, strlen(keep_fault.closed)) !=
               NULL;
}

/* Rows of a payload that the table does not take. */
static uint32_t count_closed(weir_str payload)
{
    weir_reader reader = weir_reader_of(payload);
    kept_row    row;
    uint32_t    count = 0;
    (void)weir_read_byte(&reader);
    while (next_row(&reader, &row))
        count += is_closed(&row);
    return count;
}

static void apply(const weir_sink *sink, keep_group *group, weir_str payload,
                  const weir_commit_id *id)
{
    weir_reader reader = weir_reader_of(payload);
    kept_row    row;
    pthread_mutex_lock(&group->lock);
    weir_assert(group->epoch + 1 == id->epoch);
    (void)weir_read_byte(&reader);
    while (next_row(&reader, &row)) {
        if (row.refused)
            continue;
        if (sink->kind->keyed)
            upsert(group, &row);
        else
            append(group, &row);
    }
    group->epoch = id->epoch;
    group->sha = id->sha;
    pthread_mutex_unlock(&group->lock);
}

static weir_code commit(weir_sink *sink, const weir_commit_id *id, weir_history *history,
                        weir_err *err)
{
    keep_sink *self = self_of(sink);
    weir_assert(history->last == id->epoch);
    if (counts_down(&keep_fault.away_commit))
        return weir_retry(err, WEIR_E_REMOTE, "the test says away");
    if (atomic_load(&keep_fault.halt_commit))
        return weir_fail(err, WEIR_E_REMOTE, "the test says halt");
    weir_assert(weir_sha256_eq(&self->group->sha, &id->prev_sha) || !sink->kind->keyed);
    if (sink->kind->keyed)
        apply(sink, self->group, weir_buf_view(&self->staged), id);
    self->group->commits++;
    if (keep_fault.now_us != NULL)
        atomic_fetch_add(keep_fault.now_us, 5000);
    return WEIR_OK;
}

static weir_code finalise(weir_sink *sink, const weir_commit_id *id, weir_err *err)
{
    keep_sink *self = self_of(sink);
    if (counts_down(&keep_fault.away_finalise))
        return weir_retry(err, WEIR_E_REMOTE, "the test says away");
    if (!sink->kind->keyed && self->group->epoch < id->epoch)
        apply(sink, self->group, weir_buf_view(&self->staged), id);
    weir_assert(self->group->epoch == id->epoch);
    self->group->finalised = id->epoch;
    return WEIR_OK;
}

static weir_code replay_epoch(weir_sink *sink, weir_history *history, weir_arena *arena,
                              weir_err *err)
{
    keep_group    *group = self_of(sink)->group;
    weir_committed committed;
    weir_code      rc = history->read(history, group->epoch + 1, arena, &committed, err);
    if (rc != WEIR_OK)
        return rc;
    weir_assert(weir_sha256_eq(&group->sha, &committed.id.prev_sha));
    weir_assert(committed.id.epoch == group->epoch + 1);
    if (sink->kind->keyed && count_closed(committed.payload) > 0)
        return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE, "the test closed the table");
    apply(sink, group, committed.joined ? committed.payload : WEIR_STR(""), &committed.id);
    group->replayed = committed;
    group->replayed.payload = (weir_str){NULL, 0};
    return WEIR_OK;
}

static weir_code replay(weir_sink *sink, weir_history *history, weir_err *err)
{
    keep_group *group = self_of(sink)->group;
    weir_arena *arena = weir_arena_new("replay", 4096);
    weir_code   rc = WEIR_OK;
    if (atomic_load(&keep_fault.halt_replay) ||
        is_named(keep_fault.halt_replay_of, group->name))
        rc = weir_halt(err, exit_of_halt(), WEIR_E_REMOTE, "the test says halt");
    bool        believes = !sink->kind->keyed && history->finalised;
    group->replays++;
    group->again_visible += !sink->kind->keyed && history->last > 0 && !history->finalised;
    while (rc == WEIR_OK && !believes && group->epoch < history->last)
        rc = replay_epoch(sink, history, arena, err);
    if (rc == WEIR_OK)
        group->finalised = group->epoch = history->last;
    weir_arena_free(arena);
    return rc;
}

static weir_batch *batch_of(weir_arena *arena, weir_str text)
{
    weir_builder builder;
    weir_column *column = WEIR_NEW(arena, weir_column);
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_builder_start(&builder, arena, (weir_type){.id = WEIR_T_TEXT}, 1);
    weir_builder_text(&builder, text);
    *column = weir_builder_end(&builder);
    *batch = (weir_batch){.rows = 1, .columns = 1, .column = column, .selected = 1};
    return batch;
}

/* Of a row its text is known, no more: the batch has one column of it. */
static weir_repair_row refused_row(const keep_sink *self, const kept_row *row, weir_arena *arena)
{
    static weir_field        field = {{"text", 4}, {.id = WEIR_T_TEXT}, true};
    static const weir_schema schema = {1, &field};
    const weir_sink_table   *table = &self->setup.table[row->table];
    weir_str                 target = weir_opts_text(table->opts, "table");
    if (keep_fault.repair_table != NULL)
        target = weir_str_of(keep_fault.repair_table);
    return (weir_repair_row){.table = target.len > 0 ? target : table->name,
                             .schema = &schema,
                             .batch = batch_of(arena, row->text),
                             .remove = weir_row_retracts(row->op),
                             .code = "TEST",
                             .msg = "the test closed the table"};
}

static void sort_rows(const keep_sink *self, weir_str payload, weir_repair *repair)
{
    weir_reader reader = weir_reader_of(payload);
    kept_row    row;
    repair->row = WEIR_ARRAY(repair->arena, weir_repair_row, count_closed(payload) + 1);
    weir_buf_byte(repair->payload, weir_read_byte(&reader));
    for (;;) {
        const char *from = reader.at;
        if (!next_row(&reader, &row))
            return;
        if (is_closed(&row))
            repair->row[repair->count++] = refused_row(self, &row, repair->arena);
        else
            weir_buf_add(repair->payload, from, (size_t)(reader.at - from));
    }
}

static void stage_large(weir_stage *stage, size_t bytes)
{
    weir_blob_ref ref;
    char         *blob = weir_heap_new(bytes, 1);
    weir_stage_blob(stage, (weir_str){blob, bytes}, false, &ref);
    weir_heap_free(blob);
}

static weir_code claim(keep_group *group, const weir_history *history, weir_err *err)
{
    uint64_t gen = weir_checkpoint_generation(history->checkpoint);
    group->claims++;
    if (keep_fault.open_at_claim)
        keep_fault.closed = NULL;
    return weir_checkpoint_begun_by(history->checkpoint, gen, &group->claim, err);
}

static weir_code repair_rows(weir_sink *sink, weir_history *history, weir_repair *repair,
                             weir_err *err)
{
    keep_sink     *self = self_of(sink);
    keep_group    *group = self->group;
    weir_committed last;
    repair->epoch = repair->count = 0;
    group->repairs++;
    if (counts_down(&keep_fault.away_repair))
        return weir_retry(err, WEIR_E_REMOTE, "the test says away");
    if (group->epoch == history->last)
        return WEIR_OK;
    weir_assert(group->epoch + 1 == history->last);
    weir_code rc = history->read(history, history->last, repair->arena, &last, err);
    if (rc == WEIR_OK && !repair->dry_run)
        rc = claim(group, history, err);
    if (rc != WEIR_OK)
        return rc;
    repair->epoch = last.id.epoch;
    sort_rows(self, last.payload, repair);
    if (repair->stage != NULL && keep_fault.repair_bytes > 0)
        stage_large(repair->stage, keep_fault.repair_bytes);
    if (is_named(keep_fault.halt_repair, group->name))
        return weir_halt(err, WEIR_EXIT_JOB, WEIR_E_REMOTE, "the test says halt");
    return WEIR_OK;
}

/* The heap has no open files: it counts. */
static weir_code adopt(weir_sink *sink, weir_str payload, weir_checkpoint *from, weir_err *err)
{
    keep_group *group = self_of(sink)->group;
    weir_assert(from != NULL);
    if (is_named(keep_fault.halt_adopt, group->name))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT, "the test says damaged");
    group->adopted += payload.len > 0;
    return WEIR_OK;
}

/* Tables have no names here: it writes down what was asked for. */
static weir_code rename_tables(weir_sink *sink, const weir_rename *rename, uint32_t count,
                               bool dry_run, weir_err *err)
{
    keep_group *group = self_of(sink)->group;
    weir_buf    text = {0};
    if (is_named(keep_fault.halt_rename, group->name))
        return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_CONFLICT, "the test says neither");
    weir_buf_text(&text, dry_run ? "?" : "");
    for (uint32_t i = 0; i < count; i++)
        weir_buf_format(&text, "%.*s<%.*s>%.*s ", WEIR_STR_FMT(rename[i].given),
                        WEIR_STR_FMT(rename[i].incoming), WEIR_STR_FMT(rename[i].outgoing));
    (void)snprintf(group->renamed, sizeof group->renamed, "%.*s", (int)text.len, text.at);
    weir_buf_done(&text);
    return WEIR_OK;
}

static void close_sink(weir_sink *sink)
{
    weir_buf_done(&self_of(sink)->staged);
}

#define KEEP_OPTIONS                                                                       \
    {.name = "path", .type = WEIR_OPT_TEXT, .help = "Is not used."},                       \
        {.name = "place", .type = WEIR_OPT_TEXT, .fallback = "x/main", .help = "Group."},  \
        {.name = "sink_group", .type = WEIR_OPT_TEXT, .help = "Its name."},                \
        {.name = "table", .type = WEIR_OPT_TEXT, .help = "Its name there."},               \
    {                                                                                      \
        .name = "roll.idle", .type = WEIR_OPT_DURATION, .fallback = "0", .help = "As s3."  \
    }
static const weir_option options[] = {KEEP_OPTIONS, {0}};
static const weir_option heap_options[] = { /* as s3's: some rows stay with it for a while */
    KEEP_OPTIONS,
    {.name = "roll.size", .type = WEIR_OPT_BYTES, .fallback = "32 MiB", .help = "As s3."},
    {0},
};

const weir_sink_kind keep_kind = {
    .name = "keep", .summary = "upserts in memory", .options = options,
    .size = sizeof(keep_sink), .promise = WEIR_PROMISE_EXACTLY_ONCE, .keyed = true,
    .group_by = "place", .repair = repair_rows, .rename = rename_tables, .open = open_sink,
    .stage = stage, .execute = execute, .commit = commit, .finalise = finalise,
    .replay = replay, .close = close_sink,
};

const weir_sink_kind heap_kind = {
    .name = "heap", .summary = "appends in memory", .options = heap_options,
    .size = sizeof(keep_sink), .promise = WEIR_PROMISE_EXACTLY_ONCE, .open = open_sink,
    .adopt = adopt, .stage = stage, .execute = execute, .commit = commit, .finalise = finalise,
    .replay = replay, .close = close_sink,
};
