/* sink/mysql: the tables of one database, upserted by primary key.
 *
 * The transaction that execute opened stays open until the manifest is committed, so that a
 * row which the server refuses is known while the epoch can still change. The rules are in
 * keyed/; here is how this server is spoken to.
 *
 * Owns       one connection; nothing is shared or pooled.
 * Always     1. after any error: ROLLBACK; a connection that cannot do that is thrown away.
 * Threads    one; the commit thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <stdio.h>
#include <string.h>

static weir_sink_open_fn  open_sink;
static weir_sink_close_fn close_sink;

const weir_sink_kind weir_sink_mysql = {
    .name = "mysql",
    .summary = "upsert rows into tables of MySQL or MariaDB by primary key",
    .promise_text = "exactly once: rows and the commit row change in one transaction",
    .options = keyed_options,
    .size = sizeof(mysql_sink),
    .promise = WEIR_PROMISE_EXACTLY_ONCE,
    .keyed = true,
    .group_by = "url",
    .place = keyed_place,
    .same = mysql_same,
    .ddl = mysql_ddl_of,
    .look = &mysql_look,
    .rename = keyed_rename,
    .open = open_sink,
    .stage = keyed_stage,
    .execute = keyed_execute,
    .commit = keyed_commit,
    .finalise = keyed_finalise,
    .replay = keyed_replay,
    .repair = keyed_repair,
    .close = close_sink,
};

static const char *refusal(keyed_sink *keyed)
{
    return ((mysql_sink *)keyed)->refusal;
}

static const keyed_driver driver = {
    .holds = true,
    .begin = mysql_begin,
    .read = mysql_row_read,
    .start = mysql_row_start,
    .any_row = mysql_row_any,
    .move = mysql_row_move,
    .write = mysql_write,
    .commit = mysql_commit_transaction,
    .rollback = mysql_roll_back,
    .seize = mysql_seize,
    .refusal = refusal,
    .is_there = mysql_is_there,
    .rename = mysql_rename,
};

static bool is_here(const char *host)
{
    return host[0] == '/' || strcmp(host, "::1") == 0 || strcmp(host, "localhost") == 0 ||
           strncmp(host, "127.", 4) == 0;
}

static weir_mysql_tls tls_of(weir_str choice, const char *host)
{
    if (weir_str_is(choice, "verify"))
        return WEIR_MYSQL_TLS_VERIFY;
    if (weir_str_is(choice, "require") || (weir_str_is(choice, "auto") && !is_here(host)))
        return WEIR_MYSQL_TLS_REQUIRE;
    return WEIR_MYSQL_TLS_OFF;
}

static const char *text_or(weir_arena *arena, weir_str text, weir_str other)
{
    if (text.len == 0)
        text = other;
    return text.len == 0 ? NULL : weir_str_copy(arena, text).at;
}

static weir_code read_options(mysql_sink *self, const weir_opts *opts,
                              weir_str *out_database, weir_err *err)
{
    weir_arena *job = self->keyed.job;
    weir_str    none = {0};
    keyed_url   url;
    weir_code   rc = keyed_url_parse(weir_opts_text(opts, "url"), job, &url, err);
    if (rc != WEIR_OK)
        return rc;
    self->create = weir_opts_given(opts, "create") && weir_opts_bool(opts, "create");
    self->where = (weir_mysql_setup){
        .host = text_or(job, url.host, WEIR_STR("127.0.0.1")),
        .user = text_or(job, weir_opts_text(opts, "user"), url.user),
        .password = text_or(job, weir_opts_text(opts, "password"), url.password),
        .database = url.database.at,
        .port = url.port,
        .ca = text_or(job, weir_opts_text(opts, "tls_ca"), none),
        .cert = text_or(job, weir_opts_text(opts, "tls_cert"), none),
        .key = text_or(job, weir_opts_text(opts, "tls_key"), none),
        .connect_timeout_us = weir_opts_int(opts, "connect_timeout"),
    };
    self->where.tls = tls_of(weir_opts_text(opts, "tls"), self->where.host);
    *out_database = url.database;
    return WEIR_OK;
}

/* GET_LOCK's names are the server's, at most 64 characters, and compared without case. */
static void name_lock(mysql_sink *self)
{
    const weir_sink_setup *setup = &self->keyed.setup;
    weir_buf               text = {0};
    char                   hex[65];
    weir_buf_blob(&text, weir_str_of(self->where.database));
    weir_buf_blob(&text, setup->job);
    weir_buf_varint(&text, setup->lineage);
    weir_buf_blob(&text, setup->task);
    weir_buf_blob(&text, self->keyed.group);
    weir_sha256 sha = weir_sha256_of(weir_buf_view(&text));
    (void)snprintf(self->lock, sizeof self->lock, "weir/%.32s", weir_sha256_hex(&sha, hex));
    weir_buf_done(&text);
}

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)sink;
    weir_str    database;
    weir_assert(sink->kind == &weir_sink_mysql);
    self->keyed.job = weir_arena_new("mysql sink", 4 << 10);
    self->scratch = weir_arena_new("mysql scratch", 64 << 10);
    weir_code rc = read_options(self, setup->table[0].opts, &database, err);
    if (rc == WEIR_OK)
        rc = keyed_open(&self->keyed, &driver, setup, database, err);
    if (rc != WEIR_OK)
        return rc;
    name_lock(self);
    rc = mysql_connect(self, err);
    if (rc == WEIR_OK && !setup->look && !setup->as_it_is)
        rc = mysql_tables_check(self, err);
    if (rc == WEIR_OK && setup->log_empty)
        rc = keyed_check_empty(&self->keyed, err);
    mysql_roll_back(&self->keyed);
    return rc;
}

static void close_sink(weir_sink *sink)
{
    mysql_sink *self = (mysql_sink *)sink;
    mysql_disconnect(self);
    weir_buf_done(&self->sql);
    weir_arena_free(self->scratch);
    keyed_close(&self->keyed);
}
