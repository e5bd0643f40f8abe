/* sql/change: what becomes of kept state when the SQL is another one.
 *
 * First things are matched: by name, then by being the same under another name, so that
 * renaming loses nothing. Then each pair is judged.
 *
 * Gives      weir_change_of, weir_verdict_name.
 * Always     1. state is only taken over where what it holds is still what is asked for, or
 *               where the user allowed that it is not.
 *            2. nothing that was kept goes without a need that somebody has to allow.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_change.h"

#include <string.h>

#define UNKNOWN_MOST 64u /* values whose past can be unknown: bits of a group */

const char *weir_verdict_name(weir_verdict verdict)
{
    static const char *const names[] = {"kept", "migrated", "mixed", "reset", "new", "gone"};
    weir_assert((size_t)verdict < sizeof names / sizeof names[0]);
    return names[verdict];
}

static bool same(const weir_phrase *a, const weir_phrase *b)
{
    return a->hash == b->hash;
}

/* ── Matching ── */

static void match_sources(change_work *work)
{
    for (uint32_t n = 0; n < work->now->sources; n++)
        for (uint32_t o = 0; o < work->old->sources; o++)
            if (weir_str_eq(work->now->source[n].name, work->old->source[o].name))
                change_pair(&work->source, n, o);
    for (uint32_t n = 0; n < work->now->sources; n++)
        for (uint32_t o = 0; o < work->old->sources && work->source.old_of[n] == WEIR_NONE;
             o++)
            if (work->source.now_of[o] == WEIR_NONE &&
                same(&work->now->source[n].place, &work->old->source[o].place))
                change_pair(&work->source, n, o);
}

/* The source of the new plan that an old one became. */
static uint32_t became(const change_work *work, weir_str old_source)
{
    for (uint32_t o = 0; o < work->old->sources; o++)
        if (weir_str_eq(work->old->source[o].name, old_source))
            return work->source.now_of[o];
    return WEIR_NONE;
}

static uint32_t value_in(const weir_kept_step *step, const weir_kept_value *value)
{
    for (uint32_t i = 0; i < step->values; i++)
        if (same(&step->value[i].what, &value->what) &&
            weir_type_same(step->value[i].arg, value->arg))
            return i;
    return WEIR_NONE;
}

static bool same_values(const weir_kept_step *a, const weir_kept_step *b)
{
    bool all = a->values == b->values;
    for (uint32_t i = 0; all && i < a->values; i++)
        all = value_in(b, &a->value[i]) != WEIR_NONE;
    return all;
}

static bool same_source(const change_work *work, const weir_kept_step *old,
                        const weir_kept_step *now)
{
    uint32_t source = became(work, old->source);
    return source != WEIR_NONE && weir_str_eq(work->now->source[source].name, now->source);
}

static bool identical(const change_work *work, const weir_kept_step *old,
                      const weir_kept_step *now)
{
    return old->kind == now->kind && old->windowed == now->windowed &&
           same(&old->keys, &now->keys) && same(&old->rows, &now->rows) &&
           same(&old->window, &now->window) && same_values(old, now) &&
           same_source(work, old, now);
}

enum { BY_NAME_AND_SAME, BY_SAME, BY_NAME, PASSES };

static bool steps_fit(const change_work *work, uint32_t n, uint32_t o, int pass)
{
    const weir_kept_step *now = &work->now->step[n], *old = &work->old->step[o];
    bool named = now->kind == old->kind && weir_str_eq(now->name, old->name);
    if (pass == BY_NAME)
        return named;
    return (named || pass == BY_SAME) && identical(work, old, now);
}

static bool flows_fit(const change_work *work, uint32_t n, uint32_t o, int pass)
{
    const weir_kept_flow *now = &work->now->flow[n], *old = &work->old->flow[o];
    bool named = weir_str_eq(now->name, old->name);
    bool alike = same(&now->target, &old->target) && same(&now->what, &old->what);
    return pass == BY_NAME ? named : alike && (named || pass == BY_SAME);
}

static void match_steps(change_work *work, int pass)
{
    for (uint32_t n = 0; n < work->now->steps; n++)
        for (uint32_t o = 0; o < work->old->steps; o++)
            if (change_free(&work->step, n, o) && steps_fit(work, n, o, pass))
                change_pair(&work->step, n, o);
}

static void match_flows(change_work *work, int pass)
{
    for (uint32_t n = 0; n < work->now->flows; n++)
        for (uint32_t o = 0; o < work->old->flows; o++)
            if (change_free(&work->flow, n, o) && flows_fit(work, n, o, pass))
                change_pair(&work->flow, n, o);
}

/* ── Sources ── */

static void judge_source(change_work *work, weir_source_change *out)
{
    if (out->old == NULL) {
        out->verdict = WEIR_VERDICT_NEW;
        change_note(work, &out->notes, "is read from its 'start'");
        return;
    }
    if (out->now == NULL) {
        out->verdict = WEIR_VERDICT_GONE;
        out->needs = WEIR_NEED_RESET;
        change_note(work, &out->notes, "is not read any more: where it was is dropped");
        return;
    }
    if (!same(&out->old->place, &out->now->place)) {
        out->verdict = WEIR_VERDICT_RESET;
        out->needs = WEIR_NEED_RESET;
        change_was(work, &out->notes, "reads", &out->now->place, &out->old->place);
        change_note(work, &out->notes, "where it was is dropped, and it is read from its "
                                       "'start'");
        return;
    }
    out->new_time = !same(&out->old->time, &out->now->time);
    if (!weir_str_eq(out->old->name, out->now->name))
        change_note(work, &out->notes, "was called '%.*s'", WEIR_STR_FMT(out->old->name));
    if (out->new_time)
        change_was(work, &out->notes, "event time", &out->now->time, &out->old->time);
    if (out->new_time)
        change_note(work, &out->notes, "watermarks begin anew");
    if (!same(&out->old->valid, &out->now->valid))
        change_was(work, &out->notes, "valid records", &out->now->valid, &out->old->valid);
}

static const weir_source_change *source_of(const change_work *work, weir_str name)
{
    for (uint32_t s = 0; s < work->now->sources; s++)
        if (weir_str_eq(work->now->source[s].name, name))
            return &work->out->source[s];
    weir_assert("a step has a source" == NULL);
    return NULL;
}

static bool read_before(const weir_source_change *source)
{
    return source->verdict == WEIR_VERDICT_KEPT;
}

/* ── Steps ── */

static void map_values(change_work *work, weir_step_change *out)
{
    const weir_kept_step *now = out->now, *old = out->old;
    out->from = WEIR_ARRAY(work->arena, uint32_t, now->values + 1);
    for (uint32_t i = 0; i < now->values; i++) {
        const weir_kept_value *value = &now->value[i];
        bool counts = now->kind == WEIR_KEPT_GROUPS && value->fn == WEIR_AGG_COUNT_STAR &&
                      !value->filtered;
        out->from[i] = value_in(old, value);
        if (out->from[i] != WEIR_NONE)
            continue;
        out->verdict = WEIR_VERDICT_MIGRATED;
        if (!counts && i < UNKNOWN_MOST)
            out->unknown |= UINT64_C(1) << i;
        if (!counts && i >= UNKNOWN_MOST)
            change_reset(work, out, "more than 64 aggregates, and some are added");
        change_note(work, &out->notes, "added %.*s: %s", WEIR_STR_FMT(value->what.text),
                    counts ? "known of all groups"
                    : now->kind == WEIR_KEPT_ROWS
                        ? "NULL in the rows that are kept now, until they change"
                        : "NULL in the groups that there are now, whole in all later ones");
    }
    for (uint32_t i = 0; i < old->values; i++) {
        if (value_in(now, &old->value[i]) != WEIR_NONE)
            continue;
        out->verdict = WEIR_VERDICT_MIGRATED;
        change_note(work, &out->notes, "goes %.*s", WEIR_STR_FMT(old->value[i].what.text));
    }
}

/* Nothing of the old state is what the new plan asks for. */
static void find_resets(change_work *work, const weir_source_change *source,
                        weir_step_change *out)
{
    const weir_kept_step *now = out->now, *old = out->old;
    if (!same_source(work, old, now) || !read_before(source))
        change_reset(work, out, "its source is read from the start, or is another one");
    if (!same(&old->keys, &now->keys)) {
        change_reset(work, out, NULL);
        change_was(work, &out->notes, now->kind == WEIR_KEPT_ROWS ? "key" : "GROUP BY",
                   &now->keys, &old->keys);
    }
    if (old->windowed != now->windowed || !same(&old->window, &now->window)) {
        change_reset(work, out, NULL);
        change_was(work, &out->notes, "window", &now->window, &old->window);
    }
    if (now->kind == WEIR_KEPT_GROUPS && work->no_old_rows[source - work->out->source])
        change_reset(work, out, "the old rows of its changes are not known any more");
}

static void find_mixture(change_work *work, const weir_source_change *source,
                         weir_step_change *out)
{
    bool rows = !same(&out->old->rows, &out->now->rows);
    bool valid = !same(&source->old->valid, &source->now->valid);
    if (out->verdict == WEIR_VERDICT_RESET || out->now->kind == WEIR_KEPT_ROWS ||
        (!rows && !valid))
        return;
    out->verdict = WEIR_VERDICT_MIXED;
    out->needs = WEIR_NEED_PARTIAL;
    if (rows)
        change_was(work, &out->notes, "WHERE", &out->now->rows, &out->old->rows);
    if (valid)
        change_note(work, &out->notes, "other records of '%.*s' are valid",
                    WEIR_STR_FMT(source->now->name));
    change_note(work, &out->notes, "holds from the next record on: the groups that there are "
                                   "now keep what the old rule let in");
}

/* Where a step begins that begins in the middle of a source. */
static void begin_anew(change_work *work, const weir_source_change *source,
                       weir_step_change *out)
{
    if (!read_before(source)) {
        out->needs = out->old != NULL ? WEIR_NEED_RESET : WEIR_NEED_NOTHING;
        return;
    }
    out->whole = out->now->windowed && !source->new_time;
    if (out->old != NULL)
        out->needs = WEIR_NEED_RESET;
    else
        out->needs = out->whole ? WEIR_NEED_NOTHING : WEIR_NEED_PARTIAL;
    if (out->whole)
        change_note(work, &out->notes, "begins with the first window that begins behind all "
                                       "that was read; earlier ones are not written");
    else
        change_note(work, &out->notes,
                    "knows nothing of what was read before: it begins with the next record");
}

static void judge_step(change_work *work, weir_step_change *out)
{
    if (out->now == NULL) {
        out->verdict = WEIR_VERDICT_GONE;
        out->needs = WEIR_NEED_RESET;
        change_note(work, &out->notes, "is in the new plan no more: its state is dropped");
        return;
    }
    const weir_source_change *source = source_of(work, out->now->source);
    if (out->old == NULL) {
        out->verdict = WEIR_VERDICT_NEW;
        begin_anew(work, source, out);
    } else {
        if (!weir_str_eq(out->old->name, out->now->name))
            change_note(work, &out->notes, "was called '%.*s'",
                        WEIR_STR_FMT(out->old->name));
        map_values(work, out);
        find_resets(work, source, out);
        if (out->verdict != WEIR_VERDICT_RESET)
            find_mixture(work, source, out);
        if (change_allows_reset(work, out) && out->verdict == WEIR_VERDICT_MIXED)
            out->verdict = WEIR_VERDICT_RESET;
        if (out->verdict == WEIR_VERDICT_RESET)
            begin_anew(work, source, out);
    }
    out->loads = out->old != NULL && out->verdict != WEIR_VERDICT_RESET;
    bool lost = out->now->kind == WEIR_KEPT_ROWS && !out->loads && read_before(source);
    if (lost)
        work->no_old_rows[source - work->out->source] = true;
}

/* ── Sinks ── */

static const weir_step_change *step_of(const change_work *work, weir_str name)
{
    for (uint32_t i = 0; i < work->now->steps; i++)
        if (work->now->step[i].kind == WEIR_KEPT_GROUPS &&
            weir_str_eq(work->now->step[i].name, name))
            return &work->out->step[i];
    return NULL;
}

static void note_what_comes(change_work *work, const weir_step_change *step,
                            weir_flow_change *out)
{
    if (step == NULL)
        change_note(work, &out->notes, "gets this from the next record on");
    else if (out->now->final)
        change_note(work, &out->notes, "gets this with the windows that close from now on; "
                                       "those that are closed stay as they are");
    else if (out->again)
        change_note(work, &out->notes,
                    "gets all groups in state in the first epoch; rows of windows that are "
                    "closed stay as they are");
}

static void judge_flow(change_work *work, weir_flow_change *out)
{
    if (out->now == NULL) {
        out->verdict = WEIR_VERDICT_GONE;
        out->needs = out->old->holds ? WEIR_NEED_RESET : WEIR_NEED_NOTHING;
        change_note(work, &out->notes, "is not written any more: its rows stay");
        if (out->old->holds)
            change_note(work, &out->notes, "rows of its files that did not roll yet are lost");
        return;
    }
    const weir_step_change *step = step_of(work, out->now->step);
    bool from_step = step != NULL && step->loads && !out->now->final;
    if (out->old == NULL) {
        out->verdict = WEIR_VERDICT_NEW;
        out->again = from_step;
        note_what_comes(work, step, out);
        return;
    }
    bool target = same(&out->old->target, &out->now->target);
    bool what = same(&out->old->what, &out->now->what);
    bool emit = out->old->final == out->now->final;
    bool other = step != NULL && (step->old == NULL ||
                                  !weir_str_eq(step->old->name, out->old->step));
    out->has_rows = target && !out->old->final;
    if (target && what && emit && !other)
        return;
    out->verdict = WEIR_VERDICT_MIGRATED;
    out->again = from_step;
    if (!target)
        change_was(work, &out->notes, "goes to", &out->now->target, &out->old->target);
    if (!what)
        change_was(work, &out->notes, "writes", &out->now->what, &out->old->what);
    if (!emit)
        change_note(work, &out->notes, "emit is '%s' now",
                    out->now->final ? "final" : "changes");
    note_what_comes(work, step, out);
}

/* ── All ── */

static void judge_kind(change_work *work, weir_kept_kind kind)
{
    for (uint32_t i = 0; i < work->out->steps; i++) {
        weir_step_change *step = &work->out->step[i];
        if ((step->now != NULL ? step->now : step->old)->kind == kind)
            judge_step(work, step);
    }
}

static bool moved(const weir_step_change *step)
{
    if (step->verdict != WEIR_VERDICT_KEPT || !weir_str_eq(step->old->name, step->now->name))
        return true;
    for (uint32_t i = 0; i < step->now->values; i++)
        if (step->from[i] != i)
            return true;
    return false;
}

static void sum_up(weir_change *out)
{
    for (uint32_t i = 0; i < out->steps; i++)
        out->stored |= moved(&out->step[i]);
    out->any = out->stored;
    for (uint32_t i = 0; i < out->sources; i++)
        out->any |= out->source[i].verdict != WEIR_VERDICT_KEPT || out->source[i].notes.count;
    for (uint32_t i = 0; i < out->flows; i++)
        out->any |= out->flow[i].verdict != WEIR_VERDICT_KEPT ||
                    !weir_str_eq(out->flow[i].old->name, out->flow[i].now->name);
}

weir_change *weir_change_of(const weir_kept *old, const weir_kept *now,
                            const weir_allow *allow, weir_arena *arena)
{
    change_work work = {.old = old, .now = now, .allow = allow, .arena = arena};
    change_begin(&work);
    match_sources(&work);
    for (int pass = 0; pass < PASSES; pass++) {
        match_steps(&work, pass);
        match_flows(&work, pass);
    }
    change_list(&work);
    for (uint32_t i = 0; i < work.out->sources; i++)
        judge_source(&work, &work.out->source[i]);
    judge_kind(&work, WEIR_KEPT_ROWS); /* whether old rows are known decides on groups */
    judge_kind(&work, WEIR_KEPT_GROUPS);
    for (uint32_t i = 0; i < work.out->flows; i++)
        judge_flow(&work, &work.out->flow[i]);
    change_allow(&work);
    sum_up(work.out);
    return work.out;
}
