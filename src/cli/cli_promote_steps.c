/* cli/promote_steps: a promotion as a row of steps, each of which may be the last before a crash.
 *
 *  1. The record is put: from here it can only go forward. `weir run` refuses now.
 *  2. The next lineage is begun, which ends the live one; so is the replay's. Nobody writes
 *     rows or files for either any more, but what their last epochs hold: a lineage's end is
 *     fixed before its sinks are brought there.
 *  3. The sinks are brought there, and where that is gets written down (SETTLED).
 *  4. Tables change names, database by database; then files are pointed to.
 *  5. DONE: `weir run` goes on, in the new lineage, from where the replay ended.
 *
 * Up to 3 the tables are the old ones. The bad cases: a crash between the swap and its record
 * (which names are there tells); one between 2 and 3, when the sinks of the replay are opened
 * again under names that were swapped (SETTLED is put before the swap); a promotion that slept
 * while another process finished it (DONE is looked at before the swap).
 *
 * Gives      cli_promote_go, cli_promote_aside.
 * Always     1. no step is done before the one before it is known to be.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_promote.h"

static weir_code is_other(const weir_promotion *there, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFLICT, "lineage l%u is begun by another promotion",
                    there->lineage);
    return weir_err_hint(err, "finish it first: weir promote --into %.*s%s",
                         WEIR_STR_FMT(there->name), there->undo ? " --undo" : "");
}

/* A run with --fresh began the lineage, and committed in it. */
static weir_code give_up(const cli_promoter *p, weir_promotion *at, weir_promotion **out,
                         weir_err *err)
{
    at->step = WEIR_PROMOTION_DONE;
    at->voided = true;
    return p->put(p->self, at, out, err); /* DONE may be there, when we slept */
}

/* Steps 2 and 3. *out is DONE when it is void. */
static weir_code end_both(const cli_promoter *p, weir_promotion *at, weir_promotion **out,
                          weir_err *err)
{
    bool      empty = false;
    weir_code rc = at->undo ? WEIR_OK : p->mark(p->self, at, err);
    if (rc == WEIR_OK)
        rc = p->begin(p->self, at, &empty, err);
    if (rc == WEIR_OK && !empty)
        return give_up(p, at, out, err);
    if (rc == WEIR_OK && !at->undo)
        rc = p->end(p->self, at, err);
    if (rc == WEIR_OK)
        rc = p->settle(p->self, at, err);
    weir_promotion *there = NULL;
    at->step = WEIR_PROMOTION_SETTLED;
    if (rc == WEIR_OK)
        rc = p->put(p->self, at, &there, err);
    if (rc == WEIR_OK)
        *at = *there;
    return rc;
}

/* Steps 4 and 5. The pointer is written over: who waited for the tables looks once more. */
static weir_code swap(const cli_promoter *p, weir_promotion *at, weir_promotion **out,
                      weir_err *err)
{
    weir_code rc = p->read(p->self, at->lineage, WEIR_PROMOTION_DONE, out, err);
    if (rc != WEIR_OK || *out != NULL)
        return rc;
    rc = p->rename(p->self, at, err);
    if (rc == WEIR_OK)
        rc = p->read(p->self, at->lineage, WEIR_PROMOTION_DONE, out, err);
    if (rc != WEIR_OK || *out != NULL)
        return rc;
    rc = p->point(p->self, at, err);
    at->step = WEIR_PROMOTION_DONE;
    return rc == WEIR_OK ? p->put(p->self, at, out, err) : rc;
}

weir_code cli_promote_go(const cli_promoter *p, const weir_promotion *promotion,
                         weir_promotion **out, weir_err *err)
{
    weir_promotion *there = NULL, *settled = NULL;
    weir_assert(promotion->step == WEIR_PROMOTION_BEGUN);
    *out = NULL;
    weir_code rc = p->put(p->self, promotion, &there, err);
    if (rc == WEIR_OK && (there->undo != promotion->undo ||
                          !weir_str_eq(there->name, promotion->name)))
        return is_other(there, err);
    if (rc == WEIR_OK)
        rc = p->read(p->self, promotion->lineage, WEIR_PROMOTION_DONE, out, err);
    if (rc == WEIR_OK && *out == NULL)
        rc = p->read(p->self, promotion->lineage, WEIR_PROMOTION_SETTLED, &settled, err);
    if (rc != WEIR_OK || *out != NULL)
        return rc;
    weir_promotion at = settled != NULL ? *settled : *there;
    if (settled == NULL)
        rc = end_both(p, &at, out, err);
    return rc == WEIR_OK && *out == NULL ? swap(p, &at, out, err) : rc;
}

weir_str cli_promote_aside(weir_arena *arena, weir_str given, weir_str name, bool undo)
{
    return weir_str_of(weir_arena_text(arena, "%.*s__%s_%.*s", WEIR_STR_FMT(given),
                                       undo ? "undone" : "before", WEIR_STR_FMT(name)));
}
