/* cli/standing: where a job stands behind its promotions: in which lineage it runs, what that
 * begins with, and where the files of its tables are.
 *
 * All of it follows from the number of the lineage, whose promotion's records never change. So
 * the engine is told that number: when another lineage was begun meanwhile, it ends FENCED.
 *
 * Gives      cli_promotion_unfinished, cli_promoted_plan, cli_standing_open, _close.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli_namespace.h"
#include "cli_promote.h"

static weir_code read_one(weir_checkpoint *live, uint32_t lineage, weir_promotion_step step,
                          weir_arena *arena, weir_promotion **out, weir_err *err)
{
    *out = NULL;
    return lineage < 2 ? WEIR_OK : weir_promotion_read(live, lineage, step, arena, out, err);
}

weir_code cli_promotion_unfinished(weir_checkpoint *live, uint32_t lineage, weir_arena *arena,
                                   weir_promotion **out, weir_err *err)
{
    weir_code rc = WEIR_OK;
    *out = NULL;
    for (uint32_t n = lineage + 1; n >= lineage && rc == WEIR_OK; n--) {
        weir_promotion *begun = NULL, *done = NULL;
        rc = read_one(live, n, WEIR_PROMOTION_BEGUN, arena, &begun, err);
        if (rc == WEIR_OK && begun != NULL)
            rc = read_one(live, n, WEIR_PROMOTION_DONE, arena, &done, err);
        if (rc == WEIR_OK && begun != NULL && done == NULL) {
            *out = begun;
            return WEIR_OK;
        }
    }
    return rc;
}

static weir_code refuse(const weir_promotion *promotion, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_CONFLICT, "a promotion of job '%.*s' is unfinished",
                    WEIR_STR_FMT(promotion->job));
    return weir_err_hint(err, "finish it: weir promote --into %.*s%s JOB.sql",
                         WEIR_STR_FMT(promotion->name), promotion->undo ? " --undo" : "");
}

static void place_files(weir_plan *plan, const weir_promotion *promotion, weir_arena *arena)
{
    for (uint32_t t = 0; t < plan->tables; t++) {
        weir_table *table = &plan->table[t];
        if (table->source || !weir_opts_known(table->opts, "path"))
            continue;
        weir_str path = cli_path_trim(weir_opts_text(table->opts, "path"));
        for (uint32_t i = 0; i < promotion->outputs; i++) {
            const weir_promoted *output = &promotion->output[i];
            if (output->files && weir_str_eq(output->table, table->name) &&
                weir_str_eq(output->given, path))
                table->opts = weir_opts_with(table->opts, "path",
                                             weir_str_copy(arena, output->incoming), arena);
        }
    }
}

weir_code cli_promoted_plan(const weir_plan *plan, weir_checkpoint *live, uint32_t lineage,
                            weir_arena *arena, weir_plan **out, weir_err *err)
{
    weir_plan *placed = WEIR_NEW(arena, weir_plan);
    *placed = *plan;
    placed->table = WEIR_ARRAY(arena, weir_table, plan->tables + 1);
    memcpy(placed->table, plan->table, sizeof *plan->table * plan->tables);
    *out = placed;
    for (uint32_t n = lineage; n >= 2; n--) {
        weir_promotion *done = NULL;
        weir_code rc = read_one(live, n, WEIR_PROMOTION_DONE, arena, &done, err);
        if (rc != WEIR_OK)
            return rc;
        if (done == NULL || done->voided)
            continue;
        place_files(placed, done, arena);
        return WEIR_OK;
    }
    return WEIR_OK;
}

static weir_code open_origin(cli_standing *standing, const cli_flags *flags,
                             const weir_plan *plan, const weir_promotion *done, weir_err *err)
{
    const weir_job_settings *settings = &plan->settings;
    weir_str job = settings->job_name, location = settings->checkpoint_location, prefix;
    weir_manifest *manifest = NULL;
    cli_places places = {.flags = flags, .plan = plan};
    weir_code rc = WEIR_OK;
    if (!weir_str_eq(done->origin_job, job))
        rc = cli_namespace_lineage(settings, done->name, standing->arena, &job, &location, err);
    if (rc == WEIR_OK)
        rc = cli_store_at(&places, location, &standing->store, &prefix, err);
    if (rc != WEIR_OK)
        return rc;
    weir_checkpoint_setup setup = {.store = standing->store, .prefix = prefix, .job = job,
                                   .task = WEIR_STR("t0"), .clock = weir_clock_system(),
                                   .lineage = done->origin_lineage};
    rc = weir_checkpoint_open(&setup, &standing->checkpoint, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_read(standing->checkpoint, done->origin.gen, done->origin.idx,
                                  standing->arena, &manifest, err);
    if (rc != WEIR_OK)
        return rc;
    if (!weir_sha256_eq(&manifest->sha, &done->origin.sha))
        return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                         "epoch %llu of job '%.*s' is not the one that was promoted",
                         (unsigned long long)done->origin.epoch, WEIR_STR_FMT(job));
    standing->has_origin = true;
    standing->origin = (weir_origin){standing->checkpoint, manifest};
    return WEIR_OK;
}

/* Does the lineage begin with another one's epoch? */
static weir_code find_origin(cli_standing *standing, const cli_flags *flags,
                             const weir_plan *plan, weir_err *err)
{
    weir_promotion *done = NULL;
    weir_manifest *last = NULL;
    bool finalised = false;
    weir_checkpoint *live = standing->live.checkpoint;
    weir_code rc = read_one(live, standing->lineage, WEIR_PROMOTION_DONE, standing->arena,
                            &done, err);
    if (rc != WEIR_OK || done == NULL || done->voided)
        return rc;
    rc = weir_checkpoint_look(live, standing->arena, &last, &finalised, err);
    if (rc == WEIR_OK && last == NULL)
        rc = open_origin(standing, flags, plan, done, err);
    return rc == WEIR_OK ? rc : weir_err_note(err, "looking at what was promoted");
}

weir_code cli_standing_open(const cli_flags *flags, const weir_plan *plan,
                            const atomic_int *stop, cli_standing *out, weir_err *err)
{
    cli_flags last = *flags;
    last.lineage = NULL;
    memset(out, 0, sizeof *out);
    out->arena = weir_arena_new("standing", 64 << 10);
    weir_code rc = cli_lineage_of(&last, plan, WEIR_STR(""), stop, &out->live, err);
    out->begun = rc == WEIR_OK;
    if (rc == WEIR_E_NOTFOUND) { /* the first start of all */
        weir_err_clear(err);
        return cli_promoted_plan(plan, NULL, 0, out->arena, &out->plan, err);
    }
    weir_promotion *unfinished = NULL;
    if (rc != WEIR_OK)
        return rc;
    out->lineage = weir_checkpoint_lineage(out->live.checkpoint);
    rc = cli_promotion_unfinished(out->live.checkpoint, out->lineage, out->arena, &unfinished,
                                  err);
    if (rc == WEIR_OK && unfinished != NULL)
        return refuse(unfinished, err);
    if (rc == WEIR_OK)
        rc = cli_promoted_plan(plan, out->live.checkpoint, out->lineage, out->arena, &out->plan,
                               err);
    if (rc == WEIR_OK && !flags->fresh)
        rc = find_origin(out, flags, plan, err);
    out->lineage += flags->fresh;
    return rc;
}

void cli_standing_close(cli_standing *standing)
{
    if (standing->arena == NULL)
        return;
    weir_checkpoint_close(standing->checkpoint);
    weir_store_free(standing->store);
    cli_lineage_close(&standing->live);
    weir_arena_free(standing->arena);
    memset(standing, 0, sizeof *standing);
}
