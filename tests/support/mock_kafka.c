/* tests/mock_kafka: librdkafka's own mock cluster, in this process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mock_kafka.h"

#include "check.h"

#if __has_include(<librdkafka/rdkafka_mock.h>)

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "weir/arena.h"

struct mock_kafka {
    rd_kafka_t              *handle;
    rd_kafka_mock_cluster_t *cluster;
};

enum {
    FETCH = 1 /* ApiKey */
};

mock_kafka *mock_kafka_new(void)
{
    char             why[256];
    mock_kafka      *mock = weir_heap_new(1, sizeof *mock);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    CHECK(rd_kafka_conf_set(conf, "log_level", "2", why, sizeof why) == RD_KAFKA_CONF_OK);
    mock->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    CHECK(mock->handle != NULL);
    mock->cluster = rd_kafka_mock_cluster_new(mock->handle, 1);
    CHECK(mock->cluster != NULL);
    return mock;
}

void mock_kafka_free(mock_kafka *mock)
{
    if (!mock)
        return;
    rd_kafka_mock_cluster_destroy(mock->cluster);
    rd_kafka_destroy(mock->handle);
    weir_heap_free(mock);
}

const char *mock_kafka_brokers(const mock_kafka *mock)
{
    return rd_kafka_mock_cluster_bootstraps(mock->cluster);
}

void mock_kafka_topic(mock_kafka *mock, const char *name, int partitions)
{
    rd_kafka_resp_err_t code = rd_kafka_mock_topic_create(mock->cluster, name, partitions, 1);
    CHECK_INT(code, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_kafka_gone(mock_kafka *mock, const char *name)
{
    rd_kafka_mock_topic_set_error(mock->cluster, name, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
}

void mock_kafka_down(mock_kafka *mock, bool down)
{
    rd_kafka_resp_err_t code = down ? rd_kafka_mock_broker_set_down(mock->cluster, 1)
                                    : rd_kafka_mock_broker_set_up(mock->cluster, 1);
    CHECK_INT(code, RD_KAFKA_RESP_ERR_NO_ERROR);
}

void mock_kafka_fetch_out_of_range(mock_kafka *mock, int count)
{
    for (int i = 0; i < count; i++)
        rd_kafka_mock_push_request_errors(mock->cluster, FETCH, 1,
                                          RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE);
}

#else

mock_kafka *mock_kafka_new(void)
{
    return NULL;
}

void mock_kafka_free(mock_kafka *mock)
{
    (void)mock;
}

const char *mock_kafka_brokers(const mock_kafka *mock)
{
    (void)mock;
    return "";
}

void mock_kafka_topic(mock_kafka *mock, const char *name, int partitions)
{
    (void)mock;
    (void)name;
    (void)partitions;
}

void mock_kafka_gone(mock_kafka *mock, const char *name)
{
    (void)mock;
    (void)name;
}

void mock_kafka_down(mock_kafka *mock, bool down)
{
    (void)mock;
    (void)down;
}

void mock_kafka_fetch_out_of_range(mock_kafka *mock, int count)
{
    (void)mock;
    (void)count;
}

#endif
