/* tests/fake_http: an HTTP/1.1 server on 127.0.0.1 whose answers a test makes up, and spoils.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAKE_HTTP_H
#define TESTS_FAKE_HTTP_H

#include "fake_server.h"
#include "weir/buf.h"

typedef enum fake_http_way {
    FAKE_HTTP_WHOLE,
    FAKE_HTTP_NO_ANSWER, /* the connection is closed instead */
    FAKE_HTTP_CUT,       /* closed in the middle of the body */
    FAKE_HTTP_CUT_HEAD,  /* closed in the middle of the headers */
    FAKE_HTTP_RAW,       /* `body` is all that is sent, then the connection is closed */
    FAKE_HTTP_STALL      /* nothing is sent until the client goes away */
} fake_http_way;

typedef struct fake_http_request {
    weir_str method, target; /* "PUT", "/bucket/key?query" */
    weir_str head;           /* header lines as they came */
    weir_str body;
    uint64_t number; /* from 1, of this server */
} fake_http_request;

typedef struct fake_http_answer {
    fake_http_way way;
    int           status;
    weir_buf      headers; /* "Name: value\r\n" each */
    weir_buf      body;
    bool          no_length; /* no Content-Length: ends with the connection */
    bool          close;     /* after this answer */
} fake_http_answer;

/* Called under a lock, one request at a time. */
typedef void fake_http_fn(void *self, const fake_http_request *request,
                          fake_http_answer *out);

typedef struct fake_http {
    fake_server     base;
    fake_http_fn   *answer;
    void           *self;
    uint16_t        port;
    char            url[40]; /* "http://127.0.0.1:port" */
    pthread_mutex_t lock;
    uint64_t        requests, connections;
    bool            running; /* of the test's thread only */
} fake_http;

void fake_http_start(fake_http *server, fake_http_fn *answer, void *self);
void fake_http_stop(fake_http *server);
/* What the server's threads wrote before this call may be read behind it. */
void fake_http_settle(fake_http *server);
/* The value of a request's header, name in any case; {NULL, 0}: not there. */
weir_str fake_http_header(const fake_http_request *request, const char *name);

#endif
