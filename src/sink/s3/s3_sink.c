/* sink/s3_sink: rows as Avro files in an object store, or in a folder.
 *
 * A file belongs to the epoch in which it rolls. Until then its blocks are part of the
 * checkpoint: every epoch stores what is new of them, once. The payload of an epoch holds the
 * recipes of the files that roll in it, and the table of those that stay open. Files are put
 * after the commit point, by a conditional PUT of bytes that the recipe fixes: whoever takes
 * over can put the same bytes again.
 *
 * Owns       the store, the open files' blocks (at most setup->open_bytes_max), recipes.
 * Always     1. a key is put by put_new only, with the file's token.
 *            2. a file's name and bytes are a function of its recipe.
 * Threads    one; the commit thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3/s3_sink.h"

#include <string.h>

#include "rows/rows.h"

static weir_sink_open_fn    open_sink;
static weir_sink_execute_fn report_refused;
static weir_sink_close_fn   close_sink;

static const weir_option options[] = {
    {.name = "path",
     .type = WEIR_OPT_TEXT,
     .required = true,
     .help = "s3://bucket/prefix/ or a folder, under which the files are put."},
    {.name = "codec",
     .type = WEIR_OPT_CHOICE,
     .fallback = "snappy",
     .choices = "null|deflate|snappy",
     .help = "Compression of the files' blocks."},
    {.name = "partition_by",
     .type = WEIR_OPT_TEXT,
     .help =
         "Folders: columns, date(column), or either with AS name; separated by commas."},
    {.name = "roll.size",
     .type = WEIR_OPT_BYTES,
     .fallback = "32 MiB",
     .least = 64 << 10,
     .most = 64 << 20,
     .help = "A file is closed at this size."},
    {.name = "roll.rows",
     .type = WEIR_OPT_INT,
     .fallback = "0",
     .help = "A file is closed at this many rows; 0: no limit."},
    {.name = "roll.age",
     .type = WEIR_OPT_DURATION,
     .fallback = "15 minutes",
     .help = "A file is closed when the watermark moved on by this much; 0: never."},
    {.name = "roll.idle",
     .type = WEIR_OPT_DURATION,
     .fallback = "5 minutes",
     .help = "A file is closed when no row came to it for this long; 0: never."},
    {.name = "timestamp_unit",
     .type = WEIR_OPT_CHOICE,
     .fallback = "micros",
     .choices = "micros|millis",
     .help = "Unit of timestamps in the files, for readers that know only one."},
    {0},
};

const weir_sink_kind weir_sink_s3 = {
    .name = "s3",
    .summary = "write rows as Avro files to an object store",
    .promise_text =
        "exactly once: file names and bytes are fixed before they are published",
    .options = options,
    .formats = "avro",
    .size = sizeof(s3_sink),
    .promise = WEIR_PROMISE_EXACTLY_ONCE,
    .look = &s3_look,
    .adopt = s3_adopt,
    .open = open_sink,
    .stage = s3_stage,
    .execute = report_refused,
    .commit = rows_commit_nothing,
    .finalise = s3_finalise,
    .replay = s3_replay,
    .close = close_sink,
};

static weir_avro_codec codec_of(weir_str name)
{
    if (weir_str_is(name, "deflate"))
        return WEIR_AVRO_DEFLATE;
    return weir_str_is(name, "snappy") ? WEIR_AVRO_SNAPPY : WEIR_AVRO_NULL;
}

static weir_code open_writer(s3_sink *self, weir_err *err)
{
    const weir_opts *opts = self->table->opts;
    const uint32_t   columns = self->table->schema->count;
    bool            *leave_out = WEIR_ARRAY(self->job, bool, columns + 1);
    weir_code        rc = s3_partition_parse(self, weir_opts_text(opts, "partition_by"),
                                             weir_opts_at(opts, "partition_by"), leave_out, err);
    if (rc != WEIR_OK)
        return rc;
    weir_avro_setup setup = {
        .record = self->table->name,
        .schema = self->table->schema,
        .leave_out = leave_out,
        .with_op = self->table->changelog,
        .millis = weir_str_is(weir_opts_text(opts, "timestamp_unit"), "millis"),
    };
    rc = weir_avro_writer_new(&setup, &self->writer, err);
    if (rc != WEIR_OK)
        return rc;
    s3_format *format = WEIR_NEW(self->job, s3_format);
    format->codec = codec_of(weir_opts_text(opts, "codec"));
    format->schema = weir_avro_schema(self->writer);
    self->format = format;
    return WEIR_OK;
}

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    s3_sink *self = (s3_sink *)sink;
    weir_assert(sink->kind == &weir_sink_s3);
    weir_assert(setup->tables == 1);
    self->setup = *setup;
    self->table = setup->table;
    self->job = weir_arena_new("s3 sink", 4 << 10);
    self->epoch = weir_arena_new("s3 recipes", 4 << 10);
    const weir_opts *opts = self->table->opts;
    self->roll_bytes = weir_opts_int(opts, "roll.size");
    self->roll_rows = weir_opts_int(opts, "roll.rows");
    self->roll_age_us = weir_opts_int(opts, "roll.age");
    self->roll_idle_us = weir_opts_int(opts, "roll.idle");
    weir_code rc = open_writer(self, err);
    if (rc != WEIR_OK)
        return rc;
    weir_str prefix;
    rc = setup->store_at(setup->store_self, weir_opts_text(opts, "path"), &self->store,
                         &prefix, err);
    if (rc == WEIR_OK)
        self->prefix = weir_str_copy(self->job, prefix);
    if (rc == WEIR_OK && setup->log_empty)
        rc = s3_check_empty(self, self->epoch, err);
    return rc;
}

/* Rows whose key would be too long were found by stage; here they are told. */
static weir_code report_refused(weir_sink *sink, const weir_commit_id *id,
                                weir_history *history, weir_refusals *refusals,
                                weir_err *err)
{
    s3_sink *self = (s3_sink *)sink;
    (void)id, (void)history, (void)err;
    if (self->refused_known)
        return WEIR_OK;
    for (uint32_t i = 0; i < self->refused.count; i++)
        weir_refuse(refusals, &self->refused.row[i]);
    self->refused_known = true;
    return WEIR_OK;
}

static void close_sink(weir_sink *sink)
{
    s3_sink *self = (s3_sink *)sink;
    s3_recipes_clear(self);
    s3_opens_clear(self);
    weir_heap_free(self->open);
    weir_heap_free(self->recipe);
    weir_avro_writer_free(self->writer);
    weir_store_free(self->store);
    weir_arena_free(self->epoch);
    weir_arena_free(self->job);
}
