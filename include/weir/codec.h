/* weir/codec: the plug shape of input formats: records in, row images in columns out.
 *
 * A decoder belongs to one lane and one table. It judges bytes only: duplicates, time and
 * constraints are the engine's. It never fails as a whole: what is wrong with a record is
 * in its event.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_CODEC_H
#define WEIR_CODEC_H

#include "weir/batch.h"
#include "weir/option.h"
#include "weir/record.h"

#define WEIR_NO_ROW UINT32_MAX

typedef enum weir_event_kind {
    WEIR_EVENT_ROW,      /* has images */
    WEIR_EVENT_SKIP,     /* tombstone, heartbeat, transaction mark, schema change, … */
    WEIR_EVENT_BAD,      /* broken envelope or bad `after`: a bad record */
    WEIR_EVENT_TRUNCATE
} weir_event_kind;

typedef enum weir_snapshot_mark {
    WEIR_SNAPSHOT_NO,          /* streamed */
    WEIR_SNAPSHOT_FIRST,       /* the very first row of a snapshot */
    WEIR_SNAPSHOT_ROW,         /* true, first_in_…, last_in_… */
    WEIR_SNAPSHOT_LAST,
    WEIR_SNAPSHOT_INCREMENTAL
} weir_snapshot_mark;

/* Place in the source database's log. Ordered by the fields from first to last. */
typedef struct weir_log_position {
    uint64_t transaction; /* number of the gtid; 0: none */
    uint64_t file;        /* number at the end of the log file's name */
    uint64_t pos;
    uint32_t row;
    uint32_t half;        /* 0 delete or update, 1 create (a key change is d then c) */
} weir_log_position;

typedef struct weir_event {
    uint8_t  kind;        /* weir_event_kind */
    uint8_t  op;          /* 'c' 'u' 'd' 'r' 't'; 'i': a plain insert-only record */
    uint8_t  snapshot;    /* weir_snapshot_mark */
    bool     before_bad;  /* the old image could not be used: it retracts nothing */
    bool     positioned;  /* position, commit_us and origin mean something */
    uint32_t before;      /* row in `rows`, or WEIR_NO_ROW */
    uint32_t after;       /* row in `rows`, or WEIR_NO_ROW */
    uint32_t origin;      /* see weir_decoder_text: "name/origin" of the log */
    uint32_t source_table; /* see weir_decoder_text: "db.table" */
    uint32_t problem;     /* in `problem`, or WEIR_NO_ROW: BAD, or what before_bad means */
    weir_log_position position;
    int64_t  commit_us;
} weir_event;

typedef struct weir_problem { /* why a record is bad */
    uint32_t    record; /* in the block */
    weir_str    column; /* or empty */
    const char *code;   /* "DECODE", "CHECK", "NOT_NULL", "RANGE", "ENVELOPE", "TABLE" … */
    char        msg[160];
} weir_problem;

typedef struct weir_decoded {
    weir_batch   *rows;   /* images; column i is the table's column i, those not needed
                             have all members zero; op: UPDATE_OLD/UPDATE_NEW for 'u',
                             DELETE for 'd' (before), INSERT otherwise; no sel */
    uint32_t      events; /* one per record of the asked range */
    weir_event   *event;
    uint32_t      problems;
    weir_problem *problem;
} weir_decoded;

typedef struct weir_decoder weir_decoder;

typedef struct weir_decoder_setup {
    const weir_schema *schema;
    const weir_str    *path;   /* per column: dotted path of its field */
    const uint8_t     *from;   /* per column: weir_column_from of plan.h */
    const bool        *needed; /* per column */
    uint32_t           keys;
    const uint32_t    *key;
    const weir_opts   *opts;
    weir_str           topic;  /* for _topic */
    const weir_str    *partition_name; /* for _path, by block->partition */
    const int32_t     *partition_number;
    bool               images_whole; /* old_row = 'before': `before` images are needed */
} weir_decoder_setup;

/* At most this many records per decode call, so that rows stay within WEIR_BATCH_ROWS. */
#define WEIR_DECODE_RECORDS (WEIR_BATCH_ROWS / 2)

/* Everything in *out lives in `arena`. */
typedef weir_code weir_decoder_open_fn(weir_decoder *, const weir_decoder_setup *, weir_err *);
typedef void weir_decoder_decode_fn(weir_decoder *, const weir_block *, uint32_t first,
                                    uint32_t count, weir_arena *arena, weir_decoded *out);
/* Text of an `origin` or `source_table` number; valid as long as the decoder. */
typedef weir_str weir_decoder_text_fn(weir_decoder *, uint32_t number);
typedef void     weir_decoder_close_fn(weir_decoder *);

typedef struct weir_decoder_kind {
    const char        *name;    /* WITH (format = '…') */
    const char        *summary;
    const weir_option *options;
    bool               changelog;
    size_t             size;
    weir_decoder_open_fn   *open;
    weir_decoder_decode_fn *decode;
    weir_decoder_text_fn   *text;
    weir_decoder_close_fn  *close;
} weir_decoder_kind;

struct weir_decoder {
    const weir_decoder_kind *kind;
};

const weir_decoder_kind *const *weir_decoder_kinds(void); /* ends with NULL */
const weir_decoder_kind *weir_decoder_find(weir_str name);
weir_code weir_decoder_new(const weir_decoder_kind *kind, const weir_decoder_setup *setup,
                           weir_decoder **out, weir_err *err) WEIR_MUST_CHECK;
void      weir_decoder_free(weir_decoder *decoder);

#endif
