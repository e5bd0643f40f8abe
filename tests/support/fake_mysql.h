/* tests/fake_mysql: a server on 127.0.0.1 that speaks MySQL's protocol; a test makes up what it
 * answers, and where the connection ends.
 *
 * It takes any user and password, knows no TLS, and answers with text only. Statements that were
 * prepared come to the hook when they are run, with their question marks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAKE_MYSQL_H
#define TESTS_FAKE_MYSQL_H

#include "fake_server.h"
#include "weir/buf.h"

typedef enum fake_mysql_way {
    FAKE_MYSQL_OK,
    FAKE_MYSQL_ROWS, /* `columns` and the cells that were added */
    FAKE_MYSQL_FAIL, /* `number`, `state` and `text` */
    FAKE_MYSQL_NONE, /* OK, whatever was asked */
    FAKE_MYSQL_DROP, /* the connection ends without an answer */
    FAKE_MYSQL_TORN  /* the connection ends within the answer */
} fake_mysql_way;

typedef struct fake_mysql_answer {
    fake_mysql_way way;
    uint64_t       affected;
    uint16_t       warnings;
    uint16_t       number;
    const char    *state, *text; /* static */
    uint32_t       columns;
    weir_buf       cells; /* see fake_mysql_cell */
} fake_mysql_answer;

typedef enum fake_mysql_event {
    FAKE_MYSQL_CONNECT, /* `sql` is empty; FAIL and DROP refuse */
    FAKE_MYSQL_PREPARE, /* OK or FAIL */
    FAKE_MYSQL_QUERY,   /* a text, or a prepared statement that is run */
    FAKE_MYSQL_GONE     /* the connection ended; the answer is not used */
} fake_mysql_event;

/* Called under a lock, one statement at a time. `id`: of the connection, from 1. */
typedef void fake_mysql_fn(void *self, uint64_t id, fake_mysql_event event, weir_str sql,
                           fake_mysql_answer *out);

typedef enum fake_mysql_kind {
    FAKE_MYSQL_8,        /* knows no arrays */
    FAKE_MYSQL_MARIADB,  /* knows arrays */
    FAKE_MYSQL_OLD_MARIA /* MariaDB before arrays */
} fake_mysql_kind;

typedef struct fake_mysql {
    fake_server     base;
    fake_mysql_fn  *answer;
    void           *self;
    fake_mysql_kind kind;
    uint16_t        port;
    pthread_mutex_t lock;
    uint64_t        connections;
} fake_mysql;

void fake_mysql_start(fake_mysql *server, fake_mysql_kind kind, fake_mysql_fn *answer,
                      void *self);
void fake_mysql_stop(fake_mysql *server);
/* Within the hook: ends another connection, or its own after the answer. */
void fake_mysql_kill(fake_mysql *server, uint64_t id);
/* The next cell, by row; .at NULL: NULL. */
void fake_mysql_cell(fake_mysql_answer *answer, weir_str cell);

#endif
