# shellcheck shell=bash
# kafka.sh: one Apache Kafka broker that is its own controller (KRaft). Sourced, not run.
# SPDX-License-Identifier: Apache-2.0

# Fixed: formatting again with another id would be refused.
kafka_cluster_id=5L6g3nShT-eMCtK--X86sw

kafka_installed() { cache_has kafka "$kafka_version" "$(kafka_proof)" && have kcat && java_is_new_enough; }

kafka_java() { java "${kafka_jvm[@]}" -cp "$(cache_path kafka "$kafka_version")/libs/*" "$@"; }
kafka_jvm=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)

kafka_init() {
    local users=()
    kafka_write_properties
    if [[ $stack_tls == yes ]]; then
        users=(--add-scram "SCRAM-SHA-512=[name=weir,password=$stack_password]"
            --add-scram "SCRAM-SHA-256=[name=weir,password=$stack_password]")
    fi
    kafka_java kafka.tools.StorageTool format -t "$kafka_cluster_id" -c "$data/kafka/server.properties" "${users[@]}"
}

kafka_start() {
    local heap=${WEIR_KAFKA_HEAP:-256m} options=()
    read -ra options <<<"${WEIR_KAFKA_JVM:-${kafka_jvm[*]}}"
    kafka_write_properties
    process_start kafka java -Xms64m "-Xmx$heap" "${options[@]}" \
        -cp "$(cache_path kafka "$kafka_version")/libs/*" kafka.Kafka "$data/kafka/server.properties"
}

kafka_ready() { timeout 30 kcat -b "127.0.0.1:$(port_of kafka)" -L -m 10; }

kafka_write_properties() {
    local plain controller
    plain=127.0.0.1:$(port_of kafka) controller=127.0.0.1:$(port_of kafka_controller)
    {
        cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$data/kafka/data
num.partitions=4
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.threads=1
log.retention.ms=-1
broker.session.timeout.ms=${WEIR_KAFKA_SESSION_MS:-9000}
broker.heartbeat.interval.ms=$((${WEIR_KAFKA_SESSION_MS:-9000} / 5))
PROPERTIES
        kafka_listeners "$plain" "$controller"
    } >"$data/kafka/server.properties"
    chmod 600 "$data/kafka/server.properties"
}

# WEIR_KAFKA_PROXIED=PORT: one more listener, which says that the broker is reached at that port of
# this machine, where a test has a proxy.
kafka_listeners() { # PLAIN CONTROLLER
    local secure='' proxied='' behind=''
    if [[ $stack_tls == yes ]]; then
        secure=,SASL_SSL://127.0.0.1:$(port_of kafka_sasl_ssl),SSL://127.0.0.1:$(port_of kafka_ssl)
        secure+=,SASL_PLAINTEXT://127.0.0.1:$(port_of kafka_sasl_plaintext)
        kafka_tls_properties
    fi
    if [[ -n ${WEIR_KAFKA_PROXIED:-} ]]; then
        behind=,PROXIED://127.0.0.1:$(port_of kafka_proxied) proxied=,PROXIED://127.0.0.1:$WEIR_KAFKA_PROXIED
    fi
    cat <<PROPERTIES
listeners=PLAINTEXT://$1,CONTROLLER://$2$secure$behind
advertised.listeners=PLAINTEXT://$1$secure$proxied
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
PROPERTIES
}

kafka_tls_properties() {
    local listener mechanism module=org.apache.kafka.common.security
    cat <<PROPERTIES
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
ssl.keystore.type=PEM
ssl.keystore.location=$data/tls/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$data/tls/ca.crt
listener.name.ssl.ssl.client.auth=required
PROPERTIES
    for listener in sasl_ssl sasl_plaintext; do
        for mechanism in scram-sha-256 scram-sha-512; do
            echo "listener.name.$listener.$mechanism.sasl.jaas.config=$module.scram.ScramLoginModule required;"
        done
        echo "listener.name.$listener.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_weir=\"$stack_password\";"
    done
}

kafka_env() {
    stack_export KAFKA_BROKERS "127.0.0.1:$(port_of kafka)"
    stack_export KAFKA_VERSION "$kafka_version"
    stack_export KAFKA_PROXIED_BROKERS "127.0.0.1:$(port_of kafka_proxied)"
    [[ $stack_tls == yes ]] || return 0
    stack_export KAFKA_SASL_SSL_BROKERS "127.0.0.1:$(port_of kafka_sasl_ssl)"
    stack_export KAFKA_SSL_BROKERS "127.0.0.1:$(port_of kafka_ssl)"
    stack_export KAFKA_SASL_PLAINTEXT_BROKERS "127.0.0.1:$(port_of kafka_sasl_plaintext)"
    stack_export KAFKA_SASL_USERNAME weir
    stack_export KAFKA_SASL_PASSWORD "$stack_password"
}

# kafka_topic NAME[:PARTITIONS[:KEY=VALUE,...]]
kafka_topic() {
    local name partitions config word arguments=()
    IFS=: read -r name partitions config <<<"$1"
    for word in ${config//,/ }; do arguments+=(--config "$word"); done
    kafka_java org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$(port_of kafka)" \
        --create --if-not-exists --topic "$name" --partitions "${partitions:-4}" \
        --replication-factor 1 "${arguments[@]}" >&2
}
