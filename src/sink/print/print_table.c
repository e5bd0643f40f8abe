/* sink/print_table: aligned columns: numbers to the right, the rest to the left.
 *
 *      window_start           | customer | revenue
 *     ------------------------+----------+---------
 *      2024-01-01 00:00:00+00 | ada      |   12.50
 *
 * Gives      print_table_new, print_table_free, print_table_rows, print_table_again.
 * Always     1. widths only grow, so that epochs that follow line up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "print/print.h"

#include <string.h>

#define PRINT_WIDTH_MAX 60u /* a wider cell does not make its column wider */

struct print_table {
    const weir_schema *schema;
    uint32_t           columns; /* with op */
    bool               with_op, header;
    uint32_t          *width;
    weir_buf           cell;
};

/* Characters as a terminal counts them, wide scripts aside. */
static uint32_t width_of(weir_str text)
{
    uint32_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((uint8_t)text.at[i] & 0xC0) != 0x80;
    return width;
}

print_table *print_table_new(const weir_schema *schema, bool with_op)
{
    print_table *table = weir_heap_new(1, sizeof *table);
    table->schema = schema;
    table->with_op = with_op;
    table->columns = schema->count + (with_op ? 1 : 0);
    table->width = weir_heap_new(table->columns + 1, sizeof *table->width);
    for (uint32_t c = 0; c < schema->count; c++)
        table->width[c] = width_of(schema->field[c].name);
    if (with_op)
        table->width[schema->count] = 2;
    return table;
}

void print_table_free(print_table *table)
{
    if (table == NULL)
        return;
    weir_buf_done(&table->cell);
    weir_heap_free(table->width);
    weir_heap_free(table);
}

void print_table_again(print_table *table)
{
    table->header = false;
}

/* Into table->cell; control characters as blanks, so that a row is one line. */
static weir_str cell_of(print_table *table, const weir_batch *batch, uint32_t row,
                        uint32_t c)
{
    weir_buf_clear(&table->cell);
    if (c == batch->columns)
        return weir_str_of(rows_op_text(batch->op ? batch->op[row] : 0));
    weir_datum value = weir_column_get(&batch->column[c], row);
    if (value.null)
        return WEIR_STR("NULL");
    weir_datum_print(&table->cell, batch->column[c].type, &value);
    for (size_t i = 0; i < table->cell.len; i++)
        if ((uint8_t)table->cell.at[i] < 0x20 || table->cell.at[i] == 0x7F)
            table->cell.at[i] = ' ';
    return weir_buf_view(&table->cell);
}

static bool grow(print_table *table, const weir_batch *batch)
{
    bool grown = false;
    for (uint32_t i = 0; i < batch->selected; i++) {
        uint32_t row = weir_batch_row(batch, i);
        for (uint32_t c = 0; c < table->columns; c++) {
            uint32_t width = width_of(cell_of(table, batch, row, c));
            width = width > PRINT_WIDTH_MAX ? PRINT_WIDTH_MAX : width;
            if (width > table->width[c]) {
                table->width[c] = width;
                grown = true;
            }
        }
    }
    return grown;
}

static void fill(weir_buf *out, char what, uint32_t count)
{
    char *at = weir_buf_more(out, count);
    memset(at, what, count);
    out->len += count;
}

static void put_cell(const print_table *table, weir_buf *out, weir_str text, uint32_t c)
{
    bool last = c + 1 == table->columns;
    bool right =
        c < table->schema->count && weir_type_is_number(table->schema->field[c].type);
    uint32_t width = width_of(text);
    uint32_t blank = width < table->width[c] ? table->width[c] - width : 0;
    weir_buf_text(out, c == 0 ? " " : " | ");
    if (right)
        fill(out, ' ', blank);
    weir_buf_str(out, text);
    if (!right && !last)
        fill(out, ' ', blank);
}

static void put_header(const print_table *table, weir_buf *out)
{
    for (uint32_t c = 0; c < table->columns; c++)
        put_cell(table, out,
                 c < table->schema->count ? table->schema->field[c].name : WEIR_STR("op"),
                 c);
    weir_buf_byte(out, '\n');
    for (uint32_t c = 0; c < table->columns; c++) {
        if (c > 0)
            weir_buf_byte(out, '+');
        fill(out, '-', table->width[c] + 2);
    }
    weir_buf_byte(out, '\n');
}

void print_table_rows(print_table *table, const weir_sink_rows *rows, weir_buf *out)
{
    bool any = false, grown = false;
    for (uint32_t b = 0; b < rows->batches; b++) {
        any = any || rows->batch[b]->selected > 0;
        if (grow(table, rows->batch[b]))
            grown = true;
    }
    if (!any)
        return;
    if (!table->header || grown)
        put_header(table, out);
    table->header = true;
    for (uint32_t b = 0; b < rows->batches; b++) {
        const weir_batch *batch = rows->batch[b];
        for (uint32_t i = 0; i < batch->selected; i++) {
            uint32_t row = weir_batch_row(batch, i);
            for (uint32_t c = 0; c < table->columns; c++)
                put_cell(table, out, cell_of(table, batch, row, c), c);
            weir_buf_byte(out, '\n');
        }
    }
}
