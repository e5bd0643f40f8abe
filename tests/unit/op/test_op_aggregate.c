/* tests: aggregates against a naive model: random inserts, updates and deletes in several
 * partitions, with any number of lanes and any cut into batches and epochs, slices merged by
 * two threads, with a restart from saved slices at any epoch's end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <pthread.h>

#include "op_orders.h"

#define PARTITIONS 3
#define EVENTS 1500
#define IDS 60
#define CUSTOMERS 5
#define BOUND_US (2 * MINUTE_US)
#define KEYS 4000

typedef struct order_image {
    bool     there;
    uint32_t customer; /* CUSTOMERS: NULL */
    uint32_t status;
    int64_t  cents, paid_us;
} order_image;

typedef struct event {
    uint32_t partition;
    order_image    before, after;
} event;

static const char *const customers[] = {"anna", "bo", "c\xc3\xa9line",
                                        "a customer with a long name", ""};
static const char *const statuses[] = {"PAID", "SHIPPED", "NEW", "REFUNDED"};

static uint64_t random_state;
static uint32_t below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % limit);
}

/* --- the events ------------------------------------------------------------------- */

static order_image random_image(uint32_t step)
{
    order_image out = {.there = true, .customer = below(CUSTOMERS + 1), .status = below(4)};
    out.cents = below(8) == 0 ? INT64_MIN : (int64_t)below(60) * 25 - 500;
    int64_t now = INT64_C(1700000000) * 1000000 + (int64_t)step * 700000;
    out.paid_us = below(9) == 0 ? INT64_MIN : now - (int64_t)below(240) * 1000000;
    return out;
}

static event *random_events(weir_arena *arena, bool changelog)
{
    event *out = WEIR_ARRAY(arena, event, EVENTS);
    order_image *now = WEIR_ARRAY(arena, order_image, IDS);
    for (uint32_t i = 0; i < EVENTS; i++) {
        uint32_t id = below(IDS);
        out[i].partition = id % PARTITIONS;
        out[i].before = changelog ? now[id] : (order_image){.there = false};
        if (changelog && now[id].there && below(5) == 0)
            now[id].there = false;
        else if (now[id].there && below(3) == 0)
            now[id].status = below(2); /* PAID to SHIPPED: cancels */
        else
            now[id] = random_image(i);
        out[i].after = now[id];
    }
    return out;
}

/* --- the model -------------------------------------------------------------------- */

typedef struct model_row {
    int64_t  minute;
    order_image    image;
    uint32_t id;
    int      sign;
} model_row;

typedef struct naive_model {
    model_row *row;
    uint32_t   rows;
    int64_t    watermark[PARTITIONS];
    uint64_t   late, split;
} naive_model;

static bool passes(const order_image *image)
{
    return image->there && image->status < 2 && image->paid_us != INT64_MIN;
}

static int64_t minute_of(const order_image *image)
{
    return image->paid_us / MINUTE_US * MINUTE_US; /* times are after 1970 */
}

/* Arguments are the id (the row's number: never the same), so nothing cancels but where the
   plan has none; see plans below. */
static bool same_for_plan(const order_image *a, const order_image *b)
{
    return a->customer == b->customer && minute_of(a) == minute_of(b) && a->cents == b->cents &&
           a->status == b->status;
}

static bool take_image(naive_model *model, uint32_t partition, const order_image *image, int sign)
{
    if (minute_of(image) + MINUTE_US <= model->watermark[partition]) {
        model->late++;
        return false;
    }
    model->row[model->rows++] = (model_row){.minute = minute_of(image), .image = *image,
                                            .sign = sign};
    return true;
}

static void run_model(const event *events, weir_arena *arena, naive_model *out)
{
    *out = (naive_model){.row = WEIR_ARRAY(arena, model_row, 2 * EVENTS)};
    for (uint32_t p = 0; p < PARTITIONS; p++)
        out->watermark[p] = INT64_MIN;
    for (uint32_t i = 0; i < EVENTS; i++) {
        const event *e = &events[i];
        bool before = passes(&e->before), after = passes(&e->after);
        if (!(before && after && same_for_plan(&e->before, &e->after))) {
            bool in_before = before && take_image(out, e->partition, &e->before, -1);
            bool in_after = after && take_image(out, e->partition, &e->after, 1);
            out->split += before && after && in_before != in_after;
        }
        if (e->after.there && e->after.paid_us != INT64_MIN &&
            e->after.paid_us - BOUND_US > out->watermark[e->partition])
            out->watermark[e->partition] = e->after.paid_us - BOUND_US;
    }
}

/* --- the plan --------------------------------------------------------------------- */

enum { AGGREGATES = 12 };

static weir_plan *every_aggregate(weir_arena *arena, bool changelog)
{
    weir_plan *plan = plan_with_orders(arena, changelog);
    uint32_t   window = add_window(arena, plan, true);
    weir_type  money = numeric_type(12, 2), text = weir_type_of(WEIR_T_TEXT);
    weir_type  bigint = weir_type_of(WEIR_T_INT64), any = weir_type_of(WEIR_T_NUMERIC);
    weir_expr *amount = column_of(arena, ORDER_AMOUNT, money);
    weir_expr *status = column_of(arena, ORDER_STATUS, text);
    weir_expr *whole = call_of(arena, WEIR_FN_CAST, weir_type_of(WEIR_T_INT32), 1,
                               (const weir_expr *[]){amount});
    weir_expr *loose = call_of(arena, WEIR_FN_CAST, any, 1, (const weir_expr *[]){amount});
    weir_expr *real = call_of(arena, WEIR_FN_CAST, weir_type_of(WEIR_T_FLOAT64), 1,
                              (const weir_expr *[]){amount});
    weir_expr *paid = call2(arena, WEIR_FN_EQ, weir_type_of(WEIR_T_BOOL), status,
                            constant_of(arena, text, "PAID"));
    weir_aggregate list[AGGREGATES] = {
        aggregate_of(WEIR_AGG_COUNT_STAR, NULL, bigint),
        aggregate_of(WEIR_AGG_COUNT, amount, bigint),
        aggregate_of(WEIR_AGG_SUM, amount, numeric_type(38, 2)),
        aggregate_of(WEIR_AGG_AVG, amount, any),
        aggregate_of(WEIR_AGG_MIN, amount, money),
        aggregate_of(WEIR_AGG_MAX, status, text),
        aggregate_of(WEIR_AGG_SUM, amount, numeric_type(38, 2)),
        aggregate_of(WEIR_AGG_COUNT, status, bigint),
        aggregate_of(WEIR_AGG_SUM, amount, numeric_type(38, 2)),
        aggregate_of(WEIR_AGG_SUM, whole, bigint),
        aggregate_of(WEIR_AGG_SUM, loose, any),
        aggregate_of(WEIR_AGG_SUM, real, weir_type_of(WEIR_T_FLOAT64)),
    };
    list[6].filter = paid;
    list[7].distinct = true;
    list[8].distinct = true;
    const uint32_t key[] = {ORDER_COLUMNS, ORDER_CUSTOMER};
    uint32_t top = add_aggregate(arena, plan, window,
                                   &(grouping){2, key, AGGREGATES, list});
    add_sink(plan, top, 1);
    add_sink(plan, top, 2);
    return plan;
}

/* --- what a group should be ------------------------------------------------------- */

static void add_text(weir_buf *out, weir_type type, const weir_datum *value)
{
    weir_buf_byte(out, '|');
    if (value->null)
        weir_buf_text(out, "NULL");
    weir_datum_print(out, type, value);
}

static int64_t round_half_away(int64_t cents)
{
    int64_t whole = (cents < 0 ? -cents : cents) + 50;
    return cents < 0 ? -(whole / 100) : whole / 100;
}

typedef struct naive {
    int64_t rows, values, sum, paid_sum, paid_values, whole;
    int64_t count_of[200], status_of[2]; /* by value */
} naive;

static int64_t slot_cents(int slot)
{
    return slot * 25 - 500;
}

static void naive_add(naive *to, const model_row *row)
{
    to->rows += row->sign;
    to->status_of[row->image.status] += row->sign;
    if (row->image.cents == INT64_MIN)
        return;
    to->values += row->sign;
    to->sum += row->sign * row->image.cents;
    to->whole += row->sign * round_half_away(row->image.cents);
    to->count_of[(row->image.cents + 500) / 25] += row->sign;
    if (row->image.status == 0) {
        to->paid_sum += row->sign * row->image.cents;
        to->paid_values += row->sign;
    }
}

static void naive_average(weir_arena *arena, const naive *from, weir_datum *out)
{
    weir_err   err;
    weir_expr *sum = constant_of(arena, numeric_type(38, 2), "0");
    weir_expr *count = constant_of(arena, numeric_type(38, 0), "0");
    sum->value.i128 = from->sum;
    count->value.i128 = from->values;
    weir_expr *quotient = call2(arena, WEIR_FN_DIV, weir_type_of(WEIR_T_NUMERIC), sum, count);
    CHECK_OK(weir_expr_constant(quotient, arena, out, &err), &err);
}

static void naive_print(weir_arena *arena, const naive *from, weir_buf *out)
{
    weir_type  cents = numeric_type(38, 2), bigint = weir_type_of(WEIR_T_INT64);
    weir_datum average = {.null = true};
    int64_t    least = INT64_MIN, distinct_sum = 0;
    bool       none = from->values == 0, no_paid = from->paid_values == 0;
    if (!none)
        naive_average(arena, from, &average);
    for (int s = 0; s < 200; s++)
        if (from->count_of[s] > 0) {
            least = least == INT64_MIN ? slot_cents(s) : least;
            distinct_sum += slot_cents(s);
        }
    add_text(out, bigint, &(weir_datum){.i64 = from->rows});
    add_text(out, bigint, &(weir_datum){.i64 = from->values});
    add_text(out, cents, &(weir_datum){.null = none, .i128 = from->sum, .scale = 2});
    add_text(out, weir_type_of(WEIR_T_NUMERIC), &average);
    add_text(out, cents, &(weir_datum){.null = none, .i128 = least, .scale = 2});
    weir_buf_format(out, "|%s", from->status_of[1] > 0 ? "SHIPPED" : "PAID");
    add_text(out, cents, &(weir_datum){.null = no_paid, .i128 = from->paid_sum, .scale = 2});
    add_text(out, bigint,
             &(weir_datum){.i64 = (from->status_of[0] > 0) + (from->status_of[1] > 0)});
    add_text(out, cents, &(weir_datum){.null = none, .i128 = distinct_sum, .scale = 2});
    add_text(out, bigint, &(weir_datum){.null = none, .i64 = from->whole});
    add_text(out, cents, &(weir_datum){.null = none, .i128 = from->sum, .scale = 2});
    add_text(out, weir_type_of(WEIR_T_FLOAT64),
             &(weir_datum){.null = none, .f64 = (double)from->sum / 100});
}

/* Rows by key, as text; a table as a sink would have it. */
typedef struct sink_row {
    bool  there;
    char *key, *text;
} sink_row;

typedef struct sink_table {
    sink_row row[KEYS];
    uint32_t rows;
} sink_table;

static sink_row *sink_find(sink_table *table, const char *key)
{
    for (uint32_t i = 0; i < table->rows; i++)
        if (strcmp(table->row[i].key, key) == 0)
            return &table->row[i];
    return NULL;
}

static sink_row *sink_make(sink_table *table, const char *key)
{
    sink_row *row = sink_find(table, key);
    if (row == NULL) {
        CHECK(table->rows < KEYS);
        row = &table->row[table->rows++];
        *row = (sink_row){.key = strdup(key), .text = strdup("")};
    }
    return row;
}

static void sink_free(sink_table *table)
{
    for (uint32_t i = 0; i < table->rows; i++) {
        free(table->row[i].key);
        free(table->row[i].text);
    }
    free(table);
}

static void set_text(sink_row *row, const char *text)
{
    free(row->text);
    row->text = strdup(text);
    row->there = true;
}

static void expect_groups(const naive_model *model, int64_t before_us, weir_arena *arena,
                          sink_table *out)
{
    bool *done = WEIR_ARRAY(arena, bool, model->rows + 1);
    for (uint32_t i = 0; i < model->rows; i++) {
        const model_row *first = &model->row[i];
        naive            group = {0};
        if (done[i] || first->minute + MINUTE_US > before_us)
            continue;
        for (uint32_t j = i; j < model->rows; j++)
            if (model->row[j].minute == first->minute &&
                model->row[j].image.customer == first->image.customer) {
                done[j] = true;
                naive_add(&group, &model->row[j]);
            }
        if (group.rows <= 0)
            continue;
        weir_buf text = {0};
        add_text(&text, weir_type_of(WEIR_T_TIMESTAMPTZ), &(weir_datum){.i64 = first->minute});
        weir_buf_format(&text, "|%s",
                        first->image.customer == CUSTOMERS ? "NULL"
                                                           : customers[first->image.customer]);
        weir_buf_byte(&text, 0);
        sink_row *row = sink_make(out, text.at);
        weir_buf_clear(&text);
        naive_print(arena, &group, &text);
        weir_buf_byte(&text, 0);
        set_text(row, text.at);
        weir_buf_done(&text);
    }
}

/* --- a run ------------------------------------------------------------------------ */

typedef struct test_run {
    const weir_plan *plan;
    const event     *events;
    weir_ops        *ops;
    weir_budget      budget;
    uint32_t         lanes;
    uint32_t         lane_of[PARTITIONS];
    int64_t          watermark[PARTITIONS], closed_us;
    sink_table      *changes, *final;
    weir_buf         full[WEIR_SLICES], delta[WEIR_SLICES][64];
    uint32_t         deltas[WEIR_SLICES];
    weir_push_counts counts;
} test_run;

static void new_ops(test_run *run)
{
    weir_err err;
    CHECK_OK(weir_ops_new(run->plan, run->lanes, &run->budget, &run->ops, &err), &err);
}

/* One batch of events of one partition. */
static void push_events(test_run *run, uint32_t partition, uint32_t *at, uint32_t to, uint32_t most)
{
    weir_err        err;
    weir_arena     *arena = weir_arena_new("batch", 1 << 16);
    weir_row_errors errors = {.arena = arena};
    order_rows      rows;
    orders_start(&rows, arena, run->plan, 2 * most);
    for (; *at < to && rows.rows < 2 * most - 1; ++*at) {
        const event *e = &run->events[*at];
        if (e->partition != partition)
            continue;
        const order_image *images[] = {&e->before, &e->after};
        uint32_t     first = rows.rows;
        bool         both = e->before.there && e->after.there;
        for (uint32_t i = 0; i < 2; i++) {
            const order_image *image = images[i];
            if (!image->there)
                continue;
            order_row order = {.customer = image->customer == CUSTOMERS ? NULL
                                                                    : customers[image->customer],
                           .status = statuses[image->status], .cents = image->cents,
                           .paid_us = image->paid_us, .partner = WEIR_NONE};
            order.op = i == 0 ? (both ? WEIR_ROW_UPDATE_OLD : WEIR_ROW_DELETE)
                              : (both ? WEIR_ROW_UPDATE_NEW : WEIR_ROW_INSERT);
            if (both)
                order.partner = i == 0 ? first + 1 : first;
            orders_add(&rows, &order, run->watermark[partition]);
        }
        if (e->after.there && e->after.paid_us != INT64_MIN &&
            e->after.paid_us - BOUND_US > run->watermark[partition])
            run->watermark[partition] = e->after.paid_us - BOUND_US;
    }
    weir_rows pushed = orders_end(&rows, run->closed_us);
    CHECK_OK(weir_ops_push(run->ops, run->lane_of[partition], &pushed, &errors,
                           &run->counts, &err),
             &err);
    CHECK_INT(errors.count, 0);
    weir_arena_free(arena);
}

static void take_row(sink_table *table, const weir_batch *batch, uint32_t row, bool final)
{
    weir_buf key = {0}, text = {0};
    uint8_t  op = batch->op ? batch->op[row] : WEIR_ROW_INSERT;
    for (uint32_t c = 0; c < batch->columns; c++) {
        weir_datum value = weir_column_get(&batch->column[c], row);
        add_text(c < 2 ? &key : &text, batch->column[c].type, &value);
    }
    weir_buf_byte(&key, 0);
    weir_buf_byte(&text, 0);
    sink_row *found = sink_make(table, key.at);
    CHECK(!final || !found->there);
    CHECK_INT(found->there, op != WEIR_ROW_INSERT);
    if (op == WEIR_ROW_DELETE)
        found->there = false;
    else
        set_text(found, text.at);
    weir_buf_done(&key);
    weir_buf_done(&text);
}

static void take_emission(test_run *run, const weir_emission *emission)
{
    for (uint32_t f = 0; f < emission->flows; f++)
        for (uint32_t b = 0; b < emission->flow[f].batches; b++) {
            const weir_batch *batch = emission->flow[f].batch[b];
            for (uint32_t i = 0; i < batch->selected; i++)
                take_row(f == 0 ? run->changes : run->final, batch, weir_batch_row(batch, i),
                         f == 1);
        }
}

static void save_slice(test_run *run, uint32_t slice, bool full)
{
    if (full) {
        for (uint32_t d = 0; d < run->deltas[slice]; d++)
            weir_buf_done(&run->delta[slice][d]);
        run->deltas[slice] = 0;
        weir_buf_clear(&run->full[slice]);
        weir_ops_save(run->ops, slice, true, &run->full[slice]);
        return;
    }
    weir_ops_save(run->ops, slice, false, &run->delta[slice][run->deltas[slice]++]);
}

/* Every other slice, at the same time as the other half. */
typedef struct half_epoch {
    test_run     *run;
    uint32_t      first;
    int64_t       watermark_us;
    bool          full[WEIR_SLICES];
    weir_arena   *arena;
    weir_emission emission;
    weir_code     rc;
    weir_err      err;
} half_epoch;

static void *merge_half(void *thing)
{
    half_epoch *half = thing;
    weir_ops   *ops = half->run->ops;
    half->arena = weir_arena_new("emission", 1 << 16);
    weir_emission_start(ops, half->arena, &half->emission);
    for (uint32_t s = half->first; half->rc == WEIR_OK && s < WEIR_SLICES; s += 2) {
        half->rc = weir_ops_merge(ops, s, &half->err);
        if (half->rc == WEIR_OK)
            half->rc = weir_ops_emit(ops, s, &half->watermark_us, &half->emission, &half->err);
        save_slice(half->run, s, half->full[s]);
    }
    return NULL;
}

static void end_epoch(test_run *run, bool last)
{
    half_epoch half[2] = {{.run = run}, {.run = run, .first = 1}};
    pthread_t  thread[2];
    int64_t    low = INT64_MAX;
    for (uint32_t p = 0; p < PARTITIONS; p++)
        low = run->watermark[p] < low ? run->watermark[p] : low;
    if (last)
        low = INT64_MAX;
    for (int h = 0; h < 2; h++) {
        half[h].watermark_us = low;
        for (uint32_t s = 0; s < WEIR_SLICES; s++)
            half[h].full[s] = run->full[s].len == 0 || below(20) == 0 || run->deltas[s] == 60;
    }
    for (int h = 0; h < 2; h++)
        CHECK_INT(pthread_create(&thread[h], NULL, merge_half, &half[h]), 0);
    for (int h = 0; h < 2; h++)
        CHECK_INT(pthread_join(thread[h], NULL), 0);
    weir_ops_next(run->ops);
    weir_ops_recycle(run->ops);
    run->closed_us = low;
    for (int h = 0; h < 2; h++) {
        CHECK_OK(half[h].rc, &half[h].err);
        take_emission(run, &half[h].emission);
        CHECK_INT(half[h].emission.negative, 0);
        weir_arena_free(half[h].arena);
    }
}

static void restart(test_run *run)
{
    weir_err err;
    uint64_t groups = weir_ops_groups(run->ops);
    weir_ops_free(run->ops);
    CHECK_INT(run->budget.used, 0);
    run->lanes = 1 + below(4);
    for (uint32_t p = 0; p < PARTITIONS; p++)
        run->lane_of[p] = below(run->lanes);
    new_ops(run);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        CHECK_OK(weir_ops_load(run->ops, s, true, weir_buf_view(&run->full[s]), &err), &err);
        for (uint32_t d = 0; d < run->deltas[s]; d++)
            CHECK_OK(weir_ops_load(run->ops, s, false, weir_buf_view(&run->delta[s][d]), &err),
                     &err);
    }
    CHECK_INT(weir_ops_groups(run->ops), groups);
}

static void check_table(sink_table *want, sink_table *got)
{
    uint32_t there = 0, wanted = 0;
    for (uint32_t i = 0; i < got->rows; i++)
        there += got->row[i].there;
    for (uint32_t i = 0; i < want->rows; i++) {
        sink_row *found = sink_find(got, want->row[i].key);
        wanted += want->row[i].there;
        CHECK(found != NULL);
        if (strcmp(found->text, want->row[i].text) != 0)
            print_error("%s\n", want->row[i].key);
        CHECK_TEXT(found->text, want->row[i].text);
        CHECK(found->there);
    }
    CHECK_INT(there, wanted);
}

static void run_once(uint64_t seed, bool changelog, bool restarts)
{
    random_state = seed * 0x9E3779B97F4A7C15u + 88172645463325252u;
    weir_arena *arena = weir_arena_new("test", 1 << 20);
    test_run    run = {.plan = every_aggregate(arena, changelog), .closed_us = INT64_MIN};
    naive_model model;
    run.events = random_events(arena, changelog);
    run_model(run.events, arena, &model);
    run.budget.limit = 64u << 20;
    run.lanes = 1 + below(4);
    run.changes = calloc(1, sizeof(sink_table));
    run.final = calloc(1, sizeof(sink_table));
    for (uint32_t p = 0; p < PARTITIONS; p++) {
        run.lane_of[p] = below(run.lanes);
        run.watermark[p] = INT64_MIN;
    }
    new_ops(&run);
    for (uint32_t from = 0; from < EVENTS;) {
        uint32_t to = from + 1 + below(below(4) == 0 ? 400 : 40);
        to = to < EVENTS ? to : EVENTS;
        for (uint32_t p = 0; p < PARTITIONS; p++)
            for (uint32_t at = from; at < to;)
                push_events(&run, p, &at, to, 1 + below(64));
        from = to;
        end_epoch(&run, from == EVENTS);
        if (restarts && below(4) == 0)
            restart(&run);
    }
    sink_table *want = calloc(1, sizeof(sink_table));
    expect_groups(&model, INT64_MAX, arena, want);
    CHECK(want->rows > 20);
    check_table(want, run.changes);
    check_table(want, run.final);
    CHECK_INT(run.counts.late, model.late);
    CHECK_INT(run.counts.late_idle, 0);
    CHECK_INT(run.counts.split, model.split);
    CHECK_INT(weir_ops_groups(run.ops), 0);
    weir_ops_free(run.ops);
    CHECK_INT(run.budget.used, 0);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        weir_buf_done(&run.full[s]);
        for (uint32_t d = 0; d < run.deltas[s]; d++)
            weir_buf_done(&run.delta[s][d]);
    }
    sink_free(want);
    sink_free(run.changes);
    sink_free(run.final);
    weir_arena_free(arena);
}

static void changelogs_give_what_the_model_gives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run_once(seed, true, false);
}

static void inserts_give_what_the_model_gives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        run_once(seed, false, false);
}

static void restarts_change_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed <= 112; seed++)
        run_once(seed, seed % 3 != 0, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(changelogs_give_what_the_model_gives),
        TEST(inserts_give_what_the_model_gives),
        TEST(restarts_change_nothing),
    };
    return RUN_TESTS(tests);
}
