/* codec/avro_rows: rows from columns into Avro's binary form.
 *
 * Gives      weir_avro_writer_new, weir_avro_writer_free, weir_avro_schema, weir_avro_row.
 * Always     1. a row's bytes fit into fixed_bytes and the lengths of its texts: room is
 *               asked for once a row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "avro/avro_writer.h"

#include <string.h>

#define LONG_BYTES 10 /* a 64-bit varint */

static char *put_long(char *at, int64_t value)
{
    uint64_t bits = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    while (bits >= 0x80) {
        *at++ = (char)(bits | 0x80);
        bits >>= 7;
    }
    *at++ = (char)bits;
    return at;
}

static char *put_bytes(char *at, weir_str bytes)
{
    at = put_long(at, (int64_t)bytes.len);
    if (bytes.len > 0)
        memcpy(at, bytes.at, bytes.len);
    return at + bytes.len;
}

/* Two's complement, big-endian, no longer than it must be. */
static char *put_decimal(char *at, weir_i128 value)
{
    int bytes = 1;
    while (bytes < 16 && value >> (bytes * 8 - 1) != (value < 0 ? -1 : 0))
        bytes++;
    at = put_long(at, bytes);
    for (int i = bytes; i-- > 0;)
        *at++ = (char)(uint8_t)(value >> (i * 8));
    return at;
}

static int64_t long_of(const weir_column *column, const avro_field *field, uint32_t row)
{
    int64_t value;
    if (field->width == 8)
        value = ((const int64_t *)column->values)[row];
    else if (field->width == 4)
        value = ((const int32_t *)column->values)[row];
    else
        value = ((const int16_t *)column->values)[row];
    if (field->unit == 1)
        return value;
    int64_t whole = value / field->unit;
    return whole - (value % field->unit < 0);
}

static char *put_value(char *at, const avro_field *field, const weir_column *column,
                       uint32_t row)
{
    switch (field->form) {
    case AVRO_BOOLEAN:
        *at = (char)(((const uint8_t *)column->values)[row] != 0);
        return at + 1;
    case AVRO_LONG:
        return put_long(at, long_of(column, field, row));
    case AVRO_FLOAT:
        memcpy(at, (const float *)column->values + row, sizeof(float));
        return at + sizeof(float);
    case AVRO_DOUBLE:
        memcpy(at, (const double *)column->values + row, sizeof(double));
        return at + sizeof(double);
    case AVRO_DECIMAL:
        return put_decimal(at, ((const weir_i128 *)column->values)[row]);
    case AVRO_BYTES:
        return put_bytes(at, weir_column_text(column, row));
    case AVRO_TEXT:
        break;
    }
    weir_buf   text = {0};
    weir_datum value = weir_column_get(column, row);
    weir_numeric_print(&text, value.i128, value.scale);
    weir_assert(text.len <= 2 * WEIR_NUMERIC_DIGITS + 4);
    at = put_bytes(at, weir_buf_view(&text));
    weir_buf_done(&text);
    return at;
}

void weir_avro_row(const weir_avro_writer *writer, const weir_batch *batch, uint32_t row,
                   weir_buf *out)
{
    static const char ops[4][3] = {"+I", "-U", "+U", "-D"};
    size_t            room = writer->fixed_bytes;
    for (uint32_t t = 0; t < writer->texts; t++)
        room += weir_column_text(&batch->column[writer->text[t]], row).len;
    char *start = weir_buf_more(out, room);
    char *at = start;
    for (uint32_t f = 0; f < writer->fields; f++) {
        const avro_field  *field = &writer->field[f];
        const weir_column *column = &batch->column[field->column];
        bool               has = weir_column_has(column, row);
        if (field->nullable)
            *at++ = has ? 2 : 0; /* the union's branch: 0 null, 1 T */
        else
            weir_assert(has);
        if (has)
            at = put_value(at, field, column, row);
    }
    if (writer->with_op)
        at = put_bytes(at, (weir_str){ops[batch->op ? batch->op[row] & 3 : 0], 2});
    weir_assert((size_t)(at - start) <= room); /* 1 */
    out->len += (size_t)(at - start);
}

static avro_field field_of(const weir_avro_setup *setup, uint32_t column, size_t *bytes)
{
    const weir_field *from = &setup->schema->field[column];
    avro_field        field = {
        .column = column, .type = from->type, .nullable = !from->not_null, .unit = 1};
    *bytes = 1 + LONG_BYTES;
    switch (from->type.id) {
    case WEIR_T_BOOL:
        field.form = AVRO_BOOLEAN;
        break;
    case WEIR_T_FLOAT32:
        field.form = AVRO_FLOAT;
        break;
    case WEIR_T_FLOAT64:
        field.form = AVRO_DOUBLE;
        break;
    case WEIR_T_NUMERIC:
        field.form = from->type.scale == WEIR_SCALE_ANY ? AVRO_TEXT : AVRO_DECIMAL;
        *bytes += 2 * WEIR_NUMERIC_DIGITS + 4;
        break;
    case WEIR_T_TEXT:
    case WEIR_T_BYTEA:
    case WEIR_T_JSONB:
        field.form = AVRO_BYTES;
        break;
    default:
        field.form = AVRO_LONG;
        field.width = (uint8_t)weir_type_width(from->type);
        if (setup->millis &&
            (from->type.id == WEIR_T_TIMESTAMP || from->type.id == WEIR_T_TIMESTAMPTZ))
            field.unit = 1000;
        weir_assert(field.width == 2 || field.width == 4 || field.width == 8);
    }
    return field;
}

weir_code weir_avro_writer_new(const weir_avro_setup *setup, weir_avro_writer **out,
                               weir_err *err)
{
    weir_avro_writer *writer = weir_heap_new(1, sizeof *writer);
    weir_code         rc = avro_schema_write(&writer->schema, setup, err);
    if (rc != WEIR_OK) {
        weir_avro_writer_free(writer);
        return rc;
    }
    uint32_t columns = setup->schema->count;
    writer->columns = columns;
    writer->with_op = setup->with_op;
    writer->fixed_bytes = 3;
    writer->field = weir_heap_new(columns + 1, sizeof *writer->field);
    writer->text = weir_heap_new(columns + 1, sizeof *writer->text);
    for (uint32_t c = 0; c < columns; c++) {
        size_t bytes;
        if (setup->leave_out != NULL && setup->leave_out[c])
            continue;
        avro_field field = field_of(setup, c, &bytes);
        writer->fixed_bytes += bytes;
        if (field.form == AVRO_BYTES)
            writer->text[writer->texts++] = c;
        writer->field[writer->fields++] = field;
    }
    *out = writer;
    return WEIR_OK;
}

void weir_avro_writer_free(weir_avro_writer *writer)
{
    if (writer == NULL)
        return;
    weir_buf_done(&writer->schema);
    weir_heap_free(writer->field);
    weir_heap_free(writer->text);
    weir_heap_free(writer);
}

weir_str weir_avro_schema(const weir_avro_writer *writer)
{
    return weir_buf_view(&writer->schema);
}
