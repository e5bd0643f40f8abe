/* unit/client/kafka_client: a consumer and a producer against librdkafka's mock cluster.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"

#include "mock_kafka.h"
#include "weir/kafka_client.h"
#include "weir/limits.h"

enum { PARTITIONS = 3 };

typedef struct fixture {
    mock_kafka      *mock;
    weir_kafka_setup setup;
    weir_kafka      *kafka;
} fixture;

static int64_t now_us(void)
{
    return weir_clock_system()->mono_us(weir_clock_system());
}

static void begin(fixture *to)
{
    memset(to, 0, sizeof *to);
    to->mock = mock_kafka_new();
    CHECK(to->mock != NULL);
    mock_kafka_topic(to->mock, "t", PARTITIONS);
    to->setup = (weir_kafka_setup){.brokers = weir_str_of(mock_kafka_brokers(to->mock)),
                                   .topic = WEIR_STR("t"),
                                   .queue_bytes = 4 << 20,
                                   .timeout_us = 60000000,
                                   .clock = weir_clock_system()};
}

static void open_consumer(fixture *to)
{
    weir_err err;
    uint32_t count = 0;
    CHECK_OK(weir_kafka_open(&to->setup, &to->kafka, &err), &err);
    CHECK_OK(weir_kafka_partitions(to->kafka, &count, &err), &err);
    CHECK_INT(count, PARTITIONS);
}

static void end(fixture *to)
{
    weir_kafka_close(to->kafka);
    mock_kafka_free(to->mock);
}

/* `count` records of `bytes` in each partition; the value begins with its number. */
static void send(fixture *to, int count, size_t bytes)
{
    static char          value[8192];
    weir_err             err;
    weir_kafka_producer *producer = NULL;
    CHECK_OK(weir_kafka_producer_open(&to->setup, &producer, &err), &err);
    for (int i = 0; i < count * PARTITIONS; i++) {
        (void)snprintf(value, sizeof value, "%08d", i / PARTITIONS);
        const weir_header  header = {WEIR_STR("name"), {value, 8}};
        weir_kafka_message message = {.partition = i % PARTITIONS,
                                      .key = {value, 8},
                                      .value = {value, bytes},
                                      .timestamp_us = 5000000,
                                      .headers = 1,
                                      .header = &header};
        CHECK_OK(weir_kafka_send(producer, &message, &err), &err);
    }
    CHECK_OK(weir_kafka_flush(producer, &err), &err);
    weir_kafka_producer_close(producer);
}

/* Reads until each partition has `want` records, and checks that none is missing; with `away`
   the broker may be for a while. */
static void read_while(fixture *to, int64_t next[PARTITIONS], int64_t want, bool away)
{
    int64_t until_us = now_us() + 60000000;
    for (bool done = false; !done && now_us() < until_us;) {
        weir_err    err;
        weir_block *block = NULL;
        if (weir_kafka_poll(to->kafka, 50000, &block, &err) != WEIR_OK)
            CHECK(away && err.fate == WEIR_FATE_RETRY);
        for (uint32_t i = 0; block && i < block->records; i++)
            CHECK_INT(block->record[i].offset, next[block->partition]++);
        weir_block_release(block);
        done = true;
        for (int p = 0; p < PARTITIONS; p++)
            done = done && next[p] >= want;
    }
    for (int p = 0; p < PARTITIONS; p++)
        CHECK_INT(next[p], want);
}

static void read_up_to(fixture *to, int64_t next[PARTITIONS], int64_t want)
{
    read_while(to, next, want, false);
}

static void start_all(fixture *to)
{
    for (uint32_t p = 0; p < PARTITIONS; p++)
        weir_kafka_start(to->kafka, p, 0);
}

static void a_block_holds_keys_values_headers_and_times(void **state)
{
    (void)state;
    fixture     to;
    weir_err    err;
    weir_block *block = NULL;
    begin(&to);
    send(&to, 10, 20);
    to.setup.headers = true;
    open_consumer(&to);
    weir_kafka_start(to.kafka, 1, 3);
    for (int64_t until_us = now_us() + 60000000; !block && now_us() < until_us;)
        CHECK_OK(weir_kafka_poll(to.kafka, 50000, &block, &err), &err);
    CHECK(block != NULL);
    CHECK_INT(block->partition, 1);
    CHECK_INT(block->record[0].offset, 3);
    CHECK_INT(block->record[0].timestamp_us, 5000000);
    CHECK_STR(block->record[0].key, "00000003");
    CHECK_INT(block->record[0].value.len, 20);
    CHECK_INT(block->record[6].headers, 1);
    CHECK_STR(block->record[6].header->name, "name");
    CHECK_STR(block->record[6].header->value, "00000009");
    weir_block_release(block);
    end(&to);
}

static void pauses_in_the_middle_lose_and_repeat_nothing(void **state)
{
    (void)state;
    fixture  to;
    weir_err err;
    int64_t  next[PARTITIONS] = {0};
    begin(&to);
    send(&to, 3000, 400);
    open_consumer(&to);
    start_all(&to);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 3; i++) {
            weir_block *block = NULL;
            CHECK_OK(weir_kafka_poll(to.kafka, 30000, &block, &err), &err);
            for (uint32_t k = 0; block && k < block->records; k++)
                CHECK_INT(block->record[k].offset, next[block->partition]++);
            weir_block_release(block);
        }
        uint32_t which = (uint32_t)round % PARTITIONS;
        CHECK_OK(weir_kafka_pause(to.kafka, which, true, &err), &err);
        CHECK_OK(weir_kafka_pause(to.kafka, which, round % 2 == 1, &err), &err);
        CHECK_OK(weir_kafka_pause(to.kafka, (which + 1) % PARTITIONS, false, &err), &err);
    }
    for (uint32_t p = 0; p < PARTITIONS; p++)
        CHECK_OK(weir_kafka_pause(to.kafka, p, false, &err), &err);
    read_up_to(&to, next, 3000);
    end(&to);
}

static void a_broker_that_went_away_is_waited_for(void **state)
{
    (void)state;
    fixture  to;
    weir_err err = {0};
    int64_t  next[PARTITIONS] = {0};
    begin(&to);
    send(&to, 100, 100);
    open_consumer(&to);
    start_all(&to);
    read_up_to(&to, next, 100);
    mock_kafka_down(to.mock, true);
    weir_code rc = WEIR_OK;
    for (int64_t until_us = now_us() + 60000000; rc == WEIR_OK && now_us() < until_us;) {
        weir_block *block = NULL;
        rc = weir_kafka_poll(to.kafka, 100000, &block, &err);
        weir_block_release(block);
    }
    CHECK_INT(rc, WEIR_E_REMOTE);
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    mock_kafka_down(to.mock, false);
    for (int64_t until_us = now_us() + 60000000; now_us() < until_us;) {
        weir_block *block = NULL;
        rc = weir_kafka_poll(to.kafka, 100000, &block, &err);
        weir_block_release(block);
        if (rc == WEIR_OK)
            break;
        CHECK_INT(err.fate, WEIR_FATE_RETRY);
    }
    CHECK_INT(rc, WEIR_OK);
    send(&to, 50, 100);
    read_while(&to, next, 150, true); /* a broker's thread may say late that it was away */
    end(&to);
}

/* Its question times out in slices, and callbacks run between them: beside records that were
   fetched meanwhile, which are read afterwards. */
static void a_question_without_an_answer_leaves_records_where_they_are(void **state)
{
    (void)state;
    fixture     to;
    weir_err    err;
    weir_block *block = NULL;
    int64_t     next[PARTITIONS] = {0}, low = 0, most = 0;
    uint32_t    count = 0;
    begin(&to);
    to.setup.timeout_us = 5000000; /* of what is asked for in vain below */
    open_consumer(&to);
    start_all(&to);
    CHECK_OK(weir_kafka_poll(to.kafka, 0, &block, &err), &err); /* assigns */
    CHECK(block == NULL);
    to.setup.timeout_us = 60000000;
    send(&to, 2000, 1000);
    for (int i = 0; i < 100; i++) /* answers come behind fetches of the same connection */
        CHECK_OK(weir_kafka_ends(to.kafka, (uint32_t)i % PARTITIONS, &low, &most, &err), &err);
    mock_kafka_down(to.mock, true);
    CHECK_INT(weir_kafka_partitions(to.kafka, &count, &err), WEIR_E_REMOTE);
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    mock_kafka_down(to.mock, false);
    read_while(&to, next, 2000, true);
    end(&to);
}

static void an_offset_behind_the_end_halts(void **state)
{
    (void)state;
    fixture  to;
    weir_err err = {0};
    begin(&to);
    send(&to, 10, 100);
    open_consumer(&to);
    weir_kafka_start(to.kafka, 0, 500);
    weir_code rc = WEIR_OK;
    for (int64_t until_us = now_us() + 60000000; rc == WEIR_OK && now_us() < until_us;) {
        weir_block *block = NULL;
        rc = weir_kafka_poll(to.kafka, 100000, &block, &err);
        weir_block_release(block);
    }
    CHECK_INT(rc, WEIR_E_CORRUPT);
    CHECK_INT(err.exit, WEIR_EXIT_TOPIC_CHANGED);
    CHECK_SAYS(&err, "ends at offset 10");
    end(&to);
}

static void the_ends_are_told_and_one_record_can_be_looked_at(void **state)
{
    (void)state;
    fixture     to;
    weir_err    err;
    int64_t     low = -1, behind = -1;
    weir_block *block = NULL;
    begin(&to);
    send(&to, 10, 100);
    open_consumer(&to);
    CHECK_OK(weir_kafka_ends(to.kafka, 2, &low, &behind, &err), &err);
    CHECK_INT(low, 0);
    CHECK_INT(behind, 10);
    CHECK_OK(weir_kafka_peek(to.kafka, 2, 7, &block, &err), &err);
    CHECK(block != NULL);
    CHECK_INT(block->record[0].offset, 7);
    CHECK_STR(block->record[0].key, "00000007");
    weir_block_release(block);
    CHECK_OK(weir_kafka_peek(to.kafka, 2, 10, &block, &err), &err);
    CHECK(block == NULL);
    int64_t next[PARTITIONS] = {0};
    start_all(&to);
    read_up_to(&to, next, 10);
    end(&to);
}

static void a_missing_topic_is_named(void **state)
{
    (void)state;
    fixture  to;
    weir_err err;
    begin(&to);
    to.setup.topic = WEIR_STR("other");
    mock_kafka_gone(to.mock, "other");
    CHECK_FAILS(weir_kafka_open(&to.setup, &to.kafka, &err), WEIR_E_NOTFOUND, &err);
    CHECK_SAYS(&err, "other");
    CHECK_INT(err.fate, WEIR_FATE_HALT);
    end(&to);
}

static void nobody_at_the_address_is_a_reason_to_retry(void **state)
{
    (void)state;
    weir_err         err;
    weir_kafka      *kafka = NULL;
    weir_kafka_setup setup = {.brokers = WEIR_STR("127.0.0.1:1"),
                              .topic = WEIR_STR("t"),
                              .timeout_us = 1500000,
                              .clock = weir_clock_system()};
    CHECK_FAILS(weir_kafka_open(&setup, &kafka, &err), WEIR_E_REMOTE, &err);
    CHECK_INT(err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&err, "127.0.0.1:1");
}

static weir_code check_property(const char *name, const char *value, weir_err *err)
{
    const weir_kafka_property property = {weir_str_of(name), weir_str_of(value)};
    weir_kafka_setup          setup = {.brokers = WEIR_STR("127.0.0.1:1"),
                                       .properties = 1,
                                       .property = &property,
                                       .clock = weir_clock_system()};
    return weir_kafka_check(&setup, err);
}

static void properties_are_checked_and_values_stay_secret(void **state)
{
    (void)state;
    weir_err err;
    CHECK_OK(check_property("security.protocol", "sasl_ssl", &err), &err);
    CHECK_OK(check_property("sasl.password", "secret", &err), &err);
    CHECK_FAILS(check_property("security.protocl", "ssl", &err), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "no property 'security.protocl'");
    CHECK_FAILS(check_property("security.protocol", "hunter2", &err), WEIR_E_CONFIG, &err);
    CHECK(strstr(err.msg, "hunter2") == NULL);
    CHECK_FAILS(check_property("auto.offset.reset", "earliest", &err), WEIR_E_CONFIG, &err);
    CHECK_SAYS(&err, "weir sets it");
    CHECK_FAILS(check_property("plugin.library.paths", "x.so", &err), WEIR_E_CONFIG, &err);
}

static void scram_with_an_old_library_is_warned_of(void **state)
{
    (void)state;
    const weir_kafka_property property = {WEIR_STR("sasl.mechanism"),
                                          WEIR_STR("SCRAM-SHA-512")};
    weir_kafka_setup with = {.properties = 1, .property = &property}, without = {0};
    weir_arena      *arena = weir_arena_new("test", 1024);
    weir_str        *list = NULL;
    uint32_t         plain = weir_kafka_warnings(&without, arena, &list);
    uint32_t         scram = weir_kafka_warnings(&with, arena, &list);
    bool             old = strncmp(weir_kafka_version(), "2.0.", 4) == 0;
    CHECK_INT(scram, plain + old);
    if (old)
        CHECK_HOLDS(list[0].at, "SCRAM");
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_block_holds_keys_values_headers_and_times),
        TEST(pauses_in_the_middle_lose_and_repeat_nothing),
        TEST(a_broker_that_went_away_is_waited_for),
        TEST(a_question_without_an_answer_leaves_records_where_they_are),
        TEST(an_offset_behind_the_end_halts),
        TEST(the_ends_are_told_and_one_record_can_be_looked_at),
        TEST(a_missing_topic_is_named),
        TEST(nobody_at_the_address_is_a_reason_to_retry),
        TEST(properties_are_checked_and_values_stay_secret),
        TEST(scram_with_an_old_library_is_warned_of),
    };
    return RUN_TESTS(tests);
}
