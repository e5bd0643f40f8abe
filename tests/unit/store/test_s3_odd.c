/* tests/s3_odd: answers that are legal, odd or half there, places of all spellings, and a store
 * whose keys are gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "fake_clock.h"
#include "fake_http.h"
#include "s3/s3.h"
#include "store_fault.h"
#include "store_object.h"
#include "weir/limits.h"

typedef struct reply { /* to each request of a method; the last one is repeated */
    const char   *method;
    fake_http_way way;
    int           status;
    const char   *headers, *body;
    bool          no_length;
} reply;

typedef struct bed {
    fake_http   server;
    fake_clock  clock;
    weir_arena *arena;
    weir_store *store;
    weir_err    err;
    reply       reply[4];
    size_t      next;
    uint64_t    requests;
    bool        keys_gone; /* the metadata service has none */
    int64_t     sleeps_us; /* the client, while it waits for an answer */
} bed;

static void serve(void *self, const fake_http_request *request, fake_http_answer *out)
{
    bed *b = self;
    if (weir_str_starts(request->target, "/latest/")) { /* keys of an instance */
        out->status = b->keys_gone ? 500 : 200;
        weir_buf_text(&out->body, "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"s\","
                                  "\"Expiration\":\"2024-01-01T01:00:00Z\"}");
        return;
    }
    const reply *r = &b->reply[b->next];
    b->requests++;
    fake_clock_move(&b->clock, b->sleeps_us);
    if (b->next < 3 && b->reply[b->next + 1].status != 0)
        b->next++;
    out->way = r->way;
    out->status = r->status;
    out->no_length = r->no_length;
    if (r->headers != NULL)
        weir_buf_text(&out->headers, r->headers);
    if (r->body != NULL)
        weir_buf_text(&out->body, r->body);
}

static const weir_option options[] = {
#define S3_OPTION(n, t, f, c, h)                                                           \
    {.name = (n), .type = (t), .fallback = (f), .choices = (c), .help = (h)},
#include "weir/s3_options.def"
#undef S3_OPTION
    {0},
};

#define SET(n, v)                                                                          \
    {                                                                                      \
        .name = WEIR_STR(n), .value = weir_str_of(v), .name_at = -1, .value_at = -1        \
    }

static weir_store *open_with(bed *b, const weir_setting *setting, size_t count,
                             const char *location, int64_t patience_us)
{
    const weir_option *const tables[3] = {options};
    weir_opts               *opts = NULL;
    weir_store              *store = NULL;
    if (setting != NULL)
        CHECK_OK(weir_opts_read(tables, setting, count, b->arena, &opts, &b->err), &b->err);
    weir_store_setup setup = {.location = weir_str_of(location),
                              .opts = opts,
                              .clock = &b->clock.base,
                              .patience_us = patience_us};
    if (weir_store_new(weir_store_find(WEIR_STR("s3")), &setup, &store, &b->err) != WEIR_OK)
        return NULL;
    return store;
}

static void start(bed *b)
{
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID",     "AWS_PROFILE",         "AWS_REGION",
        "AWS_DEFAULT_REGION",    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",
        "AWS_SECRET_ACCESS_KEY", "AWS_CONFIG_FILE"};
    memset(b, 0, sizeof *b);
    weir_err_clear(&b->err);
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere", 1);
    setenv("AWS_CONFIG_FILE", "/nowhere", 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    b->clock = fake_clock_new();
    b->arena = weir_arena_new("bed", 4096);
    fake_http_start(&b->server, serve, b);
}

static void set_up(bed *b)
{
    start(b);
    const weir_setting setting[] = {SET("s3.endpoint", b->server.url),
                                    SET("s3.access_key", "id"), SET("s3.secret_key", "s"),
                                    SET("s3.timeout", "60 seconds")};
    b->store = open_with(b, setting, 4, "s3://bucket", 3000000);
    assert_non_null(b->store);
}

static void tear_down(bed *b)
{
    weir_store_free(b->store);
    fake_http_stop(&b->server);
    weir_arena_free(b->arena);
}

static void answer_with(bed *b, const reply *replies, size_t count)
{
    memset(b->reply, 0, sizeof b->reply);
    memcpy(b->reply, replies, count * sizeof *replies);
    b->next = 0;
    b->requests = 0;
}

static weir_code get(bed *b, weir_object *out)
{
    *out = (weir_object){.key = WEIR_STR("k"), .from = out->from, .length = out->length};
    weir_code rc = b->store->kind->get(b->store, out, 1, &b->err);
    fake_http_settle(&b->server);
    return rc;
}

static weir_code head(bed *b, weir_object *out)
{
    *out = (weir_object){.key = WEIR_STR("k")};
    weir_code rc = b->store->kind->head(b->store, out, 1, &b->err);
    fake_http_settle(&b->server);
    return rc;
}

static void body_in_chunks_is_whole_when_its_end_came(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    const reply chunked = {.way = FAKE_HTTP_RAW,
                           .status = 200,
                           .body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                   "4\r\nbody\r\n0\r\n\r\n"};
    weir_object seen = {.from = 0};
    answer_with(&b, &chunked, 1);
    CHECK_INT(get(&b, &seen), WEIR_OK);
    CHECK_STR(weir_buf_view(&seen.got), "body");
    weir_buf_done(&seen.got);
    const reply torn = {.way = FAKE_HTTP_RAW,
                        .status = 200,
                        .body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "4\r\nbody\r\n"};
    answer_with(&b, &torn, 1);
    CHECK_INT(get(&b, &seen), WEIR_E_REMOTE);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK(b.requests > 1);
    tear_down(&b);
}

/* The server refuses a request that was signed before a long sleep. Signed anew it would be put
   without a look whether it still may be: the caller does that. */
static void put_new_that_slept_is_not_signed_anew(void **state)
{
    (void)state;
    static const reply skewed = {.status = 403,
                                 .body = "<Error><Code>RequestTimeTooSkewed</Code></Error>"};
    static const reply done = {.status = 200};
    for (int slept = 0; slept < 2; slept++) {
        bed         b;
        weir_object object = {.key = WEIR_STR("k"), .body = WEIR_STR("v")};
        const reply both[] = {skewed, done};
        set_up(&b);
        answer_with(&b, both, 2);
        b.sleeps_us = slept ? 20LL * 60 * 1000000 : 1000;
        weir_code rc = b.store->kind->put_new(b.store, &object, 1, &b.err);
        CHECK_INT(rc, slept ? WEIR_E_REMOTE : WEIR_OK);
        CHECK(!object.permanent);
        CHECK_U64(b.requests, slept ? 1 : 2);
        tear_down(&b);
    }
}

/* Two lengths that are at odds: nobody can say whether it is whole. */
static void lengths_at_odds_are_not_believed(void **state)
{
    (void)state;
    static const char *const lengths[] = {"99", "many"};
    for (size_t i = 0; i < 2; i++) {
        bed  b;
        char text[200];
        set_up(&b);
        (void)snprintf(text, sizeof text,
                       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                       "Content-Length: %s\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
                       lengths[i]);
        const reply odd = {.way = FAKE_HTTP_RAW, .status = 200, .body = text};
        weir_object seen = {.from = 0};
        answer_with(&b, &odd, 1);
        CHECK_INT(get(&b, &seen), WEIR_E_REMOTE);
        CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
        CHECK(seen.got.at == NULL);
        tear_down(&b);
    }
}

/* A list is small: what does not end is not read on and on. */
static void body_that_is_too_large_is_not_read(void **state)
{
    (void)state;
    enum { BYTES = (8 << 20) + 1 };
    bed   b;
    char *text = malloc(BYTES + 1);
    set_up(&b);
    memset(text, ' ', BYTES);
    text[BYTES] = '\0';
    const reply  large = {.status = 200, .body = text};
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    answer_with(&b, &large, 1);
    CHECK_INT(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 2, b.arena, &listed,
                                  &count, &b.err),
              WEIR_E_LIMIT);
    CHECK_INT(b.err.fate, WEIR_FATE_HALT);
    fake_http_settle(&b.server);
    CHECK_U64(b.requests, 1);
    free(text);
    tear_down(&b);
}

static void size_that_is_not_told_is_asked_for_again(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    const reply silent[] = {
        {.status = 200, .no_length = true},
        {.status = 200, .headers = "Content-Length: 7\r\nx-amz-meta-weir: t\r\n"}};
    weir_object seen;
    answer_with(&b, silent, 2);
    CHECK_INT(head(&b, &seen), WEIR_OK);
    CHECK_U64(seen.size, 7);
    CHECK_TEXT(seen.got_token, "t");
    CHECK_U64(b.requests, 2);
    char long_token[400] = "Content-Length: 7\r\nx-amz-meta-weir: ";
    memset(long_token + strlen(long_token), 'x', 300);
    memcpy(long_token + strlen(long_token), "\r\n", 3);
    const reply longer = {.status = 200, .headers = long_token};
    answer_with(&b, &longer, 1);
    CHECK_INT(head(&b, &seen), WEIR_OK);
    CHECK_U64(strlen(seen.got_token), 255); /* which is no token of ours */
    tear_down(&b);
}

static void range_of_another_length_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *body;
        weir_code   rc;
    } cases[] = {
        {"Content-Range: bytes 3-6/10\r\n", "3456", WEIR_OK},
        {"Content-Range: bytes 3-5/6\r\n", "345",
         WEIR_E_CORRUPT}, /* the object is shorter */
        {"Content-Range: bytes 3-2/10\r\n", "", WEIR_E_REMOTE},
        {"Content-Range: bytes 3-6/10\r\n", "345", WEIR_E_REMOTE},
        {"Content-Range: bytes 3-6/0000000000000000000000000000000000000000000000000000000"
         "0000000000000000000000000000000000000000000010\r\n",
         "3456", WEIR_E_REMOTE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b);
        const reply one = {
            .status = 206, .headers = cases[i].header, .body = cases[i].body};
        weir_object seen = {.from = 3, .length = 4};
        answer_with(&b, &one, 1);
        CHECK_INT(get(&b, &seen), cases[i].rc);
        if (cases[i].rc == WEIR_OK)
            CHECK_U64(seen.size, 10);
        weir_buf_done(&seen.got);
        tear_down(&b);
    }
}

#define ERROR(code) "<Error><Code>" code "</Code></Error>"

/* For the clock, the keys, a lost race of plain PUTs: done again, and then it works. */
static void passing_refusals_are_tried_again(void **state)
{
    (void)state;
    static const reply refusals[] = {
        {.status = 403,
         .body = ERROR("RequestTimeTooSkewed")}, /* no date: nothing learned */
        {.status = 403,
         .headers = "Date: Mon, 01 Jan 2024 02:00:00 GMT\r\n",
         .body = ERROR("RequestTimeTooSkewed")},
        {.status = 400, .body = ERROR("ExpiredToken")},
        {.status = 200, .body = ERROR("InternalError")}, /* of a plain PUT */
        {.status = 409, .body = ERROR("OperationAborted")},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        bed b;
        set_up(&b);
        const reply both[] = {refusals[i], {.status = 200, .body = "body"}};
        bool        plain_put = i >= 3;
        weir_object seen = {.from = 0};
        answer_with(&b, both, 2);
        if (plain_put)
            CHECK_OK(weir_store_put_one(b.store, WEIR_STR("k"), WEIR_STR("v"), &b.err),
                     &b.err);
        else
            CHECK_INT(get(&b, &seen), WEIR_OK);
        CHECK_U64(b.requests, 2);
        weir_buf_done(&seen.got);
        tear_down(&b);
    }
}

/* The first request of a start is a HEAD, and a host may start with any clock. */
static void clock_is_learned_from_a_head_that_cannot_say_why(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    const reply refused = {.status = 403,
                           .headers = "Date: Mon, 01 Jan 2024 02:00:00 GMT\r\n"};
    const reply both[] = {refused, refused, {.status = 404}};
    weir_object object[2] = {{.key = WEIR_STR("k")}, {.key = WEIR_STR("l")}};
    answer_with(&b, both, 3); /* both at a time: when the second is judged all is learned */
    CHECK_INT(b.store->kind->head(b.store, object, 2, &b.err), WEIR_E_NOTFOUND);
    CHECK_INT(object[0].rc, WEIR_E_NOTFOUND);
    CHECK_INT(object[1].rc, WEIR_E_NOTFOUND);
    answer_with(&b, &refused, 1);
    CHECK_INT(b.store->kind->head(b.store, object, 1, &b.err), WEIR_E_REMOTE);
    CHECK(
        object[0].permanent); /* the clock does not explain it any more: we may not look */
    tear_down(&b);
}

static void redirect_without_a_region_is_told_as_it_is(void **state)
{
    (void)state;
    static const struct {
        int         status;
        const char *headers;
        weir_code   rc;
    } cases[] = {
        {301, NULL, WEIR_E_REMOTE},
        {301, "x-amz-bucket-region: eu-west-3\r\n", WEIR_E_CONFIG},
        {301,
         "x-amz-bucket-region: "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
         WEIR_E_REMOTE},
        {400, "x-amz-bucket-region: eu-west-3\r\n", WEIR_E_REMOTE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed b;
        set_up(&b);
        const reply one = {.status = cases[i].status,
                           .headers = cases[i].headers,
                           .body = ERROR("PermanentRedirect")};
        weir_object seen = {.from = 0};
        answer_with(&b, &one, 1);
        CHECK_INT(get(&b, &seen), cases[i].rc);
        CHECK(seen.permanent);
        CHECK_U64(b.requests, 1);
        tear_down(&b);
    }
}

/* Of several requests only those are repeated that want it. */
static void others_are_not_repeated_with_one_that_fails(void **state)
{
    (void)state;
    bed b;
    set_up(&b);
    const reply replies[] = {{.status = 404, .body = ERROR("NoSuchKey")},
                             {.status = 404, .body = ERROR("NoSuchKey")},
                             {.status = 500, .body = ERROR("InternalError")},
                             {.status = 200, .body = "body"}};
    weir_object object[3] = {
        {.key = WEIR_STR("a")}, {.key = WEIR_STR("b")}, {.key = WEIR_STR("c")}};
    answer_with(&b, replies, 4);
    CHECK_FAILS(b.store->kind->get(b.store, object, 3, &b.err), WEIR_E_NOTFOUND, &b.err);
    fake_http_settle(&b.server);
    int found = 0, missing = 0;
    for (int i = 0; i < 3; i++) {
        found += object[i].rc == WEIR_OK;
        missing += object[i].rc == WEIR_E_NOTFOUND;
        weir_buf_done(&object[i].got);
    }
    CHECK_INT(found, 1);
    CHECK_INT(missing, 2);
    CHECK_U64(b.requests, 4);
    tear_down(&b);
}

static void keys_that_cannot_be_are_not_asked_for(void **state)
{
    (void)state;
    bed  b;
    char text[WEIR_KEY_BYTES_MAX + 2];
    set_up(&b);
    memset(text, 'k', sizeof text);
    const weir_str keys[] = {{"", 0}, {text, WEIR_KEY_BYTES_MAX + 1}};
    for (size_t i = 0; i < 2; i++) {
        weir_object object = {.key = keys[i]};
        CHECK_INT(b.store->kind->head(b.store, &object, 1, &b.err), WEIR_E_NOTFOUND);
    }
    weir_object put = {.key = WEIR_STR("k"), .body = {"", WEIR_STORE_BODY_MAX + 1ull}};
    CHECK_INT(b.store->kind->put(b.store, &put, 1, &b.err), WEIR_E_LIMIT);
    put = (weir_object){.key = WEIR_STR("k"), .token = WEIR_STR("a\x7f")};
    CHECK_INT(b.store->kind->put(b.store, &put, 1, &b.err), WEIR_E_CONFIG);
    put = (weir_object){.key = WEIR_STR("k"), .token = WEIR_STR("a b")};
    CHECK_INT(b.store->kind->put_new(b.store, &put, 1, &b.err), WEIR_E_CONFIG);
    CHECK_U64(b.requests, 0);
    tear_down(&b);
}

/* Without keys nothing is sent, and each verb says so. */
static void without_keys_nothing_is_sent(void **state)
{
    (void)state;
    bed b;
    start(&b);
    setenv("AWS_ENDPOINT_URL", b.server.url, 1);
    b.store = open_with(&b, NULL, 0, "s3://bucket", 3000000);
    assert_non_null(b.store);
    weir_object  object = {.from = 0};
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    CHECK_FAILS(get(&b, &object), WEIR_E_CONFIG, &b.err);
    CHECK_SAYS(&b.err, "there are no keys for S3");
    object = (weir_object){.key = WEIR_STR("k"), .body = WEIR_STR("v")};
    CHECK_FAILS(b.store->kind->put_new(b.store, &object, 1, &b.err), WEIR_E_CONFIG, &b.err);
    CHECK(object.rc != WEIR_OK);
    CHECK_FAILS(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 10, b.arena,
                                    &listed, &count, &b.err),
                WEIR_E_CONFIG, &b.err);
    CHECK_U64(b.requests, 0);
    tear_down(&b);
}

/* The keys are of a metadata service; whoever is done disables it again. */
static void start_with_instance_keys(bed *b)
{
    start(b);
    setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", b->server.url, 1);
    setenv("AWS_ENDPOINT_URL", b->server.url, 1);
    b->store = open_with(b, NULL, 0, "s3://bucket", 3000000);
    assert_non_null(b->store);
}

/* Keys that ran out while the service that has new ones is away: waited for, and in the end told
   as what may work later. */
static void keys_that_ran_out_are_waited_for(void **state)
{
    (void)state;
    bed b;
    start_with_instance_keys(&b);
    const reply  good = {.status = 200, .body = "body"};
    weir_object  seen = {.from = 0};
    weir_listed *listed = NULL;
    uint32_t     count = 0;
    answer_with(&b, &good, 1);
    CHECK_INT(get(&b, &seen), WEIR_OK);
    weir_buf_done(&seen.got);
    b.keys_gone = true;
    fake_clock_move(&b.clock, 3601 * 1000000LL);
    int64_t before_us = b.clock.mono;
    CHECK_INT(get(&b, &seen), WEIR_E_REMOTE);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&b.err, "expired");
    CHECK(b.clock.mono - before_us >= 3000000);
    CHECK_INT(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 10, b.arena, &listed,
                                  &count, &b.err),
              WEIR_E_REMOTE);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_U64(b.requests, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    tear_down(&b);
}

/* HEAD is refused, and the GET that is to say why has no answer to that: it is allowed, or
   there are no keys for it any more. What HEAD said stands. */
static void refusal_that_nothing_explains_stands(void **state)
{
    (void)state;
    static const reply refused = {.status = 403}, good = {.status = 200, .body = "b"};
    static const reply first = {.status = 206, .body = "b",
                                .headers = "Content-Range: bytes 0-0/1\r\n"};
    for (int keys_end = 0; keys_end < 2; keys_end++) {
        bed b;
        start_with_instance_keys(&b);
        weir_object seen = {.from = 0};
        answer_with(&b, &good, 1);
        CHECK_INT(get(&b, &seen), WEIR_OK); /* there are keys */
        weir_buf_done(&seen.got);
        const reply replies[] = {refused, first};
        answer_with(&b, replies, 2);
        b.keys_gone = keys_end;
        b.sleeps_us = keys_end ? 3601 * 1000000LL : 0;
        CHECK_INT(head(&b, &seen), WEIR_E_REMOTE);
        CHECK(seen.permanent);
        CHECK_SAME(((weir_str){seen.why, 3}), WEIR_STR("403"));
        CHECK_U64(b.requests, keys_end ? 1 : 2);
        setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
        tear_down(&b);
    }
}

/* A store that is opened when a job starts may be asked for the first time hours later, behind a
   commit: a metadata service that is away just then is no mistake of whoever set the job up. */
static void keys_are_looked_for_when_a_store_is_opened(void **state)
{
    (void)state;
    bed b;
    start_with_instance_keys(&b);
    b.keys_gone = true;
    fake_clock_move(&b.clock, 1800 * 1000000LL);
    const reply good = {.status = 200, .body = "body"};
    weir_object seen = {.from = 0};
    answer_with(&b, &good, 1);
    CHECK_OK(get(&b, &seen), &b.err);
    weir_buf_done(&seen.got);
    weir_store_free(b.store);
    b.keys_gone = false;
    b.store = open_with(&b, NULL, 0, "s3://bucket", 3000000);
    assert_non_null(b.store);
    b.keys_gone = true;
    fake_clock_move(&b.clock, 1801 * 1000000LL);
    seen = (weir_object){.from = 0};
    CHECK_FAILS(get(&b, &seen), WEIR_E_REMOTE, &b.err);
    CHECK_INT(b.err.fate, WEIR_FATE_RETRY);
    CHECK_SAYS(&b.err, "expired");
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    tear_down(&b);
}

#define ITEM(key) "<Contents><Key>" key "</Key></Contents>"
#define PAGE(items) "<ListBucketResult>" items "</ListBucketResult>"

static void list_is_refused_bounded_and_checked(void **state)
{
    (void)state;
    char long_item[1200] = "<ListBucketResult><Contents><Key>";
    memset(long_item + strlen(long_item), 'k', 1025);
    (void)snprintf(long_item + 33 + 1025, 100, "</Key></Contents></ListBucketResult>");
    const struct {
        int         status;
        const char *body;
        weir_code   rc;
        uint32_t    count;
    } cases[] = {
        {200, PAGE(ITEM("a") ITEM("b") ITEM("c")), WEIR_OK,
         2}, /* more than was asked for */
        {200, PAGE(ITEM("b") ITEM("a") ITEM("c")), WEIR_E_REMOTE, 0},
        {200, PAGE(ITEM("a") ITEM("a")), WEIR_E_REMOTE, 0},
        {200, PAGE(), WEIR_OK, 0},
        {200, long_item, WEIR_E_REMOTE, 0},
        {403, ERROR("AccessDenied"), WEIR_E_REMOTE, 0},
        {404, ERROR("NoSuchBucket"), WEIR_E_REMOTE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed          b;
        weir_listed *listed = NULL;
        uint32_t     count = 0;
        const reply  one = {.status = cases[i].status, .body = cases[i].body};
        set_up(&b);
        answer_with(&b, &one, 1);
        CHECK_INT(b.store->kind->list(b.store, WEIR_STR(""), WEIR_STR(""), 2, b.arena,
                                      &listed, &count, &b.err),
                  cases[i].rc);
        CHECK_INT(count, cases[i].count);
        fake_http_settle(&b.server);
        if (cases[i].status >= 400)
            CHECK_U64(b.requests, 1); /* for ever: not repeated */
        tear_down(&b);
    }
}

static void names_of_buckets_are_checked(void **state)
{
    (void)state;
    bed  b;
    char text[80] = "s3://";
    start(&b);
    memset(text + 5, 'b', 64);
    text[69] = '\0';
    const weir_setting keys[] = {SET("s3.access_key", "a"), SET("s3.secret_key", "s"),
                                 SET("s3.endpoint", "http://h")};
    assert_null(open_with(&b, keys, 3, text, 0)); /* 64 bytes */
    text[68] = '\0';
    const char *good[] = {text, "s3://A-b.c_9", "s3://zZ0", "s3://9a"};
    const char *bad[] = {"s3://a{", "s3://a[", "s3://a@", "s3://a`",  "s3://a:",
                         "s3://.a", "s3://_a", "s3://a~", "file:///x"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        weir_store *store = open_with(&b, keys, 3, good[i], 0);
        assert_non_null(store);
        weir_store_free(store);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(open_with(&b, keys, 3, bad[i], 0));
        CHECK_INT(b.err.code, WEIR_E_CONFIG);
    }
    tear_down(&b);
}

static void hosts_have_a_length(void **state)
{
    (void)state;
    bed  b;
    char url[300] = "http://";
    start(&b);
    memset(url + 7, 'h', 256);
    for (size_t len = 254; len <= 256; len++) {
        url[7 + len] = '\0';
        const weir_setting setting[] = {SET("s3.endpoint", url), SET("s3.access_key", "a"),
                                        SET("s3.secret_key", "s")};
        weir_store        *store = open_with(&b, setting, 3, "s3://bucket", 0);
        CHECK_INT(store != NULL, len <= 255);
        if (store != NULL) { /* its name is cut, not the host that is asked */
            const s3_store *self = (const s3_store *)store_behind_faults(store);
            CHECK_U64(strlen(self->host), len);
            CHECK(self->base.place[0] != '\0');
        }
        weir_store_free(store);
        url[7 + len] = 'h';
    }
    tear_down(&b);
}

/* Option, environment, profile of the option, of the environment, the default one. */
static void region_is_found_in_order(void **state)
{
    (void)state;
    char path[] = "/tmp/weir-config-XXXXXX";
    int  fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    (void)fputs("[default]\nregion = of-default\n[profile p]\nregion = of-p\n"
                "[profile e]\nregion = of-e\n",
                file);
    (void)fclose(file);
    static const struct {
        const char *option, *variable, *profile, *environment, *want;
    } cases[] = {
        {"of-option", "of-variable", "p", "e", "of-option"},
        {NULL, "of-variable", "p", "e", "of-variable"},
        {NULL, "", "p", "e", "of-p"},
        {NULL, NULL, NULL, "e", "of-e"},
        {NULL, NULL, NULL, NULL, "of-default"},
        {NULL, NULL, "nobody", NULL, "us-east-1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bed          b;
        weir_setting setting[4] = {SET("s3.access_key", "a"), SET("s3.secret_key", "s")};
        size_t       count = 2;
        start(&b);
        setenv("AWS_CONFIG_FILE", path, 1);
        if (cases[i].option != NULL)
            setting[count++] = (weir_setting)SET("s3.region", cases[i].option);
        if (cases[i].profile != NULL)
            setting[count++] = (weir_setting)SET("s3.profile", cases[i].profile);
        if (cases[i].variable != NULL)
            setenv("AWS_REGION", cases[i].variable, 1);
        if (cases[i].environment != NULL)
            setenv("AWS_PROFILE", cases[i].environment, 1);
        b.store = open_with(&b, setting, count, "s3://bucket", 0);
        assert_non_null(b.store);
        const s3_store *self = (const s3_store *)store_behind_faults(b.store);
        CHECK_TEXT(self->region, cases[i].want);
        tear_down(&b);
    }
    unsetenv("AWS_PROFILE");
    (void)remove(path);
}

static void kinds_are_found_by_name(void **state)
{
    (void)state;
    assert_non_null(weir_store_find(WEIR_STR("dir")));
    assert_null(weir_store_find(WEIR_STR("floppy")));
    assert_null(weir_store_find(WEIR_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(body_in_chunks_is_whole_when_its_end_came),
        TEST(put_new_that_slept_is_not_signed_anew),
        TEST(lengths_at_odds_are_not_believed),
        TEST(body_that_is_too_large_is_not_read),
        TEST(size_that_is_not_told_is_asked_for_again),
        TEST(range_of_another_length_is_refused),
        TEST(passing_refusals_are_tried_again),
        TEST(clock_is_learned_from_a_head_that_cannot_say_why),
        TEST(redirect_without_a_region_is_told_as_it_is),
        TEST(others_are_not_repeated_with_one_that_fails),
        TEST(keys_that_cannot_be_are_not_asked_for),
        TEST(without_keys_nothing_is_sent),
        TEST(keys_that_ran_out_are_waited_for),
        TEST(refusal_that_nothing_explains_stands),
        TEST(keys_are_looked_for_when_a_store_is_opened),
        TEST(list_is_refused_bounded_and_checked),
        TEST(names_of_buckets_are_checked),
        TEST(hosts_have_a_length),
        TEST(region_is_found_in_order),
        TEST(kinds_are_found_by_name),
    };
    return RUN_TESTS(tests);
}
