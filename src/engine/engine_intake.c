/* engine/intake: from decoded events to rows that may be pushed: duplicates, validity,
 * watermark, in that order, serially per partition.
 *
 * Gives      engine_intake.
 * Relies on  the decoder for the bytes, the partition being this lane's alone.
 * Always     1. for each event: duplicate? images valid? lateness is judged (by op)
 *               against the watermark before the event; its `after` then moves it.
 *            2. each image is judged alone: a bad one adds and retracts nothing.
 *            3. when the budget refuses the rows, or a truncate is not through, the partition
 *               is as it was before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "engine_parts.h"

#define REJECT_BYTES 120u  /* of a message */
#define REJECT_REASONS 250u /* different messages of one call */

typedef struct intake {
    engine_lane      *lane;
    engine_partition *partition;
    const weir_block *block;
    uint32_t          first;
    weir_decoded      decoded;
    uint8_t          *rejected; /* per row: 1 + number in `reason`, 0: good; NULL: all */
    char            (*reason)[REJECT_BYTES]; /* of rejected rows */
    uint32_t          reasons;
    uint32_t         *event_of; /* per row */
    int64_t          *watermark;
    uint32_t         *partner;
    uint32_t         *sel;
    uint32_t          selected;
    uint64_t          duplicates, skipped, before_bad, bad;
    bool             *bad_of; /* per event; made when the first is bad */
    weir_push_counts  counts;
    bool              again;  /* the budget refused the rows */
    bool              truncating; /* the truncate in front has rows left to take out */
    uint32_t          right_table; /* the decoder's number of a name that was right */
} intake;

static bool is_rejected(const intake *in, uint32_t row)
{
    return in->rejected != NULL && in->rejected[row] != 0;
}

/* What has to be put back when the rows cannot be pushed now: the cut that then comes must
   not know events that it has not counted. */
typedef struct intake_undo {
    int64_t           watermark_us, highest_us;
    bool              streamed, snapshot_seen, snapshot_first;
    weir_log_position snapshot;
    uint32_t          marks, letters;
    uint64_t          letter_bytes;
    engine_mark      *mark;
} intake_undo;

static intake_undo remember(const engine_lane *lane, const engine_partition *partition)
{
    intake_undo undo = {
        .watermark_us = partition->watermark_us, .highest_us = partition->highest_us,
        .streamed = partition->streamed, .snapshot_seen = partition->snapshot_seen,
        .snapshot_first = partition->snapshot_first, .snapshot = partition->snapshot,
        .marks = partition->marks, .letters = lane->letters.count,
        .letter_bytes = lane->passed_bytes,
    };
    undo.mark = weir_arena_take(lane->scratch, sizeof *undo.mark * (undo.marks + 1));
    if (undo.marks > 0)
        memcpy(undo.mark, partition->mark, sizeof *undo.mark * undo.marks);
    return undo;
}

static void put_back(engine_lane *lane, engine_partition *partition, const intake_undo *undo)
{
    if (undo->marks > 0)
        memcpy(partition->mark, undo->mark, sizeof *undo->mark * undo->marks);
    partition->marks = undo->marks;
    partition->watermark_us = undo->watermark_us;
    partition->highest_us = undo->highest_us;
    partition->streamed = undo->streamed;
    partition->snapshot_seen = undo->snapshot_seen;
    partition->snapshot_first = undo->snapshot_first;
    partition->snapshot = undo->snapshot;
    lane->letters.count = undo->letters;
    lane->passed_bytes = undo->letter_bytes;
}

static void reject_row(intake *in, uint32_t row, const char *message)
{
    if (in->rejected[row])
        return;
    for (uint32_t i = 0; i < in->reasons && !in->rejected[row]; i++)
        if (strcmp(in->reason[i], message) == 0)
            in->rejected[row] = (uint8_t)(i + 1);
    if (in->rejected[row])
        return;
    if (in->reasons < REJECT_REASONS) /* behind that, the last one stands for all */
        snprintf(in->reason[in->reasons++], REJECT_BYTES, "%s", message);
    in->rejected[row] = (uint8_t)in->reasons;
}

/* Evaluates the table's CHECKs over all images: rejected rows are marked. */
static void check_rows(intake *in)
{
    const weir_table *table = in->partition->source->table;
    weir_arena *scratch = in->lane->scratch;
    in->rejected = WEIR_ARRAY(scratch, uint8_t, in->decoded.rows->rows + 1);
    in->reason = weir_arena_take(scratch, REJECT_REASONS * sizeof *in->reason);
    for (uint32_t i = 0; i < table->checks; i++) {
        weir_row_errors errors = {.arena = scratch};
        weir_column truth;
        weir_expr_eval(table->check[i].expr, in->decoded.rows, scratch, &truth, &errors);
        for (uint32_t e = 0; e < errors.count; e++)
            reject_row(in, errors.error[e].row, errors.error[e].msg);
        const uint8_t *holds = truth.values;
        for (uint32_t row = 0; row < in->decoded.rows->rows; row++) {
            if (!weir_column_has(&truth, row) || holds[row])
                continue;
            char message[REJECT_BYTES];
            snprintf(message, sizeof message, "violates check constraint \"%.*s\"",
                     (int)(table->check[i].name.len < 80 ? table->check[i].name.len : 80),
                     table->check[i].name.at);
            reject_row(in, row, message);
        }
    }
}

static void move_watermark(engine_partition *partition, const weir_batch *rows, uint32_t row)
{
    const weir_table *table = partition->source->table;
    if (table->event_time == WEIR_NONE)
        return;
    const weir_column *time = &rows->column[table->event_time];
    if (!weir_column_has(time, row))
        return;
    int64_t event_us = ((const int64_t *)time->values)[row];
    if (event_us > partition->highest_us)
        partition->highest_us = event_us;
    int64_t mark_us;
    if (!__builtin_sub_overflow(event_us, table->watermark_us, &mark_us) &&
        mark_us > partition->watermark_us)
        partition->watermark_us = mark_us;
}

static const weir_record *record_of(const intake *in, uint32_t event)
{
    return &in->block->record[in->first + event];
}

static weir_code bad_record(intake *in, uint32_t number, const engine_reason *reason,
                            weir_err *err)
{
    if (in->bad_of == NULL)
        in->bad_of = WEIR_ARRAY(in->lane->scratch, bool, in->decoded.events);
    in->bad += !in->bad_of[number];
    in->bad_of[number] = true;
    return engine_bad_record(in->lane, in->partition, record_of(in, number), reason, err);
}

static weir_code bad_event(intake *in, uint32_t number, weir_err *err)
{
    const weir_event *event = &in->decoded.event[number];
    engine_reason reason = {"DECODE", {NULL, 0}, "the record cannot be decoded"};
    if (event->problem != WEIR_NO_ROW) {
        const weir_problem *problem = &in->decoded.problem[event->problem];
        reason = (engine_reason){problem->code, problem->column, problem->msg};
    }
    return bad_record(in, number, &reason, err);
}

static void take_row(intake *in, uint32_t event, uint32_t row, uint32_t partner)
{
    in->event_of[row] = event;
    in->watermark[row] = in->partition->watermark_us;
    in->partner[row] = partner;
    in->sel[in->selected++] = row;
}

/* The images of one event that is no duplicate. */
static weir_code take_images(intake *in, uint32_t number, weir_err *err)
{
    const weir_event *event = &in->decoded.event[number];
    uint32_t before = in->partition->source->old_row_state && event->op != 'd'
                          ? WEIR_NO_ROW : event->before;
    uint32_t after = event->after;
    in->before_bad += event->before_bad;
    if (before != WEIR_NO_ROW && is_rejected(in, before)) {
        in->before_bad++;
        before = WEIR_NO_ROW;
    }
    weir_code rc = WEIR_OK;
    if (event->kind == WEIR_EVENT_BAD) {
        rc = bad_event(in, number, err);
        after = WEIR_NO_ROW;
    } else if (after != WEIR_NO_ROW && is_rejected(in, after)) {
        engine_reason reason = {"CHECK", {NULL, 0}, in->reason[in->rejected[after] - 1]};
        rc = bad_record(in, number, &reason, err);
        after = WEIR_NO_ROW;
    }
    if (before != WEIR_NO_ROW)
        take_row(in, number, before, after);
    if (after != WEIR_NO_ROW) {
        take_row(in, number, after, before);
        move_watermark(in->partition, in->decoded.rows, after);
    }
    return rc;
}

/* The first table seen is the table; others are bad records. */
/* Is it a row of the source's table? The first row that is not bad says which that is. */
static bool right_table(engine_source *source, weir_str name, bool bad)
{
    if (atomic_load_explicit(&source->is_pinned, memory_order_acquire))
        return weir_str_is(name, source->pinned);
    if (bad)
        return true;
    pthread_mutex_lock(&source->lock);
    if (source->pinned[0] == 0 && name.len < sizeof source->pinned)
        memcpy(source->pinned, name.at, name.len);
    atomic_store_explicit(&source->is_pinned, source->pinned[0] != 0, memory_order_release);
    bool right = weir_str_is(name, source->pinned);
    pthread_mutex_unlock(&source->lock);
    return right;
}

static weir_code wrong_table(intake *in, uint32_t number, weir_str name, weir_err *err)
{
    char message[160];
    snprintf(message, sizeof message, "a row of table '%.*s', not of '%.60s'",
             (int)(name.len < 60 ? name.len : 60), name.at, in->partition->source->pinned);
    engine_reason reason = {"TABLE", {NULL, 0}, message};
    return bad_record(in, number, &reason, err);
}

static weir_code take_truncate(intake *in, uint32_t number, weir_err *err)
{
    const engine_source *source = in->partition->source;
    if (engine_may_truncate(source))
        return engine_truncate(in->lane, in->partition, &in->counts, &in->truncating, err);
    (void)weir_fail(err, WEIR_E_CONFLICT, "table '%.*s' was truncated at offset %lld",
                    WEIR_STR_FMT(source->table->name),
                    (long long)record_of(in, number)->offset);
    return weir_err_hint(err, "it does not say which rows went: a topic of one partition "
                              "with old_row = 'state' knows; or --fresh behind it");
}

static weir_code take_event(intake *in, uint32_t number, weir_decoder *decoder,
                            weir_err *err)
{
    const weir_event *event = &in->decoded.event[number];
    engine_source *source = in->partition->source;
    if (event->kind == WEIR_EVENT_SKIP) {
        in->skipped++;
        return WEIR_OK;
    }
    if (!source->changelog || (event->kind == WEIR_EVENT_BAD && !event->positioned))
        return take_images(in, number, err);
    if (event->source_table != in->right_table) { /* none is right too, at first */
        bool     bad = event->kind == WEIR_EVENT_BAD;
        weir_str name = decoder->kind->text(decoder, event->source_table);
        if (event->source_table != WEIR_NONE && !right_table(source, name, bad))
            return wrong_table(in, number, name, err);
        in->right_table = bad ? WEIR_NONE : event->source_table;
    }
    weir_str origin = event->positioned ? decoder->kind->text(decoder, event->origin)
                                        : WEIR_STR("");
    engine_verdict verdict = engine_mark_judge(in->partition, event, origin, err);
    if (verdict == VERDICT_HALT)
        return err->code;
    if (verdict == VERDICT_DUPLICATE) {
        in->duplicates++;
        return WEIR_OK;
    }
    return event->kind == WEIR_EVENT_TRUNCATE ? take_truncate(in, number, err)
                                              : take_images(in, number, err);
}

/* A truncate that takes last values out comes alone: those of the rows before it have to be
   there. */
static uint32_t up_to_truncate(const intake *in, uint32_t count)
{
    if (!engine_may_truncate(in->partition->source))
        return count;
    for (uint32_t i = 0; i < count; i++)
        if (in->decoded.event[i].kind == WEIR_EVENT_TRUNCATE)
            return i > 0 ? i : 1;
    return count;
}

static void intake_start(intake *in)
{
    weir_arena *scratch = in->lane->scratch;
    uint32_t rows = in->decoded.rows->rows;
    in->event_of = weir_arena_take(scratch, (rows + 1) * sizeof *in->event_of);
    in->watermark = weir_arena_take(scratch, (rows + 1) * sizeof *in->watermark);
    in->partner = weir_arena_take(scratch, (rows + 1) * sizeof *in->partner);
    in->sel = weir_arena_take(scratch, (rows + 1) * sizeof *in->sel);
    if (rows && in->partition->source->table->checks)
        check_rows(in);
}

/* Rows for which an expression of a flow failed. */
static weir_code report_errors(intake *in, const weir_row_errors *errors, weir_err *err)
{
    for (uint32_t i = 0; i < errors->count; i++) {
        const weir_row_error *error = &errors->error[i];
        const weir_batch *rows = in->decoded.rows;
        if (rows->op && weir_row_retracts(rows->op[error->row])) {
            in->before_bad++;
            continue;
        }
        engine_reason reason = {"EXPRESSION", {NULL, 0}, error->msg};
        weir_code rc = bad_record(in, in->event_of[error->row], &reason, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

/* old_row = 'state': the old rows come from the last-value table. */
static weir_code with_last_values(intake *in, weir_rows *rows, weir_err *err)
{
    engine_source *source = in->partition->source;
    weir_arena *scratch = in->lane->scratch;
    weir_batch *pairs = NULL;
    uint32_t *from = NULL;
    weir_code rc = weir_ops_last_value(in->lane->engine->ops, source->number, rows->batch,
                                       scratch, &pairs, &from, err);
    if (rc != WEIR_OK)
        return rc;
    int64_t *watermark = WEIR_ARRAY(scratch, int64_t, pairs->rows + 1);
    uint32_t *partner = WEIR_ARRAY(scratch, uint32_t, pairs->rows + 1);
    uint32_t *event_of = WEIR_ARRAY(scratch, uint32_t, pairs->rows + 1);
    for (uint32_t i = 0; i < pairs->rows; i++) {
        watermark[i] = in->watermark[from[i]];
        event_of[i] = in->event_of[from[i]];
        partner[i] = WEIR_NONE;
        if (i > 0 && from[i - 1] == from[i]) {
            partner[i] = i - 1;
            partner[i - 1] = i;
        }
    }
    rows->batch = in->decoded.rows = pairs;
    rows->watermark = watermark;
    rows->partner = partner;
    rows->must = true; /* the last values have moved on: the pairs do not come again */
    in->event_of = event_of;
    return WEIR_OK;
}

static weir_code push_rows(intake *in, weir_err *err)
{
    engine_job *engine = in->lane->engine;
    engine_source *source = in->partition->source;
    if (in->selected == 0)
        return WEIR_OK;
    weir_batch batch = *in->decoded.rows;
    batch.sel = in->sel;
    batch.selected = in->selected;
    weir_rows rows = {.table = source->number, .batch = &batch,
                      .watermark = in->watermark, .partner = in->partner,
                      .closed_us = source->closed_us};
    weir_row_errors errors = {.arena = in->lane->scratch};
    weir_code rc = source->old_row_state ? with_last_values(in, &rows, err) : WEIR_OK;
    if (rc == WEIR_OK)
        rc = weir_ops_push(engine->ops, in->lane->number, &rows, &errors, &in->counts, err);
    in->again = rc == WEIR_E_LIMIT;
    return rc == WEIR_OK ? report_errors(in, &errors, err) : rc;
}

static int64_t bytes_of(const intake *in, uint32_t records)
{
    const weir_record *record = in->block->record + in->first;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < records; i++)
        bytes += record[i].key.len + record[i].value.len;
    return (int64_t)bytes;
}

static void count_up(const intake *in, uint32_t records)
{
    const weir_push_counts *counts = &in->counts;
    engine_lane *lane = in->lane;
    weir_status *status = lane->engine->status;
    lane->records += records;
    lane->passed += counts->passed;
    lane->passed_bytes += counts->passed_bytes;
    atomic_fetch_add(&status->records, records);
    atomic_fetch_add(&status->bad, in->bad);
    atomic_fetch_add(&status->late, counts->late + counts->late_idle);
    atomic_fetch_add(&status->duplicate, in->duplicates);
    atomic_fetch_add(&status->skipped, in->skipped);
    weir_metric_add(WEIR_M_records_read, records);
    weir_metric_add(WEIR_M_bytes_read, bytes_of(in, records));
    weir_metric_add(WEIR_M_records_skipped, (int64_t)in->skipped);
    weir_metric_add(WEIR_M_records_duplicate, (int64_t)in->duplicates);
    weir_metric_add(WEIR_M_records_bad, (int64_t)in->bad);
    weir_metric_add(WEIR_M_before_bad, (int64_t)in->before_bad);
    weir_metric_add(WEIR_M_rows_late, (int64_t)counts->late);
    weir_metric_add(WEIR_M_rows_late_idle, (int64_t)counts->late_idle);
    weir_metric_add(WEIR_M_updates_split, (int64_t)counts->split);
}

bool engine_intake(engine_lane *lane, engine_partition *partition, const weir_block *block,
                   uint32_t first, uint32_t *count, weir_err *err, weir_code *out_rc)
{
    weir_arena_mark here = weir_arena_here(lane->scratch);
    weir_decoder *decoder = lane->decoder[partition->source - lane->engine->source];
    intake in = {.lane = lane, .partition = partition, .block = block, .first = first,
                 .right_table = WEIR_NONE};
    intake_undo undo = remember(lane, partition);
    decoder->kind->decode(decoder, block, first, *count, lane->scratch, &in.decoded);
    weir_assert(in.decoded.events == *count);
    *count = up_to_truncate(&in, *count);
    intake_start(&in);
    weir_code rc = WEIR_OK;
    for (uint32_t i = 0; i < *count && rc == WEIR_OK; i++)
        rc = take_event(&in, i, decoder, err);
    if (rc == WEIR_OK)
        rc = push_rows(&in, err);
    if (in.again || in.truncating)
        put_back(lane, partition, &undo);
    if (in.truncating)
        *count = 0;
    if (!in.again)
        count_up(&in, *count);
    if (rc == WEIR_OK)
        rc = engine_error_limit(partition->source, in.bad_of, *count, err);
    weir_arena_rewind(lane->scratch, here);
    *out_rc = in.again ? WEIR_OK : rc;
    return !in.again;
}
