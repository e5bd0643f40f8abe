/* tests/ledger: a database in memory behind the keyed sinks' rules, whose calls go wrong where a
 * test says.
 *
 * There is one. Its connections, one a sink, have transactions; of two that were open at a time
 * the second to commit has lost its lock, and was rolled back. It stops the process when a
 * transaction is begun while one is open, or anything is asked outside of one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_LEDGER_H
#define TESTS_LEDGER_H

#include "sink/keyed/keyed.h"

typedef enum ledger_fault {
    LEDGER_AWAY,    /* the call is not made, and may be made again: the connection is gone */
    LEDGER_HALT,    /* it is not made, and nothing helps */
    LEDGER_LOST,    /* AWAY; of a commit it is not known whether it was made: it was not */
    LEDGER_APPLIED, /* AWAY; a commit was made, and it is not known */
    LEDGER_FAULTS
} ledger_fault;

typedef struct ledger_row {
    const char *key, *text; /* "1|ada", "1|ada|2.50|…" */
} ledger_row;

typedef struct ledger_rows {
    ledger_row *at;
    uint32_t    count, room;
} ledger_rows;

typedef struct ledger_state {
    weir_arena  *arena; /* of texts */
    bool         holds; /* as keyed_driver says */
    bool         begun; /* there is a commit row: */
    keyed_mark   mark;
    ledger_rows  rows;
    uint64_t     version;
    const char  *closed;   /* rows whose text, or of one to remove "-" and key, holds this */
    bool         together; /* only where a statement has several */
    bool         gone;     /* it takes no row at all */
    uint32_t     calls, fail_at; /* this call is the one that goes wrong, from 1; 0: none */
    ledger_fault fault;
    const char  *verb;   /* at the first such call, */
    uint32_t     before; /* once so many were made, */
    void (*act)(void);   /* this happens first */
} ledger_state;
extern ledger_state ledger;

/* Its options are sqlite's. */
extern const weir_sink_kind ledger_kind;

void     ledger_clear(void); /* also at the end */
weir_buf ledger_text(void);  /* rows, sorted, one a line; the caller is done with it */

#endif
