/* op/op_last_value: the newest row of each primary key, for tables whose messages do not
 * bring the old row.
 *
 * Columns that the plan does not need are not kept, and come back as NULL. Lanes call at
 * the same time: a slice has a lock.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "op_last_value.h"

#include <string.h>

#include "weir/arena.h"
#include "weir/hash.h"

#define SLAB_FIRST 1024u
#define ROW_BYTES 96u /* that a row takes beside its key and its image, about */

static bool is_key(const weir_table *table, uint32_t column)
{
    for (uint32_t i = 0; i < table->keys; i++)
        if (table->key[i] == column)
            return true;
    return false;
}

static void sign(op_last_value *last)
{
    weir_buf text = {0};
    for (uint32_t i = 0; i < last->columns; i++) {
        const weir_field *field = &last->table->schema.field[last->column[i]];
        weir_buf_format(&text, "%.*s %u %u %d;", WEIR_STR_FMT(field->name), field->type.id,
                        field->type.scale, is_key(last->table, last->column[i]));
    }
    last->signature = weir_hash64(weir_buf_view(&text));
    weir_buf_done(&text);
}

op_last_value *op_last_new(weir_ops *ops, const weir_table *table)
{
    op_last_value *last = WEIR_NEW(ops->arena, op_last_value);
    last->budget = ops->budget;
    last->table = table;
    last->column = WEIR_ARRAY(ops->arena, uint32_t, table->schema.count + 1);
    last->key_type = WEIR_ARRAY(ops->arena, weir_type, table->keys + 1);
    for (uint32_t c = 0; c < table->schema.count; c++)
        if (table->needed == NULL || table->needed[c] || is_key(table, c))
            last->column[last->columns++] = c;
    for (uint32_t k = 0; k < table->keys; k++)
        last->key_type[k] = table->schema.field[table->key[k]].type;
    sign(last);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        last_slice *slice = &last->slice[s];
        pthread_mutex_init(&slice->lock, NULL);
        weir_keyed_init(&slice->rows, ops->budget, sizeof(last_row));
        weir_slab_init(&slice->slab, ops->budget, SLAB_FIRST);
    }
    return last;
}

void op_last_free(op_last_value *last)
{
    if (last == NULL)
        return;
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        last_empty_slice(&last->slice[s]);
        pthread_mutex_destroy(&last->slice[s].lock);
    }
}

weir_str op_last_name(const op_last_value *last)
{
    return last->table->name;
}

uint64_t op_last_signature(const op_last_value *last)
{
    return last->signature;
}

size_t op_last_bytes(const op_last_value *last, uint32_t slice)
{
    return last->slice[slice].stored_bytes;
}

/* One call of the door: images in, rows out. */
typedef struct last_take {
    op_last_value    *last;
    const weir_batch *images;
    op_keys           keys;
    weir_buf          image;   /* reused */
    weir_builder     *builder; /* per column of the table */
    uint8_t          *op;
    uint32_t         *from;
    uint32_t          rows;
} last_take;

static void give_row(last_take *out, weir_row_op op, uint32_t from, weir_str image)
{
    const weir_schema *schema = &out->last->table->schema;
    weir_reader        reader = weir_reader_of(image);
    uint32_t           kept = 0;
    for (uint32_t c = 0; c < schema->count; c++) {
        weir_datum value = {.null = true};
        if (kept < out->last->columns && out->last->column[kept] == c) {
            bool ok = last_read_value(schema->field[c].type, &reader, &value);
            weir_assert(ok); /* written by write_image, or judged when loaded */
            kept++;
        }
        weir_builder_datum(&out->builder[c], &value);
    }
    out->op[out->rows] = (uint8_t)op;
    out->from[out->rows++] = from;
}

/* One image: what it means goes out, and it becomes the row's last value. */
static void take_image(last_take *take, last_slice *slice, uint32_t index)
{
    const weir_batch *images = take->images;
    uint32_t  number = weir_batch_row(images, index);
    uint64_t  hash = take->keys.hash[index];
    weir_str  key = op_keys_get(&take->keys, index);
    last_row *row = (last_row *)(void *)weir_keyed_find(&slice->rows, hash, key);
    bool      is_new = row == NULL;
    weir_str  old = is_new ? (weir_str){NULL, 0} : (weir_str){row->image, row->image_len};
    if (images->op != NULL && images->op[number] == WEIR_ROW_DELETE) {
        if (is_new)
            return;
        give_row(take, WEIR_ROW_DELETE, number, old);
        last_remove_row(slice, row);
        return;
    }
    last_write_image(take->last, images, number, &take->image);
    if (!is_new)
        give_row(take, WEIR_ROW_UPDATE_OLD, number, old);
    give_row(take, is_new ? WEIR_ROW_INSERT : WEIR_ROW_UPDATE_NEW, number,
             weir_buf_view(&take->image));
    if (is_new)
        row = last_add_row(slice, hash, key);
    last_set_image(slice, row, weir_buf_view(&take->image));
    weir_unsaved_add(&slice->unsaved, &row->entry);
}

static void take_images(last_take *take)
{
    for (uint32_t i = 0; i < take->images->selected; i++) {
        last_slice *slice = &take->last->slice[weir_slice_of(take->keys.hash[i])];
        pthread_mutex_lock(&slice->lock);
        take_image(take, slice, i);
        pthread_mutex_unlock(&slice->lock);
    }
    weir_buf_done(&take->image);
}

static void start_rows(last_take *take, uint32_t most, weir_arena *arena)
{
    const weir_schema *schema = &take->last->table->schema;
    take->builder = WEIR_ARRAY(arena, weir_builder, schema->count + 1);
    take->op = WEIR_ARRAY(arena, uint8_t, most + 1);
    take->from = WEIR_ARRAY(arena, uint32_t, most + 1);
    for (uint32_t c = 0; c < schema->count; c++)
        weir_builder_start(&take->builder[c], arena, schema->field[c].type, most);
}

static weir_code take_keys(op_last_value *last, const weir_batch *images, op_keys *keys,
                           weir_arena *arena, weir_err *err)
{
    const weir_table *table = last->table;
    weir_column      *key = WEIR_ARRAY(arena, weir_column, table->keys + 1);
    uint32_t         *row = WEIR_ARRAY(arena, uint32_t, images->selected + 1);
    for (uint32_t k = 0; k < table->keys; k++)
        key[k] = images->column[table->key[k]];
    for (uint32_t i = 0; i < images->selected; i++)
        row[i] = weir_batch_row(images, i);
    keys->count = images->selected;
    if (op_keys_make(key, table->keys, row, keys, arena))
        return WEIR_OK;
    return weir_fail(err, WEIR_E_DECODE, "a primary key of '%.*s' is longer than %u bytes",
                     WEIR_STR_FMT(table->name), OP_KEY_BYTES_MAX);
}

static size_t bytes_needed(const weir_batch *images, const op_keys *keys)
{
    size_t bytes = weir_batch_bytes(images);
    for (uint32_t i = 0; i < keys->count; i++)
        bytes += ROW_BYTES + weir_key_room(keys->len[i]);
    return bytes;
}

static weir_batch *finish_rows(last_take *out, weir_arena *arena)
{
    uint32_t     columns = out->last->table->schema.count;
    weir_batch  *batch = WEIR_NEW(arena, weir_batch);
    weir_column *column = WEIR_ARRAY(arena, weir_column, columns + 1);
    for (uint32_t c = 0; c < columns; c++)
        column[c] = weir_builder_end(&out->builder[c]);
    *batch = (weir_batch){.rows = out->rows, .selected = out->rows, .columns = columns,
                          .column = column, .op = out->op};
    return batch;
}

weir_code weir_ops_last_value(weir_ops *ops, uint32_t table, const weir_batch *images,
                              weir_arena *arena, weir_batch **out_rows, uint32_t **out_from,
                              weir_err *err)
{
    weir_assert(table < ops->plan->tables);
    op_last_value *last = ops->source[table].last;
    weir_assert(last != NULL);
    last_take take = {.last = last, .images = images};
    weir_code rc = take_keys(last, images, &take.keys, arena, err);
    if (rc != WEIR_OK)
        return rc;
    size_t bytes = bytes_needed(images, &take.keys);
    if (!weir_budget_take(last->budget, bytes)) {
        (void)weir_retry(err, WEIR_E_LIMIT, "last values of '%.*s' do not fit into %zu bytes",
                         WEIR_STR_FMT(last->table->name), last->budget->limit);
        return weir_err_hint(err, "raise memory.limit");
    }
    start_rows(&take, images->selected * 2, arena);
    take_images(&take);
    weir_budget_give(last->budget, bytes);
    *out_rows = finish_rows(&take, arena);
    *out_from = take.from;
    return WEIR_OK;
}

/* Up to `most` rows of a slice go; they are found first, because removing one moves others. */
static void take_slice(last_take *take, last_slice *slice, uint32_t most, last_row **found)
{
    uint32_t count = 0;
    pthread_mutex_lock(&slice->lock);
    for (uint32_t i = 0; i < slice->rows.room && count < most; i++) {
        last_row *row = (last_row *)(void *)weir_keyed_at(&slice->rows, i);
        if (row != NULL)
            found[count++] = row;
    }
    for (uint32_t i = 0; i < count; i++) {
        give_row(take, WEIR_ROW_DELETE, i, (weir_str){found[i]->image, found[i]->image_len});
        last_remove_row(slice, found[i]);
    }
    pthread_mutex_unlock(&slice->lock);
}

bool weir_ops_last_truncate(weir_ops *ops, uint32_t table, uint32_t most, weir_arena *arena,
                            weir_batch **out_rows)
{
    weir_assert(table < ops->plan->tables);
    op_last_value *last = ops->source[table].last;
    weir_assert(last != NULL);
    last_take  take = {.last = last};
    last_row **found = WEIR_ARRAY(arena, last_row *, most + 1);
    bool       more = false;
    start_rows(&take, most, arena);
    for (uint32_t s = 0; s < WEIR_SLICES; s++) {
        last_slice *slice = &last->slice[s];
        if (slice->rows.count > 0 && take.rows < most)
            take_slice(&take, slice, most - take.rows, found);
        more |= slice->rows.count > 0;
    }
    *out_rows = finish_rows(&take, arena);
    return more;
}
