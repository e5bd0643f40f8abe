/* store/s3: what the files of this folder share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_S3_H
#define STORE_S3_H

#include <pthread.h>

#include "weir/http_client.h"
#include "weir/store.h"

#define S3_TEXT_MAX 2048 /* bytes of a session token, the longest of these texts */
#define S3_URL_MAX 4096

/* Keys, and when they go out of date. */
typedef struct s3_keys {
    char    id[256], secret[256], token[S3_TEXT_MAX];
    int64_t expires_us; /* wall clock; INT64_MAX: never */
} s3_keys;

/* Where keys come from: options, environment, shared profile, container, instance. */
typedef struct s3_auth {
    pthread_mutex_t   lock;
    weir_clock       *clock;
    weir_http_client *http;
    char              profile[128];
    s3_keys           fixed; /* of the options; id "" when not given */
    s3_keys           now;
    int64_t           fetched_us;
    bool              known;
} s3_auth;
weir_code s3_auth_start(s3_auth *auth, const weir_opts *opts, weir_clock *clock,
                        weir_http_client *http, weir_err *err) WEIR_MUST_CHECK;
void      s3_auth_done(s3_auth *auth);
/* Keys that are good for a while; refreshed at 80 % of their life. */
weir_code s3_auth_keys(s3_auth *auth, s3_keys *out, weir_err *err) WEIR_MUST_CHECK;
void      s3_auth_forget(s3_auth *auth); /* the server called them expired */
/* "key = value" of [profile] in an AWS credentials or config file. */
bool s3_profile_value(weir_str file, const char *profile, const char *key, char *out,
                      size_t room);

/* Signature version 4 (AWS General Reference, "Signing AWS API requests"). */
typedef struct s3_signing {
    const char *method;
    const char *host;      /* as in the Host header */
    const char *path;      /* encoded, begins with '/' */
    const char *query;     /* encoded, sorted; "" when there is none */
    const char *region, *service;
    weir_str    body;
    int64_t     now_us;
    const char *extra[4][2]; /* further x-amz-… headers, names in lower case, sorted */
    uint32_t    extras;
} s3_signing;
#define S3_SIGNED_HEADERS 8
typedef struct s3_signed {
    char     text[S3_SIGNED_HEADERS][S3_TEXT_MAX + 64]; /* "name: value" */
    uint32_t count;
} s3_signed;
void s3_sign(const s3_signing *signing, const s3_keys *keys, s3_signed *out);
/* Percent-encodes as S3 wants it: all but A-Z a-z 0-9 - . _ ~, and '/' when asked. */
void s3_encode(weir_buf *out, weir_str text, bool keep_slash);

/* What an answer means. */
typedef enum s3_verb { S3_GET, S3_HEAD, S3_PUT, S3_PUT_NEW, S3_LIST, S3_DELETE } s3_verb;
typedef enum s3_meaning {
    S3_DONE,
    S3_NOT_FOUND,
    S3_EXISTS,    /* 412 of a conditional PUT, and what other servers say for it */
    S3_AGAIN,     /* nothing happened or it may be done once more */
    S3_SLOW,      /* the same, and the server wants fewer requests */
    S3_SKEW,      /* the server's clock is another: learn it, again */
    S3_EXPIRED,   /* keys are out of date: fetch new ones, again */
    S3_UNSURE,    /* a conditional PUT that may have happened */
    S3_REFUSED    /* trying again cannot help */
} s3_meaning;
s3_meaning s3_classify(s3_verb verb, weir_http_end end, long status, weir_str code);

/* XML answers: <Error> and <ListBucketResult>, bounded. False: not such a document. */
typedef struct s3_error {
    char code[64], message[160];
} s3_error;
bool s3_error_read(weir_str xml, s3_error *out);
typedef void s3_listed_fn(void *self, weir_str key, uint64_t size, int64_t modified_us);
typedef struct s3_page {
    s3_listed_fn *each;
    void         *self;
    bool          truncated;
    char          token[1024]; /* for the next page */
} s3_page;
bool s3_list_read(weir_str xml, s3_page *page);

#endif
