/* tests/s3_run: the store against a small S3 that loses answers, refuses, and lies.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_clock.h"
#include "fake_http.h"
#include "s3/s3.h"
#include "store_fault.h"
#include "store_object.h"
#include "weir/hash.h"
#include "weir/limits.h"

/* What is done to one request. */
typedef struct trick {
    const char   *method; /* NULL: any */
    int           times;  /* how often; -1: always */
    int           status; /* 0: as the server would */
    const char   *code;
    bool          apply; /* although it is answered otherwise */
    fake_http_way way;
    const char   *headers;
} trick;

typedef struct bed {
    fake_http   server;
    fake_clock  clock;
    weir_store *memory; /* the objects of the fake server */
    weir_store *store;
    weir_arena *arena;
    trick       trick[4];
    uint64_t    puts, gets, heads, lists;
    char        last_head[4096]; /* of the last request */
    char        last_target[2048];
    weir_err    err;
    bool        unordered, unencoded;
} bed;

static trick *trick_for(bed *b, weir_str method)
{
    for (size_t i = 0; i < 4; i++) {
        trick *t = &b->trick[i];
        if (t->times == 0 || (t->method != NULL && !weir_str_is(method, t->method)))
            continue;
        if (t->times > 0)
            t->times--;
        return t;
    }
    return NULL;
}

static void error_body(fake_http_answer *out, const char *code)
{
    weir_buf_format(&out->body, "<Error><Code>%s</Code><Message>why</Message></Error>",
                    code);
}

static void do_put(bed *b, weir_str key, const fake_http_request *request,
                   fake_http_answer *out)
{
    weir_object object = {.key = key, .body = request->body};
    weir_err    err;
    object.token = fake_http_header(request, "x-amz-meta-weir");
    bool      is_new = fake_http_header(request, "if-none-match").at != NULL;
    weir_code rc = is_new ? b->memory->kind->put_new(b->memory, &object, 1, &err)
                          : b->memory->kind->put(b->memory, &object, 1, &err);
    out->status = rc == WEIR_OK ? 200 : 412;
    if (rc != WEIR_OK)
        error_body(out, "PreconditionFailed");
}

static void do_get(bed *b, weir_str key, const fake_http_request *request,
                   fake_http_answer *out)
{
    unsigned long long from = 0, to = 0;
    weir_object        object = {.key = key};
    weir_err           err;
    weir_str           range = fake_http_header(request, "range");
    if (b->memory->kind->get(b->memory, &object, 1, &err) != WEIR_OK) {
        out->status = 404;
        error_body(out, "NoSuchKey");
    } else if (range.at == NULL) {
        weir_buf_str(&out->body, weir_buf_view(&object.got));
    } else {
        char text[64];
        (void)snprintf(text, sizeof text, "%.*s", WEIR_STR_FMT(range));
        if (sscanf(text, "bytes=%llu-%llu", &from, &to) < 2 || to >= object.got.len)
            to = object.got.len - 1;
        out->status = from < object.got.len ? 206 : 416;
        if (from < object.got.len) {
            weir_buf_str(&out->body,
                         (weir_str){object.got.at + from, (size_t)(to - from + 1)});
            weir_buf_format(&out->headers, "Content-Range: bytes %llu-%llu/%zu\r\n", from,
                            to, object.got.len);
        } else {
            error_body(out, "InvalidRange");
        }
    }
    weir_buf_done(&object.got);
}

static void do_head(bed *b, weir_str key, fake_http_answer *out)
{
    weir_object object = {.key = key};
    weir_err    err;
    out->status = b->memory->kind->head(b->memory, &object, 1, &err) == WEIR_OK ? 200 : 404;
    if (out->status == 200) {
        weir_buf_format(&out->headers, "Content-Length: %" PRIu64 "\r\n", object.size);
        weir_buf_format(&out->headers, "X-Amz-Meta-Weir: %s\r\n", object.got_token);
    }
}

static weir_str query_value(bed *b, const char *name)
{
    char        find[64];
    const char *at = NULL;
    (void)snprintf(find, sizeof find, "&%s=", name);
    at = strstr(b->last_target, find);
    if (at == NULL)
        return (weir_str){"", 0};
    at += strlen(find);
    char *out = weir_arena_zero(b->arena, 1100);
    char *to = out;
    for (; *at != '\0' && *at != '&'; at++) {
        unsigned value = 0;
        if (*at == '%' && sscanf(at + 1, "%2x", &value) == 1)
            at += 2;
        *to++ = value != 0 ? (char)value : *at;
    }
    return weir_str_of(out);
}

static void do_list(bed *b, fake_http_answer *out)
{
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    weir_err     err;
    int64_t      most = 0;
    CHECK(weir_str_to_i64(query_value(b, "max-keys"), &most));
    if (most > 3)
        most = 3; /* small pages */
    CHECK_OK(b->memory->kind->list(b->memory, query_value(b, "prefix"),
                                   query_value(b, "start-after"), (uint32_t)most + 1,
                                   b->arena, &listed, &count, &err),
             &err);
    bool more = count > most;
    weir_buf_format(&out->body, "<ListBucketResult><IsTruncated>%s</IsTruncated>",
                    more ? "true" : "false");
    for (uint32_t i = 0; i < (more ? (uint32_t)most : count); i++) {
        weir_buf key = {0};
        s3_encode(&key, listed[b->unordered && i < 2 && count > 1 ? 1 - i : i].key, true);
        weir_buf_format(&out->body,
                        "<Contents><Key>%.*s</Key><Size>%" PRIu64 "</Size></Contents>",
                        WEIR_STR_FMT(weir_buf_view(&key)), listed[i].size);
        weir_buf_done(&key);
    }
    weir_buf_text(&out->body, "<EncodingType>url</EncodingType></ListBucketResult>");
}

static weir_str key_of(bed *b, weir_str target)
{
    char *out = weir_arena_zero(b->arena, target.len + 1);
    char *to = out;
    for (size_t i = strlen("/bucket/"); i < target.len && target.at[i] != '?'; i++) {
        unsigned value = 0;
        if (target.at[i] == '%' && sscanf(target.at + i + 1, "%2x", &value) == 1)
            i += 2;
        *to++ = value != 0 ? (char)value : target.at[i];
    }
    return weir_str_of(out);
}

static void apply(bed *b, const fake_http_request *request, fake_http_answer *out)
{
    weir_str key = key_of(b, request->target);
    if (weir_str_is(request->method, "PUT"))
        do_put(b, key, request, out);
    else if (weir_str_is(request->method, "HEAD"))
        do_head(b, key, out);
    else if (weir_str_is(request->method, "DELETE"))
        out->status = 204;
    else if (key.len == 0)
        do_list(b, out);
    else
        do_get(b, key, request, out);
}

static void serve(void *self, const fake_http_request *request, fake_http_answer *out)
{
    bed *b = self;
    b->puts += weir_str_is(request->method, "PUT");
    b->gets += weir_str_is(request->method, "GET");
    b->heads += weir_str_is(request->method, "HEAD");
    (void)snprintf(b->last_head, sizeof b->last_head, "%.*s", WEIR_STR_FMT(request->head));
    (void)snprintf(b->last_target, sizeof b->last_target, "%.*s",
                   WEIR_STR_FMT(request->target));
    trick *t = trick_for(b, request->method);
    if (t == NULL || t->apply || (t->status == 0 && t->way != FAKE_HTTP_NO_ANSWER))
        apply(b, request, out);
    if (t == NULL)
        return;
    out->way = t->way;
    if (t->headers != NULL)
        weir_buf_text(&out->headers, t->headers);
    if (t->status != 0) {
        out->status = t->status;
        weir_buf_clear(&out->body);
        if (t->code != NULL)
            error_body(out, t->code);
    }
}

static const weir_option options[] = {
#define S3_OPTION(n, t, f, c, h)                                                           \
    {.name = (n), .type = (t), .fallback = (f), .choices = (c), .help = (h)},
#include "weir/s3_options.def"
#undef S3_OPTION
    {0},
};

static weir_store *open_with(bed *b, const weir_setting *setting, size_t count,
                             const char *location)
{
    const weir_option *const tables[3] = {options};
    weir_opts               *opts = NULL;
    weir_store              *store = NULL;
    CHECK_OK(weir_opts_read(tables, setting, count, b->arena, &opts, &b->err), &b->err);
    weir_store_setup setup = {
        .location = weir_str_of(location), .opts = opts, .clock = &b->clock.base};
    if (weir_store_new(weir_store_find(WEIR_STR("s3")), &setup, &store, &b->err) != WEIR_OK)
        return NULL;
    return store;
}

#define SET(n, v)                                                                          \
    {                                                                                      \
        .name = WEIR_STR(n), .value = weir_str_of(v), .name_at = -1, .value_at = -1        \
    }

static void set_up(bed *b)
{
    memset(b, 0, sizeof *b);
    weir_err_clear(&b->err);
    b->clock = fake_clock_new();
    b->arena = weir_arena_new("bed", 4096);
    weir_store_setup memory = {.location = WEIR_STR("memory:"), .clock = &b->clock.base};
    CHECK_OK(
        weir_store_new(weir_store_find(WEIR_STR("memory")), &memory, &b->memory, &b->err),
        &b->err);
    fake_http_start(&b->server, serve, b);
    const weir_setting setting[] = {
        SET("s3.endpoint", b->server.url), SET("s3.access_key", "id"),
        SET("s3.secret_key", "secret"), SET("s3.session_token", "token"),
        SET("s3.timeout", "60 seconds")};
    b->store = open_with(b, setting, 5, "s3://bucket");
    assert_non_null(b->store);
}

static void tear_down(bed *b)
{
    weir_store_free(b->store);
    fake_http_stop(&b->server);
    weir_store_free(b->memory);
    weir_arena_free(b->arena);
}

static weir_code put_new(bed *b, const char *key, const char *body, weir_object *out)
{
    *out = (weir_object){.key = weir_str_of(key), .body = weir_str_of(body)};
    weir_code rc = b->store->kind->put_new(b->store, out, 1, &b->err);
    fake_http_settle(&b->server);
    CHECK_INT(rc, out->rc);
    return rc;
}

static weir_code get(bed *b, const char *key, weir_object *out)
{
    weir_buf_done(&out->got);
    *out = (weir_object){.key = weir_str_of(key), .from = out->from, .length = out->length};
    weir_code rc = b->store->kind->get(b->store, out, 1, &b->err);
    fake_http_settle(&b->server);
    CHECK_INT(rc, out->rc);
    return rc;
}

static void requests_carry_what_they_must(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    CHECK_INT(put_new(&b, "a b/c+\xc3\xa4", "body", &object), WEIR_OK);
    CHECK_TEXT(b.last_target, "/bucket/a%20b/c%2B%C3%A4");
    CHECK_HOLDS(b.last_head, "if-none-match: *");
    CHECK_HOLDS(b.last_head,
                "SignedHeaders=host;if-none-match;x-amz-content-sha256;x-amz-date;"
                "x-amz-security-token,");
    CHECK_HOLDS(b.last_head, "x-amz-security-token: token");
    CHECK_HOLDS(b.last_head, "x-amz-date: 20240101T000000Z");
    weir_sha256 sha = weir_sha256_of(WEIR_STR("body"));
    char        hex[65];
    CHECK_HOLDS(b.last_head, weir_sha256_hex(&sha, hex));
    CHECK(strstr(b.last_head, "secret") == NULL);
    CHECK_HOLDS(b.store->place, "http://127.0.0.1:");
    CHECK_HOLDS(b.store->place, "/bucket");
    tear_down(&b);
}

static void conditional_put_is_sent_once_whatever_comes(void **state)
{
    (void)state;
    const trick tricks[] = {
        {.times = 1, .status = 500, .code = "InternalError", .apply = true},
        {.times = 1, .status = 503, .code = "SlowDown"},
        {.times = 1, .status = 504},
        {.times = 1, .status = 409, .code = "ConditionalRequestConflict"},
        {.times = 1, .way = FAKE_HTTP_NO_ANSWER, .apply = true},
        {.times = 1, .way = FAKE_HTTP_CUT_HEAD, .apply = true},
        {.times = 1, .status = 200, .code = "InternalError"},
    };
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        bed         b;
        weir_object object;
        set_up(&b);
        b.trick[0] = tricks[i];
        CHECK_INT(put_new(&b, "k", "one", &object), WEIR_E_UNKNOWN);
        CHECK(!object.permanent);
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        CHECK_U64(b.puts, 1);
        /* whoever knows the body asks again, and finds its own or makes it */
        weir_code again = put_new(&b, "k", "one", &object);
        CHECK(again == (tricks[i].apply ? WEIR_E_CONFLICT : WEIR_OK));
        weir_object seen = {.from = 0};
        CHECK_INT(get(&b, "k", &seen), WEIR_OK);
        CHECK_STR(weir_buf_view(&seen.got), "one");
        weir_buf_done(&seen.got);
        tear_down(&b);
    }
}

static void conditional_put_on_an_existing_key_is_a_conflict(void **state)
{
    (void)state;
    const trick tricks[] = {
        {.times = 0}, {.times = 1, .status = 304}, {.times = 1, .status = 412}};
    for (size_t i = 0; i < 3; i++) {
        bed         b;
        weir_object object;
        set_up(&b);
        CHECK_INT(put_new(&b, "k", "one", &object), WEIR_OK);
        b.trick[0] = tricks[i];
        CHECK_INT(put_new(&b, "k", "two", &object), WEIR_E_CONFLICT);
        tear_down(&b);
    }
}

static void refusal_for_ever_is_told_at_once(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    b.trick[0] = (trick){.times = -1, .status = 403, .code = "AccessDenied"};
    CHECK_INT(put_new(&b, "k", "one", &object), WEIR_E_REMOTE);
    CHECK(object.permanent);
    CHECK_INT(object.status, 403);
    CHECK_HOLDS(object.why, "AccessDenied: why");
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    weir_object seen = {.from = 0};
    CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
    CHECK(seen.permanent);
    CHECK_U64(b.gets, 1);
    CHECK_INT(b.clock.pauses, 0);
    b.trick[0] = (trick){.times = -1,
                         .status = 301,
                         .code = "PermanentRedirect",
                         .headers = "x-amz-bucket-region: eu-west-3\r\n"};
    CHECK_INT(get(&b, "k", &seen), WEIR_E_CONFIG);
    CHECK_HOLDS(seen.why, "eu-west-3");
    b.trick[0] = (trick){.times = -1, .status = 404, .code = "NoSuchBucket"};
    CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
    CHECK_HOLDS(seen.why, "NoSuchBucket");
    tear_down(&b);
}

static void reads_are_repeated_until_they_are_whole(void **state)
{
    (void)state;
    const trick tricks[] = {
        {.times = 3, .status = 500, .code = "InternalError"},
        {.times = 3, .status = 503, .code = "SlowDown"},
        {.times = 3, .status = 400, .code = "RequestTimeout"},
        {.times = 3, .way = FAKE_HTTP_CUT},
        {.times = 3, .way = FAKE_HTTP_CUT_HEAD},
        {.times = 3, .way = FAKE_HTTP_NO_ANSWER},
    };
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        bed         b;
        weir_object object;
        set_up(&b);
        CHECK_INT(put_new(&b, "k", "0123456789", &object), WEIR_OK);
        b.trick[0] = tricks[i];
        weir_object seen = {.from = 0};
        CHECK_INT(get(&b, "k", &seen), WEIR_OK);
        CHECK_STR(weir_buf_view(&seen.got), "0123456789");
        CHECK_U64(seen.size, 10);
        CHECK(b.gets >= 4); /* libcurl repeats some by itself */
        b.trick[0] = tricks[i];
        seen.from = 2;
        seen.length = 3;
        CHECK_INT(get(&b, "k", &seen), WEIR_OK);
        CHECK_STR(weir_buf_view(&seen.got), "234");
        CHECK_U64(seen.size, 10);
        weir_buf_done(&seen.got);
        tear_down(&b);
    }
}

static void patience_ends(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    b.trick[0] = (trick){.times = -1, .status = 500};
    weir_object seen = {.from = 0};
    int64_t     start_us = b.clock.mono;
    CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
    CHECK(!seen.permanent);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK(b.clock.mono - start_us >= 10000000);
    CHECK(b.clock.mono - start_us <= 20000000);
    CHECK(b.gets >= 5);
    tear_down(&b);
}

static void plain_put_is_repeated(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    b.trick[0] = (trick){.times = 2, .status = 500, .apply = true};
    b.trick[1] = (trick){.times = 1, .way = FAKE_HTTP_NO_ANSWER};
    CHECK_OK(weir_store_put_one(b.store, WEIR_STR("k"), WEIR_STR("v"), &b.err), &b.err);
    CHECK(b.puts >= 4);
    tear_down(&b);
}

static void server_that_wants_fewer_requests_makes_all_but_commits_wait(void **state)
{
    (void)state;
    bed         b;
    weir_object object, seen = {.from = 0};
    set_up(&b);
    CHECK_INT(put_new(&b, "k", "v", &object), WEIR_OK);
    b.trick[0] = (trick){.times = 1, .status = 503, .code = "SlowDown"};
    CHECK_INT(put_new(&b, "n", "v", &object), WEIR_E_UNKNOWN);
    CHECK_INT(put_new(&b, "n", "v", &object), WEIR_OK);
    CHECK_INT(b.clock.pauses, 0);
    CHECK_INT(get(&b, "k", &seen), WEIR_OK);
    CHECK_INT(b.clock.pauses, 1);
    CHECK(b.clock.paused >= 400000);
    CHECK_INT(get(&b, "k", &seen), WEIR_OK);
    CHECK_INT(b.clock.pauses, 1); /* it is over */
    weir_buf_done(&seen.got);
    tear_down(&b);
}

static void ranges_that_are_not_what_was_asked_for_are_refused(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    CHECK_INT(put_new(&b, "k", "0123456789", &object), WEIR_OK);
    weir_object seen = {.from = 3, .length = 4};
    const char *wrong[] = {
        "Content-Range: bytes 2-5/10\r\n", "Content-Range: bytes 3-7/10\r\n",
        "Content-Range: bytes 3-6/6\r\n", "Content-Range: nonsense\r\n", ""};
    for (size_t i = 0; i < 5; i++) {
        b.trick[0] = (trick){.times = 1, .status = 206, .headers = wrong[i]};
        CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
        CHECK(seen.permanent);
    }
    b.trick[0] = (trick){.times = 1, .status = 200}; /* does not do ranges */
    CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
    seen.length = 0;
    seen.from = 0;
    b.trick[0] = (trick){.times = 1, .status = 206};
    CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
    seen.from = UINT64_MAX - 5;
    CHECK_INT(get(&b, "k", &seen), WEIR_E_CORRUPT);
    seen.from = 0;
    seen.length = WEIR_STORE_BODY_MAX + 1ull;
    CHECK_INT(get(&b, "k", &seen), WEIR_E_LIMIT);
    weir_buf_done(&seen.got);
    tear_down(&b);
}

static void unframed(void *self, const fake_http_request *request, fake_http_answer *out)
{
    bed *b = self;
    (void)request;
    b->gets++;
    weir_buf_text(&out->body, "half of it, and who could tell");
    out->no_length = b->gets < 3;
}

static void body_of_unknown_length_is_not_believed(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    b.server.answer = unframed;
    weir_object seen = {.from = 0};
    CHECK_INT(get(&b, "k", &seen), WEIR_OK);
    CHECK_U64(b.gets, 3);
    weir_buf_done(&seen.got);
    tear_down(&b);
}

static void clock_is_learned_from_a_refusal(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    b.trick[0] = (trick){.times = 1,
                         .status = 403,
                         .code = "RequestTimeTooSkewed",
                         .headers = "Date: Mon, 01 Jan 2024 02:00:00 GMT\r\n"};
    CHECK_INT(put_new(&b, "k", "v", &object), WEIR_OK); /* refused: so it was not done */
    CHECK_U64(b.puts, 2);
    CHECK_HOLDS(b.last_head, "x-amz-date: 20240101T0200");
    b.trick[0] = (trick){
        .times = 1, .status = 503, .headers = "Date: Mon, 01 Jan 1979 00:00:00 GMT\r\n"};
    weir_object seen = {.from = 0};
    CHECK_INT(get(&b, "k", &seen), WEIR_OK);
    CHECK_HOLDS(b.last_head, "x-amz-date: 20240101T0200");
    b.trick[0] = (trick){.times = -1,
                         .status = 403,
                         .code = "SignatureDoesNotMatch",
                         .headers = "Date: Mon, 01 Jan 2024 02:00:00 GMT\r\n"};
    CHECK_INT(get(&b, "k", &seen), WEIR_E_REMOTE);
    CHECK(seen.permanent); /* the clock does not explain it: the secret is wrong */
    weir_buf_done(&seen.got);
    tear_down(&b);
}

static void unknown_409_is_decided_by_looking(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    b.trick[0] =
        (trick){.method = "PUT", .times = 1, .status = 409, .code = "Odd", .apply = true};
    CHECK_INT(put_new(&b, "k", "v", &object), WEIR_E_CONFLICT);
    CHECK_U64(b.heads, 1);
    b.trick[0] = (trick){.method = "PUT", .times = 3, .status = 409, .code = "Odd"};
    CHECK_INT(put_new(&b, "l", "v", &object), WEIR_OK);
    b.puts = 0;
    b.trick[0] = (trick){.method = "PUT", .times = -1, .status = 409, .code = "Odd"};
    CHECK_INT(put_new(&b, "m", "v", &object), WEIR_E_REMOTE);
    CHECK(object.permanent);
    CHECK_U64(b.puts, 10);
    b.trick[1] = (trick){.method = "HEAD", .times = -1, .status = 403};
    CHECK_INT(put_new(&b, "m", "v", &object), WEIR_E_UNKNOWN);
    tear_down(&b);
}

static void nobody_there_is_certain(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    const weir_setting setting[] = {SET("s3.endpoint", "http://127.0.0.1:1"),
                                    SET("s3.access_key", "id"), SET("s3.secret_key", "s")};
    weir_store        *store = open_with(&b, setting, 3, "s3://bucket");
    weir_store        *real = b.store;
    b.store = store;
    CHECK_INT(put_new(&b, "k", "v", &object), WEIR_E_REMOTE);
    CHECK(!object.permanent);
    b.store = real;
    weir_store_free(store);
    tear_down(&b);
}

static void list_goes_through_all_pages(void **state)
{
    (void)state;
    bed          b;
    weir_object  object;
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    char         key[64];
    set_up(&b);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(key, sizeof key, "p/%02d +%%\xc3\xa4", i);
        CHECK_INT(put_new(&b, key, "v", &object), WEIR_OK);
    }
    b.trick[0] = (trick){.method = "GET", .times = 2, .status = 500};
    b.trick[1] = (trick){.method = "GET", .times = 1, .way = FAKE_HTTP_CUT};
    CHECK_OK(b.store->kind->list(b.store, WEIR_STR("p/"), WEIR_STR(""), 100, b.arena,
                                 &listed, &count, &b.err),
             &b.err);
    CHECK_INT(count, 20);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(key, sizeof key, "p/%02d +%%\xc3\xa4", i);
        CHECK_STR(listed[i].key, key);
    }
    CHECK_OK(b.store->kind->list(b.store, WEIR_STR("p/"), listed[4].key, 7, b.arena,
                                 &listed, &count, &b.err),
             &b.err);
    CHECK_INT(count, 7);
    CHECK(weir_str_starts(listed[0].key, "p/05"));
    b.unordered = true;
    CHECK_FAILS(b.store->kind->list(b.store, WEIR_STR("p/"), WEIR_STR(""), 100, b.arena,
                                    &listed, &count, &b.err),
                WEIR_E_REMOTE, &b.err);
    CHECK_SAYS(&b.err, "order");
    tear_down(&b);
}

static void bad_pages(void *self, const fake_http_request *request, fake_http_answer *out)
{
    static const char *const pages[] = {
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><Contents><Key></Key></Contents></ListBucketResult>",
        "<ListBucketResult><Contents><Key>a</Key></Contents>",
        "<ListBucketResult><Contents><Key>elsewhere</Key></Contents></ListBucketResult>",
        "not XML",
    };
    (void)request;
    weir_buf_text(&out->body, pages[*(int *)self]);
}

static void list_that_makes_no_sense_is_an_error(void **state)
{
    (void)state;
    for (int page = 0; page < 5; page++) {
        bed          b;
        weir_listed *listed = NULL;
        uint32_t     count = 0;
        set_up(&b);
        b.server.answer = bad_pages;
        b.server.self = &page;
        CHECK_FAILS(b.store->kind->list(b.store, WEIR_STR("p/"), WEIR_STR(""), 100, b.arena,
                                        &listed, &count, &b.err),
                    WEIR_E_REMOTE, &b.err);
        tear_down(&b);
    }
}

static void setup_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    const char        *locations[] = {"s3://",  "s3://a/b", "s3://-a",
                                      "bucket", "s3://a b", "s3://\xc3\xa4"};
    const weir_setting good[] = {SET("s3.endpoint", "http://h"), SET("s3.access_key", "id"),
                                 SET("s3.secret_key", "s")};
    for (size_t i = 0; i < sizeof locations / sizeof locations[0]; i++) {
        assert_null(open_with(&b, good, 3, locations[i]));
        CHECK_INT(b.err.code, WEIR_E_CONFIG);
    }
    const char *endpoints[] = {"h",          "ftp://h",       "http://",
                               "http://u@h", "http://h/path", "http://h?x"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        const weir_setting bad[] = {SET("s3.endpoint", endpoints[i])};
        assert_null(open_with(&b, bad, 1, "s3://bucket"));
        CHECK_INT(b.err.code, WEIR_E_CONFIG);
    }
    const weir_setting half[] = {SET("s3.access_key", "id")};
    assert_null(open_with(&b, half, 1, "s3://bucket"));
    const weir_setting region[] = {SET("s3.region", "a/b")};
    assert_null(open_with(&b, region, 1, "s3://bucket"));
    tear_down(&b);
}

static void expect_place(bed *b, const weir_setting *setting, size_t count,
                         const char *bucket, const char *url)
{
    weir_store *store = open_with(b, setting, count, bucket);
    assert_non_null(store);
    s3_store *self = (s3_store *)store_behind_faults(store);
    char      got[700];
    (void)snprintf(got, sizeof got, "%s%s", self->base_url, self->root);
    CHECK_TEXT(got, url);
    weir_store_free(store);
}

static void bucket_is_in_the_path_or_in_the_host(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    unsetenv("AWS_ENDPOINT_URL_S3");
    unsetenv("AWS_ENDPOINT_URL");
    const weir_setting own[] = {SET("s3.endpoint", "https://h:443/"),
                                SET("s3.path_style", "auto")};
    const weir_setting host[] = {SET("s3.endpoint", "http://h:8080"),
                                 SET("s3.path_style", "false")};
    const weir_setting aws[] = {SET("s3.region", "eu-west-3")};
    const weir_setting aws_path[] = {SET("s3.region", "eu-west-3"),
                                     SET("s3.path_style", "true")};
    const weir_setting plain[] = {SET("s3.endpoint", "http://h:80")};
    expect_place(&b, own, 2, "s3://bucket", "https://h/bucket");
    expect_place(&b, plain, 1, "s3://bucket", "http://h/bucket");
    expect_place(&b, host, 2, "s3://bucket", "http://bucket.h:8080");
    expect_place(&b, aws, 1, "s3://bucket", "https://bucket.s3.eu-west-3.amazonaws.com");
    expect_place(&b, aws, 1, "s3://with.dot",
                 "https://s3.eu-west-3.amazonaws.com/with.dot");
    expect_place(&b, aws_path, 2, "s3://bucket",
                 "https://s3.eu-west-3.amazonaws.com/bucket");
    setenv("AWS_ENDPOINT_URL", "http://generic:1", 1);
    setenv("AWS_REGION", "from-env", 1);
    expect_place(&b, NULL, 0, "s3://bucket", "http://generic:1/bucket");
    setenv("AWS_ENDPOINT_URL_S3", "http://special:2", 1);
    expect_place(&b, NULL, 0, "s3://bucket", "http://special:2/bucket");
    unsetenv("AWS_ENDPOINT_URL_S3");
    unsetenv("AWS_ENDPOINT_URL");
    expect_place(&b, NULL, 0, "s3://bucket", "https://bucket.s3.from-env.amazonaws.com");
    unsetenv("AWS_REGION");
    tear_down(&b);
}

static void keys_that_ran_out_are_fetched_anew(void **state)
{
    (void)state;
    bed         b;
    weir_object object;
    set_up(&b);
    b.trick[0] = (trick){.times = 1, .status = 400, .code = "ExpiredToken"};
    CHECK_INT(put_new(&b, "k", "v", &object), WEIR_OK);
    CHECK_U64(b.puts, 2);
    b.trick[0] = (trick){.times = -1, .status = 400, .code = "ExpiredToken"};
    b.puts = 0;
    CHECK_INT(put_new(&b, "l", "v", &object), WEIR_E_REMOTE);
    CHECK(!object.permanent);
    CHECK_U64(b.puts, 2);
    tear_down(&b);
}

static void why_head_is_refused_is_asked_with_get(void **state)
{
    bed         b;
    weir_object object = {.key = WEIR_STR("k")};
    (void)state;
    set_up(&b);
    for (int i = 0; i < 3; i++) { /* once; for ever; refused for ever */
        const char *code = i < 2 ? "ExpiredToken" : "AccessDenied";
        b.trick[0] = (trick){"HEAD", i ? -1 : 1, 400, NULL, false, FAKE_HTTP_WHOLE, NULL};
        b.trick[1] = (trick){"GET", i ? -1 : 1, 400, code, false, FAKE_HTTP_WHOLE, NULL};
        weir_code rc = b.store->kind->head(b.store, &object, 1, &b.err);
        CHECK_INT(rc, i ? WEIR_E_REMOTE : WEIR_E_NOTFOUND);
        CHECK(i == 0 || (strstr(object.why, code) && object.permanent == (i == 2)));
    }
    tear_down(&b);
}

static void racing_writers_of_one_key_pass_the_probe(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    CHECK_OK(weir_store_probe(b.store, WEIR_STR("p"), &b.err), &b.err);
    b.trick[0] =
        (trick){.method = "PUT", .times = -1, .status = 403, .code = "AccessDenied"};
    CHECK_FAILS(weir_store_probe(b.store, WEIR_STR("p"), &b.err), WEIR_E_REMOTE, &b.err);
    tear_down(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_carry_what_they_must),
        TEST(conditional_put_is_sent_once_whatever_comes),
        TEST(conditional_put_on_an_existing_key_is_a_conflict),
        TEST(refusal_for_ever_is_told_at_once),
        TEST(reads_are_repeated_until_they_are_whole),
        TEST(patience_ends),
        TEST(plain_put_is_repeated),
        TEST(server_that_wants_fewer_requests_makes_all_but_commits_wait),
        TEST(ranges_that_are_not_what_was_asked_for_are_refused),
        TEST(body_of_unknown_length_is_not_believed),
        TEST(clock_is_learned_from_a_refusal),
        TEST(why_head_is_refused_is_asked_with_get),
        TEST(unknown_409_is_decided_by_looking),
        TEST(nobody_there_is_certain),
        TEST(list_goes_through_all_pages),
        TEST(list_that_makes_no_sense_is_an_error),
        TEST(setup_that_makes_no_sense_is_refused),
        TEST(bucket_is_in_the_path_or_in_the_host),
        TEST(keys_that_ran_out_are_fetched_anew),
        TEST(racing_writers_of_one_key_pass_the_probe),
    };
    return RUN_TESTS(tests);
}
