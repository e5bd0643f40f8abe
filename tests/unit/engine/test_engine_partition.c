/* Partitions that are added, fall idle or are silent for other reasons, and tables whose
 * old rows the job keeps itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "engine_bed.h"
#include "weir/metric.h"

#define EVENTS_WITH(more)                                                                  \
    "CREATE TABLE events (who text, at timestamptz) WITH (connector = 'script', "          \
    "topic = 'events', format = 'json', event_time = 'at'" more ");\n"                     \
    "CREATE TABLE lake (w timestamptz, who text, n bigint) WITH (connector = 'heap'); "    \
    "INSERT INTO lake SELECT window_start, who, count(*) "                                 \
    "FROM tumble(events, at, interval '1 minute') GROUP BY window_start, who;\n"
#define EVENTS EVENTS_WITH("")

#define CHANGES                                                                            \
    "CREATE TABLE orders (id bigint PRIMARY KEY, who text) WITH (connector = 'script', "   \
    "topic = 'orders', format = 'debezium-json', old_row = 'state');\n"                    \
    "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"    \
    "INSERT INTO totals SELECT who, count(*) FROM orders GROUP BY who;\n"

static void add(script_topic *topic, uint32_t partition, const char *who, const char *at)
{
    script_add(topic, partition, "{\"who\":\"%s\",\"at\":\"2024-01-01T00:%sZ\"}", who, at);
}

static void upsert(script_topic *topic, int id, const char *who)
{
    script_add(topic, 0,
               "{\"before\":null,\"after\":{\"id\":%d,\"who\":\"%s\"},\"op\":\"u\","
               "\"source\":{\"connector\":\"postgresql\",\"name\":\"n\",\"db\":\"d\","
               "\"schema\":\"s\",\"table\":\"orders\",\"ts_ms\":1}}",
               id, who);
}

static void expect_kept(const char *group, const char *want)
{
    weir_buf is = keep_text(group);
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

static bool is_kept(const char *group, uint32_t rows)
{
    keep_group *kept = keep_group_of(group);
    pthread_mutex_lock(&kept->lock);
    bool is = kept->rows == rows;
    pthread_mutex_unlock(&kept->lock);
    return is;
}

static void set_partitions(script_topic *topic, uint32_t partitions)
{
    pthread_mutex_lock(&topic->lock);
    topic->partitions = partitions;
    pthread_mutex_unlock(&topic->lock);
}

static void partition_that_is_added_while_a_job_runs_is_read_from_its_first_record(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    script_topic *topic = script_topic_new("events", 1);
    add(topic, 0, "a", "05:30");
    bed.until_end = false;
    engine_bed_start(&bed, "SET lanes = '2';\n" EVENTS);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 1);
    add(topic, 1, "b", "05:40");
    set_partitions(topic, 2);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 2);
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    add(topic, 2, "c", "05:50");
    set_partitions(topic, 3);
    bed.until_end = true;
    CHECK_OK(engine_bed_run(&bed, EVENTS), &bed.err);
    expect_kept("lake", "2024-01-01 00:05:00+00|a|1\n2024-01-01 00:05:00+00|b|1\n"
                        "2024-01-01 00:05:00+00|c|1\n");
    engine_bed_close(&bed);
}

static void partition_that_is_added_to_a_changelog_stops_the_job_and_is_named(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    script_topic *topic = script_topic_new("orders", 1);
    upsert(topic, 1, "a");
    bed.until_end = false;
    engine_bed_start(&bed, CHANGES);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) == 1);
    set_partitions(topic, 2);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.phase) == WEIR_PHASE_DONE);
    CHECK_FAILS(engine_bed_join(&bed), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_TOPIC_CHANGED);
    CHECK_SAYS(&bed.err, "partition '1' was added");
    CHECK_FAILS(engine_bed_run(&bed, CHANGES), WEIR_E_CONFLICT, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_TOPIC_CHANGED);
    engine_bed_close(&bed);
}

static void partition_that_is_gone_stops_the_job_and_is_named(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("events", 2);
    add(topic, 1, "a", "05:30");
    CHECK_OK(engine_bed_run(&bed, EVENTS), &bed.err);
    set_partitions(topic, 1);
    CHECK_FAILS(engine_bed_run(&bed, EVENTS), WEIR_E_NOTFOUND, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_TOPIC_CHANGED);
    CHECK_SAYS(&bed.err, "partition '1' of the checkpoint is not there");
    engine_bed_close(&bed);
}

static void idle_partition_lets_windows_close_and_its_rows_for_them_are_late(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    script_topic *topic = script_topic_new("events", 2);
    add(topic, 0, "a", "05:30");
    add(topic, 0, "a", "06:30");
    add(topic, 1, "b", "05:10");
    bed.until_end = false;
    int64_t late = weir_metric_get(WEIR_M_rows_late_idle);
    engine_bed_start(&bed, EVENTS_WITH(", idle_timeout = '10 minutes'"));
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) >= 1);
    /* both fall silent; then the first one moves on, and the second holds nothing back */
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 3);
    atomic_fetch_add(&bed.hand.now_us, 11LL * 60 * 1000000);
    add(topic, 0, "a", "07:30");
    ENGINE_BED_WAIT(&bed, is_kept("lake", 3));
    add(topic, 1, "b", "05:20"); /* in a window that is closed, at its own watermark */
    add(topic, 1, "b", "08:20");
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 6);
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    CHECK_INT(weir_metric_get(WEIR_M_rows_late_idle) - late, 1);
    CHECK_U64(atomic_load(&bed.status.late), 1);
    engine_bed_close(&bed);
}

static void set_away(script_topic *topic, bool away)
{
    pthread_mutex_lock(&topic->lock);
    topic->away_from = away ? topic->polls + 1 : 0;
    topic->away_to = away ? UINT64_MAX : 0;
    pthread_mutex_unlock(&topic->lock);
}

static void server_that_is_away_is_no_silence(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    script_topic *topic = script_topic_new("events", 2);
    add(topic, 0, "a", "05:30");
    add(topic, 0, "a", "07:30");
    add(topic, 1, "b", "05:10");
    bed.until_end = false;
    engine_bed_start(&bed, EVENTS_WITH(", idle_timeout = '10 minutes'"));
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 3);
    set_away(topic, true);
    ENGINE_BED_WAIT(&bed, !atomic_load(&bed.status.ready));
    atomic_fetch_add(&bed.hand.now_us, 15LL * 60 * 1000000);
    int64_t since = atomic_load(&bed.hand.now_us);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.hand.now_us) > since + 2000000);
    add(topic, 0, "a", "08:30"); /* it was there while the server was not */
    set_away(topic, false);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 4);
    uint64_t epoch = atomic_load(&bed.status.epoch);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) > epoch);
    CHECK(atomic_load(&bed.status.ready));
    add(topic, 1, "b", "05:20"); /* and this one comes a little later */
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.records) == 5);
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    CHECK_U64(atomic_load(&bed.status.late), 0);
    engine_bed_close(&bed);
}

static void open_files_roll_when_nothing_comes_for_so_long(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    engine_bed_by_hand(&bed);
    add(script_topic_new("events", 1), 0, "a", "05:30");
    bed.until_end = false;
    int64_t since = atomic_load(&bed.hand.now_us); /* before the row is read */
    engine_bed_start(&bed,
                     "CREATE TABLE events (who text) WITH (connector = 'script', "
                     "topic = 'events', format = 'json');\n"
                     "CREATE TABLE lake (who text) WITH (connector = 'heap', "
                     "\"roll.idle\" = '2 seconds'); INSERT INTO lake SELECT who FROM events;");
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.status.epoch) == 2);
    CHECK(atomic_load(&bed.hand.now_us) - since > 1900000);
    since = atomic_load(&bed.hand.now_us);
    ENGINE_BED_WAIT(&bed, atomic_load(&bed.hand.now_us) > since + 5000000);
    CHECK_OK(engine_bed_stop(&bed), &bed.err);
    CHECK_U64(atomic_load(&bed.status.epoch), 2);
    engine_bed_close(&bed);
}

static void last_values_give_each_row_once_through_updates_deletes_and_restarts(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("orders", 1);
    upsert(topic, 1, "a");
    upsert(topic, 2, "a");
    upsert(topic, 1, "b");
    CHECK_OK(engine_bed_run(&bed, CHANGES), &bed.err);
    expect_kept("main", "a|1\nb|1\n");
    upsert(topic, 2, "b");
    upsert(topic, 2, "b");
    upsert(topic, 3, "c");
    CHECK_OK(engine_bed_run(&bed, CHANGES), &bed.err);
    expect_kept("main", "b|2\nc|1\n");
    engine_bed_close(&bed);
}

/* Last values and groups fit, what an epoch adds does not: rows that were paired with their
   old ones must not be paired again. */
static void last_values_survive_memory_that_is_full(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("orders", 1);
    char          name[1024];
    memset(name, 'x', 1000);
    for (int i = 0; i < 9000; i++) {
        (void)snprintf(name + 1000, 20, "%04d", i);
        upsert(topic, i % 500, name);
    }
    CHECK_OK(engine_bed_run(&bed, "SET memory.\"limit\" = '16 MiB'; SET lanes = '1'; "
                                  "SET epoch.interval = '1 hour';\n" CHANGES),
             &bed.err);
    keep_group *kept = keep_group_of("main");
    CHECK(kept->epoch > 1); /* the budget cut epochs */
    CHECK_U64(kept->rows, 500);
    for (uint32_t i = 0; i < kept->rows; i++)
        CHECK_TEXT(strchr(kept->row[i], '|'), "|1");
    engine_bed_close(&bed);
}

/* Inserts of a database's log, in windows that close soon. What a chunk that did not fit
   has left behind would make it late, or a redelivery, when it is taken again. */
static void chunk_that_did_not_fit_is_taken_again_as_if_for_the_first_time(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    script_topic *topic = script_topic_new("orders", 1);
    char          name[1024];
    memset(name, 'x', 1000);
    for (int i = 0; i < 9000; i++) {
        char at[40];
        (void)snprintf(name + 1000, 20, "%04d", i);
        (void)weir_us_print_iso(1704067200000000 + (int64_t)i * 30000000, at);
        script_add(topic, 0,
                   "{\"before\":null,\"after\":{\"id\":%d,\"who\":\"%s\",\"at\":\"%s\"},"
                   "\"op\":\"c\",\"source\":{\"connector\":\"mysql\",\"name\":\"n\","
                   "\"server_id\":1,\"file\":\"b.000001\",\"pos\":%d,\"row\":0,"
                   "\"db\":\"d\",\"table\":\"orders\",\"ts_ms\":1}}",
                   i, name, at, i);
    }
    CHECK_OK(engine_bed_run(
                 &bed,
                 "SET memory.\"limit\" = '16 MiB'; SET lanes = '1'; "
                 "SET epoch.interval = '1 hour';\n"
                 "CREATE TABLE orders (id bigint PRIMARY KEY, who text, at timestamptz) WITH "
                 "(connector = 'script', topic = 'orders', format = 'debezium-json', "
                 "time_encoding = 'iso', event_time = 'at');\n"
                 "CREATE TABLE lake (w timestamptz, who text, n bigint) WITH (connector = "
                 "'heap');\n"
                 "INSERT INTO lake SELECT window_start, who, count(*) FROM tumble(orders, at, "
                 "interval '1 minute') GROUP BY window_start, who;\n"),
             &bed.err);
    CHECK(keep_group_of("lake")->epoch > 1);
    CHECK_U64(atomic_load(&bed.status.late), 0);
    CHECK_U64(atomic_load(&bed.status.duplicate), 0);
    CHECK_U64(keep_group_of("lake")->rows, 9000);
    engine_bed_close(&bed);
}

static void changelog_without_its_first_records_is_refused(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    const char *sql =
        "CREATE TABLE orders (id bigint PRIMARY KEY, who text) WITH (connector = 'script', "
        "topic = 'orders', format = 'debezium-json');\n"
        "CREATE TABLE totals (who text PRIMARY KEY, n bigint) WITH (connector = 'keep');\n"
        "INSERT INTO totals SELECT who, count(*) FROM orders GROUP BY who;\n";
    script_topic *topic = script_topic_new("orders", 1);
    topic->partition[0].low = topic->partition[0].end = 5;
    CHECK_FAILS(engine_bed_run(&bed, sql), WEIR_E_CONFIG, &bed.err);
    CHECK_SAYS(&bed.err, "partition 0: the first records are gone");
    topic->compacted = true;
    CHECK_FAILS(engine_bed_run(&bed, sql), WEIR_E_CONFIG, &bed.err);
    CHECK_SAYS(&bed.err, "the topic is compacted");
    CHECK_HINTS(&bed.err, "start_partial");
    engine_bed_close(&bed);
}

#define PLACES(place_b)                                                                    \
    "CREATE TABLE orders (id bigint, who text) WITH (connector = 'script', "               \
    "topic = 'orders', format = 'json');\n"                                                \
    "CREATE TABLE a (who text PRIMARY KEY, n bigint) WITH (connector = 'keep', "           \
    "place = 'one/shop');\n"                                                               \
    "CREATE TABLE b (who text PRIMARY KEY, n bigint) WITH (connector = 'keep', " place_b   \
    ");\n"                                                                                 \
    "CREATE VIEW v AS SELECT who, count(*) AS n FROM orders GROUP BY who;\n"               \
    "INSERT INTO a SELECT * FROM v; INSERT INTO b SELECT * FROM v;\n"

static void tables_of_one_sink_group_have_to_be_in_one_place(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    (void)script_topic_new("orders", 1);
    CHECK_FAILS(engine_bed_run(&bed, PLACES("place = 'two/shop'")), WEIR_E_CONFIG, &bed.err);
    CHECK_SAYS(&bed.err, "'a' and 'b' are in sink group 'shop'");
    CHECK(bed.err.sql_at > 0);
    CHECK_OK(engine_bed_run(&bed, PLACES("place = 'two/shop', sink_group = 'other'")),
             &bed.err);
    bed.fresh = true;
    keep_clear();
    CHECK_OK(engine_bed_run(&bed, PLACES("place = 'one/shop'")), &bed.err);
    engine_bed_close(&bed);
}

static void changed_job_is_refused_and_a_stop_at_once_is_no_failure(void **s)
{
    (void)s;
    engine_bed bed;
    engine_bed_open(&bed);
    (void)script_topic_new("events", 1);
    CHECK_OK(engine_bed_run(&bed, EVENTS), &bed.err);
    CHECK_FAILS(engine_bed_run(&bed,
                               "CREATE TABLE events (who text) WITH (connector = 'script', "
                               "topic = 'events', format = 'json');\n"
                               "CREATE TABLE lake (who text) WITH (connector = 'heap');"
                               "INSERT INTO lake SELECT who FROM events;"),
                WEIR_E_CONFIG, &bed.err);
    CHECK_INT(bed.err.exit, WEIR_EXIT_CONFIG_CHANGED);
    atomic_store(&bed.stop, 1);
    CHECK_OK(engine_bed_run(&bed, EVENTS), &bed.err);
    engine_bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(partition_that_is_added_while_a_job_runs_is_read_from_its_first_record),
        TEST(partition_that_is_added_to_a_changelog_stops_the_job_and_is_named),
        TEST(partition_that_is_gone_stops_the_job_and_is_named),
        TEST(idle_partition_lets_windows_close_and_its_rows_for_them_are_late),
        TEST(server_that_is_away_is_no_silence),
        TEST(open_files_roll_when_nothing_comes_for_so_long),
        TEST(last_values_give_each_row_once_through_updates_deletes_and_restarts),
        TEST(last_values_survive_memory_that_is_full),
        TEST(chunk_that_did_not_fit_is_taken_again_as_if_for_the_first_time),
        TEST(changelog_without_its_first_records_is_refused),
        TEST(tables_of_one_sink_group_have_to_be_in_one_place),
        TEST(changed_job_is_refused_and_a_stop_at_once_is_no_failure),
    };
    return RUN_TESTS(tests);
}
