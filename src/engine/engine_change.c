/* engine/change: a start with SQL that is not what the last manifest was made with.
 *
 * Manifests say what their plan keeps (section "kept"). At takeover it is compared with what
 * this plan keeps. What would be lost and is not allowed by name ends the start with
 * CONFIG_CHANGED: before the takeover, so that a job that is running goes on, and again behind
 * it, when what is last is known for sure. Otherwise the sinks are brought up
 * to the last epoch with its own payloads, then state is loaded into the new plan's steps, and
 * the next manifest makes the change durable: until then the old SQL can be run again.
 *
 * Gives      engine_change_check, _foresee, _state, _install, _source.
 * Always     1. state and positions are taken over by what weir_change says, never by chance.
 *            2. an epoch that may not be visible is never left to a plan that cannot make it so.
 *            3. the first epoch of a changed plan writes every slice whole: no later start
 *               has to know the plan before.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "engine_change.h"
#include "engine_parts.h"

static weir_code check_fingerprint(const engine_job *engine, const weir_manifest *manifest,
                                   bool *out_same, weir_err *err)
{
    weir_str bytes = weir_manifest_section(manifest, "plan");
    weir_reader reader = weir_reader_of(bytes);
    uint64_t fingerprint = weir_read_u64(&reader);
    if (reader.bad)
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "the manifest does not say which plan it is of");
    *out_same = fingerprint == engine->plan->fingerprint;
    return WEIR_OK;
}

static weir_code other_plan(weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_CONFIG_CHANGED, WEIR_E_CONFIG,
                    "the job's SQL is not the one that this checkpoint was made with, and it "
                    "is of a version that did not write down what is kept");
    return weir_err_hint(err, "run the old SQL once with this version and stop it, or --fresh "
                              "to start from nothing");
}

static weir_code not_visible(weir_str what, weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_CONFIG_CHANGED, WEIR_E_CONFIG,
                    "'%.*s' changed or is gone, and the last epoch may not be visible in it yet",
                    WEIR_STR_FMT(what));
    return weir_err_hint(err, "run the old SQL once more and stop it with SIGTERM; then run the "
                              "new one");
}

/* 2: also where the plan is the same: it does not say what sink groups and dead letters are
   called. */
static weir_code check_sinks(const engine_job *engine, const weir_manifest *last, weir_err *err)
{
    for (uint32_t i = 0; !engine->last_finalised && i < last->sections; i++) {
        weir_str name = last->section[i].name;
        if (engine_section_is_sink(name) && !engine_section_is_open(engine, name))
            return not_visible(name, err);
    }
    return WEIR_OK;
}

/* 2: rows that go by key are done again from the payload, whatever the plan is now. */
static weir_code check_flows(const engine_job *engine, weir_err *err)
{
    for (uint32_t f = 0; !engine->last_finalised && f < engine->change->flows; f++) {
        const weir_flow_change *flow = &engine->change->flow[f];
        if (flow->old != NULL && !flow->old->keyed && flow->verdict != WEIR_VERDICT_KEPT)
            return not_visible(flow->old->table, err);
    }
    return WEIR_OK;
}

static void log_notes(const char *what, weir_str name, weir_verdict verdict,
                      const weir_notes *notes)
{
    for (uint32_t i = 0; i < notes->count; i++)
        weir_log_warn("changed SQL", WEIR_F_STR(what, name),
                      WEIR_F_TEXT("is", weir_verdict_name(verdict)),
                      WEIR_F_STR("note", notes->note[i]));
}

static void log_change(const weir_change *change)
{
    for (uint32_t i = 0; i < change->sources; i++) {
        const weir_source_change *source = &change->source[i];
        log_notes("source", (source->now ? source->now : source->old)->name, source->verdict,
                  &source->notes);
    }
    for (uint32_t i = 0; i < change->steps; i++) {
        const weir_step_change *step = &change->step[i];
        log_notes("step", (step->now ? step->now : step->old)->name, step->verdict,
                  &step->notes);
    }
    for (uint32_t i = 0; i < change->flows; i++) {
        const weir_flow_change *flow = &change->flow[i];
        log_notes("sink", (flow->now ? flow->now : flow->old)->table, flow->verdict,
                  &flow->notes);
    }
}

static weir_code refuse(weir_str name, weir_need needs, const weir_notes *notes, weir_err *err)
{
    weir_assert(notes->count > 0); /* it is told of what has to be allowed */
    weir_str why = notes->note[0];
    (void)weir_halt(err, WEIR_EXIT_CONFIG_CHANGED, WEIR_E_CONFIG,
                    needs == WEIR_NEED_RESET ? "changed SQL would drop what '%.*s' keeps: %.*s"
                                             : "changed SQL would mix what '%.*s' keeps: %.*s",
                    WEIR_STR_FMT(name), (int)(why.len < 240 ? why.len : 240), why.at);
    if (needs == WEIR_NEED_RESET)
        return weir_err_hint(err, "see 'weir explain NEW.sql --against …'; then run the old SQL, "
                                  "or --allow-reset %.*s", WEIR_STR_FMT(name));
    return weir_err_hint(err, "see 'weir explain NEW.sql --against …'; --allow-partial %.*s keeps "
                              "it so, --allow-reset %.*s begins anew",
                         WEIR_STR_FMT(name), WEIR_STR_FMT(name));
}

/* The first thing that nobody allowed. */
static weir_code check_allowed(const weir_change *change, weir_err *err)
{
    for (uint32_t i = 0; i < change->sources; i++) {
        const weir_source_change *source = &change->source[i];
        if (!source->allowed)
            return refuse((source->now ? source->now : source->old)->name, source->needs,
                          &source->notes, err);
    }
    for (uint32_t i = 0; i < change->steps; i++) {
        const weir_step_change *step = &change->step[i];
        if (!step->allowed)
            return refuse((step->now ? step->now : step->old)->name, step->needs, &step->notes,
                          err);
    }
    for (uint32_t i = 0; i < change->flows; i++) {
        const weir_flow_change *flow = &change->flow[i];
        if (!flow->allowed) /* it is gone: any other is only told of */
            return refuse(flow->old->table, flow->needs, &flow->notes, err);
    }
    return WEIR_OK;
}

/* What is not of the plan but of the steps' history goes on. */
static void inherit(engine_job *engine, const weir_change *change)
{
    for (uint32_t i = 0; i < engine->kept->steps; i++)
        if (change->step[i].loads)
            engine->kept->step[i].whole_us = change->step[i].old->whole_us;
}

/* What is of the live job, to begin a replay with: its sinks are others. */
static bool is_replayed(const engine_job *engine, const weir_manifest *manifest)
{
    return engine->setup->replay != NULL && manifest == engine->setup->replay->from;
}

/* What a promoted lineage begins with was written by the same SQL, under other names. */
static bool is_origin(const engine_job *engine, const weir_manifest *manifest)
{
    return engine->setup->origin != NULL && manifest == engine->setup->origin->manifest;
}

static weir_code other_than_promoted(weir_err *err)
{
    (void)weir_halt(err, WEIR_EXIT_CONFIG_CHANGED, WEIR_E_CONFIG,
                    "the job's SQL is not the one that what was promoted was made with");
    return weir_err_hint(err, "run that SQL once and stop it; then run the new one");
}

/* *out: what changed; NULL when the manifest's version did not say, and the plan is the same. */
static weir_code compare(engine_job *engine, const weir_manifest *manifest, bool *out_same,
                         weir_change **out, weir_err *err)
{
    weir_str bytes = weir_manifest_section(manifest, "kept");
    weir_kept *old = NULL;
    weir_code rc = check_fingerprint(engine, manifest, out_same, err);
    *out = NULL;
    if (rc == WEIR_OK && is_origin(engine, manifest))
        return *out_same ? rc : other_than_promoted(err);
    if (rc == WEIR_OK && bytes.at == NULL)
        return *out_same ? rc : other_plan(err);
    if (rc == WEIR_OK)
        rc = weir_kept_read(bytes, engine->arena, &old, err);
    if (rc != WEIR_OK)
        return rc;
    weir_allow allow = engine->setup->allow;
    allow.all |= is_replayed(engine, manifest);
    *out = weir_change_of(old, engine->kept, &allow, engine->arena);
    return WEIR_OK;
}

weir_code engine_change_foresee(engine_job *engine, const weir_manifest *manifest, weir_err *err)
{
    bool same = false;
    weir_change *change = NULL;
    weir_code rc = engine_sections_check(manifest, err);
    if (rc == WEIR_OK)
        rc = compare(engine, manifest, &same, &change, err);
    if (rc != WEIR_OK || change == NULL || !change->any)
        return rc;
    return check_allowed(change, err);
}

weir_code engine_change_check(engine_job *engine, const weir_manifest *manifest, weir_err *err)
{
    bool same = false, replayed = is_replayed(engine, manifest);
    bool last = !replayed && !is_origin(engine, manifest);
    weir_change *change = NULL;
    weir_code rc = compare(engine, manifest, &same, &change, err);
    if (rc == WEIR_OK && change != NULL)
        inherit(engine, change);
    if (rc == WEIR_OK && change != NULL && change->any && !(replayed && same)) {
        log_change(change);
        engine->change = change;
        rc = check_allowed(change, err);
    }
    if (rc == WEIR_OK && last)
        rc = check_sinks(engine, manifest, err);
    return rc == WEIR_OK && last && engine->change != NULL ? check_flows(engine, err) : rc;
}

void engine_change_state(engine_job *engine)
{
    if (engine->change != NULL)
        weir_ops_adopt(engine->ops, engine->change);
}

static engine_source *find_source(engine_job *engine, weir_str name)
{
    for (uint32_t s = 0; s < engine->sources; s++)
        if (weir_str_eq(engine->source[s].table->name, name))
            return &engine->source[s];
    return NULL;
}

engine_source *engine_change_source(engine_job *engine, weir_str stored, bool *out_new_time)
{
    *out_new_time = false;
    if (engine->change == NULL)
        return find_source(engine, stored);
    for (uint32_t i = 0; i < engine->change->sources; i++) {
        const weir_source_change *source = &engine->change->source[i];
        if (source->old == NULL || !weir_str_eq(source->old->name, stored))
            continue;
        *out_new_time = source->new_time;
        return source->verdict == WEIR_VERDICT_KEPT ? find_source(engine, source->now->name)
                                                    : NULL;
    }
    return NULL;
}

/* The end of the last window that began no later than something that was read. */
static int64_t begun_until(engine_job *engine, const weir_kept_step *step)
{
    const engine_source *source = find_source(engine, step->source);
    int64_t highest_us = INT64_MIN, end_us;
    for (uint32_t p = 0; p < source->partitions; p++)
        if (source->partition[p].highest_us > highest_us)
            highest_us = source->partition[p].highest_us;
    if (highest_us == INT64_MIN)
        return INT64_MIN;
    return __builtin_add_overflow(highest_us, step->size_us, &end_us) ? INT64_MAX : end_us;
}

void engine_change_install(engine_job *engine)
{
    for (uint32_t i = 0; engine->change != NULL && i < engine->kept->steps; i++)
        if (engine->change->step[i].whole)
            engine->kept->step[i].whole_us = begun_until(engine, &engine->kept->step[i]);
    weir_ops_begin(engine->ops, engine->kept);
    if (engine->change == NULL)
        return;
    for (uint32_t s = 0; s < WEIR_SLICES; s++)
        engine->slice[s] = (engine_slice){.has_full = false};
    engine->deltas = 0;
    engine->all_full = true; /* 3 */
    atomic_store(&engine->dirty, true); /* an epoch, though nothing may come */
    weir_log_info("goes on with changed SQL", WEIR_F_U64("epoch", engine->last_epoch));
}
