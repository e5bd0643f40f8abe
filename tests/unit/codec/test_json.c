/* tests/test_json: what the decoder `json` makes of records.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "decode.h"

static decode_bench bench;

static void an_object_is_an_inserted_row(void **state)
{
    (void)state;
    decode_start(&bench, "json", "id:bigint!,name:text,amount:numeric(12,2)", NULL);
    decode_text(&bench, "{\"id\":1,\"name\":\"Ann\",\"amount\":12.5,\"more\":[1,{}]}");
    CHECK_TEXT(decode_event(&bench, 0), "row i +0");
    CHECK_TEXT(decode_row(&bench, 0), "id=1 name=Ann amount=12.50");
    CHECK_INT(bench.out.rows->op[0], WEIR_ROW_INSERT);
    decode_stop(&bench);
}

static void missing_fields_and_nulls_are_null(void **state)
{
    (void)state;
    decode_start(&bench, "json", "a:bigint,b:text,c:jsonb", NULL);
    decode_text(&bench, "{\"b\":null}");
    CHECK_TEXT(decode_row(&bench, 0), "a=NULL b=NULL c=NULL");
    decode_text(&bench, " \n{}\r\n");
    CHECK_TEXT(decode_row(&bench, 0), "a=NULL b=NULL c=NULL");
    decode_stop(&bench);
}

static void names_are_exact_and_paths_are_split(void **state)
{
    (void)state;
    decode_start(&bench, "json",
                 "a.b:text,x=a.b:text,orderId:text,o=o:jsonb,deep=o.p.q:bigint", NULL);
    for (int i = 0; i < 3; i++) {
        decode_text(&bench, "{\"a.b\":\"dot\",\"a\":{\"b\":\"path\"},\"orderid\":\"no\","
                            "\"o\":{\"p\":{\"q\":7}}}");
        CHECK_TEXT(decode_row(&bench, 0),
                   "a.b=dot x=path orderId=NULL o={\"p\":{\"q\":7}} deep=7");
    }
    decode_stop(&bench);
}

static void a_null_record_is_skipped(void **state)
{
    (void)state;
    weir_str null = {NULL, 0};
    decode_start(&bench, "json", "a:bigint!", NULL);
    decode_views(&bench, &null, 1);
    CHECK_TEXT(decode_event(&bench, 0), "skip");
    CHECK_INT(bench.out.rows->rows, 0);
    decode_stop(&bench);
}

static void a_bad_record_leaves_no_row_behind(void **state)
{
    (void)state;
    decode_start(&bench, "json", "a:bigint,t:text,b:integer", NULL);
    const weir_str records[] = {
        WEIR_STR("{\"a\":1,\"t\":\"one\",\"b\":1}"),
        WEIR_STR("{\"a\":2,\"t\":\"two\",\"b\":\"x\"}"),
        WEIR_STR("not JSON"),
        WEIR_STR("{\"a\":3,\"b\":3}"),
        WEIR_STR("{\"a\":null,\"t\":\"five\",\"b\":true}"),
        WEIR_STR("{\"t\":\"six\"}"),
    };
    decode_views(&bench, records, 6);
    CHECK_INT(bench.out.rows->rows, 3);
    CHECK_INT(bench.out.problems, 3);
    CHECK_TEXT(decode_row(&bench, 0), "a=1 t=one b=1");
    CHECK_TEXT(decode_row(&bench, 1), "a=3 t=NULL b=3");
    CHECK_TEXT(decode_row(&bench, 2), "a=NULL t=six b=NULL");
    CHECK_HOLDS(decode_event(&bench, 1),
                "bad DECODE b: invalid input syntax for type integer");
    CHECK_HOLDS(decode_event(&bench, 2), "bad DECODE : not a JSON object");
    CHECK_INT(bench.out.problem[1].record, 2);
    decode_stop(&bench);
}

static void facts_about_the_record_are_columns(void **state)
{
    (void)state;
    decode_start(
        &bench, "json",
        "_topic:text,_partition:integer,_offset:bigint,_timestamp:timestamptz,"
        "_key:text,_headers:jsonb,_op:text,_path:text,_row:bigint,_source_ts:timestamptz",
        NULL);
    decode_text(&bench, "{}");
    CHECK_TEXT(decode_row(&bench, 0),
               "_topic=topic _partition=7 _offset=100 _timestamp=1970-01-01 00:00:05+00 "
               "_key=key _headers={\"h\":\"v\\\"1\",\"n\":null} _op=i _path=7 _row=100 "
               "_source_ts=NULL");
    decode_stop(&bench);
    CHECK_INT(decode_try(&bench, "json", "_offset:integer", NULL), WEIR_E_CONFIG);
    CHECK_INT(decode_try(&bench, "json", "_topic:bigint", NULL), WEIR_E_CONFIG);
}

static void columns_that_are_not_needed_stay_empty(void **state)
{
    (void)state;
    decode_start(&bench, "json", "a:bigint-,b:bigint", NULL);
    decode_text(&bench, "{\"a\":\"no number\",\"b\":2}");
    CHECK_TEXT(decode_row(&bench, 0), "b=2");
    CHECK(bench.out.rows->column[0].values == NULL);
    decode_stop(&bench);
}

static void full_validation_looks_at_everything(void **state)
{
    (void)state;
    static const char *const texts[] = {"{\"a\":1,\"b\":01}", "{\"a\":1,\"b\":tru}",
                                        "{\"a\":1,\"b\":[1,]}", "{\"a\":1,\"b\":\"\\x\"}"};
    decode_start(&bench, "json", "a:bigint", "validate=full");
    for (size_t i = 0; i < 4; i++) {
        decode_text(&bench, texts[i]);
        CHECK_HOLDS(decode_event(&bench, 0), "bad DECODE");
        decode_text(&bench, "{\"a\":1,\"b\":1}");
        CHECK_TEXT(decode_event(&bench, 0), "row i +0");
    }
    decode_stop(&bench);
}

static void the_last_of_two_fields_of_one_name_counts(void **state)
{
    (void)state;
    decode_start(&bench, "json", "a:bigint", NULL);
    decode_text(&bench, "{\"a\":1,\"b\":2}");
    decode_text(&bench, "{\"a\":1,\"a\":2}");
    CHECK_TEXT(decode_row(&bench, 0), "a=2");
    decode_stop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_object_is_an_inserted_row),
        TEST(missing_fields_and_nulls_are_null),
        TEST(names_are_exact_and_paths_are_split),
        TEST(a_null_record_is_skipped),
        TEST(a_bad_record_leaves_no_row_behind),
        TEST(facts_about_the_record_are_columns),
        TEST(columns_that_are_not_needed_stay_empty),
        TEST(full_validation_looks_at_everything),
        TEST(the_last_of_two_fields_of_one_name_counts),
    };
    return RUN_TESTS(tests);
}
