/* What every sink with a key shows of its tables (look.h): pages in the order of the key, one
 * moment, cells as PostgreSQL prints them.
 *
 * sqlite always; mysql where WEIR_TEST_MARIADB_URL or WEIR_TEST_MYSQL8_URL name a server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "sink_target.h"
#include "weir/look.h"

#include <string.h>

#define EPOCHS 3
#define IDS 190 /* of an epoch; each has NAMES rows */

static const char *const names[] = {"A", "a", "a!", "a b", "b'\"\\c", "z", "\xc3\xa4",
                                    "\xef\xbf\xbd", "\xf0\x9f\x90\x9f", "a\1"};
/* By bytes; and filled up with spaces: 'a' is greater than 'a' and a control character. */
static const int bytes_order[] = {0, 1, 9, 3, 2, 4, 5, 6, 7, 8};
static const int padded_order[] = {0, 9, 1, 3, 2, 4, 5, 6, 7, 8};
#define NAMES (sizeof names / sizeof names[0])
#define ROWS ((size_t)EPOCHS * IDS * NAMES)

static void write_rows(sink_bench *bench)
{
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        weir_buf text = {0};
        for (int i = 0; i < IDS; i++)
            for (size_t n = 0; n < NAMES; n++) {
                int id = (epoch * IDS + i) - EPOCHS * IDS / 2;
                weir_buf_format(&text, "+I|%d|%s|%d.50|2024-01-01 00:00:00.%06d|%s\n", id, names[n],
                                id, i, n % 2 ? "" : "note");
            }
        weir_buf_byte(&text, '\0');
        bench_epoch(bench, text.at);
        weir_buf_done(&text);
    }
}

static weir_sink *open_look_in(sink_bench *bench, const weir_order *order)
{
    weir_sink      *sink = NULL;
    weir_sink_setup setup = bench->setup;
    setup.look = true;
    setup.look_order = order;
    setup.table = &bench->table;
    setup.tables = 1;
    setup.lineage = weir_checkpoint_lineage(bench->now.checkpoint);
    CHECK_OK(weir_sink_new(bench->kind, &setup, &sink, &bench->err), &bench->err);
    return sink;
}

static weir_sink *open_look(sink_bench *bench)
{
    return open_look_in(bench, NULL);
}

static void check_row(const weir_str *cell, size_t number, const int *name_order)
{
    char     want[64], at[64];
    int      id = (int)(number / NAMES) - EPOCHS * IDS / 2, i = (int)(number / NAMES) % IDS;
    int      n = name_order[number % NAMES];
    weir_datum moment;
    weir_err err;
    weir_buf text = {0};
    snprintf(want, sizeof want, "%d", id);
    CHECK_STR(cell[0], want);
    CHECK_STR(cell[1], names[n]);
    snprintf(want, sizeof want, "%d.50", id);
    CHECK_STR(cell[2], want);
    snprintf(at, sizeof at, "2024-01-01 00:00:00.%06d", i);
    weir_err_clear(&err);
    CHECK_OK(weir_datum_parse(weir_type_of(WEIR_T_TIMESTAMPTZ), weir_str_of(at), &moment, &err),
             &err);
    weir_datum_print(&text, weir_type_of(WEIR_T_TIMESTAMPTZ), &moment);
    CHECK_SAME(cell[3], weir_buf_view(&text));
    weir_buf_done(&text);
    if (n % 2)
        CHECK(cell[4].at == NULL);
    else
        CHECK_STR(cell[4], "note");
}

static size_t read_pages(sink_bench *bench, weir_sink *sink, const int *check)
{
    weir_arena    *arena = weir_arena_new("pages", 1 << 20);
    weir_look_page page = {0};
    size_t         rows = 0;
    do {
        CHECK_OK(bench->kind->look->page(sink, 0, arena, &page, &bench->err), &bench->err);
        CHECK(page.rows <= WEIR_LOOK_PAGE);
        CHECK_INT(page.columns, 5);
        for (uint32_t r = 0; check != NULL && r < page.rows; r++)
            check_row(&page.cell[(size_t)r * page.columns], rows + r, check);
        rows += page.rows;
    } while (page.rows == WEIR_LOOK_PAGE);
    weir_arena_free(arena);
    return rows;
}

static void pages_are_all_rows_of_one_moment(sink_target *target, const char *ddl)
{
    sink_bench bench;
    uint64_t   epoch = 0;
    target->empty(target);
    bench_start(&bench, target->kind, target->options);
    if (ddl != NULL)
        target->sql(target, ddl);
    bench_take_over(&bench);
    write_rows(&bench);
    weir_sink *sink = open_look(&bench);
    CHECK_OK(bench.kind->look->begin(sink, &bench.err), &bench.err);
    CHECK_OK(bench.kind->look->epoch(sink, &epoch, &bench.err), &bench.err);
    CHECK_U64(epoch, EPOCHS);
    bench_epoch(&bench, "-D|0|A|0||\n+I|99999|late|1||"); /* not seen, and not held up */
    CHECK_INT(read_pages(&bench, sink, ddl ? padded_order : bytes_order), ROWS);
    CHECK_OK(bench.kind->look->epoch(sink, &epoch, &bench.err), &bench.err);
    CHECK_U64(epoch, EPOCHS);
    weir_sink_free(sink);
    sink = open_look(&bench);
    CHECK_OK(bench.kind->look->begin(sink, &bench.err), &bench.err);
    CHECK_INT(read_pages(&bench, sink, NULL), ROWS);
    CHECK_OK(bench.kind->look->epoch(sink, &epoch, &bench.err), &bench.err);
    CHECK_U64(epoch, EPOCHS + 1);
    weir_sink_free(sink);
    bench_stop(&bench);
}

static void an_order_is_what_the_pages_have(sink_target *target, const char *ddl, weir_order text)
{
    sink_bench bench;
    weir_order order[2];
    target->empty(target);
    bench_start(&bench, target->kind, target->options);
    if (ddl != NULL)
        target->sql(target, ddl);
    bench_take_over(&bench);
    weir_sink *sink = open_look(&bench);
    for (uint32_t k = 0; k < 2; k++)
        CHECK_OK(bench.kind->look->order(sink, 0, k, &order[k], &bench.err), &bench.err);
    CHECK_INT(order[0], WEIR_ORDER_NUMBER);
    CHECK_INT(order[1], text);
    weir_sink_free(sink);
    bench_stop(&bench);
}

/* As keys of another kind of database are sorted: a file of our own is read in that order. */
static void pages_come_in_the_order_that_is_asked_for(void **state)
{
    (void)state;
    static const weir_order padded[] = {WEIR_ORDER_NUMBER, WEIR_ORDER_PADDED};
    static const weir_order number[] = {WEIR_ORDER_NUMBER, WEIR_ORDER_NUMBER};
    static const char *const in_order[] = {"-10.50", "-9.25", "0.00", "9.99", "10.00", "100.01"};
    sink_target target[4];
    uint32_t    count = sink_targets(target), at = 0;
    while (strcmp(target[at].kind, "sqlite") != 0)
        at++;
    sink_bench bench;
    weir_order order = WEIR_ORDER_BYTES;
    target[at].empty(&target[at]);
    bench_start(&bench, target[at].kind, target[at].options);
    bench_take_over(&bench);
    write_rows(&bench);
    weir_sink *sink = open_look_in(&bench, padded);
    CHECK_OK(bench.kind->look->begin(sink, &bench.err), &bench.err);
    CHECK_OK(bench.kind->look->order(sink, 0, 1, &order, &bench.err), &bench.err);
    CHECK_INT(order, WEIR_ORDER_PADDED);
    CHECK_INT(read_pages(&bench, sink, padded_order), ROWS);
    weir_sink_free(sink);
    target[at].sql(&target[at], "DROP INDEX weir_sort");
    bench_epoch(&bench, "+I|-9999|9.99|1||\n+I|-9999|10.00|1||\n+I|-9999|-9.25|1||\n"
                        "+I|-9999|100.01|1||\n+I|-9999|-10.50|1||\n+I|-9999|0.00|1||");
    sink = open_look_in(&bench, number);
    CHECK_OK(bench.kind->look->begin(sink, &bench.err), &bench.err);
    weir_arena    *arena = weir_arena_new("pages", 1 << 20);
    weir_look_page page = {0};
    CHECK_OK(bench.kind->look->page(sink, 0, arena, &page, &bench.err), &bench.err);
    for (uint32_t r = 0; r < sizeof in_order / sizeof in_order[0]; r++)
        CHECK_STR(page.cell[(size_t)r * page.columns + 1], in_order[r]);
    weir_arena_free(arena);
    weir_sink_free(sink);
    bench_stop(&bench);
    sink_targets_gone(target, count);
}

#define PADDED                                                                                   \
    "CREATE TABLE bench_rows (id BIGINT NOT NULL, name VARCHAR(40) CHARACTER SET utf8mb4 COLLATE " \
    "utf8mb4_bin NOT NULL, amount DECIMAL(12,2), `at` DATETIME(6), note VARCHAR(8), PRIMARY KEY "  \
    "(id, name))"

static void every_target_shows_its_rows(void **state)
{
    (void)state;
    sink_target target[4];
    uint32_t    count = sink_targets(target), looked = 0;
    for (uint32_t i = 0; i < count; i++) {
        const weir_sink_kind *kind = weir_sink_find(weir_str_of(target[i].kind));
        if (!kind->keyed)
            continue;
        CHECK(kind->look != NULL);
        pages_are_all_rows_of_one_moment(&target[i], NULL);
        an_order_is_what_the_pages_have(&target[i], NULL, WEIR_ORDER_BYTES);
        if (target[i].url != NULL) {
            pages_are_all_rows_of_one_moment(&target[i], PADDED);
            an_order_is_what_the_pages_have(&target[i], PADDED, WEIR_ORDER_PADDED);
        }
        looked++;
    }
    CHECK(looked > 0);
    sink_targets_gone(target, count);
}

#define CODES 21
#define TIMES 40

/* Keys that are neither numbers nor text, and a value that a FLOAT's text would round. */
static void other_kinds(sink_bench *bench)
{
    static const uint32_t key[] = {0, 1, 3};
    bench->field[0].type = weir_type_of(WEIR_T_BOOL);
    bench->field[1].type = weir_type_of(WEIR_T_BYTEA);
    bench->field[2].type = weir_type_of(WEIR_T_FLOAT32);
    bench->field[3].not_null = true;
    bench->table.keys = 3;
    bench->table.key = key;
}

/* Row n in the order of the key, as the sink gets it, or as it is to be shown. */
static const char *other_row(weir_arena *arena, uint32_t n, bool shown)
{
    const char *code = weir_arena_text(arena, "c'%02u", n / TIMES % CODES);
    if (shown)
        code = weir_arena_text(arena, "\\x6327%02x%02x", code[2], code[3]);
    return weir_arena_text(arena, "%s|%s|1234.5%02u|2024-01-01 00:00:%02u.000001+00|",
                           n / TIMES / CODES ? "true" : "false", code, 11 + n % 9, n % TIMES);
}

static void pages_have_keys_of_any_kind(sink_target *target)
{
    sink_bench     bench;
    weir_arena    *arena = weir_arena_new("pages", 1 << 20);
    weir_look_page page = {0};
    weir_buf       text = {0};
    uint32_t       rows = 0;
    target->empty(target);
    bench_start(&bench, target->kind, target->options);
    other_kinds(&bench);
    bench_take_over(&bench);
    for (uint32_t n = 0; n < 2 * CODES * TIMES; n++)
        weir_buf_format(&text, "+I|%s\n", other_row(arena, n, false));
    weir_buf_byte(&text, '\0');
    bench_epoch(&bench, text.at);
    weir_buf_done(&text);
    weir_sink *sink = open_look(&bench);
    CHECK_OK(bench.kind->look->begin(sink, &bench.err), &bench.err);
    for (uint32_t k = 0; k < 3; k++) {
        weir_order order = WEIR_ORDER_PADDED;
        CHECK_OK(bench.kind->look->order(sink, 0, k, &order, &bench.err), &bench.err);
        CHECK_INT(order, WEIR_ORDER_BYTES);
    }
    do {
        CHECK_OK(bench.kind->look->page(sink, 0, arena, &page, &bench.err), &bench.err);
        for (uint32_t r = 0; r < page.rows; r++) {
            const weir_str *cell = &page.cell[(size_t)r * page.columns];
            const char     *is = weir_arena_text(
                arena, "%.*s|%.*s|%.*s|%.*s|", WEIR_STR_FMT(cell[0]), WEIR_STR_FMT(cell[1]),
                WEIR_STR_FMT(cell[2]), WEIR_STR_FMT(cell[3]));
            CHECK_TEXT(is, other_row(arena, rows + r, true));
            CHECK(cell[4].at == NULL);
        }
        rows += page.rows;
    } while (page.rows == WEIR_LOOK_PAGE);
    CHECK_INT(rows, 2 * CODES * TIMES);
    weir_arena_free(arena);
    weir_sink_free(sink);
    bench_stop(&bench);
}

static void keys_of_any_kind_are_paged(void **state)
{
    (void)state;
    sink_target target[4];
    uint32_t    count = sink_targets(target);
    for (uint32_t i = 0; i < count; i++)
        if (weir_sink_find(weir_str_of(target[i].kind))->keyed)
            pages_have_keys_of_any_kind(&target[i]);
    sink_targets_gone(target, count);
}

static void nothing_is_made_by_looking(void **state)
{
    (void)state;
    sink_target target[4];
    uint32_t    count = sink_targets(target);
    for (uint32_t i = 0; i < count; i++) {
        sink_bench bench;
        if (!weir_sink_find(weir_str_of(target[i].kind))->keyed)
            continue;
        target[i].empty(&target[i]);
        bench_start(&bench, target[i].kind, target[i].options);
        bench_take_over(&bench);
        target[i].sql(&target[i], "DROP TABLE bench_rows");
        weir_sink     *sink = open_look(&bench);
        weir_arena    *arena = weir_arena_new("pages", 1 << 16);
        weir_look_page page = {0};
        CHECK_OK(bench.kind->look->begin(sink, &bench.err), &bench.err);
        CHECK(bench.kind->look->page(sink, 0, arena, &page, &bench.err) != WEIR_OK);
        CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
        CHECK_SAYS(&bench.err, "bench_rows");
        weir_arena_free(arena);
        weir_sink_free(sink);
        bench_stop(&bench);
    }
    sink_targets_gone(target, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_target_shows_its_rows),
        TEST(keys_of_any_kind_are_paged),
        TEST(pages_come_in_the_order_that_is_asked_for),
        TEST(nothing_is_made_by_looking),
    };
    return RUN_TESTS(tests);
}
