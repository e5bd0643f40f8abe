/* cli/against: `weir explain NEW.sql --against WHERE`: what becomes of a job's checkpoints
 * when its SQL is another one.
 *
 * Gives      cli_against.
 * Never      writes anything.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cli_promote.h"

typedef struct against {
    cli_lineage   lineage;
    weir_manifest *last;
    weir_facts    facts;
    weir_change  *change;
    weir_kept    *now;
    bool          json;
    weir_buf      text;
    weir_buf      flags; /* that `weir run` would want */
} against;

/* How far one has to go back to have it whole. */
typedef struct replay_need {
    bool     any;
    uint64_t epoch;   /* 0: from the beginning */
    uint64_t records; /* about: offsets may have gaps */
} replay_need;

static uint64_t records_of(const weir_facts *facts, weir_str table)
{
    uint64_t records = 0;
    for (uint32_t i = 0; i < facts->partitions; i++)
        if (weir_str_eq(facts->partition[i].table, table) &&
            facts->partition[i].next_offset > 0)
            records += (uint64_t)facts->partition[i].next_offset;
    return records;
}

static int64_t highest_of(const weir_facts *facts, weir_str table)
{
    int64_t highest_us = INT64_MIN;
    for (uint32_t i = 0; i < facts->partitions; i++)
        if (weir_str_eq(facts->partition[i].table, table) &&
            facts->partition[i].highest_us > highest_us)
            highest_us = facts->partition[i].highest_us;
    return highest_us;
}

static int64_t closed_of(const weir_facts *facts, weir_str table)
{
    for (uint32_t i = 0; i < facts->partitions; i++)
        if (weir_str_eq(facts->partition[i].table, table))
            return facts->partition[i].closed_us;
    return INT64_MIN;
}

/* Had the epoch read nothing yet that is behind time_us? */
static weir_code is_before(against *a, uint64_t epoch, weir_str table, int64_t time_us,
                           bool *out, uint64_t *out_records, weir_err *err)
{
    weir_facts  facts;
    weir_arena *arena = weir_arena_new("epoch", 16 << 10);
    weir_code   rc = cli_lineage_facts(&a->lineage, epoch, arena, &facts, err);
    *out = rc == WEIR_OK && highest_of(&facts, table) <= time_us;
    *out_records = *out ? records_of(&facts, table) : 0;
    weir_arena_free(arena);
    return rc;
}

/* The last epoch that had read nothing of the windows that are open now. */
static weir_code find_epoch(against *a, weir_str table, int64_t time_us, replay_need *out,
                            weir_err *err)
{
    weir_span span;
    uint64_t  found = 0, before = 0;
    weir_code rc = weir_checkpoint_span(a->lineage.checkpoint, &span, err);
    uint64_t  low = span.first, high = span.last;
    while (rc == WEIR_OK && low <= high) {
        uint64_t middle = low + (high - low) / 2, records = 0;
        bool     is = false;
        rc = is_before(a, middle, table, time_us, &is, &records, err);
        if (is) {
            found = middle;
            before = records;
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
    out->epoch = found;
    out->records -= before;
    return rc;
}

static weir_code judge_replay(against *a, const weir_step_change *step, replay_need *out,
                              weir_err *err)
{
    bool lacks = step->unknown != 0 || step->verdict == WEIR_VERDICT_MIXED ||
                 step->verdict == WEIR_VERDICT_RESET || step->verdict == WEIR_VERDICT_NEW;
    *out = (replay_need){.any = false};
    if (step->now == NULL || !lacks)
        return WEIR_OK;
    weir_str table = step->now->source;
    for (uint32_t i = 0; i < a->change->sources; i++) {
        const weir_source_change *source = &a->change->source[i];
        if (source->now == NULL || !weir_str_eq(source->now->name, table))
            continue;
        if (source->verdict != WEIR_VERDICT_KEPT)
            return WEIR_OK; /* it is read from its start anyway */
        table = source->old->name;
    }
    *out = (replay_need){.any = true, .records = records_of(&a->facts, table)};
    int64_t closed_us = closed_of(&a->facts, table);
    if (!step->now->windowed || closed_us == INT64_MIN)
        return WEIR_OK;
    return find_epoch(a, table, closed_us - step->now->size_us, out, err);
}

static uint64_t groups_of(const against *a, const weir_kept_step *old)
{
    for (uint32_t i = 0; old != NULL && i < a->facts.operators; i++)
        if (weir_str_eq(a->facts.operator[i].name, old->name))
            return a->facts.operator[i].rows;
    return 0;
}

static const char *need_flag(weir_need needs)
{
    return needs == WEIR_NEED_RESET ? "--allow-reset" : "--allow-partial";
}

static void want_flag(against *a, weir_need needs, bool allowed, weir_str name)
{
    if (!allowed)
        weir_buf_format(&a->flags, " %s %.*s", need_flag(needs), WEIR_STR_FMT(name));
}

static void begin_item(against *a, const char *kind, weir_str name, weir_verdict verdict)
{
    weir_buf *out = &a->text;
    if (!a->json) {
        weir_buf_format(out, "%s %.*s: %s", kind, WEIR_STR_FMT(name),
                        weir_verdict_name(verdict));
        return;
    }
    cli_json_item(out);
    cli_json_text(out, "name", name);
    cli_json_text(out, "verdict", weir_str_of(weir_verdict_name(verdict)));
}

static void json_need(weir_buf *out, weir_need needs, bool allowed)
{
    if (needs != WEIR_NEED_NOTHING)
        cli_json_text(out, "needs", weir_str_of(need_flag(needs)));
    cli_json_name(out, "allowed");
    weir_buf_text(out, allowed ? "true" : "false");
}

static void end_item(against *a, const weir_notes *notes)
{
    weir_buf *out = &a->text;
    if (a->json) {
        cli_json_name(out, "notes");
        weir_buf_byte(out, '[');
    } else {
        weir_buf_byte(out, '\n');
    }
    for (uint32_t i = 0; i < notes->count; i++) {
        if (!a->json) {
            weir_buf_format(out, "  %.*s\n", WEIR_STR_FMT(notes->note[i]));
            continue;
        }
        weir_buf_text(out, i > 0 ? "," : "");
        weir_buf_json_text(out, notes->note[i]);
    }
    weir_buf_text(out, a->json ? "]}" : "");
}

static void print_replay(against *a, const replay_need *need)
{
    weir_buf *out = &a->text;
    if (!need->any)
        return;
    if (need->epoch > 0)
        weir_buf_format(out, "  to have it whole: replay from epoch %llu, about %llu records\n",
                        (unsigned long long)need->epoch, (unsigned long long)need->records);
    else
        weir_buf_format(out,
                        "  to have it whole: replay from the beginning, about %llu records\n",
                        (unsigned long long)need->records);
}

static weir_code print_step(against *a, const weir_step_change *step, weir_err *err)
{
    const weir_kept_step *either = step->now != NULL ? step->now : step->old;
    bool        rows = either->kind == WEIR_KEPT_ROWS;
    uint64_t    groups = groups_of(a, step->old);
    replay_need need;
    weir_code   rc = judge_replay(a, step, &need, err);
    want_flag(a, step->needs, step->allowed, either->name);
    begin_item(a, rows ? "last values of" : "step", either->name, step->verdict);
    if (a->json) {
        cli_json_text(&a->text, "kind", rows ? WEIR_STR("last values") : WEIR_STR("groups"));
        cli_json_u64(&a->text, "rows", groups);
        cli_json_u64(&a->text, "rows_kept", step->loads ? groups : 0);
        json_need(&a->text, step->needs, step->allowed);
        if (need.any) {
            cli_json_u64(&a->text, "replay_from_epoch", need.epoch);
            cli_json_u64(&a->text, "replay_records", need.records);
        }
    } else if (step->old != NULL) {
        weir_buf_format(&a->text, ", %llu %s %s", (unsigned long long)groups,
                        rows ? "rows" : "groups", step->loads ? "stay" : "are dropped");
    }
    end_item(a, &step->notes);
    if (!a->json)
        print_replay(a, &need);
    return rc;
}

static void print_source(against *a, const weir_source_change *source)
{
    weir_str name = (source->now != NULL ? source->now : source->old)->name;
    want_flag(a, source->needs, source->allowed, name);
    begin_item(a, "source", name, source->verdict);
    uint64_t records = source->old != NULL ? records_of(&a->facts, source->old->name) : 0;
    if (a->json) {
        cli_json_u64(&a->text, "records_read", records);
        json_need(&a->text, source->needs, source->allowed);
    } else if (source->verdict == WEIR_VERDICT_KEPT) {
        weir_buf_format(&a->text, ", goes on behind %llu records",
                        (unsigned long long)records);
    }
    end_item(a, &source->notes);
}

/* Rows that a sink gets again in the first epoch, at most. */
static uint64_t rows_again(const against *a, const weir_flow_change *flow)
{
    for (uint32_t i = 0; flow->again && i < a->change->steps; i++) {
        const weir_step_change *step = &a->change->step[i];
        if (step->now != NULL && weir_str_eq(step->now->name, flow->now->step))
            return groups_of(a, step->old);
    }
    return 0;
}

static void print_flow(against *a, const weir_flow_change *flow)
{
    weir_str table = (flow->now != NULL ? flow->now : flow->old)->table;
    uint64_t again = rows_again(a, flow);
    want_flag(a, flow->needs, flow->allowed, table);
    begin_item(a, "sink", table, flow->verdict);
    if (a->json) {
        cli_json_u64(&a->text, "rows_again", again);
        json_need(&a->text, flow->needs, flow->allowed);
    } else if (flow->again) {
        weir_buf_format(&a->text, ", up to %llu rows in the first epoch",
                        (unsigned long long)again);
    }
    end_item(a, &flow->notes);
}

static weir_code print_lists(against *a, weir_err *err)
{
    const weir_change *change = a->change;
    weir_code rc = WEIR_OK;
    weir_buf_text(&a->text, a->json ? ",\"steps\":[" : "");
    for (uint32_t i = 0; i < change->steps && rc == WEIR_OK; i++)
        rc = print_step(a, &change->step[i], err);
    weir_buf_text(&a->text, a->json ? "],\"sources\":[" : "");
    for (uint32_t i = 0; i < change->sources; i++)
        print_source(a, &change->source[i]);
    weir_buf_text(&a->text, a->json ? "],\"sinks\":[" : "");
    for (uint32_t i = 0; i < change->flows; i++)
        print_flow(a, &change->flow[i]);
    weir_buf_text(&a->text, a->json ? "]" : "");
    return rc;
}

static void print_head(against *a)
{
    weir_buf *out = &a->text;
    if (a->json) {
        weir_buf_text(out, "{");
        cli_json_text(out, "job", a->lineage.job);
        cli_json_u64(out, "epoch", a->last->epoch);
        cli_time_json(out, "written", a->last->written_us);
        cli_json_name(out, "changed");
        weir_buf_text(out, a->change->any ? "true" : "false");
        return;
    }
    weir_buf_format(out, "against epoch %llu of job %.*s, written ",
                    (unsigned long long)a->last->epoch, WEIR_STR_FMT(a->lineage.job));
    cli_time(out, a->last->written_us);
    weir_buf_text(out, "\n\n");
}

static void print_foot(against *a)
{
    weir_buf *out = &a->text;
    if (a->json) {
        cli_json_name(out, "flags");
        weir_buf_json_text(out, weir_str_trim(weir_buf_view(&a->flags)));
        weir_buf_text(out, "}\n");
    } else if (!a->change->any) {
        weir_buf_text(out, "\nnothing changes\n");
    } else if (a->flags.len > 0) {
        weir_buf_format(out, "\nweir run ends with exit code %d without%.*s\n",
                        WEIR_EXIT_CONFIG_CHANGED, (int)a->flags.len, a->flags.at);
    }
}

static weir_code compare(against *a, const cli_flags *flags, const weir_plan *plan,
                         weir_err *err)
{
    weir_arena *arena = a->lineage.arena;
    weir_kept  *old = NULL;
    weir_allow  allow = {.reset = flags->allow_reset.at, .resets = flags->allow_reset.count,
                         .partial = flags->allow_partial.at,
                         .partials = flags->allow_partial.count};
    weir_code rc = cli_lineage_epoch(&a->lineage, "last", &a->last, err);
    if (rc == WEIR_OK)
        rc = weir_facts_read(a->last, arena, &a->facts, err);
    if (rc != WEIR_OK)
        return rc;
    weir_str section = weir_manifest_section(a->last, "kept");
    if (section.at == NULL) {
        (void)weir_fail(err, WEIR_E_NOTFOUND,
                        "epoch %llu is of a version that did not write down what is kept",
                        (unsigned long long)a->last->epoch);
        return weir_err_hint(err, "run its SQL once with this version");
    }
    weir_plan *placed = NULL;
    rc = weir_kept_read(section, arena, &old, err);
    if (rc == WEIR_OK)
        rc = cli_promoted_plan(plan, a->lineage.checkpoint,
                               weir_checkpoint_lineage(a->lineage.checkpoint), arena, &placed,
                               err);
    if (rc != WEIR_OK)
        return rc;
    a->now = weir_kept_of(placed, arena);
    a->change = weir_change_of(old, a->now, &allow, arena);
    return WEIR_OK;
}

int cli_against(const cli_flags *flags, const weir_plan *plan, const atomic_int *stop)
{
    against   a = {.json = flags->output != NULL && strcmp(flags->output, "json") == 0};
    cli_flags where = *flags;
    weir_err  err;
    weir_err_clear(&err);
    char job[WEIR_JOB_NAME_MAX + 1];
    (void)snprintf(job, sizeof job, "%.*s", WEIR_STR_FMT(plan->settings.job_name));
    where.file = flags->against;
    where.settings = &plan->settings;
    if (where.job == NULL && job[0] != '\0')
        where.job = job;
    weir_code rc = cli_lineage_open(&where, stop, &a.lineage, &err);
    if (rc == WEIR_OK)
        rc = compare(&a, flags, plan, &err);
    if (rc == WEIR_OK) {
        print_head(&a);
        rc = print_lists(&a, &err);
    }
    if (rc == WEIR_OK) {
        print_foot(&a);
        cli_print(&a.text);
    } else {
        (void)cli_fail("explain", &err);
    }
    int code = rc != WEIR_OK ? (int)err.exit
               : a.flags.len > 0 ? WEIR_EXIT_CONFIG_CHANGED : WEIR_EXIT_DONE;
    weir_buf_done(&a.text);
    weir_buf_done(&a.flags);
    cli_lineage_close(&a.lineage);
    return code;
}
