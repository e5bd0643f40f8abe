/* What the MySQL sink makes of a table's description, and how rows are cut into statements;
 * against a server that a test makes up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_database.h"
#include "sink_bench.h"

enum { /* cells of a column's description */
       NAME = 1,
       TYPE,
       FULL,
       NULLABLE,
       DEFAULT,
       EXTRA,
       PRECISION,
       SCALE,
       FRACTION,
       CHARACTERS,
       COLLATION,
       BYTES,
       CELLS = BYTES
};
#define OF_ID 0
#define OF_NAME (1 * CELLS)
#define OF_AMOUNT (2 * CELLS)
#define OF_AT (3 * CELLS)
#define OF_NOTE (4 * CELLS)

typedef struct spoiled { /* one cell of the server's answer */
    const char *statement;
    int         cell;
    const char *value;
} spoiled;

static weir_code open_with(fake_database *database, sink_bench *bench, fake_mysql_kind kind,
                           const spoiled *cell, size_t count)
{
    fake_database_start(database, kind);
    for (size_t i = 0; i < count; i++)
        database->fault[i] = (database_fault){.statement = cell[i].statement,
                                              .times = -1,
                                              .way = FAKE_MYSQL_ROWS,
                                              .cell = cell[i].cell,
                                              .value = cell[i].value};
    bench_start(bench, "mysql", database->options);
    return bench_try_take_over(bench);
}

static void close_all(fake_database *database, sink_bench *bench)
{
    bench_stop(bench);
    fake_database_stop(database);
}

#define COLUMN "SELECT COLUMN_NAME"
#define INDEX "SELECT INDEX_NAME"
static const struct {
    spoiled     cell;
    const char *says; /* NULL: it fits */
} described[] = {
    {{"SELECT t.TABLE_TYPE", 1, "VIEW"}, "is not a base table"},
    {{"SELECT t.TABLE_TYPE", 3, "NO"}, "without transactions"},
    {{"SELECT t.TABLE_TYPE", 3, NULL}, "without transactions"},
    {{INDEX, 1, "by_note"}, "second unique index, 'by_note'"},
    {{INDEX, 2, NULL}, "another primary key"}, /* of an expression */
    {{INDEX, 2, "elsewhere"}, "another primary key"},
    {{INDEX, 2, "note"}, "another primary key"},
    {{INDEX, 3, "3"}, "another primary key"}, /* of a text's beginning */
    {{INDEX, 2, "ID"}, NULL},
    {{COLUMN, OF_NOTE + NAME, "other"}, "column 'note' is missing"}, /* it may be NULL */
    {{COLUMN, OF_ID + NAME, "other"}, "column 'other' must have a value"},
    {{COLUMN, OF_ID + NAME, "ID"}, NULL},
    {{COLUMN, OF_ID + TYPE, "int"}, "column 'id' is bigint(20), and must be bigint"},
    {{COLUMN, OF_AMOUNT + PRECISION, "many"}, "decimal(12,2) or wider"},
    {{COLUMN, OF_AMOUNT + SCALE, "1"}, "decimal(12,2) or wider"},
    {{COLUMN, OF_AMOUNT + EXTRA, "VIRTUAL GENERATED"},
     "'amount' is computed by the server"},
    {{COLUMN, OF_AMOUNT + EXTRA, "DEFAULT_GENERATED"}, NULL},
    {{COLUMN, OF_AT + FRACTION, "3"}, "rounded in silence"},
    {{COLUMN, OF_NOTE + CHARACTERS, "7"}, "must hold 8 characters"},
    {{COLUMN, OF_NAME + COLLATION, "utf8mb4_general_ci"},
     "takes different texts for equal"},
    {{COLUMN, OF_NAME + COLLATION, "utf8mb4_bin"}, NULL},
    {{COLUMN, OF_NAME + BYTES, "0"}, NULL},
    {{COLUMN, OF_NAME + BYTES, "4294967296"}, NULL},
};

static void each_description_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof described / sizeof described[0]; i++) {
        fake_database database;
        sink_bench    bench;
        weir_code rc = open_with(&database, &bench, FAKE_MYSQL_8, &described[i].cell, 1);
        if (described[i].says == NULL) {
            CHECK_OK(rc, &bench.err);
        } else {
            CHECK_FAILS(rc, WEIR_E_CONFIG, &bench.err);
            CHECK_INT(bench.err.exit, WEIR_EXIT_SINK_SCHEMA);
            CHECK_SAYS(&bench.err, described[i].says);
            CHECK(bench.err.hint[0] != '\0');
        }
        close_all(&database, &bench);
    }
}

/* A column that the job does not write must get its value from elsewhere. */
static void columns_of_others_are_fed_by_the_server(void **state)
{
    (void)state;
    static const struct {
        int         cell;
        const char *value;
        bool        fed;
    } cases[] = {{OF_ID + DEFAULT, "7", true},
                 {OF_ID + NULLABLE, "YES", true},
                 {OF_ID + EXTRA, "auto_increment", true},
                 {OF_ID + EXTRA, "STORED GENERATED", true},
                 {OF_ID + EXTRA, "on update CURRENT_TIMESTAMP", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_database database;
        sink_bench    bench;
        spoiled       cell = {COLUMN, cases[i].cell, cases[i].value};
        fake_database_start(&database, FAKE_MYSQL_8);
        bench_start(&bench, "mysql", database.options);
        bench.field[0].name = WEIR_STR("number"); /* the server's id is another's now */
        database.fault[0] = (database_fault){.statement = cell.statement,
                                             .times = -1,
                                             .way = FAKE_MYSQL_ROWS,
                                             .cell = cell.cell,
                                             .value = cell.value};
        database.fault[1] = (database_fault){.statement = INDEX,
                                             .times = -1,
                                             .way = FAKE_MYSQL_ROWS,
                                             .cell = 2,
                                             .value = "number"};
        CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_CONFIG, &bench.err);
        CHECK_SAYS(&bench.err,
                   cases[i].fed ? "column 'number' is missing" : "'id' must have a value");
        close_all(&database, &bench);
    }
}

/* The key's text is limited by the column's bytes, where it says them. */
static void keys_are_judged_before_the_server_is_asked(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
        uint32_t    refused;
    } cases[] = {{"40", "twenty characters...", 0},
                 {"19", "twenty characters...", 1},
                 {"20", "twenty characters...", 0},
                 {"0", "twenty characters...", 0},
                 {NULL, "twenty characters...", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_database database;
        sink_bench    bench;
        spoiled       cell = {COLUMN, OF_NAME + BYTES, cases[i].bytes};
        char          row[80];
        CHECK_OK(open_with(&database, &bench, FAKE_MYSQL_8, &cell, 1), &bench.err);
        bench.now.epoch = weir_arena_new("rows", 64 << 10);
        weir_refusals refusals = {.arena = bench.now.epoch};
        (void)snprintf(row, sizeof row, "+I|1|%s|||", cases[i].text);
        CHECK_OK(bench_stage(&bench, bench_rows(&bench, bench.now.epoch, row), false),
                 &bench.err);
        CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
        CHECK_INT(refusals.count, cases[i].refused);
        close_all(&database, &bench);
    }
}

static void missing_tables_are_made_when_that_is_asked_for(void **state)
{
    (void)state;
    static const struct {
        bool        create;
        const char *spoiled; /* this statement fails */
        const char *says;
        uint32_t    made;
    } cases[] = {
        {true, NULL, NULL, 2},
        {true, "SELECT COLLATION_NAME", "(1142)", 1},
        {true, "CREATE TABLE IF NOT EXISTS `bench_rows`", "(1142)", 1},
        {true, "CREATE TABLE IF NOT EXISTS weir_commit", "(1142)", 0},
        {false, NULL, "table 'weir_commit' is not there", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_database database;
        sink_bench    bench;
        char          options[160];
        fake_database_start(&database, FAKE_MYSQL_8);
        database.no_table = database.no_commit_table = true;
        database.fault[0] = (database_fault){.statement = cases[i].spoiled,
                                             .times = -1,
                                             .way = FAKE_MYSQL_FAIL,
                                             .number = 1142};
        (void)snprintf(options, sizeof options, "%s", database.options);
        if (!cases[i].create)
            *strstr(options, ";create") = '\0';
        bench_start(&bench, "mysql", options);
        weir_code rc = bench_try_take_over(&bench);
        CHECK_INT(rc == WEIR_OK, cases[i].says == NULL);
        if (cases[i].says != NULL)
            CHECK_SAYS(&bench.err, cases[i].says);
        fake_database_settle(&database);
        CHECK_INT(database.tables_made, cases[i].made);
        close_all(&database, &bench);
    }
    fake_database database;
    sink_bench    bench;
    fake_database_start(&database, FAKE_MYSQL_8);
    database.no_table = true;
    (void)snprintf(strstr(database.options, "create"), 16, "create=false");
    bench_start(&bench, "mysql", database.options);
    CHECK_FAILS(bench_try_take_over(&bench), WEIR_E_CONFIG, &bench.err);
    CHECK_SAYS(&bench.err, "table 'bench_rows' is not there");
    CHECK_HINTS(&bench.err, "weir ddl");
    close_all(&database, &bench);
}

/* A job that was killed made it: the server went on with the statement, behind the look of the
   one that comes next. */
static void a_table_that_came_to_be_meanwhile_is_taken(void **state)
{
    (void)state;
    for (int like = 0; like < 2; like++) {
        fake_database database;
        sink_bench    bench;
        fake_database_start(&database, FAKE_MYSQL_8);
        database.no_table = true;
        database.fault[0] = (database_fault){.statement = "CREATE TABLE `",
                                             .times = -1,
                                             .way = FAKE_MYSQL_FAIL,
                                             .number = 1050};
        bench_start(&bench, "mysql", database.options);
        if (like)
            bench.table.like = WEIR_STR("live");
        CHECK_OK(bench_try_take_over(&bench), &bench.err);
        fake_database_settle(&database);
        CHECK_INT(database.tables_made, 1); /* the server says so, and does nothing */
        close_all(&database, &bench);
    }
}

/* A replay's table has the form of the live one, whatever create says. */
static void a_table_is_made_in_the_form_of_another(void **state)
{
    (void)state;
    static const struct {
        bool           create;
        database_fault fault;
        const char    *says;
        uint32_t       made;
    } cases[] = {
        {false, {.statement = NULL}, NULL, 1},
        {false,
         {.statement = "CREATE TABLE IF NOT EXISTS `bench_rows` LIKE `live`",
          .times = -1,
          .way = FAKE_MYSQL_FAIL,
          .number = 1142},
         "(1142)",
         0},
        {false,
         {.statement = "SELECT t.TABLE_TYPE",
          .skip = 2, /* weir_commit and the table itself */
          .times = 1,
          .way = FAKE_MYSQL_FAIL,
          .number = 1142},
         "(1142)",
         0},
        {false,
         {.statement = "SELECT t.TABLE_TYPE",
          .skip = 2,
          .times = 1,
          .way = FAKE_MYSQL_ROWS,
          .empty = true},
         "table 'bench_rows' is not there",
         0},
        {true,
         {.statement = "SELECT t.TABLE_TYPE",
          .skip = 2,
          .times = 1,
          .way = FAKE_MYSQL_ROWS,
          .empty = true},
         NULL,
         1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_database database;
        sink_bench    bench;
        char          options[160];
        fake_database_start(&database, FAKE_MYSQL_8);
        database.no_table = true;
        database.fault[0] = cases[i].fault;
        (void)snprintf(options, sizeof options, "%s", database.options);
        if (!cases[i].create)
            *strstr(options, ";create") = '\0';
        bench_start(&bench, "mysql", options);
        bench.table.like = WEIR_STR("live");
        weir_code rc = bench_try_take_over(&bench);
        CHECK_INT(rc == WEIR_OK, cases[i].says == NULL);
        if (cases[i].says != NULL)
            CHECK_SAYS(&bench.err, cases[i].says);
        fake_database_settle(&database);
        CHECK_INT(database.tables_made, cases[i].made);
        close_all(&database, &bench);
    }
}

typedef struct bed {
    fake_database database;
    sink_bench    bench;
    weir_refusals refusals;
} bed;

static void set_up(bed *b, fake_mysql_kind kind, const char *packet)
{
    spoiled cell = {"SELECT @@SESSION", 9, packet};
    CHECK_OK(open_with(&b->database, &b->bench, kind, &cell, 1), &b->bench.err);
    b->bench.now.epoch = weir_arena_new("rows", 1 << 20);
    b->refusals = (weir_refusals){.arena = b->bench.now.epoch};
}

static weir_code write_rows(bed *b, const weir_batch *rows)
{
    b->refusals.count = 0;
    CHECK_OK(bench_stage(&b->bench, rows, false), &b->bench.err);
    weir_code rc = bench_execute(&b->bench, &b->refusals);
    fake_database_settle(&b->database);
    return rc;
}

static weir_batch *many_rows(bed *b, const char *op, int count)
{
    weir_buf text = {0};
    for (int i = 0; i < count; i++)
        weir_buf_format(&text, "%s|%d|key|||\n", op, i);
    weir_buf_byte(&text, '\0');
    weir_batch *rows = bench_rows(&b->bench, b->bench.now.epoch, text.at);
    weir_buf_done(&text);
    return rows;
}

static void statements_are_as_long_as_half_a_packet(void **state)
{
    (void)state;
    bed b;
    set_up(&b, FAKE_MYSQL_8, "65536"); /* 226 bytes a row: 144 of them */
    CHECK_OK(write_rows(&b, many_rows(&b, "+I", 600)), &b.bench.err);
    CHECK_INT(b.database.upserts, 5);
    close_all(&b.database, &b.bench);
    set_up(&b, FAKE_MYSQL_8, "1073741824"); /* at most 1 MiB: one of KEYED_ROWS */
    CHECK_OK(write_rows(&b, many_rows(&b, "+I", 600)), &b.bench.err);
    CHECK_INT(b.database.upserts, 1);
    close_all(&b.database, &b.bench);
    set_up(&b, FAKE_MYSQL_8, "16777216"); /* deletes: 500 of text, more of arrays */
    CHECK_OK(write_rows(&b, many_rows(&b, "-D", 600)), &b.bench.err);
    CHECK_INT(b.database.deletes, 2);
    close_all(&b.database, &b.bench);
    set_up(&b, FAKE_MYSQL_MARIADB, "16777216");
    CHECK_OK(write_rows(&b, many_rows(&b, "-D", 600)), &b.bench.err);
    CHECK_INT(b.database.deletes, 1);
    close_all(&b.database, &b.bench);
}

/* Half a packet is a wish: a row that is larger goes alone. */
static void a_row_larger_than_half_a_packet_goes_alone(void **state)
{
    (void)state;
    bed   b;
    char *text = malloc(20000);
    set_up(&b, FAKE_MYSQL_8, "20000");
    (void)snprintf(text, 20000, "+I|1|a|||%06000d\n+I|2|b|||%06000d\n+I|3|c|||", 1, 2);
    CHECK_OK(write_rows(&b, bench_rows(&b.bench, b.bench.now.epoch, text)), &b.bench.err);
    CHECK_INT(b.refusals.count, 0);
    CHECK_INT(b.database.upserts, 3);
    free(text);
    close_all(&b.database, &b.bench);
}

static void a_row_larger_than_a_packet_is_refused(void **state)
{
    (void)state;
    bed  b;
    char text[2000];
    set_up(&b, FAKE_MYSQL_8, "5000");
    (void)snprintf(text, sizeof text, "+I|1|a|||%01000d\n+I|2|b|||short", 1);
    weir_batch *rows = bench_rows(&b.bench, b.bench.now.epoch, text);
    CHECK_OK(write_rows(&b, rows), &b.bench.err);
    CHECK_INT(b.refusals.count, 1);
    CHECK_INT(b.refusals.row[0].row, 0);
    CHECK_TEXT(b.refusals.row[0].code, "1153");
    CHECK_HOLDS(b.refusals.row[0].msg, "max_allowed_packet");
    close_all(&b.database, &b.bench);
}

static void a_warning_refuses_the_row_unless_it_is_no_news(void **state)
{
    (void)state;
    static const struct {
        fake_mysql_way way;
        const char    *number;
        bool           empty;
        weir_code      rc;
        uint32_t       refused;
    } cases[] = {{FAKE_MYSQL_ROWS, "1265", false, WEIR_OK, 1},
                 {FAKE_MYSQL_ROWS, "1287", false, WEIR_OK, 0},
                 {FAKE_MYSQL_ROWS, "1265", true, WEIR_OK, 0},
                 {FAKE_MYSQL_DROP, NULL, false, WEIR_E_REMOTE, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_8, "1048576");
        b.database.fault[1] = (database_fault){.statement = "INSERT INTO `bench_rows`",
                                               .times = -1,
                                               .way = FAKE_MYSQL_OK,
                                               .warnings = 1};
        b.database.fault[2] = (database_fault){.statement = "SHOW WARNINGS",
                                               .times = -1,
                                               .way = cases[i].way,
                                               .cell = 2,
                                               .value = cases[i].number,
                                               .empty = cases[i].empty};
        weir_batch *rows = bench_rows(&b.bench, b.bench.now.epoch, "+I|1|a|||");
        CHECK_INT(write_rows(&b, rows), cases[i].rc);
        CHECK_INT(b.refusals.count, cases[i].refused);
        if (cases[i].refused > 0) {
            CHECK_TEXT(b.refusals.row[0].code, "1265");
            CHECK_TEXT(b.refusals.row[0].msg, "Data truncated");
        }
        close_all(&b.database, &b.bench);
    }
}

/* Days and moments outside of the years 1 to 9999 are refused before they are sent. */
static void dates_outside_of_the_calendar_are_refused(void **state)
{
    (void)state;
    static const int32_t days[] = {-719163, -719162, 2932896, 2932897};
    static const int64_t moments[] = {-62135596800000001, -62135596800000000,
                                      253402300799999999, 253402300800000000};
    for (int of = 0; of < 3; of++) {
        weir_type_id  type = of == 0   ? WEIR_T_DATE
                             : of == 1 ? WEIR_T_TIMESTAMP
                                       : WEIR_T_TIMESTAMPTZ;
        fake_database database;
        sink_bench    bench;
        fake_database_start(&database, FAKE_MYSQL_8);
        bench_start(&bench, "mysql", database.options);
        bench.field[3].type = (weir_type){.id = (uint8_t)type};
        bench_take_over(&bench);
        bench.now.epoch = weir_arena_new("rows", 64 << 10);
        weir_refusals refusals = {.arena = bench.now.epoch};
        weir_buf      lines = {0};
        for (int i = 0; i < 4; i++) {
            const char *value = of == 0 ? "2024-01-01" : "2024-01-01 00:00:00";
            weir_buf_format(&lines, "+I|%d|a||%s|\n", i, value);
        }
        weir_buf_text(&lines, "+I|4|a|||");
        weir_buf_byte(&lines, '\0');
        weir_batch *rows = bench_rows(&bench, bench.now.epoch, lines.at);
        void       *values = (void *)(uintptr_t)rows->column[3].values;
        if (of == 0)
            memcpy(values, days, sizeof days);
        else
            memcpy(values, moments, sizeof moments);
        CHECK_OK(bench_stage(&bench, rows, false), &bench.err);
        CHECK_OK(bench_execute(&bench, &refusals), &bench.err);
        CHECK_INT(refusals.count, 2);
        CHECK_INT(refusals.row[0].row, 0);
        CHECK_INT(refusals.row[1].row, 3);
        CHECK_TEXT(refusals.row[0].code, "RANGE");
        weir_buf_done(&lines);
        close_all(&database, &bench);
    }
}

/* In arrays, and as text where a MariaDB is too old for arrays: the statements that are sent. */
static void arrays_are_used_where_they_are_known(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        bed b;
        set_up(&b, old ? FAKE_MYSQL_OLD_MARIA : FAKE_MYSQL_MARIADB, "1048576");
        for (int epoch = 0; epoch < 2; epoch++) {
            weir_batch *rows = many_rows(&b, "+I", 20);
            CHECK_OK(write_rows(&b, rows), &b.bench.err);
            CHECK_INT(b.database.upserts, epoch + 1);
            CHECK_HOLDS(b.database.last_write, old ? "VALUES (0,'key'," : "VALUES (?, ?");
        }
        close_all(&b.database, &b.bench);
    }
}

static void a_statement_that_cannot_be_prepared_is_told(void **state)
{
    (void)state;
    static const struct {
        uint16_t  number;
        weir_fate fate;
    } cases[] = {{1146, WEIR_FATE_HALT}, {1615, WEIR_FATE_RETRY}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b, FAKE_MYSQL_MARIADB, "1048576");
        b.database.fault[1] = (database_fault){.statement = "INSERT INTO `bench_rows`",
                                               .times = 1,
                                               .event = FAKE_MYSQL_PREPARE,
                                               .way = FAKE_MYSQL_FAIL,
                                               .number = cases[i].number};
        weir_batch *rows = many_rows(&b, "+I", 2);
        CHECK_FAILS(write_rows(&b, rows), WEIR_E_REMOTE, &b.bench.err);
        CHECK_INT(b.bench.err.fate, cases[i].fate);
        CHECK_OK(write_rows(&b, rows), &b.bench.err); /* nothing of it was kept */
        CHECK_INT(b.database.upserts, 1);
        close_all(&b.database, &b.bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_description_is_judged),
        TEST(columns_of_others_are_fed_by_the_server),
        TEST(keys_are_judged_before_the_server_is_asked),
        TEST(missing_tables_are_made_when_that_is_asked_for),
        TEST(a_table_that_came_to_be_meanwhile_is_taken),
        TEST(a_table_is_made_in_the_form_of_another),
        TEST(statements_are_as_long_as_half_a_packet),
        TEST(a_row_larger_than_half_a_packet_goes_alone),
        TEST(a_row_larger_than_a_packet_is_refused),
        TEST(a_warning_refuses_the_row_unless_it_is_no_news),
        TEST(dates_outside_of_the_calendar_are_refused),
        TEST(arrays_are_used_where_they_are_known),
        TEST(a_statement_that_cannot_be_prepared_is_told),
    };
    return RUN_TESTS(tests);
}
