/* codec/scan: the shape of a record: its names, and how its brackets nest.
 *
 * Two records of one shape have the same sequence of brackets and names; only the text of
 * values differs. So a value's place follows from the index of a record alone, and all of
 * its names are compared in one pass over the sequence: nothing is searched.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_SHAPE_H
#define CODEC_SCAN_SHAPE_H

#include "scan/scan_index.h"

#define SCAN_NEEDLE 32u /* bytes compared at each position, the last ones before it */

typedef struct scan_shape scan_shape;

/* Learns the shape of a text that was read in full as a valid object: the tokens of `tree`
   below its root. NULL when it cannot be used: equal names in one object, names with
   escapes, a bracket at an odd place. */
scan_shape *scan_shape_learn(const scan_tree *tree, weir_str text, const scan_index *index);
void        scan_shape_free(scan_shape *shape);
/* Does the text have this shape? Then its tokens go into `slot`, all missing before. */
bool scan_shape_read(const scan_shape *shape, weir_str text, const scan_index *index,
                     scan_token *slot);

#endif
