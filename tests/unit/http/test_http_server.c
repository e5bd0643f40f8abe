/* tests/http_server: what a job shows of itself, asked over a plain socket.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/http_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "weir/metric.h"

enum { ANSWER_MOST = 256 << 10 };

typedef struct asked {
    weir_status       status;
    weir_http_server *server;
    char             *got; /* head and body, up to the end of the connection */
    char             *body;
    weir_err          err;
} asked;

static void set_up(asked *a)
{
    memset(a, 0, sizeof *a);
    a->got = calloc(ANSWER_MOST + 1, 1);
    CHECK_OK(
        weir_http_start(WEIR_STR("127.0.0.1:0"), true, &a->status, &a->server, &a->err),
        &a->err);
    CHECK(weir_http_port(a->server) > 0);
}

static void tear_down(asked *a)
{
    weir_http_stop(a->server);
    free(a->got);
}

static int connected(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval     patience = {.tv_sec = 20};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    CHECK_INT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    CHECK_INT(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* The status of the answer; what was sent ends with the connection. */
static int ask(asked *a, const char *request)
{
    int    fd = connected(weir_http_port(a->server)), status = 0;
    size_t len = 0;
    CHECK_INT(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    for (ssize_t n; (n = recv(fd, a->got + len, ANSWER_MOST - len, 0)) > 0;)
        len += (size_t)n;
    close(fd);
    a->got[len] = '\0';
    char *end = strstr(a->got, "\r\n\r\n");
    CHECK(end != NULL);
    a->body = end + 4;
    CHECK_INT(sscanf(a->got, "HTTP/1.1 %d ", &status), 1);
    return status;
}

#define REQUEST(line) line " HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n"

static void job_that_lives_is_healthy(void **state)
{
    (void)state;
    asked a;
    set_up(&a);
    CHECK_INT(ask(&a, REQUEST("GET /healthz")), 200);
    CHECK_TEXT(a.body, "ok\n");
    CHECK_HOLDS(a.got, "Content-Type: text/plain\r\n");
    CHECK_HOLDS(a.got, "Cache-Control: no-store\r\n");
    tear_down(&a);
}

static void ready_is_what_the_job_says(void **state)
{
    (void)state;
    static const struct {
        int         phase;
        const char *text;
    } phases[] = {
        {WEIR_PHASE_STARTING, "starting\n"},     {WEIR_PHASE_STANDBY, "standby\n"},
        {WEIR_PHASE_RECOVERING, "recovering\n"}, {WEIR_PHASE_RUNNING, "running\n"},
        {WEIR_PHASE_STOPPING, "stopping\n"},     {WEIR_PHASE_DONE, "done\n"}};
    asked a;
    set_up(&a);
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        atomic_store(&a.status.phase, phases[i].phase);
        CHECK_INT(ask(&a, REQUEST("GET /readyz")), 503); /* running: a server is away */
        CHECK_TEXT(a.body, phases[i].text);
    }
    atomic_store(&a.status.phase, WEIR_PHASE_RUNNING);
    atomic_store(&a.status.ready, true);
    CHECK_INT(ask(&a, REQUEST("GET /readyz")), 200);
    CHECK_TEXT(a.body, "ready\n");
    tear_down(&a);
}

static void metrics_are_the_process_s_own(void **state)
{
    (void)state;
    asked    a;
    weir_buf want = {0};
    set_up(&a);
    weir_metric_set(WEIR_M_epoch, 4711);
    weir_metric_print(&want);
    CHECK_INT(ask(&a, REQUEST("GET /metrics")), 200);
    CHECK_HOLDS(a.got, "Content-Type: text/plain; version=0.0.4\r\n");
    CHECK_SAME(weir_str_of(a.body), weir_buf_view(&want));
    CHECK_HOLDS(a.body, "weir_epoch 4711\n");
    weir_buf_done(&want);
    tear_down(&a);
}

static void head_is_answered_without_a_body(void **state)
{
    (void)state;
    asked a;
    set_up(&a);
    CHECK_INT(ask(&a, REQUEST("HEAD /healthz")), 200);
    CHECK_HOLDS(a.got, "Content-Length: 3\r\n");
    CHECK_TEXT(a.body, "");
    tear_down(&a);
}

/* Nothing can be changed, and nothing else is there. */
static void anything_else_is_refused(void **state)
{
    (void)state;
    static const struct {
        int         status;
        const char *request;
    } cases[] = {
        {404, REQUEST("GET /")},
        {404, REQUEST("GET /metrics/")},
        {404, REQUEST("GET /healthz/../readyz")},
        {405, REQUEST("DELETE /healthz")},
        {405, REQUEST("OPTIONS /metrics")},
        {405, "POST /healthz HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n"
              "Content-Length: 4\r\n\r\nstop"},
        {405, "PUT /readyz HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n"
              "Transfer-Encoding: chunked\r\n\r\n4\r\nstop\r\n0\r\n\r\n"},
    };
    asked a;
    set_up(&a);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_INT(ask(&a, cases[i].request), cases[i].status);
    CHECK_INT(ask(&a, REQUEST("GET /nothing")), 404);
    CHECK_TEXT(a.body, "not found; try /metrics, /healthz, /readyz\n");
    tear_down(&a);
}

static void head_of_a_request_is_bounded(void **state)
{
    (void)state;
    asked a;
    set_up(&a);
    char  *request = calloc(64 << 10, 1);
    size_t len =
        (size_t)sprintf(request, "GET /healthz HTTP/1.1\r\nHost: weir\r\nX-Long: ");
    memset(request + len, 'x', 20 << 10);
    memcpy(request + len + (20 << 10), "\r\n\r\n", 4);
    CHECK_INT(ask(&a, request), 431);
    CHECK_INT(ask(&a, REQUEST("GET /healthz")), 200);
    free(request);
    tear_down(&a);
}

static void place_to_listen_on_has_to_be_one(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "127.0.0.1",
        "8080",
        ":8080",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "example.com:8080",
        "1.2.3.4.5:80",
        "127.0.0.1:99999999999999999999",
        "a-name-that-is-longer-than-any-address-can-be-and-so-it-is-none.example:80"};
    weir_status       status = {0};
    weir_http_server *server = NULL;
    weir_err          err;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK_FAILS(weir_http_start(weir_str_of(wrong[i]), false, &status, &server, &err),
                    WEIR_E_CONFIG, &err);
        CHECK_SAYS(&err, wrong[i]);
        CHECK_SAYS(&err, "is not host:port");
        CHECK_HINTS(&err, "127.0.0.1:8080");
        CHECK(server == NULL);
    }
    weir_http_stop(NULL);
    CHECK_OK(weir_http_start(WEIR_STR("localhost:0"), true, &status, &server, &err), &err);
    close(connected(weir_http_port(server)));
    weir_http_stop(server);
}

static void taken_port_is_an_error_for_who_asked_for_it(void **state)
{
    (void)state;
    asked a;
    char  taken[32];
    set_up(&a);
    weir_http_server *other = NULL;
    (void)snprintf(taken, sizeof taken, "127.0.0.1:%u", weir_http_port(a.server));
    CHECK_FAILS(weir_http_start(weir_str_of(taken), true, &a.status, &other, &a.err),
                WEIR_E_CONFIG, &a.err);
    CHECK_SAYS(&a.err, taken);
    CHECK(other == NULL);
    CHECK_OK(weir_http_start(weir_str_of(taken), false, &a.status, &other, &a.err), &a.err);
    CHECK(weir_http_port(other) != weir_http_port(a.server));
    CHECK_INT(ask(&a, REQUEST("GET /healthz")), 200);
    weir_http_stop(other);
    tear_down(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(job_that_lives_is_healthy),
        TEST(ready_is_what_the_job_says),
        TEST(metrics_are_the_process_s_own),
        TEST(head_is_answered_without_a_body),
        TEST(anything_else_is_refused),
        TEST(head_of_a_request_is_bounded),
        TEST(place_to_listen_on_has_to_be_one),
        TEST(taken_port_is_an_error_for_who_asked_for_it),
    };
    return RUN_TESTS(tests);
}
