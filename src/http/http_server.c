/* http/server: what a running job shows of itself, over libmicrohttpd.
 *
 * Gives      weir_http_start, weir_http_port, weir_http_stop.
 * Threads    one of its own, of the library; reads atomics only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/http_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "weir/metric.h"

#define HTTP_CONNECTIONS 64u   /* at the same time */
#define HTTP_TIMEOUT_S 5u      /* for a request's head */
#define HTTP_MEMORY (8u << 10) /* bytes a connection may hold: bounds the head */

struct weir_http_server {
    struct MHD_Daemon *daemon;
    const weir_status *status;
    uint16_t           port;
};

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              const char *type, weir_str body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.len, (void *)(uintptr_t)body.at, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) /* cover: memory of the library ran out */
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection)
{
    weir_buf text = {0};
    weir_metric_print(&text);
    enum MHD_Result result = answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4",
                                    weir_buf_view(&text));
    weir_buf_done(&text);
    return result;
}

static const char *phase_name(int phase)
{
    static const char *const name[] = {
        [WEIR_PHASE_STARTING] = "starting", [WEIR_PHASE_STANDBY] = "standby",
        [WEIR_PHASE_RECOVERING] = "recovering", [WEIR_PHASE_RUNNING] = "running",
        [WEIR_PHASE_STOPPING] = "stopping", [WEIR_PHASE_DONE] = "done"};
    return name[phase];
}

static enum MHD_Result answer_ready(struct MHD_Connection *connection,
                                    const weir_status *status)
{
    bool ready = atomic_load(&((weir_status *)(uintptr_t)status)->ready);
    int phase = atomic_load(&((weir_status *)(uintptr_t)status)->phase);
    char text[64];
    int len = snprintf(text, sizeof text, "%s\n", ready ? "ready" : phase_name(phase));
    return answer(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                  "text/plain", (weir_str){text, (size_t)len});
}

static enum MHD_Result handle(void *self, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    const weir_http_server *server = self;
    (void)version;
    (void)upload; /* answered at the head: no body is ever read */
    (void)upload_size;
    (void)request;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain",
                      WEIR_STR("only GET\n"));
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(connection);
    if (strcmp(url, "/healthz") == 0)
        return answer(connection, MHD_HTTP_OK, "text/plain", WEIR_STR("ok\n"));
    if (strcmp(url, "/readyz") == 0)
        return answer_ready(connection, server->status);
    return answer(connection, MHD_HTTP_NOT_FOUND, "text/plain",
                  WEIR_STR("not found; try /metrics, /healthz, /readyz\n"));
}

static bool parse_listen(weir_str listen, struct sockaddr_in *out)
{
    char host[64];
    size_t colon = listen.len;
    while (colon > 0 && listen.at[colon - 1] != ':')
        colon--;
    if (colon == 0 || colon > sizeof host)
        return false;
    int64_t port;
    weir_str digits = {listen.at + colon, listen.len - colon};
    if (!weir_str_to_i64(digits, &port) || port < 0 || port > 65535)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - 1), listen.at);
    memset(out, 0, sizeof *out);
    out->sin_family = AF_INET;
    out->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1",
                     &out->sin_addr) == 1;
}

static struct MHD_Daemon *start_on(weir_http_server *server, const struct sockaddr_in *at)
{
    return MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, ntohs(at->sin_port), NULL, NULL, handle, server,
        MHD_OPTION_SOCK_ADDR, at, MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, HTTP_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_MEMORY, MHD_OPTION_END);
}

weir_code weir_http_start(weir_str listen, bool given, const weir_status *status,
                          weir_http_server **out, weir_err *err)
{
    struct sockaddr_in at;
    if (!parse_listen(listen, &at)) {
        (void)weir_fail(err, WEIR_E_CONFIG, "http.listen '%.*s' is not host:port",
                        WEIR_STR_FMT(listen));
        return weir_err_hint(err, "for example 127.0.0.1:8080; '' switches it off");
    }
    weir_http_server *server = weir_heap_new(1, sizeof *server);
    server->status = status;
    server->daemon = start_on(server, &at);
    if (server->daemon == NULL && !given) {
        at.sin_port = 0;
        server->daemon = start_on(server, &at);
    }
    if (server->daemon == NULL) {
        weir_heap_free(server);
        return weir_fail(err, WEIR_E_CONFIG, "could not listen on %.*s",
                         WEIR_STR_FMT(listen));
    }
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    /* cover: the library knows the port of a daemon that listens */
    server->port = info ? info->port : ntohs(at.sin_port);
    *out = server;
    return WEIR_OK;
}

uint16_t weir_http_port(const weir_http_server *server)
{
    return server->port;
}

void weir_http_stop(weir_http_server *server)
{
    if (server == NULL)
        return;
    MHD_stop_daemon(server->daemon);
    weir_heap_free(server);
}
