/* sim/input: what is in the topic, and what the sinks have to hold when all of it is read.
 *
 * The fold at the end is a model of the SQL that shares nothing with the engine: records in
 * order, partition by partition.
 *
 * Two jobs: `orders` are inserts, some late, some not readable; `changes` are change events
 * of rows that are updated, moved between windows and deleted, and that the connector sends
 * again after a crash of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/keyed/keyed.h"
#include "weir/codec.h"

#define WINDOW_US (2 * SIM_SECOND)
#define WATERMARK_US (4 * SIM_SECOND)
#define FIRST_US INT64_C(1704067200000000) /* 2024-01-01 */
#define KEYS 4u
#define ROW_IDS 6u
#define RECORD_BYTES 700u

typedef struct made { /* what a record says, for the fold */
    bool    bad, again;
    bool    null_value, null_time;
    uint8_t key;
    int32_t value;
    int64_t event_us;
    uint8_t id; /* changes: the row, and whether it is there afterwards */
    bool    there;
} made;

typedef struct group {
    int64_t start_us;
    uint8_t key;
    int64_t rows, values, total;
} group;

extern const weir_sink_kind   weir_sink_s3;
extern const weir_source_kind weir_source_kafka;

uint32_t      sim_partitions;
sim_partition sim_topic[SIM_PARTITIONS];

static made         told[SIM_PARTITIONS][SIM_RECORDS];
static sim_job_kind job;
static group        groups[SIM_PARTITIONS * SIM_RECORDS];
static uint32_t     group_count;

static const char head_sql[] =
    "SET job.name = 'sim'; SET checkpoint.location = 's3://lake/ckpt';"
    "SET epoch.interval = '300 ms'; SET lanes = '2';";
static const char tail_sql[] =
    "CREATE TABLE totals (window_start timestamptz, k text, n bigint, total bigint,"
    " PRIMARY KEY (window_start, k))"
    " WITH (connector = 'mysql', url = 'mysql://u@h/shop');"
    "CREATE TABLE lake (LIKE totals) WITH (connector = 's3', path = 's3://lake/out/',"
    " format = 'avro', codec = 'null', emit = 'final', roll.rows = '7',"
    " roll.age = '5 seconds');"
    "CREATE VIEW sums AS SELECT window_start, k, count(*) AS n, sum(v) AS total"
    " FROM tumble(events, t, interval '2 seconds') GROUP BY window_start, k;"
    "INSERT INTO totals SELECT * FROM sums; INSERT INTO lake SELECT * FROM sums;";
static const char orders_sql[] =
    "CREATE TABLE events (k text NOT NULL, v int, t timestamptz) WITH (connector = 'kafka',"
    " brokers = 'b', topic = 't', format = 'json', event_time = 't',"
    " watermark = '4 seconds', idle_timeout = '0', on_error = 'dead_letter',"
    " dead_letter = 'bad');";
static const char changes_sql[] =
    "CREATE TABLE events (id bigint PRIMARY KEY, k text NOT NULL, v int, t timestamptz)"
    " WITH (connector = 'kafka', brokers = 'b', topic = 't', format = 'debezium-json',"
    " event_time = 't', watermark = '1 hour', idle_timeout = '0', time_encoding = 'iso');";

static const weir_catalog *catalog_of(weir_arena *arena)
{
    static const char *const formats[] = {"json", "debezium-json", "avro"};
    weir_catalog      *catalog = WEIR_NEW(arena, weir_catalog);
    weir_catalog_kind *connector = WEIR_ARRAY(arena, weir_catalog_kind, 4);
    weir_catalog_kind *format = WEIR_ARRAY(arena, weir_catalog_kind, 4);
    const weir_sink_kind *sinks[] = {&sim_mysql_kind, &weir_sink_s3};
    connector[0] = (weir_catalog_kind){
        .name = "kafka", .source = true, .options = weir_source_kafka.options,
        .formats = weir_source_kafka.formats};
    for (uint32_t i = 0; i < 2; i++)
        connector[1 + i] = (weir_catalog_kind){
            .name = sinks[i]->name, .sink = true, .options = sinks[i]->options,
            .keyed = sinks[i]->keyed, .formats = sinks[i]->formats};
    for (uint32_t i = 0; i < 2; i++) {
        const weir_decoder_kind *kind = weir_decoder_find(weir_str_of(formats[i]));
        format[i] = (weir_catalog_kind){.name = kind->name, .source = true,
                                        .options = kind->options,
                                        .changelog = kind->changelog};
    }
    format[2] = (weir_catalog_kind){.name = formats[2], .sink = true,
                                    .options = weir_sink_formats()->options};
    *catalog = (weir_catalog){.connector = connector, .connectors = 3, .format = format,
                              .formats = 3};
    return catalog;
}

const weir_plan *sim_plan_of(sim_job_kind kind)
{
    static weir_plan *plan[SIM_JOBS];
    if (plan[kind] != NULL)
        return plan[kind];
    weir_arena     *arena = weir_arena_new("plan", 1 << 16);
    weir_sql_errors errors = {0};
    char           *text = weir_arena_text(
        arena, "%s%s%s", head_sql, kind == SIM_JOB_ORDERS ? orders_sql : changes_sql,
        tail_sql);
    weir_sql_input input = {.file = "job.sql", .text = weir_str_of(text),
                            .catalog = catalog_of(arena)};
    if (weir_sql_plan(&input, arena, &plan[kind], &errors) == WEIR_OK)
        return plan[kind];
    fprintf(stderr, "%d: %s; %s\n", errors.error[0].column, errors.error[0].msg,
            errors.error[0].hint);
    exit(2);
}

static weir_str iso(int64_t us, char out[40])
{
    return (weir_str){out, (size_t)weir_us_print_iso(us, out)};
}

static void image_of(char *out, size_t room, const made *from)
{
    char at[40];
    (void)snprintf(out, room, "{\"id\":%u,\"k\":\"%c\",\"v\":%d,\"t\":\"%.*s\"}", from->id,
                   'a' + from->key, from->value, WEIR_STR_FMT(iso(from->event_us, at)));
}

static weir_str order_text(const made *from, char out[RECORD_BYTES])
{
    char at[40], value[24] = "null", time[48] = "null";
    if (!from->null_value)
        (void)snprintf(value, sizeof value, "%d", from->value);
    if (!from->null_time)
        (void)snprintf(time, sizeof time, "\"%.*s\"",
                       WEIR_STR_FMT(iso(from->event_us, at)));
    int len = snprintf(out, RECORD_BYTES, from->bad ? "{\"k\":\"%c\",\"v\":%s \"t\":%s"
                                                    : "{\"k\":\"%c\",\"v\":%s,\"t\":%s}",
                       'a' + from->key, value, time);
    return (weir_str){out, (size_t)len};
}

static void make_orders(sim_dice *dice, uint32_t p)
{
    char    text[RECORD_BYTES];
    int64_t event_us = FIRST_US + (int64_t)sim_below(dice, 3 * SIM_SECOND);
    for (uint32_t i = 0; i < sim_topic[p].records; i++) {
        event_us += (int64_t)sim_below(dice, SIM_SECOND);
        told[p][i] = (made){
            .bad = sim_chance(dice, 30), .null_value = sim_chance(dice, 15),
            .null_time = sim_chance(dice, 25), .key = (uint8_t)sim_below(dice, KEYS),
            .value = (int32_t)sim_below(dice, 1000),
            .event_us = event_us - (int64_t)sim_below(dice, sim_chance(dice, 6)
                                                                ? 9 * SIM_SECOND
                                                                : SIM_SECOND)};
        sim_topic[p].record[i].value = sim_keep_text(order_text(&told[p][i], text));
    }
}

static weir_str change_text(const made *before, const made *after, uint32_t pos,
                            char out[RECORD_BYTES])
{
    char old[160] = "null", new[160] = "null";
    if (before->there)
        image_of(old, sizeof old, before);
    if (after->there)
        image_of(new, sizeof new, after);
    int len = snprintf(
        out, RECORD_BYTES,
        "{\"before\":%s,\"after\":%s,\"op\":\"%c\",\"ts_ms\":1704067200000,\"source\":"
        "{\"version\":\"3.0\",\"connector\":\"mysql\",\"name\":\"s\",\"ts_ms\":%u,"
        "\"snapshot\":\"false\",\"db\":\"d\",\"table\":\"orders\",\"server_id\":1,"
        "\"gtid\":null,\"file\":\"bin.000001\",\"pos\":%u,\"row\":0,\"thread\":1}}",
        old, new, !before->there ? 'c' : after->there ? 'u' : 'd', 1000 + pos, 100 + pos);
    return (weir_str){out, (size_t)len};
}

/* Rows of a partition are its own: the topic is keyed by id. */
static void make_changes(sim_dice *dice, uint32_t p)
{
    char text[RECORD_BYTES];
    made now[ROW_IDS] = {{.there = false}};
    for (uint32_t i = 0; i < sim_topic[p].records; i++) {
        if (i > 2 && sim_chance(dice, 12)) { /* the connector begins some events before */
            uint32_t back = 1 + (uint32_t)sim_below(dice, 3);
            for (; back > 0 && i < sim_topic[p].records; back--, i++) {
                told[p][i] = (made){.again = true};
                sim_topic[p].record[i].value = sim_topic[p].record[i - back].value;
            }
            i--;
            continue;
        }
        uint32_t row = (uint32_t)sim_below(dice, ROW_IDS);
        made     next = {.id = (uint8_t)(p * ROW_IDS + row),
                         .there = !now[row].there || !sim_chance(dice, 4),
                         .key = (uint8_t)sim_below(dice, KEYS),
                         .value = (int32_t)sim_below(dice, 1000),
                         .event_us = FIRST_US + (int64_t)sim_below(dice, 8 * SIM_SECOND)};
        sim_topic[p].record[i].value =
            sim_keep_text(change_text(&now[row], &next, i * 10, text));
        told[p][i] = next;
        now[row] = next;
    }
}

void sim_input_make(sim_dice *dice, sim_job_kind kind)
{
    job = kind;
    sim_partitions = 2 + (uint32_t)sim_below(dice, SIM_PARTITIONS - 1);
    int64_t span_us = (int64_t)(2 + sim_below(dice, 4)) * SIM_SECOND;
    for (uint32_t p = 0; p < sim_partitions; p++) {
        sim_partition *one = &sim_topic[p];
        one->records = 8 + (uint32_t)sim_below(dice, SIM_RECORDS - 8);
        int64_t at_us = (int64_t)sim_below(dice, 300000);
        for (uint32_t i = 0; i < one->records; i++) {
            at_us += (int64_t)sim_below(dice, (uint64_t)span_us * 2 / one->records);
            one->record[i].arrives_us = at_us;
        }
        if (kind == SIM_JOB_ORDERS)
            make_orders(dice, p);
        else
            make_changes(dice, p);
    }
}

uint32_t sim_arrived(uint32_t partition)
{
    const sim_partition *one = &sim_topic[partition];
    uint32_t             count = 0;
    while (count < one->records && one->record[count].arrives_us <= sim_now)
        count++;
    return count;
}

int64_t sim_next_arrival(void)
{
    int64_t next_us = SIM_FOREVER;
    for (uint32_t p = 0; p < sim_partitions; p++) {
        uint32_t i = sim_arrived(p);
        if (i < sim_topic[p].records && sim_topic[p].record[i].arrives_us < next_us)
            next_us = sim_topic[p].record[i].arrives_us;
    }
    return next_us;
}

int64_t sim_last_arrival(void)
{
    int64_t last_us = 0;
    for (uint32_t p = 0; p < sim_partitions; p++)
        if (sim_topic[p].record[sim_topic[p].records - 1].arrives_us > last_us)
            last_us = sim_topic[p].record[sim_topic[p].records - 1].arrives_us;
    return last_us;
}

static void count(const made *one, int sign)
{
    int64_t  start_us = one->event_us - one->event_us % WINDOW_US;
    uint32_t g = 0;
    while (g < group_count &&
           (groups[g].start_us != start_us || groups[g].key != one->key))
        g++;
    if (g == group_count)
        groups[group_count++] = (group){.start_us = start_us, .key = one->key};
    groups[g].rows += sign;
    if (one->null_value)
        return;
    groups[g].values += sign;
    groups[g].total += sign * one->value;
}

static void fold_orders(uint32_t p, sim_expected *out)
{
    int64_t highest_us = INT64_MIN;
    for (uint32_t i = 0; i < sim_topic[p].records; i++) {
        const made *one = &told[p][i];
        out->bad += one->bad;
        if (one->bad || one->null_time)
            continue;
        int64_t end_us = one->event_us - one->event_us % WINDOW_US + WINDOW_US;
        if (highest_us == INT64_MIN || end_us > highest_us - WATERMARK_US)
            count(one, 1);
        if (one->event_us > highest_us)
            highest_us = one->event_us;
    }
}

static void fold_changes(uint32_t p)
{
    made now[ROW_IDS] = {{.there = false}};
    for (uint32_t i = 0; i < sim_topic[p].records; i++)
        if (!told[p][i].again)
            now[told[p][i].id - p * ROW_IDS] = told[p][i];
    for (uint32_t row = 0; row < ROW_IDS; row++)
        if (now[row].there)
            count(&now[row], 1);
}

static int by_text(const void *a, const void *b)
{
    return weir_str_cmp(*(const weir_str *)a, *(const weir_str *)b);
}

void sim_input_fold(sim_expected *out)
{
    char text[128];
    group_count = 0;
    *out = (sim_expected){.rows = 0};
    for (uint32_t p = 0; p < sim_partitions; p++) {
        if (job == SIM_JOB_ORDERS)
            fold_orders(p, out);
        else
            fold_changes(p);
    }
    for (uint32_t g = 0; g < group_count; g++) {
        const group *one = &groups[g];
        char         total[24] = "-";
        if (one->values > 0)
            (void)snprintf(total, sizeof total, "%lld", (long long)one->total);
        int len = snprintf(text, sizeof text, "%lld|%c|%lld|%s", (long long)one->start_us,
                           'a' + one->key, (long long)one->rows, total);
        out->row[out->rows++] = sim_keep_text((weir_str){text, (size_t)len});
    }
    qsort(out->row, out->rows, sizeof out->row[0], by_text);
}
