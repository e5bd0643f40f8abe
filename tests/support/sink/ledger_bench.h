/* tests/ledger_bench: epochs of a sink bench in the ledger, as the engine takes them there: what
 * may be tried again is, and a process that halts on the ledger's word dies, and another comes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef TESTS_LEDGER_BENCH_H
#define TESTS_LEDGER_BENCH_H

#include "ledger.h"
#include "sink_bench.h"

#define LEDGER_FIRST "+I|1|ada|1||\n+I|2|bob|2||"
#define LEDGER_LAST "+I|3|cyd|3||\n+I|4|evil|||\n-D|2|bob|2||\n+I|5|eve|5||"

void ledger_begin(sink_bench *bench, bool holds);
void ledger_end(sink_bench *bench);

void ledger_check_rows(const char *want);
void ledger_check_row(const sink_bench *bench, uint64_t epoch); /* the commit row is at it */

/* Is it to be tried again? Stops the test when it was too often. */
bool      ledger_again(weir_code rc, const sink_bench *bench, uint32_t *tries);
weir_code ledger_replay(sink_bench *bench); /* once more */
weir_code ledger_take_over(sink_bench *bench);
/* One epoch; `put`: the process dies behind its commit point. */
weir_code ledger_epoch(sink_bench *bench, const char *text, bool put);
/* The same, by as many processes as it takes. */
void ledger_live(sink_bench *bench, uint64_t number, const char *text, bool dies);
/* LEDGER_FIRST is visible, LEDGER_LAST is in the log, and the ledger is closed to "evil". */
void ledger_strand(sink_bench *bench);

void ledger_arm(uint32_t call, ledger_fault fault); /* counted from the last ledger.calls = 0 */
void ledger_at(const char *verb, uint32_t before, void (*act)(void));
/* Acts: of somebody who had the lock; who made the row another history's; of a later lineage
   that started its own. */
void ledger_touch(void);
void ledger_forge(void);
void ledger_outlive(void);
/* A server that was put back, by as much as the mark tells: rows upsert, so they may stay. */
void ledger_lose(const keyed_mark *mark);

/* A log that says something else than the bench's. */
typedef struct ledger_history {
    weir_history  base;
    bench_history inner;
    uint32_t      reads, fail_at; /* this read fails, from 1 */
    void (*spoil)(weir_committed *out);
} ledger_history;

ledger_history ledger_history_of(sink_bench *bench, void (*spoil)(weir_committed *out));
void           ledger_without_payload(weir_committed *out);
void           ledger_damage_payload(weir_committed *out);

#endif
