/* sink/keyed_fold: an epoch's rows, one per key, in order of the key.
 *
 * The last row of a key decides: +I and +U upsert it, -U and -D remove it. A key whose row
 * the target refused is left out with all its rows: the table keeps what it has.
 *
 * Gives      keyed_fold, keyed_key_bytes, keyed_leave_out.
 * Always     1. key bytes compare as the keys do: numbers by value, text by its bytes.
 *            2. within a chunk keys rise strictly; removals come before upserts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed.h"

#include <endian.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fold_entry {
    uint64_t prefix; /* the key's first bytes */
    size_t   at;     /* the key, in fold.keys */
    uint32_t len;
    uint32_t batch, row;
    bool     remove;
    bool     bad; /* holds a value that no SQL table can hold */
} fold_entry;

typedef struct folding {
    keyed_sink           *self;
    const weir_sink_rows *rows;
    uint32_t              table;
    weir_buf              keys;
    fold_entry           *entry;
    size_t                count;
} folding;

static void big_endian(weir_buf *out, uint64_t value)
{
    uint64_t ordered = htobe64(value);
    weir_buf_add(out, &ordered, sizeof ordered);
}

static void key_text(weir_buf *out, weir_str text)
{
    bool plain = text.len > 0 && memchr(text.at, '\0', text.len) == NULL;
    if (plain)
        weir_buf_str(out, text);
    for (size_t i = 0; !plain && i < text.len; i++) {
        weir_buf_byte(out, (uint8_t)text.at[i]);
        if (text.at[i] == '\0')
            weir_buf_byte(out, 0xFF);
    }
    weir_buf_u16(out, 0);
}

static void key_value(weir_buf *out, const weir_column *column, uint32_t row)
{
    weir_datum value = weir_column_get(column, row);
    if (weir_type_is_text(column->type)) {
        key_text(out, value.text);
    } else if (column->type.id == WEIR_T_NUMERIC) {
        unsigned __int128 bits =
            (unsigned __int128)value.i128 ^ ((unsigned __int128)1 << 127);
        big_endian(out, (uint64_t)(bits >> 64));
        big_endian(out, (uint64_t)bits);
    } else if (column->type.id == WEIR_T_BOOL) {
        weir_buf_byte(out, value.boolean);
    } else {
        big_endian(out, (uint64_t)value.i64 ^ (1ull << 63));
    }
}

void keyed_key_bytes(weir_buf *out, const weir_batch *batch, uint32_t row, uint32_t keys,
                     const uint32_t *key)
{
    for (uint32_t k = 0; k < keys; k++)
        key_value(out, &batch->column[key ? key[k] : k], row);
}

static uint64_t prefix_of(const char *key, size_t len)
{
    uint64_t prefix = 0;
    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < len ? (uint8_t)key[i] : 0);
    return prefix;
}

static int compare_keys(const fold_entry *a, const fold_entry *b, const char *keys)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix ? -1 : 1;
    int order = memcmp(keys + a->at, keys + b->at, a->len < b->len ? a->len : b->len);
    if (order != 0 || a->len == b->len)
        return order;
    return a->len < b->len ? -1 : 1;
}

/* The end of the stretch from `first` on that is in order: equal keys as they came. */
static size_t run_end(const folding *fold, size_t first)
{
    size_t at = first + 1;
    while (at < fold->count &&
           compare_keys(&fold->entry[at - 1], &fold->entry[at], fold->keys.at) <= 0)
        at++;
    return at;
}

/* Merges [from, middle) and [middle, end) into `out`. */
static void merge_runs(const folding *fold, const size_t *run, fold_entry *out)
{
    const fold_entry *entry = fold->entry;
    size_t            a = run[0], b = run[1], to = run[0];
    while (a < run[1] && b < run[2])
        out[to++] = compare_keys(&entry[a], &entry[b], fold->keys.at) <= 0 ? entry[a++]
                                                                          : entry[b++];
    memcpy(out + to, entry + a, (run[1] - a) * sizeof *out);
    memcpy(out + to + (run[1] - a), entry + b, (run[2] - b) * sizeof *out);
}

/* Each slice of the state gives its rows in order: stretches are merged, two by two. */
static void sort_entries(folding *fold)
{
    size_t  runs = 0, room = 64;
    size_t *run = weir_heap_new(room, sizeof *run);
    for (size_t at = 0; at < fold->count; at = run_end(fold, at)) {
        if (runs + 2 >= room) {
            run = weir_heap_grow(run, room, 2 * room, sizeof *run);
            room *= 2;
        }
        run[runs++] = at;
    }
    run[runs] = fold->count;
    fold_entry *other = weir_heap_more(NULL, (fold->count + 1) * sizeof *other);
    while (runs > 1) {
        size_t made = 0;
        for (size_t i = 0; i < runs; i += 2) {
            if (i + 1 < runs)
                merge_runs(fold, run + i, other);
            else
                memcpy(other + run[i], fold->entry + run[i],
                       (run[i + 1] - run[i]) * sizeof *other);
            run[made++] = run[i];
        }
        run[made] = fold->count;
        runs = made;
        fold_entry *sorted = other;
        other = fold->entry;
        fold->entry = sorted;
    }
    weir_heap_free(other);
    weir_heap_free(run);
}

static void refuse_early(folding *fold, keyed_origin origin, uint32_t column,
                         const char *code, const char *why)
{
    weir_refused refused = {.table = fold->table, .batch = origin.batch, .row = origin.row};
    const weir_str name = fold->self->table[fold->table].schema.field[column].name;
    (void)snprintf(refused.code, sizeof refused.code, "%s", code);
    (void)snprintf(refused.msg, sizeof refused.msg, "column '%.*s' %s", WEIR_STR_FMT(name),
                   why);
    weir_refuse(&fold->self->early, &refused);
}

/* What the target cannot hold, as far as it is known without asking it. */
static bool key_is_good(folding *fold, uint32_t b, uint32_t row)
{
    const keyed_table *table = &fold->self->table[fold->table];
    const weir_batch  *batch = fold->rows->batch[b];
    keyed_origin       origin = {b, row};
    for (uint32_t k = 0; k < table->keys; k++) {
        uint32_t           c = table->key[k];
        const weir_column *column = &batch->column[c];
        const keyed_rule  *rule = &fold->self->rule[fold->table][c];
        if (!weir_column_has(column, row)) {
            refuse_early(fold, origin, c, "NOT_NULL", "is in the key, and NULL");
            return false;
        }
        if (!weir_type_is_text(column->type))
            continue;
        weir_str text = weir_column_text(column, row);
        if (rule->bytes_max > 0 && text.len > rule->bytes_max) {
            refuse_early(fold, origin, c, "KEY_BYTES", "is longer than the table's column");
            return false;
        }
        if (rule->no_blank_end && text.len > 0 && text.at[text.len - 1] == ' ') {
            refuse_early(fold, origin, c, "KEY_BLANK",
                         "ends in a space, which the table's collation does not tell from "
                         "none");
            return false;
        }
    }
    return true;
}

/* The first column with a value that SQL has no word for, or the number of columns. */
static uint32_t not_finite(const weir_batch *batch, uint32_t row)
{
    uint32_t c = 0;
    for (; c < batch->columns; c++) {
        const weir_column *column = &batch->column[c];
        if ((column->type.id == WEIR_T_FLOAT32 || column->type.id == WEIR_T_FLOAT64) &&
            weir_column_has(column, row) && !isfinite(weir_column_get(column, row).f64))
            break;
    }
    return c;
}

static void take_row(folding *fold, uint32_t b, uint32_t row)
{
    const keyed_table *table = &fold->self->table[fold->table];
    const weir_batch  *batch = fold->rows->batch[b];
    bool               remove = batch->op != NULL && weir_row_retracts(batch->op[row]);
    uint32_t           refused = fold->self->early.count;
    if (!key_is_good(fold, b, row)) {
        if (remove) /* such a row never got into the table */
            fold->self->early.count = refused;
        return;
    }
    fold_entry *entry = &fold->entry[fold->count++];
    entry->at = fold->keys.len;
    keyed_key_bytes(&fold->keys, batch, row, table->keys, table->key);
    entry->len = (uint32_t)(fold->keys.len - entry->at);
    entry->prefix = prefix_of(fold->keys.at + entry->at, entry->len);
    entry->batch = b;
    entry->row = row;
    entry->remove = remove;
    entry->bad = !remove && not_finite(batch, row) < batch->columns;
}

static int compare_refused(const keyed_key *a, const keyed_key *b)
{
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    return weir_str_cmp(a->bytes, b->bytes);
}

static bool is_left_out(const folding *fold, const fold_entry *entry)
{
    keyed_key key = {fold->table, {fold->keys.at + entry->at, entry->len}};
    uint32_t  low = 0, high = fold->self->refusals;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int      order = compare_refused(&fold->self->refused[middle], &key);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Leaves the last entry of each key, and tells how many removals are among them. */
static size_t keep_last(folding *fold)
{
    size_t kept = 0, removals = 0;
    for (size_t i = 0; i < fold->count; i++) {
        const fold_entry *entry = &fold->entry[i];
        if (i + 1 < fold->count && compare_keys(entry, entry + 1, fold->keys.at) == 0)
            continue;
        if (fold->self->refusals > 0 && is_left_out(fold, entry))
            continue;
        if (entry->bad) {
            refuse_early(fold, (keyed_origin){entry->batch, entry->row},
                         not_finite(fold->rows->batch[entry->batch], entry->row), "RANGE",
                         "is not a finite number, which SQL tables cannot hold");
            continue;
        }
        removals += entry->remove;
        fold->entry[kept++] = *entry;
    }
    fold->count = kept;
    return removals;
}

static void add_chunk(keyed_epoch *epoch, weir_arena *arena, const keyed_chunk *chunk)
{
    if (epoch->chunks == epoch->room) {
        epoch->room = epoch->room == 0 ? 16 : epoch->room * 2;
        keyed_chunk *more = WEIR_ARRAY(arena, keyed_chunk, epoch->room);
        if (epoch->chunks > 0)
            memcpy(more, epoch->chunk, epoch->chunks * sizeof *more);
        epoch->chunk = more;
    }
    epoch->chunk[epoch->chunks++] = *chunk;
}

/* How many of the entries from `first` on go into one chunk. */
static uint32_t chunk_rows(const folding *fold, const fold_entry *const *from, size_t left)
{
    const keyed_table *table = &fold->self->table[fold->table];
    size_t             bytes = 0;
    for (uint32_t i = 0; i < left && i < KEYED_ROWS; i++) {
        const weir_batch *batch = fold->rows->batch[from[i]->batch];
        for (uint32_t c = 0; c < table->schema.count; c++)
            if (weir_type_is_text(batch->column[c].type))
                bytes += weir_column_text(&batch->column[c], from[i]->row).len;
        if (bytes > KEYED_CHUNK_BYTES)
            return i == 0 ? 1 : i;
    }
    return left < KEYED_ROWS ? (uint32_t)left : KEYED_ROWS;
}

static void build_chunk(folding *fold, const fold_entry *const *from, uint32_t rows,
                        bool remove)
{
    keyed_sink        *self = fold->self;
    const keyed_table *table = &self->table[fold->table];
    uint32_t           columns = remove ? table->keys : table->schema.count;
    weir_column       *column = WEIR_ARRAY(self->epoch, weir_column, columns);
    keyed_origin      *origin = WEIR_ARRAY(self->epoch, keyed_origin, rows);
    for (uint32_t c = 0; c < columns; c++) {
        uint32_t     of = remove ? table->key[c] : c;
        weir_builder builder;
        weir_builder_start(&builder, self->epoch, table->schema.field[of].type, rows);
        for (uint32_t i = 0; i < rows; i++) {
            const weir_column *in = &fold->rows->batch[from[i]->batch]->column[of];
            weir_datum         value = weir_column_get(in, from[i]->row);
            weir_builder_datum(&builder, &value);
        }
        column[c] = weir_builder_end(&builder);
    }
    for (uint32_t i = 0; i < rows; i++)
        origin[i] = (keyed_origin){from[i]->batch, from[i]->row};
    weir_batch *batch = WEIR_NEW(self->epoch, weir_batch);
    *batch =
        (weir_batch){.rows = rows, .selected = rows, .columns = columns, .column = column};
    add_chunk(&self->rows, self->epoch, &(keyed_chunk){fold->table, remove, batch, origin});
}

static void build_chunks(folding *fold, size_t removals, bool remove)
{
    size_t             count = remove ? removals : fold->count - removals;
    const fold_entry **some = weir_heap_new(count + 1, sizeof *some);
    size_t             n = 0;
    for (size_t i = 0; i < fold->count; i++)
        if (fold->entry[i].remove == remove)
            some[n++] = &fold->entry[i];
    weir_assert(n == count);
    for (size_t at = 0; at < count;) {
        uint32_t rows = chunk_rows(fold, some + at, count - at);
        build_chunk(fold, some + at, rows, remove);
        at += rows;
    }
    weir_heap_free(some);
}

static void fold_table(keyed_sink *self, const weir_sink_rows *rows)
{
    folding fold = {.self = self, .rows = rows, .table = rows->table};
    size_t  total = 0;
    for (uint32_t b = 0; b < rows->batches; b++)
        total += rows->batch[b]->selected;
    if (total == 0)
        return;
    fold.entry = weir_heap_new(total, sizeof *fold.entry);
    for (uint32_t b = 0; b < rows->batches; b++)
        for (uint32_t i = 0; i < rows->batch[b]->selected; i++)
            take_row(&fold, b, weir_batch_row(rows->batch[b], i));
    sort_entries(&fold);
    size_t removals = keep_last(&fold);
    build_chunks(&fold, removals, true);
    build_chunks(&fold, removals, false);
    weir_heap_free(fold.entry);
    weir_buf_done(&fold.keys);
}

void keyed_fold(keyed_sink *self, const weir_stage_input *input)
{
    for (uint32_t i = 0; i < input->count; i++) {
        weir_assert(input->rows[i].table < self->tables);
        fold_table(self, &input->rows[i]);
    }
}

void keyed_leave_out(keyed_sink *self, const keyed_chunk *chunk, uint32_t row)
{
    const keyed_table *table = &self->rows.table[chunk->table];
    weir_buf           bytes = {0};
    keyed_key_bytes(&bytes, chunk->rows, row, table->keys,
                    chunk->remove ? NULL : table->key);
    keyed_key key = {chunk->table,
                     weir_str_copy(self->refused_arena, weir_buf_view(&bytes))};
    weir_buf_done(&bytes);

    keyed_key *more =
        weir_heap_grow(self->refused, self->refusals, self->refusals + 1, sizeof *more);
    uint32_t at = self->refusals;
    for (; at > 0 && compare_refused(&more[at - 1], &key) > 0; at--)
        more[at] = more[at - 1];
    more[at] = key;
    self->refused = more;
    self->refusals++;
}
