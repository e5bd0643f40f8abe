/* s3/answer: what an S3 server's answer means; pure, and tested case by case.
 *
 * Gives      s3_classify, s3_is_slow.
 *
 * A conditional PUT is special: once it was sent, only 2xx, "exists" and a refusal are
 * certain. All else leaves open whether it happened. A refusal is certain because servers
 * check who asks, and what for, before they act.
 *
 * 409 is special too. AWS and others say it when two requests met, and mean "try again".
 * One server says it to the loser of a race. Others say it when the key is another's folder,
 * for ever. Unknown codes are therefore decided by looking at the key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3.h"

static bool one_of(weir_str code, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (weir_str_is(code, *names))
            return true;
    }
    return false;
}

static const char *const slow_codes[] = {
    "SlowDown",   "SlowDownRead",        "SlowDownWrite",        "ServiceUnavailable",
    "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests",
    NULL};
static const char *const again_codes[] = {"InternalError",
                                          "RequestTimeout",
                                          "RequestTimeoutException",
                                          "BadDigest",
                                          "IncompleteBody",
                                          "XAmzContentSHA256Mismatch",
                                          "XAmzContentChecksumMismatch",
                                          NULL};
static const char *const met_codes[] = {"ConditionalRequestConflict", "OperationAborted",
                                        NULL};
static const char *const folder_codes[] = {
    "ObjectParentIsFile", "ExistingObjectIsDirectory", "XMinioParentIsObject", NULL};
static const char *const expired_codes[] = {"ExpiredToken", "ExpiredTokenException",
                                            "TokenRefreshRequired", NULL};
static const char *const skew_codes[] = {"RequestTimeTooSkewed", "RequestExpired",
                                         "SignatureDoesNotMatch", NULL};

static s3_meaning classify_conflict(const s3_answer *answer)
{
    bool is_new = answer->verb == S3_PUT_NEW;
    if (one_of(answer->code, met_codes))
        return is_new ? S3_UNSURE : S3_AGAIN;
    if (one_of(answer->code, folder_codes) || !is_new)
        return S3_REFUSED;
    return S3_TAKEN;
}

static s3_meaning classify_missing(const s3_answer *answer)
{
    if (weir_str_is(answer->code, "NoSuchBucket"))
        return S3_REFUSED;
    if (answer->verb == S3_GET || answer->verb == S3_HEAD)
        return S3_NOT_FOUND;
    if (answer->verb == S3_DELETE)
        return S3_DONE; /* it is not there: what was wanted */
    return S3_REFUSED;
}

/* 3xx and 4xx: the server did not do it, and mostly says why. */
static s3_meaning classify_refusal(const s3_answer *answer)
{
    bool is_new = answer->verb == S3_PUT_NEW;
    if (is_new && (answer->status == 412 || answer->status == 304))
        return S3_EXISTS;
    if (one_of(answer->code, expired_codes))
        return S3_EXPIRED;
    if (one_of(answer->code, skew_codes))
        return S3_SKEW;
    switch (answer->status) {
    case 404:
        return classify_missing(answer);
    case 409:
        return classify_conflict(answer);
    case 416:
        return S3_RANGE;
    case 408:
    case 429:
        return S3_AGAIN;
    default:
        return one_of(answer->code, slow_codes) || one_of(answer->code, again_codes)
                   ? S3_AGAIN
                   : S3_REFUSED;
    }
}

s3_meaning s3_classify(const s3_answer *answer)
{
    bool is_new = answer->verb == S3_PUT_NEW;
    weir_assert(answer->end <= WEIR_HTTP_TOO_BIG);
    if (answer->end == WEIR_HTTP_NOT_SENT)
        return S3_AGAIN;
    if (answer->end == WEIR_HTTP_LOST)
        return is_new ? S3_UNSURE : S3_AGAIN;
    if (answer->end == WEIR_HTTP_TOO_BIG)
        return is_new ? S3_UNSURE : S3_TOO_BIG;
    weir_assert(answer->end == WEIR_HTTP_ANSWERED);
    if (answer->status >= 200 && answer->status < 300 && answer->code.len == 0)
        return S3_DONE;
    if (answer->status >= 300 && answer->status < 500)
        return classify_refusal(answer);
    if (answer->status == 501 || answer->status == 505)
        return S3_REFUSED;
    return is_new ? S3_UNSURE : S3_AGAIN; /* 5xx, and 2xx with an <Error> */
}

bool s3_is_slow(const s3_answer *answer)
{
    return answer->end == WEIR_HTTP_ANSWERED &&
           (answer->status == 503 || answer->status == 429 ||
            one_of(answer->code, slow_codes));
}
