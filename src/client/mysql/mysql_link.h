/* client/mysql: a connection, for the files of this folder.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLIENT_MYSQL_LINK_H
#define CLIENT_MYSQL_LINK_H

#include "weir/mysql_client.h"

#include <mysql.h>

#define MYSQL_PREPARED 16u /* statements kept; the oldest goes */

typedef struct mysql_prepared {
    uint64_t    hash; /* of the text */
    MYSQL_STMT *statement;
} mysql_prepared;

struct weir_mysql {
    MYSQL           *link;
    bool             mariadb;
    weir_mysql_fault last;
    uint32_t         warnings;
    weir_arena      *scratch; /* arrays of one bulk call */
    mysql_prepared   prepared[MYSQL_PREPARED];
    uint32_t         next; /* place of the next statement */
};

/* Remembers and tells an error; `what` is "connecting", "COMMIT". Never OK. */
weir_code mysql_fault(weir_mysql *mysql, const char *what, unsigned number,
                      const char *state, const char *why, weir_err *err);

#endif
