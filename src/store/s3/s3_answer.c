/* s3/answer: what an S3 server's answer means; pure, and tested case by case.
 *
 * Gives      s3_classify.
 *
 * A conditional PUT is special: once it was sent, only 2xx and "exists" are certain. All
 * else leaves open whether it happened, unless the code says that the server did not try.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "s3.h"

static bool one_of(weir_str code, const char *const *names)
{
    for (; *names; names++)
        if (weir_str_is(code, *names))
            return true;
    return false;
}

static const char *const slow_codes[] = {"SlowDown", "ServiceUnavailable", "Throttling",
                                         "ThrottlingException", "RequestLimitExceeded",
                                         "TooManyRequests", NULL};
static const char *const again_codes[] = {"InternalError", "RequestTimeout",
                                          "RequestTimeoutException", "BadDigest",
                                          "IncompleteBody", "XAmzContentSHA256Mismatch",
                                          "XAmzContentChecksumMismatch", NULL};
static const char *const conflict_codes[] = {"ConditionalRequestConflict",
                                             "OperationAborted", NULL};
static const char *const expired_codes[] = {"ExpiredToken", "ExpiredTokenException",
                                            "TokenRefreshRequired", NULL};
static const char *const exists_codes[] = {"PreconditionFailed", NULL};

static s3_meaning classify_client_fault(s3_verb verb, long status, weir_str code)
{
    if (status == 412 || (status == 304 && verb == S3_PUT_NEW))
        return verb == S3_PUT_NEW ? S3_EXISTS : S3_REFUSED;
    if (one_of(code, exists_codes) && verb == S3_PUT_NEW)
        return S3_EXISTS;
    if (weir_str_is(code, "RequestTimeTooSkewed"))
        return S3_SKEW;
    if (one_of(code, expired_codes))
        return S3_EXPIRED;
    if (status == 404)
        return verb == S3_PUT || verb == S3_PUT_NEW || weir_str_is(code, "NoSuchBucket")
                   ? S3_REFUSED : S3_NOT_FOUND;
    if (status == 409)
        return one_of(code, conflict_codes) ? (verb == S3_PUT_NEW ? S3_UNSURE : S3_AGAIN)
                                            : S3_REFUSED;
    if (status == 429 || one_of(code, slow_codes))
        return S3_SLOW;
    if (status == 408 || one_of(code, again_codes))
        return S3_AGAIN;
    return S3_REFUSED;
}

s3_meaning s3_classify(s3_verb verb, weir_http_end end, long status, weir_str code)
{
    if (end == WEIR_HTTP_NOT_SENT)
        return S3_AGAIN;
    if (end == WEIR_HTTP_LOST)
        return verb == S3_PUT_NEW ? S3_UNSURE : S3_AGAIN;
    if (status >= 200 && status < 300)
        return S3_DONE;
    if (status < 500)
        return classify_client_fault(verb, status, code);
    if (verb == S3_PUT_NEW)
        return S3_UNSURE;
    if (status == 501 && !one_of(code, slow_codes))
        return S3_REFUSED;
    return one_of(code, slow_codes) || status == 503 ? S3_SLOW : S3_AGAIN;
}
