/* tests/http_client: what a transport must tell apart, against a server that spoils answers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */

#include "check.h"
#include "fake_http.h"
#include "weir/http_client.h"

typedef struct script {
    fake_http         server;
    weir_http_client *client;
    fake_http_way     way;
    int               status;
    size_t            body_bytes;
    size_t            spoil; /* only this request, 0: all */
    bool              close;
    uint64_t          bodies; /* bytes received */
    char              seen[2048];
} script;

static void reply(void *self, const fake_http_request *request, fake_http_answer *out)
{
    script *s = self;
    s->bodies += request->body.len;
    (void)snprintf(s->seen, sizeof s->seen, "%.*s %.*s\n%.*s",
                   WEIR_STR_FMT(request->method), WEIR_STR_FMT(request->target),
                   WEIR_STR_FMT(request->head));
    bool spoils = s->spoil == 0 || s->spoil == request->number;
    out->way = spoils ? s->way : FAKE_HTTP_WHOLE;
    out->status = s->status;
    out->close = s->close;
    weir_buf_text(&out->headers, "X-Thing: Some Value \r\nETAG: \"x\"\r\n");
    for (size_t i = 0; i < s->body_bytes; i++)
        weir_buf_byte(&out->body, (uint8_t)('a' + i % 26));
}

static void set_up_within(script *s, int64_t timeout_us)
{
    memset(s, 0, sizeof *s);
    s->status = 200;
    fake_http_start(&s->server, reply, s);
    weir_err        err;
    weir_http_setup setup = {.timeout_us = timeout_us, .connect_us = timeout_us / 2};
    CHECK_OK(weir_http_client_new(&setup, &s->client, &err), &err);
}

static void set_up(script *s)
{
    set_up_within(s, 60000000);
}

static void tear_down(script *s)
{
    weir_http_client_free(s->client);
    fake_http_stop(&s->server);
}

static weir_http_end perform(script *s, const char *method, weir_http_request *request)
{
    char url[200];
    (void)snprintf(url, sizeof url, "%s/a/../b?x=1", s->server.url);
    request->method = method;
    if (request->url == NULL)
        request->url = url;
    weir_http_perform(s->client, request, 1);
    fake_http_settle(&s->server);
    request->url = NULL;
    return request->end;
}

static void done(weir_http_request *request)
{
    weir_buf_done(&request->got);
    weir_buf_done(&request->got_header);
}

static void request_goes_out_as_it_was_written(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.body_bytes = 10;
    weir_http_request request = {.header = {"X-One: 1", "X-Two: two"}, .headers = 2};
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_ANSWERED);
    CHECK_INT(request.status, 200);
    CHECK_STR(weir_buf_view(&request.got), "abcdefghij");
    CHECK_STR(weir_http_header(&request, "x-thing"), "Some Value");
    CHECK_STR(weir_http_header(&request, "etag"), "\"x\"");
    assert_null(weir_http_header(&request, "x-thin").at);
    assert_null(weir_http_header(&request, "x").at);
    CHECK_HOLDS(s.seen, "GET /a/../b?x=1\n"); /* the path is signed: not tidied up */
    CHECK_HOLDS(s.seen, "X-One: 1");
    CHECK_HOLDS(s.seen, "X-Two: two");
    CHECK(strstr(s.seen, "Expect") == NULL);
    done(&request);
    tear_down(&s);
}

static void bodies_are_sent_whole(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    size_t            len = 3u << 20;
    char             *bytes = calloc(len, 1);
    weir_http_request request = {.body = {bytes, len}};
    CHECK_INT(perform(&s, "PUT", &request), WEIR_HTTP_ANSWERED);
    CHECK_U64(s.bodies, len);
    request.body = (weir_str){"", 0};
    CHECK_INT(perform(&s, "PUT", &request), WEIR_HTTP_ANSWERED);
    CHECK_HOLDS(s.seen, "Content-Length: 0");
    done(&request);
    free(bytes);
    tear_down(&s);
}

static void post_sends_its_body_too(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    weir_http_request request = {.body = WEIR_STR("a=b")};
    CHECK_INT(perform(&s, "POST", &request), WEIR_HTTP_ANSWERED);
    CHECK_U64(s.bodies, 3);
    CHECK_HOLDS(s.seen, "POST /a/../b?x=1\n");
    CHECK_HOLDS(s.seen, "Content-Length: 3");
    assert_null(weir_http_header(&request, "x-thong").at); /* as long as x-thing */
    done(&request);
    tear_down(&s);
}

/* Plain http asks for none; https does not go on without. */
static void authorities_to_trust_are_read_where_they_are_needed(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    static const char *const files[] = {"", "/nowhere/at/all.pem"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        weir_http_client *first = s.client;
        weir_err          err;
        weir_http_setup   setup = {
              .ca_file = files[i], .timeout_us = 60000000, .connect_us = 30000000};
        CHECK_OK(weir_http_client_new(&setup, &s.client, &err), &err);
        weir_http_request request = {.status = 0};
        CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_ANSWERED);
        CHECK_INT(request.status, 200);
        weir_http_client_free(s.client);
        setup.connect_us = 200000; /* it waits for a greeting that does not come */
        CHECK_OK(weir_http_client_new(&setup, &s.client, &err), &err);
        char url[64];
        (void)snprintf(url, sizeof url, "https%s/", s.server.url + strlen("http"));
        request.url = url;
        CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_NOT_SENT);
        if (i == 1)
            CHECK_HOLDS(request.why, "CA");
        done(&request);
        weir_http_client_free(s.client);
        s.client = first;
    }
    tear_down(&s);
}

static void head_and_delete_have_no_body(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.body_bytes = 100;
    weir_http_request request = {.body = {"unused", 6}};
    CHECK_INT(perform(&s, "HEAD", &request), WEIR_HTTP_ANSWERED);
    CHECK_U64(request.got.len, 0);
    CHECK_STR(weir_http_header(&request, "content-length"), "100");
    CHECK_INT(perform(&s, "DELETE", &request), WEIR_HTTP_ANSWERED);
    CHECK_U64(s.bodies, 0);
    done(&request);
    tear_down(&s);
}

static void connections_are_kept(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    for (int i = 0; i < 20; i++) {
        weir_http_request request = {.headers = 0};
        CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_ANSWERED);
        done(&request);
    }
    CHECK_U64(s.server.connections, 1);
    CHECK_U64(s.server.requests, 20);
    tear_down(&s);
}

static void many_requests_run_side_by_side(void **state)
{
    (void)state;
    script            s;
    weir_http_request request[50] = {{.method = NULL}};
    set_up(&s);
    s.body_bytes = 30000;
    for (int i = 0; i < 50; i++) {
        request[i].method = "GET";
        request[i].url = s.server.url;
    }
    weir_http_perform(s.client, request, 50);
    fake_http_settle(&s.server);
    for (int i = 0; i < 50; i++) {
        CHECK_INT(request[i].end, WEIR_HTTP_ANSWERED);
        CHECK_U64(request[i].got.len, 30000);
        done(&request[i]);
    }
    CHECK(s.server.connections <= 16);
    weir_http_perform(s.client, request, 0);
    tear_down(&s);
}

static void answer_that_is_not_whole_is_lost(void **state)
{
    (void)state;
    const fake_http_way ways[] = {FAKE_HTTP_NO_ANSWER, FAKE_HTTP_CUT, FAKE_HTTP_CUT_HEAD,
                                  FAKE_HTTP_STALL};
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        script s;
        set_up_within(&s, ways[i] == FAKE_HTTP_STALL ? 1000000 : 60000000);
        s.body_bytes = 1000;
        s.way = ways[i];
        weir_http_request request = {.body = {"body", 4}};
        CHECK_INT(perform(&s, "PUT", &request), WEIR_HTTP_LOST);
        CHECK(request.why[0] != '\0');
        done(&request);
        tear_down(&s);
    }
}

/* libcurl sends a request again when a kept connection turns out to be dead. When that second
   try then finds nobody, the first may have been acted upon all the same. */
static void request_on_a_dead_connection_may_have_been_acted_upon(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.way = FAKE_HTTP_NO_ANSWER;
    s.spoil = 2;
    weir_http_request request = {.body = {"body", 4}};
    CHECK_INT(perform(&s, "PUT", &request), WEIR_HTTP_ANSWERED);
    char url[64];
    (void)snprintf(url, sizeof url, "%s/x", s.server.url);
    fake_server_refuse(&s.server.base);
    request.url = url;
    CHECK_INT(perform(&s, "PUT", &request), WEIR_HTTP_LOST);
    CHECK_U64(s.server.requests, 2); /* it had arrived */
    done(&request);
    weir_http_client_free(s.client);
    fake_http_stop(&s.server);
}

static void nobody_there_means_not_sent(void **state)
{
    (void)state;
    script s;
    set_up_within(&s, 2000000);
    char url[64];
    (void)snprintf(url, sizeof url, "%s", s.server.url);
    fake_http_stop(&s.server);
    const char *urls[] = {url, "http://no-such-host.invalid/", "no-such-host.invalid/",
                          "ftp://127.0.0.1/", "file:///etc"};
    for (size_t i = 0; i < 5; i++) {
        weir_http_request request = {.url = urls[i]};
        CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_NOT_SENT);
        CHECK(request.why[0] != '\0');
        done(&request);
    }
    weir_http_client_free(s.client);
}

static void tls_to_a_server_without_is_not_sent(void **state)
{
    (void)state;
    script s;
    set_up_within(&s, 2000000);
    char url[64];
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%u/", s.server.port);
    weir_http_request request = {.url = url};
    s.way = FAKE_HTTP_NO_ANSWER;
    CHECK(perform(&s, "PUT", &request) != WEIR_HTTP_ANSWERED);
    done(&request);
    tear_down(&s);
}

static void answer_without_end_is_cut_off(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.body_bytes = 5000;
    weir_http_request request = {.body_most = 4999};
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_TOO_BIG);
    request.body_most = 5000;
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_ANSWERED);
    done(&request);
    tear_down(&s);
}

static void big_head(void *self, const fake_http_request *request, fake_http_answer *out)
{
    (void)self;
    (void)request;
    for (int i = 0; i < 1000; i++)
        weir_buf_format(&out->headers, "X-%d: %064d\r\n", i, i);
}

static void headers_without_end_are_cut_off(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.server.answer = big_head;
    weir_http_request request = {.headers = 0};
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_TOO_BIG);
    done(&request);
    tear_down(&s);
}

static void redirects(void *self, const fake_http_request *request, fake_http_answer *out)
{
    script *s = self;
    (void)request;
    out->status = 301;
    weir_buf_format(&out->headers, "Location: %s/elsewhere\r\n", s->server.url);
}

static void redirects_are_not_followed(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.server.answer = redirects;
    weir_http_request request = {.headers = 0};
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_ANSWERED);
    CHECK_INT(request.status, 301);
    CHECK_U64(s.server.requests, 1);
    done(&request);
    tear_down(&s);
}

static void raw_garbage(void *self, const fake_http_request *request, fake_http_answer *out)
{
    (void)self;
    (void)request;
    out->way = FAKE_HTTP_RAW;
    weir_buf_text(&out->body, "\x01\x02garbage\r\n\r\n");
}

static void garbage_is_no_answer(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.server.answer = raw_garbage;
    weir_http_request request = {.body = {"b", 1}};
    CHECK_INT(perform(&s, "PUT", &request), WEIR_HTTP_LOST);
    done(&request);
    tear_down(&s);
}

static void odd_head(void *self, const fake_http_request *request, fake_http_answer *out)
{
    script *s = self;
    (void)request;
    out->way = FAKE_HTTP_RAW;
    weir_buf_text(&out->body,
                  s->status == 200
                      ? "HTTP/1.1 200 OK\r\n:\nETag: \"a\"\nContent-Length: 4\r\n"
                        "X-Last: b\r\n:\n\r\nbody"
                      : "HTTP/1.1 204 No Content\r\n:\n");
}

/* Lines that end in LF alone, and a line of two bytes that does not end the head. */
static void lines_of_a_head_are_told_apart_however_they_end(void **state)
{
    (void)state;
    script s;
    set_up(&s);
    s.server.answer = odd_head;
    weir_http_request request = {.headers = 0};
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_ANSWERED);
    CHECK_STR(weir_buf_view(&request.got), "body");
    CHECK_STR(weir_http_header(&request, "etag"), "\"a\"");
    CHECK_STR(weir_http_header(&request, "content-length"), "4");
    CHECK_STR(weir_http_header(&request, "x-last"), "b");
    s.status = 204; /* cut off behind it */
    CHECK_INT(perform(&s, "GET", &request), WEIR_HTTP_LOST);
    CHECK_HOLDS(request.why, "head is cut off");
    done(&request);
    tear_down(&s);
}

typedef struct worker {
    script   *s;
    pthread_t thread;
    int       bad;
} worker;

static void *work(void *at)
{
    worker *w = at;
    for (int i = 0; i < 30; i++) {
        weir_http_request request = {.method = "GET", .url = w->s->server.url};
        weir_http_perform(w->s->client, &request, 1);
        fake_http_settle(&w->s->server);
        w->bad += request.end != WEIR_HTTP_ANSWERED || request.got.len != 777;
        done(&request);
    }
    return NULL;
}

static void several_threads_share_a_client(void **state)
{
    (void)state;
    script s;
    worker w[8];
    set_up(&s);
    s.body_bytes = 777;
    for (int i = 0; i < 8; i++) {
        w[i] = (worker){.s = &s};
        assert_int_equal(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(w[i].thread, NULL);
        CHECK_INT(w[i].bad, 0);
    }
    CHECK(s.server.connections <= 8);
    tear_down(&s);
    weir_http_client_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_goes_out_as_it_was_written),
        TEST(bodies_are_sent_whole),
        TEST(post_sends_its_body_too),
        TEST(authorities_to_trust_are_read_where_they_are_needed),
        TEST(head_and_delete_have_no_body),
        TEST(connections_are_kept),
        TEST(many_requests_run_side_by_side),
        TEST(answer_that_is_not_whole_is_lost),
        TEST(request_on_a_dead_connection_may_have_been_acted_upon),
        TEST(nobody_there_means_not_sent),
        TEST(tls_to_a_server_without_is_not_sent),
        TEST(answer_without_end_is_cut_off),
        TEST(headers_without_end_are_cut_off),
        TEST(redirects_are_not_followed),
        TEST(garbage_is_no_answer),
        TEST(lines_of_a_head_are_told_apart_however_they_end),
        TEST(several_threads_share_a_client),
    };
    return RUN_TESTS(tests);
}
