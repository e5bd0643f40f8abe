/* client/kafka/kafka_error: what an error of the library means for a job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

typedef struct error_row {
    rd_kafka_resp_err_t code;
    kafka_meaning       meaning;
} error_row;

/* All others pass by themselves: a broker that is away, a leader that moves, a full queue. */
static const error_row rows[] = {
    /* who we are, and what we may */
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KAFKA_FINAL},
    /* what we ask for */
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, KAFKA_FINAL},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, KAFKA_FINAL},
    /* the client has given up */
    {RD_KAFKA_RESP_ERR__FATAL, KAFKA_FINAL},
    /* not there */
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, KAFKA_MISSING},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, KAFKA_MISSING},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, KAFKA_MISSING},
};

kafka_meaning kafka_classify(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].code == code)
            return rows[i].meaning;
    }
    return KAFKA_LATER;
}

bool kafka_is_final(rd_kafka_resp_err_t code)
{
    return kafka_classify(code) == KAFKA_FINAL;
}

weir_code kafka_failed(weir_err *err, rd_kafka_resp_err_t code, const char *why,
                       const char *what)
{
    const char *text = why && why[0] ? why : rd_kafka_err2str(code);
    weir_assert(code != RD_KAFKA_RESP_ERR_NO_ERROR);
    kafka_meaning meaning = kafka_classify(code);
    if (meaning == KAFKA_MISSING)
        return weir_fail(err, WEIR_E_NOTFOUND, "%s: there is no such topic or partition", what);
    if (meaning == KAFKA_FINAL)
        return weir_fail(err, WEIR_E_REMOTE, "%s: %s", what, text);
    return weir_retry(err, WEIR_E_REMOTE, "%s: %s", what, text);
}
