/* tests: text of values, in and out, is what PostgreSQL makes of it; the cases are in
 * type_cases.txt. And what that file cannot say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "weir/type.h"

static bool type_of(const char *name, weir_type *out)
{
    static const char *const names[] = {
        "unknown", "boolean", "int2",  "int4", "int8", "float4",    "float8",      "numeric",
        "text",    "bytea",   "jsonb", "date", "time", "timestamp", "timestamptz", "interval"};
    unsigned precision, scale;
    if (sscanf(name, "numeric(%u,%u)", &precision, &scale) == 2) {
        *out = (weir_type){.id = WEIR_T_NUMERIC, .precision = (uint8_t)precision,
                           .scale = (uint8_t)scale};
        return true;
    }
    for (int i = 0; i < WEIR_T_COUNT; i++)
        if (strcmp(names[i], name) == 0) {
            *out = weir_type_of((weir_type_id)i);
            return true;
        }
    return false;
}

/* The value's text, or "ERROR: …". */
static void read_and_print(weir_type type, const char *text, weir_buf *out)
{
    weir_datum value;
    weir_err   err;
    weir_buf_clear(out);
    if (weir_datum_parse(type, weir_str_of(text), &value, &err) != WEIR_OK) {
        CHECK_INT(err.fate, WEIR_FATE_SKIP_RECORD);
        weir_buf_format(out, "ERROR: %s", err.msg);
    } else {
        weir_datum_print(out, type, &value);
    }
}

static void text_is_read_and_printed_as_postgresql_does(void **state)
{
    (void)state;
    FILE    *file = fopen(WEIR_TREE "/tests/unit/batch/type_cases.txt", "r");
    char     line[1024];
    uint32_t cases = 0;
    weir_buf got = {0};
    CHECK(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        weir_type type;
        char     *rest = line;
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\n")] = 0;
        char *name = strsep(&rest, "\t"), *text = strsep(&rest, "\t");
        CHECK(type_of(name, &type));
        read_and_print(type, text, &got);
        if (!weir_str_is(weir_buf_view(&got), rest))
            print_error("%s '%s'\n", name, text);
        CHECK_STR(weir_buf_view(&got), rest);
        cases++;
    }
    CHECK(cases > 500);
    weir_buf_done(&got);
    (void)fclose(file); /* was only read */
}

static void what_is_not_supported_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        weir_type_id type;
        const char  *text, *says;
    } cases[] = {
        {WEIR_T_DATE, "2024-01-01 BC", "years before 1 AD are not supported"},
        {WEIR_T_TIMESTAMPTZ, "0044-03-15 12:00 BC", "years before 1 AD are not supported"},
        {WEIR_T_DATE, "10000-01-01", "out of range"},
        {WEIR_T_TIMESTAMP, "infinity", "type timestamp cannot hold \"infinity\""},
        {WEIR_T_NUMERIC, "NaN", "type numeric cannot hold \"NaN\""},
        {WEIR_T_TIMESTAMPTZ, "2024-01-01 00:00 Europe/Berlin", "is not an offset from UTC"},
        {WEIR_T_NUMERIC, "1e39", "numeric field overflow"},
        {WEIR_T_JSONB, "{\"a\":}", "invalid input syntax for type json"},
    };
    weir_datum value;
    weir_err   err;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_FAILS(weir_datum_parse(weir_type_of(cases[i].type), weir_str_of(cases[i].text),
                                     &value, &err),
                    WEIR_E_DECODE, &err);
        CHECK_SAYS(&err, cases[i].says);
    }
}

static void varchar_too_long_is_an_error_unless_blanks_are_cut(void **state)
{
    (void)state;
    weir_type  three = {.id = WEIR_T_TEXT, .length = 3};
    weir_datum value;
    weir_err   err;
    CHECK_OK(weir_datum_parse(three, WEIR_STR("\xc3\xa4\xc3\xb6\xc3\xbc  "), &value, &err), &err);
    CHECK_INT(value.text.len, 6);
    CHECK_FAILS(weir_datum_parse(three, WEIR_STR("abcd"), &value, &err), WEIR_E_DECODE, &err);
    CHECK_SAYS(&err, "value too long for type character varying(3)");
}

static void long_values_are_quoted_in_part(void **state)
{
    (void)state;
    char       text[500];
    weir_datum value;
    weir_err   err;
    memset(text, 'x', sizeof(text));
    CHECK_FAILS(weir_datum_parse(weir_type_of(WEIR_T_INT32), (weir_str){text, sizeof(text)},
                                 &value, &err),
                WEIR_E_DECODE, &err);
    CHECK(strlen(err.msg) < 150);
}

static void bytea_is_read_from_hex_and_from_escapes(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1024);
    weir_str    out;
    CHECK(weir_bytea_parse(WEIR_STR("\\x00fF 10"), arena, &out));
    CHECK_SAME(out, ((weir_str){"\x00\xff\x10", 3}));
    CHECK(weir_bytea_parse(WEIR_STR("a\\\\b\\377"), arena, &out));
    CHECK_SAME(out, WEIR_STR("a\\b\xff"));
    CHECK(!weir_bytea_parse(WEIR_STR("\\x0"), arena, &out));
    CHECK(!weir_bytea_parse(WEIR_STR("\\xzz"), arena, &out));
    CHECK(!weir_bytea_parse(WEIR_STR("a\\9"), arena, &out));
    weir_arena_free(arena);
}

static void bytea_text_needs_an_arena(void **state)
{
    (void)state;
    weir_datum value;
    weir_err   err;
    CHECK_FAILS(weir_datum_parse(weir_type_of(WEIR_T_BYTEA), WEIR_STR("\\x00"), &value, &err),
                WEIR_E_CONFIG, &err);
}

static void type_names_are_written_as_in_sql(void **state)
{
    (void)state;
    static const struct {
        weir_type   type;
        const char *name;
    } cases[] = {
        {{.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2}, "numeric(12,2)"},
        {{.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}, "numeric"},
        {{.id = WEIR_T_TIMESTAMPTZ}, "timestamptz"},
        {{.id = WEIR_T_TEXT, .length = 10}, "varchar(10)"},
        {{.id = WEIR_T_FLOAT64}, "double precision"},
    };
    weir_buf out = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        weir_buf_clear(&out);
        weir_type_print(&out, cases[i].type);
        CHECK_STR(weir_buf_view(&out), cases[i].name);
    }
    weir_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(text_is_read_and_printed_as_postgresql_does),
        TEST(what_is_not_supported_is_refused_with_a_sentence),
        TEST(varchar_too_long_is_an_error_unless_blanks_are_cut),
        TEST(long_values_are_quoted_in_part),
        TEST(bytea_is_read_from_hex_and_from_escapes),
        TEST(bytea_text_needs_an_arena),
        TEST(type_names_are_written_as_in_sql),
    };
    return RUN_TESTS(tests);
}
