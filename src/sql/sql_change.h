/* sql/change: what its two files share: the work under way, its lists, notes, permissions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SQL_CHANGE_H
#define SQL_CHANGE_H

#include "weir/arena.h"
#include "weir/kept.h"

typedef struct change_pairs { /* WEIR_NONE: it has no partner */
    uint32_t *old_of, *now_of;
} change_pairs;

typedef struct change_work {
    const weir_kept  *old, *now;
    const weir_allow *allow;
    weir_arena       *arena;
    change_pairs      source, step, flow;
    bool             *no_old_rows; /* per source of now: its last values begin anew */
    weir_change      *out;
} change_work;

void change_begin(change_work *work);
void change_pair(change_pairs *pairs, uint32_t now, uint32_t old);
bool change_free(const change_pairs *pairs, uint32_t now, uint32_t old);
/* Lists of pairs: those of now in their order, then what is gone. */
void change_list(change_work *work);

void change_note(change_work *work, weir_notes *notes, const char *format, ...)
    WEIR_PRINTF(3, 4);
/* "GROUP BY a, b (was a)"; that they read the same means that a type differs. */
void change_was(change_work *work, weir_notes *notes, const char *what,
                const weir_phrase *now, const weir_phrase *old);
/* `why` may be NULL. */
void change_reset(change_work *work, weir_step_change *step, const char *why);

bool change_allows_reset(const change_work *work, const weir_step_change *step);
void change_allow(change_work *work); /* fills all `allowed` */

#endif
