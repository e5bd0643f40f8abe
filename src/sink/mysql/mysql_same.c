/* sink/mysql_same: are two databases one, whatever they are called?
 *
 * A name of a server says little: an alias, an address, a tunnel. So one connection takes a
 * named lock, which is the server's, and the other one asks who holds it. On one server
 * names of databases are compared as the server does.
 *
 * Gives      mysql_same.
 * Never      writes; the lock is given back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <inttypes.h>
#include <stdio.h>

static weir_code ask(mysql_sink *self, const char *sql, weir_str *out, weir_err *err)
{
    if (self->link == NULL) {
        weir_code rc = mysql_connect(self, err);
        if (rc != WEIR_OK)
            return rc;
    }
    return mysql_ask_one(self, weir_str_of(sql), out, err);
}

/* Is the lock that `a` holds seen by `b`? */
static weir_code same_server(mysql_sink *a, mysql_sink *b, bool *out, weir_err *err)
{
    char     take[128], look[128], give[128];
    weir_str got = {0}, holder = {0};
    (void)snprintf(take, sizeof take, "SELECT GET_LOCK('%s/%" PRIu64 "', 10)", a->lock, a->id);
    (void)snprintf(look, sizeof look, "SELECT IS_USED_LOCK('%s/%" PRIu64 "')", a->lock, a->id);
    (void)snprintf(give, sizeof give, "SELECT RELEASE_LOCK('%s/%" PRIu64 "')", a->lock, a->id);
    weir_code rc = ask(a, take, &got, err);
    if (rc == WEIR_OK && !weir_str_is(got, "1"))
        return weir_retry(err, WEIR_E_REMOTE, "the database '%s' does not give a lock",
                          a->where.database);
    if (rc == WEIR_OK)
        rc = ask(b, look, &holder, err);
    uint64_t id = 0;
    *out = rc == WEIR_OK && holder.at != NULL && weir_str_to_u64(holder, &id) && id == a->id;
    if (rc == WEIR_OK)
        rc = ask(a, give, &got, err);
    return rc;
}

weir_code mysql_same(weir_sink *one, weir_sink *two, bool *out_same, weir_err *err)
{
    static const char name[] =
        "SELECT IF(@@lower_case_table_names = 0, DATABASE(), LOWER(DATABASE()))";
    mysql_sink *a = (mysql_sink *)one, *b = (mysql_sink *)two;
    weir_str    first = {0}, second = {0};
    weir_assert(one->kind == two->kind);
    *out_same = false;
    weir_arena_reset(a->scratch);
    weir_arena_reset(b->scratch);
    weir_code rc = ask(a, "SELECT CONNECTION_ID()", &first, err); /* a->id is of this link */
    if (rc == WEIR_OK)
        rc = same_server(a, b, out_same, err);
    if (rc == WEIR_OK && *out_same)
        rc = ask(a, name, &first, err);
    if (rc == WEIR_OK && *out_same)
        rc = ask(b, name, &second, err);
    *out_same = *out_same && weir_str_eq(first, second);
    mysql_roll_back(&a->keyed);
    mysql_roll_back(&b->keyed);
    return rc;
}
