/* store/s3: what the files of this folder share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef STORE_S3_H
#define STORE_S3_H

#include <pthread.h>
#include <stdatomic.h>

#include "weir/http_client.h"
#include "weir/store.h"

#define S3_TEXT_MAX 4096 /* bytes of a session token, the longest of these texts */

/* Keys, and when they go out of date. */
typedef struct s3_keys {
    char    id[256], secret[256], token[S3_TEXT_MAX];
    int64_t expires_us; /* wall clock; INT64_MAX: never */
} s3_keys;

/* Where keys come from: options, environment, shared profile, container, instance. */
typedef struct s3_auth {
    pthread_mutex_t   lock;
    weir_clock       *clock;
    weir_http_client *metadata; /* with short time limits; NULL: not open */
    char              profile[128];
    s3_keys           fixed; /* of the options; id "" when not given */
    s3_keys           now;
    int64_t           fetched_us; /* wall clock */
    int64_t           next_us;    /* wall clock: ask again from then on */
    bool              known;      /* `now` was good once */
} s3_auth;
weir_code s3_auth_open(s3_auth *auth, const weir_opts *opts, weir_clock *clock,
                       weir_err *err) WEIR_MUST_CHECK;
void      s3_auth_close(s3_auth *auth);
/* Keys that are good for a while. Fate RETRY when there were keys before. */
weir_code s3_auth_keys(s3_auth *auth, s3_keys *out, weir_err *err) WEIR_MUST_CHECK;
void      s3_auth_look(s3_auth *auth);    /* finds them now, if there are any */
void      s3_auth_expired(s3_auth *auth); /* the server said so */

/* Where keys may be found; false: not there. */
bool s3_keys_from_environment(s3_keys *out);
bool s3_keys_from_profile(const char *profile, s3_keys *out);
bool s3_keys_from_container(weir_http_client *http, s3_keys *out);
bool s3_keys_from_instance(weir_http_client *http, s3_keys *out);
/* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"} */
bool s3_keys_from_json(weir_str text, s3_keys *out);
/* "key = value" of [profile] in a shared credentials or config file. */
bool s3_profile_value(weir_str file, const char *profile, const char *key, char *out,
                      size_t room);
/* The same in ~/.aws/config; false: not there. */
bool s3_profile_region(const char *profile, char *out, size_t room);
/* Whether keys may be fetched from that URL of AWS_CONTAINER_CREDENTIALS_FULL_URI. */
bool s3_container_url_allowed(const char *url);
/* Appends where a container's keys are, with a NUL; false: the environment names no place. */
bool s3_container_url(weir_buf *out);

/* Signature version 4 (AWS General Reference, "Signing AWS API requests"). */
#define S3_HEADERS_MAX 12u
typedef struct s3_header {
    const char *name; /* lower case */
    const char *value;
} s3_header;
typedef struct s3_signing {
    const char *method;
    const char *path;  /* encoded, begins with '/' */
    const char *query; /* encoded, sorted; "" when there is none */
    const char *region, *service;
    const char *body_hash;              /* hex */
    const char *stamp;                  /* "20130524T000000Z" */
    s3_header   header[S3_HEADERS_MAX]; /* to be signed, in any order */
    uint32_t    headers;
} s3_signing;
void s3_stamp(int64_t us, char out[17]);
/* Appends the value of the Authorization header. Sorts the headers. */
void s3_sign(s3_signing *signing, const s3_keys *keys, weir_buf *out);
/* Percent-encodes as S3 wants it: all but A-Z a-z 0-9 - . _ ~, and '/' when asked. */
void s3_encode(weir_buf *out, weir_str text, bool keep_slash);

/* What an answer means. */
typedef enum s3_verb { S3_GET, S3_HEAD, S3_PUT, S3_PUT_NEW, S3_LIST, S3_DELETE } s3_verb;
typedef enum s3_meaning {
    S3_DONE,
    S3_NOT_FOUND,
    S3_EXISTS,  /* 412 of a conditional PUT, and what other servers say for it */
    S3_TAKEN,   /* 409 of a conditional PUT with an unknown code: look at the key */
    S3_AGAIN,   /* nothing happened, or it may be done once more */
    S3_SKEW,    /* not done: our clock may be wrong */
    S3_EXPIRED, /* not done: the keys are out of date */
    S3_UNSURE,  /* a conditional PUT that may have happened */
    S3_RANGE,   /* the object is shorter than the range */
    S3_TOO_BIG, /* the object is larger than we read whole */
    S3_REFUSED  /* trying again cannot help */
} s3_meaning;
typedef struct s3_answer {
    s3_verb       verb;
    weir_http_end end;
    long          status;
    weir_str      code; /* of an <Error>, or empty */
} s3_answer;
s3_meaning s3_classify(const s3_answer *answer);
/* Answers are judged by a table: its rows, and which one decides about an ANSWERED one. */
size_t s3_rules(void);
size_t s3_rule_of(const s3_answer *answer);
bool       s3_is_slow(const s3_answer *answer); /* the server wants fewer requests */

/* "Fri, 24 May 2013 00:00:00 GMT"; false: it is not one. */
bool s3_date_read(weir_str text, int64_t *out_us);
/* What to add to our clock after a refusal for it: false when the date does not explain the
   refusal, so that nothing is learned. `signed_us` is the time that stood in the request. */
bool s3_skew_learn(weir_str date, int64_t now_us, int64_t signed_us, int64_t *out_us);

/* XML answers: <Error> and <ListBucketResult>, bounded. False: not such a document. */
typedef struct s3_error {
    char code[64], message[160];
} s3_error;
bool s3_error_read(weir_str xml, s3_error *out);
typedef struct s3_item {
    weir_str key;
    uint64_t size;
    int64_t  modified_us;
} s3_item;
typedef struct s3_page {
    bool (*each)(void *self, const s3_item *item); /* false: the page is not good */
    void *self;
    bool  truncated;
} s3_page;
bool s3_list_read(weir_str xml, s3_page *page);

typedef struct s3_store {
    weir_store        base;
    weir_clock       *clock;
    weir_http_client *http;
    s3_auth           auth;
    char              base_url[600]; /* "https://host", no '/' at its end */
    char              host[512];     /* of the Host header */
    char              root[80];      /* path in front of keys: "" or "/bucket" */
    char              region[64];
    int64_t           patience_us;
    _Atomic int64_t   skew_us;       /* the server's clock less ours */
    _Atomic int64_t   slow_until_us; /* monotonic */
} s3_store;

/* Sets endpoint, style, region and place; `bucket` is of s3://bucket. */
weir_code s3_endpoint_set(s3_store *self, weir_str bucket, const weir_opts *opts,
                          weir_err *err);
/* All attempts of some requests; outcomes are in the objects. */
weir_code s3_run(s3_store *self, s3_verb verb, weir_object *object, size_t count,
                 weir_err *err);
/* One GET of the bucket with a query, until it is answered; the body is appended. */
weir_code s3_run_list(s3_store *self, const char *query, s3_page *page, weir_err *err);

weir_store_list_fn s3_list;

#endif
