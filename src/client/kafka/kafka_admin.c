/* client/kafka/kafka_admin: questions and orders that go to the cluster's administration.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

#include <stdio.h>
#include <string.h>

/* An order under way: the queue that its answer comes to. */
typedef struct asking {
    rd_kafka_t              *handle;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t        *queue;
    rd_kafka_event_t        *answer;
} asking;

static void start(asking *to, rd_kafka_t *handle, rd_kafka_admin_op_t what, int timeout_ms)
{
    char why[128];
    *to = (asking){.handle = handle};
    to->options = rd_kafka_AdminOptions_new(handle, what);
    /* Only a value out of bounds is refused: then the library's default stands. */
    (void)rd_kafka_AdminOptions_set_request_timeout(to->options, timeout_ms, why, sizeof why);
    to->queue = rd_kafka_queue_new(handle);
}

static void done(asking *to)
{
    if (to->answer)
        rd_kafka_event_destroy(to->answer);
    rd_kafka_queue_destroy(to->queue);
    rd_kafka_AdminOptions_destroy(to->options);
}

static rd_kafka_resp_err_t wait_for(asking *to, int timeout_ms)
{
    to->answer = rd_kafka_queue_poll(to->queue, timeout_ms + 1000);
    return to->answer ? rd_kafka_event_error(to->answer) : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

static bool has_compact(const rd_kafka_event_t *answer, bool *out_known)
{
    size_t count = 0, entries = 0;
    const rd_kafka_DescribeConfigs_result_t *result =
        rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)answer);
    rd_kafka_ConfigResource_t **resource =
        (rd_kafka_ConfigResource_t **)rd_kafka_DescribeConfigs_result_resources(result, &count);
    if (count != 1 || rd_kafka_ConfigResource_error(resource[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    const rd_kafka_ConfigEntry_t **entry =
        rd_kafka_ConfigResource_configs(resource[0], &entries);
    for (size_t i = 0; i < entries; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entry[i]);
        if (strcmp(rd_kafka_ConfigEntry_name(entry[i]), "cleanup.policy") != 0 || !value)
            continue;
        *out_known = true;
        return strstr(value, "compact") != NULL;
    }
    return false;
}

weir_code weir_kafka_compacted(weir_kafka *kafka, bool *out, bool *out_known, weir_err *err)
{
    asking to;
    char why[128];
    rd_kafka_ConfigResource_t *topic =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, kafka->name);
    *out = *out_known = false;
    start(&to, kafka->handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, kafka->timeout_ms);
    /* Any broker knows; without this the library waits until it has met the controller. */
    (void)rd_kafka_AdminOptions_set_broker(to.options, kafka->broker, why, sizeof why);
    rd_kafka_DescribeConfigs(kafka->handle, &topic, 1, to.options, to.queue);
    rd_kafka_resp_err_t code = wait_for(&to, kafka->timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        *out = has_compact(to.answer, out_known);
    done(&to);
    rd_kafka_ConfigResource_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || kafka_is_final(code))
        return WEIR_OK; /* no right to ask, or a server that cannot tell: not known */
    return kafka_failed(err, code, NULL, "asking Kafka for the topic's settings");
}

/* Gives the new topic its "name=value,…". */
static weir_code give_config(rd_kafka_NewTopic_t *topic, weir_str config, weir_err *err)
{
    char pair[256];
    while (config.len > 0) {
        const char *comma = memchr(config.at, ',', config.len);
        size_t len = comma ? (size_t)(comma - config.at) : config.len;
        if (len >= sizeof pair)
            return weir_fail(err, WEIR_E_CONFIG, "a topic's setting is too long");
        memcpy(pair, config.at, len);
        pair[len] = '\0';
        char *value = strchr(pair, '=');
        if (!value)
            return weir_fail(err, WEIR_E_CONFIG, "'%s' is not name=value", pair);
        *value++ = '\0';
        if (rd_kafka_NewTopic_set_config(topic, pair, value) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return weir_fail(err, WEIR_E_CONFIG, "'%s' cannot be set", pair);
        config.at += len + (comma != NULL);
        config.len -= len + (comma != NULL);
    }
    return WEIR_OK;
}

static rd_kafka_resp_err_t created(const asking *to)
{
    size_t count = 0;
    const rd_kafka_topic_result_t **result = rd_kafka_CreateTopics_result_topics(
        rd_kafka_event_CreateTopics_result(to->answer), &count);
    return count == 1 ? rd_kafka_topic_result_error(result[0]) : RD_KAFKA_RESP_ERR__FAIL;
}

static weir_code create(rd_kafka_t *handle, rd_kafka_NewTopic_t *topic, int timeout_ms,
                        weir_err *err)
{
    asking to;
    start(&to, handle, RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    rd_kafka_CreateTopics(handle, &topic, 1, to.options, to.queue);
    rd_kafka_resp_err_t code = wait_for(&to, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = created(&to);
    done(&to);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return WEIR_OK;
    return kafka_failed(err, code, NULL, "creating the topic");
}

weir_code weir_kafka_create(const weir_kafka_setup *setup, uint32_t partitions,
                            weir_str config, weir_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = kafka_conf_new(setup, false, err);
    if (!conf)
        return err->code;
    rd_kafka_t *handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!handle) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_E_CONFIG, "librdkafka does not take these settings: %s", why);
    }
    weir_arena *scratch = weir_arena_new("kafka topic", 1024);
    const char *name = weir_str_copy(scratch, setup->topic).at;
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, (int)partitions, -1, why,
                                                       sizeof why);
    weir_code rc = topic ? give_config(topic, config, err)
                         : weir_fail(err, WEIR_E_CONFIG, "topic '%s': %s", name, why);
    if (rc == WEIR_OK)
        rc = create(handle, topic, kafka_timeout_ms(setup->timeout_us), err);
    if (topic)
        rd_kafka_NewTopic_destroy(topic);
    rd_kafka_destroy(handle);
    weir_arena_free(scratch);
    return rc;
}
