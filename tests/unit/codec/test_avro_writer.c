/* Avro files: what we write, Avro C reads back with the same values.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <avro.h>

#include "capture.h"
#include "check.h"
#include "weir/avro.h"

static const uint8_t sync_marker[WEIR_AVRO_SYNC_BYTES] = "0123456789abcdef";

enum { FLAG, SMALL, WHOLE, BIG, REAL, DOUBLE, MONEY, LOOSE, TEXT, BYTES, JSON, DAY, TIME, LOCAL,
       ZONED, COLUMNS };

static weir_field fields[COLUMNS] = {
    [FLAG] = {WEIR_STR("flag"), {.id = WEIR_T_BOOL}, false},
    [SMALL] = {WEIR_STR("small"), {.id = WEIR_T_INT16}, false},
    [WHOLE] = {WEIR_STR("whole"), {.id = WEIR_T_INT32}, false},
    [BIG] = {WEIR_STR("big"), {.id = WEIR_T_INT64}, true},
    [REAL] = {WEIR_STR("real"), {.id = WEIR_T_FLOAT32}, false},
    [DOUBLE] = {WEIR_STR("double_"), {.id = WEIR_T_FLOAT64}, false},
    [MONEY] = {WEIR_STR("money"), {.id = WEIR_T_NUMERIC, .precision = 38, .scale = 2}, false},
    [LOOSE] = {WEIR_STR("loose"), {.id = WEIR_T_NUMERIC, .scale = WEIR_SCALE_ANY}, false},
    [TEXT] = {WEIR_STR("text"), {.id = WEIR_T_TEXT}, false},
    [BYTES] = {WEIR_STR("bytes_"), {.id = WEIR_T_BYTEA}, false},
    [JSON] = {WEIR_STR("json"), {.id = WEIR_T_JSONB}, false},
    [DAY] = {WEIR_STR("day"), {.id = WEIR_T_DATE}, false},
    [TIME] = {WEIR_STR("time"), {.id = WEIR_T_TIME}, false},
    [LOCAL] = {WEIR_STR("local"), {.id = WEIR_T_TIMESTAMP}, false},
    [ZONED] = {WEIR_STR("zoned"), {.id = WEIR_T_TIMESTAMPTZ}, false},
};
static const weir_schema schema = {COLUMNS, fields};

/* Rows of texts; NULL where the text is. */
static weir_batch *batch_of(weir_arena *arena, const char *const (*rows)[COLUMNS], uint32_t count)
{
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_column *column = WEIR_ARRAY(arena, weir_column, COLUMNS);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        weir_builder builder;
        weir_builder_start(&builder, arena, fields[c].type, count);
        for (uint32_t r = 0; r < count; r++) {
            weir_err   err;
            weir_datum value = {.null = true};
            weir_err_clear(&err);
            if (rows[r][c] != NULL && weir_type_is_text(fields[c].type))
                value = (weir_datum){.text = weir_str_of(rows[r][c])};
            else if (rows[r][c] != NULL)
                CHECK_OK(weir_datum_parse(fields[c].type, weir_str_of(rows[r][c]), &value, &err),
                         &err);
            if (value.null)
                weir_builder_null(&builder);
            else
                weir_builder_datum(&builder, &value);
        }
        column[c] = weir_builder_end(&builder);
    }
    *batch = (weir_batch){.rows = count, .columns = COLUMNS, .column = column,
                          .selected = count};
    return batch;
}

static weir_avro_writer *writer_of(bool with_op, bool millis)
{
    weir_err          err;
    weir_avro_writer *writer = NULL;
    weir_avro_setup   setup = {.record = WEIR_STR("orders"), .schema = &schema,
                               .with_op = with_op, .millis = millis};
    weir_err_clear(&err);
    CHECK_OK(weir_avro_writer_new(&setup, &writer, &err), &err);
    return writer;
}

static weir_buf file_of(const weir_avro_writer *writer, const weir_batch *batch,
                        weir_avro_codec codec, uint32_t copies)
{
    weir_buf rows = {0}, blocks = {0}, file = {0};
    for (uint32_t i = 0; i < copies; i++) {
        weir_buf_clear(&rows);
        for (uint32_t r = 0; r < batch->rows; r++)
            weir_avro_row(writer, batch, r, &rows);
        weir_avro_block(&blocks, codec, batch->rows, weir_buf_view(&rows));
    }
    weir_avro_header(&file, weir_avro_schema(writer), codec, WEIR_STR("job/l1/t0/1/2/0/orders"),
                     sync_marker);
    CHECK(weir_avro_join(&file, weir_buf_view(&blocks), sync_marker));
    weir_buf_done(&rows);
    weir_buf_done(&blocks);
    return file;
}

/* Avro C's reader over the bytes; each row as the JSON that Avro C prints. */
static weir_buf read_back(const weir_buf *file)
{
    char *folder = capture_folder();
    capture_write(folder, "x.avro", weir_buf_view(file));
    char path[512];
    (void)snprintf(path, sizeof path, "%s/x.avro", folder);
    avro_file_reader_t reader;
    if (avro_file_reader(path, &reader) != 0)
        fail_msg("%s", avro_strerror());
    avro_schema_t       writer_schema = avro_file_reader_get_writer_schema(reader);
    avro_value_iface_t *class = avro_generic_class_from_schema(writer_schema);
    avro_value_t        value;
    weir_buf            text = {0};
    avro_generic_value_new(class, &value);
    int rc;
    while ((rc = avro_file_reader_read_value(reader, &value)) == 0) {
        char *json = NULL;
        CHECK_INT(avro_value_to_json(&value, 1, &json), 0);
        weir_buf_text(&text, json);
        weir_buf_byte(&text, '\n');
        free(json);
    }
    CHECK_INT(rc, EOF);
    weir_buf_byte(&text, '\0');
    avro_value_decref(&value);
    avro_value_iface_decref(class);
    avro_schema_decref(writer_schema);
    avro_file_reader_close(reader);
    capture_folder_gone(folder);
    return text;
}

static const char *const two_rows[2][COLUMNS] = {
    {"true", "-7", "70000", "-9007199254740993", "1.5", "-0.25", "-12345678901234567890.12",
     "2.500", "grün \"x\"", "\1\377", "{\"a\": 1}", "2024-02-29", "12:34:56.789",
     "1969-12-31 23:59:59.999999", "2024-02-29 12:00:00+00"},
    {NULL, NULL, NULL, "0", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};

static void every_type_comes_back(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new("test", 1 << 16);
    for (int codec = WEIR_AVRO_NULL; codec <= WEIR_AVRO_SNAPPY; codec++) {
        weir_avro_writer *writer = writer_of(false, false);
        weir_batch       *batch = batch_of(arena, two_rows, 2);
        weir_buf          file = file_of(writer, batch, (weir_avro_codec)codec, 2);
        weir_buf          text = read_back(&file);
        static const char row[] =
            "{\"flag\": {\"boolean\": true}, \"small\": {\"int\": -7}, \"whole\": {\"int\": "
            "70000}, \"big\": -9007199254740993, \"real\": {\"float\": 1.5}, \"double_\": "
            "{\"double\": -0.25}, ";
        CHECK_HOLDS(text.at, row);
        CHECK_HOLDS(text.at, "\"loose\": {\"string\": \"2.500\"}");
        CHECK_HOLDS(text.at, "\"text\": {\"string\": \"gr\\u00FCn \\\"x\\\"\"}");
        CHECK_HOLDS(text.at, "\"bytes_\": {\"bytes\": \"\\u0001\\u00FF\"}");
        CHECK_HOLDS(text.at, "\"json\": {\"string\": \"{\\\"a\\\": 1}\"}");
        CHECK_HOLDS(text.at, "\"day\": {\"int\": 19782}");
        CHECK_HOLDS(text.at, "\"time\": {\"long\": 45296789000}");
        CHECK_HOLDS(text.at, "\"local\": {\"long\": -1}");
        CHECK_HOLDS(text.at, "\"zoned\": {\"long\": 1709208000000000}");
        CHECK_HOLDS(text.at, "{\"flag\": null, \"small\": null, \"whole\": null, \"big\": 0, ");
        uint32_t lines = 0;
        for (const char *at = text.at; (at = strchr(at, '\n')) != NULL; at++)
            lines++;
        CHECK_INT(lines, 4);
        weir_buf_done(&text);
        weir_buf_done(&file);
        weir_avro_writer_free(writer);
    }
    weir_arena_free(arena);
}

static void decimals_are_the_shortest_two_s_complement(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint8_t     bytes[18];
        size_t      len;
    } cases[] = {
        {"0", {0}, 1},
        {"1.27", {0x7F}, 1},
        {"1.28", {0x00, 0x80}, 2},
        {"-1.28", {0x80}, 1},
        {"-1.29", {0xFF, 0x7F}, 2},
        {"327.67", {0x7F, 0xFF}, 2},
        {"327.68", {0x00, 0x80, 0x00}, 3},
        {"-0.01", {0xFF}, 1},
        {"999999999999999999999999999999999999.99",
         {0x4B, 0x3B, 0x4C, 0xA8, 0x5A, 0x86, 0xC4, 0x7A, 0x09, 0x8A, 0x22, 0x3F, 0xFF, 0xFF,
          0xFF, 0xFF},
         16},
    };
    weir_arena *arena = weir_arena_new("test", 1 << 16);
    weir_field  field = {WEIR_STR("m"), {.id = WEIR_T_NUMERIC, .precision = 38, .scale = 2}, true};
    weir_schema one = {1, &field};
    weir_avro_setup   setup = {.record = WEIR_STR("t"), .schema = &one};
    weir_avro_writer *writer = NULL;
    weir_err          err;
    weir_err_clear(&err);
    CHECK_OK(weir_avro_writer_new(&setup, &writer, &err), &err);
    CHECK_STR(weir_avro_schema(writer),
              "{\"type\":\"record\",\"name\":\"t\",\"fields\":[{\"name\":\"m\",\"type\":{\"type\":"
              "\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,\"scale\":2}}]}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_datum   value;
        weir_builder builder;
        weir_buf     row = {0};
        CHECK_OK(weir_datum_parse(field.type, weir_str_of(cases[i].value), &value, &err), &err);
        weir_builder_start(&builder, arena, field.type, 1);
        weir_builder_datum(&builder, &value);
        weir_column column = weir_builder_end(&builder);
        weir_batch  batch = {.rows = 1, .columns = 1, .column = &column, .selected = 1};
        weir_avro_row(writer, &batch, 0, &row);
        CHECK_INT(row.at[0], cases[i].len * 2); /* zigzag */
        CHECK_INT(row.len, cases[i].len + 1);
        CHECK_SAME(((weir_str){row.at + 1, row.len - 1}),
                   ((weir_str){(const char *)cases[i].bytes, cases[i].len}));
        weir_buf_done(&row);
    }
    weir_avro_writer_free(writer);
    weir_arena_free(arena);
}

static void millis_round_down_and_ops_come_last(void **state)
{
    (void)state;
    weir_arena       *arena = weir_arena_new("test", 1 << 16);
    weir_avro_writer *writer = writer_of(true, true);
    weir_batch       *batch = batch_of(arena, two_rows, 1);
    uint8_t           op = WEIR_ROW_UPDATE_OLD;
    batch->op = &op;
    weir_buf file = file_of(writer, batch, WEIR_AVRO_SNAPPY, 1);
    weir_buf text = read_back(&file);
    CHECK_HOLDS(text.at, "\"local\": {\"long\": -1}"); /* -1 us is in millisecond -1 */
    CHECK_HOLDS(text.at, "\"zoned\": {\"long\": 1709208000000}, \"op\": \"-U\"}");
    weir_buf_done(&text);
    weir_buf_done(&file);
    weir_avro_writer_free(writer);
    weir_arena_free(arena);
}

static void names_that_avro_does_not_know_are_refused(void **state)
{
    (void)state;
    weir_field        field = {WEIR_STR("a-b"), {.id = WEIR_T_INT32}, false};
    weir_schema       one = {1, &field};
    weir_avro_setup   setup = {.record = WEIR_STR("t"), .schema = &one};
    weir_avro_writer *writer = NULL;
    weir_err          err;
    weir_err_clear(&err);
    CHECK_FAILS(weir_avro_writer_new(&setup, &writer, &err), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "'a-b'");
    field.name = WEIR_STR("op");
    setup.with_op = true;
    CHECK_FAILS(weir_avro_writer_new(&setup, &writer, &err), WEIR_E_CONFIG, &err);
    field.name = WEIR_STR("a");
    setup.record = WEIR_STR("2024");
    CHECK_FAILS(weir_avro_writer_new(&setup, &writer, &err), WEIR_E_CONFIG, &err);
}

static void damaged_blocks_do_not_join(void **state)
{
    (void)state;
    weir_buf blocks = {0}, file = {0};
    weir_avro_block(&blocks, WEIR_AVRO_SNAPPY, 3, WEIR_STR("some encoded rows"));
    CHECK(weir_avro_join(&file, weir_buf_view(&blocks), sync_marker));
    for (size_t len = 1; len < blocks.len; len++)
        CHECK(!weir_avro_join(&file, (weir_str){blocks.at, len}, sync_marker));
    weir_buf_done(&blocks);
    weir_buf_done(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_comes_back),
        TEST(decimals_are_the_shortest_two_s_complement),
        TEST(millis_round_down_and_ops_come_last),
        TEST(names_that_avro_does_not_know_are_refused),
        TEST(damaged_blocks_do_not_join),
    };
    return RUN_TESTS(tests);
}
