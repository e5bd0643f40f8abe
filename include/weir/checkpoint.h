/* weir/checkpoint: one lineage of committed epochs in an object store (sealed generations).
 *
 *     <prefix>/<job>/<lineage>/<task>/log/<gen:08d>/<idx:08d>   MANIFEST, AMEND or SEAL
 *                                     seals/<gen:08d>           copy of the SEAL
 *                                     data/<gen>/<epoch>/<nonce>-<n>
 *                                     hint
 *
 * Steps T1–T6 (takeover) and E1, E4, E7 (epoch) of docs/checkpoint-format.md are here; the
 * sinks' steps are driven by the engine between them. One thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_CHECKPOINT_H
#define WEIR_CHECKPOINT_H

#include <stdatomic.h>

#include "weir/hash.h"
#include "weir/store.h"

typedef struct weir_checkpoint weir_checkpoint;
typedef struct weir_stage weir_stage;

typedef struct weir_checkpoint_setup {
    weir_store *store;
    weir_str    prefix;   /* key prefix of the location, without '/' at its ends; may be "" */
    weir_str    job;      /* [a-z0-9_-]{1,64}; of a replay job.namespace */
    weir_str    task;     /* "t0" */
    bool        fresh;    /* begin the next lineage */
    bool        take_over; /* do not watch a live owner first (same host, or the flag) */
    uint32_t    lineage;   /* the n of l<n>; 0: the last one, with `fresh` the next */
    bool        ended;     /* `lineage` is not the last one, and is owned all the same: to bring
                              its sinks to where it ended. Nothing is committed in it */
    int64_t     epoch_interval_us; /* for the watch: max(3 epochs, 15 s) */
    uint64_t    generation_epochs; /* the owner seals its generation then; 0: 20,000 */
    int64_t     generation_us;     /* or when it is so old; 0: 24 hours */
    uint32_t    inline_bytes;      /* of blobs inside a manifest; 0: 4 MiB */
    weir_clock *clock;
    const atomic_int *stop; /* not 0: give up waiting, WEIR_E_STOPPED */
} weir_checkpoint_setup;

/* Where some bytes of a checkpoint are: in a data object, or inside a manifest. */
typedef struct weir_blob_ref {
    uint64_t gen;
    uint64_t idx;      /* of the manifest that staged it */
    uint64_t epoch;
    uint32_t object;   /* number of the data object; UINT32_MAX: inside the manifest */
    uint8_t  nonce[16]; /* of the writer: names the data object */
    uint64_t offset, length; /* length as stored */
    uint64_t expanded; /* length after zstd; 0: stored plain */
    uint32_t crc;      /* CRC32C of the stored bytes */
} weir_blob_ref;
bool weir_blob_ref_read(weir_reader *reader, weir_blob_ref *out); /* false: damaged */

typedef struct weir_section {
    weir_str name;  /* "positions", "state", "sink/<group>" … */
    weir_str bytes;
} weir_section;

typedef struct weir_manifest { /* a committed epoch, decoded and verified */
    uint64_t      gen, idx, epoch;
    bool          amends; /* it replaces the manifest before, of the same epoch */
    uint64_t      prev_gen, prev_idx; /* the manifest before; idx 0: none */
    weir_sha256   sha, prev_sha;      /* of this and of that manifest's bytes */
    int64_t       written_us;         /* wall clock, for people */
    uint32_t      sections;
    weir_section *section;
} weir_manifest;
weir_str weir_manifest_section(const weir_manifest *manifest, const char *name);

weir_code weir_checkpoint_open(const weir_checkpoint_setup *setup, weir_checkpoint **out,
                               weir_err *err) WEIR_MUST_CHECK;
void      weir_checkpoint_close(weir_checkpoint *checkpoint);

/* T1–T6: seals whatever generation is open and owns the next. *out is the last manifest
   (in `arena`), or NULL when the log is empty; *out_finalised says that it is known to be
   finalised. Exit FENCED, CORRUPT, PROBE_FAILED. */
weir_code weir_checkpoint_take_over(weir_checkpoint *checkpoint, weir_arena *arena,
                                    weir_manifest **out, bool *out_finalised, weir_err *err)
    WEIR_MUST_CHECK;
/* What a HALT of the owner means, met while state is read and sinks are brought up: exit
   FENCED when another sealed its generation meanwhile, for then nothing has to be as it was;
   else *err as it is. Fate RETRY when that cannot be found out. */
weir_code weir_checkpoint_explain(weir_checkpoint *checkpoint, weir_err *err);
/* The last manifest without sealing anything, for tools: an owner may add another one at
   any time. */
weir_code weir_checkpoint_look(weir_checkpoint *checkpoint, weir_arena *arena,
                               weir_manifest **out, bool *out_finalised, weir_err *err)
    WEIR_MUST_CHECK;
uint32_t weir_checkpoint_lineage(const weir_checkpoint *checkpoint); /* the n of l<n> */
uint64_t weir_checkpoint_generation(const weir_checkpoint *checkpoint);

/* The SHA-256 of the SEAL by which a generation began: what a repair claims a commit row
   with. NOTFOUND: generation 0, or one that has not begun. */
weir_code weir_checkpoint_begun_by(weir_checkpoint *checkpoint, uint64_t gen,
                                   weir_sha256 *out_seal, weir_err *err) WEIR_MUST_CHECK;

/* Any committed manifest, by the place a later one names. */
weir_code weir_checkpoint_read(weir_checkpoint *checkpoint, uint64_t gen, uint64_t idx,
                               weir_arena *arena, weir_manifest **out, weir_err *err)
    WEIR_MUST_CHECK;
/* Bytes of blobs, up to 16 objects at a time; out[i] is the caller's. CORRUPT when a
   checksum does not fit. */
weir_code weir_checkpoint_fetch(weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                                size_t count, weir_buf *out, weir_err *err) WEIR_MUST_CHECK;

/* The same as they are stored, which may be a third of it; weir_blob_take expands. */
weir_code weir_checkpoint_fetch_stored(weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                                       size_t count, weir_buf *out, weir_err *err)
    WEIR_MUST_CHECK;

/* A blob's bytes from front to back, so that not all of them have to be there at once.
   `stored` is what fetch_stored gave; it stays the caller's, and stays as it is. */
typedef struct weir_blob weir_blob;
weir_blob *weir_blob_new(const weir_checkpoint *checkpoint, const weir_blob_ref *ref,
                         weir_str stored);
void       weir_blob_free(weir_blob *blob); /* accepts NULL */
uint64_t   weir_blob_left(const weir_blob *blob);
/* Appends the next `bytes` bytes, of those that are left. CORRUPT, with the object's name,
   when it cannot be expanded to what the reference says. */
weir_code  weir_blob_take(weir_blob *blob, size_t bytes, weir_buf *out, weir_err *err)
    WEIR_MUST_CHECK;

/* An epoch in the making; `epoch` is the last one + 1. Blobs go into the manifest while
   they are small (WEIR_INLINE_BYTES_MAX in all), else into data objects. Sections may be
   set again, and blobs dropped (weir_stage_reset), until publish was called. */
weir_stage *weir_checkpoint_stage(weir_checkpoint *checkpoint, uint64_t epoch);
/* An AMEND of the last epoch, which `last` is the manifest of: all its sections once more,
   to be set anew where they differ; its blobs stay referable. Not to be reset. CONFLICT when
   `last` is an AMEND itself, or of a version that did not list what it needs. */
weir_code weir_checkpoint_amend(weir_checkpoint *checkpoint, const weir_manifest *last,
                                weir_stage **out, weir_err *err) WEIR_MUST_CHECK;
void        weir_stage_reset(weir_stage *stage); /* forgets all blobs and sections */
void        weir_stage_blob(weir_stage *stage, weir_str bytes, bool compress,
                            weir_blob_ref *out);
/* Writes a reference into a payload or a section, and keeps it in mind: what is not named in
   this way by an epoch and by all epochs before it, back to its own, may be collected. A
   blob of this stage, or one that the last manifest names. */
void        weir_stage_refer(weir_stage *stage, const weir_blob_ref *ref, weir_buf *out);
/* A file that this epoch publishes, for people: section "files". */
void        weir_stage_file(weir_stage *stage, weir_str key, uint64_t rows, uint64_t bytes);
void        weir_stage_section(weir_stage *stage, const char *name, weir_str bytes);
/* E1: puts the data objects, fixes the manifest's bytes. */
weir_code weir_stage_build(weir_stage *stage, weir_sha256 *out_sha, weir_err *err)
    WEIR_MUST_CHECK;
/* E4, the commit point: PUT If-None-Match with the same bytes until it is known to be
   there, or another's record is (exit FENCED). After it the epoch is committed. Fate RETRY:
   five seconds went by and it is still not known; call it again, with the same stage. A refusal
   that lasts ten minutes over all calls is a HALT. STOPPED: *stop was set twice. Who ends
   without an answer does not know; the next owner decides. */
weir_code weir_stage_publish(weir_stage *stage, weir_err *err) WEIR_MUST_CHECK;
/* The manifest that build made, decoded into `arena`: what weir_checkpoint_read will give
   once it is published. */
weir_manifest *weir_stage_manifest(const weir_stage *stage, weir_arena *arena);
void      weir_stage_free(weir_stage *stage);

/* Before each file is published (E6, T8): consumers may have moved what another process
   published long ago. When it is more than 30 minutes by the boot clock that this process
   knew that it owns the task, an epoch of its own is published only after a look for a
   successor's seal (exit FENCED; fate RETRY: the store is away), one that was taken over
   not any more: end, and take over anew. Always OK when the last epoch is known to be
   finalised: there is nothing to publish. */
weir_code weir_checkpoint_may_publish(weir_checkpoint *checkpoint, weir_err *err)
    WEIR_MUST_CHECK;

/* E7: the last epoch, published or taken over, is finalised: writes the hint, seals its own
   generation when it is long or old, or when the hint is refused (failpoint gen_self_seal).
   Fate RETRY: that it is finalised may not be written down; call it again, or seal. */
weir_code weir_checkpoint_finalised(weir_checkpoint *checkpoint, weir_err *err)
    WEIR_MUST_CHECK;
/* For an owner that has nothing to commit, now and then, and before it stages an epoch: the
   hint is written over, and a late one of another process hides what it says. So when nothing
   was committed for 20 minutes behind an epoch with files, a SEAL of its own says that it is
   finalised. Does nothing else. Fate RETRY: call it again before an epoch is staged. Exit
   FENCED: the task was taken over. */
weir_code weir_checkpoint_idle(weir_checkpoint *checkpoint, weir_err *err) WEIR_MUST_CHECK;
/* Clean shutdown, the last epoch being finalised: SEAL with finalised = true. Tried for ten
   seconds; then fate RETRY, and who gives up leaves it to the next owner. */
weir_code weir_checkpoint_seal(weir_checkpoint *checkpoint, weir_err *err) WEIR_MUST_CHECK;

#endif
