/* cli/show: `weir checkpoint ls` and `show`, for a person and as JSON.
 *
 * Gives      cli_checkpoint_ls, cli_checkpoint_show.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "cli_lineage.h"

#define LS_EPOCHS 20u        /* --limit otherwise */
#define LS_EPOCHS_MAX 100000u

typedef unsigned long long number; /* for %llu */

static bool is_json(const cli_flags *flags)
{
    return flags->output && strcmp(flags->output, "json") == 0;
}

static void add_pin_names(weir_buf *out, const weir_pin *pin, uint32_t pins, uint64_t epoch,
                          bool json)
{
    uint32_t names = 0;
    for (uint32_t i = 0; i < pins; i++) {
        if (pin[i].epoch != epoch)
            continue;
        weir_buf_text(out, names++ ? (json ? "," : ", ") : "");
        if (json)
            weir_buf_json_text(out, pin[i].name);
        else
            weir_buf_str(out, pin[i].name);
    }
}

static uint64_t rows_of(const weir_facts *facts)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < facts->flows; i++)
        rows += facts->flow[i].rows;
    return rows;
}

typedef struct listing {
    cli_lineage *lineage;
    bool         json;
    weir_span    span;
    weir_pin    *pin;
    uint32_t     pins;
    uint64_t     limit;
    weir_buf     text;
} listing;

static void ls_line(listing *ls, const weir_manifest *manifest, const weir_facts *facts)
{
    weir_buf *out = &ls->text;
    if (!ls->json) {
        char at[40];
        weir_us_print_iso(manifest->written_us, at);
        weir_buf_format(out, "%8llu  %-28s  %6llu/%-6llu %9llu %9llu %6u  ",
                        (number)manifest->epoch, at, (number)manifest->gen,
                        (number)manifest->idx, (number)facts->records,
                        (number)rows_of(facts), facts->files);
        add_pin_names(out, ls->pin, ls->pins, manifest->epoch, false);
        weir_buf_text(out, "\n");
        return;
    }
    cli_json_item(out);
    cli_json_u64(out, "epoch", manifest->epoch);
    cli_time_json(out, "written", manifest->written_us);
    cli_json_u64(out, "generation", manifest->gen);
    cli_json_u64(out, "index", manifest->idx);
    cli_json_u64(out, "records", facts->records);
    cli_json_u64(out, "rows", rows_of(facts));
    cli_json_u64(out, "files", facts->files);
    cli_json_name(out, "pins");
    weir_buf_text(out, "[");
    add_pin_names(out, ls->pin, ls->pins, manifest->epoch, true);
    weir_buf_text(out, "]}");
}

static weir_code ls_epoch(listing *ls, uint64_t epoch, weir_err *err)
{
    weir_manifest *manifest = NULL;
    weir_facts facts;
    weir_arena *arena = weir_arena_new("epoch", 16 << 10);
    weir_code rc = weir_checkpoint_find(ls->lineage->checkpoint, epoch, arena, &manifest, err);
    if (rc == WEIR_OK)
        rc = weir_facts_read(manifest, arena, &facts, err);
    if (rc == WEIR_OK)
        ls_line(ls, manifest, &facts);
    weir_arena_free(arena);
    return rc;
}

static void ls_head(listing *ls)
{
    weir_buf *out = &ls->text;
    const cli_lineage *lineage = ls->lineage;
    uint32_t number_of = weir_checkpoint_lineage(lineage->checkpoint);
    if (!ls->json) {
        weir_buf_format(out, "job %.*s, lineage l%u, in %.*s\n", WEIR_STR_FMT(lineage->job),
                        number_of, WEIR_STR_FMT(lineage->place));
        if (ls->span.last == 0) {
            weir_buf_text(out, "no epoch yet\n");
            return;
        }
        weir_buf_format(out, "epochs %llu to %llu are kept, the last one is %s; "
                             "%llu generations, %u pins\n\n",
                        (number)ls->span.first, (number)ls->span.last,
                        ls->span.finalised ? "final" : "not known to be final",
                        (number)ls->span.generations, ls->pins);
        weir_buf_text(out, "   epoch  written                          gen/index   records      "
                           "rows  files  pins\n");
        return;
    }
    weir_buf_text(out, "{");
    cli_json_text(out, "job", lineage->job);
    cli_json_u64(out, "lineage", number_of);
    cli_json_text(out, "place", lineage->place);
    cli_json_u64(out, "first", ls->span.first);
    cli_json_u64(out, "last", ls->span.last);
    cli_json_name(out, "finalised");
    weir_buf_text(out, ls->span.finalised ? "true" : "false");
    cli_json_u64(out, "generations", ls->span.generations);
    cli_json_name(out, "epochs");
    weir_buf_text(out, "[");
}

/* Older pinned epochs, then the newest ones. */
static weir_code ls_epochs(listing *ls, weir_err *err)
{
    weir_code rc = WEIR_OK;
    uint64_t from = ls->span.last >= ls->limit ? ls->span.last - ls->limit + 1 : 1;
    if (from < ls->span.first)
        from = ls->span.first;
    for (uint32_t i = 0; i < ls->pins && rc == WEIR_OK; i++) {
        bool told = ls->pin[i].epoch >= from;
        for (uint32_t k = 0; k < i; k++)
            told |= ls->pin[k].epoch == ls->pin[i].epoch;
        if (!told)
            rc = ls_epoch(ls, ls->pin[i].epoch, err);
    }
    for (uint64_t epoch = from; epoch <= ls->span.last && rc == WEIR_OK; epoch++)
        if (epoch > 0)
            rc = ls_epoch(ls, epoch, err);
    return rc;
}

int cli_checkpoint_ls(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    listing ls = {.lineage = lineage, .json = is_json(flags), .limit = LS_EPOCHS};
    if (flags->limit && (!weir_str_to_u64(weir_str_of(flags->limit), &ls.limit) ||
                         ls.limit == 0 || ls.limit > LS_EPOCHS_MAX)) {
        (void)weir_fail(err, WEIR_E_CONFIG, "--limit is 1 to %u, not '%s'", LS_EPOCHS_MAX,
                        flags->limit);
        return -1;
    }
    weir_code rc = weir_checkpoint_span(lineage->checkpoint, &ls.span, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_pins(lineage->checkpoint, lineage->arena, &ls.pin, &ls.pins, err);
    if (rc == WEIR_OK) {
        ls_head(&ls);
        rc = ls.span.last > 0 ? ls_epochs(&ls, err) : WEIR_OK;
    }
    if (ls.json)
        weir_buf_text(&ls.text, "]}\n");
    if (rc == WEIR_OK)
        cli_print(&ls.text);
    weir_buf_done(&ls.text);
    return rc == WEIR_OK ? WEIR_EXIT_DONE : -1;
}

typedef struct shown { /* one epoch, and what the next one tells of its timings */
    cli_lineage   *lineage;
    weir_manifest *manifest;
    weir_facts     facts, next;
    bool           timed;
    weir_pin      *pin;
    uint32_t       pins;
    weir_buf       text;
} shown;

static weir_code read_shown(shown *s, const char *epoch, weir_err *err)
{
    cli_lineage *lineage = s->lineage;
    weir_manifest *next = NULL;
    weir_code rc = cli_lineage_epoch(lineage, epoch, &s->manifest, err);
    if (rc == WEIR_OK)
        rc = weir_facts_read(s->manifest, lineage->arena, &s->facts, err);
    if (rc == WEIR_OK)
        rc = weir_checkpoint_pins(lineage->checkpoint, lineage->arena, &s->pin, &s->pins, err);
    if (rc != WEIR_OK)
        return rc;
    weir_err ignored; /* it is the last one, or the next is gone: no timings */
    if (weir_checkpoint_find(lineage->checkpoint, s->manifest->epoch + 1, lineage->arena,
                             &next, &ignored) == WEIR_OK &&
        weir_facts_read(next, lineage->arena, &s->next, &ignored) == WEIR_OK)
        s->timed = s->next.before == s->manifest->epoch;
    return WEIR_OK;
}

static void time_line(shown *s, const char *name, int64_t us)
{
    weir_buf_format(&s->text, "  %-12s", name);
    cli_time(&s->text, us);
    weir_buf_text(&s->text, "\n");
}

static void show_head(shown *s)
{
    weir_buf *out = &s->text;
    const weir_manifest *manifest = s->manifest;
    weir_buf_format(out, "epoch %llu of job %.*s, lineage l%u%s\n", (number)manifest->epoch,
                    WEIR_STR_FMT(s->lineage->job),
                    weir_checkpoint_lineage(s->lineage->checkpoint),
                    s->facts.end ? ": the end of the job" : "");
    time_line(s, "written", manifest->written_us);
    weir_buf_format(out, "  place       generation %llu, index %llu\n  sha256      ",
                    (number)manifest->gen, (number)manifest->idx);
    weir_buf_hex(out, manifest->sha.at, sizeof manifest->sha.at);
    weir_buf_format(out, "\n  plan        %016llx\n  pins        ", (number)s->facts.plan);
    size_t before = out->len;
    add_pin_names(out, s->pin, s->pins, manifest->epoch, false);
    weir_buf_text(out, out->len == before ? "-\n" : "\n");
}

static void show_counts(shown *s)
{
    weir_buf *out = &s->text;
    const weir_facts *facts = &s->facts;
    if (!facts->summarised) {
        weir_buf_text(out, "  (written by a version that kept no counts)\n");
        return;
    }
    weir_buf_format(out, "  records     %llu in %.3f s; %llu bad, %llu late, %llu redelivered, "
                         "%llu skipped, %llu dead letters\n",
                    (number)facts->records, (double)facts->read_us / 1e6, (number)facts->bad,
                    (number)facts->late, (number)facts->duplicate, (number)facts->skipped,
                    (number)facts->dead_letters);
    weir_buf_format(out, "  timings     merge %.1f ms", (double)facts->merge_us / 1e3);
    if (s->timed)
        weir_buf_format(out, ", SQL %.1f ms, PUT %.1f ms, cut to visible %.1f ms",
                        (double)s->next.before_execute_us / 1e3,
                        (double)s->next.before_put_us / 1e3,
                        (double)s->next.before_commit_us / 1e3);
    weir_buf_text(out, "\n");
}

static void show_lists(shown *s)
{
    weir_buf *out = &s->text;
    const weir_facts *facts = &s->facts;
    weir_buf_text(out, "positions\n");
    for (uint32_t i = 0; i < facts->partitions; i++) {
        const weir_fact_partition *one = &facts->partition[i];
        weir_buf_format(out, "  %.*s/%.*s  next offset %lld  watermark ",
                        WEIR_STR_FMT(one->table), WEIR_STR_FMT(one->name),
                        (long long)one->next_offset);
        cli_time(out, one->watermark_us);
        weir_buf_text(out, "  closed up to ");
        cli_time(out, one->closed_us);
        weir_buf_text(out, "\n");
    }
    weir_buf_format(out, "state (%u full copies of slices, %u deltas)\n", facts->slices,
                    facts->deltas);
    for (uint32_t i = 0; i < facts->operators; i++)
        weir_buf_format(out, "  %.*s  %llu rows, about %llu bytes\n",
                        WEIR_STR_FMT(facts->operator[i].name),
                        (number)facts->operator[i].rows, (number)facts->operator[i].bytes);
    weir_buf_text(out, "rows written\n");
    for (uint32_t i = 0; i < facts->flows; i++)
        weir_buf_format(out, "  %.*s  %llu\n", WEIR_STR_FMT(facts->flow[i].table),
                        (number)facts->flow[i].rows);
    weir_buf_text(out, "sinks\n");
    for (uint32_t i = 0; i < facts->groups; i++)
        weir_buf_format(out, "  %.*s  since epoch %llu\n",
                        WEIR_STR_FMT(facts->group[i].section), (number)facts->group[i].joined);
    weir_buf_text(out, "files published\n");
    for (uint32_t i = 0; i < facts->files; i++)
        weir_buf_format(out, "  %.*s  %llu rows, %llu bytes\n", WEIR_STR_FMT(facts->file[i].key),
                        (number)facts->file[i].rows, (number)facts->file[i].bytes);
}

static void json_head(shown *s)
{
    weir_buf *out = &s->text;
    const weir_manifest *manifest = s->manifest;
    weir_buf_text(out, "{");
    cli_json_text(out, "job", s->lineage->job);
    cli_json_u64(out, "lineage", weir_checkpoint_lineage(s->lineage->checkpoint));
    cli_json_u64(out, "epoch", manifest->epoch);
    cli_time_json(out, "written", manifest->written_us);
    cli_json_u64(out, "generation", manifest->gen);
    cli_json_u64(out, "index", manifest->idx);
    cli_json_name(out, "sha256");
    weir_buf_byte(out, '"');
    weir_buf_hex(out, manifest->sha.at, sizeof manifest->sha.at);
    weir_buf_format(out, "\",\"plan\":\"%016llx\",\"end\":%s,\"pins\":[",
                    (number)s->facts.plan, s->facts.end ? "true" : "false");
    add_pin_names(out, s->pin, s->pins, manifest->epoch, true);
    weir_buf_text(out, "]");
}

static void json_counts(shown *s)
{
    weir_buf *out = &s->text;
    const weir_facts *facts = &s->facts;
    if (!facts->summarised)
        return;
    cli_time_json(out, "cut", facts->cut_us);
    cli_json_u64(out, "records", facts->records);
    cli_json_u64(out, "bad", facts->bad);
    cli_json_u64(out, "late", facts->late);
    cli_json_u64(out, "redelivered", facts->duplicate);
    cli_json_u64(out, "skipped", facts->skipped);
    cli_json_u64(out, "dead_letters", facts->dead_letters);
    cli_json_i64(out, "read_us", facts->read_us);
    cli_json_i64(out, "merge_us", facts->merge_us);
    if (!s->timed)
        return;
    cli_json_i64(out, "execute_us", s->next.before_execute_us);
    cli_json_i64(out, "put_us", s->next.before_put_us);
    cli_json_i64(out, "visible_us", s->next.before_commit_us);
}

static void json_lists(shown *s)
{
    weir_buf *out = &s->text;
    const weir_facts *facts = &s->facts;
    weir_buf_text(out, ",\"positions\":[");
    for (uint32_t i = 0; i < facts->partitions; i++) {
        const weir_fact_partition *one = &facts->partition[i];
        cli_json_item(out);
        cli_json_text(out, "table", one->table);
        cli_json_text(out, "partition", one->name);
        cli_json_i64(out, "next_offset", one->next_offset);
        cli_time_json(out, "watermark", one->watermark_us);
        cli_time_json(out, "closed", one->closed_us);
        weir_buf_text(out, "}");
    }
    weir_buf_format(out, "],\"slices\":%u,\"deltas\":%u,\"state\":[", facts->slices,
                    facts->deltas);
    for (uint32_t i = 0; i < facts->operators; i++) {
        cli_json_item(out);
        cli_json_text(out, "step", facts->operator[i].name);
        cli_json_u64(out, "rows", facts->operator[i].rows);
        cli_json_u64(out, "bytes", facts->operator[i].bytes);
        weir_buf_text(out, "}");
    }
    weir_buf_text(out, "],\"rows\":[");
    for (uint32_t i = 0; i < facts->flows; i++) {
        cli_json_item(out);
        cli_json_text(out, "table", facts->flow[i].table);
        cli_json_u64(out, "rows", facts->flow[i].rows);
        weir_buf_text(out, "}");
    }
    weir_buf_text(out, "],\"files\":[");
    for (uint32_t i = 0; i < facts->files; i++) {
        cli_json_item(out);
        cli_json_text(out, "key", facts->file[i].key);
        cli_json_u64(out, "rows", facts->file[i].rows);
        cli_json_u64(out, "bytes", facts->file[i].bytes);
        weir_buf_text(out, "}");
    }
    weir_buf_text(out, "]}\n");
}

int cli_checkpoint_show(cli_lineage *lineage, const cli_flags *flags, weir_err *err)
{
    shown s = {.lineage = lineage};
    if (read_shown(&s, flags->arguments > 0 ? flags->argument[0] : "last", err) != WEIR_OK)
        return -1;
    if (is_json(flags)) {
        json_head(&s);
        json_counts(&s);
        json_lists(&s);
    } else {
        show_head(&s);
        show_counts(&s);
        show_lists(&s);
    }
    cli_print(&s.text);
    weir_buf_done(&s.text);
    return WEIR_EXIT_DONE;
}
