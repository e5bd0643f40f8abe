/* sink/keyed: what the sinks that upsert by key into an SQL database share.
 *
 * A database is reached through a keyed_driver: a handful of calls inside one transaction.
 * The rules of the commit row, folding, payloads and replay are here and nowhere else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_KEYED_H
#define SINK_KEYED_H

#include "weir/sink.h"

#define KEYED_ROWS WEIR_LIMIT(1000u, 3u) /* rows of a chunk, and of a statement */
#define KEYED_CHUNK_BYTES (1u << 20) /* bytes at which a chunk is closed early */
#define KEYED_REFUSED_MAX 1000u      /* refused rows reported at once */

typedef struct keyed_sink keyed_sink;

/* A target table: of the plan, or as a payload describes it. */
typedef struct keyed_table {
    weir_str    target; /* its name in the database */
    weir_schema schema;
    uint32_t    keys;
    uint32_t   *key;
} keyed_table;

typedef struct keyed_origin { /* where a row came from, for refusals */
    uint32_t batch, row;
} keyed_origin;

/* Up to KEYED_ROWS rows of one table, in order of the key, no key twice in an epoch. */
typedef struct keyed_chunk {
    uint32_t            table;
    bool                remove; /* rows hold the key columns only, in key order */
    const weir_batch   *rows;   /* dense */
    const keyed_origin *origin; /* per row; NULL when read from a payload */
} keyed_chunk;

typedef struct keyed_epoch {
    uint32_t     tables;
    keyed_table *table;
    uint32_t     chunks, room;
    keyed_chunk *chunk;
} keyed_epoch;

/* What a driver learns of a column and the fold checks before any SQL is sent. */
typedef struct keyed_rule {
    uint32_t bytes_max;    /* key text; 0: no limit */
    bool     no_blank_end; /* key text may not end in a space */
} keyed_rule;

typedef struct keyed_mark { /* the commit row */
    uint64_t    epoch, gen;
    weir_sha256 sha, prev_sha;
} keyed_mark;

/* In the commit rows of a lineage behind which another one has begun: of no manifest. */
weir_sha256 keyed_ended_sha(void);

/* After a call that failed the caller calls rollback, always. Fates: RETRY (server away,
   deadlock, busy), SKIP_RECORD (write: a row is refused for ever; err->msg and code say
   why), HALT. */
typedef struct keyed_driver {
    bool holds; /* the transaction of execute stays open over the commit point */
    /* Connects when it must. */
    weir_code (*begin)(keyed_sink *, weir_err *);
    /* Locks the commit row. */
    weir_code (*read)(keyed_sink *, keyed_mark *out, bool *out_found, weir_err *);
    /* Inserts it and, in the same transaction, ends the older lineages of the job's task: in each
       row that is not ended yet prev_sha becomes the digest, and the digest keyed_ended_sha. */
    weir_code (*start)(keyed_sink *, const keyed_mark *, weir_err *);
    /* Compare-and-set from (epoch, sha) to `to`; *out_moved is false when it is not so. */
    weir_code (*move)(keyed_sink *, uint64_t epoch, const keyed_mark *to, bool *out_moved,
                      weir_err *);
    weir_code (*write)(keyed_sink *, const keyed_table *, const keyed_chunk *,
                       uint32_t first, uint32_t count, weir_err *);
    weir_code (*commit)(keyed_sink *, weir_err *); /* UNKNOWN: the answer was lost */
    void (*rollback)(keyed_sink *);
    /* Before the row is read at takeover: whoever holds it is made to let go. */
    weir_code (*seize)(keyed_sink *, weir_err *);
    /* Has the table any row? */
    weir_code (*any_row)(keyed_sink *, const keyed_table *, bool *out, weir_err *);
    const char *(*refusal)(keyed_sink *); /* short code of the last refused row */
    /* In a transaction: is there such a table in the database? */
    weir_code (*is_there)(keyed_sink *, weir_str table, bool *out, weir_err *);
    /* Behind a rollback: all at once, and committed. UNKNOWN: the answer was lost. */
    weir_code (*rename)(keyed_sink *, const weir_rename *, uint32_t count, bool dry_run,
                        weir_err *);
} keyed_driver;

typedef struct keyed_key { /* of a row that the target refused */
    uint32_t table;
    weir_str bytes;
} keyed_key;

struct keyed_sink {
    weir_sink           base; /* first */
    const keyed_driver *driver;
    const keyed_driver *real; /* behind `driver` in builds with failpoints */
    weir_sink_setup     setup;
    weir_str            group; /* of the commit row */
    weir_arena         *job;   /* until close */
    uint32_t            tables;
    keyed_table        *table;
    keyed_rule        **rule; /* per table and column */

    weir_arena   *epoch;  /* until the next stage */
    uint64_t      staged; /* epoch; 0: none */
    keyed_epoch   rows;
    weir_refusals early;       /* rows that the fold refused */
    bool          early_known; /* execute reported them */
    bool          pending;     /* execute's transaction is open */
    bool          recovers;    /* replay is at work: its failpoints are others */

    weir_arena *refused_arena;
    keyed_key  *refused; /* left out when the epoch is staged again; sorted */
    uint32_t    refusals;
};

/* Shared options: `url`, `table`, `create`, `key_bytes`, … */
extern const weir_option keyed_options[];

/* mysql://user:password@host:port/database, percent-decoded, in `arena`. */
typedef struct keyed_url {
    weir_str user, password, host, database;
    uint16_t port; /* 0: not given */
} keyed_url;
weir_code keyed_url_parse(weir_str url, weir_arena *arena, keyed_url *out,
                          weir_err *err) WEIR_MUST_CHECK;
/* The url with the host in lower case, this machine as localhost, and the port; one that
   cannot be read as it is. */
weir_sink_place_fn keyed_place;

/* Names, tables and rules from the setup; `database` is the group's default name. */
weir_code keyed_open(keyed_sink *self, const keyed_driver *driver,
                     const weir_sink_setup *setup, weir_str database,
                     weir_err *err) WEIR_MUST_CHECK;
void      keyed_close(keyed_sink *self);
/* The table as the database will have it; views of the job's. */
/* keyed_commit: refuses tables that have rows, where setup->must_be_empty. */
weir_code keyed_check_empty(keyed_sink *self, weir_err *err);

weir_code keyed_table_of(const weir_sink_table *from, keyed_table *out,
                         weir_err *err) WEIR_MUST_CHECK;

/* keyed_fold: the last row of each key, sorted, cut into chunks in self->rows. */
void keyed_fold(keyed_sink *self, const weir_stage_input *input);
/* Bytes of a row's key: equal exactly when the keys are, ordered as the keys are. */
void keyed_key_bytes(weir_buf *out, const weir_batch *batch, uint32_t row, uint32_t keys,
                     const uint32_t *key);
/* Remembers the key of a refused row for the next stage. */
void keyed_leave_out(keyed_sink *self, const keyed_chunk *chunk, uint32_t row);

/* keyed_payload */
void keyed_payload_write(weir_buf *out, const keyed_epoch *epoch, weir_stage *stage);
typedef struct keyed_payload { /* being read */
    weir_reader      reader;
    weir_checkpoint *checkpoint;
    uint32_t         tables;
    keyed_table     *table;
    weir_buf         hold;
} keyed_payload;
weir_code keyed_payload_open(keyed_payload *payload, weir_str bytes,
                             weir_checkpoint *checkpoint, weir_arena *arena,
                             weir_err *err) WEIR_MUST_CHECK;
/* The next chunks, in `arena`; *out_count 0: that was all. */
weir_code keyed_payload_next(keyed_payload *payload, weir_arena *arena, keyed_chunk **out,
                             uint32_t *out_count, weir_err *err) WEIR_MUST_CHECK;
void      keyed_payload_close(keyed_payload *payload);

/* keyed_commit: the entries of the kinds. */
weir_sink_stage_fn    keyed_stage;
weir_sink_execute_fn  keyed_execute;
weir_sink_commit_fn   keyed_commit;
weir_sink_finalise_fn keyed_finalise;
weir_sink_replay_fn   keyed_replay;
weir_sink_repair_fn   keyed_repair; /* keyed_repair.c */
weir_sink_rename_fn   keyed_rename; /* keyed_rename.c */
/* The error of a driver's rename: something would go with the table's old rows. */
weir_code keyed_bound(const char *what, weir_str name, weir_str table, weir_err *err);

#endif
