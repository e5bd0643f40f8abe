/* tests/cut_proxy: a TCP proxy that loses the answer to a statement.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_CUT_PROXY_H
#define TESTS_CUT_PROXY_H

#include <stdint.h>

typedef struct cut_proxy cut_proxy;

typedef enum cut_when {
    CUT_BEFORE, /* the server never sees the statement */
    CUT_AFTER   /* the server has done it; the client is not told */
} cut_when;

/* Listens on a free port of 127.0.0.1 and hands everything on to `port` there. */
cut_proxy *cut_proxy_start(uint16_t port);
uint16_t   cut_proxy_port(const cut_proxy *proxy);
/* The next packet that holds `statement` ends its connection. */
void cut_proxy_arm(cut_proxy *proxy, const char *statement, cut_when when);
int  cut_proxy_cuts(const cut_proxy *proxy); /* so far */
void cut_proxy_stop(cut_proxy *proxy);

#endif
