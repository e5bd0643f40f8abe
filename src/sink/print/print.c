/* sink/print: rows on standard output, as a table, JSON lines or CSV.
 *
 * Owns       the text of the staged epoch, until it is written.
 * Always     1. nothing is written before the epoch is committed.
 * Threads    one; the commit thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "print/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct print_sink {
    weir_sink              base; /* first */
    const weir_sink_table *table;
    enum { PRINT_TABLE, PRINT_JSON, PRINT_CSV } form;
    bool         header; /* CSV: the header was staged */
    uint64_t     rows;   /* written so far */
    uint64_t     staged; /* rows in `text` */
    print_table *layout;
    weir_buf     text; /* of the staged epoch */
} print_sink;

static weir_sink_open_fn     open_sink;
static weir_sink_stage_fn    stage_rows;
static weir_sink_finalise_fn write_text;
static weir_sink_replay_fn   replay_last;
static weir_sink_close_fn    close_sink;

static const weir_option options[] = {{0}};

const weir_sink_kind weir_sink_print = {
    .name = "print",
    .summary = "write rows to standard output",
    .promise_text =
        "at least once: rows of the last epoch may be printed again after a crash",
    .options = options,
    .size = sizeof(print_sink),
    .promise = WEIR_PROMISE_AT_LEAST_ONCE,
    .open = open_sink,
    .stage = stage_rows,
    .execute = rows_execute_nothing,
    .commit = rows_commit_nothing,
    .finalise = write_text,
    .replay = replay_last,
    .close = close_sink,
};

static print_sink *self_of(weir_sink *sink)
{
    weir_assert(sink->kind == &weir_sink_print);
    return (print_sink *)sink;
}

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    print_sink *self = self_of(sink);
    self->table = setup->table;
    if (weir_str_is(setup->output, "json"))
        self->form = PRINT_JSON;
    else if (weir_str_is(setup->output, "csv"))
        self->form = PRINT_CSV;
    else if (setup->output.len == 0 || weir_str_is(setup->output, "table"))
        self->form = PRINT_TABLE;
    else
        return weir_fail(err, WEIR_E_CONFIG, "no such output as '%.*s'",
                         WEIR_STR_FMT(setup->output));
    self->layout = print_table_new(self->table->schema, self->table->changelog);
    return WEIR_OK;
}

/* Appends the epoch's rows to self->text. */
static void render(print_sink *self, const weir_sink_rows *rows)
{
    bool with_op = self->table->changelog;
    if (self->form == PRINT_TABLE)
        print_table_rows(self->layout, rows, &self->text);
    for (uint32_t i = 0; i < rows->batches; i++) {
        const weir_batch *batch = rows->batch[i];
        self->staged += batch->selected;
        if (self->form == PRINT_CSV && !self->header && batch->selected > 0) {
            rows_csv_header(&self->text, self->table->schema, with_op);
            self->header = true;
        }
        if (self->form == PRINT_CSV)
            rows_csv(&self->text, batch, with_op);
        else if (self->form == PRINT_JSON)
            rows_json(&self->text, self->table->schema, batch, with_op);
    }
}

static weir_code stage_rows(weir_sink *sink, const weir_stage_input *input,
                            weir_buf *out_payload, weir_err *err)
{
    print_sink *self = self_of(sink);
    (void)err;
    if (input->again && self->rows == 0) { /* what was staged first is forgotten */
        self->header = false;
        print_table_again(self->layout);
    }
    weir_buf_clear(&self->text);
    self->staged = 0;
    weir_arena      *arena = weir_arena_new("print stage", 64 << 10);
    weir_stage_input in_order = rows_in_order(input, arena);
    for (uint32_t i = 0; i < in_order.count; i++)
        render(self, &in_order.rows[i]);
    rows_payload_write(out_payload, &in_order);
    weir_arena_free(arena);
    return WEIR_OK;
}

static weir_code write_text(weir_sink *sink, const weir_commit_id *id, weir_err *err)
{
    print_sink *self = self_of(sink);
    (void)id;
    if (self->text.len > 0 &&
        (fwrite(self->text.at, 1, self->text.len, stdout) != self->text.len ||
         fflush(stdout) != 0))
        return weir_fail(err, WEIR_E_IO, "could not write to standard output: %s",
                         strerror(errno));
    self->rows += self->staged;
    self->staged = 0;
    weir_buf_clear(&self->text);
    return WEIR_OK;
}

static weir_code replay_last(weir_sink *sink, weir_history *history, weir_err *err)
{
    print_sink    *self = self_of(sink);
    weir_arena    *arena = weir_arena_new("print replay", 64 << 10);
    weir_sink_rows rows;
    bool           any;
    weir_code      rc = rows_payload_last(history, arena, &rows, &any, err);
    if (rc == WEIR_OK && any) {
        render(self, &rows);
        rc = write_text(sink, NULL, err);
    }
    weir_arena_free(arena);
    return rc;
}

static void close_sink(weir_sink *sink)
{
    print_sink *self = self_of(sink);
    if (self->form == PRINT_TABLE && self->layout != NULL && self->rows > 0) {
        /* A reader that went away is no reason to fail at the end. */
        (void)printf("(%llu row%s)\n", (unsigned long long)self->rows,
                     self->rows == 1 ? "" : "s");
        (void)fflush(stdout);
    }
    print_table_free(self->layout);
    weir_buf_done(&self->text);
}
