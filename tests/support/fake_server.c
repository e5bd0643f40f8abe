/* tests/fake_server: see the header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fake_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weir/error.h"

typedef struct connection {
    fake_server *server;
    int          slot;
    int          fd;
    uint64_t     id;
} connection;

static void *run(void *at)
{
    connection  *c = at;
    fake_server *server = c->server;
    server->serve(server->self, c->fd, c->id);
    pthread_mutex_lock(&server->lock);
    (void)close(c->fd);
    server->at[c->slot].fd = -1;
    server->open--;
    pthread_cond_signal(&server->ended);
    pthread_mutex_unlock(&server->lock);
    free(c);
    return NULL;
}

static int free_slot(const fake_server *server)
{
    for (int slot = 0; slot < FAKE_SERVER_CONNECTIONS; slot++)
        if (server->at[slot].fd < 0)
            return slot;
    weir_assert("too many connections at once" == NULL);
    return -1;
}

static void begin(fake_server *server, int fd)
{
    connection *c = calloc(1, sizeof *c);
    pthread_t   thread;
    int         on = 1;
    weir_assert(c != NULL);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_mutex_lock(&server->lock);
    *c = (connection){server, free_slot(server), fd, ++server->connections};
    server->at[c->slot].fd = fd;
    server->at[c->slot].id = c->id;
    server->open++;
    pthread_mutex_unlock(&server->lock);
    int failed = pthread_create(&thread, NULL, run, c);
    weir_assert(failed == 0);
    (void)pthread_detach(thread);
}

static void *listen_on(void *at)
{
    fake_server *server = at;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0 && errno == EINTR)
            continue;
        if (fd < 0)
            return NULL; /* shut down */
        begin(server, fd);
    }
}

void fake_server_start(fake_server *server, fake_server_fn *serve, void *self)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t          len = sizeof at;
    memset(server, 0, sizeof *server);
    for (int slot = 0; slot < FAKE_SERVER_CONNECTIONS; slot++)
        server->at[slot].fd = -1;
    server->serve = serve;
    server->self = self;
    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    weir_assert(server->listener >= 0);
    int bound = bind(server->listener, (struct sockaddr *)&at, sizeof at);
    weir_assert(bound == 0);
    int listening = listen(server->listener, FAKE_SERVER_CONNECTIONS);
    weir_assert(listening == 0);
    int named = getsockname(server->listener, (struct sockaddr *)&at, &len);
    weir_assert(named == 0);
    server->port = ntohs(at.sin_port);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->ended, NULL);
    int failed = pthread_create(&server->thread, NULL, listen_on, server);
    weir_assert(failed == 0);
}

void fake_server_shut(fake_server *server, uint64_t id, int how)
{
    pthread_mutex_lock(&server->lock);
    for (int slot = 0; slot < FAKE_SERVER_CONNECTIONS; slot++)
        if (server->at[slot].fd >= 0 && server->at[slot].id == id)
            (void)shutdown(server->at[slot].fd, how);
    pthread_mutex_unlock(&server->lock);
}

void fake_server_refuse(fake_server *server)
{
    if (server->listener < 0)
        return;
    (void)shutdown(server->listener, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->listener);
    server->listener = -1;
}

void fake_server_stop(fake_server *server)
{
    fake_server_refuse(server);
    pthread_mutex_lock(&server->lock);
    for (int slot = 0; slot < FAKE_SERVER_CONNECTIONS; slot++)
        if (server->at[slot].fd >= 0)
            (void)shutdown(server->at[slot].fd, SHUT_RDWR);
    while (server->open > 0)
        pthread_cond_wait(&server->ended, &server->lock);
    pthread_mutex_unlock(&server->lock);
    pthread_cond_destroy(&server->ended);
    pthread_mutex_destroy(&server->lock);
}
