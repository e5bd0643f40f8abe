/* tests/sink_target: what a kind of sink writes to, for tests: made empty, looked at.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_SINK_TARGET_H
#define TESTS_SINK_TARGET_H

#include "sink_bench.h"

typedef struct sink_target sink_target;
struct sink_target {
    const char *name; /* "sqlite", "mysql on MariaDB" */
    const char *kind;
    const char *options; /* for bench_start */
    void (*empty)(sink_target *target);
    /* All rows as lines of text, sorted; the caller frees it. */
    weir_buf (*dump)(sink_target *target, sink_bench *bench);
    /* Of a SELECT, in its order; keyed kinds. */
    weir_buf (*ask)(sink_target *target, const char *sql);
    void (*sql)(sink_target *target, const char *sql); /* keyed kinds */
    void (*admin)(sink_target *target, const char *sql); /* as a user who may do all */
    const char *url, *admin_url;                         /* of a MySQL server */
    char       *folder;                                /* of sqlite */
    char        text[1024];
};

/* The targets that can be tested here, at most 4: sqlite, s3, and MySQL servers whose
   addresses are in WEIR_TEST_MARIADB_URL and WEIR_TEST_MYSQL8_URL; a user of theirs who may do
   all is in WEIR_TEST_MARIADB_ADMIN_URL and WEIR_TEST_MYSQL8_ADMIN_URL. */
uint32_t sink_targets(sink_target out[4]);
void     sink_targets_gone(sink_target *targets, uint32_t count);

#endif
