/* Avro files: what the writer wrote, the reader gives back, and nothing else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "weir/avro.h"

static const uint8_t sync_marker[WEIR_AVRO_SYNC_BYTES] = "0123456789abcdef";

enum { FLAG, SMALL, WHOLE, BIG, REAL, DOUBLE, MONEY, LOOSE, TEXT, BYTES, JSON, DAY, TIME, LOCAL,
       ZONED, OUT, COLUMNS };

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
    [OUT] = {WEIR_STR("out"), {.id = WEIR_T_TEXT}, false},
};
static const weir_schema schema = {COLUMNS, fields};

static const char *const rows[][COLUMNS] = {
    {"t", "-7", "70000", "-9007199254740993", "1.5", "-0.25", "-12345678901234567890.12", "2.500",
     "grün \"x\"", "\1\377", "{\"a\": 1}", "2024-02-29", "12:34:56.789",
     "1969-12-31 23:59:59.999999", "2024-02-29 12:00:00+00", "x"},
    {NULL, NULL, NULL, "0", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL},
    {"f", "32767", "-2147483648", "9223372036854775807", "3.4028235e+38", "1e-300",
     "999999999999999999999999999999999999.99", "-0.0001", "", "", "null", "0001-01-01",
     "23:59:59.999999", "9999-12-31 23:59:59.999999", "0001-01-01 00:00:00+00", "y"},
    {"f", "-32768", "0", "-9223372036854775808", "0", "0", "-0.01", "0", "\xf0\x9f\x90\x9f", "a",
     "[]", "1970-01-01", "00:00:00", "1970-01-01 00:00:00", "1970-01-01 00:00:00+00", "z"},
};
#define ROWS (sizeof rows / sizeof rows[0])

typedef struct bed {
    weir_arena       *arena;
    weir_avro_writer *writer;
    weir_batch       *batch;
    weir_buf          encoded, blocks, file, text;
    uint64_t          told, stop_at;
    weir_err          err;
} bed;

static weir_batch *batch_of(weir_arena *arena)
{
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_column *column = WEIR_ARRAY(arena, weir_column, COLUMNS);
    for (uint32_t c = 0; c < COLUMNS; c++) {
        weir_builder builder;
        weir_builder_start(&builder, arena, fields[c].type, ROWS);
        for (uint32_t r = 0; r < ROWS; r++) {
            weir_err   err;
            weir_datum value = {.null = rows[r][c] == NULL};
            weir_err_clear(&err);
            if (!value.null && weir_type_is_text(fields[c].type))
                value.text = weir_str_of(rows[r][c]);
            else if (!value.null)
                CHECK_OK(weir_datum_parse(fields[c].type, weir_str_of(rows[r][c]), &value, &err),
                         &err);
            if (value.null)
                weir_builder_null(&builder);
            else
                weir_builder_datum(&builder, &value);
        }
        column[c] = weir_builder_end(&builder);
    }
    *batch = (weir_batch){.rows = ROWS, .columns = COLUMNS, .column = column, .selected = ROWS};
    return batch;
}

static bed bed_of(weir_avro_codec codec, bool with_op, bool millis)
{
    static const bool leave_out[COLUMNS] = {[OUT] = true};
    bed               b = {.arena = weir_arena_new("test", 1 << 16), .stop_at = UINT64_MAX};
    weir_avro_setup   setup = {.record = WEIR_STR("orders"), .schema = &schema,
                               .leave_out = leave_out, .with_op = with_op, .millis = millis};
    weir_err_clear(&b.err);
    CHECK_OK(weir_avro_writer_new(&setup, &b.writer, &b.err), &b.err);
    b.batch = batch_of(b.arena);
    for (uint32_t r = 0; r < ROWS; r++)
        weir_avro_row(b.writer, b.batch, r, &b.encoded);
    weir_avro_block(&b.blocks, codec, ROWS, weir_buf_view(&b.encoded));
    weir_avro_block(&b.blocks, codec, ROWS, weir_buf_view(&b.encoded));
    weir_avro_header(&b.file, weir_avro_schema(b.writer), codec, WEIR_STR("token"), sync_marker);
    CHECK(weir_avro_join(&b.file, weir_buf_view(&b.blocks), sync_marker));
    return b;
}

static void bed_done(bed *b)
{
    weir_buf_done(&b->encoded);
    weir_buf_done(&b->blocks);
    weir_buf_done(&b->file);
    weir_buf_done(&b->text);
    weir_avro_writer_free(b->writer);
    weir_arena_free(b->arena);
}

static weir_code take(void *self, const weir_datum *value, weir_str op, weir_err *err)
{
    bed *b = self;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        weir_buf_text(&b->text, c > 0 ? "|" : "");
        if (value[c].null)
            weir_buf_text(&b->text, "NULL");
        else
            weir_datum_print(&b->text, fields[c].type, &value[c]);
    }
    weir_buf_str(&b->text, op);
    weir_buf_byte(&b->text, '\n');
    return ++b->told == b->stop_at ? weir_fail(err, WEIR_E_STOPPED, "enough") : WEIR_OK;
}

static weir_avro_reading reading_of(bed *b)
{
    return (weir_avro_reading){.writer = b->writer, .fn = take, .self = b};
}

/* What the columns of the batch print, without the one that is left out. */
static void wanted(const bed *b, const char *op, uint32_t copies, weir_buf *out)
{
    for (uint32_t i = 0; i < copies * ROWS; i++) {
        for (uint32_t c = 0; c < COLUMNS; c++) {
            weir_datum value = weir_column_get(&b->batch->column[c], i % ROWS);
            weir_buf_text(out, c > 0 ? "|" : "");
            if (value.null || c == OUT)
                weir_buf_text(out, "NULL");
            else
                weir_datum_print(out, fields[c].type, &value);
        }
        weir_buf_text(out, op);
        weir_buf_byte(out, '\n');
    }
}

static void every_type_is_read_back(void **state)
{
    (void)state;
    for (int codec = WEIR_AVRO_NULL; codec <= WEIR_AVRO_SNAPPY; codec++)
        for (int with_op = 0; with_op < 2; with_op++) {
            bed      b = bed_of((weir_avro_codec)codec, with_op, false);
            weir_buf want = {0};
            weir_avro_reading reading = reading_of(&b);
            wanted(&b, with_op ? "+I" : "", 2, &want);
            CHECK_OK(weir_avro_read_file(&reading, weir_buf_view(&b.file), &b.err), &b.err);
            CHECK_SAME(weir_buf_view(&b.text), weir_buf_view(&want));
            weir_buf_clear(&b.text);
            CHECK_OK(weir_avro_read_blocks(&reading, (weir_avro_codec)codec,
                                           weir_buf_view(&b.blocks), &b.err),
                     &b.err);
            CHECK_SAME(weir_buf_view(&b.text), weir_buf_view(&want));
            weir_buf_clear(&b.text);
            weir_buf_clear(&want);
            wanted(&b, with_op ? "+I" : "", 1, &want);
            CHECK_OK(weir_avro_read_rows(&reading, ROWS, weir_buf_view(&b.encoded), &b.err),
                     &b.err);
            CHECK_SAME(weir_buf_view(&b.text), weir_buf_view(&want));
            weir_buf_done(&want);
            bed_done(&b);
        }
}

static void milliseconds_are_read_as_what_they_are(void **state)
{
    (void)state;
    bed               b = bed_of(WEIR_AVRO_NULL, false, true);
    weir_avro_reading reading = reading_of(&b);
    CHECK_OK(weir_avro_read_rows(&reading, ROWS, weir_buf_view(&b.encoded), &b.err), &b.err);
    weir_buf_byte(&b.text, '\0');
    CHECK_HOLDS(b.text.at, "|1969-12-31 23:59:59.999|2024-02-29 12:00:00+00|");
    bed_done(&b);
}

static void every_piece_of_a_file_is_damaged(void **state)
{
    (void)state;
    for (int codec = WEIR_AVRO_NULL; codec <= WEIR_AVRO_SNAPPY; codec++) {
        bed    b = bed_of((weir_avro_codec)codec, false, false);
        size_t header = b.file.len - b.blocks.len - 2 * sizeof sync_marker, whole = 0;
        weir_avro_reading reading = reading_of(&b);
        for (size_t len = 0; len < b.file.len; len++) {
            weir_str  piece = {b.file.at, len};
            weir_err_clear(&b.err);
            weir_code rc = weir_avro_read_file(&reading, piece, &b.err);
            CHECK(rc == WEIR_OK || (rc == WEIR_E_CORRUPT && b.err.exit == WEIR_EXIT_CORRUPT));
            if (rc == WEIR_OK) {
                CHECK(len == header || len == header + (b.file.len - header) / 2);
                whole++;
            }
        }
        CHECK_INT(whole, 2); /* no block, and one */
        bed_done(&b);
    }
}

static void a_flipped_byte_is_seen_or_harmless(void **state)
{
    (void)state;
    for (int codec = WEIR_AVRO_NULL; codec <= WEIR_AVRO_SNAPPY; codec++) {
        bed b = bed_of((weir_avro_codec)codec, true, false);
        weir_avro_reading reading = reading_of(&b);
        size_t header = b.file.len - b.blocks.len - 2 * sizeof sync_marker;
        for (size_t i = 0; i < b.file.len; i++) {
            b.file.at[i] = (char)(b.file.at[i] ^ 0x55);
            weir_err_clear(&b.err);
            weir_code rc = weir_avro_read_file(&reading, weir_buf_view(&b.file), &b.err);
            CHECK(rc == WEIR_OK || rc == WEIR_E_CORRUPT);
            CHECK(rc != WEIR_OK || codec != WEIR_AVRO_SNAPPY || i < header);
            b.file.at[i] = (char)(b.file.at[i] ^ 0x55);
        }
        bed_done(&b);
    }
}

static void another_schema_is_refused(void **state)
{
    (void)state;
    bed one = bed_of(WEIR_AVRO_NULL, false, false), two = bed_of(WEIR_AVRO_NULL, true, false);
    weir_avro_reading reading = reading_of(&two);
    CHECK_FAILS(weir_avro_read_file(&reading, weir_buf_view(&one.file), &two.err), WEIR_E_CORRUPT,
                &two.err);
    CHECK_SAYS(&two.err, "other columns");
    CHECK_INT(two.told, 0);
    bed_done(&one);
    bed_done(&two);
}

static void who_is_told_can_end_it(void **state)
{
    (void)state;
    bed b = bed_of(WEIR_AVRO_SNAPPY, false, false);
    b.stop_at = 3;
    weir_avro_reading reading = reading_of(&b);
    CHECK_FAILS(weir_avro_read_file(&reading, weir_buf_view(&b.file), &b.err), WEIR_E_STOPPED,
                &b.err);
    CHECK_INT(b.told, 3);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_type_is_read_back),
        TEST(milliseconds_are_read_as_what_they_are),
        TEST(every_piece_of_a_file_is_damaged),
        TEST(a_flipped_byte_is_seen_or_harmless),
        TEST(another_schema_is_refused),
        TEST(who_is_told_can_end_it),
    };
    return RUN_TESTS(tests);
}
