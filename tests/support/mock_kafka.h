/* tests/mock_kafka: librdkafka's own mock cluster, in this process.
 *
 * Keeps some 5 MB a partition, makes no transactions. NULL where the build has no librdkafka.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_MOCK_KAFKA_H
#define TESTS_MOCK_KAFKA_H

#include <stdbool.h>

typedef struct mock_kafka mock_kafka;

mock_kafka *mock_kafka_new(void); /* one broker */
void        mock_kafka_free(mock_kafka *mock);
const char *mock_kafka_brokers(const mock_kafka *mock);
void        mock_kafka_topic(mock_kafka *mock, const char *name, int partitions);
/* Questions about the topic are answered with "there is none". */
void        mock_kafka_gone(mock_kafka *mock, const char *name);
void        mock_kafka_down(mock_kafka *mock, bool down);
/* The next `count` answers to fetches are "offset out of range". */
void mock_kafka_fetch_out_of_range(mock_kafka *mock, int count);

#endif
