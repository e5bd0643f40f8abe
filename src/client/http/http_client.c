/* client/http: requests over libcurl's multi interface.
 *
 * Gives      weir_http_client_new, _free, weir_http_perform, weir_http_header.
 * Owns       multi handles, one per thread that is inside perform, kept for their
 *            connections.
 * Always     1. a request without a whole answer is LOST unless it cannot have been sent.
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

#define HTTP_WAIT_MS 1000
#define HTTP_HEADER_BYTES_MAX (32u << 10)
#define HTTP_BODY_BYTES_DEFAULT (1u << 20)
#define HTTP_LOW_SPEED_S 30 /* a slower answer than a byte a second is given up */

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

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_state;

static void start_curl(void)
{
    curl_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

weir_code weir_http_client_new(const weir_http_setup *setup, weir_http_client **out,
                               weir_err *err)
{
    pthread_once(&curl_once, start_curl);
    if (curl_state != CURLE_OK)
        return weir_fail(err, WEIR_E_IO, "libcurl does not start: %s",
                         curl_easy_strerror(curl_state));
    weir_http_client *client = weir_heap_new(1, sizeof *client);
    pthread_mutex_init(&client->lock, NULL);
    client->timeout_ms = setup->timeout_us ? (long)(setup->timeout_us / 1000) : 60000;
    client->connect_ms = setup->connect_us ? (long)(setup->connect_us / 1000) : 5000;
    if (setup->ca_file && setup->ca_file[0]) {
        size_t len = strlen(setup->ca_file) + 1;
        client->ca_file = weir_heap_new(len, 1);
        memcpy(client->ca_file, setup->ca_file, len);
    }
    *out = client;
    return WEIR_OK;
}

static void free_lane(http_lane *lane)
{
    for (size_t i = 0; i < WEIR_STORE_PARALLEL; i++)
        if (lane->easy[i])
            curl_easy_cleanup(lane->easy[i]);
    curl_multi_cleanup(lane->multi);
    weir_heap_free(lane);
}

void weir_http_client_free(weir_http_client *client)
{
    if (client == NULL)
        return;
    while (client->idle) {
        http_lane *lane = client->idle;
        client->idle = lane->next;
        free_lane(lane);
    }
    pthread_mutex_destroy(&client->lock);
    weir_heap_free(client->ca_file);
    weir_heap_free(client);
}

static http_lane *take_lane(weir_http_client *client)
{
    pthread_mutex_lock(&client->lock);
    http_lane *lane = client->idle;
    if (lane)
        client->idle = lane->next;
    pthread_mutex_unlock(&client->lock);
    if (lane)
        return lane;
    lane = weir_heap_new(1, sizeof *lane);
    lane->multi = curl_multi_init();
    weir_assert(lane->multi != NULL);
    return lane;
}

static void give_lane(weir_http_client *client, http_lane *lane)
{
    pthread_mutex_lock(&client->lock);
    lane->next = client->idle;
    client->idle = lane;
    pthread_mutex_unlock(&client->lock);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *argument)
{
    weir_http_request *request = argument;
    size_t len = size * count;
    size_t most = request->body_most ? request->body_most : HTTP_BODY_BYTES_DEFAULT;
    if (request->got.len + len > most) {
        snprintf(request->why, sizeof request->why, "the answer is over %zu bytes", most);
        return 0;
    }
    weir_buf_add(&request->got, bytes, len);
    return len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *argument)
{
    weir_http_request *request = argument;
    size_t len = size * count, name = 0;
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        weir_buf_clear(&request->got_header); /* 100 Continue came before */
    if (request->got_header.len + len > HTTP_HEADER_BYTES_MAX)
        return 0;
    while (name < len && bytes[name] != ':')
        name++;
    for (size_t i = 0; i < len && bytes[i] != '\r' && bytes[i] != '\n'; i++) {
        char c = bytes[i];
        if (i < name && c >= 'A' && c <= 'Z')
            c = (char)(c + ('a' - 'A'));
        weir_buf_byte(&request->got_header, (uint8_t)c);
    }
    weir_buf_byte(&request->got_header, '\n');
    return len;
}

/* curl reads a body piece by piece, so that it can send it again from the start. */
typedef struct http_upload {
    weir_http_request *request;
    size_t             sent;
    struct curl_slist *headers;
} http_upload;

static size_t on_upload(char *room, size_t size, size_t count, void *argument)
{
    http_upload *upload = argument;
    size_t len = size * count;
    size_t left = upload->request->body.len - upload->sent;
    if (len > left)
        len = left;
    if (len > 0)
        memcpy(room, upload->request->body.at + upload->sent, len);
    upload->sent += len;
    return len;
}

static int on_seek(void *argument, curl_off_t offset, int origin)
{
    http_upload *upload = argument;
    if (origin != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    upload->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static void set_limits(const weir_http_client *client, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, client->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, client->connect_ms);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_LOW_SPEED_S);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->ca_file);
}

static void set_method(CURL *easy, http_upload *upload)
{
    weir_http_request *request = upload->request;
    if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (strcmp(request->method, "PUT") == 0 || strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(easy, CURLOPT_READDATA, upload);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, upload);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    }
}

static void start_request(const weir_http_client *client, CURL *easy, http_upload *upload)
{
    weir_http_request *request = upload->request;
    curl_easy_reset(easy);
    set_limits(client, easy);
    weir_buf_clear(&request->got);
    weir_buf_clear(&request->got_header);
    request->why[0] = 0;
    request->status = 0;
    upload->headers = curl_slist_append(NULL, "Expect:");
    for (uint32_t i = 0; i < request->headers; i++)
        upload->headers = curl_slist_append(upload->headers, request->header[i]);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, upload->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, upload);
    set_method(easy, upload);
}

/* Codes after which nothing can have reached the server's application. */
static bool not_sent(CURLcode code)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
           code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ||
           code == CURLE_SSL_CONNECT_ERROR || code == CURLE_PEER_FAILED_VERIFICATION ||
           code == CURLE_SSL_CACERT_BADFILE;
}

static void end_request(CURL *easy, CURLcode code)
{
    http_upload *upload = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &upload);
    weir_http_request *request = upload->request;
    if (code == CURLE_OK) {
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &request->status);
        request->end = WEIR_HTTP_ANSWERED;
    } else {
        request->end = not_sent(code) ? WEIR_HTTP_NOT_SENT : WEIR_HTTP_LOST;
        if (request->why[0] == 0)
            snprintf(request->why, sizeof request->why, "%s", curl_easy_strerror(code));
    }
    curl_slist_free_all(upload->headers);
}

static void finish_some(http_lane *lane, CURL **free_easy, size_t *free_count)
{
    int left = 0;
    for (CURLMsg *message; (message = curl_multi_info_read(lane->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        curl_multi_remove_handle(lane->multi, easy);
        end_request(easy, code);
        free_easy[(*free_count)++] = easy;
    }
}

void weir_http_perform(weir_http_client *client, weir_http_request *request, size_t count)
{
    http_lane *lane = take_lane(client);
    http_upload *upload = weir_heap_new(count + 1, sizeof *upload);
    CURL *free_easy[WEIR_STORE_PARALLEL];
    size_t free_count = 0, next = 0;
    for (size_t i = 0; i < WEIR_STORE_PARALLEL && i < count; i++) {
        if (lane->easy[i] == NULL)
            lane->easy[i] = curl_easy_init();
        weir_assert(lane->easy[i] != NULL);
        free_easy[free_count++] = lane->easy[i];
    }
    size_t width = free_count;
    while (next < count || free_count < width) {
        while (next < count && free_count > 0) {
            CURL *easy = free_easy[--free_count];
            upload[next].request = &request[next];
            start_request(client, easy, &upload[next]);
            curl_multi_add_handle(lane->multi, easy);
            next++;
        }
        int running = 0;
        curl_multi_perform(lane->multi, &running);
        finish_some(lane, free_easy, &free_count);
        if (running > 0)
            curl_multi_poll(lane->multi, NULL, 0, HTTP_WAIT_MS, NULL);
    }
    weir_heap_free(upload);
    give_lane(client, lane);
}

weir_str weir_http_header(const weir_http_request *request, const char *name)
{
    size_t len = strlen(name);
    const char *at = request->got_header.at;
    const char *end = at + request->got_header.len;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            line_end = end;
        if ((size_t)(line_end - at) > len && at[len] == ':' && memcmp(at, name, len) == 0) {
            weir_str value = {at + len + 1, (size_t)(line_end - at) - len - 1};
            return weir_str_trim(value);
        }
        at = line_end + 1;
    }
    return (weir_str){NULL, 0};
}
