/* Nanoseconds per record of decoding change events into columns, one thread.
 *
 *     bench_codec [RECORDS]
 *
 * The records are like those of an order table: 863 bytes, before null, 18 fields in after,
 * of which four are read, with the position for finding duplicates. They lie in a block of
 * some MB, as a fetch leaves them. "copied" is memcpy of the same bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/codec.h"
#include "weir/plan.h"

#include "codec/scan/scan_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECORDS 8192u
#define RECORD_BYTES 863u

scan_reader *debezium_reader(weir_decoder *decoder); /* of codec/debezium_json */

typedef struct setup {
    weir_arena        *arena;
    weir_decoder_setup decoder;
    weir_field         field[8];
    weir_schema        schema;
    weir_str           path[8];
    uint8_t            from[8];
    bool               needed[8];
} setup;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int write_record(char *out, size_t room, uint32_t n, const char *note)
{
    unsigned long long ts = 1767225600000ull + n * 7ull;
    return snprintf(
        out, room,
        "{\"before\":null,\"after\":{\"id\":%u,\"order_no\":\"SO-%08u\",\"customer_id\":%u,"
        "\"status\":\"%s\",\"currency\":\"EUR\",\"amount\":\"%u.%02u\",\"tax\":\"%u.%02u\","
        "\"discount\":\"0.00\",\"warehouse\":\"WH-%02u\",\"channel\":\"web\",\"priority\":%"
        "u,"
        "\"gift\":false,\"coupon\":null,\"note\":\"%s\",\"version\":%u,"
        "\"paid_at\":\"2026-01-01T%02u:%02u:%02u.%06uZ\",\"created_at\":%llu,"
        "\"updated_at\":%llu},\"source\":{\"version\":\"3.5.0.Final\",\"connector\":"
        "\"mysql\","
        "\"name\":\"shop\",\"ts_ms\":%llu,\"snapshot\":\"false\",\"db\":\"shop\","
        "\"sequence\":null,\"ts_us\":%llu000,\"ts_ns\":%llu000000,\"table\":\"orders\","
        "\"server_id\":184054,\"gtid\":\"3e11fa47-71ca-11e1-9e33-c80aa9429562:%u\","
        "\"file\":\"binlog.000042\",\"pos\":%u,\"row\":0,\"thread\":17,\"query\":null},"
        "\"transaction\":null,\"op\":\"c\",\"ts_ms\":%llu,\"ts_us\":%llu412,"
        "\"ts_ns\":%llu412377}",
        n, n * 37, n * 7919 % 10000, n % 3 ? "PAID" : "SHIPPED", n % 997, n % 100, n % 89,
        n % 100, n % 20, n % 5, note, n % 9, n / 3600 % 24, n / 60 % 60, n % 60,
        n * 31 % 1000000, ts, ts + 3, ts, ts, ts, 1000000 + n, 4000 + n * 311, ts + 40,
        ts + 40, ts + 40);
}

/* The schema of such a table, as a converter with schemas puts it before each record. */
static void write_schema(weir_buf *out)
{
    static const char *const parts[] = {"before", "after"};
    weir_buf_text(out, "{\"schema\":{\"type\":\"struct\",\"fields\":[");
    for (int part = 0; part < 2; part++) {
        weir_buf_text(out, part ? "," : "");
        weir_buf_text(out, "{\"type\":\"struct\",\"fields\":[");
        for (int i = 0; i < 18; i++)
            weir_buf_format(out,
                            "%s{\"type\":\"string\",\"optional\":true,\"name\":"
                            "\"io.debezium.data.Enum\",\"version\":1,\"field\":\"%s%d\"}",
                            i ? "," : "", i == 5 ? "amount" : "f", i);
        weir_buf_format(out, "],\"optional\":true,\"field\":\"%s\"}", parts[part]);
    }
    weir_buf_text(out, "],\"optional\":false},\"payload\":");
}

static weir_block *make_block(weir_arena *arena, uint32_t count, bool schema)
{
    weir_buf prefix = {0};
    if (schema)
        write_schema(&prefix);

    weir_block *block = WEIR_NEW(arena, weir_block);
    block->record = WEIR_ARRAY(arena, weir_record, count);
    block->records = count;
    char *at = weir_arena_take(arena, (size_t)count * (RECORD_BYTES + 64 + prefix.len) +
                                          WEIR_RECORD_PAD);
    for (uint32_t i = 0; i < count; i++) {
        char   note[RECORD_BYTES] = "";
        int    len = write_record(at, 2000, i, note);
        size_t fill = len < (int)RECORD_BYTES ? RECORD_BYTES - (size_t)len : 0;
        memset(note, 'x', fill);
        memcpy(at, prefix.len ? prefix.at : "", prefix.len);
        len = (int)prefix.len + write_record(at + prefix.len, 2000, i, note);
        if (prefix.len)
            at[len++] = '}';
        block->record[i] = (weir_record){.offset = i, .value = {at, (size_t)len}};
        block->bytes += (uint64_t)len;
        at += len + 8;
    }
    weir_buf_done(&prefix);
    return block;
}

static void add_column(setup *s, const char *name, weir_type type, uint8_t from)
{
    uint32_t i = s->schema.count++;
    s->field[i] = (weir_field){.name = weir_str_of(name), .type = type};
    s->path[i] = weir_str_of(name);
    s->from[i] = from;
    s->needed[i] = true;
}

static void make_setup(setup *s, const weir_decoder_kind *kind)
{
    static const weir_option common[] = {{.name = "encoding.*", .type = WEIR_OPT_TEXT},
                                         {0}};
    const weir_option *const tables[3] = {kind->options, common, NULL};
    const weir_setting       settings[] = {
              {WEIR_STR("decimal_encoding"), WEIR_STR("string"), -1, -1},
              {WEIR_STR("time_encoding"), WEIR_STR("iso"), -1, -1},
    };
    weir_opts *opts;
    weir_err   err;
    s->arena = weir_arena_new("bench", 1 << 20);
    s->schema.field = s->field;
    weir_type amount = {.id = WEIR_T_NUMERIC, .precision = 12, .scale = 2};
    add_column(s, "customer_id", weir_type_of(WEIR_T_INT64), WEIR_FROM_FIELD);
    add_column(s, "status", weir_type_of(WEIR_T_TEXT), WEIR_FROM_FIELD);
    add_column(s, "amount", amount, WEIR_FROM_FIELD);
    add_column(s, "paid_at", weir_type_of(WEIR_T_TIMESTAMPTZ), WEIR_FROM_FIELD);
    if (weir_opts_read(tables, settings, 2, s->arena, &opts, &err) != WEIR_OK)
        abort();
    s->decoder = (weir_decoder_setup){.schema = &s->schema,
                                      .path = s->path,
                                      .from = s->from,
                                      .needed = s->needed,
                                      .opts = opts,
                                      .images_whole = true};
}

/* Best of several passes over the block, ns per record. */
static double time_decoder(weir_decoder *decoder, const weir_block *block, int passes)
{
    weir_arena *arena = weir_arena_new("epoch", 1 << 20);
    double      best = 1e9;
    for (int pass = 0; pass < passes; pass++) {
        double from = now();
        for (uint32_t i = 0; i < block->records; i += WEIR_DECODE_RECORDS) {
            weir_decoded out;
            decoder->kind->decode(decoder, block, i, WEIR_DECODE_RECORDS, arena, &out);
            if (out.problems || out.rows->rows != WEIR_DECODE_RECORDS)
                abort();
            weir_arena_reset(arena);
        }
        double ns = (now() - from) * 1e9 / block->records;
        best = ns < best ? ns : best;
    }
    weir_arena_free(arena);
    return best;
}

static double time_copy(const weir_block *block, int passes)
{
    char  *to = malloc(4096);
    double best = 1e9;
    for (int pass = 0; pass < passes; pass++) {
        double from = now();
        for (uint32_t i = 0; i < block->records; i++) {
            memcpy(to, block->record[i].value.at, block->record[i].value.len);
            __asm__ volatile("" : : "r"(to) : "memory");
        }
        double ns = (now() - from) * 1e9 / block->records;
        best = ns < best ? ns : best;
    }
    free(to);
    return best;
}

/* Each way to index that this machine has, best first. */
static void time_shapes(weir_decoder *decoder, const weir_block *block)
{
    static const char *const names[] = {"AVX-512", "AVX2", "portable"};
    scan_index_fn *const    *all = scan_index_all();
    int                      count = 0;
    while (all[count])
        count++;
    for (int i = 0; i < count; i++) {
        scan_reader_use(debezium_reader(decoder), all[i]);
        printf("by shape   %6.1f ns per record, %s\n", time_decoder(decoder, block, 40),
               names[3 - count + i]);
    }
    scan_counts counts = scan_reader_counts(debezium_reader(decoder));
    printf("           (%.4f %% by shape)\n",
           100.0 * (double)counts.shaped / (double)(counts.shaped + counts.parsed));
}

int main(int argc, char **argv)
{
    uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : RECORDS;
    count = (count + WEIR_DECODE_RECORDS - 1) / WEIR_DECODE_RECORDS * WEIR_DECODE_RECORDS;
    static setup             s;
    weir_err                 err;
    weir_decoder            *decoder;
    const weir_decoder_kind *kind = weir_decoder_find(WEIR_STR("debezium-json"));
    make_setup(&s, kind);
    weir_block *block = make_block(s.arena, count, false);
    printf("%u records of %.1f bytes, 4 columns of debezium-json\n", count,
           (double)block->bytes / count);
    if (weir_decoder_new(kind, &s.decoder, &decoder, &err) != WEIR_OK)
        abort();
    time_shapes(decoder, block);
    scan_reader_use(debezium_reader(decoder), scan_index_best());
    scan_reader_plain(debezium_reader(decoder));
    printf("simdjson   %6.1f ns per record\n", time_decoder(decoder, block, 20));
    printf("copied     %6.1f ns per record\n", time_copy(block, 40));
    weir_decoder_free(decoder);
    if (weir_decoder_new(kind, &s.decoder, &decoder, &err) != WEIR_OK)
        abort();
    block = make_block(s.arena, count, true);
    printf("%.1f bytes with their schema: %6.1f ns per record\n",
           (double)block->bytes / count, time_decoder(decoder, block, 20));
    weir_decoder_free(decoder);
    weir_arena_free(s.arena);
    return 0;
}
