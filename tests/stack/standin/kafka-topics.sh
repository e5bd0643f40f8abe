#!/bin/bash
# kafka-topics.sh: Kafka's own tool, started as its distribution does.
# SPDX-License-Identifier: Apache-2.0
exec java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*' org.apache.kafka.tools.TopicCommand "$@"
