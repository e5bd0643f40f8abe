/* weir/store: the plug shape of object stores: bytes by key, put-if-absent atomic.
 *
 * Each work verb takes an array of requests and runs up to WEIR_STORE_PARALLEL of them
 * side by side; it returns when all are answered. A request's own outcome is in its `rc`
 * and `why`; the call returns the first outcome that is not OK. Calls may come from
 * several threads. Every verb but put_new repeats by itself what can be repeated
 * (backoff, at most `patience_us`), then gives fate RETRY. put_new never repeats: its
 * outcome UNKNOWN means that the object may or may not be there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H

#include "weir/arena.h"
#include "weir/buf.h"
#include "weir/clock.h"
#include "weir/option.h"

typedef struct weir_store weir_store;

typedef struct weir_object {
    weir_str  key;    /* without bucket and leading '/'; segments as design allows */
    weir_str  body;   /* put, put_new: what is stored */
    weir_str  token;  /* put, put_new: kept as metadata "weir"; head: expected none */
    uint64_t  from;   /* get: first byte */
    uint64_t  length; /* get: bytes wanted; 0: the whole object */
    weir_buf  got;    /* get: the bytes; owned by the caller (weir_buf_done) */
    uint64_t  size;   /* head, get of the whole object: size in bytes */
    char      got_token[256]; /* head: metadata "weir", or "" */
    weir_code rc;     /* OK, NOTFOUND, CONFLICT (412: exists), UNKNOWN, REMOTE, CONFIG …;
                         get beyond the object's end: CORRUPT */
    bool      permanent; /* rc is not OK and trying again cannot help */
    int32_t   status; /* HTTP status, 0: none */
    char      why[160]; /* the server's code and message, without secrets */
} weir_object;

typedef struct weir_listed {
    weir_str key;
    uint64_t size;
    int64_t  modified_us;
} weir_listed;

typedef struct weir_store_setup {
    weir_str         location; /* "s3://bucket" or a folder */
    const weir_opts *opts;     /* job settings with the s3.* options; may be NULL for dir */
    weir_clock      *clock;
    int64_t          patience_us; /* of repeated requests; 0: 10 s */
    weir_str         embedded; /* --embedded DIR, or empty */
    bool             read_only; /* the caller puts and removes nothing; a folder that is not
                                   there is not made, and what is read need not be durable */
} weir_store_setup;

typedef weir_code weir_store_open_fn(weir_store *, const weir_store_setup *, weir_err *);
typedef weir_code weir_store_get_fn(weir_store *, weir_object *, size_t count, weir_err *);
typedef weir_code weir_store_head_fn(weir_store *, weir_object *, size_t count, weir_err *);
typedef weir_code weir_store_put_fn(weir_store *, weir_object *, size_t count, weir_err *);
typedef weir_code weir_store_put_new_fn(weir_store *, weir_object *, size_t count, weir_err *);
/* Keys under `prefix` behind `after`, in byte order, at most `most`; in `arena`. */
typedef weir_code weir_store_list_fn(weir_store *, weir_str prefix, weir_str after,
                                     uint32_t most, weir_arena *, weir_listed **out,
                                     uint32_t *out_count, weir_err *);
typedef weir_code weir_store_remove_fn(weir_store *, weir_object *, size_t count, weir_err *);
typedef void      weir_store_close_fn(weir_store *);

typedef struct weir_store_kind {
    const char *name; /* "s3", "dir", "memory" */
    const char *scheme; /* "s3://", "" */
    const char *summary;
    size_t      size;
    bool        probed; /* its put_new is proved by a probe before it is trusted */
    weir_store_open_fn    *open;
    weir_store_get_fn     *get;
    weir_store_head_fn    *head;
    weir_store_put_fn     *put;
    weir_store_put_new_fn *put_new;
    weir_store_list_fn    *list;
    weir_store_remove_fn  *remove;
    weir_store_close_fn   *close;
} weir_store_kind;

struct weir_store {
    const weir_store_kind *kind;
    char place[256]; /* kinds that are probed: endpoint and bucket, without secrets */
};

const weir_store_kind *const *weir_store_kinds(void); /* ends with NULL */
const weir_store_kind *weir_store_find(weir_str name);
weir_code weir_store_new(const weir_store_kind *kind, const weir_store_setup *setup,
                         weir_store **out, weir_err *err) WEIR_MUST_CHECK;
void      weir_store_free(weir_store *store);

/* One-request forms; on failure *err says which key and why. */
weir_code weir_store_get_one(weir_store *store, weir_str key, weir_buf *out, weir_err *err)
    WEIR_MUST_CHECK;
weir_code weir_store_put_one(weir_store *store, weir_str key, weir_str body, weir_err *err)
    WEIR_MUST_CHECK;

/* The 32-way conditional PUT probe below `prefix` (several keys, exactly one winner each,
   the winner's bytes read back). Exit PROBE_FAILED with what was seen. */
weir_code weir_store_probe(weir_store *store, weir_str prefix, weir_err *err) WEIR_MUST_CHECK;

/* Percent-encodes everything outside [A-Za-z0-9_.=-] of one key segment; '.' and '..'
   are encoded too. False when the result is over WEIR_KEY_SEGMENT_MAX. */
bool weir_key_segment(weir_buf *out, weir_str text);

#endif
