/* sink/keyed_repair: the rows of the last epoch that a table refuses for ever, found by
 * halving, and the payload without them.
 *
 * The claim comes first: one transaction moves the commit row from (N-1, its digest) to
 * (N-1, digest of the SEAL with which this repair began its generation). The bad case without
 * it: a worker sleeps before BEGIN with the epoch's manifest in its hands, AMEND is put, the
 * worker applies the manifest's rows, and AMEND's are applied on top, or never. With it the
 * worker's compare-and-set finds another digest.
 *
 * Gives      keyed_repair.
 * Always     1. what is tried is rolled back; only the claim is committed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed_row.h"

#include <inttypes.h>
#include <stdio.h>

#include "weir/failpoint.h"
#include "weir/mutant.h"

typedef struct repair_work {
    keyed_sink    *self;
    weir_history  *history;
    weir_repair   *repair;
    keyed_mark     mark; /* the commit row, while rows are tried */
    keyed_payload  payload;
    keyed_epoch    epoch; /* all chunks of the payload */
    keyed_chunk   *chunk; /* that is tried */
    bool          *refused; /* per row of it */
} repair_work;

static weir_code moved_on(const repair_work *work, const keyed_mark *mark, weir_err *err)
{
    return keyed_foreign_row(work->self, mark, work->mark.epoch, WEIR_EXIT_FENCED, err);
}

static weir_code try_rows(const repair_work *work, uint32_t first, uint32_t count,
                          weir_err *err)
{
    keyed_sink *self = work->self;
    keyed_mark  mark = {0};
    bool        found = false;
    WEIR_FAILPOINT(rp_try);
    weir_code rc = self->driver->begin(self, err);
    WEIR_FAILPOINT(rp_try);
    if (rc == WEIR_OK)
        rc = self->driver->read(self, &mark, &found, err);
    if (rc == WEIR_OK && !(found && mark.epoch == work->mark.epoch &&
                           weir_sha256_eq(&mark.sha, &work->mark.sha)))
        rc = moved_on(work, &mark, err);
    WEIR_FAILPOINT(rp_try);
    if (rc == WEIR_OK)
        rc = self->driver->write(self, &work->payload.table[work->chunk->table], work->chunk,
                                 first, count, err);
    self->driver->rollback(self); /* 1 */
    return rc;
}

static weir_schema *key_schema(const keyed_table *table, weir_arena *arena)
{
    weir_schema *schema = WEIR_NEW(arena, weir_schema);
    schema->count = table->keys;
    schema->field = WEIR_ARRAY(arena, weir_field, table->keys);
    for (uint32_t k = 0; k < table->keys; k++)
        schema->field[k] = table->schema.field[table->key[k]];
    return schema;
}

static void refuse(const repair_work *work, uint32_t row, const weir_err *err)
{
    weir_repair       *repair = work->repair;
    const keyed_chunk *chunk = work->chunk;
    const keyed_table *table = &work->payload.table[chunk->table];
    if (repair->count == repair->room) {
        uint32_t         room = repair->room == 0 ? 16 : repair->room * 2;
        weir_repair_row *more = WEIR_ARRAY(repair->arena, weir_repair_row, room);
        for (uint32_t i = 0; i < repair->count; i++)
            more[i] = repair->row[i];
        repair->row = more;
        repair->room = room;
    }
    weir_repair_row *out = &repair->row[repair->count++];
    *out = (weir_repair_row){.table = table->target,
                             .schema = chunk->remove ? key_schema(table, repair->arena)
                                                     : &table->schema,
                             .batch = chunk->rows,
                             .row = row,
                             .remove = chunk->remove};
    (void)snprintf(out->code, sizeof out->code, "%s",
                   work->self->driver->refusal(work->self));
    (void)snprintf(out->msg, sizeof out->msg, "%.*s", WEIR_REFUSED_MSG - 1, err->msg);
    work->refused[row] = true;
}

/* Depth is at most log2(KEYED_ROWS) + 1. */
static weir_code halve(const repair_work *work, uint32_t first, uint32_t count, weir_err *err)
{
    weir_code rc = try_rows(work, first, count, err);
    if (rc == WEIR_OK || err->fate != WEIR_FATE_SKIP_RECORD)
        return rc;
    if (count == 1) {
        refuse(work, first, err);
        return WEIR_OK;
    }
    rc = halve(work, first, count / 2, err);
    if (rc == WEIR_OK)
        rc = halve(work, first + count / 2, count - count / 2, err);
    return rc;
}

/* The rows that are left of a chunk, as its selection. */
static void leave_out(repair_work *work, uint32_t before)
{
    weir_arena *arena = work->repair->arena;
    if (work->repair->count == before)
        return;
    const weir_batch *all = work->chunk->rows;
    weir_batch       *left = WEIR_NEW(arena, weir_batch);
    uint32_t         *sel = WEIR_ARRAY(arena, uint32_t, all->rows + 1);
    *left = *all;
    left->selected = 0;
    for (uint32_t row = 0; row < all->rows; row++)
        if (!work->refused[row])
            sel[left->selected++] = row;
    left->sel = sel;
    work->chunk->rows = left;
}

static void drop_empty(keyed_epoch *epoch)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < epoch->chunks; i++)
        if (epoch->chunk[i].rows->selected > 0)
            epoch->chunk[kept++] = epoch->chunk[i];
    epoch->chunks = kept;
}

static weir_code try_chunks(repair_work *work, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; rc == WEIR_OK && i < work->epoch.chunks; i++) {
        uint32_t before = work->repair->count;
        work->chunk = &work->epoch.chunk[i];
        uint32_t rows = work->chunk->rows->rows;
        work->refused = WEIR_ARRAY(work->repair->arena, bool, rows + 1);
        rc = halve(work, 0, rows, err);
        leave_out(work, before);
    }
    drop_empty(&work->epoch);
    if (rc != WEIR_OK && err->exit == WEIR_EXIT_SINK_SCHEMA)
        (void)weir_err_hint(err, "the table takes no row at all, which no repair mends: change "
                                 "it back");
    return rc;
}

static void keep_chunks(repair_work *work, const keyed_chunk *chunk, uint32_t count)
{
    keyed_epoch *epoch = &work->epoch;
    if (epoch->chunks + count > epoch->room) {
        uint32_t     room = (epoch->chunks + count) * 2;
        keyed_chunk *more = WEIR_ARRAY(work->repair->arena, keyed_chunk, room);
        for (uint32_t i = 0; i < epoch->chunks; i++)
            more[i] = epoch->chunk[i];
        epoch->chunk = more;
        epoch->room = room;
    }
    for (uint32_t i = 0; i < count; i++)
        epoch->chunk[epoch->chunks++] = chunk[i];
}

/* All of it at once: an epoch's payload is at most 64 MiB. */
static weir_code read_payload(repair_work *work, weir_str bytes, weir_err *err)
{
    weir_arena *arena = work->repair->arena;
    uint32_t    count = 0;
    work->epoch = (keyed_epoch){.tables = 0};
    if (bytes.len == 0)
        return WEIR_OK;
    weir_code rc = keyed_payload_open(&work->payload, bytes, work->history->checkpoint, arena,
                                      err);
    do {
        keyed_chunk *chunk = NULL;
        if (rc == WEIR_OK)
            rc = keyed_payload_next(&work->payload, arena, &chunk, &count, err);
        if (rc == WEIR_OK)
            keep_chunks(work, chunk, count);
    } while (rc == WEIR_OK && count > 0);
    keyed_payload_close(&work->payload);
    work->epoch.tables = work->payload.tables;
    work->epoch.table = work->payload.table;
    return rc;
}

/* R2. A claim of an older generation is first taken back, as replay does it. */
static weir_code claim(repair_work *work, const weir_committed *last, weir_err *err)
{
    keyed_sink    *self = work->self;
    weir_commit_id before = {.epoch = last->id.epoch - 1, .sha = last->id.prev_sha};
    settle_course  course = {&before, false, work->history, WEIR_EXIT_FORKED_HISTORY};
    uint64_t       gen = weir_checkpoint_generation(work->history->checkpoint);
    keyed_mark     to = {.epoch = before.epoch, .gen = gen};
    bool           moved = false;
    weir_assert(!last->amends);
    if (work->mark.epoch != before.epoch)
        return moved_on(work, &work->mark, err);
    if (weir_mutant(repair_without_claim))
        return WEIR_OK;
    WEIR_FAILPOINT(tk_read_epoch);
    weir_code rc = weir_checkpoint_begun_by(work->history->checkpoint, gen, &to.sha, err);
    if (rc == WEIR_OK && !weir_sha256_eq(&work->mark.sha, &before.sha) &&
        !weir_sha256_eq(&work->mark.sha, &to.sha))
        rc = keyed_set_right(self, &course, &work->mark, &before.sha, err);
    if (rc != WEIR_OK || weir_sha256_eq(&work->mark.sha, &to.sha))
        return rc; /* claimed by a try before, whose answer was lost */
    work->mark.sha = before.sha;
    rc = keyed_move_row(self, &work->mark, &to, &moved, err);
    if (rc == WEIR_E_UNKNOWN || (rc == WEIR_OK && !moved))
        return weir_retry(err, WEIR_E_CONFLICT,
                          "the commit row of group '%.*s' moved while it was claimed",
                          WEIR_STR_FMT(self->group));
    work->mark = rc == WEIR_OK ? to : work->mark;
    if (rc == WEIR_OK)
        WEIR_FAILPOINT(rp_claimed);
    return rc;
}

static weir_code refused_before(uint64_t epoch, uint64_t last, weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE,
                    "rows of epoch %" PRIu64 " are refused, and %" PRIu64 " is the last: only "
                    "the last can be repaired",
                    epoch, last);
    return weir_err_hint(err, "the database lost epochs that it had shown: change the table "
                              "back, and start the job");
}

/* The epoch behind the row's, and those up to the last. */
static weir_code find_rows(repair_work *work, weir_err *err)
{
    weir_history *history = work->history;
    weir_repair  *repair = work->repair;
    weir_code     rc = WEIR_OK;
    for (uint64_t epoch = work->mark.epoch + 1; rc == WEIR_OK && epoch <= history->last;
         epoch++) {
        weir_committed at = {.joined = false};
        rc = history->read(history, epoch, repair->arena, &at, err);
        repair->epoch = epoch;
        if (rc == WEIR_OK && epoch == history->last && !repair->dry_run)
            rc = claim(work, &at, err);
        if (rc == WEIR_OK)
            rc = read_payload(work, at.payload, err);
        if (rc == WEIR_OK)
            rc = try_chunks(work, err);
        if (rc == WEIR_OK && repair->count > 0 && epoch < history->last)
            rc = refused_before(epoch, history->last, err);
    }
    return rc;
}

weir_code keyed_repair(weir_sink *sink, weir_history *history, weir_repair *repair,
                       weir_err *err)
{
    keyed_sink *self = (keyed_sink *)sink;
    repair_work work = {.self = self, .history = history, .repair = repair};
    bool        found = false;
    weir_assert(sink->kind->keyed);
    repair->epoch = 0;
    repair->count = 0;
    WEIR_FAILPOINT(rp_look);
    weir_code rc = self->driver->begin(self, err);
    WEIR_FAILPOINT(rp_look);
    if (rc == WEIR_OK)
        rc = self->driver->read(self, &work.mark, &found, err);
    self->driver->rollback(self);
    if (rc != WEIR_OK || !found || work.mark.epoch >= history->last)
        return rc; /* a row that is not there is for replay to judge */
    rc = find_rows(&work, err);
    if (rc == WEIR_OK && repair->count > 0 && repair->stage != NULL)
        keyed_payload_write(repair->payload, &work.epoch, repair->stage);
    return rc;
}
