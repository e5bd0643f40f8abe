/* tests/fake_server: connections on 127.0.0.1, each served by a thread of its own: what the servers
 * that tests make up have in common.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAKE_SERVER_H
#define TESTS_FAKE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define FAKE_SERVER_CONNECTIONS 64 /* at once */

/* Serves a connection until it ends; it is closed behind that. `id`: of the connection, from 1. */
typedef void fake_server_fn(void *self, int fd, uint64_t id);

typedef struct fake_server {
    fake_server_fn *serve;
    void           *self;
    int             listener; /* -1: it refuses */
    uint16_t        port; /* a free one */
    pthread_t       thread;
    pthread_mutex_t lock; /* guards what follows; `serve` is called without it */
    pthread_cond_t  ended;
    struct {
        int      fd; /* -1: free */
        uint64_t id;
    } at[FAKE_SERVER_CONNECTIONS];
    int      open;
    uint64_t connections; /* that there were */
} fake_server;

void fake_server_start(fake_server *server, fake_server_fn *serve, void *self);
/* No new connections from here on; those that are there go on. */
void fake_server_refuse(fake_server *server);
/* Ends every connection and waits for its thread. */
void fake_server_stop(fake_server *server);
/* `how`: SHUT_RD and so on. Nothing happens when it has ended. */
void fake_server_shut(fake_server *server, uint64_t id, int how);

#endif
