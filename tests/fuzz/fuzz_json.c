/* tests/fuzz_json: any bytes through the JSON decoders; by shape gives what simdjson gives.
 *
 * An input is records with 0x1e between them, so that later ones can have the shape of
 * earlier ones. Of valid JSON both ways must give the same events, rows and problems; of
 * anything else neither may crash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "decode.h"

#include "codec/scan/scan.h"

#include "weir/limits.h"

#include <string.h>

scan_reader *debezium_reader(weir_decoder *decoder); /* of codec/debezium_json */
int          LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char columns[] =
    "id:bigint!,n:numeric(12,2),a:numeric,t:text,v:varchar(5),j:jsonb,b:bytea,d:date,ti:time,"
    "ts:timestamp,tz:timestamptz,f:double,r:real,o:boolean,s:smallint,x=p.x:double,_op:text";

static const char *const options[] = {
    NULL,
    "decimal_encoding=precise;time_encoding=connect;binary_encoding=base64;encoding.s=bits",
    "decimal_encoding=string;time_encoding=nanos;binary_encoding=hex;encoding.a=unsigned",
};
#define WAYS (sizeof options / sizeof *options)

static void require(bool is)
{
    if (!is)
        __builtin_trap();
}

static void compare(decode_bench *shaped, decode_bench *plain)
{
    const weir_event *a = shaped->out.event;
    const weir_event *b = plain->out.event;
    require(a->kind == b->kind && a->op == b->op && a->snapshot == b->snapshot);
    require(a->before == b->before && a->after == b->after);
    require(a->before_bad == b->before_bad && a->positioned == b->positioned);
    require(a->problem == b->problem && a->commit_us == b->commit_us);
    require(memcmp(&a->position, &b->position, sizeof a->position) == 0);
    require(shaped->out.problems == plain->out.problems);
    for (uint32_t i = 0; i < shaped->out.problems; i++)
        require(strcmp(shaped->out.problem[i].msg, plain->out.problem[i].msg) == 0);
    weir_buf rows = {0}, others = {0};
    weir_batch_write(shaped->out.rows, &rows);
    weir_batch_write(plain->out.rows, &others);
    require(rows.len == others.len && memcmp(rows.at, others.at, rows.len) == 0);
    weir_buf_done(&rows);
    weir_buf_done(&others);
}

static void take_record(decode_bench *shaped, decode_bench *plain, decode_bench *json,
                        weir_str record)
{
    static const char empty[] = "";
    if (!record.at)
        record.at = empty;
    decode_views(shaped, &record, 1);
    decode_views(plain, &record, 1);
    decode_views(json, &record, 1);
    if (!scan_check(record, WEIR_JSON_DEPTH_MAX))
        compare(shaped, plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static decode_bench shaped, plain, json;
    size_t              way = size ? data[0] % WAYS : 0;
    weir_str            rest = {(const char *)data, size};
    if (size > 65536)
        return 0;
    decode_start(&shaped, "debezium-json", columns, options[way]);
    decode_start(&plain, "debezium-json", columns, options[way]);
    decode_start(&json, "json", columns, "time_encoding=micros");
    scan_reader_plain(debezium_reader(plain.decoder));
    for (bool more = true; more;) {
        const char *end = rest.len ? memchr(rest.at, 0x1e, rest.len) : NULL;
        size_t      len = end ? (size_t)(end - rest.at) : rest.len;
        take_record(&shaped, &plain, &json, (weir_str){rest.at, len});
        more = end != NULL;
        rest.at += len + more;
        rest.len -= len + more;
    }
    decode_stop(&shaped);
    decode_stop(&plain);
    decode_stop(&json);
    return 0;
}
