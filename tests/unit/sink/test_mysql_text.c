/* Statements, literals, DDL, and which columns and collations fit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "mysql/mysql_sink.h"

static weir_field fields[] = {
    {WEIR_STR("w"), {.id = WEIR_T_TIMESTAMPTZ}, true},
    {WEIR_STR("na`me"), {.id = WEIR_T_TEXT}, false},
    {WEIR_STR("v"), {.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, false},
    {WEIR_STR("loose"), {.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}, false},
    {WEIR_STR("j"), {.id = WEIR_T_JSONB}, false},
    {WEIR_STR("b"), {.id = WEIR_T_BYTEA}, true},
    {WEIR_STR("short"), {.id = WEIR_T_TEXT, .length = 9}, false},
};
static uint32_t    key[] = {0, 1};
static keyed_table table = {WEIR_STR("my table"), {7, fields}, 2, key};

static void check_buf(weir_buf *buf, const char *want)
{
    CHECK_STR(weir_buf_view(buf), want);
    weir_buf_done(buf);
}

static void statements_name_every_column(void **state)
{
    (void)state;
    weir_buf sql = {0};
    mysql_upsert_marks(&sql, &table);
    check_buf(
        &sql,
        "INSERT INTO `my table` (`w`, `na``me`, `v`, `loose`, `j`, `b`, `short`) VALUES "
        "(?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE `v` = VALUES(`v`), `loose` = "
        "VALUES(`loose`), `j` = VALUES(`j`), `b` = VALUES(`b`), `short` = "
        "VALUES(`short`)");
    mysql_delete_marks(&sql, &table);
    check_buf(&sql, "DELETE FROM `my table` WHERE `w` = ? AND `na``me` = ?");
    keyed_table only_keys = {WEIR_STR("t"), {2, fields}, 2, key};
    mysql_upsert_tail(&sql, &only_keys);
    check_buf(&sql, " ON DUPLICATE KEY UPDATE `w` = VALUES(`w`)");
}

static void check_literal(weir_type type, const weir_datum *value, const char *want)
{
    weir_arena  *arena = weir_arena_new("test", 1 << 12);
    weir_buf     sql = {0};
    weir_builder builder;
    weir_builder_start(&builder, arena, type, 1);
    if (value == NULL)
        weir_builder_null(&builder);
    else
        weir_builder_datum(&builder, value);
    weir_column column = weir_builder_end(&builder);
    mysql_literal(&sql, &column, 0);
    check_buf(&sql, want);
    weir_arena_free(arena);
}

static void literals_cannot_be_left(void **state)
{
    (void)state;
    weir_type text = {.id = WEIR_T_TEXT};
    check_literal(text, NULL, "NULL");
    check_literal(text, &(weir_datum){.text = WEIR_STR("")}, "''");
    check_literal(text, &(weir_datum){.text = WEIR_STR("it's '' \\' \"x\"; --")},
                  "'it''s '''' \\'' \"x\"; --'");
    check_literal((weir_type){.id = WEIR_T_BYTEA}, &(weir_datum){.text = {"\0'\xff", 3}},
                  "X'0027ff'");
    check_literal((weir_type){.id = WEIR_T_BOOL}, &(weir_datum){.boolean = true}, "1");
    check_literal((weir_type){.id = WEIR_T_BOOL}, &(weir_datum){.boolean = false}, "0");
    check_literal((weir_type){.id = WEIR_T_INT64}, &(weir_datum){.i64 = INT64_MIN},
                  "-9223372036854775808");
    check_literal((weir_type){.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2},
                  &(weir_datum){.i128 = -5, .scale = 2}, "-0.05");
    check_literal((weir_type){.id = WEIR_T_FLOAT64}, &(weir_datum){.f64 = 0.1}, "0.1");
    check_literal((weir_type){.id = WEIR_T_TIMESTAMPTZ}, &(weir_datum){.i64 = -1},
                  "'1969-12-31 23:59:59.999999'");
    check_literal((weir_type){.id = WEIR_T_TIMESTAMP}, &(weir_datum){.i64 = 0},
                  "'1970-01-01 00:00:00'");
    check_literal((weir_type){.id = WEIR_T_DATE}, &(weir_datum){.i64 = 19782},
                  "'2024-02-29'");
    check_literal((weir_type){.id = WEIR_T_TIME}, &(weir_datum){.i64 = 3723000001},
                  "'01:02:03.000001'");
}

static void deletes_are_ranges(void **state)
{
    (void)state;
    weir_arena  *arena = weir_arena_new("test", 1 << 12);
    weir_buf     sql = {0};
    weir_builder builder[2];
    for (int c = 0; c < 2; c++)
        weir_builder_start(&builder[c], arena, fields[c].type, 2);
    for (int r = 0; r < 2; r++) {
        weir_builder_i64(&builder[0], r * 1000000);
        weir_builder_text(&builder[1], r == 0 ? WEIR_STR("a") : WEIR_STR("b'"));
    }
    weir_column columns[2] = {weir_builder_end(&builder[0]), weir_builder_end(&builder[1])};
    weir_batch  batch = {.rows = 2, .columns = 2, .column = columns, .selected = 2};
    mysql_delete_rows(&sql, &table, &batch, 0, 2);
    check_buf(
        &sql,
        "DELETE FROM `my table` WHERE (`w` = '1970-01-01 00:00:00' AND `na``me` = 'a') "
        "OR (`w` = '1970-01-01 00:00:01' AND `na``me` = 'b''')");
    keyed_table one = {WEIR_STR("t"), {1, fields}, 1, key};
    mysql_delete_rows(&sql, &one, &batch, 1, 1);
    check_buf(&sql, "DELETE FROM `t` WHERE `w` IN ('1970-01-01 00:00:01')");
    mysql_delete_rows(&sql, &one, &batch, 0, 2);
    check_buf(&sql, "DELETE FROM `t` WHERE `w` IN ('1970-01-01 00:00:00', "
                    "'1970-01-01 00:00:01')");
    weir_arena_free(arena);
}

static void ddl_takes_the_best_collation_there_is(void **state)
{
    (void)state;
    weir_buf      sql = {0};
    mysql_flavour nopad = {"utf8mb4_nopad_bin", 255, false}, none = {NULL, 100, false},
                  wide = {"x_bin", 1000, false};
    mysql_ddl(&sql, &table, &nopad);
    check_buf(
        &sql,
        "CREATE TABLE `my table` (\n"
        "    `w` DATETIME(6) NOT NULL,\n"
        "    `na``me` VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT "
        "NULL,\n"
        "    `v` DECIMAL(12,2) NULL,\n"
        "    `loose` DECIMAL(65,30) NULL,\n"
        "    `j` JSON NULL,\n"
        "    `b` LONGBLOB NOT NULL,\n"
        "    `short` VARCHAR(9) CHARACTER SET utf8mb4 NULL,\n"
        "    PRIMARY KEY (`w`, `na``me`)\n"
        ") ENGINE = InnoDB");
    mysql_ddl(&sql, &table, &none);
    CHECK(memmem(sql.at, sql.len, "`na``me` VARBINARY(100) NOT NULL", 32) != NULL);
    weir_buf_done(&sql);
    mysql_ddl(&sql, &table, &wide); /* 4000 bytes are more than an index holds */
    CHECK(memmem(sql.at, sql.len, "`na``me` VARBINARY(1000) NOT NULL", 33) != NULL);
    weir_buf_done(&sql);
}

/* Every type as a value, text in a key with its own length, bytes in a key, keys alone. */
static void ddl_names_a_type_for_each_type(void **state)
{
    (void)state;
    static weir_field all[] = {
        {WEIR_STR("k"), {.id = WEIR_T_TEXT, .length = 7}, true},
        {WEIR_STR("kb"), {.id = WEIR_T_BYTEA}, true},
        {WEIR_STR("a"), {.id = WEIR_T_BOOL}, false},
        {WEIR_STR("b"), {.id = WEIR_T_INT16}, false},
        {WEIR_STR("c"), {.id = WEIR_T_INT32}, false},
        {WEIR_STR("d"), {.id = WEIR_T_INT64}, false},
        {WEIR_STR("e"), {.id = WEIR_T_FLOAT32}, false},
        {WEIR_STR("f"), {.id = WEIR_T_FLOAT64}, false},
        {WEIR_STR("g"), {.id = WEIR_T_DATE}, false},
        {WEIR_STR("h"), {.id = WEIR_T_TIME}, false},
        {WEIR_STR("i"), {.id = WEIR_T_TIMESTAMP}, false},
        {WEIR_STR("j"), {.id = WEIR_T_NUMERIC, .scale = 4}, false},
        {WEIR_STR("l"), {.id = WEIR_T_TEXT, .length = 16384}, false},
        {WEIR_STR("m"), {.id = WEIR_T_TEXT}, false},
    };
    static uint32_t keys[] = {0, 1};
    keyed_table     every = {WEIR_STR("t"), {14, all}, 2, keys};
    mysql_flavour   nopad = {"utf8mb4_nopad_bin", 255, true};
    weir_buf        sql = {0};
    mysql_ddl(&sql, &every, &nopad);
    check_buf(
        &sql,
        "CREATE TABLE IF NOT EXISTS `t` (\n"
        "    `k` VARCHAR(7) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,\n"
        "    `kb` VARBINARY(255) NOT NULL,\n"
        "    `a` BOOLEAN NULL,\n"
        "    `b` SMALLINT NULL,\n"
        "    `c` INT NULL,\n"
        "    `d` BIGINT NULL,\n"
        "    `e` FLOAT NULL,\n"
        "    `f` DOUBLE NULL,\n"
        "    `g` DATE NULL,\n"
        "    `h` TIME(6) NULL,\n"
        "    `i` DATETIME(6) NULL,\n"
        "    `j` DECIMAL(38,4) NULL,\n"
        "    `l` LONGTEXT CHARACTER SET utf8mb4 NULL,\n"
        "    `m` LONGTEXT CHARACTER SET utf8mb4 NULL,\n"
        "    PRIMARY KEY (`k`, `kb`)\n"
        ") ENGINE = InnoDB");
}

static weir_code ddl_of(const char *server, const char *name, const char *key_bytes,
                        uint32_t keys, weir_buf *out, weir_err *err)
{
    const weir_option *const places[3] = {weir_sink_find(WEIR_STR("mysql"))->options, NULL,
                                          NULL};
    const weir_setting       settings[] = {
              {.name = WEIR_STR("url"), .value = WEIR_STR("mysql://u:p@h/d")},
              {.name = WEIR_STR("key_bytes"), .value = weir_str_of(key_bytes)},
              {.name = WEIR_STR("table"), .value = weir_str_of(name)},
    };
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    weir_opts  *opts = NULL;
    CHECK_OK(weir_opts_read(places, settings, name ? 3 : 2, arena, &opts, err), err);
    weir_sink_table of_job = {.name = WEIR_STR("mine"),
                              .schema = &table.schema,
                              .keys = keys,
                              .key = key,
                              .opts = opts};
    weir_code       rc =
        weir_sink_find(WEIR_STR("mysql"))->ddl(&of_job, weir_str_of(server), out, err);
    weir_arena_free(arena);
    return rc;
}

/* For no server in particular: what every one of them takes. */
static void ddl_of_a_job_s_table_is_for_the_server_that_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *server, *name, *key_bytes, *head, *text;
    } cases[] = {
        {"any", NULL, "100", "CREATE TABLE `mine` (", "`na``me` VARBINARY(100) NOT NULL,"},
        {"mysql", NULL, "100", "CREATE TABLE `mine` (",
         "`na``me` VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin NOT NULL,"},
        {"mariadb", "it`s", "70", "CREATE TABLE `it``s` (",
         "`na``me` VARCHAR(70) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,"},
        {"mysql", NULL, "800", "CREATE TABLE `mine` (",
         "`na``me` VARBINARY(800) NOT NULL,"},
    };
    weir_err err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_buf sql = {0};
        weir_err_clear(&err);
        CHECK_OK(ddl_of(cases[i].server, cases[i].name, cases[i].key_bytes, 2, &sql, &err),
                 &err);
        weir_buf_byte(&sql, 0);
        CHECK_HOLDS((const char *)sql.at, cases[i].head);
        CHECK_HOLDS((const char *)sql.at, cases[i].text);
        CHECK_HOLDS((const char *)sql.at, "PRIMARY KEY (`w`, `na``me`)\n) ENGINE = InnoDB");
        weir_buf_done(&sql);
    }
}

static void ddl_needs_a_key(void **state)
{
    (void)state;
    weir_buf sql = {0};
    weir_err err;
    weir_err_clear(&err);
    CHECK_FAILS(ddl_of("any", NULL, "100", 0, &sql, &err), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "PRIMARY KEY");
    CHECK_U64(sql.len, 0);
}

static void ddl_of_no_table_is_the_commit_row_s(void **state)
{
    (void)state;
    weir_buf sql = {0};
    weir_err err;
    weir_err_clear(&err);
    CHECK_OK(weir_sink_find(WEIR_STR("mysql"))->ddl(NULL, WEIR_STR("any"), &sql, &err),
             &err);
    weir_buf_byte(&sql, 0);
    CHECK_HOLDS((const char *)sql.at, "CREATE TABLE");
    CHECK_HOLDS((const char *)sql.at, "weir_commit");
    CHECK_HOLDS((const char *)sql.at, "manifest_sha");
    weir_buf_done(&sql);
}

static const struct {
    weir_type   type;
    const char *have;
    int64_t     precision, scale, fraction, characters;
    bool        fits;
} fits[] = {
    {{.id = WEIR_T_INT64}, "bigint", 19, 0, -1, -1, true},
    {{.id = WEIR_T_INT64}, "int", 10, 0, -1, -1, false},
    {{.id = WEIR_T_INT64}, "decimal", 19, 0, -1, -1, true},
    {{.id = WEIR_T_INT64}, "decimal", 19, 1, -1, -1, false},
    {{.id = WEIR_T_INT64}, "varchar", -1, -1, -1, 40, false},
    {{.id = WEIR_T_INT32}, "mediumint", 7, 0, -1, -1, false},
    {{.id = WEIR_T_INT16}, "bigint", 19, 0, -1, -1, true},
    {{.id = WEIR_T_BOOL}, "tinyint", 3, 0, -1, -1, true},
    {{.id = WEIR_T_FLOAT64}, "float", 12, -1, -1, -1, false},
    {{.id = WEIR_T_FLOAT64}, "double", 22, -1, -1, -1, true},
    {{.id = WEIR_T_FLOAT32}, "float", 12, -1, -1, -1, true},
    {{.id = WEIR_T_FLOAT32}, "int", 10, 0, -1, -1, false},
    {{.id = WEIR_T_FLOAT32}, "double", 22, -1, -1, -1, true},
    {{.id = WEIR_T_FLOAT64}, "decimal", 38, 10, -1, -1, false},
    {{.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, "decimal", 12, 2, -1, -1, true},
    {{.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, "decimal", 14, 4, -1, -1, true},
    {{.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, "decimal", 12, 4, -1, -1, false},
    {{.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, "decimal", 12, 1, -1, -1, false},
    {{.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, "double", 22, -1, -1, -1, false},
    {{.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}, "decimal", 65, 30, -1, -1, true},
    {{.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}, "decimal", 65, 2, -1, -1, false},
    {{.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}, "double", 22, 20, -1, -1, false},
    {{.id = WEIR_T_TEXT}, "varchar", -1, -1, -1, 10, true},
    {{.id = WEIR_T_TEXT, .length = 11}, "varchar", -1, -1, -1, 10, false},
    {{.id = WEIR_T_TEXT}, "longtext", -1, -1, -1, 4294967295, true},
    {{.id = WEIR_T_TEXT}, "varbinary", -1, -1, -1, 255, true},
    {{.id = WEIR_T_TEXT}, "binary", -1, -1, -1, 255, false},
    {{.id = WEIR_T_TEXT}, "json", -1, -1, -1, -1, false},
    {{.id = WEIR_T_JSONB}, "json", -1, -1, -1, -1, true},
    {{.id = WEIR_T_JSONB}, "longtext", -1, -1, -1, 4294967295, true},
    {{.id = WEIR_T_BYTEA}, "longblob", -1, -1, -1, 4294967295, true},
    {{.id = WEIR_T_BYTEA}, "text", -1, -1, -1, 65535, false},
    {{.id = WEIR_T_DATE}, "date", -1, -1, -1, -1, true},
    {{.id = WEIR_T_DATE}, "year", -1, -1, -1, -1, false},
    {{.id = WEIR_T_DATE}, "datetime", -1, -1, 0, -1, true},
    {{.id = WEIR_T_TIME}, "varchar", -1, -1, 6, 40, false},
    {{.id = WEIR_T_TIMESTAMP}, "time", -1, -1, 6, -1, false},
    {{.id = WEIR_T_TIME}, "time", -1, -1, 6, -1, true},
    {{.id = WEIR_T_TIME}, "time", -1, -1, 0, -1, false},
    {{.id = WEIR_T_TIMESTAMPTZ}, "datetime", -1, -1, 6, -1, true},
    {{.id = WEIR_T_TIMESTAMPTZ}, "timestamp", -1, -1, 6, -1, true},
    {{.id = WEIR_T_TIMESTAMPTZ}, "datetime", -1, -1, 3, -1, false},
    {{.id = WEIR_T_TIMESTAMP}, "date", -1, -1, -1, -1, false},
};

static void columns_that_change_values_do_not_fit(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 12);
    for (size_t i = 0; i < sizeof fits / sizeof fits[0]; i++) {
        mysql_column column = {weir_str_of(fits[i].have), weir_str_of(fits[i].have),
                               fits[i].precision,         fits[i].scale,
                               fits[i].fraction,          fits[i].characters};
        const char  *why = mysql_type_unfit(fits[i].type, &column, arena);
        if ((why == NULL) != fits[i].fits)
            fail_msg("case %zu, %s: %s", i, fits[i].have, why != NULL ? why : "fits");
    }
    weir_arena_free(arena);
}

static void collations_that_fold_or_pad_are_known(void **state)
{
    (void)state;
    bool blank;
    CHECK(mysql_collation_exact((weir_str){0}, &blank)); /* varbinary, integers */
    CHECK(!blank);
    CHECK(mysql_collation_exact(WEIR_STR("binary"), &blank));
    CHECK(mysql_collation_exact(WEIR_STR("utf8mb4_0900_bin"), &blank));
    CHECK(mysql_collation_exact(WEIR_STR("utf8mb4_nopad_bin"), &blank));
    CHECK(!blank);
    CHECK(mysql_collation_exact(WEIR_STR("utf8mb4_bin"), &blank));
    CHECK(blank);
    CHECK(!mysql_collation_exact(WEIR_STR("utf8mb4_general_ci"), &blank));
    CHECK(!mysql_collation_exact(WEIR_STR("utf8mb4_0900_ai_ci"), &blank));
    CHECK(!mysql_collation_exact(WEIR_STR("utf8mb4_0900_as_cs"), &blank));
    CHECK(!mysql_collation_exact(WEIR_STR("latin1_bin"), &blank));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(statements_name_every_column),
        TEST(literals_cannot_be_left),
        TEST(deletes_are_ranges),
        TEST(ddl_takes_the_best_collation_there_is),
        TEST(ddl_names_a_type_for_each_type),
        TEST(ddl_of_a_job_s_table_is_for_the_server_that_is_named),
        TEST(ddl_needs_a_key),
        TEST(ddl_of_no_table_is_the_commit_row_s),
        TEST(columns_that_change_values_do_not_fit),
        TEST(collations_that_fold_or_pad_are_known),
    };
    return RUN_TESTS(tests);
}
