/* What each error of librdkafka means, over every one that the library knows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "kafka/kafka_own.h"

/* As the library names them. All others may pass by themselves. */
static const char *const final[] = {
    "_AUTHENTICATION",
    "SASL_AUTHENTICATION_FAILED",
    "UNSUPPORTED_SASL_MECHANISM",
    "ILLEGAL_SASL_STATE",
    "TOPIC_AUTHORIZATION_FAILED",
    "CLUSTER_AUTHORIZATION_FAILED",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
    "TOPIC_EXCEPTION",
    "MSG_SIZE_TOO_LARGE",
    "UNSUPPORTED_VERSION",
    "POLICY_VIOLATION",
    "INVALID_CONFIG",
    "INVALID_PARTITIONS",
    "INVALID_RECORD",
    "_INVALID_ARG",
    "_UNSUPPORTED_FEATURE",
    "_FATAL",
};
static const char *const missing[] = {"UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC",
                                      "_UNKNOWN_PARTITION"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static void each_error_has_its_meaning(void **state)
{
    (void)state;
    const struct rd_kafka_err_desc *all = NULL;
    size_t                          count = 0, finals = 0, missings = 0, later = 0;
    rd_kafka_get_err_descs(&all, &count);
    for (size_t i = 0; i < count; i++) {
        const char *name = all[i].name; /* NULL: the library leaves a gap */
        if (name == NULL || all[i].code == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        kafka_meaning want = KAFKA_LATER;
        if (is_among(name, final, sizeof final / sizeof final[0]))
            want = KAFKA_FINAL;
        if (is_among(name, missing, sizeof missing / sizeof missing[0]))
            want = KAFKA_MISSING;
        if (kafka_classify(all[i].code) != want)
            fail_msg("%s: %d, not %d", name, kafka_classify(all[i].code), want);
        CHECK_INT(kafka_is_final(all[i].code), want == KAFKA_FINAL);
        finals += want == KAFKA_FINAL;
        missings += want == KAFKA_MISSING;
        later += want == KAFKA_LATER;
    }
    CHECK_U64(finals, sizeof final / sizeof final[0]); /* no name is misspelt */
    CHECK_U64(missings, sizeof missing / sizeof missing[0]);
    CHECK(later > 100);
}

static void each_meaning_has_its_fate(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t code;
        const char         *why;
        weir_code           rc;
        weir_fate           fate;
        const char         *says;
    } cases[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT, "it is gone", WEIR_E_REMOTE, WEIR_FATE_RETRY,
         "reading: it is gone"},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, "", WEIR_E_REMOTE, WEIR_FATE_RETRY,
         "reading: Broker: Not enough in-sync replicas"},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, NULL, WEIR_E_REMOTE, WEIR_FATE_HALT,
         "reading: Broker: Topic authorization failed"},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, "any", WEIR_E_NOTFOUND, WEIR_FATE_HALT,
         "reading: there is no such topic or partition"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        weir_err err;
        weir_err_clear(&err);
        CHECK_FAILS(kafka_failed(&err, cases[i].code, cases[i].why, "reading"), cases[i].rc,
                    &err);
        CHECK_INT(err.fate, cases[i].fate);
        CHECK_SAYS(&err, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_error_has_its_meaning),
        TEST(each_meaning_has_its_fate),
    };
    return RUN_TESTS(tests);
}
