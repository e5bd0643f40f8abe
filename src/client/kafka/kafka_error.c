/* client/kafka/kafka_error: what an error of the library means for a job.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kafka_own.h"

/* Trying again will not help: somebody has to change something first. */
bool kafka_is_final(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return true;
    default:
        return false;
    }
}

static bool is_missing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

weir_code kafka_failed(weir_err *err, rd_kafka_resp_err_t code, const char *why,
                       const char *what)
{
    const char *text = why && why[0] ? why : rd_kafka_err2str(code);
    weir_assert(code != RD_KAFKA_RESP_ERR_NO_ERROR);
    if (is_missing(code))
        return weir_fail(err, WEIR_E_NOTFOUND, "%s: there is no such topic or partition", what);
    if (kafka_is_final(code))
        return weir_fail(err, WEIR_E_REMOTE, "%s: %s", what, text);
    return weir_retry(err, WEIR_E_REMOTE, "%s: %s", what, text);
}
