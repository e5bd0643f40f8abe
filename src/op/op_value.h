/* op/op_value: single values as bytes whose order is the values' order.
 *
 * What memcmp says of two encoded values is what SQL says of the values: integers with the
 * sign turned, floats with NaN on top, numerics of any scale by value, text by bytes. The
 * bytes are written to checkpoints; they are the same on every machine.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_VALUE_H
#define OP_VALUE_H

#include "weir/batch.h"

#define OP_VALUE_MOST 18 /* bytes of the widest value that is no text */

/* Bytes of a value of this type; 0: text, as long as it is. */
uint32_t op_value_width(weir_type type);
/* Writes op_value_width bytes; the row has a value. Numerics that are equal and differ in
   scale are the same bytes. */
void op_value_put(const weir_column *column, uint32_t row, char *to);
/* Back from `len` bytes; text views them. False when the bytes are no value of the type.
   A numeric of any scale comes back with the least scale that holds it. */
bool op_value_get(weir_type type, const char *from, size_t len, weir_datum *out);

#endif
