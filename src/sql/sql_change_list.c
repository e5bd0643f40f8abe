/* sql/change_list: pairs, notes and permissions of a change.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sql_change.h"

#include <stdio.h>
#include <string.h>

static change_pairs pairs_of(weir_arena *arena, uint32_t now, uint32_t old)
{
    change_pairs out = {WEIR_ARRAY(arena, uint32_t, now + 1),
                        WEIR_ARRAY(arena, uint32_t, old + 1)};
    memset(out.old_of, 0xff, sizeof(uint32_t) * (now + 1));
    memset(out.now_of, 0xff, sizeof(uint32_t) * (old + 1));
    return out;
}

void change_begin(change_work *work)
{
    const weir_kept *now = work->now, *old = work->old;
    work->out = WEIR_NEW(work->arena, weir_change);
    work->source = pairs_of(work->arena, now->sources, old->sources);
    work->step = pairs_of(work->arena, now->steps, old->steps);
    work->flow = pairs_of(work->arena, now->flows, old->flows);
    work->no_old_rows = WEIR_ARRAY(work->arena, bool, now->sources + 1);
}

void change_pair(change_pairs *pairs, uint32_t now, uint32_t old)
{
    pairs->old_of[now] = old;
    pairs->now_of[old] = now;
}

bool change_free(const change_pairs *pairs, uint32_t now, uint32_t old)
{
    return pairs->old_of[now] == WEIR_NONE && pairs->now_of[old] == WEIR_NONE;
}

#define LIST(type, what)                                                                   \
    do {                                                                                   \
        out->what = WEIR_ARRAY(work->arena, type, work->now->what##s +                     \
                                                      work->old->what##s + 1);             \
        for (uint32_t n = 0; n < work->now->what##s; n++) {                                \
            uint32_t o = work->what.old_of[n];                                             \
            out->what[out->what##s].now = &work->now->what[n];                             \
            out->what[out->what##s++].old = o == WEIR_NONE ? NULL : &work->old->what[o];   \
        }                                                                                  \
        for (uint32_t o = 0; o < work->old->what##s; o++)                                  \
            if (work->what.now_of[o] == WEIR_NONE)                                         \
                out->what[out->what##s++].old = &work->old->what[o];                       \
    } while (0)

void change_list(change_work *work)
{
    weir_change *out = work->out;
    LIST(weir_source_change, source);
    LIST(weir_step_change, step);
    LIST(weir_flow_change, flow);
}

void change_note(change_work *work, weir_notes *notes, const char *format, ...)
{
    char    text[1200];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args); /* two phrases and some words */
    va_end(args);
    if (notes->count == notes->room) {
        uint32_t  room = notes->room * 2 + 4;
        weir_str *more = WEIR_ARRAY(work->arena, weir_str, room);
        if (notes->count > 0)
            memcpy(more, notes->note, sizeof *more * notes->count);
        notes->note = more;
        notes->room = room;
    }
    notes->note[notes->count++] = weir_str_copy(work->arena, weir_str_of(text));
}

static weir_str or_nothing(weir_str text)
{
    return text.len > 0 ? text : WEIR_STR("nothing");
}

void change_was(change_work *work, weir_notes *notes, const char *what,
                const weir_phrase *now, const weir_phrase *old)
{
    weir_str is = or_nothing(now->text), was = or_nothing(old->text);
    if (weir_str_eq(is, was))
        change_note(work, notes, "%s %.*s: of columns with other types", what,
                    WEIR_STR_FMT(is));
    else
        change_note(work, notes, "%s %.*s (was %.*s)", what, WEIR_STR_FMT(is),
                    WEIR_STR_FMT(was));
}

void change_reset(change_work *work, weir_step_change *step, const char *why)
{
    step->verdict = WEIR_VERDICT_RESET;
    step->needs = WEIR_NEED_RESET;
    if (why != NULL)
        change_note(work, &step->notes, "%s", why);
}

/* Is it the name, or the name in front of ".aggregate"? */
static bool names(weir_str given, weir_str name)
{
    static const char behind[] = ".aggregate";
    size_t len = sizeof behind - 1;
    if (weir_str_eq(given, name))
        return true;
    return name.len == given.len + len && memcmp(name.at, given.at, given.len) == 0 &&
           memcmp(name.at + given.len, behind, len) == 0;
}

static bool listed(const weir_str *list, size_t count, weir_str name, weir_str table)
{
    for (size_t i = 0; i < count; i++)
        if (names(list[i], name) || weir_str_eq(list[i], table))
            return true;
    return false;
}

static bool allowed(const change_work *work, weir_need needs, weir_str name, weir_str table)
{
    const weir_allow *allow = work->allow;
    if (needs == WEIR_NEED_NOTHING)
        return true;
    if (allow == NULL)
        return false;
    return allow->all || listed(allow->reset, allow->resets, name, table) ||
           (needs == WEIR_NEED_PARTIAL &&
            listed(allow->partial, allow->partials, name, table));
}

static const weir_kept_step *either(const weir_step_change *step)
{
    return step->now != NULL ? step->now : step->old;
}

bool change_allows_reset(const change_work *work, const weir_step_change *step)
{
    return allowed(work, WEIR_NEED_RESET, either(step)->name, either(step)->source);
}

void change_allow(change_work *work)
{
    weir_change *out = work->out;
    for (uint32_t i = 0; i < out->steps; i++) {
        weir_step_change *step = &out->step[i];
        step->allowed =
            allowed(work, step->needs, either(step)->name, either(step)->source);
    }
    for (uint32_t i = 0; i < out->sources; i++) {
        weir_source_change *source = &out->source[i];
        weir_str name = source->now != NULL ? source->now->name : source->old->name;
        source->allowed = allowed(work, source->needs, name, name);
    }
    for (uint32_t i = 0; i < out->flows; i++) {
        weir_flow_change *flow = &out->flow[i];
        weir_str table = flow->now != NULL ? flow->now->table : flow->old->table;
        flow->allowed = allowed(work, flow->needs, table, table);
    }
}
