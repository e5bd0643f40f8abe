/* Dead letters as rows, and how many bad records a table takes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_parts.h"

typedef struct bench {
    weir_plan        plan;
    weir_status      status;
    weir_table       table;
    engine_job       engine;
    engine_source    source;
    engine_partition partition;
    engine_lane      lane;
    engine_epoch     epoch;
    weir_arena      *arena;
    weir_err         err;
} bench;

static void start(bench *b)
{
    memset(b, 0, sizeof *b);
    b->arena = weir_arena_new("bench", 4096);
    b->plan.settings.job_name = WEIR_STR("job");
    b->engine.plan = &b->plan;
    b->engine.status = &b->status;
    b->table.name = WEIR_STR("orders");
    b->source.table = &b->table;
    b->source.topic = WEIR_STR("shop.orders");
    b->source.engine = &b->engine;
    pthread_mutex_init(&b->source.lock, NULL);
    b->partition.source = &b->source;
    b->partition.name = WEIR_STR("7");
    b->lane.engine = &b->engine;
    b->lane.scratch = b->arena;
    b->lane.letters.arena = b->arena;
    b->epoch.number = 12;
    weir_err_clear(&b->err);
}

static void stop(bench *b)
{
    pthread_mutex_destroy(&b->source.lock);
    weir_arena_free(b->arena);
}

static weir_code bad(bench *b, const weir_record *record)
{
    engine_reason reason = {"RANGE", WEIR_STR("amount"), "too much"};
    return engine_bad_record(&b->lane, &b->partition, record, &reason, &b->err);
}

/* Row `row` of the letters of sink `sink`, as text. */
static weir_buf letter(bench *b, uint32_t sink, uint32_t row)
{
    weir_buf    out = {0};
    weir_batch *batch = engine_letter_batch(&b->engine, &b->epoch, sink, b->arena);
    CHECK(batch != NULL);
    CHECK(row < batch->rows);
    for (uint32_t c = 0; c < batch->columns; c++) {
        weir_datum value = weir_column_get(&batch->column[c], row);
        if (c > 0)
            weir_buf_byte(&out, '|');
        if (value.null)
            weir_buf_text(&out, "NULL");
        else
            weir_datum_print(&out, batch->column[c].type, &value);
    }
    weir_buf_byte(&out, 0);
    return out;
}

static void letter_holds_the_record_its_place_and_the_reason(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.source.on_error = ON_ERROR_DEAD_LETTER;
    char        value[] = "{\"bad\"", key[] = "k\xff";
    weir_header header[] = {{WEIR_STR("h"), WEIR_STR("1\"2")}, {WEIR_STR("n"), {NULL, 0}}};
    weir_record record = {.offset = 99, .timestamp_us = 0, .key = weir_str_of(key),
                          .value = weir_str_of(value), .headers = 2, .header = header};
    CHECK_OK(bad(&b, &record), &b.err);
    memset(value, 'x', sizeof value - 1); /* the block goes, the letter stays */
    memset(key, 'x', sizeof key - 1);
    record = (weir_record){.offset = 100, .timestamp_us = INT64_MIN};
    CHECK_OK(bad(&b, &record), &b.err);
    b.epoch.letters[0] = b.lane.letters;
    b.epoch.letter_sets = 1;
    weir_buf first = letter(&b, 0, 0), second = letter(&b, 0, 1);
    CHECK_TEXT(first.at,
               "job|12|orders|shop.orders|7|99|1970-01-01 00:00:00+00|\\x6bff|"
               "\\x7b2262616422|[{\"key\":\"h\",\"value\":\"1\\\"2\"},{\"key\":\"n\","
               "\"value\":null}]|RANGE|amount|too much");
    CHECK_TEXT(second.at, "job|12|orders|shop.orders|7|100|NULL|NULL|NULL|NULL|RANGE|amount|"
                          "too much");
    CHECK(engine_letter_batch(&b.engine, &b.epoch, 1, b.arena) == NULL);
    CHECK(b.lane.passed_bytes > strlen(value) + 1); /* they make an epoch full */
    weir_buf_done(&first);
    weir_buf_done(&second);
    stop(&b);
}

static void letters_of_lanes_and_sinks_are_told_apart(void **state)
{
    bench b;
    (void)state;
    start(&b);
    b.epoch.letter_sets = 3;
    for (uint32_t i = 0; i < 300; i++) {
        engine_letters *letters = &b.epoch.letters[i % 3];
        letters->arena = b.arena;
        engine_dead_letter one = {.table = WEIR_STR("t"), .code = "C",
                                  .message = weir_str_of(i % 2 ? "odd" : "even")};
        engine_letter_add(letters, i % 2, &one);
    }
    weir_batch *odd = engine_letter_batch(&b.engine, &b.epoch, 1, b.arena);
    CHECK_INT(odd->rows, 150);
    weir_buf last = letter(&b, 1, 149);
    CHECK_HOLDS(last.at, "|C|NULL|odd");
    weir_buf_done(&last);
    stop(&b);
}

static void refused_row_is_kept_as_json(void **state)
{
    bench b;
    (void)state;
    start(&b);
    weir_field field[] = {{WEIR_STR("id"), {.id = WEIR_T_INT64}, true},
                          {WEIR_STR("na\"me"), {.id = WEIR_T_TEXT}, false},
                          {WEIR_STR("more"), {.id = WEIR_T_JSONB}, false}};
    weir_schema  schema = {3, field};
    weir_builder builder[3];
    weir_column  column[3];
    for (int i = 0; i < 3; i++)
        weir_builder_start(&builder[i], b.arena, field[i].type, 2);
    for (int row = 0; row < 2; row++) {
        weir_builder_i64(&builder[0], 40 + row);
        weir_builder_null(&builder[1]);
        weir_builder_text(&builder[2], WEIR_STR("{\"a\":[1]}"));
    }
    for (int i = 0; i < 3; i++)
        column[i] = weir_builder_end(&builder[i]);
    weir_batch      batch = {.rows = 2, .columns = 3, .column = column, .selected = 2};
    weir_sink_table table = {.name = WEIR_STR("revenue"), .schema = &schema};
    weir_refused    row = {.row = 1, .code = "1406", .msg = "data too long"};
    engine_dead_letter made = engine_letter_of_row(&table, &batch, &row, b.arena);
    CHECK_STR(made.value, "{\"id\":\"41\",\"na\\\"me\":null,\"more\":{\"a\":[1]}}");
    CHECK_TEXT(made.code, "1406");
    CHECK_STR(made.message, "data too long");
    CHECK_STR(made.table, "revenue");
    CHECK(made.partition == NULL);
    stop(&b);
}

static void skip_leaves_nothing_and_fail_says_where(void **state)
{
    bench b;
    (void)state;
    start(&b);
    weir_record record = {.offset = 5};
    b.source.on_error = ON_ERROR_SKIP;
    CHECK_OK(bad(&b, &record), &b.err);
    CHECK_INT(b.lane.letters.count, 0);
    b.source.on_error = ON_ERROR_FAIL;
    CHECK_FAILS(bad(&b, &record), WEIR_E_DECODE, &b.err);
    CHECK_SAYS(&b.err, "table 'orders', partition 7, offset 5: bad record: too much");
    CHECK_HINTS(&b.err, "on_error = 'dead_letter'");
    stop(&b);
}

/* `text`: a letter a record, 'b' is a bad one; in calls of `call` records. */
static weir_code limit(bench *b, const char *text, size_t call)
{
    for (size_t from = 0, len = strlen(text); from < len; from += call) {
        bool   is_bad[100] = {false}, any = false;
        size_t count = len - from < call ? len - from : call;
        for (size_t i = 0; i < count; i++)
            any |= is_bad[i] = text[from + i] == 'b';
        weir_code rc = engine_error_limit(&b->source, any ? is_bad : NULL, (uint32_t)count,
                                          &b->err);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

static void error_limit_does_not_depend_on_how_records_come(void **state)
{
    (void)state;
    for (size_t call = 1; call <= 60; call++) {
        bench b;
        start(&b);
        b.source.error_most = 2;
        b.source.error_per = 10;
        CHECK_OK(limit(&b, "bb........" "........bb" "bb........" "..........", call), &b.err);
        CHECK_OK(limit(&b, "b........b", call), &b.err);
        CHECK_FAILS(limit(&b, "b...b....b", call), WEIR_E_LIMIT, &b.err);
        CHECK_SAYS(&b.err, "more than 2 bad records in 10");
        CHECK_HINTS(&b.err, "error_limit");
        stop(&b);
    }
}

static void limit_of_none_stops_at_the_first_and_no_limit_never(void **state)
{
    bench b;
    (void)state;
    start(&b);
    CHECK_OK(limit(&b, "bbbbbbbbbbbb", 5), &b.err);
    b.source.error_per = 100;
    CHECK_OK(limit(&b, "....", 2), &b.err);
    CHECK_FAILS(limit(&b, "b", 1), WEIR_E_LIMIT, &b.err);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(letter_holds_the_record_its_place_and_the_reason),
        TEST(letters_of_lanes_and_sinks_are_told_apart),
        TEST(refused_row_is_kept_as_json),
        TEST(skip_leaves_nothing_and_fail_says_where),
        TEST(error_limit_does_not_depend_on_how_records_come),
        TEST(limit_of_none_stops_at_the_first_and_no_limit_never),
    };
    return RUN_TESTS(tests);
}
