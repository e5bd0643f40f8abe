/* sink/print: the layout of a printed table.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef SINK_PRINT_H
#define SINK_PRINT_H

#include "rows/rows.h"

typedef struct print_table print_table;

print_table *print_table_new(const weir_schema *schema, bool with_op);
void         print_table_free(print_table *table);
/* Appends the rows; the first time, or when a column had to grow, below a header. */
void print_table_rows(print_table *table, const weir_sink_rows *rows, weir_buf *out);
/* Forgets that a header was made. */
void print_table_again(print_table *table);

#endif
