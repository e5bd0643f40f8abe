/* cli/promote: the steps of a promotion over what does them; and where a job stands behind one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CLI_PROMOTE_H
#define CLI_PROMOTE_H

#include "cli_lineage.h"
#include "weir/promotion.h"

/* What does the steps. `promotion` is the record as it stands; each may be repeated. */
typedef struct cli_promoter {
    void *self;
    /* Of the live job's folder: what is there (NULL: none); puts, and gives what is there. */
    weir_code (*read)(void *self, uint32_t lineage, weir_promotion_step step,
                      weir_promotion **out, weir_err *err);
    weir_code (*put)(void *self, const weir_promotion *promotion, weir_promotion **out,
                     weir_err *err);
    /* The record beside the replay's lineages; not called for an undo. */
    weir_code (*mark)(void *self, const weir_promotion *promotion, weir_err *err);
    /* Begins the lineage, by which the live one ends. */
    weir_code (*begin)(void *self, const weir_promotion *promotion, bool *out_empty,
                       weir_err *err);
    weir_code (*end)(void *self, const weir_promotion *promotion, weir_err *err); /* the replay */
    /* Sinks of both to where they ended; sets `last`, and `origin` when it is no undo. */
    weir_code (*settle)(void *self, weir_promotion *promotion, weir_err *err);
    weir_code (*rename)(void *self, const weir_promotion *promotion, weir_err *err);
    weir_code (*point)(void *self, const weir_promotion *promotion, weir_err *err);
} cli_promoter;

/* From wherever it is to its end: *out is DONE, perhaps void. `promotion` is as BEGUN has it.
   CONFLICT when another promotion begins that lineage. */
weir_code cli_promote_go(const cli_promoter *promoter, const weir_promotion *promotion,
                         weir_promotion **out, weir_err *err) WEIR_MUST_CHECK;

/* What a table is called when it is put aside, by the promotion of a namespace or by its undo. No
   name comes twice: the swap of a process that slept meanwhile finds no table of the name that it
   looked at, and does nothing. */
weir_str cli_promote_aside(weir_arena *arena, weir_str given, weir_str name, bool undo);

/* The promotion that began the lineage, or was to begin the next one, and is not done; NULL. */
weir_code cli_promotion_unfinished(weir_checkpoint *live, uint32_t lineage, weir_arena *arena,
                                   weir_promotion **out, weir_err *err) WEIR_MUST_CHECK;

/* The plan with the files of its tables where the last promotion up to the lineage put them. */
weir_code cli_promoted_plan(const weir_plan *plan, weir_checkpoint *live, uint32_t lineage,
                            weir_arena *arena, weir_plan **out, weir_err *err) WEIR_MUST_CHECK;

/* What `weir run` begins or goes on with. */
typedef struct cli_standing {
    weir_arena      *arena;
    cli_lineage      live;
    bool             begun;   /* there is a lineage */
    uint32_t         lineage; /* to run in; 0: the first */
    weir_plan       *plan;    /* files where they are */
    weir_store      *store;   /* of `origin` */
    weir_checkpoint *checkpoint;
    bool             has_origin; /* the lineage has no epoch, and begins with this */
    weir_origin      origin;
} cli_standing;

/* CONFLICT when a promotion is unfinished. */
weir_code cli_standing_open(const cli_flags *flags, const weir_plan *plan,
                            const atomic_int *stop, cli_standing *out,
                            weir_err *err) WEIR_MUST_CHECK;
void      cli_standing_close(cli_standing *standing);

#endif
