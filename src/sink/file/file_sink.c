/* sink/file: rows appended to a local file, as JSON lines or CSV.
 *
 * Owns       the file, open between the first write and close.
 * Always     1. nothing is written before the epoch is committed.
 *            2. finalise returns after fsync.
 * Threads    one; the commit thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct file_sink {
    weir_sink              base; /* first */
    const weir_sink_table *table;
    weir_arena            *job;
    const char            *path;
    bool                   csv;
    int                    fd;      /* -1: not open */
    weir_buf               text;    /* of the staged epoch */
    size_t                 written; /* of text */
} file_sink;

static weir_sink_open_fn     open_sink;
static weir_sink_stage_fn    stage_rows;
static weir_sink_finalise_fn write_text;
static weir_sink_replay_fn   replay_last;
static weir_sink_close_fn    close_sink;

static const weir_option options[] = {
    {.name = "path",
     .type = WEIR_OPT_TEXT,
     .required = true,
     .help = "The file that rows are appended to."},
    {0},
};

const weir_sink_kind weir_sink_file = {
    .name = "file",
    .summary = "append rows to a local file",
    .promise_text =
        "at least once: rows of the last epoch may be there twice after a crash",
    .options = options,
    .formats = "json|csv",
    .size = sizeof(file_sink),
    .promise = WEIR_PROMISE_AT_LEAST_ONCE,
    .open = open_sink,
    .stage = stage_rows,
    .execute = rows_execute_nothing,
    .commit = rows_commit_nothing,
    .finalise = write_text,
    .replay = replay_last,
    .close = close_sink,
};

static file_sink *self_of(weir_sink *sink)
{
    weir_assert(sink->kind == &weir_sink_file);
    return (file_sink *)sink;
}

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    file_sink *self = self_of(sink);
    (void)err;
    self->fd = -1;
    self->table = setup->table;
    self->job = weir_arena_new("file sink", 1 << 10);
    self->path = weir_str_copy(self->job, weir_opts_text(self->table->opts, "path")).at;
    size_t len = strlen(self->path);
    if (self->table->format.len > 0)
        self->csv = weir_str_is(self->table->format, "csv");
    else
        self->csv = len >= 4 && strcmp(self->path + len - 4, ".csv") == 0;
    return WEIR_OK;
}

static void render(file_sink *self, const weir_sink_rows *rows)
{
    for (uint32_t i = 0; i < rows->batches; i++) {
        if (self->csv)
            rows_csv(&self->text, rows->batch[i], self->table->changelog);
        else
            rows_json(&self->text, self->table->schema, rows->batch[i],
                      self->table->changelog);
    }
}

static weir_code stage_rows(weir_sink *sink, const weir_stage_input *input,
                            weir_buf *out_payload, weir_err *err)
{
    file_sink *self = self_of(sink);
    (void)err;
    weir_buf_clear(&self->text);
    self->written = 0;
    weir_arena      *arena = weir_arena_new("file stage", 64 << 10);
    weir_stage_input in_order = rows_in_order(input, arena);
    for (uint32_t i = 0; i < in_order.count; i++)
        render(self, &in_order.rows[i]);
    rows_payload_write(out_payload, &in_order);
    weir_arena_free(arena);
    return WEIR_OK;
}

static weir_code write_all(file_sink *self, weir_str text, size_t *written, weir_err *err)
{
    while (*written < text.len) {
        ssize_t n = write(self->fd, text.at + *written, text.len - *written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return weir_retry(err, WEIR_E_IO, "could not write '%s': %s", self->path,
                              strerror(errno));
        *written += (size_t)n;
    }
    return WEIR_OK;
}

/* A new CSV file begins with the header. */
static weir_code open_file(file_sink *self, weir_err *err)
{
    struct stat info;
    self->fd = open(self->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (self->fd < 0)
        return weir_fail(err, WEIR_E_IO, "could not open '%s': %s", self->path,
                         strerror(errno));
    if (!self->csv || fstat(self->fd, &info) != 0 || info.st_size > 0)
        return WEIR_OK;
    weir_buf header = {0};
    size_t   written = 0;
    rows_csv_header(&header, self->table->schema, self->table->changelog);
    weir_code rc = write_all(self, weir_buf_view(&header), &written, err);
    weir_buf_done(&header);
    return rc;
}

static weir_code write_text(weir_sink *sink, const weir_commit_id *id, weir_err *err)
{
    file_sink *self = self_of(sink);
    weir_code  rc = WEIR_OK;
    (void)id;
    if (self->text.len == 0)
        return WEIR_OK;
    if (self->fd < 0)
        rc = open_file(self, err);
    if (rc == WEIR_OK)
        rc = write_all(self, weir_buf_view(&self->text), &self->written, err);
    if (rc != WEIR_OK)
        return rc;
    if (fsync(self->fd) != 0 && errno != EINVAL) /* EINVAL: a pipe or a terminal */
        return weir_fail(err, WEIR_E_IO, "could not fsync '%s': %s", self->path,
                         strerror(errno));
    weir_buf_clear(&self->text);
    self->written = 0;
    return WEIR_OK;
}

static weir_code replay_last(weir_sink *sink, weir_history *history, weir_err *err)
{
    file_sink     *self = self_of(sink);
    weir_arena    *arena = weir_arena_new("file replay", 64 << 10);
    weir_sink_rows rows;
    bool           any;
    weir_code      rc = rows_payload_last(history, arena, &rows, &any, err);
    if (rc == WEIR_OK && any) {
        weir_buf_clear(&self->text);
        self->written = 0;
        render(self, &rows);
        rc = write_text(sink, NULL, err);
    }
    weir_arena_free(arena);
    return rc;
}

static void close_sink(weir_sink *sink)
{
    file_sink *self = self_of(sink);
    if (self->fd >= 0)
        (void)close(self->fd); /* was fsynced */
    weir_buf_done(&self->text);
    weir_arena_free(self->job);
}
