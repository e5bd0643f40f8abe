/* codec/scan: simdjson behind a C door; scan_simdjson.cc is the only file that includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_SIMDJSON_H
#define CODEC_SCAN_SIMDJSON_H

#include "scan/scan.h"

typedef struct scan_simdjson scan_simdjson;

/* One per thread. */
scan_simdjson *scan_simdjson_new(void);
void           scan_simdjson_free(scan_simdjson *simdjson);
/* Fills the slots of the tree below `node`, for an object. All slots must be missing before.
   NULL, or why it is no JSON object; static text. */
const char *scan_simdjson_pick(scan_simdjson *simdjson, weir_str text,
                               const scan_tree *tree, uint32_t node, scan_token *slot);
/* Calls with each object of an array, until that says false. The call may not use
   simdjson: it keeps the view for later. */
typedef bool scan_element_fn(void *user, weir_str element);
const char  *scan_simdjson_each(scan_simdjson *simdjson, weir_str text,
                                scan_element_fn *call, void *user);
bool         scan_simdjson_utf8(weir_str text);

#endif
