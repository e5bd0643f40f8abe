/* store/s3: objects in an S3-compatible server.
 *
 * Gives      the kind `s3`.
 * Always     1. each attempt is signed anew, after the pause before it.
 *            2. put_new is sent once: repeating it is for those who know what is in it.
 *            3. a ranged or whole GET has exactly the bytes that its headers promise.
 *
 * Retries: everything but put_new is repeated while the answer says that this can help,
 * with backoff, until `patience_us` is over; a server that asks for fewer requests makes
 * all calls of this store wait (one pause for all, not one each).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s3.h"
#include "store_object.h"
#include "weir/limits.h"
#include "weir/metric.h"

#define S3_PATIENCE_US (10 * 1000000LL)
#define S3_SKEW_MOST_US (24LL * 3600 * 1000000)
#define S3_SLOW_US 500000

typedef struct s3_store {
    weir_store        base;
    weir_clock       *clock;
    weir_http_client *http;
    s3_auth           auth;
    char              base_url[1024]; /* "https://host[/bucket]", no '/' at its end */
    char              host[512];      /* of the Host header */
    char              root[300];      /* path in front of keys: "" or "/bucket" */
    char              bucket[256], region[64];
    int64_t           patience_us;
    _Atomic int64_t   skew_us;        /* the server's clock less ours */
    _Atomic int64_t   slow_until_us;  /* monotonic */
} s3_store;

static weir_store_open_fn    open_store;
static weir_store_get_fn     get_objects;
static weir_store_head_fn    head_objects;
static weir_store_put_fn     put_objects;
static weir_store_put_new_fn put_new_objects;
static weir_store_list_fn    list_objects;
static weir_store_remove_fn  remove_objects;
static weir_store_close_fn   close_store;

const weir_store_kind weir_store_s3 = {
    .name = "s3", .scheme = "s3://", .summary = "objects in S3 or a server like it",
    .size = sizeof(s3_store), .probed = true,
    .open = open_store, .get = get_objects, .head = head_objects, .put = put_objects,
    .put_new = put_new_objects, .list = list_objects, .remove = remove_objects,
    .close = close_store,
};

static s3_store *self_of(weir_store *store)
{
    weir_assert(store != NULL);
    weir_assert(store->kind == &weir_store_s3);
    return (s3_store *)store;
}

static const char *first_of(const char *const *variables)
{
    for (; *variables; variables++) {
        const char *value = getenv(*variables);
        if (value && value[0])
            return value;
    }
    return NULL;
}

static weir_str option(const weir_opts *opts, const char *name)
{
    return opts ? weir_opts_text(opts, name) : (weir_str){NULL, 0};
}

static void find_region(s3_store *self, const weir_opts *opts)
{
    static const char *const variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    weir_str given = option(opts, "s3.region");
    const char *value = first_of(variables);
    if (given.len > 0 && given.len < sizeof self->region)
        memcpy(self->region, given.at, given.len);
    else
        (void)snprintf(self->region, sizeof self->region, "%.63s",
                       value ? value : "us-east-1");
}

static weir_code split_endpoint(s3_store *self, const char *endpoint, bool path_style,
                                weir_err *err)
{
    const char *host = strstr(endpoint, "://");
    if (host == NULL || (strncmp(endpoint, "http://", 7) && strncmp(endpoint, "https://", 8)))
        return weir_fail(err, WEIR_E_CONFIG, "s3.endpoint '%s' is not an http or https URL",
                         endpoint);
    int scheme = (int)(host - endpoint);
    host += 3;
    int len = (int)strcspn(host, "/");
    if (path_style) {
        (void)snprintf(self->host, sizeof self->host, "%.*s", len, host);
        (void)snprintf(self->root, sizeof self->root, "/%s", self->bucket);
    } else {
        (void)snprintf(self->host, sizeof self->host, "%s.%.*s", self->bucket, len, host);
    }
    (void)snprintf(self->base_url, sizeof self->base_url, "%.*s://%s", scheme, endpoint,
                   self->host);
    (void)snprintf(self->base.place, sizeof self->base.place, "%.150s/%.64s", endpoint,
                   self->bucket);
    return WEIR_OK;
}

static weir_code find_endpoint(s3_store *self, const weir_opts *opts, weir_err *err)
{
    static const char *const variables[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
                                            "S3_ENDPOINT", NULL};
    weir_str given = option(opts, "s3.endpoint");
    const char *value = first_of(variables);
    char endpoint[512];
    bool own = given.len > 0 || value != NULL;
    if (given.len > 0)
        (void)snprintf(endpoint, sizeof endpoint, "%.*s", (int)given.len, given.at);
    else if (value)
        (void)snprintf(endpoint, sizeof endpoint, "%s", value);
    else
        (void)snprintf(endpoint, sizeof endpoint, "https://s3.%s.amazonaws.com",
                       self->region);
    weir_str style = option(opts, "s3.path_style");
    bool path_style = weir_str_is(style, "true") || (!weir_str_is(style, "false") && own);
    return split_endpoint(self, endpoint, path_style, err);
}

static weir_code open_store(weir_store *store, const weir_store_setup *setup, weir_err *err)
{
    s3_store *self = self_of(store);
    weir_str bucket = setup->location;
    if (!weir_str_starts(bucket, "s3://") || bucket.len < 6 ||
        bucket.len - 5 >= sizeof self->bucket || memchr(bucket.at + 5, '/', bucket.len - 5))
        return weir_fail(err, WEIR_E_CONFIG, "'%.*s' is not s3://bucket",
                         WEIR_STR_FMT(setup->location));
    memcpy(self->bucket, bucket.at + 5, bucket.len - 5);
    self->clock = setup->clock;
    self->patience_us = setup->patience_us ? setup->patience_us : S3_PATIENCE_US;
    find_region(self, setup->opts);
    weir_code rc = find_endpoint(self, setup->opts, err);
    if (rc != WEIR_OK)
        return rc;
    char ca_file[1024] = "";
    weir_str given = option(setup->opts, "s3.ca_file");
    if (given.len > 0)
        (void)snprintf(ca_file, sizeof ca_file, "%.*s", (int)given.len, given.at);
    weir_http_setup http = {.ca_file = ca_file};
    if (setup->opts)
        http.timeout_us = weir_opts_int(setup->opts, "s3.timeout");
    rc = weir_http_client_new(&http, &self->http, err);
    return rc == WEIR_OK ? s3_auth_start(&self->auth, setup->opts, setup->clock, self->http,
                                         err)
                         : rc;
}

static void close_store(weir_store *store)
{
    s3_store *self = self_of(store);
    if (self->http == NULL)
        return;
    s3_auth_done(&self->auth);
    weir_http_client_free(self->http);
}

/* One attempt of one object. */
typedef struct s3_try {
    s3_verb           verb;
    const char       *path;  /* encoded */
    const char       *query; /* encoded; "" when there is none */
    weir_http_request request;
    s3_signed         headers;
    char              range[64];
    char              url[S3_URL_MAX + 1024];
} s3_try;

static const char *const method_of[] = {
    [S3_GET] = "GET", [S3_HEAD] = "HEAD", [S3_PUT] = "PUT", [S3_PUT_NEW] = "PUT",
    [S3_LIST] = "GET", [S3_DELETE] = "DELETE"};

static void sign_try(s3_store *self, s3_try *try, const weir_object *object,
                     const s3_keys *keys)
{
    char token[300];
    s3_verb verb = try->verb;
    s3_signing signing = {.method = method_of[verb], .host = self->host, .path = try->path,
                          .query = try->query, .region = self->region, .service = "s3",
                          .now_us = self->clock->wall_us(self->clock) +
                                    atomic_load(&self->skew_us)};
    bool puts = verb == S3_PUT || verb == S3_PUT_NEW;
    if (puts && object->token.len > 0) {
        (void)snprintf(token, sizeof token, "%.*s", WEIR_STR_FMT(object->token));
        signing.extra[signing.extras][0] = "x-amz-meta-weir";
        signing.extra[signing.extras++][1] = token;
    }
    if (puts)
        signing.body = object->body;
    s3_sign(&signing, keys, &try->headers);
    weir_http_request *request = &try->request;
    *request = (weir_http_request){.method = signing.method, .url = try->url};
    (void)snprintf(try->url, sizeof try->url, "%s%s%s%s", self->base_url, try->path,
                   try->query[0] ? "?" : "", try->query);
    for (uint32_t i = 0; i < try->headers.count; i++)
        request->header[request->headers++] = try->headers.text[i];
    if (puts)
        request->body = object->body;
    if (verb == S3_PUT_NEW)
        request->header[request->headers++] = "If-None-Match: *";
}

static void set_range(s3_try *try, const weir_object *object)
{
    weir_http_request *request = &try->request;
    request->body_most = WEIR_STORE_BODY_MAX;
    if (object->from == 0 && object->length == 0)
        return;
    if (object->length > 0)
        (void)snprintf(try->range, sizeof try->range, "Range: bytes=%llu-%llu",
                       (unsigned long long)object->from,
                       (unsigned long long)(object->from + object->length - 1));
    else
        (void)snprintf(try->range, sizeof try->range, "Range: bytes=%llu-",
                       (unsigned long long)object->from);
    request->header[request->headers++] = try->range;
}

static void learn_skew(s3_store *self, const weir_http_request *request)
{
    static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    weir_str date = weir_http_header(request, "date");
    char text[64], month[4];
    int day, year, hour, minute, second;
    (void)snprintf(text, sizeof text, "%.*s", (int)(date.len < 60 ? date.len : 60),
                   date.at ? date.at : "");
    if (sscanf(text, "%*3s, %d %3s %d %d:%d:%d", &day, month, &year, &hour, &minute,
               &second) != 6)
        return;
    const char *at = strstr(month_names, month);
    if (at == NULL)
        return;
    weir_civil civil = {.year = year, .month = (uint8_t)((at - month_names) / 3 + 1),
                        .day = (uint8_t)day, .hour = (uint8_t)hour,
                        .minute = (uint8_t)minute, .second = (uint8_t)second};
    int64_t skew = weir_civil_to_us(&civil) - self->clock->wall_us(self->clock);
    if (skew < S3_SKEW_MOST_US && skew > -S3_SKEW_MOST_US)
        atomic_store(&self->skew_us, skew);
}

/* The object's outcome from an answer that is whole and good. */
static bool take_answer(s3_verb verb, weir_http_request *request, weir_object *object)
{
    int64_t size = -1;
    weir_str length = weir_http_header(request, "content-length");
    if (verb == S3_HEAD) {
        weir_str token = weir_http_header(request, "x-amz-meta-weir");
        (void)snprintf(object->got_token, sizeof object->got_token, "%.*s",
                       (int)(token.len < 255 ? token.len : 255), token.at ? token.at : "");
        object->size = weir_str_to_i64(length, &size) && size >= 0 ? (uint64_t)size : 0;
        return true;
    }
    if (verb != S3_GET)
        return true;
    if (weir_str_to_i64(length, &size) && (uint64_t)size != request->got.len)
        return false;
    if (object->length > 0 && request->got.len > object->length)
        return false;
    if ((object->from > 0 || object->length > 0) && request->status != 206)
        return false;
    weir_buf_done(&object->got);
    object->got = request->got;
    request->got = (weir_buf){0};
    object->size = object->got.len;
    return true;
}

static void answer_done(weir_object *object)
{
    object->rc = WEIR_OK;
    object->permanent = false;
    object->why[0] = 0;
}

static void answer_object(const s3_store *self, s3_meaning meaning,
                          const weir_http_request *request, const s3_error *error,
                          weir_object *object)
{
    const char *code = error->code[0] ? error->code : request->why;
    (void)self;
    object->status = (int32_t)request->status;
    switch (meaning) {
    case S3_DONE:
        answer_done(object);
        break;
    case S3_NOT_FOUND:
        store_object_answer(object, WEIR_E_NOTFOUND, true, "there is no such object");
        break;
    case S3_EXISTS:
        store_object_answer(object, WEIR_E_CONFLICT, false, "it exists");
        break;
    case S3_UNSURE:
        store_object_answer(object, WEIR_E_UNKNOWN, false, "no certain answer: %ld %s",
                            request->status, code);
        break;
    case S3_REFUSED:
        store_object_answer(object, WEIR_E_REMOTE, true, "%ld %s%s%.60s", request->status,
                            code, error->message[0] ? ": " : "", error->message);
        break;
    default:
        store_object_answer(object, WEIR_E_REMOTE, false, "%ld %s", request->status, code);
        break;
    }
}

/* The object is shorter than the range that was asked for: what names it is wrong. */
static bool range_missed(s3_verb verb, s3_meaning meaning, const weir_http_request *request,
                         const weir_object *object)
{
    if (verb != S3_GET || (object->from == 0 && object->length == 0))
        return false;
    return request->status == 416 ||
           (meaning == S3_DONE && object->length > 0 && object->got.len < object->length);
}

static s3_meaning settle(s3_store *self, s3_verb verb, s3_try *try, weir_object *object)
{
    weir_http_request *request = &try->request;
    s3_error error = {.code = ""};
    if (request->end == WEIR_HTTP_ANSWERED && request->status >= 300 && request->got.len)
        (void)s3_error_read(weir_buf_view(&request->got), &error);
    s3_meaning meaning =
        s3_classify(verb, request->end, request->status, weir_str_of(error.code));
    if (meaning == S3_DONE && !take_answer(verb, request, object))
        meaning = S3_AGAIN;
    if (meaning == S3_SKEW)
        learn_skew(self, request);
    if (meaning == S3_EXPIRED)
        s3_auth_forget(&self->auth);
    if (meaning == S3_SLOW)
        atomic_store(&self->slow_until_us, self->clock->mono_us(self->clock) + S3_SLOW_US);
    answer_object(self, meaning, request, &error, object);
    if (range_missed(verb, meaning, request, object))
        store_object_answer(object, WEIR_E_CORRUPT, true, "it has fewer bytes than asked for");
    return meaning;
}

static void wait_if_slow(s3_store *self)
{
    int64_t left =
        atomic_load(&self->slow_until_us) - self->clock->mono_us(self->clock);
    if (left > 0)
        self->clock->pause_us(self->clock, left);
}

static void encode_path(const s3_store *self, weir_str key, weir_buf *out)
{
    weir_buf_clear(out);
    weir_buf_text(out, self->root);
    weir_buf_text(out, "/");
    s3_encode(out, key, true);
    weir_buf_byte(out, 0);
    out->len--;
}

typedef struct s3_batch {
    s3_verb      verb;
    weir_object *object;
    bool        *open; /* per object: it wants an attempt */
    size_t       count;
} s3_batch;

/* One round: every object that still wants an attempt gets one. Gives how many want
   another. */
static size_t one_round(s3_store *self, const s3_batch *batch, const s3_keys *keys)
{
    s3_verb verb = batch->verb;
    weir_object *object = batch->object;
    bool *open = batch->open;
    size_t count = batch->count;
    s3_try *try = weir_heap_new(count, sizeof *try);
    weir_http_request *request = weir_heap_new(count, sizeof *request);
    size_t *which = weir_heap_new(count, sizeof *which);
    size_t tries = 0, again = 0;
    weir_buf path = {0};
    for (size_t i = 0; i < count; i++) {
        if (!open[i])
            continue;
        encode_path(self, object[i].key, &path);
        try[tries].verb = verb;
        try[tries].path = path.at;
        try[tries].query = "";
        sign_try(self, &try[tries], &object[i], keys);
        if (verb == S3_GET)
            set_range(&try[tries], &object[i]);
        request[tries] = try[tries].request;
        which[tries++] = i;
    }
    weir_http_perform(self->http, request, tries);
    weir_metric_add(WEIR_M_store_requests, (int64_t)tries);
    for (size_t t = 0; t < tries; t++) {
        try[t].request = request[t];
        s3_meaning meaning = settle(self, verb, &try[t], &object[which[t]]);
        open[which[t]] = meaning == S3_AGAIN || meaning == S3_SLOW || meaning == S3_SKEW ||
                         meaning == S3_EXPIRED;
        again += open[which[t]];
        weir_buf_done(&try[t].request.got);
        weir_buf_done(&try[t].request.got_header);
    }
    weir_buf_done(&path);
    weir_heap_free(try);
    weir_heap_free(request);
    weir_heap_free(which);
    return again;
}

/* DELETE of what is not there is what was wanted. */
static void forgive_missing(s3_verb verb, weir_object *object, size_t count)
{
    for (size_t i = 0; verb == S3_DELETE && i < count; i++)
        if (object[i].rc == WEIR_E_NOTFOUND)
            answer_done(&object[i]);
}

static weir_code run(s3_store *self, s3_verb verb, weir_object *object, size_t count,
                     weir_err *err)
{
    if (count == 0)
        return WEIR_OK;
    bool *open = weir_heap_new(count, sizeof *open);
    bool puts = verb == S3_PUT || verb == S3_PUT_NEW;
    for (size_t i = 0; i < count; i++) {
        store_object_start(&object[i]);
        const char *fault = puts ? NULL : store_key_fault(object[i].key);
        open[i] = puts ? store_put_checked(&object[i]) : fault == NULL;
        if (fault)
            store_object_answer(&object[i], WEIR_E_CONFIG, true, "%s", fault);
        if (puts && open[i])
            weir_metric_add(WEIR_M_store_bytes_put, (int64_t)object[i].body.len);
    }
    int64_t until = self->clock->mono_us(self->clock) + self->patience_us;
    weir_backoff backoff = {.clock = self->clock};
    weir_code rc = WEIR_OK;
    for (;;) {
        s3_keys keys;
        rc = s3_auth_keys(&self->auth, &keys, err);
        if (rc != WEIR_OK)
            break;
        wait_if_slow(self);
        s3_batch batch = {verb, object, open, count};
        size_t again = one_round(self, &batch, &keys);
        explicit_bzero(&keys, sizeof keys);
        if (again == 0 || self->clock->mono_us(self->clock) >= until)
            break;
        weir_metric_add(WEIR_M_store_retries, (int64_t)again);
        weir_backoff_wait(&backoff);
    }
    weir_heap_free(open);
    forgive_missing(verb, object, count);
    return rc == WEIR_OK ? store_outcome(method_of[verb], object, count, err) : rc;
}

static weir_code get_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    return run(self_of(store), S3_GET, object, count, err);
}

static weir_code head_objects(weir_store *store, weir_object *object, size_t count,
                              weir_err *err)
{
    return run(self_of(store), S3_HEAD, object, count, err);
}

static weir_code put_objects(weir_store *store, weir_object *object, size_t count,
                             weir_err *err)
{
    return run(self_of(store), S3_PUT, object, count, err);
}

static weir_code put_new_objects(weir_store *store, weir_object *object, size_t count,
                                 weir_err *err)
{
    return run(self_of(store), S3_PUT_NEW, object, count, err);
}

static weir_code remove_objects(weir_store *store, weir_object *object, size_t count,
                                weir_err *err)
{
    return run(self_of(store), S3_DELETE, object, count, err);
}

static void collect(void *self, weir_str key, uint64_t size, int64_t modified_us)
{
    store_listing *listing = self;
    if (listing->count < listing->most)
        store_listing_add(listing, key, size, modified_us);
}

/* Names of a query in order: continuation-token, list-type, max-keys, prefix,
   start-after. */
static void list_query(weir_buf *out, weir_str prefix, weir_str after, const char *token,
                       uint32_t most)
{
    weir_buf_clear(out);
    if (token[0]) {
        weir_buf_text(out, "continuation-token=");
        s3_encode(out, weir_str_of(token), false);
        weir_buf_text(out, "&");
    }
    weir_buf_format(out, "list-type=2&max-keys=%u", most < 1000 ? most : 1000);
    weir_buf_text(out, "&prefix=");
    s3_encode(out, prefix, false);
    if (after.len > 0 && token[0] == 0) {
        weir_buf_text(out, "&start-after=");
        s3_encode(out, after, false);
    }
    weir_buf_byte(out, 0);
    out->len--;
}

static weir_code one_page(s3_store *self, const char *query, s3_page *page,
                          store_listing *listing, weir_err *err)
{
    char path[320];
    (void)snprintf(path, sizeof path, "%s/", self->root);
    int64_t until = self->clock->mono_us(self->clock) + self->patience_us;
    weir_backoff backoff = {.clock = self->clock};
    for (;;) {
        s3_keys keys;
        weir_code rc = s3_auth_keys(&self->auth, &keys, err);
        if (rc != WEIR_OK)
            return rc;
        wait_if_slow(self);
        s3_try try = {.verb = S3_LIST, .path = path, .query = query};
        weir_object object = {.key = WEIR_STR("(list)")};
        uint32_t before = listing->count;
        sign_try(self, &try, &object, &keys);
        try.request.body_most = 8u << 20;
        weir_http_perform(self->http, &try.request, 1);
        weir_metric_add(WEIR_M_store_requests, 1);
        s3_meaning meaning = settle(self, S3_LIST, &try, &object);
        if (meaning == S3_DONE && !s3_list_read(weir_buf_view(&try.request.got), page)) {
            meaning = S3_AGAIN;
            listing->count = before;
            listing->listed.len = before * sizeof(weir_listed);
            store_object_answer(&object, WEIR_E_REMOTE, false, "the list is damaged");
        }
        weir_buf_done(&try.request.got);
        weir_buf_done(&try.request.got_header);
        if (meaning == S3_DONE)
            return WEIR_OK;
        bool again = meaning == S3_AGAIN || meaning == S3_SLOW || meaning == S3_SKEW ||
                     meaning == S3_EXPIRED;
        if (!again || self->clock->mono_us(self->clock) >= until)
            return store_outcome("LIST", &object, 1, err);
        weir_backoff_wait(&backoff);
    }
}

static weir_code list_objects(weir_store *store, weir_str prefix, weir_str after,
                              uint32_t most, weir_arena *arena, weir_listed **out,
                              uint32_t *out_count, weir_err *err)
{
    s3_store *self = self_of(store);
    store_listing listing = {.arena = arena, .most = most};
    s3_page page = {.each = collect, .self = &listing};
    weir_buf query = {0};
    weir_code rc = WEIR_OK;
    do {
        list_query(&query, prefix, after, page.token, most - listing.count);
        rc = one_page(self, query.at, &page, &listing, err);
    } while (rc == WEIR_OK && page.truncated && page.token[0] && listing.count < most);
    weir_buf_done(&query);
    if (rc == WEIR_OK)
        store_listing_finish(&listing, out, out_count);
    else
        weir_buf_done(&listing.listed);
    return rc;
}
