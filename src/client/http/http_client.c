/* client/http: requests over libcurl's multi interface.
 *
 * Gives      weir_http_client_new, _free, weir_http_perform, weir_http_header.
 * Owns       lanes: a multi handle and its easy handles, one lane per thread that is inside
 *            perform, kept for their connections.
 * Always     1. a request without a whole answer is LOST unless nothing of it was sent.
 *               libcurl itself sends a request again when a kept connection turns out to be
 *               dead, so the code of its last try alone does not tell; and it takes a
 *               head that is cut off for a whole one.
 *            2. every request ends: the whole, connecting and slowness have a time limit.
 * Threads    any.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "weir/arena.h"
#include "weir/limits.h"

#define WAIT_MS 1000
#define TIMEOUT_MS 60000
#define CONNECT_MS 5000
#define HEADER_BYTES_MAX (32u << 10)
#define BODY_BYTES_DEFAULT (1u << 20)
#define BODY_BYTES_PER_MS 256u /* slower bodies run into the time limit */
#define SLOW_BYTES_PER_S 1L    /* slower than that for SLOW_S is given up */
#define SLOW_S 30L

typedef struct http_lane { /* what one thread uses at a time */
    CURLM            *multi;
    CURL             *easy[WEIR_STORE_PARALLEL];
    struct http_lane *next;
} http_lane;

struct weir_http_client {
    pthread_mutex_t lock;
    http_lane      *idle;
    char           *ca_file;
    long            timeout_ms, connect_ms;
};

typedef struct transfer { /* a request under way */
    weir_http_request *request;
    weir_str           body; /* never NULL */
    size_t             sent; /* bytes of its body; curl may begin again */
    struct curl_slist *headers;
    bool               too_big;
    bool               head_ended; /* by its empty line: libcurl does not insist on it */
} transfer;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode       curl_state;

static void start_curl(void)
{
    curl_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

weir_code weir_http_client_new(const weir_http_setup *setup, weir_http_client **out,
                               weir_err *err)
{
    pthread_once(&curl_once, start_curl);
    if (curl_state != CURLE_OK) /* cover: memory ran out at the start */
        return weir_fail(err, WEIR_E_IO, "libcurl does not start: %s",
                         curl_easy_strerror(curl_state));
    weir_http_client *client = weir_heap_new(1, sizeof *client);
    pthread_mutex_init(&client->lock, NULL); /* cannot fail with default attributes */
    client->timeout_ms =
        setup->timeout_us > 0 ? (long)(setup->timeout_us / 1000) : TIMEOUT_MS;
    client->connect_ms =
        setup->connect_us > 0 ? (long)(setup->connect_us / 1000) : CONNECT_MS;
    if (setup->ca_file != NULL && setup->ca_file[0] != '\0') {
        size_t len = strlen(setup->ca_file) + 1;
        client->ca_file = weir_heap_new(len, 1);
        memcpy(client->ca_file, setup->ca_file, len);
    }
    *out = client;
    return WEIR_OK;
}

static void lane_free(http_lane *lane)
{
    for (size_t i = 0; i < WEIR_STORE_PARALLEL; i++) {
        if (lane->easy[i] != NULL)
            curl_easy_cleanup(lane->easy[i]);
    }
    curl_multi_cleanup(lane->multi);
    weir_heap_free(lane);
}

void weir_http_client_free(weir_http_client *client)
{
    if (client == NULL)
        return;
    while (client->idle != NULL) {
        http_lane *lane = client->idle;
        client->idle = lane->next;
        lane_free(lane);
    }
    pthread_mutex_destroy(&client->lock);
    weir_heap_free(client->ca_file);
    weir_heap_free(client);
}

static http_lane *lane_take(weir_http_client *client)
{
    pthread_mutex_lock(&client->lock);
    http_lane *lane = client->idle;
    if (lane != NULL)
        client->idle = lane->next;
    pthread_mutex_unlock(&client->lock);
    if (lane != NULL)
        return lane;
    lane = weir_heap_new(1, sizeof *lane);
    lane->multi = curl_multi_init();
    weir_assert(lane->multi != NULL); /* only memory can lack */
    return lane;
}

static void lane_give(weir_http_client *client, http_lane *lane)
{
    pthread_mutex_lock(&client->lock);
    lane->next = client->idle;
    client->idle = lane;
    pthread_mutex_unlock(&client->lock);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *argument)
{
    transfer          *one = argument;
    weir_http_request *request = one->request;
    size_t             len = size * count;
    size_t most = request->body_most > 0 ? request->body_most : BODY_BYTES_DEFAULT;
    if (len > most - request->got.len) {
        one->too_big = true;
        return 0;
    }
    weir_buf_add(&request->got, bytes, len);
    return len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *argument)
{
    transfer *one = argument;
    weir_buf *lines = &one->request->got_header;
    size_t    len = size * count;
    size_t    name = 0;
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        weir_buf_clear(lines); /* 100 Continue came before */
    one->head_ended = len == 2 && memcmp(bytes, "\r\n", 2) == 0;
    if (lines->len + len > HEADER_BYTES_MAX) {
        one->too_big = true;
        return 0;
    }
    while (name < len && bytes[name] != ':')
        name++;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (c == '\r' || c == '\n') /* its end: one is added below, whatever was there */
            continue;
        if (i < name && c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        weir_buf_byte(lines, (uint8_t)c);
    }
    weir_buf_byte(lines, '\n');
    return len;
}

static size_t on_upload(char *room, size_t size, size_t count, void *argument)
{
    transfer *one = argument;
    size_t    len = size * count;
    if (len > one->body.len - one->sent)
        len = one->body.len - one->sent;
    memcpy(room, one->body.at + one->sent, len);
    one->sent += len;
    return len;
}

static int on_seek(void *argument, curl_off_t offset, int origin)
{
    transfer *one = argument;
    /* cover: libcurl seeks from the start, within what it was given */
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > one->body.len)
        return CURL_SEEKFUNC_CANTSEEK;
    one->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* 2. Options that this libcurl knows cannot fail, so their results are not looked at. */
static void set_limits(const weir_http_client *client, CURL *easy,
                       const weir_http_request *request)
{
    size_t body = request->body.len + request->body_hint;
    long   timeout_ms = client->timeout_ms + (long)(body / BODY_BYTES_PER_MS);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "weir");
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 262144L);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, client->connect_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SLOW_S);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
}

static void set_method(CURL *easy, transfer *one)
{
    const weir_http_request *request = one->request;
    bool                     uploads =
        strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0;
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (!uploads)
        return;
    one->body = request->body.len > 0 ? request->body : WEIR_STR("");
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.len);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, one);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, one);
}

static void add_line(transfer *one, const char *line)
{
    struct curl_slist *longer = curl_slist_append(one->headers, line);
    weir_assert(longer != NULL); /* only memory can lack */
    one->headers = longer;
}

static void start_request(const weir_http_client *client, CURL *easy, transfer *one)
{
    weir_http_request *request = one->request;
    weir_assert(request->headers <= WEIR_HTTP_HEADERS_MAX);
    curl_easy_reset(easy); /* keeps its connections */
    set_limits(client, easy, request);
    weir_buf_clear(&request->got);
    weir_buf_clear(&request->got_header);
    request->why[0] = '\0';
    request->status = 0;
    add_line(one, "Expect:"); /* no 100-continue: it costs a round trip */
    for (uint32_t i = 0; i < request->headers; i++)
        add_line(one, request->header[i]);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, one->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, one);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, one);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, one);
    set_method(easy, one);
}

/* 1. */
static weir_http_end end_of(CURL *easy, CURLcode code, const transfer *one)
{
    long sent = 0;
    if (code == CURLE_OK && one->head_ended)
        return WEIR_HTTP_ANSWERED;
    if (one->too_big)
        return WEIR_HTTP_TOO_BIG;
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent); /* of all its tries */
    return sent == 0 ? WEIR_HTTP_NOT_SENT : WEIR_HTTP_LOST;
}

/* Of "http://host:port/path" that in front of the path. */
static int origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    host = host ? host + 3 : url;
    return (int)((size_t)(host - url) + strcspn(host, "/?"));
}

static void end_request(CURL *easy, CURLcode code)
{
    transfer *one = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &one);
    weir_assert(one != NULL);
    weir_http_request *request = one->request;
    request->end = end_of(easy, code, one);
    if (request->end == WEIR_HTTP_TOO_BIG)
        (void)snprintf(request->why, sizeof request->why, "the answer is too big");
    else if (request->end != WEIR_HTTP_ANSWERED)
        (void)snprintf(request->why, sizeof request->why, "%s (%.*s)",
                       code == CURLE_OK ? "the answer's head is cut off"
                                        : curl_easy_strerror(code),
                       origin_of(request->url), request->url);
    else
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &request->status);
    curl_slist_free_all(one->headers);
    one->headers = NULL;
}

typedef struct run {
    http_lane *lane;
    CURL      *free_easy[WEIR_STORE_PARALLEL];
    size_t     free_count, width;
} run;

static void finish_some(run *all)
{
    int left = 0;
    for (CURLMsg *message;
         (message = curl_multi_info_read(all->lane->multi, &left)) != NULL;) {
        weir_assert(message->msg == CURLMSG_DONE); /* there are no others */
        CURL    *easy = message->easy_handle;
        CURLcode code = message->data.result;
        curl_multi_remove_handle(all->lane->multi, easy);
        end_request(easy, code);
        weir_assert(all->free_count < all->width);
        all->free_easy[all->free_count++] = easy;
    }
}

static run start_run(http_lane *lane, size_t count)
{
    run all = {.lane = lane};
    all.width = count < WEIR_STORE_PARALLEL ? count : WEIR_STORE_PARALLEL;
    for (size_t i = 0; i < all.width; i++) {
        if (lane->easy[i] == NULL)
            lane->easy[i] = curl_easy_init();
        weir_assert(lane->easy[i] != NULL); /* only memory can lack */
        all.free_easy[all.free_count++] = lane->easy[i];
    }
    return all;
}

void weir_http_perform(weir_http_client *client, weir_http_request *request, size_t count)
{
    weir_assert(client != NULL);
    run       all = start_run(lane_take(client), count);
    transfer *one = weir_heap_new(count + 1, sizeof *one);
    CURLM    *multi = all.lane->multi;
    size_t    next = 0;
    while (next < count || all.free_count < all.width) {
        for (; next < count && all.free_count > 0; next++) {
            CURL *easy = all.free_easy[--all.free_count];
            one[next].request = &request[next];
            start_request(client, easy, &one[next]);
            CURLMcode added = curl_multi_add_handle(multi, easy);
            weir_assert(added == CURLM_OK); /* it is free, and only memory can lack */
        }
        int       running = 0;
        CURLMcode done = curl_multi_perform(multi, &running);
        weir_assert(done == CURLM_OK);
        finish_some(&all);
        if (running > 0)
            (void)curl_multi_poll(multi, NULL, 0, WAIT_MS, NULL); /* perform finds out */
    }
    weir_heap_free(one);
    lane_give(client, all.lane);
}

weir_str weir_http_header(const weir_http_request *request, const char *name)
{
    size_t   len = strlen(name);
    weir_str lines = weir_buf_view(&request->got_header);
    while (lines.len > 0) {
        const char *line_end = memchr(lines.at, '\n', lines.len);
        weir_assert(line_end != NULL); /* on_header ends each */
        size_t line = (size_t)(line_end - lines.at);
        if (line > len && lines.at[len] == ':' && memcmp(lines.at, name, len) == 0)
            return weir_str_trim((weir_str){lines.at + len + 1, line - len - 1});
        lines.at += line + 1;
        lines.len -= line + 1;
    }
    return (weir_str){NULL, 0};
}
