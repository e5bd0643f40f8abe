/* contract/source: what every kind of source promises, run against every registered kind.
 *
 * Each kind has a fixture that fills two partitions with some hundred records. Kafka's is
 * librdkafka's mock cluster; with WEIR_TEST_KAFKA (brokers) it runs against those as well.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>

#include "mock_kafka.h"
#include "weir/buf.h"
#include "weir/hash.h"
#include "weir/kafka_client.h"
#include "weir/limits.h"
#include "weir/source.h"

enum {
    RECORDS = 300, /* of each partition */
    PARTITIONS = 2,
    WAIT_US = 60000000
};

typedef struct fixture {
    const weir_source_kind *kind;
    const char             *brokers; /* of a real cluster, or NULL */
    weir_arena             *arena;
    char                    folder[64];
    mock_kafka             *mock;
    weir_source_setup       setup;
} fixture;

/* --- fixtures: one function a kind */

typedef void fill_fn(fixture *);

static void write_file(const char *path, const weir_buf *text)
{
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK_U64(fwrite(text->at, 1, text->len, file), text->len);
    CHECK_INT(fclose(file), 0);
}

static void options(fixture *to, const char *const (*pair)[2], size_t count)
{
    weir_setting setting[16];
    weir_opts   *opts = NULL;
    weir_err     err;
    for (size_t i = 0; i < count; i++)
        setting[i] = (weir_setting){weir_str_of(pair[i][0]), weir_str_of(pair[i][1]), -1, -1};
    const weir_option *const tables[3] = {to->kind->options};
    CHECK_OK(weir_opts_read(tables, setting, count, to->arena, &opts, &err), &err);
    to->setup.opts = opts;
}

static void fill_topic_folder(fixture *to)
{
    char     path[128];
    weir_buf text = {0};
    (void)snprintf(path, sizeof path, "%s/kafka", to->folder);
    CHECK_INT(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/kafka/t", to->folder);
    CHECK_INT(mkdir(path, 0700), 0);
    for (int p = 0; p < PARTITIONS; p++) {
        weir_buf_clear(&text);
        for (int i = 0; i < RECORDS; i++)
            weir_buf_format(&text,
                            "{\"offset\":%d,\"timestamp\":%d,\"key\":\"k%d\",\"value\":%s}\n",
                            i + 5 * p, 1000 + i, i, i % 7 ? "\"{\\\"a\\\":1}\"" : "null");
        (void)snprintf(path, sizeof path, "%s/kafka/t/%d.jsonl", to->folder, p);
        write_file(path, &text);
    }
    weir_buf_done(&text);
    const char *const pair[][2] = {{"topic", "t"}};
    options(to, pair, 1);
    to->setup.embedded = weir_str_of(to->folder);
}

static void fill_file(fixture *to)
{
    char     path[128];
    weir_buf text = {0};
    for (int p = 0; p < PARTITIONS; p++) {
        weir_buf_clear(&text);
        for (int i = 0; i < RECORDS; i++)
            weir_buf_format(&text, "{\"line\":%d}\n", i);
        (void)snprintf(path, sizeof path, "%s/part-%d.jsonl", to->folder, p);
        write_file(path, &text);
    }
    weir_buf_done(&text);
    const char *const pair[][2] = {{"path", to->folder}};
    options(to, pair, 1);
}

static void fill_generate(fixture *to)
{
    const char *const pair[][2] = {{"events", "600"}, {"partitions", "2"}};
    options(to, pair, 2);
}

static void send_records(const weir_kafka_setup *setup)
{
    weir_err             err;
    weir_kafka_producer *producer = NULL;
    CHECK_OK(weir_kafka_producer_open(setup, &producer, &err), &err);
    for (int i = 0; i < RECORDS * PARTITIONS; i++) {
        char               text[32];
        int                len = snprintf(text, sizeof text, "{\"n\":%d}", i);
        weir_kafka_message message = {.partition = i % PARTITIONS,
                                      .key = {text, 4},
                                      .value = {text, (size_t)len},
                                      .timestamp_us = 1767225600000000 + i * 1000};
        CHECK_OK(weir_kafka_send(producer, &message, &err), &err);
    }
    CHECK_OK(weir_kafka_flush(producer, &err), &err);
    weir_kafka_producer_close(producer);
}

static void fill_kafka(fixture *to)
{
    static unsigned made;
    char           *topic = weir_arena_text(to->arena, "contract-%d-%u", getpid(), made++);
    weir_err        err;
    if (!to->brokers) {
        to->mock = mock_kafka_new();
        mock_kafka_topic(to->mock, topic, PARTITIONS);
    }
    const char      *brokers = to->mock ? mock_kafka_brokers(to->mock) : to->brokers;
    weir_kafka_setup setup = {.brokers = weir_str_of(brokers), .topic = weir_str_of(topic),
                              .timeout_us = 20000000, .clock = weir_clock_system()};
    if (!to->mock)
        CHECK_OK(weir_kafka_create(&setup, PARTITIONS, (weir_str){0}, &err), &err);
    send_records(&setup);
    const char *const pair[][2] = {{"topic", topic}, {"brokers", brokers}};
    options(to, pair, 2);
}

static const struct {
    const char *kind;
    fill_fn    *fill;
} fixtures[] = {
    {"topic-folder", fill_topic_folder},
    {"file", fill_file},
    {"generate", fill_generate},
    {"kafka", fill_kafka},
};

static int set_up(void **state)
{
    fixture *to = *state;
    to->arena = weir_arena_new("contract", 4096);
    to->setup = (weir_source_setup){.table = WEIR_STR("t"),
                                    .job = WEIR_STR("contract"),
                                    .clock = weir_clock_system(),
                                    .headers = true,
                                    .keys = true,
                                    .queue_bytes = 8 << 20};
    (void)snprintf(to->folder, sizeof to->folder, "/tmp/weir-source-XXXXXX");
    CHECK(mkdtemp(to->folder) != NULL);
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        if (strcmp(fixtures[i].kind, to->kind->name) == 0) {
            fixtures[i].fill(to);
            return 0;
        }
    }
    fail_msg("kind '%s' has no fixture here", to->kind->name);
    return 0;
}

static int tear_down(void **state)
{
    fixture *to = *state;
    char     command[128];
    mock_kafka_free(to->mock);
    to->mock = NULL;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", to->folder);
    CHECK_INT(system(command), 0);
    weir_arena_free(to->arena);
    return 0;
}

/* --- what was read */

typedef struct log_of {
    weir_position at[RECORDS + 1]; /* position behind each record; [0]: the start */
    uint32_t      count;
    bool          ended;
    int64_t       next_offset;
} log_of;

static uint32_t crc_of(const weir_record *record)
{
    return weir_crc32c(weir_crc32c(0, record->key), record->value);
}

static void touch_pad(weir_str text)
{
    volatile unsigned sum = 0;
    for (size_t i = 0; text.at && i < WEIR_RECORD_PAD; i++)
        sum += (unsigned char)text.at[text.len + i];
    (void)sum; /* reading was the test */
}

static void take_block(log_of *log, const weir_block *block)
{
    CHECK(block->records <= WEIR_BLOCK_RECORDS);
    for (uint32_t i = 0; i < block->records; i++) {
        const weir_record *record = &block->record[i];
        weir_position     *before = &log->at[log->count];
        CHECK(log->count < RECORDS);
        CHECK(record->offset >= before->next_offset);
        touch_pad(record->key);
        touch_pad(record->value);
        log->at[++log->count] = (weir_position){record->offset + 1, record->offset,
                                                record->timestamp_us, crc_of(record)};
    }
    CHECK(block->next_offset >= log->at[log->count].next_offset || block->records == 0);
    log->next_offset = block->next_offset;
    log->ended = block->at_end;
}

static void poll_into(weir_source *source, log_of *log, int64_t timeout_us)
{
    weir_err    err;
    weir_block *block = NULL;
    CHECK_OK(source->kind->poll(source, timeout_us, &block, &err), &err);
    if (!block)
        return;
    CHECK(block->partition < PARTITIONS);
    take_block(&log[block->partition], block);
    weir_block_release(block);
}

static bool all_ended(const log_of *log)
{
    for (int i = 0; i < PARTITIONS; i++)
        if (!log[i].ended)
            return false;
    return true;
}

static void read_to_the_end(weir_source *source, log_of *log)
{
    weir_clock *clock = weir_clock_system();
    int64_t     until_us = clock->mono_us(clock) + WAIT_US;
    while (!all_ended(log) && clock->mono_us(clock) < until_us)
        poll_into(source, log, 100000);
    CHECK(all_ended(log));
}

static weir_source *open_source(fixture *to, weir_partition_info **info)
{
    weir_err     err;
    weir_source *source = NULL;
    uint32_t     count = 0;
    CHECK_OK(weir_source_new(to->kind, &to->setup, &source, &err), &err);
    CHECK_OK(source->kind->discover(source, to->arena, info, &count, &err), &err);
    CHECK_INT(count, PARTITIONS);
    return source;
}

static void start(weir_source *source, const weir_partition_info *info, log_of *log)
{
    weir_err err;
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        log[i] = (log_of){.at[0] = {.next_offset = info[i].start, .last_offset = -1}};
        CHECK_OK(source->kind->seek(source, i, &log[i].at[0], &err), &err);
    }
}

static log_of *read_all(fixture *to)
{
    weir_partition_info *info = NULL;
    log_of              *log = WEIR_ARRAY(to->arena, log_of, PARTITIONS);
    weir_source         *source = open_source(to, &info);
    start(source, info, log);
    read_to_the_end(source, log);
    weir_source_free(source);
    return log;
}

/* --- the promises */

static void names_summary_and_options_are_there(void **state)
{
    fixture *to = *state;
    CHECK(to->kind->name[0] != '\0' && to->kind->summary[0] != '\0');
    CHECK(to->kind->formats == NULL || to->kind->formats[0] != '\0');
    CHECK(weir_source_find(weir_str_of(to->kind->name)) == to->kind);
    for (const weir_option *option = to->kind->options; option->name; option++)
        CHECK(option->help != NULL && option->help[strlen(option->help) - 1] == '.');
}

static void every_record_comes_once_and_the_end_is_told(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    log_of              *log = read_all(to);
    weir_source         *source = open_source(to, &info);
    for (int i = 0; i < PARTITIONS; i++) {
        CHECK_INT(log[i].count, RECORDS);
        CHECK_INT(log[i].at[1].last_offset, info[i].low);
        CHECK_INT(log[i].next_offset, info[i].end);
        CHECK_INT(info[i].start, info[i].low);
        CHECK(info[i].name.len > 0);
    }
    weir_source_free(source);
}

static void at_the_end_a_poll_gives_nothing(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    log_of               log[PARTITIONS];
    weir_err             err;
    weir_block          *block = NULL;
    weir_source         *source = open_source(to, &info);
    start(source, info, log);
    read_to_the_end(source, log);
    CHECK_OK(source->kind->poll(source, 0, &block, &err), &err);
    CHECK(block == NULL);
    weir_source_free(source);
}

static void reading_resumes_at_any_position(void **state)
{
    static const uint32_t places[] = {1, 7, 150, RECORDS - 1, RECORDS};
    fixture              *to = *state;
    weir_partition_info  *info = NULL;
    weir_err              err;
    log_of               *all = read_all(to);
    for (size_t n = 0; n < sizeof places / sizeof places[0]; n++) {
        weir_source *source = open_source(to, &info);
        log_of       log[PARTITIONS] = {0};
        for (uint32_t i = 0; i < PARTITIONS; i++) {
            log[i].at[0] = all[i].at[places[n]];
            CHECK_OK(source->kind->seek(source, i, &log[i].at[0], &err), &err);
        }
        read_to_the_end(source, log);
        for (uint32_t i = 0; i < PARTITIONS; i++) {
            CHECK_INT(log[i].count, RECORDS - places[n]);
            CHECK_INT(log[i].at[log[i].count].last_crc, all[i].at[RECORDS].last_crc);
            CHECK_INT(log[i].next_offset, all[i].next_offset);
        }
        weir_source_free(source);
    }
}

static void another_log_is_found_out(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    weir_err             err;
    log_of              *all = read_all(to);
    weir_source         *source = open_source(to, &info);
    weir_position        other = all[1].at[100];
    other.last_crc ^= 1;
    CHECK_FAILS(source->kind->seek(source, 1, &other, &err), WEIR_E_CORRUPT, &err);
    CHECK_INT(err.exit, WEIR_EXIT_TOPIC_CHANGED);
    other = all[1].at[100];
    other.next_offset = info[1].end + 1;
    CHECK_FAILS(source->kind->seek(source, 1, &other, &err), WEIR_E_CORRUPT, &err);
    CHECK_INT(err.exit, WEIR_EXIT_TOPIC_CHANGED);
    CHECK_OK(source->kind->seek(source, 1, &all[1].at[100], &err), &err);
    weir_source_free(source);
}

static void a_gap_in_front_is_found_out(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    weir_err             err;
    weir_source         *source = open_source(to, &info);
    weir_position        gone = {.next_offset = info[1].low - 1, .last_offset = -1};
    if (info[1].low > 0) { /* only the embedded topic's fixture starts behind 0 */
        CHECK_FAILS(source->kind->seek(source, 1, &gone, &err), WEIR_E_REMOTE, &err);
        CHECK_INT(err.exit, WEIR_EXIT_OFFSET_GAP);
    }
    weir_source_free(source);
}

static void a_paused_partition_waits_and_loses_nothing(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    log_of               log[PARTITIONS];
    weir_err             err;
    weir_clock          *clock = weir_clock_system();
    weir_source         *source = open_source(to, &info);
    start(source, info, log);
    CHECK_OK(source->kind->pause(source, 0, true, &err), &err);
    for (int64_t until_us = clock->mono_us(clock) + WAIT_US;
         !log[1].ended && clock->mono_us(clock) < until_us;)
        poll_into(source, log, 100000);
    CHECK_INT(log[0].count, 0);
    CHECK_INT(log[1].count, RECORDS);
    CHECK_OK(source->kind->pause(source, 0, false, &err), &err);
    read_to_the_end(source, log);
    CHECK_INT(log[0].count, RECORDS);
    weir_source_free(source);
}

static void two_instances_do_not_meet(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    log_of               one[PARTITIONS], two[PARTITIONS];
    weir_source         *a = open_source(to, &info), *b = open_source(to, &info);
    start(a, info, one);
    start(b, info, two);
    read_to_the_end(b, two);
    read_to_the_end(a, one);
    for (int i = 0; i < PARTITIONS; i++)
        CHECK_INT(one[i].at[RECORDS].last_crc, two[i].at[RECORDS].last_crc);
    weir_source_free(a);
    weir_source_free(b);
}

static void blocks_live_until_they_are_released(void **state)
{
    fixture             *to = *state;
    weir_partition_info *info = NULL;
    log_of               log[PARTITIONS];
    weir_err             err;
    weir_block          *kept = NULL;
    weir_clock          *clock = weir_clock_system();
    weir_source         *source = open_source(to, &info);
    start(source, info, log);
    for (int64_t until_us = clock->mono_us(clock) + WAIT_US;
         (!kept || kept->records == 0) && clock->mono_us(clock) < until_us;) {
        weir_block_release(kept);
        CHECK_OK(source->kind->poll(source, 100000, &kept, &err), &err);
    }
    CHECK(kept != NULL);
    uint32_t      first = crc_of(&kept->record[0]);
    uint32_t      records = kept->records;
    weir_position positions[PARTITIONS] = {log[0].at[0], log[1].at[0]};
    for (int i = 0; i < 20; i++) {
        weir_block *other = NULL;
        CHECK_OK(source->kind->poll(source, 1000, &other, &err), &err);
        weir_block_release(other);
    }
    CHECK_INT(kept->records, records);
    CHECK_INT(crc_of(&kept->record[0]), first);
    weir_block_release(kept);
    CHECK_OK(source->kind->ack(source, positions, PARTITIONS, &err), &err);
    weir_source_free(source);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int run(const weir_source_kind *kind, const char *brokers)
{
    fixture           to = {.kind = kind, .brokers = brokers};
    struct CMUnitTest tests[] = {
        PROMISE(names_summary_and_options_are_there),
        PROMISE(every_record_comes_once_and_the_end_is_told),
        PROMISE(at_the_end_a_poll_gives_nothing),
        PROMISE(reading_resumes_at_any_position),
        PROMISE(another_log_is_found_out),
        PROMISE(a_gap_in_front_is_found_out),
        PROMISE(a_paused_partition_waits_and_loses_nothing),
        PROMISE(two_instances_do_not_meet),
        PROMISE(blocks_live_until_they_are_released),
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tests[i].initial_state = &to;
    print_message("kind '%s'%s\n", kind->name, brokers ? " with real brokers" : "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    int         failed = 0;
    const char *brokers = getenv("WEIR_TEST_KAFKA");
    for (const weir_source_kind *const *kind = weir_source_kinds(); *kind; kind++) {
        failed += run(*kind, NULL);
        if (brokers && strcmp((*kind)->name, "kafka") == 0)
            failed += run(*kind, brokers);
    }
    return failed != 0;
}
