/* client/kafka/kafka_producer: writes records of one topic, each acknowledged once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

#include <stdio.h>

struct weir_kafka_producer {
    rd_kafka_t         *handle;
    const char         *topic;
    weir_arena         *arena;
    int                 timeout_ms;
    rd_kafka_resp_err_t lost; /* the first that was not delivered since the last flush */
};

/* Runs in our thread, inside polls and flushes. */
static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    weir_kafka_producer *producer = opaque;
    (void)handle;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        producer->lost == RD_KAFKA_RESP_ERR_NO_ERROR)
        producer->lost = message->err;
}

weir_code weir_kafka_producer_open(const weir_kafka_setup *setup, weir_kafka_producer **out,
                                   weir_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = kafka_conf_new(setup, false, err);
    if (!conf)
        return err->code;
    weir_kafka_producer *producer = weir_heap_new(1, sizeof *producer);
    producer->arena = weir_arena_new("kafka producer", 1024);
    producer->topic = weir_str_copy(producer->arena, setup->topic).at;
    producer->timeout_ms = kafka_timeout_ms(setup->timeout_us);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, producer);
    producer->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer->handle) {
        rd_kafka_conf_destroy(conf);
        weir_kafka_producer_close(producer);
        return weir_fail(err, WEIR_E_CONFIG, "librdkafka does not take these settings: %s", why);
    }
    *out = producer;
    return WEIR_OK;
}

static weir_code lost(weir_kafka_producer *producer, weir_err *err)
{
    char what[320];
    if (producer->lost == RD_KAFKA_RESP_ERR_NO_ERROR)
        return WEIR_OK;
    (void)snprintf(what, sizeof what, "writing to topic '%s'", producer->topic);
    return kafka_failed(err, producer->lost, NULL, what);
}

static rd_kafka_headers_t *headers_of(const weir_kafka_message *message)
{
    if (message->headers == 0)
        return NULL;
    rd_kafka_headers_t *made = rd_kafka_headers_new(message->headers);
    for (uint32_t i = 0; i < message->headers; i++) {
        const weir_header *one = &message->header[i];
        (void)rd_kafka_header_add(made, one->name.at, (ssize_t)one->name.len, one->value.at,
                                  (ssize_t)one->value.len); /* fails only when read-only */
    }
    return made;
}

static rd_kafka_resp_err_t send_once(weir_kafka_producer *producer,
                                     const weir_kafka_message *message)
{
    rd_kafka_headers_t *headers = headers_of(message);
    int64_t timestamp_ms = message->timestamp_us == INT64_MIN ? 0 : message->timestamp_us / 1000;
    rd_kafka_resp_err_t code = rd_kafka_producev(
        producer->handle, RD_KAFKA_V_TOPIC(producer->topic),
        RD_KAFKA_V_PARTITION(message->partition < 0 ? RD_KAFKA_PARTITION_UA
                                                    : message->partition),
        RD_KAFKA_V_KEY(message->key.at, message->key.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)message->value.at, message->value.len),
        RD_KAFKA_V_TIMESTAMP(timestamp_ms), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

weir_code weir_kafka_send(weir_kafka_producer *producer, const weir_kafka_message *message,
                          weir_err *err)
{
    char what[320];
    rd_kafka_resp_err_t code = send_once(producer, message);
    for (int waited_ms = 0; code == RD_KAFKA_RESP_ERR__QUEUE_FULL &&
                            waited_ms < producer->timeout_ms; waited_ms += 100) {
        (void)rd_kafka_poll(producer->handle, 100); /* deliveries make room */
        code = send_once(producer, message);
    }
    (void)rd_kafka_poll(producer->handle, 0); /* runs on_delivery */
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return lost(producer, err);
    (void)snprintf(what, sizeof what, "writing to topic '%s'", producer->topic);
    return kafka_failed(err, code, NULL, what);
}

weir_code weir_kafka_flush(weir_kafka_producer *producer, weir_err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_flush(producer->handle, producer->timeout_ms);
    weir_code rc = lost(producer, err);
    producer->lost = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (rc == WEIR_OK && code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rc = kafka_failed(err, code, NULL, "waiting for Kafka to acknowledge records");
    return rc;
}

void weir_kafka_producer_close(weir_kafka_producer *producer)
{
    if (!producer)
        return;
    if (producer->handle) {
        (void)rd_kafka_purge(producer->handle,
                             RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        (void)rd_kafka_flush(producer->handle, 100); /* what was to arrive was flushed before */
        rd_kafka_destroy(producer->handle);
    }
    weir_arena_free(producer->arena);
    weir_heap_free(producer);
}
