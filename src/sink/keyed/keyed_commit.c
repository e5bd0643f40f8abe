/* sink/keyed_commit: the commit row, and how a database gets to an epoch exactly once.
 *
 * The row (job, lineage, task, group) holds the epoch that the tables show and the SHA-256 of
 * its manifest. Every transaction begins by moving it from (N-1, sha of N-1) to (N, sha of N);
 * when that finds no such row, nothing else of the transaction happens. The story:
 *
 *  1. execute(N) moves the row and writes the rows. A driver that holds keeps this open; the
 *     other rolls back, having found what the target refuses.
 *  2. The manifest is put. From here on N must get into the tables, whatever happens.
 *  3. commit(N) sends COMMIT. If the answer is lost, or the connection was, or the driver does
 *     not hold, settle looks at the row under lock: at N with N's SHA it is done; behind, every
 *     epoch from the row's on is written from payloads, each in a transaction of its own.
 *     Behind by more than one happens after a failover to a replica that lacked commits.
 *  4. A zombie that comes back here after a successor took over finds the row ahead: FENCED.
 *  5. replay is settle towards the last manifest, by a new owner.
 *  6. The first row of a lineage ends the older ones: a zombie of theirs is FENCED as well.
 *
 * Gives      keyed_stage, keyed_execute, keyed_commit, keyed_finalise, keyed_replay.
 * Always     1. after any error: rollback, and again from BEGIN; no statement is repeated.
 *            2. the row moves by one epoch at a time, along the chain of prev_sha.
 * Never      waits: fate RETRY goes up, the engine calls again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed.h"
#include "keyed/keyed_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "weir/failpoint.h"
#include "weir/metric.h"
#include "weir/mutant.h"

static keyed_sink *self_of(weir_sink *sink)
{
    weir_assert(sink->kind->keyed);
    return (keyed_sink *)sink;
}

weir_code keyed_stage(weir_sink *sink, const weir_stage_input *input, weir_buf *out_payload,
                      weir_err *err)
{
    keyed_sink *self = self_of(sink);
    (void)err;
    if (self->pending)
        self->driver->rollback(self);
    self->pending = false;
    if (input->epoch != self->staged || !input->again) {
        weir_arena_reset(self->refused_arena);
        self->refusals = 0;
        self->early_known = false;
    }
    weir_arena_reset(self->epoch);
    self->rows = (keyed_epoch){.tables = self->tables, .table = self->table};
    self->early = (weir_refusals){.arena = self->epoch};
    self->staged = input->epoch;
    keyed_fold(self, input);
    keyed_payload_write(out_payload, &self->rows, input->stage);
    return WEIR_OK;
}

static weir_code begin_and_move(keyed_sink *self, uint64_t epoch, const weir_commit_id *id,
                                bool *out_moved, weir_err *err)
{
    keyed_mark to = {
        .epoch = id->epoch, .gen = id->gen, .sha = id->sha, .prev_sha = id->prev_sha};
    weir_assert(epoch + 1 == id->epoch); /* commit 2 */
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_replay_begin, ep_sql_begin);
    weir_code rc = self->driver->begin(self, err);
    if (rc != WEIR_OK)
        return rc;
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_replay_cas, ep_sql_cas);
    rc = self->driver->move(self, epoch, &to, out_moved, err);
    if (weir_mutant(drop_row_compare))
        *out_moved = true;
    return rc;
}

/* The commit row, looked at under lock; nothing stays locked. */
weir_code keyed_look(keyed_sink *self, keyed_mark *out, bool *out_found, weir_err *err)
{
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_row_for_update, ep_sql_look);
    weir_code rc = self->driver->begin(self, err);
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_row_for_update, ep_sql_look);
    if (rc == WEIR_OK)
        rc = self->driver->read(self, out, out_found, err);
    self->driver->rollback(self);
    return rc;
}

weir_code keyed_foreign_row(const keyed_sink *self, const keyed_mark *mark, uint64_t epoch,
                             weir_exit exit, weir_err *err)
{
    if (keyed_is_ended(mark))
        return weir_halt(err, WEIR_EXIT_FENCED, WEIR_E_CONFLICT,
                         "lineage l%" PRIu32 " has ended: a later one writes to the database "
                         "of group '%.*s'",
                         self->setup.lineage, WEIR_STR_FMT(self->group));
    if (exit == WEIR_EXIT_FENCED)
        return weir_halt(
            err, exit, WEIR_E_CONFLICT,
            "another process owns the lineage: the commit row of group '%.*s' is "
            "at epoch %" PRIu64 " of generation %" PRIu64 ", not before %" PRIu64,
            WEIR_STR_FMT(self->group), mark->epoch, mark->gen, epoch);
    (void)weir_halt(err, exit, WEIR_E_CONFLICT,
                    "the commit row of group '%.*s' is at epoch %" PRIu64
                    ", which is not the epoch %" PRIu64 " of this log",
                    WEIR_STR_FMT(self->group), mark->epoch, epoch);
    return weir_err_hint(err,
                         "the database or the checkpoints were restored from elsewhere; "
                         "see the runbook of exit 12");
}

static weir_code write_rows(keyed_sink *self, const keyed_table *table,
                            const keyed_chunk *chunk, weir_err *err)
{
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_replay_sql, ep_sql_upsert);
    return self->driver->write(self, table, chunk, 0, chunk->rows->rows, err);
}

static weir_code write_payload(keyed_sink *self, weir_str bytes,
                               weir_checkpoint *checkpoint, weir_arena *arena,
                               weir_err *err)
{
    if (bytes.len == 0)
        return WEIR_OK;
    keyed_payload payload;
    uint32_t      count = 0;
    weir_code     rc = keyed_payload_open(&payload, bytes, checkpoint, arena, err);
    do {
        weir_arena_mark mark = weir_arena_here(arena);
        keyed_chunk    *chunk = NULL;
        if (rc == WEIR_OK)
            rc = keyed_payload_next(&payload, arena, &chunk, &count, err);
        for (uint32_t i = 0; rc == WEIR_OK && i < count; i++)
            rc = write_rows(self, &payload.table[chunk[i].table], &chunk[i], err);
        weir_arena_rewind(arena, mark);
    } while (rc == WEIR_OK && count > 0);
    keyed_payload_close(&payload);
    return rc;
}

static weir_code write_staged(keyed_sink *self, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; rc == WEIR_OK && i < self->rows.chunks; i++) {
        const keyed_chunk *chunk = &self->rows.chunk[i];
        rc = write_rows(self, &self->table[chunk->table], chunk, err);
        weir_metric_add(WEIR_M_sql_rows, chunk->rows->rows);
    }
    return rc;
}

weir_code keyed_send_commit(keyed_sink *self, weir_err *err)
{
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_replay_commit, ep_sql_commit);
    weir_code rc = self->driver->commit(self, err);
    if (rc == WEIR_OK)
        weir_metric_add(WEIR_M_sql_transactions, 1);
    return rc;
}

static weir_code redo_blindly(keyed_sink *self, const weir_commit_id *id, weir_err *err)
{
    bool      moved = false;
    weir_code rc = begin_and_move(self, id->epoch - 1, id, &moved, err);
    if (rc == WEIR_OK) /* cover: only a mutant does it */
        rc = write_staged(self, err);
    return rc == WEIR_OK ? keyed_send_commit(self, err) : rc; /* cover: only a mutant does it */
}

static weir_code write_epoch(keyed_sink *self, const settle_course *course,
                             const weir_committed *next, weir_arena *arena, weir_err *err)
{
    bool      moved = false;
    weir_code rc = begin_and_move(self, next->id.epoch - 1, &next->id, &moved, err);
    if (rc == WEIR_OK && !moved)
        return weir_retry(err, WEIR_E_CONFLICT,
                          "the commit row moved while it was replayed");
    if (rc != WEIR_OK)
        return rc;
    if (next->payload.at == NULL) {
        rc = write_staged(self, err);
    } else {
        rc = write_payload(self, next->payload, course->history->checkpoint, arena, err);
    }
    if (rc != WEIR_OK && err->fate == WEIR_FATE_SKIP_RECORD) {
        err->fate = WEIR_FATE_HALT;
        err->exit = WEIR_EXIT_SINK_SCHEMA;
        (void)weir_err_hint(err, "the table was changed since the epoch was committed: change it "
                                 "back, or run: weir checkpoint repair JOB.sql");
    }
    if (rc == WEIR_OK)
        rc = keyed_send_commit(self, err);
    if (rc == WEIR_E_UNKNOWN && weir_mutant(blind_redo))
        rc = redo_blindly(self, &next->id, err);
    return rc;
}

/* One epoch further than `mark`. */
static weir_code step(keyed_sink *self, const settle_course *course, const keyed_mark *mark,
                      weir_arena *arena, weir_err *err)
{
    weir_committed next = {.joined = true};
    uint64_t       epoch = mark->epoch + 1;
    bool           staged = course->staged && epoch == course->goal->epoch;
    weir_code      rc = WEIR_OK;
    if (staged) {
        next.id = *course->goal;
    } else {
        rc = course->history->read(course->history, epoch, arena, &next, err);
        if (next.payload.at == NULL)
            next.payload = WEIR_STR("");
    }
    if (rc != WEIR_OK)
        return rc;
    const weir_sha256 *before = next.claimed ? &next.claim : &next.id.prev_sha;
    if (!weir_sha256_eq(before, &mark->sha) && !weir_sha256_eq(&next.id.prev_sha, &mark->sha))
        return keyed_set_right(self, course, mark, &next.id.prev_sha, err);
    next.id.prev_sha = mark->sha; /* what the row is compared with */
    rc = write_epoch(self, course, &next, arena, err);
    if (rc != WEIR_OK)
        self->driver->rollback(self);
    return rc;
}

/* Brings the row, and the tables with it, to the goal. */
static weir_code settle(keyed_sink *self, const settle_course *course, weir_err *err)
{
    weir_arena *arena = weir_arena_new("sql replay", 256 << 10);
    weir_code   rc = WEIR_OK;
    while (rc == WEIR_OK) {
        keyed_mark mark = {0};
        bool       found = false;
        weir_arena_reset(arena);
        rc = keyed_look(self, &mark, &found, err);
        if (rc == WEIR_OK && !found)
            rc = weir_halt(err, WEIR_EXIT_FORKED_HISTORY, WEIR_E_CONFLICT,
                           "the commit row of group '%.*s' is gone",
                           WEIR_STR_FMT(self->group));
        else if (rc == WEIR_OK && keyed_is_ended(&mark))
            rc = keyed_reopen(self, &mark, err);
        else if (rc == WEIR_OK && mark.epoch == course->goal->epoch &&
                 weir_sha256_eq(&mark.sha, &course->goal->sha))
            break;
        else if (rc == WEIR_OK && mark.epoch == course->goal->epoch)
            rc = keyed_set_right(self, course, &mark, &course->goal->sha, err);
        else if (rc == WEIR_OK && mark.epoch > course->goal->epoch)
            rc = keyed_foreign_row(self, &mark, course->goal->epoch, course->ahead, err);
        else if (rc == WEIR_OK)
            rc = step(self, course, &mark, arena, err);
    }
    weir_arena_free(arena);
    return rc;
}

/* The compare-and-set did not match: a row that is behind is brought up, then once more. */
static weir_code catch_up(keyed_sink *self, const weir_commit_id *id, weir_history *history,
                          weir_err *err)
{
    weir_commit_id before = {.epoch = id->epoch - 1, .sha = id->prev_sha};
    settle_course  course = {&before, false, history, WEIR_EXIT_FENCED};
    bool           moved = false;
    self->driver->rollback(self);
    weir_code rc = settle(self, &course, err);
    if (rc == WEIR_OK)
        rc = begin_and_move(self, id->epoch - 1, id, &moved, err);
    if (rc == WEIR_OK && !moved)
        rc =
            weir_retry(err, WEIR_E_CONFLICT, "the commit row moved while it was looked at");
    return rc;
}

typedef struct row_search { /* for rows that are refused */
    keyed_sink           *self;
    const weir_commit_id *id;
    weir_refusals        *refusals;
    const keyed_chunk    *chunk;
} row_search;

static weir_code try_rows(const row_search *search, uint32_t first, uint32_t count,
                          weir_err *err)
{
    keyed_sink *self = search->self;
    bool        moved = false;
    weir_code   rc = begin_and_move(self, search->id->epoch - 1, search->id, &moved, err);
    if (rc == WEIR_OK && !moved)
        rc = weir_retry(err, WEIR_E_CONFLICT, "the commit row moved meanwhile");
    if (rc == WEIR_OK)
        rc = self->driver->write(self, &self->table[search->chunk->table], search->chunk,
                                 first, count, err);
    self->driver->rollback(self);
    return rc;
}

static void refuse(const row_search *search, uint32_t row, const weir_err *err)
{
    const keyed_chunk *chunk = search->chunk;
    weir_refused       refused = {.table = chunk->table,
                                  .batch = chunk->origin[row].batch,
                                  .row = chunk->origin[row].row};
    (void)snprintf(refused.code, sizeof refused.code, "%s",
                   search->self->driver->refusal(search->self));
    (void)snprintf(refused.msg, sizeof refused.msg, "%s", err->msg);
    weir_refuse(search->refusals, &refused);
    keyed_leave_out(search->self, chunk, row);
}

/* Depth is at most log2(KEYED_ROWS) + 1. */
static weir_code halve(const row_search *search, uint32_t first, uint32_t count,
                       weir_err *err)
{
    if (search->refusals->count >= KEYED_REFUSED_MAX)
        return WEIR_OK;
    weir_code rc = try_rows(search, first, count, err);
    if (rc == WEIR_OK || err->fate != WEIR_FATE_SKIP_RECORD)
        return rc;
    if (count == 1) {
        refuse(search, first, err);
        return WEIR_OK;
    }
    rc = halve(search, first, count / 2, err);
    if (rc == WEIR_OK)
        rc = halve(search, first + count / 2, count - count / 2, err);
    return rc;
}

/* A row of some chunk is refused: finds all that are. Nothing is pending afterwards. */
static weir_code find_refused(keyed_sink *self, const weir_commit_id *id,
                              weir_refusals *refusals, weir_err *err)
{
    weir_err   first = *err;
    row_search search = {.self = self, .id = id, .refusals = refusals};
    weir_code  rc = WEIR_OK;
    for (uint32_t i = 0; rc == WEIR_OK && i < self->rows.chunks; i++) {
        search.chunk = &self->rows.chunk[i];
        rc = halve(&search, 0, search.chunk->rows->rows, err);
    }
    if (rc != WEIR_OK || refusals->count > 0)
        return rc;
    return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE,
                     "rows are refused together that are taken one by one: %s", first.msg);
}

static bool report_early(keyed_sink *self, weir_refusals *refusals)
{
    if (self->early.count == 0 || self->early_known)
        return false;
    for (uint32_t i = 0; i < self->early.count; i++)
        weir_refuse(refusals, &self->early.row[i]);
    self->early_known = true;
    return true;
}

weir_code keyed_execute(weir_sink *sink, const weir_commit_id *id, weir_history *history,
                        weir_refusals *refusals, weir_err *err)
{
    keyed_sink *self = self_of(sink);
    bool        moved = false;
    weir_assert(id->epoch == self->staged);
    if (self->pending)
        self->driver->rollback(self);
    self->pending = false;
    if (report_early(self, refusals))
        return WEIR_OK;

    weir_code rc = begin_and_move(self, id->epoch - 1, id, &moved, err);
    if (rc == WEIR_OK && !moved)
        rc = catch_up(self, id, history, err);
    if (rc == WEIR_OK) {
        rc = write_staged(self, err);
    }
    self->pending = rc == WEIR_OK && self->driver->holds;
    if (!self->pending)
        self->driver->rollback(self);
    if (rc != WEIR_OK && err->fate == WEIR_FATE_SKIP_RECORD)
        return find_refused(self, id, refusals, err);
    return rc;
}

weir_code keyed_commit(weir_sink *sink, const weir_commit_id *id, weir_history *history,
                       weir_err *err)
{
    keyed_sink   *self = self_of(sink);
    settle_course course = {id, true, history, WEIR_EXIT_FENCED};
    weir_assert(id->epoch == self->staged);
    if (self->pending) {
        self->pending = false;
        if (keyed_send_commit(self, err) == WEIR_OK)
            return WEIR_OK;
        self->driver->rollback(self);
    }
    return settle(self, &course, err);
}

weir_code keyed_finalise(weir_sink *sink, const weir_commit_id *id, weir_err *err)
{
    keyed_sink *self = self_of(sink);
    (void)id, (void)err;
    weir_assert(!self->pending);
    return WEIR_OK;
}

/* A lineage begins with --fresh: what an older one left would be mixed with its rows. */
weir_code keyed_check_empty(keyed_sink *self, weir_err *err)
{
    if (!self->setup.must_be_empty)
        return WEIR_OK;
    for (uint32_t t = 0; t < self->tables; t++) {
        bool      any = false;
        weir_code rc = self->driver->any_row(self, &self->table[t], &any, err);
        if (rc != WEIR_OK)
            return rc;
        if (!any)
            continue;
        (void)weir_fail(err, WEIR_E_CONFIG,
                        "table '%.*s' has rows, and this lineage begins from nothing",
                        WEIR_STR_FMT(self->table[t].target));
        return weir_err_hint(err, "empty the table, or pass --keep-output as well");
    }
    return WEIR_OK;
}

/* A row that is there now, though it was not: we slept, and somebody took over meanwhile, or our
   own COMMIT was applied. It is looked at anew. */
static weir_code begun_by_another(keyed_sink *self, weir_err *err)
{
    weir_err   first = *err;
    keyed_mark mark = {0};
    bool       found = false;
    weir_code  rc = keyed_look(self, &mark, &found, err);
    if (rc == WEIR_OK && found)
        return weir_retry(err, WEIR_E_CONFLICT,
                          "the commit row of group '%.*s' was begun meanwhile",
                          WEIR_STR_FMT(self->group));
    if (rc != WEIR_OK && err->fate == WEIR_FATE_RETRY)
        return rc; /* it is not known yet */
    *err = first;
    return first.code;
}

/* No row is right only where no manifest named the group: then it begins at the last one. */
static weir_code start_row(keyed_sink *self, const weir_committed *last, weir_err *err)
{
    if (last->joined) {
        (void)weir_halt(err, WEIR_EXIT_FORKED_HISTORY, WEIR_E_CONFLICT,
                        "the database has no commit row of group '%.*s', but the log has "
                        "epochs of it up to %" PRIu64,
                        WEIR_STR_FMT(self->group), last->id.epoch);
        return weir_err_hint(err, "is it the right database? --fresh begins a new lineage");
    }
    keyed_mark mark = {.epoch = last->id.epoch,
                       .gen = last->id.gen,
                       .sha = last->id.sha,
                       .prev_sha = last->id.prev_sha};
    WEIR_FAILPOINT(tk_start_row);
    weir_code rc = self->driver->begin(self, err);
    WEIR_FAILPOINT(tk_start_row);
    if (rc == WEIR_OK)
        rc = self->driver->start(self, &mark, err);
    if (rc == WEIR_OK && last->id.epoch == 0) /* no older lineage writes any more */
        rc = keyed_check_empty(self, err);
    if (rc == WEIR_OK)
        rc = keyed_send_commit(self, err);
    if (rc == WEIR_OK)
        return WEIR_OK;
    self->driver->rollback(self);
    return begun_by_another(self, err);
}

weir_code keyed_replay(weir_sink *sink, weir_history *history, weir_err *err)
{
    keyed_sink    *self = self_of(sink);
    weir_arena    *arena = weir_arena_new("sql takeover", 64 << 10);
    weir_committed last = {0};
    keyed_mark     mark = {0};
    bool           found = false;
    self->recovers = true;
    WEIR_FAILPOINT(tk_row_for_update);
    weir_code rc = self->driver->seize(self, err);
    if (rc == WEIR_OK && history->last > 0)
        rc = history->read(history, history->last, arena, &last, err);
    if (rc == WEIR_OK)
        rc = keyed_look(self, &mark, &found, err);
    if (rc == WEIR_OK && !found) {
        rc = start_row(self, &last, err);
    } else if (rc == WEIR_OK) {
        settle_course course = {&last.id, false, history, WEIR_EXIT_FORKED_HISTORY};
        rc = settle(self, &course, err);
    }
    self->recovers = false;
    weir_arena_free(arena);
    return rc;
}
