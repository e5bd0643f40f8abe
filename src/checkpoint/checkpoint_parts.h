/* checkpoint/parts: what the files of this room share of one checkpoint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CHECKPOINT_PARTS_H
#define CHECKPOINT_PARTS_H

#include "checkpoint_log.h"
#include "checkpoint_refs.h"

#define PUBLISH_WITHIN_US \
    WEIR_LIMIT(30LL * 60 * 1000000, 6000000LL)   /* of the last proof, by boot time */
#define COMMIT_WITHIN_US (12LL * 3600 * 1000000) /* of the last proof, by boot time */
#define SEAL_PATIENCE_US (10LL * 60 * 1000000)  /* a takeover's SEAL, without an answer */
#define START_REFUSED_US 0LL                    /* the same, refused: as who may not read is */
#define OWN_SEAL_PATIENCE_US (10LL * 1000000)   /* an owner's, without an answer: then shown */
#define SHUT_DOWN_PATIENCE_US (10LL * 1000000)  /* a clean end's: as ENGINE_GRACE_US */
#define MANIFEST_PATIENCE_US (5LL * 1000000)    /* a manifest's: then it is shown */
#define OWNER_REFUSED_US (10LL * 60 * 1000000)  /* of an owner's SEAL or manifest, over all
                                                   tries: a refusal that lasts is believed */
#define IDLE_SEAL_US \
    WEIR_LIMIT(20LL * 60 * 1000000, 3000000LL) /* without an epoch: well below an hour */
#define WATCH_LEAST_US (15LL * 1000000)

struct weir_checkpoint {
    weir_arena    *arena; /* names, as long as the checkpoint */
    checkpoint_log log;
    bool           take_over;
    bool           ended; /* a later lineage was begun: nothing is staged */
    int64_t        epoch_interval_us;

    bool         owned;     /* we own `gen`, as far as we know */
    uint8_t      nonce[16]; /* of this incarnation: new with each take over */
    uint64_t     gen, idx;  /* idx: of our last record in gen, 0: none yet */
    record_place last;      /* the last manifest */
    bool         finalised; /* `last` is */
    char         probed[RECORD_PROBED_MAX + 1]; /* the place that passed, "": none had to */
    ref_set      refs;       /* that `last` lists */
    bool         refs_known; /* it does: older versions did not */
    weir_stage  *stage; /* that was begun and not published, or NULL */

    int64_t  proved_boot_us; /* we owned the task then: before `last` was put, when we
                                took it over, or at the last look for a successor's seal */
    int64_t  last_boot_us;   /* before `last` was put, or before we took it over */
    bool     publishes;      /* `last` has files, as far as we know */
    bool     in_seal;        /* a SEAL says that `last` is finalised: nothing can hide that */
    int64_t  gen_boot_us;       /* when gen began */
    uint64_t gen_epochs;        /* that we published in gen */
    uint64_t gen_epochs_most;   /* then it is sealed */
    int64_t  gen_us_most;       /* or when it is so old, by boot time */
    uint32_t inline_most;       /* bytes of blobs inside a manifest */

    bool              sealing; /* `own_seal` was tried, and how that ended is not known */
    checkpoint_record own_seal;
    log_refusal       own_refused, own_copy_refused; /* of its puts */
};

/* T1 and T2: what is there now. */
typedef struct takeover_tail {
    uint64_t      gen;    /* the open generation */
    uint64_t      idx;    /* its last record, 0: none */
    bool          sealed; /* that record is a SEAL: seals/<gen> is not there yet */
    weir_str      seal;   /* then its bytes */
    record_reason before; /* idx 0, gen > 0: why generation gen - 1 was sealed */
    record_place  last;
    bool          finalised;
    weir_str      probed;
} takeover_tail;
weir_code takeover_look(const checkpoint_log *log, weir_arena *arena, takeover_tail *out,
                        weir_err *err);
/* No-duel: returns OK when nothing moved for long enough, with *out_moved false, or at once
   when something did. */
weir_code takeover_watch(const weir_checkpoint *checkpoint, const checkpoint_log *log,
                         const takeover_tail *tail, bool *out_moved, weir_err *err);

/* A SEAL of ours at (gen, idx), and its steps: T3 put, T4 verify, T5 copy. */
typedef struct seal_work {
    checkpoint_record record; /* in; its sha is set */
    int               stop_at;
    int64_t           until_us;   /* mono: all its puts, without an answer */
    int64_t           refused_us; /* as of a log_write, and so are these: */
    log_refusal      *refused, *copy_refused;
    bool              lost_slot; /* out: another's record is there (T3) */
    bool              lost_copy; /* out: the generation has another SEAL (T4, T5) */
} seal_work;
weir_code seal_generation(const checkpoint_log *log, seal_work *work, weir_arena *arena,
                          weir_err *err);

/* A record of ours, but for its kind, place and contents. */
checkpoint_record checkpoint_record_of(const weir_checkpoint *checkpoint,
                                       const checkpoint_log  *log);
weir_code checkpoint_fenced(weir_checkpoint *checkpoint, const char *by, weir_err *err);
void      checkpoint_to_manifest(const checkpoint_record *record, weir_manifest *out);
/* The manifest at a place, checked against it. */
weir_code checkpoint_read_place(const checkpoint_log *log, const record_place *place,
                                weir_arena *arena, weir_manifest **out, weir_err *err);
weir_code checkpoint_seal_own(weir_checkpoint *checkpoint, record_reason reason,
                              int64_t patience_us, weir_err *err);
/* Nobody sealed our generation up to now: what we remember is so. FENCED: somebody did. */
weir_code checkpoint_prove_owner(weir_checkpoint *checkpoint, weir_err *err);
bool      checkpoint_is_stale(const weir_checkpoint *checkpoint, int64_t since_us,
                              int64_t most_us);

#endif
