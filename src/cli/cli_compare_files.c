/* cli/compare_files: the live job's files and the replay's, as multisets of rows.
 *
 * What the live job wrote in the epochs that were replayed is what their files hold, and what
 * waited for a file at the last of them, less what waited before the first. Rows are read
 * from the objects that manifests name, no others. First the sums of both sides by bucket are
 * compared; then the rows of buckets that differ are read again, some at a time.
 *
 * Gives      compare_files.
 * Always     1. memory does not grow with the files: sums of hashes, then at most ROWS_MAX
 *               rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_verify.h"

#include <string.h>

#define ROWS_MAX WEIR_LIMIT(250000u, 8u) /* kept in mind at once */

typedef struct files {
    const compare_pair *pair;
    weir_sink          *live, *other;
    weir_bag           *bag;
    weir_tally         *tally;         /* second pass */
    uint32_t            first, behind; /* buckets of it: [first, behind) */
    uint64_t            until;         /* live epoch up to which rows are read */
    int64_t             closed_us;     /* rows of later windows do not count */
    int64_t             window_us;     /* from the window column's value to its end */
    weir_buf            packed;
    uint64_t            rows;
    bool                is_other;
    int                 count; /* each row is so many */
} files;

static bool is_open(const files *f, const weir_str *cell)
{
    const compare_output *out = f->pair->out;
    weir_datum            value;
    weir_err              ignored;
    if (f->closed_us == INT64_MAX || out->window == WEIR_NONE ||
        cell[out->window].at == NULL ||
        weir_datum_parse(out->schema->field[out->window].type, cell[out->window], &value,
                         &ignored) != WEIR_OK)
        return false;
    return f->closed_us == INT64_MIN || value.i64 > f->closed_us - f->window_us;
}

static weir_code take_row(void *self, const weir_str *cell, bool removed, weir_err *err)
{
    files          *f = self;
    compare_output *out = f->pair->out;
    (void)removed; /* an append sink removes nothing */
    bool open = is_open(f, cell);
    weir_buf_clear(&f->packed);
    weir_row_pack(&f->packed, cell, NULL, out->columns);
    weir_str packed = weir_buf_view(&f->packed);
    if (f->tally == NULL) {
        out->open += open;
        f->rows += !open && f->is_other;
        if (!open)
            weir_bag_add(f->bag, packed, f->is_other, f->count);
        return WEIR_OK;
    }
    uint32_t bucket = weir_bag_bucket(packed);
    if (open || bucket < f->first || bucket >= f->behind ||
        !weir_bag_differs(f->bag, bucket))
        return WEIR_OK;
    weir_tally_entry *entry = weir_tally_find(f->tally, packed, true);
    if (entry == NULL) {
        (void)weir_fail(err, WEIR_E_LIMIT, "too many rows differ to be told apart");
        return weir_err_hint(err, "raise memory.limit");
    }
    *(f->is_other ? &entry->other : &entry->live) += f->count;
    return WEIR_OK;
}

/* To verify, a file that is not what was committed is told, and what it lacks. */
static weir_code note_lost(void *self, weir_str key, bool missing, weir_err *err)
{
    files *f = self;
    (void)err;
    if (f->tally == NULL) /* else it was told */
        compare_tell_file(&f->pair->compare->report, f->pair->out, key,
                          missing ? "missing" : "replaced");
    return WEIR_OK;
}

static weir_look_lost_fn *lost_of(const files *f)
{
    return f->pair->compare->verify && !f->is_other ? note_lost : NULL;
}

static weir_code scan_open(files *f, bool live, uint64_t epoch, int count, weir_err *err)
{
    const cli_compare *c = f->pair->compare;
    weir_sink         *sink = live ? f->live : f->other;
    weir_arena        *arena = weir_arena_new("epoch", 64 << 10);
    weir_str           payload = {0};
    f->is_other = !live;
    const weir_look_to look = {.row = take_row, .lost = lost_of(f), .self = f};
    f->count = count;
    weir_code rc = compare_payload(f->pair, live, epoch, arena, &payload, err);
    if (rc == WEIR_OK)
        rc = sink->kind->look->open_rows(
            sink, payload, live ? c->live.checkpoint : c->replay.checkpoint, &look, err);
    weir_arena_free(arena);
    return rc;
}

static weir_code scan_files(files *f, bool live, uint64_t from, uint64_t to, weir_err *err)
{
    weir_sink   *sink = live ? f->live : f->other;
    weir_arena  *arena = weir_arena_new("epoch", 64 << 10);
    weir_code    rc = WEIR_OK;
    f->is_other = !live;
    const weir_look_to look = {.row = take_row, .lost = lost_of(f), .self = f};
    f->count = 1;
    for (uint64_t epoch = from; rc == WEIR_OK && epoch <= to; epoch++) {
        weir_str payload = {0};
        weir_arena_reset(arena);
        if (atomic_load(f->pair->compare->stop))
            rc = weir_fail(err, WEIR_E_STOPPED, "stopped before all was compared");
        if (rc == WEIR_OK)
            rc = compare_payload(f->pair, live, epoch, arena, &payload, err);
        if (rc == WEIR_OK)
            rc = sink->kind->look->published(sink, payload, &look, err);
    }
    weir_arena_free(arena);
    return rc;
}

static weir_code scan(files *f, weir_err *err)
{
    const cli_compare *c = f->pair->compare;
    weir_code          rc = WEIR_OK;
    if (c->from > 0)
        rc = scan_open(f, true, c->from, -1, err);
    if (rc == WEIR_OK)
        rc = scan_files(f, true, c->from + 1, f->until, err);
    if (rc == WEIR_OK && f->until > 0)
        rc = scan_open(f, true, f->until, 1, err);
    if (rc == WEIR_OK)
        rc = scan_files(f, false, 1, c->replay_last, err);
    if (rc == WEIR_OK)
        rc = scan_open(f, false, c->replay_last, 1, err);
    return rc;
}

static void tell_entries(files *f)
{
    weir_tally_entry *entry;
    compare_output   *out = f->pair->out;
    cli_compare      *c = f->pair->compare;
    weir_str         *row = weir_heap_new(out->columns, sizeof *row);
    for (size_t i = 0; (entry = weir_tally_at(f->tally, i)) != NULL; i++) {
        if (entry->live == entry->other)
            continue;
        bool good = weir_row_unpack(entry->key, out->columns, row);
        weir_assert(good);
        if (!c->exact && out->window == WEIR_NONE && entry->live > entry->other)
            out->newer += (uint64_t)(entry->live - entry->other);
        else
            compare_tell_row(&c->report, out, row, entry->live, entry->other);
    }
    weir_heap_free(row);
}

/* Buckets that differ, so many that their rows can be kept in mind. */
static weir_code second_pass(files *f, weir_err *err)
{
    uint64_t  rows = 0;
    weir_code rc = WEIR_OK;
    f->first = f->behind;
    for (; f->behind < WEIR_BAG_BUCKETS; f->behind++) {
        uint64_t more =
            weir_bag_differs(f->bag, f->behind) ? weir_bag_rows(f->bag, f->behind) : 0;
        if (rows > 0 && rows + more > ROWS_MAX)
            break;
        rows += more;
    }
    if (rows == 0)
        return WEIR_OK;
    f->tally =
        weir_tally_new((size_t)f->pair->compare->job.plan->settings.memory_limit / 2);
    rc = scan(f, err);
    if (rc == WEIR_OK)
        tell_entries(f);
    weir_tally_free(f->tally);
    f->tally = NULL;
    return rc;
}

static void choose_rows(files *f)
{
    const cli_compare    *c = f->pair->compare;
    const compare_output *out = f->pair->out;
    f->until = c->until;
    f->closed_us = INT64_MAX;
    if (!c->exact && out->window == WEIR_NONE)
        f->until++; /* the epoch in which the replay ended: its other rows are newer */
    if (out->window == WEIR_NONE || c->ended.until_epoch > 0)
        return;
    (void)compare_window(c->job.plan, f->pair->node, out->window, &f->window_us);
    f->closed_us = compare_closed(c->job.plan, f->pair->node, &c->until_facts);
}

weir_code compare_files(const compare_pair *pair, weir_err *err)
{
    files f = {.pair = pair};
    choose_rows(&f);
    f.bag = weir_bag_new();
    weir_code rc = compare_open(pair, true, false, NULL, &f.live, err);
    if (rc == WEIR_OK)
        rc = compare_open(pair, false, true, NULL, &f.other, err);
    if (rc == WEIR_OK)
        rc = scan(&f, err);
    pair->out->compared = f.rows;
    while (rc == WEIR_OK && f.behind < WEIR_BAG_BUCKETS)
        rc = second_pass(&f, err);
    if (rc == WEIR_OK && pair->compare->verify)
        rc = cli_verify_files(pair, f.live, err);
    weir_sink_free(f.live);
    weir_sink_free(f.other);
    weir_bag_free(f.bag);
    weir_buf_done(&f.packed);
    return rc;
}
