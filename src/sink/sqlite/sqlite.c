/* sink/sqlite: the tables of a database in one SQLite file; MySQL's place in --embedded.
 *
 * A stopped process that held a transaction open would block its successor for ever, so
 * execute rolls back, and commit does the work again after the commit point.
 *
 * Owns       the connection; made anew after any error that may have harmed it.
 * Always     1. the journal is a WAL, every commit is synced, and a busy file is waited for
 *               for five seconds.
 *            2. between two calls of the protocol no transaction is open.
 * Threads    one; the commit thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sqlite/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static weir_sink_open_fn  open_sink;
static weir_sink_close_fn close_sink;

static const weir_option options[] = {
    {.name = "url",
     .type = WEIR_OPT_TEXT,
     .required = true,
     .help = "sqlite:PATH of the database's file."},
#define KEYED_OPTION(n, t, f, c, from, to, h)                                              \
    {.name = n, .type = t, .fallback = f, .choices = c, .least = from, .most = to, .help = h},
#include "keyed/keyed_options.def"
#undef KEYED_OPTION
    {0},
};

const weir_sink_kind weir_sink_sqlite = {
    .name = "sqlite",
    .summary = "upsert rows into tables of a SQLite file by primary key",
    .promise_text = "exactly once: rows and the commit row change in one transaction",
    .options = options,
    .size = sizeof(sqlite_sink),
    .promise = WEIR_PROMISE_EXACTLY_ONCE,
    .keyed = true,
    .group_by = "url",
    .place = keyed_place,
    .ddl = sqlite_ddl_of,
    .look = &sqlite_look,
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

static sqlite_sink *self_of(keyed_sink *keyed)
{
    weir_assert(keyed->base.kind == &weir_sink_sqlite);
    return (sqlite_sink *)keyed;
}

weir_code sqlite_fail(sqlite_sink *self, const char *what, bool row, weir_err *err)
{
    int         code = sqlite3_extended_errcode(self->db);
    const char *why = sqlite3_errmsg(self->db);
    (void)snprintf(self->refusal, sizeof self->refusal, "SQLITE %d", code);
    switch (code & 0xFF) {
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
        if (row)
            return weir_skip(err, WEIR_E_REMOTE, "%s", why);
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
        return weir_retry(err, WEIR_E_IO, "%s '%s': %s", what, self->path, why);
    case SQLITE_IOERR:
    case SQLITE_FULL:
        self->suspect = true;
        return weir_retry(err, WEIR_E_IO, "%s '%s': %s", what, self->path, why);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        self->suspect = true;
        return weir_fail(err, WEIR_E_IO, "%s '%s': %s", what, self->path, why);
    default:
        break;
    }
    return weir_halt(err, WEIR_EXIT_SINK_SCHEMA, WEIR_E_REMOTE, "%s '%s': %s", what,
                     self->path, why);
}

weir_code sqlite_run(sqlite_sink *self, const char *sql, const char *what, weir_err *err)
{
    if (sqlite3_exec(self->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return WEIR_OK;
    return sqlite_fail(self, what, false, err);
}

weir_code sqlite_prepare(sqlite_sink *self, weir_str sql, const char *what,
                         sqlite3_stmt **out, weir_err *err)
{
    if (sqlite3_prepare_v2(self->db, sql.at, (int)sql.len, out, NULL) == SQLITE_OK)
        return WEIR_OK;
    return sqlite_fail(self, what, false, err);
}

void sqlite_name(weir_buf *out, weir_str name)
{
    weir_buf_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] == '"')
            weir_buf_byte(out, '"');
        weir_buf_byte(out, (uint8_t)name.at[i]);
    }
    weir_buf_byte(out, '"');
}

static void disconnect(sqlite_sink *self)
{
    (void)sqlite3_close_v2(self->db); /* statements are finalised by those who made them */
    self->db = NULL;
    self->suspect = false;
}

/* Who only looks leaves a journal as it is: the next that writes takes it in. */
static weir_code look_at_file(sqlite_sink *self, weir_err *err)
{
    struct stat about;
    weir_buf    journal = {0};
    weir_buf_format(&journal, "%s-wal", self->path);
    weir_buf_byte(&journal, '\0');
    bool left = stat((const char *)journal.at, &about) == 0;
    weir_buf_done(&journal);
    if (left)
        (void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return sqlite_run(self, "PRAGMA trusted_schema = OFF", "could not set up", err);
}

static weir_code open_file(sqlite_sink *self, weir_err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (!self->keyed.setup.look)
        flags |= SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(self->path, &self->db, flags, NULL) != SQLITE_OK)
        return sqlite_fail(self, "could not open", false, err);
    (void)sqlite3_extended_result_codes(self->db, 1);
    (void)sqlite3_busy_timeout(self->db, 5000);
    if (self->keyed.setup.look)
        return look_at_file(self, err);
    return sqlite_run(self,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "PRAGMA trusted_schema = OFF",
                      "could not set up", err);
}

static weir_code connect_file(sqlite_sink *self, weir_err *err)
{
    if (self->suspect)
        disconnect(self);
    if (self->db != NULL)
        return WEIR_OK;
    weir_code rc = open_file(self, err);
    if (rc != WEIR_OK)
        disconnect(self); /* the next begin would take it for one that is set up */
    return rc;
}

static weir_code begin(keyed_sink *keyed, weir_err *err)
{
    sqlite_sink *self = self_of(keyed);
    weir_code    rc = connect_file(self, err);
    if (rc != WEIR_OK)
        return rc;
    weir_assert(sqlite3_get_autocommit(self->db)); /* 2 */
    return sqlite_run(self, "BEGIN IMMEDIATE", "could not lock", err);
}

static void rollback(keyed_sink *keyed)
{
    sqlite_sink *self = self_of(keyed);
    if (self->db == NULL)
        return;
    if (!sqlite3_get_autocommit(self->db))
        (void)sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL); /* looked at below */
    if (self->suspect || !sqlite3_get_autocommit(self->db))
        disconnect(self);
}

static weir_code commit(keyed_sink *keyed, weir_err *err)
{
    return sqlite_run(self_of(keyed), "COMMIT", "could not commit to", err);
}

/* The columns that name the row, from parameter `at` on. */
static void bind_row(const keyed_sink *keyed, sqlite3_stmt *statement, int at)
{
    const weir_sink_setup *setup = &keyed->setup;
    (void)sqlite3_bind_text(statement, at, setup->job.at, (int)setup->job.len,
                            SQLITE_STATIC);
    (void)sqlite3_bind_int64(statement, at + 1, setup->lineage);
    (void)sqlite3_bind_text(statement, at + 2, setup->task.at, (int)setup->task.len,
                            SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, at + 3, keyed->group.at, (int)keyed->group.len,
                            SQLITE_STATIC);
}

static void bind_mark(const keyed_sink *keyed, sqlite3_stmt *statement,
                      const keyed_mark *mark)
{
    char now[40];
    int  len = weir_us_print(keyed->setup.clock->wall_us(keyed->setup.clock), now);
    (void)sqlite3_bind_int64(statement, 5, (sqlite3_int64)mark->epoch);
    (void)sqlite3_bind_int64(statement, 6, (sqlite3_int64)mark->gen);
    (void)sqlite3_bind_blob(statement, 7, mark->sha.at, WEIR_SHA256_BYTES, SQLITE_STATIC);
    (void)sqlite3_bind_blob(statement, 8, mark->prev_sha.at, WEIR_SHA256_BYTES,
                            SQLITE_STATIC);
    (void)sqlite3_bind_text(statement, 9, now, len, SQLITE_TRANSIENT);
}

static bool take_sha(sqlite3_stmt *statement, int column, weir_sha256 *out)
{
    if (sqlite3_column_bytes(statement, column) != WEIR_SHA256_BYTES)
        return false;
    memcpy(out->at, sqlite3_column_blob(statement, column), WEIR_SHA256_BYTES);
    return true;
}

static weir_code read_row(keyed_sink *keyed, keyed_mark *out, bool *out_found,
                          weir_err *err)
{
    sqlite_sink  *self = self_of(keyed);
    sqlite3_stmt *statement = NULL;
    weir_code     rc = sqlite_prepare(
            self,
            WEIR_STR(
                "SELECT epoch, gen, manifest_sha, prev_sha FROM weir_commit WHERE job = ?1 "
                    "AND lineage = ?2 AND task = ?3 AND sink_group = ?4"),
            "could not read the commit row of", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    bind_row(keyed, statement, 1);
    int        step = sqlite3_step(statement);
    keyed_mark mark = {0};
    if (step == SQLITE_ROW) {
        mark.epoch = (uint64_t)sqlite3_column_int64(statement, 0);
        mark.gen = (uint64_t)sqlite3_column_int64(statement, 1);
        if (!take_sha(statement, 2, &mark.sha) || !take_sha(statement, 3, &mark.prev_sha))
            rc = weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                           "the commit row in '%s' is damaged", self->path);
    } else if (step != SQLITE_DONE) {
        rc = sqlite_fail(self, "could not read the commit row of", false, err);
    }
    (void)sqlite3_finalize(statement);
    if (rc == WEIR_OK) {
        *out = mark;
        *out_found = step == SQLITE_ROW;
    }
    return rc;
}

static weir_code change_row(sqlite_sink *self, sqlite3_stmt *statement, weir_err *err)
{
    weir_code rc = WEIR_OK;
    if (sqlite3_step(statement) != SQLITE_DONE)
        rc = sqlite_fail(self, "could not write the commit row of", false, err);
    (void)sqlite3_finalize(statement);
    return rc;
}

static weir_code end_older(keyed_sink *keyed, weir_err *err)
{
    sqlite_sink      *self = self_of(keyed);
    sqlite3_stmt     *statement = NULL;
    const weir_sha256 ended = keyed_ended_sha();
    const weir_str    sql =
        WEIR_STR("UPDATE weir_commit SET prev_sha = manifest_sha, manifest_sha = ?5 "
                 "WHERE job = ?1 AND lineage < ?2 AND task = ?3 AND manifest_sha <> ?5");
    weir_code rc =
        sqlite_prepare(self, sql, "could not end older lineages in", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    bind_row(keyed, statement, 1);
    (void)sqlite3_bind_blob(statement, 5, ended.at, WEIR_SHA256_BYTES, SQLITE_STATIC);
    return change_row(self, statement, err);
}

static weir_code start_row(keyed_sink *keyed, const keyed_mark *mark, weir_err *err)
{
    sqlite_sink  *self = self_of(keyed);
    sqlite3_stmt *statement = NULL;
    weir_code     rc = end_older(keyed, err);
    if (rc != WEIR_OK)
        return rc;
    rc = sqlite_prepare(
        self, WEIR_STR("INSERT INTO weir_commit VALUES (?1,?2,?3,?4,?5,?6,?7,?8,0,?9)"),
        "could not start the commit row of", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    bind_row(keyed, statement, 1);
    bind_mark(keyed, statement, mark);
    return change_row(self, statement, err);
}

static weir_code any_row(keyed_sink *keyed, const keyed_table *table, bool *out,
                         weir_err *err)
{
    sqlite_sink  *self = self_of(keyed);
    sqlite3_stmt *statement = NULL;
    weir_buf      sql = {0};
    weir_buf_text(&sql, "SELECT 1 FROM ");
    sqlite_name(&sql, table->target);
    weir_buf_text(&sql, " LIMIT 1");
    weir_code rc = sqlite_prepare(self, weir_buf_view(&sql), "could not look into", &statement,
                                  err);
    weir_buf_done(&sql);
    if (rc != WEIR_OK)
        return rc;
    int step = sqlite3_step(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = sqlite_fail(self, "could not look into", false, err);
    *out = step == SQLITE_ROW;
    (void)sqlite3_finalize(statement);
    return rc;
}

static weir_code move_row(keyed_sink *keyed, uint64_t epoch, const keyed_mark *to,
                          bool *out_moved, weir_err *err)
{
    sqlite_sink  *self = self_of(keyed);
    sqlite3_stmt *statement = NULL;
    weir_code     rc = sqlite_prepare(
            self,
            WEIR_STR(
                "UPDATE weir_commit SET epoch = ?5, gen = ?6, manifest_sha = ?7, prev_sha = "
                    "?8, updated_at = ?9 WHERE job = ?1 AND lineage = ?2 AND task = ?3 AND "
                    "sink_group = ?4 AND epoch = ?10 AND manifest_sha = ?8"),
            "could not move the commit row of", &statement, err);
    if (rc != WEIR_OK)
        return rc;
    bind_row(keyed, statement, 1);
    bind_mark(keyed, statement, to);
    (void)sqlite3_bind_int64(statement, 10, (sqlite3_int64)epoch);
    rc = change_row(self, statement, err);
    if (rc == WEIR_OK)
        *out_moved = sqlite3_changes(self->db) == 1;
    return rc;
}

/* No transaction outlives its process here, so there is nothing to take from anyone. */
static weir_code seize(keyed_sink *keyed, weir_err *err)
{
    (void)keyed, (void)err;
    return WEIR_OK;
}

static const char *refusal(keyed_sink *keyed)
{
    return self_of(keyed)->refusal;
}

static const keyed_driver driver = {
    .holds = false,
    .begin = begin,
    .read = read_row,
    .start = start_row,
    .any_row = any_row,
    .move = move_row,
    .write = sqlite_write,
    .commit = commit,
    .rollback = rollback,
    .seize = seize,
    .refusal = refusal,
    .is_there = sqlite_is_there,
    .rename = sqlite_rename,
};

/* Makes every missing folder of the file's path. */
static weir_code make_folders(const char *path, weir_arena *arena, weir_err *err)
{
    char *folder = weir_arena_text(arena, "%s", path);
    for (char *at = folder + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return weir_fail(err, WEIR_E_IO, "could not make the folder '%s': %s", folder,
                             strerror(errno));
        *at = '/';
    }
    return WEIR_OK;
}

/* DIR/mysql/DATABASE.sqlite for an embedded job; otherwise the url is sqlite:PATH. */
static weir_code find_file(sqlite_sink *self, const weir_sink_setup *setup,
                           weir_str *out_database, weir_err *err)
{
    weir_arena *job = self->keyed.job;
    weir_str    url = weir_opts_text(setup->table[0].opts, "url");
    if (weir_str_starts(url, "sqlite:")) {
        weir_str path = {url.at + 7, url.len - 7};
        if (weir_str_starts(path, "//"))
            path = (weir_str){path.at + 2, path.len - 2};
        self->path = weir_str_copy(job, path).at;
        const char *slash = strrchr(self->path, '/');
        *out_database = weir_str_of(slash ? slash + 1 : self->path);
        if (out_database->len > 0)
            return WEIR_OK;
        return weir_fail(err, WEIR_E_CONFIG, "the url 'sqlite:' needs the path of a file");
    }
    keyed_url parts = {.database = WEIR_STR("main")}; /* the url's variable is not set */
    weir_code rc = url.len > 0 || setup->embedded.len == 0
                       ? keyed_url_parse(url, job, &parts, err)
                       : WEIR_OK;
    if (rc != WEIR_OK)
        return rc;
    if (setup->embedded.len == 0) {
        (void)weir_fail(err, WEIR_E_CONFIG, "the url of a sqlite sink is sqlite:PATH");
        return weir_err_hint(err, "for a MySQL server write connector = 'mysql'");
    }
    *out_database = parts.database;
    self->path = weir_arena_text(job, "%.*s/mysql/%s.sqlite", WEIR_STR_FMT(setup->embedded),
                                 parts.database.at);
    return WEIR_OK;
}

static weir_code open_sink(weir_sink *sink, const weir_sink_setup *setup, weir_err *err)
{
    sqlite_sink     *self = self_of((keyed_sink *)sink);
    const weir_opts *opts = setup->table[0].opts;
    weir_str         database;
    self->keyed.job = weir_arena_new("sqlite sink", 4 << 10);
    self->create = !weir_opts_given(opts, "create") || weir_opts_bool(opts, "create");
    weir_code rc = find_file(self, setup, &database, err);
    if (rc == WEIR_OK)
        rc = keyed_open(&self->keyed, &driver, setup, database, err);
    if (rc == WEIR_OK && !setup->look)
        rc = make_folders(self->path, self->keyed.job, err);
    if (rc == WEIR_OK)
        rc = connect_file(self, err);
    if (rc == WEIR_OK && !setup->look && !setup->as_it_is)
        rc = sqlite_tables_check(self, err);
    if (rc == WEIR_OK && setup->log_empty)
        rc = keyed_check_empty(&self->keyed, err);
    return rc;
}

static void close_sink(weir_sink *sink)
{
    sqlite_sink *self = self_of((keyed_sink *)sink);
    disconnect(self);
    keyed_close(&self->keyed);
}
