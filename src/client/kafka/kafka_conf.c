/* client/kafka/kafka_conf: settings of the library: what weir sets itself, and the user's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

#include <stdio.h>
#include <string.h>

#include "weir/log.h"

#define QUEUE_BYTES (64u << 20)
#define QUEUE_KB_MOST 2097151u /* the library's bound */
/* What was decompressed is to be read while caches hold it: a queue of 8 MiB and fetches of
   512 KiB per partition take a tenth less CPU than 32 MiB and the library's 1 MiB, and half
   of the memory. */
#define QUEUE_KB_HOT 8192u
#define FETCH_PARTITION_BYTES "524288"
#define FETCH_LEAST (1u << 20)
#define FETCH_MOST (50u << 20)

/* The user may not set these: results depend on them, or an option of weir's own does it. */
static const char *const owned[] = {
    "bootstrap.servers", "metadata.broker.list", "group.id", "group.instance.id",
    "group.protocol", "enable.auto.commit", "auto.commit.enable", "auto.commit.interval.ms",
    "enable.auto.offset.store", "auto.offset.reset", "enable.partition.eof", "check.crcs",
    "isolation.level", "partition.assignment.strategy", "offset.store.method",
    "queued.max.messages.kbytes", "queued.min.messages", "allow.auto.create.topics",
    "enable.idempotence", "acks", "request.required.acks", "transactional.id",
    "plugin.library.paths", "test.mock.num.brokers", "log_level", "debug",
};

static const struct {
    const char *name, *value;
} for_reading[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "error"},
    {"enable.partition.eof", "true"},
    {"check.crcs", "true"},
    {"isolation.level", "read_committed"},
    {"allow.auto.create.topics", "false"},
    {"queued.min.messages", "10000000"}, /* bytes decide, not messages */
    {"fetch.message.max.bytes", FETCH_PARTITION_BYTES},
    {"fetch.wait.max.ms", "100"},        /* a partition that comes back waits no longer */
},
  for_writing[] = {
      {"enable.idempotence", "true"},
      {"partitioner", "murmur2_random"}, /* as Java's producer does */
      {"queue.buffering.max.kbytes", "131072"},
      {"queue.buffering.max.messages", "200000"},
  };

static bool is_owned(weir_str name)
{
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
        if (weir_str_is(name, owned[i]))
            return true;
    return false;
}

int kafka_timeout_ms(int64_t timeout_us)
{
    int64_t ms = timeout_us / 1000;
    return ms < 1 ? 1 : ms > 600000 ? 600000 : (int)ms;
}

/* Our own settings: the library must know them. */
static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, name, value, why, sizeof why);
    weir_assert(res == RD_KAFKA_CONF_OK);
}

static weir_code set_brokers(rd_kafka_conf_t *conf, weir_str brokers, weir_err *err)
{
    char text[4096], why[256];
    int len = snprintf(text, sizeof text, "%.*s", WEIR_STR_FMT(brokers));
    if (brokers.len == 0)
        return weir_fail(err, WEIR_E_CONFIG, "no brokers were given");
    if (len < 0 || (size_t)len >= sizeof text)
        return weir_fail(err, WEIR_E_CONFIG, "the list of brokers is longer than %zu bytes",
                         sizeof text);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", text, why, sizeof why) != RD_KAFKA_CONF_OK)
        return weir_fail(err, WEIR_E_CONFIG, "'%s' is not a list of brokers", text);
    return WEIR_OK;
}

/* One of the user's. Its value stays out of messages: it may be a password. */
static weir_code set_property(rd_kafka_conf_t *conf, const weir_kafka_property *property,
                              weir_arena *scratch, weir_err *err)
{
    char why[256];
    const char *name = weir_str_copy(scratch, property->name).at;
    const char *value = weir_str_copy(scratch, property->value).at;
    if (is_owned(property->name))
        return weir_fail(err, WEIR_E_CONFIG, "'kafka.%s' cannot be set: weir sets it", name);
    switch (rd_kafka_conf_set(conf, name, value, why, sizeof why)) {
    case RD_KAFKA_CONF_OK:
        return WEIR_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return weir_fail(err, WEIR_E_CONFIG, "'kafka.%s': librdkafka %s has no property '%s'",
                         name, rd_kafka_version_str(), name);
    case RD_KAFKA_CONF_INVALID:
        break;
    }
    return weir_fail(err, WEIR_E_CONFIG, "'kafka.%s' does not take the value that was given",
                     name);
}

static void set_reading(rd_kafka_conf_t *conf, const weir_kafka_setup *setup)
{
    char text[64], why[256];
    uint64_t bytes = setup->queue_bytes ? setup->queue_bytes : QUEUE_BYTES;
    uint64_t kb = bytes / 1024 < 1024 ? 1024 : bytes / 1024;
    uint64_t fetch = bytes / 2 < FETCH_LEAST ? FETCH_LEAST : bytes / 2;
    for (size_t i = 0; i < sizeof for_reading / sizeof for_reading[0]; i++)
        set(conf, for_reading[i].name, for_reading[i].value);
    if (setup->hasty)
        set(conf, "fetch.wait.max.ms", "0");
    (void)snprintf(text, sizeof text, "%llu",
                   (unsigned long long)(fetch > FETCH_MOST ? FETCH_MOST : fetch));
    set(conf, "fetch.max.bytes", text);
    /* Versions before 2.2 do not know it and pause for a second when the queue is full:
       with them it has to be long enough for that. */
    bool pauses = rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "5", why, sizeof why) !=
                  RD_KAFKA_CONF_OK;
    if (!pauses && kb > QUEUE_KB_HOT)
        kb = QUEUE_KB_HOT;
    (void)snprintf(text, sizeof text, "%llu",
                   (unsigned long long)(kb > QUEUE_KB_MOST ? QUEUE_KB_MOST : kb));
    set(conf, "queued.max.messages.kbytes", text);
    char *group = weir_heap_new(1, setup->group.len + 8);
    (void)snprintf(group, setup->group.len + 8, "%.*s",
                   WEIR_STR_FMT(setup->group.len ? setup->group : WEIR_STR("weir")));
    set(conf, "group.id", group);
    weir_heap_free(group);
}

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    (void)handle;
    (void)level;
    weir_log_debug("librdkafka", WEIR_F_TEXT("what", facility), WEIR_F_TEXT("text", text));
}

static weir_code set_all(rd_kafka_conf_t *conf, const weir_kafka_setup *setup, bool consumer,
                         weir_err *err)
{
    weir_arena *scratch = weir_arena_new("kafka settings", 4096);
    weir_code rc = set_brokers(conf, setup->brokers, err);
    set(conf, "client.id", "weir");
    set(conf, "log.connection.close", "false");
    set(conf, "socket.keepalive.enable", "true");
    /* Half of the first is also the least time between any two connections of a handle. */
    set(conf, "reconnect.backoff.ms", "22");
    set(conf, "reconnect.backoff.max.ms", "2000");
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (consumer)
        set_reading(conf, setup);
    for (size_t i = 0; !consumer && i < sizeof for_writing / sizeof for_writing[0]; i++)
        set(conf, for_writing[i].name, for_writing[i].value);
    for (uint32_t i = 0; rc == WEIR_OK && i < setup->properties; i++)
        rc = set_property(conf, &setup->property[i], scratch, err);
    weir_arena_free(scratch);
    return rc;
}

rd_kafka_conf_t *kafka_conf_new(const weir_kafka_setup *setup, bool consumer, weir_err *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (set_all(conf, setup, consumer, err) == WEIR_OK)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

weir_code weir_kafka_check(const weir_kafka_setup *setup, weir_err *err)
{
    rd_kafka_conf_t *conf = kafka_conf_new(setup, true, err);
    if (!conf)
        return err->code;
    rd_kafka_conf_destroy(conf);
    return WEIR_OK;
}

const char *weir_kafka_version(void)
{
    return rd_kafka_version_str();
}

/* The version as 0xMMmmrr: "2.0.2" is 0x020002. */
static int version(void)
{
    return rd_kafka_version() >> 8;
}

static bool uses_scram(const weir_kafka_setup *setup)
{
    for (uint32_t i = 0; i < setup->properties; i++)
        if ((weir_str_is(setup->property[i].name, "sasl.mechanism") ||
             weir_str_is(setup->property[i].name, "sasl.mechanisms")) &&
            weir_str_starts(setup->property[i].value, "SCRAM-"))
            return true;
    return false;
}

bool kafka_scram_fails(const weir_kafka_setup *setup)
{
    return uses_scram(setup) && version() < 0x020601;
}

uint32_t weir_kafka_warnings(const weir_kafka_setup *setup, weir_arena *arena, weir_str **out)
{
    uint32_t count = 0;
    weir_str *list = WEIR_ARRAY(arena, weir_str, 4);
    const char *name = rd_kafka_version_str();
    if (kafka_scram_fails(setup))
        list[count++] = weir_str_of(weir_arena_text(
            arena, "librdkafka %s cannot log in with SCRAM at Kafka 4: brokers refuse it as "
                   "'invalid credentials' (2.6.1 or later can)", name));
    if (version() < 0x020200)
        list[count++] = weir_str_of(weir_arena_text(
            arena, "librdkafka %s stops fetching for a second whenever its queue is full (2.2 "
                   "or later does not): throughput of a long catch-up is lower", name));
    if (version() < 0x020400)
        list[count++] = weir_str_of(weir_arena_text(
            arena, "librdkafka %s has faults that were mended since: repeated records after a "
                   "leader change, a stale fetch offset; weir checks positions itself, and "
                   "2.12 or later is recommended", name));
    *out = list;
    return count;
}
