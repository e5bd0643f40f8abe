/* codec/scan: what a shape is made of; for scan_shape and scan_learn only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef CODEC_SCAN_SHAPE_OF_H
#define CODEC_SCAN_SHAPE_OF_H

#include "scan/scan_shape.h"

typedef struct scan_needle { /* right-aligned; zeros in front, which match anything */
    uint8_t bytes[SCAN_NEEDLE];
} scan_needle;

typedef struct scan_place { /* where a wanted value is */
    uint32_t slot;
    uint32_t token; /* the colon before it */
    uint32_t end;   /* position whose needle ends it */
    int32_t  back;  /* bytes from that position back to the value's end */
} scan_place;

typedef struct scan_long_name {
    uint32_t token;
    uint32_t len;
    char    *text; /* its needle */
} scan_long_name;

typedef uint64_t scan_differs_fn(const scan_shape *, weir_str, const scan_index *);

struct scan_shape {
    uint32_t         tokens; /* positions of the index */
    uint32_t         places;
    uint32_t         names; /* longer than a needle */
    scan_needle     *needle;
    scan_place      *place;
    scan_long_name  *name;
    scan_differs_fn *differs;
};

scan_differs_fn *scan_differs_best(void);

#endif
