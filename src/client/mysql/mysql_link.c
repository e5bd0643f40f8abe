/* client/mysql_link: connecting, statements as text, answers as text.
 *
 * Gives      weir_mysql_open, weir_mysql_close, weir_mysql_is_mariadb, weir_mysql_last,
 *            weir_mysql_run, weir_mysql_warnings, weir_mysql_ask.
 * Owns       the library's connection and its prepared statements.
 * Always     1. the library never reconnects, and never reads local files for a server.
 *            2. when encryption was asked for, a cipher is active after connecting.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MYSQL_ANSWER_SECONDS 120u /* longest silence of a server that works */

weir_code mysql_fault(weir_mysql *mysql, const char *what, unsigned number,
                      const char *state, const char *why, weir_err *err)
{
    mysql->last.number = number;
    mysql->last.kind = weir_mysql_classify(number, state);
    (void)snprintf(mysql->last.state, sizeof mysql->last.state, "%s", state);
    switch (mysql->last.kind) {
    case WEIR_MYSQL_LOST:
    case WEIR_MYSQL_LOCK:
    case WEIR_MYSQL_AWAY:
        return weir_retry(err, WEIR_E_REMOTE, "%s: %s (%u)", what, why, number);
    case WEIR_MYSQL_ROW:
        return weir_skip(err, WEIR_E_REMOTE, "%s (%u)", why, number);
    case WEIR_MYSQL_SCHEMA:
        return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE, "%s: %s (%u)", what,
                         why, number);
    case WEIR_MYSQL_FINE: /* an error without a number */
    case WEIR_MYSQL_ACCESS:
    case WEIR_MYSQL_OTHER:
        break;
    }
    return weir_fail(err, WEIR_E_REMOTE, "%s: %s (%u)", what, why, number);
}

static weir_code link_fault(weir_mysql *mysql, const char *what, weir_err *err)
{
    weir_assert(mysql_errno(mysql->link) != 0);
    return mysql_fault(mysql, what, mysql_errno(mysql->link), mysql_sqlstate(mysql->link),
                       mysql_error(mysql->link), err);
}

static void set_tls(MYSQL *link, const weir_mysql_setup *setup)
{
    my_bool enforce = setup->tls != WEIR_MYSQL_TLS_OFF;
    my_bool verify = setup->tls == WEIR_MYSQL_TLS_VERIFY;
    if (enforce)
        (void)mysql_ssl_set(link, setup->key, setup->cert, setup->ca, NULL, NULL);
    (void)mysql_optionsv(link, MYSQL_OPT_SSL_ENFORCE, &enforce);
    (void)mysql_optionsv(link, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
}

/* A server may ask for the password in clear text only when we know who it is. */
static void set_plugins(MYSQL *link, const weir_mysql_setup *setup)
{
    static const char hashing[] =
        "mysql_native_password,caching_sha2_password,sha256_password,client_ed25519";
    if (setup->tls != WEIR_MYSQL_TLS_VERIFY)
        (void)mysql_optionsv(link, MARIADB_OPT_RESTRICTED_AUTH, hashing);
}

/* A host that vanished is noticed within half a minute, not when TCP gives up. The server's
   socket takes none of it. */
static void keep_alive(MYSQL *link)
{
    int fd = (int)mysql_get_socket(link), yes = 1, idle_s = 10, between_s = 5, probes = 4;
    int unanswered_ms = 30000;
    /* A kernel that does not know one of these is no reason to fail. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between_s, sizeof between_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms,
                     sizeof unanswered_ms);
}

static void set_options(MYSQL *link, const weir_mysql_setup *setup)
{
    unsigned connect_s = (unsigned)((setup->connect_timeout_us + 999999) / 1000000);
    unsigned answer_s = MYSQL_ANSWER_SECONDS, no = 0;
    my_bool  off = 0;
    (void)mysql_optionsv(link, MYSQL_OPT_RECONNECT, &off);
    (void)mysql_optionsv(link, MYSQL_OPT_LOCAL_INFILE, &no);
    (void)mysql_optionsv(link, MYSQL_OPT_CONNECT_TIMEOUT, &connect_s);
    (void)mysql_optionsv(link, MYSQL_OPT_READ_TIMEOUT, &answer_s);
    (void)mysql_optionsv(link, MYSQL_OPT_WRITE_TIMEOUT, &answer_s);
    (void)mysql_optionsv(link, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    (void)mysql_optionsv(link, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "weir");
    set_tls(link, setup);
    set_plugins(link, setup);
}

static weir_code connect_link(weir_mysql *mysql, const weir_mysql_setup *setup,
                              weir_err *err)
{
    bool     socket = setup->host != NULL && setup->host[0] == '/';
    unsigned protocol = socket ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    set_options(mysql->link, setup);
    (void)mysql_optionsv(mysql->link, MYSQL_OPT_PROTOCOL, &protocol);
    if (mysql_real_connect(mysql->link, socket ? NULL : setup->host, setup->user,
                           setup->password, setup->database, setup->port,
                           socket ? setup->host : NULL, CLIENT_FOUND_ROWS) == NULL) {
        (void)link_fault(mysql, "could not connect to the database", err);
        if (mysql->last.number == 2026)
            return weir_err_hint(err,
                                 "tls = 'off' if the server has no certificate; tls_ca "
                                 "names the authority to trust");
        return err->code;
    }
    if (setup->tls != WEIR_MYSQL_TLS_OFF && mysql_get_ssl_cipher(mysql->link) == NULL) {
        (void)weir_fail(err, WEIR_E_CONFIG,
                        "the connection to the database is not encrypted");
        return weir_err_hint(err, "let the server offer TLS, or write tls = 'off'");
    }
    keep_alive(mysql->link);
    mysql->mariadb = mariadb_connection(mysql->link);
    return WEIR_OK;
}

weir_code weir_mysql_open(const weir_mysql_setup *setup, weir_mysql **out, weir_err *err)
{
    weir_mysql *mysql = weir_heap_new(1, sizeof *mysql);
    mysql->scratch = weir_arena_new("mysql arrays", 64 << 10);
    mysql->link = mysql_init(NULL);
    weir_assert(mysql->link != NULL); /* only memory can lack */
    weir_code rc = connect_link(mysql, setup, err);
    if (rc != WEIR_OK) {
        weir_mysql_close(mysql);
        return rc;
    }
    *out = mysql;
    return WEIR_OK;
}

void weir_mysql_close(weir_mysql *mysql)
{
    if (mysql == NULL)
        return;
    for (uint32_t i = 0; i < MYSQL_PREPARED; i++)
        if (mysql->prepared[i].statement != NULL)
            (void)mysql_stmt_close(mysql->prepared[i].statement);
    mysql_close(mysql->link);
    weir_arena_free(mysql->scratch);
    weir_heap_free(mysql);
}

bool weir_mysql_is_mariadb(const weir_mysql *mysql)
{
    return mysql->mariadb;
}

weir_mysql_fault weir_mysql_last(const weir_mysql *mysql)
{
    return mysql->last;
}

uint32_t weir_mysql_warnings(const weir_mysql *mysql)
{
    return mysql->warnings;
}

/* For messages: the statement's first words. */
static const char *words_of(weir_str sql, char out[40])
{
    size_t len = 0;
    while (len < sql.len && len < 39 && sql.at[len] != '(' && sql.at[len] != '\n')
        len++;
    (void)snprintf(out, 40, "%.*s", (int)len, sql.at);
    return out;
}

static weir_code send_text(weir_mysql *mysql, weir_str sql, weir_err *err)
{
    char words[40];
    mysql->last = (weir_mysql_fault){0};
    mysql->warnings = 0;
    if (mysql_real_query(mysql->link, sql.at, sql.len) != 0)
        return link_fault(mysql, words_of(sql, words), err);
    return WEIR_OK;
}

/* Rows where there can be none, or none where there must be: the connection is of no use. */
static weir_code out_of_step(weir_mysql *mysql, weir_str sql, weir_err *err)
{
    char words[40];
    return mysql_fault(mysql, words_of(sql, words), 2014, "HY000",
                       "the server answers another question", err);
}

weir_code weir_mysql_run(weir_mysql *mysql, weir_str sql, uint64_t *out_matched,
                         weir_err *err)
{
    weir_code rc = send_text(mysql, sql, err);
    if (rc != WEIR_OK)
        return rc;
    if (mysql_field_count(mysql->link) != 0)
        return out_of_step(mysql, sql, err);
    mysql->warnings = mysql_warning_count(mysql->link);
    if (out_matched != NULL)
        *out_matched = mysql_affected_rows(mysql->link);
    return WEIR_OK;
}

weir_code weir_mysql_ask(weir_mysql *mysql, weir_str sql, weir_arena *arena,
                         weir_mysql_answer *out, weir_err *err)
{
    char      words[40];
    weir_code rc = send_text(mysql, sql, err);
    if (rc != WEIR_OK)
        return rc;
    MYSQL_RES *result = mysql_store_result(mysql->link);
    if (result == NULL)
        return mysql_errno(mysql->link) == 0 ? out_of_step(mysql, sql, err)
                                             : link_fault(mysql, words_of(sql, words), err);
    weir_mysql_answer made = {.rows = (uint32_t)mysql_num_rows(result),
                              .columns = mysql_num_fields(result)};
    made.cell = WEIR_ARRAY(arena, weir_str, (size_t)made.rows * made.columns + 1);
    for (uint32_t r = 0; r < made.rows; r++) {
        MYSQL_ROW      row = mysql_fetch_row(result);
        unsigned long *len = mysql_fetch_lengths(result);
        weir_assert(row != NULL);
        for (uint32_t c = 0; c < made.columns; c++)
            if (row[c] != NULL)
                made.cell[r * made.columns + c] =
                    weir_str_copy(arena, (weir_str){row[c], len[c]});
    }
    mysql_free_result(result);
    *out = made;
    return WEIR_OK;
}
