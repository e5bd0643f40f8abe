/* weir/http_client: HTTP requests, several side by side, over kept connections.
 *
 * A client may be used by several threads. Only http and https; no redirects; no proxy
 * from the environment; headers, bodies and times are bounded. Nothing is repeated here:
 * what an outcome means is the caller's to know.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_HTTP_CLIENT_H
#define WEIR_HTTP_CLIENT_H

#include "weir/buf.h"
#include "weir/error.h"

#define WEIR_HTTP_HEADERS_MAX 24u

typedef struct weir_http_client weir_http_client;

typedef struct weir_http_setup {
    const char *ca_file;    /* PEM; NULL: the system's */
    int64_t     timeout_us; /* of one request, connecting included; 0: 60 s; a body may
                               take more, at 256 KiB a second */
    int64_t     connect_us; /* 0: 5 s */
} weir_http_setup;

/* What became of a request as a transport sees it. */
typedef enum weir_http_end {
    WEIR_HTTP_ANSWERED, /* status, headers and body are whole */
    WEIR_HTTP_NOT_SENT, /* no connection: the server cannot have acted on it */
    WEIR_HTTP_LOST,     /* sent at least in part, no whole answer: it may have acted */
    WEIR_HTTP_TOO_BIG   /* answered, with more than body_most or too many headers */
} weir_http_end;

typedef struct weir_http_request {
    const char *method; /* GET, HEAD, PUT, POST, DELETE */
    const char *url;
    const char *header[WEIR_HTTP_HEADERS_MAX]; /* "Name: value" */
    uint32_t    headers;
    weir_str    body;      /* sent with PUT and POST */
    size_t      body_most; /* of the answer; more is TOO_BIG; 0: 1 MiB */
    size_t      body_hint; /* of the answer: how much is expected, for the timeout */
    /* Answer. */
    weir_http_end end;
    long          status;
    weir_buf      got;        /* body; the caller's (weir_buf_done) */
    weir_buf      got_header; /* lines "name: value\n", names in lower case; the caller's */
    char          why[160];   /* not ANSWERED: what happened */
} weir_http_request;

weir_code weir_http_client_new(const weir_http_setup *setup, weir_http_client **out,
                               weir_err *err) WEIR_MUST_CHECK;
void      weir_http_client_free(weir_http_client *client); /* accepts NULL */

/* Performs all, at most WEIR_STORE_PARALLEL at a time; each request has its outcome. */
void weir_http_perform(weir_http_client *client, weir_http_request *request, size_t count);

/* The value of an answer's header (name in lower case), {NULL, 0} when not there. */
weir_str weir_http_header(const weir_http_request *request, const char *name);

#endif
