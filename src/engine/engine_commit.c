/* engine/commit: takes one cut epoch through stage, execute, the commit point, commit and
 * finalise, while the lanes read the next one.
 *
 * Gives      engine_commit_main.
 * Relies on  checkpoint for E1, E4, E7; sinks for the rest (docs/checkpoint-format.md).
 * Always     1. no effect is visible before the manifest is put (E4).
 *            2. all effects are visible before the next epoch's manifest is put: the
 *               next cut waits until `committing` is empty.
 *            3. the manifest's bytes are final before any SQL runs: a refused row makes
 *               new bytes, and SQL that starts again.
 *
 * The bad case that this order prevents: the process dies between the PUT and COMMIT. The
 * manifest holds the rows, so whoever takes over applies them under the compare-and-set;
 * had COMMIT come first, a lost PUT would leave rows that no checkpoint knows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "engine_parts.h"

typedef struct commit {
    engine_job       *engine;
    engine_epoch *epoch;
    weir_stage   *stage;
    weir_commit_id id;
    bool          again;
    engine_rows   rows;
    int64_t       watermark_us; /* of the group being staged */
} commit;

/* A group's files go by the watermark of the source that is furthest behind. */
static int64_t watermark_of(const engine_epoch *epoch, const engine_group *group)
{
    int64_t low = INT64_MAX;
    for (uint32_t t = 0; t < group->tables; t++)
        if (epoch->watermark_us[group->from[t]->number] < low)
            low = epoch->watermark_us[group->from[t]->number];
    return low;
}

static weir_code stage_sink(commit *c, weir_sink *sink, const char *section,
                            const weir_sink_rows *rows, uint32_t count, weir_err *err)
{
    weir_stage_input input = {
        .gen = weir_checkpoint_generation(c->engine->checkpoint),
        .epoch = c->epoch->number,
        .watermark_us = c->watermark_us,
        .mono_us = c->epoch->cut_us,
        .end = c->epoch->end,
        .again = c->again,
        .rows = rows,
        .count = count,
        .stage = c->stage,
    };
    weir_buf payload = {0};
    weir_code rc = sink->kind->stage(sink, &input, &payload, err);
    if (rc == WEIR_OK)
        weir_stage_section(c->stage, section, weir_buf_view(&payload));
    weir_buf_done(&payload);
    return rc;
}

static weir_code stage_sinks(commit *c, weir_err *err)
{
    for (uint32_t g = 0; g < c->engine->groups; g++) {
        engine_group *group = &c->engine->group[g];
        c->watermark_us = watermark_of(c->epoch, group);
        weir_code rc = stage_sink(c, group->sink, group->section, c->rows.of[g],
                                  c->rows.count[g], err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "sink '%.*s'", WEIR_STR_FMT(group->name));
    }
    c->watermark_us = INT64_MIN; /* dead letters have no time */
    for (uint32_t d = 0; d < c->engine->deads; d++) {
        const engine_dead *dead = &c->engine->dead[d];
        weir_batch *batch = engine_letter_batch(c->engine, c->epoch, d, c->epoch->arena);
        weir_sink_rows rows = {.table = 0, .batches = 1, .batch = &batch};
        weir_code rc = stage_sink(c, dead->sink, dead->section, &rows, batch != NULL, err);
        if (rc != WEIR_OK)
            return weir_err_note(err, "dead letters '%.*s'", WEIR_STR_FMT(dead->name));
    }
    return WEIR_OK;
}

static void stage_own(commit *c)
{
    engine_job *engine = c->engine;
    weir_buf buf = {0};
    engine_slices_stage(engine, c->epoch, c->stage, &buf);
    weir_stage_section(c->stage, "state", weir_buf_view(&buf));
    weir_buf_clear(&buf);
    engine_groups_write(engine, &buf);
    weir_stage_section(c->stage, "groups", weir_buf_view(&buf));
    weir_buf_clear(&buf);
    weir_buf_u64(&buf, engine->plan->fingerprint);
    weir_stage_section(c->stage, "plan", weir_buf_view(&buf));
    weir_buf_clear(&buf);
    weir_kept_write(engine->kept, &buf);
    weir_stage_section(c->stage, "kept", weir_buf_view(&buf));
    weir_buf_clear(&buf);
    engine_summary_write(engine, c->epoch, &buf);
    weir_stage_section(c->stage, "summary", weir_buf_view(&buf));
    weir_buf_clear(&buf);
    if (engine->setup->replay)
        engine_replay_write(engine, &buf);
    if (engine->setup->replay)
        weir_stage_section(c->stage, "replay", weir_buf_view(&buf));
    weir_buf_done(&buf);
    weir_stage_section(c->stage, "positions", weir_buf_view(&c->epoch->positions));
}

/* Repeats a step while its fate is RETRY: what is stuck holds its epoch, visibly. */
typedef weir_code commit_step_fn(commit *, uint32_t number, weir_err *);

static void step_away(commit *c, const char *what, const weir_err *err)
{
    weir_log_warn("is away", WEIR_F_TEXT("what", what),
                  WEIR_F_U64("epoch", c->epoch->number), WEIR_F_TEXT("error", err->msg));
    weir_metric_set(WEIR_M_sink_stuck, 1);
    engine_away(c->engine);
}

static void step_back(commit *c, const char *what, bool done)
{
    if (done)
        weir_log_info("is back", WEIR_F_TEXT("what", what),
                      WEIR_F_U64("epoch", c->epoch->number));
    weir_metric_set(WEIR_M_sink_stuck, 0);
    engine_back(c->engine);
}

static weir_code persist(commit *c, commit_step_fn *step, uint32_t number, const char *what,
                         weir_err *err)
{
    weir_backoff backoff = {.clock = c->engine->clock, .most_us = ENGINE_WAIT_MOST_US};
    weir_code rc;
    for (;;) {
        weir_err_clear(err);
        rc = step(c, number, err);
        if (rc == WEIR_OK || err->fate != WEIR_FATE_RETRY || engine_giving_up(c->engine))
            break;
        if (backoff.tries == 0)
            step_away(c, what, err);
        weir_metric_add(WEIR_M_sql_retries, 1);
        weir_backoff_wait(&backoff);
    }
    if (backoff.tries > 0)
        step_back(c, what, rc == WEIR_OK);
    return rc == WEIR_OK ? rc : weir_err_note(err, "%s", what);
}

static weir_code build(commit *c, uint32_t number, weir_err *err)
{
    (void)number; /* there is one manifest */
    return weir_stage_build(c->stage, &c->id.sha, err);
}

/* E1: stage everything; the manifest's bytes are fixed. */
static weir_code stage_all(commit *c, weir_err *err)
{
    weir_stage_reset(c->stage);
    stage_own(c);
    weir_code rc = stage_sinks(c, err);
    WEIR_FAILPOINT(ep_staged);
    if (rc == WEIR_OK)
        rc = persist(c, build, 0, "the checkpoint's store", err);
    c->id.gen = weir_checkpoint_generation(c->engine->checkpoint);
    c->id.epoch = c->epoch->number;
    c->id.prev_sha = c->engine->last_sha;
    return rc;
}

static weir_code row_refused(const engine_source *from, const weir_refused *row,
                             const engine_dead_letter *letter, weir_err *err)
{
    size_t shown = letter->value.len;
    while (shown > 100 || !weir_str_utf8((weir_str){letter->value.at, shown}))
        shown--;
    (void)weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE,
                    "table '%.*s' refuses a row: %.100s: %.*s%s",
                    WEIR_STR_FMT(letter->table), row->msg, (int)shown, letter->value.at,
                    shown < letter->value.len ? "…" : "");
    return weir_err_hint(err, "add a WHERE to leave such rows out, or on_error = "
                              "'dead_letter' to table '%.*s'",
                         WEIR_STR_FMT(from->table->name));
}

static weir_code refuse_rows(commit *c, uint32_t g, const weir_refusals *refusals,
                             weir_err *err)
{
    engine_job *engine = c->engine;
    for (uint32_t i = 0; i < refusals->count; i++) {
        const weir_refused *row = &refusals->row[i];
        const weir_sink_table *table = &engine->group[g].table[row->table];
        const weir_sink_rows *rows = engine_rows_of_table(&c->rows, g, row->table);
        weir_assert(rows != NULL);
        weir_assert(row->batch < rows->batches);
        const engine_source *from = engine->group[g].from[row->table];
        engine_dead_letter letter =
            engine_letter_of_row(table, rows->batch[row->batch], row, c->epoch->arena);
        if (from->on_error != ON_ERROR_DEAD_LETTER)
            return row_refused(from, row, &letter, err);
        engine_letter_add(&c->epoch->letters[engine->lanes], from->dead_sink, &letter);
    }
    weir_metric_add(WEIR_M_rows_refused, refusals->count);
    weir_log_warn("a sink refuses rows: they become dead letters",
                  WEIR_F_STR("sink", engine->group[g].name),
                  WEIR_F_U64("rows", refusals->count),
                  WEIR_F_TEXT("error", refusals->row[0].msg));
    c->again = true;
    return WEIR_OK;
}

/* What sinks do to databases, told apart from what the epoch waits for beside. */
static void count_sink(const engine_job *engine, int64_t since_us)
{
    int64_t took_us = engine->clock->mono_us(engine->clock) - since_us;
    atomic_fetch_add(&engine->status->sink_us, took_us);
    weir_metric_add(WEIR_M_sink_us, took_us);
}

static weir_code execute_group(commit *c, uint32_t g, weir_err *err)
{
    engine_group *group = &c->engine->group[g];
    engine_history history;
    engine_history_of(c->engine, weir_str_of(group->section), &history);
    weir_refusals refusals = {.arena = c->epoch->arena};
    int64_t began_us = c->engine->clock->mono_us(c->engine->clock);
    weir_code rc = group->sink->kind->execute(group->sink, &c->id, &history.base, &refusals,
                                              err);
    count_sink(c->engine, began_us);
    if (rc == WEIR_OK && refusals.count > 0)
        rc = refuse_rows(c, g, &refusals, err);
    return rc;
}

/* E1 and E3 until every sink takes every row that is left. */
static weir_code prepare(commit *c, weir_err *err)
{
    for (;;) {
        weir_code rc = stage_all(c, err);
        if (rc != WEIR_OK)
            return rc;
        c->again = false;
        WEIR_FAILPOINT(ep_before_execute);
        for (uint32_t g = 0; g < c->engine->groups && !c->again; g++) {
            rc = persist(c, execute_group, g, c->engine->group[g].section, err);
            if (rc != WEIR_OK)
                return rc;
        }
        if (!c->again)
            break;
    }
    WEIR_FAILPOINT(ep_executed);
    return WEIR_OK;
}

/* After E4 the new manifest is the last one: histories must see it. */
static void adopt_manifest(commit *c)
{
    engine_job *engine = c->engine;
    weir_arena_free(engine->manifest_arena);
    engine->manifest_arena = weir_arena_new("manifest", 64 << 10);
    engine->last = weir_stage_manifest(c->stage, engine->manifest_arena);
    engine->last_finalised = false;
    engine->last_sha = c->id.sha;
    for (uint32_t g = 0; g < engine->groups; g++)
        if (engine->group[g].joined == 0)
            engine->group[g].joined = c->epoch->number;
    engine_slices_keep(engine, c->epoch);
}

static weir_code commit_group(commit *c, uint32_t g, weir_err *err)
{
    engine_group *group = &c->engine->group[g];
    engine_history history;
    engine_history_of(c->engine, weir_str_of(group->section), &history);
    int64_t began_us = c->engine->clock->mono_us(c->engine->clock);
    weir_code rc = group->sink->kind->commit(group->sink, &c->id, &history.base, err);
    count_sink(c->engine, began_us);
    return rc;
}

static weir_code finalise_group(commit *c, uint32_t g, weir_err *err)
{
    weir_sink *sink = g < c->engine->groups ? c->engine->group[g].sink
                                            : c->engine->dead[g - c->engine->groups].sink;
    weir_code rc = weir_checkpoint_may_publish(c->engine->checkpoint, err);
    return rc == WEIR_OK ? sink->kind->finalise(sink, &c->id, err) : rc;
}

static const char *section_of(const engine_job *engine, uint32_t g)
{
    return g < engine->groups ? engine->group[g].section
                              : engine->dead[g - engine->groups].section;
}

/* E5. */
static weir_code commit_groups(commit *c, weir_err *err)
{
    weir_code rc = WEIR_OK;
    for (uint32_t g = 0; g < c->engine->groups && rc == WEIR_OK; g++)
        rc = persist(c, commit_group, g, section_of(c->engine, g), err);
    return rc;
}

/* E5 and E6. */
static weir_code make_visible(commit *c, weir_err *err)
{
    const engine_job *engine = c->engine;
    weir_code rc = commit_groups(c, err);
    for (uint32_t g = 0; g < engine->groups + engine->deads && rc == WEIR_OK; g++)
        rc = persist(c, finalise_group, g, section_of(engine, g), err);
    return rc;
}

/* The sources' readers do it: their instances are theirs. */
static void acknowledge(commit *c)
{
    engine_job *engine = c->engine;
    uint32_t at = 0;
    if (engine->setup->replay && engine->setup->replay->silent)
        return;
    for (uint32_t s = 0; s < engine->sources; s++) {
        engine_source *source = &engine->source[s];
        uint32_t count = c->epoch->ack_count[s];
        pthread_mutex_lock(&source->lock);
        if (count > 0)
            memcpy(source->ack, c->epoch->ack + at, sizeof *source->ack * count);
        source->ack_count = count;
        pthread_mutex_unlock(&source->lock);
        at += count;
    }
}

static uint64_t letters_of(const engine_epoch *epoch)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < epoch->letter_sets; i++)
        count += epoch->letters[i].count;
    return count;
}

static void report(commit *c, int64_t executed_us, int64_t put_us)
{
    engine_job *engine = c->engine;
    int64_t now_us = engine->clock->mono_us(engine->clock);
    engine->timings = (engine_timings){.epoch = c->epoch->number,
                                       .execute_us = executed_us - c->epoch->cut_us,
                                       .put_us = put_us - executed_us,
                                       .commit_us = now_us - c->epoch->cut_us};
    weir_metric_add(WEIR_M_epochs, 1);
    weir_metric_add(WEIR_M_dead_letters, (int64_t)letters_of(c->epoch));
    weir_metric_set(WEIR_M_epoch, (int64_t)c->epoch->number);
    weir_metric_set(WEIR_M_generation, (int64_t)atomic_load(&engine->generation));
    weir_metric_set(WEIR_M_epoch_execute_us, executed_us - c->epoch->cut_us);
    weir_metric_set(WEIR_M_epoch_put_us, put_us - executed_us);
    weir_metric_set(WEIR_M_epoch_commit_us, now_us - c->epoch->cut_us);
    weir_metric_set(WEIR_M_state_bytes, (int64_t)atomic_load(&engine->budget.used));
    weir_metric_set(WEIR_M_state_groups, (int64_t)weir_ops_groups(engine->ops));
    atomic_store(&engine->status->epoch, c->epoch->number);
    weir_log_debug("epoch finalised", WEIR_F_U64("epoch", c->epoch->number),
                   WEIR_F_U64("records", c->epoch->records),
                   WEIR_F_MS("took_ms", now_us - c->epoch->cut_us));
}

static void set_unfinished(engine_job *engine, bool unfinished)
{
    pthread_mutex_lock(&engine->lock);
    engine->unfinished = unfinished;
    pthread_mutex_unlock(&engine->lock);
}

static weir_code tell_finalised(commit *c, uint32_t number, weir_err *err)
{
    (void)number; /* there is one log */
    return weir_checkpoint_finalised(c->engine->checkpoint, err);
}

/* Fate RETRY: the same bytes once more, whether they are there already or not. */
static weir_code publish_manifest(commit *c, uint32_t number, weir_err *err)
{
    (void)number;
    return weir_stage_publish(c->stage, err);
}

static weir_code run_epoch(commit *c, weir_err *err)
{
    engine_job *engine = c->engine;
    engine_rows_gather(engine, c->epoch, &c->rows);
    weir_code rc = prepare(c, err);
    if (rc != WEIR_OK)
        return rc;
    int64_t executed_us = engine->clock->mono_us(engine->clock);
    set_unfinished(engine, true);
    if (weir_mutant(commit_before_put))
        (void)commit_groups(c, err);
    rc = persist(c, publish_manifest, 0, "the checkpoint's log", err);
    if (rc == WEIR_OK)
        adopt_manifest(c);
    if (rc == WEIR_OK && weir_mutant(finalise_late))
        rc = weir_checkpoint_finalised(engine->checkpoint, err);
    int64_t put_us = engine->clock->mono_us(engine->clock);
    if (rc == WEIR_OK)
        rc = make_visible(c, err);
    if (rc != WEIR_OK)
        return rc;
    set_unfinished(engine, false);
    WEIR_FAILPOINT(ep_finalised);
    rc = persist(c, tell_finalised, 0, "the checkpoint's store", err);
    if (rc != WEIR_OK)
        return rc;
    atomic_store(&engine->generation, weir_checkpoint_generation(engine->checkpoint));
    acknowledge(c);
    report(c, executed_us, put_us);
    const weir_replay *replay = engine->setup->replay;
    return replay && replay->epoch_done ? replay->epoch_done(replay->self, err) : WEIR_OK;
}

/* Who slept before it read older epochs may find them collected: it was replaced. */
static weir_code explained(engine_job *engine, weir_err *err)
{
    weir_err found = *err;
    if (err->exit != WEIR_EXIT_CORRUPT && err->exit != WEIR_EXIT_FORKED_HISTORY)
        return err->code;
    (void)weir_checkpoint_explain(engine->checkpoint, err);
    if (err->fate == WEIR_FATE_RETRY)
        *err = found; /* it cannot be found out now */
    return err->code;
}

/* A SEAL that was begun while there was nothing to commit is ended first. It may have told that
   we are replaced, when the epoch was cut already. */
static weir_code rest(commit *c, uint32_t number, weir_err *err)
{
    (void)number; /* there is one log */
    if (atomic_load(&c->engine->halted))
        return weir_fail(err, WEIR_E_STOPPED, "stopping");
    return weir_checkpoint_idle(c->engine->checkpoint, err);
}

static void run_commit(engine_job *engine, engine_epoch *epoch)
{
    commit c = {.engine = engine, .epoch = epoch};
    weir_err err;
    weir_err_clear(&err);
    weir_code rc = persist(&c, rest, 0, "the checkpoint's log", &err);
    if (rc == WEIR_OK) {
        c.stage = weir_checkpoint_stage(engine->checkpoint, epoch->number);
        rc = run_epoch(&c, &err);
    }
    if (rc != WEIR_OK)
        rc = explained(engine, &err);
    weir_stage_free(c.stage);
    /* A stop whose grace time is over: no failure, the next start goes on from here. After a
       halt it is the halt that is told, whatever this is. */
    bool dropped = rc != WEIR_OK && err.fate == WEIR_FATE_RETRY &&
                   atomic_load(engine->setup->stop);
    if (rc != WEIR_OK && !dropped) {
        (void)weir_err_note(&err, "epoch %llu", (unsigned long long)epoch->number);
        engine_halt(engine, &err);
    }
    pthread_mutex_lock(&engine->lock);
    engine->dropped |= dropped;
    if (rc == WEIR_OK)
        engine->last_epoch = epoch->number;
    engine->committing = NULL;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    engine_epoch_free(engine, epoch);
}

/* Nothing to commit: what was finalised may have to be written down once more. *away: it could
   not be, and is tried again at the next tick, or before the next epoch. */
static void idle(engine_job *engine, bool *away)
{
    weir_err err;
    weir_err_clear(&err);
    weir_code rc = weir_checkpoint_idle(engine->checkpoint, &err);
    bool      now = rc != WEIR_OK && err.fate == WEIR_FATE_RETRY;
    if (rc != WEIR_OK && !now)
        engine_halt(engine, &err);
    if (now && !*away)
        weir_log_warn("is away", WEIR_F_TEXT("what", "the checkpoint's log"),
                      WEIR_F_TEXT("error", err.msg));
    if (now != *away)
        (now ? engine_away : engine_back)(engine);
    *away = now;
    atomic_store(&engine->generation, weir_checkpoint_generation(engine->checkpoint));
}

void *engine_commit_main(void *argument)
{
    engine_job *engine = argument;
    bool        away = false;
    pthread_mutex_lock(&engine->lock);
    while (!engine->commit_quit) {
        if (engine->committing == NULL)
            engine_wait(engine);
        engine_epoch *epoch = engine->committing;
        if (epoch == NULL && (engine->commit_quit || atomic_load(&engine->halted)))
            continue;
        pthread_mutex_unlock(&engine->lock);
        if (epoch != NULL)
            run_commit(engine, epoch);
        else
            idle(engine, &away);
        pthread_mutex_lock(&engine->lock);
    }
    pthread_mutex_unlock(&engine->lock);
    return NULL;
}
