/* sink/keyed_payload: an epoch of keyed rows as bytes, with the schema it was made for.
 *
 *     payload   version 1, varint tables, each table; then parts (rows/rows.h)
 *     table     target name, varint columns, each: name, type (7 bytes), not_null;
 *               varint keys, each a column number
 *     part      varint chunks, each: varint table, remove, weir_batch_write
 *
 * Gives      keyed_payload_write, keyed_payload_open, keyed_payload_next,
 *            keyed_payload_close.
 * Always     1. what is read is checked before it is used: CORRUPT otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keyed/keyed.h"
#include "rows/rows.h"

#define KEYED_PAYLOAD_VERSION 1

static void write_table(weir_buf *out, const keyed_table *table)
{
    weir_buf_blob(out, table->target);
    weir_buf_varint(out, table->schema.count);
    for (uint32_t c = 0; c < table->schema.count; c++) {
        const weir_field *field = &table->schema.field[c];
        weir_buf_blob(out, field->name);
        weir_buf_byte(out, field->type.id);
        weir_buf_byte(out, field->type.precision);
        weir_buf_byte(out, field->type.scale);
        weir_buf_u32(out, field->type.length);
        weir_buf_byte(out, field->not_null);
    }
    weir_buf_varint(out, table->keys);
    for (uint32_t k = 0; k < table->keys; k++)
        weir_buf_varint(out, table->key[k]);
}

void keyed_payload_write(weir_buf *out, const keyed_epoch *epoch, weir_stage *stage)
{
    weir_buf_byte(out, KEYED_PAYLOAD_VERSION);
    weir_buf_varint(out, epoch->tables);
    for (uint32_t t = 0; t < epoch->tables; t++)
        write_table(out, &epoch->table[t]);

    weir_buf part = {0}, chunks = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < epoch->chunks; i++) {
        const keyed_chunk *chunk = &epoch->chunk[i];
        weir_buf_varint(&chunks, chunk->table);
        weir_buf_byte(&chunks, chunk->remove);
        weir_batch_write(chunk->rows, &chunks);
        count++;
        if (chunks.len < ROWS_PART_BYTES && i + 1 < epoch->chunks)
            continue;
        weir_buf_clear(&part);
        weir_buf_varint(&part, count);
        weir_buf_str(&part, weir_buf_view(&chunks));
        rows_part_write(out, weir_buf_view(&part), stage);
        weir_buf_clear(&chunks);
        count = 0;
    }
    weir_buf_done(&part);
    weir_buf_done(&chunks);
}

static weir_code damaged(weir_err *err)
{
    return weir_halt(err, WEIR_EXIT_CORRUPT, WEIR_E_CORRUPT,
                     "the payload of an SQL sink is damaged");
}

static bool read_table(weir_reader *reader, weir_arena *arena, keyed_table *out)
{
    out->target = weir_str_copy(arena, weir_read_blob(reader));
    uint64_t columns = weir_read_varint(reader);
    if (reader->bad || columns > WEIR_COLUMNS_MAX)
        return false;
    out->schema.count = (uint32_t)columns;
    out->schema.field = WEIR_ARRAY(arena, weir_field, columns);
    for (uint32_t c = 0; c < columns; c++) {
        weir_field *field = &out->schema.field[c];
        field->name = weir_str_copy(arena, weir_read_blob(reader));
        field->type.id = weir_read_byte(reader);
        field->type.precision = weir_read_byte(reader);
        field->type.scale = weir_read_byte(reader);
        field->type.length = weir_read_u32(reader);
        field->not_null = weir_read_byte(reader) != 0;
        if (field->type.id == WEIR_T_UNKNOWN || field->type.id >= WEIR_T_COUNT)
            return false;
    }
    uint64_t keys = weir_read_varint(reader);
    if (reader->bad || keys == 0 || keys > columns)
        return false;
    out->keys = (uint32_t)keys;
    out->key = WEIR_ARRAY(arena, uint32_t, keys);
    for (uint32_t k = 0; k < keys; k++) {
        uint64_t column = weir_read_varint(reader);
        if (column >= columns)
            return false;
        out->key[k] = (uint32_t)column;
    }
    return !reader->bad;
}

weir_code keyed_payload_open(keyed_payload *payload, weir_str bytes,
                             weir_checkpoint *checkpoint, weir_arena *arena, weir_err *err)
{
    *payload = (keyed_payload){.reader = weir_reader_of(bytes), .checkpoint = checkpoint};
    if (weir_read_byte(&payload->reader) != KEYED_PAYLOAD_VERSION)
        return damaged(err);
    uint64_t tables = weir_read_varint(&payload->reader);
    if (payload->reader.bad || tables > WEIR_TABLES_MAX)
        return damaged(err);
    payload->tables = (uint32_t)tables;
    payload->table = WEIR_ARRAY(arena, keyed_table, tables);
    for (uint32_t t = 0; t < tables; t++)
        if (!read_table(&payload->reader, arena, &payload->table[t]))
            return damaged(err);
    return WEIR_OK;
}

static weir_code read_chunk(const keyed_payload *payload, weir_reader *part,
                            weir_arena *arena, keyed_chunk *out, weir_err *err)
{
    uint64_t table = weir_read_varint(part);
    bool     remove = weir_read_byte(part) != 0;
    if (part->bad || table >= payload->tables)
        return damaged(err);
    weir_batch *batch;
    weir_code   rc = weir_batch_read(part, arena, &batch, err);
    if (rc != WEIR_OK)
        return rc;
    const keyed_table *of = &payload->table[table];
    if (batch->rows == 0 || batch->columns != (remove ? of->keys : of->schema.count))
        return damaged(err);
    for (uint32_t c = 0; c < batch->columns; c++) {
        weir_type type = of->schema.field[remove ? of->key[c] : c].type;
        if (batch->column[c].type.id != type.id)
            return damaged(err);
    }
    *out = (keyed_chunk){.table = (uint32_t)table, .remove = remove, .rows = batch};
    return WEIR_OK;
}

weir_code keyed_payload_next(keyed_payload *payload, weir_arena *arena, keyed_chunk **out,
                             uint32_t *out_count, weir_err *err)
{
    *out_count = 0;
    if (weir_reader_left(&payload->reader) == 0)
        return WEIR_OK;
    weir_str  bytes;
    weir_code rc =
        rows_part_read(&payload->reader, payload->checkpoint, &payload->hold, &bytes, err);
    if (rc != WEIR_OK)
        return rc;
    weir_reader part = weir_reader_of(bytes);
    uint64_t    count = weir_read_varint(&part);
    if (part.bad || count == 0 || count > bytes.len)
        return damaged(err);
    keyed_chunk *chunk = WEIR_ARRAY(arena, keyed_chunk, count);
    for (uint64_t i = 0; i < count; i++) {
        rc = read_chunk(payload, &part, arena, &chunk[i], err);
        if (rc != WEIR_OK)
            return rc;
    }
    *out = chunk;
    *out_count = (uint32_t)count;
    return WEIR_OK;
}

void keyed_payload_close(keyed_payload *payload)
{
    weir_buf_done(&payload->hold);
}
