/* tests/fake_http: an HTTP/1.1 server on 127.0.0.1 whose answers a test makes up, and spoils.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "weir/error.h"

typedef struct connection {
    fake_http *server;
    int        fd;
    weir_buf   in; /* what was read and not used */
} connection;

static bool fill(connection *c)
{
    ssize_t got = recv(c->fd, weir_buf_more(&c->in, 65536), 65536, 0);
    if (got <= 0)
        return false;
    c->in.len += (size_t)got;
    return true;
}

static bool send_all(int fd, weir_str bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes.at += sent;
        bytes.len -= (size_t)sent;
    }
    return true;
}

weir_str fake_http_header(const fake_http_request *request, const char *name)
{
    size_t   len = strlen(name);
    weir_str head = request->head;
    while (head.len > 0) {
        const char *end = memchr(head.at, '\n', head.len);
        size_t      line = end == NULL ? head.len : (size_t)(end - head.at);
        if (line > len && head.at[len] == ':' && strncasecmp(head.at, name, len) == 0)
            return weir_str_trim((weir_str){head.at + len + 1, line - len - 1});
        size_t step = line < head.len ? line + 1 : line;
        head.at += step;
        head.len -= step;
    }
    return (weir_str){NULL, 0};
}

/* The bytes of the head, with the empty line; 0: the client is gone. */
static size_t read_head(connection *c)
{
    for (;;) {
        const char *end = c->in.len < 4 ? NULL : memmem(c->in.at, c->in.len, "\r\n\r\n", 4);
        if (end != NULL)
            return (size_t)(end - c->in.at) + 4;
        if (!fill(c))
            return 0;
    }
}

static void parse(weir_str head, fake_http_request *out)
{
    const char *line_end = memchr(head.at, '\n', head.len);
    const char *first = memchr(head.at, ' ', head.len);
    weir_assert(line_end != NULL);
    weir_assert(first != NULL);
    const char *second = memchr(first + 1, ' ', (size_t)(line_end - first - 1));
    weir_assert(second != NULL);
    out->method = (weir_str){head.at, (size_t)(first - head.at)};
    out->target = (weir_str){first + 1, (size_t)(second - first - 1)};
    out->head = (weir_str){line_end + 1, head.len - (size_t)(line_end + 1 - head.at)};
}

/* False: close the connection. */
static bool send_answer(int fd, const fake_http_request *request, fake_http_answer *answer)
{
    weir_buf out = {0};
    weir_str body = weir_buf_view(&answer->body);
    if (answer->way == FAKE_HTTP_NO_ANSWER)
        return false;
    if (answer->way == FAKE_HTTP_STALL) {
        char byte;
        while (recv(fd, &byte, 1, 0) > 0)
            continue;
        return false;
    }
    if (answer->way != FAKE_HTTP_RAW) {
        weir_buf_format(&out, "HTTP/1.1 %d X\r\n", answer->status);
        bool given =
            answer->headers.len > 0 &&
            memmem(answer->headers.at, answer->headers.len, "Content-Length", 14) != NULL;
        if (!answer->no_length && !given)
            weir_buf_format(&out, "Content-Length: %zu\r\n", body.len);
        weir_buf_str(&out, weir_buf_view(&answer->headers));
        weir_buf_text(&out, "\r\n");
    }
    if (answer->way == FAKE_HTTP_CUT_HEAD)
        out.len /= 2;
    else if (!weir_str_is(request->method, "HEAD"))
        weir_buf_str(&out, (weir_str){body.at, answer->way == FAKE_HTTP_CUT ? body.len / 2
                                                                            : body.len});
    bool sent = send_all(fd, weir_buf_view(&out));
    weir_buf_done(&out);
    return sent && answer->way == FAKE_HTTP_WHOLE && !answer->close && !answer->no_length;
}

static bool serve_one(connection *c)
{
    fake_http_request request = {.number = 0};
    size_t            head = read_head(c);
    int64_t           length = 0;
    if (head == 0)
        return false;
    parse((weir_str){c->in.at, head}, &request);
    weir_str given = fake_http_header(&request, "content-length");
    if (given.at != NULL && !weir_str_to_i64(given, &length))
        return false;
    while (c->in.len < head + (size_t)length) {
        if (!fill(c))
            return false;
    }
    parse((weir_str){c->in.at, head}, &request); /* it may have moved */
    request.body = (weir_str){c->in.at + head, (size_t)length};
    fake_http_answer answer = {.status = 200};
    pthread_mutex_lock(&c->server->lock);
    request.number = ++c->server->requests;
    c->server->answer(c->server->self, &request, &answer);
    pthread_mutex_unlock(&c->server->lock);
    bool more = send_answer(c->fd, &request, &answer);
    weir_buf_done(&answer.headers);
    weir_buf_done(&answer.body);
    c->in.len -= head + (size_t)length;
    memmove(c->in.at, c->in.at + head + (size_t)length, c->in.len);
    return more;
}

static void serve(void *self, int fd, uint64_t id)
{
    fake_http *server = self;
    connection c = {.server = server, .fd = fd};
    (void)id;
    pthread_mutex_lock(&server->lock);
    server->connections++;
    pthread_mutex_unlock(&server->lock);
    while (serve_one(&c))
        continue;
    weir_buf_done(&c.in);
}

void fake_http_start(fake_http *server, fake_http_fn *answer, void *self)
{
    memset(server, 0, sizeof *server);
    server->answer = answer;
    server->self = self;
    pthread_mutex_init(&server->lock, NULL);
    server->running = true;
    fake_server_start(&server->base, serve, server);
    server->port = server->base.port;
    (void)snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", server->port);
}

void fake_http_settle(fake_http *server)
{
    if (!server->running)
        return;
    pthread_mutex_lock(&server->lock);
    pthread_mutex_unlock(&server->lock);
}

void fake_http_stop(fake_http *server)
{
    fake_server_stop(&server->base);
    pthread_mutex_destroy(&server->lock);
    server->running = false;
}
