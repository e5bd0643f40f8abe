/* weir/mysql_client: one connection to MySQL or MariaDB.
 *
 * Nothing here repeats or reconnects: the caller knows what a lost statement means. After an
 * error the connection may still live; weir_mysql_last says which kind of error it was.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_MYSQL_CLIENT_H
#define WEIR_MYSQL_CLIENT_H

#include "weir/arena.h"
#include "weir/error.h"
#include "weir/str.h"

typedef struct weir_mysql weir_mysql;

typedef enum weir_mysql_tls {
    WEIR_MYSQL_TLS_OFF,
    WEIR_MYSQL_TLS_REQUIRE, /* encrypted, whoever the server is */
    WEIR_MYSQL_TLS_VERIFY   /* and its certificate and name are checked */
} weir_mysql_tls;

typedef struct weir_mysql_setup { /* C strings; NULL: not given */
    const char    *host; /* a path: the server's socket */
    const char    *user, *password, *database;
    uint16_t       port; /* 0: 3306 */
    weir_mysql_tls tls;
    const char    *ca, *cert, *key; /* files */
    int64_t        connect_timeout_us;
} weir_mysql_setup;

/* What an error number means for the one who sent the statement. */
typedef enum weir_mysql_class {
    WEIR_MYSQL_FINE,
    WEIR_MYSQL_LOST,   /* the connection is gone; the statement may have run */
    WEIR_MYSQL_LOCK,   /* deadlock, lock wait, too long: again from BEGIN */
    WEIR_MYSQL_AWAY,   /* full, starting, stopping, read-only, too many: later */
    WEIR_MYSQL_ROW,    /* a value or a row is refused, for ever */
    WEIR_MYSQL_SCHEMA, /* a table or column is missing or of another kind */
    WEIR_MYSQL_ACCESS, /* user, password or right */
    WEIR_MYSQL_OTHER
} weir_mysql_class;
weir_mysql_class weir_mysql_classify(unsigned number, const char *state);

typedef struct weir_mysql_fault {
    weir_mysql_class kind;
    unsigned         number;
    char             state[6];
} weir_mysql_fault;

/* Fates of every call: LOST, LOCK, AWAY give RETRY; ROW gives SKIP_RECORD; SCHEMA gives exit
   SINK_SCHEMA; the others HALT. */
weir_code weir_mysql_open(const weir_mysql_setup *setup, weir_mysql **out, weir_err *err)
    WEIR_MUST_CHECK;
void             weir_mysql_close(weir_mysql *mysql);
bool             weir_mysql_is_mariadb(const weir_mysql *mysql);
weir_mysql_fault weir_mysql_last(const weir_mysql *mysql); /* of the last call */

/* A statement without rows. *out_matched (may be NULL): rows that an UPDATE's WHERE found. */
weir_code weir_mysql_run(weir_mysql *mysql, weir_str sql, uint64_t *out_matched, weir_err *err)
    WEIR_MUST_CHECK;
/* Warnings of the last statement. */
uint32_t weir_mysql_warnings(const weir_mysql *mysql);

typedef struct weir_mysql_answer { /* in the caller's arena */
    uint32_t  rows, columns;
    weir_str *cell; /* rows * columns, by row; .at NULL: NULL; a NUL is behind each */
} weir_mysql_answer;
weir_code weir_mysql_ask(weir_mysql *mysql, weir_str sql, weir_arena *arena,
                         weir_mysql_answer *out, weir_err *err) WEIR_MUST_CHECK;

typedef enum weir_mysql_kind { /* what lies in an array's values */
    WEIR_MYSQL_I8,
    WEIR_MYSQL_I16,
    WEIR_MYSQL_I32,
    WEIR_MYSQL_I64,
    WEIR_MYSQL_F32,
    WEIR_MYSQL_F64,
    WEIR_MYSQL_TEXT,     /* offsets and bytes */
    WEIR_MYSQL_BYTES,    /* offsets and bytes */
    WEIR_MYSQL_DATE,     /* int32_t days since 1970, years 1 to 9999 */
    WEIR_MYSQL_TIME,     /* int64_t microseconds since midnight */
    WEIR_MYSQL_DATETIME  /* int64_t microseconds since 1970, years 1 to 9999 */
} weir_mysql_kind;

typedef struct weir_mysql_array { /* the values of one parameter */
    weir_mysql_kind kind;
    const uint8_t  *valid; /* bitmap; NULL: all have a value */
    const void     *values;
    const uint32_t *offsets;
    const char     *bytes;
} weir_mysql_array;

typedef struct weir_mysql_rows { /* of arrays: those from `first` on */
    const weir_mysql_array *array;
    uint32_t                arrays;
    uint32_t                first, count;
} weir_mysql_rows;

/* Runs a statement with ? for every row (MariaDB's array binding). *out_known is false, and
   nothing was run, where the server does not know it. Statements are kept prepared. */
weir_code weir_mysql_bulk(weir_mysql *mysql, weir_str sql, const weir_mysql_rows *rows,
                          bool *out_known, weir_err *err) WEIR_MUST_CHECK;

#endif
