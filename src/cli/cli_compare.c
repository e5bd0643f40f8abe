/* cli/compare: `weir diff`: what a replay wrote beside what the live job wrote.
 *
 * Gives      weir_cli_diff; compare_open, _payload, _look_at_end, _find_epochs, _outputs,
 *            _report_of.
 * Always     1. nothing is written, locked or made; the live job may run meanwhile.
 *            2. compared is what the live job had written by the epoch at which the replay
 *               ended, from the epoch on with which it began.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_compare.h"
#include "cli_promote.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 20u /* rows of an output */

static weir_sink_table sink_table(const weir_table *table, const weir_plan *plan,
                                  uint32_t node)
{
    bool changelog = false;
    for (uint32_t at = node; at != WEIR_NONE && !table->final; at = plan->node[at].input) {
        const weir_node  *n = &plan->node[at];
        const weir_table *from = n->kind == WEIR_NODE_SCAN ? &plan->table[n->table] : NULL;
        changelog |= from && from->format && from->format->changelog;
    }
    return (weir_sink_table){.name = table->name,
                             .schema = &table->schema,
                             .keys = table->keys,
                             .key = table->key,
                             .opts = table->opts,
                             .format =
                                 weir_str_of(table->format ? table->format->name : NULL),
                             .final = table->final,
                             .changelog = changelog && table->keys == 0,
                             .sql_at = table->sql_at};
}

weir_code compare_open(const compare_pair *pair, bool live, bool other,
                       const weir_order *order, weir_sink **out, weir_err *err)
{
    const cli_compare *c = pair->compare;
    const cli_lineage *lineage = live ? &c->live : &c->replay;
    const weir_plan   *plan = c->job.plan;
    cli_places         places = {.flags = c->flags, .plan = plan};
    weir_sink_table    table[2];
    uint32_t           tables = 0;
    if (live)
        table[tables++] = sink_table(pair->live, plan, pair->node);
    if (other)
        table[tables++] = sink_table(pair->other, plan, pair->node);
    /* Sinks keep what they are given: it has to live as long. */
    weir_sink_table *kept = WEIR_ARRAY(c->arena, weir_sink_table, tables);
    memcpy(kept, table, tables * sizeof *kept);
    cli_places *at = WEIR_NEW(c->arena, cli_places);
    *at = places;
    weir_sink_setup setup = {.group = pair->live->name,
                             .table = kept,
                             .tables = tables,
                             .job = lineage->job,
                             .lineage = weir_checkpoint_lineage(lineage->checkpoint),
                             .task = WEIR_STR("t0"),
                             .clock = weir_clock_system(),
                             .open_bytes_max = 1 << 20,
                             .look = true,
                             .look_order = order,
                             .embedded =
                                 weir_str_of(c->flags->embedded ? c->flags->embedded : ""),
                             .output = WEIR_STR("json"),
                             .stop = c->stop,
                             .store_at = cli_store_at,
                             .store_self = at};
    return weir_sink_new(live ? pair->kind : pair->other_kind, &setup, out, err);
}

weir_code compare_payload(const compare_pair *pair, bool live, uint64_t epoch,
                          weir_arena *arena, weir_str *out, weir_err *err)
{
    const cli_lineage *lineage = live ? &pair->compare->live : &pair->compare->replay;
    weir_manifest     *manifest = NULL;
    weir_code rc = weir_checkpoint_find(lineage->checkpoint, epoch, arena, &manifest, err);
    *out = (weir_str){0};
    if (rc == WEIR_OK)
        *out = weir_manifest_section(manifest,
                                     live ? pair->section.at : pair->other_section.at);
    else if (rc == WEIR_E_NOTFOUND && live)
        (void)weir_err_hint(err, "what the live job wrote then is not known any more: a "
                                 "longer checkpoint.retain keeps it");
    return rc;
}

/* Is every position of `at` at or before that of `end`; *out_same: are all the same? */
static bool not_behind(const weir_facts *at, const weir_facts *end, bool *out_same)
{
    bool before = true;
    *out_same = true;
    for (uint32_t a = 0; a < at->partitions; a++) {
        const weir_fact_partition *one = &at->partition[a];
        int64_t                    other = 0;
        for (uint32_t e = 0; e < end->partitions; e++)
            if (weir_str_eq(end->partition[e].table, one->table) &&
                weir_str_eq(end->partition[e].name, one->name))
                other = end->partition[e].next_offset;
        before &= one->next_offset <= other;
        *out_same &= one->next_offset == other;
    }
    *out_same &= at->partitions == end->partitions;
    return before;
}

static weir_code too_early(const cli_compare *c, uint64_t last, weir_err *err)
{
    (void)weir_fail(err, WEIR_E_NOTFOUND,
                    "the live job (epoch %llu) has not read as far as the replay '%.*s'",
                    (unsigned long long)last, WEIR_STR_FMT(c->name));
    return weir_err_hint(err, "let it read on, or replay --until an epoch");
}

/* A replay until the end of the sources: the live epoch at which, or behind which, it ended. */
static weir_code find_until(cli_compare *c, const weir_span *span, weir_err *err)
{
    weir_arena *arena = weir_arena_new("epoch", 16 << 10);
    uint64_t    least = c->from > span->first ? c->from : span->first;
    weir_code   rc = WEIR_OK;
    bool        found = false;
    for (uint64_t epoch = span->last;
         rc == WEIR_OK && !found && epoch >= least && epoch > 0; epoch--) {
        weir_facts facts;
        weir_arena_reset(arena);
        rc = cli_lineage_facts(&c->live, epoch, arena, &facts, err);
        found = rc == WEIR_OK && not_behind(&facts, &c->ended, &c->exact);
        c->until = epoch;
        if (found && epoch == span->last && !c->exact)
            rc = too_early(c, epoch, err);
    }
    weir_arena_free(arena);
    if (rc != WEIR_OK || found)
        return rc;
    if (span->first > 1)
        return weir_fail(
            err, WEIR_E_NOTFOUND,
            "the live epoch at which the replay '%.*s' ended is not kept any more",
            WEIR_STR_FMT(c->name));
    c->until = 0; /* within the first epoch */
    return WEIR_OK;
}

weir_code compare_find_epochs(cli_compare *c, weir_err *err)
{
    weir_span span;
    weir_code rc = weir_checkpoint_span(c->live.checkpoint, &span, err);
    if (rc != WEIR_OK)
        return rc;
    c->first = span.first;
    c->from = c->ended.from_epoch;
    c->until = c->ended.until_epoch;
    c->exact = true;
    if (c->until == 0)
        rc = find_until(c, &span, err);
    memset(&c->until_facts, 0, sizeof c->until_facts);
    if (rc == WEIR_OK && c->until > 0)
        rc = cli_lineage_facts(&c->live, c->until, c->arena, &c->until_facts, err);
    return rc;
}

weir_code compare_look_at_end(cli_compare *c, weir_err *err)
{
    weir_manifest *last = NULL;
    bool           finalised = false;
    weir_code      rc =
        weir_checkpoint_look(c->replay.checkpoint, c->arena, &last, &finalised, err);
    if (rc == WEIR_OK && last != NULL)
        rc = weir_facts_read(last, c->arena, &c->ended, err);
    if (rc != WEIR_OK)
        return rc;
    c->replay_last = last ? last->epoch : 0;
    if (last != NULL && c->ended.replay && c->ended.end && finalised)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_NOTFOUND, "the replay into '%.*s' is not over",
                    WEIR_STR_FMT(c->name));
    return weir_err_hint(err, "the same weir replay goes on with it");
}

static weir_code look_at_replay(cli_compare *c, weir_err *err)
{
    cli_flags flags = *c->flags;
    flags.lineage = NULL; /* is the live job's */
    weir_code rc = cli_lineage_of(&flags, c->job.plan, c->name, c->stop, &c->replay, err);
    return rc == WEIR_OK ? compare_look_at_end(c, err) : rc;
}

static weir_code prepare(cli_compare *c, weir_err *err)
{
    weir_code rc = cli_settle(c->flags, &c->job, err);
    c->arena = weir_arena_new("diff", 64 << 10);
    if (rc == WEIR_OK)
        rc = cli_namespace_plan(c->job.plan, c->name, c->arena, &c->other, err);
    if (rc == WEIR_OK)
        rc = look_at_replay(c, err);
    if (rc == WEIR_OK)
        rc = cli_lineage_of(c->flags, c->job.plan, WEIR_STR(""), c->stop, &c->live, err);
    if (rc == WEIR_OK)
        rc = cli_promoted_plan(c->job.plan, c->live.checkpoint,
                               weir_checkpoint_lineage(c->live.checkpoint), c->arena,
                               &c->placed, err);
    return rc == WEIR_OK ? compare_find_epochs(c, err) : rc;
}

static uint32_t first_flow(const weir_plan *plan, uint32_t table)
{
    uint32_t node = 0;
    while (node < plan->nodes &&
           (plan->node[node].kind != WEIR_NODE_SINK || plan->node[node].table != table))
        node++;
    return node;
}

static const char *why_skipped(const compare_pair *pair)
{
    if (pair->output->kind == CLI_OUTPUT_FILE || pair->output->kind == CLI_OUTPUT_PRINT ||
        pair->kind == NULL || pair->kind->look == NULL)
        return "its sink promises rows at least once: there is nothing to count on";
    if (pair->node == pair->compare->job.plan->nodes)
        return "nothing is written to it";
    if (!pair->kind->keyed && compare_depends_on_cuts(pair->compare->job.plan, pair->node))
        return "which rows of a changing group it gets depends on where epochs were cut";
    return NULL;
}

static const char *what_of(cli_output_kind kind)
{
    static const char *const names[] = {
        [CLI_OUTPUT_TABLE] = "table", [CLI_OUTPUT_FILES] = "files",
        [CLI_OUTPUT_FILE] = "file", [CLI_OUTPUT_PRINT] = "print"};
    return names[kind];
}

/* Where the live job writes: what its SQL says, until a promotion. */
static weir_str live_name(const compare_pair *pair)
{
    const weir_table *given = &pair->compare->job.plan->table[pair->output->table];
    if (pair->output->kind == CLI_OUTPUT_FILES) {
        weir_str path = weir_opts_text(pair->live->opts, "path");
        if (!weir_str_eq(path, weir_opts_text(given->opts, "path")))
            return path;
    }
    return pair->output->live.len > 0 ? pair->output->live : given->name;
}

static void describe(const compare_pair *pair, compare_output *out)
{
    const weir_plan   *plan = pair->compare->job.plan;
    const weir_schema *schema = &pair->live->schema;
    int64_t            ignored;
    *out = (compare_output){
        .live = live_name(pair),
        .other = pair->output->other,
        .schema = schema,
        .what = what_of(pair->output->kind),
        .columns = schema->count + (pair->output->kind == CLI_OUTPUT_FILES),
        .keys = pair->kind && pair->kind->keyed ? pair->live->keys : 0,
        .key = pair->live->key,
        .window = WEIR_NONE,
        .skipped = why_skipped(pair)};
    for (uint32_t c = 0; c < schema->count && pair->kind != pair->other_kind; c++)
        if (schema->field[c].type.id == WEIR_T_JSONB)
            out->columns_left = "columns of type jsonb, whose text a database changes";
    for (uint32_t c = 0; c < schema->count && out->window == WEIR_NONE; c++)
        if (pair->node < plan->nodes && compare_window(plan, pair->node, c, &ignored))
            out->window = c;
    out->windows = weir_tally_new(1 << 20);
}

static weir_code compare_one(cli_compare *c, const cli_output *output, weir_err *err)
{
    compare_output out;
    compare_pair   pair = {.compare = c,
                           .output = output,
                           .out = &out,
                           .live = &c->placed->table[output->table],
                           .other = &c->other->table[output->table]};
    weir_str       connector = weir_str_of(pair.live->connector->name);
    weir_code      rc = WEIR_OK;
    pair.kind =
        c->flags->embedded ? cli_sink_kind_embedded(connector) : cli_sink_kind(connector);
    pair.node = first_flow(c->job.plan, output->table);
    pair.other_kind = pair.kind;
    if (c->verify)
        pair.other_kind =
            cli_sink_kind_embedded(weir_str_of(pair.other->connector->name));
    if (pair.kind != NULL && pair.other_kind != NULL) {
        pair.section = weir_sink_section(pair.live, pair.kind, c->arena, NULL);
        pair.other_section = weir_sink_section(pair.other, pair.other_kind, c->arena, NULL);
    }
    describe(&pair, &out);
    compare_output_start(&c->report, &out);
    if (out.skipped == NULL)
        rc = out.keys > 0 ? compare_tables(&pair, err) : compare_files(&pair, err);
    compare_output_end(&c->report, &out);
    weir_tally_free(out.windows);
    return rc == WEIR_OK ? rc : weir_err_note(err, "'%.*s'", WEIR_STR_FMT(pair.live->name));
}

weir_code compare_outputs(cli_compare *c, weir_err *err)
{
    weir_code rc = WEIR_OK;
    compare_tell_start(c);
    for (uint32_t i = 0; rc == WEIR_OK && i < c->outputs; i++)
        rc = compare_one(c, &c->output[i], err);
    if (rc == WEIR_OK)
        compare_tell_end(c);
    return rc;
}

static weir_code compare_all(cli_compare *c, weir_err *err)
{
    weir_code rc = prepare(c, err);
    if (rc == WEIR_OK)
        rc = cli_namespace_outputs(c->job.plan, c->name, c->arena, &c->output, &c->outputs,
                                   err);
    return rc == WEIR_OK ? compare_outputs(c, err) : rc;
}

static bool check_flags(const cli_flags *flags)
{
    uint64_t limit;
    if (!flags->limit || weir_str_to_u64(weir_str_of(flags->limit), &limit))
        return cli_into_check("diff", flags);
    fprintf(stderr, "weir diff: --limit '%s' is no number of rows\n", flags->limit);
    return false;
}

static void compare_done(cli_compare *c)
{
    cli_lineage_close(&c->live);
    cli_lineage_close(&c->replay);
    weir_buf_done(&c->report.text);
    weir_arena_free(c->arena);
    cli_unsettle(&c->job);
    cli_job_close(&c->job);
}

void compare_report_of(const cli_flags *flags, compare_report *out)
{
    const char *format = flags->output ? flags->output : "table";
    *out = (compare_report){.limit = SHOWN};
    out->format = strcmp(format, "json") == 0  ? COMPARE_JSON
                  : strcmp(format, "csv") == 0 ? COMPARE_CSV
                                               : COMPARE_TABLE;
    if (flags->limit && !weir_str_to_u64(weir_str_of(flags->limit), &out->limit))
        out->limit = SHOWN;
}

int weir_cli_diff(int count, char **argument, const atomic_int *stop)
{
    cli_flags flags = {.arguments_most = 0};
    int       code;
    if (!cli_begin("diff", count, argument, &flags, &code))
        return code;
    if (!check_flags(&flags))
        return WEIR_EXIT_USAGE;
    cli_compare c = {.flags = &flags, .stop = stop, .name = weir_str_of(flags.into)};
    compare_report_of(&flags, &c.report);
    weir_err err;
    weir_err_clear(&err);
    if (!cli_job_open(&flags, stderr, &c.job)) {
        compare_done(&c);
        return WEIR_EXIT_USAGE;
    }
    weir_code rc = compare_all(&c, &err);
    cli_print(&c.report.text);
    code = c.report.differs ? WEIR_EXIT_JOB : WEIR_EXIT_DONE;
    if (rc != WEIR_OK)
        code = cli_fail("diff", &err);
    compare_done(&c);
    return code;
}
