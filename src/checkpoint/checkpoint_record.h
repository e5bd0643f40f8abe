/* checkpoint/record: the bytes of a MANIFEST, a SEAL, an AMEND and a hint.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CHECKPOINT_RECORD_H
#define CHECKPOINT_RECORD_H

#include "weir/checkpoint.h"

#define RECORD_VERSION 1u
#define RECORD_SECTIONS_MAX 4096u
#define RECORD_PROBED_MAX 255u      /* bytes of the place that passed the probe */
#define RECORD_BLOBS "blobs"        /* a manifest's first section: its inline blobs */
#define RECORD_NUMBER_MAX 99999999u /* of generations and indices: eight digits in keys */

typedef enum record_kind {
    RECORD_MANIFEST = 1,
    RECORD_SEAL = 2,
    RECORD_HINT = 3,
    RECORD_AMEND = 4, /* the epoch of the manifest before once more, with other rows */
    RECORD_PIN = 5,
    RECORD_MARK = 6, /* from which manifest on nothing is collected */
    RECORD_PROMOTION = 7 /* a step of a promotion: of no place, with one section */
} record_kind;
_Static_assert(RECORD_HINT == 3, "kinds are written into checkpoints");
_Static_assert(RECORD_AMEND == 4, "kinds are written into checkpoints");
_Static_assert(RECORD_MARK == 6, "kinds are written into checkpoints");
_Static_assert(RECORD_PROMOTION == 7, "kinds are written into checkpoints");

typedef enum record_reason {
    RECORD_NO_REASON = 0,   /* not a SEAL */
    RECORD_TAKEN_OVER = 1,  /* by a new owner, who goes on in the next generation */
    RECORD_SELF_SEALED = 2, /* by the owner, who goes on in the next generation */
    RECORD_SHUT_DOWN = 3,   /* by the owner, who ended */
    RECORD_SUPERSEDED = 4   /* by the owner of the next lineage */
} record_reason;
_Static_assert(RECORD_SUPERSEDED == 4, "reasons are written into checkpoints");

typedef struct record_place { /* of a manifest; idx 0: there is none */
    uint64_t    gen, idx, epoch;
    weir_sha256 sha;
} record_place;

typedef struct checkpoint_record {
    record_kind   kind;
    record_reason reason;    /* SEAL */
    bool          finalised; /* SEAL, hint: the manifest at `prev` is finalised */
    weir_str      job, task;
    uint32_t      lineage;
    uint64_t      gen, idx;  /* where it stands; a hint: the owner's generation, 0; a pin
                                or mark: that of `prev`, 0 */
    uint64_t      epoch;     /* MANIFEST: its epoch. AMEND, SEAL, hint: that of `prev` */
    uint8_t       nonce[16]; /* of the incarnation that wrote it */
    record_place  prev;      /* MANIFEST: the one before. AMEND: the one it replaces. SEAL,
                                hint: the last one. Pin, mark: the manifest that is meant */
    int64_t       written_us;
    weir_str      probed; /* the place that passed the probe; empty: none had to */
    uint32_t      sections;
    weir_section *section;
    weir_sha256   sha;   /* of all bytes before it: it ends the record */
    weir_str      bytes; /* all of them, when decoded */
} checkpoint_record;

/* What commits an epoch, and what may stand in log/. */
static inline bool record_is_epoch(record_kind kind)
{
    return kind == RECORD_MANIFEST || kind == RECORD_AMEND;
}

static inline bool record_is_of_log(record_kind kind)
{
    return record_is_epoch(kind) || kind == RECORD_SEAL;
}

/* Appends the record but `sections`, up to and with its count; then each section; then
   the digest, which becomes record->sha. `start` is out->len before the head. */
void record_write_head(weir_buf *out, const checkpoint_record *record);
void record_write_section(weir_buf *out, weir_str name, weir_str bytes);
void record_write_end(weir_buf *out, size_t start, checkpoint_record *record);
void record_write(weir_buf *out, checkpoint_record *record); /* all three */
/* Where the bytes of the first section begin. */
size_t record_first_section_at(const checkpoint_record *record, weir_str name);

/* Decodes; views point into `bytes`, the sections' array is in the arena. NULL when all is
   well, else what is wrong. */
const char *record_read(weir_str bytes, weir_arena *arena, checkpoint_record *out);

#endif
