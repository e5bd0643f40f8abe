/* base/failpoint: what the grammar and the doing of failpoints share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef BASE_FAILPOINT_H
#define BASE_FAILPOINT_H

#include "weir/failpoint.h"
#include "weir/str.h"

#define FAILPOINT_TERMS_MAX 8u

typedef enum failpoint_action {
    FAILPOINT_OFF,
    FAILPOINT_KILL,
    FAILPOINT_STOP,
    FAILPOINT_EXIT,
    FAILPOINT_TERM,
    FAILPOINT_DELAY,
    FAILPOINT_NOMEM,
    FAILPOINT_YES,
    FAILPOINT_CALL /* something for the next external call */
} failpoint_action;

typedef struct failpoint_term {
    failpoint_action action;
    const char      *name;
    uint64_t         percent;
    uint64_t         count; /* acts until the next term's turn; 0: for ever */
    int64_t          delay_us;
    weir_fault       fault;
} failpoint_term;

/* `name=term->term`; false when it is not understood. */
bool failpoint_read(weir_str item, weir_str *out_name, failpoint_term *term,
                    uint32_t *terms);

#endif
