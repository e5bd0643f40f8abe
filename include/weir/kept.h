/* weir/kept: what a job keeps from epoch to epoch, written down, and what becomes of it when
 * the job's SQL changes.
 *
 * A weir_kept is made of a plan and goes into every manifest. It names each step with state by
 * what the user named (view, table) and says what the state is of, so that another plan can be
 * compared with it: not text with text, but what is read, grouped and computed. Expressions are
 * written over the fields of the source, so names of views and columns do not matter.
 * docs/changes.md is for people; docs/decisions/0004 has the reasons.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef WEIR_KEPT_H
#define WEIR_KEPT_H

#include "weir/plan.h"

/* Something that is the same in two plans or not: the hash has the types, too. */
typedef struct weir_phrase {
    weir_str text; /* for people; may be cut */
    uint64_t hash; /* decides */
} weir_phrase;

/* An aggregate of a group, or a column of a last value. */
typedef struct weir_kept_value {
    weir_phrase what;
    uint8_t     fn; /* weir_aggregate_fn; with the next three: how its bytes are read */
    bool        distinct, filtered;
    weir_type   arg, result; /* arg UNKNOWN: none */
} weir_kept_value;

typedef enum weir_kept_kind { WEIR_KEPT_GROUPS = 1, WEIR_KEPT_ROWS = 2 } weir_kept_kind;

typedef struct weir_kept_step { /* an aggregate, or the last values of a source */
    weir_kept_kind   kind;
    weir_str         name;   /* of the node, or of the table */
    weir_str         source; /* table */
    weir_phrase      keys, rows, window; /* GROUP BY, WHERE, tumble(…) */
    bool             windowed;
    int64_t          size_us;  /* of its window */
    int64_t          whole_us; /* windows that end up to here are not its own: they had begun
                                  when it did; INT64_MIN: all are */
    uint32_t         values;
    weir_kept_value *value;
} weir_kept_step;

typedef struct weir_kept_source {
    weir_str    name;
    weir_phrase place; /* connector, topic, format */
    weir_phrase time;  /* event_time */
    weir_phrase valid; /* NOT NULL, CHECK, encodings */
    bool        changelog;
} weir_kept_source;

typedef struct weir_kept_flow { /* a SINK node */
    weir_str    name, table;
    weir_str    step;   /* whose groups it writes; empty: rows of the source */
    weir_str    source;
    weir_phrase target; /* where the table is */
    weir_phrase what;   /* columns and HAVING */
    bool        final;
    bool        keyed; /* writes by key: what it did can be done again under another plan */
    bool        holds; /* rows of open files are kept for it */
} weir_kept_flow;

typedef struct weir_kept { /* lists are in an arena */
    uint32_t          steps, sources, flows;
    weir_kept_step   *step;
    weir_kept_source *source;
    weir_kept_flow   *flow;
} weir_kept;

/* Of a plan; whole_us is INT64_MIN everywhere. */
weir_kept *weir_kept_of(const weir_plan *plan, weir_arena *arena);
void       weir_kept_write(const weir_kept *kept, weir_buf *out);
/* CORRUPT when the bytes are none, or of another version. */
weir_code  weir_kept_read(weir_str bytes, weir_arena *arena, weir_kept **out,
                          weir_err *err) WEIR_MUST_CHECK;

typedef enum weir_verdict {
    WEIR_VERDICT_KEPT,
    WEIR_VERDICT_MIGRATED, /* kept; what is added is NULL in the groups that there are */
    WEIR_VERDICT_MIXED,    /* kept, but groups that there are were made by another rule */
    WEIR_VERDICT_RESET,    /* dropped: it begins anew */
    WEIR_VERDICT_NEW,
    WEIR_VERDICT_GONE
} weir_verdict;

typedef enum weir_need { WEIR_NEED_NOTHING, WEIR_NEED_PARTIAL, WEIR_NEED_RESET } weir_need;

typedef struct weir_notes { /* sentences for people */
    uint32_t  count, room;
    weir_str *note;
} weir_notes;

/* `old` is NULL when new, `now` when gone. */
typedef struct weir_step_change {
    weir_verdict          verdict;
    weir_need             needs; /* what has to be allowed */
    bool                  allowed;
    bool                  loads; /* its state is taken over */
    bool                  whole; /* begins with the first window that it sees all of */
    const weir_kept_step *old, *now;
    uint32_t             *from;  /* per value of now: which of old, or WEIR_NONE */
    uint64_t              unknown; /* bit i: now's value i is not known of the groups that
                                      there are */
    weir_notes            notes;
} weir_step_change;

typedef struct weir_source_change {
    weir_verdict            verdict;
    weir_need               needs;
    bool                    allowed;
    bool                    new_time; /* watermarks begin anew */
    const weir_kept_source *old, *now;
    weir_notes              notes;
} weir_source_change;

typedef struct weir_flow_change {
    weir_verdict          verdict; /* MIGRATED: it writes something else now */
    weir_need             needs;
    bool                  allowed;
    bool                  again;   /* all groups in state are written in the first epoch */
    bool                  has_rows; /* the target has what the old flow wrote */
    const weir_kept_flow *old, *now;
    weir_notes            notes;
} weir_flow_change;

typedef struct weir_change { /* lists are in an arena */
    bool                any;    /* something is not as it was */
    bool                stored; /* state has another form or name now */
    uint32_t            steps, sources, flows;
    weir_step_change   *step;
    weir_source_change *source;
    weir_flow_change   *flow;
} weir_change;

/* What the user accepts, by names of steps (with or without ".aggregate") and tables; that
   of a source table stands for all steps over it. */
typedef struct weir_allow {
    const weir_str *reset, *partial;
    size_t          resets, partials;
    bool            all; /* everything: nothing is lost by it */
} weir_allow;

/* Both kepts have to live as long as the change. */
weir_change *weir_change_of(const weir_kept *old, const weir_kept *now,
                            const weir_allow *allow, weir_arena *arena);
/* "kept", "migrated" …; static. */
const char  *weir_verdict_name(weir_verdict verdict);

#endif
