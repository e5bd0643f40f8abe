/* sink/keyed_look: what the sinks that upsert by key wrote, read back.
 *
 * Gives      keyed_look_cell, keyed_look_changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed_look.h"

weir_code keyed_look_cell(weir_arena *arena, weir_type type, weir_str raw, weir_str *out,
                          weir_err *err)
{
    weir_datum value = {.text = raw};
    weir_code  rc = WEIR_OK;
    if (raw.at == NULL || type.id == WEIR_T_TEXT || type.id == WEIR_T_JSONB) {
        *out = raw.at == NULL ? raw : weir_str_copy(arena, raw);
        return WEIR_OK;
    }
    if (type.id != WEIR_T_BYTEA)
        rc = weir_datum_parse(type, raw, &value, err);
    if (rc != WEIR_OK)
        return weir_err_note(err, "the database has a value that is none of the job's");
    weir_buf text = {0};
    weir_datum_print(&text, type, &value);
    *out = weir_str_copy(arena, weir_buf_view(&text));
    weir_buf_done(&text);
    return WEIR_OK;
}

typedef struct looking {
    const keyed_table  *table; /* the job's */
    weir_arena         *arena; /* of one chunk */
    const weir_look_to *to;
} looking;

static uint32_t column_named(const weir_schema *schema, weir_str name)
{
    for (uint32_t c = 0; c < schema->count; c++)
        if (weir_str_eq(schema->field[c].name, name))
            return c;
    return UINT32_MAX;
}

static weir_code tell_row(const looking *l, const keyed_table *wrote,
                          const keyed_chunk *chunk, uint32_t row, weir_err *err)
{
    weir_str *cell = WEIR_ARRAY(l->arena, weir_str, l->table->schema.count + 1);
    weir_buf  text = {0};
    for (uint32_t c = 0; c < chunk->rows->columns; c++) {
        uint32_t   from = chunk->remove ? wrote->key[c] : c;
        uint32_t   to = column_named(&l->table->schema, wrote->schema.field[from].name);
        weir_datum value = weir_column_get(&chunk->rows->column[c], row);
        if (to == UINT32_MAX || value.null)
            continue;
        weir_buf_clear(&text);
        weir_datum_print(&text, chunk->rows->column[c].type, &value);
        cell[to] = weir_str_copy(l->arena, weir_buf_view(&text));
    }
    weir_buf_done(&text);
    return l->to->row(l->to->self, cell, chunk->remove, err);
}

static weir_code tell_chunks(const looking *l, keyed_payload *payload, weir_err *err)
{
    uint32_t count = 1;
    for (weir_code rc = WEIR_OK; count > 0;) {
        keyed_chunk    *chunk = NULL;
        weir_arena_mark mark = weir_arena_here(l->arena);
        rc = keyed_payload_next(payload, l->arena, &chunk, &count, err);
        for (uint32_t i = 0; rc == WEIR_OK && i < count; i++) {
            const keyed_table *wrote = &payload->table[chunk[i].table];
            if (!weir_str_eq(wrote->target, l->table->target))
                continue;
            for (uint32_t r = 0; rc == WEIR_OK && r < chunk[i].rows->rows; r++)
                rc = tell_row(l, wrote, &chunk[i], r, err);
        }
        weir_arena_rewind(l->arena, mark);
        if (rc != WEIR_OK)
            return rc;
    }
    return WEIR_OK;
}

weir_code keyed_look_changes(weir_sink *sink, uint32_t table, weir_str bytes,
                             weir_checkpoint *checkpoint, const weir_look_to *to,
                             weir_err *err)
{
    keyed_sink   *keyed = (keyed_sink *)sink;
    keyed_payload payload = {0};
    looking       l = {.table = &keyed->table[table], .to = to};
    if (bytes.len == 0)
        return WEIR_OK;
    l.arena = weir_arena_new("look", 256 << 10);
    weir_code rc = keyed_payload_open(&payload, bytes, checkpoint, l.arena, err);
    if (rc == WEIR_OK)
        rc = tell_chunks(&l, &payload, err);
    keyed_payload_close(&payload);
    weir_arena_free(l.arena);
    return rc;
}
