/* tests/ledger_bench: see the header.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ledger_bench.h"

#include "check.h"

#define TRIES 20u

void ledger_begin(sink_bench *bench, bool holds)
{
    ledger_clear();
    ledger.holds = holds;
    bench_start(bench, "sqlite", "url=sqlite:none");
    bench->kind = &ledger_kind;
}

void ledger_end(sink_bench *bench)
{
    bench_stop(bench);
    ledger_clear();
}

void ledger_check_rows(const char *want)
{
    weir_buf is = ledger_text();
    CHECK_TEXT(is.at, want);
    weir_buf_done(&is);
}

void ledger_check_row(const sink_bench *bench, uint64_t epoch)
{
    CHECK(ledger.begun);
    CHECK_U64(ledger.mark.epoch, epoch);
    CHECK(weir_sha256_eq(&ledger.mark.sha, &bench->sha[epoch]));
}

weir_code ledger_replay(sink_bench *bench)
{
    bench_history history = bench_history_of(bench, bench->now.checkpoint);
    return bench->kind->replay(bench->now.sink, &history.base, &bench->err);
}

bool ledger_again(weir_code rc, const sink_bench *bench, uint32_t *tries)
{
    if (rc == WEIR_OK || bench->err.fate != WEIR_FATE_RETRY)
        return false;
    CHECK(++*tries < TRIES); /* it gets through at last */
    return true;
}

weir_code ledger_take_over(sink_bench *bench)
{
    for (;;) {
        uint32_t  tries = 0;
        weir_code rc = bench_try_take_over(bench);
        while (ledger_again(rc, bench, &tries))
            rc = ledger_replay(bench);
        if (rc == WEIR_OK || bench->err.exit != WEIR_EXIT_JOB)
            return rc;
        bench_crash(bench);
    }
}

static weir_code execute(sink_bench *bench, const weir_batch *rows)
{
    weir_arena   *arena = weir_arena_new("refusals", 4096);
    weir_refusals refusals = {.arena = arena};
    weir_code     rc = WEIR_OK;
    bool          staged = false;
    do {
        uint32_t tries = 0;
        CHECK_OK(bench_stage(bench, rows, staged), &bench->err);
        staged = true;
        do {
            refusals.count = 0;
            rc = bench_execute(bench, &refusals);
        } while (ledger_again(rc, bench, &tries));
    } while (rc == WEIR_OK && refusals.count > 0);
    weir_arena_free(arena);
    return rc;
}

weir_code ledger_epoch(sink_bench *bench, const char *text, bool put)
{
    uint32_t    tries = 0;
    weir_arena *arena = weir_arena_new("rows", 64 << 10);
    weir_code   rc = execute(bench, bench_rows(bench, arena, text));
    weir_arena_free(arena);
    if (rc == WEIR_OK)
        rc = bench_put(bench);
    if (rc != WEIR_OK || put)
        return rc;
    do
        rc = bench_commit(bench);
    while (ledger_again(rc, bench, &tries));
    if (rc != WEIR_OK)
        return rc;
    CHECK_OK(bench_finalise(bench), &bench->err);
    weir_stage_free(bench->now.stage);
    bench->now.stage = NULL;
    return weir_checkpoint_finalised(bench->now.checkpoint, &bench->err);
}

void ledger_live(sink_bench *bench, uint64_t number, const char *text, bool dies)
{
    while (bench->last < number || ledger.mark.epoch < number) {
        weir_code rc = ledger_epoch(bench, text, dies);
        if (rc == WEIR_OK && !dies)
            continue;
        CHECK(rc == WEIR_OK || bench->err.exit == WEIR_EXIT_JOB);
        bench_crash(bench);
        CHECK_OK(ledger_take_over(bench), &bench->err);
    }
    ledger_check_row(bench, number);
}

void ledger_arm(uint32_t call, ledger_fault fault)
{
    ledger.fail_at = call;
    ledger.fault = fault;
}

void ledger_lose(const keyed_mark *mark)
{
    ledger.mark = *mark;
    ledger.version++;
}

void ledger_strand(sink_bench *bench)
{
    ledger_arm(0, LEDGER_AWAY);
    CHECK_OK(ledger_take_over(bench), &bench->err);
    ledger_live(bench, 1, LEDGER_FIRST, false);
    CHECK_OK(ledger_epoch(bench, LEDGER_LAST, true), &bench->err);
    bench_crash(bench);
    ledger.closed = "evil";
    ledger.calls = 0;
}

void ledger_touch(void)
{
    ledger.version++; /* whoever did that had the lock: ours is gone */
}

void ledger_at(const char *verb, uint32_t before, void (*act)(void))
{
    ledger.verb = verb;
    ledger.before = before;
    ledger.act = act;
}

void ledger_outlive(void)
{
    ledger.mark.prev_sha = ledger.mark.sha;
    ledger.mark.sha = keyed_ended_sha();
    ledger.version++;
}

void ledger_forge(void)
{
    memset(&ledger.mark.sha, 0x77, sizeof ledger.mark.sha);
    ledger.version++;
}

static weir_code read_odd(weir_history *history, uint64_t number, weir_arena *arena,
                          weir_committed *out, weir_err *err)
{
    ledger_history *self = (ledger_history *)history;
    if (++self->reads == self->fail_at)
        return weir_halt(err, WEIR_EXIT_JOB, WEIR_E_IO, "the test's log is away");
    weir_code rc = self->inner.base.read(&self->inner.base, number, arena, out, err);
    if (rc == WEIR_OK && self->spoil != NULL)
        self->spoil(out);
    return rc;
}

ledger_history ledger_history_of(sink_bench *bench, void (*spoil)(weir_committed *out))
{
    ledger_history it = {.inner = bench_history_of(bench, bench->now.checkpoint), .spoil = spoil};
    it.base = it.inner.base;
    it.base.read = read_odd;
    return it;
}

void ledger_without_payload(weir_committed *out)
{
    out->payload = (weir_str){NULL, 0};
    out->joined = false;
}

void ledger_damage_payload(weir_committed *out)
{
    out->payload = WEIR_STR("damaged");
}
