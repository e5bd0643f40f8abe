/* checkpoint/log: the objects of one lineage: their keys, reading them, and writing one
 * once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CHECKPOINT_LOG_H
#define CHECKPOINT_LOG_H

#include "checkpoint_record.h"
#include "weir/limits.h"

typedef struct checkpoint_log {
    weir_store       *store;
    weir_clock       *clock;
    const atomic_int *stop; /* may be NULL */
    weir_str          prefix, job, task;
    uint32_t          lineage;
} checkpoint_log;

typedef struct log_key {
    char   at[WEIR_KEY_BYTES_MAX + 256]; /* NUL-terminated */
    size_t len;
} log_key;

/* Others write references with weir_stage_refer, which also lists them. */
void blob_ref_write(weir_buf *out, const weir_blob_ref *ref);

log_key  log_key_of_record(const checkpoint_log *log, uint64_t gen, uint64_t idx);
log_key  log_key_of_seal(const checkpoint_log *log, uint64_t gen); /* the copy */
log_key  log_key_of_hint(const checkpoint_log *log);
log_key  log_key_of_mark(const checkpoint_log *log, uint64_t epoch);
log_key  log_key_of_old_mark(const checkpoint_log *log); /* of a version that had one */
log_key  log_key_of_pin(const checkpoint_log *log, weir_str name); /* name may be "" */
log_key  log_key_of_folder(const checkpoint_log *log, const char *name);
log_key  log_key_of_data(const checkpoint_log *log, const weir_blob_ref *ref);
weir_str log_key_text(const log_key *key);

/* How often *stop was set; 0 without one. */
int log_stopped(const checkpoint_log *log);

/* Reads and checks a record. NOTFOUND when it is not there; CORRUPT (halt) when it is
   damaged, twice in a row, or is not of this job, task and lineage. */
weir_code log_read(const checkpoint_log *log, const log_key *key, weir_arena *arena,
                   checkpoint_record *out, weir_err *err);
/* The same for log/<gen>/<idx> and seals/<gen>, which also must hold what belongs there. */
weir_code log_read_record(const checkpoint_log *log, uint64_t gen, uint64_t idx,
                          weir_arena *arena, checkpoint_record *out, weir_err *err);
weir_code log_read_seal(const checkpoint_log *log, uint64_t gen, weir_arena *arena,
                        checkpoint_record *out, weir_err *err);
/* The hint, or false: it is not there, damaged or foreign, which does not matter. */
weir_code log_read_hint(const checkpoint_log *log, weir_arena *arena, bool *out_there,
                        checkpoint_record *out, weir_err *err);

/* Since when a write is refused, up to the beginning of the last attempt. */
typedef struct log_refusal {
    bool    lasts;    /* it was the last time */
    int64_t since_us; /* the answer to the first */
} log_refusal;

/* One attempt to be the one who writes a slot. */
typedef struct log_write {
    const log_key    *key;
    weir_str          bytes;       /* the same for as long as the slot is tried */
    weir_sha256       sha;         /* of the record in `bytes` */
    int               stop_at;     /* give up when *stop is that much */
    int64_t           patience_us; /* or after so long without an answer; 0: never */
    int64_t           refused_us;  /* or when it is refused for so long; 0: at once */
    log_refusal      *refusal;     /* of the calls before for this slot; NULL: there are none */
    bool              mine;        /* out: the slot holds `bytes` */
    checkpoint_record other;       /* out, when not mine: what it holds, in the arena */
} log_write;

/* OK: it is known what the slot holds. STOPPED, or fate RETRY after `patience_us`: it is
   not known. CORRUPT: what it holds is damaged. */
weir_code log_write_once(const checkpoint_log *log, log_write *write, weir_arena *arena,
                         weir_err *err);

/* Whether an object is there. */
weir_code log_exists(const checkpoint_log *log, const log_key *key, bool *out,
                     weir_err *err);

/* The smallest number that is missing. Numbers are contiguous; `guess` is one that may be
   there, and costs less than the first when it is near the end. */
weir_code log_end_of_seals(const checkpoint_log *log, uint64_t guess, uint64_t *out,
                           weir_err *err);
weir_code log_end_of_records(const checkpoint_log *log, uint64_t gen, uint64_t guess,
                             uint64_t *out, weir_err *err);
/* Lineages count from 1: *out is the last that was begun, 0: none. */
weir_code log_last_lineage(const checkpoint_log *log, uint32_t *out, weir_err *err);

weir_code log_corrupt(const log_key *key, const char *fault, weir_err *err);

#endif
