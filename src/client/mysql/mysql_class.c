/* client/mysql_class: what an error number means.
 *
 * Gives      weir_mysql_classify.
 * Always     1. a pure function of number and SQLSTATE; numbers come before states.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weir/mysql_client.h"

#include <stddef.h>
#include <string.h>

typedef struct meaning {
    unsigned short   number;
    weir_mysql_class kind;
} meaning;

static const meaning meanings[] = {
    {1021, WEIR_MYSQL_AWAY},   /* disk full */
    {1037, WEIR_MYSQL_AWAY},   /* out of memory */
    {1040, WEIR_MYSQL_AWAY},   /* too many connections */
    {1041, WEIR_MYSQL_AWAY},   /* out of resources */
    {1042, WEIR_MYSQL_AWAY},   /* the server cannot find our host's name */
    {1044, WEIR_MYSQL_ACCESS}, /* database */
    {1045, WEIR_MYSQL_ACCESS}, /* password */
    {1048, WEIR_MYSQL_ROW},    /* NULL in a NOT NULL column */
    {1049, WEIR_MYSQL_ACCESS}, /* unknown database */
    {1053, WEIR_MYSQL_LOST},   /* shutdown */
    {1054, WEIR_MYSQL_SCHEMA}, /* unknown column */
    {1062, WEIR_MYSQL_ROW},    /* duplicate in a unique index */
    {1072, WEIR_MYSQL_SCHEMA}, /* key column is missing */
    {1079, WEIR_MYSQL_LOST},   /* killed or aborted */
    {1114, WEIR_MYSQL_AWAY},   /* table is full */
    {1129, WEIR_MYSQL_AWAY},   /* host is blocked */
    {1136, WEIR_MYSQL_SCHEMA}, /* column count */
    {1142, WEIR_MYSQL_ACCESS}, /* table */
    {1143, WEIR_MYSQL_ACCESS}, /* column */
    {1146, WEIR_MYSQL_SCHEMA}, /* no such table */
    {1152, WEIR_MYSQL_LOST},   /* aborted connection */
    {1153, WEIR_MYSQL_ROW},    /* packet: pieces are small, so it is the row */
    {1158, WEIR_MYSQL_LOST},   /* network read */
    {1159, WEIR_MYSQL_LOST},   /* network read timeout */
    {1160, WEIR_MYSQL_LOST},   /* network write */
    {1161, WEIR_MYSQL_LOST},   /* network write timeout */
    {1180, WEIR_MYSQL_LOST},   /* error during COMMIT */
    {1203, WEIR_MYSQL_AWAY},   /* too many connections of the user */
    {1205, WEIR_MYSQL_LOCK},   /* lock wait timeout */
    {1206, WEIR_MYSQL_AWAY},   /* lock table is full */
    {1213, WEIR_MYSQL_LOCK},   /* deadlock */
    {1216, WEIR_MYSQL_SCHEMA}, /* foreign keys: a table of the job depends on another */
    {1217, WEIR_MYSQL_SCHEMA}, {1226, WEIR_MYSQL_AWAY}, /* the user's limit of resources */
    {1227, WEIR_MYSQL_ACCESS},                          /* privilege */
    {1251, WEIR_MYSQL_ACCESS},                          /* authentication protocol */
    {1264, WEIR_MYSQL_ROW},                             /* out of range */
    {1265, WEIR_MYSQL_ROW},                             /* truncated */
    {1290, WEIR_MYSQL_AWAY},   /* --read-only: a failover is under way */
    {1292, WEIR_MYSQL_ROW},    /* incorrect datetime */
    {1300, WEIR_MYSQL_ROW},    /* invalid utf8mb4 */
    {1317, WEIR_MYSQL_LOCK},   /* query interrupted */
    {1364, WEIR_MYSQL_SCHEMA}, /* a column has no default */
    {1366, WEIR_MYSQL_ROW},    /* incorrect value */
    {1367, WEIR_MYSQL_ROW},    /* illegal value found during parsing */
    {1406, WEIR_MYSQL_ROW},    /* too long */
    {1411, WEIR_MYSQL_ROW},    /* incorrect value for function */
    {1451, WEIR_MYSQL_SCHEMA}, /* foreign keys */
    {1452, WEIR_MYSQL_SCHEMA}, {1614, WEIR_MYSQL_LOCK}, /* transaction branch deadlock */
    {1615, WEIR_MYSQL_LOCK},   /* prepared statement must be prepared again */
    {1637, WEIR_MYSQL_AWAY},   /* too many active concurrent transactions */
    {1644, WEIR_MYSQL_ROW},    /* SIGNAL in a trigger */
    {1665, WEIR_MYSQL_SCHEMA}, /* statement binlog with READ COMMITTED */
    {1690, WEIR_MYSQL_ROW},    /* out of range in an expression */
    {1698, WEIR_MYSQL_ACCESS}, /* no password */
    {1792, WEIR_MYSQL_AWAY},   /* read-only transaction */
    {1836, WEIR_MYSQL_AWAY},   /* read-only mode */
    {1927, WEIR_MYSQL_LOST},   /* MariaDB: killed */
    {1969, WEIR_MYSQL_LOCK},   /* MariaDB: the statement took longer than it may */
    {2002, WEIR_MYSQL_AWAY},   /* cannot connect: socket */
    {2003, WEIR_MYSQL_AWAY},   /* cannot connect: TCP */
    {2005, WEIR_MYSQL_AWAY},   /* unknown host */
    {2006, WEIR_MYSQL_LOST},   /* gone away */
    {2012, WEIR_MYSQL_LOST},   /* handshake */
    {2013, WEIR_MYSQL_LOST},   /* lost during query */
    {2014, WEIR_MYSQL_LOST},   /* out of sync: our mistake, mended by a new connection */
    {2026, WEIR_MYSQL_ACCESS}, /* TLS */
    {2027, WEIR_MYSQL_LOST},   /* malformed packet */
    {2055, WEIR_MYSQL_LOST},   /* lost at some place */
    {2059, WEIR_MYSQL_ACCESS}, /* authentication plugin */
    {3024, WEIR_MYSQL_LOCK},   /* the statement took longer than it may */
    {3058, WEIR_MYSQL_LOCK},   /* user-level lock deadlock */
    {3100, WEIR_MYSQL_LOCK},   /* group replication refused the commit */
    {3101, WEIR_MYSQL_LOCK},   /* rolled back by the plugin */
    {3140, WEIR_MYSQL_ROW},    /* invalid JSON */
    {3141, WEIR_MYSQL_ROW},    {3144, WEIR_MYSQL_ROW}, /* JSON of another character set */
    {3159, WEIR_MYSQL_ACCESS},                         /* TLS is required */
    {3572, WEIR_MYSQL_LOCK},                           /* NOWAIT */
    {3819, WEIR_MYSQL_ROW},                            /* CHECK */
    {4025, WEIR_MYSQL_ROW},                            /* MariaDB: CHECK */
    {4031, WEIR_MYSQL_LOST},                           /* idle for too long */
    {4151, WEIR_MYSQL_ACCESS},                         /* MariaDB: the account is locked */
    {9001, WEIR_MYSQL_AWAY}, /* ProxySQL: no server was reached in time */
    {9002, WEIR_MYSQL_AWAY}, /* ProxySQL: no server was reached */
    {9004, WEIR_MYSQL_AWAY}, /* ProxySQL: the server went offline */
};

weir_mysql_class weir_mysql_classify(unsigned number, const char *state)
{
    size_t low = 0, high = sizeof meanings / sizeof meanings[0];
    if (number == 0)
        return WEIR_MYSQL_FINE;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (meanings[middle].number == number)
            return meanings[middle].kind;
        if (meanings[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (strncmp(state, "08", 2) == 0)
        return WEIR_MYSQL_LOST;
    if (strncmp(state, "40", 2) == 0)
        return WEIR_MYSQL_LOCK;
    if (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0)
        return WEIR_MYSQL_ROW;
    if (strncmp(state, "28", 2) == 0)
        return WEIR_MYSQL_ACCESS;
    if (strncmp(state, "42", 2) == 0)
        return WEIR_MYSQL_SCHEMA;
    return WEIR_MYSQL_OTHER;
}
