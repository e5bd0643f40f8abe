/* sink/rows_text: rows as CSV (RFC 4180) and as JSON lines.
 *
 * Gives      rows_op_text, rows_csv_header, rows_csv, rows_json.
 * Always     1. NULL is nothing in CSV, and '' is "": the two can be told apart.
 *            2. numbers in JSON have every digit that the value has.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rows/rows.h"

#include <math.h>
#include <string.h>

const char *rows_op_text(uint8_t op)
{
    static const char *const text[] = {"+I", "-U", "+U", "-D"};
    weir_assert(op < 4);
    return text[op];
}

static void csv_cell(weir_buf *out, weir_str text, bool quoted)
{
    if (!quoted)
        for (size_t i = 0; i < text.len && !quoted; i++)
            quoted = strchr(",\"\r\n", text.at[i]) != NULL || text.at[i] == '\0';
    if (!quoted) {
        weir_buf_str(out, text);
        return;
    }
    weir_buf_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '"')
            weir_buf_byte(out, '"');
        weir_buf_byte(out, (uint8_t)text.at[i]);
    }
    weir_buf_byte(out, '"');
}

void rows_csv_header(weir_buf *out, const weir_schema *schema, bool with_op)
{
    for (uint32_t c = 0; c < schema->count; c++) {
        if (c > 0)
            weir_buf_byte(out, ',');
        csv_cell(out, schema->field[c].name, false);
    }
    if (with_op)
        weir_buf_text(out, schema->count > 0 ? ",op" : "op");
    weir_buf_byte(out, '\n');
}

void rows_csv(weir_buf *out, const weir_batch *batch, bool with_op)
{
    weir_buf cell = {0};
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        for (uint32_t c = 0; c < batch->columns; c++) {
            if (c > 0)
                weir_buf_byte(out, ',');
            weir_datum value = weir_column_get(&batch->column[c], row);
            if (value.null)
                continue;
            weir_buf_clear(&cell);
            weir_datum_print(&cell, batch->column[c].type, &value);
            csv_cell(out, weir_buf_view(&cell), cell.len == 0);
        }
        if (with_op)
            weir_buf_format(out, ",%s", rows_op_text(batch->op ? batch->op[row] : 0));
        weir_buf_byte(out, '\n');
    }
    weir_buf_done(&cell);
}

static void json_value(weir_buf *out, weir_type type, const weir_datum *value,
                       weir_buf *cell)
{
    bool plain = weir_type_is_number(type);
    if (plain && (type.id == WEIR_T_FLOAT32 || type.id == WEIR_T_FLOAT64))
        plain = isfinite(value->f64);
    if (type.id == WEIR_T_BOOL) {
        weir_buf_text(out, value->boolean ? "true" : "false");
    } else if (plain) {
        weir_datum_print(out, type, value);
    } else if (type.id == WEIR_T_JSONB) {
        weir_buf_str(out, value->text);
    } else {
        weir_buf_clear(cell);
        weir_datum_print(cell, type, value);
        weir_buf_json_text(out, weir_buf_view(cell));
    }
}

void rows_json(weir_buf *out, const weir_schema *schema, const weir_batch *batch,
               bool with_op)
{
    weir_buf cell = {0};
    weir_assert(schema->count == batch->columns);
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        for (uint32_t c = 0; c < batch->columns; c++) {
            weir_buf_byte(out, c == 0 ? '{' : ',');
            weir_buf_json_text(out, schema->field[c].name);
            weir_buf_byte(out, ':');
            weir_datum value = weir_column_get(&batch->column[c], row);
            if (value.null)
                weir_buf_text(out, "null");
            else
                json_value(out, batch->column[c].type, &value, &cell);
        }
        if (with_op)
            weir_buf_format(out, "%s\"op\":\"%s\"", batch->columns == 0 ? "{" : ",",
                            rows_op_text(batch->op ? batch->op[row] : 0));
        weir_buf_text(out, batch->columns == 0 && !with_op ? "{}\n" : "}\n");
    }
    weir_buf_done(&cell);
}
