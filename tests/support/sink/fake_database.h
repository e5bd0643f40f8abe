/* tests/fake_database: what the MySQL sink asks of a server, answered without one, and spoiled.
 *
 * The table of the bench is there and fits; the commit row is kept, in transactions; the named lock
 * is kept. Rows are not kept: the committed statements that write them are counted, and who looks
 * at the table finds one row.
 *
 *     fake_database database;
 *     fake_database_start(&database, FAKE_MYSQL_8);
 *     database.fault[0] = (database_fault){
 *         .statement = "COMMIT", .times = 1, .way = FAKE_MYSQL_DROP, .after = true};
 *     bench_start(&bench, "mysql", database.options);
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_FAKE_DATABASE_H
#define TESTS_FAKE_DATABASE_H

#include "fake_mysql.h"

typedef struct database_fault {
    const char      *statement; /* that begins so; NULL: none */
    const char      *holds;     /* and holds this; NULL: whatever it holds */
    int              skip;      /* so many are let through first */
    int              times;     /* then so many are spoiled; -1: all */
    fake_mysql_event event;     /* 0: QUERY */
    fake_mysql_way   way;
    bool             after; /* although it is done */
    uint16_t         number, warnings;
    const char      *state, *text;
    int              cell;  /* ROWS: of the right answer this cell, from 1, */
    const char      *value; /* is another; NULL: NULL */
    bool             empty; /* ROWS: there are none */
} database_fault;

typedef struct database_row { /* of weir_commit */
    bool     there;
    uint64_t epoch, gen;
    char     sha[65], prev_sha[65]; /* hexadecimal */
} database_row;

#define DATABASE_CONNECTIONS 32

typedef struct fake_database {
    fake_mysql     server;
    char           options[128]; /* for bench_start */
    database_fault fault[4];     /* the first that fits */
    database_row   row;
    bool           no_table, no_commit_table, filled;
    uint64_t       holder; /* of the lock; 0: it is free */
    struct {
        bool         in;
        database_row row;
        uint32_t     writes;
    } open[DATABASE_CONNECTIONS]; /* transactions, by connection */
    uint32_t writes;              /* committed statements that write rows */
    uint32_t upserts, deletes, commits, kills, tables_made, endings;
    char     last_write[4096]; /* as it came */
} fake_database;

void fake_database_start(fake_database *database, fake_mysql_kind kind);
void fake_database_stop(fake_database *database);
/* What the server's threads wrote before this call may be read behind it. */
void fake_database_settle(fake_database *database);

#endif
