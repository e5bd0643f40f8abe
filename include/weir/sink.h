/* weir/sink: the plug shape of sinks, in step with the commit protocol.
 *
 * An instance serves a sink group: all tables of one database, or one table. Per epoch the
 * engine calls, in this order: stage, execute, [commit point], commit, finalise.
 *   stage     takes the epoch's rows, gives the payload that goes into the manifest: all
 *             that is needed to do the epoch's effects again. No effect is visible yet.
 *   execute   may do work that vanishes when the process dies (SQL in an open
 *             transaction) and finds rows that the target refuses.
 *   commit    after the commit point: makes the SQL durable.
 *   finalise  after the commit point: publishes files; then the epoch is final.
 *   replay    at takeover: brings the target up to the last manifest, from payloads, and
 *             takes back what the sink carries from epoch to epoch (open files).
 * A sink is used by one thread at a time (the commit thread).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_SINK_H
#define WEIR_SINK_H

#include "weir/batch.h"
#include "weir/checkpoint.h"
#include "weir/clock.h"
#include "weir/compare.h"
#include "weir/option.h"
#include "weir/repair.h"
#include "weir/store.h"

typedef struct weir_sink weir_sink;

typedef struct weir_sink_table {
    weir_str           name;   /* the table's name in the job */
    const weir_schema *schema;
    uint32_t           keys;   /* PRIMARY KEY columns; 0: none */
    const uint32_t    *key;
    const weir_opts   *opts;
    weir_str           format;    /* WITH (format = …), or empty */
    weir_str           like;      /* keyed: made in the form of this table, if that is there */
    bool               final;     /* emit = 'final': only inserts come */
    bool               changelog; /* rows carry ops: an append sink adds a column `op` */
    int32_t            sql_at;
} weir_sink_table;

typedef struct weir_sink_setup {
    weir_str               group;  /* stable name of the sink group */
    const weir_sink_table *table;
    uint32_t               tables;
    weir_str               job;
    uint32_t               lineage;
    weir_str               task;
    weir_clock            *clock;
    size_t                 open_bytes_max; /* memory for rows of open files */
    weir_str               embedded;       /* --embedded DIR, or empty */
    weir_str               output;         /* print: "table", "json", "csv" */
    bool                   dead_letter;    /* a file sink for dead letters: one file an
                                              epoch, named <gen>-<epoch>-<n>.avro */
    bool                   look; /* only to be looked at (look.h): nothing is made or
                                    checked */
    const weir_order      *look_order; /* look, at one table of a file of our own: the order
                                          of each key column in which its pages have to be;
                                          NULL: that of the database */
    bool                   must_be_empty; /* --fresh: replay of an empty log refuses a
                                              target that has rows or files */
    bool                   log_empty; /* with it: open refuses it already, before a takeover
                                         ends the older lineage */
    bool                   as_it_is; /* tables are neither made nor compared: nothing is staged */
    bool                   ended; /* a lineage behind which another one has begun: for replay
                                     alone, nothing is staged */
    const atomic_int      *stop;
    /* Opens a store for "s3://bucket/prefix" or a folder; the caller frees it. The key
       prefix (without '/' at its ends) is a view into `location`. */
    weir_code (*store_at)(void *self, weir_str location, weir_store **out,
                          weir_str *out_prefix, weir_err *err);
    void *store_self;
} weir_sink_setup;

/* Names an epoch and its manifest. */
typedef struct weir_commit_id {
    uint64_t    gen, epoch;
    weir_sha256 sha;      /* of the epoch's manifest */
    weir_sha256 prev_sha; /* of the one before; zeros for the first */
} weir_commit_id;

typedef struct weir_sink_rows { /* what comes to one table in an epoch, in order */
    uint32_t           table; /* index in setup->table */
    uint32_t           batches;
    weir_batch *const *batch; /* columns of the table's schema; op; sel possible */
    const weir_row_place *place; /* all rows in the order to write them in, for a sink
                                    without a key; NULL: as they come */
    uint64_t           places;
} weir_sink_rows;

typedef struct weir_stage_input {
    uint64_t              gen, epoch;
    int64_t               watermark_us; /* INT64_MIN: none */
    int64_t               mono_us;
    bool                  end;   /* the job ends for good: roll every file */
    bool                  again; /* same epoch once more: rows refused by execute are left
                                    out now */
    const weir_sink_rows *rows;
    uint32_t              count;
    weir_stage           *stage; /* for weir_stage_blob */
} weir_stage_input;

typedef struct weir_refused { /* a row that the target refuses for ever */
    uint32_t table;
    uint32_t batch; /* in weir_sink_rows of that table */
    uint32_t row;   /* in that batch */
    char     code[WEIR_REFUSED_CODE]; /* "1406", "CHECK" */
    char     msg[WEIR_REFUSED_MSG];
} weir_refused;

typedef struct weir_refusals {
    weir_arena   *arena;
    uint32_t      count, room;
    weir_refused *row;
} weir_refusals;

/* The committed epochs, as one sink group needs them. */
typedef struct weir_committed {
    weir_commit_id id;
    bool           amends;  /* the epoch's manifest was replaced by an AMEND, which id.sha is;
                               id.prev_sha stays that of the epoch before */
    weir_sha256    amended; /* then: of the manifest that it replaces */
    bool           claimed; /* then: this group's rows are others, and its commit row was */
    weir_sha256    claim;   /* claimed with this */
    bool           joined;  /* the manifest names this group */
    weir_str       payload; /* of this group: what stage gave; in `arena` */
} weir_committed;

typedef struct weir_history weir_history;
struct weir_history {
    uint64_t last; /* epoch of the last manifest; 0: the log is empty */
    bool     finalised; /* `last` is known to be finalised: finalise may be left out */
    weir_code (*read)(weir_history *history, uint64_t epoch, weir_arena *arena,
                      weir_committed *out, weir_err *err);
    weir_checkpoint *checkpoint; /* for weir_checkpoint_fetch of blobs in payloads */
};

typedef weir_code weir_sink_open_fn(weir_sink *, const weir_sink_setup *, weir_err *);
typedef weir_code weir_sink_stage_fn(weir_sink *, const weir_stage_input *,
                                     weir_buf *out_payload, weir_err *);
/* OK with refusals->count > 0: nothing is pending, stage again. Exit FENCED when the
   commit row is ahead or foreign. Fate RETRY: server away, call again. */
typedef weir_code weir_sink_execute_fn(weir_sink *, const weir_commit_id *,
                                       weir_history *, weir_refusals *, weir_err *);
typedef weir_code weir_sink_commit_fn(weir_sink *, const weir_commit_id *, weir_history *,
                                      weir_err *);
typedef weir_code weir_sink_finalise_fn(weir_sink *, const weir_commit_id *, weir_err *);
typedef weir_code weir_sink_replay_fn(weir_sink *, weir_history *, weir_err *);
typedef void      weir_sink_close_fn(weir_sink *);

/* Takes the open files of another lineage's epoch: `payload` is what its stage gave, the
   blobs are in `from`. Behind replay of an empty log. */
typedef weir_code weir_sink_adopt_fn(weir_sink *, weir_str payload, weir_checkpoint *from,
                                     weir_err *);

typedef struct weir_rename { /* given becomes outgoing, incoming becomes given */
    weir_str given, incoming, outgoing;
} weir_rename;
/* All of them at once, or none; OK when they are done already. SINK_SCHEMA: the names that
   are there are neither those of before nor those of behind. */
typedef weir_code weir_sink_rename_fn(weir_sink *, const weir_rename *, uint32_t count,
                                      bool dry_run, weir_err *);

/* Appends the CREATE TABLE for a table, without a semicolon; of no table (NULL): what each
   database needs once, whole statements. `server` is 'any', 'mysql' or 'mariadb'. Pure. */
typedef weir_code weir_sink_ddl_fn(const weir_sink_table *, weir_str server, weir_buf *out,
                                   weir_err *);

/* Of a value of group_by: one text for all its spellings. Pure. */
typedef weir_str weir_sink_place_fn(weir_str value, weir_arena *arena);
/* Do two open instances write into one database? Nothing is written. */
typedef weir_code weir_sink_same_fn(weir_sink *, weir_sink *, bool *out_same, weir_err *);

typedef struct weir_look weir_look; /* look.h */

typedef enum weir_promise {
    WEIR_PROMISE_AT_LEAST_ONCE, /* print, file */
    WEIR_PROMISE_EXACTLY_ONCE   /* mysql, sqlite, s3 */
} weir_promise;

typedef struct weir_sink_kind {
    const char        *name;
    const char        *summary;
    const char        *promise_text; /* one sentence for `weir connectors` */
    const weir_option *options;
    const char        *formats; /* "avro"; NULL: none */
    size_t             size;
    weir_promise       promise;
    bool               keyed;   /* upserts by PRIMARY KEY */
    const char        *group_by; /* option whose value makes tables share an instance
                                    ("url"); NULL: an instance per table */
    weir_sink_place_fn *place;  /* NULL: a value of group_by has one spelling */
    weir_sink_same_fn *same;    /* NULL: what group_by says is all there is to know */
    weir_sink_ddl_fn  *ddl;     /* of no instance; NULL: there is nothing to create */
    weir_sink_repair_fn *repair; /* NULL: no row is ever refused */
    const weir_look    *look; /* how to read what it wrote; NULL: it cannot be read */
    weir_sink_adopt_fn *adopt;  /* NULL: it carries nothing from epoch to epoch */
    weir_sink_rename_fn *rename; /* NULL: it has no tables */
    weir_sink_open_fn     *open;
    weir_sink_stage_fn    *stage;
    weir_sink_execute_fn  *execute;
    weir_sink_commit_fn   *commit;
    weir_sink_finalise_fn *finalise;
    weir_sink_replay_fn   *replay;
    weir_sink_close_fn    *close;
} weir_sink_kind;

struct weir_sink {
    const weir_sink_kind *kind;
};

const weir_sink_kind *const *weir_sink_kinds(void); /* ends with NULL */
const weir_sink_kind *weir_sink_find(weir_str name);
/* Format names that sinks can write, with their options: for the catalog. */
typedef struct weir_sink_format {
    const char        *name;
    const char        *summary;
    const weir_option *options;
} weir_sink_format;
const weir_sink_format *weir_sink_formats(void); /* ends with name NULL */
weir_code weir_sink_new(const weir_sink_kind *kind, const weir_sink_setup *setup,
                        weir_sink **out, weir_err *err) WEIR_MUST_CHECK;
void      weir_sink_free(weir_sink *sink);
void      weir_refuse(weir_refusals *refusals, const weir_refused *row);

#endif
