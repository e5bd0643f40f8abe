/* sink/keyed_row: the commit row, as keyed_commit, keyed_row and keyed_repair share it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_KEYED_ROW_H
#define SINK_KEYED_ROW_H

#include "keyed/keyed.h"

/* Where settle is going. */
typedef struct settle_course {
    const weir_commit_id *goal;
    bool                  staged; /* the goal is the staged epoch, in memory */
    weir_history         *history;
    weir_exit             ahead; /* what a row that is ahead or foreign means */
} settle_course;

/* The commit row, looked at under lock; nothing stays locked. */
weir_code keyed_look(keyed_sink *self, keyed_mark *out, bool *out_found, weir_err *err);
weir_code keyed_send_commit(keyed_sink *self, weir_err *err);
/* A row that is none of this log's, or of a newer owner's. */
weir_code keyed_foreign_row(const keyed_sink *self, const keyed_mark *mark, uint64_t epoch,
                            weir_exit exit, weir_err *err);

/* Is it the row of a lineage behind which another one has begun? */
bool keyed_is_ended(const keyed_mark *mark);
/* Of an ended row: puts the digest of before back, where the sink was opened to settle the
   lineage (setup.ended); else FENCED. The caller looks at the row again. */
weir_code keyed_reopen(keyed_sink *self, const keyed_mark *mark, weir_err *err);

/* One transaction that moves the row from `mark` to `to` and writes nothing else. *out_moved
   is false when the row is another one by now. */
weir_code keyed_move_row(keyed_sink *self, const keyed_mark *mark, keyed_mark *to,
                         bool *out_moved, weir_err *err);
/* *out: is the row's digest the claim of a repair, which its gen tells of? */
weir_code keyed_is_claim(const weir_history *history, const keyed_mark *mark, bool *out,
                         weir_err *err);
/* The row's epoch is as it should be, and its digest is not `right`: one that AMEND left as
   it was is moved to AMEND; a claim is taken back. Else keyed_foreign_row. */
weir_code keyed_set_right(keyed_sink *self, const settle_course *course, const keyed_mark *mark,
                          const weir_sha256 *right, weir_err *err);

#endif
