/* sink/mysql: what the files of this kind share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_MYSQL_SINK_H
#define SINK_MYSQL_SINK_H

#include "keyed/keyed.h"
#include "weir/mysql_client.h"

typedef struct mysql_sink {
    keyed_sink       keyed; /* first */
    weir_mysql_setup where;
    bool             create;
    weir_mysql      *link;     /* NULL: the next begin connects */
    bool             bulk;     /* the server knows array binding */
    bool             in_haste; /* wait_timeout is short: a transaction may be open */
    uint64_t         id;       /* CONNECTION_ID() */
    uint64_t         packet;   /* @@max_allowed_packet */
    char             lock[48]; /* name of the lock that the owner holds */
    char             refusal[16];
    weir_arena      *scratch; /* answers and rendered values of one call */
    weir_buf         sql;
} mysql_sink;

/* mysql_session: the driver's begin, commit, rollback and seize. */
weir_code mysql_connect(mysql_sink *self, weir_err *err) WEIR_MUST_CHECK;
void      mysql_disconnect(mysql_sink *self);
weir_code mysql_begin(keyed_sink *keyed, weir_err *err) WEIR_MUST_CHECK;
weir_code mysql_commit_transaction(keyed_sink *keyed, weir_err *err) WEIR_MUST_CHECK;
void      mysql_roll_back(keyed_sink *keyed);
weir_code mysql_seize(keyed_sink *keyed, weir_err *err) WEIR_MUST_CHECK;
weir_code mysql_run_format(mysql_sink *self, uint64_t *out_matched, weir_err *err,
                           const char *format, ...) WEIR_PRINTF(4, 5) WEIR_MUST_CHECK;
/* The first cell of the answer, in self->scratch; .at NULL when there is none. */
weir_code mysql_ask_one(mysql_sink *self, weir_str sql, weir_str *out,
                        weir_err *err) WEIR_MUST_CHECK;

/* mysql_same: two connections, one database? */
weir_sink_same_fn mysql_same;

/* mysql_row: the commit row. */
weir_code mysql_row_read(keyed_sink *, keyed_mark *, bool *, weir_err *) WEIR_MUST_CHECK;
weir_code mysql_row_start(keyed_sink *, const keyed_mark *, weir_err *) WEIR_MUST_CHECK;
weir_code mysql_row_any(keyed_sink *, const keyed_table *, bool *out, weir_err *) WEIR_MUST_CHECK;
/* Its epoch, without locking it; 0: it is not there. */
weir_code mysql_row_epoch(keyed_sink *, uint64_t *out, weir_err *) WEIR_MUST_CHECK;
weir_code mysql_row_move(keyed_sink *, uint64_t, const keyed_mark *, bool *,
                         weir_err *) WEIR_MUST_CHECK;

/* mysql_look */
extern const weir_look mysql_look;

/* mysql_table: what the server has. */
weir_str  mysql_commit_ddl(void); /* of weir_commit, with its comments */
weir_code mysql_tables_check(mysql_sink *self, weir_err *err) WEIR_MUST_CHECK;

typedef struct mysql_column { /* as information_schema.columns says */
    weir_str type;            /* "varchar", "decimal", "bigint" */
    weir_str full_type;       /* "bigint(20) unsigned" */
    int64_t  precision, scale, fraction, characters; /* -1: none */
} mysql_column;
/* NULL when every value of the type that the server cannot refuse is stored as it is, else
   what is wrong: "is decimal(10,2), and needs 12 digits". Text is static or in `arena`. */
const char *mysql_type_unfit(weir_type type, const mysql_column *column, weir_arena *arena);
/* Is equality of the collation's text equality of bytes; *out_blank: but for blanks at the
   end. */
bool mysql_collation_exact(weir_str collation, bool *out_blank);

/* mysql_ddl: CREATE TABLE. */
typedef struct mysql_flavour {
    const char *key_collation; /* a binary NO PAD one, or NULL */
    uint32_t    key_bytes;
    bool        if_missing; /* a killed job's statement may still be making it */
} mysql_flavour;
weir_sink_ddl_fn mysql_ddl_of;
void mysql_ddl(weir_buf *out, const keyed_table *table, const mysql_flavour *flavour);

/* mysql_text: statements and literals; pure. */
void mysql_name(weir_buf *out, weir_str name); /* in backquotes */
void mysql_literal(weir_buf *out, const weir_column *column, uint32_t row);
void mysql_upsert_head(weir_buf *out, const keyed_table *table);  /* up to VALUES */
void mysql_upsert_tail(weir_buf *out, const keyed_table *table);  /* ON DUPLICATE … */
void mysql_upsert_marks(weir_buf *out, const keyed_table *table); /* with ? for a row */
void mysql_delete_marks(weir_buf *out, const keyed_table *table);
void mysql_delete_rows(weir_buf *out, const keyed_table *table, const weir_batch *keys,
                       uint32_t first, uint32_t count);

/* mysql_rename: the driver's is_there and rename. */
weir_code mysql_is_there(keyed_sink *keyed, weir_str table, bool *out,
                         weir_err *err) WEIR_MUST_CHECK;
weir_code mysql_rename(keyed_sink *keyed, const weir_rename *rename, uint32_t count,
                       bool dry_run, weir_err *err) WEIR_MUST_CHECK;

/* mysql_write: the driver's write. */
weir_code mysql_write(keyed_sink *, const keyed_table *, const keyed_chunk *, uint32_t,
                      uint32_t, weir_err *) WEIR_MUST_CHECK;

#endif
