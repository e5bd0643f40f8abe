/* s3/run: requests to the bucket: built, signed, sent side by side, judged, repeated.
 *
 * Always     1. each attempt is signed anew, after the pause before it.
 *            2. put_new is repeated only while the server says that it did not act, for our
 *               clock, our keys, or an unknown 409; whatever else happens is told to the
 *               caller, who knows what is in the body. Who slept signs nothing anew: the
 *               caller may have been allowed to put it long ago.
 *            3. If-None-Match and Range are signed: what lies between cannot drop them.
 *            4. the body's SHA-256 is signed, also with https: a body that was damaged on its
 *               way is refused.
 *
 * Everything but put_new is repeated while that can help, with backoff, until `patience_us`
 * is over. A server that asks for fewer requests makes all calls of this store wait: one
 * pause for all, not one each. put_new, the commit, does not wait.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "s3.h"
#include "store_object.h"
#include "weir/hash.h"
#include "weir/limits.h"
#include "weir/metric.h"

#define SLOW_US 500000
#define LIST_BYTES_MAX (8u << 20)
#define SIGN_WITHIN_US (5LL * 60 * 1000000) /* put_new: of the call, by boot time */
#define CORRECTIONS_MAX 2 /* rounds of put_new for clock and keys */
#define TAKEN_MAX 10      /* rounds of put_new for 409 while the key is not there */

static const char *const method_of[] = {
    [S3_GET] = "GET",     [S3_HEAD] = "HEAD", [S3_PUT] = "PUT",
    [S3_PUT_NEW] = "PUT", [S3_LIST] = "GET",  [S3_DELETE] = "DELETE"};
static const char *const verb_name[] = {
    [S3_GET] = "get",     [S3_HEAD] = "look at", [S3_PUT] = "put",
    [S3_PUT_NEW] = "put", [S3_LIST] = "list",    [S3_DELETE] = "remove"};

typedef struct attempt {
    s3_verb      verb;
    const char  *path, *query;
    weir_object *object;    /* body, token, range; takes the answer */
    int64_t      signed_us; /* the server's time, as far as we know */
} attempt;

static int64_t server_us(s3_store *self)
{
    return self->clock->wall_us(self->clock) + atomic_load(&self->skew_us);
}

static void add_header(s3_signing *signing, const char *name, const char *value)
{
    weir_assert(signing->headers < S3_HEADERS_MAX);
    signing->header[signing->headers++] = (s3_header){name, value};
}

static const char *range_of(const weir_object *object, weir_arena *arena)
{
    if (object->from == 0 && object->length == 0)
        return NULL;
    if (object->length == 0)
        return weir_arena_text(arena, "bytes=%llu-", (unsigned long long)object->from);
    return weir_arena_text(arena, "bytes=%llu-%llu", (unsigned long long)object->from,
                           (unsigned long long)(object->from + object->length - 1));
}

static void add_headers(s3_signing *signing, const attempt *one, const s3_keys *keys,
                        weir_arena *arena)
{
    const weir_object *object = one->object;
    bool               puts = one->verb == S3_PUT || one->verb == S3_PUT_NEW;
    const char        *range = one->verb == S3_GET ? range_of(object, arena) : NULL;
    add_header(signing, "x-amz-content-sha256", signing->body_hash);
    add_header(signing, "x-amz-date", signing->stamp);
    if (keys->token[0] != '\0')
        add_header(signing, "x-amz-security-token", keys->token);
    if (puts && object->token.len > 0)
        add_header(signing, "x-amz-meta-weir", weir_str_copy(arena, object->token).at);
    if (one->verb == S3_PUT_NEW)
        add_header(signing, "if-none-match", "*"); /* 3 */
    if (range != NULL)
        add_header(signing, "range", range);
}

/* 1. Everything of the request lives in the arena. */
static void build(s3_store *self, const attempt *one, const s3_keys *keys,
                  weir_arena *arena, weir_http_request *out)
{
    const weir_object *object = one->object;
    bool               puts = one->verb == S3_PUT || one->verb == S3_PUT_NEW;
    weir_str           body = puts ? object->body : (weir_str){"", 0};
    char              *hash = weir_arena_take(arena, 65);
    char              *stamp = weir_arena_take(arena, 17);
    weir_sha256        sha = weir_sha256_of(body); /* 4 */
    s3_stamp(one->signed_us, stamp);
    s3_signing signing = {.method = method_of[one->verb],
                          .path = one->path,
                          .query = one->query,
                          .region = self->region,
                          .service = "s3",
                          .body_hash = weir_sha256_hex(&sha, hash),
                          .stamp = stamp};
    add_headers(&signing, one, keys, arena);
    *out = (weir_http_request){.method = signing.method, .body = body};
    out->url = weir_arena_text(arena, "%s%s%s%s", self->base_url, one->path,
                               one->query[0] == '\0' ? "" : "?", one->query);
    for (uint32_t i = 0; i < signing.headers; i++)
        out->header[out->headers++] = weir_arena_text(
            arena, "%s: %s", signing.header[i].name, signing.header[i].value);
    add_header(&signing, "host", self->host); /* libcurl sends it */
    weir_buf value = {0};
    s3_sign(&signing, keys, &value);
    out->header[out->headers++] =
        weir_arena_text(arena, "Authorization: %.*s", WEIR_STR_FMT(weir_buf_view(&value)));
    weir_buf_done(&value);
    if (one->verb == S3_GET) {
        out->body_most = WEIR_STORE_BODY_MAX;
        out->body_hint = (size_t)object->length;
    } else if (one->verb == S3_LIST) {
        out->body_most = LIST_BYTES_MAX;
    }
}

/* "bytes 3-6/10": the object's size. False: it is not the range that was asked for. */
static bool check_range(weir_str header, weir_object *object, uint64_t got)
{
    unsigned long long first = 0, last = 0, size = 0;
    char               text[96];
    (void)snprintf(text, sizeof text, "%.*s", (int)(header.len < 90 ? header.len : 90),
                   header.at == NULL ? "" : header.at);
    if (sscanf(text, "bytes %20llu-%20llu/%20llu", &first, &last, &size) != 3)
        return false;
    if (first != object->from || last < first || last >= size || last - first + 1 != got)
        return false;
    object->size = size;
    return true;
}

static s3_meaning take_body(weir_http_request *request, weir_object *object)
{
    uint64_t promised = 0;
    weir_str length = weir_http_header(request, "content-length");
    bool     chunked = weir_http_header(request, "transfer-encoding").at != NULL;
    uint64_t got = request->got.len;
    bool     ranged = object->from > 0 || object->length > 0;
    if (length.at == NULL && !chunked)
        return S3_AGAIN; /* nothing says that it is whole */
    /* cover: libcurl takes no answer whose length is no number */
    if (length.at != NULL && (!weir_str_to_u64(length, &promised) || promised != got))
        return S3_AGAIN;
    if (ranged && (request->status != 206 ||
                   !check_range(weir_http_header(request, "content-range"), object, got)))
        return S3_REFUSED; /* a server that does not do ranges */
    if (!ranged && request->status != 200)
        return S3_REFUSED;
    if (object->length > 0 && got != object->length)
        return S3_RANGE;
    if (!ranged)
        object->size = got;
    weir_buf_done(&object->got);
    object->got = request->got;
    request->got = (weir_buf){0};
    return S3_DONE;
}

static s3_meaning take_head(const weir_http_request *request, weir_object *object)
{
    weir_str token = weir_http_header(request, "x-amz-meta-weir");
    if (!weir_str_to_u64(weir_http_header(request, "content-length"), &object->size))
        return S3_AGAIN;
    (void)snprintf(object->got_token, sizeof object->got_token, "%.*s",
                   (int)(token.len < 255 ? token.len : 255),
                   token.at == NULL ? "" : token.at);
    return S3_DONE;
}

/* Whether the clock explains the refusal, by the time that stands in the request: another answer,
   or who set our clock, may have put it right since. If so the next attempt uses a better one. */
static s3_meaning take_skew(s3_store *self, const weir_http_request *request,
                            int64_t signed_us, weir_str code)
{
    int64_t  skew_us = 0;
    weir_str date = weir_http_header(request, "date");
    if (s3_skew_learn(date, self->clock->wall_us(self->clock), signed_us, &skew_us)) {
        atomic_store(&self->skew_us, skew_us);
        return S3_SKEW;
    }
    bool says = code.len > 0 && !weir_str_is(code, "SignatureDoesNotMatch");
    return says ? S3_SKEW : S3_REFUSED;
}

static void answer(weir_object *object, s3_meaning meaning,
                   const weir_http_request *request, const s3_error *error)
{
    const char *code = error->code[0] != '\0' ? error->code : request->why;
    weir_str    region = weir_http_header(request, "x-amz-bucket-region");
    object->status = (int32_t)request->status;
    switch (meaning) {
    case S3_DONE:
        object->rc = WEIR_OK;
        object->permanent = false;
        object->why[0] = '\0';
        break;
    case S3_NOT_FOUND:
        store_object_answer(object, WEIR_E_NOTFOUND, false, "there is no such object");
        break;
    case S3_EXISTS:
        store_object_answer(object, WEIR_E_CONFLICT, false, "the object exists");
        break;
    case S3_UNSURE:
        store_object_answer(object, WEIR_E_UNKNOWN, false, "no certain answer: %ld %s",
                            request->status, code);
        break;
    case S3_RANGE:
        store_object_answer(object, WEIR_E_CORRUPT, true,
                            "the range is not within the object");
        break;
    case S3_TOO_BIG:
        store_object_answer(object, WEIR_E_LIMIT, true, "it has more than 256 MiB");
        break;
    case S3_REFUSED:
    case S3_TAKEN:
        if (request->status == 301 && region.len > 0 && region.len < 64)
            store_object_answer(object, WEIR_E_CONFIG, true,
                                "the bucket's s3.region is '%.*s'", WEIR_STR_FMT(region));
        else
            store_object_answer(object, WEIR_E_REMOTE, true, "%ld %s%s%.60s",
                                request->status, code,
                                error->message[0] != '\0' ? ": " : "", error->message);
        break;
    case S3_AGAIN:
    case S3_SKEW:
    case S3_EXPIRED:
        if (request->status == 0)
            store_object_answer(object, WEIR_E_REMOTE, false, "no answer: %s", code);
        else
            store_object_answer(object, WEIR_E_REMOTE, false, "%ld %s", request->status, code);
        break;
    }
}

static bool is_open(s3_meaning meaning)
{
    return meaning == S3_AGAIN || meaning == S3_SKEW || meaning == S3_EXPIRED;
}

static s3_meaning judge(s3_store *self, const attempt *one, weir_http_request *request);

/* An answer to HEAD has no body that could say why it is a refusal: keys that expired are one
   that ends. The first byte is asked for with GET, which needs the same rights. */
static s3_meaning ask_why(s3_store *self, const attempt *head)
{
    s3_keys     keys;
    weir_err    err;
    weir_object first = {.key = head->object->key, .length = 1};
    s3_meaning  meaning = S3_REFUSED;
    weir_arena *arena = weir_arena_new("s3 why", 8192);
    if (s3_auth_keys(&self->auth, &keys, &err) == WEIR_OK) {
        weir_http_request request;
        attempt one = {S3_GET, head->path, "", &first, server_us(self)};
        build(self, &one, &keys, arena, &request);
        explicit_bzero(&keys, sizeof keys);
        weir_http_perform(self->http, &request, 1);
        weir_metric_add(WEIR_M_store_requests, 1);
        meaning = judge(self, &one, &request);
        weir_buf_done(&request.got);
        weir_buf_done(&request.got_header);
    }
    weir_arena_free(arena);
    weir_buf_done(&first.got);
    if (!is_open(meaning) && (meaning != S3_REFUSED || first.why[0] == '\0'))
        return S3_REFUSED; /* it is no refusal: HEAD's own stands */
    store_object_answer(head->object, first.rc, first.permanent, "%s", first.why);
    return meaning;
}

static s3_meaning judge(s3_store *self, const attempt *one, weir_http_request *request)
{
    s3_verb      verb = one->verb;
    weir_object *object = one->object;
    s3_error     error = {.code = ""};
    if (request->end == WEIR_HTTP_ANSWERED && request->got.len > 0 &&
        (request->status >= 300 || verb == S3_PUT || verb == S3_PUT_NEW))
        (void)s3_error_read(weir_buf_view(&request->got), &error); /* or it has no code */
    s3_answer  seen = {verb, request->end, request->status, weir_str_of(error.code)};
    s3_meaning meaning = s3_classify(&seen);
    if (meaning == S3_DONE && verb == S3_GET)
        meaning = take_body(request, object);
    else if (meaning == S3_DONE && verb == S3_HEAD)
        meaning = take_head(request, object);
    else if (meaning == S3_SKEW)
        meaning = take_skew(self, request, one->signed_us, seen.code);
    else if (meaning == S3_EXPIRED)
        s3_auth_expired(&self->auth);
    if (s3_is_slow(&seen))
        atomic_store(&self->slow_until_us, self->clock->mono_us(self->clock) + SLOW_US);
    answer(object, meaning, request, &error);
    return meaning == S3_REFUSED && verb == S3_HEAD ? ask_why(self, one) : meaning;
}

static void wait_if_slow(s3_store *self)
{
    int64_t left_us = atomic_load(&self->slow_until_us) - self->clock->mono_us(self->clock);
    if (left_us > 0)
        self->clock->pause_us(self->clock, left_us < SLOW_US ? left_us : SLOW_US);
}

typedef struct work { /* the requests of one call */
    s3_store    *self;
    s3_verb      verb;
    weir_object *object;
    size_t       count;
    s3_meaning  *meaning; /* of each: S3_AGAIN wants an attempt */
    weir_arena  *arena;   /* of one round */
} work;

static const char *path_of(const s3_store *self, weir_str key, weir_arena *arena)
{
    weir_buf path = {0};
    weir_buf_format(&path, "%s/", self->root);
    s3_encode(&path, key, true);
    const char *kept = weir_str_copy(arena, weir_buf_view(&path)).at;
    weir_buf_done(&path);
    return kept;
}

/* Every object that wants an attempt gets one. */
static weir_code run_round(work *w, weir_err *err)
{
    s3_keys   keys;
    weir_code rc = s3_auth_keys(&w->self->auth, &keys, err);
    if (rc != WEIR_OK)
        return rc;
    weir_arena_reset(w->arena);
    weir_http_request *request = WEIR_ARRAY(w->arena, weir_http_request, w->count);
    attempt           *attempts = WEIR_ARRAY(w->arena, attempt, w->count);
    int64_t            now_us = server_us(w->self);
    size_t             tries = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (!is_open(w->meaning[i]))
            continue;
        attempts[tries] = (attempt){w->verb, path_of(w->self, w->object[i].key, w->arena),
                                    "", &w->object[i], now_us};
        build(w->self, &attempts[tries], &keys, w->arena, &request[tries]);
        tries++;
    }
    explicit_bzero(&keys, sizeof keys);
    weir_http_perform(w->self->http, request, tries);
    weir_metric_add(WEIR_M_store_requests, (int64_t)tries);
    for (size_t t = 0; t < tries; t++) {
        size_t i = (size_t)(attempts[t].object - w->object);
        w->meaning[i] = judge(w->self, &attempts[t], &request[t]);
        weir_buf_done(&request[t].got);
        weir_buf_done(&request[t].got_header);
    }
    return WEIR_OK;
}

static size_t count_open(const work *w)
{
    size_t open = 0;
    for (size_t i = 0; i < w->count; i++)
        open += is_open(w->meaning[i]);
    return open;
}

static weir_code run_rounds(work *w, weir_err *err)
{
    weir_clock   *clock = w->self->clock;
    const int64_t until_us = clock->mono_us(clock) + w->self->patience_us;
    weir_backoff  backoff = {.clock = clock};
    for (;;) {
        wait_if_slow(w->self);
        weir_code rc = run_round(w, err);
        if (rc != WEIR_OK && err->fate != WEIR_FATE_RETRY)
            return rc;
        size_t open = count_open(w);
        if (open == 0 || clock->mono_us(clock) >= until_us)
            return rc;
        weir_metric_add(WEIR_M_store_retries, (int64_t)open);
        weir_backoff_wait(&backoff);
    }
}

/* 409 with an unknown code: the key decides. True: it is not there, so once more. */
static bool look_at_taken(s3_store *self, weir_object *object)
{
    weir_err    err;
    weir_object seen = {.key = object->key};
    weir_code   rc = s3_run(self, S3_HEAD, &seen, 1, &err);
    if (rc == WEIR_OK)
        store_object_answer(object, WEIR_E_CONFLICT, false, "the object exists");
    else if (rc != WEIR_E_NOTFOUND)
        store_object_answer(object, WEIR_E_UNKNOWN, seen.permanent, "%s", seen.why);
    return rc == WEIR_E_NOTFOUND;
}

/* 2. */
static bool wants_put_again(work *w, size_t i, uint32_t round)
{
    switch (w->meaning[i]) {
    case S3_SKEW:
    case S3_EXPIRED:
        return round < CORRECTIONS_MAX;
    case S3_TAKEN:
        return look_at_taken(w->self, &w->object[i]) && round < TAKEN_MAX;
    default:
        return false;
    }
}

static weir_code run_put_new(work *w, weir_err *err)
{
    weir_clock   *clock = w->self->clock;
    weir_backoff  backoff = {.clock = clock};
    const int64_t until_us = clock->boot_us(clock) + SIGN_WITHIN_US;
    for (uint32_t round = 1;; round++) {
        weir_code rc = run_round(w, err);
        if (rc != WEIR_OK)
            return rc;
        size_t open = 0;
        for (size_t i = 0; i < w->count; i++) {
            bool again = wants_put_again(w, i, round);
            w->meaning[i] = again ? S3_AGAIN : S3_DONE; /* its outcome is in the object */
            open += again;
        }
        if (open == 0)
            return WEIR_OK;
        weir_metric_add(WEIR_M_store_retries, (int64_t)open);
        weir_backoff_wait(&backoff);
        if (clock->boot_us(clock) > until_us)
            return WEIR_OK; /* their outcome is the last answer */
    }
}

/* What may not even be asked. */
static s3_meaning check(s3_verb verb, weir_object *object)
{
    store_object_start(object);
    if (verb == S3_PUT || verb == S3_PUT_NEW) {
        if (!store_put_checked(object))
            return S3_REFUSED;
        weir_metric_add(WEIR_M_store_bytes_put, (int64_t)object->body.len);
    } else if (object->key.len == 0 || object->key.len > WEIR_KEY_BYTES_MAX) {
        store_object_answer(object, WEIR_E_NOTFOUND, false, "no such key can be there");
        return S3_REFUSED;
    } else if (object->length > WEIR_STORE_BODY_MAX) {
        store_object_answer(object, WEIR_E_LIMIT, true, "more than 256 MiB were asked for");
        return S3_REFUSED;
    } else if (object->from > INT64_MAX / 2) {
        store_object_answer(object, WEIR_E_CORRUPT, true,
                            "the range is not within the object");
        return S3_REFUSED;
    }
    return S3_AGAIN;
}

weir_code s3_run(s3_store *self, s3_verb verb, weir_object *object, size_t count,
                 weir_err *err)
{
    work w = {.self = self, .verb = verb, .object = object, .count = count};
    weir_assert(count == 0 || object != NULL);
    weir_assert(verb != S3_LIST);
    w.meaning = weir_heap_new(count + 1, sizeof *w.meaning);
    for (size_t i = 0; i < count; i++) {
        w.meaning[i] = check(verb, &object[i]);
        if (is_open(w.meaning[i])) /* until it is answered */
            store_object_answer(&object[i], WEIR_E_REMOTE, false, "it was not asked for");
    }
    weir_code rc = WEIR_OK;
    w.arena = weir_arena_new("s3", 8192);
    if (count_open(&w) > 0)
        rc = verb == S3_PUT_NEW ? run_put_new(&w, err) : run_rounds(&w, err);
    weir_arena_free(w.arena);
    weir_heap_free(w.meaning);
    return rc == WEIR_OK ? store_outcome(verb_name[verb], object, count, err) : rc;
}

/* One page; S3_DONE with the page read. */
static weir_code list_once(s3_store *self, const char *query, s3_page *page,
                           weir_object *object, weir_err *err)
{
    s3_keys     keys;
    weir_code   rc = s3_auth_keys(&self->auth, &keys, err);
    weir_arena *arena = weir_arena_new("s3", 8192);
    if (rc == WEIR_OK) {
        weir_http_request request;
        attempt one = {S3_LIST, weir_arena_text(arena, "%s/", self->root), query, object,
                       server_us(self)};
        build(self, &one, &keys, arena, &request);
        explicit_bzero(&keys, sizeof keys);
        weir_http_perform(self->http, &request, 1);
        weir_metric_add(WEIR_M_store_requests, 1);
        s3_meaning meaning = judge(self, &one, &request);
        if (meaning == S3_DONE && !s3_list_read(weir_buf_view(&request.got), page))
            store_object_answer(object, WEIR_E_REMOTE, false, "the list is damaged");
        weir_buf_done(&request.got);
        weir_buf_done(&request.got_header);
    }
    weir_arena_free(arena);
    return rc;
}

weir_code s3_run_list(s3_store *self, const char *query, s3_page *page, weir_err *err)
{
    weir_clock   *clock = self->clock;
    const int64_t until_us = clock->mono_us(clock) + self->patience_us;
    weir_backoff  backoff = {.clock = clock};
    weir_assert(query[0] != '\0');
    for (;;) {
        weir_object object = {.key = WEIR_STR("the bucket"), .rc = WEIR_E_REMOTE};
        wait_if_slow(self);
        weir_code rc = list_once(self, query, page, &object, err);
        if (rc != WEIR_OK && err->fate != WEIR_FATE_RETRY)
            return rc;
        if (object.rc == WEIR_OK)
            return WEIR_OK;
        if (object.permanent || clock->mono_us(clock) >= until_us)
            return store_outcome("list", &object, 1, err);
        weir_metric_add(WEIR_M_store_retries, 1);
        weir_backoff_wait(&backoff);
    }
}
