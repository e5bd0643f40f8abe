/* sim/world: one history: workers that start, die, sleep and come back, until all input is
 * read and the sinks are compared.
 *
 * First things go wrong while records come. Then the servers are well, and whoever is awake
 * is told to end, or killed. Then a last worker reads to the end and has to succeed, and the
 * sinks have to hold what the model says. At last those who still sleep wake up, some of them
 * when what nobody needs any more was collected, or while the product's collector does it: they
 * may do no more harm, and a start behind them finds all that it needs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sim.h"
#include "weir/limits.h"
#include "weir/retain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAST_SLOT (SIM_SLOTS - 1) /* of the one that reads to the end */
#define LAST_TRIES 12u
#define TURNS_MAX 4000000u
#define TIME_MAX_US (96 * 3600 * SIM_SECOND)
#define START_US INT64_C(1704067200000000)
#define CALM_US (2500000) /* after the last record */
#define DELAYS_MAX 60u    /* of the calm, half a second each */
#define COLLECT_US (24 * 3600 * SIM_SECOND) /* what is older may be collected */
#define HOUR_US (30 * SIM_SECOND)  /* that readers of files wait; limits are small alike */
#define QUIET_US (90 * SIM_SECOND)
#define ZOMBIES_END_US (40 * SIM_SECOND)

typedef struct worker {
    weir_clock        clock; /* first */
    int64_t           wall_step_us;
    int64_t           asleep_us; /* until */
    atomic_int        stop;
    bool              runs;
    int64_t           running_us; /* since then; 0: it starts, or stands by */
    uint32_t          life;
    weir_status       status;
    weir_engine_setup setup;
    weir_err          err;
    weir_code         rc;
} worker;

typedef enum phase { TROUBLE, ENDING, LAST, PROVING, ZOMBIES, AFTER } phase;

extern const weir_sink_kind   weir_sink_s3;
extern const weir_source_kind weir_source_kafka;

sim_world sim;

static worker   workers[SIM_SLOTS];
static phase    now;
static uint32_t last_tries;
static bool     take_over[SIM_SLOTS];
static bool     was_collected; /* by the product's collector */

void sim_fail(const char *format, ...)
{
    va_list list;
    if (sim.result->failed)
        return;
    sim.result->failed = true;
    va_start(list, format);
    (void)vsnprintf(sim.result->why, sizeof sim.result->why, format, list);
    va_end(list);
    if (sim.setup.print)
        printf("%9.3f  FAILED: %s\n", (double)sim_now / 1e6, sim.result->why);
}

static void mix(const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        sim.result->hash = (sim.result->hash ^ at[i]) * UINT64_C(0x100000001B3);
}

void sim_say(const char *what, weir_str thing, int64_t number)
{
    uint32_t slot = sim_slot();
    mix(&sim_now, sizeof sim_now);
    mix(&slot, sizeof slot);
    mix(what, strlen(what));
    mix(thing.at, thing.len);
    mix(&number, sizeof number);
    if (!sim.setup.print)
        return;
    printf("%9.3f  ", (double)sim_now / 1e6);
    if (slot < SIM_SLOTS)
        printf("w%u  ", slot);
    printf("%s %.*s %lld\n", what, WEIR_STR_FMT(thing), (long long)number);
}

static int64_t mono_us(weir_clock *clock)
{
    (void)clock;
    return sim_now + SIM_SECOND; /* 0 means "not yet" in places */
}

static int64_t wall_us(weir_clock *clock)
{
    return START_US + sim_now + ((worker *)clock)->wall_step_us;
}

static void pause_us(weir_clock *clock, int64_t us)
{
    (void)clock;
    sim_sleep(us);
}

static const weir_source_kind *source_kind(weir_str name)
{
    return weir_str_is(name, "kafka") ? &weir_source_kafka : NULL;
}

static const weir_sink_kind *sink_kind(weir_str name)
{
    return weir_str_is(name, "mysql") ? &sim_mysql_kind : &weir_sink_s3;
}

bool sim_asleep(uint32_t slot)
{
    return slot < SIM_SLOTS && workers[slot].asleep_us > sim_now;
}

static void start(void *thing, uint64_t slot);

static void start_later(uint32_t slot, uint64_t most_us)
{
    sim_at(sim_now + (int64_t)sim_below(&sim.luck, most_us), start, NULL, slot);
}

static bool was(sim_what what)
{
    for (uint32_t i = 0; i < sim.faults; i++)
        if (sim.fault[i].met && sim.fault[i].what == what)
            return true;
    return false;
}

/* Others end because another took over, because they slept for too long, or because of what
   only people can mend. */
static bool may_end_so(const worker *one)
{
    switch (one->rc == WEIR_OK ? WEIR_EXIT_DONE : one->err.exit) {
    case WEIR_EXIT_DONE:
    case WEIR_EXIT_FENCED:
    case WEIR_EXIT_JOB:
        return true;
    case WEIR_EXIT_USAGE:
        return was(SIM_REFUSED);
    case WEIR_EXIT_CORRUPT:
        return was(SIM_DAMAGE);
    case WEIR_EXIT_SINK_PATH:
        return was(SIM_STRANGER);
    default:
        return false;
    }
}

static void *run_worker(void *argument)
{
    worker  *one = argument;
    uint32_t slot = (uint32_t)(one - workers);
    one->rc = weir_engine_run(&one->setup, &one->err);
    sim_say(one->rc == WEIR_OK ? "ends" : one->err.msg, WEIR_STR("worker"),
            one->rc == WEIR_OK ? 0 : (int64_t)one->err.exit);
    if (!may_end_so(one))
        sim_fail("worker %u ended with exit %d: %s", slot, (int)one->err.exit, one->err.msg);
    if (one->rc != WEIR_OK && one->err.exit == WEIR_EXIT_FENCED &&
        sim.last_writer == one->life)
        sim_fail("worker %u says that it is fenced, and nobody did it", slot);
    if (sim_heap_live(slot) != 0)
        sim_fail("worker %u left %llu pieces of memory behind", slot,
                 (unsigned long long)sim_heap_live(slot));
    one->runs = false;
    if (now == TROUBLE)
        start_later(slot, 3 * SIM_SECOND);
    return NULL;
}

static void start(void *thing, uint64_t number)
{
    uint32_t slot = (uint32_t)number;
    worker  *one = &workers[slot];
    bool     last = slot == LAST_SLOT;
    (void)thing;
    if (one->runs || (now != TROUBLE && !last))
        return;
    sim_heap_drop(slot);
    *one = (worker){.runs = true, .life = ++sim.result->starts};
    one->clock = (weir_clock){.wall_us = wall_us, .mono_us = mono_us, .boot_us = mono_us,
                              .pause_us = pause_us};
    one->setup = (weir_engine_setup){
        .plan = sim_plan_of(sim.job), .clock = &one->clock, .stop = &one->stop,
        .status = &one->status, .until_end = last, .take_over = last || take_over[slot],
        .source_kind = source_kind, .sink_kind = sink_kind, .store_at = sim_store_at};
    weir_err_clear(&one->err);
    sim_say("starts", WEIR_STR("worker"), (int64_t)slot);
    (void)sim_fiber_start(slot, run_worker, one);
}

uint32_t sim_worker_life(uint32_t slot)
{
    return slot < SIM_SLOTS ? workers[slot].life : 0;
}

uint32_t sim_worker_any(void)
{
    uint32_t able[SIM_SLOTS], count = 0;
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (workers[i].runs && !sim_asleep(i))
            able[count++] = i;
    return count > 0 ? able[sim_below(&sim.luck, count)] : SIM_SLOTS;
}

void sim_worker_crash(uint32_t slot)
{
    worker *one = &workers[slot];
    sim_say("dies", WEIR_STR("worker"), (int64_t)slot);
    sim.result->crashes++;
    one->runs = false;
    one->asleep_us = 0;
    sim_fibers_drop(slot);
    sim_store_drop(slot);
    sim_mysql_drop(slot);
    if (now == TROUBLE)
        start_later(slot, 3 * SIM_SECOND);
    if (sim_in_fiber() && sim_slot() == slot)
        sim_fiber_die();
}

static void wake_up(void *thing, uint64_t slot)
{
    (void)thing;
    sim_say("wakes", WEIR_STR("worker"), (int64_t)slot);
}

/* Somebody sees that it does not answer, and starts another. */
static void replace(void)
{
    for (uint32_t i = 0; i < LAST_SLOT; i++)
        if (!workers[i].runs) {
            start_later(i, SIM_SECOND);
            sim.result->workers = sim.result->workers > 1 ? sim.result->workers : 2;
            return;
        }
}

void sim_worker_pause(uint32_t slot, uint32_t ms)
{
    worker *one = &workers[slot];
    if (now == TROUBLE)
        replace();
    one->asleep_us = ms > 0 ? sim_now + ms * INT64_C(1000) : SIM_FOREVER;
    if (ms > 0)
        sim_at(one->asleep_us, wake_up, NULL, slot);
    if (sim_in_fiber() && sim_slot() == slot)
        sim_yield();
}

void sim_worker_stop(uint32_t slot)
{
    atomic_store(&workers[slot].stop, 1);
}

void sim_worker_clock(uint32_t slot, int64_t by_us)
{
    workers[slot].wall_step_us += by_us;
}

static bool is_zombie(const worker *one)
{
    return one->runs && one->asleep_us == SIM_FOREVER;
}

static void overdue(void *thing, uint64_t number)
{
    (void)thing, (void)number;
    sim.overdue = true;
}

static bool still_away(void)
{
    return sim.store_away_us > sim_now || sim.sql_away_us > sim_now ||
           sim.kafka_away_us > sim_now || sim.store_refuses_us > sim_now;
}

/* In every third history readers take files away, and there is time for it: where the limits are
   small, for real hours would be too many turns. Drawn from no dice: other histories stay what
   they are. */
static bool has_readers(void)
{
    return WEIR_LIMIT(false, true) && sim.setup.seed % 3 == 0;
}

/* Takes what is an hour old, where a worker has run the job for an hour, and is ready. */
static void read_files(void *thing, uint64_t number)
{
    bool may = false;
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        worker *one = &workers[i];
        bool    runs = one->runs && atomic_load(&one->status.phase) == WEIR_PHASE_RUNNING;
        if (!runs)
            one->running_us = 0;
        else if (one->running_us == 0)
            one->running_us = sim_now;
        may |= runs && sim_now - one->running_us > HOUR_US && !sim_asleep(i) &&
               atomic_load(&one->status.ready);
    }
    if (may)
        sim_store_take(sim_now - HOUR_US);
    if (now == TROUBLE)
        sim_at(sim_now + SIM_SECOND, read_files, thing, number);
}

/* From here on all servers are well. */
static void calm_down(void *thing, uint64_t delays)
{
    if (has_readers() && sim_now < sim_last_arrival() + QUIET_US) {
        sim_at(sim_last_arrival() + QUIET_US, calm_down, thing, delays);
        return;
    }
    if ((!sim_plan_enough() || still_away() || sim.strangers + sim.damages > 0) &&
        delays < DELAYS_MAX) {
        sim_at(sim_now + SIM_SECOND / 2, calm_down, thing, delays + 1);
        return;
    }
    sim_say("all is well", WEIR_STR("now"), 0);
    sim.healed = true;
    sim.store_away_us = sim.store_refuses_us = sim.sql_away_us = sim.kafka_away_us = 0;
    now = ENDING;
    for (uint32_t i = 0; i < SIM_SLOTS; i++) {
        worker *one = &workers[i];
        if (!one->runs || is_zombie(one))
            continue;
        one->asleep_us = 0;
        if (sim_chance(&sim.luck, 4))
            sim_worker_crash(i);
        else
            sim_worker_stop(i);
    }
}

static bool any_awake(void)
{
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (workers[i].runs && !is_zombie(&workers[i]))
            return true;
    return false;
}

static void stop_zombies(void *thing, uint64_t number)
{
    (void)thing, (void)number;
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (workers[i].runs)
            sim_worker_stop(i);
}

static void damaged(void *self, weir_str key, const char *what)
{
    (void)self;
    sim_fail("behind the collector: '%.*s': %s", WEIR_STR_FMT(key), what);
}

/* Pins an epoch, lets the collector take what is a day old, and reads all that is kept. */
static weir_code collect(weir_checkpoint *tool, weir_err *err)
{
    weir_arena        *arena = weir_arena_new("collect", 64 << 10);
    weir_collect_setup setup = {.min_age_us = COLLECT_US};
    weir_manifest     *manifest = NULL;
    weir_collected     out;
    weir_verified      verified;
    weir_span          span;
    weir_code          rc = weir_checkpoint_span(tool, &span, err);
    if (rc == WEIR_OK && span.last > 0 && sim_chance(&sim.luck, 2)) {
        uint64_t epoch = span.first + sim_below(&sim.luck, span.last - span.first + 1);
        rc = weir_checkpoint_find(tool, epoch, arena, &manifest, err);
        if (rc == WEIR_OK)
            rc = weir_checkpoint_pin(tool, WEIR_STR("kept"), manifest, err);
    }
    if (rc == WEIR_OK)
        rc = weir_checkpoint_collect(tool, &setup, &out, err);
    if (rc == WEIR_OK)
        sim_say("collector took", weir_str_of(out.stopped ? out.stopped : "all that may go"),
                (int64_t)(out.manifests + out.data));
    if (rc == WEIR_OK)
        rc = weir_checkpoint_verify(tool, damaged, NULL, &verified, err);
    weir_arena_free(arena);
    return rc;
}

static void *run_collector(void *argument)
{
    worker               *one = argument;
    weir_store           *store = NULL;
    weir_checkpoint      *tool = NULL;
    const weir_plan      *plan = sim_plan_of(sim.job);
    weir_checkpoint_setup setup = {.job = plan->settings.job_name, .task = WEIR_STR("t0"),
                                   .clock = &one->clock};
    weir_code rc = sim_store_at(NULL, plan->settings.checkpoint_location, &store,
                                &setup.prefix, &one->err);
    setup.store = store;
    if (rc == WEIR_OK)
        rc = weir_checkpoint_open(&setup, &tool, &one->err);
    if (rc == WEIR_OK)
        rc = collect(tool, &one->err);
    weir_checkpoint_close(tool);
    weir_store_free(store);
    if (rc != WEIR_OK)
        sim_fail("the collector: %s", one->err.msg);
    one->runs = false;
    return NULL;
}

/* In the place of the worker that has read to the end. */
static void start_collector(void)
{
    worker *one = &workers[LAST_SLOT];
    was_collected = true;
    sim_heap_drop(LAST_SLOT);
    *one = (worker){.runs = true, .life = ++sim.result->starts};
    one->clock = (weir_clock){.wall_us = wall_us, .mono_us = mono_us, .boot_us = mono_us,
                              .pause_us = pause_us};
    weir_err_clear(&one->err);
    (void)sim_fiber_start(LAST_SLOT, run_collector, one);
}

static void wake_zombies(void)
{
    sim_say("sleepers wake", WEIR_STR("now"), 0);
    int64_t later_us = (int64_t)sim_below(&sim.luck, 3600 * SIM_SECOND);
    uint64_t kind = sim_below(&sim.luck, 3);
    sim_now += kind == 0 ? later_us / 1000 : later_us;
    if (kind == 2) {
        sim_now += COLLECT_US;
        if (sim_chance(&sim.luck, 2))
            start_collector();
        else
            sim_check_collect();
    }
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        workers[i].asleep_us = 0;
    sim_at(sim_now + ZOMBIES_END_US, stop_zombies, NULL, 0);
}

static bool any_zombie(void)
{
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        if (is_zombie(&workers[i]))
            return true;
    return false;
}

static void start_last(phase next)
{
    now = next;
    sim.proving = next == PROVING;
    if (++last_tries > LAST_TRIES)
        sim_fail("the last worker does not succeed: %s", workers[LAST_SLOT].err.msg);
    else
        start(NULL, LAST_SLOT);
}

/* To the next phase, when those who have to do something in this one have ended. */
static void go_on(void)
{
    if (now == TROUBLE || any_awake())
        return;
    bool good = workers[LAST_SLOT].rc == WEIR_OK;
    bool tries = now == LAST || now == PROVING || now == AFTER;
    if (now == ENDING || (tries && !good)) {
        start_last(now == ENDING ? LAST : now);
        return;
    }
    if (now == ZOMBIES && was_collected) {
        start_last(AFTER);
        return;
    }
    sim_check_end();
    if (now == LAST && any_zombie()) {
        start_last(PROVING);
        return;
    }
    sim.over = now != PROVING;
    if (now == PROVING)
        wake_zombies();
    now = ZOMBIES;
}

static void clear(const sim_setup *setup, sim_result *out)
{
    *out = (sim_result){.hash = UINT64_C(0xCBF29CE484222325)};
    sim = (sim_world){.setup = *setup, .result = out};
    sim_keep_clear();
    sim_fibers_clear();
    sim_store_clear();
    sim_mysql_clear();
    sim_check_clear();
    memset(workers, 0, sizeof workers);
    now = TROUBLE;
    was_collected = false;
    last_tries = 0;
}

void sim_prepare(void)
{
    (void)sim_keep(16);
    for (sim_job_kind job = 0; job < SIM_JOBS; job++)
        (void)sim_plan_of(job);
}

void sim_run(const sim_setup *setup, sim_result *out)
{
    clear(setup, out);
    sim_dice plan = {.state = setup->seed * UINT64_C(0x2545F4914F6CDD1D)};
    sim_dice input = {.state = sim_roll(&plan)};
    sim.order.state = sim_roll(&plan);
    sim.luck.state = sim_roll(&plan);
    sim.job = sim_chance(&plan, 3) ? SIM_JOB_CHANGES : SIM_JOB_ORDERS;
    sim.slots = sim_chance(&plan, 2) ? 1 : 2 + (uint32_t)sim_below(&plan, 2);
    out->workers = sim.slots;
    sim_input_make(&input, sim.job);
    for (uint32_t i = 0; i < SIM_SLOTS; i++)
        take_over[i] = sim_chance(&plan, 2);
    sim_plan_faults(&plan);
    sim_plan_start();
    start(NULL, 0);
    for (uint32_t i = 1; i < sim.slots; i++)
        start_later(i, 2 * SIM_SECOND);
    sim_at(sim_last_arrival() / 2, overdue, NULL, 0);
    sim_at(sim_last_arrival() + CALM_US, calm_down, NULL, 0);
    if (has_readers())
        sim_at(SIM_SECOND, read_files, NULL, 0);
    while (!sim.over && !out->failed) {
        go_on();
        if (!sim.over && !sim_turn())
            sim_fail("everybody waits, and nothing will happen");
        if (++out->turns > TURNS_MAX || sim_now > TIME_MAX_US)
            sim_fail("there is no end");
    }
    out->took_us = sim_now;
}
