/* tests/cut_proxy: see the header. One thread for accepting, one for each connection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cut_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

#define CONNECTIONS 64

typedef struct proxied {
    cut_proxy *proxy;
    int        client, server;
    pthread_t  thread;
} proxied;

struct cut_proxy {
    int             listener;
    uint16_t        port, to;
    pthread_t       thread;
    pthread_mutex_t lock; /* of the statement */
    char            statement[64];
    cut_when        when;
    atomic_bool     armed, stop;
    atomic_int      cuts;
    proxied         pair[CONNECTIONS];
    int             pairs;
};

static bool send_all(int to, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(to, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Is this the statement to cut at? Then it is disarmed. */
static bool cuts_here(cut_proxy *proxy, const char *bytes, size_t len, cut_when *when)
{
    bool here = false;
    pthread_mutex_lock(&proxy->lock);
    if (proxy->armed && memmem(bytes, len, proxy->statement, strlen(proxy->statement))) {
        here = true;
        *when = proxy->when;
        proxy->armed = false;
        proxy->cuts++;
    }
    pthread_mutex_unlock(&proxy->lock);
    return here;
}

/* False: the connection ends. */
static bool from_client(proxied *pair, char *buffer, size_t size)
{
    cut_when when;
    ssize_t  n = recv(pair->client, buffer, size, 0);
    if (n <= 0)
        return false;
    if (!cuts_here(pair->proxy, buffer, (size_t)n, &when))
        return send_all(pair->server, buffer, (size_t)n);
    if (when == CUT_AFTER && send_all(pair->server, buffer, (size_t)n))
        (void)recv(pair->server, buffer, size, 0); /* the answer, which nobody gets */
    return false;
}

static void *carry(void *arg)
{
    proxied *pair = arg;
    char     buffer[65536];
    bool     alive = true;
    while (alive && !pair->proxy->stop) {
        struct pollfd fds[2] = {{.fd = pair->client, .events = POLLIN},
                                {.fd = pair->server, .events = POLLIN}};
        if (poll(fds, 2, 50) < 0)
            break;
        if (fds[0].revents != 0)
            alive = from_client(pair, buffer, sizeof buffer);
        if (alive && fds[1].revents != 0) {
            ssize_t n = recv(pair->server, buffer, sizeof buffer, 0);
            alive = n > 0 && send_all(pair->client, buffer, (size_t)n);
        }
    }
    close(pair->client);
    close(pair->server);
    return NULL;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void *take_connections(void *arg)
{
    cut_proxy *proxy = arg;
    while (!proxy->stop && proxy->pairs < CONNECTIONS) {
        struct pollfd fd = {.fd = proxy->listener, .events = POLLIN};
        if (poll(&fd, 1, 50) <= 0)
            continue;
        proxied *pair = &proxy->pair[proxy->pairs];
        *pair = (proxied){.proxy = proxy};
        pair->client = accept(proxy->listener, NULL, NULL);
        pair->server = connect_to(proxy->to);
        if (pair->client < 0 || pair->server < 0)
            continue;
        if (pthread_create(&pair->thread, NULL, carry, pair) == 0)
            proxy->pairs++;
    }
    return NULL;
}

cut_proxy *cut_proxy_start(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t          len = sizeof at;
    cut_proxy         *proxy = calloc(1, sizeof *proxy);
    assert_non_null(proxy);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->to = port;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(proxy->listener, 16), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&at, &len), 0);
    proxy->port = ntohs(at.sin_port);
    pthread_mutex_init(&proxy->lock, NULL);
    assert_int_equal(pthread_create(&proxy->thread, NULL, take_connections, proxy), 0);
    return proxy;
}

uint16_t cut_proxy_port(const cut_proxy *proxy)
{
    return proxy->port;
}

void cut_proxy_arm(cut_proxy *proxy, const char *statement, cut_when when)
{
    pthread_mutex_lock(&proxy->lock);
    (void)snprintf(proxy->statement, sizeof proxy->statement, "%s", statement);
    proxy->when = when;
    proxy->armed = true;
    pthread_mutex_unlock(&proxy->lock);
}

int cut_proxy_cuts(const cut_proxy *proxy)
{
    return proxy->cuts;
}

void cut_proxy_stop(cut_proxy *proxy)
{
    proxy->stop = true;
    pthread_join(proxy->thread, NULL);
    for (int i = 0; i < proxy->pairs; i++)
        pthread_join(proxy->pair[i].thread, NULL);
    close(proxy->listener);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}
