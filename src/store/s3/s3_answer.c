/* s3/answer: what an S3 server's answer means; pure, and tested case by case.
 *
 * Gives      s3_classify, s3_rules, s3_rule_of, s3_is_slow.
 *
 * A conditional PUT is special: once it was sent, only 2xx, "exists" and a refusal are
 * certain. All else leaves open whether it happened. A refusal is certain because servers
 * check who asks, and what for, before they act.
 *
 * 409 is special too. AWS and others say it when two requests met, and mean "try again".
 * One server says it to the loser of a race. Others say it when the key is another's folder,
 * for ever. Unknown codes are therefore decided by looking at the key.
 *
 * 404 is an answer for those who ask whether it is there, and for DELETE what was wanted; for
 * the others the bucket is not there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>

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

static const char *const bucket_codes[] = {"NoSuchBucket", NULL};
static const char *const no_code[] = {"", NULL};

enum {
    GET = 1 << S3_GET,
    HEAD = 1 << S3_HEAD,
    NEW = 1 << S3_PUT_NEW,
    DELETE = 1 << S3_DELETE,
    ALL = GET | HEAD | NEW | DELETE | 1 << S3_PUT | 1 << S3_LIST,
    OLD = ALL & ~NEW
};

typedef struct answer_rule {
    int                verbs;
    long               first, last; /* status */
    const char *const *codes;       /* NULL: any */
    s3_meaning         meaning;
} answer_rule;

/* The first that fits decides. 3xx and 4xx: the server did not do it, and mostly says why. */
static const answer_rule rules[] = {
    {ALL, 200, 299, no_code, S3_DONE},
    {NEW, 304, 304, NULL, S3_EXISTS},
    {NEW, 412, 412, NULL, S3_EXISTS},
    {ALL, 300, 499, expired_codes, S3_EXPIRED},
    {ALL, 300, 499, skew_codes, S3_SKEW},
    {HEAD, 403, 403, no_code, S3_SKEW}, /* it has no body that could say why */
    {ALL, 404, 404, bucket_codes, S3_REFUSED},
    {GET | HEAD, 404, 404, NULL, S3_NOT_FOUND},
    {DELETE, 404, 404, NULL, S3_DONE},
    {ALL, 404, 404, NULL, S3_REFUSED},
    {NEW, 409, 409, met_codes, S3_UNSURE},
    {OLD, 409, 409, met_codes, S3_AGAIN},
    {NEW, 409, 409, folder_codes, S3_REFUSED},
    {NEW, 409, 409, NULL, S3_TAKEN},
    {OLD, 409, 409, NULL, S3_REFUSED},
    {ALL, 416, 416, NULL, S3_RANGE},
    {ALL, 408, 408, NULL, S3_AGAIN},
    {ALL, 429, 429, NULL, S3_AGAIN},
    {ALL, 300, 499, slow_codes, S3_AGAIN},
    {ALL, 300, 499, again_codes, S3_AGAIN},
    {ALL, 300, 499, NULL, S3_REFUSED},
    {ALL, 501, 501, NULL, S3_REFUSED},          /* not implemented */
    {ALL, 505, 505, NULL, S3_REFUSED},          /* this version of HTTP */
    {NEW, LONG_MIN, LONG_MAX, NULL, S3_UNSURE}, /* 5xx, and 2xx with an <Error> */
    {OLD, LONG_MIN, LONG_MAX, NULL, S3_AGAIN},
};

/* Without a whole answer: of a conditional PUT, and of the others. */
static const struct {
    s3_meaning of_new, of_old;
} unanswered[] = {
    [WEIR_HTTP_NOT_SENT] = {S3_AGAIN, S3_AGAIN},
    [WEIR_HTTP_LOST] = {S3_UNSURE, S3_AGAIN},
    [WEIR_HTTP_TOO_BIG] = {S3_UNSURE, S3_TOO_BIG},
};

static bool fits(const answer_rule *rule, const s3_answer *answer)
{
    return (rule->verbs & (1 << answer->verb)) != 0 && answer->status >= rule->first &&
           answer->status <= rule->last &&
           (rule->codes == NULL || one_of(answer->code, rule->codes));
}

size_t s3_rules(void)
{
    return sizeof rules / sizeof rules[0];
}

size_t s3_rule_of(const s3_answer *answer)
{
    size_t i = 0;
    weir_assert(answer->end == WEIR_HTTP_ANSWERED);
    while (!fits(&rules[i], answer)) /* the last two take everything */
        i++;
    return i;
}

s3_meaning s3_classify(const s3_answer *answer)
{
    weir_assert(answer->end <= WEIR_HTTP_TOO_BIG);
    if (answer->end == WEIR_HTTP_ANSWERED)
        return rules[s3_rule_of(answer)].meaning;
    return answer->verb == S3_PUT_NEW ? unanswered[answer->end].of_new
                                      : unanswered[answer->end].of_old;
}

bool s3_is_slow(const s3_answer *answer)
{
    return answer->end == WEIR_HTTP_ANSWERED &&
           (answer->status == 503 || answer->status == 429 ||
            one_of(answer->code, slow_codes));
}
