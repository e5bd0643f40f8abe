/* weir/http_server: /metrics, /healthz, /readyz of a running job, read-only.
 *
 * Listens on 127.0.0.1 unless told otherwise; GET and HEAD only; small limits. Never shows
 * configuration or record contents.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_HTTP_SERVER_H
#define WEIR_HTTP_SERVER_H

#include "weir/engine.h"

typedef struct weir_http_server weir_http_server;

/* `listen` is "host:port"; port 0 takes a free one. When the port is taken: an error if
   `given` (the user wrote it), else another free port is chosen. */
weir_code weir_http_start(weir_str listen, bool given, const weir_status *status,
                          weir_http_server **out, weir_err *err) WEIR_MUST_CHECK;
/* The port that it listens on. */
uint16_t weir_http_port(const weir_http_server *server);
void     weir_http_stop(weir_http_server *server); /* accepts NULL */

#endif
