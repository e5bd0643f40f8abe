/* sink/keyed_row: a commit row whose epoch is right and whose digest is another one.
 *
 * Two things make such a row. A repair claimed it (keyed_repair.c): the digest is that of the
 * SEAL with which the repair began its generation, so that nobody who knows only the epoch's
 * manifest can apply it. Or the epoch was amended for another database, and this one shows
 * what is in both records: then the row names the replaced manifest.
 *
 * The bad case: a repair claims the row and dies, and nobody may ever move it again. So whoever
 * owns a later generation, and finds no AMEND of the claim's, takes it back: the generation in
 * which that AMEND could have been put is sealed.
 *
 * A third one: a later lineage has begun (--fresh). In the transaction that starts its row it
 * gives the rows of the older ones a digest of no manifest, and keeps the one that was there.
 * The bad case without it: an owner of the older one sleeps between the PUT of its manifest and
 * COMMIT, wakes up when the later one has written rows, and its epoch goes over them. Only a
 * promotion brings an ended lineage's sinks to its end, before the one behind it has an epoch: it
 * puts the digest back.
 *
 * Gives      keyed_ended_sha, keyed_is_ended, keyed_reopen, keyed_move_row, keyed_is_claim,
 *            keyed_set_right.
 * Always     1. a claim is taken back only by the owner of its own generation, who puts no
 *               AMEND then, or of a later one.
 *            2. the row of an ended lineage is moved only by who settles that lineage.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed_row.h"

#include <string.h>

#include "weir/failpoint.h"

weir_sha256 keyed_ended_sha(void)
{
    weir_sha256 sha;
    memset(sha.at, 0xFF, sizeof sha.at);
    return sha;
}

bool keyed_is_ended(const keyed_mark *mark)
{
    const weir_sha256 sha = keyed_ended_sha();
    return weir_sha256_eq(&mark->sha, &sha);
}

weir_code keyed_reopen(keyed_sink *self, const keyed_mark *mark, weir_err *err)
{
    keyed_mark to = {.epoch = mark->epoch, .gen = mark->gen, .sha = mark->prev_sha};
    bool       moved = false;
    weir_assert(keyed_is_ended(mark));
    if (!self->setup.ended)
        return keyed_foreign_row(self, mark, mark->epoch, WEIR_EXIT_FENCED, err);
    weir_code rc = keyed_move_row(self, mark, &to, &moved, err);
    return rc == WEIR_E_UNKNOWN ? WEIR_OK : rc; /* the row is looked at again either way */
}

weir_code keyed_move_row(keyed_sink *self, const keyed_mark *mark, keyed_mark *to,
                         bool *out_moved, weir_err *err)
{
    to->prev_sha = mark->sha; /* what the driver compares */
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_claim_back, rp_claim);
    weir_code rc = self->driver->begin(self, err);
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_claim_back, rp_claim);
    if (rc == WEIR_OK)
        rc = self->driver->move(self, mark->epoch, to, out_moved, err);
    WEIR_FAILPOINT_ONE_OF(self->recovers, tk_claim_back, rp_claim);
    if (rc == WEIR_OK && *out_moved)
        rc = self->driver->commit(self, err);
    if (rc != WEIR_OK || !*out_moved)
        self->driver->rollback(self);
    return rc;
}

weir_code keyed_is_claim(const weir_history *history, const keyed_mark *mark, bool *out,
                         weir_err *err)
{
    weir_sha256 seal;
    *out = false;
    if (history->checkpoint == NULL || mark->gen == 0)
        return WEIR_OK;
    WEIR_FAILPOINT(tk_read_epoch);
    weir_code rc = weir_checkpoint_begun_by(history->checkpoint, mark->gen, &seal, err);
    *out = rc == WEIR_OK && weir_sha256_eq(&seal, &mark->sha);
    return rc == WEIR_E_NOTFOUND ? WEIR_OK : rc;
}

/* Is it the row of an epoch that was amended for others? */
static bool is_left(const settle_course *course, const keyed_mark *mark,
                    const weir_sha256 *right)
{
    weir_history  *history = course->history;
    weir_arena    *arena = weir_arena_new("sql row", 4096);
    weir_committed at = {.joined = false};
    weir_err       ignored; /* what cannot be read is no reason to move a row */
    weir_err_clear(&ignored);
    weir_assert(mark->epoch <= history->last); /* at the goal or behind */
    bool left = mark->epoch > 0 &&
                history->read(history, mark->epoch, arena, &at, &ignored) == WEIR_OK &&
                at.amends && !at.claimed && weir_sha256_eq(&at.id.sha, right) &&
                weir_sha256_eq(&at.amended, &mark->sha);
    weir_arena_free(arena);
    return left;
}

weir_code keyed_set_right(keyed_sink *self, const settle_course *course, const keyed_mark *mark,
                          const weir_sha256 *right, weir_err *err)
{
    weir_checkpoint *checkpoint = course->history->checkpoint;
    bool             claim = false, moved = false, left = is_left(course, mark, right);
    weir_code rc = left ? WEIR_OK : keyed_is_claim(course->history, mark, &claim, err);
    if (rc != WEIR_OK)
        return rc;
    if (claim && mark->gen > weir_checkpoint_generation(checkpoint))
        return keyed_foreign_row(self, mark, mark->epoch, WEIR_EXIT_FENCED, err);
    if (!left && !claim)
        return keyed_foreign_row(self, mark, mark->epoch, course->ahead, err);
    keyed_mark to = {.epoch = mark->epoch, .gen = mark->gen, .sha = *right};
    bool       recovers = self->recovers;
    self->recovers = true; /* whoever does it mends what another left */
    rc = keyed_move_row(self, mark, &to, &moved, err);
    self->recovers = recovers;
    return rc == WEIR_E_UNKNOWN ? WEIR_OK : rc; /* the row is looked at again either way */
}
