/* sink/s3_stage: an epoch's rows into open files; which of them roll; what is stored.
 *
 * Gives      s3_stage, s3_undo, s3_open_insert, s3_opens_clear, s3_recipe_add,
 *            s3_recipes_clear.
 * Always     1. an epoch that is staged again starts from what the last final epoch left.
 *            2. which files roll, and their numbers, follow from the rows, the watermark and
 *               the recorded times alone; open files are looked at in order of their folders.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define S3_OPEN_MAX 4096u /* open files; the largest rolls when another is needed */
#define S3_REFS_MAX 2048u /* references of a file: bounds the payload */

static s3_sink *self_of(weir_sink *sink)
{
    weir_assert(sink->kind->open != NULL);
    return (s3_sink *)sink;
}

/* Place of the folder among the open files, or where it belongs. */
static uint32_t place_of(const s3_sink *self, weir_str folder, bool *out_there)
{
    uint32_t low = 0, high = self->opens;
    *out_there = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int      order = weir_str_cmp(self->open[middle]->folder, folder);
        *out_there = *out_there || order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void s3_open_insert(s3_sink *self, s3_file *file)
{
    bool     there;
    uint32_t at = place_of(self, file->folder, &there);
    weir_assert(!there);
    if (self->opens == self->opens_room) {
        uint32_t room = self->opens_room == 0 ? 16 : self->opens_room * 2;
        self->open = weir_heap_grow(self->open, self->opens_room, room, sizeof *self->open);
        self->opens_room = room;
    }
    memmove(self->open + at + 1, self->open + at, (self->opens - at) * sizeof *self->open);
    self->open[at] = file;
    self->opens++;
}

s3_recipe *s3_recipe_add(s3_sink *self)
{
    if (self->recipes == self->recipes_room) {
        uint32_t room = self->recipes_room == 0 ? 16 : self->recipes_room * 2;
        self->recipe =
            weir_heap_grow(self->recipe, self->recipes_room, room, sizeof *self->recipe);
        self->recipes_room = room;
    }
    s3_recipe *recipe = &self->recipe[self->recipes++];
    *recipe = (s3_recipe){0};
    return recipe;
}

void s3_recipes_clear(s3_sink *self)
{
    for (uint32_t i = 0; i < self->recipes; i++) {
        weir_buf_done(&self->recipe[i].header);
        s3_refs_done(&self->recipe[i].refs);
        s3_file_free(self->recipe[i].file);
    }
    self->recipes = 0;
    weir_arena_reset(self->epoch);
}

void s3_opens_clear(s3_sink *self)
{
    while (self->opens > 0)
        s3_file_free(self->open[--self->opens]);
}

void s3_undo(s3_sink *self)
{
    uint32_t kept = 0;
    if (self->staged == 0)
        return;
    for (uint32_t i = 0; i < self->opens; i++) {
        if (self->open[i]->fresh) {
            s3_file_free(self->open[i]);
            continue;
        }
        s3_file_undo(self->open[i]);
        self->open[kept++] = self->open[i];
    }
    self->opens = kept;
    for (uint32_t i = 0; i < self->recipes; i++) {
        s3_file *file = self->recipe[i].file;
        if (file->fresh)
            continue;
        s3_file_undo(file);
        s3_open_insert(self, file);
        self->recipe[i].file = NULL;
    }
    s3_recipes_clear(self);
    self->staged = 0;
}

/* The file leaves the open ones; its recipe is completed when all rows are in. */
static void roll(s3_sink *self, uint32_t at)
{
    s3_file *file = self->open[at];
    s3_file_touch(file);
    s3_file_close_block(file);
    memmove(self->open + at, self->open + at + 1,
            (self->opens - at - 1) * sizeof *self->open);
    self->opens--;
    s3_recipe_add(self)->file = file;
}

static void roll_largest(s3_sink *self)
{
    uint32_t largest = 0;
    for (uint32_t i = 1; i < self->opens; i++)
        if (s3_file_bytes(self->open[i]) > s3_file_bytes(self->open[largest]))
            largest = i;
    roll(self, largest);
}

static s3_file *file_for(s3_sink *self, weir_str folder)
{
    bool     there;
    uint32_t at = place_of(self, folder, &there);
    if (there)
        return self->open[at];
    if (self->opens == S3_OPEN_MAX)
        roll_largest(self);
    s3_file *file = s3_file_new(folder, self->format);
    file->fresh = true;
    s3_open_insert(self, file);
    return file;
}

/* Rows to files; remembers the last row's folder, for neighbours mostly share theirs. */
typedef struct row_filing {
    s3_sink                *self;
    const weir_stage_input *input;
    weir_buf                raw, last_raw, folder;
    s3_file                *file; /* of last_raw */
    bool                    known;
} row_filing;

static void refuse(row_filing *filing, uint32_t batch, uint32_t row)
{
    s3_sink *self = filing->self;
    if (self->refused_known)
        return;
    weir_refused refused = {.batch = batch, .row = row, .code = "PATH"};
    (void)snprintf(refused.msg, sizeof refused.msg,
                   "a value of partition_by makes a path that is longer than %u bytes",
                   WEIR_KEY_SEGMENT_MAX);
    weir_refuse(&self->refused, &refused);
}

/* NULL: the row's path is too long. */
static s3_file *file_of_row(row_filing *filing, const weir_batch *batch, uint32_t row)
{
    s3_sink *self = filing->self;
    weir_buf_clear(&filing->raw);
    s3_partition_raw(self, batch, row, &filing->raw);
    if (filing->known &&
        weir_str_eq(weir_buf_view(&filing->raw), weir_buf_view(&filing->last_raw)))
        return filing->file;
    weir_buf swap = filing->last_raw;
    filing->last_raw = filing->raw;
    filing->raw = swap;
    weir_buf_clear(&filing->folder);
    bool fits = s3_partition_folder(self, batch, row, &filing->folder) &&
                self->prefix.len + filing->folder.len + 220 <= WEIR_KEY_BYTES_MAX;
    filing->known = fits;
    filing->file = fits ? file_for(self, weir_buf_view(&filing->folder)) : NULL;
    return filing->file;
}

static bool is_full(const s3_sink *self, const s3_file *file)
{
    if (self->roll_rows > 0 && file->now.rows >= (uint64_t)self->roll_rows)
        return true;
    return s3_file_bytes(file) >= (uint64_t)self->roll_bytes;
}

static void file_row(row_filing *filing, uint32_t b, const weir_batch *batch, uint32_t row)
{
    s3_sink *self = filing->self;
    s3_file *file = file_of_row(filing, batch, row);
    if (file == NULL) {
        refuse(filing, b, row);
        return;
    }
    if (!file->touched) {
        s3_file_touch(file);
        file->now.used_us = filing->input->mono_us;
    }
    weir_avro_row(self->writer, batch, row, &file->now.open);
    file->now.open_rows++;
    file->now.rows++;
    if (file->now.open.len >= WEIR_AVRO_BLOCK_BYTES)
        s3_file_close_block(file);
    if (is_full(self, file)) {
        bool there;
        roll(self, place_of(self, file->folder, &there));
        filing->known = false;
    }
}

static void file_rows(s3_sink *self, const weir_stage_input *input)
{
    row_filing filing = {.self = self, .input = input};
    for (uint32_t i = 0; i < input->count; i++) {
        const weir_sink_rows *rows = &input->rows[i];
        for (uint64_t p = 0; rows->place != NULL && p < rows->places; p++)
            file_row(&filing, rows->place[p].batch, rows->batch[rows->place[p].batch],
                     rows->place[p].row);
        for (uint32_t b = 0; rows->place == NULL && b < rows->batches; b++)
            for (uint32_t r = 0; r < rows->batch[b]->selected; r++)
                file_row(&filing, b, rows->batch[b], weir_batch_row(rows->batch[b], r));
    }
    weir_buf_done(&filing.raw);
    weir_buf_done(&filing.last_raw);
    weir_buf_done(&filing.folder);
}

static bool same_format(const s3_format *a, const s3_format *b)
{
    return a->codec == b->codec && weir_str_eq(a->schema, b->schema);
}

/* Files of an earlier plan's schema go out as they are. */
static void roll_other_formats(s3_sink *self)
{
    for (uint32_t i = self->opens; i-- > 0;)
        if (!same_format(self->open[i]->format, self->format))
            roll(self, i);
}

static bool is_due(const s3_sink *self, s3_file *file, const weir_stage_input *input)
{
    if (input->end || self->setup.dead_letter || file->now.block_refs.count >= S3_REFS_MAX)
        return true;
    if (file->now.used_us == INT64_MIN)
        file->now.used_us = input->mono_us; /* of another process: starts to count now */
    if (file->now.watermark_us == INT64_MIN)
        file->now.watermark_us = input->watermark_us;
    if (self->roll_age_us > 0 && file->now.watermark_us != INT64_MIN &&
        input->watermark_us >= file->now.watermark_us + self->roll_age_us)
        return true;
    return self->roll_idle_us > 0 &&
           input->mono_us - file->now.used_us >= self->roll_idle_us;
}

static void roll_due(s3_sink *self, const weir_stage_input *input)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < self->opens;) {
        if (is_due(self, self->open[i], input))
            roll(self, i);
        else
            bytes += s3_file_bytes(self->open[i++]);
    }
    while (bytes > self->setup.open_bytes_max && self->opens > 0) {
        roll_largest(self);
        bytes -= s3_file_bytes(self->recipe[self->recipes - 1].file);
    }
}

static weir_str take_text(s3_sink *self, weir_buf *text)
{
    weir_str copy = weir_str_copy(self->epoch, weir_buf_view(text));
    weir_buf_done(text);
    return copy;
}

/* "<prefix>/<folder><job>-<lineage>-<task>-<gen>-<epoch>-<n>.avro" */
static weir_str key_of(s3_sink *self, const s3_file *file, uint32_t n)
{
    const weir_sink_setup *setup = &self->setup;
    weir_buf               key = {0};
    weir_buf_str(&key, self->prefix);
    weir_buf_text(&key, self->prefix.len > 0 ? "/" : "");
    weir_buf_str(&key, file->folder);
    if (!setup->dead_letter)
        weir_buf_format(&key, "%.*s-l%u-%.*s-", WEIR_STR_FMT(setup->job), setup->lineage,
                        WEIR_STR_FMT(setup->task));
    weir_buf_format(&key, "%" PRIu64 "-%" PRIu64 "-%u.avro", self->gen, self->staged, n);
    return take_text(self, &key);
}

/* Name, token, header, size and SHA-256 of a file whose blocks are all there. */
static void complete(s3_sink *self, s3_recipe *recipe, uint32_t n, weir_buf *whole)
{
    const weir_sink_setup *setup = &self->setup;
    const s3_file         *file = recipe->file;
    weir_buf               token = {0};
    weir_buf_format(&token, "%.*s/l%u/%.*s/%" PRIu64 "/%" PRIu64 "/%u",
                    WEIR_STR_FMT(setup->job), setup->lineage, WEIR_STR_FMT(setup->task),
                    self->gen, self->staged, n);
    weir_sha256 sync = weir_sha256_of(weir_buf_view(&token));
    weir_buf_byte(&token,
                  '/'); /* two sinks with one path must not take each other's file */
    weir_buf_str(&token, self->table->name);
    recipe->token = take_text(self, &token);
    recipe->key = key_of(self, file, n);
    weir_avro_header(&recipe->header, file->format->schema, file->format->codec,
                     recipe->token, sync.at);
    weir_buf_clear(whole);
    weir_buf_str(whole, weir_buf_view(&recipe->header));
    bool joined = weir_avro_join(whole, weir_buf_view(&file->blocks), sync.at);
    weir_assert(joined);
    recipe->size = whole->len;
    recipe->sha = weir_sha256_of(weir_buf_view(whole));
}

/* Files of another lineage are stored anew, whether rows come to them or not. */
static void touch_adopted(s3_sink *self)
{
    for (uint32_t i = 0; i < self->opens; i++) {
        s3_file *file = self->open[i];
        if (file->now.stored < file->blocks.len || file->now.open_stored < file->now.open.len)
            s3_file_touch(file);
    }
}

weir_code s3_stage(weir_sink *sink, const weir_stage_input *input, weir_buf *out_payload,
                   weir_err *err)
{
    s3_sink *self = self_of(sink);
    (void)err;
    weir_assert(input->stage != NULL);
    weir_assert(self->staged == 0 || self->staged == input->epoch);
    s3_undo(self);                   /* 1 */
    weir_assert(self->recipes == 0); /* the epoch before was published */
    weir_arena_reset(self->epoch);
    if (input->epoch != self->refused_epoch || !input->again)
        self->refused_known = false;
    self->refused = (weir_refusals){.arena = self->epoch};
    self->refused_epoch = input->epoch;
    self->staged = input->epoch;
    self->gen = input->gen;

    touch_adopted(self);
    roll_other_formats(self);
    file_rows(self, input);
    roll_due(self, input);
    weir_buf whole = {0};
    for (uint32_t i = 0; i < self->recipes; i++) {
        complete(self, &self->recipe[i], i, &whole);
        s3_file_store(self->recipe[i].file, true, input->stage);
    }
    weir_buf_done(&whole);
    for (uint32_t i = 0; i < self->opens; i++)
        s3_file_store(self->open[i], false, input->stage);
    s3_payload_write(self, input->stage, out_payload);
    return WEIR_OK;
}
