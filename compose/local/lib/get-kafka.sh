# shellcheck shell=bash
# get-kafka.sh: Apache Kafka's jars through Maven, and a Java that runs them. Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

kafka_proof() { printf 'libs/kafka-clients-%s.jar\n' "$kafka_version"; }

get_kafka() {
    cache_has kafka "$kafka_version" "$(kafka_proof)" || have mvn || apt_need maven
    java_is_new_enough || apt_need "$(apt_pick openjdk-17-jre-headless default-jre-headless)"
    cache_fill kafka "$kafka_version" "$(kafka_proof)" fetch_kafka
}

java_is_new_enough() {
    local major
    major=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
    ((${major:-0} >= 17))
}

fetch_kafka() {
    cp "$here/pins/kafka/pom.xml" "$1/pom.xml"
    mvn -q -B -f "$1/pom.xml" dependency:copy-dependencies -Dkafka.version="$kafka_version" \
        -DoutputDirectory="$1/libs" -DincludeScope=runtime
    rm -f "$1"/libs/slf4j-reload4j-*.jar # 3.9 brings a second binding
}
