/* tests/s3_answer: every answer that a server has been seen to give, and what it means.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "s3/s3.h"

enum {
    GET = 1 << S3_GET,
    HEAD = 1 << S3_HEAD,
    PUT = 1 << S3_PUT,
    NEW = 1 << S3_PUT_NEW,
    LIST = 1 << S3_LIST,
    DELETE = 1 << S3_DELETE,
    READ = GET | HEAD | LIST,
    ALL = READ | PUT | NEW | DELETE,
    OLD = ALL & ~NEW
};

typedef struct row {
    int           verbs;
    weir_http_end end;
    long          status;
    const char   *code;
    s3_meaning    meaning;
} row;

#define A WEIR_HTTP_ANSWERED
static const row rows[] = {
    /* no answer */
    {ALL, WEIR_HTTP_NOT_SENT, 0, "", S3_AGAIN},
    {OLD, WEIR_HTTP_LOST, 0, "", S3_AGAIN},
    {NEW, WEIR_HTTP_LOST, 0, "", S3_UNSURE},
    {OLD, WEIR_HTTP_TOO_BIG, 200, "", S3_TOO_BIG},
    {NEW, WEIR_HTTP_TOO_BIG, 200, "", S3_UNSURE},
    /* good */
    {ALL, A, 200, "", S3_DONE},
    {GET, A, 206, "", S3_DONE},
    {DELETE, A, 204, "", S3_DONE},
    /* 200 that carries an error after all */
    {PUT, A, 200, "InternalError", S3_AGAIN},
    {NEW, A, 200, "InternalError", S3_UNSURE},
    {NEW, A, 200, "SlowDown", S3_UNSURE},
    /* exists: AWS and most; a MinIO of 2024 */
    {NEW, A, 412, "PreconditionFailed", S3_EXISTS},
    {NEW, A, 412, "", S3_EXISTS},
    {NEW, A, 304, "", S3_EXISTS},
    {OLD, A, 412, "PreconditionFailed", S3_REFUSED},
    {OLD, A, 304, "", S3_REFUSED},
    /* not there */
    {GET | HEAD, A, 404, "NoSuchKey", S3_NOT_FOUND},
    {GET | HEAD, A, 404, "", S3_NOT_FOUND},
    {DELETE, A, 404, "NoSuchKey", S3_DONE},
    {ALL, A, 404, "NoSuchBucket", S3_REFUSED},
    {PUT | NEW | LIST, A, 404, "NoSuchKey", S3_REFUSED},
    /* 409: two requests met; the loser of a race; another's folder */
    {NEW, A, 409, "ConditionalRequestConflict", S3_UNSURE},
    {NEW, A, 409, "OperationAborted", S3_UNSURE},
    {PUT | DELETE, A, 409, "OperationAborted", S3_AGAIN},
    {NEW, A, 409, "", S3_TAKEN},
    {NEW, A, 409, "Conflict", S3_TAKEN},
    {PUT, A, 409, "Conflict", S3_REFUSED},
    {PUT | NEW, A, 409, "ObjectParentIsFile", S3_REFUSED},
    {PUT | NEW, A, 409, "ExistingObjectIsDirectory", S3_REFUSED},
    /* ranges */
    {GET, A, 416, "InvalidRange", S3_RANGE},
    /* our clock, our keys */
    {ALL, A, 403, "RequestTimeTooSkewed", S3_SKEW},
    {ALL, A, 403, "SignatureDoesNotMatch", S3_SKEW},
    {HEAD, A, 403, "", S3_SKEW}, /* no body: its date may say */
    {ALL, A, 400, "ExpiredToken", S3_EXPIRED},
    {ALL, A, 403, "ExpiredToken", S3_EXPIRED},
    {ALL, A, 400, "TokenRefreshRequired", S3_EXPIRED},
    /* for ever */
    {ALL, A, 403, "AccessDenied", S3_REFUSED},
    {ALL, A, 403, "InvalidAccessKeyId", S3_REFUSED},
    {ALL & ~HEAD, A, 403, "", S3_REFUSED},
    {ALL, A, 401, "", S3_REFUSED},
    {ALL, A, 400, "InvalidArgument", S3_REFUSED},
    {ALL, A, 400, "KeyTooLongError", S3_REFUSED},
    {ALL, A, 301, "PermanentRedirect", S3_REFUSED},
    {ALL, A, 307, "TemporaryRedirect", S3_REFUSED},
    {ALL, A, 405, "MethodNotAllowed", S3_REFUSED},
    {ALL, A, 501, "NotImplemented", S3_REFUSED},
    {ALL, A, 505, "", S3_REFUSED},
    /* once more: the server says that it did not do it */
    {ALL, A, 400, "RequestTimeout", S3_AGAIN},
    {ALL, A, 400, "BadDigest", S3_AGAIN},
    {ALL, A, 400, "IncompleteBody", S3_AGAIN},
    {ALL, A, 400, "XAmzContentSHA256Mismatch", S3_AGAIN},
    {ALL, A, 400, "SlowDown", S3_AGAIN},
    {ALL, A, 408, "", S3_AGAIN},
    {ALL, A, 429, "TooManyRequests", S3_AGAIN},
    /* once more, but who knows */
    {OLD, A, 500, "InternalError", S3_AGAIN},
    {NEW, A, 500, "InternalError", S3_UNSURE},
    {OLD, A, 502, "", S3_AGAIN},
    {NEW, A, 502, "", S3_UNSURE},
    {OLD, A, 503, "SlowDown", S3_AGAIN},
    {NEW, A, 503, "SlowDown", S3_UNSURE},
    {OLD, A, 504, "", S3_AGAIN},
    {NEW, A, 504, "", S3_UNSURE},
    {OLD, A, 599, "", S3_AGAIN},
    {NEW, A, 599, "", S3_UNSURE},
    /* what no server should send */
    {OLD, A, 100, "", S3_AGAIN},
    {NEW, A, 100, "", S3_UNSURE},
    {OLD, A, 0, "", S3_AGAIN},
    {NEW, A, 0, "", S3_UNSURE},
};

static void each_answer_has_its_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int verb = S3_GET; verb <= S3_DELETE; verb++) {
            if ((rows[i].verbs & (1 << verb)) == 0)
                continue;
            s3_answer answer = {(s3_verb)verb, rows[i].end, rows[i].status,
                                weir_str_of(rows[i].code)};
            if (s3_classify(&answer) != rows[i].meaning)
                fail_msg("verb %d, end %d, %ld %s: %d, not %d", verb, rows[i].end,
                         rows[i].status, rows[i].code, s3_classify(&answer),
                         rows[i].meaning);
        }
    }
}

/* No rule of the table is without a case above, and none is hidden by those before it. */
static void each_rule_decides_a_case(void **state)
{
    (void)state;
    bool used[64] = {false};
    CHECK(s3_rules() <= 64);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int verb = S3_GET; rows[i].end == A && verb <= S3_DELETE; verb++) {
            s3_answer answer = {(s3_verb)verb, A, rows[i].status,
                                weir_str_of(rows[i].code)};
            if ((rows[i].verbs & (1 << verb)) != 0)
                used[s3_rule_of(&answer)] = true;
        }
    }
    for (size_t rule = 0; rule < s3_rules(); rule++) {
        if (!used[rule])
            fail_msg("rule %zu decides nothing", rule);
    }
}

/* Every code that the rules name, with a status that it comes with. */
static const struct {
    const char *codes[12];
    s3_meaning  of_new, of_old;
    long        status;
} groups[] = {
    {{"SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "Throttling",
      "ThrottlingException", "RequestLimitExceeded", "TooManyRequests"},
     S3_AGAIN,
     S3_AGAIN,
     400},
    {{"InternalError", "RequestTimeout", "RequestTimeoutException", "BadDigest",
      "IncompleteBody", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"},
     S3_AGAIN,
     S3_AGAIN,
     403},
    {{"ConditionalRequestConflict", "OperationAborted"}, S3_UNSURE, S3_AGAIN, 409},
    {{"ObjectParentIsFile", "ExistingObjectIsDirectory", "XMinioParentIsObject"},
     S3_REFUSED,
     S3_REFUSED,
     409},
    {{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"},
     S3_EXPIRED,
     S3_EXPIRED,
     403},
    {{"RequestTimeTooSkewed", "RequestExpired", "SignatureDoesNotMatch"},
     S3_SKEW,
     S3_SKEW,
     403},
    {{"NoSuchBucket"}, S3_REFUSED, S3_REFUSED, 404},
};

static void check_code_of(size_t group, const char *code)
{
    for (int verb = S3_GET; verb <= S3_DELETE; verb++) {
        s3_answer  answer = {(s3_verb)verb, A, groups[group].status, weir_str_of(code)};
        s3_meaning want = verb == S3_PUT_NEW ? groups[group].of_new : groups[group].of_old;
        if (s3_classify(&answer) != want)
            fail_msg("verb %d, %s: %d, not %d", verb, code, s3_classify(&answer), want);
    }
}

static void each_code_has_its_meaning(void **state)
{
    (void)state;
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        for (size_t c = 0; groups[g].codes[c] != NULL; c++)
            check_code_of(g, groups[g].codes[c]);
    }
}

/* Whatever comes, a conditional PUT is believed to have happened or not only on these. */
static void only_certain_answers_end_a_conditional_put(void **state)
{
    (void)state;
    for (long status = 0; status < 700; status++) {
        s3_answer  answer = {S3_PUT_NEW, WEIR_HTTP_ANSWERED, status, {"", 0}};
        s3_meaning meaning = s3_classify(&answer);
        bool       done = status >= 200 && status < 300;
        bool       exists = status == 412 || status == 304;
        CHECK_INT(meaning == S3_DONE, done);
        CHECK_INT(meaning == S3_EXISTS, exists);
        if (status >= 500 && status != 501 && status != 505)
            CHECK_INT(meaning, S3_UNSURE);
        CHECK(meaning != S3_NOT_FOUND);
    }
}

static void fewer_requests_are_wanted_when_it_is_said(void **state)
{
    (void)state;
    const struct {
        weir_http_end end;
        long          status;
        const char   *code;
        bool          slow;
    } cases[] = {{A, 503, "", true},
                 {A, 429, "", true},
                 {A, 400, "SlowDown", true},
                 {A, 500, "SlowDownWrite", true},
                 {A, 500, "InternalError", false},
                 {A, 200, "", false},
                 {WEIR_HTTP_LOST, 503, "", false},
                 {A, 404, "NoSuchKey", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        s3_answer answer = {S3_PUT, cases[i].end, cases[i].status,
                            weir_str_of(cases[i].code)};
        CHECK_INT(s3_is_slow(&answer), cases[i].slow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer_has_its_meaning),
        TEST(each_rule_decides_a_case),
        TEST(each_code_has_its_meaning),
        TEST(only_certain_answers_end_a_conditional_put),
        TEST(fewer_requests_are_wanted_when_it_is_said),
    };
    return RUN_TESTS(tests);
}
