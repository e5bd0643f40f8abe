/* sim/mysql: a database behind the sink's keyed driver: one table and the commit row.
 *
 * The rules of the commit row, folding, payloads and replay are the product's (sink/keyed);
 * here is the server: transactions that vanish, a row lock that a dead session keeps for a
 * while, COMMITs whose answer is lost or that are applied later, KILL, restarts, and a
 * failover to a replica that lacks the last commits.
 *
 * Always     1. a transaction is applied at one moment, wholly, or never.
 *            2. only the holder of the row lock moves the commit row.
 *            3. a failover takes a suffix of the commits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <stdio.h>
#include <string.h>

#include "sink/keyed/keyed.h"

#define SESSIONS 256u
#define ROWS 512u
#define COMMITS 1024u
#define CHANGES 1024u /* of one transaction */
#define LOCK_WAIT_US (10 * SIM_SECOND)
#define IDLE_US (10 * SIM_SECOND) /* wait_timeout inside a transaction */
#define TEXT_BYTES 256u

typedef struct change {
    weir_str key, row; /* row.at NULL: it goes */
} change;

typedef struct session {
    bool       alive;
    uint32_t   slot;
    bool       open;    /* a transaction */
    bool       moved;   /* it changes the commit row */
    bool       sent;    /* COMMIT is on its way */
    bool       applied; /* the last COMMIT */
    int64_t    used_us;
    int64_t    gone_us; /* the server notices that the client is gone */
    keyed_mark mark;
    uint32_t   changes;
    change    *change;
} session;

typedef struct commit {
    keyed_mark was;
    bool       was_there;
    uint32_t   changes;
    change    *before; /* newest first when undone */
} commit;

typedef struct sql_sink {
    keyed_sink keyed; /* first */
    session   *link;
    session   *old;   /* of before it was lost */
} sql_sink;

static session    sessions[SESSIONS];
static uint32_t   session_count;
static session   *row_lock, *named_lock;
static keyed_mark mark;
static bool       mark_there;
static change     rows[ROWS];
static uint32_t   row_count;
static commit     commits[COMMITS];
static uint32_t   commit_count;

void sim_mysql_clear(void)
{
    memset(sessions, 0, sizeof sessions);
    memset(rows, 0, sizeof rows);
    session_count = row_count = commit_count = 0;
    row_lock = named_lock = NULL;
    mark_there = false;
    mark = (keyed_mark){0};
}

uint64_t sim_row_epoch(void)
{
    return mark_there ? mark.epoch : 0;
}

void sim_each_row(sim_row_fn *each)
{
    for (uint32_t i = 0; i < row_count; i++)
        if (rows[i].row.at != NULL)
            each(rows[i].key, rows[i].row);
}

static void end_transaction(session *one)
{
    one->open = one->moved = one->sent = false;
    one->changes = 0;
    if (row_lock == one) {
        row_lock = NULL;
        sim_wake(&row_lock, true);
    }
}

static void end_session(session *one)
{
    end_transaction(one);
    one->alive = false;
    if (named_lock == one)
        named_lock = NULL;
}

/* Sets a row; gives what was there. */
static change put_row(const change *to)
{
    uint32_t i = 0;
    while (i < row_count && !weir_str_eq(rows[i].key, to->key))
        i++;
    weir_assert(i < ROWS);
    change before = {to->key, i < row_count ? rows[i].row : (weir_str){NULL, 0}};
    rows[i] = *to;
    row_count += i == row_count;
    return before;
}

/* 1. */
static void apply(session *one)
{
    weir_assert(one->alive);
    weir_assert(commit_count < COMMITS);
    if (one->moved) {
        weir_assert(row_lock == one); /* 2 */
        commit *done = &commits[commit_count++];
        *done = (commit){.was = mark, .was_there = mark_there, .changes = one->changes,
                         .before = sim_keep(sizeof(change) * (one->changes + 1))};
        uint64_t was = mark_there ? mark.epoch : UINT64_MAX;
        for (uint32_t i = 0; i < one->changes; i++)
            done->before[i] = put_row(&one->change[i]);
        mark = one->mark;
        mark_there = true;
        sim_say("commits epoch", WEIR_STR("row"), (int64_t)mark.epoch);
        sim_check_mark(mark.epoch, mark.gen, mark.sha.at, was);
    }
    end_transaction(one);
    one->applied = true;
    sim_stir();
}

/* A COMMIT that was on its way arrives, if its session still lives. */
static void arrive_late(void *thing, uint64_t number)
{
    session *one = thing;
    (void)number;
    if (one->alive && one->sent) {
        apply(one);
        end_session(one);
    }
}

void sim_mysql_failover(void)
{
    uint32_t lost = 1 + (uint32_t)sim_below(&sim.luck, 3);
    for (uint32_t i = 0; i < session_count; i++)
        if (sessions[i].alive)
            end_session(&sessions[i]);
    for (; lost > 0 && commit_count > 1; lost--) { /* 3; the row itself stays */
        commit *last = &commits[--commit_count];
        for (uint32_t i = last->changes; i-- > 0;)
            (void)put_row(&last->before[i]);
        mark = last->was;
        mark_there = last->was_there;
    }
    sim_say("fails over to epoch", WEIR_STR("row"), (int64_t)sim_row_epoch());
    sim_check_failover(sim_row_epoch());
}

void sim_mysql_restart(void)
{
    for (uint32_t i = 0; i < session_count; i++)
        if (sessions[i].alive)
            end_session(&sessions[i]);
}

void sim_mysql_drop(uint32_t slot)
{
    for (uint32_t i = 0; i < session_count; i++) {
        session *one = &sessions[i];
        if (!one->alive || one->slot != slot)
            continue;
        one->slot = SIM_SLOTS;
        one->gone_us = sim_now;
        if (sim_chance(&sim.luck, 2))
            one->gone_us += (int64_t)sim_below(&sim.luck, IDLE_US);
        if (one->sent && sim_chance(&sim.luck, 2))
            sim_at(sim_now + (int64_t)sim_below(&sim.luck, SIM_SECOND), arrive_late, one, 0);
    }
}

/* When the server ends a session by itself. */
static int64_t doomed_us(const session *one)
{
    int64_t idle_us = one->open && !one->sent ? one->used_us + IDLE_US : SIM_FOREVER;
    return one->gone_us < idle_us ? one->gone_us : idle_us;
}

static void reap(void)
{
    for (uint32_t i = 0; i < session_count; i++) {
        session *one = &sessions[i];
        if (one->alive && doomed_us(one) <= sim_now)
            end_session(one);
        else if (one->alive && one->sent && sim_asleep(one->slot))
            apply(one); /* it was sent before its client fell asleep */
    }
}

static sql_sink *self_of(keyed_sink *keyed)
{
    weir_assert(keyed->base.kind == &sim_mysql_kind);
    return (sql_sink *)keyed;
}

static weir_code lost(sql_sink *self, weir_err *err)
{
    self->old = self->link ? self->link : self->old;
    self->link = NULL;
    return weir_retry(err, WEIR_E_REMOTE, "2013: the connection to the database was lost");
}

static weir_code connect_server(sql_sink *self, weir_err *err)
{
    int64_t left_us = sim.sql_away_us - sim_now;
    if (left_us > 0)
        sim_sleep(left_us < 2 * SIM_SECOND ? left_us : 2 * SIM_SECOND);
    if (sim.sql_away_us > sim_now)
        return weir_retry(err, WEIR_E_REMOTE, "2003: the database is away");
    weir_assert(session_count < SESSIONS);
    session *one = &sessions[session_count++];
    *one = (session){.alive = true, .slot = sim_slot(), .used_us = sim_now,
                     .gone_us = SIM_FOREVER,
                     .change = sim_keep(sizeof(change) * CHANGES)};
    self->link = one;
    reap();
    if (named_lock == self->old && named_lock != NULL)
        end_session(named_lock);
    if (named_lock == NULL)
        named_lock = one;
    return WEIR_OK;
}

/* A statement comes to the server. */
static weir_code arrive(sql_sink *self, sim_place place, weir_err *err)
{
    const sim_fault *fault = sim_pass(place);
    sim_sleep(50 + (int64_t)sim_below(&sim.order, 800));
    if (fault->what == SIM_SLOW)
        sim_sleep(fault->arg * INT64_C(1000));
    reap();
    if (self->link == NULL || !self->link->alive)
        return lost(self, err);
    self->link->used_us = sim_now;
    if (fault->what == SIM_CUT) {
        self->link->gone_us = sim_now + fault->arg * INT64_C(1000);
        return lost(self, err);
    }
    if (fault->what == SIM_DEADLOCK) {
        end_transaction(self->link);
        return weir_retry(err, WEIR_E_REMOTE, "1213: deadlock");
    }
    return WEIR_OK;
}

static weir_code begin(keyed_sink *keyed, weir_err *err)
{
    sql_sink *self = self_of(keyed);
    if (self->link != NULL && !self->link->alive)
        (void)lost(self, err);
    weir_code rc = self->link == NULL ? connect_server(self, err) : WEIR_OK;
    if (rc == WEIR_OK)
        rc = arrive(self, SIM_SQL_BEGIN, err);
    if (rc != WEIR_OK)
        return rc;
    weir_assert(!self->link->open); /* what was open was rolled back */
    self->link->open = true;
    return WEIR_OK;
}

/* 2. */
static weir_code take_row(sql_sink *self, weir_err *err)
{
    session *one = self->link;
    int64_t  until_us = sim_now + LOCK_WAIT_US;
    while (row_lock != NULL && row_lock != one && sim_now < until_us) {
        int64_t end_us = doomed_us(row_lock);
        (void)sim_wait(&row_lock, end_us < until_us ? end_us : until_us);
        one->used_us = sim_now; /* not idle */
        reap();
        if (!one->alive)
            return lost(self, err);
    }
    if (row_lock != NULL && row_lock != one)
        return weir_retry(err, WEIR_E_REMOTE, "1205: lock wait timeout");
    row_lock = one;
    return WEIR_OK;
}

/* The statement after an error in the transaction would be outside of it. */
static weir_code in_transaction(keyed_sink *keyed, sim_place place, weir_err *err)
{
    sql_sink *self = self_of(keyed);
    weir_code rc = arrive(self, place, err);
    weir_assert(rc != WEIR_OK || self->link->open);
    return rc;
}

static weir_code read_row(keyed_sink *keyed, keyed_mark *out, bool *out_found, weir_err *err)
{
    weir_code rc = in_transaction(keyed, SIM_SQL_ROW, err);
    if (rc == WEIR_OK)
        rc = take_row(self_of(keyed), err);
    if (rc != WEIR_OK)
        return rc;
    *out_found = mark_there;
    *out = mark;
    return WEIR_OK;
}

static weir_code start_row(keyed_sink *keyed, const keyed_mark *to, weir_err *err)
{
    weir_code rc = in_transaction(keyed, SIM_SQL_ROW, err);
    if (rc == WEIR_OK)
        rc = take_row(self_of(keyed), err);
    if (rc == WEIR_OK && mark_there)
        rc = weir_retry(err, WEIR_E_REMOTE, "1062: the row is there");
    if (rc != WEIR_OK)
        return rc;
    self_of(keyed)->link->mark = *to;
    self_of(keyed)->link->moved = true;
    return WEIR_OK;
}

static weir_code move_row(keyed_sink *keyed, uint64_t epoch, const keyed_mark *to,
                          bool *out_moved, weir_err *err)
{
    sql_sink *self = self_of(keyed);
    weir_code rc = in_transaction(keyed, SIM_SQL_ROW, err);
    if (rc == WEIR_OK)
        rc = take_row(self, err);
    if (rc != WEIR_OK)
        return rc;
    *out_moved = mark_there && mark.epoch == epoch &&
                 weir_sha256_eq(&mark.sha, &to->prev_sha);
    if (*out_moved) {
        self->link->mark = *to;
        self->link->moved = true;
    }
    return WEIR_OK;
}

static weir_str text_of(const weir_batch *batch, uint32_t row, uint32_t count,
                        const uint32_t *column)
{
    char   text[TEXT_BYTES];
    size_t len = 0;
    for (uint32_t i = 0; i < count && len < sizeof text; i++) {
        const weir_column *from = &batch->column[column ? column[i] : i];
        weir_datum         value = weir_column_get(from, row);
        char              *to = text + len;
        size_t             room = sizeof text - len;
        int more = value.null ? snprintf(to, room, "%s-", i > 0 ? "|" : "")
                   : weir_type_is_text(from->type)
                       ? snprintf(to, room, "%s%.*s", i > 0 ? "|" : "",
                                  WEIR_STR_FMT(value.text))
                       : snprintf(to, room, "%s%lld", i > 0 ? "|" : "",
                                  (long long)value.i64);
        len += (size_t)more;
    }
    weir_assert(len < sizeof text);
    return sim_keep_text((weir_str){text, len});
}

static weir_code write_rows(keyed_sink *keyed, const keyed_table *into,
                            const keyed_chunk *chunk, uint32_t first, uint32_t count,
                            weir_err *err)
{
    weir_code rc = in_transaction(keyed, SIM_SQL_WRITE, err);
    if (rc != WEIR_OK)
        return rc;
    session          *one = self_of(keyed)->link;
    const weir_batch *batch = chunk->rows;
    weir_assert(one->changes + count <= CHANGES);
    weir_assert(batch->sel == NULL);
    for (uint32_t i = first; i < first + count; i++) {
        change *to = &one->change[one->changes++];
        *to = (change){.key = {NULL, 0}};
        to->key = text_of(batch, i, into->keys, chunk->remove ? NULL : into->key);
        if (!chunk->remove)
            to->row = text_of(batch, i, batch->columns, NULL);
    }
    return WEIR_OK;
}

static weir_code unknown(sql_sink *self, weir_err *err)
{
    (void)lost(self, err);
    return weir_retry(err, WEIR_E_UNKNOWN, "2013: the answer to COMMIT was lost");
}

static weir_code send_commit(keyed_sink *keyed, weir_err *err)
{
    sql_sink *self = self_of(keyed);
    if (self->link == NULL || !self->link->alive)
        return unknown(self, err);
    session         *one = self->link;
    const sim_fault *fault = sim_pass(SIM_SQL_COMMIT);
    if (!one->alive)
        return unknown(self, err);
    one->applied = false;
    one->sent = fault->what != SIM_DROPPED && fault->what != SIM_CUT;
    if (!one->sent) {
        one->gone_us = sim_now + fault->arg * INT64_C(1000);
        return unknown(self, err);
    }
    if (fault->what == SIM_LATE) {
        sim_at(sim_now + fault->arg * INT64_C(1000), arrive_late, one, 0);
        return unknown(self, err);
    }
    sim_sleep(50 + (int64_t)sim_below(&sim.order, 2000));
    reap();
    if (!one->alive)
        return unknown(self, err);
    if (!one->applied)
        apply(one);
    if (fault->what == SIM_LOST)
        return unknown(self, err);
    sim_sleep((int64_t)sim_below(&sim.order, 500));
    (void)sim_pass(SIM_SQL_DONE);
    return WEIR_OK;
}

static void roll_back(keyed_sink *keyed)
{
    sql_sink *self = self_of(keyed);
    if (self->link == NULL)
        return;
    if (!self->link->alive) {
        self->old = self->link;
        self->link = NULL;
        return;
    }
    end_transaction(self->link);
}

static weir_code seize(keyed_sink *keyed, weir_err *err)
{
    sql_sink *self = self_of(keyed);
    if (self->link != NULL && !self->link->alive)
        (void)lost(self, err);
    weir_code rc = self->link == NULL ? connect_server(self, err) : WEIR_OK;
    if (rc == WEIR_OK)
        rc = arrive(self, SIM_SQL_BEGIN, err);
    if (rc != WEIR_OK || named_lock == self->link)
        return rc;
    if (named_lock != NULL && named_lock->sent && sim_chance(&sim.luck, 2))
        apply(named_lock); /* it came just before the KILL */
    if (named_lock != NULL)
        end_session(named_lock);
    named_lock = self->link;
    return WEIR_OK;
}

static weir_code any_row(keyed_sink *keyed, const keyed_table *of, bool *out, weir_err *err)
{
    (void)of;
    *out = row_count > 0;
    return in_transaction(keyed, SIM_SQL_ROW, err);
}

static const char *refusal(keyed_sink *keyed)
{
    (void)keyed;
    return "1264";
}

static const keyed_driver driver = {
    .holds = true, .begin = begin, .read = read_row, .start = start_row, .move = move_row,
    .write = write_rows, .commit = send_commit, .rollback = roll_back, .seize = seize,
    .any_row = any_row, .refusal = refusal,
};

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    sql_sink *self = (sql_sink *)sink;
    weir_code rc = keyed_open(&self->keyed, &driver, setup, WEIR_STR("shop"), err);
    return rc == WEIR_OK ? connect_server(self, err) : rc;
}

static void close_sink(weir_sink *sink)
{
    sql_sink *self = (sql_sink *)sink;
    if (self->link != NULL && self->link->alive)
        end_session(self->link);
    keyed_close(&self->keyed);
}

const weir_sink_kind sim_mysql_kind = {
    .name = "mysql", .summary = "", .promise_text = "", .options = keyed_options,
    .size = sizeof(sql_sink), .promise = WEIR_PROMISE_EXACTLY_ONCE, .keyed = true,
    .group_by = "url", .open = open_sink, .stage = keyed_stage, .execute = keyed_execute,
    .commit = keyed_commit, .finalise = keyed_finalise, .replay = keyed_replay,
    .close = close_sink,
};
