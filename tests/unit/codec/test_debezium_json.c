/* tests/test_debezium_json: envelopes, images, positions, and what is no change event.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "decode.h"

static decode_bench bench;

#define SOURCE                                                                             \
    "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"mysql\",\"name\":\"m\","      \
    "\"ts_ms\":1700000000123,\"snapshot\":\"false\",\"db\":\"shop\",\"sequence\":null,"    \
    "\"ts_us\":1700000000123456,\"ts_ns\":1700000000123456000,\"table\":\"t\","            \
    "\"server_id\":7,\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:42\","                \
    "\"file\":\"binlog.000002\",\"pos\":4711,\"row\":3,\"thread\":9,\"query\":null}"
#define ENVELOPE(op, before, after)                                                        \
    "{\"before\":" before ",\"after\":" after "," SOURCE                                   \
    ",\"transaction\":null,\"op\":\"" op                                                   \
    "\",\"ts_ms\":1,\"ts_us\":1000,\"ts_ns\":1000000}"

static void start(const char *columns, const char *options)
{
    decode_start(&bench, "debezium-json", columns, options);
}

static const char *event_of(const char *value)
{
    decode_text(&bench, value);
    return decode_event(&bench, 0);
}

static void each_operation_gives_its_images(void **state)
{
    (void)state;
    start("id:bigint,v:text", NULL);
    for (int i = 0; i < 3; i++) {
        CHECK_TEXT(event_of(ENVELOPE("c", "null", "{\"id\":1,\"v\":\"a\"}")), "row c +0");
        CHECK_INT(bench.out.rows->op[0], WEIR_ROW_INSERT);
        CHECK_TEXT(event_of(ENVELOPE("r", "null", "{\"id\":1,\"v\":\"a\"}")), "row r +0");
        CHECK_TEXT(
            event_of(ENVELOPE("u", "{\"id\":1,\"v\":\"a\"}", "{\"id\":1,\"v\":\"b\"}")),
            "row u -0 +1");
        CHECK_TEXT(decode_row(&bench, 0), "id=1 v=a");
        CHECK_TEXT(decode_row(&bench, 1), "id=1 v=b");
        CHECK_INT(bench.out.rows->op[0], WEIR_ROW_UPDATE_OLD);
        CHECK_INT(bench.out.rows->op[1], WEIR_ROW_UPDATE_NEW);
        CHECK_TEXT(event_of(ENVELOPE("d", "{\"id\":1,\"v\":\"b\"}", "null")), "row d -0");
        CHECK_INT(bench.out.rows->op[0], WEIR_ROW_DELETE);
        CHECK_TEXT(event_of(ENVELOPE("t", "null", "null")), "truncate");
    }
    decode_stop(&bench);
}

static void what_is_no_row_event_is_skipped(void **state)
{
    (void)state;
    weir_str null = {NULL, 0};
    start("id:bigint!", NULL);
    decode_views(&bench, &null, 1);
    CHECK_TEXT(decode_event(&bench, 0), "skip");
    CHECK_TEXT(event_of("null"), "skip");
    CHECK_TEXT(event_of("{\"schema\":null,\"payload\":null}"), "skip");
    CHECK_TEXT(event_of("{\"ts_ms\":1795226479593}"), "skip");
    CHECK_TEXT(event_of("{\"status\":\"BEGIN\",\"id\":\"uuid:7\",\"event_count\":null,"
                        "\"data_collections\":null,\"ts_ms\":1}"),
               "skip");
    CHECK_TEXT(event_of("{\"status\":\"END\",\"id\":\"uuid:7\",\"event_count\":2,"
                        "\"data_collections\":[{\"data_collection\":\"shop.t\","
                        "\"event_count\":2}],\"ts_ms\":1}"),
               "skip");
    CHECK_TEXT(event_of("{" SOURCE
                        ",\"ts_ms\":1,\"databaseName\":\"shop\",\"schemaName\":null,"
                        "\"ddl\":\"CREATE TABLE t (id int)\",\"tableChanges\":[]}"),
               "skip");
    decode_stop(&bench);
}

static void what_is_no_envelope_is_bad(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "{\"id\":1}",
                                        "{\"id\":1,\"ts_ms\":5}",
                                        "{\"op\":\"c\"}",
                                        "{\"op\":5}",
                                        "{\"op\":\"x\",\"after\":{\"id\":1}}",
                                        "{\"op\":\"\"}",
                                        "{\"op\":null}",
                                        "{\"schema\":1,\"payload\":{\"id\":1}}",
                                        "{\"schema\":{},\"payload\":5}",
                                        "{\"status\":\"paid\",\"id\":\"7\"}",
                                        "{\"ts_ms\":1,\"before\":null}",
                                        ENVELOPE("c", "null", "null"),
                                        ENVELOPE("u", "{\"id\":1}", "5"),
                                        ENVELOPE("r", "null", "[]")};
    start("id:bigint", NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_HOLDS(event_of(texts[i]), "bad");
    CHECK_HOLDS(event_of("[]"), "bad DECODE");
    CHECK_HOLDS(event_of(""), "bad DECODE");
    decode_stop(&bench);
}

static void positions_are_numbers_that_compare(void **state)
{
    (void)state;
    start("id:bigint", NULL);
    CHECK_TEXT(event_of(ENVELOPE("c", "null", "{\"id\":1}")), "row c +0");
    const weir_event        *event = &bench.out.event[0];
    const weir_decoder_kind *kind = bench.decoder->kind;
    CHECK(event->positioned);
    CHECK_U64(event->position.transaction, 42);
    CHECK_U64(event->position.file, 2);
    CHECK_U64(event->position.pos, 4711);
    CHECK_U64(event->position.row, 3);
    CHECK_U64(event->position.half, 1);
    CHECK_INT(event->commit_us, 1700000000123456);
    CHECK_INT(event->snapshot, WEIR_SNAPSHOT_NO);
    CHECK_STR(kind->text(bench.decoder, event->origin),
              "m/3e11fa47-71ca-11e1-9e33-c80aa9429562");
    CHECK_STR(kind->text(bench.decoder, event->source_table), "shop.t");
    (void)event_of(ENVELOPE("d", "{\"id\":1}", "null"));
    CHECK_U64(bench.out.event[0].position.half, 0);
    decode_stop(&bench);
}

/* What seldom changes is compared with the last record's: each byte of it counts. */
static void what_differs_from_the_last_record_is_seen(void **state)
{
    (void)state;
    static const struct {
        const char *name, *db, *table, *file, *origin, *source_table;
        uint64_t    number;
    } cases[] = {
        {"m", "d", "t", "binlog.000009", "m/7", "d.t", 9},
        {"m", "d", "t", "binlog.000019", "m/7", "d.t", 19},
        {"m", "d", "t", "binlog.000010", "m/7", "d.t", 10},
        {"m", "d", "t", "b.7", "m/7", "d.t", 7},
        {"m", "d", "t", "b.8", "m/7", "d.t", 8},
        {"n", "e", "t", "", "n/7", "e.t", 0},
        {"shop", "shop", "orders", "binlog.000010", "shop/7", "shop.orders", 10},
        {"shep", "shop", "orderz", "ainlog.000010", "shep/7", "shop.orderz", 10},
        {"shep", "ship", "orderz", "binlog.100010", "shep/7", "ship.orderz", 100010},
        {"shep_in_the_east", "ship_in_the_dock", "t", "b.1", "shep_in_the_east/7",
         "ship_in_the_dock.t", 1},
        {"shep_in_the_wast", "ship_in_the_duck", "t", "b.1", "shep_in_the_wast/7",
         "ship_in_the_duck.t", 1},
    };
    char text[512];
    start("id:bigint", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(
            text, sizeof text,
            "{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"name\":\"%s\",\"db\":\"%s\","
            "\"table\":\"%s\",\"ts_ms\":5,\"pos\":1,\"file\":\"%s\",\"server_id\":7}}",
            cases[i].name, cases[i].db, cases[i].table, cases[i].file);
        for (int twice = 0; twice < 2; twice++) {
            CHECK_TEXT(event_of(text), "row c +0");
            const weir_event *event = &bench.out.event[0];
            weir_str (*text_of)(weir_decoder *, uint32_t) = bench.decoder->kind->text;
            CHECK_STR(text_of(bench.decoder, event->origin), cases[i].origin);
            CHECK_STR(text_of(bench.decoder, event->source_table), cases[i].source_table);
            CHECK_U64(event->position.file, cases[i].number);
        }
    }
    decode_stop(&bench);
}

static void origins_follow_the_kind_of_gtid(void **state)
{
    (void)state;
    static const struct {
        const char *gtid, *server, *origin;
        uint64_t    transaction;
    } cases[] = {
        {"\"u:1\"", "7", "m/u", 1},
        {"\"u:tag:18446744073709551615\"", "7", "m/u:tag", UINT64_MAX},
        {"\"0-1011-90\"", "1011", "m/0", 90},
        {"\"3-1-5\"", "1", "m/3", 5},
        {"null", "0", "m/0", 0},
        {"null", "184054", "m/184054", 0},
    };
    char text[512];
    start("id:bigint", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(
            text, sizeof text,
            "{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"name\":\"m\",\"db\":\"d\","
            "\"table\":\"t\",\"ts_ms\":5,\"pos\":1,\"file\":\"b.1\",\"gtid\":%s,"
            "\"server_id\":%s}}",
            cases[i].gtid, cases[i].server);
        CHECK_TEXT(event_of(text), "row c +0");
        const weir_event *event = &bench.out.event[0];
        CHECK_STR(bench.decoder->kind->text(bench.decoder, event->origin), cases[i].origin);
        CHECK_U64(event->position.transaction, cases[i].transaction);
        CHECK_INT(event->commit_us, 5000);
    }
    CHECK_HOLDS(event_of("{\"op\":\"c\",\"after\":{\"id\":1},\"source\":{\"name\":\"m\","
                         "\"table\":\"t\",\"ts_ms\":5,\"pos\":1,\"gtid\":\"what\"}}"),
                "bad ENVELOPE");
    decode_stop(&bench);
}

static void snapshot_marks_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        uint8_t     mark;
    } cases[] = {
        {"\"false\"", WEIR_SNAPSHOT_NO},
        {"null", WEIR_SNAPSHOT_NO},
        {"\"true\"", WEIR_SNAPSHOT_ROW},
        {"\"first\"", WEIR_SNAPSHOT_FIRST},
        {"\"last\"", WEIR_SNAPSHOT_LAST},
        {"\"first_in_data_collection\"", WEIR_SNAPSHOT_ROW},
        {"\"last_in_data_collection\"", WEIR_SNAPSHOT_ROW},
        {"\"incremental\"", WEIR_SNAPSHOT_INCREMENTAL},
    };
    char text[512];
    start("id:bigint", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(text, sizeof text,
                 "{\"op\":\"r\",\"after\":{\"id\":1},\"source\":{\"snapshot\":%s}}",
                 cases[i].word);
        CHECK_TEXT(event_of(text), "row r +0");
        CHECK_INT(bench.out.event[0].snapshot, cases[i].mark);
        CHECK(!bench.out.event[0].positioned);
    }
    decode_stop(&bench);
}

static void rows_of_another_table_are_bad(void **state)
{
    (void)state;
    start("id:bigint", "table=shop.t");
    CHECK_TEXT(event_of(ENVELOPE("c", "null", "{\"id\":1}")), "row c +0");
    CHECK_HOLDS(event_of("{\"op\":\"c\",\"after\":{\"id\":1},"
                         "\"source\":{\"db\":\"shop\",\"table\":\"u\"}}"),
                "bad TABLE : a row of table 'shop.u', not 'shop.t'");
    CHECK_HOLDS(event_of("{\"op\":\"c\",\"after\":{\"id\":1}}"), "bad TABLE");
    decode_stop(&bench);
}

static void each_image_is_judged_alone(void **state)
{
    (void)state;
    start("id:bigint!,v:integer", NULL);
    CHECK_HOLDS(event_of(ENVELOPE("u", "{\"id\":1,\"v\":true}", "{\"id\":1,\"v\":2}")),
                "row u +0 before_bad DECODE v:");
    CHECK_TEXT(decode_row(&bench, 0), "id=1 v=2");
    CHECK_HOLDS(event_of(ENVELOPE("u", "{\"id\":1,\"v\":1}", "{\"id\":1,\"v\":true}")),
                "bad -0 DECODE v:");
    CHECK_TEXT(decode_row(&bench, 0), "id=1 v=1");
    CHECK_HOLDS(event_of(ENVELOPE("u", "{\"v\":1}", "{\"id\":1,\"v\":99999999999}")),
                "bad before_bad RANGE v:");
    CHECK_INT(bench.out.rows->rows, 0);
    CHECK_INT(bench.out.problems, 2);
    CHECK_HOLDS(event_of(ENVELOPE("d", "{\"v\":1}", "null")),
                "row d before_bad NOT_NULL id:");
    CHECK_HOLDS(event_of(ENVELOPE("u", "null", "{\"id\":1}")),
                "row u +0 before_bad ENVELOPE");
    CHECK_HOLDS(event_of(ENVELOPE("d", "null", "null")), "row d before_bad ENVELOPE");
    decode_stop(&bench);
}

static void partial_images_need_only_their_key(void **state)
{
    (void)state;
    start("id:bigint,v:text!,w:text!-", "key=1;whole=no");
    CHECK_TEXT(event_of(ENVELOPE("d", "{\"id\":7}", "null")), "row d -0");
    CHECK_TEXT(decode_row(&bench, 0), "id=7 v=NULL");
    CHECK_HOLDS(event_of(ENVELOPE("d", "{\"v\":\"a\"}", "null")),
                "row d before_bad NOT_NULL id:");
    CHECK_TEXT(event_of(ENVELOPE("u", "{\"id\":7}", "{\"id\":7,\"v\":\"b\",\"w\":\"c\"}")),
               "row u +0");
    CHECK_HOLDS(event_of(ENVELOPE("u", "null", "{\"id\":7,\"v\":\"b\"}")),
                "bad NOT_NULL w:");
    decode_stop(&bench);
}

static void an_encoding_is_never_guessed(void **state)
{
    (void)state;
    start("id:bigint,d:numeric(12,2),t:timestamp,b:bytea", NULL);
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"d\":\"AOjUpQ//\"}")),
                "bad ENCODING d: the message does not say what the value is: set "
                "decimal_encoding or \"encoding.d\"");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"d\":\"12.50\"}")), "bad ENCODING d:");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"id\":\"AA==\"}")), "bad ENCODING id:");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"t\":1709210096000}")),
                "bad ENCODING t:");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"b\":\"YQ==\"}")), "bad ENCODING b:");
    CHECK_TEXT(event_of(ENVELOPE("c", "null", "{\"t\":\"2024-02-29T12:34:56Z\"}")),
               "row c +0");
    CHECK_TEXT(event_of(ENVELOPE("c", "null", "{\"d\":12.50}")), "row c +0");
    decode_stop(&bench);
}

static void adaptive_times_need_the_unit_of_a_datetime(void **state)
{
    (void)state;
    start("d:date,t:time,a:timestamp,b:timestamp,c:timestamp,l:bigint",
          "time_encoding=adaptive;encoding.a=millis;encoding.b=micros");
    CHECK_TEXT(event_of(ENVELOPE("c", "null",
                                 "{\"d\":19782,\"t\":45296789012,\"a\":1709210096789,"
                                 "\"b\":1709210096789012,\"l\":-3020398999000}")),
               "row c +0");
    CHECK_TEXT(decode_row(&bench, 0),
               "d=2024-02-29 t=12:34:56.789012 "
               "a=2024-02-29 12:34:56.789 b=2024-02-29 12:34:56.789012 "
               "c=NULL l=-3020398999000");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"c\":1}")), "bad ENCODING c:");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"t\":-1}")), "bad RANGE t:");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"t\":86400000001}")), "bad RANGE t:");
    decode_stop(&bench);
}

static void json_columns_come_as_text_geometry_as_objects(void **state)
{
    (void)state;
    start("j:jsonb,p:jsonb,x=p.x:double", NULL);
    for (int i = 0; i < 2; i++) {
        CHECK_TEXT(event_of(ENVELOPE("c", "null",
                                     "{\"j\":\"{\\\"a\\\": 1}\",\"p\":{\"x\":1.5,"
                                     "\"wkb\":\"AQ==\",\"srid\":null}}")),
                   "row c +0");
        CHECK_TEXT(decode_row(&bench, 0),
                   "j={\"a\": 1} p={\"x\":1.5,\"wkb\":\"AQ==\",\"srid\":null} x=1.5");
    }
    CHECK_TEXT(event_of(ENVELOPE("c", "null", "{\"j\":\"null\"}")), "row c +0");
    CHECK_TEXT(decode_row(&bench, 0), "j=null p=NULL x=NULL");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"j\":\"{\"}")), "bad DECODE j:");
    decode_stop(&bench);
}

#define FIELD(type, name, field)                                                           \
    "{\"type\":\"" type "\",\"optional\":true,\"name\":\"" name                            \
    "\",\"version\":1,\"parameters\":{\"scale\":\"2\"},\"field\":\"" field "\"}"
#define ROW_FIELDS                                                                         \
    FIELD("bytes", "org.apache.kafka.connect.data.Decimal", "d")                           \
    "," FIELD("int64", "io.debezium.time.Timestamp", "t") "," FIELD(                       \
        "bytes", "io.debezium.data.Bits",                                                  \
        "b") ","                                                                           \
             "{\"type\":\"string\",\"optional\":true,\"field\":\"s\"}"
#define SCHEMA                                                                             \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"struct\",\"fields\":[" ROW_FIELDS        \
    "],\"optional\":true,\"field\":\"before\"},{\"type\":\"struct\",\"fields\":"           \
    "[" ROW_FIELDS                                                                         \
    "],\"optional\":true,\"field\":\"after\"}],\"optional\":false,\"name\":\"e\"}"
#define WRAPPED(payload) "{\"schema\":" SCHEMA ",\"payload\":" payload "}"

static void the_embedded_schema_says_the_encodings(void **state)
{
    (void)state;
    static const char *const modes[] = {NULL, "schema=embedded"};
    for (int i = 0; i < 2; i++) {
        start("d:numeric(12,4),t:timestamp,b:bigint,s:numeric(5,1)", modes[i]);
        for (int k = 0; k < 3; k++) {
            CHECK_TEXT(
                event_of(WRAPPED(ENVELOPE(
                    "c", "null",
                    "{\"d\":\"/w==\",\"t\":1709210096789,\"b\":\"/wM=\",\"s\":\"7.5\"}"))),
                "row c +0");
            CHECK_TEXT(decode_row(&bench, 0),
                       "d=-0.0100 t=2024-02-29 12:34:56.789 b=1023 s=7.5");
        }
        CHECK_TEXT(event_of(WRAPPED("null")), "skip");
        decode_stop(&bench);
    }
}

static void another_schema_text_is_another_schema(void **state)
{
    (void)state;
    start("t:timestamp", NULL);
    for (int i = 0; i < 40; i++) { /* more than are kept */
        char text[1024];
        bool micros = i % 2;
        snprintf(
            text, sizeof text,
            "{\"schema\":{\"fields\":[{\"field\":\"after\",\"fields\":[{\"type\":\"int64\","
            "\"name\":\"io.debezium.time.%sTimestamp\",\"field\":\"t\",\"v\":%d}]}]},"
            "\"payload\":{\"op\":\"c\",\"after\":{\"t\":1000000}}}",
            micros ? "Micro" : "", i % 20);
        CHECK_TEXT(event_of(text), "row c +0");
        CHECK_TEXT(decode_row(&bench, 0),
                   micros ? "t=1970-01-01 00:00:01" : "t=1970-01-01 00:16:40");
    }
    decode_stop(&bench);
}

static void schema_modes_that_do_not_fit_are_bad_records(void **state)
{
    (void)state;
    start("d:numeric(12,2)", "schema=none;decimal_encoding=string");
    CHECK_HOLDS(event_of(WRAPPED(ENVELOPE("c", "null", "{\"d\":\"/w==\"}"))),
                "bad ENVELOPE : the message has a schema: set schema = 'auto'");
    decode_stop(&bench);
    start("d:numeric(12,2)", "schema=embedded");
    CHECK_HOLDS(event_of(ENVELOPE("c", "null", "{\"d\":1}")), "bad ENVELOPE");
    decode_stop(&bench);
}

static void what_no_message_can_say_is_asked_for_when_opening(void **state)
{
    (void)state;
    CHECK_INT(decode_try(&bench, "debezium-json", "b:bytea", "schema=none"), WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "column 'b': set binary_encoding or \"encoding.b\"");
    CHECK_INT(decode_try(&bench, "debezium-json", "n:numeric",
                         "schema=none;decimal_encoding=precise"),
              WEIR_E_CONFIG);
    CHECK_SAYS(&bench.err, "needs numeric(p,s)");
    start("n:numeric(5,2),b:bytea", "schema=none;decimal_encoding=precise;encoding.b=hex");
    decode_stop(&bench);
}

static void a_record_cut_anywhere_never_gives_another_row(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ENVELOPE("u", "{\"id\":1,\"v\":\"a\\u00e9\"}", "{\"id\":22,\"v\":\"b\"}"),
        WRAPPED(
            ENVELOPE("c", "null", "{\"d\":\"/w==\",\"t\":1,\"b\":\"/wM=\",\"s\":\"7\"}"))};
    start("id:bigint,v:text,d:numeric(12,2)", NULL);
    for (size_t i = 0; i < 2; i++) {
        weir_str whole = weir_str_of(texts[i]);
        for (int warm = 0; warm < 2; warm++) {
            for (size_t len = 0; len < whole.len; len++) {
                weir_str cut = {whole.at, len};
                decode_views(&bench, &cut, 1);
                CHECK_INT(bench.out.event[0].kind, WEIR_EVENT_BAD);
                CHECK_INT(bench.out.rows->rows, 0);
            }
            decode_views(&bench, &whole, 1);
            CHECK_INT(bench.out.event[0].kind, WEIR_EVENT_ROW);
        }
    }
    decode_stop(&bench);
}

static void a_whole_batch_of_updates_fits(void **state)
{
    (void)state;
    static weir_str record[WEIR_DECODE_RECORDS];
    for (uint32_t i = 0; i < WEIR_DECODE_RECORDS; i++)
        record[i] = WEIR_STR(ENVELOPE("u", "{\"id\":1}", "{\"id\":2}"));
    start("id:bigint", NULL);
    decode_views(&bench, record, WEIR_DECODE_RECORDS);
    CHECK_INT(bench.out.rows->rows, WEIR_BATCH_ROWS);
    CHECK_INT(bench.out.event[WEIR_DECODE_RECORDS - 1].after, WEIR_BATCH_ROWS - 1);
    decode_stop(&bench);
}

static void facts_about_the_change_are_columns(void **state)
{
    (void)state;
    start("id:bigint,_op:text,_source_ts:timestamptz", NULL);
    CHECK_TEXT(event_of(ENVELOPE("d", "{\"id\":1}", "null")), "row d -0");
    CHECK_TEXT(decode_row(&bench, 0),
               "id=1 _op=d _source_ts=2023-11-14 22:13:20.123456+00");
    decode_stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_operation_gives_its_images),
        TEST(what_is_no_row_event_is_skipped),
        TEST(what_is_no_envelope_is_bad),
        TEST(positions_are_numbers_that_compare),
        TEST(what_differs_from_the_last_record_is_seen),
        TEST(origins_follow_the_kind_of_gtid),
        TEST(snapshot_marks_are_told_apart),
        TEST(rows_of_another_table_are_bad),
        TEST(each_image_is_judged_alone),
        TEST(partial_images_need_only_their_key),
        TEST(an_encoding_is_never_guessed),
        TEST(adaptive_times_need_the_unit_of_a_datetime),
        TEST(json_columns_come_as_text_geometry_as_objects),
        TEST(the_embedded_schema_says_the_encodings),
        TEST(another_schema_text_is_another_schema),
        TEST(schema_modes_that_do_not_fit_are_bad_records),
        TEST(what_no_message_can_say_is_asked_for_when_opening),
        TEST(a_record_cut_anywhere_never_gives_another_row),
        TEST(a_whole_batch_of_updates_fits),
        TEST(facts_about_the_change_are_columns),
    };
    return RUN_TESTS(tests);
}
