/* weir/promotion: what `weir promote` writes down, so that a crash in its middle is gone on
 * from, and nobody runs the job from what is half done.
 *
 *     <prefix>/<job>/promotions/<n:08d>           BEGUN: what becomes what, with lineage l<n>
 *                               <n:08d>-settled   SETTLED: where the lineages before ended
 *                               <n:08d>-done      DONE: all of it is so; or void: nothing is
 *
 * Each is put once (PUT If-None-Match) and never changed or removed. BEGUN of lineage n is put
 * before that lineage is begun: whoever finds itself in an empty lineage looks for it. The same
 * record in the folder of a replay's job says that its lineages before n were promoted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_PROMOTION_H
#define WEIR_PROMOTION_H

#include "weir/checkpoint.h"

#define WEIR_PROMOTED_OUTPUTS_MAX 4096u

typedef enum weir_promotion_step {
    WEIR_PROMOTION_BEGUN = 1,
    WEIR_PROMOTION_SETTLED = 2,
    WEIR_PROMOTION_DONE = 3
} weir_promotion_step;

typedef struct weir_manifest_place { /* idx 0: of no manifest */
    uint64_t    gen, idx, epoch;
    weir_sha256 sha;
} weir_manifest_place;

typedef struct weir_promoted { /* an output of the job */
    bool     files; /* else a table */
    weir_str table; /* its name in the job */
    weir_str given; /* what the job's SQL names: of the database, or the files' location */
    weir_str incoming; /* a table that gets the name `given`; where the files are from then on */
    weir_str outgoing; /* the name that the table before gets; where the files were */
} weir_promoted;

typedef struct weir_promotion {
    weir_promotion_step step;
    bool     undo;   /* of the promotion that began the lineage before */
    bool     voided; /* DONE: another run had begun the lineage; nothing was changed */
    weir_str name;   /* the namespace */
    weir_str job;
    uint32_t lineage; /* that begins with it, 2 or more; the one before is the live one */
    weir_str            origin_job; /* of the lineage that it goes on from: a replay's, or `job` */
    uint32_t            origin_lineage;
    weir_manifest_place last;   /* SETTLED, DONE: of the live lineage before */
    weir_manifest_place origin; /* SETTLED, DONE: what lineage l<n> begins with */
    uint32_t            outputs;
    weir_promoted      *output;
} weir_promotion;

/* Of the checkpoint's job. *out is NULL when there is none, else in the arena. CORRUPT: it is
   damaged, foreign, or of a newer version. */
weir_code weir_promotion_read(weir_checkpoint *checkpoint, uint32_t lineage,
                              weir_promotion_step step, weir_arena *arena,
                              weir_promotion **out, weir_err *err) WEIR_MUST_CHECK;
/* Puts it as promotion->step into the folder of the checkpoint's job, where another one may be
   there already: *out is what is there, in the arena. */
weir_code weir_promotion_put(weir_checkpoint *checkpoint, const weir_promotion *promotion,
                             weir_arena *arena, weir_promotion **out,
                             weir_err *err) WEIR_MUST_CHECK;

/* Begins the lineage that setup->lineage names, and by that ends the one before: from then on
   nobody can own that, and who does ends FENCED. Safe to repeat. *out_empty: no epoch was ever
   committed in it. */
weir_code weir_checkpoint_begin(const weir_checkpoint_setup *setup, bool *out_empty,
                                weir_err *err) WEIR_MUST_CHECK;

#endif
