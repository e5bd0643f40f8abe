/* client/kafka/kafka_client: a consumer of one topic: opening, questions, commits.
 *
 * Relies on  callbacks of the library running in our thread only, inside our calls.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "weir/limits.h"

enum {
    END_US = 5000000,      /* that the library gets to end its threads */
    ASK_SLICE_US = 1000000 /* of a question, between looks at what went wrong */
};

/* Runs in our thread, from kafka_serve or inside a poll. */
static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    weir_kafka *kafka = opaque;
    char fatal[160];
    rd_kafka_resp_err_t which = (rd_kafka_resp_err_t)code;
    if (which == RD_KAFKA_RESP_ERR__FATAL) {
        (void)rd_kafka_fatal_error(handle, fatal, sizeof fatal); /* only for its text */
        reason = fatal;
    }
    if (which == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        kafka->down = true; /* why was said before, in a word about one broker */
        if (kafka->why[0])
            return;
    }
    bool final = kafka_is_final(which) || strstr(reason, "certificate verify failed");
    if (kafka->why_final && !final)
        return;
    kafka->why_final = final;
    (void)snprintf(kafka->why, sizeof kafka->why, "%s", reason);
}

void kafka_serve(weir_kafka *kafka)
{
    if (kafka->queue) /* what rd_kafka_poll serves is the same queue, and it aborts at a record */
        kafka_fetch(kafka, 0);
    else
        (void)rd_kafka_poll(kafka->handle, 0); /* how many callbacks ran means nothing to us */
}

static weir_code make_handle(weir_kafka *kafka, const weir_kafka_setup *setup, weir_err *err)
{
    char why[256];
    rd_kafka_conf_t *conf = kafka_conf_new(setup, true, err);
    if (!conf)
        return err->code;
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, kafka);
    kafka->handle = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!kafka->handle) {
        rd_kafka_conf_destroy(conf);
        return weir_fail(err, WEIR_E_CONFIG, "librdkafka does not take these settings: %s", why);
    }
    kafka->topic = rd_kafka_topic_new(kafka->handle, kafka->name, NULL);
    if (!kafka->topic)
        return weir_fail(err, WEIR_E_CONFIG, "'%s' cannot be the name of a topic", kafka->name);
    return WEIR_OK;
}

/* The answer to an unanswered question: the reason given in the meantime, if any. */
static weir_code unanswered(weir_kafka *kafka, rd_kafka_resp_err_t code, const char *what,
                            weir_err *err)
{
    kafka_serve(kafka);
    weir_code rc = kafka_failed(err, code, kafka->why, what);
    if (kafka->why_final)
        err->fate = WEIR_FATE_HALT;
    if (rc == WEIR_E_REMOTE)
        (void)weir_err_hint(err, "check the address, 'kafka.security.protocol' and what the "
                                 "listener asks for");
    return rc;
}

/* Asks in slices, so that a refused login is told at once and not after the timeout. */
static rd_kafka_resp_err_t ask(weir_kafka *kafka, int timeout_ms,
                               const struct rd_kafka_metadata **out)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    kafka->why_final = false; /* said again if it still is */
    int64_t until_us = kafka->clock->mono_us(kafka->clock) + timeout_ms * 1000LL;
    for (int64_t left_us = timeout_ms * 1000LL; left_us > 0 && !kafka->why_final;
         left_us = until_us - kafka->clock->mono_us(kafka->clock)) {
        int64_t slice_us = left_us < ASK_SLICE_US ? left_us : ASK_SLICE_US;
        code = rd_kafka_metadata(kafka->handle, 0, kafka->topic, out,
                                 kafka_timeout_ms(slice_us));
        if (code != RD_KAFKA_RESP_ERR__TIMED_OUT && code != RD_KAFKA_RESP_ERR__TRANSPORT)
            break;
        kafka_serve(kafka);
    }
    return code;
}

weir_code kafka_ask_topic(weir_kafka *kafka, int timeout_ms, uint32_t *out_partitions,
                          weir_err *err)
{
    char what[320];
    const struct rd_kafka_metadata *answer = NULL;
    (void)snprintf(what, sizeof what, "asking Kafka for topic '%s'", kafka->name);
    rd_kafka_resp_err_t code = ask(kafka, timeout_ms, &answer);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return unanswered(kafka, code, what, err);
    code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    uint32_t count = 0;
    if (answer->topic_cnt == 1) {
        code = answer->topics[0].err;
        count = (uint32_t)answer->topics[0].partition_cnt;
    }
    if (answer->broker_cnt > 0)
        kafka->broker = answer->brokers[0].id;
    rd_kafka_metadata_destroy(answer);
    kafka->down = false;
    kafka->why[0] = '\0';
    kafka->why_final = false;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return kafka_failed(err, code, NULL, what);
    if (count > WEIR_PARTITIONS_MAX)
        return weir_fail(err, WEIR_E_LIMIT, "topic '%s' has more than %u partitions",
                         kafka->name, WEIR_PARTITIONS_MAX);
    *out_partitions = count;
    return WEIR_OK;
}

static void grow(weir_kafka *kafka, uint32_t count)
{
    if (count <= kafka->partitions)
        return;
    kafka->partition = weir_heap_grow(kafka->partition, kafka->partitions, count,
                                      sizeof *kafka->partition);
    for (; kafka->partitions < count; kafka->partitions++)
        kafka->partition[kafka->partitions] = (kafka_partition){.next = -1};
}

weir_code weir_kafka_partitions(weir_kafka *kafka, uint32_t *out, weir_err *err)
{
    uint32_t count = 0;
    weir_code rc = kafka_ask_topic(kafka, kafka->timeout_ms, &count, err);
    if (rc != WEIR_OK)
        return rc;
    grow(kafka, count);
    *out = count;
    return WEIR_OK;
}

/* Small queues, and no fetch that the broker keeps until something comes. */
static void keep_setup(weir_kafka *kafka, const weir_kafka_setup *setup)
{
    weir_kafka_property *copy =
        WEIR_ARRAY(kafka->arena, weir_kafka_property, setup->properties + 1);
    for (uint32_t i = 0; i < setup->properties; i++) {
        copy[i].name = weir_str_copy(kafka->arena, setup->property[i].name);
        copy[i].value = weir_str_copy(kafka->arena, setup->property[i].value);
    }
    kafka->hasty = *setup;
    kafka->hasty.brokers = weir_str_copy(kafka->arena, setup->brokers);
    kafka->hasty.topic = weir_str_of(kafka->name);
    kafka->hasty.group = weir_str_copy(kafka->arena, setup->group);
    kafka->hasty.property = copy;
    kafka->hasty.queue_bytes = 1;
    kafka->hasty.hasty = true;
}

weir_code weir_kafka_open(const weir_kafka_setup *setup, weir_kafka **out, weir_err *err)
{
    weir_kafka *kafka = weir_heap_new(1, sizeof *kafka);
    uint32_t count = 0;
    kafka->arena = weir_arena_new("kafka", 1024);
    kafka->clock = setup->clock;
    kafka->name = weir_str_copy(kafka->arena, setup->topic).at;
    kafka->timeout_ms = kafka_timeout_ms(setup->timeout_us);
    kafka->headers = setup->headers;
    kafka->batch = weir_heap_new(KAFKA_BATCH, sizeof *kafka->batch);
    kafka->ready_end = &kafka->ready;
    kafka->trouble_in = -1;
    keep_setup(kafka, setup);
    weir_code rc = make_handle(kafka, setup, err);
    if (rc == WEIR_OK)
        rc = weir_kafka_partitions(kafka, &count, err);
    if (rc != WEIR_OK) {
        if (kafka->why_final && kafka_scram_fails(setup))
            (void)weir_err_hint(err, "librdkafka %s cannot log in with SCRAM at Kafka 4; 2.6.1 "
                                "or later can", rd_kafka_version_str());
        weir_kafka_close(kafka);
        return rc;
    }
    /* From here on callbacks run inside polls of the consumer's queue. */
    (void)rd_kafka_poll_set_consumer(kafka->handle); /* fails only for producers */
    kafka->queue = rd_kafka_queue_get_consumer(kafka->handle);
    *out = kafka;
    return WEIR_OK;
}

typedef struct handle_end {
    rd_kafka_t     *handle;
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            over; /* the library has ended */
    bool            left; /* nobody waits any more: the thread frees this */
} handle_end;

static void handle_end_free(handle_end *end)
{
    pthread_cond_destroy(&end->changed);
    pthread_mutex_destroy(&end->lock);
    weir_heap_free(end);
}

static void *destroy_handle(void *self)
{
    handle_end *end = self;
    rd_kafka_destroy(end->handle);
    pthread_mutex_lock(&end->lock);
    end->over = true;
    bool left = end->left;
    pthread_cond_signal(&end->changed);
    pthread_mutex_unlock(&end->lock);
    if (left)
        handle_end_free(end);
    return NULL;
}

/* Waits for the library to end, but not for ever: version 2.0.2 never ends when the topic was
   deleted while it was read. Its threads are then left behind, for the process ends soon. */
static void end_handle(weir_kafka *kafka)
{
    pthread_t   thread;
    handle_end *end = weir_heap_new(1, sizeof *end);
    *end = (handle_end){.handle = kafka->handle};
    pthread_mutex_init(&end->lock, NULL);
    weir_cond_init(&end->changed);
    if (pthread_create(&thread, NULL, destroy_handle, end) != 0) {
        rd_kafka_destroy(kafka->handle);
        handle_end_free(end);
        return;
    }
    int64_t until_us = kafka->clock->mono_us(kafka->clock) + END_US, left_us = END_US;
    pthread_mutex_lock(&end->lock);
    while (!end->over && left_us > 0) {
        weir_cond_wait(&end->changed, &end->lock, left_us);
        left_us = until_us - kafka->clock->mono_us(kafka->clock);
    }
    bool over = end->over;
    end->left = !over;
    pthread_mutex_unlock(&end->lock);
    if (!over) {
        (void)pthread_detach(thread); /* fails only for a thread that is not there */
        return;
    }
    (void)pthread_join(thread, NULL);
    handle_end_free(end);
}

void weir_kafka_close(weir_kafka *kafka)
{
    if (!kafka)
        return;
    weir_kafka_close(kafka->looker);
    kafka_drop_ready(kafka, -1);
    weir_assert(atomic_load(&kafka->blocks) == 0); /* released before: they hold messages */
    if (kafka->queue) {
        (void)rd_kafka_assign(kafka->handle, NULL); /* stops fetchers; nothing to save */
        (void)rd_kafka_consumer_close(kafka->handle); /* sends commits that are under way */
        rd_kafka_queue_destroy(kafka->queue);
    }
    if (kafka->topic)
        rd_kafka_topic_destroy(kafka->topic);
    if (kafka->handle)
        end_handle(kafka);
    weir_heap_free(kafka->batch);
    weir_heap_free(kafka->partition);
    weir_arena_free(kafka->arena);
    weir_heap_free(kafka);
}

weir_code weir_kafka_ends(weir_kafka *kafka, uint32_t partition, int64_t *out_low,
                          int64_t *out_end, weir_err *err)
{
    char what[320];
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        kafka->handle, kafka->name, (int32_t)partition, out_low, out_end, kafka->timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return WEIR_OK;
    (void)snprintf(what, sizeof what, "asking Kafka for the ends of topic '%s' partition %u",
                   kafka->name, partition);
    return unanswered(kafka, code, what, err);
}

weir_code weir_kafka_offset_at(weir_kafka *kafka, uint32_t partition, int64_t time_us,
                               int64_t *out, weir_err *err)
{
    char what[320];
    int64_t low = 0, end = 0;
    weir_code rc = weir_kafka_ends(kafka, partition, &low, &end, err);
    if (rc != WEIR_OK)
        return rc;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *one =
        rd_kafka_topic_partition_list_add(list, kafka->name, (int32_t)partition);
    one->offset = (time_us + (time_us > 0 ? 999 : 0)) / 1000; /* asks by the millisecond */
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(kafka->handle, list,
                                                          kafka->timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = one->err;
    int64_t found = one->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        (void)snprintf(what, sizeof what, "asking Kafka for a time in topic '%s' partition %u",
                       kafka->name, partition);
        return unanswered(kafka, code, what, err);
    }
    *out = found < 0 || found > end ? end : found;
    return WEIR_OK;
}

weir_code weir_kafka_commit(weir_kafka *kafka, const int64_t *offset, uint32_t count,
                            weir_err *err)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (uint32_t i = 0; i < count; i++)
        if (offset[i] >= 0)
            rd_kafka_topic_partition_list_add(list, kafka->name, (int32_t)i)->offset = offset[i];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        code = rd_kafka_commit(kafka->handle, list, 1);
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? WEIR_OK
               : kafka_failed(err, code, NULL, "telling Kafka how far the job is");
}
