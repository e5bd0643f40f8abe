/* sink/mysql_row: the commit row in weir_commit.
 *
 * Gives      mysql_row_read, mysql_row_epoch, mysql_row_start, mysql_row_move, mysql_row_any.
 * Always     1. names and digests go as hexadecimal literals: they are bytes, not text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "mysql/mysql_sink.h"

#include <inttypes.h>
#include <string.h>

static void hex(weir_buf *sql, const void *bytes, size_t len)
{
    weir_buf_text(sql, "X'");
    weir_buf_hex(sql, bytes, len);
    weir_buf_byte(sql, '\'');
}

static void where_row(weir_buf *sql, const keyed_sink *keyed)
{
    const weir_sink_setup *setup = &keyed->setup;
    weir_buf_text(sql, " WHERE job = ");
    hex(sql, setup->job.at, setup->job.len);
    weir_buf_format(sql, " AND lineage = %" PRIu32 " AND task = ", setup->lineage);
    hex(sql, setup->task.at, setup->task.len);
    weir_buf_text(sql, " AND sink_group = ");
    hex(sql, keyed->group.at, keyed->group.len);
}

static bool read_mark(const weir_str *cell, keyed_mark *out)
{
    if (!weir_str_to_u64(cell[0], &out->epoch) || !weir_str_to_u64(cell[1], &out->gen) ||
        cell[2].len != WEIR_SHA256_BYTES || cell[3].len != WEIR_SHA256_BYTES)
        return false;
    memcpy(out->sha.at, cell[2].at, WEIR_SHA256_BYTES);
    memcpy(out->prev_sha.at, cell[3].at, WEIR_SHA256_BYTES);
    return true;
}

weir_code mysql_row_read(keyed_sink *keyed, keyed_mark *out, bool *out_found, weir_err *err)
{
    mysql_sink       *self = (mysql_sink *)keyed;
    weir_mysql_answer answer;
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, "SELECT epoch, gen, manifest_sha, prev_sha FROM weir_commit");
    where_row(&self->sql, keyed);
    weir_buf_text(&self->sql, " FOR UPDATE");
    weir_code rc =
        weir_mysql_ask(self->link, weir_buf_view(&self->sql), self->scratch, &answer, err);
    if (rc != WEIR_OK)
        return rc;
    keyed_mark mark = {0};
    if (answer.rows > 0 && !read_mark(answer.cell, &mark))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "the commit row of group '%.*s' is damaged",
                         WEIR_STR_FMT(keyed->group));
    *out = mark;
    *out_found = answer.rows > 0;
    return WEIR_OK;
}

weir_code mysql_row_epoch(keyed_sink *keyed, uint64_t *out, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_str    epoch = {0};
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, "SELECT epoch FROM weir_commit");
    where_row(&self->sql, keyed);
    weir_arena_reset(self->scratch);
    weir_code rc = mysql_ask_one(self, weir_buf_view(&self->sql), &epoch, err);
    *out = 0;
    if (rc == WEIR_OK && epoch.at != NULL && !weir_str_to_u64(epoch, out))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "the commit row of group '%.*s' is damaged",
                         WEIR_STR_FMT(keyed->group));
    return rc;
}

/* MySQL assigns from left to right: prev_sha takes the digest before that is replaced. */
static weir_code end_older(mysql_sink *self, weir_err *err)
{
    const weir_sink_setup *setup = &self->keyed.setup;
    const weir_sha256      ended = keyed_ended_sha();
    weir_buf              *sql = &self->sql;
    weir_buf_clear(sql);
    weir_buf_text(sql, "UPDATE weir_commit SET prev_sha = manifest_sha, manifest_sha = ");
    hex(sql, ended.at, WEIR_SHA256_BYTES);
    weir_buf_text(
        sql, ", conn_id = CONNECTION_ID(), updated_at = UTC_TIMESTAMP(6) WHERE job = ");
    hex(sql, setup->job.at, setup->job.len);
    weir_buf_format(sql, " AND lineage < %" PRIu32 " AND task = ", setup->lineage);
    hex(sql, setup->task.at, setup->task.len);
    weir_buf_text(sql, " AND manifest_sha <> ");
    hex(sql, ended.at, WEIR_SHA256_BYTES);
    return weir_mysql_run(self->link, weir_buf_view(sql), NULL, err);
}

weir_code mysql_row_start(keyed_sink *keyed, const keyed_mark *mark, weir_err *err)
{
    mysql_sink            *self = (mysql_sink *)keyed;
    const weir_sink_setup *setup = &keyed->setup;
    weir_buf              *sql = &self->sql;
    weir_code              rc = end_older(self, err);
    if (rc != WEIR_OK)
        return rc;
    weir_buf_clear(sql);
    weir_buf_text(sql,
                  "INSERT INTO weir_commit (job, lineage, task, sink_group, epoch, gen, "
                  "manifest_sha, prev_sha, conn_id, updated_at) VALUES (");
    hex(sql, setup->job.at, setup->job.len);
    weir_buf_format(sql, ", %" PRIu32 ", ", setup->lineage);
    hex(sql, setup->task.at, setup->task.len);
    weir_buf_text(sql, ", ");
    hex(sql, keyed->group.at, keyed->group.len);
    weir_buf_format(sql, ", %" PRIu64 ", %" PRIu64 ", ", mark->epoch, mark->gen);
    hex(sql, mark->sha.at, WEIR_SHA256_BYTES);
    weir_buf_text(sql, ", ");
    hex(sql, mark->prev_sha.at, WEIR_SHA256_BYTES);
    weir_buf_text(sql, ", CONNECTION_ID(), UTC_TIMESTAMP(6))");
    return weir_mysql_run(self->link, weir_buf_view(sql), NULL, err);
}

weir_code mysql_row_move(keyed_sink *keyed, uint64_t epoch, const keyed_mark *to,
                         bool *out_moved, weir_err *err)
{
    mysql_sink *self = (mysql_sink *)keyed;
    weir_buf   *sql = &self->sql;
    uint64_t    matched = 0;
    weir_buf_clear(sql);
    weir_buf_format(sql, "UPDATE weir_commit SET epoch = %" PRIu64 ", gen = %" PRIu64,
                    to->epoch, to->gen);
    weir_buf_text(sql, ", manifest_sha = ");
    hex(sql, to->sha.at, WEIR_SHA256_BYTES);
    weir_buf_text(sql, ", prev_sha = ");
    hex(sql, to->prev_sha.at, WEIR_SHA256_BYTES);
    weir_buf_text(sql, ", conn_id = CONNECTION_ID(), updated_at = UTC_TIMESTAMP(6)");
    where_row(sql, keyed);
    weir_buf_format(sql, " AND epoch = %" PRIu64 " AND manifest_sha = ", epoch);
    hex(sql, to->prev_sha.at, WEIR_SHA256_BYTES);
    weir_code rc = weir_mysql_run(self->link, weir_buf_view(sql), &matched, err);
    if (rc == WEIR_OK)
        *out_moved = matched == 1;
    return rc;
}

weir_code mysql_row_any(keyed_sink *keyed, const keyed_table *table, bool *out, weir_err *err)
{
    mysql_sink       *self = (mysql_sink *)keyed;
    weir_mysql_answer answer;
    weir_buf_clear(&self->sql);
    weir_buf_text(&self->sql, "SELECT 1 FROM ");
    mysql_name(&self->sql, table->target);
    weir_buf_text(&self->sql, " LIMIT 1");
    weir_code rc =
        weir_mysql_ask(self->link, weir_buf_view(&self->sql), self->scratch, &answer, err);
    if (rc == WEIR_OK)
        *out = answer.rows > 0;
    return rc;
}
