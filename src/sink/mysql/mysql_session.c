/* sink/mysql_session: a connection that does what was agreed on, and its transactions.
 *
 *  - Every variable on which correctness rests is set and read back: a proxy or a pool that
 *    swallows SET must not go unseen.
 *  - Between BEGIN and COMMIT the server drops us after ten silent seconds, so that a frozen
 *    process cannot hold rows for hours; else after an hour.
 *  - The owner holds a named lock. A successor that finds it held kills that connection. This
 *    is for progress only: what makes it safe is the compare-and-set.
 *
 * Gives      mysql_connect, mysql_disconnect, mysql_begin, mysql_commit_transaction,
 *            mysql_roll_back, mysql_seize, mysql_run_format, mysql_ask_one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WAIT_BUSY_S 10
#define WAIT_IDLE_S 3600

void mysql_disconnect(mysql_sink *self)
{
    weir_mysql_close(self->link);
    self->link = NULL;
    self->in_haste = false;
}

weir_code mysql_run_format(mysql_sink *self, uint64_t *out_matched, weir_err *err,
                           const char *format, ...)
{
    va_list args;
    char    sql[1024];
    va_start(args, format);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = vsnprintf(sql, sizeof sql, format, args);
#pragma GCC diagnostic pop
    va_end(args);
    weir_assert(len > 0);
    weir_assert((size_t)len < sizeof sql);
    return weir_mysql_run(self->link, (weir_str){sql, (size_t)len}, out_matched, err);
}

weir_code mysql_ask_one(mysql_sink *self, weir_str sql, weir_str *out, weir_err *err)
{
    weir_mysql_answer answer;
    weir_code         rc = weir_mysql_ask(self->link, sql, self->scratch, &answer, err);
    if (rc == WEIR_OK)
        *out = answer.rows > 0 ? answer.cell[0] : (weir_str){0};
    return rc;
}

static const char *const settings[] = {
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'",
    "SET SESSION time_zone = '+00:00', autocommit = 0, innodb_lock_wait_timeout = 10, "
    "net_read_timeout = 30, net_write_timeout = 60, max_error_count = 1024, "
    "wait_timeout = 3600",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
};

typedef enum asked { /* columns of the question below */
                     ASKED_MODE,
                     ASKED_ZONE,
                     ASKED_CLIENT,
                     ASKED_CONNECTION,
                     ASKED_RESULTS,
                     ASKED_AUTOCOMMIT,
                     ASKED_LOCK_WAIT,
                     ASKED_READ_ONLY,
                     ASKED_PACKET,
                     ASKED_ID,
                     ASKED_ISOLATION,
                     ASKED_COUNT
} asked;

static const char question[] =
    "SELECT @@SESSION.sql_mode, @@SESSION.time_zone, @@SESSION.character_set_client, "
    "@@SESSION.character_set_connection, @@SESSION.character_set_results, "
    "@@SESSION.autocommit, @@SESSION.innodb_lock_wait_timeout, @@GLOBAL.read_only, "
    "@@SESSION.max_allowed_packet, CONNECTION_ID(), ";

static bool has_mode(weir_str modes, const char *mode)
{
    return memmem(modes.at, modes.len, mode, strlen(mode)) != NULL;
}

static weir_code check_settings(mysql_sink *self, const weir_str *cell, weir_err *err)
{
    const char *wrong = NULL;
    if (!has_mode(cell[ASKED_MODE], "STRICT_ALL_TABLES") ||
        !has_mode(cell[ASKED_MODE], "NO_BACKSLASH_ESCAPES"))
        wrong = "sql_mode";
    else if (!weir_str_is(cell[ASKED_ZONE], "+00:00"))
        wrong = "time_zone";
    else if (!weir_str_is(cell[ASKED_CLIENT], "utf8mb4") ||
             !weir_str_is(cell[ASKED_CONNECTION], "utf8mb4") ||
             !weir_str_is(cell[ASKED_RESULTS], "utf8mb4"))
        wrong = "the character set";
    else if (!weir_str_is(cell[ASKED_AUTOCOMMIT], "0"))
        wrong = "autocommit";
    else if (!weir_str_is(cell[ASKED_LOCK_WAIT], "10"))
        wrong = "innodb_lock_wait_timeout";
    else if (!weir_str_is(cell[ASKED_ISOLATION], "READ-COMMITTED"))
        wrong = "the isolation level";
    if (wrong != NULL) {
        (void)weir_fail(err, WEIR_E_REMOTE, "the database does not keep %s as it was set",
                        wrong);
        return weir_err_hint(err,
                             "is there a proxy or a pool between weir and the server?");
    }
    if (!weir_str_is(cell[ASKED_READ_ONLY], "0") &&
        !weir_str_is(cell[ASKED_READ_ONLY], "OFF"))
        return weir_retry(err, WEIR_E_REMOTE, "the database '%s' is read-only",
                          self->where.database);
    if (!weir_str_to_u64(cell[ASKED_PACKET], &self->packet) ||
        !weir_str_to_u64(cell[ASKED_ID], &self->id))
        return weir_fail(err, WEIR_E_REMOTE, "the database answers what cannot be read");
    return WEIR_OK;
}

static weir_code set_up(mysql_sink *self, weir_err *err)
{
    weir_mysql_answer answer;
    weir_buf          sql = {0};
    weir_code         rc = WEIR_OK;
    for (size_t i = 0; rc == WEIR_OK && i < sizeof settings / sizeof settings[0]; i++)
        rc = weir_mysql_run(self->link, weir_str_of(settings[i]), NULL, err);
    weir_buf_text(&sql, question);
    weir_buf_text(&sql, self->bulk ? "@@SESSION.tx_isolation"
                                   : "@@SESSION.transaction_isolation");
    if (rc == WEIR_OK)
        rc = weir_mysql_ask(self->link, weir_buf_view(&sql), self->scratch, &answer, err);
    weir_buf_done(&sql);
    if (rc != WEIR_OK)
        return rc;
    weir_assert(answer.columns == ASKED_COUNT);
    if (answer.rows == 0)
        return weir_fail(err, WEIR_E_REMOTE, "the database does not say how it is set up");
    return check_settings(self, answer.cell, err);
}

weir_code mysql_connect(mysql_sink *self, weir_err *err)
{
    weir_assert(self->link == NULL);
    weir_arena_reset(self->scratch);
    weir_code rc = weir_mysql_open(&self->where, &self->link, err);
    if (rc != WEIR_OK)
        return rc;
    self->bulk = weir_mysql_is_mariadb(self->link);
    rc = set_up(self, err);
    if (rc != WEIR_OK)
        mysql_disconnect(self);
    return rc;
}

/* Takes the lock if it is free, or held by the connection `old`, which is killed. A holder
   of 0 stands for whoever it is. */
static weir_code take_lock(mysql_sink *self, bool anyone, uint64_t old, weir_err *err)
{
    char      sql[128];
    weir_str  got = {0}, holder = {0};
    uint64_t  id = 0;
    int       len = snprintf(sql, sizeof sql, "SELECT GET_LOCK('%s', 0)", self->lock);
    weir_code rc = mysql_ask_one(self, (weir_str){sql, (size_t)len}, &got, err);
    if (rc != WEIR_OK || weir_str_is(got, "1"))
        return rc;
    len = snprintf(sql, sizeof sql, "SELECT IS_USED_LOCK('%s')", self->lock);
    rc = mysql_ask_one(self, (weir_str){sql, (size_t)len}, &holder, err);
    if (rc != WEIR_OK || holder.at == NULL || !weir_str_to_u64(holder, &id) ||
        id == self->id || (!anyone && id != old))
        return rc;
    rc = mysql_run_format(self, NULL, err, "KILL %" PRIu64, id);
    if (rc != WEIR_OK && err->fate == WEIR_FATE_RETRY)
        return rc; /* otherwise it is gone by itself, or another user's */
    len = snprintf(sql, sizeof sql, "SELECT GET_LOCK('%s', 10)", self->lock);
    return mysql_ask_one(self, (weir_str){sql, (size_t)len}, &got, err);
}

static weir_code start(mysql_sink *self, weir_err *err)
{
    weir_code rc =
        mysql_run_format(self, NULL, err, "SET SESSION wait_timeout = %d", WAIT_BUSY_S);
    self->in_haste = rc == WEIR_OK;
    if (rc == WEIR_OK)
        rc = weir_mysql_run(self->link, WEIR_STR("BEGIN"), NULL, err);
    return rc;
}

weir_code mysql_begin(keyed_sink *keyed, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_arena_reset(self->scratch);
    if (self->link != NULL) {
        weir_code rc = start(self, err);
        if (rc == WEIR_OK || weir_mysql_last(self->link).kind != WEIR_MYSQL_LOST)
            return rc;
        mysql_disconnect(self); /* it idled for too long, or the server restarted */
    }
    uint64_t  old = self->id;
    weir_code rc = mysql_connect(self, err);
    if (rc != WEIR_OK)
        return rc;
    rc = take_lock(self, false, old, err);
    if (rc != WEIR_OK)
        mysql_disconnect(self); /* else the next begin would go on without having asked */
    return rc == WEIR_OK ? start(self, err) : rc;
}

static weir_code rest(mysql_sink *self, weir_err *err)
{
    if (!self->in_haste)
        return WEIR_OK;
    self->in_haste = false;
    return mysql_run_format(self, NULL, err, "SET SESSION wait_timeout = %d", WAIT_IDLE_S);
}

weir_code mysql_commit_transaction(keyed_sink *keyed, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_assert(self->link != NULL);
    weir_code rc = weir_mysql_run(self->link, WEIR_STR("COMMIT"), NULL, err);
    if (rc != WEIR_OK)
        return rc;
    weir_err ignored; /* the epoch is committed; a bad connection shows at the next BEGIN */
    weir_err_clear(&ignored);
    if (rest(self, &ignored) != WEIR_OK)
        mysql_disconnect(self);
    return WEIR_OK;
}

/* A connection that cannot roll back is thrown away. So is one to a server that takes nothing
   more: a failover may have made it a replica, and the name leads to another one by now. */
void mysql_roll_back(keyed_sink *keyed)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_err    ignored;
    weir_err_clear(&ignored);
    if (self->link == NULL)
        return;
    bool away = weir_mysql_last(self->link).kind == WEIR_MYSQL_AWAY;
    if (weir_mysql_run(self->link, WEIR_STR("ROLLBACK"), NULL, &ignored) != WEIR_OK || away ||
        rest(self, &ignored) != WEIR_OK)
        mysql_disconnect(self);
}

weir_code mysql_seize(keyed_sink *keyed, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_code   rc = WEIR_OK;
    weir_arena_reset(self->scratch);
    if (self->link == NULL)
        rc = mysql_connect(self, err);
    if (rc == WEIR_OK)
        rc = take_lock(self, true, 0, err);
    if (rc != WEIR_OK)
        mysql_roll_back(keyed);
    return rc;
}
