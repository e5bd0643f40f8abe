/* tests/ledger: the database itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

ledger_state ledger;

typedef struct ledger_sink {
    keyed_sink  keyed; /* first */
    bool        open;  /* a transaction, on what follows */
    bool        begun;
    keyed_mark  mark;
    ledger_rows rows;
    uint64_t    version; /* of what it began with */
} ledger_sink;

static ledger_sink *self_of(keyed_sink *keyed)
{
    weir_assert(keyed->base.kind == &ledger_kind);
    return (ledger_sink *)keyed;
}

static void copy_rows(ledger_rows *to, const ledger_rows *from)
{
    weir_heap_free(to->at);
    *to = (ledger_rows){.count = from->count, .room = from->count + 16};
    to->at = weir_heap_new(to->room, sizeof *to->at);
    for (uint32_t i = 0; i < from->count; i++)
        to->at[i] = from->at[i];
}

void ledger_clear(void)
{
    weir_arena_free(ledger.arena);
    weir_heap_free(ledger.rows.at);
    memset(&ledger, 0, sizeof ledger);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(((const ledger_row *)a)->text, ((const ledger_row *)b)->text);
}

weir_buf ledger_text(void)
{
    weir_buf    out = {0};
    ledger_rows sorted = {.at = NULL};
    copy_rows(&sorted, &ledger.rows);
    qsort(sorted.at, sorted.count, sizeof *sorted.at, by_text);
    for (uint32_t i = 0; i < sorted.count; i++)
        weir_buf_format(&out, "%s\n", sorted.at[i].text);
    weir_heap_free(sorted.at);
    weir_buf_byte(&out, 0);
    return out;
}

/* Every call asks first. Not OK: it is not made. */
static weir_code ask(ledger_sink *self, const char *verb, weir_err *err)
{
    if (ledger.act != NULL && strcmp(verb, ledger.verb) == 0 && ledger.before-- == 0) {
        void (*act)(void) = ledger.act;
        ledger.act = NULL;
        act();
    }
    if (++ledger.calls != ledger.fail_at)
        return WEIR_OK;
    bool unknown = strcmp(verb, "commit") == 0 && ledger.fault >= LEDGER_LOST;
    if (unknown && ledger.fault == LEDGER_APPLIED)
        return WEIR_OK; /* commit goes on */
    self->open = false;
    if (ledger.fault == LEDGER_HALT)
        return weir_halt(err, WEIR_EXIT_JOB, WEIR_E_REMOTE, "the ledger halts at %s", verb);
    return weir_retry(err, unknown ? WEIR_E_UNKNOWN : WEIR_E_REMOTE, "the ledger is away at %s",
                      verb);
}

static weir_code begin(keyed_sink *keyed, weir_err *err)
{
    ledger_sink *self = self_of(keyed);
    weir_assert(!self->open);
    weir_code rc = ask(self, "begin", err);
    if (rc != WEIR_OK)
        return rc;
    self->open = true;
    self->begun = ledger.begun;
    self->mark = ledger.mark;
    self->version = ledger.version;
    copy_rows(&self->rows, &ledger.rows);
    return WEIR_OK;
}

static weir_code read_row(keyed_sink *keyed, keyed_mark *out, bool *out_found, weir_err *err)
{
    ledger_sink *self = self_of(keyed);
    weir_assert(self->open);
    weir_code rc = ask(self, "read", err);
    if (rc != WEIR_OK)
        return rc;
    *out_found = self->begun;
    if (self->begun)
        *out = self->mark;
    return WEIR_OK;
}

static weir_code start_row(keyed_sink *keyed, const keyed_mark *mark, weir_err *err)
{
    ledger_sink *self = self_of(keyed);
    weir_assert(self->open);
    weir_code rc = ask(self, "start", err);
    if (rc != WEIR_OK)
        return rc;
    if (ledger.begun) /* a unique key is looked at as it is now */
        return weir_fail(err, WEIR_E_REMOTE, "there is such a row");
    self->begun = true;
    self->mark = *mark;
    return WEIR_OK;
}

static weir_code move(keyed_sink *keyed, uint64_t epoch, const keyed_mark *to, bool *out_moved,
                      weir_err *err)
{
    ledger_sink *self = self_of(keyed);
    weir_assert(self->open);
    weir_code rc = ask(self, "move", err);
    if (rc != WEIR_OK)
        return rc;
    bool moved = self->begun && ledger.version == self->version && self->mark.epoch == epoch &&
                 weir_sha256_eq(&self->mark.sha, &to->prev_sha);
    if (moved)
        self->mark = *to;
    *out_moved = moved;
    return WEIR_OK;
}

static void print(weir_buf *out, const weir_batch *batch, uint32_t row, uint32_t columns,
                  const uint32_t *column)
{
    for (uint32_t i = 0; i < columns; i++) {
        const weir_column *one = &batch->column[column != NULL ? column[i] : i];
        weir_datum         value = weir_column_get(one, row);
        weir_buf_text(out, i > 0 ? "|" : "");
        if (value.null)
            weir_buf_text(out, "NULL");
        else
            weir_datum_print(out, one->type, &value);
    }
    weir_buf_byte(out, 0);
}

static void put(ledger_rows *rows, const char *key, const char *text)
{
    uint32_t i = 0;
    while (i < rows->count && strcmp(rows->at[i].key, key) != 0)
        i++;
    if (i == rows->room) {
        rows->at = weir_heap_grow(rows->at, rows->room, rows->room * 2, sizeof *rows->at);
        rows->room *= 2;
    }
    rows->count += i == rows->count;
    rows->at[i] = (ledger_row){weir_arena_text(ledger.arena, "%s", key),
                               weir_arena_text(ledger.arena, "%s", text)};
}

static void take(ledger_rows *rows, const char *key)
{
    for (uint32_t i = 0; i < rows->count; i++)
        if (strcmp(rows->at[i].key, key) == 0) {
            rows->at[i] = rows->at[--rows->count];
            return;
        }
}

static bool is_closed(const char *text, uint32_t count)
{
    return ledger.closed != NULL && strstr(text, ledger.closed) != NULL &&
           (!ledger.together || count > 1);
}

static weir_code write_rows(keyed_sink *keyed, const keyed_table *table,
                            const keyed_chunk *chunk, uint32_t first, uint32_t count,
                            weir_err *err)
{
    ledger_sink *self = self_of(keyed);
    weir_buf     key = {0}, text = {0};
    weir_assert(self->open);
    weir_code rc = ask(self, "write", err);
    if (rc == WEIR_OK && ledger.gone)
        return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE, "the ledger is gone");
    for (uint32_t i = first; rc == WEIR_OK && i < first + count; i++) {
        uint32_t row = weir_batch_row(chunk->rows, i);
        weir_buf_clear(&key);
        weir_buf_clear(&text);
        print(&key, chunk->rows, row, table->keys, chunk->remove ? NULL : table->key);
        if (chunk->remove)
            weir_buf_format(&text, "-%s", key.at);
        else
            print(&text, chunk->rows, row, chunk->rows->columns, NULL);
        weir_buf_byte(&text, 0);
        if (is_closed(text.at, count))
            rc = weir_skip(err, WEIR_E_REMOTE, "the ledger is closed to it");
        else if (chunk->remove)
            take(&self->rows, key.at);
        else
            put(&self->rows, key.at, text.at);
    }
    weir_buf_done(&key);
    weir_buf_done(&text);
    return rc;
}

static weir_code commit(keyed_sink *keyed, weir_err *err)
{
    ledger_sink *self = self_of(keyed);
    weir_assert(self->open);
    weir_code rc = ask(self, "commit", err);
    bool      unknown = rc == WEIR_OK && ledger.calls == ledger.fail_at;
    if (rc != WEIR_OK)
        return rc;
    self->open = false;
    if (self->version != ledger.version)
        return weir_retry(err, WEIR_E_CONFLICT, "the lock was lost");
    ledger.begun = self->begun;
    ledger.mark = self->mark;
    ledger.version++;
    copy_rows(&ledger.rows, &self->rows);
    return unknown ? weir_retry(err, WEIR_E_UNKNOWN, "the answer to the commit is lost") : WEIR_OK;
}

static void rollback(keyed_sink *keyed)
{
    self_of(keyed)->open = false;
}

static weir_code seize(keyed_sink *keyed, weir_err *err)
{
    return ask(self_of(keyed), "seize", err);
}

static weir_code any_row(keyed_sink *keyed, const keyed_table *table, bool *out, weir_err *err)
{
    (void)table;
    weir_code rc = ask(self_of(keyed), "any_row", err);
    if (rc == WEIR_OK)
        *out = ledger.rows.count > 0;
    return rc;
}

static const char *refusal(keyed_sink *keyed)
{
    (void)keyed;
    return "CLOSED";
}

#define LEDGER_DRIVER(holds_it)                                                            \
    {.holds = (holds_it), .begin = begin, .read = read_row, .start = start_row,            \
     .move = move, .write = write_rows, .commit = commit, .rollback = rollback,            \
     .seize = seize, .any_row = any_row, .refusal = refusal}
static const keyed_driver drivers[] = {LEDGER_DRIVER(false), LEDGER_DRIVER(true)};

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    if (ledger.arena == NULL)
        ledger.arena = weir_arena_new("ledger", 64 << 10);
    return keyed_open((keyed_sink *)sink, &drivers[ledger.holds], setup, WEIR_STR("main"), err);
}

static void close_sink(weir_sink *sink)
{
    ledger_sink *self = (ledger_sink *)sink;
    weir_heap_free(self->rows.at);
    keyed_close(&self->keyed);
}

const weir_sink_kind ledger_kind = {
    .name = "ledger", .summary = "rows in memory", .size = sizeof(ledger_sink),
    .promise = WEIR_PROMISE_EXACTLY_ONCE, .keyed = true, .group_by = "url",
    .open = open_sink, .stage = keyed_stage, .execute = keyed_execute, .commit = keyed_commit,
    .finalise = keyed_finalise, .replay = keyed_replay, .repair = keyed_repair,
    .close = close_sink,
};
