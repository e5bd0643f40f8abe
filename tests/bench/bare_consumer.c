/* bench/bare_consumer: the yardstick: a librdkafka consumer that only counts messages.
 *
 *     bare_consumer BROKERS TOPIC [property=value ...]
 *
 * Reads every partition of the topic from its start to the end that it has now, in batches
 * through one queue, touches nothing, and prints one JSON line: messages, bytes, wall and
 * CPU seconds of the whole process, peak memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BATCH 1000
#define TIMEOUT_MS 10000

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bare_consumer: %s: %s\n", what, why);
    exit(1);
}

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die(name, why);
}

static rd_kafka_t *open_consumer(int count, char **argument)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argument[1]);
    set(conf, "group.id", "bare-consumer");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.partition.eof", "true");
    set(conf, "auto.offset.reset", "error");
    for (int i = 3; i < count; i++) {
        char *equals = strchr(argument[i], '=');
        if (equals == NULL)
            die(argument[i], "is not property=value");
        *equals = 0;
        set(conf, argument[i], equals + 1);
    }
    char why[256];
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (consumer == NULL)
        die("consumer", why);
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

static int assign_all(rd_kafka_t *consumer, const char *topic)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, topic, NULL);
    rd_kafka_resp_err_t err = rd_kafka_metadata(consumer, 0, handle, &metadata, TIMEOUT_MS);
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("metadata", rd_kafka_err2str(err));
    int partitions = metadata->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = 0;
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return partitions;
}

int main(int count, char **argument)
{
    if (count < 3)
        die("usage", "bare_consumer BROKERS TOPIC [property=value ...]");
    rd_kafka_t *consumer = open_consumer(count, argument);
    int left = assign_all(consumer, argument[2]);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    rd_kafka_message_t *message[BATCH];
    unsigned long long messages = 0, bytes = 0;
    double start = wall_s();
    while (left > 0) {
        ssize_t got = rd_kafka_consume_batch_queue(queue, 1000, message, BATCH);
        for (ssize_t i = 0; i < got; i++) {
            if (message[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                left--;
            else if (message[i]->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                die("message", rd_kafka_message_errstr(message[i]));
            else {
                messages++;
                bytes += message[i]->len;
            }
            rd_kafka_message_destroy(message[i]);
        }
    }
    double wall = wall_s() - start;
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("{\"program\":\"bare consumer\",\"librdkafka\":\"%s\",\"messages\":%llu,"
           "\"bytes\":%llu,\"wall_s\":%.3f,\"cpu_s\":%.3f,\"rss_mb\":%.1f}\n",
           rd_kafka_version_str(), messages, bytes, wall, cpu,
           (double)usage.ru_maxrss / 1024);
    return 0;
}
