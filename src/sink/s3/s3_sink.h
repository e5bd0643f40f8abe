/* sink/s3: what the files of this kind share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_S3_SINK_H
#define SINK_S3_SINK_H

#include "weir/avro.h"
#include "weir/sink.h"

#define S3_NULL_PARTITION "__HIVE_DEFAULT_PARTITION__" /* NULL and '', as Hive has it */

typedef struct s3_sink s3_sink;

typedef struct s3_part { /* one folder level */
    weir_str name;
    uint32_t column;
    bool     date; /* date(column) */
} s3_part;

typedef struct s3_format { /* what a file's blocks are written in */
    weir_avro_codec codec;
    weir_str        schema;
} s3_format;

typedef struct s3_refs { /* places of stored bytes, in order */
    weir_blob_ref *at;
    uint32_t       count, room;
} s3_refs;

/* What an epoch may change of a file, and what is put back when the epoch is staged again. */
typedef struct s3_progress {
    uint64_t rows;
    size_t   stored; /* bytes of `blocks` that block_refs hold */
    uint64_t block_count;
    s3_refs  block_refs;
    weir_buf open; /* the block being filled, raw */
    uint64_t open_rows;
    size_t   open_stored; /* bytes of `open` that open_refs hold */
    s3_refs  open_refs;
    int64_t  watermark_us; /* when it was opened; INT64_MIN: not known */
    int64_t  used_us;      /* monotonic; INT64_MIN: not known */
} s3_progress;

typedef struct s3_file {     /* an open file, or one that rolled in the staged epoch */
    weir_str         folder; /* "" or "day=2024-01-01/"; owned */
    const s3_format *format;
    weir_buf         blocks; /* closed blocks without sync markers; only grows */
    s3_progress      now, before;
    size_t           blocks_before;
    bool             touched; /* `before` holds what was before the staged epoch */
    bool             fresh;   /* made in the staged epoch */
} s3_file;

typedef struct s3_recipe { /* a file that rolls: all that is needed to make its bytes */
    weir_str    key, token;
    weir_buf    header; /* with the sync marker at its end */
    uint64_t    size;
    weir_sha256 sha;
    s3_file    *file; /* its blocks */
    s3_refs     refs; /* only when read from a payload */
    bool        published;
} s3_recipe;

struct s3_sink {
    weir_sink              base; /* first */
    weir_sink_setup        setup;
    const weir_sink_table *table;
    weir_arena            *job;
    weir_store            *store;
    weir_str               prefix; /* of keys, without '/' at its ends */
    weir_avro_writer      *writer;
    const s3_format       *format; /* of new files */
    s3_part               *part;
    uint32_t               parts;
    int64_t                roll_bytes, roll_rows, roll_age_us, roll_idle_us;

    s3_file   **open; /* sorted by folder */
    uint32_t    opens, opens_room;
    s3_recipe  *recipe; /* of the staged epoch, then of the committed one */
    uint32_t    recipes, recipes_room;
    uint64_t    staged; /* epoch whose effects can still be undone; 0: none */
    uint64_t    gen;    /* of the staged epoch */
    weir_arena *epoch;  /* keys and tokens of recipes */

    uint64_t      refused_epoch; /* of `refused` */
    weir_refusals refused;       /* rows whose key would be too long */
    bool          refused_known;
    int64_t       permanent_us; /* first permanent answer behind the last good one; 0: none */
    bool          schema_put;
    bool          recovers; /* replay is at work: its failpoints are others */
    weir_checkpoint *checkpoint; /* from replay on; the engine's */
};

/* s3_partition */
weir_code s3_partition_parse(s3_sink *self, weir_str text, int32_t sql_at, bool *leave_out,
                             weir_err *err) WEIR_MUST_CHECK;
/* Bytes that are equal for rows of one folder; cheap. */
void s3_partition_raw(const s3_sink *self, const weir_batch *batch, uint32_t row,
                      weir_buf *out);
/* "a=1/b=2/"; false when a segment is too long. */
bool s3_partition_folder(const s3_sink *self, const weir_batch *batch, uint32_t row,
                         weir_buf *out);

/* s3_file: open files. */
s3_file *s3_file_new(weir_str folder, const s3_format *format);
void     s3_file_free(s3_file *file);
void     s3_file_touch(s3_file *file); /* before the first change in an epoch */
void     s3_file_undo(s3_file *file);
void     s3_file_keep(s3_file *file); /* the epoch is final */
void     s3_file_close_block(s3_file *file);
void     s3_file_store(s3_file *file, bool rolled, weir_stage *stage);
uint64_t s3_file_bytes(const s3_file *file); /* about its size if it rolled now */
void     s3_refs_add(s3_refs *refs, const weir_blob_ref *ref);
void     s3_refs_done(s3_refs *refs);

/* s3_stage: rows into files. */
weir_sink_stage_fn s3_stage;
void               s3_undo(s3_sink *self); /* as if the staged epoch had never been */
void               s3_open_insert(s3_sink *self, s3_file *file);
s3_recipe         *s3_recipe_add(s3_sink *self);
void               s3_opens_clear(s3_sink *self);   /* frees the open files */
void               s3_recipes_clear(s3_sink *self); /* frees them and their files */

/* s3_payload */
void      s3_payload_write(const s3_sink *self, weir_stage *stage, weir_buf *out);
weir_code s3_payload_read(s3_sink *self, weir_str payload, weir_err *err) WEIR_MUST_CHECK;

/* s3_publish */
weir_sink_finalise_fn s3_finalise;
weir_sink_replay_fn   s3_replay;
weir_sink_adopt_fn    s3_adopt;

/* Refuses a prefix below which files are, where setup->must_be_empty. */
weir_code s3_check_empty(s3_sink *self, weir_arena *arena, weir_err *err) WEIR_MUST_CHECK;

/* The rows of an open file, from where its payload says they are. */
weir_code s3_fetch_open(s3_file *file, weir_checkpoint *checkpoint,
                        weir_err *err) WEIR_MUST_CHECK;

/* s3_look */
extern const weir_look s3_look;

#endif
