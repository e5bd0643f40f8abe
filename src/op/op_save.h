/* op/op_save: what writing and reading a slice have in common; the form is in op_save.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef OP_SAVE_H
#define OP_SAVE_H

#define OP_SAVE_VERSION 1
#define OP_PART_AGGREGATE 1
#define OP_PART_LAST 2
#define OP_PART_UNKNOWN 3 /* an aggregate, of whose groups some do not know all results */

#endif
