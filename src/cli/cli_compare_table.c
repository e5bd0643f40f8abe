/* cli/compare_table: the live table and the replay's, key by key.
 *
 * Both are read in the order of the key, in one snapshot of the database, page by page. Its
 * commit row says at which epoch the live table stands; what the live job changed behind the
 * end of the replay is known from its payloads, and so is what these keys were at that end.
 *
 * Gives      compare_tables.
 * Always     1. a key counts as different only when the live job's value at the end of the
 *               replay is known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cli_compare.h"

#include <string.h>

#define TOUCHED 1 /* entry->live: written by a live epoch that was replayed */
#define NEWER 2   /* changed behind that */
#define SEEN 4    /* told already */
enum {
    VALUE_UNKNOWN,
    VALUE_ROW,
    VALUE_REMOVED
}; /* entry->other: at the end of the replay */

typedef struct keys {
    const compare_pair *pair;
    weir_tally         *tally;
    weir_buf            packed;
    bool                behind; /* epochs behind the end are being read */
    bool                all; /* keys of replayed epochs are wanted, not newer ones only */
    bool                values; /* and the values of newer ones */
    bool                whole;  /* nothing that a replayed epoch wrote is unknown */
    bool                partly; /* the replay began with a state, not with nothing */
} keys;

typedef struct page_rows { /* of one table */
    weir_ordered      base;   /* first */
    weir_sink     *sink;
    const weir_schema *loose; /* of two kinds of databases: what each prints otherwise is made
                                 alike; NULL: of one */
    uint32_t       table, at;
    weir_arena    *arena;
    weir_look_page page;
    weir_buf       last;
    bool           begun;
} page_rows;

/* A numeric without a scale gets noughts at its end from some databases, and a jsonb spaces and
   another order: the one is cut, the other left out. */
static void make_alike(const page_rows *rows)
{
    const weir_look_page *page = &rows->page;
    for (uint32_t c = 0; rows->loose != NULL && c < rows->loose->count; c++) {
        weir_type type = rows->loose->field[c].type;
        bool      loose = type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY;
        for (uint32_t r = 0; r < page->rows; r++) {
            weir_str *cell = &page->cell[(size_t)r * page->columns + c];
            if (type.id == WEIR_T_JSONB)
                *cell = (weir_str){0};
            if (!loose || cell->at == NULL || memchr(cell->at, '.', cell->len) == NULL)
                continue;
            while (cell->at[cell->len - 1] == '0')
                cell->len--;
            cell->len -= cell->at[cell->len - 1] == '.';
        }
    }
}

static weir_code next_row(weir_ordered *base, const weir_str **out, weir_err *err)
{
    page_rows *rows = (page_rows *)base;
    *out = NULL;
    if (rows->at == rows->page.rows) {
        if (rows->begun && rows->page.rows < WEIR_LOOK_PAGE)
            return WEIR_OK;
        weir_buf_clear(&rows->last);
        if (rows->begun)
            weir_buf_str(&rows->last, rows->page.last);
        weir_arena_reset(rows->arena);
        rows->page.last = rows->begun ? weir_buf_view(&rows->last) : (weir_str){0};
        weir_code rc = rows->sink->kind->look->page(rows->sink, rows->table, rows->arena,
                                                    &rows->page, err);
        rows->begun = true;
        rows->at = 0;
        if (rc != WEIR_OK || rows->page.rows == 0)
            return rc;
        make_alike(rows);
    }
    *out = &rows->page.cell[(size_t)rows->at++ * rows->page.columns];
    return WEIR_OK;
}

static void rows_done(page_rows *rows)
{
    weir_arena_free(rows->arena);
    weir_buf_done(&rows->last);
}

static weir_code too_many(weir_err *err)
{
    (void)weir_fail(err, WEIR_E_LIMIT,
                    "the live job changed more keys than can be kept in mind at once");
    return weir_err_hint(err, "replay fewer epochs, or raise memory.limit");
}

/* Of a row that a live epoch wrote. */
static weir_code note_change(void *self, const weir_str *cell, bool removed, weir_err *err)
{
    keys                 *k = self;
    const compare_output *out = k->pair->out;
    weir_buf_clear(&k->packed);
    weir_row_pack(&k->packed, cell, out->key, out->keys);
    weir_tally_entry *entry =
        weir_tally_find(k->tally, weir_buf_view(&k->packed), k->behind || k->all);
    if (entry == NULL)
        return k->behind || k->all ? too_many(err) : WEIR_OK;
    entry->live |= k->behind ? NEWER : TOUCHED;
    if (k->behind || !k->values || !(entry->live & NEWER))
        return WEIR_OK;
    entry->other = removed ? VALUE_REMOVED : VALUE_ROW;
    if (removed)
        return WEIR_OK;
    weir_buf_clear(&k->packed);
    weir_row_pack(&k->packed, cell, NULL, out->columns);
    entry->value = weir_tally_keep(k->tally, weir_buf_view(&k->packed));
    return entry->value.at != NULL ? WEIR_OK : too_many(err);
}

static weir_code note_epochs(keys *k, weir_sink *sink, uint64_t from, uint64_t to,
                             weir_err *err)
{
    weir_arena  *arena = weir_arena_new("epoch", 64 << 10);
    weir_code    rc = WEIR_OK;
    const weir_look_to look = {.row = note_change, .self = k};
    for (uint64_t epoch = from; rc == WEIR_OK && epoch <= to; epoch++) {
        weir_str payload = {0};
        weir_arena_reset(arena);
        rc = compare_payload(k->pair, true, epoch, arena, &payload, err);
        if (rc == WEIR_OK)
            rc = sink->kind->look->changes(sink, 0, payload,
                                           k->pair->compare->live.checkpoint, &look, err);
    }
    weir_arena_free(arena);
    return rc;
}

/* The text of some types in a database is not that in a payload: no value is known then. */
static bool values_are_exact(const weir_schema *schema)
{
    for (uint32_t c = 0; c < schema->count; c++) {
        weir_type type = schema->field[c].type;
        if (type.id == WEIR_T_JSONB ||
            (type.id == WEIR_T_NUMERIC && type.scale == WEIR_SCALE_ANY))
            return false;
    }
    return true;
}

static weir_code note_keys(keys *k, weir_sink *sink, uint64_t now, weir_err *err)
{
    const cli_compare *c = k->pair->compare;
    weir_code          rc = WEIR_OK;
    k->partly = c->from > 0;
    k->values = c->exact && values_are_exact(k->pair->out->schema);
    k->whole = k->values && !k->partly && c->first <= 1;
    k->behind = true;
    if (now > c->until)
        rc = note_epochs(k, sink, c->until + 1, now, err);
    k->behind = false;
    k->all = k->partly;
    uint64_t from = c->from + 1;
    if (!k->partly && from < c->first)
        from = c->first; /* older values are not known: 1 */
    if (rc == WEIR_OK && (k->partly || weir_tally_count(k->tally) > 0))
        rc = note_epochs(k, sink, from, c->until, err);
    return rc;
}

static void compare_rows(keys *k, const weir_str *live, const weir_str *other)
{
    compare_output *out = k->pair->out;
    if (live == NULL && other == NULL)
        return;
    out->compared++;
    if (live == NULL || other == NULL || !weir_row_same(out->columns, live, other))
        compare_tell_key(&k->pair->compare->report, out, live, other);
}

/* A key that the live job changed later: what it was is compared, if that is known. */
static void compare_newer(keys *k, weir_tally_entry *entry, const weir_str *other)
{
    compare_output *out = k->pair->out;
    weir_str       *was = weir_heap_new(out->columns, sizeof *was);
    entry->live |= SEEN;
    if (entry->other == VALUE_ROW) {
        bool good = weir_row_unpack(entry->value, out->columns, was);
        weir_assert(good);
    }
    if (entry->other == VALUE_UNKNOWN && (!k->whole || other == NULL))
        out->newer++;
    else
        compare_rows(k, entry->other == VALUE_ROW ? was : NULL, other);
    weir_heap_free(was);
}

static weir_code tell(void *self, const weir_str *live, const weir_str *other,
                      weir_err *err)
{
    keys              *k = self;
    compare_output    *out = k->pair->out;
    const cli_compare *c = k->pair->compare;
    if (atomic_load(c->stop))
        return weir_fail(err, WEIR_E_STOPPED, "stopped before all was compared");
    weir_buf_clear(&k->packed);
    weir_row_pack(&k->packed, live ? live : other, out->key, out->keys);
    weir_tally_entry *entry = weir_tally_find(k->tally, weir_buf_view(&k->packed), false);
    if (entry != NULL && entry->live & NEWER)
        compare_newer(k, entry, other);
    else if (other == NULL && k->partly && entry == NULL)
        out->untouched++;
    else
        compare_rows(k, live, other);
    return WEIR_OK;
}

/* Keys of the end of the replay that neither side has any more. */
static void tell_gone(keys *k)
{
    weir_tally_entry *entry;
    for (size_t i = 0; (entry = weir_tally_at(k->tally, i)) != NULL; i++)
        if (entry->live & NEWER && !(entry->live & SEEN) && entry->other == VALUE_ROW)
            compare_newer(k, entry, NULL);
}

static weir_code order_of(const compare_pair *pair, weir_sink *sink, weir_order **out,
                          weir_err *err)
{
    weir_code rc = WEIR_OK;
    *out = WEIR_ARRAY(pair->compare->arena, weir_order, pair->out->keys);
    for (uint32_t i = 0; rc == WEIR_OK && i < pair->out->keys; i++)
        rc = sink->kind->look->order(sink, 0, i, &(*out)[i], err);
    return rc;
}

/* `other`: the sink of its tables, which are behind the live ones when it is the same. */
static weir_code merge_tables(keys *k, weir_sink *sink, weir_sink *other_sink,
                              const weir_order *order, weir_err *err)
{
    compare_output *out = k->pair->out;
    page_rows       live = {.base.next = next_row, .sink = sink, .table = 0};
    page_rows       other = {.base.next = next_row, .sink = other_sink};
    other.table = sink == other_sink;
    if (k->pair->kind != k->pair->other_kind)
        live.loose = other.loose = out->schema;
    live.arena = weir_arena_new("live rows", 1 << 20);
    other.arena = weir_arena_new("rows of the replay", 1 << 20);
    weir_merge merge = {.columns = out->columns,
                        .keys = out->keys,
                        .key = out->key,
                        .order = order,
                        .live = &live.base,
                        .other = &other.base,
                        .tell = tell,
                        .self = k};
    weir_code  rc = weir_merge_rows(&merge, err);
    if (rc == WEIR_OK)
        tell_gone(k);
    rows_done(&live);
    rows_done(&other);
    return rc;
}

static weir_code check_epoch(const cli_compare *c, uint64_t now, weir_err *err)
{
    if (now >= c->until)
        return WEIR_OK;
    (void)weir_fail(err, WEIR_E_NOTFOUND,
                    "the live table is at epoch %llu, and the replay ended with epoch %llu",
                    (unsigned long long)now, (unsigned long long)c->until);
    return weir_err_hint(err,
                         "start the live job: it brings its tables up to its checkpoint");
}

/* The replay's tables lie beside the live ones, or in a file of its own. */
static weir_code open_other(const compare_pair *pair, const weir_order *order,
                            weir_sink *live, weir_sink **out, weir_err *err)
{
    *out = live;
    if (!pair->compare->verify)
        return WEIR_OK;
    *out = NULL;
    weir_code rc = compare_open(pair, false, true, order, out, err);
    return rc == WEIR_OK ? (*out)->kind->look->begin(*out, err) : rc;
}

weir_code compare_tables(const compare_pair *pair, weir_err *err)
{
    const cli_compare *c = pair->compare;
    weir_sink         *sink = NULL, *other = NULL;
    weir_order        *order = NULL;
    uint64_t           now = 0;
    keys               k = {.pair = pair};
    k.tally = weir_tally_new((size_t)c->job.plan->settings.memory_limit / 2);
    weir_code rc = compare_open(pair, true, !c->verify, NULL, &sink, err);
    if (rc == WEIR_OK)
        rc = sink->kind->look->begin(sink, err);
    if (rc == WEIR_OK)
        rc = sink->kind->look->epoch(sink, &now, err);
    if (rc == WEIR_OK)
        rc = check_epoch(c, now, err);
    if (rc == WEIR_OK)
        rc = note_keys(&k, sink, now, err);
    if (rc == WEIR_OK)
        rc = order_of(pair, sink, &order, err);
    if (rc == WEIR_OK)
        rc = open_other(pair, order, sink, &other, err);
    if (rc == WEIR_OK)
        rc = merge_tables(&k, sink, other, order, err);
    if (other != sink)
        weir_sink_free(other);
    weir_sink_free(sink);
    weir_tally_free(k.tally);
    weir_buf_done(&k.packed);
    return rc;
}
